"""Training: PPO that starts as a tuned rule, or from nothing; with checkpoints, TensorBoard and resumption."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from jitgym.agents.policy import ACTIVATIONS, Card, TrainedPolicy, build_network, require_device, write_whole
from jitgym.agents.sb3 import PullLineVecEnv
from jitgym.agents.structure import Structure
from jitgym.errors import InputError
from jitgym.files import read_yaml, scenario_folder
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator

CHECKPOINT: Final = "checkpoint.pt"
PPO_KEYS: Final = (
    *("n_steps", "batch_size", "n_epochs", "learning_rate", "gamma", "gae_lambda"),
    *("clip_range", "ent_coef", "vf_coef", "max_grad_norm"),
)
"""Settings that are handed on to Stable-Baselines3 as they are; the learning rate falls to 0."""
OWN_KEYS: Final = ("n_envs", "net_arch", "activation", "radius", "reach", "start_spread")


@dataclass(frozen=True)
class Training:
    """What is to be trained, and how.

    Attributes:
        scenario: the line.
        steps: steps of a line to learn from.
        start: knob values of the rule to start as, ``(n_knobs,)``; None: the whole range of every knob, from nothing.
        seed: of the network and of the luck.
        device: ``cpu`` or ``cuda``.
        n_threads: threads that share the lines.
        settings: hyper-parameters, by default those of ``configs/agents/ppo.yaml``.
    """

    scenario: Scenario
    steps: int
    start: npt.NDArray[np.int32] | None = None
    seed: int = 0
    device: str = "cpu"
    n_threads: int = 1
    settings: dict[str, Any] = field(default_factory=lambda: read_settings("ppo"))

    def structure(self) -> Structure:
        """Return what the agent may choose from."""
        knobs = Simulator(self.scenario).knobs
        if self.start is None:
            return Structure.whole(knobs)
        return Structure.around(knobs, self.start, self.settings["radius"], self.settings["reach"])

    def identity(self) -> dict[str, Any]:
        """Return what must agree for a checkpoint to be of this training."""
        start = None if self.start is None else [int(value) for value in self.start]
        told = {"scenario": self.scenario.hash, "start": start, "steps": self.steps, "seed": self.seed}
        return {**told, "settings": self.settings}


def read_settings(name: str) -> dict[str, Any]:
    """Return hyper-parameters from ``configs/agents``.

    Raises:
        InputError: a key is missing or unknown.
    """
    path = scenario_folder() / "agents" / f"{name}.yaml"
    settings: dict[str, Any] = read_yaml(path.read_text(encoding="utf-8"))
    unlike = set(settings) ^ {*PPO_KEYS, *OWN_KEYS}
    if unlike:
        raise InputError(f"{path}: must give {', '.join([*PPO_KEYS, *OWN_KEYS])}; missing or unknown: {sorted(unlike)}")
    return settings


def train(
    training: Training,
    folder: Path,
    progress: Callable[[float, str], None] | None = None,
    checkpoint_every: int = 200_000,
) -> TrainedPolicy:
    """Train an agent, or go on where a training in the same folder was interrupted.

    Args:
        training: what and how.
        folder: for checkpoints and TensorBoard's files; a checkpoint in it is gone on from.
        progress: called after every rollout with the share that is done and a word on how it goes.
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
    checkpoint = _read_checkpoint(path, training) if path.exists() else None
    structure = training.structure()
    env = PullLineVecEnv(
        training.scenario,
        training.settings["n_envs"],
        structure=structure,
        n_threads=training.n_threads,
        stagger=True,
        reference=training.start,
    )
    model = _build(training, structure, env, folder)
    if checkpoint is None:
        env.reward_shift, env.reward_unit = _scale_of_rewards(model, env)
    else:
        model.policy.load_state_dict(checkpoint["policy"])
        model.policy.optimizer.load_state_dict(checkpoint["optimizer"])
        model.num_timesteps = checkpoint["done"]
        env.reward_shift, env.reward_unit = checkpoint["reward_scale"]
    env.seed(training.seed + 1_000_003 * (1 + model.num_timesteps))
    save = partial(_write_checkpoint, model, env, training, path)
    left = training.steps - model.num_timesteps
    if left > 0:
        callback = _Callback(training.steps, save, checkpoint_every, progress)
        try:
            model.learn(left, callback, log_interval=1, tb_log_name="ppo", reset_num_timesteps=False)
        except KeyboardInterrupt:
            save()
            raise
        save()
    return _policy_of(model, training, structure)


def _build(training: Training, structure: Structure, env: PullLineVecEnv, folder: Path) -> PPO:
    """Return PPO whose untrained policy is the rule of the structure, if there is one."""
    settings = training.settings
    options = {key: settings[key] for key in PPO_KEYS}
    rate = options.pop("learning_rate")
    model = PPO(
        "MlpPolicy",
        env,
        learning_rate=lambda left: rate * left,
        policy_kwargs={"net_arch": settings["net_arch"], "activation_fn": ACTIVATIONS[settings["activation"]]},
        tensorboard_log=str(folder / "tensorboard"),
        seed=training.seed,
        device=training.device,
        **options,
    )
    if structure.home is not None:
        with torch.no_grad():
            model.policy.log_std.fill_(float(np.log(settings["start_spread"])))
    return model


def _scale_of_rewards(model: PPO, env: PullLineVecEnv) -> tuple[float, float]:
    """Return mean reward and standard deviation of the discounted return in an episode of the untrained policy."""
    env.seed(model.seed)
    observations: Any = env.reset()
    rewards = []
    for _ in range(env.batch.horizon):
        actions, _ = model.predict(observations, deterministic=False)
        observations, reward, _, _ = env.step(actions)
        rewards.append(reward)
    shift = float(np.mean(rewards))
    returns, ahead = [], np.zeros(env.num_envs)
    for reward in reversed(rewards):
        ahead = reward - shift + model.gamma * ahead
        returns.append(ahead)
    return shift, float(np.std(returns)) or 1.0


class _Callback(BaseCallback):
    """Reports after every rollout, and writes checkpoints between rollouts."""

    def __init__(
        self, steps: int, save: Callable[[], None], every: int, progress: Callable[[float, str], None] | None
    ) -> None:
        super().__init__()
        self._steps = steps
        self._save = save
        self._every = every
        self._progress = progress
        self._saved = -1

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        # the policy is whole here: the update on the rollout before is over
        if self._saved < 0:
            self._saved = self.num_timesteps
        elif self.num_timesteps - self._saved >= self._every:
            self._save()
            self._saved = self.num_timesteps

    def _on_rollout_end(self) -> None:
        if self._progress is not None:
            episodes = self.model.ep_info_buffer or ()
            word = f"return {np.mean([e['r'] for e in episodes]):.4g} an episode" if episodes else ""
            self._progress(min(1.0, self.num_timesteps / self._steps), word)


def _write_checkpoint(model: PPO, env: PullLineVecEnv, training: Training, path: Path) -> None:
    """Write all that training needs to go on."""
    buffer = io.BytesIO()
    state = {
        "identity": json.dumps(training.identity(), sort_keys=True),
        "done": int(model.num_timesteps),
        "reward_scale": (env.reward_shift, env.reward_unit),
        "policy": model.policy.state_dict(),
        "optimizer": model.policy.optimizer.state_dict(),
    }
    torch.save(state, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, buffer.getvalue())


def _read_checkpoint(path: Path, training: Training) -> dict[str, Any]:
    """Read a checkpoint without executing anything in it, and require that it is of this training."""
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=training.device)
        identity = json.loads(state["identity"])
    except Exception as error:  # a damaged file can fail in many ways
        raise InputError(
            f"{path}: must be a whole checkpoint, got {type(error).__name__}; delete it to begin again"
        ) from error
    wanted = json.loads(json.dumps(training.identity()))
    unlike = [key for key in wanted if identity.get(key) != wanted[key]]
    if unlike:
        raise InputError(
            f"{path}: must be of the same training, but {unlike[0]} was {identity.get(unlike[0])!r} and is "
            f"{wanted[unlike[0]]!r}; delete it to begin again"
        )
    return state


def _policy_of(model: PPO, training: Training, structure: Structure) -> TrainedPolicy:
    """Take the policy network out of Stable-Baselines3."""
    packages = ("jitgym", "torch", "stable-baselines3", "gymnasium", "numpy")
    facts = {
        "algorithm": "PPO",
        "steps": int(model.num_timesteps),
        "seed": training.seed,
        "settings": training.settings,
        "versions": {name: metadata.version(name) for name in packages},
    }
    card = Card.of(training.scenario, structure, training.settings, facts)
    network = build_network(card, structure.outputs)
    weights = {**model.policy.mlp_extractor.policy_net.state_dict()}
    last = len(network) - 1
    weights.update({f"{last}.{name}": value for name, value in model.policy.action_net.state_dict().items()})
    network.load_state_dict(weights)
    return TrainedPolicy(card, structure, network, training.device)
