"""The tuner: known optima, common random numbers, the same answer twice, interrupted or not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jitgym.errors import InputError
from jitgym.evaluate import run_policy
from jitgym.rules import rule_family
from jitgym.scenario import load_scenario
from jitgym.scorecard import Scorecard
from jitgym.search import Budget, around, climb, explore, halve, improve, kick, loosened, neighbours
from jitgym.seeds import BANKS, seed_bank
from jitgym.trials import Trials
from jitgym.tune import tune

SMALL = Budget(trials=24, first=4, ask=8, last=128, rounds=20, episodes=20_000, finalists=4, most=512, final=256)
TINY = Budget(trials=8, first=2, ask=4, last=8, rounds=3, episodes=500, finalists=2, most=16, final=16)


def shortened(name, horizon):
    return load_scenario(load_scenario(name).model_dump() | {"horizon": horizon})


def silent(word):
    pass


@pytest.fixture(scope="module")
def lost_sales():
    scenario = load_scenario("lost_sales")
    return tune(scenario, rule_family(scenario, "basestock"), seed=1, budget=SMALL)


def test_finds_zipkins_base_stock(lost_sales):
    """Zipkin (2008), table 3: L = 2, p = 4: the best base stock is 16 and costs 4.64 a period."""
    assert lost_sales.numbers == (16,)
    assert abs(lost_sales.cost.mean - 4.639) < 4 * lost_sales.cost.error + 0.005  # printed to three digits
    assert lost_sales.start_cost.mean > lost_sales.cost.mean


def test_finds_the_age_that_renewal_theory_names():
    """Barlow & Proschan: 10 slots is the best age; 9 and 11 are worse by 1 % and 0.5 %."""
    scenario = load_scenario("age_replacement")
    tuned = tune(scenario, rule_family(scenario, "push+age"), budget=SMALL)
    assert tuned.numbers[0] in (10, 11)


def test_tuned_rules_hold_the_numbers(lost_sales):
    assert lost_sales.rule.knobs.tolist() == [16, 0]


def test_is_no_worse_than_every_setting_of_a_line():
    """All 20 numbers of cards, tried by brute force on the seeds that the search ends with."""
    scenario = shortened("conwip_loop", 50)
    family = rule_family(scenario, "conwip")
    every = np.arange(1, 21)[:, None]
    means = Trials(scenario, family, 3).costs(every, 512).mean(axis=1)
    tuned = tune(scenario, family, seed=3, budget=SMALL)
    assert means[tuned.numbers[0] - 1] <= means.min() * (1 + SMALL.indifference)


def test_improves_on_the_textbook():
    scenario = shortened("four_stage", 60)
    for rule in ("kanban", "hybrid"):
        tuned = tune(scenario, rule_family(scenario, rule), budget=SMALL)
        assert tuned.cost.mean < tuned.start_cost.mean


def test_starts_from_simpler_rules():
    """Hybrid control is kanban with a loop as loose as it goes: with that to start from, it cannot end far above it."""
    scenario = shortened("four_stage", 60)
    kanban = tune(scenario, rule_family(scenario, "kanban"), budget=SMALL)
    scarce = Budget(trials=4, first=4, ask=4, last=128, rounds=1, episodes=200, finalists=2, most=512, final=256)
    hybrid = tune(scenario, rule_family(scenario, "hybrid"), budget=scarce, simpler=[kanban])
    assert hybrid.cost.mean < kanban.cost.mean * 1.01
    alone = tune(scenario, rule_family(scenario, "hybrid"), budget=scarce)
    assert alone.cost.mean > hybrid.cost.mean


@pytest.mark.parametrize(("name", "rule"), [("four_stage", "kanban"), ("bearing_line", "kanban+opportunistic")])
def test_same_seed_same_answer_and_threads_change_nothing(name, rule):
    scenario = shortened(name, 20)
    family = rule_family(scenario, rule)
    one, other, third = (tune(scenario, family, s, TINY, n_threads=n) for s, n in ((7, 1), (7, 2), (8, 1)))
    assert (one.numbers, one.cost, one.episodes, one.choice) == (
        other.numbers,
        other.cost,
        other.episodes,
        other.choice,
    )
    assert one.cost != third.cost


def test_an_interrupted_search_goes_on_from_its_journal(tmp_path):
    scenario = shortened("four_stage", 20)
    family = rule_family(scenario, "kanban")
    whole = tune(scenario, family, 7, TINY)
    journal = tmp_path / "kanban.trials"

    def interrupt(word):
        if word.startswith("move 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(scenario, family, 7, TINY, progress=interrupt, journal=journal)
    lines = journal.read_text().splitlines()
    assert len(lines) > 4
    journal.write_text("\n".join(lines) + '\n{"vectors": [[1, 2')  # cut short while it was written
    simulated = []
    run = Trials._run
    try:
        Trials._run = lambda self, vectors, seeds: simulated.append(len(vectors)) or run(self, vectors, seeds)
        again = tune(scenario, family, 7, TINY, journal=journal)
    finally:
        Trials._run = run
    assert (again.numbers, again.cost, again.episodes, again.tried) == (
        whole.numbers,
        whole.cost,
        whole.episodes,
        whole.tried,
    )
    assert len(journal.read_text().splitlines()) == len(lines) + len(simulated)  # nothing is simulated twice
    assert json.loads(journal.read_text().splitlines()[0])["rule"] == "kanban"


def test_a_journal_of_another_search_is_refused(tmp_path):
    scenario = shortened("four_stage", 20)
    journal = tmp_path / "x.trials"
    tune(scenario, rule_family(scenario, "conwip"), 7, TINY, journal=journal)
    with pytest.raises(InputError, match=r"must be of .*kanban.*got .*conwip.*delete it to begin again"):
        tune(scenario, rule_family(scenario, "kanban"), 7, TINY, journal=journal)
    for begun in ("", '{"scenario": "'):  # cut short when it was begun
        journal.write_text(begun)
        tune(scenario, rule_family(scenario, "kanban"), 7, TINY, journal=journal)
        assert json.loads(journal.read_text().splitlines()[0])["rule"] == "kanban"
    journal.write_text("no journal\n")
    with pytest.raises(InputError, match="must be a journal of trials"):
        tune(scenario, rule_family(scenario, "kanban"), 7, TINY, journal=journal)


@pytest.mark.parametrize("rule", ["kanban", "kanban+opportunistic"])
def test_vectors_meet_the_same_luck(rule):
    """A vector costs the same beside any others, so that a difference between two is theirs alone."""
    scenario = shortened("bearing_line", 20)
    family = rule_family(scenario, rule)
    trials = Trials(scenario, family)
    textbook, other = family.start, family.start + 1
    beside = trials.costs(np.stack([textbook, other, textbook]), 6)
    assert (beside[0] == beside[2]).all()
    assert (beside[1] != beside[0]).any()
    assert (trials.costs(other[None], 6)[0] == beside[1]).all()
    assert (trials.costs(other[None], 2, first=4)[0] == beside[1, 4:]).all()
    assert (trials.costs(other[None], 6, instance=1)[0] != beside[1]).any()
    assert trials.episodes == 3 * 6 + 6 + 2 + 6


def test_batches_that_are_cut_up_change_nothing(monkeypatch):
    scenario = shortened("bearing_line", 10)
    family = rule_family(scenario, "kanban+opportunistic")
    vectors = family.start + np.arange(5)[:, None]
    whole = Trials(scenario, family).costs(vectors, 8)
    monkeypatch.setattr("jitgym.trials.AT_ONCE", 20)
    assert (Trials(scenario, family).costs(vectors, 8) == whole).all()


@pytest.mark.parametrize("knob", ["order", "release"])
def test_a_whole_episode_at_once_costs_what_steps_cost(knob):
    """An episode under constant knobs is simulated in one go; knobs that act once a step forbid it."""
    name, rule = {"order": ("lost_sales", "basestock"), "release": ("contest_line", "kanban")}[knob]
    scenario = shortened(name, 30)
    without = scenario.model_dump()
    without["control"] = [c for c in without["control"] if c["knob"] != knob]
    at_once = load_scenario(without)
    costs = []
    for one in (scenario, at_once):
        family = rule_family(one, rule)
        costs.append(Trials(one, family).costs(np.stack([family.start, family.start + 1]), 5))
    assert (costs[0] == costs[1]).all()


def test_fill_rate_and_stock_are_those_of_the_scorecard():
    scenario = shortened("bearing_line", 20)
    family = rule_family(scenario, "kanban+age")
    trials = Trials(scenario, family, seed=2)
    trials.costs(family.start[None], 50)
    ledger = run_policy(scenario, family.rule(family.start), seed_bank(2, 50, "tuning"))
    kpis = Scorecard(scenario).kpis(ledger)
    tried = trials.tried[tuple(family.start.tolist())]
    assert tried.cost == pytest.approx(kpis["cost"].mean())
    assert tried.stock == pytest.approx((kpis["wip"] + kpis["finished_goods"]).mean())
    assert tried.fill_rate == pytest.approx(ledger.total("on_time").sum() / ledger.total("demand").sum())


def levels_of(horizon=200):
    scenario = shortened("lost_sales", horizon)
    return Trials(scenario, rule_family(scenario, "basestock"))


def test_halving_ends_with_the_best():
    trials = levels_of()
    levels = np.array([[2], [40], [16], [30], [5]])
    assert halve(trials, levels, 2, 8).tolist() == [16]
    assert halve(trials, levels[:1], 2, 8).tolist() == [2]


def test_a_move_must_be_a_gain():
    trials, budget = levels_of(), Budget(first=2, last=32)
    assert improve(trials, budget, np.array([16]), np.array([[16], [2], [40]])).tolist() == [16]
    assert improve(trials, budget, np.array([2]), np.array([[2], [16]])).tolist() == [16]


def test_a_climb_ends_on_top():
    trials = levels_of()
    trials.costs(np.array([[38]]), 2)
    assert climb(trials, SMALL, np.array([38]), silent).tolist() in ([15], [16], [17])


def test_exploration_asks_optuna_within_the_ranges():
    scenario = shortened("four_stage", 10)
    family = rule_family(scenario, "kanban")
    trials = Trials(scenario, family)
    starts = explore(trials, Budget(trials=24, first=2, ask=4, last=4), [family.start], silent)
    assert 1 <= len(starts) <= 2  # near the textbook's, and of what optuna asked for
    assert trials.tried[tuple(starts[0].tolist())].cost <= trials.tried[tuple(starts[-1].tolist())].cost
    low, high = (np.array([getattr(number, end) for number in family.numbers]) for end in ("low", "high"))
    vectors = np.array(list(trials.tried))
    assert len(vectors) > 16
    assert ((vectors >= low) & (vectors <= high)).all()
    spread = around(family.numbers, family.start, 12, np.random.default_rng(0)).tolist()
    asked = [v for v in vectors.tolist() if v not in [*spread, family.start.tolist()]]
    assert len(asked) >= 8
    assert any(max(v) > 12 for v in asked)  # beyond three times the textbook's: it is not the spread


@pytest.mark.parametrize(("name", "rule"), [("bearing_line", "extended+age"), ("conwip_loop", "conwip")])
def test_searched_vectors_are_inside_their_ranges(name, rule):
    family = rule_family(load_scenario(name), rule)
    low, high = (np.array([getattr(number, end) for number in family.numbers]) for end in ("low", "high"))
    rng = np.random.default_rng(0)
    near = neighbours(family.numbers, family.start, 0.3, rng)
    for vectors in (around(family.numbers, family.start, 50, rng), near):
        assert ((vectors >= low) & (vectors <= high)).all()
    assert len(np.unique(near, axis=0)) == len(near)
    assert (near[0] == family.start).all()


def test_each_kind_of_limit_is_loosened_in_turn():
    family = rule_family(load_scenario("four_stage"), "extended")
    names = [number.name.partition("[")[0] for number in family.numbers]
    high = np.array([number.high for number in family.numbers])
    found = loosened(family.numbers, family.start)
    assert len(found) == 2
    for kind, vector in zip(("kanban", "basestock"), found, strict=True):
        loose = np.array([name == kind for name in names])
        assert (vector[loose] == high[loose]).all()
        assert (vector[~loose] == family.start[~loose]).all()
    assert loosened(rule_family(load_scenario("four_stage"), "kanban").numbers, family.start[:5]) == []


def test_a_kick_moves_some_numbers_by_up_to_a_third_within_their_ranges():
    family = rule_family(load_scenario("bearing_line"), "extended+age")
    centre = np.array([number.high for number in family.numbers])
    kicked = np.array([kick(family.numbers, centre, np.random.default_rng(i)) for i in range(200)])
    assert (kicked <= centre).all()
    assert (kicked >= np.floor(centre * 2 / 3)).all()
    share = (kicked != centre).mean()
    assert 0.15 < share < 0.35  # half of them, up as often as down, and up is cut off


def test_moves_that_gain_are_tried_together():
    """From far off in every number, one move takes several of them nearer."""
    scenario = shortened("bearing_line", 30)
    family = rule_family(scenario, "kanban")
    trials, far = Trials(scenario, family), np.array([number.high for number in family.numbers])
    near = neighbours(family.numbers, far, 0.3, np.random.default_rng(0))
    better = improve(trials, Budget(first=8, last=64), far, near)
    assert (better != far).sum() > 2
    costs = trials.costs(np.stack([far, better]), 64).mean(axis=1)
    assert costs[1] < costs[0]


def test_nothing_to_set_is_no_search():
    scenario = shortened("age_replacement", 20)
    tuned = tune(scenario, rule_family(scenario, "push"), budget=Budget(final=8))
    assert tuned.numbers == ()
    assert tuned.cost == tuned.start_cost


def test_progress_is_told():
    scenario = shortened("lost_sales", 10)
    told: list[str] = []
    tune(scenario, rule_family(scenario, "basestock"), budget=TINY, progress=told.append)
    assert any(line.startswith("explored ") for line in told)
    assert any(line.startswith("move ") for line in told)


def test_tuning_never_meets_the_seeds_of_play_or_evaluation():
    banks = {bank: seed_bank(0, 1000, bank) for bank in BANKS}
    for bank, seeds in banks.items():
        assert len(np.unique(seeds)) == 1000
        assert (seeds >> np.uint64(62) == BANKS[bank]).all()
    assert len(set(BANKS.values())) == 3
