"""The working time of a plant: what the user says, else what the files show, else what is assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jitgym.errors import InputError
from jitgym.fit.calendar import (
    LEAST_TIMES,
    SHARE,
    SHIFTS,
    Calendar,
    closed_days,
    found_parts,
    found_shift,
    found_weekdays,
)
from jitgym.fit.demand import Orders, bucket_of
from jitgym.fit.maintenance import Log, Stop
from jitgym.fit.options import Options, Told


def calendar_of(orders: Orders, log: Log | None, options: Options, told: Told) -> Calendar:
    """Return the calendar: working days by the orders, the shift and the slot by the breakdowns.

    Raises:
        InputError: a slot that does not divide the working day.
    """
    by_day = bucket_of(orders.lines) == "day"
    weekdays = options.weekdays
    if weekdays is None:
        weekdays = found_weekdays(list(orders.lines) if by_day else [])
        (told.fitted if by_day else told.assumed).append(f"working days: {sum(weekdays)} of a week")
    closed = closed_days(orders.lines, weekdays) if by_day else ()
    timed = [stop for group in log.stops.values() for stop in group] if log is not None and log.timed else []
    broken = [stop for stop in timed if not stop.planned]
    begins, hours = _shift(broken, options, told)
    calendar = Calendar(weekdays, hours, 1, closed, begins)
    if options.slot_hours is None:
        parts = found_parts(hours, _mean_repair(broken, calendar))
        told.assumed.append(f"{parts} slots a day: the fewest of 1, 2, 4, 8 that are not longer than a mean repair")
    else:
        parts = round(hours / options.slot_hours)
        if parts < 1 or abs(parts * options.slot_hours - hours) > 1e-6:
            raise InputError(f"slot must divide the working day of {hours:g} hours, got {options.slot_hours:g} hours")
    return replace(calendar, slots_per_day=parts)


def _shift(broken: Sequence[Stop], options: Options, told: Told) -> tuple[float, float]:
    """Return when a working day begins and its hours."""
    times = [stop.start for stop in broken]
    hours = options.hours
    if hours is None and len(times) >= LEAST_TIMES:
        begins, hours = found_shift(times)
        what = f"the least of 8, 16, 24 that hold {100 * SHARE:g} % of the breakdowns"
        told.fitted.append(f"a working day of {hours:g} hours: {what}")
        return begins, hours
    if hours is None:
        hours = SHIFTS[0]
        told.assumed.append(f"a working day of {hours:g} hours (--hours for another)")
    return (found_shift(times, hours)[0] if times else 0.0), hours


def _mean_repair(broken: Sequence[Stop], calendar: Calendar) -> float | None:
    """Return the mean working hours of a repair; None where there is none with times of day."""
    known = [(stop.start, stop.end) for stop in broken if stop.end == stop.end]
    return float(calendar.worked(*np.array(known).T).mean()) if known else None
