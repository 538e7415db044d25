"""How a student's years with the company ended: the verdict, and the buffer trap."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from tenures import COMPONENTS

from jitgym.enterprise.capability import kaizen_pace
from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import HOLD, NEXT, PILOT
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import months_to_payback
from jitgym.web.chronicle import Chronicle
from jitgym.web.news import percent
from jitgym.web.trap import _put_back, buffer_trap
from jitgym.web.verdict import Contender, entries, verdict


@pytest.fixture(scope="module")
def template():
    return Companies(COMPONENTS, 1)


@pytest.fixture(scope="module")
def ended(template):
    """Two who went to the end: one who put cards back on a line under pull, and never."""
    mine, never = template.copy(), template.copy()
    chronicles = []
    for companies in (mine, never):
        companies.reset(np.array([1], dtype=np.uint64))
        chronicles.append(Chronicle(companies))
    levers = mine.levers
    decisions = levers.at_rest
    for name, value in {"training": 4, "maintenance": 2, "cards": 1}.items():
        for line in ("shafts", "spares"):
            decisions[levers.column(f"{name}[{line}]")] = value
    for period in range(130):
        order = PILOT if period == 20 else NEXT if 20 < period < 24 else HOLD
        decisions[levers.column("rollout[shafts]")] = decisions[levers.column("rollout[spares]")] = order
        if period == 80:
            decisions[levers.column("cards[shafts]")] = 10
        chronicles[0].step(decisions)
        chronicles[1].step(levers.at_rest)
    return [Contender.of(name, years, 130) for name, years in zip(("you", "never"), chronicles, strict=True)]


def test_the_entries_add_up_to_the_economic_profit(ended):
    for one in ended:
        assert sum(entries(one.run, COMPONENTS).values()) == pytest.approx(one.results["economic_profit"], rel=1e-9)
        assert entries(one.run, COMPONENTS)["improvement"] == pytest.approx(-one.results["investment"])


def test_the_sentences_say_what_the_figures_say(ended):
    you, never = ended
    found = verdict(ended, you.chronicle.companies)
    said = {sentence["about"]: sentence["text"] for sentence in found["sentences"]}
    best = max(ended, key=lambda one: one.results["economic_profit"])
    assert said["Who won"].startswith(f"{best.name.capitalize()} ")
    assert f"your lines held {percent(you.stock)}" in said["Stock"]
    assert f"never {percent(never.stock)}" in said["Stock"]
    assert you.stock == pytest.approx(you.run.inventory[0, -13:].mean() / you.chronicle.stock)
    months = float(months_to_payback(you.run, never.run, 13)[0])
    assert (f"after {months:.0f} months" in said["Payback"]) == np.isfinite(months)
    assert "You put spares under pull, though its demand does not suit" in said["Your lines"]
    assert [row["values"][0] for row in found["results"] if row["name"] == "turns"] == [
        pytest.approx(you.results["turns"], abs=1e-5)
    ]


def test_who_does_the_same_comes_to_the_same(ended):
    never = ended[1]
    twin = Contender.of("you", never.chronicle, 130)
    said = {one["about"]: one["text"] for one in verdict([twin, never], never.chronicle.companies)["sentences"]}
    assert "came to the same" in said["Who won"]
    assert said["Why"] == "You did what never did, and nothing differs."
    found = verdict([twin, never], never.chronicle.companies)
    assert (found["payback"], found["payback_same"]) == ([None, None], [True, False])
    assert "Payback" not in said


def test_what_economic_profit_is_made_of_is_told_with_its_sum(ended):
    *parts, total = verdict(ended, ended[0].chronicle.companies)["bridge"]
    assert [row["name"] for row in parts] == ["margin", "operating", "improvement", "capital", "overhead"]
    for k, one in enumerate(ended):
        assert total["values"][k] == round(one.results["economic_profit"])
        assert sum(row["values"][k] for row in parts) == pytest.approx(total["values"][k], abs=3)


def test_the_buffer_trap_is_where_cards_were_put_back(ended):
    you, never = ended
    trap = buffer_trap(you.run, you.chronicle.people, COMPONENTS)
    (occasion,) = trap["occasions"]
    assert (occasion["line"], occasion["period"], occasion["more"]) == ("shafts", 80, 36)
    assert occasion["text"].startswith("Year 7, period 3: you put 36 cards of each product back at shafts.")
    visible = you.run.measure("visible")[0, :, 0]
    assert occasion["visible"] == pytest.approx([visible[67:80].mean(), visible[80:93].mean()])
    assert (occasion["back"], occasion["against"]) == (True, None)
    assert "Luck changed too" in occasion["text"]
    assert buffer_trap(never.run, never.chronicle.people, COMPONENTS)["occasions"] == []
    assert buffer_trap(you.run, you.chronicle.people, COMPONENTS, since=81)["occasions"] == []
    json.dumps(trap)  # a page is sent it


def test_the_buffer_trap_is_held_against_who_kept_the_cards_under_the_same_luck(ended):
    you, never = ended
    cards = you.run.cards.copy()
    cards[0, 80:, 0] = 1
    lean = dataclasses.replace(you.run, cards=cards)
    leaner = dataclasses.replace(lean, cards=np.zeros_like(cards))
    others = {"never": never.run, "leaner": leaner, "lean": lean}
    (occasion,) = buffer_trap(you.run, you.chronicle.people, COMPONENTS, others)["occasions"]
    assert occasion["against"] == "lean", "as many stages under pull, and of fewer cards the most"
    assert occasion["visible"][0] == occasion["visible"][1]
    assert "with lean, who had fewer cards and the same luck" in occasion["text"]


def test_cards_that_had_never_been_taken_out_are_not_put_back():
    stage = np.ones(40, dtype=int)
    cards = np.full(40, 8)
    cards[10:] = 10
    assert _put_back(cards, stage, 8) == [(10, False)]
    cards[5:8], cards[20:25], cards[25:] = 8, 4, 9
    assert _put_back(cards, stage, 8) == [(10, False), (25, True)]
    assert _put_back(cards, np.zeros(40, dtype=int), 8) == []


def test_the_pace_of_kaizen_is_that_of_the_company(template):
    """Without money and at the start nothing fades: what a period gains is kaizen alone."""
    companies = template.copy()
    companies.reset(np.array([3], dtype=np.uint64))
    companies.state.abilities.lines[:, :, 3] = 0.6
    before = companies.state.abilities.lines[0].copy()
    period = companies.step(companies.levers.at_rest)
    visible = period.measures[0, :, list(MEASURES).index("visible")]
    pace = kaizen_pace(COMPONENTS, before[:, 3], visible)
    gained = (companies.state.abilities.lines[0, :, :3] - before[:, :3]) / (1 - before[:, :3])
    assert (pace > 0).all()
    np.testing.assert_allclose(gained, np.tile(pace[:, None], 3), rtol=1e-9)
