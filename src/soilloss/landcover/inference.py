# pyright: reportMissingImports=false
"""The network as prediction runs it: normalisations folded into convolutions, and as an ONNX file."""

from __future__ import annotations

import copy
import itertools
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from soilloss.landcover.network import HRFormer

OPSET = 17


def folded(model: HRFormer) -> HRFormer:
    """Return a copy for prediction only, in channels-last order, batch norms folded into the convolutions before them.

    The logits are the same up to rounding.
    """
    model = copy.deepcopy(model).eval()
    for module in list(model.modules()):
        if isinstance(module, nn.Sequential):
            _fold_pairs(module)
    if hasattr(model.head, "norm"):
        model.head.mix = fuse_conv_bn_eval(model.head.mix, model.head.norm)
        model.head.norm = nn.Identity()
    model.requires_grad_(False)
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _fold_pairs(layers: nn.Sequential) -> None:
    for n, (first, second) in enumerate(itertools.pairwise(list(layers))):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            layers[n] = fuse_conv_bn_eval(first, second)
            layers[n + 1] = nn.Identity()


def to_onnx(model: HRFormer, path: str | Path, *, tile: int = 256) -> None:
    """Write `model` for tiles of `tile` cells as an ONNX file: ``reflectance (n, bands, tile, tile)`` to ``logits``."""
    example = torch.zeros(1, model.settings["bands"], tile, tile)
    batch = {0: "n"}
    with warnings.catch_warnings():  # the exporter that works with this network is the one that announces its end
        warnings.simplefilter("ignore")
        torch.onnx.export(
            folded(model),
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["reflectance"],
            output_names=["logits"],
            dynamic_axes={"reflectance": batch, "logits": batch},
        )


def predictor(
    model: HRFormer, *, tile: int = 256, threads: int = 1, device: str = "cpu"
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from reflectance ``(n, bands, tile, tile)`` to logits ``(n, classes, tile, tile)``, float32.

    On the processor onnxruntime does the work with `threads` threads; on another device torch in bfloat16.
    """
    if device == "cpu":
        return _on_processor(model, tile, threads)
    network = folded(model).to(device)

    def predict(reflectance: np.ndarray) -> np.ndarray:
        images = torch.from_numpy(np.ascontiguousarray(reflectance, np.float32)).to(device, non_blocking=True)
        with torch.inference_mode(), torch.autocast(torch.device(device).type, torch.bfloat16):
            return network(images).float().cpu().numpy()

    return predict


def _on_processor(model: HRFormer, tile: int, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        to_onnx(model, path, tile=tile)
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])

    def predict(reflectance: np.ndarray) -> np.ndarray:
        images = np.ascontiguousarray(reflectance, np.float32)
        return np.asarray(session.run(None, {"reflectance": images})[0])

    return predict
