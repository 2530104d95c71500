"""What only the files of several years together show: that they lie on other cells, or have other legends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine
from rasterio import CRS

from soilloss.sources import files
from soilloss.workflow.check.findings import Finding, warning

# share of the cells looked at that a class has in one year while another year has none of it
SUDDEN = 0.05
# cells are the same if they differ by less than this part of a side
SAME = 1e-3


class _Cells(NamedTuple):
    """CRS and position of the cells of a file."""

    crs: CRS | None
    transform: Affine

    def coincide(self, other: _Cells) -> bool:
        """Whether the cells of both are the same, or would be if the files were longer and wider."""
        steps = ~self.transform * other.transform
        here = np.array([steps.a - 1, steps.b, steps.d, steps.e - 1, steps.c % 1, steps.f % 1])
        return self.crs == other.crs and bool((np.abs(here - np.rint(here)) < SAME).all() and abs(steps.a - 1) < SAME)

    def __str__(self) -> str:
        name = self.crs.to_string() if self.crs else "no CRS"
        return f"cells of {abs(self.transform.a):.6g} x {abs(self.transform.e):.6g} ({name})"


def examine_grids(where: str, source: files.RasterSource) -> Iterator[Finding]:
    """Return whether the files of a source lie on different cells; the first that does stands for all."""
    kept: tuple[str, _Cells] | None = None
    for path in dict.fromkeys(path for _, path in source.files):
        with files.open_raster(path) as dataset:
            cells = _Cells(dataset.crs, dataset.transform)
        kept = kept or (Path(path).name, cells)
        if not kept[1].coincide(cells):
            yield warning(
                where,
                f"{Path(path).name} lies on {cells}, {kept[0]} on {kept[1]} at another place or of another size: all "
                "are brought to the target grid, but a change between these years may be one of the grid; take one "
                "product for all years",
            )
            return


def examine_legends(where: str, codes: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    """Return whether a class covers much of one year and nothing of another; `codes` are samples by step."""
    shares = {label: _shares(values) for label, values in codes.items() if values.size}
    for code in sorted({code for found in shares.values() for code in found}):
        by_step = {label: found.get(code, 0.0) for label, found in shares.items()}
        most, least = max(by_step, key=lambda label: by_step[label]), min(by_step, key=lambda label: by_step[label])
        if by_step[most] >= SUDDEN and by_step[least] == 0:
            yield warning(
                where,
                f"code {code} covers {by_step[most]:.0%} of the cells looked at in {most} and none in {least}; did the "
                "legend change? Bring all years to one legend before they are compared",
            )
            return


def _shares(values: np.ndarray) -> dict[int, float]:
    found, counts = np.unique(values, return_counts=True)
    return {int(code): float(count / values.size) for code, count in zip(found, counts, strict=True)}
