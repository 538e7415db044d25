"""Charts of a comparison: paired differences, what costs are made of, and what cost is traded for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from jitgym.pages.document import Figure
from jitgym.pages.stored import FrontPoint, StoredComparison
from jitgym.pages.svg import LETTER, WIDTH, Drawing, Scale, around, fitted
from jitgym.palette import KINDS, TERMS
from jitgym.report import number, places, plus_minus, setting, signed

ROW: Final = 30.0
"""Height of a row of a chart with one policy a row."""
FIGURE: Final = 8.0
"""Width of a figure: all are as wide as each other."""
FOOT: Final = 52.0
"""Height of an axis with marks and label."""
DEAR: Final = 1.5
"""Times the cost of the cheapest setting up to which the chart of what it is traded for reaches."""


def colour_of(stored: StoredComparison, name: str) -> str:
    """Return the colour of a policy: an agent's, or that of a rule."""
    return "challenger" if stored.policies[name].kind == "agent" else "rule"


def names_width(names: Sequence[str]) -> float:
    """Return the width of a column of names at the left of a chart."""
    return min(max(LETTER * max(map(len, names)) + 24, 90.0), 270.0)


def differences(stored: StoredComparison) -> Figure:
    """Draw how much more than the best rule every policy costs, seed by seed, with the interval."""
    shown = {name: stored.policies[name].difference.interval for name in stored.ranking if name != stored.reference}
    digits = places(shown.values())
    words = {name: signed(difference, digits) for name, difference in shown.items()}
    told = f"Difference to {stored.reference} in cost a slot, paired, with 95 % interval. "
    told += "; ".join(f"{name}: {one}" for name, one in words.items())
    bottom = 12 + ROW * len(shown)
    drawing = Drawing(bottom + FOOT, told)
    left, beside = names_width(list(shown)), max(map(len, words.values())) * FIGURE + 24
    ends = (end for difference in shown.values() for end in (difference.low, difference.high))
    scale = Scale(*around(ends, 0.0), left, WIDTH - beside)
    drawing.across(scale, 6, bottom, f"cost a slot less that of {stored.reference}: left of the line is cheaper")
    drawing.line(scale(0), 6, scale(0), bottom, "zero")
    for i, (name, difference) in enumerate(shown.items()):
        y, colour = 12 + ROW * (i + 0.5), colour_of(stored, name)
        drawing.text(left - 14, y + 4.5, fitted(name, left - 20), "end", "name")
        if math.isfinite(difference.low):
            drawing.whisker(scale(difference.low), scale(difference.high), y, "whisker wide", colour)
            drawing.dot(scale(difference.mean), y, 5.5, colour, f"{name}: {words[name]}")
        drawing.text(WIDTH - beside + 18, y + 4.5, words[name], "start", "figures")
    caption = (
        f"Paired difference to {stored.reference}, the best tuned rule, with 95 % interval: all policies met the same "
        "seeds, and thus the same luck. An interval that holds zero shows no difference."
    )
    return Figure(caption, drawing.svg, told)


def cost_bars(stored: StoredComparison) -> Figure:
    """Draw a bar for every policy, cheapest on top, split by cost term, with the interval of the whole."""
    names = stored.ranking
    totals = {name: stored.policies[name].kpis["cost"].interval for name in names}
    digits = places(totals.values())
    terms = [term for term in TERMS if any(_part(stored, name, term) for name in names)]
    told = "Mean cost a slot of every policy: " + "; ".join(
        f"{name} {plus_minus(totals[name], digits)}, of it "
        + ", ".join(f"{TERMS[term][1]} {number(_part(stored, name, term))}" for term in terms)
        for name in names
    )
    bottom = 12 + ROW * len(names)
    drawing = Drawing(bottom + FOOT, told)
    left, beside = names_width(names), 120.0
    scale = Scale(0.0, max([total.high for total in totals.values() if total.high > 0] or [1.0]), left, WIDTH - beside)
    drawing.across(scale, 6, bottom, "mean cost, money a slot, with 95 % interval of the whole")
    for i, name in enumerate(names):
        top, end = 12 + ROW * i, 0.0
        drawing.text(left - 14, top + ROW / 2 + 4.5, fitted(name, left - 20), "end", "name")
        for term in terms:
            part = max(_part(stored, name, term), 0.0)
            tip = f"{name}, {TERMS[term][1]}: {number(part)} a slot"
            drawing.box(scale(end), top + 4, scale(end + part) - scale(end), ROW - 8, f"term-{term}", tip, "segment")
            end += part
        drawing.box(scale(0), top + 4, scale(end) - scale(0), ROW - 8, "", of="outline")
        total = totals[name]
        if math.isfinite(total.high):
            drawing.whisker(scale(total.low), scale(total.high), top + ROW / 2)
        drawing.text(WIDTH - beside + 14, top + ROW / 2 + 4.5, plus_minus(total, digits), "start", "figures")
    legend = tuple((f"term-{term}", TERMS[term][1]) for term in terms)
    caption = "What the cost of a slot is made of. The interval is that of one policy alone; for differences see above."
    return Figure(caption, drawing.svg, told, legend)


def _part(stored: StoredComparison, name: str, term: str) -> float:
    found = stored.policies[name].cost_by_term.get(term)
    return found.mean if found is not None and math.isfinite(found.mean) else 0.0


def front(points: Sequence[FrontPoint]) -> Figure:
    """Draw what settings trade: fill rate and stock against cost."""
    cheapest = points[0].cost
    shown = [point for point in points if point.cost - cheapest <= (DEAR - 1) * abs(cheapest)]
    rules = list(dict.fromkeys(point.rule for point in shown))
    own = ("rule", *(f"kind-{i}" for i in range(len(KINDS))))
    colours = {rule: own[i] if i < len(own) else "other" for i, rule in enumerate(rules)}
    told = (
        f"{len(shown)} settings, fill rate and stock against cost a slot. The cheapest: {_told(shown[0])}. "
        f"The dearest: {_told(shown[-1])}."
    )
    drawing = Drawing(342, told)
    fields = ((76.0, 460.0), (572.0, WIDTH - 12))
    wanted = (("fill rate, %", [100 * p.fill_rate for p in shown]), ("WIP and FG, units", [p.stock for p in shown]))
    for (left, right), (label, values) in zip(fields, wanted, strict=True):
        across = Scale(*around(p.cost for p in shown), left, right)
        up = Scale(*around(values), 290, 40)
        drawing.across(across, 40, 290, "cost a slot")
        drawing.along(up, left, right, label)
        for point, value in zip(shown, values, strict=True):
            if math.isfinite(value):
                drawing.dot(across(point.cost), up(value), 5, colours[point.rule], _told(point))
    legend = [(colours[rule], rule) for rule in rules[: len(own)]]
    legend += [("other", ", ".join(rules[len(own) :]))] if len(rules) > len(own) else []
    left_out = len(points) - len(shown)
    caption = (
        "Settings that no other one beats in cost, fill rate and stock at once; one dot in each field for each setting"
        f"{f'. {left_out} that cost more than {DEAR:g} times the cheapest are not drawn' if left_out else ''}."
    )
    return Figure(caption, drawing.svg, told, tuple(legend))


def _told(point: FrontPoint) -> str:
    figures = f"cost {number(point.cost, 4)}, fill rate {number(100 * point.fill_rate)} %, stock {number(point.stock)}"
    return f"{point.rule} ({setting(point.numbers)}): {figures}"


def training_curve(looks: Sequence[tuple[float, float]], kept: float | None) -> Figure:
    """Draw what an agent cost on seeds of validation while it was trained."""
    told = "Cost a slot on seeds of validation: " + ", ".join(f"{number(y, 4)} after {x:,.0f} steps" for x, y in looks)
    drawing = Drawing(300, told)
    left = 76.0
    across = Scale(0.0, max(1.0, *(x for x, _ in looks)), left, WIDTH - 20)
    up = Scale(*around((y for _, y in looks), room=0.12), 246, 40)
    drawing.across(across, 40, 246, "steps of training")
    drawing.along(up, left, WIDTH - 20, "cost a slot")
    drawing.way([(across(x), up(y)) for x, y in looks], "curve", "challenger")
    for x, y in looks:
        chosen = x == kept
        tip = f"{number(y, 4)} after {x:,.0f} steps{', which was kept' if chosen else ''}"
        drawing.dot(across(x), up(y), 6.5 if chosen else 4, "challenger", tip)
    caption = "The agent on seeds of validation, which the comparison does not meet"
    caption += "; the large dot is what was kept." if kept in [x for x, _ in looks] else "."
    return Figure(caption, drawing.svg, told)
