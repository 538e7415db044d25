"""What kind of demand a product has, and whether it suits pull.

Classes after Syntetos, Boylan & Croston (2005), On the categorization of demand patterns, J. Operational Research
Society 56(5), 495-503: by the average demand interval (ADI, periods for each period with demand) and the squared
coefficient of variation of the sizes (CV², of the periods with demand)::

                     ADI < 1.32      ADI >= 1.32
    CV² <  0.49      smooth          intermittent
    CV² >= 0.49      erratic         lumpy

These functions take plain arrays: they know nothing of files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError

Class = Literal["smooth", "erratic", "intermittent", "lumpy"]
Suits = Literal["yes", "with care", "not yet"]

ADI: Final = 1.32
SQUARED_CV: Final = 0.49
"""Cut-offs of Syntetos, Boylan & Croston (2005)."""
LEAST_ORDERS: Final = 12
"""Assumed: buckets with demand below which nothing is said."""
STEEP: Final = 0.25
"""Assumed: a significant trend of this share a year makes cards out of date within months."""
STRONG: Final = 0.64
"""Strength of season above which one number of cards will not do: the cut-off for seasonal differencing of
``forecast::nsdiffs`` (Hyndman & Athanasopoulos, Forecasting: principles and practice, 3rd ed., 2021, section 9.1)."""


@dataclass(frozen=True)
class Pattern:
    """How demand comes, bucket by bucket.

    Attributes:
        kind: the class.
        adi: buckets for each bucket with demand.
        squared_cv: of the sizes of buckets with demand.
        cv: coefficient of variation of all buckets.
        mean: of all buckets.
        n: buckets.
        orders: buckets with demand.
    """

    kind: Class
    adi: float
    squared_cv: float
    cv: float
    mean: float
    n: int
    orders: int


def pattern_of(demand: npt.ArrayLike) -> Pattern:
    """Return the pattern of demand ``(n,)``, one number for each bucket of time, zeros included.

    Standard deviations divide by n - 1; the sizes of a single order have none.

    Raises:
        InputError: no demand at all, or a number below zero or not finite.
    """
    values = np.asarray(demand, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise InputError(f"demand must be numbers >= 0, not all of them 0, got {np.shape(demand)}")
    sizes = values[values > 0]
    adi, squared = len(values) / len(sizes), squared_cv(sizes)
    steady = squared < SQUARED_CV
    kind: Class = ("smooth" if steady else "erratic") if adi < ADI else ("intermittent" if steady else "lumpy")
    return Pattern(kind, adi, squared, math.sqrt(squared_cv(values)), float(values.mean()), len(values), len(sizes))


def squared_cv(values: npt.NDArray[np.float64]) -> float:
    """Return the variance over the squared mean; 0 of a single value."""
    return float(values.var(ddof=1) / values.mean() ** 2) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class Verdict:
    """Whether a product suits pull, in a plain sentence that names the numbers it rests on."""

    suits: Suits
    sentence: str


def pull_verdict(
    demand: npt.ArrayLike,
    weekly: npt.ArrayLike | None = None,
    trend: float = 0.0,
    season: float = 0.0,
    bucket: str = "day",
) -> Verdict:
    """Return whether a product suits pull: stock in containers, each used one ordering the next.

    Pull replaces what was used, so it wants use that comes often and in like amounts. That is the class ``smooth``, of
    days or, where orders come rarely, of weeks: then a loop that looks once a week sees steady use.

    Args:
        demand: ``(n,)``, one number for each bucket, zeros included.
        weekly: the same by week; None: not looked at.
        trend: significant growth a year, as a share; 0: none.
        season: strength of the season within the year, 0 to 1.
        bucket: what a bucket is, in a word.
    """
    daily = pattern_of(demand)
    week = pattern_of(weekly) if weekly is not None and np.any(weekly) and np.size(weekly) > 1 else None
    if daily.orders < LEAST_ORDERS:
        return Verdict("not yet", f"not yet: demand on {daily.orders} {bucket}s only, fewer than {LEAST_ORDERS}")
    if daily.kind == "smooth":
        suits: Suits = "yes"
        why = f"smooth by the {bucket} ({_numbers(daily)})"
    elif week is not None and week.kind == "smooth" and week.orders >= LEAST_ORDERS:
        suits = "with care"
        why = f"{daily.kind} by the {bucket} ({_numbers(daily)}), but smooth by the week ({_numbers(week)}): "
        why += "collect a week's use"
    else:
        return Verdict("not yet", f"not yet: {daily.kind} by the {bucket} ({_numbers(daily)}); {_REMEDY[daily.kind]}")
    cares = []
    if abs(trend) >= STEEP:
        cares.append(
            f"demand {'grows' if trend > 0 else 'falls'} by {100 * abs(trend):.0f} % a year: count cards each month"
        )
    if season >= STRONG:
        cares.append(f"the season is strong ({season:.2f} of 1): cards by season")
    if cares:
        suits = "with care"
    begin = "suits pull" if suits == "yes" else "suits pull with care"
    return Verdict(suits, f"{begin}: {'; '.join([why, *cares])}")


_REMEDY: Final = {
    "erratic": "wanted often but in sizes that differ: level the orders or agree on smaller lots first",
    "intermittent": "wanted rarely: make it to order, or share containers with others",
    "lumpy": "wanted rarely and in sizes that differ: make it to order",
    "smooth": "",
}


def _numbers(pattern: Pattern) -> str:
    return f"ADI {pattern.adi:.2f}, CV² {pattern.squared_cv:.2f}"
