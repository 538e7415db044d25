"""Classic control systems: each a constant knob vector, with its source and the numbers that a tuner may set.

A family is the control system (kanban: one number of cards for each stage); given its numbers it becomes a rule,
which speaks the ``predict`` of Stable-Baselines3 like every other policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.files import nearest
from jitgym.parts import Duration, Stage
from jitgym.scenario import Scenario
from jitgym.tables import Knob, build_tables

Columns = Sequence[tuple[int, Knob]]
"""Knobs with their columns in the knob vector."""

SAFETY: Final = 0.5
"""Safety factor of the textbook card formula (Monden, Toyota Production System: K = D L (1 + a))."""


@dataclass(frozen=True)
class Number:
    """One number of a family: which knob it sets, its range, and the textbook value to start from."""

    name: str
    column: int
    low: int
    high: int
    start: int


@dataclass(frozen=True)
class RuleFamily:
    """A control system with free numbers.

    Attributes:
        name: e.g. ``kanban`` (run to failure) or ``kanban+pm`` (maintenance at a wear threshold).
        source: where it is from.
        numbers: what a tuner sets.
        base: the knob vector that the numbers are written into.
        codec: how knob vectors become actions.
    """

    name: str
    source: str
    numbers: tuple[Number, ...]
    base: tuple[int, ...]
    codec: ActionCodec

    @property
    def start(self) -> npt.NDArray[np.int64]:
        """Textbook values, ``(n_numbers,)``."""
        return np.array([number.start for number in self.numbers], dtype=np.int64)

    def knobs(self, numbers: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Return the knob vectors ``(..., n_knobs)`` of numbers ``(..., n_numbers)``."""
        values = np.asarray(numbers)
        vectors = np.broadcast_to(np.array(self.base, dtype=np.int32), (*values.shape[:-1], len(self.base))).copy()
        for i, number in enumerate(self.numbers):
            vectors[..., number.column] = values[..., i]
        # the top of a wear threshold means never; one number above high is how a search reaches it
        for column, knob in enumerate(self.codec.knobs):
            if knob.kind == "pm_level":
                vectors[..., column] = np.where(vectors[..., column] > knob.high, OFF, vectors[..., column])
        return vectors

    def rule(self, numbers: npt.ArrayLike) -> ConstantRule:
        """Return the rule with these numbers."""
        return ConstantRule(self.knobs(numbers), self.codec, self.name)


class ConstantRule:
    """A policy that sets the same knobs whatever it sees.

    Args:
        knobs: ``(n_knobs,)`` values.
        codec: how they become an action.
        name: what tables call it.
    """

    def __init__(self, knobs: npt.ArrayLike, codec: ActionCodec, name: str = "constant") -> None:
        self.knobs = np.asarray(knobs, dtype=np.int32)
        self.name = name
        self._action = codec.encode(self.knobs)

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the action for one observation ``(n_entries,)``, or one for each of ``(n_lines, n_entries)``."""
        shape = (*np.shape(observation)[:-1], *self._action.shape)
        return np.broadcast_to(self._action, shape).copy(), state


def kanban(scenario: Scenario, knobs: Columns) -> tuple[list[Number], str]:
    """Kanban: K cards at each stage; a stage works while it holds fewer than K units.

    Source: Sugimori et al., "Toyota production system and kanban system", Int. J. Production Research 15(6), 1977;
    the start is Monden's card formula, K = demand x lead time of the stage x (1 + safety).
    """
    numbers = [_number(c, k, textbook_cards(scenario, k.place, k.product)) for c, k in knobs if k.kind == "kanban"]
    return numbers, "Sugimori et al. 1977"


def conwip(scenario: Scenario, knobs: Columns) -> tuple[list[Number], str]:
    """CONWIP: W cards around the whole line; a unit shipped lets one in at the first stage (in a tree, at every first).

    Source: Spearman, Woodruff & Hopp, "CONWIP: a pull alternative to kanban", Int. J. Production Research 28(5),
    1990; the start is the kanban rule's cards added up.
    """
    last, fed = len(scenario.stages) - 1, scenario.followers
    loops = [(c, k) for c, k in knobs if k.kind == "loop" and k.place not in fed and k.end == last]
    numbers = [_number(c, k, _cards_to_the_end(scenario, k)) for c, k in loops]
    return numbers, "Spearman, Woodruff & Hopp 1990"


def basestock(scenario: Scenario, knobs: Columns) -> tuple[list[Number], str]:
    """Base stock: each stage keeps the units from it to the customer, less the backlog, at S.

    Source: Clark & Scarf, "Optimal policies for a multi-echelon inventory problem", Management Science 6(4), 1960;
    Buzacott & Shanthikumar, Stochastic Models of Manufacturing Systems, 1993, ch. 4. In a line that only buys, it
    is the ``echelon`` order-up-to level (Zipkin 2008).
    """
    stages = [_number(c, k, _cards_to_the_end(scenario, k)) for c, k in knobs if k.kind == "basestock"]
    return stages, "Clark & Scarf 1960"


def hybrid(scenario: Scenario, knobs: Columns) -> tuple[list[Number], str]:
    """CONWIP and kanban at once: cards around the line, and a limit on what each stage may hold of them.

    Source: Bonvik, Couch & Gershwin, "A comparison of production-line control mechanisms", Int. J. Production
    Research 35(3), 1997.
    """
    return _joined(kanban(scenario, knobs)[0], conwip(scenario, knobs)[0]), "Bonvik, Couch & Gershwin 1997"


def extended(scenario: Scenario, knobs: Columns) -> tuple[list[Number], str]:
    """Extended kanban: base stock, which passes demand on at once, and K cards at each stage.

    Source: Dallery & Liberopoulos, "Extended kanban control system: combining kanban and base stock", IIE
    Transactions 32(4), 2000.
    """
    return _joined(kanban(scenario, knobs)[0], basestock(scenario, knobs)[0]), "Dallery & Liberopoulos 2000"


def push(scenario: Scenario, knobs: Columns) -> tuple[list[Number], str]:
    """Push: nothing limits a release; for lines whose control is about maintenance or orders alone.

    Source: Hopp & Spearman, Factory Physics, ch. 10. A line whose release can be limited is flooded without a limit,
    and is no fair opponent there. With maintenance it is the policy of Barlow & Hunter, Operations Research 8(1), 1960.
    """
    return [], "Hopp & Spearman"


def _joined(one: list[Number], other: list[Number]) -> list[Number]:
    """Return the numbers of two systems, or none unless the scenario has the knobs of both."""
    return one + other if one and other else []


SYSTEMS: Final[dict[str, Callable[[Scenario, Columns], tuple[list[Number], str]]]] = {
    "kanban": kanban,
    "conwip": conwip,
    "basestock": basestock,
    "hybrid": hybrid,
    "extended": extended,
    "push": push,
}
RELEASE: Final = ("kanban", "loop", "basestock")
"""Kinds of knobs that limit what is released."""
MAINTENANCE: Final = "+pm"
"""Ending of a family's name that adds maintenance at a wear threshold; without it, machines run to failure."""


def rule_names(scenario: Scenario) -> list[str]:
    """Return the families that a scenario has the knobs for."""
    names = []
    for system in SYSTEMS:
        for ending in ("", MAINTENANCE):
            try:
                rule_family(scenario, system + ending)
            except InputError:
                continue
            names.append(system + ending)
    return names


def rule_family(scenario: Scenario, name: str) -> RuleFamily:
    """Return a family of rules for a scenario, with order-up-to replenishment of every item.

    Args:
        scenario: the line.
        name: ``kanban``, ``conwip``, ``basestock``, ``hybrid``, ``extended`` or ``push``; with ``+pm`` machines are
            maintained at a wear threshold (condition-based maintenance), without it they run to failure.

    Raises:
        InputError: unknown name, or the scenario lacks the knobs.
    """
    system, ending = name.removesuffix(MAINTENANCE), name.endswith(MAINTENANCE)
    if system not in SYSTEMS:
        known = [s + e for s in SYSTEMS for e in ("", MAINTENANCE)]
        raise InputError(f"rule must be of {', '.join(known)}, got {name!r}{nearest(name, known)}")
    knobs = build_tables(scenario).knobs
    columns = list(enumerate(knobs))
    numbers, source = SYSTEMS[system](scenario, columns)
    kinds = {knob.kind for knob in knobs}
    if system == "push":
        if kinds & {*RELEASE, "echelon"}:
            raise InputError(f"rule {name!r} is for lines without a limit on release, which {scenario.name!r} has")
    elif not numbers and not (system == "basestock" and "echelon" in kinds):
        raise InputError(f"rule {name!r} needs a knob of its kind, which scenario {scenario.name!r} does not give")
    numbers += [_number(c, k, textbook_target(scenario, k)) for c, k in columns if k.kind in ("target", "echelon")]
    if ending:
        thresholds = [_threshold(c, k) for c, k in columns if k.kind == "pm_level"]
        if not thresholds:
            raise InputError(f"rule {name!r} needs a pm_level knob, which scenario {scenario.name!r} does not give")
        numbers += thresholds
    return RuleFamily(name, source, tuple(numbers), tuple(_idle(knob) for knob in knobs), ActionCodec(knobs))


def _number(column: int, knob: Knob, start: int) -> Number:
    return Number(knob.name, column, knob.low, knob.high, min(max(start, knob.low), knob.high))


def _threshold(column: int, knob: Knob) -> Number:
    """A wear threshold starts at half its range; one above ``high`` is never."""
    return Number(knob.name, column, knob.low, knob.high + 1, (knob.low + knob.high + 1) // 2)


def _idle(knob: Knob) -> int:
    """Return the setting that leaves a knob out of the control: off, or what comes nearest."""
    if knob.off:
        return OFF
    if knob.kind in (*RELEASE, "release"):
        return knob.high
    return knob.low if knob.kind in ("order", "lot", "expedite") else knob.default


def textbook_cards(scenario: Scenario, place: int, product: int = 0) -> int:
    """Return Toyota's number of cards, demand x lead time x (1 + safety), at least 1.

    The lead time of a stage is its job's mean length stretched by breakdowns, its setup, and one slot of waiting; where
    products share the machine, so is the time of the others' jobs.
    """
    stage = scenario.stages[place]
    demand = build_tables(scenario).mean_demands[product] or 1.0
    setup = stage.setup.mean if stage.setup is not None and scenario.n_products > 1 else 0.0
    lead = scenario.n_products * (_stretched(stage, _job(scenario, stage, product)) + setup) + 1
    return max(1, math.ceil(demand * lead * (1 + SAFETY)))


def _cards_to_the_end(scenario: Scenario, knob: Knob) -> int:
    """Return the textbook cards of a product from a stage to the last."""
    return sum(textbook_cards(scenario, place, knob.product) for place in scenario.path(knob.place))


def _job(scenario: Scenario, stage: Stage, product: int) -> float:
    """Return the mean length of a product's job."""
    own = scenario.products[product].process if scenario.products else {}
    return own.get(stage.name, stage.process).mean


def _stretched(stage: Stage, job: float) -> float:
    """Return the mean slots a job takes, repairs included (wear taken at its first level that can fail)."""
    failure = stage.failure
    if failure is None:
        return job
    per_slot = failure.law.geometric
    if per_slot is None and failure.law.weibull is not None:
        weibull = failure.law.weibull
        per_slot = 1 / (weibull.scale * math.gamma(1 + 1 / weibull.shape))
    elif per_slot is None and failure.law.table is not None:
        per_slot = float(np.mean(failure.law.table))
    return job * (1 + (per_slot or 0.0) * failure.repair.mean)


def textbook_target(scenario: Scenario, knob: Knob) -> int:
    """Return the order-up-to level: mean demand over lead time and review, plus 1.65 standard deviations.

    The normal approximation of the newsvendor level at 95 % service (Silver, Pyke & Thomas 2017); demand is that of the
    products that the item serves, taken as Poisson, lateness and outages stretch the lead time. An echelon level covers
    the line's own lead time too.
    """
    supplier = scenario.suppliers[knob.place]
    item = next(item for item in scenario.items if item.name == supplier.item)
    means = build_tables(scenario).mean_demands
    names = scenario.product_names or ("",)
    served = [mean for mean, name in zip(means, names, strict=True) if item.products is None or name in item.products]
    demand = sum(served) or 1.0
    lead: float = supplier.lead_time + supplier.review
    lead += (1 - supplier.on_time) * Duration(slots=1, finish=supplier.catch_up or 1e-3).mean
    if supplier.outage is not None:  # met with the long-run share of outages, half way through one
        mean = 1 / supplier.outage.recover
        lead += supplier.outage.fail * mean / (1 + supplier.outage.fail * mean) * mean
    if knob.kind == "echelon":
        path = scenario.path(scenario.stage_names.index(item.stage))
        lead += sum(_stretched(scenario.stages[i], scenario.stages[i].process.mean) for i in path)
    return math.ceil(demand * lead + 1.65 * math.sqrt(demand * lead))
