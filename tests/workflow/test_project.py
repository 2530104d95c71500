import pytest

from soilloss.errors import ProjectError
from soilloss.workflow import project as projects
from soilloss.workflow.yaml12 import parse

BASE = "sources:\n  elevation: dem.tif\n  practice: 1\n"


def read(extra=""):
    return projects.validate(parse(BASE + extra), "p.yml")


MISTAKES = {
    "sorces: 1": "sorces: unknown key; did you mean 'sources'",
    "grid: {crs: 'EPSG:1'}": "grid: needs 'crs' and 'resolution', or 'like'",
    "grid: {crs: 'EPSG:1', resolution: 3, like: elevation}": "give one or the other",
    "grid: {crss: x, resolution: 3}": "grid.crss: unknown key; did you mean 'crs'",
    "grid: {crs: x, resolution: ten}": "grid.resolution: expected a number, got 'ten'",
    "grid: {crs: x, resolution: -3}": "grid.resolution: .*greater than 0, got -3",
    "period: {start: 2001, end: 1999}": "period: ends in 1999, before it starts in 2001",
    "period: {start: 2001-03, end: 2002}": "expected whole years",
    "period: {start: 2001}": "needs 'start' and 'end', or 'years' with a list",
    "period: {years: [2010, 2015], end: 2020}": "has 'years' and also 'start' or 'end'",
    "period: {years: [2015, 2010]}": "put them in order, each once",
    "period: {years: []}": "period.years: ",
    "period: {years: 2010}": "period.years: ",
    "analysis: [{trend: {of: [ndvi]}}, trend]": "trend is asked twice",
    "analysis: [trend, 5]": "5 is no analysis; write a name, or a name with its options in braces",
    "period: {start: 2001-13, end: 2002}": "'2001-13' is not a year or month",
    "period: {start: 2001, end: 2002, step: yr}": "period.step: 'yr' is not known; did you mean 'year'",
    "methods: {cover: 3}": "methods.cover: 3 is not a method",
    "methods: {covr: x}": "methods.covr: not a variable soilloss knows; did you mean 'cover'",
    "methods: {elevation: x}": "elevation has both a source and a method",
    "analysis: [sumary]": "analysis.sumary: unknown key; did you mean 'summary'",
    "analysis: summary": "analysis: expected a list",
    "analysis: [{severity: {scheme: foo}}]": "analysis.severity.scheme: 'foo' is not known",
    "publish: {folder: 3}": "publish.folder: expected text, got 3",
    "publish: {fodler: x}": "publish.fodler: unknown key; did you mean 'folder'",
    "publish: {factors: [2001]}": "not all years of the period",
    "zero_classes: [sea]": "'sea' is not known",
    "model: wepp": "model: 'wepp' is not known",
    "zones: a.gpkg": "zones: expected a mapping",
}


@pytest.mark.parametrize(("extra", "words"), MISTAKES.items())
def test_mistakes_in_keys_get_one_sentence(extra, words):
    with pytest.raises(ProjectError, match=words) as caught:
        read(extra)
    assert str(caught.value).startswith("p.yml: ")
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


SOURCE_MISTAKES = {
    "{fil: a}": "needs one of 'product', 'file', 'table', 'polygons', 'lines', 'value', .*but has 'fil'",
    "{file: a, scal: 2}": "sources.ndvi.scal: unknown key; did you mean 'scale'",
    "{table: a.csv, interpolate: krigin}": "did you mean 'kriging'",
    "true": "True is not a source",
    "~": "None is not a source",
    "{polygons: a}": "sources.ndvi.column: is missing",
    "{file: 3}": "sources.ndvi.file: expected text, got 3",
    "{value: a}": "sources.ndvi.value: expected a number, got 'a'",
    "[1]": "sources.ndvi: expected a mapping",
    "{file: a, band: 1.5}": "sources.ndvi.band: expected a whole number",
}


@pytest.mark.parametrize(("source", "words"), SOURCE_MISTAKES.items())
def test_mistakes_in_sources_speak_of_one_model(source, words):
    with pytest.raises(ProjectError, match=words):
        projects.validate(parse(f"sources:\n  ndvi: {source}"), "p.yml")


def test_unknown_variable_among_sources():
    with pytest.raises(ProjectError, match=r"sources\.ndvy: not a variable soilloss knows; did you mean 'ndvi'"):
        projects.validate(parse("sources: {ndvy: 1}"), "p.yml")


def test_short_forms():
    project = read(
        "methods: {cover: {name: van_der_knijff_2000, alpha: 2.5}, slope: slope_horn_1981}\nanalysis: [summary]\n"
    )
    assert project.sources["elevation"] == projects.Raster(file="dem.tif")
    assert project.sources["practice"] == projects.Constant(value=1.0)
    assert project.methods["cover"] == projects.Method(name="van_der_knijff_2000", coefficients={"alpha": 2.5})
    assert project.methods["slope"].name == "slope_horn_1981"
    assert project.analysis.severity.scheme == "fao_1979"


def test_what_was_resolved_reads_back_the_same():
    project = read(
        "methods: {cover: {alpha: 2.5}}\nperiod: {start: 2001, end: 2002}\nanalysis: [{severity: {scheme: oecd}}]\n"
    )
    assert projects.validate(project.model_dump(mode="json")) == project


def test_steps():
    assert read().steps == ("",)
    assert read("period: {start: 2001, end: 2002}").steps == ("2001", "2002")
    assert read("period: {start: 2001-01, end: 2001-12, step: quarter}").steps == tuple(
        f"2001-Q{q}" for q in range(1, 5)
    )
    assert read("period: {start: 2001, end: 2001, step: month}").steps[6] == "2001-07"


def test_overrides_pass_through_short_forms(tmp_path):
    file = tmp_path / "p.yml"
    file.write_text(BASE + "methods: {cover: van_der_knijff_2000}\n", encoding="utf-8")
    overrides = {"methods.cover.alpha": 3, "sources.elevation.scale": 0.1, "publish.folder": "b"}
    project = projects.load(file, overrides)
    assert project.methods["cover"] == projects.Method(name="van_der_knijff_2000", coefficients={"alpha": 3})
    assert project.sources["elevation"] == projects.Raster(file="dem.tif", scale=0.1)
    assert project.publish.folder == "b"


def test_an_override_comes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("SL_DATA", raising=False)
    file = tmp_path / "project.yml"
    file.write_text("data: ${SL_DATA}\ngrid: {like: elevation}\nsources: {elevation: dem.tif}\n", encoding="utf-8")
    assert projects.load(file, {"data": "/elsewhere"}).data == "/elsewhere"
