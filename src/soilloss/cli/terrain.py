"""The verb that makes terrain alone."""

from __future__ import annotations

from pathlib import Path

from soilloss.cli.common import Json, Workers, app, print_json


@app.command
def terrain(
    dem: Path,
    /,
    *,
    out: Path,
    wanted: str = "",
    routing: str = "mfd",
    codes: str = "soilloss",
    nodata: float | None = None,
    outlets: Path | None = None,
    outlets_crs: str | None = None,
    snap: float = 0.0,
    streams: float | None = None,
    channels: Path | None = None,
    trapping: Path | None = None,
    voids: str = "outlet",
    close_holes: int = 1,
    flats: str = "lower",
    workers: Workers = None,
    memory: str = "4GB",
    cluster: str = "",
    plan: bool = False,
    json: Json = False,
) -> None:
    """Make terrain alone from heights: fill, directions, accumulation, LS, catchments, streams.

    Parameters
    ----------
    dem
        Raster of heights in m.
    out
        Folder to write.
    wanted
        Names of variables parted by commas, e.g. filled_elevation,topography; default all, listed for a wrong one.
    routing
        How flow divides: mfd, d8 or dinf; directions, catchments and streams are always d8.
    codes
        Codes of flow_direction: soilloss, esri, pyflwdir, ldd, taudem, grass, whitebox or pygeoprocessing.
    nodata
        Value of missing cells, if the raster does not say.
    outlets
        Gauges (CSV with station, x, y, or a point file): writes watersheds.gpkg, to be given as zones.
    outlets_crs
        CRS of x and y in a CSV; default longitude and latitude.
    snap
        Metres that a gauge may be moved, to the largest area draining through a cell.
    streams
        Least area in m2 that makes a stream, e.g. 1e6: writes streams.gpkg.
    channels
        Raster, lines or polygons of channels (1): they pass nothing on, LS is missing there, and streams hold them.
    trapping
        Raster, lines or polygons that hold flow back: share from 0 to 1, 1 where a column trapping is missing.
    voids
        Whether water leaves into missing cells (outlet) or goes round them (wall).
    close_holes
        Holes of at most so many missing cells are bridged.
    flats
        How level land drains: lower, by the shortest way out; or garbrecht, away from higher land too.
    memory
        What flow routing may use, e.g. 500MB; a larger grid goes tile by tile.
    cluster
        Address of a Dask scheduler whose workers share the folder: they do the routing, tile by tile.
    plan
        Only say what memory, disk and time it takes.
    """
    from soilloss.derive.ways import Ways
    from soilloss.workflow.stored import Limits
    from soilloss.workflow.terrain import Task, make_terrain, names_of, plan_terrain
    from soilloss.workflow.watch import parse_size, watch

    ways = Ways(close_holes, voids, flats)
    task = Task(
        dem, names_of(wanted), routing, codes, nodata, outlets, outlets_crs, snap, streams, channels, trapping, ways
    )
    limits = Limits(parse_size(memory), cluster)
    if plan:
        described = plan_terrain(task, limits, workers)
        print_json(described) if json else print(described["words"])
        return
    with watch(quiet=json) as progress:
        made = make_terrain(task, out, workers=workers, limits=limits, progress=progress)
    if json:
        print_json(made)
        return
    for one in made.get("watersheds", []):
        print(f"{one['station']}: {one['upstream_area_m2'] / 1e6:.6g} km2, moved {one['moved_m']:.0f} m")
    print(out)
