"""Long simulations of supply and of demand against exact and published results: see `studies`.

The exact values come from `exact_supply`, `exact_sourcing` and `exact_demand`, which know nothing of jitgym. The line
is one pass-through stage, which adds a slot to the supplier's lead time, unless a machine is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exact_demand import base_stock_by_regime, modulated_demand, noticed_before_machine, seasonal_base_stock
from exact_inventory import lost_sales_base_stock, poisson, reorder_policy
from exact_lines import geo_geo_1, late_supplier
from exact_sourcing import TwoSuppliers, averages, base_surge_policy, best_policy
from exact_supply import after_demand, base_surge, bounded_orders, order_multiples, review_cycle, unreliable_supplier
from scipy import stats
from studies import agree, agree_all, column, decide, job, knob, line, paths, simulate, simulator, supplied

from jitgym.simulator import Simulator

pytestmark = pytest.mark.theory

PASSES = {"batch": "unlimited"}


def supply_line(lead_time: int, demand: Any, *control: Mapping, **more: Any) -> dict[str, Any]:
    """One pass-through stage, supplied `lead_time` slots after an order, order to availability."""
    return line([PASSES], demand, *control, **supplied(lead_time - 1, **more))


# -- the solvers reproduce closed formulas --


def test_solver_gives_what_it_generalises():
    every = reorder_policy(3, 8, 9, mean=2)
    for exact in (review_cycle(3, 1, 9, 2), order_multiples(3, 8, 1, 2), bounded_orders(3, 9, 60, 2)):
        assert exact == pytest.approx(every)
    late = late_supplier(2, 0.8, 0.4, target=4, cards=2, demand=0.5)
    exact = unreliable_supplier(2, 4, 2, 0.5, on_time=0.8, catch_up=0.4)
    assert {name: exact[name] for name in late} == pytest.approx(late)
    law = poisson(2)
    fast_alone = base_surge((5, 3), 0, 9, law)
    assert fast_alone["store"] == pytest.approx(every["store"])
    assert fast_alone["fast"] == pytest.approx(2)
    one_regime = base_stock_by_regime([[1.0]], [poisson(5)], 2, [16])
    assert one_regime["lost"] == pytest.approx(lost_sales_base_stock(2, 16, mean=5)["lost"])
    unmodulated = modulated_demand([[0.3, 0.7], [0.6, 0.4]], [law, law], 3, 9)
    assert unmodulated["store"] == pytest.approx(every["store"])
    assert seasonal_base_stock(3, 9, (2,))[0] == pytest.approx((every["store"], every["backlog"]))
    without = noticed_before_machine(0.5, 0.4, 0, 5)
    assert without["store"] == pytest.approx(geo_geo_1(0.4, 0.5, 5)["store"])


# -- supply --


def test_review_cycle():
    exact = review_cycle(lead_time=2, review=5, up_to=16, mean=2)
    scenario = supply_line(2, {"poisson": 2}, knob("echelon", 16), review=5)
    averages = simulate(scenario, slots=20_000)
    names = {"orders[0]": "orders", "store_slots[0]": "store", "backlog_slots": "backlog"}
    agree_all(averages, {entry: exact[name] for entry, name in names.items()})


def test_order_multiples():
    """Beside the averages, the position after ordering: one of the Q positions above R as often as another."""
    reorder, multiple = 7, 5
    exact = order_multiples(lead_time=2, reorder=reorder, multiple=multiple, mean=2)
    scenario = supply_line(2, {"poisson": 2}, knob("echelon", reorder + 1), multiple=multiple)
    averages = simulate(scenario, slots=20_000)
    names = {"orders[0]": "orders", "store_slots[0]": "store", "backlog_slots": "backlog"}
    agree_all(averages, {entry: exact[name] for entry, name in names.items()})
    after = np.stack(positions_after_ordering(scenario, slots=200))
    for position in range(reorder + 1, reorder + 1 + multiple):
        agree(f"at {position}", (after == position).mean(axis=0), 1 / multiple, relative=0.01)
    assert ((after > reorder) & (after <= reorder + multiple)).all()


def positions_after_ordering(scenario: Mapping, slots: int) -> list[np.ndarray]:
    """Echelon positions after the orders of some slots, (n_lines,) each: at the end of a slot, and its demand."""
    sim = simulator(scenario, n_lines=4000)
    sim.step(sim.default_knobs, slots=100)
    found = []
    for _ in range(slots):
        demand = sim.step(sim.default_knobs, slots=1)["demand"]
        units = sum(sim.state(name)[:, 0] for name in ("queue", "job", "store", "stock", "on_order"))
        found.append(units - sim.state("backlog") + demand)
    return found


def test_bounded_orders():
    exact = bounded_orders(lead_time=2, base_stock=14, capacity=3, mean=2.4)
    scenario = supply_line(2, {"poisson": 2.4}, knob("echelon", 14), capacity=3)
    averages = simulate(scenario, slots=20_000)
    names = {"orders[0]": "orders", "store_slots[0]": "store", "backlog_slots": "backlog"}
    agree_all(averages, {entry: exact[name] for entry, name in names.items()}, relative=0.005)


@pytest.mark.parametrize("late", [{}, {"on_time": 0.8, "catch_up": 0.5}], ids=["outages", "late besides"])
def test_supplier_outages(late):
    exact = unreliable_supplier(2, 5, 3, 0.5, outage=(0.05, 0.3), **late)
    scenario = line(
        [PASSES],
        ({"bernoulli": 0.5}, "lost"),
        knob("target", 5),
        knob("kanban", 3),
        **supplied(2, stock=5, outage={"fail": 0.05, "recover": 0.3}, **late),
    )
    names = {"item_slots[0]": "item", "store_slots[0]": "store", "delivered[0]": "delivered"}
    names |= {"delivered_on_time[0]": "delivered on time"}
    averages = simulate(scenario, slots=20_000)
    agree_all(averages, {entry: exact[name] for entry, name in names.items()}, relative=0.002)
    agree_all(averages, {"lost": exact["lost"]}, relative=0.01)


def test_expediting_all():
    """Whatever is late is had at a premium, so the lead time is certain: S less Poisson demand is left."""
    store, backlog = after_demand(12, poisson(2 * 4))
    scenario = supply_line(3, {"poisson": 2}, knob("echelon", 12), knob("expedite", 1), on_time=0.7, catch_up=0.2)
    scenario["control"][1]["high"] = 1
    averages = simulate(scenario, slots=20_000)
    agree_all(averages, {"store_slots[0]": store, "backlog_slots": backlog, "expedited[0]": 0.3 * 2})


def test_expediting_when_little_is_left():
    late = {"on_time": 0.6, "catch_up": 0.25}
    exact = unreliable_supplier(2, 4, 3, 0.6, expedite_at=0, **late)
    expedite = {"knob": "expedite", "low": 0, "high": 1, "default": 0}
    scenario = line(
        [PASSES], ({"bernoulli": 0.6}, "lost"), knob("target", 4), knob("kanban", 3), expedite, **supplied(2, **late)
    )

    def policy(sim: Simulator) -> np.ndarray:
        none_left = sum(sim.state(name)[:, 0] for name in ("stock", "queue", "job", "store")) == 0
        return np.column_stack([np.full(len(none_left), 4), np.full(len(none_left), 3), none_left])

    found = decide(scenario, policy, steps=2000)
    names = {"item_slots[0]": "item", "store_slots[0]": "store", "delivered_on_time[0]": "delivered on time"}
    agree_all(found, {entry: exact[name] for entry, name in names.items()})
    agree_all(found, {"expedited[0]": exact["expedited"], "lost": exact["lost"]}, relative=0.01)


# -- two suppliers --


def two_suppliers(slow: int, fast: int, demand: Any, *control: Mapping) -> dict[str, Any]:
    """The part comes from two suppliers, with lead times from order to availability."""
    suppliers = [
        {"name": name, "item": "part", "lead_time": lead - 1} for name, lead in (("slow", slow), ("fast", fast))
    ]
    return line([PASSES], demand, *control, **{**supplied(0), "suppliers": suppliers})


def test_tailored_base_surge():
    law = (0.2, 0.3, 0.2, 0.2, 0.1)
    exact = base_surge((4, 2), constant=1, base_stock=8, law=law)
    constant = {"knob": "order", "at": "slow", "low": 0, "high": 9, "default": 1}
    scenario = two_suppliers(4, 2, {"table": law}, constant, knob("echelon", 8, at="fast"))
    found = decide(scenario, lambda sim: sim.default_knobs, steps=2000)
    agree_all(found, {"store_slots[0]": exact["store"], "ordered[1]": exact["fast"]})
    agree_all(found, {"backlog_slots": exact["backlog"]}, relative=0.01)


MONEY = {"fast": 1.5, "slow": 1.0, "store": 1.0, "backlog": 4.0, "lost": 12.0}
SYSTEMS = {
    "1 or 2 slots, lost sales": TwoSuppliers(1, (0.4, 0.2, 0.1, 0.1, 0.2), 0, MONEY),
    "2 or 3 slots, limited backlog": TwoSuppliers(2, (0.4, 0.2, 0.1, 0.1, 0.2), 2, MONEY),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_best_use_of_two_suppliers(name):
    """The policy of least cost is run through the simulator; no single supplier nor base surge is as cheap."""
    system = SYSTEMS[name]
    best = best_policy(system)
    exact = averages(system, best)
    higher, wide = replace(system, top=system.top + 2), replace(system, top=40)
    assert averages(higher, best_policy(higher))["cost"] == pytest.approx(exact["cost"])
    single = [best_policy(system, lambda orders, other=other: orders[other] == 0) for other in (0, 1)]
    for policy in single:
        assert averages(system, policy)["cost"] > exact["cost"] + 0.01
    for base_stock in range(2, 12):
        assert averages(wide, base_surge_policy(wide, 1, base_stock))["cost"] > exact["cost"] + 0.01
    orders = ({"knob": "order", "at": at, "low": 0, "high": 9, "default": 0} for at in ("fast", "slow"))
    shortage = {"limit": system.limit} if system.limit else "lost"
    scenario = two_suppliers(system.lead_time + 1, system.lead_time, ({"table": system.law}, shortage), *orders)
    found = decide(scenario, SourcingAgent(system, best), steps=2000)
    names = {"ordered[0]": "slow", "ordered[1]": "fast", "store_slots[0]": "store", "lost": "lost"}
    names |= {"backlog_slots": "backlog"} if system.limit else {}
    agree_all(found, {entry: exact[name] for entry, name in names.items()}, relative=0.01)
    cost = sum(system.prices[name] * column(found, entry) for entry, name in names.items())
    agree("cost", cost, exact["cost"], relative=0.002)


class SourcingAgent:
    """Orders by a table, remembering what it ordered from the slow supplier in the slot before."""

    def __init__(self, system: TwoSuppliers, policy: Mapping[tuple[int, ...], tuple[int, int]]) -> None:
        self.n_due = system.lead_time
        self.limit = system.limit
        shape = np.max(list(policy), axis=0) + 1
        shape[0] += system.limit
        self.table = np.zeros((*shape, 2), dtype=int)
        for (net, *due), orders in policy.items():
            self.table[(net + system.limit, *due)] = orders
        self.last = 0

    def __call__(self, sim: Simulator) -> np.ndarray:
        net = sim.state("store")[:, 0] + sim.state("job")[:, 0] - sim.state("backlog")
        on_order = sim.state("on_order").sum(axis=1)
        due = (on_order,) if self.n_due == 1 else (on_order - self.last, np.broadcast_to(self.last, on_order.shape))
        fast, slow = self.table[(net + self.limit, *due)].T
        self.last = slow
        return np.column_stack([fast, slow])


# -- demand --


def test_notice_is_worth_its_slots_of_lead_time():
    """Hariharan & Zipkin (1995), Management Science 41(10): L and notice h are L - h, path by path, h slots later."""
    control = knob("echelon", 12)
    lead_time, notice, slots = 6, 2, 2000
    ahead = supply_line(lead_time, {"law": {"poisson": 2}, "notice": notice}, control)
    without = supply_line(lead_time - notice, {"poisson": 2}, control)
    late, soon = (paths(scenario, [12], slots)[0] for scenario in (ahead, without))
    ready = lead_time + 1  # what was ordered at the start has come, and no slot before is due
    for name in ("shipped", "on_time", "store_slots", "backlog_slots"):
        assert np.array_equal(late[name][ready + notice :], soon[name][ready:-notice]), name
    assert soon["backlog_slots"].any()


def test_notice():
    store, backlog = after_demand(8, poisson(2 * (4 - 2 + 1)))
    averages = simulate(supply_line(4, {"law": {"poisson": 2}, "notice": 2}, knob("echelon", 8)), slots=20_000)
    agree_all(averages, {"store_slots[0]": store, "backlog_slots": backlog})


def test_notice_before_a_machine():
    exact = noticed_before_machine(0.5, 0.4, notice=3, base_stock=3)
    scenario = line([job(0.5)], {"law": {"bernoulli": 0.4}, "notice": 3}, knob("basestock", 3))
    averages = simulate(scenario, slots=40_000)
    names = {"process_slots[0]": "process", "store_slots[0]": "store", "backlog_slots": "backlog"}
    agree_all(averages, {entry: exact[name] for entry, name in names.items()}, relative=0.01)


SWITCH = [[0.95, 0.05], [0.15, 0.85]]
RATES = (0.5, 2.5)


def test_modulated_demand():
    exact = modulated_demand(SWITCH, [poisson(2 * rate) for rate in RATES], lead_time=2, base_stock=9)
    demand = {"law": {"poisson": 2}, "regimes": {"switch": SWITCH, "rates": RATES}}
    averages = simulate(supply_line(2, demand, knob("echelon", 9)), slots=20_000)
    agree_all(averages, {"store_slots[0]": exact["store"], "demand": exact["demand"]})
    agree_all(averages, {"backlog_slots": exact["backlog"]}, relative=0.005)


def test_base_stock_by_regime():
    """Who knows the regime orders by it; the simulated agent looks it up, which the observation does not let it."""
    base_stocks = np.array([4, 8])
    exact = base_stock_by_regime(SWITCH, [poisson(rate) for rate in RATES], 2, base_stocks.tolist())
    demand = {"law": {"poisson": 1}, "shortage": "lost", "regimes": {"switch": SWITCH, "rates": RATES}}
    scenario = supply_line(2, demand, {"knob": "echelon", "low": 0, "high": 9, "default": 4})
    found = decide(scenario, lambda sim: base_stocks[sim.state("regime")][:, None], steps=1000)
    names = {"ordered[0]": "ordered", "store_slots[0]": "store", "lost": "lost"}
    agree_all(found, {entry: exact[name] for entry, name in names.items()}, relative=0.005)


def test_season():
    """Slot by slot of the period, which the line enters at its fifth slot."""
    rates, slots, phase = (0.4, 1.0, 1.9), 3, 4
    means = [2 * rate for rate in rates for _ in range(slots)]
    exact = seasonal_base_stock(lead_time=2, base_stock=9, means=means)
    demand = {"law": {"poisson": 2}, "season": {"rates": rates, "slots": slots}, "phase": phase}
    sim = simulator(supply_line(2, demand, knob("echelon", 9)), n_lines=4000)
    period = len(means)
    sim.step(sim.default_knobs, slots=10 * period - phase)
    store, backlog = (np.zeros((period, sim.n_lines)) for _ in range(2))
    cycles = 100
    for t in range(period * cycles):
        ledger = sim.step(sim.default_knobs, slots=1)
        store[t % period] += ledger["store_slots"][:, 0] / cycles
        backlog[t % period] += ledger["backlog_slots"] / cycles
    for t, (mean_store, mean_backlog) in enumerate(exact):
        agree(f"store in slot {t}", store[t], mean_store, relative=0.005)
        if mean_backlog > 0.1:
            agree(f"backlog in slot {t}", backlog[t], mean_backlog, relative=0.01)


def test_negative_binomial_demand():
    """The demand of n slots has the same law, n times the mean and the dispersion."""
    mean, dispersion, lead_time, base_stock = 2, 1.5, 2, 10
    law = stats.nbinom((lead_time + 1) * dispersion, dispersion / (dispersion + mean)).pmf(range(300)).tolist()
    store, backlog = after_demand(base_stock, law)
    demand = {"negative_binomial": {"mean": mean, "dispersion": dispersion}}
    averages = simulate(supply_line(lead_time, demand, knob("echelon", base_stock)), slots=20_000)
    agree_all(averages, {"store_slots[0]": store, "backlog_slots": backlog})
