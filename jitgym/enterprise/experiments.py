"""Rules that are there to show one thing, and are not tuned.

What comes first, what buffers do to improvement, what suppliers are worth, how the gains of a technique last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.basics import Technique
from jitgym.enterprise.manager import Manager, Memory
from jitgym.enterprise.outlook import Draft, Outlook
from jitgym.enterprise.programmes import Phased
from jitgym.settings import Number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class InOrder(Manager):
    """Two years of one thing, then two of the other: for the question of what comes first.

    The turn of maintenance costs the same in both orders. What it gained is kept up afterwards, at one step of the
    lever: two years longer where it came first.
    """

    TURN: ClassVar[int] = 2
    """Years of each."""
    maintenance_first: ClassVar[bool]

    def _numbers(self) -> tuple[Number, ...]:
        return (
            self._level("maintenance", 4),
            self._level("training", 1),
            self._level("cards", self._enterprise.start_cards // 2),
        )

    def _begin(self, n: int) -> Memory:
        return {"period": np.zeros((n, 1), dtype=np.int64)}

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        turn = memory["period"] // (self.TURN * self._enterprise.periods_per_year)
        memory["period"] = memory["period"] + 1
        own, other = (0, 1) if self.maintenance_first else (1, 0)
        stage = see.line("stage")
        draft.set("training", number["training"])
        upkeep = np.where(turn > own, np.minimum(1, number["maintenance"]), 0)
        draft.set("maintenance", np.where(turn == own, number["maintenance"], upkeep))
        draft.set("rollout", self._next(see, (turn >= other) & self.analysis.suits))
        draft.set("cards", np.where(stage > 0, number["cards"], self._enterprise.start_cards))


class MaintenanceFirst(InOrder):
    """Reliable machines, then pull."""

    name = "maintenance first"
    does = "two years of maintenance, then pull on the lines that suit it"
    numbers_of = None
    maintenance_first = True


class RolloutFirst(InOrder):
    """Pull, then reliable machines."""

    name = "roll-out first"
    does = "pull on the lines that suit it, then from the third year maintenance"
    numbers_of = None
    maintenance_first = False


class Kaizen(Manager):
    """Pull on the lines that suit it, trained people, and no other money: what improves, improves by kaizen."""

    cards: ClassVar[float]
    """Safety cards, as a share of those at the start."""

    def _numbers(self) -> tuple[Number, ...]:
        return (
            self._level("training", 2),
            self._level("cards", round(self.cards * self._enterprise.start_cards)),
        )

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        lines = np.broadcast_to(self.analysis.suits, see.line("stage").shape)
        draft.set("training", np.where(lines, number["training"], 0))
        draft.set("rollout", self._next(see, lines))
        draft.set("cards", np.where(lines, number["cards"], self._enterprise.start_cards))


class LeanKaizen(Kaizen):
    """Few cards: what goes wrong is seen."""

    name = "lean kaizen"
    does = "pull and training with a quarter of the safety cards: problems are seen"
    numbers_of = None
    cards = 0.25


class BufferedKaizen(Kaizen):
    """Many cards: what goes wrong is covered."""

    name = "buffered kaizen"
    does = "pull and training with all of the safety cards: problems are covered"
    numbers_of = None
    cards = 1.0


class OwnLinesOnly(Phased):
    """Phased roll-out that stops at its own doors."""

    name = "own lines only"
    does = "as phased, but nothing is done for suppliers: no development, no second source"
    numbers_of = "phased"

    def _failing(self) -> npt.NDArray[np.bool_]:
        return np.zeros(len(self._enterprise.suppliers), dtype=bool)


class ByTheBook(Technique):
    """Pull as a technique, and half of the buffer taken out at once: what a book on it says."""

    name = "by the book"
    does = "as technique, with half of the safety cards of the start"
    numbers_of = None


EXPERIMENTS: Final = (ByTheBook, MaintenanceFirst, RolloutFirst, LeanKaizen, BufferedKaizen, OwnLinesOnly)
"""The rules of this module."""
