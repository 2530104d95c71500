"""Does a hidden Markov model make better series of land cover than a five-step majority? On synthetic and real series.

    python benchmarks/landcover_smooth.py [--cells 8000] [--data ../shared/data]

Synthetic: 100 quarters, 1.5 % of the cells change a year, errors like those of a published confusion matrix and worse
in winter; `persistence` is the share of errors that repeat in a cell in the same season of each year. The model gets a
confusion matrix of 4 000 other samples per season. Real, where the data lie at hand (the points need pyarrow): those
of WorldCover with four quarters, and a patch of Slovenia with ten quarters of NDVI; nearest neighbours classify each
quarter, held out by blocks in space, and the confusion comes from other blocks than those it is used on.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from soilloss.landcover import smooth

CLASSES = 8
SHARES = np.array([0.17, 0.01, 0.42, 0.22, 0.05, 0.11, 0.01, 0.01])
MOVES = {0: {2: 0.5, 3: 0.3, 4: 0.2}, 1: {2: 0.6, 0: 0.4}, 2: {0: 0.3, 3: 0.4, 5: 0.2, 4: 0.1}}
MOVES |= {3: {2: 0.5, 4: 0.3, 0: 0.2}, 4: {3: 0.5, 5: 0.5}, 5: {2: 0.7, 3: 0.2, 4: 0.1}}
MOVES |= {6: {5: 0.6, 7: 0.4}, 7: {6: 0.5, 2: 0.5}}
ERRORS = np.array([
    [0.944, 0, 0.048, 0.007, 0.001, 0, 0, 0], [0.03, 0.25, 0.68, 0.01, 0, 0.02, 0, 0.01],
    [0.054, 0.001, 0.886, 0.028, 0.0005, 0.03, 0.0003, 0.0002], [0.004, 0, 0.15, 0.835, 0.001, 0.009, 0.001, 0],
    [0.04, 0, 0.255, 0.21, 0.434, 0.06, 0.001, 0], [0.003, 0.001, 0.353, 0.09, 0.037, 0.512, 0.004, 0],
    [0, 0, 0.05, 0.05, 0.02, 0.15, 0.71, 0.02], [0.02, 0.02, 0.3, 0.1, 0, 0.06, 0.1, 0.4],
])  # fmt: skip
WINTER = np.array([0.02, 0.01, 0.35, 0.08, 0.04, 0.48, 0.01, 0.01])


def simulate(random: np.random.Generator, cells: int, persistence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True and observed classes and soft probabilities: (time, cells), (time, cells), (time, class, cells)."""
    moves = np.zeros((CLASSES, CLASSES))
    for one, others in MOVES.items():
        moves[one, one] = 1 - 0.015 / 4
        for other, share in others.items():
            moves[one, other] = share * 0.015 / 4
    truth = np.empty((100, cells), np.uint8)
    truth[0] = random.choice(CLASSES, cells, p=SHARES)
    for t in range(1, 100):
        truth[t] = (random.random((cells, 1)) > moves.cumsum(1)[truth[t - 1]]).sum(1)
    usual = (ERRORS + 1e-4) / (ERRORS + 1e-4).sum(1, keepdims=True)
    winter = 0.75 * usual + 0.25 * WINTER
    seasons = [winter / winter.sum(1, keepdims=True), usual, usual, winter / winter.sum(1, keepdims=True)]
    same, seen = random.random((cells, 4)), np.empty_like(truth)
    soft = np.empty((100, CLASSES, cells), np.float32)
    for t in range(100):
        errors = seasons[t % 4]
        draw = np.where(random.random(cells) < persistence, same[:, t % 4], random.random(cells))
        seen[t] = (draw[:, None] > errors.cumsum(1)[truth[t]]).sum(1).clip(0, CLASSES - 1)
        sure = random.beta(4, 1.6, cells) * 0.75 + 0.22
        sure = np.where(seen[t] == truth[t], sure, sure * 0.85)
        like = errors[:, seen[t]] / errors[:, seen[t]].sum(0)
        soft[t] = 0.5 * (1 - sure) / (CLASSES - 1) + 0.5 * (1 - sure) * like
        soft[t, seen[t], np.arange(cells)] += sure
    return truth + 1, seen + 1, soft / soft.sum(1, keepdims=True)


def confusion_by_season(truth: np.ndarray, seen: np.ndarray, random: np.random.Generator, samples: int) -> np.ndarray:
    """Counts (season, class, class) of samples of each season."""
    counts = np.zeros((4, CLASSES, CLASSES))
    for season in range(4):
        t, cell = random.choice(np.arange(season, len(truth), 4), samples), random.integers(0, truth.shape[1], samples)
        np.add.at(counts[season], (truth[t, cell] - 1, seen[t, cell] - 1), 1)
    return counts


def judge(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Overall accuracy, mean IoU, F1 of changes within two steps, flips per hundred steps."""
    hit = [((found == c) & (truth == c)).sum() / max(1, ((found == c) | (truth == c)).sum()) for c in np.unique(truth)]
    real, seen = truth[1:] != truth[:-1], found[1:] != found[:-1]

    def near(changes: np.ndarray) -> np.ndarray:
        return np.stack([changes[max(0, t - 2) : t + 3].any(axis=0) for t in range(len(changes))])

    recall = (near(seen) & real).sum() / max(1, real.sum())
    precision = (near(real) & seen).sum() / max(1, seen.sum())
    return {
        "OA": float((found == truth).mean()), "mIoU": float(np.mean(hit)),
        "change F1": float(2 * precision * recall / max(1e-9, precision + recall)), "flips": 100 * float(seen.mean()),
    }  # fmt: skip


def compare(name: str, truth: np.ndarray, methods: dict[str, Any]) -> None:
    """Print a line for each method, and the seconds of processor time it took per million cell-steps."""
    print(f"\n{name}\n{'method':32}{'OA':>8}{'mIoU':>8}{'change F1':>11}{'flips':>8}{'M steps/s':>11}")
    for method, make in methods.items():
        make()
        started = time.process_time()
        found = make()
        speed = truth.size / 1e6 / max(time.process_time() - started, 1e-9)
        line = judge(truth, found)
        print(
            f"{method:32}{line['OA']:8.3f}{line['mIoU']:8.3f}{line['change F1']:11.3f}{line['flips']:8.2f}{speed:11.1f}"
        )


def synthetic(cells: int) -> None:
    """Three shares of errors that repeat."""
    for persistence in (0.0, 0.5, 0.8):
        random = np.random.default_rng(7)
        truth, seen, soft = simulate(random, cells, persistence)
        other, other_seen, _ = simulate(random, cells, persistence)
        counts = confusion_by_season(other, other_seen, random, 4000)
        compare(f"synthetic, persistence {persistence:g}", truth, {
            "as observed": lambda s=seen: s,
            "majority of five": lambda s=seen: smooth.majority_filter(s),
            "mean probability of five": lambda p=soft: smooth.mean_probability(p).argmax(1) + 1,
            "HMM, scaled probabilities": lambda p=soft: smooth.hmm_smooth(p).labels,
            "HMM, confusion by season": lambda s=seen, c=counts: smooth.hmm_smooth(s, confusion=c).labels,
            "HMM, path": lambda s=seen, c=counts: smooth.hmm_smooth(s, confusion=c, path=True).labels,
        })  # fmt: skip


def neighbours(features: np.ndarray, classes: np.ndarray, fold: np.ndarray, k: int = 15) -> np.ndarray:
    """Class of each sample by the nearest of other folds, each class voting by its rarity (square root)."""
    out = np.zeros(len(classes), np.uint8)
    scale = (features - features.mean(0)) / features.std(0)
    for one in np.unique(fold):
        known, asked = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        weight = 1 / np.sqrt(np.bincount(classes[known], minlength=CLASSES + 1) + 1)
        for part in np.array_split(asked, max(1, len(asked) // 500)):
            distance = ((scale[part, None] - scale[None, known]) ** 2).sum(2)
            near = classes[known[np.argpartition(distance, k, axis=1)[:, :k]]]
            votes = np.stack([(near == c).sum(1) * weight[c] for c in range(CLASSES + 1)], 1)
            out[part] = votes.argmax(1)
    return out


def real(name: str, series: np.ndarray, classes: np.ndarray, fold: np.ndarray, season: np.ndarray) -> None:
    """Compare on features (time, samples, feature) of cells whose class does not change."""
    seen = np.stack([neighbours(step, classes, fold) for step in series])
    truth = np.broadcast_to(classes, seen.shape)

    def by_fold() -> np.ndarray:
        out = np.empty_like(seen)
        for one in np.unique(fold):
            counts = np.zeros((4, CLASSES, CLASSES))
            for t, s in enumerate(season):
                other = fold != one
                np.add.at(counts[s], (classes[other] - 1, seen[t, other] - 1), 1)
            mine = seen[:, fold == one]
            out[:, fold == one] = smooth.hmm_smooth(mine, confusion=counts, season=season).labels
        return out

    compare(name, truth, {
        "as observed": lambda: seen, "majority of five": lambda: smooth.majority_filter(seen),
        "HMM, confusion by season": by_fold,
    })  # fmt: skip


def worldcover_points(path: Path) -> None:
    """Points of WorldCover: medians of the three months of each quarter, five bands."""
    import pandas as pd

    frame = pd.read_parquet(path)
    codes = {10: 1, 20: 2, 30: 3, 40: 4, 50: 5, 60: 6, 80: 7, 90: 8, 95: 8}
    frame = frame[frame["WORLDCOVER-LABEL-10m"].isin(codes)]
    classes = frame["WORLDCOVER-LABEL-10m"].map(codes).to_numpy(np.uint8)
    names = ("OPTICAL-B02-ts{}-10m", "OPTICAL-B03-ts{}-10m", "OPTICAL-B04-ts{}-10m", "OPTICAL-B08-ts{}-10m",
             "OPTICAL-B11-ts{}-20m")  # fmt: skip
    months = np.stack([frame[[n.format(m) for n in names]].to_numpy("f8") for m in range(12)])
    months[months == 65535] = np.nan
    warnings.simplefilter("ignore")  # quarters without a single image are left out below
    quarters = np.stack([np.nanmedian(months[3 * q : 3 * q + 3], axis=0) for q in range(4)])
    known = np.isfinite(quarters).all((0, 2))
    blocks = np.floor(frame[["lat", "lon"]].to_numpy() / 2).astype(int) @ [1000, 1]
    fold = np.unique(blocks, return_inverse=True)[1] * 7919 % 10
    real(f"{known.sum()} points of WorldCover", quarters[:, known], classes[known], fold[known], np.arange(4))


def slovenia(path: Path) -> None:
    """A patch of one square kilometre: NDVI of each quarter (mean and spread) and height; blocks of 20 cells."""
    import xarray as xr

    data = xr.open_dataset(path)
    when = data["time"].dt.year.to_numpy() * 4 + data["time"].dt.quarter.to_numpy() - 1
    ndvi = np.where(data["valid"].to_numpy() & (data["cloud_mask"].to_numpy() == 0), data["ndvi"].to_numpy(), np.nan)
    labels = data["lulc"].to_numpy()
    codes = np.array([0, 4, 1, 3, 2, 7, 8, 0, 5, 6])[
        np.minimum(labels, 9)
    ]  # crops, forest, grass, shrub, ..., artificial
    row, column = np.indices(labels.shape)
    series, season = [], []
    for quarter in np.unique(when):
        images = ndvi[when == quarter]
        if np.isfinite(images).sum(axis=0).min() >= 1:
            mean = np.nanmean(images, axis=0)
            series.append(np.stack([mean, np.nanmax(images, axis=0), data["dem"].to_numpy() / 50], axis=2))
            season.append(quarter % 4)
    use = (codes > 0) & (row % 2 == 0) & (column % 2 == 0)
    fold = ((row // 20) * 6 + column // 20)[use] * 7919 % 5
    stack = np.stack([one[use] for one in series])
    real(f"Slovenia, {len(stack)} quarters", stack, codes[use].astype(np.uint8), fold, np.array(season))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=8000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    synthetic(given.cells)
    points = given.data / "landcover/worldcereal/worldcereal_testdf.parquet"
    patch = given.data / "slovenia_s2_patch/ndvi_dem_lulc_2015_2017.nc"
    for path, run in ((points, worldcover_points), (patch, slovenia)):
        try:
            run(path)
        except (FileNotFoundError, ImportError) as missing:
            print(f"\n{path.name}: left out ({missing})")


if __name__ == "__main__":
    main()
