"""Charts of a contest: differences to the best tuned rule line by line, and performance profiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from jitgym.pages.charts import FOOT, names_width
from jitgym.pages.document import Figure
from jitgym.pages.stored_contest import StoredRow, StoredSummary
from jitgym.pages.svg import WIDTH, Drawing, Scale, around, fitted
from jitgym.palette import KINDS

MOST: Final = 100.0
"""Percent beyond which a difference is drawn at the edge."""
APART: Final = 11.0
"""Height of the place of one kind of policy on a line."""


def standings(here: Sequence[StoredRow], under: str = "") -> Figure:
    """Draw the difference of every policy to the best tuned rule of its line, with its interval.

    Args:
        here: rows of the standings, of several kinds.
        under: what has changed; empty: nothing.
    """
    kinds, tasks = list(dict.fromkeys(row.kind for row in here)), list(dict.fromkeys(row.task for row in here))
    colours = {kind: f"kind-{i % len(KINDS)}" for i, kind in enumerate(kinds)}
    told = f"Difference in cost to the best tuned rule, %{f' ({under})' if under else ''}. "
    told += "; ".join(f"{row.task}, {row.kind}: {_written(row)}" for row in here)
    height = APART * len(kinds) + 10
    bottom = 12 + height * len(tasks)
    drawing = Drawing(bottom + FOOT, told)
    left = names_width(tasks)
    ends = [end for row in here for end in (row.percent_low, row.percent_high, *row.spread)]
    scale = Scale(*around([min(end, MOST) for end in ends], 0.0), left, WIDTH - 16)
    drawing.across(scale, 6, bottom, "cost less that of the best tuned rule, %: left of the line is cheaper")
    drawing.line(scale(0), 6, scale(0), bottom, "zero")
    for i, task in enumerate(tasks):
        top = 12 + height * i
        drawing.text(left - 14, top + height / 2 + 4.5, fitted(task, left - 20), "end", "name")
        if i:
            drawing.line(0, top, WIDTH - 16, top, "grid")
        for row in (row for row in here if row.task == task):
            y = top + 5 + APART * (kinds.index(row.kind) + 0.5)
            _draw(drawing, scale, y, row, colours[row.kind])
    caption = (
        f"Paired difference to the best tuned rule of each line, with 95 % interval{f': {under}' if under else ''}"
        f"{'; pale dots are all training seeds' if any(row.spread for row in here) else ''}."
        f"{f' What is beyond {MOST:g} % is drawn at the edge.' if max(ends, default=0) > MOST else ''}"
    )
    return Figure(caption, drawing.svg, told, tuple((colours[kind], kind) for kind in kinds))


def _draw(drawing: Drawing, scale: Scale, y: float, row: StoredRow, colour: str) -> None:
    for score in row.spread:
        drawing.dot(scale(min(score, MOST)), y, 3, colour, of="faint")
    if math.isfinite(row.percent):
        low, high = (scale(min(end, MOST)) for end in (row.percent_low, row.percent_high))
        drawing.line(low, y, high, y, "whisker wide", colour)
        drawing.dot(scale(min(row.percent, MOST)), y, 4.5, colour, f"{row.task}, {row.policy}: {_written(row)}")


def _written(row: StoredRow) -> str:
    return f"{row.percent:+.2f} % [{row.percent_low:+.2f}, {row.percent_high:+.2f}]".replace("-", "−")


def profiles(together: Mapping[str, StoredSummary]) -> Figure:
    """Draw the share of agents that cost at most so much of the best tuned rule, with its band."""
    told = "Share of agents, all lines and training seeds, that cost at most as much as the best tuned rule: "
    told += ", ".join(f"{name} {100 * _share_at_one(one):.0f} %" for name, one in together.items())
    drawing = Drawing(340 + FOOT, told)
    scores = [score for one in together.values() for row in one.scores for score in row]
    taus = [tau for one in together.values() for tau in one.profile.taus]
    low, high = max(min(taus), min([*scores, 0.95])), min(max(taus), max([*scores, 1.05]))
    across = Scale(100 * low, 100 * high, 76, WIDTH - 16)
    up = Scale(0, 100, 340, 40)
    drawing.across(across, 40, 340, "cost of at most this much of the best tuned rule's, %")
    drawing.along(up, 76, WIDTH - 16, "share of agents, all lines and training seeds, %")
    drawing.line(across(100), 40, across(100), 340, "zero")
    for i, (_, one) in enumerate(together.items()):
        colour, profile = f"kind-{i % len(KINDS)}", one.profile
        kept = [k for k, tau in enumerate(profile.taus) if low - 1e-9 <= tau <= high + 1e-9]
        xs = {k: across(100 * profile.taus[k]) for k in kept}
        band = [(xs[k], up(100 * profile.high[k])) for k in kept]
        drawing.area([*band, *((xs[k], up(100 * profile.low[k])) for k in reversed(kept))], colour)
        drawing.way([(xs[k], up(100 * profile.shares[k])) for k in kept], "curve", colour)
    legend = tuple((f"kind-{i % len(KINDS)}", name) for i, name in enumerate(together))
    caption = "Performance profiles: the higher curve is better. Bands are Wilson's 95 % intervals, point by point."
    return Figure(caption, drawing.svg, told, legend)


def _share_at_one(one: StoredSummary) -> float:
    """Return the share of agents that cost at most as much as the rule."""
    scores = [score for row in one.scores for score in row]
    return sum(score <= 1 for score in scores) / max(len(scores), 1)
