"""Images of Earth Engine, for those who have an account there (extra ``earthengine``).

``fetch_image(variable, product, bounds, year, path)`` writes one band as a GeoTIFF in longitude and latitude, with
cells as large as the product's, and returns the ids of its images. It has been tested with a made-up session only:
nobody could sign in where it was written.
"""

from __future__ import annotations

import math
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from soilloss.errors import MissingExtraError, ProjectError, SourceError
from soilloss.sources.products import Bounds, Product
from soilloss.variables import VARIABLES

DEGREE = 111_320.0
PROJECT = "EARTHENGINE_PROJECT"


def fetch_image(variable: str, product: Product, bounds: Bounds, year: int | None, path: Path) -> list[str]:
    """Write a variable of a product of Earth Engine, of a year where it has years.

    Of several images in a year classes are those of the first, amounts are summed, everything else is the mean.

    Raises
    ------
    MissingExtraError
        If xee is not installed.
    ProjectError
        If the variable has months or days: these are not taken from Earth Engine.
    SourceError
        If one cannot sign in, or there is no image.
    """
    if VARIABLES[variable].axis:
        raise ProjectError(f"sources.{variable}: months and days are not taken from Earth Engine; take a yearly amount")
    cell = product.cell / DEGREE
    west, north = math.floor(bounds[0] / cell) * cell, math.ceil(bounds[3] / cell) * cell
    shape = math.ceil((north - bounds[1]) / cell), math.ceil((bounds[2] - west) / cell)
    transform = Affine(cell, 0, west, 0, -cell, north)
    images = _open(product.earthengine, product.variables[variable].asset, year, transform, shape)
    if not images.sizes.get("time", 0):
        raise SourceError(f"{product.earthengine} has no image of {year} in the area; take another year or product")
    rule = "first" if VARIABLES[variable].is_class else "sum" if VARIABLES[variable].in_time == "sum" else "mean"
    values = images.isel(time=0) if rule == "first" else getattr(images, rule)("time", skipna=False)
    _write(variable, product, np.asarray(values.transpose("y", "x").values, np.float32), transform, path)
    return [f"{product.earthengine}/{one}" for one in np.atleast_1d(images["time"].values).astype(str)]


def _write(variable: str, product: Product, values: np.ndarray, transform: Affine, path: Path) -> None:
    band = product.variables[variable]
    if band.nodata is not None:
        values = np.where(values == band.nodata, np.nan, values)
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": "float32"}
    with rasterio.open(
        path, "w", **profile, crs="EPSG:4326", transform=transform, nodata=math.nan, compress="deflate"
    ) as out:
        out.write(values, 1)
        out.scales, out.offsets = [band.scale or 1.0], [band.offset or 0.0]
        out.units = [band.unit or VARIABLES[variable].unit]


def _open(asset: str, band: str, year: int | None, transform: Affine, shape: tuple[int, int]) -> Any:
    """The images of a year on a grid in longitude and latitude, dimensions time, y, x."""
    try:
        ee: Any = import_module("ee")
        import_module("xee")  # registers itself with xarray
    except ModuleNotFoundError:
        raise MissingExtraError("Earth Engine needs xee: pip install 'soilloss[earthengine]'") from None
    import xarray as xr

    try:
        ee.Initialize(project=os.environ.get(PROJECT))
        single = ee.data.getAsset(asset)["type"] == "IMAGE"
        images = ee.ImageCollection([ee.Image(asset)]) if single else ee.ImageCollection(asset)
        if year is not None and not single:
            images = images.filterDate(f"{year}-01-01", f"{year + 1}-01-01")
        images = images.select([band]) if band else images
        grid: dict[str, Any] = {"crs": "EPSG:4326", "crs_transform": tuple(transform)[:6], "shape_2d": shape[::-1]}
        dataset = xr.open_dataset(images, engine="ee", **grid)
        return dataset[band or next(iter(dataset.data_vars))].load()
    except ee.EEException as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(
            f"Earth Engine refused {asset} ({reason}); sign in with 'earthengine authenticate' and name your cloud "
            f"project in {PROJECT}, or give a file of your own"
        ) from None
