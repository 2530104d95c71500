"""What can be asked of `make_terrain`, and words for what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from soilloss.derive import codes, terrain
from soilloss.derive.routing import ROUTINGS, unknown
from soilloss.derive.ways import Ways
from soilloss.equation import spec_of
from soilloss.errors import ProjectError

ROUTED = {
    "filled_elevation": terrain.fill_depressions,
    "flow_direction": terrain.flow_direction_d8,
    "flow_accumulation": terrain.flow_accumulation,
    "contributing_area": terrain.contributing_area,
    "edge_contaminated": terrain.edge_contaminated,
}
LOCAL = {"slope": terrain.slope_horn_1981, "aspect": terrain.aspect_horn_1981}
FLAG = "edge_contaminated"
WANTED = (
    "filled_elevation",
    "flow_direction",
    "flow_accumulation",
    "contributing_area",
    "slope",
    "aspect",
    "topography",
    FLAG,
)
MASKS = ("channels", "trapping")


class Task(NamedTuple):
    """What is asked for: heights, names of results, how flow divides, codes of directions, gauges, streams.

    `snap` is how far gauges may be moved, m; `streams` the least area of a stream, m2. `channels` and `trapping` are
    rasters, or lines and polygons; `ways` says what happens at holes, voids and on level land.
    """

    dem: Path
    wanted: tuple[str, ...] = WANTED
    routing: str = "mfd"
    codes: str = "soilloss"
    nodata: float | None = None
    outlets: Path | None = None
    outlets_crs: str | None = None
    snap: float = 0.0
    streams: float | None = None
    channels: Path | None = None
    trapping: Path | None = None
    ways: Ways = Ways()

    def checked(self) -> Task:
        """Return the task, or say which word of it is not known."""
        for name in self.wanted:
            if name not in WANTED:
                raise unknown("wanted", name, WANTED)
        if not (self.wanted or self.outlets or self.streams):
            raise ProjectError(f"nothing is wanted; name one or more of {', '.join(WANTED)}")
        if self.routing not in ROUTINGS:
            raise unknown("routing", self.routing, ROUTINGS)
        codes.missing_code(self.codes)
        self.ways.checked()
        return self

    def options(self, name: str) -> dict[str, Any]:
        """Coefficients of a function of the flow, apart from holes, which are closed beforehand."""
        known = {"close_holes": 0, "voids": self.ways.voids, "flats": self.ways.flats, "routing": self.routing}
        return {key: value for key, value in known.items() if key in spec_of(ROUTED[name]).coefficients}


def names_of(text: str) -> tuple[str, ...]:
    """Names parted by commas; nothing stands for all.

    Examples
    --------
    >>> names_of("slope, aspect")
    ('slope', 'aspect')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip()) or WANTED
