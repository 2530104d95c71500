"""What flow does where the surface does not tell: at holes and voids, and on level land."""

from __future__ import annotations

from typing import Any, NamedTuple

from soilloss.errors import ProjectError, did_you_mean

VOIDS = ("outlet", "wall")
FLATS = ("lower", "garbrecht")


class Ways(NamedTuple):
    """Holes of at most `close_holes` cells are closed; larger ones are an outlet or a wall; how flats drain."""

    close_holes: int = 1
    voids: str = "outlet"
    flats: str = "lower"

    @property
    def walls(self) -> bool:
        """Whether water stops at voids."""
        return self.voids == "wall"

    def checked(self) -> Ways:
        """Return this, or say which word is not known."""
        if self.voids not in VOIDS:
            raise unknown("voids", self.voids, VOIDS)
        if self.flats not in FLATS:
            raise unknown("flats", self.flats, FLATS)
        return self


def unknown(name: str, value: Any, known: tuple[str, ...]) -> ProjectError:
    """Return the error for an option that is none of those known.

    Examples
    --------
    >>> str(unknown("voids", "walls", VOIDS))
    "voids is 'walls', expected one of 'outlet', 'wall'; did you mean 'wall'?"
    """
    listed = ", ".join(repr(k) for k in known)
    return ProjectError(f"{name} is {value!r}, expected one of {listed}{did_you_mean(str(value), known)}")
