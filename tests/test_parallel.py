"""The parallel view: PettingZoo takes it, the line is the same line, and nothing is paid twice or by nobody."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest

from jitgym.errors import InputError
from jitgym.files import scenario_files
from jitgym.scenario import load_scenario
from jitgym.scorecard import Scorecard
from jitgym.simulator import Simulator

parallel = pytest.importorskip("jitgym.parallel", reason="needs the extra `multiagent`", exc_type=ImportError)
parallel_env, Cells = parallel.parallel_env, parallel.Cells
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # what its own examples use
    from pettingzoo.test import parallel_api_test, parallel_seed_test

SCENARIOS = sorted(scenario_files())
EVERYTHING = ["food", "electronics_build_to_order", "automotive_assembly", "bearing_line", "aerospace"]


def tree(**changes: Any) -> dict[str, Any]:
    """Two feeders and an assembly; the feeder `motor` has no knob."""
    return {
        "name": "tree",
        "horizon": 30,
        "stages": [{"name": "frame", "feeds": "final"}, {"name": "motor", "feeds": "final"}, {"name": "final"}],
        "items": [{"name": "steel", "stage": "frame", "initial": 4}, {"name": "wire", "stage": "motor", "initial": 4}],
        "suppliers": [
            {"name": "mill", "item": "steel", "lead_time": 2},
            {"name": "works", "item": "wire", "lead_time": 3},
        ],
        "demand": {"law": {"poisson": 0.4}},
        "control": [
            {"knob": "kanban", "at": ["frame", "final"], "high": 6, "default": 3},
            {"knob": "target", "at": "mill", "high": 9, "default": 5},
        ],
        "prices": {"wip": 1, "finished_goods": 2, "items": 0.5, "backlog": 10, "unit": [3, 4]},
        **changes,
    }


@pytest.mark.parametrize("reward", ["team", "local"])
@pytest.mark.parametrize("action", ["multidiscrete", "box"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_api_test_of_pettingzoo_passes(scenario: str, action: str, reward: str) -> None:
    parallel_api_test(parallel_env(scenario=scenario, action=action, reward=reward), num_cycles=20)


def test_the_api_test_runs_over_the_end_of_episodes() -> None:
    parallel_api_test(parallel_env(scenario=tree()), num_cycles=70)


@pytest.mark.parametrize("scenario", EVERYTHING)
def test_the_seed_test_of_pettingzoo_passes(scenario: str) -> None:
    parallel_seed_test(lambda: parallel_env(scenario=scenario), num_cycles=10)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("action", ["multidiscrete", "box"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_joint_actions_give_the_line_of_the_single_environment(scenario: str, action: str) -> None:
    """Ledger, costs, reward and observation are equal bit for bit, over the end of the episode too."""
    line = {**load_scenario(scenario).model_dump(), "horizon": 12}
    env = parallel_env(scenario=line, action=action)
    single = gymnasium.make("jitgym/PullLine-v0", scenario=line, action=action)
    names = single.unwrapped.observation_names
    knobs = [knob.name for knob in single.unwrapped.knobs]
    single.action_space.seed(1)
    for episode in range(2):
        seen, _ = env.reset(seed=None if episode else 6)
        observation, _ = single.reset(seed=None if episode else 6)
        for step in range(12):
            assert (env.state() == observation).all()
            for agent in env.agents:
                columns = [names.index(name) for name in env.observation_names[agent]]
                assert (seen[agent] == observation[columns]).all()
            joint = single.action_space.sample()
            actions = {
                agent: joint[[knobs.index(name) for name in env.knob_names[agent]]] for agent in env.possible_agents
            }
            seen, rewards, terminated, truncated, infos = env.step(actions)
            observation, reward, _, over, info = single.step(joint)
            assert set(rewards.values()) == {reward}
            assert not any(terminated.values())
            assert set(truncated.values()) == {over} == {step == 11}
            for told in infos.values():
                assert same(told["line"]["ledger"], info["ledger"])
                assert told["line"]["cost"] == info["cost"]
        assert env.agents == []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_knob_has_one_agent_and_every_price_one_cell(scenario: str) -> None:
    line = Simulator(scenario)
    cells = Cells(line.scenario)
    knobs = np.concatenate([cells.knobs_of(agent) for agent in cells.agents])
    assert sorted(knobs) == list(range(len(line.knobs)))
    assert all(len(cells.knobs_of(agent)) for agent in cells.agents)
    whole = np.zeros(line.tables.ledger.size)
    for entries in Scorecard(line.scenario).priced.values():
        for field, place, price in entries:
            if field in line.tables.ledger:
                whole[line.tables.ledger.start(field) + place] += price
    prices = cells.prices()
    assert ((prices != 0).sum(axis=0) <= 1).all()
    assert (prices.sum(axis=0) == whole).all()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_local_rewards_add_up_to_that_of_the_line_to_the_last_bit(scenario: str) -> None:
    local, team = (parallel_env(scenario=scenario, reward=reward) for reward in ("local", "team"))
    local.reset(seed=2)
    team.reset(seed=2)
    for i, agent in enumerate(local.possible_agents):
        local.action_space(agent).seed(i)
    for _ in range(20):
        actions = {agent: local.action_space(agent).sample() for agent in local.agents}
        shares, (_, rewards, _, _, infos) = local.step(actions)[1], team.step(actions)
        (whole,) = set(rewards.values())
        assert sum(shares.values()) == whole == sum(list(shares.values())[::-1])
        scale = local.scenario.reward_scale
        for agent, share in shares.items():
            assert share == pytest.approx(-infos[agent]["cost"] / scale, rel=1e-9, abs=1e-12)


def test_who_pays_for_what() -> None:
    """A hand count: one agent for each stage with a knob, `motor` in the cell of `final`, which it feeds."""
    env = parallel_env(scenario=tree(), reward="local")
    env.reset(seed=1)
    assert env.possible_agents == ["frame", "final"]
    assert env.knob_names == {"frame": ("kanban[frame]", "target[mill]"), "final": ("kanban[final]",)}
    for _ in range(10):
        _, rewards, _, _, infos = env.step({"frame": np.array([2, 6]), "final": np.array([4])})
        ledger = infos["frame"]["line"]["ledger"]
        frame = ledger["process_slots"][0] + ledger["store_slots"][0]
        frame += 0.5 * ledger["item_slots"][0] + 3 * ledger["ordered"][0]
        final = ledger["process_slots"][1:].sum() + ledger["store_slots"][1] + 2 * ledger["store_slots"][2]
        final += 0.5 * ledger["item_slots"][1] + 4 * ledger["ordered"][1] + 10 * ledger["backlog_slots"]
        assert infos["frame"]["cost"] == frame > 0
        assert infos["final"]["cost"] == final > 0
        assert rewards == {"frame": -frame, "final": -final}


def test_who_sees_what() -> None:
    env = parallel_env(scenario="bearing_line")
    assert env.possible_agents == ["turning", "grinding", "winding", "assembly"]
    seen = {agent: {*names} for agent, names in env.observation_names.items()}
    machine = {"is_down", "in_pm", "off_slots", "reading"}
    assert seen["grinding"] == {
        *(f"{field}[grinding]" for field in {"queue", "job", "store"} | machine),
        "store[turning]",
        "queue[winding]",
        "store[winding]",
    }
    assert {"stock[shafts]", "on_order[steelworks]", "overdue[steelworks]"} <= seen["turning"]
    customers = {"backlog", "demand_step", "demand_smooth"}
    assert customers <= seen["assembly"]
    assert not customers & (seen["turning"] | seen["grinding"] | seen["winding"])


def test_the_calendar_and_the_crew_are_seen_by_all() -> None:
    assert all("calendar" in names for names in parallel_env(scenario="food").observation_names.values())
    assert all("crew" in names for names in parallel_env(scenario="aerospace").observation_names.values())


def test_observations_of_a_tree_come_from_the_stages_that_feed() -> None:
    seen = parallel_env(scenario=tree(control=[{"knob": "kanban", "high": 6, "default": 3}])).observation_names
    assert {"store[frame]", "store[motor]", "queue[final]"} <= {*seen["final"]}
    assert {"queue[final]", "store[final]"} <= {*seen["frame"]}
    assert not any("motor" in name for name in seen["frame"])


def test_it_can_be_pickled_and_goes_on() -> None:
    env = parallel_env(scenario=tree())
    env.reset(seed=3)
    actions = {"frame": np.array([2, 6]), "final": np.array([4])}
    env.step(actions)
    twin = pickle.loads(pickle.dumps(env))
    for _ in range(5):
        one, other = env.step(actions), twin.step(actions)
        assert one[1] == other[1]
        assert same(one[0], other[0])


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"frame": [2, 6]}, "actions must be of frame, final, got frame"),
        ({"frame": [2, 6], "final": [4], "motor": [1]}, "actions must be of frame, final, got frame, final, motor"),
        ({"frame": [2], "final": [4]}, r"action of frame must be 2 of int64, got int64 of shape \(1,\)"),
        ({"frame": [2, 6], "final": [0.5]}, r"action of final must be 1 of int64, got float64 of shape \(1,\)"),
        ({"frame": [2, 6], "final": [7]}, r"action for kanban\[final\] of line 0 must be in 0..6, got 7"),
    ],
)
def test_wrong_actions_are_refused(actions: dict[str, Any], message: str) -> None:
    env = parallel_env(scenario=tree())
    env.reset(seed=0)
    with pytest.raises(InputError, match=message):
        env.step(actions)


def test_other_wrong_use_is_refused() -> None:
    with pytest.raises(InputError, match="reward must be 'team' or 'local', got 'mine'"):
        parallel_env(reward="mine")
    with pytest.raises(InputError, match="step must follow a reset"):
        parallel_env(scenario=tree()).step({})
