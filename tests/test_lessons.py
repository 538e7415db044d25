"""Lessons: they are complete, their lines run, and what they say can be seen is there on average."""

from __future__ import annotations

import re

import numpy as np
import pytest
from commands import run

from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.scenario import load_scenario
from jitgym.simulator import Simulator
from jitgym.web.figures import measure
from jitgym.web.lessons import changed, knob_vector, lesson_files, load_lesson
from jitgym.web.team import Team

LESSONS = sorted(lesson_files())
PARTS = [(name, place) for name in LESSONS for place in range(len(load_lesson(name).parts))]


def test_there_are_ten():
    assert [name[:2] for name in LESSONS] == [f"{place:02}" for place in range(1, 11)]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_has_what_a_class_needs(name):
    lesson = load_lesson(name)
    head = lesson_files()[name].read_text("utf-8").splitlines()[0]
    assert head.startswith("# Source: ")
    for part in lesson.parts:
        assert all((part.text, part.watch, part.questions, part.shown))
        assert len(part.teams) == 2
    assert sum(part.slots / part.speed for part in lesson.parts) < 60 * lesson.minutes


@pytest.mark.parametrize(("name", "place"), PARTS)
def test_what_is_said_to_be_seen_is_there(name, place):
    lesson = load_lesson(name)
    part = lesson.parts[place]
    measured = measure(lesson, part, 400)
    for shown in part.shown:
        assert measured.holds(shown), f"{shown}: {measured.value(shown):.4f}"


@pytest.mark.parametrize(("name", "place"), PARTS)
def test_a_class_sees_it_on_the_luck_of_the_lesson(name, place):
    """Not on average only: in the run that the page plays unless told otherwise."""
    lesson = load_lesson(name)
    part = lesson.parts[place]
    measured = measure(lesson, part, 1, seed=lesson.luck)
    for shown in part.shown:
        assert measured.holds(shown), f"{shown}: {measured.value(shown):.4f}"


def test_a_lesson_measures_what_its_page_plays():
    """The same seed, run natively for the figures and slot by slot for the page."""
    lesson = load_lesson("08_suppliers")
    part = lesson.parts[1]
    measured = measure(lesson, part, 1, seed=4)
    for k, set_up in enumerate(part.teams):
        scenario = lesson.scenario(set_up)
        team = Team("x", scenario, 4, knob_vector(scenario, set_up.knobs))
        for _ in range(part.slots):
            team.next_slot()
        shown = team.kpis()
        assert shown == {kpi: pytest.approx(float(measured.kpis[k][kpi][0])) for kpi in shown}


def test_the_penny_game_is_exact():
    """An order of n in batches of b takes (n/b + 3) b slots on four machines."""
    lesson = load_lesson("01_batch")
    for place, k, size in ((0, 0, 20), (0, 1, 1), (1, 0, 5)):
        team = lesson.parts[place].teams[k]
        scenario = lesson.scenario(team)
        line = Team("x", scenario, 0, knob_vector(scenario, team.knobs))
        backlog = []
        for _ in range(100):
            line.next_slot()
            backlog.append(int(line.play.line.state("backlog").sum()))
        owed = [slot for slot, units in enumerate(backlog) if units]
        assert (owed[0], len(owed)) == (9, (20 // size + 3) * size)


def cost_of(name, place, team, change=None, **knobs):
    """Return the mean cost a slot of a team, with some of its knobs set and its line changed."""
    lesson = load_lesson(name)
    part = lesson.parts[place]
    set_up = part.teams[team]
    altered = {"knobs": {**set_up.knobs, **knobs}, "change": {**set_up.change, **(change or {})}}
    alone = part.model_copy(update={"teams": (set_up.model_copy(update=altered),)})
    mean = measure(lesson, alone, 1000).mean(0, "cost")
    assert mean is not None
    return mean.mean


def test_the_best_settings_are_those_that_answers_name():
    by_cards = {cards: cost_of("04_cards", 0, 0, kanban=cards) for cards in range(1, 8)}
    assert min(by_cards, key=by_cards.get) == 3
    assert by_cards[3] == pytest.approx(22.5, abs=0.2)
    by_lots = {cards: cost_of("07_changeover", 0, 1, kanban=cards) for cards in (2, 3, 4, 5, 6, 10)}
    assert set(sorted(by_lots, key=by_lots.get)[:2]) == {4, 5}
    by_level = {level: cost_of("08_suppliers", 0, 1, echelon=level) for level in range(6, 13)}
    assert min(by_level, key=by_level.get) == 10
    by_level = {level: cost_of("08_suppliers", 1, 0, echelon=level) for level in range(11, 16)}
    assert min(by_level, key=by_level.get) == 13


def test_what_answers_say_of_other_settings():
    assert cost_of("08_suppliers", 1, 1, **{"order": 0, "echelon[near]": 4}) == pytest.approx(7.7, abs=0.15)
    assert cost_of("07_changeover", 1, 1, kanban=5) == pytest.approx(10.0, abs=0.2)
    assert cost_of("09_levelling", 1, 0, kanban=1, target=4) == pytest.approx(8.4, abs=0.2)
    at_30 = [cost_of("10_buffer_back", 0, team, {"prices.backlog": 30}) for team in range(2)]
    assert at_30[0] == pytest.approx(at_30[1], rel=0.1)


def test_shorter_setups_are_twice_as_many_in_half_the_time():
    lesson = load_lesson("07_changeover")
    shares = []
    for team in lesson.parts[1].teams:
        scenario = lesson.scenario(team)
        line = Simulator(scenario, 500, seed=1)
        ledger = line.step(knob_vector(scenario, team.knobs), 800)
        shares.append((ledger["setups"].mean(), ledger["setup"].mean()))
    (few, long), (many, short) = shares
    assert many / few == pytest.approx(2.1, abs=0.15)
    assert short / long == pytest.approx(0.52, abs=0.05)


def test_a_change_by_name_and_by_number():
    line = load_scenario("teach_defects").model_dump(mode="json", exclude_defaults=True)
    assert changed(line, {"stages.press.quality.detect": 1})["stages"][0]["quality"]["detect"] == 1
    assert changed(line, {"stages.1": {"name": "pack"}})["stages"][1] == {"name": "pack"}
    assert changed(line, {"slots_per_step": 3})["slots_per_step"] == 3
    assert line["stages"][0]["quality"]["detect"] == 0.25


@pytest.mark.parametrize("path", ["stages.prss.quality.detect", "stages.7", "nothing.there", "name.x"])
def test_a_change_that_leads_nowhere(path):
    line = load_scenario("teach_defects").model_dump(mode="json", exclude_defaults=True)
    with pytest.raises(InputError, match=re.escape(f"change must be of a part of the line, got {path!r}")):
        changed(line, {path: 1})


def test_knobs_by_kind_and_by_name():
    scenario = load_scenario("four_stage")
    names = [knob.name for knob in Team("x", scenario, 0, knob_vector(scenario, {})).play.line.knobs]
    vector = dict(zip(names, knob_vector(scenario, {"kanban[milling]": 7, "kanban": 2, "target": 9}), strict=True))
    assert [vector[f"kanban[{stage}]"] for stage in scenario.stage_names] == [2, 7, 2, 2]
    assert vector["target[steelworks]"] == 9
    assert knob_vector(scenario, {"kanban": "off"})[0] == OFF


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"kanbn": 2}, "knobs must be of the line, got 'kanbn' (did you mean 'kanban'?)"),
        ({"kanban[milling]": 99}, "kanban[milling] must be in 1..20 or off, got 99"),
        ({"target": "off"}, "target[steelworks] must be in 0..30, got 'off'"),
    ],
)
def test_knobs_that_a_line_does_not_have(knobs, message):
    with pytest.raises(InputError, match=re.escape(message)):
        knob_vector(load_scenario("four_stage"), knobs)


def test_an_unknown_lesson():
    with pytest.raises(InputError, match=r"lesson must be of 01_batch, .*, got 'batch'"):
        load_lesson("batch")


def test_every_fault_of_a_lesson_is_a_line(tmp_path, monkeypatch):
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "x.yaml").write_text("title: x\nteaches: y\nparts:\n  - {title: a, slots: 3, teams: []}\n")
    monkeypatch.setattr("jitgym.web.lessons.scenario_folder", lambda: tmp_path)
    with pytest.raises(InputError) as fault:
        load_lesson("x")
    rows = {line.removeprefix("lesson x: ") for line in str(fault.value).splitlines()}
    assert {
        "parts[0].text must be given",
        "parts[0].teams must have at least 1 item, got []",
        "parts[0].slots must be >= 10, got 3",
    } <= rows


def test_the_command_lists_and_shows():
    listed = run("lessons").output
    assert all(name in listed for name in LESSONS)
    shown = run("lessons", "05_breakdown", "--runs", "50").output
    assert "means of 50 runs of 800 slots" in shown
    lesson = load_lesson("05_breakdown")
    assert all(part.title in shown for part in lesson.parts)
    measured = measure(lesson, lesson.parts[1], 50)
    availability = 100 * float(np.mean(measured.kpis[1]["availability"]))
    assert f"{availability:.1f}" in shown
