"""The rule that an agent starts as: constant knob values, a named rule that looks at the line, or any policy."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.evaluate import Policy, Watcher
from jitgym.observation import Observer
from jitgym.rules import rule_family
from jitgym.scenario import Scenario
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

Knobs = npt.NDArray[np.int32]
Start = Knobs | Policy
"""A rule: knob values ``(n_knobs,)``, or whatever has ``predict``."""
TRIAL: Final = (64, 200)


@dataclass(frozen=True)
class NamedRule:
    """A rule that can be made anew for any line of a layout, from its name and numbers alone."""

    name: str
    numbers: tuple[int, ...]

    def on(self, scenario: Scenario) -> Policy:
        """Return the rule for a line.

        Raises:
            InputError: there is no such rule for this line, or its numbers are out of range.
        """
        return rule_family(scenario, self.name).rule(np.array(self.numbers, dtype=np.int64))


def constant_knobs(start: Any) -> Knobs | None:
    """Return the knob values of a rule that sets the same whatever it sees; None if it does not."""
    if isinstance(start, np.ndarray):
        return start
    family = getattr(start, "family", None)
    if hasattr(start, "knobs") and (family is None or getattr(family, "is_constant", True)):
        return np.asarray(start.knobs)
    return None


def named_rule(start: Any) -> NamedRule | None:
    """Return a tuned rule by name and numbers; None for any other policy."""
    family, numbers = getattr(start, "family", None), getattr(start, "numbers", None)
    if family is None or numbers is None:
        return None
    return NamedRule(str(family.name), tuple(int(number) for number in np.ravel(numbers)))


def spelled_start(start: Any) -> Any:
    """Return what tells one start from another, in plain numbers and words."""
    if start is None:
        return None
    knobs, named = constant_knobs(start), named_rule(start)
    if knobs is not None:
        return [int(value) for value in knobs]
    return [named.name, *named.numbers] if named else str(getattr(start, "name", type(start).__name__))


def usual_knobs(scenario: Scenario, rule: NamedRule, seed: int) -> Knobs:
    """Return the median of what a rule sets each knob to, on lines that it controls for a while, ``(n_knobs,)``."""
    n_lines, steps = TRIAL
    simulator = Simulator(scenario, n_lines, seed_bank(seed, n_lines))
    driver = Driver(simulator, rule.on(scenario))
    seen = []
    for _ in range(min(steps, scenario.horizon)):
        seen.append(driver.knobs())
        simulator.step(seen[-1])
    return np.quantile(np.concatenate(seen), 0.5, axis=0, method="inverted_cdf").astype(np.int32)


class Driver:
    """A rule at the controls of a simulator's lines.

    Args:
        simulator: of the lines.
        rule: what controls them.
        lens: factors from what the lines show to what the rule is used to, ``(n_entries,)``; None: none.
    """

    def __init__(self, simulator: Simulator, rule: Start, lens: npt.NDArray[np.float32] | None = None) -> None:
        self.simulator = simulator
        self.observer = Observer(simulator)
        self.codec = ActionCodec(simulator.knobs)
        self._lens = lens
        self._rule = rule if isinstance(rule, np.ndarray) else copy.deepcopy(rule)
        self._state: Any = None
        self._fresh = np.ones(simulator.n_lines, dtype=bool)
        if isinstance(self._rule, Watcher):
            self._rule.watch(simulator)

    def begin(self, mask: npt.NDArray[np.bool_] | None = None) -> None:
        """Tell the rule that episodes begin."""
        self._fresh[slice(None) if mask is None else mask] = True

    def act(self) -> npt.NDArray[Any]:
        """Return what the rule chooses now, as actions of the full space, ``(n_lines, n_knobs)``."""
        if isinstance(self._rule, np.ndarray):
            return np.tile(self.codec.encode(self._rule), (self.simulator.n_lines, 1))
        seen = self.observer.observe()
        seen = seen if self._lens is None else seen * self._lens
        actions, self._state = self._rule.predict(seen, self._state, self._fresh, True)
        self._fresh = np.zeros_like(self._fresh)
        return actions

    def knobs(self) -> Knobs:
        """Return the knob values that the rule sets now, ``(n_knobs,)`` or ``(n_lines, n_knobs)``."""
        return self._rule if isinstance(self._rule, np.ndarray) else self.codec.decode(self.act())
