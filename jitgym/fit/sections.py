"""The sections of a scenario, one by one: demand, stages, supply, prices, each from what was fitted and assumed."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.fit.calendar import Calendar
from jitgym.fit.deliveries import Lateness
from jitgym.fit.maintenance import Machine, duration_of, hazard_of
from jitgym.fit.options import Told, Wishes
from jitgym.fit.products import Product
from jitgym.laws import most_demand
from jitgym.parts import PRICED_BY, DemandLaw

Ints = npt.NDArray[np.int64]
Description = dict[str, Any]

PRICES: Final = {"finished_goods": 1.2, "items": 0.4, "backlog": 10.0, "repair": 50.0, "pm": 15.0}
"""Assumed, where the user gives none: money for a unit and slot, and for an event; stock in process from 0.5 to 1."""

AT_ONCE: Final = 500
"""Most units wanted in a slot, but for a chance of 2**-33."""


def names_of(words: Sequence[str], kind: str) -> dict[str, str]:
    """Return a name that a scenario can take for each word: letters, digits, ``_`` and ``-``, none twice."""
    found: dict[str, str] = {}
    for i, word in enumerate(words, 1):
        letters = unicodedata.normalize("NFKD", word.replace("ß", "ss")).encode("ascii", "ignore").decode()
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", letters).strip("_-")[:32]
        if not re.match(r"[A-Za-z]", name):
            name = f"{kind}_{name}".rstrip("_") if name else f"{kind}_{i}"
        while name in found.values():
            name = f"{name}_{i}"
        found[word] = name
    return found


def round_unit(rate: float, most: float, whole: bool) -> float:
    """Return the quantity of a container: the smallest of 1, 2, 5, 10, ... that keeps demand to ``most`` units a slot.

    Args:
        rate: mean quantity in a slot, of all products.
        most: units in a slot.
        whole: whether a container holds at least one: quantities are whole numbers.
    """
    least = rate / most
    power = 10.0 ** math.floor(math.log10(least))
    unit = next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))
    return max(1.0, unit) if whole else unit


def season_part(products: Sequence[Product], calendar: Calendar) -> tuple[Description | None, list[list[float]]]:
    """Return the season of a scenario without its rates, and the rates of every product; none where none has one.

    A week is a part for every working day, a year twelve parts, both together a part for every working day of a year.
    """
    weekly = any(product.week is not None and product.week.is_one for product in products)
    yearly = any(product.year is not None and product.year.is_one for product in products)
    if not weekly and not yearly:
        return None, []
    parts = calendar.days_per_year if weekly and yearly else calendar.days_per_week if weekly else 12
    slots = calendar.slots_per_day * (1 if weekly else round(calendar.days_per_month))
    rates = []
    for product in products:
        of_part = np.ones(parts)
        if product.week is not None and product.week.is_one:
            of_part *= np.array(product.week.rates)[np.arange(parts) % calendar.days_per_week]
        if product.year is not None and product.year.is_one:
            of_part *= np.array(product.year.rates)[np.arange(parts) * 12 // parts]
        rates.append([float(rate) for rate in np.round(of_part / of_part.mean(), 4)])
    return {"slots": slots}, rates


def demand_part(
    products: Sequence[Product],
    names: Mapping[str, str],
    laws: Sequence[Description],
    seasonal: Sequence[Product],
    regimes: Description | None,
    calendar: Calendar,
) -> Description:
    """Return the demand of a scenario, with its products where there are two or more.

    Args:
        products: of the line.
        names: of them in the scenario.
        laws: of a slot, one for each.
        seasonal: the products, where their seasons are told, else none.
        regimes: as a scenario takes them.
        calendar: of the plant.
    """
    demand: Description = {"shortage": "backlog"}
    season, rates = season_part(seasonal, calendar)
    if season is not None:
        demand["season"] = {"rates": rates[0], **season}
    if regimes is not None:
        demand["regimes"] = regimes
    if len(products) == 1:
        return {"demand": {"law": laws[0], **demand}}
    described: list[Description] = [
        {"name": names[product.name], "law": law} for product, law in zip(products, laws, strict=True)
    ]
    for own, of_parts in zip(described, rates, strict=False):
        if of_parts != rates[0]:
            own["season"] = of_parts
    return {"products": described, "demand": demand}


def bounded(law: Description, top: float, name: str, told: Told) -> Description:
    """Return a law whose demand in a slot stays within what a line can be run with for years.

    A few huge orders in years give a negative binomial law that has, once in a while, more in a slot than any count
    holds: its dispersion is raised until it does not.

    Args:
        law: of a slot.
        top: what season and regimes multiply its mean by at most.
        name: of the product.
        told: is told if the law was changed.
    """
    if "negative_binomial" not in law:
        return law
    count = dict(law["negative_binomial"])
    recorded = count["dispersion"]
    while (
        most_demand(DemandLaw.model_validate({"negative_binomial": count}), top) > AT_ONCE and count["dispersion"] < 1e3
    ):
        count["dispersion"] = round(1.25 * count["dispersion"], 6) + 1e-6
    if count["dispersion"] != recorded:
        told.assumed.append(
            f"demand of {name} is spread less than recorded, dispersion {count['dispersion']:.4g} a slot and not "
            f"{recorded:.4g}: a slot is to have at most {AT_ONCE} units"
        )
    return {"negative_binomial": count}


def slot_demand(units: Ints, slots: int, seed: int) -> Ints:
    """Return the demand of every slot of a trace: of a bucket's n units the k-th falls at random into its k-th n-th.

    Args:
        units: by bucket ``(n,)``.
        slots: of a bucket.
        seed: of the draw.
    """
    words = np.random.PCG64(seed)
    parts = []
    for n in units:
        uniform = (words.random_raw(int(n)) >> np.uint64(11)) * 2.0**-53
        places = ((np.arange(n) + uniform) / max(1, n) * slots).astype(np.int64)
        parts.append(np.bincount(places, minlength=slots))
    return np.concatenate(parts)


def stage_part(
    asset: str, name: str, machine: Machine | None, rate: float, wishes: Wishes, calendar: Calendar, told: Told
) -> Description:
    """Return a stage: how it breaks down from its log, how fast it is by what the user says or assumes.

    Args:
        asset: as in the log.
        name: in the scenario.
        machine: None where no log tells of it.
        rate: units that it must make in a slot.
        wishes: of the user.
        calendar: of the plant.
        told: is told.
    """
    stage: Description = {"name": name}
    available = 1.0
    hazard, why = hazard_of(machine, calendar) if machine is not None else (None, "no log: it does not break down")
    if machine is not None and hazard is not None and machine.repair is not None and len(machine.repair.hours):
        repair, long = duration_of(machine.repair, calendar)
        stage["failure"] = {"law": hazard, "exposure": "time", "repair": repair}
        life = 1 / machine.rate
        available = life / (life + max(calendar.slot_hours, machine.repair.mean))
        told.fitted.append(f"{name}: breakdowns {why}; repairs {long}; available {100 * available:.1f} %")
        if machine.maintenance is not None and len(machine.maintenance.hours):
            duration, long = duration_of(machine.maintenance, calendar)
            stage["maintenance"] = {"duration": duration}
            told.fitted.append(f"{name}: planned maintenance {long}")
    else:
        told.assumed.append(f"{name}: {why}")
    slots = wishes.process.get(asset, wishes.process.get(name))
    if slots is None:
        slots = min(1e6, max(1.0, wishes.utilisation * available / rate))
        used = rate * slots / available
        told.assumed.append(f"{name}: a job takes {slots:.3f} slots, so that the machine is used to {100 * used:.0f} %")
    else:
        used = rate * slots / available
        told.fitted.append(f"{name}: a job takes {slots:g} slots, as told; the machine is used to {100 * used:.0f} %")
    whole = math.floor(slots + 1e-9)
    rest = max(0.0, slots - whole)
    stage["process"] = whole if rest < 1e-6 else {"slots": whole, "finish": round(1 / (1 + rest), 6)}
    return stage


def supply_part(
    suppliers: Sequence[Lateness],
    names: Mapping[str, str],
    items: Mapping[str, str],
    stage_of: Mapping[str, str],
    calendar: Calendar,
    pieces: Mapping[str, float],
    told: Told,
) -> tuple[list[Description], list[Description]]:
    """Return items and suppliers.

    Args:
        suppliers: as fitted, one for each supplier and item.
        names: of suppliers, by supplier and item joined by a zero byte.
        items: names of items.
        stage_of: the stage that uses an item.
        calendar: of the plant.
        pieces: of an item for one unit of product.
        told: is told.
    """
    described = [{"name": items[item], "stage": stage_of[item]} for item in dict.fromkeys(s.item for s in suppliers)]
    found: list[Description] = []
    for s in suppliers:
        name = names[f"{s.supplier}\0{s.item}"]
        per_day = calendar.slots_per_day
        supplier: Description = {
            "name": name,
            "item": items[s.item],
            "lead_time": round(s.lead_days * per_day),
            "on_time": round(s.on_time, 6),
            "catch_up": round(max(1e-6, 1 - (1 - s.catch_up) ** (1 / per_day)), 6),
        }
        if supplier["lead_time"] > 1000:
            slots = supplier["lead_time"]
            raise InputError(f"lead time of {s.supplier} must be <= 1000 slots, got {slots}: choose a longer slot")
        review, multiple = round(s.review_days) * per_day, round(s.multiple / pieces[s.item]) if pieces[s.item] else 1
        if review > 1:
            supplier["review"] = review
        if multiple > 1:
            supplier["multiple"] = multiple
        if s.rejected > 0:
            supplier |= {"defective": round(s.rejected, 6), "inspect": 1.0}
        found.append(supplier)
        told.fitted.append(
            f"{name}: lead time {supplier['lead_time']} slots, on time {100 * s.on_time:.1f} %, "
            f"late arrives with {supplier['catch_up']:.4f} a slot, rejected {100 * s.rejected:.2f} %, "
            f"orders every {review} slots in multiples of {max(1, multiple)}"
        )
    return described, found


def price_part(stages: int, given: Mapping[str, float], told: Told) -> Description:
    """Return prices: what is given, the rest assumed.

    Raises:
        InputError: an unknown price, or one below zero.
    """
    for name, value in given.items():
        if name not in PRICED_BY or not 0 <= value < math.inf:
            raise InputError(f"price must be of {', '.join(PRICED_BY)} and >= 0, got {name}={value:g}")
    prices: Description = {"wip": [round(0.5 + 0.5 * (i + 1) / stages, 3) for i in range(stages)], **PRICES}
    assumed = [name for name in prices if name not in given]
    if assumed:
        told.assumed.append(f"prices of {', '.join(assumed)}: give your own with --price")
    return prices | dict(given)
