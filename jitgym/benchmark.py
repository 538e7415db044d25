"""How fast the core steps a scenario here: by batch size, threads and kernel; and how rates are measured at all."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jitgym.report import number, plain_table
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator, kernel

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
WARM_UP = 200
SLOTS = 200
"""Slots a call: so many that what a call costs by itself does not count."""
SIZES = (16, 256, 4096)
BUDGET = (3, 0.15)
"""Repetitions of everything, and seconds of one measurement."""
QUICK_BUDGET = (1, 0.01)

Rates = dict[str, list[float]]


# -- measuring --


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


def interleaved(
    measurements: Mapping[str, Callable[[], float]],
    repetitions: int,
    report: Callable[[float, str], None] = lambda share, name: None,
) -> Rates:
    """Measure everything in turn, over and over: a slow moment of the machine then meets all alike.

    Args:
        measurements: what to measure, by name.
        repetitions: how often.
        report: is told the share that is done, and what comes next.
    """
    rates: Rates = {name: [] for name in measurements}
    for turn in range(repetitions):
        for place, (name, measure) in enumerate(measurements.items()):
            report((turn + place / len(measurements)) / repetitions, name)
            rates[name].append(measure())
    report(1.0, "")
    return rates


def medians(rates: Rates) -> dict[str, float]:
    """Return the median of each measurement's repetitions."""
    return {name: median(values) for name, values in rates.items()}


def median_ratio(rates: Rates, name: str, other: str) -> float:
    """Return the median over the repetitions of one rate divided by another of the same repetition."""
    return median(a / b for a, b in zip(rates[name], rates[other], strict=True))


def stepping(
    scenario: Scenario,
    n_lines: int,
    slots: int,
    n_threads: int = 1,
    kernel_name: str = "",
    backend: Literal["core", "oracle"] = "core",
    warm_up: int = WARM_UP,
) -> Callable[[], float]:
    """Return a step of a warm batch under the default knobs, which says how many line-slots it made.

    Args:
        scenario: the line.
        n_lines: lines in the batch.
        slots: slots of a step; fewer where a line may not run so long.
        n_threads: threads that share the lines.
        kernel_name: the core's kernel; empty: the one that a simulator takes by itself.
        backend: as in ``Simulator``.
        warm_up: slots made before.
    """
    simulator = Simulator(scenario, n_lines, seed=1, backend=backend, n_threads=n_threads)
    knobs, limit = simulator.default_knobs, simulator.tables.slot_limit
    slots = min(slots, limit)
    made = min(warm_up, limit)
    with kernel_set(kernel_name):
        simulator.step(knobs, slots=made)  # the kernel is chosen here

    def step() -> float:
        nonlocal made
        if made + slots > limit:
            simulator.reset()
            made = 0
        simulator.step(knobs, slots=slots)
        made += slots
        return float(n_lines * slots)

    return step


@contextmanager
def kernel_set(name: str) -> Iterator[None]:
    """Let simulators that make their first step in here take a kernel by name; an empty name changes nothing."""
    before = os.environ.get("JITGYM_KERNEL")
    if name:
        os.environ["JITGYM_KERNEL"] = name
    try:
        yield
    finally:
        if before is not None:
            os.environ["JITGYM_KERNEL"] = before
        elif name:
            del os.environ["JITGYM_KERNEL"]


def build() -> Any:
    """Return the compiled core, to ask what it was built for; only the simulator steps lines with it."""
    return import_module("jitgym._core.line")


def kernels() -> tuple[str, ...]:
    """Return the core's kernels that this processor runs, the fastest first."""
    return tuple(build().KERNELS)


def has_threads() -> bool:
    """Return whether the core was built with OpenMP."""
    return bool(build().HAS_OPENMP)


def machine() -> str:
    """Return one line about the machine and how busy it is."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    waiting = f", OMP_WAIT_POLICY {os.environ.get('OMP_WAIT_POLICY', 'unset')}"
    return f"{_processor()}, {os.cpu_count()} cores{load}{waiting}"


def _processor() -> str:
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


# -- the command --


@dataclass(frozen=True)
class Case:
    """A batch to measure."""

    kernel: str
    n_lines: int
    n_threads: int

    @property
    def name(self) -> str:
        """The case in words."""
        return f"{self.kernel}, {_count(self.n_lines, 'line')}, {_count(self.n_threads, 'thread')}"


@dataclass(frozen=True)
class Benchmark:
    """What was measured, and on what."""

    scenario: Scenario
    kernel: str
    threads: tuple[int, ...]
    rates: Rates


def run_benchmark(
    scenario: Scenario, threads: int, budget: tuple[int, float], report: Callable[[float, str], None]
) -> Benchmark:
    """Measure all cases: batches of some sizes under the kernel in use, a large one under the others.

    Args:
        scenario: the line.
        threads: measured beside one.
        budget: repetitions, and seconds of each measurement.
        report: is told the share that is done, and what comes next.

    Raises:
        InputError: ``JITGYM_KERNEL`` names no kernel that runs here.
    """
    repetitions, seconds = budget
    used = kernel()
    counts = tuple(sorted({1, threads})) if has_threads() else (1,)
    measurements = {}
    for name, n_lines in _batches(used):
        for n_threads in counts:
            case = Case(name, n_lines, n_threads)
            report(0.0, f"warm up {case.name}")
            measurements[case.name] = partial(rate, stepping(scenario, n_lines, SLOTS, n_threads, name), seconds)
    return Benchmark(scenario, used, counts, interleaved(measurements, repetitions, report))


def _batches(used: str) -> list[tuple[str, int]]:
    """Return kernels with the sizes of the batches that are measured under them."""
    others = [name for name in kernels() if name != used]
    return [(used, size) for size in SIZES] + [(name, SIZES[-1]) for name in others]


def benchmark_report(benchmark: Benchmark) -> RenderableType:
    """Return what the core was built for, and the rates."""
    scenario, used = benchmark.scenario, benchmark.kernel
    chosen = "as JITGYM_KERNEL says" if os.environ.get("JITGYM_KERNEL") else "JITGYM_KERNEL=NAME takes another"
    parts = (_count(len(scenario.stages), "stage"), _count(scenario.n_products, "product"), _count(SLOTS, "slot"))
    return Group(
        machine(),
        f"Kernels that run here: {', '.join(kernels())}. Used: {used} ({chosen}).",
        f"Threads: {'OpenMP' if has_threads() else 'none, the core was built without OpenMP'}.",
        "",
        Text(f"{scenario.name}: {', '.join(parts)} a call, line-slots a second", style="bold"),
        _rates(benchmark),
        "",
        "Threads share blocks of 16 lines; beside other busy programs several can be slower than one.",
    )


def _rates(benchmark: Benchmark) -> Table:
    """Return the table of rates: a row for each kernel and size, a column for each number of threads."""
    rates, counts = medians(benchmark.rates), benchmark.threads
    gains = [f"{n} : 1" for n in counts[1:]]
    table = plain_table("kernel", "lines", *(_count(n, "thread") for n in counts), *gains, "1: ns a stage-slot")
    for name, n_lines in _batches(benchmark.kernel):
        one, *more = (Case(name, n_lines, n).name for n in counts)
        ratios = [f"{number(median_ratio(benchmark.rates, case, one))} x" for case in more]
        each = number(1e9 / rates[one] / len(benchmark.scenario.stages))
        table.add_row(name, f"{n_lines:,}", *(spell(rates[case]) for case in (one, *more)), *ratios, each)
    return table


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
