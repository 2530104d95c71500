"""Two processes on the loopback train as one."""

import pytest

torch = pytest.importorskip("torch", reason="the landcover extra is not installed")
from soilloss.landcover import together  # noqa: E402

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
