"""The parts of a scenario: stages, items, suppliers, demand, controls and prices, each with its own rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from jitgym.fields import KNOBS
from jitgym.files import nearest, read_trace

MAX_TABLE = 4096
"""Most entries of a hazard or demand table."""

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


def _one_of(part: Part, what: str, names: tuple[str, ...]) -> None:
    """Require exactly one of some optional keys."""
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        raise ValueError(f"must give one {what} of {', '.join(names)}, got {', '.join(given) or 'none'}")


class Duration(Part):
    """``slots`` minus one, plus a geometric of probability ``finish``; in YAML also ``3`` or ``{geometric: mean}``."""

    slots: int = Field(ge=1, le=1_000_000)
    finish: Probability = 1.0

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, (int, float)) and not isinstance(data, bool):
            return {"slots": data}
        if isinstance(data, Mapping) and set(data) == {"geometric"}:
            mean = data["geometric"]
            if isinstance(mean, bool) or not isinstance(mean, (int, float)) or not 1 <= mean < math.inf:
                raise ValueError(f"geometric must be a mean >= 1 slot, got {mean!r}")
            return {"slots": 1, "finish": 1 / mean}
        return data

    @model_validator(mode="after")
    def _ends(self) -> Duration:
        if self.finish == 0:
            raise ValueError("finish must be > 0, got 0: it would never end")
        return self

    @property
    def mean(self) -> float:
        """Mean length, in slots."""
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


class Stage(Part):
    """A queue, one machine, and the output store behind it."""

    name: Name
    feeds: str | None = None
    process: Duration = Duration(slots=1)
    batch: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["unlimited"] = 1
    room: int | None = Field(default=None, ge=1, le=1_000_000)
    initial: Units = 0
    failure: Failure | None = None
    maintenance: Maintenance | None = None
    monitoring: Literal["exact", "none"] | Noise = "exact"

    @model_validator(mode="after")
    def _room_for_a_job(self) -> Stage:
        if self.room is not None and self.batch != "unlimited" and self.room < self.batch:
            raise ValueError(f"room must be at least batch = {self.batch}, got {self.room}: no job would ever fit")
        return self


class Item(Part):
    """A purchased part, kept at the stage that uses one for every unit released."""

    name: Name
    stage: str
    initial: Units = 0


class Supplier(Part):
    """Delivers one item, ``lead_time`` slots after the order, or late."""

    name: Name
    item: str
    lead_time: int = Field(ge=0, le=1000)
    on_time: Probability = 1.0
    catch_up: Probability = 1.0


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

    @field_validator("table")
    @classmethod
    def _a_distribution(cls, table: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if table is not None:
            if not table:
                raise ValueError("must hold at least one probability, got an empty table")
            if abs(math.fsum(table) - 1) > 1e-9:
                raise ValueError(f"must add up to 1, got {math.fsum(table):.12g}")
        return table

    @model_validator(mode="after")
    def _one_form(self) -> DemandLaw:
        _one_of(self, "law", tuple(type(self).model_fields))
        return self


class Limit(Part):
    """Shortage is backlogged up to a limit and lost beyond it."""

    limit: int = Field(ge=0, le=1_000_000)


class Demand(Part):
    """What customers order and what becomes of a shortage."""

    law: DemandLaw
    shortage: Literal["backlog", "lost"] | Limit = "backlog"


class Control(Part):
    """A knob that the agent holds, at some or all of its places, with its range."""

    knob: Literal["kanban", "loop", "basestock", "pm_level", "target", "echelon", "order"]
    at: Names | None = None
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
        return self


class Prices(Part):
    """Money for the ledger's counts; a list gives one price for each stage or item."""

    wip: Price | tuple[Price, ...] = 0.0
    finished_goods: Price = 0.0
    items: Price | tuple[Price, ...] = 0.0
    backlog: Price = 0.0
    lost: Price = 0.0
    order: Price = 0.0
    unit: Price = 0.0
    repair: Price = 0.0
    pm: Price = 0.0
