"""Descriptions of the whole line: products, trees, quality, outages, seasons, crews; what is wrong is told once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from test_scenario import changed, told

from jitgym.scenario import load_scenario


@pytest.fixture
def tree() -> dict[str, Any]:
    """Return a line with everything: two feeders, an assembly, two products, a crew, dual sourcing."""
    return {
        "name": "tree",
        "products": ["plain", {"name": "fancy", "law": {"poisson": 0.1}, "notice": 3, "season": [2, 1]}],
        "technicians": 1,
        "stages": [
            {"name": "frame", "feeds": "final", "setup": 2, "failure": {"law": {"geometric": 0.1}, "repair": 2}},
            {"name": "motor", "feeds": "final", "quality": {"defect": 0.1, "detect": 0.5, "jidoka": 2}},
            {"name": "final", "spoil": 0.01},
        ],
        "items": [{"name": "steel", "stage": "frame"}, {"name": "gold", "stage": "final", "products": "fancy"}],
        "suppliers": [
            {"name": "near", "item": "steel", "lead_time": 1, "capacity": 4, "multiple": 2},
            {"name": "far", "item": "steel", "lead_time": 9, "outage": {"fail": 0.01, "recover": 0.2}, "review": 5},
            {"name": "mine", "item": "gold", "lead_time": 2, "defective": 0.1, "inspect": 0.5},
        ],
        "demand": {
            "law": {"poisson": 0.3},
            "regimes": {"switch": [[0.9, 0.1], [0.5, 0.5]], "rates": [1, 2]},
            "season": {"rates": [1, 0.5], "slots": 4},
        },
        "control": [
            {"knob": "kanban", "high": 9, "default": 3},
            {"knob": "loop", "at": "motor", "end": "final", "product": "fancy", "high": 9, "default": 4},
            {"knob": "order", "at": "far", "high": 5, "default": 1},
            {"knob": "expedite", "at": "far", "high": 1, "default": 0},
        ],
        "vary": [{"parameter": "hazard", "low": 0.5, "high": 2}],
        "prices": {"backlog": [1, 3], "setup": [5, 0, 0]},
    }


LAW = ("demand", "law")
FAULTS: dict[str, tuple[tuple[str | int, ...], Any, str]] = {
    "too many products": (("products",), list("abcdefghi"), "products must have at most 8 items"),
    "a rate too many": (
        ("products", 1, "season"),
        [1, 2, 3],
        "products[1].season must be 2 rates, as in demand.season",
    ),
    "process at no stage": (
        ("products", 1, "process"),
        {"fram": 2},
        "products[1].process must name stages, got 'fram' (did you mean 'frame'?)",
    ),
    "no technician": (("technicians",), 0, "technicians must be >= 1, got 0"),
    "feeds itself": (("stages", 0, "feeds"), "frame", "stages[0].feeds must be a later stage, got 'frame'"),
    "feeds the customer": (("stages", 0, "feeds"), "customer", "stages[0].feeds must be a later stage, got 'customer'"),
    "unlimited feeder": (
        ("stages", 1, "batch"),
        "unlimited",
        "stages[1].batch must be a number, got 'unlimited': the stage draws on unlimited material",
    ),
    "defects by wear without wear": (
        ("stages", 1, "quality", "defect"),
        [0.1, 0.2],
        "stages[1].quality.defect must be one probability, got a list: without failure there is no wear",
    ),
    "detects too much": (("stages", 1, "quality", "detect"), 1.5, "stages[1].quality.detect must be <= 1, got 1.5"),
    "unknown in quality": (
        ("stages", 1, "quality", "jidka"),
        2,
        "stages[1].quality has no key 'jidka' (did you mean 'jidoka'?)",
    ),
    "table that is no law": (
        ("stages", 0, "setup"),
        {"table": [0.5, 0.4]},
        "stages[0].setup.table must add up to 1, got 0.9",
    ),
    "table and slots": (
        ("stages", 0, "setup"),
        {"slots": 2, "table": [1.0]},
        "stages[0].setup.table must stand alone, got slots or finish besides",
    ),
    "item of no product": (
        ("items", 1, "products"),
        ["fncy"],
        "items[1].products must name products, got 'fncy' (did you mean 'fancy'?)",
    ),
    "capacity that is no multiple": (
        ("suppliers", 0, "capacity"),
        5,
        "suppliers[0].capacity must be a multiple of multiple = 2, got 5",
    ),
    "endless outage": (
        ("suppliers", 1, "outage", "recover"),
        1e-10,
        "suppliers[1].outage.recover must be >= 2**-31, got 1e-10: it would never end",
    ),
    "a job in eternity": (
        ("stages", 0, "process"),
        {"geometric": 5e9},
        "stages[0].process.geometric must be a mean of 1 to 2**31 slots, got 5000000000.0",
    ),
    "varies to eternity": (
        ("vary", 0),
        {"parameter": "repair_finish", "low": 1e-12, "high": 1},
        "vary[0].low must be >= 2**-31, got 1e-12: it would never end",
    ),
    "demand without end": (
        LAW,
        {"negative_binomial": {"mean": 100, "dispersion": 0.001}},
        "demand.law must keep the demand of a slot within 65,536 units, got 2,662,516 in one of 2**33",
    ),
    "review never": (("suppliers", 1, "review"), 0, "suppliers[1].review must be >= 1, got 0"),
    "regimes not square": (
        ("demand", "regimes", "switch"),
        [[0.9, 0.1], [1.0]],
        "demand.regimes.switch[1] must be 2 probabilities that add up to 1",
    ),
    "rates for other regimes": (
        ("demand", "regimes", "rates"),
        [1],
        "demand.regimes.rates must be 2, one for each regime, got 1",
    ),
    "phase past the period": (("demand", "phase"), 8, "demand.phase must be below the period of 8 slots, got 8"),
    "no law": (LAW, None, "demand.law must be given, or a law of 'plain', got none"),
    "law without a mean": (
        LAW,
        {"table": [0.5, 0.5]},
        "demand.law must be bernoulli, poisson or negative_binomial to be multiplied by rates",
    ),
    "too probable": (LAW, {"bernoulli": 0.6}, "demand.law.bernoulli must be <= 1 at its highest rate 2, got 1.2"),
    "loop that ends beside": (
        ("control", 1, "end"),
        "frame",
        "control[1].end must be 'motor' or a later stage, got 'frame'",
    ),
    "knob of no product": (
        ("control", 1, "product"),
        "fanc",
        "control[1].product must name products, got 'fanc' (did you mean 'fancy'?)",
    ),
    "expedite twice": (("control", 3, "high"), 2, "control[3].high must be <= 1 for expedite, got 2"),
    "varies a probability too far": (
        ("vary", 0, "parameter"),
        "setup_finish",
        "vary[0].high must be a probability, got 2",
    ),
    "varies what is not there": (
        ("vary", 0, "at"),
        "motor",
        "vary[0].at must be of frame, got 'motor'",
    ),
    "varies too far": (("vary", 0, "high"), 20, "vary[0].high must be <= 16, times the value of the scenario, got 20"),
    "varies backwards": (("vary", 0, "low"), 3, "vary[0].low must be <= high = 2, got 3"),
    "prices of other products": (
        ("prices", "backlog"),
        [1, 2, 3],
        "prices.backlog must be a number or a list of 2, got 3 entries",
    ),
}


def test_the_tree_is_valid_and_survives_yaml(tree, tmp_path):
    scenario = load_scenario(tree)
    path = tmp_path / "tree.yaml"
    path.write_text(scenario.to_yaml(), encoding="utf-8")
    again = load_scenario(path)
    assert again == scenario
    assert again.hash == scenario.hash
    assert scenario.followers == (2, 2, 3)
    assert scenario.notices == (0, 3)


@pytest.mark.parametrize(("path", "value", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_once(tree, path, value, message):
    (row,) = told(changed(tree, path, value))
    assert row.removeprefix("scenario: ").startswith(message)


def test_tables_of_demand_have_a_limit(tree):
    tree["products"][1].pop("season")
    tree["demand"]["law"] = {"poisson": 400}
    tree["demand"]["season"] = {"rates": [1] * 366}
    tree["demand"]["regimes"] = {"switch": [[0.0625] * 16] * 16, "rates": [1] * 16}
    (row,) = told(tree)
    assert "demand must need at most 2,097,152 thresholds" in row


def test_the_hash_tells_of_what_is_given_only(tree):
    """What later versions add with a default changes no hash."""
    spelled = copy.deepcopy(tree)
    spelled["stages"][0]["dispatch"] = "exhaustive"
    spelled["suppliers"][0]["on_time"] = 1.0
    assert load_scenario(spelled).hash == load_scenario(tree).hash
    spelled["suppliers"][0]["on_time"] = 0.9
    assert load_scenario(spelled).hash != load_scenario(tree).hash
