"""A peer: the SimPy line behind Gymnasium's interface, with the knobs and the prices of the scenario.

What a user without jitgym would write around a SimPy model: a step runs the model for ``slots_per_step``
slots, an episode is a new model. Cards and order-up-to level are changed between steps; cards in use are
withdrawn when they come back.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from lines import five_stage, parameters
from simpy_line import SimpyLine

Floats = npt.NDArray[np.float32]


class SimpyLineEnv(gymnasium.Env[Floats, npt.NDArray[np.int64]]):
    """One line in SimPy under pull control.

    Observation: units in process and in store of every stage, machines down, item stock and backlog. Action:
    cards of every stage, less one, and the order-up-to level. Reward: as jitgym's, for the scenario's prices.
    """

    def __init__(self) -> None:
        self.scenario = five_stage()
        self.parameters = parameters(self.scenario)
        stages = self.parameters.stages
        self.action_space = gymnasium.spaces.MultiDiscrete([20] * stages + [41])
        self.observation_space = gymnasium.spaces.Box(0, 1e6, (3 * stages + 2,), dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Build a new line."""
        super().reset(seed=seed)
        self.line = SimpyLine(self.parameters, int(self.np_random.integers(1 << 32)))
        self.steps = 0
        return self._observe(), {}

    def step(self, action: npt.NDArray[np.int64]) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Set the knobs and make a step's slots."""
        *cards, target = action.tolist()
        for stage, n_cards in zip(self.line.stages, cards, strict=True):
            stage.set_cards(n_cards + 1)
        self.line.set_target(target)
        before = self.line.stock_slots()
        self.line.env.run(until=self.line.env.now + self.scenario.slots_per_step)
        after = self.line.stock_slots()
        prices = self.scenario.prices
        weights = (prices.wip, prices.finished_goods, prices.items, prices.backlog)
        cost = sum(price * (b - a) for price, a, b in zip(weights, before, after, strict=True))
        self.steps += 1
        truncated = self.steps >= self.scenario.horizon
        return self._observe(), -cost / self.scenario.reward_scale, False, truncated, {}

    def _observe(self) -> Floats:
        line = self.line
        by_stage = [x for stage in line.stages for x in (stage.in_process, stage.store.level, stage.down)]
        return np.array([*by_stage, line.stock.level, line.backlog], dtype=np.float32)
