"""Erosivity of two real gauges by every model that fits their records; prints the tables of the page on real rain.

    python benchmarks/real_rain.py FOLDER

FOLDER holds `rain_ve0091` (hourly_1986_2021.parquet, daily_1986_2021.csv) and `rain_greece_5min` (prec5min.csv.gz). The
hourly file needs pyarrow, which soilloss itself does not: `pip install pyarrow`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soilloss import erosivity
from soilloss.derive.climate import modified_fournier_index, months_of_days, step_sum

YEARS = slice("1990-01-01", "2020-12-31 23:59")
MINUTES = (5, 10, 15, 30, 60)
HOURLY_FACTOR, FIVE_MINUTE_FACTOR = 1.730, 1.014
DAILY = ("xie_2016", "zhang_2002", "zhang_fu_2003_daily")
MONTHLY = ("renard_freimund_1994_mfi", "zhang_fu_2003_mfi", "arnoldus_1977", "wischmeier_smith_1978")
ANNUAL = ("renard_freimund_1994", "zhang_fu_2003", "singh_1981", "hurni_1985", "roose_1977", "lo_1985", "elswaify_1985")


def hourly_rain(folder: Path) -> pd.Series:
    """Read the hours of the Alpine gauge by their beginning; hours with a flag are missing."""
    try:
        table = pd.read_parquet(folder / "rain_ve0091/hourly_1986_2021.parquet")
    except ImportError as error:
        raise SystemExit(
            "the hourly record is a Parquet file, which pandas reads with pyarrow: pip install pyarrow"
        ) from error
    rain = table["precip_mm"].where(table["flag"] == 0)
    # the file names an hour by its end
    return pd.Series(rain.to_numpy(), pd.DatetimeIndex(table["time"]) - pd.Timedelta("1h")).loc[YEARS]


def daily_rain(folder: Path) -> pd.Series:
    """Read the days of the Alpine gauge; days with a flagged hour are missing."""
    table = pd.read_csv(folder / "rain_ve0091/daily_1986_2021.csv", parse_dates=["date"], index_col="date")
    return table["precip_mm"].where(table["hours_flagged"] == 0).loc[YEARS]


def five_minute_rain(folder: Path) -> pd.Series:
    """Read the Greek gauge on a full axis of 5 minutes, and keep the hours that are complete."""
    table = pd.read_csv(folder / "rain_greece_5min/prec5min.csv.gz", parse_dates=["time"], index_col="time")
    rain = table["precip_mm"].asfreq("5min")
    complete = rain.groupby(rain.index.floor("h")).transform("count") == 12
    return rain.where(complete)


def by_storms(rain: pd.Series, factor: float = 1.0) -> float:
    """Mean yearly EI30 by the rules of RUSLE, of the years with nine tenths of a record."""
    storms = erosivity.ei30(rain.to_numpy(), rain.index, resolution_factor=factor)
    return erosivity.annual_erosivity(storms, rain.to_numpy(), rain.index)


def models(days: pd.Series) -> list[tuple[str, str, float]]:
    """Kind of rain, method and mean yearly erosivity by every model of daily, monthly and annual rain."""
    rain, time = days.to_numpy(), days.index.to_numpy()
    months = months_of_days(rain, time=time)
    out = [("daily", name, float(step_sum(getattr(erosivity, name)(rain, time=time)))) for name in DAILY]
    out += [("monthly", name, float(getattr(erosivity, name)(months))) for name in MONTHLY]
    return out + [("annual", name, float(getattr(erosivity, name)(months.sum()))) for name in ANNUAL]


def alpine(folder: Path) -> list[tuple[str, str, float]]:
    """The table of the Alpine gauge: kind of rain, method, erosivity."""
    hours = hourly_rain(folder)
    storms = [("hourly", "ei30", by_storms(hours)), ("hourly", "ei30 x 1.730", by_storms(hours, HOURLY_FACTOR))]
    return storms + models(daily_rain(folder))


def resolutions(folder: Path) -> pd.DataFrame:
    """The same storms of the Greek gauge at coarser steps: energy, 30-minute intensity and erosivity, as sums."""
    rain = five_minute_rain(folder)
    rows = {}
    rules: dict[str, Any] = {"minimum_burst": np.inf}
    for minutes in MINUTES:
        coarse = rain.resample(f"{minutes}min").sum(min_count=minutes // 5)
        storms = erosivity.ei30(coarse.to_numpy(), coarse.index, **rules)
        mean = (storms["i30"] * storms["energy"]).sum() / storms["energy"].sum()
        rows[minutes] = (len(storms), storms["depth"].sum(), storms["energy"].sum(), mean, storms["erosivity"].sum())
    return pd.DataFrame.from_dict(rows, orient="index", columns=["storms", "depth", "energy", "i30", "erosivity"])


def main() -> None:
    """Print both tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    days = daily_rain(folder)
    months = months_of_days(days.to_numpy(), time=days.index.to_numpy())
    print(f"{months.sum():.0f} mm a year, modified Fournier index {float(modified_fournier_index(months)):.0f} mm")
    table = alpine(folder)
    reference = table[1][2]
    print("\n| rain | method | R | ratio |\n| --- | --- | ---: | ---: |")
    for kind, name, value in table:
        print(f"| {kind} | `{name}` | {value:.0f} | {value / reference:.2f} |")
    found = resolutions(folder)
    print("\n| step | storms | rain | energy | I30 | EI30 | of 5 minutes | factor to 5 minutes |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for minutes, row in found.iterrows():
        share = row["erosivity"] / found["erosivity"].iloc[0]
        words = f"{row['depth']:.0f} | {row['energy']:.1f} | {row['i30']:.1f} | {row['erosivity']:.0f}"
        print(f"| {minutes} min | {row['storms']:.0f} | {words} | {share:.2f} | {1 / share:.2f} |")


if __name__ == "__main__":
    main()
