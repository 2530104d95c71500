"""The sections of the report that show results: the answer, maps, tables by class, year and zone, gaps and points."""

from __future__ import annotations

import pandas as pd

from soilloss.publish import figures, html, maps
from soilloss.publish.location import draw_location
from soilloss.publish.page import MEAN, Page, column, label
from soilloss.publish.text import degrees, number, unit_text, with_unit

MOST_ZONES, MOST_YEARS = 60, 12


def subtitle(page: Page) -> str:
    """Return model, period and grid in one line."""
    record, grid = page.record, page.record["grid"]
    rows, columns = grid["shape"]
    resolution = " × ".join(dict.fromkeys(number(abs(side), 6) for side in grid["resolution"]))
    parts = [record.get("model", "").upper(), _period(page), f"{number(rows, 9)} × {number(columns, 9)} cells of"]
    unit = "°" if abs(grid["bounds"][0]) <= 360 and abs(grid["bounds"][3]) <= 90 else "\u00a0m"
    return html.text(" · ".join(part for part in parts if part) + f" {resolution}{unit} · {grid['crs']}")


def _period(page: Page) -> str:
    steps = [step[:4] for step in (page.record.get("period") or {}).get("steps", []) if step]
    return "" if not steps else steps[0] if steps[0] == steps[-1] else f"{steps[0]}–{steps[-1]}"


def answer(page: Page) -> str:
    """Return the result in a sentence and four numbers."""
    total, unit = page.record["total"], unit_text(page.unit())
    period = _period(page)
    when = f"In {period}" if period.isdigit() else f"Over {period}" if period else "By these data"
    sentences = [
        f"{when} the area lost on average <strong>{number(total['mean'])} {unit}</strong> of soil by sheet and rill "
        f"erosion: {number(total['soil_loss_t'])} t a year from {number(total['area_ha'])} ha.",
        _worst(page),
    ]
    tiles = [
        ("mean soil loss", total["mean"], unit),
        ("total soil loss", total["soil_loss_t"], "t yr⁻¹"),
        ("area with a value", total["area_ha"], "ha"),
    ]
    entry = (page.rasters("soil_loss") or [{}])[0]
    if "percentiles" in entry:
        tiles.append(("median cell", entry["percentiles"].get("50"), unit))
    shown = "".join(f"<div><dt>{n}</dt><dd>{number(v)} <span>{u}</span></dd></div>" for n, v, u in tiles)
    return f'<div class="answer">{html.paragraph(*sentences)}</div>\n<dl class="tiles">{shown}</dl>'


def _worst(page: Page) -> str:
    """Say how much of the area lies in the two worst grades."""
    frame = page.mean_of("severity").sort_values("grade")
    if len(frame) < 2:
        return ""
    share = frame[column(frame, "share")].fillna(0)
    names = [html.text(name) for name in frame["name"]]
    two, one = share.iloc[-2:].sum(), share.iloc[-1]
    return (
        f"{number(two)} % of it is graded <em>{names[-2]}</em> or <em>{names[-1]}</em>, "
        f"{number(one)} % in the worst grade; {number(share.iloc[0])} % is <em>{names[0]}</em>."
    )


def location(page: Page) -> str:
    """Show where on Earth the area lies."""
    west, south, east, north = bounds = tuple(page.record["grid"]["bounds_lonlat"])
    spread = f"{degrees(west, 'E', 'W')} to {degrees(east, 'E', 'W')}, {degrees(south, 'N', 'S')} to {degrees(north, 'N', 'S')}"
    drawn = draw_location(bounds, page.record.get("area"))
    caption = f"The study area (red) spans {spread}. Outlines: Natural Earth."
    return page.figure("location", drawn, caption, f"Globe and regional map; the study area spans {spread}")


def soil_loss(page: Page) -> str:
    """Show the map of mean soil loss and how values are spread."""
    entries = page.rasters("soil_loss")
    if not entries:
        return ""
    entry, unit = entries[0], page.unit()
    high = (entry.get("percentiles") or {}).get("98", entry["maximum"])
    drawn = maps.draw_soil_loss(page.folder / entry["path"], unit, high)
    what = "Mean annual soil loss" if entry["label"] == MEAN else "Soil loss"
    caption = f"{what} ({unit_text(unit)}). Grey cells have no value."
    parts = [page.figure("soil_loss", drawn, caption, f"Map of {what.lower()}")]
    counted = entry.get("histogram")
    if counted and len(counted["counts"]):
        median = entry["percentiles"]["50"]
        chart = figures.draw_histogram(counted["edges"], counted["counts"], entry["mean"], median, unit)
        caption = (
            f"How the area is shared out among values of soil loss ({unit_text(unit)}, logarithmic axis). A mean far above "
            "the median says that a small part of the area gives most of the soil."
        )
        parts.append(page.figure("histogram", chart, caption, "Histogram of soil loss"))
    return "\n".join(parts)


def severity(page: Page) -> str:
    """Show the map of grades and the area in each."""
    scheme = page.record.get("severity")
    if not scheme:
        return ""
    names, colours = scheme["names"], scheme["colours"]
    parts = []
    entries = page.rasters("severity")
    if entries:
        drawn = maps.draw_classes(page.folder / entries[0]["path"], names, colours)
        caption = f"Severity of mean soil loss, scheme <code>{html.text(scheme['scheme'])}</code>."
        parts.append(page.figure("severity", drawn, caption, "Map of severity grades"))
    frame = page.mean_of("severity").sort_values("grade")
    if len(frame):
        shares = frame[column(frame, "share")].fillna(0).tolist()
        drawn = figures.draw_shares(frame["name"].tolist(), shares, colours[: len(shares)])
        parts.append(
            page.figure("severity_area", drawn, "Share of the area in each grade (%).", "Bars of area by grade")
        )
        parts.append(_grades(frame, scheme, page.unit()))
    return "\n".join(parts)


def _grades(frame: pd.DataFrame, scheme: dict, unit: str) -> str:
    edges = [*scheme["edges"], None]
    spans = [
        f"from {number(low)}" if high is None else f"{number(low)} to {number(high)}"
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ]
    numbers = [name for name in frame.columns if name not in ("step", "grade", "name")]
    rows = [
        (_swatch(scheme["colours"][int(row["grade"]) - 1], row["name"]), spans[int(row["grade"]) - 1], *row[numbers])
        for _, row in frame.iterrows()
    ]
    caption = "Area and soil loss by grade (<code>tables/severity.csv</code> has every step)."
    return html.table(["grade", f"soil loss [{unit}]", *numbers], rows, caption, raw=[0])


def _swatch(colour: str, name: str) -> str:
    return f'<span class="swatch" style="background:{html.text(colour)}"></span>{html.text(name)}'


def years(page: Page) -> str:
    """Show mean soil loss by step, as chart, table and small maps."""
    frame = page.tables.get("summary", pd.DataFrame(columns=["step"]))
    frame = frame[(frame["step"] != MEAN) & frame["step"].notna()]
    if len(frame) < 2:
        return ""
    means, unit = frame[column(frame, "mean")], page.unit()
    yearly = frame["step"].str.fullmatch(r"\d{4}")
    drawn = figures.draw_years(frame["step"][yearly], means[yearly], unit, page.record["total"]["mean"])
    caption = f"Mean soil loss of each year ({unit_text(unit)}); the dashed line is the mean of the period."
    parts = [page.figure("years", drawn, caption, "Bars of mean soil loss by year")] if yearly.sum() > 1 else []
    parts.append(html.table([str(name) for name in frame.columns], frame.itertuples(index=False), "Soil loss by step."))
    entries = [entry for entry in page.rasters("soil_loss") if entry["label"] not in ("", MEAN)]
    if 1 < len(entries):
        shown = entries[:: -(-len(entries) // MOST_YEARS)]
        high = (page.rasters("soil_loss")[0].get("percentiles") or {}).get("98", 50.0)
        panels = [(entry["label"], page.folder / entry["path"]) for entry in shown]
        drawn = maps.draw_small_maps(panels, unit, high)
        parts.append(page.figure("soil_loss_years", drawn, f"Soil loss by step ({unit_text(unit)}).", "Maps by step"))
    return "\n".join(parts)


def zones(page: Page) -> str:
    """Show the table by zone, worst first."""
    frame = page.mean_of("zones")
    if frame.empty:
        return ""
    frame = frame.drop(columns="step").sort_values(column(frame, "mean"), ascending=False)
    more = f" The {MOST_ZONES} with the highest mean of {len(frame)}." if len(frame) > MOST_ZONES else ""
    caption = f"Mean of the period by zone, highest mean first.{more} Every step: <code>tables/zones.csv</code>."
    return html.table([str(n) for n in frame.columns], frame.head(MOST_ZONES).itertuples(index=False), caption)


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
    drawn = maps.draw_small_maps(panels)
    rows = [
        (label(e["variable"]), unit_text(e["unit"]), e["minimum"], e["mean"], e["maximum"], e["method"])
        for e in entries
    ]
    shown = html.table(["factor", "unit", "lowest", "mean", "highest", "method"], rows, "Values of the factors.")
    return page.figure("factors", drawn, caption, "Maps of the factors") + shown


def gaps(page: Page) -> str:
    """Trace cells without a value to the input that caused them."""
    found, channels = page.record.get("gaps") or [], page.record.get("channel_cells")
    rows = [(label(g["variable"]), g["cells"], g["area_ha"], 100 * g["share"]) for g in found]
    header = ["missing in", "cells", "area [ha]", "share of the area [%]"]
    parts = [html.table(header, rows, "A cell is counted under each variable where it first goes missing.")]
    if not rows:
        parts.append(html.paragraph("No cell of the area lacks a value because of missing data."))
    if channels:
        parts.append(
            html.paragraph(
                f"{number(channels, 9)} cells lie in channels and are left out on purpose: the equations describe slopes "
                "between channels, not the bed and banks of a stream."
            )
        )
    return "\n".join(part for part in parts if part)


def points(page: Page) -> str:
    """Show how well each surface made from points predicts a point left out."""
    return "\n".join(_one_surface(page, entry) for entry in page.record.get("points") or [])


def _one_surface(page: Page, entry: dict) -> str:
    variable, stations = entry["variable"], entry["stations"]
    units = {step["variable"]: step["unit"] for step in page.record.get("plan", [])}
    unit = units.get(variable, "")
    name = variable.replace("_", " ")
    title = f"<h3>{html.text(label(variable))} by {html.text(str(entry['interpolate']).replace('_', ' '))}</h3>"
    scores = html.paragraph(
        f"{len(stations)} points of <code>{html.text(entry['table'])}</code>. Each point was left out in turn and "
        f"predicted from the others: mean error {html.text(with_unit(number(entry['me']), unit))}, root mean square "
        f"error {html.text(with_unit(number(entry['rmse']), unit))}, R² {number(entry['r2'])}."
    )
    known = [s for s in stations if s.get("value") is not None and s.get("predicted") is not None]
    if not known:
        return title + scores
    drawn = figures.draw_check([s["value"] for s in known], [s["predicted"] for s in known], name, unit)
    caption = f"Values at the points against predictions without them ({unit_text(unit) or 'no unit'})."
    return title + scores + page.figure(f"interpolation_{variable}", drawn, caption, "Observed against predicted")
