"""The page of a land-cover series, from made-up tables and maps."""

import numpy as np
import pytest

from soilloss.grid.target import make_grid
from soilloss.publish.landcover import write_page
from soilloss.publish.rasters import Draft

GRID = make_grid((500_000, 4_000_000, 500_900, 4_000_600), "EPSG:32649", 10)
STEPS = [f"2021-Q{quarter}" for quarter in (1, 2, 3, 4)]
SCORE = {"set": "ours", "n": 90, "overall_accuracy": 0.875, "kappa": 0.8, "fwiou": 0.7, "miou": 0.6}
CLASS = {"set": "ours", "map": "smoothed", "class": "forest", "n": 30}
CLASS |= {"producer_accuracy": 0.9, "user_accuracy": float("nan"), "f1": 0.85, "iou": 0.7}
AREA = {"set": "ours", "class": "forest", "mapped [ha]": 30.0, "area [ha]": 28.0, "interval [ha]": 4.0, "n": 30}
FOUND = {
    "scores": [SCORE | {"map": m, "period": "all"} for m in ("single", "smoothed")],
    "classes": [CLASS],
    "changes": [
        {"set": "ours", "map": "smoothed", "changes": 3, "recall": 1.0, "precision": 0.5, "f1": 0.667}
        | {"flips": 0.4, "consistent": 0.99}
    ],
    "calibration": [{"set": "ours", "error": 0.03, "confidence": c, "accuracy": c - 0.05} for c in (0.5, 0.7, 0.9)],
    "areas": [AREA | {"year": 2020}, AREA | {"year": 2021}],
    "agreement": [{"set": "ours", "points": 88, "undecided": 2, "agreement": 0.9, "kappa": 0.8}],
}


@pytest.fixture
def folder(tmp_path):
    for step in STEPS:
        with Draft(tmp_path / "maps" / f"{step}.tif", GRID, dtype="uint8", nodata=0, tags={}) as draft:
            cells = np.random.default_rng(0).integers(0, 9, GRID.shape).astype("u1")
            draft.write((slice(0, GRID.shape[0]), slice(0, GRID.shape[1])), cells)
            draft.finish(overviews=False)
    (tmp_path / "accuracy").mkdir()
    (tmp_path / "accuracy/confusion_ours_smoothed.csv").write_text("reference,forest,bare\nforest,27,3\nbare,5,55\n")
    return tmp_path


def test_the_page_says_what_was_found(folder):
    panels = [("nir, red, green", np.random.default_rng(1).random((20, 30, 3))), ("smoothed", np.ones((20, 30)))]
    page = write_page(folder, FOUND, ["swir1 looks odd"], STEPS, [("the <dam>", panels)])
    text = page.read_text()
    for words in ("87.5 %", "the &lt;dam&gt;", "swir1 looks odd", "Areas with intervals", "never back and forth"):
        assert words in text
    assert "nan" not in text.replace("nano", "")
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {"maps.png", "site_1.png", "areas.png", "confidence.png"}


def test_what_is_not_known_has_no_section(folder):
    found = FOUND | {"areas": [], "calibration": [], "changes": [], "agreement": []}
    text = write_page(folder, found, [], STEPS, []).read_text()
    for words in ("Areas with intervals", "Is the confidence honest", "At named places"):
        assert words not in text
