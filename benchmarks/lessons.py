"""Training an agent as a job of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jitgym.agents.trainer import train_one
from jitgym.contest import TrainingTask
from jitgym.jobs import Job, digest
from jitgym.scenario import Scenario


def lesson(
    scenario: Scenario,
    algorithm: str,
    settings: Mapping[str, Any],
    rule: str,
    numbers: tuple[int, ...],
    seed: int,
    out: Path,
) -> tuple[Job, Path]:
    """Return the job of training an agent from a tuned rule, and the folder that it will be stored in.

    Args:
        scenario: the line.
        algorithm: with settings for so many ``n_timesteps``.
        settings: hyper-parameters.
        rule: name of the rule to start as.
        numbers: its numbers.
        seed: of the training.
        out: folder of the benchmark.
    """
    steps = int(settings["n_timesteps"])
    key = (scenario.hash, f"train {seed}", f"{steps} steps", rule, repr(numbers), repr(dict(settings)))
    place = Path(scenario.name) / f"{seed}-{digest(key)}"
    task = TrainingTask(
        scenario=scenario,
        algorithm=algorithm,
        steps=steps,
        seed=seed,
        rule=rule,
        numbers=numbers,
        folder=out / "agents" / place,
        work=out / "work" / place,
        device="cpu",
        settings=dict(settings),
    )
    return Job(key, train_one, task, f"train {seed} on {scenario.name}"), task.folder
