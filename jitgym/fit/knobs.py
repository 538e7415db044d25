"""The knobs of a fitted line, from the textbook's values, and what its steps cost with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from jitgym.fit.sections import Description
from jitgym.knobs import Knob, knobs_of
from jitgym.scenario import Scenario, load_scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator
from jitgym.textbook import Textbook

WIDE: Final = 3
"""The range of a knob ends at this many times its textbook value."""
TRIED: Final = 64
"""Lines that are run to see what a step costs."""


def with_knobs(description: Description) -> Scenario:
    """Return the scenario with knobs for cards, loops, base stocks, orders and maintenance, at textbook values."""
    rough: list[Description] = [{"knob": "kanban", "high": 1, "default": 1}]
    if description.get("suppliers"):
        rough.append({"knob": "target", "high": 1, "default": 1})
    if any("maintenance" in stage for stage in description["stages"]):
        rough.append({"knob": "pm_level", "high": 1, "default": 1})
    scenario = load_scenario({**description, "control": rough})
    textbook = Textbook.of(scenario)
    control = [knob for p in range(scenario.n_products) for knob in _limits(scenario, textbook, p)]
    control += [_target(scenario, textbook, knob) for knob in knobs_of(scenario) if knob.kind == "target"]
    control += [_threshold(scenario, textbook, knob.place) for knob in knobs_of(scenario) if knob.kind == "pm_level"]
    return load_scenario(_filled({**description, "control": control}, textbook, scenario.product_names))


def _limits(scenario: Scenario, textbook: Textbook, product: int) -> Iterator[Description]:
    """Yield the knobs that limit the releases of a product: cards, which are on, loop and base stock, which are off."""
    whose = {"product": scenario.product_names[product]} if scenario.products else {}
    for i, name in enumerate(scenario.stage_names):
        cards = textbook.cards(i, product)
        yield {"knob": "kanban", "at": name, **whose, "low": 1, "high": _top(cards), "default": cards, "off": True}
    top, first = _top(textbook.cards_to_the_end(0, product)), scenario.stage_names[0]
    yield {"knob": "loop", "at": first, **whose, "low": 1, "high": top, "default": "off", "off": True}
    if len(scenario.stages) > 1:
        yield {"knob": "basestock", **whose, "high": top, "default": "off", "off": True}


def _target(scenario: Scenario, textbook: Textbook, knob: Knob) -> Description:
    """Return the knob of a supplier's order-up-to level."""
    level = textbook.target(knob)
    return {"knob": "target", "at": scenario.supplier_names[knob.place], "high": _top(level), "default": level}


def _threshold(scenario: Scenario, textbook: Textbook, place: int) -> Description:
    """Return the knob of a machine's maintenance; its top, where the textbook never maintains, is the last level."""
    most, level = int(textbook.tables.levels[place]), textbook.pm_level(place)
    high = most if level >= most else min(most, WIDE * level)
    low = min(high, max(1, level // WIDE))
    at = scenario.stage_names[place]
    return {"knob": "pm_level", "at": at, "low": low, "high": high, "default": min(level, high)}


def _top(level: int) -> int:
    return WIDE * level + 2


def _filled(description: Description, textbook: Textbook, products: Sequence[str]) -> Description:
    """Return a description whose stores begin full: as many units as cards, and items up to their target."""
    for i, stage in enumerate(description["stages"]):
        for p, name in enumerate(products):
            described = next(product for product in description["products"] if product["name"] == name)
            described.setdefault("initial", {})[stage["name"]] = textbook.cards(i, p)
        if not products:
            stage["initial"] = textbook.cards(i)
    targets = {k["at"]: k["default"] for k in description["control"] if k["knob"] == "target"}
    for item in description.get("items", []):
        item["initial"] = max(targets[s["name"]] for s in description["suppliers"] if s["item"] == item["name"])
    return description


def cost_a_step(scenario: Scenario, seed: int = 0) -> float:
    """Return what a step costs under the defaults, in the mean of some lines and a whole episode."""
    simulator = Simulator(scenario, TRIED, seed_bank(seed, TRIED, "tuning"))
    ledger = simulator.step(simulator.default_knobs, scenario.horizon * scenario.slots_per_step)
    return float(Scorecard(scenario).cost_a_slot(ledger).mean()) * scenario.slots_per_step
