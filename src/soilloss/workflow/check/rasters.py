"""The rasters of a project: every file is opened, some windows of some files are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow

from soilloss.errors import SoilLossError, SourceError
from soilloss.grid.blocks import Window
from soilloss.sources import files
from soilloss.tables import read
from soilloss.units import convert
from soilloss.variables import VARIABLES
from soilloss.workflow.check.codes import examine_codes
from soilloss.workflow.check.findings import Finding, warning
from soilloss.workflow.check.heights import examine_heights
from soilloss.workflow.check.quantities import examine_values
from soilloss.workflow.check.relations import TEXTURE
from soilloss.workflow.check.remedies import Subject
from soilloss.workflow.check.sample import Sample, look
from soilloss.workflow.check.target import examine_cover
from soilloss.workflow.check.years import examine_grids, examine_legends
from soilloss.workflow.project import Constant, Raster
from soilloss.workflow.site import Site

# files of one source that are looked into; the others are opened and their last cell is read
MOST_FILES = 12
# a median that changes more than this between steps is another scale, not another year
JUMP = 20.0
SOIL = (*TEXTURE, "organic_carbon", "organic_matter")
TOGETHER = (*SOIL, "erosivity", "annual_precipitation", "monthly_precipitation")
PATCH = 64
REFLECTANCES = ("blue", "green", "red", "nir", "swir1")


def rasters_of(site: Site) -> dict[str, files.RasterSource]:
    """The sources of a site that are files, as they are outside and not as the store will hold them."""
    made = {item.variable for item in site.stored if item.kind != "aligned"}
    given = {name: site.unaligned.get(name, source) for name, source in site.given.items() if name not in made}
    return {name: source for name, source in given.items() if isinstance(source, files.RasterSource)}


def examine_raster(site: Site, name: str, source: files.RasterSource, windows: int) -> Iterator[Finding]:
    """Return what is to be said about one source: the first file that has something wrong stands for all."""
    where = f"sources.{name}"
    labels = [label for label, _ in source.files]
    chosen = [labels[i] for i in np.unique(np.linspace(0, len(labels) - 1, MOST_FILES).round().astype(int))]
    for label in labels:
        if label not in chosen:
            _touch(files.path_of(source, label))
    middles: dict[str, float] = {}
    codes: dict[str, np.ndarray] = {}
    said = False
    for label in chosen:
        sample = look(source, site.grid, site.area, label, windows)
        findings = list(_one(site, where, source, sample))
        yield from () if said else findings
        said = said or bool(findings)
        codes[label] = sample.values
        if sample.values.size:
            middles[label] = abs(float(np.median(sample.values)))
    yield from examine_grids(where, source)
    if not said and VARIABLES[name].is_class:
        yield from examine_legends(where, codes)
    if not said and site.project.step == "year" and not VARIABLES[name].is_class:
        yield from _jump(where, source, middles)


def _one(site: Site, where: str, source: files.RasterSource, sample: Sample) -> Iterator[Finding]:
    """One file: what its values say first, then how it lies."""
    stated = (source.scale, source.offset, source.unit)
    yearly = site.project.step == "year"
    subject = Subject(where, Path(sample.path).name, source.variable, "raster", *stated, yearly)
    if VARIABLES[source.variable].is_class:
        found = examine_codes(subject, sample.values, source.legend, site.steps, _decided(site, source.variable))
    else:
        zeros = 0.0 if sample.nodata == 0 else sample.rim_zeros
        found = examine_values(subject, sample.values, zeros)
        if source.variable == "elevation" and not found:
            found = examine_heights(subject, sample)
        if source.variable in REFLECTANCES and sample.dtype == "uint8":
            found = [*found, _digital_numbers(where, source)]
    yield from found
    yield from examine_cover(where, source.variable, sample)


def _digital_numbers(where: str, source: files.RasterSource) -> Finding:
    return warning(
        where,
        f"{source.variable} holds 8-bit digital numbers of a sensor, expected surface reflectance from 0 to 1: haze "
        "and gains are still in them, so NDVI and cover are only a demonstration; use a surface reflectance product",
    )


def _decided(site: Site, variable: str) -> tuple[int, ...]:
    """Codes of the classes whose soil loss is set to 0."""
    if variable != "land_cover":
        return ()
    known = read("land_cover")
    return tuple(
        int(code) for code, name in zip(known["code"], known["name"], strict=True) if name in site.project.zero_classes
    )


def _jump(where: str, source: files.RasterSource, middles: dict[str, float]) -> Iterator[Finding]:
    known = {label: middle for label, middle in middles.items() if middle > 0}
    if len(known) < 2:
        return
    least, most = min(known, key=lambda label: known[label]), max(known, key=lambda label: known[label])
    if known[most] > JUMP * known[least]:
        yield warning(
            where,
            f"{source.variable} has a median of {known[least]:.4g} in {least} and {known[most]:.4g} in {most}: the "
            "steps are not in one scale; expected like values; convert one of them",
        )


def _touch(path: str) -> None:
    with files.open_raster(path) as dataset:
        try:
            dataset.read(1, window=RasterWindow(dataset.width - 1, dataset.height - 1, 1, 1))  # type: ignore[call-arg]  attrs class
        except (RasterioError, OSError):
            raise SourceError(f"{path} is damaged or cut short; copy or fetch it again") from None


def cells_together(site: Site) -> dict[str, np.ndarray]:
    """Canonical values of the same cells for the variables that are compared; a number has no dimensions."""
    cells: dict[str, np.ndarray] = {}
    for name in TOGETHER if site.project.step == "year" else SOIL:
        try:
            found = _cells(site, name)
        except SoilLossError:  # a source of the plan has been examined; what the plan does not use may be anything
            continue
        if found is not None:
            cells[name] = found
    return cells


def _cells(site: Site, name: str) -> np.ndarray | None:
    given = site.given.get(name)
    if given is None:
        given = _unused(site, name)
    elif isinstance(given, files.RasterSource):
        given = rasters_of(site).get(name)  # None for what only the store holds
    if not isinstance(given, files.RasterSource):
        return None if given is None else np.array(given)
    bands = (len(given.bands),) if len(given.bands) > 1 else ()
    label = given.files[0][0]
    parts = [files.read_block(given, site.grid, label, patch).reshape(-1, *bands) for patch in _patches(site.shape)]
    return np.concatenate(parts).astype(float)


def _patches(shape: tuple[int, int]) -> list[Window]:
    """Five small windows of the target: its middle and the middles of its quarters."""

    def at(size: int, share: float) -> slice:
        start = max(0, min(size - PATCH, round(size * share) - PATCH // 2))
        return slice(start, min(size, start + PATCH))

    places = [(0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
    return [(at(shape[0], row), at(shape[1], column)) for row, column in places]


def _unused(site: Site, name: str) -> float | files.RasterSource | None:
    """A source that the plan does not use but that tells of another: rain whether R is in SI, matter of carbon."""
    source = site.project.sources.get(name)
    if isinstance(source, Constant):
        return float(convert(name, source.value, VARIABLES[name].unit if source.unit is None else source.unit))
    if not isinstance(source, Raster) or source.variable:
        return None
    keys = {key: getattr(source, key) for key in ("band", "scale", "offset", "nodata", "unit", "legend")}
    return files.raster_source(name, source.file, site.project.steps, folder=site.data, **keys)
