import errno
import json

import numpy as np
import pytest
import rasterio

from soilloss.derive import codes, terrain
from soilloss.derive.terrain import edge_contaminated
from soilloss.errors import DataError, GridError, ProjectError, SourceError
from soilloss.factors.topography.combined import desmet_govers_1996
from soilloss.sources import synthetic
from soilloss.sources.vectors import read_zones
from soilloss.workflow import stored
from soilloss.workflow.terrain import WANTED, Task, make_terrain, names_of

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


def test_tile_by_tile_gives_the_same_and_leaves_nothing(dem, tmp_path):
    seen = []
    wanted = ("filled_elevation", "flow_accumulation", "topography")
    whole, tiled = (
        make_terrain(
            Task(dem, wanted), tmp_path / name, limits=limits, workers=1, progress=lambda stage, *_: seen.append(stage)
        )
        for name, limits in (("whole", stored.USUAL), ("tiled", NARROW))
    )
    assert (whole["tile"], tiled["tile"]) == (None, 512)
    assert [one["hash"] for one in whole["rasters"]] == [one["hash"] for one in tiled["rasters"]]
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "tiled"}
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


def test_a_disk_that_is_full_leaves_the_former_result(dem, tmp_path, monkeypatch):
    make_terrain(Task(dem, ("slope",)), tmp_path / "out")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("soilloss.workflow.terrain.Draft.write", full)
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
        patch.setattr("soilloss.workflow.terrain.Draft.write", full)
        with pytest.raises(SourceError, match="finished passes are found again"):
            attempt()
    assert [path.name for path in tmp_path.iterdir()] == [".out.passes"]
    with monkeypatch.context() as patch:
        # nothing is filled again
        patch.setattr("soilloss.kernels.fill.label_basins", full)
        attempt()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


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


def test_words_for_wishes_that_cannot_be_met(dem, tmp_path):
    for task, match in [
        (Task(dem, ("slop",)), r"wanted is 'slop', expected one of .*did you mean 'slope'"),
        (Task(dem, ()), "nothing is wanted; name one or more of filled_elevation"),
        (Task(dem, routing="mdf"), "routing is 'mdf'.*did you mean 'mfd'"),
        (Task(dem, codes="esry"), "'esry' is no known code of directions; did you mean 'esri'"),
    ]:
        with pytest.raises(ProjectError, match=match):
            make_terrain(task, tmp_path / "out")
    with pytest.raises(ProjectError, match=r"edge_contaminated needs .* but --memory is 1e-06 GB; allow more"):
        make_terrain(Task(dem), tmp_path / "out", limits=stored.Limits(memory=1e3))
    (tmp_path / "thesis.doc").write_text("")
    with pytest.raises(ProjectError, match=r"--out .* holds files that are no terrain of soilloss"):
        make_terrain(Task(dem), tmp_path)
    with pytest.raises(SourceError, match=r"no file at .*absent.tif"):
        make_terrain(Task(tmp_path / "absent.tif"), tmp_path / "out")


def test_names():
    assert names_of("slope, aspect") == ("slope", "aspect")
    assert names_of("") == WANTED
