"""Anchors: small scenarios of which the exact optimum is known, and the best constant rule of each kind.

``python -m jitgym.anchors`` solves the shipped ones and prints what the heads of their files state; with names after
it, those. Each optimum is the lowest cost over a menu: the choices that can matter, read off the state. It is the
optimum of one who sees the whole state.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from typing import Final

from jitgym.errors import InputError
from jitgym.fields import OFF, RUN
from jitgym.files import nearest
from jitgym.lost_sales import LostSales
from jitgym.mdp import optimum
from jitgym.optimal import Knobs, Menu, Model, Named, explore
from jitgym.scenario import Scenario, load_scenario


@dataclass(frozen=True)
class Rules:
    """A kind of constant rule: what its numbers set, and the numbers among which the best is looked for."""

    knobs: Callable[..., Knobs]
    ranges: tuple[Sequence[int], ...]


@dataclass(frozen=True)
class Anchor:
    """A scenario that is solved exactly.

    Attributes:
        name: its name in the registry.
        scenario: the line.
        menu: the choices in a state; None where the solver of lost sales knows them.
        rules: kinds of constant rules, by name.
        bounds: where fields are cut.
        published: the lowest cost, and the best of a kind of rule, as printed in the source.
    """

    name: str
    scenario: Scenario
    menu: Menu | None
    rules: Mapping[str, Rules]
    bounds: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def solved(self) -> Model | LostSales:
        """The solution; its ``optimum`` is found when it is asked for."""
        if self.menu is None:
            return LostSales(self.scenario)
        return explore(self.scenario, self.menu, self.bounds)

    def cost(self, kind: str, numbers: Sequence[int]) -> float:
        """Return the exact average cost of a slot under a constant rule."""
        if isinstance(self.solved, LostSales):
            return optimum(self.solved.base_stock(*numbers)).cost
        return explore(self.scenario, [self.rules[kind].knobs(*numbers)], self.bounds).average().cost

    def best(self, kind: str) -> tuple[float, tuple[int, ...]]:
        """Return the lowest cost that the rules of a kind have, and their numbers: all in range are tried."""
        return min((self.cost(kind, numbers), numbers) for numbers in product(*self.rules[kind].ranges))


# -- what there is to choose --


def _cards(state: Named, place: int, most: int, waiting: int = 0) -> list[int]:
    """Return the numbers of cards that can matter at one place, for the units of a slot.

    None releases nothing; as many as there are units replaces what is withdrawn in this slot, and one more releases a
    unit besides.

    Args:
        state: the state.
        place: a stage, or a product at one.
        most: units at which nothing more is released.
        waiting: units in the queue above which nothing more is released.
    """
    here = state["queue"][place] + state["job"][place] + state["store"][place]
    return [0] if state["queue"][place] > waiting or here >= most else [0, here, here + 1]


def _maintain_or_produce(state: Named) -> list[Knobs]:
    """Maintenance at once or not, where the machine runs and is worn; at 14 levels of wear it has to be."""
    wear = state["wear"][0]
    levels = [OFF] if state["mode"][0] != RUN or wear == 0 else [1] if wear >= 14 else [1, OFF]
    return [(cards, 30, level) for cards in _cards(state, 0, most=6, waiting=1) for level in levels]


def _two_stages(state: Named) -> list[Knobs]:
    return [(first, second, OFF, OFF) for first in _cards(state, 0, 5) for second in _cards(state, 1, 7, waiting=2)]


def _two_products(most: int, waiting: int) -> Menu:
    def menu(state: Named) -> list[Knobs]:
        return list(product(*(_cards(state, p, most, waiting) for p in range(2)), [20], [20]))

    return menu


def _two_suppliers(state: Named) -> list[Knobs]:
    """Up to 2 from far and 3 from near, while no more than 13 are on the shelf and under way."""
    units = state["store"][0] + state["job"][0] + sum(state["on_order"])
    orders = [(far, near, 0, 0) for far in range(3) for near in range(4) if units + far + near <= 13]
    return [*orders] or [(0, 0, 0, 0)]


# -- the anchors --


def exact_maintenance() -> Anchor:
    """One machine that wears out: when to produce, and when to maintain."""
    rules = {"base stock with maintenance": Rules(lambda s, level: (OFF, s, level), (range(1, 6), range(2, 9)))}
    return Anchor("exact_maintenance", load_scenario("exact_maintenance"), _maintain_or_produce, rules, {"backlog": 40})


def exact_two_stages() -> Anchor:
    """Two machines that break down."""
    rules = {
        "kanban": Rules(lambda a, b: (a, b, OFF, OFF), (range(1, 4), range(1, 7))),
        "base stock": Rules(lambda a, b: (OFF, OFF, a, b), (range(2, 8), range(1, 6))),
    }
    return Anchor("exact_two_stages", load_scenario("exact_two_stages"), _two_stages, rules)


def exact_two_products() -> Anchor:
    """Two products on one machine, without changeovers."""
    scenario = load_scenario("exact_two_products")
    return Anchor("exact_two_products", scenario, _two_products(5, 1), _rules_of_products())


def exact_two_products_setup() -> Anchor:
    """Two products on one machine, with changeovers."""
    scenario = load_scenario("exact_two_products_setup")
    return Anchor("exact_two_products_setup", scenario, _two_products(5, 1), _rules_of_products())


def _rules_of_products() -> dict[str, Rules]:
    return {
        "kanban": Rules(lambda a, b: (a, b, 20, 20), (range(1, 7), range(1, 7))),
        "base stock": Rules(lambda a, b: (OFF, OFF, a, b), (range(1, 7), range(1, 7))),
    }


def exact_dual_sourcing() -> Anchor:
    """A cheap far and a dear near supplier of one good."""
    rules = {
        "far alone": Rules(lambda level: (0, 0, level, 0), (range(4, 19),)),
        "near alone": Rules(lambda level: (0, 0, 0, level), (range(4, 13),)),
        "base-surge": Rules(lambda order, level: (order, 0, 0, level), (range(2), range(4, 15))),
    }
    scenario = load_scenario("exact_dual_sourcing")
    return Anchor("exact_dual_sourcing", scenario, _two_suppliers, rules, {"store": 20})


PUBLISHED: Final = {
    4: ((4.04, 4.16), (4.40, 4.64), (4.60, 4.98), (4.73, 5.20)),
    9: ((5.44, 5.55), (6.09, 6.32), (6.53, 6.86), (6.84, 7.27)),
    19: ((6.68, 6.73), (7.66, 7.84), (8.36, 8.60), (8.89, 9.23)),
    39: ((7.84, 7.86), (9.11, 9.19), (10.04, 10.22), (10.79, 11.06)),
}
"""Optimum and best base stock by price of a lost sale and lead time 1 to 4, Poisson demand (Zipkin 2008, table 3)."""


def lost_sales(lead: int = 2, price: int = 4) -> Anchor:
    """Lost sales with a lead time, Poisson demand of mean 5, holding cost 1.

    Args:
        lead: lead time L of the paper, 1 to 4 slots.
        price: of a lost sale: 4, 9, 19 or 39.

    Raises:
        InputError: the paper has no such case.
    """
    if price not in PUBLISHED or lead not in range(1, 5):
        raise InputError(f"lead must be 1..4 and price of {', '.join(map(str, PUBLISHED))}, got {lead} and {price}")
    given = load_scenario("lost_sales").model_dump(mode="json", exclude_defaults=True)
    name = f"lost_sales_{lead}_{price}"
    level, order = given["control"]
    scenario = load_scenario(
        given
        | {
            "name": name,
            "suppliers": [{**given["suppliers"][0], "lead_time": lead - 1}],
            "control": [{**level, "high": 60}, {**order, "high": 10}],
            "prices": {**given["prices"], "lost": price},
        }
    )
    best, rule = PUBLISHED[price][lead - 1]
    levels = range(max(10, 5 * lead + 1), 5 * lead + 16)
    rules = {"base stock": Rules(lambda s: (s, 0), (levels,))}
    return Anchor(name, scenario, None, rules, published={"optimum": best, "base stock": rule})


ANCHORS: Final[dict[str, Callable[[], Anchor]]] = {
    "exact_maintenance": exact_maintenance,
    "exact_two_stages": exact_two_stages,
    "exact_two_products": exact_two_products,
    "exact_two_products_setup": exact_two_products_setup,
    "exact_dual_sourcing": exact_dual_sourcing,
    **{f"lost_sales_{lead}_{price}": partial(lost_sales, lead, price) for price in PUBLISHED for lead in range(1, 5)},
}
"""Every anchor by name; a scenario is read when its anchor is asked for."""


def anchor(name: str) -> Anchor:
    """Return an anchor by name.

    Raises:
        InputError: there is none of that name; the message names the nearest.
    """
    if name not in ANCHORS:
        raise InputError(f"anchor must be of {', '.join(ANCHORS)}, got {name!r}{nearest(name, ANCHORS)}")
    return ANCHORS[name]()


def told(chosen: Anchor) -> str:
    """Return the exact figures of an anchor in one line, as the head of its file states them."""
    figures = [f"optimum {chosen.solved.optimum.cost:.4f}"]
    for kind in chosen.rules:
        cost, numbers = chosen.best(kind)
        figures.append(f"{kind} ({', '.join(map(str, numbers))}) {cost:.4f}")
    return "; ".join(figures)


def main(names: Sequence[str]) -> None:
    """Print the exact figures of anchors, by default of those with a file of their own."""
    for name in names or [name for name in ANCHORS if name.startswith("exact")]:
        begin = time.perf_counter()
        text = told(anchor(name))
        print(f"{name}: {text} ({time.perf_counter() - begin:.0f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
