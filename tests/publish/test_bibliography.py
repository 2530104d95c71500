"""Citations: every entry of the package reads well; accents and braces are gone."""

from __future__ import annotations

import pytest

from soilloss.publish import bibliography


@pytest.mark.parametrize("key", sorted(bibliography.entries()))
def test_every_entry_reads_well(key):
    for text in (bibliography.short(key), bibliography.full(key)):
        assert not set("{}\\") & set(text)
        assert "(no year)" not in text
        assert "  " not in text


def test_all_entries_are_found():
    text = bibliography.files("soilloss").joinpath("references.bib").read_text(encoding="utf-8")
    assert len(bibliography.entries()) == sum(line.startswith("@") for line in text.splitlines())


def test_parts(monkeypatch):
    source = (
        "@article{a,\n  author = {M{\\\"u}ller, A. and O'Hara, B. and \\'{E}mile, C.},\n  title = {On {K} \\& <R>},\n"
        "  journal = {Soil},\n  volume = {3},\n  number = {2},\n  pages = {1--9},\n  year = {1999},\n"
        "  doi = {10.1/x},\n}\n"
        "@book{b,\n  editor = {Vanoni, V. A.},\n  title = {Sediment},\n  publisher = {P},\n  year = {1975},\n}\n"
    )
    monkeypatch.setattr(bibliography, "entries", lambda: bibliography.parse(source))
    assert bibliography.short("a") == "Müller et al. (1999)"
    assert bibliography.full("a") == (
        "Müller, A., O&#x27;Hara, B. and Émile, C. (1999). On K &amp; &lt;R&gt;. <i>Soil</i> 3(2), 1–9. doi:10.1/x."
    )
    assert bibliography.full("b") == "Vanoni, V. A. (1975). Sediment. P."
    assert bibliography.ordered(["b", "a", "", "b"]) == ["a", "b"]


def test_an_unknown_key_is_shown_escaped():
    assert bibliography.full("<x>") == "&lt;x&gt;"
