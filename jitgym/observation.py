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

from jitgym.fields import OBSERVATION, Axis, Sight
from jitgym.simulator import Simulator
from jitgym.tables import Tables

SCALES: Final = {
    "units": "1 / units demanded in ten slots (of the product, if it is counted by product)",
    "step_demand": "1 / mean demand of a step",
    "slot_demand": "1 / mean demand of a slot",
    "slots": "1 / 10",
    "reading": "1 / last wear level (age: 1 / top of the PM knob, else 1 / 100)",
    "age": "1 / mean slots of exposure to the last wear level",
    "season": "1 / slots of the season's period",
    "crew": "1 / technicians",
    "one": "1",
}
"""How each kind of entry is scaled, about 1 where the line is in a usual state."""

_OF_MACHINES_THAT_STOP = ("is_down", "in_pm", "off_slots", "reading", "is_waiting")
_HIGHEST = 2.0**31


@dataclass(frozen=True)
class Entry:
    """One entry of the observation vector; ``place`` is where it is seen among the places of its axis."""

    name: str
    meaning: str
    row: int
    scale: float
    equals: int
    axis: Axis
    place: int


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


class Readings:
    """An observation read back into units: what a rule on the shop floor looks at, by field and place.

    Args:
        observer: who wrote the observation.

    Attributes:
        read: names of the entries that have been looked at.
    """

    def __init__(self, observer: Observer) -> None:
        self._column = {entry.name: i for i, entry in enumerate(observer.entries)}
        self._scale = np.array([entry.scale for entry in observer.entries])
        self._observation = np.zeros((0, len(observer.entries)), dtype=np.float32)
        self.read: set[str] = set()

    def look(self, observation: npt.NDArray[np.float32]) -> None:
        """Turn to an observation ``(n_lines, n_entries)``."""
        self._observation = observation

    def __call__(self, name: str) -> npt.NDArray[np.int64]:
        """Return an entry such as ``store[packing]`` of every line, ``(n_lines,)``; 0 where the line has none."""
        if name not in self._column:
            return np.zeros(len(self._observation), dtype=np.int64)
        self.read.add(name)
        column = self._column[name]
        units: npt.NDArray[np.int64] = np.rint(self._observation[:, column] / self._scale[column]).astype(np.int64)
        return units

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all entries."""
        return tuple(self._column)


def _entries(simulator: Simulator) -> list[Entry]:
    """List the entries in the order of the table of what is seen, leaving out what a line does not have."""
    tables = simulator.tables
    entries = []
    for sight in OBSERVATION:
        if sight.needs is not None and sight.needs not in tables.features:
            continue
        for place, row, equals in _places(tables, sight):
            if not _is_seen(tables, sight, place):
                continue
            name = tables.state.names[row].replace(sight.field, sight.name, 1)
            if sight.equals == "product":
                name = f"{name[:-1]},{simulator.scenario.product_names[equals]}]"
            scale = _scale(simulator, sight, place)
            entries.append(Entry(name, sight.meaning, row, scale, equals, sight.axis, place))
    return entries


def _places(tables: Tables, sight: Sight) -> list[tuple[int, int, int]]:
    """Return place, row of the state and value to compare with (-1: none) of every entry."""
    rows = tables.state[sight.field]
    if sight.equals == "product":  # a stage's field, seen once for every product
        n = tables.n_products
        return [(place, rows.start + place // n, place % n) for place in range(tables.n_stages * n)]
    equals = -1 if sight.equals is None else sight.equals
    return [(place, row, equals) for place, row in enumerate(range(rows.start, rows.stop))]


def _is_seen(tables: Tables, sight: Sight, place: int) -> bool:
    """Leave out machines that never stop, and what a stage can have but this one has not."""
    stops = bool(tables.jidoka[place]) if sight.axis == "stage" else False
    if sight.name in _OF_MACHINES_THAT_STOP:
        return bool(tables.fails[place] or tables.pm_level[place] >= 0) or (stops and sight.name == "off_slots")
    if sight.name == "age":
        return reading_is_not_age(tables, place)
    if sight.name == "is_stopped":
        return stops
    if sight.name == "credits":
        return bool(tables.release[place] >= 0)
    return bool(tables.notice[place]) if sight.name == "known" else True


def _scale(simulator: Simulator, sight: Sight, place: int) -> float:
    """Return the factor of an entry: about 1 where the line is in a usual state."""
    tables = simulator.tables
    by_product = sight.axis in ("product", "stage_product")
    mean = tables.mean_demands[place % tables.n_products] if by_product else tables.mean_demand
    scales = {
        "units": 1 / max(1.0, 10 * mean),
        "step_demand": 1 / max(1.0, simulator.scenario.slots_per_step * mean),
        "slot_demand": 1 / (256 * (mean or 1.0)),
        "slots": 0.1,
        "season": 1 / (tables.n_seasons * tables.season_slots),
        "crew": 1 / tables.technicians,
        "one": 1.0,
    }
    if sight.scale == "age":
        return growth_of_wear(tables, place) / max(1, int(tables.levels[place]) - 1)
    return 1 / max(1, _highest_reading(tables, place)) if sight.scale == "reading" else scales[sight.scale]


def growth_of_wear(tables: Tables, place: int) -> float:
    """Return the chance of growing one wear level in a slot of exposure; half the range where it varies."""
    row = tables.parameter.start("wear") + place
    varied = np.flatnonzero(tables.varied_row == row)
    thresholds = [int(tables.parameters[row])]
    if len(varied):
        thresholds = [int(tables.varied_low[varied[0]]), int(tables.varied_high[varied[0]])]
    return sum(t + 1 for t in thresholds) / len(thresholds) / 2**31


def reading_is_not_age(tables: Tables, place: int) -> bool:
    """Whether a machine that wears shows something else than the slots that it has been exposed for."""
    if not tables.fails[place] or not tables.monitoring[place] or tables.levels[place] == 1:
        return False
    return tables.noise_size[place] > 0 or growth_of_wear(tables, place) < 1


def _highest_reading(tables: Tables, place: int) -> int:
    """Return the last wear level, or for an unmonitored machine the highest age that a PM knob can name."""
    if tables.monitoring[place]:
        return int(tables.levels[place]) - 1
    column = int(tables.pm_level[place])
    return tables.knobs[column].high + 1 if column >= 0 else 100


def axis_label(axis: Axis) -> str:
    """Return how the documentation says what an entry is counted for."""
    words: dict[Axis, str] = {
        "line": "once",
        "pipeline": "every slot of lead time",
        "advance": "every slot of notice",
        "stage_product": "every stage and product",
        "varied": "every parameter that varies",
    }
    return words.get(axis, f"every {axis}")
