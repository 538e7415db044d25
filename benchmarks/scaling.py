"""How the core's rate and memory grow with the stages of the line, the lines of the batch and the slots of a step."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from functools import partial

import numpy as np
from harness import Row, arguments, machine, parsed, tell
from lines import serial_line
from rich.table import Table

from jitgym.benchmark import Rates, interleaved, medians, rate, spell, stepping
from jitgym.simulator import Simulator, kernel

STAGES = (2, 4, 8, 16, 32)
LINES = (1, 16, 256, 4096, 65_536, 1_048_576)
SLOTS = (1, 2, 8, 32, 200)
MANY_SLOTS = 32
"""Slots a step where the lines grow: a step of a million lines then takes half a second."""


@dataclass(frozen=True)
class Batch:
    """A batch to measure, and the series that it belongs to."""

    series: str
    stages: int
    lines: int
    slots: int

    @property
    def name(self) -> str:
        """The batch in words."""
        return f"{self.series}: {self.stages} stages, {self.lines:,} lines, {self.slots} slots a step"


@dataclass(frozen=True)
class Memory:
    """Bytes a line."""

    state: int
    knobs: int
    ledger: int
    """That of a step, which is returned to the caller, and new each time."""


def batches(args: Namespace) -> list[Batch]:
    """Return what is measured: one number grows in each series, the others are usual."""
    most = args.most_lines
    return [
        *(Batch("stages", stages, min(4096, most), 200) for stages in STAGES),
        *(Batch("lines", 5, lines, MANY_SLOTS) for lines in LINES if lines <= most),
        *(Batch("slots", 5, min(4096, most), slots) for slots in SLOTS),
    ]


def memory(stages: int) -> Memory:
    """Return the bytes that a line takes."""
    simulator = Simulator(serial_line(stages))
    word, count = np.dtype(np.int32).itemsize, np.dtype(np.int64).itemsize
    return Memory(
        state=word * simulator.tables.state.size,
        knobs=word * len(simulator.knobs),
        ledger=count * simulator.tables.ledger.size,
    )


def measure(asked: list[Batch], args: Namespace) -> Rates:
    """Measure all batches, interleaved."""
    timed = {}
    for batch in asked:
        step = stepping(serial_line(batch.stages), batch.lines, batch.slots, warm_up=args.warm_up)
        timed[batch.name] = partial(rate, step, args.seconds, args.clock)
    return interleaved(timed, args.repetitions)


def each(batch: Batch, line_slots: float) -> float:
    """Return nanoseconds a stage-slot."""
    return 1e9 / line_slots / batch.stages


def results(asked: list[Batch], rates: Rates) -> list[Row]:
    """Return all numbers."""
    rows = []
    for batch in asked:
        value = medians(rates)[batch.name]
        rows.append(Row(batch.name, value, "line-slots/s"))
        rows.append(Row(batch.name, each(batch, value), "ns a stage-slot"))
        rows.append(Row(batch.name, memory(batch.stages).state, "bytes of state a line"))
    return rows


def table_of(asked: list[Batch], rates: Rates) -> Table:
    """Return the table: a line for each batch, a part for each series."""
    table = Table()
    for heading in ("stages", "lines", "slots a step", "line-slots/s", "ns a stage-slot"):
        table.add_column(heading, justify="right")
    for heading in ("state, bytes a line", "knobs", "ledger of a step"):
        table.add_column(heading, justify="right")
    before = asked[0].series
    for batch in asked:
        if batch.series != before:
            table.add_section()
        before = batch.series
        value, size = medians(rates)[batch.name], memory(batch.stages)
        numbers = (f"{batch.lines:,}", str(batch.slots), spell(value), spell(each(batch, value)))
        table.add_row(str(batch.stages), *numbers, str(size.state), str(size.knobs), str(size.ledger))
    return table


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, help="length of one measurement (0.5)")
    parser.add_argument("--most-lines", type=int, help="leave out larger batches; a million take 1 GB (1048576)")
    parser.add_argument("--warm-up", type=int, help="slots made before (64)")
    args = parsed(parser, seconds=(0.01, 0.5), repetitions=(1, 5), most_lines=(4096, LINES[-1]), warm_up=(1, 64))
    line = machine()
    asked = batches(args)
    rates = measure(asked, args)
    title = f"The five-stage line, longer and shorter, kernel {kernel()}, one thread"
    tell(title, args, line, results(asked, rates), rates, table_of(asked, rates))


if __name__ == "__main__":
    main()
