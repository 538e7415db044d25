"""Push against pull: every row of the textbooks' comparison, measured on the lines of the suite `push_pull`.

Push is MRP: it releases what forecast, planned lead time and safety stock ask for, and nothing limits what is in the
line. Pull is kanban, cards at every stage, and CONWIP, cards round the line. All are tuned on every line, the levels of
their suppliers too, and then meet the same luck: what is told are paired differences.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from harness import command_line, done, machine, parsed, show_table, tell_end, wide_console
from push_pull_measures import MEASURES, PRICES, Numbers, Search, Task, measured, searched
from push_pull_rates import FACTORS, Off, losses

from jitgym.compare import FULL, QUICK, families_of
from jitgym.files import markdown_table, to_json, write_csv, write_text
from jitgym.jobs import Executor, Job, Store, executor
from jitgym.rules import rule_family
from jitgym.scenario import Scenario
from jitgym.search import Budget
from jitgym.stats import Interval, bca
from jitgym.suite import read_suite
from jitgym.tuning import tune_all

PUSH, PULL = "mrp", ("kanban", "conwip")
NAMES = {"mrp": "MRP", "kanban": "kanban", "conwip": "CONWIP"}
SAID = {"yes": "it is so", "no": "it is the other way round", "not shown": "no difference is shown"}


@dataclass(frozen=True)
class Finding:
    """A measure on a line: push, a pull system, and their difference on the same luck."""

    line: str
    measure: str
    pull: str
    push_mean: float
    pull_mean: float
    difference: Interval

    @property
    def holds(self) -> str:
        """Whether it is as textbooks say; empty where they say nothing."""
        better = MEASURES[self.measure].better
        if not better:
            return ""
        if self.difference.low <= 0 <= self.difference.high:
            return "not shown"
        return "yes" if (self.difference.high < 0) == (better == "pull") else "no"


def findings(line: str, values: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Finding]:
    """Return what the measures of all rules on one line say."""
    found = []
    for rule in PULL:
        for measure in MEASURES:
            push, pull = (np.array(values[one][measure]) for one in (PUSH, rule))
            found.append(Finding(line, measure, rule, push.mean(), pull.mean(), bca(pull - push)))
    return found


@dataclass(frozen=True)
class Blind:
    """A release rate and a number of cards on a line, both off by a factor: what is lost, and the difference."""

    line: str
    factor: float
    rate: float
    cards: float
    rate_lost: float
    cards_lost: float
    difference: Interval


def blinds(line: str, found: Mapping[str, Any]) -> list[Blind]:
    """Return what is lost on a line where all is sold, by factor."""
    rows = []
    for k, factor in enumerate(FACTORS):
        lost = {system: np.array(found[system]["lost"][str(factor)]) for system in ("rate", "cards")}
        settings = (found[system]["off"][k] for system in ("rate", "cards"))
        means = (lost["rate"].mean(), lost["cards"].mean())
        rows.append(Blind(line, factor, *settings, *means, bca(lost["cards"] - lost["rate"])))
    return rows


# -- what is told --

BLIND_HEADS = ("line", "times", "rate", "cards", "lost by rate", "lost by cards", "difference, 95 % CI")


def blind_table(found: Sequence[Blind]) -> list[tuple[str, ...]]:
    """Return rows: what a wrong rate and wrong cards lose."""
    return [
        (
            one.line,
            f"{one.factor:g}",
            f"{one.rate:.3f}",
            f"{one.cards:.0f}",
            spelled(one.rate_lost),
            spelled(one.cards_lost),
            told(one.difference),
        )
        for one in found
    ]


def about_blind(record: Mapping[str, Any]) -> str:
    """Return in a sentence what the table of rates and cards is of."""
    best = "; ".join(
        f"{line}: {one['rate']['best']:g} units a slot earn {one['rate']['earned']:.1f}, "
        f"{one['cards']['best']} cards {one['cards']['earned']:.1f}"
        for line, one in record["best"].items()
    )
    return (
        "A release rate that looks at nothing against CONWIP cards, where all that is made is sold (Spearman & Zazanis "
        f"1992): what a setting so many times the best loses of revenue less the cost of stock, a slot. Best: {best}."
    )


def heads(rule: str) -> tuple[str, ...]:
    """Return the headings of the table of a pull system."""
    return ("less is better", "less, says the book", "MRP", NAMES[rule], "difference, 95 % CI", "so here?")


def table_of(found: Sequence[Finding], line: str, rule: str) -> list[tuple[str, ...]]:
    """Return rows: every measure of a pull system on one line."""
    rows = []
    for one in found:
        if (one.line, one.pull) == (line, rule):
            measure, means = MEASURES[one.measure], (spelled(one.push_mean), spelled(one.pull_mean))
            rows.append((measure.name, measure.better, *means, told(one.difference), one.holds))
    return rows


def told(difference: Interval) -> str:
    """Spell a difference with its interval."""
    mean, low, high = (spelled(value, "+") for value in (difference.mean, difference.low, difference.high))
    return f"{mean} [{low}, {high}]"


def spelled(value: float, sign: str = "") -> str:
    """Spell a number with as many decimals as its size asks for."""
    places = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:{sign}.{places}f}".replace("-", "−")


def summary(found: Sequence[Finding]) -> list[str]:
    """Return a sentence on every claim of the textbooks, over all lines."""
    sentences = []
    for name, measure in MEASURES.items():
        if measure.better:
            claim = f"**{measure.name}**: {measure.what}. Less under {measure.better} ({measure.source})?"
            answers = [
                f"{NAMES[rule]}: {_answer([one for one in found if one.measure == name], rule)}" for rule in PULL
            ]
            sentences.append(f"{claim} {'; '.join(answers)}.")
    return sentences


def _answer(found: Sequence[Finding], rule: str) -> str:
    """Say on which lines a claim holds of a pull system."""
    lines = {word: [one.line for one in found if one.pull == rule and one.holds == word] for word in SAID}
    return ", ".join(f"{SAID[word]} on {_listed(names)}" for word, names in lines.items() if names)


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def page_of(record: Mapping[str, Any]) -> str:
    """Return the page of stored results."""
    found = findings_of(record)
    parts = ["# Push against pull", record["about"], "\n".join(f"- {sentence}" for sentence in summary(found))]
    for line in record["lines"]:
        parts.append(f"## {line}")
        for rule, numbers in record["numbers"][line].items():
            parts.append(f"{NAMES[rule]}: tuned {numbers['tuned']}; at the same service {numbers['same service']}.")
        parts += [markdown_table(heads(rule), table_of(found, line, rule)) for rule in PULL]
    parts += [
        "## A rate against cards",
        about_blind(record),
        markdown_table(BLIND_HEADS, blind_table(blinds_of(record))),
    ]
    return "\n\n".join(parts) + "\n"


def findings_of(record: Mapping[str, Any]) -> list[Finding]:
    """Return the findings that a record is of."""
    return [Finding(**{**one, "difference": Interval(**one["difference"])}) for one in record["findings"]]


def blinds_of(record: Mapping[str, Any]) -> list[Blind]:
    """Return the rows of rates and cards that a record is of."""
    return [Blind(**{**one, "difference": Interval(**one["difference"])}) for one in record["blind"]]


def write(record: Mapping[str, Any], folder: Path) -> None:
    """Write JSON, CSV and the page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "push_pull.json", to_json(record) + "\n")
    flat = ({k: v for k, v in one.items() if k != "difference"} | one["difference"] for one in record["findings"])
    write_csv(folder / "push_pull.csv", flat)
    write_text(folder / "push_pull.md", page_of(record))


# -- from the beginning to the end --


def tuned_numbers(scenario: Scenario, quick: bool, store: Store, by: Executor) -> dict[str, Numbers]:
    """Tune push and pull on a line."""
    families = families_of(scenario, ",".join((PUSH, *PULL)))
    tuned = tune_all(scenario, families, 0, QUICK if quick else FULL, store, by, tell_end)
    return {name: one.numbers for name, one in tuned.items()}


def searches(lines: Mapping[str, Scenario], tuned: Mapping[tuple[str, str], Numbers], quick: bool) -> dict[Any, Job]:
    """Return the searches for the least stock, by line, rule and price."""
    budget = Budget(trials=16, first=8, last=64, episodes=2000) if quick else Budget(episodes=40_000)
    jobs = {}
    for (line, rule), start in tuned.items():
        for price in PRICES:
            label = f"{rule} at {price:g} on {line}"
            key = (lines[line].hash, label, repr(start), repr(budget))
            jobs[line, rule, price] = Job(key, searched, Search(lines[line], rule, price, start, budget), label)
    return jobs


def measurements(
    lines: Mapping[str, Scenario], tuned: Mapping[tuple[str, str], Numbers], found: Mapping[Any, Any], n_seeds: int
) -> dict[Any, Job]:
    """Return what is to be measured, by line and rule."""
    jobs = {}
    for (line, rule), numbers in tuned.items():
        candidates = tuple(dict.fromkeys(tuple(vector) for price in PRICES for vector in found[line, rule, price]))
        task = Task(lines[line], rule, numbers, candidates, n_seeds)
        key = (lines[line].hash, f"measure {rule}", f"{n_seeds} seeds", repr(numbers), repr(candidates))
        jobs[line, rule] = Job(key, measured, task, f"measure {rule} on {line}")
    return jobs


def numbers_record(scenario: Scenario, rule: str, tuned: Numbers, same: Any) -> dict[str, Any]:
    """Return the numbers of a rule, in words and as they are, and those of equal service with their shares."""
    names = [number.name for number in rule_family(scenario, rule).numbers]

    def words(numbers: Sequence[int]) -> str:
        return " ".join(f"{name}={value}" for name, value in zip(names, numbers, strict=True))

    turns = " and ".join(f"{words(numbers)} ({100 * share:.0f} %)" for numbers, share in same)
    return {"tuned": words(tuned), "same service": turns, "vectors": {"tuned": list(tuned), "same service": same}}


def record_of(lines: Mapping[str, Scenario], args: Namespace, about: str) -> dict[str, Any]:
    """Tune, search and measure; return all that is told."""
    store, by = Store(args.out / "jobs"), executor(args.processes)
    tuned = {
        (line, rule): numbers
        for line, scenario in lines.items()
        for rule, numbers in tuned_numbers(scenario, args.quick, store, by).items()
    }
    candidates = done(searches(lines, tuned, args.quick), store, by)
    values = done(measurements(lines, tuned, candidates, args.seeds), store, by)
    off = {
        line: Job((scenario.hash, "rate and cards", f"{args.seeds} seeds"), losses, Off(scenario, args.seeds), line)
        for line, scenario in lines.items()
        if scenario.demand.season is None  # where all is sold, a season is none
    }
    wrong = done(off, store, by)
    found = [one for line in lines for one in findings(line, {rule: values[line, rule] for rule in NAMES})]
    return {
        "about": about,
        "seeds": args.seeds,
        "lines": list(lines),
        "hashes": {line: scenario.hash for line, scenario in lines.items()},
        "numbers": {
            line: {r: numbers_record(lines[line], r, tuned[line, r], values[line, r]["same_service"]) for r in NAMES}
            for line in lines
        },
        "measures": {name: asdict(measure) for name, measure in MEASURES.items()},
        "findings": [asdict(one) for one in found],
        "best": {
            line: {k: {"best": v["best"], "earned": v["earned"]} for k, v in wrong[line].items()} for line in wrong
        },
        "blind": [asdict(one) for line in wrong for one in blinds(line, wrong[line])],
    }


def show(record: Mapping[str, Any]) -> None:
    """Print the tables and what they say."""
    found = findings_of(record)
    for line in record["lines"]:
        for rule in PULL:
            show_table(f"{line}: {NAMES[rule]} against MRP", heads(rule), table_of(found, line, rule))
    show_table("A release rate against cards, both off", BLIND_HEADS, blind_table(blinds_of(record)))
    for sentence in [*summary(found), about_blind(record), record["about"]]:
        wide_console().print(sentence, soft_wrap=True, markup=False, highlight=False)


def main() -> None:
    """Tune, search, measure, print and write."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, help="paired seeds of every measure (2000)")
    parser.add_argument("--processes", type=int, default=2, help="rules tuned and measured at once")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="for all results; goes on where it was")
    parser.add_argument("--quick", action="store_true", help="a minute: checks the script, measures nothing")
    args = parsed(parser, seeds=(64, 2000))
    command, args.out = command_line(args.out), args.out.resolve()
    about = f"{args.seeds:,} paired seeds, {datetime.now(timezone.utc):%Y-%m-%d}, `{command}`; {machine()}."
    record = json.loads(to_json(record_of(read_suite("push_pull").tasks, args, about)))
    show(record)
    write(record, args.out)


if __name__ == "__main__":
    main()
