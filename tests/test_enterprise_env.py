"""Environments of companies: conformance, seeding, batch against single, autoreset, what is seen, several rewards."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from enterprises import CALM, LINE, draw, small
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import enterprise_files
from jitgym.enterprise.parts import LINE_CAPABILITIES
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.sights import BOUND, Overview
from jitgym.enterprise.vector_env import OBJECTIVES, EnterpriseMOVectorEnv, EnterpriseVectorEnv
from jitgym.errors import InputError

ID, MO = "jitgym/Enterprise-v0", "jitgym/EnterpriseMO-v0"
ENTERPRISES = sorted(enterprise_files())

# -- conformance --


@pytest.mark.parametrize("action", ["multidiscrete", "box"])
@pytest.mark.parametrize("enterprise", [*ENTERPRISES, small()], ids=[*ENTERPRISES, "small"])
def test_checker_of_gymnasium_passes(enterprise: Any, action: str) -> None:
    check_env(gymnasium.make(ID, enterprise=enterprise, action=action).unwrapped)


@pytest.mark.parametrize("action", ["multidiscrete", "box"])
def test_checker_of_gymnasium_passes_but_for_the_reward_of_the_vector(action: str) -> None:
    env = gymnasium.make(MO, enterprise=small(), action=action, disable_env_checker=True).unwrapped
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*reward.*")
        check_env(env)
    assert env.reward_space.contains(env.step(env.action_space.sample())[1])


@pytest.mark.agents
@pytest.mark.parametrize("action", ["multidiscrete", "box"])
def test_checker_of_sb3_passes(action: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker", exc_type=ImportError)
    checker.check_env(gymnasium.make(ID, enterprise=small(), action=action).unwrapped)


@pytest.mark.parametrize("action", ["multidiscrete", "box"])
@pytest.mark.parametrize("name", [ID, MO])
def test_batches_are_made_by_name_and_end_by_truncation(name: str, action: str) -> None:
    envs = gymnasium.make_vec(name, num_envs=7, enterprise=small(), action=action)
    assert isinstance(envs.unwrapped, EnterpriseVectorEnv)
    observations, _ = envs.reset(seed=1)
    envs.action_space.seed(1)
    for period in range(12):
        assert envs.observation_space.contains(observations)
        observations, rewards, terminated, truncated, info = envs.step(envs.action_space.sample())
        assert rewards.dtype == np.float64
        assert rewards.shape == ((7,) if name == ID else (7, 4))
        assert np.isfinite(rewards).all()
        assert not terminated.any()
        assert (truncated == (period == 11)).all()
        if name == ID:
            assert info["account"]["economic_profit"] / 1000 == pytest.approx(rewards)


def test_the_shipped_enterprise_runs_under_any_decision() -> None:
    envs = gymnasium.make_vec(ID, num_envs=16, enterprise="components", max_episode_steps=30)
    envs.reset(seed=1)
    envs.action_space.seed(1)
    for _ in range(30):
        observations, rewards, _, truncated, _ = envs.step(envs.action_space.sample())
        assert envs.observation_space.contains(observations)
        assert np.isfinite(rewards).all()
    assert truncated.all()


# -- seeds; batch and single --


def test_a_company_of_a_batch_is_the_single_environment_with_its_seed() -> None:
    envs = gymnasium.make_vec(ID, num_envs=5, enterprise=small())
    singles = [gymnasium.make(ID, enterprise=small()) for _ in range(5)]
    batch, _ = envs.reset(seed=5)
    for i, env in enumerate(singles):
        assert (env.reset(seed=5 + i)[0] == batch[i]).all()
    envs.action_space.seed(2)
    for _ in range(12):
        actions = envs.action_space.sample()
        batch, rewards, _, truncated, info = envs.step(actions)
        for i, env in enumerate(singles):
            observation, reward, _, over, own = env.step(actions[i])
            assert (observation == batch[i]).all()
            assert reward == rewards[i]
            assert over == truncated[i]
            for part in ("account", "measures"):
                assert all((own[part][name] == values[i]).all() for name, values in info[part].items())
    # the next episodes agree too: the seed fixes the luck of all of them
    batch, rewards, _, _, _ = envs.step(actions)
    assert (rewards == 0).all()
    for i, env in enumerate(singles):
        assert (env.reset()[0] == batch[i]).all()
    batch = envs.step(actions)[0]
    for i, env in enumerate(singles):
        assert (env.step(actions[i])[0] == batch[i]).all()


@pytest.mark.parametrize("name", [ID, MO])
def test_same_seed_same_path_and_other_seed_other_path(name: str) -> None:
    def path(seed: int) -> list[Any]:
        env = gymnasium.make(name, enterprise=small(), disable_env_checker=True)
        env.reset(seed=seed)
        env.action_space.seed(1)
        return [np.asarray(env.step(env.action_space.sample())[1]).tolist() for _ in range(6)]

    assert path(3) == path(3)
    assert path(3) != path(4)


def test_threads_make_no_difference() -> None:
    one, four = (EnterpriseVectorEnv(small(), 40, n_threads=n) for n in (1, 4))
    assert (one.reset(seed=2)[0] == four.reset(seed=2)[0]).all()
    rng = np.random.default_rng(1)
    for _ in range(4):
        actions = draw(rng, one.companies.levers, 40)
        first, second = one.step(actions), four.step(actions)
        assert (first[0] == second[0]).all()
        assert (first[1] == second[1]).all()


def test_a_list_of_seeds_and_no_seed() -> None:
    envs = EnterpriseVectorEnv(small(), 3)
    listed = envs.reset(seed=[7, 8, 9])[0]
    assert (envs.reset(seed=7)[0] == listed).all()
    drawn = envs.reset(seed=[7, None, 9])[0]
    assert (drawn[[0, 2]] == listed[[0, 2]]).all()
    one, two = EnterpriseVectorEnv(small(), 3), EnterpriseVectorEnv(small(), 3)
    one.reset()
    two.reset()
    assert (one.companies.state.seed != two.companies.state.seed).all()


# -- autoreset --


def transcript(mode: AutoresetMode) -> list[tuple[bool, bool, bool]]:
    """Step episodes of three periods seven times; tell whether it was truncated, its reward was 0, and it has begun."""
    envs = EnterpriseVectorEnv(small(), 2, autoreset_mode=mode, max_episode_steps=3)
    envs.reset(seed=0)
    rows = []
    for _ in range(7):
        observations, rewards, _, truncated, info = envs.step(np.tile(envs.companies.levers.at_rest, (2, 1)))
        assert (info["account"]["overhead"][0] == 0) == (rewards[0] == 0)
        time = observations[0, envs.overview.names.index("time")]
        rows.append((bool(truncated[0]), bool(rewards[0] == 0), bool(time == 0)))
    return rows


def test_transcript_of_next_step_autoreset() -> None:
    step, end, begin = (False, False, False), (True, False, False), (False, True, True)
    assert transcript(AutoresetMode.NEXT_STEP) == [step, step, end, begin, step, step, end]


def test_transcript_of_same_step_autoreset() -> None:
    step, end = (False, False, False), (True, False, True)
    assert transcript(AutoresetMode.SAME_STEP) == [step, step, end, step, step, end, step]


@pytest.mark.parametrize("kind", [EnterpriseVectorEnv, EnterpriseMOVectorEnv])
def test_same_step_autoreset_gives_the_true_last_observation(kind: type[EnterpriseVectorEnv]) -> None:
    same, none = (kind(small(), 3, autoreset_mode=mode, max_episode_steps=3) for mode in ("SameStep", "Disabled"))
    same.reset(seed=4)
    none.reset(seed=4)
    rng = np.random.default_rng(1)
    for _ in range(3):
        actions = draw(rng, same.companies.levers, 3)
        last, rewards, _, _, told = none.step(actions)
        observations, own, _, truncated, info = same.step(actions)
        assert (own == rewards).all()
    assert truncated.all()
    assert info["_final_obs"].all()
    assert info["_final_info"].all()
    assert all((info["final_obs"][i] == last[i]).all() for i in range(3))
    assert set(info["final_info"]) == set(told)
    assert (info["final_info"]["account"]["profit"] == told["account"]["profit"]).all()
    assert not (observations == last).all()
    # the next episode is the one that a reset begins
    assert (none.reset()[0] == observations).all()


def test_next_step_autoreset_begins_the_episode_that_a_reset_begins() -> None:
    envs, none = (EnterpriseVectorEnv(small(), 3, autoreset_mode=mode) for mode in ("NextStep", "Disabled"))
    envs.reset(seed=4)
    none.reset(seed=4)
    rng = np.random.default_rng(1)
    for _ in range(12):
        actions = draw(rng, envs.companies.levers, 3)
        assert (envs.step(actions)[0] == none.step(actions)[0]).all()
    observations = envs.step(actions)[0]
    assert (none.reset()[0] == observations).all()
    for _ in range(3):
        actions = draw(rng, envs.companies.levers, 3)
        assert (envs.step(actions)[0] == none.step(actions)[0]).all()


def test_disabled_autoreset_resets_companies_of_a_mask_at_any_period() -> None:
    envs, other = (EnterpriseVectorEnv(small(), 4, autoreset_mode=AutoresetMode.DISABLED) for _ in range(2))
    envs.reset(seed=4)
    other.reset(seed=4)
    rng, masks = np.random.default_rng(1), {2: [True, False, False, True], 5: [False, False, True, True]}
    for period in range(8):
        if period in masks:
            mask = np.array(masks[period])
            before = envs.overview.observe()
            observations, _ = envs.reset(options={"reset_mask": mask})
            assert (observations[~mask] == before[~mask]).all()
            assert (observations[mask, envs.overview.names.index("time")] == 0).all()
        actions = draw(rng, envs.companies.levers, 4)
        seen, rewards, _, _, _ = envs.step(actions)
        mine, own, _, _, _ = other.step(actions)
        assert (seen[1] == mine[1]).all(), "a company that is not reset goes on untouched"
        assert rewards[1] == own[1]
    # company 3: the third episode of its seed, three periods on
    alone = EnterpriseVectorEnv(small(), 1, autoreset_mode=AutoresetMode.DISABLED)
    alone.reset(seed=4 + 3)
    alone.reset()
    alone.reset()
    assert (alone.companies.state.seed == envs.companies.state.seed[[3]]).all()
    assert envs.companies.state.period.tolist() == [6, 8, 3, 3]


# -- pickles --


@pytest.mark.parametrize("how", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_environments_can_be_copied_in_the_middle_of_an_episode(how: Any) -> None:
    envs = EnterpriseVectorEnv(small(), 5)
    envs.reset(seed=1)
    rng = np.random.default_rng(1)
    envs.step(draw(rng, envs.companies.levers, 5))
    twin = how(envs)
    for _ in range(14):
        actions = draw(rng, envs.companies.levers, 5)
        a, b = envs.step(actions), twin.step(actions)
        assert (a[0] == b[0]).all()
        assert (a[1] == b[1]).all()
    env = gymnasium.make(ID, enterprise=small()).unwrapped
    env.reset(seed=3)
    other = how(env)
    action = env.action_space.sample()
    assert (env.step(action)[0] == other.step(action)[0]).all()


# -- actions --


def test_box_actions_reach_every_choice() -> None:
    env = gymnasium.make(ID, enterprise=small(), action="box").unwrapped
    codec, levers = env._batch.codec, env.levers
    assert (codec.choices == [lever.high - lever.low + 1 for lever in levers]).all()
    for column, lever in enumerate(levers):
        settings = np.tile([lever.low for lever in levers], (int(codec.choices[column]), 1))
        settings[:, column] = range(lever.low, lever.high + 1)
        assert (codec.decode(codec.encode(settings)) == settings).all()


def test_lows_above_zero_are_the_first_choice() -> None:
    env = gymnasium.make(ID, enterprise=small(levers={"training": {"low": 1, "high": 2}})).unwrapped
    env.reset(seed=1)
    info = env.step(np.zeros(len(env.levers), dtype=np.int64))[4]
    assert info["account"]["investment"] == 2 * 150


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda rest: rest + np.eye(14, dtype=int)[0] * 4, r"develop\[mill\] of .* must be in 0..3, got 4"),
        (lambda rest: rest - np.eye(14, dtype=int)[13], r"cards\[second\] of .* must be in 0..4, got -1"),
        (lambda rest: rest * 1.0, "action must be integers, got float64"),
        (lambda rest: rest[:-1], "action must have 14 entries"),
    ],
)
def test_a_wrong_action_is_refused_and_changes_nothing(action: Any, message: str) -> None:
    env = gymnasium.make(ID, enterprise=small(), disable_env_checker=True).unwrapped
    env.reset(seed=0)
    before = env._batch.companies.snapshot()
    with pytest.raises(InputError, match=message):
        env.step(action(np.zeros(14, dtype=np.int64)))
    assert env._batch.companies.snapshot() == before


def test_other_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="action must be 'multidiscrete' or 'box', got 'discrete'"):
        EnterpriseVectorEnv(small(), 1, action="discrete")  # type: ignore[arg-type]
    for periods in (0, 13, 2.5, True):
        with pytest.raises(InputError, match=rf"max_episode_steps must be an integer in 1\.\.12, got {periods}"):
            EnterpriseVectorEnv(small(), 1, max_episode_steps=periods)  # type: ignore[arg-type]
    envs = EnterpriseVectorEnv(small(), 2)
    with pytest.raises(InputError, match="seed must be an integer >= 0, got -1"):
        envs.reset(seed=-1)
    with pytest.raises(InputError, match="a list of 2, got 3"):
        envs.reset(seed=[1, 2, 3])
    envs.reset(seed=0)
    with pytest.raises(InputError, match=r"actions must have shape \(2, 14\), got \(3, 14\)"):
        envs.step(np.zeros((3, 14), dtype=np.int64))


# -- what is seen --


def named(envs: EnterpriseVectorEnv, observation: np.ndarray) -> dict[str, float]:
    return dict(zip(envs.overview.names, observation.tolist(), strict=True))


def test_names_are_unique_and_entries_are_what_they_say() -> None:
    envs = EnterpriseVectorEnv(small(), 3)
    envs.reset(seed=1)
    assert len(set(envs.overview.names)) == len(envs.overview.names) == envs.single_observation_space.shape[0]
    rng, trend = np.random.default_rng(1), envs.companies.state.trend.copy()
    last = envs.companies.state.measures.copy()
    for period in range(1, 6):
        actions = draw(rng, envs.companies.levers, 3)
        observations, _, _, _, info = envs.step(actions)
        trend += 0.3 * (last - trend)
        state, account = envs.companies.state, info["account"]
        for i in range(3):
            seen = named(envs, observations[i])
            for line, name in enumerate(("first", "second")):
                for k, (measure, (_, scale, _)) in enumerate(MEASURES.items()):
                    now = info["measures"][measure][i, line]
                    assert seen[f"{measure}[{name}]"] == pytest.approx(np.clip(now / scale, -BOUND, BOUND), rel=1e-5)
                    change = np.clip((now - trend[i, line, k]) / scale, -BOUND, BOUND)
                    assert seen[f"{measure}_trend[{name}]"] == pytest.approx(change, abs=1e-5)
                assert seen[f"stage[{name}]"] == info["stage"][i, line] / 2
                assert seen[f"cards[{name}]"] == actions[i, envs.companies.levers.column(f"cards[{name}]")] / 4
            for supplier, name in enumerate(("mill", "shop")):
                assert seen[f"on_time[{name}]"] == pytest.approx(info["on_time"][i, supplier], rel=1e-6)
                assert seen[f"ready[{name}]"] == (state.waiting[i, supplier] == 0)
            assert seen["economic_profit"] == pytest.approx(account["economic_profit"][i] / 1000, rel=1e-5)
            assert seen["cash"] == pytest.approx(np.clip(state.balance.cash[i] / 1e4 / 5e4, -10, 10), rel=1e-5)
            assert seen["working_capital"] == pytest.approx(
                np.clip(state.balance.working_capital[i] / 1e4 / 5e4, -10, 10), rel=1e-5
            )
            assert seen["budget_left"] == pytest.approx(state.pool[i] / 1e4 / 4000, rel=1e-5)
            assert seen["budget_cut"] == (state.trouble.cut[i] > 0)
            assert seen["time"] == pytest.approx(period / 12)
        last = np.stack([info["measures"][name] for name in MEASURES], axis=-1)


def test_qualification_is_seen_as_it_goes_on() -> None:
    envs = EnterpriseVectorEnv(small(shocks=CALM), 1)
    seen = [named(envs, envs.reset(seed=1)[0][0])]
    action = envs.companies.levers.at_rest
    action[envs.companies.levers.column("alternative[shop]")] = 1
    seen += [named(envs, envs.step(action[None])[0][0]) for _ in range(4)]
    assert [row["ready[shop]"] for row in seen] == [0, 0, 0, 1, 1]
    assert [row["qualification[shop]"] for row in seen] == pytest.approx([0, 2 / 3, 1 / 3, 0, 0])
    assert all(row["ready[mill]"] == 1 and row["qualification[mill]"] == 0 for row in seen)


def test_true_capabilities_are_never_seen() -> None:
    """Audits have errors, from the first observation on: no entry is a capability but where both are cut at 0 or 1."""
    envs = EnterpriseVectorEnv(small(dynamics={"audit": 0.1}), 50)
    observations, _ = envs.reset(seed=1)
    rng = np.random.default_rng(1)
    for _ in range(12):
        abilities = envs.companies.state.abilities
        for i in range(50):
            true = np.concatenate([array[i].ravel() for array in abilities.arrays()]).astype(np.float32)
            true = true[(true > 0) & (true < 1)]
            audits = [v for name, v in named(envs, observations[i]).items() if name.startswith("audit")]
            assert not np.isin(np.array(audits, dtype=np.float32), true).any()
        observations = envs.step(draw(rng, envs.companies.levers, 50))[0]


def test_audits_are_right_on_average_and_differ_between_companies() -> None:
    firms = Companies(small(dynamics={"audit": 0.05}), 4000, seed=1)
    lines, suppliers = Overview(firms).audits()
    assert lines.shape == (4000, 2, len(LINE_CAPABILITIES) + 1)
    assert lines[:, 0, 0].mean() == pytest.approx(0.25, abs=4 * 0.05 / np.sqrt(4000))
    assert lines[:, 0, 0].std() == pytest.approx(0.05, rel=0.06)
    assert suppliers.mean(axis=0) == pytest.approx([0.25, 0.5], abs=4 * 0.05 / np.sqrt(4000))
    assert lines.min() >= 0
    assert lines.max() <= 1
    exact = Companies(small(dynamics={"audit": 0}), 2, seed=1)
    assert (Overview(exact).audits()[1] == exact.state.abilities.suppliers).all()


def test_observations_stay_finite_and_in_bounds_in_extreme_states() -> None:
    """No demand at all, and more than the line can ever make."""
    for mean in (1e-6, 5.0):
        envs = EnterpriseVectorEnv(small(lines=[{"name": "x", "demand": {"poisson": mean}}]), 6)
        observations, _ = envs.reset(seed=1)
        rng = np.random.default_rng(1)
        for _ in range(12):
            assert np.isfinite(observations).all()
            assert envs.observation_space.contains(observations)
            observations, rewards, _, _, info = envs.step(draw(rng, envs.companies.levers, 6))
            assert np.isfinite(rewards).all()
            assert all(np.isfinite(values).all() for values in info["measures"].values())


# -- several objectives --


def test_the_vector_of_rewards_by_hand() -> None:
    scalar, vector = (kind(small(), 6) for kind in (EnterpriseVectorEnv, EnterpriseMOVectorEnv))
    assert (scalar.reset(seed=3)[0] == vector.reset(seed=3)[0]).all()
    rng = np.random.default_rng(1)
    assert vector.objectives == tuple(OBJECTIVES) == ("finance", "service", "people", "risk")
    for _ in range(12):
        actions = draw(rng, scalar.companies.levers, 6)
        _, reward, _, _, info = scalar.step(actions)
        _, rewards, _, _, _ = vector.step(actions)
        assert (rewards[:, 0] == reward).all()
        assert rewards[:, 1] == pytest.approx(info["measures"]["fill_rate"].mean(axis=1) - 1)
        abilities = vector.companies.state.abilities
        people = abilities.lines[:, :, 3].mean(axis=1) - abilities.disruption.mean(axis=1)
        assert rewards[:, 2] == pytest.approx(people)
        late = 1 - info["on_time"].mean(axis=1)
        assert rewards[:, 3] == pytest.approx(-info["measures"]["down"].mean(axis=1) - late)
        assert all(vector.reward_space.contains(row) for row in rewards)


def test_companies_without_suppliers_are_rewarded_too() -> None:
    line = {name: value for name, value in LINE.items() if name not in ("items", "suppliers")}
    line["finance"] = {**LINE["finance"], "material": 0}
    enterprise = small() | {"line": line, "suppliers": []}
    enterprise["capabilities"]["supplier"] = []
    envs = EnterpriseMOVectorEnv(enterprise, 2)
    envs.reset(seed=1)
    rewards = envs.step(np.tile(envs.companies.levers.at_rest, (2, 1)))[1]
    assert np.isfinite(rewards).all()


def test_the_mo_environment_is_a_company_of_the_batch() -> None:
    envs, env = gymnasium.make_vec(MO, num_envs=2, enterprise=small()), gymnasium.make(MO, enterprise=small())
    envs.reset(seed=4)
    env.reset(seed=5)
    action = envs.action_space.sample()
    batch = envs.step(action)
    single = env.step(action[1])
    assert (single[0] == batch[0][1]).all()
    assert (single[1] == batch[1][1]).all()
    assert env.unwrapped.reward_dim == 4
    assert env.unwrapped.objectives == envs.unwrapped.objectives
