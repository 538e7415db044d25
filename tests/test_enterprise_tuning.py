"""Tuning of rules of management: known optima, the same answer twice, interrupted or not; and tuned rules in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enterprises import CALM, LINE, small, steady

pytest.importorskip("optuna", reason="needs the extra `tune`")

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.managers import MANAGERS, TUNED, manager
from jitgym.enterprise.runs import run
from jitgym.enterprise.stored import numbers_of_all, rules_file, rules_record, tuned_numbers, usual_numbers
from jitgym.enterprise.tuning import ManagerTrials, TunedManager, tune_manager
from jitgym.errors import InputError
from jitgym.files import to_json
from jitgym.search import Budget
from jitgym.seeds import BANKS, seed_bank

TINY = Budget(trials=8, first=2, ask=4, last=8, rounds=3, episodes=300, finalists=2, most=16, final=16)
FIRM = load_enterprise(steady(horizon=8))


@pytest.fixture(scope="module")
def tuned() -> TunedManager:
    return tune_manager(FIRM, "roll-out first", 7, TINY)


@pytest.mark.parametrize(("dear", "start", "best"), [("stock", 2, 0), ("service", 0, 2)])
def test_finds_the_obvious_cards(dear: str, start: int, best: int) -> None:
    """Where stock costs a fortune none are best; where it is free and waiting costs one, the most."""
    holding = dict.fromkeys(("wip", "finished_goods", "items"), 1000.0 if dear == "stock" else 0.0)
    lost = dict.fromkeys(("backlog", "lost"), 0.0 if dear == "stock" else 1e5)
    own: Any = {"levers": {"cards": {"high": 2}}, "start_cards": start, "planning": {"lead": 0.001, "item_cover": 160}}
    firm = load_enterprise(small(shocks=CALM, line={"prices": {**LINE["prices"], **holding, **lost}}, horizon=8, **own))
    found = tune_manager(firm, "never", 1, TINY)
    assert found.numbers == {"cards": best}
    assert found.profit.mean > found.start_profit.mean
    every = ManagerTrials(firm, "never", 1).costs(np.arange(3)[:, None], 64).mean(axis=1)
    assert every.argmin() == best


def test_a_search_is_no_worse_than_where_it_began_and_tells_profit(tuned: TunedManager) -> None:
    assert tuned.profit.mean >= tuned.start_profit.mean
    assert tuned.profit.low < tuned.profit.mean < tuned.profit.high
    assert tuned.name == "roll-out first"
    rule = manager(Companies(FIRM), "roll-out first", tuned.numbers)
    assert rule.values.tolist() == tuned.values.tolist()
    firms, seeds = Companies(FIRM, 16), seed_bank(7 + 2 * 1_000_003, 16, "tuning")
    for numbers, told in ((tuned.numbers, tuned.profit), (None, tuned.start_profit)):
        profit = run(firms, manager(firms, "roll-out first", numbers), seeds).economic_profit.mean(axis=1)
        assert told.mean == pytest.approx(profit.mean()), "what is reported is of fresh seeds of the tuning bank"


def test_the_same_seed_gives_the_same_answer(tuned: TunedManager) -> None:
    assert tune_manager(FIRM, "roll-out first", 7, TINY) == tuned
    assert tune_manager(FIRM, "roll-out first", 8, TINY).profit != tuned.profit


def test_an_interrupted_search_goes_on_from_its_journal(tuned: TunedManager, tmp_path: Path) -> None:
    journal = tmp_path / "rollout.trials"

    def interrupt(word: str) -> None:
        if word.startswith("move 1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_manager(FIRM, "roll-out first", 7, TINY, progress=interrupt, journal=journal)
    before = journal.read_text().splitlines()
    assert len(before) > 3
    calls: list[int] = []
    original = ManagerTrials._run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ManagerTrials, "_run", lambda self, v, s: calls.append(len(v)) or original(self, v, s))
        again = tune_manager(FIRM, "roll-out first", 7, TINY, journal=journal)
    assert again == tuned
    assert len(journal.read_text().splitlines()) == len(before) + len(calls), "nothing is simulated twice"
    assert json.loads(before[0]) == {"enterprise": FIRM.hash, "rule": "roll-out first", "seed": 7}


def test_a_journal_of_another_rule_or_enterprise_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "x.trials"
    ManagerTrials(FIRM, "never", 7, journal=journal)
    for firm, name, seed in ((FIRM, "technique", 7), (load_enterprise(small()), "never", 7), (FIRM, "never", 8)):
        with pytest.raises(InputError, match="delete it to begin again"):
            ManagerTrials(firm, name, seed, journal=journal)


def test_trials_are_every_vector_on_every_seed_in_batches_of_any_size_and_by_any_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = np.array([[0], [2], [4]])
    whole = ManagerTrials(FIRM, "never", 3)
    costs = whole.costs(vectors, 5)
    firms, seeds = Companies(FIRM, 5), seed_bank(3, 5, "tuning")
    assert (seeds >> np.uint64(62) == BANKS["tuning"]).all()
    for row, vector in zip(costs, vectors, strict=True):
        done = run(firms, manager(firms, "never", vector), seeds)
        assert row == pytest.approx(-done.economic_profit.mean(axis=1))
        tried = whole.tried[tuple(vector.tolist())]
        assert tried.fill_rate == pytest.approx(done.measure("fill_rate").mean())
        assert tried.stock == pytest.approx(done.inventory.mean())
    monkeypatch.setattr("jitgym.enterprise.tuning.AT_ONCE", 10)
    assert np.array_equal(ManagerTrials(FIRM, "never", 3, n_threads=2).costs(vectors, 5), costs)


# -- files --


def written(tmp_path: Path, record: Any) -> Path:
    path = tmp_path / "rules.json"
    path.write_text(record if isinstance(record, str) else to_json(record), encoding="utf-8")
    return path


def test_usual_numbers_are_the_starts() -> None:
    usual = usual_numbers(FIRM)
    assert set(usual) == set(MANAGERS)
    for name, numbers in usual.items():
        assert numbers == {number.name: number.start for number in manager(Companies(FIRM), name).numbers}


def test_tuned_rules_come_back_from_their_file(tuned: TunedManager, tmp_path: Path) -> None:
    record = rules_record(FIRM, {"roll-out first": tuned}, "jitgym company tune")
    path = written(tmp_path, record)
    assert tuned_numbers(FIRM, path) == {"roll-out first": tuned.numbers}
    told = json.loads(path.read_text())
    assert (told["enterprise"], told["hash"], told["command"]) == ("small", FIRM.hash, "jitgym company tune")
    own = told["rules"]["roll-out first"]
    assert (own["profit"]["mean"], own["start_profit"]["low"]) == (tuned.profit.mean, tuned.start_profit.low)
    assert own["episodes"] == tuned.episodes


def test_numbers_stand_in_any_order_in_a_file(tmp_path: Path) -> None:
    numbers = {**usual_numbers(FIRM)["phased"], "wait": 7, "at once": 1}
    record = {"hash": FIRM.hash, "rules": {"phased": {"numbers": dict(sorted(numbers.items()))}}}
    found = tuned_numbers(FIRM, written(tmp_path, record))["phased"]
    assert list(found.items()) == list(numbers.items())


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"nver": {"numbers": {}}}, r"manager must be of never, .* got 'nver' \(did you mean 'never'\?\)"),
        ({"never": {"numbers": {}}}, "never needs the numbers cards, got "),
        ({"never": {"numbers": {"cards": 1, "more": 2}}}, "never needs the numbers cards, got cards, more"),
        ({"never": {"numbers": {"cards": 99}}}, "never: cards must be in 0..4, got 99"),
        ({"never": {"numbers": {"cards": "2"}}}, "never needs 1 integers"),
        ({"never": {"numbers": {"cards": 2.5}}}, "never needs 1 integers"),
        ({"never": {"numbers": {"cards": None}}}, "never needs 1 integers"),
        ({"never": {"numbers": {"cards": [1, [2]]}}}, "never needs 1 integers"),
        ({"never": {"numbers": 3}}, "rules must be a file of tuned rules, got "),
        ({"never": {}}, "rules must be a file of tuned rules, got .*numbers"),
        ({"never": None}, "rules must be a file of tuned rules, got "),
        ([], "rules must be a file of tuned rules, got "),
    ],
)
def test_a_file_of_other_numbers_is_told(tmp_path: Path, rules: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tuned_numbers(FIRM, written(tmp_path, {"hash": FIRM.hash, "rules": rules}))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"rules": {}}', "nothing", "3", "\udcff"])
def test_what_is_no_file_of_rules_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"rules must be a file of tuned rules, got '.*rules.json': "):
        tuned_numbers(FIRM, path)
    with pytest.raises(InputError, match=r"rules must be a file of tuned rules, got '.*missing.json': "):
        tuned_numbers(FIRM, tmp_path / "missing.json")


def test_numbers_of_all_are_tuned_ones_their_own_or_anothers_and_else_the_starts(tmp_path: Path) -> None:
    usual = usual_numbers(FIRM)
    phased = {**usual["phased"], "wait": 9}
    rules = {"phased": {"numbers": phased}, "never": {"numbers": {"cards": 4}}}
    found = numbers_of_all(FIRM, written(tmp_path, {"hash": FIRM.hash, "rules": rules}))
    assert found == {
        **usual,
        "phased": phased,
        "buffer reflex": phased,
        "own lines only": phased,
        "never": {"cards": 4},
    }
    assert numbers_of_all(FIRM) == usual


def test_rules_of_another_enterprise_are_refused_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, {"hash": "0" * 12, "rules": {"never": {"numbers": {"cards": 1}}}})
    with pytest.raises(InputError, match=rf"rules must be of enterprise 'small' \({FIRM.hash}\), got '000000000000'"):
        tuned_numbers(FIRM, path)
    monkeypatch.setattr("jitgym.enterprise.stored.rules_file", lambda enterprise: path)
    assert tuned_numbers(FIRM) == {}, "what ships with an enterprise is not for one that was changed"
    written(tmp_path, {"hash": FIRM.hash, "rules": {"never": {"numbers": {"cards": 1}}}})
    assert tuned_numbers(FIRM) == {"never": {"cards": 1}}


def test_shipped_rules_lie_beside_their_enterprise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jitgym.enterprise.stored.enterprise_files", lambda: {"small": tmp_path / "small.yaml"})
    assert rules_file(FIRM) is None
    (tmp_path / "small.rules.json").write_text("{}")
    assert rules_file(FIRM) == tmp_path / "small.rules.json"
    assert rules_file(load_enterprise(small(name="other"))) is None


def test_shipped_rules_are_for_what_ships() -> None:
    firm = load_enterprise("components")
    if rules_file(firm) is not None:
        assert set(tuned_numbers(firm)) <= set(TUNED)
