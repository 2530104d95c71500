import gc

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from odc.geo.xr import xr_coords

from soilloss.derive import terrain, whole
from soilloss.derive.tiled import lazy
from soilloss.equation import spec_of
from soilloss.errors import GridError
from soilloss.sources import synthetic

GRID = synthetic.small_grid()
JOBS = [
    (terrain.fill_depressions, {}),
    (terrain.flow_direction_d8, {}),
    (terrain.flow_accumulation, {}),
    (terrain.contributing_area, {"cell_size": 30.0, "routing": "dinf"}),
    (terrain.slope_length, {"cell_size": 30.0, "channel_area": 4e4}),
    (terrain.edge_contaminated, {}),
    (terrain.flow_accumulation, {"flats": "garbrecht", "voids": "wall"}),
]
NAMES = [f"{f.__name__}-{'-'.join(options)}" for f, options in JOBS]
every_job = pytest.mark.parametrize(("function", "options"), JOBS, ids=NAMES)


def rough(shape=(75, 93)):
    rng = np.random.default_rng(3)
    z = rng.random(shape).astype(np.float32) * 9 + np.hypot(*np.indices(shape)).astype(np.float32)
    z[rng.random(shape) < 0.01] = np.nan
    return z


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Tiles of 32 cells, and a temporary directory of Dask to look into."""
    monkeypatch.setattr(lazy, "TILE", 32)
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        yield tmp_path


@every_job
@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_dask_arrays_stay_lazy_and_give_the_same_bits(scratch, function, options, scheduler):
    z = rough()
    made = function(da.from_array(z, chunks=(20, 50)), **options)
    assert isinstance(made, da.Array)
    assert made.chunks == ((32, 32, 11), (32, 32, 29))
    assert not list(scratch.iterdir())
    expected = function(z, **options)
    assert made.dtype == expected.dtype
    np.testing.assert_array_equal(made.compute(scheduler=scheduler), expected)


def test_only_the_tiles_asked_for_are_read_and_nothing_is_left(scratch):
    z = rough()
    made = terrain.flow_accumulation(da.from_array(z, chunks=30))
    np.testing.assert_array_equal(made[:5, :7].compute(), terrain.flow_accumulation(z)[:5, :7])
    gc.collect()
    assert not list(scratch.iterdir())


def test_lazy_masks_are_read_by_windows(scratch):
    z = rough()
    rng = np.random.default_rng(1)
    drawn = (rng.random(z.shape) < 0.05).astype(np.float32)
    share = np.where(rng.random(z.shape) < 0.1, rng.choice([0.3, 1], z.shape), np.nan)
    for function in (terrain.slope_length, terrain.contributing_area):
        lazily = function(*(da.from_array(a, chunks=c) for a, c in ((z, 40), (drawn, 25), (share, 31))), cell_size=10.0)
        expected = function(z, drawn, share, cell_size=10.0)
        np.testing.assert_array_equal(lazily.compute(), expected)
        assert not np.array_equal(expected, function(z, cell_size=10.0), equal_nan=True)


@every_job
def test_what_is_too_large_for_one_piece_goes_tile_by_tile(scratch, monkeypatch, function, options):
    z = rough()
    expected = function(z, **options)
    monkeypatch.setattr(whole, "MOST_CELLS", 5000)
    np.testing.assert_array_equal(function(z, **options), expected)
    assert not list(scratch.iterdir())


@every_job
def test_dataarrays_lazy_or_not_give_the_same_bits(scratch, function, options):
    z = rough(tuple(GRID.shape))
    options = {name: value for name, value in options.items() if name != "cell_size"}
    plain = function(z, cell_size=30.0, **options) if function is not terrain.fill_depressions else function(z)
    heights = xr.DataArray(z, dims=("y", "x"), coords=xr_coords(GRID), attrs={"units": "m"})
    for given in (heights, heights.chunk({"y": 17, "x": 23})):
        made = function(given, **options)
        assert made.dims == ("y", "x")
        assert (made.chunks is None) == (given.chunks is None)
        np.testing.assert_array_equal(made.values, plain)


def test_masks_may_be_labelled_lazily_too(scratch):
    z = rough(tuple(GRID.shape))
    share = np.where(np.random.default_rng(2).random(z.shape) < 0.1, 0.5, 0)
    plain = terrain.contributing_area(z, None, share, cell_size=30.0)
    arrays = [xr.DataArray(values, dims=("y", "x"), coords=xr_coords(GRID)) for values in (z, share)]
    heights, trapping = (a.assign_attrs(units=unit) for a, unit in zip(arrays, ("m", "1"), strict=True))
    percent = (trapping * 100).assign_attrs(units="%")
    for one, other in ((heights, trapping), (heights.chunk(20), percent.chunk(31)), (heights, percent.chunk(31))):
        made = terrain.contributing_area(one, trapping=other)
        np.testing.assert_array_equal(made.values, plain)


def test_errors_come_when_the_passes_run_and_leave_nothing(scratch):
    made = terrain.contributing_area(da.from_array(rough(), chunks=40))
    with pytest.raises(GridError, match="cell_size is missing"):
        made.compute()
    assert not list(scratch.iterdir())


def test_the_decorator_keeps_name_signature_and_words():
    spec = spec_of(terrain.slope_length)
    assert spec.whole
    assert spec.inputs == ("elevation", "channels", "trapping")
    assert spec.coefficients["start"] == "half"
    assert terrain.slope_length.__name__ == "slope_length"
