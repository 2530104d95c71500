"""Classes and their probabilities for images of any size: tile by tile, blended, strip by strip.

Tiles lie on a grid anchored to the origin of the CRS and are read whole wherever the image has them, so that a part of
an area gets the same bits as the whole. Reading, the network and what the caller does with strips overlap in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from soilloss.errors import DataError
from soilloss.grid.blocks import Window, run_blocks, worker_count
from soilloss.landcover.images import BANDS

STRIP = 512
_BESIDE = 8
Network = Callable[[np.ndarray], np.ndarray]


class Tiling(NamedTuple):
    """Side of the tiles and how much neighbours overlap, in cells; no overlap is the way of the founding study."""

    size: int = 256
    overlap: int = 64

    @property
    def stride(self) -> int:
        """Cells from tile to tile."""
        return self.size - self.overlap


class Prediction(NamedTuple):
    """What the network says: arrays ``(y, x)``.

    `labels` are classes from 1 (uint8, 0 missing), `confidence` the probability of that class, `entropy` from 0 (sure)
    to 1 (no idea), `probability` ``(class, y, x)``; float32, NaN where missing.
    """

    labels: np.ndarray
    confidence: np.ndarray
    entropy: np.ndarray
    probability: np.ndarray


def predict(
    model: Any, image: Any, *, tile: int = 256, overlap: int = 64, temperature: float = 1.0, workers: int | None = None
) -> Prediction:
    r"""Map land cover from one image that fits in memory.

    Parameters
    ----------
    model : HRFormer or path
        Network, or a model file: its card then gives the temperature.
    image : array (band, y, x), 1
        Surface reflectance in blue, green, red, near and short-wave infrared; NaN where missing.
    tile : int
        Side of the tiles in cells, divisible by 32.
    overlap : int
        Cells that neighbouring tiles share and blend over with a raised cosine; 0 as in the founding study.
    temperature : float
        What logits are divided by to become calibrated.
    workers : int, optional
        Threads; default is the processors at hand.

    Returns
    -------
    Prediction
        Classes, confidence, normalised entropy and probabilities.

    Raises
    ------
    DataError
        If the image has other bands than the model, or tile and overlap do not fit.

    Notes
    -----
    .. math:: p = \frac{\sum_k w_k \, \mathrm{softmax}(f(x_k) / \tau)}{\sum_k w_k}

    over the tiles k that hold the cell. Images of files go strip by strip: ``soilloss landcover predict``.
    """
    from soilloss.landcover.inference import predictor
    from soilloss.landcover.storage import check_bands, load_model

    if isinstance(model, str) or hasattr(model, "__fspath__"):
        model, card = load_model(model)
        check_bands(card, BANDS)
        temperature = float(card["calibration"]["temperature"])
    values = np.asarray(image, np.float32)
    expected = int(model.settings["bands"])
    if values.ndim != 3 or len(values) != expected:
        raise DataError(f"the image has shape {values.shape}, expected ({expected}, y, x): the bands of the model")
    tiling = checked(tile, overlap)
    run = Runner(predictor(model, tile=tile), tiling, temperature)

    def read(window: Window) -> np.ndarray:
        return values[(slice(None), *window)]

    strips = [part for _, part in predict_strips(run, read, values.shape[1:], workers=workers)]
    if not strips:
        raise DataError("the image has no cell with data in all bands; check what means missing in it")
    labels, confidence, entropy = (np.concatenate([part[n] for part in strips]) for n in range(3))
    return Prediction(labels, confidence, entropy, np.concatenate([part.probability for part in strips], axis=1))


class Runner(NamedTuple):
    """A network ready to run: logits of reflectance ``(n, band, size, size)``, and how its tiles lie.

    `batch` tiles go into one call: one on a processor, where threads take one each, more on an accelerator.
    """

    network: Network
    tiling: Tiling = Tiling()
    temperature: float = 1.0
    batch: int = 1


class _Tile(NamedTuple):
    top: int
    left: int
    probability: np.ndarray | None
    seen: np.ndarray


def checked(size: int, overlap: int) -> Tiling:
    """Return the tiling, or say why it cannot be.

    Examples
    --------
    >>> checked(256, 64).stride
    192
    """
    if size < 32 or size % 32:
        raise DataError(f"tiles of {size} cells do not fit the network; expected a multiple of 32, such as 256")
    if not 0 <= overlap <= size // 2:
        raise DataError(f"an overlap of {overlap} cells does not fit tiles of {size}; expected 0 to {size // 2}")
    return Tiling(size, overlap)


def ramp(tiling: Tiling) -> np.ndarray:
    """Return the weight of a tile's cells along one side: a raised cosine over the overlap, 1 between.

    The weights of two neighbours sum to 1.

    Examples
    --------
    >>> w = ramp(Tiling(64, 16))
    >>> np.allclose(w[:16] + w[-16:], 1)
    True
    """
    rise = np.sin(np.pi / 2 * (np.arange(tiling.overlap) + 0.5) / max(tiling.overlap, 1)) ** 2
    return np.concatenate([rise, np.ones(tiling.size - 2 * tiling.overlap), rise[::-1]]).astype(np.float32)


def starts(first: int, length: int, inside: slice, tiling: Tiling) -> list[int]:
    """Return where tiles begin along one side of an image, in cells from its edge, that touch `inside`.

    `first` is the image's first cell counted from the origin of the CRS. Tiles of which only the blended rim lies in
    the image are left out: their neighbour has the whole cell there.
    """
    stride, size = tiling.stride, tiling.size
    found = []
    for n in range((first - size) // stride, (first + length) // stride + 1):
        top = n * stride - first
        shown = min(top + size, length) - max(top, 0)
        if shown > min(tiling.overlap, length - 1) and top < inside.stop and top + size > inside.start:
            found.append(top)
    return found


def predict_strips(
    run: Runner,
    read: Callable[[Window], np.ndarray],
    shape: Sequence[int],
    *,
    first: tuple[int, int] = (0, 0),
    window: Window | None = None,
    workers: int | None = None,
) -> Iterator[tuple[Window, Prediction]]:
    """Yield the prediction of an image in strips of 512 rows, from north to south.

    Parameters
    ----------
    run : Runner
        Network and tiling.
    read : function
        Reflectance ``(band, rows, columns)`` of a window inside the image, NaN where missing; called from threads.
    shape : (int, int)
        Rows and columns of the image.
    first : (int, int)
        Row and column of the image's first cell, counted from the origin of the CRS: see `places.first_cell`.
    window : (slice, slice), optional
        The part that is wanted; strips are counted from its top.
    workers : int, optional
        Threads.

    Yields
    ------
    where, part : window, Prediction
        Nothing at all if the wanted part holds no data.
    """
    rows, columns = window or (slice(0, shape[0]), slice(0, shape[1]))
    tops = starts(first[0], shape[0], rows, run.tiling)
    lefts = starts(first[1], shape[1], columns, run.tiling)
    canvas: _Canvas | None = None
    for n, tiles in enumerate(_by_row(_computed(run, read, shape, tops, lefts, workers), len(lefts))):
        for tile in tiles:
            if tile.probability is not None:
                if canvas is None:  # what lies above the first tile with data is finished
                    canvas = _Canvas(len(tile.probability), rows, columns, run.tiling)
                    yield from canvas.finished(tile.top)
                canvas.add(tile)
        final = tops[n + 1] if n + 1 < len(tops) else rows.stop
        if canvas is None:
            continue
        yield from canvas.finished(final)


def _computed(
    run: Runner,
    read: Callable[[Window], np.ndarray],
    shape: Sequence[int],
    tops: list[int],
    lefts: list[int],
    workers: int | None,
) -> Iterator[_Tile]:
    """Tiles row by row, in order, computed ahead by threads."""
    places = [(top, left) for top in tops for left in lefts]
    groups = [places[n : n + run.batch] for n in range(0, len(places), run.batch)]

    def compute(item: tuple[int, list[tuple[int, int]]]) -> list[_Tile]:
        return _through(
            run, [(top, left, _read_tile(read, shape, top, left, run.tiling.size)) for top, left in item[1]]
        )

    waiting: dict[int, list[_Tile]] = {}
    turn = 0
    for (n, _), tiles in run_blocks(compute, enumerate(groups), worker_count(workers)):
        waiting[n] = tiles
        while turn in waiting:
            yield from waiting.pop(turn)
            turn += 1


def _by_row(tiles: Iterable[_Tile], count: int) -> Iterator[list[_Tile]]:
    row: list[_Tile] = []
    for tile in tiles:
        row.append(tile)
        if len(row) == count:
            yield row
            row = []


def _read_tile(
    read: Callable[[Window], np.ndarray], shape: Sequence[int], top: int, left: int, size: int
) -> np.ndarray:
    """Reflectance of a tile; beyond the image's edge it is mirrored."""
    cuts = [slice(max(at, 0), min(at + size, n)) for at, n in zip((top, left), shape, strict=True)]
    inner = read((cuts[0], cuts[1]))
    beyond = [(cut.start - at, at + size - cut.stop) for cut, at in zip(cuts, (top, left), strict=True)]
    return np.pad(inner, [(0, 0), *beyond], mode="symmetric")


def _through(run: Runner, tiles: list[tuple[int, int, np.ndarray]]) -> list[_Tile]:
    """Tiles through the network, those without any data left out."""
    seen = [np.isfinite(values[0]) for _, _, values in tiles]
    with_data = [n for n, mask in enumerate(seen) if mask.any()]
    found: dict[int, np.ndarray] = {}
    if with_data:
        logits = run.network(np.stack([tiles[n][2] for n in with_data])) / np.float32(run.temperature)
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        found = dict(zip(with_data, logits, strict=True))
    return [_Tile(top, left, found.get(n), seen[n]) for n, (top, left, _) in enumerate(tiles)]


class _Canvas:
    """Sums of weighted probabilities of the rows that are not finished yet."""

    def __init__(self, classes: int, rows: slice, columns: slice, tiling: Tiling) -> None:
        self.rows, self.columns, self.base = rows, columns, rows.start
        weight = ramp(tiling)
        self.weight = weight[:, None] * weight
        shape = (STRIP + tiling.size, columns.stop - columns.start)
        self.sum = np.zeros((classes, *shape), np.float32)
        self.total = np.zeros(shape, np.float32)
        self.seen = np.zeros(shape, bool)

    def add(self, tile: _Tile) -> None:
        """Add a tile where it lies in the wanted window."""
        size = len(self.weight)
        top, bottom = max(tile.top, self.base), min(tile.top + size, self.rows.stop)
        left, right = max(tile.left, self.columns.start), min(tile.left + size, self.columns.stop)
        if bottom <= top or right <= left:
            return
        own = (slice(top - tile.top, bottom - tile.top), slice(left - tile.left, right - tile.left))
        start = self.columns.start
        here = (slice(top - self.base, bottom - self.base), slice(left - start, right - start))
        assert tile.probability is not None
        self.sum[(slice(None), *here)] += self.weight[own] * tile.probability[(slice(None), *own)]
        self.total[here] += self.weight[own]
        self.seen[here] |= tile.seen[own]

    def finished(self, final: int) -> Iterator[tuple[Window, Prediction]]:
        """Yield the strips that end above row `final`, or at the end of the window, and make room."""
        while self.base < self.rows.stop:
            height = min(STRIP, self.rows.stop - self.base)
            if self.base + height > final:
                return
            yield (slice(self.base, self.base + height), self.columns), self._strip(height)
            for array in (self.sum, self.total, self.seen):
                array[..., :-height, :] = array[..., height:, :]
                array[..., -height:, :] = 0
            self.base += height

    def _strip(self, height: int) -> Prediction:
        with np.errstate(invalid="ignore", divide="ignore"):
            probability = self.sum[:, :height] / self.total[:height]
        probability[:, ~self.seen[:height]] = np.nan
        return judged(probability)


def judged(probability: np.ndarray) -> Prediction:
    """Return classes, confidence and normalised entropy of probabilities ``(class, y, x)``, NaN where missing.

    Examples
    --------
    >>> found = judged(np.array([[[0.5, np.nan]], [[0.5, np.nan]]], "f4"))
    >>> found.labels.tolist(), found.entropy.round(3).tolist()
    ([[1, 0]], [[1.0, nan]])
    """
    missing = np.isnan(probability[0])
    labels = np.where(missing, 0, probability.argmax(axis=0) + 1).astype(np.uint8)
    entropy = -(probability * np.log(np.maximum(probability, 1e-12))).sum(axis=0) / np.float32(np.log(len(probability)))
    return Prediction(labels, probability.max(axis=0), entropy.astype(np.float32), probability)


def seam_score(labels: np.ndarray, tiling: Tiling, first: tuple[int, int] = (0, 0)) -> float:
    """How much oftener classes differ across the edges of tiles than eight cells beside them; 1 is seamless.

    Eight cells, because the network's own steps of four cells leave traces of their own.

    Parameters
    ----------
    labels : array (y, x)
        Classes, 0 missing.
    tiling : Tiling
        How the tiles lay.
    first : (int, int)
        Row and column of the first cell, counted from the origin of the CRS.

    Examples
    --------
    >>> labels = np.ones((128, 128), "u1")
    >>> labels[:, 64:] = 2
    >>> labels[:32, 72:] = 3
    >>> seam_score(labels, Tiling(64, 0))
    4.0
    """
    at, beside = [0, 0], [0, 0]
    for plane, start in ((labels, first[0]), (labels.T, first[1])):
        lines = np.arange(-start % tiling.stride, plane.shape[0], tiling.stride)
        for line in lines[(lines >= 1) & (lines < plane.shape[0] - _BESIDE)]:
            for counts, place in ((at, line), (beside, line + _BESIDE)):
                one, other = plane[place - 1], plane[place]
                both = (one > 0) & (other > 0)
                counts[0] += int((both & (one != other)).sum())
                counts[1] += int(both.sum())
    rates = [differing / max(cells, 1) for differing, cells in (at, beside)]
    return rates[0] / rates[1] if rates[1] else float("nan")
