#!/bin/bash
# Outputs of SAGA GIS (Debian: apt-get install --no-install-recommends saga). PYTHON: one with rasterio and NumPy.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3} version=$(saga_cmd --version | grep -o 'SAGA Version: [0-9.]*') work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
s() { saga_cmd -f=s "$@" >/dev/null 2>&1; }
for name in dem plane slope area; do s io_gdal 0 -FILES inputs/$name.tif -GRIDS "$work/$name.sgrd"; done
save() { # map, words
  "$python" text.py "$work/$1.sdat" "outputs/saga_$1.csv" "$version: $2"
}
tool() { # map, output option, words of the command without it
  local map=$1 option=$2; shift 2
  s "$@" "$option" "$work/$map.sgrd"
  save "$map" "saga_cmd ${*//$work\//} $option $map.sgrd"
}
w=$work
tool ls_moore -LS ta_hydrology 22 -SLOPE "$w/slope.sgrd" -AREA "$w/area.sgrd" -CONV 0 -METHOD 0
tool ls_desmet -LS ta_hydrology 22 -SLOPE "$w/slope.sgrd" -AREA "$w/area.sgrd" -CONV 0 -METHOD 1
tool ls_desmet_thawing -LS ta_hydrology 22 -SLOPE "$w/slope.sgrd" -AREA "$w/area.sgrd" -CONV 0 -METHOD 1 -STABILITY 1
tool ls_boehner -LS ta_hydrology 22 -SLOPE "$w/slope.sgrd" -AREA "$w/area.sgrd" -CONV 0 -METHOD 2
tool cells_d8 -FLOW ta_hydrology 0 -ELEVATION "$w/dem.sgrd" -METHOD 0 -FLOW_UNIT 0
tool cells_mfd -FLOW ta_hydrology 0 -ELEVATION "$w/dem.sgrd" -METHOD 4 -CONVERGENCE 1.1 -FLOW_UNIT 0
tool plane_ls_field -LS_FACTOR ta_hydrology 25 -DEM "$w/plane.sgrd" -METHOD 1 -METHOD_AREA 0
