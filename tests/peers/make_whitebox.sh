#!/bin/bash
# Outputs of Whitebox (pip install whitebox-workflows). WHITEBOX: a Python that has it. PYTHON: one with rasterio and NumPy.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3} whitebox=${WHITEBOX:-python3} work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version="whitebox-workflows $("$whitebox" -c 'import importlib.metadata as m; print(m.version("whitebox-workflows"))')"
"$python" - "$work" <<'P'
import sys
import numpy as np
import rasterio
with rasterio.open("inputs/slope.tif") as source, rasterio.open(f"{sys.argv[1]}/degrees.tif", "w", **source.profile) as out:
    out.write(np.degrees(source.read(1)), 1)
P
"$whitebox" - "$work" <<'P'
import sys
import whitebox_workflows as w
work = sys.argv[1]
e = w.WbEnvironment()
dem, area, degrees = (e.read_raster(path) for path in ("inputs/dem.tif", "inputs/area.tif", f"{work}/degrees.tif"))
made = {
    "slope": e.terrain.slope(input=dem, units="degrees"),
    "cells_d8": e.hydrology.d8_flow_accum(input=dem, out_type="cells"),
    "cells_fd8": e.hydrology.fd8_flow_accum(dem=dem, out_type="cells", exponent=1.1),
    "sti": e.hydrology.sediment_transport_index(sca=area, slope=degrees),
}
for name, raster in made.items():
    e.write_raster(raster, f"{work}/{name}.tif")
P
save() { "$python" text.py "$work/$1.tif" "outputs/whitebox_$1.csv" "$version: $2"; }
save slope "slope(dem, units='degrees')"
save cells_d8 "d8_flow_accum(dem, out_type='cells')"
save cells_fd8 "fd8_flow_accum(dem, out_type='cells', exponent=1.1)"
save sti "sediment_transport_index(area, slope in degrees)"
