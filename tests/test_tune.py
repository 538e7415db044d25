"""The tuner: known optima, common random numbers, the same answer twice."""

from __future__ import annotations

import numpy as np
import pytest

from jitgym.rules import rule_family
from jitgym.scenario import load_scenario
from jitgym.seeds import BANKS, seed_bank
from jitgym.tune import Budget, Search, _neighbours, _spread, tune

SMALL = Budget(spread=16, first=4, last=128, rounds=20, final=256)


def shortened(name, horizon):
    return load_scenario(load_scenario(name).model_dump() | {"horizon": horizon})


@pytest.fixture(scope="module")
def lost_sales():
    scenario = load_scenario("lost_sales")
    return tune(scenario, rule_family(scenario, "basestock"), seed=1, budget=SMALL)


def test_finds_zipkins_base_stock(lost_sales):
    """Zipkin (2008), table 3: L = 2, p = 4: the best base stock is 16 and costs 4.64 a period."""
    assert lost_sales.numbers == (16,)
    assert abs(lost_sales.cost.mean - 4.639) < 4 * lost_sales.cost.error + 0.005  # printed to three digits
    assert lost_sales.start_cost.mean > lost_sales.cost.mean


def test_finds_the_age_that_renewal_theory_names():
    """Barlow & Proschan: 10 slots is the best age; 9 and 11 are worse by 1 % and 0.5 %."""
    scenario = load_scenario("age_replacement")
    tuned = tune(scenario, rule_family(scenario, "push+pm"), budget=Budget(16, 4, 1024, 20, 64))
    assert tuned.numbers[0] in (10, 11)


def test_tuned_rules_hold_the_numbers(lost_sales):
    assert lost_sales.rule.knobs.tolist() == [16, 0]


def test_is_no_worse_than_every_setting_of_a_line():
    """All 20 numbers of cards, tried by brute force on the seeds that the search ends with."""
    scenario = shortened("conwip_loop", 50)
    family = rule_family(scenario, "conwip")
    tuned = tune(scenario, family, seed=3, budget=SMALL)
    every = np.arange(1, 21)[:, None]
    means = Search(scenario, family, 3, 1).costs(every, seed_bank(3, SMALL.last, "tuning")).mean(axis=1)
    assert means[tuned.numbers[0] - 1] == means.min()


def test_improves_on_the_textbook_and_on_the_start_of_the_search():
    scenario = shortened("four_stage", 60)
    for rule in ("kanban", "hybrid"):
        tuned = tune(scenario, rule_family(scenario, rule), budget=SMALL)
        assert tuned.cost.mean < tuned.start_cost.mean


def test_same_seed_same_answer():
    scenario = shortened("four_stage", 20)
    family = rule_family(scenario, "kanban")
    one, other, third = (tune(scenario, family, seed, Budget(8, 2, 8, 3, 16)) for seed in (7, 7, 8))
    assert (one.numbers, one.cost, one.episodes) == (other.numbers, other.cost, other.episodes)
    assert one.cost != third.cost


def test_threads_change_nothing():
    scenario = shortened("four_stage", 20)
    family = rule_family(scenario, "kanban")
    one, two = (tune(scenario, family, 7, Budget(8, 2, 8, 2, 16), n_threads=n) for n in (1, 2))
    assert (one.numbers, one.cost) == (two.numbers, two.cost)


def test_vectors_meet_the_same_luck():
    """A vector costs the same beside any others, so that a difference between two is theirs alone."""
    scenario = shortened("four_stage", 20)
    family = rule_family(scenario, "kanban")
    search = Search(scenario, family, 0, 1)
    seeds = seed_bank(0, 6, "tuning")
    textbook, other = family.start, family.start + 1
    beside = search.costs(np.stack([textbook, other, textbook]), seeds)
    assert (beside[0] == beside[2]).all()
    assert (beside[1] != beside[0]).any()
    assert (search.costs(other[None], seeds)[0] == beside[1]).all()
    assert search.episodes == 3 * 6 + 6


def test_a_whole_episode_at_once_costs_what_steps_cost():
    """An episode under constant knobs is simulated in one go; an `order` knob, which acts once a step, forbids it."""
    scenario = shortened("lost_sales", 30)
    without_order = scenario.model_dump()
    without_order["control"] = [c for c in without_order["control"] if c["knob"] != "order"]
    at_once = load_scenario(without_order)
    seeds = seed_bank(0, 5, "tuning")
    costs = [
        Search(one, rule_family(one, "basestock"), 0, 1).costs(np.array([[16], [9]]), seeds)
        for one in (scenario, at_once)
    ]
    assert (costs[0] == costs[1]).all()


def test_halving_ends_with_the_best():
    scenario = shortened("lost_sales", 200)
    search = Search(scenario, rule_family(scenario, "basestock"), 0, 1)
    levels = np.array([[2], [40], [16], [30], [5]])
    assert search.halve(levels, 2, 8).tolist() == [16]
    assert search.halve(levels[:1], 2, 8).tolist() == [2]


def test_a_move_must_be_a_gain():
    scenario = shortened("lost_sales", 200)
    search = Search(scenario, rule_family(scenario, "basestock"), 0, 1)
    budget = Budget(first=2, last=32)
    assert search.improve(np.array([16]), np.array([[16], [2], [40]]), budget).tolist() == [16]
    assert search.improve(np.array([2]), np.array([[2], [16]]), budget).tolist() == [16]


@pytest.mark.parametrize(("name", "rule"), [("bearing_line", "extended+pm"), ("conwip_loop", "conwip")])
def test_searched_vectors_are_inside_their_ranges(name, rule):
    family = rule_family(load_scenario(name), rule)
    low, high = (np.array([getattr(number, end) for number in family.numbers]) for end in ("low", "high"))
    spread = _spread(family, 50, np.random.default_rng(0))
    near = _neighbours(family, family.start, 5)
    for vectors in (spread, near):
        assert ((vectors >= low) & (vectors <= high)).all()
        assert len(np.unique(vectors, axis=0)) == len(vectors)
        assert (vectors == family.start).all(axis=1).any()
    assert (near[0] == family.start).all()


def test_nothing_to_set_is_no_search():
    scenario = shortened("age_replacement", 20)
    tuned = tune(scenario, rule_family(scenario, "push"), budget=Budget(final=8))
    assert tuned.numbers == ()
    assert tuned.cost == tuned.start_cost


def test_progress_is_told():
    scenario = shortened("lost_sales", 10)
    told: list[str] = []
    tune(scenario, rule_family(scenario, "basestock"), budget=Budget(4, 2, 4, 3, 8), progress=told.append)
    assert told
    assert all(line.startswith("round ") for line in told)


def test_tuning_never_meets_the_seeds_of_play_or_evaluation():
    banks = {bank: seed_bank(0, 1000, bank) for bank in BANKS}
    for bank, seeds in banks.items():
        assert len(np.unique(seeds)) == 1000
        assert (seeds >> np.uint64(62) == BANKS[bank]).all()
    assert len(set(BANKS.values())) == 3
