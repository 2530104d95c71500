import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize
from scipy.ndimage import label

from soilloss.grid import zones
from soilloss.grid.blocks import windows
from soilloss.sources.synthetic import small_grid

GRID = small_grid((600, 700))
CUTS = (1000, 512, 128, (61, 333))


def place(column, row):
    """Coordinates of a position counted in cells from the upper left corner."""
    return GRID.affine @ (column, row)


def box(left, top, right, bottom):
    return shapely.box(*place(left, bottom), *place(right, top))


def discs(count=25):
    random = np.random.default_rng(3)
    return [shapely.Point(*place(*random.uniform(0, 600, 2))).buffer(random.uniform(20, 4000)) for _ in range(count)]


def by_blocks(function, cut, dtype):
    out = np.empty(GRID.shape, dtype)
    for window in windows(GRID.shape, cut):
        out[window] = function(window)
    return out


def test_inside_takes_cells_by_their_centre():
    mask = zones.inside(box(1.4, 2.6, 3.6, 4.6), GRID, (slice(0, 8), slice(0, 8)))
    expected = np.zeros((8, 8), bool)
    expected[3:5, 1:4] = True
    np.testing.assert_array_equal(mask, expected)


def test_inside_agrees_with_another_library_and_does_not_depend_on_the_cut():
    # corners on cell centres and slanting edges through them: ties everywhere
    star = shapely.Polygon([place(350.5, 10.5), place(650.5, 310.5), place(350.5, 590.5), place(50.5, 210.5)])
    whole, *others = (by_blocks(lambda window: zones.inside(star, GRID, window), cut, bool) for cut in CUTS)
    for other in others:
        np.testing.assert_array_equal(other, whole)
    peer = rasterize([star], GRID.shape, transform=GRID.affine).astype(bool)
    assert (whole != peer).sum() < 20  # only centres that lie on the edge


def test_a_hole_is_outside():
    ring = box(2, 2, 10, 10) - box(4, 4, 8, 8)
    mask = zones.inside(ring, GRID, (slice(0, 12), slice(0, 12)))
    assert mask.sum() == 64 - 16
    assert not mask[5, 5]


def test_burn_gives_values_and_the_later_polygon_counts():
    burnt = zones.burn([box(0, 0, 5, 5), box(3, 3, 8, 8)], np.array([0.5, 0.25]), GRID, 1.0)
    out = burnt((slice(0, 10), slice(0, 10)))
    assert out.dtype == np.float32
    assert (out[0, 0], out[4, 4], out[7, 7], out[9, 9]) == (0.5, 0.25, 0.25, 1.0)
    assert np.isnan(zones.burn([box(0, 0, 5, 5)], np.array([1]), GRID)((slice(0, 9), slice(0, 9)))[8, 8])


def test_burn_does_not_depend_on_the_cut():
    burnt = zones.burn(discs(), np.arange(25.0), GRID, -1)
    whole, *others = (by_blocks(burnt, cut, "float32") for cut in CUTS)
    assert len(np.unique(whole)) > 15
    for other in others:
        np.testing.assert_array_equal(other, whole)


def test_lines_leave_no_gap_that_water_could_slip_through():
    """Cells beside each other or across a corner cannot be on two sides of a drawn line without crossing it."""
    line = shapely.LineString([place(0, 12.3), place(500.2, 555.7), place(700, 80)])
    burnt = zones.burn([line], np.array([0.7]), GRID, 0, touched=True)
    whole, *others = (by_blocks(burnt, cut, "float32") for cut in CUTS)
    for other in others:
        np.testing.assert_array_equal(other, whole)
    parts, count = label(whole == 0, np.ones((3, 3)))
    assert count == 2
    assert parts[0, 600] != parts[599, 0]


def test_coverage_is_the_share_of_the_cell():
    zone, row, column, fraction = zones.coverage([box(10.25, 19.5, 12, 20)], GRID, (slice(16, 32), slice(8, 40)))
    assert zone.tolist() == [0, 0]
    assert row.tolist() == [3, 3]
    assert column.tolist() == [2, 3]
    assert fraction.tolist() == [0.375, 0.5]


@pytest.mark.parametrize("cut", CUTS)
def test_coverage_adds_up_to_the_area_whatever_the_cut(cut):
    shapes = discs()
    shapes[3] = box(-20, -20, 30, 30)  # reaches beyond the grid
    found = []
    for rows, columns in windows(GRID.shape, cut):
        zone, row, column, fraction = zones.coverage(shapes, GRID, (rows, columns))
        found.append(np.column_stack((zone, row + rows.start, column + columns.start, fraction)))
    entries = np.concatenate(found)
    entries = entries[np.lexsort(entries.T[2::-1])]
    extent = shapely.box(*GRID.boundingbox.bbox)
    area = np.bincount(entries[:, 0].astype(int), entries[:, 3], minlength=25) * 900
    expected = np.array([shape.intersection(extent).area for shape in shapes])
    np.testing.assert_allclose(area, expected, rtol=1e-4, atol=1)
    zone, row, column, fraction = zones.coverage(shapes, GRID, (slice(0, 600), slice(0, 700)))
    whole = np.column_stack((zone, row, column, fraction))
    np.testing.assert_array_equal(entries, whole[np.lexsort(whole.T[2::-1])])


def test_nothing_there():
    away = [box(650, 550, 660, 560)]
    window = (slice(0, 20), slice(0, 20))
    assert all(len(column) == 0 for column in zones.coverage(away, GRID, window))
    assert not zones.inside(away[0], GRID, window).any()


def test_neighbours_share_border_cells_exactly():
    a, b = box(0, 0, 3.3, 4), box(3.3, 0, 8, 4)
    zone, row, column, fraction = zones.coverage([a, b], GRID, (slice(0, 4), slice(0, 8)))
    total = np.zeros((4, 8))
    np.add.at(total, (row, column), fraction)
    np.testing.assert_allclose(total, 1, atol=2**-15)
    assert set(zone) == {0, 1}


def test_geographic_grid():
    grid = GeoBox((10, 10), Affine(0.1, 0, 24, 0, -0.1, 42), "EPSG:4326")
    mask = zones.inside(shapely.box(24.1, 41.5, 24.3, 41.9), grid, (slice(0, 10), slice(0, 10)))
    assert mask.sum() == 8
