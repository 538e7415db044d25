"""What agents see and start from: cloned rules, rows of observations, masked picks, and schedules of scenarios."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agent_lines import CARDS_ONLY

from jitgym import OFF, InputError, load_scenario
from jitgym.actions import ActionCodec
from jitgym.agents.callback import Curve
from jitgym.agents.checkpoint import CHECKPOINT, read_checkpoint
from jitgym.agents.gradients import GradientSession
from jitgym.agents.masks import Masks
from jitgym.agents.policy import TrainedPolicy, load_agent, save_agent
from jitgym.agents.sb3 import PullLineVecEnv
from jitgym.agents.schedule import Schedule, read_schedule
from jitgym.agents.settings import read_settings
from jitgym.agents.structure import Structure
from jitgym.agents.train import Training, train
from jitgym.agents.view import View
from jitgym.evaluate import run_policy
from jitgym.observation import Observer
from jitgym.rules import ConstantRule, rule_family
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

pytestmark = pytest.mark.agents

LINE: dict[str, Any] = {**CARDS_ONLY, "horizon": 40}
SCENARIO = load_scenario(LINE)
START = np.array([3, 2], dtype=np.int32)
NETWORK = {"policy_kwargs": {"net_arch": [16], "activation_fn": "tanh"}}
SMALL = {**read_settings("ppo"), "n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 1, **NETWORK}
PICKS = {**SMALL, "actions": "picks"}


class Cautious:
    """A rule that looks at the line: many cards while orders wait, few else."""

    name = "cautious"

    def __init__(self, entries: tuple[str, ...]) -> None:
        self.backlog = entries.index("backlog")

    def predict(self, seen: Any, state: Any = None, start: Any = None, deterministic: bool = True) -> Any:
        cards = np.where(seen[:, [self.backlog]] > 0, 5, 1)
        return np.repeat(cards, 2, axis=1), state


def cautious() -> Cautious:
    return Cautious(Observer(Simulator(SCENARIO)).names)


def share_agreed(agent: TrainedPolicy, rule: Any) -> float:
    """Share of a rule's choices that an agent makes, too, on states that the rule visits on seeds of the evaluation."""
    simulator = Simulator(SCENARIO, 50, seed_bank(0, 50, "evaluation"))
    observer, codec = Observer(simulator), ActionCodec(simulator.knobs)
    agreed, state, start = [], None, np.ones(50, dtype=bool)
    for _ in range(SCENARIO.horizon):
        seen = observer.observe()
        wanted, _ = rule.predict(seen)
        found, state = agent.predict(seen, state, start)
        agreed.append(found == wanted)
        simulator.step(codec.decode(wanted))
        start[:] = False
    return float(np.mean(agreed))


# -- cloning --


@pytest.mark.parametrize("settings", [PICKS, {**PICKS, "frame_stack": 3, "normalize": False}])
def test_a_clone_does_what_its_rule_does(settings: dict[str, Any], tmp_path: Path) -> None:
    rule = cautious()
    agent = train(Training(SCENARIO, 0, rule, settings=settings), tmp_path)
    assert agent.structure.kind == "picks"
    assert agent.card.facts["clone_agreement"] > 0.99
    assert agent.card.facts["started_from"] == "clone of a rule: cautious"
    assert share_agreed(agent, rule) > 0.99


def test_a_clone_of_a_constant_rule_is_the_rule(tmp_path: Path) -> None:
    codec = ActionCodec(Simulator(SCENARIO).knobs)
    agent = train(Training(SCENARIO, 0, START, settings=PICKS), tmp_path)
    assert share_agreed(agent, ConstantRule(START, codec)) == 1


def test_a_clone_tries_what_lies_near_the_rule_first(tmp_path: Path) -> None:
    """The spread of its first picks is the one that the settings ask for."""
    session = GradientSession(Training(SCENARIO, 100, np.array([3, 4]), settings=PICKS), tmp_path, None)
    observations = session.env.reset()
    picks = np.concatenate([session.model.predict(observations, deterministic=False)[0] for _ in range(200)])
    bell = np.exp(-0.5 * (np.arange(6)[:, None] - np.array([2, 3])) ** 2)
    wanted = bell / bell.sum(axis=0)
    found = np.stack([(picks == pick).mean(axis=0) for pick in range(6)])
    assert np.abs(found - wanted).max() < 0.08


def test_a_rule_beside_the_lines_may_look_at_them() -> None:
    """Its rewards are subtracted: an agent that does the same earns nothing."""
    env = PullLineVecEnv(SCENARIO, 6, seed=0, reference=cautious())
    env.reset()
    rule, observer = cautious(), env.batch.observer
    for _ in range(45):
        assert (env.step(rule.predict(observer.observe())[0])[1] == 0).all()


# -- moves around a rule that looks at the line --


def capped() -> Any:
    """Base stock with a cap on orders, in lost sales: it looks at the line to know how much to order."""
    return rule_family(load_scenario("lost_sales"), "capped").rule(np.array([17, 5]))


@pytest.mark.parametrize("name", ["ppo", "sac"])
def test_an_agent_starts_as_a_rule_that_looks_at_the_line(name: str, tmp_path: Path) -> None:
    """It does what the rule does, knob by knob, and so it does when it was stored and loaded."""
    scenario, rule = load_scenario("lost_sales"), capped()
    settings = {**read_settings(name), "n_envs": 64}
    agent = train(Training(scenario, 0, rule, settings=settings, algorithm=name), tmp_path / "t")
    save_agent(agent, tmp_path / "agent")
    seeds = seed_bank(0, 20, "evaluation")
    theirs = run_policy(scenario, rule, seeds).array
    assert (run_policy(scenario, load_agent(tmp_path / "agent", scenario), seeds).array == theirs).all()
    assert len(np.unique(rule.predict(Observer(Simulator(scenario, 1)).observe())[0])) > 1


def test_moves_are_added_to_what_the_rule_sets_now() -> None:
    """The rule orders 5, 0 and 8; a move is two units at the end, and ends where the knob does."""
    knobs = Simulator(load_scenario("lost_sales")).knobs
    structure = Structure.around(knobs, [0, 5], radius=2, wide=True)
    base = np.array([[0, 5], [0, 0], [0, 8]])
    still, up, down = (structure.choices(np.full((3, 2), move), base).tolist() for move in (0.0, 1.0, -1.0))
    assert still == base.tolist()
    assert up == [[2, 7], [2, 2], [2, 8]]
    assert down == [[0, 3], [0, 0], [0, 6]]


def test_what_the_rule_leaves_off_stays_off() -> None:
    line = {**LINE, "control": [{"knob": "kanban", "low": 1, "high": 6, "default": 3, "off": True}]}
    structure = Structure.around(Simulator(load_scenario(line)).knobs, [3, OFF], wide=True)
    off = 6
    assert structure.choices([[1.0]], [[2, off]]).tolist() == [[4, off]]
    assert structure.choices([[1.0]], [[off, 3]]).tolist() == [[off, 3]]


def test_a_stranger_s_rule_is_one_of_ours(tmp_path: Path) -> None:
    """A card names a rule; one that is unknown, or numbers out of its range, are refused."""
    scenario = load_scenario("lost_sales")
    save_agent(train(Training(scenario, 0, capped(), settings={**SMALL}), tmp_path / "t"), tmp_path / "agent")
    whole = json.loads((tmp_path / "agent" / "card.json").read_text())
    for rule, words in (
        ({"name": "os.system", "numbers": [1]}, "rule"),
        ({"name": "capped", "numbers": [17]}, "capped needs 2 integers"),
        ({"name": "capped", "numbers": [17, 10**9]}, "cap|number"),
    ):
        (tmp_path / "agent" / "card.json").write_text(json.dumps({**whole, "rule": rule}))
        with pytest.raises(InputError, match=words):
            load_agent(tmp_path / "agent", scenario)


# -- rows of observations --


def test_frames_are_stacked_and_begin_anew_with_each_episode() -> None:
    view = View.of(Observer(Simulator(SCENARIO)), 3)
    env = PullLineVecEnv(load_scenario({**LINE, "horizon": 4}), 2, seed=0, view=view)
    shown = [env.reset()]
    plain = [env.batch.observer.observe()]
    for _ in range(6):
        observations, _, dones, infos = env.step(np.array([[2, 1], [5, 5]]))
        if dones.any():
            final = np.stack([info["terminal_observation"] for info in infos])
            assert (final[:, : 2 * view.inputs // 3] == shown[-1][:, view.inputs // 3 :]).all()
        shown.append(observations)
        plain.append(env.batch.observer.observe())
    for step, (first, second, third) in {0: (0, 0, 0), 1: (0, 0, 1), 3: (1, 2, 3), 4: (4, 4, 4), 6: (4, 5, 6)}.items():
        assert (shown[step] == np.hstack([plain[first], plain[second], plain[third]])).all()


def test_an_agent_carries_its_row_of_observations_through_predict(tmp_path: Path) -> None:
    """It is shown in an evaluation what it was shown in training, each line for itself."""
    agent = train(Training(SCENARIO, 256, START, settings={**SMALL, "frame_stack": 3}), tmp_path / "t")
    shown: list[np.ndarray] = []
    inputs_of = agent.view.inputs_of
    object.__setattr__(agent, "view", _Spy(agent.view, shown))
    rng = np.random.default_rng(0)
    frames = rng.uniform(0, 1, (5, 4, len(agent.card.observations))).astype(np.float32)
    start, state = np.ones(4, dtype=bool), None
    for step, frame in enumerate(frames):
        start[2] |= step == 3
        _, state = agent.predict(frame, state, start)
        start = np.zeros(4, dtype=bool)
    others = inputs_of(np.stack([frames[2], frames[3], frames[4]], axis=1))
    assert (shown[-1][[0, 1, 3]] == others[[0, 1, 3]]).all()
    begun = inputs_of(np.stack([frames[3], frames[3], frames[4]], axis=1))
    assert (shown[-1][2] == begun[2]).all()


class _Spy:
    """A view that notes what it gives."""

    def __init__(self, view: View, shown: list[np.ndarray]) -> None:
        self._view, self._shown = view, shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    def inputs_of(self, stack: Any) -> Any:
        self._shown.append(self._view.inputs_of(stack))
        return self._shown[-1]


def test_an_agent_with_a_row_of_observations_runs_in_an_evaluation(tmp_path: Path) -> None:
    agent = train(Training(SCENARIO, 256, START, settings={**SMALL, "frame_stack": 3}), tmp_path / "t")
    save_agent(agent, tmp_path / "agent")
    seeds = seed_bank(0, 20, "evaluation")
    ledgers = [run_policy(SCENARIO, one, seeds).array for one in (agent, load_agent(tmp_path / "agent", SCENARIO))]
    assert (ledgers[0] == ledgers[1]).all()


@pytest.mark.parametrize("frames", [0, 33, 1.5, True])
def test_rows_of_no_or_endless_length_are_refused(frames: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"frame_stack must be an integer"):
        train(Training(SCENARIO, 0, START, settings={**SMALL, "frame_stack": frames}), tmp_path)


# -- masks --

WORN: dict[str, Any] = {
    "name": "worn",
    "slots_per_step": 3,
    "horizon": 50,
    "stages": [
        {
            "name": "cut",
            "failure": {"law": {"weibull": {"scale": 12, "shape": 3}}, "repair": 4},
            "maintenance": {"duration": 2},
            "monitoring": "exact",
        }
    ],
    "demand": {"law": {"bernoulli": 0.8}},
    "control": [
        {"knob": "kanban", "low": 1, "high": 4, "default": 3},
        {"knob": "pm_level", "low": 1, "high": 13, "default": 6},
    ],
    "prices": {"finished_goods": 1, "backlog": 10, "repair": 50, "pm": 10},
}


def test_masks_keep_one_threshold_for_now_and_one_for_later() -> None:
    """Thresholds 1 to 12, then never. At reading 5, a step of 3 slots: 5 is now, 6 to 8 may come, the rest is later."""
    simulator = Simulator(load_scenario(WORN))
    observer = Observer(simulator)
    masks = Masks(simulator, Structure.whole(simulator.knobs))
    names = list(observer.names)
    seen = np.zeros((4, len(names)), dtype=np.float32)
    reading = names.index("reading[cut]")
    seen[:3, reading] = np.array([0, 5, 30]) * observer.entries[reading].scale
    seen[3, names.index("is_down[cut]")] = 1
    allowed = [(np.flatnonzero(row[4:]) + 1).tolist() for row in masks(seen)]
    assert allowed == [[1, 2, 3, 13], [5, 6, 7, 8, 13], [12, 13], [13]]
    assert masks(seen)[:, :4].all()


def test_masked_thresholds_do_what_a_kept_one_does() -> None:
    """On the same luck, a threshold that is masked leads to the same line as the one that stands for it."""
    simulator = Simulator(load_scenario(WORN), 300, seed=1)
    observer, structure = Observer(simulator), Structure.whole(simulator.knobs)
    masks, rng = Masks(simulator, structure), np.random.default_rng(0)
    differ = 0
    for _ in range(60):
        allowed = masks(observer.observe())[:, 4:]
        drawn = rng.integers(0, 13, 300)
        kept = allowed[np.arange(300), drawn]
        reading = simulator.state("reading")[:, 0]
        running = simulator.state("mode")[:, 0] == 0
        # beyond what a step can reach, "never" stands in
        beyond = ~kept & running & (drawn + 1 > reading)
        instead = np.where(beyond, 12, drawn)
        twin = simulator.copy()
        knobs = np.where(drawn == 12, OFF, drawn + 1)
        twin.step(np.stack([np.full(300, 3), np.where(instead == 12, OFF, instead + 1)], axis=1))
        simulator.step(np.stack([np.full(300, 3), knobs], axis=1))
        differ += int((twin.state("mode") != simulator.state("mode"))[beyond].sum())
        differ += int((twin.state("reading") != simulator.state("reading"))[beyond].sum())
    assert differ == 0


def test_picks_that_are_masked_have_one_that_does_the_same() -> None:
    simulator = Simulator(load_scenario(WORN))
    observer = Observer(simulator)
    masks = Masks(simulator, Structure.whole(simulator.knobs))
    seen = np.zeros((4, len(observer.names)), dtype=np.float32)
    reading = observer.names.index("reading[cut]")
    seen[:3, reading] = np.array([0, 5, 30]) * observer.entries[reading].scale
    seen[3, observer.names.index("is_down[cut]")] = 1
    kept = [masks.standing_for(np.tile([2, level - 1], (4, 1)), seen)[:, 1] + 1 for level in (1, 4, 6, 9, 13)]
    assert np.transpose(kept).tolist() == [[1, 13, 13, 13, 13], [5, 5, 6, 13, 13], [12, 12, 12, 12, 13], [13] * 5]


def test_a_masked_clone_maintains_when_its_rule_does(tmp_path: Path) -> None:
    """At the level of the rule, though most of the time that level is masked."""
    scenario = load_scenario(WORN)
    rule = np.array([3, 6])
    settings = {**read_settings("maskable_ppo"), "n_envs": 64}
    agent = train(Training(scenario, 0, rule, settings=settings, algorithm="maskable_ppo"), tmp_path)
    seeds, card = seed_bank(0, 200, "evaluation"), Scorecard(scenario)
    constant = ConstantRule(rule, ActionCodec(Simulator(scenario).knobs))
    mine, theirs = (run_policy(scenario, policy, seeds) for policy in (agent, constant))
    assert theirs["pms"].sum() > 500
    assert abs(mine["pms"].sum() / theirs["pms"].sum() - 1) < 0.02
    assert card.cost(mine).mean() == pytest.approx(card.cost(theirs).mean(), rel=0.02)


def test_a_masked_agent_never_picks_what_is_masked(tmp_path: Path) -> None:
    scenario = load_scenario(WORN)
    settings = {**read_settings("maskable_ppo"), **{key: SMALL[key] for key in ("n_envs", "n_steps", "batch_size")}}
    settings |= {"n_epochs": 1, **NETWORK}
    agent = train(Training(scenario, 256, None, settings=settings, algorithm="maskable_ppo"), tmp_path)
    assert agent.card.masked
    simulator = Simulator(scenario, 50, seed=3)
    observer, masks = Observer(simulator), Masks(simulator, agent.structure)
    for _ in range(20):
        seen = observer.observe()
        actions, _ = agent.predict(seen)
        assert masks(seen)[:, 4:][np.arange(50), actions[:, 1]].all()
        simulator.step(ActionCodec(simulator.knobs).decode(actions))


# -- schedules --


def busy(demand: float, **changes: Any) -> Any:
    return load_scenario(
        {**LINE, "name": f"busy-{round(100 * demand)}", "demand": {"law": {"bernoulli": demand}}, **changes}
    )


def test_lines_are_dealt_out_over_scenarios_and_rewards_are_each_line_s_own() -> None:
    env = PullLineVecEnv([busy(0.0001), busy(0.8)], 8, seed=0)
    env.reset()
    totals = np.sum([env.step(np.zeros((8, 2), dtype=np.int64))[1] for _ in range(40)], axis=0)
    assert (totals[:4] > totals[4:].max()).all(), "without demand there is no backlog to pay"


def test_phases_follow_one_another_by_their_shares(tmp_path: Path) -> None:
    schedule = read_schedule(
        [{"scenario": dict(LINE), "share": 0.25}, {"scenario": [dict(LINE), busy(0.3)], "share": 0.75}]
    )
    assert [schedule.at(share) for share in (0, 0.2499, 0.25, 0.9, 1)] == [0, 0, 1, 1, 1]
    assert schedule.shares == {SCENARIO.hash: 0.625, busy(0.3).hash: 0.375}
    lines: list[tuple[int, int]] = []
    session = GradientSession(Training(SCENARIO, 1024, START, settings=SMALL, schedule=schedule), tmp_path, None)
    change = session.env.change

    def noted(scenarios: Any) -> None:
        lines.append((session.model.num_timesteps, len(scenarios)))
        change(scenarios)

    session.env.change = noted  # type: ignore[method-assign]
    session.learn(None, 10**9, lambda: None)
    assert lines == [(256, 2)]
    assert [one.batch.scenario.hash for one in session.env.lines] == [SCENARIO.hash, busy(0.3).hash]
    card = session.card()
    assert [(one.hash, one.share) for one in card.trained_on] == list(schedule.shares.items())


def test_an_agent_fits_every_scenario_of_its_schedule(tmp_path: Path) -> None:
    schedule = Schedule.of(SCENARIO, busy(0.3))
    agent = train(Training(SCENARIO, 128, START, settings=SMALL, schedule=schedule), tmp_path / "t")
    save_agent(agent, tmp_path / "agent")
    for scenario in schedule.scenarios:
        load_agent(tmp_path / "agent", scenario)
    with pytest.raises(InputError, match="must be used on the scenario it was trained on"):
        load_agent(tmp_path / "agent", busy(0.4))


def test_training_goes_on_in_the_phase_where_it_was(tmp_path: Path) -> None:
    schedule = read_schedule([{"scenario": dict(LINE), "share": 0.3}, {"scenario": busy(0.3), "share": 0.7}])
    described = Training(SCENARIO, 1024, START, settings=SMALL, schedule=schedule)

    def interrupt(share: float, word: str) -> None:
        if share > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(described, tmp_path, interrupt)
    state = read_checkpoint(tmp_path / CHECKPOINT, described.identity(), "cpu")
    session = GradientSession(described, tmp_path, state)
    assert [one.batch.scenario.hash for one in session.env.lines] == [busy(0.3).hash]
    with pytest.raises(InputError, match="must be of the same training, but schedule was"):
        train(replace(described, schedule=Schedule.of(SCENARIO)), tmp_path)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"scenario": dict(LINE), "share": 0.5}], "shares must be > 0 and add up to 1"),
        ([{"scenario": dict(LINE), "share": 0}, {"scenario": dict(LINE), "share": 1}], "shares must be > 0"),
        ([{"scenario": dict(LINE)}], r"schedule\[0\] must give scenario and share"),
        ([{"scenario": dict(LINE), "share": "1"}], r"schedule\[0\]\.share must be a number"),
        ([{"scenario": [], "share": 1}], "at least one scenario in each phase"),
        ([], "at least one scenario"),
        ("all", r"schedule\[0\] must give"),
        ([{"scenario": ["lost_sales", "four_stage"], "share": 1}], "'lost_sales' and 'four_stage' differ in knobs"),
    ],
)
def test_bad_schedules_are_refused(entries: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_schedule(entries)


def test_a_curve_keeps_a_hundred_points_of_recent_costs() -> None:
    curve = Curve(1000)
    for step in range(1, 1001):
        curve.add([float(step)], step)
    assert len(curve.points) == 100
    assert curve.points[0] == [1, 1.0]
    assert curve.points[-1][1] == pytest.approx(np.mean(np.arange(curve.points[-1][0] - 255, curve.points[-1][0] + 1)))
