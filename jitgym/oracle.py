"""THE definition of a slot, in plain Python integers: one function for each phase, in the order of the dynamics page.

The compiled core (``_core/line.pyx``) holds the same functions under the same names in the same order,
and a property test holds the two together, bit for bit, on every field after every slot. Clear before fast.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jitgym.fields import DOWN, OFF, PM, RUN
from jitgym.tables import BIG, COUNTS, SATURATED, SMOOTHING_SHIFT, TRACE, Tables

LANES = 16
MASK = 0xFFFFFFFF
ROTATIONS = ((10, 26), (11, 21), (13, 27), (23, 5), (6, 20), (17, 11), (25, 10), (18, 20))

# A source is the second word of the generator's counter. The first sources hold pairs of words, two pairs a
# call: pair 0 is (demand, delivery of supplier 0), pair i + 1 is (progress, breakdown) of stage i.
SOURCE_SUPPLIERS = 0x100  # deliveries of suppliers 1, 2, ...: four a call
SOURCE_STAGE = 0x200  # + stage: (wear growth, reading error, -, -)


def threefry4x32(key: Sequence[int], counter: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the four words of Threefry4x32-20 (Salmon et al., SC 2011) for a key and a counter of four words."""
    keys = [*key, 0x1BD11BDA ^ key[0] ^ key[1] ^ key[2] ^ key[3]]
    x = [(c + k) & MASK for c, k in zip(counter, keys, strict=False)]
    for round_ in range(20):
        left, right = ROTATIONS[round_ % 8]
        a, b = (1, 3) if round_ % 2 == 0 else (3, 1)
        x[0] = (x[0] + x[a]) & MASK
        x[a] = ((x[a] << left | x[a] >> (32 - left)) & MASK) ^ x[0]
        x[2] = (x[2] + x[b]) & MASK
        x[b] = ((x[b] << right | x[b] >> (32 - right)) & MASK) ^ x[2]
        if round_ % 4 == 3:
            turn = round_ // 4 + 1
            x = [(x[i] + keys[(turn + i) % 5] + (turn if i == 3 else 0)) & MASK for i in range(4)]
    return x[0], x[1], x[2], x[3]


class Line:
    """One line: its state and ledger as named lists of integers, and the slot that moves them on.

    Args:
        tables: the line's tables.
        row: the state, one integer for each column of ``tables.state``.
    """

    def __init__(self, tables: Tables, row: Sequence[int]) -> None:
        self.t = tables.plain
        self.calls: dict[int, tuple[int, int, int, int]] = {}
        self.s: dict[str, list[int]] = {name: [int(x) for x in row[tables.state[name]]] for name in tables.state}
        self.count: dict[str, list[int]] = {
            name: [0] * (tables.ledger[name].stop - tables.ledger[name].start) for name in tables.ledger
        }

    def row(self) -> list[int]:
        """Return the state as one row of integers."""
        return [x for values in self.s.values() for x in values]

    def ledger(self) -> list[int]:
        """Return what the slots have been counted to, one integer for each column of ``tables.ledger``."""
        return [x for values in self.count.values() for x in values]

    def step(self, knobs: Sequence[int], slots: int) -> None:
        """Make some slots under one knob vector."""
        self.s["demand_step"][0] = 0
        for i in range(slots):
            self.slot(knobs, first=i == 0)

    def slot(self, knobs: Sequence[int], first: bool) -> None:
        """Make one slot; ``first`` is true in the first slot of a step."""
        self.calls = {}
        ordered = self.orders(knobs, first)
        self.deliveries(ordered)
        for i in range(self.t.n_stages):
            self.work(i)
        self.demand()
        self.pull(knobs)
        self.tally()
        self.s["slot"][0] += 1
        self.s["tick"][0] += 1

    # -- the luck of the slot: uniforms in [0, 2**31), the same whatever was done before --

    def word(self, source: int, place: int) -> int:
        """Return 31 random bits: one word of one source in this slot."""
        if source not in self.calls:
            key = (self.s["key_lo"][0] & MASK, self.s["key_hi"][0] & MASK, 0, 0)
            self.calls[source] = threefry4x32(key, (self.s["slot"][0], source, 0, 0))
        return self.calls[source][place] >> 1

    def u_demand(self) -> int:
        """Return the word that decides demand."""
        return self.word(0, 0)

    def u_delivery(self, j: int) -> int:
        """Return the word that decides the delivery of supplier j."""
        return self.word(0, 1) if j == 0 else self.word(SOURCE_SUPPLIERS + (j - 1) // 4, (j - 1) % 4)

    def u_progress(self, i: int) -> int:
        """Return the word that ends a job, a repair or a maintenance at stage i (one at most goes on)."""
        return self.word((i + 1) // 2, 2 * ((i + 1) % 2))

    def u_breakdown(self, i: int) -> int:
        """Return the word that decides a breakdown at stage i."""
        return self.word((i + 1) // 2, 2 * ((i + 1) % 2) + 1)

    def u_growth(self, i: int) -> int:
        """Return the word that decides whether wear grows at stage i."""
        return self.word(SOURCE_STAGE + i, 0)

    def u_noise(self, i: int) -> int:
        """Return the word of the reading error at stage i."""
        return self.word(SOURCE_STAGE + i, 1)

    # -- 0. orders --

    def orders(self, knobs: Sequence[int], first: bool) -> list[int]:
        """Order from every supplier what its knobs ask for; return the quantities."""
        t, s = self.t, self.s
        ordered = []
        for j in range(t.n_suppliers):
            item = t.supplier_item[j]
            position = s["stock"][item] + s["on_order"][j] + s["overdue"][j]
            quantity = 0
            if t.order[j] >= 0 and first:
                quantity = knobs[t.order[j]]
            if t.target[j] >= 0:
                quantity = max(quantity, knobs[t.target[j]] - position)
            if t.echelon[j] >= 0:
                downstream = sum(self.local(i) for i in range(t.item_stage[item], t.n_stages)) - s["backlog"][0]
                quantity = max(quantity, knobs[t.echelon[j]] - position - downstream)
            ordered.append(quantity)
            s["on_order"][j] += quantity
            self.count["ordered"][j] += quantity
            self.count["orders"][j] += quantity > 0
        return ordered

    def local(self, i: int) -> int:
        """Return the units in stage i: queue, machine and store."""
        return self.s["queue"][i] + self.s["job"][i] + self.s["store"][i]

    # -- 1. deliveries --

    def deliveries(self, ordered: list[int]) -> None:
        """Deliver what is due, or let it become overdue; late orders do not overtake each other."""
        t, s = self.t, self.s
        for j in range(t.n_suppliers):
            due = ordered[j]
            if t.lead[j] > 0:
                place = t.ring_start[j] - t.state.start("pipeline") + s["tick"][0] % t.lead[j]
                due, s["pipeline"][place] = s["pipeline"][place], ordered[j]
            late = s["overdue"][j]
            arrives = self.u_delivery(j) <= (t.catch_up[j] if late > 0 else t.on_time[j])
            delivered = due + late if arrives else 0
            s["on_order"][j] -= due
            s["overdue"][j] = due + late - delivered
            s["stock"][t.supplier_item[j]] += delivered
            self.count["promised"][j] += due
            self.count["delivered"][j] += delivered
            self.count["delivered_on_time"][j] += due if arrives else 0

    # -- 2. work --

    def work(self, i: int) -> None:
        """One slot of progress of one machine: repair, maintenance or job; then wear and breakdown."""
        t, s = self.t, self.s
        mode = s["mode"][i]
        working = mode == RUN and s["job"][i] > 0
        if working and self.progress("left", i, t.job_finish[i]):
            s["store"][i] += s["job"][i]
            self.count["finished"][i] += s["job"][i]
            s["job"][i] = s["left"][i] = 0
        elif mode == DOWN and self.progress("off_left", i, t.repair_finish[i]):
            self.maintained(i, t.repair_keep[i])
        elif mode == PM and self.progress("off_left", i, t.pm_finish[i]):
            self.maintained(i, t.pm_keep[i])
        if t.fails[i] and (working or (mode == RUN and t.timed[i])):
            self.expose(i)
        self.read(i)

    def progress(self, timer: str, i: int, finish: int) -> bool:
        """Take one slot off a duration; return whether it ends in this slot."""
        if self.s[timer][i] > 1:
            self.s[timer][i] -= 1
            return False
        return self.u_progress(i) <= finish

    def maintained(self, i: int, keep: int) -> None:
        """End a repair or a maintenance, which keeps ``keep`` / 256 of wear and age."""
        s = self.s
        s["mode"][i], s["off_left"][i] = RUN, 0
        s["wear"][i] = s["wear"][i] * keep // 256
        s["age"][i] = s["age"][i] * keep // 256

    def expose(self, i: int) -> None:
        """Wear a machine by one slot of exposure; it may break down at the wear from before this slot."""
        t, s = self.t, self.s
        wear = s["wear"][i]
        if wear < t.levels[i] - 1 and self.u_growth(i) <= t.wear_growth[i]:
            s["wear"][i] += 1
        s["age"][i] += 1
        if self.u_breakdown(i) <= t.hazard[t.hazard_start[i] + wear]:
            s["mode"][i], s["off_left"][i] = DOWN, t.repair_slots[i]
            self.count["breakdowns"][i] += 1

    def read(self, i: int) -> None:
        """Read the wear as the monitoring shows it: age where there is none, else wear, perhaps with an error."""
        t, s = self.t, self.s
        reading = s["wear"][i] if t.monitoring[i] else s["age"][i]
        if t.noise_size[i]:
            start = t.noise_start[i]
            error = sum(self.u_noise(i) > x for x in t.noise[start : start + t.noise_size[i]]) - t.noise_radius[i]
            reading = min(max(reading + error, 0), t.levels[i] - 1)
        s["reading"][i] = reading

    # -- 3. demand --

    def demand(self) -> None:
        """Ship what is owed and what is ordered now; a shortage is backlogged up to the limit, the rest lost."""
        t, s, count = self.t, self.s, self.count
        last = t.n_stages - 1
        on_hand, backlog = s["store"][last], s["backlog"][0]
        ordered = 0
        if t.demand_kind == SATURATED:
            ordered = on_hand
        elif t.demand_kind == TRACE:
            ordered = t.demand_trace[s["slot"][0] % len(t.demand_trace)]
        elif t.demand_kind == COUNTS:
            ordered = sum(self.u_demand() > x for x in t.demand_counts)
        shipped = min(on_hand, backlog + ordered)
        short = backlog + ordered - shipped
        s["store"][last] -= shipped
        s["backlog"][0] = min(short, t.backlog_limit)
        s["demand_step"][0] += ordered
        s["demand_smooth"][0] += (256 * ordered - s["demand_smooth"][0]) >> SMOOTHING_SHIFT
        count["demand"][0] += ordered
        count["shipped"][0] += shipped
        count["on_time"][0] += min(max(on_hand - backlog, 0), ordered)
        count["lost"][0] += short - s["backlog"][0]

    # -- 4. pull, from the last stage to the first --

    def pull(self, knobs: Sequence[int]) -> None:
        """Release, load and start maintenance, downstream first: a withdrawal frees a card upstream at once."""
        below = [0] * (self.t.n_stages + 1)
        for i in reversed(range(self.t.n_stages)):
            material = self.release(i, knobs, below)
            below[i] = below[i + 1] + self.local(i)
            self.load(i, knobs, material)

    def release(self, i: int, knobs: Sequence[int], below: list[int]) -> int:
        """Move units into the queue as far as cards and material allow; return the material that stays behind."""
        t, s = self.t, self.s
        here = self.local(i)
        allowed = OFF
        if t.kanban[i] >= 0:
            allowed = min(allowed, knobs[t.kanban[i]] - here)
        if t.loop[i] >= 0:
            allowed = min(allowed, knobs[t.loop[i]] - (here + below[i + 1] - below[t.loop_end[i] + 1]))
        if t.basestock[i] >= 0:
            allowed = min(allowed, knobs[t.basestock[i]] - (here + below[i + 1] - s["backlog"][0]))
        items = [int(k) for k in t.item_order[t.item_start[i] : t.item_start[i + 1]]]
        material = min([s["store"][i - 1] if i > 0 else BIG, *(s["stock"][k] for k in items)])
        if material == BIG and allowed > OFF // 2:
            allowed = t.batch[i] - s["queue"][i]  # a saturated source keeps its queue at one job
        units = max(0, min(allowed, material))
        s["queue"][i] += units
        if i > 0:
            s["store"][i - 1] -= units
        for k in items:
            s["stock"][k] -= units
        self.count["released"][i] += units
        return material - units

    def load(self, i: int, knobs: Sequence[int], material: int) -> None:
        """Start maintenance if asked, else a job if there is one and room for it; count the slot by what comes."""
        t, s, count = self.t, self.s, self.count
        if s["mode"][i] == RUN and s["job"][i] == 0:
            units = min(t.batch[i], s["queue"][i])
            behind = s["store"][i]
            if i + 1 < t.n_stages:
                behind += s["queue"][i + 1] + s["job"][i + 1]
            if t.pm_level[i] >= 0 and s["reading"][i] >= knobs[t.pm_level[i]]:
                s["mode"][i], s["off_left"][i] = PM, t.pm_slots[i]
                count["pms"][i] += 1
            elif units > 0 and behind + units <= t.room[i]:
                s["queue"][i] -= units
                s["job"][i], s["left"][i] = units, t.job_slots[i]
            else:
                count["blocked" if units > 0 or material > 0 else "starved"][i] += 1

    # -- 5. ledger --

    def tally(self) -> None:
        """Count the stocks and states that the slot ends with, and the slots that machines have been off."""
        s, count = self.s, self.count
        count["slots"][0] += 1
        count["backlog_slots"][0] += s["backlog"][0]
        for i in range(self.t.n_stages):
            count["process_slots"][i] += s["queue"][i] + s["job"][i]
            count["store_slots"][i] += s["store"][i]
            s["off_slots"][i] = 0 if s["mode"][i] == RUN else s["off_slots"][i] + 1
            count["busy"][i] += s["mode"][i] == RUN and s["job"][i] > 0
            count["down"][i] += s["mode"][i] == DOWN
            count["pm"][i] += s["mode"][i] == PM
        for k in range(self.t.n_items):
            count["item_slots"][k] += s["stock"][k]


def advance(
    tables: Tables,
    state: npt.NDArray[np.int32],
    knobs: npt.NDArray[np.int32],
    slots: int,
    ledger: npt.NDArray[np.int64],
    n_lines: int,
) -> None:
    """Step the lines of a batch, in place.

    Args:
        tables: the line's tables.
        state: ``(blocks, fields, 16)``; line ``n`` is lane ``n % 16`` of block ``n // 16``.
        knobs: ``(knobs, lines)``, one column a line.
        slots: number of slots to make.
        ledger: ``(entries, lines)``; what the slots count is written to it.
        n_lines: lines in use.
    """
    for n in range(n_lines):
        block, lane = divmod(n, LANES)
        line = Line(tables, state[block, :, lane].tolist())
        line.step(knobs[:, n].tolist(), slots)
        state[block, :, lane] = line.row()
        ledger[:, n] = line.ledger()
