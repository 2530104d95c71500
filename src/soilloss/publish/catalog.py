"""A static STAC catalogue of a finished folder: a collection, and one item for the mean and for each step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pystac
from shapely.geometry import box as rectangle
from shapely.geometry import mapping, shape

from soilloss.publish.text import label
from soilloss.variables import VARIABLES

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
COG = pystac.MediaType.COG
MONTHS = {"year": 12, "quarter": 3, "month": 1}


def write_catalog(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write ``catalog/collection.json`` and its items below `folder`; return the collection's path.

    An analysis that wrote rasters has an item of its own. Links are relative, so that the folder can be
    moved or served from anywhere.

    Parameters
    ----------
    folder : Path
        The output folder.
    record : mapping
        The record of the run: ``grid``, ``period``, ``rasters``, ``area``, ``name``, ``created``.
    """
    root = Path(folder) / "catalog"
    sets: dict[str, list[Mapping[str, Any]]] = {}
    for entry in record["rasters"]:
        sets.setdefault(entry["label"] or "mean", []).append(entry)
    collection = _collection(record)
    home = Path(folder).resolve()
    for name, entries in sets.items():
        collection.add_item(_item(name, {e["variable"]: _asset(e, home) for e in entries}, record))
    for answer in record.get("analyses", []):
        if answer["rasters"]:
            assets = {Path(e["path"]).stem: _layer(e, home) for e in answer["rasters"]}
            collection.add_item(_item(answer["name"], assets, record))
    collection.normalize_hrefs(str(root.resolve()))
    collection.make_all_asset_hrefs_relative()
    collection.save(catalog_type=pystac.CatalogType.SELF_CONTAINED)
    return root / "collection.json"


def _collection(record: Mapping[str, Any]) -> pystac.Collection:
    start, end = _span(record, "mean")
    name = str(record.get("name") or "soil loss")
    return pystac.Collection(
        id=re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "soil-loss",
        title=name,
        description=f"Soil loss by sheet and rill erosion ({record.get('model', '')}), computed with soilloss.",
        extent=pystac.Extent(
            pystac.SpatialExtent([list(record["grid"]["bounds_lonlat"])]), pystac.TemporalExtent([[start, end]])
        ),
        license="other",
        keywords=["soil erosion", "soil loss", str(record.get("model", "")).upper()],
    )


def _item(name: str, assets: Mapping[str, pystac.Asset], record: Mapping[str, Any]) -> pystac.Item:
    start, end = _span(record, name)
    bounds = list(record["grid"]["bounds_lonlat"])
    area = record.get("area")
    item = pystac.Item(
        id=name,
        geometry=area or mapping(rectangle(*bounds)),
        bbox=list(shape(area).bounds) if area else bounds,
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        properties={
            "title": f"{record.get('name', '')}: {name}",
            "created": record.get("created"),
            **_projection(record),
        },
        stac_extensions=[PROJECTION],
    )
    for key, asset in assets.items():
        item.add_asset(key, asset)
    return item


def _projection(record: Mapping[str, Any]) -> dict[str, Any]:
    grid = record["grid"]
    authority = re.fullmatch(r"[A-Z]+:\d+", str(grid["crs"]))
    return {
        "proj:code": grid["crs"] if authority else None,
        **({} if authority else {"proj:wkt2": grid["wkt"]}),
        "proj:shape": list(grid["shape"]),
        "proj:transform": list(grid["transform"])[:6],
        "proj:bbox": list(grid["bounds"]),
    }


def _asset(entry: Mapping[str, Any], folder: Path) -> pystac.Asset:
    variable = VARIABLES[entry["variable"]]
    statistics = {key: entry[key] for key in ("minimum", "maximum", "mean") if entry.get(key) is not None}
    band = {
        "name": entry["variable"],
        "description": variable.meaning,
        "data_type": "uint8" if variable.is_class else "float32",
        "nodata": 0 if variable.is_class else "nan",
        **({"unit": entry["unit"]} if entry["unit"] else {}),
        **({"statistics": statistics} if statistics else {}),
    }
    return _raster(entry, label(entry["variable"]), [band], folder)


def _layer(entry: Mapping[str, Any], folder: Path) -> pystac.Asset:
    """A raster of an analysis."""
    kind = {"data_type": "uint8" if entry["names"] else "float32", "nodata": 0 if entry["names"] else "nan"}
    bands = [{"name": name or entry["variable"], **kind} for name in entry["bands"]]
    return _raster(entry, entry["meaning"], bands, folder)


def _raster(entry: Mapping[str, Any], title: str, bands: list[dict[str, Any]], folder: Path) -> pystac.Asset:
    words = {"soilloss:method": entry["method"], "soilloss:citation": entry["cite"], "soilloss:hash": entry["hash"]}
    return pystac.Asset(
        href=str(folder / entry["path"]),
        title=title,
        media_type=COG,
        roles=["data"],
        extra_fields={"bands": bands, **{key: word for key, word in words.items() if word}},
    )


def _span(record: Mapping[str, Any], name: str) -> tuple[datetime, datetime]:
    """First and last second of a step, or of the whole period; without a period, when the run was made."""
    steps = [step for step in (record.get("period") or {}).get("steps", []) if step]
    if not steps:
        made = datetime.fromisoformat(record["created"])
        made = made if made.tzinfo else made.replace(tzinfo=UTC)
        return made, made
    first, last = (name, name) if name in steps or name.isdigit() else (steps[0], steps[-1])
    return _edges(first)[0], _edges(last)[1]


def _edges(step: str) -> tuple[datetime, datetime]:
    year, _, part = step.partition("-")
    length = MONTHS["year" if not part else "quarter" if part.startswith("Q") else "month"]
    month = (int(part.removeprefix("Q")) - 1) * length if part else 0
    start = datetime(int(year), month + 1, 1, tzinfo=UTC)
    months = int(year) * 12 + month + length
    return start, datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC) - timedelta(seconds=1)
