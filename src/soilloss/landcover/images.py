"""Series of images for land cover: where they are, blocks of them, and what is wrong with them, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from soilloss.errors import DataError
from soilloss.grid.blocks import Window
from soilloss.sources import files

BANDS = ("blue", "green", "red", "nir", "swir1")
BLUE, GREEN, RED, NIR = 0, 1, 2, 3
PLANTS, GROUND = (1, 3, 4), (6,)
_PROBE, _PROBES = 64, 4  # cells a side, and windows along each side, that are looked at before work begins
_DIGITAL_NUMBERS = 1.5
_OFFSET_TWICE = -0.05


def image_series(
    pattern: str,
    steps: Sequence[str],
    *,
    folder: str | Path = ".",
    bands: Sequence[int] = (1, 2, 3, 4, 5),
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
) -> files.RasterSource:
    """Return the images of a series: files with blue, green, red, near and short-wave infrared reflectance.

    Parameters
    ----------
    pattern : str
        Path from `folder` that may hold ``{year}``, ``{quarter}`` and ``{month}``.
    steps : sequence of str
        Labels such as ``2021-Q3``.
    bands : sequence of int
        Numbers of the five bands in the files, from 1, in the order above.
    scale, offset, nodata : float, optional
        Reflectance is ``scale * number + offset``; default what the files state.

    Raises
    ------
    DataError
        If there are not five bands, or a file has fewer.
    SourceError
        If a file is missing.
    """
    if len(bands) != len(BANDS):
        raise DataError(f"images have {len(bands)} bands listed, expected {len(BANDS)}: {', '.join(BANDS)}")
    source = files.raster_source(
        "red", pattern, steps, folder=folder, band=max(bands), scale=scale, offset=offset, nodata=nodata, unit="1"
    )
    return source._replace(bands=tuple(bands))


def of_step(images: files.RasterSource, step: str) -> files.RasterSource:
    """Return the series that has only the image of `step`."""
    return images._replace(files=((step, files.path_of(images, step)),))


def grid_of_step(images: files.RasterSource, step: str) -> GeoBox:
    """Return the grid of the image of `step`: cells may be coarser in the years of an older sensor."""
    return files.native_grid(of_step(images, step))


def read_image(images: files.RasterSource, grid: GeoBox, step: str, window: Window) -> np.ndarray:
    """Return reflectance ``(band, rows, columns)``, float32, NaN where missing or outside the image.

    A cell that lacks one band is missing in all: a spectrum with holes has no class.
    """
    rows, columns = window
    inside = (_inside(rows, grid.shape[0]), _inside(columns, grid.shape[1]))
    out = np.full((len(images.bands), rows.stop - rows.start, columns.stop - columns.start), np.nan, np.float32)
    if any(cut.stop <= cut.start for cut in inside):
        return out
    values = np.moveaxis(files.read_block(images, grid, step, inside), 2, 0)
    values[:, np.isnan(values).any(axis=0)] = np.nan
    y, x = (slice(i.start - w.start, i.stop - w.start) for i, w in zip(inside, window, strict=True))
    out[:, y, x] = values
    return out


def examine_image(images: files.RasterSource, step: str) -> str:
    """Look at samples of an image; return a sentence about an image without any data, or nothing.

    Raises
    ------
    DataError
        If a band is empty where others are not, or the values cannot be reflectance.
    """
    grid = grid_of_step(images, step)
    places = [np.unique(np.linspace(0, max(n - _PROBE, 0), _PROBES).astype(int)) for n in grid.shape]
    windows = [
        (slice(top, min(top + _PROBE, grid.shape[0])), slice(left, min(left + _PROBE, grid.shape[1])))
        for top in places[0]
        for left in places[1]
    ]
    parts = [np.moveaxis(files.read_block(images, grid, step, w), 2, 0).reshape(len(images.bands), -1) for w in windows]
    sample = np.concatenate(parts, axis=1)
    known = np.isfinite(sample).any(axis=1)
    if not known.any():
        return f"the image of {step} has no data where it was looked at (all cloud?); it counts as missing evidence"
    check_bands(step, sample, known)
    return ""


def check_bands(step: str, sample: np.ndarray, known: Any) -> None:
    """Refuse a sample ``(band, cells)`` with an empty band, or with values that are no reflectance."""
    for band in np.flatnonzero(np.logical_not(known)):
        raise DataError(
            f"images of {step}: band {BANDS[band]} has no data, though others have; give its number under "
            "landcover.images.bands, or the value that means missing under nodata"
        )
    middle = np.nanmedian(sample, axis=1)
    band = int(middle.argmax())
    if middle[band] > _DIGITAL_NUMBERS:
        raise DataError(
            f"images of {step}: the median of {BANDS[band]} is {middle[band]:.4g}, expected reflectance from 0 to 1; "
            "these look like digital numbers: set landcover.images.scale (0.0001 for Sentinel-2; 0.0000275 with offset "
            "-0.2 for Landsat Collection 2)"
        )
    band = int(middle.argmin())
    if middle[band] < _OFFSET_TWICE:
        raise DataError(
            f"images of {step}: the median of {BANDS[band]} is {middle[band]:.4g}, below 0; was an offset applied "
            "twice? Correct landcover.images.offset"
        )


def doubt_band_order(spectra: Mapping[int, np.ndarray]) -> str:
    """Return a sentence if mean spectra of classes look as if bands were in another order, or nothing.

    Parameters
    ----------
    spectra : mapping of class to array (band,)
        Mean reflectance in the greenest season.

    Examples
    --------
    >>> doubt_band_order({1: np.array([0.02, 0.05, 0.03, 0.40, 0.18])})
    ''
    >>> doubt_band_order({1: np.array([0.02, 0.40, 0.03, 0.05, 0.18])})[:42]
    'plants are brightest in green (0.40), not '
    """
    remedy = "are landcover.images.bands in the order " + ", ".join(BANDS) + "?"
    plants = [spectra[code] for code in PLANTS if code in spectra]
    if plants:
        mean = np.mean(plants, axis=0)
        brightest = int(mean[:4].argmax())
        if brightest != NIR:
            found = f"{BANDS[brightest]} ({mean[brightest]:.2f}), not in nir ({mean[NIR]:.2f})"
            return f"plants are brightest in {found}; {remedy}"
    for code in GROUND:
        if code in spectra and spectra[code][BLUE] > spectra[code][RED]:
            blue, red = spectra[code][BLUE], spectra[code][RED]
            return f"bare ground is brighter in blue ({blue:.2f}) than in red ({red:.2f}); {remedy}"
    return ""


def _inside(cut: slice, size: int) -> slice:
    return slice(min(max(cut.start, 0), size), max(min(cut.stop, size), 0))
