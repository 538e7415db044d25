"""The search for a rule's best numbers: optuna asks, the core answers in batches, then the best move while they gain.

1. *Explore.* The textbook's numbers, those of simpler rules tuned before, and random ones round them; then what the
   tree-structured Parzen estimator of optuna asks for (Bergstra et al. 2011), in batches, by ask and tell.
2. *Climb.* From the best of each: steps of one number, of all, of random pairs, up or down, and all that gain at once;
   the best by successive halving (Karnin, Koren & Somekh 2013) is moved to if it gains; steps shrink to 1.
3. *Kick.* Some numbers of the best are moved at random, and the climb is done again, while the budget lasts.

All vectors meet the same seeds. What is best here is optimistic: the last word is :mod:`jitgym.selection`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jitgym.errors import InputError
from jitgym.scorecard import Floats
from jitgym.settings import LIMITS, Number
from jitgym.trials import Numbers, TrialBook

STRIDES: Final = (0.3, 0.15, 0.07, 0.0)
"""Steps of a climb as shares of each number; 0 stands for steps of 1."""
CLIMBS: Final = 3
"""Climbs from different starts."""
KICK_STRIDE: Final = 2
"""Which stride a climb from a kicked vector begins with."""
PATIENCE: Final = 8
"""Kicks in a row without a gain after which a search ends."""
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
    last: int = 1024
    rounds: int = 40
    episodes: int = 80_000
    finalists: int = 8
    indifference: float = 0.005
    most: int = 2048
    final: int = 2048


def search(trials: TrialBook, budget: Budget, starts: Sequence[Numbers], progress: Progress) -> Numbers:
    """Return the best vector found, ``(n_numbers,)``.

    Args:
        trials: where vectors are tried.
        budget: how many.
        starts: vectors to try first: the textbook's, then those of simpler rules.
        progress: called after every batch with how it goes.
    """
    tops: list[Numbers] = []
    for start in explore(trials, budget, starts, progress)[:CLIMBS]:
        if not tops or trials.episodes < budget.episodes:
            tops.append(climb(trials, budget, start, progress))
    best = halve(trials, np.unique(np.stack(tops), axis=0), budget.last, budget.last)
    rng, failed = np.random.default_rng([trials.seed, 2]), 0
    while trials.episodes < budget.episodes and failed < PATIENCE:
        kicked = climb(trials, budget, kick(trials.numbers, best, rng), progress, stride=KICK_STRIDE)
        better = improve(trials, budget, best, np.stack([best, kicked]))
        failed = failed + 1 if (better == best).all() else 0
        best = better
    return best


def explore(trials: TrialBook, budget: Budget, starts: Sequence[Numbers], progress: Progress) -> list[Numbers]:
    """Return where to climb from, cheapest first: the best near every start, and the best of what optuna asks for.

    The hill that one of them stands on need not be the highest.
    """
    numbers, rng = trials.numbers, np.random.default_rng(trials.seed)
    centres = np.unique(np.stack([*starts, *loosened(numbers, starts[0])]), axis=0)
    near = max(1, budget.trials // (2 * len(centres)))
    pools = [np.unique(np.vstack([c[None], around(numbers, c, near - 1, rng)]), axis=0) for c in centres]
    given = np.unique(np.vstack(pools), axis=0)
    study = _Study(numbers, trials.seed)
    study.tell(given, trials.costs(given, budget.first).mean(axis=1))
    asked: list[Numbers] = []
    while len(given) + len(asked) < budget.trials:
        vectors = study.ask(min(budget.ask, budget.trials - len(given) - len(asked)))
        study.tell(vectors, trials.costs(vectors, budget.first).mean(axis=1))
        asked += list(vectors)
        progress(f"explored {len(given) + len(asked)} of {budget.trials}, best {study.best:.4g}")
    pools += [np.unique(np.stack(asked), axis=0)] if asked else []
    found = [halve(trials, _cheapest(trials, pool, budget.ask), 2 * budget.first, budget.last) for pool in pools]
    distinct = {tuple(vector.tolist()): vector for vector in found}
    return [distinct[v] for v in sorted(distinct, key=lambda v: trials.tried[v].cost)]


def _cheapest(trials: TrialBook, vectors: Numbers, n: int) -> Numbers:
    """Return the ``n`` that cost least in what has been seen of them."""
    costs = [trials.tried[tuple(vector)].cost for vector in vectors.tolist()]
    cheapest: Numbers = vectors[np.argsort(costs, kind="stable")[:n]]
    return cheapest


def climb(trials: TrialBook, budget: Budget, start: Numbers, progress: Progress, stride: int = 0) -> Numbers:
    """Return the vector where moves no longer gain, or the budget is spent, ``(n_numbers,)``.

    Args:
        trials: where vectors are tried.
        budget: how many.
        start: where to begin.
        progress: called after every move with how it goes.
        stride: which of ``STRIDES`` to begin with.
    """
    best = start
    rng = np.random.default_rng([trials.seed, 1])
    for round_ in range(budget.rounds):
        if trials.episodes >= budget.episodes:
            break
        better = improve(trials, budget, best, neighbours(trials.numbers, best, STRIDES[stride], rng))
        cost = trials.tried[tuple(better.tolist())].cost
        progress(f"move {round_ + 1}, stride {STRIDES[stride] or 1}, best {cost:.4g}")
        if (better == best).all():
            stride += 1
            if stride == len(STRIDES):
                break
        best = better
    return best


def loosened(numbers: Sequence[Number], centre: Numbers) -> list[Numbers]:
    """Return a vector with all numbers of one kind at their highest, for each kind that limits a release.

    A rule of several kinds of limits has a hill for each of them alone.
    """
    kinds = [number.name.partition("[")[0] for number in numbers]
    own = [kind for kind in dict.fromkeys(kinds) if kind in LIMITS]
    high = bounds(numbers)[1]
    return [np.where([k == kind for k in kinds], high, centre) for kind in own] if len(own) > 1 else []


def kick(numbers: Sequence[Number], centre: Numbers, rng: np.random.Generator) -> Numbers:
    """Return a vector with some numbers, at random, moved by up to a third."""
    low, high = bounds(numbers)
    steps = np.rint(centre * rng.uniform(-1 / 3, 1 / 3, len(centre))).astype(np.int64)
    steps += np.where(steps == 0, rng.choice([-1, 1], len(centre)), 0)
    moved: Numbers = np.clip(np.where(rng.random(len(centre)) < 0.5, centre + steps, centre), low, high)
    return moved


def halve(trials: TrialBook, vectors: Numbers, first: int, last: int) -> Numbers:
    """Return the best vector: run all, keep the better half, double the episodes, until one is left."""
    episodes = first
    while len(vectors) > 1:
        means = trials.costs(vectors, episodes).mean(axis=1)
        keep = 1 if episodes >= last else max(1, len(vectors) // 2)
        vectors = vectors[np.argsort(means, kind="stable")[:keep]]
        episodes = min(last, 2 * episodes)
    best: Numbers = vectors[0]
    return best


def improve(trials: TrialBook, budget: Budget, centre: Numbers, vectors: Numbers) -> Numbers:
    """Return the best of some vectors if it beats the centre on all seeds of the last halving, else the centre.

    All moves of one number that gain on the first seeds are tried together as well (Hooke & Jeeves, "Direct search
    solution of numerical and statistical problems", J. ACM 8(2), 1961). Halving may drop the centre on few seeds; the
    last word makes every move a gain, so that a climb ends.
    """
    costs = trials.costs(vectors, budget.first).mean(axis=1)
    own = trials.costs(centre[None], budget.first).mean()
    moves = vectors - centre
    single = (moves != 0).sum(axis=1) == 1
    gains = np.flatnonzero(single & (costs < own))
    keep = vectors[np.argsort(costs, kind="stable")[: max(1, len(vectors) // 2)]]
    if len(gains) > 1:
        keep = np.vstack([keep, _together(trials.numbers, centre, moves[gains], costs[gains])])
    challenger = halve(trials, np.unique(keep, axis=0), 2 * budget.first, budget.last)
    if (challenger == centre).all():
        return centre
    means = trials.costs(np.stack([centre, challenger]), budget.last).mean(axis=1)
    return challenger if means[1] < means[0] else centre


def _together(numbers: Sequence[Number], centre: Numbers, moves: Numbers, costs: Floats) -> Numbers:
    """Return the vectors with the two, three, ... moves that gain most made at once, one move for each number."""
    best: dict[int, Numbers] = {}
    for i in np.argsort(costs, kind="stable"):
        best.setdefault(int(np.flatnonzero(moves[i])[0]), moves[i])
    together: Numbers = np.clip(centre + np.cumsum(list(best.values()), axis=0)[1:], *bounds(numbers))
    return together


def bounds(numbers: Sequence[Number]) -> tuple[Numbers, Numbers]:
    """Return the lowest and the highest value of every number."""
    low = np.array([number.low for number in numbers], dtype=np.int64)
    return low, np.array([number.high for number in numbers], dtype=np.int64)


def around(numbers: Sequence[Number], centre: Numbers, n: int, rng: np.random.Generator) -> Numbers:
    """Return random vectors: a common and an individual factor, between 1/3 and 3 of a centre together."""
    low, high = bounds(numbers)
    factors = np.exp(rng.uniform(np.log(0.5), np.log(2.0), (n, 1)) + rng.uniform(-0.4, 0.4, (n, len(low))))
    vectors: Numbers = np.clip(np.rint(centre * factors).astype(np.int64), low, high)
    return vectors


def neighbours(numbers: Sequence[Number], centre: Numbers, stride: float, rng: np.random.Generator) -> Numbers:
    """Return the centre first, then it with one number, all, or a random pair of them a step up or down."""
    low, high = bounds(numbers)
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
    """An optuna study of some numbers, by ask and tell.

    Raises:
        InputError: optuna is not installed.
    """

    def __init__(self, numbers: Sequence[Number], seed: int) -> None:
        try:
            import optuna
        except ModuleNotFoundError as error:
            raise InputError("tuning needs optuna: install jitgym[tune]") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna: Any = optuna
        self._names = [number.name for number in numbers]
        self._laws: dict[str, Any] = {n.name: optuna.distributions.IntDistribution(n.low, n.high) for n in numbers}
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
