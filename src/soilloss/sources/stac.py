"""Items of a search service (STAC API): found over all pages, each once, with what their numbers mean.

``search(web, product, bounds, start, end, ...) -> [Item]``; ``meaning(item, asset, sensor) -> (scale, offset)`` decides
the Sentinel-2 offset from what the item states, never from its date, and refuses where it states nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin

from soilloss.errors import DataError, MissingExtraError, SourceError
from soilloss.sources.products import Bounds, Product, Stac
from soilloss.sources.remote import Web, clean

PAGE = 100
MOST = 5000
TRIES = 3
FLAGS = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
BASELINES = ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version")
TILES = ("grid:code", "s2:mgrs_tile", "modis:tile-id")
# reflectance of Sentinel-2: quantification, and the offset since baseline 04.00; of Landsat collection 2 level 2
S2_SCALE, S2_OFFSET, S2_SINCE = 1e-4, -0.1, 4.0
LANDSAT_SCALE, LANDSAT_OFFSET = 2.75e-5, -0.2


class Item(NamedTuple):
    """One scene or tile: its name, date, platform, and the addresses and properties of its assets."""

    id: str
    date: str
    platform: str
    assets: Mapping[str, Mapping[str, Any]]
    properties: Mapping[str, Any]


def search(
    web: Web, product: Product, bounds: Bounds, start: str, end: str, *, cloud: float | None = None
) -> list[Item]:
    """Return the items of a product in an area and from `start` to `end` (days), in order of date.

    Of a scene that was processed more than once the newest baseline is taken.

    Raises
    ------
    SourceError
        If the service does not give a whole answer.
    MissingExtraError
        If pystac-client is not installed.
    """
    stac = product.stac
    assert stac is not None
    for attempt in range(TRIES):
        try:
            found = [_item(one, stac) for one in _pages(web, stac, bounds, f"{start}T00:00:00Z/{end}T23:59:59Z", cloud)]
            return _once_each(found)
        except (ValueError, KeyError, TypeError) as error:
            if attempt + 1 == TRIES:
                raise SourceError(
                    f"{web.name}: {clean(stac.api)} gave an answer that is cut or no list of items "
                    f"({type(error).__name__}); try again later"
                ) from None
    raise AssertionError


def _pages(web: Web, stac: Stac, bounds: Bounds, dates: str, cloud: float | None) -> list[dict[str, Any]]:
    try:
        from pystac_client.item_search import ItemSearch
        from pystac_client.stac_api_io import StacApiIO
    except ModuleNotFoundError:
        raise MissingExtraError("searching needs pystac-client: pip install 'soilloss[fetch]'") from None

    class Through(StacApiIO):
        """Its pages, asked for by our own way out."""

        def request(self, href: str, method: Any = None, headers: Any = None, parameters: Any = None) -> str:
            del headers
            if (method or "GET") == "POST":
                return web.post(href, json.dumps(parameters).encode()).decode()
            return web.get(f"{href}?{urlencode(parameters)}" if parameters else href).data.decode()

    query = dict(stac.query) | ({} if cloud is None else {"eo:cloud_cover": {"lt": cloud}})
    asked = ItemSearch(
        f"{stac.api.rstrip('/')}/search",
        stac_io=Through(max_retries=None),
        collections=[stac.collection],
        bbox=list(bounds),
        datetime=dates,
        query=query or None,
        limit=PAGE,
        max_items=MOST,
    )
    found = list(asked.items_as_dicts())
    if len(found) == MOST:
        raise SourceError(
            f"{web.name} has over {MOST} items from {dates[:10]} on; take a smaller area or shorter steps"
        )
    return found


def _item(found: Mapping[str, Any], stac: Stac) -> Item:
    links = {link["rel"]: link["href"] for link in found.get("links", []) if "href" in link}
    base = links.get("self", stac.api)
    assets = {name: {**asset, "href": urljoin(base, asset["href"])} for name, asset in found["assets"].items()}
    properties = found["properties"]
    date = str(properties.get("datetime") or properties["start_datetime"])
    return Item(str(found["id"]), date, str(properties.get("platform", "")), assets, properties)


def _once_each(items: Sequence[Item]) -> list[Item]:
    best: dict[tuple[str, ...], Item] = {}
    for item in sorted(items, key=lambda one: (one.date, baseline_of(one) or 0.0, one.id)):
        tile = next((str(item.properties[name]) for name in TILES if name in item.properties), item.id)
        best[item.date, item.platform, tile] = item
    return sorted(best.values(), key=lambda one: (one.date, one.id))


def asset_of(item: Item, name: str) -> Mapping[str, Any]:
    """Return an asset of an item.

    Raises
    ------
    DataError
        If it has none of that name.
    """
    if name not in item.assets:
        raise DataError(
            f"{item.id} has no asset {name!r} (assets: {', '.join(sorted(item.assets))}); correct the product's entry"
        )
    return item.assets[name]


def baseline_of(item: Item) -> float | None:
    """Return the processing baseline that an item states."""
    for name in BASELINES:
        try:
            return float(item.properties[name])
        except (KeyError, TypeError, ValueError):
            continue
    return None


def meaning(item: Item, asset: str, sensor: str) -> tuple[float, float]:
    """Return scale and offset of the reflectance in an asset of an item.

    Sentinel-2: what the catalogue says it has applied comes first, then the processing baseline (an offset since
    04.00), then the offset that the asset itself states.

    Raises
    ------
    DataError
        If none of these is there, or they contradict each other.

    Examples
    --------
    >>> one = Item("a", "2021-07-01", "sentinel-2a", {"B04": {}}, {"s2:processing_baseline": "05.00"})
    >>> meaning(one, "B04", "sentinel-2")
    (0.0001, -0.1)
    """
    stated = _stated(asset_of(item, asset))
    if sensor == "landsat":
        return _landsat(item, stated)
    applied = next((item.properties[name] for name in FLAGS if name in item.properties), None)
    baseline = baseline_of(item)
    if applied is True:
        return S2_SCALE, 0.0
    if baseline is None and (stated is None or stated[1] is None):
        raise DataError(
            f"{item.id} states neither its processing baseline nor an offset of {asset}, so reflectance may be off by "
            "0.1; take another catalogue (sentinel-2-l2a or sentinel-2-c1-l2a)"
        )
    if baseline is None:
        assert stated is not None
        return stated[0] or S2_SCALE, float(stated[1] or 0.0)
    expected = S2_OFFSET if baseline >= S2_SINCE else 0.0
    if stated is not None and stated[1] is not None and applied is None and abs(stated[1] - expected) > 1e-6:
        raise DataError(
            f"{item.id}: {asset} states an offset of {stated[1]:g}, but baseline {baseline:05.2f} means {expected:g}; "
            "one is wrong: take another catalogue (sentinel-2-l2a or sentinel-2-c1-l2a)"
        )
    return S2_SCALE, expected


def _landsat(item: Item, stated: tuple[float | None, float | None] | None) -> tuple[float, float]:
    scale, offset = stated or (None, None)
    if scale is not None and (abs(scale - LANDSAT_SCALE) > 1e-9 or abs((offset or 0.0) - LANDSAT_OFFSET) > 1e-6):
        raise DataError(
            f"{item.id} states {scale:g} x + {offset or 0:g}, but collection 2 has 0.0000275 x - 0.2; is it another "
            "collection? correct the product's entry"
        )
    return LANDSAT_SCALE, LANDSAT_OFFSET


def _stated(asset: Mapping[str, Any]) -> tuple[float | None, float | None] | None:
    """Scale and offset that an asset states, in the old form of the raster extension or the new one."""
    bands = asset.get("raster:bands") or asset.get("bands") or []
    first = bands[0] if bands else asset
    scale, offset = (first.get(name, first.get(f"raster:{name}")) for name in ("scale", "offset"))
    return None if scale is None and offset is None else (scale, offset)
