"""The vector reward: nothing is lost of the scalar one, and MO-Gymnasium takes it."""

from __future__ import annotations

import itertools
import pickle
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from jitgym.files import scenario_files
from jitgym.multi_objective import OBJECTIVES, PullLineMOEnv
from jitgym.scorecard import COST_TERMS, parts_of

SCALAR, VECTOR = "jitgym/PullLine-v0", "jitgym/PullLineMO-v0"
SCENARIOS = sorted(scenario_files())
REFUNDS = {
    "name": "refunds",
    "slots_per_step": 1,
    "stages": [{"name": "make"}],
    "items": [{"name": "bar", "stage": "make", "initial": 2}],
    "suppliers": [{"name": "mill", "item": "bar", "lead_time": 2, "defective": 0.5, "inspect": 1}],
    "demand": {"law": {"poisson": 0.6}},
    "control": [{"knob": "order", "high": 5, "default": 1}],
    "prices": {"items": 0.1, "unit": 0.7, "backlog": 0.3},
    "reward_scale": 7,
}


def test_every_cost_term_has_one_objective() -> None:
    assert sorted(itertools.chain(*OBJECTIVES.values())) == sorted(COST_TERMS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_vector_adds_up_to_the_reward_to_the_last_bit_in_any_order(scenario: str) -> None:
    scalar = gymnasium.make_vec(SCALAR, num_envs=64, scenario=scenario)
    vector = gymnasium.make_vec(VECTOR, num_envs=64, scenario=scenario)
    assert (scalar.reset(seed=3)[0] == vector.reset(seed=3)[0]).all()
    scalar.action_space.seed(3)
    for _ in range(20):
        action = scalar.action_space.sample()
        observation, reward, _, _, info = scalar.step(action)
        seen, rewards, _, _, _ = vector.step(action)
        assert (seen == observation).all()
        assert vector.unwrapped.reward_space.shape == (4,)
        for order in itertools.permutations(range(4)):
            assert (rewards[:, order].cumsum(axis=1)[:, -1] == reward).all()
        scale = vector.unwrapped.scenario.reward_scale
        for column, terms in enumerate(OBJECTIVES.values()):
            expected = -sum(info["cost"][term] for term in terms) / scale
            assert np.abs(rewards[:, column] - expected).max() <= 4 * np.spacing(np.abs(reward)).max()


def test_the_single_environment_is_a_line_of_the_batch() -> None:
    env = gymnasium.make(VECTOR, scenario="food")
    envs = gymnasium.make_vec(VECTOR, num_envs=2, scenario="food")
    assert (env.reset(seed=5)[0] == envs.reset(seed=5)[0][0]).all()
    envs.action_space.seed(1)
    for _ in range(10):
        actions = envs.action_space.sample()
        assert (env.step(actions[0])[1] == envs.step(actions)[1][0]).all()


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=9), st.integers(0, 2**32))
def test_parts_of_one_sign_add_up_in_any_order(costs: list[float], seed: int) -> None:
    parts = np.array([costs])
    total = parts.sum(axis=1)
    rounded = parts_of(total, parts)
    assert np.abs(rounded - parts).max() <= len(costs) * np.spacing(total)[0]
    for _ in range(5):
        order = np.random.default_rng(seed).permutation(len(costs))
        assert rounded[:, order].cumsum(axis=1)[:, -1] == total


VARYING = {
    **REFUNDS,
    "suppliers": [{"name": "mill", "item": "bar", "lead_time": 2, "defective": 0.5}],
    "vary": [{"parameter": "inspect", "low": 0.5, "high": 1}],
}


@pytest.mark.parametrize("line", [REFUNDS, VARYING], ids=("always", "varying"))
def test_refunds_may_make_one_entry_positive(line: dict[str, Any]) -> None:
    env = PullLineMOEnv(line)
    env.reset(seed=2)
    supply = list(OBJECTIVES).index("supply")
    seen = []
    for step in range(60):
        _, reward, _, _, info = env.step(np.array([0 if step % 5 else 5]))
        assert env.reward_space.contains(reward)
        assert reward.sum() == pytest.approx(-sum(info["cost"].values()) / 7, rel=1e-14)
        seen.append(reward[supply])
    assert min(seen) < 0 < max(seen)
    assert PullLineMOEnv("food").reward_space.high[supply] == 0


# -- what MO-Gymnasium asks of its environments: the checks of its test suite --


class OwnWeights(gymnasium.Wrapper, gymnasium.utils.RecordConstructorArgs):
    """Hands out a copy of the weights: Gymnasium's checker refuses data that is handed out twice."""

    def __init__(self, env: Any) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, {**info, "reward_weights": info["reward_weights"].copy()}


def linear(scenario: Any) -> Any:
    """A line behind MO-Gymnasium's wrapper, which adds the vector up."""
    mo_gymnasium = pytest.importorskip("mo_gymnasium")
    return OwnWeights(mo_gymnasium.wrappers.LinearReward(mo_gymnasium.make(VECTOR, scenario=scenario)))


@pytest.mark.parametrize("scenario", [*SCENARIOS, REFUNDS], ids=str)
def test_the_checks_of_mo_gymnasium_pass(scenario: Any) -> None:
    env = linear(scenario)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version")  # the wrapper is meant
        check_env(env, skip_render_check=True)
    raw = env.unwrapped
    assert raw.reward_dim == raw.reward_space.shape[0] == len(raw.objectives)
    raw.reset(seed=0)
    raw.action_space.seed(0)
    for _ in range(50):
        assert raw.reward_space.contains(raw.step(raw.action_space.sample())[1])
    twin = pickle.loads(pickle.dumps(raw))
    action = raw.action_space.sample()
    assert (raw.step(action)[1] == twin.step(action)[1]).all()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_linear_reward_of_ones_is_the_scalar_environment(scenario: str) -> None:
    one, other = linear(scenario), gymnasium.make(SCALAR, scenario=scenario)
    assert (one.reset(seed=8)[0] == other.reset(seed=8)[0]).all()
    other.action_space.seed(8)
    for _ in range(30):
        action = other.action_space.sample()
        (seen, reward, *_, info), (observation, scalar, *_, told) = one.step(action), other.step(action)
        assert (seen == observation).all()
        assert reward == scalar
        assert info["cost"] == told["cost"]


def test_batches_of_mo_gymnasium_and_its_statistics_work() -> None:
    mo_gymnasium = pytest.importorskip("mo_gymnasium")
    vector = pytest.importorskip("mo_gymnasium.wrappers.vector")
    native = gymnasium.make_vec(VECTOR, num_envs=3, scenario="food")
    batch = vector.MOSyncVectorEnv([lambda: mo_gymnasium.make(VECTOR, scenario="food") for _ in range(3)])
    recorded = vector.MORecordEpisodeStatistics(native)
    assert (batch.reset(seed=4)[0] == recorded.reset(seed=4)[0]).all()
    native.action_space.seed(4)
    total = np.zeros((3, 4))
    for _ in range(native.unwrapped.horizon):
        actions = native.action_space.sample()
        rewards, (*_, info) = batch.step(actions)[1], recorded.step(actions)
        total += rewards  # float32 there
    assert np.allclose(info["episode"]["r"], total, rtol=1e-4)
