"""Equations: well-formed MathML for every formula of the package, and the LaTeX itself where we do not know better."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import soilloss
from soilloss.publish.mathml import formula

SOURCES = Path(soilloss.__file__).parent.rglob("*.py")
PATTERN = re.compile(r'\.\. math::(.*?)(?=\n\s*\n|""")', re.DOTALL)
FORMULAS = sorted({" ".join(m.split()) for path in SOURCES for m in PATTERN.findall(path.read_text(encoding="utf-8"))})


@pytest.mark.parametrize("latex", FORMULAS)
def test_every_formula_of_a_docstring_becomes_well_formed_mathml(latex):
    root = ElementTree.fromstring(formula(latex))
    assert root.tag == "math"


def test_structure():
    root = ElementTree.fromstring(
        formula(r"S = \begin{cases} \frac{a}{b} & x < 9 \\ \sqrt{x_i^2} & \text{else} \end{cases}")
    )
    assert len(root.findall(".//mtr")) == 2
    assert len(root.findall(".//mtd")) == 4
    assert ["".join(child.itertext()) for child in root.find(".//mfrac")] == ["a", "b"]
    assert root.find(".//msubsup/mn").text == "2"
    assert "<" in [operator.text for operator in root.iter("mo")]


def test_limits_stand_above_and_below_sums():
    root = ElementTree.fromstring(formula(r"\sum_{i=1}^{12} p_i"))
    assert root.find(".//munderover/mo").text == "∑"


@pytest.mark.parametrize(
    "latex", [r"\unknown{x}", r"\frac{a}", "{x", "x^", r"\begin{cases} a & b", r"\left( x", "x } y"]
)
def test_what_is_not_known_is_shown_as_it_is(latex):
    assert formula(latex) == f"<code>{latex.replace('&', '&amp;')}</code>"


def test_parts_come_on_lines_of_their_own():
    root = ElementTree.fromstring(formula(r"a = b, \quad c = \left(d \quad e\right) \qquad f"))
    assert ["".join(row.itertext()) for row in root.findall("./mtable/mtr")] == ["a=b,", "c=(de)", "f"]


def test_is_escaped():
    assert "<script>" not in formula(r"a < b \text{<script>} <script>")
