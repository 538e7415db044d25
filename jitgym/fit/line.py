"""The scenario: what was fitted and what had to be assumed, as a line that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jitgym import __version__
from jitgym.errors import InputError
from jitgym.files import nearest
from jitgym.fit.calendar import Calendar
from jitgym.fit.deliveries import Lateness
from jitgym.fit.demand import Series
from jitgym.fit.knobs import cost_a_step, with_knobs
from jitgym.fit.maintenance import Machine
from jitgym.fit.options import Options, Told, Wishes
from jitgym.fit.products import Product
from jitgym.fit.regimes import Chain
from jitgym.fit.sections import (
    Description,
    bounded,
    demand_part,
    names_of,
    price_part,
    slot_demand,
    stage_part,
    supply_part,
)
from jitgym.scenario import MAX_PLACES, Scenario, load_scenario

LEAST_STEPS: Final = 100


def line_of(
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
    """Return the line, and the demand by slot that it reads, by the names of the files.

    Args:
        series: demand of all products, also of those not on the line.
        products: of the line.
        chain: regimes of demand.
        machines: as their logs show them.
        suppliers: of the line.
        unit: quantity in a container.
        calendar: of the plant.
        options: what the user says.
        told: is told what comes from data and what is assumed.

    Raises:
        InputError: names that no file has, or what no scenario can hold.
    """
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
    traces = {
        f"scenario_demand_{of_product[p.name]}.csv": tuple(
            slot_demand(p.units, round(slots), options.seed + i).tolist()
        )
        for i, p in enumerate(products if options.trace else ())
    }
    top = float(chain.rates.max()) if chain is not None else 1.0
    laws = [{"trace": trace} for trace in traces.values()] or [
        bounded(product.law.per_slot(slots), top * float(product.rates.max()), product.name, told)
        for product in products
    ]
    switches = slots * (calendar.days_per_week if series.bucket == "day" else 1)
    regimes = chain.by_slot(switches) if chain is not None and not options.trace else None
    step = per_day if per_day >= 4 else per_day * calendar.days_per_week
    year = calendar.days_per_year * per_day
    description: Description = {
        "name": wishes.name,
        "description": f"Fitted to a plant's own data by jitgym {__version__}; the comments above say how.",
        "slots_per_step": step,
        "horizon": max(LEAST_STEPS, round(year / step)),
        "slots_per_year": year,
        "stages": stages,
        **demand_part(products, of_product, laws, [] if options.trace else products, regimes, calendar),
        "prices": price_part(len(stages), wishes.prices, told),
    }
    if suppliers:
        description |= _supply(series, suppliers, unit, of_stage, assets, calendar, wishes, told)
    _tell_demand(products, series.bucket, chain, options, told)
    scenario = with_knobs(description)
    scale = float(f"{max(1.0, cost_a_step(scenario, options.seed)):.2g}")
    return load_scenario({**scenario.model_dump(mode="json", exclude_defaults=True), "reward_scale": scale}), traces


def _stages(machines: Sequence[Machine], wishes: Wishes, told: Told) -> list[str]:
    """Return the assets of the line in order, from the first stage to the last."""
    logged = [machine.asset for machine in machines]
    if wishes.stages:
        again = [name for i, name in enumerate(wishes.stages) if name in wishes.stages[:i]]
        if again:
            raise InputError(f"stages must be unique, got {again[0]!r} again")
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


def _tell_demand(products: Sequence[Product], bucket: str, chain: Chain | None, options: Options, told: Told) -> None:
    if options.trace:
        told.fitted.append("demand: the record itself, by slot; within a day its units are spread evenly by chance")
        return
    for product in products:
        tail = (
            f", of the last year: demand has a trend of {100 * product.trend.per_year:+.0f} % a year"
            if product.recent and product.trend
            else ""
        )
        told.fitted.append(f"demand of {product.name}: {product.law.told} units a {bucket}{tail}")
    if any(product.week is not None and product.week.is_one for product in products):
        told.fitted.append("season within the week")
    if any(product.year is not None and product.year.is_one for product in products):
        told.fitted.append("season within the year")
    if chain is not None:
        told.fitted.append(f"{chain.n} regimes of demand, rates {', '.join(f'{rate:.2f}' for rate in chain.rates)}")
