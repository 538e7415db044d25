"""Anchors: what their files state, what Zipkin (2008) printed, and what their optimal policies cost when simulated."""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from studies import agree

from jitgym.anchors import ANCHORS, PUBLISHED, anchor, lost_sales, told
from jitgym.errors import InputError
from jitgym.evaluate import decision_latency, run_policy
from jitgym.lost_sales import LostSales
from jitgym.mdp import average, episode, optimum
from jitgym.optimal import Model, OptimalPolicy, explore
from jitgym.scenario import load_scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank

SHIPPED = [name for name in ANCHORS if name.startswith("exact")]
CONFIGS = Path(__file__).resolve().parent.parent / "configs"
SIMULATED = [*SHIPPED, "lost_sales_1_39", "lost_sales_2_4", "lost_sales_3_9"]


@cache
def known(name):
    """One anchor for all tests: it is solved once."""
    return anchor(name)


def stated(name):
    """The exact figures in the head of a file: the optimum, and numbers and cost of the best rule of each kind."""
    head = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").split("\nname:")[0]
    (line,) = re.findall(r"^# Exact: (.*)$", head, re.MULTILINE)
    best, *rules = line.split("; ")
    figures = [re.fullmatch(r"(.+) \((.+)\) (\d+\.\d{4})", rule).groups() for rule in rules]
    numbers = {kind: (tuple(map(int, numbers.split(", "))), float(cost)) for kind, numbers, cost in figures}
    return line, float(re.fullmatch(r"optimum (\d+\.\d{4})", best)[1]), numbers


# -- what the files state --


def test_every_file_is_an_anchor():
    assert sorted(SHIPPED) == sorted(path.stem for path in CONFIGS.glob("exact_*.yaml"))
    for name in SHIPPED:
        assert known(name).name == known(name).scenario.name == name


@pytest.mark.theory
@pytest.mark.parametrize("name", SHIPPED)
def test_the_figures_of_the_file_are_exact(name):
    """The optimum with its bounds, and the stated rules, none of which is cheaper than it."""
    _, best, rules = stated(name)
    solved = known(name).solved
    assert solved.optimum.upper - solved.optimum.lower < 1e-6
    assert round(solved.optimum.cost, 4) == best
    assert solved.average().cut < 1e-8
    assert rules.keys() == known(name).rules.keys()
    for kind, (numbers, cost) in rules.items():
        assert round(known(name).cost(kind, numbers), 4) == cost > best


@pytest.mark.theory
@pytest.mark.parametrize("name", SHIPPED)
def test_the_next_rules_are_no_better(name):
    for kind, (numbers, cost) in stated(name)[2].items():
        ranges = known(name).rules[kind].ranges
        for i, step in product(range(len(numbers)), (-1, 1)):
            near = (*numbers[:i], numbers[i] + step, *numbers[i + 1 :])
            if all(number in choice for number, choice in zip(near, ranges, strict=True)):
                assert known(name).cost(kind, near) >= cost - 5e-5


@pytest.mark.slow
@pytest.mark.theory
@pytest.mark.parametrize("name", SHIPPED)
def test_the_best_rules_are_the_best_in_range(name):
    """And the best is inside the range, not at an end that it would pass; an order of 1 is the most below demand."""
    assert told(known(name)) == stated(name)[0]
    for kind, (numbers, _) in stated(name)[2].items():
        for number, choice in zip(numbers, known(name).rules[kind].ranges, strict=True):
            assert number < choice[-1] or kind == "base-surge"


@pytest.mark.slow
@pytest.mark.theory
@pytest.mark.parametrize("name", ["exact_two_stages", "exact_two_products", "exact_dual_sourcing", "exact_maintenance"])
def test_more_to_choose_from_is_no_better(name):
    """Every number of cards up to 5, or orders up to 4 a slot: nothing beyond the menu saves 1 in 10,000."""
    own, every = known(name), range(5)
    knobs = {
        "exact_two_stages": lambda a, b: (a, b, own.scenario.control[1].high, own.scenario.control[1].high),
        "exact_two_products": lambda a, b: (a, b, 20, 20),
        "exact_dual_sourcing": lambda a, b: (a, b, 0, 0),
        "exact_maintenance": lambda a, b: (a, 30, (1, 5, 9, 12, 1 << 30)[b]),
    }[name]

    def menu(state):
        units = state["store"][0] + state["job"][0] + sum(state.get("on_order", ()))
        more = [knobs(a, b) for a, b in product(every, every) if name != "exact_dual_sourcing" or units + a + b <= 13]
        return [*own.menu(state), *more]

    wider = explore(own.scenario, menu, own.bounds)
    assert wider.mdp.n_choices > own.solved.mdp.n_choices
    assert wider.optimum.lower <= own.solved.optimum.upper
    assert wider.optimum.cost == pytest.approx(own.solved.optimum.cost, rel=1e-4)


# -- the best policy, simulated --


@pytest.mark.theory
@pytest.mark.parametrize("name", SIMULATED)
def test_the_best_policy_costs_what_it_should(name):
    """Its exact mean cost over an episode from the scenario's start, against the core, within 4 standard errors."""
    solved = known(name).solved
    assert isinstance(solved, Model if name in SHIPPED else LostSales)
    own = solved.optimum.policy if isinstance(solved, Model) else solved.optimum.orders
    exact = solved.episode(own)
    assert solved.episode() <= exact + 1e-9
    seeds = seed_bank(11, 6000 if name == "exact_maintenance" else 1000, "evaluation")
    ledger = run_policy(solved.scenario, OptimalPolicy(solved), seeds)
    agree(name, Scorecard(solved.scenario).cost_a_slot(ledger), exact, relative=0.01)


def test_the_best_policy_decides_for_one_line():
    assert decision_latency(known("lost_sales_2_4").scenario, OptimalPolicy(known("lost_sales_2_4").solved)) > 0


# -- lost sales --


@pytest.mark.theory
@pytest.mark.parametrize("price", PUBLISHED)
@pytest.mark.parametrize("lead", [1, 2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_lost_sales_are_as_published(lead, price):
    """Zipkin (2008), table 3, to the printed digits: the optimum and the best base stock."""
    one = known(f"lost_sales_{lead}_{price}")
    cost, (level,) = one.best("base stock")
    assert round(one.solved.optimum.cost, 2) == one.published["optimum"]
    if (lead, price) == (3, 4):  # printed as 4.98: on the edge of rounding
        assert cost == pytest.approx(4.975, abs=1e-5)
    else:
        assert round(cost, 2) == one.published["base stock"]
    assert one.rules["base stock"].ranges[0][0] < level < one.rules["base stock"].ranges[0][-1]
    assert one.solved.optimum.orders.max() <= one.solved.most[1]


def small(lead, mean=1.0, high=3):
    """Lost sales that a list of states can hold."""
    given = lost_sales(lead, 4).scenario.model_dump(mode="json", exclude_defaults=True)
    level, order = given["control"]
    given["control"] = [level, {**order, "high": high}]
    given["stages"][0]["initial"] = 2
    return load_scenario(given | {"demand": {"law": {"poisson": mean}, "shortage": "lost"}, "horizon": 40})


@pytest.mark.parametrize("lead", [1, 2, 3])
def test_the_array_and_the_list_of_states_agree(lead):
    scenario = small(lead)
    array = LostSales(scenario)
    top = array.most[0]

    def menu(state):
        units = state["store"][0] + state["job"][0] + sum(state["pipeline"])
        return [(0, order) for order in range(array.most[1] + 1) if units + order <= top] or [(0, 0)]

    states = explore(scenario, menu)
    assert array.optimum.cost == pytest.approx(states.optimum.cost, abs=1e-6)
    assert array.episode(array.optimum.orders) == pytest.approx(states.episode(states.optimum.policy), abs=1e-6)
    rows = states.states[:: max(1, len(states.states) // 200)]
    assert array.settings(rows).shape == states.settings(rows).shape
    rule = explore(scenario, [(5, 0)])
    chain = array.base_stock(5)
    assert average(chain).cost == pytest.approx(rule.average().cost, abs=1e-8)
    assert optimum(chain).cost == pytest.approx(rule.average().cost, abs=1e-6)
    assert episode(chain, 40) == pytest.approx(rule.episode(), abs=1e-10)


def test_the_shipped_lost_sales_is_one_of_them():
    """With its own range of orders, which is enough: the optimum of lead time 2 and price 4 orders 6 at most."""
    shipped = LostSales(load_scenario("lost_sales"))
    assert shipped.optimum.cost == pytest.approx(known("lost_sales_2_4").solved.optimum.cost, abs=1e-6)
    assert shipped.optimum.orders.max() < shipped.most[1]
    assert np.isclose(shipped.demand.sum(), 1, atol=1e-15)


# -- refusals --


def test_what_there_is_not_is_told():
    cases = {
        "did you mean 'exact_maintenance'": lambda: anchor("exact_maintenence"),
        "lead must be 1..4 and price of 4, 9, 19, 39, got 5 and 4": lambda: lost_sales(5, 4),
        "must be a lost-sales problem": lambda: LostSales(load_scenario("exact_dual_sourcing")),
        "level must be >= 10": lambda: known("lost_sales_1_4").solved.base_stock(9),
        "times orders must be at most": lambda: LostSales(small(4, mean=5.0, high=60)),
    }
    for message, attempt in cases.items():
        with pytest.raises(InputError, match=message):
            attempt()
