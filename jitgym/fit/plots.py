"""Figures of a fit: demand with its classes and laws, lives with Kaplan-Meier curves, deliveries.

Colours are those of the other figures of the package (Okabe & Ito).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import stats

from jitgym.fit.classes import ADI, SQUARED_CV
from jitgym.fit.counts import expected_counts
from jitgym.fit.deliveries import Lateness
from jitgym.fit.demand import by_week
from jitgym.fit.maintenance import Machine
from jitgym.fit.plant import Plant
from jitgym.fit.products import Product
from jitgym.fit.weibull import kaplan_meier
from jitgym.palette import FAINT, INK
from jitgym.plots import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DATA: Final = "#0072B2"
LAW: Final = "#D55E00"
BAND: Final = "#56B4E9"
DPI: Final = 110
SUITS: Final = {"yes": "suits pull", "with care": "suits pull with care", "not yet": "not yet for pull"}
MOST_ROWS: Final = 8
"""Most products, machines or suppliers that are drawn."""


def write_figures(plant: Plant, folder: Path) -> list[str]:
    """Draw what was fitted; return the names of the figures."""
    drawings: list[tuple[str, tuple[float, float], Callable[[Figure], None]]] = []
    rows = min(len(plant.products), MOST_ROWS)
    drawings.append(("demand.png", (14.0, 2.6 * rows + 0.6), lambda figure: draw_demand(figure, plant)))
    drawings.append(("classes.png", (8.0, 6.0), lambda figure: draw_classes(figure.subplots(), plant)))
    machines = [machine for machine in plant.machines if machine.law is not None][:MOST_ROWS]
    if machines:
        drawings.append(("machines.png", (14.0, 3.2 * len(machines)), lambda figure: draw_machines(figure, machines)))
    suppliers = plant.suppliers[:MOST_ROWS]
    if suppliers:
        drawings.append(
            ("suppliers.png", (11.0, 2.9 * len(suppliers)), lambda figure: draw_suppliers(figure, suppliers))
        )
    for name, size, draw in drawings:
        _write(folder / name, size, draw)
    return [name for name, _, _ in drawings]


def _write(path: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(path)


def draw_demand(figure: Figure, plant: Plant) -> None:
    """Draw the demand of every product over time, and how often each count came against the law."""
    products = plant.products[:MOST_ROWS]
    axes = figure.subplots(len(products), 2, width_ratios=[2.2, 1], squeeze=False)
    for (left, right), product in zip(axes, products, strict=True):
        draw_series(left, plant, product)
        draw_counts(right, plant, product)


def draw_series(axes: Axes, plant: Plant, product: Product) -> None:
    """Draw what was wanted by week (month), with its mean."""
    series = plant.series
    values, starts, word = series.values[product.name], series.starts, series.bucket
    if series.bucket == "day":
        starts, values, word = *by_week(values, starts), "week"
    days: list[Any] = [date.fromordinal(int(day)) for day in starts]
    axes.plot(days, values, color=DATA, linewidth=1.2)
    axes.axhline(float(values.mean()), color=FAINT, linewidth=0.9)
    axes.set_ylim(0, None)
    axes.set_ylabel(f"wanted a {word}")
    axes.set_title(f"{product.name}: {SUITS[product.verdict.suits]}")


def draw_counts(axes: Axes, plant: Plant, product: Product) -> None:
    """Draw how often each count of units came in a bucket, and how often the law has it."""
    recent, law = product.units[-product.recent :], product.law
    seen = np.bincount(recent)
    places = np.arange(len(seen))
    expected = expected_counts(law, product.rates[-product.recent :], len(seen) - 1)
    axes.bar(places, seen, color=BAND, width=0.8, label="record")
    axes.plot(places, expected, "o-", color=LAW, markersize=3.5, linewidth=1, label=law.kind)
    _whole_ticks(axes)
    axes.set_xlabel(f"units of {plant.unit:g} a {plant.series.bucket}")
    axes.set_ylabel(f"{plant.series.bucket}s")
    axes.legend(loc="upper right")


def _whole_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def draw_classes(axes: Axes, plant: Plant) -> None:
    """Draw every product where its demand interval and its spread of sizes put it."""
    from matplotlib.ticker import NullLocator

    products = (*plant.products, *plant.others)
    intervals = [product.pattern.adi for product in products]
    spreads = [product.pattern.squared_cv for product in products]
    left, right, top = 0.9, max(2.2, 1.4 * max(intervals)), max(1.0, 1.25 * max(spreads))
    axes.set_xscale("log")
    axes.axvline(ADI, color=FAINT, linewidth=1)
    axes.axhline(SQUARED_CV, color=FAINT, linewidth=1)
    for x, y, word in ((left, 0, "smooth"), (left, top, "erratic"), (right, 0, "intermittent"), (right, top, "lumpy")):
        offset = (6 if x == left else -6, 6 if y == 0 else -6)
        across, up = "left" if x == left else "right", "bottom" if y == 0 else "top"
        axes.annotate(word, (x, y), offset, textcoords="offset points", ha=across, va=up, color=FAINT)
    axes.plot(intervals, spreads, "o", color=DATA)
    for product, x, y in zip(products, intervals, spreads, strict=True):
        axes.annotate(product.name, (x, y), (7, 4), textcoords="offset points", color=INK)
    axes.set_xlim(left, right)
    axes.set_ylim(0, top)
    ticks = [tick for tick in (1, 1.32, 2, 5, 10, 20, 50, 100, 200, 500) if tick <= right]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"ADI: {plant.series.bucket}s for each {plant.series.bucket} with demand, log scale")
    axes.set_ylabel("CV² of the sizes")
    axes.set_title("Classes of demand, cut-offs 1.32 and 0.49")


def draw_machines(figure: Figure, machines: Sequence[Machine]) -> None:
    """Draw how long machines live, on plain and on Weibull paper, and how long repairs take."""
    grid = figure.subplots(len(machines), 3, squeeze=False)
    for (left, middle, right), machine in zip(grid, machines, strict=True):
        draw_survival(left, machine)
        draw_paper(middle, machine)
        draw_repairs(right, machine)


def draw_survival(axes: Axes, machine: Machine) -> None:
    """Draw the Kaplan-Meier curve, the fitted laws, and marks where a life was cut off."""
    assert machine.law is not None
    times, shares = kaplan_meier(machine.lives, machine.failed)
    axes.step([0, *times], [1, *shares], where="post", color=DATA, label="Kaplan-Meier")
    cut = machine.lives[~machine.failed]
    at = np.concatenate([[1.0], shares])[np.searchsorted(times, cut, side="right")]
    axes.plot(cut, at, "|", color=DATA, markersize=9, label="cut off")
    grid = np.linspace(0, float(machine.lives.max()), 200)
    chosen = machine.wears_out
    axes.plot(
        grid,
        machine.law.survival(grid),
        color=LAW,
        linewidth=2 if chosen else 1,
        label=f"Weibull, shape {machine.law.shape:.2f}",
    )
    axes.plot(
        grid, np.exp(-machine.law.rate * grid), "--", color=INK, linewidth=1 if chosen else 2, label="exponential"
    )
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("working hours since a stop")
    axes.set_ylabel("share still running")
    axes.set_title(machine.asset)
    axes.legend(loc="best")


def draw_paper(axes: Axes, machine: Machine) -> None:
    """Draw lives on Weibull paper, where the law is a straight line; points half way up each step of Kaplan-Meier."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

    law = machine.law
    assert law is not None
    times, shares = kaplan_meier(machine.lives, machine.failed)
    middle = (np.concatenate([[1.0], shares[:-1]]) + shares) / 2
    axes.plot(times, np.log(-np.log(middle)), "o", color=DATA, markersize=4)
    ends = np.array([times[0] * 0.8, times[-1] * 1.2])
    axes.plot(ends, law.shape * np.log(ends / law.scale), color=LAW)
    axes.set_xscale("log")
    decades = math.log10(float(ends[1] / ends[0]))
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    wanted = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
    axes.yaxis.set_major_locator(FixedLocator([math.log(-math.log(1 - share)) for share in wanted]))
    axes.set_yticklabels([f"{100 * share:.0f} %" for share in wanted])
    low = min(math.log(-math.log(float(middle[0]))), law.shape * math.log(float(ends[0]) / law.scale))
    axes.set_ylim(low - 0.3, math.log(-math.log(0.005)))
    axes.set_xlabel("working hours, log scale")
    axes.set_ylabel("share broken down")
    axes.set_title("Weibull paper")


def draw_repairs(axes: Axes, machine: Machine) -> None:
    """Draw how long repairs take, with a lognormal and an exponential law."""
    if machine.repair is None or len(machine.repair.hours) < 2:
        axes.set_axis_off()
        return
    repair = machine.repair
    axes.hist(repair.hours, bins="auto", density=True, color=BAND, label="record")
    grid = np.linspace(1e-3, float(repair.hours.max()), 200)
    if repair.log_sd > 0:
        axes.plot(
            grid, stats.lognorm.pdf(grid, repair.log_sd, scale=math.exp(repair.log_mean)), color=LAW, label="lognormal"
        )
    axes.plot(grid, stats.expon.pdf(grid, scale=repair.mean), "--", color=INK, linewidth=1, label="exponential")
    top = float(np.histogram(repair.hours, bins="auto", density=True)[0].max())
    axes.set_ylim(0, 1.6 * top)
    axes.set_xlabel("working hours")
    axes.set_ylabel("density")
    axes.set_title("Repairs")
    axes.legend(loc="upper right")


def draw_suppliers(figure: Figure, suppliers: Sequence[Lateness]) -> None:
    """Draw what suppliers promise, and how late they are when they are."""
    grid = figure.subplots(len(suppliers), 2, squeeze=False)
    for (left, right), one in zip(grid, suppliers, strict=True):
        leads = np.bincount(one.leads)
        left.bar(np.arange(len(leads)), leads, color=BAND)
        left.axvline(one.lead_days, color=LAW, label="median")
        left.set_xlabel("working days from order to promise")
        left.set_ylabel("orders")
        left.set_title(f"{one.supplier}: {one.item}")
        left.legend(loc="upper left")
        left.set_xlim(max(-0.5, one.leads.min() - 5.5), one.leads.max() + 5.5)
        left.set_ylim(0, 1.3 * leads.max())
        _whole_ticks(left)
        late = np.bincount(one.lateness, minlength=2)[1:]
        days = np.arange(1, len(late) + 1)
        right.bar(days, late, color=BAND, label="record")
        law = late.sum() * stats.geom.pmf(days, min(one.catch_up, 1.0))
        right.plot(
            days, law, "o-", color=LAW, markersize=3.5, linewidth=1, label=f"geometric, {one.catch_up:.2f} a day"
        )
        right.set_xlabel("working days late")
        right.set_ylabel("orders")
        right.set_xlim(0.4, max(5.6, len(late) + 0.6))
        _whole_ticks(right)
        right.set_title(f"on time {100 * one.on_time:.1f} %, {one.late} of {one.orders} late")
        right.set_ylim(0, 1.5 * max(1.0, float(late.max()), float(law.max())))
        right.legend(loc="upper right")
