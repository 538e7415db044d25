"""The knobs of a line: which controls the agent holds, where, and in which range."""

from __future__ import annotations

from dataclasses import dataclass

from jitgym.fields import KNOBS, OFF
from jitgym.parts import Control
from jitgym.scenario import Scenario


@dataclass(frozen=True)
class Knob:
    """One control of one place: ``low..high``, and ``OFF`` where ``off`` is true.

    ``place`` counts stages or suppliers, ``product`` is the product's number for knobs of stages and products.
    """

    name: str
    kind: str
    place: int
    product: int
    end: int
    low: int
    high: int
    default: int
    off: bool

    @property
    def choices(self) -> int:
        """Number of settings, "off" included."""
        return self.high - self.low + 1 + self.off


def knobs_of(scenario: Scenario) -> tuple[Knob, ...]:
    """Return the knobs of the agent, in the order of the scenario's control section."""
    kinds = {kind.name: kind for kind in KNOBS}
    return tuple(
        _knob(scenario, control, place, product)
        for control in scenario.control
        for place in control.at or scenario.places_of(control.knob)
        for product in (
            control.product or scenario.product_names or ("",) if kinds[control.knob].axis == "stage_product" else ("",)
        )
    )


def _knob(scenario: Scenario, control: Control, place: str, product: str) -> Knob:
    kind = next(kind for kind in KNOBS if kind.name == control.knob)
    stages = scenario.stage_names
    names = scenario.supplier_names if kind.axis == "supplier" else stages
    end = stages.index(control.end) if control.end else len(stages) - 1
    where = f"{place}>{stages[end]}" if control.knob == "loop" and scenario.loops_from(place) > 1 else place
    # the top of pm_level means never, which is the same as a limit that is off
    never = control.knob == "pm_level"
    high = control.high - never
    default = OFF if control.default == "off" or (never and control.default == control.high) else control.default
    return Knob(
        name=f"{control.knob}[{where},{product}]" if product else f"{control.knob}[{where}]",
        kind=control.knob,
        place=names.index(place),
        product=scenario.product_names.index(product) if product else 0,
        end=end,
        low=control.low,
        high=high,
        default=default,
        off=control.off or never,
    )
