"""Schedules of training: which scenarios, one after the other or mixed, and for what share of the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jitgym.agents.view import require_same_layout
from jitgym.errors import InputError
from jitgym.scenario import Scenario, load_scenario


@dataclass(frozen=True)
class Phase:
    """Part of a training: the scenarios that the lines are dealt out over, and its share of the steps."""

    scenarios: tuple[Scenario, ...]
    share: float


@dataclass(frozen=True)
class Schedule:
    """Phases of a training, in order; their shares add up to 1.

    Raises:
        InputError: no phase, shares that do not add up, or scenarios that need different agents.
    """

    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not self.phases or not all(phase.scenarios for phase in self.phases):
            raise InputError("schedule must name at least one scenario in each phase")
        shares = [phase.share for phase in self.phases]
        if min(shares) <= 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
            raise InputError(f"schedule: shares must be > 0 and add up to 1, got {shares}")
        first = self.phases[0].scenarios[0]
        for scenario in self.scenarios:
            require_same_layout(first, scenario)

    @classmethod
    def of(cls, *scenarios: Scenario) -> Schedule:
        """Return the schedule of one phase, with the lines dealt out evenly over some scenarios."""
        return cls((Phase(scenarios, 1.0),))

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """All scenarios, each once, in order of appearance."""
        found = {scenario.hash: scenario for phase in self.phases for scenario in phase.scenarios}
        return tuple(found.values())

    @property
    def shares(self) -> dict[str, float]:
        """The share of the steps that is spent on every scenario, by its hash."""
        shares = {scenario.hash: 0.0 for scenario in self.scenarios}
        for phase in self.phases:
            for scenario in phase.scenarios:
                shares[scenario.hash] += phase.share / len(phase.scenarios)
        return shares

    def at(self, share: float) -> int:
        """Return which phase is on when a share of the steps is done."""
        done = 0.0
        for i, phase in enumerate(self.phases):
            done += phase.share
            if share < done - 1e-9:
                return i
        return len(self.phases) - 1

    def identity(self) -> list[Any]:
        """Return what must agree for two schedules to be the same."""
        return [[[scenario.hash for scenario in phase.scenarios], phase.share] for phase in self.phases]


def read_schedule(entries: Sequence[Any]) -> Schedule:
    """Return the schedule of a list such as ``[{scenario: pilot, share: 0.3}, {scenario: [a, b], share: 0.7}]``.

    A scenario is whatever :func:`jitgym.scenario.load_scenario` takes; a list of them is mixed over the lines.

    Raises:
        InputError: an entry is not of this form, or see :class:`Schedule`.
    """
    phases = []
    for i, entry in enumerate(entries if isinstance(entries, (list, tuple)) else [entries]):
        if not isinstance(entry, dict) or set(entry) != {"scenario", "share"}:
            raise InputError(f"schedule[{i}] must give scenario and share, got {entry!r:.80}")
        share = entry["share"]
        if isinstance(share, bool) or not isinstance(share, (int, float)):
            raise InputError(f"schedule[{i}].share must be a number, got {share!r:.80}")
        given = entry["scenario"] if isinstance(entry["scenario"], (list, tuple)) else [entry["scenario"]]
        phases.append(Phase(tuple(load_scenario(one) for one in given), float(share)))
    return Schedule(tuple(phases))
