"""Results that are stored in the repository, held to what the code does now, on other seeds."""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jitgym.anchors import ANCHORS, anchor
from jitgym.evaluate import run_policy
from jitgym.fields import OFF
from jitgym.optimal import OptimalPolicy, explore
from jitgym.regret import Regret
from jitgym.rules import Rule, rule_family
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.shifts import shifted
from jitgym.standings import BEST
from jitgym.suite import read_suite

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
CONTEST = RESULTS / "contest"
RECORD: dict[str, Any] = json.loads((CONTEST / "standings.json").read_text("utf-8"))
SUITE = read_suite("contest")
FRESH = 256


def fresh() -> Any:
    """Seeds of the evaluation bank that nobody else meets."""
    return seed_bank(77, FRESH, "evaluation")


@cache
def rule_of(task: str, name: str) -> Any:
    """A rule with the numbers that were stored."""
    with (CONTEST / "rules.csv").open(newline="", encoding="utf-8") as file:
        numbers = next(row["numbers"] for row in csv.DictReader(file) if (row["task"], row["rule"]) == (task, name))
    return rule_family(SUITE.tasks[task], name).rule(np.array([int(n) for n in re.findall(r"=(-?\d+)", numbers)]))


@cache
def rule_costs(task: str, name: str, shift: str = "") -> Floats:
    scenario = world(task, shift)
    rule = Rule(rule_of(task, name).family.seen_on(scenario), rule_of(task, name).numbers)
    return Scorecard(scenario).cost_a_slot(run_policy(scenario, rule, fresh()))


@cache
def world(task: str, shift: str) -> Scenario:
    """A line, or what a shift makes of it."""
    scenario = shifted(SUITE.tasks[task], shift) if shift else SUITE.tasks[task]
    assert scenario is not None, f"{shift} changes nothing about {task}"
    return scenario


def test_the_stored_contest_is_of_the_suite_as_it_is():
    assert RECORD["plan"] == SUITE.plan.model_dump(mode="json")
    assert RECORD["hashes"] == {name: scenario.hash for name, scenario in SUITE.tasks.items()}
    assert RECORD["faults"] == {}


@pytest.mark.parametrize("task", SUITE.tasks)
def test_the_best_rule_costs_what_is_stored(task: str):
    row = next(row for row in RECORD["rows"] if (row["task"], row["kind"], row["shift"]) == (task, BEST, ""))
    costs = rule_costs(task, row["rule"])
    error = costs.std(ddof=1) * np.sqrt(1 / FRESH + 1 / SUITE.plan.replications)
    assert abs(costs.mean() - row["rule_cost"]) < 4 * error


def test_every_shift_is_stored_of_every_line_that_it_changes():
    stored = {(row["task"], row["shift"], row["kind"]) for row in RECORD["rows"] if row["shift"]}
    kinds = (BEST, *SUITE.plan.algorithms)
    changed = [(t, s) for t, one in SUITE.tasks.items() for s in SUITE.plan.shifts if shifted(one, s) is not None]
    assert stored == {(task, shift, kind) for task, shift in changed for kind in kinds}


AGENT_ROWS = [row for row in RECORD["rows"] if row["kind"] in SUITE.plan.algorithms]


@pytest.mark.agents
@pytest.mark.parametrize("row", AGENT_ROWS, ids=lambda row: f"{row['task']}-{row['policy']}-{row['shift']}")
def test_a_stored_agent_gains_what_is_stored(row: dict[str, Any]):
    policy = pytest.importorskip("jitgym.agents.policy", reason="needs the extra `agents`")
    task, scenario = row["task"], world(row["task"], row["shift"])
    agent = policy.load_agent(CONTEST / "selected" / task / row["kind"], scenario, anywhere=bool(row["shift"]))
    assert agent.card.facts["seed"] == int(row["policy"].rpartition("-")[2])
    assert agent.card.facts["steps"] == row["training_steps"]
    base = rule_costs(task, row["rule"], row["shift"])
    gain = Scorecard(scenario).cost_a_slot(run_policy(scenario, agent, fresh())) - base
    stored = (row["difference_high"] - row["difference_low"]) / (2 * 1.96)
    error = np.hypot(gain.std(ddof=1) / np.sqrt(FRESH), stored)
    assert abs(gain.mean() - row["difference"]) <= 4 * error + 1e-9


ANCHOR_AGENTS = RESULTS / "anchor_agents"
SHORT = [name for name in ANCHORS if name.startswith(("lost_sales_1", "lost_sales_2"))]
"""Anchors that are solved in seconds."""


def anchored(name: str) -> dict[str, Any]:
    """What is stored of an anchor."""
    record = json.loads((ANCHOR_AGENTS / "anchor_agents.json").read_text("utf-8"))
    row: dict[str, Any] = next(row for row in record["results"] if row["anchor"] == name)
    return row


def test_agents_are_stored_of_every_anchor_that_was_measured():
    record = json.loads((ANCHOR_AGENTS / "anchor_agents.json").read_text("utf-8"))
    names = [row["anchor"] for row in record["results"]]
    assert names == ["exact_maintenance", *(name for name in ANCHORS if name.startswith("lost_sales"))]
    assert sorted(path.name for path in (ANCHOR_AGENTS / "selected").iterdir()) == sorted(names)
    assert {len(row["above"]) for row in record["results"]} == {10}
    above = {row["anchor"]: row["above"][row["selected"]] for row in record["results"]}
    assert above.pop("exact_maintenance") <= 0.3  # as the guides say
    assert max(above.values()) <= 0.6


@pytest.mark.agents
@pytest.mark.parametrize("name", SHORT)
def test_an_agent_is_as_far_from_the_optimum_as_is_stored(name: str):
    policy = pytest.importorskip("jitgym.agents.policy", reason="needs the extra `agents`")
    own, row = anchor(name), anchored(name)
    agent = policy.load_agent(ANCHOR_AGENTS / "selected" / name, own.scenario)
    assert agent.card.facts["seed"] == row["selected"]
    assert row["optimum"] == pytest.approx(own.solved.optimum.cost, rel=1e-6)
    costs = [
        Scorecard(own.scenario).cost_a_slot(run_policy(own.scenario, one, fresh()))
        for one in (agent, OptimalPolicy(own.solved))
    ]
    above = 100 * (costs[0] - costs[1]) / costs[1].mean()
    error = np.hypot(above.std(ddof=1) / np.sqrt(FRESH), row["errors"][row["selected"]])
    assert abs(above.mean() - row["above"][row["selected"]]) < 4 * error


@pytest.mark.agents
def test_regret_of_the_agent_of_the_line_that_wears_is_as_stored():
    policy = pytest.importorskip("jitgym.agents.policy", reason="needs the extra `agents`")
    name = "exact_maintenance"
    own, row = anchor(name), anchored(name)
    agent = policy.load_agent(ANCHOR_AGENTS / "selected" / name, own.scenario)
    menu = [(OFF, cards, level) for cards in range(5) for level in (1, OFF)]
    watched = Regret(explore(own.scenario, menu, own.bounds), agent)
    run_policy(own.scenario, watched, fresh())
    above = 100 * watched.a_slot / row["optimum"]
    error = np.hypot(above.std(ddof=1) / np.sqrt(FRESH), row["errors"][row["selected"]])
    assert abs(above.mean() - row["above"][row["selected"]]) < 4 * error
