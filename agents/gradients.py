"""Training by gradients of sampled actions: Stable-Baselines3 on lines that stand at all points of an episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from jitgym.agents.algorithms import GradientAlgorithm, build_model
from jitgym.agents.callback import Watch
from jitgym.agents.checkpoint import parameters_of, restore
from jitgym.agents.clone import clone, visited
from jitgym.agents.sb3 import PullLineVecEnv
from jitgym.agents.session import Progress, Save, Session
from jitgym.agents.training import Training


class GradientSession(Session):
    """A training by Stable-Baselines3: its lines and its model, fresh or as a checkpoint left them.

    Args:
        training: what and how.
        folder: for TensorBoard's files.
        state: of a checkpoint; None: it begins.

    Attributes:
        env: the lines.
        model: what learns.
    """

    algorithm: GradientAlgorithm

    def __init__(self, training: Training, folder: Path, state: dict[str, Any] | None) -> None:
        super().__init__(training)
        self.masked = training.algorithm == "maskable_ppo"
        done = 0 if state is None else state["done"]
        self.env = PullLineVecEnv(
            training.phases.phases[training.phases.at(done / max(1, training.steps))].scenarios,
            int(training.settings["n_envs"]),
            structure=self.structure,
            n_threads=training.n_threads,
            stagger=True,
            reference=training.start,
            view=self.view,
            masked=self.masked,
            base=training.base,
        )
        self.model = build_model(
            self.algorithm,
            self.env,
            self.structure,
            training.settings,
            training.seed,
            training.device,
            folder / "tensorboard",
        )
        if state is None:
            self._look_around()
        else:
            restore(self.model, state["learned"])
            self.model.num_timesteps = done
            self.remember(state)
            self.env.reward_shift, self.env.reward_unit = state["facts"]["reward_scale"]
        self.env.view = self.view
        self.env.seed(training.seed + 1_000_003 * (1 + self.steps))

    @property
    def steps(self) -> int:
        """Steps of a line that it has learned from."""
        return int(self.model.num_timesteps)

    def network(self) -> nn.Sequential:
        """Take the network that acts out of Stable-Baselines3."""
        return self.algorithm.network_of(self.model, self.structure, self.training.settings)

    def learned(self) -> dict[str, Any]:
        """Return the states of networks and optimisers."""
        return parameters_of(self.model)

    def found(self) -> dict[str, Any]:
        """Return how rewards are scaled."""
        return {"reward_scale": [self.env.reward_shift, self.env.reward_unit]}

    def learn(self, progress: Progress | None, checkpoint_every: int, save: Save) -> None:
        """Train to the last step."""
        watch = Watch(self.training.phases, self.training.steps, self.training.seed, self.curve)
        watch.report_to(progress)
        watch.save_with(save, checkpoint_every)
        watch.look_with(self.look)
        self.model.learn(
            self.training.steps - self.steps,
            watch,
            log_interval=1 if self.algorithm.on_policy else self.env.num_envs,
            tb_log_name=self.training.algorithm,
            reset_num_timesteps=False,
        )

    def _look_around(self) -> None:
        """Before training: learn the rule's picks, then measure how observations and returns spread."""
        training, env = self.training, self.env
        if self.clones:
            assert training.start is not None
            scenarios = training.phases.scenarios
            lessons = visited(scenarios, training.start, self.structure, self.view, training.seed, self.masked)
            if training.settings["normalize"]:
                self.view = env.view = self.view.standardised(lessons.frames[:, -1])
            spread = float(training.settings["clone_spread"])
            self.cloned = clone(self.model.policy, lessons, self.structure, self.view, spread, training.seed)
        elif training.settings["normalize"]:
            frames, _ = _tried(self.model, env)
            self.view = env.view = self.view.standardised(frames)
        _, rewards = _tried(self.model, env)
        env.reward_shift = float(np.mean(rewards))
        env.reward_unit = _spread_of_returns(rewards - env.reward_shift, self.model.gamma)


def _tried(model: Any, env: PullLineVecEnv) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Let the untrained policy run for an episode; return what it saw, ``(n, n_entries)``, and rewards by step."""
    env.seed(model.seed)
    observations: Any = env.reset()
    assert env.view is not None
    frames, rewards = [], []
    for _ in range(min(env.batch.horizon, 500)):
        frames.append(observations.reshape(env.num_envs, env.view.frames, -1)[:, -1])
        masks = {"action_masks": env.action_masks()} if env.masked else {}
        actions, _ = model.predict(observations, deterministic=False, **masks)
        observations, reward, _, _ = env.step(actions)
        rewards.append(reward)
    return np.concatenate(frames), np.array(rewards, dtype=np.float64)


def _spread_of_returns(rewards: npt.NDArray[np.float64], gamma: float) -> float:
    """Return the standard deviation of the discounted returns of rewards by step and line, ``(n_steps, n_lines)``."""
    returns, ahead = [], np.zeros(rewards.shape[1])
    for reward in rewards[::-1]:
        ahead = reward + gamma * ahead
        returns.append(ahead)
    return float(np.std(returns)) or 1.0
