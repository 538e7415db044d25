"""What was in the news of a period, in plain words: luck that came and went, and what became of decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import BACK, NEXT, PILOT
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.state import NEVER
from jitgym.web.shortage import Shortage

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Tone = Literal["bad", "pain", "short", "good", "neutral", "own"]

PAIN: Final = 0.8
"""Fill rate below which customers are in the news."""
FILL: Final = list(MEASURES).index("fill_rate")
BACKLOG: Final = list(MEASURES).index("backlog")


@dataclass(frozen=True)
class News:
    """One sentence.

    Attributes:
        tone: whether it is bad luck, pain of customers, shortness of money, good, neither, or of one's own making.
        about: the line or supplier, or empty: the company.
        text: the sentence.
        word: the same in a word or two; empty: there is none.
    """

    tone: Tone
    about: str
    text: str
    word: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Situation:
    """What news is told against: copies of what a period changes."""

    outage: Ints
    shift: Floats
    escape: Ints
    cut: int
    waiting: Ints
    stage: Ints
    fill: Floats

    @classmethod
    def of(cls, companies: Companies) -> Situation:
        """Return the situation of the first company."""
        state = companies.state
        trouble = state.trouble
        return cls(
            trouble.outage[0].copy(),
            trouble.shift[0].copy(),
            trouble.escape[0].copy(),
            int(trouble.cut[0]),
            state.waiting[0].copy(),
            state.stage[0].copy(),
            state.measures[0, :, FILL].copy(),
        )


def percent(share: float, digits: int = 0) -> str:
    """Return a share in words: 0.31 is "31 %", which is not broken at the end of a line."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def said(name: str) -> str:
    """Return a name as it is said: ``second_foundry`` is "second foundry"."""
    return name.replace("_", " ")


def news_of(
    companies: Companies,
    before: Situation,
    decisions: Ints,
    lacked: Shortage | None = None,
    lacks: Shortage | None = None,
) -> list[News]:
    """Return the news of the period that the first company has just had.

    Args:
        companies: after it.
        before: the situation before it.
        decisions: of the period, ``(n_levers,)``.
        lacked: what the period before went short of; None: of nothing.
        lacks: what this one went short of.
    """
    now = Situation.of(companies)
    return [
        *_of_suppliers(companies, before, now),
        *_of_lines(companies, before, now),
        *_of_headquarters(companies, before, now),
        *_of_own_making(companies, before, now, decisions),
        *_of_money(companies, lacked or Shortage(), lacks or Shortage()),
    ]


def _of_suppliers(companies: Companies, before: Situation, now: Situation) -> Iterator[News]:
    for i, supplier in enumerate(companies.enterprise.suppliers):
        name = said(supplier.name)
        if _begins(before.outage[i], now.outage[i]):
            if now.waiting[i] == 0:
                yield News("bad", supplier.name, f"The {name} is down: it delivers nothing.", "down")
            else:
                yield News("neutral", supplier.name, f"The {name} is down; you have no orders there yet.", "down")
        elif before.outage[i] > 0 and now.outage[i] == 0 and now.waiting[i] == 0:
            yield News("good", supplier.name, f"The {name} delivers again.")
        if before.waiting[i] > 0 and now.waiting[i] == 0:
            text = f"The {name} is qualified: from now on it delivers the share that you give it."
            yield News("own", supplier.name, text)


def _of_lines(companies: Companies, before: Situation, now: Situation) -> Iterator[News]:
    backlog = companies.state.measures[0, :, BACKLOG]
    for i, name in enumerate(companies.enterprise.line_names):
        if now.shift[i] != before.shift[i]:
            went = "fell" if now.shift[i] < before.shift[i] else "rose"
            text = f"Demand of {said(name)} {went} to {now.shift[i]:.2f} times that of the start."
            yield News("neutral", name, text, f"demand × {now.shift[i]:.2f}")
        if _begins(before.escape[i], now.escape[i]):
            yield News("bad", name, f"A bad lot at {said(name)}: many more defects than usual.", "bad lot")
        if now.fill[i] < PAIN <= before.fill[i]:
            served = f"{percent(now.fill[i])} were served from stock; backlog {backlog[i]:.1f} days"
            yield News("pain", name, f"Customers of {said(name)} wait: {served}.", "customers wait")


def _of_headquarters(companies: Companies, before: Situation, now: Situation) -> Iterator[News]:
    times = companies.enterprise.shocks.budget_cut.times
    if _begins(before.cut, now.cut):
        yield News("bad", "", f"Headquarters cut the budget for improvement to {percent(times)}.")
    elif before.cut > 0 and now.cut == 0:
        yield News("good", "", "Headquarters restored the budget for improvement.")


def _of_own_making(companies: Companies, before: Situation, now: Situation, decisions: Ints) -> Iterator[News]:
    enterprise, columns = companies.enterprise, companies.levers.columns
    stages = enterprise.line.stage_names
    for i, column in enumerate(columns["rollout"]):
        name, order = enterprise.line_names[i], decisions[column]
        wanted = (order == PILOT and before.stage[i] == 0) or (order == NEXT and 0 < before.stage[i] < len(stages))
        if now.stage[i] > before.stage[i]:
            yield News("own", name, f"{said(name).capitalize()}: {stages[-int(now.stage[i])]} is under pull.")
        elif order == BACK and before.stage[i] > 0:
            yield News("own", name, f"{said(name).capitalize()} went back to push at all stages.")
        elif wanted:
            text = f"No money was left to put one more stage of {said(name)} under pull."
            yield News("short", name, text, "no money")
    for i, name in enumerate(enterprise.supplier_names):
        if before.waiting[i] == NEVER and now.waiting[i] != NEVER:
            yield News("own", name, f"The qualification of the {said(name)} has begun.")


def _of_money(companies: Companies, lacked: Shortage, lacks: Shortage) -> Iterator[News]:
    """Tell of decisions that stand, and could not be paid, when that begins, grows notably worse, or ends."""
    for i in sorted(lacks.unqualified - lacked.unqualified):
        supplier = companies.enterprise.suppliers[i]
        assert supplier.alternative is not None  # who is not qualified is an alternative: it is validated
        cost = f"it takes {supplier.alternative.cost:,.0f} at once"
        advice = "Ask for less elsewhere and save for some periods first."
        text = f"No money was left to qualify the {said(supplier.name)}: {cost}. {advice}"
        yield News("short", supplier.name, text, "no money")
    if lacks.told < lacked.told:
        yield News("short", "", f"The budget reached for {percent(lacks.share)} of what was to be invested.")
    elif lacked.share < 1 == lacks.share and lacks.invested:
        yield News("good", "", "The budget reaches again for all that is to be invested.")


def _begins(before: int | np.integer[Any], now: int | np.integer[Any]) -> bool:
    """Whether a trouble that is counted down has begun in this period."""
    return bool(now > 0 and before <= 1)
