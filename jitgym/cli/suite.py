"""``jitgym suite``: a contest on many lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jitgym.cli.common import (
    COMPARING,
    FAILURE,
    INTERRUPTED,
    QuickOption,
    SeedOption,
    app,
    at_least,
    progress_board,
    require,
)
from jitgym.cli.complete import suite_name
from jitgym.compare import FULL, QUICK
from jitgym.contest import Contest, Learning
from jitgym.errors import InputError
from jitgym.jobs import executor
from jitgym.publish import keep_selected, publish
from jitgym.report import standings_report
from jitgym.suite import read_suite


@app.command(rich_help_panel=COMPARING)
def suite(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="Name of a suite, or a YAML file.", autocompletion=suite_name)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; what is done in it already is not done again.")],
    seed: SeedOption = 0,
    threads: Annotated[int, typer.Option(help="Processes that share the work.")] = 1,
    agents: Annotated[bool, typer.Option(help="Train agents, or leave it at the rules.")] = True,
    line: Annotated[
        list[str] | None, typer.Option(help="Only this line of the suite; may be given several times.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where agents run: [bold]cpu[/] or [bold]cuda[/].")] = "cpu",
    quick: QuickOption = False,
) -> None:
    """Run a contest: tune every rule of many lines, train agents, compare all, and write the standings.

    Interrupted or crashed, the same command goes on. A line that is broken is reported, the others finish.
    """
    described = read_suite(suite)
    described = described.of(line) if line else described
    if quick:
        small = {"steps": 20_000, "seeds": 2, "replications": 100, "rollout": min(20, described.plan.rollout)}
        described = replace(described, plan=described.plan.model_copy(update=small))
    require("optuna", "tune")
    require("matplotlib", "plot")
    learning = learning_on(device) if agents else None
    try:
        with progress_board() as report:
            by = executor(at_least(1, "threads", threads))
            budget = QUICK if quick else FULL
            contest = Contest(described, out, by, report, learning, budget, at_least(0, "seed", seed))
            results = contest.run()
    except KeyboardInterrupt:
        typer.echo(f"interrupted: what is done is kept in {out}: the same command goes on with it", err=True)
        raise typer.Exit(INTERRUPTED) from None
    from jitgym.pages import write_report
    from jitgym.plots import write_standings_figure

    out.mkdir(parents=True, exist_ok=True)
    options = [*(f"--line {name}" for name in line or ()), *(["--quick"] * quick), *(["--no-agents"] * (not agents))]
    options += [*([f"--seed {seed}"] * (seed != 0)), *([f"--device {device}"] * (agents and device != "cpu"))]
    command = " ".join(["jitgym suite", suite, *options])
    found, together = publish(described, results, contest.faults, out, f"{command} --out DIR")
    keep_selected(results, described.plan.algorithms, out)
    if found:
        write_standings_figure(found, together, out / "standings.png")
    page, _ = write_report(out)
    console = Console(markup=False, highlight=False)
    console.print(standings_report(results, found, contest.faults))
    console.print(f"\nResults in {out.resolve()}, to read in {page.resolve()}", soft_wrap=True)
    if contest.faults:
        raise typer.Exit(FAILURE)


def learning_on(device: str) -> Learning:
    """Return how agents of a contest are trained and read."""
    if device not in ("cpu", "cuda"):
        raise InputError(f"device must be cpu or cuda, got {device!r}")
    require("stable_baselines3", "agents")
    from jitgym.agents.policy import require_device
    from jitgym.agents.settings import read_settings
    from jitgym.agents.trainer import load_anywhere, train_one

    require_device(device)
    return Learning(train_one, load_anywhere, device, read_settings)
