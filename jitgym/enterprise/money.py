"""The books of a company: double entry in whole ten-thousandths, so that money balances exactly, period by period.

Every price, value and decision is a whole number of ten-thousandths of the currency, every count of the ledger is
whole; so are their products and sums. Only two sums are shares of something, and are rounded once: what customers owe
and suppliers wait for at the end of a period (``terms of payment / length of a period`` of what was sold and bought),
and the charge for capital. With these::

    change of inventory = purchases at standard + added - cost of sales - losses
    profit              = revenue - purchases - added - operating - overhead - investment
                          + change of inventory
    change of cash      = receipts - payments - added - operating - overhead - investment
    equity              = cash + inventory + receivables - payables
    change of equity    = profit
    economic profit     = profit - capital cost x mean of working capital at both ends

Source: Brealey, Myers & Allen (2020), Principles of corporate finance, ch. 12 (economic profit) and 30 (working
capital). Values of units are those of :class:`jitgym.finance.Books`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.description import Enterprise, EnterpriseError
from jitgym.enterprise.rows import Rows
from jitgym.finance import DAYS_PER_YEAR, Books
from jitgym.ledger import Ledger
from jitgym.parts import PRICED_BY, VALUED_BY
from jitgym.scorecard import Scorecard, ratio_of
from jitgym.simulator import Simulator

Ints = npt.NDArray[np.int64]

COIN: Final = 10_000
"""Parts of the currency that are counted."""
MOST_MONEY: Final = 1e11
"""Most that an amount of a description may be: so many parts are whole numbers in floats, too."""


def coins(amount: float, what: str) -> int:
    """Return an amount of money as whole parts.

    Raises:
        EnterpriseError: it is not a whole number of them, or too much to be counted; ``what`` names it.
    """
    if not abs(amount) <= MOST_MONEY:
        raise EnterpriseError(f"{what} must be at most {MOST_MONEY:g}, got {float(amount)!r}")
    found = round(amount * COIN)
    if abs(found - amount * COIN) > 1e-6 * max(1.0, abs(found) * 1e-6):
        raise EnterpriseError(f"{what} must be a whole number of 1/{COIN}, got {float(amount)!r}")
    return found


@dataclass
class Balance(Rows):
    """What a company owns and owes.

    Attributes:
        cash: money at hand, ``(n_companies,)``; below zero it is borrowed.
        stock: worth of items, units in process and in stores of each line, ``(n_companies, n_lines)``.
        receivables: what customers owe, ``(n_companies,)``.
        payables: what suppliers wait for, ``(n_companies,)``.
        sold: revenue of the last periods, the newest first, ``(n_companies, n_terms)``.
        bought: purchases, likewise.
    """

    cash: Ints
    stock: Ints
    receivables: Ints
    payables: Ints
    sold: Ints
    bought: Ints

    @property
    def inventory(self) -> Ints:
        """Worth of all stock, ``(n_companies,)``."""
        total: Ints = self.stock.sum(axis=1)
        return total

    @property
    def working_capital(self) -> Ints:
        """Inventory + receivables - payables."""
        return self.inventory + self.receivables - self.payables

    @property
    def equity(self) -> Ints:
        """What is owned less what is owed."""
        return self.cash + self.working_capital


@dataclass(frozen=True)
class Account:
    """The flows of a period, each ``(n_companies,)`` in whole parts of the currency but what is told otherwise.

    Attributes:
        revenue: of what was shipped and did not come back.
        purchases: what suppliers charged.
        added: wages and machine time of finished jobs.
        operating: by cost term, ``(n_companies, n_terms)``: see ``Bookkeeper.terms``.
        overhead: what a period costs whatever is made.
        investment: what the levers cost.
        inventory_change: of the worth of stock.
        receipts: what customers paid.
        payments: what suppliers were paid.
        profit: revenue less all costs, at standard values.
        capital_charge: on the mean of working capital.
        economic_profit: profit less that.
        cost_of_sales: worth of what was shipped and did not come back.
        line_inventory: worth of the stock of each line at the end, ``(n_companies, n_lines)``.
        line_revenue: revenue of each line.
        line_cost_of_sales: the same of cost of sales.
        line_profit: profit of each line, before overhead and investment.
        supplier_purchases: what each supplier charged, ``(n_companies, n_suppliers)``.
        supplier_units: what each delivered, in units.
        supplier_stock: what the stock of its items cost to hold, capital included; by units where several deliver one.
    """

    revenue: Ints
    purchases: Ints
    added: Ints
    operating: Ints
    overhead: Ints
    investment: Ints
    inventory_change: Ints
    receipts: Ints
    payments: Ints
    profit: Ints
    capital_charge: Ints
    economic_profit: Ints
    cost_of_sales: Ints
    line_inventory: Ints
    line_revenue: Ints
    line_cost_of_sales: Ints
    line_profit: Ints
    supplier_purchases: Ints
    supplier_units: Ints
    supplier_stock: Ints


class Bookkeeper:
    """Keeps the books of companies.

    Args:
        enterprise: prices, terms and money.
        simulator: a batch of its lines.

    Attributes:
        terms: names of the operating costs.
        capital_rate: what a period of capital costs, as a share of it.

    Raises:
        EnterpriseError: a price that is not a whole number of ten-thousandths.
    """

    def __init__(self, enterprise: Enterprise, simulator: Simulator) -> None:
        self._enterprise = enterprise
        line = simulator.scenario
        books, scorecard = Books(line), Scorecard(line)
        assert line.finance is not None  # an enterprise has books: it is validated
        self._finance = line.finance
        price = [coins(v, "line.finance.price") for v in line.listed(line.finance.price, VALUED_BY["price"])]
        added = [coins(v, "line.finance.added") for v in line.listed(line.finance.added, VALUED_BY["added"])]
        self._price, self._added = np.array(price, dtype=np.int64), np.array(added, dtype=np.int64)
        self._incoming = _all_coins(books.incoming, "line.finance")
        self._outgoing = _all_coins(books.outgoing, "line.finance")
        self._material = _all_coins(books.material, "line.finance.material")
        self._shape = (len(line.stages), line.n_products)
        self.terms = tuple(scorecard.priced)
        self._prices = np.zeros((simulator.tables.ledger.size, len(self.terms)), dtype=np.int64)
        for column, term in enumerate(self.terms):
            for field, place, value in scorecard.priced[term]:
                if field in simulator.tables.ledger:
                    row = simulator.tables.ledger.start(field) + place
                    self._prices[row, column] += coins(value, f"line.prices ({term})")
        n_lines = len(enterprise.lines)
        self._supply = enterprise.supply
        items = [line.item_names.index(supplier.item) for supplier in line.suppliers]
        self._item_of = np.array(items, dtype=np.intp)
        charges = [s.price for s in enterprise.suppliers]
        values = [
            [
                coins(books.material[items[j]] * charges[self._supply[i, j]], "suppliers.price")
                for j in range(len(items))
            ]
            for i in range(n_lines)
        ]
        self._charge = np.array(values, dtype=np.int64).reshape(self._supply.shape)
        holds = [coins(v, "line.prices.items") for v in line.listed(line.prices.items, PRICED_BY["items"])]
        self._holds = np.array(holds, dtype=np.int64)
        self._overhead = coins(enterprise.money.overhead, "money.overhead") * n_lines
        periods = enterprise.periods_per_year / DAYS_PER_YEAR
        self._sold_for = _weights(line.finance.customers_pay_after * periods)
        self._bought_for = _weights(line.finance.suppliers_paid_after * periods)
        self.capital_rate = line.finance.capital_cost / enterprise.periods_per_year

    @property
    def outstanding(self) -> tuple[int, int]:
        """How many periods of sales, and of purchases, are not paid at once."""
        return len(self._sold_for), len(self._bought_for)

    def inventory(self, simulator: Simulator) -> Ints:
        """Return the worth of the stock of each line, ``(n,)``."""

        def at_stages(field: str) -> Ints:
            return simulator.state(field).reshape(simulator.n_lines, *self._shape).astype(np.int64)

        worth = ((at_stages("queue") + at_stages("job")) * self._incoming).sum(axis=(1, 2))
        worth += (at_stages("store") * self._outgoing).sum(axis=(1, 2))
        found: Ints = worth + (simulator.state("stock").astype(np.int64) * self._material).sum(axis=1)
        return found

    def opening(self, stock: Ints, sold: Ints, bought: Ints) -> Balance:
        """Return the balance of companies that begin.

        Args:
            stock: worth of it, ``(n_companies, n_lines)``.
            sold: revenue of the last periods, the newest first, ``(n_companies, n)``.
            bought: purchases, likewise.
        """
        cash = np.full(len(stock), coins(self._enterprise.money.cash, "money.cash"), dtype=np.int64)
        return Balance(cash, stock.copy(), _owed(sold, self._sold_for), _owed(bought, self._bought_for), sold, bought)

    def close(self, balance: Balance, ledger: Ledger, inventory: Ints, investment: Ints) -> Account:
        """Close a period: change the balance, and return the flows.

        Args:
            balance: at its beginning; is changed to that at its end.
            ledger: of all lines, company by company.
            inventory: worth of the stock of each line at the end, ``(n_companies * n_lines,)``.
            investment: ``(n_companies,)``.
        """
        n, n_lines = len(investment), len(self._enterprise.lines)

        def by_line(flows: Ints) -> Ints:
            return flows.reshape(n, n_lines, *flows.shape[1:])

        def at_stages(field: str) -> Ints:
            return ledger[field].reshape(len(ledger), *self._shape)

        sales = (ledger["shipped"] - ledger["returned"]).reshape(len(ledger), -1)
        line_revenue = by_line((sales * self._price).sum(axis=1))
        line_cost_of_sales = by_line((sales * self._outgoing[-1]).sum(axis=1))
        taken = by_line(ledger["delivered"] - ledger["rejected"])
        charged = taken * self._charge
        line_added = by_line((at_stages("finished").sum(axis=2) * self._added).sum(axis=1))
        line_operating = by_line(ledger.array @ self._prices)
        added, operating = line_added.sum(axis=1), line_operating.sum(axis=1)
        revenue, purchases = line_revenue.sum(axis=1), charged.sum(axis=(1, 2))
        overhead = np.full(n, self._overhead, dtype=np.int64)
        stock = by_line(inventory)
        change = stock - balance.stock
        line_profit = line_revenue - charged.sum(axis=2) - line_added - line_operating.sum(axis=2) + change
        before = balance.working_capital
        spent = added + operating.sum(axis=1) + overhead + investment
        profit = line_profit.sum(axis=1) - overhead - investment
        receipts = balance.receivables + revenue
        payments = balance.payables + purchases
        _push(balance.sold, revenue)
        _push(balance.bought, purchases)
        balance.receivables = _owed(balance.sold, self._sold_for)
        balance.payables = _owed(balance.bought, self._bought_for)
        receipts = receipts - balance.receivables
        payments = payments - balance.payables
        balance.stock = stock
        balance.cash = balance.cash + receipts - payments - spent
        charge = np.rint(self.capital_rate * (before + balance.working_capital) / 2).astype(np.int64)
        return Account(
            revenue=revenue,
            purchases=purchases,
            added=added,
            operating=operating,
            overhead=overhead,
            investment=investment,
            inventory_change=change.sum(axis=1),
            receipts=receipts,
            payments=payments,
            profit=profit,
            capital_charge=charge,
            economic_profit=profit - charge,
            cost_of_sales=line_cost_of_sales.sum(axis=1),
            line_inventory=stock,
            line_revenue=line_revenue,
            line_cost_of_sales=line_cost_of_sales,
            line_profit=line_profit,
            supplier_purchases=self._by_supplier(charged),
            supplier_units=self._by_supplier(taken),
            supplier_stock=self._by_supplier(self._holding(by_line(ledger["item_slots"]), taken, ledger)),
        )

    def _holding(self, item_slots: Ints, taken: Ints, ledger: Ledger) -> Ints:
        """Return what the stock of items cost, shared among those who deliver them, ``(n, n_lines, n_places)``."""
        a_slot = self._holds + self.capital_rate * self._material / ledger["slots"].flat[0]
        cost = item_slots * a_slot
        of_item = self._item_of[:, None] == np.arange(item_slots.shape[2])
        share = ratio_of(taken.astype(np.float64), (taken @ of_item)[:, :, self._item_of])
        found: Ints = np.rint(np.nan_to_num(share) * cost[:, :, self._item_of]).astype(np.int64)
        return found

    def _by_supplier(self, flows: Ints) -> Ints:
        """Add flows of lines ``(n_companies, n_lines, n_places)`` up by supplier of the company."""
        found = np.zeros((len(flows), len(self._enterprise.suppliers)), dtype=np.int64)
        for (line, place), supplier in np.ndenumerate(self._supply):
            found[:, supplier] += flows[:, line, place]
        return found


def _all_coins(values: npt.NDArray[np.float64], what: str) -> Ints:
    return np.array([coins(v, what) for v in values.ravel()], dtype=np.int64).reshape(values.shape)


def _weights(periods: float) -> npt.NDArray[np.float64]:
    """Return which share of the last periods' flows is not paid at the end of a period, the newest first."""
    return np.clip(periods - np.arange(max(1, int(np.ceil(periods)))), 0.0, 1.0)


def _owed(flows: Ints, weights: npt.NDArray[np.float64]) -> Ints:
    owed = np.zeros(len(flows), dtype=np.int64)
    for column, weight in enumerate(weights):
        owed += np.rint(flows[:, column] * weight).astype(np.int64)
    return owed


def _push(flows: Ints, newest: Ints) -> None:
    """Put the newest flow in front."""
    flows[:, 1:] = flows[:, :-1].copy()
    flows[:, 0] = newest
