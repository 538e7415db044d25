"""The parts of a scenario: stages, items, suppliers, demand, controls and prices, each with its own rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from jitgym.fields import KNOBS, PARAMETERS
from jitgym.files import nearest, read_trace

MAX_TABLE = 4096
"""Most entries of a hazard, demand or duration table."""
MOST_TIMES = 16
"""A parameter of a line may be at most this many times that of its scenario."""
LEAST_CHANCE = 2.0**-31
"""The smallest probability that is not rounded to never."""

Probability = Annotated[float, Field(ge=0, le=1)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Units = Annotated[int, Field(ge=0, le=1_000_000)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=40)]
Names = Annotated[
    tuple[str, ...], BeforeValidator(lambda names: (names,) if isinstance(names, str) else names), Field(min_length=1)
]


class Part(BaseModel):
    """A part of a description: frozen, and an unknown key is an error that names the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(f"has no key {key!r}{nearest(str(key), cls.model_fields)}")
        return data


def _a_distribution(table: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Require probabilities that add up to one."""
    if table is not None:
        if not table:
            raise ValueError("must hold at least one probability, got an empty table")
        if abs(math.fsum(table) - 1) > 1e-9:
            raise ValueError(f"must add up to 1, got {math.fsum(table):.12g}")
    return table


def _one_of(part: Part, what: str, names: tuple[str, ...]) -> None:
    """Require exactly one of some optional keys."""
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        raise ValueError(f"must give one {what} of {', '.join(names)}, got {', '.join(given) or 'none'}")


class Duration(Part):
    """``slots`` minus one, plus a geometric of probability ``finish``, or a draw from a table.

    In YAML also ``3``, ``{geometric: mean}`` or ``{table: [p, ...]}``, the probabilities of 1, 2, ... slots.
    """

    slots: int = Field(ge=1, le=1_000_000)
    finish: Probability = 1.0
    table: tuple[Probability, ...] | None = Field(default=None, max_length=MAX_TABLE)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, (int, float)) and not isinstance(data, bool):
            return {"slots": data}
        if isinstance(data, Mapping) and set(data) == {"geometric"}:
            mean = data["geometric"]
            if isinstance(mean, bool) or not isinstance(mean, (int, float)) or not 1 <= mean <= 1 / LEAST_CHANCE:
                raise ValueError(f"geometric must be a mean of 1 to 2**31 slots, got {mean!r}")
            return {"slots": 1, "finish": 1 / mean}
        if isinstance(data, Mapping) and set(data) == {"table"}:
            return {"slots": 1, **data}
        return data

    _distribution = field_validator("table")(_a_distribution)

    @model_validator(mode="after")
    def _ends(self) -> Duration:
        if self.finish < LEAST_CHANCE:
            raise ValueError(f"finish must be >= 2**-31, got {self.finish:g}: it would never end")
        if self.table is not None and (self.slots, self.finish) != (1, 1.0):
            raise ValueError("table must stand alone, got slots or finish besides")
        return self

    @property
    def mean(self) -> float:
        """Mean length, in slots."""
        if self.table is not None:
            return math.fsum(p * (k + 1) for k, p in enumerate(self.table))
        return self.slots - 1 + 1 / self.finish


class Weibull(Part):
    """Discrete Weibull law: survival of k slots is exp(-(k / scale) ** shape)."""

    scale: float = Field(gt=0, le=1_000_000)
    shape: float = Field(gt=0, le=100)
    levels: int | None = Field(default=None, ge=1, le=MAX_TABLE)
    """Wear levels of the table; absent: until survival is below 2**-31, at most 4096."""


class HazardLaw(Part):
    """Probability of breaking down in an exposed slot, by wear level; one of three forms."""

    geometric: Probability | None = None
    weibull: Weibull | None = None
    table: tuple[Probability, ...] | None = Field(default=None, min_length=1, max_length=MAX_TABLE)

    @model_validator(mode="after")
    def _one_form(self) -> HazardLaw:
        _one_of(self, "law", ("geometric", "weibull", "table"))
        return self


class Failure(Part):
    """How a machine wears and breaks down, and what a repair does."""

    law: HazardLaw
    wear: Probability = 1.0
    exposure: Literal["operation", "time"] = "operation"
    repair: Duration
    repair_keep: int = Field(default=0, ge=0, le=256)


class Maintenance(Part):
    """Planned maintenance: how long it takes and which share of the wear it keeps, in 1/256."""

    duration: Duration
    pm_keep: int = Field(default=0, ge=0, le=256)


class Noise(Part):
    """A wear reading with a rounded normal error."""

    noise: float = Field(gt=0, le=100)


class Quality(Part):
    """How a machine makes defects, finds them, and what becomes of them."""

    defect: Probability | tuple[Probability, ...] = Field(default=0.0)
    """Of a finished job; a list gives one for each wear level, the last for all beyond."""
    shift: Probability = 0.0
    defect_shifted: Probability = 1.0
    detect: Probability = 0.0
    rework: bool = False
    jidoka: Duration | None = None
    """How long the machine stops at a defect that it finds; absent: it does not stop."""

    @field_validator("defect")
    @classmethod
    def _a_table(cls, defect: float | tuple[float, ...]) -> float | tuple[float, ...]:
        if isinstance(defect, tuple) and not 1 <= len(defect) <= MAX_TABLE:
            raise ValueError(f"must hold 1 to {MAX_TABLE} probabilities, got {len(defect)}")
        return defect


class Stage(Part):
    """A queue, one machine, and the output store behind it; ``feeds`` a later stage (absent: the next)."""

    name: Name
    feeds: str | None = None
    process: Duration = Duration(slots=1)
    setup: Duration | None = None
    dispatch: Literal["exhaustive", "longest"] = "exhaustive"
    batch: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["unlimited"] = 1
    room: int | None = Field(default=None, ge=1, le=1_000_000)
    initial: Units = 0
    spoil: Probability = 0.0
    quality: Quality | None = None
    failure: Failure | None = None
    maintenance: Maintenance | None = None
    monitoring: Literal["exact", "none"] | Noise = "exact"

    @model_validator(mode="after")
    def _fits_together(self) -> Stage:
        if self.room is not None and self.batch != "unlimited" and self.room < self.batch:
            raise ValueError(f"room must be at least batch = {self.batch}, got {self.room}: no job would ever fit")
        if self.quality is not None and isinstance(self.quality.defect, tuple) and self.failure is None:
            raise ValueError("quality.defect must be one probability, got a list: without failure there is no wear")
        return self


class Item(Part):
    """A purchased part, kept at the stage that uses one for every unit released."""

    name: Name
    stage: str
    initial: Units = 0
    products: Names | None = None
    """Products that need it; absent: all."""


class Outage(Part):
    """A spell without deliveries: it begins with probability ``fail`` a slot and ends with ``recover``."""

    fail: Probability
    recover: Probability

    @field_validator("recover")
    @classmethod
    def _ends(cls, recover: float) -> float:
        if recover < LEAST_CHANCE:
            raise ValueError(f"must be >= 2**-31, got {recover:g}: it would never end")
        return recover


class Supplier(Part):
    """Delivers one item, ``lead_time`` slots after the order, or late."""

    name: Name
    item: str
    lead_time: int = Field(ge=0, le=1000)
    on_time: Probability = 1.0
    catch_up: Probability = 1.0
    outage: Outage | None = None
    review: int = Field(default=1, ge=1, le=100_000)
    multiple: int = Field(default=1, ge=1, le=1_000_000)
    capacity: int | None = Field(default=None, ge=1, le=1_000_000)
    defective: Probability = 0.0
    inspect: Probability = 0.0

    @model_validator(mode="after")
    def _whole_multiples(self) -> Supplier:
        if self.capacity is not None and self.capacity % self.multiple:
            raise ValueError(f"capacity must be a multiple of multiple = {self.multiple}, got {self.capacity}")
        return self


class NegativeBinomial(Part):
    """Counts with variance mean + mean ** 2 / dispersion."""

    mean: float = Field(gt=0, le=1000)
    dispersion: float = Field(gt=0, le=1_000_000)


class DemandLaw(Part):
    """Units ordered in a slot; one of six forms."""

    bernoulli: Probability | None = None
    poisson: float | None = Field(default=None, gt=0, le=1000)
    negative_binomial: NegativeBinomial | None = None
    table: tuple[Probability, ...] | None = Field(default=None, max_length=MAX_TABLE)
    trace: tuple[Annotated[int, Field(ge=0, le=10_000)], ...] | None = None
    saturated: Literal[True] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"saturated": True} if data == "saturated" else data

    @field_validator("trace", mode="before")
    @classmethod
    def _trace_file(cls, trace: Any, info: ValidationInfo) -> Any:
        folder = (info.context or {}).get("folder", Path())
        return read_trace(trace, folder) if trace is not None else None

    _distribution = field_validator("table")(_a_distribution)

    @model_validator(mode="after")
    def _one_form(self) -> DemandLaw:
        _one_of(self, "law", tuple(type(self).model_fields))
        return self

    @property
    def has_rate(self) -> bool:
        """Whether the law has a mean that regimes and seasons can multiply."""
        return self.table is None and self.trace is None and self.saturated is None

    @property
    def mean(self) -> float:
        """Mean demand a slot; 0 for saturated demand, which has none."""
        if self.trace is not None:
            return sum(self.trace) / len(self.trace)
        if self.table is not None:
            return math.fsum(k * p for k, p in enumerate(self.table))
        if self.negative_binomial is not None:
            return self.negative_binomial.mean
        return self.bernoulli or self.poisson or 0.0


class Limit(Part):
    """Shortage is backlogged up to a limit and lost beyond it."""

    limit: int = Field(ge=0, le=1_000_000)


Rate = Annotated[float, Field(ge=0, le=1000)]


class Regimes(Part):
    """A Markov chain, one for the line, that switches once a slot; it begins in the first regime."""

    switch: tuple[tuple[Probability, ...], ...] = Field(min_length=1, max_length=16)
    """Row by row: from each regime, the probabilities of the next."""
    rates: tuple[Rate, ...]
    """What each regime multiplies the mean demand by."""

    @model_validator(mode="after")
    def _square(self) -> Regimes:
        n = len(self.switch)
        for i, row in enumerate(self.switch):
            if len(row) != n or abs(math.fsum(row) - 1) > 1e-9:
                raise ValueError(f"switch[{i}] must be {n} probabilities that add up to 1, got {row}")
        if len(self.rates) != n:
            raise ValueError(f"rates must be {n}, one for each regime, got {len(self.rates)}")
        return self


class Season(Part):
    """A calendar that repeats: parts of equal length, each with its demand."""

    rates: tuple[Rate, ...] = Field(min_length=1, max_length=366)
    """What each part of the period multiplies the mean demand by."""
    slots: int = Field(default=1, ge=1, le=100_000)
    """Slots that each part lasts."""

    @property
    def period(self) -> int:
        """Slots until the calendar repeats."""
        return len(self.rates) * self.slots


class Demand(Part):
    """What customers order and what becomes of a shortage; a product may have a law, notice and rates of its own."""

    law: DemandLaw | None = None
    shortage: Literal["backlog", "lost"] | Limit = "backlog"
    notice: int = Field(default=0, ge=0, le=1000)
    """Slots from the order until it is due."""
    regimes: Regimes | None = None
    season: Season | None = None
    phase: Annotated[int, Field(ge=0, le=1_000_000)] | Literal["random"] = 0
    """Where the calendar or the trace stands at the start."""


class Product(Part):
    """One of several products: what it has of its own in place of what the line's parts say."""

    name: Name
    law: DemandLaw | None = None
    notice: int | None = Field(default=None, ge=0, le=1000)
    regimes: tuple[Rate, ...] | None = None
    season: tuple[Rate, ...] | None = None
    process: Mapping[str, Duration] = Field(default_factory=dict)
    """Duration of its jobs, by stage."""
    initial: Mapping[str, Units] = Field(default_factory=dict)
    """Units in stores at the start, by stage."""


class Control(Part):
    """A knob that the agent holds, at some or all of its places, with its range."""

    knob: Literal["kanban", "loop", "basestock", "release", "lot", "pm_level", "target", "echelon", "order", "expedite"]
    at: Names | None = None
    product: Names | None = None
    end: str | None = None
    low: int = Field(default=0, ge=-100_000, le=1_000_000)
    high: int = Field(ge=-100_000, le=1_000_000)
    default: int | Literal["off"]
    off: bool = False

    @model_validator(mode="after")
    def _range(self) -> Control:
        kind = next(kind for kind in KNOBS if kind.name == self.knob)
        if self.low > self.high:
            raise ValueError(f"low must be <= high = {self.high}, got {self.low}")
        if self.low < 0 and self.knob != "echelon":
            raise ValueError(f"low must be >= 0 for {self.knob}, got {self.low}")
        if self.off and (not kind.limit or self.knob == "pm_level"):
            hint = "; its top means never" if self.knob == "pm_level" else ""
            raise ValueError(f"off is for kanban, loop and basestock, not for {self.knob}{hint}")
        if self.default == "off":
            if not self.off:
                raise ValueError("default is off, but off: true is not set")
        elif not self.low <= self.default <= self.high:
            raise ValueError(f"default must be in {self.low}..{self.high}, got {self.default}")
        if self.end is not None and self.knob != "loop":
            raise ValueError(f"end is for loop only, not for {self.knob}")
        if self.knob == "expedite" and self.high > 1:
            raise ValueError(f"high must be <= 1 for expedite, got {self.high}")
        if self.product is not None and kind.axis != "stage_product":
            raise ValueError(f"product is for knobs of stages and products, not for {self.knob}")
        return self


class Vary(Part):
    """A parameter that differs from line to line: drawn between two values, anew for each episode."""

    parameter: Literal[
        "job_slots", "job_finish", "setup_slots", "setup_finish", "repair_slots", "repair_finish", "pm_slots",
        "pm_finish", "stop_slots", "stop_finish", "hazard", "wear", "shift", "defect", "detect", "spoil",
        "on_time", "catch_up", "fail", "recover", "defective", "inspect", "demand",
    ]  # fmt: skip
    at: Names | None = None
    product: Names | None = None
    low: float = Field(ge=0, le=1_000_000)
    high: float = Field(ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _range(self) -> Vary:
        kind = next(kind for kind in PARAMETERS if kind.name == self.parameter)
        if self.low > self.high:
            raise ValueError(f"low must be <= high = {self.high:g}, got {self.low:g}")
        if kind.unit == "slots" and (self.low < 1 or self.low % 1 or self.high % 1):
            raise ValueError(f"low and high must be whole slots >= 1, got {self.low:g} and {self.high:g}")
        if kind.unit == "probability" and self.high > 1:
            raise ValueError(f"high must be a probability, got {self.high:g}")
        if kind.unit == "times" and self.high > MOST_TIMES:
            raise ValueError(f"high must be <= {MOST_TIMES}, times the value of the scenario, got {self.high:g}")
        if self.low < LEAST_CHANCE and self.parameter.endswith(("finish", "recover")):
            raise ValueError(f"low must be >= 2**-31, got {self.low:g}: it would never end")
        if self.product is not None and kind.axis not in ("stage_product", "product"):
            raise ValueError(f"product is for parameters of products, not for {self.parameter}")
        return self


PriceList = Price | tuple[Price, ...]


class Prices(Part):
    """Money for the ledger's counts; a list gives one price for each stage, product, item or supplier."""

    wip: PriceList = 0.0
    finished_goods: PriceList = 0.0
    items: PriceList = 0.0
    backlog: PriceList = 0.0
    lost: PriceList = 0.0
    order: PriceList = 0.0
    unit: PriceList = 0.0
    expedite: PriceList = 0.0
    repair: PriceList = 0.0
    pm: PriceList = 0.0
    setup: PriceList = 0.0
    scrap: PriceList = 0.0
    rework: PriceList = 0.0
    stop: PriceList = 0.0
    returned: PriceList = 0.0
    spoiled: PriceList = 0.0


PRICED_BY: Final = {
    "wip": "stages", "finished_goods": "products", "items": "items", "backlog": "products", "lost": "products",
    "order": "suppliers", "unit": "suppliers", "expedite": "suppliers", "repair": "stages", "pm": "stages",
    "setup": "stages", "scrap": "stages", "rework": "stages", "stop": "stages", "returned": "products",
    "spoiled": "stages",
}  # fmt: skip
"""What a list of prices has an entry for."""


class Calendar(Part):
    """How many slots the periods last that a plant is reviewed by."""

    shift: int | None = Field(default=None, ge=1, le=1_000_000)
    day: int | None = Field(default=None, ge=1, le=1_000_000)
    week: int | None = Field(default=None, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _nested(self) -> Calendar:
        given = [(name, slots) for name in PERIODS if (slots := getattr(self, name)) is not None]
        if not given:
            raise ValueError(f"must give slots for some of {', '.join(PERIODS)}, got none")
        for (short, slots), (name, more) in pairwise(given):
            if more % slots:
                raise ValueError(f"{name} must be whole {short}s of {slots} slots, got {more}")
        return self


PERIODS: Final = tuple(Calendar.model_fields)
"""Names of the periods that a calendar may give, the shortest first."""


class Finance(Part):
    """What units are worth and when they are paid; a list gives one value for each product, item or stage.

    Values are standard costs: what a unit has cost on its way, whatever it cost this time.
    """

    price: PriceList
    """What a customer pays for a unit, by product."""
    material: PriceList = 0.0
    """What a unit of an item costs, by item."""
    added: PriceList = 0.0
    """What a finished job adds to the value of each of its units, in wages and machine time, by stage."""
    customers_pay_after: float = Field(default=0.0, ge=0, le=3650)
    """Days from shipment to payment; a year has 365 of them, and ``slots_per_year`` slots."""
    suppliers_paid_after: float = Field(default=0.0, ge=0, le=3650)
    """Days from delivery to payment."""
    capital_cost: float = Field(default=0.0, ge=0, le=10)
    """What a year of capital costs, as a share of it."""


VALUED_BY: Final = {"price": "products", "material": "items", "added": "stages"}
"""What a list of values has an entry for."""
