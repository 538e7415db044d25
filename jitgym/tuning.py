"""Many rules of one line, tuned: simpler ones first, each a job that is kept when done; and what they could trade.

A rule that is made of others, such as extended kanban of kanban and base stock, starts from what those were tuned to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jitgym.errors import InputError
from jitgym.jobs import Executor, Failure, Job, Report, Store, do
from jitgym.rules import RuleFamily, rule_family
from jitgym.scenario import Scenario
from jitgym.search import Budget
from jitgym.stats import Interval
from jitgym.trials import Tried
from jitgym.tune import Choice, Tuned, tune

MADE_OF = {"hybrid": ("kanban", "conwip"), "extended": ("kanban", "basestock"), "signal": ("kanban",)}
"""Control systems whose numbers are those of others together."""


@dataclass(frozen=True)
class TuningTask:
    """What one process has to tune."""

    scenario: Scenario
    rule: str
    seed: int
    budget: Budget
    simpler: tuple[tuple[str, tuple[int, ...]], ...]
    journal: Path


def simpler_than(name: str, names: Sequence[str]) -> list[str]:
    """Return the rules among some names that a rule is made of."""
    whole, _, upkeep = name.partition("+")
    system, slash, _ = whole.partition("/")
    found = [whole] if upkeep else []
    found += [f"{whole}+age"] if upkeep == "opportunistic" else []
    found += [system] if slash and not upkeep else []
    found += [f"{part}+{upkeep}" if upkeep else part for part in MADE_OF.get(whole, ())]
    return [one for one in found if one in names and one != name]


def tune_all(
    scenario: Scenario,
    families: Sequence[RuleFamily],
    seed: int,
    budget: Budget,
    store: Store,
    by: Executor,
    report: Report,
) -> dict[str, Tuned]:
    """Tune some rules of a line; return them by name, in the order given.

    Args:
        scenario: the line.
        families: the rules.
        seed: names the instance of the tuning bank.
        budget: of each of them.
        store: where results and journals are kept; what is there already is taken from it.
        by: who does it.
        report: told how each goes.

    Raises:
        InputError: tuning failed.
    """
    by_name = {family.name: family for family in families}
    done: dict[str, Tuned] = {}
    while len(done) < len(by_name):
        made_of = {name: simpler_than(name, list(by_name)) for name in by_name if name not in done}
        ready = [name for name, simpler in made_of.items() if all(one in done for one in simpler)]
        jobs = [_job(scenario, n, seed, budget, store, [done[one] for one in made_of[n]]) for n in ready]
        results, failures = do(jobs, store, by, report)
        for job in jobs:
            if job.key in failures:
                raise InputError(_told(job, failures[job.key]))
            done[job.key[1]] = from_record(by_name[job.key[1]], results[job.key])
            job.task.journal.unlink(missing_ok=True)  # the result is kept now
    return {name: done[name] for name in by_name}


def _job(scenario: Scenario, name: str, seed: int, budget: Budget, store: Store, simpler: Sequence[Tuned]) -> Job:
    spelled = " ".join(f"{key}={value}" for key, value in asdict(budget).items())
    starts = tuple((one.family.name, one.numbers) for one in simpler)
    key = (scenario.hash, name, f"seed {seed}", spelled, repr(starts))
    journal = store.folder / f"{name.replace('/', '_')}-{scenario.hash}-{seed}.trials"
    return Job(key, _tune, TuningTask(scenario, name, seed, budget, starts, journal), f"tune {name}")


def _told(job: Job, failure: Failure) -> str:
    return f"{job.label} failed: {failure.error}" + (f"\n{failure.trace}" if failure.trace else "")


def _tune(task: TuningTask, report: Report) -> dict[str, Any]:
    """Tune one rule: the work of a job."""
    label = f"tune {task.rule}"
    report(label, None, "")
    simpler = [_stub(rule_family(task.scenario, name), numbers) for name, numbers in task.simpler]
    tuned = tune(
        task.scenario,
        rule_family(task.scenario, task.rule),
        task.seed,
        task.budget,
        progress=lambda word: report(label, None, word),
        simpler=simpler,
        journal=task.journal,
    )
    return as_record(tuned)


def _stub(family: RuleFamily, numbers: tuple[int, ...]) -> Tuned:
    """Return a tuned rule of which only the numbers are known."""
    none = Interval(0.0, 0.0, 0.0, 0.0)
    return Tuned(family, numbers, none, none, 0, 0, Budget(), Choice(1, 0.0, 1, 0))


def as_record(tuned: Tuned) -> dict[str, Any]:
    """Return a tuned rule as JSON can hold it."""
    return {
        "numbers": list(tuned.numbers),
        "cost": asdict(tuned.cost),
        "start_cost": asdict(tuned.start_cost),
        "episodes": tuned.episodes,
        "seed": tuned.seed,
        "budget": asdict(tuned.budget),
        "choice": asdict(tuned.choice),
        "tried": [[list(vector), *asdict(one).values()] for vector, one in tuned.tried.items()],
    }


def from_record(family: RuleFamily, record: Mapping[str, Any]) -> Tuned:
    """Return the tuned rule that a record is of."""
    return Tuned(
        family=family,
        numbers=tuple(record["numbers"]),
        cost=Interval(**record["cost"]),
        start_cost=Interval(**record["start_cost"]),
        episodes=record["episodes"],
        seed=record["seed"],
        budget=Budget(**record["budget"]),
        choice=Choice(**record["choice"]),
        tried={tuple(vector): Tried(*values) for vector, *values in record["tried"]},
    )


@dataclass(frozen=True)
class FrontPoint:
    """A setting that no other one that was tried beats in cost, fill rate and stock at once."""

    rule: str
    numbers: tuple[int, ...]
    tried: Tried


def pareto_front(tuned: Mapping[str, Tuned], least: int = 64) -> list[FrontPoint]:
    """Return the settings of all rules that trade cost, fill rate and stock, cheapest first.

    The figures are those of the search, on its own seeds: of a setting that was just lucky they are a little too good.

    Args:
        tuned: rules by name, with what was tried.
        least: episodes that a setting must have been tried on.
    """
    points = [
        FrontPoint(name, vector, one)
        for name, rule in tuned.items()
        for vector, one in rule.tried.items()
        if one.episodes >= least
    ]
    if not points:
        return []
    goals = np.array([[p.tried.cost, -p.tried.fill_rate, p.tried.stock] for p in points])
    kept = []
    for i in np.lexsort(goals.T[::-1]):
        beaten = (goals <= goals[i]).all(axis=1) & (goals < goals[i]).any(axis=1)
        if not beaten.any():
            kept.append(points[i])
    return kept
