"""Two variables at once: spatial association by Moran's I, and classes of pairs for a map in two colours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from soilloss.errors import DataError, MissingExtraError

Neighbours = Literal["rook", "queen"]

ROOK = ((0, 1), (1, 0), (0, -1), (-1, 0))
QUEEN = (*ROOK, (1, 1), (1, -1), (-1, -1), (-1, 1))
QUADRANTS = ("high-high", "low-high", "low-low", "high-low")


def morans_i(
    x: Any,
    y: Any = None,
    *,
    neighbours: Neighbours = "queen",
    weights: Any = None,
    permutations: int = 999,
    seed: int = 0,
) -> dict[str, float]:
    r"""Global Moran's I of one variable, or of one and its neighbours' other.

    Parameters
    ----------
    x : array (y, x), or (units,) with `weights`
        Missing cells have no part in it.
    y : array, optional
        Of the same shape; its mean over the neighbours is set against `x`. Without it the test is that of `x` alone.
    neighbours : {"queen", "rook"}
        Eight or four cells around, each of the same weight.
    weights : libpysal weights, optional
        For districts instead of cells; row-standardised here. Needs ``soilloss[stats]``.
    permutations : int
        Shuffles of `y` for the pseudo p; 0 for none.
    seed : int
        Of the shuffles.

    Returns
    -------
    moran : dict
        ``i``, ``z`` and ``p_value`` (one-sided, from the shuffles), ``n``. NaN if a variable is constant.

    Notes
    -----
    .. math:: I = \frac{1}{n} \sum_i z^x_i \sum_j w_{ij} z^y_j

    with population standard scores and rows of w that sum to 1; cells without neighbours are left out. Anselin (1995),
    Anselin, Syabri and Smirnov (2002).

    Examples
    --------
    >>> round(morans_i(np.arange(9.0).reshape(3, 3), neighbours="rook", permutations=0)["i"], 6)
    0.555556
    """
    if weights is not None:
        return _global_by_esda(x, y, weights, permutations, seed)
    zx, zy = _scores(x, y)
    lag = _lag_of(zy, neighbours)
    random, valid = np.random.default_rng(seed), np.isfinite(zy)
    found = _mean_product(zx, lag(zy))
    simulated, grid = np.empty(permutations), np.full(zy.shape, np.nan)
    for turn in range(permutations):
        grid[valid] = random.permutation(zy[valid])
        simulated[turn] = _mean_product(zx, lag(grid))
    return {"i": found, **_judge(found, simulated), "n": int(valid.sum())}


def local_morans_i(
    x: Any,
    y: Any = None,
    *,
    neighbours: Neighbours = "queen",
    weights: Any = None,
    permutations: int = 999,
    seed: int = 0,
    significance: float = 0.05,
    false_discovery_rate: bool = False,
) -> Any:
    r"""Local Moran's I: where high lies among high, low among low, and where they meet.

    Parameters
    ----------
    x, y, neighbours, weights, permutations, seed
        As for `morans_i`. `y` is shuffled for each cell with the cell itself held.
    significance : float
        Cells belong to a cluster if their p is not above.
    false_discovery_rate : bool
        Whether `significance` is the share of false clusters among all (Benjamini and Hochberg), not of each test.

    Returns
    -------
    moran : mapping or Dataset
        ``i``; ``p_value`` (pseudo, one-sided); ``quadrant`` of x and its neighbours' y: 1 high-high, 2 low-high, 3
        low-low, 4 high-low; ``cluster``: the quadrant where significant, else 0. NaN for missing cells and for cells
        without neighbours.

    Notes
    -----
    .. math:: I_i = z^x_i \sum_j w_{ij} z^y_j

    with population standard scores, so that the mean is the global I; esda prints (n - 1) / n of it. Anselin (1995).

    Examples
    --------
    >>> round(float(local_morans_i(np.arange(9.0).reshape(3, 3), neighbours="rook", permutations=0)["i"].mean()), 4)
    0.5556
    """
    if weights is not None:
        local, p, mean = _local_by_esda(x, y, weights, permutations, seed)
        zx = _scores(x, y)[0]
    else:
        zx, zy = _scores(x, y)
        mean = _lag_of(zy, neighbours)(zy)
        local = zx * mean
        p = _conditional(zx, zy, local, _degree(zy, neighbours), permutations, seed)
    quadrant = np.select([(zx > 0) & (mean > 0), (zx <= 0) & (mean > 0), (zx <= 0) & (mean <= 0)], [1.0, 2.0, 3.0], 4.0)
    quadrant = np.where(np.isfinite(local), quadrant, np.nan)
    limit = _discovery_limit(p, significance) if false_discovery_rate else significance
    cluster = np.where(p <= limit, quadrant, 0 * quadrant)
    found = {"i": local, "p_value": p, "quadrant": quadrant, "cluster": cluster}
    found = {name: values.astype("f4") for name, values in found.items()}
    if not isinstance(x, xr.DataArray):
        return found
    legend = {"flag_values": [1, 2, 3, 4], "flag_meanings": " ".join(QUADRANTS)}
    attributes: dict[str, dict[str, Any]] = {name: {"units": "1"} for name in found}
    attributes["quadrant"] |= legend
    attributes["cluster"] |= {"flag_values": [0, 1, 2, 3, 4], "flag_meanings": " ".join(("none", *QUADRANTS))}
    bare = x.drop_attrs(deep=False)
    return xr.Dataset({name: bare.copy(data=values).assign_attrs(attributes[name]) for name, values in found.items()})


def choropleth(
    a: Any,
    b: Any,
    *,
    kind: Literal["change", "terciles"] = "terciles",
    edges: tuple[Sequence[float], Sequence[float]] | None = None,
) -> Any:
    """Class of each pair, 3 i + j: nine classes for a map with a square legend.

    Parameters
    ----------
    a, b : array
        With "change": -1 loss, 0 none, 1 gain, such as `change.gain_loss` of severity and of land cover. With
        "terciles": any numbers, cut at the thirds of each whole raster.
    kind : {"terciles", "change"}
    edges : pair of (low, high), optional
        The thirds of `a` and of `b`, where the arrays are part of a larger raster.

    Returns
    -------
    classes : float32 array
        0 to 8: 3 times the class of `a` (0, 1, 2) and the class of `b`; NaN where either is missing.

    Raises
    ------
    DataError
        If a change is not -1, 0 or 1, or the shapes differ.

    Examples
    --------
    >>> choropleth([-1, 0, 1], [1, 0, -1], kind="change").tolist()
    [2.0, 4.0, 6.0]
    """
    first, second = np.asarray(a, "f8"), np.asarray(b, "f8")
    if first.shape != second.shape:
        raise DataError(f"the maps have shapes {first.shape} and {second.shape}; bring both to the same grid")
    if kind == "change":
        codes = 3 * _of_change(first) + _of_change(second)
    else:
        low, high = edges or (thirds(first), thirds(second))
        codes = 3 * _cut(first, low) + _cut(second, high)
    codes = codes.astype("f4")
    if not isinstance(a, xr.DataArray):
        return codes
    return a.drop_attrs(deep=False).copy(data=codes).rename("choropleth").assign_attrs(classes=3, kind=kind)


def _of_change(values: np.ndarray) -> np.ndarray:
    wrong = values[np.isfinite(values) & ~np.isin(values, (-1, 0, 1))]
    if wrong.size:
        raise DataError(f"a change is {wrong[0]:g}, expected -1 (loss), 0 (none) or 1 (gain); or use kind='terciles'")
    return values + 1


def thirds(values: Any) -> tuple[float, float]:
    """Return the two numbers that cut valid values into thirds; NaN where there is none.

    Examples
    --------
    >>> thirds([1, 2, 3, 4, 5, 6, 7])
    (3.0, 5.0)
    """
    known = np.asarray(values, "f8")
    known = known[np.isfinite(known)]
    low, high = np.quantile(known, (1 / 3, 2 / 3)).tolist() if known.size else (np.nan, np.nan)
    return low, high


def _cut(values: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    valid = np.isfinite(values)
    return np.where(valid, np.searchsorted(np.asarray(edges), np.where(valid, values, 0), side="right"), np.nan)


def _scores(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Population standard scores over the cells that both have; NaN elsewhere and for constants."""
    first = np.array(x, "f8")
    second = first if y is None else np.array(y, "f8")
    if first.shape != second.shape:
        raise DataError(f"the maps have shapes {first.shape} and {second.shape}; bring both to the same grid")
    use = np.isfinite(first) & np.isfinite(second)
    scores = []
    for values in (first, second):
        deviation = values[use].std() if use.any() else 0.0
        centred = values - values[use].mean() if use.any() else values
        scores.append(np.where(use, centred / deviation if deviation > 0 else np.nan, np.nan))
    return scores[0], scores[1]


def _neighbour_sum(values: np.ndarray, neighbours: Neighbours) -> np.ndarray:
    if values.ndim != 2:
        raise DataError(f"a raster has two dimensions, got {values.ndim}; give weights= for districts")
    rows, columns = values.shape
    padded = np.pad(np.nan_to_num(values), 1)
    steps = QUEEN if neighbours == "queen" else ROOK
    return np.sum([padded[1 + r : 1 + r + rows, 1 + c : 1 + c + columns] for r, c in steps], axis=0)


def _degree(values: np.ndarray, neighbours: Neighbours) -> np.ndarray:
    """Number of valid neighbours."""
    return _neighbour_sum(np.isfinite(values).astype("f8"), neighbours)


def _lag_of(values: np.ndarray, neighbours: Neighbours) -> Callable[[np.ndarray], np.ndarray]:
    """A function that gives the mean of the neighbours, for arrays that are missing where `values` is."""
    degree = _degree(values, neighbours)
    degree = np.where(np.isfinite(values) & (degree > 0), degree, np.nan)
    return lambda grid: _neighbour_sum(grid, neighbours) / degree


def _mean_product(zx: np.ndarray, mean: np.ndarray) -> float:
    product = (zx * mean)[np.isfinite(zx) & np.isfinite(mean)]
    return float(product.mean()) if product.size else np.nan


def _judge(found: float, simulated: np.ndarray) -> dict[str, float]:
    """Standard score and p of a value among shuffled ones, on the side on which it lies."""
    if not simulated.size or not np.isfinite(found):
        return {"z": np.nan, "p_value": np.nan}
    above = int((simulated >= found).sum())
    rarer = min(above, simulated.size - above)
    deviation = simulated.std()
    z = float((found - simulated.mean()) / deviation) if deviation > 0 else np.nan
    return {"z": z, "p_value": (rarer + 1) / (simulated.size + 1)}


def _conditional(
    zx: np.ndarray, zy: np.ndarray, local: np.ndarray, degree: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """Pseudo p of each cell: its neighbours are drawn from all other cells."""
    use = np.isfinite(local)
    if not permutations or not use.any():
        return np.full(local.shape, np.nan)
    pool, random = zy[np.isfinite(zy)], np.random.default_rng(seed)
    position = np.flatnonzero(use[np.isfinite(zy)])
    x, count, target = zx[use], degree[use], local[use]
    above = np.zeros(len(x), "i8")
    for _ in range(permutations):
        drawn = random.choice(len(pool) - 1, min(int(count.max()), len(pool) - 1), replace=False, shuffle=True)
        total = np.zeros(len(x))
        for nth, other in enumerate(drawn):
            total += np.where(nth < count, pool[other + (other >= position)], 0)  # skips the cell itself
        above += x * total / count >= target
    p = np.full(local.shape, np.nan)
    p[use] = (np.minimum(above, permutations - above) + 1) / (permutations + 1)
    return p


def _discovery_limit(p: np.ndarray, rate: float) -> float:
    """The largest p that Benjamini and Hochberg (1995) accept."""
    ordered = np.sort(p[np.isfinite(p)])
    accepted = ordered <= rate * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    return float(ordered[accepted].max()) if accepted.any() else -1.0


def _esda() -> Any:
    try:
        import esda  # pyright: ignore[reportMissingImports] - optional
    except ImportError as error:
        raise MissingExtraError("Moran's I of districts needs esda: pip install 'soilloss[stats]'.") from error
    return esda


def _global_by_esda(x: Any, y: Any, weights: Any, permutations: int, seed: int) -> dict[str, float]:
    esda = _esda()
    weights.transform = "r"
    np.random.seed(seed)  # noqa: NPY002 - esda draws from the global generator
    first = np.asarray(x, "f8")
    found = (
        esda.Moran(first, weights, permutations=permutations)
        if y is None
        else esda.Moran_BV(first, np.asarray(y, "f8"), weights, permutations=permutations)
    )
    judged = {"z": float(found.z_sim), "p_value": float(found.p_sim)} if permutations else _judge(np.nan, np.empty(0))
    return {"i": float(found.I), **judged, "n": first.size}


def _local_by_esda(
    x: Any, y: Any, weights: Any, permutations: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local I, pseudo p and the mean of the neighbours."""
    esda = _esda()
    weights.transform = "r"
    zx, zy = _scores(x, y)
    options = {"permutations": permutations, "seed": seed, "keep_simulations": False}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it announces that its p will be two-sided, and divides by the spread of islands
        found = (
            esda.Moran_Local(zx, weights, **options) if y is None else esda.Moran_Local_BV(zx, zy, weights, **options)
        )
    p = found.p_sim if permutations else np.full(zx.shape, np.nan)
    return found.Is * zx.size / (zx.size - 1), p, weights.sparse @ zy
