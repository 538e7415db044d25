"""The benchmarks run, and their peers model the line that the core steps."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import which

import numpy as np
import pytest

pytest.importorskip("simpy", reason="needs the extra `bench`")

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))

import agreement  # noqa: E402
import enterprise  # noqa: E402
from gymnasium.utils.env_checker import check_env  # noqa: E402
from harness import Row  # noqa: E402
from lines import five_stage, parameters, serial_line, sure_line  # noqa: E402
from phases import LOOP, LUCK, PHASES, TOOLS, phase_of  # noqa: E402
from plain_line import PlainLine  # noqa: E402
from simpy_env import SimpyLineEnv  # noqa: E402
from simpy_line import Geometric, SimpyLine  # noqa: E402

from jitgym.benchmark import interleaved, median_ratio, medians, spell  # noqa: E402
from jitgym.scenario import load_scenario  # noqa: E402
from jitgym.simulator import Simulator  # noqa: E402

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


def test_the_series_of_lines_meets_the_line_of_the_benchmarks():
    five, longer = serial_line(5), serial_line(32)
    assert five.model_dump(exclude={"name"}) == five_stage().model_dump(exclude={"name"})
    assert len(longer.stages) == len({stage.name for stage in longer.stages}) == 32


def test_the_lines_that_tell_the_generator_apart_differ_in_nothing_else():
    certain, drawn = (Simulator(sure_line(4, finish), 50, seed=1) for finish in (1.0, 0.999999))
    for simulator in (certain, drawn):
        simulator.step(simulator.default_knobs, slots=200)
    assert np.array_equal(certain.state("store"), drawn.state("store"))
    assert [s.tables.parameters[s.tables.parameter["job_finish"]].max() == 2**31 - 1 for s in (certain, drawn)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("stack", "phase"),
    [
        ("threefry.mix threefry.threefry luck.draw line.make_slots", LUCK),
        ("luck.draw_job pull.begin_jobs pull.load_in_full pull.pull line.make_slots", LUCK),
        ("luck.any_of work.work_in_full work.work line.make_slots", PHASES["work"]),
        ("pull.open_cards pull.release_products pull.pull line.make_slots", PHASES["release"]),
        ("pull.load pull.pull line.make_slots line.plain_avx2", PHASES["load"]),
        ("pull.pull line.make_slots", PHASES["pull"]),
        ("line.tally_modes line.tally line.make_slots", PHASES["tally"]),
        ("supply.orders line.make_slots", PHASES["orders"]),
        ("block.write_row block.close_ledger line.make_slots", PHASES["block"]),
        ("line.make_slots line.plain_avx2", LOOP),
    ],
)
def test_phase_of_a_stack(stack, phase):
    assert phase_of([tuple(frame.split(".")) for frame in stack.split()]) == phase


@pytest.mark.skipif(sys.platform == "win32", reason="no perf, and other ways to find programs")
def test_missing_tools_are_told_in_one_line():
    command = [sys.executable, str(BENCHMARKS / "phases.py"), "--quick"]
    done = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("this needs perf and addr2line and nm")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", ["core", "scaling", "phases", "environment", "enterprise", pytest.param("ppo", marks=pytest.mark.agents)]
)
def test_script_runs(script, tmp_path):
    if script == "ppo":
        pytest.importorskip("stable_baselines3")
    if script == "phases" and not (all(map(which, TOOLS)) and may_sample(tmp_path)):
        pytest.skip("perf is not here, or may not sample")
    file = tmp_path / "result.json"
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert all(row["value"] > 0 for row in result["rows"])
    assert result["machine"] in done.stdout


def may_sample(folder):
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-o", str(folder / "perf.data"), "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_profile_of_an_enterprise_finds_its_phases(monkeypatch):
    """They are functions by name: one that was renamed would take no time."""
    monkeypatch.setattr(enterprise, "MOST", 4)
    monkeypatch.setattr(enterprise, "PROFILED", 1)
    shares = {phase: float(share.removesuffix(" %")) for phase, share in enterprise.profile()}
    assert set(shares) == set(enterprise.PHASES)
    assert min(shares.values()) > 0
    assert 60 < sum(shares.values()) < 100


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


@pytest.mark.agents
def test_the_script_of_algorithms_trains_a_changed_line(monkeypatch, capsys):
    """One line of figures for each training seed; the changed line and its rule are what is measured."""
    pytest.importorskip("stable_baselines3")
    import algorithms

    words = "lost_sales --start 16,0 --steps 256 --seeds 1 --evaluation 4 --set n_envs=8 n_steps=8 batch_size=64"
    monkeypatch.setattr("sys.argv", ["algorithms", *words.split(), "--change", "horizon=20", "prices.lost=0"])
    monkeypatch.setattr("sys.argv", [*sys.argv, "--mix", "demand.law.poisson=4", "--elsewhere", "demand.law.poisson=6"])
    algorithms.main()
    here, there = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ppo lost_sales seed 0: \d+\.\d\d % \(.* a slot\), 256 steps, .*", here)
    assert there.startswith("ppo lost_sales with demand.law.poisson=6 seed 0: ")
    changed = algorithms.varied(load_scenario("lost_sales"), ["suppliers.0.lead_time=3"])
    assert changed.suppliers[0].lead_time == 3
