"""A plant from end to end: read its files, fit, write the line, hold its suppliers to a standard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from jitgym import __version__
from jitgym.errors import InputError
from jitgym.files import nearest
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
from jitgym.fit.cleaning import FileReport
from jitgym.fit.deliveries import Lateness, Shipments, fit_supplier, read_deliveries
from jitgym.fit.demand import Orders, Series, bucket_of, read_demand, series_of
from jitgym.fit.line import (
    LEAST_STEPS,
    Description,
    Told,
    Wishes,
    checked_products,
    cost_a_step,
    demand_part,
    names_of,
    price_part,
    round_unit,
    slot_demand,
    stage_part,
    supply_part,
    with_knobs,
)
from jitgym.fit.maintenance import Log, Machine, fit_machine, read_maintenance
from jitgym.fit.products import Product, analyse, regimes_of, with_regimes
from jitgym.fit.qualification import Qualification, Standard, qualify
from jitgym.fit.regimes import Chain
from jitgym.fit.weibull import RESAMPLES
from jitgym.scenario import MAX_PLACES, Scenario, load_scenario

Report = Callable[[str, "float | None", str], None]

SEEDS: Final = 400
QUICK_SEEDS: Final = 50
QUICK_RESAMPLES: Final = 99
MOST_SUPPLIERS: Final = 8
"""Suppliers of the line, those with most orders; the others are only held to the standard."""


@dataclass(frozen=True)
class Options:
    """What the user says besides the files; see the options of ``jitgym fit``."""

    slot_hours: float | None = None
    hours: float | None = None
    weekdays: tuple[bool, ...] | None = None
    unit: float | None = None
    products: tuple[str, ...] = ()
    standard: Standard = field(default_factory=Standard)
    wishes: Wishes = field(default_factory=Wishes)
    day_first: bool | None = None
    drop_twins: bool | None = None
    trace: bool = False
    seed: int = 0
    n_seeds: int = SEEDS
    resamples: int = RESAMPLES


@dataclass(frozen=True)
class Files:
    """The files of a plant."""

    demand: Path
    deliveries: Path | None = None
    maintenance: Path | None = None


@dataclass(frozen=True)
class Plant:
    """All that came of a plant's files.

    Attributes:
        files: that were read.
        accounts: of every file, by its kind.
        calendar: of the plant.
        series: its demand by bucket.
        unit: quantity in a container.
        products: of the line, in order.
        others: names of products that are not on the line, with their analysis.
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

    files: Files
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
    calendar = _calendar(read, options, told)
    names = checked_products(options.products, read.orders.products)
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
    scenario, traces = _describe(series, products, chain, machines, suppliers, unit, calendar, options, told)
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
        files=files,
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


def _calendar(read: _Read, options: Options, told: Told) -> Calendar:
    """Return the calendar: what the user says, else what the files show, else what is assumed."""
    by_day = bucket_of(read.orders.lines) == "day"
    weekdays = options.weekdays
    if weekdays is None:
        weekdays = found_weekdays(list(read.orders.lines) if by_day else [])
        (told.fitted if by_day else told.assumed).append(f"working days: {sum(weekdays)} of a week")
    closed = closed_days(read.orders.lines, weekdays) if by_day else ()
    begins, hours = _shift(read.log, options, told)
    calendar = Calendar(weekdays, hours, 1, closed, begins)
    if options.slot_hours is None:
        parts = found_parts(hours, _mean_repair(read.log, calendar))
        told.assumed.append(f"{parts} slots a day: the fewest of 1, 2, 4, 8 that are not longer than a mean repair")
    else:
        parts = round(hours / options.slot_hours)
        if parts < 1 or abs(parts * options.slot_hours - hours) > 1e-6:
            raise InputError(f"slot must divide the working day of {hours:g} hours, got {options.slot_hours:g} hours")
    return replace(calendar, slots_per_day=parts)


def _shift(log: Log | None, options: Options, told: Told) -> tuple[float, float]:
    """Return when a working day begins and its hours."""
    stops = [stop for group in log.stops.values() for stop in group] if log is not None and log.timed else []
    times = [stop.start for stop in stops if not stop.planned]
    hours = options.hours
    if hours is None and len(times) >= LEAST_TIMES:
        begins, hours = found_shift(times)
        told.fitted.append(
            f"a working day of {hours:g} hours: the least of 8, 16, 24 that hold {SHARE:.0%} of the breakdowns"
        )
        return begins, hours
    if hours is None:
        hours = SHIFTS[0]
        told.assumed.append(f"a working day of {hours:g} hours (--hours for another)")
    return (found_shift(times, hours)[0] if times else 0.0), hours


def _mean_repair(log: Log | None, calendar: Calendar) -> float | None:
    """Return the mean working hours of a repair; None where there is none with times of day."""
    stops = [stop for group in log.stops.values() for stop in group] if log is not None and log.timed else []
    known = [(stop.start, stop.end) for stop in stops if not stop.planned and stop.end == stop.end]
    return float(calendar.worked(*np.array(known).T).mean()) if known else None


def _unit(series: Series, names: Sequence[str], whole: bool, calendar: Calendar, options: Options, told: Told) -> float:
    """Return the quantity in a container."""
    if options.unit is not None:
        return options.unit
    slots = series.days * calendar.slots_per_day
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


def _stages(machines: Sequence[Machine], wishes: Wishes, told: Told) -> list[str]:
    """Return the assets of the line in order, from the first stage to the last."""
    logged = [machine.asset for machine in machines]
    if wishes.stages:
        told.fitted.append(f"stages in the order told: {', '.join(wishes.stages)}")
        return list(wishes.stages)
    if not logged:
        told.assumed.append("one stage: no log names machines (--stages names them)")
        return ["line"]
    if len(logged) > MAX_PLACES:
        raise InputError(
            f"stages must be at most {MAX_PLACES}, got {len(logged)} machines in the log: name them with --stages"
        )
    told.assumed.append(f"stages in the order of the log: {', '.join(logged)} (--stages for another)")
    return logged


def _describe(
    series: Series,
    products: Sequence[Product],
    chain: Chain | None,
    machines: Sequence[Machine],
    suppliers: Sequence[Lateness],
    unit: float,
    calendar: Calendar,
    options: Options,
    told: Told,
) -> tuple[Scenario, dict[str, tuple[int, ...]]]:
    """Return the line, and the traces that it reads."""
    wishes, per_day = options.wishes, calendar.slots_per_day
    slots = series.days * per_day
    assets = _stages(machines, wishes, told)
    unknown = [name for name in wishes.process if name not in assets]
    if unknown:
        raise InputError(f"process must name stages, got {unknown[0]!r}{nearest(unknown[0], assets)}")
    of_stage = names_of(assets, "stage")
    of_product = names_of([product.name for product in products], "product")
    rate = sum(product.law.mean for product in products) / slots
    by_asset = {machine.asset: machine for machine in machines}
    stages = [stage_part(a, of_stage[a], by_asset.get(a), rate, wishes, calendar, told) for a in assets]
    demand, described = demand_part(products, of_product, series, calendar, chain, options.trace)
    traces = {
        f"demand_{of_product[p.name]}.csv": tuple(slot_demand(p.units, round(slots), options.seed + i).tolist())
        for i, p in enumerate(products if options.trace else ())
    }
    step = per_day if per_day >= 4 else per_day * calendar.days_per_week
    year = calendar.days_per_year * per_day
    description: Description = {
        "name": wishes.name,
        "description": f"Fitted to a plant's own data by jitgym {__version__}; the comments above say how.",
        "slots_per_step": step,
        "horizon": max(LEAST_STEPS, round(year / step)),
        "slots_per_year": year,
        **({"products": described} if described else {}),
        "stages": stages,
        "demand": demand,
        "prices": price_part(len(stages), wishes.prices, told),
    }
    if suppliers:
        description |= _supply(series, suppliers, unit, of_stage, assets, calendar, wishes, told)
    _tell_demand(products, chain, calendar, options, told)
    inline = _with_traces(description, traces)
    scenario = with_knobs(inline)
    scale = float(f"{max(1.0, cost_a_step(scenario, options.seed)):.2g}")
    return load_scenario({**scenario.model_dump(mode="json", exclude_defaults=True), "reward_scale": scale}), traces


def _with_traces(description: Description, traces: Mapping[str, tuple[int, ...]]) -> Description:
    """Return a description with the traces themselves in the place of their files' names."""

    def law(one: Description) -> Description:
        return {"trace": traces[one["trace"]]} if "trace" in one else one

    demand = description["demand"]
    found = {**description, "demand": {**demand, "law": law(demand["law"])} if "law" in demand else demand}
    if "products" in description:
        found["products"] = [{**product, "law": law(product["law"])} for product in description["products"]]
    return found


def _supply(
    series: Series,
    suppliers: Sequence[Lateness],
    unit: float,
    of_stage: Mapping[str, str],
    assets: Sequence[str],
    calendar: Calendar,
    wishes: Wishes,
    told: Told,
) -> Description:
    """Return items and suppliers."""
    of_item = names_of(list(dict.fromkeys(s.item for s in suppliers)), "item")
    keys = [f"{s.supplier}\0{s.item}" for s in suppliers]
    several = len({s.supplier for s in suppliers}) < len(suppliers)
    words = [f"{s.supplier} {s.item}" if several else s.supplier for s in suppliers]
    spelled = dict(zip(keys, names_of(words, "supplier").values(), strict=True))
    unknown = [item for item in wishes.item_stage if item not in {s.item for s in suppliers}]
    if unknown:
        raise InputError(
            f"item must be one of the deliveries, got {unknown[0]!r}{nearest(unknown[0], [s.item for s in suppliers])}"
        )
    stage_of = {}
    for s in suppliers:
        stage = wishes.item_stage.get(s.item, assets[0])
        if stage not in assets:
            raise InputError(f"item must go to a stage, got {stage!r}{nearest(stage, assets)}")
        stage_of[s.item] = of_stage[stage]
    if any(s.item not in wishes.item_stage for s in suppliers):
        told.assumed.append(
            f"items go to the first stage, {assets[0]}, one for each container of any product (--item item=stage)"
        )
    demanded = sum(float(values.sum()) for values in series.values.values())
    pieces = {}
    for item in dict.fromkeys(s.item for s in suppliers):
        delivered = sum(s.quantity for s in suppliers if s.item == item)
        pieces[item] = unit * delivered / demanded
        told.assumed.append(
            f"{of_item[item]}: {pieces[item]:.3g} pieces for a container, as delivered and demanded in all"
        )
    found_items, found = supply_part(suppliers, spelled, of_item, stage_of, calendar, pieces, told)
    return {"items": found_items, "suppliers": found}


def _tell_demand(
    products: Sequence[Product], chain: Chain | None, calendar: Calendar, options: Options, told: Told
) -> None:
    if options.trace:
        told.fitted.append("demand: the record itself, by slot; within a day its units are spread evenly by chance")
        return
    for product in products:
        tail = (
            f", of the last year: demand has a trend of {100 * product.trend.per_year:+.0f} % a year"
            if product.recent and product.trend
            else ""
        )
        told.fitted.append(f"demand of {product.name}: {product.law.told} units a bucket{tail}")
    if any(product.week is not None and product.week.is_one for product in products):
        told.fitted.append("season within the week")
    if any(product.year is not None and product.year.is_one for product in products):
        told.fitted.append("season within the year")
    if chain is not None:
        told.fitted.append(f"{chain.n} regimes of demand, rates {', '.join(f'{rate:.2f}' for rate in chain.rates)}")
