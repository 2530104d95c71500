"""The part of a project file that maps land cover: images, labels, training, maps, smoothing, accuracy."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from soilloss.workflow.project.sources import Strict

Code = Annotated[int, Field(ge=1, le=8)]


def _as_file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class Images(Strict):
    """Images of five bands; `observations` are rasters of how many were seen, 0 where a cell was filled."""

    file: str
    bands: list[Annotated[int, Field(ge=1)]] = [1, 2, 3, 4, 5]
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    observations: str | None = None


class ClassMap(Strict):
    """A raster of classes and the legend of its codes; the path may hold ``{year}`` and the like."""

    file: str
    legend: str | None = None


class LabelMap(Strict):
    """The label map of one year; cells where `second`, another map of it, differs are ignored."""

    file: str
    year: int
    legend: str | None = None
    second: Annotated[ClassMap, BeforeValidator(_as_file)] | None = None


class TileOptions(Strict):
    """How tiles are drawn, split and cleaned; see `soilloss.landcover.cut.Cut`."""

    size: int = Field(default=256, ge=32, multiple_of=32)
    block: int = Field(default=10, ge=1)
    per_class: int = Field(default=1800, ge=1)
    least: float = Field(default=0.05, gt=0, le=1)
    rare: float = Field(default=0.01, gt=0, le=1)
    seed: int = Field(default=0, ge=0)
    boundary: float = Field(default=0.5, ge=0, le=1)
    winter: float = Field(default=0.5, ge=0, le=1)
    winter_quarters: list[Annotated[int, Field(ge=1, le=4)]] = [1, 4]
    coarse: int = Field(default=0, ge=0)
    purity: float = Field(default=0.6, gt=0, le=1)
    hold_out: list[int] = []


class GeometryOptions(Strict):
    """How far unlabelled images are turned (degrees), moved and enlarged (shares of the side)."""

    angle: float = Field(default=0.0, ge=0, le=180)
    shift: float = Field(default=0.0, ge=0, lt=1)
    zoom: list[Annotated[float, Field(gt=0)]] = Field(default=[1.0, 1.0], min_length=2, max_length=2)


class RefineOptions(Strict):
    """Choices of the third stage; see `soilloss.landcover.settings.Refinement`."""

    threshold: float = Field(default=0.8, gt=0, lt=1)
    classwise: bool = True
    teacher: float = Field(default=0.97, ge=0, lt=1)
    geometry: GeometryOptions = GeometryOptions()
    cutmix: bool = True
    dropout: float = Field(default=0.5, ge=0, lt=1)
    fewest: float = Field(default=0.3, ge=0, le=1)


class TrainOptions(Strict):
    """Steps of the three stages (0 leaves one out) and other choices; see `soilloss.landcover.settings.Training`."""

    contrast: int = Field(default=5000, ge=0)
    supervise: int = Field(default=20000, ge=0)
    refine: int = Field(default=5000, ge=0)
    rate: float = Field(default=1e-3, gt=0)
    size: Literal["N", "T", "S", "B"] = "S"
    window: int = Field(default=8, ge=2)
    head: Literal["simple", "object_contextual"] = "simple"
    batch: int = Field(default=8, ge=1)
    epoch: int = Field(default=0, ge=0)
    temperature: float = Field(default=0.1, gt=0)
    cells: int = Field(default=2, ge=1)
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    class_weights: bool = False
    refinement: RefineOptions = RefineOptions()
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    seed: int = Field(default=0, ge=0)
    device: str = ""
    about: str = "not described"


class PredictOptions(Strict):
    """Side and overlap of the tiles (default: those of training, and a quarter of them), and what is written."""

    tile: int | None = None
    overlap: int | None = None
    probabilities: bool = False
    device: str = "cpu"
    batch: int = Field(default=1, ge=1)


class SmoothOptions(Strict):
    """How maps of single steps become a series; see `soilloss.landcover.smooth`."""

    method: Literal["hmm", "path", "majority", "none"] = "hmm"
    window: int = Field(default=5, ge=1)
    change_rate: float = Field(default=0.015, gt=0, lt=1)
    forbidden: list[Annotated[list[Code], Field(min_length=2, max_length=2)]] = []
    confusion: str | None = None
    probabilities: bool = False


class PointSet(Strict):
    """A set of validation points: one table, or one of each interpreter by name."""

    points: str | dict[str, str]
    crs: str | None = None


class LandCoverMaps(Strict):
    """From images and labels of one year to a series of land cover, or from maps of others (`maps`) to a smooth one."""

    folder: str = "landcover"
    images: Annotated[Images, BeforeValidator(_as_file)] | None = None
    labels: LabelMap | None = None
    model: str | None = None
    maps: Annotated[ClassMap, BeforeValidator(_as_file)] | None = None
    tiles: TileOptions = TileOptions()
    train: TrainOptions = TrainOptions()
    predict: PredictOptions = PredictOptions()
    smooth: SmoothOptions = SmoothOptions()
    validation: dict[str, PointSet] = {}
    compare: dict[str, ClassMap] = {}
    sites: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
