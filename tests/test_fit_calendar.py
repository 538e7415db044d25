"""The calendar: which days are worked, the hours of a day, and working time between two moments."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitgym.errors import InputError
from jitgym.fit.calendar import (
    Calendar,
    closed_days,
    found_parts,
    found_shift,
    found_weekdays,
    read_hours,
    read_weekdays,
    weekday_of,
)

FIVE = (True,) * 5 + (False,) * 2


def at(text):
    moment = datetime.fromisoformat(text)
    return moment.toordinal() + (moment.hour + moment.minute / 60) / 24


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2024-03-04 07:00", "2024-03-04 09:30", 2.5),
        ("2024-03-04 13:00", "2024-03-05 07:00", 2),  # Monday 13 to 14, Tuesday 6 to 7
        ("2024-03-08 13:00", "2024-03-11 07:00", 2),  # over the weekend
        ("2024-03-08 15:00", "2024-03-10 12:00", 0),
        ("2024-03-04 05:00", "2024-03-04 23:00", 8),
        ("2024-03-04 06:00", "2024-03-18 06:00", 80),
        ("2024-03-04 06:00", "2024-03-13 06:00", 48),  # the 12th is closed
    ],
)
def test_working_hours_between_two_moments(start, end, hours):
    closed = (datetime(2024, 3, 12).toordinal(),) if hours == 48 else ()
    assert Calendar(FIVE, 8.0, 4, closed, 6.0).worked(at(start), at(end)) == pytest.approx(hours)


def test_a_night_shift_belongs_to_the_day_it_begins_on():
    night = Calendar(FIVE, 8.0, 4, (), 22.0)
    assert night.worked(at("2024-03-08 23:00"), at("2024-03-09 05:00")) == pytest.approx(6)  # Friday night
    assert night.worked(at("2024-03-09 23:00"), at("2024-03-10 05:00")) == 0


@settings(max_examples=80)
@given(
    times=st.lists(st.floats(738_000, 738_060), min_size=3, max_size=3),
    hours=st.sampled_from([8.0, 16.0, 24.0]),
    begins=st.sampled_from([0.0, 6.0, 22.25]),
)
def test_working_hours_add_up(times, hours, begins):
    a, b, c = sorted(times)
    calendar = Calendar(FIVE, hours, 1, (738_011,), begins)
    whole = calendar.worked(a, c)
    assert whole == pytest.approx(calendar.worked(a, b) + calendar.worked(b, c), abs=1e-6)
    assert 0 <= whole <= 24 * (c - a) + 1e-6


def test_weekdays_are_those_with_orders():
    monday = datetime(2024, 3, 4).toordinal()
    assert weekday_of([monday, monday + 6]).tolist() == [0, 6]
    days = [monday + 7 * week + day for week in range(40) for day in (0, 1, 2, 3, 4, *((5,) if week < 3 else ()))]
    assert found_weekdays(days) == FIVE
    assert found_weekdays([]) == FIVE
    assert found_weekdays([monday + 7 * week + day for week in range(9) for day in range(7)]) == (True,) * 7


def test_closed_days_are_those_that_chance_would_not_leave_empty():
    monday = datetime(2024, 3, 4).toordinal()
    busy = {monday + d: 12 for d in range(0, 100) if (d % 7) < 5 and d not in (7, 8)}
    assert closed_days(busy, FIVE) == (monday + 7, monday + 8)
    assert closed_days(dict.fromkeys(busy, 1), FIVE) == ()  # one line a day: a day without is nothing special


@pytest.mark.parametrize(("begins", "hours"), [(6.0, 8.0), (6.0, 16.0), (22.0, 8.0), (0.0, 24.0), (14.5, 8.0)])
def test_breakdowns_tell_the_shift(begins, hours):
    rng = np.random.default_rng(1)
    times = 738_000 + rng.integers(0, 300, 400) + (begins + hours * rng.random(400)) % 24 / 24
    found = found_shift(times)
    assert found[1] == hours
    assert found[0] == pytest.approx(begins, abs=0.25)
    assert found_shift(times, 24.0) == (0.0, 24.0)


def test_a_slot_is_no_longer_than_a_repair():
    assert [found_parts(8.0, repair) for repair in (None, 20, 8, 5, 2, 1, 0.1)] == [1, 1, 1, 2, 4, 8, 8]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("mon-fri", FIVE), ("Sat-Mon", (True, *(False,) * 4, True, True)), ("tue", (False, True, *(False,) * 5))],
)
def test_weekdays_are_read(text, wanted):
    assert read_weekdays(text) == wanted


@pytest.mark.parametrize(("text", "wanted"), [("2h", 2), ("30min", 0.5), ("1.5", 1.5), ("8 hours", 8)])
def test_lengths_are_read(text, wanted):
    assert read_hours(text) == wanted


@pytest.mark.parametrize("text", ["", "0h", "-1", "25h", "two", "nan"])
def test_lengths_that_are_none(text):
    with pytest.raises(InputError, match="slot must be a length such as 2h or 30min"):
        read_hours(text)


@pytest.mark.parametrize("text", ["", "mo", "mon-tue-wed", "xyz"])
def test_weekdays_that_are_none(text):
    with pytest.raises(InputError, match="weekdays must be of mon, tue"):
        read_weekdays(text)
