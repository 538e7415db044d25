"""The simulator: seeds, resets, snapshots, ledgers, threads, and what it says of bad input."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from strategies import random_knobs

from jitgym.errors import InputError
from jitgym.fields import LEDGER, OFF
from jitgym.ledger import Ledger
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

N = 21  # lines: one full block of 16 and a part of one


@pytest.fixture
def batch(line):
    """Return a maker of batches of the shared line, in the core unless told otherwise."""
    return partial(Simulator, line, N)


def play(simulator, steps=12):
    """Return the ledgers and the states of some steps, ``(steps, lines, entries)``, under knobs that change."""
    rng = np.random.default_rng(7)
    seen = []
    for _ in range(steps):
        ledger = simulator.step(random_knobs(simulator.knobs, N, rng))
        seen.append(np.column_stack([ledger.array, look(simulator)]))
    return np.array(seen)


def look(simulator):
    """Return what a line is, one row a line: all of its state but the turn of the pipelines, which the batch shares."""
    fields = [field for field in simulator.tables.state if field not in ("tick", "pipeline")]
    return np.column_stack([simulator.state(field).reshape(simulator.n_lines, -1) for field in fields])


# -- seeds and resets --


def test_same_seed_same_path_and_others_another(batch):
    one, same, other = (play(batch(seed=seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_lines_differ_among_themselves(batch):
    luck = play(batch(seed=5))
    assert len(np.unique(luck.transpose(1, 0, 2).reshape(N, -1), axis=0)) == N


def test_a_seed_for_each_line(batch):
    """An integer stands for the seeds of its bank; a seed is the line's luck, wherever the line stands."""
    seeds = seed_bank(5, N)
    one, same, turned = batch(seed=5), batch(seed=seeds), batch(seed=seeds[::-1])
    ledgers = [simulator.step(simulator.default_knobs, slots=50).array for simulator in (one, same, turned)]
    assert np.array_equal(ledgers[0], ledgers[1])
    assert np.array_equal(ledgers[0], ledgers[2][::-1])
    assert batch(seed=[*range(N)]).state("root_lo").tolist() == [*range(N)]


@pytest.mark.parametrize("backend", ["core", "oracle"])
@pytest.mark.parametrize("n", [0, 3, 20])
def test_a_line_of_a_batch_is_a_batch_of_one(line, batch, n, backend):
    rng = np.random.default_rng(3)
    many, alone = batch(seed=5), Simulator(line, 1, seed_bank(5, N)[n : n + 1], backend)
    for _ in range(20):
        knobs = random_knobs(many.knobs, N, rng)
        ledgers = many.step(knobs), alone.step(knobs[n])
        assert np.array_equal(ledgers[0].array[n], ledgers[1].array[0])
    assert np.array_equal(look(many)[n], look(alone)[0])


def test_reset_with_a_seed_starts_afresh(batch):
    used = batch(seed=1)
    play(used)
    used.reset(5)
    assert np.array_equal(play(used), play(batch(seed=5)))


def test_episodes_differ_and_replay(batch):
    one, again = batch(seed=5), batch(seed=5)
    first = play(one)
    one.reset()
    second = play(one)
    assert not np.array_equal(first, second)
    again.reset()  # without having played the first
    assert np.array_equal(play(again), second)
    assert again.state("episode").tolist() == [1] * N
    again.reset(5)
    assert np.array_equal(play(again), first)


def test_episodes_stay_in_their_bank(batch):
    simulator = batch(seed=seed_bank(5, N, "evaluation"))
    keys = set()
    for _ in range(5):
        high = simulator.state("key_hi").view(np.uint32)
        assert (high >> 30 == 2).all()
        keys |= set(zip(high.tolist(), simulator.state("key_lo").tolist(), strict=True))
        simulator.reset()
    assert len(keys) == 5 * N


@pytest.mark.parametrize("seed", [None, 8])
def test_masked_reset_leaves_the_other_lines_alone(batch, seed):
    """Lines in the mask do what a full reset makes them do; the others go on as if nothing had happened."""
    mask = np.arange(N) % 3 == 0
    masked, full, untouched = batch(seed=5), batch(seed=5), batch(seed=5)
    for simulator in (masked, full, untouched):
        play(simulator)
    before = masked.snapshot()
    masked.reset(seed, np.zeros(N, dtype=bool))
    assert masked.snapshot() == before
    masked.reset(seed, mask)
    full.reset(seed)
    assert np.array_equal(look(masked)[mask], look(full)[mask])
    assert np.array_equal(look(masked)[~mask], look(untouched)[~mask])
    continued = play(masked)
    assert np.array_equal(continued[:, mask], play(full)[:, mask])
    assert np.array_equal(continued[:, ~mask], play(untouched)[:, ~mask])


def test_seed_banks_never_meet_and_grow_at_their_end():
    banks = [seed_bank(3, 1000, bank) for bank in ("play", "tuning", "evaluation")]
    for code, bank in enumerate(banks):
        assert bank.dtype == np.uint64
        assert (bank >> np.uint64(62) == code).all()
        assert len(set(bank.tolist())) == 1000
    assert np.array_equal(seed_bank(3, 10), banks[0][:10])
    assert not set(seed_bank(4, 1000).tolist()) & set(banks[0].tolist())


# -- copies --


def restored(simulator):
    """Return another batch, put where this one is by a snapshot."""
    other = Simulator(simulator.scenario, simulator.n_lines, seed=99)
    other.restore(simulator.snapshot())
    return other


@pytest.mark.parametrize(
    "copied",
    [restored, Simulator.copy, copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))],
    ids=["snapshot", "copy", "copy.copy", "deepcopy", "pickle"],
)
@pytest.mark.parametrize("backend", ["core", "oracle"])
def test_a_copy_goes_on_alike_and_apart(batch, copied, backend):
    simulator = batch(seed=5, backend=backend)
    play(simulator, steps=5)
    twin = copied(simulator)
    continued = play(twin, steps=6)
    assert np.array_equal(continued, play(simulator, steps=6))  # the twin's steps did not move the original
    for each in (simulator, twin):
        each.reset()
    assert np.array_equal(play(simulator, steps=3), play(twin, steps=3))


def test_a_snapshot_can_be_used_again(batch):
    simulator = batch(seed=5)
    play(simulator, steps=5)
    snapshot = simulator.snapshot()
    first = play(simulator)
    simulator.restore(snapshot)
    assert simulator.snapshot() == snapshot
    assert np.array_equal(play(simulator), first)


# -- forks --


def own_luck(simulator):
    """Return the seed of each line's present episode."""
    low, high = (simulator.state(word).view(np.uint32).astype(np.uint64) for word in ("key_lo", "key_hi"))
    return low | high << np.uint64(32)


def without_seeds(simulator):
    """Return all of a line's state but what fixes its luck, one row a line."""
    fields = [f for f in simulator.tables.state if f not in ("root_lo", "root_hi", "episode", "key_lo", "key_hi")]
    return np.column_stack([simulator.state(field).reshape(simulator.n_lines, -1) for field in fields])


@pytest.mark.parametrize("backend", ["core", "oracle"])
@pytest.mark.parametrize("episode", [0, 1])
def test_a_fork_under_a_lines_own_luck_goes_on_as_the_line(batch, backend, episode):
    simulator = batch(seed=5, backend=backend)
    for _ in range(episode):
        simulator.reset()
    play(simulator, steps=5)
    fork = simulator.fork(range(N), own_luck(simulator))
    before = simulator.snapshot()
    for _ in range(8):
        forked = fork.advance(4)  # under the knobs that the line was under
    assert simulator.snapshot() == before
    for _ in range(8):
        own = simulator.advance(4)
        assert own.array.shape == forked.array.shape
    assert np.array_equal(own.array, forked.array)
    assert np.array_equal(without_seeds(simulator), without_seeds(fork))


@pytest.mark.parametrize("backend", ["core", "oracle"])
def test_a_fork_stands_where_its_line_stands_and_meets_the_luck_of_its_seed(batch, backend):
    """Lines 7, 7 and 2, twice: under one seed the same demand, and for the same line the same path; else another."""
    simulator = batch(seed=5, backend=backend)
    play(simulator, steps=5)
    fork = simulator.fork([7, 7, 2, 7, 7, 2], [9, 9, 9, 10, 11, 10])
    assert np.array_equal(without_seeds(fork), without_seeds(simulator)[[7, 7, 2, 7, 7, 2]])
    demand = np.array([fork.step(fork.default_knobs, slots=1)["demand"] for _ in range(60)]).T
    state = without_seeds(fork)
    assert np.array_equal(state[0], state[1])
    assert not np.array_equal(state[0], state[2])
    assert np.array_equal(demand[0], demand[2])
    assert np.array_equal(demand[3], demand[5])
    assert len(np.unique(demand, axis=0)) == 3


def test_core_and_oracle_go_on_alike_from_a_fork(batch):
    core = batch(seed=5)
    play(core, steps=5)
    lines, seeds = np.arange(N)[::-1], seed_bank(8, N)
    forks = core.fork(lines, seeds), core.fork(lines, seeds, into=batch(seed=1, backend="oracle"))
    assert np.array_equal(play(forks[0]), play(forks[1]))


def test_a_fork_into_a_used_one_is_a_new_one(batch):
    simulator = batch(seed=5)
    play(simulator, steps=5)
    used = simulator.fork([0] * 40, seed_bank(1, 40))
    used.advance(33)
    lines, seeds = np.arange(40) % N, seed_bank(2, 40)
    again = simulator.fork(lines, seeds, into=used)
    assert again is used
    new = simulator.fork(lines, seeds)
    assert again.snapshot() == new.snapshot()
    assert np.array_equal(again.advance(50).array, new.advance(50).array)


def test_a_fork_keeps_the_parameters_of_its_line(line):
    line["vary"] = [{"parameter": "demand", "low": 0.5, "high": 2}]
    simulator = Simulator(line, N, seed=5)
    simulator.advance(3)
    varied = simulator.state("varied")
    assert len(np.unique(varied)) > 1
    assert np.array_equal(simulator.fork([4, 20, 4], [1, 1, 2]).state("varied"), varied[[4, 20, 4]])


def test_a_fork_counts_on_to_the_limit_of_slots(line):
    huge = {"knob": "order", "at": "mill", "high": 1_000_000, "default": 1_000_000}
    simulator = Simulator({**line, "control": [huge]})
    half = simulator.tables.slot_limit // 2
    for _ in range(half):  # an order each
        simulator.advance(1)
    with pytest.raises(InputError, match="must be reset before it could outgrow 32 bits"):
        simulator.fork([0], [1]).advance(half + 2)
    simulator.fork([0], [1]).advance(half)


@pytest.mark.parametrize(
    ("lines", "seeds", "message"),
    [
        ([0, N], [1, 2], f"lines must be in 0..{N - 1}, got 0..{N}"),
        ([-1], [1], f"lines must be in 0..{N - 1}, got -1..-1"),
        ([], [], "lines must be one or more integers"),
        ([0.0], [1], "lines must be one or more integers, got float64"),
        ([0, 1], [1], "seeds must be 2 integers >= 0"),
        ([0], [-1], "seeds must be 1 integers >= 0"),
    ],
)
def test_bad_forks_are_refused(batch, lines, seeds, message):
    with pytest.raises(InputError, match=message):
        batch().fork(lines, seeds)


def test_a_fork_goes_into_another_batch_of_its_size_and_scenario(batch):
    simulator = batch(seed=5)
    before = simulator.snapshot()
    for into in (simulator, Simulator("four_stage", N), simulator.fork([0], [0])):
        with pytest.raises(InputError, match=f"into must be another simulator with {N} lines of scenario 'busy'"):
            simulator.fork(range(N), range(N), into=into)
    assert simulator.snapshot() == before


def test_threads_change_nothing(line):
    one, four = (Simulator(line, 100, seed=5, n_threads=threads) for threads in (1, 4))
    for _ in range(20):
        ledgers = [simulator.step(simulator.default_knobs) for simulator in (one, four)]
        assert np.array_equal(ledgers[0].array, ledgers[1].array)
    assert one.snapshot() == four.snapshot()


# -- stepping --


@pytest.mark.parametrize("backend", ["core", "oracle"])
def test_a_step_is_its_slots(batch, backend):
    """Ledgers of slots add up to that of the step; only `order` and the step's demand know where a step begins."""
    at_once, by_slot = batch(seed=5, backend=backend), batch(seed=5, backend=backend)
    knobs = at_once.default_knobs
    ledger = at_once.step(knobs, slots=37)
    total = by_slot.step(knobs, slots=1)
    for _ in range(36):
        total = total + by_slot.advance(1)
    assert np.array_equal(ledger.array, total.array)
    assert np.array_equal(at_once.state("store"), by_slot.state("store"))
    assert at_once.state("demand_step").tolist() == ledger["demand"].tolist()


@pytest.mark.parametrize("backend", ["core", "oracle"])
def test_no_slots_change_nothing(batch, backend):
    simulator = batch(seed=5, backend=backend)
    play(simulator, steps=2)
    before = {field: simulator.state(field) for field in simulator.tables.state}
    assert not simulator.step(simulator.default_knobs, slots=0).array.any()
    assert all((simulator.state(field) == before[field]).all() for field in before if field != "demand_step")


def test_before_any_step_a_line_advances_under_its_defaults(batch):
    one, other = batch(seed=5), batch(seed=5)
    assert np.array_equal(one.advance(7).array, other.step(other.default_knobs, slots=7).array)
    assert one.snapshot() == other.snapshot()


def test_slots_default_to_a_step(batch):
    simulator = batch()
    assert simulator.step(simulator.default_knobs)["slots"].tolist() == [4] * N
    assert simulator.state("slot").tolist() == [4] * N


def test_one_knob_vector_is_for_all_lines(batch):
    one, all_lines = batch(seed=5), batch(seed=5)
    knobs = one.default_knobs
    assert np.array_equal(one.step(knobs).array, all_lines.step(np.tile(knobs, (N, 1))).array)


def test_order_acts_in_the_first_slot_of_a_step(line):
    control = {"knob": "order", "at": "mill", "high": 5, "default": 2}
    simulator = Simulator({**line, "control": [control]}, 3)
    assert simulator.step([3], slots=6)["ordered"].tolist() == [[3, 0]] * 3
    assert simulator.advance(6)["orders"].tolist() == [[1, 0]] * 3


@pytest.mark.parametrize("backend", ["core", "oracle"])
def test_a_limit_that_is_off_is_none(backend):
    """Also where products take turns for an item that is short: the cards of the two are then equal."""
    target, kanban = {"knob": "target", "high": 3, "default": 3}, {"knob": "kanban", "high": 9, "default": "off"}
    with_limit, without = (
        Simulator(
            {
                "name": "shared",
                "products": ["p", "q"],
                "stages": [{"name": "a"}],
                "items": [{"name": "x", "stage": "a"}],
                "suppliers": [{"name": "s", "item": "x", "lead_time": 1}],
                "demand": {"law": {"bernoulli": 0.2}},
                "control": control,
            },
            N,
            seed=5,
            backend=backend,
        )
        for control in ([target, {**kanban, "off": True}], [target])
    )
    for _ in range(20):
        ledgers = [simulator.step(simulator.default_knobs)["released"].tolist() for simulator in (with_limit, without)]
        assert ledgers[0] == ledgers[1]


# -- what comes out --


def test_ledger_has_every_field_in_its_shape(batch):
    simulator = batch(seed=5)
    ledger = simulator.step(simulator.default_knobs, slots=20)
    shapes = {"line": (), "product": (), "stage": (3,), "stage_product": (3,), "item": (2,), "supplier": (2,)}
    assert tuple(ledger) == tuple(field.name for field in LEDGER if field.needs is None)
    for field in LEDGER:
        values = ledger[field.name]
        assert values.shape == (N, *shapes[field.axis])
        assert values.dtype == np.int64
        assert field.needs is None or not values.any()
    for name, values in ledger.as_dict().items():
        assert np.array_equal(ledger[name], values)
    assert len(ledger) == N
    assert len(ledger.names) == ledger.array.shape[1] == len(set(ledger.names))
    assert np.array_equal(ledger.array[:, ledger.names.index("released[drill]")], ledger["released"][:, 1])
    with pytest.raises(KeyError, match="no field 'release'; there are slots, demand"):
        ledger["release"]


def test_ledgers_add_up_over_time(batch):
    simulator = batch(seed=5)
    one, two = simulator.step(simulator.default_knobs), simulator.advance(9)
    both = one + two
    assert isinstance(both, Ledger)
    assert both["slots"].tolist() == [13] * N
    assert (both["demand"] == one["demand"] + two["demand"]).all()


def test_a_ledger_keeps_its_numbers(batch):
    simulator = batch(seed=5)
    ledger = simulator.step(simulator.default_knobs)
    before = ledger.array.copy()
    simulator.advance(50)
    assert np.array_equal(ledger.array, before)


def test_state_is_a_copy_and_has_a_shape_for_every_field(batch):
    simulator = batch(seed=5)
    places = {"stage": 3, "item": 2, "supplier": 2, "pipeline": 3}
    for field in simulator.tables.state:
        values = simulator.state(field)
        values[...] = -1
        assert (simulator.state(field) != -1).any()
    assert simulator.state("queue").shape == (N, places["stage"])
    assert simulator.state("pipeline").shape == (N, places["pipeline"])
    assert simulator.state("backlog").shape == (N,)
    with pytest.raises(KeyError, match="no field 'stok'; there are tick"):
        simulator.state("stok")


def test_a_line_without_items_has_their_fields_all_the_same(line):
    simulator = Simulator({**line, "items": [], "suppliers": [], "control": line["control"][:1]}, 3)
    ledger = simulator.step(simulator.default_knobs)
    assert simulator.state("stock").shape == simulator.state("pipeline").shape == (3, 0)
    assert ledger["item_slots"].shape == ledger["delivered"].shape == (3, 0)


def test_knobs_are_named_and_start_at_their_defaults(batch):
    simulator = batch()
    assert [knob.name for knob in simulator.knobs] == [
        *("kanban[cut]", "kanban[drill]", "kanban[pack]", "loop[cut]"),
        *("pm_level[drill]", "target[mill]", "target[shop]"),
    ]
    assert simulator.default_knobs.tolist() == [4, 4, 4, OFF, OFF, 8, 8]


# -- bad input: told, and nothing changed --

GOOD = [4, 4, 4, OFF, OFF, 8, 8]
BAD_KNOBS = {
    "dtype": (np.full(7, 4.0), "knobs must be integers, got float64"),
    "boolean": (np.ones(7, dtype=bool), "knobs must be integers, got bool"),
    "too few": (GOOD[:6], r"knobs must have shape \(7,\) or \(21, 7\), got \(6,\)"),
    "other lines": (np.tile(GOOD, (20, 1)), r"knobs must have shape \(7,\) or \(21, 7\), got \(20, 7\)"),
    "low": ([4, 0, *GOOD[2:]], r"kanban\[drill\] must be in 1\.\.9 or OFF, got 0"),
    "high": ([4, 4, 10, *GOOD[3:]], r"kanban\[pack\] must be in 1\.\.9 or OFF, got 10"),
    "near off": ([OFF - 1, *GOOD[1:]], r"kanban\[cut\] must be in 1\.\.9 or OFF, got 1073741823"),
    "never off": ([*GOOD[:6], OFF], r"target\[shop\] must be in 0\.\.20, got 1073741824"),
    "one line": (np.where(np.arange(N)[:, None] == 17, -1, GOOD), r"kanban\[cut\] of line 17 must be in .* got -1"),
    "wide": (np.array([2**32 + 4, *GOOD[1:]]), r"kanban\[cut\] must be in 1\.\.9 or OFF, got 4294967300"),
}


@pytest.mark.parametrize(("knobs", "message"), BAD_KNOBS.values(), ids=BAD_KNOBS)
def test_bad_knobs(batch, knobs, message):
    unharmed(batch, lambda simulator: simulator.step(knobs), message)


def renamed(scenario):
    """Return a line whose state has the same size, but that is another one."""
    return scenario.model_copy(update={"name": "other"})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.step([5] * 7, slots=-1), "slots must be an integer >= 0, got -1"),
        (lambda s: s.step([5] * 7, slots=2.0), "slots must be an integer >= 0, got 2.0"),
        (lambda s: s.step([5] * 7, slots=True), "slots must be an integer >= 0, got True"),
        (
            lambda s: s.step([5] * 7, slots=10**9),
            r"must be reset before it could outgrow 32 bits, in \d+ slots, got 1000000000",
        ),
        (lambda s: s.advance(-1), "slots must be an integer >= 0, got -1"),
        (lambda s: s.reset(mask=np.ones(N)), r"mask must be 21 booleans, got float64 of shape \(21,\)"),
        (lambda s: s.reset(mask=[True]), r"mask must be 21 booleans, got bool of shape \(1,\)"),
        (lambda s: s.reset(-1), "seed must be >= 0, got -1"),
        (lambda s: s.reset(0.5), r"seed must be an integer >= 0 or 21 of them, got float64 of shape \(\)"),
        (lambda s: s.reset(True), "seed must be an integer >= 0 or 21 of them, got bool"),
        (lambda s: s.reset([1, 2]), r"seed must be an integer >= 0 or 21 of them, got int64 of shape \(2,\)"),
        (lambda s: s.reset(np.arange(N) - 1), "seed must be an integer >= 0 or 21 of them"),
        (lambda s: s.reset(seed_bank(1, N).astype(float)), "seed must be an integer >= 0 or 21 of them, got float64"),
        (lambda s: s.restore(b"12345"), r"snapshot must be of \d+ lines of scenario 'busy' \(\w+\), \d+ bytes, got 5"),
        (lambda s: s.restore(s.snapshot()[:-1]), "snapshot must be of"),
        (lambda s: s.restore(Simulator(s.scenario, s.n_lines + 1).snapshot()), "snapshot must be of"),
        (lambda s: s.restore(Simulator(renamed(s.scenario), s.n_lines).snapshot()), "snapshot must be of"),
    ],
)
def test_bad_calls(batch, call, message):
    unharmed(batch, call, message)


def unharmed(batch, call, message):
    """A call must raise, and leave the batch just as it was, the knobs of the last step included."""
    simulator, twin = batch(seed=5), batch(seed=5)
    for each in (simulator, twin):
        each.step(GOOD, slots=20)
    with pytest.raises(InputError, match=message):
        call(simulator)
    assert simulator.snapshot() == twin.snapshot()
    assert np.array_equal(simulator.advance(30).array, twin.advance(30).array)
    assert simulator.snapshot() == twin.snapshot()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backend": "gpu"}, "backend must be 'core' or 'oracle', got 'gpu'"),
        ({"n_lines": 0}, "n_lines must be an integer >= 1, got 0"),
        ({"n_lines": 2.0}, "n_lines must be an integer >= 1, got 2.0"),
        ({"n_threads": 0}, "n_threads must be an integer >= 1, got 0"),
        ({"n_threads": True}, "n_threads must be an integer >= 1, got True"),
        ({"seed": -3}, "seed must be >= 0, got -3"),
        ({"n_lines": 2, "seed": [1, 2, 3]}, r"seed must be an integer >= 0 or 2 of them, got int64 of shape \(3,\)"),
    ],
)
def test_bad_arguments(line, arguments, message):
    with pytest.raises(InputError, match=message):
        Simulator(line, **arguments)


def test_a_line_runs_to_its_limit_and_no_further(line):
    """Lines that could outgrow 32 bits must be reset in time; what counts is the line that was reset longest ago."""
    huge = {"knob": "order", "at": "mill", "high": 1_000_000, "default": 0}
    simulator = Simulator({**line, "control": [huge]}, N)
    limit = simulator.tables.slot_limit
    for _ in range(limit):  # an order each
        simulator.step([1_000_000], slots=1)
    with pytest.raises(InputError, match="a line must be reset before it could outgrow 32 bits, in 0 slots, got 1"):
        simulator.advance(1)
    simulator.reset(mask=np.arange(N) > 0)
    with pytest.raises(InputError, match="must be reset"):
        simulator.advance(1)
    simulator.reset(mask=np.arange(N) == 0)
    simulator.advance(limit)
    simulator.reset()
    simulator.advance(limit)


def test_a_line_that_does_not_grow_goes_on(line):
    huge = {"knob": "order", "at": "mill", "high": 1_000_000, "default": 0}
    simulator = Simulator({**line, "control": [huge]}, N)
    for _ in range(3):
        simulator.advance(simulator.tables.slot_limit)
    with pytest.raises(InputError, match="must be reset before"):  # in one call there is no knowing
        simulator.advance(simulator.tables.slot_limit + 1)
