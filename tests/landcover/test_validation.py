"""Confusion by season and calibration, on networks whose answers are known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from torch import nn  # noqa: E402

from soilloss.landcover import validation  # noqa: E402
from soilloss.landcover.tiles import NODATA, Tiles  # noqa: E402


class Reads(nn.Module):
    """Says the class that the first band holds, in hundredths, with a confidence that is given."""

    def __init__(self, logit):
        super().__init__()
        self.settings, self.logit = {"classes": 3}, logit
        self.register_buffer("moments", torch.zeros(2, 1))

    def forward(self, image):
        said = torch.nan_to_num(image[:, 0] * 100).round().long().clamp(1, 3) - 1
        return self.logit * nn.functional.one_hot(said, 3).permute(0, 3, 1, 2).float()


def tiles(wrong=0.0, seed=0):
    random = np.random.default_rng(seed)
    label = random.integers(1, 4, (3, 16, 16)).astype(np.uint8)
    said = np.where(random.random((3, 4, 16, 16)) < wrong, random.integers(1, 4, (3, 4, 16, 16)), label[:, None])
    image = (said * 100)[:, :, None].astype(np.int16)
    names = ("2021-Q1", "2021-Q2", "2021-Q3", "2021-Q4")
    weight = np.array([0, 1, 1, 0], np.float32)
    return Tiles(image, label, np.array(["train", "val", "val"]), names, weight, np.zeros(4, bool), np.zeros((2, 1)))


def test_a_perfect_map_fills_the_diagonal_of_the_labelled_seasons():
    given = tiles()
    found = validation.confusion(Reads(1.0), given)
    assert found[[0, 3]].sum() == 0
    expected = np.diag(np.bincount(given.label[1:].ravel(), minlength=4)[1:])
    np.testing.assert_array_equal(found[1], expected)
    np.testing.assert_array_equal(found[2], expected)
    assert validation.summary(found) == {"overall_accuracy": 1.0, "miou": 1.0}


def test_rows_are_labels_and_cells_without_data_or_label_are_left_out():
    given = tiles()
    given.label[:] = 2
    given.label[1, 0] = 0
    image = given.image.copy()
    image[:] = 300
    image[1, 1, :, 5] = NODATA
    found = validation.confusion(Reads(1.0), given._replace(image=image), quarters=[1])
    assert found[1, 1, 2] == found.sum() == 2 * 256 - 16 - 16


def test_known_truth_of_every_quarter():
    given = tiles()
    truth = np.broadcast_to(given.label[:, None], (3, 4, 16, 16))
    found = validation.confusion(Reads(1.0), given, split="train", quarters=[0, 3], truth=truth)
    assert found.sum(axis=(1, 2)).tolist() == [256, 0, 0, 256]


def test_no_cells_is_not_a_number():
    assert np.isnan(validation.summary(np.zeros((4, 3, 3)))["miou"])


@pytest.mark.parametrize("logit", [1.0, 6.0])
def test_temperature_makes_confidence_honest(logit):
    """With a share w of answers drawn at random the right confidence is 1 - 2 w / 3."""
    given, wrong = tiles(wrong=0.45), 0.45
    found = validation.calibrated(Reads(logit), given)
    honest = np.log((1 - 2 * wrong / 3) / (wrong / 3))
    assert found["temperature"] == pytest.approx(np.clip(logit / honest, 0.25, 4), rel=0.12)
    assert found["error"] < 0.03 < found["error_before"]


def test_months_and_years_have_seasons():
    given = tiles()._replace(quarters=("2020", "2021-05", "2021-12", "2021"))
    found = validation.confusion(Reads(1.0), given)
    assert found.sum(axis=(1, 2)).tolist() == [0, 512, 0, 512]
