"""Replenishment: how much a rule orders from suppliers. Each system with its formula, source, and the knobs it needs.

The position of an item is its stock, what is on order and what is overdue, from all its suppliers; that of its echelon,
where an ``echelon`` knob or a line without limits on release asks for it, adds every unit made from it and takes off
the customer orders. Orders are decided once a step, levels hold in every slot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from jitgym.knobs import Knob
from jitgym.observation import Readings
from jitgym.settings import Information, Ints, Line, Number, Setting, System, constant, free_number, join, number_of

Quantity = Callable[[Ints, Ints], Ints]
"""Called with the numbers of one supplier ``(n_lines, n)`` and its item's position ``(n_lines,)``."""


@dataclass(frozen=True)
class Source:
    """A supplier whose orders are a rule's to decide: the column of its ``order`` knob, that knob, its level knob."""

    column: int
    order: Knob
    level: tuple[int, Knob] | None
    textbook: int

    @property
    def top(self) -> int:
        """The highest level that makes sense: that of its knob, or four times the textbook's."""
        return self.level[1].high if self.level is not None else 4 * self.textbook


def upto(line: Line) -> Setting | None:
    """Order up to S: every slot the position is brought to S; once a step where the line has only an ``order`` knob.

    Source: Arrow, Harris & Marschak, "Optimal inventory policy", Econometrica 19(3), 1951; Zipkin, Foundations of
    Inventory Management, 2000; start: mean demand over the lead time, and 1.65 standard deviations.
    """
    numbers = [number_of(c, k, line.textbook.target(k)) for c, k in line.of_kind("target", "echelon")]
    bare = [source for source in _sources(line) if source.level is None]
    levels = [[free_number(f"level[{_at(s)}]", 0, s.top, s.textbook)] for s in bare]
    if not numbers and not bare:
        return None
    constants = constant(numbers, _looks_at(line))
    return join([constants, _ordering(line, bare, levels, lambda n, at: n[:, 0] - at)]) if bare else constants


def ss(line: Line) -> Setting | None:
    """(s, S): once a step, if the position is s or less, order up to S.

    Source: Scarf, "The optimality of (S, s) policies in the dynamic inventory problem", 1960; Zheng & Federgruen,
    Operations Research 39(4), 1991; start: s is the order-up-to level, S that and Harris's lot. The numbers are s and
    the gap S - s.
    """

    def numbers(s: Source) -> list[Number]:
        gap = line.textbook.order_lot(s.order.place)
        return [
            free_number(f"s[{_at(s)}]", 0, s.top, s.textbook),
            free_number(f"S-s[{_at(s)}]", 1, max(1, s.order.high), gap),
        ]

    return _by_order(line, numbers, lambda n, position: np.where(position <= n[:, 0], n[:, 0] + n[:, 1] - position, 0))


def rnq(line: Line) -> Setting | None:
    """(R, nQ): once a step, if the position is R or less, order the fewest lots of Q that bring it above R.

    Source: Hadley & Whitin, Analysis of Inventory Systems, 1963; Axsäter, Inventory Control, 2015, ch. 3; start: R is
    the order-up-to level, Q Harris's lot.
    """

    def numbers(s: Source) -> list[Number]:
        lot = line.textbook.order_lot(s.order.place)
        return [
            free_number(f"R[{_at(s)}]", 0, s.top, s.textbook),
            free_number(f"Q[{_at(s)}]", 1, max(1, s.order.high), lot),
        ]

    return _by_order(line, numbers, lambda n, p: np.maximum((n[:, 0] - p) // n[:, 1] + 1, 0) * n[:, 1])


def steady(line: Line) -> Setting | None:
    """Constant order: r every step (or review), whatever the stock; for lost sales with long lead times.

    A second supplier of the item, to whom a level is told, delivers next to nothing (with a level: ``surge``).
    Source: Reiman, "A new and simple policy for the continuous review lost sales inventory model", 2004; Goldberg,
    Katz-Rogozhnikov, Lu, Sharma & Squillante, Math. of Operations Research 41(3), 2016; start: nine tenths of demand.
    """
    sources = _sources(line)
    orders = [number_of(s.column, s.order, line.textbook.steady_order(s.order.place)) for s in sources]
    items = {line.scenario.suppliers[s.order.place].item for s in sources}
    known = line.of_kind("target", "echelon")
    levels = [number_of(c, k, line.textbook.target(k)) for c, k in known if _item_of(line, k) not in items]
    held = tuple((c, k.low) for c, k in known if _item_of(line, k) in items)
    information = _looks_at(line) if levels else "local"
    return Setting(tuple(orders + levels), information, held=held) if sources else None


def capped(line: Line) -> Setting | None:
    """Capped base stock: once a step, order up to S, but never more than r.

    Source: Xin, "Understanding the performance of capped base-stock policies in lost-sales inventory models",
    Operations Research 69(1), 2021; start: the order-up-to level, and a cap a tenth above demand.
    """

    def numbers(s: Source) -> list[Number]:
        cap = max(1, line.textbook.steady_order(s.order.place, 1.1))
        return [
            free_number(f"level[{_at(s)}]", 0, s.top, s.textbook),
            free_number(f"cap[{_at(s)}]", 0, s.order.high, cap),
        ]

    return _by_order(line, numbers, lambda n, position: np.minimum(n[:, 0] - position, n[:, 1]))


def surge(line: Line) -> Setting | None:
    """Tailored base-surge: a constant order from the far supplier of an item, order-up-to at its near one.

    Source: Allon & Van Mieghem, "Global dual sourcing: tailored base-surge allocation", Management Science 56(1), 2010;
    Xin & Goldberg, Management Science 64(1), 2018; start: nine tenths of demand from far; from near, what covers its
    lead time.
    """
    suppliers = line.scenario.suppliers
    near = {suppliers[k.place].item: (c, k) for c, k in line.of_kind("target", "echelon") if not _orders(line, k.place)}
    pairs = [(s, near.get(suppliers[s.order.place].item)) for s in _sources(line)]
    both = [(s, other) for s, other in pairs if other is not None]
    if not both:
        return None
    numbers = [number_of(s.column, s.order, line.textbook.steady_order(s.order.place)) for s, _ in both]
    far = [s for s, _ in both]
    levels = [number_of(c, k, line.textbook.target(k)) for c, k in line.of_kind("target", "echelon")]
    held = _levels_low(far)
    numbers += [number for number in levels if number.column not in dict(held)]
    return Setting(tuple(numbers), _looks_at(line), held=held)


SUPPLY: Final[dict[str, System]] = {
    "upto": System(upto, "every slot: order S - position", "Arrow, Harris & Marschak 1951"),
    "ss": System(ss, "if position <= s: order S - position", "Scarf 1960; Zheng & Federgruen 1991"),
    "rnq": System(rnq, "if position <= R: order n Q, the least n above R", "Hadley & Whitin 1963"),
    "steady": System(steady, "order r", "Reiman 2004"),
    "capped": System(capped, "order min(S - position, r)", "Xin 2021"),
    "surge": System(surge, "far: order r; near: order S - position", "Allon & Van Mieghem 2010"),
}
"""Systems of replenishment, by the second part of a rule's name; `upto` is meant where none is named."""


def _at(source: Source) -> str:
    """Return the name of the supplier that an ``order`` knob is at."""
    return source.order.name.removeprefix("order[").removesuffix("]")


def _orders(line: Line, supplier: int) -> bool:
    return line.column("order", supplier) >= 0


def _item_of(line: Line, knob: Knob) -> str:
    return line.scenario.suppliers[knob.place].item


def _is_echelon(line: Line) -> bool:
    """Whether orders look at the echelon position: a knob says so, or nothing else limits what is in the line."""
    return bool(line.of_kind("echelon")) or not (line.is_limited or line.of_kind("target"))


def _looks_at(line: Line) -> Information:
    return "line" if _is_echelon(line) else "local"


def _sources(line: Line) -> list[Source]:
    """Return the suppliers with an ``order`` knob."""
    levels = {k.place: (c, k) for c, k in line.of_kind("target", "echelon")}
    kind = "echelon" if _is_echelon(line) else "target"
    found = []
    for column, knob in line.of_kind("order"):
        level = levels.get(knob.place)
        like = level[1] if level is not None else Knob("", kind, knob.place, 0, 0, 0, 0, 0, False)
        found.append(Source(column, knob, level, line.textbook.target(like)))
    return found


def _by_order(line: Line, numbers: Callable[[Source], list[Number]], quantity: Quantity) -> Setting | None:
    """Return the setting that orders a quantity at every supplier with an ``order`` knob, up to a level elsewhere."""
    sources = _sources(line)
    if not sources:
        return None
    held = _levels_low(sources)
    others = [(c, k) for c, k in line.of_kind("target", "echelon") if c not in dict(held)]
    levels = [number_of(c, k, line.textbook.target(k)) for c, k in others]
    ordered = _ordering(line, sources, [numbers(s) for s in sources], quantity)
    return join([ordered, Setting(tuple(levels), held=held)])


def _ordering(line: Line, sources: list[Source], numbers: list[list[Number]], quantity: Quantity) -> Setting:
    """Return the setting that writes a quantity into ``order`` knobs."""
    ends = np.cumsum([0, *(len(group) for group in numbers)])

    def adapt(values: Ints, seen: Readings, knobs: Ints) -> None:
        for i, source in enumerate(sources):
            position = position_of(line, seen, source.order.place)
            asked = quantity(values[:, ends[i] : ends[i + 1]], position)
            knobs[:, source.column] = np.clip(asked, source.order.low, source.order.high)

    return Setting(tuple(n for group in numbers for n in group), _looks_at(line), adapt)


def _levels_low(sources: list[Source]) -> tuple[tuple[int, int], ...]:
    """Return the level knobs of suppliers, and their lowest values, at which they order next to nothing."""
    return tuple((source.level[0], source.level[1].low) for source in sources if source.level is not None)


def position_of(line: Line, seen: Readings, supplier: int) -> Ints:
    """Return the position of a supplier's item, ``(n_lines,)``, of its echelon where that is what counts."""
    scenario = line.scenario
    item = next(item for item in scenario.items if item.name == scenario.suppliers[supplier].item)
    units = seen(f"stock[{item.name}]")
    for other in scenario.suppliers:
        if other.item == item.name:
            units = units + seen(f"on_order[{other.name}]") + seen(f"overdue[{other.name}]")
    if not _is_echelon(line):
        return units
    for p, name in enumerate(scenario.product_names or ("",)):
        if item.products is None or name in item.products:
            units = units + line.position(seen, scenario.stage_names.index(item.stage), p)
    return units
