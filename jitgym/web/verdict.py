"""How it ended: results side by side, who won and why in sentences that are worked out from the figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.analysis import Analysis
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.runs import RESULTS, Run, months_to_payback, results, run_of
from jitgym.web.chronicle import Chronicle
from jitgym.web.news import percent, said
from jitgym.web.trap import buffer_trap

Floats = npt.NDArray[np.float64]

YOU: Final = "you"
"""What the student is called."""
BASE: Final = "never"
"""The rule that payback is counted against, where it runs beside."""
MILLION: Final = 1_000_000
CLOSE: Final = 0.01
"""Share of the winner's economic profit below which a difference is none to speak of."""


@dataclass(frozen=True)
class Contender:
    """One who has run the company to its end.

    Attributes:
        name: ``you`` or of a policy.
        run: its years.
        chronicle: as they were written down.
        stock: worth of the stock in the last year, as a share of that when the student began.
        capability: of changeover, quality and maintenance, mean of all lines, when the student began and at the end.
        results: see :data:`jitgym.enterprise.runs.RESULTS`.
    """

    name: str
    run: Run
    chronicle: Chronicle
    stock: float
    capability: tuple[float, float]
    results: dict[str, float]

    @classmethod
    def of(cls, name: str, chronicle: Chronicle, end: int, begin: int = 0) -> Contender:
        """Return a contender whose years from a period on and up to an end are judged."""
        enterprise = chronicle.companies.enterprise
        before = chronicle.rows[begin - 1] if begin else None
        opening = chronicle.opening if before is None else before["working_capital"]
        stock = chronicle.stock if before is None else float(before["inventory"][0])
        run = run_of(opening, chronicle.rows[begin:end])
        found = {key: float(value[0]) for key, value in results(run, enterprise).items()}
        last = float(run.inventory[0, -enterprise.periods_per_year :].mean())
        first = chronicle.capability if before is None else float(before["capability"].mean())
        able = first, float(run.capability[0, -1].mean())
        return cls(name, run, chronicle, last / stock if stock else math.nan, able, found)

    @property
    def is_you(self) -> bool:
        """Whether it is the student."""
        return self.name == YOU

    @property
    def subject(self) -> str:
        """The name as the first word of a sentence."""
        return self.name[0].upper() + self.name[1:]

    def mean(self, measure: str, line: int | None = None) -> float:
        """Return the mean of a measure over all periods, of all lines or of one."""
        values = self.run.measure(measure)[0]
        return float(values.mean() if line is None else values[:, line].mean())


def verdict(contenders: Sequence[Contender], companies: Companies, since: int = 0) -> dict[str, Any]:
    """Return what a page shows at the end.

    Args:
        contenders: the student first, all judged from the same period on.
        companies: one of their companies.
        since: that period.
    """
    enterprise = companies.enterprise
    payback = _payback(contenders, enterprise)
    return {
        "names": [one.name for one in contenders],
        "results": [
            {"name": key, "unit": unit, "formula": formula, "values": [_number(one.results[key]) for one in contenders]}
            for key, (unit, formula) in RESULTS.items()
        ],
        "stock": [_number(one.stock) for one in contenders],
        "payback": [None if months is None else _number(months) for months in payback],
        "payback_same": [one.name != BASE and months is None for one, months in zip(contenders, payback, strict=True)],
        "payback_base": BASE if any(one.name == BASE for one in contenders) else None,
        "bridge": _bridge(contenders, enterprise),
        "sentences": list(_sentences(contenders, companies, payback)),
        "truth": {one.name: one.chronicle.truth() for one in contenders},
        "trap": buffer_trap(
            _whole(contenders[0]),
            contenders[0].chronicle.people,
            enterprise,
            {one.name: _whole(one) for one in contenders[1:]},
            since,
        ),
    }


def _whole(one: Contender) -> Run:
    """Return all years of a contender, also those before they are judged."""
    return run_of(one.chronicle.opening, one.chronicle.rows[: len(one.chronicle)])


def _number(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return round(value, 6) if math.isfinite(value) else None


def _payback(contenders: Sequence[Contender], enterprise: Enterprise) -> list[float | None]:
    """Return the months until each was ahead of the base for good; None: it did the same, or there is no base."""
    base = next((one for one in contenders if one.name == BASE), None)
    if base is None:
        return [None] * len(contenders)
    year = enterprise.periods_per_year

    def months(one: Contender) -> float | None:
        same = np.array_equal(one.run.economic_profit, base.run.economic_profit)
        return None if same else float(months_to_payback(one.run, base.run, year)[0])

    return [months(one) for one in contenders]


def entries(run: Run, enterprise: Enterprise) -> dict[str, float]:
    """Return what economic profit is made of, money a year of the whole run; costs are negative.

    The entries add up to the economic profit.
    """
    year = enterprise.periods_per_year
    revenue, made, investment = (float(part.mean()) * year for part in (run.revenue, run.made, run.investment))
    overhead = enterprise.money.overhead * len(enterprise.lines) * year
    profit, economic = float(run.profit.mean()) * year, float(run.economic_profit.mean()) * year
    return {
        "margin": revenue - made,
        "operating": profit - (revenue - made - overhead - investment),
        "improvement": -investment,
        "capital": economic - profit,
        "overhead": -overhead,
    }


WHAT: Final = {
    "margin": "sales less what the goods cost",
    "operating": "repairs, penalties, lost customers and storage",
    "improvement": "what was spent on improvement",
    "capital": "the cost of capital",
    "overhead": "overhead, the same for all",
}
"""What entries are called."""


def _bridge(contenders: Sequence[Contender], enterprise: Enterprise) -> list[dict[str, Any]]:
    """Return the entries of everybody's economic profit, money a year."""
    found = [entries(one.run, enterprise) for one in contenders]
    total = {
        "name": "economic_profit",
        "label": "economic profit",
        "values": [round(sum(one.values())) for one in found],
    }
    rows = [{"name": key, "label": label, "values": [round(one[key]) for one in found]} for key, label in WHAT.items()]
    return [*rows, total]


def _sentences(
    contenders: Sequence[Contender], companies: Companies, payback: Sequence[float | None]
) -> Iterator[dict[str, str]]:
    """Yield what is to be said, each sentence with its subject: a heading."""
    enterprise = companies.enterprise
    you = contenders[0]
    order = sorted(contenders, key=lambda one: -one.results["economic_profit"])
    winner = order[0]
    yield {"about": "Who won", "text": _who_won(order, you)}
    rival = next((one for one in order if not one.is_you), None)
    if rival is not None:
        yield {"about": "Why", "text": _why(you, rival, enterprise)}
    yield {"about": "Stock", "text": _stock(contenders)}
    yield {"about": "Service", "text": _service(contenders, enterprise)}
    yield {"about": "Spending", "text": _spending(contenders)}
    if any(months is not None for months in payback):
        yield {"about": "Payback", "text": _paid_back(contenders, payback)}
    yield {"about": "What was really so", "text": _capability(you, winner)}
    for text in _of_lines(you, contenders, companies):
        yield {"about": "Your lines", "text": text}


def money(value: float) -> str:
    """Return an amount in words: 2.41 million, 380,000."""
    sign = "−" if value < 0 else ""
    size = abs(value)
    return f"{sign}{size / MILLION:.2f} million" if size >= MILLION else f"{sign}{round(size, -3):,.0f}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _who_won(order: Sequence[Contender], you: Contender) -> str:
    first, rest = order[0], order[1:]
    top = first.results["economic_profit"]
    if not rest:
        return f"Your company made {money(top)} of economic profit a year."
    second = rest[0].results["economic_profit"]
    close = abs(top - second) < CLOSE * max(abs(top), 1.0)
    word = "narrowly won" if close else "won"
    text = f"{first.subject} {word}: {money(top)} of economic profit a year."
    if round(top - second) == 0:
        text = f"{first.subject} and {rest[0].name} came to the same: {money(top)} of economic profit a year."
        rest = rest[1:]
    if rest:
        text += f" Then: {_listed([f'{one.name} ' + money(one.results['economic_profit']) for one in rest])}."
    place = 1 + [one.name for one in order].index(you.name)
    return text if you not in rest else f"{text} You came {_ordinal(place)} of {len(order)}."


def _ordinal(place: int) -> str:
    return {1: "first", 2: "second", 3: "third", 4: "fourth"}.get(place, f"number {place}")


def _why(you: Contender, rival: Contender, enterprise: Enterprise) -> str:
    """Say which entries make the difference between the student and the best of the others."""
    mine, theirs = entries(you.run, enterprise), entries(rival.run, enterprise)
    gaps = {key: mine[key] - theirs[key] for key in WHAT}
    total = sum(gaps.values())
    if abs(total) < CLOSE * max(abs(rival.results["economic_profit"]), 1.0):
        head = f"Between you and {rival.name} there is next to nothing, {money(abs(total))} a year."
    else:
        word = "more" if total > 0 else "less"
        head = f"You made {money(abs(total))} a year {word} than {rival.name}."
    largest = [key for key in sorted(gaps, key=lambda key: -abs(gaps[key]))[:2] if round(gaps[key])]
    if not largest:
        return f"You did what {rival.name} did, and nothing differs."
    parts = [f"{WHAT[key]} ({'+' if gaps[key] > 0 else ''}{money(gaps[key])} a year for you)" for key in largest]
    return f"{head} What differs most: {_listed(parts)}."


def _stock(contenders: Sequence[Contender]) -> str:
    you, *others = contenders
    text = f"In the last year your lines held {percent(you.stock)} of the stock that you began with"
    return f"{text}{'; ' if others else ''}{', '.join(f'{one.name} {percent(one.stock)}' for one in others)}."


def _service(contenders: Sequence[Contender], enterprise: Enterprise) -> str:
    you, *others = contenders
    worst = min(range(len(enterprise.lines)), key=lambda line: you.mean("fill_rate", line))
    text = f"You served {percent(you.mean('fill_rate'))} of all orders from stock"
    rest = "; " + ", ".join(f"{one.name} {percent(one.mean('fill_rate'))}" for one in others) if others else ""
    name, fill = said(enterprise.line_names[worst]), you.mean("fill_rate", worst)
    return f"{text}{rest}. Your worst line was {name} with {percent(fill)}."


def _spending(contenders: Sequence[Contender]) -> str:
    you, *others = contenders
    text = f"You spent {money(you.results['investment'])} a year on improvement"
    return f"{text}{'; ' if others else ''}{', '.join(f'{o.name} ' + money(o.results['investment']) for o in others)}."


def _paid_back(contenders: Sequence[Contender], payback: Sequence[float | None]) -> str:
    parts = []
    for one, months in zip(contenders, payback, strict=True):
        if months is None:
            continue
        if math.isfinite(months):
            parts.append(f"{one.name}, after {months:.0f} months" if months else f"{one.name}, from the start")
        else:
            parts.append(f"{one.name}, not within these years")
    return f"Ahead for good of pushing forever: {'; '.join(parts)}."


def _capability(you: Contender, winner: Contender) -> str:
    def risen(one: Contender) -> str:
        first, last = one.capability
        return f"from {percent(first)} to {percent(last)}"

    text = f"The true capability of your lines - changeover, quality and maintenance, mean of all - went {risen(you)}"
    return f"{text}." if winner is you else f"{text}; that of {winner.name} {risen(winner)}."


def _of_lines(you: Contender, contenders: Sequence[Contender], companies: Companies) -> Iterator[str]:
    """Say what is to be said of single lines: pull where it does not suit, discipline that went."""
    enterprise = companies.enterprise
    suits = Analysis.of(companies).suits
    hoarding = enterprise.dynamics.hoarding
    stages = you.run.stage[0]
    base = next((one for one in contenders if one.name == BASE), None)
    for line, name in enumerate(enterprise.line_names):
        pulled = stages[:, line] > 0
        if not suits[line] and pulled.mean() > 0.1:
            own = float(you.run.measure("fill_rate")[0, pulled, line].mean())
            text = f"You put {said(name)} under pull, though its demand does not suit: {percent(own)} served from stock"
            if base is not None:
                pushed = float(base.run.measure("fill_rate")[0, pulled, line].mean())
                text += f"; under push, in the same periods, {percent(pushed)}"
            yield f"{text}."
        discipline = float(you.run.discipline[0, -1, line])
        if stages[-1, line] > 0 and discipline < 0.7:
            yield (
                f"At {said(name)} the discipline of pull has faded to {discipline:.2f}: "
                f"{1 + hoarding * (1 - discipline):.1f} times the cards of the formula go round, and nobody decided it."
            )
