# pyright: reportMissingImports=false
"""One stage of training: optimiser, schedule, epochs, checkpoints."""

from __future__ import annotations

import csv
import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn, optim

from soilloss.errors import DataError, SoilLossWarning
from soilloss.landcover import batches, checkpoint, together, validation
from soilloss.landcover.checkpoint import Position
from soilloss.landcover.network import HRFormer
from soilloss.landcover.settings import Stage, Training
from soilloss.landcover.stages import Contrast, Logged, Refine, Supervise, certainty
from soilloss.landcover.tiles import Tiles

CLIP = 1.0  # largest norm of the gradient
DECAY = 0.05
POWER = 0.9  # of the polynomial fall of the rate
WARM_UP = 0.05  # share of the steps in which the rate rises
HEAVIEST = 5.0  # weight of a rare class
READINESS = 8  # batches that are looked at before refinement

Progress = Callable[[str, int, int], None]


def run_stage(
    model: HRFormer, tiles: Tiles, training: Training, number: int, *, folder: Path | None = None,
    resumed: tuple[int, Mapping[str, Tensor]] = (0, {}), progress: Progress = lambda _stage, _done, _total: None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Run one stage of `training` on `model`, in place, and return a row of numbers per epoch.

    `folder` receives checkpoint and metrics; `resumed` holds the epochs already done and the checkpoint's tensors;
    `progress` is told the stage, the steps done and all of them.
    """
    stage, (rank, world) = training.stages[number], together.join(str(model.moments.device))
    first, tensors = resumed
    module = _module(model, tiles, training, stage, starting=not tensors)
    if module is None:
        return []
    optimiser = optim.AdamW(_groups(module), lr=stage.rate)
    if tensors:
        checkpoint.restore(tensors, module, optimiser)
    wrapped = nn.parallel.DistributedDataParallel(module) if world > 1 else module
    each = training.epoch or -(-int((tiles.split == "train").sum()) // training.batch)
    judged = getattr(module, "teacher", None) or model
    rows = []
    for epoch in range(first, -(-stage.steps // each)):
        steps = range(epoch * each, min((epoch + 1) * each, stage.steps))
        began = time.perf_counter()
        logged = _epoch(wrapped, model, tiles, training, number, epoch, steps, optimiser, progress)
        row = {"stage": stage.kind, "epoch": epoch + 1, "step": steps.stop, **logged}
        row["seconds"] = time.perf_counter() - began
        if stage.kind != "contrast" and (tiles.split == "val").any() and rank == 0:
            row |= validation.summary(validation.confusion(judged, tiles))
        rows.append(row)
        if folder and rank == 0:
            _append(folder / "metrics.csv", row, model.settings["classes"])
            about = checkpoint.identity(tiles, training)
            checkpoint.write(folder / "checkpoint.safetensors", Position(number, epoch + 1), module, optimiser, about)
        together.wait()
    model.load_state_dict(judged.state_dict())  # a teacher is steadier than its pupil
    return rows


def _module(model: HRFormer, tiles: Tiles, training: Training, stage: Stage, *, starting: bool) -> nn.Module | None:
    """Return the stage's loss as a module, or None where the network is not ready for refinement."""
    if stage.kind == "contrast":
        torch.manual_seed(training.seed)
        return Contrast(model.encoder, cells=training.cells, temperature=training.temperature).to(model.moments.device)
    weight = _class_weight(tiles, model) if training.class_weights else None
    module = Supervise(model, smoothing=training.smoothing, class_weight=weight)
    if stage.kind == "supervise":
        return module
    confidence, accepted = _readiness(model, tiles, training)
    if starting and accepted < training.refinement.fewest:
        warnings.warn(
            f"refinement is left out: the network is sure (probability {training.refinement.threshold:g}) of "
            f"{accepted:.0%} of the cells of unlabelled images, {training.refinement.fewest:.0%} are needed; "
            "train the supervised stage for longer, or lower refinement.threshold",
            SoilLossWarning,
            stacklevel=4,
        )
        return None
    return Refine(module, training.refinement, confidence)


def _readiness(model: HRFormer, tiles: Tiles, training: Training) -> tuple[Tensor, float]:
    """Return the mean confidence by class and the accepted share on some unlabelled images."""
    random = np.random.default_rng(training.seed)
    places = np.flatnonzero(tiles.split == "train")
    found: list[tuple[Tensor, Tensor]] = []
    for _ in range(READINESS):
        image = torch.from_numpy(batches.unlabelled(tiles, places, training.batch, random).image)
        found.append(certainty(model, model.normalised(image.to(model.moments.device))))
    highest, pseudo = (torch.cat(part) for part in zip(*found, strict=True))
    seen = highest > 0
    of_class = [highest[seen & (pseudo == n)] for n in range(model.settings["classes"])]
    mean = torch.stack([x.mean() if x.numel() else highest[seen].mean() for x in of_class])
    return mean, float((highest[seen] >= training.refinement.threshold).float().mean())


def _epoch(
    module: nn.Module, model: HRFormer, tiles: Tiles, training: Training, number: int, epoch: int, steps: range,
    optimiser: optim.Optimizer, progress: Progress,
) -> dict[str, float]:  # fmt: skip
    """Take the steps of one epoch and return the means of what was logged. All chance hangs on the epoch's seed."""
    plain = module.module if isinstance(module, nn.parallel.DistributedDataParallel) else module
    device = model.moments.device
    rank, world = together.join(str(device))
    seed = [training.seed, number, epoch, rank]
    torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    random = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(2)[1]))
    stage = training.stages[number]
    make = _maker(tiles, training._replace(batch=training.batch // world), stage.kind, np.random.default_rng(seed))
    logged: list[Logged] = []
    module.train()
    for step, batch in zip(steps, batches.ahead(make, len(steps)), strict=True):
        progress(f"training: {stage.kind}", step, stage.steps)
        for group in optimiser.param_groups:
            group["lr"] = stage.rate * _rate(step, stage.steps)
        with torch.autocast(device.type, torch.bfloat16, enabled=_half(training.precision, device)):
            loss, parts = module(*_arguments(model, batch), random)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), CLIP)
        optimiser.step()
        if isinstance(plain, Refine):
            plain.follow()
        logged.append({"loss": loss.detach(), **parts})
    progress(f"training: {stage.kind}", steps.stop, stage.steps)
    return _means(logged, stage)


def _maker(tiles: Tiles, training: Training, kind: str, random: np.random.Generator) -> Callable[[int], list[Any]]:
    """Return what makes the batches of one epoch: the labelled part passes over all places before it repeats one."""
    places, count = np.flatnonzero(tiles.split == "train"), training.batch
    order = itertools.chain.from_iterable(random.permutation(places) for _ in itertools.count())

    def make(_: int) -> list[Any]:
        if kind == "contrast":
            return [batches.contrast(tiles, places, count, random)]
        with_labels = batches.labelled(tiles, list(itertools.islice(order, count)), random)
        return [with_labels, *([batches.unlabelled(tiles, places, count, random)] if kind == "refine" else [])]

    return make


def _arguments(model: HRFormer, batch: list[batches.Batch]) -> Iterator[Tensor]:
    """Yield the tensors a stage takes: normalised images, and labels with weights where there are some."""
    device = model.moments.device
    for part in batch:
        image = torch.from_numpy(part.image).to(device, non_blocking=True)
        yield model.normalised(image).contiguous(memory_format=torch.channels_last)
        if part.label.size:
            yield torch.from_numpy(part.label).to(device)
            yield torch.from_numpy(part.weight).to(device)


def _rate(step: int, steps: int) -> float:
    """Return the learning rate of a step as share of the highest: a linear rise, then a polynomial fall."""
    rise = max(WARM_UP * steps, 1)
    return min((step + 1) / rise, 1) * (1 - step / steps) ** POWER


def _groups(module: nn.Module) -> list[dict[str, Any]]:
    """Return the parameters in two groups: weights decay, biases, norms and position tables do not."""
    trained = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    keeps = [p for name, p in trained if p.dim() == 1 or name.endswith("position")]
    decays = [p for name, p in trained if p.dim() > 1 and not name.endswith("position")]
    return [{"params": decays, "weight_decay": DECAY}, {"params": keeps, "weight_decay": 0.0}]


def _half(precision: str, device: torch.device) -> bool:
    """Return whether to multiply in bfloat16."""
    if precision != "auto":
        return precision == "bfloat16"
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _means(logged: list[Logged], stage: Stage) -> dict[str, float]:
    columns = {name: torch.stack([parts[name].float() for parts in logged]) for name in logged[0]}
    # a class that the teacher never saw in a batch has no share there
    found = {name: (x.nanmean() if name.startswith("accepted") else x.mean()).item() for name, x in columns.items()}
    if not np.isfinite(found["loss"]):
        raise DataError(
            f"the loss of the stage {stage.kind} is {found['loss']}; lower its learning rate, now {stage.rate:g}"
        )
    return found


def _class_weight(tiles: Tiles, model: HRFormer) -> Tensor:
    """Return weights against the frequency of each class in the training labels, mean 1 over the cells, at most 5."""
    counts = label_counts(tiles, model.settings["classes"])
    weight = np.sqrt(counts.sum() / np.maximum(counts, 1))
    weight /= (weight * counts).sum() / counts.sum()
    return torch.tensor(np.minimum(weight, HEAVIEST), dtype=torch.float32, device=model.moments.device)


def label_counts(tiles: Tiles, classes: int) -> np.ndarray:
    """Return the labelled cells of each class in the training tiles."""
    counts = np.zeros(256, np.int64)
    for tile in np.flatnonzero(tiles.split == "train"):
        counts += np.bincount(np.asarray(tiles.label[int(tile)]).ravel(), minlength=256)
    return counts[1 : classes + 1]


def _append(path: Path, row: Mapping[str, Any], classes: int) -> None:
    """Add a row to the table of metrics; what a stage does not have stays empty."""
    columns = ["stage", "epoch", "step", "seconds", "loss", "overall_accuracy", "miou", "alignment"]
    columns += ["supervised", "image", "feature", "accepted", *(f"accepted_{n + 1}" for n in range(classes))]
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        if new:
            writer.writeheader()
        writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
