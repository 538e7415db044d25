"""``jitgym compare``: tuned rules and an agent on one line, on the same seeds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from jitgym.cli.common import (
    COMPARING,
    QuickOption,
    ScenarioArgument,
    SeedOption,
    ThreadsOption,
    app,
    at_least,
    command_of,
    interrupted,
    progress_board,
    require,
    work_of,
)
from jitgym.cli.complete import algorithm_name, rule_name
from jitgym.compare import (
    FULL,
    QUICK,
    QUICK_SEEDS,
    SEEDS,
    Agent,
    Comparison,
    Plan,
    best_rule,
    evaluate_all,
    families_of,
    tune_rules,
)
from jitgym.errors import InputError
from jitgym.jobs import Report, Store
from jitgym.report import comparison_report
from jitgym.results import REPORT, results_folder, write_results
from jitgym.scenario import Scenario, load_scenario
from jitgym.stats import LEAST_SERIES
from jitgym.tune import Tuned

CURVES = "tensorboard"
"""Where training writes its curves, in the folder of its checkpoints and then in that of the agent."""


@app.command(rich_help_panel=COMPARING)
def compare(
    context: typer.Context,
    scenario: ScenarioArgument,
    out: Annotated[Path, typer.Option(help="Folder for the results; earlier results in it are replaced at the end.")],
    train: Annotated[int, typer.Option(metavar="STEPS", help="Train an agent for this many steps of a line.")] = 0,
    agent: Annotated[Path | None, typer.Option(metavar="DIR", help="Load a stored agent instead.")] = None,
    rules: Annotated[
        str,
        typer.Option(help="Rules to tune, as [bold]kanban,conwip+age[/], or [bold]all[/].", autocompletion=rule_name),
    ] = "all",
    seeds: Annotated[int | None, typer.Option(help="Replications; 1000 unless told, with --quick 100.")] = None,
    seed: SeedOption = 0,
    plain: Annotated[bool, typer.Option("--plain", help="Train from nothing, not from the best tuned rule.")] = False,
    algorithm: Annotated[
        str, typer.Option(help="ppo, maskable_ppo, sac, dqn, es, dcl or counted.", autocompletion=algorithm_name)
    ] = "ppo",
    device: Annotated[str, typer.Option(help="Where the agent runs: [bold]cpu[/] or [bold]cuda[/].")] = "cpu",
    threads: ThreadsOption = 1,
    quick: QuickOption = False,
    warm_up: Annotated[
        str, typer.Option("--warm-up", help="Steps of every episode that are not counted; [bold]mser[/]: as needed.")
    ] = "0",
) -> None:
    """Tune the classic rules of a line, train or load an agent, and run all on the same seeds.

    Prints tables and a verdict; writes a page to read, JSON, CSV, a figure and the agent into a folder, all or nothing.
    """
    described = load_scenario(scenario)
    replications = (QUICK_SEEDS if quick else SEEDS) if seeds is None else seeds
    plan = Plan(
        scenario=described,
        families=families_of(described, rules),
        seed=at_least(0, "seed", seed),
        n_seeds=at_least(2, "seeds", replications),
        budget=QUICK if quick else FULL,
        n_threads=at_least(1, "threads", threads),
        quick=quick,
        warm_up=warm_up_steps(warm_up, described),
    )
    at_least(0, "train", train)
    if train and agent is not None:
        raise InputError("train and agent must not both be given: an agent is trained or loaded")
    if plain and not train:
        raise InputError("plain must be given with train: it says how to train")
    if device not in ("cpu", "cuda"):
        raise InputError(f"device must be cpu or cuda, got {device!r}")
    require("optuna", "tune")
    require("matplotlib", "plot")
    if train or agent is not None:
        require("stable_baselines3" if train else "torch", "agents")
        from jitgym.agents.policy import require_device

        require_device(device)
    if train:
        from jitgym.agents.algorithms import algorithm_of

        algorithm_of(algorithm)
    out = out.resolve()
    try:
        comparison = compared(plan, out, Learner(train, agent, plain, device, algorithm), command_of(context))
    except KeyboardInterrupt:
        raise interrupted(out) from None
    console = Console(markup=False, highlight=False)
    console.print(comparison_report(comparison))
    console.print(f"\nResults in {out}, to read in {out / REPORT[0]}", soft_wrap=True)


def warm_up_steps(told: str, scenario: Scenario) -> int | None:
    """Return the steps that are not counted; None: as many as MSER-5 finds."""
    if told == "mser":
        if scenario.horizon < LEAST_SERIES:
            raise InputError(f"warm-up by mser needs a horizon >= {LEAST_SERIES} steps, got {scenario.horizon}")
        return None
    if not told.isdecimal() or int(told) >= scenario.horizon:
        raise InputError(f"warm-up must be mser or an integer in 0..{scenario.horizon - 1}, got {told!r}")
    return int(told)


@dataclass(frozen=True)
class Learner:
    """The agent asked for: steps and algorithm to train it with, whether from nothing, or where it is stored."""

    steps: int
    stored: Path | None
    plain: bool
    device: str
    algorithm: str = "ppo"


def compared(plan: Plan, out: Path, learner: Learner, command: str) -> Comparison:
    """Tune, train or load, evaluate, and write the results."""
    from jitgym.pages import write_report
    from jitgym.plots import write_figure

    with results_folder(out) as folder:
        agent = load_agent(plan.scenario, learner.stored, learner.device) if learner.stored is not None else None
        with progress_board() as report:
            tuned = tune_rules(plan, report, Store(work_of(out) / "tuning"))
            if learner.steps:
                start = None if learner.plain else best_rule(tuned)
                agent = train_agent(plan, start, learner, work_of(out) / "training", folder / "agent", report)
            comparison = evaluate_all(plan, tuned, agent, report)
        write_results(comparison, folder, command)
        write_figure(comparison, folder / "compare.png")
        write_report(folder, load=lambda *_: comparison.policies[Agent.name])
    shutil.rmtree(work_of(out), ignore_errors=True)
    return comparison


def load_agent(scenario: Scenario, stored: Path, device: str) -> Agent:
    """Load a stored agent, from its own folder or from a folder of results."""
    from jitgym.agents import policy

    folder = stored / "agent" if (stored / "agent").is_dir() else stored
    loaded = policy.load_agent(folder, scenario, device)
    return Agent(loaded, {"loaded_from": str(folder.resolve()), **_facts(loaded.card)})


def train_agent(
    plan: Plan, start: Tuned | None, learner: Learner, checkpoints: Path, folder: Path, report: Report
) -> Agent:
    """Train an agent from a tuned rule or from nothing, and store it; what is evaluated is what was stored."""
    from jitgym.agents import policy
    from jitgym.agents.train import Training, train

    training = Training(
        plan.scenario,
        learner.steps,
        None if start is None else start.rule,
        plan.seed,
        learner.device,
        plan.n_threads,
        algorithm=learner.algorithm,
        origin=None if start is None else start.family.name,
    )
    report("train", None, "")
    policy.save_agent(train(training, checkpoints, lambda share, word: report("train", share, word)), folder)
    if (checkpoints / CURVES).is_dir():
        shutil.copytree(checkpoints / CURVES, folder / CURVES)
    loaded = policy.load_agent(folder, plan.scenario, learner.device)
    return Agent(loaded, {"start": None if start is None else start.family.name, **_facts(loaded.card)})


def _facts(card: Any) -> dict[str, Any]:
    """Return what results tell of an agent: how it was trained, and the values that it picks from."""
    return {**card.facts, "home": card.home, "menus": card.menus}
