"""The sections of the report behind the results: limits, warnings, methods, inputs, references, how to reproduce."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from soilloss.publish import bibliography, html
from soilloss.publish.mathml import formula
from soilloss.publish.page import Page
from soilloss.publish.text import label, number, unit_text
from soilloss.variables import VARIABLES

FEW = 3
PLACES = {
    "source": "given",
    "points": "at points, then a surface",
    "series": "from days, on their own grid",
    "statistic": "one number for the area",
    "stored": "whole grid",
    "pass": "cell by cell",
}
LIMITS = (
    (
        "Sheet and rill erosion only.",
        "The equation describes soil that thin flow and small rills carry off a slope. Gullies, landslides, river "
        "banks, tillage and wind are not in these numbers.",
    ),
    (
        "Soil set in motion, not soil that arrives.",
        "Where slopes flatten much of it settles again. The figures must not be read as sediment in a river or a "
        "reservoir.",
    ),
    (
        "A long-term mean.",
        "Its constants were fitted to plots observed over many years. A single storm or a single year can lie far from "
        "it, and the map of one year shows what its rain and plants would give on average.",
    ),
    (
        "Ranks are surer than amounts.",
        "Which slope loses more is usually right before the tonnes are. Compare places, years and measures first; use "
        "absolute values only after a check against local plots, ponds or surveys.",
    ),
    (
        "As good as its inputs.",
        "Cells average over what lies within them: coarse terrain shortens and flattens slopes, satellite greenness "
        "does not see litter under it, and soil maps carry the errors of their survey.",
    ),
)
DIGITAL_NUMBERS = (
    "Vegetation from digital numbers.",
    "Here NDVI was computed from sensor counts, not from surface reflectance. Its level depends on sensor and haze, so "
    "the cover factor, and with it the tonnes, are a demonstration; the pattern can still be looked at.",
)


def limits(page: Page) -> str:
    """Say in words what the numbers can and cannot say."""
    words = " ".join(str(f.get("message", "")).lower() for f in page.record.get("findings") or [])
    shown = (*LIMITS, DIGITAL_NUMBERS) if "digital number" in words else LIMITS
    return "<ul>" + "\n".join(f"<li><strong>{title}</strong> {text}</li>" for title, text in shown) + "</ul>"


def findings(page: Page) -> str:
    """List what the checks found, the gravest first."""
    order = {"error": 0, "warning": 1, "note": 2}
    found = sorted(page.record.get("findings") or [], key=lambda f: order.get(f["level"], 3))
    if not found:
        return html.paragraph("The checks before the run found nothing to report.")
    return "\n".join(
        f'<div class="finding {html.text(f["level"])}"><strong>{html.text(f["level"].capitalize())}</strong> '
        f"<code>{html.text(f['where'])}</code> {html.text(f['message'])}</div>"
        for f in found
    )


def methods(page: Page) -> str:
    """Show each step of the plan: equation, coefficients, source."""
    steps = page.record.get("plan") or []
    if not steps:
        return ""
    rows = [
        (
            html.text(label(step["variable"])),
            html.text(unit_text(step["unit"])),
            f"<code>{html.text(step['method'])}</code>",
            html.text(", ".join(name.replace("_", " ") for name in step["inputs"])),
            html.text(PLACES.get(step["place"], step["place"])),
            _reference(step["cite"]),
        )
        for step in steps
    ]
    header = ["variable", "unit", "method", "made from", "where", "source"]
    listed = html.table(header, rows, "The steps in running order.", raw=range(len(header)))
    return listed + "\n".join(_method(step) for step in steps if step.get("formula"))


def _method(step: Mapping[str, Any]) -> str:
    known = VARIABLES.get(step["variable"])
    meaning = f" – {known.meaning}" if known else ""
    used = ", ".join(f"{name} = {_coefficient(value)}" for name, value in (step.get("coefficients") or {}).items())
    parts = [
        f"<h3>{html.text(label(step['variable']) + meaning)}</h3>",
        f'<div class="formula">{formula(step["formula"])}</div>',
        html.paragraph(html.text(step["summary"])) if step.get("summary") else "",
        f'<p class="small">Coefficients: {html.text(used)}.</p>' if used else "",
        f'<p class="small">Value: {number(step["value"], 4)}.</p>' if "value" in step else "",
        f'<p class="small">Source: {_reference(step["cite"])}.</p>' if step.get("cite") else "",
    ]
    return f'<div class="method">{"".join(parts)}</div>'


def _coefficient(value: Any) -> str:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return "∞" if math.isinf(value) else f"{value:g}"
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 200 else f"{shown[:200]}… (record.json has all of it)"


def _reference(key: str | None) -> str:
    return f'<a href="#ref-{html.text(key)}">{html.text(bibliography.short(key))}</a>' if key else ""


def inputs(page: Page) -> str:
    """List every input with its hash."""
    rows = [
        (
            label(entry["variable"]),
            entry["kind"],
            _origin(entry),
            entry.get("crs") or "",
            " × ".join(number(n, 9) for n in entry.get("shape") or []),
            unit_text(entry.get("unit") or ""),
            100 * entry["missing_share"] if entry.get("missing_share") is not None else None,
            ", ".join(hash_[:16] for hash_ in _listed(entry.get("sha256"))[:FEW]),
        )
        for entry in page.record.get("inputs") or []
    ]
    header = ["variable", "kind", "from", "CRS", "size", "unit", "missing [%]", "SHA-256, first 16"]
    filled = [i for i in range(len(header)) if any(row[i] not in ("", None) for row in rows)]
    header, rows = [header[i] for i in filled], [[row[i] for i in filled] for row in rows]
    return html.table(header, rows, "What the run read; whole hashes are in <code>record.json</code>.")


def _origin(entry: Mapping[str, Any]) -> str:
    paths = _listed(entry.get("path"))
    if "change" in entry:
        return entry["change"]
    if not paths:
        return f"the number {number(entry.get('value'), 6)}"
    return ", ".join(paths) if len(paths) <= FEW else f"{paths[0]} … {paths[-1]} ({len(paths)} files)"


def _listed(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def references(page: Page) -> str:
    """List the citations of the methods and data used."""
    keys = [*(page.record.get("citations") or []), *(step.get("cite") for step in page.record.get("plan") or [])]
    items = [
        f'<li id="ref-{html.text(key)}">{bibliography.full(key)}</li>'
        for key in bibliography.ordered(filter(None, keys))
    ]
    return f"<ul>{''.join(items)}</ul>" if items else ""


def reproduce(page: Page) -> str:
    """Say how to run it again and prove it equal, with the resolved project and the versions."""
    record = page.record
    name = html.text(page.folder.name or "out")
    project = json.dumps(record.get("project"), indent=2, ensure_ascii=False, default=str)
    versions = ", ".join(f"{library} {version}" for library, version in (record.get("versions") or {}).items())
    rows = [(e["path"], unit_text(e["unit"]), e["method"], e["hash"][:16]) for e in record.get("rasters") or []]
    return "\n".join(
        [
            html.paragraph(
                f"<code>soilloss verify {name}</code> runs the project again from <code>record.json</code>, with the "
                "inputs listed above, and compares the cells of every raster and the rows of every table. Pictures, "
                "pages and times are not compared."
            ),
            html.paragraph(f"Computed with soilloss {html.text(record.get('soilloss'))} and {html.text(versions)}."),
            f"<details><summary>The resolved project</summary><pre>{html.text(project)}</pre></details>",
            "<details><summary>Rasters and their hashes</summary>"
            + html.table(["file", "unit", "method", "SHA-256 of cells and grid, first 16"], rows)
            + "</details>",
        ]
    )


def footer(page: Page) -> str:
    """Return when and with what the page was made."""
    made = str(page.record.get("created", ""))[:19].replace("T", " ")
    return html.text(
        f"soilloss {page.record.get('soilloss', '')} · {made} · computed in {number(page.record.get('elapsed_s'))} s"
    )
