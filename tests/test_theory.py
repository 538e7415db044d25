"""Long simulations against exact and published results, each within four standard errors: see `studies`.

The exact values come from `exact_lines` and `exact_inventory`, which know nothing of jitgym.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from exact_inventory import lost_sales_base_stock, poisson, reorder_policy
from exact_lines import (
    age_replacement,
    batch_machine,
    closed_loop,
    geo_geo_1,
    gershwin_line,
    late_supplier,
    pull_line,
    resumed_job_rate,
    transfer_line,
    two_stages,
    weibull_survival,
    worn_machine,
)
from scipy import stats
from studies import agree, agree_all, breaks, decide, job, knob, line, paths, simulate, supplied

from jitgym.fields import OFF
from jitgym.simulator import Simulator

pytestmark = pytest.mark.theory


# -- the solvers reproduce published numbers --


@pytest.mark.parametrize(
    ("lead_time", "published"),
    [(1, {4: 4.16, 9: 5.55, 19: 6.73, 39: 7.86}), (2, {4: 4.64, 9: 6.32, 19: 7.84, 39: 9.19})],
)
def test_solver_gives_zipkins_table(lead_time, published):
    """Table 3, the row of the best base stock, for every penalty."""
    systems = [
        lost_sales_base_stock(lead_time, base_stock, mean=5) for base_stock in range(6 * lead_time, 7 * lead_time + 12)
    ]
    for penalty, cost in published.items():
        best = min(system["store"] + penalty * system["lost"] for system in systems)
        assert best == pytest.approx(cost, abs=0.005)


@pytest.mark.parametrize(
    ("mean", "reorder", "up_to", "cost"),
    [(10, 6, 40, 35.022), (20, 14, 62, 49.173), (50, 42, 108, 70.975), (75, 67, 86, 79.554)],
)
def test_solver_gives_zheng_and_federgruens_table(mean, reorder, up_to, cost):
    exact = reorder_policy(0, reorder, up_to, mean)
    assert 64 * exact["orders"] + exact["store"] + 9 * exact["backlog"] == pytest.approx(cost, abs=0.0005)


def test_solver_gives_gershwins_rates():
    assert gershwin_line((0.02, 0.05), (0.1, 0.2), 10) == pytest.approx(0.736262, abs=5e-7)
    assert gershwin_line((0.01, 0.01), (0.1, 0.1), 10) == pytest.approx(0.856175, abs=5e-7)


def test_solver_gives_the_closed_formulas():
    chain = batch_machine((0.6, 0.4), finish=0.5, batch=1, base_stock=5, limit=100)
    assert {name: chain[name] for name in ("process", "store", "backlog")} == pytest.approx(geo_geo_1(0.4, 0.5, 5))
    hazard = [1 - weibull_survival(20, 3, k + 1) / weibull_survival(20, 3, k) for k in range(40)]
    worn = worn_machine(hazard, wear=1, repair=5, repair_keep=0, pm=1, pm_keep=0, pm_level=7)
    renewal = age_replacement(20, 3, 5, 1, 7)
    assert [worn[k] for k in ("shipped", "breakdowns", "pms")] == pytest.approx(list(renewal.values()))
    assert closed_loop((0.5,) * 4, 4)["shipped"] == pytest.approx(21 / 64)  # by the product form


# -- inventory --


@pytest.mark.parametrize(
    ("lead_time", "penalty", "base_stock", "published"),
    [(1, 39, 16, 7.86), (2, 4, 16, 4.64), (3, 9, 23, 6.86)],
)
def test_zipkin_lost_sales(lead_time, penalty, base_stock, published):
    exact = lost_sales_base_stock(lead_time, base_stock, mean=5)
    assert exact["store"] + penalty * exact["lost"] == pytest.approx(published, abs=0.005)
    scenario = line(
        [{"batch": "unlimited"}],
        ({"poisson": 5}, "lost"),
        knob("echelon", base_stock),
        **supplied(lead_time - 1),
    )
    averages = simulate(scenario, slots=8000)
    agree_all(averages, {"store_slots[0]": exact["store"], "lost": exact["lost"]})
    cost = averages["store_slots"][:, 0] + penalty * averages["lost"]
    agree("cost", cost, exact["store"] + penalty * exact["lost"], relative=0.001)


@pytest.mark.parametrize(("lead_time", "base_stock", "mean"), [(1, 10, 4), (4, 12, 2)])
def test_echelon_base_stock_with_backlog(lead_time, base_stock, mean):
    """Ordering up to S every slot is the (S - 1, S) policy: S less the demand of L + 1 slots is left."""
    exact = reorder_policy(lead_time, base_stock - 1, base_stock, mean)
    scenario = line(
        [{"batch": "unlimited"}],
        {"poisson": mean},
        knob("echelon", base_stock),
        **supplied(lead_time - 1),
    )
    averages = simulate(scenario, slots=10_000)
    expected = {"orders[0]": "orders", "store_slots[0]": "store", "backlog_slots": "backlog"}
    agree_all(averages, {entry: exact[name] for entry, name in expected.items()})


def test_reorder_policy():
    """An (s, S) policy is no constant knob: each slot's order follows from the state, as an agent's would."""
    reorder, up_to, mean = 16, 50, 10
    exact = reorder_policy(1, reorder, up_to, mean)
    order = {"knob": "order", "low": 0, "high": 500, "default": 0}
    scenario = line([{"batch": "unlimited", "initial": up_to}], {"poisson": mean}, order, **supplied(0))

    def policy(sim: Simulator) -> np.ndarray:
        units = sum(sim.state(name)[:, 0] for name in ("queue", "job", "store", "stock", "on_order", "overdue"))
        position = units - sim.state("backlog")
        return np.where(position <= reorder, up_to - position, 0)[:, None]

    averages = decide(scenario, policy, steps=1000)
    expected = {"orders[0]": "orders", "store_slots[0]": "store", "backlog_slots": "backlog"}
    agree_all(averages, {entry: exact[name] for entry, name in expected.items()})


def test_late_supplier():
    exact = late_supplier(lead_time=2, on_time=0.8, catch_up=0.4, target=4, cards=2, demand=0.5)
    scenario = line(
        [{"batch": "unlimited"}],
        ({"bernoulli": 0.5}, "lost"),
        knob("target", 4),
        knob("kanban", 2),
        **supplied(2, stock=4, on_time=0.8, catch_up=0.4),
    )
    expected = {
        "item_slots[0]": "item",
        "store_slots[0]": "store",
        "delivered[0]": "delivered",
        "delivered_on_time[0]": "delivered on time",
    }
    averages = simulate(scenario, slots=10_000)
    agree_all(averages, {entry: exact[name] for entry, name in expected.items()}, relative=0.001)
    agree("lost", averages["lost"], exact["lost"], relative=0.005)


# -- throughput --


def test_conwip_loop():
    exact = closed_loop((0.5,) * 4, cards=4)
    averages = simulate(line([job(0.5)] * 4, "saturated", knob("loop", 4, at="s0")), slots=10_000)
    agree_all(averages, exact, relative=0.0005)
    np.testing.assert_allclose((averages["process_slots"] + averages["store_slots"]).sum(axis=1), 4)


@pytest.mark.parametrize("cards", range(1, 11))
def test_penny_fab_one(cards):
    """Hopp & Spearman, Factory Physics, ch. 7: TH = min(W / 8, 1 / 2), CT = max(8, 2 W); no randomness."""
    scenario = line([{"process": 2}] * 4, "saturated", knob("loop", cards, at="s0"))
    averages = simulate(scenario, slots=8000, n_lines=1)
    throughput = averages["shipped"][0]
    in_process = averages["process_slots"].sum() + averages["store_slots"].sum()
    assert throughput == min(cards / 8, 1 / 2)
    assert in_process / throughput == max(8, 2 * cards)


def test_saturated_kanban_line():
    exact = check_pull_line((0.6, 0.5, 0.7), [(0, 0, 2), (1, 1, 2), (2, 2, 1)])
    assert exact["shipped"] == pytest.approx(0.459540, abs=5e-7)


@pytest.mark.parametrize(
    "loops",
    [
        [(0, 1, 3), (1, 2, 2), (2, 2, 2)],
        [(0, 1, 2), (2, 2, 3), (1, 1, 1)],
        [(0, 2, 4), (0, 0, 2), (1, 1, 2), (2, 2, 3)],
        [(0, 2, 4), (0, 1, 2), (1, 2, 2), (1, 1, 1), (2, 2, 2)],
    ],
    ids=["polca", "rope", "hybrid", "conwip-polca"],
)
def test_card_loops(loops):
    check_pull_line((0.6, 0.5, 0.7), loops)


def test_extended_kanban_line():
    check_pull_line((0.7, 0.65), [(0, 0, 3), (1, 1, 3)], base_stocks=(5, 2), demand=0.4, backlog_limit=2)


def test_base_stock_line():
    check_pull_line((0.7, 0.65), [], base_stocks=(5, 2), demand=0.4, backlog_limit=2)


def check_pull_line(finish, loops, base_stocks=(), demand=None, backlog_limit=0) -> Mapping[str, float]:
    """Compare a line that `pull_line` can describe; return its exact averages."""
    exact = pull_line(finish, loops, base_stocks, demand, backlog_limit)
    control = [
        knob("kanban", cards, at=f"s{first}")
        if first == last
        else knob("loop", cards, at=f"s{first}") | {"end": f"s{last}"}
        for first, last, cards in loops
    ]
    control += [knob("basestock", units, at=f"s{i}") for i, units in enumerate(base_stocks)]
    law = "saturated" if demand is None else ({"bernoulli": demand}, {"limit": backlog_limit})
    averages = simulate(line([job(p) for p in finish], law, *control), slots=10_000)
    names = {f"{kind} {i}": f"{kind}_slots[{i}]" for kind in ("process", "store") for i in range(len(finish))}
    names |= {"lost": "lost", "backlog": "backlog_slots"}
    agree_all(averages, {entry: exact[name] for name, entry in names.items() if exact[name]}, relative=0.01)
    agree_all(averages, {"shipped": exact["shipped"]}, relative=0.0005)
    return exact


@pytest.mark.parametrize(
    ("exposure", "fail", "repair", "published"),
    [
        ("time", (0.02, 0.05), (0.1, 0.2), 0.728680),
        ("operation", (0.02, 0.05), (0.1, 0.2), None),
        ("operation", (0.01, 0.01), (0.1, 0.1), None),
    ],
)
def test_transfer_line(exposure, fail, repair, published):
    exact = transfer_line(fail, repair, 10, exposure)
    if published:
        assert exact["shipped"] == pytest.approx(published, abs=5e-7)
    stages = [{"failure": breaks(fail[i], repair[i], exposure)} for i in range(2)]
    stages[0]["room"] = 10
    averages = simulate(line(stages, "saturated"), slots=40_000)
    agree_all(averages, {"shipped": exact["shipped"]}, relative=0.0003)
    agree_all(averages, {"down[0]": exact["down 0"], "down[1]": exact["down 1"]})
    between = averages["store_slots"][:, 0] + averages["process_slots"][:, 1]
    agree("between", between, exact["between"])


def test_two_stages_with_room_demand_and_backlog():
    check_two_stages(two_stages((0.7, 0.65), 0.03, 0.3, (3, 4), 3, 0.45), "backlog")


def test_two_stages_with_a_limited_backlog():
    check_two_stages(two_stages((0.7, 0.65), 0.03, 0.3, (3, 4), 3, 0.45, backlog_limit=5), {"limit": 5})


def check_two_stages(exact: Mapping[str, float], shortage: Any) -> None:
    stages = [job(0.7, room=3, failure=breaks(0.03, 0.3)), job(0.65)]
    cards = [knob("kanban", 3, at="s0"), knob("kanban", 4, at="s1")]
    averages = simulate(line(stages, ({"bernoulli": 0.45}, shortage), *cards), slots=20_000)
    expected = {f"{kind}_slots[{i}]": exact[f"{kind} {i}"] for kind in ("process", "store") for i in range(2)}
    expected |= {"blocked[0]": exact["blocked 0"], "blocked[1]": exact["blocked 1"]}
    expected |= {"starved[1]": exact["starved 1"], "down[0]": exact["down"]}
    agree_all(averages, expected)
    agree_all(averages, {"backlog_slots": exact["backlog"]}, relative=0.01)
    if shortage == "backlog":
        assert not averages["lost"].any()
    else:
        agree_all(averages, {"lost": exact["lost"]}, relative=0.01)


# -- base stock --


@pytest.mark.parametrize(
    ("demand", "finish", "base_stock", "slots"),
    [(0.4, 0.5, 5, 60_000), (0.3, 0.45, 3, 20_000), (0.5, 0.8, 1, 10_000)],
)
def test_base_stock_before_one_machine(demand, finish, base_stock, slots):
    exact = geo_geo_1(demand, finish, base_stock)
    averages = simulate(line([job(finish)], {"bernoulli": demand}, knob("basestock", base_stock)), slots)
    expected = {"process_slots[0]": "process", "store_slots[0]": "store", "backlog_slots": "backlog"}
    agree_all(averages, {entry: exact[name] for entry, name in expected.items()}, relative=0.005)


@pytest.mark.parametrize(
    ("law", "table"),
    [
        ({"table": [0.5, 0.3, 0.2]}, [0.5, 0.3, 0.2]),
        ({"poisson": 0.7}, poisson(0.7)),
        (
            {"negative_binomial": {"mean": 0.6, "dispersion": 0.5}},
            [*stats.nbinom.pmf(range(60), 0.5, 0.5 / 1.1), stats.nbinom.sf(59, 0.5, 0.5 / 1.1)],
        ),
    ],
    ids=["table", "poisson", "negative_binomial"],
)
def test_base_stock_with_batches_and_partial_backlog(law, table):
    exact = batch_machine(table, finish=0.4, batch=3, base_stock=6, limit=5)
    averages = simulate(line([job(0.4, batch=3)], (law, {"limit": 5}), knob("basestock", 6)), slots=10_000)
    expected = {
        "process_slots[0]": "process",
        "store_slots[0]": "store",
        "busy[0]": "busy",
        "on_time": "on time",
    }
    agree_all(averages, {entry: exact[name] for entry, name in expected.items()})
    agree_all(averages, {"backlog_slots": exact["backlog"], "lost": exact["lost"]}, relative=0.01)


# -- failures and maintenance --


@pytest.mark.parametrize("monitoring", ["exact", "none"])
@pytest.mark.parametrize("level", [4, 7, 10, 15, None])
def test_age_replacement(level, monitoring):
    """Without wear readings the age stands in for them; here, where wear grows every slot, it is the same."""
    exact = age_replacement(20, 3, repair=5, pm=1, level=level or 80)
    stage = {
        "failure": {"law": {"weibull": {"scale": 20, "shape": 3}}, "repair": 5},
        "maintenance": {"duration": 1},
        "monitoring": monitoring,
    }
    pm_level = {"knob": "pm_level", "low": 0, "high": 16, "default": level or 16}  # the top means never
    averages = simulate(line([stage], "saturated", pm_level), slots=10_000)
    agree_all(averages, {"shipped": exact["shipped"]}, relative=0.001)
    agree_all(averages, {"breakdowns[0]": exact["repairs"]}, relative=0.01)
    if level:
        agree_all(averages, {"pms[0]": exact["pms"]}, relative=0.001)
    else:
        assert not averages["pms"].any()


def test_interrupted_jobs_resume():
    rate = resumed_job_rate(work=4, hazard=0.05, repair=5)
    stage = {
        "process": {"slots": 3, "finish": 0.5},
        "failure": {"law": {"geometric": 0.05}, "repair": {"slots": 2, "finish": 0.25}},
    }
    averages = simulate(line([stage], "saturated"), slots=5000)
    agree_all(averages, {"shipped": rate, "down[0]": 0.05 * 5 * 4 * rate})


@pytest.mark.parametrize("noise", [None, 1.5])
def test_imperfect_repair_and_maintenance(noise):
    hazard = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
    error = [1.0] if noise is None else np.diff(stats.norm.cdf(np.arange(-12.5, 13) / noise)).tolist()
    exact = worn_machine(hazard, wear=0.5, repair=4, repair_keep=128, pm=2, pm_keep=64, pm_level=6, error=error)
    stage = {
        "failure": {"law": {"table": hazard}, "wear": 0.5, "repair": 4, "repair_keep": 128},
        "maintenance": {"duration": 2, "pm_keep": 64},
        "monitoring": "exact" if noise is None else {"noise": noise},
    }
    averages = simulate(line([stage], "saturated", knob("pm_level", 6)), slots=10_000)
    expected = {"shipped": exact["shipped"], "breakdowns[0]": exact["breakdowns"], "pms[0]": exact["pms"]}
    agree_all(averages, expected)


# -- path by path: extended kanban, Little's law --


@pytest.mark.parametrize("full", [False, True], ids=["empty", "full"])
def test_extended_kanban_with_as_many_base_stocks_as_cards_is_kanban(full):
    """Dallery & Liberopoulos (2000), IIE Transactions 32(4): extended kanban with S = K is kanban.

    `basestock` caps an echelon, so its S is the sum of the cards from a stage on. Kanban lets no stage hold
    more units than cards, so with an open card at a stage the echelon is below that sum, and backlog only
    lowers its position: the cap never binds. The start must not hold more units than cards in any stage; here
    it is empty, or full stores as in the reference.
    """
    cards = [3, 2, 4]
    base_stocks = np.cumsum(cards[::-1])[::-1].tolist()
    stages = [job(0.6), job(0.7, failure=breaks(0.05, 0.3)), job(0.6)]
    stages = [stage | {"initial": k if full else 0} for stage, k in zip(stages, cards, strict=True)]
    limits = [{"knob": kind, "low": 0, "high": 20, "default": "off", "off": True} for kind in ("kanban", "basestock")]
    scenario = line(stages, {"bernoulli": 0.45}, *limits)
    kanban = paths(scenario, [*cards, OFF, OFF, OFF], slots=1000)
    extended = paths(scenario, [*cards, *base_stocks], slots=1000)
    tighter = paths(scenario, [*cards, base_stocks[0] - 1, *base_stocks[1:]], slots=1000)
    for one, other in zip(kanban, extended, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not np.array_equal(kanban[1]["queue"], tighter[1]["queue"])


def sojourns(entered: np.ndarray, left: np.ndarray, initial: int) -> tuple[np.ndarray, int]:
    """Tag every unit with the slot it came in and, first in first out, the slot it went.

    Args:
        entered: (slots,) units that came in, by slot.
        left: (slots,) units that went.
        initial: units there at the start, tagged with the slot before the first.

    Returns:
        Slots spent by each unit that went, and slots spent so far by all that are still there, added up. A
        unit is there at the end of the slots from its entry to the one before its leaving.
    """
    slots = len(entered)
    came = np.concatenate([np.zeros(initial, int), np.repeat(np.arange(slots), entered)])
    went = np.repeat(np.arange(slots), left)
    return went - came[: len(went)], int((slots - came[len(went) :]).sum())


def test_littles_law():
    """WIP = throughput x cycle time (Little 1961), with cycle times measured on tagged units.

    Over any stretch of time the unit-slots counted in the ledger are, exactly, the slots spent there by the
    units that went through, plus those of the units still there. Over a long one, the average stock is the
    throughput times the mean sojourn.
    """
    stages = [
        job(0.7, initial=2, room=6),
        {"process": 2, "batch": 3, "failure": breaks(0.02, 0.25)},
        job(0.8, initial=3),
    ]
    scenario = line(
        stages,
        ({"poisson": 0.4}, {"limit": 12}),
        knob("kanban", 8),
        knob("target", 6),
        **supplied(3, stock=1, on_time=0.8, catch_up=0.5),
    )
    slots = 4000
    ledger, _ = paths(scenario, [8, 8, 8, 6], slots, n_lines=4)
    for n in range(4):
        mine = {name: values[:, n] for name, values in ledger.items()}
        released, finished = mine["released"], mine["finished"]
        withdrawn = np.column_stack([released[:, 1:], mine["shipped"]])
        flows = {
            "line": (released[:, 0], mine["shipped"], mine["process_slots"] + mine["store_slots"], 5),
            "customers": (mine["demand"] - mine["lost"], mine["shipped"], mine["backlog_slots"], 0),
            "part": (mine["delivered"][:, 0], released[:, 0], mine["item_slots"], 1),
        }
        for i, initial in enumerate((2, 0, 3)):
            flows[f"process {i}"] = (released[:, i], finished[:, i], mine["process_slots"][:, i], 0)
            flows[f"store {i}"] = (finished[:, i], withdrawn[:, i], mine["store_slots"][:, i], initial)
        for name, (entered, left, unit_slots, initial) in flows.items():
            if name == "line":
                unit_slots = unit_slots.sum(axis=1)
            spent, under_way = sojourns(entered, left, initial)
            assert spent.min() >= 0, name
            assert unit_slots.sum() == spent.sum() + under_way, name
            assert unit_slots.mean() == pytest.approx(left.mean() * spent.mean(), rel=0.02), name
        ordered, promised = mine["ordered"][:, 0], mine["promised"][:, 0]
        assert np.array_equal(promised[3:], ordered[:-3])
