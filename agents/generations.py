"""Training in generations: each is learned from lines that run under the one before."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import torch
from torch import nn

from jitgym.agents.callback import Curve
from jitgym.agents.judge import Judge
from jitgym.agents.session import Progress, Save, Session
from jitgym.agents.training import Training
from jitgym.scorecard import Floats

BATCHES: Final = 1 << 20
"""Instances of each training seed and generation, more than there are batches."""


class GenerationSession(Session):
    """A training in generations, fresh or as a checkpoint left it; an interrupted generation begins anew.

    Everything that is drawn depends on training seed, generation and batch alone.

    Args:
        training: what and how.
        folder: for TensorBoard's files.
        batch_steps: steps of a line in a batch; a generation is of as many batches as it takes.
    """

    def __init__(self, training: Training, folder: Path, batch_steps: int) -> None:
        super().__init__(training)
        self._folder = folder
        self._generations = int(training.settings["n_generations"])
        self._batch_steps = batch_steps
        self._batches = math.ceil(training.steps / (self._generations * batch_steps))
        self._generation = 0
        self.curve = Curve(training.steps, self._batches)  # a point is of one generation
        looks = self._generations if training.settings["looks"] else 0
        self.judge = Judge(training.scenario, self._before(self._generations, 0), looks)
        self._network = self.rule_network()

    def begin(self, state: dict[str, Any] | None) -> None:
        """Set out, or take over what a checkpoint holds."""
        if state is not None:
            self.remember(state)
            self._generation = state["facts"]["generation"]
            self.take_over(state["learned"])
        elif self.training.settings["normalize"]:
            self.view = self.view.standardised(self.pilot())

    @abstractmethod
    def pilot(self) -> npt.NDArray[Any]:
        """Return what lines under the rule show, ``(n, n_entries)``, in the agent's scales."""

    @abstractmethod
    def next_generation(self, progress: Progress | None) -> Floats:
        """Learn one more generation from all its batches; return the mean cost a slot of each batch."""

    def take_over(self, learned: dict[str, torch.Tensor]) -> None:
        """Take over what :meth:`learned` gave."""
        self._network.load_state_dict(learned)

    def _before(self, generation: int, batch: int) -> int:
        """Return how many steps come before a batch of a generation."""
        return (generation * self._batches + batch) * self._batch_steps

    @property
    def _all_steps(self) -> int:
        return self._before(self._generations, 0)

    @property
    def steps(self) -> int:
        """Steps of a line that it has learned from, those of copies that only look ahead included."""
        return self._before(self._generation, 0)

    def network(self) -> nn.Sequential:
        """Return a copy of the network that acts."""
        return copy.deepcopy(self._network)

    def learned(self) -> dict[str, Any]:
        """Return the weights of the last whole generation."""
        return dict(self._network.state_dict())

    def found(self) -> dict[str, Any]:
        """Return which generation is next."""
        return {"generation": self._generation}

    def learn(self, progress: Progress | None, checkpoint_every: int, save: Save) -> None:
        """Train to the last generation; there is a checkpoint after each."""
        with self.logged(self._folder) as note:
            self.look()
            while self._generation < self._generations:
                before = copy.deepcopy(self.learned())
                try:
                    costs = self.next_generation(progress)
                except KeyboardInterrupt:
                    self.take_over(before)  # the generation begins anew
                    raise
                self._generation += 1
                note(costs)
                self.look()
                save()

    def report(self, progress: Progress | None, batch: int, cost: float) -> None:
        """Say how far it is when a batch is done, and its mean cost a slot."""
        if progress is not None:
            word = f"generation {self._generation + 1} of {self._generations}, cost {cost:.4g} a slot"
            progress(self._before(self._generation, batch + 1) / self._all_steps, word)

    def seed_of_order(self) -> int:
        """Return the seed of the order in which the network is taught in this generation."""
        return self.training.seed * self._generations + self._generation

    def instance(self, first: int, batch: int, each: int = 1) -> int:
        """Return the instance of the bank of seeds that a batch takes the first of ``each`` from."""
        return first + each * (self.seed_of_order() * BATCHES + batch)
