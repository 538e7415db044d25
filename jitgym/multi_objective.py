"""The same line with a vector of rewards, one for each objective, in the manner of MO-Gymnasium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt

from jitgym.env import PullLineEnv
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, parts_of
from jitgym.vector_env import Bools, PullLineVectorEnv

OBJECTIVES: Final = {
    "stock": ("wip", "finished_goods", "items"),
    "service": ("backlog", "lost"),
    "supply": ("ordering",),
    "shop": ("repair", "maintenance", "setups", "quality", "spoilage"),
}
"""The cost terms behind each entry of the reward: every term in one of them."""


class PullLineMOEnv(PullLineEnv):
    """``jitgym/PullLineMO-v0``: :class:`jitgym.env.PullLineEnv` with a reward for each of ``OBJECTIVES``.

    Actions, observations and info are those of ``jitgym/PullLine-v0``. The reward is an array ``(4,)`` of float64,
    minus the cost of an objective's terms over ``reward_scale``; added up, in any order, it is the reward of that
    environment to the last bit (to a rounding where the refund of rejected items makes one entry positive).

    Attributes:
        objectives: names of the entries.
        reward_space: of the reward vector.
        reward_dim: number of entries.
    """

    objectives = tuple(OBJECTIVES)
    reward_dim = len(OBJECTIVES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reward_space = reward_space(self.scenario)

    def step(self, action: Any) -> tuple[npt.NDArray[np.float32], Floats, bool, bool, dict[str, Any]]:  # type: ignore[override]  # the reward is a vector
        """Step the line."""
        observation, reward, terminated, truncated, info = super().step(action)
        scale = self.scenario.reward_scale
        return observation, reward_vector(info["cost"], np.float64(reward), scale), terminated, truncated, info


class PullLineMOVectorEnv(PullLineVectorEnv):
    """``jitgym/PullLineMO-v0`` for many lines at once: rewards are ``(num_envs, 4)``.

    Attributes:
        reward_space: of the reward vector of one line.
    """

    objectives = tuple(OBJECTIVES)
    reward_dim = len(OBJECTIVES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reward_space = reward_space(self.scenario)

    def step(self, actions: npt.ArrayLike) -> tuple[npt.NDArray[np.float32], Floats, Bools, Bools, dict[str, Any]]:
        """Step every line."""
        observations, rewards, terminations, truncations, info = super().step(actions)
        vectors = reward_vector(info["cost"], rewards, self.scenario.reward_scale)
        return observations, vectors, terminations, truncations, info


def reward_vector(cost: Mapping[str, Any], reward: Floats | np.float64, scale: float) -> Floats:
    """Return the reward of every objective, ``(..., 4)``.

    Args:
        cost: money by cost term, each ``(...)``.
        reward: their sum's reward, ``(...)``.
        scale: the scenario's ``reward_scale``.
    """
    costs = np.stack([sum(np.asarray(cost[term]) for term in terms) for terms in OBJECTIVES.values()], axis=-1)
    return parts_of(np.asarray(reward), -costs / scale)


def reward_space(scenario: Scenario) -> gymnasium.spaces.Box:
    """Return where reward vectors lie: not above zero, but that rejected items are refunded."""
    refunded = any(supplier.defective for supplier in scenario.suppliers)  # how many are found may vary
    high = np.array([np.inf if refunded and name == "supply" else 0.0 for name in OBJECTIVES])
    return gymnasium.spaces.Box(np.full(len(OBJECTIVES), -np.inf), high, dtype=np.float64)
