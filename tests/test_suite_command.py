"""``jitgym suite``: done, done again from what is kept, one line alone."""

from __future__ import annotations

import csv
import json

import pytest
from commands import run

from jitgym.results import REPORT


@pytest.fixture
def contest(short, tmp_path):
    """Return the path of a suite of two short lines."""
    path = tmp_path / "pair.yaml"
    tasks = f"tasks: [{{scenario: {short}}}, {{scenario: {short}, name: other, change: {{horizon: 10}}}}]"
    path.write_text(f"name: pair\n{tasks}\nrules: kanban,conwip\nshifts: [demand]\nrollout: 0\n", encoding="utf-8")
    return path


def test_a_suite_is_done_and_done_again_from_what_is_kept(contest, tmp_path, barely):
    out = tmp_path / "out"
    asked = ("suite", contest, "--out", out, "--quick", "--no-agents", "--seed", 3)
    told = run(*asked).output
    assert "short" in told
    assert "other" in told
    record = json.loads((out / "standings.json").read_text())
    assert record["command"] == f"jitgym suite {contest} --quick --no-agents --seed 3 --out DIR"
    assert list(record["hashes"]) == ["short", "other"]
    assert record["tuning"]["seed"] == 3
    assert {"standings.md", "rules.csv", "raw.csv", *REPORT} <= {path.name for path in out.iterdir()}
    jobs = {path: path.stat().st_mtime_ns for path in (out / "jobs").iterdir()}
    run(*asked)
    assert {path: path.stat().st_mtime_ns for path in (out / "jobs").iterdir()} == jobs


def test_one_line_of_a_suite_comes_to_the_same_numbers(contest, tmp_path, barely):
    rules = {}
    for name, more in (("all", ()), ("one", ("--line", "other"))):
        run("suite", contest, "--out", tmp_path / name, "--quick", "--no-agents", *more)
        with (tmp_path / name / "rules.csv").open(newline="") as file:
            rules[name] = [row for row in csv.DictReader(file) if row["task"] == "other"]
    for one, other in zip(rules["all"], rules["one"], strict=True):
        assert {**one, "decision_microseconds": ""} == {**other, "decision_microseconds": ""}
    assert rules["one"]


def test_a_line_that_a_suite_does_not_have(contest, tmp_path):
    told = run("suite", contest, "--out", tmp_path / "out", "--line", "othr", code=2).output
    assert "line must be of the suite, got 'othr' (did you mean 'other'?)" in told
    assert not (tmp_path / "out").exists()
