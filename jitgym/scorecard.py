"""Ledger to money and key figures: the one cost function, used by reward and report alike, and the KPIs."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.ledger import Ledger
from jitgym.parts import PRICED_BY
from jitgym.scenario import Scenario

Floats = npt.NDArray[np.float64]

COST_TERMS: Final = {
    "wip": "units in queues, machines and stores up to the last machine",
    "finished_goods": "units in the last store",
    "items": "units in item stores",
    "backlog": "customer orders not yet shipped",
    "lost": "demand turned away",
    "ordering": "orders placed, units ordered and not rejected, units expedited",
    "repair": "breakdowns",
    "maintenance": "planned maintenances",
    "setups": "changes of product",
    "quality": "units scrapped, reworked and returned, stops",
    "spoilage": "units spoiled in stores",
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
    "availability": ("share", "1 - slots down, waiting for repair or in maintenance / slots, mean of the machines"),
    "first_pass_yield": ("share", "units neither scrapped, reworked nor returned / units finished or scrapped"),
    "cycle_time": ("slots", "mean units in queues, machines and stores / throughput (Little's law)"),
    "takt": ("slots", "slots / demand"),
}


class Scorecard:
    """The cost function and the KPIs of a scenario.

    Args:
        scenario: its prices, ``slots_per_year`` and structure.

    Attributes:
        priced: what each cost term is made of: ledger fields, places in them, and the price of one.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._slots_per_year = scenario.slots_per_year
        self._n_products = scenario.n_products
        self.priced = {term: tuple(_priced(entries)) for term, entries in _price_list(scenario).items()}

    def cost_terms(self, ledger: Ledger) -> dict[str, Floats]:
        """Return the cost of each line by term, each ``(n_lines,)``, in money."""
        terms = {}
        for term, entries in self.priced.items():
            total = np.zeros(len(ledger))
            for field, place, price in entries:
                if field in ledger.layout:  # else it is zero
                    total += price * ledger.array[:, ledger.layout.start(field) + place]
            terms[term] = total
        return terms

    def cost(self, ledger: Ledger) -> Floats:
        """Return the cost of each line, ``(n_lines,)``, in money."""
        return add_terms(self.cost_terms(ledger))

    def cost_a_slot(self, ledger: Ledger) -> Floats:
        """Return the mean cost a slot of each line, ``(n_lines,)``, in money."""
        return self.cost(ledger) / ledger["slots"]

    def kpis(self, ledger: Ledger) -> dict[str, Floats]:
        """Return every KPI of each line, ``(n_lines,)``; NaN where there is nothing to divide by.

        Formulas and units are in ``KPIS``. Cycle time and turns follow Hopp & Spearman, Factory Physics.
        """
        slots = ledger["slots"].astype(np.float64)
        total = ledger.total
        in_line = (total("process_slots") + total("store_slots")) / slots
        finished = ledger["store_slots"].reshape(len(ledger), -1)[:, -self._n_products :].sum(axis=1) / slots
        stock = in_line + total("item_slots") / slots
        throughput = (total("shipped") - total("returned")) / slots
        off = (ledger["down"] + ledger["waiting"] + ledger["pm"]).mean(axis=1) / slots
        made = total("finished") + total("scrapped")
        return {
            "cost": self.cost(ledger) / slots,
            "fill_rate": ratio_of(total("on_time"), total("demand")),
            "inventory_turns": ratio_of(throughput * self._slots_per_year, stock),
            "wip": in_line - finished,
            "finished_goods": finished,
            "backlog": total("backlog_slots") / slots,
            "supplier_on_time": ratio_of(total("delivered_on_time"), total("promised")),
            "downtime_frequency": 1000 * total("breakdowns") / slots,
            "availability": 1 - off,
            "first_pass_yield": ratio_of(made - total("scrapped") - total("reworked") - total("returned"), made),
            "cycle_time": ratio_of(in_line, throughput),
            "takt": ratio_of(slots, total("demand")),
        }


def add_terms(terms: dict[str, Floats]) -> Floats:
    """Return the sum of cost terms, added in their order so that it is the same in every batch."""
    total = np.zeros_like(next(iter(terms.values())))
    for term in terms.values():
        total += term
    return total


def parts_of(total: Floats, parts: Floats) -> Floats:
    """Return parts rounded to the last place of their total, so that they add up to it exactly, in whatever order.

    What rounding leaves over goes to the largest part. Parts of different signs, which cancel, may miss the total by a
    rounding.

    Args:
        total: ``(n_lines,)``.
        parts: ``(n_lines, n_parts)``, which add up to the total but for rounding.
    """
    grid = np.spacing(np.maximum(np.abs(total), np.abs(parts).sum(axis=-1)))[..., None]
    rounded: Floats = np.rint(parts / grid) * grid
    largest = np.abs(parts).argmax(axis=-1)[..., None]
    np.put_along_axis(rounded, largest, 0.0, axis=-1)
    np.put_along_axis(rounded, largest, total[..., None] - rounded.sum(axis=-1, keepdims=True), axis=-1)
    rounded += 0.0  # no minus zeros
    return rounded


Entry = tuple[str, int, float]
"""A field of the ledger, a place in it, and the price of one."""


def _price_list(scenario: Scenario) -> dict[str, list[Entry]]:
    """Return what each cost term is made of."""
    n_products = scenario.n_products
    at_stages = [(i, i * n_products + p) for i in range(len(scenario.stages)) for p in range(n_products)]
    before, last = at_stages[:-n_products], at_stages[-n_products:]
    price = {name: scenario.listed(getattr(scenario.prices, name), by) for name, by in PRICED_BY.items()}

    def at(field: str, name: str, places: list[tuple[int, int]] | None = None, sign: int = 1) -> list[Entry]:
        """Price a field by the first of every two numbers, at the place that is the second."""
        chosen = places if places is not None else [(k, k) for k in range(len(price[name]))]
        return [(field, place, sign * price[name][k]) for k, place in chosen]

    return {
        "wip": at("process_slots", "wip", at_stages) + at("store_slots", "wip", before),
        "finished_goods": at("store_slots", "finished_goods", [(p, place) for p, (_, place) in enumerate(last)]),
        "items": at("item_slots", "items"),
        "backlog": at("backlog_slots", "backlog"),
        "lost": at("lost", "lost"),
        "ordering": at("orders", "order")
        + at("ordered", "unit")
        + at("rejected", "unit", sign=-1)
        + at("expedited", "expedite"),
        "repair": at("breakdowns", "repair"),
        "maintenance": at("pms", "pm"),
        "setups": at("setups", "setup"),
        "quality": at("scrapped", "scrap", at_stages)
        + at("reworked", "rework", at_stages)
        + at("stops", "stop")
        + at("returned", "returned"),
        "spoilage": at("spoiled", "spoiled", at_stages),
    }


def _priced(entries: list[Entry]) -> list[Entry]:
    """Return the entries that cost anything."""
    return [entry for entry in entries if entry[2]]


def ratio_of(above: npt.NDArray[np.float64 | np.int64], below: npt.NDArray[np.float64 | np.int64]) -> Floats:
    """Divide, with NaN where the divisor is zero."""
    ratio: Floats = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0)
    return ratio
