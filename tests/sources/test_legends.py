import numpy as np
import pytest

from soilloss.errors import DataError, SourceError
from soilloss.sources import legends


def test_packaged_legend():
    assert legends.read_legend("worldcover")[10] == 1
    assert legends.read_legend("") == {}


def test_an_edited_legend_is_read_again(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("code,class\n1,2\n")
    assert legends.read_legend(str(path)) == {1: 2}
    path.write_text("code,class\n1,3\n")
    assert legends.read_legend(str(path)) == {1: 3}
    with pytest.raises(SourceError, match="absent.csv cannot be read"):
        legends.read_legend(str(tmp_path / "absent.csv"))


def test_table_of_codes():
    plain = legends.code_table("land_cover", {}, 255)
    assert np.isnan(plain[[0, 255]]).all()
    assert plain[254] == 254
    assert legends.code_table("channels", {}, None)[0] == 0
    converted = legends.code_table("land_cover", {0: 7, 10: 1, 20: 0}, None)
    assert converted[[0, 10]].tolist() == [7, 1]
    assert np.isnan(converted[[20, 30]]).all()
    assert np.isnan(legends.code_table("land_cover", {0: 7}, 0)[0])


def test_pairs_are_a_legend():
    assert legends.read_legend("0: 7, 30: 1") == {0: 7, 30: 1}
    with pytest.raises(DataError, match="expected whole numbers"):
        legends.read_legend("30: tree")
