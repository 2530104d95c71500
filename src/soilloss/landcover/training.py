# pyright: reportMissingImports=false
"""The training of the network in stages: contrast between times, supervision, refinement by own pseudo-labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from soilloss.errors import DataError, SoilLossWarning
from soilloss.landcover import checkpoint, together, validation
from soilloss.landcover.loop import Progress, label_counts, run_stage
from soilloss.landcover.network import HRFormer, set_moments
from soilloss.landcover.settings import KINDS, Training
from soilloss.landcover.storage import CLASSES, save_model
from soilloss.landcover.tiles import Tiles


def train(
    tiles: Tiles,
    folder: str | Path,
    training: Training | None = None,
    *,
    device: str = "",
    card: Mapping[str, Any] | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Path:
    """Train a network, or go on where a crashed run of the same folder stopped, and return the model's path.

    Parameters
    ----------
    tiles : Tiles
        Image series and labels.
    folder : path
        Where ``checkpoint.safetensors``, ``metrics.csv`` and at last ``model.safetensors`` are written.
    training : Training, optional
        Choices.
    device : str
        ``cpu``, ``cuda`` ...; unless given a graphics card is taken where there is one.
    card : mapping, optional
        What the model's card says of the data and their licence.
    progress : callable
        Is told the stage, the steps done and all its steps.

    Raises
    ------
    DataError
        If there are fewer training tiles than a batch holds, no labels, only clouds, or the loss is no number.

    Notes
    -----
    Started by ``torchrun`` with several processes the batch is shared between them; the first one writes.
    """
    training = training or Training()
    device = together.local_device(device)
    rank, world = together.join(device)
    _check(tiles, training, world)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = new_model(tiles, training, device)
    done, tensors = checkpoint.read(folder / "checkpoint.safetensors", checkpoint.identity(tiles, training))
    for number in range(len(training.stages)):
        if number >= done.stage:
            resumed = (done.epochs, tensors) if number == done.stage else (0, {})
            run_stage(model, tiles, training, number, folder=folder, resumed=resumed, progress=progress)
    path = folder / "model.safetensors"
    if rank == 0:
        save_model(path, model, _card(model, tiles, training, card or {}))
    together.wait()
    return path


def new_model(tiles: Tiles, training: Training, device: str = "cpu") -> HRFormer:
    """Return an untrained network for `tiles`; the seed gives its weights."""
    torch.manual_seed(training.seed)
    model = HRFormer(size=training.size, window=training.window, head=training.head, bands=tiles.image.shape[2])
    set_moments(model, tiles.moments.tolist())
    return model.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _card(model: HRFormer, tiles: Tiles, training: Training, card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the model's card says of training, of its scores on the validation tiles and of its calibration."""
    choices = training._asdict() | {"stages": [stage._asdict() for stage in training.stages]}
    choices["refinement"] = training.refinement._asdict()
    full: dict[str, Any] = {"data": "not described", "training": choices, **card}
    if (tiles.split == "val").any():
        counts = validation.confusion(model, tiles)
        full["scores"] = {**validation.summary(counts), "confusion_by_season": counts.tolist()}
        full["calibration"] = validation.calibrated(model, tiles)
    return full


def _check(tiles: Tiles, training: Training, world: int) -> None:
    """Say what is wrong with data or choices before hours are spent on them."""
    count, labelled = int((tiles.split == "train").sum()), (tiles.weight > 0) & ~tiles.held_out
    free = (tiles.weight == 0) & ~tiles.held_out
    kinds = [stage.kind for stage in training.stages]
    side = tiles.image.shape[-1]
    for wrong, sentence in (
        (set(kinds) - set(KINDS), f"stages are {', '.join(kinds)}; expected some of {', '.join(KINDS)}"),
        (side % 32, f"tiles have sides of {side} cells; the network needs a multiple of 32, cut them anew"),
        (count < training.batch, f"there are {count} training tiles, fewer than the batch of {training.batch}; "
            "lower the batch, or cut more tiles"),
        (training.batch % world, f"a batch of {training.batch} cannot be shared by {world} processes evenly"),
        (side == 32 and training.batch == world, "one tile of 32 cells for each process is a single cell "
            "of the coarsest map, whose variance nobody knows; take a larger batch, or larger tiles"),
        ("supervise" in kinds and not labelled.any(), "no quarter has labels; give the label map's year images"),
        ("contrast" in kinds and (~tiles.held_out).sum() < 2, "contrast needs two quarters at least"),
        ("refine" in kinds and not free.any(), "refinement needs quarters without labels; leave the stage out"),
    ):  # fmt: skip
        if wrong:
            raise DataError(sentence)
    _check_classes(tiles)


def _check_classes(tiles: Tiles) -> None:
    counts = label_counts(tiles, len(CLASSES))
    absent = [name for name, cells in zip(CLASSES, counts, strict=True) if cells == 0]
    if len(absent) == len(CLASSES):
        raise DataError("no cell of the training tiles has a label; check the label map's legend and extent")
    if absent:
        warnings.warn(
            f"no cell of the training tiles is {' or '.join(absent)}, so the network cannot learn it; "
            "add tiles that hold it where it occurs in the area",
            SoilLossWarning,
            stacklevel=3,
        )
