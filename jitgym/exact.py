"""The exact law of a slot, read off its definition.

The definition (``oracle.py``) compares uniforms with thresholds. Here the uniforms are intervals: a comparison that an
interval does not decide cuts it in two, and the slot is run once for every way that all comparisons can end. So every
outcome comes with its exact probability, and nothing is derived by hand. ``optimal.py`` makes decision processes of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jitgym.errors import InputError
from jitgym.fields import LEDGER, STATE
from jitgym.ledger import Ledger
from jitgym.oracle import Line
from jitgym.scenario import Scenario
from jitgym.scorecard import Scorecard
from jitgym.tables import Tables, build_tables

Row = list[int]
BITS: Final = 31


class Luck:
    """The ways that the comparisons of one slot can end, walked through one by one.

    A run asks for uniforms with :meth:`word`; after it, :meth:`again` says whether there is one more way to go. What
    was decided before is decided the same again, up to the last comparison that has another end.
    """

    def __init__(self) -> None:
        self._ends: list[bool] = []
        self._next = 0
        self._words: dict[tuple[int, int], Uniform] = {}

    def word(self, source: int, place: int) -> Uniform:
        """Return the uniform of a source and place; the same one if asked again."""
        key = (source, place)
        if key not in self._words:
            self._words[key] = Uniform(self)
        return self._words[key]

    def end(self) -> bool:
        """Return how the next undecided comparison ends."""
        if self._next == len(self._ends):
            self._ends.append(True)
        self._next += 1
        return self._ends[self._next - 1]

    def probability(self) -> float:
        """Return the probability of the way that was gone: words are independent."""
        return math.prod([(u.high - u.low) / 2**BITS for u in self._words.values()], start=1.0)

    def again(self) -> bool:
        """Turn to the next way; return whether there is one."""
        self._next, self._words = 0, {}
        while self._ends and not self._ends[-1]:
            self._ends.pop()
        if not self._ends:
            return False
        self._ends[-1] = False
        return True


class Uniform:
    """A uniform in ``[low, high)``: what the slot's comparisons have left of ``[0, 2**31)``."""

    __slots__ = ("high", "low", "luck")

    def __init__(self, luck: Luck) -> None:
        self.low, self.high, self.luck = 0, 2**BITS, luck

    def below(self, cut: int) -> bool:
        """Return whether the uniform is below a value; if both may be, as luck has it."""
        if self.high <= cut:
            return True
        if self.low >= cut:
            return False
        if self.luck.end():
            self.high = cut
            return True
        self.low = cut
        return False

    def __le__(self, threshold: int) -> bool:
        return self.below(threshold + 1)

    def __gt__(self, threshold: int) -> bool:
        return not self.below(threshold + 1)

    def __mul__(self, factor: int) -> Affine:
        return Affine(self, factor, 0)

    def __radd__(self, offset: int) -> Affine:
        return Affine(self, 1, offset)


@dataclass(frozen=True)
class Affine:
    """``factor`` times a uniform plus ``offset``: what portions and shares are rounded with."""

    uniform: Uniform
    factor: int
    offset: int

    def __rshift__(self, bits: int) -> int:
        """Return the whole part of it over ``2**bits``, which grows with the uniform."""
        value = (self.factor * self.uniform.low + self.offset) >> bits
        while not self.uniform.below(-((self.offset - (value + 1 << bits)) // self.factor)):
            value += 1
        return value


class Branching(Line):
    """A line of the definition whose luck is told by :class:`Luck`."""

    def __init__(self, blank: Line, values: dict[str, Row], count: dict[str, Row], luck: Luck) -> None:
        self.t, self.p, self.all_parameters = blank.t, blank.p, blank.all_parameters
        self.s, self.count, self.luck = values, count, luck
        self.calls = {}

    def word(self, source: int, place: int) -> Any:
        """Return a uniform that branches, in place of a number."""
        return self.luck.word(source, place)


class Law:
    """What may come of one slot: probabilities, next states, costs.

    Args:
        scenario: a line without parameters that vary and without a random phase.

    Raises:
        InputError: the line's start is a matter of luck.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.tables = tables = build_tables(scenario)
        if len(tables.varied_row) or tables.random_phase:
            what = "vary" if len(tables.varied_row) else "demand.phase: random"
            raise InputError(f"scenario of an exact solution must start from one state, got {what}")
        self.slots = scenario.slots_per_step
        self._blank = Line(tables, tables.initial.tolist())
        places = {f.name: tables.state[f.name] for f in STATE if f.name in tables.state}
        self._state = [(name, place.start, place.stop) for name, place in places.items()]
        self._absent = [(name, len(row)) for name, row in self._blank.s.items() if name not in places]
        self._counts = [(field.name, len(self._blank.count[field.name])) for field in LEDGER]
        self._prices = _prices(scenario, tables)

    def outcomes(self, row: Row, knobs: Sequence[int], since: int = 0) -> Iterator[tuple[float, Row, float]]:
        """Yield every way that a slot can go: its probability, the next state, and what it costs.

        Args:
            row: the state, one integer for each column of ``tables.state``.
            knobs: the knob vector.
            since: slots since the step began in which the knobs were set.
        """
        luck = Luck()
        while True:
            values = {name: row[start:stop] for name, start, stop in self._state}
            values.update((name, [0] * size) for name, size in self._absent)
            line = Branching(self._blank, values, {name: [0] * size for name, size in self._counts}, luck)
            line.slot(knobs, since)
            cost = sum(price * line.count[name][place] for name, place, price in self._prices)
            yield luck.probability(), line.row(), cost
            if not luck.again():
                return

    def named(self, row: Row) -> dict[str, Row]:
        """Return a state field by field."""
        return {name: row[start:stop] for name, start, stop in self._state}


def _prices(scenario: Scenario, tables: Tables) -> list[tuple[str, int, float]]:
    """Return what one more of each count costs: the scorecard's cost is a sum over counts."""
    layout = tables.ledger
    one_of_each = Ledger(layout, np.eye(layout.size, dtype=np.int64))
    prices = Scorecard(scenario).cost(one_of_each)
    return [
        (name, place, float(price)) for name in layout for place, price in enumerate(prices[layout[name]]) if price != 0
    ]
