"""The knobs of a fitted line, from the textbook's values, and what its steps cost with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jitgym.fit.sections import Description
from jitgym.knobs import knobs_of
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
    stages, products = description["stages"], [p["name"] for p in description.get("products", [])]
    kept = [stage["name"] for stage in stages if "maintenance" in stage]
    rough: list[Description] = [{"knob": "kanban", "high": 1, "default": 1}]
    if description.get("suppliers"):
        rough.append({"knob": "target", "high": 1, "default": 1})
    if kept:
        rough.append({"knob": "pm_level", "high": 1, "default": 1})
    scenario = load_scenario({**description, "control": rough})
    textbook = Textbook.of(scenario)
    last = len(stages) - 1
    control: list[Description] = []
    to_end = {}
    for p in range(max(1, len(products))):
        whose = {"product": products[p]} if products else {}
        for i, stage in enumerate(stages):
            cards = textbook.cards(i, p)
            control.append(
                {
                    "knob": "kanban",
                    "at": stage["name"],
                    **whose,
                    "low": 1,
                    "high": WIDE * cards + 2,
                    "default": cards,
                    "off": True,
                }
            )
        to_end[p] = textbook.cards_to_the_end(0, p)
        control.append(
            {
                "knob": "loop",
                "at": stages[0]["name"],
                **whose,
                "low": 1,
                "high": WIDE * to_end[p] + 2,
                "default": "off",
                "off": True,
            }
        )
        if last:
            control.append(
                {"knob": "basestock", **whose, "low": 0, "high": WIDE * to_end[p] + 2, "default": "off", "off": True}
            )
    for knob in knobs_of(scenario):
        if knob.kind == "target":
            level = textbook.target(knob)
            at = description["suppliers"][knob.place]["name"]
            control.append({"knob": "target", "at": at, "low": 0, "high": WIDE * level + 2, "default": level})
        if knob.kind == "pm_level":
            most, level = int(textbook.tables.levels[knob.place]), textbook.pm_level(knob.place)
            high = most if level >= most else min(most, WIDE * level)
            low = min(high, max(1, level // WIDE))
            control.append(
                {
                    "knob": "pm_level",
                    "at": stages[knob.place]["name"],
                    "low": low,
                    "high": high,
                    "default": min(level, high),
                }
            )
    return load_scenario(_filled({**description, "control": control}, scenario, textbook, products))


def _filled(description: Description, scenario: Scenario, textbook: Textbook, products: Sequence[str]) -> Description:
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
