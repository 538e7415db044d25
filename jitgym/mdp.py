"""Finite Markov decision processes: the lowest average cost, that of a policy, and those of an episode.

Only arrays are known here: which line they are of, and what a choice means, is told in ``optimal.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix, hstack, identity
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import splu

from jitgym.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Choice = tuple[float, float, dict[int, float]]
"""Expected cost, expected number of cuts, and the probabilities of the next states."""

TOLERANCE: Final = 1e-8
"""How far apart the bounds of an average cost may be, relative to it (absolute below 1)."""
MOST_SWEEPS: Final = 4000
SWEEPS_OF_A_POLICY: Final = 60
"""Sweeps under the best policy so far between two looks for a better one (modified policy iteration)."""
LAZY: Final = 0.95
"""Weight of a sweep against standing still, which keeps periodic chains from turning in circles."""


@dataclass(frozen=True)
class Mdp:
    """States, their choices, and what these cost; the start is state 0.

    Attributes:
        first: ``(n_states + 1,)``; the choices of state ``s`` are ``first[s]`` to ``first[s + 1] - 1``, at least one.
        transition: ``(n_choices, n_states)`` probabilities of the next state.
        cost: ``(n_choices,)`` expected cost of a decision.
        cut: ``(n_choices,)`` expected number of slots of a decision after which the state was cut to keep states few.
        slots: slots of one decision; every result is a cost of a slot.
    """

    first: Ints
    transition: Any
    cost: Floats
    cut: Floats
    slots: int = 1

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.first) - 1

    @property
    def n_choices(self) -> int:
        """Number of choices, all states."""
        return len(self.cost)

    def best(self, value: Floats) -> tuple[Floats, Floats]:
        """Return what every choice costs if the next state is worth ``value``, and the least of it by state."""
        costs = self.cost + self.transition @ value
        return costs, np.minimum.reduceat(costs, self.first[:-1])

    def greedy(self, value: Floats) -> Ints:
        """Return the first best choice of every state, ``(n_states,)``."""
        costs, best = self.best(value)
        least = np.flatnonzero(costs <= np.repeat(best, np.diff(self.first)))
        state = np.searchsorted(self.first, least, side="right") - 1
        choice = np.empty(self.n_states, dtype=np.int64)
        choice[state[::-1]] = least[::-1]
        return choice

    def under(self, policy: Ints) -> Mdp:
        """Return the chain that a policy makes of it: one choice a state, ``policy[s]`` in state ``s``."""
        first = np.arange(self.n_states + 1)
        return replace(
            self, first=first, transition=self.transition[policy], cost=self.cost[policy], cut=self.cut[policy]
        )


@dataclass(frozen=True)
class Bounds:
    """An average cost of a slot, between two bounds that are certain."""

    lower: float
    upper: float

    @property
    def cost(self) -> float:
        """The middle of the bounds."""
        return (self.lower + self.upper) / 2


@dataclass(frozen=True)
class Optimum(Bounds):
    """The lowest average cost of a slot, whatever the start, and a policy that comes within the bounds.

    No policy costs less than ``lower``, and this one no more than ``upper``.

    Attributes:
        policy: ``(n_states,)`` the choice in every state.
        value: ``(n_states,)`` what a state costs more than the start, in the long run.
    """

    policy: Ints
    value: Floats


@dataclass(frozen=True)
class Average(Bounds):
    """The long-run average cost of a slot under one policy, from the start.

    Attributes:
        share: ``(n_states,)`` of the decisions that a state is met at.
        cut: share of the slots after which the state was cut.
    """

    share: Floats
    cut: float


def optimum(mdp: Mdp, tolerance: float = TOLERANCE) -> Optimum:
    """Return the lowest average cost and a policy that has it.

    Modified policy iteration (Puterman 1994, Markov Decision Processes, section 8.7). With a value ``v`` and its
    improvement ``T v``, the optimum lies between the least and the greatest entry of ``T v - v`` (theorem 8.5.5).

    Args:
        mdp: whose optimum does not depend on the start.
        tolerance: greatest distance of the bounds, relative to the cost (absolute below 1).

    Raises:
        InputError: the bounds do not meet, as when the optimum depends on the start.
    """
    value = np.zeros(mdp.n_states)
    lower = upper = 0.0
    for _ in range(MOST_SWEEPS):
        improved = mdp.best(value)[1]
        gap = improved - value
        lower, upper = float(gap.min()), float(gap.max())
        if upper - lower <= tolerance * max(1.0, abs(upper)):
            return Optimum(lower / mdp.slots, upper / mdp.slots, mdp.greedy(value), value - value[0])
        chain = mdp.under(mdp.greedy(value))
        value += LAZY * gap
        for _ in range(SWEEPS_OF_A_POLICY):
            value += LAZY * (chain.cost + chain.transition @ value - value)
        value -= value[0]
    raise InputError(f"the optimum must not depend on the start, got bounds {lower:g} and {upper:g} that do not meet")


def average(chain: Mdp, tolerance: float = TOLERANCE) -> Average:
    """Return the long-run average cost of a chain (a policy's :meth:`Mdp.under`) from its start.

    Its equations are solved directly; the bounds hold whatever the error of that solution, as in :func:`optimum`.

    Raises:
        InputError: the chain may end in one of several closed classes, so that the average is a matter of luck.
    """
    met = np.sort(breadth_first_order(chain.transition, 0, return_predecessors=False))
    inside, cost = chain.transition[met][:, met], chain.cost[met]
    # unknowns: the value of every state but the first, which is 0, and in its place the average cost
    gain = csr_matrix(np.ones((len(met), 1)))
    equations = hstack([gain, (identity(len(met)) - inside).tocsc()[:, 1:]]).tocsc()
    lower = upper = np.nan
    try:
        solved = splu(equations)
        value, share = solved.solve(cost), solved.solve(np.eye(1, len(met))[0], trans="T")
        value[0] = 0.0
        gap = cost + inside @ value - value
        lower, upper = float(gap.min()), float(gap.max())
    except RuntimeError:  # SuperLU's word for a singular matrix
        share = np.zeros(len(met))
    if not upper - lower <= tolerance * max(1.0, abs(upper)):
        raise InputError(f"the average of a policy must not be a matter of luck, got bounds {lower:g} and {upper:g}")
    shares = np.zeros(chain.n_states)
    shares[met] = share
    return Average(lower / chain.slots, upper / chain.slots, shares, float(shares @ chain.cut) / chain.slots)


def episode(mdp: Mdp, decisions: int) -> float:
    """Return the expected cost of a slot over an episode from the start, with the best choice at each decision.

    Of a chain it is the cost of its policy. Backward induction; where the costs of all states grow alike, the rest is
    a product.

    Args:
        mdp: the process, or a chain.
        decisions: length of the episode.
    """
    value, grown = np.zeros(mdp.n_states), 0.0
    for done in range(decisions):
        improved = mdp.best(value)[1]
        gap = improved - value
        if np.ptp(gap) <= 1e-13 * max(1.0, float(np.abs(improved).max())):
            grown += float(gap[0]) * (decisions - done)
            break
        value = improved
    return float(value[0] + grown) / (decisions * mdp.slots)


def assemble(choices: Iterable[Sequence[Choice]], slots: int) -> Mdp:
    """Return the process of states that are given one after the other, each by its choices.

    Args:
        choices: for every state its choices.
        slots: slots of one decision.
    """
    first = [0]
    cost: list[float] = []
    cut: list[float] = []
    rows: list[int] = []
    columns: list[int] = []
    chances: list[float] = []
    for group in choices:
        for money, lost, successors in group:
            rows.extend([len(cost)] * len(successors))
            columns.extend(successors)
            chances.extend(successors.values())
            cost.append(money)
            cut.append(lost)
        first.append(len(cost))
    shape = (len(cost), len(first) - 1)
    return Mdp(
        np.array(first),
        coo_matrix((chances, (rows, columns)), shape=shape).tocsr(),
        np.array(cost),
        np.array(cut),
        slots,
    )
