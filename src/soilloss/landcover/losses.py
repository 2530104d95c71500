# pyright: reportMissingImports=false
"""What the three stages minimise: contrast between times, cross-entropy, consistency with pseudo-labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(embeddings: Tensor, *, temperature: float = 0.1, apart: Tensor | None = None) -> Tensor:
    r"""Contrast of places between two times (InfoNCE).

    Parameters
    ----------
    embeddings : tensor (2 k, d)
        The k places at one time, then the same places at another.
    temperature : float
        Below 1; small values look at the hardest negatives only.
    apart : tensor (2 k, 2 k), bool, optional
        False for pairs that are no negatives (neighbouring cells of one image); the partner always takes part.

    Returns
    -------
    loss : tensor

    Notes
    -----
    .. math:: L = -\frac{1}{2k} \sum_i \log
        \frac{\exp(\cos(e_i, e_{p(i)}) / \tau)}{\sum_{j \ne i} \exp(\cos(e_i, e_j) / \tau)}

    The sum runs over everything but the anchor itself, the partner :math:`p(i)` included (van den Oord et al. 2018).

    Examples
    --------
    >>> same = torch.eye(4).repeat(2, 1)
    >>> float(info_nce(same, temperature=0.05)) < 1e-7
    True
    """
    unit = F.normalize(embeddings.float(), dim=1)
    alike = unit @ unit.T / temperature
    n = len(alike)
    partner = torch.arange(n, device=alike.device).roll(n // 2)
    left_out = torch.eye(n, dtype=torch.bool, device=alike.device)
    if apart is not None:
        left_out |= ~apart
        left_out[torch.arange(n, device=alike.device), partner] = False
    return F.cross_entropy(alike.masked_fill(left_out, -torch.inf), partner)


def supervised(
    logits: Tensor, label: Tensor, *, weight: Tensor | None = None, smoothing: float = 0.0,
    class_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Mean cross-entropy over the labelled cells.

    Parameters
    ----------
    logits : tensor (n, classes, h, w)
        Class 1 is channel 0.
    label : tensor (n, h, w), integer
        Classes from 1, 0 where there is no label.
    weight : tensor (n,), optional
        Weight of each image; without it every cell counts the same.
    smoothing : float
        Share of the target spread over all classes.
    class_weight : tensor (classes,), optional
        Weight of each class.

    Returns
    -------
    loss : tensor
        0 where no cell is labelled.
    """
    target = label.long() - 1
    loss = F.cross_entropy(
        logits.float(), target, weight=class_weight, ignore_index=-1, label_smoothing=smoothing, reduction="none"
    )
    share = (target >= 0).float()
    if weight is not None:
        share = share * weight[:, None, None]
    return (loss * share).sum() / share.sum().clamp(min=1e-6)


def consistency(logits: Tensor, pseudo: Tensor, accepted: Tensor) -> Tensor:
    r"""Cross-entropy against pseudo-labels where they are accepted, divided by all cells.

    Parameters
    ----------
    logits : tensor (n, classes, h, w)
        Prediction of the perturbed image or features.
    pseudo : tensor (n, h, w), int64
        Channel that the teacher gives the cell.
    accepted : tensor (n, h, w), bool
        Whether the teacher was sure, and the cell lies inside the image.

    Notes
    -----
    .. math:: L = \frac{1}{M} \sum_j [\max_c p_{cj} \ge \lambda] \, H(\hat y_j, p_j)

    Division by all M cells lets the loss grow with what is accepted (Sohn et al. 2020).
    """
    return (F.cross_entropy(logits.float(), pseudo, reduction="none") * accepted).mean()


def thresholds(confidence: Tensor, highest: float) -> Tensor:
    """Return the confidence that each class's pseudo-labels need, ``(classes,)``.

    `confidence` is the running mean of the largest probability by class; the surest class needs `highest`, a class
    that is learnt more slowly needs proportionally less (Wang et al. 2023, *FreeMatch*).

    Examples
    --------
    >>> thresholds(torch.tensor([0.9, 0.6]), 0.9).tolist()
    [0.8999..., 0.6000...]
    """
    return highest * confidence / confidence.max()
