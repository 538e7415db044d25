"""Simulation optimisation of a rule's numbers: local search by successive halving on common random numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jitgym.evaluate import Interval, interval
from jitgym.rules import ConstantRule, RuleFamily
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tuned:
    """The best numbers of a family, with the cost of that rule on fresh seeds, and what the search spent."""

    family: RuleFamily
    numbers: tuple[int, ...]
    cost: Interval
    start_cost: Interval
    episodes: int

    @property
    def rule(self) -> ConstantRule:
        """The rule with these numbers."""
        return self.family.rule(self.numbers)


@dataclass(frozen=True)
class Budget:
    """How hard to search."""

    spread: int = 96
    """Vectors of the first round: the textbook's, and random ones around it."""
    first: int = 16
    """Episodes of each vector in the first halving."""
    last: int = 2048
    """Episodes of each vector in the last halving."""
    rounds: int = 60
    """Most rounds of local search."""
    final: int = 4096
    """Fresh episodes for the cost that is reported."""


class Search:
    """Evaluates vectors of a family's numbers on one bank of tuning seeds, many in one batch.

    Args:
        scenario: the line.
        family: whose numbers.
        seed: names the instance of the tuning bank.
        n_threads: threads that share the lines.
    """

    def __init__(self, scenario: Scenario, family: RuleFamily, seed: int, n_threads: int) -> None:
        self.scenario = scenario
        self.family = family
        self.seed = seed
        self.n_threads = n_threads
        self.episodes = 0
        self._scorecard = Scorecard(scenario)

    def costs(self, vectors: Numbers, seeds: npt.NDArray[np.uint64]) -> Floats:
        """Return the mean cost a slot of every vector on every seed, ``(n_vectors, n_seeds)``."""
        simulator = Simulator(
            self.scenario, len(vectors) * len(seeds), np.tile(seeds, len(vectors)), n_threads=self.n_threads
        )
        knobs = np.repeat(self.family.knobs(vectors), len(seeds), axis=0)
        steps, slots = self.scenario.horizon, self.scenario.slots_per_step
        if not any(knob.kind == "order" for knob in simulator.knobs):
            steps, slots = 1, steps * slots  # constant knobs: only `order` acts once a step
        ledger = simulator.step(knobs, slots)
        for _ in range(steps - 1):
            ledger = ledger + simulator.advance(slots)
        self.episodes += simulator.n_lines
        return (self._scorecard.cost(ledger) / ledger["slots"]).reshape(len(vectors), len(seeds))

    def halve(self, vectors: Numbers, first: int, last: int) -> Numbers:
        """Return the best vector: run all, keep the better half, double the episodes, until one is left.

        All vectors of a round meet the same seeds. Source: Karnin, Koren & Somekh, "Almost optimal exploration
        in multi-armed bandits", ICML 2013.
        """
        episodes = first
        while len(vectors) > 1:
            means = self.costs(vectors, seed_bank(self.seed, episodes, "tuning")).mean(axis=1)
            keep = 1 if episodes >= last else max(1, len(vectors) // 2)
            vectors = vectors[np.argsort(means, kind="stable")[:keep]]
            episodes = min(last, 2 * episodes)
        best: Numbers = vectors[0]
        return best

    def improve(self, centre: Numbers, vectors: Numbers, budget: Budget) -> Numbers:
        """Return the best of some vectors if it beats the centre on all seeds of the last halving, else the centre.

        Halving may drop the centre on few seeds; the last word makes every move a gain, so that a search ends.
        """
        challenger = self.halve(vectors, budget.first, budget.last)
        if (challenger == centre).all():
            return centre
        pair = np.stack([centre, challenger])
        means = self.costs(pair, seed_bank(self.seed, budget.last, "tuning")).mean(axis=1)
        return challenger if means[1] < means[0] else centre


def tune(
    scenario: Scenario,
    family: RuleFamily,
    seed: int = 0,
    budget: Budget | None = None,
    n_threads: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Tuned:
    """Search the numbers of a family for the lowest mean cost of an episode.

    It starts from the textbook values and random vectors around them, takes the best by successive halving, then
    moves to the best neighbour (one number, two, or all of them a step up or down) while there is a better one; steps
    shrink to 1. All vectors meet the same tuning seeds; the cost is then measured on others, so that it is not
    the optimistic best of a search.

    Args:
        scenario: the line.
        family: whose numbers.
        seed: names the instance of the tuning bank.
        budget: how hard to search.
        n_threads: threads that share the lines.
        progress: called with a line of text after every round.
    """
    budget = budget or Budget()
    search = Search(scenario, family, seed, n_threads)
    best = _climb(search, budget, progress) if family.numbers else family.start
    fresh = seed_bank(seed + 1_000_003, budget.final, "tuning")
    costs = search.costs(np.stack([best, family.start]), fresh)
    numbers = tuple(int(n) for n in best)
    return Tuned(family, numbers, interval(costs[0]), interval(costs[1]), search.episodes)


def _climb(search: Search, budget: Budget, progress: Callable[[str], None] | None) -> Numbers:
    """Return the numbers where the search ends: the best start, then the best neighbour while there is a better one."""
    family = search.family
    spread = _spread(family, budget.spread, np.random.default_rng(search.seed))
    best = search.halve(spread, budget.first, budget.last)
    largest = max(number.high - number.low for number in family.numbers)
    step = max(1, largest // 8)
    for round_ in range(budget.rounds):
        better = search.improve(best, _neighbours(family, best, step), budget)
        if progress is not None:
            progress(f"round {round_ + 1}, step {step}, {' '.join(map(str, best))}")
        if (better == best).all():
            if step == 1:
                break
            step = max(1, step // 2)
        best = better
    return best


def _bounds(family: RuleFamily) -> tuple[Numbers, Numbers]:
    low = np.array([number.low for number in family.numbers], dtype=np.int64)
    return low, np.array([number.high for number in family.numbers], dtype=np.int64)


def _spread(family: RuleFamily, n: int, rng: np.random.Generator) -> Numbers:
    """Return the textbook vector and random ones: common and individual factors between 1/2 and 3 of it."""
    low, high = _bounds(family)
    factors = np.exp(rng.uniform(np.log(0.5), np.log(2.0), (n, 1)) + rng.uniform(-0.4, 0.4, (n, len(low))))
    vectors = np.rint(family.start * factors).astype(np.int64)
    return np.unique(np.clip(np.vstack([family.start[None], vectors]), low, high), axis=0)


def _neighbours(family: RuleFamily, centre: Numbers, step: int) -> Numbers:
    """Return the centre first, and the vectors with one number, two, or all of them a step up or down."""
    low, high = _bounds(family)
    one = np.eye(len(centre), dtype=np.int64)
    first, second = np.triu_indices(len(centre), 1)
    pairs, swaps = one[first] + one[second], one[first] - one[second]
    moves = np.vstack([one, pairs, swaps, np.ones((1, len(centre)), dtype=np.int64)]) * step
    vectors = np.clip(np.vstack([centre[None], centre + moves, centre - moves]), low, high)
    _, first = np.unique(vectors, axis=0, return_index=True)
    neighbours: Numbers = vectors[np.sort(first)]
    return neighbours
