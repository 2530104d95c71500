"""Two maps at once: Moran's I of one and its neighbours' other, global and local, and a map of both in nine colours.

Moran's I works on squares of cells, their means, where the grid has more cells than asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from soilloss.analysis.bivariate import QUADRANTS, choropleth, local_morans_i, morans_i, thirds
from soilloss.analysis.change import gain_loss
from soilloss.publish.associations import PAIRS
from soilloss.publish.text import label, number
from soilloss.variables import VARIABLES
from soilloss.workflow.analyses.answer import Answer, Figure, Layer, Question, Sums
from soilloss.workflow.analyses.drivers import MOST, stride
from soilloss.workflow.check.findings import Finding, error

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.project.analysis import Bivariate
    from soilloss.workflow.site import Site

PATH, CLUSTERS = "analyses/bivariate.tif", "analyses/bivariate_clusters.tif"
LEVELS = {"terciles": ("low", "middle", "high"), "change": ("loss", "none", "gain")}
NAMES = ("not significant", *QUADRANTS)
COLOURS = ("#fbf6df", "#b2182b", "#92c5de", "#2166ac", "#f4a582")
CHANGING = ("severity", "land_cover")
_COMPUTING = threading.Lock()


def _check(site: Site, options: Bivariate) -> Iterator[Finding]:
    where = "analysis.bivariate"
    if options.a == options.b:
        yield error(where, f"a and b are both {options.a}; name two maps")
    for name in (options.a, options.b):
        classes = name in CHANGING or VARIABLES[name].is_class
        if options.kind == "change" and name not in CHANGING:
            yield error(where, f"kind: change compares severity and land_cover, not {name}; use kind: terciles")
        elif options.kind == "terciles" and classes:
            yield error(where, f"{name} holds classes, which have no thirds; use kind: change, or name a quantity")
        elif isinstance(site.given.get(name), float):
            yield error(where, f"{name} is {site.given[name]:g} everywhere, so nothing can go along with it")
    if options.kind == "change" and (site.project.period is None or len(site.project.period.years) < 2):
        yield error(where, "kind: change needs a period of two years or more; give period")


def _layers(_site: Site, options: Bivariate) -> list[Layer]:
    low = LEVELS[options.kind]
    names = tuple(f"{_title(options.a)} {one}, {_title(options.b)} {other}" for one in low for other in low)
    both = f"{_title(options.a)} and {_title(options.b)}"
    return [
        Layer(PATH, "bivariate", f"classes of {both}", "", options.kind, names=names, colours=PAIRS),
        Layer(
            CLUSTERS,
            "bivariate_clusters",
            f"local Moran's I of {_title(options.a)} and its neighbours' {_title(options.b)}",
            "",
            f"{options.permutations} conditional permutations, p <= {options.significance:g}",
            "anselin1995",
            names=NAMES,
            colours=COLOURS,
        ),
    ]


def _title(name: str) -> str:
    return name if name == "severity" else label(name)


def side_of(shape: tuple[int, int], most: int) -> int:
    """Return the side of the squares for Moran's I in cells: a power of two, so that squares fill the tiles.

    Examples
    --------
    >>> side_of((1000, 1000), 100_000)
    4
    """
    return min(512, 1 << (stride(shape, most) - 1).bit_length())


def _pair(place: Place, options: Bivariate) -> tuple[np.ndarray, np.ndarray]:
    """The two maps of a tile: means of the period, or gain and loss from the first to the last year."""
    if options.kind == "terciles":
        return place.static(options.a), place.static(options.b)
    first, second = (
        gain_loss(place.years(name)[0], place.years(name)[-1], of="severity" if name == "severity" else "land_cover")
        for name in (options.a, options.b)
    )
    return first, second


def _gather(place: Place, options: Bivariate, _before: list[Sums]) -> Sums:
    shape = place.study.site.shape
    every, side = stride(shape, MOST), side_of(shape, options.cells)
    rows, columns = (slice(-part.start % every, None, every) for part in place.window)
    maps = _pair(place, options)
    at = place.window[0].start // side, place.window[1].start // side
    return {
        "samples": [[cells[rows, columns].ravel() for cells in maps]],
        "squares": [(at, [squares(cells, side) for cells in maps])],
    }


def squares(cells: np.ndarray, side: int) -> np.ndarray:
    """Return the means of squares of `side` cells, of those known; NaN where fewer than half of the cells are.

    Examples
    --------
    >>> squares(np.array([[1.0, 2, 5], [3, 4, 7]]), 2).tolist()
    [[2.5, 6.0]]
    """
    rows, columns = cells.shape
    wide = np.full((-(-rows // side) * side, -(-columns // side) * side), np.nan)
    wide[:rows, :columns] = cells
    parts = wide.reshape(wide.shape[0] // side, side, wide.shape[1] // side, side)
    known = np.isfinite(parts).sum(axis=(1, 3))
    held = np.minimum(side, rows - side * np.arange(parts.shape[0]))[:, None]
    held = held * np.minimum(side, columns - side * np.arange(parts.shape[2]))
    return np.where(2 * known >= held, np.nansum(parts, axis=(1, 3)) / np.maximum(known, 1), np.nan)


def _moran(place_shape: tuple[int, int], options: Bivariate, sums: Sums) -> Sums:
    """Moran's I of the whole grid, computed by the first tile that asks and kept with the sums."""
    with _COMPUTING:
        if "moran" not in sums:
            side = side_of(place_shape, options.cells)
            shape = tuple(-(-n // side) for n in place_shape)
            maps = [np.full(shape, np.nan), np.full(shape, np.nan)]
            for (row, column), parts in sums["squares"]:
                for whole, part in zip(maps, parts, strict=True):
                    whole[row : row + part.shape[0], column : column + part.shape[1]] = part
            how: Any = {"neighbours": options.neighbours, "permutations": options.permutations}
            more: Any = {"significance": options.significance, "false_discovery_rate": options.false_discovery_rate}
            sums["moran"] = morans_i(*maps, **how)
            sums["clusters"] = local_morans_i(*maps, **how, **more)["cluster"]
            sums["edges"] = [thirds(np.concatenate(parts)) for parts in zip(*sums["samples"], strict=True)]
    return sums


def _map(place: Place, options: Bivariate, before: list[Sums]) -> Sums:
    shape = place.study.site.shape
    side, found = side_of(shape, options.cells), _moran(shape, options, before[0])
    first, second = _pair(place, options)
    edges = (found["edges"][0], found["edges"][1])
    both = np.nan_to_num(choropleth(first, second, kind=options.kind, edges=edges) + 1).astype(np.uint8)
    rows, columns = (slice(part.start // side, -(-part.stop // side)) for part in place.window)
    large = np.repeat(np.repeat(found["clusters"][rows, columns], side, axis=0), side, axis=1)
    clusters = np.nan_to_num(large[: place.shape[0], : place.shape[1]] + 1).astype(np.uint8)
    clusters[both == 0] = 0
    place.write(PATH, both)
    place.write(CLUSTERS, clusters)
    return {"classes": place.tally(both, 9), "clusters": place.tally(clusters, len(NAMES))}


def _finish(study: Study, totals: list[Sums], options: Bivariate) -> Answer:
    before, sums = totals
    moran, (pairs, clusters) = before["moran"], _layers(study.site, options)
    a, b = _title(options.a), _title(options.b)
    made = {
        "bivariate": _areas(study, pairs.names, sums["classes"], f"Area by class of {a} and {b}."),
        "bivariate_clusters": _areas(study, NAMES, sums["clusters"], f"Area by cluster of {a} and neighbours' {b}."),
        "bivariate_moran": pd.DataFrame([{"a": options.a, "b": options.b, **moran}]),
    }
    made["bivariate_moran"].attrs["caption"] = (
        f"Bivariate Moran's I of {a} and the mean of its neighbours' {b}; p from {options.permutations} shuffles."
    )
    return Answer([_sentence(study, options, moran, sums["clusters"][0])], made, _figures(options, pairs, clusters))


def _areas(study: Study, names: tuple[str, ...], sums: np.ndarray, caption: str) -> pd.DataFrame:
    hectares = sums[:, 1:] / 1e4
    with np.errstate(all="ignore"):
        shares = 100 * hectares / hectares.sum(1, keepdims=True)
    rows = [
        (place, name, hectares[i, j], shares[i, j])
        for i, place in enumerate(study.places)
        for j, name in enumerate(names)
    ]
    frame = pd.DataFrame(rows, columns=["place", "class", "area [ha]", "share [%]"])
    frame.attrs["caption"] = caption
    return frame


def _sentence(study: Study, options: Bivariate, moran: Sums, areas: np.ndarray) -> str:
    (a, b), whole = _quantities(options), areas[1:].sum()
    if not np.isfinite(moran["i"]):
        return f"Moran's I of {a} and {b} is not defined: one of them is the same everywhere, or has no cells."
    side = side_of(study.site.shape, options.cells)
    on = "" if side == 1 else f", on squares of {side} × {side} cells"
    ways = "goes with" if moran["i"] > 0 else "stands against"
    if moran["p_value"] > options.significance:
        ways = "neither goes with nor stands against"
    shares = 100 * areas[1:] / whole if whole else np.full(len(NAMES), np.nan)
    share = {name: number(one, 2) for name, one in zip(NAMES, shares, strict=True)}
    return (
        f"High {a} {ways} high {b} around it: bivariate Moran's I is {number(moran['i'], 2)} (p "
        f"{number(moran['p_value'], 2)}{on}). Clusters of high among high take {share.get('high-high')} % of the area, "
        f"low among low {share.get('low-low')} %; {a} is high where {b} around it is low on {share.get('high-low')} %."
    )


def _quantities(options: Bivariate) -> list[str]:
    """What is high or low: the two variables, or their gain (loss, none and gain count as -1, 0 and 1)."""
    gain = "gain of " if options.kind == "change" else ""
    return [gain + _title(name) for name in (options.a, options.b)]


def _figures(options: Bivariate, pairs: Layer, clusters: Layer) -> list[Figure]:
    a, b = _title(options.a), _title(options.b)
    levels = list(LEVELS[options.kind])
    high, around = _quantities(options)
    how = "thirds of each" if options.kind == "terciles" else "gain and loss from the first to the last year"
    return [
        {
            "kind": "pairs",
            "name": "bivariate",
            "raster": PATH,
            "first": levels,
            "second": levels,
            "titles": [a, b],
            "caption": f"{a} and {b} in one map ({how}).",
            "alt": f"Bivariate map of {a} and {b}",
        },
        {
            "kind": "classes",
            "name": "bivariate_clusters",
            "raster": clusters.path,
            "names": list(clusters.names),
            "colours": list(clusters.colours),
            "caption": f"Where {high} and the {around} around it are both high, both low, or differ (p ≤ "
            f"{options.significance:g}); the first word is of {high}.",
            "alt": f"Map of clusters of {a} and {b}",
        },
    ]


QUESTION = Question(
    "Two maps at once", lambda options: [options.a, options.b], _check, _layers, (_gather, _map), _finish
)
