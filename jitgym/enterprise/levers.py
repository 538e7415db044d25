"""The levers of a company: a named whole number for each decision of a period, with its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.description import Enterprise
from jitgym.errors import InputError
from jitgym.knobs import Knob

Ints = npt.NDArray[np.int64]
Kind = Literal["develop", "alternative", "changeover", "quality", "maintenance", "training", "rollout", "cards"]

HOLD: Final = 0
PILOT: Final = 1
NEXT: Final = 2
BACK: Final = 3
ORDERS: Final = {
    HOLD: "hold",
    PILOT: "pilot: pull at the last stage, where there is none",
    NEXT: "next: pull at one more stage, where the pilot stands",
    BACK: "back: push at all stages",
}
"""What a roll-out order may be."""
OF_SUPPLIERS: Final[tuple[Kind, ...]] = ("develop", "alternative")
OF_LINES: Final[tuple[Kind, ...]] = ("changeover", "quality", "maintenance", "training", "rollout", "cards")


@dataclass(frozen=True)
class Decision:
    """One lever of one line or supplier; ``place`` counts these."""

    name: str
    kind: Kind
    place: int
    low: int
    high: int
    unit: float

    @property
    def knob(self) -> Knob:
        """The same as a knob, for what encodes actions."""
        return Knob(self.name, self.kind, self.place, 0, 0, self.low, self.high, self.low, False)


class LeverTable:
    """The levers of an enterprise, in the order of a decision vector: those of suppliers first, then line by line.

    Args:
        enterprise: whose.

    Attributes:
        levers: every lever.
    """

    def __init__(self, enterprise: Enterprise) -> None:
        self.enterprise = enterprise
        self.levers: tuple[Decision, ...] = tuple(_levers(enterprise))
        self.low: Ints = np.array([lever.low for lever in self.levers], dtype=np.int64)
        self.high: Ints = np.array([lever.high for lever in self.levers], dtype=np.int64)
        self.columns: dict[str, npt.NDArray[np.intp]] = {
            kind: np.array([c for c, lever in enumerate(self.levers) if lever.kind == kind], dtype=np.intp)
            for kind in (*OF_SUPPLIERS, *OF_LINES)
        }
        self.suppliers: dict[str, list[int]] = {
            kind: [lever.place for lever in self.levers if lever.kind == kind] for kind in OF_SUPPLIERS
        }

    def __len__(self) -> int:
        """Return the number of levers."""
        return len(self.levers)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every lever, e.g. ``training[shafts]``."""
        return tuple(lever.name for lever in self.levers)

    @property
    def at_rest(self) -> Ints:
        """The decision that changes nothing: no money, hold, and the cards of the start, ``(n_levers,)``."""
        rest = self.low.copy()
        rest[self.columns["cards"]] = self.enterprise.start_cards
        return rest

    def column(self, name: str) -> int:
        """Return the place of a lever in the vector.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.names:
            raise InputError(f"lever must be of {', '.join(self.names)}, got {name!r}")
        return self.names.index(name)

    def checked(self, decisions: npt.ArrayLike, n_companies: int) -> Ints:
        """Return decisions as ``(n_companies, n_levers)``, or raise.

        Raises:
            InputError: wrong dtype, shape or range; the message names the lever.
        """
        try:
            values = np.asarray(decisions)
        except ValueError:
            raise InputError(f"decisions must be rows of {len(self)} integers, got rows of several lengths") from None
        shapes = ((len(self),), (n_companies, len(self)))
        if values.dtype.kind not in "iu" or values.shape not in shapes:
            raise InputError(
                f"decisions must be integers of shape {shapes[0]} or {shapes[1]}, got {values.dtype} of {values.shape}"
            )
        outside = (values < self.low) | (values > self.high)
        if outside.any():
            where = tuple(int(i) for i in np.argwhere(outside)[0])
            lever = self.levers[where[-1]]
            whose = f" of company {where[0]}" if len(where) == 2 else ""
            raise InputError(f"{lever.name}{whose} must be in {lever.low}..{lever.high}, got {values[where]}")
        return np.broadcast_to(values, shapes[1]).astype(np.int64)


def _levers(enterprise: Enterprise) -> list[Decision]:
    levers = enterprise.levers
    found = []
    for kind in OF_SUPPLIERS:
        bounds = getattr(levers, kind)
        for place, supplier in enumerate(enterprise.suppliers):
            if (supplier.alternative is not None) == (kind == "alternative"):
                name = f"{kind}[{supplier.name}]"
                found.append(Decision(name, kind, place, bounds.low, bounds.high, bounds.unit))
    for place, line in enumerate(enterprise.lines):
        for kind in OF_LINES:
            name = f"{kind}[{line.name}]"
            if kind == "rollout":
                found.append(Decision(name, kind, place, HOLD, BACK, 1.0))
            else:
                bounds = getattr(levers, kind)
                found.append(Decision(name, kind, place, bounds.low, bounds.high, bounds.unit))
    return found
