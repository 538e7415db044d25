"""What a study came to, as rows and text; timelines and milestones of made-up runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import a_run, small

from jitgym.enterprise import report
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.levers import LeverTable
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import RESULTS, Run
from jitgym.enterprise.study import CLAIMS, Study
from jitgym.enterprise.timeline import milestones, timeline
from jitgym.stats import bca, interval

FIRM = load_enterprise(small(horizon=8))
PROFIT = {"never": [10.0, 20.0, 30.0], "phased": [12.0, 23.0, 34.0], "technique": [1.0, 2.0, 3.0]}


def lived(name: str) -> Run:
    """Return two years of three companies: the second year is twice the first."""
    twice = np.array([1] * 4 + [2] * 4)
    measures = np.broadcast_to(np.arange(len(MEASURES)), (3, 8, 2, len(MEASURES))) * twice[:, None, None]
    stage = np.zeros((3, 8, 2))
    if name == "phased":
        stage[1:, 4:, 0] = 2
    profit = np.array(PROFIT[name])[:, None] * twice
    return a_run(
        8, 3, economic_profit=profit, opening=100, working_capital=100 - twice * np.array(PROFIT[name])[:, None],
        investment=twice, measures=measures, stage=stage, cards=[3, 1], capability=0.5, people=0.25, discipline=0.75,
        on_time=np.array([0.5, 1.0]) * twice[:, None] / 2, supplier_paid=[100, 0], supplier_units=[20, 0],
    )  # fmt: skip


def made_up() -> Study:
    results = {
        name: {result: np.array(values) if result != "held" else np.array([np.nan, 1.0, np.nan]) for result in RESULTS}
        for name, values in PROFIT.items()
    }
    results["phased"]["held"] = np.array([0.5, 0.75, np.nan])
    return Study(FIRM, {name: lived(name) for name in PROFIT}, results)


STUDY = made_up()


def row(rows: Any, **where: Any) -> dict[str, Any]:
    """Return the only row with some entries."""
    (found,) = [one for one in rows if all(one[key] == value for key, value in where.items())]
    return found


def test_results_are_told_with_their_intervals_and_of_how_many_companies() -> None:
    rows = list(report.results_rows(STUDY))
    assert len(rows) == len(PROFIT) * len(RESULTS)
    assert len({tuple(one) for one in rows}) == 1, "rows of a file have the same keys"
    wanted = interval(np.array(PROFIT["phased"]))
    assert row(rows, policy="phased", result="value") == {
        "policy": "phased", "result": "value", "unit": "money", "companies": 3,
        "mean": wanted.mean, "error": wanted.error, "low": wanted.low, "high": wanted.high,
    }  # fmt: skip
    held = row(rows, policy="phased", result="held")
    assert (held["companies"], held["mean"]) == (2, 0.625)
    alone = row(rows, policy="never", result="held")
    assert (alone["companies"], alone["mean"], alone["high"]) == (1, "", "")


def test_claims_are_told_where_both_rules_were_run() -> None:
    rows = list(report.claims_rows(STUDY))
    assert [one["claim"] for one in rows] == ["technique", "phased"]
    phased = row(rows, claim="phased")
    wanted = bca(np.array([2.0, 3.0, 4.0]))
    assert (phased["finding"], phased["difference"], phased["low"], phased["high"]) == (
        "holds", wanted.mean, wanted.low, wanted.high,
    )  # fmt: skip
    assert phased["sentence"] == next(claim.sentence for claim in CLAIMS if claim.name == "phased")


def test_differences_are_against_the_reference() -> None:
    rows = list(report.differences_rows(STUDY, "never"))
    assert [(one["policy"], one["against"], one["difference"]) for one in rows] == [
        ("phased", "never", 3.0), ("technique", "never", -18.0),
    ]  # fmt: skip
    assert rows[0]["low"] <= rows[0]["difference"] <= rows[0]["high"]
    assert [one["better in"] for one in rows] == [1, 0]


def test_the_best_rule_is_none_that_is_learned() -> None:
    learned = {**STUDY.results, "PPO": {result: np.full(3, 99.0) for result in RESULTS}}
    assert report.best_rule(Study(FIRM, {}, learned)) == "phased"
    assert report.best_rule(Study(FIRM, {}, {"PPO": learned["PPO"]})) == "PPO"


def test_years_are_means_of_their_own_periods() -> None:
    rows = list(report.years_rows(STUDY))
    assert [(one["policy"], one["year"]) for one in rows] == [(name, k) for name in PROFIT for k in (1, 2)]
    first, second = (row(rows, policy="phased", year=k) for k in (1, 2))
    assert (first["economic_profit"], second["economic_profit"]) == (4 * 23, 8 * 23)
    assert (first["working_capital"], second["working_capital"]) == (100 - 23, 100 - 46)
    assert (first["investment"], second["investment"]) == (4, 8)
    assert (first["stages"], second["stages"]) == (0, pytest.approx(2 / 3))
    assert (second["capability"], second["people"], second["discipline"]) == (0.5, 0.25, 0.75)
    for i, name in enumerate(MEASURES):
        assert (first[name], second[name]) == (i, 2 * i)


def test_lines_are_told_in_their_last_year() -> None:
    rows = list(report.lines_rows(STUDY))
    assert len(rows) == 2 * len(PROFIT)
    first, second = (row(rows, policy="phased", line=line) for line in ("first", "second"))
    assert (first["under pull"], first["stages"]) == (pytest.approx(2 / 3), pytest.approx(4 / 3))
    assert (second["under pull"], second["stages"]) == (0, 0)
    assert (first["cards"], second["cards"]) == (3, 1)
    assert (first["capability"], first["people"]) == (0.5, 0.25)
    assert [first[name] for name in MEASURES] == [2 * i for i in range(len(MEASURES))]


def test_suppliers_erosion_and_payback() -> None:
    suppliers = list(report.suppliers_rows(STUDY, Companies(FIRM)))
    assert len(suppliers) == 2 * len(PROFIT)
    mill, shop = (row(suppliers, policy="never", supplier=name) for name in ("mill", "shop"))
    assert (mill["cost_of_ownership"], mill["units a year"], mill["on_time"]) == (5, 10, 0.5)
    assert (shop["cost_of_ownership"], shop["units a year"], shop["on_time"]) == ("", 0, 1)
    erosion = row(report.erosion_rows(STUDY), policy="phased")
    assert (erosion["peak"], erosion["peak_month"], erosion["left"]) == (46, 15, 1)
    payback = list(report.payback_rows(STUDY))
    assert [one["policy"] for one in payback] == ["phased", "technique"]
    assert (payback[0]["paid back"], payback[0]["median months"]) == (1, 0)
    assert (payback[1]["paid back"], payback[1]["median months"]) == (0, "")
    assert list(report.payback_rows(STUDY, "what was not run")) == []


def tables_of(text: str) -> list[list[list[str]]]:
    """Return the tables of a Markdown text, each of whose rows has as many cells as its head."""
    found = []
    for block in text.split("\n\n"):
        if block.startswith("| "):
            rows = [line.strip("|").split("|") for line in block.splitlines()]
            assert len({len(cells) for cells in rows}) == 1, block
            assert {cell.strip() for cell in rows[1]} == {"---"}
            found.append([[cell.strip() for cell in cells] for cells in (rows[0], *rows[2:])])
    return found


def test_the_text_of_a_study_tells_the_best_first_and_no_number_that_is_none() -> None:
    text = report.study_text(STUDY, "jitgym company compare")
    assert text.startswith("# small: 3 companies, the same luck for every policy\n\n`jitgym company compare`\n")
    came_to, claims, against, pulled, lasts = tables_of(text)
    assert [cells[0] for cells in came_to] == ["policy", "phased", "never", "technique"]
    reach = interval(np.array(PROFIT["phased"]))
    assert came_to[1][1] == f"23 ± {reach.high - reach.mean:.3g}"
    assert [cells[0] for cells in claims] == ["claim", "technique", "phased"]
    assert claims[2][::2] == ["phased", "holds", "economic profit (money a year)"]
    assert claims[2][3].startswith("3 [")
    lasts_ = Study(FIRM, {"by the book": lived("technique")}, {"by the book": STUDY.results["technique"]})
    (row,) = tables_of(report.study_text(lasts_, ""))[1][1:]
    assert (row[0], *row[2:]) == ("erosion", "turned round", "never [never, never]", "months")
    assert "## Against the best rule, `phased`" in text
    assert against[1] == ["phased", "", "", "100 %", "0"]
    assert (against[2][0], against[2][2:]) == ("never", ["0 %", "", ""])
    assert against[2][1].startswith("-3 [")
    assert against[3][2:] == ["0 %", "0 %", ""]
    assert pulled == [
        ["policy", "first", "second"], ["phased", "67 %", "0 %"], ["never", "0 %", "0 %"], ["technique", "0 %", "0 %"],
    ]  # fmt: skip
    assert [cells[0] for cells in lasts] == ["policy", *PROFIT]
    assert lasts[2] == ["phased", "46", "15", "never", "100 %"]
    flat = Study(FIRM, {"never": a_run(8, 3)}, {"never": STUDY.results["never"]})
    assert tables_of(report.study_text(flat, ""))[-1][1] == ["never", "0", "3", "never", ""]
    assert "nan" not in (text + report.study_text(flat, "")).lower()


# -- timelines --


def a_plan(periods: int = 8, **known: Any) -> Run:
    """Return the run of a company that puts its first line under pull, and a lever or two to use."""
    return a_run(periods, **known)


def test_a_timeline_shows_stages_cards_and_money_quarter_by_quarter() -> None:
    levers = LeverTable(FIRM)
    stage, cards, spent = np.zeros((1, 8, 2)), np.full((1, 8, 2), 4), np.zeros((1, 8, 14))
    stage[0, :, 0] = [0, 1, 1, 2, 2, 2, 0, 0]
    cards[0, 4:, 1] = 12
    spent[0, :, levers.column("training[second]")] = [0, 1, 150, 300, 0, 0, 0, 0]
    spent[0, 2, levers.column("alternative[shop]")] = 700
    told = timeline(a_plan(stage=stage, cards=cards, spent=spent), FIRM).splitlines()
    assert told == [
        "                   |y1  |y2  |",
        "pull        first  |.112|22..|",
        "pull        second |....|....|",
        "cards       first  |4444|4444|",
        "cards       second |4444|cccc|",
        "alternative shop   |  # |    |",
        "training    second | .=#|    |",
    ]


def test_a_timeline_is_of_the_company_that_is_asked_for() -> None:
    stage = np.zeros((2, 8, 2))
    stage[1, 4:] = 1
    run = a_plan(n=2, stage=stage)
    assert "|....|....|" in timeline(run, FIRM).splitlines()[1]
    assert "|....|1111|" in timeline(run, FIRM, 1).splitlines()[1]
    assert milestones(run, FIRM) == ["first stays under push", "second stays under push"]
    assert milestones(run, FIRM, 1) == ["month 15: pilot at first", "month 15: pilot at second"]


@pytest.mark.parametrize(
    ("periods_per_year", "periods", "pulled"),
    [
        (13, 26, "|.111|1222|"),  # quarters end with the periods 3, 6, 10 and 13
        (1, 2, "|....|2222|"),
        (2, 4, "|..11|1122|"),
        (4, 6, "|...1|12|"),
    ],
)
def test_periods_of_any_length_have_quarters(periods_per_year: int, periods: int, pulled: str) -> None:
    firm = load_enterprise(small(periods_per_year=periods_per_year, horizon=periods))
    stage = {13: [0] * 5 + [1] * 12 + [2] * 9, 1: [0, 2], 2: [0, 1, 1, 2], 4: [0, 0, 0, 1, 1, 2]}[periods_per_year]
    spent = np.zeros((1, periods, 14))
    spent[:, :, LeverTable(firm).column("quality[first]")] = 300
    told = timeline(a_plan(periods, stage=np.array(stage)[None, :, None], spent=spent), firm).splitlines()
    assert told[1].endswith(pulled)
    assert told[-1].endswith(pulled.translate(str.maketrans(".12", "###"))), "money is spent all the time"


def test_milestones_are_told_in_their_order() -> None:
    stage = np.zeros((1, 8, 2))
    stage[0, :, 0] = [0, 1, 1, 2, 2, 0, 1, 1]
    stage[0, :, 1] = [1, 2, 2, 2, 2, 2, 2, 2]
    assert milestones(a_plan(stage=stage), FIRM) == [
        "month 3: pilot at second",
        "month 6: pilot at first",
        "month 6: pull at all stages of second",
        "month 12: pull at all stages of first",
        "month 18: back to push: first",
        "month 21: pilot at first",
    ]
