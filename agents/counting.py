"""A decision process that is counted: what followed on which setting in which state, and what it cost.

States are told apart by what the agent sees of them, in whole units; what only says how the past was (a smoothed
demand) is left out. The process that was counted is solved as if it were the line (certainty equivalence: Kumar &
Varaiya 1986, Stochastic Systems, chapter 12), but a setting that was tried seldom counts as dear as it may well be, by
its standard error: what merely was lucky is not chosen (pessimism: Jin, Yang & Wang, ICML 2021). Which settings are
worth another try is told apart from that: those that are not clearly dearer than the best (action elimination:
Even-Dar, Mannor & Mansour, Journal of Machine Learning Research 7, 2006).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, identity
from scipy.sparse.linalg import splu

from jitgym.errors import InputError
from jitgym.mdp import Mdp
from jitgym.scorecard import Floats

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]

MOST_STATES: Final = 1 << 16
LEAST_TRIED: Final = 300
"""Times that a setting must have been tried to be chosen: a standard error knows nothing of what was not met yet."""
DISCOUNT: Final = 0.999
"""Weight of the next decision: it makes every process solvable, also one in parts that do not lead to each other."""
MOST_ROUNDS: Final = 100
SAME: Final = 1e-9
UNKNOWN: Final = 100
"""What a state of which nothing is known costs, in costs of the dearest decision that was counted."""
ERRORS: Final = 1.0
"""Standard errors by which a setting counts dearer than it was."""
DOUBT: Final = 2.0
"""Standard errors that two settings may each be off for the dearer of them to be tried again."""
TABLE: Final = ("states", "tried", "costs", "squares", "ways", "times")


class Solution(NamedTuple):
    """What is known of the settings in every state.

    Attributes:
        dearer: ``(n_states, n_settings)`` what each costs more than the best, in the long run; NaN where it was tried
            too seldom to say.
        doubtful: ``(n_states, n_settings)`` which of them may be the best for all that is known.
    """

    dearer: Floats
    doubtful: npt.NDArray[np.bool_]


class Counted:
    """States that were met, and what was counted in them.

    Args:
        n_settings: settings that there are to choose from.
        table: what :meth:`table` gave; None: nothing was counted yet.
    """

    def __init__(self, n_settings: int, table: dict[str, npt.NDArray[Any]] | None = None) -> None:
        self._n = n_settings
        self.states: Rows = np.zeros((0, 0), dtype=np.int64)
        """``(n_states, n_entries)`` what is seen in each, in whole units."""
        self._tried = np.zeros(0)
        self._costs = np.zeros(0)
        self._squares = np.zeros(0)
        self._ways: Ints = np.zeros(0, dtype=np.int64)
        self._times: Ints = np.zeros(0, dtype=np.int64)
        if table is not None:
            self.states, self._tried, self._costs, self._squares, self._ways, self._times = (
                table[name] for name in TABLE
            )
        self._sort()

    def table(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that was counted."""
        counted = (self.states, self._tried, self._costs, self._squares, self._ways, self._times)
        return dict(zip(TABLE, counted, strict=True))

    def __len__(self) -> int:
        return len(self.states)

    def places(self, rows: Rows) -> Ints:
        """Return the numbers of states ``(n, n_entries)``; those that are new are added.

        Raises:
            InputError: there are too many.
        """
        keys = _keys_of(rows)
        missing = np.flatnonzero(self._find(keys) < 0)
        if len(missing):
            new = rows[missing[np.unique(keys[missing], return_index=True)[1]]]
            self.states = np.concatenate([self.states.reshape(-1, rows.shape[1]), new])
            if len(self) > MOST_STATES:
                raise InputError(
                    f"counted needs a line that shows at most {MOST_STATES:,} states, got more: leave out more of what "
                    "is seen (blind), or take another algorithm"
                )
            for name in ("_tried", "_costs", "_squares"):
                setattr(self, name, np.concatenate([getattr(self, name), np.zeros(len(new) * self._n)]))
            self._sort()
        return self._find(keys)

    def _sort(self) -> None:
        keys = _keys_of(self.states)
        self._order = np.argsort(keys)
        self._sorted = keys[self._order]

    def _find(self, keys: npt.NDArray[np.uint64]) -> Ints:
        """Return the numbers of states by their keys; -1 where there is none."""
        if not len(self):
            return np.full(len(keys), -1)
        place = np.minimum(np.searchsorted(self._sorted, keys), len(self) - 1)
        return np.where(self._sorted[place] == keys, self._order[place], -1)

    def count(self, states: Ints, settings: Ints, costs: Floats, following: Ints) -> None:
        """Count decisions, ``(n,)`` each: the state, the setting, its cost, and the next state."""
        pairs = states * self._n + settings
        size = len(self._tried)
        self._tried = self._tried + np.bincount(pairs, minlength=size)  # new arrays: a table that was given out stays
        self._costs = self._costs + np.bincount(pairs, weights=costs, minlength=size)
        self._squares = self._squares + np.bincount(pairs, weights=costs**2, minlength=size)
        ways, times = np.unique(pairs * MOST_STATES + following, return_counts=True)
        together = np.concatenate([self._ways, ways])
        self._ways, inverse = np.unique(together, return_inverse=True)
        weights = np.concatenate([self._times, times])
        self._times = np.bincount(inverse, weights=weights).astype(np.int64)

    def solve(self) -> Solution:
        """Return what each setting costs more than the best in each state, and which may be the best.

        Where no setting was tried often, those that were tried most are what is known.
        """
        table = self._tried.reshape(-1, self._n)
        enough = np.minimum(LEAST_TRIED, table.max(axis=1)).clip(1)  # where none was tried often, what was most
        open_ = (table >= enough[:, None]).ravel()
        stuck = table.max(axis=1) == 0  # come to and left alone: taken to be dear, and the end of it
        open_.reshape(-1, self._n)[stuck, 0] = True
        mdp, mean = self._process(open_, np.flatnonzero(stuck) * self._n)
        error = self._errors(mdp, mean[open_], open_)
        pessimistic = Mdp(mdp.first, mdp.transition, mdp.cost + ERRORS * error, mdp.cut)
        costs, best = pessimistic.best(DISCOUNT * _solved(pessimistic))
        plain = costs - ERRORS * error
        at_most = np.minimum.reduceat(plain + DOUBT * error, mdp.first[:-1])
        dearer, doubtful = np.full(len(open_), np.nan), np.ones(len(open_), dtype=np.bool_)
        dearer[open_] = costs - np.repeat(best, np.diff(mdp.first))
        doubtful[open_] = plain - DOUBT * error <= np.repeat(at_most, np.diff(mdp.first))
        dearer[self._tried == 0] = np.nan
        doubtful[self._tried < LEAST_TRIED] = True
        return Solution(dearer.reshape(-1, self._n), doubtful.reshape(-1, self._n))

    def _errors(self, mdp: Mdp, mean: Floats, open_: npt.NDArray[np.bool_]) -> Floats:
        """Return the standard error of what every choice costs in the long run, ``(n_choices,)``."""
        value = _solved(mdp)
        follows = mdp.transition @ value
        spread = np.sqrt(np.maximum(mdp.transition @ value**2 - follows**2, 0))
        tried = np.maximum(self._tried[open_], 1)
        spread += np.sqrt(np.maximum(self._squares[open_] / tried - mean**2, 0))
        usual = np.average(spread, weights=tried)  # few tries say little of how their results spread
        error: Floats = np.where(tried < LEAST_TRIED, np.maximum(spread, usual), spread) / np.sqrt(tried)
        return error

    def _process(self, open_: npt.NDArray[np.bool_], stuck: Ints) -> tuple[Mdp, Floats]:
        """Return the process, and the mean cost of every pair of state and setting."""
        row = np.cumsum(open_) - 1
        pairs, following = self._ways // MOST_STATES, self._ways % MOST_STATES
        kept = open_[pairs]
        tried = np.maximum(self._tried, 1)
        rows = np.concatenate([row[pairs[kept]], row[stuck]])
        columns = np.concatenate([following[kept], np.zeros(len(stuck), dtype=np.int64)])
        chances = np.concatenate([self._times[kept] / tried[pairs[kept]], np.ones(len(stuck))])
        n_choices = int(open_.sum())
        transition = coo_matrix((chances, (rows, columns)), shape=(n_choices, len(self))).tocsr()
        mean = self._costs / tried
        mean[stuck] = UNKNOWN * mean.max()
        first = np.concatenate([[0], np.cumsum(open_.reshape(-1, self._n).sum(axis=1))])
        return Mdp(first, transition, mean[open_], np.zeros(n_choices)), mean


def _solved(mdp: Mdp) -> Floats:
    """Return what every state is worth, discounted, by policy iteration (Puterman 1994, section 6.4)."""
    value = np.zeros(mdp.n_states)
    policy = mdp.greedy(value)
    for _ in range(MOST_ROUNDS):
        chain = mdp.under(policy)
        value = splu((identity(mdp.n_states) - DISCOUNT * chain.transition).tocsc()).solve(chain.cost)
        costs, best = mdp.best(DISCOUNT * value)
        if (costs[policy] <= best + SAME).all():
            break
        policy = mdp.greedy(DISCOUNT * value)
    return value


def _keys_of(rows: Rows) -> npt.NDArray[np.uint64]:
    """Return a number for each row ``(n, n_entries)``: the same for equal rows, and else almost surely another."""
    factors = np.random.default_rng(0).integers(1, 1 << 63, rows.shape[1] if rows.ndim > 1 else 0, dtype=np.uint64)
    keys = np.zeros(len(rows), dtype=np.uint64)
    for column, factor in enumerate(factors):
        mixed = (rows[:, column].astype(np.uint64) + np.uint64(column + 1)) * (factor | np.uint64(1))
        keys = (keys ^ (mixed >> np.uint64(29)) ^ mixed) * np.uint64(0x9E3779B97F4A7C15)
    return keys
