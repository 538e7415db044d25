"""A plant from end to end: read its files, fit, write the line, hold its suppliers to a standard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jitgym.errors import InputError
from jitgym.fit.calendar import Calendar
from jitgym.fit.cleaning import FileReport
from jitgym.fit.deliveries import Lateness, Shipments, fit_supplier, read_deliveries
from jitgym.fit.demand import Orders, Series, read_demand, series_of
from jitgym.fit.line import line_of
from jitgym.fit.maintenance import Log, Machine, fit_machine, read_maintenance
from jitgym.fit.options import Files, Options, Report, Standard, Told
from jitgym.fit.products import Product, analyse, regimes_of, with_regimes
from jitgym.fit.qualification import Qualification, qualify
from jitgym.fit.regimes import Chain
from jitgym.fit.sections import round_unit
from jitgym.fit.worktime import calendar_of
from jitgym.scenario import MAX_MEAN, MAX_PRODUCTS, Scenario, ScenarioError

MOST_SUPPLIERS: Final = 8
"""Suppliers of the line, those with most orders; the others are only held to the standard."""


@dataclass(frozen=True)
class Plant:
    """All that came of a plant's files.

    Attributes:
        accounts: of every file, by its kind.
        calendar: of the plant.
        series: its demand by bucket.
        unit: quantity in a container.
        products: of the line, in order.
        others: products that are not on the line.
        chain: regimes of demand; None for none.
        chains: BIC of every candidate.
        machines: in the order of the log.
        suppliers: of the line, as fitted.
        other_suppliers: not on the line.
        told: what was fitted and what was assumed.
        scenario: the line.
        traces: demand by slot, by file name, where recorded demand is used.
        standard: that suppliers are held to.
        qualifications: of the suppliers.
    """

    accounts: Mapping[str, FileReport]
    calendar: Calendar
    series: Series
    unit: float
    products: tuple[Product, ...]
    others: tuple[Product, ...]
    chain: Chain | None
    chains: Mapping[str, float]
    machines: tuple[Machine, ...]
    suppliers: tuple[Lateness, ...]
    other_suppliers: tuple[Lateness, ...]
    told: Told
    scenario: Scenario
    traces: Mapping[str, tuple[int, ...]]
    standard: Standard
    qualifications: tuple[Qualification, ...]


@dataclass(frozen=True)
class _Read:
    orders: Orders
    shipments: Shipments | None
    log: Log | None
    accounts: dict[str, FileReport]


def fit_plant(files: Files, options: Options, report: Report) -> Plant:
    """Read a plant's files, fit what they tell, and describe the line.

    Args:
        files: demand, and what else there is.
        options: what the user says.
        report: called with what is being done and the share that is done.

    Raises:
        InputError: a file that cannot be read at all, or options that do not go together or with the files.
    """
    told = Told()
    read = _read(files, options, report)
    calendar = calendar_of(read.orders, read.log, options, told)
    names = _products(options.products, read.orders.products)
    left = [name for name in read.orders.products if name not in names]
    series = series_of(read.orders, calendar, [*names, *left])
    if len(series.starts) < 2:
        raise InputError(f"{files.demand} must hold demand of at least 2 {series.bucket}s, got {len(series.starts)}")
    unit = _unit(series, names, read.orders.whole, calendar, options, told)
    report("demand", 0.0, "")
    analysed = {}
    for i, name in enumerate([*names, *left]):
        analysed[name] = analyse(series, name, unit, calendar)
        report("demand", (i + 1) / (len(names) + len(left)), "")
    chain, chains, multiplied = regimes_of(series, {name: analysed[name] for name in names})
    if chain is not None:
        analysed |= {name: with_regimes(analysed[name], multiplied) for name in names}
    machines = _machines(read.log, calendar, options, report)
    every = _suppliers(read.shipments, calendar)
    suppliers, others = every[:MOST_SUPPLIERS], every[MOST_SUPPLIERS:]
    products = [analysed[name] for name in names]
    try:
        scenario, traces = line_of(series, products, chain, machines, suppliers, unit, calendar, options, told)
    except ScenarioError as error:
        first = str(error).splitlines()[0]
        raise InputError(f"unit, slot and stages must make a line that can be run, got {first}") from error
    if left:
        told.assumed.append(f"{len(left)} products are not on the line (--products chooses): {', '.join(left[:8])}")
    if others:
        told.assumed.append(f"{len(others)} suppliers with fewer orders are not on the line")
    qualifications = qualify(
        scenario,
        list(suppliers),
        options.standard,
        options.n_seeds,
        options.seed,
        lambda share: report("suppliers, simulated", share, ""),
    )
    return Plant(
        accounts=read.accounts,
        calendar=calendar,
        series=series,
        unit=unit,
        products=tuple(products),
        others=tuple(analysed[name] for name in left),
        chain=chain,
        chains=chains,
        machines=machines,
        suppliers=suppliers,
        other_suppliers=others,
        told=told,
        scenario=scenario,
        traces=traces,
        standard=options.standard,
        qualifications=tuple(qualifications),
    )


def _read(files: Files, options: Options, report: Report) -> _Read:
    """Read all files; the account of each tells what became of its rows."""
    accounts: dict[str, FileReport] = {}

    def account(kind: str, path: Path) -> tuple[FileReport, Callable[[float], None]]:
        accounts[kind] = FileReport(path)
        return accounts[kind], lambda share: report(f"read {path.name}", min(1.0, share / 2), "")

    how = (options.day_first, options.drop_twins)
    found, progress = account("demand", files.demand)
    orders = read_demand(files.demand, found, *how, progress)
    shipments = log = None
    if files.deliveries is not None:
        found, progress = account("deliveries", files.deliveries)
        shipments = read_deliveries(files.deliveries, found, *how, progress)
    if files.maintenance is not None:
        found, progress = account("maintenance", files.maintenance)
        log = read_maintenance(files.maintenance, found, *how, progress)
    return _Read(orders, shipments, log, accounts)


def _products(products: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the products of the line: those named, or as many as a line can have, those wanted most often first.

    Raises:
        InputError: an unknown product, or too many.
    """
    unknown = [name for name in products if name not in known]
    if unknown:
        raise InputError(
            f"products must be of the demand file, got {unknown[0]!r} (there are: {', '.join(known[:12])})"
        )
    if len(products) > MAX_PRODUCTS:
        raise InputError(f"products must be at most {MAX_PRODUCTS}, got {len(products)}")
    return list(dict.fromkeys(products)) or list(known[:MAX_PRODUCTS])


def _unit(series: Series, names: Sequence[str], whole: bool, calendar: Calendar, options: Options, told: Told) -> float:
    """Return the quantity in a container."""
    slots = series.days * calendar.slots_per_day
    if options.unit is not None:
        most = max(float(series.values[name].mean()) for name in names) / slots
        if most > MAX_MEAN * options.unit:
            least = most / MAX_MEAN
            raise InputError(f"unit must be >= {least:.3g}, for a mean of {MAX_MEAN} a slot, got {options.unit:g}")
        return options.unit
    rate = sum(float(series.values[name].mean()) for name in names) / slots
    slowest = max([1.0, *options.wishes.process.values()])
    unit = round_unit(rate, options.wishes.utilisation / slowest, whole)
    told.assumed.append(
        f"a container holds {unit:g}: the smallest of 1, 2, 5, 10, ... that one machine can keep up with"
    )
    return unit


def _machines(log: Log | None, calendar: Calendar, options: Options, report: Report) -> tuple[Machine, ...]:
    if log is None:
        return ()
    found = []
    for i, asset in enumerate(log.assets):
        machine = fit_machine(
            asset, log.stops[asset], calendar, log.last, log.timed, options.resamples, options.seed + i
        )
        found.append(machine)
        report("machines", (i + 1) / len(log.assets), "")
    return tuple(found)


def _suppliers(shipments: Shipments | None, calendar: Calendar) -> tuple[Lateness, ...]:
    if shipments is None or not shipments.orders:
        return ()
    fitted = (fit_supplier(*key, orders, calendar, shipments.last) for key, orders in shipments.orders.items())
    return tuple(sorted((one for one in fitted if one is not None), key=lambda one: (-one.orders, one.supplier)))
