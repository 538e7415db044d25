"""Training: an agent that starts as a rule, or from nothing; with checkpoints, TensorBoard and resumption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from jitgym.agents.algorithms import Algorithm, algorithm_of, build_model
from jitgym.agents.callback import Curve, Watch
from jitgym.agents.card import Card, Departure, TrainedOn
from jitgym.agents.checkpoint import CHECKPOINT, read_checkpoint, restore, write_checkpoint
from jitgym.agents.clone import clone, visited
from jitgym.agents.judge import Judge
from jitgym.agents.policy import TrainedPolicy, require_device
from jitgym.agents.sb3 import PullLineVecEnv
from jitgym.agents.schedule import Schedule, read_schedule
from jitgym.agents.settings import read_settings, require_settings
from jitgym.agents.start import NamedRule, Start, constant_knobs, named_rule, spelled_start, usual_knobs
from jitgym.agents.structure import Structure
from jitgym.agents.view import Layout, View
from jitgym.errors import InputError
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator

__all__ = ["CHECKPOINT", "Training", "read_settings", "train"]

PACKAGES: Final = ("jitgym", "torch", "stable-baselines3", "sb3-contrib", "safetensors", "gymnasium", "numpy")
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Training:
    """What is to be trained, and how.

    Attributes:
        scenario: the line that the agent is for.
        steps: steps of a line to learn from.
        start: the rule to start as: knob values ``(n_knobs,)``, or whatever has ``predict``; None: from nothing. Agents
            that move knobs start from knob values or a tuned rule, those that choose among settings from knob values or
            a constant rule; agents that pick from whole menus clone the rule, whatever it is.
        seed: of the network and of the luck.
        device: ``cpu`` or ``cuda``.
        n_threads: threads that share the lines.
        settings: hyper-parameters; by default those of ``configs/agents`` for algorithm and scenario.
        algorithm: ``ppo``, ``maskable_ppo``, ``sac`` or ``dqn``.
        schedule: the scenarios to train on; by default the settings' own, or else the one above.
        origin: what the results say of where it started, e.g. the rule's name.

    Raises:
        InputError: an unknown algorithm, settings that it cannot work with, or a rule that it cannot start as.
    """

    scenario: Scenario
    steps: int
    start: Start | None = None
    seed: int = 0
    device: str = "cpu"
    n_threads: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "ppo"
    schedule: Schedule | None = None
    origin: str | None = None

    def __post_init__(self) -> None:
        kind = algorithm_of(self.algorithm)
        if self.settings:
            require_settings(self.settings, kind.settings)
        else:
            object.__setattr__(self, "settings", read_settings(self.algorithm, self.scenario.name))
        if self.schedule is None:
            given = self.settings.get("schedule")
            schedule = Schedule.of(self.scenario) if given is None else read_schedule(given)
            object.__setattr__(self, "schedule", schedule)
        Schedule.of(self.scenario, *self.phases.scenarios)  # raises unless all have one layout

    @property
    def phases(self) -> Schedule:
        """The schedule, which is there once the training is described."""
        assert self.schedule is not None
        return self.schedule

    @property
    def base(self) -> NamedRule | None:
        """The rule that looks at the line and that moves depart from; None: they depart from knob values, if at all."""
        wanted = self.settings.get("actions", algorithm_of(self.algorithm).kinds[0])
        return named_rule(self.start) if wanted == "moves" and constant_knobs(self.start) is None else None

    def structure(self) -> Structure:
        """Return what the agent may choose from.

        Raises:
            InputError: the algorithm cannot start as this rule.
        """
        knobs, kinds = Simulator(self.scenario).knobs, algorithm_of(self.algorithm).kinds
        wanted = self.settings.get("actions", kinds[0])
        home, base = constant_knobs(self.start), self.base
        if home is not None and wanted != "picks":
            around = Structure.around(knobs, home, int(self.settings["radius"]), self.settings["reach"])
            return around if wanted == "moves" else around.jointly(int(self.settings["joint_limit"]))
        if base is not None:
            usual = usual_knobs(self.scenario, base, self.seed)
            return Structure.around(knobs, usual, int(self.settings["radius"]), self.settings["reach"], wide=True)
        if "picks" in kinds:
            return Structure.whole(knobs)
        if self.start is not None:
            needs = "constant knob values" if wanted == "joint" else "knob values or a tuned rule"
            raise InputError(f"{self.algorithm} must start from {needs}: it moves knobs around them")
        if wanted == "moves":
            return Structure.spanning(knobs)
        return Structure.whole(knobs).jointly(int(self.settings["joint_limit"]))

    def identity(self) -> dict[str, Any]:
        """Return what must agree for a checkpoint to be of this training."""
        start = spelled_start(self.start)
        told = {"algorithm": self.algorithm, "scenario": self.scenario.hash, "start": start, "steps": self.steps}
        return {**told, "seed": self.seed, "settings": self.settings, "schedule": self.phases.identity()}


def train(
    training: Training,
    folder: Path,
    progress: Progress | None = None,
    checkpoint_every: int = 200_000,
) -> TrainedPolicy:
    """Train an agent, or go on where a training in the same folder was interrupted.

    Args:
        training: what and how.
        folder: for checkpoints and TensorBoard's files; a checkpoint in it is gone on from.
        progress: called now and then with the share that is done and a word on how it goes.
        checkpoint_every: steps between checkpoints; there is one more when training is interrupted.

    Returns:
        The agent after the last step.

    Raises:
        InputError: a checkpoint that is damaged or of another training, or a device that is not there.
        KeyboardInterrupt: after a checkpoint has been written.
    """
    require_device(training.device)
    if training.device == "cpu":
        torch.set_num_threads(1)  # small networks: more threads cost more than they do
    path = folder / CHECKPOINT
    state = read_checkpoint(path, training.identity(), training.device) if path.exists() else None
    session = _Session.begun(training, folder, state)
    if training.steps > session.model.num_timesteps:
        try:
            session.learn(progress, checkpoint_every, partial(session.save, path))
        except KeyboardInterrupt:
            session.save(path)
            raise
        session.save(path)
    return session.policy()


@dataclass
class _Session:
    """A training that is going on: its lines, its model, and what it has found out on the way."""

    training: Training
    algorithm: Algorithm
    structure: Structure
    env: PullLineVecEnv
    model: Any
    curve: Curve
    judge: Judge
    cloned: float | None = None

    @classmethod
    def begun(cls, training: Training, folder: Path, state: dict[str, Any] | None) -> _Session:
        """Set up lines and model, fresh or as a checkpoint left them."""
        structure, algorithm = training.structure(), algorithm_of(training.algorithm)
        view = View.of(Observer(Simulator(training.scenario)), training.settings["frame_stack"])
        done = 0 if state is None else state["done"]
        env = PullLineVecEnv(
            training.phases.phases[training.phases.at(done / max(1, training.steps))].scenarios,
            int(training.settings["n_envs"]),
            structure=structure,
            n_threads=training.n_threads,
            stagger=True,
            reference=training.start,
            view=view,
            masked=training.algorithm == "maskable_ppo",
            base=training.base,
        )
        model = build_model(
            algorithm, env, structure, training.settings, training.seed, training.device, folder / "tensorboard"
        )
        judge = Judge(training.scenario, training.steps, int(training.settings["looks"]))
        session = cls(training, algorithm, structure, env, model, Curve(training.steps), judge)
        if state is None:
            session._look_around()
        else:
            restore(model, state)
            session._remember(state["facts"])
            judge.restore(state["looks"])
        env.seed(training.seed + 1_000_003 * (1 + model.num_timesteps))
        return session

    @property
    def _clones(self) -> bool:
        """Whether the agent learns a rule's picks before it learns anything else."""
        return self.training.start is not None and self.structure.kind == "picks"

    def _look_around(self) -> None:
        """Before training: learn the rule's picks, then measure how observations and returns spread."""
        training, env = self.training, self.env
        assert env.view is not None
        if self._clones:
            assert training.start is not None
            lessons = visited(training.phases.scenarios, training.start, self.structure, env.view, training.seed)
            if training.settings["normalize"]:
                env.view = env.view.standardised(lessons.frames[:, -1])
            spread = float(training.settings["clone_spread"])
            self.cloned = clone(self.model.policy, lessons, self.structure, env.view, spread, training.seed)
        elif training.settings["normalize"]:
            frames, _ = _tried(self.model, env)
            env.view = env.view.standardised(frames)
        _, rewards = _tried(self.model, env)
        env.reward_shift = float(np.mean(rewards))
        env.reward_unit = _spread_of_returns(rewards - env.reward_shift, self.model.gamma)

    def _remember(self, facts: dict[str, Any]) -> None:
        self.env.view = View.from_state(facts["view"])
        self.env.reward_shift, self.env.reward_unit = facts["reward_scale"]
        self.curve.restore(facts["curve"], facts["seconds"])
        self.cloned = facts["cloned"]

    def learn(self, progress: Progress | None, checkpoint_every: int, save: Callable[[], None]) -> None:
        """Train to the last step."""
        watch = Watch(self.training.phases, self.training.steps, self.training.seed, self.curve)
        watch.report_to(progress)
        watch.save_with(save, checkpoint_every)
        watch.look_with(lambda: self.judge.look(int(self.model.num_timesteps), self.current))
        self.model.learn(
            self.training.steps - self.model.num_timesteps,
            watch,
            log_interval=1 if self.algorithm.on_policy else self.env.num_envs,
            tb_log_name=self.training.algorithm,
            reset_num_timesteps=False,
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        assert self.env.view is not None
        facts = {
            "view": self.env.view.state(),
            "reward_scale": [self.env.reward_shift, self.env.reward_unit],
            "curve": self.curve.points,
            "seconds": self.curve.seconds,
            "cloned": self.cloned,
        }
        write_checkpoint(path, self.model, self.training.identity(), facts, self.judge.state())

    def current(self) -> TrainedPolicy:
        """Take the network that acts out of Stable-Baselines3, as it is now."""
        network = self.algorithm.network_of(self.model, self.structure, self.training.settings)
        return TrainedPolicy(self.card(), self.training.scenario, network, self.training.device)

    def policy(self) -> TrainedPolicy:
        """Return the agent that is kept."""
        agent = self.current()
        if self.judge.kept is not None:
            agent.network.load_state_dict(self.judge.kept.weights)
        return agent

    def card(self) -> Card:
        """Describe the agent."""
        training, structure, view = self.training, self.structure, self.env.view
        assert view is not None
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
            masked=self.env.masked,
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
        how = "nothing" if training.start is None else "clone of a rule" if self._clones else "moves around a rule"
        return {
            "algorithm": self.algorithm.title,
            "steps": int(self.model.num_timesteps),
            "seed": training.seed,
            "device": training.device,
            "started_from": how if started is None else f"{how}: {started}",
            "clone_agreement": self.cloned,
            "seconds": round(self.curve.seconds, 1),
            "frames_per_second": round(self.model.num_timesteps / self.curve.seconds) if self.curve.seconds else None,
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


def _tried(model: Any, env: PullLineVecEnv) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Let the untrained policy run for an episode; return what it saw, ``(n, n_entries)``, and rewards by step."""
    env.seed(model.seed)
    observations: Any = env.reset()
    assert env.view is not None
    frames, rewards = [], []
    for _ in range(min(env.batch.horizon, 500)):
        frames.append(observations.reshape(env.num_envs, env.view.frames, -1)[:, -1])
        masks = {"action_masks": env.action_masks()} if env.masked else {}
        actions, _ = model.predict(observations, deterministic=False, **masks)
        observations, reward, _, _ = env.step(actions)
        rewards.append(reward)
    return np.concatenate(frames), np.array(rewards, dtype=np.float64)


def _spread_of_returns(rewards: npt.NDArray[np.float64], gamma: float) -> float:
    """Return the standard deviation of the discounted returns of rewards by step and line, ``(n_steps, n_lines)``."""
    returns, ahead = [], np.zeros(rewards.shape[1])
    for reward in rewards[::-1]:
        ahead = reward + gamma * ahead
        returns.append(ahead)
    return float(np.std(returns)) or 1.0
