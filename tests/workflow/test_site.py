import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from shapely.geometry import box

import soilloss as sl
from soilloss.errors import GridError, ProjectError
from soilloss.workflow.site import describe_grid, open_site


def area(folder, bounds, crs, name="area.gpkg"):
    gpd.GeoDataFrame(geometry=[box(*bounds)], crs=crs).to_file(folder / name)
    return name


def test_grid_like_a_source(landscape, grid):
    site = open_site(landscape / "project.yml")
    assert site.shape == tuple(grid.shape)
    assert describe_grid(site)["crs"] == "EPSG:32635"
    assert site.changing == {"ndvi", "annual_precipitation"}


def test_area_crops_to_whole_cells(landscape, grid, write_project):
    west, south, _, _ = grid.boundingbox
    name = area(landscape, (west + 310, south + 305, west + 400, south + 395), grid.crs.to_wkt())
    site = open_site(write_project(landscape, area=name))
    assert site.shape == (4, 4)
    assert site.grid.boundingbox.left == west + 300


def test_area_elsewhere_is_refused(landscape, write_project):
    name = area(landscape, (0, 0, 1, 1), "EPSG:4326")
    with pytest.raises(GridError, match="do not overlap"):
        open_site(write_project(landscape, area=name))


def test_own_grid(landscape, write_project):
    site = open_site(write_project(landscape, grid={"crs": "EPSG:32635", "resolution": 60}))
    assert site.grid.affine.a == 60
    assert [item.variable for item in site.stored] == ["elevation", "contributing_area"]


def test_like_needs_a_raster(landscape, write_project):
    with pytest.raises(ProjectError, match=r"like 'sand', but sources gives no raster .*elevation"):
        open_site(write_project(landscape, grid={"like": "sand"}))


def test_unknown_crs(landscape, write_project):
    with pytest.raises(GridError, match="crs 'EPSG:99' is not known"):
        open_site(write_project(landscape, grid={"crs": "EPSG:99", "resolution": 60}))


def test_coefficients_without_a_name_go_to_the_default(landscape):
    site = open_site(landscape / "project.yml", {"methods.topography.max_length": 100.0})
    step = next(s for s in site.steps if s.variable == "topography")
    assert step.coefficients == {"max_length": 100.0, "channel_area": 1e6}
    with pytest.raises(ProjectError, match="no coefficient 'longest'"):
        open_site(landscape / "project.yml", {"methods.topography.longest": 100.0})
    with pytest.raises(ProjectError, match="has no default"):
        open_site(landscape / "project.yml", {"methods.rock_fragments.share": 1.0})


def test_open_gives_lazy_sources(landscape):
    site = sl.open(landscape / "project.yml")
    assert site["ndvi"].dims == ("time", "y", "x")
    assert site["elevation"].attrs["units"] == "m"
    assert float(site["practice"]) == 0.5
    cover = sl.cover.van_der_knijff_2000(site.ndvi)
    assert cover.chunks is not None
    assert np.isfinite(cover.isel(time=0)).all()


def test_python_chain_equals_the_run(finished):
    site = sl.open(finished / "project.yml")
    slope, aspect = sl.terrain.slope_horn_1981(site.elevation), sl.terrain.aspect_horn_1981(site.elevation)
    upslope = sl.terrain.contributing_area(site.elevation, routing="mfd")
    topography = sl.topography.desmet_govers_1996(upslope, slope, aspect, max_length=304.8, channel_area=1e6)
    published = sl.run(finished / "project.yml")["topography"]
    np.testing.assert_array_equal(topography.values, published.values)


def cube_of_codes(landscape, grid):
    """A NetCDF file of land-cover codes 10 and 80 on the landscape's grid, with a legend beside it."""
    a, (rows, columns) = grid.affine, grid.shape
    codes = np.full((rows, columns), 10, "u1")
    codes[:, :10] = 80
    coords = {"y": a.f + (np.arange(rows) + 0.5) * a.e, "x": a.c + (np.arange(columns) + 0.5) * a.a}
    cube = xr.DataArray(codes, coords, ("y", "x"), name="codes").to_dataset().assign_attrs(crs="EPSG:32635")
    cube.to_netcdf(landscape / "codes.nc", engine="h5netcdf")
    (landscape / "my legend.csv").write_text("code,class\n10,1\n80,7\n")
    return {"file": "codes.nc", "variable": "codes", "legend": "my legend.csv"}


def test_legend_of_a_cube_lies_beside_it(landscape, grid):
    site = open_site(landscape / "project.yml", {"sources.land_cover": cube_of_codes(landscape, grid)})
    found = site.read("land_cover", "", (slice(0, 2), slice(8, 12)))
    np.testing.assert_array_equal(found, [[7, 7, 1, 1]] * 2)


def test_band_of_a_cube_is_refused(landscape, grid):
    source = {**cube_of_codes(landscape, grid), "band": 2}
    with pytest.raises(ProjectError, match="'band' has no meaning for a variable of codes.nc"):
        open_site(landscape / "project.yml", {"sources.land_cover": source})


def test_table_of_a_method_may_be_a_file(landscape, write_project):
    (landscape / "p.csv").write_text("class,value\ncropland,0.4\nwater,0\n")
    sources = open_site(landscape / "project.yml").project.model_dump(mode="json")["sources"]
    del sources["practice"]
    methods = {"practice": {"name": "lookup", "table": "p.csv"}}
    site = open_site(write_project(landscape, sources=sources, methods=methods))
    step = next(s for s in site.steps if s.variable == "practice")
    assert step.coefficients == {"table": {"cropland": 0.4, "water": 0.0}}
    (landscape / "p.csv").write_text("a;b\n1;2\n")
    with pytest.raises(sl.DataError, match="has the columns a;b; expected code"):
        open_site(landscape / "project.yml")
    (landscape / "p.csv").unlink()
    with pytest.raises(sl.SourceError, match=r"p\.csv cannot be read as a table"):
        open_site(landscape / "project.yml")
