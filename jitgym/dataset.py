"""Recorded episodes as Minari datasets: any policy on any line, for learning offline.

Minari keeps its datasets in the folder that ``MINARI_DATASETS_PATH`` names (``~/.minari/datasets`` without it);
nothing here reaches for a network. The extra ``offline`` brings what is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from jitgym import __version__
from jitgym.errors import InputError
from jitgym.evaluate import Policy, Watcher
from jitgym.results import results_folder, versions
from jitgym.scenario import Scenario, load_scenario
from jitgym.vector_env import PullLineVectorEnv

ENVIRONMENT: Final = "jitgym/PullLine-v0"
BATCH: Final = 128
"""Episodes that are run together and held in memory."""

Acts = Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]]
"""Actions ``(n_lines, n_knobs)`` for observations ``(n_lines, n_entries)``."""


def record(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    policy: Policy | Acts,
    dataset: str,
    n_episodes: int,
    seed: int = 0,
    infos: bool = True,
    facts: Mapping[str, Any] | None = None,
    n_threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Any:
    """Run a policy and store its episodes, all of them or nothing.

    Episode ``i`` is the one that ``reset(seed=seed + i)`` of ``jitgym/PullLine-v0`` begins; the environment that
    ``recover_environment()`` returns gives the same rewards for the stored seeds and actions, bit for bit.

    Args:
        scenario: what :func:`jitgym.scenario.load_scenario` takes.
        policy: with the ``predict`` of Stable-Baselines3, or a function from observations to actions.
        dataset: Minari's id, ``name-v0`` or ``folder/name-v0``; it must not exist yet.
        n_episodes: whole episodes of the scenario's horizon.
        seed: of the first episode; the luck is that of the bank for play and training.
        infos: store costs and ledger of every step too, four times as much. Their first row, which goes with the
            first observation, is zero.
        facts: what else to tell of the policy, such as its settings: plain JSON.
        n_threads: threads that share the lines.
        progress: called with the share that is done.

    Returns:
        The ``minari.MinariDataset``.

    Raises:
        InputError: Minari is not installed, the id is no id or taken, or an action lies outside the action space.
    """
    described = load_scenario(scenario)
    for name, value, least in (("episodes", n_episodes, 1), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{name} must be an integer >= {least}, got {value}")
    place = new_place(dataset)
    from minari.dataset.minari_storage import MinariStorage

    with results_folder(place) as folder:
        storage = MinariStorage.new(folder / "data", env_spec=_spec(described))
        storage.update_metadata(_metadata(described, policy, dataset, seed, facts))
        for first in range(0, n_episodes, BATCH):
            seeds = range(seed + first, seed + min(first + BATCH, n_episodes))
            report = None if progress is None else _part(progress, first / n_episodes, len(seeds) / n_episodes)
            storage.update_episodes(_episodes(described, policy, seeds, infos, n_threads, report))
    _name_folders(dataset)
    return _minari().load_dataset(dataset)


def new_place(dataset: str) -> Path:
    """Return where a dataset is to be kept.

    Raises:
        InputError: Minari is not installed, the id is no id, or there is such a dataset.
    """
    minari = _minari()
    try:
        minari.dataset.minari_dataset.parse_dataset_id(dataset)
    except (TypeError, ValueError):
        rule = "an id such as name-v0 or folder/name-v0, of letters, digits, - and _, the folder of two at least"
        raise InputError(f"dataset must be {rule}, got {dataset!r}") from None
    place: Path = minari.storage.get_dataset_path(dataset)
    if place.exists():
        raise InputError(f"dataset must be new, but there is {dataset!r} in {place}")
    return place


def episode_seeds(dataset: Any) -> list[int]:
    """Return the seeds that the episodes of a dataset begin with."""
    return [int(told["seed"]) for told in dataset.storage.get_episode_metadata(dataset.episode_indices)]


def _episodes(
    scenario: Scenario,
    policy: Policy | Acts,
    seeds: Sequence[int],
    infos: bool,
    n_threads: int,
    progress: Callable[[float], None] | None,
) -> list[Any]:
    """Return an episode of every seed, run as one batch."""
    env = PullLineVectorEnv(scenario, len(seeds), autoreset_mode=AutoresetMode.DISABLED, n_threads=n_threads)
    decide = policy.predict if hasattr(policy, "predict") else _predict_of(policy)
    if isinstance(policy, Watcher):
        policy.watch(env.simulator)
    observation, _ = env.reset(seed=list(seeds))
    state, start = None, np.ones(len(seeds), dtype=bool)
    rows: dict[str, list[Any]] = {"observations": [observation], "actions": [], "rewards": [], "truncations": []}
    told: list[dict[str, Any]] = []
    for step in range(env.horizon):
        actions, state = decide(observation, state, start, True)
        observation, reward, _, over, info = env.step(actions)
        start = np.zeros(len(seeds), dtype=bool)
        for name, values in zip(rows, (observation, np.array(actions, dtype=np.int64), reward, over), strict=True):
            rows[name].append(values)
        if infos:
            told.append(info)
        if progress is not None:
            progress((step + 1) / env.horizon)
    return _buffers(seeds, {name: np.stack(values, axis=1) for name, values in rows.items()}, _stacked(told))


def _stacked(told: list[dict[str, Any]]) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Return the infos of all steps, each ``(n_lines, 1 + n_steps, ...)``, with zeros for the reset; {} for none."""
    if not told:
        return {}
    return {
        group: {
            name: np.stack([np.zeros_like(first), *(info[group][name] for info in told)], axis=1)
            for name, first in told[0][group].items()
        }
        for group in ("cost", "ledger")
    }


def _buffers(
    seeds: Sequence[int], rows: Mapping[str, npt.NDArray[Any]], infos: Mapping[str, Mapping[str, npt.NDArray[Any]]]
) -> list[Any]:
    """Return Minari's buffers of the episodes of a batch."""
    from minari.data_collector import EpisodeBuffer

    return [
        EpisodeBuffer(
            seed=seed,
            terminations=np.zeros(rows["rewards"].shape[1], dtype=bool),
            infos={group: {name: of[i] for name, of in values.items()} for group, values in infos.items()} or None,
            **{name: values[i] for name, values in rows.items()},
        )
        for i, seed in enumerate(seeds)
    ]


def _predict_of(act: Any) -> Callable[..., tuple[Any, Any]]:
    return lambda observation, state, start, deterministic: (act(observation), state)


def _spec(scenario: Scenario) -> Any:
    """Return what the environment is made from again: the scenario itself, whatever becomes of its file."""
    described = scenario.model_dump(mode="json", exclude_defaults=True)
    return gymnasium.make(ENVIRONMENT, scenario=described).spec


def _metadata(
    scenario: Scenario, policy: Any, dataset: str, seed: int, facts: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what a dataset says of itself."""
    name = str(getattr(policy, "name", getattr(policy, "__name__", type(policy).__name__)))
    env = PullLineVectorEnv(scenario)
    return {
        "dataset_id": dataset,
        "minari_version": _minari().__version__,
        "algorithm_name": name,
        "description": f"{name} on {scenario.name}: {scenario.description}".rstrip(": "),
        "requirements": [f"jitgym>={__version__}"] if __version__[0].isdecimal() and "+" not in __version__ else [],
        "jitgym": {
            "scenario": scenario.name,
            "scenario_hash": scenario.hash,
            "policy": {"name": name, **(facts or {})},
            "seed_bank": "play",
            "first_seed": seed,
            "knobs": [knob.name for knob in env.simulator.knobs],
            "observations": list(env.observer.names),
            "versions": versions(),
        },
    }


def _part(progress: Callable[[float], None], begin: float, size: float) -> Callable[[float], None]:
    """Return how to report the share of a part."""
    return lambda share: progress(begin + size * share)


def _name_folders(dataset: str) -> None:
    """Tell Minari that the folders of a dataset's id are namespaces of its own."""
    from minari.namespace import create_namespace, list_local_namespaces

    namespace = dataset.rpartition("/")[0]
    if namespace and namespace not in list_local_namespaces():
        create_namespace(namespace)


def _minari() -> Any:
    """Return Minari, if all that it writes files with is there: it asks for that late, and not for all of it."""
    try:
        import h5py  # noqa: F401
        import minari
        import PIL  # noqa: F401
    except ImportError as error:
        raise InputError(f"this needs {error.name}: install jitgym[offline]") from error
    return minari
