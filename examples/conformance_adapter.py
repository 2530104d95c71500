"""Put another implementation under the worked values of soilloss.

Here the other implementation is three functions as somebody might have them: other names, other units, scalars only.
An adapter is a function with the names and units of soilloss that calls them.

    python examples/conformance_adapter.py
"""

from __future__ import annotations

import math

import numpy as np

import soilloss as sl


# the other implementation: percent of slope, feet, one number at a time
def steepness(slope_percent: float) -> float:
    """McCool's S, with the slope in per cent."""
    sine = math.sin(math.atan(slope_percent / 100))
    return 10.8 * sine + 0.03 if slope_percent < 9 else 16.8 * sine - 0.5


def c_factor(ndvi: float) -> float:
    """C by NDVI, without the cut at 1."""
    return math.exp(-2 * ndvi / (1 - ndvi))


def r_factor(rain_mm: float) -> float:
    """R of annual rain, in MJ mm."""
    return 0.0483 * rain_mm**1.61 if rain_mm <= 850 else 587.8 - 1.219 * rain_mm + 0.004105 * rain_mm**2


# the adapter: names and units of soilloss (radians, fractions, SI), arrays
ADAPTED = {
    "topography.mccool_1987": lambda slope: np.vectorize(steepness)(100 * np.tan(slope)),
    "cover.van_der_knijff_2000": lambda ndvi, alpha=2.0, beta=1.0: np.vectorize(c_factor)(ndvi),
    "erosivity.renard_freimund_1994": lambda annual_precipitation: np.vectorize(r_factor)(annual_precipitation),
}


def main() -> None:
    """Print each worked value of the adapted methods, and where the other implementation departs from it."""
    rows = sl.conformance.check(ADAPTED)
    for row in rows[rows["status"] != "missing"].to_dict("records"):
        found = "" if row["status"] == "pass" else f"  expected {row['expected']}, got {row['got']}  [{row['source']}]"
        print(f"{row['status']:4}  {row['method']}{row['inputs']}{found}")


if __name__ == "__main__":
    main()
