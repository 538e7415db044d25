"""The integer tables: probabilities as thresholds, laws as tables, knobs and places as columns."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from jitgym.fields import OFF
from jitgym.laws import count_thresholds, threshold
from jitgym.scenario import load_scenario
from jitgym.tables import BIG, COUNTS, SATURATED, TRACE, build_tables

RESOLUTION = 2.0**-31
KANBAN = {"knob": "kanban", "high": 9, "default": 3}


def tables_of(stage=None, law=None, control=(KANBAN,), **more):
    """Return the tables of a line of one stage."""
    stages = [{"name": "only", **(stage or {})}]
    return build_tables(
        load_scenario(
            {"name": "t", "stages": stages, "demand": {"law": law or "saturated"}, "control": list(control), **more}
        )
    )


def chance(thresholds):
    """Return the probability that a uniform in [0, 2**31) is at most a threshold."""
    return (np.asarray(thresholds, dtype=float) + 1) / 2**31


def pmf(thresholds):
    """Return the distribution of the number of thresholds that a uniform is above."""
    return np.diff([0.0, *chance(thresholds), 1.0])


@given(st.floats(0, 1))
@example(0.0)
@example(1.0)
@example(5e-324)
def test_threshold_has_its_probability(p):
    assert abs(chance(threshold(p)) - p) <= RESOLUTION / 2
    assert -1 <= threshold(p) <= 2**31 - 1


def test_never_and_always_are_exact():
    """The least uniform is 0, the greatest 2**31 - 1, and an event happens if the uniform is not above."""
    assert threshold(0.0) < 0
    assert threshold(1.0) >= 2**31 - 1


LAWS = [
    ({"bernoulli": 0.3}, stats.bernoulli(0.3)),
    ({"bernoulli": 0.0}, stats.bernoulli(0.0)),
    ({"bernoulli": 1.0}, stats.bernoulli(1.0)),
    ({"poisson": 0.01}, stats.poisson(0.01)),
    ({"poisson": 5}, stats.poisson(5)),
    ({"poisson": 300}, stats.poisson(300)),
    ({"negative_binomial": {"mean": 5, "dispersion": 2}}, stats.nbinom(2, 2 / 7)),
    ({"negative_binomial": {"mean": 0.2, "dispersion": 0.3}}, stats.nbinom(0.3, 0.6)),
    ({"table": [0, 0.25, 0, 0.75]}, stats.rv_discrete(values=([1, 3], [0.25, 0.75]))),
    ({"table": [0.1] * 10}, stats.randint(0, 10)),
    ({"table": [1.0]}, stats.bernoulli(0.0)),
]


@pytest.mark.parametrize(("law", "exact"), LAWS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_demand_has_its_distribution(law, exact):
    tables = tables_of(law=law)
    probabilities = pmf(tables.demand_law)
    counts = np.arange(len(probabilities))
    assert tables.demand_kind.tolist() == [COUNTS]
    assert np.abs(probabilities - exact.pmf(counts)).max() <= RESOLUTION
    assert exact.sf(counts[-1]) <= RESOLUTION
    assert tables.mean_demand == pytest.approx(exact.mean())
    assert tables.initial[tables.state["demand_smooth"]] == round(256 * exact.mean())


def test_certain_counts_need_no_table():
    assert len(count_thresholds([1.0, 1.0])) == 0
    assert count_thresholds([0.0, 1.0]).tolist() == [-1]


def test_demand_that_is_no_distribution():
    trace = tables_of(law={"trace": [3, 0, 2]})
    assert (trace.demand_kind.tolist(), trace.demand_law.tolist()) == ([TRACE], [3, 0, 2])
    assert trace.mean_demand == pytest.approx(5 / 3)
    assert tables_of(law="saturated").demand_kind.tolist() == [SATURATED]


@pytest.mark.parametrize(("scale", "shape"), [(20, 3), (7.5, 1), (3, 0.7), (50, 6)])
def test_weibull_hazard_is_that_of_its_survival(scale, shape):
    """Hazard at age k is 1 - S(k + 1) / S(k) with S(k) = exp(-(k / scale) ** shape), here in fifty digits."""
    law = {"weibull": {"scale": scale, "shape": shape}}
    hazard = chance(tables_of({"failure": {"law": law, "repair": 1}}).hazard)
    with localcontext() as context:
        context.prec = 50
        survival = [(-((Decimal(k) / Decimal(scale)) ** Decimal(shape))).exp() for k in range(len(hazard) + 1)]
        exact = [float(1 - after / before) for before, after in pairwise(survival)]
    assert np.abs(hazard - exact).max() <= RESOLUTION
    assert survival[-1] <= RESOLUTION
    assert survival[-2] > RESOLUTION  # no level more than needed


def test_hazards_lie_end_to_end():
    stages = [
        {"name": "a", "failure": {"law": {"table": [0.0, 0.5, 1.0]}, "repair": 1}},
        {"name": "b"},
        {"name": "c", "failure": {"law": {"weibull": {"scale": 9, "shape": 2, "levels": 4}}, "repair": 1}},
        {"name": "d", "failure": {"law": {"geometric": 0.25}, "repair": 1}},
    ]
    tables = tables_of(stages=stages)
    assert tables.levels.tolist() == [3, 1, 4, 1]
    assert tables.hazard_start.tolist() == [0, 3, 4, 8]
    assert chance(tables.hazard)[[0, 1, 2, 3, 8]].tolist() == [0.0, 0.5, 1.0, 0.0, 0.25]
    assert tables.fails.tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("sd", [0.3, 1.0, 2.5])
def test_reading_error_is_a_rounded_normal(sd):
    tables = tables_of({"monitoring": {"noise": sd}})
    radius = int(tables.noise_radius[0])
    probabilities = pmf(tables.noise)
    assert len(probabilities) == 2 * radius + 1
    edges = stats.norm.cdf((np.arange(-radius, radius) + 0.5) / sd)
    exact = np.diff([0.0, *edges, 1.0])
    assert np.abs(probabilities - exact).max() <= RESOLUTION
    assert np.abs(probabilities - probabilities[::-1]).max() <= 2 * RESOLUTION
    assert stats.norm.sf(radius + 0.5, scale=sd) < 1e-4  # what the ends take over


@pytest.mark.parametrize(
    ("process", "slots", "finish"),
    [(3, 3, 1.0), ({"geometric": 4}, 1, 0.25), ({"geometric": 1}, 1, 1.0), ({"slots": 2, "finish": 0.5}, 2, 0.5)],
)
def test_durations(process, slots, finish):
    tables = tables_of({"process": process})
    rows = [tables.parameters[tables.parameter.start(name)] for name in ("job_slots", "job_finish")]
    assert (rows[0], chance(rows[1])) == (slots, finish)


def test_top_of_the_maintenance_level_means_never():
    control = {"knob": "pm_level", "low": 2, "high": 12, "default": 12}
    (knob,) = tables_of({"maintenance": {"duration": 1}}, control=[control]).knobs
    assert (knob.low, knob.high, knob.off, knob.default) == (2, 11, True, OFF)
    assert knob.choices == 11


def test_knobs_know_their_place_and_loops_their_end():
    stages = [{"name": name} for name in "abc"]
    control = [
        {"knob": "loop", "at": ["a", "c"], "high": 9, "default": 5},
        {"knob": "loop", "at": "b", "end": "b", "high": 9, "default": 5},
        {"knob": "kanban", "at": "b", "high": 7, "default": "off", "off": True},
    ]
    tables = tables_of(stages=stages, control=control)
    assert [knob.name for knob in tables.knobs] == ["loop[a]", "loop[c]", "loop[b]", "kanban[b]"]
    assert tables.loop_start.tolist() == [0, 1, 2, 3]
    assert tables.loop.tolist() == [0, 2, 1]
    assert tables.loop_end.tolist() == [2, 1, 2]
    assert tables.kanban.tolist() == [-1, 3, -1]
    assert tables.basestock.tolist() == [-1, -1, -1]
    assert (tables.knobs[3].default, tables.knobs[3].choices, tables.knobs[0].choices) == (OFF, 9, 10)


def test_items_are_grouped_by_stage_and_suppliers_have_a_ring_each():
    tables = tables_of(
        stages=[{"name": "a"}, {"name": "b"}],
        items=[{"name": "x", "stage": "b"}, {"name": "y", "stage": "a"}, {"name": "z", "stage": "b"}],
        suppliers=[{"name": item, "item": item, "lead_time": lead} for item, lead in (("z", 3), ("y", 0), ("x", 2))],
    )
    assert tables.item_start.tolist() == [0, 1, 3]
    assert tables.item_order.tolist() == [1, 0, 2]
    assert tables.item_stage.tolist() == [1, 0, 1]
    assert tables.supplier_item.tolist() == [2, 1, 0]
    assert (tables.ring_start - tables.state.start("pipeline")).tolist() == [0, 3, 3]
    assert tables.state["pipeline"].stop - tables.state["pipeline"].start == 5


def test_what_is_not_given_has_no_bound():
    tables = tables_of({"batch": 4})
    assert (tables.room[0], tables.batch[0], tables.backlog_limit) == (BIG, 4, BIG)
    shortages = [tables_of(demand={"law": "saturated", "shortage": s}).backlog_limit for s in ("lost", {"limit": 7})]
    assert shortages == [0, 7]
