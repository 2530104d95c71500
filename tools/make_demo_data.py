"""Make the packaged demo data from Debian's r-cran-stars package (needs apt-get, dpkg-deb and a Debian mirror).

python tools/make_demo_data.py

Everything it writes into ``src/soilloss/demo`` is described in ``ORIGIN.md`` there.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.features import shapes
from rasterio.vrt import WarpedVRT
from scipy.ndimage import uniform_filter
from shapely.geometry import box, shape

TARGET = Path(__file__).parents[1] / "src/soilloss/demo"
CRS = "EPSG:31985"  # SIRGAS 2000 / UTM zone 25S; the elevation file names the same projection without a code
WATER, BUILT_UP, SHRUBLAND = 7, 5, 2
EAST_WEST, NORTH_SOUTH = 294_500, 9_115_500  # where the demo's zones are cut, m


def fetch(folder: Path) -> Path:
    """Unpack the package below `folder` and return its folder of GeoTIFFs."""
    subprocess.run(["apt-get", "download", "r-cran-stars"], cwd=folder, check=True)
    subprocess.run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), "."], cwd=folder, check=True)
    return folder / "usr/lib/R/site-library/stars/tif"


def write(name: str, bands: np.ndarray, like, descriptions: tuple[str, ...], nodata: float | None = None) -> None:
    """Write a Cloud-Optimized GeoTIFF on the grid of `like`."""
    profile = {
        "driver": "COG",
        "count": len(bands),
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": CRS,
        "transform": like.transform,
        "nodata": nodata,
        "compress": "deflate",
        "predictor": "yes",
        "overviews": "none",
    }
    with rasterio.open(TARGET / name, "w", **profile) as out:
        out.write(bands)
        out.descriptions = descriptions


def classify(red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    """Three classes by thresholds on the digital numbers, chosen by eye: a demonstration, not a land-cover map."""
    red, nir = (uniform_filter(band.astype("f4"), 3) for band in (red, nir))
    index = (nir - red) / (nir + red)
    water = (nir < 30) & (index < -0.3)
    return np.where(water, WATER, np.where(index < -0.02, BUILT_UP, SHRUBLAND)).astype("u1")


def land_outline(land_cover: np.ndarray, elevation: np.ndarray, transform) -> object:
    """Outline of the mainland: the largest patch that is neither sea in the image nor sea or missing in the heights."""
    land = ((elevation > 0) & (land_cover != WATER)).astype("u1")
    patches = [shape(geometry) for geometry, value in shapes(land, land == 1, transform=transform)]
    return max(patches, key=lambda patch: patch.area).buffer(60).buffer(-60).simplify(40)


def write_polygons(name: str, rows: dict[str, object]) -> None:
    """Write named polygons as GeoJSON in longitude and latitude."""
    frame = gpd.GeoDataFrame({"name": list(rows)}, geometry=list(rows.values()), crs=CRS).to_crs("EPSG:4326")
    features = json.loads(frame.to_json(drop_id=True))["features"]
    for feature in features:
        feature["geometry"]["coordinates"] = rounded(feature["geometry"]["coordinates"])
    lines = ",\n".join(json.dumps(feature) for feature in features)
    (TARGET / name).write_text(f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n', encoding="utf-8")


def rounded(part):
    """Round nested coordinates to 1e-5 degrees, about a metre."""
    return [rounded(inner) for inner in part] if isinstance(part, list | tuple) else round(part, 5)


def main() -> None:
    """Make every file of the demo that is not written by hand."""
    with tempfile.TemporaryDirectory() as folder:
        source = fetch(Path(folder))
        with rasterio.open(source / "olinda_dem_utm25s.tif") as heights:
            write("elevation.tif", heights.read().astype("i2"), heights, ("elevation",), nodata=-9999)
        with rasterio.open(source / "L7_ETMs.tif") as image:
            red, nir = image.read([3, 4])
            write("landsat7.tif", np.stack([red, nir]), image, ("red", "nir"))
            land_cover = classify(red, nir)
            write("land_cover.tif", land_cover[None], image, ("land_cover",), nodata=0)
            on_image = {"crs": CRS, "transform": image.transform, "height": image.height, "width": image.width}
        with rasterio.open(TARGET / "elevation.tif") as heights, WarpedVRT(heights, **on_image) as aligned:
            land = land_outline(land_cover, aligned.read(1), on_image["transform"])
    west, south, east, north = land.bounds
    zones = {
        "north-west": box(west, NORTH_SOUTH, EAST_WEST, north),
        "south-west": box(west, south, EAST_WEST, NORTH_SOUTH),
        "east": box(EAST_WEST, south, east, north),
    }
    write_polygons("area.geojson", {"mainland of the demo": land})
    write_polygons("zones.geojson", {name: land.intersection(part) for name, part in zones.items()})


if __name__ == "__main__":
    main()
