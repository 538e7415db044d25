"""How the lines of a company are run from day to day: push or pull at each stage.

A line is under push at its first stages and under pull at its last ``k``, which a roll-out moves upstream one by one.

* *Pull*: a stage releases against cards, as many as the formula gives (:mod:`jitgym.enterprise.cards`) and the safety
  cards that are its turn, dealt out from the last stage on. Without discipline, containers beside the cards circulate.
* *Push*: once a week the plan releases what the forecast over the planned lead time and the week asks for, and safety
  stock, less what the stages under push hold (MRP). Nothing limits what is released further.
* *Items*: under push, a weekly order up to the forecast over lead time, week and safety cover; on a line that is under
  pull at all stages, a daily one by the card formula, whose lead time is that of the suppliers and what they are late.

Sources: Orlicky (1975), Material requirements planning; Hopp & Spearman (2011), Factory physics, ch. 3 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.batch import MOST_CARDS, MOST_UNITS
from jitgym.enterprise.cards import CardFormula
from jitgym.enterprise.description import Enterprise
from jitgym.fields import OFF
from jitgym.simulator import Simulator

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]

LEAST_CATCH_UP: Final = 1e-3
"""Probability of catching up in a slot that a plan believes at least."""


@dataclass(frozen=True)
class Plan:
    """What holds for a period on every line of a batch of ``n``.

    Attributes:
        cards: of each stage and product, ``(n, n_stages, n_products)``; ``OFF`` at stages under push.
        lots: the same shape; 1 at stages under push.
        pulled: stages under pull, ``(n,)``.
        safety: safety stock of each product under push, ``(n,)``.
        forecast: units a slot, ``(n, n_products)``.
        levels: order-up-to level of each item, ``(n, n_items)``.
        shares: of the item's orders, ``(n, n_suppliers)``.
    """

    cards: Ints
    lots: Ints
    pulled: Ints
    safety: Ints
    forecast: Floats
    levels: Ints
    shares: Floats


class Planner:
    """Turns what a company decided into the knobs of its lines.

    Args:
        enterprise: its planning constants and line.
        simulator: a batch of its lines.
    """

    def __init__(self, enterprise: Enterprise, simulator: Simulator) -> None:
        self._constants, self._hoarding = enterprise.planning, enterprise.dynamics.hoarding
        self._line = line = simulator.scenario
        self._formula = CardFormula(enterprise.planning, simulator)
        self._columns = {
            kind: np.array([c for c, knob in enumerate(simulator.knobs) if knob.kind == kind], dtype=np.intp)
            for kind in ("kanban", "lot", "release", "order")
        }
        self._low = np.array([knob.low for knob in simulator.knobs], dtype=np.int64)
        self._high = np.array([OFF if knob.off else knob.high for knob in simulator.knobs], dtype=np.int64)
        releases = [knob for knob in simulator.knobs if knob.kind == "release"]
        self._entries = [(knob.place, knob.product, np.array(line.path(knob.place))) for knob in releases]
        self._serves = self._items_served()
        self._item_of = np.array([line.item_names.index(s.item) for s in line.suppliers], dtype=np.intp)
        self._leads: Floats = np.array([s.lead_time for s in line.suppliers], dtype=np.float64)

    def _items_served(self) -> Floats:
        """Return which products need an item, ``(n_products, n_items)``."""
        names = self._line.product_names or ("",)
        needs = [[item.products is None or name in item.products for item in self._line.items] for name in names]
        return np.array(needs, dtype=np.float64).reshape(len(names), len(self._line.items))

    def plan(
        self, parameters: Floats, forecast: Floats, pulled: Ints, buffer: Ints, discipline: Floats, shares: Floats
    ) -> Plan:
        """Return the plan of a period.

        Args:
            parameters: present values of what varies, ``(n, n_varied)``.
            forecast: units a slot, ``(n, n_products)``.
            pulled: stages under pull, ``(n,)``.
            buffer: safety cards of each product, ``(n,)``.
            discipline: of pull, ``(n,)``.
            shares: of an item's orders, ``(n, n_suppliers)``.
        """
        n_stages = len(self._line.stages)
        rank = n_stages - 1 - np.arange(n_stages)  # 0 at the last stage, which comes under pull first
        full = pulled == n_stages
        loops = np.maximum(1, pulled + full)  # with the loop to the suppliers, which has the last turn
        extra = buffer[:, None] // loops[:, None] + (rank < (buffer % loops)[:, None])
        loose = 1 + self._hoarding * (1 - discipline)
        cards, lots = self._formula(parameters, forecast)
        cards = np.ceil(np.round((cards + extra[:, :, None]) * loose[:, None, None], 9))
        cards = np.clip(cards, 1, MOST_CARDS).astype(np.int64)
        under_pull = (rank < pulled[:, None])[:, :, None]
        return Plan(
            cards=np.where(under_pull, cards, OFF),
            lots=np.where(under_pull, np.minimum(lots.astype(np.int64), cards), 1),
            pulled=pulled,
            safety=buffer,
            forecast=forecast,
            levels=self._levels(forecast, full, buffer // loops, shares, self._lateness(parameters)),
            shares=shares,
        )

    def _lateness(self, parameters: Floats) -> Floats:
        """Return how many slots suppliers that promise daily are late on the mean, ``(n, n_suppliers)``.

        A day's promise is late with probability ``q``, and then by ``1 / catch_up`` on the mean. A supplier with
        nothing overdue is late with ``1 - on_time``; one that is behind when the next day's promise is due, which it is
        with ``q (1 - catch_up) ** (slots of a day - 1)``, unless it catches up in that very slot.
        """
        on_time, catch_up = (self._of_suppliers(parameters, kind) for kind in ("on_time", "catch_up"))
        catch_up = np.maximum(catch_up, LEAST_CATCH_UP)
        stays, slots = 1 - catch_up, self._line.slots_per_step
        is_late = (1 - on_time) / (1 - stays**slots + (1 - on_time) * stays ** (slots - 1))
        late: Floats = is_late / catch_up
        return late

    def _of_suppliers(self, parameters: Floats, kind: str) -> Floats:
        """Return a parameter of every supplier, ``(n, n_suppliers)``."""
        values = np.empty((len(parameters), len(self._line.suppliers)))
        for place, supplier in enumerate(self._line.suppliers):
            values[:, place] = self._formula.value(parameters, kind, place, getattr(supplier, kind))
        return values

    def _levels(self, forecast: Floats, full: npt.NDArray[np.bool_], extra: Ints, shares: Floats, late: Floats) -> Ints:
        """Return order-up-to levels, ``(n, n_items)``."""
        constants, day = self._constants, self._line.slots_per_step
        use = forecast @ self._serves
        of_item = (self._item_of[:, None] == np.arange(use.shape[1])).astype(np.float64)
        leads, delays = (shares * self._leads) @ of_item, (shares * late) @ of_item
        push = use * (leads + constants.review * day + constants.item_cover)
        pull = use * (leads + delays + day) * (1 + constants.safety) + extra[:, None] * self._serves.sum(axis=0)
        levels: Ints = np.ceil(np.round(np.where(full[:, None], pull, push), 9)).astype(np.int64)
        return levels

    def knobs(self, simulator: Simulator, plan: Plan, day: int, ordered: Ints) -> npt.NDArray[np.int32]:
        """Return the knobs of a day, ``(n, n_knobs)``.

        Args:
            simulator: the lines as the day finds them.
            plan: of the period.
            day: of the period, from 0.
            ordered: units of each item ordered so far, ``(n, n_items)``; those of the day are added.
        """
        n = len(plan.pulled)
        knobs = np.empty((n, len(simulator.knobs)), dtype=np.int64)
        knobs[:, self._columns["kanban"]] = plan.cards.reshape(n, -1)
        knobs[:, self._columns["lot"]] = plan.lots.reshape(n, -1)
        weekly = day % self._constants.review == 0
        knobs[:, self._columns["release"]] = self._releases(simulator, plan, weekly)
        knobs[:, self._columns["order"]] = self._orders(simulator, plan, weekly, ordered)
        return np.clip(knobs, self._low, self._high).astype(np.int32)

    def _releases(self, simulator: Simulator, plan: Plan, weekly: bool) -> Ints:
        """Return what may be released into the first stages: the plan's, or as much as their cards allow.

        Cards come back within the day, at most as many as the machine takes a slot; what is allowed and not used stays,
        so it is no more than that.
        """
        shape = (len(plan.pulled), len(self._line.stages), self._line.n_products)
        credits = simulator.state("credits").reshape(shape)
        held = credits.astype(np.int64)
        for field in ("queue", "job", "store"):
            held += simulator.state(field).reshape(shape)
        week = self._constants.review * self._line.slots_per_step
        owed = (simulator.state("backlog") + simulator.state("known")).reshape(len(plan.pulled), -1)
        found = np.zeros((len(plan.pulled), len(self._entries)), dtype=np.int64)
        for column, (place, product, path) in enumerate(self._entries):
            cards = plan.cards[:, place, product]
            made = self._line.slots_per_step * np.minimum(cards, self._batch_of(place))
            free = np.minimum(cards + made, MOST_UNITS) - credits[:, place, product]
            if not weekly:
                asked = np.zeros(len(cards), dtype=np.int64)
            else:
                pushed = plan.cards[:, path, product] == OFF
                lead = self._constants.lead * pushed.sum(axis=1)
                share = pushed.sum(axis=1) / len(path)
                wanted = np.ceil(np.round(plan.forecast[:, product] * (lead + week), 9))
                wanted += np.ceil(plan.safety * share) + np.where(plan.pulled == 0, owed[:, product], 0)
                asked = wanted.astype(np.int64) - (held[:, path, product] * pushed).sum(axis=1)
            found[:, column] = np.where(cards == OFF, asked, free)
        return np.clip(found, 0, MOST_UNITS)

    def _orders(self, simulator: Simulator, plan: Plan, weekly: bool, ordered: Ints) -> Ints:
        """Return what is ordered from each supplier; shares are kept over time, to the unit.

        What a supplier owes who is passed over is not counted on.
        """
        coming = (simulator.state("on_order") + simulator.state("overdue")) * (plan.shares > 0)
        position = simulator.state("stock").astype(np.int64)
        for place, item in enumerate(self._item_of):
            position[:, item] += coming[:, place]
        now = weekly | (plan.pulled == len(self._line.stages))
        wanted = np.clip(np.where(now[:, None], plan.levels - position, 0), 0, MOST_UNITS)
        # what a supplier has had is its share of all, rounded down; the last of an item gets the rest
        upto = np.zeros(plan.shares.shape)
        for k in range(position.shape[1]):
            places = np.flatnonzero(self._item_of == k)
            upto[:, places] = np.cumsum(plan.shares[:, places], axis=1)
        before = np.floor(np.round(ordered[:, self._item_of] * upto, 6))
        ordered += wanted
        after = np.floor(np.round(ordered[:, self._item_of] * upto, 6))
        shares = after - before
        for k in range(position.shape[1]):
            places = np.flatnonzero(self._item_of == k)
            shares[:, places[1:]] -= shares[:, places[:-1]].copy()
        return shares.astype(np.int64)

    def _batch_of(self, stage: int) -> int:
        batch = self._line.stages[stage].batch
        return batch if isinstance(batch, int) else MOST_UNITS
