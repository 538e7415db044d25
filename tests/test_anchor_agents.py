"""Agents against the exact optimum: what the benchmark computes and tells."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

pytest.importorskip("stable_baselines3", reason="needs the extra `agents`")

from anchor_agents import (  # noqa: E402
    ALGORITHMS,
    MENUS,
    SECTIONS,
    WANTED,
    Measurement,
    Start,
    best_rule,
    counted,
    kept,
    measured,
    page,
    result_of,
    started,
    table,
    told,
)

from jitgym.agents.settings import read_settings  # noqa: E402
from jitgym.agents.train import Training  # noqa: E402
from jitgym.anchors import anchor  # noqa: E402
from jitgym.fields import OFF  # noqa: E402
from jitgym.rules import rule_family  # noqa: E402

EXACT = {"optimum": 4.04, "published": {}, "rule": "basestock", "numbers": [12]}


def facts(validation: float) -> dict[str, float]:
    return {"validation": validation, "seconds": 10.0}


def test_distances_are_paired_and_in_percent_of_the_optimum():
    luck = np.random.default_rng(0).normal(0, 1, 400)
    base = {"optimum": (4 + luck).tolist(), "rule": (4.4 + luck).tolist()}
    agents = [(facts(5.0), {"agent": (4.08 + luck).tolist()}), (facts(4.0), {"agent": (4.02 + luck).tolist()})]
    one = result_of("lost_sales_1_4", EXACT, base, agents, "today")
    unit = 100 / np.mean(base["optimum"])
    assert one.rule_above == pytest.approx(0.4 * unit)
    assert one.above == pytest.approx([0.08 * unit, 0.02 * unit])
    assert max(one.errors) < 1e-9  # the luck is the same for all
    assert (one.selected, one.seconds, one.published) == (1, 10.0, None)
    (row,) = table([one])
    assert row[2] == ""
    assert row[6].startswith(f"{0.02 * unit:.2f} [")
    assert "within 1 % of the optimum on 1 of 1 anchors" in counted([one])


def test_regret_is_in_percent_of_the_long_run() -> None:
    base = {"optimum": [4.0, 3.9], "rule": [4.4, 4.3]}
    one = result_of("exact_maintenance", EXACT, base, [(facts(4.0), {"regret": [0.0404, 0.0808]})], "today")
    assert one.above == pytest.approx([1.5])
    assert one.errors == pytest.approx([0.5])
    assert one.algorithm == "counted"


STORED = ROOT / "benchmarks" / "results" / "anchor_agents"


def test_the_stored_page_says_what_the_stored_results_say() -> None:
    results = kept(STORED / "anchor_agents.json", ())
    assert [one.anchor for one in results] == list(WANTED)
    assert (STORED / "anchor_agents.md").read_text("utf-8") == page(results)


def test_results_of_other_anchors_are_kept_with_what_they_are_of(tmp_path: Path) -> None:
    path = STORED / "anchor_agents.json"
    left = kept(path, WANTED[:3])
    assert [one.anchor for one in left] == list(WANTED[3:])
    assert kept(tmp_path / "none.json", ()) == []
    named = told([replace(left[0], about="then"), *(replace(one, about="now") for one in left[1:])])
    assert named.splitlines() == [f"* `{WANTED[3]}`: then", f"* `{WANTED[4]}` to `{WANTED[-1]}`: now"]


@pytest.mark.parametrize("name", MENUS)
def test_agents_make_only_settings_that_regret_knows(name: str) -> None:
    """Cards as they are; a level of maintenance comes to now or not now, by what the machine is worn."""
    start, algorithm = best_rule(name), ALGORITHMS[name]
    family = rule_family(anchor(name).scenario, start.rule)
    settings = read_settings(algorithm, SECTIONS[name])
    described = Training(
        anchor(name).scenario, 0, family.rule(np.array(start.numbers)), settings=settings, algorithm=algorithm
    )
    off, cards, _ = described.structure().menus
    assert set(off) == {OFF}
    assert set(cards) <= {cards for _, cards, _ in MENUS[name]}


def test_an_anchor_is_solved_and_its_best_rule_found_and_run():
    exact = started("lost_sales_1_4", lambda *told: None)
    assert exact["optimum"] == pytest.approx(exact["published"]["optimum"], abs=0.005)
    start = Start(exact["rule"], tuple(exact["numbers"]))
    costs = measured(Measurement("lost_sales_1_4", 300, start), lambda *told: None)
    assert {name: len(found) for name, found in costs.items()} == {"optimum": 300, "rule": 300}
    gap = np.array(costs["rule"]) - np.array(costs["optimum"])
    exactly = anchor("lost_sales_1_4").cost("base stock", start.numbers) - exact["optimum"]
    assert (
        abs(gap.mean() - exactly) < 4 * gap.std() / np.sqrt(300) + 0.01
    )  # 0.01: an episode ends, the long run does not


def test_every_anchor_has_settings():
    assert len(WANTED) == 17
    for name in WANTED:
        read_settings(ALGORITHMS[name], SECTIONS[name])
    assert read_settings("dcl", SECTIONS["lost_sales_4_39"])["ahead"] < read_settings("dcl")["ahead"]
