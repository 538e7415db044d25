"""Lines whose machines and suppliers make defects, each as a small Markov chain or a closed formula.

As in `exact_lines`, a chain follows the order of events in docs/dynamics.md with the smallest state that describes its
system at the end of a slot. Rates are per slot. Customers return every defective unit that they are shipped.
"""

from __future__ import annotations

from collections.abc import Sequence

from exact import Chance, Counts, long_run
from exact_flow import rounded


def li_meerkov_rate(finish: tuple[float, float], room: int) -> float:
    """Production rate of two Bernoulli machines: Li & Meerkov, Production Systems Engineering (2009), ch. 4.

    PR = p2 (1 - Q), Q the probability of an empty buffer of `room` units. Their first machine, before a full buffer,
    works in a slot in which the second takes a unit out.
    """
    first, second = finish
    if first == second:
        return second * (1 - (1 - first) / (room + 1 - first))
    ratio = first * (1 - second) / (second * (1 - first))
    return second * (1 - (1 - first) * (1 - ratio) / (1 - first / second * ratio**room))


def li_meerkov_line(finish: tuple[float, float], defect: float, room: int) -> float:
    """The same line as a chain, its first machine scrapping a share `defect` of its parts at once.

    Kept beside `inspected_line` as `exact_lines.gershwin_line` is: to show that the solver reproduces the published
    rate, and that perfect inspection turns p into p (1 - g). Here the order of events is theirs.
    """

    def slot(between: int, chance: Chance) -> tuple[int, Counts]:
        out = between > 0 and chance.flip(finish[1])
        into = (between < room or out) and chance.flip(finish[0]) and not chance.flip(defect)
        return between + into - out, {"shipped": out}

    return long_run(slot, 0)["shipped"]


def inspected_line(
    finish: tuple[float, float],
    defect: tuple[float, float],
    detect: tuple[float, float],
    room: int,
    rework: tuple[bool, bool] = (False, False),
) -> Counts:
    """Two Bernoulli machines that make defects and inspect their own jobs, always fed and emptied, `room` in between.

    Li & Meerkov, Production Systems Engineering (2009), Bernoulli lines with quality inspection: a job that ends is
    defective with probability `defect`; the machine finds that with `detect`, and scraps the job, or starts it again.
    What it does not find goes on, and may be found at the next machine. Between the machines good and bad units mix:
    the next one loaded is any of them. Machine 1 loads while fewer than `room` units are between, judged at the end
    of a slot, so it may not take the place of a unit that leaves in the same slot, as that of `li_meerkov_line` may.

    Returns:
        `shipped`, `returned`; `scrapped i`, `reworked i`, per slot; `between`, units at the end of a slot.
    """

    def inspect(i: int, bad: bool, counts: Counts, chance: Chance) -> tuple[bool, bool]:
        """Whether the job leaves the machine, and whether it does so defective."""
        bad = chance.flip(defect[i]) or bad
        if not (bad and chance.flip(detect[i])):
            return True, bad
        counts[f"{'reworked' if rework[i] else 'scrapped'} {i}"] = 1
        return False, False

    def slot(state: tuple[bool, int, int, str], chance: Chance) -> tuple[tuple, Counts]:
        loaded, queue, queue_bad, job = state
        counts: Counts = {}
        if loaded and chance.flip(finish[0]):
            passes, bad = inspect(0, False, counts, chance)
            queue, queue_bad, loaded = queue + passes, queue_bad + bad, not passes and rework[0]
        if job and chance.flip(finish[1]):
            passes, bad = inspect(1, job == "bad", counts, chance)
            counts |= {"shipped": passes, "returned": bad}
            job = "good" if not passes and rework[1] else ""
        if not job and queue > 0:
            bad = chance.flip(queue_bad / queue)
            queue, queue_bad, job = queue - 1, queue_bad - bad, "bad" if bad else "good"
        between = queue + (job != "")
        counts["between"] = between
        return (loaded or between < room, queue, queue_bad, job), counts

    return long_run(slot, (True, 0, 0, ""))


def quality_machine(
    defect: Sequence[float],
    shift: float = 0.0,
    detect: float = 0.0,
    stop: float = 1.0,
    fail: float = 0.0,
    repair: float = 1.0,
    jidoka: bool = True,
) -> Counts:
    """An always fed machine of one slot a job that goes out of control, and stops at a defect that it finds.

    Kim & Gershwin (2005), OR Spectrum 27. In a worked slot the job ends, defective with `defect[0]` in control,
    `defect[1]` out of it; a found defect is scrapped and, with `jidoka`, stops the machine. Then, independently, it
    goes out of control with `shift`, and breaks down with `fail`, which overrides the stop. Stops and repairs end in
    a slot with `stop` and `repair`, and put the machine in control.

    Returns:
        `shipped`, `returned`, `scrapped`, `stops`, `breakdowns`, per slot; `in control`, `out of control`, `stopped`,
        `down`, shares of slots.
    """

    def slot(state: tuple[str, bool], chance: Chance) -> tuple[tuple[str, bool], Counts]:
        mode, shifted = state
        counts: Counts = {}
        if mode != "RUN":
            if chance.flip(stop if mode == "STOP" else repair):
                mode, shifted = "RUN", False
        else:
            bad = chance.flip(defect[shifted])
            found = bad and chance.flip(detect)
            shifted = chance.flip(shift) or shifted
            counts = {"shipped": not found, "returned": bad and not found, "scrapped": found}
            counts["stops"] = found and jidoka
            mode = "STOP" if found and jidoka else mode
            if chance.flip(fail):
                mode, counts["breakdowns"] = "DOWN", 1
        counts |= {"stopped": mode == "STOP", "down": mode == "DOWN"}
        counts |= {"in control": mode == "RUN" and not shifted, "out of control": mode == "RUN" and shifted}
        return (mode, mode == "RUN" and shifted), counts

    return long_run(slot, ("RUN", False))


def kim_gershwin(shift: float, fail: float, found: float, repair: float) -> Counts:
    """Their closed formula: shares of time good (1), out of control (-1) and down (0), rates g, p, f and r.

    P(1) = 1 / (1 + (p + g) / r + g / f), P(-1) = P(1) g / f, P(0) = P(1) (p + g) / r. In slots, g stands for a shift
    without a breakdown in the same slot, and f for a found defect or a breakdown.
    """
    g, f = shift * (1 - fail), 1 - (1 - found) * (1 - fail)
    good = 1 / (1 + (fail + g) / repair + g / f)
    return {"in control": good, "out of control": good * g / f, "off": good * (fail + g) / repair}


def reworking_machine(work: float, stop: float, repair: float, hazard: float, found: float) -> Counts:
    """An always fed machine that starts a job again if it finds a defect, and stops for that; from means alone.

    Renewal-reward theorem, the cycle being one attempt of `work` slots on average: each of them breaks the machine
    down with probability `hazard`, for `repair` slots, and the job resumes (White & Christie 1958). The attempt ends,
    with probability `found`, in a stop of `stop` slots, unless the machine breaks down in that slot, and another one.

    Returns:
        `shipped`, `reworked`, per slot; `stopped`, `down`, shares of slots.
    """
    stopped, down = found * (1 - hazard) * stop, work * hazard * repair
    cycle = work + stopped + down
    return {
        "shipped": (1 - found) / cycle,
        "reworked": found / cycle,
        "stopped": stopped / cycle,
        "down": down / cycle,
    }


def worn_tool(defect: Sequence[float], wear: float, detect: float, pm: int, pm_level: int) -> Counts:
    """An always fed machine of one slot a job whose defects grow with wear, renewed at a level, never failing.

    Renewal-reward theorem (Barlow & Proschan 1965): the tool makes 1 / wear jobs on average at each level below
    `pm_level`, then is off for `pm` slots. It meets the level at the end of a worked slot and is renewed at once. A
    job that ends is defective by the wear from before it. Found defects are scrapped.

    Returns:
        `shipped`, `returned`, `scrapped`, `pms`, per slot.
    """
    jobs = pm_level / wear
    bad = sum(defect[:pm_level]) / wear
    cycle = jobs + pm
    found = bad * detect
    return {
        "shipped": (jobs - found) / cycle,
        "returned": (bad - found) / cycle,
        "scrapped": found / cycle,
        "pms": 1 / cycle,
    }


def one_unit_at_a_time(work: Sequence[int], defect: Sequence[float], detect: Sequence[float]) -> Counts:
    """One card circulates over stages that make defects, inspect and scrap: by hand.

    A renewal cycle is the life of one unit: it takes `work[i]` slots at each stage that it reaches. With probability
    `defect[i]` it is defective after stage i, if it was not before; that is found there with `detect[i]`. A unit that
    is scrapped or shipped lets the next one in at the end of that slot, so nothing else takes time.

    Returns:
        `shipped`, `returned`; `scrapped i`, per slot.
    """
    reaches, bad, cycle, rates = 1.0, 0.0, 0.0, {}
    for i, slots in enumerate(work):
        cycle += reaches * slots
        bad += (reaches - bad) * defect[i]
        rates[f"scrapped {i}"] = bad * detect[i]
        reaches, bad = reaches - bad * detect[i], bad * (1 - detect[i])
    rates |= {"shipped": reaches, "returned": bad}
    return {name: rate / cycle for name, rate in rates.items()}


def returning_customers(
    finish: float, defect: float, detect: float, base_stock: int, demand: float, limit: int
) -> Counts:
    """Base stock before one geometric machine; customers send defective units back and are owed another.

    A queue with feedback, Takacs (1963), Bell System Technical Journal 42, before a base stock. At most one order a
    slot; what cannot be shipped, or comes back, is owed, up to `limit`. Stock on hand is a mixture: of k of its n
    units shipped, as many are defective as is their share, rounded up or down by chance.

    Returns:
        `process`, `store`, `backlog`, units at the end of a slot; `shipped`, `returned`, `scrapped`, `lost`, per slot.
    """

    def slot(state: tuple[int, int, int], chance: Chance) -> tuple[tuple[int, int, int], Counts]:
        store, store_bad, backlog = state
        n = base_stock + backlog - store
        made = n > 0 and chance.flip(finish)
        bad = made and chance.flip(defect)
        found = bad and chance.flip(detect)
        store, store_bad = store + made - found, store_bad + bad - found
        due = backlog + chance.flip(demand)
        shipped = min(store, due)
        returned = rounded(store_bad * shipped / store, chance) if shipped else 0
        store, store_bad = store - shipped, store_bad - returned
        owed = due - shipped + returned
        backlog = min(owed, limit)
        counts = {"process": base_stock + backlog - store, "store": store, "backlog": backlog, "shipped": shipped}
        return (store, store_bad, backlog), counts | {"returned": returned, "scrapped": found, "lost": owed - backlog}

    return long_run(slot, (0, 0, 0))


def incoming_inspection(
    lead_time: int, defective: float, inspect: float, target: int, cards: int, demand: float
) -> Counts:
    """An item ordered up to `target` from a supplier of defects, inspected on arrival, feeds a one-slot machine.

    Of n units delivered n q are defective, rounded up or down by chance, of which the same share that inspection
    finds goes back; acceptance by a share of each lot, e.g. Hopp & Spearman, Factory Physics, ch. 12. Defects that
    stay mix with the stock, travel through the machine, and are returned by the customer, who is then lost, as is
    an order that finds the store empty. The machine takes all released units at once, `cards` at most in the stage.

    Returns:
        `item`, `store`, units at the end of a slot; `delivered`, `rejected`, `shipped`, `returned`, `lost`, per slot.
    """

    def slot(state: tuple[tuple[int, ...], int, int, int, int, int, int], chance: Chance) -> tuple[tuple, Counts]:
        on_order, stock, stock_bad, job, job_bad, store, store_bad = state
        on_order += (target - stock - sum(on_order),)
        due, on_order = on_order[0], on_order[1:]
        bad = rounded(due * defective, chance)
        rejected = rounded(bad * inspect, chance)
        stock, stock_bad = stock + due - rejected, stock_bad + bad - rejected
        store, store_bad = store + job, store_bad + job_bad
        wanted = chance.flip(demand)
        shipped = min(wanted, store)
        returned = shipped > 0 and chance.flip(store_bad / store)
        store, store_bad = store - shipped, store_bad - returned
        job = min(cards - store, stock)
        job_bad = rounded(stock_bad * job / stock, chance) if job else 0
        stock, stock_bad = stock - job, stock_bad - job_bad
        counts = {"item": stock, "store": store, "delivered": due, "rejected": rejected, "shipped": shipped}
        counts |= {"returned": returned, "lost": wanted - shipped + returned}
        return (on_order, stock, stock_bad, job, job_bad, store, store_bad), counts

    return long_run(slot, ((0,) * lead_time, target, 0, 0, 0, 0, 0))
