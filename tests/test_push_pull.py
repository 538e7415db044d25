"""Push against pull: what the benchmark does to a line, what it counts, and that what is stored holds anew."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest

from jitgym.fields import DOWN
from jitgym.scorecard import Scorecard
from jitgym.simulator import Simulator
from jitgym.stats import Interval
from jitgym.suite import changed, read_suite

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

import push_pull  # noqa: E402
import push_pull_measures  # noqa: E402
from push_pull import NAMES, PULL, PUSH, Finding, findings_of, page_of, spelled, summary, table_of  # noqa: E402
from push_pull_measures import (  # noqa: E402
    LATE,
    MEASURES,
    STOP,
    WHEN,
    Task,
    after_a_stop,
    at_same_service,
    before_found,
    defective,
    demanding,
    flow_times,
    inventory,
    late_and_stock,
    off,
    plain,
    slot_by_slot,
    stopping,
)
from push_pull_rates import Off, Releases, losses, setting_off  # noqa: E402

STORED = ROOT / "benchmarks" / "results" / "push_pull" / "push_pull.json"
RECORD = json.loads(STORED.read_text("utf-8"))
LINES = read_suite("push_pull").tasks
FRESH = 200


def task_of(line, rule, n_seeds=FRESH, bank=77, **change):
    """A rule with the numbers that are stored."""
    vectors = RECORD["numbers"][line][rule]["vectors"]
    scenario = changed(LINES[line], change, line) if change else LINES[line]
    return Task(scenario, rule, tuple(vectors["tuned"]), (), n_seeds, bank)


# -- what is done to a line --


def test_the_middle_machine_stops_once_and_for_so_long():
    scenario = stopping(LINES["balanced"], True)
    simulator = Simulator(scenario, 3, 1)
    down = []
    for _ in range(2000):
        simulator.step(simulator.default_knobs, 1)
        down.append(simulator.state("mode")[:, 2] == DOWN)
    assert (np.stack(down).sum(axis=0) == STOP).all()
    assert np.flatnonzero(np.stack(down)[:, 0]).tolist() == list(range(WHEN, WHEN + STOP))
    never = Simulator(stopping(LINES["balanced"], False), 3, 1)
    broken = sum(never.step(never.default_knobs)["breakdowns"] for _ in range(250))
    assert broken[:, 2].sum() == 0
    assert (broken[:, [0, 1, 3]] > 0).all()  # the others break down as before


def test_the_first_machine_makes_only_defects_from_then_on():
    simulator = Simulator(defective(LINES["balanced"]), 3, 1)
    before = simulator.step(simulator.default_knobs, WHEN)
    after = simulator.step(simulator.default_knobs, 500)
    assert before["scrapped"].sum() == before["returned"].sum() == after["returned"].sum() == 0
    assert (after["scrapped"][:, -1] > 0).all()
    assert simulator.state("store_bad")[:, 0].tolist() == simulator.state("store")[:, 0].tolist()


@pytest.mark.parametrize("line", LINES)
def test_lumpy_demand_has_the_same_mean(line):
    mean = LINES[line].demand.law.mean
    steady, lumpy = (demanding(LINES[line], lumpy).demand.law for lumpy in (False, True))
    assert steady.mean == lumpy.mean == mean
    assert lumpy.negative_binomial.mean + mean**2 / lumpy.negative_binomial.dispersion == pytest.approx(2 * mean)


def test_numbers_are_off_by_a_quarter_at_least_by_one_and_in_their_ranges():
    task = replace(task_of("balanced", "kanban"), numbers=(1, 2, 8, 20, 4))
    assert off(task, 0.75).tolist() == [1, 1, 6, 15, 3]
    assert off(task, 1.25).tolist() == [2, 3, 10, 20, 5]
    assert setting_off("cards", 7, 0.75) == 5
    assert setting_off("cards", 7, 1.1) == 8
    assert setting_off("rate", 0.8, 1.25) == 1.0


# -- what is counted --


@pytest.mark.parametrize("rule", NAMES)
def test_slot_by_slot_is_the_run_itself(rule):
    """Releases are granted once a step, however many slots are made at a time."""
    task = task_of("bottleneck", rule, n_seeds=20, horizon=40)
    together = reduce(add, slot_by_slot(task, task.scenario))
    np.testing.assert_array_equal(together.array, task.run(task.scenario).array)


def test_times_in_the_line_by_hand(monkeypatch):
    monkeypatch.setattr(push_pull_measures, "SETTLED", 1)
    monkeypatch.setattr(push_pull_measures, "LAST", 4)
    released = np.array([[2], [1], [0], [2], [1], [0], [0], [0]])
    finished = np.array([[1], [0], [1], [2], [0], [2], [1], [0]])
    # one was on its way: the first out; then those of slot 0 in 2 and 3, that of 1 in 3, those of 3 in 5 and 5
    assert [times.tolist() for times in flow_times(released, finished, 1)] == [[2, 2, 2]]


def test_times_in_the_line_agree_with_littles_law():
    """Released and finished units, their times and what stands in between, over most of an episode."""
    figures = plain(task_of("balanced", "conwip"))
    task = task_of("balanced", "conwip")
    total = task.run(task.scenario)
    between = total.total("process_slots") + total["store_slots"][:, :-1].sum(axis=1)
    little = between / total["finished"][:, -1]
    assert figures["flow_time"].mean() == pytest.approx(little.mean(), rel=0.03)
    np.testing.assert_allclose(figures["cost"], Scorecard(task.scenario).cost_a_slot(total))
    np.testing.assert_allclose(figures["inventory"], inventory(total))


def test_two_settings_take_turns_to_be_late_as_often_as_asked():
    task = replace(task_of("balanced", "conwip", n_seeds=100), candidates=((16, 3), (19, 3), (30, 4), (12, 4)))
    same = at_same_service(task)
    assert sum(share for _, share in same) == pytest.approx(1)
    assert all(0 <= share <= 1 for _, share in same)
    judged = [late_and_stock(task, numbers, task.bank + 1)[0].mean() for numbers, _ in same]
    assert sum(share * late for (_, share), late in zip(same, judged, strict=True)) == pytest.approx(LATE)
    assert (30, 4) not in [numbers for numbers, _ in same]  # far more stock than is needed


def test_a_rate_is_kept_whole_unit_by_whole_unit():
    scenario = LINES["balanced"]
    simulator = Simulator(scenario, 2, 1)
    rate = Releases(simulator.knobs, 0.7, scenario.slots_per_step)
    column = [knob.kind for knob in simulator.knobs].index("release")
    seen = [rate._codec.decode(rate.predict(np.zeros((2, 1)))[0])[:, column].tolist() for _ in range(10)]
    assert np.sum(seen, axis=0).tolist() == [56, 56]
    assert {units for pair in seen for units in pair} == {5, 6}


def test_a_rate_above_capacity_is_worse_than_cards_that_are_off(monkeypatch):
    """Spearman and Zazanis's claim, and that it is about a rate that looks at nothing."""
    monkeypatch.setattr("push_pull_rates.RATES", (0.7, 0.8))
    monkeypatch.setattr("push_pull_rates.CARDS", (6, 8))
    short = changed(LINES["balanced"], {"horizon": 150}, "short")
    found = losses(Off(short, 32), lambda label, share, word: None)
    lost = {system: {k: np.mean(v) for k, v in found[system]["lost"].items()} for system in ("rate", "cards")}
    assert lost["rate"]["1.25"] > 10 * max(1, lost["cards"]["1.25"])
    assert found["cards"]["earned"] > found["rate"]["earned"]


# -- what is told --


def finding(measure, mean, low, high, pull="kanban", line="a"):
    return Finding(line, measure, pull, 1234.5, 0.5, Interval(mean, 0.1, low, high))


def test_a_claim_holds_where_the_whole_interval_is_on_its_side():
    assert finding("inventory", -2, -3, -1).holds == "yes"  # pull has less
    assert finding("inventory", 2, 1, 3).holds == "no"
    assert finding("inventory", 2, -1, 5).holds == "not shown"
    assert finding("stop", 2, 1, 3).holds == "yes"  # push has less
    assert finding("stop", -2, -3, -1).holds == "no"
    assert finding("cost", -2, -3, -1).holds == ""


def test_what_is_told():
    found = [finding(name, -2, -3, -1, rule) for rule in PULL for name in MEASURES]
    rows = table_of(found, "a", "kanban")
    assert len(rows) == len(MEASURES)
    assert rows[2] == ("inventory", "pull", "1234", "0.50", "−2.00 [−3.00, −1.00]", "yes")
    assert "kanban: it is so on a; CONWIP: it is so on a." in summary(found)[0]
    assert spelled(-123.45, "+") == "−123.5"


# -- what is stored --


def test_what_is_stored_is_of_the_suite_as_it_is():
    assert RECORD["hashes"] == {line: scenario.hash for line, scenario in LINES.items()}
    assert RECORD["seeds"] >= 1000
    assert RECORD["measures"] == {name: asdict(measure) for name, measure in MEASURES.items()}
    assert {(f["line"], f["pull"], f["measure"]) for f in RECORD["findings"]} == {
        (line, rule, measure) for line in LINES for rule in PULL for measure in MEASURES
    }


def test_the_stored_page_says_what_the_stored_results_say():
    assert STORED.with_suffix(".md").read_text("utf-8") == page_of(RECORD)


@pytest.mark.parametrize("line", LINES)
def test_stored_differences_hold_on_fresh_seeds(line):
    """Those of the runs of an episode; the costly ones on the first line alone."""
    figures = {}
    for rule in NAMES:
        task = task_of(line, rule)
        ledger = task.run(task.scenario)
        kpis = Scorecard(task.scenario).kpis(ledger)
        figures[rule] = {"cost": kpis["cost"], "late": 100 * (1 - kpis["fill_rate"]), "inventory": inventory(ledger)}
        if line == "balanced":
            figures[rule] |= {**after_a_stop(task), "defects": before_found(task)}
    stored = {(f.pull, f.measure): f for f in findings_of(RECORD) if f.line == line}
    for rule in PULL:
        for measure, values in figures[rule].items():
            gain = values - figures[PUSH][measure]
            one = stored[rule, measure].difference
            error = np.hypot(gain.std(ddof=1) / np.sqrt(FRESH), one.error)
            assert abs(gain.mean() - one.mean) < 4 * error, (rule, measure)


def test_the_script_runs(tmp_path, monkeypatch, capsys):
    """A small line, hardly tuned: all files are there, and say the same."""
    pytest.importorskip("optuna")
    short = {"balanced": changed(LINES["balanced"], {"horizon": 210}, "balanced")}
    monkeypatch.setattr(push_pull, "read_suite", lambda name: replace(read_suite(name), tasks=short))
    monkeypatch.setattr("push_pull_rates.RATES", (0.7, 0.8))
    monkeypatch.setattr("push_pull_rates.CARDS", (6, 8))
    monkeypatch.setattr("push_pull_measures.LAST", 1500)
    monkeypatch.setattr(push_pull, "PRICES", (100.0,))
    monkeypatch.setattr(
        sys, "argv", ["push_pull.py", "--quick", "--seeds", "8", "--processes", "1", "--out", str(tmp_path)]
    )
    push_pull.main()
    record = json.loads((tmp_path / "push_pull.json").read_text("utf-8"))
    assert (tmp_path / "push_pull.md").read_text("utf-8") == page_of(record)
    assert len((tmp_path / "push_pull.csv").read_text("utf-8").splitlines()) == 1 + len(PULL) * len(MEASURES)
    assert "balanced: kanban against MRP" in capsys.readouterr().out
