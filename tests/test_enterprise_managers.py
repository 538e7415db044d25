"""Rules of management: each does what its sentence says, from what is seen alone, for many companies as for one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from enterprises import draw, small, steady

from jitgym.actions import ActionCodec
from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import HOLD, NEXT, PILOT
from jitgym.enterprise.manager import Manager
from jitgym.enterprise.managers import MANAGERS, TUNED, manager
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import run
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError
from jitgym.seeds import seed_bank

INVESTED = ("training", "changeover", "quality", "maintenance")
LUMPY, STEADY, STEADIER = range(3)


@pytest.fixture(scope="module")
def firms() -> Companies:
    """One company with a lumpy line and two that suit pull, the last one best."""
    return Companies(steady(), 1, seed=1)


def seen(firms: Companies, **entries: Any) -> np.ndarray:
    """Return the observation of the first company, with some entries set in their own units, line by line."""
    overview = Overview(firms)
    observation = overview.observe()[:1].copy()
    enterprise = firms.enterprise
    scales = {name: scale for name, (_, scale, _) in MEASURES.items()}
    scales |= {"stage": len(enterprise.line.stages), "cards": enterprise.levers.cards.high}
    for name, values in entries.items():
        scale = scales.get(name.removesuffix("_trend"), 1.0)
        for line, value in zip(enterprise.line_names, np.broadcast_to(values, len(enterprise.lines)), strict=True):
            observation[0, overview.names.index(f"{name}[{line}]")] = value / scale
    return observation


def decided(firms: Companies, rule: Manager, observation: np.ndarray, memory: Any = None) -> tuple[dict[str, Any], Any]:
    """Return what a rule decides for one company, by kind of lever, and its memory."""
    actions, memory = rule.predict(observation, memory)
    codec = ActionCodec(tuple(lever.knob for lever in firms.levers.levers))
    values = codec.decode(actions)[0]
    return {kind: values[columns].tolist() for kind, columns in firms.levers.columns.items()}, memory


def spends(decision: dict[str, Any]) -> dict[str, Any]:
    """Return the levers on which a decision spends."""
    return {kind: decision[kind] for kind in (*INVESTED, "develop", "alternative") if any(decision[kind])}


# -- all rules --


@pytest.mark.parametrize("name", MANAGERS)
@pytest.mark.parametrize("which", ["small", "steady", "components"])
def test_a_rule_decides_from_the_observation_alone_and_within_bounds(which: str, name: str) -> None:
    firms = Companies({"small": small(), "steady": steady()}.get(which, which), 3, seed=5)
    rule, other = manager(firms, name), manager(Companies(firms.enterprise, 1, seed=77), name)
    overview, memory, rng = Overview(firms), None, np.random.default_rng(2)
    codec = ActionCodec(tuple(lever.knob for lever in firms.levers.levers))
    for _ in range(6):
        observation = overview.observe()
        kept = firms.snapshot()
        actions, after = rule.predict(observation, memory)
        firms.state.abilities.lines[...] = rng.random(firms.state.abilities.lines.shape)
        firms.state.abilities.discipline[...] = 0.5
        firms.state.trouble.escape[...] = 3
        firms.step(draw(rng, firms.levers, 3))
        again, _ = rule.predict(observation, memory)
        elsewhere, _ = other.predict(observation, memory)
        assert np.array_equal(actions, again)
        assert np.array_equal(actions, elsewhere)
        one, _ = rule.predict(observation[1], None if memory is None else {k: v[1:2] for k, v in memory.items()})
        assert np.array_equal(one, actions[1])
        firms.restore(kept)
        memory = after
        firms.step(codec.decode(actions))  # refused where it is out of bounds


@pytest.mark.parametrize("name", MANAGERS)
def test_companies_with_numbers_of_their_own_go_as_each_alone(name: str) -> None:
    rng, n = np.random.default_rng(3), 4
    firms, alone = Companies(steady(), n, seed=1), Companies(steady(), 1)
    numbers = manager(firms, name).numbers
    low, high = (np.array([getattr(number, end) for number in numbers]) for end in ("low", "high"))
    values = rng.integers(low, high + 1, (n, len(numbers)))
    seeds = seed_bank(8, n)
    together = run(firms, manager(firms, name, values), seeds)
    assert len({together.spent[i].tobytes() + together.cards[i].tobytes() for i in range(n)}) > 1
    for i in range(n):
        one = run(alone, manager(alone, name, values[i]), seeds[i : i + 1])
        for field, whole in vars(together).items():
            assert np.array_equal(whole[i], getattr(one, field)[0]), field


@pytest.mark.parametrize("name", MANAGERS)
def test_an_episode_that_starts_forgets_and_the_others_go_on(name: str) -> None:
    firms, overview = Companies(steady(), 3, seed=4), None
    overview, rule, memory = Overview(firms), manager(firms, name), None
    codec = ActionCodec(tuple(lever.knob for lever in firms.levers.levers))
    for _ in range(10):
        actions, memory = rule.predict(overview.observe(), memory)
        firms.step(codec.decode(actions))
    observation = overview.observe()
    kept, _ = rule.predict(observation, memory, np.zeros(3, dtype=bool))
    unsaid, _ = rule.predict(observation, memory)
    fresh, fresh_memory = rule.predict(observation, None)
    mixed, after = rule.predict(observation, memory, np.array([False, True, False]))
    assert np.array_equal(kept, unsaid)
    assert np.array_equal(mixed, np.stack([kept[0], fresh[1], kept[2]]))
    for key, values in after.items():
        assert np.array_equal(values[1], fresh_memory[key][1]), key
    if name in ("maintenance first", "roll-out first", "phased", "buffer reflex"):
        assert any(not np.array_equal(values[0], fresh_memory[key][0]) for key, values in after.items()), (
            "nothing was remembered"
        )


def test_memory_that_is_handed_in_is_not_changed(firms: Companies) -> None:
    rule = manager(firms, "buffer reflex")
    _, memory = rule.predict(seen(firms, stage=1, fill_rate=0.5))
    before = {key: values.copy() for key, values in memory.items()}
    rule.predict(seen(firms, stage=2, fill_rate=0.5), memory)
    assert all(np.array_equal(values, before[key]) for key, values in memory.items())


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("nver", None, r"manager must be of never, .*, got 'nver' \(did you mean 'never'\?\)"),
        ("never", [1, 2], r"never needs 1 integers \(cards\), got \[1, 2\]"),
        ("never", [1.5], r"never needs 1 integers \(cards\), got \[1.5\]"),
        ("never", ["1"], r"never needs 1 integers"),
        ("never", [5], r"never: cards must be in 0..4, got 5"),
        ("technique", [[1], [-1]], r"technique: cards must be in 0..4, got -1"),
        ("never", {"card": 1}, r"never needs the numbers cards, got card"),
        ("never", {"cards": 9}, r"never: cards must be in 0..4, got 9"),
    ],
)
def test_bad_numbers_are_told(firms: Companies, name: str, numbers: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        manager(firms, name, numbers)


def test_numbers_by_name_stand_in_any_order(firms: Companies) -> None:
    usual = manager(firms, "phased")
    other = {name: number.high for name, number in zip(usual.by_name, usual.numbers, strict=True)}
    rule = manager(firms, "phased", dict(reversed(other.items())))
    assert rule.by_name == other
    assert rule.values.tolist() == [number.high for number in usual.numbers]


def test_a_company_without_suppliers_and_one_whose_supplier_is_named_as_a_line_are_managed() -> None:
    lines = [{"name": "mill", "demand": {"poisson": 0.9}}, {"name": "x"}]
    for name in MANAGERS:
        firm = Companies(small(lines=lines), 2, seed=1)
        assert run(firm, manager(firm, name), seed_bank(0, 2), 2).stage.shape == (2, 2, 2)
    bare = small(suppliers=[], capabilities={"supplier": [], "changeover": []})
    for key in ("items", "suppliers"):
        del bare["line"][key]
    bare["line"]["finance"]["material"] = 0
    for name in MANAGERS:
        firm = Companies(bare, 2, seed=1)
        assert run(firm, manager(firm, name), seed_bank(0, 2), 2).on_time.shape == (2, 2, 0)


# -- what each is --


def test_never_is_push_with_its_safety_stock(firms: Companies) -> None:
    for cards in (0, 3):
        for stage in (0, 2):
            found, _ = decided(firms, manager(firms, "never", [cards]), seen(firms, stage=stage, fill_rate=0.1))
            assert (found["cards"], found["rollout"], spends(found)) == ([cards] * 3, [HOLD] * 3, {})


def test_technique_is_pull_everywhere_and_nothing_else(firms: Companies) -> None:
    found, memory = decided(firms, manager(firms, "technique", [1]), seen(firms, stage=[0, 1, 2], fill_rate=0.1))
    assert found["rollout"] == [PILOT, NEXT, HOLD]
    assert (found["cards"], spends(found), memory) == ([1] * 3, {}, {})


def test_big_bang_pays_for_everything_from_the_first_day(firms: Companies) -> None:
    numbers = {
        "training": 1, "changeover": 2, "quality": 1, "maintenance": 2, "upkeep of people": 0, "upkeep": 1,
        "develop": 3, "second source": 1, "alternative": 2, "cards": 1,
    }  # fmt: skip
    rule = manager(firms, "big bang", numbers)
    found, memory = decided(firms, rule, seen(firms, stage=[0, 1, 2]))
    assert found["rollout"] == [PILOT, NEXT, HOLD]
    assert found["cards"] == [1] * 3
    money = {"training": [1] * 3, "changeover": [2] * 3, "quality": [1] * 3, "maintenance": [2] * 3}
    assert spends(found) == {**money, "develop": [3], "alternative": [1]}
    for _ in range(firms.enterprise.periods_per_year):
        found, memory = decided(firms, rule, seen(firms, stage=[0, 1, 2]), memory)
    assert found["training"] == [1, 1, 0], "a year after the last stage, upkeep"
    assert found["maintenance"] == [2, 2, 1]


def test_big_bang_in_scope_leaves_out_what_does_not_suit(firms: Companies) -> None:
    numbers = dict.fromkeys(manager(firms, "big bang in scope").by_name, 1) | {"quality": 2, "cards under push": 3}
    found, _ = decided(firms, manager(firms, "big bang in scope", numbers), seen(firms, stage=[0, 1, 2]))
    assert found["rollout"] == [HOLD, NEXT, HOLD]
    assert found["cards"] == [3, 1, 1]
    assert (found["quality"], found["training"]) == ([1, 2, 2], [0, 1, 1])


# -- phased --

READY = {"audit_people": 1.0, "fill_rate": 1.0, "down": 0.0, "down_trend": 0.0}
NUMBERS = {
    "at once": 3, "training": 2, "changeover": 1, "quality": 2, "maintenance": 1, "upkeep of people": 1, "upkeep": 0,
    "develop": 2, "second source": 1, "alternative": 1, "people, tenths": 5, "down, percent": 10,
    "service, percent": 90, "wait": 2, "cards under pull": 1, "cards under push": 3,
}  # fmt: skip


def phased(firms: Companies, name: str = "phased", **changes: int) -> Manager:
    """Return a phased rule with some numbers changed; words of a name are joined by `_`."""
    return manager(firms, name, NUMBERS | {key.replace("_", " "): value for key, value in changes.items()})


def settled(firms: Companies, rule: Manager, **entries: Any) -> tuple[dict[str, Any], Any]:
    """Let a rule see the same for a long time; return its decision, and its memory."""
    memory = None
    for _ in range(20):
        found, memory = decided(firms, rule, seen(firms, **{**READY, **entries}), memory)
    return found, memory


def test_phased_leaves_lines_out_that_do_not_suit_pull(firms: Companies) -> None:
    assert phased(firms).analysis.suits.tolist() == [False, True, True]
    found, _ = settled(firms, phased(firms), stage=0)
    assert found["rollout"] == [HOLD, PILOT, PILOT]
    for kind in INVESTED:
        assert found[kind][LUMPY] == (NUMBERS["upkeep"] if kind != "training" else 0), kind
        assert found[kind][STEADY] == found[kind][STEADIER] == NUMBERS[kind], kind


@pytest.mark.parametrize(
    ("stage", "orders"),
    [
        ([0, 0, 0], [HOLD, HOLD, PILOT]),  # the steadiest demand first
        ([0, 0, 1], [HOLD, HOLD, NEXT]),
        ([0, 0, 2], [HOLD, PILOT, HOLD]),
        ([0, 1, 2], [HOLD, NEXT, HOLD]),
        ([0, 2, 2], [HOLD, HOLD, HOLD]),
    ],
)
def test_phased_takes_lines_in_their_order_so_many_at_a_time(
    firms: Companies, stage: list[int], orders: list[int]
) -> None:
    found, _ = settled(firms, phased(firms, at_once=1), stage=stage)
    assert found["rollout"] == orders
    active = [stage[STEADY] < 2 and stage[STEADIER] == 2, stage[STEADIER] < 2]
    assert [value == NUMBERS["quality"] for value in found["quality"][1:]] == active


def test_phased_builds_up_a_line_and_keeps_it_up_afterwards(firms: Companies) -> None:
    rule, memory = phased(firms, upkeep=1, quality=2, upkeep_of_people=1), None
    quality, training = [], []
    for stage in [1] * 3 + [2] * 20:
        found, memory = decided(firms, rule, seen(firms, **READY, stage=[0, stage, stage]), memory)
        quality.append(found["quality"][STEADY])
        training.append(found["training"][STEADY])
    year = firms.enterprise.periods_per_year
    assert quality == [2] * (3 + year) + [1] * (20 - year), "a year after the last stage, upkeep"
    assert training == quality


@pytest.mark.parametrize(
    ("entries", "goes"),
    [
        ({}, True),
        ({"audit_people": 0.51}, True),
        ({"audit_people": 0.49}, False),
        ({"fill_rate": 0.901}, True),
        ({"fill_rate": 0.899}, False),
        ({"down": 0.4, "down_trend": 0.31}, True),  # what counts is the mean over the last periods
        ({"down": 0.0, "down_trend": -0.11}, False),
        ({"down": 0.11}, False),
    ],
)
def test_phased_goes_on_when_people_machines_and_service_are_ready(
    firms: Companies, entries: dict[str, float], goes: bool
) -> None:
    found, _ = settled(firms, phased(firms), stage=1, **entries)
    assert found["rollout"] == [HOLD, NEXT, NEXT] if goes else [HOLD] * 3
    only, _ = settled(firms, phased(firms), stage=1, **{k: [v, v, READY[k]] for k, v in entries.items()})
    assert only["rollout"] == [HOLD, NEXT if goes else HOLD, NEXT], "each line by itself"


def test_service_does_not_keep_a_line_from_its_pilot(firms: Companies) -> None:
    found, _ = settled(firms, phased(firms), stage=0, fill_rate=0.2)
    assert found["rollout"] == [HOLD, PILOT, PILOT]


def test_phased_trusts_audits_slowly(firms: Companies) -> None:
    rule, memory, orders = phased(firms), None, []
    for _ in range(3):
        found, memory = decided(firms, rule, seen(firms, **READY, stage=0), memory)
        orders.append(found["rollout"][STEADY])
    assert orders == [HOLD, PILOT, PILOT], "0.3, then 0.51 of people who are all trained"


@pytest.mark.parametrize("wait", [1, 4])
def test_phased_waits_after_a_stage(firms: Companies, wait: int) -> None:
    rule = phased(firms, wait=wait)
    _, memory = settled(firms, rule, stage=0)
    orders = []
    for _ in range(7):
        found, memory = decided(firms, rule, seen(firms, **READY, stage=1), memory)
        orders.append(found["rollout"][STEADY])
    assert orders == [HOLD] * wait + [NEXT] * (7 - wait)


def test_phased_takes_cards_out_after_the_last_stage(firms: Companies) -> None:
    found, _ = settled(firms, phased(firms), stage=[0, 1, 2], fill_rate=0.1)
    assert found["cards"] == [3, 3, 1]


def test_phased_develops_suppliers_below_the_standard_only(firms: Companies) -> None:
    rule = phased(firms)
    assert rule.analysis.late_suppliers.tolist() == [True, False]
    assert firms.enterprise.supplier_names == ("mill", "shop")
    found, _ = settled(firms, rule, stage=0)
    assert (found["develop"], found["alternative"]) == ([2], [1])
    own, _ = settled(firms, phased(firms, "own lines only"), stage=0)
    assert own == found | {"develop": [0], "alternative": [0]}
    punctual = steady(
        suppliers=[{"name": "mill", "delivers": "mill", "start": 1.0}, steady()["suppliers"][1]],
        line={"suppliers": [steady()["line"]["suppliers"][0], {**steady()["line"]["suppliers"][1], "on_time": 1.0}]},
    )
    others = Companies(punctual, 1, seed=1)
    rule = phased(others)
    assert rule.analysis.late_suppliers.tolist() == [False, False]
    found, _ = settled(others, rule, stage=0)
    assert (found["develop"], found["alternative"]) == ([0], [0]), "nobody needs developing, or a second source"


def with_suppliers(firms: Companies, observation: np.ndarray, on_time: float, ready: float) -> np.ndarray:
    names, seen_ = Overview(firms).names, observation.copy()
    seen_[0, names.index("on_time[mill]")], seen_[0, names.index("ready[shop]")] = on_time, ready
    return seen_


@pytest.mark.parametrize("usual", [0, 2])
def test_a_second_source_is_qualified_and_has_all_orders_while_the_first_is_down(firms: Companies, usual: int) -> None:
    rule, memory, found = phased(firms, alternative=usual), None, []
    look = seen(firms, **READY, stage=0)
    for on_time, ready in ((0.5, 0), (0.0, 0), (0.5, 0), (0.5, 1), (0.05, 1), (1.0, 1), (0.5, 1), (0.0, 1), (0.0, 1)):
        decision, memory = decided(firms, rule, with_suppliers(firms, look, on_time, ready), memory)
        found.append(decision["alternative"][0])
    assert found == [1, 1, 1, usual, 4, 4, usual, 4, 4], "all of them for two periods, then as before"
    none = phased(firms, second_source=0, alternative=usual)
    for on_time in (0.5, 0.0):
        assert decided(firms, none, with_suppliers(firms, look, on_time, 1))[0]["alternative"] == [0]


# -- cards put back --


def cards_of_reflex(firms: Companies, fill: list[float], stage: int = 2) -> list[int]:
    """Return the cards of a steady line under the reflex, period by period."""
    rule, memory, found = phased(firms, "buffer reflex", cards_under_pull=0), None, []
    for rate in fill:
        decision, memory = decided(
            firms, rule, seen(firms, **{**READY, "fill_rate": [1, rate, 1]}, stage=stage), memory
        )
        assert decision["cards"][STEADIER] == (0 if stage == 2 else 3), "the other line did not hurt"
        found.append(decision["cards"][STEADY])
    return found


def test_reflex_puts_cards_back_at_once_and_takes_them_out_slowly(firms: Companies) -> None:
    assert cards_of_reflex(firms, [1, 0.89, 0.91]) == [0, 2, 2]
    assert cards_of_reflex(firms, [0.5] * 3) == [2, 4, 4], "to the most of the lever"
    year = firms.enterprise.periods_per_year
    calm = cards_of_reflex(firms, [0.5] + [1] * (2 * year + 1))
    assert calm == [2] * year + [1] * year + [0] * 2
    assert cards_of_reflex(firms, [0.5] + [1] * (year - 1) + [0.5] + [1] * (year - 1))[-1] == 4, "calm begins anew"


def test_reflex_is_phased_while_nothing_hurts(firms: Companies) -> None:
    one, other = (settled(firms, phased(firms, name), stage=[0, 1, 2])[0] for name in ("phased", "buffer reflex"))
    assert one == other
    assert cards_of_reflex(firms, [0.1, 0.1], stage=0) == [3, 3], "under push it is not pull that hurts"


# -- which first --


@pytest.mark.parametrize("maintenance", [0, 1, 2])
def test_the_two_orders_spend_the_same_on_each_and_differ_in_what_comes_first(maintenance: int) -> None:
    firms = Companies(steady(), 1, seed=1)
    year, rows = firms.enterprise.periods_per_year, {}
    for name in ("maintenance first", "roll-out first"):
        rule, memory, found = manager(firms, name, [maintenance, 1, 1]), None, []
        for _ in range(5 * year):
            decision, memory = decided(firms, rule, seen(firms, stage=[0, 0, 1]), memory)
            found.append(decision)
        rows[name] = found
    turn, upkeep = 2 * year, min(1, maintenance)
    spent = {name: [row["maintenance"] for row in found] for name, found in rows.items()}
    assert spent["maintenance first"] == [[maintenance] * 3] * turn + [[upkeep] * 3] * (3 * year)
    assert spent["roll-out first"] == [[0] * 3] * turn + [[maintenance] * 3] * turn + [[upkeep] * 3] * year
    orders = {name: [row["rollout"] for row in found] for name, found in rows.items()}
    assert orders["maintenance first"] == [[HOLD] * 3] * turn + [[HOLD, PILOT, NEXT]] * (3 * year)
    assert orders["roll-out first"] == [[HOLD, PILOT, NEXT]] * (5 * year)
    for found in rows.values():
        assert all(row["training"] == [1] * 3 and row["cards"] == [2, 2, 1] for row in found)
        assert not any(row[kind] for row in found for kind in ("changeover", "quality") if any(row[kind]))


@pytest.mark.parametrize(("name", "share"), [("lean kaizen", 0.25), ("buffered kaizen", 1.0)])
def test_kaizen_is_pull_and_training_on_lines_in_scope_and_differs_in_cards_only(name: str, share: float) -> None:
    firms = Companies(steady(start_cards=4), 1, seed=1)
    rule = manager(firms, name)
    assert rule.by_name == {"training": 2, "cards": 4 * share}
    found, memory = decided(firms, rule, seen(firms, stage=[0, 0, 1], fill_rate=0.1))
    assert (found["rollout"], found["cards"]) == ([HOLD, PILOT, NEXT], [4, 4 * share, 4 * share])
    assert (spends(found), memory) == ({"training": [0, 2, 2]}, {})


def test_rules_say_whose_tuned_numbers_they_take() -> None:
    own = {name: kind.numbers_of for name, kind in MANAGERS.items()}
    assert set(TUNED) == {"never", "technique", "big bang", "big bang in scope", "phased"}
    assert all(own[name] == name for name in TUNED)
    assert own["buffer reflex"] == "phased"
    firms = Companies(steady(), 1)
    assert own["own lines only"] == "phased"
    for name, whose in own.items():
        if whose is not None:
            assert [n.name for n in manager(firms, name).numbers] == [n.name for n in manager(firms, whose).numbers]


def test_on_the_shipped_enterprise_the_spares_stay_under_push_for_those_who_look() -> None:
    firms = Companies("components", 2)
    for name in MANAGERS:
        done = run(firms, manager(firms, name), seed_bank(1, 2), 60)
        stages = done.stage[:, -1].max(axis=0)
        if name == "never":
            assert not stages.any()
        elif name in ("technique", "by the book", "big bang"):
            assert stages.tolist() == [4] * 4
        else:
            assert stages[3] == 0, name
            assert stages[:3].any(), name
