"""Elevation: voids, spikes, steps, and heights that are not metres."""

from __future__ import annotations

import numpy as np

from soilloss.units import convert
from soilloss.variables import VARIABLES
from soilloss.workflow.check.findings import Finding, note, warning
from soilloss.workflow.check.remedies import Subject
from soilloss.workflow.check.sample import Sample

STEEP = 1.0
FLAT = 0.001
# a cell that stands this many cell sides (and metres) above the middle of its neighbours is no landform
SPIKE = 2.0
LEAST_SPIKE = 50.0
COARSE = 60.0
EQUAL = 0.5


def examine_heights(subject: Subject, sample: Sample) -> list[Finding]:
    """Return what is to be said about the form of an elevation model whose values are in range."""
    unit = subject.unit or VARIABLES["elevation"].unit
    blocks = [np.asarray(convert("elevation", b[0] * subject.scale + subject.offset, unit)) for b in sample.blocks]
    blocks = [block for block in blocks if min(block.shape) > 2 and np.isfinite(block).any()]
    if not blocks:
        return []
    found = _unit(subject, blocks, sample.cell)
    if found:  # spikes and steps of another unit say nothing
        return [found]
    form = (_voids(subject, blocks), _spikes(subject, blocks, sample.cell), _steps(subject, blocks, sample.cell))
    return [finding for finding in form if finding]


def _unit(subject: Subject, blocks: list[np.ndarray], cell: float) -> Finding | None:
    heights = _joined(blocks)
    rises = _joined([np.abs(np.diff(block, axis=0)) for block in blocks])
    span = float(np.ptp(heights))
    if not rises.size or span == 0:
        return None
    where, low, high = subject.where, float(heights.min()), float(heights.max())
    said = f"{subject.text} ranges from {low:.4g} to {high:.4g} m"
    if high < 0.2 and low > -0.2:
        return warning(
            where,
            f"{said}: expected metres; heights divided by metres per degree need scale: 111120, kilometres unit: km",
        )
    if low >= 0 and high <= 90 and np.median(rises) > 0.15 * span and len(np.unique(heights)) > 10:
        return warning(
            where,
            f"{said} and jumps by {np.median(rises):.3g} from cell to cell, as slopes in degrees do: expected "
            "heights; if it is a slope, give it as sources.slope with unit: degree",
        )
    if high < 9.1 and np.percentile(rises, 95) < FLAT * cell:
        return warning(
            where, f"{said} on cells of {cell:.4g} m: expected metres; if these are kilometres, add unit: km"
        )
    if np.median(rises) > STEEP * cell:
        return warning(
            where,
            f"{said} and rises by {np.median(rises):.3g} m within a cell of {cell:.4g} m: half of the slopes exceed "
            "45 degrees; if the heights are feet, add unit: ft",
        )
    return None


def _voids(subject: Subject, blocks: list[np.ndarray]) -> Finding | None:
    from scipy.ndimage import binary_fill_holes

    holes = 0
    for block in blocks:
        known = np.isfinite(block)
        filled = binary_fill_holes(known)
        holes += 0 if filled is None else int(np.sum(filled & ~known))
    if not holes:
        return None
    share = holes / sum(block.size for block in blocks)
    return warning(
        subject.where,
        f"{subject.text} has voids: {share:.2%} of the cells looked at are missing amid others; water ends there and "
        "slopes are missing around them; fill them: gdal_fillnodata.py in.tif out.tif",
    )


def _spikes(subject: Subject, blocks: list[np.ndarray], cell: float) -> Finding | None:
    from scipy.ndimage import median_filter

    limit = max(LEAST_SPIKE, SPIKE * cell)
    off = _joined([np.abs(block - median_filter(block, 3)) for block in blocks])
    high = off[off > limit]
    if not high.size:
        return None
    return warning(
        subject.where,
        f"{subject.text} has spikes or pits: {high.size} of {off.size} cells looked at stand up to {high.max():.0f} m "
        f"off their neighbours, expected at most {limit:.0f} m; set them to missing and fill them: gdal_fillnodata.py "
        "in.tif out.tif",
    )


def _steps(subject: Subject, blocks: list[np.ndarray], cell: float) -> Finding | None:
    heights = _joined(blocks)
    equal = _joined([np.diff(block, axis=1) == 0 for block in blocks if block.shape[1] > 1])
    flat = f"{np.mean(equal):.0%} of neighbours are equally high"
    if np.ptp(heights) == 0:
        return note(
            subject.where, f"{subject.text} is {heights[0]:g} m everywhere: no slope, no soil loss; check the file"
        )
    if (heights % 1 == 0).all() and cell < COARSE:
        angle = np.degrees(np.arctan(1 / cell))
        return note(
            subject.where,
            f"{subject.text} has whole metres on cells of {cell:.3g} m: slopes come in steps of {angle:.1f} degrees "
            f"and {flat}; a model with decimals or coarser cells gives truer slopes",
        )
    if np.mean(equal) > EQUAL:
        return note(
            subject.where,
            f"{subject.text} has terraces or was filled: {flat}; slope is 0 there; prefer the model as it was measured",
        )
    return None


def _joined(blocks: list[np.ndarray]) -> np.ndarray:
    values = np.concatenate([block.ravel() for block in blocks])
    return values[np.isfinite(values)]
