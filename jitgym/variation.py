"""The parameters of a line that may differ from line to line: which there are, and what their values are told in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.fields import PARAMETERS
from jitgym.laws import TIMES
from jitgym.parts import Vary
from jitgym.scenario import Scenario

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

Unit = Literal["probability", "slots", "times", "level"]

HELD: Final[dict[Unit, int]] = {"probability": 2**31, "slots": 1, "times": TIMES, "level": 1}
"""What the tables hold for one of each unit; of a probability they hold one less, its threshold."""


@dataclass(frozen=True)
class Varied:
    """One parameter of one place that varies: ``low..high``.

    ``at`` names the place, which ``place`` counts: stages, suppliers or products, or ``stage * n_products + product``.
    A value is a probability, whole slots, times the value of the scenario, or, of ``demand``, the number of a level.
    """

    parameter: str
    at: str
    place: int
    low: float
    high: float
    unit: Unit

    @property
    def name(self) -> str:
        """What it is called, e.g. ``on_time[mill]``, and ``demand`` where products have no names."""
        return f"{self.parameter}[{self.at}]" if self.at else self.parameter


def varied_of(scenario: Scenario) -> tuple[Varied, ...]:
    """Return the parameters that vary, in the order of the scenario's section ``vary``."""
    return tuple(one for vary in scenario.vary for one in _varied(scenario, vary))


def _varied(scenario: Scenario, vary: Vary) -> Iterator[Varied]:
    """Yield the parameters that an entry varies."""
    kind = next(kind for kind in PARAMETERS if kind.name == vary.parameter)
    products = scenario.product_names or ("",)
    chosen = [p for p, name in enumerate(products) if vary.product is None or name in vary.product]
    if kind.axis == "product":
        for p in chosen:
            yield Varied(vary.parameter, products[p], p, 0, len(scenario.demand_levels(p)) - 1, "level")
        return
    names = scenario.supplier_names if kind.axis == "supplier" else scenario.stage_names
    for i in (names.index(name) for name in vary.at or scenario.places_to_vary(vary.parameter)):
        if kind.axis != "stage_product":
            yield Varied(vary.parameter, names[i], i, vary.low, vary.high, kind.unit)
            continue
        for p in chosen:
            at = ",".join(filter(None, (names[i], products[p])))
            yield Varied(vary.parameter, at, i * len(products) + p, vary.low, vary.high, kind.unit)


class Values:
    """Values of the parameters that vary: in their own units, and as the tables hold them.

    Args:
        varied: the parameters.

    Attributes:
        low: the least that the tables hold of each, ``(n_varied,)`` int32.
        high: the most.
    """

    def __init__(self, varied: Sequence[Varied]) -> None:
        self._varied = tuple(varied)
        self._per_unit = np.array([HELD[one.unit] for one in varied], dtype=np.float64)
        self._less = np.array([one.unit == "probability" for one in varied], dtype=np.float64)
        self._whole = np.array([one.unit in ("slots", "level") for one in varied], dtype=bool)
        bounds = np.array([(one.low, one.high) for one in varied], dtype=np.float64).reshape(-1, 2)
        self.low, self.high = (np.rint(bounds.T * self._per_unit) - self._less).astype(np.int32)

    def natural(self, held: Ints) -> Floats:
        """Return in their own units what the tables hold, ``(n, n_varied)``."""
        values: Floats = (held + self._less) / self._per_unit
        return values

    def held(self, values: npt.ArrayLike, lines: npt.NDArray[np.intp]) -> Ints:
        """Return values of some lines as the tables hold them, ``(n_varied,)`` or ``(n, n_varied)``, or raise.

        Args:
            values: in their own units, ``(n_varied,)`` for all of the lines or ``(n, n_varied)``.
            lines: numbers of the ``n`` lines, to be told where a value is at fault.
        """
        given, n = _numbers(values), len(self._varied)
        if given.shape not in ((n,), (len(lines), n)):
            raise InputError(f"values must have shape ({n},) or ({len(lines)}, {n}), got {given.shape}")
        with np.errstate(over="ignore"):
            units = given * self._per_unit
        rounded = np.rint(units)
        within = rounded == units
        within |= ~self._whole
        rounded -= self._less
        within &= rounded >= self.low
        within &= rounded <= self.high
        if not within.all():
            where = tuple(int(i) for i in np.argwhere(~within)[0])
            one = self._varied[where[-1]]
            line = f" of line {lines[where[0]]}" if len(where) == 2 else ""
            rule = f"{'a whole number in ' if self._whole[where[-1]] else 'in '}{one.low:.10g}..{one.high:.10g}"
            raise InputError(f"{one.name}{line} must be {rule}, got {given[where]:.10g}")
        return rounded.astype(np.int32)


def _numbers(values: npt.ArrayLike) -> Floats:
    """Return values as an array of floats, or raise."""
    try:
        given = np.asarray(values)
    except ValueError:  # rows of several lengths
        raise InputError("values must be numbers in rows of one length") from None
    if given.dtype.kind not in "iuf" and given.size:
        raise InputError(f"values must be numbers, got {given.dtype}")
    return given.astype(np.float64, copy=False)
