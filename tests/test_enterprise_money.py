"""The books of companies: every identity again in Python's integers, from ledger, state and prices."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from enterprises import CALM, LINE, SMALL, decide, draw, small

from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import BACK, NEXT, PILOT
from jitgym.enterprise.money import COIN, coins
from jitgym.enterprise.state import Period
from jitgym.errors import InputError
from jitgym.simulator import Simulator

# of the line of the small company, in coins: worth of a unit before, between and after its stages
BAR, ADDED, PRICE = 20 * COIN, (75_000, 110_000), (100 * COIN, 130 * COIN)
INCOMING = (BAR, BAR + ADDED[0])
OUTGOING = (BAR + ADDED[0], BAR + ADDED[0] + ADDED[1])
CHARGED = {"mill": BAR, "shop": 22 * COIN}
PLACES = ("shop", "mill")


def whole(values: Any) -> Any:
    """Arrays as nested lists of Python's integers."""
    return np.asarray(values).tolist()


def worth(simulator: Simulator) -> list[int]:
    """The stock of each line, unit by unit."""
    queue, job, store = (whole(simulator.state(field)) for field in ("queue", "job", "store"))
    stock = whole(simulator.state("stock"))
    found = []
    for n in range(simulator.n_lines):
        total = stock[n][0] * BAR
        for i in range(2):
            total += (sum(queue[n][i]) + sum(job[n][i])) * INCOMING[i] + sum(store[n][i]) * OUTGOING[i]
        found.append(total)
    return found


def operating(ledger: Any, n: int) -> int:
    """What a line cost besides wages and material, from the prices of its description."""
    prices = {name: Fraction(str(value)) * COIN for name, value in LINE["prices"].items()}

    def total(field: str, *places: int) -> int:
        rows = whole(ledger[field][n])
        return int(np.sum([rows[i] for i in places] if places else rows))

    parts = (
        prices["wip"] * (total("process_slots") + total("store_slots", 0)),
        prices["finished_goods"] * total("store_slots", 1),
        prices["items"] * total("item_slots"),
        prices["backlog"] * total("backlog_slots"),
        prices["lost"] * total("lost"),
        prices["repair"] * total("breakdowns"),
        prices["setup"] * total("setups"),
        prices["scrap"] * total("scrapped"),
        prices["returned"] * total("returned"),
    )
    cost = sum(parts)
    assert cost.denominator == 1
    return int(cost)


class Book:
    """The books of a company kept apart from those of the package."""

    def __init__(self, firms: Companies, which: int) -> None:
        self.which, state = which, firms.state
        self.lines = range(which * 2, which * 2 + 2)
        self.cash = int(state.balance.cash[which])
        self.stock = sum(worth(firms.simulator)[n] for n in self.lines)
        self.sold, self.bought = whole(state.balance.sold[which]), whole(state.balance.bought[which])

    @property
    def receivables(self) -> int:
        """Customers pay after 135 days: all of the last period's sales are open, and part of those before."""
        return self.sold[0] + round(self.sold[1] * (Fraction(135 * 4, 365) - 1))

    @property
    def payables(self) -> int:
        return round(self.bought[0] * Fraction(30 * 4, 365))

    @property
    def capital(self) -> int:
        return self.stock + self.receivables - self.payables

    def close(self, firms: Companies, period: Period) -> None:
        ledger, account, which = period.ledger, period.account, self.which
        shipped, returned = whole(ledger["shipped"]), whole(ledger["returned"])
        finished, scrapped = whole(ledger["finished"]), whole(ledger["scrapped"])
        taken = whole(ledger["delivered"] - ledger["rejected"])
        revenue = cost_of_sales = losses = added = standard = 0
        charged = dict.fromkeys(CHARGED, 0)
        for n in self.lines:
            for p in range(2):
                sales = shipped[n][p] - returned[n][p]
                revenue += sales * PRICE[p]
                cost_of_sales += sales * OUTGOING[1]
                losses += returned[n][p] * OUTGOING[1]
                for i in range(2):
                    losses += scrapped[n][i][p] * INCOMING[i]
                    added += finished[n][i][p] * ADDED[i]
            for j, name in enumerate(PLACES):
                standard += taken[n][j] * BAR
                charged[name] += taken[n][j] * CHARGED[name]
        purchases, costs = sum(charged.values()), sum(operating(ledger, n) for n in self.lines)
        overhead, investment = 2 * 90 * COIN, int(period.spent[which].sum())
        now = sum(worth(firms.simulator)[n] for n in self.lines)
        change, before, owed, owing = now - self.stock, self.capital, self.receivables, self.payables
        assert change == standard + added - cost_of_sales - losses, "stock is conserved"
        profit = revenue - purchases - added - costs - overhead - investment + change
        equity = self.cash + self.capital
        self.stock, self.sold, self.bought = now, [revenue, self.sold[0]], [purchases]
        receipts, payments = owed + revenue - self.receivables, owing + purchases - self.payables
        self.cash += receipts - payments - added - costs - overhead - investment
        assert self.cash + self.capital - equity == profit, "equity changes by the profit"
        charge = round(Fraction(1, 10) / 4 * (before + self.capital) / 2)
        mine = {
            "revenue": revenue,
            "purchases": purchases,
            "added": added,
            "overhead": overhead,
            "investment": investment,
            "inventory_change": change,
            "receipts": receipts,
            "payments": payments,
            "profit": profit,
            "capital_charge": charge,
            "economic_profit": profit - charge,
            "cost_of_sales": cost_of_sales,
        }
        assert {name: int(getattr(account, name)[which]) for name in mine} == mine
        assert int(account.operating[which].sum()) == costs
        assert whole(account.supplier_purchases[which]) == [charged["mill"], charged["shop"]]
        held = sum(  # at 0.0625 a unit and slot, and a tenth of its worth a year of 80 slots, by units delivered
            np.array(taken[n]) / max(1, sum(taken[n])) * int(ledger["item_slots"][n][0]) * (625 + BAR * 0.1 / 80)
            for n in self.lines
        )
        assert account.supplier_stock[which] == pytest.approx(held[[PLACES.index("mill"), PLACES.index("shop")]], abs=2)
        assert sum(whole(account.line_revenue[which])) == revenue
        assert sum(whole(account.line_inventory[which])) == now
        assert int(period.working_capital[which]) == self.capital
        balance = firms.state.balance
        state = [int(getattr(balance, name)[which]) for name in ("cash", "inventory", "receivables", "payables")]
        assert state == [self.cash, self.stock, self.receivables, self.payables]
        assert int(balance.equity[which]) == self.cash + self.capital


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_books_balance_to_the_coin_period_by_period(seed: int) -> None:
    firms, rng = Companies(small(), 4, seed), np.random.default_rng(seed)
    books, bought = [Book(firms, i) for i in range(4)], np.zeros(2)
    for _ in range(12):
        period = firms.step(draw(rng, firms.levers, 4))
        bought += period.account.supplier_units.sum(axis=0)
        for book in books:
            book.close(firms, period)
    assert (bought > 0).all(), "both suppliers delivered"


def test_the_opening_balance_is_that_of_the_history() -> None:
    firms = Companies(small(), 3, seed=8)
    balance = firms.state.balance
    assert (balance.cash == 500 * COIN).all()
    assert whole(balance.inventory) == [sum(worth(firms.simulator)[2 * i : 2 * i + 2]) for i in range(3)]
    assert (balance.sold > 0).all()
    for i in range(3):
        book = Book(firms, i)
        assert (book.receivables, book.payables) == (balance.receivables[i], balance.payables[i])


# -- the money for improvement --


def test_spending_stays_within_the_pool_and_the_pool_within_a_year() -> None:
    firms, rng = Companies(small(), 40, seed=3), np.random.default_rng(3)
    columns, budget = firms.levers.columns, 4000 * COIN
    invested = np.concatenate([columns[k] for k in ("develop", "changeover", "quality", "maintenance", "training")])
    unit = np.array([lever.unit for lever in firms.levers.levers]) * COIN
    short = rich = 0
    for _ in range(12):
        pool, decisions = firms.state.pool.copy(), draw(rng, firms.levers, 40)
        if rng.random() < 0.4:
            decisions[:] = firms.levers.at_rest
        period = firms.step(decisions)
        granted = np.where(firms.state.trouble.cut > 0, 250, 1000) * COIN
        pool = np.minimum(pool + granted, budget)
        assert (period.spent >= 0).all()
        assert (period.spent.sum(axis=1) <= pool).all()
        assert (firms.state.pool == pool - period.spent.sum(axis=1)).all()
        assert firms.state.pool.max() <= budget
        asked = (decisions[:, invested] * unit[invested]).astype(np.int64)
        left = pool - period.spent.sum(axis=1) + period.spent[:, invested].sum(axis=1)
        for i in range(40):
            total = int(asked[i].sum())
            share = min(Fraction(1), Fraction(int(left[i]), total)) if total else Fraction(1)
            short, rich = short + (share < 1), rich + (share == 1)
            for want, got in zip(whole(asked[i]), whole(period.spent[i, invested]), strict=True):
                assert want * share - 1 - Fraction(1, 1000) < got <= want * share + Fraction(1, 1000)
        free = np.concatenate([columns["cards"]])
        assert (period.spent[:, free] == 0).all()
    assert short > 20
    assert rich > 20


def test_a_budget_that_is_never_spent_grows_to_a_years_and_no_further() -> None:
    firms = Companies(small(shocks=CALM), 1, seed=1)
    pools = []
    for _ in range(6):
        firms.step(firms.levers.at_rest)
        pools.append(int(firms.state.pool[0]) // COIN)
    assert pools == [1000, 2000, 3000, 4000, 4000, 4000]


def test_without_a_budget_nothing_is_done_and_nothing_raises() -> None:
    firms = Companies(small(money={"budget": 0}), 5, seed=1)
    start = firms.state.abilities.to_bytes()
    for _ in range(12):
        period = firms.step(firms.levers.high)
        assert (period.spent == 0).all()
    assert firms.state.abilities.to_bytes() == start
    assert (firms.state.stage == 0).all()
    assert (firms.state.waiting[:, 1] == -1).all()


def test_what_is_not_kept_up_fades_when_the_budget_is_too_small() -> None:
    firms = Companies(small(money={"budget": 40}, dynamics={"upkeep": 1000}, shocks=CALM), 1, seed=1)
    firms.state.abilities.lines[...] += 0.4
    firms.state.abilities.suppliers[...] += 0.4
    before = firms.state.abilities.lines.copy()
    firms.step(firms.levers.high)
    assert (firms.state.abilities.lines < before).all()
    assert (firms.state.abilities.lines > 0).all()


def test_a_roll_out_costs_its_price_when_it_is_done_and_nothing_when_it_is_not() -> None:
    firms = Companies(small(shocks=CALM), 1, seed=1)
    column = int(firms.levers.columns["rollout"][0])
    costs, stages = [], []
    for order in (NEXT, PILOT, PILOT, NEXT, NEXT, BACK, BACK, PILOT):
        decision = firms.levers.at_rest
        decision[column] = order
        period = firms.step(decision)
        costs.append(int(period.spent[0, column]) // COIN)
        stages.append(int(firms.state.stage[0, 0]))
        assert firms.state.stage[0, 1] == 0
    assert stages == [0, 1, 1, 2, 2, 0, 0, 1]
    assert costs == [0, 60, 0, 60, 0, 0, 0, 60]


def test_what_cannot_be_paid_is_not_done_and_comes_first() -> None:
    """60 for a stage, 50 in the pool: no roll-out, and the investment gets all; with 110, the roll-out comes first."""
    for budget, stages, left in ((200, [0, 0], 50), (440, [1, 0], 50), (4000, [1, 1], 150)):
        firms = Companies(small(money={"budget": budget}, shocks=CALM), 1, seed=1)
        decision = decide(firms, rollout=PILOT)
        decision[firms.levers.column("quality[second]")] = 1
        period = firms.step(decision)
        assert whole(firms.state.stage[0]) == stages
        assert period.spent[0, firms.levers.column("quality[second]")] == left * COIN


def test_an_alternative_supplier_costs_once() -> None:
    firms = Companies(small(shocks=CALM), 1, seed=1)
    column = firms.levers.column("alternative[shop]")
    paid = []
    for share in (1, 0, 4, 2, 0, 3, 4):
        decision = firms.levers.at_rest
        decision[column] = share
        paid.append(int(firms.step(decision).spent[0, column]) // COIN)
    assert paid == [700, 0, 0, 0, 0, 0, 0]
    decision = decide(firms, alternative=1)
    for budget, paid in ((2000, [0, 700, 0]), (2800, [700, 0, 0])):  # 500 and just 700 a period
        poor = Companies(small(money={"budget": budget}, shocks=CALM), 1, seed=1)
        assert [int(poor.step(decision).spent[0, column]) // COIN for _ in range(3)] == paid


# -- amounts that are no whole coins --


def test_amounts_are_whole_coins() -> None:
    assert coins(1.2345, "x") == 12345
    assert coins(0.1 + 0.2, "x") == 3000
    assert coins(1e9, "x") == 10**13
    with pytest.raises(InputError, match=r"x must be a whole number of 1/10000, got 1e-05"):
        coins(1e-5, "x")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"money": {"rollout": 0.00001}}, r"money\.rollout must be a whole number of 1/10000, got 1e-05"),
        ({"money": {"budget": 1e15}}, r"money\.budget must be at most 1e\+11, got 1000000000000000\.0"),
        ({"money": {"budget": 0.00001}}, r"money\.budget must be a whole number of 1/10000, got 1e-05"),
        ({"money": {"overhead": 0.00001}}, r"money\.overhead must be a whole number of 1/10000, got 1e-05"),
        ({"money": {"cash": 0.00001}}, r"money\.cash must be a whole number of 1/10000, got 1e-05"),
        ({"line": {"finance": {"price": 0.00001}}}, r"line\.finance\.price must be a whole number of 1/10000"),
        ({"line": {"finance": {"material": 0.00001}}}, r"line\.finance.* must be a whole number of 1/10000"),
        ({"line": {"prices": {"wip": 0.00001}}}, r"line\.prices \(wip\) must be a whole number of 1/10000, got 1e-05"),
        (
            {"suppliers": [{**SMALL["suppliers"][0], "price": 1.0000001}, SMALL["suppliers"][1]]},
            r"suppliers\.price must be .* got 20\.0",
        ),
        (
            {
                "suppliers": [
                    SMALL["suppliers"][0],
                    {**SMALL["suppliers"][1], "alternative": {"cost": 0.00001, "periods": 1}},
                ]
            },
            r"alternative\.cost must be a whole number of 1/10000, got 1e-05",
        ),
    ],
)
def test_prices_that_are_no_whole_coins_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Companies(small(**changes))


def test_a_share_of_the_orders_need_be_no_whole_coin() -> None:
    firms = Companies(small(levers={"alternative": {"high": 3, "unit": 1 / 3}}, shocks=CALM), 1, seed=1)
    for _ in range(4):
        period = firms.step(decide(firms, alternative=1))
    assert period.plan.shares[0] == pytest.approx([1 / 3, 2 / 3])
