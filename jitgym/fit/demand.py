"""Demand: order lines become totals by working day (week, month), and whole units."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.fit.calendar import Calendar, month_of, weekday_of
from jitgym.fit.cleaning import FileReport
from jitgym.fit.reading import Progress
from jitgym.fit.records import read_records
from jitgym.fit.schema import DEMAND

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bucket = Literal["day", "week", "month"]

ALONE: Final = 366
"""Days without any order that set a date apart."""
FEW: Final = 0.01
"""Share of the rows that may be dropped for standing apart."""


@dataclass
class Orders:
    """What customers wanted.

    Attributes:
        totals: quantity by product and day (an ordinal).
        lines: order lines by day.
        first: line of the file in which a day first occurs.
        whole: whether all quantities are whole numbers.
    """

    totals: dict[str, dict[int, float]]
    lines: Counter[int]
    first: dict[int, int]
    whole: bool = True

    @property
    def products(self) -> list[str]:
        """Products, those with most order days first, then by name."""
        return sorted(self.totals, key=lambda name: (-len(self.totals[name]), name))


def read_demand(
    path: Path,
    account: FileReport,
    day_first: bool | None = None,
    drop_twins: bool | None = None,
    progress: Progress | None = None,
) -> Orders:
    """Read a demand file.

    Raises:
        InputError: it cannot be read, or no row of it can be kept.
    """
    totals: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    orders = Orders(totals, Counter(), {})
    for line, (when, product, quantity, _) in read_records(path, DEMAND, account, day_first, drop_twins, progress):
        if quantity < 0:
            account.drop(line, "quantity", "below zero: a return or a cancellation is no demand", f"{quantity:g}")
            continue
        day = int(when)
        account.kept += 1
        totals[product][day] += quantity
        orders.lines[day] += 1
        orders.first.setdefault(day, line)
        orders.whole = orders.whole and quantity % 1 == 0
    _drop_alone(orders, account)
    orders.totals = {name: dict(days) for name, days in totals.items() if days and sum(days.values()) > 0}
    if not orders.totals:
        raise InputError(
            f"{path} must hold at least one row with a date, a product and a quantity above 0, "
            f"got {account.read:,} rows and none of them: {_reasons(account)}"
        )
    return orders


def _reasons(account: FileReport) -> str:
    told = [f"{count:,} {f'{column} ' if column else ''}{reason}" for _, column, reason, count, _ in account.told()]
    return "; ".join(told[:3]) or "nothing below the heading"


def _drop_alone(orders: Orders, account: FileReport) -> None:
    """Drop the few dates that lie years from all others: slips of the pen, which would make years without demand."""
    days = np.array(sorted(orders.lines), dtype=np.int64)
    if len(days) < 2:
        return
    groups = np.split(days, np.flatnonzero(np.diff(days) > ALONE) + 1)
    rows = [sum(orders.lines[int(day)] for day in group) for group in groups]
    largest = int(np.argmax(rows))
    if sum(rows) - rows[largest] > FEW * sum(rows):
        return
    for k, group in enumerate(groups):
        for day in map(int, group if k != largest else ()):
            count = orders.lines.pop(day)
            account.kept -= count
            value = str(np.datetime64(day - 719_163, "D"))
            account.drop(orders.first.pop(day), "date", "more than a year from all others", value, count)
            for of_product in orders.totals.values():
                of_product.pop(day, None)


@dataclass(frozen=True)
class Series:
    """Demand by bucket of time.

    Attributes:
        bucket: what a bucket is.
        days: working days in a bucket, on average.
        starts: first day of every bucket, as ordinals ``(n,)``.
        values: quantity by product, each ``(n,)``.
    """

    bucket: Bucket
    days: float
    starts: Ints
    values: dict[str, Floats]

    @property
    def per_week(self) -> int:
        """Buckets of a week; 0 where a bucket is longer than a day."""
        return round(5 / self.days) if self.bucket == "day" else 0

    @property
    def weekdays(self) -> Ints:
        """Weekday of every bucket, ``(n,)``, 0 for Monday."""
        return weekday_of(self.starts)

    @property
    def months(self) -> Ints:
        """Month of the year of every bucket, ``(n,)``, 0 for January."""
        return month_of(self.starts) % 12


def bucket_of(lines: Mapping[int, int]) -> Bucket:
    """Return how often a file tells demand: by the day, or once a week or a month, if all its dates say so."""
    days = np.array(sorted(lines), dtype=np.int64)
    if len(days) < 6:
        return "day"
    months = month_of(days)
    if len(np.unique(months)) == len(days) and np.median(np.diff(months)) == 1:
        return "month"
    if len(np.unique(weekday_of(days))) == 1 and np.median(np.diff(days)) == 7:
        return "week"
    return "day"


def series_of(orders: Orders, calendar: Calendar, products: Sequence[str]) -> Series:
    """Return the demand of products by bucket, from the first day of the file to the last, in whole buckets.

    Orders of days off count for the next working day.
    """
    bucket = bucket_of(orders.lines)
    first, last = min(orders.lines), max(orders.lines)
    if bucket == "day":
        last = int(calendar.rolled([last])[0])
        starts = calendar.days(first, last)
        length = 1.0
    elif bucket == "week":
        starts = np.arange(first, last + 1, 7)
        length = float(calendar.days_per_week)
    else:
        months = np.arange(month_of([first])[0], month_of([last])[0] + 1)
        starts = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + 719_163
        length = calendar.days_per_month
    values = {}
    for name in products:
        days = np.fromiter(orders.totals[name], dtype=np.int64, count=len(orders.totals[name]))
        sums = np.fromiter(orders.totals[name].values(), dtype=np.float64, count=len(days))
        if bucket == "day":
            days = calendar.rolled(days)
        places = np.searchsorted(starts, days, side="right") - 1
        values[name] = np.bincount(places, weights=sums, minlength=len(starts)).astype(np.float64)
    return Series(bucket, length, starts, values)


def whole_units(quantity: Floats, unit: float) -> Ints:
    """Return whole units whose running total is never more than half a unit from that of the quantity."""
    total = np.floor(np.cumsum(quantity) / unit + 0.5)
    return np.diff(total, prepend=0.0).astype(np.int64)


def by_week(values: npt.NDArray[Any], starts: Ints) -> tuple[Ints, Floats]:
    """Return the Mondays and the sums of whole weeks of values by day; the first and the last count if whole.

    Args:
        values: ``(n,)``, one for each day.
        starts: the days, as ordinals ``(n,)``.
    """
    week = (starts + 6) // 7
    first = int(week[0])
    week = week - first
    sums = np.bincount(week, weights=values.astype(np.float64))
    days = np.bincount(week)
    full = np.ones(len(sums), dtype=bool)
    for end in (0, -1):
        full[end] = days[end] >= np.median(days)
    return (7 * (first + np.flatnonzero(full)) - 6).astype(np.int64), sums[full].astype(np.float64)
