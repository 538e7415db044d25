"""Classic control systems as policies: by name, with the numbers that a tuner may set.

A rule's name is ``line/supply+upkeep``: how releases are limited (`systems.py`), how items are ordered (`supply.py`;
order-up-to if not named) and when machines are maintained (`upkeep.py`; they run to failure if not named), for example
``kanban``, ``conwip+age``, ``kanban/surge``. A line that nothing limits is named by its replenishment alone: ``ss``.

A family is the control system; given its numbers it becomes a rule, which speaks the ``predict`` of
Stable-Baselines3 like every other policy. Most are constant knob vectors, others small functions of the observation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.files import nearest
from jitgym.observation import Observer, Readings
from jitgym.scenario import Scenario
from jitgym.settings import LIMITS, Information, Line, Number, Setting, idle, join
from jitgym.simulator import Simulator
from jitgym.supply import SUPPLY
from jitgym.systems import ALIASES, SYSTEMS
from jitgym.upkeep import MAINTENANCE

UP_TO: Final = "upto"


@dataclass(frozen=True)
class RuleFamily:
    """A control system with free numbers.

    Attributes:
        name: e.g. ``kanban`` (run to failure) or ``kanban+age`` (age replacement).
        source: where it is from.
        setting: its numbers, and how knobs follow from them.
        base: the knob vector that is written into.
        codec: how knob vectors become actions.
        observer: of a line like those that it is to control; for systems that look at the observation.
        scenario: the line.
    """

    name: str
    source: str
    setting: Setting
    base: tuple[int, ...]
    codec: ActionCodec
    observer: Observer = field(repr=False)
    scenario: Scenario = field(repr=False)

    def __reduce__(self) -> tuple[Callable[[Scenario, str], RuleFamily], tuple[Scenario, str]]:
        """Pickle as what it is made from: how it adapts is a function, which would not go into a pickle."""
        return rule_family, (self.scenario, self.name)

    @property
    def numbers(self) -> tuple[Number, ...]:
        """What a tuner sets."""
        return self.setting.numbers

    @property
    def information(self) -> Information:
        """What it looks at: ``local``, ``line`` or ``forecast``."""
        return self.setting.information

    @property
    def is_constant(self) -> bool:
        """Whether it sets the same knobs whatever it sees."""
        return self.setting.adapt is None

    @property
    def start(self) -> npt.NDArray[np.int64]:
        """Textbook values, ``(n_numbers,)``."""
        return np.array([number.start for number in self.numbers], dtype=np.int64)

    def seen_on(self, scenario: Scenario) -> RuleFamily:
        """Return the same rules for a line that has changed: they read what it shows, and take nothing else from it."""
        return replace(self, observer=Observer(Simulator(scenario)))

    def checked(self, numbers: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return numbers ``(..., n_numbers)``.

        Raises:
            InputError: another shape, no integers, or one outside its range; the message names it.
        """
        values = np.asarray(numbers)
        if values.shape[-1:] != (len(self.numbers),) or (values.size and values.dtype.kind not in "iu"):
            raise InputError(
                f"{self.name} needs {len(self.numbers)} integers ({', '.join(n.name for n in self.numbers)}), "
                f"got {values.dtype} of shape {values.shape}"
            )
        for i, number in enumerate(self.numbers):
            outside = (values[..., i] < number.low) | (values[..., i] > number.high)
            if outside.any():
                value = values[..., i][outside].flat[0]
                raise InputError(f"{self.name}: {number.name} must be in {number.low}..{number.high}, got {value}")
        return values.astype(np.int64)

    def knobs(self, numbers: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Return the knob vectors ``(..., n_knobs)`` of numbers ``(..., n_numbers)``, before anything is seen."""
        values = self.checked(numbers)
        vectors = np.broadcast_to(np.array(self.base, dtype=np.int64), (*values.shape[:-1], len(self.base))).copy()
        for i, number in enumerate(self.numbers):
            if number.column >= 0:
                chosen = values[..., i]
                vectors[..., number.column] = (
                    chosen if number.never is None else np.where(chosen == number.never, OFF, chosen)
                )
        for column, value in self.setting.held:
            vectors[..., column] = value
        return vectors.astype(np.int32)

    def rule(self, numbers: npt.ArrayLike) -> Rule:
        """Return the rule with these numbers, ``(n_numbers,)``, or for each of some lines its own, ``(n_lines, n)``."""
        return Rule(self, self.checked(numbers))


class Rule:
    """A policy of a family: the same knobs always, or knobs that follow from the observation by its formula.

    Args:
        family: the control system.
        numbers: ``(n_numbers,)``, or ``(n_lines, n_numbers)`` to run one rule on every line of a batch.

    Attributes:
        knobs: its knob vector ``(n_knobs,)`` or ``(n_lines, n_knobs)``, before what follows from the observation.
        name: what tables call it.
        information: what it looks at.
    """

    def __init__(self, family: RuleFamily, numbers: npt.NDArray[np.int64]) -> None:
        self.family = family
        self.numbers = numbers
        self.knobs = family.knobs(numbers)
        self.name = family.name
        self.information = family.information
        self.readings = Readings(family.observer)
        self._constant = ConstantRule(self.knobs, family.codec)

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the action for one observation ``(n_entries,)``, or one for each of ``(n_lines, n_entries)``."""
        adapt = self.family.setting.adapt
        if adapt is None:
            return self._constant.predict(observation, state)
        seen = np.atleast_2d(observation)
        vectors = np.broadcast_to(self.knobs, (len(seen), self.knobs.shape[-1])).astype(np.int64)
        self.readings.look(seen)
        adapt(np.broadcast_to(self.numbers, (len(seen), self.numbers.shape[-1])), self.readings, vectors)
        actions = self.family.codec.encode(vectors)
        return actions if np.ndim(observation) > 1 else actions[0], state


class ConstantRule:
    """A policy that sets the same knobs whatever it sees.

    Args:
        knobs: values, ``(n_knobs,)``, or ``(n_lines, n_knobs)`` for each line of a batch its own.
        codec: how they become an action.
        name: what tables call it.
    """

    def __init__(self, knobs: npt.ArrayLike, codec: ActionCodec, name: str = "constant") -> None:
        self.knobs = np.asarray(knobs, dtype=np.int32)
        self.name = name
        self._action = codec.encode(self.knobs)

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the action for one observation ``(n_entries,)``, or one for each of ``(n_lines, n_entries)``."""
        shape = (*np.shape(observation)[:-1], self._action.shape[-1])
        return np.broadcast_to(self._action, shape).copy(), state


def rule_names(scenario: Scenario) -> list[str]:
    """Return the families that a scenario has the knobs for."""
    line = Line.of(scenario)
    systems = [name for name in SYSTEMS if SYSTEMS[name].build(line) is not None]
    supplies = [name for name in SUPPLY if SUPPLY[name].build(line) is not None] if scenario.suppliers else [""]
    upkeeps = ["", *(f"+{name}" for name in MAINTENANCE if MAINTENANCE[name].build(line) is not None)]
    return [_spelled(system, supply) + upkeep for system in systems for supply in supplies for upkeep in upkeeps]


def _spelled(system: str, supply: str) -> str:
    """Return the name of a rule, without what goes without saying."""
    if supply in ("", UP_TO):
        return "basestock" if supply and system == "push" else system
    return supply if system == "push" else f"{system}/{supply}"


def rule_family(scenario: Scenario, name: str) -> RuleFamily:
    """Return a family of rules for a scenario.

    Args:
        scenario: the line.
        name: ``line/supply+upkeep``, see this module; :func:`rule_names` lists those that fit.

    Raises:
        InputError: unknown name, or the scenario lacks the knobs.
    """
    system, supply, upkeep = _parts(scenario, name)
    line = Line.of(scenario)
    parts, sources = [], []
    for table, part, needs in (
        (SYSTEMS, system, _NEEDS.get(system, "a knob of its kind")),
        (SUPPLY, supply, _NEEDS.get(supply, "a knob of its kind")),
        (MAINTENANCE, upkeep, _NEEDS.get(upkeep, "a pm_level knob")),
    ):
        if part:
            setting = table[part].build(line)
            if setting is None:
                raise InputError(f"rule {name!r} needs {needs}, which scenario {scenario.name!r} does not give")
            parts.append(setting)
            sources.append(table[part].source)
    base = tuple(idle(knob) for knob in line.knobs)
    codec = ActionCodec(line.knobs)
    canonical = _spelled(system, supply) + (f"+{upkeep}" if upkeep else "")
    return RuleFamily(canonical, "; ".join(sources), join(parts), base, codec, Observer(Simulator(scenario)), scenario)


_NEEDS: Final = {
    "push": "a line without a limit on release",
    "polca": "a loop from every stage to the next, and kanban at the last",
    "rope": "a loop from the first stages to the bottleneck, and basestock there",
    "signal": "kanban, and lot where lots are made",
    "mrp": "release at the first stages, and nowhere else",
    "wear": "a pm_level knob of a machine whose reading tells more than its age (else: age)",
    "surge": "order at one supplier of an item and a level at another",
    **dict.fromkeys(("ss", "rnq", "steady", "capped"), "an order knob"),
}


def _parts(scenario: Scenario, name: str) -> tuple[str, str, str]:
    """Return system, supply and upkeep of a name, empty where there is none."""
    whole, _, upkeep = name.partition("+")
    system, slash, supply = whole.partition("/")
    system = ALIASES.get(system, system)
    if system in SUPPLY and not slash:
        system, supply = "push", system
    if system == "basestock" and not slash and not any(control.knob in LIMITS for control in scenario.control):
        system = "push"  # a line that only buys: the levels are those of its orders
        if not scenario.suppliers:
            raise InputError(f"rule {name!r} needs a knob of its kind, which scenario {scenario.name!r} does not give")
    for part, table in ((system, SYSTEMS), (supply, SUPPLY), (upkeep, MAINTENANCE)):
        known: list[str] = sorted({*table, *(ALIASES if table is SYSTEMS else ())})
        if part not in table and (part or table is SYSTEMS):
            raise InputError(f"rule must be of {', '.join(known)}, got {part!r} in {name!r}{nearest(part, known)}")
    if "+" in name and not upkeep:
        raise InputError(f"rule must name its maintenance after +, one of {', '.join(MAINTENANCE)}, got {name!r}")
    return system, supply or (UP_TO if scenario.suppliers else ""), upkeep
