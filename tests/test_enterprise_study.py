"""Studies: paired on the same luck, in one batch or several; claims, erosion, and assumptions that are moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import a_run, small, steady

from jitgym.enterprise.company import Companies
from jitgym.enterprise.constants import Dynamics, Planning
from jitgym.enterprise.description import Enterprise, load_enterprise
from jitgym.enterprise.managers import MANAGERS, manager
from jitgym.enterprise.runs import RESULTS, results, run
from jitgym.enterprise.stored import usual_numbers
from jitgym.enterprise.study import (
    CLAIMS,
    Change,
    Claim,
    Study,
    changed,
    changes,
    erosion,
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
        assert {claim.better, claim.worse} <= set(MANAGERS)
        assert claim.better != claim.worse
        assert claim.result in RESULTS
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


# -- assumptions --


@pytest.fixture(scope="module")
def components() -> Enterprise:
    return load_enterprise("components")


def test_every_constant_and_number_is_moved_both_ways(components: Enterprise) -> None:
    moved: dict[str, list[float]] = {}
    for change in changes(components):
        moved.setdefault(change.path, []).append(change.value)
    wanted: dict[str, list[float]] = {}
    for part, kind in (("dynamics", Dynamics), ("planning", Planning)):
        for name, info in kind.model_fields.items():
            extra: Any = info.json_schema_extra
            if extra:
                wanted[f"{part}.{name}"] = [extra["low"], extra["high"]]
    usual = {
        **{f"shocks.{name}.per_year": getattr(components.shocks, name).per_year for name in (
            "outage", "demand_shift", "escape", "budget_cut"
        )},
        **{f"money.{name}": getattr(components.money, name) for name in ("budget", "rollout", "overhead")},
        **{f"line.prices.{name}": getattr(components.line.prices, name) for name in (
            "backlog", "lost", "repair", "returned", "wip", "finished_goods"
        )},
        "line.finance.capital_cost": components.line.finance.capital_cost,  # type: ignore[union-attr]
    }  # fmt: skip
    assert all(usual.values())
    wanted |= {path: [value / 2, value * 2] for path, value in usual.items()}
    effects = {
        f"capabilities.{kind}.{i}.best": effect
        for kind in ("changeover", "quality", "maintenance", "supplier", "disruption")
        for i, effect in enumerate(getattr(components.capabilities, kind))
    }
    assert set(moved) == set(wanted) | set(effects)
    for path, values in wanted.items():
        assert moved[path] == pytest.approx(values), path
    for path, effect in effects.items():
        way = [(value - effect.best) / (effect.worst - effect.best) for value in moved[path]]
        whole = effect.parameter == "setup_slots"
        assert way == pytest.approx([0.25, 0.5], abs=0.5 / abs(effect.worst - effect.best) + 1e-9 if whole else 1e-5), (
            path
        )
        assert all(value % 1 == 0 for value in moved[path]) or not whole


def test_the_usual_value_is_that_of_the_enterprise_and_no_change_is_none() -> None:
    firm = load_enterprise(small(planning={"safety": 0.4}))
    usual = {change.path: change.usual for change in changes(firm)}
    assert usual["planning.safety"] == 0.4
    assert usual["dynamics.upkeep"] == 50
    for change in changes(firm):
        assert change.value != change.usual, change


def test_what_is_nothing_or_a_list_is_not_halved() -> None:
    firm = load_enterprise(small(shocks={"outage": {"per_year": 0}}, line={"prices": {"lost": [40, 50]}}))
    paths = {change.path for change in changes(firm)}
    assert not paths & {"shocks.outage.per_year", "line.prices.lost"}
    assert "shocks.escape.per_year" in paths


def flat(value: Any, *at: Any) -> dict[Any, Any]:
    """Return every number of a description by its place."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in flat(inner, *at, key).items()}
    if isinstance(value, (list, tuple)):
        return {k: v for i, inner in enumerate(value) for k, v in flat(inner, *at, str(i)).items()}
    return {".".join(at): value}


def test_a_change_changes_that_and_nothing_else(components: Enterprise) -> None:
    before = flat(components.model_dump(mode="json"))
    seen = set()
    for change in changes(components):
        other = changed(components, change)
        after = flat(other.model_dump(mode="json"))
        assert set(after) == set(before)
        assert {path for path in before if before[path] != after[path]} == {change.path}
        assert (before[change.path], after[change.path]) == (change.usual, change.value)
        assert other.hash not in seen
        seen.add(other.hash)
        if len(seen) % 5 == 0:
            assert changed(other, Change(change.path, change.usual, change.value)).hash == components.hash
    assert components.hash not in seen
    assert changed(components, Change("dynamics.growth", components.dynamics.growth, 0)).hash == components.hash


def test_a_moved_assumption_moves_the_companies() -> None:
    firm = load_enterprise(small())
    dear = changed(firm, Change("money.overhead", 1090.0, 90.0))
    one, other = (Companies(firm_, 1, seed=1).step(Companies(firm_).levers.at_rest) for firm_ in (firm, dear))
    assert (one.account.profit - other.account.profit).tolist() == [2 * 1000 * 10_000]
