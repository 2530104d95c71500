"""What the gain and loss of each land-cover class did to soil loss, with one mask for all steps of the year."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from soilloss.publish.text import number
from soilloss.workflow.analyses import classes
from soilloss.workflow.analyses.answer import Figure, Sums

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study

EFFECTS = ("gain", "loss", "current")


def gather(place: Place, parts: list[slice]) -> Sums:
    """Return areas and sums of soil loss by effect, place and class between the first and the last period.

    A cell counts if all its steps are known in both periods, so that the steps add up to the year.
    """
    highest = classes.legend_of(place.study.site, "land_cover").highest
    before, after = (classes.of_period(place, "land_cover", part, highest) for part in (parts[0], parts[-1]))
    first, last = (_steps(place, part) for part in (parts[0], parts[-1]))
    known = (before > 0) & (after > 0) & np.isfinite(first).all(0) & np.isfinite(last).all(0)
    moved, change = known & (before != after), last - first
    masks = {"gain": (moved, after, change), "loss": (moved, before, change), "current": (known, after, last)}
    out: Sums = {}
    for effect, (mask, land, what) in masks.items():
        codes = np.where(mask, land, 0)
        out[f"{effect} area"] = place.tally(codes, highest)
        out[f"{effect} sums"] = np.stack([place.tally(codes, highest, step) for step in what])
    return out


def _steps(place: Place, part: slice) -> np.ndarray:
    """Soil loss of each step of the year, the mean of the period, float64 (step, rows, columns)."""
    study = place.study
    each = len(study.steps) // len(study.years)
    steps = place.steps("soil_loss")[part.start * each : part.stop * each].astype(np.float64)
    return steps.reshape(-1, each, *steps.shape[1:]).mean(axis=0)


def table(study: Study, sums: Sums) -> pd.DataFrame:
    """Return a row for each place, class and effect: area, mean of each step, and their sum."""
    legend = classes.legend_of(study.site, "land_cover")
    each = len(study.steps) // len(study.years)
    labels = [] if each == 1 else [step[5:] for step in study.steps[:each]]
    rows = []
    for at, where in enumerate(study.places):
        for code, name in enumerate(legend.names, 1):
            for effect in EFFECTS:
                area = sums[f"{effect} area"][at, code]
                if sums["current area"][at, code] == area == 0 == sums["loss area"][at, code]:
                    continue
                means = sums[f"{effect} sums"][:, at, code] / area if area else np.full(each, np.nan)
                rows.append((where, name, effect, area / 1e4, *(means if each > 1 else ()), means.sum()))
    columns = ["place", "class", "effect", "area [ha]", *(f"{label} [t ha-1]" for label in labels)]
    frame = pd.DataFrame(rows, columns=[*columns, "soil loss [t ha-1 yr-1]"])
    frame.attrs["caption"] = (
        "Mean change of soil loss where a class of land cover was gained or lost, and mean soil loss where it is now."
    )
    return frame


def figure(frame: pd.DataFrame, whole: str, names: tuple[str, str]) -> Figure | None:
    """Return bars of the effect of each gain and loss in the whole area; None where nothing changed."""
    rows = frame[(frame["place"] == whole) & (frame["effect"] != "current") & (frame["area [ha]"] > 0)]
    if rows.empty:
        return None
    return {
        "kind": "effects",
        "name": "land_cover_effect",
        "names": [
            f"{effect} of {kind} ({number(area)} ha)"
            for kind, effect, area in zip(rows["class"], rows["effect"], rows["area [ha]"], strict=True)
        ],
        "values": rows["soil loss [t ha-1 yr-1]"].tolist(),
        "label": "change of soil loss",
        "unit": "t ha-1 yr-1",
        "caption": f"Mean change of soil loss from {names[0]} to {names[1]} where land cover became a class (gain) or "
        "ceased to be it (loss).",
        "alt": "Bars of the effect of land-cover changes",
    }
