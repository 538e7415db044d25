"""Looks at an agent while it is trained, on seeds that training does not meet, and which of them to keep.

Gradients are noisy where breakdowns are rare and dear, and an agent may get worse again. What it is at the end is kept
unless it was clearly better before. The first look is before training, when an agent that starts as a rule is the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from jitgym.agents.policy import TrainedPolicy
from jitgym.evaluate import run_policy
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank

EPISODES: Final = 256
"""Episodes of each look."""
INSTANCE: Final = 3_000_011
"""Instance of the tuning bank that they are of."""
CLEAR: Final = 2.0
"""Standard errors of the paired difference by which an earlier agent must be better than the last one to be kept: the
cheapest of many looks is often the luckiest."""
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Look:
    """An agent as it was after some steps: its weights, and its cost a slot on every episode, ``(EPISODES,)``."""

    steps: int
    costs: Floats
    weights: Weights


class Judge:
    """Runs an agent now and then.

    Args:
        scenario: the line that the agent is for.
        steps: of the whole training.
        looks: at the agent, evenly spread, the last one at the end; one more comes before training. 0: none.

    Attributes:
        looks: all that there were.
    """

    def __init__(self, scenario: Scenario, steps: int, looks: int) -> None:
        self._scenario = scenario
        self._steps = steps
        self._planned = looks
        self.looks: list[Look] = []

    @property
    def kept(self) -> Look | None:
        """The last look, or else the cheapest of those that are clearly better; None if there was none."""
        if not self.looks:
            return None
        last = self.looks[-1]
        better = [one for one in self.looks[:-1] if _clearly_better(one.costs, last.costs)]
        return min(better, key=lambda one: float(one.costs.mean()), default=last)

    def look(self, steps: int, agent: Callable[[], TrainedPolicy]) -> None:
        """Run the agent if it is time.

        Args:
            steps: that it has been trained for.
            agent: as it is now.
        """
        if not self._planned or steps < min(self._steps, len(self.looks) * self._steps / self._planned):
            return
        if self.looks and steps <= self.looks[-1].steps:
            return
        policy = agent()
        ledger = run_policy(self._scenario, policy, seed_bank(INSTANCE, EPISODES, "tuning"))
        weights = {name: tensor.detach().clone() for name, tensor in policy.network.state_dict().items()}
        self.looks.append(Look(steps, Scorecard(self._scenario).cost_a_slot(ledger), weights))

    def state(self) -> list[dict[str, Any]]:
        """Return what a checkpoint must hold."""
        return [{"steps": one.steps, "costs": one.costs.tolist(), "weights": one.weights} for one in self.looks]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Go on with an earlier one's looks."""
        self.looks = [Look(one["steps"], np.array(one["costs"]), one["weights"]) for one in state]


def _clearly_better(costs: Floats, others: Floats) -> bool:
    gain = others - costs
    return bool(gain.mean() > CLEAR * gain.std(ddof=1) / np.sqrt(len(gain)))
