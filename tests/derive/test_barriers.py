"""What holds flow back: the balance of water, closed forms, and the same bits for every cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.derive import terrain
from soilloss.derive.barriers import held_back
from soilloss.derive.tiled import Source, route
from soilloss.errors import DataError
from soilloss.kernels.multiflow import PARTS
from soilloss.sources import synthetic

ROUTINGS = ("d8", "mfd", "dinf")
every_routing = pytest.mark.parametrize("routing", ROUTINGS)


def landscape(seed, shape=(44, 37)):
    """Heights with voids, a few channels, and roads that hold back some or all."""
    rng = np.random.default_rng(seed)
    z = synthetic.fractal(shape, seed=seed)
    z[rng.random(shape) < 0.01] = np.nan
    channels = (rng.random(shape) < 0.02).astype(np.float32)
    trapping = np.where(rng.random(shape) < 0.1, rng.choice([0.1, 0.5, 0.75, 1], shape), np.nan)
    trapping[:, shape[1] // 2] = 0.4
    return z, channels, trapping.astype(np.float32)


def share_of(channels, trapping):
    return held_back(channels, trapping, trapping.shape).reshape(-1, trapping.shape[1] + 2)[1:-1, 1:-1] / PARTS


@every_routing
@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_what_falls_is_trapped_or_leaves(routing, seed):
    z, channels, trapping = landscape(seed)
    count = terrain.flow_accumulation(z, channels, trapping, routing=routing, close_holes=0)
    leaves = terrain.flow_direction_d8(z, close_holes=0) == 8
    share = share_of(channels, trapping)
    # with flow that divides, border cells that do not drain outwards send nothing out: outlets are those of D8
    trapped, left = np.nansum((count * share)[~leaves]), np.nansum(count[leaves])
    assert trapped + left == pytest.approx(np.isfinite(z).sum(), rel=1e-10)


@every_routing
@pytest.mark.parametrize("tile", [(7, 11), 16, 64])
def test_tiles_change_no_bit(routing, tile):
    z, channels, trapping = landscape(3, (70, 61))
    expected = terrain.contributing_area(z, channels, trapping, routing=routing, cell_size=30.0)
    reader = route(
        "contributing_area",
        Source(lambda w: z[w], "z"),
        z.shape,
        30.0,
        channels=Source(lambda w: channels[w], "channels"),
        trapping=Source(lambda w: trapping[w], "trapping"),
        options={"routing": routing},
        tile=tile,
        workers=2,
    )
    np.testing.assert_array_equal(reader((slice(0, 70), slice(0, 61))), expected)


def test_slopes_end_alike_in_tiles():
    z, channels, trapping = landscape(5, (70, 61))
    options = {"channel_area": 20_000.0}
    expected = terrain.slope_length(z, channels, trapping, cell_size=30.0, **options)
    sources = {"channels": Source(lambda w: channels[w], "c"), "trapping": Source(lambda w: trapping[w], "t")}
    reader = route("slope_length", Source(lambda w: z[w], "z"), z.shape, 30.0, options=options, tile=13, **sources)
    np.testing.assert_array_equal(reader((slice(0, 70), slice(0, 61))), expected)


@every_routing
def test_a_road_across_a_plane_passes_what_it_does_not_hold(routing):
    z = np.repeat(np.arange(6.0, 0, -1)[:, None], 5, 1)
    trapping = np.zeros_like(z)
    trapping[2] = 0.8
    count = terrain.flow_accumulation(z, None, trapping, routing=routing)
    middle = 1 + 0.2 * 3
    if routing != "mfd":
        np.testing.assert_allclose(count[:, 2], [1, 2, 3, middle, middle + 1, middle + 2], rtol=1e-4)
    assert count.sum(1) == pytest.approx(np.array([1, 2, 3, middle, middle + 1, middle + 2]) * 5, rel=1e-4)


@every_routing
def test_a_wall_and_a_channel_begin_anew_below(routing):
    z = np.repeat(np.arange(6.0, 0, -1)[:, None], 5, 1)
    line = np.zeros_like(z)
    line[2] = 1
    for masks in ((None, line), (line, None), (line, 0.0)):
        count = terrain.flow_accumulation(z, *masks, routing=routing)
        assert count.sum(1).tolist() == pytest.approx([5, 10, 15, 5, 10, 15])


def test_where_nothing_is_held_nothing_changes():
    z, _, _ = landscape(11)
    for routing in ROUTINGS:
        plain = terrain.contributing_area(z, routing=routing, cell_size=30.0)
        held = terrain.contributing_area(z, None, np.zeros(z.shape), routing=routing, cell_size=30.0)
        np.testing.assert_allclose(held, plain, rtol=0 if routing != "d8" else 1e-12)


def test_slopes_end_with_a_cell_that_passes_nothing_on():
    z = np.repeat(np.arange(6.0, 0, -1)[:, None], 3, 1)
    trapping, channels = np.zeros_like(z), np.zeros_like(z)
    trapping[2] = 1
    assert terrain.slope_length(z, None, trapping, cell_size=10)[:, 0].tolist() == [5, 15, 25, 5, 15, 25]
    trapping[2] = 0.99
    assert terrain.slope_length(z, None, trapping, cell_size=10)[:, 0].tolist() == [5, 15, 25, 35, 45, 55]
    channels[2] = trapping[2] = 1
    np.testing.assert_array_equal(
        terrain.slope_length(z, channels, trapping, cell_size=10)[:, 0], [5, 15, np.nan, 5, 15, 25]
    )


def test_more_trapping_is_never_more_water():
    z, _, trapping = landscape(13)
    some = terrain.flow_accumulation(z, None, np.nan_to_num(trapping) / 2)
    more = terrain.flow_accumulation(z, None, trapping)
    assert (more[~np.isnan(z)] <= some[~np.isnan(z)] * (1 + 1e-9)).all()


def test_words_for_masks_that_cannot_be():
    z = np.ones((4, 4))
    for value, shown in ((-0.1, "-0.1"), (40, "40"), (np.inf, "inf")):
        with pytest.raises(
            DataError, match=f"trapping is {shown} in some cells, expected shares of the flow from 0 to"
        ):
            terrain.flow_accumulation(z, None, np.full((4, 4), value))
    with pytest.raises(DataError, match=r"channels has shape \(3, 4\), elevation \(4, 4\); put both on one grid"):
        terrain.flow_accumulation(z, np.ones((3, 4)))
