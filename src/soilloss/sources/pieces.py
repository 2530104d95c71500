"""The files behind a product, and the parts of them that an area needs.

``layers_of(product, variable, year, bounds)`` lists the files of each date or depth; ``expand(layer, ...)`` puts the
files of an index (VRT) in its place; ``fetch_piece(...)`` returns the part below the area, from the cache if it is
there. ``web_for(name, product)`` contacts the hosts that the entry names and no others.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from calendar import monthrange
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin
from xml.etree import ElementTree

import numpy as np
from pyproj import CRS, Transformer

from soilloss.errors import ProjectError, SourceError
from soilloss.sources.cache import Cache, disk_error
from soilloss.sources.products import Bounds, Product, is_cube, is_own
from soilloss.sources.remote import GoneError, Web, clean
from soilloss.sources.tiff import Fetched, fetch_window

MOST_TILES = 2500
# cells around a piece: two for resampling, and three by which clouds grow that lie outside the area
MARGIN = 5


class Layer(NamedTuple):
    """The files of one date or depth; `group` is the band they go to, `share` their weight in it.

    Of a piece that has the dates of a whole year as bands, `band` is the one that is meant.
    """

    name: str
    urls: tuple[str, ...]
    group: int
    share: float
    band: int = 1


class Piece(NamedTuple):
    """What a file gave: the part below the area (None: nothing there) and the note kept with it."""

    url: str
    path: Path | None
    about: dict[str, Any]


def web_for(name: str, product: Product) -> Web:
    """Return the way to a product: the hosts of its addresses and those its entry names, with the user's token."""
    urls = {url for url in map(product.address, product.variables) if not is_own(url)}
    if product.stac:
        urls |= {product.stac.api, product.stac.sign} - {""}
    token = product.token
    remedy = f"set {token.env} to yours ({token.get or product.homepage})" if token else ""
    return Web(
        [*sorted(urls), *product.hosts],
        name=name,
        token=os.environ.get(token.env, "") if token else "",
        user=token.user if token else "",
        token_origins=sorted(urls),
        remedy=remedy,
        key_url=product.stac.sign if product.stac else "",
        key_origins=product.hosts,
    )


def layers_of(product: Product, variable: str, year: int | None, bounds: Bounds, depth: float = 0.30) -> list[Layer]:
    """Return the layers of a variable: its depths, or its dates in `year`, each with the files of all tiles.

    Raises
    ------
    ProjectError
        If the area needs very many tiles.

    Examples
    --------
    >>> from soilloss.sources.products import packaged
    >>> [layer.share for layer in layers_of(packaged()["soilgrids-2"], "sand", None, (10, 45, 11, 46), 0.2)]
    [0.25, 0.5, 0.25]
    """
    url, tiles = product.address(variable), _tiles(product, bounds)
    name = product.variables[variable].name
    parts = list(_parts(product, variable, year, depth))
    found = []
    for number, (label, group, share, fields) in enumerate(parts, start=1):
        urls = tuple(url.format(**{"name": name, **fields, **tile}) for tile in tiles)
        if is_cube(url):
            place = urls[0].partition("#")[0]
            found.append(Layer(label, (f"{place}#{name}/{year or ''}/{len(parts)}",), group, share, number))
        else:
            found.append(Layer(label, urls, group, share))
    return found


def _parts(
    product: Product, variable: str, year: int | None, depth: float
) -> Iterable[tuple[str, int, float, dict[str, Any]]]:
    """Name, band, weight and fields of each layer."""
    if product.layers:
        return _depths(product.layers, depth, variable)
    if product.time is None or year is None:
        return [("", 0, 1.0, {})]
    dates = _dates(product.time.step, year)
    band = {"daily_precipitation": lambda i, _: i, "monthly_precipitation": lambda _, f: f["month"] - 1}
    place = band.get(variable, lambda _i, _f: 0)
    daily = product.variables[variable].per == "day"
    return [
        (label, place(i, fields), float(monthrange(year, fields["month"])[1]) if daily else 1.0, fields)
        for i, (label, fields) in enumerate(dates)
    ]


def _depths(
    layers: dict[str, tuple[float, float]], depth: float, variable: str
) -> list[tuple[str, int, float, dict[str, Any]]]:
    deepest = max(bottom for _, bottom in layers.values())
    if not 0 < depth <= deepest:
        raise ProjectError(f"sources.{variable}: depth is {depth} m, expected a number above 0, to {deepest:g} m")
    parts = [(name, min(bottom, depth) - top) for name, (top, bottom) in layers.items() if top < depth]
    return [(name, 0, round(thickness / depth, 12), {"depth": name}) for name, thickness in parts]


def _dates(step: str, year: int) -> list[tuple[str, dict[str, int]]]:
    if step == "year":
        return [(str(year), {"year": year})]
    months = range(1, 13)
    if step == "month":
        return [(f"{year}-{m:02d}", {"year": year, "month": m}) for m in months]
    if step == "pentad":
        return [(f"{year}-{m:02d}.{p}", {"year": year, "month": m, "pentad": p}) for m in months for p in range(1, 7)]
    days = [(m, d) for m in months for d in range(1, monthrange(year, m)[1] + 1)]
    return [(f"{year}-{m:02d}-{d:02d}", {"year": year, "month": m, "day": d}) for m, d in days]


def _tiles(product: Product, bounds: Bounds) -> list[dict[str, Any]]:
    if product.tiles is None:
        return [{}]
    size = product.tiles.degrees
    west, south, east, north = bounds
    lats = range(math.floor(south / size) * size, math.ceil(north / size) * size, size)
    lons = range(math.floor(west / size) * size, math.ceil(east / size) * size, size)
    if len(lats) * len(lons) > MOST_TILES:
        raise ProjectError(
            f"{product.title}: the area needs {len(lats) * len(lons)} tiles, expected at most {MOST_TILES}; take a "
            "smaller area"
        )
    return [
        {"ns": "N" if lat >= 0 else "S", "lat": abs(lat), "ew": "E" if lon >= 0 else "W", "lon": abs(lon)}
        for lat in lats
        for lon in lons
    ]


def key_of_piece(url: str, bounds: Bounds, band: int) -> str:
    """The key of a part of a file in the cache."""
    text = json.dumps([url, [round(value, 9) for value in bounds], band])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def stamp_of(url: str) -> str:
    """Return what tells a file of the user's from what it was before; empty for an address."""
    if not is_own(url):
        return ""
    path = Path(url.partition("#")[0])
    if not path.exists():
        raise SourceError(f"there is no file {path}; check the path, which is taken from the data folder")
    about = path.stat()
    return f"{about.st_size} {about.st_mtime_ns}"


def fetch_piece(web: Web, cache: Cache, url: str, bounds: Bounds, *, band: int = 1, may_lack: bool = False) -> Piece:
    """Return the part of a file below `bounds`, from the cache or from the service.

    Parameters
    ----------
    may_lack : bool
        A file that does not exist gives nothing, instead of an error.
    """
    key = key_of_piece(f"{url}{stamp_of(url)}", bounds, band)
    found = cache.find(key)
    if found is None:
        found = _fetched(web, cache, key, url, bounds, band, may_lack)
    path, about = found
    return Piece(url, path if about["sha256"] else None, about)


def _fetched(
    web: Web, cache: Cache, key: str, url: str, bounds: Bounds, band: int, may_lack: bool
) -> tuple[Path, dict[str, Any]]:
    about = {"product": web.name, "url": clean(url)}
    try:
        draft = cache.draft(key)
        try:
            got = _fetch(web, url, bounds, draft, band)
        except GoneError:
            if not may_lack:
                raise
            got = None
        try:
            return cache.keep(key, draft if got else None, {**about, **(got._asdict() if got else {})})
        finally:
            draft.unlink(missing_ok=True)
    except SourceError:
        raise
    except OSError as error:
        raise disk_error(error, cache.folder) from None


def _fetch(web: Web, url: str, bounds: Bounds, draft: Path, band: int) -> Fetched | None:
    if is_cube(url):
        from soilloss.sources.far_cubes import fetch_cube

        return fetch_cube(web, url, bounds, draft)
    return fetch_window(web, url, bounds, draft, bands=(band,), margin=MARGIN)


def expand(layer: Layer, web: Web, cache: Cache, bounds: Bounds) -> Layer:
    """Put the files below `bounds` in the place of an index (VRT)."""
    urls: list[str] = []
    for url in layer.urls:
        urls += _of_index(url, _index(web, cache, url), bounds) if clean(url).endswith(".vrt") else [url]
    return layer._replace(urls=tuple(urls))


def _index(web: Web, cache: Cache, url: str) -> bytes:
    key = key_of_piece(url, (0, 0, 0, 0), 0)
    found = cache.find(key)
    if found is None:
        data = web.get(url).data
        _parsed(url, data)
        draft = cache.draft(key)
        draft.write_bytes(data)
        found = cache.keep(key, draft, {"product": web.name, "url": clean(url)})
    return found[0].read_bytes()


def _parsed(url: str, data: bytes) -> ElementTree.Element:
    try:
        if b"<!ENTITY" in data:
            raise ElementTree.ParseError("it defines entities")
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise SourceError(f"{clean(url)} is no index of files (VRT): {error}; try again later") from None


def _of_index(url: str, data: bytes, bounds: Bounds) -> list[str]:
    """Addresses of the files of an index that lie below `bounds`."""
    root = _parsed(url, data)
    transform = [float(number) for number in (root.findtext("GeoTransform") or "0").split(",")]
    crs = root.findtext("SRS")
    if len(transform) != 6 or not crs:
        raise SourceError(f"{clean(url)} does not say where it lies; check the product's entry")
    left, bottom, right, top = Transformer.from_crs(
        "EPSG:4326", CRS.from_user_input(crs), always_xy=True
    ).transform_bounds(*bounds, densify_pts=21)
    columns = np.array([left - transform[0], right - transform[0]]) / transform[1]
    rows = np.array([top - transform[3], bottom - transform[3]]) / transform[5]
    found = []
    for source in (node for kind in ("SimpleSource", "ComplexSource") for node in root.iter(kind)):
        box, file = source.find("DstRect"), source.find("SourceFilename")
        if box is None or file is None or not file.text:
            continue
        x, y, width, height = (float(box.get(name, "0")) for name in ("xOff", "yOff", "xSize", "ySize"))
        if x < columns[1] + 2 and x + width > columns[0] - 2 and y < rows[1] + 2 and y + height > rows[0] - 2:
            found.append(urljoin(url, file.text.removeprefix("/vsicurl/")))
    return list(dict.fromkeys(found))
