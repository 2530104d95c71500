"""The example of the Mula-Mutha catchment, on a corner of it: real data, and every question of the project file."""

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import yaml
from shapely.geometry import box

from soilloss.workflow import record
from soilloss.workflow.site import open_site
from soilloss.workflow.variants import execute_all

EXAMPLE = Path(__file__).parents[3] / "examples/mula_mutha.yml"


@pytest.fixture(scope="module")
def corner(shared_data, tmp_path_factory):
    """The folder of a run over 80 square kilometres south-west of Pune."""
    folder = tmp_path_factory.mktemp("mula_mutha")
    area = gpd.GeoDataFrame({"Id": [1]}, geometry=[box(73.70, 18.40, 73.78, 18.48)], crs=4326)
    area.to_file(folder / "corner.gpkg")
    project = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    project |= {"data": str(shared_data / "mula_mutha"), "area": str(folder / "corner.gpkg")}
    project |= {"zones": {"file": str(folder / "corner.gpkg"), "name": "Id"}}
    (folder / "project.yml").write_text(yaml.safe_dump(project), encoding="utf-8")
    return execute_all(open_site(folder / "project.yml"))[0].folder


def test_every_question_is_answered(corner):
    asked = [
        next(iter(one)) if isinstance(one, dict) else one for one in yaml.safe_load(EXAMPLE.read_text())["analysis"]
    ]
    answered = {entry["name"]: entry for entry in record.read(corner)["analyses"]}
    assert set(answered) == set(asked) - {"summary", "severity", "scenario"} | {"variants"}
    assert all(entry["words"] and entry["tables"] and entry["figures"] for entry in answered.values())
    for entry in answered.values():
        assert all((corner / one["path"]).is_file() for one in [*entry["rasters"], *entry["tables"]])


def test_transitions_keep_the_area(corner):
    long = pd.read_csv(corner / "tables/transitions_land_cover.csv")
    whole = long[long["place"] == "whole area"].groupby(["from period", "to period"])["area [ha]"].sum()
    assert whole.max() == pytest.approx(whole.min(), rel=1e-3)
    matrix = pd.read_csv(corner / "tables/transition_matrix_land_cover.csv").set_index("from")
    assert matrix.drop(columns="sum [ha]").sum(axis=1).to_numpy() == pytest.approx(matrix["sum [ha]"].to_numpy())


def test_the_hot_spot_is_a_tenth_of_the_land(corner):
    zones = pd.read_csv(corner / "tables/hot_spot_zones.csv")
    assert zones["hot spot [% of zone]"].iloc[0] == pytest.approx(10, abs=0.2)


def test_the_causes_sum_to_the_change(corner):
    table = pd.read_csv(corner / "tables/attribution.csv")
    change = pd.read_csv(corner / "tables/attribution_change.csv").set_index("place")["change [t ha-1 yr-1]"]
    parts = table[table["factor"] != "change"].groupby("place")[
        ["contribution [t ha-1 yr-1]", "by Shapley [t ha-1 yr-1]"]
    ]
    for place, row in parts.sum().iterrows():
        assert row.tolist() == pytest.approx([change[place]] * 2, rel=1e-7)


def test_the_scenario_converts_steep_fields(corner):
    table = pd.read_csv(corner / "tables/variants.csv").set_index("variant")
    assert list(table.index) == ["wetter", "scenario"]
    assert table.loc["wetter", "difference [%]"] > 10
    assert table.loc["scenario", "difference [%]"] < 0
    conversions = pd.read_csv(corner / "tables/conversions.csv")
    assert conversions[["from", "to"]].to_numpy().tolist() == [["cropland", "forest"]]
    assert (corner / "variants/scenario/report.html").is_file()
