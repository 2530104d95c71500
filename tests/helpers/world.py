"""A small made-up world behind a loopback server: files of the form of known products, and their catalogue.

The area lies across the border of two tiles of heights. Every value is a formula of the place, so that tests know it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import xarray as xr
import yaml
from rasterio.transform import from_origin
from shapely.geometry import box

AREA = (9.96, 45.30, 10.08, 45.36)
# in the uppermost layer, and how much more in each below
SOIL = {"sand": (400, 10), "silt": (400, -20), "clay": (200, 10), "soc": (150, -15)}
IGH = "+proj=igh +lon_0=0 +datum=WGS84 +units=m +no_defs"


def write(
    path: Path, values: np.ndarray, left: float, top: float, cell: float, crs: str = "EPSG:4326", **stated
) -> None:
    """A tiled GeoTIFF of one band."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = values.shape
    profile = {
        "driver": "GTiff",
        "width": columns,
        "height": rows,
        "count": 1,
        "dtype": values.dtype.name,
        "crs": crs,
        "transform": from_origin(left, top, cell, cell),
        "tiled": True,
        "blockxsize": 64,
        "blockysize": 64,
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **{**profile, **stated}) as out:
        out.write(values, 1)


def places(left: float, top: float, cell: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """East and north of the cell centres."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return left + (columns + 0.5) * cell, top - (rows + 0.5) * cell


def height(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Hills and valleys in m."""
    return (300 + 2000 * (lat - 45.3) + 40 * np.sin(lon * 400) + 30 * np.cos(lat * 500)).astype("f4")


def rain(month: int) -> float:
    """Rain of a month in mm, the same in each cell of a column."""
    return 40 + 5 * month


def heights(folder: Path) -> None:
    """Tiles of one degree at 0.001 degrees, only those two that the area needs."""
    for lon in (9, 10):
        east, north = places(lon, 45.5, 0.001, (400, 1000))
        write(folder / f"dem/N45E{lon:03d}.tif", height(east, north), lon, 45.5, 0.001)


def land_cover(folder: Path) -> None:
    """One tile of three degrees, codes of WorldCover."""
    east, north = places(9, 48, 0.01, (300, 300))
    codes = np.choose((np.floor(east * 100) + np.floor(north * 100)).astype(int) % 4, [10, 30, 40, 80])
    write(folder / "cover/N45E009.tif", codes.astype("u1"), 9, 48, 0.01, nodata=0)


def rains(folder: Path, years: tuple[int, ...]) -> None:
    """Monthly rain of 0.05 degrees."""
    east, _ = places(5, 50, 0.05, (200, 200))
    for year in years:
        for month in range(1, 13):
            values = (rain(month) + (year - 2000) + (east - 10)).astype("f4")
            write(folder / f"rain/{year}.{month:02d}.cog", values, 5, 50, 0.05, nodata=-9999)


def days(folder: Path, year: int) -> None:
    """Rain of each day of a year: the number of the day of the month."""
    for month in range(1, 13):
        for day in range(1, 32):
            write(folder / f"days/{year}.{month:02d}.{day:02d}.tif", np.full((40, 40), day, "f4"), 9, 46, 0.05)


def mean_rain(year: int, month: np.ndarray, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Mean rain of a day of a month, in m, of the cube."""
    return (1e-4 * (10 * month + year - 2000) + 1e-5 * np.abs(east) + 1e-6 * north).astype("f4")


def rain_cube(path: Path, missing: tuple[str, float] | None = None) -> None:
    """Monthly rain of 0.1 degrees as NetCDF or Zarr, as weather services have it: columns from Greenwich eastwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange("2001-01", "2003-06", dtype="M8[M]")
    lat, lon = np.round(48 - 0.1 * np.arange(48), 6), np.round(0.1 * np.arange(3600), 6)
    keep = (lon < 14) | (lon > 346)
    lon = lon[keep]
    east, north = np.meshgrid(np.where(lon > 180, lon - 360, lon), lat)
    values = np.stack([mean_rain(int(str(t)[:4]), np.int64(int(str(t)[5:])), east, north) for t in time])
    cube = xr.DataArray(
        values,
        {"valid_time": time.astype("M8[ns]"), "latitude": lat, "longitude": lon},
        ("valid_time", "latitude", "longitude"),
        "tp",
        {"units": "m", "_FillValue": np.float32("nan")},
    )
    if missing:
        cube.loc[{"valid_time": missing[0], "latitude": slice(None, missing[1])}] = np.nan
    data = cube.to_dataset()
    if path.suffix == ".nc":
        chunks = {"tp": {"chunksizes": (1, 16, 35), "zlib": True}}
        how = {"engine": "scipy"} if path.stem == "3" else {"engine": "h5netcdf", "encoding": chunks}
        data.to_netcdf(path, **how)
        return
    shards = {"shards": (12, 32, 70)} if path.stem == "sharded" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # version 3 has no rule yet for metadata in one place
        data.to_zarr(
            path,
            zarr_format=2 if path.stem == "v2" else 3,
            consolidated=True,
            encoding={"tp": {"chunks": (1, 16, 35), **shards}},
            write_empty_chunks=False,
        )


def soil(folder: Path) -> None:
    """Four properties in three depths, two tiles each, found through an index in the Homolosine projection."""
    left, top, cell, size = 1_681_500.0, 5_075_000.0, 250.0, 200
    for name, (value, deeper) in SOIL.items():
        for number, depth in enumerate(("0-5cm", "5-15cm", "15-30cm")):
            for part in range(2):
                values = np.full((size, size), value + deeper * number, "i2")
                where = folder / f"soil/{name}/{name}_{depth}_mean/tile{part}.tif"
                write(where, values, left + part * size * cell, top, cell, IGH, nodata=-32768)
            sources = "".join(
                f'<ComplexSource><SourceFilename relativeToVRT="1">{name}_{depth}_mean/tile{part}.tif</SourceFilename>'
                f'<SourceBand>1</SourceBand><DstRect xOff="{part * size}" yOff="0" xSize="{size}" ySize="{size}"/>'
                "</ComplexSource>"
                for part in range(-1, 2)
            )
            index = (
                f'<VRTDataset rasterXSize="{2 * size}" rasterYSize="{size}"><SRS>{IGH}</SRS>'
                f"<GeoTransform>{left}, {cell}, 0.0, {top}, 0.0, {-cell}</GeoTransform>"
                f'<VRTRasterBand dataType="Int16" band="1">{sources}'
                "</VRTRasterBand></VRTDataset>"
            )
            (folder / f"soil/{name}/{name}_{depth}_mean.vrt").write_text(index)


SCENE = (570_000.0, 5_028_000.0, 50.0, (300, 320))  # left, top, cell and shape of scenes in UTM zone 32


def reflectance(band: str, shift: float = 0.0) -> np.ndarray:
    """What a scene would see of a band without clouds."""
    east, north = places(*SCENE[:3], SCENE[3])
    wave = 0.02 * np.sin(east / 700) + 0.02 * np.cos(north / 900)
    return {"red": 0.10, "nir": 0.40, "swir1": 0.25, "green": 0.09, "blue": 0.07}[band] + wave + shift


def scene(folder: Path, url: str, name: str, date: str, *, shift=0.0, baseline="05.00", clouds=(), **more) -> dict:
    """Files of a Sentinel-2 scene and its item; `clouds` are slices of rows and columns."""
    left, top, cell, shape = SCENE
    offset = 1000 if float(baseline or 5) >= 4 else 0
    assets = {}
    for band in ("red", "nir"):
        values = np.rint(reflectance(band, shift) * 10_000 + offset).astype("u2")
        write(folder / f"s2/{name}/{band}.tif", values, left, top, cell, "EPSG:32632", nodata=0)
        assets[{"red": "B04", "nir": "B08"}[band]] = {"href": f"{url}/s2/{name}/{band}.tif"}
    classes = np.full((shape[0] // 2, shape[1] // 2), 4, "u1")
    for rows, columns in clouds:
        classes[rows, columns] = 9
    write(folder / f"s2/{name}/scl.tif", classes, left, top, 2 * cell, "EPSG:32632")
    assets["SCL"] = {"href": f"{url}/s2/{name}/scl.tif"}
    properties = {"s2:mgrs_tile": name} | ({"s2:processing_baseline": baseline} if baseline else {})
    return item(name, "sentinel-2-l2a", date, "sentinel-2a", assets, properties | more)


def item(name: str, collection: str, date: str, platform: str, assets: dict, properties: dict) -> dict:
    """A scene as a search gives it."""
    common = {"datetime": f"{date}T10:00:00Z", "platform": platform, "eo:cloud_cover": 20}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": None,
        "bbox": [9.8, 45.2, 10.3, 45.5],
        "properties": common | properties,
        "links": [],
        "assets": assets,
    }


def landsat(folder: Path, url: str, name: str, date: str, *, platform="landsat-8", shift=0.0, clouds=()) -> dict:
    """Files of a Landsat scene (collection 2, level 2) and its item; `clouds` are slices of rows and columns."""
    left, top, cell, shape = SCENE
    files = {
        "red": np.rint((reflectance("red", shift) + 0.2) / 2.75e-5).astype("u2"),
        "nir08": np.rint((reflectance("nir", shift) + 0.2) / 2.75e-5).astype("u2"),
        "qa_pixel": np.full(shape, 1 << 6, "u2"),
        "qa_radsat": np.zeros(shape, "u2"),
    }
    for rows, columns in clouds:
        files["qa_pixel"][rows, columns] = 1 << 3
    assets = {}
    for asset, values in files.items():
        write(folder / f"landsat/{name}/{asset}.tif", values, left, top, cell, "EPSG:32632")
        assets[asset] = {"href": f"{url}/landsat/{name}/{asset}.tif"}
    return item(name, "landsat-c2-l2", date, platform, assets, {"landsat:collection_category": "T1"})


def build(folder: Path, years: tuple[int, ...] = (2001, 2002)) -> None:
    """Write all files of the world."""
    heights(folder)
    land_cover(folder)
    rains(folder, years)
    soil(folder)


def entries(url: str) -> dict:
    """The catalogue that finds the products of this world on a server."""
    return {
        "copernicus-dem-30": {"url": url + "/dem/{ns}{lat:02d}{ew}{lon:03d}.tif", "cell": 100},
        "esa-worldcover-2021": {"url": url + "/cover/{ns}{lat:02d}{ew}{lon:03d}.tif", "cell": 1000},
        "chirps-v2-monthly": {"url": url + "/rain/{year}.{month:02d}.cog"},
        "era5-land-monthly": {"access": "url", "url": url + "/era5/v3.zarr"},
        "chirps-v2-daily": {"url": url + "/days/{year}.{month:02d}.{day:02d}.tif"},
        "soilgrids-2": {"url": url + "/soil/{name}/{name}_{depth}_mean.vrt"},
        "sentinel-2-l2a": {
            "stac": {
                "api": f"{url}/stac",
                "collection": "sentinel-2-l2a",
                "sign": f"{url}/sign/sentinel-2-l2a",
                "sensor": "sentinel-2",
                "mask": {"SCL": "scl"},
            },
            "hosts": [url],
        },
        "landsat-c2-l2": {
            "stac": {
                "api": f"{url}/stac",
                "collection": "landsat-c2-l2",
                "sensor": "landsat",
                "query": {"landsat:collection_category": {"eq": "T1"}},
                "mask": {"qa_pixel": "qa_pixel", "qa_radsat": "qa_radsat"},
            },
            "hosts": [url],
        },
    }


def outline(path: Path, bounds: tuple[float, float, float, float]) -> None:
    """An area in longitude and latitude."""
    gpd.GeoDataFrame(geometry=[box(*bounds)], crs="EPSG:4326").to_file(path, driver="GeoJSON")


def project(folder: Path, url: str, **changes) -> Path:
    """A project file on an area of this world, with everything from products; `changes` replace top-level keys."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "products.yml").write_text(yaml.safe_dump(entries(url)))
    outline(folder / "area.geojson", AREA)
    data = {
        "name": "made-up world",
        "area": "area.geojson",
        "products": "products.yml",
        "grid": {"crs": "EPSG:32632", "resolution": 200},
        "period": {"start": 2001, "end": 2002},
        "sources": {
            "elevation": {"product": "copernicus-dem-30"},
            "annual_precipitation": {"product": "chirps-v2-monthly"},
            **{name: {"product": "soilgrids-2"} for name in ("sand", "silt", "clay", "organic_carbon")},
            "land_cover": {"product": "esa-worldcover-2021"},
            "ndvi": 0.5,
            "practice": 1,
        },
        "zero_classes": ["water"],
        "publish": {"folder": "out"},
        **changes,
    }
    file = folder / "project.yml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return file
