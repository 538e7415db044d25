"""Cost and KPIs of a ledger written by hand, and the reward that must agree with them."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from jitgym.ledger import Ledger
from jitgym.scenario import load_scenario
from jitgym.scorecard import COST_TERMS, KPIS, Scorecard
from jitgym.tables import build_tables

PRICES = {
    "wip": [1, 2, 4],
    "finished_goods": 8,
    "items": [0.5, 0.25],
    "backlog": 10,
    "lost": 3,
    "order": 7,
    "unit": 2,
    "repair": 20,
    "pm": 5,
}
COUNTS = {
    "slots": 100,
    "demand": 50,
    "shipped": 40,
    "on_time": 30,
    "lost": 4,
    "backlog_slots": 60,
    "process_slots": (100, 200, 300),
    "store_slots": (10, 20, 70),
    "down": (0, 30, 0),
    "pm": (0, 3, 0),
    "breakdowns": (0, 6, 0),
    "pms": (0, 1, 0),
    "item_slots": (400, 200),
    "ordered": (20, 30),
    "orders": (5, 6),
    "promised": (20, 30),
    "delivered_on_time": (10, 30),
}


@pytest.fixture
def scenario(line):
    return load_scenario(line | {"prices": PRICES, "slots_per_year": 2000, "reward_scale": 25})


def ledger_of(scenario, *lines):
    layout = build_tables(scenario).ledger
    array = np.zeros((len(lines), layout.size), dtype=np.int64)
    for row, counts in zip(array, lines, strict=True):
        for field, values in counts.items():
            row[layout[field]] = values
    return Ledger(layout, array)


def test_cost_of_a_ledger_written_by_hand(scenario):
    terms = Scorecard(scenario).cost_terms(ledger_of(scenario, COUNTS))
    assert {term: values.tolist() for term, values in terms.items()} == {
        "wip": [100 * 1 + 200 * 2 + 300 * 4 + 10 * 1 + 20 * 2],
        "finished_goods": [70 * 8],
        "items": [400 * 0.5 + 200 * 0.25],
        "backlog": [600],
        "lost": [12],
        "ordering": [11 * 7 + 50 * 2],
        "repair": [120],
        "maintenance": [5],
        "setups": [0],
        "quality": [0],
        "spoilage": [0],
    }
    assert list(terms) == list(COST_TERMS)
    assert Scorecard(scenario).cost(ledger_of(scenario, COUNTS)).tolist() == [1750 + 560 + 250 + 600 + 12 + 177 + 125]


def test_kpis_of_a_ledger_written_by_hand(scenario):
    kpis = Scorecard(scenario).kpis(ledger_of(scenario, COUNTS))
    assert list(kpis) == list(KPIS)
    assert {name: values[0] for name, values in kpis.items()} == pytest.approx(
        {
            "cost": 34.74,
            "fill_rate": 30 / 50,
            "inventory_turns": 0.4 * 2000 / (7.0 + 6.0),
            "wip": 6.3,
            "finished_goods": 0.7,
            "backlog": 0.6,
            "supplier_on_time": 40 / 50,
            "downtime_frequency": 60,
            "availability": 1 - 33 / 300,
            "first_pass_yield": np.nan,
            "cycle_time": 700 / 40,
            "takt": 2.0,
        },
        nan_ok=True,
    )


def test_what_cannot_be_divided_is_nan(scenario):
    kpis = Scorecard(scenario).kpis(ledger_of(scenario, {"slots": 10}, COUNTS))
    for name in ("fill_rate", "inventory_turns", "supplier_on_time", "cycle_time", "takt"):
        assert np.isnan(kpis[name]).tolist() == [True, False]
    assert kpis["cost"][0] == 0


def test_one_price_is_for_every_place(line):
    one = load_scenario(line | {"prices": {"wip": 3, "items": 2}})
    each = load_scenario(line | {"prices": {"wip": [3, 3, 3], "items": [2, 2]}})
    costs = [Scorecard(scenario).cost(ledger_of(scenario, COUNTS)) for scenario in (one, each)]
    assert costs[0] == costs[1] == 3 * (600 + 30) + 2 * 600


def test_costs_add_up_over_time(scenario):
    scorecard = Scorecard(scenario)
    ledger = ledger_of(scenario, COUNTS)
    assert scorecard.cost(ledger + ledger) == 2 * scorecard.cost(ledger)
    assert scorecard.kpis(ledger + ledger)["cost"] == scorecard.kpis(ledger)["cost"]


def test_reward_is_the_scorecards_cost(scenario):
    """Against prices multiplied out here, from the ledger that the step tells."""
    tables = build_tables(scenario)
    price = dict.fromkeys(tables.ledger.names, 0.0)
    for stage, wip in zip(("cut", "drill", "pack"), PRICES["wip"], strict=True):
        price[f"process_slots[{stage}]"] = wip
        price[f"store_slots[{stage}]"] = wip if stage != "pack" else PRICES["finished_goods"]
        price[f"breakdowns[{stage}]"], price[f"pms[{stage}]"] = PRICES["repair"], PRICES["pm"]
    price |= {"item_slots[bar]": 0.5, "item_slots[box]": 0.25, "backlog_slots": 10, "lost": 3}
    price |= {f"orders[{s}]": 7 for s in ("mill", "shop")} | {f"ordered[{s}]": 2 for s in ("mill", "shop")}
    vector = np.array([price[name] for name in tables.ledger.names])
    total = 0.0
    with gymnasium.make("jitgym/PullLine-v0", scenario=scenario) as env:
        env.reset(seed=3)
        env.action_space.seed(3)
        for _ in range(60):
            _, reward, _, _, info = env.step(env.action_space.sample())
            counts = np.concatenate([np.ravel(info["ledger"][field]) for field in tables.ledger])
            assert reward == pytest.approx(-float(counts @ vector) / 25, rel=1e-12)
            assert reward == pytest.approx(-sum(info["cost"].values()) / 25, rel=1e-12)
            total += sum(info["cost"].values())
    assert total > 0
