"""What happens to companies whatever they do: drawn from the company's seed and the period, never from its state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.parts import LINE_CAPABILITIES
from jitgym.enterprise.rows import Rows
from jitgym.simulator import child_seeds, words_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Seeds = npt.NDArray[np.uint64]

_COMPANY = np.uint32(1 << 31)
"""Episodes from here on are periods of the company; those before are its lines."""
_BEFORE = (1 << 31) - 1
"""The period whose audits are known when an episode begins."""


def line_seeds(seeds: Seeds, n_lines: int) -> Seeds:
    """Return the seed of each line of companies ``(n_companies,)``, ``(n_companies * n_lines,)``."""
    return child_seeds(np.repeat(seeds, n_lines), np.tile(np.arange(n_lines, dtype=np.uint32), len(seeds)))


@dataclass
class Trouble(Rows):
    """What holds in a period; periods that are left count the present one.

    Attributes:
        outage: periods left that a supplier is down, ``(n_companies, n_suppliers)``.
        shift: what demand is multiplied by, ``(n_companies, n_lines)``.
        escape: periods left of a spell of defects, ``(n_companies, n_lines)``.
        cut: periods left of a budget cut, ``(n_companies,)``.
    """

    outage: Ints
    shift: Floats
    escape: Ints
    cut: Ints

    @classmethod
    def none(cls, enterprise: Enterprise, n_companies: int) -> Trouble:
        """Return companies without any."""
        n_lines, n_suppliers = len(enterprise.lines), len(enterprise.suppliers)
        return cls(
            np.zeros((n_companies, n_suppliers), dtype=np.int64),
            np.ones((n_companies, n_lines)),
            np.zeros((n_companies, n_lines), dtype=np.int64),
            np.zeros(n_companies, dtype=np.int64),
        )


class Fate:
    """Draws what happens, and the errors of audits.

    A period of a company has words of its own, each with one meaning: an outage for each supplier; for each line
    whether its demand shifts, to what, and whether defects escape; a cut of the budget; then the audits.

    Args:
        enterprise: its shocks and length of a year.
    """

    def __init__(self, enterprise: Enterprise) -> None:
        self._shocks = enterprise.shocks
        self._n_lines, self._n_suppliers = len(enterprise.lines), len(enterprise.suppliers)
        self._per_year = enterprise.periods_per_year
        self._audit = enterprise.dynamics.audit
        self.n_audited = self._n_lines * (len(LINE_CAPABILITIES) + 1) + self._n_suppliers

    def _uniform(self, seeds: Seeds, periods: Ints) -> Floats:
        """Return uniforms in (0, 1), ``(n_companies, n_words)``."""
        own = child_seeds(seeds, periods.astype(np.uint32) | _COMPANY)
        words = words_of(own, self._n_suppliers + 3 * self._n_lines + 1 + self.n_audited)
        return (words.astype(np.float64) + 0.5) / 2.0**32

    def strike(self, trouble: Trouble, seeds: Seeds, periods: Ints) -> Floats:
        """Let a period begin: troubles go on, end and begin.

        Args:
            trouble: is changed.
            seeds: of the companies.
            periods: the number of the period of each company.

        Returns:
            Errors of this period's audits, ``(n_companies, n_audited)``.
        """
        u, s, n = self._uniform(seeds, periods), self._shocks, self._n_lines
        at = np.cumsum([0, self._n_suppliers, n, n, n, 1, self.n_audited])
        down, moves, where, escapes, cuts, audits = (u[:, at[i] : at[i + 1]] for i in range(6))
        _go_on(trouble.outage, down < s.outage.per_year / self._per_year, s.outage.periods)
        _go_on(trouble.escape, escapes < s.escape.per_year / self._per_year, s.escape.periods)
        _go_on(trouble.cut, cuts[:, 0] < s.budget_cut.per_year / self._per_year, s.budget_cut.periods)
        low, high = s.demand_shift.low, s.demand_shift.high
        shifted = moves < s.demand_shift.per_year / self._per_year
        trouble.shift[...] = np.where(shifted, low + (high - low) * where, trouble.shift)
        return self._errors(audits)

    def first_audits(self, seeds: Seeds) -> Floats:
        """Return errors of the audits that companies begin with, ``(n_companies, n_audited)``."""
        return self._errors(self._uniform(seeds, np.full(len(seeds), _BEFORE))[:, -self.n_audited :])

    def _errors(self, uniforms: Floats) -> Floats:
        errors: Floats = self._audit * ndtri(uniforms)
        return errors


def _go_on(left: Ints, begins: npt.NDArray[np.bool_], periods: int) -> None:
    """Let one period of trouble pass, and new trouble begin where there is none."""
    left[...] = np.where(left > 1, left - 1, np.where(begins, periods, 0))
