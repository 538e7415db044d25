"""The single environment: a simulator of one line behind Gymnasium's interface."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from jitgym.actions import ActionKind
from jitgym.scenario import Scenario
from jitgym.vector_env import RENDER_FPS, PullLineVectorEnv, RenderMode


class PullLineEnv(gymnasium.Env[npt.NDArray[np.float32], Any]):
    """A production line under pull control.

    ## Description
    A line, or a tree of feeder lines, makes one or more products from purchased items. Demand is random, suppliers
    deliver late or not at all, machines wear, break down, change over and make defects. Every step
    (``slots_per_step`` slots) the agent sets the line's knobs: cards of each stage or loop, base stock, releases and
    lots, order-up-to levels, orders, expediting, and the wear at which an idle machine is maintained. A classic rule
    keeps one knob vector; an agent changes it with what it sees. The dynamics are stated in ``docs/dynamics.md``.

    ## Action space
    ``MultiDiscrete``: for every knob of the scenario's ``control`` a choice from low to high, and one more for
    "off" where the knob can be off. With ``action="box"``: ``Box(-1, 1)``, each entry cut into equal parts.
    ``env.unwrapped.knobs`` names them; the table of kinds is in ``docs/fields.md``.

    ## Observation space
    ``Box`` of float32: stocks, machine modes, wear readings, orders under way, backlog and demand, each times a
    stated scale. ``env.unwrapped.observation_names`` names the entries; the table is in ``docs/fields.md``.

    ## Rewards
    ``-(cost of the step) / reward_scale``; ``info["cost"]`` holds the cost by term and ``info["ledger"]`` the
    counts that it is computed from.

    ## Starting state
    Empty queues, machines running, stores and item stocks as the scenario says. ``reset(seed=...)`` fixes all luck
    of this and the following episodes: demand, breakdown draws and lateness are the same whatever the actions.

    ## Episode end
    Truncated after ``horizon`` steps; never terminated.

    ## Arguments
    ``scenario``: a name, path, mapping or scenario. ``action``: ``"multidiscrete"`` (default) or ``"box"``.
    ``render_mode``: ``"ansi"`` (text) or ``"rgb_array"`` (a picture, needs Pillow); ``"human"`` and videos come by
    Gymnasium's wrappers, which ``gymnasium.make`` adds where they are asked for.

    ## Vectorised
    ``gymnasium.make_vec("jitgym/PullLine-v0", num_envs=1024, scenario=...)`` steps a native batch.

    ## Version history
    * v0: first version.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": RENDER_FPS}  # noqa: RUF012 - Gymnasium's name

    def __init__(
        self,
        scenario: str | dict[str, Any] | Scenario = "four_stage",
        action: ActionKind = "multidiscrete",
        render_mode: RenderMode | None = None,
    ) -> None:
        self._batch = PullLineVectorEnv(scenario, 1, action, AutoresetMode.DISABLED, render_mode=render_mode)
        self.render_mode = render_mode
        self.action_space = self._batch.single_action_space
        self.observation_space = self._batch.single_observation_space
        self.scenario = self._batch.scenario
        self.knobs = self._batch.simulator.knobs
        self.observation_names = self._batch.observer.names

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode; a seed fixes the luck of this and the following ones."""
        super().reset(seed=seed)
        observations, _ = self._batch.reset(seed=None if seed is None else [seed])
        return observations[0], {}

    def step(self, action: Any) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Step the line; see the class for what comes back."""
        observations, rewards, _, truncations, info = self._batch.step(np.asarray(action)[None])
        first = {
            "cost": {name: float(values[0]) for name, values in info["cost"].items()},
            "ledger": {name: values[0] for name, values in info["ledger"].items()},
        }
        return observations[0], float(rewards[0]), False, bool(truncations[0]), first

    def render(self) -> Any:
        """Return the line as its last step left it: text, or ``(height, width, 3)`` uint8; None without a mode."""
        drawn = self._batch.render()
        return None if drawn is None else drawn[0]
