"""Training by simulation: settings are tried on the same luck, what they save is learned, a break leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agent_lines import HOLD, LINE

from jitgym import OFF, InputError, load_scenario
from jitgym.actions import ActionCodec
from jitgym.agents.controlled import ControlledSession
from jitgym.agents.policy import TrainedPolicy, load_agent, save_agent
from jitgym.agents.settings import read_settings
from jitgym.agents.structure import Structure
from jitgym.agents.train import Training, train
from jitgym.evaluate import run_policy
from jitgym.rules import rule_family
from jitgym.scorecard import Scorecard
from jitgym.seeds import BANKS, seed_bank
from jitgym.simulator import Simulator

pytestmark = pytest.mark.agents

SCENARIO = load_scenario(LINE)
START = np.array([3, 1, 20, OFF], dtype=np.int32)
NETWORK = {"policy_kwargs": {"net_arch": [16], "activation_fn": "relu"}}
SMALL = {
    **read_settings("dcl"),
    "n_envs": 256,
    "n_generations": 2,
    "ahead": 5,
    "joint_limit": 16,
    "reach": 0.05,
    **NETWORK,
}


def training(**changes: Any) -> Training:
    settings = {**SMALL, **changes.pop("set", {})}
    given = {"scenario": SCENARIO, "start": START, "settings": settings, "algorithm": "dcl", "steps": 4000}
    return Training(**{**given, **changes})


def test_one_who_decides_anew_may_maintain_now_or_not_and_order_any_quantity() -> None:
    knobs = Simulator(load_scenario("exact_maintenance")).knobs
    every = Structure.deciding(knobs, [OFF, 2, 4])
    assert every.menus == ((OFF,), (0, 1, 2, 3, 4), (1, 4, OFF))
    assert (every.kind, every.space.n) == ("joint", 15)
    codec = ActionCodec(knobs)
    assert codec.decode(every.choices(every.home_action)).tolist() == [OFF, 2, 4]
    few = Structure.deciding(knobs, [OFF, 2, 4], limit=8)
    found = codec.decode(few.choices(np.arange(few.space.n))).tolist()
    assert sorted(found) == sorted([[OFF, level, 4] for level in range(5)] + [[OFF, 2, level] for level in (1, OFF)])
    assert few.home_action == 0
    with pytest.raises(InputError, match="at most 6 settings, got 7 of one knob"):
        Structure.deciding(knobs, [OFF, 2, 4], limit=6)
    level, order = Structure.deciding(Simulator(load_scenario("lost_sales")).knobs, [16, 0]).menus
    assert 16 in level
    assert order == tuple(range(len(order)))
    assert len(order) > 5


def test_gains_are_against_the_mean_of_all_settings_and_on_the_same_luck(tmp_path: Path) -> None:
    """A base stock of 19 and one of 21 never bind beside these cards: they cost the same to the cent."""
    session = ControlledSession(training(), tmp_path, None)
    inputs, gains, _ = session._lessons(0, None)
    assert gains.shape == (len(inputs), session.structure.outputs)
    np.testing.assert_allclose(gains.mean(axis=1), 0, atol=1e-9)
    assert gains.std() > 0
    knobs = ActionCodec(Simulator(SCENARIO).knobs).decode(
        session.structure.choices(np.arange(session.structure.outputs))
    )
    columns: dict[tuple[int, ...], list[int]] = {}
    for k, (cut, pack, _, _) in enumerate(knobs.tolist()):
        columns.setdefault((cut, pack), []).append(k)
    same = next(found for found in columns.values() if len(found) > 1)
    np.testing.assert_allclose(gains[:, same], gains[:, same[:1]] + np.zeros(len(same)), atol=1e-9)


def test_what_a_setting_saves_is_what_copies_of_the_line_say(tmp_path: Path) -> None:
    """Counted by hand: one copy a setting, on the line's own luck, the rule from the second step on."""
    session = ControlledSession(training(set={"n_rollouts": 1, "normalize": False}), tmp_path, None)
    agent = TrainedPolicy(session.card(), SCENARIO, session.network())
    seeds, rng = seed_bank(7, session._states, "tuning"), np.random.default_rng(0)
    visit = session._visited(agent, SCENARIO, seeds, rng)
    luck = seed_bank(8, session._states, "tuning")
    costs, a_slot = session._costs(agent, SCENARIO, visit, luck.reshape(-1, 1, 1))
    codec, card, weights = ActionCodec(visit.simulator.knobs), Scorecard(SCENARIO), (1, 1, 1, 0.8, 0.4)
    assert session._ahead == len(weights)
    plain = []
    for setting in range(session.structure.outputs):
        copies = visit.simulator.fork(np.arange(session._states), luck)
        total = np.zeros(session._states)
        for step, weight in enumerate(weights):
            knobs = START if step else codec.decode(session.structure.choices(setting))
            cost = card.cost(copies.step(knobs))
            total += weight * cost
            plain.append(cost.mean() / SCENARIO.slots_per_step)
        np.testing.assert_allclose(costs[:, setting], total)
    assert a_slot == pytest.approx(np.mean(plain))


def test_states_are_visited_on_seeds_of_tuning_and_none_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[np.ndarray] = []

    def noted(seed: int, n: int, bank: Any = "play") -> Any:
        met.append(seed_bank(seed, n, bank))
        return met[-1]

    monkeypatch.setattr("jitgym.agents.controlled.seed_bank", noted)
    for seed in (0, 1):
        train(training(seed=seed, set={"normalize": False}), tmp_path / str(seed))
    seeds = np.concatenate(met)
    assert (seeds >> np.uint64(62) == BANKS["tuning"]).all()
    assert len(np.unique(seeds)) == len(seeds) > 100


def test_it_learns_what_pays(tmp_path: Path) -> None:
    """On a line where holding less stock is cheaper without end, it holds the least that it may."""
    scenario = load_scenario(HOLD)
    settings = {**SMALL, "ahead": 10, "n_envs": 2048, "n_generations": 3, "batch_size": 64}
    described = Training(scenario, 200_000, np.array([3]), settings=settings, algorithm="dcl")
    save_agent(train(described, tmp_path / "t"), tmp_path / "agent")
    agent = load_agent(tmp_path / "agent", scenario)
    seeds, card = seed_bank(0, 50, "evaluation"), Scorecard(scenario)
    least = rule_family(scenario, "kanban").rule(np.array([1]))
    assert card.cost(run_policy(scenario, agent, seeds)).mean() == card.cost(run_policy(scenario, least, seeds)).mean()


@pytest.mark.parametrize("frames", [1, 3])
def test_an_interrupted_training_ends_as_if_it_had_not_been(frames: int, tmp_path: Path) -> None:
    def interrupt(share: float, word: str) -> None:
        if share > 0.7:
            raise KeyboardInterrupt

    described = training(seed=3, set={"frame_stack": frames})
    whole = train(described, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(described, tmp_path / "parts", interrupt)
    shares: list[float] = []
    parts = train(described, tmp_path / "parts", lambda share, word: shares.append(share))
    assert shares[0] > 0.5  # with the second generation
    assert shares[-1] == pytest.approx(1)
    for name, tensor in parts.network.state_dict().items():
        assert torch.equal(tensor, whole.network.state_dict()[name])
    assert parts.card.facts["looks"] == whole.card.facts["looks"]
    assert parts.card.facts["curve"] == whole.card.facts["curve"]
    assert parts.card.facts["steps"] >= 4000
    again = train(described, tmp_path / "parts", lambda *told: pytest.fail("there is nothing left to do"))
    assert again.card.facts["steps"] == parts.card.facts["steps"]


def test_it_is_for_rules_with_constant_knobs() -> None:
    scenario = load_scenario("lost_sales")
    rule = rule_family(scenario, "capped").rule(np.array([17, 5]))
    with pytest.raises(InputError, match="dcl must start from constant knob values"):
        Training(scenario, 100, rule, settings=read_settings("dcl"), algorithm="dcl").structure()
