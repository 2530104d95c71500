"""Which function makes which variable, in which order: a walk backwards from what is wanted.

If a source gives a variable, stop; otherwise take the chosen method, or the first default whose inputs can be had,
and ask for each of its inputs. The result is a plain list in running order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from soilloss.equation import spec_of
from soilloss.errors import MissingInputError, ProjectError
from soilloss.workflow.methods import METHODS, OFFERS, Choice, check_coefficients, method

Function = Callable[..., Any]


class Step(NamedTuple):
    """One line of a plan: `function` is None for a source."""

    variable: str
    function: Function | None = None
    inputs: tuple[str, ...] = ()
    coefficients: Mapping[str, Any] = {}

    @property
    def method(self) -> str:
        """Name of the method, or ``source``."""
        return self.function.__name__ if self.function else "source"

    @property
    def kind(self) -> str:
        """How it is made before the pass and kept; "" for what is made in the pass, or is a source.

        A ``step`` needs the whole grid, a ``statistic`` is one number for it, a ``series`` is made of days, on the grid
        the days come on.
        """
        if self.function is None:
            return ""
        spec = spec_of(self.function)
        return {"grid": "step", "statistic": "statistic"}.get(spec.shape, "series" if spec.over == "day" else "")

    @property
    def stored(self) -> bool:
        """Whether it is made before the pass and kept."""
        return self.kind != ""

    @property
    def place(self) -> str:
        """Where a method is run: ``stored`` (the whole grid), ``statistic``, ``series``, or in the ``pass``."""
        return {"step": "stored", "": "pass"}.get(self.kind, self.kind)

    def changes(self, changing: Collection[str], steps: Sequence[str]) -> bool:
        """Whether it differs among the time steps, given the variables that do."""
        if self.function is None or self.kind == "statistic":
            return False
        parts = "step" in spec_of(self.function).supplied and any("-" in step for step in steps)
        return parts or not set(self.inputs).isdisjoint(changing)

    def describe(self) -> str:
        """One readable line, e.g. ``cover <- van_der_knijff_2000(ndvi)``."""
        if self.function is None:
            return f"{self.variable} <- source"
        given = [*self.inputs, *(f"{key}={value}" for key, value in self.coefficients.items())]
        return f"{self.variable} <- {self.method}({', '.join(given)})"


class Planner:
    """The walk: what is chosen, what sources there are, and what was found on the way."""

    def __init__(
        self,
        sources: Collection[str],
        chosen: Mapping[str, Choice],
        defaults: Mapping[str, Sequence[Choice]],
        step: str,
    ) -> None:
        self.sources, self.chosen, self.defaults, self.step = sources, chosen, defaults, step
        self.steps: dict[str, Step] = {}

    def choices(self, variable: str) -> Sequence[Choice]:
        """Methods to try for a variable: the chosen one, or the defaults."""
        if variable in self.chosen:
            return [self.chosen[variable]]
        return [(name, given) for name, given in self.defaults.get(variable, []) if name in METHODS.get(variable, {})]

    def inputs(self, function: Function) -> tuple[str, ...]:
        """Data a method takes here: what it needs, and optional data that a source gives."""
        spec = spec_of(function)
        return tuple(name for name in spec.inputs if name not in spec.optional or name in self.sources)

    def possible(self, variable: str, asking: tuple[str, ...] = ()) -> bool:
        """Whether the variable can be had at all; nothing asks for itself."""
        if variable in self.sources:
            return True
        if variable in asking:
            return False
        way = (*asking, variable)
        return any(
            all(self.possible(name, way) for name in self.inputs(method(variable, chosen)))
            for chosen, _ in self.choices(variable)
        )

    def add(self, variable: str, chain: tuple[str, ...] = ()) -> None:
        """Append the steps that make `variable`; `chain` tells who asked."""
        if variable in self.steps:
            return
        if variable in self.sources:
            self.steps[variable] = Step(variable)
            return
        choices = self.choices(variable)
        if not choices or any(link.split(" ")[0] == variable for link in chain):
            raise MissingInputError(_missing(variable, chain))
        name, given = next(
            (
                (name, given)
                for name, given in choices
                if all(self.possible(i, (variable,)) for i in self.inputs(method(variable, name)))
            ),
            choices[0],
        )
        function = method(variable, name)
        self._check_step(variable, name, function)
        inputs = self.inputs(function)
        for needed in inputs:
            self.add(needed, (f"{variable} ({name})", *chain))
        self.steps[variable] = Step(variable, function, inputs, given)

    def _check_step(self, variable: str, name: str, function: Function) -> None:
        spec = spec_of(function)
        if spec.step == "year" and self.step != "year":
            raise ProjectError(
                f"methods.{variable}: {name} holds only for amounts of a year, but the project's step is {self.step}; "
                f"use step: year or another method (soilloss methods {variable})"
            )
        if spec.over == "time":
            raise ProjectError(
                f"methods.{variable}: {name} needs a whole series, which a run does not have; take another"
            )


def make_plan(
    want: Sequence[str],
    sources: Collection[str],
    chosen: Mapping[str, Choice],
    defaults: Mapping[str, Sequence[Choice]],
    step: str = "year",
    asked: Mapping[str, str] | None = None,
) -> list[Step]:
    """Return the steps that make the wanted variables, in running order.

    Parameters
    ----------
    want : sequence of str
        Variables to make.
    sources : collection of str
        Variables that come from outside.
    chosen : mapping
        Variable to ``(method name, coefficients)``.
    defaults : mapping
        Variable to an ordered list of such choices.
    step : str
        Time step of the run; methods for a year are refused elsewhere.
    asked : mapping, optional
        Further variables to make, and the part of the project that asks for each.

    Raises
    ------
    MissingInputError
        Naming the variable that nothing gives and everybody who asked for it.
    ProjectError
        If a chosen method or coefficient does not exist, or does not fit the step.
    """
    for variable, (name, given) in chosen.items():
        check_coefficients(variable, name, given)
    planner = Planner(sources, chosen, defaults, step)
    for variable in want:
        planner.add(variable)
    for variable, asking in (asked or {}).items():
        planner.add(variable, (asking,))
    return list(planner.steps.values())


def _missing(variable: str, chain: tuple[str, ...]) -> str:
    asked = " <- ".join(chain) if chain else "the project"
    offer = f" ({OFFERS[variable]})" if variable in OFFERS else ""
    instead = [link.split(" ")[0] for link in chain[:-1]]
    add = f"add it, or {' or '.join(instead)} itself," if instead else "add it"
    ways = f", or choose a method for it (soilloss methods {variable})" if METHODS.get(variable) else ""
    return (
        f"{variable} is needed by {asked}, but the project gives no source for it; {add} under 'sources'{offer}{ways}"
    )
