"""Products: the demand of each analysed for what it is, whether it suits pull, and which law it follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jitgym.fit.calendar import Calendar, month_of
from jitgym.fit.classes import Pattern, Verdict, pattern_of, pull_verdict
from jitgym.fit.counts import CountLaw, fit_counts, seldom
from jitgym.fit.demand import Series, by_week, whole_units
from jitgym.fit.regimes import Chain, find_regimes
from jitgym.fit.season import Season, Trend, season_of, trend_of, without_season

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Product:
    """One product's demand.

    Attributes:
        name: as in the file.
        quantity: what was wanted in all.
        pattern: by bucket.
        weekly: by week; None where a bucket is no day.
        trend: of the sums of weeks or months; None where there are too few.
        week: season within the week; None where it cannot be seen.
        year: season within the year; None where it cannot be seen.
        rates: what the seasons that count multiply every bucket's mean by, ``(n,)``, mean 1.
        verdict: whether it suits pull.
        units: whole units by bucket, ``(n,)``.
        law: of the units.
        recent: buckets at the end that the law was fitted to, where a trend makes the rest out of date; 0: all.
    """

    name: str
    quantity: float
    pattern: Pattern
    weekly: Pattern | None
    trend: Trend | None
    week: Season | None
    year: Season | None
    rates: Floats
    verdict: Verdict
    units: Ints
    law: CountLaw
    recent: int = 0


def analyse(series: Series, name: str, unit: float, calendar: Calendar) -> Product:
    """Analyse one product's demand.

    Args:
        series: demand of all.
        name: of the product.
        unit: quantity in a container.
        calendar: of the plant.
    """
    values = series.values[name]
    weekly = by_week(values, series.starts)[1] if series.bucket == "day" else None
    week, year = _week(series, values, calendar), _year(series, values, calendar)
    rates = _rates(series, week, year)
    trend = _trend(series, values, weekly, year)
    verdict = pull_verdict(
        values,
        weekly,
        trend.per_year if trend is not None and trend.is_one else 0.0,
        year.strength if year is not None and year.is_one else 0.0,
        series.bucket,
    )
    units = whole_units(values, unit)
    recent = _recent(series, trend, units, calendar)
    slots = round(series.days * calendar.slots_per_day)
    law = law_of(units[-recent:], rates[-recent:], float(values.mean()) / unit, slots)
    return Product(
        name=name,
        quantity=float(values.sum()),
        pattern=pattern_of(values),
        weekly=pattern_of(weekly) if weekly is not None and weekly.any() else None,
        trend=trend,
        week=week,
        year=year,
        rates=rates,
        verdict=verdict,
        units=units,
        law=law,
        recent=recent,
    )


def law_of(units: Ints, rates: Floats, mean: float, slots: int = 0) -> CountLaw:
    """Return the law of units, of the mean of the quantity where that has not made a single unit yet."""
    seen = units[rates > 0]
    return fit_counts(units, rates, slots) if seen.any() and len(seen) > 1 else seldom(mean, len(units))


def _week(series: Series, values: Floats, calendar: Calendar) -> Season | None:
    """Look for a season within the week, in weeks whose working days were all worked."""
    if series.bucket != "day" or calendar.days_per_week < 2:
        return None
    week = (series.starts + 6) // 7
    whole = np.bincount(week - week[0])[week - week[0]] == calendar.days_per_week
    return season_of(values[whole], calendar.days_per_week)


def _year(series: Series, values: Floats, calendar: Calendar) -> Season | None:
    """Look for a season within the year, in the demand of whole months by working day."""
    months, means = monthly(series, values)
    if not len(months):
        return None
    found = season_of(means, 12)
    if found is None:
        return None
    rates = np.roll(found.rates, int(months[0]) % 12)
    return replace(found, rates=tuple(float(rate) for rate in rates))


def monthly(series: Series, values: Floats) -> tuple[Ints, Floats]:
    """Return whole months, 0 for January, in a row without a gap, and the mean of a bucket in each.

    The first and the last count if the record has three quarters of them.
    """
    month = month_of(series.starts)
    groups = np.split(np.arange(len(values)), np.flatnonzero(np.diff(month)) + 1)
    usual = 0.75 * float(np.median([len(group) for group in groups]))
    groups = groups[len(groups[0]) < usual : len(groups) - (len(groups[-1]) < usual)]
    first = [int(group[0]) for group in groups]
    if not groups or (np.diff(month[first]) > 1).any():
        return np.empty(0, dtype=np.int64), np.empty(0)
    return series.months[first], np.array([values[group].mean() for group in groups])


def _rates(series: Series, week: Season | None, year: Season | None) -> Floats:
    """Return what the seasons that count multiply every bucket's mean by."""
    rates = np.ones(len(series.starts))
    if week is not None and week.is_one:
        places = np.unique(series.weekdays, return_inverse=True)[1]
        rates = rates * np.array(week.rates)[places]
    if year is not None and year.is_one:
        rates = rates * np.array(year.rates)[series.months]
    mean = float(rates.mean())
    return rates / mean if mean > 0 else np.ones(len(rates))


def _trend(series: Series, values: Floats, weekly: Floats | None, year: Season | None) -> Trend | None:
    """Look for a trend in the sums of weeks, or of months where there is a season within the year."""
    if year is not None and year.is_one:
        months, means = monthly(series, values)
        return trend_of(without_season(means, months, year.rates), 12)
    if weekly is not None:
        return trend_of(weekly, 52)
    return trend_of(values, 52 if series.bucket == "week" else 12)


def _recent(series: Series, trend: Trend | None, units: Ints, calendar: Calendar) -> int:
    """Return the buckets of the last year where there is a trend and the record is longer, else 0."""
    year = round(calendar.days_per_year / series.days)
    return year if trend is not None and trend.is_one and len(units) > year and units[-year:].any() else 0


def regimes_of(series: Series, products: Mapping[str, Product]) -> tuple[Chain | None, dict[str, float], Floats]:
    """Look for regimes of the demand of all products together, by the week where buckets are days.

    Regimes count only if every one of them was entered twice: a trend is not one.

    Returns:
        The chain, None for none; the BIC of every candidate; and what regimes multiplied every bucket by, ``(n,)``.
    """
    units = np.sum([product.units for product in products.values()], axis=0)
    means = np.sum([product.law.mean * product.rates for product in products.values()], axis=0)
    buckets = np.arange(len(units))
    if series.bucket == "day":
        week = (series.starts + 6) // 7
        buckets = week - week[0]
    totals, offset = np.bincount(buckets, units), np.bincount(buckets, means)
    there = offset > 0
    chain, table = find_regimes(totals[there], offset[there] / offset[there].mean())
    nothing = np.ones(len(units))
    if chain is None:
        return None, table, nothing
    path = chain.seen.argmax(axis=1)
    entered = np.bincount(path[np.flatnonzero(np.diff(path, prepend=-1))], minlength=chain.n)
    if entered.min() < 2:
        return None, table, nothing
    by_bucket = np.ones(len(totals))
    by_bucket[there] = chain.seen @ chain.rates
    return chain, table, by_bucket[buckets]


def with_regimes(product: Product, multiplied: Floats) -> Product:
    """Return a product whose law is fitted to all buckets, with what regimes multiplied each by."""
    return replace(product, law=law_of(product.units, product.rates * multiplied, product.law.mean), recent=0)
