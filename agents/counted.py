"""Training on a counted decision process: visit, count, solve, and a network that knows the solution.

For lines that show few states. Lines are run under the agent; what follows is counted (``counting``), the process is
solved, and a network learns by how much each setting is dearer than the best. Where breakdowns are rare and dear this
needs far less simulation than comparing what happens afterwards: a breakdown that was met once counts for every way
that leads there.

Every other line explores, in two ways. A share of its settings is any that may be the best. And now and then it goes on
where another line stands, one whose state few share: what is rare is met often, and no count is wrong for it, since it
is of what follows on a state (splitting: Glasserman, Heidelberger, Shahabuddin & Zajic, Operations Research 47, 1999).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from jitgym.actions import ActionCodec
from jitgym.agents.counting import TABLE, Counted, Ints
from jitgym.agents.generations import GenerationSession
from jitgym.agents.regression import regress
from jitgym.agents.session import Progress
from jitgym.agents.training import Training
from jitgym.errors import InputError
from jitgym.fields import OBSERVATION
from jitgym.files import nearest
from jitgym.observation import Observer
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

Frames = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
INSTANCE: Final = 1 << 55
"""Instances of the tuning bank from here on are those of training, one for every batch of lines."""
LONGEST: Final = 250
"""Steps of an episode that a batch of lines runs for."""
PILOT_LINES: Final = 256
"""Lines on which the rule shows how observations spread."""
APART: Final = 10
"""Steps after which lines that explore go on elsewhere."""
SHOWN: Final = 400_000
"""Observations that the network learns from, at the most."""
DEAREST: Final = 1.0
"""Dearer settings than this, in mean costs of a step, are all alike to the network: it must not choose them."""


class CountedSession(GenerationSession):
    """A training on a counted process, fresh or as a checkpoint left it; an interrupted generation begins anew.

    Everything that is drawn depends on training seed, generation and batch alone.

    Args:
        training: what and how.
        folder: for TensorBoard's files.
        state: of a checkpoint; None: it begins.

    Raises:
        InputError: there are several lines to learn from, or ``blind`` names what is not seen.
    """

    def __init__(self, training: Training, folder: Path, state: dict[str, Any] | None) -> None:
        settings = training.settings
        if len(training.phases.scenarios) > 1:
            raise InputError(f"counted must learn from one line, got {len(training.phases.scenarios)}")
        if settings["frame_stack"] != 1:
            raise InputError(f"frame_stack must be 1 for counted, got {settings['frame_stack']}")
        self._scenario = training.phases.scenarios[0]
        self._lines, self._long = int(settings["n_envs"]), min(self._scenario.horizon, LONGEST)
        super().__init__(training, folder, self._lines * self._long)
        self._shown = _shown(Observer(Simulator(self._scenario)).names, settings["blind"])
        self._home = max(self.structure.home_action, 0)
        self._forget()
        self.begin(state)

    def learned(self) -> dict[str, Any]:
        """Return the weights of the last whole generation, and all that was counted."""
        table = {f"table_{name}": torch.as_tensor(array) for name, array in self._counted.table().items()}
        return {**super().learned(), **table}

    def take_over(self, learned: dict[str, torch.Tensor]) -> None:
        """Take over what :meth:`learned` gave."""
        table = {name: learned.pop(f"table_{name}").cpu().numpy() for name in TABLE}
        super().take_over(learned)
        self._forget(table)
        if self._generation:
            self._solve()

    def _forget(self, table: dict[str, npt.NDArray[Any]] | None = None) -> None:
        """Know no more than a table holds."""
        self._counted = Counted(self.structure.outputs, table)
        self._best: Ints = np.zeros(0, dtype=np.int64)
        self._doubtful: Flags = np.zeros((0, self.structure.outputs), dtype=np.bool_)

    def next_generation(self, progress: Progress | None) -> Floats:
        """Visit, count, solve, and teach the network the solution."""
        lessons = [self._visit(batch, progress) for batch in range(self._batches)]
        dearer = self._solve()
        inputs, states, costs = (np.concatenate(column) for column in zip(*lessons, strict=True))
        self._fit(inputs, dearer[states], float(costs.mean()))
        return np.asarray(costs / self._scenario.slots_per_step)

    def _visit(self, batch: int, progress: Progress | None) -> tuple[Frames, Ints, Floats]:
        """Run a batch of lines, and count.

        Returns:
            What the network is shown of some of them ``(n, n_inputs)``, the numbers of their states, and the mean cost
            of a step of the lines that do not explore, ``(1,)``.
        """
        scenario, n = self._scenario, self._lines
        rng = np.random.default_rng([self.training.seed, self._generation, batch])
        instance = self.instance(INSTANCE, batch, 1 + self._long // APART)
        simulator = Simulator(scenario, n, seed_bank(instance, n, "tuning"), n_threads=self.training.n_threads)
        codec, card, explores = ActionCodec(simulator.knobs), Scorecard(scenario), np.arange(n) % 2 == 1
        every = max(1, math.ceil(self._batches * n * self._long / SHOWN))
        seen, states = self._look(simulator)
        trail, inputs, kept = [], [], []
        for step in range(self._long):
            some = np.arange((step + batch) % every, n, every)
            inputs.append(self.view.inputs_of(self.view.stacked(seen[some], None, None)))
            kept.append(states[some])
            settings = self._settings(states, explores, rng)
            cost = card.cost(simulator.step(codec.decode(self.structure.choices(settings))))
            seen, following = self._look(simulator)
            trail.append((states, settings, cost, following))
            states = following
            if (step + 1) % APART == 0:
                lines = _spread(states, explores, rng)
                simulator = simulator.fork(lines, seed_bank(instance + (step + 1) // APART, n, "tuning"))
                seen, states = seen[lines], states[lines]
        self._counted.count(*(np.concatenate(column) for column in zip(*trail, strict=True)))
        steady = float(np.mean([cost[~explores].mean() for _, _, cost, _ in trail]))
        self.report(progress, batch, steady / scenario.slots_per_step)
        return np.concatenate(inputs), np.concatenate(kept), np.array([steady])

    def _look(self, simulator: Simulator) -> tuple[Frames, Ints]:
        """Return what lines show in the agent's scales, and the numbers of their states."""
        observer = Observer(simulator)
        seen = observer.observe() * self.view.lens(observer)
        return seen, self._counted.places(self._units(seen))

    def _units(self, seen: Frames) -> Ints:
        """Return what is seen, in whole units, without what the agent is blind for."""
        units: Ints = np.rint(seen[:, self._shown] / self.view.scales[self._shown]).astype(np.int64)
        return units

    def _settings(self, states: Ints, explores: Flags, rng: np.random.Generator) -> Ints:
        """Return the best settings known; for a share of the lines that explore, any that may be the best."""
        share = float(self.training.settings["exploration"])
        other = np.flatnonzero(explores & (rng.random(len(states)) < share))
        settings = self._chosen(states)
        settings[other] = self._tried(states[other], rng)
        return settings

    def _chosen(self, states: Ints) -> Ints:
        """Return the best settings known in states; the rule's where nothing is."""
        known = np.full(len(self._counted), self._home)
        known[: len(self._best)] = self._best
        chosen: Ints = known[states]
        return chosen

    def _tried(self, states: Ints, rng: np.random.Generator) -> Ints:
        """Return for each state any of the settings that may be the best there."""
        doubtful = np.ones((len(self._counted), self.structure.outputs), dtype=np.bool_)
        doubtful[: len(self._doubtful)] = self._doubtful
        among = doubtful[states]
        which = (rng.random(len(states)) * among.sum(axis=1)).astype(np.int64)
        tried: Ints = np.argmax(among.cumsum(axis=1) > which[:, None], axis=1)
        return tried

    def _solve(self) -> Floats:
        """Find the best setting of every state; return by how much each is dearer, ``(n_states, n_settings)``."""
        dearer, self._doubtful = self._counted.solve()
        known = ~np.isnan(dearer).all(axis=1)
        self._best = np.full(len(dearer), self._home)
        self._best[known] = np.nanargmin(dearer[known], axis=1)
        return dearer

    def _fit(self, inputs: Frames, dearer: Floats, mean: float) -> None:
        """Teach the network by how much every setting is dearer, ``(n, n_settings)``; NaN where that is not known."""
        dearest = DEAREST * abs(mean) or 1.0
        targets = -np.minimum(dearer, dearest) / dearest
        regress(self._network, inputs, targets, self.training.settings, self.seed_of_order(), self.training.device)

    def pilot(self) -> Frames:
        """Return what lines under the rule show, ``(n, n_entries)``, in the agent's scales."""
        simulator = Simulator(self._scenario, PILOT_LINES, seed_bank(INSTANCE - 1, PILOT_LINES, "tuning"))
        observer, codec = Observer(simulator), ActionCodec(simulator.knobs)
        settings = np.full(PILOT_LINES, self._home)
        frames = []
        for _ in range(self._long):
            frames.append(observer.observe() * self.view.lens(observer))
            simulator.step(codec.decode(self.structure.choices(settings)))
        return np.concatenate(frames)


def _spread(states: Ints, explores: Flags, rng: np.random.Generator) -> Ints:
    """Return where each line goes on: one that explores, on any line of any state that is met, all states alike."""
    lines = np.arange(len(states))
    alike = 1 / np.bincount(states)[states]
    lines[explores] = rng.choice(len(states), int(explores.sum()), p=alike / alike.sum())
    return lines


def _shown(names: tuple[str, ...], blind: list[str]) -> Ints:
    """Return the columns of an observation that tell states apart."""
    known = [field.name for field in OBSERVATION]
    for name in blind:
        if name not in known:
            raise InputError(f"blind must name fields of the observation, got {name!r}{nearest(name, known)}")
    fields = [name.partition("[")[0] for name in names]
    return np.array([column for column, field in enumerate(fields) if field not in blind], dtype=np.int64)
