"""The short line that agents are tested on."""

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
