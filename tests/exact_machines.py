"""Machines that break down: repaired by few technicians, or covered by a stock; each as a small Markov chain."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from exact import Chance, Counts, long_run


def machine_repair(fail: Sequence[float], repair: Sequence[float], technicians: int) -> Counts:
    """Machines that fail with time and wait for a technician: the machine repair model.

    Palm's machine interference; Feller, An Introduction to Probability Theory, vol. 1, ch. XVII. In a slot every
    attended machine is repaired with probability `repair`, every running one fails with `fail`; then the free
    technicians, those of this slot's repairs included, begin with the last of the machines that wait.

    Returns:
        `down i`, `waiting i`, shares of slots; `crew`, technicians at work at the end of a slot; `failures i`.
    """

    def slot(modes: tuple[str, ...], chance: Chance) -> tuple[tuple[str, ...], Counts]:
        after, counts = list(modes), {}
        for i, mode in enumerate(modes):
            if mode == "up" and chance.flip(fail[i]):
                after[i], counts[f"failures {i}"] = "waiting", 1
            elif mode == "down" and chance.flip(repair[i]):
                after[i] = "up"
        for i in reversed(range(len(after))):
            if after[i] == "waiting" and after.count("down") < technicians:
                after[i] = "down"
        for i, mode in enumerate(after):
            counts |= {f"down {i}": mode == "down", f"waiting {i}": mode == "waiting"}
        return tuple(after), counts | {"crew": after.count("down")}

    return long_run(slot, ("up",) * len(fail))


def crew_for_repair_and_maintenance(
    hazard: Sequence[float], repair: int, pm: int, pm_level: int, machines: int, technicians: int
) -> Counts:
    """Equal machines that wear with time; one that is due for maintenance goes on while no technician is free.

    As `machine_repair`, with fixed durations. A running machine breaks down with the hazard of its wear, then wears by
    a level, up to the last. After the work of a slot, the last machine first, each that waits takes a free technician
    for its repair, each that runs at `pm_level` or above one for maintenance; both make it as good as new.

    Returns:
        `down i`, `waiting i`, `pm i`, shares of slots; `breakdowns i`, `pms i`, per slot.
    """
    top = len(hazard) - 1

    def slot(state: tuple[tuple[str, int], ...], chance: Chance) -> tuple[tuple, Counts]:
        after, counts = [], {}
        for i, (mode, count) in enumerate(state):  # a count of the wear, or of the slots left
            if mode == "up":
                broken = chance.flip(hazard[count])
                after.append(("waiting", 0) if broken else ("up", min(count + 1, top)))
                counts[f"breakdowns {i}"] = broken
            else:
                after.append(("up", 0) if count == 1 else (mode, max(count - 1, 0)))
        busy = sum(mode in ("down", "pm") for mode, _ in after)
        for i in reversed(range(machines)):
            mode, count = after[i]
            begins = {"waiting": ("down", repair), "up": ("pm", pm)}.get(mode)
            if begins and busy < technicians and (mode == "waiting" or count >= pm_level):
                after[i], busy = begins, busy + 1
                counts[f"pms {i}"] = mode == "up"
        for i, (mode, _) in enumerate(after):
            counts |= {f"down {i}": mode == "down", f"waiting {i}": mode == "waiting", f"pm {i}": mode == "pm"}
        return tuple(after), counts

    return long_run(slot, (("up", 0),) * machines)


def shortfall(fail: float, repair: float, demand: Sequence[float], limit: int = 300) -> list[float]:
    """Distribution of how far one unreliable machine is behind its hedging point, 0 to `limit`, at the end of a slot.

    Akella & Kumar (1986), IEEE Trans. Automatic Control 31; Bielecki & Kumar (1988), Operations Research 36(4), in
    slots: a machine that is up makes one unit if stock, less backlog, was below the hedging point; then it fails, busy
    or not, or is repaired, so that it is up for the next slot; then `demand[k]` is the probability of an order in
    slot k of a period. The hedging point does not enter.
    """

    def slot(state: tuple[int, bool, int], chance: Chance) -> tuple[tuple[int, bool, int], Counts]:
        behind, up, phase = state
        behind -= up and behind > 0
        up = not chance.flip(fail) if up else chance.flip(repair)
        behind = min(behind + chance.flip(demand[phase]), limit)
        return (behind, up, (phase + 1) % len(demand)), {str(behind): 1}

    counts = long_run(slot, (0, True, 0))
    return [counts.get(str(behind), 0.0) for behind in range(limit + 1)]


def hedged(law: Sequence[float], point: int) -> tuple[float, float]:
    """Mean stock and backlog of a machine that is behind its hedging point by a count of distribution `law`."""
    store = sum(p * max(point - behind, 0) for behind, p in enumerate(law))
    backlog = sum(p * max(behind - point, 0) for behind, p in enumerate(law))
    return store, backlog


def bielecki_kumar(fail: float, repair: float, demand: float, holding: float, backlog: float) -> float:
    """Their best hedging point in the fluid limit, where time is continuous and the machine makes 1 unit a slot.

    Behind the hedging point by more than y with probability C exp(-theta y), theta = repair / demand -
    fail / (1 - demand), C = (fail / (fail + repair)) / (1 - demand); the best point makes that holding / (holding +
    backlog).
    """
    theta = repair / demand - fail / (1 - demand)
    mass = fail / (fail + repair) / (1 - demand)
    return max(log(mass * (holding + backlog) / holding) / theta, 0.0)
