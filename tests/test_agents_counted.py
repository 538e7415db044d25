"""Training on a counted process: what is counted, what follows from it, and what an agent makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agent_lines import HOLD, LINE

from jitgym import OFF, InputError, load_scenario
from jitgym.agents.counted import CountedSession, _spread
from jitgym.agents.counting import LEAST_TRIED, MOST_STATES, Counted
from jitgym.agents.policy import load_agent, save_agent
from jitgym.agents.regression import regress
from jitgym.agents.settings import read_settings
from jitgym.agents.train import Training, train
from jitgym.evaluate import run_policy
from jitgym.rules import rule_family
from jitgym.scorecard import Scorecard
from jitgym.seeds import BANKS, seed_bank

pytestmark = pytest.mark.agents

SCENARIO = load_scenario({**LINE, "horizon": 25})  # lines go on elsewhere twice
START = np.array([3, 1, 20, OFF], dtype=np.int32)
SMALL = {
    **read_settings("counted"),
    "n_envs": 32,
    "n_generations": 2,
    "n_epochs": 1,
    "joint_limit": 16,
    "reach": 0.05,
    "policy_kwargs": {"net_arch": [16], "activation_fn": "relu"},
}
ROWS = np.array([[0, 0], [1, 0], [0, 7]])


def training(**changes: Any) -> Training:
    settings = {**SMALL, **changes.pop("set", {})}
    given = {"scenario": SCENARIO, "start": START, "settings": settings, "algorithm": "counted", "steps": 4000}
    return Training(**{**given, **changes})


# -- counting --


def test_states_have_numbers_and_keep_them() -> None:
    counted = Counted(2)
    first = counted.places(ROWS[:2])
    again = counted.places(ROWS[[2, 1, 0, 2]])
    assert sorted(first.tolist()) == [0, 1]
    assert again.tolist() == [2, first[1], first[0], 2]
    assert counted.states[again].tolist() == ROWS[[2, 1, 0, 2]].tolist()


def test_rows_that_differ_in_one_place_are_different_states() -> None:
    rows = np.stack(np.meshgrid(*[np.arange(12)] * 4), axis=-1).reshape(-1, 4)
    counted = Counted(1)
    places = counted.places(rows)
    assert len(counted) == len(np.unique(places)) == len(rows)


def chain(*lives: tuple[int, int, float, int, int]) -> tuple[Counted, np.ndarray]:
    """Two states, what was counted in them ``(state, setting, cost, next state, times)``, and their numbers."""
    counted = Counted(2)
    a, b = counted.places(ROWS[:2])
    real = {0: a, 1: b}
    for state, setting, cost, following, times in lives:
        counted.count(
            *(np.full(times, x) for x in (real[state], setting)), np.full(times, cost), np.full(times, real[following])
        )
    return counted, np.array([a, b])


def test_what_is_cheap_now_and_dear_later_is_not_chosen() -> None:
    """In state 0, setting 0 costs nothing and leads to state 1, which costs 10 and leads back; setting 1 costs 2."""
    n = 100 * LEAST_TRIED
    counted, order = chain((0, 0, 0.0, 1, n), (0, 1, 2.0, 0, n), (1, 0, 10.0, 0, n), (1, 1, 10.0, 1, n))
    dearer = counted.solve().dearer[order]
    assert np.nanargmin(dearer, axis=1).tolist() == [1, 0]
    assert dearer[0, 1] == dearer[1, 0] == pytest.approx(0)
    assert dearer[0, 0] == pytest.approx(6, rel=0.01)  # 10 in two steps, instead of 2 in each
    assert dearer[1, 1] == pytest.approx(8, rel=0.01)  # another step there


def test_a_setting_that_was_tried_seldom_is_not_known() -> None:
    n = LEAST_TRIED
    counted, order = chain((0, 0, 3.0, 0, n), (0, 1, 0.0, 0, n - 1), (1, 0, 1.0, 0, n))
    dearer = counted.solve().dearer[order]
    assert np.isnan(dearer).tolist() == [[False, True], [False, True]]


def test_luck_is_not_taken_for_merit() -> None:
    """A little cheaper in the mean, but only by a wide scatter of few tries: the sure setting is chosen."""
    n = 4 * LEAST_TRIED
    counted, order = chain((0, 0, 3.0, 0, 100 * n), (0, 1, 0.0, 0, n // 2), (0, 1, 5.96, 0, n // 2), (1, 0, 1.0, 0, n))
    assert np.nanargmin(counted.solve().dearer, axis=1)[order[0]] == 0
    sure, order_of_sure = chain((0, 0, 3.0, 0, 100 * n), (0, 1, 2.98, 0, n), (1, 0, 1.0, 0, n))
    assert np.nanargmin(sure.solve().dearer, axis=1)[order_of_sure[0]] == 1


def test_a_state_that_was_only_come_to_is_dear() -> None:
    n = LEAST_TRIED
    counted, order = chain((0, 0, 1.0, 0, 9 * n), (0, 1, 0.9, 0, n), (0, 1, 0.9, 1, n))
    dearer = counted.solve().dearer[order]
    assert dearer[0, 1] > dearer[0, 0] == pytest.approx(0)


def test_one_try_rules_nothing_out() -> None:
    """However far apart two settings came out, each once."""
    n = 100 * LEAST_TRIED
    counted, order = chain((0, 0, 1.0, 0, 1), (0, 1, 50.0, 0, 1), (1, 0, 0.0, 1, n), (1, 0, 60.0, 1, n))
    dearer, doubtful = counted.solve()
    assert doubtful[order[0]].all()
    assert np.argmin(dearer[order[0]]) == 0


def test_what_is_clearly_dearer_is_not_tried_again() -> None:
    n = LEAST_TRIED
    counted, order = chain((0, 0, 3.0, 0, n), (0, 1, 4.0, 0, n), (1, 0, 3.0, 1, n), (1, 1, 0.0, 1, n - 1))
    assert counted.solve().doubtful[order].tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize(("spread", "doubtful"), [(0.3, [True, False]), (3.0, [True, True])])
def test_what_may_be_the_best_for_all_that_is_known_is_tried_again(spread: float, doubtful: list[bool]) -> None:
    n = LEAST_TRIED
    half = ((0, 0, 3 + spread, 0, n // 2), (0, 0, 3 - spread, 0, n // 2), (0, 1, 3.2, 0, n), (1, 0, 3.0, 1, n))
    counted, order = chain(*half)
    assert counted.solve().doubtful[order[0]].tolist() == doubtful


def test_a_table_holds_all_that_was_counted() -> None:
    n = LEAST_TRIED
    counted, _ = chain((0, 0, 1.0, 1, n), (0, 1, 2.0, 0, n), (1, 0, 10.0, 0, n))
    again = Counted(2, counted.table())
    np.testing.assert_array_equal(again.solve().dearer, counted.solve().dearer)
    assert again.places(ROWS[:2]).tolist() == counted.places(ROWS[:2]).tolist()


def test_a_table_that_was_given_out_stays_as_it_is() -> None:
    counted, _ = chain((0, 0, 1.0, 1, 5))
    before = {name: array.copy() for name, array in counted.table().items()}
    given = counted.table()
    places = counted.places(ROWS[:2])
    counted.count(places, np.array([0, 1]), np.array([3.0, 4.0]), places)
    assert all((given[name] == before[name]).all() for name in before)
    assert counted.table()["tried"].sum() == 7


def test_a_line_that_shows_too_many_states_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jitgym.agents.counting.MOST_STATES", 2)
    with pytest.raises(InputError, match="counted needs a line that shows at most 2 states, got more"):
        Counted(1).places(ROWS)


# -- learning --


def test_lines_are_visited_on_seeds_of_tuning_and_none_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[np.ndarray] = []

    def noted(seed: int, n: int, bank: Any = "play") -> Any:
        met.append(seed_bank(seed, n, bank))
        return met[-1]

    monkeypatch.setattr("jitgym.agents.counted.seed_bank", noted)
    for seed in (0, 1):
        train(training(seed=seed, set={"normalize": False}), tmp_path / str(seed))
    seeds = np.concatenate(met)
    assert (seeds >> np.uint64(62) == BANKS["tuning"]).all()
    assert len(np.unique(seeds)) == len(seeds) > 100


def test_every_decision_is_counted(tmp_path: Path) -> None:
    session = CountedSession(training(), tmp_path, None)
    session.learn(None, 10**9, lambda: None)
    table = session._counted.table()
    assert table["tried"].sum() == table["times"].sum() == session.steps >= 4000
    assert (table["states"] >= 0).all()
    names = [name.partition("[")[0] for name in session.card().observations]
    assert table["states"].shape[1] == sum(name not in SMALL["blind"] for name in names) < len(names)


def test_lines_that_explore_spread_over_all_states_that_are_met() -> None:
    states, explores = np.array([0] * 9000 + [1] * 900 + [5] * 100), np.arange(10_000) % 2 == 1
    lines = _spread(states, explores, np.random.default_rng(0))
    assert (lines[~explores] == np.flatnonzero(~explores)).all()
    shares = np.bincount(states[lines[explores]], minlength=6) / explores.sum()
    np.testing.assert_allclose(shares[[0, 1, 5]], 1 / 3, atol=4 * np.sqrt(2 / 9 / explores.sum()))
    assert len(np.unique(lines[explores])) > 2000  # and all lines of a state alike


def test_breakdowns_are_counted_as_often_as_they_happen_wherever_lines_go_on(tmp_path: Path) -> None:
    """Also at wear that hardly a line comes to: within four standard errors of the discrete Weibull hazard."""
    scenario = load_scenario("exact_maintenance")
    settings = {**read_settings("counted", "exact_maintenance"), "n_envs": 8192, "n_epochs": 1, "n_generations": 2}
    start = rule_family(scenario, "basestock+age").rule(np.array([2, 4]))
    session = CountedSession(
        Training(scenario, 8_000_000, start, settings=settings, algorithm="counted"), tmp_path, None
    )
    session.learn(None, 10**9, lambda: None)
    table = session._counted.table()
    names = [name for name in session.card().observations if name not in settings["blind"] and "off_slots" not in name]
    wear, down = (table["states"][:, names.index(name)] for name in ("reading[press]", "is_down[press]"))
    before, after = table["ways"] // MOST_STATES // session.structure.outputs, table["ways"] % MOST_STATES
    broken = (down[before] == 0) & (down[after] == 1)
    worked = broken | ((down[after] == 0) & (wear[after] == wear[before] + 1))
    levels = np.arange(8)
    hazard = 1 - np.exp((levels / 20) ** 3 - ((levels + 1) / 20) ** 3)
    breakdowns = np.bincount(wear[before[broken]], weights=table["times"][broken], minlength=40)[levels]
    slots = np.bincount(wear[before[worked]], weights=table["times"][worked], minlength=40)[levels]
    assert slots.min() > 500
    assert (abs(breakdowns - hazard * slots) <= 4 * np.sqrt(hazard * (1 - hazard) * slots)).all()


def test_it_learns_what_pays(tmp_path: Path) -> None:
    """On a line where holding less stock is cheaper without end, it holds the least that it may."""
    scenario = load_scenario(HOLD)
    settings = {**SMALL, "n_envs": 256, "n_epochs": 5, "n_generations": 2}
    described = Training(scenario, 1_000_000, np.array([3]), settings=settings, algorithm="counted")
    save_agent(train(described, tmp_path / "t"), tmp_path / "agent")
    agent = load_agent(tmp_path / "agent", scenario)
    seeds, card = seed_bank(0, 50, "evaluation"), Scorecard(scenario)
    least = rule_family(scenario, "kanban").rule(np.array([1]))
    start = rule_family(scenario, "kanban").rule(np.array([3]))
    costs = [card.cost_a_slot(run_policy(scenario, one, seeds)).mean() for one in (agent, least, start)]
    assert costs[0] <= costs[1] + 0.02 * (costs[2] - costs[1])


def interrupting(work: Any, nth: int) -> Any:
    """Return what does the work, and is interrupted after it the nth time."""
    calls = iter(range(1, 1000))

    def done(*args: Any, **more: Any) -> Any:
        result = work(*args, **more)
        if next(calls) == nth:
            raise KeyboardInterrupt
        return result

    return done


@pytest.mark.parametrize(
    ("where", "work", "nth"),
    [("counted._spread", _spread, 3), ("counted.regress", regress, 2), ("judge.run_policy", run_policy, 3)],
)
def test_interrupted_in_its_last_generation_it_ends_as_if_it_had_not_been(
    where: str, work: Any, nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = training(steps=1600, set={"looks": 1})  # two generations of a batch
    whole = train(described, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(f"jitgym.agents.{where}", interrupting(work, nth))
        with pytest.raises(KeyboardInterrupt):
            train(described, tmp_path / "parts")
    resumed = train(described, tmp_path / "parts")
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], tensor)
    for fact in ("steps", "looks", "kept_after", "curve"):
        assert resumed.card.facts[fact] == whole.card.facts[fact]


def test_where_nothing_was_tried_it_does_as_the_rule(tmp_path: Path) -> None:
    session = CountedSession(training(set={"joint_limit": 64, "radius": 1}), tmp_path, None)
    met, only_come_to = session._counted.places(np.array([[1] * len(session._shown), [2] * len(session._shown)]))
    n = LEAST_TRIED
    session._counted.count(np.full(n, met), np.full(n, 1), np.full(n, 5.0), np.full(n, only_come_to))
    session._solve()
    home = session.structure.home_action
    assert home > 1
    assert session._chosen(np.array([met, only_come_to])).tolist() == [1, home]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"blind": ["demand_smoth"]},
            "blind must name fields of the observation, got 'demand_smoth' .did you mean 'demand_smooth'",
        ),
        ({"blind": "demand"}, "blind must be a list of names, got 'demand'"),
        ({"frame_stack": 2}, "frame_stack must be 1 for counted, got 2"),
    ],
)
def test_settings_it_cannot_work_with(changes: dict[str, Any], fault: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=fault):
        CountedSession(training(set=changes), tmp_path, None)
