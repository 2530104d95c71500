"""Does each stage of the training pay? Arms with equal numbers of optimiser steps, on places and times never seen.

    python benchmarks/landcover_ablation.py [--data synthetic slovenia] [--seeds 0 1 2] [--arms A D ...]
        [--processes 2] [--gpu] [--out FOLDER]

Arms: A supervised; A' with extra supervised steps; B A and refinement; C contrast, then supervised; C' with extra
supervised steps; D all three stages; N as D, but refined in the plain form of the study (the network is its own
teacher, one threshold, images turned and cropped); T as D, but one threshold and no CutMix; E as D, with labelled
pairs of the older sensor. The last phase of A', B, C', D, N and T has the same number of steps, the same rates and the
same augmentation.

Scores: overall accuracy and mean IoU on test places, at the times without labels and in the label year. The synthetic
truth is known at all times. `slovenia` is one square kilometre (quarterly least, median and greatest NDVI of
Sentinel-2, 2015-2017, labels of 2017 taken as valid before): far too small to settle anything, but real. Models and
scores are kept in FOLDER, so a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

QUARTERS = 10  # of the Slovenian series, 2015-Q3 to 2017-Q4
RABA = np.array([0, 4, 1, 3, 2, 0, 0, 0, 5], np.uint8)  # cultivated, forest, grassland, shrubland, -, -, -, artificial
STUDY = {"teacher": 0.0, "classwise": False, "cutmix": False, "geometry": (15.0, 0.125, (0.5, 1.0))}


class Budget(NamedTuple):
    """Size of network and data, steps of the three stages."""

    size: str = "N"
    places: tuple[int, int, int] = (96, 8, 24)
    tile: int = 64
    steps: tuple[int, int, int] = (60, 300, 100)
    batch: int = 8


CPU = Budget()
PATCH = Budget(tile=32, steps=(30, 150, 50))  # of the Slovenian square kilometre
GPU = Budget("S", (480, 32, 96), 256, (1000, 6000, 2000), 32)
RATE = 2e-3


def main() -> None:
    """Run the arms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["synthetic", "slovenia"], choices=["synthetic", "slovenia"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=["A", "A'", "B", "C", "C'", "D", "N", "T", "E"])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--gpu", action="store_true", help="HRFormer-S on tiles of 256 cells, on the graphics card")
    parser.add_argument("--out", type=Path, help="folder for ablation.csv and the models")
    given = parser.parse_args()
    began = time.perf_counter()
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
    jobs = [(data, seed, given.arms, given.gpu, given.out) for data in given.data for seed in given.seeds]
    with ProcessPoolExecutor(1 if given.gpu else given.processes, get_context("spawn")) as pool:
        rows = pd.DataFrame([row for found in pool.map(compared, jobs) for row in found])
    if given.out:
        rows.to_csv(given.out / "ablation.csv", index=False)
    for data, part in rows.groupby("data", sort=False):
        print(f"\n{data}\n{summary(part)}")
    print(f"\n{time.perf_counter() - began:.0f} s")


def summary(rows: pd.DataFrame) -> str:
    """Return mean and range over the seeds as a Markdown table."""
    names = ["OA unlabelled", "mIoU unlabelled", "OA labelled", "mIoU labelled"]
    lines = ["| arm | " + " | ".join(names) + " | s |", "|---" * (len(names) + 2) + "|"]
    for arm, part in rows.groupby("arm", sort=False):
        cells = [f"{part[n].mean():.3f} ({part[n].min():.3f}-{part[n].max():.3f})" for n in names]
        lines.append(f"| {arm} | " + " | ".join(cells) + f" | {part.seconds.mean():.0f} |")
    return "\n".join(lines)


def compared(job: tuple[str, int, list[str], bool, Path | None]) -> list[dict[str, Any]]:
    """Train and score the arms with one seed."""
    import torch

    data, seed, arms, gpu, folder = job
    torch.set_num_threads(1)
    budget = PATCH if data == "slovenia" else GPU if gpu else CPU
    runs = Runs(data, seed, budget, "cuda" if gpu else "cpu", folder)
    return [row for arm in arms if (row := runs.arm(arm))]


class Runs:
    """The arms of one data set and seed; what two arms begin with is trained once."""

    def __init__(self, data: str, seed: int, budget: Budget, device: str, folder: Path | None) -> None:
        self.data, self.seed, self.budget, self.device, self.folder = data, seed, budget, device, folder
        self.tiles, self.truth = self._scene(twins=False)
        self.trained: dict[tuple[Any, ...], Any] = {}

    def arm(self, name: str) -> dict[str, Any]:
        """Train one arm and return its scores."""
        con, sup, extra = ("contrast",), ("supervise",), ("supervise", "extra")
        phases = {
            "A": [sup], "A'": [sup, extra], "B": [sup, ("refine",)], "C": [con, sup], "C'": [con, sup, extra],
            "D": [con, sup, ("refine",)], "N": [con, sup, ("refine", "study")], "T": [con, sup, ("refine", "teacher")],
            "E": [("contrast", "twins"), ("supervise", "twins"), ("refine", "twins")],
        }[name]  # fmt: skip
        if name == "E" and self.data != "synthetic":
            return {}
        kept = self.folder / f"{self.data}-{self.seed}-{self.budget.size}-{name}.json" if self.folder else None
        if kept and kept.exists():
            return json.loads(kept.read_text())
        model, notes = self._trained(tuple(phases))
        row = {"data": self.data, "arm": name, "seed": self.seed, **self._scores(model), **notes}
        if kept:
            kept.write_text(json.dumps(row))
        print(row, file=sys.stderr, flush=True)
        return row

    def _trained(self, phases: tuple[tuple[str, ...], ...]) -> tuple[Any, dict[str, Any]]:
        """Return the network after some phases and what is noted of the last: at hand, from the folder, or trained."""
        from soilloss.landcover.storage import load_model, save_model

        if phases not in self.trained:
            name = f"{self.data}-{self.seed}-{self.budget.size}-{'-'.join('_'.join(p) for p in phases)}.safetensors"
            if self.folder and (self.folder / name).exists():
                model, card = load_model(self.folder / name)
                self.trained[phases] = model.to(self.device), card["notes"]
            else:
                self.trained[phases] = self._train(phases)
                if self.folder:
                    model, notes = self.trained[phases]
                    bands = [str(n) for n in range(model.settings["bands"])]
                    save_model(self.folder / name, model, {"notes": notes, "bands": bands})
        return self.trained[phases]

    def _train(self, phases: tuple[tuple[str, ...], ...]) -> tuple[Any, dict[str, Any]]:
        from soilloss.landcover.loop import run_stage
        from soilloss.landcover.settings import KINDS, Refinement, Stage, Training
        from soilloss.landcover.training import new_model

        kind, *how = phases[-1]
        steps = self.budget.steps[2 if how == ["extra"] else KINDS.index(kind)]
        refinement = Refinement(fewest=0.05)
        if how == ["study"]:
            refinement = refinement._replace(**STUDY)
        if how == ["teacher"]:
            refinement = refinement._replace(classwise=False, cutmix=False)
        training = Training(size=self.budget.size, batch=self.budget.batch, stages=(Stage(kind, steps, RATE),),
                            epoch=steps, refinement=refinement, seed=self.seed + 100 * len(phases))  # fmt: skip
        tiles = self._scene(twins=True)[0] if how == ["twins"] else self.tiles
        if len(phases) > 1:
            model = copy.deepcopy(self._trained(phases[:-1])[0])
        else:
            model = new_model(tiles, training, self.device)
        began = time.process_time()
        rows = run_stage(model, tiles, training, 0)
        notes = {"accepted": rows[-1].get("accepted") if rows else 0, "seconds": time.process_time() - began}
        return model, notes

    def _scores(self, model: Any) -> dict[str, float]:
        from soilloss.landcover.validation import confusion
        from soilloss.landcover.validation import summary as scored

        out = {}
        for when, which in (("unlabelled", self.tiles.weight == 0), ("labelled", self.tiles.weight > 0)):
            counts = confusion(model, self.tiles, split="test", quarters=np.flatnonzero(which), truth=self.truth)
            found = scored(counts)
            out |= {f"OA {when}": found["overall_accuracy"], f"mIoU {when}": found["miou"]}
        return out

    def _scene(self, *, twins: bool) -> tuple[Any, np.ndarray]:
        from soilloss.landcover import synthetic

        if self.data == "slovenia":
            return slovenia(self.budget.tile)
        return synthetic.scene(self.budget.places, size=self.budget.tile, seed=self.seed, twins=twins)


def slovenia(tile: int = 32, step: int = 6) -> tuple[Any, np.ndarray]:
    """Return overlapping tiles of the north of the patch for training, and whole ones of the south for the test."""
    from soilloss.landcover.moments import moments
    from soilloss.landcover.tiles import NODATA, SCALE, Tiles

    folder = Path(os.environ.get("SOILLOSS_SHARED_DATA", "../shared/data")) / "landcover/eolearn"
    days = pd.DatetimeIndex(json.loads((folder / "timestamps.json").read_text()))
    ndvi = np.load(folder / "NDVI.npy").reshape(len(days), 101, 100).astype(float)
    seen = np.load(folder / "IS_VALID.npy").reshape(ndvi.shape) & ~np.load(folder / "CLM.npy").reshape(ndvi.shape)
    ndvi[~seen.astype(bool)] = np.nan
    periods = days.year * 4 + days.quarter
    series = np.full((QUARTERS, 3, 101, 100), np.nan)
    for n, period in enumerate(range(2015 * 4 + 3, 2015 * 4 + 3 + QUARTERS)):
        part = ndvi[periods == period]
        with np.errstate(all="ignore"):
            series[n] = np.nanquantile(part, [0, 0.5, 1], axis=0)
    image = np.where(np.isfinite(series), np.round(series * SCALE), NODATA).astype(np.int16)
    label = RABA[np.load(folder / "LULC.npy").reshape(101, 100).astype(int)]
    north = [(y, x) for y in range(0, 67 - tile, step) for x in range(0, 101 - tile, step)]
    south = [(69, x) for x in (0, 34, 68)]
    cut = [np.s_[..., y : y + tile, x : x + tile] for y, x in north + south]
    images, labels = np.stack([image[c] for c in cut]), np.stack([label[c] for c in cut])
    names = [f"{(p - 1) // 4}-Q{(p - 1) % 4 + 1}" for p in range(2015 * 4 + 3, 2015 * 4 + 3 + QUARTERS)]
    weight = np.array([name.startswith("2017") for name in names], np.float32)
    split = np.array(["train"] * len(north) + ["test"] * len(south))
    found = moments(images, range(len(north)))
    tiles = Tiles(images, labels, split, tuple(names), weight, np.zeros(QUARTERS, bool), found)
    return tiles, np.broadcast_to(labels[:, None], (len(labels), QUARTERS, *labels.shape[1:]))


if __name__ == "__main__":
    main()
