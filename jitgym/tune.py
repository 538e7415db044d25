"""Simulation optimisation of a rule's numbers: from the textbook's to the best of some finalists, with a guarantee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from jitgym.rules import Rule, RuleFamily
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats
from jitgym.search import Budget, Progress, bounds, search
from jitgym.selection import kim_nelson
from jitgym.stats import Interval, interval
from jitgym.trials import Numbers, TrialBook, Trials, Tried

SELECTION: Final = 1
FINAL: Final = 2
"""Instances of the tuning bank that the search does not meet: for the choice among finalists, for what is reported."""
FIRST: Final = 64
BATCH: Final = 256
"""Episodes of every finalist before any of them can be dropped, and then at a time."""


@dataclass(frozen=True)
class Choice:
    """How the finalists came down to one, by Kim and Nelson's procedure.

    Attributes:
        finalists: how many there were.
        indifference: a difference in cost a slot that is not worth telling apart.
        left: finalists that could not be told from the best when it ended; 1 if one was selected.
        episodes: of each finalist that was left.
    """

    finalists: int
    indifference: float
    left: int
    episodes: int


@dataclass(frozen=True)
class Tuned:
    """The best numbers of a family, with the cost of that rule on fresh seeds, and what the search spent."""

    family: RuleFamily
    numbers: tuple[int, ...]
    cost: Interval
    start_cost: Interval
    episodes: int
    seed: int
    budget: Budget
    choice: Choice
    tried: Mapping[tuple[int, ...], Tried] = field(default_factory=dict, repr=False, compare=False)

    @property
    def rule(self) -> Rule:
        """The rule with these numbers."""
        return self.family.rule(self.numbers)


def tune(
    scenario: Scenario,
    family: RuleFamily,
    seed: int = 0,
    budget: Budget | None = None,
    n_threads: int = 1,
    progress: Progress | None = None,
    simpler: Sequence[Tuned] = (),
    journal: Path | None = None,
) -> Tuned:
    """Search the numbers of a family for the lowest mean cost of an episode.

    Exploration and climb (:mod:`jitgym.search`) on one bank of seeds; the finalists meet fresh seeds, and Kim and
    Nelson's procedure chooses among them; the cost of the choice is measured on seeds that are fresh again, so that it
    is not the optimistic best of a search.

    Args:
        scenario: the line.
        family: whose numbers.
        seed: names the instances of the tuning bank.
        budget: how hard to search.
        n_threads: threads that share the lines.
        progress: called with a line of text after every batch.
        simpler: rules tuned before; their numbers are tried too, where the family has numbers of the same names.
        journal: a file to note every trial in and to go on from.

    Raises:
        InputError: a journal of another search, or optuna is not installed.
    """
    budget = budget or Budget()
    trials = Trials(scenario, family, seed, n_threads, journal)
    found = tune_book(trials, budget, [family.start, *_inherited(family, simpler)], progress)
    return Tuned(
        family=family,
        numbers=found.numbers,
        cost=found.cost,
        start_cost=found.start_cost,
        episodes=trials.episodes,
        seed=seed,
        budget=budget,
        choice=found.choice,
        tried=trials.tried,
    )


@dataclass(frozen=True)
class Found:
    """The best numbers of a search, with their cost and that of the first start on fresh seeds."""

    numbers: tuple[int, ...]
    cost: Interval
    start_cost: Interval
    choice: Choice


def tune_book(trials: TrialBook, budget: Budget, starts: Sequence[Numbers], progress: Progress | None = None) -> Found:
    """Search, choose among finalists, and measure the choice: what :func:`tune` does, whatever the numbers are of.

    Args:
        trials: where vectors are tried.
        budget: how hard to search.
        starts: vectors to try first, ``(n_numbers,)`` each.
        progress: called with a line of text after every batch.
    """
    best, choice = starts[0], Choice(1, 0.0, 1, 0)
    if trials.numbers:
        best = search(trials, budget, starts, progress or _silent)
        best, choice = _select(trials, budget, best)
    costs = trials.costs(np.stack([best, starts[0]]), budget.final, FINAL)
    return Found(tuple(int(n) for n in best), interval(costs[0]), interval(costs[1]), choice)


def _silent(word: str) -> None:
    """Tell nobody."""


def _inherited(family: RuleFamily, simpler: Sequence[Tuned]) -> list[Numbers]:
    """Return vectors with the numbers of rules tuned before; what those lack is the textbook's, or the highest."""
    vectors = []
    for tuned in simpler:
        known = dict(zip((number.name for number in tuned.family.numbers), tuned.numbers, strict=True))
        for loose in (False, True):
            values = [known.get(n.name, n.high if loose else n.start) for n in family.numbers]
            vectors.append(np.clip(np.array(values, dtype=np.int64), *bounds(family.numbers)))
    return vectors


def _select(trials: TrialBook, budget: Budget, best: Numbers) -> tuple[Numbers, Choice]:
    """Choose among the best of the search and its rivals, on fresh seeds."""
    ranked = sorted(trials.tried, key=lambda v: trials.tried[v].cost)
    rivals = [v for v in ranked if v != tuple(best.tolist()) and trials.tried[v].episodes >= 4 * budget.first]
    finalists = np.array([tuple(best.tolist()), *rivals[: budget.finalists - 1]], dtype=np.int64)
    delta = budget.indifference * abs(trials.tried[tuple(best.tolist())].cost) or 1e-9

    def sample(systems: Numbers, first: int, count: int) -> Floats:
        return trials.costs(finalists[systems], count, SELECTION, first)

    chosen = kim_nelson(sample, len(finalists), delta, n0=min(FIRST, budget.most), batch=BATCH, most=budget.most)
    left = len(chosen.survivors)
    return finalists[chosen.selected], Choice(len(finalists), delta, left, chosen.replications)
