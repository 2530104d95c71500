import numpy as np
import pytest

from soilloss.publish.report import write_report
from soilloss.workflow import record, variants, versus
from soilloss.workflow.project import validate
from soilloss.workflow.site import open_site


def project(period):
    return validate({"sources": {"practice": 1}, **({"period": period} if period else {})})


@pytest.mark.parametrize(
    ("own", "other", "label"),
    [
        ({"start": 2001, "end": 2003}, {"start": 2001, "end": 2003, "step": "quarter"}, "mean"),
        ({"start": 2001, "end": 2003}, {"start": 2002, "end": 2002}, "2002"),
        ({"start": 2001, "end": 2003}, {"start": 2002, "end": 2003}, ""),
        ({"start": 2001, "end": 2003}, {"start": 2009, "end": 2009}, ""),
        (None, None, "mean"),
    ],
)
def test_a_variant_is_set_against_what_it_matches(own, other, label):
    assert versus.common_label(project(own), project(other)) == label


def test_periods_without_common_ground_are_said(landscape, write_project):
    given = {
        "later": {"period": {"start": 2002, "end": 2003}},
        "wet": {"sources": {"annual_precipitation": {"times": 2}}},
    }
    sources = {"elevation": "dem.tif", "annual_precipitation": "rain_{year}.tif", "ndvi": "ndvi_{year}.tif"}
    sources |= {"erodibility": 0.03, "topography": 2.0, "practice": 0.5}
    site = open_site(write_project(landscape, sources=sources, zero_classes=None, variants=given))
    variants.execute_all(site)
    made = record.read(landscape / "out")
    (entry,) = made["analyses"]
    assert entry["words"][0].endswith("; its years are others than the project's: no comparison.")
    assert entry["words"][1].startswith("wet raises mean soil loss by ")
    assert [one["path"] for one in entry["rasters"]] == ["differences/wet.tif"]
    page = write_report(landscape / "out", made).read_text(encoding="utf-8")
    assert "Each variant against the project" in page
    assert (landscape / "out/figures/differences.png").is_file()
    assert "wet minus base" in str(entry["rasters"])


def test_conversions_are_per_class_and_hectare():
    sums = np.zeros((3, 256**2))
    sums[:, 4 * 256 + 1] = (10.0, 50.0, 20.0)
    sums[:, 4 * 256 + 12] = (1.0, 5.0, 2.0)
    table = versus._conversion_table("forest", sums)
    assert table["to"].tolist() == ["forest", "class 12"]
    row = table.iloc[0]
    assert (row["from"], row["to"], row["area [ha]"]) == ("cropland", "forest", 10.0)
    assert row["before [t ha-1 yr-1]"] == 5.0
    assert row["difference per hectare [t ha-1 yr-1]"] == -3.0
    assert row["difference in total [t yr-1]"] == -30.0


@pytest.mark.parametrize(
    ("mean", "said"),
    [(2.0, "x has 2 t ha⁻¹ yr⁻¹; the project of 2010 has no soil loss to"), (np.nan, "x has no cell with soil loss.")],
)
def test_nothing_to_compare_is_said(mean, said):
    row = {"variant": "x", "compared with": "2010", "mean soil loss [t ha-1 yr-1]": mean, "difference [%]": np.nan}
    assert versus._sentence(row).startswith(said)
