"""Looks at an agent while it is trained, on seeds that training does not meet; the best of them is the one kept.

Gradients are noisy where breakdowns are rare and dear, and an agent may get worse again. Since the first look is before
training, one that starts as a rule ends as nothing that did worse than the rule on these seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

from jitgym.agents.policy import TrainedPolicy
from jitgym.evaluate import run_policy
from jitgym.scenario import Scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank

EPISODES: Final = 256
"""Episodes of each look."""
INSTANCE: Final = 3_000_011
"""Instance of the tuning bank that they are of."""
Weights = dict[str, torch.Tensor]


class Judge:
    """Runs an agent now and then, and remembers the best.

    Args:
        scenario: the line that the agent is for.
        steps: of the whole training.
        looks: at the agent, evenly spread, the last one at the end; one more comes before training. 0: none.

    Attributes:
        points: pairs of steps and mean cost a slot.
        best: weights of the cheapest; None before the first look.
    """

    def __init__(self, scenario: Scenario, steps: int, looks: int) -> None:
        self._scenario = scenario
        self._scorecard = Scorecard(scenario)
        self._steps = steps
        self._looks = looks
        self.points: list[list[float]] = []
        self.best: Weights | None = None

    @property
    def kept(self) -> int | None:
        """Steps after which the agent was what is kept; None: what it was at the end."""
        return int(min(self.points, key=lambda point: point[1])[0]) if self.points else None

    def look(self, steps: int, agent: Callable[[], TrainedPolicy]) -> None:
        """Run the agent if it is time, and keep its weights if none was cheaper.

        Args:
            steps: that it has been trained for.
            agent: as it is now.
        """
        if not self._looks or steps < min(self._steps, len(self.points) * self._steps / self._looks):
            return
        if self.points and steps <= self.points[-1][0]:
            return
        policy = agent()
        ledger = run_policy(self._scenario, policy, seed_bank(INSTANCE, EPISODES, "tuning"))
        cost = float(self._scorecard.cost_a_slot(ledger).mean())
        if self.best is None or cost < min(point[1] for point in self.points):
            self.best = {name: tensor.detach().clone() for name, tensor in policy.network.state_dict().items()}
        self.points.append([steps, cost])

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        return {"points": self.points, "best": self.best or {}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with an earlier one's looks."""
        self.points, self.best = [list(point) for point in state["points"]], state["best"] or None
