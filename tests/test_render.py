"""Render modes: text and pictures show the state that the line is in, and Gymnasium's wrappers take them."""

from __future__ import annotations

import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from jitgym.env import PullLineEnv
from jitgym.errors import InputError
from jitgym.fields import MACHINE
from jitgym.files import scenario_files
from jitgym.palette import STATES
from jitgym.play import Play
from jitgym.render import CELL, LEFT, SIGNS, TOP, as_picture, as_text
from jitgym.scenario import load_scenario
from jitgym.scene import frame_of, scene_of

ID = "jitgym/PullLine-v0"


def after(name, slots, seed=1):
    """Return scene, frame and play of a line some slots on."""
    scenario = load_scenario(name)
    play = Play(scenario, seed)
    for _ in range(slots):
        ledger = play.next_slot()
    return scene_of(scenario), frame_of(play.line, ledger, play.knobs), play


def test_text_shows_units_one_by_one():
    scene, frame, play = after("four_stage", 37)
    rows = as_text(scene, frame).splitlines()
    assert rows[0] == "four_stage, slot 37"
    assert rows[1].split()[:3] == ["steelworks", "blanks", str(play.line.state("stock")[0, 0])]
    for i, row in enumerate(rows[2:6]):
        before, _, behind = row.partition("[")
        assert before.count("o") - scene["stages"][i]["name"].count("o") == play.line.state("queue")[0, i]
        machine, _, behind = behind.partition("]")
        assert machine[0] == SIGNS[MACHINE[frame["machine"][i]]]
        assert machine.count("#") == play.line.state("job")[0, i]
        store = behind[1:21]
        assert store.count("o") == play.line.state("store")[0, i]
    assert rows[6].endswith(f"backlog {play.line.state('backlog')[0]}")


def test_a_picture_shows_machines_in_their_colours():
    """Over a run, every state that a line comes to is drawn in the colour that all figures have for it."""
    scenario = load_scenario("bearing_line")
    scene, play = scene_of(scenario), Play(scenario, 2)
    seen = set()
    for _ in range(400):
        ledger = play.next_slot()
        frame = frame_of(play.line, ledger, play.knobs)
        states = [MACHINE[place] for place in frame["machine"]]
        if not set(states) - seen:
            continue
        picture = as_picture(scene, frame)
        for i, state in enumerate(states):
            column = scene["stages"][i]["column"]
            pixel = picture[TOP + 46, LEFT + column * CELL[0] + 62]
            assert "#" + "".join(f"{value:02X}" for value in pixel) == STATES[state][0].upper(), state
            seen.add(state)
    assert {"busy", "starved", "blocked", "down"} <= seen


@pytest.mark.parametrize("name", sorted(scenario_files()))
def test_every_line_is_drawn(name):
    scene, frame, _ = after(name, 50)
    picture = as_picture(scene, frame)
    assert picture.dtype == np.uint8
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0
    text = as_text(scene, frame)
    for part in (*scene["stages"], *scene["suppliers"], *scene["items"]):
        assert part["name"] in text


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_gymnasium_checks_the_environment_with_its_render_mode(mode):
    env = gymnasium.make(ID, scenario="teach_balance", render_mode=mode)
    check_env(env.unwrapped)
    env.close()


def test_render_before_the_first_step_and_without_a_mode():
    env = gymnasium.make(ID, scenario="four_stage", render_mode="ansi")
    env.reset(seed=1)
    assert "slot 0" in env.render()
    bare = gymnasium.make(ID, scenario="four_stage")
    bare.reset(seed=1)
    assert bare.unwrapped.render() is None


def test_a_batch_renders_every_line():
    lines = gymnasium.make_vec(ID, num_envs=3, scenario="four_stage", render_mode="ansi")
    lines.reset(seed=5)
    for _ in range(10):
        lines.step(lines.action_space.sample())
    single = gymnasium.make(ID, scenario="four_stage", render_mode="ansi")
    assert len(set(lines.render())) == 3
    lines.reset(seed=5)
    single.reset(seed=6)
    actions = lines.action_space.sample()
    lines.step(actions)
    single.step(actions[1])
    assert lines.render()[1] == single.render()


def test_a_mode_that_there_is_not():
    with pytest.raises(InputError, match="render_mode must be of ansi, rgb_array, got 'hologram'"):
        PullLineEnv("four_stage", render_mode="hologram")


def test_a_picture_without_pillow(monkeypatch):
    scene, frame, _ = after("four_stage", 3)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InputError, match=r"needs Pillow: install jitgym\[render\]"):
        as_picture(scene, frame)


@pytest.mark.filterwarnings("ignore:.*Overwriting existing videos")
def test_a_video_is_recorded(tmp_path):
    pytest.importorskip("moviepy")
    env = gymnasium.make(ID, scenario="four_stage", render_mode="rgb_array")
    env = gymnasium.wrappers.RecordVideo(env, str(tmp_path), episode_trigger=lambda episode: True, video_length=12)
    env.reset(seed=1)
    for _ in range(20):
        env.step(env.action_space.sample())
    env.close()
    (video,) = tmp_path.glob("*.mp4")
    assert video.stat().st_size > 5000


@pytest.mark.filterwarnings("ignore:.*trying to use 'human' rendering")
def test_human_mode_comes_by_gymnasium_s_wrapper(monkeypatch):
    pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gymnasium.make(ID, scenario="four_stage", render_mode="human")
    env.reset(seed=1)
    env.step(env.action_space.sample())
    env.close()
