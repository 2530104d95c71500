"""Tiled equals whole, bit for bit: whatever the terrain, the tile, the order, the threads, the crashes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from soilloss.derive import network, terrain
from soilloss.derive.codes import own_codes
from soilloss.derive.tiled import Source, route
from soilloss.derive.tiled.watersheds import watersheds
from soilloss.errors import DataError, GridError, ProjectError
from soilloss.factors.topography import desmet_govers_1996
from soilloss.grid.passes import Passes
from soilloss.grid.rims import Tiles
from soilloss.grid.target import CellSize, cell_size, make_grid
from soilloss.kernels import tiles as kernels

# as many random landscapes as asked for; a long night's run: SOILLOSS_EXAMPLES=5000
EXAMPLES = int(os.environ.get("SOILLOSS_EXAMPLES", "12"))
CRASHES = int(os.environ.get("SOILLOSS_CRASHES", "0"))

JOBS = {
    "filled": ("filled_elevation", {}),
    "direction": ("flow_direction", {}),
    "count": ("flow_accumulation", {}),
    "area": ("contributing_area", {"routing": "d8"}),
    "mfd": ("contributing_area", {"routing": "mfd"}),
    "dinf": ("flow_accumulation", {"routing": "dinf"}),
    "length": ("slope_length", {"channel_area": 20_000.0, "max_length": 400.0}),
    "edges": ("edge_contaminated", {}),
    "uncut": ("slope_length", {"start": "full", "gentle_ratio": 0.0, "steep_ratio": 0.0}),
}
WHOLE = {
    "filled_elevation": terrain.fill_depressions,
    "flow_direction": terrain.flow_direction_d8,
    "flow_accumulation": terrain.flow_accumulation,
    "contributing_area": terrain.contributing_area,
    "slope_length": terrain.slope_length,
    "edge_contaminated": terrain.edge_contaminated,
}
every_job = pytest.mark.parametrize("job", JOBS)


def fractal(seed, shape, beta=2.5, step=0.0, voids=0.0):
    """Heights up to 1000 m with power falling with frequency, in steps, with holes."""
    rng = np.random.default_rng(seed)
    n = max(shape)
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    frequency[0, 0] = 1
    waves = (rng.standard_normal(frequency.shape) + 1j * rng.standard_normal(frequency.shape)) * frequency**-beta
    z = np.fft.irfft2(waves, (n, n))[: shape[0], : shape[1]]
    z = (z - z.min()) / max(np.ptp(z), 1e-9) * 1000
    z = (np.round(z / step) * step if step else z).astype(np.float32)
    z[rng.random(shape) < voids] = np.nan
    return z


def whole(job, z, sides=30.0, close_holes=1):
    name, options = JOBS[job]
    sized = {} if name == "filled_elevation" else {"cell_size": sides}
    return WHOLE[name](z, **options, **sized, close_holes=close_holes)


def tiled(job, z, tile, sides=30.0, close_holes=1, **how):
    name, options = JOBS[job]
    source = Source(lambda window: z[window], "these heights")
    options = {**options, "close_holes": close_holes}
    reader = route(name, source, z.shape, sides, options=options, tile=tile, **{"workers": 1, **how})
    out = np.empty(z.shape, reader.dtype)
    for each in reader.tiles.names():
        out[reader.tiles.window(each)] = reader(reader.tiles.window(each))
    return out


def agree(job, z, tile, **options):
    expected, made = whole(job, z, **options), tiled(job, z, tile, **options)
    assert made.dtype == expected.dtype
    np.testing.assert_array_equal(made, expected)
    return made


@st.composite
def landscapes(draw):
    shape = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    tile = draw(st.integers(3, 39))
    z = fractal(
        draw(st.integers(0, 2**32 - 1)),
        shape,
        draw(st.floats(1, 4.5)) / 2 + 0.5,
        draw(st.sampled_from([0, 1, 20, 100, 300, 700])),
        draw(st.sampled_from([0, 0.03, 0.2])),
    )
    return z, tile


@every_job
@given(landscapes(), st.sampled_from([0, 1, 5]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_tiled_equals_whole(job, landscape, close_holes):
    z, tile = landscape
    agree(job, z, tile, close_holes=close_holes)


# special shapes: what random terrain seldom has


def bowl(n=40):
    y, x = np.mgrid[:n, :n] - n / 2
    return np.hypot(y, x).astype(np.float32)


def lake():
    """A level floor over 3 x 3 tiles and more, one way out."""
    z = np.full((38, 38), 9, np.float32)
    z[3:35, 3:35] = 5
    z[20, 35:] = 5
    return z


def spiral(n=41):
    """A valley that winds inwards, crossing borders again and again, to a pit in the middle."""
    z = np.full((n, n), 1000, np.float32)
    y, x, step, height, left = 1, 1, (0, 1), 900.0, n - 2
    z[0, 0] = 950
    lengths = [left] + [k for k in range(left - 1, 0, -2) for _ in range(2)]
    for length in lengths:
        for _ in range(length - 1):
            z[y, x] = height = height - 0.25
            y, x = y + step[0], x + step[1]
        z[y, x] = height = height - 0.25
        step = (step[1], -step[0])
    return z


def nested(n=48):
    """Bowls in a bowl, at different heights, spilling into each other."""
    z = 3 * bowl(n)
    for seed, (y, x) in enumerate([(12, 12), (12, 30), (30, 14), (33, 33), (24, 24)]):
        z[y - 5 : y + 5, x - 5 : x + 5] += 20 * (5 - bowl(10)) * (1 if seed % 2 else -1)
    return z


def corner_pass(place):
    """A ring of high ridges whose only low cells touch at one corner, that of four tiles of 8 x 8."""
    z = np.full((24, 24), 9, np.float32)
    z[1:8, 1:8] = 1
    z[8:, 8:] = 0
    z[7, 7], z[8, 8] = 1, 0
    z[:8, 8:], z[8:, :8] = 9, 9
    return np.rot90(z, place).copy()


def void_rims():
    """Voids along the whole rim of the tile in the middle."""
    z = fractal(3, (30, 30))
    z[10:20, [10, 19]] = z[[10, 19], 10:20] = np.nan
    return z


def all_void_tile():
    z = fractal(4, (30, 30))
    z[10:20, 10:20] = np.nan
    return z


def island():
    z = np.full((25, 25), np.nan, np.float32)
    z[10, 10] = z[3, 19] = 5
    z[20:23, 18:22] = 7
    return z


SHAPES = {
    "level": lambda: np.full((37, 41), 3, np.float32),
    "one outlet": lambda: (
        np.pad(np.full((30, 30), 4, np.float32), 1, constant_values=6) - 3 * (np.arange(1024).reshape(32, 32) == 37)
    ),
    "lake": lake,
    "bowl": bowl,
    "cone": lambda: -bowl(),
    "spiral": spiral,
    "nested": nested,
    "saddle": lambda: (np.mgrid[-15:16, -15:16] ** 2 * [[[1]], [[-1]]]).sum(0).astype(np.float32),
    **{f"corner {k}": lambda k=k: corner_pass(k) for k in range(4)},
    "void rims": void_rims,
    "void tile": all_void_tile,
    "all void": lambda: np.full((20, 20), np.nan, np.float32),
    "islands": island,
    "one row": lambda: fractal(5, (1, 60)),
    "one column": lambda: fractal(6, (60, 1)),
    "one cell": lambda: np.ones((1, 1), np.float32),
    "minus zero": lambda: np.where(fractal(7, (20, 20)) > 500, -0.0, 0.0).astype(np.float32),
    "tiny": lambda: fractal(8, (25, 25)) * np.float32(1e-43),
    "infinite": lambda: np.where(fractal(9, (25, 25)) > 900, np.inf, fractal(9, (25, 25))),
    "legal heights": lambda: np.random.default_rng(1).choice(np.float32([0, -9999, 32767, -32768]), (25, 25)),
}


@pytest.mark.parametrize("tile", [8, (1, 13), 10, 64])
@pytest.mark.parametrize("shape", SHAPES)
def test_special_shapes(shape, tile):
    z = SHAPES[shape]()
    for job in ("filled", "direction", "count") if tile != 10 else JOBS:
        agree(job, z, tile)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_water_leaves_and_never_goes_round(shape):
    z = SHAPES[shape]()
    code, count = tiled("direction", z, 7, close_holes=0), tiled("count", z, 7, close_holes=0)
    cells = np.isfinite(z).sum()
    assert count[code == 8].sum() == cells
    y, x = np.nonzero(np.isfinite(z))
    steps = kernels.row_step()
    for _ in range(z.size + 1):
        k = code[y, x]
        y, x, k = y[k < 8], x[k < 8], k[k < 8].astype(int)
        if not y.size:
            break
        y, x = y + steps[0][k], x + steps[1][k]
    else:
        raise AssertionError("the directions go round in circles")


@pytest.mark.parametrize("close_holes", [0, 1, 3, 12])
def test_holes_that_cross_borders_are_closed_alike(close_holes):
    z = fractal(11, (40, 40), 1.5)
    for y, x, h, w in [(7, 7, 2, 2), (15, 3, 3, 1), (20, 15, 1, 12), (31, 0, 2, 3), (24, 30, 4, 3), (38, 20, 2, 2)]:
        z[y : y + h, x : x + w] = np.nan
    for job in ("filled", "count", "mfd"):
        agree(job, z, 8, close_holes=close_holes)


@every_job
def test_rows_of_a_geographic_grid_keep_their_sizes(job):
    grid = make_grid((20, 59, 20.4, 60), "EPSG:4326", 0.02)
    z = fractal(2, tuple(grid.shape), 2, 1)
    agree(job, z, 9, sides=cell_size(grid))


@every_job
def test_threads_and_the_order_of_tiles_change_nothing(job, monkeypatch):
    z = fractal(13, (70, 61), 2, 5, 0.01)
    expected = whole(job, z)
    for workers in (1, 2, 5):
        np.testing.assert_array_equal(tiled(job, z, 16, workers=workers), expected)
    run, rng = Passes.run, np.random.default_rng(3)

    def shuffled(self, name, function, arguments, *more, **words):
        order = [list(arguments)[i] for i in rng.permutation(len(arguments))]
        answers = run(self, name, function, {tile: arguments[tile] for tile in order}, *more, **words)
        return {tile: answers[tile] for tile in arguments}

    monkeypatch.setattr(Passes, "run", shuffled)
    np.testing.assert_array_equal(tiled(job, z, 16), expected)


def test_amounts_of_share_do_not_depend_on_the_halo(monkeypatch):
    z = fractal(17, (60, 60), 2)
    expected = whole("mfd", z)
    for halo in (0, 1, 7, 14):
        monkeypatch.setattr("soilloss.derive.tiled.shares.HALO", halo)
        np.testing.assert_array_equal(tiled("mfd", z, 15), expected)


@every_job
def test_real_tiles_of_a_real_size(job):
    z = fractal(19, (700, 900), 2.1, 0.1, 0.0002)
    expected = whole(job, z)
    for tile in (500, 4096) if job != "area" else (64, 500, 4096):
        np.testing.assert_array_equal(tiled(job, z, tile, workers=2), expected)


@pytest.mark.parametrize("dem", ["mula_mutha/dem_srtm_90m.tif", "caucasus_dem/dem_27m.tif"])
def test_real_heights(shared_data, dem):
    with rasterio.open(shared_data / dem) as file:
        grid = GeoBox((file.height, file.width), file.transform, file.crs)
        z = file.read(1, masked=True).astype(np.float32).filled(np.nan)
    sides = cell_size(grid)
    for job in ("direction", "mfd", "length"):
        expected = whole(job, z, sides=sides)
        for tile, workers in ((64, 2), (500, 1), (4096, 2)):
            np.testing.assert_array_equal(tiled(job, z, tile, sides=sides, workers=workers), expected)


def test_the_ls_map_of_mula_mutha_is_one(shared_data):
    """Whatever the tile and the number of workers."""
    with rasterio.open(shared_data / "mula_mutha/dem_srtm_90m.tif") as file:
        grid = GeoBox((file.height, file.width), file.transform, file.crs)
        z = file.read(1, masked=True).astype(np.float32).filled(np.nan)
    sides = cell_size(grid)
    slope, aspect = (function(z, cell_size=sides) for function in (terrain.slope_horn_1981, terrain.aspect_horn_1981))
    caps = {"max_length": 304.8, "channel_area": 1e6}

    def ls(area):
        return desmet_govers_1996(area, slope, aspect, cell_size=sides, **caps)

    expected = ls(whole("mfd", z, sides))
    assert np.isfinite(expected).sum() > 1e5
    for tile in (64, 500, 4096):
        for workers in (1, 2):
            np.testing.assert_array_equal(ls(tiled("mfd", z, tile, sides, workers=workers)), expected)


def test_a_channel_map_is_read_with_the_heights():
    z = fractal(23, (50, 44), 2)
    drawn = (np.random.default_rng(1).random(z.shape) < 0.03).astype(np.float32)
    expected = terrain.slope_length(z, drawn, cell_size=30.0, channel_area=30_000.0)
    channels = Source(lambda window: drawn[window], "drawn")
    options = {"channel_area": 30_000.0}
    reader = route("slope_length", Source(lambda w: z[w]), z.shape, 30.0, channels=channels, options=options, tile=11)
    np.testing.assert_array_equal(reader((slice(0, 50), slice(0, 44))), expected)


@given(st.tuples(st.integers(0, 29), st.integers(0, 29)), st.tuples(st.integers(1, 30), st.integers(1, 30)))
@settings(max_examples=15, deadline=None)
def test_any_window_can_be_read(start, size):
    z = fractal(29, (30, 30))
    reader = route("flow_accumulation", Source(lambda w: z[w]), z.shape, tile=8, workers=1)
    window = tuple(slice(a, min(a + n, 30)) for a, n in zip(start, size, strict=True))
    np.testing.assert_array_equal(reader(window), whole("count", z)[window])
    assert reader.tile == (8, 8)


def test_wrong_words_are_sentences():
    z = Source(lambda window: np.zeros((4, 4))[window])
    with pytest.raises(ProjectError, match="variable is 'flow_accumulaton', .* did you mean 'flow_accumulation'"):
        route("flow_accumulaton", z, (4, 4))
    with pytest.raises(ProjectError, match="exponnent is no coefficient of flow_accumulation; it has cell_size, clo"):
        route("flow_accumulation", z, (4, 4), options={"exponnent": 1})
    with pytest.raises(ProjectError, match="routing is 'd9'"):
        route("flow_accumulation", z, (4, 4), options={"routing": "d9"})
    with pytest.raises(ProjectError, match="start is 'none'"):
        route("slope_length", z, (4, 4), 30.0, options={"start": "none"})
    with pytest.raises(GridError, match="cell_size is missing"):
        route("contributing_area", z, (4, 4))
    huge = CellSize(np.full((4, 1), 1e9), np.full((4, 1), 1e9))
    with pytest.raises(GridError, match="too large to add up"):
        route("contributing_area", z, (4, 4), huge, options={"routing": "d8"})


@given(landscapes(), st.integers(0, 2**32 - 1))
@settings(max_examples=EXAMPLES, deadline=None)
def test_watersheds_in_tiles_are_those_in_memory(landscape, seed):
    z, size = landscape
    codes = own_codes(terrain.flow_direction_d8(z))
    places = np.argwhere(codes != 255)
    places = places[np.random.default_rng(seed).permutation(len(places))[:9]]
    expected = network.watersheds(codes, *places.T)
    cut = Tiles(z.shape, (size, size))
    label = watersheds(codes.__getitem__, cut, *places.T, 2)
    for tile in cut.names():
        np.testing.assert_array_equal(label(cut.window(tile)), expected[cut.window(tile)])


def test_outlets_of_tiles_are_refused_as_in_memory():
    codes, cut = np.array([[0, 8, 255, 255]], np.uint8), Tiles((1, 4), (2, 2))
    with pytest.raises(DataError, match=r"outlets 1 and 2 lie in the same cell \(row 0, column 1\)"):
        watersheds(codes.__getitem__, cut, [0, 0], [1, 1], 1)
    with pytest.raises(DataError, match=r"outlet 1 \(row 0, column 3\) is no cell with a direction"):
        watersheds(codes.__getitem__, cut, [0], [3], 1)


# crashes

SCRIPT = """
import os, signal, sys
import numpy as np
from soilloss.derive.tiled import Source, route

folder, heights, deadly, workers, cluster = sys.argv[1:6]
z = np.load(heights)
sync, name, calls = os.fsync, "", {}

def dying(number):
    calls[name] = calls.get(name, 0) + 1
    if f"{name}:{calls[name]}" == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(number)

os.fsync = dying
import soilloss.grid.passes as passes
run = passes.Passes.run

def named(self, its_name, *more, **words):
    global name
    name = its_name
    return run(self, its_name, *more, **words)

passes.Passes.run = named
source = Source(z.__getitem__, "these heights")
how = dict(folder=folder, tile=16, workers=int(workers), cluster=cluster)
for variable, options in (("contributing_area", {"routing": "mfd"}), ("slope_length", {"channel_area": 20000.0})):
    reader = route(variable, source, z.shape, 30.0, options=options, **how)
    np.save(f"{folder}/{variable}.npy", reader(tuple(slice(0, n) for n in z.shape)))
print(" ".join(f"{pass_}:{n}" for pass_, n in calls.items()).replace("flats ", "flats_").replace("sweep ", "sweep_"))
"""
PASSES = ["basins", "directions", "flats 1", "links", "sweep 1", "sweep 2", "channels", "slopes"]


def crashing(folder, heights, deadly="", workers=1, cluster=""):
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-W", "error", "-c", SCRIPT, folder, heights, deadly, str(workers), cluster]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def right(folder, z):
    for name, options in (("contributing_area", {"routing": "mfd"}), ("slope_length", {"channel_area": 20_000.0})):
        np.testing.assert_array_equal(np.load(folder / f"{name}.npy"), WHOLE[name](z, cell_size=30.0, **options))


@pytest.fixture(scope="module")
def mountain(tmp_path_factory):
    path = tmp_path_factory.mktemp("mountain") / "z.npy"
    z = fractal(31, (45, 44), 2, 40, 0.01)
    np.save(path, z)
    return path, z


def test_killed_in_every_pass_and_run_again(tmp_path, mountain):
    """One folder, killed in one pass after the other, each time a little further."""
    path, z = mountain
    for pass_ in PASSES:
        assert crashing(tmp_path, path, f"{pass_}:2").returncode == -signal.SIGKILL, pass_
    done = crashing(tmp_path, path)
    assert done.returncode == 0, done.stderr
    right(tmp_path, z)


@pytest.mark.skipif(not CRASHES, reason="set SOILLOSS_CRASHES to how many runs shall be killed at random")
@pytest.mark.timeout(3600)
def test_killed_anywhere_and_run_again(tmp_path, mountain):
    path, z = mountain
    rng = np.random.default_rng(CRASHES)
    for i in range(CRASHES):
        folder = tmp_path / str(i)
        for _ in range(3):
            crashing(folder, path, f"{rng.choice(PASSES)}:{rng.integers(1, 20)}", workers=2)
        done = crashing(folder, path, workers=2)
        assert done.returncode == 0, done.stderr
        right(folder, z)


# a cluster


class SlowFile:
    """Reads windows of an array file and takes its time; travels as its path and its code."""

    def __init__(self, path):
        self.path = path

    def __call__(self, window):
        time.sleep(0.02)
        return np.load(self.path)[window]

    def __reduce__(self):
        code = "lambda window: (time.sleep(0.02), np.load(path)[window])[1]"
        return eval, (code, {"path": self.path, "np": np, "time": time})


@pytest.mark.timeout(120)
def test_a_cluster_that_loses_a_worker_gives_the_same_bits(tmp_path, mountain, cluster):
    """The scheduler and two workers are processes of their own; one worker is killed while tasks run."""
    distributed = pytest.importorskip("distributed")
    path, z = mountain
    address, workers = cluster
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
    passes = []

    def told(name, done, total):
        passes.append(name)
        if name == "directions" and done == total // 3:
            workers[0].kill()

    source = Source(SlowFile(str(path)), "these heights")
    folder = tmp_path / "scratch"
    how = {"folder": folder, "tile": 16, "cluster": address, "progress": told}
    reader = route("contributing_area", source, z.shape, 30.0, options={"routing": "mfd"}, **how)
    assert workers[0].poll() is not None
    assert workers[1].poll() is None
    assert {"basins", "directions", "links", "sweep 1"} <= set(passes)
    np.testing.assert_array_equal(reader((slice(0, 45), slice(0, 44))), whole("mfd", z))
    reader.discard()
    assert not any(folder.iterdir())
