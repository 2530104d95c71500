"""All choices of a training run, with their defaults."""

from __future__ import annotations

from typing import NamedTuple

PACKAGED = ("small",)  # models that come with soilloss
KINDS = ("contrast", "supervise", "refine")


class Geometry(NamedTuple):
    """How far images are turned, moved and enlarged at random; flips and quarter turns always take part.

    Parameters
    ----------
    angle : float
        Largest small rotation, degrees, either way.
    shift : float
        Largest shift, share of the side, either way.
    zoom : (float, float)
        Range of the side of the region that fills the new image, share of the old side; above 1 shows a rim.
    """

    angle: float = 0.0
    shift: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)


WIDE = Geometry(angle=15.0, shift=0.125, zoom=(0.5, 1.0))


class Refinement(NamedTuple):
    """Choices of the third stage.

    Parameters
    ----------
    threshold : float
        Confidence that a pseudo-label needs.
    classwise : bool
        Ask less of classes that the teacher is less sure of (Wang et al. 2023).
    teacher : float
        Share of its own weights that the teacher keeps in a step; it is the network that remains. 0 lets the network
        teach itself, as in the study.
    geometry : Geometry
        How unlabelled images are moved; flips and quarter turns always, `WIDE` adds rotation, shift and crop.
    cutmix : bool
        Paste a box of another unlabelled image into each.
    dropout : float
        Share of channels that the feature perturbation drops.
    fewest : float
        Share of accepted cells below which the stage does not start.
    """

    threshold: float = 0.8
    classwise: bool = True
    teacher: float = 0.97
    geometry: Geometry = Geometry()
    cutmix: bool = True
    dropout: float = 0.5
    fewest: float = 0.3


class Stage(NamedTuple):
    """One stage: its kind (``contrast``, ``supervise``, ``refine``), steps and highest learning rate."""

    kind: str
    steps: int
    rate: float = 1e-3


class Training(NamedTuple):
    """All choices of a training run.

    Parameters
    ----------
    size, window, head
        As `HRFormer` takes them.
    stages : tuple of Stage
        What is done, in order.
    batch : int
        Images per step (of each sort in refinement; places in contrast), all processes together.
    epoch : int
        Steps between two validations and checkpoints; 0 is one pass over the training tiles.
    temperature, cells : float, int
        Of the contrast: temperature, and cells per side that an image is cut into (1: the whole image; more: dense).
    smoothing, class_weights : float, bool
        Of the supervised loss: label smoothing; weights against the frequency of the classes, at most 5.
    refinement : Refinement
        Choices of the third stage.
    precision : {"auto", "bfloat16", "float32"}
        ``auto`` takes bfloat16 where the hardware multiplies it.
    seed : int
        The same seed gives the same weights on the same machine.
    """

    size: str = "S"
    window: int = 8
    head: str = "simple"
    stages: tuple[Stage, ...] = (Stage("contrast", 5000), Stage("supervise", 20000), Stage("refine", 5000))
    batch: int = 8
    epoch: int = 0
    temperature: float = 0.1
    cells: int = 2
    smoothing: float = 0.0
    class_weights: bool = False
    refinement: Refinement = Refinement()
    precision: str = "auto"
    seed: int = 0
