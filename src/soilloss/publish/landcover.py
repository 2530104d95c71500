"""The page of a land-cover series: its maps, how right they are, areas with intervals, and what to be careful with."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from soilloss import __version__, tables
from soilloss.publish import html
from soilloss.publish.figures import ACCENT, BAR, save
from soilloss.publish.maps import DPI, INK, MISSING, View, read_view
from soilloss.publish.text import number

MOST_PANELS = 12
Rows = Sequence[Mapping[str, Any]]
Site = tuple[str, list[tuple[str, np.ndarray]]]
READING = (
    "Overall accuracy is the share of points that the map has right; kappa corrects it for chance; FWIoU weighs the "
    "overlap of map and reference by how frequent a class is (frequent classes weigh more), mIoU counts all classes "
    "alike. User's accuracy says how often a mapped class is there, producer's accuracy how much of a class is mapped.",
    "Mapped areas are biased by the map's errors. The estimated areas correct them by the points (Olofsson et al. "
    "2014); a change of area that is smaller than the intervals is not shown to be one.",
)


def write_page(
    folder: Path, found: Mapping[str, Rows], notes: Sequence[str], steps: Sequence[str], sites: Sequence[Site]
) -> Path:
    """Write ``report.html`` and ``figures/*.png`` of a land-cover folder; return the page.

    Parameters
    ----------
    folder : Path
        With ``maps/*.tif`` and ``single/*.tif``.
    found : mapping of table name to rows
        Scores, classes, changes, calibration, areas and agreement.
    notes : sequence of str
        What a reader has to know first.
    steps : sequence of str
        Of the series.
    sites : sequence of (name, panels)
        Images (y, x, 3) and maps (y, x) to be shown beside each other.
    """
    parts = [
        ("maps", "Maps", _maps(folder, steps)),
        ("sites", "At named places", "".join(_site(folder, n, site) for n, site in enumerate(sites))),
        ("accuracy", "How right the maps are", _accuracy(folder, found)),
        ("areas", "Areas with intervals", _areas(folder, found["areas"])),
        ("confidence", "Is the confidence honest?", _confidence(folder, found["calibration"])),
        ("notes", "Notes", "".join(f'<div class="finding warning">{html.text(note)}</div>' for note in notes)),
        ("reading", "How to read this", html.paragraph(*map(html.text, READING))),
    ]
    shown = [(name, title, body) for name, title, body in parts if body]
    template = Template(files("soilloss.publish").joinpath("report.html").read_text(encoding="utf-8"))
    page = folder / "report.html"
    page.write_text(
        template.substitute(
            version=html.text(__version__),
            title="Land cover",
            subtitle=html.text(f"{len(steps)} steps, {steps[0]} to {steps[-1]}"),
            answer=_answer(found["scores"]),
            contents=" ".join(f'<a href="#{name}">{html.text(title)}</a>' for name, title, _ in shown),
            sections="\n".join(f'<section id="{n}">\n<h2>{html.text(t)}</h2>\n{b}\n</section>' for n, t, b in shown),
            footer=html.text(f"soilloss {__version__}"),
        ),
        encoding="utf-8",
    )
    return page


def _answer(scores: Rows) -> str:
    said = [
        f"At {html.text(row['set'])} the smoothed maps are right at <strong>{number(100 * row['overall_accuracy'])} "
        f"%</strong> of {number(row['n'], 9)} points (mIoU {number(row['miou'])})."
        for row in scores
        if row["map"] == "smoothed" and row["period"] == "all"
    ]
    return f'<div class="answer">{html.paragraph(*said)}</div>'


def _maps(folder: Path, steps: Sequence[str]) -> str:
    chosen = [
        str(steps[n]) for n in np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST_PANELS)).astype(int))
    ]
    panels = [(step, read_view(folder / "maps" / f"{step}.tif", 400)) for step in chosen]
    drawn = save(draw_series(panels), folder / "figures" / "maps.png")
    return html.figure(drawn, "Smoothed land cover of steps spread over the series.", "Small maps of land cover")


def draw_series(panels: Sequence[tuple[str, View]]) -> Figure:
    """Draw land cover of several steps beside each other with one legend."""
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(
        figsize=(7.4, rows * (7.4 / columns * min(max(panels[0][1].ratio, 0.4), 1.6) + 0.25) + 0.6),
        layout="constrained",
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes, (title, view) in zip(grid, panels, strict=False):
        _classes(axes, view.values, view.aspect, view.extent)
        axes.set_title(title, fontsize=8.5, loc="left", color=INK)
    _legend(figure)
    return figure


def _classes(axes: Any, values: np.ndarray, aspect: float = 1.0, extent: Any = None) -> None:
    colours = tables.read("land_cover")["colour"].tolist()
    palette = ListedColormap(colours).with_extremes(bad=MISSING)
    norm = BoundaryNorm(np.arange(0.5, len(colours) + 1), len(colours))
    axes.imshow(np.where(values > 0, values, np.nan), cmap=palette, norm=norm, interpolation="nearest", extent=extent)
    axes.set(xticks=[], yticks=[], aspect=aspect)


def _legend(figure: Figure) -> None:
    look = tables.read("land_cover")
    pairs = zip(look["name"], look["colour"], strict=True)
    patches = [Patch(facecolor=colour, edgecolor="#777777", label=name) for name, colour in pairs]
    patches.append(Patch(facecolor=MISSING, edgecolor="#777777", label="no value"))
    figure.legend(handles=patches, loc="outside lower center", ncols=5, frameon=False, fontsize=8.5)


def _site(folder: Path, place: int, site: Site) -> str:
    name, panels = site
    figure = Figure(figsize=(7.4, 7.4 / len(panels) + 0.8), layout="constrained")
    for axes, (title, values) in zip(figure.subplots(1, len(panels), squeeze=False).ravel(), panels, strict=True):
        if values.ndim == 3:
            axes.imshow(np.clip(np.nan_to_num(values / np.nanpercentile(values, 98), nan=1), 0, 1))
            axes.set(xticks=[], yticks=[])
        else:
            _classes(axes, values)
        axes.set_title(title, fontsize=8.5, loc="left", color=INK)
    _legend(figure)
    drawn = save(figure, folder / "figures" / f"site_{place + 1}.png")
    return html.figure(drawn, html.text(name), f"Image and maps of land cover at {name}")


def _accuracy(folder: Path, found: Mapping[str, Rows]) -> str:
    head = ("set", "map", "period", "n", "overall_accuracy", "kappa", "fwiou", "miou")
    names = ("points", "map", "period", "n", "OA", "kappa", "FWIoU", "mIoU")
    parts = [
        html.table(
            names, [[row[k] for k in head] for row in found["scores"]], "Scores of all points, by year and by season."
        )
    ]
    head = ("set", "class", "n", "user_accuracy", "producer_accuracy", "f1", "iou")
    rows = [[_known(row[k]) for k in head] for row in found["classes"] if row["map"] == "smoothed"]
    names = ("points", "class", "n", "user's accuracy", "producer's accuracy", "F1", "IoU")
    parts.append(html.table(names, rows, "The smoothed maps by class."))
    parts += [_confusion(path) for path in sorted((folder / "accuracy").glob("confusion_*_smoothed.csv"))]
    head = ("set", "map", "changes", "recall", "precision", "f1", "flips", "consistent")
    names = ("points", "map", "true changes", "found", "right", "F1", "changes per 100 steps", "never back and forth")
    rows = [[_known(row[k]) for k in head] for row in found["changes"]]
    parts.append(html.table(names, rows, "Changes within two steps of the true ones, and restlessness."))
    head = ("set", "points", "undecided", "agreement", "kappa")
    rows = [[_known(row[k]) for k in head] for row in found["agreement"]]
    parts.append(
        html.table(
            ("points", "decided", "undecided", "pairs that agree", "kappa"), rows, "Interpreters among themselves."
        )
    )
    return "".join(parts)


def _confusion(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as stream:
        head, *rows = list(csv.reader(stream))
    name = path.stem.removeprefix("confusion_").removesuffix("_smoothed")
    caption = f"Points of {html.text(name)} by class of the reference (rows) and of the smoothed maps (columns)."
    return html.table(["", *head[1:]], [[row[0], *map(int, row[1:])] for row in rows], caption)


def _areas(folder: Path, areas: Rows) -> str:
    if not areas:
        return ""
    drawn = save(draw_areas(areas), folder / "figures" / "areas.png")
    figure = html.figure(drawn, "Estimated areas with 95 % intervals; crosses are the mapped areas.", "Areas by year")
    head = ("set", "year", "class", "mapped [ha]", "area [ha]", "interval [ha]", "n")
    rows = [[_known(row[k]) if k != "year" else str(row[k]) for k in head] for row in areas]
    return figure + html.table(("points", *head[1:]), rows, "Half widths of 95 % intervals; n points of each stratum.")


def draw_areas(areas: Rows) -> Figure:
    """Draw estimated and mapped areas of each class by year."""
    names = list(dict.fromkeys(row["class"] for row in areas))
    columns = min(4, len(names))
    figure = Figure(figsize=(7.4, 1.9 * -(-len(names) // columns) + 0.2), layout="constrained")
    grid = figure.subplots(-(-len(names) // columns), columns, squeeze=False).ravel()
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(grid, names, strict=False):
        rows = [row for row in areas if row["class"] == name]
        years, estimate, half, mapped = (
            [row[k] for row in rows] for k in ("year", "area [ha]", "interval [ha]", "mapped [ha]")
        )
        axes.errorbar(years, estimate, half, fmt="o", color=BAR, capsize=3, markersize=4)
        axes.plot(years, mapped, "x", color=ACCENT)
        axes.set_title(f"{name} (ha)", fontsize=8.5, loc="left", color=INK)
        axes.set_xticks(sorted(set(years)))
        axes.margins(x=0.3)
        axes.set_ylim(0, 1.08 * max([*mapped, *(e + h for e, h in zip(estimate, np.nan_to_num(half), strict=True))]))
        axes.tick_params(labelsize=7.5)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _confidence(folder: Path, rows: Rows) -> str:
    if not rows:
        return ""
    figure = Figure(figsize=(4.2, 3.6), layout="constrained", dpi=DPI)
    axes = figure.add_subplot()
    axes.plot((0, 1), (0, 1), color=ACCENT, linestyle="--", linewidth=1, label="honest")
    for name in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == name]
        label = f"{name} (error {number(own[0]['error'])})"
        axes.plot([r["confidence"] for r in own], [r["accuracy"] for r in own], "o-", color=BAR, label=label)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal", xlabel="confidence", ylabel="share that is right")
    axes.legend(frameon=False, fontsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    drawn = save(figure, folder / "figures" / "confidence.png")
    caption = "Points by the confidence of the smoothed maps; below the line the maps are surer than they should be."
    return html.figure(drawn, caption, "Confidence against accuracy")


def _known(value: Any) -> Any:
    """Nothing for NaN, so that the page shows a dash."""
    return None if isinstance(value, float) and np.isnan(value) else value
