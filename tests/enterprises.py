"""A small company that tests share, and decisions for it."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import LeverTable
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import Run

LINE: dict[str, Any] = {
    "name": "pair",
    "slots_per_step": 4,
    "horizon": 100,
    "slots_per_year": 80,
    "products": ["a", "b"],
    "stages": [
        {
            "name": "cut",
            "setup": 2,
            "initial": 3,
            "failure": {"law": {"geometric": 0.05}, "repair": {"geometric": 4}},
            "quality": {"defect": 0.1, "detect": 0.5, "jidoka": 1},
        },
        {
            "name": "pack",
            "initial": 4,
            "failure": {"law": {"geometric": 0.03}, "repair": {"geometric": 3}},
            "quality": {"defect": 0.05, "detect": 0.5, "jidoka": 1},
        },
    ],
    "items": [{"name": "bar", "stage": "cut", "initial": 12}],
    "suppliers": [
        {"name": "shop", "item": "bar", "lead_time": 4, "on_time": 0.9, "catch_up": 0.4},
        {"name": "mill", "item": "bar", "lead_time": 6, "on_time": 0.7, "catch_up": 0.3},
    ],
    "demand": {"law": {"poisson": 0.2}, "shortage": {"limit": 20}},
    "control": [{"knob": "kanban", "low": 1, "high": 9, "default": 4}],
    "prices": {
        "wip": 0.125,
        "finished_goods": 0.25,
        "items": 0.0625,
        "backlog": 3,
        "lost": 40,
        "repair": 15,
        "setup": 2,
        "scrap": 1.5,
        "returned": 25,
    },
    "finance": {
        "price": [100, 130],
        "material": 20,
        "added": [7.5, 11],
        "customers_pay_after": 135,
        "suppliers_paid_after": 30,
        "capital_cost": 0.1,
    },
}

SMALL: dict[str, Any] = {
    "name": "small",
    "line": LINE,
    "days": 5,
    "periods_per_year": 4,
    "horizon": 12,
    "lines": [
        {"name": "first", "start": {"changeover": 0.25, "quality": 0.5, "maintenance": 0.25}},
        {
            "name": "second",
            "demand": [{"poisson": 0.25}, {"negative_binomial": {"mean": 0.15, "dispersion": 0.5}}],
            "times": {"hazard": 1.5},
        },
    ],
    "suppliers": [
        {"name": "mill", "delivers": "mill", "start": 0.25},
        {
            "name": "shop",
            "delivers": "shop",
            "start": 0.5,
            "price": 1.1,
            "alternative": {"cost": 700, "periods": 2},
        },
    ],
    "levers": {
        "develop": {"high": 3, "unit": 100},
        "alternative": {"high": 4, "unit": 0.25},
        "changeover": {"high": 2, "unit": 150},
        "quality": {"high": 2, "unit": 150},
        "maintenance": {"high": 2, "unit": 150},
        "training": {"high": 2, "unit": 150},
        "cards": {"high": 4, "unit": 2},
    },
    "capabilities": {
        "changeover": [{"parameter": "setup_slots", "at": "cut", "worst": 5, "best": 1}],
        "quality": [
            {"parameter": "defect", "worst": 1.5, "best": 0.25},
            {"parameter": "detect", "worst": 0.25, "best": 1},
        ],
        "maintenance": [
            {"parameter": "hazard", "worst": 1.5, "best": 0.25},
            {"parameter": "repair_finish", "worst": 0.125, "best": 0.5},
        ],
        "supplier": [
            {"parameter": "on_time", "worst": 0.5, "best": 1},
            {"parameter": "catch_up", "worst": 0.125, "best": 0.5},
        ],
        "disruption": [{"parameter": "job_finish", "worst": 0.5, "best": 1}],
    },
    "dynamics": {"half_spend": 100, "half_training": 100, "half_develop": 100, "upkeep": 50},
    "start_cards": 2,
    "money": {
        "budget": 4000,
        "rollout": 60,
        "overhead": 90,
        "fixed_assets": 1000,
        "cash": 500,
        "reward_scale": 1000,
    },
    "shocks": {
        "outage": {"per_year": 0.5, "periods": 2},
        "demand_shift": {"per_year": 0.5, "low": 0.5, "high": 1.5},
        "escape": {"per_year": 0.5, "periods": 2, "times": 4},
        "budget_cut": {"per_year": 0.5, "periods": 3, "times": 0.25},
    },
}

CALM: dict[str, Any] = {
    name: {**shock, "per_year": 0} for name, shock in SMALL["shocks"].items() if isinstance(shock, dict)
}
"""The shocks of the small company, none of which ever comes."""


def small(**changes: Any) -> dict[str, Any]:
    """Return the small company with some of its entries changed; a mapping changes the entries that it names.

    The year of its line is as long as its periods make it.
    """
    made = _changed(copy.deepcopy(SMALL), changes)
    given = isinstance(changes.get("line"), dict) and "slots_per_year" in changes["line"]
    if {"days", "periods_per_year"} & set(changes) and isinstance(made["line"], dict) and not given:
        made["line"]["slots_per_year"] = made["line"]["slots_per_step"] * made["days"] * made["periods_per_year"]
    return made


def _changed(description: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(description.get(name), dict):
            _changed(description[name], value)
        else:
            description[name] = value
    return description


def draw(rng: np.random.Generator, levers: LeverTable, n: int) -> npt.NDArray[np.int64]:
    """Return random decisions, ``(n, n_levers)``: all over the range, also its ends."""
    decisions = rng.integers(levers.low, levers.high + 1, (n, len(levers)))
    extreme = rng.random(n)
    decisions[extreme < 0.1] = levers.low
    decisions[extreme > 0.9] = levers.high
    return decisions


def decide(firms: Companies, **chosen: int) -> npt.NDArray[np.int64]:
    """Return what changes nothing but some levers of all lines or suppliers, by kind, ``(n_levers,)``."""
    decision = firms.levers.at_rest
    for kind, value in chosen.items():
        decision[firms.levers.columns[kind]] = value
    return decision


def steady(**changes: Any) -> dict[str, Any]:
    """Return the small company with three lines of its own, of which the first does not suit pull."""
    lines = [
        {"name": "lumpy", "demand": {"negative_binomial": {"mean": 0.15, "dispersion": 0.01}}},
        {"name": "steady", "demand": {"poisson": 0.9}},
        {"name": "steadier", "demand": {"poisson": 1.6}},
    ]
    return small(**{"lines": lines, **changes})


def a_run(periods: int, n: int = 1, n_lines: int = 2, n_suppliers: int = 2, n_levers: int = 14, **known: Any) -> Run:
    """Return a made-up run in which nothing happens but what is given, each broadcast to its shape."""
    of_line = {
        "stage": np.int8, "cards": np.int16, "capability": np.float32, "people": np.float32, "discipline": np.float32,
    }  # fmt: skip
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "opening": ((n,), float),
        **{name: ((n, periods, n_lines), kind) for name, kind in of_line.items()},
        "measures": ((n, periods, n_lines, len(MEASURES)), np.float32),
        "on_time": ((n, periods, n_suppliers), np.float32),
        "spent": ((n, periods, n_levers), np.float32),
        "supplier_paid": ((n, n_suppliers), float),
        "supplier_units": ((n, n_suppliers), float),
        "supplier_stock": ((n, n_suppliers), float),
    }
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(Run):
        shape, kind = shapes.get(field.name, ((n, periods), float))
        fields[field.name] = np.broadcast_to(np.asarray(known.pop(field.name, 0), dtype=kind), shape)
    assert not known
    return Run(**fields)
