"""R: rainfall erosivity, from annual, monthly and daily rain, and from storms."""

from soilloss.factors.erosivity.annual import (
    bols_1978,
    elswaify_1985,
    hurni_1985,
    lo_1985,
    morgan_1974,
    renard_freimund_1994,
    roose_1977,
    singh_1981,
    singh_1981_as_printed,
    zhang_fu_2003,
)
from soilloss.factors.erosivity.daily import xie_2016, xie_2016_in_parts, zhang_2002, zhang_fu_2003_daily
from soilloss.factors.erosivity.monthly import (
    arnoldus_1977,
    arnoldus_1977_as_printed,
    bols_1978_monthly,
    erosivity_density,
    renard_freimund_1994_mfi,
    wischmeier_smith_1978,
    zhang_fu_2003_mfi,
)
from soilloss.factors.erosivity.regression import (
    altitude_regression,
    linear_regression,
    power_regression,
    quadratic_regression,
)
from soilloss.factors.erosivity.storms import (
    annual_erosivity,
    brown_foster_1987,
    ei30,
    mcgregor_1995,
    salles_2002,
    wischmeier_smith_1978_energy,
    yearly_erosivity,
)

__all__ = [
    "altitude_regression",
    "annual_erosivity",
    "arnoldus_1977",
    "arnoldus_1977_as_printed",
    "bols_1978",
    "bols_1978_monthly",
    "brown_foster_1987",
    "ei30",
    "elswaify_1985",
    "erosivity_density",
    "hurni_1985",
    "linear_regression",
    "lo_1985",
    "mcgregor_1995",
    "morgan_1974",
    "power_regression",
    "quadratic_regression",
    "renard_freimund_1994",
    "renard_freimund_1994_mfi",
    "roose_1977",
    "salles_2002",
    "singh_1981",
    "singh_1981_as_printed",
    "wischmeier_smith_1978",
    "wischmeier_smith_1978_energy",
    "xie_2016",
    "xie_2016_in_parts",
    "yearly_erosivity",
    "zhang_2002",
    "zhang_fu_2003",
    "zhang_fu_2003_daily",
    "zhang_fu_2003_mfi",
]
