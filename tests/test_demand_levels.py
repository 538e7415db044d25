"""Demand that differs from line to line: levels of one law, and of several."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy
from commands import run

from jitgym.errors import InputError
from jitgym.laws import MOST_LAWS, demand_thresholds
from jitgym.observation import Observer
from jitgym.scenario import load_scenario
from jitgym.shifts import shifted
from jitgym.simulator import Simulator
from jitgym.tables import build_tables

POISSON = {"poisson": 1.0}
LUMPY = {"negative_binomial": {"mean": 1.2, "dispersion": 0.5}}
COIN = {"bernoulli": 0.4}
TABLE = {"table": [0.5, 0.2, 0.0, 0.3]}
FACTORS = tuple(np.linspace(0.5, 2, 17).tolist())


def line(law: Any = POISSON, low: float = 0.5, high: float = 2, **more: Any) -> dict[str, Any]:
    """Return a line of one stage whose demand varies."""
    return {
        "name": "one",
        "slots_per_step": 1,
        "stages": [{"name": "only"}],
        "demand": {"law": law, "shortage": "lost"},
        "control": [{"knob": "kanban", "high": 9, "default": 5}],
        "vary": [{"parameter": "demand", "low": low, "high": high, **more}],
    }


def of_products(*rows: dict[str, Any], **demand: Any) -> dict[str, Any]:
    """Return a line of two products whose demand varies."""
    products = [{"name": "plain", "law": POISSON}, {"name": "fancy", "law": LUMPY}]
    return line() | {"products": products, "demand": demand, "vary": [{"parameter": "demand", **row} for row in rows]}


def test_levels_come_law_by_law():
    assert load_scenario(line() | {"vary": []}).demand_levels(0) == ((0, 1.0),)
    assert load_scenario(line()).demand_levels(0) == tuple((0, factor) for factor in FACTORS)
    several = load_scenario(line(laws=[LUMPY, COIN, POISSON]))
    assert several.demand_levels(0) == tuple((law, factor) for law in range(3) for factor in FACTORS)
    assert [law.mean for law in several.demand_laws(0)] == [1.2, 0.4, 1.0]
    assert Simulator(several).varied[0].high == 50
    alone = load_scenario(line(low=0.5, high=0.5, laws=[LUMPY, COIN]))
    assert alone.demand_levels(0) == ((0, 0.5), (1, 0.5))
    assert load_scenario(line(low=0.5, high=0.5)).demand_levels(0) == ((0, 0.5),) * 17


def test_products_have_levels_of_their_own():
    scenario = load_scenario(of_products({"product": "fancy", "low": 1, "high": 1, "laws": [TABLE, COIN]}))
    assert scenario.demand_levels(0) == ((0, 1.0),)
    assert scenario.demand_levels(1) == ((0, 1.0), (1, 1.0))
    simulator = Simulator(scenario, 400, seed=1)
    assert [(one.name, one.low, one.high) for one in simulator.varied] == [("demand[fancy]", 0, 1)]
    simulator.vary([0], lines=range(200))
    simulator.vary([1], lines=range(200, 400))
    demand = np.stack([simulator.step(simulator.default_knobs, 1)["demand"] for _ in range(50)])
    assert set(np.unique(demand[:, :200, 1])) == {0, 1, 3}
    assert set(np.unique(demand[:, 200:, 1])) == {0, 1}
    assert demand[..., 0].max() > 3


def test_tables_hold_every_law_at_every_level_regime_and_season():
    description = line(laws=[POISSON, LUMPY])
    regimes, season = [1, 0.5], [0.5, 1.5, 1]
    description["demand"] |= {"regimes": {"switch": [[0.9, 0.1], [0.2, 0.8]], "rates": regimes}}
    description["demand"] |= {"season": {"rates": season}}
    scenario = load_scenario(description)
    tables = build_tables(scenario)
    rows = tables.demand_law.reshape(2 * 17 * 2 * 3, tables.demand_size[0])
    places = itertools.product(scenario.demand_laws(0), FACTORS, regimes, season)
    for row, (law, level, regime, part) in zip(rows, places, strict=True):
        own = demand_thresholds(law, level * regime * part)
        assert np.array_equal(row[: len(own)], own)
        assert (row[len(own) :] == 2**31 - 1).all()
    share = 2 / 3 + 0.5 / 3
    assert tables.mean_demand == pytest.approx((1 + 1.2) / 2 * 1.25 * share)


def test_a_law_alone_is_the_products_own():
    """With its own law as the only one, a line is what it is without `laws`: tables and trajectories."""
    one, other = (Simulator(description, 50, seed=4) for description in (line(), line(laws=[POISSON])))
    assert np.array_equal(one.tables.demand_law, other.tables.demand_law)
    for _ in range(40):
        ledgers = [simulator.step(simulator.default_knobs, 3).array for simulator in (one, other)]
        assert np.array_equal(*ledgers)
    for name in one.tables.state:
        assert np.array_equal(one.state(name), other.state(name)), name


def test_hashes_of_lines_without_laws_stay_and_laws_change_them():
    """Stored results and agents name these."""
    assert load_scenario("electronics_build_to_order").hash == "5f286a4e58e1"
    assert load_scenario("fashion_retail").hash == "062b9f48db46"
    hashes = {load_scenario(line(**more)).hash for more in ({}, {"laws": [POISSON]}, {"laws": [LUMPY]})}
    assert len(hashes) == 3


def test_laws_survive_yaml(tmp_path):
    scenario = load_scenario(line(low=1, high=1, laws=[POISSON, LUMPY, COIN, TABLE]))
    path = tmp_path / "one.yaml"
    path.write_text(scenario.to_yaml(), encoding="utf-8")
    again = load_scenario(path)
    assert again == scenario
    assert again.hash == scenario.hash


def test_every_level_has_its_mean_and_variance():
    """Within four standard errors, which rest on the fourth moment; 20,000 slots of each of 51 levels, and a table."""
    lines, slots = 40, 500
    laws = [scipy.stats.poisson(1.0 * f) for f in FACTORS]
    laws += [scipy.stats.nbinom(0.5, 0.5 / (0.5 + 1.2 * f)) for f in FACTORS]
    laws += [scipy.stats.bernoulli(0.4 * f) for f in FACTORS]
    check_levels(line(laws=[POISSON, LUMPY, COIN]), laws, lines, slots)
    table = scipy.stats.rv_discrete(values=([0, 1, 2, 3], TABLE["table"]))
    check_levels(line(low=1, high=1, laws=[COIN, TABLE]), [scipy.stats.bernoulli(0.4), table], lines, slots)


def check_levels(description: dict[str, Any], laws: list[Any], lines: int, slots: int) -> None:
    """Compare the demand of every level with a law."""
    simulator = Simulator(description, len(laws) * lines, seed=7)
    assert simulator.varied[0].high == len(laws) - 1
    simulator.vary(np.repeat(np.arange(len(laws)), lines)[:, None])
    demand = np.stack([simulator.step(simulator.default_knobs, 1)["demand"] for _ in range(slots)])
    n = lines * slots
    for level, law in enumerate(laws):
        seen = demand[:, level * lines : (level + 1) * lines]
        mean, variance, _, kurtosis = (float(moment) for moment in law.stats(moments="mvsk"))
        assert abs(seen.mean() - mean) < 4 * np.sqrt(variance / n), level
        assert abs(seen.var(ddof=1) - variance) < 4 * variance * np.sqrt((kurtosis + 2 + 2 / (n - 1)) / n), level


def test_levels_are_drawn_evenly_at_reset():
    level = Simulator(line(low=1, high=1, laws=[POISSON, LUMPY, COIN, TABLE]), 4000, seed=2).state("varied")[:, 0]
    counts = np.bincount(level)
    assert len(counts) == 4
    assert abs(counts - 1000).max() < 4 * np.sqrt(4000 * 0.25 * 0.75)


def test_observations_are_scaled_by_the_mean_over_laws_and_levels():
    simulator = Simulator(line(low=1, high=3, laws=[{"poisson": 2.0}, {"poisson": 6.0}]), 2)
    assert simulator.tables.mean_demand == pytest.approx(8)
    assert (
        simulator.state("demand_smooth").tolist() == [[8 * 256]] * 2 or simulator.state("demand_smooth")[0] == 8 * 256
    )
    entry = next(entry for entry in Observer(simulator).entries if entry.name == "demand_smooth")
    assert entry.scale == pytest.approx(1 / 256 / 8)


def test_the_limit_of_slots_follows_the_largest_law():
    more = {"poisson": 100}
    small, large, other = (
        build_tables(load_scenario(line(law, laws=laws)))
        for law, laws in ((POISSON, None), (POISSON, [POISSON, more]), (more, None))
    )
    assert large.slot_limit < small.slot_limit / 5
    assert large.slot_limit == other.slot_limit


def test_a_shift_of_demand_moves_every_law():
    scenario = shifted(load_scenario(line(laws=[POISSON, LUMPY, COIN, {"bernoulli": 0.5}])), "demand")
    assert [law.mean for law in scenario.demand_laws(0)] == pytest.approx([1.2, 1.44, 0.48, 0.5])


def test_show_tells_the_laws(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text(load_scenario(line(laws=[POISSON, LUMPY])).to_yaml(), encoding="utf-8")
    told = " ".join(run("show", path).output.split())
    assert "demand, 0.5 to 2 times poisson 1.0; negative binomial mean 1.2, dispersion 0.5" in told


BAD = {
    "none": ({"laws": []}, "vary[0].laws must have at least 1 item, got []"),
    "too many": ({"laws": [POISSON] * 17}, "vary[0].laws must have at most 16 items"),
    "not a law": ({"laws": [{"poison": 1}]}, "vary[0].laws[0] has no key 'poison' (did you mean 'poisson'?)"),
    "two in one": ({"laws": [POISSON | COIN]}, "vary[0].laws[0] must give one law"),
    "a trace": ({"laws": [POISSON, {"trace": [1]}]}, "vary[0].laws[1] must be a table or bernoulli"),
    "saturated": ({"laws": ["saturated"]}, "vary[0].laws[0] must be a table or bernoulli"),
    "a table multiplied": ({"laws": [TABLE]}, "vary[0] low and high must be 1 where laws[0] is a table, got 0.5 and 2"),
    "a probability above 1": (
        {"laws": [POISSON, {"bernoulli": 0.6}]},
        "vary[0].laws[1].bernoulli must be <= 1 at its highest rate 2, got 1.2",
    ),
    "too high a mean": (
        {"laws": [{"poisson": 600}]},
        "vary[0].laws[0] must have a mean <= 1000 at its highest rate 2, got 1200",
    ),
    "too wild": (
        {"laws": [{"negative_binomial": {"mean": 400, "dispersion": 0.001}}]},
        "vary[0].laws[0] must keep the demand of a slot within 65,536 units",
    ),
    "of another parameter": (
        {"parameter": "job_slots", "low": 1, "high": 2, "laws": [POISSON]},
        "vary[0].laws is for demand only, not for job_slots",
    ),
}


@pytest.mark.parametrize(("entry", "message"), BAD.values(), ids=BAD)
def test_bad_laws_are_refused(entry, message):
    with pytest.raises(InputError) as raised:
        load_scenario(line(**entry))
    assert str(raised.value).startswith(f"scenario: {message}")
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("law", "got"), [({"trace": [1, 2]}, "a trace"), ("saturated", "saturated demand")], ids=["trace", "saturated"]
)
def test_laws_stand_in_place_of_probabilities(law, got):
    message = f"vary[0].laws must stand in place of a law that is told by its probabilities, got {got}"
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        load_scenario(line(law, laws=[POISSON]))


def test_tables_among_laws_have_no_seasons():
    description = line(low=1, high=1, laws=[POISSON, TABLE])
    description["demand"]["season"] = {"rates": [1, 1]}
    with pytest.raises(InputError, match=r"vary\[0\].laws\[1\] must be bernoulli, poisson or negative_binomial"):
        load_scenario(description)


def test_laws_count_among_the_thresholds():
    """A law of many units takes its room at each level of all laws."""
    wild = {"negative_binomial": {"mean": 300, "dispersion": 0.2}}
    one = build_tables(load_scenario(line(laws=[wild])))
    assert MOST_LAWS / 3 < len(one.demand_law) < MOST_LAWS
    with pytest.raises(InputError, match=r"demand must need at most 2,097,152 thresholds .*, got 2,\d{3},\d{3}"):
        load_scenario(line(laws=[wild, POISSON, COIN]))


def test_a_product_that_a_line_without_products_does_not_name():
    with pytest.raises(InputError, match=r"vary\[0\].product must name products, got 'x'"):
        load_scenario(line(product="x"))
