"""Studies: paired on the same luck, in one batch or several; claims, and how gains last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import a_run, steady

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.managers import MANAGERS, manager
from jitgym.enterprise.runs import RESULTS, results, run
from jitgym.enterprise.stored import usual_numbers
from jitgym.enterprise.study import (
    CLAIMS,
    Claim,
    Lasting,
    Study,
    erosion,
    half_gone,
    rules,
    study,
)
from jitgym.errors import InputError
from jitgym.seeds import seed_bank
from jitgym.stats import bca

FIRM = load_enterprise(steady(horizon=6))
RULES = {name: usual_numbers(FIRM)[name] for name in ("never", "big bang")}


def test_differences_are_of_the_same_seeds() -> None:
    done = study(FIRM, rules(RULES), 5, seed=3)
    seeds, firms = seed_bank(3, 5, "evaluation"), Companies(FIRM, 5)
    for result in RESULTS:
        own = [results(run(firms, manager(firms, name), seeds), FIRM)[result] for name in RULES]
        for name, values in zip(RULES, own, strict=True):
            assert np.array_equal(done.results[name][result], values, equal_nan=True), result
        if np.isfinite(own).all():
            assert done.difference("big bang", "never", result) == bca(own[1] - own[0])
    assert done.difference("big bang", "never").mean == pytest.approx(-done.difference("never", "big bang").mean)
    assert done.difference("never", "never").error == 0


def test_batches_are_joined_to_what_one_batch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = study(FIRM, rules(RULES), 7)
    told: list[tuple[str, float]] = []
    monkeypatch.setattr("jitgym.enterprise.study.AT_ONCE", 3)
    parts = study(FIRM, rules(RULES), 7, progress=lambda name, share: told.append((name, share)))
    for name, own in whole.runs.items():
        for field, values in vars(own).items():
            assert values.shape[0] == 7
            assert np.array_equal(values, getattr(parts.runs[name], field)), field
    for name in RULES:
        shares = [share for who, share in told if who == name]
        assert shares == sorted(shares)
        assert (len(shares), shares[0], shares[-1]) == (3 * 6, pytest.approx(1 / 18), 1)


def test_each_policy_is_made_for_the_batch_and_the_numbers_are_its_own() -> None:
    made = rules({"phased": dict(reversed({**usual_numbers(FIRM)["phased"], "at once": 1}.items()))})
    rule: Any = made["phased"](Companies(FIRM))
    assert rule.by_name == {**usual_numbers(FIRM)["phased"], "at once": 1}
    with pytest.raises(InputError, match="never needs the numbers cards, got more"):
        rules({"never": {"more": 1}})["never"](Companies(FIRM))


@pytest.mark.parametrize("n", [1, 0, -3])
def test_one_seed_has_no_interval(n: int) -> None:
    with pytest.raises(InputError, match=f"seeds must be >= 2 for a confidence interval, got {n}"):
        study(FIRM, rules(RULES), n)


# -- claims --


@pytest.mark.parametrize(
    ("better", "finding"),
    [
        ([3, 4, 5, 4], "holds"),
        ([-3, -4, -5, -4], "turned round"),
        ([3, -3, 5, -4], "not shown"),
        ([-3, 3, -5, 4], "not shown"),
        ([0] * 4, "not shown"),
    ],
)
def test_a_claim_holds_is_turned_round_or_is_not_shown(better: list[float], finding: str) -> None:
    base = np.array([100.0, 200.0, 300.0, 400.0])
    made_up = {
        "a": {"released": base + better, "economic_profit": base},
        "b": {"released": base, "economic_profit": -base},
    }
    done = Study(FIRM, {}, made_up)
    found, difference = done.check(Claim("x", "a", "b", "released", "a releases more"))
    assert found == finding
    assert difference == bca(np.array(better, dtype=float))


def test_claims_are_of_rules_and_results_that_there_are() -> None:
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names)
    for claim in CLAIMS:
        assert set(claim.policies) <= set(MANAGERS)
        assert len(set(claim.policies)) == (2 if isinstance(claim, Claim) else 1)
        assert claim.result in (*RESULTS, "months")
        assert claim.sentence


# -- how gains last --


def lasting(*gains: list[float]) -> Any:
    """Return the erosion of companies that have released so much at the end of each quarter."""
    return erosion(a_run(len(gains[0]), len(gains), opening=100, working_capital=100 - np.array(gains)), 4)


def test_erosion_of_curves_by_hand() -> None:
    found = lasting([0, 10, 40, 30, 20, 21, 5])
    assert (found.peak, found.peak_month, found.half_months, found.left) == (40, 9, 6, 5 / 40)
    never = lasting([10, 20, 15, 11])
    assert (never.peak, never.peak_month, never.left) == (20, 6, 11 / 20)
    assert np.isnan(never.half_months)
    worse = lasting([10, -5])
    assert (worse.peak_month, worse.half_months, worse.left) == (3, 3, -0.5)


def test_erosion_is_of_the_mean_company() -> None:
    found = lasting([0, 100, 0, 0], [0, 0, 60, 0])
    assert (found.peak, found.peak_month, found.half_months, found.left) == (50, 6, 6, 0)


@pytest.mark.parametrize("gains", [[0, 0, 0], [-3, -2, -4]])
def test_nothing_lasts_where_nothing_was_released(gains: list[float]) -> None:
    found = lasting(gains)
    assert found.peak == max(gains)
    assert np.isnan([found.half_months, found.left]).all()


def test_months_until_half_is_gone_are_those_of_the_mean_with_a_bootstrap_over_companies() -> None:
    """Of two kinds of companies, as many of each, one keeps a third of its gain after 6 months and one after 12."""
    early, late = [0.0, 30, 10, 10, 10, 10, 10], [0.0, 30, 30, 30, 10, 10, 10]
    gains = np.array([early, late] * 40)
    run = a_run(7, 80, opening=100, working_capital=100 - gains)
    found = half_gone(run, 4)
    assert found.mean == 9, "the mean has fallen from 30 to 20, then to 10"
    # two thirds of the companies that are drawn would have to be of one kind: 3.0 standard deviations
    assert (found.low, found.high) == (9, 9)
    few = half_gone(a_run(7, 4, opening=100, working_capital=100 - gains[:4]), 4)
    assert (few.low, few.high) == (3, 9), "of four, three and more are often of the early kind"
    for stays in ([0.0, 10, 9, 8], [-1.0, -2, -3, -4]):
        assert half_gone(a_run(4, 3, opening=100, working_capital=100 - np.array([stays] * 3)), 4).mean == np.inf


@pytest.mark.parametrize(("low", "high", "finding"), [(6, 12, "holds"), (9, 9, "holds"), (10, 20, "turned round")])
def test_how_long_gains_last_is_a_claim(low: float, high: float, finding: str) -> None:
    gains = np.array([[0.0, 30, 10, 10, 10, 10], [0.0, 30, 30, 30, 10, 10]] * 40)
    done = Study(load_enterprise(steady()), {"a": a_run(6, 80, opening=100, working_capital=100 - gains)}, {})
    assert done.check(Lasting("x", "a", low, high, "half is gone"))[0] == finding
    few = Study(done.enterprise, {"a": a_run(6, 4, opening=100, working_capital=100 - gains[:4])}, {})
    assert few.check(Lasting("x", "a", 6, 12, "half is gone"))[0] == "not shown"
