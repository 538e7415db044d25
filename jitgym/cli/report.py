"""``jitgym report``: results as one page to read, to send and to print."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from jitgym.cli.common import COMPARING, app
from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.scenario import Scenario


@app.command(rich_help_panel=COMPARING)
def report(
    results: Annotated[Path, typer.Argument(metavar="DIR", help="Results of [bold]compare[/] or [bold]suite[/].")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The page; report.html in DIR unless told. report.md is beside it."),
    ] = None,
) -> None:
    """Write results as one HTML page, which needs no network, and as Markdown.

    Verdict, tables, what the cost is made of, sample paths, Pareto front, performance profiles, what was tuned with
    what budget, and how to do it again.
    """
    from jitgym.pages import write_report

    if out is not None and (out.suffix not in (".html", ".htm") or not out.resolve().parent.is_dir()):
        raise InputError(f"out must be a file FILE.html in a folder that is there, got {str(out)!r}")
    for path in write_report(results, out, stored_agent):
        typer.echo(path)


def stored_agent(folder: Path, scenario: Scenario) -> Policy:
    """Read the agent that lies among results.

    Raises:
        InputError: there is none, it is damaged or for another line, or what agents run on is not installed.
    """
    if not folder.is_dir():
        raise InputError("it is not among the results")
    if find_spec("torch") is None:
        raise InputError("agents need torch: install jitgym[agents]")
    from jitgym.agents.policy import load_agent

    return load_agent(folder, scenario)
