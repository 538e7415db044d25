"""What a contest leaves on disk: standings as Markdown, CSV and JSON, and every raw cost.

The page is made from what is stored and nothing else, so that stored standings can be held to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np

from jitgym.contest import TaskResult
from jitgym.files import markdown_table, to_json, write_csv, write_text
from jitgym.results import versions
from jitgym.shifts import SHIFTS
from jitgym.standings import BEST, VERDICTS, Row, Summary, raw_rows, rows, rule_rows, summary
from jitgym.suite import Suite
from jitgym.tune import Tuned

Record = Mapping[str, Any]

HEADS: Final = (
    *("line", "best tuned rule", "its cost a slot", "policy", "difference % [95 % CI]", "p"),
    *("all training seeds % (median; best, worst)", "trained for", ""),
)


def publish(
    suite: Suite, results: Mapping[str, TaskResult], faults: Mapping[str, str], folder: Path, command: str
) -> tuple[list[Row], dict[str, Summary]]:
    """Write the standings of a contest into a folder; return them.

    Args:
        suite: what was to be done.
        results: what came of every line.
        faults: what went wrong.
        folder: for ``standings.md``, ``standings.csv``, ``rules.csv``, ``raw.csv``, ``standings.json``.
        command: that does it again.
    """
    found = rows(results, suite.plan.algorithms)
    counts = {a: {len(result.seeds_of(a)) for result in results.values()} for a in suite.plan.algorithms}
    together = {a: summary(results, a) for a, n in counts.items() if len(n) == 1 and min(n) > 1}
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    about = {"suite": suite.plan.name, "created": now, "command": command, "versions": versions()}
    write_csv(folder / "standings.csv", (_flat(row) for row in found))
    rules = list(rule_rows(results))
    write_csv(folder / "rules.csv", rules)
    write_csv(folder / "raw.csv", raw_rows(results))
    record = {
        **about,
        "plan": suite.plan.model_dump(mode="json"),
        "hashes": {name: result.scenario.hash for name, result in results.items()},
        "tuning": next((_tuning(one) for result in results.values() for one in result.tuned.values()), None),
        "rows": [_flat(row) for row in found],
        "together": {name: _told(one) for name, one in together.items()},
        "faults": dict(faults),
    }
    write_text(folder / "standings.json", to_json(record) + "\n")
    write_text(folder / "standings.md", page_of(record, rules))
    return found, together


def _tuning(tuned: Tuned) -> dict[str, Any]:
    """Return how hard a rule was tuned, as all of a contest are."""
    return {"seed": tuned.seed, "budget": asdict(tuned.budget)}


def keep_selected(results: Mapping[str, TaskResult], algorithms: Sequence[str], out: Path) -> None:
    """Copy the agents that the standings are of to ``selected/<line>/<algorithm>``, apart from the many others.

    Args:
        results: what came of every line.
        algorithms: of the agents.
        out: the folder of the contest, with all agents in ``agents``.
    """
    for task, result in results.items():
        for algorithm in algorithms:
            agent = result.selected(algorithm)
            if agent is not None:
                folder = out / "selected" / task / algorithm
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(out / "agents" / result.agents[agent]["folder"], folder)


def page_of(record: Record, rules: Iterable[Record]) -> str:
    """Return the standings as a page.

    Args:
        record: what ``standings.json`` holds.
        rules: the rows of ``rules.csv``.
    """
    plan, found = record["plan"], record["rows"]
    kinds = (BEST, *plan["algorithms"], "rollout")
    page = [
        f"# Standings of the suite `{plan['name']}`",
        f"{record['created'][:10]}, `{record['command']}`; jitgym {record['versions']['jitgym']}.",
        f"{len(record['hashes'])} lines, {plan['replications']:,} paired replications each; rules tuned, agents "
        f"trained from the best tuned rule on {plan['seeds']} training seeds of each algorithm. Difference: of the "
        "agent that did best on validation seeds, in percent of the best tuned rule's cost, with a paired BCa interval "
        "of 95 %, which the verdict goes by; p is Holm's over the lines of the table. Less is better; how all this is "
        "measured: docs/protocol.md.",
    ]
    for kind in kinds:
        here = [row for row in found if row["kind"] == kind and not row["shift"]]
        if here:
            page += [f"## {kind}", *_on_fewer(plan, kind), _table_of(here), counted(here)]
        if kind in record["together"]:
            page.append(_in_words(record["together"][kind]))
    for shift in dict.fromkeys(row["shift"] for row in found if row["shift"]):
        page.append(f"## Held out: {SHIFTS[shift].meaning}")
        for kind in kinds:
            here = [row for row in found if (row["shift"], row["kind"]) == (shift, kind)]
            page += [f"### {kind}", _table_of(here), counted(here)] if here else []
    page += ["## Tuned rules", _rules_table(rules)]
    if record["faults"]:
        page += ["## What went wrong", "\n".join(f"* `{name}`: {fault}" for name, fault in record["faults"].items())]
    return "\n\n".join(page) + "\n"


def _on_fewer(plan: Record, kind: str) -> list[str]:
    """Say so where a kind of policy has met fewer replications than the others."""
    fewer = kind == "rollout" and plan["rollout"] < plan["replications"]
    return [f"Look-ahead is slow: it and the rule here on the first {plan['rollout']:,} replications."] if fewer else []


def _table_of(here: Sequence[Record]) -> str:
    return markdown_table(HEADS, ((f"`{task}`", *rest) for task, *rest in map(cells_of, here)))


def cells_of(row: Record) -> tuple[str, ...]:
    """Return a row of the standings as ``HEADS`` has it."""
    seeds = [100 * (float(score) - 1) for score in row["training_seeds"].split()]
    spread = f"{np.median(seeds):+.1f}; {min(seeds):+.1f}, {max(seeds):+.1f}" if seeds else ""
    change = f"{row['percent']:+.2f} [{row['percent_low']:+.2f}, {row['percent_high']:+.2f}]"
    p = "< .001" if row["p_value"] < 0.001 else f"{row['p_value']:.3f}"
    steps, seconds = row["training_steps"], row["training_seconds"]
    trained = f"{steps / 1e6:.3g} M steps, {seconds:.0f} s" if steps else ""
    told = (row["policy"], change, p, spread, trained, row["verdict"])
    return (row["task"], row["rule"], f"{row['rule_cost']:.4g}", *told)


def counted(here: Sequence[Record]) -> str:
    """Return in a sentence on how many lines some rows of the standings are better, worse or not told apart."""
    verdicts = [row["verdict"] for row in here]
    told = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS)
    return f"Of {len(here)} lines: {told}; at the worst {max(row['percent'] for row in here):+.2f} %."


def _in_words(one: Record) -> str:
    a, b = one["iqm"], one["probability_of_improvement"]
    return (
        f"All {len(one['scores'])} training seeds: interquartile mean {100 * a['value']:.1f} % of the best tuned "
        f"rule's cost [{100 * a['low']:.1f}, {100 * a['high']:.1f}]; probability that an agent costs less than the "
        f"rule {b['value']:.2f} [{b['low']:.2f}, {b['high']:.2f}]."
    )


def _rules_table(rules: Iterable[Record], most: int = 5) -> str:
    heads = ("line", "rule", "looks at", "cost a slot", "textbook's", "episodes", "µs")
    cells = []
    shown: dict[str, int] = {}
    for row in rules:
        shown[row["task"]] = shown.get(row["task"], 0) + 1
        if shown[row["task"]] <= most:
            costs = (f"{float(row['cost']):.4g}", f"{float(row['textbook_cost']):.4g}", f"{int(row['episodes']):,}")
            latency = f"{float(row['decision_microseconds']):.0f}"
            cells.append((f"`{row['task']}`", row["rule"], row["looks_at"], *costs, latency))
    return f"The {most} cheapest of each line; all are in `rules.csv`.\n\n{markdown_table(heads, cells)}"


def _flat(row: Row) -> dict[str, Any]:
    percent = row.percent
    return {
        "task": row.task,
        "shift": row.shift,
        "kind": row.kind,
        "policy": row.policy,
        "rule": row.rule,
        "rule_cost": row.rule_cost,
        "difference": row.difference.mean,
        "difference_low": row.difference.low,
        "difference_high": row.difference.high,
        "percent": percent.mean,
        "percent_low": percent.low,
        "percent_high": percent.high,
        "p_value": row.p_value,
        "verdict": row.verdict,
        "training_seeds": " ".join(f"{score:.5f}" for score in row.spread),
        "training_steps": row.steps,
        "training_seconds": row.seconds,
    }


def _told(one: Summary) -> dict[str, Any]:
    profile = one.profile
    return {
        "scores": [list(row) for row in one.scores],
        "iqm": asdict(one.iqm),
        "probability_of_improvement": asdict(one.improvement),
        "profile": {name: list(getattr(profile, name)) for name in ("taus", "shares", "low", "high")},
    }
