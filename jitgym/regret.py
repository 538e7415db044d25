"""How far a policy is from the optimum of a small line, decision by decision, without the luck of costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.evaluate import Policy, Watcher
from jitgym.optimal import Knobs, Model, decided, require_lines_of, state_rows
from jitgym.scorecard import Floats
from jitgym.simulator import Simulator


class Regret:
    """A policy, and what each of its decisions costs more than the best one in the same state, in the long run.

    It decides as the policy does. The mean of what it notes is the policy's average cost less the optimum, up to a
    share that vanishes as episodes grow long (performance difference formula: Cao 2007, Stochastic Learning and
    Optimization, section 2.1). Costs scatter by the luck of demand and breakdowns; regret does only by the
    states that a line comes to, the less the nearer a policy is to the optimum: a few hundred episodes tell what takes
    costs hundreds of thousands.

    Args:
        model: the line, with all states that the policy's settings lead to.
        policy: what decides.

    Example:
        >>> from jitgym.anchors import anchor
        >>> from jitgym.evaluate import run_policy
        >>> from jitgym.optimal import OptimalPolicy
        >>> from jitgym.seeds import seed_bank
        >>> solved = anchor("exact_two_stages").solved
        >>> watched = Regret(solved, OptimalPolicy(solved))
        >>> _ = run_policy(solved.scenario, watched, seed_bank(0, 4, "evaluation"))
        >>> [f"{abs(one):.4f}" for one in watched.a_slot]
        ['0.0000', '0.0000', '0.0000', '0.0000']
    """

    def __init__(self, model: Model, policy: Policy) -> None:
        self._model, self._policy = model, policy
        self._known: dict[tuple[bytes, Knobs], float] = {}
        self._simulator: Simulator | None = None

    @property
    def a_slot(self) -> Floats:
        """Mean regret of a slot of each watched line since it is watched, ``(n_lines,)``, in money.

        It begins anew with every ``watch``, as when ``evaluate`` measures how long decisions take.
        """
        mean: Floats = self._total / (self._decisions * self._model.law.slots)
        return mean

    def watch(self, simulator: Simulator) -> None:
        """Be told which lines are to be controlled; their scenario must be that of the model."""
        require_lines_of(self._model.scenario, simulator)
        if isinstance(self._policy, Watcher):
            self._policy.watch(simulator)
        self._simulator, self._codec = simulator, ActionCodec(simulator.knobs)
        self._total, self._decisions = np.zeros(simulator.n_lines), 0

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return the policy's actions for the watched lines, and note what they cost."""
        if self._simulator is None:
            raise InputError("watch(simulator) must be called before predict, got no lines")
        actions, state = self._policy.predict(observation, state, episode_start, deterministic)
        rows = self._model.canonical(state_rows(self._simulator))[0]
        settings = self._codec.decode(np.asarray(actions).reshape(len(rows), -1))
        self._total += self._of([(row.tobytes(), tuple(s)) for row, s in zip(rows, settings.tolist(), strict=True)])
        self._decisions += 1
        return actions, state

    def _of(self, pairs: list[tuple[bytes, Knobs]]) -> Floats:
        """Return the regret of decisions, a state and a knob vector each."""
        new = [(state, knobs) for state, knobs in dict.fromkeys(pairs) if (state, knobs) not in self._known]
        values, best = self._model.optimum.value, self._model.optimum.cost * self._model.law.slots
        rows = [(np.frombuffer(state, np.int32).tolist(), knobs) for state, knobs in new]
        law = decided(self._model.law, self._model.canonical, rows) if rows else []
        for (state, knobs), (cost, _, chances) in zip(new, law, strict=True):
            follows = values[self._model.places(list(chances))] @ np.array(list(chances.values()))
            self._known[state, knobs] = float(cost + follows - values[self._model.places([state])[0]] - best)
        return np.array([self._known[pair] for pair in pairs])
