"""Sessions of the teaching page: commands, clock and streams; teams under the same luck; replays of what was played."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest

from jitgym.env import PullLineEnv
from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.play import Play
from jitgym.rules import rule_family, rule_names
from jitgym.scenario import load_scenario
from jitgym.scene import frame_of, scene_of
from jitgym.web import session as sessions
from jitgym.web.desk import Desk
from jitgym.web.lessons import knob_vector, load_lesson
from jitgym.web.replay import recording
from jitgym.web.session import MOST_SLOTS, Session
from jitgym.web.team import Team


def team(name="four_stage", seed=3, **settings):
    scenario = load_scenario(name)
    return Team("us", scenario, seed, knob_vector(scenario, {}), **settings)


def session(*teams, end=400, speed=10):
    return Session("a run", teams or [team(), team()], 3, end, speed)


def test_a_team_plays_what_the_environment_steps():
    env = PullLineEnv("four_stage")
    env.reset(seed=3)
    played = team()
    default = np.array([knob.default for knob in env.knobs])
    action = env._batch.codec.encode(default)
    cost = 0.0
    for _ in range(20):
        cost += sum(env.step(action)[4]["cost"].values())
    for _ in range(20 * env.scenario.slots_per_step):
        played.next_slot()
    assert sum(row[-1] for row in played.history) == pytest.approx(cost)
    assert played.kpis()["cost"] == pytest.approx(cost / 160)
    assert sum(played.terms().values()) == pytest.approx(cost)


def test_a_policy_that_fails_ends_the_run_and_the_page_is_told():
    class Breaks:
        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            raise ValueError("out of ideas")

    scenario = load_scenario("four_stage")
    broken = Team("them", scenario, 3, knob_vector(scenario, {}), policies={"broken": Breaks})
    run = session(team(), broken)
    run.command({"do": "step", "slots": 5})
    run.command({"do": "control", "team": 1, "control": "broken"})
    run.command({"do": "step", "slots": "end"})
    shown = run.shown()
    assert shown["fault"] == "the run has ended: out of ideas"
    assert (shown["playing"], shown["slot"], shown["end"]) == (False, 9, 9)
    assert len(run.teams[1].history) == 8
    run.command({"do": "control", "team": 1, "control": "hand"})
    run.command({"do": "again"})
    assert (run.shown()["fault"], run.end) == ("", 400)


def test_teams_meet_the_same_orders():
    few, many = team(), team()
    for place in range(4):
        few.set_knob(place, 1)
        many.set_knob(place, 20)
    demands = []
    for one in (few, many):
        rows = []
        for _ in range(300):
            one.next_slot()
            rows.append(one.shown(300)["frame"]["demand"])
        demands.append(rows)
    assert demands[0] == demands[1]
    assert few.kpis()["wip"] < many.kpis()["wip"]


def test_a_rule_controls_a_team_as_it_would_a_line():
    played = team()
    played.give_to("conwip")
    family = rule_family(played.scenario, "conwip")
    played.next_slot()
    assert (played.play.knobs == family.rule(family.start).knobs).all()
    assert set(rule_names(played.scenario)) < set(played.controls)
    played.set_knob(0, 7)  # by hand again, from where the rule left the knobs
    assert played.control == "hand"
    assert played.play.held[0] == 7
    assert (played.play.held[1:] == family.rule(family.start).knobs[1:]).all()


def test_others_can_be_given_the_line():
    scenario = load_scenario("four_stage")
    family = rule_family(scenario, "kanban")
    mine = family.rule(np.array([9, 9, 9, 9, 9]))
    played = Team("us", scenario, 3, knob_vector(scenario, {}), policies={"mine": lambda: mine})
    played.give_to("mine")
    played.next_slot()
    assert played.play.knobs[:4].tolist() == [9, 9, 9, 9]


class Follows:
    """A policy that looks at the line that it was told of, and nothing else."""

    def __init__(self):
        self.sizes = [knob.choices for knob in Play(load_scenario("four_stage"), 1).line.knobs]

    def watch(self, simulator):
        self.line = simulator

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        cards = int(self.line.state("store").sum() + self.line.state("slot")[0]) % 7
        return np.array([[min(cards, size - 1) for size in self.sizes]]), None


def test_runs_do_not_disturb_each_other():
    """Each team has a policy of its own: not shared with another session, nor with its own replay."""

    def begun(seed):
        one = team(seed=seed, policies={"follows": Follows})
        one.give_to("follows")
        return one

    alone, disturbed, other = begun(3), begun(3), begun(9)
    for slot in range(80):
        alone.next_slot()
        disturbed.next_slot()
        other.next_slot()
        if slot == 40:
            recording(disturbed)
    assert disturbed.history == alone.history
    assert recording(disturbed)["frames"] == recording(alone)["frames"]


def test_a_fixed_team_stays_as_it_is():
    played = team(fixed=True)
    for act in (lambda: played.set_knob(0, 3), lambda: played.give_to("kanban")):
        with pytest.raises(InputError, match="the knobs of 'us' must stay"):
            act()


def test_again_is_the_same_run_and_another_seed_is_not():
    run = session()
    run.command({"do": "step", "slots": 200})
    first = [one.history for one in run.teams]
    run.command({"do": "again"})
    assert run.slot == 0
    run.command({"do": "step", "slots": 200})
    assert [one.history for one in run.teams] == first
    run.command({"do": "again", "seed": 4})
    run.command({"do": "step", "slots": 200})
    assert [one.history for one in run.teams] != first


@pytest.mark.parametrize("name", ["four_stage", "teach_defects", "automotive_assembly"])
def test_a_replay_is_what_was_played(name):
    """Also with knobs set and the line given away while it ran."""
    played = team(name)
    frames = []
    for slot in range(120):
        if slot == 13:
            played.set_knob(0, played.play.line.knobs[0].low)
        if slot == 50:
            played.give_to(rule_names(played.scenario)[-1])
        if slot == 90:
            played.give_to("hand")
        played.next_slot()
        frames.append(played.shown(slot)["frame"])
    record = recording(played)
    whole = []
    before = {}
    for change in record["frames"]:
        before = {**before, **change}
        whole.append(before)
    assert whole == frames
    assert record["history"] == played.history
    assert len(str(record["frames"])) < 0.8 * len(str(frames))


def test_steps_to_the_next_decision_and_to_the_end():
    run = session(end=100)
    run.command({"do": "step"})
    assert run.slot == 1
    run.command({"do": "step", "slots": "decision"})
    assert run.slot == run.teams[0].scenario.slots_per_step
    run.command({"do": "step", "slots": "decision"})
    assert run.slot == 2 * run.teams[0].scenario.slots_per_step
    run.command({"do": "step", "slots": "end"})
    assert run.slot == 100
    run.command({"do": "step", "slots": 5})
    run.command({"do": "play"})
    assert (run.slot, run.playing) == (100, False)
    assert Session("a run", [team()], 0, 10**9, 1).end == MOST_SLOTS


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (None, "^it must be a mapping of keys, got None"),
        ({}, "^do must be of 'play', 'pause', .*, got None$"),
        ({"do": "dance"}, "^do must be of 'play', 'pause', .*, got 'dance'$"),
        ({"do": "play", "loud": True}, "^loud must not be given, got True$"),
        ({"do": "step", "slots": 0}, "^slots must be >= 1 or 'decision' or 'end', got 0$"),
        ({"do": "step", "slots": 10**9}, "^slots must be <= 20000 or .*, got 1000000000$"),
        ({"do": "speed", "value": 10**6}, "^value must be <= 2000, got 1000000$"),
        ({"do": "speed", "value": "9"}, "^value must be a valid integer, got '9'$"),
        ({"do": "knob", "team": 5, "knob": 0, "value": 1}, r"team must be in 0\.\.1, got 5"),
        ({"do": "knob", "team": 0, "knob": 99, "value": 1}, r"knob must be in 0\.\.\d+, got 99"),
        ({"do": "knob", "team": 0, "knob": 0, "value": 999}, r"kanban\[turning\] must be in 1\.\.20 or off, got 999"),
        ({"do": "control", "team": 0, "control": "kanbn"}, "did you mean 'kanban'"),
        ({"do": "again", "seed": -1}, "^seed must be >= 0, got -1$"),
        ({"do": "name", "name": "x" * 41}, "^name must have at most 40 characters, got 'xxx"),
    ],
)
def test_what_is_not_a_command_changes_nothing(sent, message):
    run = session()
    before = run.shown()
    with pytest.raises(InputError, match=message):
        run.command(sent)
    assert run.shown() == before


def test_knobs_names_and_speed_are_set():
    run = session()
    run.command({"do": "knob", "team": 1, "knob": 0, "value": None})
    run.command({"do": "name", "name": "blue"})
    run.command({"do": "speed", "value": 77})
    run.command({"do": "control", "team": 0, "control": "basestock"})
    shown = run.shown()
    assert run.teams[1].play.held[0] == OFF
    assert shown["teams"][1]["held"][0] is None
    assert (run.player, shown["speed"], shown["teams"][0]["control"]) == ("blue", 77, "basestock")


def collected(run, wanted):
    """Read a session's events until one satisfies; return all."""
    events = []
    for event in run.events():
        events.append(event)
        if event is not None and wanted(event):
            return events
        assert len(events) < 10_000
    return events


def test_the_stream_plays_and_tells_every_slot_once():
    run = session(end=60, speed=400)
    run.command({"do": "play"})
    events = [event for event in collected(run, lambda event: event["slot"] == 60) if event]
    assert events[0]["since"] == 0
    for before, event in itertools.pairwise(events):
        assert event["since"] == before["slot"]
    for k in range(2):
        assert [row for event in events for row in event["teams"][k]["history"]] == run.teams[k].history
    assert not events[-1]["playing"]


def test_the_clock_keeps_its_speed():
    run = session(end=10_000, speed=100)
    run.command({"do": "play"})
    begun = time.monotonic()
    for _ in run.events():
        if time.monotonic() - begun > 1:
            break
    assert 60 <= run.slot <= 140


def test_a_new_stream_ends_the_old_one_and_begins_with_everything():
    run = session()
    run.command({"do": "step", "slots": 30})
    old = run.events()
    assert next(old)["slot"] == 30
    new = run.events()
    assert len(next(new)["teams"][0]["history"]) == 30
    assert list(old) == []


def test_a_quiet_stream_says_that_it_is_there(monkeypatch):
    monkeypatch.setattr(sessions, "QUIET", 0.02)
    stream = session().events()
    assert next(stream) is not None
    assert next(stream) is None


def test_a_command_wakes_a_quiet_stream():
    run = session()
    stream = run.events()
    next(stream)
    threading.Timer(0.1, run.command, [{"do": "step", "slots": 3}]).start()
    begun = time.monotonic()
    event = next(stream)
    assert (event["slot"], event["since"]) == (3, 0)
    assert time.monotonic() - begun < 5


def test_beginning_anew_tells_the_history_anew():
    run = session()
    stream = run.events()
    next(stream)
    run.command({"do": "step", "slots": 30})
    assert next(stream)["since"] == 0
    run.command({"do": "again"})
    run.command({"do": "step", "slots": 4})
    event = next(stream)
    assert (event["since"], len(event["teams"][0]["history"])) == (0, 4)


def test_a_scene_has_a_place_for_every_part():
    scene = scene_of(load_scenario("aerospace"))
    places = {(stage["column"], stage["row"]) for stage in scene["stages"]}
    assert len(places) == len(scene["stages"]) == 5
    for stage in scene["stages"]:
        if stage["feeds"] < 5:
            assert scene["stages"][stage["feeds"]]["column"] == stage["column"] + 1
    assert (scene["columns"], scene["rows"]) == (3, 3)


def test_trucks_are_where_their_orders_are():
    """Each slot a truck is one slot nearer, and on time it arrives when it is due."""
    scenario = load_scenario("four_stage")
    play = Play(scenario, 1)
    before = None
    for _ in range(200):
        frame = frame_of(play.line, play.next_slot(), play.knobs)
        (trucks,) = frame["trucks"]
        assert sum(units for _, units in trucks) == int(play.line.state("on_order")[0, 0])
        if before is not None:
            due = sum(units for slots, units in before if slots == 1)
            assert frame["delivered"] == [due]
            moved = [[slots - 1, units] for slots, units in before if slots > 1]
            assert [truck for truck in trucks if truck[0] < scenario.suppliers[0].lead_time] == moved
        before = trucks


def desk(**settings):
    return Desk({"four_stage": load_scenario("four_stage")}, **settings)


def test_a_desk_keeps_so_many_sessions(monkeypatch):
    monkeypatch.setattr("jitgym.web.desk.MOST_SESSIONS", 3)
    table = desk()
    wanted = {"scenario": "four_stage", "teams": [{"name": "a"}]}
    made = [table.begin(wanted) for _ in range(3)]
    made[0].command({"do": "step"})
    made.append(table.begin(wanted))
    assert [table.session(one.key) is one for one in made] == [True, False, True, True]


def test_a_run_that_somebody_looks_at_is_kept(monkeypatch):
    monkeypatch.setattr("jitgym.web.desk.MOST_SESSIONS", 2)
    monkeypatch.setattr(sessions, "QUIET", 0.01)
    table = desk()
    wanted = {"scenario": "four_stage", "teams": [{"name": "a"}]}
    looked_at, left_alone = table.begin(wanted), table.begin(wanted)
    stream = looked_at.events()
    next(stream)
    left_alone.command({"do": "step"})
    next(stream)
    table.begin(wanted)
    assert table.session(looked_at.key) is looked_at
    assert table.session(left_alone.key) is None


def test_the_class_meets_one_luck_unless_asked_otherwise():
    table = desk(seed=8)
    wanted = {"scenario": "four_stage", "teams": [{"name": "a", "control": "kanban"}, {"name": "b"}]}
    assert table.begin(wanted).seed == table.begin({"lesson": "01_batch", "part": 0}).seed == 8
    assert table.begin({**wanted, "seed": 5}).seed == 5
    lesson = {"lesson": "05_breakdown", "part": 0}
    assert table.begin(lesson).seed == load_lesson("05_breakdown").luck + 8
    assert table.begin({**lesson, "seed": 5}).seed == 5


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (None, "^it must be a mapping of keys, got None$"),
        ({"lesson": "01_batch"}, "^part must be given$"),
        ({"lesson": "01_batch", "part": 9}, r"part must be in 0\.\.1, got 9"),
        ({"lesson": "../x", "part": 0}, "lesson must be of"),
        ({"scenario": "nope", "teams": [{"name": "a"}]}, "scenario must be one that is offered, got 'nope'"),
        ({"scenario": "/etc/passwd", "teams": [{"name": "a"}]}, "scenario must be one that is offered"),
        ({"scenario": "four_stage", "teams": []}, r"^teams must have at least 1 item, got \[\]$"),
        ({"scenario": "four_stage", "teams": [{"name": "a"}] * 3}, "^teams must have at most 2 items, got "),
        ({"scenario": "four_stage", "teams": [{"name": "a", "control": "x"}]}, "control must be a policy"),
    ],
)
def test_what_a_desk_does_not_have(wanted, message):
    table = desk()
    with pytest.raises(InputError, match=message):
        table.begin(wanted)
    assert table.board() == []


def test_the_board_tells_how_all_stand():
    table = desk()
    run = table.begin({"scenario": "four_stage", "teams": [{"name": "a"}, {"name": "b", "control": "conwip"}]})
    assert table.board() == []  # nobody has made a slot
    run.command({"do": "step", "slots": 50})
    run.command({"do": "name", "name": "Anna"})
    (row,) = table.board()
    assert (row["title"], row["player"], row["slot"]) == ("four_stage", "Anna", 50)
    assert row["teams"][1]["kpis"] == run.teams[1].kpis()
