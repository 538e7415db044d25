"""Constants of management: how capabilities grow and fade, and how lines are planned.

Each has its source, or the word *assumed*, and a range within which the conclusions are tried
(:func:`jitgym.enterprise.study.changes`). Half-lives are in months of a year of twelve, whatever the planning period.
References are listed in ``docs/enterprise.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from jitgym.parts import Part


def constant(default: float, low: float, high: float, source: str, **limits: Any) -> Any:
    """Return a field of a constant.

    Args:
        default: its value unless an enterprise says otherwise.
        low: the least that is plausible.
        high: the most.
        source: where the value is from, or *assumed*.
        limits: what a description may set it to, such as ``gt=0``.
    """
    return Field(default=default, json_schema_extra={"low": low, "high": high, "source": source}, **limits)


class Dynamics(Part):
    """How capabilities grow and fade, and what a roll-out does to people."""

    growth: float = constant(9, 5, 18, "Schneiderman 1988: 7 to 11 months for work across functions", gt=0, le=1200)
    """Months in which unlimited spending closes half of a line's gap to the best."""
    half_spend: float = constant(1500, 750, 3000, "assumed", gt=0)
    """Money a period, above the upkeep, at which a line's capability grows half as fast as with unlimited money."""
    training: float = constant(6, 3, 12, "assumed", gt=0, le=1200)
    """Months in which unlimited training closes half of the gap of a line's people."""
    half_training: float = constant(1000, 500, 2000, "assumed", gt=0)
    """Money a period, above the upkeep, at which people learn half as fast as with unlimited money."""
    supplier_growth: float = constant(
        18, 12, 36, "Schneiderman 1988: 14 to 22 months for work across firms", gt=0, le=1200
    )
    """Months in which a supplier under full development closes half of its gap."""
    supplier_delay: float = constant(6, 3, 12, "assumed", ge=0, le=1200)
    """Months of the lag from the money to the development that it pays (first order)."""
    half_develop: float = constant(1500, 750, 3000, "assumed", gt=0)
    """Money a period, above the upkeep, at which a supplier's development is half of what it can be."""
    kaizen: float = constant(9, 5, 18, "assumed", gt=0, le=1200)
    """Months in which trained people who see all problems close half of the gap, without other money."""
    visible: float = constant(0.01, 0.003, 0.03, "assumed: about what a line under pull shows", gt=0, le=1)
    """Share of machine time lost in plain sight at which kaizen is half as fast as it can be."""
    fading: float = constant(
        18, 9, 36, "assumed; results of events fade within 6 to 12 months (Doolen et al.), practices in 8 years"
        " with ordinary upkeep (Bloom et al. 2020)", gt=0, le=1200
    )  # fmt: skip
    """Months in which half of a gain in capability is gone without upkeep."""
    upkeep: float = constant(750, 375, 1500, "assumed", ge=0)
    """Money a period that holds the whole of one capability of a line or supplier; a part of it holds a part."""
    discipline_fading: float = constant(12, 6, 24, "assumed", gt=0, le=1200)
    """Months in which half of the discipline of pull is gone where nobody is trained."""
    discipline_growth: float = constant(6, 3, 12, "assumed", gt=0, le=1200)
    """Months in which trained people close half of the gap to full discipline."""
    hoarding: float = constant(
        0.6, 0.3, 1.2, "assumed: such that lines without discipline hold about what push held", ge=0, le=20
    )
    """Containers beside the cards where there is no discipline left, as a share of the cards."""
    disruption: float = constant(0.5, 0.2, 0.9, "assumed; that there is a dip: Pil & MacDuffie 1996", ge=0, le=1)
    """Disruption by one more stage under pull among untrained people; among trained ones there is none."""
    settling: float = constant(3, 1.5, 6, "assumed", gt=0, le=1200)
    """Months in which half of a disruption is over."""
    audit: float = constant(0.1, 0.0, 0.2, "assumed", ge=0, le=1)
    """Standard deviation of an audit of a capability."""


class Planning(Part):
    """How cards, releases and orders are computed: textbook formulas."""

    lead: float = constant(60, 30, 90, "assumed: planned lead times of more than a week a stage", gt=0, le=100_000)
    """Slots that push plans for each stage on the way of a unit."""
    review: int = Field(default=5, ge=1, le=1000)
    """Days from one run of the plan to the next under push."""
    item_cover: float = constant(80, 40, 160, "assumed", ge=0, le=100_000)
    """Slots of use that push holds of an item as safety stock."""
    safety: float = constant(0.5, 0.2, 1.0, "Monden 2011: cards = demand x lead time x (1 + safety)", ge=0, le=10)
    """Safety factor of the card formula."""
    utilisation: float = constant(0.9, 0.85, 0.95, "assumed", gt=0, lt=1)
    """Utilisation, changeovers included, that lots under pull are made large enough for."""
    smoothing: float = constant(0.3, 0.15, 0.6, "assumed", gt=0, le=1)
    """Weight of the last period in the forecast of demand."""


@dataclass(frozen=True)
class Constant:
    """One constant: its value unless an enterprise says otherwise, the range that it is tried in, and its source."""

    name: str
    value: float
    low: float
    high: float
    source: str
    meaning: str


def constants_of(part: type[Part]) -> Iterator[Constant]:
    """Yield every constant of a part."""
    for name, info in part.model_fields.items():
        extra: Any = info.json_schema_extra
        if isinstance(extra, dict) and "source" in extra:
            meaning = str(info.description)
            yield Constant(name, float(info.default), extra["low"], extra["high"], extra["source"], meaning)
