"""Recorded episodes: what is loaded back is what was played, and can be played again bit for bit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from agent_lines import LINE
from commands import run

from jitgym.cli.record import tuned_numbers
from jitgym.dataset import BATCH, episode_seeds, new_place, record
from jitgym.errors import InputError
from jitgym.evaluate import run_policy
from jitgym.files import scenario_files
from jitgym.results import spelled
from jitgym.rules import rule_family, rule_names
from jitgym.scenario import load_scenario
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

minari = pytest.importorskip("minari", reason="needs the extra `offline`")
pytest.importorskip("h5py", reason="needs the extra `offline`")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch) -> Path:
    """Keep datasets in a folder of the test."""
    folder = tmp_path / "datasets"
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder))
    return folder


def at_random(observation: np.ndarray) -> np.ndarray:
    """Any cards, by luck that follows from what is seen, so that a line's actions do not depend on its batch."""
    return np.array([np.random.default_rng(row.view(np.uint32)).integers(0, [6, 6, 42, 42]) for row in observation])


def short(name: str) -> dict[str, Any]:
    return {**load_scenario(name).model_dump(), "horizon": 10}


def replay(dataset: Any) -> None:
    """Play the stored actions again from the stored seeds; everything that comes back must be what is stored."""
    env = dataset.recover_environment()
    for episode, seed in zip(dataset.iterate_episodes(), episode_seeds(dataset), strict=True):
        observation, _ = env.reset(seed=seed)
        assert (episode.observations[0] == observation).all()
        for step, action in enumerate(episode.actions):
            observation, reward, terminated, truncated, info = env.step(action)
            assert (episode.observations[step + 1] == observation).all()
            assert episode.rewards[step] == reward
            assert (episode.terminations[step], episode.truncations[step]) == (terminated, truncated)
            for group in episode.infos or {}:
                assert episode.infos[group].keys() == info[group].keys()
                for name, values in episode.infos[group].items():
                    assert (values[step + 1] == info[group][name]).all()
                    assert not values[0].any()
        assert truncated


@pytest.mark.parametrize("scenario", sorted(scenario_files()))
def test_every_line_is_recorded_and_played_again(scenario: str) -> None:
    line = load_scenario(short(scenario))
    family = rule_family(line, rule_names(line)[0])
    dataset = record(line, family.rule(family.start), "again-v0", 3, seed=7)
    assert (dataset.total_episodes, dataset.total_steps) == (3, 30)
    assert episode_seeds(dataset) == [7, 8, 9]
    loaded = minari.load_dataset("again-v0")
    assert loaded.recover_environment().unwrapped.scenario == line
    replay(loaded)


def test_a_function_is_a_policy_and_batches_make_no_difference(monkeypatch) -> None:
    whole = record(LINE, at_random, "whole-v0", 20)
    monkeypatch.setattr("jitgym.dataset.BATCH", 7)
    parts = record(LINE, at_random, "parts-v0", 20, n_threads=2)
    replay(parts)
    assert len({episode.actions.tobytes() for episode in parts}) == 20
    for one, other in zip(whole, parts, strict=True):
        assert (one.rewards == other.rewards).all()
        assert (one.actions == other.actions).all()
    assert BATCH > 20, "the first was one batch"


def test_the_luck_is_that_of_play_and_training() -> None:
    family = rule_family(load_scenario(LINE), "kanban")
    policy = family.rule(family.start)
    dataset = record(LINE, policy, "luck-v0", 4, seed=3)
    seeds = np.array([seed_bank(seed, 1)[0] for seed in episode_seeds(dataset)])
    ledger = run_policy(load_scenario(LINE), policy, seeds)
    for i, episode in enumerate(dataset):
        for name in ledger:
            assert (episode.infos["ledger"][name].sum(axis=0) == ledger[name][i]).all()
    assert dataset.storage.metadata["jitgym"]["seed_bank"] == "play"


def test_a_dataset_says_what_it_is() -> None:
    line = load_scenario(LINE)
    dataset = record(LINE, at_random, "what/it-is-v1", 2, seed=5, facts={"settings": {"a": 1}})
    told = json.loads((Path(dataset.spec.data_path) / "metadata.json").read_text("utf-8"))
    assert told["dataset_id"] == dataset.id == "what/it-is-v1"
    assert told["algorithm_name"] == "at_random"
    ours = told["jitgym"]
    assert (ours["scenario"], ours["scenario_hash"]) == ("short", line.hash)
    assert ours["policy"] == {"name": "at_random", "settings": {"a": 1}}
    assert (ours["first_seed"], ours["versions"].keys() >= {"jitgym", "numpy"}) == (5, True)
    assert ours["knobs"] == [knob.name for knob in Simulator(LINE).knobs]
    assert len(ours["observations"]) == dataset.observation_space.shape[0]
    assert "what/it-is-v1" in minari.list_local_datasets()
    assert "what" in minari.namespace.list_local_namespaces()


def test_infos_can_be_left_out() -> None:
    dataset = record(LINE, at_random, "lean-v0", 2, infos=False)
    assert not dataset[0].infos
    replay(dataset)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_breaks_off_leaves_nothing_behind(root: Path, error: type[BaseException], monkeypatch) -> None:
    monkeypatch.setattr("jitgym.dataset.BATCH", 2)
    calls = []

    def breaks(observation: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) > 20:
            raise error
        return at_random(observation)

    with pytest.raises(error):
        record(LINE, breaks, "some/where-v0", 9)
    assert [*root.rglob("*")] == []
    record(LINE, at_random, "some/where-v0", 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "name"}, "dataset must be an id such as name-v0 or folder/name-v0, .* got 'name'"),
        ({"dataset": "../up-v0"}, "dataset must be an id such as"),
        ({"n_episodes": 0}, "episodes must be an integer >= 1, got 0"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"policy": lambda seen: np.full((len(seen), 4), 99)}, r"action for kanban\[cut\] of line 0 must be in 0..5"),
    ],
)
def test_wrong_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        record(**{"scenario": LINE, "policy": at_random, "dataset": "a-v0", "n_episodes": 1, **change})


def test_a_dataset_that_exists_is_not_touched(root: Path) -> None:
    record(LINE, at_random, "a-v0", 1)
    before = (root / "a-v0" / "data" / "main_data.hdf5").read_bytes()
    with pytest.raises(InputError, match="dataset must be new, but there is 'a-v0' in"):
        record(LINE, at_random, "a-v0", 2)
    assert (root / "a-v0" / "data" / "main_data.hdf5").read_bytes() == before


@pytest.mark.parametrize("package", ["minari", "h5py", "PIL"])
def test_what_is_missing_is_named(package: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"this needs {package}: install jitgym\[offline\]"):
        new_place("a-v0")


# -- the command --


def test_the_command_records_a_rule(short: Path) -> None:
    done = run("record", short, "--rule", "kanban", "--episodes", 3, "--seed", 4, "--dataset", "rules/kanban-v0")
    assert "3 episodes, 60 steps: rules/kanban-v0" in done.stdout
    dataset = minari.load_dataset("rules/kanban-v0")
    told = dataset.storage.metadata["jitgym"]["policy"]
    assert (told["name"], told["kind"], told["numbers_from"]) == ("kanban", "rule", "textbook")
    assert episode_seeds(dataset) == [4, 5, 6]
    replay(dataset)


def test_the_command_takes_tuned_numbers(tmp_path: Path, barely: None) -> None:
    pytest.importorskip("optuna")
    short = tmp_path / "short.yaml"
    short.write_text(load_scenario({**load_scenario("bearing_line").model_dump(), "horizon": 20}).to_yaml(), "utf-8")
    run("tune", short, "--rule", "extended+age", "--quick", "--out", tmp_path / "tuned.json")
    found = json.loads((tmp_path / "tuned.json").read_text("utf-8"))["rules"]["extended+age"]["numbers"]
    options = ("--rule", "extended+age", "--tuned", tmp_path / "tuned.json", "--no-infos", "--episodes", 1)
    run("record", short, *options, "--dataset", "tuned-v0")
    dataset = minari.load_dataset("tuned-v0")
    assert dataset.storage.metadata["jitgym"]["policy"]["numbers"] == found
    family = rule_family(load_scenario(short), "extended+age")
    values = [number.never if found[number.name] == "never" else found[number.name] for number in family.numbers]
    wanted = family.rule(values).predict(dataset[0].observations[:1])[0][0]
    assert (dataset[0].actions[0] == wanted).all()
    wrong = ("--rule", "kanban", "--tuned", tmp_path / "tuned.json", "--dataset", "b-v0")
    assert "must hold the rule 'kanban', got extended+age" in run("record", short, *wrong, code=2).stderr
    assert "must be of scenario 'four_stage'" in run("record", "four_stage", *wrong, code=2).stderr
    wrong = ("--rule", "kanban", "--tuned", short, "--dataset", "b-v0")
    assert "tuned must be a file that jitgym tune --out wrote" in run("record", short, *wrong, code=2).stderr


def test_a_tuned_number_may_be_never(tmp_path: Path) -> None:
    family = rule_family(load_scenario("bearing_line"), "kanban+age")
    values = [number.low if number.never is None else number.never for number in family.numbers]
    numbers = spelled(family, values)
    assert "never" in numbers.values()
    path = tmp_path / "tuned.json"
    path.write_text(json.dumps({"hash": family.scenario.hash, "rules": {family.name: {"numbers": numbers}}}), "utf-8")
    assert tuned_numbers(family, path) == values


@pytest.mark.agents
def test_the_command_records_an_agent() -> None:
    pytest.importorskip("torch")
    stored = Path(__file__).parent.parent / "benchmarks" / "results" / "contest" / "selected" / "exact_maintenance"
    run("record", "exact_maintenance", "--agent", stored / "ppo", "--episodes", 2, "--dataset", "agents/ppo-v0")
    dataset = minari.load_dataset("agents/ppo-v0")
    told = dataset.storage.metadata["jitgym"]["policy"]
    assert told["algorithm"].startswith("PPO")
    assert len(told["weights_sha256"]) == 64
    replay(dataset)


def test_an_interrupted_command_records_nothing(short: Path, root: Path, monkeypatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jitgym.rules.Rule.predict", interrupt)
    done = run("record", short, "--rule", "kanban", "--dataset", "a-v0", code=130)
    assert "interrupted: nothing is recorded" in done.stderr
    assert [*root.rglob("*")] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "rule or agent must be given, one of them"),
        (("--rule", "kanban", "--agent", "somewhere"), "rule or agent must be given, one of them"),
        (("--agent", "somewhere", "--tuned", "a.json"), "tuned must be given with rule"),
        (("--rule", "kanba"), "did you mean 'kanban'?"),
        (("--rule", "kanban", "--episodes", 0), "episodes must be an integer >= 1, got 0"),
    ],
)
def test_wrong_options_are_refused(short: Path, options: tuple[Any, ...], message: str) -> None:
    assert message in run("record", short, *options, "--dataset", "a-v0", code=2).stderr


def test_a_recorded_environment_is_made_without_its_scenario_file(short: Path) -> None:
    run("record", short, "--rule", "kanban", "--episodes", 1, "--dataset", "file-v0")
    line = load_scenario(short)
    short.unlink()
    env = minari.load_dataset("file-v0").recover_environment()
    assert env.unwrapped.scenario.hash == line.hash
    assert isinstance(env.unwrapped, type(gymnasium.make("jitgym/PullLine-v0").unwrapped))
