"""What only several sources together show: texture that does not sum to 1, carbon against matter, R against rain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from soilloss.workflow.check.findings import Finding, warning

TEXTURE = ("sand", "silt", "clay")
SUM_SLACK = 0.05
MUCH = 0.05
# Van Bemmelen's 1.724, and how far soils stray from it
MATTER_TO_CARBON = (1.4, 2.5)
# Rain above this gives an R above that in SI nearly everywhere (Renard and Freimund 1994 give 2 800 at 800 mm)
RAINY = 1000.0
LEAST_R = 800.0


def examine_relations(cells: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    """Return what is to be said about canonical values of the same cells of several variables."""
    yield from _texture(cells)
    yield from _matter(cells)
    yield from _erosivity(cells)


def _texture(cells: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    have = [name for name in TEXTURE if name in cells]
    if len(have) < 2:
        return
    total = sum(cells[name] for name in have)
    total = np.asarray(total)[np.isfinite(total)]
    if not total.size:
        return
    wrong = np.abs(total - 1) > SUM_SLACK if len(have) == 3 else total > 1 + SUM_SLACK
    if np.mean(wrong) > MUCH:
        expected = "1" if len(have) == 3 else "at most 1"
        yield warning(
            "sources.sand" if "sand" in have else f"sources.{have[0]}",
            f"{' + '.join(have)} is {np.median(total[wrong]):.3g} in {np.mean(wrong):.0%} of the cells looked at, "
            f"expected {expected}; check units and layers, or leave silt out to have it computed as the rest",
        )


def _matter(cells: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    if "organic_carbon" not in cells or "organic_matter" not in cells:
        return
    with np.errstate(all="ignore"):
        ratio = float(np.nanmedian(cells["organic_matter"] / cells["organic_carbon"]))
    low, high = MATTER_TO_CARBON
    if not low <= ratio <= high:
        yield warning(
            "sources.organic_matter",
            f"organic_matter is {ratio:.3g} times organic_carbon, expected {low} to {high}; check which is which and "
            "their units, or give one of them only",
        )


def _erosivity(cells: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    rain = cells.get("annual_precipitation")
    if rain is None and "monthly_precipitation" in cells:
        rain = cells["monthly_precipitation"].sum(axis=-1)
    if rain is None or "erosivity" not in cells:
        return
    mm, r = float(np.nanmedian(rain)), float(np.nanmedian(cells["erosivity"]))
    if mm > RAINY and r < LEAST_R:
        yield warning(
            "sources.erosivity",
            f"erosivity is {r:.4g} where {mm:.0f} mm of rain fall, expected more than {LEAST_R:g} MJ mm ha-1 h-1; it "
            f"looks like metric technical units: add unit: 'metric technical' ({r * 9.81:.0f} in SI; us customary "
            f"would be {r * 17.02:.0f})",
        )
