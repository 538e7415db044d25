"""Do the peers model the same line? Long-run averages of each against the core's, in standard errors."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from harness import wide_console
from lines import Parameters, five_stage, parameters
from plain_line import PlainLine
from rich.table import Table
from simpy_line import SimpyLine

from jitgym.scenario import Scenario
from jitgym.simulator import Simulator

WARM_UP = 1000
Samples = dict[str, npt.NDArray[np.float64]]
"""Averages per slot by name; one entry for each independent line."""


@dataclass(frozen=True)
class Comparison:
    """One average of a peer beside the core's."""

    name: str
    core: float
    peer: float
    error: float
    """Standard error of the difference."""

    @property
    def off(self) -> float:
        """The difference, in standard errors."""
        return (self.peer - self.core) / self.error


def core_samples(scenario: Scenario, n_lines: int, slots: int, seed: int = 1) -> Samples:
    """Return the core's averages under the default knobs, one for each line."""
    sim = Simulator(scenario, n_lines=n_lines, seed=seed)
    sim.step(sim.default_knobs, slots=WARM_UP)
    ledger = sim.step(sim.default_knobs, slots=slots)
    samples = {
        "throughput": ledger["shipped"] / slots,
        "fill rate": ledger["on_time"] / ledger["demand"],
        "backlog": ledger["backlog_slots"] / slots,
        "item stock": ledger["item_slots"][:, 0] / slots,
    }
    for i in range(ledger["store_slots"].shape[1]):
        samples[f"process {i + 1}"] = ledger["process_slots"][:, i] / slots
        samples[f"store {i + 1}"] = ledger["store_slots"][:, i] / slots
        samples[f"availability {i + 1}"] = 1 - ledger["down"][:, i] / slots
    return samples


def peer_samples(
    peer: Callable[[Parameters, int], PlainLine | SimpyLine], line: Parameters, n_lines: int, slots: int
) -> Samples:
    """Return a peer's averages, one for each of some independent lines."""
    averages = []
    for seed in range(n_lines):
        one = peer(line, seed)
        one.run(WARM_UP)
        averages.append(one.run(slots))
    return {name: np.array([row[name] for row in averages]) for name in averages[0]}


def compare(core: Samples, peer: Samples) -> list[Comparison]:
    """Return a comparison for every average."""
    rows = []
    for name, sample in peer.items():
        variance = sum(x.var(ddof=1) / len(x) for x in (core[name], sample))
        rows.append(Comparison(name, core[name].mean(), sample.mean(), float(np.sqrt(variance))))
    return rows


def show(title: str, rows: list[Comparison]) -> None:
    """Print the comparisons of one peer."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("average", "core", "peer", "standard error", "off by, in standard errors"):
        table.add_column(column, justify="left" if column == "average" else "right")
    for row in rows:
        table.add_row(row.name, f"{row.core:.4f}", f"{row.peer:.4f}", f"{row.error:.4f}", f"{row.off:+.1f}")
    wide_console().print(table)


def main() -> None:
    """Print the comparisons."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds: checks the script, not the models")
    args = parser.parse_args()
    scenario = five_stage()
    n_lines, slots = (8, 500) if args.quick else (100, 10_000)
    core = core_samples(scenario, n_lines=20 * n_lines, slots=slots)
    for name, peer in (("SimPy", SimpyLine), ("plain Python", PlainLine)):
        rows = compare(core, peer_samples(peer, parameters(scenario), n_lines, slots))
        show(f"{name}: {n_lines} lines of {slots:,} slots; core: {20 * n_lines} lines", rows)


if __name__ == "__main__":
    main()
