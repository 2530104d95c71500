"""NumPy ufuncs out of scalar functions: they broadcast, release the interpreter lock and keep float32."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import guvectorize, vectorize


def ufunc(signatures: list[str], layout: str = "", *, data: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function of one cell for the types of `signatures`, float32 first.

    With a `layout` such as ``(),(n)->()`` the last arguments may be small tables. The first `data` arguments are
    cells: where all of them are plain Python numbers they are computed in float64. Missing cells make no warnings.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        compiler = guvectorize(signatures, layout, cache=True) if layout else vectorize(signatures, cache=True)
        compiled: Any = compiler(function)

        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            if not any(hasattr(value, "dtype") for value in arguments[:data]):
                arguments = (*map(np.float64, arguments[:data]), *arguments[data:])
            with np.errstate(all="ignore"):
                return compiled(*arguments)

        return call

    return decorate
