"""The named fields of state, ledger, knobs and observation: one row each.

Every other part of the package takes names, order, units and meanings from here; the tables in the
documentation are generated from it. To add a field, add a row; the layouts, the names in ``info``
and the documentation follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Axis = Literal[
    "line", "product", "stage", "stage_product", "item", "supplier", "pipeline", "advance", "varied", "parameter"
]
"""What a field is counted for: once a line, for every product, stage, product at a stage, item, supplier, slot of
lead time, slot of notice, or parameter that varies from line to line."""

Feature = Literal[
    "products",
    "quality",
    "spoilage",
    "technicians",
    "outages",
    "credits",
    "expediting",
    "notice",
    "season",
    "variation",
]
"""What a line may have or not; fields that need what it does not have are left out."""

OFF: Final = 1 << 30
"""The value of a limit knob that is off: no limit."""

RUN: Final = 0
DOWN: Final = 1
PM: Final = 2
STOP: Final = 3
WAITING: Final = 4
MODES: Final = {RUN: "run", DOWN: "down", PM: "in planned maintenance", STOP: "stopped", WAITING: "waiting for repair"}

MACHINE: Final = ("busy", "setup", "starved", "blocked", "down", "waiting", "pm", "stopped")
"""What a machine can do in a slot, as the ledger counts it."""

NO_SETUP: Final = 0
IN_SETUP: Final = 1
SET_UP: Final = 2


@dataclass(frozen=True)
class Field:
    """One named integer of the state or of the ledger."""

    name: str
    axis: Axis
    unit: str
    meaning: str
    needs: Feature | None = None


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
class Parameter:
    """One number of a line that may differ from line to line of a batch."""

    name: str
    axis: Axis
    unit: Literal["probability", "slots", "times"]
    """A probability becomes a threshold; a factor counts in 1/4096; the levels of demand are a table each."""
    meaning: str


@dataclass(frozen=True)
class Sight:
    """One entry of the observation: a state field times a stated scale, or 1.0 if it equals ``equals``."""

    name: str
    axis: Axis
    field: str
    scale: Literal["units", "step_demand", "slot_demand", "slots", "reading", "season", "crew", "one", "age"]
    meaning: str
    equals: int | Literal["product"] | None = None
    needs: Feature | None = None


STATE: Final = (
    Field("tick", "line", "slots", "slots that the batch has made; it turns the pipelines"),
    Field("root_lo", "line", "-", "low word of the seed that fixes all episodes of the line"),
    Field("root_hi", "line", "-", "high word of that seed"),
    Field("episode", "line", "count", "episodes that the line has begun since it was seeded, less one"),
    Field("key_lo", "line", "-", "low word of this episode's seed, the generator's key"),
    Field("key_hi", "line", "-", "high word of this episode's seed"),
    Field("slot", "line", "slots", "slots since the line was reset, the generator's counter"),
    Field("phase", "line", "slots", "how far the calendar, or the trace, was when the line was reset"),
    Field("calendar", "line", "slots", "where the next slot stands in the season's period"),
    Field("regime", "line", "place", "regime of demand"),
    Field("crew", "line", "persons", "technicians at work"),
    Field("backlog", "product", "units", "customer orders due, not yet shipped"),
    Field("known", "product", "units", "customer orders known, not yet due", "notice"),
    Field("demand_step", "product", "units", "demand of the present step so far"),
    Field("demand_smooth", "product", "units/256", "exponentially smoothed demand a slot (weight 1/32)"),
    Field("queue", "stage_product", "units", "released into the stage, not yet in the machine"),
    Field("job", "stage_product", "units", "in the machine"),
    Field("store", "stage_product", "units", "finished, waiting to be withdrawn"),
    Field("queue_bad", "stage_product", "units", "defective among them, unknown to all", "quality"),
    Field("job_bad", "stage_product", "units", "defective among them, unknown to all", "quality"),
    Field("store_bad", "stage_product", "units", "defective among them, unknown to all", "quality"),
    Field("credits", "stage_product", "units", "releases granted by the knob `release`, not yet used", "credits"),
    Field("left", "stage", "slots", "what is left of the job or the setup"),
    Field("setting", "stage", "0 | 1 | 2", "setup: none, under way, done and its first job not yet loaded", "products"),
    Field("product", "stage", "place", "the product that the machine is, or is being, set up for", "products"),
    Field("mode", "stage", "0 ... 4", "machine: " + ", ".join(MODES.values())),
    Field("off_left", "stage", "slots", "what is left of the repair, the maintenance or the stop"),
    Field("off_slots", "stage", "slots", "how long the machine has been off"),
    Field("wear", "stage", "levels", "wear of the machine"),
    Field("age", "stage", "slots", "exposed slots since maintenance, less what maintenance takes off"),
    Field("reading", "stage", "levels", "what the monitoring shows: wear, noisy wear, or age"),
    Field("shifted", "stage", "0 | 1", "whether the machine is out of control, unknown to all", "quality"),
    Field("stock", "item", "units", "in the item store"),
    Field("stock_bad", "item", "units", "defective among them, unknown to all", "quality"),
    Field("on_order", "supplier", "units", "ordered, promised for a later slot"),
    Field("overdue", "supplier", "units", "promised by now, not delivered"),
    Field("out", "supplier", "0 | 1", "whether the supplier is in an outage, unknown to all", "outages"),
    Field("pipeline", "pipeline", "units", "ordered, by the slot they are promised for (a ring turned by tick)"),
    Field(
        "advance", "advance", "units", "customer orders by the slot they are due in (a ring turned by tick)", "notice"
    ),
    Field("varied", "varied", "-", "parameters that differ from line to line, as the tables hold them", "variation"),
)

LEDGER: Final = (
    Field("slots", "line", "slots", "slots that the entries cover"),
    Field("demand", "product", "units", "ordered by customers"),
    Field("shipped", "product", "units", "shipped to customers"),
    Field("on_time", "product", "units", "shipped from stock in the slot they were due"),
    Field("lost", "product", "units", "demand turned away"),
    Field("backlog_slots", "product", "unit-slots", "backlog at the end of each slot, added up"),
    Field("returned", "product", "units", "defective, shipped and returned by customers", "quality"),
    Field("released", "stage_product", "units", "released into the stage"),
    Field("finished", "stage_product", "units", "finished by the machine and put into the store"),
    Field("scrapped", "stage_product", "units", "found defective by the machine and thrown away", "quality"),
    Field("reworked", "stage_product", "units", "in jobs begun anew because of a defect", "quality"),
    Field("spoiled", "stage_product", "units", "spoiled in the store", "spoilage"),
    Field("process_slots", "stage_product", "unit-slots", "units in queue and machine at the end of each slot"),
    Field("store_slots", "stage_product", "unit-slots", "units in the output store at the end of each slot"),
    Field("busy", "stage", "slots", "ended running with a job"),
    Field("setup", "stage", "slots", "ended running in a setup", "products"),
    Field("starved", "stage", "slots", "ended running, idle for want of material"),
    Field("blocked", "stage", "slots", "ended running, idle for want of a card or of room"),
    Field("down", "stage", "slots", "ended in repair"),
    Field("waiting", "stage", "slots", "ended broken down, waiting for a technician", "technicians"),
    Field("pm", "stage", "slots", "ended in planned maintenance"),
    Field("stopped", "stage", "slots", "ended stopped because of a defect", "quality"),
    Field("breakdowns", "stage", "events", "breakdowns"),
    Field("pms", "stage", "events", "planned maintenances begun"),
    Field("stops", "stage", "events", "stops because of a defect", "quality"),
    Field("setups", "stage", "events", "changes of product", "products"),
    Field("item_slots", "item", "unit-slots", "units in the item store at the end of each slot"),
    Field("ordered", "supplier", "units", "ordered from the supplier"),
    Field("orders", "supplier", "events", "slots with an order"),
    Field("promised", "supplier", "units", "promised for a slot now past"),
    Field("delivered", "supplier", "units", "delivered"),
    Field("delivered_on_time", "supplier", "units", "delivered in the slot they were promised for"),
    Field("rejected", "supplier", "units", "delivered, found defective and returned", "quality"),
    Field("expedited", "supplier", "units", "overdue and delivered at a premium", "expediting"),
)

KNOBS: Final = (
    KnobKind("kanban", "stage_product", "cards", "release while queue + machine + store < K", "kanban", True),
    KnobKind(
        "loop", "stage_product", "cards", "release while the units from here to the loop's end < W", "CONWIP", True
    ),
    KnobKind(
        "basestock",
        "stage_product",
        "units",
        "release while units from here to the last store - customer orders < S",
        "base stock",
        True,
    ),
    KnobKind("release", "stage_product", "units", "grant this many releases a step; unused ones stay", "push"),
    KnobKind("lot", "stage_product", "cards", "release only when this many cards are open", "signal kanban"),
    KnobKind(
        "pm_level", "stage", "levels", "maintain an idle machine at this reading or above", "condition-based", True
    ),
    KnobKind("target", "supplier", "units", "order up to: stock + on order + overdue", "order-up-to"),
    KnobKind(
        "echelon", "supplier", "units", "order up to: that + units downstream - customer orders", "echelon base stock"
    ),
    KnobKind("order", "supplier", "units", "order this much once, at the step's first chance", "constant order"),
    KnobKind("expedite", "supplier", "0 | 1", "get what is overdue at once, at a premium", "expediting"),
)

PARAMETERS: Final = (
    Parameter("job_slots", "stage_product", "slots", "fixed part of a job's duration"),
    Parameter("job_finish", "stage_product", "probability", "that a job ends when its fixed part is over"),
    Parameter("setup_slots", "stage", "slots", "fixed part of a setup's duration"),
    Parameter("setup_finish", "stage", "probability", "that a setup ends when its fixed part is over"),
    Parameter("repair_slots", "stage", "slots", "fixed part of a repair's duration"),
    Parameter("repair_finish", "stage", "probability", "that a repair ends when its fixed part is over"),
    Parameter("pm_slots", "stage", "slots", "fixed part of a maintenance's duration"),
    Parameter("pm_finish", "stage", "probability", "that a maintenance ends when its fixed part is over"),
    Parameter("stop_slots", "stage", "slots", "fixed part of a stop's duration"),
    Parameter("stop_finish", "stage", "probability", "that a stop ends when its fixed part is over"),
    Parameter("hazard", "stage", "times", "the hazards of breaking down"),
    Parameter("wear", "stage", "probability", "that an exposed slot wears the machine by one level"),
    Parameter("shift", "stage", "probability", "of going out of control in an exposed slot"),
    Parameter("defect", "stage", "times", "the probabilities of a defective job"),
    Parameter("detect", "stage", "probability", "that self-inspection finds a job's defects"),
    Parameter("spoil", "stage", "probability", "of a unit in the store to spoil in a slot"),
    Parameter("on_time", "supplier", "probability", "that what is promised for a slot comes, with nothing overdue"),
    Parameter("catch_up", "supplier", "probability", "that all that is due comes, with something overdue"),
    Parameter("fail", "supplier", "probability", "that an outage begins"),
    Parameter("recover", "supplier", "probability", "that an outage ends"),
    Parameter("defective", "supplier", "probability", "of a unit delivered to be defective"),
    Parameter("inspect", "supplier", "probability", "that a defective delivery is found on arrival"),
    Parameter("demand", "product", "times", "mean demand"),
)

OBSERVATION: Final = (
    Sight("queue", "stage_product", "queue", "units", "units released into the stage"),
    Sight("job", "stage_product", "job", "units", "units in the machine"),
    Sight("store", "stage_product", "store", "units", "units in the output store"),
    Sight("credits", "stage_product", "credits", "units", "releases granted and not yet used", needs="credits"),
    Sight(
        "set_up_for",
        "stage_product",
        "product",
        "one",
        "1 if the machine is, or is being, set up for this product",
        equals="product",
        needs="products",
    ),
    Sight("in_setup", "stage", "setting", "one", "1 if the machine is in a setup", equals=IN_SETUP, needs="products"),
    Sight("is_down", "stage", "mode", "one", "1 if the machine is in repair", equals=DOWN),
    Sight("in_pm", "stage", "mode", "one", "1 if the machine is in planned maintenance", equals=PM),
    Sight(
        "is_stopped", "stage", "mode", "one", "1 if the machine has stopped at a defect", equals=STOP, needs="quality"
    ),
    Sight(
        "is_waiting",
        "stage",
        "mode",
        "one",
        "1 if the machine waits for a technician",
        equals=WAITING,
        needs="technicians",
    ),
    Sight("off_slots", "stage", "off_slots", "slots", "how long the machine has been off"),
    Sight("reading", "stage", "reading", "reading", "wear reading; age where wear is not monitored"),
    Sight("age", "stage", "age", "age", "slots of exposure since repair or maintenance, where the reading is not that"),
    Sight("stock", "item", "stock", "units", "units in the item store"),
    Sight("on_order", "supplier", "on_order", "units", "units on order, not yet due"),
    Sight("overdue", "supplier", "overdue", "units", "units overdue"),
    Sight("backlog", "product", "backlog", "units", "customer orders due, not yet shipped"),
    Sight("known", "product", "known", "units", "customer orders known, not yet due", needs="notice"),
    Sight("demand_step", "product", "demand_step", "step_demand", "demand of the last step"),
    Sight("demand_smooth", "product", "demand_smooth", "slot_demand", "smoothed demand"),
    Sight(
        "calendar", "line", "calendar", "season", "where the next slot stands in the season's period", needs="season"
    ),
    Sight("crew", "line", "crew", "crew", "technicians at work", needs="technicians"),
)


@dataclass(frozen=True)
class Places:
    """What the fields of one line are counted for.

    Attributes:
        names: for every axis the names of its places, e.g. ``{"stage": ("cut", "pack"), ...}``; once a line: ``("",)``.
        shapes: for every axis how its places are laid out, e.g. ``{"stage_product": (2, 3), "line": ()}``.
        features: what the line has.
    """

    names: Mapping[Axis, tuple[str, ...]]
    shapes: Mapping[Axis, tuple[int, ...]]
    features: frozenset[Feature]


class Layout:
    """Where each entry of a table of fields lies in one flat row.

    Args:
        fields: rows with a ``name`` and an ``axis``.
        places: the line's; fields that need a feature which it does not have are left out.

    Attributes:
        size: number of entries in all.
        names: a name for every entry, e.g. ``store[cut]``.
    """

    def __init__(self, fields: tuple[Field, ...] | tuple[Parameter, ...], places: Places) -> None:
        self._slices: dict[str, slice] = {}
        self._shapes = {field.name: places.shapes[field.axis] for field in fields}
        names: list[str] = []
        for field in fields:
            if isinstance(field, Field) and field.needs is not None and field.needs not in places.features:
                continue
            start = len(names)
            names.extend(f"{field.name}[{place}]" if place else field.name for place in places.names[field.axis])
            self._slices[field.name] = slice(start, len(names))
        self.size = len(names)
        self.names = tuple(names)

    def __getitem__(self, name: str) -> slice:
        """Return the columns of a field, none if the line has no use for it; a ``KeyError`` names the fields."""
        if name not in self._shapes:
            raise KeyError(f"no field {name!r}; there are {', '.join(self._shapes)}")
        return self._slices.get(name, slice(0, 0))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the fields that the line has a use for, in order."""
        return iter(self._slices)

    def __contains__(self, name: object) -> bool:
        """Return whether the line has a use for a field."""
        return name in self._slices

    @property
    def known(self) -> tuple[str, ...]:
        """The names of all fields, also those that the line has no use for."""
        return tuple(self._shapes)

    def start(self, name: str) -> int:
        """Return the first column of a field; 0 if the line has no use for it."""
        return int(self[name].start)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return how the entries of a field are laid out: () if it is counted once a line."""
        if name not in self._shapes:
            raise KeyError(f"no field {name!r}; there are {', '.join(self._shapes)}")
        return self._shapes[name]
