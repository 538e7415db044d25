"""Paired evaluation: the same luck for all, right intervals, seeds that nothing else has seen."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from jitgym.errors import InputError
from jitgym.evaluate import evaluate, run_policy, warm_up
from jitgym.observation import Observer
from jitgym.rules import rule_family
from jitgym.scenario import load_scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import BANKS, seed_bank
from jitgym.simulator import Simulator
from jitgym.stats import bca, holm, interval, mser5, paired_p_value


def four_stage(horizon=30):
    return load_scenario(load_scenario("four_stage").model_dump() | {"horizon": horizon})


def rule(scenario, name="kanban", more=0):
    family = rule_family(scenario, name)
    return family.rule(family.start + more)


class Alternating:
    """Sees and remembers: odd steps of each line get other cards than even ones, and more while there is a backlog."""

    def __init__(self, scenario):
        knobs = Simulator(scenario).knobs
        self.backlog = Observer(Simulator(scenario)).names.index("backlog")
        self.actions = np.array([[2] * len(knobs), [5] * len(knobs)])
        self.starts: list[np.ndarray] = []

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        count = 0 if state is None else state
        self.starts.append(np.array(episode_start))
        actions = np.broadcast_to(self.actions[count % 2], (*observation.shape[:-1], self.actions.shape[1])).copy()
        actions[observation[..., self.backlog] > 0] += 3
        return actions, count + 1


def test_interval_of_a_known_sample():
    """1..5: mean 3, standard error sqrt(2.5 / 5), Student's t for four degrees of freedom 2.776445."""
    found = interval(np.arange(1.0, 6.0))
    assert found.mean == 3
    assert found.error == pytest.approx(0.5**0.5)
    assert (found.low, found.high) == pytest.approx((3 - 2.776445 * 0.5**0.5, 3 + 2.776445 * 0.5**0.5), rel=1e-6)


def test_interval_covers_the_mean_of_normal_samples_in_95_percent():
    samples = np.random.default_rng(0).normal(10, 3, (4000, 8))
    found = [interval(sample) for sample in samples]
    covered = np.mean([one.low <= 10 <= one.high for one in found])
    assert abs(covered - 0.95) < 4 * (0.95 * 0.05 / 4000) ** 0.5


def test_the_same_policy_twice_differs_by_nothing():
    scenario = four_stage()
    found = evaluate(scenario, {"one": rule(scenario), "other": rule(scenario)}, {"one", "other"}, n_seeds=20)
    assert (found.outcomes["one"].cost == found.outcomes["other"].cost).all()
    difference = found.difference("other")
    assert (difference.mean, difference.low, difference.high) == (0, 0, 0)


def test_policies_meet_the_same_luck_and_do_not_disturb_each_other():
    scenario = four_stage()
    policies = {"kanban": rule(scenario), "conwip": rule(scenario, "conwip")}
    both = evaluate(scenario, policies, set(policies), n_seeds=40, seed=3)
    alone = evaluate(scenario, {"conwip": policies["conwip"]}, {"conwip"}, n_seeds=40, seed=3)
    demand = [outcome.ledger["demand"] for outcome in both.outcomes.values()]
    assert (demand[0] == demand[1]).all()
    assert demand[0].std() > 0
    assert (both.outcomes["conwip"].cost == alone.outcomes["conwip"].cost).all()
    assert (both.seeds == alone.seeds).all()


def test_pairing_narrows_the_interval():
    scenario = four_stage()
    found = evaluate(scenario, {"a": rule(scenario), "b": rule(scenario, more=1)}, {"a", "b"}, n_seeds=200)
    other = next(name for name in found.outcomes if name != found.reference)
    unpaired = sum(outcome.cost.var(ddof=1) / 200 for outcome in found.outcomes.values()) ** 0.5
    assert found.difference(other).error < 0.5 * unpaired
    assert found.difference(other).mean > 0


def test_an_agent_is_never_the_reference():
    scenario = four_stage()
    policies = {"dear": rule(scenario, more=9), "cheap": rule(scenario)}
    assert evaluate(scenario, policies, {"dear", "cheap"}, 10).reference == "cheap"
    assert evaluate(scenario, policies, {"dear"}, 10).reference == "dear"
    assert evaluate(scenario, policies, set(), 10).reference == "cheap"


def test_a_policy_is_run_as_one_line_at_a_time_would_be():
    """The batch of an evaluation against a hand-written loop over the environment, seed by seed."""
    scenario = four_stage(12)
    policy = Alternating(scenario)
    seeds = seed_bank(1, 5, "evaluation")
    batch = run_policy(scenario, policy, seeds)
    assert policy.starts[0].all()
    assert not any(start.any() for start in policy.starts[1:])
    for i, seed in enumerate(seeds):
        with gymnasium.make("jitgym/PullLine-v0", scenario=scenario) as env:
            env.reset(seed=0)
            line = env.unwrapped._batch.simulator
            line.reset(np.array([seed]))
            observation, state = env.unwrapped._batch.observer.observe()[0], None
            total = 0.0
            truncated = False
            while not truncated:
                action, state = policy.predict(observation, state)
                observation, reward, _, truncated, _ = env.step(action)
                total -= reward * scenario.reward_scale
        assert Scorecard(scenario).cost(batch)[i] == pytest.approx(total, rel=1e-12)


def test_threads_change_nothing():
    scenario = four_stage()
    seeds = seed_bank(1, 40, "evaluation")
    one, two = (run_policy(scenario, Alternating(scenario), seeds, n) for n in (1, 2))
    assert (one.array == two.array).all()


def test_evaluation_seeds_are_of_their_own_bank():
    scenario = four_stage(1)
    seeds = evaluate(scenario, {"kanban": rule(scenario)}, {"kanban"}, n_seeds=500).seeds
    assert (seeds >> np.uint64(62) == BANKS["evaluation"]).all()
    for bank in ("play", "tuning"):
        assert not np.isin(seeds, seed_bank(0, 500, bank)).any()
    # later episodes of a training run stay in the bank of play
    line = Simulator(scenario, n_lines=200, seed=0)
    for _ in range(3):
        line.reset()
        keys = line.state("key_hi").astype(np.uint32)
        assert (keys >> np.uint32(30) == BANKS["play"]).all()


def test_outcome_adds_up():
    scenario = four_stage()
    outcome = evaluate(scenario, {"kanban": rule(scenario)}, {"kanban"}, n_seeds=10).outcomes["kanban"]
    assert (outcome.ledger["slots"] == 30 * 8).all()
    assert np.allclose(sum(outcome.terms.values()), outcome.cost, rtol=1e-12)
    assert (outcome.kpis["cost"] == outcome.cost).all()
    assert 0 < outcome.latency < 1


def test_progress_runs_to_the_end():
    scenario = four_stage(4)
    told: list[tuple[str, float]] = []
    evaluate(scenario, {"kanban": rule(scenario)}, {"kanban"}, 2, progress=lambda *news: told.append(news))
    assert told == [("kanban", share / 4) for share in (1, 2, 3, 4)]


def test_one_seed_has_no_interval():
    scenario = four_stage(1)
    with pytest.raises(InputError, match="seeds must be >= 2 for a confidence interval, got 1"):
        evaluate(scenario, {"kanban": rule(scenario)}, {"kanban"}, n_seeds=1)


def test_a_wrong_action_is_told():
    class Wrong:
        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            return np.full((len(observation), len(Simulator("four_stage").knobs)), 99), state

    with pytest.raises(InputError, match=r"action for kanban\[turning\] of line 0 must be in 0..20, got 99"):
        run_policy(four_stage(1), Wrong(), seed_bank(0, 2, "evaluation"))


def test_steps_that_are_skipped_are_not_counted():
    scenario, seeds = four_stage(12), seed_bank(0, 5, "evaluation")
    policy, ledgers = rule(scenario), []
    whole = run_policy(scenario, policy, seeds, each=lambda ledger: ledgers.append(ledger.array.copy()))
    assert len(ledgers) == 12
    assert (whole.array == np.sum(ledgers, axis=0)).all()
    later = run_policy(scenario, policy, seeds, skip=4)
    assert (later.array == np.sum(ledgers[4:], axis=0)).all()
    assert evaluate(scenario, {"kanban": policy}, {"kanban"}, 5, skip=4).skipped == 4
    with pytest.raises(InputError, match="warm-up must be below the horizon of 12 steps, got 12"):
        run_policy(scenario, policy, seeds, skip=12)


def test_warm_up_is_the_longest_that_mser_finds():
    scenario = load_scenario("lost_sales")
    policies = {name: rule(scenario, "basestock", more) for name, more in (("textbook", 0), ("much more", 15))}
    seeds, scorecard, found = seed_bank(1, 64, "tuning"), Scorecard(scenario), []
    for policy in policies.values():
        costs: list[float] = []
        run_policy(
            scenario, policy, seeds, each=lambda ledger, costs=costs: costs.append(scorecard.cost(ledger).mean())
        )
        found.append(mser5(costs))
    assert found[0] != found[1]
    assert warm_up(scenario, policies) == max(found)


def test_p_values_are_holms():
    scenario = four_stage()
    policies = {"kanban": rule(scenario), "more": rule(scenario, more=3), "much more": rule(scenario, more=6)}
    found = evaluate(scenario, policies, set(policies), n_seeds=40)
    others = [name for name in policies if name != found.reference]
    assert set(found.p_values) == set(others)
    base = found.outcomes[found.reference].cost
    raw = [paired_p_value(found.outcomes[name].cost - base) for name in others]
    assert [found.p_values[name] for name in others] == pytest.approx(holm(raw))
    for name in others:
        assert found.difference(name) == bca(found.outcomes[name].cost - base)
