"""What the known products of a project have to give: one raster for each variable and step; nothing is contacted.

``all_jobs(path, overrides)``, ``missing(path, overrides)`` and ``jobs_of(project, file)`` list them; ``describe(jobs)``
says what fetching them would take.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rasterio.warp import transform_bounds

from soilloss.errors import GridError, ProjectError, SourceError
from soilloss.grid.target import make_grid, parse_crs
from soilloss.sources import files, pieces, stac, vectors
from soilloss.sources.products import Bounds, Product, catalogue, find, others
from soilloss.sources.remote import Web, clean
from soilloss.workflow import project as projects
from soilloss.workflow import yaml12
from soilloss.workflow.fetch import own
from soilloss.workflow.store import key_of

# what an entry says for people changes no fetched cell
_WORDS = {"title", "licence", "citation", "homepage", "get", "unverified", "cell", "bytes"}
# what may be said of a copy of one's own only
OWN = ("band", "variable", "scale", "offset", "nodata", "unit", "legend")


class Job(NamedTuple):
    """One raster to be made of a product: a variable in a step (the label "" serves all steps)."""

    variable: str
    label: str
    path: Path
    name: str
    product: Product
    source: projects.Product
    bounds: Bounds
    raw: Path

    @property
    def is_composite(self) -> bool:
        """Whether it is made of the scenes of its step."""
        return self.product.time is not None and self.product.time.step == "scene"

    @property
    def days(self) -> tuple[str, str]:
        """The first and the last day of its step."""
        part = self.label[5:]
        months = 12 if not part else 3 if part.startswith("Q") else 1
        last = months * int(part.lstrip("Q") or 1)
        first = last - months + 1
        return f"{self.year}-{first:02d}-01", f"{self.year}-{last:02d}-{monthrange(self.year or 1, last)[1]}"

    @property
    def done(self) -> bool:
        """Whether it is there, whole: its note is written last."""
        return self.note.exists()

    @property
    def note(self) -> Path:
        """What it was made of."""
        return self.path.with_suffix(".json")

    @property
    def year(self) -> int | None:
        """The year that is taken of the product."""
        return self.source.year if self.source.year is not None else int(self.label[:4]) if self.label else None

    @property
    def what(self) -> str:
        """Its name in messages."""
        return f"{self.variable} {self.label}".strip()


def products_of(project: projects.Project, data: Path) -> dict[str, Product]:
    """Return the catalogue of a project: the packaged one, with its own merged over it."""
    if project.products is None:
        return catalogue()
    path = data / project.products
    return catalogue(yaml12.read(path), path.name)


def jobs_of(project: projects.Project, file: Path) -> list[Job]:
    """Return what the products of a project have to give, in the order of its sources; nothing is contacted.

    Raises
    ------
    ProjectError
        If a product does not exist, does not give the variable, or has to be got by hand.
    GridError
        If the area is unknown, lies across the antimeridian, or has longitude and latitude exchanged.
    SourceError
        If the area or the years are outside what a product covers; the message names the nearest that works.
    """
    given = list(products_in(project.sources))
    if not given:
        return []
    data = file.parent / project.data
    known = products_of(project, data)
    found = [(name, source, find(source.product, name, known)) for name, source in given]
    wanted = [one for one in found if own.is_made(*one)]
    if not wanted:
        return []
    bounds = outline(project, data)
    jobs: list[Job] = []
    for variable, source, product in wanted:
        product = own.copy_of(variable, source, product, data)
        _check(variable, source, product, project, bounds, known)
        stamp = own.stamp(variable, product, _years(project)) if source.file else []
        key = key_of(
            variable, product.model_dump(mode="json", exclude=_WORDS), source.model_dump(), list(bounds), *stamp
        )
        labels = _labels(product, source, project)
        fetched = file.parent / ".soilloss" / "fetched"
        raw = fetched / "scenes" / f"{variable}-{key}"
        if source.fill and product.time and product.time.step == "scene":
            key = key_of(key, labels)  # gaps are closed from the other steps
        for label in labels:
            path = fetched / f"{variable}-{key}" / f"{label or variable}.tif"
            jobs.append(Job(variable, label, path, source.product, product, source, bounds, raw / f"{label}.tif"))
    return list({job.path: job for job in jobs}.values())


def all_jobs(path: Path | str, overrides: Mapping[str, Any] | None = None) -> list[Job]:
    """Return what the products of a project file and of its variants have to give, each raster once."""
    file = Path(path)
    project = projects.load(file, overrides)
    return list({job.path: job for one in (project, *_variants(project)) for job in jobs_of(one, file)}.values())


def _variants(project: projects.Project) -> Iterable[projects.Project]:
    """The project as each of its variants has it, and its scenario, which is of one year."""
    from soilloss.workflow.variants import variant  # it stands on what is fetched here

    for name, given in project.variants.items():
        yield variant(project, name, given)
    scenario = project.analysis.scenario
    if scenario is not None and project.period is not None:
        year = scenario.year or project.period.years[-1]
        yield variant(project, "scenario", {"period": {"years": [year]}})


def missing(path: Path | str, overrides: Mapping[str, Any] | None = None) -> list[Job]:
    """Return what a project file still has to fetch."""
    return [job for job in all_jobs(path, overrides) if not job.done]


def describe(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Return what fetching the jobs would take: items, bytes (roughly) and the hosts they come from.

    Services that have to be searched are asked; no data are fetched.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for job in jobs:
        layers = layers_of(job, pieces.web_for(job.name, job.product) if job.product.stac else None)
        items = len({url for layer in layers for url in layer.urls})
        row = rows.setdefault(
            (job.variable, job.name),
            {"variable": job.variable, "product": job.name, "items": 0, "bytes": 0, "from": _host(job)},
        )
        row["items"] += items
        if not job.source.file:
            row["bytes"] += int(len(layers) * cells_of(job) * job.product.bytes + items * 32_768)
    return list(rows.values())


def layers_of(job: Job, web: Web | None) -> list[pieces.Layer]:
    """Return the layers of a job and their files: by address, or as a search finds them."""
    if job.product.access == "earthengine":
        return [pieces.Layer("", (job.product.earthengine,), 0, 1.0)]
    if web is None or job.product.stac is None:
        return pieces.layers_of(job.product, job.variable, job.year, job.bounds, job.source.depth)
    found = items_of(job, web)
    if job.is_composite:
        names = assets_of(job)
        return [
            pieces.Layer(f"{item.id} {name}", (stac.asset_of(item, name)["href"],), 0, 1.0)
            for item in found
            for name in names
        ]
    asset = job.product.variables[job.variable].asset
    return [pieces.Layer("", tuple(stac.asset_of(item, asset)["href"] for item in found), 0, 1.0)]


def items_of(job: Job, web: Web) -> list[stac.Item]:
    """Return the items of a job's step, found by a search."""
    service = job.product.stac
    cloud = job.source.cloud if service and service.sensor else None
    return stac.search(web, job.product, job.bounds, *job.days, cloud=cloud)


def bands_of(job: Job) -> list[str]:
    """Return the variables whose bands a composite reads: its own, what an index is made of, all for a medoid."""
    known = job.product.variables
    if job.source.composite == "medoid":
        return [name for name, band in known.items() if not band.of]
    return known[job.variable].of or [job.variable]


def assets_of(job: Job) -> list[str]:
    """Return the assets that a composite reads of each scene: bands, then masks."""
    masks = job.product.stac.mask if job.product.stac else {}
    return [*(job.product.variables[name].asset for name in bands_of(job)), *masks]


def outline(project: projects.Project, data: Path) -> Bounds:
    """Return longitudes and latitudes (west, south, east, north) around the target grid, with two of its cells more."""
    crs, bounds = _extent(project, data)
    if parse_crs(crs).is_geographic and not (bounds[1] >= -90.000001 and bounds[3] <= 90.000001):
        raise GridError(
            f"area: latitudes run from {bounds[1]:g} to {bounds[3]:g}, expected -90 to 90: longitude and latitude look "
            "exchanged; write longitude first"
        )
    west, south, east, north = transform_bounds(crs, "EPSG:4326", *bounds, densify_pts=21)
    if west > east or east - west > 180:
        raise GridError(
            f"area: it lies across the antimeridian (longitudes {west:.5g} to {east:.5g}), which products do not; make "
            "two projects, one for each side"
        )
    return round(west, 7), round(south, 7), round(east, 7), round(north, 7)


def _extent(project: projects.Project, data: Path) -> tuple[str, Bounds]:
    """The CRS and bounds of the target, as far as they are known before anything is fetched."""
    grid = project.grid
    if project.area:
        area, crs = vectors.read_area(data / project.area)
        if grid.crs is None or grid.resolution is None:
            return crs.to_wkt(), area.bounds
        swapped = crs.is_geographic and not -90 <= area.bounds[1] <= area.bounds[3] <= 90
        if swapped:
            return crs.to_wkt(), area.bounds
        box = make_grid(vectors.reproject(area, crs, parse_crs(grid.crs)).bounds, grid.crs, grid.resolution)
        west, south, east, north = box.boundingbox
        rim = 2 * grid.resolution
        return grid.crs, (west - rim, south - rim, east + rim, north + rim)
    own = {n: s for n, s in project.sources.items() if isinstance(s, projects.Raster) and s.file}
    name = next((n for n in (grid.like, "elevation", *own) if n in own), None)
    if name is None:
        raise GridError("products need an area, but the project has none; add area: with a file of polygons")
    native = files.native_grid(files.raster_source(name, own[name].file, project.steps, folder=data))
    box = native.boundingbox
    return native.crs.to_wkt() if native.crs else "", (box.left, box.bottom, box.right, box.top)


def products_in(sources: Mapping[str, Any]) -> Iterable[tuple[str, projects.Product]]:
    """Yield variables and the products they are taken from, also those that are changed afterwards."""
    for name, source in sources.items():
        if isinstance(source, projects.Product):
            yield name, source
        elif isinstance(source, projects.Changed):
            yield from products_in({name: source.source})
            yield from products_in({"land_cover": source.land_cover})


def _check(
    variable: str,
    source: projects.Product,
    product: Product,
    project: projects.Project,
    bounds: Bounds,
    known: Mapping[str, Product],
) -> None:
    where = f"sources.{variable}: {source.product}"
    years = range(source.year, source.year + 1) if source.year is not None else _years(project)
    instead = others(variable, years, bounds, known)
    if product.access == "file":
        raise ProjectError(f"{where} cannot be fetched: {product.get}")
    said = next((key for key in OWN if getattr(source, key) is not None and not source.file), "")
    if said:
        raise ProjectError(f"{where}: {said} is the product's own; leave it out, or give file: with a copy of yours")
    if product.time is not None:
        if not years:
            raise ProjectError(f"{where} changes with the years: add period: {{start, end}}, or year: to the source")
        if not product.time.covers(years):
            until = product.time.end or "now"
            raise SourceError(
                f"{where} has {product.time.start} to {until}, but {years[0]} to {years[-1]} is wanted; {instead}, or "
                "change the period"
            )
    elif source.year is not None:
        raise ProjectError(f"{where} is of one date only: leave out year:")
    west, south, east, north = product.coverage
    if bounds[2] <= west or bounds[0] >= east or bounds[3] <= south or bounds[1] >= north:
        turned = west < bounds[1] < east and south < bounds[0] < north and abs(bounds[2]) <= 90
        hint = " (with longitude and latitude exchanged it would lie inside)" if turned else ""
        raise SourceError(f"{where} covers {span(product.coverage)}, the area spans {span(bounds)}{hint}; {instead}")


def span(bounds: Bounds) -> str:
    """Bounds in words."""
    west, south, east, north = bounds
    return f"{west:.5g}..{east:.5g} E, {south:.5g}..{north:.5g} N"


def _years(project: projects.Project) -> Sequence[int]:
    return project.period.years if project.period else []


def _labels(product: Product, source: projects.Product, project: projects.Project) -> list[str]:
    """The steps a product gives rasters for: all, the years, or one without a label."""
    if product.time is not None and product.time.step == "scene":
        return list(project.steps) if source.year is None else [str(source.year)]
    if product.time is None or source.year is not None:
        return [""]
    return [str(year) for year in _years(project)]


def cells_of(job: Job) -> float:
    """Return how many cells of the product lie below the area, by the size that the catalogue states."""
    west, south, east, north = job.bounds
    metres = 111_320.0
    return max(1.0, (north - south) * (east - west) * (metres / job.product.cell) ** 2)


def _host(job: Job) -> str:
    if job.product.access == "earthengine":
        return "Earth Engine"
    if job.source.file:
        return "your file"
    url = job.product.stac.api if job.product.stac else job.product.address(job.variable)
    return clean(url).split("/")[2]
