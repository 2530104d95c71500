"""Means over uncertain classes."""

from __future__ import annotations

from typing import Any

import numpy as np


def expectation(probability: Any, values: Any) -> Any:
    """Mean of `values` ``(..., class)`` weighted by `probability` ``(..., class)``; what is impossible counts nothing.

    Examples
    --------
    >>> float(expectation(np.array([0.5, 0.5, 0.0]), np.array([1.0, 2.0, np.nan])))
    1.5
    """
    shares = np.asarray(probability)
    kind = shares.dtype if shares.dtype.kind == "f" else np.dtype("f8")
    total = np.sum(shares, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        weighed = np.where(shares == 0, 0, shares * np.asarray(values, kind))
        return (np.sum(weighed, axis=-1) / total).astype(kind)[()]
