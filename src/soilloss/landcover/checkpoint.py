# pyright: reportMissingImports=false
"""The state of a training run as one safetensors file, so that a crash loses one epoch at most."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn, optim

from soilloss.errors import DataError
from soilloss.landcover.settings import Training
from soilloss.landcover.tiles import Tiles


class Position(NamedTuple):
    """How far training is: the stage, counted from 0, and the epochs of it that are done."""

    stage: int = 0
    epochs: int = 0


def identity(tiles: Tiles, training: Training) -> dict[str, Any]:
    """Return what makes a run: its choices, and a hash that tells its tiles from others."""
    words = [
        tiles.quarters,
        tiles.split.tolist(),
        *(np.round(part, 6).tolist() for part in (tiles.weight, tiles.moments)),
    ]
    digest = hashlib.sha256(json.dumps([*words, tiles.held_out.tolist(), tiles.image.shape]).encode())
    return {**training._asdict(), "tiles": digest.hexdigest()[:12]}


def write(
    path: Path, position: Position, module: nn.Module, optimiser: optim.Optimizer, settings: Mapping[str, Any]
) -> None:
    """Write weights, optimiser and position; the former checkpoint stays until the new one is complete."""
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
    draft = path.with_name(path.name + ".part")
    words = {"position": json.dumps(position), "settings": json.dumps(settings)}
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, draft, words)
    draft.replace(path)


def read(path: Path, settings: Mapping[str, Any]) -> tuple[Position, dict[str, Tensor]]:
    """Return position and tensors of a checkpoint, ``(Position(), {})`` where there is none.

    Raises
    ------
    DataError
        If the file is damaged, or of a run with other settings or tiles.
    """
    if not path.exists():
        return Position(), {}
    try:
        with safe_open(path, framework="pt") as file:
            words = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    except SafetensorError as error:
        raise DataError(f"{path} is damaged ({error}); remove it to train from the start") from error
    before = json.loads(words["settings"])
    now = json.loads(json.dumps(settings))
    changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if changed:
        raise DataError(
            f"{path} is of a run with {changed[0]} = {before.get(changed[0])}, now it is {now.get(changed[0])}; "
            "train into another folder, or remove this one to start anew"
        )
    return Position(*json.loads(words["position"])), tensors


def restore(tensors: Mapping[str, Tensor], module: nn.Module, optimiser: optim.Optimizer) -> None:
    """Put weights and the optimiser's state back."""
    module.load_state_dict({k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")})
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, number, name = key.split(".", 2)
            state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
