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

from jitgym.evaluate import run_policy
from jitgym.rules import rule_family
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
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
def rule_costs(task: str, name: str) -> Floats:
    scenario = SUITE.tasks[task]
    return Scorecard(scenario).cost_a_slot(run_policy(scenario, rule_of(task, name), fresh()))


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


@pytest.mark.agents
@pytest.mark.parametrize("algorithm", SUITE.plan.algorithms)
@pytest.mark.parametrize("task", SUITE.tasks)
def test_a_stored_agent_gains_what_is_stored(task: str, algorithm: str):
    policy = pytest.importorskip("jitgym.agents.policy", reason="needs the extra `agents`")
    scenario = SUITE.tasks[task]
    row = next(row for row in RECORD["rows"] if (row["task"], row["kind"], row["shift"]) == (task, algorithm, ""))
    agent = policy.load_agent(CONTEST / "selected" / task / algorithm, scenario)
    assert agent.card.facts["seed"] == int(row["policy"].rpartition("-")[2])
    assert agent.card.facts["steps"] == row["training_steps"]
    gain = Scorecard(scenario).cost_a_slot(run_policy(scenario, agent, fresh())) - rule_costs(task, row["rule"])
    error = gain.std(ddof=1) * np.sqrt(1 / FRESH + 1 / SUITE.plan.replications)
    assert abs(gain.mean() - row["difference"]) <= 4 * error + 1e-9
