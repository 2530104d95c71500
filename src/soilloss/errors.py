"""What can go wrong, grouped by what the reader does next.

Every message says what (with the value), what was expected, and what to do.
`exit_code` is the command's exit status, `http_status` the server's answer.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SoilLossError(Exception):
    """Any problem soilloss can explain in a sentence."""

    exit_code = 1
    http_status = 500


class ProjectError(SoilLossError, ValueError):
    """The project file cannot mean anything."""

    exit_code = 2
    http_status = 422


class MissingInputError(SoilLossError, ValueError):
    """A variable has neither a source nor a method."""

    exit_code = 2
    http_status = 422


class UnitsError(SoilLossError, ValueError):
    """No unit, or one that does not convert."""

    exit_code = 2
    http_status = 422


class GridError(SoilLossError, ValueError):
    """Coordinate reference system, extent or resolution do not fit."""

    exit_code = 2
    http_status = 422


class DataError(SoilLossError, ValueError):
    """Values outside what the variable allows."""

    exit_code = 4
    http_status = 422


class SourceError(SoilLossError, OSError):
    """A file or service failed; the message says whether a retry helps."""

    exit_code = 3
    http_status = 502


class MissingExtraError(SoilLossError, ImportError):
    """An optional part is not installed."""

    exit_code = 5
    http_status = 501


class SoilLossWarning(UserWarning):
    """Something a reader of the result should know."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or an empty string.

    Examples
    --------
    >>> did_you_mean("knijff", ["van_der_knijff_2000", "cai_2000"])
    "; did you mean 'van_der_knijff_2000'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    close = close or [other for other in names if len(name) > 2 and name.lower() in other]
    return f"; did you mean '{close[0]}'?" if close else ""
