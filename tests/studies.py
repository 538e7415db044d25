"""How the theory tests set a line and simulate it, and when a simulation agrees with an exact value.

A study runs many independent lines, throws the warm-up away and takes one long-run average from each line, so
that the standard error needs no assumption about correlation within a line. `agree` insists that the mean is
within four standard errors of the exact value, and that the standard error is small enough for that to say
something. Seeds are fixed. `pytest -m theory -rP` prints the comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any
from zlib import crc32

import numpy as np

from jitgym.ledger import Ledger
from jitgym.simulator import Simulator

N_LINES = 2000
Averages = dict[str, np.ndarray]


# -- scenarios --


def line(stages: Sequence[Mapping], demand: Any, *control: Mapping, **more: Any) -> dict[str, Any]:
    """A scenario of stages s0, s1, ...; `demand` is a law, a (law, shortage) pair, or the whole section."""
    law, shortage = demand if isinstance(demand, tuple) else (demand, "backlog")
    return {
        "name": "theory",
        "stages": [{"name": f"s{i}", **stage} for i, stage in enumerate(stages)],
        "demand": demand if isinstance(demand, Mapping) and "law" in demand else {"law": law, "shortage": shortage},
        "control": control or [knob("kanban", "off")],
        **more,
    }


def supplied(lead_time: int, stock: int = 0, **late: Any) -> dict[str, Any]:
    """The part of a scenario that gives stage s0 an item and a supplier."""
    return {
        "items": [{"name": "part", "stage": "s0", "initial": stock}],
        "suppliers": [{"name": "mill", "item": "part", "lead_time": lead_time, **late}],
    }


def knob(kind: str, value: int | str, at: str | None = None, **more: Any) -> dict[str, Any]:
    """A knob held at `value` by default."""
    top = 1 if value == "off" else value + 1
    return {"knob": kind, "at": at, "low": 0, "high": top, "default": value, "off": value == "off", **more}


def job(finish: float, **more: Any) -> dict[str, Any]:
    """A stage whose job ends in each slot with probability `finish`."""
    return {"process": {"slots": 1, "finish": finish}, **more}


def breaks(fail: float, repair: float, exposure: str = "operation") -> dict[str, Any]:
    """Geometric failures and repairs."""
    return {"law": {"geometric": fail}, "exposure": exposure, "repair": {"slots": 1, "finish": repair}}


# -- simulations --


def simulate(
    scenario: Mapping, slots: int, warm_up: int = 1000, n_lines: int = N_LINES, seed: int | None = None
) -> Averages:
    """Every ledger entry's average per slot, (n_lines, ...), under the knobs' defaults, after a warm-up.

    Every scenario has a seed of its own unless one is given, so that the comparisons are independent of one another.
    """
    sim = simulator(scenario, n_lines, seed)
    sim.step(sim.default_knobs, slots=warm_up)
    return per_slot(sim.step(sim.default_knobs, slots=slots))


def decide(
    scenario: Mapping,
    policy: Callable[[Simulator], np.ndarray],
    steps: int,
    warm_up: int = 100,
    n_lines: int = 4000,
    slots: int = 1,
) -> Averages:
    """`simulate` under knobs that follow from the state before every step of a few slots, as an agent's would."""
    sim = simulator(scenario, n_lines)
    for _ in range(warm_up):
        sim.step(policy(sim), slots=slots)
    return per_slot(reduce(add, (sim.step(policy(sim), slots=slots) for _ in range(steps))))


def simulator(scenario: Mapping, n_lines: int, seed: int | None = None) -> Simulator:
    """Lines of a scenario, with its own seed unless one is given."""
    return Simulator(scenario, n_lines=n_lines, seed=crc32(repr(scenario).encode()) if seed is None else seed)


def per_slot(ledger: Ledger) -> Averages:
    """A ledger's entries divided by the slots that it covers."""
    return {name: ledger[name] / ledger["slots"][0] for name in ledger}


def paths(scenario: Mapping, knobs: Sequence[int], slots: int, n_lines: int = 16) -> tuple[Averages, Averages]:
    """Ledgers and states slot by slot, each entry (slots, n_lines, ...)."""
    sim = Simulator(scenario, n_lines=n_lines, seed=3)
    ledgers, states = [], []
    for _ in range(slots):
        ledgers.append(sim.step(knobs, slots=1).as_dict())
        states.append({name: sim.state(name) for name in ("queue", "job", "store", "mode", "wear", "backlog")})
    return tuple({name: np.stack([entry[name] for entry in rows]) for name in rows[0]} for rows in (ledgers, states))


# -- comparisons --


def agree(name: str, sample: np.ndarray, exact: float, relative: float = 0.003) -> None:
    """Hold the mean of independent long-run averages within four standard errors of the exact value.

    Args:
        name: what is compared, for the message.
        sample: (n_lines,) one average from each line.
        exact: the value it should have.
        relative: largest standard error allowed, as a share of `exact`.
    """
    mean, error = sample.mean(), sample.std(ddof=1) / np.sqrt(len(sample))
    off = (mean - exact) / error
    told = f"{name}: exact {exact:.6f}, simulated {mean:.6f} +- {error:.6f} ({off:+.1f} standard errors)"
    print(told)
    assert error <= relative * abs(exact), f"too noisy to tell: {told}"
    assert abs(off) < 4, told


def agree_all(averages: Averages, exact: Mapping[str, float], relative: float = 0.003) -> None:
    """`agree` for several ledger entries, named `entry`, `entry[place]` or `entry[stage,product]`."""
    for entry, value in exact.items():
        agree(entry, column(averages, entry), value, relative)


def column(averages: Averages, entry: str) -> np.ndarray:
    """One ledger entry, (n_lines,), by its name and its place, if it has one."""
    name, _, place = entry.partition("[")
    where = tuple(int(i) for i in place[:-1].split(",")) if place else ()
    return averages[name][(slice(None), *where)]
