"""Land cover in time: from maps of single steps to a series that agrees with itself. Needs no torch.

A five-step majority, the mean of probabilities, and a hidden Markov model that knows how the classifier errs in each
season. A step without evidence (no image, or one filled from its neighbours) is 0 or NaN and speaks for no class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from soilloss.errors import DataError
from soilloss.kernels import hidden_markov, series

CLASSES = 8
_FROM_ALL_SEASONS = 10.0  # samples' worth of the season-free table in each season's: a season may have few
_UNSEEN = 1.0  # one sample's worth of a guess (half of it right), for a class without any
_IMPOSSIBLE = 1e-12


class Smoothed(NamedTuple):
    """A series made consistent: arrays ``(time, ...)``, missing where a cell was never seen.

    `labels` are classes from 1 (uint8, 0 missing); `confidence` the probability of that class, `change` that of another
    class than at the step before, and `posterior` ``(time, class, ...)`` that of every class (float32). Only the labels
    are there for the most probable path, and the posterior only where it was asked for.
    """

    labels: Any
    confidence: Any = None
    change: Any = None
    posterior: Any = None


def majority_filter(labels: Any, *, window: int = 5, fill: bool = False) -> Any:
    """Most frequent class in a window of time around each step.

    Parameters
    ----------
    labels : array of classes, (time, ...)
        0 and NaN are missing and have no vote.
    window : int
        Steps, odd; the window is cut at both ends of the series.
    fill : bool
        Whether missing steps take the class of their window too.

    Returns
    -------
    filtered : array like `labels`
        All steps are filtered from the given labels, none from filtered ones.

    Raises
    ------
    DataError
        If the window is even or a code is not from 0 to 255.

    Notes
    -----
    A tie keeps the present class if it is among the most frequent, else takes the one nearest in time, else the
    smallest code. States shorter than half of the window vanish, true ones too: do not use it on what changes with the
    season. The filter of the founding study of quarterly maps (2025), whose text leaves ties and ends open.

    Examples
    --------
    >>> majority_filter(np.array([1, 1, 2, 1, 1, 3, 3, 3, 2, 3])).tolist()
    [1, 1, 1, 1, 1, 3, 3, 3, 3, 3]
    """
    if window < 1 or window % 2 == 0:
        raise DataError(f"window is {window}, expected an odd number of steps such as 5, centred on each step")
    codes = _codes(labels)
    out = np.empty_like(codes)
    series.majority(codes, window // 2, fill, out)
    return _like(labels, out)


def mean_probability(probability: Any, *, window: int = 5) -> np.ndarray:
    """Mean of class probabilities over a window of time around each step.

    Parameters
    ----------
    probability : float array (time, class, ...)
        NaN where a step shows nothing: it is left out.
    window : int
        Steps, odd; cut at both ends.

    Returns
    -------
    mean : float32 array (time, class, ...)
        NaN where no step of the window shows anything.

    Examples
    --------
    >>> mean_probability(np.array([[[0.9], [0.1]], [[0.5], [0.5]]]), window=3)[0, :, 0].round(2)
    array([0.7, 0.3], dtype=float32)
    """
    given = np.asarray(probability, np.float32)
    seen = np.isfinite(given)
    values = np.where(seen, given, 0)
    out = np.empty_like(values)
    for step in range(len(values)):
        near = slice(max(step - window // 2, 0), step + window // 2 + 1)
        count = seen[near].sum(axis=0)
        out[step] = np.where(count > 0, values[near].sum(axis=0) / np.maximum(count, 1), np.nan)
    return out


def sticky_transitions(
    classes: int = CLASSES,
    *,
    change_rate: float = 0.015,
    steps_per_year: float = 4,
    forbidden: Sequence[tuple[int, int]] = (),
) -> np.ndarray:
    r"""Probabilities of moving from class to class between two steps, the same for all moves that are allowed.

    Parameters
    ----------
    classes : int
        Number of classes.
    change_rate : float
        Share of the cells that change in a year; 0.01 to 0.02 is usual.
    steps_per_year : float
        4 for quarters.
    forbidden : sequence of (from, to)
        Classes, counted from 1, between which no cell moves from one step to the next, such as built-up to forest.

    Returns
    -------
    transition : float32 array (class, class)
        Rows from, columns to; rows sum to 1.

    Raises
    ------
    DataError
        If the rate is not between 0 and 1.

    Notes
    -----
    .. math:: A_{ij} = \frac{1 - (1 - r)^{1 / s}}{m_i}, \quad A_{ii} = (1 - r)^{1 / s}

    with rate r, s steps a year and m moves that are allowed.

    Examples
    --------
    >>> sticky_transitions(2, change_rate=0.19, steps_per_year=2).round(2)
    array([[0.9, 0.1],
           [0.1, 0.9]], dtype=float32)
    """
    if not 0 < change_rate < 1:
        raise DataError(f"change_rate is {change_rate}, expected the share of cells that change in a year, 0 to 1")
    allowed = 1 - np.eye(classes)
    for one, other in forbidden:
        allowed[one - 1, other - 1] = 0
    moves = 1 - (1 - change_rate) ** (1 / steps_per_year)
    rates = moves * allowed / np.maximum(allowed.sum(axis=1, keepdims=True), 1)
    return (rates + np.diag(1 - rates.sum(axis=1))).astype(np.float32)


def emission_of(confusion: Any) -> np.ndarray:
    """How probable each observed class is for each true class in each season, from validation samples.

    Parameters
    ----------
    confusion : array (season, class, class), or (class, class)
        Counts of samples that training did not see; rows reference, columns map.

    Returns
    -------
    emission : float32 array (season, class, 1 + class)
        Rows of classes; column 0, nothing observed, is 1.

    Notes
    -----
    Each season's rows take ten samples' worth from the sum of all seasons, and that one sample's worth of a guess that
    is right in half of the cases: no observation becomes impossible because a few samples did not show it.

    Examples
    --------
    >>> emission_of([[98, 2], [0, 0]])[0, 0].round(2)
    array([1.  , 0.98, 0.02], dtype=float32)
    """
    counts = np.asarray(confusion, "f8")
    counts = counts[None] if counts.ndim == 2 else counts
    classes = counts.shape[-1]
    if counts.ndim != 3 or counts.shape[1] != classes or not (counts >= 0).all():
        raise DataError(f"confusion has shape {counts.shape}, expected counts (season, class, class), none negative")
    guess = 0.5 * np.eye(classes) + 0.5 / classes
    pooled = _shares(counts.sum(axis=0) + _UNSEEN * guess)
    shares = _shares(counts + _FROM_ALL_SEASONS * pooled)
    return np.concatenate([np.ones((len(counts), classes, 1)), shares], axis=2).astype(np.float32)


def hmm_smooth(
    observed: Any,
    *,
    confusion: Any = None,
    season: Any = None,
    prior: Any = None,
    transition: Any = None,
    path: bool = False,
    posterior: bool = False,
) -> Smoothed:
    r"""Classes of all steps by a hidden Markov model: true classes change seldom, observed ones err as is known.

    Parameters
    ----------
    observed : array
        Classes ``(time, ...)``, 0 or NaN where nothing was seen; or, without `confusion`, calibrated probabilities
        ``(time, class, ...)``, NaN where nothing was seen.
    confusion : array (season, class, class) or (class, class), optional
        Counts of held-out samples, rows reference, columns map: how the classifier errs.
    season : int array (time,), optional
        Which table of `confusion` holds at each step; default 0, 1, 2 ... over and over.
    prior : array (class,), optional
        Shares of the classes; default those observed. Give them where an area is done in parts.
    transition : array (class, class), optional
        Probabilities from one step to the next; default `sticky_transitions` of quarters.
    path : bool
        The most probable sequence (Viterbi) instead of the most probable class of each step.
    posterior : bool
        Whether the probabilities of all classes are wanted.

    Returns
    -------
    Smoothed
        Labels, and unless the path was asked for their probability and that of a change.

    Raises
    ------
    DataError
        If shapes do not fit, or a path of probabilities is asked for.

    Notes
    -----
    .. math:: P(z_t = c \mid o_1 \dots o_T) \propto \alpha_t(c) \, \beta_t(c)

    forward-backward, scaled at each step; Rabiner (1989). Probabilities are divided by the class shares to be
    likelihoods. Errors that repeat (the same cell, every winter) are no independent evidence: what the probabilities
    of an overconfident network lose by that, a table of its errors by season keeps.

    Examples
    --------
    >>> hmm_smooth(np.array([1, 2, 1, 0, 1, 1]), confusion=[[90, 10], [10, 90]]).labels.tolist()
    [1, 1, 1, 1, 1, 1]
    """
    if confusion is None and path:
        raise DataError("the path needs observed classes and their confusion; leave path out for probabilities")
    model = _model(observed, confusion, prior, transition)
    if confusion is None:
        return _of_probabilities(observed, model, posterior)
    emission = emission_of(confusion)
    steps = len(observed)
    seasons = np.arange(steps) % len(emission) if season is None else np.asarray(season, np.int64)
    if seasons.shape != (steps,) or seasons.max(initial=0) >= len(emission):
        raise DataError(f"season has shape {seasons.shape}, expected one number below {len(emission)} for each step")
    codes = _codes(observed)
    if path:
        found = np.empty_like(codes)
        logarithms = [np.log(np.maximum(a, _IMPOSSIBLE)) for a in (emission, *model)]
        hidden_markov.viterbi(codes, seasons, logarithms[0], logarithms[1], logarithms[2], found)
        return Smoothed(_like(observed, found))
    out = _room(codes.shape, len(model[1]), posterior)
    hidden_markov.smooth_labels(codes, seasons, emission, *model, *out)
    return _smoothed(out, np.shape(observed)[1:])


def _of_probabilities(observed: Any, model: tuple[np.ndarray, np.ndarray], posterior: bool) -> Smoothed:
    given = np.asarray(observed, np.float32)
    cells = np.ascontiguousarray(given.reshape(*given.shape[:2], -1))
    out = _room((len(cells), cells.shape[2]), cells.shape[1], posterior)
    hidden_markov.smooth_probabilities(cells, 1 / model[1], *model, *out)
    return _smoothed(out, given.shape[2:])


def _model(observed: Any, confusion: Any, prior: Any, transition: Any) -> tuple[np.ndarray, np.ndarray]:
    """Transition and prior, float32."""
    classes = np.shape(confusion)[-1] if confusion is not None else np.shape(observed)[1]
    moves = sticky_transitions(classes) if transition is None else np.asarray(transition, np.float32)
    if prior is None:
        prior = _mean_shares(observed) if confusion is None else class_shares(observed, classes)
    shares = np.asarray(prior, "f8")
    if moves.shape != (classes, classes) or shares.shape != (classes,):
        raise DataError(
            f"transition has shape {moves.shape} and prior {shares.shape}, expected those of {classes} classes"
        )
    return np.ascontiguousarray(moves), (np.maximum(shares, 1e-4) / np.maximum(shares, 1e-4).sum()).astype(np.float32)


def class_shares(labels: Any, classes: int = CLASSES) -> np.ndarray:
    """Share of each class among the labels ``(time, ...)`` that are not missing; equal ones where all are.

    Examples
    --------
    >>> class_shares(np.array([[1, 1], [2, 0]]), 2).round(2).tolist()
    [0.67, 0.33]
    """
    total = np.bincount(_codes(labels).reshape(-1), minlength=classes + 1)[1 : classes + 1]
    return total / total.sum() if total.sum() else np.full(classes, 1 / classes)


def _mean_shares(probability: Any) -> np.ndarray:
    total = np.nansum(np.moveaxis(np.asarray(probability, "f8"), 1, 0).reshape(np.shape(probability)[1], -1), axis=1)
    return total / total.sum() if total.sum() else np.full(total.size, 1 / total.size)


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / counts.sum(axis=-1, keepdims=True)


def _room(shape: tuple[int, ...], classes: int, posterior: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    steps, cells = shape
    wanted = (steps, classes, cells if posterior else 0)
    return np.empty(shape, np.uint8), np.empty((2, *shape), np.float32), np.empty(wanted, np.float32)


def _smoothed(out: tuple[np.ndarray, np.ndarray, np.ndarray], space: tuple[int, ...]) -> Smoothed:
    labels, outlook, posterior = out
    whole = posterior.reshape(*posterior.shape[:2], *space) if posterior.size else None
    confidence, change = (part.reshape(-1, *space) for part in outlook)
    return Smoothed(labels.reshape(-1, *space), confidence, change, whole)


def _codes(labels: Any) -> np.ndarray:
    """Classes as uint8, (time, cells); 0 where missing."""
    values = np.asarray(labels)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0)
    if values.size and not (values.min() >= 0 and values.max() <= 255 and np.all(values % 1 == 0)):
        raise DataError(f"labels run from {values.min()} to {values.max()}, expected classes from 0 (missing) to 255")
    return np.ascontiguousarray(values.reshape(len(values), -1), np.uint8)


def _like(labels: Any, codes: np.ndarray) -> Any:
    """Codes in shape, type and missing value of `labels`."""
    shaped = codes.reshape(np.shape(labels)).astype(np.asarray(labels).dtype)
    if shaped.dtype.kind == "f":
        shaped[shaped == 0] = np.nan
    return labels.copy(data=shaped) if isinstance(labels, xr.DataArray) else shaped
