import numpy as np
import pytest

from soilloss.errors import DataError, ProjectError, SourceError
from soilloss.sources import files
from soilloss.sources.synthetic import small_grid, write_raster

GRID = small_grid((40, 50))
ALL = (slice(0, 40), slice(0, 50))


@pytest.fixture(autouse=True)
def _close():
    yield
    files.close_all()


def ndvi(seed=0):
    return np.random.default_rng(seed).integers(-2000, 9000, (40, 50)).astype("int16")


@pytest.mark.parametrize(
    ("pattern", "steps", "names"),
    [
        ("ndvi_{year}.tif", ["2016", "2017"], ["ndvi_2016.tif", "ndvi_2017.tif"]),
        ("{year}/q{quarter}.tif", ["2016-Q3"], ["2016/q3.tif"]),
        ("n{year}{month}.tif", ["2016-07", "2016-11"], ["n201607.tif", "n201611.tif"]),
        ("ndvi_{year}.tif", ["2016-Q1", "2016-Q2"], ["ndvi_2016.tif", "ndvi_2016.tif"]),
    ],
)
def test_names_with_steps(tmp_path, pattern, steps, names):
    (tmp_path / "2016").mkdir()
    for number, name in enumerate(dict.fromkeys(names)):
        write_raster(tmp_path / name, ndvi(number), GRID, scale=1e-4)
    source = files.raster_source("ndvi", pattern, steps, folder=tmp_path)
    assert source.files == tuple((step, str(tmp_path / name)) for step, name in zip(steps, names, strict=True))
    out = files.read_block(source, GRID, steps[-1], ALL)
    np.testing.assert_allclose(out, ndvi(len(set(names)) - 1) * 1e-4, rtol=1e-6)
    with pytest.raises(SourceError, match="ndvi has no file for 1999; it has"):
        files.read_block(source, GRID, "1999", ALL)


def test_missing_years_are_listed(tmp_path):
    write_raster(tmp_path / "ndvi_2016.tif", ndvi(), GRID)
    with pytest.raises(SourceError, match=r"ndvi: no file for 2017, 2018 at .*ndvi_\{year\}.tif"):
        files.raster_source("ndvi", "ndvi_{year}.tif", ["2016", "2017", "2018"], folder=tmp_path)
    with pytest.raises(SourceError, match=r"ndvi: no file at .*absent.tif"):
        files.raster_source("ndvi", "absent.tif", ["2016"], folder=tmp_path)


@pytest.mark.parametrize(
    ("variable", "pattern", "steps", "error", "sentence"),
    [
        ("ndvi", "n_{yaer}.tif", ["2016"], ProjectError, r"\{yaer\} in .* did you mean 'year'"),
        ("ndvi", "n_{year}_{month}.tif", ["2016"], ProjectError, r"needs steps of a month, but 2016 is another"),
        ("annual_precipitation", "p_{year}.tif", ["2016-Q1"], DataError, "each would count the whole year"),
    ],
)
def test_patterns_without_meaning(tmp_path, variable, pattern, steps, error, sentence):
    with pytest.raises(error, match=sentence):
        files.raster_source(variable, pattern, steps, folder=tmp_path)
