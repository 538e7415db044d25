"""Money that is tied up: what stock is worth, what customers owe and suppliers wait for, and for how many days.

Everything is read off the ledger at the standard values of the scenario's ``finance``, for all lines at once. A unit
is worth its material and what has been added to it: a stage's queue and machine hold units at the value they came in
with, its store at that and the stage's own addition. Values are conserved, slot by slot::

    change of inventory = purchases + added - cost of sales - losses

What is owed follows from the terms of payment by Little's law for money: sales (purchases) a slot times the slots
until they are paid. That is what sales at the pace of the ledger leave standing, so that periods add up to the whole;
the payments of one day may differ.

Sources:
    Richards & Laughlin (1980), A cash conversion cycle approach to liquidity analysis, Financial Management 9(1).
    Brealey, Myers & Allen (2020), Principles of corporate finance, ch. 30: working capital and days of it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.ledger import Ledger
from jitgym.parts import VALUED_BY
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, ratio_of

Units = npt.NDArray[np.int64]

DAYS_PER_YEAR: Final = 365


class Books:
    """The books of a scenario that has ``finance``.

    Args:
        scenario: its finance, structure and ``slots_per_year``.

    Attributes:
        material: worth of a unit of each item, ``(n_items,)``.
        incoming: worth of a unit in queue and machine, ``(n_stages, n_products)``.
        outgoing: worth of a unit in the store, ``(n_stages, n_products)``.

    Raises:
        InputError: the scenario has no ``finance``.
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.finance is None:
            raise InputError(f"finance must be given to tell what stock is worth, got none in {scenario.name!r}")
        self._scenario, self._terms = scenario, scenario.finance
        listed = {name: scenario.listed(getattr(scenario.finance, name), by) for name, by in VALUED_BY.items()}
        self._price, self._added = np.array(listed["price"]), np.array(listed["added"])
        self.material: Floats = np.array(listed["material"], dtype=np.float64)
        self.incoming, self.outgoing = self._unit_values()

    def _unit_values(self) -> tuple[Floats, Floats]:
        """Add values up along the tree of stages."""
        scenario = self._scenario
        shape = (len(scenario.stages), scenario.n_products)
        incoming, outgoing = np.zeros(shape), np.zeros(shape)
        for k, item in enumerate(scenario.items):
            names = scenario.product_names
            served = [p for p in range(shape[1]) if item.products is None or names[p] in item.products]
            incoming[scenario.stage_names.index(item.stage), served] += self.material[k]
        for i, follower in enumerate(scenario.followers):  # every stage stands after all that feed it
            outgoing[i] = incoming[i] + self._added[i]
            if follower < shape[0]:
                incoming[follower] += outgoing[i]
        return incoming, outgoing

    @cached_property
    def _material_of_suppliers(self) -> Floats:
        items = self._scenario.item_names
        return self.material[[items.index(supplier.item) for supplier in self._scenario.suppliers]]

    # -- flows: money of the whole ledger, each (n_lines,) --

    def revenue(self, ledger: Ledger) -> Floats:
        """Return the price of what was shipped and did not come back."""
        return _times(self._by_product(ledger["shipped"] - ledger["returned"]), self._price)

    def cost_of_sales(self, ledger: Ledger) -> Floats:
        """Return the worth of what was shipped and did not come back."""
        return _times(self._by_product(ledger["shipped"] - ledger["returned"]), self.outgoing[-1])

    def purchases(self, ledger: Ledger) -> Floats:
        """Return the worth of what suppliers delivered and was not returned."""
        return _times(ledger["delivered"] - ledger["rejected"], self._material_of_suppliers)

    def added(self, ledger: Ledger) -> Floats:
        """Return what finished jobs added."""
        return _times(self._by_stage(ledger, "finished").sum(axis=2), self._added)

    def losses(self, ledger: Ledger) -> Floats:
        """Return the worth of what was scrapped, spoiled or came back from customers."""
        lost = _times(self._by_stage(ledger, "scrapped"), self.incoming)
        lost += _times(self._by_stage(ledger, "spoiled"), self.outgoing)
        return lost + _times(self._by_product(ledger["returned"]), self.outgoing[-1])

    def capital_charge(self, ledger: Ledger) -> Floats:
        """Return what the working capital cost in the time of the ledger."""
        years = ledger["slots"] / self._scenario.slots_per_year
        return self._terms.capital_cost * self.working_capital(ledger) * years

    # -- stocks: money, mean over the time of the ledger, each (n_lines,) --

    def inventory(self, ledger: Ledger) -> Floats:
        """Return the worth of items, units in process and units in stores."""
        held = _times(self._by_stage(ledger, "process_slots"), self.incoming)
        held += _times(self._by_stage(ledger, "store_slots"), self.outgoing)
        return (held + _times(ledger["item_slots"], self.material)) / ledger["slots"]

    def receivables(self, ledger: Ledger) -> Floats:
        """Return what customers owe: revenue a slot times the slots until they pay."""
        return self.revenue(ledger) / ledger["slots"] * self._slots(self._terms.customers_pay_after)

    def payables(self, ledger: Ledger) -> Floats:
        """Return what suppliers are owed: purchases a slot times the slots until they are paid."""
        return self.purchases(ledger) / ledger["slots"] * self._slots(self._terms.suppliers_paid_after)

    def working_capital(self, ledger: Ledger) -> Floats:
        """Return inventory + receivables - payables."""
        return self.inventory(ledger) + self.receivables(ledger) - self.payables(ledger)

    # -- days: how long money is tied up, each (n_lines,), NaN without sales --

    def days_of_inventory(self, ledger: Ledger) -> Floats:
        """Return inventory / cost of sales a day."""
        return ratio_of(self.inventory(ledger), self._a_day(self.cost_of_sales(ledger), ledger))

    def days_of_receivables(self, ledger: Ledger) -> Floats:
        """Return receivables / revenue a day."""
        return ratio_of(self.receivables(ledger), self._a_day(self.revenue(ledger), ledger))

    def days_of_payables(self, ledger: Ledger) -> Floats:
        """Return payables / cost of sales a day."""
        return ratio_of(self.payables(ledger), self._a_day(self.cost_of_sales(ledger), ledger))

    def cash_conversion_days(self, ledger: Ledger) -> Floats:
        """Return days of inventory + days of receivables - days of payables."""
        return self.days_of_inventory(ledger) + self.days_of_receivables(ledger) - self.days_of_payables(ledger)

    def _slots(self, days: float) -> float:
        return days * self._scenario.slots_per_year / DAYS_PER_YEAR

    def _a_day(self, money: Floats, ledger: Ledger) -> Floats:
        return money / ledger["slots"] * self._slots(1)

    def _by_stage(self, ledger: Ledger, field: str) -> Units:
        """Return a field ``(n_lines, n_stages, n_products)``, also of a line with one product."""
        return ledger[field].reshape(len(ledger), *self.incoming.shape)

    def _by_product(self, units: Units) -> Units:
        """Return units ``(n_lines, n_products)``, also of a line with one product."""
        return units.reshape(len(units), -1)


def _times(units: Units, values: Floats) -> Floats:
    """Return what units ``(n_lines, ...)`` are worth at values ``(...)``, ``(n_lines,)``."""
    worth: Floats = units.reshape(len(units), -1) @ values.ravel()
    return worth
