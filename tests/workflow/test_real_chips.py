"""Real Landsat numbers served as scenes on loopback: the image equals the one computed from the arrays directly.

The chips are turned over to make three dates of one: numbers, clouds and quality bits stay real.
"""

import numpy as np
import rasterio
import world
import yaml

from soilloss.workflow.fetch import fetch

TURNS = {"a": lambda x: x, "b": lambda x: x[:, ::-1], "c": lambda x: x[::-1]}
DATES = {"a": "2021-02-01", "b": "2021-05-01", "c": "2021-08-01"}


def read(path, band=1):
    with rasterio.open(path) as raster:
        return raster.read(band), raster.profile


def serve(server, collection, name, layers, profile, **properties):
    """One date of a scene: COGs of its layers (band: array), and its item."""
    assets = {}
    for asset, values in layers.items():
        path = server.folder / collection / f"{name}_{asset}.tif"
        path.parent.mkdir(exist_ok=True)
        size = {"height": values.shape[0], "width": values.shape[1], "dtype": values.dtype.name, "count": 1}
        fine = profile["height"] // values.shape[0]
        place = {"crs": profile["crs"], "transform": profile["transform"] * profile["transform"].scale(fine)}
        with rasterio.open(path, "w", driver="COG", compress="deflate", blocksize=128, **size, **place) as out:
            out.write(np.ascontiguousarray(values), 1)
        assets[asset] = {"href": f"{server.url}/{collection}/{path.name}"}
    server.items.append(world.item(name, collection, DATES[name], properties.pop("platform"), assets, properties))


def image(tmp_path, server, bounds, crs, product, variable, **source):
    """The fetched image of a variable, and the rows and columns of the chip that it covers."""
    file = world.project(
        tmp_path / f"{product}-{variable}",
        server.url,
        sources={variable: {"product": product, "fill": False, **source}},
        period={"start": 2021, "end": 2021},
        grid={"crs": crs, "resolution": 450},
    )
    world.outline(file.parent / "area.geojson", bounds)
    entries = yaml.safe_load((file.parent / "products.yml").read_text())
    (file.parent / "products.yml").write_text(yaml.safe_dump({product: entries[product]}))
    for item in server.items:
        item["bbox"] = list(bounds)
    fetch(file)
    (path,) = file.parent.glob(".soilloss/fetched/*-*/2021.tif")
    values, profile = read(path)
    count, _ = read(path.parent / "quality/2021.tif")
    return values, count, profile


def expected(stack, usable, transform, profile):
    """Median and count of reflectance where it may be used, in the window of `profile`; NumPy and nothing else."""
    row = round((profile["transform"].f - transform.f) / transform.e)
    column = round((profile["transform"].c - transform.c) / transform.a)
    window = np.s_[:, row : row + profile["height"], column : column + profile["width"]]
    low = np.where((stack < 0) & (stack >= -0.05), 0, stack)
    cells = np.where(usable & (low >= 0) & (low <= 1), low, np.nan)[window]
    count = (~np.isnan(cells)).sum(0)
    with np.errstate(all="ignore"):
        ordered = np.sort(cells, axis=0)  # missing ones last
    first = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, 0)[0]
    second = np.take_along_axis(ordered, np.minimum(count // 2, 2)[None], 0)[0]
    return (first + second) / 2, count


def assert_equal(found, stack, usable, transform):
    values, count, profile = found
    real, valid = expected(stack, usable, transform, profile)
    assert (count == valid).all()
    assert ((values == profile["nodata"]) == (valid == 0)).all()
    assert {0, 1, 2, 3} <= set(np.unique(valid)) | {0}
    # stored in ten thousandths, each observation rounded before the median: half a number each
    assert np.abs(values - real * 10_000)[valid > 0].max() <= 1
    assert len(np.unique(values)) > 500


def test_landsat_collection_2(tmp_path, server, shared_data):
    """Scale and offset, fill, and the bits of cloud, cirrus, shadow and fill of a cloudy scene of Colombia."""
    folder = shared_data / "landcover/landsat_c2"
    (scene,) = {path.name.split("_SR_")[0] for path in folder.glob("*SR_B4.TIF")}
    (red, profile), (qa, _) = read(folder / f"{scene}_SR_B4.TIF"), read(folder / f"{scene}_QA_PIXEL.TIF")
    profile["transform"] = rasterio.Affine(450, 0, profile["transform"].c, 0, -450, profile["transform"].f)
    numbers, codes = (np.stack([turn(layer) for turn in TURNS.values()]) for layer in (red, qa))
    for name, *layers in zip(TURNS, numbers, codes, strict=True):
        layers = {"red": layers[0], "nir08": layers[0], "qa_pixel": layers[1], "qa_radsat": np.zeros_like(layers[1])}
        more = {"landsat:collection_category": "T1", "platform": "landsat-8"}
        serve(server, "landsat-c2-l2", name, layers, profile, **more)
    clear = [all(not code >> bit & 1 for bit in (0, 1, 2, 3, 4, 5)) for code in range(65536)]
    usable = np.array(clear)[codes] & (numbers > 0)
    found = image(tmp_path, server, (-75.6, 0.8, -74.6, 1.9), "EPSG:32618", "landsat-c2-l2", "red")
    assert_equal(found, numbers * 2.75e-5 - 0.2, usable, profile["transform"])


def test_sentinel_2_of_two_baselines(tmp_path, server, shared_data):
    """The numbers of a hazy scene of Alabama as if Sentinel-2 had stored them: with an offset in two dates of three."""
    folder = shared_data / "landsat8_alabama"
    (red, profile), (quality, _) = read(folder / "l8_20150804_b2-b7_dn.tif", 3), read(folder / "l8_20150804_bqa.tif")
    red, quality = red[:600, :624], quality[:600:2, :624:2]
    numbers = np.stack([turn(red) for turn in TURNS.values()])
    classes = np.stack([turn(np.where(quality >> 14 == 3, 9, 4).astype("u1")) for turn in TURNS.values()])
    profile |= {"height": 600, "width": 624}
    baselines = {"a": "05.00", "b": "02.14", "c": "04.00"}
    for name, number, scl in zip(TURNS, numbers, classes, strict=True):
        more = {"s2:processing_baseline": baselines[name], "s2:mgrs_tile": name, "platform": "sentinel-2a"}
        serve(server, "sentinel-2-l2a", name, {"B04": number, "B08": number, "SCL": scl}, profile, **more)
    offsets = np.array([-1000 if float(one) >= 4 else 0 for one in baselines.values()])[:, None, None]
    cloud = np.stack([grown(scl == 9, 3) for scl in classes]).repeat(2, 1).repeat(2, 2)
    found = image(tmp_path, server, (-87.47, 30.67, -87.33, 30.79), "EPSG:32616", "sentinel-2-l2a", "red")
    assert_equal(found, (numbers + offsets) / 10_000, ~cloud, profile["transform"])


def grown(mask, cells):
    """A mask with its neighbours by side, `cells` times over."""
    for _ in range(cells):
        wide = np.pad(mask, 1)
        mask = wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    return mask
