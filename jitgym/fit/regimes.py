"""Regimes of demand: a Markov chain of two or three levels behind the counts, found by expectation-maximisation.

Baum, Petrie, Soules & Weiss (1970), Annals of Mathematical Statistics 41, 164-171; scaled recursions of Rabiner (1989),
Proceedings of the IEEE 77, 257-286. Counts are Poisson or negative binomial with one dispersion; the number of regimes
and the law are chosen by BIC (Schwarz 1978), one regime among them, so that spread alone is not taken for regimes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, stats

from jitgym.fit.counts import DISPERSIONS, log_nbinom

Floats = npt.NDArray[np.float64]

MOST: Final = 3
"""Most regimes that are looked for."""
LEAST_STAY: Final = 4.0
"""Assumed: regimes that last fewer buckets on average are spread, not regimes."""
LEAST_BUCKETS: Final = 40
"""Buckets below which no regimes are looked for."""
ROUNDS: Final = 300
CLOSE: Final = 1e-7


@dataclass(frozen=True)
class Chain:
    """A fitted chain.

    Attributes:
        switch: ``(n, n)``, from each regime a bucket's chances of the next.
        levels: mean count of each regime at a rate of 1, ``(n,)``, the regime that is most common first.
        dispersion: of the counts; None: Poisson.
        shares: long-run shares of the regimes, ``(n,)``.
        log_likelihood: of the counts.
        bic: Bayesian information criterion.
        seen: ``(buckets, n)`` chances of the regimes, given all counts.
    """

    switch: Floats
    levels: Floats
    dispersion: float | None
    shares: Floats
    log_likelihood: float
    bic: float
    seen: Floats

    @property
    def n(self) -> int:
        """Number of regimes."""
        return len(self.levels)

    @property
    def rates(self) -> Floats:
        """What each regime multiplies the long-run mean by."""
        found: Floats = self.levels / float(self.shares @ self.levels)
        return found

    @property
    def stays(self) -> Floats:
        """Mean buckets that each regime lasts."""
        found: Floats = 1 / np.maximum(1 - np.diag(self.switch), 1e-12)
        return found

    def by_slot(self, slots: float) -> dict[str, Any]:
        """Return the regimes as a scenario takes them, where a bucket has so many slots."""
        power = np.real(linalg.fractional_matrix_power(self.switch, 1 / slots))
        power = np.clip(power, 0, None)
        power = np.round(power / power.sum(axis=1, keepdims=True), 8)
        power[np.diag_indices(self.n)] += 1 - power.sum(axis=1)
        return {"switch": power.tolist(), "rates": np.round(self.rates, 4).tolist()}


def find_regimes(counts: npt.ArrayLike, rates: npt.ArrayLike | None = None) -> tuple[Chain | None, dict[str, float]]:
    """Return the chain that BIC chooses, None for one regime, and the BIC of every candidate.

    Args:
        counts: ``(n,)`` whole numbers.
        rates: ``(n,)`` what multiplies the mean of each bucket; None: 1.
    """
    given = np.asarray(counts, dtype=np.float64)
    offset = np.ones(len(given)) if rates is None else np.asarray(rates, dtype=np.float64)
    if len(given) < LEAST_BUCKETS or not given.any() or not (offset > 0).all():
        return None, {}
    chains = {
        f"{n} {'negative binomial' if spread else 'Poisson'}": fit_chain(given, offset, n, spread)
        for n in range(1, MOST + 1)
        for spread in (False, True)
    }
    table = {name: chain.bic for name, chain in chains.items()}
    best = min(chains.values(), key=lambda chain: chain.bic)
    return (best if best.n > 1 and best.stays.min() >= LEAST_STAY else None), table


def fit_chain(counts: Floats, offset: Floats, n: int, spread: bool) -> Chain:
    """Fit a chain of n regimes by expectation-maximisation from levels at quantiles.

    Args:
        counts: ``(buckets,)``.
        offset: ``(buckets,)``, what multiplies the mean of each.
        n: regimes.
        spread: whether the counts are negative binomial.
    """
    levels = np.maximum(np.quantile(counts / offset, (np.arange(n) + 0.5) / n), 1e-3)
    if n > 1:
        levels *= 1 + 1e-3 * np.arange(n)  # not two alike: they would stay so
    switch = np.full((n, n), 0.1 / max(1, n - 1))
    np.fill_diagonal(switch, 0.9 if n > 1 else 1.0)
    start = np.full(n, 1 / n)
    dispersion = 10.0 if spread else None
    before = -math.inf
    for _ in range(ROUNDS):
        chances = _chances(counts, offset, levels, dispersion)
        likelihood, seen, pairs = _smooth(chances, switch, start)
        if likelihood - before < CLOSE * abs(likelihood):
            break
        before = likelihood
        start = seen[0]
        if n > 1:
            switch = pairs / pairs.sum(axis=1, keepdims=True)
        levels = np.maximum(seen.T @ counts / np.maximum(seen.T @ offset, 1e-12), 1e-6)
        if spread:
            dispersion = _best_dispersion(counts, offset, levels, seen)
    order = np.argsort(-seen.sum(axis=0))
    switch, levels, seen = switch[np.ix_(order, order)], levels[order], seen[:, order]
    size = n + n * (n - 1) + spread
    bic = size * math.log(len(counts)) - 2 * likelihood
    return Chain(switch, levels, dispersion, long_run(switch), likelihood, bic, seen)


def long_run(switch: Floats) -> Floats:
    """Return the long-run shares of the states of a chain that leaves every state, ``(n,)``."""
    n = len(switch)
    equations = np.vstack([switch.T - np.eye(n), np.ones(n)])
    shares = np.clip(np.linalg.lstsq(equations, np.append(np.zeros(n), 1.0), rcond=None)[0], 0, None)
    found: Floats = shares / shares.sum()
    return found


def _chances(counts: Floats, offset: Floats, levels: Floats, dispersion: float | None) -> Floats:
    """Return log-probabilities of every count in every regime, ``(buckets, n)``."""
    means = offset[:, None] * levels
    found: Floats
    if dispersion is None:
        found = stats.poisson.logpmf(counts[:, None], means)
    else:
        found = log_nbinom(counts[:, None], means, dispersion)
    return found


def _smooth(logs: Floats, switch: Floats, start: Floats) -> tuple[float, Floats, Floats]:
    """Return the log-likelihood, the chances of regimes in every bucket, and the expected switches."""
    top = logs.max(axis=1, keepdims=True)
    chances = np.exp(logs - top)
    forward, scale = np.empty_like(chances), np.empty(len(chances))
    state = start
    for t, chance in enumerate(chances):
        state = (state if t == 0 else state @ switch) * chance
        scale[t] = state.sum()
        state = state / scale[t]
        forward[t] = state
    backward = np.ones_like(chances)
    for t in range(len(chances) - 2, -1, -1):
        backward[t] = switch @ (chances[t + 1] * backward[t + 1]) / scale[t + 1]
    seen = forward * backward
    seen /= seen.sum(axis=1, keepdims=True)
    onward = chances[1:] * backward[1:] / scale[1:, None]
    pairs = switch * (forward[:-1].T @ onward) + 1e-12
    return float(np.log(scale).sum() + top.sum()), seen, pairs


def _best_dispersion(counts: Floats, offset: Floats, levels: Floats, seen: Floats) -> float:
    means = offset[:, None] * levels
    found = optimize.minimize_scalar(
        lambda log: -float((seen * log_nbinom(counts[:, None], means, math.exp(log))).sum()),
        bounds=tuple(math.log(end) for end in DISPERSIONS),
        method="bounded",
    )
    return math.exp(float(found.x))
