"""News of the company that students run: what began and ended, and what became of decisions."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from tenures import COMPONENTS, SHORT, begun, decided, let

from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import BACK, PILOT
from jitgym.web.chronicle import Chronicle
from jitgym.web.head_office import HeadOffice
from jitgym.web.news import FILL, Situation, news_of
from jitgym.web.rivals import Offer


@pytest.fixture(scope="module")
def office():
    return HeadOffice([Offer(SHORT)])


@pytest.fixture(scope="module")
def template():
    return Companies(COMPONENTS, 1)


@pytest.fixture
def firm(template):
    companies = template.copy()
    companies.reset(np.array([5], dtype=np.uint64))
    return companies


def told(firm, decisions=None, **trouble):
    """Return the news of a period in which some troubles came to stand as told."""
    before = Situation.of(firm)
    for name, (place, value) in trouble.items():
        getattr(firm.state.trouble, name)[0, place] = value
    chosen = firm.levers.at_rest if decisions is None else decisions
    return [(news.tone, news.text) for news in news_of(firm, before, chosen)]


def test_troubles_are_told_in_words_when_they_come_and_go(firm):
    assert told(firm) == []
    assert told(firm, outage=(0, 3)) == [("bad", "The foundry is down: it delivers nothing.")]
    assert told(firm, outage=(0, 2)) == told(firm, outage=(0, 1)) == []
    assert told(firm, outage=(0, 0)) == [("good", "The foundry delivers again.")]
    assert told(firm, outage=(2, 3))[0] == ("neutral", "The second foundry is down; you have no orders there yet.")
    assert told(firm, outage=(2, 0)) == []  # it delivers nothing to who has not qualified it
    firm.state.waiting[0, 2] = 0
    assert told(firm, outage=(2, 3)) == [("bad", "The second foundry is down: it delivers nothing.")]
    assert told(firm, outage=(2, 0)) == [("good", "The second foundry delivers again.")]
    assert told(firm, shift=(1, 0.85)) == [("neutral", "Demand of housings fell to 0.85 times that of the start.")]
    assert told(firm, shift=(1, 1.1)) == [("neutral", "Demand of housings rose to 1.10 times that of the start.")]
    assert told(firm, escape=(2, 1)) == [("bad", "A bad lot at covers: many more defects than usual.")]
    assert told(firm, escape=(2, 1)) != []  # the last is over, and another begins
    assert told(firm, escape=(2, 0)) == []
    before = Situation.of(firm)
    firm.state.trouble.cut[0] = 13
    firm.state.measures[0, 3, FILL] = 0.5
    news = news_of(firm, before, firm.levers.at_rest)
    assert [one.tone for one in news] == ["pain", "bad"]
    assert news[0].text.startswith("Customers of spares wait: 50\N{NO-BREAK SPACE}% were served from stock")
    assert news[1].text == "Headquarters cut the budget for improvement to 30\N{NO-BREAK SPACE}%."


def test_news_of_a_run_are_those_of_the_luck(template):
    """Whatever is decided: told from what happens, and checked against the draws."""
    firms = [template.copy(), template.copy()]
    heard = []
    for k, companies in enumerate(firms):
        companies.reset(np.array([9], dtype=np.uint64))
        chronicle = Chronicle(companies)
        decisions = companies.levers.at_rest
        decisions[companies.levers.columns["cards"]] = 3 * k
        for _ in range(60):
            chronicle.step(decisions)
        heard.append([[n.text for n in news if n.tone in ("bad", "good", "neutral")] for news in chronicle.news])
    assert heard[0] == heard[1]
    assert sum(map(len, heard[0])) > 3


def test_what_became_of_decisions_is_told(office):
    tenure = begun(office, seed=2)
    kinds = ("changeover", "quality", "maintenance", "training")
    everything = {f"{kind}_{line}": 4 for kind in kinds for line in SHORT.line_names}
    let(tenure, 1, decided(tenure, rollout_shafts=PILOT, alternative_second_foundry=1, **everything))
    texts = {news.text: news.tone for news in tenure.chronicle.news[0]}
    assert texts["Shafts: assembly is under pull."] == "own"
    unpaid = "No money was left to qualify the second foundry: it takes 180,000 at once. "
    assert texts[f"{unpaid}Ask for less elsewhere and save for some periods first."] == "short"
    share = re.search(r"The budget reached for (\d+)\s% of what was to be invested", " ".join(texts))
    asked = 16 * 4 * 1500
    assert int(share[1]) == round(100 * (450_000 / 13 - 5_000) / asked)
    let(tenure, 1, decided(tenure, rollout_shafts=BACK))
    assert "Shafts went back to push at all stages." in [news.text for news in tenure.chronicle.news[1]]


def of_money(tenure):
    """Return the news of money of every period."""
    return [
        [news.text for news in news if news.tone == "short" or "budget" in news.text] for news in tenure.chronicle.news
    ]


def test_a_shortage_that_stays_is_told_once_and_when_it_ends(office):
    tenure = begun(office, seed=2)
    much = {f"training_{line}": 4 for line in SHORT.line_names} | {f"quality_{line}": 4 for line in SHORT.line_names}
    let(tenure, 4, decided(tenure, alternative_second_foundry=1, **much))
    first, *others = of_money(tenure)
    assert [text.partition(" ")[0] for text in first] == ["No", "The"]
    assert others == [[], [], []]
    let(tenure, 1, decided(tenure, alternative_second_foundry=0, **dict.fromkeys(much, 1)))
    assert of_money(tenure)[-1] == ["The budget reaches again for all that is to be invested."]
    let(tenure, 1)
    assert of_money(tenure)[-1] == []
    let(tenure, 5, decided(tenure, **much))
    let(tenure, 4, decided(tenure, **{**much, **{f"changeover_{line}": 4 for line in SHORT.line_names}}))
    later = [text for news in of_money(tenure)[6:] for text in news]
    shares = [int(re.search(r"reached for (\d+)", text)[1]) for text in later]
    assert 1 < len(shares) < 5
    assert all(after < before - 9 for before, after in itertools.pairwise(shares))
