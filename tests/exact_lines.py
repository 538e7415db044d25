"""Production lines with known exact averages, each as a small Markov chain or a closed formula.

The chains are written from the order of events in docs/dynamics.md (deliveries, work, demand, pull), each
with the smallest state that describes its system at the end of a slot; `n` counts units released and not
finished (queue and machine), `store` units finished and not withdrawn. Rates are per slot. See `exact` for
how a chain is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from exact import Chance, Counts, long_run

BACKLOG_TAIL = 150  # stands for no limit: in the systems tested, less than 1e-12 orders a slot are cut off


def closed_loop(finish: Sequence[float], cards: int) -> Counts:
    """CONWIP: `cards` units circulate over machines that finish a job in a slot with probability `finish`.

    A unit shipped in a slot lets the next one in at the end of that same slot, so the line is a closed ring
    of discrete-time geometric servers without travel time. With equal p the ring has a product form: a state
    with b busy machines weighs (1 - p)^-b.

    Returns:
        `shipped`.
    """
    stages = len(finish)

    def slot(n: tuple[int, ...], chance: Chance) -> tuple[tuple[int, ...], Counts]:
        done = [int(n[i] > 0 and chance.flip(finish[i])) for i in range(stages)]
        return tuple(n[i] - done[i] + done[i - 1] for i in range(stages)), {"shipped": done[-1]}

    return long_run(slot, (cards,) + (0,) * (stages - 1))


def pull_line(
    finish: Sequence[float],
    loops: Sequence[tuple[int, int, int]],
    base_stocks: Sequence[int] = (),
    demand: float | None = None,
    backlog_limit: int = 0,
) -> Counts:
    """Geometric machines on unlimited material; a release needs a card of each loop that begins at its stage.

    A loop (first, last, cards) is a kanban loop if first = last, CONWIP if it spans the line, POLCA or a rope
    otherwise. `base_stocks[i]` caps units from stage i on, less backlog. Stages release from the last to the
    first, so that a withdrawal frees the card upstream in the same slot.

    Args:
        finish: probability that a job ends in a slot, by stage.
        loops: (first stage, last stage, cards).
        base_stocks: S by stage; none if empty.
        demand: probability of an order in a slot, backlogged up to `backlog_limit` and lost beyond; None: the
            customer takes whatever is finished.

    Returns:
        `shipped`, `lost` per slot; `process i`, `store i`, `backlog`, units at the end of a slot.
    """
    stages = range(len(finish))

    def slot(state: tuple[tuple[int, ...], tuple[int, ...], int], chance: Chance) -> tuple[tuple, Counts]:
        n, store, backlog = list(state[0]), list(state[1]), state[2]
        for i in stages:
            if n[i] > 0 and chance.flip(finish[i]):
                n[i], store[i] = n[i] - 1, store[i] + 1
        due = store[-1] if demand is None else backlog + chance.flip(demand)
        shipped = min(store[-1], due)
        store[-1] -= shipped
        backlog = min(due - shipped, backlog_limit)
        counts: Counts = {"shipped": shipped, "lost": due - shipped - backlog, "backlog": backlog}
        for i in reversed(stages):
            local = [n[j] + store[j] for j in stages]
            open_cards = [cards - sum(local[i : last + 1]) for first, last, cards in loops if first == i]
            if base_stocks:
                open_cards.append(base_stocks[i] - sum(local[i:]) + backlog)
            material = store[i - 1 : i] if i > 0 else []
            released = max(0, min(open_cards + material))
            n[i] += released
            if i > 0:
                store[i - 1] -= released
        for i in stages:
            counts |= {f"process {i}": n[i], f"store {i}": store[i]}
        return (tuple(n), tuple(store), backlog), counts

    return long_run(slot, ((0,) * len(finish), (0,) * len(finish), 0))


def transfer_line(fail: tuple[float, float], repair: tuple[float, float], room: int, exposure: str) -> Counts:
    """Two machines of one slot a job, always fed and emptied, with room for `room` units in between.

    A breakdown ends a slot, after its job. Machine 1 loads while fewer than `room` units are between the
    machines (store, queue and job of machine 2 together), judged at the end of a slot. With `exposure` "time"
    a running machine breaks down busy or not; whether its state changes before or after the work of a slot
    makes no difference then, so the rate is that of the literature. With "operation" only a worked slot can
    end in a breakdown: see `gershwin_line` for the other order.

    Returns:
        `shipped`; `between`, units at the end of a slot; `down i`, share of slots.
    """

    def slot(state: tuple[int, bool, bool], chance: Chance) -> tuple[tuple[int, bool, bool], Counts]:
        between, up = state[0], state[1:]
        works = (up[0] and between < room, up[1] and between > 0)
        after = []
        for i in range(2):
            if not up[i]:
                after.append(chance.flip(repair[i]))
            else:
                after.append(not ((works[i] or exposure == "time") and chance.flip(fail[i])))
        between += works[0] - works[1]
        counts = {"shipped": works[1], "between": between, "down 0": not after[0], "down 1": not after[1]}
        return (between, after[0], after[1]), counts

    return long_run(slot, (0, True, True))


def gershwin_line(fail: tuple[float, float], repair: tuple[float, float], capacity: int) -> float:
    """Production rate of Gershwin's deterministic two-machine line (Manufacturing Systems Engineering, 1994).

    His machines change state *before* they work in a slot: a machine neither starved nor blocked breaks down
    with probability p and then makes nothing; one that is repaired (probability r) works at once. Kept beside
    `transfer_line` to show that the solver reproduces his published rates and what the other order of events
    changes.
    """

    def slot(state: tuple[int, bool, bool], chance: Chance) -> tuple[tuple[int, bool, bool], Counts]:
        between = state[0]
        able = (between < capacity, between > 0)
        up = [not (able[i] and chance.flip(fail[i])) if state[1 + i] else chance.flip(repair[i]) for i in range(2)]
        between += (up[0] and able[0]) - (up[1] and able[1])
        return (between, up[0], up[1]), {"shipped": up[1] and able[1]}

    return long_run(slot, (0, True, True))["shipped"]


def weibull_survival(scale: float, shape: float, level: int) -> float:
    """Chance that a new machine survives `level` slots of work: discrete Weibull, Nakagawa & Osaki (1975)."""
    return exp(-((level / scale) ** shape))


def age_replacement(scale: float, shape: float, repair: float, pm: float, level: int) -> Counts:
    """A machine that works until it breaks down, or has worked `level` slots and is replaced first.

    Renewal-reward theorem (Barlow & Proschan 1965), the cycle being the life of one machine: it works
    min(life, level) slots, then is off for `repair` slots on average if it broke down, for `pm` slots
    otherwise. Nothing else takes time: a breakdown or PM begins at the end of a worked slot, and the first
    slot after it is a worked one.

    Returns:
        `shipped`, `repairs`, `pms` per slot.
    """
    worked = sum(weibull_survival(scale, shape, k) for k in range(level))
    survives = weibull_survival(scale, shape, level)
    cycle = worked + repair * (1 - survives) + pm * survives
    return {"shipped": worked / cycle, "repairs": (1 - survives) / cycle, "pms": survives / cycle}


def resumed_job_rate(work: float, hazard: float, repair: float) -> float:
    """Output rate of a saturated machine whose interrupted jobs resume (White & Christie 1958).

    A job takes `work` slots on average, each followed with probability `hazard` by `repair` slots off.
    """
    return 1 / (work * (1 + hazard * repair))


def worn_machine(
    hazard: Sequence[float],
    wear: float,
    repair: int,
    repair_keep: int,
    pm: int,
    pm_keep: int,
    pm_level: int,
    error: Sequence[float] = (1.0,),
) -> Counts:
    """A saturated machine whose repairs and PMs leave part of the wear (in 1/256), with jobs of one slot.

    Wear grows one level in a worked slot with probability `wear`; that slot ends in a breakdown with the
    hazard of the level it began at. PM begins when the machine is idle and the reading is `pm_level` or more;
    the reading of each slot has its own error, from -r to r, with the 2 r + 1 probabilities `error`.

    Returns:
        `shipped`, `breakdowns`, `pms` per slot.
    """
    top = len(hazard) - 1

    def slot(state: tuple[int, str, int], chance: Chance) -> tuple[tuple[int, str, int], Counts]:
        level, mode, left = state
        counts: Counts = {}
        if mode == "RUN":
            broken = chance.flip(hazard[level])
            level = min(top, level + chance.flip(wear))
            counts = {"shipped": 1, "breakdowns": broken}
            if broken:
                return (level, "DOWN", repair), counts
        elif left > 1:
            return (level, mode, left - 1), {}
        else:
            level = level * (repair_keep if mode == "DOWN" else pm_keep) // 256
        reading = level + chance.pick(error) - len(error) // 2
        if reading >= pm_level:
            return (level, "PM", pm), counts | {"pms": 1}
        return (level, "RUN", 0), counts

    return long_run(slot, (0, "RUN", 0))


def geo_geo_1(demand: float, finish: float, base_stock: int) -> Counts:
    """Base stock before one geometric machine, at most one order a slot, backlogging: solved by hand.

    Every order releases a unit, so store - backlog = base_stock - n at the end of a slot. n is a birth-death
    chain: up with probability a (1 - s) from n >= 1 and a from 0, down with s (1 - a). So it is geometric
    from 1 on, with ratio a (1 - s) / (s (1 - a)), and P(0) = 1 - a / s.

    Returns:
        `process`, `store`, `backlog`, units at the end of a slot.
    """
    a, s = demand, finish
    ratio = a * (1 - s) / (s * (1 - a))
    probability = [1 - a / s, (1 - a / s) * a / (s * (1 - a))]
    while probability[-1] > 1e-18:
        probability.append(probability[-1] * ratio)
    return {
        "process": sum(p * n for n, p in enumerate(probability)),
        "store": sum(p * max(base_stock - n, 0) for n, p in enumerate(probability)),
        "backlog": sum(p * max(n - base_stock, 0) for n, p in enumerate(probability)),
    }


def batch_machine(law: Sequence[float], finish: float, batch: int, base_stock: int, limit: int) -> Counts:
    """Base stock before one machine that works on up to `batch` units at once; demand a count from `law`.

    What cannot be shipped is backlogged up to `limit` and lost beyond it. A machine loads what is there: it
    does not wait for a full batch.

    Returns:
        `process`, `store`, `backlog` (units at the end of a slot); `lost`, `on time` (units per slot; the
        latter shipped from stock in the slot of their demand); `busy` (share of slots).
    """

    def slot(state: tuple[int, int], chance: Chance) -> tuple[tuple[int, int], Counts]:
        n, job = state
        busy = job > 0
        if busy and chance.flip(finish):
            n, job = n - job, 0
        demand = chance.pick(law)
        on_time = min(demand, max(base_stock - n, 0))
        lost = max(n + demand - base_stock - limit, 0)
        n += demand - lost  # every order accepted releases one unit
        counts = {
            "process": n,
            "store": max(base_stock - n, 0),
            "backlog": max(n - base_stock, 0),
            "lost": lost,
            "on time": on_time,
            "busy": busy,
        }
        return (n, job or min(n, batch)), counts

    return long_run(slot, (0, 0))


def two_stages(
    finish: tuple[float, float],
    fail: float,
    repair: float,
    cards: tuple[int, int],
    room: int,
    demand: float,
    backlog_limit: int = BACKLOG_TAIL,
) -> Counts:
    """Two machines under kanban, few places between them, at most one order a slot, backlogged up to a limit.

    Machine 1 also breaks down, at the end of a worked slot; an unfinished job waits in it and resumes. It
    loads only while fewer than `room` units are finished by it and not by machine 2.

    Returns:
        `process i`, `store i`, `backlog` (units at the end of a slot); `lost` (units per slot); `down`,
        `blocked 0`, `blocked 1`, `starved 1` (shares of slots; a machine that runs without a job is blocked
        if there is material for it, which only a card or room keeps away, and starved if there is none).
    """

    def slot(state: tuple[int, bool, bool, int, int, int], chance: Chance) -> tuple[tuple, Counts]:
        n1, loaded, up, store1, n2, net = state
        if not up:
            up = chance.flip(repair)
        elif loaded:
            if chance.flip(finish[0]):
                n1, loaded, store1 = n1 - 1, False, store1 + 1
            up = not chance.flip(fail)
        if n2 > 0 and chance.flip(finish[1]):
            n2, net = n2 - 1, net + 1
        net -= chance.flip(demand)
        lost = max(-net - backlog_limit, 0)
        net += lost
        released = min(cards[1] - n2 - max(net, 0), store1)
        store1, n2 = store1 - released, n2 + released
        n1 = cards[0] - store1
        loaded = loaded or (up and n1 > 0 and store1 + n2 < room)
        counts = {
            "process 0": n1,
            "store 0": store1,
            "process 1": n2,
            "store 1": max(net, 0),
            "backlog": max(-net, 0),
            "lost": lost,
            "down": not up,
            "blocked 0": up and not loaded,
            "starved 1": n2 == 0 and store1 == 0,
            "blocked 1": n2 == 0 and store1 > 0,
        }
        return (n1, loaded, up, store1, n2, net), counts

    return long_run(slot, (cards[0], True, True, 0, 0, 0))


def late_supplier(lead_time: int, on_time: float, catch_up: float, target: int, cards: int, demand: float) -> Counts:
    """An item ordered up to `target` every slot, from a supplier who may be late, feeds a one-slot machine.

    The machine takes all released units at once; kanban caps units in the stage at `cards`; at most one order
    a slot, lost when the store is empty. An order placed at the start of a slot is promised for the slot
    `lead_time` later. What is due comes all together, with probability `on_time` if nothing was overdue
    before, else `catch_up`.

    Returns:
        `item`, `store`, `overdue`, units at the end of a slot; `lost`, `delivered`, `delivered on time` per
        slot.
    """

    def slot(state: tuple[int, tuple[int, ...], int, int, int], chance: Chance) -> tuple[tuple, Counts]:
        item, on_order, overdue, job, store = state
        on_order += (target - item - sum(on_order) - overdue,)
        promised, on_order = on_order[0], on_order[1:]
        due, delivered, in_time = overdue + promised, 0, 0
        if due > 0 and chance.flip(catch_up if overdue else on_time):
            delivered, in_time, due = due, promised, 0
        item, overdue = item + delivered, due
        store += job
        wanted = chance.flip(demand)
        lost = int(wanted and store == 0)
        store -= wanted - lost
        job = min(cards - store, item)
        item -= job
        counts = {
            "item": item,
            "store": store,
            "overdue": overdue,
            "lost": lost,
            "delivered": delivered,
            "delivered on time": in_time,
        }
        return (item, on_order, overdue, job, store), counts

    return long_run(slot, (target, (0,) * lead_time, 0, 0, 0))
