"""Exact long-run averages of small Markov chains, for the theory tests.

A system is written down as one function ``slot(state, chance) -> (next_state, counts)``: what happens in one
slot, with every random event drawn from `chance`. It reads like a simulation, but nothing is simulated:
`branches` runs the function once for every possible sequence of draws, `long_run` follows the states so found
to the end, solves for the stationary distribution by sparse linear algebra, and weighs the counts with it.

Nothing here, nor in the `exact_*` modules that use it, imports the package under test.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, identity
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

IMPOSSIBLE = 1e-15  # less likely outcomes are left out: they change no digit, but can make a chain singular

Counts = dict[str, float]
Slot = Callable[[Any, "Chance"], tuple[Hashable, Counts]]


class Chance:
    """The draws of one slot: first those of a given beginning, then always the first possible outcome.

    Args:
        beginning: outcomes (indices) to take for the first draws.

    Attributes:
        drawn: outcome of each draw so far.
        laws: the probabilities each draw was made from.
    """

    def __init__(self, beginning: Sequence[int] = ()) -> None:
        self._beginning = beginning
        self.drawn: list[int] = []
        self.laws: list[Sequence[float]] = []

    def pick(self, law: Sequence[float]) -> int:
        """Draw an index of `law`, a sequence of probabilities that add up to one."""
        place = len(self.drawn)
        outcome = self._beginning[place] if place < len(self._beginning) else _next_possible(law, 0)
        assert outcome is not None
        self.drawn.append(outcome)
        self.laws.append(law)
        return outcome

    def flip(self, p: float) -> bool:
        """Draw an event of probability `p`; a certain or impossible one makes no branch."""
        return self.pick((1 - p, p)) == 1

    def probability(self) -> float:
        """Probability of the draws made."""
        return prod(law[outcome] for law, outcome in zip(self.laws, self.drawn, strict=True))

    def beginning_of_next(self) -> list[int] | None:
        """The next sequence of draws: the last draw that has a further outcome moves on to it."""
        for place in reversed(range(len(self.drawn))):
            outcome = _next_possible(self.laws[place], self.drawn[place] + 1)
            if outcome is not None:
                return [*self.drawn[:place], outcome]
        return None


def _next_possible(law: Sequence[float], first: int) -> int | None:
    return next((i for i in range(first, len(law)) if law[i] > IMPOSSIBLE), None)


def branches(slot: Slot, state: Hashable) -> Iterator[tuple[float, Hashable, Counts]]:
    """Every way that one slot can go from `state`: (probability, next state, counts)."""
    beginning: list[int] | None = []
    while beginning is not None:
        chance = Chance(beginning)
        successor, counts = slot(state, chance)
        yield chance.probability(), successor, counts
        beginning = chance.beginning_of_next()


def long_run(slot: Slot, start: Hashable) -> Counts:
    """Long-run average per slot of everything that `slot` counts, starting from `start`.

    Args:
        slot: the system.
        start: any state of it; the average must not depend on it.

    Returns:
        For each name counted, its exact average per slot.
    """
    index: dict[Hashable, int] = {start: 0}
    states = [start]
    rows: list[int] = []
    columns: list[int] = []
    probabilities: list[float] = []
    expected: list[Counts] = []
    for row, state in enumerate(states):  # `states` grows while it is walked
        mean: Counts = {}
        for probability, successor, counts in branches(slot, state):
            if successor not in index:
                index[successor] = len(states)
                states.append(successor)
            rows.append(row)
            columns.append(index[successor])
            probabilities.append(probability)
            for name, count in counts.items():
                mean[name] = mean.get(name, 0.0) + probability * count
        expected.append(mean)
    size = len(states)
    transition = coo_matrix((probabilities, (rows, columns)), shape=(size, size)).tocsr()
    weight = stationary(transition)
    average: Counts = {}
    for share, mean in zip(weight.tolist(), expected, strict=True):
        for name, count in mean.items():
            average[name] = average.get(name, 0.0) + share * count
    return average


def stationary(transition: csr_matrix) -> np.ndarray:
    """Stationary distribution of a chain with exactly one closed class of states.

    Args:
        transition: (n, n), rows add up to one.

    Returns:
        (n,) probabilities; transient states get 0.
    """
    size = transition.shape[0]
    if abs(transition.sum(axis=1) - 1).max() > 1e-9:
        raise ValueError("the probabilities of some state's draws do not add up to one")
    count, label = connected_components(transition, directed=True, connection="strong")
    entries = transition.tocoo()
    left = np.unique(label[entries.row[label[entries.row] != label[entries.col]]])
    closed = np.setdiff1d(np.arange(count), left)
    if len(closed) != 1:
        raise ValueError(f"{len(closed)} closed classes: the long-run average depends on the start")
    members = np.flatnonzero(label == closed[0])
    weight = np.zeros(size)
    weight[members[0]] = 1.0
    if len(members) > 1:  # balance equations of all members but the first, whose weight is set to one
        inside = transition[members][:, members]
        balance = (identity(len(members)) - inside.T).tocsc()
        weight[members[1:]] = spsolve(balance[1:, 1:], -balance[1:, [0]].toarray().ravel())
    return weight / weight.sum()
