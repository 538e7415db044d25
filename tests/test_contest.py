"""Suites and contests: what is read, done once, resumed, told; and the standings that come of it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from jitgym.contest import Contest, EvaluationTask, Learning, PolicySpec, build_policy, scores
from jitgym.errors import InputError
from jitgym.evaluate import run_policy
from jitgym.jobs import Serial
from jitgym.publish import _table_of, keep_selected, page_of, publish
from jitgym.rules import rule_family
from jitgym.scenario import load_scenario
from jitgym.scorecard import Scorecard
from jitgym.search import Budget
from jitgym.seeds import seed_bank
from jitgym.shifts import shifted
from jitgym.standings import rows, summary
from jitgym.suite import changed, read_suite

TINY = Budget(trials=4, first=2, ask=2, last=4, rounds=1, episodes=50, finalists=2, most=8, final=8)
SUITE = """
name: small
tasks:
  - {scenario: four_stage, change: {horizon: 6}}
  - {scenario: lost_sales, name: costly, change: {horizon: 20, prices: {lost: 9}}}
algorithms: [luck]
steps: 10
seeds: 3
replications: 12
rules: all
shifts: [demand, lateness]
rollout: 0
"""
WEIGHTS = {"luck-0": 3, "luck-1": 1, "luck-2": 2, "skill-0": 0.5, "skill-1": 4, "skill-2": 5}


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE, encoding="utf-8")
    return path


def train(task, report):
    """An agent that is the rule it starts from, with what it was told written down."""
    if task.seed > 100:
        raise InputError("an unlucky seed")
    task.folder.mkdir(parents=True, exist_ok=True)
    numbers = [max(1, number - task.seed) for number in task.numbers]
    (task.folder / "rule.json").write_text(json.dumps([task.rule, numbers]))
    agent = task.folder.name.rpartition("-")[0]
    return {
        "algorithm": task.algorithm,
        "validation": WEIGHTS[agent],
        "weights": f"w{agent}",
        "steps": task.steps,
        "seconds": 2,
    }


def load(folder, scenario):
    rule, numbers = json.loads((folder / "rule.json").read_text())
    family = rule_family(scenario, rule)
    low = [number.low for number in family.numbers]
    return family.rule(np.maximum(numbers, low))


LEARNING = Learning(train, load)


def contest(suite, out, told=None, learning=LEARNING, seed=0):
    report = (lambda *words: None) if told is None else (lambda label, share, word: told.append((label, share, word)))
    return Contest(read_suite(suite), out, Serial(), report, learning, TINY, seed)


# -- what is read --


def test_a_suite_comes_with_the_package():
    found = read_suite("contest")
    assert found.broken == {}
    assert len(found.tasks) >= 16
    assert {"four_stage", "four_stage_changing", "four_stage_season", "bearing_line", "exact_maintenance"} <= set(
        found.tasks
    )
    assert found.plan.seeds >= 10


def test_a_change_is_made_key_by_key():
    scenario = load_scenario("four_stage")
    other = changed(scenario, {"prices": {"backlog": 99}, "demand": {"law": {"poisson": 0.5}}}, "other")
    assert (other.prices.backlog, other.prices.wip) == (99, scenario.prices.wip)
    assert other.demand.shortage == scenario.demand.shortage
    assert other.name == "other"
    assert changed(scenario, {}, "same") is scenario


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: 3", "seeds: 1", "seeds: Input should be greater than or equal to 2, got 1"),
        ("rollout: 0", "rollout: 13", r"rollout must be 0 or in 2..12 replications, got 13"),
        ("rollout: 0", "rollout: true", "rollout: Input should be a valid integer, got True"),
        ("seeds: 3", "sedes: 3", "sedes: Extra inputs are not permitted"),
        (
            "shifts: [demand, lateness]",
            "shifts: [demnd]",
            "shifts must be of demand, lateness, breakdowns, regime, got 'demnd'",
        ),
        ("name: costly, ", "name: four_stage, ", "tasks must have names of their own, got 'four_stage' twice"),
        ("tasks:", "tasks: [", "must be a readable YAML file"),
    ],
)
def test_a_suite_that_is_none(suite, old, new, message):
    suite.write_text(SUITE.replace(old, new))
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        read_suite(suite)


def test_an_unknown_suite():
    with pytest.raises(InputError, match=r"suite must be of contest, push_pull, or a YAML file, got 'contset'"):
        read_suite("contset")


# -- what is done --


def test_a_contest_from_end_to_end(suite, tmp_path):
    one = contest(suite, tmp_path / "out")
    results = one.run()
    assert one.faults == {}
    assert list(results) == ["four_stage", "costly"]
    costly = results["costly"]
    assert costly.best_rule == min(costly.tuned, key=lambda name: costly.costs(name).mean())
    assert costly.seeds_of("luck") == ["luck-0", "luck-1", "luck-2"]
    assert costly.selected("luck") == "luck-1"  # by validation, whatever it costs on the evaluation seeds
    assert costly.costs("luck-0").shape == (12,)
    assert set(costly.shifted) == {"demand"}  # nobody is late there
    assert set(costly.shifted["demand"]) == {costly.best_rule, "luck-1"}
    assert costly.costs(costly.best_rule, "demand").mean() > costly.costs(costly.best_rule).mean()
    table = scores(results, "luck")
    assert table.shape == (3, 2)
    expected = costly.costs("luck-2").mean() / costly.costs(costly.best_rule).mean()
    assert table[2, 1] == pytest.approx(expected)


def test_what_is_done_is_not_done_again(suite, tmp_path):
    first, told = contest(suite, tmp_path / "out").run(), []
    again = contest(suite, tmp_path / "out", told).run()
    assert {word for _, _, word in told} == {"done before"}
    assert {name: result.evaluations for name, result in again.items()} == {
        name: result.evaluations for name, result in first.items()
    }
    moved = tmp_path / "moved"
    (tmp_path / "out").rename(moved)
    contest(suite, moved, told := []).run()
    assert {word for _, _, word in told} == {"done before"}


def test_an_agent_of_other_settings_is_trained_anew(suite, tmp_path):
    contest(suite, tmp_path / "out", learning=Learning(train, load, settings=lambda a, line: {"n_steps": 8})).run()
    told, learning = [], Learning(train, load, settings=lambda a, line: {"n_steps": 8 if line == "costly" else 16})
    one = contest(suite, tmp_path / "out", told, learning)
    one.run()
    assert one.faults == {}
    again = {label for label, _, word in told if word != "done before"}
    assert {label for label in again if "train" in label} == {f"four_stage: train luck-{i}" for i in range(3)}


def test_a_contest_that_crashed_goes_on(suite, tmp_path):
    def crash(label, share, word):
        if label.startswith("costly: evaluate") and share == 1.0:
            raise KeyboardInterrupt

    one = contest(suite, tmp_path / "out")
    one._report = crash
    with pytest.raises(KeyboardInterrupt):
        one.run()
    told = []
    contest(suite, tmp_path / "out", told).run()
    before = {label for label, _, word in told if word == "done before"}
    assert "costly: train luck-2" in before
    assert "four_stage: evaluate kanban" in before
    assert {label for label, _, word in told if word == ""} - before


def test_one_line_alone_comes_to_the_same(suite, tmp_path, finished):
    _, together = finished
    alone = Contest(read_suite(suite).of(["costly"]), tmp_path / "out", Serial(), lambda *told: None, LEARNING, TINY)
    results = alone.run()
    assert list(results) == ["costly"]
    for name, evaluation in results["costly"].evaluations.items():
        assert evaluation["costs"] == together["costly"].evaluations[name]["costs"]
    with pytest.raises(InputError, match=r"line must be of the suite, got 'costy' \(did you mean 'costly'\?\)"):
        read_suite(suite).of(["costy"])
    suite.write_text(SUITE.replace("scenario: lost_sales", "scenario: lost_sails"))
    with pytest.raises(InputError, match=r"line costly: .*lost_sails"):
        read_suite(suite).of(["costly"])


def test_what_is_broken_is_told_and_the_rest_finishes(suite, tmp_path):
    more = "tasks:\n  - {scenario: four_stag}\n  - {scenario: four_stage, name: bare, change: {stages: []}}"
    suite.write_text(SUITE.replace("tasks:", more))
    one = contest(suite, tmp_path / "out", learning=None)
    results = one.run()
    assert list(results) == ["four_stage", "costly"]
    assert "did you mean 'four_stage'" in one.faults["four_stag"]
    assert "stages must have at least 1 item" in one.faults["bare"]


def test_an_agent_that_fails_is_told_and_the_rest_finishes(suite, tmp_path):
    one = contest(suite, tmp_path / "out", seed=99)  # training seeds 99, 100, 101
    results = one.run()
    assert one.faults == {f"{name}: luck-2": "an unlucky seed" for name in ("four_stage", "costly")}
    assert scores(results, "luck").shape == (2, 2)


def test_agents_must_be_as_many_on_every_line(suite, tmp_path):
    results = contest(suite, tmp_path / "out").run()
    agents = {name: facts for name, facts in results["costly"].agents.items() if name != "luck-0"}
    fewer = {**results, "costly": replace(results["costly"], agents=agents)}
    with pytest.raises(InputError, match=r"luck must have as many agents on every line, got \[3, 2\]"):
        scores(fewer, "luck")


# -- standings --


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contest")
    (folder / "small.yaml").write_text(SUITE, encoding="utf-8")
    one = contest(folder / "small.yaml", folder / "out")
    return one, one.run()


def test_rows_hold_the_selected_agent_against_the_best_rule(finished):
    _, results = finished
    found = rows(results, ("luck",))
    where = [(task, shift) for shift in ("", "demand") for task in ("four_stage", "costly")]
    assert [(row.task, row.shift) for row in found] == where
    row, result = found[1], results["costly"]
    paired = result.costs("luck-1") - result.costs(result.best_rule)
    assert row.policy == "luck-1"
    assert row.difference.mean == pytest.approx(paired.mean())
    assert row.percent.mean == pytest.approx(100 * paired.mean() / row.rule_cost)
    assert row.spread == pytest.approx(scores(results, "luck")[:, 1])
    assert (
        row.verdict
        == {1: "worse", -1: "better", 0: "no difference shown"}[
            int(row.difference.low > 0) - int(row.difference.high < 0)
        ]
    )


def test_of_several_algorithms_the_best_agent_on_validation_has_a_row_of_its_own(suite, tmp_path):
    suite.write_text(SUITE.replace("[luck]", "[luck, skill]"))
    one = contest(suite, tmp_path / "out")
    results = one.run()
    found = rows(results, ("luck", "skill"))
    kinds = ["best agent"] * 2 + ["luck"] * 2 + ["skill"] * 2
    assert [(row.kind, row.shift) for row in found] == [(k, "") for k in kinds] + [(k, "demand") for k in kinds]
    best, skill = found[0], found[4]
    assert (best.task, best.policy, best.spread) == ("four_stage", "skill-0", ())
    assert (best.difference, best.percent.mean) == (skill.difference, skill.percent.mean)
    assert len(skill.spread) == 3
    publish(one.suite, results, {}, tmp_path, "jitgym suite small --out DIR")
    page = (tmp_path / "standings.md").read_text()
    assert page.index("## best agent") < page.index("## luck") < page.index("## skill")
    assert "1e-05 M steps, 2 s" in page


def test_without_steps_of_its_own_a_suite_trains_for_those_of_the_settings(suite, tmp_path):
    suite.write_text(SUITE.replace("steps: 10\n", ""))
    learning = replace(LEARNING, settings=lambda algorithm, line: {"n_timesteps": 70.0 if line == "costly" else 30.0})
    results = contest(suite, tmp_path / "out", learning=learning).run()
    assert {name: {a["steps"] for a in result.agents.values()} for name, result in results.items()} == {
        "four_stage": {30},
        "costly": {70},
    }


def test_all_seeds_together(finished):
    _, results = finished
    one = summary(results, "luck")
    assert one.iqm.low <= one.iqm.value <= one.iqm.high
    assert one.improvement.value == pytest.approx(np.mean([(c < 1).mean() + (c == 1).mean() / 2 for c in one.scores.T]))


def test_the_improvement_over_the_rule_rests_on_as_many_runs_as_there_are(monkeypatch):
    monkeypatch.setattr("jitgym.standings.scores", lambda results, algorithm: np.full((10, 17), 0.9))
    one = summary({}, "luck").improvement
    assert (one.value, one.high) == (1, 1)
    assert one.low == pytest.approx(0.025 ** (1 / 170))


def test_the_median_of_an_even_number_of_training_seeds():
    row = {"percent": 0.0, "percent_low": 0.0, "percent_high": 0.0, "p_value": 1.0, "training_steps": 1e6}
    words = {"task": "a", "rule": "b", "policy": "c", "verdict": "d", "training_seeds": "1.04 0.98 1.01 0.99"}
    assert "| +0.0; -2.0, +4.0 |" in _table_of([{**row, **words, "rule_cost": 1.0, "training_seconds": 1.0}])


def test_what_is_published(finished, tmp_path):
    one, results = finished
    publish(one.suite, results, {"lost": "was broken"}, tmp_path, "jitgym suite small --out DIR")
    record = json.loads((tmp_path / "standings.json").read_text(), parse_constant=pytest.fail)
    assert record["hashes"]["costly"] == results["costly"].scenario.hash
    page = (tmp_path / "standings.md").read_text()
    assert "`jitgym suite small --out DIR`" in page
    assert "* `lost`: was broken" in page
    with (tmp_path / "rules.csv").open(newline="") as file:
        assert page_of(record, csv.DictReader(file)) == page  # of what is stored, and nothing else
    for row in record["rows"]:
        assert f"{row['percent']:+.2f} [{row['percent_low']:+.2f}, {row['percent_high']:+.2f}]" in page
    with (tmp_path / "raw.csv").open(newline="") as file:
        raw = list(csv.DictReader(file))
    mine = [float(r["cost"]) for r in raw if (r["task"], r["shift"], r["policy"]) == ("costly", "", "luck-1")]
    assert mine == results["costly"].costs("luck-1").tolist()
    with (tmp_path / "rules.csv").open(newline="") as file:
        first = next(r for r in csv.DictReader(file) if r["task"] == "costly")
    assert first["rule"] == results["costly"].best_rule
    assert float(first["difference"]) == 0


def test_a_name_that_is_no_name_of_a_folder_is_refused(suite):
    suite.write_text(SUITE.replace("name: costly", "name: ../costly"))
    with pytest.raises(InputError, match=r"tasks.1.name: String should match pattern .* got '../costly'"):
        read_suite(suite)


def test_a_rule_under_a_shift_is_the_one_that_was_tuned():
    """The bottleneck that the rope ends at is another where machines break down twice as often: it is not moved."""
    home = load_scenario("aerospace")
    family = rule_family(home, "rope")
    away, spec = shifted(home, "breakdowns"), PolicySpec("rule", "rope", tuple(family.start.tolist()))
    with pytest.raises(InputError, match="rope"):
        build_policy(EvaluationTask(away, spec, 2, 0))
    rule = build_policy(EvaluationTask(away, spec, 2, 0, None, home))
    assert rule.knobs.tolist() == family.knobs(family.start).tolist()


def test_a_rule_reads_a_changed_line_in_its_own_units():
    """What is shown is scaled by mean demand, and that is another now."""
    home = load_scenario("lost_sales")
    away = shifted(home, "demand")
    spec = PolicySpec("rule", "capped", (17, 5))
    rules = [build_policy(EvaluationTask(away, spec, 4, 0, None, one)) for one in (None, home)]
    costs = [Scorecard(away).cost_a_slot(run_policy(away, rule, seed_bank(0, 4, "evaluation"))) for rule in rules]
    np.testing.assert_array_equal(*costs)


def test_a_shift_that_makes_a_line_impossible_is_told_and_the_rest_goes_on(suite, tmp_path):
    description = load_scenario("four_stage").model_dump(mode="json", exclude_none=True)
    path = tmp_path / "busy.yaml"
    path.write_text(yaml.safe_dump(description | {"demand": {"law": {"poisson": 900}, "shortage": "lost"}}))
    suite.write_text(SUITE.replace("{scenario: four_stage, change", f"{{scenario: {path}, name: busy, change"))
    one = contest(suite, tmp_path / "out")
    results = one.run()
    assert set(results["costly"].shifted) == {"demand"}
    assert "must be <= 1000, got 1080" in one.faults["busy (demand)"]
    assert "luck-0" in results["busy"].evaluations


def test_the_agents_of_the_standings_are_kept_apart(suite, tmp_path):
    out = tmp_path / "out"
    results = contest(suite, out).run()
    for _ in range(2):  # again: over the old ones
        keep_selected(results, ("luck",), out)
    for task, result in results.items():
        kept = json.loads((out / "selected" / task / "luck" / "rule.json").read_text())
        assert kept == json.loads((out / "agents" / result.agents["luck-1"]["folder"] / "rule.json").read_text())


def test_the_figure_is_drawn(finished, tmp_path):
    pytest.importorskip("matplotlib")
    from jitgym.plots import write_standings_figure

    _, results = finished
    found = rows(results, ("luck",))
    for together in ({"luck": summary(results, "luck")}, {}):
        write_standings_figure(found, together, tmp_path / "standings.png")
        assert (tmp_path / "standings.png").read_bytes()[:4] == b"\x89PNG"


def test_look_ahead_takes_part(suite, tmp_path):
    suite.write_text(SUITE.replace("rollout: 0", "rollout: 5").replace("horizon: 20", "horizon: 2"))
    one = contest(suite, tmp_path / "out", learning=None)
    results = one.run()
    assert one.faults == {}
    found = rows(results, ("luck",))
    assert {row.kind for row in found} == {"rollout"}
    for row in found:
        assert results[row.task].costs("rollout").shape == (5,)
        assert row.rule_cost == pytest.approx(results[row.task].costs(row.rule)[:5].mean())
