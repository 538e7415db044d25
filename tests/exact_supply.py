"""Supply of one item, solved exactly, for a line that is one pass-through stage: see `exact_inventory`.

The stage (batch unlimited, one slot a job) hands on in one slot all that a supplier delivers, so the lead time of the
literature, order to availability for demand, is the supplier's lead time plus one slot. Orders are placed at the start
of a slot, before its demand; costs are counted at its end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from exact import Chance, Counts, long_run
from exact_inventory import poisson

Law = Sequence[float]


def after_demand(position: int, law: Law) -> tuple[float, float]:
    """Mean stock and backlog that are left of a position by a demand of distribution `law`, rows 0, 1, ..."""
    store = sum(p * max(position - d, 0) for d, p in enumerate(law))
    backlog = sum(p * max(d - position, 0) for d, p in enumerate(law))
    return store, backlog


def review_cycle(lead_time: int, review: int, up_to: int, mean: float) -> Counts:
    """Order up to a level every `review` slots, Poisson demand, backlogging: (R, S) or (nQ, R, T) with Q = 1.

    Hadley & Whitin (1963), Analysis of Inventory Systems, ch. 5. The order of slot t is the last one that the stock at
    the end of the slots t + lead_time, ..., t + lead_time + review - 1 knows of, so j slots into that cycle the net
    stock is the level less the demand of lead_time + 1 + j slots.

    Returns:
        `orders` per slot; `store`, `backlog`, units at the end of a slot.
    """
    left = [after_demand(up_to, poisson(mean * (lead_time + 1 + j))) for j in range(review)]
    store, backlog = (sum(column) / review for column in zip(*left, strict=True))
    return {"orders": (1 - poisson(mean * review)[0]) / review, "store": store, "backlog": backlog}


def order_multiples(lead_time: int, reorder: int, multiple: int, mean: float) -> Counts:
    """(R, nQ): a position of R or less is raised by the smallest number of lots of Q that takes it above R.

    Hadley & Whitin (1963); Zheng & Chen (1992), Naval Research Logistics 39. The position after ordering is uniform on
    R + 1, ..., R + Q, and the demand that follows is independent of it.

    Returns:
        `orders` per slot; `store`, `backlog`, units at the end of a slot.
    """
    positions = range(reorder + 1, reorder + multiple + 1)
    cover, law = poisson(mean * (lead_time + 1)), poisson(mean)
    left = [after_demand(y, cover) for y in positions]
    store, backlog = (sum(column) / multiple for column in zip(*left, strict=True))
    orders = sum(sum(law[y - reorder :]) for y in positions) / multiple
    return {"orders": orders, "store": store, "backlog": backlog}


def bounded_orders(lead_time: int, base_stock: int, capacity: int, mean: float) -> Counts:
    """Base stock with at most `capacity` units in an order: Federgruen & Zipkin (1986), Math. Oper. Res. 11(2).

    The shortfall of the position behind the base stock, after ordering, is a random walk reflected at zero.

    Returns:
        `orders` per slot; `store`, `backlog`, units at the end of a slot; Poisson demand, backlogging.
    """
    law, cover = poisson(mean), poisson(mean * (lead_time + 1))
    left = [after_demand(base_stock - shortfall, cover) for shortfall in range(201)]

    def slot(shortfall: int, chance: Chance) -> tuple[int, Counts]:
        wanted = shortfall + chance.pick(law)
        counts = {"orders": wanted > 0, "store": left[shortfall][0], "backlog": left[shortfall][1]}
        return min(max(wanted - capacity, 0), 200), counts

    return long_run(slot, 0)


def base_surge(lead_times: tuple[int, int], constant: int, base_stock: int, law: Law) -> Counts:
    """A constant order from the slow supplier every slot, base stock from the fast one: tailored base-surge.

    Allon & Van Mieghem (2010), Management Science 56(1); Janakiraman, Seshadri & Sheopuri (2015), Management Science
    61(5). The position, all orders counted, is raised to `base_stock` by the fast supplier, after the slow order of
    the slot; how far it overshoots, after that, is a random walk. Of the orders in the position the constant ones of
    the last slow - fast slots come too late for the stock that an order from the fast supplier comes in time for.

    Args:
        lead_times: of the slow and of the fast supplier, order to availability.
        constant: units ordered from the slow supplier in every slot, fewer than mean demand.
        base_stock: of the position.
        law: of a slot's demand; what is short is backlogged.

    Returns:
        `fast`, units ordered from the fast supplier per slot; `store`, `backlog`, units at the end of a slot.
    """
    slow, fast = lead_times
    cover = np.array([1.0])
    for _ in range(fast + 1):
        cover = np.convolve(cover, law)

    left = [after_demand(base_stock + overshoot - (slow - fast) * constant, cover) for overshoot in range(151)]

    def slot(overshoot: int, chance: Chance) -> tuple[int, Counts]:
        store, backlog = left[overshoot]
        step = overshoot + constant - chance.pick(law)
        return min(max(step, 0), 150), {"fast": max(-step, 0), "store": store, "backlog": backlog}

    return long_run(slot, 0)


def unreliable_supplier(
    lead_time: int,
    target: int,
    cards: int,
    demand: float,
    on_time: float = 1.0,
    catch_up: float = 1.0,
    outage: tuple[float, float] = (0.0, 1.0),
    expedite_at: int = -1,
) -> Counts:
    """An item ordered up to `target` every slot feeds a one-slot machine: `exact_lines.late_supplier`, with outages.

    Two-state supply: Parlar & Berkin (1991), Naval Research Logistics 38; Song & Zipkin (1996), Management Science
    42(10). At the start of a slot, after the orders, an outage begins or ends with the probabilities `outage`; while
    it lasts nothing arrives. Expediting, as in Tagaras & Vlachos (2001), Management Science 47(3): what is overdue
    after the deliveries of a slot is had at a premium if the slot began with few units of the item, made or not.

    Returns:
        `item`, `store`, `overdue`, units at the end of a slot; `lost`, `delivered`, `delivered on time`, `expedited`,
        per slot.
    """

    def slot(state: tuple[bool, tuple[int, ...], int, int, int, int], chance: Chance) -> tuple[tuple, Counts]:
        out, on_order, overdue, item, job, store = state
        rescue = item + job + store <= expedite_at
        on_order += (target - item - sum(on_order) - overdue,)
        out = not chance.flip(outage[1]) if out else chance.flip(outage[0])
        promised, on_order = on_order[0], on_order[1:]
        due, delivered, in_time, expedited = overdue + promised, 0, 0, 0
        if due > 0 and not out and chance.flip(catch_up if overdue else on_time):
            due, delivered, in_time = 0, due, promised
        if rescue:
            due, delivered, expedited = 0, delivered + due, due
        item, store = item + delivered, store + job
        wanted = chance.flip(demand)
        lost = int(wanted and store == 0)
        store -= wanted - lost
        job = min(cards - store, item)
        item -= job
        counts = {"item": item, "store": store, "overdue": due, "lost": lost, "delivered": delivered}
        counts |= {"delivered on time": in_time, "expedited": expedited}
        return (out, on_order, due, item, job, store), counts

    return long_run(slot, (False, (0,) * lead_time, 0, target, 0, 0))
