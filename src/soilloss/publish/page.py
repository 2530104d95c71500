"""What a report is made from: the folder, its record and its tables, with short ways to what sections ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from soilloss.publish import html
from soilloss.publish.figures import save
from soilloss.variables import VARIABLES

MEAN = "mean"


class Page(NamedTuple):
    """A finished folder as its report sees it."""

    folder: Path
    record: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]

    def rasters(self, variable: str) -> list[dict[str, Any]]:
        """Return the record's entries of a variable's rasters that are there, the mean first, then by step."""
        found = [
            entry
            for entry in self.record.get("rasters", [])
            if entry["variable"] == variable and (self.folder / entry["path"]).is_file()
        ]
        return sorted(found, key=lambda entry: (entry["label"] not in ("", MEAN), entry["label"]))

    def mean_of(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table for the mean of the period; where there is none, those of its only step."""
        rows = self.tables.get(table, [])
        steps = list(dict.fromkeys(row["step"] for row in rows))
        wanted = MEAN if MEAN in steps else steps[0] if len(steps) == 1 else None
        return [row for row in rows if row["step"] == wanted]

    def unit(self) -> str:
        """Return the unit of mean soil loss."""
        entries = self.rasters("soil_loss")
        return entries[0]["unit"] if entries else VARIABLES["soil_loss"].unit

    def figure(self, name: str, drawn: Figure, caption: str, alt: str) -> str:
        """Keep a drawn figure as ``figures/<name>.png`` and return it with its caption, as HTML."""
        return html.figure(save(drawn, self.folder / "figures" / f"{name}.png"), caption, alt)


def value(row: dict[str, Any], start: str) -> Any:
    """Return what a row of a table has in the column that begins with `start`; units follow in brackets there.

    Examples
    --------
    >>> value({"step": "2014", "share [%]": 12.5}, "share")
    12.5
    """
    return next(row[name] for name in row if name.startswith(start))
