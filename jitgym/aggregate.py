"""Statistics of a suite: one figure for many tasks and few runs, with its uncertainty.

After Agarwal, Schwarzer, Castro, Courville & Bellemare (2021), Deep reinforcement learning at the edge of the
statistical precipice, NeurIPS 34. Scores are ``(n_runs, n_tasks)``: a task is a scenario, a run is one training
seed of a learned policy (or one seed of the evaluation). **Lower is better**: a score is a cost divided by the
cost of the task's best tuned rule, so that 1 is as good as that rule and 0.9 is 10 % cheaper. Where the paper's
figures are for rewards, they are turned round here:

===============================  =====================================================================
``iqm``                          Interquartile mean: mean of the middle half of all runs of all tasks.
``performance_profile``          F(tau) = share of runs with score <= tau, mean over tasks: higher is better.
``probability_of_improvement``   Mean over tasks of P(X < Y) + P(X = Y) / 2, from all pairs of runs
                                 (Mann & Whitney 1947).
``stratified_bootstrap``         Interval of any of these: runs are drawn anew within each task.
===============================  =====================================================================

The paper's percentile intervals are too narrow for a handful of runs: with n runs a task their variance is
(n - 1) / n of what it should be, half with two. Here they are made wider by ``jitgym.stats.widening``, and where
all resamples agree (every run of one policy beats every run of the other) an exact bound stands in for them.

Sources:
    Hoeffding (1956), On the distribution of the number of successes in independent trials, Ann. Math. Statist. 27.
    Mann & Whitney (1947), On a test of whether one of two random variables is stochastically larger, Ann. Math.
    Statist. 18.
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy

from jitgym.errors import InputError
from jitgym.stats import Floats, checked, chunk, widening

RESAMPLES: Final = 2000

Statistic = Callable[[Floats], Any]
"""Takes scores ``(..., n_runs, n_tasks)`` and returns one figure for each, ``(...)``."""


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Profile:
    """Shares of runs with a score of at most tau, and a confidence interval for each; arrays are ``(n_taus,)``."""

    taus: Floats
    shares: Floats
    low: Floats
    high: Floats


def iqm(scores: Floats) -> Any:
    """Return the interquartile mean of scores ``(..., n_runs, n_tasks)``, ``(...)``.

    Of the N = n_runs * n_tasks scores the floor(N / 4) lowest and as many highest are left out.
    """
    return scipy.stats.trim_mean(scores.reshape(*scores.shape[:-2], -1), 0.25, axis=-1)


def stratified_bootstrap(
    scores: npt.ArrayLike,
    statistic: Statistic = iqm,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Return a statistic of a suite with its interval: the percentile bootstrap within each task, made wider.

    The tasks are those of the suite, not a sample of tasks: the interval speaks of other runs, not of other lines.

    Args:
        scores: ``(n_runs, n_tasks)``, n_runs >= 2.
        statistic: of scores ``(..., n_runs, n_tasks)``.
        level: confidence level.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same interval.

    Raises:
        InputError: fewer than two runs, a score that is not finite, or a level outside (0, 1).
    """
    values = checked(scores, "runs", 2)
    n_runs, n_tasks = values.shape
    wider = widening(n_runs, level, n_tasks)
    return _bootstrap([*values.T], lambda columns: statistic(np.stack(columns, -1)), wider, level, resamples, seed)


def performance_profile(scores: npt.ArrayLike, taus: npt.ArrayLike, level: float = 0.95) -> Profile:
    """Return the share of runs with a score of at most each tau, with pointwise Wilson intervals.

    A run counts or does not, so that there is no need for a bootstrap, which sees no uncertainty where each task has
    all its runs on one side of tau. Wilson's interval takes the ``n_runs * n_tasks`` runs for draws of one
    probability. Where tasks differ, the share varies less than that (Hoeffding 1956): the band errs on the wide side.

    Args:
        scores: ``(n_runs, n_tasks)``, n_runs >= 2.
        taus: ``(n_taus,)`` scores to count up to.
        level: confidence level of each point.

    Raises:
        InputError: fewer than two runs, a number that is not finite, or a level outside (0, 1).
    """
    values = checked(scores, "runs", 2)
    if not 0 < level < 1:
        raise InputError(f"level must be > 0 and < 1, got {level}")
    marks = np.atleast_1d(np.asarray(taus, dtype=np.float64))
    n = values.size
    shares = np.searchsorted(np.sort(values, axis=None), marks, side="right") / n
    z = float(scipy.stats.norm.ppf((1 + level) / 2))
    middle = (shares + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(shares * (1 - shares) / n + z**2 / (4 * n**2))
    # at no or all runs the end is 0 or 1 but for rounding
    return Profile(marks, shares, np.maximum(middle - reach, 0), np.minimum(middle + reach, 1))


def probability_of_improvement(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Return how likely a run of ``x`` costs less than a run of ``y`` on a task of the suite, ties half.

    Runs of both are drawn anew within each task. Where ``x`` wins, or loses, all pairs, resamples do so as well; then
    the bound is exact: of N = min(n_x, n_y) * n_tasks disjoint pairs all are won with chance at most p^N, whatever
    the p of each task with mean p, so that p is at least ((1 - level) / 2)^(1 / N).

    Args:
        x: scores ``(n_x, n_tasks)`` of the one policy, n_x >= 2.
        y: scores ``(n_y, n_tasks)`` of the other on the same tasks, n_y >= 2.
        level: confidence level.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same interval.

    Raises:
        InputError: fewer than two runs, other tasks, a score that is not finite, or a level outside (0, 1).
    """
    ours, theirs = checked(x, "runs", 2), checked(y, "runs", 2)
    n_tasks = ours.shape[1]
    if theirs.shape[1] != n_tasks:
        raise InputError(f"tasks must be the same for both, got {n_tasks} and {theirs.shape[1]}")
    n = min(len(ours), len(theirs))

    def statistic(columns: Sequence[Floats]) -> Any:
        return _won(np.stack(columns[:n_tasks], -2), np.stack(columns[n_tasks:], -2)).mean(axis=-1)

    found = _bootstrap([*ours.T, *theirs.T], statistic, widening(n, level, n_tasks), level, resamples, seed)
    bound = ((1 - level) / 2) ** (1 / (n * n_tasks))
    if found.value == 1:
        return Estimate(1.0, bound, 1.0)
    if found.value == 0:
        return Estimate(0.0, 0.0, 1 - bound)
    return Estimate(found.value, max(found.low, 0.0), min(found.high, 1.0))


def _won(x: Floats, y: Floats) -> Floats:
    """Return the share of pairs in which x ``(..., n_x)`` is below y ``(..., n_y)``, ties half, from ranks."""
    n_x, n_y = x.shape[-1], y.shape[-1]
    ranks = scipy.stats.rankdata(np.concatenate([x, y], axis=-1), axis=-1)[..., n_x:]
    won: Floats = (ranks.sum(axis=-1) - n_y * (n_y + 1) / 2) / (n_x * n_y)
    return won


def _bootstrap(
    columns: Sequence[Floats],
    statistic: Callable[[Sequence[Floats]], Any],
    wider: float,
    level: float,
    resamples: int,
    seed: int,
) -> Estimate:
    """Return the percentile interval of a statistic of independent samples, its arms made longer by a factor."""
    value = float(statistic(columns))
    found = scipy.stats.bootstrap(
        tuple(columns),
        lambda *drawn, axis: statistic(drawn),
        method="percentile",
        n_resamples=resamples,
        confidence_level=level,
        batch=chunk(sum(map(len, columns))),
        vectorized=True,
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    low, high = (float(end) for end in found)
    return Estimate(value, value - wider * max(value - low, 0.0), value + wider * max(high - value, 0.0))
