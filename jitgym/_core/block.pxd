# How a block of 16 lines comes in from the batch's state and goes out again, and how its ledger is kept.
# Nothing here knows what a slot does.

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy, memset

from jitgym._core.line cimport LANES, Block, Params
from jitgym._core.threefry cimport inlined


cdef inline inlined load_rows(int32_t* rows, const int32_t* source, int n) noexcept nogil:
    memcpy(rows, source, n * LANES * sizeof(int32_t))


cdef inline inlined save_rows(int32_t* target, const int32_t* rows, int n) noexcept nogil:
    memcpy(target, rows, n * LANES * sizeof(int32_t))


cdef inline inlined load_block(const Params* p, Block* b, const int32_t* state) noexcept nogil:
    """Copy the state of 16 lines into the working block."""
    load_rows(<int32_t*>b.key_lo, state + p.at.key_lo * LANES, 1)
    load_rows(<int32_t*>b.key_hi, state + p.at.key_hi * LANES, 1)
    load_rows(<int32_t*>b.slot, state + p.at.slot * LANES, 1)
    load_rows(b.backlog, state + p.at.backlog * LANES, 1)
    load_rows(b.demand_smooth, state + p.at.demand_smooth * LANES, 1)
    memset(b.demand_step, 0, sizeof(b.demand_step))
    load_rows(&b.queue[0][0], state + p.at.queue * LANES, p.n_stages)
    load_rows(&b.job[0][0], state + p.at.job * LANES, p.n_stages)
    load_rows(&b.left[0][0], state + p.at.left * LANES, p.n_stages)
    load_rows(&b.store[0][0], state + p.at.store * LANES, p.n_stages)
    load_rows(&b.mode[0][0], state + p.at.mode * LANES, p.n_stages)
    load_rows(&b.off_left[0][0], state + p.at.off_left * LANES, p.n_stages)
    load_rows(&b.off_slots[0][0], state + p.at.off_slots * LANES, p.n_stages)
    load_rows(&b.wear[0][0], state + p.at.wear * LANES, p.n_stages)
    load_rows(&b.age[0][0], state + p.at.age * LANES, p.n_stages)
    load_rows(&b.reading[0][0], state + p.at.reading * LANES, p.n_stages)
    load_rows(&b.stock[0][0], state + p.at.stock * LANES, p.n_items)
    load_rows(&b.on_order[0][0], state + p.at.on_order * LANES, p.n_suppliers)
    load_rows(&b.overdue[0][0], state + p.at.overdue * LANES, p.n_suppliers)


cdef inline inlined save_block(const Params* p, const Block* b, int32_t* state, uint32_t tick) noexcept nogil:
    """Copy the working block back into the state."""
    cdef int lane
    for lane in range(LANES):
        state[p.at.tick * LANES + lane] = <int32_t>tick
    save_rows(state + p.at.slot * LANES, <const int32_t*>b.slot, 1)
    save_rows(state + p.at.backlog * LANES, b.backlog, 1)
    save_rows(state + p.at.demand_step * LANES, b.demand_step, 1)
    save_rows(state + p.at.demand_smooth * LANES, b.demand_smooth, 1)
    save_rows(state + p.at.queue * LANES, &b.queue[0][0], p.n_stages)
    save_rows(state + p.at.job * LANES, &b.job[0][0], p.n_stages)
    save_rows(state + p.at.left * LANES, &b.left[0][0], p.n_stages)
    save_rows(state + p.at.store * LANES, &b.store[0][0], p.n_stages)
    save_rows(state + p.at.mode * LANES, &b.mode[0][0], p.n_stages)
    save_rows(state + p.at.off_left * LANES, &b.off_left[0][0], p.n_stages)
    save_rows(state + p.at.off_slots * LANES, &b.off_slots[0][0], p.n_stages)
    save_rows(state + p.at.wear * LANES, &b.wear[0][0], p.n_stages)
    save_rows(state + p.at.age * LANES, &b.age[0][0], p.n_stages)
    save_rows(state + p.at.reading * LANES, &b.reading[0][0], p.n_stages)
    save_rows(state + p.at.stock * LANES, &b.stock[0][0], p.n_items)
    save_rows(state + p.at.on_order * LANES, &b.on_order[0][0], p.n_suppliers)
    save_rows(state + p.at.overdue * LANES, &b.overdue[0][0], p.n_suppliers)


cdef inline inlined open_ledger(const Params* p, Block* b) noexcept nogil:
    """Set the ledger of a chunk to zero."""
    cdef int stages = p.n_stages * LANES * sizeof(int32_t)
    cdef int suppliers = p.n_suppliers * LANES * sizeof(int32_t)
    memset(b.demand, 0, sizeof(b.demand))
    memset(b.shipped, 0, sizeof(b.shipped))
    memset(b.on_time, 0, sizeof(b.on_time))
    memset(b.lost, 0, sizeof(b.lost))
    memset(b.backlog_slots, 0, sizeof(b.backlog_slots))
    memset(b.released, 0, stages)
    memset(b.finished, 0, stages)
    memset(b.process_slots, 0, stages)
    memset(b.store_slots, 0, stages)
    memset(b.starved, 0, stages)
    memset(b.blocked, 0, stages)
    memset(b.down, 0, stages)
    memset(b.pm, 0, stages)
    memset(b.breakdowns, 0, stages)
    memset(b.pms, 0, stages)
    memset(b.item_slots, 0, p.n_items * LANES * sizeof(int32_t))
    memset(b.ordered, 0, suppliers)
    memset(b.orders, 0, suppliers)
    memset(b.promised, 0, suppliers)
    memset(b.delivered, 0, suppliers)
    memset(b.delivered_on_time, 0, suppliers)


cdef inline inlined write_row(int64_t* row, const int32_t* counts, bint first) noexcept nogil:
    cdef int lane
    if first:
        for lane in range(LANES):
            row[lane] = counts[lane]
    else:
        for lane in range(LANES):
            row[lane] += counts[lane]


cdef inline inlined close_ledger(
    const Params* p, Block* b, int slots, int64_t* ledger, Py_ssize_t stride, bint first
) noexcept nogil:
    """Write the ledger of the first chunk of slots, and add those of the others to it, in 64 bits."""
    cdef int i, j, lane
    for lane in range(LANES):
        b.asked[lane] = slots
    write_row(ledger + p.at.slots * stride, b.asked, first)
    write_row(ledger + p.at.demand * stride, b.demand, first)
    write_row(ledger + p.at.shipped * stride, b.shipped, first)
    write_row(ledger + p.at.on_time * stride, b.on_time, first)
    write_row(ledger + p.at.lost * stride, b.lost, first)
    write_row(ledger + p.at.backlog_slots * stride, b.backlog_slots, first)
    for i in range(p.n_stages):
        write_row(ledger + (p.at.released + i) * stride, b.released[i], first)
        write_row(ledger + (p.at.finished + i) * stride, b.finished[i], first)
        write_row(ledger + (p.at.process_slots + i) * stride, b.process_slots[i], first)
        write_row(ledger + (p.at.store_slots + i) * stride, b.store_slots[i], first)
        for lane in range(LANES):  # a machine that is nothing else is busy
            b.asked[lane] = slots - b.starved[i][lane] - b.blocked[i][lane] - b.down[i][lane] - b.pm[i][lane]
        write_row(ledger + (p.at.busy + i) * stride, b.asked, first)
        write_row(ledger + (p.at.starved + i) * stride, b.starved[i], first)
        write_row(ledger + (p.at.blocked + i) * stride, b.blocked[i], first)
        write_row(ledger + (p.at.down + i) * stride, b.down[i], first)
        write_row(ledger + (p.at.pm + i) * stride, b.pm[i], first)
        write_row(ledger + (p.at.breakdowns + i) * stride, b.breakdowns[i], first)
        write_row(ledger + (p.at.pms + i) * stride, b.pms[i], first)
    for j in range(p.n_items):
        write_row(ledger + (p.at.item_slots + j) * stride, b.item_slots[j], first)
    for j in range(p.n_suppliers):
        write_row(ledger + (p.at.ordered + j) * stride, b.ordered[j], first)
        write_row(ledger + (p.at.orders + j) * stride, b.orders[j], first)
        write_row(ledger + (p.at.promised + j) * stride, b.promised[j], first)
        write_row(ledger + (p.at.delivered + j) * stride, b.delivered[j], first)
        write_row(ledger + (p.at.delivered_on_time + j) * stride, b.delivered_on_time[j], first)
