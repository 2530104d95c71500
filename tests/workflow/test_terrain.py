import errno
import json
import shutil
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from soilloss.derive import codes, terrain
from soilloss.derive.terrain import edge_contaminated
from soilloss.derive.ways import Ways
from soilloss.errors import DataError, GridError, ProjectError, SourceError
from soilloss.factors.topography.combined import desmet_govers_1996
from soilloss.grid import zones
from soilloss.sources import synthetic
from soilloss.sources.vectors import read_zones
from soilloss.workflow import stored
from soilloss.workflow.terrain import WANTED, Task, make_terrain, names_of, plan_terrain

SHAPE = (90, 70)
GRID = synthetic.small_grid(SHAPE)
NARROW = stored.Limits(memory=40.0 * SHAPE[0] * SHAPE[1] - 1)


@pytest.fixture(scope="module")
def heights():
    z = synthetic.fractal(SHAPE, seed=5)
    z[30, 20] = np.nan
    z[50:60, 40:44] = np.nan
    return z


@pytest.fixture(scope="module")
def dem(tmp_path_factory, heights):
    return synthetic.write_raster(tmp_path_factory.mktemp("dem") / "dem.tif", heights, GRID)


def read(folder, name):
    with rasterio.open(folder / f"{name}.tif") as dataset:
        return dataset.read(1, masked=True).filled(np.nan) if dataset.nodata is None else dataset.read(1)


def test_everything_is_what_the_functions_give(dem, heights, tmp_path):
    made = make_terrain(Task(dem), tmp_path / "out")
    area = terrain.contributing_area(heights, cell_size=30)
    slope, aspect = (f(heights, cell_size=30) for f in (terrain.slope_horn_1981, terrain.aspect_horn_1981))
    direction = terrain.flow_direction_d8(heights, cell_size=30)
    expected = {
        "filled_elevation": terrain.fill_depressions(heights),
        "flow_direction": np.where(np.isnan(direction), 255, direction),
        "flow_accumulation": terrain.flow_accumulation(heights, routing="mfd", cell_size=30),
        "contributing_area": area,
        "slope": slope,
        "aspect": aspect,
        "topography": desmet_govers_1996(area, slope, aspect, cell_size=30, max_length=304.8, channel_area=1e6),
        "edge_contaminated": np.nan_to_num(edge_contaminated(heights, cell_size=30), nan=255),
    }
    for name in WANTED:
        np.testing.assert_array_equal(read(tmp_path / "out", name), expected[name], err_msg=name)
    assert [one["variable"] for one in made["rasters"]] == list(WANTED)
    assert json.loads((tmp_path / "out/terrain.json").read_text())["rasters"] == made["rasters"]
    with rasterio.open(tmp_path / "out/contributing_area.tif") as dataset:
        assert dataset.units == ("m2",)
        assert dataset.tags()["citation"] == "freeman1991"
        assert dataset.tags()["method"] == "contributing_area"


def test_tile_by_tile_gives_the_same_and_leaves_nothing(dem, tmp_path, monkeypatch):
    """Tiles of 32 cells in rasters whose own tiles are as large, which GDAL allows only from 16 on."""
    monkeypatch.setattr("soilloss.workflow.terrain.land.tile_side", lambda *_: 32)
    monkeypatch.setattr("soilloss.publish.rasters.TILE", 32)
    seen = []
    gauges = tmp_path / "in/gauges.csv"
    gauges.parent.mkdir()
    west, _, _, north = GRID.boundingbox
    gauges.write_text(f"station,x,y\nupper,{west + 600},{north - 900}\nlower,{west + 1500},{north - 2000}\n")
    task = Task(dem, outlets=gauges, outlets_crs=str(GRID.crs), snap=150, streams=50 * 900)
    whole, tiled = (
        make_terrain(task, tmp_path / name, limits=limits, workers=1, progress=lambda stage, *_: seen.append(stage))
        for name, limits in (("whole", stored.USUAL), ("tiled", NARROW))
    )
    assert (whole["tile"], tiled["tile"]) == (None, 32)
    assert [one["hash"] for one in whole["rasters"]] == [one["hash"] for one in tiled["rasters"]]
    assert whole["watersheds"] == tiled["watersheds"]
    for name in ("watersheds", "streams"):
        one, other = (gpd.read_file(tmp_path / folder / f"{name}.gpkg") for folder in ("whole", "tiled"))
        assert len(one) > 0
        assert one.equals(other)
        assert one.geometry.geom_equals_exact(other.geometry, 0).all()
    assert {path.name for path in tmp_path.iterdir()} == {"in", "whole", "tiled"}
    assert any(stage.startswith("flow_accumulation: ") for stage in seen)


@pytest.mark.parametrize("system", ["grass", "pyflwdir"])
def test_directions_in_other_codes(dem, heights, tmp_path, system):
    make_terrain(Task(dem, ("flow_direction",), codes=system), tmp_path / "out")
    written, known = read(tmp_path / "out", "flow_direction"), ~np.isnan(heights)
    ours = terrain.flow_direction_d8(heights, cell_size=30)
    away_from_hole = known.copy()
    away_from_hole[29:32, 19:22] = False
    np.testing.assert_array_equal(written[away_from_hole], codes.convert_directions(ours, system)[away_from_hole])
    assert (written[~known] == codes.missing_code(system)).all()
    with rasterio.open(tmp_path / "out/flow_direction.tif") as dataset:
        assert dataset.nodata == codes.missing_code(system)
        assert system in dataset.tags()["long_name"]


def test_catchments_of_gauges_are_zones(dem, tmp_path):
    gauges = tmp_path / "gauges.csv"
    west, _, _, north = GRID.boundingbox
    gauges.write_text(f"station,x,y\nupper,{west + 600},{north - 900}\nlower,{west + 1500},{north - 2000}\n")
    task = Task(dem, (), outlets=gauges, outlets_crs=str(GRID.crs), snap=150, streams=50 * 900)
    made = make_terrain(task, tmp_path / "out")
    zones = read_zones(tmp_path / "out/watersheds.gpkg", "station", str(GRID.crs))
    assert zones["zone"].tolist() == ["upper", "lower"]
    assert [one["area_m2"] for one in made["watersheds"]] == pytest.approx(zones.area.tolist())
    assert all(0 <= one["moved_m"] <= 150 for one in made["watersheds"])
    assert made["streams"]["links"] > 0
    assert (tmp_path / "out/streams.gpkg").exists()
    assert made["rasters"] == []


@pytest.mark.timeout(180)
def test_a_cluster_that_loses_a_worker_gives_the_same(dem, heights, tmp_path, cluster, monkeypatch):
    """Scheduler and two workers are processes; one worker is killed in the middle, masks travel with the tasks."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("soilloss.workflow.terrain.land.tile_side", lambda *_: 32)
    monkeypatch.setattr("soilloss.publish.rasters.TILE", 32)
    drawn_masks(tmp_path, heights)
    address, workers = cluster
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
    stages = set()

    def told(stage, done, total):
        stages.add(stage)
        if stage == "contributing_area: directions" and done == 2:
            workers[0].kill()

    task = Task(dem, ("contributing_area",), trapping=tmp_path / "road.gpkg", channels=tmp_path / "lake.tif")
    whole = make_terrain(task, tmp_path / "whole")
    spread = make_terrain(task, tmp_path / "spread", limits=stored.Limits(4e9, address), progress=told)
    assert workers[0].poll() is not None
    assert {"contributing_area: basins", "contributing_area: sweep 1"} <= stages
    assert [one["hash"] for one in spread["rasters"]] == [one["hash"] for one in whole["rasters"]]


def drawn_masks(tmp_path, heights):
    """A road as a line, a lake as a polygon, and both as rasters of what they should become."""
    west, south, east, north = GRID.boundingbox
    road = shapely.LineString([(west + 1, (south + north) / 2 + 7), (east - 1, (south + north) / 2 + 107)])
    lake = shapely.box(west + 301, north - 601, west + 602, north - 302)
    gpd.GeoDataFrame({"trapping": [0.6]}, geometry=[road], crs=str(GRID.crs)).to_file(tmp_path / "road.gpkg")
    gpd.GeoDataFrame(geometry=[lake], crs=str(GRID.crs)).to_file(tmp_path / "lake.gpkg")
    whole = slice(0, SHAPE[0]), slice(0, SHAPE[1])
    trapping = zones.burn([road], np.array([0.6]), GRID, 0, touched=True)(whole)
    channels = zones.burn([lake], np.array([1]), GRID, 0)(whole)
    synthetic.write_raster(tmp_path / "road.tif", trapping, GRID)
    synthetic.write_raster(tmp_path / "lake.tif", channels.astype(np.uint8), GRID)
    return trapping, channels


@pytest.mark.parametrize("kind", ["gpkg", "tif"])
@pytest.mark.parametrize("tiles", [False, True])
def test_roads_hold_back_and_lakes_take_all(dem, heights, tmp_path, kind, tiles, monkeypatch):
    trapping, channels = drawn_masks(tmp_path, heights)
    if tiles:
        monkeypatch.setattr("soilloss.workflow.terrain.land.tile_side", lambda *_: 32)
        monkeypatch.setattr("soilloss.publish.rasters.TILE", 32)
    wanted = ("contributing_area", "topography")
    task = Task(dem, wanted, channels=tmp_path / f"lake.{kind}", trapping=tmp_path / f"road.{kind}", streams=5e4)
    made = make_terrain(task, tmp_path / "out", limits=NARROW if tiles else stored.USUAL)
    area = terrain.contributing_area(heights, channels, trapping, cell_size=30)
    slope, aspect = (f(heights, cell_size=30) for f in (terrain.slope_horn_1981, terrain.aspect_horn_1981))
    limits = {"max_length": 304.8, "channel_area": 1e6}
    np.testing.assert_array_equal(read(tmp_path / "out", "contributing_area"), area)
    np.testing.assert_array_equal(
        read(tmp_path / "out", "topography"), desmet_govers_1996(area, slope, aspect, channels, cell_size=30, **limits)
    )
    assert set(made["masks"]) == {"channels", "trapping"}
    lines = gpd.read_file(tmp_path / "out/streams.gpkg")
    assert lines.intersects(shapely.box(*gpd.read_file(tmp_path / "lake.gpkg").total_bounds)).any()


def test_voids_as_walls_and_level_land_by_both_gradients(dem, heights, tmp_path):
    ways = Ways(0, "wall", "garbrecht")
    make_terrain(Task(dem, ("flow_direction", "edge_contaminated"), ways=ways), tmp_path / "out")
    options = {"close_holes": 0, "voids": "wall", "flats": "garbrecht", "cell_size": 30}
    for name, function in (("flow_direction", terrain.flow_direction_d8), ("edge_contaminated", edge_contaminated)):
        np.testing.assert_array_equal(
            read(tmp_path / "out", name), np.nan_to_num(function(heights, **options), nan=255)
        )


def test_words_for_masks_that_cannot_be_used(dem, tmp_path):
    with pytest.raises(SourceError, match=r"no file at .*absent.gpkg .*check the path"):
        make_terrain(Task(dem, trapping=tmp_path / "absent.gpkg"), tmp_path / "out")
    percent = synthetic.write_raster(tmp_path / "percent.tif", np.full(SHAPE, 40, np.float32), GRID)
    with pytest.raises(DataError, match="trapping is 40 in some cells, expected shares of the flow from 0 to 1; check"):
        make_terrain(Task(dem, ("contributing_area",), trapping=percent), tmp_path / "out")
    with pytest.raises(ProjectError, match="voids is 'walls'"):
        make_terrain(Task(dem, ways=Ways(voids="walls")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_full_leaves_the_former_result(dem, tmp_path, monkeypatch):
    make_terrain(Task(dem, ("slope",)), tmp_path / "out")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("soilloss.publish.rasters.Draft.write", full)
    with pytest.raises(SourceError, match=r"out could not be written \(No space left on device\); free space"):
        make_terrain(Task(dem, ("aspect",)), tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"slope.tif", "terrain.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_finished_passes_of_a_run_that_failed_are_found_again(dem, tmp_path, monkeypatch):
    def attempt():
        make_terrain(Task(dem, ("flow_accumulation",), routing="d8"), tmp_path / "out", limits=NARROW, workers=1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("soilloss.publish.rasters.Draft.write", full)
        with pytest.raises(SourceError, match="finished passes are found again"):
            attempt()
    assert [path.name for path in tmp_path.iterdir()] == [".out.passes"]
    with monkeypatch.context() as patch:
        # nothing is filled again
        patch.setattr("soilloss.kernels.fill.label_basins", full)
        attempt()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, and a function that makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", place]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield place, lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_small_disk_that_fills_up_and_is_enlarged(tmp_path, small_disk, monkeypatch):
    """It fills in one of the passes: a sentence, the former result, and nothing that is done is done again."""
    monkeypatch.setattr("soilloss.workflow.terrain.land.tile_side", lambda *_: 64)
    monkeypatch.setattr("soilloss.publish.rasters.TILE", 64)
    disk, enlarge = small_disk
    shape = (256, 250)
    dem = synthetic.write_raster(tmp_path / "dem.tif", synthetic.fractal(shape, seed=9), synthetic.small_grid(shape))
    task = Task(dem, ("contributing_area",))
    expected = make_terrain(task, tmp_path / "elsewhere")
    make_terrain(Task(dem, ("edge_contaminated",)), disk / "out")
    former = sorted(path.name for path in (disk / "out").iterdir())
    with pytest.raises(SourceError, match=r"the disk of .* is full; make room and run again, finished tiles are kept"):
        make_terrain(task, disk / "out", limits=stored.Limits(memory=1.0), workers=2)
    assert sorted(path.name for path in (disk / "out").iterdir()) == former
    assert {path.name for path in disk.iterdir()} == {"out", ".out.passes"}
    assert not [path for path in disk.rglob("*") if path.name.endswith(".partial")]
    enlarge("20m")

    def again(*_):
        raise AssertionError("basins are found again")

    with monkeypatch.context() as patch:
        patch.setattr("soilloss.kernels.fill.label_basins", again)
        made = make_terrain(task, disk / "out", limits=stored.Limits(memory=1.0), workers=2)
    assert made["rasters"][0]["hash"] == expected["rasters"][0]["hash"]
    assert [path.name for path in disk.iterdir()] == ["out"]


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from pathlib import Path
from soilloss.errors import SourceError
from soilloss.workflow.stored import Limits
from soilloss.workflow.terrain import Task, make_terrain
try:
    make_terrain(Task(Path(sys.argv[1]), ("contributing_area",)), Path(sys.argv[2]), limits=Limits(memory=1.0))
except SourceError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_is_a_sentence(dem, tmp_path):
    command = [sys.executable, "-W", "error", "-c", LIMITED, dem, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "could not be written (File too large)" in done.stdout
    assert not (tmp_path / "out").exists()


def raster(tmp_path, z, grid=GRID, **more):
    return synthetic.write_raster(tmp_path / "dem.tif", np.asarray(z), grid, **more)


def test_words_for_heights_that_cannot_be_used(tmp_path):
    def refused(kind, match, z, **more):
        path = raster(tmp_path, z, **more)
        with pytest.raises(kind, match=match):
            make_terrain(Task(path), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    small = synthetic.small_grid((3, 4))
    z = np.ones((3, 4), np.float32)
    refused(DataError, r"dem.tif holds no height: all cells are missing", z * np.nan, grid=small)
    refused(DataError, r"has 1 rows and 4 columns, expected two", z[:1], grid=synthetic.small_grid((1, 4)))
    voids = np.array([[5, 5, 5, 5], [5, -32768, 5, 5], [5, 5, 5, 5]], np.int16)
    refused(DataError, r"heights of -32768 m, expected -500 to 9000 m; .* --nodata -32768", voids, grid=small)
    refused(GridError, r"no coordinate reference system", z, grid=type(small)((3, 4), small.affine, None))
    turned = type(small)((3, 4), small.affine @ type(small.affine).rotation(10), small.crs)
    refused(GridError, r"rotated grid; straighten it first: gdalwarp -t_srs", z, grid=turned)
    made = make_terrain(Task(raster(tmp_path, voids, small), ("slope",), nodata=-32768), tmp_path / "out")
    assert made["rasters"][0]["missing_cells"] == 1
    zeros = np.where(voids < 0, 0, voids).astype(np.int16)
    for path in (raster(tmp_path, zeros, small), raster(tmp_path, np.where(zeros, 5, np.inf).astype("f4"), small)):
        made = make_terrain(Task(path, ("flow_accumulation",), routing="d8", nodata=0), tmp_path / "out")
        assert made["rasters"][0]["missing_cells"] == 1
        assert made["rasters"][0]["maximum"] == 2


@pytest.mark.parametrize("marked", ["file", "task"])
@pytest.mark.parametrize("nodata", [0, -9999, 32767, -32768])
def test_what_marks_missing_cells_may_be_a_legal_height(tmp_path, heights, nodata, marked):
    z = np.where(np.isnan(heights), nodata, np.maximum(np.round(heights), 1)).astype(np.int16)
    path = raster(tmp_path, z, **({"nodata": nodata} if marked == "file" else {}))
    made = make_terrain(
        Task(path, ("flow_accumulation",), "d8", nodata=nodata if marked == "task" else None), tmp_path / "out"
    )
    expected = terrain.flow_accumulation(np.where(np.isnan(heights), np.nan, z))
    np.testing.assert_array_equal(read(tmp_path / "out", "flow_accumulation"), expected)
    assert made["rasters"][0]["missing_cells"] == np.isnan(heights).sum()


def test_words_for_wishes_that_cannot_be_met(dem, tmp_path):
    for task, match in [
        (Task(dem, ("slop",)), r"wanted is 'slop', expected one of .*did you mean 'slope'"),
        (Task(dem, ()), "nothing is wanted; name one or more of filled_elevation"),
        (Task(dem, routing="mdf"), "routing is 'mdf'.*did you mean 'mfd'"),
        (Task(dem, codes="esry"), "'esry' is no known code of directions; did you mean 'esri'"),
    ]:
        with pytest.raises(ProjectError, match=match):
            make_terrain(task, tmp_path / "out")
    (tmp_path / "thesis.doc").write_text("")
    with pytest.raises(ProjectError, match=r"--out .* holds files that are no terrain of soilloss"):
        make_terrain(Task(dem), tmp_path)
    with pytest.raises(SourceError, match=r"no file at .*absent.tif"):
        make_terrain(Task(tmp_path / "absent.tif"), tmp_path / "out")


def test_the_plan_tells_what_it_takes_before(dem, tmp_path):
    whole, tiled = (plan_terrain(Task(dem, streams=1e5), limits, 2) for limits in (stored.USUAL, NARROW))
    assert (whole["tile"], tiled["tile"]) == (None, 512)
    assert tiled["disk_bytes"] > whole["disk_bytes"]
    assert whole["words"].startswith("90 x 70 cells in memory; about ")
    assert tiled["words"].startswith("90 x 70 cells in tiles of 512 x 512 cells; about ")
    local = plan_terrain(Task(dem, ("slope",)))
    assert local["seconds"] < whole["seconds"] or whole["seconds"] == 0
    with pytest.raises(ProjectError, match="wanted is 'slop'"):
        plan_terrain(Task(dem, ("slop",)))
    assert [path.name for path in tmp_path.iterdir()] == []


def test_names():
    assert names_of("slope, aspect") == ("slope", "aspect")
    assert names_of("") == WANTED
