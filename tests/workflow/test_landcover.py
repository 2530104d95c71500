"""Land cover of a project, from images to soil loss, at the smallest size that is still the real thing."""

import json

import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.errors import DataError, ProjectError, SourceError
from soilloss.landcover import prediction
from soilloss.landcover.demo import write_demo
from soilloss.landcover.images import image_series
from soilloss.landcover.settings import WIDE, Training
from soilloss.sources import files
from soilloss.sources.synthetic import small_grid, write_raster
from soilloss.workflow.landcover import cut, maps, open_work, points, score_series, series, smooth_series, teach
from soilloss.workflow.landcover.score import _changes as series_changes
from soilloss.workflow.landcover.teach import _training
from soilloss.workflow.landcover.work import stamps
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site
from soilloss.workflow.watch import parse_settings

SHAPE = (224, 224)
TINY = {
    "landcover.tiles": {"size": 32, "block": 2, "per_class": 40},
    "landcover.train": {
        "size": "N",
        "contrast": 1,
        "supervise": 4,
        "refine": 1,
        "batch": 2,
        "device": "cpu",
        "refinement": {"fewest": 0.0},
    },
    "landcover.predict": {"overlap": 0},
    "landcover.sites": {"the middle": [111.0125, 36.1335]},
}


@pytest.fixture(autouse=True)
def _closed():
    yield
    files.close_all()


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    return write_demo(tmp_path_factory.mktemp("area"), shape=SHAPE, years=2, seed=4)


@pytest.fixture(scope="module")
def product(area):
    """Settings of a project that smooths the maps of others: the true classes with noise."""
    folder = area.parent / "product"
    folder.mkdir()
    random = np.random.default_rng(0)
    with rasterio.open(area.parent / "labels_2021.tif") as dataset:
        codes, grid = dataset.read(1), small_grid(SHAPE)
        grid = type(grid)(SHAPE, dataset.transform, dataset.crs.to_wkt())
    for year in (2020, 2021):
        for quarter in (1, 2, 3, 4):
            noisy = np.where(random.random(SHAPE) < 0.2, random.choice([10, 30, 40], SHAPE), codes).astype("u1")
            noisy[:, :10] = 0
            write_raster(folder / f"{year}-Q{quarter}.tif", noisy, grid, 0)
    text = area.read_text(encoding="utf-8")
    text = text.replace(
        '  images: "images/{year}_q{quarter}.tif" ',
        '  maps: {file: "product/{year}-Q{quarter}.tif", legend: worldcover} ',
    )
    path = area.with_name("product.yml")
    path.write_text(text.replace("method: hmm, change_rate: 0.05", "method: majority"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(area):
    pytest.importorskip("torch", reason="the extra landcover is not installed")
    pytest.importorskip("onnxruntime", reason="the extra landcover is not installed")
    import torch

    torch.set_num_threads(1)
    work = open_work(area, TINY, workers=1)
    return work, score_series(work)


class TestTheWholeWay:
    def test_everything_is_there(self, done):
        work, found = done
        for step in work.steps:
            with rasterio.open(work.file("single", step)) as dataset:
                assert dataset.nodata == 0
                assert dataset.colormap(1)[1] == (0, 100, 0, 255)  # the palette of WorldCover
                labels = dataset.read(1)
            assert "<Category>forest</Category>" in work.file("single", step).with_suffix(".tif.aux.xml").read_text()
            with rasterio.open(work.folder / "single/confidence" / f"{step}.tif") as dataset:
                confidence, entropy = dataset.read()
            np.testing.assert_array_equal(np.isnan(confidence), labels == 0)
            assert 0.12 <= np.nanmin(confidence) <= np.nanmax(confidence) <= 1
            assert -1e-6 <= np.nanmin(entropy) <= np.nanmax(entropy) <= 1
            with rasterio.open(work.file("maps", step)) as dataset:
                assert (dataset.read(1) > 0).all()  # gaps take what other quarters say
        assert (work.folder / "maps/confidence").is_dir()
        assert {row["map"] for row in found["scores"]} == {"single", "smoothed"}
        assert {row["year"] for row in found["areas"]} == {2020, 2021}
        page = (work.folder / "report.html").read_text()
        assert "How right the maps are" in page
        assert "the middle" in page
        record = json.loads((work.folder / "record.json").read_text())
        assert {"tiles", "model", "maps", "single 2021-Q3"} <= record.keys()

    def test_what_is_done_is_not_done_again(self, done):
        work, _ = done
        before = {p: p.stat().st_mtime_ns for p in work.folder.rglob("*.tif")}
        model = (work.folder / "model/model.safetensors").stat().st_mtime_ns
        smooth_series(work)
        assert {p: p.stat().st_mtime_ns for p in work.folder.rglob("*.tif")} == before
        changed = work._replace(
            section=work.section.model_copy(update={"smooth": type(work.section.smooth)(method="path")})
        )
        smooth_series(changed)
        assert (work.folder / "model/model.safetensors").stat().st_mtime_ns == model
        after = {p: p.stat().st_mtime_ns for p in work.folder.rglob("*.tif")}
        assert {p.parent.name for p in before if after[p] != before[p]} == {"maps"}
        smooth_series(work)

    def test_quarterly_soil_loss_of_the_maps(self, done, area):
        work, _ = done
        made = execute(open_site(area, TINY), workers=1)
        with rasterio.open(made.folder / "soil_loss/2021-Q3.tif") as dataset:
            summer = dataset.read(1)
        with rasterio.open(made.folder / "soil_loss/2021-Q1.tif") as dataset:
            winter = dataset.read(1)
        with rasterio.open(work.file("maps", "2021-Q3")) as dataset:
            water = dataset.read(1) >= 7
        assert (summer[water] == 0).all()
        assert np.nanmean(summer) > np.nanmean(winter) > 0

    @pytest.mark.usefixtures("done")
    def test_probabilities_feed_the_cover_factor(self, area):
        options = {**TINY, "landcover.smooth": {"method": "hmm", "probabilities": True}}
        smooth_series(open_work(area, options, workers=1))
        options |= {
            "sources.land_cover_probability": "landcover/maps/probability/{year}-Q{quarter}.tif",
            "methods.cover": "mee_2021_expected",
            "publish.folder": "expected",
        }
        made = execute(open_site(area, options), workers=1)
        with rasterio.open(made.folder / "factors/cover.tif") as dataset:
            cover = dataset.read(1)
        assert 0 <= np.nanmin(cover) < np.nanmax(cover) <= 1

    def test_points_for_interpreters(self, done, area, tmp_path):
        work, _ = done
        count = points.write_points(work, tmp_path / "p.gpkg", count=80, dates=["2020", "2021-Q3"])
        points.write_points(work, tmp_path / "p.csv", count=80, dates=["2020", "2021-Q3"])
        table = pd.read_csv(tmp_path / "p.csv")
        assert table["id"].nunique() == count
        with pytest.raises(ProjectError, match="exists already"):
            points.write_points(work, tmp_path / "p.csv", count=80, dates=["2020"])
        with pytest.raises(ProjectError, match="--dates 1990: not a step"):
            points.write_points(work, tmp_path / "q.csv", count=80, dates=["1990"])
        for name, shift in (("ann", 0), ("bea", 1)):
            given = table.assign(**{"class": np.where(table["id"] % 10 == 0, 1 + shift, 4)})
            given.to_csv(tmp_path / f"{name}.csv", index=False)
        sets = {"both": {"points": {"ann": str(tmp_path / "ann.csv"), "bea": str(tmp_path / "bea.csv")}}}
        found = score_series(open_work(area, {**TINY, "landcover.validation": sets}, workers=1))
        rows = pd.read_csv(work.folder / "accuracy/agreement.csv")
        assert rows["undecided"][0] > 0
        assert 0.8 < rows["agreement"][0] < 1
        assert any("no validation point in both" in note for note in found["notes"])
        total = table.drop_duplicates("stratum")["stratum_area"].sum()  # of the map that the places were drawn from
        for _, areas in pd.DataFrame(found["areas"]).groupby("year"):
            assert areas["area [ha]"].sum() == pytest.approx(total)


def test_maps_of_others_are_smoothed_and_scored_without_torch(product):
    work = open_work(product, {"landcover.folder": "of_others"}, workers=1)
    found = score_series(work)
    rows = {row["map"]: row for row in found["scores"]}
    assert rows["smoothed"]["overall_accuracy"] > rows["single"]["overall_accuracy"] + 0.05
    assert not (work.folder / "model").exists()
    with pytest.raises(ProjectError, match="only with a table of their errors"):
        smooth_series(open_work(product, {"landcover.smooth": {"method": "hmm"}}))
    errors = pd.DataFrame(100 * np.eye(8) + 3, index=range(1, 9), columns=range(1, 9))
    errors.to_csv(product.with_name("errors.csv"))
    again = {"landcover.folder": "of_others", "landcover.smooth": {"method": "hmm", "confusion": "errors.csv"}}
    again |= {
        "landcover.compare": {"labels": {"file": "labels_{year}.tif", "legend": "worldcover"}},
        "landcover.sites": {"the middle": [111.0125, 36.1335]},
    }
    found = score_series(open_work(product, again, workers=1))
    better = {row["map"]: row for row in found["scores"]}
    assert better["smoothed"]["overall_accuracy"] > rows["smoothed"]["overall_accuracy"]
    assert better["labels"]["n"] == 600  # the points of 2021
    assert found["notes"] == ["labels has no map of 2020; points of that time are not counted for it"]


def test_changes_at_dates_apart_have_no_leeway(product):
    work = open_work(product, workers=1)
    dates = ["2020-Q1", "2020-Q3", "2021-Q1", "2021-Q4"]
    given = pd.DataFrame({"id": 1, "date": dates, "class": [1, 1, 4, 4], "mapped": [1, 1, 1, 4]})
    assert series_changes(work, "ours", "single", given)[0]["recall"] == 0
    assert np.isnan(series_changes(work, "ours", "single", given)[0]["flips"])
    given["date"] = ["2020-Q4", "2021-Q1", "2021-Q2", "2021-Q3"]
    assert series_changes(work, "ours", "single", given)[0]["recall"] == 1


def test_a_map_goes_on_where_it_was_stopped(tmp_path):
    """1 100 rows are three strips: after the first is on disk the machine stops; the rest is the same as in one go."""
    grid = small_grid((1100, 64), 10)
    cells = np.random.default_rng(1).integers(100, 4000, (1100, 64, 5)).astype(np.int16)
    write_raster(tmp_path / "2021_q3.tif", cells, grid, -32768, scale=1e-4)
    images = image_series("{year}_q{quarter}.tif", ["2021-Q3"], folder=tmp_path)
    (tmp_path / "project.yml").write_text(
        "period: {start: 2021, end: 2021, step: quarter}\nsources: {}\nlandcover: {images: x.tif}\n"
    )
    work = open_work(tmp_path / "project.yml", workers=1)
    calls = []

    def network(tiles, stop=10**9):
        calls.append(len(tiles))
        if len(calls) > stop:
            raise KeyboardInterrupt
        return np.repeat(tiles[:, :1], 8, axis=1) * np.arange(8, dtype="f4")[:, None, None]

    tiling = prediction.Tiling(64, 16)
    maps._map(work, prediction.Runner(network, tiling), images, "2021-Q3", "k", {})
    with rasterio.open(work.file("single", "2021-Q3")) as dataset:
        whole = dataset.read()
    total = len(calls)
    calls.clear()
    stopped = prediction.Runner(lambda tiles: network(tiles, total - 4), tiling)
    with pytest.raises(KeyboardInterrupt):
        maps._map(work, stopped, images, "2021-Q3", "k", {})
    calls.clear()
    maps._map(work, prediction.Runner(network, tiling), images, "2021-Q3", "k", {})
    assert len(calls) < 0.6 * total
    with rasterio.open(work.file("single", "2021-Q3")) as dataset:
        np.testing.assert_array_equal(dataset.read(), whole)
    assert not list((work.folder / ".part").iterdir())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("landcover.labels.year=2015", "the labels are of 2015, but the period is 2020-Q1 to 2021-Q4"),
        ("landcover.labels.legend=clcd", "no tile has labels|expected"),
        ("landcover.images.bands=[1, 2]", "2 bands listed, expected 5"),
    ],
)
def test_tiles_that_cannot_be_cut(area, settings, words):
    work = open_work(area, {**TINY, **parse_settings([settings]), "landcover.folder": "wrong"})
    with pytest.raises((ProjectError, DataError), match=words):
        cut(work)


def test_projects_that_lack_something(area, product, tmp_path):
    plain, timeless = tmp_path / "plain.yml", tmp_path / "timeless.yml"
    plain.write_text("sources: {elevation: dem.tif}\n")
    timeless.write_text("sources: {}\nlandcover: {images: a.tif}\n")
    with pytest.raises(ProjectError, match="has no landcover section"):
        open_work(plain)
    with pytest.raises(ProjectError, match="names no period"):
        open_work(timeless)
    with pytest.raises(ProjectError, match="names no points"):
        score_series(open_work(product, {"landcover.validation": {}, "landcover.folder": "of_others"}))
    with pytest.raises(ProjectError, match=r"landcover.smooth.method: 'hm' is not known; did you mean 'hmm'"):
        open_work(area, {"landcover.smooth.method": "hm"})
    with pytest.raises(ProjectError, match=r"landcover.sites.dam: list should have at least 2 items"):
        open_work(area, {"landcover.sites": {"dam": [111.0]}})
    with pytest.raises(ProjectError, match=r"landcover.smooth.forbidden.0.1: input should be less than or equal to 8"):
        open_work(area, {"landcover.smooth": {"forbidden": [[1, 9]]}})
    with pytest.raises(ProjectError, match=r"landcover.images.bands.0: input should be greater than or equal to 1"):
        open_work(area, {"landcover.images": {"file": "x.tif", "bands": [0, 1, 2, 3, 4]}})
    with pytest.raises(SourceError, match="nowhere.gpkg cannot be read"):
        points._read(tmp_path / "nowhere.gpkg", "ours")
    with pytest.raises(SourceError, match="nowhere.csv cannot be read"):
        series._confusion(open_work(product, {"landcover.smooth": {"method": "hmm", "confusion": "nowhere.csv"}}))


def test_training_options_are_checked(area):
    pytest.importorskip("torch", reason="the extra landcover is not installed")
    train = {**TINY["landcover.train"], "refinement": {"treshold": 0.5}}
    with pytest.raises(ProjectError, match="refinement.treshold: unknown key; did you mean 'threshold'"):
        open_work(area, {**TINY, "landcover.train": train})
    assert _training(open_work(area, {"landcover.train": {}}).section) == Training()
    wide = {"refinement": {"geometry": {"angle": 15.0, "shift": 0.125, "zoom": [0.5, 1.0]}}}
    assert _training(open_work(area, {"landcover.train": wide}).section).refinement.geometry == WIDE
    train = {**TINY["landcover.train"], "supervise": 0}
    work = open_work(area, {**TINY, "landcover.train": train, "landcover.folder": "wrong"}, workers=1)
    with pytest.raises(ProjectError, match="nothing would be learnt"):
        teach(work)


def test_steps_per_year():
    assert series.steps_per_year(("2020",)) == 1
    assert series.steps_per_year(("2020-01",)) == 12


def test_data_that_no_probe_hits_are_mapped(tmp_path):
    grid = small_grid((512, 512), 10)
    cells = np.full((512, 512, 5), -32768, np.int16)
    cells[80:140, 80:140] = 2000
    write_raster(tmp_path / "2021_q3.tif", cells, grid, -32768, scale=1e-4)
    write_raster(tmp_path / "2021_q4.tif", np.full_like(cells, -32768), grid, -32768, scale=1e-4)
    images = image_series("{year}_q{quarter}.tif", ["2021-Q3", "2021-Q4"], folder=tmp_path)
    (tmp_path / "project.yml").write_text(
        "period: {start: 2021, end: 2021, step: quarter}\nsources: {}\nlandcover: {images: x.tif}\n"
    )
    work = open_work(tmp_path / "project.yml", workers=1)
    run = prediction.Runner(lambda tiles: np.zeros((len(tiles), 8, 64, 64), "f4"), prediction.Tiling(64, 16))
    assert maps._map(work, run, images, "2021-Q3", "k", {})["note"] == ""
    with rasterio.open(work.file("single", "2021-Q3")) as dataset:
        assert (dataset.read(1) > 0).sum() == 60 * 60
    assert "missing evidence" in maps._map(work, run, images, "2021-Q4", "k", {})["note"]


def test_the_same_files_read_in_another_way_are_other_input(tmp_path):
    write_raster(tmp_path / "a.tif", np.ones((8, 8, 5), np.int16), small_grid((8, 8)), 0)
    write_raster(tmp_path / "c.tif", np.ones((8, 8), np.uint8), small_grid((8, 8)), 0)
    legend = tmp_path / "legend.csv"
    legend.write_text("code,class\n1,1\n")

    def image(**options):
        return stamps([image_series("a.tif", [], folder=tmp_path, **options)])

    def classes(name):
        return stamps([files.raster_source("land_cover", "c.tif", [], folder=tmp_path, legend=name)])

    assert image() == image()
    assert image(scale=1e-4) != image() != image(bands=(5, 4, 3, 2, 1))
    assert classes("clcd") != classes("esri")
    before = classes("legend.csv")
    legend.write_text("code,class\n1,4\n")
    assert classes("legend.csv") != before
