"""Hyper-parameters from ``configs/agents``, laid out as in RL Baselines3 Zoo.

The top keys of a file are names of scenarios and ``default``; a scenario's section overrides entries of the default.
Unlike in the Zoo nothing is evaluated: ``policy_kwargs`` is a mapping.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from jitgym.agents.card import MAX_LAYERS, MAX_WIDTH
from jitgym.errors import InputError
from jitgym.files import nearest, read_yaml, scenario_folder

COMMON: Final = ("n_timesteps", "n_envs", "frame_stack", "normalize", "policy_kwargs", "looks")
"""Keys of every algorithm: steps of a line to learn from, lines at once, observations in a row, whether observations
are standardised by their spread before training, the network's ``net_arch`` and ``activation_fn``, and how often the
agent is looked at."""
OPTIONAL: Final = ("schedule",)
"""Keys that may be missing: the scenarios to train on, with their shares."""
LINEAR: Final = "lin_"
"""What a number begins with that falls to 0 with the steps that are left."""
WHOLE: Final = {
    *("n_timesteps", "n_envs", "n_steps", "batch_size", "n_epochs", "buffer_size", "learning_starts", "train_freq"),
    *("gradient_steps", "target_update_interval", "radius", "joint_limit", "frame_stack"),
    *("looks", "n_pairs", "n_generations", "n_rollouts", "ahead"),
}
MAY_BE_NONE: Final = ("looks",)
NUMBERS: Final = {
    *("gamma", "gae_lambda", "vf_coef", "max_grad_norm", "tau", "reach", "start_spread", "clone_spread"),
    *("exploration_fraction", "exploration_initial_eps", "exploration_final_eps", "exploration"),
}
SPREADS: Final = ("start_spread", "clone_spread")
SHARES: Final = (
    "gamma",
    "gae_lambda",
    "tau",
    "exploration",
    "exploration_fraction",
    "exploration_initial_eps",
    "exploration_final_eps",
)
RATES: Final = ("learning_rate", "clip_range")
WORDS: Final = {"actions": ("moves", "picks"), "activation_fn": ("tanh", "relu")}


def read_settings(algorithm: str, scenario: str = "default", path: Path | None = None) -> dict[str, Any]:
    """Return the hyper-parameters of an algorithm for a scenario.

    Args:
        algorithm: its name, as in ``configs/agents``.
        scenario: whose section overrides the default, if there is one.
        path: another file of the same layout.

    Raises:
        InputError: a file that cannot be read, a key that is missing or unknown, or a value out of range.
    """
    from jitgym.agents.algorithms import algorithm_of

    keys = algorithm_of(algorithm).settings
    path = path or scenario_folder() / "agents" / f"{algorithm}.yaml"
    try:
        sections = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: must be a readable YAML file: {error}") from error
    if not isinstance(sections, dict) or not isinstance(sections.get("default"), dict):
        raise InputError(f"{path}: must have a section 'default'")
    own = sections.get(scenario) or {}
    if not isinstance(own, dict):
        raise InputError(f"{path}: {scenario} must be a mapping of keys, got {own!r:.80}")
    settings = {**sections["default"], **own}
    require_settings(settings, keys, str(path))
    return settings


def require_settings(settings: Mapping[str, Any], keys: tuple[str, ...], where: str = "settings") -> None:
    """Refuse hyper-parameters that an algorithm cannot work with.

    Raises:
        InputError: a key is missing or unknown, or a value is out of range.
    """
    wanted = (*COMMON, *keys)
    for key in settings:
        if key not in (*wanted, *OPTIONAL):
            raise InputError(f"{where}: {key} must be a known key{nearest(str(key), (*wanted, *OPTIONAL))}")
    for key in wanted:
        if key not in settings:
            raise InputError(f"{where}: {key} must be given")
    for key, value in settings.items():
        if key in WORDS and value not in WORDS[key]:
            raise InputError(f"{where}: {key} must be {' or '.join(WORDS[key])}, got {value!r}")
        least = 0 if key in MAY_BE_NONE else 1
        if key in WHOLE and (isinstance(value, bool) or not _is_whole(value) or value < least):
            raise InputError(f"{where}: {key} must be an integer >= {least}, got {value!r}")
        if key in NUMBERS and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf
        ):
            raise InputError(f"{where}: {key} must be a number >= 0, got {value!r}")
        if key in SHARES and value > 1:
            raise InputError(f"{where}: {key} must be <= 1, got {value!r}")
        if key in SPREADS and value == 0:
            raise InputError(f"{where}: {key} must be > 0, got {value!r}")
        if key in RATES:
            try:
                scheduled(value)
            except InputError as error:
                raise InputError(f"{where}: {key}: {error}") from None
    blind = settings.get("blind", [])
    if not isinstance(blind, list) or not all(isinstance(name, str) for name in blind):
        raise InputError(f"{where}: blind must be a list of names, got {blind!r:.80}")
    if "n_steps" in settings and int(settings["n_steps"]) * int(settings["n_envs"]) % int(settings["batch_size"]):
        whole = int(settings["n_steps"]) * int(settings["n_envs"])
        raise InputError(f"{where}: batch_size must divide n_steps x n_envs = {whole}, got {settings['batch_size']}")
    if "n_pairs" in settings and int(settings["n_envs"]) % (2 * int(settings["n_pairs"])):
        agents = 2 * int(settings["n_pairs"])
        raise InputError(f"{where}: n_envs must be a multiple of 2 x n_pairs = {agents}, got {settings['n_envs']}")
    _require_network(settings["policy_kwargs"], where)
    if not isinstance(settings["normalize"], bool):
        raise InputError(f"{where}: normalize must be true or false, got {settings['normalize']!r}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and value == int(value)


def _require_network(given: Any, where: str) -> None:
    if not isinstance(given, dict) or set(given) != {"net_arch", "activation_fn"}:
        raise InputError(f"{where}: policy_kwargs must give net_arch and activation_fn, got {given!r:.80}")
    widths = given["net_arch"]
    if not isinstance(widths, list) or len(widths) > MAX_LAYERS or not all(_is_width(width) for width in widths):
        raise InputError(
            f"{where}: policy_kwargs.net_arch must list up to {MAX_LAYERS} widths in 1..{MAX_WIDTH}, got {widths!r:.80}"
        )
    if given["activation_fn"] not in WORDS["activation_fn"]:
        raise InputError(f"{where}: policy_kwargs.activation_fn must be tanh or relu, got {given['activation_fn']!r}")


def _is_width(width: Any) -> bool:
    return isinstance(width, int) and not isinstance(width, bool) and 1 <= width <= MAX_WIDTH


def scheduled(value: Any) -> float | Callable[[float], float]:
    """Return a number, or for ``lin_X`` the function of the share of steps that is left.

    Raises:
        InputError: it is neither.
    """
    try:
        linear = isinstance(value, str) and value.startswith(LINEAR)
        top = float(value.removeprefix(LINEAR) if linear else value)
    except (TypeError, ValueError):
        top = -1.0
    if not 0 <= top < math.inf:
        raise InputError(f"a rate must be a number >= 0, or {LINEAR} and such a number, got {value!r}")
    return (lambda left: top * left) if linear else top
