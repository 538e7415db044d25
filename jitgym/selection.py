"""Ranking and selection: which of a few finalists costs least, and how sure that is.

Finalists are systems 0 .. k-1; what simulates them is a function ``sample(systems, first, count)`` that returns the
costs ``(len(systems), count)`` of replications ``first .. first + count - 1``. A replication has the same luck for all
systems (common random numbers). Lower is better.

**Kim and Nelson's procedure** (Kim & Nelson 2001), with a guarantee: for normal costs with any variances and
correlations, the best system is selected with probability at least 1 - alpha if it is at least delta better than any
other. After n0 replications of all k systems S_il^2 is the sample variance of the differences X_i - X_l. System i
stays in as long as, for all others l that are in after r replications each::

    mean_i(r) <= mean_l(r) + W_il(r),  W_il(r) = max(0, delta / 2r (h^2 S_il^2 / delta^2 - r))
    h^2 = 2 eta (n0 - 1),  eta = ((2 alpha / (k - 1))^(-2 / (n0 - 1)) - 1) / 2

These are the paper's formulas with c = 1, where W closes at r = N_il = h^2 S_il^2 / delta^2, so that the procedure ends
by itself. Looking after every batch instead of every replication keeps the guarantee: it rests on a Brownian motion
that leaves a symmetric triangle, and to see that motion at fewer points of time does not make the wrong side likelier
(Jennison, Johnstone & Turnbull 1982).

**Optimal computing budget allocation** (Chen, Lin, Yücesan & Chick 2000), without a guarantee but with a fixed budget:
replications go where they make a correct selection likelier. With b the best so far, d_i = mean_i - mean_b::

    N_i / N_j = (sigma_i / d_i)^2 / (sigma_j / d_j)^2  for i, j other than b
    N_b = sigma_b sqrt(sum over i other than b of N_i^2 / sigma_i^2)

It takes systems for independent, so that it does not see what common random numbers spare it; and two systems that
cost the same on every replication draw most of the budget. Where such are likely, Kim and Nelson's procedure is better.

Sources:
    Chen, Lin, Yücesan & Chick (2000), Simulation budget allocation for further enhancing the efficiency of ordinal
    optimization, Discrete Event Dynamic Systems 10(3), 251-270.
    Jennison, Johnstone & Turnbull (1982), Asymptotically optimal procedures for sequential adaptive selection of the
    best of several normal means, in Statistical Decision Theory and Related Topics III(2), 55-86.
    Kim & Nelson (2001), A fully sequential procedure for indifference-zone selection in simulation, ACM TOMACS 11(3),
    251-273.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Sampler = Callable[[Indices, int, int], Floats]
"""``sample(systems, first, count)``: costs ``(len(systems), count)`` of replications ``first .. first + count - 1``."""

_ROUNDING: Final = 1e-12
"""Means that differ by less than this share of the largest are the same."""


@dataclass(frozen=True)
class Stage:
    """One look of a sequential procedure: replications of each system until then, and the systems left after it."""

    replications: int
    survivors: Indices


@dataclass(frozen=True)
class Selection:
    """What Kim and Nelson's procedure came to.

    Attributes:
        selected: the system with the lowest mean of those left.
        stages: every look, in order.
        means: ``(n_systems,)`` mean cost of each system over the replications that it had.
        counts: ``(n_systems,)`` replications of each system.
        cut: whether the limit on replications ended the procedure: then there is no guarantee.
    """

    selected: int
    stages: tuple[Stage, ...]
    means: Floats
    counts: Indices
    cut: bool

    @property
    def survivors(self) -> Indices:
        """Systems left at the end: the selected one, and any that tie with it or, if cut, might be better."""
        return self.stages[-1].survivors

    @property
    def replications(self) -> int:
        """Replications of each system that was left at the end."""
        return self.stages[-1].replications

    @property
    def spent(self) -> int:
        """Replications of all systems together."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class Allocation:
    """What a fixed budget bought: the system with the lowest mean; means and replications, both ``(n_systems,)``."""

    selected: int
    means: Floats
    counts: Indices


class _Tally:
    """Running means and sums of squared deviations of all systems (Chan, Golub & LeVeque 1983)."""

    def __init__(self, sample: Sampler, n_systems: int) -> None:
        self.sample = sample
        self.counts = np.zeros(n_systems, dtype=np.int64)
        self.means = np.zeros(n_systems)
        self.squares = np.zeros(n_systems)

    def add(self, systems: Indices, count: int) -> Floats:
        """Simulate the next ``count`` replications of systems that had equally many so far; return their costs."""
        before = int(self.counts[systems[0]])
        costs = np.asarray(self.sample(systems, before, count), dtype=np.float64)
        if costs.shape != (len(systems), count):
            raise InputError(f"sample must return shape {(len(systems), count)}, got {costs.shape}")
        if not np.isfinite(costs).all():
            raise InputError("sample must return finite costs, got NaN or infinity")
        after = before + count
        means = costs.mean(axis=1)
        shift = means - self.means[systems]
        self.squares[systems] += costs.var(axis=1) * count + shift**2 * before * count / after
        self.means[systems] += shift * count / after
        self.counts[systems] = after
        return costs


def kim_nelson(
    sample: Sampler,
    n_systems: int,
    delta: float,
    alpha: float = 0.05,
    n0: int = 32,
    batch: int = 16,
    most: int = 100_000,
) -> Selection:
    """Select the system with the lowest mean cost by Kim and Nelson's fully sequential procedure.

    Args:
        sample: simulates systems.
        n_systems: how many there are, k.
        delta: smallest difference in mean cost that matters, above 0.
        alpha: probability of a wrong selection that is allowed, below 0.5.
        n0: replications of every system before the first look, at least 2; ten or more, lest eta grow large.
        batch: replications of every system left between two looks.
        most: replications that a system may have at most, at least n0.

    Raises:
        InputError: an argument out of its range, or a sampler with another shape or infinite costs.
    """
    _require(n_systems >= 1, "n_systems must be >= 1", n_systems)
    _require(0 < delta < np.inf, "delta must be > 0 and finite", delta)
    _require(0 < alpha < 0.5, "alpha must be > 0 and < 0.5", alpha)
    _require(n0 >= 2, "n0 must be >= 2", n0)
    _require(batch >= 1, "batch must be >= 1", batch)
    _require(most >= n0, f"most must be >= n0 = {n0}", most)
    tally = _Tally(sample, n_systems)
    survivors = np.arange(n_systems)
    # where W of each pair closes, N_il = h^2 S_il^2 / delta^2, (n_systems, n_systems)
    closes = h_squared(n_systems, alpha, n0) * _difference_variances(tally.add(survivors, n0)) / delta**2
    stages: list[Stage] = []
    done = n0
    while True:
        survivors = _screen(survivors, tally.means, closes, done, delta)
        stages.append(Stage(done, survivors))
        end = float(closes[np.ix_(survivors, survivors)].max())
        if len(survivors) == 1 or done >= end or done == most:
            break
        count = int(min(batch, most - done, np.ceil(end) - done))
        tally.add(survivors, count)
        done += count
    selected = int(survivors[np.argmin(tally.means[survivors])])
    return Selection(selected, tuple(stages), tally.means, tally.counts, len(survivors) > 1 and done < end)


def h_squared(n_systems: int, alpha: float, n0: int) -> float:
    """Return Kim and Nelson's constant h^2 = 2 c eta (n0 - 1) with c = 1; one system alone counts as two."""
    eta = ((2 * alpha / max(n_systems - 1, 1)) ** (-2 / (n0 - 1)) - 1) / 2
    return float(2 * eta * (n0 - 1))


def _difference_variances(costs: Floats) -> Floats:
    """Return the sample variances ``(k, k)`` of the differences of all pairs of rows of costs ``(k, n0)``."""
    # pair by pair and not from the covariances: two systems that cost the same must have exactly zero
    return np.stack([(row - costs).var(axis=1, ddof=1) for row in costs])


def _screen(survivors: Indices, means: Floats, closes: Floats, done: int, delta: float) -> Indices:
    """Return the systems whose mean is not too far above that of any other."""
    slack = np.maximum(delta / (2 * done) * (closes[np.ix_(survivors, survivors)] - done), 0)
    left = means[survivors]
    return survivors[(left[:, None] <= left + slack).all(axis=1)]


def ocba(sample: Sampler, n_systems: int, budget: int, n0: int = 10, increment: int = 20) -> Allocation:
    """Select the system with the lowest mean cost, with a fixed budget spent by OCBA.

    Args:
        sample: simulates systems.
        n_systems: how many there are, k.
        budget: replications of all systems together, at least ``n0 * n_systems``; all are spent.
        n0: replications of every system to begin with, at least 2.
        increment: replications, of all systems together, between two allocations.

    Raises:
        InputError: an argument out of its range, or a sampler with another shape or infinite costs.
    """
    _require(n_systems >= 1, "n_systems must be >= 1", n_systems)
    _require(n0 >= 2, "n0 must be >= 2", n0)
    _require(increment >= 1, "increment must be >= 1", increment)
    _require(budget >= n0 * n_systems, f"budget must be >= n0 * n_systems = {n0 * n_systems}", budget)
    tally = _Tally(sample, n_systems)
    tally.add(np.arange(n_systems), n0)
    while (left := budget - int(tally.counts.sum())) > 0:
        extra = min(increment, left)
        shares = ocba_shares(tally.means, tally.squares / (tally.counts - 1))
        lacking = np.maximum(shares * (tally.counts.sum() + extra) - tally.counts, 0)
        counts = _whole(lacking / lacking.sum() * extra)
        # systems that had as many and get as many go together: a simulator steps many lines at once
        before = tally.counts.copy()
        for had, count in sorted(set(zip(before.tolist(), counts.tolist(), strict=True))):
            if count:
                tally.add(np.flatnonzero((before == had) & (counts == count)), count)
    return Allocation(int(np.argmin(tally.means)), tally.means, tally.counts)


def ocba_shares(means: npt.ArrayLike, variances: npt.ArrayLike) -> Floats:
    """Return the share of the budget that each system is due, ``(n_systems,)``.

    A system that ties with the best counts as far from it as the nearest that does not: the formula would give all to a
    tie, also to two systems that cost the same on every replication. Where it gives nothing to anyone (no variance, or
    all tie), all get the same.

    Args:
        means: ``(n_systems,)`` mean costs.
        variances: ``(n_systems,)`` variances of the cost of a replication.
    """
    mean, variance = np.asarray(means, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    best = int(np.argmin(mean))
    distance = mean - mean[best]
    apart = distance > _ROUNDING * np.abs(mean).max()
    equal = np.full(len(mean), 1 / len(mean))
    if not apart.any():
        return equal
    distance = np.where(apart, distance, distance[apart].min())
    distance /= distance.max()
    others = np.arange(len(mean)) != best
    weights = np.where(others, variance / distance**2, 0.0)
    # N_i^2 / sigma_i^2 is sigma_i^2 / d_i^4: no division by a variance of zero
    weights[best] = np.sqrt(variance[best] * np.sum(variance[others] / distance[others] ** 4))
    return weights / weights.sum() if weights.any() else equal


def _whole(parts: Floats) -> Indices:
    """Return whole numbers with the sum of ``parts``, which is whole: the largest remainders are rounded up."""
    floors = np.floor(parts)
    missing = round(float(parts.sum() - floors.sum()))
    floors[np.argsort(floors - parts, kind="stable")[:missing]] += 1
    return floors.astype(np.int64)


def _require(holds: bool, rule: str, value: float) -> None:
    if not holds:
        raise InputError(f"{rule}, got {value}")
