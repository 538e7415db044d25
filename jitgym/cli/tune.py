"""``jitgym tune``: the best numbers of rules."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

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
    interrupted,
    progress_board,
    require,
    require_place,
    work_of,
)
from jitgym.cli.complete import rule_name
from jitgym.compare import FULL, QUICK, Plan, families_of, tune_rules
from jitgym.files import to_json, write_text
from jitgym.jobs import Store
from jitgym.report import tuning_report
from jitgym.results import tunings_record
from jitgym.scenario import load_scenario


@app.command("tune", rich_help_panel=COMPARING)
def tune_command(
    scenario: ScenarioArgument,
    rule: Annotated[
        str,
        typer.Option(
            help="Rules, as [bold]kanban[/], [bold]kanban,conwip+age[/] or [bold]all[/].", autocompletion=rule_name
        ),
    ],
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    quick: QuickOption = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result as JSON too.")] = None,
) -> None:
    """Find the best numbers of rules, and what they trade: cost, fill rate and stock.

    With [bold]--out[/] an interrupted search is gone on with by the same command.
    """
    described = load_scenario(scenario)
    plan = Plan(
        scenario=described,
        families=families_of(described, rule),
        seed=at_least(0, "seed", seed),
        budget=QUICK if quick else FULL,
        n_threads=at_least(1, "threads", threads),
        quick=quick,
    )
    require_place(out)
    require("optuna", "tune")
    try:
        with tempfile.TemporaryDirectory() as nowhere, progress_board() as report:
            store = Store(Path(nowhere) if out is None else work_of(out))
            tuned = tune_rules(plan, report, store)
    except KeyboardInterrupt:
        raise interrupted(out) from None
    Console(markup=False, highlight=False).print(tuning_report(tuned))
    if out is not None:
        write_text(out, to_json(tunings_record(plan, tuned)) + "\n")
        shutil.rmtree(work_of(out), ignore_errors=True)
