"""The report of a comparison: what ``results.json`` of ``jitgym compare`` says, in sections."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from jitgym.pages import charts
from jitgym.pages.document import Column, Finding, Mark, Page, Part, Row, Section, Table, Terms, Words
from jitgym.pages.made import LOOKS_AT, made_by
from jitgym.pages.paths import Loader, sample_paths
from jitgym.pages.provenance import again, trained, tuned
from jitgym.pages.stored import StoredComparison
from jitgym.palette import TERMS
from jitgym.report import number, p_value, places, plus_minus, setting, signed
from jitgym.scorecard import KPIS
from jitgym.stats import Interval

MOST_POINTS: Final = 12
"""Settings of the Pareto front that the table shows."""
FIGURES: Final = {kpi: told for kpi, told in KPIS.items() if kpi != "cost"}
"""Unit and formula of the key figures; cost has tables of its own."""
SHOWN_AS: Final = {"share": ("%", 100), "per year": ("a year", 1)}
"""How units of KPIs are written, and the factor."""


def comparison_page(stored: StoredComparison, folder: Path, load: Loader | None) -> Page:
    """Return the report of a comparison.

    Args:
        stored: the results.
        folder: where they lie, with the agent if it was stored.
        load: reads the agent; None: agents are not read.
    """
    scenario = stored.scenario
    sections = (
        Section("Cost", tuple(_costs(stored))),
        Section("What the cost is made of", (charts.cost_bars(stored), _terms(stored))),
        Section("Key figures", (_figures(stored), _kpis())),
        Section("How the line runs", tuple(sample_paths(stored, folder, load))),
        Section("What cost is traded for", tuple(_front(stored))),
        Section("What was tuned", tuple(tuned(stored))),
        *([Section("The agent", tuple(trained(stored.agent)))] if stored.agent is not None else []),
        Section("How to do it again", tuple(again(stored))),
    )
    return Page(
        kind="Comparison",
        title=scenario.name,
        lead=str(scenario.description.get("description", "")),
        finding=_finding(stored),
        verdict=stored.verdict,
        facts=_facts(stored),
        sections=sections,
        made=made_by(stored.created, stored.versions),
        picture="compare.png",
        warnings=tuple(_warnings(stored)),
    )


def _finding(stored: StoredComparison) -> Finding:
    if stored.challenger is None:
        return "none"
    difference = stored.policies[stored.challenger].difference
    if difference.high < 0:
        return "better"
    return "worse" if difference.low > 0 else "same"


def _facts(stored: StoredComparison) -> tuple[tuple[str, str], ...]:
    best, challenger = stored.policies[stored.reference], stored.challenger
    facts = [("best tuned rule", stored.reference), ("its cost a slot", plus_minus(best.kpis["cost"].interval))]
    if challenger is not None:
        cost = plus_minus(stored.policies[challenger].kpis["cost"].interval)
        facts += [("held against it", challenger), (f"cost a slot of {challenger}", cost)]
    return (*facts, ("paired seeds", f"{len(stored.evaluation_seeds):,}"))


def _warnings(stored: StoredComparison) -> Iterator[str]:
    if stored.quick:
        yield "A quick run, to try it out: the rules are barely tuned, and there are few seeds."
    if stored.warm_up_steps:
        yield f"The first {stored.warm_up_steps} steps of every episode are not counted."


def _mark(stored: StoredComparison, name: str) -> Mark:
    if stored.policies[name].kind == "agent":
        return "agent"
    return "best" if name == stored.reference else ""


def _costs(stored: StoredComparison) -> Iterator[Part]:
    """Yield the table of costs, the chart of differences, and what policies look at."""
    costs = {name: stored.policies[name].kpis["cost"].interval for name in stored.ranking}
    others = [name for name in stored.ranking if name != stored.reference]
    cost_digits = places(costs.values())
    digits = places(stored.policies[name].difference.interval for name in others)
    columns = (
        Column("policy", text=True),
        Column("cost", "a slot, ± 95 % CI"),
        Column(f"against {stored.reference}", "a slot, paired, 95 % CI"),
        Column("difference", "%"),
        Column("cheaper on", "% of seeds"),
        Column("p", "Holm"),
    )
    width = len(columns) if others else 2
    rows = []
    for name, cost in costs.items():
        policy = stored.policies[name]
        p = "" if policy.p_value is None else p_value(policy.p_value)
        apart = (signed(policy.difference.interval, digits), _percent(stored, name), _wins(stored, name), p)
        against = ("best rule", "", "", "") if name == stored.reference else apart
        rows.append(Row((name, plus_minus(cost, cost_digits), *against)[:width], _mark(stored, name)))
    if others:
        yield charts.differences(stored)
    yield Table("What every policy costs, cheapest first; less is better", columns[:width], tuple(rows))
    yield Words(
        "The best rule is the cheapest tuned rule on the seeds of the evaluation: it is chosen by them, which "
        "favours it. Intervals of differences are paired bootstrap intervals (BCa); p is Holm's over the policies of "
        "the table. A cost with its own interval says how much the cost varies, not which policy is cheaper."
    )
    yield _means(stored)
    seen = {policy.information for policy in stored.policies.values()}
    yield Terms(tuple((name, meaning) for name, meaning in LOOKS_AT.items() if name in seen))


def _means(stored: StoredComparison) -> Table:
    """Return what every policy looks at, what it was made with and how fast it decides."""
    columns = (
        Column("policy", text=True),
        Column("looks at", text=True),
        Column("made with", text=True),
        Column("decides in", "µs"),
    )
    rows = []
    for name in stored.ranking:
        policy = stored.policies[name]
        cells = (name, policy.information, policy.budget, number(1e6 * policy.decision_seconds, 2))
        rows.append(Row(cells, _mark(stored, name)))
    return Table(
        "What every policy looks at, what it was made with, and how long a decision takes", columns, tuple(rows)
    )


def _percent(stored: StoredComparison, name: str) -> str:
    best = stored.policies[stored.reference].kpis["cost"].mean
    share = 100 * stored.policies[name].difference.mean / best if best else math.nan
    return f"{share:+.1f}".replace("-", "−") if math.isfinite(share) else "–"


def _wins(stored: StoredComparison, name: str) -> str:
    """Return on what share of seeds a policy is cheaper than the best rule; seeds that cost the same do not count."""
    ours, theirs = (np.array(stored.cost_per_seed[one]) for one in (name, stored.reference))
    return f"{100 * float((ours < theirs).mean()):.0f}"


def _terms(stored: StoredComparison) -> Table:
    shown = [term for term in TERMS if any(policy.cost_by_term.get(term) for policy in stored.policies.values())]
    shown = [term for term in shown if any(_cost_of(stored, name, term).mean for name in stored.ranking)]
    digits = {term: places(_cost_of(stored, name, term) for name in stored.ranking) for term in shown}
    columns = (Column("policy", text=True), *(Column(TERMS[term][1], "a slot, ± 95 % CI") for term in shown))
    rows = (
        Row((name, *(plus_minus(_cost_of(stored, name, t), min(digits[t], 3)) for t in shown)), _mark(stored, name))
        for name in stored.ranking
    )
    return Table("Cost by term", columns, tuple(rows))


def _cost_of(stored: StoredComparison, name: str, term: str) -> Interval:
    found = stored.policies[name].cost_by_term.get(term)
    return Interval(0.0, 0.0, 0.0, 0.0) if found is None else found.interval


def _figures(stored: StoredComparison) -> Table:
    columns, cells = [Column("policy", text=True)], {name: [name] for name in stored.ranking}
    for kpi, (unit, _) in FIGURES.items():
        written, factor = SHOWN_AS.get(unit, (unit, 1))
        columns.append(Column(_called(kpi), written))
        for name, row in cells.items():
            found = stored.policies[name].kpis.get(kpi)
            row.append("–" if found is None else number(factor * found.mean))
    rows = tuple(Row(tuple(row), _mark(stored, name)) for name, row in cells.items())
    return Table("Means over all seeds; with their intervals they are in results.csv", tuple(columns), rows)


def _kpis() -> Terms:
    return Terms(tuple((_called(kpi), formula) for kpi, (_, formula) in FIGURES.items()))


def _called(kpi: str) -> str:
    return "WIP" if kpi == "wip" else kpi.replace("_", " ")


def _front(stored: StoredComparison) -> Iterator[Part]:
    """Yield the chart of the Pareto front, and a table of some of its settings, evenly spread."""
    points = stored.pareto_front
    if points is None:
        yield Words("The Pareto front is missing: these results are older than its place in results.json.")
        return
    if not points:
        yield Words("No setting was tried on enough episodes to tell what cost is traded for.")
        return
    yield charts.front(points)
    chosen = sorted({round(i) for i in np.linspace(0, len(points) - 1, min(MOST_POINTS, len(points)))})
    columns = (
        Column("rule", text=True),
        Column("cost", "a slot"),
        Column("fill rate", "%"),
        Column("WIP and FG", "units"),
        Column("setting", text=True),
    )
    rows = (
        Row((p.rule, number(p.cost, 4), number(100 * p.fill_rate), number(p.stock), setting(p.numbers)))
        for p in (points[i] for i in chosen)
    )
    few = len(chosen) < len(points)
    caption = f"{len(chosen)} of the {len(points)} settings, evenly spread" if few else "The settings"
    yield Table(f"{caption}, cheapest first", columns, tuple(rows))
    yield Words(
        "Figures are those of the search, on its own seeds: of a setting that was lucky they are a little too good. "
        "Tuning looks for low cost, so the front is dense where cost is low."
    )
