import pandas as pd
import pytest


@pytest.fixture(scope="module")
def frames(finished):
    return {path.stem: pd.read_csv(path) for path in (finished / "out/tables").iterdir()}


def test_means_totals_and_areas_belong_together(frames):
    summary = frames["summary"]
    assert summary["step"].tolist() == ["mean", "2001", "2002", "2003"]
    mean, total, area = (summary[c] for c in ("mean soil loss [t ha-1]", "total soil loss [t]", "area [ha]"))
    pd.testing.assert_series_equal(mean * area, total, check_names=False, rtol=1e-6)


@pytest.mark.parametrize("name", ["severity", "zones"])
def test_parts_add_up_to_the_whole(frames, name):
    parts = frames[name].groupby("step")[["area [ha]", "total soil loss [t]"]].sum()
    whole = frames["summary"].set_index("step")[["area [ha]", "total soil loss [t]"]]
    pd.testing.assert_frame_equal(parts.loc[whole.index], whole, rtol=1e-4)
    if name == "severity":
        shares = frames[name].groupby("step")["share [%]"].sum()
        assert shares.to_list() == pytest.approx([100] * 4)
