"""Machines: lives between stops, repair times and maintenance times, from a log of stops."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from jitgym.errors import InputError
from jitgym.fit.calendar import Calendar
from jitgym.fit.cleaning import FileReport
from jitgym.fit.reading import Progress
from jitgym.fit.records import is_missing, read_records
from jitgym.fit.schema import MAINTENANCE
from jitgym.fit.weibull import RESAMPLES, Fit, Weibull, fit_weibull, goodness_of_fit

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST_FAILURES: Final = 5
"""Failures below which a shape is not fitted."""
LEVEL: Final = 0.05
"""Below this p-value the exponential law, or the geometric one, is given up."""
LEAST_TABLE: Final = 20
"""Durations from which on their own distribution may be taken."""
MOST_SLOTS: Final = 200
"""Most entries of a table of durations."""
LEVELS: Final = 4096
"""Most wear levels of a machine."""
STEADY: Final = 0.3
"""Assumed: durations with a lower coefficient of variation are taken as constant."""
_PLANNED = re.compile(
    r"\b(planned|preventi\w+|scheduled|pm\d*|service|inspection|lubrication|overhaul|wartung|geplant\w*|inspektion)\b",
    re.I,
)
_UNPLANNED = re.compile(r"\b(unplanned|unscheduled|ungeplant\w*)\b", re.I)


@dataclass
class Stop:
    """A time that a machine stood still: days with fractions; the end is not a number where it is not known."""

    start: float
    end: float
    planned: bool
    line: int


@dataclass
class Log:
    """The stops of every machine, in order of time, none overlapping."""

    stops: dict[str, list[Stop]] = field(default_factory=dict)
    timed: bool = True

    @property
    def assets(self) -> list[str]:
        """Machines, in order of their first row in the file."""
        return list(self.stops)

    @property
    def last(self) -> float:
        """The last time in the log."""
        return max(float(np.nanmax([stop.start, stop.end])) for group in self.stops.values() for stop in group)


def read_maintenance(
    path: Path,
    account: FileReport,
    day_first: bool | None = None,
    drop_twins: bool | None = None,
    progress: Progress | None = None,
) -> Log:
    """Read a log of stops; what overlaps on one machine is merged, and is a breakdown if a part of it is.

    Raises:
        InputError: it cannot be read, or no row of it can be kept.
    """
    stops: dict[str, list[Stop]] = defaultdict(list)
    guessed = 0
    timed = False
    for line, values in read_records(path, MAINTENANCE, account, day_first, drop_twins is not False, progress):
        asset, event, start, end, planned = values
        if not is_missing(end) and end < start:
            account.drop(line, "end", "before the start", f"{24 * (end - start):.1f} hours")
            continue
        account.kept += 1
        if planned is None:
            guessed += 1
            planned = bool(_PLANNED.search(event)) and not _UNPLANNED.search(event)
        timed = timed or start % 1 > 0 or end % 1 > 0
        stops[asset].append(Stop(start, end, planned, line))
    if not stops:
        raise InputError(f"{path} must hold at least one stop with asset and start, got {account.read:,} rows and none")
    if guessed:
        account.notes.append(
            f"{guessed:,} rows do not say whether they were planned: a word in event decides, else breakdown"
        )
    if not timed:
        account.notes.append("no times of day: a stop within a day is ASSUMED to take half a working day")
    return Log({asset: merged(group, account) for asset, group in stops.items()}, timed)


def merged(stops: list[Stop], account: FileReport) -> list[Stop]:
    """Return stops in order of time, overlapping ones as one."""
    found: list[Stop] = []
    for stop in sorted(stops, key=lambda one: (one.start, one.line)):
        before = found[-1] if found else None
        if before is None or not (stop.start < before.end or stop.start == before.start):
            found.append(stop)
            continue
        account.change(stop.line, "start", "merged with an earlier stop, which it overlaps", f"line {before.line}")
        end = stop.end if is_missing(before.end) else before.end if is_missing(stop.end) else max(before.end, stop.end)
        found[-1] = Stop(before.start, end, before.planned and stop.planned, before.line)
    return found


@dataclass(frozen=True)
class Durations:
    """How long stops take, in working hours.

    Attributes:
        hours: ``(n,)``.
        unknown: stops without an end.
        mean: of the hours.
        p_geometric: of the test that they are as spread as the geometric law would have it, in slots.
        log_mean: of the lognormal law, for the figure.
        log_sd: of it.
    """

    hours: Floats
    unknown: int
    mean: float
    p_geometric: float
    log_mean: float
    log_sd: float


@dataclass(frozen=True)
class Machine:
    """A machine as its log shows it; lives and durations in working hours.

    Attributes:
        asset: its name.
        lives: ``(n,)``, from the end of a stop to the start of the next, the last up to the end of the log.
        failed: ``(n,)`` whether each ended in a breakdown; the others are censored.
        law: Weibull law of the lives, None for fewer than five breakdowns.
        fit: how well it fits.
        p_trend: of Laplace's test that breakdowns become neither more nor fewer.
        repair: how long breakdowns take.
        maintenance: how long planned stops take.
        breakdowns: breakdowns in the log.
        planned: planned stops.
        availability: share of working time between the first and the last stop that the machine was not stopped.
    """

    asset: str
    lives: Floats
    failed: Bools
    law: Weibull | None
    fit: Fit | None
    p_trend: float
    repair: Durations | None
    maintenance: Durations | None
    breakdowns: int
    planned: int
    availability: float

    @property
    def wears_out(self) -> bool:
        """Whether the Weibull law is kept against the exponential one."""
        return self.law is not None and self.law.p_exponential < LEVEL

    @property
    def rate(self) -> float:
        """Breakdowns in a working hour, by time at work between stops."""
        return float(self.failed.sum() / self.lives.sum()) if len(self.lives) else 0.0


def fit_machine(
    asset: str,
    stops: list[Stop],
    calendar: Calendar,
    last: float,
    timed: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Machine:
    """Fit one machine's stops.

    A life begins at the end of a stop, and the machine is then taken as good as new, after repair and maintenance
    alike. What was before the first stop is not used: how old the machine was then is not in the log. A stop whose end
    is not known ends a life but begins none.

    Args:
        asset: its name.
        stops: in order of time, none overlapping.
        calendar: lives count in its working hours.
        last: end of the log: the last life is censored there.
        timed: whether the log has times of day.
        resamples: of the test of fit.
        seed: of the same.
    """
    starts = np.array([stop.start for stop in stops])
    ends = np.array([stop.end for stop in stops])
    planned = np.array([stop.planned for stop in stops])
    if not timed:  # the last day of a stop is part of it; of a stop within a day, half the day
        half = calendar.hours / 48
        ends = np.where(ends == starts, starts + half, ends + half)
        last += half
    begins, until = ends, np.append(starts[1:], max(last, np.nanmax(np.append(ends, last))))
    lives = np.where(np.isnan(begins), 0.0, calendar.worked(np.nan_to_num(begins, nan=1.0), until))
    failed = np.append(~planned[1:], False)
    real = lives > 1e-9
    lives, failed = lives[real], failed[real]
    law = fit = None
    if failed.sum() >= LEAST_FAILURES and len(np.unique(lives[failed])) > 1:
        law = fit_weibull(lives, failed)
        fit = goodness_of_fit(lives, failed, resamples, seed)
    hours = np.where(np.isnan(ends), np.nan, calendar.worked(starts, np.where(np.isnan(ends), starts, ends)))
    all_time = float(calendar.worked(starts[0], max(last, starts[-1])))
    down = float(np.nansum(hours))
    return Machine(
        asset=asset,
        lives=lives,
        failed=failed,
        law=law,
        fit=fit,
        p_trend=laplace(np.cumsum(lives)[failed], float(lives.sum())),
        repair=durations_of(hours[~planned], calendar) if (~planned).any() else None,
        maintenance=durations_of(hours[planned], calendar) if planned.any() else None,
        breakdowns=int((~planned).sum()),
        planned=int(planned.sum()),
        availability=1 - min(1.0, down / all_time) if all_time > 0 else 1.0,
    )


def laplace(times: Floats, until: float) -> float:
    """Return the two-sided p-value of Laplace's test that events come at a steady rate; NaN for fewer than four.

    Args:
        times: of the events ``(n,)``.
        until: end of the time in which they were counted.

    Source: Cox & Lewis, The statistical analysis of series of events, 1966, section 3.3.
    """
    n = len(times)
    if n < 4 or until <= 0:
        return math.nan
    z = (float(times.mean()) - until / 2) / (until / math.sqrt(12 * n))
    return float(2 * stats.norm.sf(abs(z)))


def durations_of(hours: Floats, calendar: Calendar) -> Durations:
    """Fit durations; those without an end are left out."""
    known = hours[~np.isnan(hours)]
    unknown = len(hours) - len(known)
    if not len(known):
        return Durations(known, unknown, math.nan, math.nan, math.nan, math.nan)
    logs = np.log(np.maximum(known, 1e-3))
    slots = np.maximum(1.0, np.ceil(known / calendar.slot_hours - 1e-9))
    return Durations(known, unknown, float(known.mean()), p_geometric(slots), float(logs.mean()), float(logs.std()))


def p_geometric(slots: Floats) -> float:
    """Return the p-value of the chi-square test that durations ``(n,)`` are geometric; NaN where there are too few.

    Cells are the quarters of the fitted law, as near as whole slots allow.
    """
    n, mean = len(slots), float(slots.mean())
    if n < LEAST_TABLE or mean <= 1:
        return math.nan
    law = stats.geom(1 / mean)
    edges = np.unique(law.ppf([0.25, 0.5, 0.75]))
    chances = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    seen = np.histogram(slots, np.concatenate([[0.5], edges + 0.5, [np.inf]]))[0]
    degrees = len(chances) - 2
    if degrees < 1:
        return math.nan
    return float(stats.chi2.sf(((seen - n * chances) ** 2 / (n * chances)).sum(), degrees))


def duration_of(durations: Durations, calendar: Calendar) -> tuple[Any, str]:
    """Return a duration as a scenario takes it, and in words why.

    Constant where the spread is small; geometric with the mean of the hours; or, where there are enough and they are
    not geometric, their own distribution, each duration shared between the whole slots beside it so that the mean is
    kept.
    """
    mean = max(1.0, calendar.slots(durations.mean))
    slots = np.maximum(1.0, durations.hours / calendar.slot_hours)
    if len(slots) > 1 and slots.std(ddof=1) < STEADY * slots.mean():
        whole = max(1, round(mean))
        return whole, f"{whole} slot{'s' if whole > 1 else ''}: they hardly vary"
    if durations.p_geometric < LEVEL and slots.max() <= MOST_SLOTS:
        low = np.floor(slots).astype(int)
        more = slots - low
        table = np.bincount(low, 1 - more, int(slots.max()) + 2) + np.bincount(low + 1, more, int(slots.max()) + 2)
        shares = np.round(table[1:] / table.sum(), 6)
        shares = np.trim_zeros(shares, "b")
        shares[int(np.argmax(shares))] += 1 - shares.sum()
        return {"table": [float(share) for share in np.round(shares, 6)]}, "as recorded: not geometric"
    return {"geometric": round(mean, 4)}, f"geometric, mean {mean:.2f} slots"


def hazard_of(machine: Machine, calendar: Calendar) -> tuple[dict[str, Any] | None, str]:
    """Return the law of breaking down as a scenario takes it, None for no breakdown, and in words why."""
    if machine.law is not None and machine.wears_out:
        scale, shape = calendar.slots(machine.law.scale), machine.law.shape
        beyond = math.exp(-((LEVELS / scale) ** shape))
        cut = (
            f"; its hazard stays as it is after {LEVELS} slots, which {100 * beyond:.0f} % outlive"
            if beyond > 0.01
            else ""
        )
        return {"weibull": {"scale": round(scale, 4), "shape": round(min(shape, 100.0), 4)}}, (
            f"Weibull, shape {shape:.3f}, scale {scale:.2f} slots{cut}"
        )
    if not machine.failed.any():
        return None, "no breakdown after a known start: the stage does not break down"
    chance = -math.expm1(-machine.rate * calendar.slot_hours)
    few = "" if machine.law is not None else f" (fewer than {LEAST_FAILURES} breakdowns: no shape fitted)"
    return {"geometric": round(chance, 8)}, f"at random, {chance:.5f} a slot{few}"
