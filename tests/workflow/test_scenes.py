"""Scenes of a search service to one image a step: offsets, clouds, gaps, keys, and what cannot be done."""

import json

import numpy as np
import pytest
import rasterio
import world

from soilloss.errors import DataError, SoilLossWarning, SourceError
from soilloss.workflow.fetch import describe, fetch, missing, resolve
from soilloss.workflow.fetch.jobs import jobs_of
from soilloss.workflow.project import load
from soilloss.workflow.site import open_site

CORNER = (slice(0, 70), slice(0, 160))  # of the scene classification, which has cells twice as large
QUARTERS = {"start": 2021, "end": 2021, "step": "quarter"}


def scenes(server, *given):
    server.items = [world.scene(server.folder, server.url, **one) for one in given]


def project(folder, server, variable="ndvi", *, period=None, **source):
    sources = {variable: {"product": "sentinel-2-l2a", **source}}
    return world.project(folder, server.url, sources=sources, period=period or {"start": 2021, "end": 2021})


def path_of(file, label="2021", what=""):
    (path,) = (p for p in file.parent.glob(f".soilloss/fetched/*-*/{what}{label}.tif"))
    return path


def read(file, label="2021", what=""):
    with rasterio.open(path_of(file, label, what)) as raster:
        return raster.read().astype(float), raster.transform


def expected(band, transform, shape, shift=0.0):
    """What the made-up ground reflects on the grid of a result."""
    east, north = world.places(transform.c, transform.f, transform.a, shape)
    left, top, cell, _ = world.SCENE
    rows, columns = np.round((top - north) / cell - 0.5).astype(int), np.round((east - left) / cell - 0.5).astype(int)
    return world.reflectance(band, shift)[rows, columns]


def test_old_and_new_baselines_give_the_same_reflectance(tmp_path, server):
    scenes(
        server,
        {"name": "a", "date": "2021-01-10", "shift": -0.02, "baseline": "02.14"},
        {"name": "b", "date": "2021-02-10", "shift": 0.0, "baseline": "05.00"},
        {"name": "c", "date": "2021-11-10", "shift": 0.03, "baseline": "03.01"},
    )
    file = project(tmp_path / "p", server, "red")
    fetch(file)
    (red,), transform = read(file)
    np.testing.assert_allclose(red / 10_000, expected("red", transform, red.shape), atol=0.0002)
    (count, flag), _ = read(file, what="quality/")
    assert (count == 3).all()
    assert (flag == 0).all()


def test_index_of_each_scene_and_clouds_left_out(tmp_path, server):
    scenes(
        server,
        {"name": "a", "date": "2021-01-10"},
        {"name": "b", "date": "2021-02-10", "shift": 0.3, "clouds": [(slice(None), slice(None))]},
        {"name": "c", "date": "2021-03-10", "eo:cloud_cover": 95},
    )
    file = project(tmp_path / "p", server)
    assert describe(missing(file))[0]["items"] == 6
    fetch(file)
    (ndvi,), transform = read(file)
    red, nir = (expected(band, transform, ndvi.shape) for band in ("red", "nir"))
    np.testing.assert_allclose(ndvi / 10_000, (nir - red) / (nir + red), atol=0.001)
    data = {
        **dict.fromkeys(("erosivity", "erodibility", "topography", "practice"), 1.0),
        "elevation": {"file": str(path_of(file)), "unit": "m"},
    }
    site = open_site(file, {f"sources.{name}": value for name, value in data.items()} | {"zero_classes": []})
    assert site.given["ndvi"].scale == 0.0001


def test_medoid(tmp_path, server):
    scenes(server, *({"name": n, "date": f"2021-0{i}-10", "shift": i / 50} for i, n in enumerate("abc", start=1)))
    entries = {"sentinel-2-l2a": {"variables": {name: {"asset": a} for name, a in (("red", "B04"), ("nir", "B08"))}}}
    file = project(tmp_path / "p", server, "red", composite="medoid")
    text = json.loads(json.dumps(world.entries(server.url)["sentinel-2-l2a"] | entries["sentinel-2-l2a"]))
    (tmp_path / "p/products.yml").write_text(json.dumps({"sentinel-2-l2a": text}))
    fetch(file)
    (red,), transform = read(file)
    np.testing.assert_allclose(red / 10_000, expected("red", transform, red.shape, 2 / 50), atol=0.0002)


def test_gaps_are_closed_and_said_so(tmp_path, server):
    scenes(
        server,
        {"name": "a", "date": "2021-01-10", "shift": 0.0},
        {"name": "b", "date": "2021-05-10", "shift": 0.1, "clouds": [CORNER]},
        {"name": "c", "date": "2021-08-10", "shift": 0.2},
        {"name": "d", "date": "2021-12-10", "shift": 0.0},
    )
    file = project(tmp_path / "p", server, "red", period=QUARTERS)
    fetch(file)
    (red,), transform = read(file, "2021-Q2")
    (count, flag), _ = read(file, "2021-Q2", "quality/")
    assert set(np.unique(flag)) == {0, 2}
    np.testing.assert_array_equal(flag == 2, count == 0)
    # the mean of the quarters beside it is what it would have seen
    np.testing.assert_allclose(red / 10_000, expected("red", transform, red.shape, 0.1), atol=0.0002)
    (note,) = file.parent.glob(".soilloss/fetched/red-*/2021-Q2.json")
    cells = json.loads(note.read_text())["cells"]
    assert cells["other_steps"] == (flag == 2).sum()
    assert cells["missing"] == 0

    open_gaps = project(tmp_path / "open", server, "red", period=QUARTERS, fill=False)
    fetch(open_gaps)
    (red,), _ = read(open_gaps, "2021-Q2")
    np.testing.assert_array_equal(red == -32768, flag == 2)


def test_a_step_without_scenes_comes_from_those_beside_it(tmp_path, server):
    dates = {"01": 0, "08": 0.2, "10": 0}
    scenes(server, *({"name": month, "date": f"2021-{month}-10", "shift": shift} for month, shift in dates.items()))
    file = project(tmp_path / "p", server, "red", period=QUARTERS)
    with pytest.warns(SoilLossWarning, match="red 2021-Q2: no scene saw a cell"):
        fetch(file)
    (red,), transform = read(file, "2021-Q2")
    np.testing.assert_allclose(red / 10_000, expected("red", transform, red.shape, 0.1), atol=0.0002)


def test_a_border_of_zones(tmp_path, server):
    scenes(server, {"name": "a", "date": "2021-01-10"}, {"name": "b", "date": "2021-02-10"})
    for band in ("red", "nir", "scl"):  # a third scene lies in the next zone
        values = np.full((300, 400), 4 if band == "scl" else 3000, "u1" if band == "scl" else "u2")
        world.write(server.folder / f"s2/z/{band}.tif", values, 90_000, 5_035_000, 50, "EPSG:32633")
    item = json.loads(json.dumps(server.items[0]).replace("/a/", "/z/")) | {"id": "z"}
    item["properties"] |= {"s2:mgrs_tile": "z", "datetime": "2021-03-01T00:00:00Z"}
    server.items.append(item)
    file = project(tmp_path / "p", server, "red")
    fetch(file)
    (path,) = file.parent.glob(".soilloss/fetched/red-*/2021.tif")
    with rasterio.open(path) as raster:
        assert raster.crs.to_epsg() == 32632
    (count, _), _ = read(file, what="quality/")
    assert count.max() == 3


def test_the_key_to_the_files_is_shown_nowhere(tmp_path, server):
    server.key = "sig=verysecret"
    scenes(server, {"name": "a", "date": "2021-01-10"})
    file = project(tmp_path / "p", server, "red")
    fetch(file)
    kept = [path for folder in ("p", "cache") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"verysecret" in path.read_bytes()]
    assert sum(path.startswith("/sign/") for _, path, _ in server.log) == 1


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        (
            [],
            SourceError,
            "sentinel-2-l2a has no scene with less than 60 % of cloud .* 2021-01-01 to 2021-12-31.*raise c",
        ),
        ([{"eo:cloud_cover": 90}], SourceError, "has no scene"),
        ([{"clouds": [(slice(None), slice(None))]}], SourceError, "has no cell without cloud"),
        ([{"baseline": ""}], DataError, "a states neither its processing baseline"),
    ],
)
def test_what_cannot_be_composed_is_one_sentence(tmp_path, server, given, error, sentence):
    scenes(server, *({"name": "a", "date": "2021-01-10", **one} for one in given))
    with pytest.raises(error, match=sentence) as caught:
        fetch(project(tmp_path / "p", server, "red"))
    assert "\n" not in str(caught.value)


def test_one_year_for_all_steps(tmp_path, server):
    scenes(server, {"name": "a", "date": "2021-01-10"})
    file = project(tmp_path / "p", server, "red", period={"start": 2001, "end": 2002}, year=2021)
    fetch(file)
    resolved, _ = resolve(load(file), file)
    assert resolved.sources["red"].file.endswith("/2021.tif")


def test_years_before_the_sensor(tmp_path, server):
    with pytest.raises(SourceError, match="has 2016 to now, but 1999 to 1999 is wanted; take landsat-c2-l2"):
        fetch(project(tmp_path / "p", server, "red", period={"start": 1999, "end": 1999}))
    assert server.log == []


@pytest.mark.parametrize(
    ("step", "days"),
    [
        ("year", [("2020-01-01", "2020-12-31")]),
        ("quarter", [("2020-01-01", "2020-03-31"), ("2020-10-01", "2020-12-31")]),
        ("month", [("2020-01-01", "2020-01-31"), ("2020-12-01", "2020-12-31")]),
    ],
)
def test_days_of_steps(tmp_path, server, step, days):
    file = project(tmp_path / "p", server, period={"start": 2020, "end": 2020, "step": step})
    jobs = jobs_of(load(file), file)
    assert [jobs[0].days, jobs[-1].days][: len(days)] == days
    if step == "month":
        assert jobs[1].days == ("2020-02-01", "2020-02-29")
