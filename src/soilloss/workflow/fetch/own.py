"""Cubes of one's own that a product's entry explains: means of days, of which amounts of months have to be made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soilloss.errors import ProjectError
from soilloss.sources import pieces
from soilloss.sources.products import Product, is_cube
from soilloss.variables import VARIABLES
from soilloss.workflow import project as projects


def is_made(variable: str, source: projects.Product, product: Product) -> bool:
    """Tell whether a raster is made of a product before the run: it is fetched, or one's own copy has means of days.

    Raises
    ------
    ProjectError
        If the numbers of one's own copy could be means or amounts.
    """
    if not source.file:
        return True
    if not product.variables[variable].per or source.unit is not None:
        return False
    if not is_cube(source.file):
        raise ProjectError(
            f"sources.{variable}: {source.product} has means of days where {source.file} may have amounts; give the "
            f"NetCDF or Zarr file as it was downloaded, or say unit: {VARIABLES[variable].unit} if it holds amounts"
        )
    return True


def copy_of(variable: str, source: projects.Product, product: Product, data: Path) -> Product:
    """Return the product with one's own file in place of its address, if there is one."""
    if not source.file:
        return product
    band = product.variables[variable]
    own = band.model_copy(update={"name": source.variable or band.name, "url": str(data / source.file)})
    return product.model_copy(update={"access": "url", "variables": {variable: own}})


def stamp(variable: str, product: Product, years: Sequence[int]) -> list[str]:
    """Return what tells the files of the years from what they were before: sizes and times."""
    layers = [layer for year in years for layer in pieces.layers_of(product, variable, year, product.coverage)]
    return [pieces.stamp_of(url) for url in sorted({url for layer in layers for url in layer.urls})]
