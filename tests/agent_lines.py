"""The short lines that agents are tested on."""

from __future__ import annotations

from typing import Any

LINE: dict[str, Any] = {
    "name": "short",
    "slots_per_step": 4,
    "horizon": 6,
    "stages": [{"name": "cut", "failure": {"law": {"geometric": 0.1}, "repair": 3}}, {"name": "pack"}],
    "demand": {"law": {"bernoulli": 0.6}},
    "control": [
        {"knob": "kanban", "low": 1, "high": 6, "default": 3},
        {"knob": "basestock", "low": 0, "high": 40, "default": "off", "off": True},
    ],
    "prices": {"wip": 1, "finished_goods": 2, "backlog": 10},
}
CARDS_ONLY: dict[str, Any] = {**LINE, "control": LINE["control"][:1]}
HOLD: dict[str, Any] = {
    "name": "hold",
    "slots_per_step": 1,
    "horizon": 20,
    "stages": [{"name": "shelf", "process": 1}],
    "demand": {"law": {"bernoulli": 0.5}, "shortage": "lost"},
    "control": [{"knob": "kanban", "low": 1, "high": 6, "default": 3}],
    "prices": {"finished_goods": 1},
}
"""Holding less stock is cheaper without end."""
