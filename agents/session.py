"""A training that is going on: what all of them have, whatever it is that learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.logger import configure
from torch import nn

from jitgym.agents.algorithms import algorithm_of, linear_layers
from jitgym.agents.callback import Curve
from jitgym.agents.card import Card, Departure, TrainedOn
from jitgym.agents.checkpoint import write_checkpoint
from jitgym.agents.judge import Judge
from jitgym.agents.policy import TrainedPolicy, build_network
from jitgym.agents.training import Training
from jitgym.agents.view import Layout, View
from jitgym.observation import Observer
from jitgym.scorecard import Floats
from jitgym.simulator import Simulator

PACKAGES: Final = ("jitgym", "torch", "stable-baselines3", "sb3-contrib", "safetensors", "gymnasium", "numpy")
Progress = Callable[[float, str], None]
Save = Callable[[], None]


class Session(ABC):
    """A training that is going on, and what it has found out on the way.

    Args:
        training: what and how.

    Attributes:
        structure: what the agent chooses from.
        view: how it sees the line.
        curve: of training.
        judge: looks at the agent.
        cloned: share of picks that it learned from a rule before training; None if it did not.
        masked: whether choices that are not worth trying now are kept from it.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        self.algorithm = algorithm_of(training.algorithm)
        self.structure = training.structure()
        self.view = View.of(Observer(Simulator(training.scenario)), training.settings["frame_stack"])
        self.curve = Curve(training.steps)
        self.judge = Judge(training.scenario, training.steps, int(training.settings["looks"]))
        self.cloned: float | None = None
        self.masked = False

    # -- what learns --

    @property
    @abstractmethod
    def steps(self) -> int:
        """Steps of a line that it has learned from."""

    @abstractmethod
    def learn(self, progress: Progress | None, checkpoint_every: int, save: Save) -> None:
        """Train to the last step."""

    @abstractmethod
    def network(self) -> nn.Sequential:
        """Return a copy of the network that acts, as it is now."""

    @abstractmethod
    def learned(self) -> dict[str, Any]:
        """Return all tensors that a checkpoint must hold to go on."""

    @abstractmethod
    def found(self) -> dict[str, Any]:
        """Return all plain numbers that a checkpoint must hold to go on, beside those of every session."""

    # -- what all of them do --

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        facts = {
            "view": self.view.state(),
            "curve": self.curve.points,
            "seconds": self.curve.seconds,
            "cloned": self.cloned,
            **self.found(),
        }
        write_checkpoint(path, self.training.identity(), self.steps, self.learned(), facts, self.judge.state())

    def remember(self, state: dict[str, Any]) -> None:
        """Take over what a checkpoint holds of every session."""
        facts = state["facts"]
        self.view = View.from_state(facts["view"])
        self.curve.restore(facts["curve"], facts["seconds"])
        self.cloned = facts["cloned"]
        self.judge.restore(state["looks"])

    def look(self) -> None:
        """Judge the agent, if it is time."""
        self.judge.look(self.steps, self.current)

    def current(self) -> TrainedPolicy:
        """Return the agent as it is now."""
        return TrainedPolicy(self.card(), self.training.scenario, self.network(), self.training.device)

    def policy(self) -> TrainedPolicy:
        """Return the agent that is kept."""
        agent = self.current()
        if self.judge.kept is not None:
            agent.network.load_state_dict(self.judge.kept.weights)
        return agent

    def rule_network(self) -> nn.Sequential:
        """Return an untrained network that acts as the rule: it makes no move, or holds the rule's setting best."""
        shape = self.training.settings["policy_kwargs"]
        hidden, activation = tuple(shape["net_arch"]), shape["activation_fn"]
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(self.training.seed)
            network = build_network(self.view.inputs, hidden, self.structure.outputs, activation)
            last = linear_layers(network)[-1]
            last.weight.zero_()
            last.bias.zero_()
            if self.structure.home_action >= 0:
                last.bias[self.structure.home_action] = 1.0
        return network.to(self.training.device)

    @contextmanager
    def logged(self, folder: Path) -> Iterator[Callable[[Floats], None]]:
        """Draw the curve and TensorBoard's while it learns; yields what notes the costs a slot of a generation."""
        logger = configure(str(folder / "tensorboard" / self.training.algorithm), ["tensorboard"])

        def note(costs: Floats) -> None:
            self.curve.add(costs.tolist(), self.steps)
            logger.record("rollout/cost_a_slot", float(costs.mean()))
            logger.dump(self.steps)

        self.curve.begin()
        try:
            yield note
        finally:
            self.curve.end()
            logger.close()

    @property
    def clones(self) -> bool:
        """Whether the agent learns a rule's picks before it learns anything else."""
        return self.training.start is not None and self.structure.kind == "picks"

    def card(self) -> Card:
        """Describe the agent."""
        training, structure, view = self.training, self.structure, self.view
        layout, names = Layout.of(training.scenario), [knob.name for knob in structure.knobs]
        shape, shares, base = training.settings["policy_kwargs"], training.phases.shares, training.base
        return Card(
            scenario=training.scenario.name,
            scenario_hash=training.scenario.hash,
            trained_on=tuple(
                TrainedOn(name=one.name, hash=one.hash, share=shares[one.hash]) for one in training.phases.scenarios
            ),
            layout_hash=layout.hash,
            knobs=layout.knobs,
            observations=layout.observations,
            scales=_numbers(view.scales),
            shift=_numbers(view.shift),
            spread=_numbers(view.spread),
            frames=view.frames,
            menus=dict(zip(names, structure.menus, strict=True)),
            home=None if structure.home is None else dict(zip(names, structure.home, strict=True)),
            radii=None if structure.radii is None else dict(zip(names, structure.radii, strict=True)),
            rule=None if base is None else Departure(name=base.name, numbers=base.numbers),
            joint=structure.joint,
            masked=self.masked,
            hidden=tuple(shape["net_arch"]),
            activation=shape["activation_fn"],
            output=self.algorithm.output(structure.kind),
            facts=self._facts(),
        )

    def _facts(self) -> dict[str, Any]:
        """Return what a reader of the card wants to know."""
        training = self.training
        started = training.origin or getattr(training.start, "name", None)
        kept = self.judge.kept
        how = "nothing" if training.start is None else "clone of a rule" if self.clones else "moves around a rule"
        return {
            "algorithm": self.algorithm.title,
            "steps": self.steps,
            "seed": training.seed,
            "device": training.device,
            "started_from": how if started is None else f"{how}: {started}",
            "clone_agreement": self.cloned,
            "seconds": round(self.curve.seconds, 1),
            "frames_per_second": round(self.steps / self.curve.seconds) if self.curve.seconds else None,
            "curve": {"columns": ["steps", "mean cost a slot"], "rows": self.curve.points},
            "looks": {
                "columns": ["steps", "mean cost a slot"],
                "rows": [[one.steps, float(one.costs.mean())] for one in self.judge.looks],
            },
            "kept_after": None if kept is None else kept.steps,
            "settings": training.settings,
            "versions": {name: metadata.version(name) for name in PACKAGES},
        }


def _numbers(array: npt.NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(float(value) for value in array)
