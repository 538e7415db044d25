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
    tuple[str, ...], Field(min_length=1), BeforeValidator(lambda names: (names,) if isinstance(names, str) else names)
]


class Part(BaseModel):
    """A part of a description: frozen, and an unknown key is an error that names the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

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
    """Its fixed part."""
    finish: Probability = 1.0
    """Probability of ending in a slot, once the fixed part is over."""
    table: tuple[Probability, ...] | None = Field(default=None, max_length=MAX_TABLE)
    """Probabilities of 1, 2, ... slots, in place of the two."""

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
    """Its scale, in exposed slots (or wear levels)."""
    shape: float = Field(gt=0, le=100)
    """Its shape: 1 no wear, above 1 wear, below 1 infant mortality."""
    levels: int | None = Field(default=None, ge=1, le=MAX_TABLE)
    """Wear levels of the table; absent: until survival is below 2**-31, at most 4096."""


class HazardLaw(Part):
    """Probability of breaking down in an exposed slot, by wear level; one of three forms."""

    geometric: Probability | None = None
    """The same probability in every exposed slot."""
    weibull: Weibull | None = None
    """A life that wears out."""
    table: tuple[Probability, ...] | None = Field(default=None, min_length=1, max_length=MAX_TABLE)
    """Probabilities by wear level, the last for all beyond."""

    @model_validator(mode="after")
    def _one_form(self) -> HazardLaw:
        _one_of(self, "law", ("geometric", "weibull", "table"))
        return self


class Failure(Part):
    """How a machine wears and breaks down, and what a repair does."""

    law: HazardLaw
    """When it breaks down."""
    wear: Probability = 1.0
    """Probability to wear by one level in an exposed slot."""
    exposure: Literal["operation", "time"] = "operation"
    """Whether it wears and breaks down by its work or also when it idles."""
    repair: Duration
    """How long a repair takes."""
    repair_keep: int = Field(default=0, ge=0, le=256)
    """Share of the wear that a repair leaves, in 1/256: 0 as good as new, 256 minimal repair."""


class Maintenance(Part):
    """Planned maintenance: how long it takes and which share of the wear it keeps, in 1/256."""

    duration: Duration
    """How long it takes."""
    pm_keep: int = Field(default=0, ge=0, le=256)
    """Share of the wear that it leaves, in 1/256: 0 as good as new."""


class Noise(Part):
    """A wear reading with a rounded normal error."""

    noise: float = Field(gt=0, le=100)
    """Standard deviation of the error, in wear levels."""


class Quality(Part):
    """How a machine makes defects, finds them, and what becomes of them."""

    defect: Probability | tuple[Probability, ...] = Field(default=0.0)
    """Of a finished job; a list gives one for each wear level, the last for all beyond."""
    shift: Probability = 0.0
    """Probability of going out of control in an exposed slot."""
    defect_shifted: Probability = 1.0
    """Probability of a defective job while out of control."""
    detect: Probability = 0.0
    """Probability that self-inspection finds the defects of a job."""
    rework: bool = False
    """Whether a job with defects is begun anew; else its defective units are scrapped."""
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
    """What it is called."""
    feeds: str | None = None
    """The later stage that uses what it makes, or `customer` for the last; absent: the next."""
    process: Duration = Duration(slots=1)
    """How long a job takes."""
    setup: Duration | None = None
    """How long a change of product takes; absent: no time."""
    dispatch: Literal["exhaustive", "longest"] = "exhaustive"
    """Which product is next: the present one while it has a queue, or that with the longest queue."""
    batch: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["unlimited"] = 1
    """Most units of a job."""
    room: int | None = Field(default=None, ge=1, le=1_000_000)
    """Most units finished here and not yet finished by the next machine; absent: no limit."""
    initial: Units = 0
    """Units of each product in its store at the start."""
    spoil: Probability = 0.0
    """Probability of a unit in its store to spoil in a slot."""
    quality: Quality | None = None
    """How it makes and finds defects; absent: it makes none."""
    failure: Failure | None = None
    """How it breaks down; absent: never."""
    maintenance: Maintenance | None = None
    """Planned maintenance; absent: none is possible."""
    monitoring: Literal["exact", "none"] | Noise = "exact"
    """What is read of its wear: all of it, with an error, or its age alone."""

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
    """What it is called."""
    stage: str
    """The stage that uses it, one for every unit released."""
    initial: Units = 0
    """Units in stock at the start."""
    products: Names | None = None
    """Products that need it; absent: all."""


class Outage(Part):
    """A spell without deliveries: it begins with probability ``fail`` a slot and ends with ``recover``."""

    fail: Probability
    """Probability of beginning in a slot."""
    recover: Probability
    """Probability of ending in a slot."""

    @field_validator("recover")
    @classmethod
    def _ends(cls, recover: float) -> float:
        if recover < LEAST_CHANCE:
            raise ValueError(f"must be >= 2**-31, got {recover:g}: it would never end")
        return recover


class Supplier(Part):
    """Delivers one item, ``lead_time`` slots after the order, or late."""

    name: Name
    """What it is called."""
    item: str
    """What it delivers."""
    lead_time: int = Field(ge=0, le=1000)
    """Slots from the order to the promised delivery."""
    on_time: Probability = 1.0
    """Probability that what is promised for a slot comes, with nothing overdue."""
    catch_up: Probability = 1.0
    """Probability that all that is due comes in a slot, with something overdue."""
    outage: Outage | None = None
    """Spells without any delivery; absent: none."""
    review: int = Field(default=1, ge=1, le=100_000)
    """It takes orders every so many slots."""
    multiple: int = Field(default=1, ge=1, le=1_000_000)
    """Orders are rounded up to whole multiples of this."""
    capacity: int | None = Field(default=None, ge=1, le=1_000_000)
    """Most units of an order; absent: no limit."""
    defective: Probability = 0.0
    """Probability of a unit to be defective."""
    inspect: Probability = 0.0
    """Probability that inspection on arrival finds a defective unit."""

    @model_validator(mode="after")
    def _whole_multiples(self) -> Supplier:
        if self.capacity is not None and self.capacity % self.multiple:
            raise ValueError(f"capacity must be a multiple of multiple = {self.multiple}, got {self.capacity}")
        return self


class NegativeBinomial(Part):
    """Counts with variance mean + mean ** 2 / dispersion."""

    mean: float = Field(gt=0, le=1000)
    """Mean units a slot."""
    dispersion: float = Field(gt=0, le=1_000_000)
    """The smaller, the more it varies: the variance is mean + mean ** 2 / dispersion."""


class DemandLaw(Part):
    """Units ordered in a slot; one of six forms."""

    bernoulli: Probability | None = None
    """Probability of one unit in a slot."""
    poisson: float | None = Field(default=None, gt=0, le=1000)
    """Mean units a slot."""
    negative_binomial: NegativeBinomial | None = None
    """Counts that vary more than Poisson's."""
    table: tuple[Probability, ...] | None = Field(default=None, max_length=MAX_TABLE)
    """Probabilities of 0, 1, 2, ... units."""
    trace: tuple[Annotated[int, Field(ge=0, le=10_000)], ...] | None = None
    """Units of each slot, or a CSV file beside the scenario with one number a line; begun anew at its end."""
    saturated: Literal[True] | None = None
    """Customers take whatever there is."""

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
    """Most units on backlog; what is ordered beyond is lost."""


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
    """Units ordered in a slot; a product may have a law of its own."""
    shortage: Literal["backlog", "lost"] | Limit = "backlog"
    """What becomes of an order that stock does not cover: backlog, lost, or a limit on the backlog."""
    notice: int = Field(default=0, ge=0, le=1000)
    """Slots from the order until it is due."""
    regimes: Regimes | None = None
    """Spells of high and low demand."""
    season: Season | None = None
    """A calendar of demand that repeats."""
    phase: Annotated[int, Field(ge=0, le=1_000_000)] | Literal["random"] = 0
    """Where the calendar or the trace stands at the start."""


class Product(Part):
    """One of several products: what it has of its own in place of what the line's parts say."""

    name: Name
    """What it is called."""
    law: DemandLaw | None = None
    """Its demand; absent: the line's law."""
    notice: int | None = Field(default=None, ge=0, le=1000)
    """Slots from its orders until they are due; absent: as in demand."""
    regimes: tuple[Rate, ...] | None = None
    """What each regime multiplies its demand by; absent: as in demand."""
    season: tuple[Rate, ...] | None = None
    """What each part of the season multiplies its demand by; absent: as in demand."""
    process: Mapping[str, Duration] = Field(default_factory=dict)
    """Duration of its jobs, by stage."""
    initial: Mapping[str, Units] = Field(default_factory=dict)
    """Units in stores at the start, by stage."""


class Control(Part):
    """A knob that the agent holds, at some or all of its places, with its range."""

    knob: Literal["kanban", "loop", "basestock", "release", "lot", "pm_level", "target", "echelon", "order", "expedite"]
    """Its kind."""
    at: Names | None = None
    """Stages or suppliers where it acts; absent: all that can have it."""
    product: Names | None = None
    """Products that it is for; absent: each has its own."""
    end: str | None = None
    """Last stage of a loop; absent: the last of the line."""
    low: int = Field(default=0, ge=-100_000, le=1_000_000)
    """Its least value."""
    high: int = Field(ge=-100_000, le=1_000_000)
    """Its highest value; of pm_level, this means never."""
    default: int | Literal["off"]
    """Its value unless it is set; `off`: no limit."""
    off: bool = False
    """Whether the limit can be switched off."""

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
    """Which."""
    at: Names | None = None
    """Stages or suppliers; absent: all that have it."""
    product: Names | None = None
    """Products; absent: all."""
    low: float = Field(ge=0, le=1_000_000)
    """Its least value: a probability, whole slots, or times the scenario's value."""
    high: float = Field(ge=0, le=1_000_000)
    """Its highest value, likewise."""
    laws: tuple[DemandLaw, ...] | None = Field(default=None, min_length=1, max_length=16)
    """Laws of demand that lines have in place of the product's own, each times low to high; tables only times 1."""

    @model_validator(mode="after")
    def _laws_of_demand(self) -> Vary:
        if self.laws is not None and self.parameter != "demand":
            raise ValueError(f"laws is for demand only, not for {self.parameter}")
        for k, law in enumerate(self.laws or ()):
            if law.trace is not None or law.saturated:
                kind = "a trace" if law.saturated is None else "saturated"
                raise ValueError(f"laws[{k}] must be a table or bernoulli, poisson or negative_binomial, got {kind}")
            if law.table is not None and (self.low, self.high) != (1, 1):
                got = f"{self.low:g} and {self.high:g}"
                raise ValueError(f"low and high must be 1 where laws[{k}] is a table, got {got}")
        return self

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
    """Of a unit in a queue, a machine, or a store before the last, for a slot; by stage."""
    finished_goods: PriceList = 0.0
    """Of a unit in the last store, for a slot; by product."""
    items: PriceList = 0.0
    """Of a unit in stock, for a slot; by item."""
    backlog: PriceList = 0.0
    """Of an order that waits, for a slot; by product."""
    lost: PriceList = 0.0
    """Of an order turned away; by product."""
    order: PriceList = 0.0
    """Of an order placed; by supplier."""
    unit: PriceList = 0.0
    """Of a unit ordered and not rejected; by supplier."""
    expedite: PriceList = 0.0
    """Of a unit fetched at a premium; by supplier."""
    repair: PriceList = 0.0
    """Of a breakdown; by stage."""
    pm: PriceList = 0.0
    """Of a planned maintenance; by stage."""
    setup: PriceList = 0.0
    """Of a change of product; by stage."""
    scrap: PriceList = 0.0
    """Of a unit scrapped; by stage."""
    rework: PriceList = 0.0
    """Of a unit in a job begun anew; by stage."""
    stop: PriceList = 0.0
    """Of a stop because of a defect; by stage."""
    returned: PriceList = 0.0
    """Of a defective unit that a customer sends back; by product."""
    spoiled: PriceList = 0.0
    """Of a unit that spoils; by stage."""


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
    """Slots of a shift."""
    day: int | None = Field(default=None, ge=1, le=1_000_000)
    """Slots of a day."""
    week: int | None = Field(default=None, ge=1, le=1_000_000)
    """Slots of a week."""

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
