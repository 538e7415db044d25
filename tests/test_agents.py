"""Learned agents: the adaptor's transcript, structure around a rule, training and resumption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agent_lines import LINE
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from jitgym import OFF, InputError, load_scenario
from jitgym.actions import ActionCodec
from jitgym.agents.sb3 import PullLineVecEnv
from jitgym.agents.structure import Structure
from jitgym.agents.train import CHECKPOINT, Training, read_settings, train
from jitgym.rules import ConstantRule
from jitgym.simulator import Simulator
from jitgym.vector_env import PullLineVectorEnv

pytestmark = pytest.mark.agents

SCENARIO = load_scenario(LINE)
START = np.array([3, 1, 20, OFF], dtype=np.int32)
NETWORK = {"net_arch": [8], "activation_fn": "tanh"}
SMALL = {**read_settings("ppo"), "n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 1, "policy_kwargs": NETWORK}


def training(**changes: Any) -> Training:
    """A training of a few steps that starts as a rule."""
    return Training(**{"scenario": SCENARIO, "steps": 512, "start": START, "settings": SMALL, **changes})


def test_transcript_of_the_adaptor() -> None:
    """Six steps an episode: the last one reports its true observation and returns the next episode's first."""
    env = PullLineVecEnv(SCENARIO, 3, seed=5)
    plain = PullLineVectorEnv(SCENARIO, 3, autoreset_mode="Disabled")
    first = env.reset()
    assert (first == plain.reset(seed=5)[0]).all()
    actions = np.array([[2, 1, 20, 41]] * 3)
    returns = np.zeros(3)
    for step in range(6):
        observations, rewards, dones, infos = env.step(actions)
        true, true_rewards, _, truncated, _ = plain.step(actions)
        returns += true_rewards
        assert rewards.dtype == np.float32
        assert rewards == pytest.approx(true_rewards)
        assert (dones == truncated).all()
        if step < 5:
            assert (observations == true).all()
            assert infos == [{}] * 3
    assert dones.all()
    assert (observations == plain.reset()[0]).all()
    for i, info in enumerate(infos):
        assert (info["terminal_observation"] == true[i]).all()
        assert info["TimeLimit.truncated"] is True
        assert info["episode"]["l"] == 6
        assert info["episode"]["r"] == pytest.approx(returns[i])


def test_staggered_lines_end_at_different_steps() -> None:
    env = PullLineVecEnv(SCENARIO, 6, seed=0, stagger=True)
    env.reset()
    ends = np.array([env.step(np.zeros((6, 4), dtype=np.int64))[2] for _ in range(12)])
    assert ends.sum(axis=1).tolist() == [1] * 12
    assert (ends.sum(axis=0) == 2).all()


def test_the_rewards_of_the_reference_rule_against_itself_are_zero() -> None:
    env = PullLineVecEnv(SCENARIO, 4, seed=0, reference=START)
    env.reset()
    action = ActionCodec(Simulator(SCENARIO).knobs).encode(START)
    for _ in range(13):
        assert (env.step(np.tile(action, (4, 1)))[1] == 0).all()


def test_sb3_can_use_the_adaptor() -> None:
    env = PullLineVecEnv(SCENARIO, 4, seed=0)
    assert env.env_is_wrapped(Monitor) == [True] * 4
    assert env.get_attr("num_envs", [0, 1]) == [4, 4]
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=32, device="cpu", seed=0)
    model.learn(128)
    mean, _ = evaluate_policy(model, env, n_eval_episodes=8)
    assert mean < 0


def test_structure_holds_the_rule_at_its_centre_and_stays_in_range() -> None:
    knobs = Simulator(SCENARIO).knobs
    structure = Structure.around(knobs, START, radius=2, reach=0.2)
    assert structure.menus == ((1, 2, 3, 4, 5), (1, 2, 3), tuple(range(16, 25)), (OFF,))
    codec = ActionCodec(knobs)
    assert structure.space.shape == (3,)
    assert (codec.decode(structure.choices(np.zeros(3))) == START).all()
    assert codec.decode(structure.choices([[-1, -1, -1], [1, 1, 1]])).tolist() == [[1, 1, 16, OFF], [5, 3, 24, OFF]]
    assert codec.decode(structure.choices([0.3, -0.1, 0.5])).tolist() == [4, 1, 22, OFF]
    with pytest.raises(InputError, match=r"kanban\[cut\]"):
        Structure.around(knobs, [9, 1, 20, OFF])


def test_an_agent_starts_as_its_rule(tmp_path: Path) -> None:
    """Before it has learned anything it does what the rule does, whatever it sees."""
    agent = train(training(steps=0), tmp_path)
    rule = ConstantRule(START, ActionCodec(Simulator(SCENARIO).knobs))
    seen = np.random.default_rng(0).uniform(0, 3, (50, len(agent.card.observations))).astype(np.float32)
    assert (agent.predict(seen)[0] == rule.predict(seen)[0]).all()
    assert agent.predict(seen[0])[0].shape == (4,)


def test_training_without_a_rule_uses_every_choice(tmp_path: Path) -> None:
    agent = train(training(start=None, steps=128), tmp_path)
    assert agent.structure.space.nvec.tolist() == [6, 6, 42, 42]
    assert agent.card.home is None


def test_interrupted_training_goes_on_where_it_was(tmp_path: Path) -> None:
    def interrupt(share: float, word: str) -> None:
        if share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(training(steps=1024), tmp_path, interrupt)
    done = torch.load(tmp_path / CHECKPOINT, weights_only=True)["done"]
    assert 0 < done < 1024
    shares: list[float] = []
    agent = train(training(steps=1024), tmp_path, lambda share, word: shares.append(share))
    assert shares[0] > done / 1024
    assert agent.card.facts["steps"] == 1024
    assert list((tmp_path / "tensorboard").rglob("events.*"))
    again = train(training(steps=1024), tmp_path, lambda share, word: shares.append(share))
    assert shares[-1] == 1.0
    assert again.card.facts["steps"] == 1024


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path: Path) -> None:
    train(training(), tmp_path)
    with pytest.raises(InputError, match=r"must be of the same training, but seed was 0 and is 1; delete it"):
        train(training(seed=1), tmp_path)
    whole = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole[:1000])
    with pytest.raises(InputError, match=r"checkpoint\.pt: must be a whole checkpoint"):
        train(training(), tmp_path)


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        return
    with pytest.raises(InputError, match="device must be there, got 'cuda'"):
        train(training(device="cuda"), tmp_path)
