"""The compiled core: ``oracle.py`` again, same names, same order, on blocks of 16 lines at once.

Read ``oracle.py`` first: it is the definition. Here every statement acts on a lane loop, so conditions
become factors (``x -= condition``) or selections, and a feature that the line does not use is skipped
by a branch outside the lane loop.
"""

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from jitgym._core.block cimport close_ledger, load_block, open_ledger, save_block
from jitgym._core.line cimport CHUNK, LANES, PLACES, WORDS, Block, Params
from jitgym._core.threefry cimport inlined, threefry

from jitgym import fields as _fields
from jitgym import tables as _tables

cdef extern from *:
    """
    #if defined(JITGYM_DEBUG) || !defined(__x86_64__) || !defined(__GNUC__) || defined(__clang__) || !defined(__GLIBC__) \
        || defined(__AVX2__)
    #define JITGYM_CLONES
    #else
    #define JITGYM_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
    #endif
    #ifdef _OPENMP
    #include <omp.h>
    #define JITGYM_OPENMP 1
    #else
    #define JITGYM_OPENMP 0
    #endif
    """
    # a function of this type is compiled once for each level of x86-64; the loader picks one
    ctypedef void cloned "JITGYM_CLONES void"
    const int JITGYM_OPENMP

cdef enum:
    RUN = 0
    DOWN = 1
    PM = 2
    OFF = 0x40000000
    BIG = 0x40000000
    CERTAIN = 0x7FFFFFFF
    COUNTS = 0
    TRACE = 1
    SATURATED = 2
    SMOOTHING_SHIFT = 5
    SOURCE_SUPPLIERS = 0x100
    SOURCE_STAGE = 0x200

assert (RUN, DOWN, PM, OFF) == (_fields.RUN, _fields.DOWN, _fields.PM, _fields.OFF)
assert (BIG, COUNTS, TRACE, SATURATED) == (_tables.BIG, _tables.COUNTS, _tables.TRACE, _tables.SATURATED)
assert SMOOTHING_SHIFT == _tables.SMOOTHING_SHIFT

HAS_OPENMP = bool(JITGYM_OPENMP)
"""Whether the core was built with threads."""


# -- the luck of the slot --

cdef inline inlined draw(const Params* p, Block* b) noexcept nogil:
    """Draw the words that stages and demand use; the rounds stand inside the lane loop, which then vectorises."""
    cdef int i, c, lane
    cdef uint32_t[4] x
    for i in range(p.n_calls):
        c = p.calls[i]
        for lane in range(LANES):
            x[0] = b.slot[lane]
            x[1] = <uint32_t>c
            x[2] = 0
            x[3] = 0
            threefry(x, b.key_lo[lane], b.key_hi[lane], 0, 0)
            b.words[4 * c][lane] = <int32_t>(x[0] >> 1)
            b.words[4 * c + 1][lane] = <int32_t>(x[1] >> 1)
            b.words[4 * c + 2][lane] = <int32_t>(x[2] >> 1)
            b.words[4 * c + 3][lane] = <int32_t>(x[3] >> 1)


cdef inline inlined draw_suppliers(const Params* p, Block* b) noexcept nogil:
    """Draw the delivery words of the suppliers after the first, four a call."""
    cdef int j, part, lane
    cdef uint32_t[4] x
    for j in range(1, p.n_suppliers, 4):
        for lane in range(LANES):
            x[0] = b.slot[lane]
            x[1] = <uint32_t>(SOURCE_SUPPLIERS + (j - 1) // 4)
            x[2] = 0
            x[3] = 0
            threefry(x, b.key_lo[lane], b.key_hi[lane], 0, 0)
            for part in range(4):
                if j + part < p.n_suppliers:
                    b.delivery_words[j + part][lane] = <int32_t>(x[part] >> 1)


cdef inline inlined draw_stage(const Params* p, Block* b, int i) noexcept nogil:
    """Draw the rare words of one stage: wear growth and reading error."""
    cdef int lane
    cdef uint32_t[4] x
    for lane in range(LANES):
        x[0] = b.slot[lane]
        x[1] = <uint32_t>(SOURCE_STAGE + i)
        x[2] = 0
        x[3] = 0
        threefry(x, b.key_lo[lane], b.key_hi[lane], 0, 0)
        b.growth_word[lane] = <int32_t>(x[0] >> 1)
        b.noise_word[lane] = <int32_t>(x[1] >> 1)


# -- 0. orders --

cdef inline inlined orders(
    const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride, bint first
) noexcept nogil:
    """Order from every supplier what its knobs ask for."""
    cdef int i, j, item, lane
    cdef int32_t position, asked
    for j in range(p.n_suppliers):
        item = p.supplier_item[j]
        for lane in range(LANES):
            b.quantity[j][lane] = 0
        if p.order[j] >= 0 and first:
            for lane in range(LANES):
                b.quantity[j][lane] = knobs[p.order[j] * stride + lane]
        if p.target[j] >= 0:
            for lane in range(LANES):
                position = b.stock[item][lane] + b.on_order[j][lane] + b.overdue[j][lane]
                asked = knobs[p.target[j] * stride + lane] - position
                b.quantity[j][lane] = asked if asked > b.quantity[j][lane] else b.quantity[j][lane]
        if p.echelon[j] >= 0:
            for lane in range(LANES):
                b.asked[lane] = knobs[p.echelon[j] * stride + lane] + b.backlog[lane]
            for i in range(p.item_stage[item], p.n_stages):
                for lane in range(LANES):
                    b.asked[lane] -= b.queue[i][lane] + b.job[i][lane] + b.store[i][lane]
            for lane in range(LANES):
                position = b.stock[item][lane] + b.on_order[j][lane] + b.overdue[j][lane]
                asked = b.asked[lane] - position
                b.quantity[j][lane] = asked if asked > b.quantity[j][lane] else b.quantity[j][lane]
        for lane in range(LANES):
            b.on_order[j][lane] += b.quantity[j][lane]
            b.ordered[j][lane] += b.quantity[j][lane]
            b.orders[j][lane] += b.quantity[j][lane] > 0


# -- 1. deliveries --

cdef inline inlined deliveries(const Params* p, Block* b, int32_t* state, uint32_t tick) noexcept nogil:
    """Deliver what is due, or let it become overdue; late orders do not overtake each other."""
    cdef int j, item, lane
    cdef int32_t due, late, u, limit, arrives, delivered
    cdef int32_t* ring
    for j in range(p.n_suppliers):
        item = p.supplier_item[j]
        if p.lead[j] > 0:
            ring = state + (p.ring_start[j] + <int>(tick % <uint32_t>p.lead[j])) * LANES
            for lane in range(LANES):
                due = ring[lane]
                ring[lane] = b.quantity[j][lane]
                b.quantity[j][lane] = due
        for lane in range(LANES):
            due = b.quantity[j][lane]
            late = b.overdue[j][lane]
            u = b.delivery_words[j][lane] if j > 0 else b.words[1][lane]
            limit = p.catch_up[j] if late > 0 else p.on_time[j]
            arrives = 1 if u <= limit else 0
            delivered = (due + late) * arrives
            b.on_order[j][lane] -= due
            b.overdue[j][lane] = due + late - delivered
            b.stock[item][lane] += delivered
            b.promised[j][lane] += due
            b.delivered[j][lane] += delivered
            b.delivered_on_time[j][lane] += due * arrives


# -- 2. work --

cdef inline inlined work(const Params* p, Block* b, int i) noexcept nogil:
    """One slot of progress of one machine: repair, maintenance or job; then wear and breakdown."""
    cdef int lane
    cdef int32_t u, working, last, ends, units, finish = p.job_finish[i]
    if p.fails[i] or p.pm_level[i] >= 0:
        work_with_breakdowns(p, b, i)
    else:
        for lane in range(LANES):
            u = b.words[2 * i + 2][lane]
            working = 1 if b.job[i][lane] > 0 else 0
            last = 1 if b.left[i][lane] == 1 else 0
            ends = working * last if u <= finish else 0
            units = b.job[i][lane] * ends
            b.left[i][lane] -= working * (1 - last) + ends
            b.job[i][lane] -= units
            b.store[i][lane] += units
            b.finished[i][lane] += units


cdef inline inlined work_with_breakdowns(const Params* p, Block* b, int i) noexcept nogil:
    """The same for a machine that breaks down or is maintained."""
    cdef int lane
    cdef int32_t u, mode, running, working, timer, finish, last, active, ends, done, back, units, keep
    cdef int32_t exposed, breaks
    cdef int32_t job_finish = p.job_finish[i], repair_finish = p.repair_finish[i], pm_finish = p.pm_finish[i]
    cdef int32_t repair_keep = p.repair_keep[i], pm_keep = p.pm_keep[i], repair_slots = p.repair_slots[i]
    cdef int32_t timed = p.timed[i], fails = p.fails[i], top = p.levels[i] - 1, hazard = p.hazard[p.hazard_start[i]]
    for lane in range(LANES):
        u = b.words[2 * i + 2][lane]
        mode = b.mode[i][lane]
        running = 1 if mode == RUN else 0
        working = running if b.job[i][lane] > 0 else 0
        timer = b.left[i][lane] if running else b.off_left[i][lane]
        finish = job_finish if running else (repair_finish if mode == DOWN else pm_finish)
        last = 1 if timer == 1 else 0
        active = 1 - running + working
        ends = active * last if u <= finish else 0
        done = ends * running
        back = ends - done
        units = b.job[i][lane] * done
        b.store[i][lane] += units
        b.finished[i][lane] += units
        b.job[i][lane] -= units
        b.left[i][lane] -= working * (1 - last) + done
        b.off_left[i][lane] -= (1 - running) * (1 - last) + back
        b.mode[i][lane] = RUN if back else mode
        b.asked[lane] = working + (running - working) * timed
        b.idle[lane] = back
        b.fits[lane] = repair_keep if mode == DOWN else pm_keep
    if not (repair_keep or pm_keep):
        for lane in range(LANES):
            b.wear[i][lane] = 0 if b.idle[lane] else b.wear[i][lane]
            b.age[i][lane] = 0 if b.idle[lane] else b.age[i][lane]
    else:
        for lane in range(LANES):
            keep = b.fits[lane] if b.idle[lane] else 256
            b.wear[i][lane] = (b.wear[i][lane] * keep) >> 8
            b.age[i][lane] = (b.age[i][lane] >> 8) * keep + (((b.age[i][lane] & 255) * keep) >> 8)
    if fails:
        if top > 0:
            wear_out(p, b, i)
        else:
            for lane in range(LANES):
                b.material[i][lane] = hazard
        for lane in range(LANES):
            exposed = b.asked[lane]
            u = b.words[2 * i + 3][lane]
            breaks = exposed if u <= b.material[i][lane] else 0
            b.age[i][lane] += exposed
            b.mode[i][lane] = DOWN if breaks else b.mode[i][lane]
            b.off_left[i][lane] = repair_slots if breaks else b.off_left[i][lane]
            b.breakdowns[i][lane] += breaks
        if top > 0 or p.monitoring[i] == 0:
            read(p, b, i)


cdef inline inlined wear_out(const Params* p, Block* b, int i) noexcept nogil:
    """Look up the hazard at the wear from before this slot, and let exposed machines wear."""
    cdef int lane
    cdef int32_t wear, grows, top = p.levels[i] - 1, growth = p.wear_growth[i]
    cdef const int32_t* hazard = p.hazard + p.hazard_start[i]
    if p.noise_size[i] > 0 or growth < CERTAIN:
        draw_stage(p, b, i)
    else:
        for lane in range(LANES):
            b.growth_word[lane] = 0
    for lane in range(LANES):
        b.material[i][lane] = hazard[b.wear[i][lane]]
    for lane in range(LANES):
        wear = b.wear[i][lane]
        grows = b.asked[lane] if wear < top else 0
        grows = grows if b.growth_word[lane] <= growth else 0
        b.wear[i][lane] = wear + grows


cdef inline inlined read(const Params* p, Block* b, int i) noexcept nogil:
    """Read the wear as the monitoring shows it: age where there is none, else wear, perhaps with an error."""
    cdef int k, lane
    cdef int32_t reading, limit, top = p.levels[i] - 1
    for lane in range(LANES):
        b.reading[i][lane] = b.wear[i][lane] if p.monitoring[i] else b.age[i][lane]
    if p.noise_size[i]:
        for k in range(p.noise_size[i]):
            limit = p.noise[p.noise_start[i] + k]
            for lane in range(LANES):
                b.reading[i][lane] += b.noise_word[lane] > limit
        for lane in range(LANES):
            reading = b.reading[i][lane] - p.noise_radius[i]
            reading = reading if reading > 0 else 0
            b.reading[i][lane] = reading if reading < top else top


# -- 3. demand --

cdef inline inlined demand(const Params* p, Block* b) noexcept nogil:
    """Ship what is owed and what is ordered now; a shortage is backlogged up to the limit, the rest lost."""
    cdef int k, lane, last = p.n_stages - 1
    cdef int32_t limit, on_hand, backlog, ordered, owed, shipped, short, kept, spare
    if p.demand_kind == SATURATED:
        for lane in range(LANES):
            b.asked[lane] = b.store[last][lane]
    elif p.demand_kind == TRACE:
        for lane in range(LANES):
            b.asked[lane] = p.demand[b.slot[lane] % <uint32_t>p.demand_size]
    else:
        for lane in range(LANES):
            b.asked[lane] = 0
        for k in range(p.demand_size):
            limit = p.demand[k]
            for lane in range(LANES):
                b.asked[lane] += b.words[0][lane] > limit
    for lane in range(LANES):
        ordered = b.asked[lane]
        on_hand = b.store[last][lane]
        backlog = b.backlog[lane]
        owed = backlog + ordered
        shipped = on_hand if on_hand < owed else owed
        short = owed - shipped
        kept = short if short < p.backlog_limit else p.backlog_limit
        spare = on_hand - backlog
        spare = spare if spare > 0 else 0
        b.store[last][lane] = on_hand - shipped
        b.backlog[lane] = kept
        b.demand_step[lane] += ordered
        b.demand_smooth[lane] += (256 * ordered - b.demand_smooth[lane]) >> SMOOTHING_SHIFT
        b.demand[lane] += ordered
        b.shipped[lane] += shipped
        b.on_time[lane] += spare if spare < ordered else ordered
        b.lost[lane] += short - kept


# -- 4. pull, from the last stage to the first --

cdef inline inlined pull(const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride) noexcept nogil:
    """Release, load and start maintenance, downstream first: a withdrawal frees a card upstream at once."""
    cdef int i, lane
    for lane in range(LANES):
        b.below[p.n_stages][lane] = 0
    for i in range(p.n_stages - 1, -1, -1):
        release(p, b, knobs, stride, i)
        for lane in range(LANES):
            b.below[i][lane] = b.below[i + 1][lane] + b.queue[i][lane] + b.job[i][lane] + b.store[i][lane]
        load(p, b, knobs, stride, i)


cdef inline inlined release(
    const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride, int i
) noexcept nogil:
    """Move units into the queue as far as cards and material allow; note the material that stays behind."""
    cdef int k, lane, item
    cdef int32_t here, asked, allowed, material, units
    for lane in range(LANES):
        b.asked[lane] = OFF
        b.material[i][lane] = b.store[i - 1][lane] if i > 0 else BIG
    if p.kanban[i] >= 0:
        for lane in range(LANES):
            here = b.queue[i][lane] + b.job[i][lane] + b.store[i][lane]
            asked = knobs[p.kanban[i] * stride + lane] - here
            b.asked[lane] = asked if asked < b.asked[lane] else b.asked[lane]
    if p.loop[i] >= 0:
        for lane in range(LANES):
            here = b.queue[i][lane] + b.job[i][lane] + b.store[i][lane] + b.below[i + 1][lane]
            asked = knobs[p.loop[i] * stride + lane] - (here - b.below[p.loop_end[i] + 1][lane])
            b.asked[lane] = asked if asked < b.asked[lane] else b.asked[lane]
    if p.basestock[i] >= 0:
        for lane in range(LANES):
            here = b.queue[i][lane] + b.job[i][lane] + b.store[i][lane] + b.below[i + 1][lane]
            asked = knobs[p.basestock[i] * stride + lane] - (here - b.backlog[lane])
            b.asked[lane] = asked if asked < b.asked[lane] else b.asked[lane]
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        for lane in range(LANES):
            material = b.stock[item][lane]
            b.material[i][lane] = material if material < b.material[i][lane] else b.material[i][lane]
    if i == 0 and p.item_start[0] == p.item_start[1]:
        for lane in range(LANES):
            allowed = p.batch[i] - b.queue[i][lane]  # a saturated source keeps its queue at one job
            b.asked[lane] = allowed if b.asked[lane] > OFF // 2 else b.asked[lane]
    for lane in range(LANES):
        units = b.asked[lane] if b.asked[lane] < b.material[i][lane] else b.material[i][lane]
        units = units if units > 0 else 0
        b.asked[lane] = units
        b.queue[i][lane] += units
        b.material[i][lane] -= units
        b.released[i][lane] += units
    if i > 0:
        for lane in range(LANES):
            b.store[i - 1][lane] -= b.asked[lane]
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        for lane in range(LANES):
            b.stock[item][lane] -= b.asked[lane]


cdef inline inlined load(
    const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride, int i
) noexcept nogil:
    """Start maintenance if asked, else a job if there is one and room for it; count the slot by what comes."""
    cdef int lane
    cdef int32_t idle, waiting, units, starts, material, held
    cdef int32_t batch = p.batch[i], room = p.room[i], job_slots = p.job_slots[i], pm_slots = p.pm_slots[i]
    if p.room[i] < BIG and i + 1 < p.n_stages:
        for lane in range(LANES):
            b.asked[lane] = b.store[i][lane] + b.queue[i + 1][lane] + b.job[i + 1][lane]
    else:
        for lane in range(LANES):
            b.asked[lane] = b.store[i][lane] if p.room[i] < BIG else 0
    if p.pm_level[i] >= 0:
        for lane in range(LANES):
            idle = 1 if b.mode[i][lane] == RUN else 0
            idle = idle if b.job[i][lane] == 0 else 0
            starts = idle if b.reading[i][lane] >= knobs[p.pm_level[i] * stride + lane] else 0
            b.mode[i][lane] = PM if starts else b.mode[i][lane]
            b.off_left[i][lane] = pm_slots if starts else b.off_left[i][lane]
            b.pms[i][lane] += starts
    for lane in range(LANES):
        idle = 1 if b.job[i][lane] == 0 else 0
        b.idle[lane] = idle if b.mode[i][lane] == RUN else 0
        waiting = b.queue[i][lane]
        units = waiting if waiting < batch else batch
        b.fits[lane] = units if b.asked[lane] <= room - units else 0
    for lane in range(LANES):
        waiting = b.queue[i][lane]
        material = b.material[i][lane]
        starts = b.idle[lane] if b.fits[lane] > 0 else 0
        idle = b.idle[lane] - starts
        held = idle if (waiting if waiting > material else material) > 0 else 0
        b.blocked[i][lane] += held
        b.starved[i][lane] += idle - held
        b.idle[lane] = starts
    for lane in range(LANES):
        starts = b.idle[lane]
        units = b.fits[lane] if starts else 0
        b.queue[i][lane] -= units
        b.job[i][lane] += units
        b.left[i][lane] = job_slots if starts else b.left[i][lane]


# -- 5. ledger --

cdef inline inlined tally(const Params* p, Block* b) noexcept nogil:
    """Count the stocks and states that the slot ends with, and the slots that machines have been off."""
    cdef int i, k, lane
    cdef int32_t off
    for lane in range(LANES):
        b.backlog_slots[lane] += b.backlog[lane]
        b.slot[lane] += 1
    for i in range(p.n_stages):
        for lane in range(LANES):
            b.process_slots[i][lane] += b.queue[i][lane] + b.job[i][lane]
            b.store_slots[i][lane] += b.store[i][lane]
        if p.fails[i] or p.pm_level[i] >= 0:
            for lane in range(LANES):
                off = 1 if b.mode[i][lane] > RUN else 0
                b.off_slots[i][lane] = (b.off_slots[i][lane] + off) & -off
                b.down[i][lane] += off
        if p.pm_level[i] >= 0:
            for lane in range(LANES):
                off = 1 if b.mode[i][lane] == PM else 0
                b.pm[i][lane] += off
                b.down[i][lane] -= off
    for k in range(p.n_items):
        for lane in range(LANES):
            b.item_slots[k][lane] += b.stock[k][lane]


# -- the slots of a block, and the batch --

cdef cloned step_block(
    const Params* p, int32_t* state, const int32_t* knobs, Py_ssize_t stride, int slots, int64_t* ledger
) noexcept nogil:
    """Make some slots of the 16 lines of a block; ``stride`` is the number of lines of the batch."""
    cdef Block b
    cdef int i, t, done = 0, todo
    cdef uint32_t tick = <uint32_t>state[p.at.tick * LANES]
    load_block(p, &b, state)
    if slots == 0:
        open_ledger(p, &b)
        close_ledger(p, &b, 0, ledger, stride, True)
    while done < slots:
        todo = slots - done if slots - done < CHUNK else CHUNK
        open_ledger(p, &b)
        for t in range(todo):
            draw(p, &b)
            if p.n_suppliers > 1:
                draw_suppliers(p, &b)
            orders(p, &b, knobs, stride, done + t == 0)
            deliveries(p, &b, state, tick)
            for i in range(p.n_stages):
                work(p, &b, i)
            demand(p, &b)
            pull(p, &b, knobs, stride)
            tally(p, &b)
            tick += 1
        close_ledger(p, &b, todo, ledger, stride, done == 0)
        done += todo
    save_block(p, &b, state, tick)


cdef class Stepper:
    """Steps the lines of one scenario.

    Args:
        tables: a ``jitgym.tables.Tables``.
    """

    cdef Params p
    cdef object _kept  # the arrays that p points into

    def __init__(self, tables):
        cdef const int32_t[::1] values
        self._kept = []
        self.p.n_stages = tables.n_stages
        self.p.n_items = tables.n_items
        self.p.n_suppliers = tables.n_suppliers
        self.p.n_state = tables.state.size
        if max(tables.n_stages, tables.n_items, tables.n_suppliers) > PLACES:
            raise ValueError(f"a line has at most {PLACES} stages, items and suppliers")
        self.p.demand_kind = tables.demand_kind
        self.p.backlog_limit = tables.backlog_limit
        demand = tables.demand_trace if tables.demand_kind == TRACE else tables.demand_counts
        self.p.demand_size = len(demand)
        self.p.demand = self.keep(demand)
        self.p.hazard = self.keep(tables.hazard)
        self.p.noise = self.keep(tables.noise)
        copy(self.p.job_slots, tables.job_slots)
        copy(self.p.job_finish, tables.job_finish)
        copy(self.p.batch, tables.batch)
        copy(self.p.room, tables.room)
        copy(self.p.fails, tables.fails)
        copy(self.p.timed, tables.timed)
        copy(self.p.levels, tables.levels)
        copy(self.p.hazard_start, tables.hazard_start)
        copy(self.p.wear_growth, tables.wear_growth)
        copy(self.p.repair_slots, tables.repair_slots)
        copy(self.p.repair_finish, tables.repair_finish)
        copy(self.p.repair_keep, tables.repair_keep)
        copy(self.p.pm_slots, tables.pm_slots)
        copy(self.p.pm_finish, tables.pm_finish)
        copy(self.p.pm_keep, tables.pm_keep)
        copy(self.p.monitoring, tables.monitoring)
        copy(self.p.noise_start, tables.noise_start)
        copy(self.p.noise_size, tables.noise_size)
        copy(self.p.noise_radius, tables.noise_radius)
        copy(self.p.item_start, tables.item_start)
        copy(self.p.item_order, tables.item_order)
        copy(self.p.item_stage, tables.item_stage)
        copy(self.p.supplier_item, tables.supplier_item)
        copy(self.p.lead, tables.lead)
        copy(self.p.on_time, tables.on_time)
        copy(self.p.catch_up, tables.catch_up)
        copy(self.p.ring_start, tables.ring_start)
        copy(self.p.kanban, tables.kanban)
        copy(self.p.loop, tables.loop)
        copy(self.p.loop_end, tables.loop_end)
        copy(self.p.basestock, tables.basestock)
        copy(self.p.pm_level, tables.pm_level)
        copy(self.p.target, tables.target)
        copy(self.p.echelon, tables.echelon)
        copy(self.p.order, tables.order)
        self.find_rows(tables.state, tables.ledger)
        self.find_calls(tables)

    cdef const int32_t* keep(self, array) except? NULL:
        """Return a pointer into an array that lives as long as this object."""
        cdef const int32_t[::1] values
        if len(array) == 0:
            return NULL
        self._kept.append(array)
        values = array
        return &values[0]

    cdef find_rows(self, state, ledger):
        """Look up where each field lies."""
        at = {name: layout.start(name) for layout in (state, ledger) for name in layout}
        at.pop("pipeline"), at.pop("root_lo"), at.pop("root_hi"), at.pop("episode")
        self.p.at = at

    cdef find_calls(self, tables):
        """List the generator's calls with a word that the line uses: its random durations and breakdowns."""
        certain = 2**31 - 1
        used = [tables.demand_kind == COUNTS or (tables.n_suppliers > 0 and min(tables.on_time[0], tables.catch_up[0]) < certain)]
        for i in range(tables.n_stages):
            ends = (tables.job_finish[i], tables.repair_finish[i], tables.pm_finish[i])
            used.append(bool(tables.fails[i]) or min(ends) < certain)
        calls = sorted({pair // 2 for pair, is_used in enumerate(used) if is_used})
        self.p.n_calls = len(calls)
        for i, call in enumerate(calls):
            self.p.calls[i] = call

    def advance(
        self, int32_t[:, :, ::1] state, const int32_t[:, ::1] knobs, int slots, int64_t[:, ::1] ledger, int n_threads=1
    ):
        """Step all lines of a batch, in place, without the interpreter lock.

        Args:
            state: ``(blocks, fields, 16)`` int32.
            knobs: ``(knobs, columns)`` int32, one column a line, at least 16 for each block.
            slots: number of slots.
            ledger: ``(entries, columns)`` int64; what the slots count is written to it.
            n_threads: threads that share the blocks.
        """
        cdef Py_ssize_t block, blocks = state.shape[0], stride = knobs.shape[1]
        cdef const Params* p = &self.p
        if state.shape[1] != p.n_state or state.shape[2] != LANES or stride < LANES * blocks or ledger.shape[1] != stride:
            raise ValueError("state, knobs and ledger must be of one batch of this line")
        if n_threads <= 1:
            with nogil:
                for block in range(blocks):
                    step_block(p, &state[block, 0, 0], &knobs[0, 16 * block], stride, slots, &ledger[0, 16 * block])
        else:
            for block in prange(blocks, nogil=True, num_threads=n_threads, schedule="static"):
                step_block(p, &state[block, 0, 0], &knobs[0, 16 * block], stride, slots, &ledger[0, 16 * block])


cdef copy(int* target, array):
    """Copy a table of at most PLACES + 1 integers."""
    cdef int i
    for i in range(len(array)):
        target[i] = array[i]


def threefry4x32(key, counter):
    """Return the four words of Threefry4x32-20 for a key and a counter of four words each (for tests)."""
    cdef uint32_t[4] x
    cdef int i
    for i in range(4):
        x[i] = counter[i]
    threefry(x, key[0], key[1], key[2], key[3])
    return tuple(x[i] for i in range(4))


def episode_keys(const uint64_t[::1] roots, const uint32_t[::1] episodes, uint64_t[::1] keys):
    """Write the seed of each line's present episode: its root for the first, else words drawn with the root as key.

    The two top bits, which say what the seeds are for, stay as they are in the root.
    """
    cdef Py_ssize_t n
    cdef uint32_t[4] x
    cdef uint64_t top = <uint64_t>3 << 62
    for n in range(roots.shape[0]):
        if episodes[n] == 0:
            keys[n] = roots[n]
            continue
        x[0] = episodes[n]
        x[1] = 0xFFFFFFFF
        x[2] = 0
        x[3] = 0
        threefry(x, <uint32_t>roots[n], <uint32_t>(roots[n] >> 32), 0, 0)
        keys[n] = (roots[n] & top) | (((<uint64_t>x[1] << 32) | x[0]) & ~top)


def observe(
    const int32_t[:, :, ::1] state, const int32_t[::1] rows, const int32_t[::1] equals, const float[::1] scales,
    float[:, ::1] out,
):
    """Write observations: feature f of a line is state row ``rows[f]`` times a scale, or 1 if it equals ``equals[f]`` >= 0.

    Args:
        state: ``(blocks, fields, 16)`` int32.
        rows, equals, scales: one entry a feature.
        out: ``(lines, features)`` float32.
    """
    cdef Py_ssize_t n, f, block, lane, lines = out.shape[0], features = out.shape[1]
    cdef int32_t value
    with nogil:
        for n in range(lines):
            block = n // LANES
            lane = n % LANES
            for f in range(features):
                value = state[block, rows[f], lane]
                out[n, f] = <float>value * scales[f] if equals[f] < 0 else <float>(value == equals[f])
