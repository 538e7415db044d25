"""Several products on one machine, or made of one item, each as a small Markov chain.

As in `exact_lines`, a chain follows the order of events in docs/dynamics.md with the smallest state that describes its
system at the end of a slot. Rates are per slot. Every order that is accepted releases one unit of its product.
"""

from __future__ import annotations

from collections.abc import Sequence

from exact import Chance, Counts, long_run


def products_on_a_machine(
    finish: Sequence[float],
    setup: float | None,
    dispatch: str,
    demand: Sequence[float],
    base_stocks: Sequence[int],
    limit: int,
) -> Counts:
    """Base stocks of several products before one geometric machine, with or without geometric setups.

    Two products, without setups and with the longest queue first: Zheng & Zipkin (1990), Operations Research 38(2).
    With setups, the stochastic economic lot problem, e.g. Federgruen & Katalan (1996), Management Science 42(6). At
    most one order of each product a slot, backlogged up to `limit` and lost beyond it. An idle machine chooses at the
    end of a slot: "exhaustive" the present product if any of it waits; else, and under "longest", the longest queue, of
    equal ones the first. If that is not the present product, it is set up for it, and then makes one of it first.

    Returns:
        `process p`, `store p`, `backlog p`, units at the end of a slot; `lost p`, per slot; `setups`, changes of
        product per slot; `setup`, `busy`, shares of slots.
    """

    def choose(queue: list[int], present: int) -> int:
        if dispatch == "exhaustive" and queue[present] > 0:
            return present
        return queue.index(max(queue))

    def slot(state: tuple[tuple[int, ...], int, str], chance: Chance) -> tuple[tuple, Counts]:
        n, present, doing = list(state[0]), state[1], state[2]
        if doing == "job" and chance.flip(finish[present]):
            n[present], doing = n[present] - 1, ""
        elif doing == "setup" and chance.flip(setup or 1):
            doing = "ready"
        counts: Counts = {}
        for p in range(len(n)):
            ordered = chance.flip(demand[p])
            lost = ordered and n[p] == base_stocks[p] + limit
            n[p] += ordered - lost
            net = base_stocks[p] - n[p]
            counts |= {f"process {p}": n[p], f"store {p}": max(net, 0), f"backlog {p}": max(-net, 0), f"lost {p}": lost}
        if doing == "ready":
            doing = "job"
        elif doing == "" and max(n) > 0:
            chosen = choose(n, present)
            counts["setups"] = chosen != present
            doing = "setup" if chosen != present and setup else "job"
            present = chosen
        return (tuple(n), present, doing), counts | {"setup": doing == "setup", "busy": doing == "job"}

    return long_run(slot, ((0,) * len(finish), 0, ""))


def shared_item(
    lead_time: int, target: int, demand: Sequence[float], base_stocks: Sequence[int], finish: float
) -> Counts:
    """Two products of one item, ordered up to `target` every slot, before one machine that makes a queue at a time.

    A common component is rationed, as in Agrawal & Cohen (2001), Naval Research Logistics 48(5): here it goes first to
    the product with more open cards, of equal ones to the first. The machine takes the whole of the longest queue, of
    equal ones the first, without setups. At most one order of each product a slot, else lost.

    Returns:
        `item`, `process p`, `store p`, units at the end of a slot; `lost p`, per slot.
    """

    def slot(state: tuple[tuple[int, ...], int, tuple, tuple, tuple], chance: Chance) -> tuple[tuple, Counts]:
        on_order, stock = state[:2]
        queue, store, job = (list(part) for part in state[2:])
        on_order += (target - stock - sum(on_order),)
        stock, on_order = stock + on_order[0], on_order[1:]
        if any(job) and chance.flip(finish):
            store, job = [a + b for a, b in zip(store, job, strict=True)], [0, 0]
        counts: Counts = {}
        for p in range(2):
            ordered = chance.flip(demand[p])
            counts[f"lost {p}"] = ordered and store[p] == 0
            store[p] -= ordered and store[p] > 0
        cards = [base_stocks[p] - queue[p] - job[p] - store[p] for p in range(2)]
        for p in (0, 1) if cards[0] >= cards[1] else (1, 0):
            units = min(cards[p], stock)
            queue[p], stock = queue[p] + units, stock - units
        if not any(job) and any(queue):
            p = 0 if queue[0] >= queue[1] else 1
            job[p], queue[p] = queue[p], 0
        for p in range(2):
            counts |= {f"process {p}": queue[p] + job[p], f"store {p}": store[p]}
        return (on_order, stock, tuple(queue), tuple(store), tuple(job)), counts | {"item": stock}

    return long_run(slot, ((0,) * lead_time, target, (0, 0), (0, 0), (0, 0)))
