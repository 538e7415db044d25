"""Stock for the same service: what the benchmark computes, and the order of the rules that the literature reports."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

pytest.importorskip("stable_baselines3", reason="needs the extra `agents`")

from control_mechanisms import (  # noqa: E402
    Point,
    best_at,
    frontier,
    late_of,
    stock_and_lateness,
    stock_at,
    stock_of,
    unbeaten,
)

from jitgym.scenario import load_scenario  # noqa: E402
from jitgym.simulator import Simulator  # noqa: E402


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point("rule", (i,), late, stock, 0.0, 0.0) for i, (late, stock) in enumerate(pairs)]


def test_what_is_beaten_in_both_is_left_out():
    assert unbeaten({(1,): (0.1, 10), (2,): (0.05, 12), (3,): (0.07, 13), (4,): (0.2, 10)}) == [(2,), (1,)]
    line = frontier(points((0.1, 10), (0.05, 12), (0.07, 13)))
    assert [one.numbers for one in line] == [(1,), (0,)]


def test_stock_is_read_between_two_points():
    line = points((0.001, 30), (0.1, 10))
    assert stock_at(line, 0.01) == pytest.approx(20)
    assert stock_at(line, 0.001) == pytest.approx(30)
    assert np.isnan(stock_at(line, 0.2))
    assert np.isnan(stock_at(line, 0.0001))
    assert best_at({"a": line, "b": points((0.001, 40), (0.1, 8))}, 0.05)[0] == "b"
    assert best_at({"a": line}, 0.5)[0] == "none"


def test_stock_and_lateness_are_those_of_the_ledger():
    scenario = load_scenario("feeder_line")
    simulator = Simulator(scenario, 3, np.arange(3, dtype=np.uint64))
    knobs = np.array([2, 3, 4, 6, *[k.default for k in simulator.knobs[4:]]], dtype=np.int32)
    ledger = simulator.step(knobs, 5000)
    demand = ledger.total("demand")
    np.testing.assert_array_equal(demand, 500)  # one part in every tenth slot
    np.testing.assert_allclose(late_of(ledger), 1 - ledger.total("on_time") / demand)
    held = (ledger["process_slots"].sum(axis=1) + ledger["store_slots"].sum(axis=1)) / 5000
    np.testing.assert_allclose(stock_of(ledger), held)
    np.testing.assert_allclose(stock_and_lateness(ledger, 100), held + 100 * late_of(ledger))


def test_a_part_takes_what_the_papers_say():
    scenario = load_scenario("feeder_line")
    stage = scenario.stages[0]
    assert stage.process.mean == pytest.approx(9.8)
    assert stage.failure.repair.mean == pytest.approx(30)
    availability = 10_000 / (10_000 + 30)
    assert 10 / (9.8 / availability) == pytest.approx(1.017, abs=0.001)  # 1.7 % to spare
