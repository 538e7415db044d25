"""Classic rules: knob vectors inside their ranges, textbook starts, and special cases that are equal path by path."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.files import scenario_files
from jitgym.rules import MAINTENANCE, SYSTEMS, rule_family, rule_names
from jitgym.scenario import load_scenario
from jitgym.simulator import Simulator

SCENARIOS = sorted(scenario_files())
FAMILIES = [(name, rule) for name in SCENARIOS for rule in rule_names(load_scenario(name))]


def ledger_of(scenario, knobs, slots=400):
    return Simulator(scenario, n_lines=20, seed=5).step(knobs, slots).array


def test_every_scenario_has_a_rule_and_every_system_a_scenario():
    assert {name for name, _ in FAMILIES} == set(SCENARIOS)
    assert {rule.removesuffix(MAINTENANCE) for _, rule in FAMILIES} == set(SYSTEMS)


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
    assert {name for name, value in knobs.items() if value != OFF} == {"loop[turning]", "target[steelworks]"}


@pytest.mark.parametrize(
    ("scenario", "rule", "message"),
    [
        ("four_stage", "kanbann", "did you mean 'kanban'"),
        ("four_stage", "kanban+pm", "needs a pm_level knob, which scenario 'four_stage' does not give"),
        ("conwip_loop", "kanban", "needs a knob of its kind, which scenario 'conwip_loop' does not give"),
        ("conwip_loop", "hybrid", "needs a knob of its kind"),
        ("lost_sales", "extended", "needs a knob of its kind"),
        ("four_stage", "push", "is for lines without a limit on release"),
    ],
)
def test_a_rule_that_does_not_fit_is_an_error(scenario, rule, message):
    with pytest.raises(InputError, match=message.replace("+", r"\+")):
        rule_family(load_scenario(scenario), rule)


def test_a_loop_that_ends_early_is_not_conwip(line):
    assert not any(name.startswith(("conwip", "hybrid")) for name in rule_names(load_scenario(line)))


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
        values = dict(zip((n.name for n in kanban.numbers), [*cards, target], strict=True)) | {"loop[turning]": loop}
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
    kanban, maintained = rule_family(scenario, "kanban"), rule_family(scenario, "kanban+pm")
    top = maintained.numbers[-1].high
    never = maintained.knobs([*kanban.start, top])
    assert (never == kanban.knobs(kanban.start)).all()
    assert (maintained.knobs([*kanban.start, top - 1]) != never).any()
