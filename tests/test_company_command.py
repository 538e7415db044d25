"""``jitgym company`` from the command line."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run
from enterprises import steady

from jitgym.agents.company import CompanyAgent, Moves, Network
from jitgym.enterprise.assumptions import Change
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.greedy import Greedy
from jitgym.enterprise.managers import MANAGERS, TUNED, manager
from jitgym.enterprise.runs import RESULTS, results
from jitgym.enterprise.runs import run as lived
from jitgym.enterprise.sights import Overview
from jitgym.search import Budget
from jitgym.seeds import seed_bank


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a small enterprise of three lines."""
    path = tmp_path_factory.mktemp("firm") / "steady.yaml"
    path.write_text(json.dumps(steady(horizon=8)))
    return path


@pytest.fixture(autouse=True)
def barely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tune with next to no budget, draw small, and move two assumptions only."""
    budget = Budget(trials=4, first=2, ask=2, last=4, rounds=1, episodes=50, finalists=2, most=8, final=8)
    monkeypatch.setattr("jitgym.cli.company.QUICK", budget)
    monkeypatch.setattr("jitgym.enterprise.plots.DPI", 20)
    few = [
        Change("money.overhead", "45 (90)", {"money.overhead": 45.0}),
        Change("dynamics.kaizen", "18 (9)", {"dynamics.kaizen": 18.0}),
    ]
    monkeypatch.setattr("jitgym.cli.company.changes", lambda enterprise: iter(few))


@pytest.fixture(scope="module")
def agent(firm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a learned manager who follows the phased rule."""
    companies = Companies(load_enterprise(firm))
    outputs = int(Moves(companies.levers).sizes.sum())
    inputs = len(Overview(companies).names) + len(companies.levers)
    network = Network((np.zeros((outputs, inputs), np.float32),), (np.zeros(outputs, np.float32),))
    folder = tmp_path_factory.mktemp("agents") / "follower"
    CompanyAgent(companies, manager(companies, "phased"), network, {}).save(folder)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def interrupt(*arguments: Any, **named: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("command", ["", "show", "run", "tune", "train", "compare", "sensitivity"])
def test_help(command: str) -> None:
    assert "Usage:" in run("company", *command.split(), "--help").output


def test_show_tells_lines_suppliers_and_levers(firm: Path) -> None:
    told = run("company", "show", firm).output
    assert told.startswith("small: ")
    assert "3 lines, 8 periods (2 years)" in told
    by_line = {name: next(row for row in told.splitlines() if f" {name} " in row) for name in steady_names()}
    assert [(" yes " in row, " no " in row) for row in by_line.values()] == [
        (False, True),
        (True, False),
        (True, False),
    ]
    assert "fails" in next(row for row in told.splitlines() if " mill " in row)
    assert "rollout[steadier]" in told
    assert "spares" in run("company", "show").output


def steady_names() -> list[str]:
    return ["lumpy", "steady", "steadier"]


@pytest.mark.parametrize("rule", [*MANAGERS, "greedy"])
def test_run_tells_what_was_done_and_what_it_came_to(firm: Path, rule: str) -> None:
    told = run("company", "run", firm, "--rule", rule, "--seed", 3).output
    companies = Companies(load_enterprise(firm))
    policy: Any = Greedy(companies) if rule == "greedy" else manager(companies, rule)
    wanted = results(lived(companies, policy, seed_bank(3, 1, "evaluation")), companies.enterprise)
    rows = {row.split()[0]: row.split()[1] for row in told.splitlines() if row.split() and row.split()[0] in RESULTS}
    assert rows == {name: f"{values[0]:,.3f}" for name, values in wanted.items() if np.isfinite(values[0])}
    assert "pull        lumpy" in told
    assert ("steady stays under push" in told) == (rule == "never" or not wanted["stages"][0])
    assert told == run("company", "run", firm, "--rule", rule, "--seed", 3).output
    assert not re.search(r"\bnan\b", told)


def test_run_takes_tuned_numbers_and_learned_managers(firm: Path, agent: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    out = tmp_path / "rules.json"
    told = run("company", "tune", firm, "--rule", "never, technique", "--quick", "--out", out)
    assert not (tmp_path / "rules.json.work").exists()
    record = json.loads(out.read_text())
    assert list(record["rules"]) == ["never", "technique"]
    assert record["command"].startswith("jitgym company tune")
    for name, rule in record["rules"].items():
        assert name in told.stdout
        assert rule["profit"]["mean"] > rule["start_profit"]["mean"] - 0.01 * abs(rule["start_profit"]["mean"])
    record["rules"]["never"]["numbers"] = {"cards": 4}
    out.write_text(json.dumps(record))
    assert "cards       steady   |4444|4444|" in run("company", "run", firm, "--rule", "never", "--rules", out).output
    follows = run("company", "run", firm, "--agent", agent, "--seed", 3).output
    assert follows == run("company", "run", firm, "--rule", "phased", "--seed", 3).output


def test_tune_prints_without_a_file_and_is_the_same_again(firm: Path) -> None:
    pytest.importorskip("optuna")
    one, other = (run("company", "tune", firm, "--rule", "never", "--quick").stdout for _ in range(2))
    assert "never" in one
    assert "cards" in one
    assert one == other


def test_an_interrupted_search_is_gone_on_with(firm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    whole, out = tmp_path / "whole.json", tmp_path / "rules.json"
    arguments = ("company", "tune", firm, "--rule", "never,technique", "--quick", "--out")
    run(*arguments, whole)
    from jitgym.cli import company

    original = company.tune_manager

    def second(enterprise: Any, name: str, *more: Any) -> Any:
        return interrupt() if name == "technique" else original(enterprise, name, *more)

    monkeypatch.setattr(company, "tune_manager", second)
    told = run(*arguments, out, code=130)
    assert "the same command goes on with it" in " ".join(told.output.split())
    assert not out.exists()
    done: list[str] = []
    monkeypatch.setattr(
        company, "tune_manager", lambda enterprise, name, *more: done.append(name) or original(enterprise, name, *more)
    )
    run(*arguments, out)
    assert done == ["technique"], "what is done is not done again"
    assert json.loads(out.read_text())["rules"] == json.loads(whole.read_text())["rules"]


def test_compare_prints_and_writes_nothing_unless_it_is_told_to(firm: Path, tmp_path: Path) -> None:
    told = run("company", "compare", firm, "--seeds", 4).stdout
    assert told.startswith("# small: 4 companies, the same luck for every policy\n\n`jitgym company compare ")
    for name in MANAGERS:
        assert f"| {name} |" in told
    assert list(tmp_path.iterdir()) == []


def test_compare_writes_tables_text_and_timelines(firm: Path, agent: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "study"
    told = run("company", "compare", firm, "--seeds", 4, "--seed", 2, "--agent", agent, "--out", out).stdout
    assert (out / "study.md").read_text() == told
    assert not any(path.suffix == ".partial" for path in out.parent.iterdir())
    found = {path.stem: rows_of(path) for path in out.glob("*.csv")}
    assert set(found) == {
        "results", "claims", "differences", "years", "lines", "erosion", "suppliers", "payback",
    }  # fmt: skip
    policies = [*MANAGERS, "PPO"]
    for name in ("results", "years", "lines", "erosion", "suppliers"):
        assert list(dict.fromkeys(row["policy"] for row in found[name])) == policies, name
    mean = {row["policy"]: float(row["mean"]) for row in found["results"] if row["result"] == "economic_profit"}
    assert mean["PPO"] == mean["phased"], "who follows the rule earns the same under the same luck"
    best = max(MANAGERS, key=mean.__getitem__)
    assert {row["against"] for row in found["differences"]} == {best}
    for row in found["differences"]:
        assert float(row["difference"]) == pytest.approx(mean[row["policy"]] - mean[best])
    timelines = (out / "timelines.txt").read_text()
    assert [f"{name}, company 0" in timelines for name in policies] == [True] * len(policies)
    again = run("company", "compare", firm, "--seeds", 4, "--seed", 3, "--out", out).stdout
    assert (out / "study.md").read_text() == again != told, "older results give place"


def test_compare_with_the_greedy_one(firm: Path) -> None:
    assert "| greedy |" in run("company", "compare", firm, "--seeds", 2, "--greedy").stdout


def test_compare_leaves_what_is_not_its_own_and_nothing_of_what_was_interrupted(
    firm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.csv").write_text("x")
    monkeypatch.setattr("jitgym.cli.company.study", interrupt)
    told = run("company", "compare", firm, "--seeds", 4, "--out", tmp_path / "mine", code=2).output
    assert "thesis.csv" in told, "told before anything is run"
    assert "interrupted" in run("company", "compare", firm, "--seeds", 4, "--out", tmp_path / "new", code=130).output
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_sensitivity_checks_every_claim_of_every_change(firm: Path, tmp_path: Path) -> None:
    from jitgym.enterprise.study import CLAIMS

    out = tmp_path / "findings.csv"
    told = run("company", "sensitivity", firm, "--seeds", 4, "--out", out).stdout
    rows = rows_of(out)
    assert [(row["path"], row["claim"]) for row in rows] == [
        (path, claim.name) for path in ("", "money.overhead", "dynamics.kaizen") for claim in CLAIMS
    ]
    assert {row["told"] for row in rows} == {"as it is", "45 (90)", "18 (9)"}
    held = sum(row["finding"] == "holds" for row in rows if row["path"])
    assert f"2 changes, 4 companies each: {held} of {2 * len(CLAIMS)} findings hold" in told
    assert "Nothing hangs on: money.overhead." in told
    assert told.count(f"`jitgym company sensitivity {firm} --seeds 4 --out FILE`") == 1
    assert not (tmp_path / "findings.csv.work").exists()
    overhead = {row["claim"]: row for row in rows if row["path"] == "money.overhead"}
    from jitgym.enterprise.assumptions import changed
    from jitgym.enterprise.stored import usual_numbers
    from jitgym.enterprise.study import rules, study

    moved = changed(load_enterprise(firm), Change("money.overhead", "", {"money.overhead": 45.0}))
    wanted = study(moved, rules(usual_numbers(moved)), 4).difference("never", "technique")
    assert float(overhead["technique"]["difference"]) == pytest.approx(wanted.mean)


def test_interrupted_sensitivity_is_gone_on_with(firm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jitgym.cli import company

    out, original, moved = tmp_path / "findings.csv", company.findings, []

    def until(enterprise: Any, numbers: Any, change: Change, *rest: Any) -> Any:
        moved.append(change.path)
        return original(enterprise, numbers, change, *rest) if len(moved) != 2 else interrupt()

    monkeypatch.setattr(company, "findings", until)
    run("company", "sensitivity", firm, "--seeds", 2, "--out", out, code=130)
    assert not out.exists()
    run("company", "sensitivity", firm, "--seeds", 2, "--out", out)
    assert moved == ["", "money.overhead", "money.overhead", "dynamics.kaizen"]
    assert len({row["path"] for row in rows_of(out)}) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("show nothing", "enterprise must be a known name or a YAML file, got 'nothing'"),
        (
            "run component",
            "enterprise must be a known name or a YAML file, got 'component' (did you mean 'components'?)",
        ),
        ("run FIRM --rule nver", "got 'nver' (did you mean 'never'?)"),
        ("run FIRM --seed -1", "seed must be an integer >= 0, got -1"),
        ("run FIRM --rules missing.json", "rules must be a file of tuned rules, got 'missing.json'"),
        ("run FIRM --agent missing", "agent must be a folder with company.json and network.npz"),
        ("tune FIRM --rule never,nver --quick", "got 'nver' (did you mean 'never'?)"),
        ("tune FIRM --rule never --quick --threads 0", "threads must be an integer >= 1, got 0"),
        ("tune FIRM --rule never --quick --seed -1", "seed must be an integer >= 0, got -1"),
        ("tune FIRM --rule never --quick --out missing/rules.json", "out must be a file in a folder that is there"),
        ("compare FIRM --seeds 1", "seeds must be an integer >= 2, got 1"),
        ("compare FIRM --seeds 4 --seed -1", "seed must be an integer >= 0, got -1"),
        ("compare FIRM --seeds 4 --threads 0", "threads must be an integer >= 1, got 0"),
        ("compare FIRM --seeds 4 --agent missing", "agent must be a folder with company.json and network.npz"),
        ("compare FIRM --seeds 4 --rules FIRM", "rules must be a file of tuned rules"),
        ("compare FIRM --seeds 4 --out FIRM", "out must be a folder, got the file"),
        ("sensitivity FIRM --seeds 1", "seeds must be an integer >= 2, got 1"),
        ("sensitivity FIRM --seeds 2 --seed -1", "seed must be an integer >= 0, got -1"),
        ("sensitivity FIRM --seeds 2 --threads 0", "threads must be an integer >= 1, got 0"),
        ("sensitivity FIRM --seeds 2 --out missing/x.csv", "out must be a file in a folder that is there"),
        ("train FIRM --rule nver", "got 'nver' (did you mean 'never'?)"),
        ("train FIRM --out FIRM", "out must be a folder, got the file"),
        ("train FIRM --periods 0", "periods must be an integer >= 1, got 0"),
        ("train FIRM --seed -1", "seed must be an integer >= 0, got -1"),
        ("train FIRM --threads 0", "threads must be an integer >= 1, got 0"),
    ],
)
def test_bad_input_is_told_in_a_line_before_anything_is_run(
    firm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    if arguments.startswith("train"):
        pytest.importorskip("stable_baselines3")
    monkeypatch.chdir(tmp_path)
    for name in ("study", "tune_manager"):
        monkeypatch.setattr(f"jitgym.cli.company.{name}", interrupt)
    words = [str(firm) if word == "FIRM" else word for word in arguments.split(" ")]
    told = run("company", *words, code=2).output
    assert message in " ".join(told.split())
    assert sum(row.startswith("error: ") for row in told.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.agents
def test_train_stores_the_best_network(firm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("stable_baselines3")
    from jitgym.agents import company_training

    asked: list[Any] = []
    original = company_training.train_company

    def quick(*arguments: Any) -> Any:
        asked.append(arguments)
        monkeypatch.setattr(company_training, "VALIDATION", 4)
        settings = company_training.Settings(companies=4, batch=4, epochs=1, hidden=(4,))
        return original(*arguments[:5], settings, *arguments[6:])

    monkeypatch.setattr(company_training, "train_company", quick)
    out = tmp_path / "manager"
    told = run("company", "train", firm, "--rule", "technique", "--periods", 32, "--seed", 5, "--out", out).output
    assert told.count("against the rule") == 2
    assert (asked[0][0].name, asked[0][1], asked[0][3], asked[0][4], asked[0][6]) == ("small", "technique", 32, 5, 1)
    assert "pull        steady" in run("company", "run", firm, "--agent", out).output
    assert all(name in MANAGERS for name in TUNED)
