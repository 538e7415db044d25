"""Tables for the terminal: a comparison, a tuned rule, a scenario."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jitgym.compare import Comparison, decimals, verdict
from jitgym.evaluate import Interval
from jitgym.fields import KNOBS, OFF
from jitgym.files import scenario_files
from jitgym.observation import Observer
from jitgym.parts import Duration, Failure, Limit, Stage
from jitgym.results import known, spelled, spelled_value
from jitgym.rules import rule_names
from jitgym.scenario import Scenario, load_scenario
from jitgym.simulator import Simulator
from jitgym.tune import Tuned

FIGURES = (
    ("fill_rate", "fill\nrate\n%", 100),
    ("inventory_turns", "stock\nturns\n/year", 1),
    ("wip", "WIP\n\nunits", 1),
    ("finished_goods", "FG\n\nunits", 1),
    ("backlog", "back-\nlog\nunits", 1),
    ("supplier_on_time", "supply\non time\n%", 100),
    ("downtime_frequency", "break-\ndowns\n/1000", 1),
    ("cycle_time", "cycle\ntime\nslots", 1),
    ("takt", "takt\n\nslots", 1),
)
"""KPI, heading with unit, and factor, in the order of the table of key figures."""


def number(value: float, digits: int = 3) -> str:
    """Return a number with this many significant digits, without an exponent; a dash for none."""
    if not math.isfinite(value):
        return "–"
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else digits - 1
    return f"{round(value, places):.{max(0, min(places, 6))}f}".replace("-", "−")


def plus_minus(values: Interval, places: int | None = None) -> str:
    """Return ``mean ± half the 95 % interval``."""
    places = decimals(values) if places is None else places
    return f"{values.mean:.{places}f} ± {values.high - values.mean:.{places}f}"


def signed(values: Interval, places: int) -> str:
    """Return ``mean [low, high]`` with signs."""
    mean, low, high = (f"{value:+.{places}f}".replace("-", "−") for value in (values.mean, values.low, values.high))
    return f"{mean} [{low}, {high}]"


def comparison_report(comparison: Comparison) -> RenderableType:
    """Return both tables of a comparison and the verdict."""
    plan = comparison.plan
    scenario = plan.scenario
    title = (
        f"{scenario.name}: {plan.n_seeds} paired seeds, "
        f"episodes of {scenario.horizon} × {scenario.slots_per_step} slots"
        f"{' (quick: rules barely tuned)' if plan.quick else ''}"
    )
    sentence = Text(verdict(comparison), style="bold")
    return Group(Text(title, style="bold"), "", _costs(comparison), "", _figures(comparison), "", sentence)


def _table(*headings: str, text: tuple[str, ...] = ()) -> Table:
    """Return an empty table: the first column and those of text to the left, the others, of numbers, to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        left = heading in text or heading == headings[0]
        table.add_column(heading, justify="left" if left else "right", no_wrap=heading not in text)
    return table


def _costs(comparison: Comparison) -> Table:
    """Return cost, difference to the best rule, setting and speed of every policy, cheapest first."""
    evaluation = comparison.evaluation
    against = f"against {evaluation.reference}\npaired, 95 % CI"
    table = _table("\npolicy", "cost a slot\n± 95 % CI", against, "decision\nµs", "\nsetting", text=("\nsetting",))
    costs = {name: known(evaluation.outcomes[name].cost) for name in comparison.ranking}
    differences = {name: evaluation.difference(name) for name in comparison.ranking if name != evaluation.reference}
    cost_places, difference_places = map(_places, (costs, differences))
    for name, cost in costs.items():
        difference = signed(differences[name], difference_places) if name in differences else "best rule"
        speed = number(1e6 * evaluation.outcomes[name].latency, 2)
        setting = setting_of(comparison.tuned[name]) if name in comparison.tuned else "from what it sees"
        style = None if name in comparison.tuned and name in differences else "bold"
        table.add_row(name, plus_minus(cost, cost_places), difference, speed, setting, style=style)
    return table


def _places(intervals: dict[str, Interval]) -> int:
    """Return the decimals that do justice to every interval of a column."""
    return max((decimals(values) for values in intervals.values()), default=2)


def _figures(comparison: Comparison) -> Table:
    """Return the key figures of every policy, cheapest first."""
    table = _table("\n\npolicy", *(heading for _, heading, _ in FIGURES))
    for name in comparison.ranking:
        kpis = comparison.evaluation.outcomes[name].kpis
        table.add_row(name, *(number(factor * known(kpis[kpi]).mean) for kpi, _, factor in FIGURES))
    return table


def setting_of(tuned: Tuned, textbook: bool = False) -> str:
    """Return a rule's numbers in one line, e.g. ``kanban 1 2 7 3, target 4``."""
    kinds: dict[str, list[str]] = {}
    for name, value in spelled(tuned.family, tuned.family.start if textbook else tuned.numbers).items():
        kinds.setdefault(name.partition("[")[0], []).append(str(value))
    return ", ".join(f"{kind} {' '.join(values)}" for kind, values in kinds.items()) or "nothing to set"


def tuning_report(tuned: Tuned) -> RenderableType:
    """Return what tuning a rule found and where it started."""
    table = _table("knob", "textbook", "tuned")
    textbook, best = spelled(tuned.family, tuned.family.start), spelled(tuned.family, tuned.numbers)
    for name, value in best.items():
        table.add_row(name, str(textbook[name]), str(value))
    table.add_section()
    table.add_row("cost a slot ± 95 % CI", plus_minus(tuned.start_cost), plus_minus(tuned.cost), style="bold")
    title = Text(f"{tuned.family.name} ({tuned.family.source})", style="bold")
    return Group(title, table, f"{tuned.episodes} episodes simulated; both costs are on the same fresh seeds.")


def scenarios_report() -> RenderableType:
    """Return the table of the scenarios that come with the package."""
    table = _table("scenario", "stages", "knobs", "what it is", text=("what it is",))
    for name, path in scenario_files().items():
        scenario = load_scenario(path)
        knobs = len(Simulator(scenario).knobs)
        table.add_row(name, str(len(scenario.stages)), str(knobs), scenario.description)
    return table


def scenario_report(scenario: Scenario) -> RenderableType:
    """Return the line, its knobs and its observation."""
    time = (
        f"A step is {scenario.slots_per_step} slots, an episode {scenario.horizon} steps, "
        f"a year {scenario.slots_per_year} slots. Scenario hash {scenario.hash}."
    )
    return Group(
        Text(f"{scenario.name}: {scenario.description}", style="bold"),
        _flow(scenario),
        time,
        "",
        _stages(scenario),
        "",
        *_supply(scenario),
        *_lines("Demand, prices and rules", _money(scenario)),
        Text("Knobs", style="bold"),
        _knobs(scenario),
        Text("Observation", style="bold"),
        _observation(scenario),
    )


def _flow(scenario: Scenario) -> str:
    """Return the line as one line of text, from suppliers to customers."""
    places = []
    for stage in scenario.stages:
        items = [item.name for item in scenario.items if item.stage == stage.name]
        places.append(f"{stage.name}{' (+ ' + ', '.join(items) + ')' if items else ''}")
    return " → ".join([*places, "customers"])


def _stages(scenario: Scenario) -> Table:
    texts = ("job", "breaks down", "maintenance")
    table = _table("stage", "job", "batch", "room", "at start", "breaks down", "maintenance", text=texts)
    for stage in scenario.stages:
        table.add_row(
            stage.name,
            _duration(stage.process),
            str(stage.batch),
            str(stage.room or "–"),
            str(stage.initial),
            _breakdown(stage.failure),
            _maintenance(stage),
        )
    return table


def _duration(duration: Duration) -> str:
    mean = f"{duration.mean:.3g} slot{'s' if duration.mean != 1 else ''}"
    return mean if duration.finish == 1 else f"{mean}, random"


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


def _maintenance(stage: Stage) -> str:
    return _duration(stage.maintenance.duration) if stage.maintenance else "–"


def _supply(scenario: Scenario) -> Iterator[RenderableType]:
    if not scenario.suppliers:
        return
    table = _table("supplier", "item", "for stage", "at start", "lead time", "on time", "a slot later")
    items = {item.name: item for item in scenario.items}
    for supplier in scenario.suppliers:
        item = items[supplier.item]
        shares = (f"{supplier.on_time:.0%}", "–" if supplier.on_time == 1 else f"{supplier.catch_up:.0%}")
        lead = f"{supplier.lead_time} slots"
        table.add_row(supplier.name, item.name, item.stage, str(item.initial), lead, *shares)
    yield table
    yield ""


def _money(scenario: Scenario) -> Iterator[str]:
    law = scenario.demand.law.model_dump(exclude_none=True)
    kind, value = next(iter(law.items()))
    trace = f"{len(value)} slots, mean {sum(value) / len(value):.3g}" if kind in ("trace", "table") else value
    shortage = scenario.demand.shortage
    fate = f"{shortage}{'ged' if shortage == 'backlog' else ''}" if isinstance(shortage, str) else _limited(shortage)
    yield f"demand a slot: {kind.replace('_', ' ')} {trace}; a shortage is {fate}"
    prices = {name: value for name, value in scenario.prices.model_dump().items() if value}
    yield f"prices: {', '.join(f'{name} {_price(value)}' for name, value in prices.items()) or 'none'}"
    yield f"reward: minus the cost of the step / {scenario.reward_scale:g}"
    yield f"rules: {', '.join(rule_names(scenario)) or 'none has its knobs'}"


def _limited(shortage: Limit) -> str:
    return f"backlogged up to {shortage.limit}, lost beyond"


def _price(value: float | tuple[float, ...]) -> str:
    return " ".join(f"{price:g}" for price in (value if isinstance(value, tuple) else (value,)))


def _lines(title: str, lines: Iterable[str]) -> Iterator[RenderableType]:
    yield Text(title, style="bold")
    yield from lines
    yield ""


def _knobs(scenario: Scenario) -> Table:
    table = _table("knob", "range", "default", "what it does", text=("what it does",))
    kinds = {kind.name: kind for kind in KNOBS}
    for knob in Simulator(scenario).knobs:
        top = f", {spelled_value(knob.kind, OFF)}" if knob.off else ""
        default = str(spelled_value(knob.kind, knob.default))
        table.add_row(Text(knob.name), f"{knob.low}..{knob.high}{top}", default, kinds[knob.kind].meaning)
    return table


def _observation(scenario: Scenario) -> Table:
    table = _table("entry", "times", "what it is", text=("what it is",))
    for entry in Observer(Simulator(scenario)).entries:
        table.add_row(Text(entry.name), f"{entry.scale:.3g}", entry.meaning)
    return table
