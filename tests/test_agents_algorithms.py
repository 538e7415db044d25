"""Every algorithm: it starts as its rule, learns, is taken out of Stable-Baselines3 whole, and can be interrupted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agent_lines import HOLD, LINE

from jitgym import OFF, InputError, load_scenario
from jitgym.actions import ActionCodec
from jitgym.agents.algorithms import ALGORITHMS, GradientAlgorithm, SpreadDQN
from jitgym.agents.checkpoint import CHECKPOINT, read_checkpoint
from jitgym.agents.gradients import GradientSession
from jitgym.agents.judge import EPISODES, INSTANCE, Judge, Look
from jitgym.agents.policy import load_agent, save_agent
from jitgym.agents.sb3 import PullLineVecEnv
from jitgym.agents.settings import read_settings, scheduled
from jitgym.agents.structure import Structure
from jitgym.agents.train import Training, train
from jitgym.evaluate import run_policy
from jitgym.files import scenario_folder
from jitgym.rules import ConstantRule
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

pytestmark = pytest.mark.agents

SCENARIO = load_scenario(LINE)
START = np.array([3, 1, 20, OFF], dtype=np.int32)
KNOBS = Simulator(SCENARIO).knobs
NETWORK = {"policy_kwargs": {"net_arch": [8], "activation_fn": "tanh"}}
ON = {"n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 1, **NETWORK}
OFFLINE = {"n_envs": 8, "learning_starts": 64, "batch_size": 64, "buffer_size": 2000, **NETWORK}
EVOLVED = {"n_envs": 16, "n_pairs": 4, **NETWORK}
SIMULATED = {"n_envs": 128, "n_rollouts": 1, "ahead": 4, "n_generations": 2, "n_epochs": 1, **NETWORK}
COUNTED = {"n_envs": 16, "n_generations": 2, "n_epochs": 1, **NETWORK}
SMALL = {
    **{"ppo": ON, "maskable_ppo": ON, "sac": OFFLINE, "dqn": OFFLINE},
    **{"es": EVOLVED, "dcl": SIMULATED, "counted": COUNTED},
}
NAMES = sorted(ALGORITHMS)
BY_GRADIENTS = [name for name in NAMES if isinstance(ALGORITHMS[name], GradientAlgorithm)]


def training(name: str, **changes: Any) -> Training:
    """A training of a few steps that starts as a rule."""
    settings = {**read_settings(name), **SMALL[name], **changes.pop("set", {})}
    given = {"scenario": SCENARIO, "steps": 512, "start": START, "settings": settings, "algorithm": name}
    return Training(**{**given, **changes})


def states(n: int, entries: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 3, (n, entries)).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_starts_as_its_rule(name: str, tmp_path: Path) -> None:
    agent = train(training(name, steps=0), tmp_path)
    rule = ConstantRule(START, ActionCodec(KNOBS))
    seen = states(50, len(agent.card.observations))
    assert (agent.predict(seen)[0] == rule.predict(seen)[0]).mean() > 0.98


@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_the_network_taken_out_acts_as_the_model_does(name: str, tmp_path: Path) -> None:
    """Also after the agent was stored and loaded: the same choices as Stable-Baselines3's deterministic ones."""
    session = GradientSession(training(name, set={"looks": 0}), tmp_path, None)
    session.learn(None, 10**9, lambda: None)
    save_agent(session.policy(), tmp_path / "agent")
    agent = load_agent(tmp_path / "agent", SCENARIO)
    seen = states(50, len(agent.card.observations))
    view = session.env.view
    assert view is not None
    options = {}
    if name == "maskable_ppo":
        assert agent._masks is not None
        options = {"action_masks": agent._masks(seen)}
    theirs, _ = session.model.predict(view.inputs_of(seen[:, None, :]), deterministic=True, **options)
    assert (agent.predict(seen)[0] == session.structure.choices(theirs)).all()


@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_interrupted_training_goes_on_where_it_was(name: str, tmp_path: Path) -> None:
    def interrupt(share: float, word: str) -> None:
        if share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(training(name), tmp_path, interrupt)
    kept = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert 0 < kept["done"] < 512
    resumed = GradientSession(training(name), tmp_path / "again", None)
    fresh = resumed.model.get_parameters()["policy"]
    assert any((fresh[key] != value).any() for key, value in kept["learned"]["modules"]["policy"].items())
    shares: list[float] = []
    agent = train(training(name), tmp_path, lambda share, word: shares.append(share))
    assert shares[0] > kept["done"] / 512
    assert shares[-1] == 1
    assert agent.card.facts["steps"] == 512
    assert list((tmp_path / "tensorboard").rglob("events.*"))


@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_a_checkpoint_holds_weights_and_optimisers(name: str, tmp_path: Path) -> None:
    """What is read back is, tensor for tensor, what was written."""
    train(training(name), tmp_path)
    kept = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    described = training(name)
    state = read_checkpoint(tmp_path / CHECKPOINT, described.identity(), "cpu")
    model = GradientSession(described, tmp_path, state).model
    assert model.num_timesteps == 512
    for part, values in model.get_parameters().items():
        before = kept["learned"]["modules"][part]
        if part.endswith("optimizer"):
            assert values["state"].keys() == before["state"].keys()
            assert values["state"], "an optimiser that has seen nothing proves nothing"
        else:
            assert all((value == before[key]).all() for key, value in values.items())


def test_dqn_learns_the_setting_that_pays(tmp_path: Path) -> None:
    """On a line where holding less stock is cheaper without end, the learned setting is the lowest."""
    scenario = load_scenario(HOLD)
    settings = {**read_settings("dqn"), **OFFLINE, "learning_starts": 400, "target_update_interval": 400}
    settings |= {"gamma": 0.8, "gradient_steps": 16}
    described = Training(scenario, 6000, None, settings=settings, algorithm="dqn")
    agent = train(described, tmp_path)
    assert agent.structure.space.n == 6
    seeds = seed_bank(0, 50, "evaluation")
    card = Scorecard(scenario)
    codec = ActionCodec(agent.structure.knobs)
    costs = {k: card.cost(run_policy(scenario, ConstantRule([k], codec), seeds)).mean() for k in (1, 3, 6)}
    assert costs[1] < costs[3] < costs[6]
    learned = card.cost(run_policy(scenario, agent, seeds)).mean()
    assert learned < costs[3]


def test_dqn_explores_line_by_line() -> None:
    """Half of the choices are random: each line for itself, and not all lines or none."""
    structure = Structure.around(KNOBS, START).jointly(64)
    env = PullLineVecEnv(SCENARIO, 400, seed=0, structure=structure)
    model = SpreadDQN("MlpPolicy", env, seed=0, device="cpu", buffer_size=400)
    model.exploration_rate = 0.5
    observations = env.reset()
    greedy, _ = model.predict(observations, deterministic=True)
    explored, _ = model.predict(observations)
    n = len(structure.joint or ())
    share = 0.5 * (1 - 1 / n)
    assert abs((explored != greedy).mean() - share) < 4 * np.sqrt(share * (1 - share) / 400)


def test_joint_settings_are_all_combinations_or_moves_of_one_knob() -> None:
    around = Structure.around(KNOBS, START, radius=1, reach=0.0)
    assert around.menus == ((2, 3, 4), (1, 2), (19, 20, 21), (OFF,))
    every = around.jointly()
    assert every.space.n == 3 * 2 * 3
    codec = ActionCodec(KNOBS)
    settings = {tuple(row) for row in codec.decode(every.choices(np.arange(18))).tolist()}
    assert settings == {(a, b, c, OFF) for a in (2, 3, 4) for b in (1, 2) for c in (19, 20, 21)}
    assert (codec.decode(every.choices(every.home_action)) == START).all()
    few = around.jointly(limit=10)
    settings = {tuple(row) for row in codec.decode(few.choices(np.arange(few.space.n))).tolist()}
    star = {(3, 1, 20, OFF), (2, 1, 20, OFF), (4, 1, 20, OFF), (3, 2, 20, OFF), (3, 1, 19, OFF), (3, 1, 21, OFF)}
    assert settings == star
    assert few.home_action == 0
    with pytest.raises(InputError, match="at most 512 joint settings of the knobs, got 63504"):
        Structure.whole(KNOBS).jointly()


def test_choices_and_picks_are_inverse() -> None:
    structure = Structure.around(KNOBS, START)
    picks = Structure(KNOBS, structure.menus)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, picks.sizes, (100, len(picks.sizes)))
    assert (picks.picks(picks.choices(drawn)) == drawn).all()
    with pytest.raises(InputError, match=r"basestock\[cut\]: the rule must set it to what the agent may choose"):
        picks.picks(ActionCodec(KNOBS).encode([3, 1, 39, OFF]))


def test_sac_without_a_rule_moves_over_the_whole_range() -> None:
    structure = training("sac", start=None).structure()
    codec = ActionCodec(KNOBS)
    low, high = codec.decode(structure.choices([[-1.0] * 4, [1.0] * 4]))
    assert low.tolist() == [1, 1, 0, 0]
    assert high.tolist() == [6, 6, OFF, OFF]


@pytest.mark.parametrize("name", ["sac", "dqn"])
def test_a_rule_that_looks_at_the_line_is_for_agents_that_pick(name: str) -> None:
    class Looker:
        def predict(self, observation: Any, state: Any = None, start: Any = None, deterministic: bool = True) -> Any:
            return np.zeros((len(observation), 4), dtype=np.int64), state

    with pytest.raises(InputError, match=f"{name} must start from .*: it moves knobs around them"):
        training(name, start=Looker()).structure()


# -- settings --


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_settings_can_be_read(name: str) -> None:
    settings = read_settings(name)
    assert (scenario_folder() / "agents" / f"{name}.yaml").is_file()
    assert scheduled(settings["learning_rate"])(0.5) == pytest.approx(0.5 * float(settings["learning_rate"][4:]))  # type: ignore[operator]


def test_a_scenario_s_own_section_overrides_the_default(tmp_path: Path) -> None:
    text = (scenario_folder() / "agents" / "ppo.yaml").read_text() + "\nshort:\n  gamma: 0.5\n"
    (tmp_path / "own.yaml").write_text(text)
    assert read_settings("ppo", "short", tmp_path / "own.yaml")["gamma"] == 0.5
    assert read_settings("ppo", "other", tmp_path / "own.yaml")["gamma"] != 0.5


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("gama: 0.9", r"gama must be a known key \(did you mean 'gamma'\?\)"),
        ("n_envs: 0", "n_envs must be an integer >= 1, got 0"),
        ("n_envs: 2.5", "n_envs must be an integer >= 1, got 2.5"),
        ("policy_kwargs: dict(net_arch=[64])", "policy_kwargs must give net_arch and activation_fn"),
        ("policy_kwargs: {net_arch: [4096], activation_fn: relu}", "net_arch must list up to 4 widths in 1..1024"),
        ("policy_kwargs: {net_arch: [64], activation_fn: elu}", "activation_fn must be tanh or relu, got 'elu'"),
        ("batch_size: 1000", "batch_size must divide n_steps x n_envs = 8192, got 1000"),
        ("gamma: high", "gamma must be a number >= 0, got 'high'"),
        ("start_spread: 0", "start_spread must be > 0, got 0"),
        ("start_spread: -1", "start_spread must be a number >= 0, got -1"),
        ("learning_rate: .nan", "learning_rate: a rate must be a number >= 0, or lin_ and such a number, got nan"),
        (
            "learning_rate: lin_-1",
            "learning_rate: a rate must be a number >= 0, or lin_ and such a number, got 'lin_-1'",
        ),
        ("n_timesteps: .inf", "n_timesteps must be an integer >= 1, got inf"),
        ("gamma: 5", "gamma must be <= 1, got 5"),
        ("learning_rate: fast", "learning_rate: a rate must be a number >= 0, or lin_ and such a number, got 'fast'"),
        ("actions: jumps", "actions must be moves or picks, got 'jumps'"),
        ("normalize: maybe", "normalize must be true or false, got 'maybe'"),
        ("- 1", "short must be a mapping"),
    ],
)
def test_bad_settings_are_refused(section: str, words: str, tmp_path: Path) -> None:
    text = (scenario_folder() / "agents" / "ppo.yaml").read_text()
    (tmp_path / "own.yaml").write_text(f"{text}\nshort:\n  {section}\n")
    with pytest.raises(InputError, match=words):
        read_settings("ppo", "short", tmp_path / "own.yaml")


def test_missing_settings_and_unknown_algorithms_are_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("default: {gamma: 0.9}")
    with pytest.raises(InputError, match="n_timesteps must be given"):
        read_settings("ppo", path=tmp_path / "own.yaml")
    (tmp_path / "own.yaml").write_text("default: [")
    with pytest.raises(InputError, match="must be a readable YAML file"):
        read_settings("ppo", path=tmp_path / "own.yaml")
    with pytest.raises(
        InputError, match="algorithm must be of ppo, maskable_ppo, sac, dqn, es, dcl, counted, got 'pppo'"
    ):
        Training(SCENARIO, 10, algorithm="pppo")
    with pytest.raises(InputError, match="a rate must be a number >= 0, or lin_ and such a number, got 'exp_1'"):
        scheduled("exp_1")


def test_looking_changes_nothing_of_what_is_learned(tmp_path: Path) -> None:
    last = []
    for looks in (0, 3):
        session = GradientSession(training("ppo", steps=2048, set={"looks": looks}), tmp_path / str(looks), None)
        session.learn(None, 10**9, lambda: None)
        last.append(session.current().network.state_dict())
    assert [one.steps for one in session.judge.looks] == [0, 768, 1408, 2048]  # the first whole rollouts after thirds
    for name, tensor in last[0].items():
        torch.testing.assert_close(last[1][name], tensor, rtol=0, atol=0)


def judged(costs: list[list[float]]) -> Judge:
    """A judge that has looked at agents of these costs."""
    judge = Judge(SCENARIO, 100, len(costs) - 1)
    judge.looks = [Look(k, np.array(one), {"weight": torch.tensor([float(k)])}) for k, one in enumerate(costs)]
    return judge


def test_an_agent_that_got_clearly_worse_is_taken_back() -> None:
    luck = np.random.default_rng(1).normal(0, 10, 256)
    noise = np.random.default_rng(2).normal(0, 1, (3, 256))
    rule, best, last = (mean + luck + noise[k] for k, mean in enumerate((20, 18, 19)))
    assert judged([rule, best, last]).kept.steps == 1  # the luck of the episodes is the same for all
    assert judged([rule, last, best]).kept.steps == 2
    assert judged([best, rule, last]).kept.steps == 0
    assert judged([rule, last - 0.05, last]).kept.steps == 1  # always a little better is clearly better,
    assert judged([rule, last - 0.05 + noise[0], last]).kept.steps == 2  # mostly is not
    assert judged([rule, rule]).kept.steps == 1
    assert Judge(SCENARIO, 100, 0).kept is None


def test_what_is_kept_comes_out_of_training_and_out_of_a_checkpoint(tmp_path: Path) -> None:
    described = training("ppo", steps=2048, set={"looks": 3})
    session = GradientSession(described, tmp_path, None)
    session.learn(None, 10**9, lambda: None)
    first = session.judge.looks[1]
    session.judge.looks[1] = replace(first, costs=session.judge.looks[-1].costs - 1)  # as if it had been the best
    session.save(tmp_path / CHECKPOINT)
    agent = train(described, tmp_path)  # there is nothing left to do but to take it out
    for name, tensor in agent.network.state_dict().items():
        torch.testing.assert_close(tensor, first.weights[name], rtol=0, atol=0)
    assert agent.card.facts["kept_after"] == first.steps
    assert [steps for steps, _ in agent.card.facts["looks"]["rows"]] == [one.steps for one in session.judge.looks]
    seeds = seed_bank(INSTANCE, EPISODES, "tuning")
    for look in session.judge.looks[::3]:  # the first and the last
        agent.network.load_state_dict(look.weights)
        np.testing.assert_allclose(Scorecard(SCENARIO).cost_a_slot(run_policy(SCENARIO, agent, seeds)), look.costs)


def test_looks_must_be_a_number() -> None:
    with pytest.raises(InputError, match="looks must be an integer >= 0, got -1"):
        training("ppo", set={"looks": -1})
