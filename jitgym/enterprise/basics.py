"""The two ends: push for ever, and pull as a technique alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.manager import Manager, Memory
from jitgym.enterprise.outlook import Draft, Outlook
from jitgym.settings import Number

Ints = npt.NDArray[np.int64]


class Never(Manager):
    """Push forever."""

    name = "never"
    does = "push forever; the tuner may choose the safety stock"

    def _numbers(self) -> tuple[Number, ...]:
        return (self._level("cards", self._enterprise.start_cards),)

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        draft.set("cards", number["cards"])


class Technique(Manager):
    """Pull everywhere at once, and nothing for people."""

    name = "technique"
    does = "pull everywhere at once, without training, investment or upkeep"

    def _numbers(self) -> tuple[Number, ...]:
        return (self._level("cards", self._enterprise.start_cards // 2),)

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        draft.set("cards", number["cards"])
        draft.set("rollout", self._next(see, np.ones(see.line("stage").shape, dtype=bool)))
