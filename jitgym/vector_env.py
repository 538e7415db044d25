"""The native batched environment: many lines, one simulator, no Python for each line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from jitgym.actions import ActionCodec, ActionKind
from jitgym.errors import InputError
from jitgym.ledger import Ledger
from jitgym.observation import Observer
from jitgym.render import as_picture, as_text
from jitgym.scenario import Scenario
from jitgym.scene import frame_of, scene_of
from jitgym.scorecard import Scorecard, add_terms
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

RenderMode = Literal["ansi", "rgb_array"]
RENDER_FPS = 8
"""Steps a second of a video."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class PullLineVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """``jitgym/PullLine-v0`` for many lines at once; see :class:`jitgym.env.PullLineEnv` for the spaces and rewards.

    Line ``i`` of a batch seeded with ``s`` meets the same luck as a single environment seeded with ``s + i``.

    Args:
        scenario: a name, path, mapping or scenario.
        num_envs: lines in the batch.
        action: ``"multidiscrete"`` or ``"box"``.
        autoreset_mode: ``NEXT_STEP`` (default), ``SAME_STEP`` or ``DISABLED`` (reset lines with
            ``reset(options={"reset_mask": mask})``).
        max_episode_steps: steps in an episode; None: the scenario's horizon. Its end is a truncation.
        n_threads: threads that share the lines.
        render_mode: ``"ansi"`` (text), ``"rgb_array"`` (a picture, needs Pillow) or None.
    """

    metadata = {  # noqa: RUF012 - Gymnasium's name
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": RENDER_FPS,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        scenario: str | dict[str, Any] | Scenario = "four_stage",
        num_envs: int = 1,
        action: ActionKind = "multidiscrete",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        n_threads: int = 1,
        render_mode: RenderMode | None = None,
    ) -> None:
        self.simulator = Simulator(scenario, n_lines=num_envs, n_threads=n_threads)
        self.scenario = self.simulator.scenario
        self.num_envs = num_envs
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InputError(f"render_mode must be of {', '.join(self.metadata['render_modes'])}, got {render_mode!r}")
        self.render_mode = render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.horizon = _checked_horizon(self.simulator, max_episode_steps)
        self.codec = ActionCodec(self.simulator.knobs, action)
        self.observer = Observer(self.simulator)
        self.scorecard = Scorecard(self.scenario)
        self.single_action_space = self.codec.space
        self.single_observation_space = self.observer.space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._over = np.zeros(num_envs, dtype=bool)
        self._seeded = False
        self._scene: dict[str, Any] | None = None
        self._ledger: Ledger | None = None
        self._knobs = np.broadcast_to(self.simulator.default_knobs, (num_envs, len(self.codec.knobs)))

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start new episodes.

        Args:
            seed: an integer ``s`` seeds line ``i`` with ``s + i``; a list seeds each line; None goes on to each
                line's next episode (or, the first time, draws seeds).
            options: ``{"reset_mask": (num_envs,) bool}`` resets some lines only.

        Returns:
            Observations ``(num_envs, n_entries)`` float32, and an empty info.
        """
        mask = None if options is None else options.get("reset_mask")
        seeds = episode_seeds(seed, self.num_envs, self._seeded)
        self.simulator.reset(seeds, mask=mask)
        self._seeded = self._seeded or seeds is not None
        chosen = slice(None) if mask is None else mask
        self._elapsed[chosen] = 0
        self._over[chosen] = False
        return self.observer.observe(), {}

    def step(self, actions: npt.ArrayLike) -> tuple[npt.NDArray[np.float32], Floats, Bools, Bools, dict[str, Any]]:
        """Step every line.

        Returns:
            Observations ``(num_envs, n_entries)``, rewards, terminations (never), truncations (the horizon), and
            ``info``: ``cost`` (money by term), ``ledger`` (counts by field), each an array over the lines. Under
            ``NEXT_STEP`` a line whose episode is over starts its next one instead, with reward 0 and nothing counted.
        """
        knobs = self.codec.decode(actions)
        if knobs.shape != (self.num_envs, len(self.codec.knobs)):
            raise InputError(f"actions must have shape {(self.num_envs, len(self.codec.knobs))}, got {knobs.shape}")
        ledger = self.simulator.step(knobs)
        self._ledger, self._knobs = ledger, knobs
        self._elapsed += 1
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and self._over.any():
            self._start_next_episodes(self._over)
            ledger.array[self._over] = 0  # that slot was no part of any episode
        terms = self.scorecard.cost_terms(ledger)
        rewards = -add_terms(terms) / self.scenario.reward_scale
        self._over = self._elapsed >= self.horizon
        info: dict[str, Any] = {"cost": terms, "ledger": ledger.as_dict()}
        truncations = self._over.copy()
        observations = self.observer.observe()
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._over.any():
            info["final_obs"], info["_final_obs"] = rows_of(observations, self._over), self._over.copy()
            info["final_info"], info["_final_info"] = {"cost": terms, "ledger": info["ledger"]}, self._over.copy()
            self._start_next_episodes(self._over)
            observations = self.observer.observe()
        return observations, rewards, np.zeros(self.num_envs, dtype=bool), truncations, info

    def render(self) -> tuple[Any, ...] | None:
        """Return a text or a picture of every line as its last step left it; None without a render mode.

        A picture is ``(height, width, 3)`` uint8. What is counted, such as demand, is that of the last step, and of a
        machine it is shown what it mostly did.
        """
        if self.render_mode is None:
            return None
        if self._scene is None:
            self._scene = scene_of(self.scenario)
        ledger = self._ledger
        if ledger is None:
            layout = self.simulator.tables.ledger
            ledger = Ledger(layout, np.zeros((self.num_envs, layout.size), dtype=np.int64))
        draw = as_text if self.render_mode == "ansi" else as_picture
        frames = (frame_of(self.simulator, ledger, self._knobs[place], place) for place in range(self.num_envs))
        return tuple(draw(self._scene, frame) for frame in frames)

    def _start_next_episodes(self, over: Bools) -> None:
        self.simulator.reset(mask=over)
        self._elapsed[over] = 0


def episode_seeds(seed: int | Sequence[int | None] | None, n: int, seeded: bool) -> npt.NDArray[np.uint64] | None:
    """Return the episode seeds that the ``seed`` of a reset of ``n`` environments means; None: each goes on.

    Args:
        seed: an integer ``s`` seeds environment ``i`` with ``s + i``; a list seeds each, with a drawn one for None.
        n: environments.
        seeded: whether they have been seeded before; if not, None draws seeds.
    """
    if isinstance(seed, Sequence):
        if len(seed) != n:
            raise InputError(f"seed must be an integer or a list of {n}, got {len(seed)}")
        fresh = np.random.SeedSequence().generate_state(n, np.uint32)
        return line_seeds([int(fresh[i]) if one is None else one for i, one in enumerate(seed)])
    if seed is None and seeded:
        return None
    first = int(np.random.SeedSequence().generate_state(1, np.uint32)[0]) if seed is None else seed
    return line_seeds(range(first, first + n))


def line_seeds(seeds: Sequence[int] | range) -> npt.NDArray[np.uint64]:
    """Return the episode seed that each integer seed stands for."""
    for seed in seeds:
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise InputError(f"seed must be an integer >= 0, got {seed!r}")
    return np.array([seed_bank(int(seed), 1)[0] for seed in seeds], dtype=np.uint64)


def rows_of(observations: npt.NDArray[np.float32], chosen: Bools) -> npt.NDArray[np.object_]:
    """Return an object array with the observations of the chosen lines and None elsewhere, as Gymnasium has it."""
    rows = np.full(len(observations), None, dtype=object)
    for i in np.flatnonzero(chosen):
        rows[i] = observations[i]
    return rows


def _checked_horizon(simulator: Simulator, max_episode_steps: int | None) -> int:
    """Return the steps of an episode, or refuse one so long that counts could overflow."""
    horizon = simulator.scenario.horizon if max_episode_steps is None else max_episode_steps
    longest = simulator.tables.slot_limit // simulator.scenario.slots_per_step - 1
    if not 1 <= horizon <= longest:
        raise InputError(f"horizon must be in 1..{longest} steps for {simulator.scenario.name!r}, got {horizon}")
    return horizon
