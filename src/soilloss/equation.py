"""`@equation`: makes a function of arrays know its units, xarray and its citation.

Positional parameters are data and carry names of the vocabulary; keyword-only parameters are coefficients with their
published defaults. That convention is the only description: planner, command line and reference pages read it.

Plain arrays pass straight through. DataArrays are checked and converted to canonical units, and the result carries
unit, long name, method and citation.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard, TypeVar, cast

import numpy as np

from soilloss.errors import UnitsError
from soilloss.grid.blocks import map_halo
from soilloss.grid.target import CellSize, cell_size, grid_of
from soilloss.units import convert
from soilloss.variables import VARIABLES

if TYPE_CHECKING:
    import xarray as xr

SUPPLIED = ("cell_size", "time", "step")
SPACE = "space"
AXIS_LENGTH = {"month": 12, "half_month": 24, "class": 8}

# values at which results are cut (a text names the coefficient that holds one), or a function that finds such cells
Clip = tuple[float | str, ...] | Callable[..., Any]
Function = TypeVar("Function", bound=Callable[..., Any])


class Equation(NamedTuple):
    """What is known about an equation: read from its signature, and from the words given to the decorator."""

    gives: str
    cite: str
    halo: int
    over: str
    whole: bool
    step: str
    clip: Clip
    inputs: tuple[str, ...]
    optional: tuple[str, ...]
    coefficients: dict[str, Any]
    supplied: tuple[str, ...]

    @property
    def shape(self) -> str:
        """One of ``cell``, ``neighbourhood``, ``series``, ``grid``, ``statistic``."""
        if self.over == SPACE:
            return "statistic"
        return "grid" if self.whole else "series" if self.over else "neighbourhood" if self.halo else "cell"


def equation(
    gives: str,
    cite: str,
    *,
    halo: int = 0,
    over: str = "",
    whole: bool = False,
    step: str = "",
    clip: Clip = (),
) -> Callable[[Function], Function]:
    """Mark a function as the equation that makes variable `gives`.

    Parameters
    ----------
    gives : str
        Variable of the vocabulary that the function returns.
    cite : str
        Key in ``references.bib``.
    halo : int
        Cells of neighbourhood on each side; 0 for one cell.
    over : str
        Axis of a cell's series: ``time``, ``month``, ``half_month`` or ``day``; last for plain arrays. ``space`` for a
        statistic of the whole raster, one number, whose function also takes a `kernels.counts.Histogram`.
    whole : bool
        The function needs the whole grid.
    step : str
        ``year`` if the equation holds only for amounts of a year.
    clip : tuple or function
        Where the equation cuts its results: the values (a text names the coefficient that holds one), so that a run
        counts the cells that have them; or, where the result does not show it, a function with the same signature that
        returns True for such cells.
    """

    def decorate(function: Function) -> Function:
        spec = _describe(function, gives, cite, halo, over, whole, step, clip)
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not any(_labelled(a) for a in (*args, *kwargs.values())):
                return function(*args, **kwargs)
            bound = signature.bind_partial(*args, **kwargs).arguments
            data = {name: _canonical(name, bound[name]) for name in spec.inputs if bound.get(name) is not None}
            options = {name: bound[name] for name in signature.parameters if name in bound and name not in data}
            out = _apply(function, spec, data, _supply(spec, data, options))
            return out.rename(spec.gives).assign_attrs(_attributes(function, spec, options))

        call.__dict__.update(gives=gives, spec=spec)
        return cast(Function, call)

    return decorate


def spec_of(function: Callable[..., Any]) -> Equation:
    """Return what is known about a function decorated with `equation`."""
    return function.__dict__["spec"]


def formula_of(function: Callable[..., Any]) -> str:
    """Return the first formula of a function's docstring, in LaTeX."""
    found = re.search(r"\.\. math::[ ]*(.*?)(?=\n\s*\n(?!\s{4,})|\Z)", inspect.getdoc(function) or "", re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _describe(
    function: Callable[..., Any], gives: str, cite: str, halo: int, over: str, whole: bool, step: str, clip: Clip
) -> Equation:
    parameters = inspect.signature(function).parameters.values()
    data = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    for name in [gives, *(p.name for p in data)]:
        if name not in VARIABLES:
            raise TypeError(f"{function.__name__}: {name!r} is not a variable of the vocabulary")
    return Equation(
        gives=gives,
        cite=cite,
        halo=halo,
        over=over,
        whole=whole,
        step=step,
        clip=clip,
        inputs=tuple(p.name for p in data),
        optional=tuple(p.name for p in data if p.default is not p.empty),
        coefficients={p.name: p.default for p in keywords if p.name not in SUPPLIED},
        supplied=tuple(p.name for p in keywords if p.name in SUPPLIED),
    )


def _labelled(value: Any) -> TypeGuard[xr.DataArray]:
    """Whether a value is a DataArray; who has one has imported xarray, and who has none need not wait for it."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(value, xarray.DataArray)


def _canonical(name: str, value: Any) -> Any:
    """Bring a DataArray to the canonical unit; plain numbers are taken to be in it."""
    if not _labelled(value):
        return value
    variable = VARIABLES[name]
    if "units" not in value.attrs:
        if variable.is_class:
            return value
        raise UnitsError(
            f"{name} has no unit, expected {variable.unit!r}; set it: {name}.attrs['units'] = {variable.unit!r}"
        )
    converted = convert(name, value, str(value.attrs["units"]))
    return converted.assign_attrs(value.attrs, units=variable.unit)


def _supply(spec: Equation, data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Fill cell size and dates from the data; refuse coefficients that are arrays."""
    for name in spec.coefficients:
        if isinstance(options.get(name), np.ndarray) or _labelled(options.get(name)):
            raise UnitsError(f"{name} is a coefficient of {spec.gives}: expected one number, got an array")
    filled = dict(options)
    arrays = [d for d in data.values() if _labelled(d)]
    if "cell_size" in spec.supplied and filled.get("cell_size") is None:
        filled["cell_size"] = cell_size(grid_of(arrays[0]))
    if "time" in spec.supplied and filled.get("time") is None:
        axis = _series_axis(spec, arrays[0])
        if axis in arrays[0].coords:
            filled["time"] = arrays[0][axis].values
    return filled


def _series_axis(spec: Equation, data: xr.DataArray) -> str:
    """Days may lie along ``day`` or, as most files have it, along ``time``."""
    return spec.over if spec.over in data.dims else "time"


def _apply(function: Callable[..., Any], spec: Equation, data: dict[str, Any], options: dict[str, Any]) -> xr.DataArray:
    """Hand xarray the whole equation as one block function: one task per block, no temporaries."""
    import xarray as xr

    arrays = list(data.values())
    sizes = options.pop("cell_size", None)
    if isinstance(sizes, CellSize):
        rows = next(a for a in arrays if _labelled(a))["y"]
        arrays += [xr.DataArray(side[:, 0], dims="y", coords={"y": rows}) for side in sizes]
    elif sizes is not None:
        options["cell_size"] = sizes
    block = functools.partial(_block, function, tuple(data), isinstance(sizes, CellSize), options)
    if spec.halo and not spec.whole:
        block = functools.partial(_neighbourhood, block, spec.halo)
    core = [_core_dims(spec, a) for a in arrays]
    if spec.shape in ("grid", "statistic"):
        arrays = [
            a.chunk(dict.fromkeys(dims, -1)) if _labelled(a) and a.chunks else a
            for a, dims in zip(arrays, core, strict=True)
        ]
    made = VARIABLES[spec.gives].axis
    return xr.apply_ufunc(
        block,
        *arrays,
        input_core_dims=core,
        output_core_dims=[[made] if made else ["y", "x"] if spec.whole else []],
        # neighbourhoods and whole grids know how to go through a Dask array
        dask="allowed" if spec.halo or spec.whole else "parallelized",
        output_dtypes=[np.dtype(VARIABLES[spec.gives].dtype)],
        dask_gufunc_kwargs={"output_sizes": {made: AXIS_LENGTH[made]}} if made else None,
        keep_attrs=False,
    ).assign_coords(_grid_mapping(arrays))


def _core_dims(spec: Equation, data: Any) -> list[str]:
    if not _labelled(data):
        return []
    if spec.shape == "statistic":
        return [str(dim) for dim in data.dims]
    if spec.whole:
        return [dim for dim in ("y", "x") if dim in data.dims]
    axis = _series_axis(spec, data) if spec.over else ""
    return [axis] if axis in data.dims else []


def _grid_mapping(arrays: list[Any]) -> dict[str, Any]:
    """Coordinates without dimensions lose their attributes in `apply_ufunc`: put ``spatial_ref`` back whole."""
    for data in arrays:
        if _labelled(data) and "spatial_ref" in data.coords:
            return {"spatial_ref": data.coords["spatial_ref"]}
    return {}


def _block(
    function: Callable[..., Any], names: tuple[str, ...], sized: bool, options: dict[str, Any], *arrays: Any
) -> Any:
    data = dict(zip(names, arrays, strict=False))
    if sized:
        options = {**options, "cell_size": CellSize(*arrays[-2:])}
    return function(**data, **options)


def _neighbourhood(block: Callable[..., Any], halo: int, *arrays: Any) -> Any:
    return map_halo(block, arrays, halo)


def _attributes(function: Callable[..., Any], spec: Equation, options: dict[str, Any]) -> dict[str, Any]:
    variable = VARIABLES[spec.gives]
    used = {k: v for k, v in {**spec.coefficients, **options}.items() if isinstance(v, int | float | str)}
    attributes = {
        "units": variable.unit,
        "long_name": variable.meaning,
        "method": function.__name__,
        "citation": spec.cite,
    }
    if used:
        attributes["coefficients"] = ", ".join(
            f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in used.items()
        )
    return attributes
