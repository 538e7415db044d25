"""Training by evolution strategies: many agents that differ a little, all on the same luck, and a step to the better.

Salimans et al. (2017), "Evolution Strategies as a Scalable Alternative to Reinforcement Learning": antithetic pairs,
centred ranks, Adam. Mania, Guy & Recht (2018), "Simple random search of static policies is
competitive for reinforcement learning": a linear policy of standardised observations. Here all agents of a generation
play the same fresh episodes, which is what makes differences between them small but certain; nothing is left to chance
in how an agent acts, so what is improved is what is stored. ``ARS`` of sb3-contrib plays one agent after the other,
each with luck of its own; a batch of the native core plays all at once.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from jitgym.agents.callback import Curve
from jitgym.agents.policy import TrainedPolicy
from jitgym.agents.session import Progress, Save, Session
from jitgym.agents.settings import scheduled
from jitgym.agents.training import Training
from jitgym.evaluate import run_policy
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

BETAS: Final = (0.9, 0.99)
"""Of Adam: generations are few, so the second moment must not lag behind by hundreds."""
INSTANCE: Final = 1 << 40
"""Instances of the tuning bank from here on are those of training, one for every generation."""
GENERATIONS: Final = 1 << 20
"""Instances of each training seed, more than there are generations."""
PILOT: Final = (INSTANCE - 1, 128)
"""Instance of the tuning bank, and episodes, on which the rule shows how observations spread."""
PILOT_STRIDE: Final = 4
"""Steps between the observations that are kept of these."""


class Population(nn.Module):
    """Networks of one shape with weights of their own, each for its part of the inputs.

    Args:
        network: gives the shape.

    Attributes:
        weights: of all networks, ``(n_networks, n_weights)``, in the order of the network's parameters.
    """

    def __init__(self, network: nn.Sequential) -> None:
        super().__init__()
        self._network = copy.deepcopy(network).requires_grad_(False)
        self._shapes = {name: weight.shape for name, weight in network.named_parameters()}
        self.weights = parameters_to_vector(network.parameters()).detach()[None]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return outputs ``(n, n_outputs)`` for inputs ``(n, n_inputs)``; ``n`` is a multiple of the networks."""
        parts = torch.split(self.weights, [shape.numel() for shape in self._shapes.values()], dim=1)
        named = {
            name: part.reshape(-1, *shape) for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)
        }
        shared = inputs.reshape(len(self.weights), -1, inputs.shape[-1])
        outputs: torch.Tensor = vmap(lambda weights, x: functional_call(self._network, weights, (x,)))(named, shared)
        return outputs.reshape(len(inputs), -1)


class EvolutionSession(Session):
    """A training by evolution strategies, fresh or as a checkpoint left it.

    Everything that is drawn depends on the training seed and the generation alone: one that was interrupted ends as
    if it had not been.

    Args:
        training: what and how.
        folder: for TensorBoard's files.
        state: of a checkpoint; None: it begins.
    """

    def __init__(self, training: Training, folder: Path, state: dict[str, Any] | None) -> None:
        super().__init__(training)
        settings = training.settings
        self._folder = folder
        self._pairs = int(settings["n_pairs"])
        self._episodes = int(settings["n_envs"]) // (2 * self._pairs)
        self._done = self._generation = 0
        self.curve = Curve(training.steps, 2 * self._pairs)  # a point is of one generation
        self._network = self.rule_network()
        if state is None:
            seen = self._seen()
            if settings["normalize"]:
                self.view = self.view.standardised(seen)
            inputs = torch.as_tensor(self.view.inputs_of(self.view.stacked(seen, None, None)), device=training.device)
            self._units = _units_of(self._network, inputs, float(settings["start_spread"]))
            scaled = parameters_to_vector(self._network.parameters()).detach() / self._units
        else:
            self.remember(state)
            self._done, self._generation = state["done"], state["facts"]["generation"]
            self._units, scaled = (state["learned"][name].to(training.device) for name in ("units", "scaled"))
        self._scaled = nn.Parameter(scaled)  # weights, each counted in the unit by which it is tried
        self._rate = scheduled(settings["learning_rate"])
        self._optimiser = torch.optim.Adam([self._scaled], betas=BETAS)
        if state is not None:
            self._optimiser.load_state_dict(state["learned"]["optimiser"])
        self._courses: dict[str, tuple[Population, TrainedPolicy]] = {}

    @property
    def steps(self) -> int:
        """Steps of a line that it has learned from."""
        return self._done

    def network(self) -> nn.Sequential:
        """Return a copy of the network that acts."""
        network = copy.deepcopy(self._network)
        vector_to_parameters((self._scaled * self._units).detach(), network.parameters())
        return network

    def learned(self) -> dict[str, Any]:
        """Return the weights, the units that they are counted in, and the optimiser."""
        return {"scaled": self._scaled.data, "units": self._units, "optimiser": self._optimiser.state_dict()}

    def found(self) -> dict[str, Any]:
        """Return which generation is next."""
        return {"generation": self._generation}

    def learn(self, progress: Progress | None, checkpoint_every: int, save: Save) -> None:
        """Train to the last step, in whole generations."""
        saved = self._done
        with self.logged(self._folder) as note:
            self.look()
            while self._done < self.training.steps:
                costs = self._next_generation()
                note(costs)
                self.look()
                if self._done - saved >= checkpoint_every:
                    save()
                    saved = self._done
                if progress is not None:
                    progress(min(1.0, self._done / self.training.steps), f"cost {costs.mean():.4g} a slot")

    def _next_generation(self) -> Floats:
        """Try a generation and step towards what was better; return the mean cost a slot of each agent."""
        rng = np.random.default_rng([self.training.seed, self._generation])
        drawn = rng.standard_normal((self._pairs, len(self._units)), dtype=np.float32)
        directions = torch.as_tensor(drawn, device=self._units.device)
        tried = (self._scaled.detach() + torch.cat([directions, -directions])) * self._units
        costs = np.zeros(2 * self._pairs)
        share = self._done / self.training.steps
        scenarios = self.training.phases.phases[self.training.phases.at(share)].scenarios
        seeds = self._seeds()
        steps = 0
        for scenario, part in zip(scenarios, np.array_split(seeds, len(scenarios)), strict=True):
            if len(part):
                costs += self._costs(scenario, tried, part).sum(axis=1)
                steps += len(costs) * len(part) * scenario.horizon
        ranks = rankdata(costs) / len(costs)  # agents that do the same have the same rank
        ahead = torch.as_tensor(ranks[: self._pairs] - ranks[self._pairs :], dtype=torch.float32)
        self._scaled.grad = ahead.to(self._units.device) @ directions / math.sqrt(self._pairs)
        rate = self._rate if isinstance(self._rate, float) else self._rate(1 - share)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.step()
        self._done += steps
        self._generation += 1
        return costs / len(seeds)

    def _seeds(self) -> npt.NDArray[np.uint64]:
        """Return the seeds of the episodes that every agent of this generation plays."""
        instance = INSTANCE + self.training.seed * GENERATIONS + self._generation
        return seed_bank(instance, self._episodes, "tuning")

    def _costs(self, scenario: Scenario, tried: torch.Tensor, seeds: npt.NDArray[np.uint64]) -> Floats:
        """Return the cost a slot of every agent in every episode, ``(n_agents, n_seeds)``."""
        if scenario.hash not in self._courses:
            population = Population(self._network)
            policy = TrainedPolicy(self.card(), scenario, nn.Sequential(population), self.training.device)
            self._courses[scenario.hash] = population, policy
        population, policy = self._courses[scenario.hash]
        population.weights = tried
        ledger = run_policy(scenario, policy, np.tile(seeds, len(tried)), self.training.n_threads)
        return Scorecard(scenario).cost_a_slot(ledger).reshape(len(tried), -1)

    def _seen(self) -> npt.NDArray[np.float32]:
        """Return what the untrained agent, which is the rule, sees of the lines, ``(n, n_entries)``, in its scales."""
        instance, episodes = PILOT
        seen = []
        for scenario in self.training.phases.scenarios:
            agent = TrainedPolicy(self.card(), scenario, self._network, self.training.device)
            recorder = _Recorder(agent)
            run_policy(scenario, recorder, seed_bank(instance, episodes, "tuning"), self.training.n_threads)
            seen += [frame * self.view.lens(Observer(Simulator(scenario))) for frame in recorder.seen[::PILOT_STRIDE]]
        return np.concatenate(seen)


class _Recorder:
    """A policy that keeps all that it is shown."""

    def __init__(self, policy: TrainedPolicy) -> None:
        self._policy = policy
        self.seen: list[npt.NDArray[np.float32]] = []

    def predict(
        self, observation: npt.NDArray[np.float32], state: Any = None, start: Any = None, deterministic: bool = True
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return what the policy does."""
        self.seen.append(observation)
        return self._policy.predict(observation, state, start, deterministic)


def _units_of(network: nn.Sequential, inputs: torch.Tensor, spread: float) -> torch.Tensor:
    """Return by how much each weight is tried: together those of a layer spread its outputs by ``spread``."""
    units = []
    with torch.inference_mode():
        for layer in network:
            if isinstance(layer, nn.Linear):
                norm = math.sqrt(float((inputs**2).sum(dim=1).mean()) + 1)  # 1: the bias
                units += [
                    torch.full((weights.numel(),), spread / norm, device=inputs.device)
                    for weights in layer.parameters()
                ]
            inputs = layer(inputs)
    return torch.cat(units)
