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

from jitgym.enterprise.assumptions import AS_IT_IS
from jitgym.enterprise.experiments import EXPERIMENTS
from jitgym.enterprise.report import headed
from jitgym.enterprise.runs import Run
from jitgym.enterprise.study import CLAIMS, PROFIT, Claim, Lasting, Study
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
LEFT_OUT: Final = tuple(kind.name for kind in EXPERIMENTS)
"""Rules that are there to show one thing: they are compared in the tables, and would only crowd a figure."""
UNITS: Final = ((1e9, "thousand million"), (1e6, "million"), (1e3, "thousand"), (1.0, ""))
"""What money is told in, by its size."""
TITLE: Final = 44
"""Letters of a line of a title."""
OF_FINDING: Final = {"holds": COLOURS[4], "not shown": COLOURS[3], "turned round": COLOURS[1]}
"""Colour of a bar by what becomes of the claim at its end."""
LONGEST: Final = 60.0
"""Months that are drawn at most."""
TOP_ASSUMPTIONS: Final = 6
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
    study = Study(study.enterprise, {n: run for n, run in study.runs.items() if n not in LEFT_OUT}, study.results)
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
        axes.plot(ends, shown, color=colour, linewidth=1.9, label=name)
    axes.set_xlabel("years")
    axes.set_xlim(0, None)
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.6)


def _unit(most: float) -> tuple[float, str]:
    return next((size, name) for size, name in UNITS if most >= size or size == 1.0)


def write_sensitivity_figure(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw how far assumptions move every claim, and write it as a PNG.

    Args:
        rows: see :func:`jitgym.enterprise.sensitivity.findings`.
        path: of the PNG.
    """
    n_rows = (len(_claims_of(rows)) + 1) // 2
    _write(lambda figure: draw_sensitivity(figure, rows), path, (15.0, 1.0 + (0.32 * TOP_ASSUMPTIONS + 0.9) * n_rows))


def draw_sensitivity(figure: Figure, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the assumptions that move each claim most, as bars from one end of their range to the other."""
    claims = _claims_of(rows)
    panels = np.atleast_1d(figure.subplots((len(claims) + 1) // 2, 2, squeeze=False)).ravel()
    for axes, claim in zip(panels, claims, strict=False):
        _draw_claim(axes, claim, [row for row in rows if row["claim"] == claim.name])
    for axes in panels[len(claims) :]:
        axes.set_visible(False)
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=finding) for finding, colour in OF_FINDING.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


def _claims_of(rows: Sequence[Mapping[str, Any]]) -> list[Claim | Lasting]:
    return [claim for claim in CLAIMS if any(row["claim"] == claim.name for row in rows)]


def _draw_claim(axes: Axes, claim: Claim | Lasting, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw a claim: for each assumption the value of the claim as it is, and with it moved."""
    lasting = isinstance(claim, Lasting)
    spans: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        spans.setdefault(str(row["path"]), []).append(row)
    base = [float(row["difference"]) for row in spans.pop(AS_IT_IS.path, [])]
    top = sorted(spans, key=lambda path: -_reach(spans[path], base, lasting))[:TOP_ASSUMPTIONS]
    unit = (1.0, "months") if lasting else _unit(max(abs(float(row["difference"])) for row in rows))
    for place, path in enumerate(top):
        for row in sorted(spans[path], key=lambda row: -_reach([row], base, lasting)):  # the shorter over the longer
            value, start = (_shown(x, lasting) / unit[0] for x in (float(row["difference"]), *(base or [0.0])))
            bar: dict[str, Any] = {"color": OF_FINDING[row["finding"]], "solid_capstyle": "butt"}
            axes.plot([start, value], [place] * 2, linewidth=7, **bar)
            axes.plot([value], [place], "|", color=INK, markersize=9)
    if isinstance(claim, Lasting):
        axes.axvspan(claim.low, claim.high, color=FAINT, alpha=0.2, linewidth=0)
    else:
        axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(top)), [path.replace("capabilities.", "").replace(".*", "") for path in top], fontsize=9)
    axes.invert_yaxis()
    axes.set_title("\n".join(wrap(claim.sentence[0].upper() + claim.sentence[1:], TITLE)), fontsize=10.5)
    per = " a year" if claim.result == PROFIT else ""
    told = f"{headed(claim.result).partition(' (')[0]}, {unit[1]}{per}" if unit[1] != "months" else "months"
    axes.set_xlabel(told.strip(", "))
    axes.grid(axis="x", color=FAINT, alpha=0.25, linewidth=0.6)


def _shown(value: float, lasting: bool) -> float:
    """Return where a value is drawn: what lasts for ever stands at the end of the axis."""
    return min(value, LONGEST) if lasting else value


def _reach(rows: Sequence[Mapping[str, Any]], base: Sequence[float], lasting: bool) -> float:
    """Return how far an assumption moves a claim."""
    ends = [_shown(value, lasting) for value in (*base, *(float(row["difference"]) for row in rows))]
    return max(ends) - min(ends)
