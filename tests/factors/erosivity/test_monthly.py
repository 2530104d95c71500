"""Monthly forms against worked figures, and the misreadings that circulate."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from soilloss import erosivity

MONTHS = np.array([75, 60, 58, 48, 45, 35, 25, 20, 35, 60, 95, 108], float)
FORMS = ["arnoldus_1977", "arnoldus_1977_as_printed", "wischmeier_smith_1978"]
FORMS += ["renard_freimund_1994_mfi", "zhang_fu_2003_mfi"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("arnoldus_1977", 999.172655),
        ("arnoldus_1977_as_printed", 101.852462),
        ("wischmeier_smith_1978", 524.968039),
        ("zhang_fu_2003_mfi", 815.138),
    ],
)
def test_worked_figures(name, expected):
    assert getattr(erosivity, name)(MONTHS) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("index", "expected"), [(50, 1016.373), (55 - 1e-9, 1212.008), (55, 1204.24), (80, 2662.09)])
def test_renard_freimund_by_even_months(index, expected):
    assert erosivity.renard_freimund_1994_mfi([index] * 12) == pytest.approx(expected, rel=1e-6)


def test_misreadings_do_not_appear():
    assert erosivity.arnoldus_1977_as_printed(MONTHS) != pytest.approx(17.236048, rel=0.1)
    metric = erosivity.wischmeier_smith_1978(MONTHS) / 17.02 * 1.735
    assert metric == pytest.approx(53.514662, rel=1e-6)
    assert metric != pytest.approx(292.00668, rel=0.1)
    assert erosivity.renard_freimund_1994_mfi([54.9] * 12) > 1000


@pytest.mark.parametrize("name", FORMS)
def test_no_rain_is_zero_and_a_gap_is_missing(name):
    gap, negative = MONTHS.copy(), MONTHS.copy()
    gap[3], negative[3] = np.nan, -1
    made = getattr(erosivity, name)(np.stack([np.zeros(12), MONTHS, gap, negative]).astype("f4"))
    assert made.dtype == np.float32
    assert made[0] == 0
    assert np.isfinite(made).tolist() == [True, True, False, False]


def test_one_wet_month():
    one = np.zeros(12)
    one[0] = 100
    assert erosivity.wischmeier_smith_1978(one) == pytest.approx(17.02 * 10 ** (1.5 * 2 - 0.8188))


def test_bols_monthly_in_centimetres_and_without_rain_days():
    rain, days, wettest = np.zeros((3, 12))
    rain[4], days[4], wettest[4] = 300, 15, 80
    assert erosivity.bols_1978_monthly(rain, days, wettest) == pytest.approx(316.13456 * 9.81, rel=1e-6)
    assert erosivity.bols_1978_monthly(rain, np.zeros(12), wettest) == 0


def test_erosivity_density_sums_months():
    assert erosivity.erosivity_density(MONTHS, np.full(12, 2.0)) == pytest.approx(2 * 664)
    assert np.isnan(erosivity.erosivity_density(MONTHS, [np.nan] * 12))


def test_dataarray_has_months_on_its_own_axis():
    cube = xr.DataArray(MONTHS[:, None, None], dims=("month", "y", "x"), attrs={"units": "mm"})
    made = erosivity.arnoldus_1977(cube)
    assert made.dims == ("y", "x")
    assert float(made[0, 0]) == pytest.approx(999.172655)
