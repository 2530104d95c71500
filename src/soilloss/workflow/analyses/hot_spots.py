"""Hot spots: the tenth of the land with the highest soil loss and what happened inside it; where high values gather.

The threshold is exact: the upper half of a float's bits is counted first, then the lower half within one bin. The Gi*
statistic is that of squares of cells, and of the zones; zones are neighbours if they touch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from soilloss.analysis import hot_spots
from soilloss.publish.text import number
from soilloss.workflow.analyses import classes, strata
from soilloss.workflow.analyses.answer import Answer, Figure, Layer, Question, Sums
from soilloss.workflow.check.findings import Finding, error

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.project.analysis import HotSpots
    from soilloss.workflow.site import Site

CODES = 1 << 16
MOST_SQUARES = 40_000
# a square, or a zone, that is known by less than this share says little
KNOWN = 0.5
PARTS = ("the rest", "hot spot")
PART_COLOURS = ("#e9e4d4", "#a8321a")
CLUSTERS = ("low among low", "no pattern", "high among high")
CLUSTER_COLOURS = ("#2b6a99", "#e9e4d4", "#a8321a")
PATH, CLUSTER_PATH = "analyses/hot_spots.tif", "analyses/hot_spot_clusters.tif"


def _needs(options: HotSpots) -> list[str]:
    return ["soil_loss", "land_cover?", *(name for kind in options.by for name in strata.NEEDS[kind])]


def _check(site: Site, options: HotSpots) -> Iterator[Finding]:
    side = options.square
    if side and side & (side - 1):
        yield error(
            "analysis.hot_spots.square",
            f"{side} cells are not a power of two, so that squares would not fill the tiles; take 1, 2, 4 ... 512",
        )
    squares = -(-site.shape[0] // _side(site, options)) * -(-site.shape[1] // _side(site, options))
    if squares < 9:
        yield error(
            "analysis.hot_spots.square",
            f"makes {squares} squares of a grid of {site.shape[0]} x {site.shape[1]} cells, expected 9 or more; take "
            "smaller ones",
        )


def _side(site: Site, options: HotSpots) -> int:
    """Cells along a square: as asked, or so many that there are not too many squares."""
    side = 1
    while -(-site.shape[0] // side) * -(-site.shape[1] // side) > MOST_SQUARES and side < 512:
        side *= 2
    return options.square or side


def _layers(_site: Site, options: HotSpots) -> list[Layer]:
    share = f"the {100 * options.fraction:g} % of the land with the highest mean soil loss"
    cite = "getis1992, ord1995"
    return [
        Layer(PATH, "hot_spots", share, names=PARTS, colours=PART_COLOURS),
        Layer(CLUSTER_PATH, "clusters", "Gi* of soil loss", "", "Gi*", cite, names=CLUSTERS, colours=CLUSTER_COLOURS),
    ]


def _coarse(place: Place, options: HotSpots, _before: list[Sums]) -> Sums:
    """Area by the upper bits of soil loss, and sums of squares."""
    loss, weight = _known(place)
    return {
        "area": np.bincount(hot_spots.coarse_code(loss), weight, CODES),
        **_squares(place, _side(place.study.site, options)),
        **({"heights": strata.heights(place)} if "elevation" in options.by else {}),
    }


def _known(place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Mean soil loss of the cells that have it, and their area; -0 counts as 0."""
    loss = place.static("soil_loss") + np.float32(0)
    known = np.isfinite(loss)
    return loss[known], np.broadcast_to(place.area[:, None], place.shape)[known]


def _squares(place: Place, side: int) -> Sums:
    """Area and soil loss of each square of the whole grid; those of other tiles are 0."""
    loss, shape = place.static("soil_loss"), place.study.site.shape
    known = np.isfinite(loss)
    weight = np.broadcast_to(place.area[:, None], place.shape)
    count = (-(-shape[0] // side), -(-shape[1] // side))
    row = (place.window[0].start + np.arange(place.shape[0])) // side
    column = (place.window[1].start + np.arange(place.shape[1])) // side
    at = (row[:, None] * count[1] + column)[known]
    whole = count[0] * count[1]
    own, sums = weight[known], (weight * np.nan_to_num(loss, nan=0.0))[known]
    every = np.bincount((row[:, None] * count[1] + column).ravel(), weight.ravel(), whole)
    return {
        "square known": np.bincount(at, own, whole).reshape(count),
        "square sums": np.bincount(at, sums, whole).reshape(count),
        "square area": every.reshape(count),
    }


def _fine(place: Place, options: HotSpots, before: list[Sums]) -> Sums:
    """Area and number of the cells of the bin in which the threshold lies, by their lower bits."""
    areas = before[0]["area"]
    at, _ = hot_spots.crossing(areas, options.fraction * areas.sum())
    loss, weight = _known(place)
    near = hot_spots.coarse_code(loss) == at
    codes = hot_spots.fine_code(loss[near])
    return {"area": np.bincount(codes, weight[near], CODES), "cells": np.bincount(codes, minlength=CODES)}


def _inside(place: Place, options: HotSpots, before: list[Sums]) -> Sums:
    """What lies in the hot spot and in the rest: area and soil loss by place and year, land cover before and after."""
    loss, years = place.static("soil_loss"), place.years("soil_loss")
    part = np.where(np.isfinite(loss), 1 + (loss >= _threshold(options, before)), 0).astype(np.uint8)
    place.write(PATH, part)
    place.write(CLUSTER_PATH, _clusters_of(place, options, before))
    complete = np.where(np.isfinite(years).all(0), part, 0)
    out: Sums = {
        "area": place.tally(part, 2),
        "sums": place.tally(part, 2, loss),
        "year area": place.tally(complete, 2, by_zone=False)[0],
        "year sums": np.stack([place.tally(complete, 2, year, by_zone=False)[0] for year in years]),
    }
    for kind in options.by:
        found = strata.strata_of(kind, [], before[0].get("heights"))
        codes = found.codes(place).astype(np.int64)
        joint = np.where((codes > 0) & (part > 0), 2 * (codes - 1) + part, 0)
        out[kind] = place.tally(joint, 2 * len(found.names), by_zone=False)[0, 1:].reshape(-1, 2)
    if "land_cover" in place.study.asked:
        out["flows"] = _flows(place, part)
    return out


def _flows(place: Place, part: np.ndarray) -> np.ndarray:
    """Area that went from class to class between the first and the last year, (part, from, to)."""
    highest = classes.legend_of(place.study.site, "land_cover").highest
    first, last = (classes.codes_of(place.years("land_cover")[at], highest).astype(np.int64) for at in (0, -1))
    known = (first > 0) & (last > 0) & (part > 0)
    codes = np.where(known, ((part.astype(np.int64) - 1) * highest + first - 1) * highest + last, 0)
    return place.tally(codes, 2 * highest**2, by_zone=False)[0, 1:].reshape(2, highest, highest)


def _threshold(options: HotSpots, before: list[Sums]) -> float:
    coarse, fine = before[0], before[1]
    return hot_spots.threshold(coarse["area"], fine["area"], fine["cells"], options.fraction)


def _gathered(options: HotSpots, before: list[Sums]) -> np.ndarray:
    """Cluster of each square; made once, by the first tile that asks, and kept beside the sums."""
    if "clusters" not in before[1]:
        sums = before[0]
        enough = sums["square known"] >= KNOWN * sums["square area"]
        with np.errstate(all="ignore"):
            means = np.where(enough, sums["square sums"] / sums["square known"], np.nan)
        before[1]["clusters"] = _judged(means, options)
    return before[1]["clusters"]


def _judged(values: np.ndarray, options: HotSpots, weights: Any = None) -> Any:
    if np.isfinite(values).sum() < hot_spots.LEAST:
        return np.full(values.shape, np.nan)
    found = hot_spots.getis_ord(
        values, weights=weights, significance=options.significance, false_discovery_rate=options.false_discovery_rate
    )
    return found["cluster"] if weights is None else found


def _clusters_of(place: Place, options: HotSpots, before: list[Sums]) -> np.ndarray:
    side = _side(place.study.site, options)
    row, column = (np.arange(s.start, s.stop) // side for s in place.window)
    found = _gathered(options, before)[row[:, None], column]
    known = np.isfinite(place.static("soil_loss")) & np.isfinite(found)
    return np.where(known, np.nan_to_num(found) + 2, 0).astype(np.uint8)


def _finish(study: Study, totals: list[Sums], options: HotSpots) -> Answer:
    sums, least = totals[2], _threshold(options, totals)
    made = {"hot_spot_years": _years(study, sums)}
    for kind in options.by:
        made[f"hot_spot_{kind}"] = _by(strata.strata_of(kind, [], totals[0].get("heights")), sums[kind])
    if "flows" in sums:
        made |= _land(study, sums["flows"])
    if study.zones is not None:
        made["hot_spot_zones"] = _zones(study, _touching(study.zones.geometry), sums, options)
    words = _sentences(study, sums, options, least, _gathered(options, totals))
    return Answer(words, made, _figures(study, options, made))


def _sentences(study: Study, sums: Sums, options: HotSpots, least: float, clusters: np.ndarray) -> list[str]:
    (rest, hot), (other, lost) = sums["area"][0, 1:], sums["sums"][0, 1:]
    if not rest + hot:
        return ["No cell has a mean soil loss."]
    side = _side(study.site, options)
    known = max(int(np.isfinite(clusters).sum()), 1)
    share = 100 * lost / (lost + other) if lost + other else 0.0
    # cells that tie with the last belong to it
    marked = 100 * hot / (rest + hot)
    ties = (
        f" ({number(marked)} %, because so many cells have the same value)" if marked > 110 * options.fraction else ""
    )
    return [
        f"The {100 * options.fraction:g} % of the land with the highest mean soil loss, {number(hot / 1e4)} ha{ties} "
        f"from {number(least)} t ha⁻¹ yr⁻¹ upwards, gives {number(share)} % of all soil that is lost."
        if hot
        else f"{100 * options.fraction:g} % of the land is less than one cell, so that there is no hot spot.",
        f"High soil loss gathers in {number(100 * float((clusters > 0).sum()) / known)} % and low soil loss in "
        f"{number(100 * float((clusters < 0).sum()) / known)} % of the squares of {side} x {side} cells (Gi*, "
        f"p < {options.significance:g}"
        + (", as a false discovery rate)." if options.false_discovery_rate else ", each square tested by itself)."),
    ]


def _years(study: Study, sums: Sums) -> pd.DataFrame:
    with np.errstate(all="ignore"):
        means = sums["year sums"][:, 1:] / sums["year area"][1:]
        share = 100 * sums["year sums"][:, 2] / sums["year sums"][:, 1:].sum(1)
    frame = pd.DataFrame(
        {
            "year": study.years,
            "hot spot [t ha-1 yr-1]": means[:, 1],
            "the rest [t ha-1 yr-1]": means[:, 0],
            "share of soil loss [%]": share,
        }
    )
    frame.attrs["caption"] = "Mean soil loss in the hot spot and in the rest, over cells known in all years."
    return frame


def _by(found: strata.Strata, area: np.ndarray) -> pd.DataFrame:
    """How the hot spot lies on elevation, slope or aspect; `area` is that of (strata, parts)."""
    with np.errstate(all="ignore"):
        of_stratum, of_hot = 100 * area[:, 1] / area.sum(1), 100 * area[:, 1] / area[:, 1].sum()
    columns = {
        "hot spot [ha]": area[:, 1] / 1e4,
        "hot spot [% of stratum]": of_stratum,
        "share of hot spot [%]": of_hot,
    }
    frame = pd.DataFrame({found.kind: found.names, "area [ha]": area.sum(1) / 1e4, **columns})
    frame.attrs["caption"] = f"Where the hot spot lies, by {found.kind}."
    return frame.drop(index=np.flatnonzero(area.sum(1) == 0)).reset_index(drop=True)


def _land(study: Study, flows: np.ndarray) -> dict[str, pd.DataFrame]:
    """Land cover of both parts in the first and the last year, and what became what in the hot spot."""
    names = classes.legend_of(study.site, "land_cover").names
    first, last = study.years[0], study.years[-1]
    with np.errstate(all="ignore"):
        shares = [100 * flows[part].sum(axis) / flows[part].sum() for part in (1, 0) for axis in (1, 0)]
    titles = [f"{part} {year} [%]" for part in PARTS[::-1] for year in (first, last)]
    used = np.flatnonzero(flows.sum((0, 1)) + flows.sum((0, 2))).tolist()
    columns = {title: share[used] for title, share in zip(titles, shares, strict=True)}
    cover = pd.DataFrame({"class": [names[at] for at in used], **columns})
    cover.attrs["caption"] = f"Land cover of the hot spot and of the rest in {first} and {last}."
    rows = [(names[i], names[j], flows[1, i, j] / 1e4) for i in used for j in used if i != j and flows[1, i, j] > 0]
    moved = pd.DataFrame(rows, columns=["from", "to", "area [ha]"]).sort_values("area [ha]", ascending=False)
    moved.attrs["caption"] = f"Land in the hot spot that changed its cover from {first} to {last}."
    return {"hot_spot_land_cover": cover, "hot_spot_transitions": moved.reset_index(drop=True)}


def _zones(study: Study, touching: Any, sums: Sums, options: HotSpots) -> pd.DataFrame:
    area, lost = sums["area"][1:, 1:], sums["sums"][1:, 1:]
    with np.errstate(all="ignore"):
        mean = lost.sum(1) / area.sum(1)
        share = 100 * area[:, 1] / area.sum(1)
    found = _judged(mean, options, touching)
    none = {"z": found, "p_value": found, "cluster": found} if isinstance(found, np.ndarray) else found
    frame = pd.DataFrame(
        {
            "zone": study.places[1:],
            "area [ha]": area.sum(1) / 1e4,
            "mean soil loss [t ha-1 yr-1]": mean,
            "total soil loss [t yr-1]": lost.sum(1) / 1e4,
            "hot spot [ha]": area[:, 1] / 1e4,
            "hot spot [% of zone]": share,
            "Gi* z": none["z"],
            "p value": none["p_value"],
            "gathers": [{1: "high", -1: "low", 0: "no"}.get(one, "") for one in none["cluster"].tolist()],
        }
    ).sort_values("mean soil loss [t ha-1 yr-1]", ascending=False, kind="stable", na_position="last")
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    frame.attrs["caption"] = (
        "Zones ranked by mean soil loss; high gathers where the zone and those that touch it are high."
    )
    return frame.reset_index(drop=True)


def _touching(geometries: Any) -> Any:
    """Which zones touch, as a sparse matrix."""
    import shapely
    from scipy.sparse import lil_matrix

    shapes = np.asarray(geometries)
    out = lil_matrix((len(shapes), len(shapes)))
    for one, other in shapely.STRtree(shapes).query(shapes, predicate="intersects").T:
        out[one, other] = 1
    return out


def _figures(study: Study, options: HotSpots, made: dict[str, pd.DataFrame]) -> list[Figure]:
    side = _side(study.site, options)
    figures: list[Figure] = [
        {
            "kind": "classes",
            "name": "hot_spots",
            "raster": PATH,
            "names": list(PARTS),
            "colours": list(PART_COLOURS),
            "caption": f"The {100 * options.fraction:g} % of the land with the highest mean soil loss.",
            "alt": "Map of the hot spot",
        },
        {
            "kind": "classes",
            "name": "hot_spot_clusters",
            "raster": CLUSTER_PATH,
            "names": list(CLUSTERS),
            "colours": list(CLUSTER_COLOURS),
            "caption": f"Where high and low soil loss gather: Gi* of squares of {side} x {side} cells, each with the "
            "eight around it.",
            "alt": "Map of clusters of high and low soil loss",
        },
    ]
    if len(study.years) > 1:
        table = made["hot_spot_years"]
        names = [name for name in table if "t ha-1" in str(name)]
        figures.append(
            {
                "kind": "grouped",
                "name": "hot_spot_years",
                "names": list(study.years),
                "series": [[str(name).split(" [")[0], table[name].tolist()] for name in names],
                "label": "mean soil loss",
                "unit": "t ha-1 yr-1",
                "caption": "Mean soil loss in the hot spot and in the rest in each year.",
                "alt": "Bars of soil loss in the hot spot and in the rest",
            }
        )
    return figures


QUESTION = Question("Hot spots", _needs, _check, _layers, (_coarse, _fine, _inside), _finish)
