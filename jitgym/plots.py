"""The figure of a comparison: what each policy costs and why, and how the best rule and its challenger run the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jitgym.compare import Comparison, decimals, verdict
from jitgym.fields import MACHINE
from jitgym.palette import CHALLENGER, FAINT, INK, KINDS, RULE, STATES, TERMS
from jitgym.results import known
from jitgym.sample import SamplePath, sample_path, typical_place, window
from jitgym.scenario import Scenario
from jitgym.scorecard import COST_TERMS
from jitgym.standings import BEST, TAUS, Row, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE: Final = (16.0, 9.0)
DPI: Final = 120
LEAST_ROWS: Final = 4
"""Rows that the bars are made for: fewer are not drawn fatter."""
LEGEND: Final[dict[str, Any]] = {"fontsize": 10.5, "handlelength": 1.2, "columnspacing": 1.4}

STYLE: Final = {
    "font.size": 11,
    "font.family": "sans-serif",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def write_figure(comparison: Comparison, path: Path) -> None:
    """Draw a comparison and write it as a PNG."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=SIZE, dpi=DPI, layout=layout())
        FigureCanvasAgg(figure)
        draw_comparison(figure, comparison)
        figure.savefig(path, metadata={"Software": "jitgym"})


def layout() -> Any:
    """Return what keeps the parts of the figure apart."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06, wspace=0.02)


def draw_comparison(figure: Figure, comparison: Comparison) -> None:
    """Draw the costs on the left and sample paths of the best rule and its challenger on the right."""
    plan = comparison.plan
    shown = [comparison.evaluation.reference]
    if comparison.challenger is not None:
        shown.append(comparison.challenger)
    halves: Any = figure.subfigures(2, 1, height_ratios=[0.085, 1])
    top, below = halves
    title = f"{plan.scenario.name}: {plan.scenario.description}"
    top.text(0.012, 0.72, title, fontsize=15, fontweight="bold", va="center")
    top.text(0.012, 0.22, verdict(comparison), fontsize=12, va="center")
    left, right = below.subfigures(1, 2, width_ratios=[1, 1.35])
    draw_costs(left.subplots(), comparison)
    draw_paths(right, comparison, shown)


def draw_costs(axes: Axes, comparison: Comparison) -> None:
    """Draw a bar for every policy, cheapest on top, split by cost term, with the interval of the whole."""
    evaluation = comparison.evaluation
    names = comparison.ranking
    rows = np.arange(len(names))
    ends = np.zeros(len(names))
    for term in COST_TERMS:
        means = np.array([float(evaluation.outcomes[name].terms[term].mean()) for name in names])
        if means.any():
            colour, meaning = TERMS[term]
            axes.barh(rows, means, left=ends, height=0.62, color=colour, label=meaning, edgecolor="white")
            ends = ends + means
    totals = [known(evaluation.outcomes[name].cost) for name in names]
    reach = [total.mean - total.low for total in totals]
    axes.errorbar(ends, rows, xerr=reach, fmt="none", ecolor=INK, elinewidth=1.4, capsize=4)
    widest = max(total.high for total in totals)
    for row, name in enumerate(names):
        axes.text(totals[row].high + 0.015 * widest, row, _beside(comparison, name), va="center", fontsize=10.5)
    axes.set_xlim(0, 1.42 * widest)
    axes.set_ylim(max(len(names), LEAST_ROWS) - 0.4, -0.6)
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    labels: list[Any] = axes.get_yticklabels()
    for label, name in zip(labels, names, strict=True):
        label.set_color(CHALLENGER if name not in comparison.tuned else INK)
        label.set_fontweight("normal" if name in comparison.tuned and name != evaluation.reference else "bold")
    axes.set_xlabel("cost, money a slot")
    axes.set_title(
        f"Mean cost with 95 % CI, {len(evaluation.seeds)} seeds;\nbeside it the paired difference to the best rule"
    )
    terms = len(axes.get_legend_handles_labels()[0])
    axes.legend(loc="upper center", bbox_to_anchor=(0.46, -0.085), ncols=4 if terms < 5 else 3, **LEGEND)


def _beside(comparison: Comparison, name: str) -> str:
    """Return the text beside a bar: the cost, and how it differs from the best rule's."""
    evaluation = comparison.evaluation
    best = float(evaluation.outcomes[evaluation.reference].cost.mean())
    total = known(evaluation.outcomes[name].cost)
    cost = f"{total.mean:.{decimals(total)}f}"
    if name == evaluation.reference:
        return f"{cost}  best rule"
    if not best:
        return cost
    difference = evaluation.difference(name)
    half = 100 * (difference.high - difference.mean) / best
    return f"{cost}  {100 * difference.mean / best:+.1f} ± {half:.1f} %".replace("-", "−")


def draw_paths(figure: Any, comparison: Comparison, shown: Sequence[str]) -> None:
    """Draw stock and machines of one episode under each of the shown policies."""
    scenario = comparison.plan.scenario
    seed, place = typical_seed(comparison)
    paths = {name: sample_path(scenario, comparison.policies[name], seed) for name in shown}
    start, stop = window(len(next(iter(paths.values())).finished))
    stages = len(scenario.stages)
    heights = [max(3.2, 1.1 * stages)] + [stages + 0.6] * len(shown)
    stock, *bands = figure.subplots(1 + len(shown), 1, sharex=True, height_ratios=heights)
    colours = dict(zip(shown, (RULE, CHALLENGER), strict=False))
    draw_stock(stock, scenario, paths, colours, start, stop)
    chosen = f"seed {place + 1} of {len(comparison.evaluation.seeds)}, of median cost"
    stock.set_title(f"Stock in the middle of one episode ({chosen})", pad=24)
    for axes, name in zip(bands, shown, strict=True):
        draw_machines(axes, scenario, paths[name], start, stop)
        axes.set_title(f"Machines under {_called(comparison, name)}", color=colours[name])
    bands[-1].set_xlabel("slot")
    patches = _state_patches(paths.values(), start, stop)
    bands[-1].legend(
        handles=patches,
        loc="upper center",
        bbox_to_anchor=(0.46, -0.26 if stages > 2 else -0.6),
        ncols=len(patches) if len(patches) < 5 else 3,
        **LEGEND,
    )


def typical_seed(comparison: Comparison) -> tuple[np.uint64, int]:
    """Return the seed whose cost under the best rule is the median one, and its place: neither luck nor choice."""
    evaluation = comparison.evaluation
    place = typical_place(evaluation.outcomes[evaluation.reference].cost)
    return evaluation.seeds[place], place


def draw_stock(
    axes: Axes, scenario: Scenario, paths: dict[str, SamplePath], colours: dict[str, str], start: int, stop: int
) -> None:
    """Draw finished goods above the line, and below it what customers wait for, or did not get."""
    from matplotlib.ticker import MaxNLocator

    lost = scenario.demand.shortage == "lost"
    for name, path in paths.items():
        slots = np.arange(start, stop)
        short = (path.lost if lost else path.backlog)[start:stop]
        net = path.finished[start:stop] - short
        width = 3.0 if colours[name] == RULE else 1.5  # what lies below shows where both are the same
        axes.plot(slots, net, drawstyle="steps-post", color=colours[name], linewidth=width, label=name)
        axes.fill_between(slots, np.minimum(net, 0), 0, step="post", color=colours[name], alpha=0.18, linewidth=0)
    axes.axhline(0, color=FAINT, linewidth=0.9)
    axes.set_ylabel(f"units: finished goods (+)\n{'lost a slot' if lost else 'backlog'} (−)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, handlelength=1.6, borderpad=0.1, borderaxespad=0.2
    )


def draw_machines(axes: Axes, scenario: Scenario, path: SamplePath, start: int, stop: int) -> None:
    """Draw a colour band for every machine: what it did, slot by slot."""
    from matplotlib.colors import ListedColormap

    stages = len(scenario.stages)
    colours = ListedColormap([STATES[name][0] for name in MACHINE])
    extent = (start, stop, stages - 0.5, -0.5)
    axes.imshow(
        path.machine[start:stop].T,
        aspect="auto",
        interpolation="nearest",
        cmap=colours,
        vmin=-0.5,
        vmax=len(MACHINE) - 0.5,
        extent=extent,
    )
    for edge in np.arange(0.5, stages - 1):
        axes.axhline(edge, color="white", linewidth=5)
    axes.set_yticks(range(stages), scenario.stage_names)
    axes.tick_params(axis="y", length=0)
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)


def _state_patches(paths: Any, start: int, stop: int) -> list[Any]:
    """Return legend entries for the states that occur."""
    from matplotlib.patches import Patch

    seen = {int(code) for path in paths for code in np.unique(path.machine[start:stop])}
    return [
        Patch(facecolor=STATES[name][0], label=STATES[name][1], edgecolor=FAINT, linewidth=0.6)
        for code, name in enumerate(MACHINE)
        if code in seen
    ]


def _called(comparison: Comparison, name: str) -> str:
    return f"{name}, the best rule" if name == comparison.evaluation.reference else name


def write_standings_figure(found: Sequence[Row], together: Mapping[str, Summary], path: Path) -> None:
    """Draw the standings of a contest: differences to the best tuned rule by line, and profiles of all agents.

    Args:
        found: rows of the standings; those under a shift are left out.
        together: all training seeds, by algorithm.
        path: of the PNG.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=SIZE, dpi=DPI, layout=layout())
        FigureCanvasAgg(figure)
        draw_standings(figure, found, together)
        figure.savefig(path)


def draw_standings(figure: Figure, found: Sequence[Row], together: Mapping[str, Summary]) -> None:
    """Draw the standings onto an empty figure."""
    here = [row for row in found if not row.shift and row.kind != BEST]  # that is a point of its algorithm
    kinds = list(dict.fromkeys(row.kind for row in here))
    colours = dict(zip(kinds, KINDS * len(kinds), strict=False))
    left, right = figure.subplots(1, 2, width_ratios=[3, 2]) if together else (figure.subplots(), None)
    _draw_differences(left, here, colours)
    if right is not None:
        _draw_profiles(right, together, colours)


def _draw_differences(axes: Axes, here: Sequence[Row], colours: Mapping[str, str]) -> None:
    """Draw the difference of every policy to the best tuned rule of its line, with its interval."""
    tasks = list(dict.fromkeys(row.task for row in here))
    for k, (kind, colour) in enumerate(colours.items()):
        offset = (k - (len(colours) - 1) / 2) * 0.4 / len(colours)
        for row in (row for row in here if row.kind == kind):
            y, percent = tasks.index(row.task) + offset, row.percent
            axes.plot([100 * (score - 1) for score in row.spread], [y] * len(row.spread), ".", color=colour, alpha=0.3)
            axes.plot([percent.low, percent.high], [y, y], color=colour, linewidth=2)
            axes.plot(percent.mean, y, "o", color=colour, label=kind if row.task == tasks[0] else None)
    axes.axvline(0, color=RULE, linewidth=1)
    axes.set_yticks(range(len(tasks)), tasks)
    axes.invert_yaxis()
    axes.set_xlabel("cost against the best tuned rule, % (95 % CI; small dots: every training seed)")
    axes.set_title("Less is better")
    axes.legend(loc="best", **LEGEND)


def _draw_profiles(axes: Axes, together: Mapping[str, Summary], colours: Mapping[str, str]) -> None:
    """Draw the share of agents that cost at most so much of the best tuned rule."""
    for name, one in together.items():
        profile, colour = one.profile, colours.get(name, CHALLENGER)
        axes.plot(100 * profile.taus, 100 * profile.shares, color=colour, label=name)
        axes.fill_between(
            100 * profile.taus, 100 * profile.low, 100 * profile.high, color=colour, alpha=0.15, linewidth=0
        )
    axes.axvline(100, color=RULE, linewidth=1)
    axes.set_ylim(0, 102)
    scores = np.concatenate([one.scores.ravel() for one in together.values()])
    axes.set_xlim(100 * max(TAUS[0], min(0.95, scores.min())), 100 * min(TAUS[-1], max(1.05, scores.max())))
    axes.set_xlabel("cost of at most this much of the best tuned rule's, %")
    axes.set_ylabel("share of agents, all lines and training seeds, %")
    axes.set_title("Performance profile: higher is better")
    axes.legend(loc="lower right", **LEGEND)
