"""Many companies as a native batch: one simulator for the lines of all, no Python for each company."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from jitgym.actions import ActionCodec, ActionKind
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.money import COIN
from jitgym.enterprise.parts import LINE_CAPABILITIES
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.sights import Overview
from jitgym.enterprise.state import Period
from jitgym.errors import InputError
from jitgym.vector_env import episode_seeds, rows_of

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

OBJECTIVES: Final = {
    "finance": "economic profit / reward_scale: the reward of `jitgym/Enterprise-v0`",
    "service": "mean fill rate of the lines - 1",
    "people": "mean capability of the lines' people - mean disruption",
    "risk": "- mean share of machine time down - mean share of deliveries that were late",
}
"""Entries of the vector reward of ``jitgym/EnterpriseMO-v0``; they do not add up to anything."""


class EnterpriseVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """``jitgym/Enterprise-v0`` for many companies at once; see :class:`jitgym.enterprise.env.EnterpriseEnv`.

    Company ``i`` of a batch seeded with ``s`` meets the same luck as a single environment seeded with ``s + i``.

    Args:
        enterprise: a name, path, mapping or enterprise.
        num_envs: companies in the batch.
        action: ``"multidiscrete"`` or ``"box"``.
        autoreset_mode: ``NEXT_STEP`` (default), ``SAME_STEP`` or ``DISABLED`` (reset companies with
            ``reset(options={"reset_mask": mask})``).
        max_episode_steps: periods of an episode; None: the enterprise's horizon. Its end is a truncation.
        n_threads: threads that share the lines.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012 - Gymnasium's name

    def __init__(
        self,
        enterprise: str | dict[str, Any] | Enterprise = "components",
        num_envs: int = 1,
        action: ActionKind = "multidiscrete",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        n_threads: int = 1,
    ) -> None:
        self.companies = Companies(enterprise, num_envs, n_threads=n_threads)
        self.enterprise = self.companies.enterprise
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.horizon = self._checked_horizon(max_episode_steps)
        self.codec = ActionCodec(tuple(lever.knob for lever in self.companies.levers.levers), action)
        self.overview = Overview(self.companies)
        self.single_action_space = self.codec.space
        self.single_observation_space = self.overview.space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._over = np.zeros(num_envs, dtype=bool)
        self._seeded = False

    def _checked_horizon(self, periods: int | None) -> int:
        longest = self.enterprise.horizon
        horizon = longest if periods is None else periods
        if isinstance(horizon, bool) or not isinstance(horizon, (int, np.integer)) or not 1 <= horizon <= longest:
            raise InputError(f"max_episode_steps must be an integer in 1..{longest}, got {horizon!r}")
        return int(horizon)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start new episodes.

        Args:
            seed: an integer ``s`` seeds company ``i`` with ``s + i``; a list seeds each; None goes on to each
                company's next episode (or, the first time, draws seeds).
            options: ``{"reset_mask": (num_envs,) bool}`` resets some companies only.

        Returns:
            Observations ``(num_envs, n_entries)`` float32, and an empty info.
        """
        mask = None if options is None else options.get("reset_mask")
        seeds = episode_seeds(seed, self.num_envs, self._seeded)
        self.companies.reset(seeds, mask)
        self._seeded = self._seeded or seeds is not None
        self._over[slice(None) if mask is None else mask] = False
        return self.overview.observe(), {}

    def step(self, actions: npt.ArrayLike) -> tuple[npt.NDArray[np.float32], Floats, Bools, Bools, dict[str, Any]]:
        """Let a period pass in every company.

        Returns:
            Observations ``(num_envs, n_entries)``, rewards, terminations (never), truncations (the horizon), and
            ``info``: ``account`` (money by entry), ``measures`` (of lines, by name) and ``on_time`` (of suppliers).
            Under ``NEXT_STEP`` a company whose episode is over begins its next one instead, with reward 0.
        """
        decisions = self.codec.decode(actions)
        if decisions.shape != (self.num_envs, len(self.companies.levers)):
            shape = (self.num_envs, len(self.companies.levers))
            raise InputError(f"actions must have shape {shape}, got {decisions.shape}")
        period = self.companies.step(decisions)
        rewards, info = self._rewards(period), _info(period)
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and self._over.any():
            self.companies.reset(mask=self._over)
            rewards[self._over] = 0.0  # that period was no part of any episode
            _clear(info, self._over)
        self._over = self.companies.state.period >= self.horizon
        truncations = self._over.copy()
        observations = self.overview.observe()
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._over.any():
            info["final_info"], info["_final_info"] = dict(info), self._over.copy()
            info["final_obs"], info["_final_obs"] = rows_of(observations, self._over), self._over.copy()
            self.companies.reset(mask=self._over)
            observations = self.overview.observe()
        return observations, rewards, np.zeros(self.num_envs, dtype=bool), truncations, info

    def _rewards(self, period: Period) -> Floats:
        profit: Floats = period.account.economic_profit / (COIN * self.enterprise.money.reward_scale)
        return profit


class EnterpriseMOVectorEnv(EnterpriseVectorEnv):
    """``jitgym/EnterpriseMO-v0`` for many companies at once: rewards are ``(num_envs, 4)``, one for each objective.

    Attributes:
        reward_space: of the reward vector of one company.
    """

    objectives = tuple(OBJECTIVES)
    reward_dim = len(OBJECTIVES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reward_space = gymnasium.spaces.Box(
            np.array([-np.inf, -1.0, -1.0, -2.0]), np.array([np.inf, 0.0, 1.0, 0.0]), dtype=np.float64
        )

    def _rewards(self, period: Period) -> Floats:
        names, abilities = list(MEASURES), self.companies.state.abilities
        people = abilities.lines[:, :, LINE_CAPABILITIES.index("people")] - abilities.disruption
        late = (1 - period.on_time).sum(axis=1) / max(1, period.on_time.shape[1])
        parts = {
            "finance": super()._rewards(period),
            "service": period.measures[:, :, names.index("fill_rate")].mean(axis=1) - 1,
            "people": people.mean(axis=1),
            "risk": -period.measures[:, :, names.index("down")].mean(axis=1) - late,
        }
        return np.stack([parts[name] for name in OBJECTIVES], axis=-1)


def _info(period: Period) -> dict[str, Any]:
    account = {name: value / COIN for name, value in vars(period.account).items() if name != "supplier_units"} | {
        "supplier_units": period.account.supplier_units
    }
    measures = {name: period.measures[:, :, i] for i, name in enumerate(MEASURES)}
    return {"account": account, "measures": measures, "on_time": period.on_time, "stage": period.stage}


def _clear(info: dict[str, Any], companies: Bools) -> None:
    """Leave nothing in the info of some companies."""
    for values in info.values():
        for array in values.values() if isinstance(values, dict) else (values,):
            array[companies] = 0
