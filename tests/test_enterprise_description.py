"""Descriptions of enterprises: every rule told once with place, rule and value; round trips; hashes; parameters."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from enterprises import CALM, LINE, SMALL, decide, small

from jitgym.enterprise.batch import NO_OUTAGE, Parameters, batch_scenario, own_value
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise, EnterpriseError, enterprise_files, load_enterprise
from jitgym.enterprise.levers import BACK, HOLD, ORDERS, LeverTable
from jitgym.scenario import load_scenario
from jitgym.simulator import Simulator

MILL, SHOP = SMALL["suppliers"]
EFFECTS = SMALL["capabilities"]


def effect(capability: str, *effects: dict[str, Any]) -> dict[str, Any]:
    """Change what a capability sets."""
    return {"capabilities": {capability: list(effects)}}


def line(**changes: Any) -> dict[str, Any]:
    """One line in place of the two."""
    return {"lines": [{"name": "x", **changes}]}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "lever without bounds": ({"levers": {"cards": {"unit": 4, "high": ...}}}, "levers.cards.high must be given"),
    "no lever": ({"levers": {"training": ...}}, "levers.training must be given"),
    "lever upside down": (
        {"levers": {"quality": {"low": 3, "high": 2}}},
        "levers.quality.low must be <= high = 2, got 3",
    ),
    "lever below zero": ({"levers": {"quality": {"low": -1}}}, "levers.quality.low must be >= 0, got -1"),
    "shares above one": (
        {"levers": {"alternative": {"high": 3, "unit": 0.5}}},
        "levers.alternative.high must be at most 1 / unit, got 3 of 0.5",
    ),
    "money in parts": (
        {"levers": {"develop": {"unit": 0.5}}},
        "levers.develop.unit must be a whole number, got 0.5",
    ),
    "cards in parts": ({"levers": {"cards": {"unit": 1.5}}}, "levers.cards.unit must be a whole number, got 1.5"),
    "cards at the start": ({"start_cards": 5}, "start_cards must be in 0..4, got 5"),
    "no lines": ({"lines": []}, "lines must have at least 1 item, got []"),
    "another structure": (
        line(stages=[]),
        "lines[0].stages must not be given, got it for 'x': all lines have the structure of the enterprise's line, and "
        "differ in demand, times, start and suppliers",
    ),
    "a line twice": ({"lines": [{"name": "x"}, {"name": "x"}]}, "lines[1].name must be unique, got 'x' again"),
    "a supplier twice": (
        {"suppliers": [MILL, {**SHOP, "name": "mill"}]},
        "suppliers[1].name must be unique, got 'mill' again",
    ),
    "start above one": (line(start={"quality": 1.5}), "lines[0].start.quality must be <= 1, got 1.5"),
    "people at the start": (
        line(start={"people": 0.5}),
        "lines[0].start has no key 'people' (there are: changeover, quality, maintenance)",
    ),
    "unknown who delivers": (
        line(suppliers={"mill": "shop"}),
        "lines[0].suppliers must name one that delivers 'mill', got 'shop' (there are: mill)",
    ),
    "unknown place of supply": (
        line(suppliers={"mil": "mill"}),
        "lines[0].suppliers must name suppliers of the line, got 'mil' (did you mean 'mill'?)",
    ),
    "delivers nothing known": (
        {"suppliers": [MILL, SHOP, {"name": "third", "delivers": "mil"}]},
        "suppliers[2].delivers must name a supplier of the line, got 'mil' (did you mean 'mill'?)",
    ),
    "nobody delivers": (
        {"suppliers": [MILL]},
        "suppliers must have one that delivers 'shop', got none\n"
        "suppliers must be one regular place for each item, got shop, mill for 'bar'",
    ),
    "two regular places": (
        {"suppliers": [MILL, {"name": "shop", "delivers": "shop"}]},
        "suppliers must be one regular place for each item, got shop, mill for 'bar'",
    ),
    "alternative and not": (
        {"suppliers": [MILL, SHOP, {"name": "third", "delivers": "shop"}]},
        "suppliers[1].alternative must be given for all or none who deliver 'shop'\n"
        "suppliers[2].alternative must be given for all or none who deliver 'shop'",
    ),
    "unknown parameter": (
        effect("maintenance", *EFFECTS["maintenance"], {"parameter": "hazzard", "worst": 1, "best": 0.5}),
        "capabilities.maintenance[2].parameter must be 'job_finish', 'setup_slots', 'setup_finish', 'repair_slots', "
        "'repair_finish', 'stop_finish', 'hazard', 'shift', 'defect', 'detect', 'on_time', 'catch_up' or 'defective', "
        "got 'hazzard'",
    ),
    "a parameter twice": (
        effect("maintenance", *EFFECTS["maintenance"], {"parameter": "defect", "at": "pack", "worst": 1, "best": 0.5}),
        "capabilities.maintenance must not set defect[pack] again",
    ),
    "a place that is not there": (
        effect("changeover", {"parameter": "setup_slots", "at": "cutt", "worst": 5, "best": 1}),
        "capabilities.changeover must be at cut, got 'cutt' (did you mean 'cut'?)",
    ),
    "a parameter that the line has not": (
        effect("supplier", *EFFECTS["supplier"], {"parameter": "defective", "worst": 0.1, "best": 0}),
        "capabilities.supplier must set what the line has, got 'defective' in a line without one",
    ),
    "suppliers by a line's capability": (
        {"capabilities": {"changeover": [{"parameter": "on_time", "worst": 0.5, "best": 1}], "supplier": []}},
        "capabilities.changeover must set parameters of stages, got 'on_time'",
    ),
    "machines by a supplier's capability": (
        {"capabilities": {"supplier": [{"parameter": "setup_slots", "worst": 5, "best": 1}], "changeover": []}},
        "capabilities.supplier must set parameters of suppliers, got 'setup_slots'",
    ),
    "never ends": (
        effect("disruption", {"parameter": "job_finish", "worst": 0, "best": 1}),
        "capabilities.disruption[0].worst must be >= 4.65661e-10 for job_finish, got 0",
    ),
    "no probability": (
        effect("disruption", {"parameter": "job_finish", "worst": 0.5, "best": 2}),
        "capabilities.disruption[0].best must be <= 1 for job_finish, got 2",
    ),
    "no slot": (
        effect("changeover", {"parameter": "setup_slots", "worst": 4, "best": 0}),
        "capabilities.changeover[0].best must be >= 1 for setup_slots, got 0",
    ),
    "too many times": (
        effect("maintenance", {"parameter": "hazard", "worst": 17, "best": 1}),
        "capabilities.maintenance[0].worst must be <= 16 for hazard, got 17",
    ),
    "times of what nothing sets": (
        line(times={"hazrd": 2}),
        "lines[0].times must name parameters that capabilities set, got 'hazrd' (did you mean 'hazard'?)",
    ),
    "times of nothing": (line(times={"hazard": 0}), "lines[0].times.hazard must be > 0, got 0"),
    "demand without a mean": (
        line(demand={"trace": [1, 2]}),
        "lines[0].demand must be bernoulli, poisson or negative_binomial: it shifts",
    ),
    "demand without end": (
        line(demand="saturated"),
        "lines[0].demand must be bernoulli, poisson or negative_binomial: it shifts",
    ),
    "demand above one": (
        line(demand={"bernoulli": 0.8}),
        "lines[0].demand.bernoulli must be at most 1 / shocks.demand_shift.high = 0.6667, got 0.8",
    ),
    "demand of other products": (
        line(demand=[{"poisson": 1}]),
        "lines[0].demand must be one law or a list of 2, one for each product, got 1",
    ),
    "shift upside down": (
        {"shocks": {"demand_shift": {"low": 1.2}}},
        "shocks.demand_shift.low must be <= 1, got 1.2",
    ),
    "shift around one": (
        {"shocks": {"demand_shift": {"low": 0.7, "high": 1.2}}},
        "shocks.demand_shift low and high must have 1 among 17 levels at even steps from one to the other, as 0.8 and "
        "1.2 have, got 0.7 and 1.2",
    ),
    "escapes of nothing": (
        effect("quality", {"parameter": "detect", "worst": 0.5, "best": 1}),
        "shocks.escape.per_year must be 0 where no capability sets 'defect', got 0.5",
    ),
    "no books": (
        {"line": {"finance": ...}},
        "line.finance must be given: the company has books, got none",
    ),
    "units paid twice": (
        {"line": {"prices": {"unit": 1}}},
        "line.prices.unit must be 0: line.finance.material is what units cost, got 1.0",
    ),
    "a line that is none": (
        {"line": {"stages": []}},
        "line scenario: stages must have at least 1 item, got []",
    ),
    "an unknown key": (
        {"colour": "red"},
        "has no key 'colour' (there are: name, description, line, days, periods_per_year, horizon, lines, suppliers, "
        "levers, capabilities, dynamics, planning, start_cards, money, shocks)",
    ),
    "an unknown constant": ({"dynamics": {"grow": 3}}, "dynamics has no key 'grow' (did you mean 'growth'?)"),
    "a half-life of nothing": ({"dynamics": {"growth": 0}}, "dynamics.growth must be > 0, got 0"),
    "no days": ({"days": 0, "line": {"slots_per_year": 1}}, "days must be >= 1, got 0"),
    "another year than the line's": (
        {"days": 6, "line": {"slots_per_year": 80}},
        "days x periods_per_year must make the 80 slots of the line's year, got 6 x 4 of 4 slots",
    ),
    "debts": ({"money": {"budget": -1}}, "money.budget must be >= 0, got -1"),
    "a reward of nothing": ({"money": {"reward_scale": 0}}, "money.reward_scale must be > 0, got 0"),
    "an unknown line": (
        {"line": "components_lin"},
        "line.scenario must be a known name or a YAML file, got 'components_lin' (did you mean 'components_line'?)",
    ),
}
"""Changes of the small company, ``...`` for what is left out, and what is told of them."""


def without(description: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is ``...``."""
    return {
        name: without(value) if isinstance(value, dict) else value
        for name, value in description.items()
        if value is not ...
    }


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_once_with_place_rule_and_value(wrong: str) -> None:
    changes, rules = WRONG[wrong]
    with pytest.raises(EnterpriseError) as told:
        load_enterprise(without(small(**changes)))
    assert str(told.value).split("\n") == [f"enterprise: {rule}" for rule in rules.split("\n")]


def test_every_fault_is_told_and_in_a_file_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    wrong = without(small(start_cards=9, **line(times={"hazrd": 2})))
    path.write_text(yaml.safe_dump(wrong, sort_keys=False), encoding="utf-8")
    with pytest.raises(EnterpriseError) as told:
        load_enterprise(path)
    rows = str(told.value).split("\n")
    assert len(rows) == 2
    number = 1 + next(k for k, row in enumerate(path.read_text().split("\n")) if row.startswith("start_cards"))
    assert any(row.startswith(f"{path}:{number}") and "start_cards must be in 0..4" in row for row in rows)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "component",
            r"enterprise must be a known name or a YAML file, got 'component' \(did you mean 'components'\?\)",
        ),
        (Path("nowhere.yaml"), r"enterprise must be a known name or a YAML file, got 'nowhere.yaml'"),
    ],
)
def test_an_enterprise_that_is_not_there_is_told(source: Any, message: str) -> None:
    with pytest.raises(EnterpriseError, match=message):
        load_enterprise(source)


@pytest.mark.parametrize("text", ["- 1", "name: [", "\0"])
def test_a_file_that_is_no_description_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "no.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EnterpriseError, match=r"no\.yaml: must (hold a mapping of keys|be a readable YAML file)"):
        load_enterprise(path)


# -- round trips and hashes --


@pytest.mark.parametrize("source", [*sorted(enterprise_files()), "small"])
def test_yaml_and_back(tmp_path: Path, source: str) -> None:
    enterprise = load_enterprise(small() if source == "small" else source)
    path = tmp_path / "again.yaml"
    path.write_text(enterprise.to_yaml(), encoding="utf-8")
    again = load_enterprise(path)
    assert again == enterprise
    assert again.hash == enterprise.hash
    assert load_enterprise(enterprise) is enterprise
    assert load_enterprise(enterprise.model_dump(mode="json")) == enterprise


def test_the_line_may_be_a_file_beside_the_description(tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(yaml.safe_dump(LINE), encoding="utf-8")
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "line": "pair.yaml"}), encoding="utf-8")
    assert load_enterprise(path) == load_enterprise(small())


def test_the_hash_changes_with_all_but_the_text() -> None:
    base = load_enterprise(small()).hash
    assert len(base) == 12
    assert load_enterprise(small(description="other words", line={"description": "more"})).hash == base
    changes: list[dict[str, Any]] = [
        {"days": 6},
        {"line": {"demand": {"law": {"poisson": 0.21}}}},
        {"dynamics": {"growth": 10}},
        {"planning": {"lead": 61}},
        {"money": {"cash": 501}},
        {"shocks": {"escape": {"times": 5}}},
        {"suppliers": [MILL, {**SHOP, "start": 0.51}]},
        {"levers": {"cards": {"high": 5}}},
        {"start_cards": 3},
        effect("changeover", {"parameter": "setup_slots", "at": "cut", "worst": 6, "best": 1}),
    ]
    assert len({load_enterprise(small(**change)).hash for change in changes} | {base}) == len(changes) + 1


def test_a_description_cannot_be_changed() -> None:
    enterprise = load_enterprise(small())
    with pytest.raises(ValueError, match="frozen"):
        enterprise.days = 3  # type: ignore[misc]


# -- levers --


def test_levers_in_their_order_with_their_bounds() -> None:
    table = LeverTable(load_enterprise(small(levers={"quality": {"low": 1, "high": 2}})))
    of_line = ["changeover", "quality", "maintenance", "training", "rollout", "cards"]
    names = ["develop[mill]", "alternative[shop]"]
    names += [f"{kind}[{name}]" for name in ("first", "second") for kind in of_line]
    assert list(table.names) == names
    assert len(table) == len(names)
    assert [table.column(name) for name in names] == list(range(14))
    assert table.low.tolist() == [0, 0] + [0, 1, 0, 0, HOLD, 0] * 2
    assert table.high.tolist() == [3, 4] + [2, 2, 2, 2, BACK, 4] * 2
    assert table.at_rest.tolist() == [0, 0] + [0, 1, 0, 0, HOLD, 2] * 2
    assert sorted(ORDERS) == [0, 1, 2, 3]
    assert (table.checked(table.at_rest, 3) == table.at_rest).all()


# -- what capabilities make of the lines --


def test_own_values_stay_possible() -> None:
    assert own_value("hazard", 1.5, 2.0) == 3.0
    assert own_value("hazard", 10, 2.0) == 16.0
    assert own_value("repair_finish", 0.75, 2.0) == 1.0
    assert own_value("setup_slots", 5, 1.5) == 8.0  # 7.5, to the even
    assert own_value("setup_slots", 1, 0.1) == 1.0


def parameters_of(enterprise: Enterprise) -> tuple[Parameters, Simulator]:
    simulator = Simulator(batch_scenario(enterprise), len(enterprise.lines))
    return Parameters.of(enterprise, tuple((v.parameter, v.place) for v in simulator.varied)), simulator


def test_every_parameter_follows_its_own_capability_from_worst_to_best() -> None:
    enterprise = load_enterprise(small())
    parameters, simulator = parameters_of(enterprise)
    names = [entry.name for entry in simulator.varied]
    # two lines of four capabilities, two suppliers, how undisturbed the lines are, and 1
    row = np.zeros((1, 13))
    row[0, 12] = 1
    rows = {"changeover": (0, 4), "quality": (1, 5), "maintenance": (2, 6), "disruption": (10, 11)}
    ways = {
        "setup_slots[cut]": ("changeover", 5, 1, 1),
        "defect[cut]": ("quality", 1.5, 0.25, 1),
        "detect[pack]": ("quality", 0.25, 1, 1),
        "hazard[pack]": ("maintenance", 1.5, 0.25, 1.5),
        "repair_finish[cut]": ("maintenance", 0.125, 0.5, 1),
        "job_finish[cut,a]": ("disruption", 0.5, 1, 1),
        "job_finish[pack,b]": ("disruption", 0.5, 1, 1),
    }
    base = parameters.values(row)[0]
    for name, (capability, worst, best, times) in ways.items():
        column = names.index(name)
        for one in range(2):
            assert base[one, column] == worst * (times if one else 1)
            for level in (0.3, 1.0):
                row[0, rows[capability][one]] = level
                values = parameters.values(row)[0]
                mean = (worst + (best - worst) * level) * (times if one else 1)
                assert values[one, column] == pytest.approx(round(mean) if "slots" in name else mean)
                assert (values[1 - one] == base[1 - one]).all(), "lines do not share capabilities"
                row[0, rows[capability][one]] = 0
    for supplier, name in ((8, "mill"), (9, "shop")):
        row[0, supplier] = 0.5
        values = parameters.values(row)[0]
        changed = [names[c] for c in np.flatnonzero((values != base).any(axis=0))]
        assert changed == [f"on_time[{name}]", f"catch_up[{name}]"]
        assert values[:, names.index(f"on_time[{name}]")].tolist() == [0.75, 0.75], "lines share their suppliers"
        row[0, supplier] = 0


def test_lines_may_have_suppliers_of_their_own() -> None:
    other = {"name": "forge", "delivers": "mill", "start": 1.0, "price": 1.2}
    lines = [{"name": "first"}, {"name": "second", "suppliers": {"mill": "forge"}}]
    firms = Companies(small(suppliers=[MILL, SHOP, other], lines=lines, shocks=CALM), 3, seed=1)
    assert "develop[forge]" in firms.levers.names
    on_time = [entry.name for entry in firms.simulator.varied].index("on_time[mill]")
    delivered = charged = 0
    for _ in range(6):
        period = firms.step(firms.levers.at_rest)
        assert period.parameters.reshape(3, 2, -1)[:, :, on_time].tolist() == [[0.625, 1.0]] * 3
        units = period.ledger["delivered"].reshape(3, 2, 2)[:, :, 1]
        assert (period.account.supplier_units[:, [0, 2]] == units).all()
        delivered, charged = delivered + units[:, 1].sum(), charged + period.account.supplier_purchases[:, 2].sum()
    assert delivered > 0
    assert charged == delivered * 24 * 10_000


def test_the_batch_is_the_line_with_what_the_plan_needs() -> None:
    enterprise = load_enterprise(small())
    scenario = batch_scenario(enterprise)
    own = load_scenario(copy.deepcopy(LINE))
    for part in ("stages", "items", "demand", "prices", "finance", "products", "slots_per_step"):
        assert getattr(scenario, part) == getattr(own, part), part
    assert {control.knob for control in scenario.control} == {"kanban", "lot", "release", "order"}
    assert [supplier.outage.model_dump() for supplier in scenario.suppliers if supplier.outage] == [NO_OUTAGE] * 2
    assert scenario.horizon == 5 * 12


@pytest.mark.parametrize("source", sorted(enterprise_files()))
def test_shipped_enterprises_say_where_they_are_from_and_can_be_run(source: str) -> None:
    text = enterprise_files()[source].read_text(encoding="utf-8")
    assert text.startswith("# Source:")
    assert "# Licence:" in text
    assert "# Teaches:" in text
    firms = Companies(source, 2, seed=1)
    assert firms.enterprise.name == source
    period = firms.step(decide(firms, changeover=1, rollout=1, training=1))
    assert (period.spent.sum(axis=1) > 0).all()
