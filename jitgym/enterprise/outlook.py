"""Management by rule: what it reads off the observation, and how it writes down its decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.levers import LeverTable
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.sights import Overview

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Outlook:
    """An observation read back into its own units, by name.

    Args:
        overview: who wrote the observation.
    """

    def __init__(self, overview: Overview) -> None:
        enterprise = overview.enterprise
        column = {name: c for c, name in enumerate(overview.names)}
        self._lines = _columns(column, enterprise.line_names)
        self._suppliers = _columns(column, enterprise.supplier_names)
        self._column = column
        self._scale = {name: scale for name, (_, scale, _) in MEASURES.items()}
        self._scale |= {"stage": len(enterprise.line.stages), "cards": max(1, enterprise.levers.cards.high)}
        self._observation: Floats = np.zeros((0, len(column)))

    def look(self, observation: npt.NDArray[np.float32]) -> None:
        """Turn to an observation ``(n_companies, n_entries)``."""
        self._observation = observation.astype(np.float64)

    def line(self, name: str) -> Floats:
        """Return an entry of the lines, ``(n_companies, n_lines)``; stages and cards are whole."""
        scale = self._scale.get(name.removesuffix("_trend"), 1.0)
        values: Floats = self._observation[:, self._lines[name]] * scale
        return np.rint(values) if name in ("stage", "cards") else values

    def supplier(self, name: str) -> Floats:
        """Return an entry of the suppliers, ``(n_companies, n_suppliers)``."""
        return self._observation[:, self._suppliers[name]]

    def company(self, name: str) -> Floats:
        """Return an entry of the company as a whole, ``(n_companies,)``."""
        return self._observation[:, self._column[name]]


def _columns(column: dict[str, int], names: tuple[str, ...]) -> dict[str, list[int]]:
    """Return the columns of every entry that each of some names has; there may be no names."""
    kinds = dict.fromkeys(entry.partition("[")[0] for entry in column if entry.endswith("]"))
    return {
        kind: [column[f"{kind}[{name}]"] for name in names]
        for kind in kinds
        if all(f"{kind}[{name}]" in column for name in names)
    }


class Draft:
    """Decisions being written, ``(n_companies, n_levers)``, from what changes nothing; values are cut to their bounds.

    Args:
        levers: of the company.
        n_companies: how many.

    Attributes:
        decisions: as they stand.
    """

    def __init__(self, levers: LeverTable, n_companies: int) -> None:
        self._levers = levers
        self.decisions: Ints = np.tile(levers.at_rest, (n_companies, 1))

    def set(self, kind: str, values: Any) -> None:
        """Set a lever of all lines, or of all suppliers that have it.

        Args:
            kind: of lever.
            values: what can be broadcast to ``(n_companies, n_lines)`` or ``(n_companies, n_suppliers)``.
        """
        columns = self._levers.columns[kind]
        if not len(columns):
            return
        wide = np.asarray(values)
        if kind in self._levers.suppliers and wide.ndim and wide.shape[-1] > 1:
            wide = wide[..., self._levers.suppliers[kind]]
        cut = np.clip(np.rint(wide), self._levers.low[columns], self._levers.high[columns])
        self.decisions[:, columns] = cut.astype(np.int64)
