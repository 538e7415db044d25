"""THE definition of a slot, in plain Python integers: one function for each phase, in the order of the dynamics page.

The compiled core (``_core/line.pyx``) holds the same functions under the same names in the same order,
and a property test holds the two together, bit for bit, on every field after every slot. Clear before fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jitgym.fields import DOWN, IN_SETUP, LEDGER, NO_SETUP, OFF, PM, RUN, SET_UP, STATE, STOP, WAITING
from jitgym.laws import CERTAIN
from jitgym.tables import BIG, SATURATED, SMOOTHING_SHIFT, TRACE, Tables

LANES = 16
MASK = 0xFFFFFFFF
ROTATIONS = ((10, 26), (11, 21), (13, 27), (23, 5), (6, 20), (17, 11), (25, 10), (18, 20))

# A source is the second word of the generator's counter. The first sources hold pairs of words, two pairs a
# call: pair 0 is (demand of product 0, delivery of supplier 0), pair i + 1 is (progress, breakdown) of stage i.
SOURCE_SUPPLIERS = 0x100  # deliveries of suppliers 1, 2, ...: four a call
SOURCE_STAGE = 0x200  # + stage: (wear growth, reading error, going out of control, defect of a job)
SOURCE_JOB = 0x300  # + stage: (detection, duration of a job or setup, of what stops the machine, defects loaded)
SOURCE_SUPPLIER = 0x400  # + supplier: (outage, defects delivered, defects found, -)
SOURCE_PRODUCTS = 0x500  # demand of products 1, 2, ...: four a call
SOURCE_LINE = 0x600  # (regime, -, -, -)
SOURCE_STORE = 0x10000  # + product at a stage: (defects withdrawn, units spoiled, defects spoiled, defects that meet)
SOURCE_ITEM = 0x20000  # + item and product: (defects withdrawn, defects that meet, -, -)
SOURCE_RESET = 0xFFFFFFFE  # with the number of the call as slot: what is drawn at reset


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


def times(threshold: int, factor: int) -> int:
    """Return the threshold of a probability multiplied by a factor in 1/4096; 1 at most."""
    return min(((threshold + 1) * factor >> 12) - 1, CERTAIN)


class Line:
    """One line: its state and ledger as named lists of integers, and the slot that moves them on.

    What is counted by product is listed by product, what is counted by stage and product by ``stage * n + product``.

    Args:
        tables: the line's tables.
        row: the state, one integer for each column of ``tables.state``.
    """

    def __init__(self, tables: Tables, row: Sequence[int]) -> None:
        self.t = tables.plain
        self.calls: dict[int, tuple[int, int, int, int]] = {}
        self.s: dict[str, list[int]] = {field.name: [int(x) for x in row[tables.state[field.name]]] for field in STATE}
        self.count: dict[str, list[int]] = {}
        for fields, values, layout in ((STATE, self.s, tables.state), (LEDGER, self.count, tables.ledger)):
            for field in fields:  # what the line has no use for is zero, and stays so
                if field.name not in values or field.name not in layout:
                    values[field.name] = [0] * math.prod(layout.shape(field.name))
        parameters = list(self.t.parameters)
        for place, value in zip(self.t.varied_row, self.s["varied"], strict=False):
            parameters[place] = value
        self.all_parameters = parameters
        self.p = {name: parameters[tables.parameter[name]] for name in tables.parameter}

    def row(self) -> list[int]:
        """Return the state as one row of integers."""
        return [x for name in self.t.state for x in self.s[name]]

    def ledger(self) -> list[int]:
        """Return what the slots have been counted to, one integer for each column of ``tables.ledger``."""
        return [x for name in self.t.ledger for x in self.count[name]]

    def step(self, knobs: Sequence[int], slots: int) -> None:
        """Make some slots under one knob vector."""
        self.s["demand_step"] = [0] * self.t.n_products
        for i in range(slots):
            self.slot(knobs, i)

    def slot(self, knobs: Sequence[int], since: int) -> None:
        """Make one slot, ``since`` slots after the step began."""
        self.calls = {}
        ordered = self.orders(knobs, since)
        self.deliveries(knobs, ordered)
        for i in range(self.t.n_stages):
            self.work(i)
        self.demand()
        self.pull(knobs, since)
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

    def u_demand(self, p: int) -> int:
        """Return the word that decides the demand of product p."""
        return self.word(0, 0) if p == 0 else self.word(SOURCE_PRODUCTS + (p - 1) // 4, (p - 1) % 4)

    def u_delivery(self, j: int) -> int:
        """Return the word that decides the delivery of supplier j."""
        return self.word(0, 1) if j == 0 else self.word(SOURCE_SUPPLIERS + (j - 1) // 4, (j - 1) % 4)

    def u_progress(self, i: int) -> int:
        """Return the word that ends what goes on at stage i: a job, a setup, a repair, maintenance or a stop."""
        return self.word((i + 1) // 2, 2 * ((i + 1) % 2))

    def u_breakdown(self, i: int) -> int:
        """Return the word that decides a breakdown at stage i."""
        return self.word((i + 1) // 2, 2 * ((i + 1) % 2) + 1)

    def share(self, part: int, taken: int, whole: int, source: int, place: int) -> int:
        """Return how many of ``part`` special units are among ``taken`` of ``whole``, rounded up or down by chance."""
        return (part * taken + (self.word(source, place) * whole >> 31)) // whole if part > 0 else 0

    def portion(self, units: int, threshold: int, source: int, place: int) -> int:
        """Return a share of some units, given as a probability's threshold, rounded up or down by chance."""
        return (units * (threshold + 1) + self.word(source, place)) >> 31 if units > 0 else 0

    def begin(self, name: str, place: int, source: int, word: int) -> int:
        """Return the counter of a duration that begins: its fixed part, or a draw from its table."""
        row = self.t.parameter.start(name) + place
        start, size = self.t.law_start[row], self.t.law_size[row]
        if size == 0:
            return int(self.all_parameters[row])
        above: int = sum(self.word(source, word) > x for x in self.t.law[start : start + size])
        return 1 + above

    # -- units --

    def at(self, i: int) -> range:
        """Return where the products of stage i are listed."""
        return range(i * self.t.n_products, (i + 1) * self.t.n_products)

    def units(self, field: str, i: int) -> int:
        """Return the units in the queue, machine or store of stage i, all products."""
        return sum(self.s[field][x] for x in self.at(i))

    def local(self, x: int) -> int:
        """Return the units of one product in one stage: queue, machine and store."""
        return self.s["queue"][x] + self.s["job"][x] + self.s["store"][x]

    def path(self, i: int) -> list[int]:
        """Return the stages from i to the last, along which its units travel."""
        return [] if i == self.t.n_stages else [i, *self.path(self.t.follower[i])]

    def owed(self, p: int) -> int:
        """Return the customer orders of a product not yet shipped, those known ahead included."""
        return self.s["backlog"][p] + self.s["known"][p]

    # -- 0. orders --

    def orders(self, knobs: Sequence[int], since: int) -> list[int]:
        """Order from every supplier what its knobs ask for; return the quantities."""
        t, s = self.t, self.s
        ordered = []
        for j in range(t.n_suppliers):
            quantity = 0
            if s["slot"][0] % t.review[j] == 0:
                item = t.supplier_item[j]
                position = s["stock"][item] + sum(
                    s["on_order"][other] + s["overdue"][other] for other in self.suppliers(item)
                )
                if t.order[j] >= 0 and since < t.review[j]:
                    quantity = knobs[t.order[j]]
                if t.target[j] >= 0:
                    quantity = max(quantity, knobs[t.target[j]] - position)
                if t.echelon[j] >= 0:
                    quantity = max(quantity, knobs[t.echelon[j]] - position - self.downstream(item))
                quantity = min(-(-quantity // t.multiple[j]) * t.multiple[j], t.capacity[j])
            ordered.append(quantity)
            s["on_order"][j] += quantity
            self.count["ordered"][j] += quantity
            self.count["orders"][j] += quantity > 0
        return ordered

    def suppliers(self, item: int) -> list[int]:
        """Return the suppliers of an item."""
        order: list[int] = self.t.supplier_order[self.t.supplier_start[item] : self.t.supplier_start[item + 1]]
        return order

    def downstream(self, item: int) -> int:
        """Return the units made from an item on their path to the customer, less the orders for them."""
        t = self.t
        return sum(
            sum(self.local(i * t.n_products + p) for i in self.path(t.item_stage[item])) - self.owed(p)
            for p in range(t.n_products)
            if t.item_serves[item * t.n_products + p]
        )

    # -- 1. deliveries --

    def deliveries(self, knobs: Sequence[int], ordered: list[int]) -> None:
        """Deliver what is due, or let it become overdue; late orders do not overtake each other."""
        t, s, count = self.t, self.s, self.count
        for j in range(t.n_suppliers):
            if t.has_outages[j]:
                switch = self.p["recover"][j] if s["out"][j] else self.p["fail"][j]
                s["out"][j] ^= self.word(SOURCE_SUPPLIER + j, 0) <= switch
            due = ordered[j]
            if t.lead[j] > 0:
                place = t.ring_start[j] - t.state.start("pipeline") + s["tick"][0] % t.lead[j]
                due, s["pipeline"][place] = s["pipeline"][place], ordered[j]
            late = s["overdue"][j]
            in_time = self.u_delivery(j) <= self.p["catch_up" if late > 0 else "on_time"][j]
            arrives = in_time and not s["out"][j]
            delivered = due + late if arrives else 0
            s["on_order"][j] -= due
            s["overdue"][j] = due + late - delivered
            expedited = s["overdue"][j] if t.expedite[j] >= 0 and knobs[t.expedite[j]] else 0
            s["overdue"][j] -= expedited
            self.receive(j, delivered + expedited)
            count["promised"][j] += due
            count["delivered"][j] += delivered + expedited
            count["delivered_on_time"][j] += due if arrives else 0
            count["expedited"][j] += expedited

    def receive(self, j: int, units: int) -> None:
        """Put a delivery into the item's store, but for the defective units that inspection finds."""
        item = self.t.supplier_item[j]
        bad = self.portion(units, self.p["defective"][j], SOURCE_SUPPLIER + j, 1)
        rejected = self.portion(bad, self.p["inspect"][j], SOURCE_SUPPLIER + j, 2)
        self.s["stock"][item] += units - rejected
        self.s["stock_bad"][item] += bad - rejected
        self.count["rejected"][j] += rejected

    # -- 2. work --

    def work(self, i: int) -> None:
        """One slot of progress of one machine: what goes on in it; then wear and breakdown."""
        t, s, p = self.t, self.s, self.p
        mode, made = s["mode"][i], next((x for x in self.at(i) if s["job"][x] > 0), -1)
        working = mode == RUN and made >= 0
        if working:
            if self.progress("left", i, p["job_finish"][made]):
                self.finish(i, made)
        elif mode == RUN and s["setting"][i] == IN_SETUP:
            if self.progress("left", i, p["setup_finish"][i]):
                s["left"][i], s["setting"][i] = 0, SET_UP
        elif mode == DOWN and self.progress("off_left", i, p["repair_finish"][i]):
            self.maintained(i, t.repair_keep[i])
        elif mode == PM and self.progress("off_left", i, p["pm_finish"][i]):
            self.maintained(i, t.pm_keep[i])
        elif mode == STOP and self.progress("off_left", i, p["stop_finish"][i]):
            s["mode"][i], s["off_left"][i], s["shifted"][i] = RUN, 0, 0
        if t.fails[i] and (working or (mode == RUN and t.timed[i])):
            self.expose(i)
        self.read(i)

    def progress(self, timer: str, i: int, finish: int) -> bool:
        """Take one slot off a duration; return whether it ends in this slot."""
        if self.s[timer][i] > 1:
            self.s[timer][i] -= 1
            return False
        return self.u_progress(i) <= finish

    def finish(self, i: int, x: int) -> None:
        """Put a finished job into the store, but for the defects that self-inspection finds."""
        t, s, count = self.t, self.s, self.count
        if t.inspects[i] and self.makes_defect(i):
            s["job_bad"][x] = s["job"][x]
        found = t.inspects[i] and s["job_bad"][x] > 0 and self.word(SOURCE_JOB + i, 0) <= self.p["detect"][i]
        if found and t.jidoka[i]:
            s["mode"][i], s["off_left"][i] = STOP, self.begin("stop_slots", i, SOURCE_JOB + i, 2)
            count["stops"][i] += 1
        if found and t.rework[i]:
            s["job_bad"][x], s["left"][i] = 0, self.begin("job_slots", x, SOURCE_JOB + i, 1)
            count["reworked"][x] += s["job"][x]
            return
        scrapped = s["job_bad"][x] if found else 0
        s["store"][x] += s["job"][x] - scrapped
        s["store_bad"][x] += s["job_bad"][x] - scrapped
        count["finished"][x] += s["job"][x] - scrapped
        count["scrapped"][x] += scrapped
        s["job"][x] = s["job_bad"][x] = s["left"][i] = 0

    def makes_defect(self, i: int) -> bool:
        """Return whether a job that ends now is defective."""
        level = self.t.levels[i] if self.s["shifted"][i] else self.s["wear"][i]
        defect = self.t.defect[self.t.defect_start[i] + level]
        return self.word(SOURCE_STAGE + i, 3) <= times(defect, self.p["defect"][i])

    def maintained(self, i: int, keep: int) -> None:
        """End a repair or a maintenance: ``keep`` / 256 of wear and age stays, and the machine is in control."""
        s = self.s
        s["mode"][i], s["off_left"][i], s["shifted"][i] = RUN, 0, 0
        s["wear"][i] = s["wear"][i] * keep // 256
        s["age"][i] = s["age"][i] * keep // 256

    def expose(self, i: int) -> None:
        """Wear a machine by one slot of exposure; it may break down at the wear from before this slot."""
        t, s = self.t, self.s
        wear = s["wear"][i]
        if wear < t.levels[i] - 1 and self.word(SOURCE_STAGE + i, 0) <= self.p["wear"][i]:
            s["wear"][i] += 1
        s["age"][i] += 1
        if t.shifts[i] and self.word(SOURCE_STAGE + i, 2) <= self.p["shift"][i]:
            s["shifted"][i] = 1
        if self.u_breakdown(i) <= times(t.hazard[t.hazard_start[i] + wear], self.p["hazard"][i]):
            s["mode"][i] = DOWN if t.technicians == BIG else WAITING
            s["off_left"][i] = self.begin("repair_slots", i, SOURCE_JOB + i, 2)
            self.count["breakdowns"][i] += 1

    def read(self, i: int) -> None:
        """Read the wear as the monitoring shows it: age where there is none, else wear, perhaps with an error."""
        t, s = self.t, self.s
        reading = s["wear"][i] if t.monitoring[i] else s["age"][i]
        if t.noise_size[i]:
            start, u = t.noise_start[i], self.word(SOURCE_STAGE + i, 1)
            error = sum(u > x for x in t.noise[start : start + t.noise_size[i]]) - t.noise_radius[i]
            reading = min(max(reading + error, 0), t.levels[i] - 1)
        s["reading"][i] = reading

    # -- 3. demand --

    def demand(self) -> None:
        """Let customers order, ship what is due, take back what is defective; let stores spoil."""
        t, s = self.t, self.s
        if t.n_regimes > 1:
            row = t.regime_switch[s["regime"][0] * (t.n_regimes - 1) :][: t.n_regimes - 1]
            s["regime"][0] = sum(self.word(SOURCE_LINE, 0) > x for x in row)
        for p in range(t.n_products):
            ordered = self.ordered(p)
            s["demand_step"][p] += ordered
            s["demand_smooth"][p] += (256 * ordered - s["demand_smooth"][p]) >> SMOOTHING_SHIFT
            self.count["demand"][p] += ordered
            self.ship(p, self.due(p, ordered))
        for x in range(t.n_stages * t.n_products):
            if t.spoils[x // t.n_products]:
                self.spoil(x)

    def ordered(self, p: int) -> int:
        """Return the demand of a product in this slot."""
        t, s = self.t, self.s
        start, size = t.demand_start[p], t.demand_size[p]
        if t.demand_kind[p] == SATURATED:
            on_hand: int = s["store"][(t.n_stages - 1) * t.n_products + p]
            return on_hand
        if t.demand_kind[p] == TRACE:
            return int(t.demand_law[start + (s["slot"][0] + s["phase"][0]) % size])
        part = s["calendar"][0] // t.season_slots
        start += ((self.p["demand"][p] * t.n_regimes + s["regime"][0]) * t.n_seasons + part) * size
        return sum(self.u_demand(p) > x for x in t.demand_law[start : start + size])

    def due(self, p: int, ordered: int) -> int:
        """Note orders for the slot that they are due in; return those that are due now."""
        t, s = self.t, self.s
        if t.notice[p] == 0:
            return ordered
        place = t.advance_start[p] - t.state.start("advance") + s["tick"][0] % t.notice[p]
        due: int = s["advance"][place]
        s["advance"][place] = ordered
        s["known"][p] += ordered - due
        return due

    def ship(self, p: int, due: int) -> None:
        """Ship what is owed and what is due; a shortage is backlogged up to the limit, the rest lost."""
        t, s, count = self.t, self.s, self.count
        x = (t.n_stages - 1) * t.n_products + p
        on_hand, backlog = s["store"][x], s["backlog"][p]
        shipped = min(on_hand, backlog + due)
        returned = self.withdraw(x, shipped)
        owed = 0 if t.demand_kind[p] == SATURATED else backlog + due - shipped + returned
        s["backlog"][p] = min(owed, t.backlog_limit)
        count["shipped"][p] += shipped
        count["on_time"][p] += min(max(on_hand - backlog, 0), due)
        count["returned"][p] += returned
        count["lost"][p] += owed - s["backlog"][p]

    def withdraw(self, x: int, units: int) -> int:
        """Take units out of a store; return how many of them are defective."""
        s = self.s
        bad = self.share(s["store_bad"][x], units, s["store"][x], SOURCE_STORE + x, 0)
        s["store"][x] -= units
        s["store_bad"][x] -= bad
        return bad

    def spoil(self, x: int) -> None:
        """Let a share of a store spoil."""
        s = self.s
        units = self.portion(s["store"][x], self.p["spoil"][x // self.t.n_products], SOURCE_STORE + x, 1)
        s["store_bad"][x] -= self.share(s["store_bad"][x], units, s["store"][x], SOURCE_STORE + x, 2)
        s["store"][x] -= units
        self.count["spoiled"][x] += units

    # -- 4. pull, from the last stage to the first --

    def pull(self, knobs: Sequence[int], since: int) -> None:
        """Release, attend and load, downstream first: a withdrawal frees a card upstream at once."""
        t, s = self.t, self.s
        below = [0] * ((t.n_stages + 1) * t.n_products)
        s["crew"][0] = sum(mode in (DOWN, PM) for mode in s["mode"]) if t.technicians < BIG else 0
        for i in reversed(range(t.n_stages)):
            has_material = self.release(i, knobs, since, below)
            for p in range(t.n_products):
                x = i * t.n_products + p
                below[x] = below[t.follower[i] * t.n_products + p] + self.local(x)
            self.attend(i)
            self.load(i, knobs, has_material)

    def release(self, i: int, knobs: Sequence[int], since: int, below: list[int]) -> bool:
        """Move units into the queue as far as cards and material allow; return whether material stays behind."""
        t = self.t
        cards = [self.open_cards(i, p, knobs, since, below) for p in range(t.n_products)]
        for p in sorted(range(t.n_products), key=lambda p: (-cards[p], p)):
            self.release_product(i, p, cards[p])
        return any(self.material(i, p) > 0 for p in range(t.n_products))

    def open_cards(self, i: int, p: int, knobs: Sequence[int], since: int, below: list[int]) -> int:
        """Return how many units of a product its knobs let into a stage; OFF if none limits them."""
        t, n = self.t, self.t.n_products
        x = i * n + p
        here, beyond = self.local(x), below[t.follower[i] * n + p]
        cards = OFF
        if t.kanban[x] >= 0:
            cards = min(cards, knobs[t.kanban[x]] - here)
        for loop in range(t.loop_start[x], t.loop_start[x + 1]):
            after = below[t.follower[t.loop_end[loop]] * n + p]
            cards = min(cards, knobs[t.loop[loop]] - (here + beyond - after))
        if t.basestock[x] >= 0:
            cards = min(cards, knobs[t.basestock[x]] - (here + beyond - self.owed(p)))
        if t.release[x] >= 0:
            if since == 0:
                self.s["credits"][x] = min(self.s["credits"][x] + knobs[t.release[x]], t.credit_top[x])
            cards = min(cards, self.s["credits"][x])
        if t.lot[x] >= 0 and cards < knobs[t.lot[x]]:
            cards = 0
        if cards > OFF // 2:  # no limit, or only such as are off; a saturated source keeps its queue at one job
            cards = t.batch[i] - self.s["queue"][x] if t.source[x] else OFF
        return max(cards, 0)

    def items(self, i: int, p: int) -> list[int]:
        """Return the items that a stage needs for a product."""
        t = self.t
        return [k for k in t.item_order[t.item_start[i] : t.item_start[i + 1]] if t.item_serves[k * t.n_products + p]]

    def inputs(self, i: int, p: int) -> list[int]:
        """Return where the units that a stage needs for a product are listed: in the stages that feed it."""
        t = self.t
        return [j * t.n_products + p for j in t.input_order[t.input_start[i] : t.input_start[i + 1]]]

    def material(self, i: int, p: int) -> int:
        """Return the units of a product that the material allows; BIG where it is unlimited."""
        stores = [self.s["store"][x] for x in self.inputs(i, p)]
        return min([BIG, *stores, *(self.s["stock"][k] for k in self.items(i, p))])

    def release_product(self, i: int, p: int, cards: int) -> None:
        """Release one product; a unit with a defective part is defective."""
        s, n = self.s, self.t.n_products
        x = i * n + p
        units = min(cards, self.material(i, p))
        bad = 0
        for y in self.inputs(i, p):
            bad = self.unite(bad, self.withdraw(y, units), units, SOURCE_STORE + y, 3)
        for k in self.items(i, p):
            moved = self.share(s["stock_bad"][k], units, s["stock"][k], SOURCE_ITEM + k * n + p, 0)
            s["stock"][k] -= units
            s["stock_bad"][k] -= moved
            bad = self.unite(bad, moved, units, SOURCE_ITEM + k * n + p, 1)
        s["queue"][x] += units
        s["queue_bad"][x] += bad
        if self.t.release[x] >= 0:
            s["credits"][x] -= units
        self.count["released"][x] += units

    def unite(self, bad: int, moved: int, units: int, source: int, place: int) -> int:
        """Return the units with a defect when defective parts of one more kind, ``moved`` of ``units``, come to them.

        Of these parts a share meets a unit that is defective already.
        """
        return bad + (self.share(moved, units - bad, units, source, place) if bad > 0 else moved)

    def attend(self, i: int) -> None:
        """Let a technician who is free begin a repair."""
        if self.s["mode"][i] == WAITING and self.technician():
            self.s["mode"][i] = DOWN

    def technician(self) -> bool:
        """Take a technician if one is free; where they are not counted, there always is one."""
        if self.s["crew"][0] >= self.t.technicians:
            return False
        self.s["crew"][0] += self.t.technicians < BIG
        return True

    def load(self, i: int, knobs: Sequence[int], has_material: bool) -> None:
        """Start maintenance if asked, else a setup or a job if there is one; count the slot by what comes."""
        t, s, count = self.t, self.s, self.count
        if s["mode"][i] != RUN or self.units("job", i) > 0 or s["setting"][i] == IN_SETUP:
            return
        asked = t.pm_level[i] >= 0 and s["reading"][i] >= knobs[t.pm_level[i]]
        x = self.choose(i)
        p = x - self.at(i).start
        change = p != s["product"][i]
        units = min(t.batch[i], s["queue"][x])
        if asked and self.technician():
            s["mode"][i], s["off_left"][i] = PM, self.begin("pm_slots", i, SOURCE_JOB + i, 2)
            count["pms"][i] += 1
        elif units > 0 and change and t.has_setup[i]:
            s["left"][i] = self.begin("setup_slots", i, SOURCE_JOB + i, 1)
            s["setting"][i], s["product"][i] = IN_SETUP, p
            count["setups"][i] += 1
        elif units > 0 and self.ahead(i) + units <= t.room[i]:
            bad = self.share(s["queue_bad"][x], units, s["queue"][x], SOURCE_JOB + i, 3)
            s["queue"][x] -= units
            s["queue_bad"][x] -= bad
            s["job"][x], s["job_bad"][x] = units, bad
            s["left"][i] = self.begin("job_slots", x, SOURCE_JOB + i, 1)
            s["setting"][i], s["product"][i] = NO_SETUP, p
            count["setups"][i] += change
        else:
            count["blocked" if units > 0 or has_material else "starved"][i] += 1

    def choose(self, i: int) -> int:
        """Return where the product is listed that a machine is to make: one that has units, if any has."""
        s, present = self.s, self.at(i).start + self.s["product"][i]
        if s["setting"][i] == SET_UP or (self.t.exhaustive[i] and s["queue"][present] > 0):
            return present
        return max(self.at(i), key=lambda x: (s["queue"][x], -x))

    def ahead(self, i: int) -> int:
        """Return the units that are finished at a stage and not yet by the next machine."""
        j = self.t.follower[i]
        between = 0 if j == self.t.n_stages else self.units("queue", j) + self.units("job", j)
        return self.units("store", i) + between

    # -- 5. ledger --

    def tally(self) -> None:
        """Count the stocks and states that the slot ends with, and the slots that machines have been off."""
        t, s, count = self.t, self.s, self.count
        count["slots"][0] += 1
        s["calendar"][0] = (s["calendar"][0] + 1) % (t.n_seasons * t.season_slots)
        for p in range(t.n_products):
            count["backlog_slots"][p] += s["backlog"][p]
        for x in range(t.n_stages * t.n_products):
            count["process_slots"][x] += s["queue"][x] + s["job"][x]
            count["store_slots"][x] += s["store"][x]
        for i in range(t.n_stages):
            mode = s["mode"][i]
            s["off_slots"][i] = 0 if mode == RUN else s["off_slots"][i] + 1
            count["busy"][i] += mode == RUN and self.units("job", i) > 0
            count["setup"][i] += mode == RUN and s["setting"][i] == IN_SETUP
            for code, name in ((DOWN, "down"), (PM, "pm"), (STOP, "stopped"), (WAITING, "waiting")):
                count[name][i] += mode == code
        for k in range(t.n_items):
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
