"""Pieces of pages: escaped, with numbers to the right."""

from __future__ import annotations

from soilloss.publish import html


def test_table_escapes_and_aligns():
    shown = html.table(["name", "area [ha]"], [("a < b", 1234.5), ("c", None)], "A caption")
    assert "<td>a &lt; b</td>" in shown
    assert '<th scope="col" class="n">area (ha)</th>' in shown
    assert '<td class="n">–</td>' in shown
    assert "A caption" in shown


def test_raw_columns_are_left_alone_and_empty_tables_vanish():
    assert "<td><b>x</b></td>" in html.table(["a"], [("<b>x</b>",)], raw=[0])
    assert html.table(["a"], []) == ""


def test_values():
    assert html.text(True) == "True"
    assert html.text(float("nan")) == "–"
    assert html.text(["<"]) == "[&#x27;&lt;&#x27;]"
