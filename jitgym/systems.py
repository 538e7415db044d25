"""The control systems of stages: what limits a release. Each with its formula, source, and the knobs it needs.

``local(i)`` are the units of a product in stage i: queue, machine and store. A system returns None for a line that
lacks its knobs.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from jitgym.knobs import Knob
from jitgym.observation import Readings
from jitgym.settings import Information, Ints, Line, Number, Setting, System, constant, free_number, number_of

SMOOTH_UNIT: Final = 256
"""Smoothed demand counts in 1/256 units a slot."""


def kanban(line: Line) -> Setting | None:
    """Kanban: K cards at each stage; a release needs ``local(i) < K``.

    Source: Sugimori, Kusunoki, Cho & Uchikawa, "Toyota production system and kanban system", Int. J. Production
    Research 15(6), 1977; start: Monden's card formula, demand x lead time of the stage x (1 + safety). A free card
    moves a unit into the stage at once, whether or not its machine is idle: what Mitra & Mitrani, "Analysis of a kanban
    discipline for cell coordination in production lines I", Management Science 36(12), 1990, call minimal blocking.
    """
    return _constant_or_none(_cards(line))


def conwip(line: Line) -> Setting | None:
    """CONWIP: W cards round the whole line; a release into the first stage needs ``local(1) + ... + local(M) < W``.

    In a tree, every first stage has a loop of its own. Source: Spearman, Woodruff & Hopp, "CONWIP: a pull alternative
    to kanban", Int. J. Production Research 28(5), 1990; start: the kanban rule's cards added up.
    """
    return _constant_or_none(_conwip_loops(line), "line")


def hybrid(line: Line) -> Setting | None:
    """CONWIP and kanban at once: cards round the line, and a limit on what each stage may hold of them.

    Source: Bonvik, Couch & Gershwin, "A comparison of production-line control mechanisms", Int. J. Production Research
    35(3), 1997.
    """
    return _constant_or_none(_both(_cards(line), _conwip_loops(line)), "line")


def basestock(line: Line) -> Setting | None:
    """Base stock: a release needs ``local(i) + ... + local(M) - customer orders < S``, at every stage.

    Source: Clark & Scarf, "Optimal policies for a multi-echelon inventory problem", Management Science 6(4), 1960;
    Buzacott & Shanthikumar, Stochastic Models of Manufacturing Systems, 1993, ch. 4; start: the cards from the stage to
    the customer.
    """
    return _constant_or_none(_base_stocks(line), "line")


def extended(line: Line) -> Setting | None:
    """Extended kanban: base stock, which passes demand on at once, and K cards at each stage.

    Source: Dallery & Liberopoulos, "Extended kanban control system: combining kanban and base stock", IIE Transactions
    32(4), 2000.
    """
    return _constant_or_none(_both(_cards(line), _base_stocks(line)), "line")


def polca(line: Line) -> Setting | None:
    """POLCA: cards for every pair of stages in succession; a release needs ``local(i) + local(i + 1) < W(i)``.

    The last stage has cards of its own. Source: Suri, Quick Response Manufacturing, 1998, ch. 9; start: his formula,
    demand x (lead time of the one + lead time of the other), with the safety of the card formula.
    """
    followers, last = line.scenario.followers, len(line.scenario.stages) - 1
    if last == 0:
        return None
    loops = [(c, k) for c, k in line.of_kind("loop") if k.place < last and k.end == followers[k.place]]
    own = {(k.place, k.product) for _, k in loops}
    if own != {(i, p) for i in range(last) for p in range(line.scenario.n_products)}:
        return None
    ends = [(c, k) for c, k in line.of_kind("kanban") if k.place == last]
    numbers = [number_of(c, k, line.textbook.cards_between(k.place, k.end, k.product)) for c, k in loops]
    numbers += [number_of(c, k, line.textbook.cards(k.place, k.product)) for c, k in ends]
    return _constant_or_none(numbers if ends else [], "line")


def rope(line: Line) -> Setting | None:
    """Drum-buffer-rope: a rope from the bottleneck, the drum, to the first stages; the drum beats as customers order.

    A release into a first stage needs ``local(1) + ... + local(drum) < W``, the constraint buffer; one into the drum
    ``local(drum) + ... + local(M) - customer orders < S``, the shipping buffer. All other stages work on what they get.
    Source: Goldratt & Fox, The Race, 1986; Schragenheim & Ronen, "Drum-buffer-rope shop floor control", Production and
    Inventory Management J. 31(3), 1990; start: the cards of the stages that each buffer spans.
    """
    drum = line.textbook.drum
    loops = [(c, k) for c, k in _from_first_stages(line) if k.end == drum]
    buffers = [(c, k) for c, k in line.of_kind("basestock") if k.place == drum]
    ropes = [number_of(c, k, line.textbook.cards_between(k.place, drum, k.product)) for c, k in loops]
    ship = [number_of(c, k, line.textbook.cards_to_the_end(drum, k.product)) for c, k in buffers]
    return _constant_or_none(_both(ropes, ship), "line")


def signal(line: Line) -> Setting | None:
    """Signal kanban, the (R, nQ) rule of a stage: K cards at each stage, and at those that make lots, L at once.

    A release needs ``K - local(i) >= L``, that is a stock of K - L or less; then all open cards go. Source: Monden,
    Toyota Production System, 2011, ch. 2; Axsäter, Inventory Control, 2015, ch. 3; start: Harris's lot, and the cards
    of the kanban rule.
    """
    cards = _cards(line)
    lots = [number_of(c, k, line.textbook.lot(k.place, k.product)) for c, k in line.of_kind("lot")]
    return _constant_or_none(_both(cards, lots))


def mrp(line: Line) -> Setting | None:
    """MRP push: each step releases the net requirements of the planned lead time, into the first stages only.

    ``release = forecast x (lead time + step) + safety stock - units in the line, and on their way into it + customer
    orders``, with exponentially smoothed demand as forecast; nothing limits what is released further. Source: Orlicky,
    Material Requirements Planning, 1975; Hopp & Spearman, Factory Physics, ch. 3; start: planned lead time of the jobs
    with a slot of waiting each, safety stock for 95 % service.
    """
    releases = line.of_kind("release")
    firsts = {(i, p) for i in _first_stages(line) for p in range(line.scenario.n_products)}
    if {(k.place, k.product) for _, k in releases} != firsts or not firsts:
        return None
    numbers: list[Number] = []
    for _, knob in releases:
        at = line.name(knob.place, knob.product)
        lead = round(line.textbook.lead_time(knob.place, knob.product))
        stock = line.textbook.safety_stock(knob.place, knob.product)
        numbers += [free_number(f"lead[{at}]", 0, 8 * lead, lead), free_number(f"safety[{at}]", 0, 8 * stock, stock)]

    def adapt(values: Ints, seen: Readings, knobs: Ints) -> None:
        for i, (column, knob) in enumerate(releases):
            lead, safety = values[:, 2 * i], values[:, 2 * i + 1]
            over = lead + line.scenario.slots_per_step
            forecast = -(-line.of_product(seen, "demand_smooth", knob.product) * over // SMOOTH_UNIT)
            asked = forecast + safety - line.position(seen, knob.place, knob.product)
            knobs[:, column] = np.clip(asked, knob.low, knob.high)

    return Setting(tuple(numbers), "forecast", adapt)


def push(line: Line) -> Setting | None:
    """Push: nothing limits a release; for lines whose control is about maintenance or orders alone.

    Source: Hopp & Spearman, Factory Physics, ch. 10. A line whose releases can be limited is flooded without a limit,
    and is no fair opponent there: it has `mrp` instead.
    """
    return None if line.is_limited else Setting()


def _constant_or_none(numbers: list[Number], information: Information = "local") -> Setting | None:
    return constant(numbers, information) if numbers else None


def _both(one: list[Number], other: list[Number]) -> list[Number]:
    """Return the numbers of two systems, or none unless the line has the knobs of both."""
    return one + other if one and other else []


def _cards(line: Line) -> list[Number]:
    return [number_of(c, k, line.textbook.cards(k.place, k.product)) for c, k in line.of_kind("kanban")]


def _base_stocks(line: Line) -> list[Number]:
    return [number_of(c, k, line.textbook.cards_to_the_end(k.place, k.product)) for c, k in line.of_kind("basestock")]


def _first_stages(line: Line) -> list[int]:
    """Return the stages that no other stage feeds."""
    return [i for i in range(len(line.scenario.stages)) if i not in line.scenario.followers]


def _from_first_stages(line: Line) -> list[tuple[int, Knob]]:
    firsts = _first_stages(line)
    return [(c, k) for c, k in line.of_kind("loop") if k.place in firsts]


def _conwip_loops(line: Line) -> list[Number]:
    last = len(line.scenario.stages) - 1
    loops = [(c, k) for c, k in _from_first_stages(line) if k.end == last]
    return [number_of(c, k, line.textbook.cards_to_the_end(k.place, k.product)) for c, k in loops]


SYSTEMS: Final[dict[str, System]] = {
    "kanban": System(kanban, "local(i) < K(i)", "Sugimori et al. 1977; Mitra & Mitrani 1990"),
    "conwip": System(conwip, "local(1..M) < W", "Spearman, Woodruff & Hopp 1990"),
    "hybrid": System(hybrid, "local(1..M) < W and local(i) < K(i)", "Bonvik, Couch & Gershwin 1997"),
    "basestock": System(basestock, "local(i..M) - orders < S(i)", "Clark & Scarf 1960"),
    "extended": System(extended, "local(i..M) - orders < S(i) and local(i) < K(i)", "Dallery & Liberopoulos 2000"),
    "polca": System(polca, "local(i) + local(i + 1) < W(i)", "Suri 1998"),
    "rope": System(rope, "local(1..drum) < W; at the drum local(drum..M) - orders < S", "Goldratt & Fox 1986"),
    "signal": System(signal, "K(i) - local(i) >= L(i), then all of them", "Monden 2011; Hadley & Whitin 1963"),
    "mrp": System(mrp, "release forecast x (lead + step) + safety - local(1..M) + orders", "Orlicky 1975"),
    "push": System(push, "no limit", "Hopp & Spearman 2011"),
}
"""Control systems of stages, by the first part of a rule's name."""
ALIASES: Final = {"minimal_blocking": "kanban", "drum_buffer_rope": "rope"}
"""Other names: under the pull law of the line they are the same system."""
