"""Simulation optimisation of the numbers of a rule of management, by the search that tunes the rules of lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.manager import Manager
from jitgym.enterprise.managers import MANAGERS, manager
from jitgym.enterprise.runs import run
from jitgym.scorecard import Floats
from jitgym.search import Budget, Progress
from jitgym.settings import Number
from jitgym.stats import Interval
from jitgym.trials import Numbers, TrialBook
from jitgym.tune import Choice, tune_book

AT_ONCE: Final = 1024
"""Companies run together at most."""
BUDGET: Final = Budget(
    trials=64, first=8, ask=16, last=128, rounds=30, episodes=24_000, finalists=6, most=1024, final=1024
)
"""A search of some minutes."""


@dataclass(frozen=True)
class _Numbered:
    name: str
    numbers: tuple[Number, ...]


class ManagerTrials(TrialBook):
    """Evaluates numbers of a rule: what is kept low is minus the mean economic profit of a period.

    Args:
        enterprise: the company.
        name: of the rule.
        seed: names the instance of the tuning bank.
        n_threads: threads that share the lines.
        journal: see :class:`jitgym.trials.TrialBook`.
    """

    def __init__(
        self, enterprise: Enterprise, name: str, seed: int = 0, n_threads: int = 1, journal: Path | None = None
    ) -> None:
        self.enterprise, self.name, self._n_threads = enterprise, name, n_threads
        self._companies: dict[int, Companies] = {}
        rule = manager(self._of(1), name)
        head = {"enterprise": enterprise.hash, "rule": name, "seed": seed}
        super().__init__(_Numbered(name, rule.numbers), seed, head, journal)

    def _of(self, n: int) -> Companies:
        """Return a batch of so many companies; the last one of another size is let go."""
        if n not in self._companies:
            self._companies.clear()
            self._companies[n] = Companies(self.enterprise, n, n_threads=self._n_threads)
        return self._companies[n]

    def _run(self, vectors: Numbers, seeds: npt.NDArray[np.uint64]) -> tuple[Floats, Floats, Floats]:
        per = max(1, AT_ONCE // len(seeds))
        parts = [self._results(vectors[i : i + per], seeds) for i in range(0, len(vectors), per)]
        profit, fill, stock = (np.concatenate([part[i] for part in parts]) for i in range(3))
        return -profit, fill.mean(axis=1), stock.mean(axis=1)

    def _results(self, vectors: Numbers, seeds: npt.NDArray[np.uint64]) -> tuple[Floats, Floats, Floats]:
        """Return mean economic profit, fill rate and inventory, each ``(n_vectors, n_seeds)``."""
        shape = (len(vectors), len(seeds))
        companies = self._of(shape[0] * shape[1])
        policy: Manager = MANAGERS[self.name](companies, np.repeat(vectors, len(seeds), axis=0))
        done = run(companies, policy, np.tile(seeds, len(vectors)))
        return (
            done.economic_profit.mean(axis=1).reshape(shape),
            done.measure("fill_rate").mean(axis=(1, 2)).reshape(shape),
            done.inventory.mean(axis=1).reshape(shape),
        )


@dataclass(frozen=True)
class TunedManager:
    """The best numbers of a rule of management.

    Attributes:
        name: of the rule.
        numbers: by name.
        profit: mean economic profit of a period on fresh seeds.
        start_profit: that of the start.
        episodes: what the search spent.
        choice: how the finalists came down to one.
    """

    name: str
    numbers: dict[str, int]
    profit: Interval
    start_profit: Interval
    episodes: int
    choice: Choice

    @property
    def values(self) -> Numbers:
        """The numbers, ``(n_numbers,)``."""
        return np.array(list(self.numbers.values()), dtype=np.int64)


def tune_manager(
    enterprise: Enterprise,
    name: str,
    seed: int = 0,
    budget: Budget = BUDGET,
    n_threads: int = 1,
    progress: Progress | None = None,
    journal: Path | None = None,
) -> TunedManager:
    """Search the numbers of a rule for the highest mean economic profit.

    Args:
        enterprise: the company.
        name: of the rule.
        seed: names the instances of the tuning bank.
        budget: how hard to search.
        n_threads: threads that share the lines.
        progress: called with a line of text after every batch.
        journal: a file to note every trial in and to go on from.
    """
    trials = ManagerTrials(enterprise, name, seed, n_threads, journal)
    start = np.array([number.start for number in trials.numbers], dtype=np.int64)
    found = tune_book(trials, budget, [start], progress)
    names = [number.name for number in trials.numbers]
    numbers = dict(zip(names, found.numbers, strict=True))
    return TunedManager(name, numbers, _minus(found.cost), _minus(found.start_cost), trials.episodes, found.choice)


def _minus(cost: Interval) -> Interval:
    return Interval(-cost.mean, cost.error, -cost.high, -cost.low)
