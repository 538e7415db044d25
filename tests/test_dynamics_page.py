"""The worked example of the dynamics page, replayed slot by slot in both backends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from jitgym.fields import DOWN
from jitgym.simulator import Simulator

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "dynamics.md").read_text(encoding="utf-8")
EXAMPLE = PAGE[PAGE.index("## Five slots of a line") : PAGE.index("## Bounds")]


def rows_of_the_page() -> list[list[str]]:
    """Return the cells of the table, one list for each slot."""
    lines = re.findall(r"^\| (\d .*) \|$", EXAMPLE, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def row_of(slot: int, line: Simulator) -> list[str]:
    """Step a line by one slot and return the cells of the table."""
    ledger = line.step(line.default_knobs, 1)
    cells = [str(slot), *(str(ledger[name][0, 0]) for name in ("ordered", "delivered"))]
    cells += [str(line.state("overdue")[0, 0]), *(str(ledger[name][0]) for name in ("demand", "shipped"))]
    cells += [str(line.state("backlog")[0]), str(line.state("stock")[0, 0])]
    cut, pack = (" ".join(str(line.state(name)[0, i]) for name in ("queue", "job", "store")) for i in range(2))
    return [*cells, cut, "down" if line.state("mode")[0, 0] == DOWN else "", pack]


@pytest.mark.parametrize("backend", ["core", "oracle"])
def test_five_slots_of_a_line(backend):
    (description,) = re.findall(r"```yaml\n(.*?)```", EXAMPLE, re.DOTALL)
    (seed,) = re.findall(r"Seed (\d+)", EXAMPLE)
    line = Simulator(yaml.safe_load(description), 1, int(seed), backend)
    rows = rows_of_the_page()
    assert len(rows) == 5
    for slot, row in enumerate(rows):
        assert row_of(slot, line) == row


def test_every_source_of_luck_is_on_the_page():
    from jitgym import oracle

    told = {int(source, 16) for source in re.findall(r"^\| `(0x[0-9A-F]+)", PAGE, re.MULTILINE)}
    assert told == {value for name, value in vars(oracle).items() if name.startswith("SOURCE_")}
