"""The rules of management by name, from the one that does nothing on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.experiments import EXPERIMENTS
from jitgym.enterprise.manager import Given, Manager, Memory
from jitgym.enterprise.outlook import Draft, Outlook
from jitgym.enterprise.programmes import BigBang, BigBangInScope, Phased, Reflex
from jitgym.errors import InputError
from jitgym.files import nearest
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
        lines = self._scope(see.line("stage").shape)
        draft.set("cards", np.where(lines, number["cards"], self._enterprise.start_cards))
        draft.set("rollout", self._next(see, lines))

    def _scope(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """Return the lines that are put under pull, ``(n_companies, n_lines)``."""
        return np.ones(shape, dtype=bool)


_KINDS: Final = (Never, Technique, BigBang, BigBangInScope, Phased, Reflex, *EXPERIMENTS)
MANAGERS: Final[dict[str, type[Manager]]] = {kind.name: kind for kind in _KINDS}
"""Rules of management by name."""
TUNED: Final = tuple(name for name, kind in MANAGERS.items() if kind.numbers_of == name)
"""Those that have tuned numbers of their own."""


def manager(companies: Companies, name: str, numbers: Given = None) -> Manager:
    """Return a rule of management.

    Args:
        companies: what it manages, or others of the same enterprise.
        name: one of ``MANAGERS``.
        numbers: see :class:`Manager`.

    Raises:
        InputError: an unknown name, or bad numbers.
    """
    if name not in MANAGERS:
        raise InputError(f"manager must be of {', '.join(MANAGERS)}, got {name!r}{nearest(name, MANAGERS)}")
    return MANAGERS[name](companies, numbers)
