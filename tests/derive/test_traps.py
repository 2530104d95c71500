"""What silently goes wrong in terrain of any size, and which test would see it.

| trap | test |
| --- | --- |
| flats over borders, over whole tiles | `test_tiled`: level, one outlet, lake |
| depressions over several tiles, nested, spilling back | `test_tiled`: bowl, nested, spiral |
| a pass at the corner of four tiles | `test_tiled`: corner 0 to 3 |
| voids: holes, whole rims, whole tiles, islands | `test_tiled`: void rims, void tile, islands |
| water that leaves at edges | `test_tiled`: all water leaves |
| equal slopes | here: turned landforms |
| dependence on order | `test_tiled`: threads and the order of tiles, 1 x 13 and larger than the grid |
| circles | `test_tiled`: never goes round; `test_ways` |
| 32-bit places and counts | here: 4.9e9 cells; `kernels/test_flow`: large weights; `test_routing`: refused before |
| cancellation in L | `kernels/test_ls`: no digit is lost |
| sizes that depend on the latitude | `test_terrain`: ellipsoid; `test_tiled`: rows of a geographic grid |
| 32-bit slopes flip a tie | here: ties in 64 bits |
| -0.0, denormals, infinities, NaN payloads, legal nodata | `test_tiled`: shapes; here; `workflow/test_terrain` |
| fused or reordered arithmetic | here: products are rounded before they are added |
| sweeps that stop too early | `test_tiled`: equal to the whole grid, which is final, and for every halo |
| weights that are negative or missing | `test_barriers`: words for masks |
| crashes in every pass, files cut short | `test_tiled`: killed; `grid/test_scratch` |
| filling twice, raising, moving and doubling | `kernels/test_fill`, `kernels/test_flow` |
"""

from pathlib import Path

import numpy as np
import pytest
from numba import njit

import soilloss
from soilloss.derive import terrain
from soilloss.derive.codes import own_codes
from soilloss.derive.streams import Channels, stream_lines
from soilloss.derive.tiled import amounts
from soilloss.grid.rims import Tiles, with_core
from soilloss.grid.target import make_grid
from soilloss.kernels import flow
from soilloss.sources import synthetic

STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
y, x = np.mgrid[-12:13, -12:13].astype(np.float32)
LANDFORMS = {"cone": -np.hypot(y, x), "saddle": x**2 - y**2, "pyramid": -np.maximum(abs(y), abs(x)), "roof": -abs(x)}


def slopes(z):
    """Falls to the eight neighbours in 64 bits, NaN outside."""
    around = np.pad(z.astype(float), 1, constant_values=np.nan)
    parts = [around[1 + dy : 1 + dy + len(z), 1 + dx : 1 + dx + z.shape[1]] for dy, dx in STEPS]
    return np.stack([(z - part) * (1 / np.hypot(*step)) for part, step in zip(parts, STEPS, strict=True)])


@pytest.mark.parametrize("name", LANDFORMS)
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_landforms_drain_alike_but_for_ties(name, turns):
    z = LANDFORMS[name].astype(np.float32)
    plain = terrain.flow_direction_d8(z)
    turned = np.rot90(terrain.flow_direction_d8(np.rot90(z, turns).copy()), -turns)
    # turning against the clock takes two off a code
    back = np.where(turned < 8, (turned + 2 * turns) % 8, turned)
    steepest = np.nanmax(slopes(terrain.fill_depressions(z)), 0)
    tied = (slopes(terrain.fill_depressions(z)) == steepest).sum(0) > 1
    level = steepest <= 0
    np.testing.assert_array_equal(back[~tied & ~level], plain[~tied & ~level])
    if name != "saddle":
        return
    counts = [np.sort(terrain.flow_accumulation(part, routing="mfd").ravel()) for part in (z, np.rot90(z, turns))]
    np.testing.assert_allclose(*counts, rtol=1e-3)


def test_ties_are_judged_in_64_bits():
    """Two falls that 32 bits cannot tell apart: the steeper one counts, not the first."""
    z = np.ones((3, 3), np.float32)
    z[1, 2], z[2, 1] = 0, -1e-9
    assert z[1, 1] - z[1, 2] == z[1, 1] - z[2, 1]
    assert terrain.flow_direction_d8(z)[1, 1] == 2


def test_nan_of_any_payload_is_missing():
    z = synthetic.fractal((20, 20), seed=1).astype(np.float32)
    z.view(np.uint32)[4:8, 5] = [0x7FC00001, 0xFFC12345, 0x7F800001, 0xFFFFFFFF]
    plain = z.copy()
    plain[4:8, 5] = np.nan
    for function in (terrain.fill_depressions, terrain.flow_accumulation, terrain.slope_horn_1981):
        sized = {"cell_size": 30.0} if function is terrain.slope_horn_1981 else {}
        np.testing.assert_array_equal(function(z, **sized), function(plain, **sized))


@njit(nogil=True, cache=False)
def product_and_sum(a, b, c):
    """Compiled as all kernels are."""
    return a * b + c


def test_products_are_rounded_before_they_are_added():
    """1 + 2e, squared, loses its last part when it is rounded: a fused form would keep it."""
    a = 1 + 2.0**-27
    assert product_and_sum(a, a, -(1 + 2.0**-26)) == 0.0
    for path in (Path(soilloss.__file__).parent / "kernels").rglob("*.py"):
        assert "fastmath" not in path.read_text(encoding="utf-8"), path


SIDE = 70_000


def test_lines_beyond_32_bits():
    place = SIDE - 3 + np.arange(3)
    path = Channels(place.astype(np.int32), place.astype(np.int32), np.uint8([1, 1, 8]), np.array([1.0, 2, 3]))
    lines = stream_lines(path, grid=make_grid((0, 0, SIDE, SIDE), "EPSG:32635", 1))
    assert list(lines.geometry[0].coords) == [(SIDE - 2.5 + k, 2.5 - k) for k in range(3)]
    assert lines["length_m"][0] == pytest.approx(2 * 2**0.5)


def test_tiles_beyond_32_bits_hand_over_to_each_other():
    """The last four tiles of 4.9e9 cells, whose places have no room in 32 bits."""
    tiles = Tiles((SIDE, SIDE), (8, 8))
    last = [(i, j) for i in (8748, 8749) for j in (8748, 8749)]
    rows, columns = tiles.window(last[0])
    assert rows.start * SIDE + columns.start > 2**32
    z = synthetic.fractal((16, 16), seed=8).astype(np.float32)
    codes = own_codes(terrain.flow_direction_d8(z))
    own, ringed, found = np.ones(8, np.int64), {}, {}
    for tile in last:
        part = tuple(slice(w.start - SIDE + 16, w.stop - SIDE + 16) for w in tiles.window(tile))
        ringed[tile] = part, with_core(codes[part], flow.VOID)
        amount = amounts.added_up(ringed[tile][1], own, None)
        found[tile] = amounts.links(np.ones((3, 8)), ringed[tile][1], amount)
    inflow, out = amounts.hand_over(tiles, found), np.zeros((16, 16))
    for tile, (part, direction) in ringed.items():
        out[part] = amounts.added_up(direction, own, inflow[tile]).reshape(10, 10)[1:-1, 1:-1]
    np.testing.assert_array_equal(out, terrain.flow_accumulation(z))
