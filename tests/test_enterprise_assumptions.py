"""Assumptions that are moved: all that the page calls assumed, both ways, and nothing else with them."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from enterprises import small

from jitgym.enterprise.assumptions import AS_IT_IS, KINDS, NUMBERS, Change, changed, changes
from jitgym.enterprise.company import Companies
from jitgym.enterprise.constants import Dynamics, Planning
from jitgym.enterprise.description import Enterprise, load_enterprise

LISTED = run_path(str(Path(__file__).parent.parent / "docs" / "enterprise_numbers.py"))
"""The numbers of the page, with their sources."""
COMPONENTS = load_enterprise("components")
STAYS = {
    "levers/*/low", "levers/*/high", "levers/alternative/unit", "levers/cards/unit", "money/overhead",
    "money/fixed_assets", "money/cash", "capabilities/disruption/job_finish/best", "line/stages/*/initial",
    "line/items/*/initial",
}  # fmt: skip
"""Bounds and sizes of what is decided, what is the same for all policies, and what two years of history pass over."""
FIXED = ("definition", "a scale of the reward", "for the line used alone", "replaced by what capabilities set")


def flat(value: Any, *at: Any) -> dict[str, Any]:
    """Return every number of a description by its place."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in flat(inner, *at, key).items()}
    if isinstance(value, (list, tuple)):
        return {k: v for i, inner in enumerate(value) for k, v in flat(inner, *at, str(i)).items()}
    return {".".join(at): value}


def test_what_the_page_calls_assumed_is_moved() -> None:
    moved = {path for change in changes(COMPONENTS) for path in change.values}
    places = flat(COMPONENTS.model_dump(mode="json"))
    rows = [*LISTED["ENTERPRISE"], *((f"line/{place}", *rest) for place, *rest in LISTED["LINE"])]
    for place, _, source in rows:
        if source.startswith(FIXED):
            continue
        steps = place.split("/")
        if steps[0] == "capabilities":  # effects stand in lists, and are named by their parameters there
            wanted = [f"{steps[0]}.{steps[1]}.*.{end}" for end in ("best", "worst") if steps[-1] in (end, "*")]
        else:
            wanted = [place.replace("/", ".")]
        for pattern in wanted:
            own = [path for path in places if fnmatch(path, pattern) or fnmatch(path, f"{pattern}.*")]
            assert own or "any" in pattern, place
            left = [p for p in own if p not in moved and places[p] and not stays(p) and p.split(".")[-1] != "finish"]
            assert not left, place


def stays(path: str) -> bool:
    place = path.replace("capabilities.disruption.0", "capabilities.disruption.job_finish").replace(".", "/")
    neutral = path.startswith("suppliers.") and path.endswith(".price")  # of those who charge the usual price
    return neutral or any(fnmatch(place, one) for one in STAYS)


def test_every_constant_is_moved_to_both_ends_of_its_range() -> None:
    values: dict[str, list[float]] = {}
    for change in changes(COMPONENTS):
        if change.path.partition(".")[0] in ("dynamics", "planning"):
            assert list(change.values) == [change.path]
            values.setdefault(change.path, []).extend(change.values.values())
    for part, kind in (("dynamics", Dynamics), ("planning", Planning)):
        for name, info in kind.model_fields.items():
            extra: Any = info.json_schema_extra
            if extra:
                assert values.pop(f"{part}.{name}") == [extra["low"], extra["high"]]
    assert not values


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("amount", 5.0, [2.5, 10]),
        ("share", 0.25, [0.125, 0.5]),
        ("share", 0.5, [0.25, 0.75]),
        ("factor", 1.5, [1.25, 2]),
        ("factor", 0.75, [0.875, 0.5]),
        ("factor", 0.25, [0.625, 0.125]),
        ("count", 1, [1, 2]),
        ("count", 9, [4, 18]),
        ("quarter", 8, [6, 10]),
        ("tenth", 10.0, [9, 11]),
    ],
)
def test_numbers_move_by_their_kind(kind: str, value: float, wanted: list[float]) -> None:
    assert [move(value) for move in KINDS[kind].values()] == pytest.approx(wanted)


def test_all_places_of_a_kind_move_together_and_are_told_by_their_numbers_where_these_are_the_same() -> None:
    by = {(change.path, change.told): change.values for change in changes(COMPONENTS)}
    assert by["lines.*.times.*", "1.25 (1.5)"] == {"lines.2.times.hazard": 1.25}
    assert by["lines.*.start.changeover", "halved"] == {
        f"lines.{i}.start.changeover": start / 2 for i, start in enumerate((0.2, 0.1, 0.2, 0.2))
    }
    assert by["shocks.demand_shift.low|high", "half as far from one"] == {
        "shocks.demand_shift.low": 0.9, "shocks.demand_shift.high": 1.1,
    }  # fmt: skip
    setups = by["capabilities.changeover.setup_slots.best", "half way to the worst"]
    assert setups == {"capabilities.changeover.0.best": 8, "capabilities.changeover.1.best": 6}
    assert by["capabilities.supplier.on_time.worst", "0.695 (0.4)"] == {"capabilities.supplier.0.worst": 0.695}
    assert all(values for values in by.values())
    assert not any(path.startswith("capabilities.disruption") and path.endswith("best") for path, _ in by)


def test_what_is_nothing_is_not_moved() -> None:
    firm = load_enterprise(small(shocks={"outage": {"per_year": 0}}))
    paths = {change.path for change in changes(firm)}
    assert not paths & {"shocks.outage.per_year", "line.prices.stop"}
    assert {"shocks.escape.per_year", "line.prices.lost"} <= paths


def test_what_breaks_a_rule_is_left_out() -> None:
    firm = load_enterprise(small(start_cards=4))  # the most of its lever
    assert [change.told for change in changes(firm) if change.path == "start_cards"] == ["3 (4)"]


@pytest.mark.parametrize("firm", [COMPONENTS, load_enterprise(small())], ids=["components", "small"])
def test_a_change_changes_that_and_nothing_else(firm: Enterprise) -> None:
    before = flat(firm.model_dump(mode="json"))
    seen = {firm.hash}
    for change in changes(firm):
        other = changed(firm, change)
        after = flat(other.model_dump(mode="json"))
        assert set(after) == set(before)
        assert {path: after[path] for path in before if before[path] != after[path]} == change.values
        assert other.hash not in seen, change
        seen.add(other.hash)
    assert changed(firm, AS_IT_IS).hash == firm.hash
    back = Change("", "", {path: before[path] for path in change.values})
    assert changed(other, back).hash == firm.hash


def test_a_moved_assumption_moves_the_companies() -> None:
    firm = load_enterprise(small())
    dear = changed(firm, Change("money.overhead", "", {"money.overhead": 1090.0}))
    one, other = (Companies(each, 1, seed=1).step(Companies(each).levers.at_rest) for each in (firm, dear))
    assert (one.account.profit - other.account.profit).tolist() == [2 * 1000 * 10_000]


def test_kinds_are_those_that_there_are() -> None:
    assert set(NUMBERS.values()) <= set(KINDS)
