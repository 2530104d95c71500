"""The report: one HTML page that says what was found, how, from what, and what it cannot say.

It is made only from what lies in the output folder (record, tables, rasters), needs no network, and holds its pictures.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from soilloss.errors import SourceError
from soilloss.publish import answers, background, results
from soilloss.publish.html import text
from soilloss.publish.page import Page

TABLES = ("summary", "severity", "zones")
WORDS = ("step", "zone", "name")
SECTIONS = (
    ("location", "Where", results.location),
    ("soil-loss", "Soil loss", results.soil_loss),
    ("severity", "Severity", results.severity),
    ("years", "By year", results.years),
    ("zones", "By zone", results.zones),
    ("factors", "Factors", results.factors),
    ("gaps", "Cells without a value", results.gaps),
    ("clipped", "Cells cut at a limit", results.clipped),
    ("points", "From points to a surface", results.points),
    ("limits", "What these numbers can and cannot say", background.limits),
    ("findings", "Warnings", background.findings),
    ("methods", "Methods", background.methods),
    ("inputs", "Inputs", background.inputs),
    ("references", "References", background.references),
    ("reproduce", "How to reproduce", background.reproduce),
)


def write_report(folder: Path, record: Mapping[str, Any] | None = None) -> Path:
    """Write ``report.html`` and ``figures/*.png`` from what lies in `folder`; return the page's path.

    Parameters
    ----------
    folder : Path
        A finished output folder: ``record.json``, ``tables/*.csv`` and the rasters.
    record : mapping, optional
        The record, if it is at hand; else it is read.

    Raises
    ------
    SourceError
        If there is no record.
    """
    folder = Path(folder)
    page = Page(folder, dict(record) if record is not None else _read_record(folder), _read_tables(folder))
    parts = [(name, title, make(page)) for name, title, make in SECTIONS]
    after = 1 + next(at for at, (name, _, _) in enumerate(parts) if name == "factors")
    parts[after:after] = answers.sections(page)
    shown = [(name, title, body) for name, title, body in parts if body]
    template = Template(files("soilloss.publish").joinpath("report.html").read_text(encoding="utf-8"))
    page_text = template.substitute(
        version=text(page.record.get("soilloss", "")),
        title=text(page.record.get("name", "soil loss")),
        subtitle=results.subtitle(page),
        answer=results.note(page) + results.answer(page),
        contents=" ".join(f'<a href="#{name}">{text(title)}</a>' for name, title, _ in shown),
        sections="\n".join(
            f'<section id="{name}">\n<h2>{text(title)}</h2>\n{body}\n</section>' for name, title, body in shown
        ),
        footer=background.footer(page),
    )
    path = folder / "report.html"
    part = folder / ".report.html.part"
    part.write_text(page_text, encoding="utf-8")
    part.replace(path)
    return path


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "record.json"
    if not path.is_file():
        raise SourceError(f"{folder} has no record.json, so it is not a finished run; name the folder of one")
    return json.loads(path.read_text(encoding="utf-8"))


def _read_tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    paths = {name: folder / "tables" / f"{name}.csv" for name in TABLES}
    return {name: _read_table(path) for name, path in paths.items() if path.is_file()}


def _read_table(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [{name: _cell(name, text) for name, text in row.items()} for row in csv.DictReader(stream)]


def _cell(name: str, text: str) -> Any:
    """Columns of words stay words (a zone may be called 12); the others are numbers, NaN where empty."""
    return text if name in WORDS else float(text or "nan")
