"""A peer: the line in SimPy, as its users write one.

Machines, card loops, customers and deliveries are processes; stocks and free cards are containers; durations
are drawn whole. Slot t is integer time t: all that happens in it happens at that time, and the monitor looks
half a slot later.
"""

from __future__ import annotations

from collections.abc import Generator
from math import inf, log, log1p
from random import Random

import simpy
from lines import Averages, Counts, Parameters

Process = Generator[simpy.Event, object, None]


class Geometric:
    """Whole numbers from 1 on: slots until something of probability ``chance`` a slot happens."""

    def __init__(self, chance: float, random: Random) -> None:
        self._scale = 0.0 if chance == 1 else 1 / log1p(-chance)
        self._draw = random.random

    def __call__(self) -> int:
        """Draw one."""
        return 1 + int(log(1.0 - self._draw()) * self._scale)


class Stage:
    """A queue, one machine that breaks down while it works, a store, and the cards that authorise releases.

    Args:
        line: the line that the stage belongs to.
        material: the container that its units are drawn from.
    """

    def __init__(self, line: SimpyLine, material: simpy.Container) -> None:
        p, env = line.parameters, line.env
        self.line = line
        self.material = material
        self.cards = simpy.Container(env, init=p.cards)
        self.n_cards = p.cards
        self.cards_to_withdraw = 0
        self.queue = simpy.Container(env)
        self.store = simpy.Container(env)
        self.in_process = 0
        self.down = False
        self.job, self.life, self.repair = (Geometric(x, line.random) for x in (p.finish, p.hazard, p.repair))

    def start(self, upstream: Stage | None) -> None:
        """Start the two processes of the stage."""
        self.line.env.process(self.release(upstream))
        self.line.env.process(self.machine())

    def release(self, upstream: Stage | None) -> Process:
        """Take a card, then a unit; the unit's former card goes upstream, or an order for the next unit."""
        while True:
            yield self.cards.get(1)
            yield self.material.get(1)
            if upstream is None:
                self.line.order(1, after=1)
            else:
                upstream.return_card()
            self.in_process += 1
            self.queue.put(1)

    def return_card(self) -> None:
        """Free the card of a withdrawn unit, or take it out of use if there are too many."""
        if self.cards_to_withdraw:
            self.cards_to_withdraw -= 1
        else:
            self.cards.put(1)

    def set_cards(self, n_cards: int) -> None:
        """Change the number of cards; those in use are withdrawn when they come back."""
        more = n_cards - self.n_cards
        self.n_cards = n_cards
        if more > 0:
            kept = min(more, self.cards_to_withdraw)
            self.cards_to_withdraw -= kept
            if more > kept:
                self.cards.put(more - kept)
        elif more < 0:
            free = min(-more, int(self.cards.level))
            if free:
                self.cards.get(free)
            self.cards_to_withdraw += -more - free

    def machine(self) -> Process:
        """Work; break down after a life counted in worked slots; resume the job after the repair."""
        env, life = self.line.env, self.life()
        while True:
            yield self.queue.get(1)
            work = self.job()
            while work:
                worked = min(work, life)
                yield env.timeout(worked)
                work -= worked
                life -= worked
                if not work:
                    self.in_process -= 1
                    self.store.put(1)
                if not life:
                    self.down = True
                    yield env.timeout(self.repair())
                    self.down = False
                    life = self.life()


class SimpyLine:
    """One line in SimPy.

    Args:
        parameters: the line.
        seed: of its random numbers.
    """

    def __init__(self, parameters: Parameters, seed: int) -> None:
        self.parameters = parameters
        self.random = Random(seed)
        self.env = simpy.Environment()
        self.stock = simpy.Container(self.env, init=parameters.target or inf)
        self.stages: list[Stage] = []
        for _ in range(parameters.stages):
            self.stages.append(Stage(self, self.stages[-1].store if self.stages else self.stock))
        for upstream, stage in zip([None, *self.stages], self.stages, strict=False):
            stage.start(upstream)
        self.goods = self.stages[-1].store
        self.target = parameters.target
        self.orders_to_skip = 0
        self.ordered = self.on_time = self.shipped = self.backlog = 0
        self.store_slots = [0.0] * parameters.stages
        self.process_slots = [0] * parameters.stages
        self.down_slots = [0] * parameters.stages
        self.backlog_slots, self.item_slots = 0, 0.0
        self.env.process(self.customers())
        self.env.process(self.monitor())

    def customers(self) -> Process:
        """Let customers come."""
        interval = Geometric(self.parameters.demand, self.random)
        while True:
            yield self.env.timeout(interval())
            self.env.process(self.customer())

    def customer(self) -> Process:
        """Order one unit and wait for it."""
        ordered = self.env.now
        self.ordered += 1
        self.backlog += 1
        yield self.goods.get(1)
        self.backlog -= 1
        self.shipped += 1
        self.on_time += self.env.now == ordered
        self.stages[-1].return_card()

    def order(self, units: int, after: int) -> None:
        """Order some slots from now what is missing, unless the order-up-to level has come down."""
        skipped = min(units, self.orders_to_skip)
        self.orders_to_skip -= skipped
        if units > skipped:
            self.env.process(self.delivery(units - skipped, after))

    def delivery(self, units: int, after: int) -> Process:
        """Deliver an order that goes out some slots from now and takes its lead time."""
        yield self.env.timeout(after + self.parameters.lead_time)
        self.stock.put(units)

    def set_target(self, target: int) -> None:
        """Change the order-up-to level: order what is missing now, or let the next orders fall out."""
        more = target - self.target
        self.target = target
        if more > 0:
            self.order(more, after=0)
        else:
            self.orders_to_skip -= more

    def monitor(self) -> Process:
        """Count stocks and broken machines at the end of every slot."""
        yield self.env.timeout(0.5)
        while True:
            self.backlog_slots += self.backlog
            self.item_slots += self.stock.level
            for i, stage in enumerate(self.stages):
                self.process_slots[i] += stage.in_process
                self.store_slots[i] += stage.store.level
                self.down_slots[i] += stage.down
            yield self.env.timeout(1)

    def counts(self) -> list[float]:
        """Return everything counted since the start."""
        scalars = (self.shipped, self.on_time, self.ordered, self.backlog_slots, self.item_slots)
        return [*scalars, *self.process_slots, *self.store_slots, *self.down_slots]

    def stock_slots(self) -> tuple[float, float, float, float]:
        """Return the unit-slots of work in process, finished goods, items and backlog."""
        *stores, finished_goods = self.store_slots
        return sum(self.process_slots) + sum(stores), finished_goods, self.item_slots, self.backlog_slots

    def run(self, slots: int) -> Averages:
        """Make some slots; return averages per slot, stocks as they are at the end of a slot."""
        before = self.counts()
        self.env.run(until=self.env.now + slots)
        counted = [after - start for after, start in zip(self.counts(), before, strict=True)]
        n = len(self.stages)
        scalars, by_stage = counted[: -3 * n], counted[-3 * n :]
        return Counts(*scalars, by_stage[:n], by_stage[n : 2 * n], by_stage[2 * n :]).averages(slots)
