"""Sensitivity: findings of every claim with an assumption moved, and the text that tells them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import steady

from jitgym.enterprise.assumptions import AS_IT_IS, Change, changed
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.sensitivity import findings, sensitivity_text
from jitgym.enterprise.stored import usual_numbers
from jitgym.enterprise.study import CLAIMS, rules, study

FIRM = load_enterprise(steady(horizon=6))


def test_findings_are_those_of_a_study_of_the_company_with_the_assumption_moved() -> None:
    numbers = usual_numbers(FIRM)
    change = Change("line.prices.lost", "80 (40)", {"line.prices.lost": 80.0})
    rows = list(findings(FIRM, numbers, change, 5, seed=3))
    done = study(changed(FIRM, change), rules(numbers), 5, seed=3)
    assert [row["claim"] for row in rows] == [claim.name for claim in CLAIMS]
    for row, claim in zip(rows, CLAIMS, strict=True):
        finding, found = done.check(claim)
        told = (row["finding"], row["difference"], row["low"], row["high"])
        assert told == (finding, found.mean, found.low, found.high)
        assert (row["path"], row["told"]) == ("line.prices.lost", "80 (40)")
    usual = list(findings(FIRM, numbers, AS_IT_IS, 5, seed=3))
    assert [row["difference"] for row in usual] != [row["difference"] for row in rows]
    assert {row["path"] for row in usual} == {""}


def row(claim: str, path: str, told: str, difference: float, finding: str = "holds") -> dict[str, Any]:
    return {
        "path": path, "told": told, "claim": claim, "finding": finding, "difference": difference,
        "low": difference - 1, "high": difference + 1,
    }  # fmt: skip


ROWS = [
    row("phased", "", "as it is", 2000.0), row("erosion", "", "as it is", 15.0),
    row("phased", "x.y", "2 (1)", 1500.0), row("erosion", "x.y", "2 (1)", np.inf, "turned round"),
    row("phased", "x.y", "4 (1)", -700.0, "turned round"), row("erosion", "x.y", "4 (1)", 11.5, "not shown"),
    row("phased", "idle", "halved", 2000.0), row("erosion", "idle", "halved", 15.0),
]  # fmt: skip


def test_the_text_tells_each_claim_as_it_is_and_where_it_does_not_hold() -> None:
    text = sensitivity_text(ROWS, FIRM, 40, "jitgym company sensitivity")
    assert "3 changes, 40 companies each: 3 of 6 findings hold." in text
    assert "| erosion | months | 15 [14, 16] | 11.5 | never | 1 | 1 | 1 |" in text
    assert "| phased | economic profit (money a year) | 2,000 [1,999, 2,001] | -700 | 2,000 | 2 | 0 | 1 |" in text
    turned = text.partition("## Where a claim is turned round")[2].partition("##")[0]
    assert [line.split(" | ")[0:3] for line in turned.splitlines() if line.startswith("| ")][2:] == [
        ["| erosion", "x.y", "2 (1)"], ["| phased", "x.y", "4 (1)"],
    ]  # fmt: skip
    assert "| erosion | x.y | 4 (1) | 11.5 [10.5, 12.5] |" in text.partition("## Where 40 companies do not show it")[2]
    assert text.endswith("Nothing hangs on: idle.")


@pytest.mark.parametrize("finding", ["turned round", "not shown"])
def test_a_table_of_nothing_is_left_out(finding: str) -> None:
    text = sensitivity_text([one for one in ROWS if one["finding"] != finding], FIRM, 40, "")
    assert ("turned round" in text.partition("##")[2]) == (finding != "turned round")
    assert "nan" not in text
