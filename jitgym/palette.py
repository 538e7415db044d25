"""Colours and labels of cost terms, machine states and policies, the same in every figure.

Colours are from Okabe & Ito's palette, which people with any colour vision can tell apart.
"""

from __future__ import annotations

from typing import Final

INK: Final = "#222222"
FAINT: Final = "#8a8a8a"
RULE: Final = "#222222"
CHALLENGER: Final = "#0072B2"
KINDS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
"""Colours of the kinds of policies in the standings of a contest."""
TERMS: Final = {
    "wip": ("#0072B2", "work in process"),
    "finished_goods": ("#56B4E9", "finished goods"),
    "items": ("#B8B8B8", "purchased items"),
    "backlog": ("#D55E00", "backlog"),
    "lost": ("#E69F00", "lost sales"),
    "ordering": ("#F0E442", "ordering"),
    "repair": ("#CC79A7", "repairs"),
    "maintenance": ("#009E73", "planned maintenance"),
    "setups": ("#5D4B8A", "setups"),
    "quality": ("#8C510A", "defects"),
    "spoilage": ("#7A7A3C", "spoilage"),
}
"""Colour and label of every cost term."""
STATES: Final = {
    "busy": ("#A9CBE3", "working"),
    "setup": ("#5D4B8A", "setup"),
    "starved": ("#FFFFFF", "waits for material"),
    "blocked": ("#DDDDDD", "held back: no card or no room"),
    "down": ("#D55E00", "broken down"),
    "waiting": ("#F2B48C", "waits for a technician"),
    "pm": ("#009E73", "planned maintenance"),
    "stopped": ("#8C510A", "stopped at a defect"),
}
"""Colour and label of everything that a machine can do."""
