"""The command line itself: the application, options that several commands share, errors, progress."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from jitgym import __version__
from jitgym.cli.complete import scenario_name
from jitgym.errors import InputError
from jitgym.jobs import Report

LOOKING = "Look around"
COMPARING = "Tune and compare"
TEACHING = "Teach"
DATA = "Data in and out"
"""Panels of the help that a command stands in."""

FAILURE = 1
INPUT_ERROR = 2
INTERRUPTED = 130


class _Group(TyperGroup):
    """Turns the errors of a user's input into one line each and an exit code, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            for line in str(error).splitlines():
                typer.echo(f"error: {line}", err=True)
            raise typer.Exit(INPUT_ERROR) from None
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(FAILURE) from None
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="Name of a scenario (see [bold]jitgym scenarios[/]) or a YAML file.",
        autocompletion=scenario_name,
    ),
]
SeedOption = Annotated[int, typer.Option(help="Fixes all luck: the same seed gives the same numbers.")]
ThreadsOption = Annotated[
    int, typer.Option(help="Processes that share the rules to tune, and threads that share the lines of the rest.")
]
QuickOption = Annotated[bool, typer.Option("--quick", help="Try it out: rules barely tuned, few seeds.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"jitgym {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Pull control of production lines: tuned classic rules against learned agents, on the same luck."""


def interrupted(out: Path | None) -> typer.Exit:
    """Tell what is left of work that was interrupted; return the way out."""
    kept = ""
    if out is not None:
        kept = f": {out} is as it was"
        if work_of(out).exists():
            kept += f"; what is done is kept in {work_of(out)}: the same command goes on with it"
    typer.echo(f"interrupted{kept}", err=True)
    return typer.Exit(INTERRUPTED)


def work_of(out: Path) -> Path:
    """Return where unfinished work is kept: beside the results, which stay as they are until the end."""
    return out.with_name(f"{out.name}.work")


def command_of(context: typer.Context) -> str:
    """Return the command as it was given, with DIR or FILE for its results and without what changes no number."""
    words = [str(context.command.name)]
    parent = context.parent
    while parent is not None and parent.parent is not None:  # a group of commands
        words.insert(0, str(parent.command.name))
        parent = parent.parent
    words.insert(0, "jitgym")
    for parameter in context.command.params:
        name, source = str(parameter.name), context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE" and name not in ("out", "threads"):
            value = context.params[name]
            flag = [] if parameter.param_type_name == "argument" else [parameter.opts[0]]
            words += flag if value is True else [*flag, str(value)]
    place = next(parameter.metavar for parameter in context.command.params if parameter.name == "out")
    return shlex.join([*words, "--out", place or "DIR"])


def at_least(least: int, name: str, value: int) -> int:
    """Return a number if it is large enough."""
    if value < least:
        raise InputError(f"{name} must be an integer >= {least}, got {value}")
    return value


def require_place(out: Path | None) -> None:
    """Refuse to begin what could not be written into a file at its end."""
    if out is not None and (out.is_dir() or not out.resolve().parent.is_dir()):
        raise InputError(f"out must be a file in a folder that is there, got {str(out)!r}")


def require(package: str, extra: str) -> None:
    """Refuse to begin what would end for want of an optional package."""
    if importlib.util.find_spec(package) is None:
        raise InputError(f"this needs {package}: install jitgym[{extra}]")


@contextmanager
def progress_board() -> Iterator[Report]:
    """Show a bar for everything that is reported, on stderr, so that stdout holds the result alone."""
    columns = (TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn(), TextColumn("{task.fields[word]}"))
    console = Console(stderr=True, markup=False, highlight=False)
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def report(label: str, share: float | None, word: str) -> None:
            if label not in tasks:
                tasks[label] = progress.add_task(label, total=None, word="")
            progress.update(tasks[label], word=word)
            if share is not None:
                progress.update(tasks[label], total=1.0, completed=share)

        yield report
