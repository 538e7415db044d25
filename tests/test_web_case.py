"""The case, a lesson on a company: what its answers claim is there on average, and its tasks are what is claimed of."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from commands import run as command
from tenures import COMPONENTS, decided, let, settled

from jitgym.enterprise.runs import months_to_payback
from jitgym.errors import InputError
from jitgym.web import case as cases
from jitgym.web.case import load_case
from jitgym.web.head_office import HeadOffice
from jitgym.web.plays import Trials
from jitgym.web.rivals import Offer

CASE = load_case()
PARTS = range(len(CASE.parts))


@cache
def many(place):
    return Trials(CASE, CASE.parts[place], 200)


@pytest.mark.parametrize("place", PARTS)
def test_what_answers_claim_holds_over_many_runs(place):
    for claim in CASE.parts[place].claims:
        assert many(place).holds(claim), f"{claim}: {many(place).value(claim):.4f}"


@pytest.mark.parametrize("place", PARTS)
def test_a_class_sees_it_on_the_luck_of_the_case(place):
    """Not on average only: which of two is more, in the run that the page plays unless told otherwise."""
    part = CASE.parts[place]
    one = Trials(CASE, part, 1, CASE.luck)
    for claim in part.claims:
        if claim.against is not None and not claim.low < 1 < claim.high:
            assert (one.value(claim) > 1) == (claim.low >= 1), f"{claim}: {one.value(claim):.4f}"


def test_what_answers_say_of_money():
    """Pull everywhere costs several times its cards in profit every year; phased pays back within nine or so."""
    year = COMPONENTS.periods_per_year
    pushed, pulled = (many(1).of(name) for name in ("never", "technique"))
    a_year = year * (pushed.economic_profit - pulled.economic_profit).mean()
    assert a_year > 2 * pulled.investment.sum(axis=1).mean()
    months = months_to_payback(many(3).of("phased"), many(3).of("never"), year)
    assert np.isfinite(months).mean() > 0.95
    assert 8 <= np.nanmedian(months) <= 11
    assert 13 <= np.nanquantile(months, 0.9) <= 20
    behind = np.cumsum(many(3).of("phased").economic_profit - many(3).of("never").economic_profit, axis=1) < 0
    assert behind[:, year // 2 - 1].mean() > 0.75, "after half a year whoever invests is behind"
    buffered, phased = (many(2).of(name).economic_profit[:, 52:] for name in ("buffers back", "phased"))
    assert (buffered - phased).mean() < 0, "over the four years the buffer does not pay"


def test_the_company_is_taken_over_as_the_task_says():
    """Three lines under pull, people trained, half of the stock."""
    phased, last = many(2).of("phased"), CASE.parts[2].taken_over.periods - 1
    assert (phased.stage[:, last] == 4).sum(axis=1).mean() == pytest.approx(3, abs=0.2)
    assert phased.people[:, last, :3].mean() > 0.6
    assert phased.inventory[:, last].mean() == pytest.approx(phased.inventory[:, 0].mean() / 2, rel=0.1)


def test_the_case_has_what_a_class_needs():
    head = cases.case_file().read_text("utf-8").splitlines()[0]
    assert head.startswith("# Source: ")
    for part in CASE.parts:
        assert all((part.text, part.watch, part.questions, part.claims))
    assert 10 <= CASE.minutes <= 20


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("manager: phased", "manager: phasd", "got 'phasd' (did you mean 'phased'?)"),
        ("line: spares", "line: spars", "got 'spars' (did you mean 'spares'?)"),
        ("what: turns", "what: turn", "got 'turn' (did you mean 'turns'?)"),
        ("low: 0.35, high: 0.6}", "low: 0.9, high: 0.6}", "low must be <= high = 0.6, got 0.9"),
        ("periods: 52", "periods: 400", "taken_over.periods must be < periods = 104, got 400"),
        ("title: As we", "titel: As we", "titel"),
    ],
)
def test_faults_of_a_case_are_told(tmp_path, monkeypatch, old, new, message):
    text = cases.case_file().read_text("utf-8")
    assert old in text
    path = tmp_path / "lessons" / "company.yaml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr("jitgym.web.case.scenario_folder", lambda: tmp_path)
    with pytest.raises(InputError, match=re.escape(message)):
        load_case()


def test_a_task_is_taken_over_where_the_rule_left_it():
    """What the student decides on is theirs; the rest goes on as the rule decides, under the same luck."""
    office = HeadOffice([Offer(COMPONENTS)])
    (place,) = [n for n, part in enumerate(CASE.parts) if part.taken_over and part.taken_over.yours]
    part = CASE.parts[place]
    tenure = office.begin({"part": place})
    assert tenure.period == part.taken_over.periods
    phased = settled(tenure)["rivals"][0]
    assert [row["profit"] for row in phased["rows"]] == [row["profit"] for row in tenure.chronicle.shown]
    high = {f"cards_{line}": 15 for line in COMPONENTS.line_names}
    let(tenure, 10, decided(tenure, **high, training_shafts=0, training_covers=4))
    (change,) = CASE.plays["buffers back"].changes
    assert (change.from_, change.value) == (part.taken_over.periods, 15)  # the play that the claims are of is this task
    play = Trials(CASE, part.model_copy(update={"periods": tenure.period}), 1, CASE.luck).of("buffers back")
    assert [row["profit"] for row in tenure.chronicle.shown] == np.rint(play.economic_profit[0]).tolist()
    tenure.command({"do": "back", "period": part.taken_over.periods})
    let(tenure, 10)
    assert [row["profit"] for row in tenure.chronicle.shown] == np.rint(play.economic_profit[0]).tolist()
    with pytest.raises(InputError, match="period must be in"):
        tenure.command({"do": "back", "period": part.taken_over.periods - 1})


def test_the_command_shows_the_case():
    assert "company" in command("lessons").output
    shown = command("lessons", "company", "--runs", "4").output
    assert all(part.title in shown for part in CASE.parts)
    assert "means of 4 runs" in shown
    assert "*" not in shown, "marked words are in italics"
    kaizen = next(line for line in shown.splitlines() if line.startswith("kaizen") and "no buffers" in line)
    assert "57 to 104" in kaizen
    assert "times" in kaizen
