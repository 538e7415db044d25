"""The buffer trap, replayed: where safety cards were put back, and what became of visible problems and of kaizen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.capability import kaizen_pace
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.runs import Run
from jitgym.web.news import percent, said

Floats = npt.NDArray[np.float64]

WINDOW: Final = 13
"""Periods before and after cards were put back that are compared."""
LEAST: Final = 3
"""Periods that must lie on either side."""


def buffer_trap(
    run: Run, people: Floats, enterprise: Enterprise, others: Mapping[str, Run] | None = None, since: int = 0
) -> dict[str, Any]:
    """Return the series of every line, and each occasion on which cards were put back.

    Args:
        run: of one company.
        people: capability of people at its start, ``(n_lines,)``.
        enterprise: the company.
        others: who ran the same company under the same luck, by name, to compare with.
        since: the first period that is looked at for occasions.
    """
    paces = {name: _paces(other, people, enterprise) for name, other in (others or {}).items()}
    own, cards, unit = _paces(run, people, enterprise), run.cards[0].astype(int), int(enterprise.levers.cards.unit)
    occasions: list[dict[str, Any]] = []
    for line, name in enumerate(enterprise.line_names):
        for period, back in _put_back(cards[:, line], run.stage[0, :, line].astype(int), enterprise.start_cards):
            if period >= since:
                after = slice(period, period + WINDOW)
                more = int(cards[after, line].max() - cards[period - 1, line]) * unit
                beside = _beside(run, others or {}, line, after)
                sides = [(own, slice(max(0, period - WINDOW), period))] if beside is None else [(paces[beside], after)]
                seen, gains = zip(*(_means(*side, line, enterprise) for side in (*sides, (own, after))), strict=True)
                text = _told(enterprise, name, period, f"{more} cards of each product {'back' if back else 'more'}")
                text += _before(seen, gains) if beside is None else _beside_told(beside, seen, gains)
                occasion = {"line": name, "period": period, "more": more, "back": back, "against": beside}
                occasions.append({**occasion, "visible": list(seen), "kaizen": list(gains), "text": text})
    occasions.sort(key=lambda one: one["period"])
    return {
        "lines": [
            {
                "name": name,
                "cards": (cards[:, line] * unit).tolist(),
                "visible": own[0][:, line].round(4).tolist(),
                "kaizen": _a_year(own[1][:, line], enterprise).round(4).tolist(),
            }
            for line, name in enumerate(enterprise.line_names)
        ],
        "occasions": occasions,
    }


Paces = tuple[Floats, Floats]


def _paces(run: Run, people: Floats, enterprise: Enterprise) -> Paces:
    """Return what was lost in plain sight, and the pace of kaizen, each ``(n_periods, n_lines)``."""
    visible = run.measure("visible")[0]
    before = np.concatenate([people[None], run.people[0, :-1]]).astype(np.float64)
    return visible, kaizen_pace(enterprise, before, visible)


def _put_back(cards: npt.NDArray[Any], stage: npt.NDArray[Any], start: int) -> list[tuple[int, bool]]:
    """Return the periods in which cards went up while stages were under pull; of some in a row, the first.

    With each: whether there had been more before, so that they were put back.
    """
    found: list[tuple[int, bool]] = []
    last = -WINDOW
    for period in range(LEAST, len(cards) - LEAST + 1):
        if cards[period] > cards[period - 1] and stage[period - 1] > 0:
            if period - last > LEAST:
                found.append((period, max(start, int(cards[:period].max())) > int(cards[period - 1])))
            last = period
    return found


def _beside(run: Run, others: Mapping[str, Run], line: int, after: slice) -> str | None:
    """Return who had as many stages of a line under pull, and fewer cards; of several, who had most of them."""
    able = {
        name: int(other.cards[0, after, line].max())
        for name, other in others.items()
        if np.array_equal(other.stage[0, after, line], run.stage[0, after, line])
        and other.cards[0, after, line].max() < run.cards[0, after, line].max()
    }
    return max(able, key=lambda name: able[name]) if able else None


def _means(paces: Paces, when: slice, line: int, enterprise: Enterprise) -> tuple[float, float]:
    visible, pace = paces
    return float(visible[when, line].mean()), float(_a_year(pace[when, line], enterprise).mean())


def _told(enterprise: Enterprise, line: str, period: int, what: str) -> str:
    year, of_year = divmod(period, enterprise.periods_per_year)
    return f"Year {year + 1}, period {of_year + 1}: you put {what} at {said(line)}. "


def _beside_told(name: str, seen: Sequence[float], gains: Sequence[float]) -> str:
    return (
        f"In the year after, {percent(seen[1], 1)} of machine time was lost in plain sight; with {name}, who had fewer "
        f"cards and the same luck, {percent(seen[0], 1)}. People improved {percent(gains[1])} of the gap a year by "
        f"themselves; there {percent(gains[0])}."
    )


def _before(seen: Sequence[float], gains: Sequence[float]) -> str:
    return (
        f"In the year before, {percent(seen[0], 1)} of machine time was lost in plain sight; in the year after, "
        f"{percent(seen[1], 1)}. What people improve by themselves went from {percent(gains[0])} of the gap a year to "
        f"{percent(gains[1])}. Luck changed too, so this is not all the buffer's doing."
    )


def _a_year(pace: Floats, enterprise: Enterprise) -> Floats:
    """Return the share of a gap that a year closes at the pace of a period."""
    whole: Floats = 1 - (1 - pace) ** enterprise.periods_per_year
    return whole
