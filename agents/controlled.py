"""Training by simulation: what every setting would cost from here on, and a network that knows it.

Temizöz, Imdahl, Dijkman, Lamghari-Idrissi & van Jaarsveld, "Deep controlled learning for inventory control", European
Journal of Operational Research 2025: approximate policy iteration. In states that the agent visits, each setting is
tried for one step on copies of the line, which go on under the agent; all settings meet the same luck. Where the paper
has a network learn which setting turned out best, this one learns by how much each differs from their mean: what is a
close call in one state counts little, and luck averages out between states that look alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.agents.generations import GenerationSession
from jitgym.agents.policy import TrainedPolicy
from jitgym.agents.regression import regress
from jitgym.agents.session import Progress
from jitgym.agents.training import Training
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

Frames = npt.NDArray[np.float32]
INSTANCE: Final = 1 << 50
"""Instances of the tuning bank from here on are those of training, two for every batch of states."""
LONGEST: Final = 300
"""Steps of an episode within which states are visited."""
PILOTS: Final = 16
"""Points of time at which the rule shows how observations spread,"""
PILOT_LINES: Final = 256
"""each on so many lines."""


class ControlledSession(GenerationSession):
    """A training by simulation, fresh or as a checkpoint left it; it goes on with the generation that was interrupted.

    Everything that is drawn depends on training seed, generation and batch alone.

    Args:
        training: what and how.
        folder: for TensorBoard's files.
        state: of a checkpoint; None: it begins.
    """

    def __init__(self, training: Training, folder: Path, state: dict[str, Any] | None) -> None:
        settings = training.settings
        self._ahead, self._rollouts = int(settings["ahead"]), int(settings["n_rollouts"])
        copies = self._rollouts * training.structure().outputs  # of each state
        self._states = max(1, int(settings["n_envs"]) // copies)
        super().__init__(training, folder, self._states * copies * self._ahead)
        self.begin(state)

    def next_generation(self, progress: Progress | None) -> Floats:
        """Try every setting in many states, and teach the network what each saves."""
        lessons = [self._lessons(batch, progress) for batch in range(self._batches)]
        inputs, gains, costs = (np.concatenate(column) for column in zip(*lessons, strict=True))
        targets = gains / (gains.std() or 1.0)
        regress(self._network, inputs, targets, self.training.settings, self.seed_of_order(), self.training.device)
        return np.asarray(costs)

    def _lessons(self, batch: int, progress: Progress | None) -> tuple[Frames, Floats, Floats]:
        """Try every setting in a batch of states.

        Returns:
            What the network is shown ``(n_states, n_inputs)``, what each setting saves against their mean, in money
            ``(n_states, n_settings)``, and the mean cost a slot of all copies, ``(1,)``.
        """
        done = self._before(self._generation, batch) / self._all_steps
        scenarios = self.training.phases.phases[self.training.phases.at(done)].scenarios
        scenario = scenarios[batch % len(scenarios)]
        rng = np.random.default_rng([self.training.seed, self._generation, batch])
        instance = self.instance(INSTANCE, batch, 2)
        agent = TrainedPolicy(self.card(), scenario, self._network, self.training.device)
        visit = self._visited(agent, scenario, seed_bank(instance, self._states, "tuning"), rng)
        luck = seed_bank(instance + 1, self._states * self._rollouts, "tuning").reshape(self._states, 1, -1)
        costs, a_slot = self._costs(agent, scenario, visit, luck)
        self.report(progress, batch, a_slot)
        return visit.inputs, costs.mean(axis=1, keepdims=True) - costs, np.array([a_slot])

    def _visited(
        self, agent: TrainedPolicy, scenario: Scenario, seeds: npt.NDArray[np.uint64], rng: np.random.Generator
    ) -> _Visit:
        """Let lines run under the agent for a while; on every other one a share of the settings is any."""
        simulator = Simulator(scenario, len(seeds), seeds, n_threads=self.training.n_threads)
        observer, codec = Observer(simulator), ActionCodec(simulator.knobs)
        lens, memory = self.view.lens(observer), None
        hand = float(self.training.settings["exploration"]) * (np.arange(len(seeds)) % 2)
        for left in range(int(rng.integers(min(scenario.horizon, LONGEST))), -1, -1):
            seen = observer.observe()
            inputs = self.view.inputs_of(self.view.stacked(seen * lens, memory, None))
            choices, memory = agent.predict(seen, memory)
            if left:
                other = self.structure.choices(rng.integers(self.structure.outputs, size=len(seeds)))
                missed = rng.random(len(seeds)) < hand
                simulator.step(codec.decode(np.where(missed[:, None], other, choices)))
        return _Visit(simulator, inputs, memory)

    def _costs(
        self, agent: TrainedPolicy, scenario: Scenario, visit: _Visit, luck: npt.NDArray[np.uint64]
    ) -> tuple[Floats, float]:
        """Return what every setting costs for a while, ``(n_states, n_settings)``, and the mean cost of a slot."""
        shape = (self._states, self.structure.outputs, self._rollouts)
        lines = np.repeat(np.arange(self._states), shape[1] * shape[2])
        copies = visit.simulator.fork(lines, np.broadcast_to(luck, shape).ravel())
        observer, codec, card = Observer(copies), ActionCodec(copies.knobs), Scorecard(scenario)
        memory = None if visit.memory is None else visit.memory[lines]
        every = np.repeat(np.arange(shape[1])[None, :, None], shape[0], axis=0)
        choices = self.structure.choices(np.broadcast_to(every, shape).ravel())
        total, plain = np.zeros(len(lines)), 0.0
        for step in range(self._ahead):
            if step:
                choices, memory = agent.predict(observer.observe(), memory)
            cost = card.cost(copies.step(codec.decode(choices)))
            plain += float(cost.mean())
            total += min(1.0, 2 * (1 - step / self._ahead)) * cost  # a sharp end would reward putting things off
        return total.reshape(shape).mean(axis=2), plain / (self._ahead * scenario.slots_per_step)

    def pilot(self) -> Frames:
        """Return what the untrained agent, which is the rule, sees of the lines, ``(n, n_entries)``, in its scales."""
        seen = []
        for k, scenario in enumerate(self.training.phases.scenarios):
            agent = TrainedPolicy(self.card(), scenario, self._network, self.training.device)
            for n in range(PILOTS):
                seeds, rng = seed_bank(INSTANCE - 1 - n, PILOT_LINES, "tuning"), np.random.default_rng([k, n])
                inputs = self._visited(agent, scenario, seeds, rng).inputs
                seen.append(inputs.reshape(len(seeds), self.view.frames, -1)[:, -1])
        return np.concatenate(seen)


@dataclass(frozen=True)
class _Visit:
    """States that an agent has come to.

    Attributes:
        simulator: of the lines that are in them.
        inputs: what the network is shown there, ``(n_states, n_inputs)``.
        memory: the agent's last observations, these included; None: it needs none.
    """

    simulator: Simulator
    inputs: Frames
    memory: Any
