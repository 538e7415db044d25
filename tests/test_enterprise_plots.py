"""Figures of a study of management: they show the numbers, and nothing on them lies over anything else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enterprises import a_run, steady

from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.managers import MANAGERS
from jitgym.enterprise.runs import RESULTS
from jitgym.enterprise.study import CLAIMS, Study

pytest.importorskip("matplotlib")
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from jitgym.enterprise import plots
from jitgym.plots import layout

FIRM = load_enterprise(steady(periods_per_year=4, horizon=12))
POLICIES = (*MANAGERS, "greedy", "PPO")
PERIODS = np.arange(12.0)


def a_study(profit: float = 1.0) -> Study:
    """A made-up study of every policy: the k-th earns k and more each period."""
    runs = {
        name: a_run(
            12, 2, 3, economic_profit=(k + PERIODS) * profit, working_capital=(30 - k - PERIODS) * 1000,
            capability=(PERIODS / 12)[:, None], measures=0.5,
        )
        for k, name in enumerate(POLICIES)
    }  # fmt: skip
    nothing = dict.fromkeys(RESULTS, np.zeros(2))
    return Study(FIRM, runs, dict.fromkeys(POLICIES, nothing))


def some_rows(spread: float = 1000.0) -> list[dict[str, Any]]:
    """Rows of a sensitivity: ten assumptions, of which the k-th moves every claim k times as far; one turns one."""
    return [
        {
            "claim": claim.name, "path": f"dynamics.assumption_{k}", "value": end, "usual": 0.0,
            "difference": 20_000 + k * end * spread,
            "finding": "turned round" if (claim.name, k, end) == ("trap", 9, -1) else "holds",
        }
        for claim in CLAIMS for k in range(10) for end in (-1, 1)
    ]  # fmt: skip


def figure_of(draw: Callable[[Figure], None], size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, dpi=plots.DPI, layout=layout())
    FigureCanvasAgg(figure)
    draw(figure)
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize(
    ("draw", "size"),
    [
        (lambda figure: plots.draw_study(figure, a_study(1e6)), plots.SIZE),
        (lambda figure: plots.draw_sensitivity(figure, some_rows()), (15.0, 15.0)),
    ],
    ids=["study", "sensitivity"],
)
def test_no_text_lies_over_another_or_outside(
    draw: Callable[[Figure], None], size: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = figure_of(draw, size)
    seen: list[tuple[str, Any]] = []
    own = Text.draw

    def recorded(text: Text, renderer: Any) -> None:
        if text.get_visible() and text.get_text().strip():
            seen.append((text.get_text(), text.get_window_extent(renderer)))
        own(text, renderer)

    monkeypatch.setattr(Text, "draw", recorded)
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    assert len(seen) > 20
    for told, box in seen:
        assert min(box.x0, box.y0) >= 0, told
        assert box.x1 <= width, told
        assert box.y1 <= height, told
    for (one, box), (other, box2) in itertools.combinations(seen, 2):
        aside = min(box.x1, box2.x1) - max(box.x0, box2.x0) <= 1
        assert aside or min(box.y1, box2.y1) - max(box.y0, box2.y0) <= 1, (one, other)


def lines_of(figure: Figure, panel: int) -> dict[str, Any]:
    return {str(line.get_label()): line for line in figure.axes[panel].get_lines()}


def test_years_are_the_means_of_the_companies_in_the_unit_of_the_title() -> None:
    figure = figure_of(lambda figure: plots.draw_study(figure, a_study(1e6)), plots.SIZE)
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes]
    assert titles[:2] == ["Economic profit, million a year", "Working capital, thousand"]
    for k, name in enumerate(POLICIES):
        profit, capital = lines_of(figure, 0)[name], lines_of(figure, 1)[name]
        # four periods a year; profit is the mean of two periods, at their end
        assert profit.get_xdata() == pytest.approx((np.arange(11) + 2) / 4)
        assert profit.get_ydata() == pytest.approx((k + np.arange(11) + 0.5) * 4)
        assert capital.get_xdata() == pytest.approx((PERIODS + 1) / 4)
        assert capital.get_ydata() == pytest.approx(30 - k - PERIODS)
    assert lines_of(figure, 2)["never"].get_ydata() == pytest.approx(PERIODS / 12)
    assert lines_of(figure, 3)["never"].get_ydata() == pytest.approx(np.full(11, 0.5))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(POLICIES)


def test_policies_can_be_told_apart() -> None:
    figure = figure_of(lambda figure: plots.draw_study(figure, a_study()), plots.SIZE)
    lines = lines_of(figure, 0)
    assert len({line.get_color() for line in lines.values()}) == len(POLICIES)
    thin = {name for name, line in lines.items() if line.get_linewidth() < 1.5}
    assert thin == {"maintenance first", "roll-out first", "lean kaizen", "buffered kaizen"}


def test_a_claim_shows_what_moves_it_most_first_and_what_turns_it() -> None:
    figure = figure_of(lambda figure: plots.draw_sensitivity(figure, some_rows()), (15.0, 15.0))
    panels = dict(zip([claim.name for claim in CLAIMS], figure.axes, strict=False))
    trap = panels["trap"]
    assert [label.get_text() for label in trap.get_yticklabels()] == [
        f"dynamics.assumption_{k}" for k in range(9, 1, -1)
    ]
    bars = [line for line in trap.get_lines() if line.get_linewidth() == 7]
    assert bars[0].get_xdata() == pytest.approx([11, 29])  # thousand
    assert {bar.get_color() for bar in bars[1:]} == {bars[1].get_color()} != {bars[0].get_color()}
    assert {line.get_color() for line in panels["phased"].get_lines() if line.get_linewidth() == 7} == {
        bars[1].get_color()
    }
    assert not any(axes.get_visible() for axes in figure.axes[len(CLAIMS) :])


@pytest.mark.parametrize("most", [3.0, 3e3, 3e6, 3e9])
def test_money_is_told_in_the_unit_of_its_size(most: float) -> None:
    size, _ = plots._unit(most)
    assert most / size == 3.0


def test_figures_are_written_as_pictures(tmp_path: Path) -> None:
    plots.write_study_figure(a_study(), tmp_path / "study.png")
    plots.write_sensitivity_figure(some_rows(), tmp_path / "sensitivity.png")
    for name in ("study.png", "sensitivity.png"):
        picture = imread(tmp_path / name)
        assert min(picture.shape[:2]) > 500
        assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 50
