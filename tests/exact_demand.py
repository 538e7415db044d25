"""Base stock under demand that is known ahead, or changes with a hidden regime or with the calendar, solved exactly.

For the pass-through stage of `exact_supply`, unless a machine is named: ordering up to S every slot leaves, at the end
of a slot, S less the demand of the lead time, order to availability, and of the slot itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from exact import Chance, Counts, long_run, stationary
from exact_inventory import poisson
from exact_supply import after_demand
from scipy.sparse import csr_matrix


def noticed_before_machine(finish: float, demand: float, notice: int, base_stock: int, limit: int = 150) -> Counts:
    """Base stock before one geometric machine; every order, at most one a slot, is due `notice` slots later.

    Hariharan & Zipkin (1995), Management Science 41(10), for a machine in place of a lead time: Karaesmen, Buzacott &
    Dallery (2002), IIE Transactions 34. An order releases a unit when it becomes known, so the queue n is that
    without notice, and the net stock is the base stock less n, plus what is known and not yet due.

    Returns:
        `process`, `store`, `backlog`, `known`, units at the end of a slot.
    """

    def slot(state: tuple[int, tuple[int, ...]], chance: Chance) -> tuple[tuple, Counts]:
        n, ahead = state
        n -= n > 0 and chance.flip(finish)
        ordered = chance.flip(demand)
        n, ahead = min(n + ordered, limit), (*ahead, int(ordered))[1:] if notice else ()
        net = base_stock - n + sum(ahead)
        counts = {"process": n, "store": max(net, 0), "backlog": max(-net, 0), "known": sum(ahead)}
        return (n, ahead), counts

    return long_run(slot, (0, (0,) * notice))


def modulated_demand(
    switch: Sequence[Sequence[float]], laws: Sequence[Sequence[float]], lead_time: int, base_stock: int
) -> Counts:
    """Base stock under Markov-modulated demand: Song & Zipkin (1993), Operations Research 41(2); Chen & Song (2001).

    The regime switches at the start of a slot's demand, which is drawn from the law of the new regime. The demand of
    lead_time + 1 slots, and the regime, are followed forward from the stationary regime.

    Returns:
        `store`, `backlog`, units at the end of a slot; `demand`, per slot; with a constant base stock, backlogging.
    """
    size = max(map(len, laws))
    table = np.array([[*law, *[0.0] * (size - len(law))] for law in laws])
    regime = stationary(csr_matrix(np.array(switch)))
    joint = regime[:, None]  # by regime and demand so far
    for _ in range(lead_time + 1):
        moved = np.array(switch).T @ joint
        joint = np.array([np.convolve(row, law) for row, law in zip(moved, table, strict=True)])
    store, backlog = after_demand(base_stock, joint.sum(axis=0).tolist())
    return {"store": store, "backlog": backlog, "demand": float(regime @ table @ np.arange(size))}


def base_stock_by_regime(
    switch: Sequence[Sequence[float]],
    laws: Sequence[Sequence[float]],
    lead_time: int,
    base_stocks: Sequence[int],
) -> Counts:
    """A base stock for each regime, as is best by Song & Zipkin (1993), with lost sales, so that the stock is finite.

    At the start of a slot what is available to it and on order is raised to the base stock of the last slot's regime.

    Args:
        switch: from each regime, the probabilities of the next.
        laws: of a slot's demand, by regime.
        lead_time: slots from an order to the first demand it can meet, >= 1.
        base_stocks: by regime.

    Returns:
        `ordered`, `lost`, per slot; `store`, units at the end of a slot.
    """

    def slot(state: tuple[int, int, tuple[int, ...]], chance: Chance) -> tuple[tuple, Counts]:
        regime, available, on_order = state
        ordered = max(base_stocks[regime] - available - sum(on_order), 0)
        on_order += (ordered,)
        regime = chance.pick(switch[regime])
        demand = chance.pick(laws[regime])
        store = max(available - demand, 0)
        counts = {"ordered": ordered, "store": store, "lost": demand - available + store}
        return (regime, store + on_order[0], on_order[1:]), counts

    return long_run(slot, (0, 0, (0,) * (lead_time - 1)))


def seasonal_base_stock(lead_time: int, base_stock: int, means: Sequence[float]) -> list[tuple[float, float]]:
    """Base stock under Poisson demand whose mean repeats: Karlin (1960), Management Science 6(3), at a constant level.

    Args:
        lead_time: order to availability.
        base_stock: of the position.
        means: of the demand of each slot of the period.

    Returns:
        Mean stock and mean backlog at the end of each slot of the period, the demand of that slot included.
    """
    return [
        after_demand(base_stock, poisson(sum(means[(t - j) % len(means)] for j in range(lead_time + 1))))
        for t in range(len(means))
    ]
