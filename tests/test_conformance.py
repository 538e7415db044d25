"""The compiled core against the oracle on drawn lines, field by field, and the laws that every line obeys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Act, Story, random_knobs, scenarios, seeds, stories

from jitgym.fields import DOWN, OFF, PM, RUN
from jitgym.ledger import Ledger
from jitgym.scenario import Scenario, load_scenario
from jitgym.simulator import Simulator

# -- two backends, one story --


def rows(simulator: Simulator) -> np.ndarray:
    """Return the whole state, one row a line."""
    return np.column_stack([simulator.state(name) for name in simulator.tables.state])


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

    def compare(self, when: str) -> None:
        """Compare all fields of the state."""
        assert_same(self.core.tables.state.names, rows(self.core), rows(self.oracle), f"state, {when}")


@given(scenarios(), stories)
def test_core_is_the_oracle(description: dict[str, Any], story: Story):
    pair = Pair(load_scenario(description), story)
    for act in story.acts:
        pair.play(act)


# -- laws of the line, from state and ledger alone --


class Slot:
    """State before and after one slot, and what the slot was counted to; shape (n_lines, places) or (n_lines, 1)."""

    def __init__(self, simulator: Simulator, knobs: np.ndarray) -> None:
        self.names = list(simulator.tables.state)
        self.before = self._state(simulator)
        self.ledger: Ledger = simulator.step(knobs, slots=1)
        self.after = self._state(simulator)

    def _state(self, simulator: Simulator) -> dict[str, np.ndarray]:
        state = {name: simulator.state(name) for name in self.names}
        return {name: values if values.ndim == 2 else values[:, None] for name, values in state.items()}

    def change(self, *fields: str) -> np.ndarray:
        """Return by how much the sum of some fields changed."""
        return sum(self.after[field] - self.before[field] for field in fields)


def check_balances(scenario: Scenario, slot: Slot) -> None:
    """Nothing is made or lost: units, items, orders and customers."""
    ledger = slot.ledger
    withdrawn = np.column_stack([ledger["released"][:, 1:], ledger["shipped"]])
    assert (slot.change("queue", "job") == ledger["released"] - ledger["finished"]).all()
    assert (slot.change("store") == ledger["finished"] - withdrawn).all()
    assert (slot.change("backlog")[:, 0] == ledger["demand"] - ledger["shipped"] - ledger["lost"]).all()
    for s, supplier in enumerate(scenario.suppliers):
        k = scenario.item_names.index(supplier.item)
        used = ledger["released"][:, scenario.stage_names.index(scenario.items[k].stage)]
        assert (slot.change("stock")[:, k] == ledger["delivered"][:, s] - used).all()
        start = sum(other.lead_time for other in scenario.suppliers[:s])
        promised = slot.after["pipeline"][:, start : start + supplier.lead_time]
        assert (promised.sum(axis=1) == slot.after["on_order"][:, s]).all()
    assert (slot.change("on_order") == ledger["ordered"] - ledger["promised"]).all()
    assert (slot.change("overdue") == ledger["promised"] - ledger["delivered"]).all()
    assert (ledger["delivered_on_time"] <= np.minimum(ledger["promised"], ledger["delivered"])).all()
    for name in set(slot.after) - {"tick", "root_lo", "root_hi", "key_lo", "key_hi"}:
        assert (slot.after[name] >= 0).all(), name
    assert (ledger.array >= 0).all()


def check_customers(scenario: Scenario, slot: Slot) -> None:
    """All that can be shipped is, the oldest orders first; orders are turned away beyond the limit only."""
    ledger, after = slot.ledger, slot.after
    store, backlog = after["store"][:, -1], after["backlog"][:, 0]
    on_hand = slot.before["store"][:, -1] + ledger["finished"][:, -1]
    spare = np.maximum(on_hand - slot.before["backlog"][:, 0], 0)
    assert ((store == 0) | ((backlog == 0) & (ledger["lost"] == 0))).all()
    assert (ledger["on_time"] == np.minimum(spare, ledger["demand"])).all()
    assert (after["demand_step"][:, 0] == ledger["demand"]).all()
    shortage = scenario.demand.shortage
    limit = {"backlog": OFF, "lost": 0}[shortage] if isinstance(shortage, str) else shortage.limit
    assert (backlog <= limit).all()
    assert ((ledger["lost"] == 0) | (backlog == limit)).all()


def check_counts(slot: Slot) -> None:
    """The ledger counts what the slot ends with, and every slot of a machine once."""
    ledger, after = slot.ledger, slot.after
    assert (ledger["slots"] == 1).all()
    assert (ledger["process_slots"] == after["queue"] + after["job"]).all()
    assert (ledger["store_slots"] == after["store"]).all()
    assert (ledger["item_slots"] == after["stock"]).all()
    assert (ledger["backlog_slots"] == after["backlog"][:, 0]).all()
    assert (ledger["busy"] == ((after["mode"] == RUN) & (after["job"] > 0))).all()
    assert (ledger["down"] == (after["mode"] == DOWN)).all()
    assert (ledger["pm"] == (after["mode"] == PM)).all()
    assert (sum(ledger[name] for name in ("busy", "starved", "blocked", "down", "pm")) == 1).all()
    assert (ledger["pms"] <= ledger["pm"]).all()
    assert (ledger["breakdowns"] <= ledger["down"]).all()
    assert (ledger["orders"] == (ledger["ordered"] > 0)).all()
    assert ((after["left"] > 0) == (after["job"] > 0)).all()
    assert ((after["off_left"] > 0) == (after["mode"] != RUN)).all()
    assert ((after["off_slots"] > 0) == (after["mode"] != RUN)).all()


def free_cards(simulator: Simulator, slot: Slot, knobs: np.ndarray) -> np.ndarray:
    """Return by how much each stage stays below the tightest of its limits at the end of the slot."""
    n_lines, n_stages = slot.after["queue"].shape
    local = slot.after["queue"] + slot.after["job"] + slot.after["store"]
    free = np.full((n_lines, n_stages), OFF, dtype=np.int64)
    for column, knob in enumerate(simulator.knobs):
        if knob.kind == "kanban":
            held = local[:, knob.place]
        elif knob.kind == "loop":
            held = local[:, knob.place : knob.end + 1].sum(axis=1)
        elif knob.kind == "basestock":
            held = local[:, knob.place :].sum(axis=1) - slot.after["backlog"][:, 0]
        else:
            continue
        off = knobs[:, column] == OFF
        free[:, knob.place] = np.minimum(free[:, knob.place], np.where(off, OFF, knobs[:, column] - held))
    return free


def material_left(scenario: Scenario, slot: Slot) -> np.ndarray:
    """Return what each stage could still draw on at the end of the slot; OFF where material is unlimited."""
    left = np.full(slot.after["queue"].shape, OFF)
    left[:, 1:] = slot.after["store"][:, :-1]
    for k, item in enumerate(scenario.items):
        i = scenario.stage_names.index(item.stage)
        left[:, i] = np.minimum(left[:, i], slot.after["stock"][:, k])
    return left


def check_pull(simulator: Simulator, slot: Slot, knobs: np.ndarray) -> None:
    """No release passes a limit, and none is missed: cards or material run out."""
    free, left = free_cards(simulator, slot, knobs), material_left(simulator.scenario, slot)
    unlimited = left == OFF
    assert (free[slot.ledger["released"] > 0] >= 0).all()
    assert ((free <= 0) | (left == 0))[~unlimited].all()
    # unlimited material: up to the limit, or to one job where there is no limit
    assert ((free <= 0) | (free == OFF))[unlimited].all()
    assert ((free < OFF) | (slot.after["queue"] + slot.after["job"] > 0))[unlimited].all()


def check_machines(simulator: Simulator, slot: Slot, knobs: np.ndarray) -> None:
    """A job is loaded only if its output has room; a machine that could load one, or is due for PM, is not idle."""
    scenario, after, ledger = simulator.scenario, slot.after, slot.ledger
    level = np.full(after["mode"].shape, OFF)
    for column, knob in enumerate(simulator.knobs):
        if knob.kind == "pm_level":
            level[:, knob.place] = knobs[:, column]
    loaded = (after["job"] > 0) & ((slot.before["job"] == 0) | (ledger["finished"] > 0))
    idle = (after["job"] == 0) & (after["mode"] == RUN)
    held = (after["queue"] > 0) | (material_left(scenario, slot) > 0)
    assert (ledger["blocked"] == (idle & held)).all()
    assert (ledger["pms"] <= (after["reading"] >= level)).all()
    assert not (idle & (after["reading"] >= level)).any()
    for i, stage in enumerate(scenario.stages):
        batch = OFF if stage.batch == "unlimited" else stage.batch
        ahead = after["store"][:, i].copy()
        if i + 1 < len(scenario.stages):
            ahead += after["queue"][:, i + 1] + after["job"][:, i + 1]
        units = np.minimum(after["queue"][:, i], batch)
        assert (after["job"][:, i] <= batch).all()
        if stage.room is None:
            assert not (idle[:, i] & (units > 0)).any()
        else:
            assert (ahead + after["job"][:, i])[loaded[:, i]].max(initial=0) <= stage.room
            assert not (idle[:, i] & (units > 0) & (ahead + units <= stage.room)).any()
        if stage.failure is None:
            assert (after["mode"][:, i] != DOWN).all()


@given(scenarios(), seeds, st.integers(0, 2**32))
def test_laws_hold_after_every_slot(description: dict[str, Any], seed: int, luck: int):
    scenario, rng = load_scenario(description), np.random.default_rng(luck)
    simulator = Simulator(scenario, n_lines=16, seed=seed)
    knobs = random_knobs(simulator.knobs, 16, rng)
    for _ in range(40):
        if rng.random() < 0.3:
            knobs = random_knobs(simulator.knobs, 16, rng)
        slot = Slot(simulator, knobs)
        check_balances(scenario, slot)
        check_customers(scenario, slot)
        check_counts(slot)
        check_pull(simulator, slot, knobs)
        check_machines(simulator, slot, knobs)


# -- the same luck whatever is done --


@given(scenarios(), seeds, st.integers(0, 2**32))
def test_knobs_change_no_luck(description: dict[str, Any], seed: int, luck: int):
    """Demand, and breakdowns that depend on time only, are the same under other knobs."""
    scenario, rng = load_scenario(description), np.random.default_rng(luck)
    one, other = (Simulator(scenario, n_lines=16, seed=seed) for _ in range(2))
    maintained = {knob.place for knob in one.knobs if knob.kind == "pm_level"}
    timed = [
        i
        for i, stage in enumerate(scenario.stages)
        if stage.failure is not None and stage.failure.exposure == "time" and i not in maintained
    ]
    for _ in range(40):
        ledgers = [simulator.step(random_knobs(one.knobs, 16, rng), slots=1) for simulator in (one, other)]
        if not scenario.demand.law.saturated:
            assert (ledgers[0]["demand"] == ledgers[1]["demand"]).all()
        for field in ("mode", "off_left", "wear", "age", "reading"):
            assert (one.state(field)[:, timed] == other.state(field)[:, timed]).all(), field


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
