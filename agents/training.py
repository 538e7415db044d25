"""What is to be trained, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jitgym.agents.algorithms import algorithm_of
from jitgym.agents.schedule import Schedule, read_schedule
from jitgym.agents.settings import read_settings, require_settings
from jitgym.agents.start import NamedRule, Start, constant_knobs, named_rule, spelled_start, usual_knobs
from jitgym.agents.structure import Structure
from jitgym.errors import InputError
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator


@dataclass(frozen=True)
class Training:
    """What is to be trained, and how.

    Attributes:
        scenario: the line that the agent is for.
        steps: steps of a line to learn from.
        start: the rule to start as: knob values ``(n_knobs,)``, or whatever has ``predict``; None: from nothing. Agents
            that move knobs start from knob values or a tuned rule, those that choose among settings from knob values or
            a constant rule; agents that pick from whole menus clone the rule, whatever it is.
        seed: of the network and of the luck.
        device: ``cpu`` or ``cuda``.
        n_threads: threads that share the lines.
        settings: hyper-parameters; by default those of ``configs/agents`` for algorithm and scenario.
        algorithm: ``ppo``, ``maskable_ppo``, ``sac``, ``dqn``, ``es``, ``dcl`` or ``counted``.
        schedule: the scenarios to train on; by default the settings' own, or else the one above.
        origin: what the results say of where it started, e.g. the rule's name.

    Raises:
        InputError: an unknown algorithm, settings that it cannot work with, or a rule that it cannot start as.
    """

    scenario: Scenario
    steps: int
    start: Start | None = None
    seed: int = 0
    device: str = "cpu"
    n_threads: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "ppo"
    schedule: Schedule | None = None
    origin: str | None = None

    def __post_init__(self) -> None:
        kind = algorithm_of(self.algorithm)
        if self.settings:
            require_settings(self.settings, kind.settings)
        else:
            object.__setattr__(self, "settings", read_settings(self.algorithm, self.scenario.name))
        if self.schedule is None:
            given = self.settings.get("schedule")
            schedule = Schedule.of(self.scenario) if given is None else read_schedule(given)
            object.__setattr__(self, "schedule", schedule)
        Schedule.of(self.scenario, *self.phases.scenarios)  # raises unless all have one layout

    @property
    def phases(self) -> Schedule:
        """The schedule, which is there once the training is described."""
        assert self.schedule is not None
        return self.schedule

    @property
    def base(self) -> NamedRule | None:
        """The rule that looks at the line and that moves depart from; None: they depart from knob values, if at all."""
        wanted = self.settings.get("actions", algorithm_of(self.algorithm).kinds[0])
        return named_rule(self.start) if wanted == "moves" and constant_knobs(self.start) is None else None

    def structure(self) -> Structure:
        """Return what the agent may choose from.

        Raises:
            InputError: the algorithm cannot start as this rule.
        """
        knobs, kinds = Simulator(self.scenario).knobs, algorithm_of(self.algorithm).kinds
        wanted = self.settings.get("actions", kinds[0])
        home, base = constant_knobs(self.start), self.base
        if home is not None and wanted != "picks":
            near = int(self.settings["radius"]), float(self.settings["reach"])
            if algorithm_of(self.algorithm).anew:
                return Structure.deciding(knobs, home, *near, int(self.settings["joint_limit"]))
            around = Structure.around(knobs, home, *near)
            return around if wanted == "moves" else around.jointly(int(self.settings["joint_limit"]))
        if base is not None:
            usual = usual_knobs(self.scenario, base, self.seed)
            return Structure.around(knobs, usual, int(self.settings["radius"]), self.settings["reach"], wide=True)
        if "picks" in kinds:
            return Structure.whole(knobs)
        if self.start is not None:
            needs = "constant knob values" if wanted == "joint" else "knob values or a tuned rule"
            raise InputError(f"{self.algorithm} must start from {needs}: it moves knobs around them")
        if wanted == "moves":
            return Structure.spanning(knobs)
        return Structure.whole(knobs).jointly(int(self.settings["joint_limit"]))

    def identity(self) -> dict[str, Any]:
        """Return what must agree for a checkpoint to be of this training."""
        start = spelled_start(self.start)
        told = {"algorithm": self.algorithm, "scenario": self.scenario.hash, "start": start, "steps": self.steps}
        return {**told, "seed": self.seed, "settings": self.settings, "schedule": self.phases.identity()}
