"""Runs keep what every period came to; what ten years come to, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import a_run, draw, small

from jitgym.actions import ActionCodec
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.money import COIN
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import (
    RESULTS,
    Run,
    cost_of_ownership,
    held,
    months_to_payback,
    results,
    run,
)
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError
from jitgym.seeds import seed_bank

FIRM = load_enterprise(small())


class Scripted:
    """Decides what is written down, and notes how it is asked."""

    def __init__(self, firms: Companies, decisions: np.ndarray) -> None:
        self.decisions = decisions
        self.codec = ActionCodec(tuple(lever.knob for lever in firms.levers.levers))
        self.asked: list[tuple[np.ndarray, Any, list[bool], bool]] = []
        self.watched: list[tuple[Companies, int]] = []

    def watch(self, companies: Companies) -> None:
        self.watched.append((companies, int(companies.state.period.max())))

    def predict(
        self, observation: np.ndarray, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Any]:
        period = 0 if state is None else state
        self.asked.append((observation, state, episode_start.tolist(), deterministic))
        return self.codec.encode(self.decisions[period]), period + 1


def test_a_run_keeps_what_every_period_came_to() -> None:
    firms, twin, seeds = Companies(small(), 3, seed=1), Companies(small(), 3, seed=2), seed_bank(4, 3)
    rng = np.random.default_rng(1)
    decisions = np.stack([draw(rng, firms.levers, 3) for _ in range(12)])
    policy, shares = Scripted(firms, decisions), []
    firms.step(firms.levers.high)
    done = run(firms, policy, seeds, progress=shares.append)
    twin.reset(seeds)
    opening, overview, wanted = twin.state.balance.working_capital / COIN, Overview(twin), []
    paid, units, stock = (np.zeros((3, 2)) for _ in range(3))
    for period in range(12):
        assert np.array_equal(policy.asked[period][0], overview.observe())
        came = twin.step(decisions[period])
        account, abilities, balance = came.account, twin.state.abilities, twin.state.balance
        paid += account.supplier_purchases / COIN
        units += account.supplier_units
        stock += account.supplier_stock / COIN
        wanted.append(
            {
                **{name: getattr(account, name) / COIN for name in (
                    "economic_profit", "profit", "revenue", "cost_of_sales", "investment"
                )},
                "made": (account.purchases + account.added - account.inventory_change) / COIN,
                "working_capital": (balance.inventory + balance.receivables - balance.payables) / COIN,
                "inventory": balance.stock.sum(axis=1) / COIN,
                "receivables": balance.receivables / COIN,
                "payables": balance.payables / COIN,
                "stage": came.stage,
                "cards": decisions[period][:, twin.levers.columns["cards"]],
                "measures": came.measures.astype(np.float32),
                "on_time": came.on_time.astype(np.float32),
                "spent": (came.spent / COIN).astype(np.float32),
                "capability": abilities.lines[:, :, [0, 1, 2]].mean(axis=2).astype(np.float32),
                "people": abilities.lines[:, :, 3].astype(np.float32),
                "discipline": abilities.discipline.astype(np.float32),
            }
        )  # fmt: skip
    told = {name: np.stack([row[name] for row in wanted], axis=1) for name in wanted[0]}
    told |= {"opening": opening, "supplier_paid": paid, "supplier_units": units, "supplier_stock": stock}
    assert set(told) == set(vars(done))
    for name, values in told.items():
        assert np.array_equal(getattr(done, name), values), name
        assert np.any(values), f"{name}: nothing to compare"
    assert np.array_equal(done.measure("fill_rate"), done.measures[..., list(MEASURES).index("fill_rate")])
    assert shares == pytest.approx(np.arange(1, 13) / 12)
    assert [start for _, _, start, _ in policy.asked] == [[True] * 3] + [[False] * 3] * 11
    assert [state for _, state, _, _ in policy.asked] == [None, *range(1, 12)]
    assert all(deterministic for *_, deterministic in policy.asked)
    assert policy.watched == [(firms, 0)], "told of the companies once, after they were put to their start"


def test_a_run_may_be_shorter_and_refuses_actions_out_of_bounds() -> None:
    firms = Companies(small(), 2)
    policy = Scripted(firms, np.tile(firms.levers.at_rest, (12, 2, 1)))
    assert run(firms, policy, seed_bank(0, 2), 3).profit.shape == (2, 3)
    policy.decisions[1, 1, firms.levers.column("quality[first]")] = 9
    policy.codec.encode = lambda decisions: decisions  # type: ignore[method-assign]
    with pytest.raises(InputError, match=r"action for quality\[first\] of line 1 must be in 0..2, got 9"):
        run(firms, policy, seed_bank(0, 2), 3)


def test_many_cards_are_counted() -> None:
    firms = Companies(small(levers={"cards": {"high": 1000}}), 1)
    decision = firms.levers.at_rest
    decision[firms.levers.columns["cards"]] = 300
    done = run(firms, Scripted(firms, np.tile(decision, (12, 1, 1))), seed_bank(0, 1), 2)
    assert (done.cards == 300).all()


# -- results by hand: two years of four periods; the first year must not count where the last one is meant --


def year(first: float, last: Any) -> np.ndarray:
    """Return a year of one number and a year of others."""
    return np.concatenate([np.full(4, first), np.broadcast_to(np.asarray(last, dtype=float), 4)])[None]


def one(values: dict[str, np.ndarray], name: str) -> float:
    assert values[name].shape == (1,)
    return float(values[name][0])


def test_results_by_hand() -> None:
    measures = np.zeros((1, 8, 2, len(MEASURES)))
    measures[:, :, 0, list(MEASURES).index("fill_rate")] = 1.0
    measures[:, :4, 1, list(MEASURES).index("fill_rate")] = 0.5
    measures[:, 4:, 1, list(MEASURES).index("lost")] = 0.5
    stage = np.full((1, 8, 2), 2)
    stage[:, -1] = [1, 2]
    capability = np.full((1, 8, 2), 0.9)
    capability[:, -1] = [0.25, 0.75]
    done = a_run(
        8, opening=100, economic_profit=np.arange(1, 9)[None], profit=year(9, 2), revenue=year(9, 10),
        cost_of_sales=year(9, 5), made=year(9, 6), investment=3, working_capital=year(9, [50, 60, 70, 80]),
        inventory=year(9, [30, 50, 40, 40]), receivables=year(9, 20), payables=year(9, 10),
        stage=stage, measures=measures, capability=capability,
    )  # fmt: skip
    found = results(done, FIRM)
    assert set(found) == set(RESULTS)
    assert one(found, "economic_profit") == 4 * 4.5
    assert one(found, "value") == pytest.approx(sum(t / 1.1 ** (t / 4) for t in range(1, 9)))
    assert one(found, "released") == 100 - 65
    assert one(found, "cash_conversion_days") == pytest.approx((40 - 10) / (20 / 365) + 20 / (40 / 365))
    assert one(found, "turns") == pytest.approx(20 / 40)
    assert one(found, "gross_margin") == pytest.approx((40 - 24) / 40)
    assert one(found, "return_on_assets") == pytest.approx(8 / (2 * 1000 + 40 + 20))
    assert one(found, "fill_rate") == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert one(found, "lost") == pytest.approx(0.125)
    assert one(found, "investment") == 12
    assert one(found, "capability") == 0.5
    assert one(found, "stages") == pytest.approx(3 / 4)
    assert np.isnan(one(found, "held"))


def test_results_of_a_run_of_less_than_a_year_are_by_the_year_all_the_same() -> None:
    done = a_run(2, cost_of_sales=5, revenue=10, inventory=40, receivables=20, profit=2, economic_profit=3)
    found = results(done, FIRM)
    assert one(found, "turns") == pytest.approx(20 / 40)
    assert one(found, "cash_conversion_days") == pytest.approx(40 / (20 / 365) + 20 / (40 / 365))
    assert one(found, "return_on_assets") == pytest.approx(8 / 2060)
    assert one(found, "economic_profit") == 12


def test_there_is_nothing_to_tell_of_companies_that_sell_or_hold_nothing() -> None:
    nothing = results(a_run(8), FIRM)
    assert {name for name, values in nothing.items() if np.isnan(values).all()} == {
        "cash_conversion_days", "turns", "gross_margin", "held",
    }  # fmt: skip
    assert np.isnan(one(results(a_run(8, revenue=1, receivables=1), FIRM), "cash_conversion_days"))


def rolled_out(last: int, capital: dict[int, float], periods: int = 16) -> Run:
    """Return a company with an opening of 100 whose last stage of pull begins in a period, with its working capital.

    It trains people in all periods, which is not introducing anything.
    """
    working = np.full((1, periods), 7.0)
    for period, value in capital.items():
        working[0, period] = value
    stage = ((np.arange(periods) >= last) & (last >= 0))[:, None] * np.array([0, 1])
    return a_run(periods, opening=100, investment=5, stage=stage, working_capital=working)


def test_held_is_what_is_left_two_years_after_the_last_roll_out() -> None:
    """Means of half a year, which is two periods."""
    assert held(rolled_out(3, {3: 60, 4: 50, 11: 80, 12: 75}), FIRM) == pytest.approx([(100 - 77.5) / (100 - 55)])
    assert held(rolled_out(6, {6: 60, 7: 40, 14: 100, 15: 100}), FIRM) == pytest.approx([0.0])
    assert held(rolled_out(0, {0: 50, 1: 50, 8: 40, 9: 40}), FIRM) == pytest.approx([1.2])
    for nothing in (
        rolled_out(7, {7: 50, 8: 50}),
        rolled_out(-1, {}),
        rolled_out(3, {3: 100, 4: 101}),
        rolled_out(15, {}),
    ):
        assert np.isnan(held(nothing, FIRM)).all()


def test_held_is_told_company_by_company_and_a_qualification_counts() -> None:
    working = np.full((3, 16), 100.0)
    working[1, 2:4], working[1, 10:12] = 50, 75
    spent = np.zeros((3, 16, 14))
    column = Companies(FIRM).levers.column("alternative[shop]")
    spent[0, 1, column] = spent[1, 2, column] = spent[2, 14, column] = 700
    stage = np.zeros((3, 16, 2))
    stage[:, :8] = 1  # one that goes back to push introduces nothing
    stage[:, 0] = 1
    found = held(a_run(16, 3, opening=100, spent=spent, stage=stage, working_capital=working), FIRM)
    assert np.isnan(found).tolist() == [True, False, True]
    assert found[1] == 0.5


@pytest.mark.parametrize(
    ("ahead", "months"),
    [
        ([1, 1, 1, 1], 0),
        ([0, 0, 0, 0], 0),
        ([-5, 2, 4, 1], 6),  # behind by 5 and 3, then ahead
        ([2, -5, 4, 1], 6),
        ([-5, 6, -5, 9], 9),  # caught up, but not for good
        ([-5, 5, 0, 0], 3),
        ([-5, 0, 0, 0], np.nan),
        ([5, 0, 0, -6], np.nan),
    ],
)
def test_months_to_payback(ahead: list[float], months: float) -> None:
    base = a_run(4, economic_profit=100)
    found = months_to_payback(a_run(4, economic_profit=100 + np.array([ahead])), base, 4)
    assert found == pytest.approx([months], nan_ok=True)


def test_cost_of_ownership_is_price_development_qualification_and_stock() -> None:
    firms = Companies(FIRM)
    spent = np.zeros((2, 4, 14))
    spent[0, :, firms.levers.column("develop[mill]")] = 10
    spent[0, 1, firms.levers.column("alternative[shop]")] = 700
    spent[:, :, firms.levers.column("training[first]")] = 99
    done = a_run(
        4, 2, spent=spent, supplier_paid=[[100, 300], [50, 0]], supplier_units=[[20, 100], [10, 0]],
        supplier_stock=[[8, 0], [0, 0]],
    )  # fmt: skip
    found = cost_of_ownership(done, firms)
    assert list(found) == ["mill", "shop"]
    assert found["mill"].tolist() == [(100 + 40 + 8) / 20, 5]
    assert found["shop"][0] == (300 + 700) / 100
    assert np.isnan(found["shop"][1])
