"""Small lines solved exactly: the decision process of a line, its optimum, and the optimum as a policy.

Example:
    >>> model = explore(load_scenario("age_replacement"), [(level,) for level in range(1, 31)])
    >>> round(model.optimum.cost, 5)
    0.13097
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.exact import Law, Row
from jitgym.fields import DOWN, OFF, PM, RUN, WAITING
from jitgym.mdp import Average, Choice, Mdp, Optimum, assemble, average, episode, optimum
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator
from jitgym.tables import TRACE, Tables

Rows = npt.NDArray[np.int32]
Knobs = Sequence[int]
Named = Mapping[str, Sequence[int]]
"""A state, field by field; what the line has no use for is left out."""
Menu = Callable[[Named], Iterable[Knobs]] | Sequence[Knobs]
"""The knob vectors to choose from, in every state or by state."""

MOST_STATES: Final = 200_000
BATCH: Final = 200
"""States that are expanded together."""
BOUNDED: Final = ("backlog", "queue", "store", "stock", "overdue")
"""Fields that may be cut."""
NO_BOUND: Final = np.iinfo(np.int32).max


class Canonical:
    """States that differ in nothing that matters for what is to come are made one.

    * Zero, as no phase reads it from one slot to the next: the luck's words (they are what is averaged over);
      ``demand_step``, ``reading`` and ``crew`` (each slot sets them before it reads them); ``demand_smooth`` and
      ``off_slots`` (only shown); ``age``, unless a ``pm_level`` acts on a machine whose wear is not monitored.
    * ``slot`` counts modulo the reviews of suppliers and the lengths of traces; the season has a field of its own.
    * ``tick`` is zero, with the rings that it turns, ``pipeline`` and ``advance``, turned back.
    * An age that maintenance and repair end counts no further than the highest level that could be asked for.
    * A machine in a repair or maintenance that leaves nothing of wear and age has none from now on; one that is off
      for any reason is in control.
    * What ``bounds`` names is cut.

    Everything else is read by some phase and stays, also what the agent cannot see: the optimum is that of one who
    sees all.

    Args:
        tables: the line's.
        bounds: the most units that a field of ``BOUNDED`` may count at each place.
    """

    def __init__(self, tables: Tables, bounds: Mapping[str, int] | None = None) -> None:
        state = tables.state
        idle = ["root_lo", "root_hi", "episode", "key_lo", "key_hi", "crew", "demand_step", "demand_smooth"]
        self._zero = np.zeros(state.size, dtype=bool)
        for name in (*idle, "off_slots", "reading", "tick"):
            self._zero[state[name]] = True
        self._top = np.full(state.size, NO_BOUND, dtype=np.int32)
        self._zero[state["age"]] = (tables.monitoring > 0) | (tables.pm_level < 0)
        for i, column in enumerate(tables.pm_level.tolist()):
            if column >= 0 and tables.repair_keep[i] == tables.pm_keep[i] == 0:
                self._top[state.start("age") + i] = tables.knobs[column].high
        self._bounds = np.full(state.size, NO_BOUND, dtype=np.int32)
        for name, most in (bounds or {}).items():
            if name not in BOUNDED:
                raise InputError(f"bounds must be of {', '.join(BOUNDED)}, got {name!r}")
            self._bounds[state[name]] = most
            self._bounds[state[f"{name}_bad" if f"{name}_bad" in state.known else name]] = most
        traces = [int(n) for n, kind in zip(tables.demand_size, tables.demand_kind, strict=True) if kind == TRACE]
        self._cycle = math.lcm(*(int(review) for review in tables.review), *traces)
        self._state, self._slot, self._tick = state, state.start("slot"), state.start("tick")
        self._repair_renews, self._pm_renews = tables.repair_keep == 0, tables.pm_keep == 0
        starts = [
            *zip(tables.ring_start, tables.lead, strict=True),
            *zip(tables.advance_start, tables.notice, strict=True),
        ]
        self._rings = [(int(start), int(length)) for start, length in starts if length > 1]
        self.read = [name for name in state if name == "tick" or not self._zero[state[name]].all()]
        """Fields that matter."""

    def __call__(self, rows: Rows) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """Return the canonical states of states ``(n, n_columns)``, and whether each was cut."""
        rows = rows.copy()
        for start, length in self._rings:
            places = (rows[:, [self._tick]] + np.arange(length)) % length
            rows[:, start : start + length] = np.take_along_axis(rows[:, start : start + length], places, axis=1)
        rows[:, self._slot] %= self._cycle
        rows[:, self._zero] = 0
        self._renew(rows)
        np.minimum(rows, self._top, out=rows)
        cut = np.asarray((rows > self._bounds).any(axis=1))
        np.minimum(rows, self._bounds, out=rows)
        return rows, cut

    def _renew(self, rows: Rows) -> None:
        """Take off machines, in place, what they will not have when they run again."""
        mode = rows[:, self._state["mode"]]
        as_new = (np.isin(mode, (DOWN, WAITING)) & self._repair_renews) | ((mode == PM) & self._pm_renews)
        for name in ("wear", "age"):
            rows[:, self._state[name]] *= ~as_new
        if "shifted" in self._state:
            rows[:, self._state["shifted"]] *= mode == RUN


@dataclass(frozen=True)
class Model:
    """The decision process of a line: all states that some choice of a menu leads to from the start.

    Attributes:
        scenario: the line.
        law: of one decision.
        canonical: which states are one.
        states: ``(n_states, n_columns)`` canonical states, the start first.
        index: the number of a state, by its bytes.
        knobs: ``(n_choices, n_knobs)``, what every choice sets.
        mdp: the process.
    """

    scenario: Scenario
    law: Law
    canonical: Canonical
    states: Rows
    index: dict[bytes, int]
    knobs: Rows
    mdp: Mdp

    @cached_property
    def optimum(self) -> Optimum:
        """The lowest average cost of a slot."""
        return optimum(self.mdp)

    def average(self, policy: npt.NDArray[np.int64] | None = None) -> Average:
        """Return the average cost of a slot of a policy, of the best one if none is given."""
        return average(self.mdp.under(self.optimum.policy if policy is None else policy))

    def episode(self, policy: npt.NDArray[np.int64] | None = None) -> float:
        """Return the expected mean cost of a slot of an episode under a policy; None: under the best one of all."""
        return episode(self.mdp if policy is None else self.mdp.under(policy), self.scenario.horizon)

    def settings(self, rows: Rows) -> Rows:
        """Return the knobs that the policy with the lowest average cost sets in states, ``(n, n_knobs)``."""
        places = self.places([row.tobytes() for row in self.canonical(rows)[0]])
        chosen: Rows = self.knobs[self.optimum.policy[places]]
        return chosen

    def places(self, states: Sequence[bytes]) -> list[int]:
        """Return the numbers of canonical states.

        Raises:
            InputError: one that no choice of the menu leads to.
        """
        places = [self.index.get(state, -1) for state in states]
        if -1 in places:
            strange = self.law.named(np.frombuffer(states[places.index(-1)], np.int32).tolist())
            raise InputError(f"state must be one that the solution has met, got {strange}")
        return places


class OptimalPolicy:
    """The solution of a model as a policy: it looks up the state of each line.

    Args:
        model: a solved line, or anything with its ``scenario`` and ``settings``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._simulator: Simulator | None = None

    def watch(self, simulator: Simulator) -> None:
        """Be told which lines are to be controlled; their scenario must be that of the model."""
        require_lines_of(self._model.scenario, simulator)
        self._simulator, self._codec = simulator, ActionCodec(simulator.knobs)
        self._layout = simulator.tables.state

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the best actions in the states that the watched lines are in."""
        if self._simulator is None:
            raise InputError("watch(simulator) must be called before predict, got no lines")
        actions = self._codec.encode(self._model.settings(state_rows(self._simulator)))
        return (actions if np.ndim(observation) > 1 else actions[0]), state


def require_lines_of(scenario: Scenario, simulator: Simulator) -> None:
    """Refuse lines of another scenario than the one that was solved."""
    other = simulator.scenario
    if other.hash != scenario.hash:
        raise InputError(
            f"lines must be of the scenario that was solved, {scenario.name!r} ({scenario.hash}), "
            f"got {other.name!r} ({other.hash})"
        )


def state_rows(simulator: Simulator) -> Rows:
    """Return the states of a simulator's lines, ``(n_lines, n_columns)``."""
    layout = simulator.tables.state
    return np.concatenate([simulator.state(name).reshape(simulator.n_lines, -1) for name in layout], axis=1)


def explore(
    scenario: Scenario, menu: Menu, bounds: Mapping[str, int] | None = None, most_states: int = MOST_STATES
) -> Model:
    """Find all states that a line can come to, and what every choice leads to and costs.

    Args:
        scenario: a small line.
        menu: the knob vectors to choose from, or a function that returns them for a state. Choices that come to the
            same are one. One vector alone makes a chain, that of a constant rule.
        bounds: where fields are cut, e.g. ``{"backlog": 40}``; see :class:`Average` for how often they are.
        most_states: more are an error.

    Raises:
        InputError: too many states, a knob out of range, or a line that does not start from one state.
    """
    law = Law(scenario)
    canonical = Canonical(law.tables, bounds)
    offer = _checked(law.tables, menu)
    start: bytes = canonical(law.tables.initial[None, :])[0].tobytes()
    index, states = {start: 0}, [start]
    choices: list[list[Choice]] = []
    settings: list[Knobs] = []
    while len(choices) < len(states):
        batch = [np.frombuffer(state, np.int32).tolist() for state in states[len(choices) : len(choices) + BATCH]]
        offered = [list(offer(law.named(row))) for row in batch]
        pairs = [(row, knobs) for row, group in zip(batch, offered, strict=True) for knobs in group]
        tried = iter(decided(law, canonical, pairs))
        for group in offered:
            distinct: dict[Any, Knobs] = {}
            for knobs in group:
                cost, lost, chances = next(tried)
                for state in chances:
                    if index.setdefault(state, len(states)) == len(states):
                        states.append(state)
                following = tuple(sorted((index[state], chance) for state, chance in chances.items()))
                distinct.setdefault((cost, lost, following), knobs)
            choices.append([(cost, lost, dict(following)) for cost, lost, following in distinct])
            settings.extend(distinct.values())
        if len(states) > most_states:
            raise InputError(f"states must be at most {most_states:,}, got more: give bounds, or a smaller menu")
    rows = np.frombuffer(b"".join(states), np.int32).reshape(len(states), -1)
    mdp = assemble(choices, law.slots)
    return Model(scenario, law, canonical, rows, index, np.array(settings, dtype=np.int32), mdp)


def decided(
    law: Law, canonical: Canonical, pairs: Sequence[tuple[Row, Knobs]]
) -> list[tuple[float, float, dict[bytes, float]]]:
    """Return what decisions come to: expected cost and cuts, and the probabilities of the next states.

    What may come of a step is made one slot by slot, so that steps of many slots do not branch without end.

    Args:
        law: of a slot.
        canonical: which states are one.
        pairs: state and knob vector of each decision.
    """
    cost, lost = [0.0] * len(pairs), [0.0] * len(pairs)
    present = [{np.array(row, np.int32).tobytes(): 1.0} for row, _ in pairs]
    for since in range(law.slots):
        ways: list[tuple[int, float, float]] = []
        rows: list[Row] = []
        for n, (_, knobs) in enumerate(pairs):
            for state, weight in present[n].items():
                for chance, row, money in law.outcomes(np.frombuffer(state, np.int32).tolist(), knobs, since):
                    ways.append((n, weight * chance, money))
                    rows.append(row)
        found, cut = canonical(np.array(rows, np.int32))
        present = [{} for _ in pairs]
        for (n, chance, money), row, was_cut in zip(ways, found, cut.tolist(), strict=True):
            key = row.tobytes()
            present[n][key] = present[n].get(key, 0.0) + chance
            cost[n] += chance * money
            lost[n] += chance * was_cut
    return list(zip(cost, lost, present, strict=True))


def _checked(tables: Tables, menu: Menu) -> Callable[[Named], Iterable[Knobs]]:
    """Return a menu as a function that offers each knob vector once, and none that may not be set."""
    known: set[Knobs] = set()

    def offer(state: Named) -> Iterable[Knobs]:
        offered = dict.fromkeys(tuple(knobs) for knobs in (menu(state) if callable(menu) else menu))
        for knobs in offered.keys() - known:
            if len(knobs) != len(tables.knobs):
                raise InputError(f"knobs must be {len(tables.knobs)} integers, got {knobs}")
            for knob, value in zip(tables.knobs, knobs, strict=True):
                if not (knob.low <= value <= knob.high or (knob.off and value == OFF)):
                    off = " or OFF" if knob.off else ""
                    raise InputError(f"{knob.name} must be in {knob.low}..{knob.high}{off}, got {value}")
            known.add(knobs)
        if not offered:
            raise InputError(f"menu must offer a knob vector in every state, got none in {dict(state)}")
        return offered

    return offer
