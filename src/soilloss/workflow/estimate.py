"""What a run will do and take, before it is run: steps, what is stored or reused, memory, disk and time."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from soilloss.equation import spec_of
from soilloss.grid.blocks import worker_count
from soilloss.variables import VARIABLES
from soilloss.workflow import project as projects
from soilloss.workflow.analyses import needs, question
from soilloss.workflow.budget import Cost, kind_of, routing_cost
from soilloss.workflow.outputs import BLOCK_CELLS, published_maps
from soilloss.workflow.plan import Step
from soilloss.workflow.site import Site
from soilloss.workflow.stored import USUAL, Limits, goes_by_tiles

# Measured with the demo and the Mula-Mutha example on two processors: seconds per million cells and thread.
WHOLE_GRID_SECONDS, STEP_SECONDS = 1.2, 0.15
WHOLE_GRID_BYTES, BLOCK_BYTES, BASE_BYTES = 48, 64, 400e6
COMPRESSED = 0.6


def describe(site: Site, limits: Limits = USUAL, workers: int | None = None) -> dict[str, Any]:
    """Return the plan of a site with places, states and estimates, ready for JSON."""
    cells = site.shape[0] * site.shape[1]
    maps = list(published_maps(site))
    whole = [item for item in site.stored if not item.exists and item.kind not in ("statistic", "series")]
    flow = [_flow_cost(site, item.variable, limits, workers) for item in whole if goes_by_tiles(site, item)]
    others = len(whole) - len(flow)
    workers = worker_count(workers)
    memory = BASE_BYTES + max(
        BLOCK_BYTES * min(cells, BLOCK_CELLS) * workers, WHOLE_GRID_BYTES * cells if others else 0
    )
    memory = max(memory, *(cost.memory for cost in flow), 0)
    bytes_per_cell = 4 * len(maps) + sum(8 if VARIABLES[i.variable].dtype == "float64" else 4 for i in whole)
    disk = COMPRESSED * cells * bytes_per_cell + max((cost.scratch for cost in flow), default=0)
    seconds = cells / 1e6 * (WHOLE_GRID_SECONDS * others + STEP_SECONDS * len(site.project.steps) / workers)
    seconds += sum(cost.seconds for cost in flow)
    tiles = sorted({cost.tile for cost in flow if cost.tile})
    out = {
        "grid": {"shape": list(site.shape), "crs": site.crs_name, "resolution": abs(site.grid.affine.a)},
        "steps": [_step(site, step) for step in site.steps],
        "maps": [one.path for one in maps],
        "analyses": [_analysis(site, name) for name in site.project.analysis.asked],
        "memory_bytes": int(memory),
        "disk_bytes": int(disk),
        "seconds": round(seconds, 1),
        "tile": tiles[0] if tiles else None,
    }
    out["words"] = (
        f"{site.shape[0]} x {site.shape[1]} cells of {abs(site.grid.affine.a):g} {_unit(site)} in {site.crs_name}, "
        f"{len(site.project.steps)} time step{'s' * (len(site.project.steps) != 1)}, {len(maps)} maps; "
        f"{in_words(out)}"
    )
    if tiles:
        out["words"] += f"; flow goes through tiles of {tiles[0]} x {tiles[0]} cells"
    return out


def _flow_cost(site: Site, variable: str, limits: Limits, workers: int | None) -> Cost:
    step = next(s for s in site.steps if s.variable == variable)
    masked = bool({"channels", "trapping"} & set(step.inputs))
    assert step.function is not None
    routing = {**spec_of(step.function).coefficients, **step.coefficients}.get("routing", "d8")
    return routing_cost(kind_of(variable, routing, masked), site.shape, limits, workers)


def _analysis(site: Site, name: str) -> dict[str, Any]:
    """What an analysis reads and which rasters it writes."""
    layers = question(name).layers(site, site.project.analysis.asked[name])
    return {"name": name, "reads": needs(site.project, name), "rasters": [layer.path for layer in layers]}


def _step(site: Site, step: Step) -> dict[str, str]:
    items = [item for item in site.stored if item.variable == step.variable]
    state = "" if not items else "reused" if all(item.exists for item in items) else "to make"
    cite = spec_of(step.function).cite if step.function else ""
    return {
        "variable": step.variable,
        "place": _place(site, step),
        "state": state,
        "text": _text(site, step),
        "citation": cite,
    }


def _place(site: Site, step: Step) -> str:
    if step.function is not None:
        return step.place
    kept = any(item.variable == step.variable for item in site.stored)
    return "stored" if kept else "read"


def _text(site: Site, step: Step) -> str:
    if step.function is not None:
        return step.describe()
    source = site.project.sources[step.variable]
    product = next((note["product"] for note in site.fetched if note["variable"] == step.variable), "")
    if product:
        return f"{step.variable} <- {product}, fetched"
    if isinstance(source, projects.Constant):
        return f"{step.variable} <- {source.value:g}"
    if isinstance(source, projects.Table):
        inner = f"{source.method}({source.table})" if source.method else source.table
        return f"{step.variable} <- {source.interpolate}({inner})"
    if isinstance(source, projects.Changed):
        return f"{step.variable} <- {source.describe()}"
    return f"{step.variable} <- {source.file if isinstance(source, projects.Raster) else source.path}"


def _unit(site: Site) -> str:
    crs = site.grid.crs
    return "degrees" if crs is None or crs.geographic else {"metre": "m"}.get(crs.units[0], crs.units[0])


def in_words(estimate: Mapping[str, Any]) -> str:
    """Return memory, disk and time of an estimate in words."""
    memory, disk, seconds = (estimate[key] for key in ("memory_bytes", "disk_bytes", "seconds"))
    return f"about {_size(memory)} of memory, {_size(disk)} of disk, {_time(seconds)}"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{max(1, round(seconds))} s"


def draw(described: dict[str, Any]) -> str:
    """Return the steps as an SVG drawing: sources on the left, soil loss on the right, one column per depth."""
    inputs = {s["variable"]: _inputs(s["text"]) for s in described["steps"]}
    depth: dict[str, int] = {}
    for name, read in inputs.items():
        depth[name] = 1 + max((depth[n] for n in read if n in depth), default=-1)
    columns: dict[int, list[str]] = {}
    for name, column in depth.items():
        columns.setdefault(column, []).append(name)
    at = {name: (20 + 230 * c, 20 + 60 * r) for c, names in columns.items() for r, name in enumerate(names)}
    width, height = 230 * len(columns) + 20, 60 * max(map(len, columns.values())) + 20
    lines = [
        f'<path d="M{at[n][0] + 190} {at[n][1] + 20} C{at[n][0] + 215} {at[n][1] + 20} {x - 25} {y + 20} {x} {y + 20}" '
        'fill="none" stroke="#777"/>'
        for name, (x, y) in at.items()
        for n in inputs[name]
        if n in at
    ]
    boxes = [_box(step, *at[step["variable"]]) for step in described["steps"]]
    body = "".join(lines + boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12">{body}</svg>'
    )


def _inputs(text: str) -> list[str]:
    call = text.partition(" <- ")[2]
    inner = call.partition("(")[2].rstrip(")")
    return [part.strip() for part in inner.split(",") if part.strip() in VARIABLES]


def _box(step: dict[str, str], x: int, y: int) -> str:
    colour = {"read": "#e8f1e4", "stored": "#e3ecf7"}.get(step["place"], "#fff")
    method = step["text"].partition(" <- ")[2].partition("(")[0]
    return (
        f'<rect x="{x}" y="{y}" width="190" height="40" rx="4" fill="{colour}" stroke="#555"/>'
        f'<text x="{x + 8}" y="{y + 17}" font-weight="bold">{escape(step["variable"])}</text>'
        f'<text x="{x + 8}" y="{y + 33}" fill="#444">{escape(method[:28])}</text>'
    )
