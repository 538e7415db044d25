"""The command line: what it prints and writes, its exit codes, and that nothing half-done stays behind."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from commands import run

import jitgym
from jitgym import benchmark, compare, report, results
from jitgym.files import scenario_files
from jitgym.scenario import load_scenario
from jitgym.scorecard import KPIS
from jitgym.seeds import seed_bank
from jitgym.simulator import kernel
from jitgym.stats import Interval

ROOT = Path(__file__).resolve().parent.parent
KERNELS = benchmark.kernels()
FILES = {"results.json", "results.csv", "costs_per_seed.csv", "kpis_per_seed.csv", "compare.png", *results.REPORT}


@pytest.mark.agents
def test_the_help_names_every_algorithm():
    algorithms = pytest.importorskip("jitgym.agents.algorithms", reason="needs the extra `agents`").ALGORITHMS
    told = " ".join(run("compare", "--help").output.split())
    assert all(name in told for name in algorithms)


def command(*arguments, **options):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "jitgym.cli", *map(str, arguments)]
    return subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **options
    )


def quick(scenario, out, *more, code=0):
    arguments = ("compare", scenario, "--quick", "--rules", "kanban,conwip", "--seeds", 6, "--out", out, *more)
    return run(*arguments, code=code)


# -- what it says --


def test_help_and_version():
    assert run("--version").stdout.strip() == f"jitgym {jitgym.__version__}"
    for name in ("compare", "tune", "scenarios", "show", "bench", "report"):
        assert name in run("--help").stdout
        assert "Usage" in run(name, "--help").stdout


def test_scenarios_lists_all():
    printed = run("scenarios").stdout
    for name in scenario_files():
        assert name in printed


@pytest.mark.parametrize("name", sorted(scenario_files()))
def test_show_names_every_part(name):
    scenario = load_scenario(name)
    printed = run("show", name).stdout
    simulator = jitgym.Simulator(scenario)
    for part in (*scenario.stages, *scenario.items, *scenario.suppliers, *simulator.knobs):
        assert part.name in printed
    assert scenario.hash in printed
    assert "…" not in printed  # nothing is cut off at 80 columns
    assert "{" not in printed  # laws are spelled out


def test_show_spells_a_backlog_limit_and_every_kind_of_hazard(line, tmp_path):
    path = tmp_path / "line.yaml"
    path.write_text(load_scenario(line).to_yaml(), encoding="utf-8")
    printed = run("show", path).stdout
    assert "backlogged up to 9, lost beyond" in printed
    assert "Weibull 8, 2" in " ".join(printed.split())


def test_tune_prints_and_writes(short, tmp_path, barely):
    out = tmp_path / "tuned.json"
    printed = run("tune", short, "--rule", "kanban", "--quick", "--seed", 3, "--out", out).stdout
    told = json.loads(out.read_text(encoding="utf-8"))
    record = told["rules"]["kanban"]
    assert set(record["numbers"]) == set(record["textbook_numbers"]) == set(record["space"])
    assert record["space"]["kanban[turning]"] == [1, 20]
    assert (record["seed"], record["budget"]["trials"], record["information"]) == (3, 4, "local")
    assert record["textbook_numbers"]["kanban[turning]"] == 3
    assert record["cost"]["low"] < record["cost"]["mean"] < record["cost"]["high"]
    assert told["hash"] == load_scenario(short).hash
    assert f"{record['episodes']} episodes" in printed
    for name, value in record["numbers"].items():
        assert any(line.split()[:1] == [name] and line.split()[2] == str(value) for line in printed.splitlines())
    assert set(os.listdir(tmp_path)) == {"short.yaml", "tuned.json"}


def test_tune_ranks_several_rules_and_shows_what_they_trade(short, tmp_path, barely, monkeypatch):
    out = tmp_path / "tuned.json"
    monkeypatch.setattr("jitgym.tuning.pareto_front.__defaults__", (2,))
    printed = run("tune", short, "--rule", "conwip,hybrid", "--quick", "--out", out).stdout
    told = json.loads(out.read_text(encoding="utf-8"))
    assert set(told["rules"]) == {"conwip", "hybrid"}
    assert "Pareto front" in printed
    assert told["pareto_front"]
    costs = [point["cost"] for point in told["pareto_front"]]
    assert costs == sorted(costs)


def test_an_interrupted_tuning_goes_on(short, tmp_path, barely, monkeypatch):
    out = tmp_path / "tuned.json"
    with monkeypatch.context() as patch:
        patch.setattr("jitgym.search.climb", Mock(side_effect=KeyboardInterrupt))
        told = run("tune", short, "--rule", "kanban", "--quick", "--out", out, code=130).stderr
    assert "the same command goes on with it" in " ".join(told.split())
    assert list((tmp_path / "tuned.json.work").glob("kanban-*.trials"))
    run("tune", short, "--rule", "kanban", "--quick", "--out", out)
    assert set(os.listdir(tmp_path)) == {"short.yaml", "tuned.json"}


# -- bench --


def test_bench_shows_kernels_threads_and_rates(short, monkeypatch):
    monkeypatch.delenv("JITGYM_KERNEL", raising=False)
    monkeypatch.setattr(benchmark, "SIZES", (1, 40))
    printed = run("bench", short, "--quick", "--threads", 3).stdout
    assert f"Used: {benchmark.kernels()[0]} (JITGYM_KERNEL=NAME takes another)" in printed
    assert "4 stages, 1 product, 200 slots a call" in printed
    assert ("3 threads" in printed) == benchmark.has_threads()
    rows = [line.split()[:2] for line in printed.splitlines() if line.split()[:1] and line.split()[0] in KERNELS]
    assert rows == [[KERNELS[0], "1"], [KERNELS[0], "40"], *([name, "40"] for name in KERNELS[1:])]
    assert "quick run" in printed
    assert "JITGYM_KERNEL" not in os.environ


def test_bench_takes_the_kernel_of_the_environment(monkeypatch):
    monkeypatch.setenv("JITGYM_KERNEL", "baseline")
    monkeypatch.setattr(benchmark, "SIZES", (16,))
    printed = run("bench", "--quick", "--threads", 1).stdout
    assert "Used: baseline (as JITGYM_KERNEL says)" in printed
    assert "four_stage: " in printed
    assert "threads" not in printed.split("four_stage: ")[1].splitlines()[1]
    assert os.environ["JITGYM_KERNEL"] == "baseline"


def test_bench_tells_what_is_wrong(monkeypatch):
    assert "scenario must be a known name" in fault("bench", "nothing")[0]
    assert fault("bench", "--threads", 0) == ["error: threads must be an integer >= 1, got 0"]
    monkeypatch.setenv("JITGYM_KERNEL", "sse")
    assert fault("bench", "--quick") == [f"error: JITGYM_KERNEL must be of {', '.join(KERNELS)}, got 'sse'"]


def test_bench_can_be_interrupted(monkeypatch):
    monkeypatch.setattr(benchmark, "interleaved", Mock(side_effect=KeyboardInterrupt()))
    assert run("bench", "--quick", code=130).stderr.endswith("interrupted\n")


def test_a_measured_line_begins_anew_when_it_must():
    scenario = load_scenario("four_stage")
    limit = jitgym.Simulator(scenario).tables.slot_limit
    step = benchmark.stepping(scenario, 2, 3 * limit // 4)
    assert [step(), step(), step()] == [2.0 * (3 * limit // 4)] * 3
    assert benchmark.stepping(scenario, 2, 2 * limit)() == 2 * limit


def test_a_kernel_is_set_for_a_while(monkeypatch):
    for before in (None, "baseline"):
        if before is not None:
            monkeypatch.setenv("JITGYM_KERNEL", before)
        with benchmark.kernel_set(KERNELS[0]):
            assert kernel() == KERNELS[0]
        with benchmark.kernel_set(""):
            assert os.environ.get("JITGYM_KERNEL") == before


# -- compare --


def test_compare_writes_everything(short, tmp_path, barely):
    out = tmp_path / "deep" / "results"
    printed = quick(short, out, "--seed", 5).stdout
    assert {path.name for path in out.iterdir()} == FILES
    assert os.listdir(out.parent) == ["results"]

    record = json.loads((out / "results.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert record["scenario"]["hash"] == load_scenario(record["scenario"]["description"]).hash
    assert record["versions"]["jitgym"] == jitgym.__version__
    assert (record["seed"], record["budget"]["evaluation_seeds"]) == (5, 6)
    assert list(map(int, record["evaluation_seeds"])) == seed_bank(5, 6, "evaluation").tolist()
    assert set(record["rules"]) == set(record["policies"]) == {"kanban", "conwip"}
    assert (
        record["reference"]
        == next(iter(record["policies"]))
        == min(record["policies"], key=lambda name: record["policies"][name]["kpis"]["cost"]["mean"])
    )
    assert record["verdict"].split()[:3] == printed[printed.rindex(record["verdict"][:12]) :].split()[:3]
    for name, policy in record["policies"].items():
        assert set(policy["kpis"]) == set(KPIS)
        costs = record["cost_per_seed"][name]
        assert policy["kpis"]["cost"]["mean"] == pytest.approx(np.mean(costs))
        assert sum(term["mean"] for term in policy["cost_by_term"].values()) == pytest.approx(np.mean(costs))
        paired = np.subtract(costs, record["cost_per_seed"][record["reference"]])
        assert policy["difference"]["mean"] == pytest.approx(paired.mean())
        assert name in printed

    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["policy"] for row in rows] == list(record["policies"])
    assert float(rows[1]["difference"]) == record["policies"][rows[1]["policy"]]["difference"]["mean"]
    with (out / "costs_per_seed.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == record["evaluation_seeds"]
    assert [float(row["kanban"]) for row in rows] == record["cost_per_seed"]["kanban"]


def test_same_command_same_results(short, tmp_path, barely):
    records = []
    for name in ("one", "two"):
        quick(short, tmp_path / name)
        record = json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8"))
        del record["created"]
        for policy in record["policies"].values():
            del policy["decision_seconds"]  # the only numbers that a clock has made
        records.append(record)
    assert records[0] == records[1]


def test_earlier_results_are_replaced_as_a_whole(short, tmp_path, barely):
    out = tmp_path / "out"
    quick(short, out)
    (out / "agent").mkdir()
    (out / "agent" / "card.json").write_text("{}", encoding="utf-8")
    quick(short, out)
    assert {path.name for path in out.iterdir()} == FILES
    assert set(os.listdir(tmp_path)) == {"out", "short.yaml"}


def test_an_error_on_the_way_leaves_everything_as_it_was(short, tmp_path, barely, monkeypatch):
    out = tmp_path / "out"
    quick(short, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    for error, code in ((KeyboardInterrupt(), 130), (compare.InputError("no"), 2), (OSError("disk full"), 1)):
        for function in ("evaluate_all", "write_results"):
            with monkeypatch.context() as patch:
                patch.setattr(f"jitgym.cli.compare.{function}", Mock(side_effect=error))
                quick(short, out, code=code)
                quick(short, tmp_path / "new" / "out", code=code)
            assert {path.name: path.read_bytes() for path in out.iterdir()} == before
            assert set(os.listdir(tmp_path)) == {"out", "out.work", "new", "short.yaml"}
            assert os.listdir(tmp_path / "new") == ["out.work"]  # tuned rules, to go on with


def test_a_failed_replacement_puts_the_old_results_back(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.json").write_text("old", encoding="utf-8")
    rename = Path.rename

    def fail_once(path, target):
        if path.name.endswith(".partial"):
            raise OSError("gone")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OSError, match="gone"), results.results_folder(out) as folder:
        (folder / "results.json").write_text("new", encoding="utf-8")
    assert os.listdir(tmp_path) == ["out"]
    assert (out / "results.json").read_text(encoding="utf-8") == "old"


def test_whole_command_as_a_user_runs_it(tmp_path):
    """A process of its own: exit code, table on stdout, progress on stderr, readable files."""
    process = command("compare", "four_stage", "--quick", "--rules", "kanban,conwip", "--out", tmp_path / "out")
    printed, progress = process.communicate(timeout=120)
    assert process.returncode == 0, progress
    assert "tune kanban" in progress
    assert "tune kanban" not in printed
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    record = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert len(record["cost_per_seed"]["kanban"]) == compare.QUICK_SEEDS
    assert record["verdict"] in " ".join(printed.split())


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupting_leaves_nothing(tmp_path):
    process = command("compare", "bearing_line", "--out", tmp_path / "new" / "out")
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("new/.out.*.partial")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: " in told
    assert "Traceback" not in told
    assert os.listdir(tmp_path) in ([], ["new"])
    assert list(tmp_path.glob("new/*")) in ([], [tmp_path / "new" / "out.work"])


# -- agents --


@pytest.mark.agents
def test_an_agent_is_trained_stored_and_loaded(short, tmp_path, barely, monkeypatch):
    pytest.importorskip("stable_baselines3")
    out, again, kept = tmp_path / "out", tmp_path / "again", tmp_path / "out.work"
    with monkeypatch.context() as patch:
        patch.setattr("jitgym.cli.compare.evaluate_all", Mock(side_effect=KeyboardInterrupt))
        told = quick(short, out, "--train", 100, code=130).stderr
    assert f"what is done is kept in {kept}: the same command goes on with it" in told.replace("\n", "")
    assert (kept / "training" / "checkpoint.pt").is_file()
    assert not out.exists()

    quick(short, out, "--train", 100)
    assert not kept.exists()
    assert {path.name for path in out.iterdir()} == FILES | {"agent"}
    record = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert record["policies"]["agent"]["kind"] == "agent"
    assert record["agent"]["start"] in record["rules"]
    assert record["agent"]["steps"] >= 100
    assert "he agent" in record["verdict"]

    quick(short, again, "--agent", out)  # a folder of results will do
    loaded = json.loads((again / "results.json").read_text(encoding="utf-8"))
    assert loaded["cost_per_seed"] == record["cost_per_seed"]
    assert loaded["agent"]["loaded_from"] == str(out / "agent")

    (line,) = fault("compare", "four_stage", "--out", tmp_path / "other", "--agent", out / "agent")
    assert "an agent must be used on the scenario it was trained on" in line
    (line,) = fault("compare", short, "--out", tmp_path / "other", "--agent", tmp_path)
    assert "must be a file of a stored agent" in line
    assert set(os.listdir(tmp_path)) == {"out", "again", "short.yaml"}


# -- faults of the input --


def fault(*arguments):
    """Return the lines on stderr of a command that must end with exit code 2, each an error in one line."""
    lines = run(*arguments, code=2).stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    return lines


def test_a_misspelt_scenario(tmp_path):
    (line,) = fault("compare", "four_stgae", "--out", tmp_path / "out")
    assert "four_stgae" in line
    assert os.listdir(tmp_path) == []


def test_every_fault_of_a_scenario_is_a_line(tmp_path):
    path = tmp_path / "line.yaml"
    text = load_scenario("four_stage").to_yaml().replace("bernoulli: 0.7", "bernoulli: 1.7")
    path.write_text(text + "horizon: 0\n", encoding="utf-8")
    assert len(fault("show", path)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rules", "kanbna"], "did you mean 'kanban'"),
        (["--rules", "kanban+age"], "needs a pm_level knob"),
        (["--rules", ","], "rules must name at least one"),
        (["--seeds", "1"], "seeds must be an integer >= 2, got 1"),
        (["--seed", "-1"], "seed must be an integer >= 0, got -1"),
        (["--threads", "0"], "threads must be an integer >= 1, got 0"),
        (["--train", "-5"], "train must be an integer >= 0, got -5"),
        (["--train", "5", "--agent", "here"], "train and agent must not both be given"),
        (["--device", "tpu"], "device must be cpu or cuda, got 'tpu'"),
    ],
)
def test_a_wrong_option(arguments, message, tmp_path):
    (line,) = fault("compare", "four_stage", "--out", tmp_path / "out", *arguments)
    assert message in line
    assert os.listdir(tmp_path) == []


def test_words_where_numbers_belong(tmp_path):
    assert "--seeds" in run("compare", "four_stage", "--out", tmp_path / "out", "--seeds", "abc", code=2).stderr


def test_a_folder_that_cannot_be_written(short, tmp_path, barely):
    (tmp_path / "file").write_text("text", encoding="utf-8")
    for out in ("file", "file/out", "file/deep/out"):
        done = quick(short, tmp_path / out, code=2)
        assert done.stderr.startswith("error: out must be a folder")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "text"


def test_a_folder_with_other_things_is_not_replaced(short, tmp_path, barely):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work", encoding="utf-8")
    assert "holds 'thesis.tex'" in quick(short, out, code=2).stderr
    assert os.listdir(out) == ["thesis.tex"]


def test_tune_out_must_be_a_file_in_a_folder(short, tmp_path):
    for out in (tmp_path, tmp_path / "no" / "file.json"):
        (line,) = fault("tune", short, "--rule", "kanban", "--out", out)
        assert "out must be a file in a folder that is there" in line


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("optuna", "tune", ("compare", "four_stage")),
        ("optuna", "tune", ("suite", "contest")),
        ("optuna", "tune", ("tune", "four_stage", "--rule", "kanban")),
        ("matplotlib", "plot", ("compare", "four_stage")),
        ("matplotlib", "plot", ("suite", "contest")),
        ("stable_baselines3", "agents", ("compare", "four_stage", "--train", 10)),
        ("stable_baselines3", "agents", ("suite", "contest")),
        ("torch", "agents", ("compare", "four_stage", "--agent", "x")),
    ],
)
def test_a_missing_extra_is_told_before_the_work(package, extra, arguments, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    (line,) = fault(*arguments, "--out", tmp_path / "out")
    assert line == f"error: this needs {package}: install jitgym[{extra}]"


# -- words and numbers --


class Outcome:
    def __init__(self, cost):
        self.cost = np.array([cost, cost])


class Found:
    """As much of a comparison as the verdict reads."""

    def __init__(self, difference, agent=True, cost=20.0):
        self.agent = object() if agent else None
        self.challenger = "agent" if agent else "conwip"
        self.evaluation = self
        self.reference = "kanban"
        self.seeds = range(1000)
        self.outcomes = {"kanban": Outcome(cost)}
        self.difference = lambda name: difference


def test_verdict_says_better_worse_or_neither():
    assert compare.verdict(Found(Interval(-0.42, 0.03, -0.48, -0.36))) == (
        "The agent is better than kanban, the best tuned rule: it costs 0.420 a slot less "
        "(2.1 %; 95 % CI 0.360 to 0.480; 1000 paired seeds)."
    )
    assert compare.verdict(Found(Interval(1.0, 0.1, 0.8, 1.2), agent=False)) == (
        "conwip is worse than kanban, the best tuned rule: it costs 1.00 a slot more "
        "(5.0 %; 95 % CI 0.80 to 1.20; 1000 paired seeds)."
    )
    assert compare.verdict(Found(Interval(-0.01, 0.01, -0.03, 0.01))) == (
        "No difference shown between the agent and kanban, the best tuned rule: "
        "-0.010 a slot (95 % CI -0.030 to +0.010; 1000 paired seeds)."
    )
    assert compare.verdict(Found(Interval(0.0, 0.0, 0.0, 0.0))) == (
        "No difference between the agent and kanban, the best tuned rule: "
        "they cost the same on each of 1000 paired seeds."
    )
    assert "%; 95" not in compare.verdict(Found(Interval(1.0, 0.1, 0.8, 1.2), cost=0.0))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (1234.5, "1230"), (12.345, "12.3"), (0.01234, "0.0123"), (-2.5, "−2.50"), (float("nan"), "–")],
)
def test_numbers_have_three_digits(value, text):
    assert report.number(value) == text


def test_json_is_strict_and_lossless():
    data = {"a": [1, 2.5, None], "b": {"c": np.float64(0.1), "d": []}, "e": [{"f": 1}, {"g": "[ x ]"}], "h": {}}
    assert json.loads(results.to_json(data)) == data
    assert json.loads(results.to_json([float("nan"), np.inf, np.arange(3)])) == [None, None, [0, 1, 2]]


def test_kpis_without_a_value_leave_the_others_alone():
    assert results.known(np.array([1.0, np.nan, 3.0])).mean == 2
    assert np.isnan(results.known(np.array([np.nan, 3.0])).mean)
