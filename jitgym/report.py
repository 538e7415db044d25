"""Tables for the terminal: a comparison, a tuned rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from jitgym.compare import Comparison, decimals, verdict
from jitgym.contest import TaskResult
from jitgym.results import budget_of, information_of, known, spelled
from jitgym.search import Budget
from jitgym.standings import BEST, Row
from jitgym.stats import Interval
from jitgym.tune import Tuned
from jitgym.tuning import pareto_front

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
    """Return the tables of a comparison and the verdict."""
    plan = comparison.plan
    scenario, skipped = plan.scenario, comparison.evaluation.skipped * plan.scenario.slots_per_step
    title = (
        f"{scenario.name}: {plan.n_seeds} paired seeds, "
        f"episodes of {scenario.horizon} × {scenario.slots_per_step} slots"
        f"{f', of which the first {skipped} are not counted' if skipped else ''}"
        f"{' (quick: rules barely tuned)' if plan.quick else ''}"
    )
    sentence = Text(verdict(comparison), style="bold")
    tables = (_costs(comparison), "", _figures(comparison), "", _means(comparison))
    return Group(Text(title, style="bold"), "", *tables, "", sentence)


def plain_table(*headings: str, text: tuple[str, ...] = ()) -> Table:
    """Return an empty table: the first column and those of text to the left, the others, of numbers, to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        left = heading in text or heading == headings[0]
        width = None if left else max(map(len, heading.split("\n")))  # numbers are not cut off, names are folded
        justify: JustifyMethod = "left" if left else "right"
        table.add_column(heading, justify=justify, no_wrap=not left, min_width=width, overflow="fold")
    return table


def _costs(comparison: Comparison) -> Table:
    """Return cost, difference to the best rule and setting of every policy, cheapest first."""
    evaluation = comparison.evaluation
    against = f"against {evaluation.reference}\npaired, 95 % CI"
    table = plain_table("\npolicy", "cost a slot\n± 95 % CI", against, "p\n(Holm)", "\nsetting", text=("\nsetting",))
    costs = {name: known(evaluation.outcomes[name].cost) for name in comparison.ranking}
    differences = {name: evaluation.difference(name) for name in comparison.ranking if name != evaluation.reference}
    cost_places, difference_places = map(places, (costs.values(), differences.values()))
    for name, cost in costs.items():
        told_apart = name in differences
        difference = signed(differences[name], difference_places) if told_apart else "best rule"
        p = p_value(evaluation.p_values[name]) if told_apart else ""
        setting = setting_of(comparison.tuned[name]) if name in comparison.tuned else "from what it sees"
        style = None if name in comparison.tuned and told_apart else "bold"
        table.add_row(name, plus_minus(cost, cost_places), difference, p, setting, style=style)
    return table


def _means(comparison: Comparison) -> Table:
    """Return what every policy looks at, what it was made with and how fast it decides, cheapest first."""
    table = plain_table("policy", "looks at", "made with", "decision µs", text=("looks at", "made with"))
    for name in comparison.ranking:
        speed = number(1e6 * comparison.evaluation.outcomes[name].latency, 2)
        table.add_row(name, information_of(comparison, name), budget_of(comparison, name), speed)
    return table


def p_value(p: float) -> str:
    """Return a p-value as tables give it."""
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def places(intervals: Iterable[Interval]) -> int:
    """Return the decimals that do justice to every interval of a column."""
    return max((decimals(values) for values in intervals), default=2)


def _figures(comparison: Comparison) -> Table:
    """Return the key figures of every policy, cheapest first."""
    table = plain_table("\n\npolicy", *(heading for _, heading, _ in FIGURES))
    for name in comparison.ranking:
        kpis = comparison.evaluation.outcomes[name].kpis
        table.add_row(name, *(number(factor * known(kpis[kpi]).mean) for kpi, _, factor in FIGURES))
    return table


def setting_of(tuned: Tuned, textbook: bool = False) -> str:
    """Return a rule's numbers in one line."""
    return setting(spelled(tuned.family, tuned.family.start if textbook else tuned.numbers))


def setting(numbers: Mapping[str, int | str]) -> str:
    """Return numbers by name in one line, e.g. ``kanban 1 2 7 3, target 4``."""
    kinds: dict[str, list[str]] = {}
    for name, value in numbers.items():
        kinds.setdefault(name.partition("[")[0], []).append(str(value))
    return ", ".join(f"{kind} {' '.join(values)}" for kind, values in kinds.items()) or "nothing to set"


def tuning_report(tuned: Mapping[str, Tuned]) -> RenderableType:
    """Return what tuning some rules found: of one rule every number, of several a ranking and what they trade."""
    if len(tuned) == 1:
        return _one_tuned(next(iter(tuned.values())))
    table = plain_table(
        "rule", "cost a slot\n± 95 % CI", "textbook's", "looks at", "episodes", "setting", text=("looks at", "setting")
    )
    for name, one in sorted(tuned.items(), key=lambda item: item[1].cost.mean):
        cells = (plus_minus(one.cost), number(one.start_cost.mean, 4), one.family.information, f"{one.episodes:,}")
        table.add_row(name, *cells, setting_of(one))
    told = next(iter(tuned.values()))
    return Group(table, "", _front(tuned), "", how_tuned(told.seed, told.budget))


def _one_tuned(tuned: Tuned) -> RenderableType:
    """Return the numbers of a rule, where they started, and what finding them took."""
    table = plain_table("number", "textbook", "tuned", "range")
    textbook, best = spelled(tuned.family, tuned.family.start), spelled(tuned.family, tuned.numbers)
    for one in tuned.family.numbers:
        table.add_row(one.name, str(textbook[one.name]), str(best[one.name]), f"{one.low}..{one.high}")
    table.add_section()
    table.add_row("cost a slot ± 95 % CI", plus_minus(tuned.start_cost), plus_minus(tuned.cost), style="bold")
    title = Text(f"{tuned.family.name} ({tuned.family.source}; looks at: {tuned.family.information})", style="bold")
    choice = tuned.choice
    left = "one was left" if choice.left == 1 else f"{choice.left} could not be told apart"
    chosen = f" Of {choice.finalists} finalists {left} after {choice.episodes} fresh episodes each."
    spent = f"{tuned.episodes:,} episodes simulated.{chosen if choice.finalists > 1 else ''}"
    return Group(title, table, spent, how_tuned(tuned.seed, tuned.budget))


def how_tuned(seed: int, budget: Budget) -> str:
    """Return in a sentence how rules have been tuned."""
    return (
        f"Tuning seed {seed}: {budget.trials} vectors explored on {budget.first} episodes each, then moves "
        f"compared on up to {budget.last}; finalists by Kim and Nelson's procedure (95 %, differences of "
        f"{100 * budget.indifference:g} % of the cost); costs on {budget.final:,} fresh episodes."
    )


def _front(tuned: Mapping[str, Tuned], most: int = 12) -> Table:
    """Return the settings that trade cost, fill rate and stock, some of them evenly spread."""
    points = pareto_front(tuned)
    chosen = sorted({round(i) for i in np.linspace(0, len(points) - 1, min(most, len(points)))})
    title = f"Pareto front of cost, fill rate and stock: {len(chosen)} of {len(points)} settings"
    table = plain_table("rule", "cost a slot", "fill rate %", "WIP and FG", "setting", text=("setting",))
    table.title, table.title_justify, table.title_style = title, "left", "bold"
    for i in chosen:
        point = points[i]
        shown = replace(tuned[point.rule], numbers=point.numbers)
        figures = (number(point.tried.cost, 4), number(100 * point.tried.fill_rate), number(point.tried.stock))
        table.add_row(point.rule, *figures, setting_of(shown))
    return table


def standings_report(
    results: Mapping[str, TaskResult], found: Sequence[Row], faults: Mapping[str, str]
) -> RenderableType:
    """Return the best rule of every line, who was held against it, and what went wrong."""
    best = plain_table("line", "best tuned rule", "cost a slot", text=("best tuned rule",))
    for task, result in results.items():
        best.add_row(task, result.best_rule, number(float(result.costs(result.best_rule).mean()), 4))
    parts: list[RenderableType] = [best]
    if found:
        against = plain_table(
            "line", "held out", "policy", "difference %, 95 % CI", "p\n(Holm)", "", text=("held out", "policy", "")
        )
        for row in found:
            policy = f"{row.kind}: {row.policy}" if row.kind == BEST else row.policy
            against.add_row(row.task, row.shift, policy, signed(row.percent, 2), p_value(row.p_value), row.verdict)
        parts += ["", against]
    if faults:
        parts += ["", Text("What went wrong", style="bold"), *(f"{name}: {fault}" for name, fault in faults.items())]
    return Group(*parts)
