"""The public face: what `import soilloss` offers, and how little it costs."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import soilloss


@pytest.mark.parametrize("name", soilloss.__all__)
def test_every_public_name_is_there(name):
    assert getattr(soilloss, name) is not None
    assert name in dir(soilloss)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'soilloss' has no attribute 'erosion'"):
        _ = soilloss.erosion


def test_the_version_is_that_of_the_installed_package():
    assert soilloss.__version__ == version("soilloss")


def test_importing_loads_nothing_heavy():
    code = "import sys, soilloss; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numpy", "numba", "xarray", "dask", "rasterio", "geopandas", "matplotlib", "scipy", "pydantic", "cyclopts"}
    assert not heavy & set(loaded)
