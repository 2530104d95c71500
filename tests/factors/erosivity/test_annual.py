"""Annual regressions against worked figures and their edges."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from soilloss import erosivity
from soilloss.errors import UnitsError

WORKED = [
    ("singh_1981", 0, 774.99),
    ("singh_1981", 664, 3139.51392),
    ("singh_1981", 1600, 6472.638),
    ("singh_1981_as_printed", 0, 79),
    ("singh_1981_as_printed", 664, 320.032),
    ("singh_1981_as_printed", 1600, 659.8),
    ("renard_freimund_1994", 0, 0),
    ("renard_freimund_1994", 664, 1689.031),
    ("renard_freimund_1994", 850, 2513.689),
    ("renard_freimund_1994", 850.0001, 2517.513),
    ("renard_freimund_1994", 1200, 5036.2),
    ("renard_freimund_1994", 1600, 9146.2),
    ("zhang_fu_2003", 500, 1562.416),
    ("zhang_fu_2003", 0, 0),
    ("lo_1985", 1000, 3518.46),
    ("lo_1985", 0, 38.46),
    ("elswaify_1985", 1000, 388.5 * 9.81),
    ("roose_1977", 1000, 8510),
    ("morgan_1974", 1200, 2297.85),
    ("morgan_1974", 952, 0),
    ("hurni_1985", 1000, 553.88 * 9.81),
    ("hurni_1985", 14, 0),
    ("bols_1978", 2000, 681.52389 * 9.81),
    ("bols_1978", 0, 0),
]
NAMES = sorted({name for name, _, _ in WORKED})


@pytest.mark.parametrize(("name", "rain", "expected"), WORKED)
def test_worked_figures(name, rain, expected):
    assert getattr(erosivity, name)(rain) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_missing_negative_and_infinite_rain_give_nan_and_float32_stays(name):
    made = getattr(erosivity, name)(np.array([800, np.nan, -1, np.inf], "f4"))
    assert made.dtype == np.float32
    assert np.isfinite(made).tolist() == [True, False, False, False]


@pytest.mark.parametrize("name", NAMES)
@given(rain=st.floats(0, 15_000))
def test_never_negative(name, rain):
    assert getattr(erosivity, name)(rain) >= 0


def test_singh_is_metric_technical():
    assert erosivity.singh_1981(1600) == pytest.approx(9.81 * erosivity.singh_1981_as_printed(1600))


def test_dataarray_in_centimetres_is_converted_and_labelled():
    made = erosivity.roose_1977(xr.DataArray([[100.0]], dims=("y", "x"), attrs={"units": "cm"}))
    assert float(made[0, 0]) == pytest.approx(8510)
    assert made.attrs["units"] == "MJ mm ha-1 h-1"
    assert made.attrs["citation"] == "roose1977"


def test_dataarray_without_unit_is_refused():
    with pytest.raises(UnitsError, match="annual_precipitation has no unit"):
        erosivity.singh_1981(xr.DataArray([1.0], dims="x"))
