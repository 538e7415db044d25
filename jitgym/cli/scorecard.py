"""``jitgym scorecard``: the key figures of a line, shift by shift, day by day or week by week."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from jitgym.cadence import Periods, Review, period_slots, reviewed
from jitgym.cadence_report import review_report, review_rows
from jitgym.cli.common import (
    COMPARING,
    QuickOption,
    ScenarioArgument,
    SeedOption,
    ThreadsOption,
    app,
    at_least,
    progress_board,
    require,
    require_place,
)
from jitgym.cli.compare import load_agent
from jitgym.cli.complete import rule_name
from jitgym.compare import FULL, QUICK, Plan, tune_rules
from jitgym.errors import InputError
from jitgym.evaluate import Policy, run_policy
from jitgym.files import write_csv
from jitgym.jobs import Report, Store
from jitgym.parts import PERIODS
from jitgym.rules import rule_family, rule_names
from jitgym.scenario import Scenario, load_scenario
from jitgym.seeds import seed_bank

REFERENCE = "kanban"
AGENT = "agent"


@app.command("scorecard", rich_help_panel=COMPARING)
def scorecard_command(
    scenario: ScenarioArgument,
    period: Annotated[
        str | None,
        typer.Option(help="shift, day or week of the scenario's calendar, or a number of slots; the longest it gives."),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            help="A rule to tune, as [bold]conwip[/], or with numbers: [bold]kanban:1,2,7,3,4[/]; kanban.",
            autocompletion=rule_name,
        ),
    ] = None,
    agent: Annotated[Path | None, typer.Option(metavar="DIR", help="A stored agent instead.")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Rule that figures are a multiple of; kanban, where the line has it.", autocompletion=rule_name
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Lines, each with luck of its own.")] = 100,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    quick: QuickOption = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every figure of every line and period as CSV.")
    ] = None,
) -> None:
    """Review a line period by period: service, stock, OEE, takt, working capital, and all that against tuned kanban.

    Every key figure is computed from counts of the period alone. What each is: docs/kpis.md.
    """
    described = load_scenario(scenario)
    if rule is not None and agent is not None:
        raise InputError("rule and agent must not both be given")
    if rule is None and agent is None:
        rule = next(iter(sorted(rule_names(described), key=lambda name: name != REFERENCE)), None)
    if rule is None and agent is None:
        raise InputError(f"rule must be one that sets {described.name!r}, but none has its knobs")
    period = usual_period(described) if period is None else period
    plan = Plan(
        scenario=described,
        families=(),
        seed=at_least(0, "seed", seed),
        n_seeds=at_least(2, "seeds", seeds),
        budget=QUICK if quick else FULL,
        n_threads=at_least(1, "threads", threads),
        quick=quick,
    )
    slots = slots_in_episode(described, period)
    require_place(out)
    if against is None and REFERENCE in rule_names(described):
        against = REFERENCE
    with progress_board() as report:
        policies = rules_of(plan, [one for one in (rule, against) if one is not None], report)
        name = rule or AGENT
        if agent is not None:
            require("torch", "agents")
            policies[name] = load_agent(described, agent, "cpu").policy
        reviews = {one: review_of(plan, policy, slots) for one, policy in policies.items()}
    console = Console(markup=False, highlight=False)
    console.print(review_report(name, reviews, against if against != name else None, period, console.width))
    if out is not None:
        write_csv(out, review_rows(reviews, seeds_of(plan)))


def usual_period(scenario: Scenario) -> str:
    """Return the longest period that the calendar gives; without one a tenth of an episode, in slots."""
    given = [name for name in PERIODS if getattr(scenario.calendar, name, None) is not None]
    return given[-1] if given else str(max(1, scenario.horizon // 10) * scenario.slots_per_step)


def slots_in_episode(scenario: Scenario, period: str) -> int:
    """Return the slots of a period, which an episode must have room for."""
    slots, episode = period_slots(scenario, period), scenario.horizon * scenario.slots_per_step
    if slots > episode:
        raise InputError(f"period must not be longer than an episode of {episode} slots, got {slots}")
    return slots


def seeds_of(plan: Plan) -> npt.NDArray[np.uint64]:
    """Return the seeds that policies are reviewed on: those of an evaluation, which no tuning has met."""
    return seed_bank(plan.seed, plan.n_seeds, "evaluation")


def review_of(plan: Plan, policy: Policy, slots: int) -> Review:
    """Run a policy for an episode on every seed, and review it."""
    periods = Periods(slots)
    run_policy(plan.scenario, policy, seeds_of(plan), plan.n_threads, each=periods.note)
    return reviewed(periods, plan.scenario)


def rules_of(plan: Plan, wanted: list[str], report: Report) -> dict[str, Policy]:
    """Return rules by what was asked for: with the numbers given, or tuned."""
    policies: dict[str, Policy] = {}
    families = {word: rule_family(plan.scenario, word.partition(":")[0]) for word in wanted}
    to_tune = {}
    for word, family in families.items():
        if ":" in word or not family.numbers:
            policies[word] = family.rule(numbers_of(word))
        else:
            to_tune[word] = family
    if to_tune:
        require("optuna", "tune")
        unlike = tuple({family.name: family for family in to_tune.values()}.values())
        with tempfile.TemporaryDirectory() as nowhere:
            tuned = tune_rules(replace(plan, families=unlike), report, Store(Path(nowhere)))
        policies |= {word: tuned[family.name].rule for word, family in to_tune.items()}
    return {word: policies[word] for word in wanted}


def numbers_of(word: str) -> npt.NDArray[np.int64]:
    """Return the numbers of a rule that are told after a colon."""
    told = word.partition(":")[2]
    try:
        return np.array([int(number) for number in told.split(",") if told], dtype=np.int64)
    except ValueError:
        raise InputError(f"rule must have integers after the colon, as in kanban:1,2,7, got {word!r}") from None
