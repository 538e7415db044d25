"""Season and trend: tests without a distribution, and how strong they are."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL: Final = 0.01
"""A season or a trend is taken for one below this p-value: many are looked for."""
MANY: Final = 20
"""Periods from which on chi-square is near enough."""
RESAMPLES: Final = 9999
LEAST_ROUNDS: Final = 2
"""Whole periods that a season must have been seen."""
LEAST_STRENGTH: Final = 0.1
"""Assumed: a season below this strength is too weak to plan by."""


@dataclass(frozen=True)
class Season:
    """A season of one period.

    Attributes:
        period: its length, in places: weekdays of a week, months of a year.
        rounds: whole periods that were seen.
        p: of Friedman's test that all places are alike.
        strength: 0 to 1.
        rates: mean demand of every place over the mean of all, ``(period,)``.
    """

    period: int
    rounds: int
    p: float
    strength: float
    rates: tuple[float, ...]

    @property
    def is_one(self) -> bool:
        """Whether it counts."""
        return self.p < LEVEL and self.strength >= LEAST_STRENGTH


def season_of(values: npt.ArrayLike, period: int) -> Season | None:
    """Look for a season in values ``(n,)``, the first of which stands at the period's first place.

    Friedman's test (1937, J. American Statistical Association 32, 675-701) with the periods as blocks; each value is
    first divided by its period's mean, so that a trend does not count. Strength is that of Wang, Smith & Hyndman (2006,
    Data Mining and Knowledge Discovery 13, 335-364), 1 - var(remainder) / var(season + remainder), of an STL
    decomposition.

    Returns:
        None if fewer than two whole periods were seen, or nothing varies.
    """
    given = np.asarray(values, dtype=np.float64)
    rounds = len(given) // period
    if rounds < LEAST_ROUNDS or period < 2:
        return None
    table = given[: rounds * period].reshape(rounds, period)
    table = table[table.sum(axis=1) > 0]
    if len(table) < LEAST_ROUNDS:
        return None
    relative = table / table.mean(axis=1, keepdims=True)
    if period == 2:
        p = float(stats.binomtest(*_sides(relative)).pvalue) if relative.std() > 0 else 1.0
    else:
        p = _friedman(relative)
    rates = relative.mean(axis=0)
    return Season(period, len(table), p, strength_of(table.ravel(), period), tuple(float(rate) for rate in rates))


def _sides(relative: Floats) -> tuple[int, int]:
    """Return how often the first of two places is higher, and how often they differ (sign test)."""
    differs = relative[:, 0] != relative[:, 1]
    return int((relative[:, 0] > relative[:, 1]).sum()), max(1, int(differs.sum()))


def _friedman(relative: Floats) -> float:
    """Return the p-value of Friedman's test: by chi-square for many periods, by permuting the places of a few.

    With two years of twelve months chi-square could not fall below 0.02, whatever the season.
    """
    if len(relative) >= MANY:
        with warnings.catch_warnings():  # where all are tied there is nothing to test
            warnings.simplefilter("ignore", RuntimeWarning)
            p = float(stats.friedmanchisquare(*relative.T).pvalue)
        return p if np.isfinite(p) else 1.0
    ranks = stats.rankdata(relative, axis=1)
    observed = float(ranks.sum(axis=0).var())
    rng = np.random.default_rng(0)
    drawn = rng.permuted(np.broadcast_to(ranks, (RESAMPLES, *ranks.shape)), axis=2).sum(axis=1).var(axis=1)
    return (1 + int((drawn >= observed - 1e-9).sum())) / (1 + RESAMPLES)


def strength_of(values: npt.ArrayLike, period: int) -> float:
    """Return the strength of a season that stays the same, in values ``(n,)`` of at least two periods."""
    from statsmodels.tsa.seasonal import STL

    given = np.asarray(values, dtype=np.float64)
    if not np.ptp(given):
        return 0.0
    n = len(given)
    parts = STL(given, period=period, seasonal=10 * n + 1, seasonal_deg=0, seasonal_jump=n).fit()
    with_season = float(np.var(parts.seasonal + parts.resid))
    return max(0.0, 1 - float(np.var(parts.resid)) / with_season) if with_season > 0 else 0.0


@dataclass(frozen=True)
class Trend:
    """A trend.

    Attributes:
        p: of the Mann-Kendall test.
        slope: Theil and Sen's, a bucket.
        per_year: the same a year, as a share of the mean.
    """

    p: float
    slope: float
    per_year: float

    @property
    def is_one(self) -> bool:
        """Whether it counts."""
        return self.p < LEVEL


def trend_of(values: npt.ArrayLike, buckets_per_year: float) -> Trend | None:
    """Look for a trend in values ``(n,)``: Mann-Kendall's test with ties, and the Theil-Sen slope.

    Sources: Mann (1945), Econometrica 13, 245-259; Kendall (1975), Rank correlation methods; Sen (1968), J. American
    Statistical Association 63, 1379-1389. Values that hang together make p too small; give sums of weeks, not days.

    Returns:
        None for fewer than ten values, or if all are equal.
    """
    given = np.asarray(values, dtype=np.float64)
    if len(given) < 10 or not np.ptp(given):
        return None
    time = np.arange(len(given), dtype=np.float64)
    p = float(stats.kendalltau(time, given).pvalue)
    slope = float(stats.theilslopes(given, time).slope)
    return Trend(p, slope, slope * buckets_per_year / float(given.mean()))


def without_season(values: npt.ArrayLike, places: npt.ArrayLike, rates: npt.ArrayLike) -> Floats:
    """Return values ``(n,)`` divided by the rate of the place at which each stands; unchanged where the rate is 0."""
    divisor = np.asarray(rates, dtype=np.float64)[np.asarray(places, dtype=np.int64)]
    found: Floats = np.asarray(values, dtype=np.float64) / np.where(divisor > 0, divisor, 1.0)
    return found
