"""What textbooks would set a line to, computed from its scenario: where tuning starts, and what it is compared with.

Every function names its formula. All of them see long-run means only: demand of the average season, machines
stretched by their repairs; so they are starting points, as in practice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from jitgym.knobs import Knob
from jitgym.parts import Duration, Stage, Supplier
from jitgym.scenario import Scenario
from jitgym.tables import Tables, build_tables

SAFETY: Final = 0.5
"""Safety factor of the card formula (Monden, Toyota Production System: K = D L (1 + a))."""
SERVICE: Final = 1.65
"""Standard deviations of safety stock: 95 % service, if demand were normal."""
ALMOST_ALL: Final = 0.9
"""Share of mean demand that a steady order covers; at 1 the stock would drift without end."""


@dataclass(frozen=True)
class Textbook:
    """Textbook values for one line.

    Attributes:
        scenario: the line.
        tables: its integers.
    """

    scenario: Scenario
    tables: Tables

    @classmethod
    def of(cls, scenario: Scenario) -> Textbook:
        """Return the textbook for a scenario."""
        return cls(scenario, build_tables(scenario))

    # -- stages --

    def demand(self, product: int) -> float:
        """Return the mean demand of a product a slot; 1 where customers take all there is."""
        return self.tables.mean_demands[product] or 1.0

    def job(self, place: int, product: int) -> float:
        """Return the mean slots that a job takes, repairs included."""
        stage, products = self.scenario.stages[place], self.scenario.products
        own = products[product].process if products else {}
        return self._stretched(place, own.get(stage.name, stage.process).mean)

    def cards(self, place: int, product: int = 0) -> int:
        """Return Toyota's number of cards, demand x lead time x (1 + safety), at least 1 (Monden 2011).

        The lead time of a stage is its job's mean length stretched by breakdowns, its setup, and one slot of waiting;
        where products share the machine, so is the time of the others' jobs.
        """
        stage = self.scenario.stages[place]
        setup = stage.setup.mean if stage.setup is not None and self.scenario.n_products > 1 else 0.0
        lead = self.scenario.n_products * (self.job(place, product) + setup) + 1
        return max(1, math.ceil(self.demand(product) * lead * (1 + SAFETY)))

    def cards_between(self, first: int, last: int, product: int = 0) -> int:
        """Return the cards of a product from one stage to another on its way to the customer."""
        path = self.scenario.path(first)
        return sum(self.cards(place, product) for place in path[: path.index(last) + 1])

    def cards_to_the_end(self, place: int, product: int = 0) -> int:
        """Return the cards of a product from a stage to the last."""
        return self.cards_between(place, len(self.scenario.stages) - 1, product)

    @cached_property
    def drum(self) -> int:
        """The bottleneck: the stage with the most work a slot, demand x job / batch, the first of equals."""
        loads = [
            sum(self.demand(p) * self.job(i, p) for p in range(self.scenario.n_products)) / _batch(stage)
            for i, stage in enumerate(self.scenario.stages)
        ]
        return int(np.argmax(np.round(loads, 9)))

    def lead_time(self, place: int, product: int = 0) -> float:
        """Return the planned lead time from a stage to the customer: its jobs and a slot of waiting each, in slots."""
        return sum(self.job(i, product) + 1 for i in self.scenario.path(place))

    def safety_stock(self, place: int, product: int = 0) -> int:
        """Return the safety stock of a planned lead time (Silver, Pyke & Thomas 2017), demand taken as Poisson."""
        over = self.demand(product) * (self.lead_time(place, product) + self.scenario.slots_per_step)
        return math.ceil(SERVICE * math.sqrt(over))

    def lot(self, place: int, product: int = 0) -> int:
        """Return the economic lot, sqrt(2 A D / h) (Harris 1913), with the price of a setup as A; without one, 1."""
        price = _price(self.scenario.prices.setup, place)
        holding = _price(self.scenario.prices.wip, place)
        return economic_lot(price, self.demand(product), holding, least=1)

    def _stretched(self, place: int, job: float) -> float:
        """Return the mean slots of a job with its share of repairs (wear taken at the average of its life)."""
        stage = self.scenario.stages[place]
        if stage.failure is None:
            return job
        life, _ = self.life(place, self._levels(place))
        return job * (1 + stage.failure.repair.mean / life) if math.isfinite(life) else job

    # -- maintenance --

    def _levels(self, place: int) -> int:
        return int(self.tables.levels[place])

    def life(self, place: int, level: int) -> tuple[float, float]:
        """Return the mean slots of exposure from new to breakdown or to a wear level, and the chance of reaching it.

        Wear grows with a probability a slot; the hazard is that of the wear before the slot's growth.
        """
        start = int(self.tables.hazard_start[place])
        hazard = (self.tables.hazard[start : start + self._levels(place)].astype(np.float64) + 1) / 2**31
        failure = self.scenario.stages[place].failure
        grows = failure.wear if failure is not None else 0.0
        reach, life = 1.0, 0.0
        for wear in range(min(level, self._levels(place))):
            last = wear == self._levels(place) - 1
            stays = (1 - hazard[wear]) * (1.0 if last else 1 - grows)
            if stays >= 1:
                return math.inf, reach
            life += reach / (1 - stays)
            reach *= 0.0 if last else (1 - hazard[wear]) * grows / (1 - stays)
        return life, reach

    def pm_level(self, place: int) -> int:
        """Return the wear level at which maintenance costs least in the long run; the number of levels for never.

        Renewal reward (Barlow & Hunter, Operations Research 8(1), 1960): a cycle is a life, up to breakdown or to the
        level, and what follows it. A slot off costs what the demand of a slot costs as backlog or lost.
        """
        stage = self.scenario.stages[place]
        assert stage.failure is not None
        assert stage.maintenance is not None
        prices = self.scenario.prices
        short = max(
            self.demand(p) * max(_price(prices.backlog, p), _price(prices.lost, p))
            for p in range(self.scenario.n_products)
        )
        repair = _price(prices.repair, place) + short * stage.failure.repair.mean
        pm = _price(prices.pm, place) + short * stage.maintenance.duration.mean
        rates = []
        for level in range(1, self._levels(place) + 1):
            life, reach = self.life(place, level)
            off = reach * stage.maintenance.duration.mean + (1 - reach) * stage.failure.repair.mean
            rates.append((reach * pm + (1 - reach) * repair) / (life + off))
        best = int(np.argmin(np.round(rates, 12))) + 1
        return best if rates[best - 1] < rates[-1] else self._levels(place)

    # -- suppliers --

    def served(self, supplier: int) -> float:
        """Return the mean demand a slot for a supplier's item."""
        item = next(item for item in self.scenario.items if item.name == self.scenario.suppliers[supplier].item)
        names = self.scenario.product_names or ("",)
        means = zip(self.tables.mean_demands, names, strict=True)
        return sum(mean for mean, name in means if item.products is None or name in item.products) or 1.0

    def target(self, knob: Knob) -> int:
        """Return the order-up-to level: mean demand over lead time and review, plus 1.65 standard deviations.

        The normal approximation of the newsvendor level at 95 % service (Silver, Pyke & Thomas 2017), demand taken as
        Poisson; lateness and outages stretch the lead time. An echelon level covers the line's own lead time too.
        """
        supplier = self.scenario.suppliers[knob.place]
        lead = _lead_time(supplier)
        if knob.kind == "echelon":
            item = next(item for item in self.scenario.items if item.name == supplier.item)
            path = self.scenario.path(self.scenario.stage_names.index(item.stage))
            lead += sum(self._stretched(i, self.scenario.stages[i].process.mean) for i in path)
        demand = self.served(knob.place)
        return math.ceil(demand * lead + SERVICE * math.sqrt(demand * lead))

    def order_lot(self, supplier: int) -> int:
        """Return the economic order quantity, sqrt(2 K D / h) (Harris 1913), at least a step's demand."""
        prices = self.scenario.prices
        item = self.scenario.item_names.index(self.scenario.suppliers[supplier].item)
        holding = _price(prices.items, item) or _price(prices.finished_goods, 0)
        least = math.ceil(self.served(supplier) * self.scenario.slots_per_step)
        return economic_lot(_price(prices.order, supplier), self.served(supplier), holding, least)

    def steady_order(self, supplier: int, share: float = ALMOST_ALL) -> int:
        """Return a share of the mean demand between two orders (Reiman 2004; Xin & Goldberg 2016)."""
        slots = max(self.scenario.slots_per_step, self.scenario.suppliers[supplier].review)
        return round(share * self.served(supplier) * slots)


def economic_lot(price: float, demand: float, holding: float, least: int) -> int:
    """Return Harris's lot size, at least a given one; that one where ordering or holding costs nothing."""
    if price <= 0 or holding <= 0:
        return least
    return max(least, round(math.sqrt(2 * price * demand / holding)))


def _lead_time(supplier: Supplier) -> float:
    """Return lead time and review, stretched by lateness and by the outages that an order meets."""
    lead: float = supplier.lead_time + supplier.review
    lead += (1 - supplier.on_time) * Duration(slots=1, finish=supplier.catch_up or 1e-3).mean
    if supplier.outage is not None:  # met with the long-run share of outages, half way through one
        mean = 1 / supplier.outage.recover
        lead += supplier.outage.fail * mean / (1 + supplier.outage.fail * mean) * mean
    return lead


def _batch(stage: Stage) -> float:
    return math.inf if stage.batch == "unlimited" else float(stage.batch)


def _price(prices: float | tuple[float, ...], place: int) -> float:
    return prices[place] if isinstance(prices, tuple) else prices
