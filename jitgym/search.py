"""The search for a rule's best numbers: optuna asks, the core answers in batches, then the best move while they gain.

1. *Explore.* The textbook's numbers, those of simpler rules tuned before, and random ones round them; then what the
   tree-structured Parzen estimator of optuna asks for (Bergstra et al. 2011), in batches, by ask and tell.
2. *Climb.* From the best: steps of one number, of all, and of random pairs, up or down; the best by successive halving
   (Karnin, Koren & Somekh 2013) is moved to if it gains; steps shrink to 1.

All vectors meet the same seeds. What is best here is optimistic: the last word is :mod:`jitgym.selection`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jitgym.errors import InputError
from jitgym.rules import RuleFamily
from jitgym.trials import Numbers, Trials

STRIDES: Final = (0.3, 0.15, 0.07, 0.0)
"""Steps of a climb as shares of each number; 0 stands for steps of 1."""
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Budget:
    """How hard to search.

    Attributes:
        trials: vectors of the exploration.
        first: episodes of each of them.
        ask: vectors that optuna is asked for at a time.
        last: episodes of each vector in the last halving of a climb.
        rounds: most moves of a climb.
        episodes: no further round begins when this many have been spent.
        finalists: vectors that selection chooses from.
        indifference: difference in cost that is not worth telling apart, as a share of the best cost.
        most: most episodes of each finalist.
        final: fresh episodes for the cost that is reported.
    """

    trials: int = 96
    first: int = 16
    ask: int = 16
    last: int = 512
    rounds: int = 40
    episodes: int = 60_000
    finalists: int = 8
    indifference: float = 0.005
    most: int = 2048
    final: int = 2048


def search(trials: Trials, budget: Budget, starts: Sequence[Numbers], progress: Progress) -> Numbers:
    """Return the best vector found, ``(n_numbers,)``: the best of the climbs from different starts.

    Args:
        trials: where vectors are tried.
        budget: how many.
        starts: vectors to try first: the textbook's, then those of simpler rules.
        progress: called after every batch with how it goes.
    """
    tops: list[Numbers] = []
    for start in explore(trials, budget, starts, progress):
        if not tops or trials.episodes < budget.episodes:
            tops.append(climb(trials, budget, start, progress))
    return halve(trials, np.unique(np.stack(tops), axis=0), budget.last, budget.last)


def explore(trials: Trials, budget: Budget, starts: Sequence[Numbers], progress: Progress) -> list[Numbers]:
    """Return where to climb from, cheapest first: the best vector of its own, and the best that simpler rules gave.

    The hill that a simpler rule stands on need not be the highest.
    """
    family = trials.family
    rng = np.random.default_rng(trials.seed)
    given = np.vstack([*(start[None] for start in starts), around(family, starts[0], budget.trials // 2, rng)])
    _, order = np.unique(given, axis=0, return_index=True)
    given = given[np.sort(order)][: max(budget.trials, len(starts))]
    study = _Study(family, trials.seed)
    study.tell(given, trials.costs(given, budget.first).mean(axis=1))
    asked = len(given)
    while asked < budget.trials:
        vectors = study.ask(min(budget.ask, budget.trials - asked))
        study.tell(vectors, trials.costs(vectors, budget.first).mean(axis=1))
        asked += len(vectors)
        progress(f"explored {asked} of {budget.trials}, best {study.best:.4g}")
    inherited = {tuple(start.tolist()) for start in starts[1:]}
    ranked = sorted(trials.tried, key=lambda v: trials.tried[v].cost)
    own, others = ([v for v in ranked if (v in inherited) == other] for other in (False, True))
    found = [
        halve(trials, np.array(pool[: budget.ask]), 2 * budget.first, budget.last) for pool in (own, others) if pool
    ]
    return sorted(found, key=lambda v: trials.tried[tuple(v.tolist())].cost)


def climb(trials: Trials, budget: Budget, start: Numbers, progress: Progress) -> Numbers:
    """Return the vector where moves no longer gain, or the budget is spent, ``(n_numbers,)``."""
    best, stride = start, 0
    rng = np.random.default_rng([trials.seed, 1])
    for round_ in range(budget.rounds):
        if trials.episodes >= budget.episodes:
            break
        better = improve(trials, budget, best, neighbours(trials.family, best, STRIDES[stride], rng))
        progress(
            f"move {round_ + 1}, stride {STRIDES[stride] or 1}, best {trials.tried[tuple(better.tolist())].cost:.4g}"
        )
        if (better == best).all():
            stride += 1
            if stride == len(STRIDES):
                break
        best = better
    return best


def halve(trials: Trials, vectors: Numbers, first: int, last: int) -> Numbers:
    """Return the best vector: run all, keep the better half, double the episodes, until one is left."""
    episodes = first
    while len(vectors) > 1:
        means = trials.costs(vectors, episodes).mean(axis=1)
        keep = 1 if episodes >= last else max(1, len(vectors) // 2)
        vectors = vectors[np.argsort(means, kind="stable")[:keep]]
        episodes = min(last, 2 * episodes)
    best: Numbers = vectors[0]
    return best


def improve(trials: Trials, budget: Budget, centre: Numbers, vectors: Numbers) -> Numbers:
    """Return the best of some vectors if it beats the centre on all seeds of the last halving, else the centre.

    Halving may drop the centre on few seeds; the last word makes every move a gain, so that a climb ends.
    """
    challenger = halve(trials, vectors, budget.first, budget.last)
    if (challenger == centre).all():
        return centre
    means = trials.costs(np.stack([centre, challenger]), budget.last).mean(axis=1)
    return challenger if means[1] < means[0] else centre


def bounds(family: RuleFamily) -> tuple[Numbers, Numbers]:
    """Return the lowest and the highest value of every number."""
    low = np.array([number.low for number in family.numbers], dtype=np.int64)
    return low, np.array([number.high for number in family.numbers], dtype=np.int64)


def around(family: RuleFamily, centre: Numbers, n: int, rng: np.random.Generator) -> Numbers:
    """Return random vectors: a common and an individual factor, between 1/3 and 3 of a centre together."""
    low, high = bounds(family)
    factors = np.exp(rng.uniform(np.log(0.5), np.log(2.0), (n, 1)) + rng.uniform(-0.4, 0.4, (n, len(low))))
    vectors: Numbers = np.clip(np.rint(centre * factors).astype(np.int64), low, high)
    return vectors


def neighbours(family: RuleFamily, centre: Numbers, stride: float, rng: np.random.Generator) -> Numbers:
    """Return the centre first, then it with one number, all, or a random pair of them a step up or down."""
    low, high = bounds(family)
    n = len(centre)
    step = np.maximum(1, np.rint(stride * np.abs(centre)).astype(np.int64))
    one = np.diag(step)
    moves = [one, -one, step[None], -step[None]]
    if n > 2:
        first, second = np.triu_indices(n, 1)
        chosen = rng.permutation(len(first))[: 2 * n]
        signs = rng.choice([-1, 1], (2, len(chosen), 1))
        moves.append(signs[0] * one[first[chosen]] + signs[1] * one[second[chosen]])
    vectors = np.clip(np.vstack([centre[None], *(centre + move for move in moves)]), low, high)
    _, order = np.unique(vectors, axis=0, return_index=True)
    near: Numbers = vectors[np.sort(order)]
    return near


class _Study:
    """An optuna study of a family's numbers, by ask and tell.

    Raises:
        InputError: optuna is not installed.
    """

    def __init__(self, family: RuleFamily, seed: int) -> None:
        try:
            import optuna
        except ModuleNotFoundError as error:
            raise InputError("tuning needs optuna: install jitgym[tune]") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna: Any = optuna
        self._names = [number.name for number in family.numbers]
        self._laws: dict[str, Any] = {
            n.name: optuna.distributions.IntDistribution(n.low, n.high) for n in family.numbers
        }
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=0)
        self._study = optuna.create_study(sampler=sampler)
        self._open: list[Any] = []

    @property
    def best(self) -> float:
        """The lowest value told."""
        return float(self._study.best_value)

    def ask(self, n: int) -> Numbers:
        """Return vectors to try next, ``(n, n_numbers)``."""
        self._open = [self._study.ask(self._laws) for _ in range(n)]
        return np.array([[trial.params[name] for name in self._names] for trial in self._open], dtype=np.int64)

    def tell(self, vectors: Numbers, values: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """Tell the values of the vectors asked for, or of others."""
        for i, value in enumerate(values.tolist()):
            if self._open:
                self._study.tell(self._open[i], value)
                continue
            params = dict(zip(self._names, vectors[i].tolist(), strict=True))
            self._study.add_trial(self._optuna.trial.create_trial(params=params, distributions=self._laws, value=value))
        self._open = []
