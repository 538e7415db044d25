"""The named fields of state, ledger, knobs and observation: one row each.

Every other part of the package takes names, order, units and meanings from here; the tables in the
documentation are generated from it. To add a field, add a row; the layouts, the names in ``info``
and the documentation follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Axis = Literal["line", "stage", "item", "supplier", "pipeline"]
"""What a field is counted for: once a line, or for every stage, item, supplier, or slot of lead time."""

OFF: Final = 1 << 30
"""The value of a limit knob that is off: no limit."""

RUN: Final = 0
DOWN: Final = 1
PM: Final = 2


@dataclass(frozen=True)
class Field:
    """One named integer of the state or of the ledger."""

    name: str
    axis: Axis
    unit: str
    meaning: str


@dataclass(frozen=True)
class KnobKind:
    """One kind of control; a scenario says where it acts and in which range."""

    name: str
    axis: Axis
    unit: str
    meaning: str
    alone: str
    """The control system of the textbooks that the knob gives on its own."""
    limit: bool = False
    """Whether the knob is a limit, which can be switched off."""


@dataclass(frozen=True)
class Feature:
    """One entry of the observation: a state field times a stated scale, or 1.0 if it equals ``equals``."""

    name: str
    axis: Axis
    field: str
    scale: Literal["units", "step_demand", "slot_demand", "slots", "reading", "one"]
    meaning: str
    equals: int | None = None


STATE: Final = (
    Field("tick", "line", "slots", "slots that the batch has made; it turns the pipelines"),
    Field("root_lo", "line", "-", "low word of the seed that fixes all episodes of the line"),
    Field("root_hi", "line", "-", "high word of that seed"),
    Field("episode", "line", "count", "episodes that the line has begun since it was seeded, less one"),
    Field("key_lo", "line", "-", "low word of this episode's seed, the generator's key"),
    Field("key_hi", "line", "-", "high word of this episode's seed"),
    Field("slot", "line", "slots", "slots since the line was reset, the generator's counter"),
    Field("backlog", "line", "units", "customer orders not yet shipped"),
    Field("demand_step", "line", "units", "demand of the present step so far"),
    Field("demand_smooth", "line", "units/256", "exponentially smoothed demand a slot (weight 1/32)"),
    Field("queue", "stage", "units", "released into the stage, not yet in the machine"),
    Field("job", "stage", "units", "in the machine"),
    Field("left", "stage", "slots", "what is left of the job"),
    Field("store", "stage", "units", "finished, waiting to be withdrawn"),
    Field("mode", "stage", "0 | 1 | 2", "machine: run, down, in planned maintenance"),
    Field("off_left", "stage", "slots", "what is left of the repair or the maintenance"),
    Field("off_slots", "stage", "slots", "how long the machine has been off"),
    Field("wear", "stage", "levels", "wear of the machine"),
    Field("age", "stage", "slots", "exposed slots since maintenance, less what maintenance takes off"),
    Field("reading", "stage", "levels", "what the monitoring shows: wear, noisy wear, or age"),
    Field("stock", "item", "units", "in the item store"),
    Field("on_order", "supplier", "units", "ordered, promised for a later slot"),
    Field("overdue", "supplier", "units", "promised by now, not delivered"),
    Field("pipeline", "pipeline", "units", "ordered, by the slot they are promised for (a ring turned by tick)"),
)

LEDGER: Final = (
    Field("slots", "line", "slots", "slots that the entries cover"),
    Field("demand", "line", "units", "ordered by customers"),
    Field("shipped", "line", "units", "shipped to customers"),
    Field("on_time", "line", "units", "shipped from stock in the slot of their demand"),
    Field("lost", "line", "units", "demand turned away"),
    Field("backlog_slots", "line", "unit-slots", "backlog at the end of each slot, added up"),
    Field("released", "stage", "units", "released into the stage"),
    Field("finished", "stage", "units", "finished by the machine"),
    Field("process_slots", "stage", "unit-slots", "units in queue and machine at the end of each slot"),
    Field("store_slots", "stage", "unit-slots", "units in the output store at the end of each slot"),
    Field("busy", "stage", "slots", "ended running with a job"),
    Field("starved", "stage", "slots", "ended running, idle for want of material"),
    Field("blocked", "stage", "slots", "ended running, idle for want of a card or of room"),
    Field("down", "stage", "slots", "ended broken down"),
    Field("pm", "stage", "slots", "ended in planned maintenance"),
    Field("breakdowns", "stage", "events", "breakdowns"),
    Field("pms", "stage", "events", "planned maintenances begun"),
    Field("item_slots", "item", "unit-slots", "units in the item store at the end of each slot"),
    Field("ordered", "supplier", "units", "ordered from the supplier"),
    Field("orders", "supplier", "events", "slots with an order"),
    Field("promised", "supplier", "units", "promised for a slot now past"),
    Field("delivered", "supplier", "units", "delivered"),
    Field("delivered_on_time", "supplier", "units", "delivered in the slot they were promised for"),
)

KNOBS: Final = (
    KnobKind("kanban", "stage", "cards", "release while queue + machine + store < K", "kanban", True),
    KnobKind("loop", "stage", "cards", "release while the units from here to the loop's end < W", "CONWIP", True),
    KnobKind(
        "basestock",
        "stage",
        "units",
        "release while units from here to the last store - backlog < S",
        "base stock",
        True,
    ),
    KnobKind(
        "pm_level", "stage", "levels", "maintain an idle machine at this reading or above", "condition-based", True
    ),
    KnobKind("target", "supplier", "units", "order up to: stock + on order + overdue", "order-up-to"),
    KnobKind("echelon", "supplier", "units", "order up to: that + units downstream - backlog", "echelon base stock"),
    KnobKind("order", "supplier", "units", "order this much once, in the step's first slot", "constant order"),
)

OBSERVATION: Final = (
    Feature("queue", "stage", "queue", "units", "units released into the stage"),
    Feature("job", "stage", "job", "units", "units in the machine"),
    Feature("store", "stage", "store", "units", "units in the output store"),
    Feature("is_down", "stage", "mode", "one", "1 if the machine is broken down", equals=DOWN),
    Feature("in_pm", "stage", "mode", "one", "1 if the machine is in planned maintenance", equals=PM),
    Feature("off_slots", "stage", "off_slots", "slots", "how long the machine has been off"),
    Feature("reading", "stage", "reading", "reading", "wear reading; age where wear is not monitored"),
    Feature("stock", "item", "stock", "units", "units in the item store"),
    Feature("on_order", "supplier", "on_order", "units", "units on order, not yet due"),
    Feature("overdue", "supplier", "overdue", "units", "units overdue"),
    Feature("backlog", "line", "backlog", "units", "customer orders not yet shipped"),
    Feature("demand_step", "line", "demand_step", "step_demand", "demand of the last step"),
    Feature("demand_smooth", "line", "demand_smooth", "slot_demand", "smoothed demand"),
)


class Layout:
    """Where each entry of a table of fields lies in one flat row.

    Args:
        fields: rows with a ``name`` and an ``axis``.
        places: for every axis the names of its places, e.g. ``{"stage": ("cut", "pack"), ...}``.

    Attributes:
        size: number of entries in all.
        names: a name for every entry, e.g. ``store[cut]``.
    """

    def __init__(self, fields: tuple[Field, ...] | tuple[Feature, ...], places: dict[Axis, tuple[str, ...]]) -> None:
        self._slices: dict[str, slice] = {}
        self._scalar: set[str] = set()
        names: list[str] = []
        for field in fields:
            start = len(names)
            if field.axis == "line":
                self._scalar.add(field.name)
                names.append(field.name)
            else:
                names.extend(f"{field.name}[{place}]" for place in places[field.axis])
            self._slices[field.name] = slice(start, len(names))
        self.size = len(names)
        self.names = tuple(names)

    def __getitem__(self, name: str) -> slice:
        """Return the columns of a field; a ``KeyError`` names the fields there are."""
        try:
            return self._slices[name]
        except KeyError:
            raise KeyError(f"no field {name!r}; there are {', '.join(self._slices)}") from None

    def __iter__(self):  # type: ignore[no-untyped-def]
        """Iterate over the names of the fields, in order."""
        return iter(self._slices)

    def start(self, name: str) -> int:
        """Return the first column of a field."""
        return int(self[name].start)

    def is_scalar(self, name: str) -> bool:
        """Return whether a field is counted once a line."""
        return name in self._scalar
