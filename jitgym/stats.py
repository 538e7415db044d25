"""Statistics of a paired comparison: intervals, p-values, and how much of a series is warm-up.

Under common random numbers two policies meet the same luck on every seed, so that what is looked at are the
differences of their costs, seed by seed. Seeds are independent; the differences are d_1 .. d_n with mean d and
standard deviation s.

==================  ===================================================================================
``interval``        Student's t: d +- t(1 - alpha/2, n-1) s / sqrt(n).
``ratio``           Ratio of paired means, by the ratio estimator (Cochran 1977).
``bca``             Bias-corrected and accelerated bootstrap (Efron 1987), made as wide as Student's t for
                    normal differences (Hesterberg 2015 on why a bootstrap of few values is too narrow).
``paired_p_value``  Sign flips (Fisher 1935, section 21) for few seeds, Student's t for many.
``holm``            Adjusted p-values of several comparisons: max over j <= i of (m - j + 1) p_(j) (Holm 1979).
``mser5``           Warm-up of a series: argmin over b of sum over i > b of (z_i - z)^2 / (k - b)^2, z_i means
                    of five points (White 1997; White, Cobb & Spratt 2000).
==================  ===================================================================================

Sources:
    Cochran (1977), Sampling techniques, 3rd ed., Wiley.
    Efron (1987), Better bootstrap confidence intervals, JASA 82(397), 171-185.
    Fisher (1935), The design of experiments, Oliver & Boyd.
    Hesterberg (2015), What teachers should know about the bootstrap, The American Statistician 69(4), 371-386.
    Hoad, Robinson & Davies (2010), Automating warm-up length estimation, J. Oper. Res. Soc. 61(9), 1389-1403.
    Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6(2), 65-70.
    Phipson & Smyth (2010), Permutation p-values should never be zero, Stat. Appl. Genet. Mol. Biol. 9(1).
    White (1997), An effective truncation heuristic for bias reduction in simulation output, Simulation 69(6), 323-334.
    White, Cobb & Spratt (2000), A comparison of five steady-state truncation heuristics for simulation,
    Proc. Winter Simulation Conf., 755-760.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy

from jitgym.errors import InputError

Floats = npt.NDArray[np.float64]

RESAMPLES: Final = 9999
"""Enough that two digits of an end of a 95 % interval do not hang on the seed of the bootstrap."""
MANY: Final = 100
"""Seeds from which on Student's t and the sign flips agree and the first is used: it has no smallest value."""
BATCH: Final = 5
"""Points in a batch of MSER-5."""
LEAST_BATCHES: Final = 20
"""Batches below which MSER-5 says little: with so few it still takes every tenth series of noise for unsteady."""
LEAST_SERIES: Final = BATCH * LEAST_BATCHES
"""Points below which MSER-5 is refused."""
SPURIOUS: Final = 5
"""Last batches that MSER-5 may not choose: a handful that happen to be alike have no spread (Hoad et al. 2010)."""
_CHUNK: Final = 100_000
"""Numbers that a bootstrap holds at once: larger blocks leave the cache and are slower."""
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Interval:
    """A mean with its standard error and 95 % confidence interval (Student t over seeds)."""

    mean: float
    error: float
    low: float
    high: float


def interval(values: Floats) -> Interval:
    """Return mean, standard error and 95 % interval of independent values ``(n,)``, n >= 2.

    Raises:
        InputError: fewer than two values.
    """
    if len(values) < 2:
        raise InputError(f"values must be >= 2 for a confidence interval, got {len(values)}")
    mean, error = float(np.mean(values)), float(scipy.stats.sem(values))
    reach = float(scipy.stats.t.ppf(0.975, len(values) - 1)) * error
    return Interval(mean, error, mean - reach, mean + reach)


def ratio(values: Floats, reference: Floats) -> Interval:
    """Return the ratio of two means, of pairs that met the same luck, with its 95 % interval.

    r = mean x / mean y, with the standard error of the mean of x - r y, over mean y: the ratio estimator of Cochran
    (1977), Sampling techniques, ch. 6. Meant for many pairs, and a reference whose mean is clear of zero.

    Args:
        values: x, ``(n,)``; pairs without a finite number on both sides are left out.
        reference: y, ``(n,)``.

    Returns:
        NaN throughout for fewer than two pairs, or a reference with mean zero.
    """
    both = np.isfinite(values) & np.isfinite(reference)
    x, y = values[both], reference[both]
    if len(x) < 2 or y.mean() == 0:
        return Interval(np.nan, np.nan, np.nan, np.nan)
    found = float(x.mean() / y.mean())
    around = interval((x - found * y) / y.mean())  # its mean is zero
    return Interval(found, around.error, found + around.low, found + around.high)


def bca(differences: npt.ArrayLike, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean of paired differences with its bias-corrected and accelerated bootstrap interval.

    The bootstrap lets the interval be lopsided where the differences are. Its spread is that of the n values as
    they are, sqrt((n - 1) / n) of the unbiased one, and it uses normal where Student's quantiles are due: for few
    values it is far too narrow. So both of its arms are made longer by ``widening``; of normal values it is then
    Student's interval.

    Args:
        differences: ``(n,)``, one a seed, n >= 2.
        level: confidence level.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same seed gives the same interval.

    Returns:
        The interval, its ``error`` the standard error of the mean. A point where all differences are equal. Very
        skewed differences are covered less often than ``level`` says: the mean of 30 lognormal values (sigma 1) in
        91 % instead of 95 %, Student's interval in 89 %.

    Raises:
        InputError: fewer than two differences, or one that is not finite, or a level outside (0, 1).
    """
    values = checked(differences, "differences", 1)
    n = len(values)
    mean, error = float(values.mean()), float(scipy.stats.sem(values))
    wider = widening(n, level)
    if error == 0 or _all_equal(values):
        return Interval(mean, 0.0, mean, mean)
    unit = error * np.sqrt(n)
    found = scipy.stats.bootstrap(
        ((values - mean) / unit,),
        np.mean,
        method="BCa",
        n_resamples=resamples,
        confidence_level=level,
        batch=chunk(n),
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    reach = wider * unit
    return Interval(mean, error, float(mean + reach * found.low), float(mean + reach * found.high))


def widening(n: int, level: float, strata: int = 1) -> float:
    """Return the factor that a percentile or BCa interval lacks: sqrt(n / (n - 1)) t(n - 1) / z.

    Args:
        n: values in a stratum, at least 2.
        level: confidence level.
        strata: samples of n values each; they have ``strata * (n - 1)`` degrees of freedom together.

    Raises:
        InputError: a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise InputError(f"level must be > 0 and < 1, got {level}")
    tail = (1 + level) / 2
    return float(np.sqrt(n / (n - 1)) * scipy.stats.t.ppf(tail, strata * (n - 1)) / scipy.stats.norm.ppf(tail))


def chunk(size: int) -> int:
    """Return how many resamples of ``size`` numbers to hold at once."""
    return max(1, _CHUNK // size)


def paired_p_value(differences: npt.ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Return the two-sided p-value of the hypothesis that two policies cost the same.

    Below ``MANY`` seeds by flipping signs: if the policies are exchangeable on every seed, a difference is as
    likely with the other sign, and p is the share of sign patterns whose mean is as far from zero. It is exact, by
    all 2^n patterns, where there are no more than ``resamples`` of them, and else by so many random ones, the
    observed one counted in (Phipson & Smyth 2010), so that p is never too small. From ``MANY`` seeds on by Student's
    paired t: both then test that the mean is zero, t at no cost and with no smallest value that a correction for
    many comparisons would run into.

    Args:
        differences: ``(n,)``, one a seed, n >= 2.
        resamples: sign patterns.
        seed: of the random sign patterns.

    Raises:
        InputError: fewer than two differences, or one that is not finite.
    """
    values = checked(differences, "differences", 1)
    n = len(values)
    if _all_equal(values):
        return float(2.0 ** (1 - n)) if values.any() else 1.0
    if n >= MANY:
        return float(scipy.stats.ttest_1samp(values, 0.0).pvalue)
    return float(
        scipy.stats.permutation_test(
            (values,),
            _mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=resamples,
            batch=chunk(n),
            random_state=np.random.default_rng(seed),
        ).pvalue
    )


def holm(p_values: npt.ArrayLike) -> Floats:
    """Return Holm's adjusted p-values, in the order of ``p_values``.

    Rejecting what is at most alpha keeps the chance of any wrong rejection below alpha, however the comparisons
    depend on each other.

    Args:
        p_values: ``(m,)``, one a comparison, m >= 0.

    Raises:
        InputError: a value outside [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"p_values must be a list of numbers >= 0 and <= 1, got {values.tolist()}")
    order = np.argsort(values)
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1)
    return adjusted


def mser5(series: npt.ArrayLike) -> int | None:
    """Return how many points to delete from the start of a series as its warm-up, by MSER-5.

    The point that is chosen makes the standard error of the mean of what is left smallest, as if batches of five
    points were independent. Give it the mean over replications: it is smoother than any one of them. A series that
    wanders slowly, and is not many times as long as it wanders, is often taken for one without a steady state.

    Args:
        series: ``(n_points,)``, or ``(n_reps, n_points)`` of which the mean over replications is taken.

    Returns:
        A multiple of five, at most half of the series; None if the best point lies later than that: then no
        steady state was seen and the series is too short.

    Raises:
        InputError: fewer than 100 points, or one that is not finite.
    """
    values = np.asarray(series, dtype=np.float64)
    if values.ndim == 2 and len(values):
        values = values.mean(axis=0)
    if values.ndim != 1 or len(values) < LEAST_SERIES:
        raise InputError(f"series must have >= {LEAST_SERIES} points, got shape {np.shape(series)}")
    if not np.isfinite(values).all():
        raise InputError("series must be finite, got NaN or infinity")
    k = len(values) // BATCH
    batches = values[: k * BATCH].reshape(k, BATCH).mean(axis=1)
    batches -= batches.mean()  # the sums of squares below then lose no digits
    left = np.arange(k, 0, -1)
    sums, squares = (np.cumsum(terms[::-1])[::-1] for terms in (batches, batches**2))
    errors = (squares - sums**2 / left) / left**2
    best = int(np.argmin(errors[:-SPURIOUS]))
    return best * BATCH if best <= k // 2 else None


def checked(values: npt.ArrayLike, name: str, axes: int) -> Floats:
    """Return an array of finite numbers, at least two along its first axis.

    Raises:
        InputError: another shape, or a number that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != axes or array.size == 0:
        raise InputError(f"{name} must have {axes} axes and hold something, got shape {array.shape}")
    if len(array) < 2:
        raise InputError(f"{name} must be >= 2 for a confidence interval, got {len(array)}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite, got {int((~np.isfinite(array)).sum())} that are not")
    return array


def _all_equal(values: Floats) -> bool:
    """Return whether values differ by rounding only."""
    return bool(np.ptp(values) <= _ROUNDING * np.abs(values).max())


def _mean(values: Floats, axis: int) -> Any:
    return values.mean(axis=axis)
