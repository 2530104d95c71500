"""soilloss: trustworthy maps of soil erosion by water from Earth-observation data.

``import soilloss as sl`` costs almost nothing; each part loads when it is first touched.
"""

from __future__ import annotations

import importlib
from typing import Any

from soilloss.errors import (
    DataError,
    GridError,
    MissingExtraError,
    MissingInputError,
    ProjectError,
    SoilLossError,
    SoilLossWarning,
    SourceError,
    UnitsError,
)
from soilloss.variables import VARIABLES

__version__ = "0.1.0"

_MODULES = {
    "erosivity": "soilloss.factors.erosivity",
    "erodibility": "soilloss.factors.erodibility",
    "topography": "soilloss.factors.topography",
    "cover": "soilloss.factors.cover",
    "practice": "soilloss.factors.practice",
    "climate": "soilloss.derive.climate",
    "conformance": "soilloss.conformance",
    "points": "soilloss.derive.points",
    "soil": "soilloss.derive.soil",
    "terrain": "soilloss.derive.terrain",
    "vegetation": "soilloss.derive.vegetation",
    "trend": "soilloss.analysis.trend",
    "change": "soilloss.analysis.change",
    "hot_spots": "soilloss.analysis.hot_spots",
    "drivers": "soilloss.analysis.drivers",
    "bivariate": "soilloss.analysis.bivariate",
    "attribution": "soilloss.analysis.attribution",
    "scenario": "soilloss.analysis.scenario",
    "accuracy": "soilloss.analysis.accuracy",
    "landcover": "soilloss.landcover",
}
_NAMES = {
    "usle": "soilloss.model",
    "rusle": "soilloss.model",
    "csle": "soilloss.model",
    "severity": "soilloss.model",
    "check": "soilloss.workflow.check",
    "compare": "soilloss.workflow.compare",
    "open": "soilloss.workflow.site",
    "plan": "soilloss.workflow.run",
    "run": "soilloss.workflow.run",
    "verify": "soilloss.workflow.record",
    "METHODS": "soilloss.workflow.methods",
}

__all__ = [  # errors and the vocabulary, then what loads when touched
    "DataError",
    "GridError",
    "MissingExtraError",
    "MissingInputError",
    "ProjectError",
    "SoilLossError",
    "SoilLossWarning",
    "SourceError",
    "UnitsError",
    "VARIABLES",
    *_MODULES,
    *_NAMES,
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'soilloss' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
