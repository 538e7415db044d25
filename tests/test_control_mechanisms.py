"""Stock for the same service: what the benchmark computes and tells, and the line that it is about."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

pytest.importorskip("stable_baselines3", reason="needs the extra `agents`")

from control_mechanisms import (  # noqa: E402
    AGENT_HEADS,
    RULE_HEADS,
    Measurement,
    Point,
    Search,
    agent_table,
    best_at,
    frontier,
    late_and_stock,
    measured,
    points_of,
    priced,
    rule_table,
    searched,
    stock_at,
    unbeaten,
    write,
)

from jitgym.evaluate import run_policy  # noqa: E402
from jitgym.files import markdown_table  # noqa: E402
from jitgym.rules import rule_family  # noqa: E402
from jitgym.scenario import load_scenario  # noqa: E402
from jitgym.search import Budget  # noqa: E402
from jitgym.seeds import seed_bank  # noqa: E402
from jitgym.simulator import Simulator  # noqa: E402
from jitgym.suite import changed  # noqa: E402

RULES = ("kanban", "conwip", "basestock", "hybrid", "extended")


def points(*pairs: tuple[float, float], policy: str = "rule") -> list[Point]:
    return [Point(policy, (i,), late, stock, 0.0, 0.0) for i, (late, stock) in enumerate(pairs)]


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


def _units(simulator: Simulator, field: str) -> np.ndarray:
    return simulator.state(field).reshape(simulator.n_lines, -1).sum(axis=1)


def test_stock_and_lateness_are_those_that_one_counts_slot_by_slot():
    scenario = load_scenario("feeder_line")
    simulator = Simulator(scenario, 3, np.arange(3, dtype=np.uint64))
    knobs = np.array([1, 2, 2, 2, *[k.default for k in simulator.knobs[4:]]], dtype=np.int32)
    simulator.step(knobs, 20_000)  # past the stock at the start
    ledger, held, late = None, np.zeros(3), np.zeros(3)
    for _ in range(2000):
        owed, one = _units(simulator, "backlog"), simulator.step(knobs, 1)
        # the one part that is wanted is late unless all that were owed, and it, are shipped at once
        late += (one.total("demand") > 0) & (one.total("shipped") <= owed)
        held += sum(_units(simulator, name) for name in ("queue", "job", "store"))
        ledger = one if ledger is None else ledger + one
    assert (ledger.total("demand") == 200).all()  # one part in every tenth slot
    share, stock = late_and_stock(scenario, ledger)
    np.testing.assert_allclose(stock, held / 2000)
    np.testing.assert_allclose(share, late / 200)
    assert 0 < late.sum() < 600
    np.testing.assert_allclose(priced(ledger, scenario, 100), stock + 100 * share)


def test_a_rule_is_searched_and_measured():
    scenario = changed(load_scenario("feeder_line"), {"horizon": 400}, "short")
    budget = Budget(trials=24, first=8, ask=8, last=64, rounds=12, episodes=6000)

    def silent(label, share, word):
        pass

    cheap, dear = (searched(Search(scenario, "kanban", price, budget), silent) for price in (3, 3000))
    found = points_of(measured(Measurement(scenario, "kanban", tuple({*cheap, *dear}), 128), silent))
    by = {one.numbers: one for one in found}

    def best(vectors, price):
        return min(by[vector].stock + price * by[vector].late for vector in vectors)

    # a search so short need not find what is best where late parts are dear; without a price both would be the same
    assert best(cheap, 3) < best(dear, 3)
    assert all(one.stock_error > 0 for one in found)


def test_what_is_told(tmp_path):
    lines = {rule: points((0.001, 30 - k), (0.1, 10 - k), policy=rule) for k, rule in enumerate(RULES)}
    agents = [Point("agent 0", (), 0.01, 15.2, 0.001, 0.1), Point("agent 1", (), 0.5, 3.0, 0.001, 0.1)]
    assert rule_table(lines)[3] == ("hybrid", "17.00 (-15.0 %)", "20.01 (-13.0 %)", "27.00 (-10.0 %)")
    assert rule_table({"kanban": points((0.5, 3))})[0][1:] == ("none found",) * 3
    assert agent_table(lines, agents) == [
        ("agent 0", "99.00 %", "extended", "15.20 (-5.0 %)", "15.20 (-24.0 %)"),
        ("agent 1", "50.00 %", "none", "3.00", "3.00"),
    ]
    write(lines, agents, tmp_path, "by `a command`")
    assert "| hybrid | 17.00 (-15.0 %) |" in (tmp_path / "control_mechanisms.md").read_text()
    stored = json.loads((tmp_path / "control_mechanisms.json").read_text())
    assert stored["about"] == "by `a command`"
    assert points_of(stored["rules"]) == [one for line in lines.values() for one in line]
    assert len((tmp_path / "control_mechanisms.csv").read_text().splitlines()) == 1 + 10 + 2
    assert (tmp_path / "control_mechanisms.png").read_bytes()[:4] == b"\x89PNG"


def test_the_line_has_as_much_to_spare_as_it_says():
    scenario = load_scenario("feeder_line")
    (stage, *others) = scenario.stages
    assert all((other.process, other.failure) == (stage.process, stage.failure) for other in others)
    busy, down = 1 / stage.failure.law.geometric, stage.failure.repair.mean
    minute = 10  # slots
    assert stage.process.mean / minute == pytest.approx(0.98)
    assert (busy / minute, down / minute) == (pytest.approx(1000), pytest.approx(3))
    assert minute / (stage.process.mean * (busy + down) / busy) == pytest.approx(1.017, abs=0.001)


STORED = ROOT / "benchmarks" / "results" / "control_mechanisms.json"
FRESH = 2048


@pytest.mark.parametrize("price", [100, 300])  # of a late part, in parts of stock
def test_the_stored_order_of_kanban_and_hybrid_holds_on_fresh_seeds(price):
    """Stock and lateness at one price, on the same luck: hybrid needs less, clear of chance; and each is as stored."""
    scenario, seeds = load_scenario("feeder_line"), seed_bank(77, FRESH, "evaluation")
    known = points_of(json.loads(STORED.read_text("utf-8"))["rules"])
    costs = {}
    for name in ("kanban", "hybrid"):
        best = min((one for one in known if one.policy == name), key=lambda one: one.stock + price * one.late)
        rule = rule_family(scenario, name).rule(np.array(best.numbers))
        late, stock = late_and_stock(scenario, run_policy(scenario, rule, seeds))
        costs[name] = stock + price * late
        for values, stored, error in ((late, best.late, best.late_error), (stock, best.stock, best.stock_error)):
            assert abs(values.mean() - stored) < 4 * np.hypot(values.std(ddof=1) / np.sqrt(FRESH), error)
    less = costs["kanban"] - costs["hybrid"]
    assert less.mean() > 4 * less.std(ddof=1) / np.sqrt(FRESH)


def test_the_stored_page_says_what_the_stored_results_say():
    record = json.loads(STORED.read_text("utf-8"))
    found = points_of(record["rules"])
    lines = {rule: [one for one in found if one.policy == rule] for rule in RULES}
    page = STORED.with_suffix(".md").read_text("utf-8")
    assert record["about"] in page
    assert markdown_table(RULE_HEADS, rule_table(lines)) in page
    assert markdown_table(AGENT_HEADS, agent_table(lines, points_of(record["agents"]))) in page
