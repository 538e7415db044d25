"""The company that students run: tenures, rivals, and what the server says of them."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import threading
import time

import numpy as np
import pytest
from commands import run as command
from enterprises import small
from tenures import COMPONENTS, SHORT, begun, column, decided, let, lonely, settled
from test_web_server import ask, serving

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.levers import HOLD, NEXT, PILOT
from jitgym.enterprise.managers import manager
from jitgym.enterprise.runs import results, run
from jitgym.errors import InputError
from jitgym.web.case import load_case
from jitgym.web.head_office import HeadOffice
from jitgym.web.news import percent
from jitgym.web.rivals import Offer, Race
from jitgym.web.server import TeachingServer
from jitgym.web.verdict import Contender


@pytest.fixture(scope="module")
def office():
    return HeadOffice([Offer(SHORT)])


@pytest.fixture(scope="module")
def template():
    return Companies(COMPONENTS, 1)


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
