"""The exact rollout: that it is better than its base, never clairvoyant, and says what it does not accept."""

from __future__ import annotations

import inspect
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.evaluate import Watcher, decision_latency, run_policy
from jitgym.fields import OFF
from jitgym.files import scenario_files
from jitgym.observation import Observer
from jitgym.rollout import RolloutPolicy, candidate_settings, halvings, taper
from jitgym.rules import ConstantRule
from jitgym.scenario import load_scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator
from jitgym.stats import interval
from jitgym.tables import build_tables

QUICK = {"horizon": 8, "rollouts": 96}


@pytest.fixture
def shop():
    """Return a shop that orders from a supplier, and loses what is not on the shelf, for 40 periods."""
    return shop_with({"poisson": 5})


def shop_with(law, high=8, lost=4):
    return load_scenario(
        {
            "name": "shop",
            "slots_per_step": 1,
            "horizon": 40,
            "stages": [{"name": "shelf", "batch": "unlimited", "initial": 10}],
            "items": [{"name": "goods", "stage": "shelf"}],
            "suppliers": [{"name": "vendor", "item": "goods", "lead_time": 1}],
            "demand": {"law": law, "shortage": "lost"},
            "control": [{"knob": "echelon", "high": 40, "default": 16}, {"knob": "order", "high": high, "default": 0}],
            "prices": {"finished_goods": 1, "lost": lost},
        }
    )


def knobs_of(scenario):
    return build_tables(scenario).knobs


def watching(policy, simulator):
    policy.watch(simulator)
    return policy


def actions_of(policy, simulator):
    return watching(policy, simulator).predict(Observer(simulator).observe())[0]


def used(scenario, n_lines=24, slots=9):
    """Return lines in the middle of an episode."""
    simulator = Simulator(scenario, n_lines, seed=5)
    simulator.advance(slots)
    return simulator


def costs(scenario, policy, seeds):
    ledger = run_policy(scenario, policy, seeds)
    return Scorecard(scenario).cost_a_slot(ledger)


# -- what it is worth --


@pytest.mark.parametrize("level", [10, 22])
def test_it_improves_a_bad_rule_by_far(shop, level):
    """Order-up-to 10 or 22 where 16 is best: a step of look-ahead mends half of either, by 10 standard errors."""
    seeds, knobs = seed_bank(3, 40, "evaluation"), knobs_of(shop)
    rollout = costs(shop, RolloutPolicy(shop, [level, 0], horizon=8, rollouts=512), seeds)
    base, best = (costs(shop, ConstantRule([s, 0], ActionCodec(knobs)), seeds) for s in (level, 16))
    gain = interval(base - rollout)
    assert gain.mean > 10 * gain.error
    assert gain.mean > 0.5 * (base - best).mean()


def test_it_improves_the_best_base_stock(shop):
    """Published: best base stock 4.64, optimum 4.40 (Zipkin 2008); the gain must show within 4 standard errors."""
    seeds = seed_bank(4, 60, "evaluation")
    rollout = costs(shop, RolloutPolicy(shop, [16, 0], rollouts=512, horizon=8, threshold=1.0), seeds)
    gain = interval(costs(shop, ConstantRule([16, 0], ActionCodec(knobs_of(shop))), seeds) - rollout)
    assert gain.mean > 4 * gain.error


def expected_quantity(simulator, base, quantities, parts):
    """Return the cheapest quantity on a line without chance, by the definition of a slot and one sum."""
    scorecard, prices = Scorecard(simulator.scenario), []
    for quantity in quantities:
        line = simulator.fork([0], [0], into=Simulator(simulator.scenario, 1, backend="oracle"))
        weights = [parts[0][1]] + [weight for steps, weight in parts for _ in range(steps)]
        steps = [line.step([0, quantity])] + [line.step(base) for _ in weights[1:]]
        prices.append(sum(w * scorecard.cost(ledger)[0] for w, ledger in zip(weights, steps, strict=True)))
    return quantities[int(np.argmin(prices))]


@pytest.mark.parametrize(("base", "expected"), [([0, 0], None), ([0, 1], 1)])
def test_without_chance_it_takes_what_is_exactly_best(base, expected):
    """One unit is wanted in every slot. Who else never orders buys ahead; a standing order of one needs no help.

    The second would buy ahead too if the base's quantity were ordered only once in a horizon.
    """
    scenario = shop_with({"bernoulli": 1}, high=6, lost=4.5)
    simulator = Simulator(scenario, 3, seed=1)
    for knobs in [[0, 0]] * 12 + [base] * 4:  # until what was on the shelf at first is gone
        simulator.step(knobs)
    quantities = list(range(7))
    exact = expected_quantity(simulator, base, quantities, taper(12))
    actions = actions_of(RolloutPolicy(scenario, base, [[0, q] for q in quantities], horizon=12), simulator)
    assert actions.tolist() == [[0, exact]] * 3
    assert exact > 0
    assert expected in (None, exact)


def test_a_threshold_keeps_the_base_where_gains_are_noise(shop):
    """With all luck and little of it, more decisions stay at the base the higher the bar; a huge bar keeps all."""
    simulator = used(shop, 200)
    stays = [
        (actions_of(RolloutPolicy(shop, [16, 0], threshold=z, **QUICK), simulator) == [16, 0]).all(axis=1).mean()
        for z in (0, 2, 1e9)
    ]
    assert stays[0] < stays[1] < stays[2] == 1


def test_a_candidate_that_does_the_same_is_not_taken(shop):
    """Any level at or below the stock orders nothing: the base stays, also without a threshold."""
    simulator = Simulator(shop, 8, seed=1)  # ten on the shelf
    policy = RolloutPolicy(shop, [5, 0], [[4, 0], [0, 0], [9, 0]], threshold=0, **QUICK)
    assert actions_of(policy, simulator).tolist() == [[5, 0]] * 8


# -- what it knows --


def test_it_is_not_clairvoyant(shop):
    """Lines in the same state get the same action whatever their own luck will be; who peeked would tell them apart."""
    one = used(shop)
    other = one.fork(range(24), seed_bank(77, 24, "evaluation"))
    demand = [s.copy().step([16, 0])["demand"] for s in (one, other)]
    assert not np.array_equal(*demand)
    policy = RolloutPolicy(shop, [12, 0], **QUICK)
    actions = actions_of(policy, one)
    assert np.array_equal(actions, actions_of(policy, other))
    assert len(np.unique(actions, axis=0)) > 3


def test_luck_of_lines_slots_and_sweeps_differs_and_is_that_of_no_evaluation(shop):
    policy = RolloutPolicy(shop, [12, 0], sweeps=2, **QUICK)
    simulator = used(shop)
    lucks = []
    for _ in range(3):
        lucks.append(policy._luck(simulator))
        simulator.advance(1)
    seeds = np.array(lucks).ravel()
    assert len(np.unique(seeds)) == len(seeds)
    assert (seeds >> np.uint64(62) == 1).all()


def test_candidates_of_a_line_meet_the_same_luck(shop):
    """A candidate that is the base again costs the same on every seed, and seeds cost different amounts."""
    simulator = used(shop)
    policy = watching(RolloutPolicy(shop, [12, 0], **QUICK), simulator)
    vectors = np.broadcast_to(np.array([12, 0], dtype=np.int32), (24, 3, 2))
    paid = policy._costs(simulator, np.arange(24), vectors, policy._luck(simulator)[:, 0, :5])
    assert paid.shape == (24, 3, 5)
    assert np.array_equal(paid, np.broadcast_to(paid[:, :1], paid.shape))
    assert len(np.unique(paid[0, 0])) > 1


def test_it_leaves_the_lines_as_they_are(shop):
    simulator = used(shop)
    before, advanced = simulator.snapshot(), simulator.copy().advance(20)
    actions_of(RolloutPolicy(shop, [12, 0], **QUICK), simulator)
    assert simulator.snapshot() == before
    assert np.array_equal(simulator.advance(20).array, advanced.array)


# -- same seed, same decisions --


def test_decisions_repeat_and_depend_on_the_seed_alone(shop):
    """Not on how many copies run at once, nor on the other lines of the batch."""
    make = partial(RolloutPolicy, shop, [16, 0], threshold=0, **QUICK)
    simulator = used(shop)
    actions = actions_of(make(), simulator)
    assert np.array_equal(actions, actions_of(make(), simulator))
    assert np.array_equal(actions, actions_of(make(at_once=1), simulator))
    assert np.array_equal(actions, actions_of(make(at_once=300), simulator))
    few = simulator.fork(range(5), range(5))
    assert np.array_equal(actions[:5], actions_of(make(), few))
    assert not np.array_equal(actions, actions_of(make(seed=1), simulator))


def test_lines_whose_episodes_began_at_other_times_decide_by_their_own_slot(shop):
    simulator = used(shop)
    policy = RolloutPolicy(shop, [16, 0], threshold=0, **QUICK)
    before = actions_of(policy, simulator)
    mask = np.arange(24) % 2 == 0
    simulator.reset(3, mask)
    fresh = Simulator(shop, 24, seed=3)
    actions = actions_of(policy, simulator)
    assert np.array_equal(actions[~mask], before[~mask])
    assert np.array_equal(actions[mask], actions_of(policy, fresh)[mask])


def test_one_observation_gets_one_action(shop):
    simulator = used(shop, 1)
    policy = watching(RolloutPolicy(shop, [12, 0], **QUICK), simulator)
    observation = Observer(simulator).observe()
    action, state = policy.predict(observation[0], "kept")
    assert state == "kept"
    assert action.shape == (2,)
    assert np.array_equal(action[None], policy.predict(observation)[0])
    assert isinstance(policy, Watcher)
    assert decision_latency(shop, RolloutPolicy(shop, [12, 0], horizon=1, rollouts=80)) > 0


def test_a_second_sweep_moves_more_knobs():
    """Two machines that wear: in one sweep one of them is maintained at most, in two both can be."""
    machine = {
        "failure": {"law": {"weibull": {"scale": 10, "shape": 4}}, "repair": 8},
        "maintenance": {"duration": 1},
        "monitoring": "exact",
    }
    scenario = load_scenario(
        {
            "name": "pair",
            "stages": [{"name": "one", "room": 30, **machine}, {"name": "two", **machine}],
            "demand": {"law": {"bernoulli": 1}, "shortage": "lost"},
            "control": [{"knob": "pm_level", "high": 20, "default": 20}],
            "prices": {"lost": 1, "repair": 20},
        }
    )
    candidates = [[OFF, OFF], [0, OFF], [OFF, 0]]
    simulator = Simulator(scenario, 64, seed=1)
    simulator.advance(9)
    moved = [
        (actions_of(RolloutPolicy(scenario, [OFF, OFF], candidates, sweeps=n, horizon=8), simulator) == 0).sum(axis=1)
        for n in (1, 2)
    ]
    assert moved[0].max() == 1
    assert moved[1].max() == 2


# -- candidates and schedules --


@pytest.mark.parametrize("name", sorted(scenario_files()))
def test_candidates_of_every_scenario(name):
    scenario = load_scenario(name)
    knobs = knobs_of(scenario)
    base = np.array([knob.default for knob in knobs])
    settings = candidate_settings(knobs, base)
    assert settings[0].tolist() == base.tolist()
    assert 2 <= len(settings) <= 24
    assert len(np.unique(settings, axis=0)) == len(settings)
    ActionCodec(knobs).encode(settings)  # raises where one is out of its range


@pytest.mark.parametrize("name", ["fashion_retail", "automotive_assembly", "aerospace"])
def test_lines_with_products_orders_and_expediting(name):
    scenario = load_scenario(name)
    base = np.array([knob.default for knob in knobs_of(scenario)])
    simulator = Simulator(scenario, 3, seed=2)
    simulator.step(base)
    actions = actions_of(RolloutPolicy(scenario, base, horizon=2, rollouts=96), simulator)
    assert actions.shape == (3, len(base))
    ledger = simulator.step(ActionCodec(simulator.knobs).decode(actions))
    assert ledger.array.shape[0] == 3


def test_candidates_of_a_shop_are_all_its_quantities(shop):
    settings = candidate_settings(knobs_of(shop), [16, 0]).tolist()
    assert settings[:10] == [[16, 0], *([0, quantity] for quantity in range(9))]
    assert settings[10:] == [[14, 0], [18, 0], [11, 0], [21, 0]]
    assert len(candidate_settings(knobs_of(shop), [16, 0], most=3)) == 3


def test_candidates_of_a_machine_are_now_and_never():
    knobs = knobs_of(load_scenario("age_replacement"))
    assert candidate_settings(knobs, [10]).tolist() == [[10], [1], [OFF]]


@pytest.mark.parametrize("n", [1, 2, 3, 9, 15, 24])
@pytest.mark.parametrize("rollouts", [96, 1000])
def test_halving_spends_its_budget_and_ends_in_a_duel(n, rollouts):
    rounds = halvings(n, rollouts)
    spent = sum(size * each for size, each in rounds)
    if n == 1:
        assert rounds == []
        return
    assert rounds[0][0] == n
    assert rounds[-1] == (2, rollouts // (4 if n > 2 else 2))
    assert all(after - 1 == -(-(size - 1) // 2) for (size, _), (after, _) in pairwise(rounds))
    assert 0.6 * rollouts < spent <= rollouts + (n if rollouts < 8 * n else 0)


@pytest.mark.parametrize("horizon", [1, 2, 3, 7, 20, 100])
def test_the_weights_of_a_horizon(horizon):
    parts = taper(horizon)
    steps, weights = zip(*parts, strict=True)
    assert sum(steps) == horizon
    assert min(steps) >= 1
    assert steps[0] == horizon - horizon // 2
    assert weights == tuple(range(len(parts), 0, -1))


def test_a_base_alone_is_what_it_sets(shop):
    assert actions_of(RolloutPolicy(shop, [16, 0], [[16, 0]], rollouts=4), used(shop)).tolist() == [[16, 0]] * 24


# -- what it does not accept --


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"base": [41, 0]}, r"base: echelon\[vendor\] must be in 0..40, got 41"),
        ({"base": [OFF, 0]}, r"base: echelon\[vendor\] must be in 0..40, got"),
        ({"base": [16]}, r"base must be integers of shape \(2,\), got int64 of shape \(1,\)"),
        ({"base": [16.0, 0.0]}, r"base must be integers of shape \(2,\), got float64"),
        ({"candidates": [[0, 9]]}, r"candidates: order\[vendor\] must be in 0..8, got 9"),
        ({"candidates": [0, 8]}, r"candidates must be integers of shape \(n, 2\)"),
        ({"horizon": 0}, "horizon must be an integer >= 1, got 0"),
        ({"horizon": 2.5}, "horizon must be an integer >= 1, got 2.5"),
        ({"rollouts": 10}, "rollouts must be an integer >= 56, got 10"),
        ({"sweeps": 0}, "sweeps must be an integer >= 1, got 0"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"at_once": 0}, "at_once must be an integer >= 1, got 0"),
        ({"threshold": -1}, "threshold must be >= 0 standard errors and finite, got -1"),
        ({"threshold": float("nan")}, "threshold must be >= 0"),
        ({"threshold": float("inf")}, "threshold must be >= 0"),
    ],
)
def test_what_it_is_made_of_is_checked(shop, given, message):
    with pytest.raises(InputError, match=message):
        RolloutPolicy(shop, **{"base": [16, 0], **given})


def test_it_decides_about_the_lines_that_it_watches(shop):
    policy = RolloutPolicy(shop, [16, 0], **QUICK)
    observation = Observer(used(shop)).observe()
    with pytest.raises(InputError, match="rollout must watch a simulator"):
        policy.predict(observation)
    with pytest.raises(InputError, match="policy is for scenario 'shop', got lines of 'four_stage'"):
        policy.watch(Simulator("four_stage"))
    policy.watch(used(shop))
    for other in (observation[:3], observation[0]):
        with pytest.raises(InputError, match="observation must be of 24 lines"):
            policy.predict(other)


def test_it_says_what_it_knows():
    assert RolloutPolicy.name == "rollout"
    assert RolloutPolicy.information == "model"
    assert "hides" in (inspect.getdoc(RolloutPolicy) or "")
