"""The tables of a finished pass: summary, severity and, where there are zones, zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from soilloss.workflow.outputs import Pass, Sums


def tables_of(run: Pass) -> dict[str, pd.DataFrame]:
    """The tables of a finished pass: summary, severity and, where there are zones, zones."""
    out = {"summary": _summary(run), "severity": _severity(run)}
    if run.zones is not None:
        out["zones"] = _zones(run)
    return out


def _tonnes_and_hectares(sums: Sums) -> tuple[np.ndarray, np.ndarray]:
    return sums.mass / 1e6, sums.surface / 1e7


def _ratio(mass: Any, area: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.where(np.asarray(area) > 0, mass / np.asarray(area, float), np.nan)


def _graded(run: Pass) -> list[tuple[str, Sums]]:
    """Sums by grade and zone: of the mean, the years, and the steps whose maps are published."""
    return [(label, sums) for label, sums in run.sums.items() if label not in run.totals]


def _summary(run: Pass) -> pd.DataFrame:
    rows = []
    for label, sums in run.sums.items():
        mass, area = (part[0] for part in _tonnes_and_hectares(sums))
        known = area[1:].sum()
        rows.append((label, float(_ratio(mass.sum(), known)), mass.sum(), known, area[0]))
    return pd.DataFrame(
        rows, columns=["step", "mean soil loss [t ha-1]", "total soil loss [t]", "area [ha]", "missing area [ha]"]
    )


def _severity(run: Pass) -> pd.DataFrame:
    rows = []
    for label, sums in _graded(run):
        mass, area = (part[0] for part in _tonnes_and_hectares(sums))
        for grade, one in enumerate(run.grades, 1):
            share = 100 * float(_ratio(area[grade], area[1:].sum()))
            mean = float(_ratio(mass[grade], area[grade]))
            rows.append((label, grade, one.name, area[grade], share, mean, mass[grade]))
    columns = ["step", "grade", "name", "area [ha]", "share [%]", "mean soil loss [t ha-1]", "total soil loss [t]"]
    return pd.DataFrame(rows, columns=columns)


def _zones(run: Pass) -> pd.DataFrame:
    assert run.zones is not None
    rows = []
    for label, sums in _graded(run):
        mass, area = _tonnes_and_hectares(sums)
        for number, name in enumerate(run.zones["zone"], 1):
            known = area[number, 1:].sum()
            mean = float(_ratio(mass[number].sum(), known))
            rows.append((name, label, known, area[number, 0], mean, mass[number].sum(), *area[number, 1:]))
    columns = ["zone", "step", "area [ha]", "missing area [ha]", "mean soil loss [t ha-1]", "total soil loss [t]"]
    return pd.DataFrame(rows, columns=[*columns, *(f"{g.name} [ha]" for g in run.grades)])
