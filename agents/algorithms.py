"""The algorithms: what each acts with; how Stable-Baselines3 builds its own, and where the network is that acts."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO, SAC
from torch import nn

from jitgym.agents.card import Output
from jitgym.agents.policy import ACTIVATIONS, build_network
from jitgym.agents.sb3 import PullLineVecEnv
from jitgym.agents.settings import RATES, WHOLE, scheduled
from jitgym.agents.structure import Kind, Structure
from jitgym.errors import InputError
from jitgym.files import nearest

ON_POLICY: Final = (
    *("n_steps", "batch_size", "n_epochs", "learning_rate", "gamma", "gae_lambda"),
    *("clip_range", "ent_coef", "vf_coef", "max_grad_norm"),
)
"""Settings of PPO that are handed on to Stable-Baselines3."""
OFF_POLICY: Final = (
    *("buffer_size", "learning_starts", "batch_size", "learning_rate", "gamma"),
    *("tau", "train_freq", "gradient_steps"),
)
"""Settings of SAC and DQN alike."""
SMALL: Final = 0.01
"""What the last layer of a fresh network is multiplied by, so that an agent begins as its rule."""


class SpreadDQN(DQN):
    """DQN in which every line tosses its own coin whether to explore; Stable-Baselines3 tosses one for all of them."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """Return the setting with the highest value, or with the exploration rate any."""
        actions, state = self.policy.predict(observation, state, episode_start, deterministic=True)
        if not deterministic:
            tossed = np.random.random_sample(np.shape(actions)) < self.exploration_rate  # noqa: NPY002 - SB3 seeds this
            other = np.random.randint(self.action_space.n, size=np.shape(actions))  # type: ignore[attr-defined]  # noqa: NPY002
            actions = np.where(tossed, other, actions)
        return actions, state


@dataclass(frozen=True)
class Algorithm:
    """One way to learn.

    Attributes:
        name: as in ``configs/agents``.
        title: as its authors call it, with the source.
        kinds: what its actions may be.
        own: settings that are ours.
        anew: whether its joint settings are those of one who decides anew in every step.
    """

    name: str
    title: str
    kinds: tuple[Kind, ...]
    own: tuple[str, ...]
    anew: bool = field(default=False, kw_only=True)

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that it has beside those of every algorithm."""
        return self.own

    def output(self, kind: Kind) -> Output:
        """Return what the network's outputs are for a kind of action."""
        return ("squashed" if self.name == "sac" else "mean") if kind == "moves" else kind


@dataclass(frozen=True)
class GradientAlgorithm(Algorithm):
    """One that Stable-Baselines3 runs.

    Attributes:
        model: its class.
        passed: settings that are handed on to the model as they are.
        layers: the linear layers of the network that acts, first to last.
        on_policy: whether it learns from what the present policy did only.
    """

    model: type[Any]
    passed: tuple[str, ...]
    layers: Callable[[Any], list[nn.Linear]]
    on_policy: bool = True

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that it has beside those of every algorithm."""
        return (*self.passed, *self.own)

    def network_of(self, model: Any, structure: Structure, settings: dict[str, Any]) -> nn.Sequential:
        """Return a copy of the network that acts when nothing is left to chance."""
        shape = settings["policy_kwargs"]
        inputs = int(model.observation_space.shape[0])
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn: the model's luck stays as it is
            network = build_network(inputs, tuple(shape["net_arch"]), structure.outputs, shape["activation_fn"])
        own = linear_layers(network)
        with torch.no_grad():
            for mine, theirs in zip(own, self.layers(model), strict=True):
                mine.weight.copy_(theirs.weight)
                mine.bias.copy_(theirs.bias)
        return network


def linear_layers(*modules: nn.Module) -> list[nn.Linear]:
    """Return all linear layers of some modules, in order."""
    return [layer for module in modules for layer in module.modules() if isinstance(layer, nn.Linear)]


def _actor_critic(model: Any) -> list[nn.Linear]:
    return linear_layers(model.policy.mlp_extractor.policy_net, model.policy.action_net)


def _soft_actor(model: Any) -> list[nn.Linear]:
    return linear_layers(model.actor.latent_pi, model.actor.mu)


def _q_values(model: Any) -> list[nn.Linear]:
    return linear_layers(model.q_net.q_net)


AROUND: Final = ("radius", "reach")
ALGORITHMS: Final[dict[str, Algorithm]] = {
    one.name: one
    for one in (
        GradientAlgorithm(
            "ppo",
            "PPO (Schulman et al. 2017)",
            ("moves", "picks"),
            (*AROUND, "start_spread", "actions", "clone_spread"),
            PPO,
            ON_POLICY,
            _actor_critic,
        ),
        GradientAlgorithm(
            "maskable_ppo",
            "PPO with masked picks (Huang and Ontanon 2022)",
            ("picks",),
            ("clone_spread",),
            MaskablePPO,
            ON_POLICY,
            _actor_critic,
        ),
        GradientAlgorithm(
            "sac",
            "SAC (Haarnoja et al. 2018)",
            ("moves",),
            (*AROUND, "start_spread"),
            SAC,
            (*OFF_POLICY, "ent_coef"),
            _soft_actor,
            on_policy=False,
        ),
        GradientAlgorithm(
            "dqn",
            "DQN (Mnih et al. 2015)",
            ("joint",),
            (*AROUND, "joint_limit"),
            SpreadDQN,
            (
                *OFF_POLICY,
                *("target_update_interval", "exploration_fraction", "exploration_initial_eps"),
                *("exploration_final_eps", "max_grad_norm"),
            ),
            _q_values,
            on_policy=False,
        ),
        Algorithm(
            "es",
            "evolution strategies on a linear policy (Salimans et al. 2017; Mania, Guy and Recht 2018)",
            ("moves",),
            (*AROUND, "start_spread", "n_pairs", "learning_rate"),
        ),
        Algorithm(
            "dcl",
            "approximate policy iteration by simulation, after deep controlled learning (Temizöz et al. 2025)",
            ("joint",),
            (
                *(*AROUND, "joint_limit", "n_generations", "n_rollouts", "ahead", "exploration"),
                *("n_epochs", "batch_size", "learning_rate"),
            ),
            anew=True,
        ),
        Algorithm(
            "counted",
            "a decision process counted from simulation and solved (certainty equivalence, with pessimism)",
            ("joint",),
            (
                *(*AROUND, "joint_limit", "n_generations", "exploration", "blind"),
                *("n_epochs", "batch_size", "learning_rate"),
            ),
            anew=True,
        ),
    )
}


def algorithm_of(name: str) -> Algorithm:
    """Return an algorithm by name.

    Raises:
        InputError: there is none of this name.
    """
    if name not in ALGORITHMS:
        raise InputError(f"algorithm must be of {', '.join(ALGORITHMS)}, got {name!r}{nearest(name, ALGORITHMS)}")
    return ALGORITHMS[name]


def build_model(
    algorithm: GradientAlgorithm,
    env: PullLineVecEnv,
    structure: Structure,
    settings: dict[str, Any],
    seed: int,
    device: str,
    log: Path,
) -> Any:
    """Return the untrained model, which acts as the structure's home if it has one.

    Args:
        algorithm: which.
        env: the lines to learn from.
        structure: what actions are.
        settings: hyper-parameters.
        seed: of the network and of what is explored.
        device: ``cpu`` or ``cuda``.
        log: folder for TensorBoard's files.
    """
    options = {key: int(settings[key]) if key in WHOLE else settings[key] for key in algorithm.passed}
    options |= {key: scheduled(options[key]) for key in RATES if key in options}
    shape = settings["policy_kwargs"]
    with warnings.catch_warnings():
        # Stable-Baselines3 advises against small networks on a GPU; whoever asks for one has decided
        warnings.filterwarnings("ignore", message="You are trying to run", category=UserWarning)
        model = algorithm.model(
            "MlpPolicy",
            env,
            policy_kwargs={"net_arch": list(shape["net_arch"]), "activation_fn": ACTIVATIONS[shape["activation_fn"]]},
            tensorboard_log=str(log),
            seed=seed,
            device=device,
            **options,
        )
    if structure.home is not None:
        _begin_at_home(model, algorithm, structure, settings)
    return model


def _begin_at_home(model: Any, algorithm: GradientAlgorithm, structure: Structure, settings: dict[str, Any]) -> None:
    """Make the untrained policy the rule, with a stated spread around it."""
    with torch.no_grad():
        if algorithm.name == "dqn":
            _shrink(model.q_net.q_net[-1])
            # worth more than what the others may differ by
            model.q_net.q_net[-1].bias[structure.home_action] = 10 * SMALL
            model.q_net_target.load_state_dict(model.q_net.state_dict())
        elif algorithm.name == "sac":
            _shrink(model.actor.mu)
            _shrink(model.actor.log_std)
            model.actor.log_std.bias.fill_(math.log(settings["start_spread"]))
        elif structure.kind == "moves":
            model.policy.log_std.fill_(math.log(settings["start_spread"]))


def _shrink(layer: nn.Linear) -> None:
    layer.weight.mul_(SMALL)
    layer.bias.zero_()
