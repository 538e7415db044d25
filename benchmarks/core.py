"""Line-slots a second of the core, beside SimPy, plain Python and the oracle on the same line, in one run."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

from harness import (
    Rates,
    Row,
    arguments,
    interleaved,
    machine,
    median_ratio,
    medians,
    parsed,
    rate,
    tell,
)
from lines import five_stage, parameters
from plain_line import PlainLine
from simpy_line import SimpyLine

from jitgym.scenario import Scenario
from jitgym.simulator import Simulator

WARM_UP = 200
SHORT, LONG = 8, 200
TARGET_RATE = 40e6
TARGET_RATIO = 1500.0


def jitgym_step(scenario: Scenario, n_lines: int, slots: int, **options: Any) -> Callable[[], float]:
    """Return a step of a warm batch, which says how many line-slots it made."""
    sim = Simulator(scenario, n_lines=n_lines, seed=1, **options)
    knobs = sim.default_knobs
    if sim.backend == "core":
        sim.step(knobs, slots=WARM_UP)

    def step() -> float:
        sim.step(knobs, slots=slots)
        return n_lines * slots

    return step


def peer_step(line: PlainLine | SimpyLine, slots: int) -> Callable[[], float]:
    """Return a step of a warm peer, which says how many slots it made."""
    line.run(WARM_UP)

    def step() -> float:
        line.run(slots)
        return slots

    return step


def measure(args: Namespace) -> Rates:
    """Measure all rates, interleaved."""
    scenario = five_stage()
    line = parameters(scenario)
    steps = {
        f"core, {SHORT} slots a step": jitgym_step(scenario, args.lines, SHORT),
        f"core, {LONG} slots a step": jitgym_step(scenario, args.lines, LONG),
        f"core, {SHORT} slots a step, 2 threads": jitgym_step(scenario, args.lines, SHORT, n_threads=2),
        f"core, {LONG} slots a step, 2 threads": jitgym_step(scenario, args.lines, LONG, n_threads=2),
        "SimPy": peer_step(SimpyLine(line, seed=1), 200),
        "plain Python": peer_step(PlainLine(line, seed=1), 2000),
        "oracle": jitgym_step(scenario, 1, LONG, backend="oracle"),
    }
    timed = {name: partial(rate, step, args.seconds, args.clock) for name, step in steps.items()}
    return interleaved(timed, args.repetitions)


def results(rates: Rates) -> list[Row]:
    """Return the table's rows: rates, then ratios."""
    rows = [
        Row(name, value, "line-slots/s", TARGET_RATE if name == f"core, {LONG} slots a step" else None)
        for name, value in medians(rates).items()
    ]
    for slots in (SHORT, LONG):
        core = f"core, {slots} slots a step"
        rows.append(Row(f"{core} / SimPy", median_ratio(rates, core, "SimPy"), "x", TARGET_RATIO))
        rows.append(Row(f"{core} / plain Python", median_ratio(rates, core, "plain Python"), "x"))
        rows.append(Row(f"{core} / oracle", median_ratio(rates, core, "oracle"), "x"))
        rows.append(Row(f"{core}: 2 threads / 1", median_ratio(rates, f"{core}, 2 threads", core), "x"))
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, help="length of one measurement (1)")
    parser.add_argument("--lines", type=int, help="lines in the batch (4096)")
    args = parsed(parser, lines=(256, 4096), seconds=(0.05, 1.0), repetitions=(1, 5))
    line = machine("simpy")
    rates = measure(args)
    tell(f"{args.lines:,} lines of five stages, one thread unless stated", args, line, results(rates), rates)


if __name__ == "__main__":
    main()
