"""A plan as it was carried out, as text: who put which line under pull when, with what money, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.levers import LeverTable
from jitgym.enterprise.runs import Run

QUARTERS = 4
"""Columns of a year."""
SHADES = " .:-=+*#"
"""Money, from none to the most of the row's lever."""


def timeline(run: Run, enterprise: Enterprise, company: int = 0) -> str:
    """Return the timeline of one company: a row for each lever, a column for each quarter.

    Under ``pull`` stands how many stages of a line are under pull at the end of the quarter, ``.`` for none; under
    ``cards`` its safety cards in steps of the lever; under the others how much of the lever's most was spent.

    Args:
        run: what the policy did.
        enterprise: the company.
        company: which of the batch.
    """
    levers = LeverTable(enterprise)
    edges = _edges(run.stage.shape[1], enterprise.periods_per_year)
    width = max(len(name) for name in (*enterprise.line_names, *enterprise.supplier_names))
    rows = [f"{'':{width + 12}} |{_years(len(edges) - 1)}"]

    def add(label: str, name: str, cells: Sequence[str]) -> None:
        marks = "".join(("|" if i % QUARTERS == 0 else "") + cell for i, cell in enumerate(cells))
        rows.append(f"{label:11} {name:{width}} {marks}|")

    for line, name in enumerate(enterprise.line_names):
        stages = run.stage[company, :, line]
        add("pull", name, [str(stages[end - 1]) if stages[end - 1] else "." for end in edges[1:]])
    for line, name in enumerate(enterprise.line_names):
        cards = run.cards[company, :, line]
        add("cards", name, [_digit(int(cards[end - 1])) for end in edges[1:]])
    for column, lever in enumerate(levers.levers):
        if lever.kind in ("cards", "rollout"):
            continue
        spent = run.spent[company, :, column]
        if spent.any():
            names = enterprise.supplier_names if lever.kind in levers.suppliers else enterprise.line_names
            most = max(lever.high * lever.unit, float(spent.max()) if lever.kind == "alternative" else 0.0)
            add(lever.kind, names[lever.place], _shades(spent, edges, most))
    return "\n".join(rows)


def milestones(run: Run, enterprise: Enterprise, company: int = 0) -> list[str]:
    """Return sentences that tell when each line was put under pull: ``month 7: pilot at shafts``."""
    found = []
    n_stages = len(enterprise.line.stages)
    for line, name in enumerate(enterprise.line_names):
        stages = np.concatenate([[0], run.stage[company, :, line].astype(np.int64)])
        for period in np.flatnonzero(np.diff(stages)):
            before, now = stages[period], stages[period + 1]
            what = "pilot at" if before == 0 else "back to push:" if now == 0 else None
            if now == n_stages:
                what = "pull at all stages of"
            if what is not None:
                found.append((int(period), f"{what} {name}"))
        if not stages.any():
            found.append((run.stage.shape[1], f"{name} stays under push"))
    months = 12 / enterprise.periods_per_year
    return [
        what if period == run.stage.shape[1] else f"month {round((period + 1) * months)}: {what}"
        for period, what in sorted(found)
    ]


def _edges(horizon: int, periods_per_year: int) -> list[int]:
    """Return the periods at which quarters end, with 0 first; of periods longer than a quarter, the one under way."""
    n = max(1, round(horizon / periods_per_year * QUARTERS))
    if horizon < n:
        return [-(-i * horizon // n) for i in range(n + 1)]
    return [round(i * horizon / n) for i in range(n + 1)]


def _years(n: int) -> str:
    return "|".join(f"{f'y{year + 1}':{QUARTERS}}" for year in range(-(-n // QUARTERS))) + "|"


def _digit(value: int) -> str:
    return str(value) if value < 10 else chr(ord("a") + min(value - 10, 25))


def _shades(spent: npt.NDArray[np.float32], edges: list[int], most: float) -> list[str]:
    means = [float(spent[min(begin, end - 1) : end].mean()) / most for begin, end in pairwise(edges)]
    return [SHADES[min(len(SHADES) - 1, int(np.ceil(mean * (len(SHADES) - 1))))] for mean in means]
