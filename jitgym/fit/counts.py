"""Laws of counts: Poisson or negative binomial, by maximum likelihood, and how well they fit.

Both are closed under sums: if the sum of s independent slots is Poisson of mean m, each is Poisson of m / s; if it is
negative binomial of mean m and dispersion k (variance m + m² / k), each is of m / s and k / s. So a law fitted to days
gives that of a slot of the day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_EXPECTED: Final = 5.0
"""Counts are pooled until so many are expected of them (Cochran 1954, Biometrics 10, 417-451)."""
DISPERSIONS: Final = (1e-3, 1e4)
"""Where the dispersion is looked for."""


@dataclass(frozen=True)
class CountLaw:
    """A law of counts in a bucket.

    Attributes:
        mean: at a rate of 1.
        dispersion: of the negative binomial law; None: Poisson.
        error: standard error of the mean, from the spread of the counts.
        index: variance over mean of counts divided by their rates: 1 for Poisson.
        p_index: two-sided p-value that the index is 1 (Fisher's test of dispersion).
        aic: of both laws, Poisson first.
        p_fit: of the chi-square test of the chosen law; NaN where there are too few counts.
        n: buckets.
    """

    mean: float
    dispersion: float | None
    error: float
    index: float
    p_index: float
    aic: tuple[float, float]
    p_fit: float
    n: int

    def per_slot(self, slots: float) -> dict[str, Any]:
        """Return the law of demand of one of so many slots of a bucket, as a scenario takes it."""
        mean = self.mean / slots
        if self.dispersion is None:
            return {"poisson": round(mean, 6)}
        return {"negative_binomial": {"mean": round(mean, 6), "dispersion": round(self.dispersion / slots, 6)}}

    @property
    def told(self) -> str:
        """In words."""
        if self.dispersion is None:
            return f"Poisson, mean {self.mean:.3f}"
        return f"negative binomial, mean {self.mean:.3f}, dispersion {self.dispersion:.3f}"


def fit_counts(counts: npt.ArrayLike, rates: npt.ArrayLike | None = None) -> CountLaw:
    """Fit both laws and keep the one with the lower AIC.

    Args:
        counts: ``(n,)`` whole numbers, n >= 2, not all 0.
        rates: ``(n,)`` what multiplies the mean of each; None: 1. Buckets with a rate of 0 are left out.
    """
    given = np.asarray(counts, dtype=np.int64)
    offset = np.ones(len(given)) if rates is None else np.asarray(rates, dtype=np.float64)
    given, offset = given[offset > 0], offset[offset > 0]
    mean = float(given.sum() / offset.sum())
    expected = mean * offset
    chi_square = float(((given - expected) ** 2 / expected).sum())
    n = len(given)
    p_index = 2 * min(stats.chi2.cdf(chi_square, n - 1), stats.chi2.sf(chi_square, n - 1))
    poisson = -float(stats.poisson.logpmf(given, expected).sum())
    found = optimize.minimize_scalar(
        lambda log: -float(log_nbinom(given, expected, math.exp(log)).sum()),
        bounds=tuple(math.log(end) for end in DISPERSIONS),
        method="bounded",
    )
    aic = (2 * poisson + 2, 2 * float(found.fun) + 4)
    dispersion = math.exp(float(found.x)) if aic[1] < aic[0] else None
    error = float(np.sqrt(((given - expected) ** 2).sum() * n / max(1, n - 1)) / offset.sum())
    p_fit = _chi_square_test(given, expected, dispersion)
    return CountLaw(mean, dispersion, error, chi_square / max(1, n - 1), float(p_index), aic, p_fit, n)


def log_nbinom(counts: npt.ArrayLike, mean: npt.ArrayLike, dispersion: float) -> Floats:
    """Return log-probabilities of the negative binomial law by mean and dispersion."""
    x, m = np.asarray(counts, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    found: Floats = (
        special.gammaln(x + dispersion)
        - special.gammaln(dispersion)
        - special.gammaln(x + 1)
        - dispersion * np.log1p(m / dispersion)
        + x * (np.log(m) - np.log(m + dispersion))
    )
    return found


def expected_counts(expected: Floats, dispersion: float | None, most: int) -> Floats:
    """Return how often each count of 0 to ``most`` is expected among buckets with these means, ``(most + 1,)``."""
    means, times = np.unique(np.round(expected, 9), return_counts=True)
    values = np.arange(most + 1)
    if dispersion is None:
        chances = stats.poisson.pmf(values[:, None], means)
    else:
        chances = stats.nbinom.pmf(values[:, None], dispersion, dispersion / (dispersion + means))
    found: Floats = chances @ times
    return found


def _chi_square_test(counts: Ints, expected: Floats, dispersion: float | None) -> float:
    """Return the p-value of a law's fit, counts pooled from 0 up; NaN where fewer than one degree is left."""
    most = int(counts.max())
    wanted = expected_counts(expected, dispersion, most)
    seen = np.bincount(counts, minlength=most + 1).astype(np.float64)
    bins: list[list[float]] = []
    left, there = 0.0, 0.0
    for e, o in zip(wanted, seen, strict=True):
        left, there = left + float(e), there + float(o)
        if left >= LEAST_EXPECTED:
            bins.append([left, there])
            left = there = 0.0
    left += max(0.0, len(counts) - float(wanted.sum()))  # what lies above the largest count
    if bins and (left < LEAST_EXPECTED):
        bins[-1][0] += left
        bins[-1][1] += there
    else:
        bins.append([left, there])
    degrees = len(bins) - 1 - (1 if dispersion is None else 2)
    if degrees < 1:
        return math.nan
    statistic = sum((o - e) ** 2 / e for e, o in bins if e > 0)
    return float(stats.chi2.sf(statistic, degrees))
