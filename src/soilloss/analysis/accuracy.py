"""How right a map is: confusion matrices, areas with intervals, soil loss against reference statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from soilloss.errors import DataError


def confusion_matrix(reference: Any, mapped: Any, *, classes: Sequence[int] | None = None) -> pd.DataFrame:
    """Counts of samples by reference and mapped class.

    Parameters
    ----------
    reference, mapped : array of classes
        0 and NaN are missing; samples missing in one of them are left out.
    classes : sequence of int, optional
        The classes in order; else those that occur.

    Returns
    -------
    confusion : DataFrame
        Rows reference, columns map.

    Raises
    ------
    DataError
        If the shapes differ or a sample has a class that is not among `classes`.

    Examples
    --------
    >>> confusion_matrix([1, 1, 4], [1, 4, 4]).to_numpy().tolist()
    [[1, 1], [0, 1]]
    """
    truth, found = np.asarray(reference, "f8").reshape(-1), np.asarray(mapped, "f8").reshape(-1)
    if truth.size != found.size:
        raise DataError(f"there are {truth.size} reference samples and {found.size} mapped ones; give one of each")
    use = (truth > 0) & (found > 0)
    present = np.unique(np.concatenate([truth[use], found[use]]))
    known = np.unique(np.asarray(classes, "f8")) if classes is not None else present
    unknown = np.setdiff1d(present, known)
    if unknown.size:
        raise DataError(f"a sample has class {unknown[0]:g}, which is not among the classes {list(classes or [])}")
    pairs = np.searchsorted(known, truth[use]) * len(known) + np.searchsorted(known, found[use])
    counts = np.bincount(pairs, minlength=len(known) ** 2).reshape(len(known), len(known))
    names = known.astype(int).tolist()
    table = pd.DataFrame(counts, index=pd.Index(names, name="reference"), columns=pd.Index(names, name="map"))
    order = [int(code) for code in classes] if classes is not None else names
    return table.loc[order, order]


def scores(confusion: Any) -> dict[str, Any]:
    r"""Accuracy scores of a confusion matrix.

    Parameters
    ----------
    confusion : array or DataFrame
        Counts; rows reference, columns map.

    Returns
    -------
    scores : dict
        ``overall_accuracy``, ``kappa``, ``fwiou`` (intersection over union, weighted by the frequency in the reference:
        frequent classes weigh more), ``miou``; and by class ``producer_accuracy``, ``user_accuracy``, ``iou``, ``f1``,
        NaN for a class that is in neither and left out of the means.

    Notes
    -----
    .. math:: \kappa = \frac{OA - p_e}{1 - p_e}, \quad p_e = \sum_i \frac{n_{i+} n_{+i}}{n^2}, \quad
        IoU_i = \frac{n_{ii}}{n_{i+} + n_{+i} - n_{ii}}

    Cohen (1960), Congalton (1991).

    Examples
    --------
    >>> scores([[8, 2], [1, 9]])["overall_accuracy"]
    0.85
    """
    counts = np.asarray(confusion, "f8")
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or np.any(~(counts >= 0)):
        raise DataError(f"a confusion matrix is square with counts from 0, got shape {counts.shape}")
    n, agreed, rows, columns = counts.sum(), np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        overall, chance = agreed.sum() / n, (rows * columns).sum() / n**2
        iou = agreed / (rows + columns - agreed)
        by_class = {
            "producer_accuracy": agreed / rows,
            "user_accuracy": agreed / columns,
            "iou": iou,
            "f1": 2 * agreed / (rows + columns),
        }
        kappa = (overall - chance) / (1 - chance)
    if isinstance(confusion, pd.DataFrame):
        by_class = {name: pd.Series(values, index=confusion.index) for name, values in by_class.items()}
    judged = np.isfinite(iou)
    return {
        "overall_accuracy": float(overall),
        "kappa": float(kappa),
        "fwiou": float((rows / n * iou)[judged].sum()) if n else np.nan,
        "miou": float(iou[judged].mean()) if judged.any() else np.nan,
        **by_class,
    }


def area_estimate(counts: Any, mapped_area: Any, *, confidence: float = 0.95) -> dict[str, Any]:
    r"""Areas of classes and accuracies with confidence intervals, from a sample stratified by the map.

    Parameters
    ----------
    counts : array or DataFrame
        Sample counts; rows **map** strata, columns reference.
    mapped_area : array
        Mapped area of each class, in any unit; the row of a class that is not mapped (0) does not count.
    confidence : float
        Of the intervals.

    Returns
    -------
    estimate : dict
        ``classes``: table by class with ``area``, ``area_interval`` (half width), ``user_accuracy``,
        ``user_interval``, ``producer_accuracy``; ``overall_accuracy``, ``overall_interval``. An interval is NaN where a
        stratum has fewer than two samples.

    Raises
    ------
    DataError
        If the numbers of classes differ.

    Notes
    -----
    .. math:: \hat p_{ij} = W_i \frac{n_{ij}}{n_i}, \quad \hat A_j = A \sum_i \hat p_{ij}, \quad
        S(\hat A_j) = A \sqrt{\sum_i \frac{W_i \hat p_{ij} - \hat p_{ij}^2}{n_i - 1}}

    Olofsson et al. (2014), Remote Sensing of Environment 148.

    Examples
    --------
    >>> found = area_estimate([[97, 3], [3, 197]], [100.0, 900.0])
    >>> found["classes"]["area"].round(1).tolist()
    [110.5, 889.5]
    """
    from scipy.special import ndtri

    sample, area = np.asarray(counts, "f8"), np.asarray(mapped_area, "f8")
    if sample.shape != (len(area), len(area)):
        raise DataError(
            f"{len(area)} mapped areas do not fit counts of shape {sample.shape}; give one area for each row"
        )
    z = float(ndtri(0.5 + confidence / 2))
    weights, n = area / area.sum(), sample.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mapped = weights > 0
        share = np.where(mapped[:, None], weights[:, None] * sample / n[:, None], 0)
        freedom = np.where(n > 1, n - 1, np.nan)
        error = np.sqrt(((weights[:, None] * share - share**2) / freedom[:, None])[mapped].sum(axis=0))
        user = np.diag(sample) / n
        variance = user * (1 - user) / freedom
        producer = np.diag(share) / share.sum(axis=0)
    names = counts.index if isinstance(counts, pd.DataFrame) else range(1, len(area) + 1)
    classes = pd.DataFrame(
        {
            "area": area.sum() * share.sum(axis=0),
            "area_interval": z * area.sum() * error,
            "user_accuracy": user,
            "user_interval": z * np.sqrt(variance),
            "producer_accuracy": producer,
        },
        index=pd.Index(names, name="class"),
    )
    return {
        "classes": classes,
        "overall_accuracy": float(np.trace(share)),
        "overall_interval": float(z * np.sqrt((weights**2 * variance)[mapped].sum())),
    }


def eroded_share(severity: Any, *, cell_area: Any = None, from_grade: int = 2) -> float:
    """Share of the valid area that is eroded, in per cent.

    Parameters
    ----------
    severity : array of grades
        0 and NaN are missing.
    cell_area : float or array, optional
        Area of a cell.
    from_grade : int
        The first grade that counts as eroded.

    Returns
    -------
    share : float, %

    Examples
    --------
    >>> eroded_share([1, 1, 2, 5, 0])
    50.0
    """
    grades = np.asarray(severity, "f8")
    area = np.broadcast_to(np.asarray(1.0 if cell_area is None else cell_area, "f8"), grades.shape)
    valid = area[grades > 0].sum()
    return float(100 * area[grades >= from_grade].sum() / valid) if valid else np.nan


def eroded_share_error(
    results: Mapping[str, Mapping[Any, float]], reference: Mapping[Any, float], *, common_years: bool = True
) -> dict[str, pd.DataFrame]:
    """Errors of eroded shares by year against reference statistics.

    Parameters
    ----------
    results : mapping of product to mapping of year to share, %
    reference : mapping of year to share, %
        Such as those of an official bulletin.
    common_years : bool
        Judge all products on the years that all have; else each on its own, which cannot be compared.

    Returns
    -------
    errors : dict
        ``errors``: table of result minus reference, in percentage points, by product and year; ``scores``: ``n``,
        ``bias``, ``mae``, ``rmse`` by product.

    Raises
    ------
    DataError
        If there is no year to compare.

    Examples
    --------
    >>> found = eroded_share_error({"ours": {2018: 19.5, 2019: 22.7}}, {2018: 28.3, 2019: 27.8})
    >>> found["scores"]["mae"].round(2).tolist()
    [6.95]
    """
    truth = pd.Series(dict(reference), dtype="f8")
    errors = pd.DataFrame({name: pd.Series(dict(shares), dtype="f8") for name, shares in results.items()}).T
    errors = errors.loc[:, errors.columns.isin(truth.index)]
    errors = errors.sub(truth.reindex(errors.columns), axis="columns")
    judged = errors.dropna(axis="columns") if common_years else errors
    if not judged.notna().to_numpy().any():
        years = ", ".join(map(str, truth.index))
        raise DataError(
            f"no year is in all results and in the reference ({years}); give common years, or common_years=False"
        )
    table = pd.DataFrame(
        {
            "n": judged.notna().sum(axis=1),
            "bias": judged.mean(axis=1),
            "mae": judged.abs().mean(axis=1),
            "rmse": (judged**2).mean(axis=1) ** 0.5,
        }
    )
    return {"errors": errors, "scores": table}


def against_observations(modelled: Any, observed: Any) -> dict[str, float]:
    r"""Soil loss at plots or gauges against what was measured there.

    Parameters
    ----------
    modelled, observed : array, t ha-1
        Pairs with a missing value are left out.

    Returns
    -------
    scores : dict
        ``n``, ``bias``, ``mae``, ``rmse``, ``nse`` (Nash-Sutcliffe efficiency; NaN if all observations are equal).

    Notes
    -----
    .. math:: NSE = 1 - \frac{\sum (m - o)^2}{\sum (o - \bar o)^2}

    Examples
    --------
    >>> against_observations([12.24, 11.18], [15.81, 13.77])["bias"]
    -3.08
    """
    model, truth = np.asarray(modelled, "f8").reshape(-1), np.asarray(observed, "f8").reshape(-1)
    if model.size != truth.size:
        raise DataError(f"there are {model.size} modelled values and {truth.size} observed ones; give one of each")
    use = np.isfinite(model) & np.isfinite(truth)
    error, spread = (model - truth)[use], truth[use] - truth[use].mean() if use.any() else truth[use]
    if not use.any():
        return {"n": 0, "bias": np.nan, "mae": np.nan, "rmse": np.nan, "nse": np.nan}
    total = float(spread @ spread)
    return {
        "n": int(use.sum()),
        "bias": float(error.mean()),
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "nse": 1 - float(error @ error) / total if total > 0 else np.nan,
    }
