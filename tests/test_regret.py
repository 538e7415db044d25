"""Regret: in the mean it is the distance from the optimum, and it has none of the luck of costs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from jitgym.actions import ActionCodec
from jitgym.anchors import anchor
from jitgym.errors import InputError
from jitgym.evaluate import run_policy
from jitgym.knobs import knobs_of
from jitgym.optimal import Model, OptimalPolicy, explore
from jitgym.regret import Regret
from jitgym.rules import ConstantRule
from jitgym.scenario import load_scenario
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

SEEDS = seed_bank(31, 64, "evaluation")
SETTINGS = {
    "exact_two_stages": ("base stock", (4, 3)),
    "exact_dual_sourcing": ("near alone", (8,)),
}


@cache
def solved(name: str) -> Model:
    """An anchor, with the states that a rule of it leads to besides those of its menu."""
    own = anchor(name)
    kind, numbers = SETTINGS[name]
    return explore(own.scenario, lambda state: [*own.menu(state), own.rules[kind].knobs(*numbers)], own.bounds)


@pytest.mark.theory
@pytest.mark.parametrize("name", SETTINGS)
def test_a_rule_regrets_what_it_costs_more(name: str):
    own, (kind, numbers) = anchor(name), SETTINGS[name]
    rule = ConstantRule(list(own.rules[kind].knobs(*numbers)), ActionCodec(knobs_of(own.scenario)))
    watched = Regret(solved(name), rule)
    run_policy(own.scenario, watched, SEEDS)
    distance = own.cost(kind, numbers) - solved(name).optimum.cost
    error = watched.a_slot.std(ddof=1) / np.sqrt(len(SEEDS))
    assert watched.a_slot.mean() == pytest.approx(distance, abs=4 * error + 0.01 * distance)


@pytest.mark.theory
@pytest.mark.parametrize("name", SETTINGS)
def test_the_optimum_regrets_nothing(name: str):
    watched = Regret(solved(name), OptimalPolicy(solved(name)))
    run_policy(solved(name).scenario, watched, SEEDS[:8])
    assert np.abs(watched.a_slot).max() < 1e-5


def test_it_decides_as_the_policy_does():
    model = solved("exact_two_stages")
    ledgers = [
        run_policy(model.scenario, one, SEEDS) for one in (OptimalPolicy(model), Regret(model, OptimalPolicy(model)))
    ]
    assert (ledgers[0].array == ledgers[1].array).all()


def test_a_state_that_the_solution_has_not_met_is_an_error():
    model = anchor("exact_two_stages").solved
    rule = ConstantRule([9, 9, 9, 9], ActionCodec(knobs_of(model.scenario)))
    with pytest.raises(InputError, match="state must be one that the solution has met, got"):
        run_policy(model.scenario, Regret(model, rule), SEEDS)


def test_it_has_to_watch_lines_of_its_scenario():
    watched = Regret(solved("exact_two_stages"), OptimalPolicy(solved("exact_two_stages")))
    with pytest.raises(InputError, match="watch"):
        watched.predict(np.zeros((1, 3), dtype=np.float32))
    with pytest.raises(
        InputError, match=r"must be of the scenario that was solved, 'exact_two_stages' .*, got 'four_stage'"
    ):
        watched.watch(Simulator(load_scenario("four_stage"), 2, SEEDS[:2]))
