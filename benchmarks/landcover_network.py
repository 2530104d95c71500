"""Seconds per tile of the network in its forms, in one run: eager, folded, bfloat16, onnxruntime.

    python benchmarks/landcover_network.py [--sizes T S] [--tile 256] [--repeat 6] [--threads 1]

Processor seconds of one tile of 256 x 256 x 5 with random weights, the least of several runs; with more threads wall
seconds too, which mean something on an idle machine only.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from soilloss.landcover import HRFormer, folded, predictor


def least(function: Callable[[], Any], repeat: int) -> tuple[float, float]:
    """Least processor and wall seconds of a call."""
    function()
    found = []
    for _ in range(repeat):
        began = time.process_time(), time.perf_counter()
        function()
        found.append((time.process_time() - began[0], time.perf_counter() - began[1]))
    return min(cpu for cpu, _ in found), min(wall for _, wall in found)


def forms(size: str, tile: int, threads: int) -> dict[str, Callable[[], Any]]:
    """Each form of a network as a call on one tile."""
    torch.manual_seed(0)
    model = HRFormer(size=size).eval()
    fast, half = folded(model), folded(model).to(torch.bfloat16)
    image = torch.rand(1, 5, tile, tile)
    last = image.to(memory_format=torch.channels_last)
    run = predictor(model, tile=tile, threads=threads)
    array = image.numpy()
    return {
        "eager": lambda: model(image),
        "folded, channels last": lambda: fast(last),
        "folded, bfloat16": lambda: half(last.to(torch.bfloat16)),
        "onnxruntime": lambda: run(array),
    }


def main() -> None:
    """Print a row per size and form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["T", "S"])
    parser.add_argument("--tile", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("| size | form | core-s per tile | to eager | wall s |\n|---|---|---:|---:|---:|")
    with torch.inference_mode():
        for size in given.sizes:
            timed = {name: least(call, given.repeat) for name, call in forms(size, given.tile, given.threads).items()}
            for name, (cpu, wall) in timed.items():
                ratio = np.divide(cpu, timed["eager"][0])
                print(f"| {size} | {name} | {cpu:.3f} | {ratio:.2f} | {wall:.3f} |")


if __name__ == "__main__":
    main()
