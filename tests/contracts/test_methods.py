"""The contract of every method, old or new: found, not listed."""

import inspect
import pickle
import re
from importlib.resources import files

import numpy as np
import pytest
import xarray as xr
from odc.geo.xr import xr_coords

from soilloss import conformance, tables
from soilloss.equation import spec_of
from soilloss.errors import UnitsError
from soilloss.sources import synthetic
from soilloss.variables import VARIABLES
from soilloss.workflow.methods import METHODS

SHAPE = (12, 14)
GRID = synthetic.small_grid(SHAPE)
DAYS = np.arange("2021-01-01", "2022-01-01", dtype="datetime64[D]")
AXES = {"month": 12, "half_month": 24, "class": 8, "day": len(DAYS), "time": 5}

# coefficients that have no published default
NEEDED = {
    "table": {code: code / 10 for code in range(1, 9)},
    "gradient": 1.5,
    "intercept": 60.0,
    "slope": 0.4,
    "coefficient": 0.05,
    "exponent": 1.6,
    "linear": 2.0,
    "quadratic": 0.004,
    "mean_erosive_rain": 25.0,
    "annual_erosive_rain": 500.0,
}
NEEDED_BY = {"tillage_slope_lookup": {"table": {0: 0.2, 10: 0.5}}}

# random values that mean something together; the rest is drawn from the variable's range
RANGES = {
    "annual_precipitation": (200, 3000),
    "monthly_precipitation": (0, 400),
    "rain_days": (1, 28),
    "maximum_daily_precipitation": (1, 80),
    "erosivity_density": (0, 10),
    "slope_length": (0, 300),
    "slope": (0, 1.4),
    "sand": (0.1, 0.4),
    "silt": (0.1, 0.5),
    "clay": (0.1, 0.3),
    "very_fine_sand": (0, 0.1),
    "organic_matter": (0, 0.1),
    "organic_carbon": (0, 0.06),
    "soil_loss": (0, 300),
    "contributing_area": (900, 1e6),
    "nir": (0.1, 0.6),
    "red": (0.02, 0.4),
    "bare_ndvi": (0.0, 0.1),
    "full_ndvi": (0.7, 0.9),
    "topography": (0, 50),
}
CODES = {
    "channels": (0, 0),
    "flow_direction": (0, 8),
    "igbp_class": (1, 17),
    "land_cover": (1, 8),
    "structure": (1, 4),
    "permeability": (1, 6),
    "texture_class": (1, 12),
}
# skip what is missing in a series as long as something is left
CASES = [
    pytest.param(function, id=f"{variable}-{name}")
    for variable, found in METHODS.items()
    for name, function in found.items()
]
every_method = pytest.mark.parametrize("function", CASES)

# odc-geo multiplies transforms in the way that affine 3 wants to drop
pytestmark = pytest.mark.filterwarnings("ignore:Use .@. matmul:PendingDeprecationWarning")


def sample(name, over, rng):
    variable = VARIABLES[name]
    axis = variable.axis or (over if over == "time" else "")
    shape = (*SHAPE, AXES[axis]) if axis else SHAPE
    if name == "elevation":
        return synthetic.fractal(SHAPE, seed=3)
    if name == "daily_precipitation":
        return np.where(rng.random(shape) < 0.3, rng.gamma(0.7, 15, shape), 0).astype("f4")
    if name == "flow_accumulation":
        return rng.integers(1, 5000, shape).astype("f8")
    if variable.is_class:
        low, high = CODES.get(name, (1, 8))
        return rng.integers(low, high + 1, shape).astype("f4")
    low, high = RANGES.get(name, variable.range)
    return rng.uniform(low, high, shape).astype(variable.dtype)


@pytest.fixture
def data(function):
    rng = np.random.default_rng(11)
    spec = spec_of(function)
    values = {name: sample(name, spec.over, rng) for name in spec.inputs}
    if {"sand", "silt", "clay"} <= values.keys():
        values["silt"] = 1 - values["sand"] - values["clay"]
    return values


@pytest.fixture
def options(function):
    spec = spec_of(function)
    needed = {**NEEDED, **NEEDED_BY.get(function.__name__, {})}
    return {
        name: needed[name]
        for name, value in spec.coefficients.items()
        if value in (inspect.Parameter.empty, None) and name in needed
    }


def supplied(function):
    spec = spec_of(function)
    known = {"cell_size": 30.0, "time": DAYS}
    return {name: known[name] for name in spec.supplied if name in known}


def labelled(name, values, over):
    axis = VARIABLES[name].axis or (over if over == "time" else "")
    coords = dict(xr_coords(GRID))
    if axis == "day":
        coords["day"] = DAYS.astype("datetime64[ns]")
    dims = ("y", "x", *([axis] if axis else []))
    return xr.DataArray(values, dims=dims, coords=coords, name=name, attrs={"units": VARIABLES[name].unit})


@every_method
def test_docstring_says_all(function):
    text = inspect.getdoc(function)
    for section in ("Parameters", "Returns", "Notes", "Examples"):
        assert re.search(rf"^{section}\n-+$", text, re.M), f"no section {section}"
    assert ".. math::" in text
    assert ">>>" in text
    lines = re.findall(r"^(\w[\w, ]*) : (.+)$", text, re.M)
    kinds = {name: kind for names, kind in lines for name in names.split(", ")}
    spec = spec_of(function)
    for name in (*spec.inputs, spec.gives):
        assert VARIABLES[name].unit in kinds[name], f"{name} is documented as {kinds[name]!r}"
    assert not set(spec.coefficients) - set(kinds), "a coefficient is not documented"


@every_method
def test_is_cited_and_has_a_worked_value(function):
    entries = re.findall(r"^@\w+\{([\w-]+),", files("soilloss").joinpath("references.bib").read_text("utf-8"), re.M)
    assert spec_of(function).cite in entries
    keys = {key for key, found in conformance.own().items() if found is function}
    assert keys & set(tables.read("worked_values")["method"]), f"no worked value under {' or '.join(sorted(keys))}"


@every_method
def test_plain_labelled_and_chunked_agree(function, data, options):
    spec = spec_of(function)
    plain = np.asarray(function(**data, **options, **supplied(function)))
    arrays = {name: labelled(name, values, spec.over) for name, values in data.items()}
    label = function(**arrays, **options)
    chunked = {name: a.chunk({"y": 5, "x": 8}) for name, a in arrays.items()}
    lazy = function(**chunked, **options)
    assert lazy.chunks is not None
    tolerance = 1e-6 if spec.over else 0
    for out in (label, lazy.compute()):
        np.testing.assert_allclose(out.values, plain, rtol=tolerance, atol=0)
        assert out.name == spec.gives
        assert out.attrs["units"] == VARIABLES[spec.gives].unit
        assert out.attrs["citation"] == spec.cite
        assert "spatial_ref" in out.coords


@every_method
def test_type_range_and_finiteness(function, data, options):
    out = function(**data, **options, **supplied(function))
    gives = spec_of(function).gives
    if not (gives == "flow_direction" or gives == "channels"):
        assert out.dtype == VARIABLES[gives].dtype
    if gives != "aspect":
        assert np.isfinite(out).all()
    if VARIABLES[gives].symbol and gives not in ("ndvi", "elevation"):
        assert (out >= 0).all()


@every_method
def test_missing_stays_missing(function, data, options):
    spec = spec_of(function)
    if spec.shape == "statistic":  # of the cells that are there
        data = {name: values.copy() for name, values in data.items()}
        clean = function(**data, **options)
        data["ndvi"][4, 5] = np.nan
        assert function(**data, **options) == pytest.approx(clean, abs=0.05)
        return
    if spec.shape != "grid":
        clean = function(**data, **options, **supplied(function))
    # a gap in a mask does not stop the water
    for name in spec.inputs if spec.shape != "grid" else set(spec.inputs) - set(spec.optional):
        holed = {**data, name: data[name].copy()}
        holed[name][4, 5] = np.nan
        out = np.asarray(function(**holed, **options, **supplied(function)))
        cell = out[4, 5]
        assert np.all(cell == 0) if out.dtype.kind == "u" else np.all(np.isnan(cell)), name
        if spec.shape in ("cell", "series"):
            far = np.ones(SHAPE, bool)
            far[4, 5] = False
            np.testing.assert_array_equal(out[far], clean[far])


@every_method
def test_units_are_asked_for(function, data, options):
    spec = spec_of(function)
    arrays = {name: labelled(name, values, spec.over) for name, values in data.items()}
    for name in spec.inputs:
        if VARIABLES[name].is_class:
            continue
        for attributes in ({}, {"units": "furlong"}):
            wrong = {**arrays, name: arrays[name].drop_attrs().assign_attrs(attributes)}
            with pytest.raises(UnitsError, match=name):
                function(**wrong, **options)


@every_method
def test_it_travels(function):
    assert pickle.loads(pickle.dumps(function)) is function
