"""Pieces of a web page; text is escaped here, and nowhere else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from soilloss.publish.text import number, with_unit


def text(value: Any) -> str:
    """Return a value as escaped text: numbers as people read them, a dash for nothing.

    Examples
    --------
    >>> text("a < b"), text(0.25), text(None)
    ('a &lt; b', '0.25', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return escape(str(value))
    if isinstance(value, int | float):
        return number(value, 4)
    return escape(str(value))


def paragraph(*sentences: str) -> str:
    """Return a paragraph of ready HTML sentences."""
    return f"<p>{' '.join(sentence for sentence in sentences if sentence)}</p>"


def figure(path: Path, caption: str, alt: str) -> str:
    """Return a PNG inside the page, with its caption (ready HTML) and a description for those who cannot see it."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "", raw: Sequence[int] = ()) -> str:
    """Return a table; numbers are set to the right, columns whose index is in `raw` hold ready HTML."""
    head = "".join(f'<th scope="col">{escape(heading(name))}</th>' for name in header)
    lines = []
    for row in rows:
        cells = [f"<td{_side(value)}>{value if index in raw else text(value)}</td>" for index, value in enumerate(row)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<caption>{caption}</caption>" if caption else ""
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table>{title}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'
        if lines
        else ""
    )


def heading(name: str) -> str:
    """Return a column's name with its unit as people read it.

    Examples
    --------
    >>> heading("mean soil loss [t ha-1 yr-1]")
    'mean soil loss (t ha⁻¹ yr⁻¹)'
    """
    match = re.fullmatch(r"(.*?)\s*\[(.*)\]", name)
    return with_unit(match[1], match[2]) if match else name


def _side(value: Any) -> str:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return ' class="n"' if numeric or value is None else ""
