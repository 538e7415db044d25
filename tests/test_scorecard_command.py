"""``jitgym scorecard``: the table, the file, and what is refused."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest
from commands import run

from jitgym.cadence import Periods, reviewed
from jitgym.cadence_report import mean_of, multiple, title_of
from jitgym.cli.scorecard import usual_period
from jitgym.evaluate import run_policy
from jitgym.kpis import CADENCE, MONEY
from jitgym.rules import rule_family
from jitgym.scenario import load_scenario
from jitgym.seeds import seed_bank
from jitgym.stats import Interval

CONWIP, KANBAN = "conwip:10,4", "kanban:1,2,7,3,4"


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def priced(short):
    """A short line with a calendar and finance."""
    description = load_scenario(short).model_dump(mode="json", exclude_none=True)
    extra = {"calendar": {"shift": 8, "week": 40}, "finance": {"price": 100, "material": 20, "added": 10}}
    short.write_text(load_scenario(description | extra).to_yaml(), encoding="utf-8")
    return short


def test_the_table_has_every_key_figure_by_week_and_against_kanban(priced, wide):
    text = run("scorecard", priced, "--rule", CONWIP, "--against", KANBAN, "--seeds", 20).stdout
    assert "short under conwip: 4 weeks of 40 slots; of one line the first 4, and all of 20 lines together" in text
    for kpi in CADENCE:
        assert re.search(rf"^{title_of(kpi)} ", text, re.MULTILINE), kpi
    assert "week 4" in text
    assert "multiple of" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_table_fits_a_narrow_terminal(priced, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = run("scorecard", priced, "--rule", CONWIP, "--against", KANBAN, "--seeds", 20).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"^cash conversion days ↓  days ", text, re.MULTILINE)


def test_numbers_of_the_table_are_those_of_the_review(priced, wide, tmp_path):
    out = tmp_path / "weeks.csv"
    text = run(
        "scorecard", priced, "--rule", CONWIP, "--against", KANBAN, "--seeds", 20, "--seed", 3, "--out", out
    ).stdout
    scenario = load_scenario(priced)
    family = rule_family(scenario, "conwip")
    seeds = seed_bank(3, 20, "evaluation")
    periods = Periods(40)
    run_policy(scenario, family.rule(np.array([10, 4])), seeds, each=periods.note)
    found = reviewed(periods, scenario)
    row = re.search(r"^wip ↓ +units +(\S+) +(\S+) +(\S+) +(\S+) +(\S+ ± \S+) ", text, re.MULTILINE)
    assert row is not None
    assert [float(row[k + 1]) for k in range(4)] == pytest.approx(found.kpis["wip"][:, 0], abs=0.005)
    assert row[5] == mean_of(found.whole["wip"])
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert len(rows) == 2 * 20 * 5
    mine = [one for one in rows if (one["policy"], one["seed"]) == (CONWIP, str(seeds[7]))]
    assert [one["period"] for one in mine] == ["1", "2", "3", "4", "run"]
    for kpi in CADENCE:
        values = [*found.kpis[kpi][:, 7], found.whole[kpi][7]]
        np.testing.assert_array_equal([float(one[kpi]) for one in mine], values)


def test_a_rule_is_tuned_and_held_against_tuned_kanban(short, wide, monkeypatch):
    pytest.importorskip("optuna")
    from jitgym.search import Budget

    budget = Budget(trials=4, first=2, ask=2, last=4, rounds=1, episodes=50, finalists=2, most=8, final=8)
    monkeypatch.setattr("jitgym.cli.scorecard.QUICK", budget)
    text = run("scorecard", short, "--rule", "conwip", "--period", 40, "--quick", "--seeds", 8).stdout
    assert "short under conwip: 4 periods of 40 slots" in text
    assert "kanban" in text
    assert "The scenario gives no finance" in text
    assert not any(title_of(kpi) in text for kpi in MONEY)


def test_against_itself_there_is_nothing_to_normalise(short, wide):
    text = run("scorecard", short, "--rule", KANBAN, "--against", KANBAN, "--period", 96, "--seeds", 4).stdout
    assert "multiple" not in text
    assert "The last 64 slots fill no period and are not counted." in text


@pytest.mark.agents
def test_an_agent_is_reviewed(wide):
    pytest.importorskip("jitgym.agents.policy", reason="needs the extra `agents`")
    folder = "benchmarks/results/contest/selected/four_stage/ppo"
    text = run("scorecard", "four_stage", "--agent", folder, "--against", KANBAN, "--period", 400, "--seeds", 4).stdout
    assert "four_stage under agent: 5 periods of 400 slots" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rule", "kanban", "--agent", "x"), "rule and agent must not both be given"),
        (
            ("--rule", KANBAN, "--period", "week"),
            "period must be a number of slots, got 'week': scenario 'short' gives no calendar.week",
        ),
        (("--rule", KANBAN, "--period", "9"), "period must be a whole number of steps of 8 slots, got 9"),
        (("--rule", KANBAN, "--period", "168"), "period must not be longer than an episode of 160 slots, got 168"),
        (("--rule", KANBAN, "--period", "8", "--seeds", "1"), "seeds must be an integer >= 2, got 1"),
        (("--rule", "kanban:1,x", "--period", "8"), "rule must have integers after the colon, as in kanban:1,2,7, got"),
        (("--rule", "kanban:1,2", "--period", "8"), "kanban needs 5 integers"),
        (("--rule", "kanban:99,2,7,3,4", "--period", "8"), "kanban: kanban[turning] must be in 1..20, got 99"),
        (("--rule", "kanbn", "--period", "8"), "rule must be of"),
        (
            ("--rule", KANBAN, "--period", "8", "--out", "/nowhere/x.csv"),
            "out must be a file in a folder that is there",
        ),
    ],
)
def test_what_is_refused(short, words, message):
    done = run("scorecard", short, *words, code=2)
    assert f"error: {message}" in done.stderr
    assert done.stderr.count("error:") == 1


def test_without_options_it_is_tuned_kanban(short, barely):
    assert "short under kanban: 10 periods of 16 slots" in run("scorecard", short, "--quick", "--seeds", 4).stdout


def test_the_longest_period_of_the_calendar_is_the_usual_one(priced):
    assert usual_period(load_scenario(priced)) == "week"


def test_words_of_the_table():
    assert title_of("oee_quality") == "OEE quality ↑"
    assert title_of("takt") == "takt"
    assert multiple(Interval(1.5, 0.1, 1.3, 1.7)) == "1.50 ± 0.20"
    assert multiple(Interval(float("nan"), 0, 0, 0)) == "–"
    assert mean_of(np.array([np.nan, 1.0, 3.0])).startswith("2")
    assert mean_of(np.array([np.nan])) == "–"


def test_show_tells_calendar_and_finance(priced):
    printed = " ".join(run("show", priced).stdout.split())
    assert "finance: price 100, material 20, added 10" in printed
    assert "calendar: shift 8, week 40" in printed
