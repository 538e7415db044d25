"""The calendar of a plant: which days it works, how many hours, and how days and hours become slots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKED: Final = 0.25
"""A weekday is worked if it has at least this share of the busiest weekday's days with orders."""
SHIFTS: Final = (8.0, 16.0, 24.0)
"""Hours of a working day that are looked for: one, two, three shifts."""
LEAST_TIMES: Final = 20
"""Breakdowns with a time of day from which on they tell the hours of a working day."""
SHARE: Final = 0.95
"""Share of the breakdowns that must begin within the shifts."""
PARTS: Final = (1, 2, 4, 8)
"""Slots of a working day that are chosen among."""
_EPOCH: Final = 719_163
"""1970-01-01 as an ordinal; numpy counts days from there."""


@dataclass(frozen=True)
class Calendar:
    """Working time.

    Attributes:
        weekdays: whether Monday to Sunday are worked.
        hours: of a working day.
        slots_per_day: slots of a working day.
        closed: working weekdays without work, as ordinals.
        begins: hour of the clock at which a working day begins; it may end after midnight.
    """

    weekdays: tuple[bool, ...]
    hours: float
    slots_per_day: int
    closed: tuple[int, ...] = ()
    begins: float = 0.0

    @property
    def _busday(self) -> np.busdaycalendar:
        return np.busdaycalendar(list(self.weekdays), [_numpy_day(day) for day in self.closed])

    @property
    def slot_hours(self) -> float:
        """Hours of a slot."""
        return self.hours / self.slots_per_day

    @property
    def days_per_week(self) -> int:
        """Working days of a week."""
        return sum(self.weekdays)

    @property
    def days_per_year(self) -> int:
        """Working days of a year of 52 weeks."""
        return 52 * self.days_per_week

    @property
    def days_per_month(self) -> float:
        """Working days of a month."""
        return self.days_per_year / 12

    def days(self, first: int, last: int) -> Ints:
        """Return the working days from one ordinal to another, both included."""
        every = np.arange(_numpy_day(first), _numpy_day(last) + np.timedelta64(1, "D"))
        return every[np.is_busday(every, busdaycal=self._busday)].astype(np.int64) + _EPOCH

    def rolled(self, days: npt.ArrayLike) -> Ints:
        """Return days, as ordinals, each moved to the next working day unless it is one."""
        given = (np.asarray(days, dtype=np.int64) - _EPOCH).astype("datetime64[D]")
        return np.busday_offset(given, 0, roll="forward", busdaycal=self._busday).astype(np.int64) + _EPOCH

    def between(self, first: npt.ArrayLike, last: npt.ArrayLike) -> Ints:
        """Return the working days from one day to another, the last counted and the first not; 0 at least."""
        a, b = (np.floor(np.asarray(x, dtype=float)).astype(np.int64) - _EPOCH + 1 for x in (first, last))
        count = np.busday_count(a.astype("datetime64[D]"), b.astype("datetime64[D]"), busdaycal=self._busday)
        found: Ints = np.maximum(count, 0).astype(np.int64)
        return found

    def worked(self, start: npt.ArrayLike, end: npt.ArrayLike) -> Floats:
        """Return the working hours between two times (days with fractions), those within the hours of working days."""
        a, b = (np.asarray(time, dtype=float) - self.begins / 24 for time in (start, end))
        first, last = np.floor(a), np.floor(b)
        gone = np.minimum(24 * (a - first), self.hours) * self._is_open(first)  # of the first day, before the start
        come = np.minimum(24 * (b - last), self.hours) * self._is_open(last)
        whole = self.between(first - 1, last - 1) * self.hours
        found: Floats = np.maximum(whole + come - gone, 0.0)
        return found

    def _is_open(self, days: Floats) -> npt.NDArray[np.bool_]:
        given = (days.astype(np.int64) - _EPOCH).astype("datetime64[D]")
        found: npt.NDArray[np.bool_] = np.is_busday(given, busdaycal=self._busday)
        return found

    def slots(self, hours: float) -> float:
        """Return hours in slots."""
        return hours / self.slot_hours

    @property
    def told(self) -> str:
        """In words."""
        names = " ".join(name for name, works in zip(DAYS, self.weekdays, strict=True) if works)
        closed = f", {len(self.closed)} closed days taken out" if self.closed else ""
        clock = f"{int(self.begins)}:{round(60 * (self.begins % 1)):02d}"
        begins = f" from {clock}" if self.begins else ""
        return (
            f"{self.days_per_week} working days a week ({names}{closed}) of {self.hours:g} hours{begins}, "
            f"{self.slots_per_day} slot{'s' if self.slots_per_day > 1 else ''} of {self.slot_hours:g} hours a day"
        )


def _numpy_day(ordinal: int) -> np.datetime64:
    return np.datetime64(int(ordinal) - _EPOCH, "D")


def weekday_of(days: npt.ArrayLike) -> Ints:
    """Return the weekday of ordinals, 0 for Monday."""
    return (np.asarray(days, dtype=np.int64) + 6) % 7


def month_of(days: npt.ArrayLike) -> Ints:
    """Return the months of ordinals, counted from January 1970."""
    given = (np.asarray(days, dtype=np.int64) - _EPOCH).astype("datetime64[D]")
    return given.astype("datetime64[M]").astype(np.int64)


def found_weekdays(days: npt.ArrayLike) -> tuple[bool, ...]:
    """Return which weekdays are worked, by the days with orders; Monday to Friday where there are none."""
    counts = np.bincount(weekday_of(np.unique(np.asarray(days, dtype=np.int64))), minlength=7)
    if not counts.any():
        return (True,) * 5 + (False,) * 2
    return tuple(bool(count >= WORKED * counts.max()) for count in counts)


def closed_days(lines: Mapping[int, int], weekdays: tuple[bool, ...]) -> tuple[int, ...]:
    """Return the working weekdays on which the plant was closed.

    Days without any order line are closed if by chance fewer than half such a day would be expected: with m lines
    on the days that have any, and Poisson, n exp(-m) of n days have none.

    Args:
        lines: order lines by day, as ordinals.
        weekdays: that are worked.
    """
    if not lines:
        return ()
    calendar = Calendar(weekdays, 8.0, 1)
    days = calendar.days(min(lines), max(lines))
    count = np.array([lines.get(int(day), 0) for day in days])
    if not count.any() or len(days) * math.exp(-count[count > 0].mean()) >= 0.5:
        return ()
    return tuple(int(day) for day in days[count == 0])


def found_shift(times: npt.ArrayLike, hours: float | None = None) -> tuple[float, float]:
    """Return when the working day begins and how many hours it has, by the times of day at which machines broke down.

    Machines break down while they run, so breakdowns tell the shifts: a day has the least of 8, 16, 24 hours that hold
    95 % of them, and begins where most are held, in the middle of all such quarters of an hour.

    Args:
        times: of breakdowns, days with fractions, at least one.
        hours: of a working day, where it is known.
    """
    clock = np.asarray(times, dtype=float) % 1 * 24
    begins = np.arange(96) / 4
    for length in SHIFTS if hours is None else (hours,):
        inside = ((clock - begins[:, None]) % 24 < length).sum(axis=1)
        if hours is not None or inside.max() >= SHARE * len(clock):
            break
    if length >= 24:
        return 0.0, length
    best = inside == inside.max()
    start = int(np.flatnonzero(best & ~np.roll(best, 1))[0])
    run = int(np.argmin(np.append(np.roll(best, -start), False)))
    return float(begins[(start + (run - 1) // 2) % 96]), length


def found_parts(hours: float, repair: float | None) -> int:
    """Return the slots of a working day: the fewest of 1, 2, 4, 8 that are not longer than a mean repair."""
    if repair is None:
        return 1
    return next((parts for parts in PARTS if hours / parts <= repair), PARTS[-1])


def read_weekdays(text: str) -> tuple[bool, ...]:
    """Return the weekdays of a list such as ``mon,tue,sat`` or a range such as ``mon-fri``.

    Raises:
        InputError: another word.
    """
    chosen = [False] * 7
    for part in text.casefold().split(","):
        ends = [word.strip()[:3] for word in part.split("-")]
        if len(ends) > 2 or any(word not in DAYS for word in ends):
            raise InputError(f"weekdays must be of {', '.join(DAYS)}, as mon-fri or mon,wed, got {text!r}")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        for step in range((last - first) % 7 + 1):
            chosen[(first + step) % 7] = True
    return tuple(chosen)


def read_hours(text: str) -> float:
    """Return the hours of a length such as ``2h``, ``30min`` or ``1.5``.

    Raises:
        InputError: anything else.
    """
    word = text.strip().casefold()
    unit = next((unit for unit in ("hours", "hour", "h", "minutes", "min", "m") if word.endswith(unit)), "")
    try:
        value = float(word.removesuffix(unit)) / (60 if unit.startswith("m") else 1)
    except ValueError:
        value = math.nan
    if not 0 < value <= 24:
        raise InputError(f"slot must be a length such as 2h or 30min, at most 24 hours, got {text!r}")
    return value
