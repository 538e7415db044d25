"""What came of a plant's files, in sections of sentences and tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

from jitgym.fit.deliveries import Range
from jitgym.fit.maintenance import Machine
from jitgym.fit.plant import Plant
from jitgym.fit.products import Product
from jitgym.fit.qualification import Qualification, judge
from jitgym.fit.season import Season
from jitgym.report import number

NONE: Final = "–"


@dataclass(frozen=True)
class Grid:
    """A table: heads, rows, and which heads are of text."""

    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    text: tuple[str, ...] = ()


Section = tuple[str, "list[str | Grid]"]


def sections(plant: Plant) -> list[Section]:
    """Return the sections of the report, in order."""
    found = [_files(plant), _time(plant), _demand(plant), _laws(plant), _verdicts(plant)]
    if plant.machines:
        found.append(_machines(plant))
    if plant.suppliers:
        found += [_suppliers(plant), _qualifications(plant)]
    return [*found, _line(plant)]


def _files(plant: Plant) -> Section:
    """Tell what became of the rows."""
    rows: list[tuple[str, ...]] = []
    notes = []
    for kind, account in plant.accounts.items():
        changed = sum(count for (action, _, _), count in account.counts.items() if action == "changed")
        counts = (account.read, account.kept, account.dropped, changed)
        rows.append((kind, account.path.name, *(f"{count:,}" for count in counts)))
        notes += [f"* {account.path.name}: {note}" for note in account.notes]
        for action, column, reason, count, lines in account.told():
            where = f" {column}" if column else ""
            at = f"line{'s' if count > 1 else ''} {', '.join(map(str, lines))}{', ...' if count > len(lines) else ''}"
            notes.append(f"* {account.path.name}: {count:,} {action}:{where} {reason} ({at})")
    blocks: list[str | Grid] = [Grid(("file", "name", "rows\nread", "kept", "dropped", "changed"), rows, ("name",))]
    return "Cleaning", [*blocks, "\n".join(notes)]


def _time(plant: Plant) -> Section:
    series = plant.series
    first, last = (_day(int(day)) for day in (series.starts[0], series.starts[-1]))
    span = f"{len(series.starts):,} {series.bucket}s of demand, {first} to {last}"
    return "Time", [f"{plant.calendar.told}. {span}. A container holds {plant.unit:g}."]


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _demand(plant: Plant) -> Section:
    """Tell how demand comes."""
    rows: list[tuple[str, ...]] = []
    for product in (*plant.products, *plant.others):
        pattern = product.pattern
        rows.append(
            (
                product.name,
                number(product.quantity),
                number(pattern.mean),
                f"{pattern.cv:.2f}",
                f"{pattern.adi:.2f}",
                f"{pattern.squared_cv:.2f}",
                pattern.kind,
                _trend(product),
                _season(product.week),
                _season(product.year),
            )
        )
    heads = (
        "product",
        "in all",
        f"mean a\n{plant.series.bucket}",
        "CV",
        "ADI",
        "CV²",
        "class",
        "trend\na year",
        "season\nof week",
        "season\nof year",
    )
    return "Demand", [
        Grid(heads, rows, ("class",)),
        "Classes by ADI 1.32 and CV² 0.49 (Syntetos, Boylan & Croston 2005). Trend: Mann-Kendall, Theil-Sen; season: "
        "Friedman, with its strength of 0 to 1; in brackets what does not count (p >= 0.01, or strength below 0.1).",
    ]


def _trend(product: Product) -> str:
    trend = product.trend
    if trend is None:
        return NONE
    told = f"{100 * trend.per_year:+.0f} %".replace("-", "−")
    return told if trend.is_one else f"({told})"


def _season(season: Season | None) -> str:
    if season is None:
        return NONE
    return f"{season.strength:.2f}" if season.is_one else f"({season.strength:.2f})"


def _laws(plant: Plant) -> Section:
    """Tell which laws demand follows."""
    rows: list[tuple[str, ...]] = []
    for product in plant.products:
        law = product.law
        fits = NONE if math.isnan(law.p_fit) else _p(law.p_fit)
        rows.append(
            (
                product.name,
                law.kind,
                f"{law.mean:.3f}" + (f" ± {1.96 * law.error:.3f}" if law.error == law.error else ""),
                NONE if law.dispersion is None else number(law.dispersion),
                number(law.index),
                " / ".join(number(aic, 4) for aic in law.aic.values()),
                fits,
            )
        )
    heads = (
        "product",
        "law",
        f"units a\n{plant.series.bucket}",
        "disper-\nsion",
        "variance\n/ mean",
        "AIC P /\nNB / B",
        "p of\nfit",
    )
    sentences = []
    for product in plant.products:
        if product.law.p_fit < 0.01:
            how = "containers come more evenly than" if product.law.index < 1 else "containers do not come as"
            sentences.append(f"* {product.name}: {how} the law has it (p < 0.01); --trace keeps the record itself.")
    sentences.append(f"* Regimes: {_regimes(plant)}")
    return "Laws of demand", [Grid(heads, rows), "\n".join(sentences)]


def _regimes(plant: Plant) -> str:
    if not plant.chains:
        return "not looked for: fewer than 40 buckets."
    best = min(plant.chains, key=lambda name: plant.chains[name])
    bics = ", ".join(f"{name} {bic:.1f}" for name, bic in plant.chains.items())
    if plant.chain is None:
        why = (
            ""
            if best.startswith("1")
            else f", though BIC prefers {best}: they last too short, or each was not entered twice"
        )
        return f"none{why}. BIC: {bics}."
    stays = ", ".join(f"{stay:.0f}" for stay in plant.chain.stays)
    rates = ", ".join(f"{rate:.2f}" for rate in plant.chain.rates)
    weeks = "weeks" if plant.series.bucket == "day" else f"{plant.series.bucket}s"
    return f"{plant.chain.n}, rates {rates}, lasting {stays} {weeks} on average. BIC: {bics}."


def _verdicts(plant: Plant) -> Section:
    products = (*plant.products, *plant.others)
    rows = [f"* **{product.name}**: {product.verdict.sentence}." for product in products]
    assumed = (
        "Cut-offs of the classes: Syntetos, Boylan & Croston (2005); of a strong season, 0.64: Hyndman & "
        "Athanasopoulos (2021); 12 buckets with demand at least, and a trend of 25 % a year: assumed."
    )
    return "Which products suit pull", ["\n".join(rows), assumed]


def _machines(plant: Plant) -> Section:
    """Tell how machines live and are repaired."""
    stops = Grid(
        ("machine", "break-\ndowns", "planned\nstops", "repair\nhours", "PM\nhours", "available"),
        [
            (
                machine.asset,
                str(machine.breakdowns),
                str(machine.planned),
                NONE if machine.repair is None else number(machine.repair.mean),
                NONE if machine.maintenance is None else number(machine.maintenance.mean),
                f"{100 * machine.availability:.1f} %",
            )
            for machine in plant.machines
        ],
    )
    heads = ("machine", "lives\n(cut)", "shape", "scale, hours", "p of\nshape 1", "p of\nfit", "p of\ntrend")
    told = (
        "Lives in working hours from the end of a stop to the next breakdown; what planned maintenance or the end of "
        "the log cut off is censored. Weibull by maximum likelihood with 95 % profile intervals; p of shape 1: "
        "likelihood ratio against the exponential law, which is used where it is 0.05 or more; p of fit: bootstrap of "
        "the largest gap to Kaplan-Meier; p of trend: Laplace, small where breakdowns become more or fewer, so that no "
        "law of lives fits."
    )
    return "Machines", [stops, Grid(heads, [_lives(machine) for machine in plant.machines]), told]


def _lives(machine: Machine) -> tuple[str, ...]:
    law, fit = machine.law, machine.fit
    cells = [NONE] * 4
    if law is not None and fit is not None:
        shape, scale = _spread(law.shape, law.shape_interval, 2), _spread(law.scale, law.scale_interval, 0)
        cells = [shape, scale, _p(law.p_exponential), _p(fit.p)]
    return machine.asset, f"{len(machine.lives)} ({int((~machine.failed).sum())})", *cells, _p(machine.p_trend)


def _suppliers(plant: Plant) -> Section:
    """Tell how suppliers deliver."""
    every = (*plant.suppliers, *plant.other_suppliers)
    orders = Grid(
        ("supplier", "item", "orders", "open", "lead days", "every\ndays", "lot"),
        [
            (
                one.supplier,
                one.item,
                str(one.orders),
                str(one.waiting),
                f"{one.lead_days:g} [{one.lead_spread[0]:g}, {one.lead_spread[1]:g}]",
                f"{one.review_days:g}",
                f"{one.multiple:g}" if one.multiple else NONE,
            )
            for one in every
        ],
        ("item",),
    )
    keeps = Grid(
        ("supplier", "on time %", "late", "early %", "catch-up\na day", "rejected %"),
        [
            (
                one.supplier,
                _spread(100 * one.on_time, _percent(one.on_time_interval), 1),
                str(one.late),
                f"{100 * one.early:.0f}",
                f"{one.catch_up:.2f}",
                _spread(100 * one.rejected, _percent(one.rejected_interval), 2),
            )
            for one in every
        ],
    )
    told = (
        "Working days. Lead: median from order to promise, with quartiles. On time: all of an order there by the "
        "promised day, with Wilson's 95 % interval. Catch-up: chance that a late order comes on the next day; orders "
        "still open are censored."
    )
    return "Suppliers", [orders, keeps, told]


def _qualifications(plant: Plant) -> Section:
    """Tell which suppliers meet the standard, and what it is worth."""
    year = plant.scenario.slots_per_year
    rows = [_qualification(one, year) for one in plant.qualifications]
    for other in plant.other_suppliers:
        good = (1 - other.rejected_interval[1], 1 - other.rejected_interval[0])
        marks = (judge(other.on_time_interval, plant.standard.on_time), judge(good, plant.standard.quality))
        rows.append((other.supplier, *marks, *[NONE] * 3))
    heads = ("supplier", "on time", "quality", "lateness\na year", "alternative\na year", "levels")
    standard = f"at least {100 * plant.standard.on_time:g} % on time and {100 * plant.standard.quality:g} % good"
    told = (
        f"Standard: {standard} (--standard). A supplier meets it if its whole 95 % interval does, fails if none of it "
        "does. Lateness: what the line would cost less if the supplier were always on time. Alternative: what it would "
        "cost less with one that just meets the standard: what qualifying one may cost to pay back in a year. Paired "
        "simulation with 95 % intervals, in the money of the prices; the order-up-to level (levels: as is, on time, "
        "alternative) is chosen anew for each."
    )
    return "Suppliers against the standard", [Grid(heads, rows, ("on time", "quality")), told]


def _qualification(one: Qualification, year: int) -> tuple[str, ...]:
    lateness, alternative = (
        NONE if saved is None else f"{saved.mean * year:.0f} ± {(saved.high - saved.mean) * year:.0f}".replace("-", "−")
        for saved in (one.lateness, one.alternative)
    )
    return one.supplier, one.on_time, one.quality, lateness, alternative, ", ".join(map(str, one.levels))


def _line(plant: Plant) -> Section:
    """Tell what the scenario rests on."""
    fitted = "\n".join(["From the data, or told:", "", *(f"* {one}" for one in plant.told.fitted)])
    assumed = "\n".join(["Assumed:", "", *(f"* {one}" for one in plant.told.assumed)])
    return "The line", [fitted, assumed]


def _p(value: float) -> str:
    return NONE if math.isnan(value) else "< .001" if value < 0.001 else f"{value:.3f}"


def _spread(value: float, interval: Range, places: int) -> str:
    return f"{value:.{places}f} [{interval[0]:.{places}f}, {interval[1]:.{places}f}]"


def _percent(interval: Range) -> Range:
    return 100 * interval[0], 100 * interval[1]
