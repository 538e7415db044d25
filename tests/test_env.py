"""Environments: conformance on every scenario, seeding, batch against single, autoreset as a transcript."""

from __future__ import annotations

import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import jitgym
from jitgym.files import scenario_files
from jitgym.observation import Observer
from jitgym.simulator import Simulator
from jitgym.vector_env import PullLineVectorEnv

SCENARIOS = sorted(scenario_files())
ID = "jitgym/PullLine-v0"


def short_line(**changes: object) -> dict[str, object]:
    """A two-stage line with breakdowns and a late supplier, and an episode of three steps."""
    return {
        "name": "short",
        "slots_per_step": 4,
        "horizon": 3,
        "stages": [
            {"name": "cut", "failure": {"law": {"geometric": 0.1}, "repair": {"geometric": 3}}},
            {"name": "pack", "process": {"geometric": 1.2}},
        ],
        "items": [{"name": "sheet", "stage": "cut", "initial": 4}],
        "suppliers": [{"name": "mill", "item": "sheet", "lead_time": 2, "on_time": 0.7, "catch_up": 0.5}],
        "demand": {"law": {"poisson": 0.6}},
        "control": [
            {"knob": "kanban", "low": 1, "high": 6, "default": 3, "off": True},
            {"knob": "target", "low": 0, "high": 9, "default": 5},
        ],
        "prices": {"wip": 1, "finished_goods": 2, "backlog": 10},
        "reward_scale": 10,
        **changes,
    }


@pytest.mark.parametrize("action", ["multidiscrete", "box"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_checker_of_gymnasium_passes(scenario: str, action: str) -> None:
    check_env(gymnasium.make(ID, scenario=scenario, action=action).unwrapped)


@pytest.mark.agents
@pytest.mark.parametrize("action", ["multidiscrete", "box"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_checker_of_sb3_passes(scenario: str, action: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker", exc_type=ImportError)
    checker.check_env(gymnasium.make(ID, scenario=scenario, action=action).unwrapped)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_observations_lie_in_their_space_and_episodes_end_by_truncation(scenario: str) -> None:
    envs = gymnasium.make_vec(ID, num_envs=20, scenario=scenario)
    observations, _ = envs.reset(seed=1)
    envs.action_space.seed(1)
    for step in range(envs.unwrapped.horizon):
        assert envs.observation_space.contains(observations)
        observations, rewards, terminated, truncated, _ = envs.step(envs.action_space.sample())
        assert rewards.dtype == np.float64
        assert np.isfinite(rewards).all()
        assert not terminated.any()
        assert (truncated == (step + 1 == envs.unwrapped.horizon)).all()


def test_same_seed_same_path_and_other_seed_other_path() -> None:
    def path(seed: int) -> list[float]:
        env = gymnasium.make(ID, scenario=short_line(horizon=50))
        env.reset(seed=seed)
        return [float(env.step(np.array([2, 2, 5]))[1]) for _ in range(50)]

    assert path(3) == path(3)
    assert path(3) != path(4)


def test_same_seed_meets_the_same_luck_under_other_actions() -> None:
    """Demand, breakdown draws and lateness do not depend on what was done."""
    # failures by time: the machine draws its breakdowns whether it works or not
    stages = [{"name": "cut", "failure": {"law": {"geometric": 0.1}, "exposure": "time", "repair": 3}}]
    control = [{"knob": "kanban", "low": 1, "high": 6, "default": 3}, {"knob": "order", "high": 2, "default": 1}]
    line = short_line(stages=stages, control=control, horizon=300, slots_per_step=1)
    ledgers = []
    for cards in (0, 4):
        env = gymnasium.make(ID, scenario=line)
        env.reset(seed=11)
        rows = [env.step(np.array([cards, 1]))[4]["ledger"] for _ in range(300)]
        ledgers.append({name: np.array([row[name] for row in rows]) for name in rows[0]})
    few, many = ledgers
    for name in ("demand", "breakdowns", "delivered", "delivered_on_time"):
        assert few[name].sum() > 0
        assert (few[name] == many[name]).all(), name
    assert (few["shipped"] != many["shipped"]).any(), "the actions made no difference"


def test_a_line_of_a_batch_is_the_single_environment_with_its_seed() -> None:
    envs = gymnasium.make_vec(ID, num_envs=18, scenario=short_line(horizon=30))
    singles = [gymnasium.make(ID, scenario=short_line(horizon=30)) for _ in range(18)]
    batch, _ = envs.reset(seed=5)
    for i, env in enumerate(singles):
        assert (env.reset(seed=5 + i)[0] == batch[i]).all()
    envs.action_space.seed(2)
    for _ in range(30):
        actions = envs.action_space.sample()
        batch, rewards, _, truncated, info = envs.step(actions)
        for i, env in enumerate(singles):
            observation, reward, _, over, single_info = env.step(actions[i])
            assert (observation == batch[i]).all()
            assert reward == rewards[i]
            assert over == truncated[i]
            assert single_info["cost"] == {name: values[i] for name, values in info["cost"].items()}
    # the next episodes agree too: the seed fixes the luck of all of them
    batch, rewards, _, _, _ = envs.step(actions)
    assert (rewards == 0).all()
    for i, env in enumerate(singles):
        assert (env.reset()[0] == batch[i]).all()
    batch = envs.step(actions)[0]
    for i, env in enumerate(singles):
        assert (env.step(actions[i])[0] == batch[i]).all()


def transcript(mode: AutoresetMode) -> list[tuple[bool, bool, bool]]:
    """Step a three-step line seven times; tell, for each step, whether it was truncated, its reward was 0, and
    the observation returned is that of a line just reset."""
    envs = PullLineVectorEnv(short_line(), 2, autoreset_mode=mode)
    start, _ = envs.reset(seed=0)
    rows = []
    for _ in range(7):
        observations, rewards, _, truncated, info = envs.step(np.array([[2, 2, 5]] * 2))
        assert info["ledger"]["slots"][0] == (0 if rewards[0] == 0 else 4)
        rows.append((bool(truncated[0]), bool(rewards[0] == 0), bool((observations[0] == start[0]).all())))
    return rows


def test_transcript_of_next_step_autoreset() -> None:
    """The step after the end ignores its action, gives reward 0 and starts the next episode."""
    step, end, begin = (False, False, False), (True, False, False), (False, True, True)
    assert transcript(AutoresetMode.NEXT_STEP) == [step, step, end, begin, step, step, end]


def test_transcript_of_same_step_autoreset() -> None:
    """The step that ends an episode returns the first observation of the next; the last is in the info."""
    step, end = (False, False, False), (True, False, True)
    assert transcript(AutoresetMode.SAME_STEP) == [step, step, end, step, step, end, step]


def test_same_step_autoreset_gives_the_true_last_observation() -> None:
    same = PullLineVectorEnv(short_line(), 3, autoreset_mode="SameStep")
    none = PullLineVectorEnv(short_line(), 3, autoreset_mode="Disabled")
    same.reset(seed=4)
    none.reset(seed=4)
    for _ in range(3):
        last, _, _, _, _ = none.step(np.array([[1, 2, 5]] * 3))
        observations, _, _, truncated, info = same.step(np.array([[1, 2, 5]] * 3))
    assert truncated.all()
    assert info["_final_obs"].all()
    assert all((info["final_obs"][i] == last[i]).all() for i in range(3))
    assert not (observations == last).all()


def test_disabled_autoreset_resets_the_lines_of_a_mask() -> None:
    envs = PullLineVectorEnv(short_line(), 3, autoreset_mode=AutoresetMode.DISABLED)
    start, _ = envs.reset(seed=4)
    for _ in range(3):
        last, _, _, truncated, _ = envs.step(np.array([[1, 2, 5]] * 3))
    assert truncated.all()
    observations, _ = envs.reset(options={"reset_mask": np.array([True, False, True])})
    assert (observations[[0, 2]] == start[[0, 2]]).all()
    assert (observations[1] == last[1]).all()


def test_reward_is_the_cost_of_the_step_by_the_scorecard() -> None:
    env = gymnasium.make(ID, scenario=short_line())
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.array([2, 2, 5]))
    ledger = info["ledger"]
    cost = ledger["process_slots"].sum() + ledger["store_slots"][0] + 2 * ledger["store_slots"][1]
    cost += 10 * ledger["backlog_slots"]
    assert sum(info["cost"].values()) == cost > 0
    assert reward == -cost / 10


def test_off_is_the_choice_above_the_highest() -> None:
    env = gymnasium.make(ID, scenario=short_line()).unwrapped
    assert env.action_space.nvec.tolist() == [7, 7, 10]
    codec = env._batch.codec
    assert codec.decode(np.array([6, 0, 3])).tolist() == [jitgym.OFF, 1, 3]
    assert codec.encode([jitgym.OFF, 1, 3]).tolist() == [6, 0, 3]


def test_box_actions_reach_every_choice() -> None:
    env = gymnasium.make(ID, scenario=short_line(), action="box").unwrapped
    codec = env._batch.codec
    for column, choices in enumerate(codec.choices):
        settings = np.tile(codec.decode(np.zeros(3, dtype=np.float32)), (choices, 1))
        settings[:, column] = [*range(codec.knobs[column].low, codec.knobs[column].high + 1)] + (
            [jitgym.OFF] if codec.knobs[column].off else []
        )
        assert (codec.decode(codec.encode(settings)) == settings).all()
    assert codec.decode(np.array([-1, -1, 1], dtype=np.float32)).tolist() == [1, 1, 9]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.array([7, 0, 0]), r"action for kanban\[cut\] of line 0 must be in 0..6, got 7"),
        (np.array([0, -1, 0]), r"action for kanban\[pack\] of line 0 must be in 0..6, got -1"),
        (np.array([0.0, 1.0, 2.0]), "action must be integers, got float64"),
        (np.array([0, 1]), r"action must have 3 entries a line"),
    ],
)
def test_a_wrong_action_is_refused_and_changes_nothing(action: np.ndarray, message: str) -> None:
    env = gymnasium.make(ID, scenario=short_line(), disable_env_checker=True).unwrapped
    env.reset(seed=0)
    before = env._batch.simulator.snapshot()
    with pytest.raises(jitgym.InputError, match=message):
        env.step(action)
    assert env._batch.simulator.snapshot() == before


def test_a_box_action_outside_the_box_or_nan_is_refused() -> None:
    env = gymnasium.make(ID, scenario=short_line(), action="box", disable_env_checker=True).unwrapped
    env.reset(seed=0)
    for bad in (1.5, np.nan):
        with pytest.raises(jitgym.InputError, match=r"kanban\[cut\] of line 0 must be in \[-1, 1\]"):
            env.step(np.array([bad, 0, 0], dtype=np.float32))


def test_other_wrong_arguments_are_refused() -> None:
    with pytest.raises(jitgym.InputError, match="action must be 'multidiscrete' or 'box', got 'discrete'"):
        PullLineVectorEnv(short_line(), 1, action="discrete")  # type: ignore[arg-type]
    with pytest.raises(jitgym.InputError, match=r"horizon must be in 1\.\."):
        PullLineVectorEnv(short_line(), 1, max_episode_steps=10**9)
    envs = PullLineVectorEnv(short_line(), 2)
    with pytest.raises(jitgym.InputError, match="seed must be an integer >= 0, got -1"):
        envs.reset(seed=-1)
    with pytest.raises(jitgym.InputError, match="a list of 2, got 3"):
        envs.reset(seed=[1, 2, 3])
    envs.reset(seed=0)
    with pytest.raises(jitgym.InputError, match=r"actions must have shape \(2, 3\)"):
        envs.step(np.zeros((3, 3), dtype=np.int64))


def test_environments_can_be_pickled_in_the_middle_of_an_episode() -> None:
    envs = PullLineVectorEnv(short_line(horizon=20), 5)
    envs.reset(seed=1)
    envs.step(np.array([[1, 2, 5]] * 5))
    twin = pickle.loads(pickle.dumps(envs))
    for _ in range(19):
        a, b = envs.step(np.array([[1, 2, 5]] * 5)), twin.step(np.array([[1, 2, 5]] * 5))
        assert (a[0] == b[0]).all()
        assert (a[1] == b[1]).all()


def test_observations_hold_what_their_names_say() -> None:
    env = gymnasium.make(ID, scenario=short_line()).unwrapped
    observation, _ = env.reset(seed=0)
    named = dict(zip(env.observation_names, observation, strict=True))
    assert len(named) == len(observation)
    scale = 1 / (10 * 0.6)
    assert named["stock[sheet]"] == pytest.approx(4 * scale)
    assert named["demand_smooth"] == pytest.approx(1, abs=0.01)
    assert "reading[pack]" not in named, "a machine that never fails shows no wear"


@pytest.mark.parametrize(
    ("failure", "monitoring", "seen"),
    [
        ({"law": {"weibull": {"scale": 9, "shape": 2}}}, "exact", False),  # a level a slot: the reading is the age
        ({"law": {"weibull": {"scale": 9, "shape": 2}}, "wear": 0.5}, "exact", True),
        ({"law": {"weibull": {"scale": 9, "shape": 2}}}, {"noise": 1}, True),
        ({"law": {"weibull": {"scale": 9, "shape": 2}}, "wear": 0.5}, "none", False),  # the reading is the age
        ({"law": {"geometric": 0.1}}, "exact", False),  # does not wear
    ],
)
def test_the_age_is_seen_where_the_reading_does_not_tell_it(failure, monitoring, seen):
    stage = {"name": "cut", "failure": {**failure, "repair": 3}, "monitoring": monitoring}
    control = [{"knob": "kanban", "high": 9, "default": 3}]
    line = Simulator({"name": "a", "stages": [stage], "demand": {"law": {"bernoulli": 0.9}}, "control": control}, 50)
    observer = Observer(line)
    assert ("age[cut]" in observer.names) == seen
    line.step([9], 7)
    if seen:
        column, levels = observer.names.index("age[cut]"), int(line.tables.levels[0])
        scale = failure.get("wear", 1) / (levels - 1)
        assert observer.observe()[:, column] == pytest.approx(line.state("age")[:, 0] * scale, rel=1e-6)
