"""Two processes on the loopback train as one."""

import json

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from soilloss.landcover import together  # noqa: E402
from soilloss.landcover.demo import write_demo  # noqa: E402

SCRIPT = """
import sys, torch
from pathlib import Path
from soilloss.landcover import losses, together
rank, world = together.join("cpu")
torch.manual_seed(0)
whole = torch.randn(2, 6, 5)                      # first times, second times
weight = torch.ones(5, requires_grad=True)
mine = whole[:, rank * 3:(rank + 1) * 3].reshape(6, 5) * weight
loss = losses.info_nce(together.gathered(mine))
loss.backward()
torch.distributed.all_reduce(weight.grad)
if rank == 0:
    alone = torch.ones(5, requires_grad=True)
    expected = losses.info_nce((whole * alone).reshape(12, 5))
    expected.backward()
    assert torch.allclose(loss, expected), (loss, expected)
    assert torch.allclose(weight.grad / world, alone.grad, atol=1e-6), (weight.grad, alone.grad)
    Path(sys.argv[1]).write_text("same")
together.wait()
"""


def test_contrast_over_two_processes_is_that_of_the_whole_batch(tmp_path, torchrun):
    torchrun(SCRIPT, tmp_path / "answer")
    assert (tmp_path / "answer").read_text() == "same"


def test_alone_nothing_is_shared():
    assert together.join("cpu") == (0, 1)
    x = torch.randn(4, 2)
    assert together.gathered(x) is x
    together.wait()
    assert together.local_device("cuda:3") == "cuda:3"


PROJECT = """
import sys
from soilloss.workflow.landcover import open_work, teach
train = {"size": "N", "contrast": 0, "supervise": 1, "refine": 0, "batch": 4, "device": "cpu"}
tiles = {"size": 32, "block": 2, "per_class": 12}
teach(open_work(sys.argv[1], {"landcover.train": train, "landcover.tiles": tiles}, workers=1))
"""


def test_two_processes_share_the_work_of_a_project(tmp_path, torchrun):
    project = write_demo(tmp_path / "area", shape=(160, 192), years=1, seed=4)
    torchrun(PROJECT, project)
    record = json.loads((project.parent / "landcover/record.json").read_text())
    assert record["model"]["key"] == record["training"]["key"]
    assert (project.parent / "landcover/model/model.safetensors").is_file()
