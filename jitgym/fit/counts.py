"""Laws of counts: Poisson, negative binomial or binomial, by maximum likelihood, and how well they fit.

All are closed under sums: if the sum of s independent slots is Poisson of mean m, each is Poisson of m / s; if it is
negative binomial of mean m and dispersion k (variance m + m² / k), each is of m / s and k / s; if it is binomial, each
has one unit or none. So a law fitted to days gives that of a slot of the day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Kind = Literal["Poisson", "negative binomial", "binomial"]

LEAST_EXPECTED: Final = 5.0
"""Counts are pooled until so many are expected of them (Cochran 1954, Biometrics 10, 417-451)."""
DISPERSIONS: Final = (1e-3, 1e4)
"""Where the dispersion is looked for."""
LARGEST: Final = 100_000
"""Counts above are not tested for their fit: there would be more cells than buckets."""
MARGIN: Final = 1.02
"""Rates of a season are rounded: the chance of a unit stays below 1 by this factor."""


@dataclass(frozen=True)
class CountLaw:
    """A law of counts in a bucket.

    Attributes:
        kind: of the law.
        mean: at a rate of 1.
        dispersion: of the negative binomial law, else None.
        slots: of a bucket, of the binomial law, else 0.
        error: standard error of the mean, from the spread of the counts.
        index: variance over mean of counts divided by their rates: 1 for Poisson.
        p_index: two-sided p-value that the index is 1 (Fisher's test of dispersion).
        aic: of every law that is possible, by its kind.
        p_fit: of the chi-square test of the chosen law; NaN where there are too few counts.
        n: buckets.
    """

    kind: Kind
    mean: float
    dispersion: float | None
    slots: int
    error: float
    index: float
    p_index: float
    aic: dict[Kind, float]
    p_fit: float
    n: int

    def per_slot(self, slots: float) -> dict[str, Any]:
        """Return the law of demand of one of so many slots of a bucket, as a scenario takes it."""
        mean = max(1e-6, round(self.mean / slots, 6))
        if self.dispersion is not None:
            return {"negative_binomial": {"mean": mean, "dispersion": round(self.dispersion / slots, 6)}}
        return {"bernoulli": mean} if self.kind == "binomial" else {"poisson": mean}

    @property
    def told(self) -> str:
        """In words."""
        spread = f", dispersion {self.dispersion:.3f}" if self.dispersion is not None else ""
        return f"{self.kind}, mean {self.mean:.3f}{spread}"


def fit_counts(counts: npt.ArrayLike, rates: npt.ArrayLike | None = None, slots: int = 0) -> CountLaw:
    """Fit all laws and keep the one with the lowest AIC.

    Args:
        counts: ``(n,)`` whole numbers, n >= 2, not all 0 where rates are not.
        rates: ``(n,)`` what multiplies the mean of each; None: 1. Buckets with a rate of 0 are left out.
        slots: of a bucket: the binomial law is possible where no count is larger, and no slot's mean above 1; 0: it is
            not looked at.
    """
    given = np.asarray(counts, dtype=np.int64)
    offset = np.ones(len(given)) if rates is None else np.asarray(rates, dtype=np.float64)
    given, offset = given[offset > 0], offset[offset > 0]
    mean = float(given.sum() / offset.sum())
    expected = mean * offset
    chi_square = float(((given - expected) ** 2 / expected).sum())
    n = len(given)
    p_index = 2 * min(stats.chi2.cdf(chi_square, n - 1), stats.chi2.sf(chi_square, n - 1))
    found = optimize.minimize_scalar(
        lambda log: -float(log_nbinom(given, expected, math.exp(log)).sum()),
        bounds=tuple(math.log(end) for end in DISPERSIONS),
        method="bounded",
    )
    aic: dict[Kind, float] = {
        "Poisson": 2 - 2 * float(stats.poisson.logpmf(given, expected).sum()),
        "negative binomial": 4 + 2 * float(found.fun),
    }
    if slots and given.max() <= slots and expected.max() * MARGIN <= slots:
        aic["binomial"] = 2 - 2 * float(stats.binom.logpmf(given, slots, expected / slots).sum())
    kind = min(aic, key=lambda one: aic[one])
    law = CountLaw(
        kind=kind,
        mean=mean,
        dispersion=math.exp(float(found.x)) if kind == "negative binomial" else None,
        slots=slots if kind == "binomial" else 0,
        error=float(np.sqrt(((given - expected) ** 2).sum() * n / max(1, n - 1)) / offset.sum()),
        index=chi_square / max(1, n - 1),
        p_index=float(p_index),
        aic=aic,
        p_fit=math.nan,
        n=n,
    )
    return replace(law, p_fit=_chi_square_test(given, offset, law))


def seldom(mean: float, n: int) -> CountLaw:
    """Return the Poisson law of what came too seldom for a single unit in n buckets, by its mean alone."""
    nothing = math.nan
    return CountLaw("Poisson", mean, None, 0, nothing, nothing, nothing, {"Poisson": nothing}, nothing, n)


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


def expected_counts(law: CountLaw, rates: npt.ArrayLike, most: int) -> Floats:
    """Return how often each count of 0 to ``most`` is expected among buckets with these rates, ``(most + 1,)``."""
    means, times = np.unique(np.round(law.mean * np.asarray(rates, dtype=np.float64), 9), return_counts=True)
    values = np.arange(most + 1)[:, None]
    if law.dispersion is not None:
        chances = stats.nbinom.pmf(values, law.dispersion, law.dispersion / (law.dispersion + means))
    elif law.slots:
        chances = stats.binom.pmf(values, law.slots, means / law.slots)
    else:
        chances = stats.poisson.pmf(values, means)
    found: Floats = chances @ times
    return found


def _chi_square_test(counts: Ints, rates: Floats, law: CountLaw) -> float:
    """Return the p-value of a law's fit, counts pooled from 0 up; NaN where fewer than one degree is left."""
    most = int(counts.max())
    if most > LARGEST:
        return math.nan
    wanted = expected_counts(law, rates, most)
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
    degrees = len(bins) - 1 - (1 if law.dispersion is None else 2)
    if degrees < 1:
        return math.nan
    statistic = sum((o - e) ** 2 / e for e, o in bins if e > 0)
    return float(stats.chi2.sf(statistic, degrees))
