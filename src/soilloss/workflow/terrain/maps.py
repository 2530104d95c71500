"""Rasters of a terrain folder: what makes each of them, and the words that go with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from soilloss.derive import codes
from soilloss.equation import spec_of
from soilloss.grid.blocks import Window, grow, run_blocks, windows
from soilloss.grid.target import cut
from soilloss.publish.rasters import Draft
from soilloss.variables import VARIABLES
from soilloss.workflow.methods import DEFAULTS, METHODS
from soilloss.workflow.terrain.land import Land, Read, span_of
from soilloss.workflow.terrain.task import FLAG, LOCAL, ROUTED, Task

((LS, LS_OPTIONS),) = DEFAULTS["topography"]
# cells of a strip: what is made of them on the way to LS stays near the processor
STRIP_CELLS = 1 << 17
CITES = {"d8": "ocallaghan1984", "mfd": "freeman1991", "dinf": "tarboton1997"}


def publish(land: Land, draft: Path, name: str) -> dict[str, Any]:
    """Write one raster, masked where the heights are missing, and return its line in the record."""
    part, about = _part(land, name), _about(land.task, name)
    nodata, dtype = about.pop("nodata"), about.pop("dtype")

    def write(window: Window) -> tuple[int, float, float]:
        values, missing = part(window), np.isnan(land.heights.raw(window))
        values = np.where(missing, values.dtype.type(nodata), values)
        out.write(window, values)
        known = values if np.isnan(nodata) else np.where(values == nodata, np.nan, values)
        return int(np.isnan(known).sum()), *span_of(known)

    found = []
    with Draft(draft / f"{name}.tif", land.grid, dtype=dtype, nodata=nodata, tags=about) as out:
        for done, (_, one) in enumerate(run_blocks(write, land.blocks, land.workers), 1):
            found.append(one)
            land.progress(f"{name}: map", done, len(land.blocks))
        out.finish(overviews=True)
    missing, low, high = sum(one[0] for one in found), min(one[1] for one in found), max(one[2] for one in found)
    span = {"minimum": low, "maximum": high} if low <= high else {}
    return {"path": f"{name}.tif", **about, "hash": out.hash, "missing_cells": missing, **span}


def _part(land: Land, name: str) -> Read:
    """What makes one raster, window by window."""
    if name in LOCAL:
        return lambda window: _of_neighbours(land, LOCAL[name], window)
    if name == "flow_direction":
        return lambda window: _recoded(land, window)
    read = land.routed("contributing_area" if name == "topography" else name)
    if name == FLAG:
        return lambda window: np.nan_to_num(read(window), nan=codes.MISSING).astype(np.uint8)
    return (lambda window: _topography(land, read, window)) if name == "topography" else read


def _of_neighbours(land: Land, function: Callable[..., Any], window: Window) -> np.ndarray:
    outer, inner = grow(window, 1, land.shape)
    return function(land.heights.raw(outer), cell_size=cut(land.size, outer[0]))[inner]


def _recoded(land: Land, window: Window) -> np.ndarray:
    outer, inner = grow(window, 1, land.shape)
    return codes.convert_directions(land.directions(outer), land.task.codes)[inner]


def _topography(land: Land, area: Read, window: Window) -> np.ndarray:
    """LS by the method and coefficients that a project uses when it names none; strip by strip, to save memory."""
    data = {"contributing_area": area(window)}
    if "channels" in land.masks:
        data["channels"] = land.masks["channels"].read(window)
    outer, _ = grow(window, 1, land.shape)
    z, columns = land.heights.raw(outer), data["contributing_area"].shape[1]
    out = np.empty(data["contributing_area"].shape, np.float32)
    for strip in windows((len(out), columns), (max(1, STRIP_CELLS // columns), columns)):
        rows = slice(window[0].start + strip[0].start, window[0].start + strip[0].stop)
        near, inner = grow((rows, window[1]), 1, land.shape)
        here, size = z[near[0].start - outer[0].start :][: near[0].stop - near[0].start], cut(land.size, near[0])
        angles = {name: make(here, cell_size=size)[inner] for name, make in LOCAL.items()}
        cells = {name: values[strip] for name, values in data.items()}
        out[strip] = METHODS["topography"][LS](**cells, **angles, cell_size=cut(land.size, rows), **LS_OPTIONS)
    return out


def _about(task: Task, name: str) -> dict[str, Any]:
    """Words that go into a raster and the record, its type and missing value."""
    variable = VARIABLES[name]
    function = METHODS["topography"][LS] if name == "topography" else {**ROUTED, **LOCAL}[name]
    about: dict[str, Any] = {"variable": name, "long_name": variable.meaning, "unit": variable.unit}
    about |= {"method": function.__name__, "citation": spec_of(function).cite}
    if name == FLAG:
        return about | {"dtype": "uint8", "nodata": codes.MISSING}
    if name == "flow_direction":
        if task.codes != "soilloss":
            about["long_name"] = f"direction of steepest descent in the codes of {task.codes}"
        return about | {"dtype": codes.dtype_of(task.codes), "nodata": codes.missing_code(task.codes)}
    if name in ("flow_accumulation", "contributing_area"):
        about |= {"citation": CITES[task.routing]}
    if name in ("flow_accumulation", "contributing_area", "topography"):
        about |= {"routing": task.routing}
    return about | {"dtype": variable.dtype, "nodata": np.nan}
