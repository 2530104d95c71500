"""NumPy ufuncs out of scalar functions: they broadcast, release the interpreter lock and keep float32."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import guvectorize, vectorize

_COMPILING = threading.RLock()


def ufunc(signatures: list[str], layout: str = "", *, data: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function of one cell for the types of `signatures`, float32 first.

    With a `layout` such as ``(),(n)->()`` the last arguments may be small tables. The first `data` arguments are
    cells: plain Python numbers among them are computed in float64 unless an array asks for float32. Missing cells make
    no warnings. It is compiled, or loaded from the compiler's cache, at the first call: a run needs few of all.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        made: list[Any] = []

        def compiled() -> Any:
            with _COMPILING:
                if not made:
                    kind, given = (guvectorize, (signatures, layout)) if layout else (vectorize, (signatures,))
                    made.append(kind(*given, cache=True)(function))
            return made[0]

        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            if not any(hasattr(cell, "dtype") and np.can_cast(cell.dtype, np.float32) for cell in arguments[:data]):
                arguments = tuple(np.float64(a) if isinstance(a, int | float) else a for a in arguments)
            with np.errstate(all="ignore"):
                return compiled()(*arguments)

        return call

    return decorate
