"""The company that students run: tenures, rivals, news, verdicts, and what the server says of them."""

from __future__ import annotations

import copy
import csv
import dataclasses
import io
import itertools
import json
import re
import threading
import time

import numpy as np
import pytest
from commands import run as command
from enterprises import LINE, SMALL, small
from test_web_server import ask, serving

from jitgym.enterprise.capability import kaizen_pace
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.levers import BACK, HOLD, NEXT, PILOT
from jitgym.enterprise.managers import manager
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import months_to_payback, results, run
from jitgym.errors import InputError
from jitgym.web.case import load_case
from jitgym.web.chronicle import Chronicle
from jitgym.web.head_office import HeadOffice
from jitgym.web.news import FILL, Situation, news_of, percent
from jitgym.web.rivals import Offer, Race
from jitgym.web.server import TeachingServer
from jitgym.web.trap import _put_back, buffer_trap
from jitgym.web.verdict import Contender, entries, verdict

COMPONENTS = load_enterprise("components")
SHORT = COMPONENTS.model_copy(update={"horizon": 20})


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


def begun(office, **wanted):
    return office.begin({"company": "components", **wanted})


def column(tenure, name):
    return tenure.chronicle.companies.levers.column(name)


def decided(tenure, **values):
    """Return the decisions as they stand with some levers set, ``rollout_shafts=1``."""
    decisions = tenure.desired.tolist()
    for name, value in values.items():
        kind, _, who = name.partition("_")
        decisions[column(tenure, f"{kind}[{who}]")] = value
    return decisions


def let(tenure, periods, decisions=None, **more):
    wanted = tenure.desired.tolist() if decisions is None else decisions
    tenure.command({"do": "run", "periods": periods, "decisions": wanted, **more})


def settled(tenure):
    """Return what is shown once the rivals are as far."""
    for _ in range(400):
        shown = tenure.shown()
        if not shown["late"]:
            return shown
        time.sleep(0.02)
    raise AssertionError("the rivals are late")


# -- tenures --


def test_a_tenure_runs_the_company_that_a_policy_would(office):
    """Doing nothing by hand is `never` with its usual cards, to the coin, under the same luck."""
    tenure = begun(office, seed=11)
    let(tenure, 20)
    companies = Companies(SHORT, 1)
    done = run(companies, manager(companies, "never"), np.array([11], dtype=np.uint64))
    assert [row["profit"] for row in tenure.chronicle.shown] == np.rint(done.economic_profit[0]).tolist()
    found = Contender.of("you", tenure.chronicle, 20).results
    assert found == pytest.approx({key: value[0] for key, value in results(done, SHORT).items()}, nan_ok=True)
    rivals = {rival["name"]: rival["rows"] for rival in settled(tenure)["rivals"]}
    assert [row["profit"] for row in rivals["never"]] == [row["profit"] for row in tenure.chronicle.shown]
    assert rivals["phased"][-1]["profit"] != rivals["never"][-1]["profit"]


def test_decisions_stay_and_orders_to_roll_out_count_once(office):
    tenure = begun(office)
    let(tenure, 4, decided(tenure, rollout_shafts=PILOT, training_covers=2))
    assert [row["stage"] for row in tenure.chronicle.shown] == [[1, 0, 0, 0]] * 4
    assert tenure.desired[column(tenure, "training[covers]")] == 2
    assert tenure.desired[column(tenure, "rollout[shafts]")] == HOLD
    assert [decisions[column(tenure, "training[covers]")] for decisions in tenure.chronicle.decisions] == [2] * 4


def test_a_reload_finds_what_was_decided_but_not_yet_done(office):
    tenure = begun(office)
    tenure.command({"do": "decide", "decisions": decided(tenure, cards_spares=3)})
    again = office.tenure(tenure.key).shown()
    assert again["period"] == 0
    assert again["desired"][column(tenure, "cards[spares]")] == 3


def test_deliveries_are_held_against_the_mean_of_the_periods_before(office):
    tenure = begun(office, seed=4)
    let(tenure, 12)
    weight = SHORT.planning.smoothing
    start, *rows = [tenure.chronicle.start, *tenure.chronicle.shown]
    mean = np.array(start["on_time"]) - start["on_time_change"]
    last = np.array(start["on_time"])
    for row in rows:
        mean += weight * (last - mean)
        last = np.array(row["on_time"])
        np.testing.assert_allclose(row["on_time_change"], last - mean, atol=5e-4)
    assert np.abs(rows[-1]["on_time_change"]).max() > 0.01


def test_it_ends_at_its_end_and_only_then_tells_the_truth(office):
    tenure = begun(office)
    let(tenure, 19)
    early = settled(tenure)
    assert early["verdict"] is None
    assert "capability" not in str(early["rows"])
    let(tenure, 500)
    late = settled(tenure)
    assert (late["period"], len(late["rows"])) == (20, 20)
    assert late["verdict"]["names"] == ["you", "never", "technique", "phased"]
    assert len(late["verdict"]["truth"]["phased"]["capability"]) == 20


def test_of_rivals_no_more_is_shown_than_has_passed(office):
    tenure = begun(office)
    let(tenure, 20)
    settled(tenure)  # the rivals of this luck have gone to the end
    another = begun(office)
    let(another, 3)
    assert [len(rival["rows"]) for rival in settled(another)["rivals"]] == [3, 3, 3]
    assert another.rivals[0] is tenure.rivals[0]  # run once for a class


def test_only_what_is_new_is_sent(office):
    tenure = begun(office)
    let(tenure, 5)
    assert len(tenure.shown(3, tenure.tries)["rows"]) == 2
    assert len(tenure.shown(3, tenure.tries + 1)["rows"]) == 5
    assert len(tenure.shown(99, tenure.tries)["rows"]) == 0


def test_again_under_the_same_luck_keeps_the_last_try(office):
    tenure = begun(office, seed=3)
    let(tenure, 8)
    first = [row["profit"] for row in tenure.chronicle.shown]
    tenure.command({"do": "again"})
    shown = tenure.shown()
    assert (shown["period"], shown["tries"], shown["seed"]) == (0, 2, "3")
    assert [row["profit"] for row in shown["earlier"]] == first
    let(tenure, 8, tenure.chronicle.companies.levers.at_rest.tolist())
    assert [row["profit"] for row in tenure.chronicle.shown] == first
    tenure.command({"do": "again", "seed": 4})
    assert tenure.shown()["earlier"] is None
    assert tenure.seed == 4


def test_going_back_is_to_where_it_was(office):
    tenure = begun(office)
    let(tenure, 4, decided(tenure, rollout_covers=PILOT, quality_covers=3))
    kept = tenure.chronicle.companies.snapshot()
    let(tenure, 6, decided(tenure, rollout_covers=NEXT))
    other = [row["profit"] for row in tenure.chronicle.shown]
    tenure.command({"do": "back", "period": 4})
    assert tenure.chronicle.companies.snapshot() == kept
    assert tenure.desired[column(tenure, "rollout[covers]")] == NEXT  # what was decided there
    assert [row["profit"] for row in tenure.shown()["earlier"]] == other
    let(tenure, 6)
    assert [row["profit"] for row in tenure.chronicle.shown] == other


def test_it_stops_at_bad_luck(office):
    tenure = begun(office, seed=0)
    let(tenure, 20, stop=True)
    assert 0 < tenure.period < 20
    assert any(news.tone == "bad" for news in tenure.chronicle.news[-1])
    assert not any(news.tone == "bad" for period in tenure.chronicle.news[:-1] for news in period)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"do": "run", "periods": 0, "decisions": []}, "periods must be >= 1, got 0"),
        ({"do": "run", "periods": 1, "decisions": [1, "x"]}, "decisions[1] must be a valid integer, got 'x'"),
        ({"do": "run", "periods": 1, "decisions": [1, 2]}, "decisions must be integers of shape (27,)"),
        ({"do": "run", "periods": 1, "decisions": [99] * 27}, "develop[foundry] must be in 0..4, got 99"),
        ({"do": "decide", "decisions": [1 << 70] * 27}, "decisions must be of their ranges"),
        ({"do": "back", "period": 7}, "period must be one that you have played, got 7: you have not played any yet"),
        ({"do": "fly"}, "do must be of 'run', 'decide', 'again', 'back', 'name', got 'fly'"),
        ({"periods": 1}, "do must be of 'run', 'decide', 'again', 'back', 'name', got None"),
        ({"do": "name", "name": "x" * 41}, "name must have at most 40 characters, got 'xxxx"),
        ({"do": "again", "luck": 4}, "luck must not be given, got 4"),
        ([], "it must be a mapping of keys, got []"),
    ],
)
def test_commands_that_are_none_change_nothing(office, sent, message):
    tenure = begun(office)
    before = tenure.chronicle.companies.snapshot()
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        tenure.command(sent)
    assert tenure.chronicle.companies.snapshot() == before
    assert tenure.period == 0


def test_several_students_do_not_disturb_each_other(office):
    ann, ben = begun(office, player="Ann"), begun(office, player="Ben")
    threads = [
        threading.Thread(target=let, args=(one, 15, decided(one, cards_shafts=cards)))
        for one, cards in ((ann, 0), (ben, 10))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = begun(office)
    let(alone, 15, decided(alone, cards_shafts=0))
    assert ann.chronicle.companies.snapshot() == alone.chronicle.companies.snapshot()
    assert ben.chronicle.companies.snapshot() != alone.chronicle.companies.snapshot()
    board = {row["player"]: row for row in office.board() if row["player"]}
    assert board["Ann"]["period"] == 15
    assert board["Ann"]["stock"] < board["Ben"]["stock"]
    rivals = {one["name"]: sum(row["profit"] for row in one["rows"]) / 15 * 13 for one in settled(ann)["rivals"]}
    best = {row["player"]: row["best"] for row in office.board()}["Ann"]
    assert best == {"name": max(rivals, key=rivals.get), "profit": pytest.approx(max(rivals.values()))}
    games = [
        [row["profit"] for row in own]
        for _, own in itertools.groupby(office.board(), lambda row: (row["title"], row["seed"]))
    ]
    assert all(own == sorted(own, reverse=True) for own in games)
    assert len(games) == len({(row["title"], row["seed"]) for row in office.board()}), "the same game stands together"


def test_a_student_who_took_over_is_judged_by_their_own_years(office):
    """Task three: what the predecessor did in four years is neither on the board nor in the verdict."""
    place, part = next((n, part) for n, part in enumerate(load_case().parts) if part.taken_over)
    tenure = office.begin({"part": place})
    let(tenure, part.periods, decided(tenure))
    shown, since = settled(tenure), part.taken_over.periods
    row = next(one for one in office.board() if one["title"] == tenure.title)
    own = tenure.chronicle.outline(part.periods)[since:]
    assert row["profit"] == pytest.approx(sum(one["profit"] for one in own) / len(own) * 13)
    assert row["fill"] == pytest.approx(np.mean([one["fill"] for one in own]))
    assert row["stock"] == tenure.chronicle.shown[-1]["stock"] / tenure.chronicle.shown[since - 1]["stock"]
    found = {one["name"]: one["values"][0] for one in shown["verdict"]["results"]}
    assert found["economic_profit"] == pytest.approx(row["profit"], rel=1e-4)
    began, ended = (float(tenure.chronicle.rows[n]["capability"].mean()) for n in (since - 1, -1))
    told = {one["about"]: one["text"] for one in shown["verdict"]["sentences"]}["What was really so"]
    assert f"from {percent(began)} to {percent(ended)}" in told
    assert len(shown["verdict"]["trap"]["lines"][0]["cards"]) == part.periods, "the whole story is drawn"
    assert all(occasion["period"] >= since for occasion in shown["verdict"]["trap"]["occasions"])


def test_what_there_is_not(office):
    with pytest.raises(InputError, match="company must be one that is offered, got 'componets' \\(did you mean"):
        office.begin({"company": "componets"})
    with pytest.raises(InputError, match=r"part must be in 0\.\.3, got 9"):
        office.begin({"part": 9})
    with pytest.raises(InputError, match="seed"):
        office.begin({"company": "components", "seed": -1})


def test_those_left_alone_longest_make_room(monkeypatch):
    monkeypatch.setattr("jitgym.web.head_office.MOST_TENURES", 2)
    office = HeadOffice([Offer(SHORT, rivals=())])
    first, second = begun(office), begun(office)
    first.shown()
    third = begun(office)
    assert [office.tenure(one.key) is one for one in (first, second, third)] == [True, False, True]


def lonely():
    """A company of one line and one product, without suppliers."""
    line = copy.deepcopy(LINE)
    for key in ("items", "suppliers", "products"):
        del line[key]
    del line["stages"][0]["setup"]
    line["finance"] = {**line["finance"], "price": 100, "material": 0}
    capabilities = {**SMALL["capabilities"], "supplier": [], "changeover": []}
    return {**small(), "line": line, "suppliers": [], "lines": [{"name": "x"}], "capabilities": capabilities}


@pytest.mark.parametrize("description", [small(), lonely()], ids=["small", "lonely"])
def test_other_companies_go_to_their_end(description):
    enterprise = load_enterprise(description)
    office = HeadOffice([Offer(enterprise, rivals=("never", "technique"))])
    tenure = office.begin({"company": enterprise.name})
    let(tenure, enterprise.horizon)
    shown = settled(tenure)
    assert shown["period"] == enterprise.horizon
    assert list(shown["verdict"]["truth"]) == ["you", "never", "technique"]
    json.dumps([tenure.described(), shown, tenure.table()], allow_nan=False)


# -- rivals --


class Stubborn:
    """A learned agent as far as the page knows: has a predict, and pulls at once."""

    def __init__(self, companies):
        self.sizes = [lever.high - lever.low + 1 for lever in companies.levers.levers]
        self.cards = companies.levers.columns["cards"]

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        actions = np.zeros((len(observation), len(self.sizes)), dtype=np.int64)
        actions[:, self.cards] = 1
        return actions, (state or 0) + 1


class Quits(Stubborn):
    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        if state == 3:
            raise ValueError("out of ideas")
        return super().predict(observation, state)


def test_agents_and_numbers_of_rules():
    agents = {"agent": Stubborn, "quits": Quits}
    office = HeadOffice([Offer(SHORT, {"never": [10]}, agents, ("never",))])
    tenure = begun(office)
    let(tenure, 20, decided(tenure, **{f"cards_{line}": 10 for line in SHORT.line_names}))
    shown = settled(tenure)
    rivals = {rival["name"]: rival for rival in shown["rivals"]}
    assert list(rivals) == ["never", "agent", "quits"]
    assert [row["profit"] for row in rivals["never"]["rows"]] == [row["profit"] for row in shown["rows"]]
    assert rivals["agent"]["rows"][-1]["cards"] == [1, 1, 1, 1]
    assert len(rivals["quits"]["rows"]) == 3
    assert rivals["quits"]["fault"] == "quits gave up: out of ideas"
    assert shown["verdict"]["names"] == ["you", "never", "agent"]
    assert office.catalogue()[0]["rivals"][1] == {"name": "agent", "does": "a learned agent"}


def test_tuned_numbers_that_come_with_the_package_are_played_but_not_in_the_lesson(monkeypatch):
    monkeypatch.setattr("jitgym.web.rivals.tuned_numbers", lambda enterprise: {"never": {"cards": 10}})
    office = HeadOffice()
    free, task = begun(office), office.begin({"part": 0, "seed": 0})
    for tenure, cards in ((free, 10), (task, COMPONENTS.start_cards)):
        let(tenure, 2)
        never = settled(tenure)["rivals"][0]
        assert (never["name"], never["rows"][-1]["cards"]) == ("never", [cards] * 4)
    assert "tuned" in free.described()["rivals"][0]["does"]
    assert "(its numbers tuned)" not in task.described()["rivals"][0]["does"]


def test_an_unknown_rival_is_a_fault_that_is_told(template):
    race = Race(Offer(SHORT), template)
    (rival,) = race.enter(["phasd"])
    for _ in range(200):
        if rival.done:
            break
        time.sleep(0.01)
    assert "rivals must be of never, " in rival.fault
    assert "did you mean 'phased'?" in rival.fault


# -- news --


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


# -- the end --


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


# -- the server --


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


def told_by(server, path, method="GET", body=None):
    status, headers, answer = ask(server, path, method, body)
    return status, json.loads(answer) if headers["Content-Type"] == "application/json" else answer.decode()


def test_a_company_over_the_wire(server):
    status, firm = told_by(server, "/api/company", "POST", {"company": "components", "player": "Ann"})
    assert status == 200
    assert firm["report"]["lines"][3]["suits"] is False
    assert {supplier["judgement"] for supplier in firm["report"]["suppliers"]} == {"fails", "not shown"}
    where = f"/api/company/{firm['key']}"
    sent = {"do": "run", "periods": 3, "decisions": firm["state"]["desired"]}
    status, state = told_by(server, f"{where}?since=0&tries=1", "POST", sent)
    assert (status, state["period"], len(state["rows"])) == (200, 3, 3)
    status, state = told_by(server, f"{where}/state?since=2&tries=1")
    assert (state["since"], len(state["rows"])) == (2, 1)
    status, again = told_by(server, where)
    assert len(again["state"]["rows"]) == 3
    status, board = told_by(server, "/api/board")
    assert [(row["player"], row["period"]) for row in board["companies"]] == [("Ann", 3)]
    status, table = told_by(server, f"{where}/table")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["period"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["cards[shafts]"] == "8"
    assert float(rows[2]["profit"]) == state["rows"][-1]["profit"]


def test_what_the_server_refuses(server):
    assert told_by(server, "/api/company/nobody")[0] == 404
    assert told_by(server, "/api/company", "POST", {"company": "x"})[0] == 400
    assert told_by(server, "/api/company", "POST", {"part": 77})[0] == 400
    key = told_by(server, "/api/company", "POST", {"part": 0})[1]["key"]
    status, answer = told_by(server, f"/api/company/{key}", "POST", {"do": "run", "periods": 1, "decisions": [0]})
    assert (status, "decisions must be integers" in answer["error"]) == (400, True)
    assert told_by(server, f"/api/company/{key}/state?since=-4&tries=x")[0] == 200


def test_the_catalogue_and_the_case_are_told(server):
    _, catalogue = told_by(server, "/api/catalogue")
    (company,) = catalogue["companies"]
    assert company["name"] == "components"
    assert [rival["name"] for rival in company["rivals"]] == ["never", "technique", "phased"]
    _, case = told_by(server, "/api/case")
    assert [part["title"] for part in case["parts"]] == [part.title for part in load_case().parts]
    assert "claims" not in case["parts"][0]


def test_the_company_can_be_opened_at_once(monkeypatch, tmp_path):
    began = []
    monkeypatch.setattr(TeachingServer, "serve_forever", lambda self, **settings: began.append(self))
    path = tmp_path / "mine.yaml"
    path.write_text(SHORT.model_copy(update={"name": "mine"}).to_yaml())
    told = command("teach", "--no-browser", "--port", "0", "--company", path).output
    assert told.splitlines()[0].endswith("/#/company/mine")
    assert list(began[0].desk.office.offers) == ["components", "mine"]
    assert "did you mean 'components'" in command("teach", "--no-browser", "--company", "componets", code=2).output
