"""What the agent sees: named entries of the state, each times a stated scale.

Only what a plant would know: stocks, machine modes, orders under way, backlog, demand so far and the wear
reading; never the true lateness of an order or the wear behind a noisy reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import gymnasium
import numpy as np
import numpy.typing as npt

from jitgym.fields import OBSERVATION, Axis, Feature
from jitgym.simulator import Simulator
from jitgym.tables import Tables

SCALES: Final = {
    "units": "1 / units demanded in ten slots",
    "step_demand": "1 / mean demand of a step",
    "slot_demand": "1 / mean demand of a slot",
    "slots": "1 / 10",
    "reading": "1 / last wear level (age: 1 / top of the PM knob, else 1 / 100)",
    "one": "1",
}
"""How each kind of entry is scaled, about 1 where the line is in a usual state."""

_OF_MACHINES_THAT_STOP = ("is_down", "in_pm", "off_slots", "reading")
_HIGHEST = 2.0**31


@dataclass(frozen=True)
class Entry:
    """One entry of the observation vector."""

    name: str
    meaning: str
    row: int
    scale: float
    equals: int


class Observer:
    """Writes observations of a simulator's lines.

    Args:
        simulator: whose lines.

    Attributes:
        entries: what every column of the observation is.
        space: the observation space of one line, a float32 Box.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.entries = tuple(_entries(simulator))
        self._rows = np.array([entry.row for entry in self.entries], dtype=np.int32)
        self._equals = np.array([entry.equals for entry in self.entries], dtype=np.int32)
        self._scales = np.array([entry.scale for entry in self.entries], dtype=np.float32)
        top = np.where(self._equals < 0, _HIGHEST * self._scales, 1).astype(np.float32)
        self.space = gymnasium.spaces.Box(np.zeros_like(top), top, dtype=np.float32)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every column, e.g. ``store[packing]``."""
        return tuple(entry.name for entry in self.entries)

    def observe(self) -> npt.NDArray[np.float32]:
        """Return a new array ``(n_lines, n_entries)``."""
        return self._simulator.scaled(self._rows, self._equals, self._scales)


def _entries(simulator: Simulator) -> list[Entry]:
    """List the entries in the order of the table of features, leaving out what a line does not have."""
    tables = simulator.tables
    entries = []
    for feature in OBSERVATION:
        rows = tables.state[feature.field]
        for place, row in enumerate(range(rows.start, rows.stop)):
            if feature.name in _OF_MACHINES_THAT_STOP and not (tables.fails[place] or tables.pm_level[place] >= 0):
                continue
            name = tables.state.names[row].replace(feature.field, feature.name, 1)
            entries.append(Entry(name, feature.meaning, row, _scale(simulator, feature, place), _code(feature.equals)))
    return entries


def _code(equals: int | None) -> int:
    return -1 if equals is None else equals


def _scale(simulator: Simulator, feature: Feature, place: int) -> float:
    """Return the factor of an entry: about 1 where the line is in a usual state."""
    tables = simulator.tables
    if feature.scale == "units":
        return 1 / max(1.0, 10 * tables.mean_demand)
    if feature.scale == "step_demand":
        return 1 / max(1.0, simulator.scenario.slots_per_step * tables.mean_demand)
    if feature.scale == "slot_demand":
        return 1 / (256 * (tables.mean_demand or 1.0))
    if feature.scale == "slots":
        return 0.1
    if feature.scale == "reading":
        return 1 / max(1, _highest_reading(tables, place))
    return 1.0


def _highest_reading(tables: Tables, place: int) -> int:
    """Return the last wear level, or for an unmonitored machine the highest age that a PM knob can name."""
    if tables.monitoring[place]:
        return int(tables.levels[place]) - 1
    column = int(tables.pm_level[place])
    return tables.knobs[column].high + 1 if column >= 0 else 100


def axis_label(axis: Axis) -> str:
    """Return how the documentation says what an entry is counted for."""
    return {"line": "once", "pipeline": "every slot of lead time"}.get(axis, f"every {axis}")
