"""The best use of two suppliers of one item, by value iteration, for the pass-through stage of `exact_supply`.

Dual sourcing with lead times one slot apart: Fukuda (1964), Management Science 10(4); Veeraraghavan & Scheller-Wolf
(2008), Operations Research 56(4). What is short is backlogged up to a limit and lost beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from exact import Chance, Counts, long_run

State = tuple[int, ...]
"""What the next demand will find, net of backlog; then what is on order, by slots until a demand can find it."""
Orders = tuple[int, int]
"""Units ordered in a slot: from the fast and from the slow supplier."""


@dataclass(frozen=True)
class TwoSuppliers:
    """The system.

    Attributes:
        lead_time: of the fast supplier, order to availability, in slots; the slow one takes a slot more.
        law: of a slot's demand.
        limit: of the backlog; 0: lost sales.
        prices: by name, of one unit ordered `fast` or `slow`, of one in `store` or `backlog` for a slot, of one `lost`.
        most: units ordered from one supplier in a slot, at most.
        top: units on hand and on order, at most: high enough if more does not change the least cost.
    """

    lead_time: int
    law: Sequence[float]
    limit: int
    prices: Mapping[str, float]
    most: int = 4
    top: int = 14

    def cost(self, counts: Counts) -> float:
        """Money for counts."""
        return sum(price * counts[name] for name, price in self.prices.items())

    def move(self, state: State, orders: Orders, demand: int) -> tuple[State, Counts]:
        """One slot: the orders are placed, demand meets what is available, the next units become available."""
        net, *due = state
        due[self.lead_time - 1 :] = [*due[self.lead_time - 1 :], 0]
        due[self.lead_time - 1] += orders[0]
        due[self.lead_time] += orders[1]
        left = max(net - demand, -self.limit)
        counts = {"fast": orders[0], "slow": orders[1], "store": max(left, 0), "backlog": max(-left, 0)}
        return (left + due[0], *due[1:]), counts | {"lost": left - net + demand}

    def states(self) -> Iterator[State]:
        """Every state of at most `top` units."""
        most = [2 * self.most] * (self.lead_time - 1) + [self.most]
        for due in product(*[range(n + 1) for n in most]):
            for net in range(-self.limit, self.top - sum(due) + 1):
                yield (net, *due)


def best_policy(system: TwoSuppliers, allowed: Callable[[Orders], bool] = lambda orders: True) -> dict[State, Orders]:
    """The stationary policy of least average cost, among orders that are allowed, by value iteration."""
    states = list(system.states())
    place = {state: i for i, state in enumerate(states)}
    actions = [orders for orders in product(range(system.most + 1), repeat=2) if allowed(orders)]
    cost = np.full((len(states), len(actions)), np.inf)
    after = np.zeros((len(states), len(actions), len(system.law)), dtype=int)
    for (i, state), (a, orders) in product(enumerate(states), enumerate(actions)):
        if sum(state) + sum(orders) <= system.top:
            moves = [system.move(state, orders, demand) for demand in range(len(system.law))]
            cost[i, a] = sum(p * system.cost(counts) for p, (_, counts) in zip(system.law, moves, strict=True))
            after[i, a] = [place[successor] for successor, _ in moves]
    value, span = np.zeros(len(states)), np.inf
    while span > 1e-9:
        total = cost + value[after] @ np.asarray(system.law)
        change = total.min(axis=1) - value
        span = np.ptp(change)
        value = total.min(axis=1) - total.min()
    return {state: actions[a] for state, a in zip(states, total.argmin(axis=1).tolist(), strict=True)}


def base_surge_policy(system: TwoSuppliers, constant: int, base_stock: int) -> dict[State, Orders]:
    """The constant order and the base stock of `exact_supply.base_surge`, with at most `top` units."""
    policy = {}
    for state in system.states():
        slow = min(constant, system.top - sum(state))
        policy[state] = (min(max(base_stock - sum(state) - slow, 0), system.most), slow)
    return policy


def averages(system: TwoSuppliers, policy: Mapping[State, Orders]) -> Counts:
    """Long-run averages per slot of units ordered, `fast` and `slow`, `store`, `backlog` and `lost`; and the `cost`."""

    def slot(state: State, chance: Chance) -> tuple[State, Counts]:
        return system.move(state, policy[state], chance.pick(system.law))

    counts = long_run(slot, (0,) * (system.lead_time + 1))
    return counts | {"cost": system.cost(counts)}
