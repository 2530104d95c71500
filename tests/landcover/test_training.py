"""Whole training runs: resumed, seeded, shared by two processes, and what is refused."""

import csv

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from soilloss.errors import DataError, SoilLossWarning  # noqa: E402
from soilloss.landcover import batches  # noqa: E402
from soilloss.landcover.settings import Refinement, Stage, Training  # noqa: E402
from soilloss.landcover.storage import load_model  # noqa: E402
from soilloss.landcover.synthetic import scene  # noqa: E402
from soilloss.landcover.training import train  # noqa: E402

TRAINING = Training(
    size="N",
    stages=(Stage("contrast", 2), Stage("supervise", 4), Stage("refine", 4)),
    batch=4,
    epoch=2,
    refinement=Refinement(threshold=0.15, fewest=0.0),
    precision="float32",
)


@pytest.fixture(scope="module")
def tiles():
    return scene((6, 1, 1), years=2, size=32).tiles


@pytest.fixture(scope="module")
def trained(tiles, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return train(tiles, folder, TRAINING, device="cpu", card={"data": "made up"})


def weights(path):
    return load_model(path)[0].state_dict()


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_run_leaves_model_card_and_metrics(trained):
    model, card = load_model(trained)
    assert card["data"] == "made up"
    assert card["training"]["stages"][2] == {"kind": "refine", "steps": 4, "rate": 1e-3}
    assert np.shape(card["scores"]["confusion_by_season"]) == (4, 8, 8)
    assert 0.25 <= card["calibration"]["temperature"] <= 4
    assert model.settings["size"] == "N"
    rows = list(csv.DictReader((trained.parent / "metrics.csv").read_text().splitlines()))
    assert [(row["stage"], row["step"]) for row in rows] == [
        ("contrast", "2"), ("supervise", "2"), ("supervise", "4"), ("refine", "2"), ("refine", "4"),
    ]  # fmt: skip


def test_progress_is_told_step_by_step(tiles, tmp_path):
    told = []
    train(tiles, tmp_path, TRAINING, device="cpu", progress=lambda *what: told.append(what))
    stages = {stage.kind: stage.steps for stage in TRAINING.stages}
    assert told[0] == ("training: contrast", 0, stages["contrast"])
    assert ("training: supervise", stages["supervise"], stages["supervise"]) in told
    assert all(done <= total for _, done, total in told)


def test_the_same_seed_gives_the_same_weights_and_another_others(tiles, trained, tmp_path):
    again = train(tiles, tmp_path / "again", TRAINING, device="cpu")
    assert same(weights(trained), weights(again))
    other = train(tiles, tmp_path / "other", TRAINING._replace(seed=1), device="cpu")
    assert not same(weights(trained), weights(other))


@pytest.mark.parametrize("crash", [1, 4, 7, 9])
def test_a_crashed_run_goes_on_to_the_same_weights(tiles, trained, tmp_path, monkeypatch, crash):
    """The reader dies in some step of each stage; what was done before the last checkpoint is not done again."""
    calls = 0
    read = batches.ahead

    def dying(make, count):
        nonlocal calls
        for batch in read(make, count):
            calls += 1
            if calls == crash:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(batches, "ahead", dying)
    with pytest.raises(KeyboardInterrupt):
        train(tiles, tmp_path, TRAINING, device="cpu")
    monkeypatch.setattr(batches, "ahead", read)
    assert same(weights(trained), weights(train(tiles, tmp_path, TRAINING, device="cpu")))
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert len(rows) == 5


def test_a_run_does_not_go_on_with_other_tiles(trained):
    other = scene((6, 1, 1), years=2, size=32, seed=1).tiles
    with pytest.raises(DataError, match="is of a run with tiles = [0-9a-f]+, now it is"):
        train(other, trained.parent, TRAINING, device="cpu")


def test_a_finished_run_is_not_repeated(tiles, trained, monkeypatch):
    before = weights(trained)
    monkeypatch.setattr(batches, "ahead", lambda make, count: pytest.fail("trained again"))
    assert same(before, weights(train(tiles, trained.parent, TRAINING, device="cpu")))


def test_refinement_that_is_not_ready_leaves_the_supervised_model(tiles, tmp_path):
    training = TRAINING._replace(refinement=Refinement(threshold=0.99))
    with pytest.warns(SoilLossWarning, match="refinement is left out"):
        path = train(tiles, tmp_path, training, device="cpu")
    assert load_model(path)[1]["training"]["refinement"]["threshold"] == 0.99


SCRIPT = """
import sys
from soilloss.landcover.settings import Refinement, Stage, Training
from soilloss.landcover.synthetic import scene
from soilloss.landcover.training import train
stages = (Stage("contrast", 2), Stage("supervise", 2), Stage("refine", 2))
ready = Refinement(threshold=0.15, fewest=0.0)
training = Training(size="N", stages=stages, batch=4, epoch=2, refinement=ready, precision="float32")
train(scene((6, 1, 1), years=2, size=32).tiles, sys.argv[1], training, device="cpu")
"""


def test_two_processes_train_one_network(tmp_path, torchrun):
    torchrun(SCRIPT, tmp_path / "run")
    assert load_model(tmp_path / "run/model.safetensors")[1]["network"]["size"] == "N"
    rows = list(csv.DictReader((tmp_path / "run/metrics.csv").read_text().splitlines()))
    assert [row["stage"] for row in rows] == ["contrast", "supervise", "refine"]


@pytest.mark.parametrize(
    ("change", "training", "sentence"),
    [
        ({}, {"batch": 1}, "one tile of 32 cells for each process .* take a larger batch"),
        ({}, {"batch": 32}, "6 training tiles, fewer than the batch of 32; lower the batch"),
        ({"weight": np.zeros(8, "f4")}, {}, "no quarter has labels"),
        ({"weight": np.ones(8, "f4")}, {}, "needs quarters without labels; leave the stage out"),
        ({"held_out": np.arange(8) > 0}, {"stages": (Stage("contrast", 1),)}, "two quarters at least"),
        ({}, {"stages": (Stage("refined", 1),)}, "stages are refined; expected some of contrast, supervise, refine"),
        ({"image": np.zeros((8, 8, 5, 40, 40), "i2")}, {}, "sides of 40 cells; the network needs a multiple of 32"),
        ({"label": np.zeros((8, 32, 32), "u1")}, {}, "no cell of the training tiles has a label"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(tiles, tmp_path, change, training, sentence):
    with pytest.raises(DataError, match=sentence):
        train(tiles._replace(**change), tmp_path, TRAINING._replace(**training), device="cpu")


def test_a_class_without_cells_is_named(tiles, tmp_path):
    label = np.where(tiles.label == 8, 0, tiles.label)
    with pytest.warns(SoilLossWarning, match="is wetland, so the network cannot learn it; add tiles"):
        train(tiles._replace(label=label), tmp_path, TRAINING._replace(stages=()), device="cpu")
