#!/bin/bash
# Outputs of GRASS GIS (Debian: apt-get install --no-install-recommends grass-core). PYTHON: one with rasterio and NumPy.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3} version=$(grass --version 2>&1 | grep -om1 "GRASS GIS [0-9.]*") work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
grass -c inputs/dem.tif -e "$work/place" >/dev/null 2>&1
g() { grass "$work/place/PERMANENT" --exec "$@" >/dev/null 2>&1; }
for name in dem plane sand silt clay matter; do g r.in.gdal -o input=inputs/$name.tif output=$name; done
save() { # map, words
  g r.out.gdal -f input="$1" output="$work/$1.tif" type=Float64 createopt=COMPRESS=DEFLATE nodata=-9999
  "$python" text.py "$work/$1.tif" "outputs/grass_$1.csv" "$version: $2"
}
g g.region raster=dem
g r.slope.aspect elevation=dem slope=slope aspect=aspect format=degrees
save slope "r.slope.aspect elevation=dem slope=slope format=degrees"
g r.watershed -s -a elevation=dem accumulation=cells_d8 length_slope=ls slope_steepness=s threshold=100000
save cells_d8 "r.watershed -s -a elevation=dem accumulation=cells_d8 threshold=100000"
g r.watershed -a elevation=dem accumulation=cells_mfd convergence=1 threshold=100000
save cells_mfd "r.watershed -a elevation=dem accumulation=cells_mfd convergence=1 threshold=100000"
save ls "r.watershed -s elevation=dem length_slope=ls threshold=100000"
save s "r.watershed -s elevation=dem slope_steepness=s threshold=100000"
g g.region raster=plane
g r.watershed -s -a elevation=plane accumulation=plane_cells length_slope=plane_ls slope_steepness=plane_s threshold=100000
save plane_cells "r.watershed -s -a elevation=plane accumulation=plane_cells threshold=100000"
save plane_ls "r.watershed -s elevation=plane length_slope=plane_ls threshold=100000"
save plane_s "r.watershed -s elevation=plane slope_steepness=plane_s threshold=100000"
g g.region raster=sand
# doubles that sum to 1 exactly: single-precision fractions come back empty where they miss 1 by their last bit
for name in sand silt clay; do g r.mapcalc "${name}_d = double(round($name * 1000) / 1000.0)"; done
g r.uslek psand=sand_d psilt=silt_d pclay=clay_d pomat=matter output=uslek
save uslek "r.uslek psand=sand psilt=silt pclay=clay pomat=matter output=uslek"
