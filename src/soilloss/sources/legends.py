"""A product's class codes to the classes of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

from soilloss import tables
from soilloss.errors import DataError, SourceError

# These count from 0 (a table of measures has 0 for none); in all other class variables 0 is missing.
ZERO_IS_A_CODE = {"channels", "engineering_measure", "flow_direction", "tillage_measure"}


def read_legend(legend: str) -> Mapping[int, int]:
    """Return code -> class of a legend.

    It is a name (the packaged table ``legend_<name>``), the path of a CSV file, or pairs such as ``30: 1, 50: 4``. A
    table has columns ``code`` and ``class``; class 0 means missing. An empty text is no legend.

    Raises
    ------
    SourceError
        If there is no such file.
    DataError
        If a column is missing or a class is not a whole number from 0 to 255.
    """
    if not legend:
        return {}
    table = _read_table(legend)
    absent = {"code", "class"} - set(table.columns)
    if absent:
        raise DataError(f"legend {legend} has no column {min(absent)!r}; it needs code and class")
    codes, classes = (np.asarray(pd.to_numeric(table[name], errors="coerce"), float) for name in ("code", "class"))
    wrong = ~((codes % 1 == 0) & (classes % 1 == 0) & (classes >= 0) & (classes <= 255))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"legend {legend}, row {row + 2}: code {table['code'].iloc[row]!r} becomes class "
            f"{table['class'].iloc[row]!r}, expected whole numbers, the class from 0 to 255"
        )
    return dict(zip(codes.astype(int).tolist(), classes.astype(int).tolist(), strict=True))


def code_table(variable: str, legend: Mapping[int, int], nodata: float | None) -> np.ndarray:
    """Return the class of each of the 256 codes of an unsigned 8-bit raster, float32, NaN where missing."""
    table = np.arange(256, dtype=np.float32)
    if legend:
        table = np.array([legend.get(code, 0) for code in range(256)], np.float32)
    if legend or variable not in ZERO_IS_A_CODE:
        table[table == 0] = np.nan
    if nodata is not None and 0 <= nodata <= 255 and nodata % 1 == 0:
        table[int(nodata)] = np.nan
    return table


def virtual(dataset: Any, bands: tuple[int, ...], legend: Mapping[int, int], nodata: float | None) -> str:
    """Return the text of a virtual raster with only `bands` of `dataset`, their codes replaced by `legend`.

    Codes are replaced before a warp counts them, so that two codes of one class vote together.
    """
    where = ",".join(repr(float(number)) for number in dataset.transform.to_gdal())
    parts = "".join(_band(dataset, number, band, legend, nodata) for number, band in enumerate(bands, start=1))
    return (
        f'<VRTDataset rasterXSize="{dataset.width}" rasterYSize="{dataset.height}">'
        f"<SRS>{escape(dataset.crs.to_wkt()) if dataset.crs else ''}</SRS><GeoTransform>{where}</GeoTransform>"
        f"{parts}</VRTDataset>"
    )


def _band(dataset: Any, number: int, band: int, legend: Mapping[int, int], nodata: float | None) -> str:
    source = (
        f'<SourceFilename relativeToVRT="0" shared="0">{escape(dataset.name)}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand>"
    )
    if not legend:
        kind = _GDAL_TYPES[dataset.dtypes[band - 1]]
        stated = dataset.nodatavals[band - 1]
        missing = "" if stated is None else f"<NoDataValue>{stated!r}</NoDataValue>"
        return (
            f'<VRTRasterBand dataType="{kind}" band="{number}">{missing}'
            f"<SimpleSource>{source}</SimpleSource></VRTRasterBand>"
        )
    # GDAL draws lines between entries: zeros on both sides of each code keep other codes out
    codes = sorted({code + beside for code in legend for beside in (-1, 0, 1)})
    table = ",".join(f"{code}:{0 if code == nodata else legend.get(code, 0)}" for code in codes)
    return (
        f'<VRTRasterBand dataType="Byte" band="{number}"><NoDataValue>0</NoDataValue>'
        f"<ComplexSource>{source}<LUT>{table}</LUT></ComplexSource></VRTRasterBand>"
    )


def _read_table(legend: str) -> pd.DataFrame:
    if legend.lower().endswith(".csv"):
        return _read_csv(legend)
    if ":" not in legend:
        return tables.read(f"legend_{legend}")
    return pd.DataFrame([pair.split(":", 1) for pair in legend.split(",")], columns=["code", "class"])


def _read_csv(path: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path, encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(
            f"legend {path} cannot be read ({error.strerror}); expected a CSV of code and class"
        ) from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"legend {Path(path).name} is not a CSV table of code and class: {error}") from None


_GDAL_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "uint64": "UInt64",
    "int64": "Int64",
    "float32": "Float32",
    "float64": "Float64",
}
