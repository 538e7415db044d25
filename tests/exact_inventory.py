"""Single-item inventory systems of the literature, solved exactly, for a line that is one pass-through stage.

The stage (batch unlimited, one slot a job) hands on in one slot all that the supplier delivers, so the lead
time of the literature, order to availability for demand, is the supplier's lead time plus one slot. Orders
are placed at the start of a slot, before its demand; costs are counted at its end.
"""

from __future__ import annotations

from math import exp

from exact import Chance, Counts, long_run


def poisson(mean: float, tail: float = 1e-13) -> list[float]:
    """Poisson probabilities of 0, 1, ...; the last entry holds the whole tail, at most `tail`."""
    law = [exp(-mean)]
    while len(law) <= mean or law[-1] > tail:
        law.append(law[-1] * mean / len(law))
    law[-1] += 1 - sum(law)
    return law


def lost_sales_base_stock(lead_time: int, base_stock: int, mean: float) -> Counts:
    """Base stock with lost sales: Zipkin (2008), Operations Research 56(5), Table 3.

    State at the end of a slot: what the next slot's demand will find (finished goods and the job that is done
    by then) and the orders under way. The pass-through stage is the last slot of `lead_time`, the supplier
    takes the others.

    Args:
        lead_time: slots from an order to the first demand it can meet, L >= 1.
        base_stock: S; stock plus orders under way, ordered up to at the start of each slot.
        mean: of the Poisson demand of a slot.

    Returns:
        `store`, units at the end of a slot; `lost`, units per slot. The published cost is h store + p lost.
    """
    law = poisson(mean)

    def slot(state: tuple[int, tuple[int, ...]], chance: Chance) -> tuple[tuple, Counts]:
        available, on_order = state
        on_order += (base_stock - available - sum(on_order),)
        demand = chance.pick(law)
        store = max(available - demand, 0)
        lost = demand - available + store
        return (store + on_order[0], on_order[1:]), {"store": store, "lost": lost}

    return long_run(slot, (base_stock, (0,) * (lead_time - 1)))


def reorder_policy(lead_time: int, reorder: int, up_to: int, mean: float) -> Counts:
    """(s, S) policy, Poisson demand, backlogging: Zheng & Federgruen (1991), Operations Research 39(4).

    The inventory position y after ordering is a Markov chain of its own; the net stock at the end of the slot
    in which an order placed now can first meet demand is y minus the demand of lead_time + 1 slots.

    Args:
        lead_time: slots from an order to the first demand it can meet (0: that of the same slot).
        reorder: s; an order is placed when the position is s or less.
        up_to: S, the position after an order.
        mean: of the Poisson demand of a slot.

    Returns:
        `orders` per slot; `store`, `backlog`, units at the end of a slot. The published cost is K orders + h
        store + p backlog.
    """
    law = poisson(mean)
    cover = poisson(mean * (lead_time + 1))

    def slot(position: int, chance: Chance) -> tuple[int, Counts]:
        orders = position <= reorder
        if orders:
            position = up_to
        store = sum(p * max(position - d, 0) for d, p in enumerate(cover))
        counts = {"orders": orders, "store": store, "backlog": store - position + mean * (lead_time + 1)}
        return max(position - chance.pick(law), reorder), counts

    return long_run(slot, up_to)
