"""Checkpoints: everything comes back, other runs are refused."""

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from soilloss.errors import DataError  # noqa: E402
from soilloss.landcover import checkpoint  # noqa: E402
from soilloss.landcover.checkpoint import Position  # noqa: E402


def stepped(steps, module=None, optimiser=None):
    torch.manual_seed(0)
    module = module or torch.nn.Linear(3, 2)
    optimiser = optimiser or torch.optim.AdamW(module.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        module(torch.ones(1, 3)).square().sum().backward()
        optimiser.step()
    return module, optimiser


def test_the_next_step_is_the_same(tmp_path):
    path, settings = tmp_path / "c.safetensors", {"seed": 1, "stages": [("a", 2)]}
    module, optimiser = stepped(3)
    checkpoint.write(path, Position(1, 4), module, optimiser, settings)
    position, tensors = checkpoint.read(path, settings)
    assert position == Position(1, 4)
    other = torch.nn.Linear(3, 2)
    fresh = torch.optim.AdamW(other.parameters(), lr=0.1)
    checkpoint.restore(tensors, other, fresh)
    stepped(2, module, optimiser)
    stepped(2, other, fresh)
    assert torch.equal(module.weight, other.weight)


def test_no_checkpoint_is_the_start(tmp_path):
    assert checkpoint.read(tmp_path / "none", {}) == (Position(0, 0), {})


def test_other_settings_and_damage_are_sentences(tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoint.write(path, Position(), *stepped(1), {"seed": 1})
    with pytest.raises(DataError, match="of a run with seed = 1, now it is 2; train into another folder"):
        checkpoint.read(path, {"seed": 2})
    path.write_bytes(b"x" * 20)
    with pytest.raises(DataError, match="is damaged .* remove it"):
        checkpoint.read(path, {"seed": 1})
