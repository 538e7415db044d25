"""The report of a contest: what ``standings.json`` and ``rules.csv`` of ``jitgym suite`` say, in sections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from jitgym.pages import contest_charts as charts
from jitgym.pages.document import Code, Column, Finding, Heading, Page, Part, Row, Section, Table, Terms, Words
from jitgym.pages.made import LOOKS_AT, made_by, versions_table
from jitgym.pages.stored_contest import StoredContest, StoredRow, StoredRule
from jitgym.publish import cells_of, counted
from jitgym.report import how_tuned, number
from jitgym.shifts import SHIFTS
from jitgym.standings import BEST

MOST_RULES: Final = 5
"""Rules of each line that are shown at once."""
COLUMNS: Final = (
    Column("line", text=True),
    Column("best tuned rule", text=True),
    Column("its cost", "a slot"),
    Column("policy", text=True),
    Column("difference", "%, paired, 95 % CI"),
    Column("p", "Holm"),
    Column("verdict", text=True),
    Column("all training seeds", "%: median; best, worst"),
    Column("trained for", text=True),
)
"""Of the standings."""


def contest_page(stored: StoredContest) -> Page:
    """Return the report of a contest."""
    leading = _leading(stored)
    here = _rows(stored, leading)
    sections = (
        *([Section("Standings", tuple(_standings(stored, leading)))] if here else []),
        *([Section("All training seeds", tuple(_together(stored)))] if stored.together else []),
        *([Section("Held out", tuple(_held_out(stored)))] if any(row.shift for row in stored.rows) else []),
        Section("Tuned rules", tuple(_rules(stored))),
        Section("What was done", tuple(_done(stored))),
        *([Section("What went wrong", (Terms(tuple(stored.faults.items())),))] if stored.faults else []),
        Section("How to do it again", tuple(_again(stored))),
    )
    return Page(
        kind="Contest",
        title=stored.suite,
        lead=stored.plan.description,
        finding=_finding(here),
        verdict=_verdict(leading, here),
        facts=_facts(stored),
        sections=sections,
        made=made_by(stored.created, stored.versions),
        picture="standings.png",
        warnings=tuple(_warnings(stored)),
    )


def _kinds(stored: StoredContest) -> tuple[str, ...]:
    """Return the kinds of policies in the order of the standings."""
    return (BEST, *stored.plan.algorithms, "rollout")


def _rows(stored: StoredContest, kind: str, shift: str = "") -> list[StoredRow]:
    return [row for row in stored.rows if (row.kind, row.shift) == (kind, shift)]


def _leading(stored: StoredContest) -> str:
    """Return the kind that the verdict is on: the best agent where there are several algorithms."""
    return next((kind for kind in _kinds(stored) if _rows(stored, kind)), BEST)


def _verdict(kind: str, here: Sequence[StoredRow]) -> str:
    """Return one sentence on a kind of policies against the best tuned rules."""
    if not here:
        return "Nothing was held against the tuned rules: there is nothing to compare."
    better, worse = (sum(row.verdict == word for row in here) for word in ("better", "worse"))
    worst = max(row.percent for row in here)
    who = {BEST: "The best agent", "rollout": "Look-ahead"}.get(kind, f"The agent by {kind}")
    much = f"at the worst it costs {abs(worst):.2f} % {'more' if worst > 0 else 'less'}"
    return (
        f"{who} costs less than the best tuned rule on {better} of {len(here)} lines, more on {worse}, and on "
        f"{len(here) - better - worse} no difference is shown; {much}."
    )


def _finding(here: Sequence[StoredRow]) -> Finding:
    found = {row.verdict for row in here}
    if not found:
        return "none"
    if "worse" not in found and "better" in found:
        return "better"
    return "worse" if "better" not in found and "worse" in found else "same"


def _facts(stored: StoredContest) -> tuple[tuple[str, str], ...]:
    plan = stored.plan
    trained = any(row.kind in plan.algorithms for row in stored.rows)
    agents = [("algorithms", ", ".join(plan.algorithms)), ("training seeds of each", str(plan.seeds))]
    return (
        ("lines", str(len(stored.hashes))),
        ("paired seeds of each", f"{plan.replications:,}"),
        *(agents if trained else []),
    )


def _warnings(stored: StoredContest) -> Iterator[str]:
    if "--quick" in stored.command.split():
        yield "A quick run, to try it out: rules are barely tuned, agents barely trained, and there are few seeds."
    if stored.faults:
        yield f"{len(stored.faults)} things went wrong; they are listed below."
    fewer = min(stored.plan.rollout, stored.plan.replications)
    if fewer < stored.plan.replications and _rows(stored, "rollout"):
        yield f"Look-ahead is slow: it and the rule beside it are on the first {fewer:,} seeds."


def _standings(stored: StoredContest, leading: str) -> Iterator[Part]:
    yield from _drawn(stored, "")
    for kind in _kinds(stored):
        here = _rows(stored, kind)
        if here:
            yield Words(f"{_called(kind)}. {counted([row.model_dump() for row in here])}")
            yield _table(f"{_called(kind)} against the best tuned rule of each line", here, kind != leading)
    yield Words(
        "An agent is the one that did best on seeds of validation, of all training seeds of its algorithm; the best "
        "agent is that of all algorithms. The verdict is by the paired 95 % interval (BCa) of the line alone; p is "
        "Holm's over the lines of a table. The best rule is chosen by the seeds of the evaluation, which favours it."
    )


def _drawn(stored: StoredContest, shift: str, meaning: str = "") -> Iterator[Part]:
    """Yield the chart of the standings under a shift or none; a best agent is one of its algorithm and drawn there."""
    here = [row for row in stored.rows if row.shift == shift and row.kind != BEST]
    if here:
        yield charts.standings(here, meaning)


def _called(kind: str) -> str:
    return {BEST: "Best agent", "rollout": "Look-ahead (rollout)"}.get(kind, f"Agents by {kind}")


def _table(caption: str, here: Sequence[StoredRow], folded: bool) -> Table:
    cells = [_cells(row) for row in here]
    used = [i for i in range(len(COLUMNS)) if any(row[i] for row in cells)]
    rows = tuple(Row(tuple(row[i] for i in used)) for row in cells)
    return Table(caption, tuple(COLUMNS[i] for i in used), rows, folded)


def _cells(row: StoredRow) -> tuple[str, ...]:
    """Return a row of the standings as ``COLUMNS`` has it, the verdict beside what it is by."""
    *what, change, p, seeds, trained, verdict = cells_of(row.model_dump())
    return (*what, change.replace("-", "−"), p, verdict, seeds.replace("-", "−"), trained)


def _together(stored: StoredContest) -> Iterator[Part]:
    yield charts.profiles(stored.together)
    columns = (
        Column("algorithm", text=True),
        Column("runs", "lines × training seeds"),
        Column("interquartile mean", "% of the rule's cost, 95 % CI"),
        Column("cheaper than the rule", "probability, 95 % CI"),
    )
    rows = []
    for name, one in stored.together.items():
        a, b = one.iqm, one.probability_of_improvement
        runs = f"{len(stored.hashes)} × {len(one.scores)}"
        mean = f"{100 * a.value:.1f} [{100 * a.low:.1f}, {100 * a.high:.1f}]"
        rows.append(Row((name, runs, mean, f"{b.value:.2f} [{b.low:.2f}, {b.high:.2f}]")))
    yield Table("All training seeds on all lines together", columns, tuple(rows))
    yield Words("Intervals speak of other training seeds on these lines, not of other lines.")


def _held_out(stored: StoredContest) -> Iterator[Part]:
    yield Words("Afterwards the world changes, and nothing is tuned or trained anew.")
    for shift in dict.fromkeys(row.shift for row in stored.rows if row.shift):
        meaning = SHIFTS[shift].meaning if shift in SHIFTS else shift
        yield Heading(f"{meaning[:1].upper()}{meaning[1:]}")
        yield from _drawn(stored, shift, meaning)
        for kind in _kinds(stored):
            here = _rows(stored, kind, shift)
            if here:
                yield Words(f"{_called(kind)}. {counted([row.model_dump() for row in here])}")
                yield _table(f"{_called(kind)}: {meaning}", here, folded=True)


def _rules(stored: StoredContest) -> Iterator[Part]:
    """Yield the tuned rules of every line, the cheapest at once and all of them to be opened."""
    if not stored.rules:
        yield Words("The tuned rules are missing: there is no rules.csv among the results.")
        return
    if stored.tuning is None:
        yield Words("The budget of tuning is missing: these results are older than its place in standings.json.")
    else:
        yield Words(how_tuned(stored.tuning.seed, stored.tuning.budget))
    shown: list[StoredRule] = []
    for task in dict.fromkeys(rule.task for rule in stored.rules):
        shown += [rule for rule in stored.rules if rule.task == task][:MOST_RULES]
    yield _rules_table(f"Tuned rules, the {MOST_RULES} cheapest of each line", shown, numbers=False)
    yield _rules_table("All tuned rules, with their numbers", stored.rules, numbers=True)
    seen = {rule.looks_at for rule in stored.rules}
    yield Terms(tuple((name, meaning) for name, meaning in LOOKS_AT.items() if name in seen))


def _rules_table(caption: str, rules: Sequence[StoredRule], numbers: bool) -> Table:
    columns = (
        Column("line", text=True),
        Column("rule", text=True),
        Column("looks at", text=True),
        Column("cost", "a slot"),
        Column("textbook's", "a slot"),
        Column("episodes"),
        Column("decides in", "µs"),
        *([Column("numbers", text=True)] if numbers else []),
    )
    rows, before = [], ""
    for rule in rules:
        costs = (number(rule.cost, 4), number(rule.textbook_cost, 4), f"{rule.episodes:,}")
        cells = (rule.task, rule.rule, rule.looks_at, *costs, number(rule.decision_microseconds, 2))
        rows.append(Row((*cells, rule.numbers) if numbers else cells, "best" if rule.task != before else ""))
        before = rule.task
    return Table(caption, columns, tuple(rows), folded=numbers)


def _done(stored: StoredContest) -> Iterator[Part]:
    plan = stored.plan
    steps = f"{plan.steps:,} steps" if plan.steps else "as many steps as the settings of algorithm and line say"
    agents = f"{', '.join(plan.algorithms)}; {plan.seeds} training seeds of each, from the best tuned rule; {steps}"
    yield Terms(
        (
            ("rules", f"{plan.rules}, tuned on each line"),
            ("agents", agents if any(row.kind in plan.algorithms for row in stored.rows) else "none"),
            ("look-ahead", f"from the best constant rule, on {plan.rollout:,} seeds" if plan.rollout else "none"),
            ("evaluation", f"{plan.replications:,} seeds, which neither tuning nor training has met"),
            ("held out", "; ".join(SHIFTS[name].meaning for name in plan.shifts if name in SHIFTS) or "nothing"),
        )
    )
    tasks = {task.name or task.scenario: task for task in plan.tasks}
    columns = (Column("line", text=True), Column("scenario", text=True), Column("changed", text=True), Column("hash"))
    rows = []
    for name, known in stored.hashes.items():
        task = tasks.get(name)
        changed = ", ".join(task.change) if task is not None else ""
        rows.append(Row((name, task.scenario if task is not None else name, changed, known)))
    yield Table(
        "Lines, with the scenario that each is of and what was changed in it", columns, tuple(rows), folded=True
    )


def _again(stored: StoredContest) -> Iterator[Part]:
    yield Code("The same seed gives the same numbers; it can be interrupted", stored.command)
    if stored.hashes and "--line" not in stored.command.split():
        first = next(iter(stored.hashes))
        yield Code("One line alone, to the same digits but for Holm's p", f"{stored.command} --line {first}")
    yield versions_table(stored.versions)
