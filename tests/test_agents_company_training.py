"""Training of learned managers: what is rewarded, what is kept, and that settings arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enterprises import steady

pytest.importorskip("stable_baselines3", reason="needs the extra `agents`")

import torch

from jitgym.actions import ActionCodec
from jitgym.agents import company_training
from jitgym.agents.company import RETURN, Network, inputs_of, load_agent
from jitgym.agents.company_training import CompanyVecEnv, Settings, network_of, train_company
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.managers import manager
from jitgym.enterprise.money import COIN
from jitgym.enterprise.runs import run
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError
from jitgym.seeds import seed_bank

pytestmark = pytest.mark.agents

FIRM = load_enterprise(steady(horizon=6))
RULE = "technique"
NUMBERS = [2]
SETTINGS = Settings(companies=4, batch=6, epochs=2, hidden=(4,), hold=2)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_training, "VALIDATION", 6)


def environment(n: int = 3, seed: int = 5) -> CompanyVecEnv:
    return CompanyVecEnv(FIRM, RULE, NUMBERS, n, seed)


def step(env: CompanyVecEnv, picks: np.ndarray) -> Any:
    env.step_async(picks)
    return env.step_wait()


def test_who_follows_the_rule_is_rewarded_with_nothing_and_does_what_it_does() -> None:
    env, alone = environment(), Companies(FIRM, 3, 5)
    env.reset()
    alone.reset()  # the next episode, as the environment's
    rule, overview, memory = manager(alone, RULE, NUMBERS), Overview(alone), None
    codec = ActionCodec(tuple(lever.knob for lever in alone.levers.levers))
    total = np.zeros(3)
    for period in range(6):
        actions, memory = rule.predict(overview.observe(), memory)
        total += alone.step(codec.decode(actions)).account.economic_profit / COIN
        _, rewards, over, infos = step(env, np.zeros((3, len(env.moves.sizes)), dtype=np.int64))
        assert (rewards == 0).all()
        assert over.tolist() == [period == 5] * 3
    assert [info["episode"]["r"] for info in infos] == pytest.approx(total)
    assert [info["episode"]["l"] for info in infos] == [6] * 3
    assert not any("TimeLimit.truncated" in info for info in infos)  # the end of the years is the end


def test_the_reward_is_the_difference_to_the_rule_under_the_same_luck() -> None:
    env, here, there = environment(), Companies(FIRM, 3, 5), Companies(FIRM, 3, 5)
    env.reset()
    rule, other = (manager(firms, RULE, NUMBERS) for firms in (here, there))
    codec, rng = ActionCodec(tuple(lever.knob for lever in here.levers.levers)), np.random.default_rng(1)
    for firms in (here, there):
        firms.reset()
    told = 0
    for period in range(6):
        picks = rng.integers(0, env.moves.sizes, (3, len(env.moves.sizes)))
        base = codec.decode(rule.predict(Overview(here).observe())[0]).astype(np.int64)
        decisions = env.moves.decisions(base, picks, here.state.stage)
        profit = here.step(decisions).account.economic_profit
        usual = there.step(codec.decode(other.predict(Overview(there).observe())[0])).account.economic_profit
        seen, rewards, _, infos = step(env, picks)
        assert rewards == pytest.approx((profit - usual) / COIN / FIRM.money.reward_scale, rel=1e-6)
        own = Overview(here).observe()
        last = np.stack([info["terminal_observation"] for info in infos]) if period == 5 else seen
        assert np.array_equal(last[:, : own.shape[1]], own), "what is seen at the end is the end"
        told += int((rewards != 0).sum())
    assert told == 18
    here.reset()
    first = Overview(here).observe()
    base = codec.decode(rule.predict(first)[0]).astype(np.int64)
    assert np.array_equal(seen, inputs_of(first, base, here.levers)), "then the next episode begins"


def test_what_a_batch_of_companies_is_asked_as_an_environment() -> None:
    env = environment()
    assert env.get_attr("num_envs") == [3] * 3
    assert env.get_attr("render_mode", [0]) == [None]
    assert env.env_is_wrapped(object) == [True] * 3
    assert env.env_method("reset", indices=[1])[0].shape == (3, env.observation_space.shape[0])  # type: ignore[index]
    with pytest.raises(InputError, match="x cannot be set: companies of a batch cannot differ"):
        env.set_attr("x", 1)


@pytest.fixture(scope="module")
def trained() -> tuple[Any, list[str], dict[str, Any]]:
    """Return a manager of two roll-outs, what was told meanwhile, and the settings of PPO as they arrived."""
    told: list[str] = []
    arrived: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company_training, "VALIDATION", 6)
        original = company_training.PPO

        def ppo(*arguments: Any, **settings: Any) -> Any:
            model = original(*arguments, **settings)
            arrived.update(settings, env=arguments[1], model=model)
            return model

        patch.setattr(company_training, "PPO", ppo)
        agent = train_company(FIRM, RULE, NUMBERS, 48, 3, SETTINGS, 1, told.append)
    return agent, told, arrived


def test_two_rollouts_train_a_manager_who_can_be_stored(trained: Any, tmp_path: Path) -> None:
    agent, told, _ = trained
    agent.save(tmp_path)
    again = load_agent(tmp_path, Companies(FIRM, 2))
    assert again.facts["periods"] == 48
    assert again.facts["settings"] == {**vars(SETTINGS), "hidden": [4]}
    assert set(again.facts["versions"]) == {"stable_baselines3", "torch"}
    assert (again.facts["seed"], again.facts["algorithm"]) == (3, "PPO")
    assert [len(weight) for weight in again.network.weights] == [4, 97]
    # after the first roll-out, and at the end
    assert [steps for steps, _ in agent.facts["curve"]] == [24, 48]
    assert [line.partition(" ")[0] for line in told] == ["24", "48"]


def test_settings_arrive(trained: Any) -> None:
    _, _, arrived = trained
    model = arrived["model"]
    assert arrived["env"].num_envs == 4
    assert (model.n_steps, model.batch_size, model.n_epochs) == (3, 6, 2)
    assert (model.gamma, model.gae_lambda, model.ent_coef) == (0.97, 0.95, 0.0)
    assert model.clip_range(1.0) == 0.2
    assert model.lr_schedule(1.0) == pytest.approx(1e-3)
    assert model.lr_schedule(0.0) == pytest.approx(1e-4)
    assert (model.seed, model.device.type) == (3, "cpu")
    other = Settings(4, 2e-3, 12, 1, 0.9, 0.8, 0.01, 0.1, (3, 3), 1)
    with pytest.MonkeyPatch.context() as patch:
        made: list[Any] = []
        original = company_training.PPO
        patch.setattr(company_training, "PPO", lambda *a, **k: made.append(original(*a, **k)) or made[-1])
        train_company(FIRM, RULE, NUMBERS, 1, 4, other, 1, lambda word: None)
    (model,) = made
    assert (model.n_steps, model.batch_size, model.n_epochs, model.gamma) == (6, 12, 1, 0.9)
    assert (model.gae_lambda, model.ent_coef, model.clip_range(1.0), model.lr_schedule(1.0)) == (0.8, 0.01, 0.1, 2e-3)
    assert [len(weight) for weight in network_of(model).weights] == [3, 3, 97]


def test_training_is_the_same_again_for_its_seed(trained: Any) -> None:
    again = train_company(FIRM, RULE, NUMBERS, 48, 3, SETTINGS, 1, lambda word: None)
    assert again.facts["curve"] == trained[0].facts["curve"]
    for one, other in zip(again.network.weights, trained[0].network.weights, strict=True):
        assert np.array_equal(one, other)


def test_the_network_on_numpy_is_the_actor(trained: Any) -> None:
    model = trained[2]["model"]
    inputs = np.random.default_rng(0).standard_normal((5, model.observation_space.shape[0])).astype(np.float32)
    with torch.no_grad():
        latent = model.policy.mlp_extractor.forward_actor(torch.as_tensor(inputs))
        wanted = model.policy.action_net(latent).numpy()
    assert network_of(model)(inputs) == pytest.approx(wanted, abs=1e-5)


def test_it_begins_as_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_training.PPO, "learn", lambda self, *more, callback: callback.init_callback(self))
    agent = train_company(FIRM, RULE, NUMBERS, 24, 3, SETTINGS, 1, lambda word: None)
    assert agent.facts["curve"] == [[0.0, 0.0]]
    firms, seeds = Companies(FIRM, 4), seed_bank(1, 4)
    one, other = run(firms, agent, seeds), run(firms, manager(firms, RULE, NUMBERS), seeds)
    assert np.array_equal(one.economic_profit, other.economic_profit)


def test_the_judge_keeps_the_best_of_all_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that goes back to push, one that follows, and one that pays for nothing: whatever comes last."""
    env = environment()
    sizes, inputs = env.moves.sizes, env.observation_space.shape[0]  # type: ignore[index]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def always(picks: np.ndarray) -> Network:
        bias = np.zeros(sizes.sum(), dtype=np.float32)
        bias[starts + picks] = 1
        return Network((np.zeros((len(bias), inputs), dtype=np.float32),), (bias,))

    rollouts = env.companies.levers.columns["rollout"]
    back, more = np.zeros(len(sizes), dtype=np.int64), np.zeros(len(sizes), dtype=np.int64)
    back[rollouts], more[env.companies.levers.columns["cards"]] = RETURN, 1
    tried = [always(np.zeros(len(sizes), dtype=np.int64)), always(back), always(more)]
    told: list[str] = []
    judge = company_training._Judge(env, 1, told.append)
    judge.model, env.periods = None, 10  # type: ignore[assignment]
    gains = []
    for network in tried:
        monkeypatch.setattr(company_training, "network_of", lambda model, network=network: network)
        judge.judge()
        gains.append(judge.curve[-1][1])
    firms, seeds = Companies(FIRM, 6), seed_bank(11, 6, "tuning")
    rule = manager(firms, RULE, NUMBERS)
    alone = run(firms, rule, seeds).economic_profit.mean()
    for network, gain in zip(tried, gains, strict=True):
        agent = company_training.CompanyAgent(firms, rule, network, {})
        assert gain == pytest.approx((run(firms, agent, seeds).economic_profit.mean() - alone) / abs(alone))
    assert gains[0] == 0
    assert len(set(gains)) == 3
    assert judge.gain == max(gains)
    assert judge.best is tried[int(np.argmax(gains))]
    assert told[0] == "10 periods: +0.00 % against the rule"
