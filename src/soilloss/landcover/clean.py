"""Labels fit to learn from: without doubtful edges, and as coarser sensors see them. Plain arrays."""

from __future__ import annotations

import numpy as np

from soilloss.landcover.tiles import NODATA

CLASSES = 8


def without_edges(labels: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Ignore (0) a share of the cells beside another class, above, below, left or right: there maps err most.

    Examples
    --------
    >>> without_edges(np.array([[1, 1, 2, 2, 2]], "u1"), 1.0, np.random.default_rng()).tolist()
    [[1, 0, 0, 2, 2]]
    """
    beside = np.zeros(labels.shape, bool)
    beside[:-1] |= labels[:-1] != labels[1:]
    beside[1:] |= labels[:-1] != labels[1:]
    beside[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    beside[:, 1:] |= labels[:, :-1] != labels[:, 1:]
    return np.where(beside & (random.random(labels.shape) < share), 0, labels)


def purest(labels: np.ndarray, factor: int, purity: float) -> np.ndarray:
    """Classes of cells `factor` times as wide: that of at least `purity` of the small cells, else 0.

    Examples
    --------
    >>> purest(np.array([[1, 1, 3, 3], [1, 2, 4, 4]], "u1"), 2, 0.6).tolist()
    [[1, 0]]
    """
    rows, columns = (n // factor for n in labels.shape)
    cells = labels.reshape(rows, factor, columns, factor)
    counts = np.stack([(cells == code).sum(axis=(1, 3)) for code in range(1, CLASSES + 1)])
    return np.where(counts.max(axis=0) >= purity * factor**2, counts.argmax(axis=0) + 1, 0).astype(np.uint8)


def averaged(values: np.ndarray, factor: int) -> np.ndarray:
    """Means of ``(band, y, x)`` over `factor` times `factor` cells; missing where one of them is."""
    bands, rows, columns = values.shape
    return values.reshape(bands, rows // factor, factor, columns // factor, factor).mean(axis=(2, 4))


def spectra_by_class(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Sum up images ``(step, band, y, x)`` by class: rows are codes from 0, columns the cells and each band's sum."""
    out = np.zeros((CLASSES + 1, 1 + images.shape[1]), np.int64)
    for image in images:
        seen = image[0] != NODATA
        for code in np.unique(labels[seen]):
            here = seen & (labels == code)
            out[code, 0] += here.sum()
            out[code, 1:] += image[:, here].sum(axis=1, dtype=np.int64)
    return out
