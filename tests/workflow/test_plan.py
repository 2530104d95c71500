import pytest

from soilloss.errors import MissingInputError, ProjectError
from soilloss.workflow.methods import defaults
from soilloss.workflow.plan import make_plan

SOIL = ["sand", "silt", "clay", "organic_carbon"]


def plan(sources, chosen=None, want=("soil_loss",), step="year", model="rusle"):
    return make_plan(list(want), sources, chosen or {}, defaults(model), step)


def names(steps):
    return {s.variable: s.method for s in steps}


def test_defaults_from_the_rain_and_soil_at_hand():
    steps = plan(["elevation", "monthly_precipitation", *SOIL, "ndvi", "practice"])
    found = names(steps)
    assert found["erosivity"] == "renard_freimund_1994_mfi"
    assert found["erodibility"] == "sharpley_williams_1990"
    assert found["topography"] == "desmet_govers_1996"
    assert found["cover"] == "van_der_knijff_2000"
    assert steps[-1].variable == "soil_loss"
    topography = next(s for s in steps if s.variable == "topography")
    assert topography.coefficients == {"max_length": 304.8, "channel_area": 1e6}


def test_every_step_comes_after_its_inputs():
    seen = set()
    for step in plan(["elevation", "annual_precipitation", *SOIL, "nir", "red", "practice"]):
        assert set(step.inputs) <= seen
        seen.add(step.variable)


def test_a_better_soil_description_changes_the_default():
    with_sand = plan(["elevation", "annual_precipitation", *SOIL, "very_fine_sand", "ndvi", "practice"])
    assert names(with_sand)["erodibility"] == "wischmeier_1971"
    by_class = plan(["elevation", "annual_precipitation", "texture_class", "ndvi", "practice"])
    assert names(by_class)["erodibility"] == "texture_table"


def test_sources_end_the_walk():
    assert len(plan(["erosivity", "erodibility", "topography", "cover", "practice"])) == 6


def test_missing_input_names_everyone_who_asked():
    with pytest.raises(MissingInputError, match=r"^nir is needed by ndvi \(ndvi\) <- cover .* <- soil_loss \(rusle\)"):
        plan(["elevation", "annual_precipitation", *SOIL, "practice"])


def test_practice_has_no_default_but_an_offer():
    with pytest.raises(MissingInputError, match="practice: 1 means no support practice"):
        plan(["elevation", "annual_precipitation", *SOIL, "ndvi"])


def test_a_variable_never_asks_for_itself():
    with pytest.raises(MissingInputError, match="organic_"):
        plan([], want=["organic_carbon"])


def test_unknown_method_and_coefficient():
    with pytest.raises(ProjectError, match="'knijff' is not a method for cover; did you mean 'van_der_knijff_2000'"):
        plan([], {"cover": ("knijff", {})})
    with pytest.raises(ProjectError, match="has no coefficient 'alfa'; did you mean 'alpha'"):
        plan([], {"cover": ("van_der_knijff_2000", {"alfa": 2})})
    with pytest.raises(ProjectError, match="alpha of van_der_knijff_2000 is 'two', expected a number"):
        plan([], {"cover": ("van_der_knijff_2000", {"alpha": "two"})})


def test_a_method_for_a_year_is_refused_in_quarters():
    with pytest.raises(ProjectError, match="holds only for amounts of a year, but the project's step is quarter"):
        plan(["annual_precipitation"], want=["erosivity"], step="quarter")


def test_optional_data_are_used_when_a_source_gives_them():
    sources = ["elevation", "annual_precipitation", *SOIL, "ndvi", "practice"]
    topography = next(s for s in plan([*sources, "channels"]) if s.variable == "topography")
    assert "channels" in topography.inputs
    assert "channels" not in next(s for s in plan(sources) if s.variable == "topography").inputs


def test_models_differ_in_their_defaults():
    usle = plan(["elevation", "annual_precipitation", *SOIL, "ndvi", "practice"], model="usle")
    assert names(usle)["topography"] == "wischmeier_smith_1978"
    assert names(usle)["soil_loss"] == "usle"


def test_whole_grid_steps_are_stored():
    stored = {s.variable for s in plan(["elevation", "annual_precipitation", *SOIL, "ndvi", "practice"]) if s.stored}
    assert stored == {"contributing_area"}
