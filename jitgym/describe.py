"""A scenario in words and tables, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jitgym.fields import KNOBS, OFF
from jitgym.files import scenario_files
from jitgym.observation import Observer
from jitgym.parts import DemandLaw, Duration, Failure, Limit, Quality, Stage, Supplier
from jitgym.report import plain_table
from jitgym.results import spelled_value
from jitgym.rules import rule_names
from jitgym.scenario import Scenario, load_scenario
from jitgym.simulator import Simulator

NONE = "–"


def scenarios_report() -> RenderableType:
    """Return the table of the scenarios that come with the package."""
    table = plain_table("scenario", "stages", "products", "knobs", "what it is", text=("what it is",))
    for name, path in scenario_files().items():
        scenario = load_scenario(path)
        counts = (len(scenario.stages), scenario.n_products, len(Simulator(scenario).knobs))
        table.add_row(name, *map(str, counts), scenario.description)
    return table


def scenario_report(scenario: Scenario) -> RenderableType:
    """Return the line, its knobs and its observation."""
    time = (
        f"A step is {scenario.slots_per_step} slots, an episode {scenario.horizon} steps, "
        f"a year {scenario.slots_per_year} slots. Scenario hash {scenario.hash}."
    )
    return Group(
        Text(f"{scenario.name}: {scenario.description}", style="bold"),
        *_flow(scenario),
        time,
        "",
        _stages(scenario),
        "",
        *_quality(scenario),
        *_supply(scenario),
        *_lines("Demand, prices and rules", _money(scenario)),
        Text("Knobs", style="bold"),
        _knobs(scenario),
        Text("Observation", style="bold"),
        _observation(scenario),
    )


def _flow(scenario: Scenario) -> Iterator[str]:
    """Yield the ways from suppliers to customers, each as one line of text up to where it meets one told before."""
    told: set[int] = set()
    names = (*(_with_items(scenario, stage) for stage in scenario.stages), "customers")
    for leaf in range(len(scenario.stages)):
        if leaf in scenario.followers:
            continue
        way = [leaf]
        while way[-1] < len(scenario.stages) and way[-1] not in told:
            way.append(scenario.followers[way[-1]])
        yield " → ".join(scenario.stage_names[i] if i in told else names[i] for i in way)
        told.update(way)


def _with_items(scenario: Scenario, stage: Stage) -> str:
    items = [item.name for item in scenario.items if item.stage == stage.name]
    return f"{stage.name}{' (+ ' + ', '.join(items) + ')' if items else ''}"


def _stages(scenario: Scenario) -> Table:
    has_setup = any(stage.setup for stage in scenario.stages)
    texts = ("job", "setup", "breaks down", "maintenance")
    jobs = ("stage", "job", "setup") if has_setup else ("stage", "job")
    table = plain_table(*jobs, "batch", "room", "at start", "breaks down", "maintenance", text=texts)
    for stage in scenario.stages:
        table.add_row(
            stage.name,
            "; ".join(_jobs(scenario, stage)),
            *([_duration(stage.setup) if stage.setup else NONE] if has_setup else []),
            str(stage.batch),
            str(stage.room or NONE),
            str(stage.initial),
            _breakdown(stage.failure),
            _duration(stage.maintenance.duration) if stage.maintenance else NONE,
        )
    return table


def _jobs(scenario: Scenario, stage: Stage) -> Iterator[str]:
    """Yield how long a job takes, and how long those of products that differ."""
    yield _duration(stage.process)
    for product in scenario.products:
        if stage.name in product.process:
            yield f"{product.name} {_duration(product.process[stage.name])}"


def _duration(duration: Duration) -> str:
    mean = f"{duration.mean:.3g} slot{'s' if duration.mean != 1 else ''}"
    return mean if duration.finish == 1 and duration.table is None else f"{mean}, random"


def _breakdown(failure: Failure | None) -> str:
    if failure is None:
        return "never"
    law = failure.law
    if law.geometric is not None:
        when = f"{law.geometric:g} a slot"
    elif law.weibull is not None:
        when = f"Weibull {law.weibull.scale:g}, {law.weibull.shape:g}"
    else:
        when = "table"
    return f"{when}; repair {_duration(failure.repair)}"


def _quality(scenario: Scenario) -> Iterator[RenderableType]:
    if scenario.technicians is not None:
        yield f"Technicians for repair and maintenance: {scenario.technicians}"
        yield ""
    stages = [stage for stage in scenario.stages if stage.quality or stage.spoil]
    if stages:
        table = plain_table("stage", "defects", "out of control", "found", "then", "spoils a slot", text=("then",))
        for stage in stages:
            cells = _defects(stage.quality) if stage.quality else (NONE,) * 4
            table.add_row(stage.name, *cells, f"{stage.spoil:.2%}" if stage.spoil else NONE)
        yield table
        yield ""


def _defects(quality: Quality) -> tuple[str, str, str, str]:
    by_wear = quality.defect if isinstance(quality.defect, tuple) else (quality.defect,)
    defects = f"{by_wear[0]:.1%}" if len(by_wear) == 1 else f"{by_wear[0]:.1%} to {by_wear[-1]:.1%}"
    shift = f"{quality.shift:g} a slot, then {quality.defect_shifted:.1%}" if quality.shift else NONE
    stop = f", machine stops for {_duration(quality.jidoka)}" if quality.jidoka else ""
    return defects, shift, f"{quality.detect:.0%}", ("rework" if quality.rework else "scrap") + stop


def _supply(scenario: Scenario) -> Iterator[RenderableType]:
    if not scenario.suppliers:
        return
    table = plain_table("supplier", "item", "at stage", "at start", "lead", "on time", "catch up")
    items = {item.name: item for item in scenario.items}
    for supplier in scenario.suppliers:
        item = items[supplier.item]
        shares = (f"{supplier.on_time:.0%}", NONE if supplier.on_time == 1 else f"{supplier.catch_up:.0%}")
        lead = f"{supplier.lead_time} slots"
        table.add_row(supplier.name, item.name, item.stage, str(item.initial), lead, *shares)
    yield table
    for supplier in scenario.suppliers:
        terms = ", ".join(_terms(supplier))
        if terms:
            yield f"{supplier.name}: {terms}"
    yield ""


def _terms(supplier: Supplier) -> Iterator[str]:
    if supplier.review > 1:
        yield f"takes orders every {supplier.review} slots"
    if supplier.multiple > 1:
        yield f"multiples of {supplier.multiple}"
    if supplier.capacity is not None:
        yield f"up to {supplier.capacity} an order"
    if supplier.outage is not None:
        yield f"outages {supplier.outage.fail:g} a slot, of {1 / supplier.outage.recover:.3g} slots"
    if supplier.defective:
        yield f"{supplier.defective:.1%} defective, {supplier.inspect:.0%} found"


def _money(scenario: Scenario) -> Iterator[str]:
    shortage = scenario.demand.shortage
    fate = f"{shortage}{'ged' if shortage == 'backlog' else ''}" if isinstance(shortage, str) else _limited(shortage)
    for p, law in enumerate(scenario.laws):
        assert law is not None  # every product has one: the scenario is validated
        of = f" for {scenario.product_names[p]}" if scenario.products else ""
        known = f", known {scenario.notices[p]} slots ahead" if scenario.notices[p] else ""
        yield f"demand a slot{of}: {_law(law)}{known}; a shortage is {fate}"
    regimes, season = scenario.demand.regimes, scenario.demand.season
    if regimes is not None:
        yield f"regimes of demand: {len(regimes.rates)}, times {_price(regimes.rates)}"
    if season is not None:
        yield f"season: {len(season.rates)} parts of {season.slots} slots, times {_price(season.rates)}"
    for vary in scenario.vary:
        at = f" at {', '.join(vary.at)}" if vary.at else ""
        among = f" times {'; '.join(_law(law) for law in vary.laws)}" if vary.laws else ""
        yield f"differs from line to line: {vary.parameter}{at}, {vary.low:g} to {vary.high:g}{among}"
    prices = {name: value for name, value in scenario.prices.model_dump().items() if value}
    yield f"prices: {', '.join(f'{name} {_price(value)}' for name, value in prices.items()) or 'none'}"
    for name in ("finance", "calendar"):
        given = getattr(scenario, name)
        if given is not None:
            values = given.model_dump(exclude_defaults=True)
            yield f"{name}: {', '.join(f'{key} {_price(value)}' for key, value in values.items())}".replace("_", " ")
    yield f"reward: minus the cost of the step / {scenario.reward_scale:g}"
    yield f"rules: {', '.join(rule_names(scenario)) or 'none has its knobs'}"


def _law(law: DemandLaw) -> str:
    kind, value = next(iter(law.model_dump(exclude_none=True).items()))
    if kind == "trace":
        return f"trace {len(value)} slots, mean {law.mean:.3g}"
    if kind == "table":
        return f"table, mean {law.mean:.3g}"
    values = ", ".join(f"{key} {x:g}" for key, x in value.items()) if isinstance(value, dict) else f"{value}"
    return f"{kind.replace('_', ' ')} {values}"


def _limited(shortage: Limit) -> str:
    return f"backlogged up to {shortage.limit}, lost beyond"


def _price(value: float | tuple[float, ...]) -> str:
    return " ".join(f"{price:g}" for price in (value if isinstance(value, tuple) else (value,)))


def _lines(title: str, lines: Iterable[str]) -> Iterator[RenderableType]:
    yield Text(title, style="bold")
    yield from lines
    yield ""


def _knobs(scenario: Scenario) -> Table:
    table = plain_table("knob", "range", "default", "what it does", text=("what it does",))
    kinds = {kind.name: kind for kind in KNOBS}
    for knob in Simulator(scenario).knobs:
        top = f", {spelled_value(knob.kind, OFF)}" if knob.off else ""
        default = str(spelled_value(knob.kind, knob.default))
        table.add_row(Text(knob.name), f"{knob.low}..{knob.high}{top}", default, kinds[knob.kind].meaning)
    return table


def _observation(scenario: Scenario) -> Table:
    table = plain_table("entry", "times", "what it is", text=("what it is",))
    for entry in Observer(Simulator(scenario)).entries:
        table.add_row(Text(entry.name), f"{entry.scale:.3g}", entry.meaning)
    return table
