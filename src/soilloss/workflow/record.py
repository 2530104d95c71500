"""What was done: inputs with hashes, resolved project, equations, versions, hashes of results; and the proof of it."""

from __future__ import annotations

import inspect
import json
import math
import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from shapely.geometry import mapping

import soilloss
from soilloss.equation import formula_of, spec_of
from soilloss.errors import ProjectError, SourceError
from soilloss.kernels.counts import percentile_from_histogram
from soilloss.kernels.summary import bin_edges
from soilloss.sources import vectors
from soilloss.sources.files import RasterSource, native_grid
from soilloss.variables import VARIABLES
from soilloss.workflow import project as projects
from soilloss.workflow.outputs import MEAN, Map, Pass, Statistics, unit_of
from soilloss.workflow.plan import Step
from soilloss.workflow.site import Site, describe_grid, is_cube, make_site

LIBRARIES = ("numpy", "numba", "scipy", "pandas", "rasterio", "pyproj", "shapely", "geopandas", "exactextract")
HISTOGRAM_BARS = 40


def make(
    site: Site,
    passed: Pass,
    frames: dict[str, pd.DataFrame],
    surfaces: list[dict[str, Any]],
    findings: list[Any],
    elapsed: float,
) -> dict[str, Any]:
    """Return the record of a finished run, ready for JSON."""
    project = site.project
    return {
        "soilloss": soilloss.__version__,
        "name": project.name,
        "note": project.note,
        "model": project.model,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "elapsed_s": round(elapsed, 2),
        "file": site.file.name,
        "folder": str(site.file.parent.resolve()),
        "project": project.model_dump(mode="json"),
        "area": mapping(vectors.reproject(site.area, site.wkt, "EPSG:4326")) if site.area else None,
        "grid": describe_grid(site),
        "period": _period(project),
        "plan": [_step(site, step) for step in site.steps],
        "inputs": [_input(site, name) for name in project.sources if name in site.given],
        "fetched": site.fetched,
        "rasters": [_raster(site, passed, one) for one in passed.maps],
        "tables": [
            {"path": f"tables/{name}.csv", "rows": len(frame), "hash": table_hash(frame)}
            for name, frame in frames.items()
        ],
        "severity": _severity(passed),
        "gaps": _gaps(passed),
        "clipped": passed.clips.table(),
        "channel_cells": _channel_cells(site, passed),
        "reused_years": passed.reused,
        "total": _total(frames["summary"].iloc[0]),
        "points": surfaces,
        "findings": [{"level": f.level, "where": f.where, "message": f.message} for f in findings],
        "citations": citations(site.steps),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def write(folder: Path, record: dict[str, Any]) -> None:
    """Write ``record.json``; numbers that do not exist become null."""
    (folder / "record.json").write_text(json.dumps(record, indent=1, allow_nan=False, default=str), encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Read the record of a finished folder."""
    path = folder / "record.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(f"{folder} holds no record.json, so it is no result of soilloss; name its folder") from None
    except ValueError:
        raise ProjectError(f"{path} is damaged; run the project again") from None


def citations(steps: list[Step]) -> list[str]:
    """Citation keys of the methods of a plan, each once, in order."""
    return list(dict.fromkeys(spec_of(s.function).cite for s in steps if s.function is not None))


def table_hash(frame: pd.DataFrame) -> str:
    """SHA-256 of the rows of a table as they are written, without the order of the columns' types."""
    return sha256(frame.to_csv(index=False, float_format="%.6g").encode()).hexdigest()


def _severity(passed: Pass) -> dict[str, Any]:
    grades = passed.grades
    return {
        "scheme": passed.scheme.scheme,
        "tolerance": passed.scheme.tolerance,
        "edges": [g.lower for g in grades],
        "names": [g.name for g in grades],
        "colours": [g.colour for g in grades],
    }


def _total(mean: Any) -> dict[str, float | None]:
    return {
        "area_ha": _number(mean["area [ha]"]),
        "mean": _number(mean["mean soil loss [t ha-1]"]),
        "soil_loss_t": _number(mean["total soil loss [t]"]),
    }


def _period(project: projects.Project) -> dict[str, Any] | None:
    if project.period is None:
        return None
    years = project.period.years
    return {"start": years[0], "end": years[-1], "step": project.step, "steps": list(project.steps)}


def _step(site: Site, step: Step) -> dict[str, Any]:
    variable = VARIABLES[step.variable]
    out: dict[str, Any] = {"variable": step.variable, "method": step.method, "inputs": list(step.inputs)}
    out |= {"coefficients": {}, "cite": "", "formula": "", "summary": variable.meaning, "unit": variable.unit}
    if step.function is None:
        source = site.project.sources[step.variable]
        return out | {"place": "points" if isinstance(source, projects.Table) else "source"}
    spec = spec_of(step.function)
    return out | {
        "coefficients": {k: _plain(v) for k, v in {**spec.coefficients, **step.coefficients}.items()},
        "cite": spec.cite,
        "formula": formula_of(step.function),
        "summary": (inspect.getdoc(step.function) or "").split("\n")[0],
        "place": step.place,
        **({"value": site.given[step.variable]} if step.kind == "statistic" else {}),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    simple = value is None or isinstance(value, int | float | str | list | dict)
    return value if simple else getattr(value, "__name__", str(value))


def _input(site: Site, name: str) -> dict[str, Any]:
    source, given = site.project.sources[name], site.given[name]
    out: dict[str, Any] = {"variable": name, "unit": VARIABLES[name].unit, "value": None, "path": None}
    if not isinstance(given, RasterSource):
        return out | {"kind": "constant", "value": given}
    kinds = {projects.Table: "table", projects.Polygons: "polygons", projects.Lines: "lines", projects.Raster: "raster"}
    if isinstance(source, projects.Changed):
        return out | {"kind": "changed", "change": source.describe(), "sha256": site.keys[name]}
    paths = [Path(path) for path in dict.fromkeys(path for _, path in site.unaligned.get(name, given).files)]
    if isinstance(source, projects.Table | projects.Polygons | projects.Lines):
        paths = [site.data / (source.table if isinstance(source, projects.Table) else source.path)]
    else:
        own = native_grid(site.unaligned.get(name, given))
        out |= {"crs": str(own.crs), "shape": list(own.shape)}
        if isinstance(source, projects.Raster) and is_cube(source):
            paths = [site.data / source.file]
    return out | {
        "kind": kinds[type(source)],
        "path": _relative(paths[0], site) if len(paths) == 1 else [_relative(p, site) for p in paths],
        "sha256": [site.store.file_hash(p) for p in paths] if len(paths) > 1 else site.store.file_hash(paths[0]),
        "bytes": sum(f.stat().st_size for p in paths for f in ([p] if p.is_file() else p.rglob("*")) if f.is_file()),
    }


def _relative(path: Path, site: Site) -> str:
    folder = site.file.parent.resolve()
    resolved = path.resolve()
    return str(resolved.relative_to(folder)) if resolved.is_relative_to(folder) else str(resolved)


def _raster(site: Site, passed: Pass, one: Map) -> dict[str, Any]:
    found = passed.statistics[one]
    function = next((s.function for s in site.steps if s.variable == one.variable), None)
    cells = site.shape[0] * site.shape[1]
    classes = one.variable == "severity"
    return {
        "path": one.path,
        "variable": one.variable,
        "label": one.label,
        "unit": "" if classes else unit_of(one, site),
        "method": passed.scheme.scheme if classes else function.__name__ if function else "source",
        "cite": spec_of(function).cite if function else "",
        "hash": passed.hashes[one],
        "missing_cells": int(found.counts[32768]) if classes else cells - found.number,
        **({} if classes or not found.number else _statistics(found)),
    }


def _statistics(found: Statistics) -> dict[str, Any]:
    edges = bin_edges()
    percentiles = {str(q): _number(percentile_from_histogram(found.counts, edges, q)) for q in (2, 25, 50, 75, 98)}
    bars = _bars(found, percentiles["98"] or 0.0)
    middle = (edges[:-1] + edges[1:]) / 2
    counts, _ = np.histogram(middle[found.counts > 0], bars, weights=found.counts[found.counts > 0])
    return {
        "minimum": _number(found.low),
        "maximum": _number(found.high),
        "mean": _number(math.fsum(found.sums.values()) / found.number),
        "percentiles": percentiles,
        "histogram": {"edges": [_number(b) for b in bars], "counts": [int(c) for c in counts]},
    }


def _bars(found: Statistics, top: float) -> np.ndarray:
    """Edges of the bars to draw: even, or growing by a constant factor where values span orders of magnitude."""
    low, high = max(found.low, 0.0), max(top, found.low)
    if high > 100 * max(low, 1e-9):
        return np.array([0.0, *np.geomspace(high / 1e4, high, HISTOGRAM_BARS)])
    return np.linspace(low, high if high > low else low + 1, HISTOGRAM_BARS + 1)


def _number(value: Any) -> float | None:
    number = float(value)
    return float(f"{number:.9g}") if math.isfinite(number) else None


def _gaps(passed: Pass) -> list[dict[str, Any]]:
    whole = passed.sums[MEAN].surface[0].sum() / 1e7
    return [
        {"variable": name, "cells": cells, "area_ha": area / 1e7, "share": _number(area / 1e7 / whole) if whole else 0}
        for name, (cells, area) in sorted(passed.gaps.items(), key=lambda item: (-item[1][0], item[0]))
    ]


def _channel_cells(site: Site, passed: Pass) -> int:
    """Cells that the topography leaves out although all its inputs are known: channels."""
    step = next((s for s in site.steps if s.variable == "topography"), None)
    leaves_out = step is not None and ("channel_area" in step.coefficients or "channels" in step.inputs)
    return passed.gaps.get("topography", [0])[0] if leaves_out else 0


class Proof(NamedTuple):
    """One comparison of a verification: what, and whether it is equal."""

    what: str
    equal: bool
    detail: str


def verify(folder: Path | str, *, workers: int | None = None) -> list[Proof]:
    """Run a finished folder again from its record, beside it, and compare inputs, rasters and tables.

    Parameters
    ----------
    folder : path
        A published folder with ``record.json``.
    workers : int, optional
        Threads.

    Returns
    -------
    list of Proof
        One line per input, raster and table. Times, pictures and pages are not compared.

    Raises
    ------
    ProjectError
        If there is no record.
    SourceError
        If an input has changed or gone, so that nothing can be proved.
    """
    from soilloss.workflow.variants import execute_all

    old = read(Path(folder))
    home = _home(Path(folder), old)
    with tempfile.TemporaryDirectory(prefix=".soilloss-verify-", dir=home) as scratch:
        same = old["project"]
        again = {"data": str(home / same["data"]), "publish": {**same["publish"], "folder": "again"}}
        project = projects.validate({**same, **again}, "record.json")
        site = make_site(project, Path(scratch) / "project.yml")
        proofs = _inputs_equal(old, [_input(site, one["variable"]) for one in old["inputs"]])
        execute_all(site, workers=workers)
        return proofs + _results_equal(old, read(site.folder))


def _home(folder: Path, old: dict[str, Any]) -> Path:
    """The project's folder: where the record says, or, if the whole was moved, the result folder's parent."""
    beside = folder.resolve().parent
    return beside if (beside / old["file"]).exists() else Path(old["folder"])


def _inputs_equal(old: dict[str, Any], new: list[dict[str, Any]]) -> list[Proof]:
    for before, after in zip(old["inputs"], new, strict=True):
        if before.get("sha256") != after.get("sha256"):
            raise SourceError(
                f"{before['path']} ({before['variable']}) has changed since the run, so nothing can be proved; "
                "restore it or run the project again"
            )
    return [
        Proof(f"input {one['variable']}", True, str(one["path"] or one.get("change") or one["value"]))
        for one in old["inputs"]
    ]


def _made(record: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """All rasters or tables of a run, those of its analyses too."""
    return [*record[kind], *(entry for answer in record.get("analyses", []) for entry in answer[kind])]


def _results_equal(old: dict[str, Any], new: dict[str, Any]) -> list[Proof]:
    proofs: list[Proof] = []
    for kind in ("rasters", "tables"):
        again = {one["path"]: one["hash"] for one in _made(new, kind)}
        for one in _made(old, kind):
            equal = again.get(one["path"]) == one["hash"]
            proofs.append(Proof(one["path"], equal, "equal" if equal else "differs"))
    now = new["versions"]
    changed = [f"{name} {then} -> {now[name]}" for name, then in old["versions"].items() if now.get(name, then) != then]
    return [*proofs, Proof("library versions", True, f"other versions: {', '.join(changed)}")] if changed else proofs
