"""A peer: the line as a plain-Python slot loop, written for speed and for this line only.

It is not the oracle, which is general and clear: here a stage is three numbers (units in queue and machine,
units in store, up or down), every draw is one call of ``random.random``, and only the averages that the
comparison needs are counted.
"""

from __future__ import annotations

from random import Random

from lines import Averages, Counts, Parameters


class PlainLine:
    """One line in plain Python.

    Args:
        parameters: the line.
        seed: of its random numbers.
    """

    def __init__(self, parameters: Parameters, seed: int) -> None:
        self.parameters = parameters
        self.random = Random(seed)
        self.process = [0] * parameters.stages
        self.store = [0] * parameters.stages
        self.up = [True] * parameters.stages
        self.stock = parameters.target
        self.pipeline = [0] * parameters.lead_time
        self.released = 0
        self.backlog = 0

    def run(self, slots: int) -> Averages:
        """Make some slots; return averages per slot, stocks as they are at the end of a slot."""
        p = self.parameters
        draw, rate, cards = self.random.random, p.demand, p.cards
        finish, hazard, repair = p.finish, p.hazard, p.repair
        process, store, up, pipeline = self.process, self.store, self.up, self.pipeline
        stock, released, backlog = self.stock, self.released, self.backlog
        stages, upstream_of = range(p.stages), range(p.stages - 1, 0, -1)
        last = p.stages - 1
        process_slots, store_slots, down_slots = [0] * p.stages, [0] * p.stages, [0] * p.stages
        shipped = on_time = backlog_slots = item_slots = ordered = 0
        for _ in range(slots):
            pipeline.append(released)  # under order-up-to, what was released is ordered
            stock += pipeline.pop(0)
            for i in stages:
                if not up[i]:
                    if draw() < repair:
                        up[i] = True
                elif process[i]:
                    if draw() < finish:
                        process[i] -= 1
                        store[i] += 1
                    if draw() < hazard:
                        up[i] = False
            if draw() < rate:
                ordered += 1
                on_time += store[last] > backlog
                backlog += 1
            if backlog and store[last]:
                out = min(backlog, store[last])
                backlog -= out
                store[last] -= out
                shipped += out
            for i in upstream_of:
                units = cards - process[i] - store[i]
                if units and store[i - 1]:
                    units = min(units, store[i - 1])
                    store[i - 1] -= units
                    process[i] += units
            released = min(cards - process[0] - store[0], stock)
            process[0] += released
            stock -= released
            backlog_slots += backlog
            item_slots += stock
            for i in stages:
                process_slots[i] += process[i]
                store_slots[i] += store[i]
                if not up[i]:
                    down_slots[i] += 1
        self.stock, self.released, self.backlog = stock, released, backlog
        counts = Counts(shipped, on_time, ordered, backlog_slots, item_slots, process_slots, store_slots, down_slots)
        return counts.averages(slots)
