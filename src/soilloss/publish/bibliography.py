"""Citations as readers expect them, from ``references.bib``."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from html import escape
from importlib.resources import files

ENTRY = re.compile(r"@(\w+)\s*\{\s*([^,\s]+)\s*,(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*?)\}\s*,?\s*$", re.MULTILINE)
ACCENT = re.compile(r"""\\(["'`^~=.cvuHk])\s*\{?(\\?[A-Za-z])\}?""")
COMBINING = {
    '"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328",
}  # fmt: skip


@functools.cache
def entries() -> dict[str, dict[str, str]]:
    """Return every citation of the package: key to its fields (as plain text) and its ``type``.

    Examples
    --------
    >>> entries()["bohner2006" if "bohner2006" in entries() else "renard1997"]["year"][:2] in ("19", "20")
    True
    """
    return parse(_text())


def bibtex(keys: Iterable[str]) -> str:
    """Return the BibTeX entries of `keys`, as they stand in ``references.bib``.

    Examples
    --------
    >>> bibtex(["renard1994"]).startswith("@article{renard1994,")
    True
    """
    found = {match[2]: match[0] for match in ENTRY.finditer(_text())}
    return "\n\n".join(found[key] for key in keys if key in found)


def _text() -> str:
    return files("soilloss").joinpath("references.bib").read_text(encoding="utf-8")


def parse(text: str) -> dict[str, dict[str, str]]:
    r"""Read BibTeX as we write it: one field a line, closing brace of the entry at the start of a line.

    Examples
    --------
    >>> parse('@article{a2000,\n  author = {B{\\"o}hner, J. and Li, X.},\n  year = {2000},\n}\n')
    {'a2000': {'type': 'article', 'author': 'Böhner, J. and Li, X.', 'year': '2000'}}
    """
    return {
        key: {"type": kind.lower(), **{name.lower(): _plain(value) for name, value in FIELD.findall(body)}}
        for kind, key, body in ENTRY.findall(text)
    }


def short(key: str) -> str:
    """Return ``Author and Author (year)`` of a citation, or the key itself when it is not known.

    Examples
    --------
    >>> short("unknown2000")
    'unknown2000'
    """
    entry = entries().get(key)
    if not entry:
        return key
    names = [person.split(",")[0].strip() for person in _people(entry)]
    who = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al."
    return f"{who} ({entry.get('year', 'no year')})"


def full(key: str) -> str:
    """Return a citation as HTML, everything in it escaped; the key itself when it is not known."""
    entry = entries().get(key)
    if not entry:
        return escape(key)
    field = {name: escape(value) for name, value in entry.items()}
    parts = [f"{escape(_joined(_people(entry)))} ({field.get('year', 'no year')}). {field.get('title', '')}."]
    parts += _where(field)
    if "doi" in field:
        parts.append(f"doi:{field['doi']}.")
    return " ".join(parts)


def ordered(keys: Iterable[str]) -> list[str]:
    """Return the different keys, sorted by author and year."""
    return sorted({key for key in keys if key}, key=lambda key: (short(key).casefold(), key))


def _where(field: dict[str, str]) -> list[str]:
    """Where it appeared: journal with volume and pages, book with editor, report with its institution."""
    pages = f", {field['pages']}" if "pages" in field else ""
    number = f"({field['number']})" if "number" in field and "journal" in field else ""
    parts = []
    if "journal" in field:
        parts.append(f"<i>{field['journal']}</i> {field.get('volume', '')}{number}{pages}.")
    elif "booktitle" in field:
        editor = f"{_joined(_people(field, 'editor'))} (ed.), " if "editor" in field else ""
        parts.append(f"In: {editor}<i>{field['booktitle']}</i>{pages}.")
    loose = [
        field[name] for name in ("edition", "series", "institution", "school", "publisher", "address") if name in field
    ]
    if "number" in field and "journal" not in field:
        loose.insert(0, field["number"])
    if loose:
        parts.append(", ".join(loose) + ".")
    return parts


def _people(entry: dict[str, str], role: str = "author") -> list[str]:
    named = entry.get(role) or entry.get("editor") or entry.get("institution") or "Anonymous"
    return [person.strip() for person in named.split(" and ")]


def _joined(people: list[str]) -> str:
    return people[0] if len(people) == 1 else f"{', '.join(people[:-1])} and {people[-1]}"


def _plain(value: str) -> str:
    def accented(match: re.Match[str]) -> str:
        return unicodedata.normalize("NFC", match[2].lstrip("\\") + COMBINING[match[1]])

    text = ACCENT.sub(accented, value).replace("---", "—").replace("--", "–").replace("\\&", "&").replace("~", "\u00a0")
    return " ".join(text.replace("{", "").replace("}", "").split(" "))
