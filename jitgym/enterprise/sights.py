"""What the management of a company sees: scorecards and their trend, audits with errors, money and the roll-out.

Never a true capability, what is under way at a supplier, or how long a trouble lasts.
"""

from __future__ import annotations

from typing import Final

import gymnasium
import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.money import COIN
from jitgym.enterprise.parts import LINE_CAPABILITIES
from jitgym.enterprise.review import MEASURES

Floats = npt.NDArray[np.float64]

BOUND: Final = 10.0
"""Entries are cut to -BOUND..BOUND; in usual states they are within -1..1."""
AUDITED: Final = (*LINE_CAPABILITIES, "discipline")
"""What audits of a line tell, each with an error."""


class Overview:
    """The observation of companies, ``(n_companies, n_entries)`` float32.

    Args:
        companies: whose.

    Attributes:
        enterprise: theirs.
        names: of every entry, e.g. ``fill_rate[shafts]``, ``fill_rate_trend[shafts]``, ``audit_people[shafts]``.
        space: of the observation of one company.
    """

    def __init__(self, companies: Companies) -> None:
        self.enterprise = enterprise = companies.enterprise
        self._companies = companies
        self._scales: Floats = np.array([scale for _, scale, _ in MEASURES.values()])
        self._n_stages = len(enterprise.line.stages)
        self._top_cards = max(1, enterprise.levers.cards.high)
        self._waits: Floats = np.array(
            [max(1, s.alternative.periods + 1) if s.alternative is not None else 1 for s in enterprise.suppliers]
        )
        self._money = COIN * enterprise.money.reward_scale
        self._budget = COIN * max(1.0, enterprise.money.budget)
        self.names = self._names()
        bound = np.full(len(self.names), BOUND, dtype=np.float32)
        self.space = gymnasium.spaces.Box(-bound, bound, dtype=np.float32)

    def _names(self) -> tuple[str, ...]:
        enterprise = self.enterprise
        columns = [*MEASURES, *(f"{name}_trend" for name in MEASURES), "stage", "cards"]
        columns += [f"audit_{name}" for name in AUDITED]
        names = [f"{column}[{line}]" for line in enterprise.line_names for column in columns]
        columns = ["on_time", "on_time_trend", "ready", "qualification", "audit"]
        names += [f"{column}[{supplier}]" for supplier in enterprise.supplier_names for column in columns]
        return (*names, "cash", "working_capital", "economic_profit", "budget_left", "budget_cut", "time")

    def observe(self) -> npt.NDArray[np.float32]:
        """Return a new array ``(n_companies, n_entries)``."""
        state, n = self._companies.state, self._companies.n_companies
        of_lines = np.concatenate(
            [
                state.measures / self._scales,
                (state.measures - state.trend) / self._scales,
                (state.stage / self._n_stages)[:, :, None],
                (state.cards / self._top_cards)[:, :, None],
                self.audits()[0],
            ],
            axis=2,
        )
        waiting = state.waiting
        of_suppliers = np.stack(
            [
                state.on_time,
                state.on_time - state.on_time_trend,
                waiting == 0,
                np.maximum(waiting, 0) / self._waits,
                self.audits()[1],
            ],
            axis=2,
        )
        balance = state.balance
        company = np.stack(
            [
                balance.cash / (50 * self._money),
                balance.working_capital / (50 * self._money),
                state.profit / self._money,
                state.pool / self._budget,
                state.trouble.cut > 0,
                state.period / self._companies.enterprise.horizon,
            ],
            axis=1,
        )
        row = np.concatenate([of_lines.reshape(n, -1), of_suppliers.reshape(n, -1), company], axis=1)
        found: npt.NDArray[np.float32] = np.clip(row, -BOUND, BOUND).astype(np.float32)
        return found

    def audits(self) -> tuple[Floats, Floats]:
        """Return capabilities as audits tell them: of lines ``(n, n_lines, 5)``, of suppliers ``(n, n_suppliers)``."""
        state = self._companies.state
        true = np.concatenate([state.abilities.lines, state.abilities.discipline[:, :, None]], axis=2)
        cut = true[0].size
        lines = true + state.audit[:, :cut].reshape(true.shape)
        suppliers = state.abilities.suppliers + state.audit[:, cut:]
        return np.clip(lines, 0.0, 1.0), np.clip(suppliers, 0.0, 1.0)
