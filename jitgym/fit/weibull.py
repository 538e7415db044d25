"""Lives: Weibull by maximum likelihood with censoring, intervals, the Kaplan-Meier curve, and how well the law fits.

Likelihood, intervals and tests as in Meeker, Escobar & Pascual, Statistical Methods for Reliability Data, 2nd ed.,
2022. A life that was still going on, or that planned maintenance ended, is censored: longer than that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from jitgym.errors import InputError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SHAPES: Final = (0.02, 100.0)
"""Where the shape is looked for."""
RESAMPLES: Final = 499
LEVEL: Final = 0.95


@dataclass(frozen=True)
class Weibull:
    """A fitted law: the chance to live longer than t is exp(-(t / scale) ** shape).

    Attributes:
        shape: above 1 the machine wears out, below 1 it fails young.
        scale: the life that 36.8 % outlive.
        shape_interval: 95 %, by profile likelihood.
        scale_interval: the same.
        log_likelihood: at the estimate.
        p_exponential: of the likelihood-ratio test that the shape is 1.
        rate: failures over all time, the hazard of the exponential law.
        n: lives.
        failures: lives that ended in a failure.
    """

    shape: float
    scale: float
    shape_interval: tuple[float, float]
    scale_interval: tuple[float, float]
    log_likelihood: float
    p_exponential: float
    rate: float
    n: int
    failures: int

    @property
    def mean(self) -> float:
        """Mean life."""
        return self.scale * math.gamma(1 + 1 / self.shape)

    def survival(self, times: npt.ArrayLike) -> Floats:
        """Return the chance to live longer than times ``(n,)``."""
        found: Floats = np.exp(-((np.asarray(times, dtype=np.float64) / self.scale) ** self.shape))
        return found


def fit_weibull(lives: npt.ArrayLike, failed: npt.ArrayLike | None = None) -> Weibull:
    """Fit the law.

    The likelihood's derivative in the shape, the best scale put in, has one root: it is found between two bounds, so
    that no start has to be guessed. ``scipy.stats.weibull_min.fit`` of ``CensoredData`` finds the same, by a search.

    Args:
        lives: ``(n,)``, above 0.
        failed: ``(n,)`` whether each ended in a failure; None: all did.

    Raises:
        InputError: a life that is not above 0, or fewer than two different failures.
    """
    times, ends = checked_lives(lives, failed)
    if len(np.unique(times[ends])) < 2:
        raise InputError(f"lives must end in at least 2 different failures, got {len(np.unique(times[ends]))}")
    unit = float(times.max())
    logs = np.log(times / unit)
    mean_log = float(logs[ends].mean())

    def slope(shape: float) -> float:
        powers = np.exp(shape * logs)
        return float(powers @ logs / powers.sum()) - 1 / shape - mean_log

    low, high = SHAPES
    shape = high if slope(high) < 0 else low if slope(low) > 0 else float(optimize.brentq(slope, low, high, xtol=1e-12))
    scale = scale_of(times, ends, shape)
    top = log_likelihood(times, ends, shape, scale)
    rate = float(ends.sum() / times.sum())
    ratio = 2 * (top - log_likelihood(times, ends, 1.0, 1 / rate))
    return Weibull(
        shape=shape,
        scale=scale,
        shape_interval=_profile(lambda k: log_likelihood(times, ends, k, scale_of(times, ends, k)), shape, top, 10),
        scale_interval=_profile(lambda s: _best_shape(times, ends, s), scale, top, 1000),
        log_likelihood=top,
        p_exponential=float(stats.chi2.sf(max(0.0, ratio), 1)),
        rate=rate,
        n=len(times),
        failures=int(ends.sum()),
    )


def checked_lives(lives: npt.ArrayLike, failed: npt.ArrayLike | None) -> tuple[Floats, Bools]:
    """Return lives and whether they failed as arrays.

    Raises:
        InputError: a life that is not above 0.
    """
    times = np.asarray(lives, dtype=np.float64)
    ends = np.ones(len(times), dtype=bool) if failed is None else np.asarray(failed, dtype=bool)
    if times.ndim != 1 or times.shape != ends.shape or not np.isfinite(times).all() or (times <= 0).any():
        raise InputError(f"lives must be numbers above 0, and failed as many truth values, got {times!r:.80}")
    return times, ends


def scale_of(times: Floats, ends: Bools, shape: float) -> float:
    """Return the best scale for a shape: (sum of t ** shape / failures) ** (1 / shape)."""
    unit = float(times.max())
    return float(unit * (((times / unit) ** shape).sum() / ends.sum()) ** (1 / shape))


def log_likelihood(times: Floats, ends: Bools, shape: float, scale: float) -> float:
    """Return the log-likelihood of lives of which some are censored."""
    relative = np.log(times / scale)
    with np.errstate(over="ignore"):
        gone = float(np.exp(shape * relative).sum())
    return float(ends.sum()) * math.log(shape / scale) + (shape - 1) * float(relative[ends].sum()) - gone


def _best_shape(times: Floats, ends: Bools, scale: float) -> float:
    """Return the log-likelihood at a scale, with the best shape for it."""
    low, high = (math.log(end) for end in SHAPES)
    found = optimize.minimize_scalar(
        lambda log: -log_likelihood(times, ends, math.exp(log), scale), bounds=(low, high), method="bounded"
    )
    return -float(found.fun)


def _profile(profile: Callable[[float], float], estimate: float, top: float, reach: float) -> tuple[float, float]:
    """Return where a profile likelihood lies half a chi-square quantile below its top; the bound where it does not."""
    floor = top - float(stats.chi2.ppf(LEVEL, 1)) / 2

    def above(value: float) -> float:
        return max(profile(value) - floor, -1e6)

    low, high = estimate / reach, estimate * reach
    return (
        float(optimize.brentq(above, low, estimate, xtol=1e-6 * estimate)) if above(low) < 0 else low,
        float(optimize.brentq(above, estimate, high, xtol=1e-6 * estimate)) if above(high) < 0 else high,
    )


def kaplan_meier(lives: npt.ArrayLike, failed: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Return the times of failures and the share that outlives each (Kaplan & Meier 1958), both ``(k,)``."""
    times, ends = checked_lives(lives, failed)
    data = stats.CensoredData(times[ends], right=times[~ends])
    curve = stats.ecdf(data).sf
    there = np.isin(curve.quantiles, times[ends])
    return curve.quantiles[there], curve.probabilities[there]


def gap(times: Floats, ends: Bools, law: Weibull) -> float:
    """Return the largest gap between the Kaplan-Meier curve and a law, on both sides of every step."""
    order = np.argsort(times, kind="stable")
    t, e = times[order], ends[order]
    at_risk = len(t) - np.arange(len(t))
    steps = np.cumprod(np.where(e, 1 - 1 / at_risk, 1.0))
    before = np.concatenate([[1.0], steps[:-1]])
    fitted = law.survival(t)
    return float(np.maximum(np.abs(fitted - steps), np.abs(fitted - before))[e].max())


@dataclass(frozen=True)
class Fit:
    """How well a law fits: the largest gap to the Kaplan-Meier curve, and how often chance makes one as large."""

    gap: float
    p: float


def goodness_of_fit(
    lives: npt.ArrayLike, failed: npt.ArrayLike | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> Fit:
    """Test the Weibull law by a parametric bootstrap of the largest gap (Kolmogorov-Smirnov's where all failed).

    Resamples are drawn from the fitted law, censored as the data are, and fitted anew. Their censoring times are drawn
    from the Kaplan-Meier curve of the censoring; beyond its last there is none.
    Source: Stute, Manteiga & Quindimil (1993), Metrika 40, 243-256, on the bootstrap with estimated parameters.
    """
    times, ends = checked_lives(lives, failed)
    law = fit_weibull(times, ends)
    observed = gap(times, ends, law)
    rng = np.random.default_rng(seed)
    larger = done = 0
    for _ in range(resamples):
        drawn = law.scale * rng.weibull(law.shape, len(times))
        limits = _limits(times, ends, rng)
        kept, failing = np.minimum(drawn, limits), drawn <= limits
        if len(np.unique(kept[failing])) < 2:
            continue
        done += 1
        larger += gap(kept, failing, _point(kept, failing)) >= observed
    return Fit(observed, (1 + larger) / (1 + done))


def _limits(times: Floats, ends: Bools, rng: np.random.Generator) -> Floats:
    """Draw a censoring time for every life from the Kaplan-Meier curve of the censoring."""
    if ends.all():
        return np.full(len(times), math.inf)
    order = np.lexsort((~ends, times))
    t, censored = times[order], ~ends[order]
    at_risk = len(t) - np.arange(len(t))
    left = np.cumprod(np.where(censored, 1 - 1 / at_risk, 1.0))[censored]
    points = np.append(t[censored], math.inf)
    found: Floats = points[np.searchsorted(1 - left, rng.random(len(times)), side="left")]
    return found


def _point(times: Floats, ends: Bools) -> Weibull:
    """Return the estimate alone, without intervals."""
    unit = float(times.max())
    logs = np.log(times / unit)
    mean_log = float(logs[ends].mean())
    shape = 1.0
    for _ in range(60):  # Newton's steps in log(shape), halved where they are large
        powers = np.exp(shape * logs)
        total, first, second = powers.sum(), powers @ logs, powers @ logs**2
        slope = first / total - 1 / shape - mean_log
        curve = second / total - (first / total) ** 2 + 1 / shape**2
        step = float(np.clip(slope / (curve * shape), -1, 1))
        shape = min(max(shape * math.exp(-step), SHAPES[0]), SHAPES[1])
        if abs(step) < 1e-9:
            break
    scale = scale_of(times, ends, shape)
    nothing = (math.nan, math.nan)
    return Weibull(shape, scale, nothing, nothing, math.nan, math.nan, math.nan, len(times), int(ends.sum()))
