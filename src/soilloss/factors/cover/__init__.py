"""Cover: management factor C of the USLE and biological factor B of the CSLE, of one class or of uncertain ones."""

from soilloss.factors.cover.expected import expected_lookup, lookup_variance, mee_2021_expected
from soilloss.factors.cover.single import (
    biological_csle,
    cai_2000,
    colman_2018,
    de_jong_1994,
    durigon_2014,
    erosivity_weighted,
    lookup,
    mee_2021,
    mee_2021_as_printed,
    van_der_knijff_2000,
)

__all__ = [
    "biological_csle",
    "cai_2000",
    "colman_2018",
    "de_jong_1994",
    "durigon_2014",
    "erosivity_weighted",
    "expected_lookup",
    "lookup",
    "lookup_variance",
    "mee_2021",
    "mee_2021_as_printed",
    "mee_2021_expected",
    "van_der_knijff_2000",
]
