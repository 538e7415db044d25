"""Figures of a study of management: ten years of every policy, and how far each assumption moves every claim.

Colours are those of the other figures of the package (Okabe & Ito).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.managers import MANAGERS
from jitgym.enterprise.runs import Run
from jitgym.enterprise.study import CLAIMS, Study
from jitgym.palette import FAINT, INK
from jitgym.plots import STYLE, layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

SIZE: Final = (14.0, 8.4)
DPI: Final = 110
COLOURS: Final = (
    "#222222",
    "#D55E00",
    "#CC79A7",
    "#E69F00",
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#8C510A",
    "#5D4B8A",
    "#7A7A3C",
    "#8a8a8a",
    "#F0C800",
)
"""Of the policies, in their order."""
EXPERIMENTS: Final = tuple(name for name, kind in MANAGERS.items() if kind.numbers_of is None)
"""Rules that are there to show one thing only: drawn thin and dashed, behind the others."""
UNITS: Final = ((1e9, "thousand million"), (1e6, "million"), (1e3, "thousand"), (1.0, ""))
"""What money is told in, by its size."""
TITLE: Final = 58
"""Letters of a line of a title."""
TOP_ASSUMPTIONS: Final = 8
"""Assumptions that are drawn for each claim: those that move it most."""


def write_study_figure(study: Study, path: Path) -> None:
    """Draw what ten years under every policy were, year by year, and write it as a PNG."""
    _write(lambda figure: draw_study(figure, study), path, SIZE)


def _write(draw: Callable[[Figure], None], path: Path, size: tuple[float, float]) -> None:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=size, dpi=DPI, layout=layout())
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(path, metadata={"Software": "jitgym"})


def draw_study(figure: Figure, study: Study) -> None:
    """Draw a study onto an empty figure: profit, working capital, capability and service over the years."""
    year = study.enterprise.periods_per_year
    panels: Any = figure.subplots(2, 2)
    profit = {name: run.economic_profit.mean(axis=0) for name, run in study.runs.items()}
    capital = {name: run.working_capital.mean(axis=0) for name, run in study.runs.items()}
    unit = _unit(max(float(np.abs(values).max()) * year for values in profit.values()))
    _years(panels[0, 0], {name: values * year / unit[0] for name, values in profit.items()}, year, smooth=True)
    panels[0, 0].set_title(f"Economic profit, {unit[1]} a year")
    unit = _unit(max(float(values.max()) for values in capital.values()))
    _years(panels[0, 1], {name: values / unit[0] for name, values in capital.items()}, year)
    panels[0, 1].set_title(f"Working capital, {unit[1]}")
    _years(panels[1, 0], _means(study, lambda run: run.capability), year)
    panels[1, 0].set_title("Capability: changeover, quality, maintenance, mean of the lines")
    _years(panels[1, 1], _means(study, lambda run: run.measure("fill_rate")), year, smooth=True)
    panels[1, 1].set_title("Fill rate, mean of the lines")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False)


def _means(study: Study, of: Callable[[Run], npt.NDArray[Any]]) -> dict[str, Floats]:
    return {name: of(run).mean(axis=(0, 2)).astype(np.float64) for name, run in study.runs.items()}


def _years(axes: Axes, series: Mapping[str, Floats], year: int, smooth: bool = False) -> None:
    """Draw series of periods over years; ``smooth``: their mean over half a year, since one period says little."""
    for (name, values), colour in zip(series.items(), COLOURS * len(series), strict=False):
        window = max(1, year // 2) if smooth else 1
        shown = np.convolve(values, np.ones(window) / window, mode="valid")
        ends = (np.arange(len(shown)) + window) / year
        look: dict[str, Any] = {"linewidth": 1.9, "zorder": 3}
        if name in EXPERIMENTS:
            look = {"linewidth": 1.2, "zorder": 2, "linestyle": (0, (4, 2))}
        axes.plot(ends, shown, color=colour, label=name, **look)
    axes.set_xlabel("years")
    axes.set_xlim(0, None)
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.6)


def _unit(most: float) -> tuple[float, str]:
    return next((size, name) for size, name in UNITS if most >= size or size == 1.0)


def write_sensitivity_figure(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw how far assumptions move every claim, and write it as a PNG.

    Args:
        rows: a row for each change and claim: ``path``, ``value``, ``usual``, ``claim``, ``difference``, ``low``,
            ``high``, ``finding``.
        path: of the PNG.
    """
    claims = [claim for claim in CLAIMS if any(row["claim"] == claim.name for row in rows)]
    height = 1.2 + 0.34 * TOP_ASSUMPTIONS * ((len(claims) + 1) // 2)
    _write(lambda figure: draw_sensitivity(figure, rows), path, (15.0, height))


def draw_sensitivity(figure: Figure, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the assumptions that move each claim most, as bars from one end of their range to the other."""
    claims = [claim for claim in CLAIMS if any(row["claim"] == claim.name for row in rows)]
    panels = np.atleast_1d(figure.subplots((len(claims) + 1) // 2, 2, squeeze=False)).ravel()
    for axes, claim in zip(panels, claims, strict=False):
        own = [row for row in rows if row["claim"] == claim.name]
        spans: dict[str, list[Mapping[str, Any]]] = {}
        for row in own:
            spans.setdefault(str(row["path"]), []).append(row)
        top = sorted(spans, key=lambda path: -_reach(spans[path]))[:TOP_ASSUMPTIONS]
        unit = _unit(max(abs(float(row["difference"])) for row in own))
        for place, path in enumerate(top):
            ends = [float(row["difference"]) / unit[0] for row in spans[path]]
            turned = any(row["finding"] != "holds" for row in spans[path])
            bar = {"color": COLOURS[1] if turned else COLOURS[4], "alpha": 0.75, "solid_capstyle": "butt"}
            axes.plot(ends, [place] * len(ends), linewidth=7, **bar)
            axes.plot(ends, [place] * len(ends), "|", color=INK, markersize=9)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(top)), top)
        axes.invert_yaxis()
        axes.set_title("\n".join(wrap(claim.sentence[0].upper() + claim.sentence[1:], TITLE)), fontsize=10.5)
        told = f"{unit[1]}{' a year' if claim.result == 'economic_profit' else ''}"
        axes.set_xlabel(f"difference, {told}" if told else "difference")
        axes.grid(axis="x", color=FAINT, alpha=0.25, linewidth=0.6)
    for axes in panels[len(claims) :]:
        axes.set_visible(False)


def _reach(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return how far the ends of an assumption's range are apart in a claim."""
    ends = [float(row["difference"]) for row in rows]
    return max(ends) - min(ends)
