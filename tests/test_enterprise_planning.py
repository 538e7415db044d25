"""Cards, lots, releases, orders and shares: every formula by hand."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from enterprises import CALM, LINE, decide, draw, small

from jitgym.enterprise.batch import batch_scenario
from jitgym.enterprise.cards import LEAST_FREE, CardFormula, breakdowns_a_slot
from jitgym.enterprise.company import Companies
from jitgym.enterprise.constants import Planning
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.planning import Plan, Planner
from jitgym.fields import OFF
from jitgym.parts import HazardLaw
from jitgym.simulator import Simulator

# -- the formulas of cards and lots --


def second_line() -> tuple[CardFormula, np.ndarray]:
    """The formula for the small company, and the parameters of its second line at its start."""
    firms = Companies(small(shocks=CALM), 1, seed=1)
    period = firms.step(firms.levers.at_rest)
    return CardFormula(Planning(safety=0.5, utilisation=0.9), firms.simulator), period.parameters[[1]]


def test_cards_and_lots_by_hand() -> None:
    """Cut: a job of 1 slot breaks down 0.05 x 2.25 times for 8 slots, 1.9 slots in all; pack: 1 + 0.03 x 2.25 x 8."""
    formula, parameters = second_line()
    assert formula.job(parameters, 0, 0) == pytest.approx([1.9], abs=1e-3)
    assert formula.job(parameters, 1, 1) == pytest.approx([1.54], abs=1e-3)
    assert formula.setup(parameters, 0) == pytest.approx([5])
    assert formula.setup(parameters, 1) == pytest.approx([0])
    cards, lots = formula(parameters, np.array([[0.25, 0.15]]))
    # cut: two setups of 5 slots in an interval of 10 / (0.9 - 0.4 x 1.9) = 71.4 slots; pack has none
    assert lots[0].tolist() == [[18, 11], [1, 1]]
    # cut: 0.25 x (1.9 + 1.9 + 1) x 1.5 = 1.8 and 1.08, and the lot; pack: 0.25 x 4.08 x 1.5 = 1.53 and 0.918
    assert cards[0].tolist() == [[2 + 18, 2 + 11], [2, 1]]


def test_lots_leave_the_machine_its_utilisation() -> None:
    """Jobs and a setup for each lot take up just the utilisation that lots are made for, but for rounding up."""
    formula, parameters = second_line()
    for rate in (0.05, 0.1, 0.15, 0.2):
        forecast = np.array([[rate, rate]])
        _, lots = formula(parameters, forecast)
        jobs, setup = formula.job(parameters, 0, 0)[0], formula.setup(parameters, 0)[0]
        load = 2 * rate * jobs
        assert load + (forecast[0] / lots[0, 0] * setup).sum() <= 0.9 + 1e-9
        assert load + (forecast[0] / np.maximum(1, lots[0, 0] - 1) * setup).sum() > 0.9 or (lots[0, 0] == 1).all()


def test_an_overloaded_machine_gets_the_largest_lots() -> None:
    formula, parameters = second_line()
    _, lots = formula(parameters, np.array([[0.4, 0.4]]))
    assert lots[0, 0] == pytest.approx(np.full(2, np.ceil(0.4 * 10 / LEAST_FREE)))


def test_whole_numbers_are_not_rounded_up_further() -> None:
    """0.1 x (0.9 + 0.9 + 1 ...) is made to come to a whole number that floats miss by little."""
    scenario = batch_scenario(load_enterprise(small()))
    formula = CardFormula(Planning(safety=0.2, utilisation=0.9), Simulator(scenario, 1))
    values = np.zeros((1, len(formula._columns)))
    for (kind, _), column in formula._columns.items():
        values[0, column] = {"job_finish": 1, "repair_finish": 1, "setup_slots": 1}.get(kind, 0)
    cards, _ = formula(values, np.array([[1 / 3.6 * 2, 1 / 3.6 * 2]]))
    assert cards[0, 1].tolist() == [2, 2]  # 2 / 3.6 x 3 slots x 1.2


@pytest.mark.parametrize(
    ("law", "mean"),
    [
        ({"geometric": 0.05}, 20),
        ({"weibull": {"scale": 8, "shape": 1}}, 1 / (1 - np.exp(-1 / 8))),
        ({"weibull": {"scale": 30, "shape": 2}}, None),
    ],
)
def test_breakdowns_a_slot_are_one_over_the_mean_life(law: dict[str, Any], mean: float | None) -> None:
    if mean is None:  # the mean of a life that survives k slots with probability exp(-(k / scale) ** shape)
        mean = float(np.exp(-((np.arange(2000) / 30) ** 2)).sum())
    assert 1 / breakdowns_a_slot(HazardLaw.model_validate(law)) == pytest.approx(mean, rel=1e-3)


# -- the plan --


def planner(**planning: Any) -> tuple[Planner, Simulator]:
    """The planner of the small company and a batch of three of its lines."""
    enterprise = load_enterprise(small(planning={"lead": 10, "review": 2, "item_cover": 80, **planning}))
    simulator = Simulator(batch_scenario(enterprise), 3, seed=1)
    return Planner(enterprise, simulator), simulator


def plan_of(pulled: list[int], buffer: int = 4, discipline: float = 1.0, **planning: Any) -> tuple[Plan, Plan]:
    """The plan of three lines with so many stages under pull; and the same with no safety cards."""
    maker, simulator = planner(**planning)
    parameters = simulator.parameters()
    for name, places in (("on_time", (0.9, 0.7)), ("catch_up", (0.4, 0.3))):
        for c, entry in enumerate(simulator.varied):
            if entry.parameter == name:
                parameters[:, c] = places[entry.place]
    forecast, shares = np.tile([0.25, 0.15], (3, 1)), np.tile([0.25, 0.75], (3, 1))
    given = parameters, forecast, np.array(pulled)
    held = np.full(3, discipline)
    return (
        maker.plan(*given, np.full(3, buffer), held, shares),
        maker.plan(*given, np.zeros(3, dtype=np.int64), held, shares),
    )


def test_safety_cards_are_dealt_out_from_the_last_stage_on() -> None:
    plan, bare = plan_of([0, 1, 2])
    assert (plan.cards[0] == OFF).all()
    assert (plan.lots[0] == 1).all()
    assert (plan.cards[1, 0] == OFF).all()
    assert (plan.cards[1, 1] - bare.cards[1, 1]).tolist() == [4, 4]
    # four cards for three loops, the one to the supplier the last of them
    assert (plan.cards[2] - bare.cards[2]).tolist() == [[1, 1], [2, 2]]
    assert plan.levels[2, 0] - bare.levels[2, 0] == 2
    assert (plan.levels[:2] == bare.levels[:2]).all()
    assert (plan.lots <= plan.cards).all()


def test_without_discipline_containers_beside_the_cards_circulate() -> None:
    hoarding = load_enterprise(small()).dynamics.hoarding
    loose, kept = plan_of([2, 1, 2], discipline=0.25)[0], plan_of([2, 1, 2], discipline=1.0)[0]
    pulled = kept.cards < OFF
    assert (loose.cards[pulled] == np.ceil(np.round(kept.cards[pulled] * (1 + 0.75 * hoarding), 9))).all()
    assert (loose.cards[~pulled] == OFF).all()
    assert (loose.levels == kept.levels).all()


def test_order_up_to_levels_by_hand() -> None:
    plan, bare = plan_of([0, 1, 2])
    # push: 0.4 a slot over a lead time of a quarter of 4 and three of 6, two days of 4 and a cover of 80 slots
    assert plan.levels[:2, 0].tolist() == [38, 38]  # 37.4
    # pull: over the lead time, what they are late (a quarter of 0.28 slots, three of 1.16) and a day, and half of that
    assert bare.levels[2, 0] == 7  # 6.26
    assert plan.levels[2, 0] == 9, "and a safety card of each product"


def test_lateness_is_what_a_supplier_that_promises_daily_comes_to() -> None:
    """Against the simulator: a unit ordered every day for a long time."""
    line = copy.deepcopy(LINE) | {"demand": {"law": {"poisson": 0.2}}}
    line["suppliers"] = [{**line["suppliers"][0], "on_time": 0.6, "catch_up": 0.05, "lead_time": 4}]
    enterprise = load_enterprise(
        small(suppliers=[{"name": "shop", "delivers": "shop"}], capabilities={"supplier": []}, shocks=CALM)
        | {"line": line}
    )
    simulator = Simulator(batch_scenario(enterprise), 200, seed=1)
    parameters = simulator.parameters()
    parameters[:, [c for c, entry in enumerate(simulator.varied) if entry.parameter == "fail"]] = 0
    simulator.vary(parameters)
    orders = [c for c, knob in enumerate(simulator.knobs) if knob.kind == "order"]
    knobs = np.tile([knob.low for knob in simulator.knobs], (200, 1)).astype(np.int32)
    knobs[:, orders] = 1
    overdue = []
    for day in range(400):
        simulator.step(knobs)
        if day >= 100:
            overdue.append(simulator.state("overdue").astype(float).mean(axis=1))
    # late with q at the end of its slot, a unit is so still j slots later with q (1 - 0.05) ** j; days end 3 later
    told = Planner(enterprise, simulator)._lateness(simulator.parameters())[0, 0] * 0.05
    wanted = told * 0.95**3 / (1 - 0.95**4)
    units = np.array(overdue).mean(axis=0)
    assert wanted == pytest.approx(units.mean(), abs=4 * units.std() / 200**0.5)


def test_what_a_supplier_owes_who_is_passed_over_is_not_counted_on() -> None:
    maker, simulator = planner()
    forecast, nobody = np.tile([1.5, 0.5], (3, 1)), np.zeros((3, 1), dtype=np.int64)
    orders = [c for c, knob in enumerate(simulator.knobs) if knob.kind == "order"]

    def plan(share: float) -> Plan:
        shares = np.tile([share, 1 - share], (3, 1))
        full = np.full(3, 2), np.zeros(3, dtype=np.int64), np.ones(3), shares
        return maker.plan(simulator.parameters(), forecast, *full)

    first = maker.knobs(simulator, plan(0.0), 0, nobody.copy())
    simulator.step(first)
    again = maker.knobs(simulator, plan(0.0), 1, nobody.copy())[:, orders]
    other = maker.knobs(simulator, plan(1.0), 1, nobody.copy())[:, orders]
    coming = (simulator.state("on_order") + simulator.state("overdue"))[:, 1]
    assert (coming > 0).all()
    stock = simulator.state("stock")[:, 0]
    assert again.tolist() == [
        [0, level - held] for level, held in zip(plan(0.0).levels[:, 0], stock + coming, strict=True)
    ]
    assert other.tolist() == [[level - held, 0] for level, held in zip(plan(1.0).levels[:, 0], stock, strict=True)]


def test_releases_of_the_plan_by_hand() -> None:
    maker, simulator = planner()
    plan, _ = plan_of([0, 1, 2])
    columns = [c for c, knob in enumerate(simulator.knobs) if knob.kind == "release"]
    knobs = maker.knobs(simulator, plan, 0, np.zeros((3, 1), dtype=np.int64))
    # push at both stages: 0.25 x (2 x 10 + 8) = 7 and 4.2, safety stock of 4, less 3 + 4 in the stores
    assert knobs[0, columns].tolist() == [7 + 4 - 7, 5 + 4 - 7]
    # push at the first: 0.25 x (10 + 8) = 4.5 and 2.7, half of the safety stock, less 3 in its store
    assert knobs[1, columns].tolist() == [5 + 2 - 3, 3 + 2 - 3]
    # pull: as many as there are cards, and those that a machine can send back within a day of four slots
    assert knobs[2, columns].tolist() == (plan.cards[2, 0] + 4).tolist()
    between = maker.knobs(simulator, plan, 1, np.zeros((3, 1), dtype=np.int64))
    assert between[:2, columns].tolist() == [[0, 0], [0, 0]], "push plans once in two days"
    assert between[2, columns].tolist() == (plan.cards[2, 0] + 4).tolist()
    kinds = {kind: [c for c, knob in enumerate(simulator.knobs) if knob.kind == kind] for kind in ("kanban", "lot")}
    assert (knobs[:, kinds["kanban"]] == plan.cards.reshape(3, -1)).all()
    assert (knobs[:, kinds["lot"]] == plan.lots.reshape(3, -1)).all()


def test_releases_follow_what_the_lines_hold_and_owe() -> None:
    """The same sum again, unit by unit, on lines that have run for a while."""
    maker, simulator = planner(lead=1)
    plan, _ = plan_of([0, 1, 2], 1, lead=1)
    ordered = np.zeros((3, 1), dtype=np.int64)
    columns = [c for c, knob in enumerate(simulator.knobs) if knob.kind == "release"]
    owed = released = 0
    for day in range(100):
        state = {f: simulator.state(f) for f in ("credits", "queue", "job", "store", "backlog")}
        knobs = maker.knobs(simulator, plan, day, ordered)
        for p, rate in enumerate((0.25, 0.15)):
            held = [
                sum(int(state[f][n, i, p]) for f in ("credits", "queue", "job", "store")) for n, i in np.ndindex(3, 2)
            ]
            for n, (need, stages) in enumerate(((rate * 10, (0, 1)), (rate * 9, (0,)))):
                want = int(np.ceil(round(need, 9))) + 1
                want += int(state["backlog"][n, p]) if n == 0 else 0
                want -= sum(held[2 * n + i] for i in stages)
                assert knobs[n, columns[p]] == (max(0, want) if day % 2 == 0 else 0)
            assert knobs[2, columns[p]] == plan.cards[2, 0, p] + 4 - state["credits"][2, 0, p]
        owed, released = owed + int(state["backlog"][0].sum()), released + int(knobs[0, columns].sum())
        simulator.step(knobs)
    assert owed > 0
    assert released > 0


def test_cards_that_come_back_within_a_day_release_again() -> None:
    """One card of each product, a day of 32 slots, no trouble: far more than a unit a day goes through the line."""
    line = copy.deepcopy(LINE) | {"slots_per_step": 32, "slots_per_year": 640, "demand": {"law": {"poisson": 0.2}}}
    for stage in line["stages"]:
        del stage["failure"], stage["quality"]
    del line["stages"][0]["setup"]
    line["suppliers"] = [{**supplier, "on_time": 1} for supplier in line["suppliers"]]
    enterprise = small(shocks=CALM, money={"rollout": 0}, lines=[{"name": "x"}], dynamics={"hoarding": 0}) | {
        "line": line
    }
    enterprise["capabilities"] = {}
    firms = Companies(enterprise, 1, seed=1)
    decision = decide(firms, cards=0)
    for order in (1, 2, 0, 0):
        decision[firms.levers.columns["rollout"]] = order
        period = firms.step(decision)
    assert (period.plan.cards <= 2).all()
    made = period.ledger["finished"][0, 0].sum() / (5 * 2)
    assert made > period.plan.cards[0, 0].max() * 1.5, "cards did not come back"
    assert period.ledger["shipped"].sum() > 0.9 * period.ledger["demand"].sum()


def test_orders_go_up_to_the_level_and_are_shared_to_the_unit() -> None:
    maker, simulator = planner()
    plan, _ = plan_of([0, 1, 2])
    shop, mill = (c for c, knob in enumerate(simulator.knobs) if knob.kind == "order")
    ordered, sums = np.zeros((3, 1), dtype=np.int64), np.zeros((3, 2), dtype=np.int64)
    for day in range(40):
        position = simulator.state("stock")[:, 0] + simulator.state("on_order").sum(axis=1)
        position = position + simulator.state("overdue").sum(axis=1)
        knobs = maker.knobs(simulator, plan, day, ordered)
        orders = knobs[:, [shop, mill]]
        want = np.maximum(0, plan.levels[:, 0] - position)
        if day % 2:
            want[:2] = 0  # weekly under push, daily where all is under pull
        assert (orders.sum(axis=1) == want).all()
        sums += orders
        assert (ordered[:, 0] == sums.sum(axis=1)).all()
        assert (sums[:, 0] == ordered[:, 0] // 4).all(), "a quarter, rounded down, day by day"
        simulator.step(knobs)
    assert sums.min() > 3


def test_the_forecast_is_smoothed_demand() -> None:
    firms, rng = Companies(small(planning={"smoothing": 0.25}), 5, seed=1), np.random.default_rng(1)
    forecast, plans = firms.state.forecast.copy(), []
    for _ in range(6):
        period = firms.step(draw(rng, firms.levers, 5))
        assert (period.plan.forecast == forecast.reshape(10, 2)).all(), "known before the period"
        assert (period.plan.pulled == period.stage.ravel()).all()
        plans.append((period, copy.deepcopy(period)))
        rate = period.ledger["demand"].reshape(5, 2, 2) / 20
        forecast = forecast + 0.25 * (rate - forecast)
        assert firms.state.forecast == pytest.approx(forecast)
    for period, as_it_was in plans:
        for name in ("forecast", "pulled", "cards", "levels", "shares"):
            assert (getattr(period.plan, name) == getattr(as_it_was.plan, name)).all(), name


def test_cards_follow_what_capabilities_make_of_the_line() -> None:
    """Shorter changeovers make for smaller lots and fewer cards."""
    firms = Companies(small(shocks=CALM), 1, seed=1)
    decision = decide(firms, rollout=1)
    firms.step(decision)
    before = firms.step(decide(firms, rollout=2)).plan
    firms.state.abilities.lines[:, :, 0] = 1.0
    after = firms.step(firms.levers.at_rest).plan
    assert (after.lots[:, 0] < before.lots[:, 0]).all()
    assert (after.cards[:, 0] < before.cards[:, 0]).all()


def test_knobs_stay_in_their_ranges_however_high_the_forecast() -> None:
    maker, simulator = planner()
    parameters, shares = simulator.parameters(), np.tile([0.0, 1.0], (3, 1))
    for forecast in (0.0, 1e4):
        plan = maker.plan(
            parameters, np.full((3, 2), forecast), np.array([0, 1, 2]), np.full(3, 1000), np.zeros(3), shares
        )
        simulator.step(maker.knobs(simulator, plan, 0, np.zeros((3, 1), dtype=np.int64)))
    assert plan.cards[1:].min() >= 1
