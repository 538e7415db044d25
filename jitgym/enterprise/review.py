"""The scorecard of a period: what the ledgers of the lines, and nothing else, say of each line and supplier."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.money import Account
from jitgym.ledger import Ledger
from jitgym.oee import effectiveness, ideal_slots
from jitgym.scenario import Scenario
from jitgym.scorecard import ratio_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MEASURES: Final = {
    "turns": ("per year", 20.0, "cost of sales a year / worth of stock"),
    "fill_rate": ("share", 1.0, "shipped from stock in the slot of demand / demand"),
    "backlog": ("days", 5.0, "mean customer orders not yet shipped / demand a day"),
    "lost": ("share", 1.0, "demand turned away / demand"),
    "flow": ("takts", 200.0, "cycle time / takt, that is units in queues, machines and stores (Little's law)"),
    "first_pass_yield": ("share", 1.0, "units neither scrapped, reworked nor returned / units finished or scrapped"),
    "breakdowns": ("per 1000 slots", 50.0, "breakdowns, all machines"),
    "down": ("share", 0.2, "machine time down or waiting for repair"),
    "oee": ("share", 1.0, "overall equipment effectiveness, of all machines"),
    "visible": (
        "share",
        0.1,
        "machine time lost in plain sight: stopped at a defect, or starved under pull longer than the first stage",
    ),
}
"""Measures of a line: unit, what they are divided by in the observation, and formula."""


class Review:
    """Computes the scorecard of a period.

    Args:
        enterprise: the company.
        line: the scenario of its lines.
    """

    def __init__(self, enterprise: Enterprise, line: Scenario) -> None:
        self._n_lines, self._n_suppliers = len(enterprise.lines), len(enterprise.suppliers)
        self._slots_a_day = line.slots_per_step
        self._periods_per_year = enterprise.periods_per_year
        self._ideal = ideal_slots(line)
        first = [i for i in range(len(line.stages)) if i not in line.followers]
        self._entries = [[i for i in first if stage in line.path(i)] for stage in range(len(line.stages))]
        self._supply = enterprise.supply

    def lines(self, ledger: Ledger, account: Account, pulled: Ints) -> Floats:
        """Return every measure of every line, ``(n_companies, n_lines, n_measures)``; 0 where there is nothing to tell.

        Args:
            ledger: of the period, of all lines.
            account: of the period.
            pulled: stages under pull in it, ``(n_companies, n_lines)``.
        """
        total, slots = ledger.total, ledger["slots"].astype(np.float64)
        demand = total("demand").astype(np.float64)
        n_stages = ledger["starved"].shape[1]
        made = total("finished") + total("scrapped")
        flawed = total("scrapped") + total("reworked") + total("returned")
        under_pull = (n_stages - 1 - np.arange(n_stages)) < pulled.reshape(-1, 1)
        own = np.maximum(0, ledger["starved"] - self._waited(ledger["starved"]))
        seen = (own * under_pull).sum(axis=1) + ledger["stopped"].sum(axis=1)
        machine_slots = n_stages * slots
        in_line = (total("process_slots") + total("store_slots")) / slots
        values = {
            "turns": ratio_of(account.line_cost_of_sales * self._periods_per_year, account.line_inventory).ravel(),
            "fill_rate": _or(ratio_of(total("on_time"), demand), 1.0),
            "backlog": ratio_of(total("backlog_slots") / slots, demand / slots * self._slots_a_day),
            "lost": ratio_of(total("lost"), demand),
            "flow": in_line,
            "first_pass_yield": _or(ratio_of(made - flawed, made), 1.0),
            "breakdowns": 1000 * total("breakdowns") / slots,
            "down": (ledger["down"] + ledger["waiting"]).sum(axis=1) / machine_slots,
            "oee": effectiveness(ledger, self._ideal).of_line.oee,
            "visible": seen / machine_slots,
        }
        table = np.stack([values[name] for name in MEASURES], axis=-1)
        found: Floats = np.nan_to_num(table).reshape(-1, self._n_lines, len(MEASURES))
        return found

    def _waited(self, starved: Ints) -> Ints:
        """Return how long the first stages before each waited, which is for suppliers alone, ``(n, n_stages)``."""
        found = np.zeros_like(starved)
        for stage, entries in enumerate(self._entries):
            found[:, stage] = starved[:, entries].max(axis=1)
        return found

    def suppliers(self, ledger: Ledger) -> Floats:
        """Return the share of units that each supplier delivered on time, ``(n_companies, n_suppliers)``; 1 of none."""
        shape = (len(ledger) // self._n_lines, self._n_lines, self._supply.shape[1])
        on_time, promised = ledger["delivered_on_time"].reshape(shape), ledger["promised"].reshape(shape)
        sums = np.zeros((2, len(on_time), self._n_suppliers))
        for (line, place), supplier in np.ndenumerate(self._supply):
            sums[0, :, supplier] += on_time[:, line, place]
            sums[1, :, supplier] += promised[:, line, place]
        return _or(ratio_of(sums[0], sums[1]), 1.0)


def _or(values: Floats, otherwise: float) -> Floats:
    """Return values, with something else for NaN."""
    found: Floats = np.where(np.isnan(values), otherwise, values)
    return found
