"""How a file writes dates, numbers and yes or no: found out over the whole column, then held to.

``03/04/2024`` is the third of April or the fourth of March, ``1.234`` one and a bit or over a thousand. One value
cannot tell, the column can: a 13 to 31 in one place, a mark with two digits behind it. Where nothing tells, one of them
is assumed, and the report says so.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from jitgym.fit.schema import PLANNED, UNPLANNED

YEARS: Final = (1950, 2100)
LARGEST: Final = 1e12
CACHED: Final = 200_000
"""Most spellings of a column that are remembered."""

ABSENT: Final = frozenset(
    (
        *("", "na", "n/a", "nan", "nat", "null", "none", "-", "--", "?", "#n/a", "unknown", "tbd", "0000-00-00"),
        *("00.00.0000", "00/00/0000", "0000-00-00 00:00:00", "1900-01-01", "9999-12-31", "31.12.9999"),
    )
)
"""Spellings of nothing."""

_MONTHS = (
    *("jan january januar", "feb february februar", "mar march märz mär mrz", "apr april", "may mai", "jun june juni"),
    *("jul july juli", "aug august", "sep sept september", "oct october okt oktober", "nov november"),
    "dec december dez dezember",
)
MONTHS: Final = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
_TIME = (
    r"(?:(?:[T ]|, ?)+(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,]\d+)?)?"
    r" ?(?P<P>[AaPp][Mm])? ?(?:Z|[+-]\d\d:?\d\d)?)?$"
)
_SHAPES: Final = tuple(
    (kind, re.compile(pattern + _TIME))
    for kind, pattern in (
        ("ymd", r"(?P<a>\d{4})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{1,2})"),
        ("ymd", r"(?P<a>(?:19|20)\d{2})(?P<b>\d{2})(?P<c>\d{2})"),
        ("ym", r"(?P<a>\d{4})[-/.](?P<b>\d{1,2})"),
        ("numeric", r"(?P<a>\d{1,2})(?P<sep>[-/. ])(?P<b>\d{1,2})[-/. ](?P<c>\d{4}|\d{2})"),
        ("named", r"(?P<a>\d{1,2})[-/. ]+(?P<b>[^\W\d_]{3,})[-/. ,]+(?P<c>\d{4}|\d{2})"),
        ("month first", r"(?P<b>[^\W\d_]{3,})[-/. ]+(?P<a>\d{1,2})(?:st|nd|rd|th)?[-/. ,]+(?P<c>\d{4})"),
    )
)
_SERIAL = re.compile(r"[2-6]\d{4}(?:[.,]\d+)?$")
_EPOCH_OF_SHEETS: Final = date(1899, 12, 30).toordinal()

Faulty = tuple[float, str]
"""A value, and what is wrong with it: empty if nothing is."""


@dataclass
class Dates:
    """How a column writes dates.

    Attributes:
        day_first: given by the user; None: found out.
        days: dates whose first number can only be a day.
        months: dates whose second number can only be a day.
        either: dates that could be both.
        timed: dates with a time of day other than midnight.
    """

    day_first: bool | None = None
    days: int = 0
    months: int = 0
    either: int = 0
    timed: int = 0
    _known: dict[str, Faulty] = field(default_factory=dict)

    def look(self, text: str) -> None:
        """Take a value as evidence."""
        for kind, shape in _SHAPES:
            match = shape.match(text)
            if match is None:
                continue
            if kind == "numeric":
                a, b = int(match["a"]), int(match["b"])
                self.days += 12 < a <= 31
                self.months += 12 < b <= 31
                self.either += a <= 12 and b <= 12 and a != b
            return

    @property
    def reads_day_first(self) -> bool:
        """Whether 03/04 is the third of April."""
        return self.days >= self.months if self.day_first is None else self.day_first

    def told(self, column: str) -> str:
        """Return what was found, in words; nothing where it cannot matter."""
        if not (self.days or self.months or self.either):
            return ""
        order = "day first" if self.reads_day_first else "month first"
        if self.day_first is not None:
            return f"{column}: {order}, as told"
        if self.days and self.months:
            return f"{column}: {order}, by {self.days:,} dates against {self.months:,}"
        if self.days or self.months:
            return f"{column}: {order}, by {self.days + self.months:,} dates in which one number is above 12"
        return f"{column}: {order} is ASSUMED: no date tells day from month (--dates month-first for the other)"

    def read(self, text: str) -> Faulty:
        """Return a date as days (an ordinal with the time of day as its fraction), NaN where there is none."""
        found = self._known.get(text)
        if found is None:
            found = self._read(text)
            if len(self._known) < CACHED:
                self._known[text] = found
        self.timed += found[0] % 1 > 0
        return found

    def _read(self, text: str) -> Faulty:
        if text.casefold() in ABSENT:
            return math.nan, ""
        if _SERIAL.match(text):
            return _EPOCH_OF_SHEETS + float(text.replace(",", ".")), ""
        for kind, shape in _SHAPES:
            match = shape.match(text)
            if match is not None:
                return self._made(kind, match)
        return math.nan, "not a date"

    def _made(self, kind: str, match: re.Match[str]) -> Faulty:
        """Return the date of a spelling that has the shape of one."""
        a, b = match["a"], match["b"]
        if kind in ("ymd", "ym"):
            year, month, day = int(a), int(b), int(match["c"]) if kind == "ymd" else 1
        elif kind == "numeric":
            first = self.reads_day_first or match["sep"] == "."
            year, month, day = int(match["c"]), int(b if first else a), int(a if first else b)
        else:
            year, month, day = int(match["c"]), MONTHS.get(b.casefold(), 0), int(a)
        if year < 100:
            year += 2000 if year < 69 else 1900
        if not YEARS[0] <= year <= YEARS[1]:
            return math.nan, f"year outside of {YEARS[0]} to {YEARS[1]}"
        try:
            days = date(year, month, day).toordinal()
        except ValueError:
            return math.nan, "no such day"
        hours = _hours(match)
        return (days + hours / 24, "") if hours is not None else (math.nan, "no such time of day")


def _hours(match: re.Match[str]) -> float | None:
    """Return the time of day in hours; None if there is no such time."""
    if match["H"] is None:
        return 0.0
    hour, minute, second = int(match["H"]), int(match["M"]), int(match["S"] or 0)
    if match["P"] is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match["P"].casefold() == "pm")
    if minute > 59 or second > 59 or hour > 24 or (hour == 24 and minute + second > 0):
        return None
    return hour + minute / 60 + second / 3600


Mark = Literal["point", "comma"]
_SPACES = re.compile(r"[\s'\u2019\u00a0\u202f]")
_DIGITS = re.compile(r"[+-]?\d{1,15}$")
_NUMBER = re.compile(r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d{1,3})?$")


@dataclass
class Numbers:
    """How a column writes numbers.

    Attributes:
        points: numbers in which the point can only be a decimal mark.
        commas: numbers in which the comma can only be one.
        either: numbers with one mark and three digits behind it.
        plain: numbers of a thousand and more without a mark.
        semicolons: whether the file has semicolons between its fields, as where the comma is the decimal mark.
    """

    semicolons: bool = False
    points: int = 0
    commas: int = 0
    either: int = 0
    plain: int = 0
    _known: dict[str, Faulty] = field(default_factory=dict)

    def look(self, text: str) -> None:
        """Take a value as evidence."""
        self.plain += len(text) >= 4 and text.isdigit()
        if "." in text or "," in text:
            mark = _mark_of(_SPACES.sub("", text))
            self.points += mark == "point"
            self.commas += mark == "comma"
            self.either += mark is None

    @property
    def mark(self) -> Mark:
        """The decimal mark: what most numbers show; where none does, a comma in files with semicolons, else a point.

        Where thousands go without a mark, a mark is no thousands separator.
        """
        if self.points or self.commas:
            return "point" if self.points >= self.commas else "comma"
        return "comma" if self.semicolons and not self.plain else "point"

    def told(self, column: str) -> str:
        """Return what was found, in words; nothing where it cannot matter."""
        if self.points and self.commas:
            other, count = ("comma", self.commas) if self.mark == "point" else ("point", self.points)
            return f"{column}: decimal {self.mark}; {count:,} numbers with a decimal {other} are read by themselves"
        if self.commas:
            return f"{column}: decimal comma"
        if self.either and not self.points:
            one, thousand = ("1.234", "1,234") if self.mark == "point" else ("1,234", "1.234")
            return f"{column}: {one} is ASSUMED to be one and a bit, {thousand} over a thousand: no number tells"
        return ""

    def read(self, text: str) -> Faulty:
        """Return a number, NaN where there is none."""
        found = self._known.get(text)
        if found is None:
            found = self._read(text)
            if len(self._known) < CACHED:
                self._known[text] = found
        return found

    def _read(self, text: str) -> Faulty:
        if text.casefold() in ABSENT:
            return math.nan, ""
        word = _SPACES.sub("", text)
        if word.endswith("-") and len(word) > 1:
            word = "-" + word[:-1]
        elif word.startswith("(") and word.endswith(")"):
            word = "-" + word[1:-1]
        if not word.isascii() or not _NUMBER.match(word):
            return math.nan, "not a number"
        mark = None if _DIGITS.match(word) else _mark_of(word) or self.mark
        if mark == "comma":
            word = word.replace(".", "").replace(",", ".")
        else:
            word = word.replace(",", "")
        try:
            value = float(word)
        except ValueError:
            return math.nan, "not a number"
        return (value, "") if abs(value) <= LARGEST else (math.nan, f"beyond {LARGEST:g}")


def _mark_of(word: str) -> Mark | None:
    """Return the decimal mark that a spelling shows by itself; None where it could be either."""
    point, comma = word.rfind("."), word.rfind(",")
    if point >= 0 and comma >= 0:
        return "point" if point > comma else "comma"
    last = max(point, comma)
    one: Mark = "point" if point >= 0 else "comma"
    if word.count(word[last]) > 1:
        return "comma" if one == "point" else "point"
    digits = len(word) - last - 1
    before = word[:last].lstrip("+-")
    return None if digits == 3 and before.isdigit() and 1 <= len(before) <= 3 and before != "0" else one


def read_flag(text: str) -> tuple[bool | None, str]:
    """Return yes or no of a spelling, None where there is none, and what is wrong with it."""
    word = text.strip().casefold()
    if word in ABSENT:
        return None, ""
    if word in PLANNED or word in UNPLANNED:
        return word in PLANNED, ""
    first = word.replace("-", " ").replace("_", " ").split()
    for one in first:
        if one in UNPLANNED or one in PLANNED:
            return one in PLANNED, ""
    return None, "neither yes nor no"
