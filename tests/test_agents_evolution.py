"""Evolution strategies: a generation plays the same episodes, the step is to the better, a break leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agent_lines import HOLD, LINE

from jitgym import OFF, InputError, load_scenario
from jitgym.agents.evolution import EvolutionSession, Population
from jitgym.agents.policy import build_network, load_agent, save_agent
from jitgym.agents.schedule import read_schedule
from jitgym.agents.settings import read_settings
from jitgym.agents.train import Training, train
from jitgym.evaluate import run_policy
from jitgym.rules import rule_family
from jitgym.scorecard import Scorecard
from jitgym.seeds import BANKS, seed_bank

pytestmark = pytest.mark.agents

SCENARIO = load_scenario(LINE)
START = np.array([3, 1, 20, OFF], dtype=np.int32)
SMALL = {**read_settings("es"), "n_envs": 32, "n_pairs": 4}
GENERATION = 32 * LINE["horizon"]


def training(generations: int = 4, **changes: Any) -> Training:
    settings = {**SMALL, **changes.pop("set", {})}
    given = {"scenario": SCENARIO, "start": START, "settings": settings, "algorithm": "es"}
    return Training(**{**given, "steps": generations * GENERATION, **changes})


def weights_of(agent: Any) -> torch.Tensor:
    return torch.cat([tensor.ravel() for tensor in agent.network.state_dict().values()])


def test_a_population_acts_as_each_of_its_networks() -> None:
    torch.manual_seed(0)
    for hidden in ((), (5,)):
        networks = [build_network(3, hidden, 2, "tanh") for _ in range(4)]
        population = Population(networks[0])
        population.weights = torch.stack([torch.nn.utils.parameters_to_vector(one.parameters()) for one in networks])
        inputs = torch.randn(4 * 6, 3)
        each = torch.cat([one(part) for one, part in zip(networks, inputs.split(6), strict=True)])
        torch.testing.assert_close(population(inputs), each.detach())


def test_the_untrained_agent_is_a_rule_that_looks_at_the_line(tmp_path: Path) -> None:
    scenario = load_scenario("lost_sales")
    rule = rule_family(scenario, "capped").rule(np.array([17, 5]))
    agent = train(Training(scenario, 0, rule, settings=read_settings("es"), algorithm="es"), tmp_path / "t")
    save_agent(agent, tmp_path / "agent")
    seeds = seed_bank(0, 20, "evaluation")
    theirs = run_policy(scenario, rule, seeds).array
    assert (run_policy(scenario, load_agent(tmp_path / "agent", scenario), seeds).array == theirs).all()


def test_it_learns_what_pays(tmp_path: Path) -> None:
    """On a line where holding less stock is cheaper without end, it holds the least that it may."""
    scenario = load_scenario(HOLD)
    agent = train(Training(scenario, 100_000, np.array([3]), settings=SMALL, algorithm="es"), tmp_path)
    seeds, card = seed_bank(0, 50, "evaluation"), Scorecard(scenario)
    least = rule_family(scenario, "kanban").rule(np.array([1]))
    assert card.cost(run_policy(scenario, agent, seeds)).mean() == card.cost(run_policy(scenario, least, seeds)).mean()


def test_where_all_agents_do_the_same_there_is_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = EvolutionSession(training(set={"looks": 0}), tmp_path, None)
    monkeypatch.setattr(session, "_costs", lambda scenario, tried, seeds: np.ones((len(tried), len(seeds))))
    session.learn(None, 10**9, lambda: None)
    assert not session._scaled.any()


def test_it_goes_to_the_minimum_of_a_bowl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where cost is a known function of the weights: to its minimum, however cost is scaled."""
    session = EvolutionSession(training(200, set={"looks": 0, "n_pairs": 16}), tmp_path, None)
    goal = torch.linspace(-3, 3, len(session._units))
    tried_before = []

    def bowl(scenario: Any, tried: torch.Tensor, seeds: Any) -> Any:
        tried_before.append(tried)
        cost = ((tried / session._units - goal) ** 2).sum(dim=1).numpy()
        return 1e6 + 1e-3 * np.repeat(cost[:, None], len(seeds), axis=1)

    monkeypatch.setattr(session, "_costs", bowl)
    session.learn(None, 10**9, lambda: None)
    first = tried_before[0]
    torch.testing.assert_close(first[:16], -first[16:])  # pairs, round the rule
    distance = (session._scaled.detach() - goal).norm()
    assert distance < 0.35 * goal.norm()


def test_agents_of_a_generation_play_the_same_episodes_and_no_two_generations_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[np.ndarray] = []

    def noted(scenario: Any, policy: Any, seeds: np.ndarray, *rest: Any) -> Any:
        played.append(seeds)
        return run_policy(scenario, policy, seeds, *rest)

    monkeypatch.setattr("jitgym.agents.evolution.run_policy", noted)
    for seed in (0, 1):
        train(training(3, seed=seed), tmp_path / str(seed))
    generations = [seeds.reshape(8, 4) for seeds in played if len(seeds) == 32]
    assert len(generations) == 6
    for seeds in generations:
        assert (seeds == seeds[0]).all()
        assert (seeds >> np.uint64(62) == BANKS["tuning"]).all()
    assert len(np.unique([seeds[0] for seeds in generations])) == 6 * 4


@pytest.mark.parametrize("hidden", [[], [8]])
def test_weights_are_tried_by_what_spreads_the_moves_as_asked(hidden: list[int], tmp_path: Path) -> None:
    network = {"policy_kwargs": {"net_arch": hidden, "activation_fn": "tanh"}}
    session = EvolutionSession(training(set={"start_spread": 0.3, **network}), tmp_path, None)
    last = list(session.network())[-1]
    inputs = torch.as_tensor(session.view.inputs_of(session.view.stacked(session._seen(), None, None)))
    for layer in list(session.network())[:-1]:
        inputs = layer(inputs)
    units = session._units[-sum(weights.numel() for weights in last.parameters()) :].reshape(last.out_features, -1)
    rng = np.random.default_rng(0)
    moves = [
        inputs.detach().numpy() @ (rng.standard_normal(last.in_features) * float(units[0, 0]))
        + float(units[0, 0]) * rng.standard_normal()
        for _ in range(500)
    ]
    assert np.sqrt(np.mean(np.square(moves))) == pytest.approx(0.3, rel=0.15)


def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    def interrupt(share: float, word: str) -> None:
        if share > 0.4:
            raise KeyboardInterrupt

    whole = train(training(6, seed=3), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(training(6, seed=3), tmp_path / "parts", interrupt)
    shares: list[float] = []
    parts = train(training(6, seed=3), tmp_path / "parts", lambda share, word: shares.append(share))
    assert shares[0] > 0.5
    assert (weights_of(parts) == weights_of(whole)).all()
    assert weights_of(parts).any()
    assert parts.card.view.state() == whole.card.view.state()
    facts = parts.card.facts
    assert facts["steps"] == 6 * GENERATION
    assert facts["looks"] == whole.card.facts["looks"]
    assert facts["curve"] == whole.card.facts["curve"]
    assert list((tmp_path / "parts" / "tensorboard").rglob("events.*"))
    with pytest.raises(InputError, match="must be of the same training, but seed was 3 and is 4"):
        train(training(6, seed=4), tmp_path / "parts")


def test_threads_change_nothing(tmp_path: Path) -> None:
    one, two = (train(training(2, n_threads=n), tmp_path / str(n)) for n in (1, 2))
    assert (weights_of(one) == weights_of(two)).all()


def test_a_schedule_deals_the_episodes_out_over_its_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = {**LINE, "demand": {"law": {"bernoulli": 0.7}}, "name": "busy"}
    schedule = read_schedule([{"scenario": LINE, "share": 0.5}, {"scenario": [LINE, busy], "share": 0.5}])
    session = EvolutionSession(training(4, schedule=schedule, set={"looks": 0}), tmp_path, None)
    played, costs = [], session._costs

    def noted(scenario: Any, tried: Any, seeds: Any) -> Any:
        played.append((scenario.name, len(seeds)))
        return costs(scenario, tried, seeds)

    monkeypatch.setattr(session, "_costs", noted)
    session.learn(None, 10**9, lambda: None)
    assert played == [("short", 4)] * 2 + [("short", 2), ("busy", 2)] * 2
    assert session.steps == 4 * GENERATION
    assert {one.name: one.share for one in session.card().trained_on} == {"short": 0.75, "busy": 0.25}


def test_episodes_must_be_dealt_out_evenly() -> None:
    with pytest.raises(InputError, match="n_envs must be a multiple of 2 x n_pairs = 8, got 36"):
        training(set={"n_envs": 36})
    with pytest.raises(InputError, match="n_pairs must be an integer >= 1, got 0"):
        training(set={"n_pairs": 0})
