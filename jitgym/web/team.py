"""A team: a line that is played, who controls it, and what its ledger has come to."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.fields import OFF
from jitgym.files import nearest
from jitgym.ledger import Ledger
from jitgym.play import Flow, Play
from jitgym.rules import rule_family, rule_names
from jitgym.scenario import Scenario
from jitgym.scene import frame_of, scene_of
from jitgym.scorecard import Scorecard
from jitgym.web.lessons import checked_value

BY_HAND: Final = "hand"
SHOWN: Final = (
    "cost", "fill_rate", "wip", "finished_goods", "backlog", "inventory_turns", "cycle_time", "takt",
    "availability", "downtime_frequency", "first_pass_yield", "supplier_on_time",
)  # fmt: skip
"""KPIs that the page shows, in their order."""


@dataclass(frozen=True)
class Move:
    """Before which slot the line was given to whom, and what was set by hand then."""

    slot: int
    control: str
    held: npt.NDArray[np.int32]


class Team:
    """A line that is played slot by slot.

    Args:
        name: of the team.
        scenario: the line.
        seed: fixes its luck; teams with one seed meet the same.
        knobs: what its knobs are set to at the start, ``(n_knobs,)``.
        fixed: whether they may not be set.
        policies: others that may control it, by name, such as tuned rules and learned agents: each makes one anew, as
            a policy may remember the line that it controls.

    Attributes:
        seed: of the luck.
        control: who sets the knobs: ``hand`` or the name of a rule or policy.
        history: for every slot the cumulative counts of the flow, see :class:`jitgym.play.Flow`, the units in all
            stages, backlog and cost.
        moves: what was set by hand or given to others, and before which slot: all that a replay needs.
    """

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        seed: int,
        knobs: npt.NDArray[np.int32],
        fixed: bool = False,
        policies: Mapping[str, Callable[[], Policy]] | None = None,
    ) -> None:
        self.name = name
        self.scenario = scenario
        self.fixed = fixed
        self._policies = dict(policies or {})
        self._scorecard = Scorecard(scenario)
        self._scene = scene_of(scenario)
        self.control = BY_HAND
        self._begin(seed, knobs)

    def begin(self, seed: int) -> None:
        """Begin anew under the luck of a seed; who controls the line, and what was set by hand, stays."""
        self._begin(seed, self.play.held)

    def _begin(self, seed: int, held: npt.NDArray[np.int32]) -> None:
        self.seed = seed
        self.play = Play(self.scenario, seed, self._policy(self.control))
        self.play.held = held.copy()
        self.flow = Flow(self.play)
        self.moves = [Move(0, self.control, held.copy())]
        self.history: list[list[float]] = []
        self._total: Ledger | None = None
        self._last: Ledger | None = None

    @cached_property
    def controls(self) -> list[str]:
        """Who can control the line."""
        return [BY_HAND, *self._policies, *(name for name in rule_names(self.scenario) if name not in self._policies)]

    def give_to(self, control: str) -> None:
        """Let a rule with its textbook numbers, another policy, or the hand control the line, from the next step on.

        Raises:
            InputError: the line is fixed, or cannot be controlled so.
        """
        self._require_free()
        if control not in self.controls:
            hint = nearest(control, self.controls)
            raise InputError(f"control must be a policy of {self.scenario.name!r}, got {control!r}{hint}")
        self.play.give_to(self._policy(control))
        self.control = control
        self._note_move()

    def _policy(self, control: str) -> Policy | None:
        if control == BY_HAND:
            return None
        if control in self._policies:
            return self._policies[control]()
        family = rule_family(self.scenario, control)
        return family.rule(family.start)

    def set_knob(self, place: int, value: int | None) -> None:
        """Set a knob by hand, from the next step on; None is off.

        Raises:
            InputError: the line is fixed, there is no such knob, or the value is out of its range.
        """
        self._require_free()
        knobs = self.play.line.knobs
        if not 0 <= place < len(knobs):
            raise InputError(f"knob must be in 0..{len(knobs) - 1}, got {place}")
        checked = checked_value(knobs[place], value)
        if self.control != BY_HAND:
            self.give_to(BY_HAND)
        self.play.held = self.play.held.copy()
        self.play.held[place] = checked
        self._note_move()

    def _note_move(self) -> None:
        self.moves.append(Move(self.play.slot, self.control, self.play.held))

    def replayed(self) -> Iterator[tuple[Play, Ledger]]:
        """Play the run so far again, with the same moves; yield the line and its ledger after every slot."""
        play = Play(self.scenario, self.seed)
        moves = deque(self.moves)
        for slot in range(self.play.slot):
            while moves and moves[0].slot == slot:
                move = moves.popleft()
                play.give_to(self._policy(move.control))
                play.held = move.held
            yield play, play.next_slot()

    def _require_free(self) -> None:
        if self.fixed:
            raise InputError(f"the knobs of {self.name!r} must stay as they are in this lesson")

    def next_slot(self) -> None:
        """Make one slot."""
        ledger = self.play.next_slot()
        self.flow.count(ledger, self.play)
        self._total = ledger if self._total is None else self._total + ledger
        self._last = ledger
        cost = float(self._scorecard.cost(ledger)[0])
        line = self.play.line
        units = sum(int(line.state(field).sum()) for field in ("queue", "job", "store"))
        owed = int(line.state("backlog").sum())
        self.history.append([self.flow.entered, *self.flow.passed, self.flow.left, units, owed, cost])

    def described(self) -> dict[str, Any]:
        """Return what a page needs to draw the line."""
        return {"name": self.name, "scene": self._scene, "controls": self.controls, "fixed": self.fixed}

    def shown(self, since: int = 0) -> dict[str, Any]:
        """Return what the page shows now: the line, its figures, and the history from a slot on."""
        held = [None if value == OFF else int(value) for value in self.play.held]
        return {
            "control": self.control,
            "held": held,
            "frame": None if self._last is None else frame_of(self.play.line, self._last, self.play.knobs),
            "history": self.history[since:],
            "kpis": self.kpis(),
            "terms": self.terms(),
            "little": {
                "wip": _number(self.flow.mean_wip),
                "throughput": _number(self.flow.throughput),
                "time": _number(self.flow.mean_time),
            },
        }

    def kpis(self) -> dict[str, float | None]:
        """Return the KPIs since the start; None where there is nothing to divide by."""
        if self._total is None:
            return dict.fromkeys(SHOWN)
        found = self._scorecard.kpis(self._total)
        return {name: _number(float(found[name][0])) for name in SHOWN}

    def terms(self) -> dict[str, float]:
        """Return the cost since the start by term, where there is any."""
        if self._total is None:
            return {}
        found = {name: float(cost[0]) for name, cost in self._scorecard.cost_terms(self._total).items()}
        return {name: cost for name, cost in found.items() if cost}


def _number(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return value if math.isfinite(value) else None
