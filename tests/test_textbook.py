"""Textbook values against worked examples and exact optima."""

from __future__ import annotations

import math

import pytest

from jitgym.scenario import load_scenario
from jitgym.textbook import Textbook, economic_lot

STAGE = {"name": "press", "failure": {"law": {"weibull": {"scale": 20, "shape": 3}}, "repair": 5}}


def textbook(stages, **more):
    control = [{"knob": "kanban", "high": 50, "default": 3}]
    return Textbook.of(
        load_scenario(
            {"name": "a", "stages": stages, "demand": {"law": {"bernoulli": 0.5}}, "control": control, **more}
        )
    )


def test_age_replacement_is_that_of_renewal_theory():
    """Of the published line: maintain at 10 (Barlow & Proschan); with equal cost of repair and maintenance, never."""
    assert Textbook.of(load_scenario("age_replacement")).pm_level(0) == 10
    same = load_scenario("age_replacement").model_dump()
    same["stages"][0]["maintenance"]["duration"] = {"slots": 5}
    book = Textbook.of(load_scenario(same))
    assert book.pm_level(0) == book.tables.levels[0]


def test_life_of_a_machine_that_wears():
    book = textbook([STAGE])
    survival = [math.exp(-((k / 20) ** 3)) for k in range(60)]
    for level in (1, 7, 10, 30):
        life, reach = book.life(0, level)
        assert life == pytest.approx(sum(survival[:level]), abs=1e-6)
        assert reach == pytest.approx(survival[level], abs=1e-6)


def test_life_of_a_machine_that_wears_by_chance():
    """Two levels, grown with probability g; hazards p and q: first-step analysis."""
    p, q, g = 0.05, 0.3, 0.2
    failure = {"law": {"table": [p, q]}, "wear": g, "repair": 5}
    book = textbook([{"name": "press", "failure": failure}])
    stay = (1 - p) * (1 - g)
    life, reach = book.life(0, 2)
    grown = (1 - p) * g / (1 - stay)
    assert life == pytest.approx(1 / (1 - stay) + grown / q, rel=1e-6)
    assert reach == 0  # there is no level beyond the last
    assert book.life(0, 1) == pytest.approx((1 / (1 - stay), grown), rel=1e-6)


def test_a_machine_that_cannot_fail_lives_for_ever():
    book = textbook([{"name": "press", "failure": {"law": {"geometric": 0}, "repair": 5}}])
    assert book.life(0, 1)[0] == math.inf
    assert book.cards(0) == math.ceil(0.5 * 2 * 1.5)


def test_harris_lot():
    """Nahmias, Production and Operations Analysis: K = 12, demand 3120, h = .005: sqrt(2 x 12 x 3120 / .005) = 3870."""
    assert economic_lot(12, 3120, 0.005, least=1) == 3870
    assert economic_lot(0, 3120, 0.005, least=7) == 7


def test_the_drum_is_the_stage_with_most_work():
    assert Textbook.of(load_scenario("contest_line")).drum == 2
    slow = {"name": "slow", "process": 4, "batch": 4}
    assert textbook([{"name": "a"}, slow, {"name": "b", "process": 2}]).drum == 2
    assert textbook([{"name": "a"}, {"name": "b"}]).drum == 0


def test_cards_between():
    book = Textbook.of(load_scenario("four_stage"))
    assert [book.cards_between(0, i) for i in range(4)] == [3, 6, 9, 12]
    assert book.cards_to_the_end(2) == 6
