"""The sections of the report that show results: the answer, maps, tables by class, year and zone, gaps and points."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from soilloss.publish import figures, html, maps
from soilloss.publish.location import draw_location
from soilloss.publish.page import MEAN, Page, value
from soilloss.publish.text import amount, degrees, label, number, unit_text, years_text

MOST_ZONES, MOST_MAPS = 60, 12
Row = dict[str, Any]


def subtitle(page: Page) -> str:
    """Return model, period and grid in one line."""
    record, grid = page.record, page.record["grid"]
    rows, columns = grid["shape"]
    resolution = " × ".join(dict.fromkeys(number(abs(side), 6) for side in grid["resolution"]))
    parts = [record.get("model", "").upper(), _period(page), f"{number(rows, 9)} × {number(columns, 9)} cells of"]
    geographic = abs(grid["bounds"][0]) <= 360 and abs(grid["bounds"][3]) <= 90
    side = f"{resolution}{'°' if geographic else ' m'}"
    return html.text(" · ".join(part for part in parts if part) + f" {side} · {grid['crs']}")


def _unit(unit: str) -> str:
    return html.text(unit_text(unit))


def _period(page: Page) -> str:
    steps = (page.record.get("period") or {}).get("steps", [])
    return html.text(years_text(list(dict.fromkeys(int(step[:4]) for step in steps if step))))


def note(page: Page) -> str:
    """Return what the project file says that readers have to know first."""
    words = page.record.get("note", "")
    return f"<p><strong>{html.text(words)}</strong></p>\n" if words else ""


def answer(page: Page) -> str:
    """Return the result in a sentence and four numbers."""
    total, unit, period = page.record["total"], _unit(page.unit()), _period(page)
    when = f"In {period} the area lost" if period.isdigit() else f"Over {period} the area lost"
    when = when if period else "By these data the area loses"
    first = (
        f"{when} on average <strong>{number(total['mean'])} {unit}</strong> of soil by sheet and rill "
        f"erosion: {amount(total['soil_loss_t'])} t a year from {number(total['area_ha'])} ha."
    )
    tiles = [
        ("mean soil loss", total["mean"], unit),
        ("total soil loss", total["soil_loss_t"], "t yr⁻¹"),
        ("area with a value", total["area_ha"], "ha"),
    ]
    entry = (page.rasters("soil_loss") or [{}])[0]
    if entry.get("percentiles"):
        tiles.append(("median cell", entry["percentiles"].get("50"), unit))
    shown = "".join(_tile(*tile) for tile in tiles)
    return f'<div class="answer">{html.paragraph(first, _worst(page))}</div>\n<dl class="tiles">{shown}</dl>'


def _tile(name: str, quantity: float | None, unit: str) -> str:
    figure, _, million = amount(quantity).partition(" ")
    return f"<div><dt>{name}</dt><dd>{figure} <span>{million} {unit}</span></dd></div>"


def _worst(page: Page) -> str:
    """Say how much of the area lies in the two worst grades."""
    rows = _graded(page)
    if len(rows) < 3:
        return ""
    share = [_share(row) for row in rows]
    names = [html.text(row["name"]) for row in rows]
    return (
        f"{number(share[-2] + share[-1])} % of it is graded <em>{names[-2]}</em> or <em>{names[-1]}</em>, "
        f"{number(share[-1])} % in the worst grade; {number(share[0])} % is <em>{names[0]}</em>."
    )


def _graded(page: Page) -> list[Row]:
    return sorted(page.mean_of("severity"), key=lambda row: row["grade"])


def _share(row: Row) -> float:
    share = value(row, "share")
    return 0.0 if math.isnan(share) else share


def location(page: Page) -> str:
    """Show where on Earth the area lies."""
    west, south, east, north = page.record["grid"]["bounds_lonlat"]
    apart = min(east - west, north - south)
    across = f"{degrees(west, 'E', 'W', apart)} to {degrees(east, 'E', 'W', apart)}"
    spread = f"{across}, {degrees(south, 'N', 'S', apart)} to {degrees(north, 'N', 'S', apart)}"
    drawn = draw_location((west, south, east, north), page.record.get("area"))
    caption = f"The study area (red) spans {spread}. Outlines: Natural Earth."
    return page.figure("location", drawn, caption, f"Globe and regional map; the study area spans {spread}")


def soil_loss(page: Page) -> str:
    """Show the map of mean soil loss and how values are spread."""
    entries = page.rasters("soil_loss")
    if not entries:
        return ""
    entry, unit = entries[0], page.unit()
    drawn = maps.draw_soil_loss(page.folder / entry["path"], unit, _high(entry))
    what = "Mean annual soil loss" if entry["label"] == MEAN else "Soil loss"
    caption = f"{what} ({_unit(unit)}). Grey cells have no value."
    return page.figure("soil_loss", drawn, caption, f"Map of {what.lower()}") + _histogram(page, entry, unit)


def _histogram(page: Page, entry: Row, unit: str) -> str:
    counted = entry.get("histogram")
    if not counted or not sum(counted["counts"]):
        return ""
    median = entry["percentiles"]["50"]
    drawn = figures.draw_histogram(counted["edges"], counted["counts"], entry["mean"], median, unit)
    caption = (
        f"How the area is shared out among values of soil loss ({_unit(unit)}, logarithmic axis). A mean far above "
        "the median says that a small part of the area gives most of the soil."
    )
    return page.figure("histogram", drawn, caption, "Histogram of soil loss")


def _high(entry: Row) -> float:
    """The value the colours of soil loss should reach."""
    return (entry.get("percentiles") or {}).get("98") or entry.get("maximum") or 1.0


def severity(page: Page) -> str:
    """Show the map of grades and the area in each."""
    scheme = page.record.get("severity")
    if not scheme:
        return ""
    parts, names, colours = [], scheme["names"], scheme["colours"]
    for entry in page.rasters("severity")[:1]:
        drawn = maps.draw_classes(page.folder / entry["path"], names, colours)
        caption = f"Severity of mean soil loss, scheme <code>{html.text(scheme['scheme'])}</code>."
        parts.append(page.figure("severity", drawn, caption, "Map of severity grades"))
    rows = _graded(page)
    if rows:
        drawn = figures.draw_shares([row["name"] for row in rows], [_share(row) for row in rows], colours[: len(rows)])
        caption = "Share of the area in each grade (%)."
        parts.append(page.figure("severity_area", drawn, caption, "Bars of area by grade"))
        parts.append(_grades(rows, scheme, page.unit()))
    return "\n".join(parts)


def _grades(rows: list[Row], scheme: Row, unit: str) -> str:
    spans = [
        f"from {number(low)}" if high is None else f"{number(low)} to {number(high)}"
        for low, high in itertools.pairwise([*scheme["edges"][: len(scheme["names"])], None])
    ]
    numbers = [name for name in rows[0] if name not in ("step", "grade", "name")]
    shown = [
        (_swatch(colour, row["name"]), span, *(row[name] for name in numbers))
        for row, colour, span in zip(rows, scheme["colours"], spans, strict=False)
    ]
    caption = "Area and soil loss by grade (<code>tables/severity.csv</code> has every step)."
    return html.table(["grade", f"soil loss [{unit}]", *numbers], shown, caption, raw=[0])


def _swatch(colour: str, name: str) -> str:
    box = f'<span class="swatch" style="background:{html.text(colour)}"></span>'
    return f'<span class="name">{box}{html.text(name)}</span>'


def years(page: Page) -> str:
    """Show mean soil loss by step, as chart, table and small maps."""
    rows = [row for row in page.tables.get("summary", []) if row["step"] not in ("", MEAN)]
    if len(rows) < 2:
        return ""
    unit, parts = page.unit(), []
    yearly = [row for row in rows if len(row["step"]) == 4]
    if len(yearly) > 1:
        means = [value(row, "mean") for row in yearly]
        drawn = figures.draw_years([row["step"] for row in yearly], means, unit, page.record["total"]["mean"])
        caption = f"Mean soil loss of each year ({_unit(unit)}); the dashed line is the mean of the period."
        parts.append(page.figure("years", drawn, caption, "Bars of mean soil loss by year"))
    parts.append(html.table(list(rows[0]), [list(row.values()) for row in rows], "Soil loss by step."))
    return "\n".join([*parts, _maps_by_step(page, unit)])


def _maps_by_step(page: Page, unit: str) -> str:
    entries = [entry for entry in page.rasters("soil_loss") if entry["label"] not in ("", MEAN)]
    if len(entries) < 2:
        return ""
    shown = entries[:: -(-len(entries) // MOST_MAPS)]
    panels = [(entry["label"], page.folder / entry["path"]) for entry in shown]
    drawn = maps.draw_small_maps(panels, unit, _high(page.rasters("soil_loss")[0]))
    return page.figure("soil_loss_years", drawn, f"Soil loss by step ({_unit(unit)}).", "Maps of soil loss by step")


def zones(page: Page) -> str:
    """Show the table by zone, worst first."""
    rows = sorted(page.mean_of("zones"), key=lambda row: -np.nan_to_num(value(row, "mean"), nan=-1))
    if not rows:
        return ""
    more = f" The {MOST_ZONES} with the highest mean of {len(rows)}." if len(rows) > MOST_ZONES else ""
    caption = f"Mean of the period by zone, highest mean first.{more} Every step: <code>tables/zones.csv</code>."
    header = [name for name in rows[0] if name != "step"]
    return html.table(header, [[row[name] for name in header] for row in rows[:MOST_ZONES]], caption)


def factors(page: Page) -> str:
    """Show the maps of the factors."""
    names = [e["variable"] for e in page.record.get("rasters", []) if e["path"].startswith("factors/")]
    entries = [found[0] for name in dict.fromkeys(names) if (found := page.rasters(name))]
    if not entries:
        return ""
    panels = [
        (f"{label(e['variable'])}\n{unit_text(e['unit']) or 'no unit'}", page.folder / e["path"]) for e in entries
    ]
    caption = (
        "Means of the factors over the period; colours span the 2nd to the 98th percentile. Where factors change with "
        "time, the product of these means is not the mean soil loss."
    )
    drawn = page.figure("factors", maps.draw_small_maps(panels), caption, "Maps of the factors")
    rows = [
        (
            label(e["variable"]),
            unit_text(e["unit"]),
            *(e.get(key) for key in ("minimum", "mean", "maximum")),
            e["method"],
        )
        for e in entries
    ]
    return drawn + html.table(["factor", "unit", "lowest", "mean", "highest", "method"], rows, "Values of the factors.")


def clipped(page: Page) -> str:
    """Count the cells whose value was cut at a limit that the method states."""
    found = [one for one in page.record.get("clipped") or [] if one["cells"]]
    rows = [(label(one["variable"]), one["method"], one["limit"], one["cells"], 100 * one["share"]) for one in found]
    caption = (
        "Cells at a limit, over all time steps where the variable changes; classes whose soil loss is set to 0 are not "
        "counted."
    )
    return html.table(["variable", "method", "limit", "cells", "share of the cells [%]"], rows, caption)


def gaps(page: Page) -> str:
    """Trace cells without a value to the input that caused them."""
    found, channels = page.record.get("gaps") or [], page.record.get("channel_cells")
    rows = [(label(g["variable"]), g["cells"], g["area_ha"], 100 * g["share"]) for g in found]
    header = ["missing in", "cells", "area [ha]", "share of the area [%]"]
    none = html.paragraph("No cell of the area lacks a value because of missing data.")
    traced = html.table(header, rows, "A cell is counted under each variable where it first goes missing.") or none
    if not channels:
        return traced
    return traced + html.paragraph(
        f"{number(channels, 9)} cells lie in channels and are left out on purpose: the equations describe slopes "
        "between channels, not the bed and banks of a stream."
    )


def points(page: Page) -> str:
    """Show how well each surface made from points predicts a point left out."""
    units = {step["variable"]: step["unit"] for step in page.record.get("plan") or []}
    entries = page.record.get("points") or []
    return "\n".join(_surface(page, entry, units.get(entry["variable"], "")) for entry in entries)


def _surface(page: Page, entry: Row, unit: str) -> str:
    variable, stations = entry["variable"], entry["stations"]
    after = f" {_unit(unit)}" if _unit(unit) else ""
    title = f"<h3>{html.text(label(variable))} by {html.text(str(entry['interpolate']).replace('_', ' '))}</h3>"
    scores = html.paragraph(
        f"{len(stations)} points of <code>{html.text(entry['table'])}</code>. Each point was left out in turn and "
        f"predicted from the others: mean error {number(entry['me'])}{after}, root mean square error "
        f"{number(entry['rmse'])}{after}, R² {number(entry['r2'])}."
    )
    known = [s for s in stations if s.get("value") is not None and s.get("predicted") is not None]
    if not known:
        return title + scores
    observed, predicted = [s["value"] for s in known], [s["predicted"] for s in known]
    drawn = figures.draw_check(observed, predicted, variable.replace("_", " "), unit)
    caption = f"Values at the points against predictions without them ({_unit(unit) or 'no unit'})."
    return title + scores + page.figure(f"interpolation_{variable}", drawn, caption, "Observed against predicted")
