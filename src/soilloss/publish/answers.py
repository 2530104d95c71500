"""The sections of the report that show what the analyses found: sentences, figures, tables, drawn from the folder.

``KINDS`` says which function draws which kind of figure data: ``draw(folder, data) -> Figure``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from soilloss.publish import associations, charts, differences, html, maps, sankey
from soilloss.publish.page import Page

# rows of a table that is shown, and of one that can be unfolded; a longer one is only named
SHORT, MOST_ROWS = 8, 60
# numbers in columns whose name ends so are names
WORDS = ("place", "zone", "year", "class", "period")

Data = Mapping[str, Any]


def _classes(folder: Path, data: Data) -> Figure:
    return maps.draw_classes(folder / data["raster"], data["names"], data["colours"])


def _plain(draw: Callable[..., Figure], *keys: str) -> Callable[[Path, Data], Figure]:
    """A drawing function of numbers alone, which stand in the figure data under `keys`."""
    return lambda _folder, data: draw(*(data[key] for key in keys))


def _differences(folder: Path, data: Data) -> Figure:
    panels = [(title, folder / path) for title, path in data["panels"]]
    return differences.draw_differences(panels, data["unit"], data["label"])


def _pairs(folder: Path, data: Data) -> Figure:
    return associations.draw_pairs(folder / data["raster"], data["first"], data["second"], data["titles"])


KINDS: dict[str, Callable[[Path, Data], Figure]] = {
    "areas": _plain(charts.draw_areas, "years", "shares", "names", "colours"),
    "agreement": _plain(associations.draw_agreement, "observed", "modelled", "label", "unit"),
    "bars": _plain(associations.draw_bars, "names", "values", "label"),
    "changes": _plain(differences.draw_changes, "names", "values", "label"),
    "classes": _classes,
    "differences": _differences,
    "effects": _plain(charts.draw_effects, "names", "values", "label", "unit"),
    "grouped": _plain(charts.draw_grouped, "names", "series", "label", "unit"),
    "line": _plain(charts.draw_line, "years", "values", "slope", "intercept", "label", "unit"),
    "matrix": _plain(associations.draw_matrix, "names", "values", "label", "lowest"),
    "pairs": _pairs,
    "sankey": _plain(sankey.draw_sankey, "steps", "flows", "names", "colours"),
    "stacks": _plain(differences.draw_stacks, "years", "parts", "label", "unit"),
    "turnover": _plain(charts.draw_turnover, "years", "gained", "lost", "label"),
    "waterfall": _plain(differences.draw_waterfall, "start", "parts", "end", "label", "unit"),
    "shares": _plain(associations.draw_shares_by_year, "years", "lines", "label"),
    "windows": _plain(associations.draw_windows, "years", "lines", "label"),
}


def sections(page: Page) -> list[tuple[str, str, str]]:
    """Return name, heading and body (HTML) of a section for each analysis of the record."""
    return [
        (f"analysis-{entry['name']}", entry["title"], section(page, entry)) for entry in page.record.get("analyses", [])
    ]


def section(page: Page, entry: Data) -> str:
    """Return what an analysis found: its sentences, its figures, its tables; longer tables are folded."""
    words = [html.paragraph(html.text(sentence)) for sentence in entry["words"]]
    drawn = [
        page.figure(data["name"], KINDS[data["kind"]](page.folder, data), html.text(data["caption"]), data["alt"])
        for data in entry["figures"]
    ]
    return "\n".join([*words, *drawn, *(_table(page.folder, one) for one in entry["tables"])])


def _table(folder: Path, entry: Data) -> str:
    caption = html.text(entry["caption"])
    source = f"<code>{html.text(entry['path'])}</code>"
    if entry["rows"] > MOST_ROWS:
        return f'<p class="small">{caption} The table has {entry["rows"]} rows: {source}.</p>'
    with (folder / entry["path"]).open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    columns = [_column(name, [row[at] for row in rows]) for at, name in enumerate(header)]
    shown = html.table(header, zip(*columns, strict=True), f"{caption} {source}" if entry["rows"] <= SHORT else "")
    if entry["rows"] <= SHORT:
        return shown
    return f"<details><summary>{caption} {source}, {entry['rows']} rows</summary>\n{shown}</details>"


def _column(name: str, words: list[str]) -> list[Any]:
    """Numbers where all of a column read as numbers, nothing where it is empty; names stay words."""
    try:
        return words if name.split(" ")[-1] in WORDS else [float(word) if word else None for word in words]
    except ValueError:
        return words
