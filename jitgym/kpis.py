"""The key figures that a plant is reviewed by: formula, unit, direction and source, one row each, and their values.

Those that `scorecard.py` has are taken from it. To these come OEE, what a unit takes at the slowest machine against
takt, money that is tied up (`finance.py`), and the bullwhip ratio, which is of a series of periods and not of one.

Cycle time means two things. In lean it is the time that a station takes for a unit, to be held against takt: here
``time_per_unit``. In Factory Physics it is the time that a unit spends in the line: here ``time_in_system`` (which
``KPIS`` calls ``cycle_time``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.finance import Books
from jitgym.ledger import Ledger
from jitgym.oee import effectiveness, ideal_slots
from jitgym.scenario import Scenario
from jitgym.scorecard import KPIS, Floats, Scorecard, ratio_of

Units = npt.NDArray[np.int64]
Better = Literal["higher", "lower", ""]
"""Which direction is good; empty where that depends on what is behind it."""


@dataclass(frozen=True)
class Kpi:
    """One key figure: its unit, which direction is good, its formula in fields of the ledger, and its source."""

    unit: str
    better: Better
    formula: str
    source: str


LOADING: Final = "slots - pm"
OPERATING: Final = f"{LOADING} - down - waiting - stopped - setup"

CADENCE: Final = {
    "cost": Kpi("per slot", "lower", KPIS["cost"][1], "the scenario's prices"),
    "fill_rate": Kpi("share", "higher", "on_time / demand", "Silver, Pyke & Thomas 2017, ch. 6"),
    "backlog": Kpi("units", "lower", "backlog_slots / slots", "Hopp & Spearman 2011, ch. 2"),
    "supplier_on_time": Kpi("share", "higher", "delivered_on_time / promised", "SCOR, delivery to commit date"),
    "inventory_turns": Kpi(
        "per year",
        "higher",
        "(shipped - returned) a year / mean units (item_slots + process_slots + store_slots) / slots",
        "Hopp & Spearman 2011, ch. 7",
    ),
    "wip": Kpi(
        "units", "lower", "(process_slots + store_slots but of the last stage) / slots", "Hopp & Spearman 2011, ch. 7"
    ),
    "finished_goods": Kpi("units", "lower", "store_slots of the last stage / slots", "Hopp & Spearman 2011, ch. 7"),
    "takt": Kpi("slots", "", "slots / demand", "Ohno 1988; Rother & Shook 1999"),
    "time_per_unit": Kpi(
        "slots",
        "lower",
        "(slots - starved - blocked) / finished, of the slowest machine: lean's cycle time, losses included",
        "Rother & Shook 1999; effective process time: Hopp & Spearman 2011, ch. 8",
    ),
    "time_to_takt": Kpi("ratio", "lower", "time_per_unit / takt; above 1 the line falls behind", "Ohno 1988"),
    "time_in_system": Kpi(
        "slots",
        "lower",
        "(process_slots + store_slots) / (shipped - returned): Factory Physics' cycle time, by Little's law",
        "Little 1961; Hopp & Spearman 2011, ch. 7",
    ),
    "first_pass_yield": Kpi(
        "share",
        "higher",
        "(finished - reworked - returned) / (finished + scrapped), of all machines",
        "Juran & Godfrey 1999",
    ),
    "downtime_frequency": Kpi("per 1000 slots", "lower", "1000 breakdowns / slots, all machines", "Nakajima 1988"),
    "oee": Kpi("share", "higher", "oee_availability * oee_performance * oee_quality", "Nakajima 1988"),
    "oee_availability": Kpi("share", "higher", f"operating / loading = ({OPERATING}) / ({LOADING})", "Nakajima 1988"),
    "oee_performance": Kpi(
        "share", "higher", "ideal slots * (finished + scrapped + reworked) / operating", "Nakajima 1988"
    ),
    "oee_quality": Kpi(
        "share", "higher", "finished / (finished + scrapped + reworked), weighted by ideal slots", "Nakajima 1988"
    ),
    "inventory_value": Kpi("money", "lower", "units of item_slots, process_slots, store_slots by value / slots", "-"),
    "receivables": Kpi("money", "lower", "(shipped - returned) * price / slots * slots until paid", "-"),
    "payables": Kpi("money", "", "(delivered - rejected) * material / slots * slots until paid", "-"),
    "working_capital": Kpi("money", "lower", "inventory_value + receivables - payables", "Brealey, Myers & Allen 2020"),
    "capital_charge": Kpi("per slot", "lower", "capital_cost * working_capital / slots_per_year", "Stewart 1991"),
    "days_of_inventory": Kpi("days", "lower", "inventory_value / cost of sales a day", "Richards & Laughlin 1980"),
    "days_of_receivables": Kpi("days", "lower", "receivables / revenue a day", "Richards & Laughlin 1980"),
    "days_of_payables": Kpi("days", "", "payables / cost of sales a day", "Richards & Laughlin 1980"),
    "cash_conversion_days": Kpi(
        "days",
        "lower",
        "days_of_inventory + days_of_receivables - days_of_payables",
        "Richards & Laughlin 1980",
    ),
    "bullwhip": Kpi(
        "ratio",
        "lower",
        "variance of ordered / variance of demand, of the periods of a run, mean of the items",
        "Chen, Drezner, Ryan & Simchi-Levi 2000",
    ),
}
"""Key figures in the order in which tables have them."""

MONEY: Final[dict[str, Callable[[Books, Ledger], Floats]]] = {
    "inventory_value": Books.inventory,
    "receivables": Books.receivables,
    "payables": Books.payables,
    "working_capital": Books.working_capital,
    "capital_charge": lambda books, ledger: books.capital_charge(ledger) / ledger["slots"],
    "days_of_inventory": Books.days_of_inventory,
    "days_of_receivables": Books.days_of_receivables,
    "days_of_payables": Books.days_of_payables,
    "cash_conversion_days": Books.cash_conversion_days,
}
"""Key figures that a scenario without ``finance`` does not have."""


class KeyFigures:
    """The key figures of a scenario.

    Args:
        scenario: its prices, finance, jobs and structure.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scorecard = Scorecard(scenario)
        self._books = None if scenario.finance is None else Books(scenario)
        self._ideal = ideal_slots(scenario)

    def of(self, ledger: Ledger) -> dict[str, Floats]:
        """Return every key figure of the time of a ledger, ``(n_lines,)``, in the order of ``CADENCE``.

        NaN where there is nothing to divide by, and for money of a scenario without ``finance``. The bullwhip ratio is
        NaN always: :func:`bullwhip` has it, of several ledgers.
        """
        known = self._scorecard.kpis(ledger)
        known["time_in_system"] = known.pop("cycle_time")
        known["time_per_unit"] = time_per_unit(ledger)
        known["time_to_takt"] = ratio_of(known["time_per_unit"], known["takt"])
        line = effectiveness(ledger, self._ideal).of_line
        known["oee"] = line.oee
        known |= {f"oee_{rate}": getattr(line, rate) for rate in ("availability", "performance", "quality")}
        if self._books is not None:
            known |= {name: figure(self._books, ledger) for name, figure in MONEY.items()}
        nothing = np.full(len(ledger), np.nan)
        return {name: known.get(name, nothing) for name in CADENCE}


def time_per_unit(ledger: Ledger) -> Floats:
    """Return the slots that the slowest machine takes for a unit, ``(n_lines,)``; NaN if one finished nothing.

    Counted are all slots in which it was not idle: at work, in setup, down, in maintenance or stopped.
    """
    not_idle = ledger["slots"][:, None] - ledger["starved"] - ledger["blocked"]
    finished = ledger["finished"].reshape(*not_idle.shape, -1).sum(axis=2)
    slowest: Floats = ratio_of(not_idle, finished).max(axis=1)
    return slowest


def bullwhip(ledgers: Sequence[Ledger], scenario: Scenario) -> Floats:
    """Return the bullwhip ratio of a series of ledgers of equal periods, ``(n_lines,)``.

    The variance over the periods of what all suppliers of an item were asked for, over that of the demand for the
    products that need it; the mean of the items. On a line without suppliers: of what was released into the stages that
    nothing feeds. NaN for fewer than two periods, and where demand does not vary. It is a figure of a run or of any
    window of it, and depends on how long a period is.

    Source: Chen, Drezner, Ryan & Simchi-Levi, "Quantifying the bullwhip effect in a simple supply chain", Management
    Science 46(3), 2000.
    """
    if len(ledgers) < 2:
        return np.full(len(ledgers[0]) if ledgers else 0, np.nan)
    ratios = [ratio_of(_variance(asked), _variance(demand)) for asked, demand in _flows(ledgers, scenario)]
    mean: Floats = np.mean(ratios, axis=0)
    return mean


def _flows(ledgers: Sequence[Ledger], scenario: Scenario) -> Iterator[tuple[Units, Units]]:
    """Yield what was asked for, and demand for it, each ``(n_periods, n_lines)``."""
    n_lines, names = len(ledgers[0]), scenario.product_names
    demand = np.stack([ledger["demand"].reshape(n_lines, -1) for ledger in ledgers])
    if scenario.items:
        ordered = np.stack([ledger["ordered"] for ledger in ledgers])
        for item in scenario.items:
            sources = [k for k, supplier in enumerate(scenario.suppliers) if supplier.item == item.name]
            served = [p for p in range(demand.shape[2]) if item.products is None or names[p] in item.products]
            yield ordered[:, :, sources].sum(axis=2), demand[:, :, served].sum(axis=2)
        return
    shape = (n_lines, len(scenario.stages), -1)
    released = np.stack([ledger["released"].reshape(shape).sum(axis=2) for ledger in ledgers])
    for stage in range(len(scenario.stages)):
        if stage not in scenario.followers:
            yield released[:, :, stage], demand.sum(axis=2)


def _variance(units: Units) -> Floats:
    """Return the variance over the periods, ``(n_lines,)``."""
    variance: Floats = units.astype(np.float64).var(axis=0, ddof=1)
    return variance
