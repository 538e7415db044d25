"""Stable-Baselines3's vector environment over the native batch: one array operation a step, no Python per line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from jitgym.actions import ActionKind
from jitgym.agents.lines import Lines
from jitgym.agents.start import NamedRule, Start
from jitgym.agents.structure import Structure
from jitgym.agents.view import View, require_same_layout
from jitgym.errors import InputError
from jitgym.scenario import Scenario, load_scenario
from jitgym.vector_env import PullLineVectorEnv

_NOTHING: dict[str, Any] = {}  # the info of every line whose episode goes on
Source = str | dict[str, Any] | Scenario


class PullLineVecEnv(VecEnv):
    """Many lines for Stable-Baselines3; a line whose episode ends starts the next in the same step.

    Finished lines report ``terminal_observation``, ``TimeLimit.truncated``, ``episode`` (r, l, t) and ``cost`` (mean
    cost a slot, in money) in their info, so neither ``Monitor`` nor ``VecMonitor`` is needed.

    Args:
        scenario: what :func:`jitgym.scenario.load_scenario` takes; or several of one layout, over which the lines are
            dealt out evenly.
        n_envs: lines.
        seed: seeds line ``i`` with ``seed + i`` at the next reset; None: drawn.
        action: ``"multidiscrete"`` or ``"box"``; with a structure only the former.
        structure: what the actions choose from; None: the actions are those of the scenario.
        n_threads: threads that share the lines.
        stagger: end the first episodes early, at evenly spread times, so that the lines stand at different points
            of an episode.
        reference: a rule that runs beside every line on the same luck, as knob values ``(n_knobs,)`` or as what has
            ``predict``; its rewards are subtracted. They do not depend on the actions, so what is best stays best,
            and most of the luck cancels (a control variate).
        reward_shift: is subtracted from every reward, then
        reward_unit: divides it. The ``r`` of finished episodes stays in the scenario's own rewards.
        view: how the observations are shown; None: as they are.
        base: the rule from which the actions depart, line by line; with a structure of moves only.
        masked: whether there is a method ``action_masks``, for sb3-contrib; with a structure of picks only.

    Attributes:
        lines: the batches, one for each scenario.
    """

    def __init__(
        self,
        scenario: Source | Sequence[Source],
        n_envs: int,
        seed: int | None = None,
        action: ActionKind = "multidiscrete",
        structure: Structure | None = None,
        n_threads: int = 1,
        stagger: bool = False,
        reference: Start | None = None,
        reward_shift: float = 0.0,
        reward_unit: float = 1.0,
        view: View | None = None,
        masked: bool = False,
        base: NamedRule | None = None,
    ) -> None:
        if structure is not None and action != "multidiscrete":
            raise InputError(f"action must be 'multidiscrete' with a structure, got {action!r}")
        if masked and (structure is None or structure.kind != "picks"):
            raise InputError("masked must be given with a structure of picks")
        if base is not None and (structure is None or structure.kind != "moves"):
            raise InputError("base must be given with a structure of moves")
        self.structure = structure
        self.base = base
        self.stagger = stagger
        self.reference = reference
        self.reward_shift = reward_shift
        self.reward_unit = reward_unit
        self.view = view
        self.masked = masked
        self._action: ActionKind = action
        self._n_threads = n_threads
        self.lines = self._made(_scenarios(scenario), n_envs)
        if structure is not None and structure.knobs != self.batch.simulator.knobs:
            raise InputError(f"structure must be of the knobs of scenario {self.batch.scenario.name!r}")
        space: Any = self.batch.single_observation_space
        if view is not None:
            space = gymnasium.spaces.Box(-np.inf, np.inf, (view.inputs,), dtype=np.float32)
        super().__init__(n_envs, space, self.batch.single_action_space if structure is None else structure.space)
        self._actions: npt.NDArray[Any] = np.zeros(0)
        self._returns = np.zeros(n_envs)
        self._lengths = np.zeros(n_envs, dtype=np.int64)
        self._stack: npt.NDArray[np.float32] | None = None
        self._began = time.time()
        if seed is not None:
            self.seed(seed)

    @property
    def batch(self) -> PullLineVectorEnv:
        """The environment of the first scenario."""
        return self.lines[0].batch

    def _made(self, scenarios: list[Scenario], n_envs: int) -> list[Lines]:
        """Deal the lines out over scenarios, in contiguous parts, and note where each part stands."""
        if not 1 <= len(scenarios) <= n_envs:
            raise InputError(f"n_envs must be at least the {len(scenarios)} scenarios that it is dealt out over")
        for other in scenarios[1:]:
            require_same_layout(scenarios[0], other)
        ends = [n_envs * (i + 1) // len(scenarios) for i in range(len(scenarios))]
        self._parts = [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
        masked = self.structure if self.masked else None
        return [
            Lines(
                one, part.stop - part.start, self._action, self.view, self.reference, masked, self.base, self._n_threads
            )
            for one, part in zip(scenarios, self._parts, strict=True)
        ]

    def change(self, scenarios: Sequence[Scenario]) -> None:
        """Go on with lines of other scenarios of the same layout, from the next reset."""
        require_same_layout(self.batch.scenario, scenarios[0])
        self.lines = self._made(list(scenarios), self.num_envs)

    def reset(self) -> npt.NDArray[np.float32]:
        """Start new episodes in all lines; return observations ``(n_envs, n_inputs)``."""
        frames = []
        for lines, part in self._each():
            seeds: Any = None if self._seeds[0] is None else self._seeds[part]
            frames.append(lines.reset(seeds))
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0
        self._lengths[:] = 0
        self._horizons = np.concatenate([np.full(one.n_lines, one.batch.horizon) for one in self.lines])
        self._ends = self._horizons.copy()
        if self.stagger:
            spread = np.concatenate([np.arange(1, one.n_lines + 1) / one.n_lines for one in self.lines])
            self._ends = np.maximum(1, np.floor(self._horizons * spread)).astype(np.int64)
        self._stack = None
        return self._shown(np.concatenate(frames))

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions that :meth:`step_wait` carries out."""
        base = None if self.base is None else np.concatenate([lines.base_choices() for lines in self.lines])
        self._actions = actions if self.structure is None else self.structure.choices(actions, base)

    def step_wait(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_], Any]:
        """Step every line; see the class for what the infos hold."""
        steps = [lines.step(self._actions[part]) for lines, part in self._each()]
        frames, rewards, relative = (np.concatenate(column) for column in zip(*steps, strict=True))
        self._returns += rewards
        self._lengths += 1
        over = self._lengths >= self._ends
        infos = [_NOTHING] * self.num_envs
        observations = self._shown(frames)
        if over.any():
            for i in np.flatnonzero(over):
                infos[i] = self._final_info(int(i), observations[i])
            frames = np.concatenate([lines.restart(over[part]) for lines, part in self._each()])
            observations = self._shown_anew(frames, over)
            self._returns[over] = 0
            self._lengths[over] = 0
            self._ends[over] = self._horizons[over]
        scaled = (relative - self.reward_shift) / self.reward_unit
        return observations, scaled.astype(np.float32), over, infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Return which picks are worth trying now, ``(n_envs, n_picks)``."""
        return np.concatenate([lines.masks() for lines in self.lines])

    def _each(self) -> list[tuple[Lines, slice]]:
        return list(zip(self.lines, self._parts, strict=True))

    def _shown(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what the agent is shown, and keep the stack of observations."""
        if self.view is None:
            return frames
        self._stack = self.view.stacked(frames, self._stack, None)
        return self.view.inputs_of(self._stack)

    def _shown_anew(self, frames: npt.NDArray[np.float32], over: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """Return what the agent is shown where some lines have just begun their next episode."""
        if self.view is None or self._stack is None:
            return frames
        self._stack = self._stack.copy()  # what was shown before may be a view of the old one
        self._stack[over] = frames[over][:, None, :]
        return self.view.inputs_of(self._stack)

    def _final_info(self, line: int, observation: npt.NDArray[np.float32]) -> dict[str, Any]:
        spent = round(time.time() - self._began, 6)
        episode = {"r": float(self._returns[line]), "l": int(self._lengths[line]), "t": spent}
        scenario = next(one.batch.scenario for one, part in self._each() if part.start <= line < part.stop)
        cost = -episode["r"] * scenario.reward_scale / (episode["l"] * scenario.slots_per_step)
        return {
            "terminal_observation": observation,
            "TimeLimit.truncated": True,
            "episode": episode,
            "cost": cost,
        }

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the batch, the same for every line."""
        if attr_name == "action_masks" and not self.masked:
            raise AttributeError("action_masks")
        owner = self if attr_name == "action_masks" else self.batch
        return [getattr(owner, attr_name)] * len(self._indices(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the batch; lines cannot differ, so for all of them only."""
        if len(self._indices(indices)) != self.num_envs:
            raise InputError(f"{attr_name} must be set for all {self.num_envs} lines, got indices {indices}")
        for lines in self.lines:
            setattr(lines.batch, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method of the batch once; return its result for every line: the same, but for ``action_masks``."""
        if method_name == "action_masks":
            masks = self.action_masks()
            return [masks[i] for i in self._indices(indices)]
        result = getattr(self.batch, method_name)(*args, **kwargs)
        return [result] * len(self._indices(indices))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return True for ``Monitor``, whose work is done here, and False for every other wrapper."""
        return [issubclass(Monitor, wrapper_class)] * len(self._indices(indices))

    def _indices(self, indices: Any) -> Sequence[int]:
        lines: Sequence[int] = self._get_indices(indices)  # type: ignore[assignment]
        return lines


def _scenarios(source: Source | Sequence[Source]) -> list[Scenario]:
    if isinstance(source, (list, tuple)):
        return [load_scenario(one) for one in source]
    return [load_scenario(source)]  # type: ignore[arg-type]
