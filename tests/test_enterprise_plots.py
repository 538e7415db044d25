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
from jitgym.enterprise.managers import MANAGERS, TUNED
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
SHOWN = tuple(name for name in POLICIES if name not in plots.LEFT_OUT)
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
            "claim": claim.name, "path": f"lines.*.demand.negative_binomial.spread_{k}" if k else "", "told": f"{end}",
            "difference": 20_000 + k * end * spread,
            "finding": "turned round" if (claim.name, k, end) == ("trap", 9, -1) else "holds",
        }
        for claim in CLAIMS for k in range(10) for end in ((-1, 1) if k else (0,))
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
        (lambda figure: plots.draw_sensitivity(figure, some_rows()), (15.0, 18.0)),
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
    for name in SHOWN:
        k = POLICIES.index(name)
        profit, capital = lines_of(figure, 0)[name], lines_of(figure, 1)[name]
        # four periods a year; profit is the mean of two periods, at their end
        assert profit.get_xdata() == pytest.approx((np.arange(11) + 2) / 4)
        assert profit.get_ydata() == pytest.approx((k + np.arange(11) + 0.5) * 4)
        assert capital.get_xdata() == pytest.approx((PERIODS + 1) / 4)
        assert capital.get_ydata() == pytest.approx(30 - k - PERIODS)
    assert lines_of(figure, 2)["never"].get_ydata() == pytest.approx(PERIODS / 12)
    assert lines_of(figure, 3)["never"].get_ydata() == pytest.approx(np.full(11, 0.5))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(SHOWN)


def test_policies_can_be_told_apart_and_experiments_are_left_to_the_tables() -> None:
    figure = figure_of(lambda figure: plots.draw_study(figure, a_study()), plots.SIZE)
    lines = lines_of(figure, 0)
    assert set(lines) == set(SHOWN) == {*TUNED, "buffer reflex", "greedy", "PPO"}
    assert len({line.get_color() for line in lines.values()}) == len(SHOWN)


def bars_of(axes: Any) -> dict[str, list[Any]]:
    """Return the bars of a panel by assumption."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    found: dict[str, list[Any]] = {name: [] for name in names}
    for line in axes.get_lines():
        if line.get_linewidth() == 7:
            found[names[int(line.get_ydata()[0])]].append(line)
    return found


def test_a_claim_shows_what_moves_it_most_first_from_what_it_is_to_what_it_becomes() -> None:
    figure = figure_of(lambda figure: plots.draw_sensitivity(figure, some_rows()), (15.0, 18.0))
    panels = dict(zip([claim.name for claim in CLAIMS], figure.axes, strict=False))
    trap = bars_of(panels["trap"])
    assert list(trap) == [f"lines.demand.negative_binomial.spread_{k}" for k in range(9, 3, -1)]
    ends = sorted(tuple(bar.get_xdata()) for bar in trap["lines.demand.negative_binomial.spread_9"])
    assert ends == [pytest.approx((20, 11)), pytest.approx((20, 29))], "thousands, from 20"
    colours = {bar.get_color() for bars in trap.values() for bar in bars}
    assert colours == {plots.OF_FINDING["holds"], plots.OF_FINDING["turned round"]}
    (turned,) = [
        b for b in trap["lines.demand.negative_binomial.spread_9"] if b.get_color() == plots.OF_FINDING["turned round"]
    ]
    assert turned.get_xdata()[1] == pytest.approx(11)
    assert not any(axes.get_visible() for axes in figure.axes[len(CLAIMS) :])


def test_months_are_drawn_up_to_an_end_beside_the_range_that_is_claimed() -> None:
    rows = [
        {"claim": "erosion", "path": path, "told": "", "difference": months, "finding": "holds"}
        for path, months in (("", 15.0), ("dynamics.x", 18.0), ("dynamics.y", np.inf))
    ]
    figure = figure_of(lambda figure: plots.draw_sensitivity(figure, rows), (15.0, 5.0))
    bars = bars_of(figure.axes[0])
    assert [tuple(bars[name][0].get_xdata()) for name in bars] == [(15, plots.LONGEST), (15, 18)]
    assert figure.axes[0].get_xlabel() == "months"
    (span,) = figure.axes[0].patches
    assert (span.get_x(), span.get_x() + span.get_width()) == (12, 24)


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
