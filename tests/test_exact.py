"""The exact law of a slot against the simulator, hand-solved chains and published figures; and what is refused."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from exact_lines import geo_geo_1
from scipy.sparse import csr_matrix
from studies import agree

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.evaluate import run_policy
from jitgym.exact import Affine, Law, Luck
from jitgym.fields import OFF
from jitgym.ledger import Ledger
from jitgym.mdp import Mdp, average, episode, optimum
from jitgym.optimal import Canonical, OptimalPolicy, explore, state_rows
from jitgym.parts import Prices
from jitgym.rules import ConstantRule
from jitgym.scenario import load_scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

MACHINE = {
    "name": "machine",
    "slots_per_step": 1,
    "stages": [
        {
            "name": "mill",
            "process": {"table": [0.6, 0.4]},
            "batch": 2,
            "initial": 2,
            "failure": {"law": {"table": [0.05, 0.2, 0.5]}, "wear": 0.6, "repair": {"geometric": 2}},
            "maintenance": {"duration": 2},
            "monitoring": "none",
            "quality": {"defect": [0.1, 0.2], "shift": 0.1, "defect_shifted": 0.6, "detect": 0.5, "jidoka": 2},
        },
    ],
    "demand": {"law": {"bernoulli": 0.6}, "shortage": {"limit": 3}},
    "control": [
        {"knob": "kanban", "low": 1, "high": 5, "default": 4},
        {"knob": "pm_level", "low": 1, "high": 4, "default": 3},
    ],
    "prices": {
        "wip": 1,
        "finished_goods": 2,
        "backlog": 7,
        "lost": 11,
        "repair": 13,
        "pm": 17,
        "scrap": 19,
        "stop": 23,
    },
}
PLAIN = {
    **MACHINE,
    "stages": [{key: value for key, value in MACHINE["stages"][0].items() if key != "quality"}],
    "prices": {"wip": 1, "finished_goods": 2, "backlog": 7, "lost": 11, "repair": 13, "pm": 17},
    "horizon": 300,
}
SUPPLY = {
    "name": "supply",
    "slots_per_step": 1,
    "stages": [{"name": "shelf", "batch": "unlimited", "initial": 2, "spoil": 0.1}],
    "items": [{"name": "goods", "stage": "shelf", "initial": 1}],
    "suppliers": [
        {"name": "far", "item": "goods", "lead_time": 3, "review": 2, "on_time": 0.7, "catch_up": 0.5},
        {"name": "near", "item": "goods", "lead_time": 2, "outage": {"fail": 0.2, "recover": 0.5}, "defective": 0.3},
    ],
    "demand": {
        "law": {"bernoulli": 0.5},
        "notice": 2,
        "shortage": {"limit": 2},
        "regimes": {"switch": [[0.8, 0.2], [0.4, 0.6]], "rates": [1, 0.5]},
        "season": {"rates": [1, 0.4], "slots": 2},
    },
    "control": [
        {"knob": "order", "at": "far", "high": 2, "default": 1},
        {"knob": "target", "at": "near", "high": 4, "default": 3},
    ],
    "prices": {"finished_goods": 1, "backlog": 5, "lost": 20, "order": 2, "unit": [1, 3], "spoiled": 4, "returned": 9},
}
SHARED = {
    "name": "shared",
    "slots_per_step": 1,
    "products": [{"name": "a", "law": {"bernoulli": 0.3}}, {"name": "b", "law": {"trace": [1, 0, 0]}}],
    "technicians": 1,
    "stages": [
        {
            "name": stage,
            "setup": 2,
            "process": {"geometric": 1.5},
            "failure": {"law": {"geometric": 0.2}, "repair": {"geometric": 2}, "repair_keep": keep},
        }
        for stage, keep in (("first", 0), ("second", 128))
    ],
    "demand": {"shortage": {"limit": 2}},
    "control": [
        {"knob": "kanban", "low": 1, "high": 4, "default": 2},
        {"knob": "release", "at": "first", "high": 2, "default": 1},
    ],
    "prices": {"wip": 1, "backlog": 5, "setup": 3, "repair": 2, "lost": 10},
}
RICH = {scenario["name"]: scenario for scenario in (MACHINE, SUPPLY, SHARED)}


def knobs_of(scenario):
    return Simulator(scenario).default_knobs.tolist()


def distribution(law, canonical, row, knobs):
    """What may follow a state: its canonical successors with their probabilities, and the expected cost."""
    ways = list(law.outcomes(list(row), knobs))
    rows = canonical(np.array([way[1] for way in ways], dtype=np.int32))[0]
    chances = Counter()
    for (probability, _, _), following in zip(ways, rows, strict=True):
        chances[following.tobytes()] += probability
    return chances, sum(probability * cost for probability, _, cost in ways)


def visited(scenario, slots, n_lines=3):
    """States that lines of the core come to, slot by slot, with all that may be collapsed still in them."""
    sim = Simulator(scenario, n_lines, seed=5)
    for _ in range(slots):
        sim.step(sim.default_knobs)
        yield from state_rows(sim).tolist()


# -- the law of a slot --


@pytest.mark.parametrize(("units", "threshold", "whole"), [(3, 2**29, 7), (10, 2**31 - 2, 4), (1, 0, 1), (5, -1, 3)])
def test_portions_and_shares_are_rounded_with_exact_chances(units, threshold, whole):
    """The mean of (units p + u) // 1 is units p, and that of a share is off by less than one unit of u."""
    for factor, offset in ((1, units * (threshold + 1)), (whole, 0)):
        luck, chances = Luck(), Counter()
        while True:
            value = Affine(luck.word(0, 0), factor, offset) >> 31
            chances[value] += Fraction(luck.probability())
            if not luck.again():
                break
        assert sum(chances.values()) == 1
        for value, chance in chances.items():
            first, last = (-(-((v << 31) - offset) // factor) for v in (value, value + 1))
            assert chance == Fraction(min(last, 2**31) - max(first, 0), 2**31)


@pytest.mark.parametrize("name", RICH)
def test_a_few_slots_are_distributed_as_the_simulator_has_them(name):
    """Every state that has a chance of 1 % or more after four slots is met as often as it should; so is the cost."""
    scenario, slots, n_lines = load_scenario(RICH[name]), 4 if name != "supply" else 3, 40_000
    law, knobs = Law(scenario), knobs_of(scenario)
    canonical = Canonical(law.tables)
    present, cost = {tuple(canonical(law.tables.initial[None])[0][0].tolist()): 1.0}, 0.0
    for _ in range(slots):
        following = Counter()
        for row, weight in present.items():
            chances, money = distribution(law, canonical, row, knobs)
            cost += weight * money
            for key, chance in chances.items():
                following[tuple(np.frombuffer(key, np.int32).tolist())] += weight * chance
        present = following
    assert sum(present.values()) == pytest.approx(1, abs=1e-12)
    sim = Simulator(scenario, n_lines, seed=1)
    ledger = sum((sim.step(knobs) for _ in range(slots - 1)), start=sim.step(knobs))
    met = Counter(map(tuple, canonical(state_rows(sim))[0].tolist()))
    assert set(met) <= set(present)
    likely = {row: chance for row, chance in present.items() if chance >= 0.01}
    assert likely
    for row, chance in likely.items():
        assert abs(met[row] / n_lines - chance) < 4 * (chance * (1 - chance) / n_lines) ** 0.5, row
    agree(name, Scorecard(scenario).cost(ledger), cost, relative=0.02)


@pytest.mark.parametrize("name", RICH)
def test_what_is_collapsed_changes_nothing(name):
    """From a state as the core leaves it and from its canonical form, the same follows with the same chances."""
    scenario = load_scenario(RICH[name])
    law, knobs = Law(scenario), knobs_of(scenario)
    canonical = Canonical(law.tables)
    for row in list(visited(scenario, slots=20, n_lines=2))[:: 1 if name == "machine" else 2]:
        (same,), (cut,) = canonical(np.array([row], dtype=np.int32))
        assert not cut
        chances, cost = distribution(law, canonical, row, knobs)
        collapsed, same_cost = distribution(law, canonical, same.tolist(), knobs)
        assert collapsed.keys() == chances.keys()
        assert all(collapsed[key] == pytest.approx(chances[key], abs=1e-12) for key in chances)
        assert same_cost == pytest.approx(cost)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(("machine", field) for field in ("wear", "age", "shifted", "off_left")),
        *(("supply", field) for field in ("pipeline", "regime", "slot", "advance", "out", "calendar")),
        *(("shared", field) for field in ("product", "credits", "slot", "setting")),
    ],
)
def test_a_field_that_matters_is_missed(name, field):
    """Guards the test above: with one field more taken off, something else follows."""
    scenario = load_scenario(RICH[name])
    law, knobs = Law(scenario), knobs_of(scenario)
    canonical = Canonical(law.tables)
    for row in visited(scenario, slots=30):
        less = list(row)
        columns = law.tables.state[field]
        less[columns] = [0] * (columns.stop - columns.start)
        if less != row and distribution(law, canonical, row, knobs) != distribution(law, canonical, less, knobs):
            return
    pytest.fail(f"{field} can be taken off")


def test_states_that_differ_in_nothing_that_matters_are_one():
    """Same stocks at another time, with the rings turned by the ticks between: one state."""
    law = Law(load_scenario(SUPPLY))
    state = law.tables.state
    row = np.arange(state.size, dtype=np.int32)[None].copy()
    row[:, state["tick"]], row[:, state["slot"]] = 0, 1
    later = row.copy()
    later[:, state["tick"]], later[:, state["slot"]] = 7, 9
    start = state.start("pipeline")
    later[:, start : start + 3] = np.roll(row[:, start : start + 3], 7 % 3, axis=1)
    later[:, start + 3 : start + 5] = np.roll(row[:, start + 3 : start + 5], 7 % 2, axis=1)
    later[:, state["advance"]] = np.roll(row[:, state["advance"]], 7 % 2, axis=1)
    for name in ("key_lo", "off_slots", "demand_smooth", "reading"):
        later[:, state[name]] += 5
    canonical = Canonical(law.tables)
    assert (canonical(row)[0] == canonical(later)[0]).all()


def test_costs_are_those_of_the_scorecard():
    scenario = load_scenario(MACHINE)
    law, sim = Law(scenario), Simulator(scenario, 500, seed=2)
    ledger = sim.step(sim.default_knobs, slots=50)
    prices = np.zeros(ledger.layout.size)
    for name, place, price in law._prices:
        prices[ledger.layout.start(name) + place] = price
    assert ledger.array @ prices == pytest.approx(Scorecard(scenario).cost(Ledger(ledger.layout, ledger.array)))


# -- known answers --


@pytest.mark.theory
def test_age_replacement_is_solved_as_by_renewal_theory():
    """The figures in the head of the scenario: output at level 7, at the best and without maintenance."""
    scenario = load_scenario("age_replacement")
    for level, output in ((7, 0.856054), (10, 0.86903), (OFF, 0.78596)):
        assert 1 - explore(scenario, [(level,)]).average().cost == pytest.approx(output, abs=5e-6)
    best = explore(scenario, [(level,) for level in range(1, 31)])
    assert 1 - best.optimum.cost == pytest.approx(0.86903, abs=5e-6)
    assert best.average().lower <= best.optimum.upper


@pytest.mark.theory
def test_base_stock_before_one_machine():
    exact = geo_geo_1(0.4, 0.5, 5)
    scenario = {
        "name": "geo",
        "slots_per_step": 1,
        "stages": [{"name": "mill", "process": {"geometric": 2}, "initial": 5}],
        "demand": {"law": {"bernoulli": 0.4}},
        "control": [{"knob": "basestock", "high": 9, "default": 5}],
    }
    for prices, value in (({"finished_goods": 1}, exact["store"]), ({"backlog": 1}, exact["backlog"])):
        solved = explore(load_scenario({**scenario, "prices": prices}), [(5,)], {"backlog": 80, "queue": 90}).average()
        assert solved.cost == pytest.approx(value, abs=1e-6)
        assert solved.cut < 1e-12


@pytest.mark.theory
def test_conwip_loop():
    """Four Bernoulli machines with four cards make .328125 a slot (docs/dynamics.md)."""
    loop = load_scenario("conwip_loop").model_copy(update={"prices": Prices(lost=1)})
    assert 1 - explore(loop, [(4,)]).average().cost == pytest.approx(0.328125, abs=1e-8)


# -- processes --


def two_states(stay):
    """From state 0 pay 1 to go to 1, or 4 to come back; from 1, where a slot costs 2, back with chance 1 - stay."""
    transition = csr_matrix([[0, 1], [1, 0], [1 - stay, stay]])
    return Mdp(np.array([0, 2, 3]), transition, np.array([1.0, 4.0, 2.0]), np.zeros(3))


@pytest.mark.parametrize("stay", [0.0, 0.5])
def test_a_process_solved_by_hand(stay):
    """Also where the best policy turns in a circle (stay = 0): (1 + 2 / (1 - stay)) / (1 + 1 / (1 - stay))."""
    solved, slots = optimum(two_states(stay)), 1 / (1 - stay)
    assert solved.lower - 1e-12 <= (1 + 2 * slots) / (1 + slots) <= solved.upper + 1e-12
    assert solved.policy.tolist() == [0, 2]
    chain = two_states(stay).under(solved.policy)
    assert average(chain).cost == pytest.approx((1 + 2 * slots) / (1 + slots))
    assert average(chain).share == pytest.approx(np.array([1, slots]) / (1 + slots))


def test_an_episode_by_hand():
    """Of two decisions: 1 and then 2; of one: 1. The last of three is at state 0 again if it never stays."""
    assert [episode(two_states(0.0), n) for n in (1, 2, 3)] == pytest.approx([1, 1.5, 4 / 3])
    assert episode(two_states(0.5).under(np.array([1, 2])), 7) == 4


def test_a_chain_with_two_ends_has_no_average():
    apart = Mdp(np.arange(4), csr_matrix([[0, 0.5, 0.5], [0, 1, 0], [0, 0, 1]]), np.array([0.0, 1, 2]), np.zeros(3))
    with pytest.raises(InputError, match="matter of luck"):
        average(apart)
    with pytest.raises(InputError, match="must not depend on the start"):
        optimum(apart)
    unreached = Mdp(np.arange(3), csr_matrix(np.eye(2)), np.array([1.0, 2]), np.zeros(2))
    assert average(unreached).cost == 1


# -- lines --


@pytest.fixture(scope="module")
def machine():
    knobs = [(cards, level) for cards in (1, 2, 4) for level in (1, 2, OFF)]
    return explore(load_scenario(PLAIN), knobs)


def test_more_choices_cost_no_more(machine):
    constant = {knobs: explore(machine.scenario, [knobs]) for knobs in ((4, 2), (4, OFF), (2, 2))}
    for some in constant.values():
        assert machine.optimum.lower <= some.average().upper
        assert machine.episode() <= some.episode() + 1e-9
    assert explore(machine.scenario, list(constant)).optimum.upper >= machine.optimum.lower
    assert machine.episode() <= machine.episode(machine.optimum.policy)


def test_the_best_policy_costs_what_it_should(machine):
    """Simulated by the core, its look-ups included; so does a constant rule."""
    seeds = seed_bank(3, 2000, "evaluation")
    scorecard = Scorecard(machine.scenario)
    constant = explore(machine.scenario, [(4, 2)])
    policies = {"best": (OptimalPolicy(machine), machine.episode(machine.optimum.policy))}
    codec = ActionCodec(Simulator(machine.scenario).knobs)
    policies["rule"] = (ConstantRule([4, 2], codec), constant.episode())
    for name, (policy, exact) in policies.items():
        ledger = run_policy(machine.scenario, policy, seeds)
        agree(name, scorecard.cost_a_slot(ledger), exact, relative=0.005)
    assert policies["best"][1] < policies["rule"][1]


def test_a_decision_of_several_slots_is_those_slots():
    """A constant rule costs the same however many slots a step has."""
    one, two = (explore(load_scenario({**PLAIN, **steps}), [(4, 2)]) for steps in ({}, _steps(3)))
    assert one.average().cost == pytest.approx(two.average().cost, abs=1e-8)
    assert one.episode() == pytest.approx(two.episode(), abs=1e-10)
    cut = [explore(load_scenario({**PLAIN, **steps}), [(4, 2)], {"store": 2}) for steps in ({}, _steps(3))]
    assert cut[0].average().cut == pytest.approx(cut[1].average().cut)
    assert cut[0].average().cut > 0


def _steps(slots):
    return {"slots_per_step": slots, "horizon": PLAIN["horizon"] // slots}


def test_a_cut_is_told():
    scenario = load_scenario({**SHARED, "products": [], "technicians": None, "stages": [{"name": "mill"}]} | _backlog())
    rough, fine = (explore(scenario, [(2,)], {"backlog": most}).average() for most in (3, 60))
    assert rough.cut > 1e-3 > 1e-9 > fine.cut
    assert rough.cost < fine.cost


def _backlog():
    control = [{"knob": "kanban", "low": 1, "high": 4, "default": 2}]
    return {"demand": {"law": {"table": [0.6, 0.1, 0.3]}}, "control": control, "prices": {"wip": 1, "backlog": 5}}


# -- refusals --


def test_what_cannot_be_solved_is_told(machine):
    vary = {"vary": [{"parameter": "hazard", "low": 0.5, "high": 2}]}
    phase = {"demand": {**SUPPLY["demand"], "phase": "random"}}
    cases = {
        "must start from one state, got vary": lambda: explore(load_scenario({**MACHINE, **vary}), [(2, 2)]),
        "got demand.phase: random": lambda: explore(load_scenario({**SUPPLY, **phase}), [(1, 3)]),
        "bounds must be of backlog": lambda: explore(machine.scenario, [(2, 2)], {"wear": 3}),
        "must be in 1..5, got 9": lambda: explore(machine.scenario, [(9, 2)]),
        "knobs must be 2 integers": lambda: explore(machine.scenario, [(2,)]),
        "menu must offer": lambda: explore(machine.scenario, []),
        "states must be at most 20": lambda: explore(machine.scenario, [(2, 2)], most_states=20),
        "watch": lambda: OptimalPolicy(machine).predict(np.zeros(3)),
        "must be of the scenario that was solved": lambda: OptimalPolicy(machine).watch(Simulator("four_stage")),
    }
    for told, attempt in cases.items():
        with pytest.raises(InputError, match=told):
            attempt()


def test_a_state_that_was_not_met_is_told():
    """Solved for one card, a line that has come to hold four is strange to it."""
    scenario = load_scenario(PLAIN)
    policy, sim = OptimalPolicy(explore(scenario, [(1, 2)])), Simulator(scenario, 4)
    policy.watch(sim)
    sim.step([5, OFF], slots=12)
    with pytest.raises(InputError, match="one that the solution has met"):
        policy.predict(np.zeros((4, 1)))
