"""Write the files of a plant that does not exist: GENERATED data, to show ``jitgym fit`` on, and with known parameters.

Run it in the folder of the files; the same seed writes the same files::

    python configs/plant/make_plant.py             # demand.csv, deliveries.csv, maintenance.csv
    python configs/plant/make_plant.py --check     # exit 1 if the files are not what the seed gives

The plant works Monday to Friday from 6 to 14 o'clock, 2024 and 2025, and is closed over Christmas. Its files are as
such files are: a German export beside an English one, lines told twice, returns, missing dates, stops that overlap.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SEED = 7
FIRST, LAST = date(2024, 1, 2), date(2025, 12, 31)
SHIFT_BEGINS, SHIFT_HOURS = 6, 8.0
CUSTOMERS = ("Adler", "Brückner", "Cooper & Sons", "Dahl", "Ebert")


@dataclass(frozen=True)
class Machine:
    """A machine: Weibull lives, gamma repairs, planned maintenance after so many working hours, all in hours."""

    name: str
    scale: float
    shape: float
    repair: float
    repair_shape: float
    maintain_after: float = float("inf")
    maintenance: float = 2.0


@dataclass(frozen=True)
class Supplier:
    """A supplier: weekdays of orders, lead time in working days, chances of being on time and of catching up a day."""

    name: str
    item: str
    weekdays: tuple[int, ...]
    lead: int
    on_time: float
    catch_up: float
    lots: tuple[int, ...]
    rejected: float


MACHINES = (
    Machine("saw", 60, 1.0, 2.5, 1.0),
    Machine("press", 95, 2.6, 5.0, 4.0, maintain_after=90),
    Machine("oven", 170, 1.0, 3.0, 1.0),
)
SUPPLIERS = (
    Supplier("Müller Stahl", "coil", (0, 3), 10, 0.82, 0.4, (500, 1000), 0.015),
    Supplier("Boltmaker", "bolts", (1,), 5, 0.985, 0.6, (2000,), 0.001),
)
WEEK = (1.3, 1.1, 1.0, 0.9, 0.7)
"""What the weekday multiplies the demand for brackets by."""


def working_days() -> list[date]:
    """Return the days that are worked."""
    days = (FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1))
    return [day for day in days if day.weekday() < 5 and not (day.month == 12 and day.day > 23)]


def rate_of(product: str, day: date) -> float:
    """Return the mean order lines of a product on a day."""
    years = (day - FIRST).days / 365.25
    if product == "bracket":
        return 4.0 * WEEK[day.weekday()]
    if product == "hinge":
        return 2.5 * (1 + 0.4 * np.sin(2 * np.pi * (years - 0.25)))
    if product == "sleeve":
        return 1.2 * 1.35**years
    return 0.06


SIZES = {"bracket": (10, 20, 30, 40), "hinge": (10, 20, 30), "sleeve": (20, 30, 40), "gate": (40, 120, 200, 400)}


def demand_lines(days: list[date], rng: np.random.Generator) -> Iterator[list[str]]:
    """Yield date, order, customer, product and quantity of every order line."""
    number = 10_000
    for day in days:
        for product, sizes in SIZES.items():
            for _ in range(rng.poisson(rate_of(product, day))):
                number += 1
                customer = CUSTOMERS[rng.integers(len(CUSTOMERS))]
                yield [f"{day:%Y-%m-%d}", f"A{number}", customer, product, str(rng.choice(sizes))]


def messy(rows: list[list[str]], rng: np.random.Generator) -> list[list[str]]:
    """Return order lines as a system hands them over: some told twice, some without a date, some returns."""
    places = rng.permutation(len(rows))
    for place in places[:12]:
        rows[place] = ["", *rows[place][1:]]
    for place in places[12:18]:
        rows[place] = [*rows[place][:4], ["n/a", "", "ten"][place % 3]]
    for place in places[18:40]:
        rows[place] = [*rows[place][:4], f"-{rows[place][4]}"]
    rows[places[40]] = ["2204-05-14", *rows[places[40]][1:]]
    rows[places[41]] = ["2024-02-31", *rows[places[41]][1:]]
    for place in sorted(places[42:60], reverse=True):
        rows.insert(int(place) + 1, rows[place])
    return [*rows, ["Total", "", "", "", str(sum(int(r[4]) for r in rows if r[4].lstrip("-").isdigit()))]]


def delivery_rows(days: list[date], rng: np.random.Generator) -> Iterator[list[str]]:
    """Yield the deliveries of all suppliers, in order of the order dates; the last are still open."""
    for n, day in enumerate(days):
        for supplier in SUPPLIERS:
            if day.weekday() not in supplier.weekdays or n + supplier.lead >= len(days):
                continue
            arrival = n + supplier.lead
            if rng.random() >= supplier.on_time:
                arrival += int(rng.geometric(supplier.catch_up))
            quantity = int(rng.choice(supplier.lots))
            rejected = rng.binomial(quantity, supplier.rejected)
            received = f"{days[arrival]:%d.%m.%Y}" if arrival < len(days) else ""
            dates = [f"{day:%d.%m.%Y}", f"{days[n + supplier.lead]:%d.%m.%Y}", received]
            amount = f"{quantity:,}".replace(",", ".")
            yield [supplier.name, supplier.item, *dates, amount, str(rejected) if received else ""]


def stops_of(machine: Machine, hours: float, rng: np.random.Generator) -> Iterator[tuple[float, float, str, str]]:
    """Yield start and end in working hours, the words and whether it was planned, of a machine's stops."""
    clock = 0.0
    while True:
        life = machine.scale * rng.weibull(machine.shape)
        planned = life > machine.maintain_after
        clock += min(life, machine.maintain_after)
        long = (
            machine.maintenance if planned else rng.gamma(machine.repair_shape, machine.repair / machine.repair_shape)
        )
        if clock + long >= hours:
            return
        yield (
            clock,
            clock + max(long, 0.1),
            "lubricated, tool changed" if planned else "stopped",
            "yes" if planned else "no",
        )
        clock += max(long, 0.1)


def clock_of(days: list[date], hours: float) -> datetime:
    """Return the time of day after so many working hours."""
    day, rest = divmod(hours, SHIFT_HOURS)
    begin = datetime(days[int(day)].year, days[int(day)].month, days[int(day)].day, SHIFT_BEGINS)
    return begin + timedelta(minutes=round(60 * rest))


def maintenance_rows(days: list[date], rng: np.random.Generator) -> list[list[str]]:
    """Return the log, in order of time, with stops that overlap and one that ends before it begins."""
    found = [
        [machine.name, words, f"{clock_of(days, a):%Y-%m-%d %H:%M}", f"{clock_of(days, b):%Y-%m-%d %H:%M}", planned]
        for machine in MACHINES
        for a, b, words, planned in stops_of(machine, SHIFT_HOURS * len(days), rng)
    ]
    for place in rng.permutation(len(found))[:4]:
        asset, _, start, end, planned = found[place]
        found.append([asset, "called the electrician", start, end, planned])
    asset, words, start, end, planned = found[0]
    found.append([asset, words, end, start, planned])
    return sorted(found, key=lambda row: (row[2], row[0]))


def files(seed: int = SEED) -> dict[str, bytes]:
    """Return the files, by name."""
    days = working_days()
    rng = np.random.default_rng(seed)
    orders = messy(list(demand_lines(days, rng)), rng)
    demand = [
        ["# GENERATED by make_plant.py - this plant does not exist"],
        ["date", "order", "customer", "product", "quantity"],
    ]
    deliveries = [["Lieferant", "Artikel", "Bestelldatum", "Zugesagt", "Eingang", "Menge", "Reklamiert"]]
    log = [["asset", "event", "start", "end", "planned"]]
    return {
        "demand.csv": text([*demand, *orders], ",").encode("utf-8"),
        "deliveries.csv": text([*deliveries, *delivery_rows(days, rng)], ";").encode("cp1252"),
        "maintenance.csv": text([*log, *maintenance_rows(days, rng)], ",").encode("utf-8"),
    }


def text(rows: list[list[str]], delimiter: str) -> str:
    """Return rows as CSV; a field with the delimiter is quoted."""
    return "".join(delimiter.join(f'"{w}"' if delimiter in w else w for w in row) + "\n" for row in rows)


def main() -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check, wanted = parser.parse_args().check, files()
    differ = [
        name for name, data in wanted.items() if not (HERE / name).is_file() or (HERE / name).read_bytes() != data
    ]
    for name in differ:
        if not check:
            (HERE / name).write_bytes(wanted[name])
        print(f"{name} is not what the seed gives" if check else f"{name} written")
    if not differ:
        print("the files are what the seed gives")
    return 1 if check and differ else 0


if __name__ == "__main__":
    sys.exit(main())
