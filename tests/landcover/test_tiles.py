"""Opening tiles; what `cut_tiles` writes is tested beside it."""

import pytest

from soilloss.errors import SourceError
from soilloss.landcover.tiles import open_tiles


def test_there_are_no_tiles(tmp_path):
    with pytest.raises(SourceError, match="cut them first: soilloss landcover tiles"):
        open_tiles(tmp_path / "none.zarr")
