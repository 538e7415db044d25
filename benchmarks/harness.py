"""What the benchmarks share: interleaved timing, the machine line, the table, the JSON file."""

from __future__ import annotations

import json
import os
import platform
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}

Rates = dict[str, list[float]]


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


def rate(step: Callable[[], float], seconds: float, clock: str = "wall") -> float:
    """Return how much work a second ``step`` does; every call makes some and returns how much."""
    now = CLOCKS[clock]
    done = 0.0
    start = now()
    while True:
        done += step()
        elapsed = now() - start
        if elapsed >= seconds:
            return done / elapsed


def interleaved(measurements: Mapping[str, Callable[[], float]], repetitions: int) -> Rates:
    """Measure everything in turn, over and over: a slow moment of the machine then meets all alike."""
    rates: Rates = {name: [] for name in measurements}
    for _ in range(repetitions):
        for name, measure in measurements.items():
            rates[name].append(measure())
    return rates


def medians(rates: Rates) -> dict[str, float]:
    """Return the median of each measurement's repetitions."""
    return {name: median(values) for name, values in rates.items()}


def median_ratio(rates: Rates, name: str, other: str) -> float:
    """Return the median over the repetitions of one rate divided by another of the same repetition."""
    return median(a / b for a, b in zip(rates[name], rates[other], strict=True))


def machine(*packages: str) -> str:
    """Return one line about the machine and the versions that were measured."""
    versions = ", ".join(f"{name} {_version(name)}" for name in ("jitgym", "numpy", *packages))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    waiting = f", OMP_WAIT_POLICY {os.environ.get('OMP_WAIT_POLICY', 'unset')}"
    return f"{_cpu()}, {os.cpu_count()} cores{load}{waiting}; Python {platform.python_version()}, {versions}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from source"


def _cpu() -> str:
    """Return the name of the processor, as well as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def spell(value: float) -> str:
    """Return a number with three or four digits that count: 43.9 M, 329 k, 87.1."""
    for floor, size, form in ((1e6, 1e6, "{:.1f} M"), (1e4, 1e3, "{:.0f} k")):
        if abs(value) >= floor:
            return form.format(value / size)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def tell(title: str, args: Namespace, machine_line: str, rows: list[Row], rates: Rates) -> None:
    """Print a result, and write it as JSON with all repetitions if a file is asked for."""
    quick = " - quick run, no measurement" if args.quick else ""
    show(f"{title}, {args.clock} time{quick}", machine_line, rows)
    if args.json is not None:
        content = {"machine": machine_line, "rows": [asdict(row) for row in rows], "repetitions": rates}
        args.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def show(title: str, machine_line: str, rows: list[Row]) -> None:
    """Print a table of results."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("what")
    table.add_column("median", justify="right")
    table.add_column("unit")
    table.add_column("target")
    for row in rows:
        table.add_row(row.name, spell(row.value), row.unit, row.met)
    console = wide_console()
    console.print(table)
    console.print(machine_line, soft_wrap=True, highlight=False)


def wide_console() -> Console:
    """Return a console that does not fold a table's lines where the output is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=120)
