"""Cards and lots of lines by textbook formulas, from their present standard times.

``cards = demand x lead time x (1 + safety)`` (Monden 2011, Toyota production system, 4th ed.). The lead time of a stage
is the jobs of its products, stretched by breakdowns, and one slot of waiting. Where a changeover takes time, lots are
as large as the machine can afford, and their cards come on top: the interval in which every product is made once holds
a setup for each of them, ``interval = products x setup / (utilisation - load)``, and a lot is the demand of an interval
(EPEI; Rother & Harris 2001, Creating continuous flow).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.constants import Planning
from jitgym.laws import hazard_thresholds
from jitgym.parts import Duration, HazardLaw
from jitgym.simulator import Simulator

Floats = npt.NDArray[np.float64]

LEAST_FREE = 0.05
"""Share of a machine's time that lots are made for where its load leaves less."""


class CardFormula:
    """The formulas for lines of one structure, whose parameters differ.

    Args:
        planning: safety factor and utilisation.
        simulator: a batch of the lines.
    """

    def __init__(self, planning: Planning, simulator: Simulator) -> None:
        self._planning = planning
        self._line = line = simulator.scenario
        self._columns = {(entry.parameter, entry.place): c for c, entry in enumerate(simulator.varied)}
        self._hazards = [breakdowns_a_slot(s.failure.law) if s.failure else 0.0 for s in line.stages]

    def __call__(self, parameters: Floats, forecast: Floats) -> tuple[Floats, Floats]:
        """Return cards and lots, each ``(n, n_stages, n_products)``, whole numbers.

        Args:
            parameters: present values of what varies, ``(n, n_varied)``.
            forecast: units a slot, ``(n, n_products)``.
        """
        line, n_products = self._line, self._line.n_products
        cards = np.zeros((len(parameters), len(line.stages), n_products))
        lots = np.ones_like(cards)
        for i in range(len(line.stages)):
            jobs = np.stack([self.job(parameters, i, p) for p in range(n_products)], axis=1)
            lead = jobs.sum(axis=1) + 1
            free = np.maximum(self._planning.utilisation - (jobs * forecast).sum(axis=1), LEAST_FREE)
            interval = n_products * self.setup(parameters, i) / free
            lots[:, i] = np.maximum(1, _up(forecast * interval[:, None]))
            cards[:, i] = _up(forecast * lead[:, None] * (1 + self._planning.safety))
            cards[:, i] += np.where(lots[:, i] > 1, lots[:, i], 0)
        return cards, lots

    def job(self, parameters: Floats, i: int, p: int) -> Floats:
        """Return the mean slots of a job of a product at a stage, stretched by breakdowns, ``(n,)``."""
        stage, products = self._line.stages[i], self._line.products
        job = products[p].process.get(stage.name, stage.process) if products else stage.process
        mean = self._duration(parameters, "job", i * self._line.n_products + p, job)
        if stage.failure is None:
            return mean
        rate = self._hazards[i] * self.value(parameters, "hazard", i, 1.0)
        return mean * (1 + rate * self._duration(parameters, "repair", i, stage.failure.repair))

    def setup(self, parameters: Floats, i: int) -> Floats:
        """Return the mean slots of a change of product at a stage, ``(n,)``; none where there is one product."""
        setup = self._line.stages[i].setup
        if setup is None or self._line.n_products == 1:
            return np.zeros(len(parameters))
        return self._duration(parameters, "setup", i, setup)

    def _duration(self, parameters: Floats, kind: str, place: int, usual: Duration) -> Floats:
        if usual.table is not None:
            return np.full(len(parameters), usual.mean)
        slots = self.value(parameters, f"{kind}_slots", place, usual.slots)
        return slots - 1 + 1 / self.value(parameters, f"{kind}_finish", place, usual.finish)

    def value(self, parameters: Floats, kind: str, place: int, usual: float) -> Floats:
        """Return a parameter of every line where it varies, else its usual value, ``(n,)``."""
        column = self._columns.get((kind, place))
        return np.full(len(parameters), usual) if column is None else parameters[:, column]


def _up(values: Floats) -> Floats:
    """Return whole numbers at or above values, but for rounding."""
    found: Floats = np.ceil(np.round(values, 9))
    return found


def breakdowns_a_slot(law: HazardLaw) -> float:
    """Return one over the mean slots of exposure between breakdowns of a machine that is renewed by its repair."""
    hazards = (hazard_thresholds(law).astype(np.float64) + 1) / 2**31
    survival = np.cumprod(1 - hazards)
    beyond = survival[-1] / hazards[-1] if hazards[-1] > 0 else np.inf
    return float(1 / (1 + survival[:-1].sum() + beyond))
