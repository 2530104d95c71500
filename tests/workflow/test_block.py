import numpy as np
import pytest

from soilloss.factors.erodibility import wischmeier_1971
from soilloss.grid.blocks import windows
from soilloss.grid.target import cell_size
from soilloss.sources import synthetic
from soilloss.workflow.block import evaluate, full, make_work
from soilloss.workflow.methods import defaults
from soilloss.workflow.plan import make_plan

SOURCES = ["elevation", "contributing_area", "erosivity", "erodibility", "ndvi", "practice"]


@pytest.fixture(scope="module", params=["EPSG:32635", "EPSG:4326"])
def work(request):
    """The pass of a project with one changing source, on a metric and on a geographic grid."""
    grid = synthetic.small_grid((70, 90), 30.0 if request.param != "EPSG:4326" else 0.0003, request.param)
    random = np.random.default_rng(1)
    data = {
        "elevation": synthetic.fractal((70, 90), seed=2),
        "contributing_area": random.uniform(900, 9e4, (70, 90)),
        "ndvi": random.uniform(0, 0.9, (70, 90)).astype("f4"),
    }
    constants = {"erosivity": 1000.0, "erodibility": 0.03, "practice": 1.0}

    def read(variable, label, window):
        if variable in constants:
            return constants[variable]
        shift = np.float32(0.01 * (int(label) - 2000)) if variable == "ndvi" else 0
        return data[variable][window] + shift

    steps = make_plan(["soil_loss"], SOURCES, {}, defaults("rusle"))
    return make_work(steps, ["soil_loss"], read, (70, 90), cell_size(grid), ("2000", "2001"), frozenset({"ndvi"}))


def whole(work, size):
    out = {label: np.zeros(work.shape, "f4") for label in work.labels}
    for window in windows(work.shape, size):
        for label, values in evaluate(work, window):
            out[label][window] = values["soil_loss"]
    return out


def test_no_bit_depends_on_the_cut(work):
    uncut = whole(work, 200)
    assert np.isfinite(uncut["2000"]).all()
    for size in (7, 32, (70, 1), (1, 90)):
        for label, values in whole(work, size).items():
            np.testing.assert_array_equal(values, uncut[label])


def test_static_variables_are_made_once_and_shared(work):
    (_, first), (_, second) = evaluate(work, (slice(0, 20), slice(0, 20)))
    assert first["topography"] is not None
    np.testing.assert_array_equal(first["topography"], second["topography"])
    assert (first["cover"] > second["cover"]).any()
    assert work.changing == {"ndvi", "cover", "soil_loss"}


def test_halo_is_what_the_chain_needs(work):
    assert work.halo == 1
    assert set(work.reads) == set(SOURCES)


def test_full_spreads_numbers():
    assert full(0.5, (2, 3), "cover").shape == (2, 3)
    assert full(1.0, (1, 1), "contributing_area").dtype == np.float64


def test_of_several_optional_inputs_the_last_may_be_given_alone():
    data = {"silt": 0.4, "very_fine_sand": 0.1, "clay": 0.2, "organic_matter": 0.02, "permeability": 5.0}
    steps = make_plan(["erodibility"], list(data), {"erodibility": ("wischmeier_1971", {})}, {})

    def read(variable, label, window):
        return np.full((4, 5), data[variable], np.float32)

    work = make_work(steps, ["erodibility"], read, (4, 5), 30.0, ("",), frozenset())
    ((_, values),) = evaluate(work, (slice(0, 4), slice(0, 5)))
    np.testing.assert_allclose(values["erodibility"], wischmeier_1971(**data), rtol=1e-6)
    assert values["erodibility"][0, 0] != pytest.approx(wischmeier_1971(0.4, 0.1, 0.2, 0.02, 5.0), rel=1e-3)
