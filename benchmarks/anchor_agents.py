"""Agents on the exact anchors: how far above the optimum are they, and how far is the best rule they start from?

The line of `exact_maintenance` and the sixteen cases of lost sales of Zipkin (2008): each is solved exactly, the best
base stock (with maintenance at a level) is found by trying all, and agents that start as that rule are trained. The
optimum, run as a policy, the rule and the agents meet the same seeds, so that differences are paired. Where breakdowns
are rare and dear, even these scatter: there an agent is charged, decision by decision, what it costs more than the best
decision in the long run.
"""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import command_line, done, machine, parsed, show_table, wide_console
from lessons import lesson

from jitgym.agents.settings import read_settings
from jitgym.agents.trainer import load_anywhere
from jitgym.anchors import ANCHORS, anchor
from jitgym.evaluate import Policy, run_policy
from jitgym.fields import OFF
from jitgym.files import markdown_table, to_json, write_csv, write_text
from jitgym.jobs import Executor, Job, Report, Store, executor
from jitgym.optimal import Model, OptimalPolicy, explore
from jitgym.regret import Regret
from jitgym.rules import rule_family
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank

Floats = npt.NDArray[np.float64]
AT_ONCE = 8192
"""Episodes that are run together."""
ALGORITHMS = {name: "counted" if name == "exact_maintenance" else "dcl" for name in ANCHORS}
"""What trains agents on each anchor."""
MENUS = {"exact_maintenance": [(OFF, cards, level) for cards in range(5) for level in (1, OFF)]}
"""Where agents are held against the optimum by regret: settings that come to the same as any an agent can make."""
REGRETTED = 2048
"""Most episodes for that: it scatters little."""
SECTIONS = {name: "lost_sales" if name.startswith("lost_sales") else name for name in ANCHORS}
"""Section of the settings for each anchor."""
WANTED = ("exact_maintenance", *(name for name in ANCHORS if name.startswith("lost")))


@dataclass(frozen=True)
class Start:
    """The best constant rule of an anchor, as tuned rules are named."""

    rule: str
    numbers: tuple[int, ...]


def best_rule(name: str) -> Start:
    """Return the best constant rule of an anchor: all in range are tried, exactly."""
    chosen = anchor(name)
    (kind,) = chosen.rules
    _, numbers = chosen.best(kind)
    return Start("basestock+age" if name == "exact_maintenance" else "basestock", numbers)


# -- the work of processes --


@dataclass(frozen=True)
class Measurement:
    """What is run on an anchor: the optimum and a rule, or a stored agent."""

    name: str
    n_seeds: int
    start: Start | None = None
    folder: Path | None = None


def started(name: str, report: Report) -> dict[str, Any]:
    """Solve an anchor; return its optimum and its best constant rule."""
    return {
        "optimum": anchor(name).solved.optimum.cost,
        "published": dict(anchor(name).published),
        **asdict(best_rule(name)),
    }


@cache
def widened(name: str) -> Model:
    """Return an anchor with all states that agents come to."""
    chosen = anchor(name)
    return explore(chosen.scenario, MENUS[name], chosen.bounds)


def measured(task: Measurement, report: Report) -> dict[str, list[float]]:
    """Run policies on the evaluation seeds; return their costs a slot, or the regret of a slot."""
    chosen = anchor(task.name)
    policies: dict[str, Policy] = {}
    if task.folder is not None:
        agent = load_anywhere(task.folder, chosen.scenario)
        if task.name in MENUS:
            watched = Regret(widened(task.name), agent)
            run_policy(chosen.scenario, watched, seed_bank(0, min(task.n_seeds, REGRETTED), "evaluation"))
            return {"regret": watched.a_slot.tolist()}
        policies["agent"] = agent
    if task.start is not None:
        policies["optimum"] = OptimalPolicy(chosen.solved)
        policies["rule"] = rule_family(chosen.scenario, task.start.rule).rule(np.array(task.start.numbers))
    seeds = seed_bank(0, task.n_seeds, "evaluation")
    parts = [seeds[k : k + AT_ONCE] for k in range(0, len(seeds), AT_ONCE)]
    card = Scorecard(chosen.scenario)
    return {
        name: np.concatenate([card.cost_a_slot(run_policy(chosen.scenario, one, part)) for part in parts]).tolist()
        for name, one in policies.items()
    }


# -- what is told --


@dataclass(frozen=True)
class Result:
    """Of one anchor; distances are in percent of the optimum's cost on the same seeds.

    Attributes:
        anchor: its name.
        algorithm: that trained the agents.
        optimum: lowest average cost of a slot, exactly.
        published: the same as printed in the source, if there is one.
        rule: the best constant rule.
        rule_above: its distance.
        above: of the agent of each training seed.
        errors: standard error of each of these.
        selected: which of them did best on seeds of validation.
        seconds: that training took, mean.
        about: when, by which command and on what machine all this was found.
    """

    anchor: str
    algorithm: str
    optimum: float
    published: float | None
    rule: str
    rule_above: float
    above: tuple[float, ...]
    errors: tuple[float, ...]
    selected: int
    seconds: float
    about: str


def result_of(
    name: str,
    exact: Mapping[str, Any],
    base: Mapping[str, list[float]],
    agents: Sequence[tuple[Mapping[str, Any], Any]],
    about: str,
) -> Result:
    """Put what is known of an anchor together.

    Args:
        name: the anchor's.
        exact: from :func:`started`.
        base: costs of the optimum and of the rule, by seed.
        agents: facts of each agent, and its costs or regrets.
        about: of the run.
    """
    best = np.array(base["optimum"])
    unit = 100 / best.mean()
    gaps = [
        100 / exact["optimum"] * np.array(found["regret"])  # that is of the long run
        if "regret" in found
        else unit * (np.array(found["agent"]) - best)
        for _, found in agents
    ]
    return Result(
        anchor=name,
        algorithm=ALGORITHMS[name],
        optimum=exact["optimum"],
        published=exact["published"].get("optimum"),
        rule=f"{exact['rule']} ({', '.join(map(str, exact['numbers']))})",
        rule_above=float(unit * (np.array(base["rule"]) - best).mean()),
        above=tuple(float(gap.mean()) for gap in gaps),
        errors=tuple(float(gap.std(ddof=1) / np.sqrt(len(gap))) for gap in gaps),
        selected=int(np.argmin([facts["validation"] for facts, _ in agents])),
        seconds=float(np.mean([facts["seconds"] for facts, _ in agents])),
        about=about,
    )


HEADS = (
    *("anchor", "optimum", "published", "best base stock", "above optimum %", "agent", "above % [95 % CI]"),
    *("all training seeds: median (best to worst)", "s"),
)


def table(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Return a row for each anchor."""
    rows = []
    for one in results:
        mean, arm = one.above[one.selected], 1.96 * one.errors[one.selected]
        spread = f"{np.median(one.above):.2f} ({min(one.above):.2f} to {max(one.above):.2f})"
        published = "" if one.published is None else f"{one.published:.2f}"
        agent = f"{mean:.2f} [{mean - arm:.2f}, {mean + arm:.2f}]"
        exact = (f"{one.optimum:.4f}", published, one.rule, f"{one.rule_above:.2f}")
        rows.append((one.anchor, *exact, one.algorithm, agent, spread, f"{one.seconds:.0f}"))
    return rows


def counted(results: Sequence[Result]) -> str:
    """Return in one sentence how many agents are near the optimum."""
    near = sum(one.above[one.selected] <= 1 for one in results)
    worst = max(one.above[one.selected] for one in results)
    told = f"within 1 % of the optimum on {near} of {len(results)} anchors; at the worst {worst:.2f} % above it"
    return f"The agent that did best on validation seeds is {told}."


def page(results: Sequence[Result]) -> str:
    """Return the results as a page."""
    parts = ["# Agents on the exact anchors", markdown_table(HEADS, table(results)), counted(results), told(results)]
    return "\n\n".join(parts) + "\n"


def told(results: Sequence[Result]) -> str:
    """Return when and how the results were found, a line for each run that some are of."""
    lines = []
    for about in dict.fromkeys(one.about for one in results):
        names = [f"`{one.anchor}`" for one in results if one.about == about]
        lines.append(f"* {', '.join(names) if len(names) < 5 else f'{names[0]} to {names[-1]}'}: {about}")
    return "\n".join(lines)


def kept(path: Path, names: Sequence[str]) -> list[Result]:
    """Return the results of an earlier run, but those of some anchors."""
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = ({**one, "above": tuple(one["above"]), "errors": tuple(one["errors"])} for one in found["results"])
    return [Result(**row) for row in rows if row["anchor"] not in names]


# -- from the beginning to the end --


def all_results(args: Namespace, store: Store, by: Executor, about: str) -> list[Result]:
    """Solve, train, measure."""
    solving = {
        name: Job((name, anchor(name).scenario.hash, "solve"), started, name, f"solve {name}") for name in args.anchors
    }
    exact = done(solving, store, by)
    lessons, runs, folders = {}, {}, {}
    for name in args.anchors:
        scenario, start = anchor(name).scenario, Start(exact[name]["rule"], tuple(exact[name]["numbers"]))
        algorithm = ALGORITHMS[name]
        settings = read_settings(algorithm, SECTIONS[name])
        if args.steps is not None:
            settings["n_timesteps"] = args.steps
        base = (scenario.hash, f"{args.evaluation} seeds", repr(start))
        runs[name, -1] = Job((*base, "optimum"), measured, Measurement(name, args.evaluation, start), f"run {name}")
        for seed in range(args.seeds):
            lessons[name, seed], folders[name, seed] = lesson(
                scenario, algorithm, settings, start.rule, start.numbers, seed, args.out
            )
            what = Measurement(name, args.evaluation, None, folders[name, seed])
            key = (*lessons[name, seed].key, f"{args.evaluation} seeds")
            runs[name, seed] = Job(key, measured, what, f"run agent {seed} on {name}")
    facts, costs = done(lessons, store, by), done(runs, store, by)
    results = [
        result_of(
            name, exact[name], costs[name, -1], [(facts[name, k], costs[name, k]) for k in range(args.seeds)], about
        )
        for name in args.anchors
    ]
    for one in results:
        keep(folders[one.anchor, one.selected], args.out / "selected" / one.anchor)
    return results


def keep(agent: Path, folder: Path) -> None:
    """Copy an agent that the table is of, apart from the others."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(agent, folder)


def main() -> None:
    """Solve, train, measure, print and write."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("anchors", nargs="*", help="of jitgym.anchors (exact_maintenance and all of lost sales)")
    parser.add_argument("--seeds", type=int, help="training seeds (10)")
    parser.add_argument("--steps", type=float, help="steps of a line to learn from (those of the settings)")
    parser.add_argument("--evaluation", type=int, help="episodes that all policies meet (32768)")
    parser.add_argument("--processes", type=int, default=2, help="trainings at once")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        required=True,
        help="for all results; goes on where it was, and keeps those of other anchors",
    )
    parser.add_argument("--quick", action="store_true", help="a minute: checks the script, measures nothing")
    quick = ["lost_sales_1_4"]
    args = parsed(parser, anchors=(quick, list(WANTED)), seeds=(2, 10), steps=(1e6, None), evaluation=(200, 32768))
    strange = [name for name in args.anchors if name not in WANTED]
    if strange:
        parser.error(f"anchors must be of {', '.join(WANTED)}, got {strange[0]}")
    command, args.out = command_line(args.out), args.out.resolve()
    about = f"{datetime.now(timezone.utc):%Y-%m-%d}, `{command}`; {machine('torch')}."
    record = args.out / "anchor_agents.json"
    results = [
        *kept(record, args.anchors),
        *all_results(args, Store(args.out / "jobs"), executor(args.processes), about),
    ]
    results.sort(key=lambda one: WANTED.index(one.anchor))
    show_table("Agents, above the exact optimum", HEADS, table(results))
    wide_console().print(f"{counted(results)}\n{told(results)}", soft_wrap=True)
    write_csv(
        args.out / "anchor_agents.csv",
        (
            {
                **asdict(one),
                "above": " ".join(f"{a:.4f}" for a in one.above),
                "errors": " ".join(f"{e:.4f}" for e in one.errors),
            }
            for one in results
        ),
    )
    write_text(record, to_json({"results": [asdict(one) for one in results]}) + "\n")
    write_text(args.out / "anchor_agents.md", page(results))


if __name__ == "__main__":
    main()
