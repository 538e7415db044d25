"""The figure: it shows what the numbers say, and nothing on it lies over anything else."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np
import pytest

from jitgym.compare import Agent, Plan, evaluate_all, families_of, tune_rules
from jitgym.fields import MACHINE
from jitgym.jobs import Store
from jitgym.palette import STATES, TERMS
from jitgym.rules import ConstantRule, rule_family
from jitgym.sample import WINDOW, sample_path, window
from jitgym.scenario import load_scenario
from jitgym.scorecard import COST_TERMS
from jitgym.search import Budget
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator

pytest.importorskip("matplotlib")
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from jitgym import plots


def silent(*news):
    pass


def comparison(name, rules="all", agent=False, horizon=60):
    scenario = load_scenario(load_scenario(name).model_dump() | {"horizon": horizon})
    budget = Budget(trials=4, first=2, ask=2, last=4, rounds=1, episodes=50, finalists=2, most=8, final=8)
    plan = Plan(scenario, families_of(scenario, rules), n_seeds=6, budget=budget)
    with tempfile.TemporaryDirectory() as folder:
        tuned = tune_rules(plan, silent, Store(Path(folder)))
    learned = Agent(next(iter(tuned.values())).family.rule(next(iter(tuned.values())).numbers), {}) if agent else None
    return evaluate_all(plan, tuned, learned, silent)


def drawn(found):
    figure = Figure(figsize=plots.SIZE, dpi=plots.DPI, layout=plots.layout())
    FigureCanvasAgg(figure)
    plots.draw_comparison(figure, found)
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("name", ["four_stage", "bearing_line", "lost_sales", "age_replacement", "conwip_loop"])
def test_no_text_lies_over_another_or_outside(name, monkeypatch):
    figure = drawn(comparison(name, agent=True))
    seen = []
    draw = Text.draw

    def recorded(text, renderer):
        if text.get_visible() and text.get_text().strip():
            seen.append((text.get_text(), text.get_window_extent(renderer)))
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", recorded)
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    assert len(seen) > 20
    for text, box in seen:
        assert min(box.x0, box.y0) >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for (one, box), (other, box2) in itertools.combinations(seen, 2):
        assert not overlap(box, box2), (one, other)


def overlap(one, other):
    """Tell whether two boxes share more than an edge."""
    return min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1


def test_bars_are_the_costs():
    found = comparison("four_stage", "kanban,conwip")
    axes = drawn(found).subfigs[1].subfigs[0].axes[0]
    ends = {}
    for bar in axes.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0), bar.get_x() + bar.get_width())
    assert [label.get_text() for label in axes.get_yticklabels()] == found.ranking
    for row, name in enumerate(found.ranking):
        assert ends[row] == pytest.approx(found.evaluation.outcomes[name].cost.mean())
    assert "best rule" in axes.texts[0].get_text()


def test_everything_that_can_happen_has_a_colour_of_its_own():
    assert list(TERMS) == list(COST_TERMS)
    assert list(STATES) == list(MACHINE)
    for legend in (TERMS, STATES):
        assert (
            len({colour for colour, _ in legend.values()})
            == len({label for _, label in legend.values()})
            == len(legend)
        )


def test_file_is_a_png_of_the_stated_size(tmp_path):
    path = tmp_path / "compare.png"
    plots.write_figure(comparison("conwip_loop", horizon=10), path)
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    size = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    assert size == tuple(round(side * plots.DPI) for side in plots.SIZE)


def test_typical_seed_has_the_median_cost():
    found = comparison("four_stage", "kanban", horizon=10)
    seed, place = plots.typical_seed(found)
    cost = found.evaluation.outcomes["kanban"].cost
    assert seed == found.evaluation.seeds[place]
    assert (cost < cost[place]).sum() <= 3
    assert (cost > cost[place]).sum() <= 3


def test_window_is_the_middle():
    assert window(10) == (0, 10)
    start, stop = window(2000)
    assert stop - start == WINDOW
    assert start + stop == 2000


# -- sample paths --


class LooksAtDemand:
    """Sets more cards after a step of high demand, so that a wrong `demand_step` would show."""

    def __init__(self, knobs, column):
        self.high, self.column = np.array([knob.high - knob.low for knob in knobs]), column

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        share = (observation[..., self.column, None] * 4 % 3) / 3
        return (share * self.high).astype(np.int64), state


@pytest.mark.parametrize("name", ["four_stage", "bearing_line"])
def test_a_path_slot_by_slot_is_the_path_of_the_evaluation(name):
    from jitgym.evaluate import run_policy
    from jitgym.observation import Observer

    scenario = load_scenario(load_scenario(name).model_dump() | {"horizon": 25})
    line = Simulator(scenario)
    policy = LooksAtDemand(line.knobs, Observer(line).names.index("demand_step"))
    seeds = seed_bank(4, 1, "evaluation")
    path = sample_path(scenario, policy, seeds[0])
    ledger = run_policy(scenario, policy, seeds)
    assert path.machine.shape == (25 * scenario.slots_per_step, len(scenario.stages))
    assert path.finished.sum() == ledger["store_slots"][0, -1]
    assert path.backlog.sum() == ledger["backlog_slots"][0]
    for code, state in enumerate(MACHINE):
        assert ((path.machine == code).sum(axis=0) == ledger[state][0]).all()


def test_orders_are_placed_once_a_step():
    """Also where a path is recorded slot by slot: stopping inside a step must not order again."""
    scenario = load_scenario(
        load_scenario("lost_sales").model_dump() | {"horizon": 20, "slots_per_step": 5, "prices": {"lost": 1}}
    )
    family = rule_family(scenario, "basestock")
    policy = ConstantRule([0, 3], family.codec)  # no base stock, three units a step
    path = sample_path(scenario, policy, np.uint64(5))
    assert len(path.finished) == 100
    line = Simulator(scenario, 1, np.array([5], dtype=np.uint64))
    lost = [line.step([0, 3], 5)["lost"][0] for _ in range(20)]
    assert path.lost.reshape(20, 5).sum(axis=1).tolist() == lost
    assert path.lost.sum() > 0


def test_a_path_may_be_short():
    scenario = load_scenario("four_stage")
    policy = rule_family(scenario, "kanban").rule([3, 3, 3, 3, 6])
    assert len(sample_path(scenario, policy, np.uint64(1), steps=2).backlog) == 16
