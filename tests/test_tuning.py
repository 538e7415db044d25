"""Many rules tuned as jobs: in their order, resumed, and the Pareto front of what was tried."""

from __future__ import annotations

from dataclasses import replace

from jitgym.jobs import Serial, Store
from jitgym.rules import rule_family, rule_names
from jitgym.scenario import load_scenario
from jitgym.search import Budget
from jitgym.trials import Tried
from jitgym.tuning import as_record, from_record, pareto_front, simpler_than, tune_all

TINY = Budget(trials=8, first=2, ask=4, last=8, rounds=2, episodes=300, finalists=2, most=16, final=16)
SCENARIO = load_scenario(load_scenario("bearing_line").model_dump() | {"horizon": 10})
NAMES = ["hybrid+age", "kanban", "conwip", "hybrid"]


def tuned(folder, told=None, names=NAMES, budget=TINY):
    families = [rule_family(SCENARIO, name) for name in names]
    report = (lambda *words: None) if told is None else (lambda label, share, word: told.append((label, share, word)))
    return tune_all(SCENARIO, families, 0, budget, Store(folder), Serial(), report)


def test_simpler_rules_come_first(tmp_path):
    told = []
    result = tuned(tmp_path, told)
    assert list(result) == NAMES
    ended = [label for label, share, _ in told if share == 1.0]
    assert ended == ["tune kanban", "tune conwip", "tune hybrid", "tune hybrid+age"]


def test_what_is_tuned_is_kept(tmp_path):
    first, told = tuned(tmp_path), []
    again = tuned(tmp_path, told)
    for name in NAMES:
        assert as_record(again[name]) == as_record(first[name])
    assert {word for _, _, word in told} == {"done before"}
    tuned(tmp_path, told := [], budget=replace(TINY, final=17))
    assert "done before" not in {word for _, _, word in told}  # another budget is another job


def test_a_record_is_the_tuned_rule(tmp_path):
    one = tuned(tmp_path, names=["kanban"])["kanban"]
    back = from_record(one.family, as_record(one))
    assert replace(back, family=one.family) == one
    assert back.tried == one.tried


def test_who_is_simpler_than_whom():
    names = rule_names(load_scenario("contest_line"))
    assert simpler_than("kanban", names) == []
    assert simpler_than("extended", names) == ["kanban", "basestock"]
    assert simpler_than("extended+age", names) == ["extended", "kanban+age", "basestock+age"]
    parts = ["kanban+opportunistic", "basestock+opportunistic"]
    assert simpler_than("extended+opportunistic", names) == ["extended", "extended+age", *parts]
    assert simpler_than("kanban/surge", ["kanban", "kanban/surge"]) == ["kanban"]
    assert simpler_than("extended", ["kanban"]) == ["kanban"]


def test_pareto_front(tmp_path):
    one = tuned(tmp_path, names=["kanban"])["kanban"]
    tried = {
        (1,): Tried(64, 10.0, 0.90, 5.0),
        (2,): Tried(64, 11.0, 0.95, 5.0),  # dearer, better service
        (3,): Tried(64, 11.0, 0.90, 4.0),  # dearer, less stock
        (4,): Tried(64, 11.0, 0.95, 6.0),  # beaten by (2,)
        (5,): Tried(8, 1.0, 1.00, 0.0),  # hardly tried
        (6,): Tried(64, 10.0, 0.90, 5.0),  # as good as (1,)
    }
    front = pareto_front({"kanban": replace(one, tried=tried)})
    assert [point.numbers for point in front[:2]] == [(1,), (6,)]  # cheapest first
    assert {point.numbers for point in front} == {(1,), (6,), (2,), (3,)}
    assert pareto_front({"kanban": replace(one, tried={})}) == []
