"""A landscape of ten years with known trends, and its project file."""

import numpy as np
import pytest

from soilloss.sources import synthetic

YEARS = tuple(range(2001, 2011))
SHAPE = (60, 80)


@pytest.fixture
def decade(tmp_path, grid, write_landscape, write_project):
    """Write ten years in which cover falls in the west and rises in the east; return the writer of the project file.

    R, K, LS and P are 1 (LS a map), so soil loss is the cover factor of the year, 1 to 20 thousandths.
    """
    write_landscape(tmp_path, grid)
    west = np.arange(SHAPE[1]) < SHAPE[1] // 2
    random = np.random.default_rng(3)
    for at, year in enumerate(YEARS):
        rising = np.where(west, 10 - at, 10 + at) + random.uniform(-0.1, 0.1, SHAPE)
        rising[:10] = 5  # nothing changes in the north
        rising[50, 7] = np.nan if at in (3, 4, 5) else rising[50, 7]
        synthetic.write_raster(tmp_path / f"cover_{year}.tif", (rising / 1000).astype("f4"), grid)

    def write(*analysis, **changes):
        sources = {
            "elevation": "dem.tif",
            "erosivity": 1000.0,
            "erodibility": 0.05,
            "topography": 20.0,
            "practice": 1.0,
            "cover": "cover_{year}.tif",
            "land_cover": "cover.tif",
        }
        given = {
            "period": {"start": 2001, "end": 2010},
            "sources": sources,
            "zero_classes": [],
            "analysis": list(analysis),
        }
        return write_project(tmp_path, **{**given, **changes})

    return write
