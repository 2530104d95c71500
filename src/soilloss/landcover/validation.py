# pyright: reportMissingImports=false
"""What a network gets right on places it has not seen: confusion by season, calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soilloss.analysis.accuracy import scores
from soilloss.landcover.batches import reflectance
from soilloss.landcover.network import HRFormer
from soilloss.landcover.tiles import Tiles, season_of

TEMPERATURES = np.geomspace(0.25, 4, 41)
BINS = 15


def confusion(
    model: HRFormer, tiles: Tiles, *, split: str = "val", quarters: Sequence[int] | None = None, truth: Any = None
) -> np.ndarray:
    """Count cells by season, class of the label and class of the map, ``(4, classes, classes)``.

    Parameters
    ----------
    model : HRFormer
        Network; it is left in the mode it was in.
    tiles : Tiles
        Images and labels.
    split : str
        Which tiles.
    quarters : sequence of int, optional
        Which steps; those with labels unless given.
    truth : array (tile, quarter, y, x), optional
        Classes of every quarter, where more is known than the labels of one year.

    Returns
    -------
    confusion : array (4, classes, classes), int64
        Seasons are the four quarters of the year; rows are labels, columns the map.
    """
    classes = model.settings["classes"]
    out = np.zeros((4, classes, classes), np.int64)
    for season, logits, label in _predicted(model, tiles, split, quarters, truth):
        valid = label > 0
        pairs = (label[valid].long() - 1) * classes + logits.argmax(0)[valid]
        counts = torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
        out[season] += counts.cpu().numpy()
    return out


def calibrated(model: HRFormer, tiles: Tiles, *, split: str = "val") -> dict[str, float]:
    """Return the temperature that makes the network's confidence honest, and the calibration error before and after.

    The temperature minimises the cross-entropy on `split` over a grid from 1/4 to 4 (Guo et al. 2017); the errors are
    the expected calibration errors of 15 bins.
    """
    total = np.zeros(len(TEMPERATURES))
    bins = np.zeros((len(TEMPERATURES), 3, BINS))
    for _, logits, label in _predicted(model, tiles, split, None, None):
        valid = label > 0
        scaled = logits[:, valid].float()
        target = label[valid].long() - 1
        for n, temperature in enumerate(TEMPERATURES):
            logs = (scaled / float(temperature)).log_softmax(0)
            total[n] -= float(logs.gather(0, target[None]).double().sum())
            bins[n] += _binned(logs, target)
    best, plain = int(total.argmin()), len(TEMPERATURES) // 2
    return {
        "temperature": float(TEMPERATURES[best]),
        "error_before": _calibration_error(bins[plain]),
        "error": _calibration_error(bins[best]),
    }


def summary(confusion: np.ndarray) -> dict[str, float]:
    """Return overall accuracy and mean IoU of a confusion by season; NaN where nothing was counted."""
    total = confusion.sum(0)
    if not total.any():
        return {"overall_accuracy": float("nan"), "miou": float("nan")}
    found = scores(total)
    return {name: float(found[name]) for name in ("overall_accuracy", "miou")}


def _predicted(
    model: HRFormer, tiles: Tiles, split: str, quarters: Sequence[int] | None, truth: Any
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield season, logits ``(classes, y, x)`` and label ``(y, x)`` of each image; cells without data have label 0."""
    steps = np.flatnonzero(tiles.weight > 0) if quarters is None else quarters
    device = model.moments.device
    training = model.training
    model.eval()
    for tile in np.flatnonzero(tiles.split == split):
        images = reflectance(np.asarray(tiles.image[int(tile)])[steps])
        with torch.inference_mode():
            logits = model(torch.from_numpy(images).to(device)).float()
        for n, step in enumerate(steps):
            label = np.asarray(tiles.label[int(tile)] if truth is None else truth[int(tile), step])
            label = np.where(np.isfinite(images[n]).all(0), label, 0)
            yield season_of(tiles.quarters[step]), logits[n], torch.from_numpy(label).to(device)
    model.train(training)


def _binned(logs: Tensor, target: Tensor) -> np.ndarray:
    """Return count, sum of confidence and number right in each bin of confidence."""
    highest, found = logs.max(0)
    confidence = highest.exp().double()
    index = (confidence * BINS).long().clamp(max=BINS - 1)
    out = torch.zeros(3, BINS, dtype=torch.float64, device=logs.device)
    for row, value in enumerate((torch.ones_like(confidence), confidence, (found == target).double())):
        out[row].index_add_(0, index, value)
    return out.cpu().numpy()


def _calibration_error(bins: np.ndarray) -> float:
    count, confidence, right = bins
    return float(np.abs(confidence - right).sum() / max(count.sum(), 1))
