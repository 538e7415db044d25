"""The benchmarks run, and their peers model the line that the core steps."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("simpy", reason="needs the extra `bench`")

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))

import agreement  # noqa: E402
from gymnasium.utils.env_checker import check_env  # noqa: E402
from harness import Row, interleaved, median_ratio, medians, spell  # noqa: E402
from lines import five_stage, parameters  # noqa: E402
from plain_line import PlainLine  # noqa: E402
from simpy_env import SimpyLineEnv  # noqa: E402
from simpy_line import Geometric, SimpyLine  # noqa: E402

SLOTS = 4000


@pytest.fixture(scope="module")
def core() -> agreement.Samples:
    return agreement.core_samples(five_stage(), n_lines=1000, slots=SLOTS)


@pytest.mark.parametrize(
    ("peer", "n_lines"),
    [pytest.param(PlainLine, 100, id="plain Python"), pytest.param(SimpyLine, 15, id="SimPy")],
)
def test_peer_models_the_same_line(core, peer, n_lines):
    rows = agreement.compare(core, agreement.peer_samples(peer, parameters(five_stage()), n_lines, SLOTS))
    assert {row.name for row in rows} == core.keys()
    off = {row.name: round(row.off, 1) for row in rows if abs(row.off) >= 4}
    assert not off, f"standard errors off: {off}"
    precise = [row for row in rows if row.name.startswith(("throughput", "store", "availability"))]
    assert all(row.error < 0.03 * row.core for row in precise), "too noisy to tell"


def test_one_card_more_is_told_apart(core):
    line = replace(parameters(five_stage()), cards=5)
    rows = agreement.compare(core, agreement.peer_samples(PlainLine, line, 20, SLOTS))
    assert max(abs(row.off) for row in rows) > 10


def test_units_are_conserved_in_simpy_when_cards_change():
    env = SimpyLineEnv()
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(100):
        env.step(env.action_space.sample())
        for stage in env.line.stages:
            # a card that waits for a unit is not yet withdrawn when the number is cut: one too many at most
            assert stage.in_process + stage.store.level <= stage.n_cards + stage.cards_to_withdraw
            assert stage.in_process >= 0


def test_simpy_environment_is_one():
    check_env(SimpyLineEnv(), skip_render_check=True)


def test_geometric_has_its_mean():
    line = SimpyLine(parameters(five_stage()), seed=3)
    draws = np.array([Geometric(0.1, line.random)() for _ in range(20_000)])
    assert draws.min() == 1
    assert abs(draws.mean() - 10) < 4 * draws.std() / np.sqrt(len(draws))


def test_repetitions_are_interleaved():
    order = []
    rates = interleaved({name: lambda name=name: order.append(name) or len(order) for name in "ab"}, 3)
    assert order == list("ababab")
    assert medians(rates) == {"a": 3, "b": 4}
    assert median_ratio(rates, "b", "a") == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("value", "text"), [(43.93e6, "43.9 M"), (329_400, "329 k"), (5065, "5,065"), (0.878, "0.878")]
)
def test_numbers_are_spelled(value, text):
    assert spell(value) == text


def test_target_is_shown_beside():
    assert Row("x", 2000, "x", 1500).met == ">= 1,500: met"
    assert Row("x", 0.7, "", 0.8).met == ">= 0.8: missed"
    assert Row("x", 1, "").met == ""


@pytest.mark.slow
@pytest.mark.parametrize("script", ["core", "environment", pytest.param("ppo", marks=pytest.mark.agents)])
def test_script_runs(script, tmp_path):
    if script == "ppo":
        pytest.importorskip("stable_baselines3")
    file = tmp_path / "result.json"
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert all(row["value"] > 0 for row in result["rows"])
    assert result["machine"] in done.stdout


@pytest.mark.slow
def test_agreement_script_runs():
    command = [sys.executable, str(BENCHMARKS / "agreement.py"), "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "plain Python" in done.stdout


@pytest.mark.slow
@pytest.mark.agents
def test_structure_script_runs():
    pytest.importorskip("stable_baselines3")
    command = [sys.executable, str(BENCHMARKS / "structure.py"), "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "from nothing, seed 0:" in done.stdout
