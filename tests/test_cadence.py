"""Key figures of review periods: by hand from the documented slots, exact where the law is known, and adding up."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from jitgym.cadence import Periods, normalised, period_slots, review, reviewed
from jitgym.errors import InputError
from jitgym.evaluate import run_policy
from jitgym.kpis import CADENCE, MONEY, KeyFigures, bullwhip, time_per_unit
from jitgym.ledger import Ledger
from jitgym.oee import effectiveness, ideal_slots
from jitgym.rules import rule_family
from jitgym.scenario import load_scenario
from jitgym.scorecard import KPIS, Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

ROOT = Path(__file__).resolve().parent.parent
MACHINE = {"failure": {"law": {"geometric": 0.05}, "repair": {"geometric": 4}}}
"""Runs 20 slots, is repaired in 4: available in five slots of six."""


def run(scenario, steps, n_lines=1, seed=0, slots=None):
    """The ledgers of some steps under the defaults."""
    simulator = Simulator(scenario, n_lines, seed)
    return [simulator.step(simulator.default_knobs, slots) for _ in range(steps)]


def one_machine(**parts):
    """A machine whose output is all sold."""
    control = [{"knob": "kanban", "high": 9, "default": 4}]
    stage = {"name": "mill", **parts}
    return load_scenario({"name": "one", "stages": [stage], "demand": {"law": "saturated"}, "control": control})


# -- by hand --


@pytest.fixture(scope="module")
def five_slots():
    """The five slots that the page of dynamics tells, one ledger each."""
    text = (ROOT / "docs" / "dynamics.md").read_text("utf-8")
    scenario = load_scenario(yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]))
    simulator = Simulator(scenario, 1, seed=3)
    return scenario, [simulator.step(simulator.default_knobs, 1) for _ in range(5)]


BY_HAND = {
    "fill_rate": 2 / 4,  # of four units wanted, one in slot 0 and one in slot 3 were there
    "backlog": (2 + 1) / 5,
    "supplier_on_time": 1 / 4,  # promised 1, 2 and 1; the first came on time
    "wip": (10 + 6) / 5,  # cut holds two at the end of every slot, pack one or two but for its store
    "finished_goods": 1 / 5,
    "inventory_turns": 3 / 5 * 2000 / ((17 + 2) / 5),  # three shipped; two bars, in slot 4 alone
    "takt": 5 / 4,
    "time_per_unit": 5 / 2,  # both machines finish two, cut is at work or down, pack at work in all five slots
    "time_to_takt": 2.0,
    "time_in_system": 17 / 3,
    "first_pass_yield": 1.0,
    "downtime_frequency": 200.0,
    "oee_availability": 8 / 10,  # cut is down for two slots
    "oee_performance": (2 * 1 + 2 * 2) / 8,  # two units of one slot at cut, two of two slots at pack
    "oee_quality": 1.0,
    "oee": 6 / 10,
}


def test_key_figures_of_the_documented_slots_by_hand(five_slots):
    scenario, ledgers = five_slots
    found = review(ledgers, scenario, 5)
    assert {name: values[0, 0] for name, values in found.kpis.items() if name in BY_HAND} == pytest.approx(BY_HAND)
    assert set(CADENCE) == {*BY_HAND, *MONEY, "cost", "bullwhip"}


def test_bullwhip_of_the_documented_slots_by_hand(five_slots):
    scenario, ledgers = five_slots
    # ordered 1, 2, 1, 0, 0; demand 1, 0, 0, 3, 0; the mean of both is 0.8
    assert review(ledgers, scenario, 1).whole["bullwhip"][0] == pytest.approx(2.8 / 6.8)


def test_python_of_the_guide_runs():
    text = (ROOT / "docs" / "kpis.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    told = {}
    exec(compile(code, "kpis.md", "exec"), told)
    assert told["weeks"].kpis["oee"].shape == (50, 8)


def test_finance_of_the_guide_is_a_finance():
    text = (ROOT / "docs" / "kpis.md").read_text("utf-8")
    (part,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    given = load_scenario(load_scenario("four_stage").model_dump(exclude_none=True) | yaml.safe_load(part))
    assert given.finance is not None
    assert given.finance.capital_cost == 0.1


# -- the definitions --


def test_what_the_scorecard_has_too_is_the_same(line):
    scenario = load_scenario(line)
    ledger = Simulator(scenario, 16, 1).step(Simulator(scenario).default_knobs, 400)
    mine, its = KeyFigures(scenario).of(ledger), Scorecard(scenario).kpis(ledger)
    assert list(mine) == list(CADENCE)
    for name in set(KPIS) & set(CADENCE):
        np.testing.assert_array_equal(mine[name], its[name])
        assert CADENCE[name].unit == KPIS[name][0]
    np.testing.assert_array_equal(mine["time_in_system"], its["cycle_time"])


def test_the_three_rates_multiply_to_the_oee_of_line_and_machines(line):
    scenario = load_scenario(
        line | {"stages": [*line["stages"][:2], {"name": "pack", "quality": {"defect": 0.1, "detect": 0.5}}]}
    )
    ledger = Simulator(scenario, 16, 1).step(Simulator(scenario).default_knobs, 400)
    machines = effectiveness(ledger, ideal_slots(scenario))
    for one in (machines, machines.of_line):
        np.testing.assert_allclose(one.availability * one.performance * one.quality, one.oee)
        assert (one.oee > 0).all()
    assert (machines.quality[:, 2] < 1).all()
    figures = KeyFigures(scenario).of(ledger)
    np.testing.assert_array_equal(figures["oee"], machines.of_line.oee)


def test_ideal_slots_are_those_of_the_description():
    products = ["plain", {"name": "fancy", "law": {"poisson": 0.1}, "process": {"mill": {"geometric": 3}}}]
    stages = [{"name": "mill", "process": 2, "batch": 4}, {"name": "pass", "batch": "unlimited"}]
    control = [{"knob": "kanban", "high": 9, "default": 4}]
    demand = {"law": {"poisson": 0.1}}
    scenario = load_scenario(
        {"name": "x", "products": products, "stages": stages, "demand": demand, "control": control}
    )
    np.testing.assert_array_equal(ideal_slots(scenario), [[0.5, 0.75], [np.nan, np.nan]])


def test_of_a_stage_without_a_speed_every_busy_slot_is_ideal():
    scenario = load_scenario("lost_sales")
    ledger = Simulator(scenario, 8, 1).step(Simulator(scenario).default_knobs, 300)
    found = effectiveness(ledger, ideal_slots(scenario))
    np.testing.assert_array_equal(found.performance, ledger["busy"] / 300)
    assert (found.availability == 1).all()
    assert (found.quality == 1).all()


def check_mean(values, exact):
    assert abs(values.mean() - exact) < 4 * values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.theory
@pytest.mark.parametrize(
    ("parts", "performance", "quality"),
    [
        ({}, 1.0, 1.0),
        ({"process": {"geometric": 1.5}}, 1.0, 1.0),
        ({"quality": {"defect": 0.1, "detect": 1.0}}, 1.0, 0.9),
        ({"quality": {"defect": 0.1, "detect": 1.0, "rework": True}}, 1.0, 0.9),
    ],
)
def test_oee_of_a_machine_that_never_waits_is_its_availability_times_its_yield(parts, performance, quality):
    """Renewal: 20 slots of work and 4 of repair; what is lost besides is what is scrapped or made again."""
    scenario = one_machine(**MACHINE, **parts)
    simulator = Simulator(scenario, 400, 7)
    simulator.step(simulator.default_knobs, 500)
    figures = KeyFigures(scenario).of(simulator.step(simulator.default_knobs, 20_000))
    check_mean(figures["oee_availability"], 20 / 24)
    check_mean(figures["oee"], 20 / 24 * performance * quality)
    if quality < 1:
        check_mean(figures["oee_quality"], quality)
    np.testing.assert_allclose(figures["oee_performance"], performance, atol=0.05)
    per_unit = ideal_slots(scenario)[0, 0] / (20 / 24 * quality)  # of a good unit, repairs and lost jobs included
    check_mean(figures["time_per_unit"], per_unit)


def test_planned_maintenance_is_no_loss_of_oee():
    parts = {"failure": {"law": {"weibull": {"scale": 50, "shape": 9}}, "repair": 9}, "maintenance": {"duration": 5}}
    scenario = load_scenario(
        {
            "name": "one",
            "stages": [{"name": "mill", **parts}],
            "demand": {"law": "saturated"},
            "control": [{"knob": "kanban", "high": 9, "default": 4}, {"knob": "pm_level", "high": 40, "default": 5}],
        }
    )
    ledger = Simulator(scenario, 4, 1).step(Simulator(scenario).default_knobs, 2000)
    figures = KeyFigures(scenario).of(ledger)
    assert ledger["pm"].sum() > 0
    assert ledger["down"].sum() == 0  # at this age it does not break down
    assert (figures["oee_availability"] == 1).all()
    np.testing.assert_allclose(figures["oee"], 1, atol=0.01)  # it never waits
    assert (Scorecard(scenario).kpis(ledger)["availability"] < 0.6).all()


def test_littles_law_within_a_run_that_begins_and_ends_empty():
    """Then what is read off stock and throughput is the mean of the times that units were in the line."""
    stages = [{"name": "a", "process": {"geometric": 2}}, {"name": "b", "process": {"geometric": 3}}]
    trace = [3, 0, 2, 0, 0, 1, 4] + [0] * 493
    control = [{"knob": "basestock", "high": 9, "default": 0}]
    scenario = load_scenario({"name": "x", "stages": stages, "demand": {"law": {"trace": trace}}, "control": control})
    ledgers = run(scenario, 500, n_lines=8, seed=2, slots=1)
    found = KeyFigures(scenario).of(reviewed(noted(ledgers, 500), scenario).total)["time_in_system"]
    slots = np.arange(500)
    for line in range(8):
        begin = np.repeat(slots, [ledger["released"][line, 0] for ledger in ledgers])
        end = np.repeat(slots, [ledger["shipped"][line] for ledger in ledgers])
        assert len(begin) == len(end) == 10
        assert found[line] == pytest.approx((end - begin).mean())


def noted(ledgers, slots):
    periods = Periods(slots)
    for ledger in ledgers:
        periods.note(ledger)
    return periods


# -- bullwhip --


def buying(**supplier):
    """A line that orders up to a level that it never runs out of: what is ordered is what was taken out a slot ago."""
    return load_scenario(
        {
            "name": "buys",
            "slots_per_step": 1,
            "stages": [{"name": "shop", "batch": "unlimited", "initial": 500}],
            "items": [{"name": "bar", "stage": "shop", "initial": 500}],
            "suppliers": [{"name": "mill", "item": "bar", "lead_time": 3, **supplier}],
            "demand": {"law": {"poisson": 2}},
            "control": [
                {"knob": "basestock", "high": 500, "default": 500},
                {"knob": "target", "high": 500, "default": 500},
            ],
        }
    )


def test_base_stock_passes_demand_on_as_it_is():
    """Order variance equals demand variance: orders are the demand of the slot before, one by one."""
    scenario = buying()
    ledgers = run(scenario, 2000, n_lines=4, slots=1)
    ordered = np.stack([ledger["ordered"][:, 0] for ledger in ledgers])
    demand = np.stack([ledger["demand"] for ledger in ledgers])
    np.testing.assert_array_equal(ordered[1:], demand[:-1])
    np.testing.assert_allclose(bullwhip(ledgers, scenario), 1, atol=0.01)
    np.testing.assert_allclose(bullwhip(ledgers, scenario) * demand.var(axis=0), ordered.var(axis=0))


def test_lots_make_a_bullwhip_that_long_periods_hide():
    scenario = buying(multiple=20)
    ledgers = run(scenario, 4000, n_lines=4, slots=1)
    in_lots = bullwhip(ledgers, scenario)
    # an order of 20 with probability 2 / 20, nearly: variance 20 * 2 - 4, of a demand with variance 2
    np.testing.assert_allclose(in_lots, (20 * 2 - 4) / 2, rtol=0.1)
    assert (review(ledgers, scenario, 40).whole["bullwhip"] < in_lots / 4).all()


def test_bullwhip_of_several_items_and_suppliers_is_the_mean_of_the_items():
    description = yaml.safe_load(buying().to_yaml())
    description["items"].append({"name": "box", "stage": "shop", "initial": 500})
    description["suppliers"] += [{"name": "far", "item": "box", "lead_time": 1, "multiple": 20}]
    both = load_scenario(description)
    ledgers = run(both, 1000, slots=1)
    each = [np.stack([ledger["ordered"][:, k] for ledger in ledgers]).var(axis=0) for k in range(2)]
    demand = np.stack([ledger["demand"] for ledger in ledgers]).var(axis=0)
    np.testing.assert_allclose(bullwhip(ledgers, both), (each[0] + each[1]) / (2 * demand))


def test_without_suppliers_releases_are_the_orders():
    steady = load_scenario({**yaml.safe_load(one_machine().to_yaml()), "demand": {"law": {"bernoulli": 0.5}}})
    ledgers = run(steady, 300, n_lines=2, slots=1)
    released = np.stack([ledger["released"][:, 0] for ledger in ledgers])
    demand = np.stack([ledger["demand"] for ledger in ledgers])
    np.testing.assert_allclose(bullwhip(ledgers, steady), released.var(axis=0) / demand.var(axis=0))


# -- periods --


def test_periods_add_up_to_the_whole(line):
    scenario = load_scenario(line | {"finance": {"price": 9, "material": 2, "added": 1, "customers_pay_after": 7}})
    ledgers = run(scenario, 30, n_lines=5)
    before = [ledger.array.copy() for ledger in ledgers]
    found = review(ledgers, scenario, 40)
    assert (found.slots, len(found.ledgers), found.left_over) == (40, 3, 0)
    np.testing.assert_array_equal(found.total.array, sum(before))
    for ledger, was in zip(ledgers, before, strict=True):
        np.testing.assert_array_equal(ledger.array, was)
    for name in ("cost", "backlog", "wip", "finished_goods", "downtime_frequency", "working_capital"):
        np.testing.assert_allclose(found.kpis[name].mean(axis=0), found.whole[name])
    demand = np.stack([ledger["demand"] for ledger in found.ledgers])
    weighted = (found.kpis["fill_rate"] * demand).sum(axis=0) / demand.sum(axis=0)
    np.testing.assert_allclose(weighted, found.whole["fill_rate"])
    loading = np.stack([(40 * 3 - ledger["pm"].sum(axis=1)) for ledger in found.ledgers])
    np.testing.assert_allclose((found.kpis["oee"] * loading).sum(axis=0) / loading.sum(axis=0), found.whole["oee"])


def test_periods_noted_along_an_evaluation_are_those_of_its_ledger(line):
    scenario = load_scenario(line | {"horizon": 25})
    rule = rule_family(scenario, "kanban").rule(rule_family(scenario, "kanban").start)
    periods = Periods(20)
    total = run_policy(scenario, rule, seed_bank(0, 6, "evaluation"), each=periods.note)
    found = reviewed(periods, scenario)
    assert (len(found.ledgers), found.left_over) == (5, 0)
    np.testing.assert_array_equal(found.total.array, total.array)


def test_what_fills_no_period_is_left_over(line):
    found = review(run(load_scenario(line), 13), load_scenario(line), 20)
    assert (len(found.ledgers), found.left_over) == (2, 12)
    assert found.total["slots"].tolist() == [40]


def test_a_period_is_one_of_the_calendar_or_slots(line):
    scenario = load_scenario(line | {"calendar": {"shift": 8, "week": 80}})
    assert [period_slots(scenario, period) for period in ("shift", "week", "12", 12)] == [8, 80, 12, 12]


@pytest.mark.parametrize(
    ("period", "message"),
    [
        ("month", "period must be of shift, day, week, or a number of slots, got 'month'"),
        ("-8", "period must be of shift, day, week, or a number of slots, got '-8'"),
        ("day", "period must be a number of slots, got 'day': scenario 'busy' gives no calendar.day"),
        ("shift", "period must be a whole number of steps of 4 slots, got shift of 6 slots"),
        ("10", "period must be a whole number of steps of 4 slots, got 10"),
        (0, "period must be a whole number of steps of 4 slots, got 0"),
        (24, "period must not be longer than the run, which has 20 slots"),
    ],
)
def test_impossible_periods_are_told(line, period, message):
    scenario = load_scenario(line | {"calendar": {"shift": 6}})
    with pytest.raises(InputError) as caught:
        review(run(scenario, 5), scenario, period)
    assert str(caught.value) == message


def test_steps_that_do_not_end_with_the_period_are_told(line):
    scenario = load_scenario(line)
    with pytest.raises(InputError, match="whole number of steps, got 8 slots, where a step ends after 10"):
        review(run(scenario, 4, slots=5), scenario, 8)


def test_what_cannot_be_divided_is_nan(line):
    scenario = load_scenario(line)
    layout = Simulator(scenario).tables.ledger
    empty = Ledger(layout, np.zeros((2, layout.size), dtype=np.int64))
    empty.array[:, layout["slots"]] = 8
    figures = KeyFigures(scenario).of(empty)
    none = {name for name, values in figures.items() if np.isnan(values).all()}
    ratios = {"fill_rate", "supplier_on_time", "inventory_turns", "takt", "time_per_unit", "time_to_takt"}
    ratios |= {"time_in_system", "first_pass_yield", "oee_quality"}
    assert none == {*ratios, *MONEY, "bullwhip"}
    assert figures["oee"].tolist() == figures["oee_performance"].tolist() == [0, 0]
    assert np.isnan(bullwhip([empty], scenario)).all()


def test_time_per_unit_is_that_of_the_slowest_machine_with_all_its_losses(line):
    scenario = load_scenario(line)
    ledger = run(scenario, 1, n_lines=8, slots=400)[0]
    lost = sum(ledger[field] for field in ("busy", "setup", "down", "waiting", "pm", "stopped"))
    np.testing.assert_allclose(time_per_unit(ledger), (lost / ledger["finished"]).max(axis=1))
    assert (ledger["blocked"].sum(axis=0) > 0).all()
    assert (ledger["starved"].sum(axis=0) > 0).any()


def test_a_machine_that_finished_nothing_leaves_no_time_per_unit(line):
    scenario = load_scenario(line)
    ledger = run(scenario, 1, n_lines=2, slots=200)[0]
    assert np.isfinite(time_per_unit(ledger)).all()
    ledger.array[1, ledger.layout["finished"].start + 1] = 0
    assert np.isnan(time_per_unit(ledger)).tolist() == [False, True]


# -- frames and multiples --


def test_the_frame_has_a_row_for_each_period_and_line(line):
    pandas = pytest.importorskip("pandas")
    scenario = load_scenario(line)
    found = review(run(scenario, 30, n_lines=5), scenario, 40)
    frame = found.frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(CADENCE)
    assert frame.shape == (15, len(CADENCE))
    assert frame.loc[(2, 4), "wip"] == found.kpis["wip"][2, 4]


def test_without_pandas_the_frame_is_arrays(line, monkeypatch):
    scenario = load_scenario(line)
    found = review(run(scenario, 30, n_lines=5), scenario, 40)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    frame = found.frame()
    assert list(frame) == ["period", "line", *CADENCE]
    assert frame["period"].tolist() == [k for k in range(3) for _ in range(5)]
    assert frame["line"].tolist() == list(range(5)) * 3
    np.testing.assert_array_equal(frame["wip"], found.kpis["wip"].ravel())


def test_multiples_of_a_reference(line):
    scenario = load_scenario(line)
    found = review(run(scenario, 30, n_lines=40), scenario, 40).whole
    twice = {name: 2 * values for name, values in found.items()}
    ratios = normalised(twice, found)
    assert list(ratios) == list(CADENCE)
    for name, one in ratios.items():
        if np.nansum(found[name]) > 0:
            assert (one.mean, one.low, one.high) == pytest.approx((2, 2, 2))
        else:
            assert np.isnan(one.mean)
