"""The page of a comparison of methods: how far apart the results lie, and which choice matters most."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from soilloss import __version__
from soilloss.errors import SourceError
from soilloss.publish import html
from soilloss.publish.figures import ACCENT, BAR, draw_shares, save
from soilloss.publish.maps import draw_small_maps, read_view
from soilloss.publish.text import label, number, unit_text

UNIT = "t ha-1 yr-1"
MOST_MAPS = 12
Result = dict[str, Any]


def write_comparison(folder: Path) -> Path:
    """Write ``index.html`` and ``figures/*.png`` from ``compare.json`` and the maps in `folder`; return the page.

    Raises
    ------
    SourceError
        If there is no ``compare.json``.
    """
    path = folder / "compare.json"
    if not path.is_file():
        raise SourceError(f"{folder} has no compare.json, so it is no comparison; run: soilloss compare FILE")
    result = json.loads(path.read_text(encoding="utf-8"))
    parts = [
        ("spread", "How far apart", _spread(folder, result)),
        ("variance", "Which choice matters", _variance(folder, result)),
    ]
    parts += [(f["variable"], f"Maps: {label(f['variable'])}", _maps(folder, f)) for f in result["factors"]]
    parts += [("left-out", "Left out", _left_out(result)), ("reading", "How to read this", _reading(result))]
    shown = [(name, title, body) for name, title, body in parts if body]
    template = Template(files("soilloss.publish").joinpath("report.html").read_text(encoding="utf-8"))
    page = folder / "index.html"
    page.write_text(
        template.substitute(
            version=html.text(__version__),
            title=html.text(f"{result['name']}: methods compared"),
            subtitle=html.text(f"{result['model'].upper()} · {result['file']} · {result['design']}"),
            answer=f'<div class="answer">{html.paragraph(*answer(result))}</div>',
            contents=" ".join(f'<a href="#{name}">{html.text(title)}</a>' for name, title, _ in shown),
            sections="\n".join(
                f'<section id="{name}">\n<h2>{html.text(title)}</h2>\n{body}\n</section>' for name, title, body in shown
            ),
            footer=html.text(f"soilloss {__version__}"),
        ),
        encoding="utf-8",
    )
    return page


def answer(result: Result) -> list[str]:
    """Return the finding in sentences: how many times each choice changes the answer, and which weighs most."""
    said = [
        f"The choice of {html.text(label(f['variable']))} changes mean soil loss up to "
        f"<strong>{number(f['times'])} times</strong> ({_ends(f)})."
        for f in sorted(result["factors"], key=lambda f: -(f["times"] or 0))
        if f["times"]
    ]
    known = [f for f in result["factors"] if f["share"] is not None]
    if len(known) > 1:
        most = max(known, key=lambda f: f["share"])
        said.append(
            f"Most of the spread comes from {html.text(label(most['variable']))}: {number(100 * most['share'])} % of "
            "the variance of mean log soil loss."
        )
    return said


def _ends(factor: Result) -> str:
    lines = [line for line in factor["alternatives"] if line["ratio"]]
    low, high = min(lines, key=lambda line: line["ratio"]), max(lines, key=lambda line: line["ratio"])
    return f"<code>{html.text(low['method'])}</code> to <code>{html.text(high['method'])}</code>"


def _spread(folder: Path, result: Result) -> str:
    rows = [
        (
            label(f["variable"]),
            line["method"] + (" (the project's)" if line["own"] else ""),
            *(line[key] for key in ("mean", "total_t", "area_ha", "ratio", "correlation")),
        )
        for f in result["factors"]
        for line in f["alternatives"]
    ]
    header = ["factor", "method", f"mean [{UNIT}]", "total [t yr-1]", "area with a value [ha]", "ratio", "correlation"]
    caption = (
        "Each line changes one factor and keeps the project's choice for the others. Ratio (of means) and correlation "
        f"compare with the project's choice on the {number(result['cells'], 9)} cells that all methods know."
    )
    listed = html.table(header, rows, caption)
    if not any(line["ratio"] for f in result["factors"] for line in f["alternatives"]):
        return listed
    drawn = save(draw_ratios(result), folder / "figures" / "ratios.png")
    figure = html.figure(drawn, "Mean soil loss by each method, relative to the project's choice.", "Bars of ratios")
    return figure + listed


def draw_ratios(result: Result) -> Figure:
    """Draw mean soil loss by each method relative to the project's choice, on a logarithmic axis."""
    lines = [(f, line) for f in result["factors"] for line in f["alternatives"] if line["ratio"]]
    figure = Figure(figsize=(7.4, 0.3 * len(lines) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    place = np.arange(len(lines))
    ratios = np.array([line["ratio"] for _, line in lines])
    colours = [ACCENT if line["own"] else BAR for _, line in lines]
    axes.barh(place, ratios - 1, 0.72, left=1, color=colours)
    axes.plot(ratios, place, "o", color="#1d3f58", markersize=4)
    axes.set_xscale("log")
    axes.axvline(1, color=ACCENT, linewidth=1)
    axes.set_yticks(place, [f"{label(f['variable'])}: {line['method']}" for f, line in lines])
    axes.set_xticks(_ticks(ratios), [number(tick) for tick in _ticks(ratios)])
    axes.minorticks_off()
    axes.tick_params(labelsize=8)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set_xlabel("mean soil loss relative to the project's choice", fontsize=9.5)
    return figure


def _ticks(ratios: np.ndarray) -> list[float]:
    """Round numbers around the ratios."""
    steps = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)]
    low, high = min(ratios.min(), 1), max(ratios.max(), 1)
    return [step for step in steps if low / 2.01 <= step <= high * 2.01]


def _variance(folder: Path, result: Result) -> str:
    known = [f for f in result["factors"] if f["share"] is not None]
    if len(known) < 2:
        return ""
    names = [label(f["variable"]) for f in known]
    shares = [100 * f["share"] for f in known]
    if result["interplay"] is not None:
        names, shares = [*names, "interplay"], [*shares, 100 * result["interplay"]]
    drawn = draw_shares(names, shares, [BAR] * len(names))
    drawn.axes[0].set_xlabel("share of the variance (%)")
    how = (
        f"All {len(result['combinations'])} combinations were computed: the share of a factor is the variance of its "
        "means over all choices of the others."
        if result["design"] == "full factorial"
        else "One factor was varied at a time, because the combinations are too many: shares are set in proportion and "
        "the interplay of choices is not known."
    )
    caption = f"Shares in the variance of the mean log of soil loss. {how}"
    return html.figure(save(drawn, folder / "figures" / "variance.png"), caption, "Bars of shares by factor")


def _maps(folder: Path, factor: Result) -> str:
    lines = factor["alternatives"][:MOST_MAPS]
    panels = [(line["method"].replace(" x ", " x\n"), folder / line["map"]) for line in lines]
    values = read_view(panels[0][1], 300).values
    known = values[np.isfinite(values)]
    highest = float(np.percentile(known, 98)) if known.size else 1.0
    drawn = save(draw_small_maps(panels, UNIT, max(highest, 1.0)), folder / "figures" / f"{factor['variable']}.png")
    caption = f"Mean annual soil loss ({unit_text(UNIT)}) by method; the first is the project's. Grey: no value."
    return html.figure(drawn, caption, f"Maps of soil loss by method of {factor['variable']}")


def _left_out(result: Result) -> str:
    rows = [(label(one["variable"]), one["method"], one["reason"]) for one in result["left_out"]]
    return html.table(["factor", "method", "why"], rows, "Methods that were not compared.")


def _reading(result: Result) -> str:
    return html.paragraph(
        "The spread says how much the answer depends on the choice of method, not which method is right: methods were "
        "made for different regions and data, and only measurements of this area could tell. The project file named "
        f"<code>{html.text(result['file'])}</code> holds all other choices. <code>soilloss methods VARIABLE "
        "NAME</code> shows what each method was made for."
    )
