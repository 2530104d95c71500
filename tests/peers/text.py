"""Write a raster as text: ``python text.py RASTER OUTPUT.csv "words for its first line"``."""

import sys

import numpy as np
import rasterio


def main(raster: str, output: str, words: str) -> None:
    """Write the first band, missing as nan, nine digits."""
    with rasterio.open(raster) as source:
        values = source.read(1, masked=True).astype(float).filled(np.nan)
    np.savetxt(output, values, fmt="%.9g", delimiter=",", header=words)


if __name__ == "__main__":
    main(*sys.argv[1:])
