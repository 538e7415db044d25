"""What the money of a period did not reach for, and whether that is news: a shortage is told when it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.parts import MONEY
from jitgym.enterprise.state import NEVER

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WORSE: Final = 0.1
"""By how much the share that is paid must fall below what was told last, to be told again."""


@dataclass(frozen=True)
class Shortage:
    """What a period went short of.

    Attributes:
        unqualified: numbers of the suppliers whose qualification could not be paid.
        invested: whether anything was to be invested.
        share: of what was to be invested, the part that was paid.
        told: the least share that was told since money ran short; 1: it has not.
    """

    unqualified: frozenset[int] = frozenset()
    invested: bool = False
    share: float = 1.0
    told: float = 1.0

    def after(self, companies: Companies, waiting: Ints, decisions: Ints, spent: Floats) -> Shortage:
        """Return the shortage of the next period, of the first company.

        Args:
            companies: after it.
            waiting: periods until a supplier may deliver, before it, ``(n_suppliers,)``.
            decisions: of it, ``(n_levers,)``.
            spent: money by lever, ``(n_levers,)``.
        """
        levers, columns = companies.levers.levers, companies.levers.columns
        wanted = {levers[column].place for column in columns["alternative"] if decisions[column] > 0}
        now = companies.state.waiting[0]
        invested = [column for kind in MONEY for column in columns[kind]]
        asked = sum(int(decisions[column]) * levers[column].unit for column in invested)
        paid = float(spent[invested].sum())
        share = paid / asked if paid < asked - 1 else 1.0
        return Shortage(
            frozenset(place for place in wanted if waiting[place] == NEVER == now[place]),
            asked > 0,
            share,
            1.0 if share == 1.0 else share if share < self.told - WORSE or self.told == 1.0 else self.told,
        )
