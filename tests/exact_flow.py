"""One-product lines of the literature under further rules of release, each as a small Markov chain or a formula.

As in `exact_lines`, a chain follows the order of events in docs/dynamics.md (work, demand, pull) with the smallest
state that describes its system at the end of a slot; `n` counts units released and not finished. Rates are per slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, floor

from exact import Chance, Counts, long_run


def rounded(units: float, chance: Chance) -> int:
    """A whole number of units, `units` on average: rounded up or down by chance."""
    whole = floor(units + 1e-12)
    return whole + chance.flip(max(units - whole, 0.0))


def practical_worst_case(stations: int, cards: int) -> float:
    """Throughput of a CONWIP line of equal exponential stations, in jobs a mean process time of one station.

    Hopp & Spearman, Factory Physics, ch. 7: W / (W0 + W - 1) of the bottleneck rate, W0 = `stations`.
    """
    return cards / (stations + cards - 1)


def geometric_ring(stations: int, cards: int, finish: float) -> float:
    """Throughput of `exact_lines.closed_loop` with equal stations, in jobs a mean process time of one station.

    Pestien & Ramakrishnan (1994), Queueing Systems 18: a state with b busy stations weighs (1 - p)^-b. There are
    C(stations, b) C(cards - 1, b - 1) of them, and a station finishes a job with p b / stations on average.
    """
    weights = [comb(stations, b) * comb(cards - 1, b - 1) * (1 - finish) ** -b for b in range(1, stations + 1)]
    return sum(b * weight for b, weight in enumerate(weights, start=1)) / (stations * sum(weights))


def assembly(finish: Sequence[float], cards: Sequence[int], demand: float, backlog_limit: int) -> Counts:
    """Fork-join kanban: stages 0 and 1 make the two parts of which stage 2 assembles one unit.

    Krishnamurthy, Suri & Vernon (2004), Annals of Operations Research 125; kanban as in Di Mascolo, Frein & Dallery
    (1996), Operations Research 44(1). Geometric machines; a part feeds on unlimited material; a unit of stage 2 is
    released when it has a card there and both parts are in store. At most one order a slot, backlogged to a limit.

    Returns:
        `process i`, `store i`, `backlog`, units at the end of a slot; `shipped`, `lost`, per slot.
    """

    def slot(state: tuple[tuple[int, ...], tuple[int, ...], int], chance: Chance) -> tuple[tuple, Counts]:
        n, store, backlog = list(state[0]), list(state[1]), state[2]
        for i in range(3):
            if n[i] > 0 and chance.flip(finish[i]):
                n[i], store[i] = n[i] - 1, store[i] + 1
        owed = backlog + chance.flip(demand)
        shipped = min(store[2], owed)
        store[2] -= shipped
        backlog = min(owed - shipped, backlog_limit)
        counts: Counts = {"shipped": shipped, "lost": owed - shipped - backlog, "backlog": backlog}
        released = max(0, min(cards[2] - n[2] - store[2], store[0], store[1]))
        n[2] += released
        for i in range(2):
            store[i] -= released
            n[i] = cards[i] - store[i]
        for i in range(3):
            counts |= {f"process {i}": n[i], f"store {i}": store[i]}
        return (tuple(n), tuple(store), backlog), counts

    return long_run(slot, ((cards[0], cards[1], 0), (0, 0, 0), 0))


def signal_kanban(law: Sequence[float], finish: float, lot: int, batch: int, base_stock: int, limit: int) -> Counts:
    """Orders open cards, and `lot` of them are released together, to a machine that works on up to `batch` at once.

    Signal kanban, Monden (1983), Toyota Production System; with base stock S it is a continuous-review (S - Q, nQ)
    policy before a machine in place of a lead time. Demand is a count from `law`, backlogged up to `limit`.

    Returns:
        `process`, `store`, `backlog`, units at the end of a slot; `lost`, per slot; `busy`, share of slots.
    """

    def slot(state: tuple[int, int, int], chance: Chance) -> tuple[tuple[int, int, int], Counts]:
        cards, n, job = state
        busy = job > 0
        if busy and chance.flip(finish):
            n, job = n - job, 0
        demand = chance.pick(law)
        lost = max(cards + n + demand - base_stock - limit, 0)
        cards += demand - lost
        net = base_stock - cards - n
        if cards >= lot:
            cards, n = 0, n + cards
        job = job or min(n, batch)
        counts = {"process": n, "store": max(net, 0), "backlog": max(-net, 0), "lost": lost, "busy": busy}
        return (cards, n, job), counts

    return long_run(slot, (0, 0, 0))


def pushed_queue(grant: int, every: int, finish: float, limit: int = 200) -> float:
    """Mean units at a geometric machine that is sent `grant` units every `every` slots: the discrete D[X]/Geo/1 queue.

    A push line, Hopp & Spearman, Factory Physics, ch. 10, with nothing to stop it. Beyond `limit` units are cut off.
    """

    def slot(state: tuple[int, int], chance: Chance) -> tuple[tuple[int, int], Counts]:
        since, n = state
        n -= n > 0 and chance.flip(finish)
        if since == 0:
            n = min(n + grant, limit)
        return ((since + 1) % every, n), {"process": n}

    return long_run(slot, (0, 0))["process"]


def push_with_cards(grant: int, every: int, top: int, cards: int, finish: float, demand: float) -> Counts:
    """Push with a cap: a release needs a credit and a kanban card; `every` slots bring `grant` credits, kept to `top`.

    Push and pull as release authorisations: Spearman & Zazanis (1992), Operations Research 40(3); with both at once
    a production authorisation card line, Buzacott & Shanthikumar (1993). One order a slot at most, lost if not met.

    Returns:
        `process`, `store`, `credits`, units at the end of a slot; `shipped`, `lost`, per slot.
    """

    def slot(state: tuple[int, int, int, int], chance: Chance) -> tuple[tuple[int, int, int, int], Counts]:
        since, credits, n, store = state
        if n > 0 and chance.flip(finish):
            n, store = n - 1, store + 1
        wanted = chance.flip(demand)
        shipped = min(wanted, store)
        store -= shipped
        if since == 0:
            credits = min(credits + grant, top)
        released = min(credits, cards - n - store)
        n, credits = n + released, credits - released
        counts = {"process": n, "store": store, "credits": credits, "shipped": shipped, "lost": wanted - shipped}
        return ((since + 1) % every, credits, n, store), counts

    return long_run(slot, (0, 0, 0, 0))


def spoiling_store(finish: float, demand: float, spoil: float, base_stock: int) -> Counts:
    """Base stock of goods that decay: every slot a share of the store is lost, rounded up or down by chance.

    Exponential decay, Ghare & Schrader (1963), J. Industrial Engineering 14; see Nahmias (1982), Operations Research
    30(4). One geometric machine; at most one order a slot, lost if not met; what is left after it decays, and every
    unit that goes, either way, is made again.

    Returns:
        `process`, `store`, units at the end of a slot; `shipped`, `lost`, `spoiled`, per slot.
    """

    def slot(n: int, chance: Chance) -> tuple[int, Counts]:
        n -= n > 0 and chance.flip(finish)
        store = base_stock - n
        wanted = chance.flip(demand)
        shipped = min(wanted, store)
        spoiled = rounded((store - shipped) * spoil, chance)
        n += shipped + spoiled
        counts = {"process": n, "store": base_stock - n, "spoiled": spoiled}
        return n, counts | {"shipped": shipped, "lost": wanted - shipped}

    return long_run(slot, 0)


def general_jobs(law: Sequence[float], demand: float, base_stock: int, limit: int = 150) -> Counts:
    """Base stock before one machine whose jobs take k slots with probability `law[k - 1]`: the Geo/G/1 queue.

    Meisling (1958), Operations Research 6(1). At most one order a slot, backlogged; beyond `limit` it is cut off.

    Returns:
        `process`, `store`, `backlog`, units at the end of a slot; `busy`, share of slots.
    """

    def slot(state: tuple[int, int], chance: Chance) -> tuple[tuple[int, int], Counts]:
        n, left = state
        if left > 0:
            left -= 1
            n -= left == 0
        n = min(n + chance.flip(demand), limit)
        if n > 0 and left == 0:
            left = 1 + chance.pick(law)
        counts = {"process": n, "store": max(base_stock - n, 0), "backlog": max(n - base_stock, 0), "busy": n > 0}
        return (n, left), counts

    return long_run(slot, (0, 0))


def meisling(law: Sequence[float], demand: float) -> float:
    """Mean number in the Geo/G/1 queue, a + a^2 E[S (S - 1)] / 2 (1 - a E[S]) with a E[S] in place of the first a."""
    mean = sum(p * k for k, p in enumerate(law, start=1))
    factorial = sum(p * k * (k - 1) for k, p in enumerate(law, start=1))
    return demand * mean + demand**2 * factorial / (2 * (1 - demand * mean))
