"""Land cover from image series by deep learning. Each part loads when it is first touched; the network needs torch."""

from __future__ import annotations

import importlib
from typing import Any

from soilloss.errors import MissingExtraError

_NAMES = {
    "HRFormer": "soilloss.landcover.network",
    "folded": "soilloss.landcover.inference",
    "hmm_smooth": "soilloss.landcover.smooth",
    "load_model": "soilloss.landcover.storage",
    "majority_filter": "soilloss.landcover.smooth",
    "predict": "soilloss.landcover.prediction",
    "predictor": "soilloss.landcover.inference",
    "save_model": "soilloss.landcover.storage",
    "to_onnx": "soilloss.landcover.inference",
    "train": "soilloss.landcover.training",
}

__all__ = [*_NAMES]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'soilloss.landcover' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_NAMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "safetensors", "onnxruntime", "onnx"}:
            raise
        raise MissingExtraError(
            f"land cover mapping ({name}) needs {error.name}: pip install 'soilloss[landcover]'."
        ) from error


def __dir__() -> list[str]:
    return sorted(__all__)
