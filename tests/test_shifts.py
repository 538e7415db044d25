"""Hold-out shifts: what they change, by how much, and that the rest of the line stays."""

from __future__ import annotations

import numpy as np
import pytest

from jitgym.errors import InputError
from jitgym.files import scenario_files
from jitgym.laws import hazard_thresholds
from jitgym.scenario import load_scenario
from jitgym.shifts import SHIFTS, shifted
from jitgym.simulator import Simulator
from jitgym.tables import build_tables


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("name", sorted(scenario_files()))
def test_every_scenario_can_be_shifted_and_keeps_its_layout(name, shift):
    scenario = load_scenario(name)
    other = shifted(scenario, shift)
    if other is None:
        return
    named = scenario.model_dump(mode="json", exclude_none=True) | {"name": other.name}
    assert other.hash != load_scenario(named).hash  # more has changed than the name
    assert build_tables(other).knobs == build_tables(scenario).knobs
    Simulator(other, 2).step(Simulator(other).default_knobs, 50)


@pytest.mark.parametrize("name", ["four_stage", "bearing_line", "fashion_retail", "automotive_assembly", "lost_sales"])
def test_demand_grows_by_a_fifth(name):
    scenario = load_scenario(name)
    before, after = build_tables(scenario).mean_demands, build_tables(shifted(scenario, "demand")).mean_demands
    assert np.array(after) == pytest.approx(1.2 * np.array(before), rel=1e-3)


@pytest.mark.parametrize("table", [[0.5, 0.3, 0.2], [0.0] * 7 + [0.5, 0.5]])
def test_a_table_of_demand_grows_by_a_fifth(table):
    description = load_scenario("four_stage").model_dump()
    description["demand"]["law"] = {"table": table}
    scenario = load_scenario(description)
    assert shifted(scenario, "demand").demand.law.mean == pytest.approx(1.2 * scenario.demand.law.mean)


def test_one_unit_in_every_slot_cannot_be_more():
    assert shifted(load_scenario("teach_breakdown"), "demand") is None
    season = load_scenario("teach_season")
    before, after = build_tables(season).mean_demands, build_tables(shifted(season, "demand")).mean_demands
    assert np.array(after) / np.array(before) == pytest.approx(10 / 9, rel=1e-3)


def test_hazards_double():
    description = load_scenario("contest_line").model_dump()
    for before, after in zip(
        load_scenario(description).stages, shifted(load_scenario(description), "breakdowns").stages, strict=True
    ):
        if before.failure is None:
            assert after.failure is None
            continue
        one, other = (np.array(hazard_thresholds(s.failure.law)) + 1.0 for s in (before, after))
        n = min(len(one), len(other))
        hazard = one[:n] / 2**31
        weibull = before.failure.law.weibull is not None
        doubled = 1 - (1 - hazard) ** 2 if weibull else 2 * hazard  # twice the rate, or twice the chance
        assert other[:n] / 2**31 == pytest.approx(doubled, abs=1e-8)


def test_lateness_doubles():
    scenario = load_scenario("bearing_line")
    after = shifted(scenario, "lateness")
    assert [s.on_time for s in after.suppliers] == pytest.approx([0.8, 0.8])
    assert [s.catch_up for s in after.suppliers] == pytest.approx([0.25, 0.125])
    assert shifted(load_scenario("four_stage"), "lateness") is None  # always on time


def test_lateness_that_varies_doubles_too():
    (varied,) = shifted(load_scenario("electronics_build_to_order"), "lateness").vary
    assert (varied.parameter, varied.low, varied.high) == ("on_time", pytest.approx(0.2), pytest.approx(0.9))


def test_a_new_regime_only_where_there_was_none():
    assert shifted(load_scenario("electronics_build_to_order"), "regime") is None
    assert shifted(load_scenario("bearing_line"), "regime") is None  # a trace has no rate
    assert build_tables(shifted(load_scenario("four_stage"), "regime")).n_regimes == 2


def test_an_unknown_shift():
    with pytest.raises(InputError, match="shift must be of demand, lateness, breakdowns, regime, got 'demnd'"):
        shifted(load_scenario("four_stage"), "demnd")
