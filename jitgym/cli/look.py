"""``jitgym scenarios``, ``show`` and ``bench``: what lines there are, what one is, and how fast it runs here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jitgym.benchmark import BUDGET, QUICK_BUDGET, BenchmarkPlan, benchmark_report, run_benchmark
from jitgym.cli.common import LOOKING, ScenarioArgument, app, at_least, progress_board
from jitgym.describe import scenario_report, scenarios_report
from jitgym.files import to_json, write_text
from jitgym.scenario import load_scenario
from jitgym.schema import scenario_schema


@app.command(rich_help_panel=LOOKING)
def scenarios() -> None:
    """List the scenarios that come with the package."""
    Console(markup=False, highlight=False).print(scenarios_report())


@app.command(rich_help_panel=LOOKING)
def show(scenario: ScenarioArgument) -> None:
    """Show a line: its stages, suppliers, prices, knobs, and what an agent observes."""
    Console(markup=False, highlight=False).print(scenario_report(load_scenario(scenario)))


@app.command(rich_help_panel=LOOKING)
def schema(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a file, for an editor.")] = None,
) -> None:
    """Print the JSON Schema of scenario files, with which editors complete, explain and check them.

    A line [bold]# yaml-language-server: $schema=scenario.schema.json[/] in a scenario tells editors where it is.
    """
    text = to_json(scenario_schema()) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)


@app.command(rich_help_panel=LOOKING)
def bench(
    scenario: ScenarioArgument = "four_stage",
    threads: Annotated[int, typer.Option(help="Threads to measure beside one.")] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="Try it out: too short to be a measurement.")] = False,
) -> None:
    """Measure how fast lines are stepped here: by batch size, threads and kernel.

    [bold]JITGYM_KERNEL[/] in the environment names the kernel, here as everywhere; without it the fastest is used.
    """
    plan = BenchmarkPlan(load_scenario(scenario), at_least(1, "threads", threads), QUICK_BUDGET if quick else BUDGET)
    with progress_board() as report:
        rates = run_benchmark(plan, lambda share, word: report("bench", share, word))
    console = Console(markup=False, highlight=False)
    console.print(benchmark_report(plan, rates))
    if quick:
        console.print("\nA quick run measures nothing: it shows that the command works.")
