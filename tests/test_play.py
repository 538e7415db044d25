"""A line watched slot by slot is the line itself; Little's law holds to the last unit."""

from __future__ import annotations

import numpy as np
import pytest
from strategies import random_knobs

from jitgym.evaluate import run_policy
from jitgym.files import scenario_files
from jitgym.play import Flow, Play
from jitgym.rules import rule_family, rule_names
from jitgym.scenario import load_scenario
from jitgym.simulator import Simulator
from jitgym.vector_env import line_seeds


@pytest.mark.parametrize("name", sorted(scenario_files()))
def test_watched_slot_by_slot_a_line_is_the_same(name):
    """Also where orders are placed and releases granted once a step; knobs change from step to step."""
    scenario = load_scenario(name)
    play, line = Play(scenario, 5), Simulator(scenario, 1, line_seeds([5]))
    rng = np.random.default_rng(1)
    for _ in range(12):
        play.held = random_knobs(line.knobs, 1, rng)[0].astype(np.int32)
        whole = line.step(play.held)
        slots = [play.next_slot() for _ in range(scenario.slots_per_step)]
        assert (sum(ledger.array for ledger in slots) == whole.array).all()
        assert [int(ledger["slots"][0]) for ledger in slots] == [1] * len(slots)
        for field in line.tables.state:
            assert (play.line.state(field) == line.state(field)).all(), field


def test_a_policy_with_a_memory_and_an_eye_on_the_line_decides_as_in_an_evaluation():
    scenario = load_scenario("four_stage").model_copy(update={"horizon": 40})
    sizes = [knob.choices for knob in Play(scenario, 1).line.knobs]

    class Remembers:
        def watch(self, simulator):
            self.line = simulator

        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            decided = 0 if episode_start[0] else state + 1
            owed = int(self.line.state("backlog")[0].sum())
            return np.array([[min(decided + owed, size - 1) for size in sizes]]), decided

    seeds = np.array([4], dtype=np.uint64)
    play = Play(scenario, seeds[0], Remembers())
    watched = sum(play.next_slot().array for _ in range(40 * scenario.slots_per_step))
    assert (watched == run_policy(scenario, Remembers(), seeds).array).all()


def test_what_was_set_by_hand_outlives_a_rule_that_never_decided():
    scenario = load_scenario("four_stage")
    family = rule_family(scenario, "kanban")
    play = Play(scenario, 1)
    play.next_slot()
    play.held = np.array([2, 3, *play.held[2:]], dtype=np.int32)
    play.give_to(family.rule(family.start))
    play.give_to(None)
    assert play.held[:2].tolist() == [2, 3]


def test_knobs_set_by_hand_wait_for_the_next_step():
    play = Play(load_scenario("four_stage"), 0)
    before = play.held.copy()
    play.next_slot()
    play.held = np.array([1, 1, 1, 1, *before[4:]], dtype=np.int32)
    for _ in range(play.scenario.slots_per_step - 1):
        play.next_slot()
        assert (play.knobs == before).all()
    play.next_slot()
    assert (play.knobs == play.held).all()


@pytest.mark.parametrize("name", ["four_stage", "bearing_line", "contest_line"])
def test_a_policy_is_watched_as_it_is_evaluated(name):
    """Rules decide once a step, on what they see in an evaluation."""
    scenario = load_scenario(name)
    scenario = scenario.model_copy(update={"horizon": 30})
    seeds = np.array([123456789], dtype=np.uint64)
    for rule in rule_names(scenario)[:3] + rule_names(scenario)[-1:]:
        family = rule_family(scenario, rule)
        policy = family.rule(family.start)
        play = Play(scenario, seeds[0], policy)
        watched = sum(play.next_slot().array for _ in range(30 * scenario.slots_per_step))
        assert (watched == run_policy(scenario, policy, seeds).array).all(), rule


@pytest.mark.parametrize("name", ["four_stage", "teach_defects", "food", "automotive_assembly", "teach_changeover"])
def test_little_to_the_last_unit(name):
    """Units on the path over time are the times of the units: those that left, and those that are still there."""
    play = Play(load_scenario(name), 3)
    flow = Flow(play)
    gone_of_the_first = 0
    for slot in range(1500):
        before = flow.timed, flow.left
        flow.count(play.next_slot(), play)
        gone_of_the_first += ((flow.left - before[1]) - (flow.timed - before[0])) * slot
        curves = [flow.entered, *flow.passed, flow.left]
        assert curves == sorted(curves, reverse=True)
    there = [(since, units) for queue in flow._queues for since, units in queue]
    assert sum(units for _, units in there) == sum(flow.inside) == flow.entered - flow.left
    ages = sum(units * (flow.slots - max(since, 0)) for since, units in there)
    assert flow.area == flow.time + gone_of_the_first + ages
    assert flow.timed > 100
    assert flow.mean_wip == pytest.approx(flow.throughput * flow.mean_time, rel=0.1)
