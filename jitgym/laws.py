"""Probability laws as integer tables: what a uniform ``u`` in ``[0, 2**31)`` is compared with.

An event of probability p happens if ``u <= threshold(p)``; a count is the number of thresholds that ``u`` is above.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy

from jitgym.parts import DemandLaw, Duration, HazardLaw, Noise, Quality

Ints = npt.NDArray[np.int32]

CERTAIN: Final = 2**31 - 1
"""The threshold of what is certain."""
MOST_DEMAND: Final = 1 << 16
"""Most units that customers may order in a slot, but for a chance of 2**-33."""
MOST_LAWS: Final = 1 << 21
"""Most thresholds of demand of one line: units, times levels, regimes and parts of the season."""
DEMAND_LEVELS: Final = 17
"""Where mean demand varies from line to line, it takes one of this many values, evenly spaced."""
TIMES: Final = 4096
"""A factor counts in 1 / 4096."""


def threshold(probability: float) -> int:
    """Return the integer t for which ``u <= t`` has this probability: p = 0 never, p = 1 always, exactly."""
    return round(probability * 2**31) - 1


def count_thresholds(cdf: npt.ArrayLike) -> Ints:
    """Return thresholds t so that ``#{k: u > t[k]}`` has a cumulative distribution; certain entries are cut."""
    values = [threshold(float(p)) for p in np.minimum(np.asarray(cdf, dtype=float), 1.0)]
    return _ints(value for value in values if value < CERTAIN)


def hazard_thresholds(law: HazardLaw) -> Ints:
    """Return the thresholds of breaking down, by wear level."""
    if law.geometric is not None:
        return _ints([threshold(law.geometric)])
    if law.table is not None:
        return _ints(threshold(p) for p in law.table)
    weibull = law.weibull
    assert weibull is not None  # one of the three is given: the scenario is validated
    scale, shape = weibull.scale, weibull.shape
    levels = weibull.levels or min(4096, math.ceil(scale * (31 * math.log(2)) ** (1 / shape)))
    steps = (np.arange(levels + 1) / scale) ** shape
    return _ints(threshold(p) for p in -np.expm1(-np.diff(steps)))


def defect_thresholds(quality: Quality, levels: int) -> Ints:
    """Return the thresholds of a defective job, by wear level, and last that of a machine out of control."""
    given = quality.defect if isinstance(quality.defect, tuple) else (quality.defect,)
    by_level = [given[min(level, len(given) - 1)] for level in range(levels)]
    return _ints(threshold(p) for p in (*by_level, quality.defect_shifted))


def duration_thresholds(duration: Duration) -> Ints:
    """Return the count thresholds of a duration beyond one slot, none unless it comes from a table."""
    return _ints([]) if duration.table is None else count_thresholds(np.cumsum(duration.table)[:-1])


def noise_thresholds(monitoring: str | Noise) -> Ints:
    """Return the count thresholds of a rounded normal error, shifted to be >= 0 by its radius."""
    if not isinstance(monitoring, Noise):
        return _ints([])
    sd = monitoring.noise
    radius = max(1, math.ceil(4 * sd))
    return _ints(threshold(p) for p in scipy.stats.norm.cdf((np.arange(2 * radius) - radius + 0.5) / sd))


@lru_cache(maxsize=4096)  # a season has hundreds of them, and every simulator asks for all
def demand_thresholds(law: DemandLaw, rate: float = 1.0) -> Ints:
    """Return the count thresholds of a slot's demand, its mean multiplied by a rate; they are not to be written to."""
    found = _demand_thresholds(law, rate)
    found.flags.writeable = False
    return found


def _demand_thresholds(law: DemandLaw, rate: float) -> Ints:
    if law.bernoulli is not None:
        return count_thresholds([1 - law.bernoulli * rate])
    if law.table is not None:
        return count_thresholds(np.cumsum(law.table)[:-1])
    if law.mean * rate == 0:
        return _ints([])
    return count_thresholds(_counts(law, rate).cdf(np.arange(most_demand(law, rate) + 2)))


@lru_cache(maxsize=4096)
def most_demand(law: DemandLaw, rate: float = 1.0) -> int:
    """Return what demand in a slot passes with a chance of 2**-33 at most; for laws with a mean, times a rate."""
    if law.bernoulli is not None:
        return 1
    return int(_counts(law, rate).isf(2.0**-33)) if law.mean * rate > 0 else 0


def _counts(law: DemandLaw, rate: float) -> Any:
    """Return the distribution of a law that is Poisson or negative binomial."""
    mean = law.mean * rate
    if law.poisson is not None:
        return scipy.stats.poisson(mean)
    count = law.negative_binomial
    assert count is not None  # one of the forms is given: the scenario is validated
    return scipy.stats.nbinom(count.dispersion, count.dispersion / (count.dispersion + mean))


def stationary(switch: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    """Return the long-run shares of the states of a Markov chain, ``(n,)``, begun in the first."""
    matrix = np.asarray(switch, dtype=float)
    # the mean of the distribution over 2**60 steps: right for periodic and reducible chains too
    mean, power = (np.eye(len(matrix)) + matrix) / 2, matrix
    for _ in range(60):
        power = power @ power
        mean = mean @ (np.eye(len(matrix)) + power) / 2
        mean /= mean.sum(axis=1, keepdims=True)
        power /= power.sum(axis=1, keepdims=True)
    shares: npt.NDArray[np.float64] = mean[0]
    return shares


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), dtype=np.int32)
