"""A release rate against a number of cards: what it costs to set either wrong (Spearman & Zazanis 1992).

Push as they mean it looks at nothing: it releases so many units a slot. Pull is CONWIP. Customers take all that is
made; what is wanted is revenue less the cost of stock. Rate and cards are each set to their best, and then a little
off. (MRP, which plans anew from the stock that there is, is not that blind; `push_pull.py` has it.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.evaluate import Policy, run_policy
from jitgym.finance import Books
from jitgym.jobs import Report
from jitgym.knobs import Knob
from jitgym.rules import ConstantRule
from jitgym.scenario import Scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank
from jitgym.settings import idle
from jitgym.simulator import Simulator
from jitgym.suite import changed

Floats = npt.NDArray[np.float64]

RATES = tuple(round(0.01 * k, 2) for k in range(40, 101))
"""Units a slot that are tried."""
CARDS = tuple(range(4, 61))
"""Cards that are tried."""
FACTORS = (0.75, 0.9, 1.1, 1.25)
"""What the best is multiplied by."""
WARM_UP = 50
"""Steps at the start that are not counted."""


class Releases:
    """Releases so many units a slot, whatever it sees; whole units a step, so that none are lost by rounding.

    Args:
        knobs: of the line.
        rate: units a slot.
        slots: of a step.
    """

    def __init__(self, knobs: Sequence[Knob], rate: float, slots: int) -> None:
        self._vector = np.array([_open(knob) for knob in knobs])
        self._column = [knob.kind for knob in knobs].index("release")
        self._codec = ActionCodec(tuple(knobs))
        self._per_step, self._steps = rate * slots, 0

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Any, Any]:
        """Return the next step's releases, for every line the same."""
        before, self._steps = int(self._per_step * self._steps + 1e-9), self._steps + 1
        self._vector[self._column] = int(self._per_step * self._steps + 1e-9) - before
        action = self._codec.encode(self._vector)
        return np.broadcast_to(action, (*np.shape(observation)[:-1], len(action))).copy(), state


def _open(knob: Knob) -> int:
    """Return a knob's value that limits nothing: material is always there."""
    return knob.high if knob.kind == "target" else idle(knob)


def policy(scenario: Scenario, system: str, setting: float) -> Policy:
    """Return push at a rate, or pull with cards."""
    knobs = Simulator(scenario).knobs
    if system == "rate":
        return Releases(knobs, setting, scenario.slots_per_step)
    ends = [k for k, knob in enumerate(knobs) if knob.kind == "loop" and knob.end == len(scenario.stages) - 1]
    vector = np.array([_open(knob) for knob in knobs])
    vector[min(ends, key=lambda k: knobs[k].place)] = int(setting)
    return ConstantRule(vector, ActionCodec(knobs))


@dataclass(frozen=True)
class Off:
    """A line where all is sold, and how many seeds to run."""

    scenario: Scenario
    n_seeds: int

    def profit(self, system: str, setting: float, use: Any = "evaluation") -> Floats:
        """Return revenue less the cost of stock in process, a slot, of every seed."""
        sold = changed(self.scenario, {"demand": {"law": {"saturated": True}}}, "sold")
        seeds = seed_bank(0, self.n_seeds, use)
        ledger = run_policy(sold, policy(sold, system, setting), seeds, skip=WARM_UP)
        stock = Scorecard(sold).cost_terms(ledger)["wip"]
        return (Books(sold).revenue(ledger) - stock) / ledger["slots"]


def losses(task: Off, report: Report) -> dict[str, Any]:
    """Return the best rate and cards, what they earn, and what is lost of that when they are off, by factor."""
    found: dict[str, Any] = {}
    for system, settings in (("rate", RATES), ("cards", CARDS)):
        report(f"{system} on {task.scenario.name}", None, "")
        best = max(settings, key=lambda one, system=system: float(task.profit(system, one, "tuning").mean()))
        earned = task.profit(system, best)
        off = {factor: setting_off(system, best, factor) for factor in FACTORS}
        lost = {str(factor): (earned - task.profit(system, one)).tolist() for factor, one in off.items()}
        found[system] = {"best": best, "earned": float(earned.mean()), "off": list(off.values()), "lost": lost}
    return found


def setting_off(system: str, best: float, factor: float) -> float:
    """Return a rate or a number of cards times a factor; cards are whole, and at least one off."""
    if system == "rate":
        return round(best * factor, 4)
    return best + (1 if factor > 1 else -1) * max(1, round(abs(factor - 1) * best))
