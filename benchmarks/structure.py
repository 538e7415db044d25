"""What PPO gains from a tuned rule to start from: the same budget with and without it, over several training seeds.

Every agent is evaluated on the same seeds as the rule, which neither tuning nor training has met. The cost of the
best tuned rule is 100 %.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import machine, parsed, show_table, wide_console

from jitgym.agents.train import Training, train
from jitgym.compare import FULL, QUICK, Plan, best_rule, families_of, tune_rules
from jitgym.evaluate import evaluate
from jitgym.jobs import Store
from jitgym.scenario import load_scenario
from jitgym.tune import Tuned

STARTS = {True: "the tuned rule", False: "nothing"}


@dataclass(frozen=True)
class Run:
    """One agent: its line, whether it started as the rule, its mean cost a slot and the rule's on the same seeds."""

    scenario: str
    structured: bool
    seed: int
    cost: float
    rule_cost: float

    @property
    def share(self) -> float:
        """The agent's cost in percent of the rule's."""
        return 100 * self.cost / self.rule_cost


@dataclass(frozen=True)
class Job:
    """What one process has to do."""

    scenario: str
    tuned: Tuned
    structured: bool
    seed: int
    steps: int
    n_seeds: int


def tuned_rule(name: str, args: Namespace) -> Tuned:
    """Return the best tuned rule of a scenario."""
    scenario = load_scenario(name)
    plan = Plan(scenario, families_of(scenario, "all"), budget=QUICK if args.quick else FULL, n_threads=args.processes)
    with tempfile.TemporaryDirectory() as folder:
        return best_rule(tune_rules(plan, lambda label, share, word: None, Store(Path(folder))))


def run(job: Job) -> Run:
    """Train one agent and run it and the rule on the evaluation's seeds."""
    scenario, rule = load_scenario(job.scenario), job.tuned.rule
    training = Training(scenario, job.steps, rule if job.structured else None, job.seed)
    with tempfile.TemporaryDirectory() as folder:
        agent = train(training, Path(folder))
    outcomes = evaluate(scenario, {"agent": agent, "rule": rule}, {"rule"}, job.n_seeds).outcomes
    agent_cost, rule_cost = (float(outcomes[name].cost.mean()) for name in ("agent", "rule"))
    return Run(job.scenario, job.structured, job.seed, agent_cost, rule_cost)


def jobs(args: Namespace) -> Iterator[Job]:
    """Yield every agent that is to be trained."""
    for name in args.scenario:
        tuned = tuned_rule(name, args)
        for structured in STARTS:
            for seed in range(args.seeds):
                yield Job(name, tuned, structured, seed, args.steps, args.evaluation)


def show(runs: list[Run], args: Namespace) -> None:
    """Print a row for every line and start: median, best and worst of the training seeds."""
    title = f"Cost of PPO after {args.steps:,} steps, best tuned rule = 100 %; {args.seeds} training seeds each"
    rows = []
    for name in args.scenario:
        for structured, start in STARTS.items():
            group = [one for one in runs if one.scenario == name and one.structured is structured]
            shares = [one.share for one in group]
            cells = (f"{value:.1f} %" for value in (np.median(shares), min(shares), max(shares)))
            rows.append((name, f"{group[0].rule_cost:.3f}", start, *cells))
    show_table(title, ("scenario", "rule's cost a slot", "agent starts as", "median", "best", "worst"), rows)


def main() -> None:
    """Tune, train, evaluate, print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="*", help="names of scenarios (bearing_line four_stage lost_sales)")
    parser.add_argument("--steps", type=int, help="steps of a line to train for (1000000)")
    parser.add_argument("--seeds", type=int, help="training seeds (5)")
    parser.add_argument("--evaluation", type=int, help="replications of the evaluation (1000)")
    parser.add_argument("--processes", type=int, default=2, help="agents trained at once")
    parser.add_argument("--quick", action="store_true", help="a few seconds: checks the script, measures nothing")
    args = parsed(
        parser,
        scenario=(["lost_sales"], ["bearing_line", "four_stage", "lost_sales"]),
        steps=(8192, 1_000_000),
        seeds=(1, 5),
        evaluation=(20, 1000),
    )
    began = time.perf_counter()
    runs: list[Run] = []
    with ProcessPoolExecutor(args.processes) as pool:
        for one in pool.map(run, list(jobs(args))):  # all rules are tuned, then the processes begin
            runs.append(one)
            print(f"{one.scenario}, from {STARTS[one.structured]}, seed {one.seed}: {one.share:.1f} %", flush=True)
    show(runs, args)
    spent = time.perf_counter() - began
    wide_console().print(f"{machine('torch', 'stable-baselines3')}; {spent:.0f} s", soft_wrap=True)


if __name__ == "__main__":
    main()
