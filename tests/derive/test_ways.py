"""Holes, voids and level land: what water does there, in memory and tile by tile."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.derive import terrain
from soilloss.derive.tiled import Source, route
from soilloss.derive.ways import Ways
from soilloss.errors import ProjectError
from soilloss.kernels.tiles import row_step
from soilloss.sources import synthetic

FUNCTIONS = {
    "filled_elevation": terrain.fill_depressions,
    "flow_direction": terrain.flow_direction_d8,
    "flow_accumulation": terrain.flow_accumulation,
    "contributing_area": terrain.contributing_area,
    "slope_length": terrain.slope_length,
    "edge_contaminated": terrain.edge_contaminated,
}


def in_tiles(name, z, tile, **options):
    reader = route(name, Source(lambda w: z[w], "z"), z.shape, 30.0, options=options, tile=tile, workers=1)
    return reader(tuple(slice(0, n) for n in z.shape))


def in_memory(name, z, **options):
    sized = {} if name == "filled_elevation" else {"cell_size": 30.0}
    return FUNCTIONS[name](z, **sized, **options)


@st.composite
def landscapes(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    n = max(*shape, 8)
    step = draw(st.sampled_from([1, 50, 200, 500]))
    z = synthetic.fractal((n, n), seed=int(rng.integers(1000)))[: shape[0], : shape[1]]
    z = (np.round((z - z.min()) / max(np.ptp(z), 1e-6) * 1000 / step) * step).astype(np.float32)
    z[rng.random(shape) < draw(st.sampled_from([0, 0.05, 0.3]))] = np.nan
    return z, draw(st.integers(3, 25))


@pytest.mark.parametrize("name", FUNCTIONS)
@given(landscapes(), st.sampled_from([0, 1, 4]))
@settings(max_examples=12, deadline=None)
def test_walls_in_tiles_are_walls_in_memory(name, landscape, close_holes):
    z, tile = landscape
    options = {"voids": "wall", "close_holes": close_holes}
    np.testing.assert_array_equal(in_tiles(name, z, tile, **options), in_memory(name, z, **options))


@pytest.mark.parametrize("name", ["flow_direction", "flow_accumulation", "contributing_area", "edge_contaminated"])
@pytest.mark.parametrize("voids", ["outlet", "wall"])
@given(landscapes())
@settings(max_examples=12, deadline=None)
def test_level_land_drains_alike_in_tiles(name, voids, landscape):
    z, tile = landscape
    options = {"flats": "garbrecht", "voids": voids}
    np.testing.assert_array_equal(in_tiles(name, z, tile, **options), in_memory(name, z, **options))


@given(landscapes(), st.sampled_from(["lower", "garbrecht"]))
@settings(max_examples=25, deadline=None)
def test_water_leaves_at_the_border_only_or_is_walled_in(landscape, flats):
    z, _ = landscape
    options = {"voids": "wall", "close_holes": 0, "flats": flats}
    code, count = (in_memory(name, z, **options) for name in ("flow_direction", "flow_accumulation"))
    inner = np.zeros(z.shape, bool)
    inner[1:-1, 1:-1] = True
    assert not (code[inner] == 8).any()
    assert count[code == 8].sum() == np.isfinite(code).sum()
    np.testing.assert_array_equal(
        np.isfinite(code), np.isfinite(terrain.fill_depressions(z, close_holes=0, voids="wall"))
    )
    y, x = np.nonzero(np.isfinite(code))
    for _ in range(z.size + 1):
        k = code[y, x]
        y, x, k = y[k < 8], x[k < 8], k[k < 8].astype(int)
        if not y.size:
            return
        y, x = y + row_step()[0][k], x + row_step()[1][k]
    raise AssertionError("the directions go round in circles")


def test_a_valley_beside_a_void_flows_on_along_a_wall():
    """A hollow beside the void: its water falls into the void, or fills it and goes on."""
    z = np.array([[9, 9, 9, 9, 9], [9, 5, 3, 4, 2], [9, 5, np.nan, np.nan, 9], [9, 9, 9, 9, 9]], np.float32)
    assert terrain.flow_direction_d8(z)[1, 1:].tolist() == [0, 8, 0, 8]
    assert terrain.flow_direction_d8(z, voids="wall")[1, 1:].tolist() == [0, 0, 0, 8]
    assert terrain.fill_depressions(z, voids="wall")[1, 2] == 4
    assert np.isnan(terrain.flow_direction_d8(z, voids="wall")[2, 2:4]).all()


def test_land_that_voids_wall_in_is_missing():
    z = np.full((9, 9), 5, np.float32)
    z[3:6, 3:6] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    z[2, 2:7] = z[6, 2:7] = z[2:7, 2] = z[2:7, 6] = np.nan
    for name in FUNCTIONS:
        made = in_memory(name, z, voids="wall")
        assert np.isnan(made[2:7, 2:7]).all(), name
        assert np.isfinite(in_memory(name, z)[3:6, 3:6]).all(), name
        assert not np.isnan(np.where(np.isnan(z), 0, in_memory(name, z)))[[0, -1]].any()


def test_water_of_a_level_valley_gathers_in_its_middle():
    """A level floor, 7 wide, between slopes, open at its lower end: garbrecht brings the water to the middle."""
    z = np.full((30, 11), 20.0)
    z[1:, 2:9] = 10
    z[-1, 5] = 9
    near, both = (terrain.flow_accumulation(z, flats=flats)[15] for flats in ("lower", "garbrecht"))
    assert both.argmax() == 5
    assert both[5] > near[5]


def test_garbrecht_changes_level_land_only():
    z = synthetic.fractal((60, 60), seed=2).astype(np.float32)
    z = np.round(z / 40) * 40
    near, both = (terrain.flow_direction_d8(z, flats=flats) for flats in ("lower", "garbrecht"))
    w = np.pad(terrain.fill_depressions(z), 1, constant_values=np.inf)
    lower = np.stack([w[1 + y : 61 + y, 1 + x : 61 + x] < w[1:-1, 1:-1] for y in (-1, 0, 1) for x in (-1, 0, 1)]).any(0)
    np.testing.assert_array_equal(near[lower], both[lower])
    assert (near != both).any()


def test_words_that_are_not_known():
    z = np.ones((3, 3))
    with pytest.raises(ProjectError, match=r"voids is 'walls', expected one of 'outlet', 'wall'; did you mean 'wall'"):
        terrain.fill_depressions(z, voids="walls")
    with pytest.raises(ProjectError, match=r"flats is 'garbrech', .*did you mean 'garbrecht'"):
        route("flow_direction", Source(lambda w: z[w]), z.shape, options={"flats": "garbrech"})
    assert Ways().checked() == Ways(1, "outlet", "lower")
