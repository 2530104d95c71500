"""One stage of training: schedule, groups of parameters, readiness for refinement."""

import csv

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from soilloss.errors import DataError, SoilLossWarning  # noqa: E402
from soilloss.landcover import loop  # noqa: E402
from soilloss.landcover.settings import Refinement, Stage, Training  # noqa: E402
from soilloss.landcover.synthetic import scene  # noqa: E402
from soilloss.landcover.training import new_model  # noqa: E402

SMALL = Training(size="N", batch=4, epoch=2, precision="float32")


@pytest.fixture(scope="module")
def tiles():
    return scene((8, 1, 1), years=2, size=32).tiles


def run(tiles, training, folder=None):
    model = new_model(tiles, training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = loop.run_stage(model, tiles, training, 0, folder=folder)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    return rows, changed


def test_the_rate_rises_and_falls():
    rates = [loop._rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert np.argmax(rates) == 4
    assert rates[50] == pytest.approx(0.5**0.9)
    assert 0 < rates[-1] < 0.02


def test_norms_biases_and_positions_do_not_decay():
    decays, keeps = loop._groups(new_model(scene((1, 0, 0), years=1, size=32).tiles, SMALL))
    assert decays["weight_decay"] > keeps["weight_decay"] == 0
    assert min(p.dim() for p in decays["params"]) > 1
    assert {p.dim() for p in keeps["params"]} == {1, 2}


def test_each_stage_trains_its_part(tiles, tmp_path):
    rows, changed = run(tiles, SMALL._replace(stages=(Stage("contrast", 3),)))
    assert [row["step"] for row in rows] == [2, 3]
    assert {name.split(".")[0] for name in changed} == {"encoder"}
    rows, changed = run(tiles, SMALL._replace(stages=(Stage("supervise", 2),), class_weights=True), tmp_path)
    assert {name.split(".")[0] for name in changed} == {"encoder", "head"}
    assert 0 <= rows[0]["miou"] <= 1
    ready = Refinement(threshold=0.1, fewest=0.0)
    rows, changed = run(tiles, SMALL._replace(stages=(Stage("refine", 2),), refinement=ready), tmp_path)
    assert {name.split(".")[0] for name in changed} == {"encoder", "head"}
    assert rows[0]["accepted"] == 1
    table = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [line["stage"] for line in table] == ["supervise", "refine"]
    assert float(table[1]["accepted"]) == 1


def test_refinement_does_not_start_below_its_limit(tiles):
    training = SMALL._replace(stages=(Stage("refine", 2),))
    with pytest.warns(SoilLossWarning, match=r"refinement is left out: .* 0% .* 30% are needed; train the supervised"):
        rows, changed = run(tiles, training)
    assert rows == []
    assert not changed


def test_a_loss_that_is_no_number_is_a_sentence(tiles):
    with pytest.raises(DataError, match="the loss of the stage supervise is nan; lower its learning rate"):
        run(tiles, SMALL._replace(stages=(Stage("supervise", 20, 1e18),), epoch=20))


def test_bfloat16_trains_too(tiles):
    rows, _ = run(tiles, SMALL._replace(stages=(Stage("supervise", 2),), precision="bfloat16"))
    assert np.isfinite(rows[0]["loss"])


def test_rare_classes_weigh_more_but_not_without_limit(tiles):
    label = np.ones((8, 32, 32), np.uint8)
    label[:, :8], label[0, 9, 0] = 2, 3
    given = tiles._replace(label=label, split=np.array(["train"] * 8))
    assert loop.label_counts(given, 8)[:3].tolist() == [6143, 2048, 1]
    weight = loop._class_weight(given, new_model(tiles, SMALL))
    assert weight[0] < 1 < weight[1] < weight[2] == loop.HEAVIEST
