"""Lines that differ: parameters drawn at reset between two values, from the line's seed."""

from __future__ import annotations

import copy
from functools import reduce
from typing import Any

import numpy as np
import pytest
from strategies import random_knobs, random_parameters

from jitgym.errors import InputError
from jitgym.fields import PARAMETERS
from jitgym.laws import threshold
from jitgym.simulator import Simulator
from jitgym.variation import Varied

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


# -- set in place of drawn --

RICH = {
    "name": "rich",
    "slots_per_step": 4,
    "products": [
        {"name": "plain", "law": {"negative_binomial": {"mean": 0.4, "dispersion": 2}}, "process": {"cut": 2}},
        {"name": "fancy", "law": {"poisson": 0.3}, "notice": 2},
    ],
    "stages": [
        {
            "name": "cut",
            "process": {"slots": 2, "finish": 0.5},
            "setup": {"slots": 2, "finish": 0.5},
            "initial": 2,
            "quality": {"defect": 0.1, "shift": 0.1, "detect": 0.5, "jidoka": {"slots": 2, "finish": 0.5}},
            "failure": {"law": {"table": [0.02, 0.1, 0.3]}, "wear": 0.3, "repair": {"slots": 2, "finish": 0.5}},
            "maintenance": {"duration": {"slots": 2, "finish": 0.5}},
        },
        {"name": "pack", "process": {"geometric": 1.5}, "initial": 3, "spoil": 0.05},
    ],
    "technicians": 1,
    "items": [{"name": "bar", "stage": "cut", "initial": 4}, {"name": "box", "stage": "pack", "initial": 4}],
    "suppliers": [
        {
            "name": "mill",
            "item": "bar",
            "lead_time": 3,
            "on_time": 0.8,
            "catch_up": 0.5,
            "outage": {"fail": 0.05, "recover": 0.3},
            "defective": 0.1,
            "inspect": 0.5,
        },
        {"name": "shop", "item": "box", "lead_time": 1, "on_time": 0.6},
    ],
    "demand": {
        "law": {"poisson": 0.5},
        "shortage": {"limit": 9},
        "regimes": {"switch": [[0.9, 0.1], [0.2, 0.8]], "rates": [1, 0.5]},
        "season": {"rates": [0.5, 1.5], "slots": 3},
    },
    "control": [
        {"knob": "kanban", "low": 1, "high": 6, "default": 4, "off": True},
        {"knob": "pm_level", "high": 3, "default": 2},
        {"knob": "target", "high": 12, "default": 8},
    ],
}
"""A line that has every parameter there is."""
RANGES = {"probability": (2.0**-31, 1.0), "slots": (1, 6), "times": (0.0, 4.0)}


def all_vary() -> dict[str, Any]:
    """Return the rich line with all that can vary."""
    kinds = [kind for kind in PARAMETERS if kind.name != "demand"]
    entries = [entry(kind.name, *RANGES[kind.unit]) for kind in kinds]
    never = ("wear", "shift", "detect", "spoil", "on_time", "catch_up", "fail", "defective", "inspect")
    entries = [row | {"low": 0.0} if row["parameter"] in never else row for row in entries]
    return {**RICH, "vary": [*entries, entry("demand", 0, 2)]}


def rows(simulator: Simulator) -> np.ndarray:
    """Return all of the state but what fixes the luck and what varies, one row a line."""
    fields = [name for name in simulator.tables.state if name != "varied"]
    return np.column_stack([simulator.state(name).reshape(simulator.n_lines, -1) for name in fields])


def test_what_varies_is_listed_with_place_range_and_unit():
    simulator = Simulator(all_vary(), 3)
    assert [f"varied[{one.name.replace('[', ',').rstrip(']')}]" for one in simulator.varied] == [
        name for name in simulator.tables.state.names if name.startswith("varied")
    ]
    assert {one.name for one in simulator.varied} <= set(simulator.tables.parameter.names)
    assert {one.parameter for one in simulator.varied} == {kind.name for kind in PARAMETERS}
    found = {one.name: one for one in simulator.varied}
    assert found["on_time[shop]"] == Varied("on_time", "shop", 1, 0, 1, "probability")
    assert found["job_slots[pack,fancy]"] == Varied("job_slots", "pack,fancy", 3, 1, 6, "slots")
    assert found["demand[fancy]"] == Varied("demand", "fancy", 1, 0, 16, "level")
    assert [one.name for one in varied(load_without_names(), entry("demand", 1, 2)).varied] == ["demand"]


def load_without_names() -> dict[str, Any]:
    """Return a line of one stage and one product, which has no name."""
    return {
        "name": "one",
        "stages": [{"name": "only"}],
        "demand": {"law": {"poisson": 2.0}, "shortage": "lost"},
        "control": [{"knob": "kanban", "high": 9, "default": 5}],
    }


def test_parameters_are_told_in_their_own_units_and_can_be_set_again():
    simulator = Simulator(all_vary(), 40, seed=3)
    before, values = simulator.state("varied"), simulator.parameters()
    for column, one in enumerate(simulator.varied):
        assert one.low <= values[:, column].min() < values[:, column].max() <= one.high, one.name
        held = {"probability": (before[:, column] + 1.0) / 2**31, "times": before[:, column] / 4096}
        assert np.array_equal(values[:, column], held.get(one.unit, before[:, column])), one.name
    simulator.vary([one.low for one in simulator.varied])
    assert np.array_equal(simulator.state("varied"), np.tile(simulator.tables.varied_low, (40, 1)))
    simulator.vary(values)
    assert np.array_equal(simulator.state("varied"), before)


def test_the_ends_of_a_range_can_be_set_though_they_are_rounded(line):
    """0.3 and 1/3 are no whole thresholds or factors: the ends given, and the ends told, are both within."""
    simulator = varied(line, entry("on_time", 0.3, 0.7, "mill"), entry("hazard", 1 / 3, 2 / 3), n_lines=2)
    simulator.vary([[0.3, 1 / 3], [0.7, 2 / 3]])
    assert simulator.state("varied").tolist() == [[threshold(0.3), 1365], [threshold(0.7), 2731]]
    simulator.vary(simulator.parameters())
    assert simulator.state("varied").tolist() == [[threshold(0.3), 1365], [threshold(0.7), 2731]]


@pytest.mark.parametrize("value", [0.0, 2.0**-32, 0.3, 0.5 + 2.0**-32, 0.5 + 3 * 2.0**-32, 1.0])
def test_a_probability_is_held_as_its_threshold_also_half_way_between_two(line, value):
    simulator = varied(line, entry("on_time", value, value, "mill"), n_lines=2)
    held = [[threshold(value)]] * 2
    assert simulator.state("varied").tolist() == held
    simulator.vary([value])
    assert simulator.state("varied").tolist() == held


def test_some_lines_are_set_and_the_others_stay():
    simulator = Simulator(all_vary(), 37, seed=3)
    values, rng = simulator.parameters(), np.random.default_rng(1)
    lines, new = [35, 0, 17], random_parameters(simulator.varied, 3, rng)
    simulator.vary(new, lines)
    values[lines] = simulator.parameters()[lines]
    assert np.array_equal(simulator.parameters(), values)
    other = Simulator(all_vary(), 3, seed=9)
    other.vary(new)
    assert np.array_equal(other.parameters(), values[lines])
    simulator.vary(new[1], lines=[36, 2])
    assert np.array_equal(simulator.parameters()[[2, 36]], other.parameters()[[1, 1]])


def test_core_and_oracle_agree_when_parameters_change_with_every_step():
    core, oracle = (Simulator(all_vary(), 18, seed=3, backend=backend) for backend in ("core", "oracle"))
    rng = np.random.default_rng(5)
    for _ in range(60):
        values, knobs = random_parameters(core.varied, 18, rng), random_knobs(core.knobs, 18, rng)
        slots = int(rng.integers(1, 5))
        ledgers = []
        for simulator in (core, oracle):
            simulator.vary(values)
            ledgers.append(simulator.step(knobs, slots).array)
        assert np.array_equal(*ledgers)
        for name in core.tables.state:
            assert np.array_equal(core.state(name), oracle.state(name)), name


def own(path: str, value: Any) -> dict[str, Any]:
    """Return the rich line with one number of its own."""
    line = copy.deepcopy(RICH)
    *keys, last = (int(key) if key.isdigit() else key for key in path.split("."))
    reduce(lambda part, key: part[key], keys, line)[last] = value
    return line


# parameter, value, where the scenario holds it, and what it holds there
OWN = [
    ("job_slots", 5, "stages.1.process", {"slots": 5, "finish": 1 / 1.5}),
    ("job_finish", 0.25, "stages.1.process", {"slots": 1, "finish": 0.25}),
    ("setup_slots", 5, "stages.0.setup.slots", 5),
    ("setup_finish", 0.125, "stages.0.setup.finish", 0.125),
    ("repair_slots", 6, "stages.0.failure.repair.slots", 6),
    ("repair_finish", 0.125, "stages.0.failure.repair.finish", 0.125),
    ("pm_slots", 4, "stages.0.maintenance.duration.slots", 4),
    ("pm_finish", 0.125, "stages.0.maintenance.duration.finish", 0.125),
    ("stop_slots", 6, "stages.0.quality.jidoka.slots", 6),
    ("stop_finish", 0.125, "stages.0.quality.jidoka.finish", 0.125),
    ("hazard", 2, "stages.0.failure.law.table", [0.04, 0.2, 0.6]),
    ("wear", 0.9, "stages.0.failure.wear", 0.9),
    ("shift", 0.4, "stages.0.quality.shift", 0.4),
    ("defect", 2, "stages.0.quality.defect", 0.2),
    ("detect", 1.0, "stages.0.quality.detect", 1.0),
    ("spoil", 0.3, "stages.1.spoil", 0.3),
    ("on_time", 0.1, "suppliers.1.on_time", 0.1),
    ("catch_up", 0.2, "suppliers.0.catch_up", 0.2),
    ("fail", 0.5, "suppliers.0.outage.fail", 0.5),
    ("recover", 0.0625, "suppliers.0.outage.recover", 0.0625),
    ("defective", 0.6, "suppliers.0.defective", 0.6),
    ("inspect", 1.0, "suppliers.0.inspect", 1.0),
    ("demand", 12, "products.1.law.poisson", 0.3 * 1.5),
]
PLACES = {"stages.0": "cut", "stages.1": "pack", "suppliers.0": "mill", "suppliers.1": "shop"}


def test_every_parameter_is_compared_below():
    assert [row[0] for row in OWN] == [kind.name for kind in PARAMETERS]


@pytest.mark.parametrize(("parameter", "value", "path", "held"), OWN, ids=[row[0] for row in OWN])
def test_a_parameter_that_is_set_is_one_of_the_scenario(parameter, value, path, held):
    """Slot by slot the same as a line that has the value itself, and not the same as without it."""
    unit = next(kind.unit for kind in PARAMETERS if kind.name == parameter)
    where = {"product": "fancy"} if parameter == "demand" else {"at": PLACES[".".join(path.split(".")[:2])]}
    bounds = (0, 2) if parameter == "demand" else RANGES[unit]
    simulators = [
        Simulator({**RICH, "vary": [entry(parameter, *bounds) | where]}, N, seed=8),
        Simulator(own(path, held), N, seed=8),
        Simulator(RICH, N, seed=8),
    ]
    simulators[0].vary(np.full(len(simulators[0].varied), value))
    rng = np.random.default_rng(2)
    differs = False
    for _ in range(60):
        knobs = random_knobs(simulators[0].knobs, N, rng)
        one, other, plain = (simulator.step(knobs, 1).array for simulator in simulators)
        assert np.array_equal(one, other)
        differs |= not np.array_equal(one, plain)
    fields = [f for f in simulators[1].tables.state if f != "demand_smooth"]  # which starts at the mean of the levels
    for field in fields:
        assert np.array_equal(*(simulator.state(field) for simulator in simulators[:2])), field
    assert differs


def test_an_outage_for_a_period_begins_and_ends():
    """Nothing arrives while an outage is certain; set back, the mill is there again in the next slot."""
    out = {"fail": 0.0, "recover": 1.0}
    line = own("suppliers.0.outage", out) | {
        "vary": [entry("fail", 0, 1), entry("recover", 2.0**-31, 1)],
        "technicians": None,
    }
    simulator = Simulator(line, N, seed=2)
    for period in range(6):
        closed = period % 2 == 1
        simulator.vary([1, 2.0**-31] if closed else [0, 1])
        for _ in range(50):
            delivered = simulator.step(simulator.default_knobs, 10)["delivered"][:, 0]
            assert simulator.state("out").tolist() == [[int(closed), 0]] * N
            assert (delivered == 0).all() if closed else delivered.sum() > 0


def test_what_is_set_is_part_of_the_state():
    simulator = Simulator(all_vary(), 20, seed=3)
    values = random_parameters(simulator.varied, 20, np.random.default_rng(1))
    simulator.vary(values)
    values = simulator.parameters()
    simulator.step(simulator.default_knobs, 9)
    assert np.array_equal(simulator.parameters(), values)
    assert np.array_equal(simulator.fork([3, 3, 19], [1, 2, 3]).parameters(), values[[3, 3, 19]])
    assert np.array_equal(simulator.copy().parameters(), values)
    saved = simulator.snapshot()
    simulator.vary(random_parameters(simulator.varied, 20, np.random.default_rng(2)))
    simulator.restore(saved)
    assert np.array_equal(simulator.parameters(), values)
    simulator.reset()
    assert not np.array_equal(simulator.parameters(), values)


BAD = [
    ([0.5, 3, 1, 2, 5], None, r"values must have shape (4,) or (30, 4), got (5,)"),
    ([[0.5, 3, 1, 2]], None, r"values must have shape (4,) or (30, 4), got (1, 4)"),
    ([[0.5, 3, 1, 2]] * 3, [4, 5], r"values must have shape (4,) or (2, 4), got (3, 4)"),
    ([[0.5, 3], [1]], None, "values must be numbers in rows of one length"),
    (["a", "b", "c", "d"], None, "values must be numbers, got <U1"),
    ([True] * 4, None, "values must be numbers, got bool"),
    ([0.5, 3, 1, 2], [4, 4], "lines must all be different, got 4 2 times"),
    ([0.5, 3, 1, 2], [30], "lines must be in 0..29, got 30..30"),
    ([0.5, 3, 1, 2], [0.5], "lines must be one or more integers, got float64 of shape (1,)"),
    ([0.1, 3, 1, 2], None, "on_time[mill] must be in 0.2..0.6, got 0.1"),
    ([0.7, 3, 1, 2], None, "on_time[mill] must be in 0.2..0.6, got 0.7"),
    ([np.nan, 3, 1, 2], None, "on_time[mill] must be in 0.2..0.6, got nan"),
    ([0.5, 3, np.inf, 2], None, "hazard[drill] must be in 0.5..2, got inf"),
    ([1e308, 3, 1, 2], None, "on_time[mill] must be in 0.2..0.6, got 1e+308"),
    ([0.5, 2.5, 1, 2], None, "repair_slots[drill] must be a whole number in 2..5, got 2.5"),
    ([0.5, 6, 1, 2], None, "repair_slots[drill] must be a whole number in 2..5, got 6"),
    ([0.5, 3, 1, 0.9], None, "demand must be a whole number in 0..16, got 0.9"),
    ([0.5, 3, 1, 17], None, "demand must be a whole number in 0..16, got 17"),
    ([[0.5, 3, 1, 2], [0.5, 3, 9, 2]], [29, 7], "hazard[drill] of line 7 must be in 0.5..2, got 9"),
]


@pytest.mark.parametrize(("values", "lines", "message"), BAD)
def test_bad_values_are_refused_and_change_nothing(line, values, lines, message):
    entries = [entry("on_time", 0.2, 0.6, "mill"), entry("repair_slots", 2, 5), entry("hazard", 0.5, 2)]
    simulator = varied(line, *entries, entry("demand", 0.5, 2), n_lines=30)
    before = simulator.snapshot()
    with pytest.raises(InputError) as raised:
        simulator.vary(values, lines)
    assert str(raised.value) == message
    assert simulator.snapshot() == before


def test_a_line_that_does_not_vary_has_nothing_to_set(line):
    simulator = Simulator(line, 3)
    assert simulator.varied == ()
    assert simulator.parameters().shape == (3, 0)
    before = simulator.snapshot()
    simulator.vary([])
    simulator.vary(np.zeros((3, 0)))
    assert simulator.snapshot() == before
    with pytest.raises(InputError, match=r"values must have shape \(0,\) or \(3, 0\), got \(1,\)"):
        simulator.vary([0.5])
