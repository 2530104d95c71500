# pyright: reportMissingImports=false
"""Several processes that train one network (`torchrun`): who am I, and what do all hold together."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def join(device: str) -> tuple[int, int]:
    """Join the processes that `torchrun` has started, and return own number and their count; alone it is (0, 1)."""
    if "WORLD_SIZE" not in os.environ:
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return dist.get_rank(), dist.get_world_size()


def local_device(device: str) -> str:
    """Return the device of this process: the graphics card of its number where there is one."""
    if device:
        return device
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"


def gathered(pairs: Tensor) -> Tensor:
    """Return the embeddings ``(2 k, d)`` of all processes, first times before second times; gradients flow back."""
    if not dist.is_initialized():
        return pairs
    halves = pairs.reshape(2, -1, pairs.shape[-1])
    return torch.cat(all_gather(halves), dim=1).reshape(-1, pairs.shape[-1])


def wait() -> None:
    """Wait for the other processes."""
    if dist.is_initialized():
        dist.barrier()
