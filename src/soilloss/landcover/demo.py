"""A made-up area with everything from images to soil loss, so that the whole way can be walked on a laptop."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

from soilloss.errors import ProjectError
from soilloss.landcover.synthetic import GREENNESS, LEAF_OFF, LEAF_ON, OLD_SENSOR
from soilloss.landcover.tiles import NODATA, SCALE
from soilloss.sources.synthetic import fractal, write_raster

CRS = "EPSG:32649"
WORLDCOVER = np.array([0, 10, 20, 30, 40, 50, 60, 80, 90], np.uint8)
SEASONS = (60.0, 420.0, 1450.0, 180.0)  # erosivity of the four quarters of a summer-rain climate, MJ mm ha-1 h-1
COARSE = 64  # cells of the erosivity rasters, in cells of the images


def write_demo(folder: Path, *, shape: tuple[int, int] = (640, 640), years: int = 3, seed: int = 0) -> Path:
    """Write ``project.yml`` and its data: quarterly images, labels of the last year, validation points, heights, rain.

    Parameters
    ----------
    folder : Path
        Where to write; an existing project is never overwritten.
    shape : (int, int)
        Rows and columns of 10 m.
    years : int
        Ends with 2021, the year of the labels; images of the years before come from an older sensor.
    seed : int
        Of the landscape.

    Returns
    -------
    path : Path
        The project file.

    Raises
    ------
    ProjectError
        If there is a project already.
    """
    target = folder / "project.yml"
    if target.exists():
        raise ProjectError(f"{target} exists already; name another folder, so that it is not lost")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    grid = GeoBox(shape, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS)
    random = np.random.default_rng(seed)
    before, after = _landscape(shape, seed + 10), _landscape(shape, seed + 20)
    changing = fractal(shape, seed=seed + 30, relief=1, base=0) > 0.8
    when = 1 + random.integers(4 * years - 2)
    truth = [np.where(changing & (n >= when), after, before) for n in range(4 * years)]
    steps = [(2022 - years + n // 4, n % 4 + 1) for n in range(4 * years)]
    for classes, (year, quarter) in zip(truth, steps, strict=True):
        image = _image(random, classes, quarter - 1, old=year < 2021)
        write_raster(folder / f"images/{year}_q{quarter}.tif", image, grid, NODATA, scale=1 / SCALE)
    write_raster(folder / "labels_2021.tif", WORLDCOVER[_with_errors(random, truth[-2], seed)], grid, 0)
    _write_points(folder / "points.csv", random, grid, truth, steps)
    write_raster(folder / "elevation.tif", fractal(shape, seed=seed + 40, relief=250, base=900, roughness=2.4), grid)
    rain = GeoBox((-(-shape[0] // COARSE), -(-shape[1] // COARSE)), grid.affine * Affine.scale(COARSE), CRS)
    for quarter, amount in enumerate(SEASONS, start=1):
        write_raster(folder / f"erosivity_q{quarter}.tif", np.full(rain.shape, amount, np.float32), rain)
    text = files("soilloss.landcover").joinpath("demo.yml").read_text(encoding="utf-8")
    target.write_text(text.replace("start: 2019", f"start: {2022 - years}"), encoding="utf-8")
    return target


def _landscape(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Patches of the eight classes, shrubland and wetland rarer than the others."""
    heights = np.stack([fractal(shape, seed=seed + n, relief=1, base=0, roughness=1.2) for n in range(8)])
    heights = (heights - heights.mean(axis=(1, 2), keepdims=True)) / heights.std(axis=(1, 2), keepdims=True)
    heights[[1, 7]] -= 0.4
    smooth = ndimage.gaussian_filter(heights, (0, 3, 3))
    return (smooth.argmax(axis=0) + 1).astype(np.uint8)


def _image(random: np.random.Generator, classes: np.ndarray, season: int, old: bool) -> np.ndarray:
    """Reflectance times 10 000, (rows, columns, band): each image has its own gain, offset, noise and a cloud."""
    green = np.clip(GREENNESS[season] + 0.08 * random.standard_normal(), 0, 1.1)
    spectra = (LEAF_OFF * (1 - green) + LEAF_ON * green)[classes - 1]
    gain = (1 + 0.05 * random.standard_normal(5)) * (OLD_SENSOR if old else 1)
    values = spectra * gain + 0.008 * random.standard_normal(5)
    values += (0.012 if old else 0.008) * random.standard_normal(values.shape)
    if old:
        values = ndimage.uniform_filter(values, 3, axes=(0, 1))
    out = np.clip(np.round(values * SCALE), 0, SCALE).astype(np.int16)
    row, column = (random.integers(n) for n in classes.shape)
    out[row : row + classes.shape[0] // 8, column : column + classes.shape[1] // 6] = NODATA
    return out


def _with_errors(random: np.random.Generator, truth: np.ndarray, seed: int) -> np.ndarray:
    """Labels of which some patches are wrong, as those of real maps are."""
    wrong = ndimage.gaussian_filter(random.standard_normal(truth.shape), 4) > 0.11
    return np.where(wrong, _landscape(truth.shape, seed + 50), truth)


def _write_points(
    path: Path, random: np.random.Generator, grid: GeoBox, truth: list[np.ndarray], steps: list[tuple[int, int]]
) -> None:
    """Validation points of all quarters of places drawn at random, as perfect interpreters would fill them in."""
    rows, columns = (random.integers(0, n, 150) for n in truth[0].shape)
    a = grid.affine
    frames = [
        pd.DataFrame(
            {
                "id": np.arange(150),
                "x": a.c + (columns + 0.5) * a.a,
                "y": a.f + (rows + 0.5) * a.e,
                "date": f"{year}-Q{quarter}",
                "class": classes[rows, columns],
            }
        )
        for classes, (year, quarter) in zip(truth, steps, strict=True)
    ]
    pd.concat(frames).to_csv(path, index=False)
