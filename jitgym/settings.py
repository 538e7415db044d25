"""What rules are made of: the numbers that a tuner may set, and settings that turn them into knobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.fields import OFF
from jitgym.knobs import Knob
from jitgym.observation import Readings
from jitgym.scenario import Scenario
from jitgym.textbook import Textbook

Ints = npt.NDArray[np.int64]
Information = Literal["local", "line", "forecast"]
INFORMATION: Final[tuple[Information, ...]] = ("local", "line", "forecast")
"""What a rule looks at, each with all before it.

``local``: cards and machine of the stage at hand, or the item at hand and its supplier; ``line``: stocks, machines and
customer orders of the whole line; ``forecast``: what demand has been and where the calendar stands.
"""
FORECAST: Final = ("demand_step", "demand_smooth", "known", "calendar")
"""Entries of the observation that tell of demand to come."""

Adapt = Callable[[Ints, Readings, Ints], None]
"""Called with numbers ``(n_lines, n_numbers)``, what is seen, and knob vectors ``(n_lines, n_knobs)`` to write into."""


LIMITS: Final = ("kanban", "loop", "basestock", "release")
"""Kinds of knobs that limit what is released."""


@dataclass(frozen=True)
class Number:
    """One number of a rule: its range and the textbook value; ``column`` of the knob that it sets, -1 for none."""

    name: str
    column: int
    low: int
    high: int
    start: int
    never: int | None = None
    """The value that stands for a knob that is off, one above ``high`` of the knob; None: there is none."""


@dataclass(frozen=True)
class Setting:
    """What a rule does with some of the knobs.

    Attributes:
        numbers: what a tuner sets.
        information: what it looks at, or what the knobs that it sets look at within the line.
        adapt: how knobs follow from numbers that are no knobs, and from what is seen; None: there are none.
        held: columns of knobs that stay at a value, and the value.
    """

    numbers: tuple[Number, ...] = ()
    information: Information = "local"
    adapt: Adapt | None = None
    held: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class System:
    """A control system for tables and documentation: how to set it up on a line, its formula and where it is from.

    ``build`` returns None for a line that lacks the knobs.
    """

    build: Callable[[Line], Setting | None]
    formula: str
    source: str


@dataclass(frozen=True)
class Line:
    """What a control system is written against: a scenario, its textbook, and its knobs with their columns."""

    scenario: Scenario
    textbook: Textbook
    knobs: tuple[Knob, ...]

    @classmethod
    def of(cls, scenario: Scenario) -> Line:
        """Return a scenario with its textbook and knobs."""
        textbook = Textbook.of(scenario)
        return cls(scenario, textbook, textbook.tables.knobs)

    def of_kind(self, *kinds: str) -> list[tuple[int, Knob]]:
        """Return the knobs of some kinds with their columns, in the order of the knob vector."""
        return [(column, knob) for column, knob in enumerate(self.knobs) if knob.kind in kinds]

    @property
    def is_limited(self) -> bool:
        """Whether any knob limits what is released."""
        return bool(self.of_kind(*LIMITS))

    def column(self, kind: str, place: int, product: int = 0) -> int:
        """Return the column of the knob of a kind at a place; -1 if there is none."""
        found = (c for c, k in self.of_kind(kind) if (k.place, k.product) == (place, product))
        return next(found, -1)

    def of_product(self, seen: Readings, field: str, product: int) -> Ints:
        """Return an entry that is observed by product, ``(n_lines,)``."""
        names = self.scenario.product_names
        return seen(f"{field}[{names[product]}]" if names else field)

    def position(self, seen: Readings, place: int, product: int) -> Ints:
        """Return the units from a stage to the customer, with granted releases, less the customer orders."""
        units = seen(f"credits[{self.name(place, product)}]")
        units = units - self.of_product(seen, "backlog", product) - self.of_product(seen, "known", product)
        for stage in self.scenario.path(place):
            for field in ("queue", "job", "store"):
                units = units + seen(f"{field}[{self.name(stage, product)}]")
        return units

    def name(self, place: int, product: int = 0) -> str:
        """Return how fields of a stage and product are named: ``packing`` or ``packing,plain``."""
        names = self.scenario.product_names
        return f"{self.scenario.stage_names[place]},{names[product]}" if names else self.scenario.stage_names[place]


def constant(numbers: Iterable[Number], information: Information = "local") -> Setting:
    """Return a setting whose numbers are knobs."""
    return Setting(tuple(numbers), information)


def join(parts: Sequence[Setting]) -> Setting:
    """Return several settings as one, their numbers in turn."""
    ends = np.cumsum([0, *(len(part.numbers) for part in parts)])

    def adapt(values: Ints, seen: Readings, knobs: Ints) -> None:
        for i, part in enumerate(parts):
            if part.adapt is not None:
                part.adapt(values[:, ends[i] : ends[i + 1]], seen, knobs)

    return Setting(
        numbers=tuple(number for part in parts for number in part.numbers),
        information=max((part.information for part in parts), key=INFORMATION.index, default="local"),
        adapt=adapt if any(part.adapt is not None for part in parts) else None,
        held=tuple(pair for part in parts for pair in part.held),
    )


def number_of(column: int, knob: Knob, start: int) -> Number:
    """Return the number that sets a knob, with its range; a textbook value outside is cut to it."""
    return Number(knob.name, column, knob.low, knob.high, min(max(start, knob.low), knob.high))


def free_number(name: str, low: int, high: int, start: int) -> Number:
    """Return a number that is no knob."""
    return Number(name, -1, low, high, min(max(start, low), high))


def idle(knob: Knob) -> int:
    """Return the value that leaves a knob out of the control: off, or what comes nearest."""
    if knob.off:
        return OFF
    if knob.kind in LIMITS:
        return knob.high
    return knob.low if knob.kind in ("order", "lot", "expedite") else knob.default
