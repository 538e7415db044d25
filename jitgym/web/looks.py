"""What things are called on every page: the same as in the figures."""

from __future__ import annotations

from typing import Any

from jitgym.fields import MACHINE
from jitgym.palette import STATES, TERMS
from jitgym.render import word_of
from jitgym.scorecard import KPIS

LABELS = {
    "cost": ("cost", 1.0, "a slot"),
    "fill_rate": ("fill rate", 100.0, "%"),
    "wip": ("work in process", 1.0, "units, not finished"),
    "finished_goods": ("finished goods", 1.0, "units"),
    "backlog": ("backlog", 1.0, "units"),
    "inventory_turns": ("stock turns", 1.0, "a year"),
    "cycle_time": ("stock / output", 1.0, "slots"),
    "takt": ("takt", 1.0, "slots a unit"),
    "availability": ("availability", 100.0, "%"),
    "downtime_frequency": ("breakdowns", 1.0, "in 1000 slots"),
    "first_pass_yield": ("first-pass yield", 100.0, "%"),
    "supplier_on_time": ("suppliers on time", 100.0, "%"),
}
"""What the KPIs that are shown are called, what they are multiplied by, and their unit."""


def looks() -> dict[str, Any]:
    """Return the names of machine states, cost terms and KPIs."""
    return {
        "machine": [{"name": name, "word": word_of(name), "label": STATES[name][1]} for name in MACHINE],
        "terms": {name: {"label": label} for name, (_, label) in TERMS.items()},
        "kpis": [
            {"name": name, "label": label, "times": times, "unit": unit, "formula": KPIS[name][1]}
            for name, (label, times, unit) in LABELS.items()
        ],
    }


MEASURE_LABELS: dict[str, dict[str, Any]] = {
    "turns": {"label": "stock turns", "unit": "a year", "times": 1.0, "good": 1},
    "fill_rate": {"label": "fill rate", "unit": "%", "times": 100.0, "good": 1},
    "backlog": {"label": "backlog", "unit": "days", "times": 1.0, "good": -1},
    "lost": {"label": "orders lost", "unit": "%", "times": 100.0, "good": -1},
    "flow": {"label": "flow", "unit": "takts", "times": 1.0, "good": -1},
    "first_pass_yield": {"label": "first-pass yield", "unit": "%", "times": 100.0, "good": 1},
    "breakdowns": {"label": "breakdowns", "unit": "in 1000 h", "times": 1.0, "good": -1},
    "down": {"label": "downtime", "unit": "%", "times": 100.0, "good": -1},
    "oee": {"label": "OEE", "unit": "%", "times": 100.0, "good": 1},
    "visible": {"label": "visible problems", "unit": "%", "times": 100.0, "good": 0},
}
"""What the measures of a company's lines are called, what they are multiplied by, and whether more is better."""
