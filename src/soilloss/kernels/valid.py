"""Numbers that a quantity cannot have become missing."""

from __future__ import annotations

from typing import Any

import numpy as np


def not_negative(values: Any) -> np.ndarray:
    """Return `values` as floats (float32 stays), NaN where they are negative or infinite.

    Arrays that need nothing are returned as they are, not copied: looking costs far less than writing.

    Examples
    --------
    >>> not_negative([3, -1])
    array([ 3., nan])
    """
    numbers = np.asarray(values)
    numbers = numbers.astype(np.result_type(numbers, np.float32), copy=False)
    if (
        np.fmin.reduce(numbers, axis=None, initial=0.0) >= 0
        and np.fmax.reduce(numbers, axis=None, initial=0.0) < np.inf
    ):
        return numbers
    return np.where((numbers >= 0) & (numbers < np.inf), numbers, numbers.dtype.type(np.nan))
