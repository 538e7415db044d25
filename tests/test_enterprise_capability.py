"""Capabilities: the equations by hand, their bounds, half-lives, diminishing returns, and lines left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import CALM, decide, draw, small
from hypothesis import given, settings
from hypothesis import strategies as st

from jitgym.enterprise.capability import Abilities, Growth, starts
from jitgym.enterprise.company import Companies
from jitgym.enterprise.constants import Dynamics, Planning, constants_of
from jitgym.enterprise.description import Enterprise, load_enterprise
from jitgym.enterprise.parts import LINE_CAPABILITIES

PEOPLE = LINE_CAPABILITIES.index("people")
ALL = ("lines", "suppliers", "effort", "discipline", "disruption")


def rate(half_life: float, enterprise: Enterprise) -> float:
    """What a period closes of a gap of which ``half_life`` months close half."""
    return 1 - 0.5 ** (12 / enterprise.periods_per_year / half_life) if half_life else 1.0


def grown(c: float, base: float, money: float, growth: float, half: float, kaizen: float, e: Enterprise) -> float:
    """One capability after a period, from the equations in the module's text."""
    d = e.dynamics
    needed = d.upkeep * (c - base)
    kept = 1.0 if needed <= 0 else min(1.0, money / needed)
    rest = max(0.0, money - needed)
    gained = (1 - c) * (growth * rest / (rest + half) + kaizen)
    return c + gained - rate(d.fading, e) * (1 - kept) * (c - base)


def abilities_of(enterprise: Enterprise, rng: np.random.Generator, n: int) -> Abilities:
    """Abilities of n companies, anywhere above what customary practice holds."""
    found = Abilities.at_start(enterprise, n)
    for array in found.arrays():
        array += (1 - array) * rng.random(array.shape)
    return found


@pytest.mark.parametrize(
    "dynamics", [{}, {"supplier_delay": 0, "upkeep": 0}, {"kaizen": 2, "visible": 0.5, "audit": 0}]
)
def test_a_period_by_hand(dynamics: dict[str, float]) -> None:
    enterprise = load_enterprise(small(dynamics=dynamics))
    d, rng, n = enterprise.dynamics, np.random.default_rng(7), 30
    now = abilities_of(enterprise, rng, n)
    before = now.copied()
    lines, suppliers = rng.choice([0, 10, 50, 400], (n, 2, 4)), rng.choice([0, 10, 50, 400], (n, 2))
    visible, pulled = rng.random((n, 2)) * 0.2, rng.integers(0, 3, (n, 2))
    Growth(enterprise).grow(now, lines.astype(float), suppliers.astype(float), visible, pulled)
    base_lines, base_suppliers = starts(enterprise)
    for i in range(n):
        for line in range(2):
            people, held = before.lines[i, line, PEOPLE], before.discipline[i, line]
            sight = visible[i, line] / (visible[i, line] + d.visible)
            for k in range(4):
                growth, half, kaizen = d.growth, d.half_spend, rate(d.kaizen, enterprise) * people * sight
                if k == PEOPLE:
                    growth, half, kaizen = d.training, d.half_training, 0.0
                want = grown(
                    before.lines[i, line, k], base_lines[line, k], lines[i, line, k], rate(growth, enterprise), half,
                    kaizen, enterprise,
                )  # fmt: skip
                assert now.lines[i, line, k] == pytest.approx(min(1, want), abs=1e-12)
            want = held + rate(d.discipline_growth, enterprise) * people * (1 - held)
            want -= rate(d.discipline_fading, enterprise) * (1 - people) * held
            assert now.discipline[i, line] == pytest.approx(want if pulled[i, line] else 0, abs=1e-12)
            settled = before.disruption[i, line] * 0.5 ** (12 / enterprise.periods_per_year / d.settling)
            assert now.disruption[i, line] == pytest.approx(settled, abs=1e-12)
        for s in range(2):
            c, money = before.suppliers[i, s], suppliers[i, s]
            rest = max(0.0, money - d.upkeep * (c - base_suppliers[s]))
            effort = before.effort[i, s]
            effort += rate(d.supplier_delay, enterprise) * (rest / (rest + d.half_develop) - effort)
            want = grown(
                c, base_suppliers[s], money, 0.0, 1.0, rate(d.supplier_growth, enterprise) * effort, enterprise
            )
            assert now.effort[i, s] == pytest.approx(effort, abs=1e-12)
            assert now.suppliers[i, s] == pytest.approx(min(1, want), abs=1e-12)


def test_a_roll_out_by_hand() -> None:
    enterprise = load_enterprise(small(dynamics={"disruption": 0.4}))
    now = Abilities.at_start(enterprise, 1)
    now.lines[:, :, PEOPLE] = [0.25, 1.0]
    now.discipline[...] = [0.5, 0.5]
    now.disruption[...] = [0.2, 0.2]
    Growth(enterprise).roll_out(now, np.array([[1, 1]]), np.array([[3, 0]]))
    assert now.disruption[0] == pytest.approx([0.2 + 0.8 * 0.4 * 0.75, 0.2])  # the trained are not disrupted
    assert now.discipline[0] == pytest.approx([0.5 + 0.5 / 4, 1.0])  # the share of stages that are new begins well
    before = now.to_bytes()
    Growth(enterprise).roll_out(now, np.array([[0, 0]]), np.array([[0, 2]]))
    assert now.to_bytes() == before


def limits(name: str) -> tuple[float, float]:
    """The least and the most that a description may set a constant to."""
    low, high = 0.0, 1e6
    for rule in Dynamics.model_fields[name].metadata:
        low = getattr(rule, "ge", getattr(rule, "gt", low) + 1e-6 if hasattr(rule, "gt") else low)
        high = getattr(rule, "le", getattr(rule, "lt", high))
    return low, high


def constants() -> st.SearchStrategy[dict[str, float]]:
    """Constants anywhere that descriptions allow, extremes first."""
    each = {}
    for name in Dynamics.model_fields:
        low, high = limits(name)
        each[name] = st.one_of(st.sampled_from([low, high]), st.floats(low, high))
    return st.fixed_dictionaries(each)


@settings(max_examples=150)
@given(
    constants(),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 4, 13, 1000]),
)
def test_abilities_stay_between_0_and_1_whatever_is_decided(
    dynamics: dict[str, float], start: float, supplier: float, luck: int, periods: int
) -> None:
    lines = [{"name": "x", "start": {"changeover": start, "maintenance": 1 - start}}, {"name": "y"}]
    suppliers = [{"name": "mill", "delivers": "mill", "start": supplier}, small()["suppliers"][1]]
    changes: Any = {"dynamics": dynamics, "lines": lines, "suppliers": suppliers, "periods_per_year": periods}
    enterprise = load_enterprise(small(**changes))
    growth, rng = Growth(enterprise), np.random.default_rng(luck)
    now = Abilities.at_start(enterprise, 8)
    base_lines, base_suppliers = starts(enterprise)
    for _ in range(20):
        money = rng.choice([0.0, 1.0, 100.0, 1e9], (8, 2, 5)) * rng.random((8, 2, 5))
        pulled = rng.integers(0, 3, (8, 2))
        growth.roll_out(now, np.minimum(rng.integers(0, 2, (8, 2)), 2 - pulled), pulled)
        growth.grow(now, money[:, :, :4], money[:, 0, :2], rng.choice([0.0, 0.01, 1.0], (8, 2)), pulled)
        for name in ALL:
            level = getattr(now, name)
            assert np.isfinite(level).all(), name
            assert level.min() >= 0, name
            assert level.max() <= 1, name
        assert (now.lines >= base_lines - 1e-9).all(), "nothing fades below what customary practice holds"
        assert (now.suppliers >= base_suppliers - 1e-9).all()


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 1.0]))
def test_abilities_of_companies_stay_between_0_and_1(luck: int, disruption: float) -> None:
    firms = Companies(small(dynamics={"disruption": disruption, "growth": 0.1, "kaizen": 0.1}), 20, seed=luck)
    rng = np.random.default_rng(luck)
    for _ in range(12):
        firms.step(draw(rng, firms.levers, 20))
        for array in firms.state.abilities.arrays():
            assert array.min() >= 0
            assert array.max() <= 1


def test_without_money_abilities_stay_what_they_were_to_the_bit() -> None:
    firms = Companies(small(), 3, seed=5)
    before = firms.state.abilities.to_bytes()
    for _ in range(12):
        firms.step(firms.levers.at_rest)
    assert firms.state.abilities.to_bytes() == before


def test_half_of_a_gain_is_gone_after_the_half_life() -> None:
    enterprise = load_enterprise(small(periods_per_year=12, dynamics={"fading": 18, "settling": 18}))
    growth, now = Growth(enterprise), Abilities.at_start(enterprise, 1)
    base_lines, base_suppliers = starts(enterprise)
    now.lines += 0.4
    now.suppliers += 0.4
    now.disruption += 0.8
    none = np.zeros((1, 2))
    for _ in range(18):
        growth.grow(now, np.zeros((1, 2, 4)), none, none, np.zeros((1, 2), dtype=np.int64))
    assert now.lines[0] - base_lines == pytest.approx(np.full((2, 4), 0.2))
    assert now.suppliers[0] - base_suppliers == pytest.approx(np.full(2, 0.2))
    assert now.disruption[0] == pytest.approx([0.4, 0.4])


def test_unlimited_money_closes_half_of_the_gap_in_the_half_life_and_upkeep_holds_it() -> None:
    enterprise = load_enterprise(small(periods_per_year=12, dynamics={"growth": 9, "training": 6, "upkeep": 200}))
    growth, now = Growth(enterprise), Abilities.at_start(enterprise, 1)
    base, none, rest = starts(enterprise)[0], np.zeros((1, 2)), np.zeros((1, 2), dtype=np.int64)
    for month in range(1, 10):
        growth.grow(now, np.full((1, 2, 4), 1e15), none, none, rest)
        if month == 6:
            assert now.lines[0, :, PEOPLE] == pytest.approx([0.5, 0.5])
    assert now.lines[0, :, :PEOPLE] == pytest.approx((base + (1 - base) / 2)[:, :PEOPLE])
    held = now.lines.copy()
    for _ in range(24):
        growth.grow(now, 200 * (now.lines - base), none, none, rest)
    assert now.lines == pytest.approx(held)


def test_twice_the_money_gains_less_than_twice_as_much_and_late_gains_are_less_than_early_ones() -> None:
    enterprise = load_enterprise(small())
    growth, none, rest = Growth(enterprise), np.zeros((4, 2)), np.zeros((4, 2), dtype=np.int64)
    money = np.array([0, 100, 200, 400], dtype=np.float64)
    now = Abilities.at_start(enterprise, 4)
    start = now.lines.copy()
    growth.grow(now, np.broadcast_to(money[:, None, None], (4, 2, 4)), none, none, rest)
    gain = now.lines - start
    assert (gain[0] == 0).all()
    assert (np.diff(gain, axis=0) > 0).all()
    assert (gain[2] < 2 * gain[1]).all()
    assert (gain[3] < 2 * gain[2]).all()
    assert gain[1, 0, 1] / (1 - start[1, 0, 1]) == pytest.approx(rate(enterprise.dynamics.growth, enterprise) / 2)
    first = gain[3].copy()
    start = now.lines.copy()
    growth.grow(now, np.broadcast_to(money[:, None, None], (4, 2, 4)), none, none, rest)
    assert (now.lines[3] - start[3] < first).all()


def test_kaizen_needs_trained_people_and_problems_in_sight() -> None:
    enterprise = load_enterprise(small())
    none, rest, now = np.zeros((4, 2)), np.zeros((4, 2), dtype=np.int64), Abilities.at_start(enterprise, 4)
    now.lines[2:, :, PEOPLE] = 1.0
    start = now.lines.copy()
    half = enterprise.dynamics.visible
    visible = np.array([[0.0], [half], [0.0], [half]]) * np.ones((4, 2))
    Growth(enterprise).grow(now, np.zeros((4, 2, 4)), none, visible, rest)
    gained = (now.lines - start)[:, :, :PEOPLE]
    assert (gained[:3] == 0).all()
    assert gained[3] / (1 - start[3, :, :PEOPLE]) == pytest.approx(rate(enterprise.dynamics.kaizen, enterprise) / 2)


def test_development_of_a_supplier_comes_late() -> None:
    firms = Companies(small(shocks=CALM, dynamics={"supplier_delay": 12}), 1, seed=1)
    mill = firms.state.abilities.suppliers[:, 0].copy()
    gains = []
    for decision in [decide(firms, develop=3)] * 2 + [firms.levers.at_rest] * 2:
        firms.step(decision)
        gains.append(float(firms.state.abilities.suppliers[0, 0] - mill[0]))
        mill = firms.state.abilities.suppliers[:, 0].copy()
    assert 0 < gains[0] < gains[1], "the money is not all at work at once"
    assert firms.state.abilities.effort[0, 0] > 0, "what was begun goes on when the money ends"
    assert firms.state.abilities.effort[0, 1] == 0, "the alternative supplier is not developed"


def test_every_constant_lies_in_its_range_and_names_its_source() -> None:
    found = [*constants_of(Dynamics), *constants_of(Planning)]
    assert len(found) == len(Dynamics.model_fields) + len(Planning.model_fields) - 1  # `review` is a convention
    for constant in found:
        assert constant.low <= constant.value <= constant.high, constant.name
        assert constant.source, constant.name
        assert constant.meaning.endswith("."), constant.name
