"""The greedy manager: takes what pays at once, on copies that share luck, and touches nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import CALM, LINE, small, steady

from jitgym.actions import ActionCodec
from jitgym.enterprise.company import Companies
from jitgym.enterprise.greedy import OPTIONS, Greedy, _best
from jitgym.enterprise.levers import BACK, HOLD, PILOT
from jitgym.enterprise.runs import run
from jitgym.enterprise.sights import Overview
from jitgym.seeds import seed_bank

DEAR_STOCK = {"wip": 1000.0, "finished_goods": 1000.0, "items": 0.0}
"""Prices a slot of holding at which every card is a loss."""


def firm(n: int = 1, **changes: Any) -> Companies:
    """Return companies without trouble."""
    return Companies(steady(shocks=CALM, **changes), n, seed=3)


def decisions(firms: Companies, rule: Greedy, memory: Any = None) -> tuple[np.ndarray, Any]:
    """Return what is decided now, and the memory."""
    actions, memory = rule.predict(Overview(firms).observe(), memory)
    return ActionCodec(tuple(lever.knob for lever in firms.levers.levers)).decode(actions), memory


def watching(firms: Companies, *numbers: Any) -> Greedy:
    """Return a greedy manager of companies."""
    rule = Greedy(firms, *numbers)
    rule.watch(firms)
    return rule


def test_cards_that_only_cost_are_taken_out() -> None:
    prices = {**LINE["prices"], **DEAR_STOCK, "backlog": 0, "lost": 0}
    firms = Companies(small(shocks=CALM, line={"prices": prices}), 20, seed=3)
    rule, memory, cards = watching(firms), None, []
    for _ in range(4):
        found, memory = decisions(firms, rule, memory)
        cards.append(found[:, firms.levers.columns["cards"]])
        firms.step(found)
    assert (cards[0] == 1).mean() > 0.9
    assert not (cards[0] > 2).any()
    assert (cards[-1] == 0).mean() > 0.8


def test_the_option_that_earns_most_is_taken_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    firms = firm(2)
    rule, told = watching(firms), {}
    names = [name for name, *_ in OPTIONS]
    best = [["next", "fewer cards", "more"], ["back", "hold", "next"]]

    def earned(tried: list[Any], lucks: int) -> np.ndarray:
        found = np.zeros((len(tried), lucks, 2, 3))
        for i, row in enumerate(best):
            for j, name in enumerate(row):
                found[names.index(name), :, i, j] = 1
        told["lucks"] = lucks
        return found

    monkeypatch.setattr(rule, "_try", earned)
    found, memory = decisions(firms, rule)
    assert found[:, firms.levers.columns["rollout"]].tolist() == [[PILOT, HOLD, HOLD], [BACK, HOLD, PILOT]]
    start = firms.enterprise.start_cards
    wanted = [[start, start - 1, start + 1], [start] * 3]
    assert found[:, firms.levers.columns["cards"]].tolist() == memory["cards"].tolist() == wanted
    assert told["lucks"] == 4
    invests = [c for c in range(len(firms.levers)) if firms.levers.levers[c].kind not in ("cards", "rollout")]
    assert not found[:, invests].any()


def test_options_are_tried_for_a_period_on_copies_under_the_same_luck(monkeypatch: pytest.MonkeyPatch) -> None:
    firms, seen = firm(2), []
    rule = watching(firms, [3])
    original = Companies.fork

    def fork(self: Companies, companies: Any, seeds: Any, into: Any = None) -> Companies:
        seen.append((np.array(companies), np.array(seeds), into))
        return original(self, companies, seeds, into)

    monkeypatch.setattr(Companies, "fork", fork)
    before = firms.snapshot()
    _, memory = decisions(firms, rule)
    decisions(firms, rule, memory)
    assert firms.snapshot() == before, "the companies themselves were touched"
    companies, seeds, _ = seen[0]
    assert companies.reshape(5, 3, 2).tolist() == [[[0, 1]] * 3] * 5
    assert (seeds.reshape(5, 6) == seeds[:6]).all()
    assert len(set(seeds.tolist())) == 6
    assert not set(seeds.tolist()) & set(seen[1][1].tolist()), "new luck in every period"
    assert not set(seeds.tolist()) & set(firms.state.seed.tolist()), "the luck to come is not known"
    assert rule._copies is not None
    assert rule._copies.state.period.tolist() == [1] * 30


def test_what_a_line_earns_is_its_profit_less_the_charge_for_its_stock() -> None:
    firms = firm(1)
    rule = watching(firms, [2])
    hold = np.zeros((1, 3), dtype=np.int64)
    found = rule._try([(hold, hold + 2), (hold, hold)], 2)
    seeds = np.random.default_rng(Greedy.SEED).integers(0, 1 << 62, (2, 1), dtype=np.uint64).ravel()
    for option, cards in enumerate((2, 0)):
        fork = firms.fork([0, 0], seeds)
        decision = fork.levers.at_rest
        decision[fork.levers.columns["cards"]] = cards
        account = fork.step(decision).account
        rate = firms.enterprise.line.finance.capital_cost / firms.enterprise.periods_per_year  # type: ignore[union-attr]
        wanted = (account.line_profit - rate * account.line_inventory).mean(axis=0)
        assert found[option, :, 0].mean(axis=0) == pytest.approx(wanted)


def test_what_is_as_it_is_stays_unless_something_earns_more_by_a_standard_error() -> None:
    earned = np.zeros((2, 4, 1, 3))
    earned[1, :, 0, 0] = [4, 4, 4, 3]  # clear
    earned[1, :, 0, 1] = [9, -4, -4, 0]  # a stroke of luck: 0.25 with an error of 3
    earned[1, :, 0, 2] = [-1, -1, -1, -1]
    assert _best(earned).tolist() == [[1, 0, 0]]
    assert _best(earned[:, :1]).tolist() == [[1, 1, 0]], "one copy has no error"


def test_a_run_is_the_same_again_also_by_a_manager_that_had_other_companies_before() -> None:
    few, many, seeds = firm(1), firm(3), seed_bank(2, 3)
    rule = Greedy(many)
    first = run(many, rule, seeds, 4)
    run(few, rule, seeds[:1], 2)
    again = run(many, rule, seeds, 4)
    assert np.array_equal(first.economic_profit, again.economic_profit)
    assert np.array_equal(first.cards, again.cards)
    rollout = few.levers.columns["rollout"]
    invested = np.delete(first.spent, rollout, axis=2)
    assert not invested.any()
    assert not np.array_equal(first.cards, np.full_like(first.cards, few.enterprise.start_cards))


def test_unwatched_it_holds() -> None:
    firms = firm(2)
    found, _ = decisions(firms, Greedy(firms))
    assert (found == firms.levers.at_rest).all()
