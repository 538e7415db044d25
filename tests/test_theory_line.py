"""Long simulations of the line's further features against exact and published results: see `studies`.

The exact values come from `exact_flow`, `exact_quality`, `exact_machines` and `exact_products`, which know nothing of
jitgym. Supply and demand are in `test_theory_supply`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import perm
from typing import Any

import numpy as np
import pytest
from exact_flow import (
    assembly,
    general_jobs,
    geometric_ring,
    meisling,
    practical_worst_case,
    push_with_cards,
    pushed_queue,
    signal_kanban,
    spoiling_store,
)
from exact_inventory import poisson
from exact_lines import closed_loop, geo_geo_1, pull_line
from exact_machines import bielecki_kumar, crew_for_repair_and_maintenance, hedged, machine_repair, shortfall
from exact_products import products_on_a_machine, shared_item
from exact_quality import (
    incoming_inspection,
    inspected_line,
    kim_gershwin,
    li_meerkov_line,
    li_meerkov_rate,
    one_unit_at_a_time,
    quality_machine,
    returning_customers,
    reworking_machine,
    worn_tool,
)
from studies import Averages, agree, agree_all, breaks, decide, job, knob, line, simulate, supplied

pytestmark = pytest.mark.theory


def compare(averages: Averages, exact: Mapping[str, float], names: Mapping[str, str], relative: float = 0.003) -> None:
    """`agree_all` for ledger entries by the names that a solver gives their values."""
    agree_all(averages, {entry: exact[name] for entry, name in names.items()}, relative)


# -- the solvers reproduce published numbers --


def test_solver_gives_the_practical_worst_case():
    """Hopp & Spearman's Penny Fab One, 2 hours a job: .2857 jobs an hour and 14 hours at W = 4, as slots get finer."""
    for cards in range(1, 11):
        coarse, fine = (geometric_ring(4, cards, finish) for finish in (1 / 512, 1 / 1024))
        assert 2 * fine - coarse == pytest.approx(practical_worst_case(4, cards), abs=1e-5)
    assert practical_worst_case(4, 4) / 2 == pytest.approx(0.2857, abs=5e-5)
    errors = []
    for slots in (2, 8, 16, 32):
        exact = closed_loop((1 / slots,) * 4, 4)["shipped"] * slots
        assert exact == pytest.approx(geometric_ring(4, 4, 1 / slots))
        errors.append(4 / (exact / 2) - 14)
    np.testing.assert_allclose(np.divide(errors[1:-1], errors[2:]), 2, rtol=0.1)  # an error of the order of a slot


@pytest.mark.parametrize(("finish", "room"), [((0.9, 0.7), 2), ((0.7, 0.9), 3), ((0.8, 0.8), 4)])
def test_solver_gives_li_and_meerkovs_formula(finish, room):
    for defect in (0, 0.2):
        effective = (finish[0] * (1 - defect), finish[1])
        assert li_meerkov_line(finish, defect, room) == pytest.approx(li_meerkov_rate(effective, room))


def test_solver_gives_kim_and_gershwins_shares():
    exact = quality_machine((0, 1), shift=0.05, detect=0.3, stop=0.2, fail=0.02, repair=0.2)
    shares = kim_gershwin(shift=0.05, fail=0.02, found=0.3, repair=0.2)
    assert exact["in control"] == pytest.approx(shares["in control"])
    assert exact["out of control"] == pytest.approx(shares["out of control"])
    assert exact["stopped"] + exact["down"] == pytest.approx(shares["off"])


@pytest.mark.parametrize("finer", [4, 16, 64])
def test_solver_gives_the_hedging_point_of_bielecki_and_kumar(finer):
    """As slots get finer, stock and time grow alike, and the best point is theirs to within a unit."""
    fail, repair = 0.1 / finer, 0.4 / finer
    law = np.cumsum(shortfall(fail, repair, (1, 0), limit=60 * finer))
    published = bielecki_kumar(fail, repair, 0.5, holding=1, backlog=9)
    assert published == pytest.approx(finer * np.log(4) / 0.6)
    assert int(np.argmax(law >= 0.9)) == pytest.approx(published, abs=1)


def test_solver_gives_the_closed_formulas_of_queues():
    law = (0.2, 0.5, 0, 0.3)
    assert general_jobs(law, 0.3, 3)["process"] == pytest.approx(meisling(law, 0.3))
    assert general_jobs([0.5 * 0.5**k for k in range(60)], 0.3, 3)["process"] == pytest.approx(
        geo_geo_1(0.3, 0.5, 3)["process"]
    )
    assert pushed_queue(1, 1, 1) == 1
    both = products_on_a_machine((0.5, 0.5), None, "longest", (0.3, 0), (3, 1), 60)
    assert both["store 0"] == pytest.approx(geo_geo_1(0.3, 0.5, 3)["store"])
    assert machine_repair((0.1,) * 3, (0.3,) * 3, technicians=3)["crew"] == pytest.approx(3 * 0.1 / 0.4)
    chain = pull_line((0.6, 0.7), [(0, 0, 2), (1, 1, 3)], demand=0.4, backlog_limit=2)
    assert assembly((1, 0.6, 0.7), (9, 2, 3), 0.4, 2)["backlog"] == pytest.approx(chain["backlog"])


def test_solver_gives_palms_machine_repair_model():
    """One repairman, three machines, in continuous time: idle with probability 1 / sum of 3! / (3 - k)! rho^k."""
    busy = 1 - 1 / sum(perm(3, k) * 0.4**k for k in range(4))
    coarse, fine = (machine_repair((0.4 / n,) * 3, (1 / n,) * 3, technicians=1)["crew"] for n in (512, 1024))
    assert 2 * fine - coarse == pytest.approx(busy, abs=1e-5)


# -- the practical and the worst case --


@pytest.mark.parametrize("cards", range(1, 11))
def test_penny_fab_one_at_its_worst(cards):
    """Hopp & Spearman, Factory Physics, ch. 7: all jobs wait for each other, TH = 1 / T0 = 1 / 8, CT = 8 W.

    They move as one batch: every station takes the W cards at once and works on them for W times its 2 slots.
    """
    scenario = line([{"process": 2 * cards, "batch": cards}] * 4, "saturated", knob("loop", cards, at="s0"))
    averages = simulate(scenario, slots=8 * cards * 100, warm_up=8 * cards, n_lines=1)
    throughput = averages["shipped"][0]
    in_process = averages["process_slots"].sum() + averages["store_slots"].sum()
    assert throughput == 1 / 8
    assert in_process / throughput == 8 * cards


def test_penny_fab_one_in_practice():
    """The practical worst case with 8 slots to a job of 2 hours: TH .2939 an hour and CT 13.61 hours at W = 4."""
    exact = geometric_ring(4, 4, 1 / 8) / 8
    averages = simulate(line([job(1 / 8)] * 4, "saturated", knob("loop", 4, at="s0")), slots=20_000)
    assert (exact * 8 / 2, 4 / exact / 8 * 2) == pytest.approx((0.2939, 13.61), rel=1e-4)
    agree_all(averages, {"shipped": exact}, relative=0.0005)
    np.testing.assert_allclose((averages["process_slots"] + averages["store_slots"]).sum(axis=1), 4)


# -- release --


def test_assembly_of_two_parts():
    exact = assembly((0.6, 0.55, 0.7), (3, 2, 3), demand=0.4, backlog_limit=2)
    stages = [job(0.6, feeds="s2"), job(0.55), job(0.7)]
    cards = [knob("kanban", k, at=f"s{i}") for i, k in enumerate((3, 2, 3))]
    averages = simulate(line(stages, ({"bernoulli": 0.4}, {"limit": 2}), *cards), slots=20_000)
    names = {f"{kind}_slots[{i}]": f"{kind} {i}" for kind in ("process", "store") for i in range(3)}
    compare(averages, exact, names | {"shipped": "shipped"})
    compare(averages, exact, {"lost": "lost", "backlog_slots": "backlog"}, relative=0.01)


def test_assembly_of_parts_with_defects():
    """A unit is defective if either part is; parts of each kind are so independently, and taken as they come."""
    stages = [job(0.6, feeds="s2", quality={"defect": 0.2}), job(0.55, quality={"defect": 0.1}), job(0.7)]
    cards = [knob("kanban", k, at=f"s{i}") for i, k in enumerate((4, 3, 1))]
    averages = simulate(line(stages, "saturated", *cards), slots=20_000)
    agree("returned", averages["returned"] / averages["shipped"], 1 - 0.8 * 0.9, relative=0.001)


@pytest.mark.parametrize("law", [{"bernoulli": 0.3}, {"poisson": 0.35}], ids=["bernoulli", "poisson"])
def test_signal_kanban(law):
    table = (0.7, 0.3) if "bernoulli" in law else poisson(0.35)
    exact = signal_kanban(table, finish=0.3, lot=3, batch=2, base_stock=5, limit=3)
    control = knob("basestock", 5), knob("lot", 3)
    averages = simulate(line([job(0.3, batch=2)], (law, {"limit": 3}), *control), slots=20_000)
    compare(averages, exact, {"process_slots[0]": "process", "store_slots[0]": "store", "busy[0]": "busy"})
    compare(averages, exact, {"backlog_slots": "backlog", "lost": "lost"}, relative=0.01)


def test_pushed_line():
    """Material comes by the schedule, not by what became of the last: every 5 slots 2 units."""
    scenario = line([job(0.55)], "saturated", knob("release", 2))
    averages = decide(scenario, lambda sim: sim.default_knobs, steps=2000, slots=5)
    agree("process", averages["process_slots"][:, 0], pushed_queue(2, 5, 0.55))
    np.testing.assert_allclose(averages["released"], 2 / 5)


def test_push_with_cards():
    """Credits that find no card are kept, up to the knob's top."""
    exact = push_with_cards(grant=2, every=4, top=3, cards=4, finish=0.6, demand=0.45)
    control = knob("release", 2), knob("kanban", 4)
    scenario = line([job(0.6)], ({"bernoulli": 0.45}, "lost"), *control)
    averages = decide(scenario, lambda sim: sim.default_knobs, steps=2000, slots=4)
    names = {"process_slots[0]": "process", "store_slots[0]": "store", "shipped": "shipped", "lost": "lost"}
    compare(averages, exact, names)


def test_spoiling_store():
    exact = spoiling_store(finish=0.6, demand=0.4, spoil=0.06, base_stock=6)
    stage = job(0.6, spoil=0.06, initial=6)
    averages = simulate(line([stage], ({"bernoulli": 0.4}, "lost"), knob("basestock", 6)), slots=20_000)
    names = {"process_slots[0]": "process", "store_slots[0]": "store", "shipped": "shipped"}
    compare(averages, exact, names)
    compare(averages, exact, {"spoiled[0]": "spoiled", "lost": "lost"}, relative=0.005)


def test_general_jobs():
    law = (0.2, 0.5, 0, 0.3)
    exact = general_jobs(law, 0.3, 4)
    scenario = line([{"process": {"table": law}}], {"bernoulli": 0.3}, knob("basestock", 4))
    averages = simulate(scenario, slots=20_000)
    compare(averages, exact, {"process_slots[0]": "process", "store_slots[0]": "store", "busy[0]": "busy"})
    compare(averages, exact, {"backlog_slots": "backlog"}, relative=0.01)


# -- quality --


@pytest.mark.parametrize(
    ("detect", "rework"),
    [((1, 1), (False, False)), ((0.7, 0.9), (False, False)), ((0.7, 0.9), (True, False)), ((0.6, 0.8), (False, True))],
    ids=["perfect", "scrap", "rework first", "rework last"],
)
def test_two_machines_with_inspection(detect, rework):
    finish, defect, room = (0.8, 0.7), (0.1, 0.15), 3
    exact = inspected_line(finish, defect, detect, room, rework)
    quality = [{"defect": defect[i], "detect": detect[i], "rework": rework[i]} for i in range(2)]
    stages = [job(finish[0], room=room, quality=quality[0]), job(finish[1], quality=quality[1])]
    averages = simulate(line(stages, "saturated"), slots=20_000)
    compare(averages, exact, {"shipped": "shipped"}, relative=0.0005)
    names = {f"{'reworked' if rework[i] else 'scrapped'}[{i}]": i for i in range(2)}
    compare(averages, exact, {entry: f"{entry[:-3]} {i}" for entry, i in names.items()})
    if exact["returned"]:
        compare(averages, exact, {"returned": "returned"})
    agree("between", averages["store_slots"][:, 0] + averages["process_slots"][:, 1], exact["between"])


@pytest.mark.parametrize("jidoka", [True, False])
def test_machine_out_of_control(jidoka):
    more = {"shift": 0.05, "detect": 0.4, "stop": 0.25, "fail": 0.02, "repair": 0.2, "jidoka": jidoka}
    exact = quality_machine((0.02, 0.6), **more)
    quality: dict[str, Any] = {"defect": 0.02, "shift": 0.05, "defect_shifted": 0.6, "detect": 0.4}
    if jidoka:
        quality["jidoka"] = {"slots": 1, "finish": 0.25}
    averages = simulate(line([{"quality": quality, "failure": breaks(0.02, 0.2)}], "saturated"), slots=20_000)
    names = {"shipped": "shipped", "returned": "returned", "scrapped[0]": "scrapped", "down[0]": "down"}
    names |= {"breakdowns[0]": "breakdowns"}
    if jidoka:
        names |= {"stops[0]": "stops", "stopped[0]": "stopped"}
    compare(averages, exact, names)


def test_kim_and_gershwins_machine():
    """Jobs are good in control and bad out of it, so that defects found and missed tell the state."""
    shares = kim_gershwin(shift=0.05, fail=0.02, found=0.3, repair=0.2)
    quality = {"shift": 0.05, "defect_shifted": 1, "detect": 0.3, "jidoka": {"slots": 1, "finish": 0.2}}
    averages = simulate(line([{"quality": quality, "failure": breaks(0.02, 0.2)}], "saturated"), slots=20_000)
    bad = averages["scrapped"][:, 0] + averages["returned"]
    agree("out of control", bad, shares["out of control"])
    agree("in control", averages["shipped"] - averages["returned"], shares["in control"])
    agree("off", averages["down"][:, 0] + averages["stopped"][:, 0], shares["off"])


def test_every_duration_from_a_table():
    """A saturated machine that reworks and stops: only the means matter."""
    tables = {"job": (0.3, 0.3, 0, 0.4), "stop": (0, 0.5, 0.5), "repair": (0.25, 0, 0, 0, 0.75)}
    exact = reworking_machine(2.5, 2.5, 4.0, hazard=0.04, found=0.3 * 0.7)
    stage = {
        "process": {"table": tables["job"]},
        "quality": {"defect": 0.3, "detect": 0.7, "rework": True, "jidoka": {"table": tables["stop"]}},
        "failure": {"law": {"geometric": 0.04}, "repair": {"table": tables["repair"]}},
    }
    averages = simulate(line([stage], "saturated"), slots=20_000)
    names = {"shipped": "shipped", "reworked[0]": "reworked", "stopped[0]": "stopped", "down[0]": "down"}
    compare(averages, exact, names)
    agree("returned", averages["returned"] / averages["shipped"], 0.3 * 0.3 / (1 - 0.3 * 0.7))


def test_defects_that_grow_with_wear():
    defect = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
    exact = worn_tool(defect, wear=0.3, detect=0.6, pm=3, pm_level=5)
    stage = {
        "failure": {"law": {"table": [0.0] * 6}, "wear": 0.3, "repair": 1},
        "maintenance": {"duration": 3},
        "quality": {"defect": defect, "detect": 0.6},
    }
    averages = simulate(line([stage], "saturated", knob("pm_level", 5)), slots=20_000)
    compare(averages, exact, {"shipped": "shipped", "returned": "returned", "scrapped[0]": "scrapped", "pms[0]": "pms"})


def test_defects_travel_to_the_customer():
    work, defect, detect = (2, 3, 1), (0.2, 0.1, 0.05), (0.5, 0.7, 0.4)
    exact = one_unit_at_a_time(work, defect, detect)
    stages = [
        {"process": slots, "quality": {"defect": g, "detect": d}}
        for slots, g, d in zip(work, defect, detect, strict=True)
    ]
    averages = simulate(line(stages, "saturated", knob("loop", 1, at="s0")), slots=20_000)
    compare(averages, exact, {"shipped": "shipped"}, relative=0.0005)
    compare(averages, exact, {"returned": "returned"} | {f"scrapped[{i}]": f"scrapped {i}" for i in range(3)})


def test_customers_return_defects():
    exact = returning_customers(finish=0.6, defect=0.2, detect=0.3, base_stock=4, demand=0.35, limit=4)
    stage = job(0.6, quality={"defect": 0.2, "detect": 0.3})
    averages = simulate(line([stage], ({"bernoulli": 0.35}, {"limit": 4}), knob("basestock", 4)), slots=20_000)
    names = {"process_slots[0]": "process", "store_slots[0]": "store", "shipped": "shipped"}
    names |= {"returned": "returned", "scrapped[0]": "scrapped"}
    compare(averages, exact, names)
    compare(averages, exact, {"backlog_slots": "backlog", "lost": "lost"}, relative=0.01)


def test_incoming_inspection():
    exact = incoming_inspection(lead_time=1, defective=0.2, inspect=0.7, target=4, cards=3, demand=0.6)
    scenario = line(
        [{"batch": "unlimited"}],
        ({"bernoulli": 0.6}, "lost"),
        knob("target", 4),
        knob("kanban", 3),
        **supplied(1, stock=4, defective=0.2, inspect=0.7),
    )
    averages = simulate(scenario, slots=20_000)
    names = {"item_slots[0]": "item", "store_slots[0]": "store", "delivered[0]": "delivered", "rejected[0]": "rejected"}
    compare(averages, exact, names | {"shipped": "shipped", "returned": "returned"})
    compare(averages, exact, {"lost": "lost"}, relative=0.01)


# -- breakdowns --


@pytest.mark.parametrize("technicians", [1, 2])
def test_machine_repair(technicians):
    fail, repair = (0.08, 0.05, 0.1), (0.3, 0.25, 0.4)
    exact = machine_repair(fail, repair, technicians)
    stages = [{"failure": breaks(f, r, "time")} for f, r in zip(fail, repair, strict=True)]
    averages = simulate(line(stages, "saturated", technicians=technicians), slots=20_000)
    names = {f"{kind}[{i}]": f"{kind} {i}" for kind in ("down", "waiting") for i in range(3)}
    compare(averages, exact, names, relative=0.01)
    agree("crew", averages["down"].sum(axis=1), exact["crew"])


def test_technicians_repair_and_maintain():
    hazard = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
    exact = crew_for_repair_and_maintenance(hazard, repair=4, pm=2, pm_level=3, machines=2, technicians=1)
    stage = {
        "failure": {"law": {"table": hazard}, "exposure": "time", "repair": 4},
        "maintenance": {"duration": 2},
    }
    averages = simulate(line([stage] * 2, "saturated", knob("pm_level", 3), technicians=1), slots=20_000)
    names = {f"{kind}[{i}]": f"{kind} {i}" for kind in ("down", "waiting", "pm", "breakdowns", "pms") for i in range(2)}
    compare(averages, exact, names, relative=0.01)


@pytest.mark.parametrize("demand", [(0.6,), (1, 0, 1, 1, 0)], ids=["bernoulli", "deterministic"])
def test_hedging_point(demand):
    """On common random numbers the simulation prefers the best hedging point of the exact chain."""
    fail, repair, holding, penalty = 0.05, 0.25, 1, 15
    behind = shortfall(fail, repair, demand)
    costs = {point: float(np.dot((holding, penalty), hedged(behind, point))) for point in range(20)}
    best = min(costs, key=costs.__getitem__)
    assert best == int(np.argmax(np.cumsum(behind) >= penalty / (holding + penalty)))
    law = {"bernoulli": demand[0]} if len(demand) == 1 else {"trace": list(demand)}
    found = {}
    for point in (best - 4, best - 1, best, best + 1, best + 4):
        control = {"knob": "basestock", "low": 0, "high": 30, "default": point}
        scenario = line([{"failure": breaks(fail, repair, "time")}], law, control)
        averages = simulate(scenario, slots=40_000, seed=7)
        store, backlog = averages["store_slots"][:, 0], averages["backlog_slots"]
        for name, sample, value in zip(("store", "backlog"), (store, backlog), hedged(behind, point), strict=True):
            agree(f"{name} at {point}", sample, value, relative=0.015)
        found[point] = (holding * store + penalty * backlog).mean()
    assert min(found, key=found.__getitem__) == best


# -- products --


@pytest.mark.parametrize("dispatch", ["exhaustive", "longest"])
@pytest.mark.parametrize("setup", [None, 0.8])
def test_two_products(dispatch, setup):
    check_products((0.6, 0.5), setup, dispatch, (0.25, 0.2), (3, 2))


def test_three_products():
    """Exhaustive too must choose among several, of which equal queues."""
    check_products((0.7, 0.6, 0.8), 0.8, "exhaustive", (0.15, 0.15, 0.2), (2, 1, 1))


def check_products(finish, setup, dispatch, demand, base_stocks) -> None:
    limit, products = 2, range(len(finish))
    exact = products_on_a_machine(finish, setup, dispatch, demand, base_stocks, limit)
    stage = {"dispatch": dispatch} | ({"setup": {"slots": 1, "finish": setup}} if setup else {})
    averages = simulate(products_line([stage], finish, demand, base_stocks, {"limit": limit}), slots=30_000)
    names = {f"{kind}_slots[0,{p}]": f"{kind} {p}" for kind in ("process", "store") for p in products}
    compare(averages, exact, names | {"busy[0]": "busy", "setups[0]": "setups"})
    compare(averages, exact, {f"backlog_slots[{p}]": f"backlog {p}" for p in products}, relative=0.01)
    compare(averages, exact, {f"lost[{p}]": f"lost {p}" for p in products}, relative=0.01)
    if setup:
        compare(averages, exact, {"setup[0]": "setup"})


def test_two_products_of_one_item():
    finish, demand, base_stocks = 0.8, (0.4, 0.3), (3, 2)
    exact = shared_item(1, 2, demand, base_stocks, finish)
    stage = {"dispatch": "longest", "batch": "unlimited"}
    more = {"control": [knob("target", 2)], **supplied(1, stock=2)}
    scenario = products_line([stage], (finish,) * 2, demand, base_stocks, "lost", **more)
    averages = simulate(scenario, slots=20_000)
    names = {f"{kind}_slots[0,{p}]": f"{kind} {p}" for kind in ("process", "store") for p in range(2)}
    compare(averages, exact, names | {"item_slots[0]": "item"})
    compare(averages, exact, {f"lost[{p}]": f"lost {p}" for p in range(2)}, relative=0.01)


def products_line(
    stages: Sequence[Mapping],
    finish: Sequence[float],
    demand: Sequence[float],
    base_stocks: Sequence[int],
    shortage: Any,
    control: Sequence[Mapping] = (),
    **more: Any,
) -> dict[str, Any]:
    """A line of the products p0, p1, ..., each with its rate at stage s0, its demand and its base stock."""
    products = [
        {"name": f"p{p}", "law": {"bernoulli": demand[p]}, "process": {"s0": {"slots": 1, "finish": finish[p]}}}
        for p in range(len(finish))
    ]
    limits = [knob("basestock", units, product=f"p{p}") for p, units in enumerate(base_stocks)]
    return line(stages, {"law": None, "shortage": shortage}, *limits, *control, products=products, **more)
