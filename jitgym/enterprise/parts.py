"""The parts of an enterprise: lines, suppliers, levers, what capabilities do, money and shocks, each with its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from jitgym.fields import PARAMETERS
from jitgym.laws import DEMAND_LEVELS
from jitgym.parts import LEAST_CHANCE, MOST_TIMES, DemandLaw, Name, Names, Part, Price, Probability

LINE_CAPABILITIES: Final = ("changeover", "quality", "maintenance", "people")
"""What a line can be good at; `people` sets no parameter of the line, but how fast the others grow by kaizen."""
INVESTED: Final = ("changeover", "quality", "maintenance", "training")
"""Levers of a line that cost money, in the order of the capabilities that they raise."""
MONEY: Final = ("develop", *INVESTED)
"""Levers whose steps are money."""


class Lever(Part):
    """What one decision may be: whole steps from ``low`` to ``high``, each worth ``unit``."""

    low: int = Field(default=0, ge=0, le=1000)
    """The least."""
    high: int = Field(ge=0, le=1000)
    """The most."""
    unit: float = Field(default=1.0, gt=0, le=1_000_000, allow_inf_nan=False)
    """What a step is worth: money a period; for cards, whole cards; for an alternative, a share of the orders."""

    @model_validator(mode="after")
    def _range(self) -> Lever:
        if self.low > self.high:
            raise ValueError(f"low must be <= high = {self.high}, got {self.low}")
        return self


class Levers(Part):
    """The decisions of a period, each with its bounds."""

    develop: Lever
    """Development of a supplier, in money; for each supplier that is no alternative."""
    alternative: Lever
    """Share of the orders that an alternative supplier is to have; the first above zero starts its qualification."""
    changeover: Lever
    """Quick changeover, in money; for each line."""
    quality: Lever
    """Quality at the source, in money; for each line."""
    maintenance: Lever
    """Planned maintenance, condition monitoring and technicians, in money; for each line."""
    training: Lever
    """Training and kaizen, in money; for each line."""
    cards: Lever
    """Safety cards of each product: the buffer; for each line."""

    @model_validator(mode="after")
    def _whole(self) -> Levers:
        for name in type(self).model_fields:
            lever: Lever = getattr(self, name)
            if name == "alternative" and lever.high * lever.unit > 1:
                raise ValueError(f"alternative.high must be at most 1 / unit, got {lever.high} of {lever.unit:g}")
            if name != "alternative" and lever.unit % 1:
                raise ValueError(f"{name}.unit must be a whole number, got {lever.unit:g}")
        return self


class Effect(Part):
    """What a capability does to a parameter of the lines: ``worst`` without it, ``best`` with all of it."""

    parameter: Literal[
        "job_finish", "setup_slots", "setup_finish", "repair_slots", "repair_finish", "stop_finish", "hazard",
        "shift", "defect", "detect", "on_time", "catch_up", "defective",
    ]  # fmt: skip
    """Which; as under ``vary`` of a scenario."""
    at: Names | None = None
    """Stages or suppliers of the line; all that have it where this is absent."""
    worst: float = Field(ge=0, le=1_000_000)
    """Its value at capability 0: a probability, slots, or times that of the scenario."""
    best: float = Field(ge=0, le=1_000_000)
    """Its value at capability 1."""

    @model_validator(mode="after")
    def _possible(self) -> Effect:
        unit = next(kind.unit for kind in PARAMETERS if kind.name == self.parameter)
        most = {"probability": 1.0, "times": float(MOST_TIMES)}.get(unit, float("inf"))
        least = 1.0 if unit == "slots" else LEAST_CHANCE if self.parameter.endswith("finish") else 0.0
        for name, value in (("worst", self.worst), ("best", self.best)):
            if not least <= value <= most:
                rule = f">= {least:g}" if value < least else f"<= {most:g}"
                raise ValueError(f"{name} must be {rule} for {self.parameter}, got {value:g}")
        return self


class Capabilities(Part):
    """What each capability sets: parameters of the simulated lines, and nothing else."""

    changeover: tuple[Effect, ...] = ()
    """Quick changeover (SMED)."""
    quality: tuple[Effect, ...] = ()
    """Quality at the source: fewer defects, and those that are made found where they are made."""
    maintenance: tuple[Effect, ...] = ()
    """Equipment reliability."""
    supplier: tuple[Effect, ...] = ()
    """What a supplier delivers like."""
    disruption: tuple[Effect, ...] = ()
    """What a roll-out ahead of training does: ``worst`` when all is disrupted, ``best`` when nothing is."""


class Readiness(Part):
    """Capabilities at the start, which the customary practice of the plant holds without any programme."""

    changeover: Probability = 0.0
    """Of quick changeover."""
    quality: Probability = 0.0
    """Of quality at the source."""
    maintenance: Probability = 0.0
    """Of maintenance."""


class LineOf(Part):
    """One line of the enterprise: what it has of its own."""

    name: Name
    """What it is called."""
    demand: DemandLaw | tuple[DemandLaw, ...] | None = None
    """Its demand, one law for each product or one for all; absent: that of the scenario."""
    start: Readiness = Readiness()
    """Its capabilities at the start."""
    times: Mapping[str, Annotated[float, Field(gt=0, le=16)]] = Field(default_factory=dict)
    """Parameters that are this many times what capabilities say, such as the hazards of an old machine park."""
    suppliers: Mapping[str, str] = Field(default_factory=dict)
    """Who delivers here, by supplier of the scenario; absent: the first supplier of the enterprise that can."""


class Alternative(Part):
    """What it takes until an alternative supplier may deliver."""

    cost: Price
    """Of its qualification, once."""
    periods: int = Field(ge=0, le=1000)
    """Whole periods between that of the decision and that of the first order."""


class SupplierOf(Part):
    """A supplier of the enterprise, shared by the lines that name it."""

    name: Name
    """What it is called."""
    delivers: str
    """The supplier of the scenario whose place it takes."""
    start: Probability = 0.0
    """Its capability at the start."""
    price: float = Field(default=1.0, gt=0, le=100)
    """What it charges, times the standard cost of the item."""
    alternative: Alternative | None = None
    """Absent: it delivers from the start."""


class Money(Part):
    """What the enterprise pays besides what its lines cost, and what it may invest."""

    budget: Price
    """For improvement, a year; what is not spent stays for later, up to a year's budget."""
    rollout: Price = 0.0
    """Of one more stage of a line under pull: containers, cards, marks on the floor."""
    overhead: Price = 0.0
    """Of a line, a period: wages and rent that do not follow from what it makes."""
    fixed_assets: Price = 0.0
    """Of a line: machines and buildings, for the return on assets."""
    cash: float = Field(default=0.0, allow_inf_nan=False, ge=-1e12, le=1e12)
    """At the start."""
    reward_scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """What the economic profit of a period is divided by to be a reward."""


class Outage(Part):
    """A supplier that delivers nothing for a while."""

    per_year: float = Field(default=0.0, ge=0, le=13)
    """How often, for each supplier."""
    periods: int = Field(default=3, ge=1, le=1000)
    """How long."""


class DemandShift(Part):
    """Mean demand of a line that changes and stays so until the next change."""

    per_year: float = Field(default=0.0, ge=0, le=13)
    """How often, for each line."""
    low: float = Field(default=0.8, gt=0, le=1)
    """The least, times the line's demand."""
    high: float = Field(default=1.2, ge=1, le=16)
    """The most, times the line's demand."""

    @model_validator(mode="after")
    def _holds_one(self) -> DemandShift:
        one = (1 - self.low) / (self.high - self.low) * (DEMAND_LEVELS - 1) if self.high > self.low else 0.0
        if abs(one - round(one)) > 1e-6:
            rule = f"low and high must have 1 among {DEMAND_LEVELS} levels at even steps from one to the other"
            raise ValueError(f"{rule}, as 0.8 and 1.2 have, got {self.low:g} and {self.high:g}")
        return self


class Escape(Part):
    """A spell of defects: a bad lot of material, a worn tool that nobody saw."""

    per_year: float = Field(default=0.0, ge=0, le=13)
    """How often, for each line."""
    periods: int = Field(default=1, ge=1, le=1000)
    """How long."""
    times: float = Field(default=4.0, ge=1, le=16)
    """What the defects are multiplied by."""


class BudgetCut(Part):
    """A leadership that prefers something else."""

    per_year: float = Field(default=0.0, ge=0, le=13)
    """How often."""
    periods: int = Field(default=13, ge=1, le=1000)
    """How long."""
    times: Probability = 0.3
    """What the budget is multiplied by."""


class Shocks(Part):
    """What happens to the company whatever it does: seeded, the same for every policy."""

    outage: Outage = Outage()
    """A supplier down."""
    demand_shift: DemandShift = DemandShift()
    """A shift of demand."""
    escape: Escape = Escape()
    """A quality escape."""
    budget_cut: BudgetCut = BudgetCut()
    """A change of leadership preference."""
