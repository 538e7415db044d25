"""Training as a job of a contest: from a tuned rule, stored with its card, judged on seeds that nobody else meets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np

from jitgym.agents.policy import TrainedPolicy, load_agent, save_agent
from jitgym.agents.train import Training, train
from jitgym.contest import TrainingTask
from jitgym.evaluate import run_policy
from jitgym.jobs import Report
from jitgym.rules import rule_family
from jitgym.scenario import Scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank

VALIDATION: Final = (3_000_009, 512)
"""Instance of the tuning bank, and episodes, on which agents of several training seeds are told apart."""


def train_one(task: TrainingTask, report: Report) -> dict[str, Any]:
    """Train an agent, store it, and say what it costs on the seeds of validation: the work of a job."""
    rule = rule_family(task.scenario, task.rule).rule(np.array(task.numbers, dtype=np.int64))
    training = Training(
        task.scenario,
        task.steps,
        start=rule,
        seed=task.seed,
        device=task.device,
        settings=task.settings,
        algorithm=task.algorithm,
        origin=task.rule,
    )
    label = f"train {task.algorithm} {task.seed} on {task.scenario.name}"
    save_agent(train(training, task.work, lambda share, word: report(label, share, word)), task.folder)
    shutil.rmtree(task.work, ignore_errors=True)
    agent = load_agent(task.folder, task.scenario, task.device)
    return {
        "algorithm": task.algorithm,
        "weights": agent.card.weights_sha256,
        "validation": validation_cost(task.scenario, agent),
        "steps": agent.card.facts["steps"],
        "seconds": agent.card.facts["seconds"],
        "frames_per_second": agent.card.facts["frames_per_second"],
    }


def validation_cost(scenario: Scenario, agent: TrainedPolicy) -> float:
    """Return the mean cost a slot of an agent on the seeds of validation."""
    instance, episodes = VALIDATION
    ledger = run_policy(scenario, agent, seed_bank(instance, episodes, "tuning"))
    return float(Scorecard(scenario).cost_a_slot(ledger).mean())


def load_anywhere(folder: Path, scenario: Scenario) -> TrainedPolicy:
    """Read a stored agent for any line of its layout."""
    return load_agent(folder, scenario, anywhere=True)
