"""What a company can tell from its records: the verdicts that are given on a plant's own files."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from enterprises import steady

from jitgym.enterprise.analysis import Analysis
from jitgym.enterprise.company import Companies
from jitgym.enterprise.state import Records
from jitgym.fit.classes import pull_verdict

DAYS = 60


def analysis_of(demand: Any, promised: Any = ((0,),), on_time: Any = ((0,),)) -> Analysis:
    """Return the analysis of made-up records."""
    companies: Any = SimpleNamespace(records=Records(np.array(demand), np.array(promised), np.array(on_time)))
    return Analysis.of(companies)


def products(*own: list[int]) -> list[list[int]]:
    """Return what each of some products is wanted, day by day, from a pattern that repeats."""
    return [[pattern[day % len(pattern)] for pattern in own] for day in range(DAYS)]


def lines(*own: list[list[int]]) -> np.ndarray:
    """Return records of demand ``(n_days, n_lines, n_products)`` from those of each line."""
    return np.array(own).transpose(1, 0, 2)


def test_verdicts_are_those_of_the_same_records_of_a_plant() -> None:
    for enterprise in (steady(), "components"):
        firms = Companies(enterprise)
        found, demand = Analysis.of(firms), firms.records.demand
        assert len(found.verdicts) == demand.shape[1]
        for line, own in enumerate(found.verdicts):
            for product, verdict in enumerate(own):
                daily = demand[:, line, product]
                assert verdict == pull_verdict(daily, [daily[i : i + 5].sum() for i in range(0, len(daily) - 4, 5)])
    assert len({verdict.suits for own in found.verdicts for verdict in own}) > 1


def test_a_last_week_that_is_not_whole_counts_by_the_day_only() -> None:
    daily = [0, 4, 0, 4, 4] * 12
    whole, cut = (analysis_of(np.array(d)[:, None, None]) for d in (daily, [*daily, 0, 0]))
    assert whole.verdicts[0][0] == pull_verdict(daily, [12] * 12)
    assert cut.verdicts[0][0] == pull_verdict([*daily, 0, 0], [12] * 12)


def test_lumpy_demand_is_out_of_scope_and_the_steadiest_comes_first() -> None:
    lumpy = products([0] * 9 + [50], [0] * 9 + [50])
    varied, even = products([2, 8, 5], [2, 8, 5]), products([5], [5])
    found = analysis_of(lines(lumpy, varied, even))
    assert found.suits.tolist() == [False, True, True]
    assert found.order.tolist() == [2, 1, 0]
    assert analysis_of(lines(even, lumpy, varied)).order.tolist() == [0, 2, 1]
    assert [verdict.suits for verdict in found.verdicts[0]] == ["not yet"] * 2


@pytest.mark.parametrize(("steady_units", "suits"), [(11, True), (10, False), (9, False)])
def test_a_line_suits_pull_when_most_of_what_it_sells_does(steady_units: int, suits: bool) -> None:
    """The lumpy product sells ten units a day on the mean."""
    found = analysis_of(lines(products([steady_units], [0] * 9 + [100])))
    assert [verdict.suits for verdict in found.verdicts[0]] == ["yes", "not yet"]
    assert found.suits.tolist() == [suits]


def test_a_product_that_suits_with_care_counts() -> None:
    daily = [units for week in range(3, 15) for units in (0, week, 0, week, week)]
    found = analysis_of(np.array(daily)[:, None, None])
    assert found.verdicts[0][0].suits == "with care"
    assert found.verdicts[0][0] == pull_verdict(daily, [3 * week for week in range(3, 15)])
    assert found.suits.tolist() == [True]


def test_a_line_without_demand_is_left_out_and_comes_last() -> None:
    found = analysis_of(lines(products([0], [0]), products([0] * 9 + [50], [0]), products([5], [0])))
    assert found.verdicts[0][0].sentence == "not yet: no demand on record"
    assert found.suits.tolist() == [False, False, True]
    assert found.order.tolist() == [2, 1, 0]


def wilson(good: int, n: int) -> tuple[float, float]:
    """Wilson's interval by its formula."""
    z, p = 1.959963984540054, good / n
    middle, reach = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)


def test_suppliers_are_judged_by_the_interval_of_what_came_on_its_day() -> None:
    counts = [(1000, 1000), (960, 1000), (900, 1000), (9, 10), (0, 0), (90, 100)]
    goods, totals = zip(*counts, strict=True)
    promised, on_time = ([[n // 2 for n in c], [n - n // 2 for n in c]] for c in (totals, goods))
    found = analysis_of(lines(products([5])), promised, on_time)
    wanted = []
    for good, n in counts:
        low, high = wilson(good, n) if n else (0.0, 1.0)
        wanted.append("meets" if low >= 0.95 else "fails" if high < 0.95 else "not shown")
    assert wanted == ["meets", "not shown", "fails", "not shown", "not shown", "fails"]
    assert list(found.judgements) == wanted
    assert found.late_suppliers.tolist() == [False, False, True, False, False, True], "not shown is not late"


def test_all_companies_of_an_enterprise_have_the_same_analysis_whatever_becomes_of_them() -> None:
    firms = Companies(steady(), 2, seed=3)
    before = Analysis.of(firms)
    for _ in range(4):
        firms.step(firms.levers.high)
    for other in (firms, Companies(steady(), 1, seed=9)):
        after = Analysis.of(other)
        assert (after.verdicts, after.judgements) == (before.verdicts, before.judgements)
        assert np.array_equal(after.order, before.order)
