"""What people look at of a review: a table of key figures by period, and a CSV file of everything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich.console import Group, RenderableType
from rich.text import Text

from jitgym.cadence import Review, normalised
from jitgym.compare import decimals
from jitgym.kpis import CADENCE
from jitgym.report import number, plain_table, plus_minus
from jitgym.results import known
from jitgym.scorecard import Floats
from jitgym.stats import Interval

ARROWS: Final = {"higher": " ↑", "lower": " ↓", "": ""}
SHORT: Final = {"share": "%", "per 1000 slots": "/1000 slots"}
FIXED: Final = 52
"""Columns of the terminal that a table without periods takes."""
RATIO: Final = 15
"""Columns that multiples of a reference take."""
MOST: Final = 12
"""Most periods in a table."""


def review_report(
    name: str, reviews: Mapping[str, Review], against: str | None, period: str, width: int
) -> RenderableType:
    """Return the key figures of a policy: of one line by period, of all lines, and against a reference.

    Args:
        name: the policy.
        reviews: by policy, of the same seeds.
        against: the reference; None: none.
        period: what a period is called.
        width: columns of the terminal, which decide how many periods there is room for.
    """
    review = reviews[name]
    n_periods, n_lines = review.kpis["cost"].shape
    word = "period" if period.isdecimal() else period
    room = width - FIXED - (RATIO if against is not None else 0)
    shown = min(n_periods, MOST, max(1, room // (len(word) + 4)))
    ratios = normalised(review.whole, reviews[against].whole) if against is not None else {}
    heads = [f"\n{word} {k + 1}" for k in range(shown)]
    more = ["mean of all\n± 95 % CI", *([f"multiple of\n{_short(against)}"] if against is not None else [])]
    table = plain_table("\nkey figure", "\nunit", *heads, *more, text=("\nunit",))
    for kpi in shown_kpis(review):
        factor = 100 if CADENCE[kpi].unit == "share" else 1
        periods = [number(factor * value) for value in review.kpis[kpi][:shown, 0].tolist()]
        cells = [*periods, mean_of(factor * review.whole[kpi]), *([multiple(ratios[kpi])] if ratios else [])]
        table.add_row(title_of(kpi), SHORT.get(CADENCE[kpi].unit, CADENCE[kpi].unit), *cells)
    many = "s" if n_periods > 1 else ""
    title = (
        f"{review.scenario.name} under {_short(name)}: {n_periods} {word}{many} of {review.slots} slots; "
        f"of one line the first {shown}, and all of {n_lines} lines together"
    )
    return Group(Text(title, style="bold"), "", table, "", *notes(review))


def shown_kpis(review: Review) -> list[str]:
    """Return the key figures that the lines have."""
    return [kpi for kpi in CADENCE if np.isfinite(review.whole[kpi]).any()]


def title_of(kpi: str) -> str:
    """Return how tables call a key figure, with the direction that is good."""
    return kpi.replace("_", " ").replace("oee", "OEE") + ARROWS[CADENCE[kpi].better]


def mean_of(values: Floats) -> str:
    """Return the mean over the lines that have a value, with half of its interval."""
    found = known(values)
    return plus_minus(found) if math.isfinite(found.mean) else number(math.nan)


def multiple(ratio: Interval) -> str:
    """Return a multiple of the reference, with half of its interval."""
    return plus_minus(ratio, min(3, max(2, decimals(ratio)))) if math.isfinite(ratio.mean) else number(math.nan)


def _short(policy: str) -> str:
    """Return the name of a policy without its numbers."""
    return policy.partition(":")[0]


def notes(review: Review) -> Iterator[str]:
    """Yield what a reader of the table has to know."""
    yield "↑ more is better, ↓ less is better. Formulas and sources: docs/kpis.md."
    if review.left_over:
        yield f"The last {review.left_over} slots fill no period and are not counted."
    if review.scenario.finance is None:
        yield "The scenario gives no finance: nothing is said of working capital and days of cash."


def review_rows(reviews: Mapping[str, Review], seeds: npt.NDArray[np.uint64]) -> Iterator[dict[str, Any]]:
    """Yield a row of every key figure for each policy, seed and period, the whole run last, as period ``run``."""
    for name, review in reviews.items():
        for i, seed in enumerate(seeds.tolist()):
            for k in range(len(review.ledgers)):
                values = {kpi: float(of_periods[k, i]) for kpi, of_periods in review.kpis.items()}
                yield {"policy": name, "seed": seed, "period": str(k + 1), **values}
            whole = {kpi: float(values[i]) for kpi, values in review.whole.items()}
            yield {"policy": name, "seed": seed, "period": "run", **whole}
