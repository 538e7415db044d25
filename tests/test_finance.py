"""Money: values by hand, conserved slot by slot, and the identities of working capital and of its days."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from jitgym.errors import InputError
from jitgym.finance import DAYS_PER_YEAR, Books
from jitgym.ledger import Ledger
from jitgym.scenario import ScenarioError, load_scenario
from jitgym.simulator import Simulator
from jitgym.tables import build_tables

FINANCE = {
    "price": 100,
    "material": [20, 5],
    "added": [1, 2, 4],
    "customers_pay_after": 30,
    "suppliers_paid_after": 45,
    "capital_cost": 0.1,
}
TREE = {
    "name": "tree",
    "products": ["plain", {"name": "fancy", "law": {"poisson": 0.1}}],
    "stages": [
        {"name": "frame", "feeds": "final", "setup": 1, "initial": 2},
        {"name": "motor", "feeds": "final", "initial": 2, "quality": {"defect": 0.1, "detect": 0.7}},
        {"name": "final", "spoil": 0.05, "initial": 2, "quality": {"defect": 0.05, "detect": 0.5, "rework": True}},
    ],
    "items": [
        {"name": "steel", "stage": "frame", "initial": 9},
        {"name": "trim", "stage": "final", "initial": 5, "products": "fancy"},
    ],
    "suppliers": [
        {"name": "far", "item": "steel", "lead_time": 9, "defective": 0.1, "inspect": 0.5},
        {"name": "near", "item": "steel", "lead_time": 1},
        {"name": "mine", "item": "trim", "lead_time": 2},
    ],
    "demand": {"law": {"poisson": 0.3}},
    "control": [{"knob": "kanban", "high": 12, "default": 5}, {"knob": "target", "high": 30, "default": 9}],
    "finance": {"price": [100, 150], "material": [20, 8], "added": [1, 2, 4], "customers_pay_after": 30},
}


def ledger_of(scenario, counts):
    """A ledger of one line."""
    layout = build_tables(scenario).ledger
    array = np.zeros((1, layout.size), dtype=np.int64)
    for field, values in counts.items():
        array[0, layout[field]] = values
    return Ledger(layout, array)


@pytest.fixture
def books(line):
    scenario = load_scenario(line | {"finance": FINANCE, "slots_per_year": 3650})
    return Books(scenario), scenario


def test_a_unit_is_worth_what_went_into_it(books):
    book, _ = books
    assert book.material.tolist() == [20, 5]
    assert book.incoming[:, 0].tolist() == [20, 21, 28]  # bar; and cut; and drilled, with the box
    assert book.outgoing[:, 0].tolist() == [21, 23, 32]


def test_values_meet_where_lines_meet():
    book = Books(load_scenario(TREE))
    assert book.incoming.tolist() == [[20, 20], [0, 0], [23, 31]]  # trim is for the fancy ones
    assert book.outgoing.tolist() == [[21, 21], [2, 2], [27, 35]]


def test_money_of_a_ledger_written_by_hand(books):
    book, scenario = books
    counts = {
        "slots": 100,
        "shipped": 40,
        "finished": (50, 45, 42),
        "process_slots": (100, 200, 300),
        "store_slots": (10, 20, 70),
        "item_slots": (400, 200),
        "delivered": (60, 30),
    }
    ledger = ledger_of(scenario, counts)
    inventory = (100 * 20 + 200 * 21 + 300 * 28 + 10 * 21 + 20 * 23 + 70 * 32 + 400 * 20 + 200 * 5) / 100
    assert book.inventory(ledger) == inventory
    assert book.revenue(ledger) == 4000
    assert book.cost_of_sales(ledger) == 40 * 32
    assert book.purchases(ledger) == 60 * 20 + 30 * 5
    assert book.added(ledger) == 50 * 1 + 45 * 2 + 42 * 4
    # ten slots are a day: customers owe 300 slots of 40 money, suppliers are owed 450 slots of 13.5
    assert book.receivables(ledger) == pytest.approx(40 * 300)
    assert book.payables(ledger) == pytest.approx(13.5 * 450)
    working = inventory + 12_000 - 6075
    assert book.working_capital(ledger) == pytest.approx(working)
    assert book.capital_charge(ledger) == pytest.approx(0.1 * working * 100 / 3650)
    assert book.days_of_inventory(ledger) == pytest.approx(inventory / 128)  # 12.8 a slot, 128 a day
    assert book.days_of_receivables(ledger) == pytest.approx(30)
    assert book.days_of_payables(ledger) == pytest.approx(6075 / 128)
    assert book.cash_conversion_days(ledger) == pytest.approx(inventory / 128 + 30 - 6075 / 128)


@pytest.mark.parametrize("slots", [1, 37])
def test_values_are_conserved(slots):
    """What stock gains is what was bought and added, less what was sold and lost, whatever happens."""
    scenario = load_scenario(TREE)
    book, simulator = Books(scenario), Simulator(scenario, 16, 3)

    def worth():
        units = simulator.state("queue") + simulator.state("job")
        inside = (units * book.incoming).sum((1, 2)) + (simulator.state("store") * book.outgoing).sum((1, 2))
        return inside + simulator.state("stock") @ book.material

    lost = np.zeros(16)
    for _ in range(60):
        before, ledger = worth(), simulator.step(simulator.default_knobs, slots)
        flows = book.purchases(ledger) + book.added(ledger) - book.cost_of_sales(ledger) - book.losses(ledger)
        np.testing.assert_allclose(worth() - before, flows, atol=1e-9)
        lost += book.losses(ledger)
        assert (ledger["slots"] == slots).all()
    assert (lost > 0).any()
    totals = Simulator(scenario, 16, 3).step(simulator.default_knobs, 60 * slots)
    assert all(totals.total(field).sum() > 0 for field in ("scrapped", "spoiled", "returned", "rejected"))


def test_stock_of_a_ledger_is_the_mean_of_what_stood_there():
    scenario = load_scenario(TREE)
    book, simulator, seen = Books(scenario), Simulator(scenario, 4, 3), []
    total = None
    for _ in range(50):
        ledger = simulator.step(simulator.default_knobs, 1)
        total = ledger if total is None else total + ledger
        units = simulator.state("queue") + simulator.state("job")
        inside = (units * book.incoming).sum((1, 2)) + (simulator.state("store") * book.outgoing).sum((1, 2))
        seen.append(inside + simulator.state("stock") @ book.material)
    np.testing.assert_allclose(book.inventory(total), np.mean(seen, axis=0))


def test_identities():
    scenario = load_scenario(TREE)
    book = Books(scenario)
    simulator = Simulator(scenario, 8, 5)
    parts = [simulator.step(simulator.default_knobs, slots) for slots in (100, 300)]
    whole = parts[0] + parts[1]
    np.testing.assert_array_equal(
        book.working_capital(whole), book.inventory(whole) + book.receivables(whole) - book.payables(whole)
    )
    np.testing.assert_array_equal(
        book.cash_conversion_days(whole),
        book.days_of_inventory(whole) + book.days_of_receivables(whole) - book.days_of_payables(whole),
    )
    for flow in (book.revenue, book.cost_of_sales, book.purchases, book.added, book.losses, book.capital_charge):
        np.testing.assert_allclose(flow(whole), flow(parts[0]) + flow(parts[1]))
    for stock in (book.inventory, book.receivables, book.payables, book.working_capital):
        np.testing.assert_allclose(400 * stock(whole), 100 * stock(parts[0]) + 300 * stock(parts[1]))
    np.testing.assert_allclose(book.days_of_receivables(whole), 30)
    # Little's law for money: worth of stock = what leaves in a day, by its worth, times the days that it stays
    a_day = book.cost_of_sales(whole) / 400 * scenario.slots_per_year / DAYS_PER_YEAR
    np.testing.assert_allclose(book.inventory(whole), a_day * book.days_of_inventory(whole))


def test_without_sales_there_are_no_days(books):
    book, scenario = books
    ledger = ledger_of(scenario, {"slots": 10, "item_slots": (5, 5)})
    assert np.isnan(book.days_of_inventory(ledger)).all()
    assert np.isnan(book.days_of_receivables(ledger)).all()
    assert np.isnan(book.cash_conversion_days(ledger)).all()
    assert book.working_capital(ledger) == book.inventory(ledger) == 12.5


def test_a_line_without_items_has_no_purchases(line):
    bare = {key: value for key, value in line.items() if key not in ("items", "suppliers")}
    bare["control"] = [entry for entry in line["control"] if entry["knob"] != "target"]
    scenario = load_scenario(bare | {"finance": {"price": 10, "added": 3}})
    simulator = Simulator(scenario, 4, 1)
    ledger = simulator.step(simulator.default_knobs, 200)
    assert Books(scenario).purchases(ledger).tolist() == [0] * 4
    assert (Books(scenario).cost_of_sales(ledger) == 9 * ledger["shipped"]).all()


def test_books_need_finance(line):
    with pytest.raises(InputError, match=r"finance must be given to tell what stock is worth, got none in 'busy'"):
        Books(load_scenario(line))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"finance": {"added": 3}}, "finance.price must be given"),
        ({"finance": {"price": -1}}, "finance.price must be >= 0 or a list, got -1"),
        ({"finance": {"price": [1, 2]}}, "finance.price must be a number or a list of 1, got 2 entries"),
        ({"finance": {"price": 1, "material": [1]}}, "finance.material must be a number or a list of 2, got 1 entries"),
        ({"finance": {"price": 1, "added": [1, 2]}}, "finance.added must be a number or a list of 3, got 2 entries"),
        ({"finance": {"price": 1, "customers_pay_after": -1}}, "finance.customers_pay_after must be >= 0, got -1"),
        ({"finance": {"price": 1, "capital": 1}}, "finance has no key 'capital' (did you mean 'capital_cost'?)"),
        ({"calendar": {}}, "calendar must give slots for some of shift, day, week, got none"),
        ({"calendar": {"shift": 8, "day": 20}}, "calendar.day must be whole shifts of 8 slots, got 20"),
        ({"calendar": {"shift": 8, "week": 20}}, "calendar.week must be whole shifts of 8 slots, got 20"),
        ({"calendar": {"day": 0}}, "calendar.day must be >= 1, got 0"),
    ],
)
def test_what_is_wrong_with_money_and_calendar_is_told(line, part, message):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(line | part)
    assert str(caught.value) == f"scenario: {message}"


def test_money_and_calendar_survive_yaml_and_change_the_hash_only_where_given(line):
    plain = load_scenario(line)
    given = load_scenario(line | {"finance": FINANCE, "calendar": {"shift": 8, "week": 80}})
    assert load_scenario(yaml.safe_load(given.to_yaml())) == given
    assert load_scenario(line | {"finance": None, "calendar": None}).hash == plain.hash
    hashes = {plain.hash, given.hash, load_scenario(line | {"finance": FINANCE}).hash}
    hashes.add(load_scenario(line | {"finance": FINANCE | {"price": 101}}).hash)
    assert len(hashes) == 4
