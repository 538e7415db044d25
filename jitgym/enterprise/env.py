"""One company behind Gymnasium's interface."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from jitgym.actions import ActionKind
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.vector_env import OBJECTIVES, EnterpriseMOVectorEnv, EnterpriseVectorEnv


class EnterpriseEnv(gymnasium.Env[npt.NDArray[np.float32], Any]):
    """A company of several production lines, run for years.

    ## Description
    A step is a planning period, of four weeks unless the enterprise says otherwise. Management decides on investments,
    suppliers, which lines are put under pull and how large the buffers are; the lines are simulated day by day under
    what follows from it, and all money and every figure is read off their ledgers. Capabilities grow with investment
    and kaizen and fade without upkeep. What is simulated and what is assumed is told in ``docs/enterprise.md``.

    ## Action space
    ``MultiDiscrete``: a choice for each lever from its low to its high: development of each supplier, share of each
    alternative one; for each line changeover, quality, maintenance, training, roll-out order (hold, pilot, next, back)
    and safety cards. With ``action="box"``: ``Box(-1, 1)``, each entry cut into equal parts. ``env.unwrapped.levers``
    lists them with their bounds.

    ## Observation space
    ``Box`` of float32: the scorecard of the last period and its trend for each line and supplier, audits of
    capabilities with errors, roll-out, cash, working capital, budget left. ``env.unwrapped.observation_names`` names
    the entries.

    ## Rewards
    Economic profit of the period / ``reward_scale``: revenue less operating cost, investments and the charge for the
    working capital. ``info["account"]`` has the entries.

    ## Starting state
    Traditional push with high buffers, as two years of it leave the lines. ``reset(seed=...)`` fixes all luck of this
    and the following episodes, whatever is decided.

    ## Episode end
    Truncated after ``horizon`` periods, ten years; never terminated. Cash below zero is borrowed.

    ## Arguments
    ``enterprise``: a name, path, mapping or enterprise. ``action``: ``"multidiscrete"`` (default) or ``"box"``.

    ## Vectorised
    ``gymnasium.make_vec("jitgym/Enterprise-v0", num_envs=256, enterprise=...)`` steps a native batch.

    ## Version history
    * v0: first version.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's name
    _kind: type[EnterpriseVectorEnv] = EnterpriseVectorEnv

    def __init__(
        self, enterprise: str | dict[str, Any] | Enterprise = "components", action: ActionKind = "multidiscrete"
    ) -> None:
        self._batch = self._kind(enterprise, 1, action, AutoresetMode.DISABLED)
        self.action_space = self._batch.single_action_space
        self.observation_space = self._batch.single_observation_space
        self.enterprise = self._batch.enterprise
        self.levers = self._batch.companies.levers.levers
        self.observation_names = self._batch.overview.names

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode; a seed fixes the luck of this and the following ones."""
        super().reset(seed=seed)
        observations, _ = self._batch.reset(seed=None if seed is None else [seed])
        return observations[0], {}

    def step(self, action: Any) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Let a period pass; see the class for what comes back."""
        observations, rewards, _, truncations, info = self._batch.step(np.asarray(action)[None])
        return observations[0], self._reward(rewards[0]), False, bool(truncations[0]), _first(info)

    def _reward(self, reward: Any) -> Any:
        return float(reward)


class EnterpriseMOEnv(EnterpriseEnv):
    """``jitgym/EnterpriseMO-v0``: :class:`EnterpriseEnv` with a reward for each objective, ``(4,)`` float64.

    Attributes:
        objectives: names of the entries.
        reward_space: of the reward vector.
        reward_dim: number of entries.
    """

    _kind = EnterpriseMOVectorEnv
    objectives = tuple(OBJECTIVES)
    reward_dim = len(OBJECTIVES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        batch = self._batch
        assert isinstance(batch, EnterpriseMOVectorEnv)  # it is made by this class
        self.reward_space = batch.reward_space

    def _reward(self, reward: Any) -> Any:
        return np.asarray(reward)


def _first(info: dict[str, Any]) -> dict[str, Any]:
    """Return the info of the first company."""
    return {
        name: {key: array[0] for key, array in value.items()} if isinstance(value, dict) else value[0]
        for name, value in info.items()
    }
