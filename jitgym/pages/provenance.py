"""Where the policies of a comparison come from: what was tuned, how an agent was trained, how to do it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jitgym.compare import FULL, QUICK
from jitgym.errors import InputError
from jitgym.pages.charts import training_curve
from jitgym.pages.document import Code, Column, Figure, Mark, Part, Row, Table, Terms, Words
from jitgym.pages.made import versions_table
from jitgym.pages.paths import line_of
from jitgym.pages.stored import StoredComparison, TunedRule
from jitgym.report import how_tuned, plus_minus, setting


def tuned(stored: StoredComparison) -> Iterator[Part]:
    """Yield what tuning found, how, and in which space."""
    rules = sorted(stored.rules.items(), key=lambda item: item[1].cost.mean)
    columns = (
        Column("rule", text=True),
        Column("cost", "a slot, ± 95 % CI"),
        Column("textbook's", "a slot, ± 95 % CI"),
        Column("episodes"),
        Column("tuned to", text=True),
        Column("textbook", text=True),
        Column("source", text=True),
    )
    rows = []
    for name, rule in rules:
        costs = (plus_minus(rule.cost.interval), plus_minus(rule.textbook_cost.interval))
        numbers = (setting(rule.numbers), setting(rule.textbook_numbers))
        mark: Mark = "best" if name == stored.reference else ""
        rows.append(Row((name, *costs, f"{rule.episodes:,}", *numbers, rule.source), mark))
    first = rules[0][1]
    budget = {FULL: "full", QUICK: "quick"}.get(first.budget, "own")
    yield Words(f"Budget: {budget}. {how_tuned(first.seed, first.budget)} No rule met a seed of the evaluation.")
    yield Table("Rules as tuned, on fresh tuning seeds, cheapest first", columns, tuple(rows))
    yield _space(rules)


def _space(rules: Iterable[tuple[str, TunedRule]]) -> Table:
    """Return the range of every number of every rule, where the search started and what it found."""
    columns = (
        Column("rule", text=True),
        Column("number", text=True),
        Column("from"),
        Column("to"),
        Column("textbook"),
        Column("tuned"),
    )
    rows = (
        Row((name, one, *map(str, ends), str(rule.textbook_numbers.get(one, "–")), str(rule.numbers.get(one, "–"))))
        for name, rule in rules
        for one, ends in rule.space.items()
    )
    return Table("The space that was searched, number by number", columns, tuple(rows), folded=True)


def trained(facts: dict[str, Any]) -> Iterator[Part]:
    """Yield how an agent was made, and how it did while it was."""
    wanted = {
        "algorithm": "algorithm",
        "steps": "steps of training",
        "seconds": "seconds of training",
        "started_from": "started from",
        "seed": "seed",
        "device": "device",
        "kept_after": "kept after steps",
        "settings": "settings",
    }
    told = [(label, _told(facts[key])) for key, label in wanted.items() if facts.get(key) is not None]
    yield Terms(tuple(told)) if told else Words("The results do not say how the agent was trained.")
    curve = _looks(facts)
    if curve is not None:
        yield curve


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " ".join(map(_told, value))
    return f"{value:,.10g}" if _is_number(value) else str(value)


def _looks(facts: dict[str, Any]) -> Figure | None:
    """Return the chart of the looks at an agent, if the results hold two of them."""
    looks = facts.get("looks")
    rows = looks.get("rows") if isinstance(looks, dict) else None
    numbers = [row for row in rows if isinstance(row, list) and len(row) == 2] if isinstance(rows, list) else []
    known = [(float(x), float(y)) for x, y in numbers if _is_number(x) and _is_number(y)]
    kept = facts.get("kept_after")
    return training_curve(known, kept if _is_number(kept) else None) if len(known) > 1 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def again(stored: StoredComparison) -> Iterator[Part]:
    """Yield command, seeds, versions and the line."""
    if stored.command:
        yield Code("The same seed gives the same numbers", stored.command)
    else:
        yield Words("The command is missing: these results are older than its place in results.json.")
    yield Terms(
        (
            ("seed", f"{stored.seed}: names the seed banks of tuning, training and evaluation"),
            ("evaluation", f"{stored.budget.evaluation_seeds:,} seeds, in results.json with the cost of every policy"),
            ("line", f"{stored.scenario.name}, hash {stored.scenario.hash}"),
        )
    )
    yield versions_table(stored.versions)
    try:
        yield Code(f"The line: {stored.scenario.name}.yaml", line_of(stored).to_yaml(), folded=True)
    except InputError as error:
        yield Words(f"The line cannot be written out: {error}")
