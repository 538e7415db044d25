"""Lines put in place of others: what was on its way is due when it was, whatever slots the two batches have made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from strategies import random_knobs, random_parameters

from jitgym.errors import InputError
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

N = 37
LINES = [0, 3, 18, 36, 20]
TAKEN = [7, 7, 0, 16, 11]
SEEDS = seed_bank(9, 5)


@pytest.fixture
def description() -> dict[str, Any]:
    """Return a line with rings of every kind, lead times 0, 1, 3, 7 and notice 2 and 5, whose parameters vary."""
    leads = {"a": 1, "b": 3, "c": 7, "d": 0}
    return {
        "name": "rings",
        "slots_per_step": 3,
        "products": [
            {"name": "plain", "law": {"poisson": 0.4}, "notice": 2},
            {"name": "fancy", "law": {"bernoulli": 0.3}, "notice": 5},
            {"name": "rush", "law": {"bernoulli": 0.1}},
        ],
        "stages": [
            {"name": "cut", "process": {"geometric": 1.3}, "initial": 2, "quality": {"defect": 0.1}},
            {"name": "pack", "failure": {"law": {"table": [0.02, 0.1]}, "wear": 0.2, "repair": 3}, "initial": 3},
        ],
        "items": [{"name": "bar", "stage": "cut", "initial": 4}, {"name": "box", "stage": "pack", "initial": 4}],
        "suppliers": [
            {"name": name, "item": "box" if name == "c" else "bar", "lead_time": lead, "on_time": 0.8, "catch_up": 0.6}
            for name, lead in leads.items()
        ],
        "demand": {"shortage": {"limit": 20}, "season": {"rates": [0.5, 1.5], "slots": 4}},
        "control": [
            {"knob": "kanban", "low": 1, "high": 6, "default": 4},
            {"knob": "order", "high": 2, "default": 1, "at": ["a", "b", "d"]},
            {"knob": "target", "high": 20, "default": 12, "at": "c"},
        ],
        "vary": [{"parameter": "on_time", "low": 0, "high": 1}, {"parameter": "demand", "low": 0.5, "high": 1}],
    }


def play(simulator: Simulator, slots: int, luck: int = 1) -> None:
    """Make some slots under random knobs, one by one."""
    rng = np.random.default_rng(luck)
    for _ in range(slots):
        simulator.step(random_knobs(simulator.knobs, simulator.n_lines, rng), 1)


def rows(simulator: Simulator, lines: Any = slice(None)) -> np.ndarray:
    """Return the state of lines but the slots of their batch, and the rings that these turn; one row a line."""
    fields = [name for name in simulator.tables.state if name not in ("tick", "pipeline", "advance")]
    return np.column_stack([simulator.state(name).reshape(simulator.n_lines, -1) for name in fields])[lines]


TICKS = [(0, 0), (13, 13), (0, 9), (11, 0), (4, 25), (30, 17), (26, 5)]
BACKENDS = [("oracle", "core"), ("core", "oracle"), ("oracle", "oracle")]


@pytest.mark.parametrize(
    ("backends", "own", "of_source"),
    [*((("core", "core"), *ticks) for ticks in TICKS), *((names, *TICKS[k]) for k, names in enumerate(BACKENDS, 3))],
)
def test_a_line_that_is_put_goes_on_as_the_fork(description, backends, own, of_source):
    """Slot by slot, under knobs and parameters that change; and the others as if nothing had been."""
    batch, source = Simulator(description, N, 1, backends[0]), Simulator(description, 20, 2, backends[1])
    play(batch, own)
    play(source, of_source)
    source.vary(random_parameters(source.varied, 20, np.random.default_rng(3)))
    alone, before, fork = batch.copy(), source.snapshot(), source.fork(TAKEN, SEEDS)
    batch.put(LINES, source, TAKEN, SEEDS)
    assert source.snapshot() == before
    others = np.setdiff1d(np.arange(N), LINES)
    rng = np.random.default_rng(4)
    for slot in range(30):
        assert np.array_equal(rows(batch, LINES), rows(fork)), slot
        assert np.array_equal(rows(batch, others), rows(alone, others)), slot
        for name in ("tick", "pipeline", "advance"):
            assert np.array_equal(batch.state(name)[others], alone.state(name)[others]), slot
        if slot == 0:  # under the knobs that the lines come with
            ledgers = [simulator.advance(1).array for simulator in (batch, fork, alone)]
        else:
            knobs = random_knobs(batch.knobs, N, rng)
            ledgers = [batch.step(knobs, 1).array, fork.step(knobs[LINES], 1).array, alone.step(knobs, 1).array]
        assert np.array_equal(ledgers[0][LINES], ledgers[1]), slot
        assert np.array_equal(ledgers[0][others], ledgers[2][others]), slot
    assert batch.state("tick").tolist() == [own + 30] * N


def test_both_backends_put_alike(description):
    batches = [Simulator(description, N, 1, backend) for backend in ("core", "oracle")]
    source = Simulator(description, 20, 2)
    play(source, 10)
    for batch in batches:
        play(batch, 5)
        batch.put(LINES, source, TAKEN, SEEDS)
        play(batch, 12, luck=3)
    for name in source.tables.state:
        assert np.array_equal(*(batch.state(name) for batch in batches)), name


def test_lines_of_a_batch_can_be_put_in_place_of_each_other(description):
    """Two that change places, at once, each under its own seed: they go on as before, the other way round."""
    batch = Simulator(description, N, seed_bank(5, N))
    play(batch, 9)
    alone, fork = batch.copy(), batch.fork([2, 30], seed_bank(5, N)[[2, 30]])
    batch.put([30, 2], batch, [2, 30], seed_bank(5, N)[[2, 30]])
    assert np.array_equal(rows(batch, [30, 2]), rows(alone, [2, 30]))
    for name in ("pipeline", "advance"):
        assert np.array_equal(batch.state(name)[[30, 2]], alone.state(name)[[2, 30]])
    ledgers = [simulator.advance(25).array for simulator in (batch, alone, fork)]
    assert np.array_equal(ledgers[0][[30, 2]], ledgers[1][[2, 30]])
    assert np.array_equal(ledgers[0][[30, 2]], ledgers[2])


def test_a_batch_counts_on_to_the_limit_of_slots_of_what_it_takes():
    """A line that is full of orders, put among empty ones, is what the slots that are left are told by."""
    order = {"knob": "order", "high": 1_000_000, "default": 1_000_000}
    line: dict[str, Any] = {
        "name": "huge",
        "stages": [{"name": "cut"}],
        "items": [{"name": "bar", "stage": "cut"}],
        "suppliers": [{"name": "mill", "item": "bar", "lead_time": 1}],
        "demand": {"law": {"bernoulli": 0.5}},
        "control": [order],
    }
    batch, source = Simulator(line, 2), Simulator(line, 1)
    half = batch.tables.slot_limit // 2
    for _ in range(half):  # an order each
        source.advance(1)
    batch.put([1], source, [0], [1])
    with pytest.raises(InputError, match="must be reset before it could outgrow 32 bits"):
        batch.advance(half + 2)


BAD = [
    ([0, N], [0, 1], [1, 2], f"lines must be in 0..{N - 1}, got 0..{N}"),
    ([4, 4], [0, 1], [1, 2], "lines must all be different, got 4 2 times"),
    ([0.0], [0], [1], "lines must be one or more integers, got float64 of shape (1,)"),
    ([], [], [], "lines must be one or more integers, got float64 of shape (0,)"),
    ([0, 1], [0, 20], [1, 2], "source_lines must be in 0..19, got 0..20"),
    ([0, 1], [-1, 0], [1, 2], "source_lines must be in 0..19, got -1..0"),
    ([0, 1], [0], [1, 2], "source_lines must be 2, one for each of lines, got 1"),
    ([0, 1], [0, 1], [1], "seeds must be 2 integers >= 0, got int64 of shape (1,)"),
    ([0, 1], [0, 1], [1, -1], "seeds must be 2 integers >= 0, got int64 of shape (2,)"),
]


@pytest.mark.parametrize(("lines", "taken", "seeds", "message"), BAD)
def test_bad_lines_are_refused_and_change_nothing(description, lines, taken, seeds, message):
    batch, source = Simulator(description, N, 1), Simulator(description, 20, 2)
    before = batch.snapshot()
    with pytest.raises(InputError) as raised:
        batch.put(lines, source, taken, seeds)
    assert str(raised.value) == message
    assert batch.snapshot() == before


@pytest.mark.parametrize("source", [Simulator("four_stage"), "four_stage"])
def test_another_scenario_is_refused(description, source):
    batch = Simulator(description, N, 1)
    with pytest.raises(InputError, match=r"source must be a simulator of scenario 'rings' \(\w+\), got .*four_stage"):
        batch.put([0], source, [0], [1])
