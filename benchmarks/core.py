"""Line-slots a second of the core, beside SimPy, plain Python and the oracle on the same line, in one run."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from functools import partial

from harness import Row, arguments, machine, parsed, tell
from lines import five_stage, parameters, rich_line
from plain_line import PlainLine
from simpy_line import SimpyLine

from jitgym.benchmark import WARM_UP, Rates, interleaved, kernels, median_ratio, medians, rate, stepping
from jitgym.simulator import kernel

SHORT, LONG = 8, 200
RICH = f"rich line, {LONG} slots a step"
TARGET_RATE = 60e6
TARGET_SIMPY = 1500.0
TARGET_RICH = 0.2
TARGET_THREADS = 1.7


def core(slots: int) -> str:
    """Return the name of the core's rate at some slots a step."""
    return f"core, {slots} slots a step"


def other_kernels() -> list[str]:
    """Return the kernels that run here besides the one in use."""
    return [name for name in kernels() if name != kernel()]


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
    steps = {}
    for slots in (SHORT, LONG):
        steps[core(slots)] = stepping(scenario, args.lines, slots)
        steps[f"{core(slots)}, 2 threads"] = stepping(scenario, args.lines, slots, n_threads=2)
    for name in other_kernels():
        steps[f"{core(LONG)}, {name}"] = stepping(scenario, args.lines, LONG, kernel_name=name)
    steps[RICH] = stepping(rich_line(), args.lines, LONG)
    steps["SimPy"] = peer_step(SimpyLine(line, seed=1), 200)
    steps["plain Python"] = peer_step(PlainLine(line, seed=1), 2000)
    steps["oracle"] = stepping(scenario, 1, LONG, backend="oracle", warm_up=0)
    timed = {name: partial(rate, step, args.seconds, args.clock) for name, step in steps.items()}
    return interleaved(timed, args.repetitions)


def results(rates: Rates, clock: str) -> list[Row]:
    """Return the table's rows: rates, then ratios."""
    rows = [
        Row(name, value, "line-slots/s", TARGET_RATE if name == core(LONG) else None)
        for name, value in medians(rates).items()
    ]
    # the clock of a process adds its threads' times up, and then two are never faster than one
    threads = TARGET_THREADS if clock == "wall" and (os.cpu_count() or 1) > 1 else None
    for slots in (SHORT, LONG):
        name = core(slots)
        rows.append(Row(f"{name} / SimPy", median_ratio(rates, name, "SimPy"), "x", TARGET_SIMPY))
        rows.append(Row(f"{name} / plain Python", median_ratio(rates, name, "plain Python"), "x"))
        rows.append(Row(f"{name} / oracle", median_ratio(rates, name, "oracle"), "x"))
        rows.append(Row(f"{name}: 2 threads / 1", median_ratio(rates, f"{name}, 2 threads", name), "x", threads))
    rows.append(Row(f"{RICH} / five stages", median_ratio(rates, RICH, core(LONG)), "x", TARGET_RICH))
    for other in other_kernels():
        name = f"{core(LONG)}, {other}"
        rows.append(Row(f"{name} / SimPy", median_ratio(rates, name, "SimPy"), "x"))
        rows.append(Row(f"{name} / {kernel()}", median_ratio(rates, name, core(LONG)), "x"))
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, help="length of one measurement (1)")
    parser.add_argument("--lines", type=int, help="lines in the batch (4096)")
    args = parsed(parser, lines=(256, 4096), seconds=(0.05, 1.0), repetitions=(1, 5))
    line = machine("simpy")
    rates = measure(args)
    title = f"{args.lines:,} lines of five stages, kernel {kernel()} and one thread unless stated"
    tell(title, args, line, results(rates, args.clock), rates)


if __name__ == "__main__":
    main()
