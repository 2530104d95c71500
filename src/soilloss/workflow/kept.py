"""What has to lie in the store before the pass, under which key: aligned copies, whole-grid steps, numbers, series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from odc.geo.geobox import GeoBox

import soilloss
from soilloss.errors import ProjectError
from soilloss.grid import align
from soilloss.grid.target import crop
from soilloss.sources import files
from soilloss.variables import VARIABLES
from soilloss.workflow.plan import Step
from soilloss.workflow.store import key_of

if TYPE_CHECKING:
    from soilloss.workflow.site import Site

Given = float | files.RasterSource

# a surface over height reads aligned heights, donors read changed land cover, and what follows reads all of them, in
# the order of the plan
STORED_ORDER = {"aligned": 0, "polygons": 1, "surface": 2, "changed": 3, "donor": 4}
STORED_ORDER |= dict.fromkeys(("step", "statistic", "series"), 5)


class Stored(NamedTuple):
    """What has to lie in the store before the pass: which variable, for which step, under which name.

    A ``statistic`` is a number in a small JSON file, everything else a raster.
    """

    variable: str
    label: str
    path: Path
    kind: str

    @property
    def exists(self) -> bool:
        """Whether it is there already."""
        return self.path.exists()


def is_changing(given: Given) -> bool:
    """Whether a source has a file per time step."""
    return isinstance(given, files.RasterSource) and given.files[0][0] != ""


def years_of(steps: Sequence[str]) -> tuple[str, ...]:
    """The years of steps, each once."""
    return tuple(dict.fromkeys(step[:4] for step in steps))


def grid_key(grid: GeoBox) -> str:
    """A key for shape, position and CRS of a grid."""
    return key_of(list(grid.shape), list(grid.affine)[:6], grid.crs.to_wkt() if grid.crs else "")


def enter_stored(
    site: Site,
    name: str,
    key: str,
    kind: str,
    labels: Sequence[str],
    bands: int = 1,
    yearly: bool = False,
    own: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Enter a raster per label, or per year of the labels; labels may have keys of their `own`."""
    paths = [(label, site.store.path(name, own.get(label, key), label[:4] if yearly else label)) for label in labels]
    first = {path: label for label, path in reversed(paths)}
    site.stored.extend(Stored(name, first[path], path, kind) for path in dict.fromkeys(path for _, path in paths))
    site.given[name] = files.RasterSource(
        variable=name,
        files=tuple((label, str(path)) for label, path in paths),
        bands=tuple(range(1, bands + 1)),
        scale=1.0,
        offset=0.0,
        nodata=None,
        unit=VARIABLES[name].unit,
        legend="",
    )
    site.keys[name] = key


def give_stored_steps(site: Site) -> None:
    """Keys of all steps in order; what is made before the pass becomes readable, and so do sources it has to share."""
    for step in site.steps:
        if step.function is None:
            continue
        parts = [site.keys[name] for name in step.inputs]
        key = key_of(soilloss.__version__, step.variable, step.method, dict(step.coefficients), parts)
        if step.kind == "step":
            for name in _sources_of(site, step):
                _store_aligned(site, name)
            enter_stored(site, step.variable, key_of(key, grid_key(site.grid)), "step", labels_of(site, step))
        elif step.kind == "statistic":
            _enter_statistic(site, step.variable, key)
        elif step.kind == "series":
            _enter_series(site, step, key)
        else:
            site.keys[step.variable] = key


def _enter_statistic(site: Site, name: str, key: str) -> None:
    """A number for the whole area: known if it was made before."""
    key = key_of(key, grid_key(site.grid), site.area.wkt if site.area else "")
    path = site.store.path(name, key).with_suffix(".json")
    site.stored.append(Stored(name, "", path, "statistic"))
    site.given[name], site.keys[name] = site.store.number(path), key


def _enter_series(site: Site, step: Step, key: str) -> None:
    """Months or half-months out of days: one raster per file of days, on the part of their grid below the target."""
    (name,) = step.inputs
    days = site.given[name]
    if not isinstance(days, files.RasterSource) or any(item.variable == name for item in site.stored):
        raise ProjectError(
            f"sources.{name}: {step.variable} ({step.method}) needs a raster of days or a cube with time; for stations "
            f"write {step.variable}: {{table: ..., method: {step.method}}}"
        )
    labels = [label for label, _ in days.files]
    bands = files.AXIS_LENGTHS[VARIABLES[step.variable].axis]
    grid = grid_key(native_part(site, days))
    # a year is made of its own file: another year that comes, or changes, leaves it as it is
    alike = [soilloss.__version__, step.variable, step.method, dict(step.coefficients), days[2:], grid]
    own = {label: key_of(alike, site.store.file_hash(Path(path))) for label, path in days.files}
    enter_stored(site, step.variable, key_of(key, grid), "series", labels, bands, yearly=True, own=own)


def native_part(site: Site, source: files.RasterSource) -> GeoBox:
    """The part of a source's own grid that the target needs, with a cell to spare for interpolation."""
    grid = files.native_grid(source)
    box = site.grid.extent.to_crs(str(grid.crs)).boundingbox
    dx, dy = 2 * grid.affine.a, -2 * grid.affine.e
    return crop(grid, (box.left - dx, box.bottom - dy, box.right + dx, box.top + dy), "the target")


def _sources_of(site: Site, step: Step) -> list[str]:
    """Rasters that a step reads, directly or through steps of the pass."""
    made = {s.variable: s for s in site.steps}
    found: list[str] = []
    todo = list(step.inputs)
    while todo:
        name = todo.pop()
        if name in site.given:
            found += [name] if isinstance(site.given[name], files.RasterSource) else []
        else:
            todo += made[name].inputs
    return found


def labels_of(site: Site, step: Step) -> list[str]:
    """The time steps a step is made for: all, or one without a label where nothing it reads changes."""
    changing = any(is_changing(site.given[name]) for name in _sources_of(site, step))
    return list(site.project.steps) if changing else [""]


def _store_aligned(site: Site, name: str) -> None:
    """Keep an aligned copy of a source that whole-grid steps read, unless its cells are the target's already."""
    source = site.given[name]
    assert isinstance(source, files.RasterSource)
    if any(item.variable == name for item in site.stored) or _coincides(source, site.grid):
        return
    labels = [label for label, _ in source.files]
    site.unaligned[name] = source
    enter_stored(site, name, key_of(site.keys[name], grid_key(site.grid)), "aligned", labels, len(source.bands))


def _coincides(source: files.RasterSource, grid: GeoBox) -> bool:
    with files.open_raster(source.files[0][1]) as dataset:
        return align.coincidence(dataset, grid) is not None
