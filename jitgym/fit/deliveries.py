"""Deliveries: how long suppliers promise, how often they keep it, how they catch up, how much is bad."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from jitgym.fit.calendar import Calendar
from jitgym.fit.cleaning import FileReport
from jitgym.fit.reading import Progress
from jitgym.fit.records import is_missing, read_records
from jitgym.fit.schema import DELIVERIES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Range = tuple[float, float]

USUAL: Final = 0.95
"""Share of the orders that must be a multiple of a lot for the lot to be one."""


@dataclass
class Order:
    """An order, put together from its deliveries: days as ordinals, not a number where it has not arrived."""

    ordered: int
    promised: int
    received: float
    quantity: float
    rejected: float
    open: float = 0.0


@dataclass
class Shipments:
    """The orders of every supplier and item."""

    orders: dict[tuple[str, str], list[Order]] = field(default_factory=dict)
    split: int = 0

    @property
    def last(self) -> int:
        """The last day that the file knows of an order or an arrival."""
        return max(int(np.nanmax([order.ordered, order.received])) for group in self.orders.values() for order in group)


def read_deliveries(
    path: Path,
    account: FileReport,
    day_first: bool | None = None,
    drop_twins: bool | None = None,
    progress: Progress | None = None,
) -> Shipments:
    """Read a file of deliveries. Parts of one order are put together: it has arrived when the last of it has.

    Raises:
        InputError: it cannot be read.
    """
    orders: dict[tuple[str, str, str, int, int], Order] = {}
    items: dict[str, Counter[str]] = defaultdict(Counter)
    split = 0
    for line, values in read_records(path, DELIVERIES, account, day_first, drop_twins is not False, progress):
        supplier, ordered, promised, received, quantity, rejected, item, number = values
        fault = _fault(ordered, promised, received, quantity, rejected)
        if fault is not None:
            column, reason, value = fault
            account.drop(line, column, reason, value)
            continue
        account.kept += 1
        items[supplier][item] += 1
        key = (supplier, item, number, int(ordered), int(promised))
        late = math.nan if is_missing(received) else float(int(received))
        bad = 0.0 if is_missing(rejected) or is_missing(late) else rejected
        if key in orders:
            split += 1
            _add(orders[key], late, quantity, bad)
        else:
            there = 0.0 if is_missing(late) else quantity
            orders[key] = Order(int(ordered), int(promised), late, there, bad, quantity - there)
    found: dict[tuple[str, str], list[Order]] = defaultdict(list)
    for (supplier, item, *_), order in orders.items():
        found[supplier, item or items[supplier].most_common(1)[0][0] or f"{supplier} part"].append(order)
    if split:
        account.notes.append(f"{split:,} rows are further parts of an order: put together")
    return Shipments(dict(found), split)


def _fault(
    ordered: float, promised: float, received: float, quantity: float, rejected: float
) -> tuple[str, str, object] | None:
    """Return column, reason and value of what is wrong with a row."""
    if promised < math.floor(ordered):
        return "promised", "before it was ordered", f"{math.floor(promised - ordered)} days"
    if not is_missing(received) and received < math.floor(ordered):
        return "received", "before it was ordered", f"{math.floor(received - ordered)} days"
    if quantity <= 0:
        return "quantity", "not above zero", f"{quantity:g}"
    if not is_missing(rejected) and not 0 <= rejected <= quantity:
        return "rejected", "not between zero and the quantity", f"{rejected:g}"
    return None


def _add(order: Order, received: float, quantity: float, rejected: float) -> None:
    """Add a part to an order; while a part is missing, so is the order."""
    if is_missing(received):
        order.open += quantity
        return
    order.received = received if is_missing(order.received) else max(order.received, received)
    order.quantity += quantity
    order.rejected += rejected


@dataclass(frozen=True)
class Lateness:
    """A supplier as its orders show it; days are working days.

    Attributes:
        supplier: its name.
        item: what it delivers.
        orders: orders whose promised day has come.
        on_time: share of them that had arrived in full by then.
        on_time_interval: Wilson's 95 % interval.
        catch_up: chance that what is late arrives on the next day.
        late: orders that were late, those still open among them.
        late_days: working days that they were late, added up, those still open up to the end of the file.
        waiting: orders still open.
        early: share of the orders that came before the promised day.
        lead_days: median working days from order to promise.
        lead_spread: its quartiles.
        rejected: share of what arrived that was bad.
        rejected_interval: Wilson's, as if every unit were judged for itself.
        quantity: what arrived.
        review_days: median working days between days with orders.
        multiple: quantity of which at least 95 % of the orders are multiples; 0: none.
        lateness: working days late of every order that was late and arrived.
        leads: working days from order to promise of every order.
    """

    supplier: str
    item: str
    orders: int
    on_time: float
    on_time_interval: Range
    catch_up: float
    late: int
    late_days: int
    waiting: int
    early: float
    lead_days: float
    lead_spread: Range
    rejected: float
    rejected_interval: Range
    quantity: float
    review_days: float
    multiple: float
    lateness: Ints
    leads: Ints


def fit_supplier(supplier: str, item: str, orders: list[Order], calendar: Calendar, last: int) -> Lateness | None:
    """Fit one supplier's orders of one item.

    Lateness is taken as geometric: a day late, an order arrives on the next with probability c. With d days late in
    all, each order counted up to its arrival or to the end of the file, the likelihood is largest at c = arrivals / d.

    Args:
        supplier: its name.
        item: what it delivers.
        orders: of it.
        calendar: of the plant: lateness counts in its working days.
        last: end of the file; what has not arrived is late up to here.

    Returns:
        None if no order was due by then.
    """
    due = [order for order in orders if order.promised <= last and (not order.open or order.promised < last)]
    if not due:
        return None
    promised = np.array([order.promised for order in due])
    received = np.array([math.nan if order.open else order.received for order in due])
    there = ~np.isnan(received)
    until = np.where(there, received, last)
    days = calendar.between(promised, until)
    is_late = (days > 0) | ~there
    days = np.where(is_late, np.maximum(days, 1), 0)
    n, late = len(due), int(is_late.sum())
    arrived = int((is_late & there).sum())
    leads = calendar.between([order.ordered for order in due], promised)
    quantity = sum(order.quantity for order in due)
    rejected = sum(order.rejected for order in due)
    on_time = stats.binomtest(n - late, n).proportion_ci(method="wilson")
    return Lateness(
        supplier=supplier,
        item=item,
        orders=n,
        on_time=1 - late / n,
        on_time_interval=(float(on_time.low), float(on_time.high)),
        catch_up=arrived / float(days.sum()) if arrived else 1.0 if not late else 1 / (1 + float(days.sum())),
        late=late,
        late_days=int(days.sum()),
        waiting=int((~there).sum()),
        early=float((there & (received < promised)).mean()),
        lead_days=float(np.median(leads)),
        lead_spread=(float(np.quantile(leads, 0.25)), float(np.quantile(leads, 0.75))),
        rejected=rejected / quantity if quantity else 0.0,
        rejected_interval=_share(rejected, quantity),
        quantity=quantity,
        review_days=_review(orders, calendar),
        multiple=lot_of([order.quantity + order.open for order in orders]),
        lateness=days[is_late & there],
        leads=leads,
    )


def _share(part: float, whole: float) -> Range:
    """Return Wilson's 95 % interval of a share of whole units."""
    n = round(whole)
    if n < 1:
        return 0.0, 1.0
    found = stats.binomtest(min(round(part), n), n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _review(orders: list[Order], calendar: Calendar) -> float:
    """Return the median working days between two days with orders; 1 where there are fewer than two."""
    days = np.unique([order.ordered for order in orders])
    gaps = calendar.between(days[:-1], days[1:])
    return max(1.0, float(np.median(gaps))) if len(gaps) else 1.0


def lot_of(quantities: list[float]) -> float:
    """Return the largest quantity of which nearly all orders are whole multiples; 0 if orders are not whole."""
    counts = Counter(quantities)
    divisor, covered = 0, 0
    for quantity, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        if covered >= USUAL * len(quantities):
            break
        if quantity % 1:
            return 0.0
        divisor, covered = math.gcd(divisor, int(quantity)), covered + count
    return float(divisor)
