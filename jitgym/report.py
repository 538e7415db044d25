"""Tables for the terminal: a comparison, a tuned rule."""

from __future__ import annotations

import math

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jitgym.compare import Comparison, decimals, verdict
from jitgym.evaluate import Interval
from jitgym.results import known, spelled
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


def plain_table(*headings: str, text: tuple[str, ...] = ()) -> Table:
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
    table = plain_table("\npolicy", "cost a slot\n± 95 % CI", against, "decision\nµs", "\nsetting", text=("\nsetting",))
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
    table = plain_table("\n\npolicy", *(heading for _, heading, _ in FIGURES))
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
    table = plain_table("knob", "textbook", "tuned")
    textbook, best = spelled(tuned.family, tuned.family.start), spelled(tuned.family, tuned.numbers)
    for name, value in best.items():
        table.add_row(name, str(textbook[name]), str(value))
    table.add_section()
    table.add_row("cost a slot ± 95 % CI", plus_minus(tuned.start_cost), plus_minus(tuned.cost), style="bold")
    title = Text(f"{tuned.family.name} ({tuned.family.source})", style="bold")
    return Group(title, table, f"{tuned.episodes} episodes simulated; both costs are on the same fresh seeds.")
