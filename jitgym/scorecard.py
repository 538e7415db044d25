"""Ledger to money and key figures: the one cost function, used by reward and report alike, and the KPIs."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.ledger import Ledger
from jitgym.scenario import Scenario

Floats = npt.NDArray[np.float64]

COST_TERMS: Final = {
    "wip": "units in queues, machines and stores up to the last machine",
    "finished_goods": "units in the last store",
    "items": "units in item stores",
    "backlog": "customer orders not yet shipped",
    "lost": "demand turned away",
    "ordering": "orders placed and units ordered",
    "repair": "breakdowns",
    "maintenance": "planned maintenances",
}

KPIS: Final = {
    "cost": ("per slot", "cost / slots"),
    "fill_rate": ("share", "shipped from stock in the slot of demand / demand"),
    "inventory_turns": ("per year", "shipped a year / mean units in items, process and stores"),
    "wip": ("units", "mean units in queues, machines and stores up to the last machine"),
    "finished_goods": ("units", "mean units in the last store"),
    "backlog": ("units", "mean customer orders not yet shipped"),
    "supplier_on_time": ("share", "units delivered in the promised slot / units promised"),
    "downtime_frequency": ("per 1000 slots", "breakdowns, all machines"),
    "availability": ("share", "1 - slots down or in maintenance / slots, mean of the machines"),
    "cycle_time": ("slots", "mean units in queues, machines and stores / throughput (Little's law)"),
    "takt": ("slots", "slots / demand"),
}


class Scorecard:
    """The cost function and the KPIs of a scenario.

    Args:
        scenario: its prices, ``slots_per_year`` and structure.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._slots_per_year = scenario.slots_per_year
        self._priced = {term: tuple(_priced(entries)) for term, entries in _price_list(scenario).items()}

    def cost_terms(self, ledger: Ledger) -> dict[str, Floats]:
        """Return the cost of each line by term, each ``(n_lines,)``, in money."""
        terms = {}
        for term, entries in self._priced.items():
            total = np.zeros(len(ledger))
            for field, place, price in entries:
                counts = ledger[field]
                total += price * (counts if place is None else counts[:, place])
            terms[term] = total
        return terms

    def cost(self, ledger: Ledger) -> Floats:
        """Return the cost of each line, ``(n_lines,)``, in money."""
        return add_terms(self.cost_terms(ledger))

    def kpis(self, ledger: Ledger) -> dict[str, Floats]:
        """Return every KPI of each line, ``(n_lines,)``; NaN where there is nothing to divide by.

        Formulas and units are in ``KPIS``. Cycle time and turns follow Hopp & Spearman, Factory Physics.
        """
        slots = ledger["slots"].astype(np.float64)
        in_line = (ledger["process_slots"] + ledger["store_slots"]).sum(axis=1) / slots
        finished = ledger["store_slots"][:, -1] / slots
        stock = in_line + ledger["item_slots"].sum(axis=1) / slots
        throughput = ledger["shipped"] / slots
        off = (ledger["down"] + ledger["pm"]).mean(axis=1) / slots
        return {
            "cost": self.cost(ledger) / slots,
            "fill_rate": _ratio(ledger["on_time"], ledger["demand"]),
            "inventory_turns": _ratio(throughput * self._slots_per_year, stock),
            "wip": in_line - finished,
            "finished_goods": finished,
            "backlog": ledger["backlog_slots"] / slots,
            "supplier_on_time": _ratio(ledger["delivered_on_time"].sum(axis=1), ledger["promised"].sum(axis=1)),
            "downtime_frequency": 1000 * ledger["breakdowns"].sum(axis=1) / slots,
            "availability": 1 - off,
            "cycle_time": _ratio(in_line, throughput),
            "takt": _ratio(slots, ledger["demand"]),
        }


def add_terms(terms: dict[str, Floats]) -> Floats:
    """Return the sum of cost terms, added in their order so that it is the same in every batch."""
    total = np.zeros_like(next(iter(terms.values())))
    for term in terms.values():
        total += term
    return total


Entry = tuple[str, int | None, float]
"""A field of the ledger, a place in it (None: it is counted once a line), and the price of one."""


def _price_list(scenario: Scenario) -> dict[str, list[Entry]]:
    """Return what each cost term is made of."""
    p = scenario.prices
    stages, items, suppliers = (range(len(x)) for x in (scenario.stages, scenario.items, scenario.suppliers))
    last = len(scenario.stages) - 1
    wip = p.wip if isinstance(p.wip, tuple) else (p.wip,) * len(stages)
    item = p.items if isinstance(p.items, tuple) else (p.items,) * len(items)
    prices: dict[str, list[Entry]] = {term: [] for term in COST_TERMS}
    prices["wip"] += [("process_slots", i, wip[i]) for i in stages] + [("store_slots", i, wip[i]) for i in stages[:-1]]
    prices["finished_goods"] += [("store_slots", last, p.finished_goods)]
    prices["items"] += [("item_slots", k, item[k]) for k in items]
    prices["backlog"] += [("backlog_slots", None, p.backlog)]
    prices["lost"] += [("lost", None, p.lost)]
    prices["ordering"] += [("orders", j, p.order) for j in suppliers] + [("ordered", j, p.unit) for j in suppliers]
    prices["repair"] += [("breakdowns", i, p.repair) for i in stages]
    prices["maintenance"] += [("pms", i, p.pm) for i in stages]
    return prices


def _priced(entries: list[Entry]) -> list[Entry]:
    """Return the entries that cost anything."""
    return [entry for entry in entries if entry[2]]


def _ratio(above: npt.NDArray[np.float64 | np.int64], below: npt.NDArray[np.float64 | np.int64]) -> Floats:
    """Divide, with NaN where the divisor is zero."""
    ratio: Floats = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0)
    return ratio
