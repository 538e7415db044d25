"""``jitgym fit``: a scenario from a plant's own files."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jitgym.cli.common import DATA, INTERRUPTED, SeedOption, app, at_least, progress_board, require
from jitgym.errors import InputError
from jitgym.files import write_csv, write_text
from jitgym.results import results_folder

if TYPE_CHECKING:
    from jitgym.fit.plant import Plant

FILES = (
    *("scenario.yaml", "report.md", "cleaning.csv", "demand.png", "classes.png", "machines.png", "suppliers.png"),
    "scenario_demand_*.csv",
)
"""What a folder of a fit holds; one with anything else is never replaced."""


@app.command("fit", rich_help_panel=DATA)
def fit_command(
    demand: Annotated[Path, typer.Option(metavar="FILE", help="What customers wanted: date, product, quantity.")],
    out: Annotated[
        Path, typer.Option(help="Folder for scenario, report and figures; an earlier fit in it is replaced.")
    ],
    deliveries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="supplier, ordered, promised, received, quantity, rejected.")
    ] = None,
    maintenance: Annotated[Path | None, typer.Option(metavar="FILE", help="asset, event, start, end, planned.")] = None,
    slot: Annotated[str, typer.Option(metavar="2h", help="Length of a slot; unless told, a part of the day.")] = "",
    hours: Annotated[float, typer.Option(help="Hours of a working day; 0: by the breakdowns, else 8.")] = 0.0,
    weekdays: Annotated[str, typer.Option(metavar="mon-fri", help="Working days; unless told, by the demand.")] = "",
    unit: Annotated[float, typer.Option(metavar="N", help="Quantity in a container; 0: chosen.")] = 0.0,
    products: Annotated[str, typer.Option(metavar="A,B", help="Products of the line; unless told, up to eight.")] = "",
    stages: Annotated[str, typer.Option(metavar="A,B", help="Machines from the first to the last.")] = "",
    process: Annotated[
        list[str] | None, typer.Option(metavar="STAGE=SLOTS", help="Slots of a job; repeatable.")
    ] = None,
    utilisation: Annotated[float, typer.Option(help="Of the stages whose process time is not given: assumed.")] = 0.8,
    item: Annotated[
        list[str] | None, typer.Option(metavar="ITEM=STAGE", help="Where an item is used; repeatable.")
    ] = None,
    price: Annotated[list[str] | None, typer.Option(metavar="NAME=MONEY", help="As backlog=10; repeatable.")] = None,
    standard: Annotated[
        str, typer.Option(metavar="P,Q", help="Least shares on time and good that suppliers are held to.")
    ] = "0.95,0.98",
    dates: Annotated[str, typer.Option(help="auto, day-first or month-first: what 03/04 is.")] = "auto",
    duplicates: Annotated[
        str, typer.Option(help="auto, drop or keep rows that are equal in every field; auto: see the guide.")
    ] = "auto",
    trace: Annotated[bool, typer.Option("--trace", help="Use recorded demand itself in the place of a law.")] = False,
    name: Annotated[str, typer.Option(help="Of the scenario; unless told, that of the folder.")] = "",
    seed: SeedOption = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer resamples and seeds: wide intervals.")] = False,
) -> None:
    """Fit a line to a plant's own files, and say what was dropped, fitted and assumed.

    Writes a scenario that runs, a report, every row that was dropped or changed, and figures: all of it or nothing.
    """
    require("statsmodels", "fit")
    # statistics take longer to load than any other command needs
    from jitgym.fit.calendar import read_hours, read_weekdays
    from jitgym.fit.options import QUICK_RESAMPLES, QUICK_SEEDS, Files, Options, Standard, Wishes
    from jitgym.fit.plant import fit_plant
    from jitgym.fit.writing import terminal

    least = _numbers_of(standard, "standard")
    options = Options(
        slot_hours=read_hours(slot) if slot else None,
        hours=_between(0, 24, "hours", hours) or None,
        weekdays=read_weekdays(weekdays) if weekdays else None,
        unit=_between(0, 1e9, "unit", unit) or None,
        products=_words(products),
        standard=Standard(*least),
        wishes=Wishes(
            name=_checked_name(name) if name else _name_of(out),
            stages=_words(stages),
            process={key: _number(value, f"process {key}", 1, 1e6) for key, value in _pairs(process, "process")},
            utilisation=_between(0.01, 0.99, "utilisation", utilisation),
            prices={key: _number(value, f"price {key}", 0, 1e9) for key, value in _pairs(price, "price")},
            item_stage=dict(_pairs(item, "item")),
        ),
        day_first=_one_of(dates, "dates", {"auto": None, "day-first": True, "month-first": False}),
        drop_twins=_one_of(duplicates, "duplicates", {"auto": None, "drop": True, "keep": False}),
        trace=trace,
        seed=at_least(0, "seed", seed),
        **({"n_seeds": QUICK_SEEDS, "resamples": QUICK_RESAMPLES} if quick else {}),
    )
    figures = importlib.util.find_spec("matplotlib") is not None
    out = out.resolve()
    try:
        with results_folder(out, FILES) as folder:
            with progress_board() as report:
                plant = fit_plant(Files(demand, deliveries, maintenance), options, report)
            _write(plant, folder, figures)
    except KeyboardInterrupt:
        typer.echo(f"interrupted: {out} is as it was", err=True)
        raise typer.Exit(INTERRUPTED) from None
    console = Console(markup=False, highlight=False)
    console.print(terminal(plant))
    if not figures:
        console.print("No figures: they need matplotlib, install jitgym[plot].")
    console.print(f"Scenario, report and cleaning in {out}", soft_wrap=True)


def _write(plant: Plant, folder: Path, figures: bool) -> None:
    """Write everything into a folder."""
    from jitgym.fit.writing import entries, markdown, scenario_text

    names: list[str] = []
    if figures:
        from jitgym.fit.plots import write_figures

        names = write_figures(plant, folder)
    for file, units in plant.traces.items():
        write_csv(folder / file, ({"demand": count} for count in units))
    write_text(folder / "scenario.yaml", scenario_text(plant))
    write_text(folder / "report.md", markdown(plant, names))
    write_csv(folder / "cleaning.csv", entries(plant))


def _name_of(out: Path) -> str:
    """Return the name of a folder as a scenario can have it."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", out.resolve().name).strip("_")[:40]
    return name if re.match(r"[A-Za-z]", name) else f"plant_{name}".rstrip("_")[:40]


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
        raise InputError(f"name must be a letter and up to 39 letters, digits, _ or -, got {name!r}")
    return name


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    """Return the pairs of a repeated option ``key=value``."""
    pairs = []
    for text in given or []:
        key, equals, value = text.rpartition("=")
        if not equals or not key.strip() or not value.strip():
            raise InputError(f"{option} must be given as name=value, got {text!r}")
        pairs.append((key.strip(), value.strip()))
    return pairs


def _number(text: str, what: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{what} must be a number, got {text!r}") from None
    return _between(low, high, what, value)


def _between(low: float, high: float, what: str, value: float) -> float:
    if not low <= value <= high:
        raise InputError(f"{what} must be in {low:g}..{high:g}, got {value:g}")
    return value


def _numbers_of(text: str, what: str) -> tuple[float, float]:
    words = _words(text)
    if len(words) != 2:
        raise InputError(f"{what} must be two shares such as 0.95,0.98, got {text!r}")
    first, second = (_number(word, what, 0, 1) for word in words)
    return first, second


def _one_of(text: str, what: str, known: dict[str, bool | None]) -> bool | None:
    if text not in known:
        raise InputError(f"{what} must be of {', '.join(known)}, got {text!r}")
    return known[text]
