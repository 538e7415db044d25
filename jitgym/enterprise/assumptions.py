"""Every assumption of an enterprise, moved to both ends of its range, one at a time.

A constant of management has a range of its own. Any other number that is assumed is moved by its kind, on all lines,
stages or suppliers at once. What is a definition, or decides no difference between policies, stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from jitgym.enterprise.constants import Dynamics, Planning, constants_of
from jitgym.enterprise.description import Enterprise, load_enterprise
from jitgym.enterprise.parts import Effect
from jitgym.errors import InputError
from jitgym.parts import Part

Move = Callable[[float], float]

CONSTANTS: Final[Mapping[str, type[Part]]] = {"dynamics": Dynamics, "planning": Planning}

KINDS: Final[Mapping[str, Mapping[str, Move]]] = {
    "amount": {"halved": lambda x: x / 2, "doubled": lambda x: x * 2},
    "share": {"halved": lambda x: x / 2, "doubled, or half way to one": lambda x: min(2 * x, (1 + x) / 2)},
    "factor": {"half as far from one": lambda x: (1 + x) / 2, "twice as far from one": lambda x: max(x / 2, 2 * x - 1)},
    "count": {"halved": lambda x: max(1, round(x / 2)), "doubled": lambda x: 2 * x},
    "quarter": {"a quarter less": lambda x: 0.75 * x, "a quarter more": lambda x: 1.25 * x},
    "tenth": {"a tenth less": lambda x: 0.9 * x, "a tenth more": lambda x: 1.1 * x},
}
"""How numbers are moved: what the two moves are called, and what becomes of a number."""

NUMBERS: Final[Mapping[str, str]] = {
    "lines.*.demand.poisson": "tenth",
    "lines.*.demand.negative_binomial.mean": "tenth",
    "lines.*.demand.negative_binomial.dispersion": "amount",
    "lines.*.start.changeover": "share",
    "lines.*.start.quality": "share",
    "lines.*.start.maintenance": "share",
    "lines.*.times.*": "factor",
    "suppliers.*.start": "share",
    "suppliers.*.price": "factor",
    "suppliers.*.alternative.cost": "amount",
    "suppliers.*.alternative.periods": "count",
    "levers.develop.unit": "amount",
    "levers.changeover.unit": "amount",
    "levers.quality.unit": "amount",
    "levers.maintenance.unit": "amount",
    "levers.training.unit": "amount",
    "start_cards": "quarter",
    "money.budget": "amount",
    "money.rollout": "amount",
    "shocks.outage.per_year": "amount",
    "shocks.outage.periods": "count",
    "shocks.demand_shift.per_year": "amount",
    "shocks.demand_shift.low|high": "factor",
    "shocks.escape.per_year": "amount",
    "shocks.escape.periods": "count",
    "shocks.escape.times": "amount",
    "shocks.budget_cut.per_year": "amount",
    "shocks.budget_cut.periods": "count",
    "shocks.budget_cut.times": "share",
    "line.stages.*.failure.law.geometric": "share",
    "line.stages.*.quality.defect": "share",
    "line.stages.*.quality.jidoka.slots": "count",
    "line.suppliers.*.lead_time": "count",
    "line.demand.shortage.limit": "count",
    "line.prices.wip": "amount",
    "line.prices.finished_goods": "amount",
    "line.prices.items": "amount",
    "line.prices.backlog": "amount",
    "line.prices.lost": "amount",
    "line.prices.repair": "amount",
    "line.prices.setup": "amount",
    "line.prices.stop": "amount",
    "line.prices.scrap": "amount",
    "line.prices.returned": "amount",
    "line.finance.price": "tenth",
    "line.finance.material.*": "tenth",
    "line.finance.added.*": "tenth",
    "line.finance.customers_pay_after": "amount",
    "line.finance.suppliers_paid_after": "amount",
    "line.finance.capital_cost": "amount",
}
"""Places in a description, ``*`` for every entry of a list or mapping, and the kind of number that stands there.

What is moved together because a rule binds it stands between bars.
"""

WAYS: Final = {"a quarter of the way": 0.25, "half way": 0.5}
"""How far the best that a capability can do is moved to its worst, and the worst to its best."""


@dataclass(frozen=True)
class Change:
    """One assumption moved.

    Attributes:
        path: of it, ``*`` for several of a kind.
        told: how it is moved, such as ``18 (9)``: from the value in brackets; or ``halved``.
        values: new values by their places.
    """

    path: str
    told: str
    values: Mapping[str, float]


AS_IT_IS: Final = Change("", "as it is", {})
"""Nothing moved."""


def changes(enterprise: Enterprise) -> Iterator[Change]:
    """Yield every assumption moved to both ends of its range.

    Left out is a move that changes nothing, or breaks a rule of descriptions, such as more cards than their lever has.
    """
    for change in _moves(enterprise):
        try:
            changed(enterprise, change)
        except InputError:
            continue
        yield change


def _moves(enterprise: Enterprise) -> Iterator[Change]:
    description = enterprise.model_dump(mode="json")
    for part, kind in CONSTANTS.items():
        for constant in constants_of(kind):
            path = f"{part}.{constant.name}"
            yield from _change(description, path, "", _to(constant.low))
            yield from _change(description, path, "", _to(constant.high))
    for path, number in NUMBERS.items():
        for told, move in KINDS[number].items():
            yield from _change(description, path, told, move)
    yield from _ends(enterprise)


def _to(value: float) -> Move:
    return lambda _: value


def _ends(enterprise: Enterprise) -> Iterator[Change]:
    """Yield what capabilities do at their best and worst, each moved to the other, at all stages at once.

    Where nothing is disrupted lines are as they are: that is a definition.
    """
    for capability, effects in enterprise.capabilities:
        ends = ("worst",) if capability == "disruption" else ("best", "worst")
        for parameter in dict.fromkeys(effect.parameter for effect in effects):
            for end in ends:
                for told, way in WAYS.items():
                    values = {
                        f"capabilities.{capability}.{i}.{end}": _between(effect, end, way)
                        for i, effect in enumerate(effects)
                        if effect.parameter == parameter
                    }
                    other = "best" if end == "worst" else "worst"
                    pairs = {(getattr(effects[int(at.split(".")[2])], end), to) for at, to in values.items()}
                    path = f"capabilities.{capability}.{parameter}.{end}"
                    yield Change(path, _told(pairs, f"{told} to the {other}"), values)


def _between(effect: Effect, end: str, way: float) -> float:
    start, goal = (effect.best, effect.worst) if end == "best" else (effect.worst, effect.best)
    value = start + way * (goal - start)
    return float(round(value)) if effect.parameter.endswith("_slots") else round(value, 9)


def _told(pairs: Set[tuple[float, float]], otherwise: str) -> str:
    """Return how a change is told: by its numbers, usual and new, where they are the same everywhere."""
    if len(pairs) > 1:
        return otherwise
    ((usual, value),) = pairs
    return f"{value:g} ({usual:g})"


def _change(description: dict[str, Any], path: str, told: str, move: Move) -> Iterator[Change]:
    """Yield the change that moves what stands at a path, if it moves anything."""
    before = dict(_numbers(description, path.split("."), ""))
    after = {place: _moved(value, move) for place, value in before.items()}
    after = {place: value for place, value in after.items() if value != before[place]}
    if not after:
        return
    yield Change(path, _told({(before[place], value) for place, value in after.items()}, told), after)


def _moved(value: float, move: Move) -> float:
    """Return a number after a move; whole numbers stay whole."""
    found = move(value)
    return round(found) if isinstance(value, int) else round(found, 9)


def _numbers(value: Any, steps: list[str], at: str) -> Iterator[tuple[str, float]]:
    """Yield the places that a path leads to, and the numbers there, none of which is 0."""
    if not steps:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
            yield at, value
        return
    step, *rest = steps
    if isinstance(value, dict):
        inner = value.items() if step == "*" else [(key, value.get(key)) for key in step.split("|")]
    elif isinstance(value, list):
        inner = [(str(i), one) for i, one in enumerate(value) if step in ("*", str(i))]
    else:
        return
    for key, one in inner:
        yield from _numbers(one, rest, f"{at}.{key}" if at else str(key))


def changed(enterprise: Enterprise, change: Change) -> Enterprise:
    """Return an enterprise with one assumption moved."""
    description = enterprise.model_dump(mode="json")
    for path, value in change.values.items():
        *steps, last = path.split(".")
        place: Any = description
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]
        place[int(last) if isinstance(place, list) else last] = value
    return load_enterprise(_without_none(description))


def _without_none(value: Any) -> Any:
    """Return a description without its empty keys, which mean the same as absent ones."""
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value
