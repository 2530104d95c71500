"""Look-up tables as CSV beside this file; `read` is the only way to them."""

from __future__ import annotations

import functools
from importlib.resources import files

import pandas as pd

from soilloss.errors import DataError, did_you_mean


def names() -> list[str]:
    """Return the names of the tables that come with the package.

    Examples
    --------
    >>> "severity" in names()
    True
    """
    return sorted(entry.name[:-4] for entry in files(__package__).iterdir() if entry.name.endswith(".csv"))


@functools.cache
def read(name: str) -> pd.DataFrame:
    """Return the table `name` (without ``.csv``); it is shared, so copy before changing it.

    Raises
    ------
    DataError
        If there is no such table.

    Examples
    --------
    >>> list(read("severity").columns)
    ['scheme', 'grade', 'lower', 'closed', 'name', 'colour']
    """
    known = names()
    if name not in known:
        raise DataError(f"there is no table {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})")
    with files(__package__).joinpath(f"{name}.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, comment="#", skipinitialspace=True)
