"""Maintenance: when a rule stops machines for it. Each system with its formula, source, and the knobs it needs.

Maintenance begins when a machine that runs has no job, and its reading is at the knob ``pm_level`` or above. Without a
system here machines run to failure.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from jitgym.fields import OFF
from jitgym.knobs import Knob
from jitgym.observation import Readings, growth_of_wear, reading_is_not_age
from jitgym.settings import Ints, Line, Number, Setting, System, constant, free_number, join


def age(line: Line) -> Setting | None:
    """Age replacement: maintain a machine that has worked T slots since the last repair or maintenance.

    Where the reading is the age, T is its threshold, in force in every slot; else the age is seen once a step.
    Source: Barlow & Hunter, "Optimum preventive maintenance policies", Operations Research 8(1), 1960; start: the age
    that costs least in the long run, by renewal reward.
    """
    knobs = line.of_kind("pm_level")
    told = [(c, k) for c, k in knobs if not reading_is_not_age(line.textbook.tables, k.place)]
    counted = [(c, k) for c, k in knobs if (c, k) not in told]
    numbers = [_age_number(line, k) for _, k in counted]

    def adapt(values: Ints, seen: Readings, vectors: Ints) -> None:
        for i, (column, knob) in enumerate(counted):
            at = f"[{line.scenario.stage_names[knob.place]}]"
            off = seen(f"is_down{at}") + seen(f"in_pm{at}") + seen(f"is_waiting{at}")  # it comes back with another age
            vectors[:, column] = np.where((seen(f"age{at}") >= values[:, i]) & (off == 0), knob.low, OFF)

    thresholds = constant(_threshold(line, c, k) for c, k in told)
    return join([thresholds, Setting(tuple(numbers), adapt=adapt)] if counted else [thresholds]) if knobs else None


def wear(line: Line) -> Setting | None:
    """Wear threshold, condition-based maintenance: maintain a machine whose wear reading is at a level or above.

    Only where some machine's reading tells more than its age. Source: Taylor, "Optimal replacement under additive
    damage", Naval Research Logistics 22(1), 1975; start: the level that costs least in the long run, by renewal reward.
    """
    knobs = line.of_kind("pm_level")
    if not any(reading_is_not_age(line.textbook.tables, k.place) for _, k in knobs):
        return None
    return constant(_threshold(line, c, k) for c, k in knobs)


def opportunistic(line: Line) -> Setting | None:
    """Opportunistic maintenance: a lower threshold while the machine has nothing to do, starved or without a card.

    Whether it has is seen once a step, at its start. Source: Dekker, Wildeman & Van der Duyn Schouten, "A review of
    multi-component maintenance models with economic dependence", Math. Methods of Operations Research 45, 1997; Chang,
    Ni, Bandyopadhyay, Biller & Xiao, "Maintenance opportunity planning system", J. Manufacturing Science and
    Engineering 129(3), 2007; start: the threshold of the age rule, and two thirds of it.
    """
    knobs = line.of_kind("pm_level")
    numbers: list[Number] = []
    for column, knob in knobs:
        busy = _threshold(line, column, knob)
        idle = max(knob.low, round(busy.start * 2 / 3))
        numbers += [
            free_number(busy.name, busy.low, busy.high, busy.start),
            free_number(f"{busy.name} idle", busy.low, busy.high, idle),
        ]

    def adapt(values: Ints, seen: Readings, vectors: Ints) -> None:
        for i, (column, knob) in enumerate(knobs):
            busy, idle = values[:, 2 * i], np.minimum(values[:, 2 * i], values[:, 2 * i + 1])
            level = np.where(_has_work(line, seen, knob), busy, idle)
            vectors[:, column] = np.where(level > knob.high, OFF, level)

    return Setting(tuple(numbers), adapt=adapt) if knobs else None


MAINTENANCE: Final[dict[str, System]] = {
    "age": System(age, "age >= T", "Barlow & Hunter 1960"),
    "wear": System(wear, "reading >= T", "Taylor 1975"),
    "opportunistic": System(opportunistic, "reading >= T, or T' < T with nothing to do", "Dekker et al. 1997"),
}
"""Systems of maintenance, by the part of a rule's name after the plus sign."""


def _threshold(line: Line, column: int, knob: Knob) -> Number:
    """Return the number that sets a threshold; one above the knob's highest value means never."""
    never, tables = knob.high + 1, line.textbook.tables
    start = line.textbook.pm_level(knob.place)
    if not reading_is_not_age(tables, knob.place):  # the age at which wear is at that level
        start = round(start / (growth_of_wear(tables, knob.place) or 1.0))
    return Number(knob.name, column, knob.low, never, min(max(start, knob.low), never), never)


def _age_number(line: Line, knob: Knob) -> Number:
    """Return the age in slots that a machine is maintained at: that at which its wear is at the textbook's level."""
    tables = line.textbook.tables
    growth = growth_of_wear(tables, knob.place) or 1.0
    start = round(line.textbook.pm_level(knob.place) / growth)
    top = round(2 * int(tables.levels[knob.place]) / growth)
    return free_number(f"age[{line.scenario.stage_names[knob.place]}]", 1, max(1, top), start)


def _has_work(line: Line, seen: Readings, knob: Knob) -> Ints:
    """Return the units in the machine and before it, all products, ``(n_lines,)``; 0: it has nothing to do.

    So it is starved, or no card releases a unit into it; one that waits for room behind it has units before it.
    """
    names = [line.name(knob.place, p) for p in range(line.scenario.n_products)]
    units: Ints = np.sum([seen(f"{field}[{name}]") for field in ("queue", "job") for name in names], axis=0)
    return units
