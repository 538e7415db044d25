"""The buffer trap, replayed: where safety cards were put back, and what became of visible problems and of kaizen."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.runs import Run
from jitgym.web.news import percent, said

Floats = npt.NDArray[np.float64]

WINDOW: Final = 13
"""Periods before and after cards were put back that are compared."""
LEAST: Final = 3
"""Periods that must lie on either side."""


def kaizen_pace(visible: Floats, people: Floats, enterprise: Enterprise) -> Floats:
    """Return the share of the gap to full capability that people close by themselves in a period.

    ``kaizen x people x visible / (visible + v)``, see :mod:`jitgym.enterprise.capability`.

    Args:
        visible: share of machine time lost in plain sight, of a period.
        people: capability of people before it, the same shape.
        enterprise: its dynamics.
    """
    dynamics, months = enterprise.dynamics, 12 / enterprise.periods_per_year
    rate = 1 - 2 ** (-months / dynamics.kaizen) if dynamics.kaizen > 0 else 1.0
    pace: Floats = rate * people * visible / (visible + dynamics.visible)
    return pace


def buffer_trap(run: Run, people: Floats, enterprise: Enterprise) -> dict[str, Any]:
    """Return the series of every line, and each occasion on which cards were put back.

    Args:
        run: of one company.
        people: capability of people at its start, ``(n_lines,)``.
        enterprise: the company.
    """
    visible, cards, stage = run.measure("visible")[0], run.cards[0].astype(int), run.stage[0].astype(int)
    before = np.concatenate([people[None], run.people[0, :-1]]).astype(np.float64)
    pace = kaizen_pace(visible, before, enterprise)
    unit = int(enterprise.levers.cards.unit)
    occasions = []
    for line, name in enumerate(enterprise.line_names):
        for period in _put_back(cards[:, line], stage[:, line]):
            occasions.append(_occasion(name, line, period, visible, pace, cards, unit, enterprise))
    occasions.sort(key=lambda one: one["period"])
    return {
        "lines": [
            {
                "name": name,
                "cards": (cards[:, line] * unit).tolist(),
                "visible": visible[:, line].round(4).tolist(),
                "kaizen": _a_year(pace[:, line], enterprise).round(4).tolist(),
            }
            for line, name in enumerate(enterprise.line_names)
        ],
        "occasions": occasions,
    }


def _put_back(cards: npt.NDArray[Any], stage: npt.NDArray[Any]) -> list[int]:
    """Return the periods in which cards went up while stages were under pull; of some in a row, the first."""
    found: list[int] = []
    last = -WINDOW
    for period in range(LEAST, len(cards) - LEAST + 1):
        if cards[period] > cards[period - 1] and stage[period - 1] > 0:
            if period - last > LEAST:
                found.append(period)
            last = period
    return found


def _occasion(
    name: str,
    line: int,
    period: int,
    visible: Floats,
    pace: Floats,
    cards: npt.NDArray[Any],
    unit: int,
    enterprise: Enterprise,
) -> dict[str, Any]:
    sides = slice(max(0, period - WINDOW), period), slice(period, period + WINDOW)
    seen = [float(visible[side, line].mean()) for side in sides]
    gains = [float(_a_year(pace[side, line], enterprise).mean()) for side in sides]
    more = int(cards[sides[1], line].max() - cards[period - 1, line]) * unit
    year, of_year = divmod(period, enterprise.periods_per_year)
    before, after = (percent(share, 1) for share in seen)
    text = (
        f"Year {year + 1}, period {of_year + 1}: you put {more} cards of each product back at {said(name)}. In the "
        f"periods before, {before} of machine time was lost in plain sight; after it {after}. "
        f"What people improve by themselves went from {percent(gains[0])} of the gap a year to {percent(gains[1])}."
    )
    return {"line": name, "period": period, "more": more, "visible": seen, "kaizen": gains, "text": text}


def _a_year(pace: Floats, enterprise: Enterprise) -> Floats:
    """Return the share of a gap that a year closes at the pace of a period."""
    whole: Floats = 1 - (1 - pace) ** enterprise.periods_per_year
    return whole
