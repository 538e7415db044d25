"""Classic rules: knob vectors inside their ranges, textbook starts, and special cases that are equal path by path."""

from __future__ import annotations

import copy
import pickle
import re

import gymnasium
import numpy as np
import pytest
from exact_inventory import reorder_policy

from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.files import scenario_files
from jitgym.knobs import knobs_of
from jitgym.observation import Observer
from jitgym.rules import rule_family, rule_names
from jitgym.scenario import load_scenario
from jitgym.settings import FORECAST, INFORMATION
from jitgym.simulator import Simulator
from jitgym.supply import SUPPLY
from jitgym.systems import ALIASES, SYSTEMS
from jitgym.textbook import Textbook
from jitgym.upkeep import MAINTENANCE

SCENARIOS = sorted(scenario_files())
FAMILIES = [(name, rule) for name in SCENARIOS for rule in rule_names(load_scenario(name))]


def ledger_of(scenario, knobs, slots=400):
    return Simulator(scenario, n_lines=20, seed=5).step(knobs, slots).array


def test_every_scenario_has_a_rule_and_every_system_a_scenario():
    assert {name for name, _ in FAMILIES} == set(SCENARIOS)
    parts = {part for _, rule in FAMILIES for part in rule.replace("+", "/").split("/")}
    assert parts == {*SYSTEMS, *SUPPLY, *MAINTENANCE} - {"upto"}  # which is meant where none is named


@pytest.mark.parametrize(("name", "rule"), FAMILIES)
def test_knobs_are_inside_their_ranges(name, rule):
    family = rule_family(load_scenario(name), rule)
    simulator = Simulator(name, n_lines=3)
    low, high = ([getattr(number, end) for number in family.numbers] for end in ("low", "high"))
    vectors = family.knobs(np.array([family.start, low, high], dtype=np.int64))
    assert vectors.shape == (3, len(simulator.knobs))
    simulator.step(vectors)  # raises outside of a range
    for number in family.numbers:
        assert number.low <= number.start <= number.high


@pytest.mark.parametrize(("name", "rule"), FAMILIES)
def test_predict_takes_one_line_or_many(name, rule):
    family = rule_family(load_scenario(name), rule)
    policy = family.rule(family.start)
    with gymnasium.make("jitgym/PullLine-v0", scenario=name) as env:
        observation, _ = env.reset(seed=1)
        action, state = policy.predict(observation, state="kept")
        assert env.action_space.contains(action)
        assert state == "kept"
    many, _ = policy.predict(np.stack([observation] * 4))
    assert many.shape == (4, *action.shape)
    assert (many == action).all()
    many[0] = 0  # a caller may write into its actions
    assert (policy.predict(observation)[0] == action).all()


def test_only_the_knobs_of_a_rule_are_on():
    family = rule_family(load_scenario("four_stage"), "conwip")
    knobs = dict(zip((k.name for k in family.codec.knobs), family.knobs(family.start).tolist(), strict=True))
    assert {name for name, value in knobs.items() if value != OFF} == {"loop[turning>packing]", "target[steelworks]"}


@pytest.mark.parametrize(
    ("scenario", "rule", "message"),
    [
        ("four_stage", "kanbann", "did you mean 'kanban'"),
        ("four_stage", "kanban+age", "needs a pm_level knob, which scenario 'four_stage' does not give"),
        (
            "four_stage",
            "kanban+aged",
            "must be of age, opportunistic, wear, got 'aged' in 'kanban+aged' (did you mean 'age'?)",
        ),
        ("four_stage", "kanban+", "must name its maintenance after +"),
        ("four_stage", "kanban/ss", "needs an order knob"),
        ("four_stage", "mrp", "needs release at the first stages, and nowhere else"),
        ("bearing_line", "kanban+wear", "needs a pm_level knob of a machine whose reading tells more than its age"),
        ("lost_sales", "surge", "needs order at one supplier of an item and a level at another"),
        ("conwip_loop", "kanban", "needs a knob of its kind, which scenario 'conwip_loop' does not give"),
        ("conwip_loop", "hybrid", "needs a knob of its kind"),
        ("lost_sales", "extended", "needs a knob of its kind"),
        ("four_stage", "push", "needs a line without a limit on release"),
        ("age_replacement", "basestock", "needs a knob of its kind"),
    ],
)
def test_a_rule_that_does_not_fit_is_an_error(scenario, rule, message):
    with pytest.raises(InputError, match=re.escape(message)):
        rule_family(load_scenario(scenario), rule)


def test_a_loop_that_ends_early_is_not_conwip(line):
    assert not any(name.startswith(("conwip", "hybrid")) for name in rule_names(load_scenario(line)))


def test_a_constant_order_is_all_that_is_ordered_of_its_item():
    """Not beside an untuned level at a second supplier."""
    family = rule_family(load_scenario("fashion_retail"), "kanban/steady")
    knobs = dict(zip((knob.name for knob in knobs_of(family.scenario)), family.knobs(family.start), strict=True))
    assert {name: value for name, value in knobs.items() if name.startswith("target")} == {
        knob.name: knob.low for knob in knobs_of(family.scenario) if knob.kind == "target"
    }
    assert all(value > 0 for name, value in knobs.items() if name.startswith("order"))


def test_a_threshold_starts_at_the_age_of_a_level_where_only_the_age_is_known():
    description = load_scenario("contest_line").model_dump(mode="json", exclude_none=True)
    (mill,) = (stage for stage in description["stages"] if stage["name"] == "mill")
    mill["monitoring"] = "none"
    line = load_scenario(description)
    level = Textbook.of(line).pm_level(line.stage_names.index("mill"))
    (start,) = (n.start for n in rule_family(line, "kanban+age").numbers if n.name.startswith("pm_level"))
    assert start == 2 * level  # its wear grows in every other slot


def test_textbook_starts():
    """Monden's cards: .7 a slot x (1 + .02 x 4 + 1) slots x 1.5 = 2.184, so 3; order-up-to over 4 slots: 2.8 + 2.76."""
    scenario = load_scenario("four_stage")
    assert rule_family(scenario, "kanban").start.tolist() == [3, 3, 3, 3, 6]
    assert rule_family(scenario, "conwip").start.tolist() == [12, 6]
    assert rule_family(scenario, "basestock").start.tolist() == [12, 9, 6, 3, 6]


def test_hybrid_with_a_loose_loop_is_kanban():
    scenario = load_scenario("four_stage")
    kanban, hybrid = rule_family(scenario, "kanban"), rule_family(scenario, "hybrid")
    cards, target = [2, 3, 4, 5], 7
    names = [number.name for number in hybrid.numbers]
    for loop, same in ((14, True), (9, False)):
        values = dict(zip((n.name for n in kanban.numbers), [*cards, target], strict=True))
        values["loop[turning>packing]"] = loop
        mixed = ledger_of(scenario, hybrid.knobs([values[name] for name in names]))
        assert (mixed == ledger_of(scenario, kanban.knobs([*cards, target]))).all() == same


def test_extended_with_many_cards_is_base_stock():
    scenario = load_scenario("four_stage")
    levels, target = [9, 7, 5, 3], 8
    base = ledger_of(scenario, rule_family(scenario, "basestock").knobs([*levels, target]))
    family = rule_family(scenario, "extended")
    for cards, same in ((20, True), (2, False)):
        values = [
            {"kanban": cards, "target": target}.get(number.name.partition("[")[0], 0) for number in family.numbers
        ]
        places = [i for i, number in enumerate(family.numbers) if number.name.startswith("basestock")]
        for place, level in zip(places, levels, strict=True):
            values[place] = level
        assert (ledger_of(scenario, family.knobs(values)) == base).all() == same


def test_a_threshold_above_the_top_is_running_to_failure():
    scenario = load_scenario("bearing_line")
    kanban, maintained = rule_family(scenario, "kanban"), rule_family(scenario, "kanban+age")
    top = maintained.numbers[-1].high
    never = maintained.knobs([*kanban.start, top])
    assert (never == kanban.knobs(kanban.start)).all()
    assert (maintained.knobs([*kanban.start, top - 1]) != never).any()


def predicted(family, observation, numbers=None):
    return family.rule(family.start if numbers is None else numbers).predict(observation)[0]


def observations(name, n=64, steps=30):
    """Observations of a line that is set at random."""
    line = Simulator(name, n, seed=8)
    rng = np.random.default_rng(2)
    for _ in range(steps):
        line.step(np.array([[rng.integers(k.low, k.high + 1) for k in line.knobs] for _ in range(n)]))
    return Observer(line), Observer(line).observe()


def places_of(scenario, knob):
    """Return names of the places whose entries a local rule may look at to set a knob."""
    if knob.kind in ("target", "echelon", "order", "expedite"):
        item = scenario.suppliers[knob.place].item
        return {item, *(s.name for s in scenario.suppliers if s.item == item)}
    return {scenario.stage_names[knob.place]}


@pytest.mark.parametrize(("name", "rule"), FAMILIES)
def test_a_rule_looks_at_no_more_than_it_says(name, rule):
    """Everything else in the observation is scrambled: it does the same."""
    scenario = load_scenario(name)
    family = rule_family(scenario, rule)
    if family.is_constant:
        assert not family.rule(family.start).readings.read
        return
    observer, seen = observations(name)
    before = predicted(family, seen)
    fields = [entry.partition("[")[0] for entry in observer.names]
    for column, knob in enumerate(family.codec.knobs):
        allowed = np.ones(len(fields), dtype=bool)
        if family.information != "forecast":
            allowed &= [field not in FORECAST for field in fields]
        if family.information == "local":
            places = places_of(scenario, knob)
            allowed &= [entry.partition("[")[2].rstrip("]").split(",")[0] in places for entry in observer.names]
        scrambled = np.where(allowed, seen, np.random.default_rng(3).permuted(seen, axis=0) + 5)
        assert (predicted(family, scrambled)[:, column] == before[:, column]).all(), knob.name


def test_what_a_rule_says_that_it_looks_at_is_needed():
    """The test above can fail: a rule that looks at the line, called local, changes when the line is scrambled."""
    family = rule_family(load_scenario("lost_sales"), "capped")
    assert family.information == "line"
    observer, seen = observations("lost_sales")
    mine = np.array([entry.partition("[")[2].rstrip("]") in ("goods", "vendor") for entry in observer.names])
    scrambled = np.where(mine, seen, seen + 5)
    assert (predicted(family, scrambled) != predicted(family, seen)).any()


def test_information_is_that_of_the_most_curious_part():
    scenario = load_scenario("contest_line")
    for rule, information in (("kanban+opportunistic", "local"), ("conwip+age", "line"), ("mrp+wear", "forecast")):
        assert rule_family(scenario, rule).information == information
    assert INFORMATION == ("local", "line", "forecast")


@pytest.mark.parametrize("alias", ALIASES)
def test_other_names(alias):
    scenario = load_scenario("contest_line")
    assert rule_family(scenario, f"{alias}+age").name == f"{ALIASES[alias]}+age"


def test_numbers_are_checked():
    family = rule_family(load_scenario("lost_sales"), "capped")
    for numbers, message in (
        ([16], "capped needs 2 integers"),
        ([16.0, 5.0], "capped needs 2 integers"),
        ([16, 9], r"capped: cap\[vendor\] must be in 0..8, got 9"),
    ):
        with pytest.raises(InputError, match=message):
            family.rule(numbers)


# -- systems that look at the observation, step by step --


def costs(scenario, rule, numbers, n=64, steps=200, seed=4):
    """Return the ledgers of a rule, added up, ``(n_lines, n_entries)``."""
    line = Simulator(scenario, n, seed)
    policy, observer = rule_family(line.scenario, rule).rule(numbers), Observer(line)
    codec, total = policy.family.codec, 0
    for _ in range(steps):
        total = total + line.step(codec.decode(policy.predict(observer.observe())[0])).array
    return total


def test_capped_base_stock_between_base_stock_and_steady_order():
    """With a cap that never binds it is base stock; with a level that is never reached, a constant order."""
    scenario = load_scenario("lost_sales").model_dump()
    scenario["control"][1]["high"] = 40
    base = costs(scenario, "basestock", [16, 0][:1])
    assert (costs(scenario, "capped", [16, 40]) == base).all()
    assert (costs(scenario, "capped", [16, 5]) != base).any()
    steady = costs(scenario, "steady", [4])
    scenario["control"][0]["high"] = 10_000
    assert (costs(scenario, "capped", [10_000, 4]) == steady).all()


def test_lots_of_one_are_base_stock_and_so_is_a_gap_of_one():
    scenario = load_scenario("lost_sales").model_dump()
    scenario["control"][1]["high"] = 40
    base = costs(scenario, "basestock", [16])
    assert (costs(scenario, "rnq", [15, 1]) == base).all()
    assert (costs(scenario, "ss", [15, 1]) == base).all()
    assert (costs(scenario, "rnq", [15, 4]) != costs(scenario, "ss", [15, 4])).any()


def test_lots_bring_the_position_just_above_the_reorder_point():
    scenario = load_scenario("lost_sales").model_dump()
    scenario["control"][1]["high"] = 40
    line = Simulator(scenario, 50, 3)
    policy, observer = rule_family(line.scenario, "rnq").rule([12, 7]), Observer(line)
    for _ in range(50):
        state = {name: line.state(name)[:, 0] for name in ("stock", "on_order", "overdue", "queue", "job", "store")}
        position = sum(state.values())
        ordered = line.step(policy.family.codec.decode(policy.predict(observer.observe())[0]))["ordered"][:, 0]
        assert (ordered % 7 == 0).all()
        assert ((ordered > 0) == (position <= 12)).all()
        after = position + ordered
        assert ((after > 12) & ((after <= 19) | (ordered == 0))).all()


def test_ss_costs_what_the_exact_chain_says():
    scenario = load_scenario("lost_sales").model_dump()
    scenario["demand"]["shortage"] = "backlog"
    scenario["control"] = [{"knob": "order", "high": 200, "default": 0}]
    total = costs(scenario, "ss", [20, 25], n=1000, steps=1000)
    line = Simulator(scenario, 1)
    exact = reorder_policy(lead_time=2, reorder=20, up_to=45, mean=5)
    for entry, value in (("orders[vendor]", exact["orders"]), ("store_slots[shelf]", exact["store"])):
        mean = total[:, line.tables.ledger.names.index(entry)] / 1000
        error = mean.std(ddof=1) / np.sqrt(len(mean))
        assert abs(mean.mean() - value) < 4 * error + 0.01 * value, entry  # it begins with 10 on the shelf


def test_surge_orders_steadily_from_far_and_the_rest_from_near():
    scenario = load_scenario("fashion_retail")
    family = rule_family(scenario, "kanban/surge")
    names = {number.name for number in family.numbers}
    assert {"order[far_basic]", "order[far_trend]", "target[near_basic]", "target[near_trend]"} <= names
    knobs = dict(zip((k.name for k in family.codec.knobs), family.knobs(family.start).tolist(), strict=True))
    assert knobs["target[far_basic]"] == 0  # orders nothing by itself
    assert knobs["order[far_basic]"] == round(0.9 * 2 * 28)  # nine tenths of four weeks' demand


def test_one_threshold_for_idle_and_busy_is_the_age_rule():
    scenario = load_scenario("bearing_line")
    base = rule_family(scenario, "kanban").start.tolist()
    aged = costs(scenario, "kanban+age", [*base, 12], steps=60)
    assert (costs(scenario, "kanban+opportunistic", [*base, 12, 12], steps=60) == aged).all()
    assert (costs(scenario, "kanban+opportunistic", [*base, 12, 6], steps=60) != aged).any()
    assert (costs(scenario, "kanban+opportunistic", [*base, 12, 30], steps=60) == aged).all()  # idle: never later


@pytest.mark.theory
def test_age_replacement_behind_a_sensor_that_tells_little():
    """By the age it has worked, not by a reading that is off by many levels: output .86903 at 10 slots.

    An age of 9 is seen at the start of a slot, the tenth is worked, and then the machine is maintained.
    """
    scenario = load_scenario("age_replacement").model_dump()
    scenario["stages"][0]["monitoring"] = {"noise": 15}
    scenario["control"][0]["low"] = 0
    total = costs(scenario, "push+age", [9], n=2000, steps=2000)
    line = Simulator(scenario, 1)
    output = total[:, line.tables.ledger.names.index("shipped")] / 2000
    assert abs(output.mean() - 0.86903) < 4 * output.std(ddof=1) / np.sqrt(len(output)) + 0.0005  # starts new


def test_mrp_releases_net_requirements():
    family = rule_family(load_scenario("contest_line"), "mrp")
    observer, seen = observations("contest_line")
    lead, safety = 11, 6
    names = [number.name for number in family.numbers]
    assert names == ["lead[saw]", "safety[saw]", "target[steelworks]"]
    action = predicted(family, seen, [lead, safety, 12])
    column = [knob.name for knob in family.codec.knobs].index("release[saw]")
    scale = dict(zip(observer.names, (entry.scale for entry in observer.entries), strict=True))
    value = {name: np.rint(seen[:, i] / scale[name]) for i, name in enumerate(observer.names)}
    forecast = np.ceil(value["demand_smooth"] / 256 * (lead + 8))
    stages = ("saw", "mill", "weld", "paint", "pack")
    units = sum(value[f"{field}[{stage}]"] for field in ("queue", "job", "store") for stage in stages)
    asked = forecast + safety - units - value["credits[saw]"] + value["backlog"]
    assert len(set(asked)) > 5
    assert (action[:, column] == np.clip(asked, 0, 24)).all()


def test_rules_may_differ_from_line_to_line():
    scenario = load_scenario("bearing_line")
    family = rule_family(scenario, "kanban+opportunistic")
    _, seen = observations("bearing_line", n=3)
    numbers = np.stack([family.start, family.start + 1, family.start])
    together = family.rule(numbers).predict(seen)[0]
    for i in range(3):
        assert (together[i] == predicted(family, seen[i], numbers[i])).all()


@pytest.mark.parametrize("rule", ["kanban+age", "mrp+opportunistic"])
def test_rules_can_be_pickled_and_copied(rule):
    family = rule_family(load_scenario("contest_line"), rule)
    _, seen = observations("contest_line", n=5)
    for other in (pickle.loads(pickle.dumps(family.rule(family.start))), copy.deepcopy(family.rule(family.start))):
        assert (other.predict(seen)[0] == predicted(family, seen)).all()
