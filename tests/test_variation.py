"""Lines that differ: parameters drawn at reset between two values, from the line's seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jitgym.laws import threshold
from jitgym.simulator import Simulator

N = 400


def varied(line: dict[str, Any], *entries: dict[str, Any], n_lines: int = N, **more: Any) -> Simulator:
    """Return a batch whose lines differ in some parameters."""
    return Simulator({**line, "vary": list(entries), **more}, n_lines, seed=4)


def entry(parameter: str, low: float, high: float, at: str | None = None) -> dict[str, Any]:
    """Return one entry of a scenario's `vary`."""
    return {"parameter": parameter, "low": low, "high": high} | ({"at": at} if at else {})


def test_a_line_that_does_not_vary_has_no_such_state(line):
    simulator = Simulator(line, 3)
    assert simulator.state("varied").shape == (3, 0)
    assert "varied" not in simulator.tables.state


def test_parameters_are_drawn_evenly_between_two_values(line):
    simulator = varied(
        line,
        entry("on_time", 0.2, 0.6, "mill"),
        entry("repair_slots", 2, 5),
        entry("hazard", 0.5, 2),
        n_lines=4000,
    )
    names = [name for name in simulator.tables.state.names if name.startswith("varied")]
    assert names == ["varied[on_time,mill]", "varied[repair_slots,drill]", "varied[hazard,drill]"]
    on_time, repair, hazard = simulator.state("varied").T
    assert threshold(0.2) <= on_time.min() < threshold(0.21)
    assert threshold(0.59) < on_time.max() <= threshold(0.6)
    assert np.quantile(on_time, (0.25, 0.5, 0.75)) / 2**31 == pytest.approx((0.3, 0.4, 0.5), abs=0.02)
    values, counts = np.unique(repair, return_counts=True)
    assert values.tolist() == [2, 3, 4, 5]
    assert abs(counts - 1000).max() < 4 * np.sqrt(4000 * 0.25 * 0.75)
    assert hazard.min() >= 2048
    assert hazard.max() <= 8192
    correlations = np.corrcoef(np.array([on_time, repair, hazard], dtype=float))[np.triu_indices(3, 1)]
    assert abs(correlations).max() < 4 / np.sqrt(4000)


def test_a_seed_fixes_them_and_every_episode_draws_anew(line):
    one, other = (varied(line, entry("on_time", 0, 1)) for _ in range(2))
    first = one.state("varied")
    assert np.array_equal(first, other.state("varied"))
    one.step(one.default_knobs, 5)
    assert np.array_equal(first, one.state("varied"))
    mask = np.arange(N) % 2 == 0
    one.reset(mask=mask)
    changed = (one.state("varied") != first).any(axis=1)
    assert np.array_equal(changed, mask)
    one.reset(seed=4)
    assert np.array_equal(first, one.state("varied"))


def test_a_line_alone_draws_what_it_draws_in_a_batch(line):
    seeds = np.arange(5, dtype=np.uint64) + 77
    description = {**line, "vary": [entry("job_finish", 0.2, 0.9, "cut")]}
    batch = Simulator(description, 5, seeds)
    for n in range(5):
        assert np.array_equal(Simulator(description, 1, seeds[n : n + 1]).state("varied")[0], batch.state("varied")[n])


def test_what_is_drawn_acts():
    """Output of a machine that never waits is its own finish probability, line by line."""
    description = {
        "name": "one",
        "stages": [{"name": "only", "process": {"geometric": 2}}],
        "demand": {"law": "saturated"},
        "control": [{"knob": "kanban", "high": 1, "default": "off", "off": True}],
        "vary": [{"parameter": "job_finish", "low": 0.1, "high": 0.9}],
    }
    simulator = Simulator(description, N, seed=1)
    finish = (simulator.state("varied")[:, 0] + 1) / 2**31
    output = simulator.step(simulator.default_knobs, 20_000)["finished"][:, 0] / 20_000
    errors = np.sqrt(finish * (1 - finish) / 20_000)
    assert abs((output - finish) / errors).max() < 4.5
    assert np.std((output - finish) / errors) == pytest.approx(1, abs=0.15)


def test_mean_demand_takes_levels():
    description = {
        "name": "one",
        "stages": [{"name": "only"}],
        "demand": {"law": {"poisson": 2.0}, "shortage": "lost"},
        "control": [{"knob": "kanban", "high": 9, "default": 5}],
        "vary": [{"parameter": "demand", "low": 0.5, "high": 1.5}],
    }
    simulator = Simulator(description, 2000, seed=1)
    level = simulator.state("varied")[:, 0]
    assert sorted(set(level.tolist())) == list(range(17))
    mean = 2.0 * np.linspace(0.5, 1.5, 17)[level]
    demand = simulator.step(simulator.default_knobs, 5000)["demand"] / 5000
    scores = (demand - mean) / np.sqrt(mean / 5000)
    assert abs(scores).max() < 5
    assert np.std(scores) == pytest.approx(1, abs=0.08)


def test_a_random_phase_starts_anywhere_in_the_period():
    description = {
        "name": "one",
        "stages": [{"name": "only"}],
        "demand": {"law": {"trace": [0, 1, 2, 3, 4]}, "phase": "random"},
        "control": [{"knob": "kanban", "high": 9, "default": 5}],
    }
    simulator = Simulator(description, 1000, seed=1)
    phase = simulator.state("phase")
    assert np.bincount(phase).tolist() == pytest.approx([200] * 5, abs=60)
    ledgers = [simulator.step(simulator.default_knobs, 1)["demand"] for _ in range(7)]
    for slot, demand in enumerate(ledgers):
        assert np.array_equal(demand, (phase + slot) % 5)
