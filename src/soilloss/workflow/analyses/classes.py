"""Classes as the analyses count them: names and colours, codes, periods and the class of a period."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from soilloss import tables
from soilloss.model import severity_table
from soilloss.publish.text import years_text
from soilloss.workflow.check.findings import Finding, error

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place
    from soilloss.workflow.site import Site

# for classes beyond the vocabulary
SPARE_COLOURS = ("#8c6bb1", "#41b6c4", "#dd3497", "#737373", "#a6761d", "#1f78b4")
USUAL_PERIODS = 5


class Legend(NamedTuple):
    """Names and colours of the classes 1, 2, ..."""

    names: tuple[str, ...]
    colours: tuple[str, ...]

    @property
    def highest(self) -> int:
        """The highest class."""
        return len(self.names)


def legend_of(site: Site, variable: str, names: Mapping[int, str] | None = None) -> Legend:
    """Return the legend of land cover (with names given for some codes) or of the project's severity grades."""
    if variable == "severity":
        scheme = site.project.analysis.severity
        grades = severity_table(scheme.scheme, scheme.tolerance)
        return Legend(tuple(one.name for one in grades), tuple(one.colour for one in grades))
    table = tables.read("land_cover")
    own, colours = (dict(zip(table["code"].tolist(), table[key].tolist(), strict=True)) for key in ("name", "colour"))
    own |= names or {}
    codes = range(1, max(own) + 1)
    spare = {code: SPARE_COLOURS[code % len(SPARE_COLOURS)] for code in codes}
    return Legend(
        tuple(str(own.get(code, f"class {code}")) for code in codes),
        tuple(str(colours.get(code, spare[code])) for code in codes),
    )


def codes_of(cells: np.ndarray, count: int) -> np.ndarray:
    """Return classes as uint8, 0 where missing or beyond `count`."""
    known = np.nan_to_num(cells, nan=0.0)
    return np.where((known >= 1) & (known <= count), known, 0).astype(np.uint8)


def most_frequent(codes: np.ndarray, count: int) -> np.ndarray:
    """Return the most frequent class (year, rows, columns) of each cell, the lowest of ties; 0 where none is known."""
    best, votes = np.zeros(codes.shape[1:], np.uint8), np.zeros(codes.shape[1:], np.int32)
    for code in range(1, count + 1):
        own = (codes == code).sum(axis=0)
        best[own > votes] = code
        votes = np.maximum(votes, own)
    return best


def of_period(place: Place, variable: str, years: slice, count: int) -> np.ndarray:
    """Return the class of a period: the grade of mean soil loss, or the most frequent class of land cover."""
    if variable == "severity":
        return codes_of(place.grades(place.mean(place.years("soil_loss")[years])), count)
    return most_frequent(codes_of(place.years(variable)[years], count), count)


def some_years(years: Sequence[str], most: int = USUAL_PERIODS) -> list[list[int]]:
    """Return at most five years, evenly spread, the first and the last among them.

    Examples
    --------
    >>> some_years(["2001", "2002", "2003"], 2)
    [[2001, 2001], [2003, 2003]]
    """
    places = np.unique(np.rint(np.linspace(0, len(years) - 1, min(most, len(years)))).astype(int))
    return [[int(years[int(at)])] * 2 for at in places]


def halves(years: Sequence[str]) -> list[list[int]]:
    """Return the first and the second half of some years, the middle one of an odd number in neither; [] for none.

    Examples
    --------
    >>> halves(["2001", "2002", "2003", "2004", "2005"])
    [[2001, 2002], [2004, 2005]]
    """
    numbers = [int(year) for year in years if year]
    half = len(numbers) // 2
    return [[numbers[0], numbers[half - 1]], [numbers[-half], numbers[-1]]] if half else []


def slices(periods: Sequence[Sequence[int]], years: Sequence[str]) -> list[slice]:
    """Return where the years of each period lie.

    Examples
    --------
    >>> slices([[2010, 2012], [2020, 2020]], ["2010", "2015", "2020"])
    [slice(0, 1, None), slice(2, 3, None)]
    """
    known = [int(year) for year in years]
    return [slice(bisect_left(known, start), bisect_right(known, end)) for start, end in periods]


def named(period: Sequence[int]) -> str:
    """Return the name of a period.

    Examples
    --------
    >>> named([2016, 2016]), named([2016, 2018])
    ('2016', '2016–2018')
    """
    return "–".join(str(year) for year in dict.fromkeys(period))


def check_periods(site: Site, where: str, periods: Sequence[Sequence[int]], least: int = 2) -> Iterator[Finding]:
    """Return what is wrong with the periods of an analysis."""
    years = [int(year) for year in dict.fromkeys(step[:4] for step in site.project.steps) if year]
    if len(years) < 2:
        yield error(
            where, f"compares years, but the project has {len(years) or 'none'}; give a period of two or more years"
        )
        return
    outside = next((one for one in periods if one[0] < years[0] or one[1] > years[-1]), None)
    empty = next((one for one in periods if not any(one[0] <= year <= one[1] for year in years)), None)
    if outside or empty:
        yield error(
            f"{where}.periods",
            f"{named(outside or empty or [])} is not within the project's period, {years_text(years)}; take years "
            "of it",
        )
    elif periods and len(periods) < least:
        yield error(f"{where}.periods", f"names {len(periods)}, expected {least} or more; add what it is compared with")
