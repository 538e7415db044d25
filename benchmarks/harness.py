"""What the benchmarks share beside ``jitgym.benchmark``: arguments, the machine line, the table, the JSON file."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from jitgym import benchmark
from jitgym.benchmark import CLOCKS, Rates, spell
from jitgym.jobs import Executor, Job, Store, do

Name = TypeVar("Name")


@dataclass(frozen=True)
class Row:
    """One line of a result: a rate or a ratio, and what was hoped for."""

    name: str
    value: float
    unit: str
    target: float | None = None

    @property
    def met(self) -> str:
        """The target in words, and whether it is met."""
        if self.target is None:
            return ""
        return f">= {spell(self.target)}: {'met' if self.value >= self.target else 'missed'}"


def arguments(description: str) -> ArgumentParser:
    """Return a parser with the options that all benchmarks have."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--repetitions", type=int, help="interleaved repetitions; their median is shown (5)")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu: time of this process, all threads added, for a machine that others use too",
    )
    parser.add_argument("--quick", action="store_true", help="a few seconds: checks the script, not the speed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write results and all repetitions there")
    return parser


def parsed(parser: ArgumentParser, **defaults: tuple[Any, Any]) -> Namespace:
    """Return the arguments; what was not given is the first default of its pair with ``--quick``, else the second."""
    args = parser.parse_args()
    for name, (quick, full) in defaults.items():
        if getattr(args, name) in (None, []):
            setattr(args, name, quick if args.quick else full)
    return args


def machine(*packages: str) -> str:
    """Return one line about the machine and the versions that were measured."""
    versions = ", ".join(f"{name} {_version(name)}" for name in ("jitgym", "numpy", *packages))
    return f"{benchmark.machine()}; Python {platform.python_version()}, {versions}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from source"


def tell(
    title: str, args: Namespace, machine_line: str, rows: list[Row], rates: Rates, table: Table | None = None
) -> None:
    """Print a result, and write it as JSON with all repetitions if a file is asked for.

    Args:
        title: what was measured.
        args: the script's arguments.
        machine_line: on what.
        rows: all numbers.
        rates: all repetitions.
        table: shows the rows in fewer lines than one for each.
    """
    table = row_table(rows) if table is None else table
    table.title = f"{title}, {args.clock} time{' - quick run, no measurement' if args.quick else ''}"
    table.title_justify, table.title_style = "left", "bold"
    console = wide_console()
    console.print(table)
    console.print(machine_line, soft_wrap=True, highlight=False)
    if args.json is not None:
        content = {"machine": machine_line, "rows": [asdict(row) for row in rows], "repetitions": rates}
        args.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def row_table(rows: list[Row]) -> Table:
    """Return a table with a line for each row."""
    table = Table()
    table.add_column("what")
    table.add_column("median", justify="right")
    table.add_column("unit")
    table.add_column("target")
    for row in rows:
        table.add_row(row.name, spell(row.value), row.unit, row.met)
    return table


def show_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of text; columns after the first are set to the right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for k, heading in enumerate(heads):
        table.add_column(heading, justify="right" if k else "left")
    for row in rows:
        table.add_row(*row)
    wide_console().print(table)


def command_line(out: Path) -> str:
    """Return the command that was given, with DIR in the place of the folder for its results."""
    spelled = {str(out): "DIR", f"--out={out}": "--out=DIR"}
    words = [spelled.get(word, word) for word in sys.argv[1:]]
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


def done(jobs: Mapping[Name, Job], store: Store, by: Executor) -> dict[Name, Any]:
    """Do jobs that are not done yet; return their results. What failed ends the script."""
    results, failures = do(list(jobs.values()), store, by, tell_end)
    for job in jobs.values():
        if job.key in failures:
            sys.exit(f"{job.label}: {failures[job.key].error}")
    return {name: results[job.key] for name, job in jobs.items()}


def tell_end(label: str, share: float | None, word: str) -> None:
    """Print what has ended."""
    if share == 1.0:
        print(f"{label} {word}".strip(), flush=True)


def wide_console() -> Console:
    """Return a console that does not fold a table's lines where the output is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=120)
