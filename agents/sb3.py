"""Stable-Baselines3's vector environment over the native batch: one array operation a step, no Python per line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from jitgym.actions import ActionKind
from jitgym.agents.structure import Structure
from jitgym.errors import InputError
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator
from jitgym.vector_env import PullLineVectorEnv

_NOTHING: dict[str, Any] = {}  # the info of every line whose episode goes on


class PullLineVecEnv(VecEnv):
    """Many lines of one scenario for Stable-Baselines3; a line whose episode ends starts the next in the same step.

    Finished lines report ``terminal_observation``, ``TimeLimit.truncated`` and ``episode`` (r, l, t) in their info,
    so neither ``Monitor`` nor ``VecMonitor`` is needed.

    Args:
        scenario: what :func:`jitgym.scenario.load_scenario` takes.
        n_envs: lines.
        seed: seeds line ``i`` with ``seed + i`` at the next reset; None: drawn.
        action: ``"multidiscrete"`` or ``"box"``; with a structure only the former.
        structure: what the actions choose from; None: the actions are those of the scenario.
        n_threads: threads that share the lines.
        stagger: end the first episodes early, at evenly spread times, so that the lines stand at different points
            of an episode.
        reference: knob values ``(n_knobs,)`` of a rule that runs beside every line on the same luck; its rewards
            are subtracted. They do not depend on the actions, so what is best stays best, and most of the luck
            cancels (a control variate).
        reward_shift: is subtracted from every reward, then
        reward_unit: divides it. The ``r`` of finished episodes stays in the scenario's own rewards.

    Attributes:
        batch: the environment itself.
    """

    def __init__(
        self,
        scenario: str | dict[str, Any] | Scenario,
        n_envs: int,
        seed: int | None = None,
        action: ActionKind = "multidiscrete",
        structure: Structure | None = None,
        n_threads: int = 1,
        stagger: bool = False,
        reference: npt.NDArray[np.int32] | None = None,
        reward_shift: float = 0.0,
        reward_unit: float = 1.0,
    ) -> None:
        if structure is not None and action != "multidiscrete":
            raise InputError(f"action must be 'multidiscrete' with a structure, got {action!r}")
        self.batch = PullLineVectorEnv(scenario, n_envs, action, AutoresetMode.DISABLED, n_threads=n_threads)
        if structure is not None and structure.knobs != self.batch.simulator.knobs:
            raise InputError(f"structure must be of the knobs of scenario {self.batch.scenario.name!r}")
        space = self.batch.single_action_space if structure is None else structure.space
        super().__init__(n_envs, self.batch.single_observation_space, space)
        self.structure = structure
        self.stagger = stagger
        self._twin = None
        if reference is not None:
            self._twin = Simulator(self.batch.scenario, n_envs, n_threads=n_threads)
            self._twin_knobs = reference
        self.reward_shift = reward_shift
        self.reward_unit = reward_unit
        self._actions: npt.NDArray[Any] = np.zeros(0)
        self._returns = np.zeros(n_envs)
        self._lengths = np.zeros(n_envs, dtype=np.int64)
        self._ends = np.full(n_envs, self.batch.horizon)
        self._began = time.time()
        if seed is not None:
            self.seed(seed)

    def reset(self) -> npt.NDArray[np.float32]:
        """Start new episodes in all lines; return observations ``(n_envs, n_entries)``."""
        seeds: Any = None if self._seeds[0] is None else self._seeds
        observations, _ = self.batch.reset(seed=seeds)
        self._reset_seeds()
        if self._twin is not None:
            self._twin.restore(self.batch.simulator.snapshot())
        self._reset_options()
        self._returns[:] = 0
        self._lengths[:] = 0
        horizon = self.batch.horizon
        self._ends[:] = horizon * np.arange(1, self.num_envs + 1) // self.num_envs if self.stagger else horizon
        return observations

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions that :meth:`step_wait` carries out."""
        self._actions = actions if self.structure is None else self.structure.choices(actions)

    def step_wait(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_], Any]:
        """Step every line; see the class for what the infos hold."""
        observations, rewards, _, _, _ = self.batch.step(self._actions)
        self._returns += rewards
        if self._twin is not None:
            rewards += self.batch.scorecard.cost(self._twin.step(self._twin_knobs)) / self.batch.scenario.reward_scale
        self._lengths += 1
        over = self._lengths >= self._ends
        infos = [_NOTHING] * self.num_envs
        if over.any():
            final = observations
            observations, _ = self.batch.reset(options={"reset_mask": over})
            if self._twin is not None:
                self._twin.reset(mask=over)
            for i in np.flatnonzero(over):
                infos[i] = self._final_info(i, final[i])
            self._returns[over] = 0
            self._lengths[over] = 0
            self._ends[over] = self.batch.horizon
        scaled = (rewards - self.reward_shift) / self.reward_unit
        return observations, scaled.astype(np.float32), over, infos

    def _final_info(self, line: np.intp, observation: npt.NDArray[np.float32]) -> dict[str, Any]:
        spent = round(time.time() - self._began, 6)
        episode = {"r": float(self._returns[line]), "l": int(self._lengths[line]), "t": spent}
        return {"terminal_observation": observation, "TimeLimit.truncated": True, "episode": episode}

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the batch, the same for every line."""
        return [getattr(self.batch, attr_name)] * len(self._lines(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the batch; lines cannot differ, so for all of them only."""
        if len(self._lines(indices)) != self.num_envs:
            raise InputError(f"{attr_name} must be set for all {self.num_envs} lines, got indices {indices}")
        setattr(self.batch, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method of the batch once; return its result for every line."""
        result = getattr(self.batch, method_name)(*args, **kwargs)
        return [result] * len(self._lines(indices))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return True for ``Monitor``, whose work is done here, and False for every other wrapper."""
        return [issubclass(Monitor, wrapper_class)] * len(self._lines(indices))

    def _lines(self, indices: Any) -> Sequence[int]:
        lines: Sequence[int] = self._get_indices(indices)  # type: ignore[assignment]
        return lines
