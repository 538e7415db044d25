"""How fast the core steps a scenario here: by batch size, threads and kernel; and how rates are measured at all."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
class BenchmarkPlan:
    """What to measure.

    Args:
        scenario: the line.
        most_threads: threads that are measured beside one, if the core was built with threads.
        budget: repetitions, and seconds of each measurement.
        kernel: the kernel in use.

    Raises:
        InputError: ``JITGYM_KERNEL`` names no kernel that runs here.
    """

    scenario: Scenario
    most_threads: int
    budget: tuple[int, float]
    kernel: str = field(default_factory=kernel)

    @property
    def threads(self) -> tuple[int, ...]:
        """The numbers of threads."""
        return tuple(sorted({1, self.most_threads})) if has_threads() else (1,)

    @property
    def batches(self) -> list[tuple[str, int]]:
        """Kernels with numbers of lines: batches of some sizes for the one in use, a large one for the others."""
        others = [name for name in kernels() if name != self.kernel]
        return [(self.kernel, size) for size in SIZES] + [(name, SIZES[-1]) for name in others]


def run_benchmark(plan: BenchmarkPlan, report: Callable[[float, str], None]) -> Rates:
    """Measure all batches of a plan with all numbers of threads.

    Args:
        plan: what to measure.
        report: is told the share that is done, and what comes next.
    """
    repetitions, seconds = plan.budget
    measurements = {}
    for name, n_lines in plan.batches:
        for n_threads in plan.threads:
            case = case_name(name, n_lines, n_threads)
            report(0.0, f"warm up {case}")
            step = stepping(plan.scenario, n_lines, SLOTS, n_threads, name)
            measurements[case] = partial(rate, step, seconds)
    return interleaved(measurements, repetitions, report)


def case_name(kernel_name: str, n_lines: int, n_threads: int) -> str:
    """Return what a measurement is called."""
    return f"{kernel_name}, {_count(n_lines, 'line')}, {_count(n_threads, 'thread')}"


def benchmark_report(plan: BenchmarkPlan, rates: Rates) -> RenderableType:
    """Return what the core was built for, and the rates."""
    scenario = plan.scenario
    chosen = "as JITGYM_KERNEL says" if os.environ.get("JITGYM_KERNEL") else "JITGYM_KERNEL=NAME takes another"
    parts = (_count(len(scenario.stages), "stage"), _count(scenario.n_products, "product"), _count(SLOTS, "slot"))
    return Group(
        machine(),
        f"Kernels that run here: {', '.join(kernels())}.",
        f"Used: {plan.kernel} ({chosen}).",
        f"Threads: {'OpenMP' if has_threads() else 'none, the core was built without OpenMP'}.",
        "",
        Text(f"{scenario.name}: {', '.join(parts)} a call, line-slots a second", style="bold"),
        _rates(plan, rates),
        "",
        "Threads share blocks of 16 lines; beside other programs several may be slower.",
    )


def _rates(plan: BenchmarkPlan, rates: Rates) -> Table:
    """Return the table of rates: a row for each kernel and size, a column for each number of threads."""
    gains = [f"{n} : 1" for n in plan.threads[1:]]
    table = plain_table("kernel", "lines", *(_count(n, "thread") for n in plan.threads), *gains, "1: ns a stage-slot")
    for name, n_lines in plan.batches:
        cases = [case_name(name, n_lines, n) for n in plan.threads]
        ratios = [f"{number(median_ratio(rates, case, cases[0]))} x" for case in cases[1:]]
        each = number(1e9 / medians(rates)[cases[0]] / len(plan.scenario.stages))
        table.add_row(name, f"{n_lines:,}", *(spell(medians(rates)[case]) for case in cases), *ratios, each)
    return table


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
