"""The lines of one scenario in a training batch, with a rule beside each of them on the same luck."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from jitgym.actions import ActionKind
from jitgym.agents.masks import Masks
from jitgym.agents.start import Driver, NamedRule, Start, named_rule
from jitgym.agents.structure import Structure
from jitgym.agents.view import View
from jitgym.errors import InputError
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator
from jitgym.vector_env import PullLineVectorEnv

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Frames = npt.NDArray[np.float32]


def driver_of(simulator: Simulator, rule: Start, view: View | None) -> Driver:
    """Put a rule at the controls; one that cannot be made anew for the line sees it in the view's scales."""
    named = named_rule(rule)
    if named is not None:
        return Driver(simulator, named.on(simulator.scenario))
    return Driver(simulator, rule, None if view is None else view.lens(Observer(simulator)))


class Lines:
    """Lines of one scenario that are trained on together.

    Args:
        scenario: what :func:`jitgym.scenario.load_scenario` takes.
        n_lines: how many.
        action: ``"multidiscrete"`` or ``"box"``.
        view: how the agent sees; None: as the lines show themselves.
        reference: the rule that runs beside every line; None: none.
        masked: the structure for whose picks there are masks; None: none.
        base: the rule from which actions depart; None: they stand alone.
        n_threads: threads that share the lines.

    Attributes:
        batch: the environment.
    """

    def __init__(
        self,
        scenario: str | dict[str, Any] | Scenario,
        n_lines: int,
        action: ActionKind = "multidiscrete",
        view: View | None = None,
        reference: Start | None = None,
        masked: Structure | None = None,
        base: NamedRule | None = None,
        n_threads: int = 1,
    ) -> None:
        self.batch = PullLineVectorEnv(scenario, n_lines, action, AutoresetMode.DISABLED, n_threads=n_threads)
        self.n_lines = n_lines
        self._twin = None
        if reference is not None:
            self._twin = driver_of(Simulator(self.batch.scenario, n_lines, n_threads=n_threads), reference, view)
        self._base = None if base is None else Driver(self.batch.simulator, base.on(self.batch.scenario))
        self._lens = None if view is None else view.lens(self.batch.observer)
        if self._lens is not None and (self._lens == 1).all():
            self._lens = None
        self._masks = None if masked is None else Masks(self.batch.simulator, masked)
        self._shown: Frames = np.zeros((0, 0), dtype=np.float32)

    def reset(self, seeds: list[int | None] | None) -> Frames:
        """Start new episodes in all lines; return observations ``(n_lines, n_entries)`` in the agent's scales."""
        observations, _ = self.batch.reset(seed=seeds)
        if self._twin is not None:
            self._twin.simulator.restore(self.batch.simulator.snapshot())
            self._twin.begin()
        return self._seen(observations)

    def restart(self, mask: Bools) -> Frames:
        """Start the next episode in some lines; return the observations of all."""
        observations, _ = self.batch.reset(options={"reset_mask": mask})
        if self._twin is not None:
            self._twin.simulator.reset(mask=mask)
            self._twin.begin(mask)
        return self._seen(observations)

    def step(self, actions: npt.NDArray[Any]) -> tuple[Frames, Floats, Floats]:
        """Return observations, the lines' own rewards, and these less the rewards of the rule beside them."""
        observations, rewards, _, _, _ = self.batch.step(actions)
        relative = rewards
        if self._twin is not None:
            ledger = self._twin.simulator.step(self._twin.knobs())
            relative = rewards + self.batch.scorecard.cost(ledger) / self.batch.scenario.reward_scale
        return self._seen(observations), rewards, relative

    def base_choices(self) -> npt.NDArray[Any]:
        """Return what the rule that actions depart from chooses now, ``(n_lines, n_knobs)``."""
        if self._base is None:
            raise InputError("base choices must be asked of lines with a rule that actions depart from")
        return self._base.act()

    def masks(self) -> Bools:
        """Return which picks are worth trying now, ``(n_lines, n_picks)``."""
        if self._masks is None:
            raise InputError("action_masks must be asked of lines with masks")
        return self._masks(self._shown)

    def _seen(self, observations: Frames) -> Frames:
        self._shown = observations
        return observations if self._lens is None else observations * self._lens
