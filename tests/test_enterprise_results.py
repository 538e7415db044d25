"""What is stored of the enterprise, held to what the code does now, on other seeds."""

from __future__ import annotations

import csv
from functools import cache
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jitgym.agents.company import load_agent
from jitgym.enterprise.assumptions import AS_IT_IS, changes
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.runs import RESULTS
from jitgym.enterprise.stored import numbers_of_all
from jitgym.enterprise.study import CLAIMS, Claim, Study, erosion, rules, study

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / "enterprise"
FIRM = load_enterprise("components")
FRESH, SEED = 64, 77


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def fresh() -> Study:
    """Every rule, and the stored manager, on companies whose luck nobody else has met."""
    made: dict[str, Any] = dict(rules(numbers_of_all(FIRM)))
    made["PPO"] = lambda companies: load_agent(FOLDER / "manager", companies)
    return study(FIRM, made, FRESH, SEED)


def test_the_stored_manager_moves_the_rule_that_ships() -> None:
    agent = load_agent(FOLDER / "manager", Companies(FIRM))
    assert agent.rule.by_name == numbers_of_all(FIRM)[agent.rule.name]


def test_the_stored_manager_beats_the_best_rule_on_fresh_seeds() -> None:
    means = {name: own["economic_profit"].mean() for name, own in fresh().results.items()}
    best = max((name for name in means if name != "PPO"), key=lambda name: means[name])
    assert best == "phased"
    assert fresh().difference("PPO", best).low > 0


@pytest.mark.parametrize("name", ["phased", "PPO"])
def test_lumpy_demand_is_left_under_push_by_the_rule_and_by_the_manager(name: str) -> None:
    stages, spares = fresh().runs[name].stage[:, -1], FIRM.line_names.index("spares")
    assert (stages[:, spares] > 0).mean() < 0.05
    assert (np.delete(stages, spares, axis=1) == len(FIRM.line.stages)).mean() > 0.95
    stored = {row["line"]: float(row["under pull"]) for row in rows("study/lines.csv") if row["policy"] == name}
    assert stored["spares"] < 0.05


@pytest.mark.parametrize("name", [claim.name for claim in CLAIMS if isinstance(claim, Claim)])
def test_claims_are_those_of_the_stored_study(name: str) -> None:
    claim = next(claim for claim in CLAIMS if claim.name == name)
    stored = next(row for row in rows("study/claims.csv") if row["claim"] == name)
    assert (stored["sentence"], stored["result"]) == (claim.sentence, claim.result)
    difference, low, high = (float(stored[key]) for key in ("difference", "low", "high"))
    assert stored["finding"] == ("holds" if low > 0 else "turned round" if high < 0 else "not shown")
    _, found = fresh().check(claim)
    assert abs(found.mean - difference) < 4 * hypot(found.error, (high - low) / 3.92)


def test_results_are_those_of_the_stored_study() -> None:
    stored = {(row["policy"], row["result"]): row for row in rows("study/results.csv")}
    assert {result for _, result in stored} == set(RESULTS)
    assert set(fresh().results) <= {policy for policy, _ in stored}
    assert {int(row["companies"]) for (_, result), row in stored.items() if result == "economic_profit"} == {1000}
    for policy, own in fresh().results.items():
        for result, values in own.items():
            told, row = values[np.isfinite(values)], stored[policy, result]
            if len(told) > 30 and row["error"]:
                error = hypot(np.std(told, ddof=1) / len(told) ** 0.5, float(row["error"]))
                assert abs(told.mean() - float(row["mean"])) <= 4 * error + 1e-9, (policy, result)


def test_gains_of_technique_alone_are_half_gone_within_one_to_two_years_and_those_of_phased_stay() -> None:
    year = FIRM.periods_per_year
    for name, own in fresh().runs.items():
        lasts, stored = erosion(own, year), next(row for row in rows("study/erosion.csv") if row["policy"] == name)
        assert np.isnan(lasts.half_months) == (stored["half_months"] == "nan"), name
    technique, phased = erosion(fresh().runs["by the book"], year), erosion(fresh().runs["phased"], year)
    assert 12 <= technique.half_months <= 24
    assert np.isnan(phased.half_months)
    assert phased.left > 0.9


def test_every_assumption_that_there_is_was_moved_for_every_claim() -> None:
    stored = rows("sensitivity.csv")
    wanted = {(change.path, change.told, claim.name) for change in (AS_IT_IS, *changes(FIRM)) for claim in CLAIMS}
    assert {(row["path"], row["told"], row["claim"]) for row in stored} == wanted
    assert len(stored) == len(wanted)
