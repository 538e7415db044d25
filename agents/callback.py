"""What goes on beside the learning: the curve, progress, checkpoints, and the change of scenarios."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from jitgym.agents.schedule import Schedule

POINTS: Final = 100
"""Points of a training curve."""
EPISODES: Final = 256
"""The last finished episodes are what a point is the mean of, where episodes end one by one."""


class Curve:
    """Mean cost a slot of the training episodes, by steps, and the time that the training took.

    Args:
        steps: of the whole training.
        episodes: the last ones that a point is the mean of.

    Attributes:
        points: pairs of steps and cost.
        seconds: of training, interruptions left out.
    """

    def __init__(self, steps: int, episodes: int = EPISODES) -> None:
        self._every = max(1, steps // POINTS)
        self._recent: deque[float] = deque(maxlen=episodes)
        self._earlier = 0.0
        self._began: float | None = None
        self.points: list[list[float]] = []

    @property
    def seconds(self) -> float:
        """Seconds of training up to now."""
        return self._earlier + (0.0 if self._began is None else time.perf_counter() - self._began)

    @property
    def cost(self) -> float | None:
        """Mean cost a slot of the last finished episodes; None before the first."""
        return float(np.mean(self._recent)) if self._recent else None

    def begin(self) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def end(self) -> None:
        """Stop the clock."""
        self._earlier, self._began = self.seconds, None

    def restore(self, points: list[list[float]], seconds: float) -> None:
        """Go on with an earlier curve."""
        self.points, self._earlier = points, seconds

    def add(self, costs: list[float], steps: int) -> None:
        """Take in the costs of finished episodes, and note a point when it is time."""
        self._recent.extend(costs)
        if self.cost is not None and (not self.points or steps >= self.points[-1][0] + self._every):
            self.points.append([steps, round(self.cost, 6)])


class Watch(BaseCallback):
    """Draws the curve, reports, writes checkpoints between rollouts, and changes scenarios when their phase begins.

    Args:
        schedule: which scenarios are on when.
        steps: of the whole training.
        seed: of the luck of scenarios that come later.
        curve: is drawn on.
    """

    def __init__(self, schedule: Schedule, steps: int, seed: int, curve: Curve) -> None:
        super().__init__()
        self._schedule = schedule
        self._steps = steps
        self._seed = seed
        self._curve = curve
        self._progress: Callable[[float, str], None] | None = None
        self._save: Callable[[], None] | None = None
        self._every = self._saved = 0
        self._look: Callable[[], None] | None = None
        self._phase = 0
        self._reported = -1.0

    def report_to(self, progress: Callable[[float, str], None] | None) -> None:
        """Say whom to tell of the share that is done and of how it goes."""
        self._progress = progress

    def save_with(self, save: Callable[[], None], every: int) -> None:
        """Say how to write a checkpoint, and after how many steps."""
        self._save, self._every = save, every

    def look_with(self, look: Callable[[], None]) -> None:
        """Say what to call between rollouts to judge the agent."""
        self._look = look

    def _on_training_start(self) -> None:
        self._curve.begin()
        self._saved = self.num_timesteps
        self._phase = self._schedule.at(self.num_timesteps / self._steps)

    def _on_training_end(self) -> None:
        self._judge()
        self._curve.end()

    def _judge(self) -> None:
        if self._look is not None:
            self._look()

    def _on_step(self) -> bool:
        infos: list[dict[str, Any]] = self.locals["infos"]
        self._curve.add([info["cost"] for info in infos if info], self.num_timesteps)
        return True

    def _on_rollout_start(self) -> None:
        # the policy is whole here: the update on the rollout before is over
        self._judge()
        if self._save is not None and self.num_timesteps - self._saved >= self._every:
            self._save()
            self._saved = self.num_timesteps
        phase = self._schedule.at(self.num_timesteps / self._steps)
        if phase != self._phase:
            self._phase = phase
            self._change_lines()

    def _change_lines(self) -> None:
        """Begin new episodes with the scenarios of the phase that is on now."""
        env: Any = self.training_env
        env.change(self._schedule.phases[self._phase].scenarios)
        env.seed(self._seed + 1_000_003 * (1 + self.num_timesteps))
        self.model._last_obs = env.reset()
        self.model._last_episode_starts = np.ones(env.num_envs, dtype=bool)

    def _on_rollout_end(self) -> None:
        share = min(1.0, self.num_timesteps / self._steps)
        if self._progress is None or (share < 1 and share < self._reported + 0.002):
            return
        self._reported = share
        cost = self._curve.cost
        self._progress(share, "" if cost is None else f"cost {cost:.4g} a slot")
