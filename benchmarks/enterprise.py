"""Planning periods a second of companies, beside SimPy on the lines alone, in one run; and where the time goes."""

from __future__ import annotations

import cProfile
import pstats
from argparse import Namespace
from collections.abc import Callable
from functools import partial

from harness import Row, arguments, machine, parsed, show_table, tell
from lines import five_stage, parameters
from simpy_line import SimpyLine

from jitgym.actions import ActionCodec
from jitgym.benchmark import WARM_UP, Rates, interleaved, median_ratio, medians, rate
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.managers import manager
from jitgym.enterprise.sights import Overview

ENTERPRISE = "components"
TARGET = 5000.0
BATCHES = (1, 16, 256, 1000)
MOST = BATCHES[-1]
PROFILED = 10
"""Periods of the profile."""
PHASES = {
    "the core steps the lines": ("_run", "simulator.py"),
    "knobs checked": ("_checked", "simulator.py"),
    "plan of every day: releases, orders, cards": ("knobs", "planning.py"),
    "plan of the period: cards, lots, levels": ("plan", "planning.py"),
    "books": ("close", "money.py"),
    "scorecard": ("lines", "review.py"),
    "capabilities": ("_grow", "period.py"),
    "troubles and audits": ("strike", "shocks.py"),
    "parameters of the lines": ("_set_parameters", "period.py"),
    "observation": ("observe", "sights.py"),
    "the rule": ("predict", "manager.py"),
}
"""Functions that the profile tells of: name and file."""


def companies_step(n: int) -> Callable[[], float]:
    """Return what lets some periods pass in so many companies under the phased rule, and says how many."""
    firms = Companies(ENTERPRISE, n)
    rule, overview = manager(firms, "phased"), Overview(firms)
    codec = ActionCodec(tuple(lever.knob for lever in firms.levers.levers))
    memory = None
    periods = max(1, 200 // n)

    def step() -> float:
        nonlocal memory
        for _ in range(periods):
            actions, memory = rule.predict(overview.observe(), memory)
            firms.step(codec.decode(actions))
            if firms.state.period[0] >= firms.enterprise.horizon:
                firms.reset()
                memory = None
        return float(periods * n)

    step()
    return step


def simpy_step() -> Callable[[], float]:
    """Return what lets the five-stage line run in SimPy, and says to how many periods of the enterprise that comes."""
    firms = Companies(ENTERPRISE)
    slots = len(firms.enterprise.lines) * firms.enterprise.days * firms.simulator.scenario.slots_per_step
    line = SimpyLine(parameters(five_stage()), seed=1)
    line.run(WARM_UP)

    def step() -> float:
        line.run(slots)
        return 1.0

    return step


def name_of(n: int) -> str:
    """Return the name of the rate of so many companies."""
    return f"{n:,} {'company' if n == 1 else 'companies'}, one thread"


def measure(args: Namespace) -> Rates:
    """Measure all rates, interleaved."""
    steps = {name_of(n): companies_step(n) for n in BATCHES}
    steps["SimPy, lines alone"] = simpy_step()
    timed = {name: partial(rate, step, args.seconds, args.clock) for name, step in steps.items()}
    return interleaved(timed, args.repetitions)


def profile() -> list[list[str]]:
    """Return the share of the time that each phase of a period takes, in the largest batch."""
    step = companies_step(MOST)
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(PROFILED):
        step()
    profiler.disable()
    stats = pstats.Stats(profiler)
    found = {(place[2], place[0].rpartition("/")[2]): row[3] for place, row in stats.stats.items()}  # type: ignore[attr-defined]
    whole = stats.total_tt  # type: ignore[attr-defined]
    return [[phase, f"{100 * found.get(where, 0.0) / whole:.1f} %"] for phase, where in PHASES.items()]


def main() -> None:
    """Print rates, the ratio and the profile."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, help="length of one measurement (2)")
    args = parsed(parser, seconds=(0.05, 2.0), repetitions=(1, 5))
    rates = measure(args)
    middle = medians(rates)
    rows = [Row(name_of(n), middle[name_of(n)], "periods/s", TARGET if n == MOST else None) for n in BATCHES]
    rows.append(Row("SimPy, lines alone", middle["SimPy, lines alone"], "periods/s"))
    rows.append(Row(f"{name_of(MOST)} / SimPy", median_ratio(rates, name_of(MOST), "SimPy, lines alone"), "x"))
    firm = load_enterprise(ENTERPRISE)
    tell(f"Enterprise {firm.name}, {len(firm.lines)} lines under the phased rule", args, machine("simpy"), rows, rates)
    show_table(f"Where the time of {MOST:,} companies goes", ("phase", "share"), profile())


if __name__ == "__main__":
    main()
