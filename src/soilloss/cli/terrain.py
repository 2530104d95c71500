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
    workers: Workers = None,
    memory: str = "4GB",
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
    memory
        What flow routing may use, e.g. 500MB; a larger grid goes tile by tile.
    """
    from soilloss.workflow.stored import Limits
    from soilloss.workflow.terrain import Task, make_terrain, names_of
    from soilloss.workflow.watch import parse_size, watch

    task = Task(dem, names_of(wanted), routing, codes, nodata, outlets, outlets_crs, snap, streams)
    with watch(quiet=json) as progress:
        made = make_terrain(task, out, workers=workers, limits=Limits(parse_size(memory)), progress=progress)
    if json:
        print_json(made)
        return
    for one in made.get("watersheds", []):
        print(f"{one['station']}: {one['upstream_area_m2'] / 1e6:.6g} km2, moved {one['moved_m']:.0f} m")
    print(out)
