"""The review of a run, period by period: what a plant looks at after every shift, day or week.

A run is a series of ledgers, one a step. They are added up to periods; every period and the whole run have their key
figures (`kpis.py`). Ledgers add up, so the periods do: counts of the run are those of its periods together.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.kpis import CADENCE, KeyFigures, bullwhip
from jitgym.ledger import Ledger
from jitgym.parts import PERIODS
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats
from jitgym.stats import Interval, ratio


def period_slots(scenario: Scenario, period: str | int) -> int:
    """Return how many slots a period lasts: a shift, day or week of the scenario's calendar, or a number of slots.

    Raises:
        InputError: an unknown period, one that the calendar does not give, or no whole number of steps.
    """
    word, step = str(period), scenario.slots_per_step
    if word.isdecimal():
        slots = int(word)
    elif word not in PERIODS:
        raise InputError(f"period must be of {', '.join(PERIODS)}, or a number of slots, got {word!r}")
    else:
        given = getattr(scenario.calendar, word, None)
        if given is None:
            raise InputError(
                f"period must be a number of slots, got {word!r}: scenario {scenario.name!r} gives no calendar.{word}"
            )
        slots = given
    if slots < step or slots % step:
        told = word if word.isdecimal() else f"{word} of {slots} slots"
        raise InputError(f"period must be a whole number of steps of {step} slots, got {told}")
    return slots


class Periods:
    """Adds up the ledgers of steps to those of periods, as they come: ``run_policy(..., each=periods.note)``.

    Args:
        slots: of a period.

    Attributes:
        ledgers: of the periods that are full.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._open: Ledger | None = None
        self.ledgers: list[Ledger] = []

    @property
    def left_over(self) -> int:
        """Slots since the last period was full."""
        return 0 if self._open is None else _slots_of(self._open)

    def note(self, ledger: Ledger) -> None:
        """Add the ledger of a step, of equal slots for all lines.

        Raises:
            InputError: the period does not end where the step ends.
        """
        if self._open is None:
            self._open = Ledger(ledger.layout, ledger.array.copy())
        else:
            self._open.array += ledger.array
        slots = _slots_of(self._open)
        if slots > self._slots:
            raise InputError(
                f"period must be a whole number of steps, got {self._slots} slots, where a step ends after {slots}"
            )
        if slots == self._slots:
            self.ledgers.append(self._open)
            self._open = None


@dataclass(frozen=True)
class Review:
    """The key figures of a run of some lines, period by period.

    Attributes:
        scenario: of the lines.
        ledgers: of every period, in time.
        left_over: slots at the end that fill no period and are not counted.
    """

    scenario: Scenario
    ledgers: tuple[Ledger, ...]
    left_over: int = 0

    @property
    def slots(self) -> int:
        """Slots of a period."""
        return _slots_of(self.ledgers[0])

    @cached_property
    def kpis(self) -> dict[str, Floats]:
        """Every key figure of every period, ``(n_periods, n_lines)``; the bullwhip ratio, of no single one, is NaN."""
        figures = KeyFigures(self.scenario)
        periods = [figures.of(ledger) for ledger in self.ledgers]
        return {name: np.stack([period[name] for period in periods]) for name in CADENCE}

    @cached_property
    def total(self) -> Ledger:
        """The ledger of all periods together."""
        return reduce(add, self.ledgers)

    @cached_property
    def whole(self) -> dict[str, Floats]:
        """Every key figure of all periods together, ``(n_lines,)``."""
        return KeyFigures(self.scenario).of(self.total) | {"bullwhip": bullwhip(self.ledgers, self.scenario)}

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return flat arrays of equal length: ``period`` and ``line``, counted from 0, and every key figure."""
        n_periods, n_lines = self.kpis["cost"].shape
        keys = {"period": np.repeat(np.arange(n_periods), n_lines), "line": np.tile(np.arange(n_lines), n_periods)}
        return {**keys, **{name: values.ravel() for name, values in self.kpis.items()}}

    def frame(self) -> Any:
        """Return a DataFrame indexed by period and line; without pandas, what :meth:`columns` returns."""
        if importlib.util.find_spec("pandas") is None:
            return self.columns()
        import pandas

        return pandas.DataFrame(self.columns()).set_index(["period", "line"])


def review(ledgers: Iterable[Ledger], scenario: Scenario, period: str | int) -> Review:
    """Add up the ledgers of a run's steps to periods.

    Args:
        ledgers: of every step, of the same lines.
        scenario: of the lines.
        period: ``shift``, ``day`` or ``week`` of the scenario's calendar, or a number of slots.

    Raises:
        InputError: an impossible period, or a run that is shorter than one.
    """
    periods = Periods(period_slots(scenario, period))
    for ledger in ledgers:
        periods.note(ledger)
    return reviewed(periods, scenario)


def reviewed(periods: Periods, scenario: Scenario) -> Review:
    """Return the review of what has been noted.

    Raises:
        InputError: no period is full.
    """
    if not periods.ledgers:
        raise InputError(f"period must not be longer than the run, which has {periods.left_over} slots")
    return Review(scenario, tuple(periods.ledgers), periods.left_over)


def normalised(values: Mapping[str, Floats], reference: Mapping[str, Floats]) -> dict[str, Interval]:
    """Return every key figure as a multiple of that of a reference, such as the tuned kanban line.

    The ratio of the means over the lines, which met the same luck, with a 95 % interval. Whether more or less than 1 is
    good, ``CADENCE`` says.

    Args:
        values: ``(n_lines,)`` each, such as :attr:`Review.whole`.
        reference: the same, of the reference.
    """
    return {name: ratio(values[name], reference[name]) for name in CADENCE}


def _slots_of(ledger: Ledger) -> int:
    return int(ledger["slots"][0])
