"""Pieces of a web page; text is escaped here, and nowhere else."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from soilloss.publish.text import number, with_unit

SHORT = 15  # rows of a table that is kept on one printed page
CSS_PIXELS = 0.855  # a figure of 7.4 inches at 150 dots per inch fills the page's column


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
        return number(value, 15 if isinstance(value, int) else 4)
    return escape(str(value))


def paragraph(*sentences: str) -> str:
    """Return a paragraph of ready HTML sentences."""
    return f"<p>{' '.join(sentence for sentence in sentences if sentence)}</p>"


def figure(path: Path, caption: str, alt: str) -> str:
    """Return a PNG inside the page, with its caption (ready HTML) and a description for those who cannot see it."""
    content = path.read_bytes()
    width, height = (round(side * CSS_PIXELS) for side in struct.unpack(">II", content[16:24]))
    size = f'width="{width}" height="{height}"'
    image = f'<img src="data:image/png;base64,{base64.b64encode(content).decode("ascii")}" {size} alt="{escape(alt)}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "", raw: Sequence[int] = ()) -> str:
    """Return a table; numbers are set to the right, columns whose index is in `raw` hold ready HTML."""
    listed = [list(row) for row in rows]
    if not listed:
        return ""
    sides = [' class="n"' if any(_is_number(row[i]) for row in listed) else "" for i in range(len(header))]
    head = "".join(
        f'<th scope="col"{side}>{escape(heading(name))}</th>' for name, side in zip(header, sides, strict=True)
    )
    lines = "\n".join(
        "<tr>" + "".join(f"<td{sides[i]}>{v if i in raw else text(v)}</td>" for i, v in enumerate(row)) + "</tr>"
        for row in listed
    )
    title = f"<caption><span>{caption}</span></caption>" if caption else ""
    wide = "wide short" if len(listed) <= SHORT else "wide"
    return f'<div class="{wide}"><table>{title}<thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table></div>'


def heading(name: str) -> str:
    """Return a column's name with its unit as people read it.

    Examples
    --------
    >>> heading("mean soil loss [t ha-1 yr-1]")
    'mean soil loss (t ha⁻¹ yr⁻¹)'
    """
    match = re.fullmatch(r"(.*?)\s*\[(.*)\]", name)
    return with_unit(match[1], match[2]) if match else name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
