"""What goes along with soil loss, in space and in time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from soilloss.errors import DataError

SMOOTHING = 1e-12


def kl_divergence(p: Any, q: Any, *, bins: int = 256, smoothing: float = SMOOTHING, base: float = np.e) -> dict:
    r"""Kullback-Leibler divergence between the histograms of two rasters.

    It says nothing about place: shuffling the cells of a raster leaves it unchanged, so that a small value is no sign
    of association. Spearman's rank correlation is given beside it for that reason.

    Parameters
    ----------
    p, q : array
        Such as soil loss, and a factor; of the same shape. Cells missing in one of them are left out.
    bins : int
        Equal bins between the least and the largest value of each raster.
    smoothing : float
        Added to each probability, so that an empty bin of `q` does not make the divergence infinite.
    base : float
        Of the logarithm: e for nats, 2 for bits.

    Returns
    -------
    divergence : dict
        ``divergence`` of p from q, ``reverse`` of q from p, ``jensen_shannon``, ``spearman``, ``n``.

    Notes
    -----
    .. math:: D = \sum_i p_i \ln \frac{p_i}{q_i}

    Kullback and Leibler (1951); Jensen-Shannon by Lin (1991).

    Examples
    --------
    >>> found = kl_divergence([0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 0, 0, 1, 1, 2, 3], bins=4)
    >>> round(found["divergence"], 6)
    0.173287
    """
    first, second = _common(p, q)
    counts = [np.bincount(_bin(values, bins), minlength=bins).astype("f8") for values in (first, second)]
    return _divergences(counts[0], counts[1], smoothing, base) | _association(first, second)


def kl_divergence_spatial(p: Any, q: Any, *, smoothing: float = SMOOTHING, base: float = np.e) -> dict:
    r"""Kullback-Leibler divergence between two rasters as distributions in space.

    Parameters
    ----------
    p, q : array
        Such as soil loss, and a factor; of the same shape. Each is divided by its sum over the cells valid in both; one
        with negative values is first raised by its least.
    smoothing : float
        Added to the share of each cell in units of the mean share.
    base : float
        Of the logarithm: e for nats, 2 for bits.

    Returns
    -------
    divergence : dict
        ``divergence`` of p from q, ``reverse`` of q from p, ``jensen_shannon``, ``spearman``, ``n``.

    Notes
    -----
    .. math:: D = \sum_x P(x) \ln \frac{P(x)}{Q(x)}

    Kullback and Leibler (1951).

    Examples
    --------
    >>> found = kl_divergence_spatial([10, 20, 30, 40], [1, 1, 1, 1])
    >>> round(found["divergence"], 6), round(found["reverse"], 6)
    (0.10644, 0.121777)
    """
    first, second = _common(p, q)
    weights = [values - min(values.min(), 0) for values in (first, second)] if first.size else [first, second]
    return _divergences(weights[0], weights[1], smoothing / max(first.size, 1), base) | _association(first, second)


def pearson(
    series: Mapping[str, Any] | pd.DataFrame,
    *,
    time: Sequence[Any] | None = None,
    periods: Sequence[tuple[Any, Any]] | None = None,
    window: int | None = None,
) -> pd.DataFrame:
    """Pearson correlation of every two series, over all years, by period, or in a moving window.

    Parameters
    ----------
    series : mapping of name to array (time,), or DataFrame
        Such as mean soil loss, rain and shares of land cover by year. Years missing in one are left out of its pairs.
    time : sequence, optional
        Labels of the years; of a DataFrame its index; else 0, 1, 2 ...
    periods : sequence of (first, last), optional
        Periods by their labels, both ends included.
    window : int, optional
        Years of a moving window.

    Returns
    -------
    table : DataFrame
        Columns ``first``, ``second``, ``start``, ``end``, ``n``, ``r``, ``p_value`` (two-sided, Student's t). r is NaN
        for fewer than 3 years and for a constant series.

    Raises
    ------
    DataError
        If the series differ in length or a period has no years.

    Examples
    --------
    >>> pearson({"soil_loss": [1, 2, 3, 5], "rain": [2, 4, 6, 10]})["r"].tolist()
    [1.0]
    """
    named = _same_length({str(name): values for name, values in series.items()})
    table = pd.DataFrame({name: np.asarray(values, "f8") for name, values in named.items()})
    labels = list(time if time is not None else getattr(series, "index", range(len(table))))
    rows = []
    for start, stop in _spans(labels, periods, window):
        for one, other in itertools.combinations(table.columns, 2):
            found = _correlation(*table[[one, other]].to_numpy()[start:stop].T)
            rows.append((one, other, labels[start], labels[stop - 1], *found))
    return pd.DataFrame(rows, columns=["first", "second", "start", "end", "n", "r", "p_value"])


def geographical_detector(values: Any, factors: Mapping[str, Any], *, classes: int | None = None) -> dict:
    r"""How much of the variance of `values` each factor's strata explain, alone and in pairs.

    Parameters
    ----------
    values : array
        Such as soil loss.
    factors : mapping of name to array
        Strata by number, of the same shape; NaN is missing.
    classes : int, optional
        Cut factors with more values than this into so many classes of equal size.

    Returns
    -------
    detector : dict
        ``factors``: table with ``factor``, ``strata``, ``n``, ``q``, ``f``, ``p_value``; ``interactions``: table with
        ``first``, ``second``, ``q`` (of the two together), ``kind``.

    Notes
    -----
    .. math:: q = 1 - \frac{\sum_h N_h \sigma_h^2}{N \sigma^2}

    with p from the non-central F distribution. Wang et al. (2010).

    Examples
    --------
    >>> found = geographical_detector([1, 2, 1, 2, 8, 9, 8, 9], {"side": [0, 0, 0, 0, 1, 1, 1, 1]})
    >>> found["factors"]["q"].round(2).tolist()
    [0.98]
    """
    data = np.asarray(values, "f8").reshape(-1)
    strata = {name: np.asarray(factor, "f8").reshape(-1) for name, factor in _same_length(factors, data.size).items()}
    use = np.isfinite(data) & np.all([np.isfinite(stratum) for stratum in strata.values()], axis=0)
    data, codes = data[use], {name: _strata(stratum[use], classes) for name, stratum in strata.items()}
    alone = pd.DataFrame(
        [(name, *_explained(data, code)) for name, code in codes.items()],
        columns=["factor", "strata", "n", "q", "f", "p_value"],
    )
    power = dict(zip(alone["factor"], alone["q"], strict=True))
    pairs = []
    for one, other in itertools.combinations(codes, 2):
        both = np.unique(codes[one].astype("i8") * (codes[other].max() + 1) + codes[other], return_inverse=True)[1]
        together = _explained(data, both)[2]
        pairs.append((one, other, together, _kind(power[one], power[other], together)))
    return {"factors": alone, "interactions": pd.DataFrame(pairs, columns=["first", "second", "q", "kind"])}


def _common(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(p, "f8"), np.asarray(q, "f8")
    if first.shape != second.shape:
        raise DataError(f"the rasters have shapes {first.shape} and {second.shape}; bring both to the same grid")
    use = np.isfinite(first) & np.isfinite(second)
    return first[use], second[use]


def _bin(values: np.ndarray, bins: int) -> np.ndarray:
    """Bin of each value between the least and the largest; all in the first if there is one value only."""
    if not values.size:
        return np.zeros(0, np.intp)
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low if high > low else 1) * bins
    return np.minimum(scaled.astype(np.intp), bins - 1)


def _divergences(p: np.ndarray, q: np.ndarray, smoothing: float, base: float) -> dict[str, float]:
    from scipy.special import rel_entr

    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = (weights / weights.sum() + smoothing for weights in (p, q))
        p, q = p / p.sum(), q / q.sum()
    unit, mean = np.log(base), (p + q) / 2
    return {
        "divergence": float(rel_entr(p, q).sum() / unit),
        "reverse": float(rel_entr(q, p).sum() / unit),
        "jensen_shannon": float((rel_entr(p, mean).sum() + rel_entr(q, mean).sum()) / 2 / unit),
    }


def _association(p: np.ndarray, q: np.ndarray) -> dict[str, float]:
    from scipy.stats import rankdata

    return {"spearman": _correlation(rankdata(p), rankdata(q))[1], "n": int(p.size)}


def _correlation(one: np.ndarray, other: np.ndarray) -> tuple[int, float, float]:
    """Number of pairs, r and p."""
    from scipy.special import betainc

    use = np.isfinite(one) & np.isfinite(other)
    n = int(use.sum())
    if n < 3:
        return n, np.nan, np.nan
    x, y = one[use] - one[use].mean(), other[use] - other[use].mean()
    spread = np.sqrt((x @ x) * (y @ y))
    if not spread > 0:
        return n, np.nan, np.nan
    r = float(np.clip(x @ y / spread, -1, 1))
    return n, r, float(betainc((n - 2) / 2, 0.5, 1 - r * r))


def _same_length(series: Mapping[str, Any], size: int | None = None) -> dict[str, Any]:
    found = {str(name): np.asarray(values) for name, values in series.items()}
    for name, values in found.items():
        size = values.size if size is None else size
        if values.size != size:
            raise DataError(
                f"{name} has {values.size} values, the others have {size}; bring all to the same cells or years"
            )
    return found


def _spans(labels: list[Any], periods: Sequence[tuple[Any, Any]] | None, window: int | None) -> list[tuple[int, int]]:
    """Positions of the first year and of the one after the last."""
    if window:
        return [(at, at + window) for at in range(len(labels) - window + 1)]
    spans = []
    for first, last in periods or [(labels[0], labels[-1])]:
        inside = [at for at, label in enumerate(labels) if first <= label <= last]
        if not inside:
            raise DataError(
                f"there is no year from {first} to {last}; the series goes from {labels[0]} to {labels[-1]}"
            )
        spans.append((inside[0], inside[-1] + 1))
    return spans


def _strata(values: np.ndarray, classes: int | None) -> np.ndarray:
    present, codes = np.unique(values, return_inverse=True)
    if classes is None or len(present) <= classes:
        return codes
    edges = np.quantile(values, np.arange(1, classes) / classes)
    return np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)[1]


def _explained(values: np.ndarray, strata: np.ndarray) -> tuple[int, int, float, float, float]:
    """Number of strata and of cells, q, F and p."""
    from scipy.stats import ncf

    n, members = len(values), np.bincount(strata)
    count = len(members)
    total = values.var() if n else 0.0
    if not (total > 0 and n > count > 1):
        return count, n, np.nan, np.nan, np.nan
    means = np.bincount(strata, values) / members
    within = np.bincount(strata, (values - means[strata]) ** 2).sum()
    q = 1 - within / (n * total)
    f = (n - count) / (count - 1) * q / (1 - q) if q < 1 else np.inf
    noncentral = (np.sum(means**2) - np.sum(np.sqrt(members) * means) ** 2 / n) / total
    p = float(ncf.sf(f, count - 1, n - count, max(noncentral, 0))) if q < 1 else 0.0
    return count, n, float(q), float(f), p


def _kind(one: float, other: float, together: float) -> str:
    """Kind of interaction after Wang et al. (2010)."""
    if np.isclose(together, one + other, rtol=1e-9):
        return "independent"
    if together > one + other:
        return "enhanced, non-linear"
    if together > max(one, other):
        return "enhanced, bivariate"
    return "weakened, univariate" if together > min(one, other) else "weakened, non-linear"
