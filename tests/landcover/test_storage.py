"""Model files: round trip, card, and what is refused."""

import json
import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
import soilloss  # noqa: E402
from soilloss.errors import DataError, SourceError  # noqa: E402
from soilloss.landcover.network import HRFormer, set_moments  # noqa: E402
from soilloss.landcover.storage import (  # noqa: E402
    BANDS,
    CLASSES,
    check_bands,
    fingerprint,
    load_model,
    read_card,
    save_model,
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = HRFormer(size="N")
    set_moments(model, [[0.1, 0.2, 0.3, 0.4, 0.5], [0.01, 0.02, 0.03, 0.04, 0.05]])
    return model.eval()


def test_a_model_comes_back_with_its_card(model, tmp_path):
    path = tmp_path / "model.safetensors"
    written = save_model(path, model, {"data": "made up", "calibration": {"temperature": 1.25}})
    again, card = load_model(path)
    assert card == written == read_card(path)
    assert card["data"] == "made up"
    assert card["calibration"] == {"temperature": 1.25}
    assert tuple(card["classes"]) == CLASSES
    assert card["normalisation"]["mean"] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert card["sha256"] == fingerprint(model.state_dict())
    image = torch.rand(1, 5, 64, 64)
    assert torch.equal(again(image), model(image))
    assert not again.training
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_model_makes_the_same_file(model, tmp_path):
    save_model(tmp_path / "a", model, {})
    save_model(tmp_path / "b", model, {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("write", [torch.save, lambda data, path: path.write_bytes(pickle.dumps(data))])
def test_pickles_are_refused(model, tmp_path, write):
    path = tmp_path / "model.pt"
    write({"weights": [1, 2]}, path)
    with pytest.raises(DataError, match="Pickled models .* are refused; load it where you trust it"):
        load_model(path)


def test_damaged_and_missing_files_are_sentences(model, tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(SourceError, match="there is no model file"):
        load_model(path)
    save_model(path, model, {})
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] + b"\x01\x02\x03\x04")
    with pytest.raises(DataError, match="differ from the hash"):
        load_model(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="no safetensors file"):
        load_model(path)


def test_a_file_without_card_is_refused(model, tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match="has no model card"):
        load_model(tmp_path / "x.safetensors")


def test_a_card_of_another_network_is_refused(model, tmp_path):
    from safetensors.torch import save_file

    card = save_model(tmp_path / "m", model, {})
    card["network"]["window"] = 7
    save_file(model.state_dict(), tmp_path / "m", {"card": json.dumps(card)})
    with pytest.raises(DataError, match="do not fit the network of its card"):
        load_model(tmp_path / "m")


def test_other_bands_are_refused(model, tmp_path):
    card = save_model(tmp_path / "m", model, {})
    check_bands(card, BANDS)
    with pytest.raises(DataError, match="have the bands red, green, the model was trained on blue, green, red"):
        check_bands(card, ("red", "green"))
    with pytest.raises(DataError, match="names 2 bands .* the network has 5"):
        save_model(tmp_path / "n", model, {"bands": ("a", "b")})


def test_the_packaged_model_knows_made_up_places_it_has_not_seen():
    from soilloss.landcover.synthetic import scene
    from soilloss.landcover.validation import confusion, summary

    model, card = load_model("small")
    assert "No image of a satellite" in card["data"]
    assert (Path(soilloss.__file__).parent / "landcover/models/small.safetensors").stat().st_size < 15e6
    made = scene((1, 0, 4), seed=99)
    found = confusion(model, made.tiles, split="test", quarters=range(16), truth=made.truth)
    assert summary(found)["overall_accuracy"] > 0.75  # the commonest of eight classes has a sixth
