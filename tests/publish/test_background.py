"""Behind the results: methods with equations and sources, inputs with hashes, caveats that depend on the findings."""

from __future__ import annotations

from soilloss.publish import background
from soilloss.publish.page import Page


def test_methods_have_equations_coefficients_and_sources(report):
    text, reader = report
    assert text.count("<math") == 4
    assert "alpha = 2, beta = 1" in reader.words
    assert "Van der Knijff, J. M., Jones, R. J. A. and Montanarella, L. (2000)" in reader.words


def test_coefficients_of_any_kind_are_written():
    assert background._coefficient(float("inf")) == "∞"
    assert background._coefficient(0.25) == "0.25"
    assert background._coefficient({"forest": 0.1}) == '{"forest": 0.1}'
    assert background._coefficient("x" * 300).endswith("(record.json has all of it)")


def test_inputs_name_files_numbers_and_hashes(tmp_path):
    entries = [
        {"variable": "cover", "kind": "constant", "unit": "1", "value": 0.25, "path": None},
        {"variable": "ndvi", "kind": "raster", "unit": "1", "path": ["a", "b", "c", "d"], "sha256": ["0f" * 32] * 4},
    ]
    shown = background.inputs(Page(tmp_path, {"inputs": entries}, {}))
    assert "the number 0.25" in shown
    assert "a … d (4 files)" in shown
    assert "0f" * 8 in shown
    assert "0f" * 9 not in shown


def test_the_caveat_on_digital_numbers_needs_its_finding(tmp_path, report):
    assert "Vegetation from digital numbers." in report[1].words
    assert "Vegetation from digital numbers." not in background.limits(Page(tmp_path, {}, {}))


def test_findings_are_listed_gravest_first(tmp_path):
    levels = ("note", "error", "warning")
    found = [{"level": level, "where": "x", "message": f"m {level}"} for level in levels]
    shown = background.findings(Page(tmp_path, {"findings": found}, {}))
    assert shown.index("m error") < shown.index("m warning") < shown.index("m note")
    assert "nothing to report" in background.findings(Page(tmp_path, {}, {}))


def test_how_to_reproduce(report):
    text = report[1].words
    assert "soilloss verify out" in text
    assert "numpy 2.4.6" in text
