"""The compiled core against the oracle on drawn lines, field by field, and the laws that every line obeys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import check_material, check_promises
from laws_of_machines import check_machines
from slots import Slot, state_of, watch
from strategies import Act, Story, random_knobs, random_parameters, scenarios, seeds, stories

from jitgym.fields import OFF
from jitgym.scenario import Scenario, load_scenario
from jitgym.simulator import Simulator

# -- two backends, one story --


def rows(simulator: Simulator) -> np.ndarray:
    """Return the whole state, one row a line."""
    state = [simulator.state(name) for name in simulator.tables.state]
    return np.column_stack([values.reshape(simulator.n_lines, -1) for values in state])


def assert_same(names: tuple[str, ...], core: np.ndarray, oracle: np.ndarray, when: str) -> None:
    """Compare two arrays of one row a line; on a difference, name the entries."""
    if not np.array_equal(core, oracle):
        differences = [
            f"{names[column]} of line {line}: core {core[line, column]}, oracle {oracle[line, column]}"
            for line, column in np.argwhere(core != oracle)[:8]
        ]
        pytest.fail(f"{when}: " + "; ".join(differences))


class Pair:
    """One batch in both backends, compared after everything that is done to it."""

    def __init__(self, scenario: Scenario, story: Story) -> None:
        self.rng = np.random.default_rng(story.luck)
        seed = self.rng.integers(2**64, size=story.n_lines, dtype=np.uint64)
        self.core = Simulator(scenario, story.n_lines, seed, "core", story.n_threads)
        self.oracle = Simulator(scenario, story.n_lines, seed, "oracle")
        self.saved = self.core.snapshot()

    def play(self, act: Act) -> None:
        """Do one thing to both batches."""
        if act.what == "slots":
            for i in range(act.slots):
                self.step(1, f"slot {i} of {act}")
        elif act.what == "step":
            self.step(act.slots, str(act))
        elif act.what == "vary":
            for i in range(act.slots):
                self.vary(act.masked)
                self.step(1, f"slot {i} of {act}")
        elif act.what == "save":
            self.saved = self.core.snapshot()
        elif act.what == "restore":  # a snapshot of one backend is one of the other
            for simulator in (self.core, self.oracle):
                simulator.restore(self.saved)
        else:
            mask = self.rng.random(self.core.n_lines) < 0.5 if act.masked else None
            for simulator in (self.core, self.oracle):
                simulator.reset(act.seed, mask)
        self.compare(str(act))

    def step(self, slots: int, when: str) -> None:
        """Step both under new knobs, those of one line for all now and then."""
        knobs = random_knobs(self.core.knobs, self.core.n_lines, self.rng)
        knobs = knobs[0] if self.rng.random() < 0.2 else knobs
        ledgers = [simulator.step(knobs, slots).array for simulator in (self.core, self.oracle)]
        assert_same(self.core.tables.ledger.names, *ledgers, f"ledger, {when}")
        self.compare(when)

    def vary(self, some: bool) -> None:
        """Set the parameters of all lines, or of some, to new values."""
        lines = np.flatnonzero(self.rng.random(self.core.n_lines) < 0.5) if some else None
        if lines is None or len(lines):
            n = self.core.n_lines if lines is None else len(lines)
            values = random_parameters(self.core.varied, n, self.rng)
            for simulator in (self.core, self.oracle):
                simulator.vary(values, lines)

    def compare(self, when: str) -> None:
        """Compare all fields of the state."""
        assert_same(self.core.tables.state.names, rows(self.core), rows(self.oracle), f"state, {when}")


@settings(max_examples=7 * settings.default.max_examples)
@given(scenarios(), stories)
def test_core_is_the_oracle(description: dict[str, Any], story: Story):
    pair = Pair(load_scenario(description), story)
    for act in story.acts:
        pair.play(act)


# -- laws of the line, from state and ledger alone --


@given(scenarios(), seeds, st.integers(0, 2**32))
def test_laws_hold_after_every_slot(description: dict[str, Any], seed: int, luck: int):
    simulator, rng = Simulator(description, n_lines=16, seed=seed), np.random.default_rng(luck)
    path = []
    for slot in watch(simulator, changing_knobs(simulator, 40, rng)):
        path.append(slot)
        check_material(slot)
        check_machines(slot)
        check_promises(path)


def changing_knobs(simulator: Simulator, slots: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the knobs of every slot: now and then new ones."""
    for slot in range(slots):
        if slot == 0 or rng.random() < 0.3:
            knobs = random_knobs(simulator.knobs, simulator.n_lines, rng)
        yield knobs


@given(scenarios(), seeds, st.integers(0, 2**32))
def test_a_step_grants_and_orders_once(description: dict[str, Any], seed: int, luck: int):
    """Credits are granted in a step's first slot; a quantity is ordered in its first review slot, if it has one."""
    simulator, rng = Simulator(description, n_lines=16, seed=seed), np.random.default_rng(luck)
    n_products, slots = simulator.scenario.n_products, simulator.scenario.slots_per_step
    one_knob = [k for k in simulator.knobs if k.kind == "order" and only_knob(simulator, k.place)]
    for first in range(0, 5 * slots, slots):
        knobs, before = random_knobs(simulator.knobs, 16, rng), state_of(simulator)
        ledger = simulator.step(knobs)
        released = ledger["released"].reshape(16, -1, n_products)
        for column, knob in enumerate(simulator.knobs):
            if knob.kind == "release":
                place = (slice(None), knob.place, knob.product)
                assert (released[place] <= np.minimum(before["credits"][place] + knobs[:, column], knob.high)).all()
            elif knob in one_knob:
                supplier = simulator.scenario.suppliers[knob.place]
                soon = -first % supplier.review < slots
                lots = -(-knobs[:, column] // supplier.multiple) * supplier.multiple
                quantity = np.minimum(lots, OFF if supplier.capacity is None else supplier.capacity)
                assert (ledger["ordered"][:, knob.place] == (quantity if soon else 0)).all()


def only_knob(simulator: Simulator, supplier: int) -> bool:
    """Whether one knob alone says what is ordered from a supplier."""
    kinds = ("order", "target", "echelon")
    return sum(knob.place == supplier and knob.kind in kinds for knob in simulator.knobs) == 1


# -- the same luck whatever is done --


@given(scenarios(), seeds, st.integers(0, 2**32))
def test_knobs_change_no_luck(description: dict[str, Any], seed: int, luck: int):
    """Demand, outages, and breakdowns that depend on time only, are the same under other knobs."""
    scenario, rng = load_scenario(description), np.random.default_rng(luck)
    one, other = (Simulator(scenario, n_lines=16, seed=seed) for _ in range(2))
    timed, asked = fail_by_time_only(one), [p for p, law in enumerate(scenario.laws) if not law.saturated]
    for _ in range(40):
        knobs = [random_knobs(one.knobs, 16, rng) for _ in range(2)]
        slots = [Slot(line, state_of(line), values) for line, values in zip((one, other), knobs, strict=True)]
        for field in ("regime", "calendar", "phase", "varied", "out"):
            assert (slots[0].after[field] == slots[1].after[field]).all(), field
        for values in ([slot.count["demand"] for slot in slots], [slot.due for slot in slots]):
            assert (values[0][:, asked] == values[1][:, asked]).all()
        for field in ("mode", "off_left", "wear", "age", "reading", "shifted"):
            assert (slots[0].after[field][:, timed] == slots[1].after[field][:, timed]).all(), field


def fail_by_time_only(simulator: Simulator) -> list[int]:
    """Return the stages whose machine no knob can start, stop or keep waiting."""
    maintained = {knob.place for knob in simulator.knobs if knob.kind == "pm_level"}
    return [
        i
        for i, stage in enumerate(simulator.scenario.stages)
        if stage.failure is not None
        and stage.failure.exposure == "time"
        and i not in maintained
        and simulator.scenario.technicians is None
        and (stage.quality is None or stage.quality.jidoka is None)
    ]


# -- the largest counts --

SOURCE = {"name": "a", "batch": 300_000}
HUGE = {
    "all shipped at once": {
        "stages": [SOURCE, {"name": "b", "batch": "unlimited", "process": 30}],
        "demand": {"law": "saturated"},
        "control": [{"knob": "kanban", "at": "a", "high": 1, "default": "off", "off": True}],
    },
    "never shipped": {
        "stages": [{**SOURCE, "initial": 1_000_000}, {"name": "b", "process": 1000, "initial": 1_000_000}],
        "demand": {"law": {"trace": [0]}},
        "control": [{"knob": "basestock", "high": 1_000_000, "default": "off", "off": True}],
    },
    "all owed": {
        "stages": [{"name": "a", "process": 1_000_000}],
        "items": [{"name": "x", "stage": "a", "initial": 1_000_000}],
        "suppliers": [{"name": "s", "item": "x", "lead_time": 2}],
        "demand": {"law": {"trace": [10_000]}},
        "control": [
            {"knob": "echelon", "low": -100_000, "high": 1_000_000, "default": 1_000_000},
            {"knob": "kanban", "high": 1, "default": "off", "off": True},
        ],
    },
    "all ordered": {
        "stages": [{"name": "a", "batch": "unlimited"}],
        "items": [{"name": "x", "stage": "a"}],
        "suppliers": [{"name": "s", "item": "x", "lead_time": 40, "on_time": 0.5}],
        "demand": {"law": {"bernoulli": 0.5}},
        "control": [{"knob": "order", "high": 1_000_000, "default": 1_000_000}],
    },
    "all ordered in lots": {
        "stages": [{"name": "a", "batch": "unlimited"}],
        "items": [{"name": "x", "stage": "a"}],
        "suppliers": [
            {"name": "s", "item": "x", "lead_time": 3, "multiple": 1_000_000, "defective": 0.3, "inspect": 0.5},
            {"name": "t", "item": "x", "lead_time": 0, "outage": {"fail": 0.5, "recover": 0.5}},
        ],
        "demand": {"law": {"bernoulli": 0.5}},
        "control": [
            {"knob": "order", "at": "s", "high": 1, "default": 1},
            {"knob": "order", "at": "t", "high": 1_000_000, "default": 1_000_000},
            {"knob": "expedite", "at": "t", "high": 1, "default": 1},
        ],
    },
    "all drawn at once": {
        "stages": [{"name": "a", "batch": "unlimited", "process": 30}],
        "items": [{"name": "x", "stage": "a", "initial": 1_000_000}],
        "suppliers": [{"name": "s", "item": "x", "lead_time": 0}],
        "demand": {"law": {"trace": [0]}},
        "control": [{"knob": "target", "high": 1_000_000, "default": 1_000_000}],
    },
    "all granted": {
        "products": ["p", "q"],
        "stages": [{"name": "a", "process": 1_000_000, "initial": 1_000_000}],
        "demand": {"law": {"trace": [0]}},
        "control": [{"knob": "release", "high": 1_000_000, "default": 1_000_000}],
    },
    "all spoiled or found bad": {
        "stages": [
            {**SOURCE, "initial": 1_000_000, "spoil": 0.3, "quality": {"defect": 0.5, "detect": 0.5}},
            {
                "name": "b",
                "batch": "unlimited",
                "process": 2,
                "quality": {"defect": 0.5, "detect": 0.9, "rework": True},
            },
            {"name": "c", "batch": "unlimited", "spoil": 0.0001, "initial": 1_000_000},
        ],
        "demand": {"law": {"trace": [10_000]}},
        "control": [{"knob": "kanban", "at": "a", "high": 1, "default": "off", "off": True}],
    },
    "all returned": {
        "stages": [{"name": "a", "process": 2, "batch": 300_000, "quality": {"defect": 1.0}}],
        "demand": {"law": {"trace": [10_000]}, "notice": 5},
        "control": [{"knob": "basestock", "high": 1_000_000, "default": 1_000_000}],
    },
    "all of eight products": {
        "products": [f"p{p}" for p in range(8)],
        "stages": [
            {**SOURCE, "feeds": "c"},
            {**SOURCE, "name": "b"},
            {"name": "c", "batch": "unlimited", "process": 9},
        ],
        "demand": {"law": "saturated"},
        "control": [{"knob": "lot", "high": 1_000_000, "default": 0}],
    },
    "all at the highest rate": {
        "stages": [{"name": "a", "process": 1_000_000}],
        "demand": {
            "law": {"poisson": 10},
            "regimes": {"switch": [[0.9, 0.1], [0.1, 0.9]], "rates": [0.1, 10]},
            "season": {"rates": [1, 10]},
        },
        "control": [{"knob": "kanban", "high": 1, "default": 1}],
    },
}


@pytest.mark.parametrize("description", HUGE.values(), ids=HUGE)
def test_nothing_overflows_up_to_the_limit(description: dict[str, Any]):
    """Lines that grow as fast as they can, up to the slot they must be reset at: 32 bits are enough."""
    core, oracle = (Simulator({"name": "huge", **description}, backend=name) for name in ("core", "oracle"))
    limit = core.tables.slot_limit
    for slots in [1] * (limit % 33) + [33] * (limit // 33):
        ledgers = [simulator.step(core.default_knobs, slots).array for simulator in (core, oracle)]
        assert_same(core.tables.ledger.names, *ledgers, "ledger")
        assert_same(core.tables.state.names, rows(core), rows(oracle), "state")
    assert core.state("slot").tolist() == [limit]
