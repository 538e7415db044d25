"""A contest: every rule tuned, agents trained, all evaluated on every line of a suite, piece by piece.

Every piece - tuning a rule, training an agent, evaluating a policy on a line - is a job that is kept when done, so
that a contest that was cut off goes on where it was. A line that is broken is told, and the others finish.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.compare import FULL, families_of
from jitgym.errors import InputError
from jitgym.evaluate import Policy, outcome, run_policy
from jitgym.jobs import Executor, Job, Report, Store, Work, digest, do
from jitgym.rollout import RolloutPolicy
from jitgym.rules import rule_family
from jitgym.scenario import Scenario
from jitgym.search import Budget
from jitgym.seeds import seed_bank
from jitgym.shifts import shifted
from jitgym.suite import Suite
from jitgym.tune import Tuned
from jitgym.tuning import tune_all

Floats = npt.NDArray[np.float64]
Loader = Callable[[Path, Scenario], Policy]
"""Reads a stored agent for a line that need not be the one it was trained on. A function of a module."""
Settings = Callable[[str, str], dict[str, Any]]
"""Returns the hyper-parameters of an algorithm for the line of a name: what JSON can hold. ``n_timesteps`` counts where
the suite does not say for how many steps agents are trained."""
Evaluation = Mapping[str, Any]
"""Of a policy on a line: ``costs`` a slot by seed, mean ``kpis``, ``decision_seconds``."""


@dataclass(frozen=True)
class PolicySpec:
    """A policy that another process can build: ``rule`` with numbers, ``rollout`` from one, or a stored ``agent``."""

    kind: str
    name: str
    numbers: tuple[int, ...] = ()
    folder: Path | None = None
    weights: str = ""

    @property
    def made_of(self) -> str:
        """What tells it from others of its name."""
        return self.weights or repr(self.numbers)


@dataclass(frozen=True)
class EvaluationTask:
    """A policy to be run on the evaluation seeds of a line.

    Attributes:
        scenario: the line.
        policy: it.
        n_seeds: first seeds of the bank.
        seed: names the instance of the bank.
        load: what reads agents.
        home: the line that it was tuned for, if that is another: nothing is tuned anew.
    """

    scenario: Scenario
    policy: PolicySpec
    n_seeds: int
    seed: int
    load: Loader | None = None
    home: Scenario | None = None


@dataclass(frozen=True)
class TrainingTask:
    """An agent to be trained on a line, from a tuned rule, and stored."""

    scenario: Scenario
    algorithm: str
    steps: int
    seed: int
    rule: str
    numbers: tuple[int, ...]
    folder: Path
    work: Path
    device: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Learning:
    """How a contest gets at agents: what trains one, what reads a stored one (both functions of a module), and how.

    An agent that was trained under other settings is not taken for one that was trained under these.
    """

    train: Work
    load: Loader
    device: str = "cpu"
    settings: Settings = lambda algorithm, line: {}


@dataclass(frozen=True)
class TaskResult:
    """What came of one line.

    Attributes:
        scenario: the line.
        tuned: its rules.
        evaluations: of rules, of ``rollout``, and of agents by the name ``algorithm-seed``.
        agents: facts of every agent, by the same name: ``algorithm``, ``validation`` cost, checksum of ``weights``,
            ``steps`` and ``seconds`` of training, its ``folder`` below ``agents`` ...
        shifted: evaluations under each shift, of the best rule and the selected agents.
    """

    scenario: Scenario
    tuned: Mapping[str, Tuned]
    evaluations: Mapping[str, Evaluation]
    agents: Mapping[str, Mapping[str, Any]]
    shifted: Mapping[str, Mapping[str, Evaluation]] = field(default_factory=dict)

    def costs(self, name: str, shift: str | None = None) -> Floats:
        """Return the mean cost a slot of a policy on every seed, ``(n_seeds,)``."""
        found = self.evaluations if shift is None else self.shifted[shift]
        return np.array(found[name]["costs"])

    @property
    def best_rule(self) -> str:
        """The rule with the lowest mean cost on the evaluation seeds: it is chosen by them, which is in its favour."""
        return min(self.tuned, key=lambda name: float(self.costs(name).mean()))

    def seeds_of(self, algorithm: str) -> list[str]:
        """Return the names of an algorithm's agents that were evaluated, by training seed."""
        return [a for a, facts in self.agents.items() if facts["algorithm"] == algorithm and a in self.evaluations]

    def selected(self, *algorithms: str) -> str | None:
        """Return the agent of some algorithms that did best on validation seeds, which no evaluation meets, if any."""
        agents = [name for algorithm in algorithms for name in self.seeds_of(algorithm)]
        return min(agents, key=lambda name: float(self.agents[name]["validation"]), default=None)


class Contest:
    """Does all that is not done yet of a suite.

    Args:
        suite: the lines and what is to be done.
        out: folder; jobs are kept in ``jobs``, agents in ``agents``.
        by: who does the jobs.
        report: told how they go.
        learning: how agents are trained and read; None: no agents.
        budget: of tuning each rule.
        seed: names the instances of all seed banks.

    Attributes:
        faults: what went wrong, by what it was.
    """

    def __init__(
        self,
        suite: Suite,
        out: Path,
        by: Executor,
        report: Report,
        learning: Learning | None = None,
        budget: Budget = FULL,
        seed: int = 0,
    ) -> None:
        self.suite = suite
        self.out = out.resolve()
        self.learning = learning
        self.budget = budget
        self.seed = seed
        self.faults: dict[str, str] = dict(suite.broken)
        self._store = Store(self.out / "jobs")
        self._by = by
        self._report = report

    def run(self) -> dict[str, TaskResult]:
        """Tune, train, evaluate; return what came of every line on which every rule could be evaluated."""
        tuned = self._tune()
        agents = self._train(tuned)
        evaluations = self._evaluate(tuned, agents)
        whole = [name for name, rules in tuned.items() if all(rule in evaluations[name] for rule in rules)]
        results = {n: TaskResult(self.suite.tasks[n], tuned[n], evaluations[n], agents[n]) for n in whole}
        return self._under_shifts(results)

    def _tune(self) -> dict[str, dict[str, Tuned]]:
        """Tune the rules of every line."""
        tuned: dict[str, dict[str, Tuned]] = {}
        for name, scenario in self.suite.tasks.items():
            families = families_of(scenario, self.suite.plan.rules)
            try:
                report = self._of(name)
                tuned[name] = tune_all(scenario, families, self.seed, self.budget, self._store, self._by, report)
            except InputError as error:
                self.faults[name] = str(error)
        return tuned

    def _of(self, task: str) -> Report:
        return lambda label, share, word: self._report(f"{task}: {label}", share, word)

    def _train(self, tuned: Mapping[str, Mapping[str, Tuned]]) -> dict[str, dict[str, Any]]:
        """Train every agent; return facts by line and agent."""
        plan, jobs, folders = self.suite.plan, {}, {}
        found: dict[str, dict[str, Any]] = {name: {} for name in tuned}
        if self.learning is None:
            return found
        for name, rules in tuned.items():
            start = min(rules.values(), key=lambda one: one.cost.mean)
            for algorithm in plan.algorithms:
                settings = self.learning.settings(algorithm, name)
                steps = int(plan.steps or settings["n_timesteps"])
                for i in range(plan.seeds):
                    agent, scenario, seed = f"{algorithm}-{i}", self.suite.tasks[name], self.seed + i
                    what = (f"train {algorithm}", f"seed {seed}", f"{steps} steps", start.family.name)
                    key = (scenario.hash, *what, repr(start.numbers), json.dumps(settings, sort_keys=True))
                    folder = Path(name) / f"{agent}-{digest(key)}"
                    folders[name, agent] = folder.as_posix()
                    task = TrainingTask(
                        scenario=scenario,
                        algorithm=algorithm,
                        steps=steps,
                        seed=seed,
                        rule=start.family.name,
                        numbers=start.numbers,
                        folder=self.out / "agents" / folder,
                        work=self.out / "work" / folder,
                        device=self.learning.device,
                        settings=settings,
                    )
                    jobs[name, agent] = Job(key, self.learning.train, task, f"{name}: train {agent}")
        for name, agents in self._done(jobs, found).items():
            found[name] = {agent: {**facts, "folder": folders[name, agent]} for agent, facts in agents.items()}
        return found

    def _evaluate(
        self, tuned: Mapping[str, Mapping[str, Tuned]], agents: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Evaluate every policy on its line."""
        jobs = {}
        for name, rules in tuned.items():
            specs = {rule: PolicySpec("rule", rule, one.numbers) for rule, one in rules.items()}
            specs |= {agent: self._agent(agent, facts) for agent, facts in agents[name].items()}
            constant = [one for one in rules.values() if one.family.is_constant]
            if self.suite.plan.rollout and constant:
                base = min(constant, key=lambda one: one.cost.mean)
                specs["rollout"] = PolicySpec("rollout", base.family.name, base.numbers)
            for policy, spec in specs.items():
                jobs[name, policy] = self._evaluation(self.suite.tasks[name], name, policy, spec)
        return self._done(jobs, {name: {} for name in tuned})

    def _under_shifts(self, results: Mapping[str, TaskResult]) -> dict[str, TaskResult]:
        """Evaluate the best rule and the selected agents of every line under every shift that it allows."""
        jobs, shifts = {}, self.suite.plan.shifts
        for name, result in results.items():
            best = result.best_rule
            specs = {best: PolicySpec("rule", best, result.tuned[best].numbers)}
            for algorithm in self.suite.plan.algorithms:
                agent = result.selected(algorithm)
                if agent is not None:
                    specs[agent] = self._agent(agent, result.agents[agent])
            for shift in shifts:
                where = f"{name} ({shift})"
                try:
                    scenario = shifted(result.scenario, shift)
                except InputError as error:
                    self.faults[where] = str(error)
                    continue
                for policy, spec in specs.items() if scenario is not None else ():
                    assert scenario is not None
                    jobs[where, policy] = self._evaluation(scenario, where, policy, spec, result.scenario)
        found = self._done(jobs, {where: {} for where, _ in jobs})
        return {
            name: replace(result, shifted={s: found[f"{name} ({s})"] for s in shifts if f"{name} ({s})" in found})
            for name, result in results.items()
        }

    def _agent(self, name: str, facts: Mapping[str, Any]) -> PolicySpec:
        return PolicySpec("agent", name, folder=self.out / "agents" / facts["folder"], weights=facts["weights"])

    def _evaluation(
        self, scenario: Scenario, where: str, policy: str, spec: PolicySpec, home: Scenario | None = None
    ) -> Job:
        """Return the job of running a policy on the evaluation seeds of a line."""
        plan, load = self.suite.plan, None if self.learning is None else self.learning.load
        n = plan.rollout if spec.kind == "rollout" else plan.replications
        key = (scenario.hash, f"evaluate {policy} {spec.name}", f"seed {self.seed}", f"{n} seeds", spec.made_of)
        task = EvaluationTask(scenario, spec, n, self.seed, load, home)
        return Job(key, evaluate_one, task, f"{where}: evaluate {policy}")

    def _done(self, jobs: Mapping[tuple[str, str], Job], found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Do jobs by line and policy; put their results there, and note what went wrong."""
        results, failures = do(list(jobs.values()), self._store, self._by, self._report)
        for (where, policy), job in jobs.items():
            if job.key in failures:
                self.faults[f"{where}: {policy}"] = failures[job.key].error
            else:
                found[where][policy] = results[job.key]
        return found


def evaluate_one(task: EvaluationTask, report: Report) -> dict[str, Any]:
    """Run a policy on the evaluation seeds of a line: the work of a job."""
    scenario, policy = task.scenario, build_policy(task)
    seeds = seed_bank(task.seed, task.n_seeds, "evaluation")
    found = outcome(scenario, policy, run_policy(scenario, policy, seeds))
    return {
        "costs": found.cost.tolist(),
        "kpis": {name: _mean(values) for name, values in found.kpis.items()},
        "decision_seconds": found.latency,
    }


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def build_policy(task: EvaluationTask) -> Policy:
    """Build the policy that a task is about.

    Raises:
        InputError: it cannot be loaded, or is not for this line.
    """
    spec = task.policy
    if spec.kind == "agent":
        if task.load is None or spec.folder is None:
            raise InputError(f"agent {spec.name!r} needs something that loads it")
        return task.load(spec.folder, task.scenario)
    family = rule_family(task.home or task.scenario, spec.name).seen_on(task.scenario)
    rule = family.rule(np.array(spec.numbers, dtype=np.int64))
    return RolloutPolicy(task.scenario, rule.knobs) if spec.kind == "rollout" else rule


def scores(results: Mapping[str, TaskResult], algorithm: str) -> Floats:
    """Return mean cost over that of the best tuned rule, ``(n_training_seeds, n_lines)``; 1 is as good, less better.

    Raises:
        InputError: an algorithm has not as many agents on one line as on another.
    """
    columns: list[Sequence[float]] = []
    for result in results.values():
        base = float(result.costs(result.best_rule).mean())
        columns.append([float(result.costs(agent).mean()) / base for agent in result.seeds_of(algorithm)])
    counts = [len(column) for column in columns]
    if len(set(counts)) != 1:
        raise InputError(f"{algorithm} must have as many agents on every line, got {counts}")
    return np.array(columns).T
