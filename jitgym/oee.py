"""Overall equipment effectiveness: which share of the time that machines were meant to run made good units.

=============  ==========================================================================================
loading        slots - pm: planned maintenance is no loss
operating      loading - down - waiting - stopped - setup
availability   operating / loading: lost are breakdowns, setups and stops because of a defect
performance    ideal slots of all units worked on / operating: lost are idling and part-filled batches
quality        ideal slots of good units / those of all units: lost are scrap and rework
OEE            availability x performance x quality = ideal slots of good units / loading
=============  ==========================================================================================

The six big losses of Nakajima (1988, Introduction to TPM, ch. 2), by fields of the ledger. Ideal slots of a unit are
the mean of its job over the batch: a description of the machine, not a count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jitgym.ledger import Ledger
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, ratio_of


@dataclass(frozen=True)
class Effectiveness:
    """Slots that OEE is a share of, ``(n_lines, n_stages)`` for each machine, ``(n_lines,)`` for the line."""

    loading: Floats
    operating: Floats
    ideal: Floats
    ideal_good: Floats

    @property
    def availability(self) -> Floats:
        """Operating / loading."""
        return ratio_of(self.operating, self.loading)

    @property
    def performance(self) -> Floats:
        """Ideal slots of all units / operating."""
        return ratio_of(self.ideal, self.operating)

    @property
    def quality(self) -> Floats:
        """Ideal slots of good units / those of all units."""
        return ratio_of(self.ideal_good, self.ideal)

    @property
    def oee(self) -> Floats:
        """Availability x performance x quality, also where nothing was made: then it is 0."""
        return ratio_of(self.ideal_good, self.loading)

    @property
    def of_line(self) -> Effectiveness:
        """The machines together: their slots added up, so that the three rates still multiply to the OEE."""
        return Effectiveness(
            *(slots.sum(axis=1) for slots in (self.loading, self.operating, self.ideal, self.ideal_good))
        )


def ideal_slots(scenario: Scenario) -> Floats:
    """Return the slots that a unit takes where nothing is lost, ``(n_stages, n_products)``; NaN: endless batch."""
    products = scenario.products
    rows = []
    for stage in scenario.stages:
        batch = math.nan if stage.batch == "unlimited" else float(stage.batch)
        jobs = [product.process.get(stage.name, stage.process) for product in products] or [stage.process]
        rows.append([job.mean / batch for job in jobs])
    return np.array(rows)


def effectiveness(ledger: Ledger, ideal: Floats) -> Effectiveness:
    """Return the effectiveness of every machine.

    A stage with an unlimited batch has no speed of its own: there, every busy slot counts as ideal.

    Args:
        ledger: of some lines.
        ideal: what :func:`ideal_slots` returns.
    """

    def units(*fields: str) -> npt.NDArray[np.int64]:
        return sum((ledger[field] for field in fields), np.int64(0)).reshape(len(ledger), *ideal.shape)

    loading = ledger["slots"][:, None] - ledger["pm"]
    operating = loading - ledger["down"] - ledger["waiting"] - ledger["stopped"] - ledger["setup"]
    good, worked = units("finished"), units("finished", "scrapped", "reworked")
    endless = np.isnan(ideal[:, 0])
    share_good = ratio_of(good.sum(axis=2), worked.sum(axis=2))
    busy = ledger["busy"].astype(np.float64)
    known = np.nan_to_num(ideal)
    return Effectiveness(
        loading.astype(np.float64),
        operating.astype(np.float64),
        np.where(endless, busy, (worked * known).sum(axis=2)),
        np.where(endless, busy * np.nan_to_num(share_good), (good * known).sum(axis=2)),
    )
