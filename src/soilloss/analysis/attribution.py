"""The change of a product shared out among its factors: why soil loss rose or fell.

The factors are those of one step; where a year is made of steps, share out step by step and add, since contributions
of steps add up. They also add up over cells, so that a zone's contributions are those of its cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from soilloss.errors import DataError
from soilloss.kernels import contributions

MOST_FACTORS = 10


def divisia(factors_before: Mapping[str, Any], factors_after: Mapping[str, Any]) -> Any:
    r"""Share out the change of a product by the logarithmic-mean Divisia index.

    Parameters
    ----------
    factors_before, factors_after : mapping of name to array
        The same names, such as erosivity, erodibility, topography, cover, practice; numbers and arrays are broadcast.

    Returns
    -------
    contributions : mapping of name to array, or Dataset
        In the unit of the product; they sum to its change to rounding. NaN where a factor is missing or negative.

    Raises
    ------
    DataError
        If the names differ.

    Notes
    -----
    .. math:: \Delta_k = \frac{A_1 - A_0}{\ln A_1 - \ln A_0} \ln \frac{f_{k,1}}{f_{k,0}}

    Ang (2005). Zeros are replaced by one small number, of which the limit at zero is taken (Ang and Liu 2007): a
    product that was or becomes zero gives its whole change to the factors that are zero, in equal parts; one that is
    zero before and after has not changed.

    Examples
    --------
    >>> parts = divisia({"erosivity": 1000.0, "cover": 0.2}, {"erosivity": 1100.0, "cover": 0.1})
    >>> {name: round(float(part), 4) for name, part in parts.items()}
    {'erosivity': 14.3483, 'cover': -104.3483}
    """
    return _share_out(contributions.divisia, factors_before, factors_after, "divisia", "ang2005, ang2007")


def shapley(factors_before: Mapping[str, Any], factors_after: Mapping[str, Any]) -> Any:
    r"""Share out the change of a product by the mean over all orders in which its factors may change.

    Parameters
    ----------
    factors_before, factors_after : mapping of name to array
        The same names, at most ten; numbers and arrays are broadcast.

    Returns
    -------
    contributions : mapping of name to array, or Dataset
        In the unit of the product; they sum to its change to rounding. NaN where a factor is missing or negative.

    Raises
    ------
    DataError
        If the names differ or there are more than ten.

    Notes
    -----
    .. math:: \Delta_k = \sum_{S \subseteq N \setminus k} \frac{|S|! \, (n - |S| - 1)!}{n!}
        \left[ A(S \cup k) - A(S) \right]

    where A(S) has the factors of S as they are after and the others as before. Shapley (1953).

    Examples
    --------
    >>> parts = shapley({"erosivity": 1000.0, "cover": 0.2}, {"erosivity": 1100.0, "cover": 0.1})
    >>> {name: round(float(part), 4) for name, part in parts.items()}
    {'erosivity': 15.0, 'cover': -105.0}
    """
    if len(factors_before) > MOST_FACTORS:
        raise DataError(
            f"shapley was given {len(factors_before)} factors, at most {MOST_FACTORS} are feasible; multiply some "
            "together first, or use divisia"
        )
    return _share_out(contributions.shapley, factors_before, factors_after, "shapley", "shapley1953")


def along_series(
    factors: Mapping[str, Any], *, method: Callable[[Mapping[str, Any], Mapping[str, Any]], Any] = divisia
) -> Any:
    """Share out the change from the first to the last step, adding up what each step to the next contributed.

    Parameters
    ----------
    factors : mapping of name to array (time, ...)
        Those without time (numbers, arrays of fewer dimensions) do not change.
    method : function
        `divisia` or `shapley`.

    Returns
    -------
    contributions : mapping of name to array, or Dataset
        They sum to the change of the product from the first to the last step. NaN where a step is missing.

    Examples
    --------
    >>> parts = along_series({"erosivity": np.array([100.0, 200.0, 100.0]), "cover": np.array([0.1, 0.1, 0.2])})
    >>> round(float(sum(parts.values())), 9)
    10.0
    """
    dimensions = max(np.ndim(factor) for factor in factors.values())
    before = {name: _steps(factor, slice(None, -1), dimensions) for name, factor in factors.items()}
    after = {name: _steps(factor, slice(1, None), dimensions) for name, factor in factors.items()}
    parts = method(before, after)
    if isinstance(parts, xr.Dataset):
        return parts.sum("time", skipna=False, keep_attrs=True)
    return {name: part.sum(axis=0) for name, part in parts.items()}


def by_zone(contributions: Mapping[str, Any], before: Any, zones: Any, *, cell_area: Any = 1.0) -> pd.DataFrame:
    """Mean contributions of each zone.

    Parameters
    ----------
    contributions : mapping of name to array (y, x), or Dataset
        What `divisia` or `shapley` returned.
    before : array (y, x)
        The product before, for the per cent.
    zones : int array (y, x)
        0 or NaN is outside.
    cell_area : float or array
        Weights.

    Returns
    -------
    table : DataFrame
        Columns ``zone``, ``factor``, ``contribution`` (the zone's mean, in the unit of the product) and ``percent`` (of
        the zone's mean before). The last row of a zone, ``change``, is the sum. Cells with a gap are left out.

    Examples
    --------
    >>> parts = {"cover": np.array([-2.0, -4.0]), "erosivity": np.array([1.0, 1.0])}
    >>> by_zone(parts, np.array([10.0, 30.0]), np.array([1, 1]))["percent"].tolist()
    [-15.0, 5.0, -10.0]
    """
    zones, before = np.asarray(zones, "f8"), np.asarray(before, "f8")
    parts = {str(name): np.asarray(part, "f8") for name, part in contributions.items()}
    change = np.sum(list(parts.values()), axis=0)
    area = np.broadcast_to(np.asarray(cell_area, "f8"), zones.shape)
    use = np.isfinite(change) & np.isfinite(before) & (zones > 0)
    rows = []
    for zone in np.unique(zones[use]):
        cells = use & (zones == zone)
        mean = {
            name: np.average(part[cells], weights=area[cells]) for name, part in {**parts, "change": change}.items()
        }
        base = np.average(before[cells], weights=area[cells])
        rows += [(int(zone), name, value, 100 * value / base if base else np.nan) for name, value in mean.items()]
    return pd.DataFrame(rows, columns=["zone", "factor", "contribution", "percent"])


def _share_out(
    method: Callable[[np.ndarray, np.ndarray, np.ndarray], None],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    name: str,
    cite: str,
) -> Any:
    """Bring the factors to one shape and share out the change; DataArrays block by block."""
    different = set(before) ^ set(after)
    if different:
        raise DataError(
            f"{sorted(different)[0]} is among the factors of one time only; give the same names before and after"
        )
    names = [str(key) for key in before]
    arrays = [before[key] for key in names] + [after[key] for key in names]

    kind = np.result_type(np.float32, *(a.dtype for a in arrays if np.ndim(a)))
    kind = kind if any(np.ndim(a) for a in arrays) else np.dtype("f8")

    def block(*cells: Any) -> tuple[np.ndarray, ...]:
        both = np.stack(np.broadcast_arrays(*(np.asarray(cell, "f8") for cell in cells)))
        first, second = both.reshape(2, len(names), -1)
        parts = np.empty(first.shape)
        method(first, second, parts)
        return tuple(parts.reshape(len(names), *both.shape[1:]).astype(kind))

    if not any(isinstance(a, xr.DataArray) for a in arrays):
        return dict(zip(names, block(*arrays), strict=True))
    made = xr.apply_ufunc(
        block,
        *arrays,
        output_core_dims=[[] for _ in names],
        join="override",
        dask="parallelized",
        output_dtypes=[kind for _ in names],
        keep_attrs=True,
    )
    for key, part in zip(names, made, strict=True):
        part.attrs = {"units": "t ha-1", "long_name": f"change of soil loss by {key}"}
    return xr.Dataset(dict(zip(names, made, strict=True)), attrs={"method": name, "citation": cite})


def _steps(factor: Any, steps: slice, dimensions: int) -> Any:
    if isinstance(factor, xr.DataArray):
        return factor.isel(time=steps) if "time" in factor.dims else factor
    return np.asarray(factor)[steps] if np.ndim(factor) == dimensions else factor
