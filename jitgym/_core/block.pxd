# How a block of 16 lines comes in from the batch's state and goes out again, and how its ledger is kept.
# Nothing here knows what a slot does. What few lines have is moved only for those that have it.

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy, memset

from jitgym._core.line cimport LANES, Block, Params
from jitgym._core.threefry cimport inlined


cdef inline inlined load_rows(int32_t* rows, const int32_t* state, int row, int n) noexcept nogil:
    memcpy(rows, state + row * LANES, n * LANES * sizeof(int32_t))


cdef inline inlined save_rows(int32_t* state, int row, const int32_t* rows, int n) noexcept nogil:
    memcpy(state + row * LANES, rows, n * LANES * sizeof(int32_t))


cdef inline inlined own_parameters(const Params* p, const int32_t* state, int32_t* own) noexcept nogil:
    """Write the parameters of the lines of a block: those of the scenario, and the lines' own in place of some."""
    cdef int v
    memcpy(own, p.parameters, p.n_parameters * LANES * sizeof(int32_t))
    for v in range(p.n_varied):
        memcpy(own + p.varied_row[v] * LANES, state + (p.at.varied + v) * LANES, LANES * sizeof(int32_t))


cdef inline inlined load_block(const Params* p, Block* b, const int32_t* state, bint rich) noexcept nogil:
    """Copy the state of 16 lines into the working block."""
    cdef int n = p.n_products if rich else 1
    load_rows(<int32_t*>b.key_lo, state, p.at.key_lo, 1)
    load_rows(<int32_t*>b.key_hi, state, p.at.key_hi, 1)
    load_rows(<int32_t*>b.slot, state, p.at.slot, 1)
    load_rows(&b.backlog[0][0], state, p.at.backlog, n)
    load_rows(&b.demand_smooth[0][0], state, p.at.demand_smooth, n)
    memset(b.demand_step, 0, n * LANES * sizeof(int32_t))
    load_rows(&b.queue[0][0], state, p.at.queue, p.n_stages * n)
    load_rows(&b.job[0][0], state, p.at.job, p.n_stages * n)
    load_rows(&b.store[0][0], state, p.at.store, p.n_stages * n)
    load_rows(&b.left[0][0], state, p.at.left, p.n_stages)
    load_rows(&b.mode[0][0], state, p.at.mode, p.n_stages)
    load_rows(&b.off_left[0][0], state, p.at.off_left, p.n_stages)
    load_rows(&b.off_slots[0][0], state, p.at.off_slots, p.n_stages)
    load_rows(&b.wear[0][0], state, p.at.wear, p.n_stages)
    load_rows(&b.age[0][0], state, p.at.age, p.n_stages)
    load_rows(&b.reading[0][0], state, p.at.reading, p.n_stages)
    load_rows(&b.stock[0][0], state, p.at.stock, p.n_items)
    load_rows(&b.on_order[0][0], state, p.at.on_order, p.n_suppliers)
    load_rows(&b.overdue[0][0], state, p.at.overdue, p.n_suppliers)
    if rich:
        load_more(p, b, state)


cdef inline inlined load_more(const Params* p, Block* b, const int32_t* state) noexcept nogil:
    """Copy what few lines have; what a line has not, but is read for all, is set to zero."""
    cdef int units = p.n_stages * p.n_products
    load_rows(b.phase, state, p.at.phase, 1)
    load_rows(b.calendar, state, p.at.calendar, 1)
    load_rows(b.regime, state, p.at.regime, 1)
    load_rows(b.crew, state, p.at.crew, 1)
    memset(b.known, 0, p.n_products * LANES * sizeof(int32_t))
    memset(b.setting, 0, p.n_stages * LANES * sizeof(int32_t))
    memset(b.product, 0, p.n_stages * LANES * sizeof(int32_t))
    memset(b.shifted, 0, p.n_stages * LANES * sizeof(int32_t))
    memset(b.out, 0, p.n_suppliers * LANES * sizeof(int32_t))
    if p.has_notice:
        load_rows(&b.known[0][0], state, p.at.known, p.n_products)
    if p.quality:
        load_rows(&b.queue_bad[0][0], state, p.at.queue_bad, units)
        load_rows(&b.job_bad[0][0], state, p.at.job_bad, units)
        load_rows(&b.store_bad[0][0], state, p.at.store_bad, units)
        load_rows(&b.shifted[0][0], state, p.at.shifted, p.n_stages)
        load_rows(&b.stock_bad[0][0], state, p.at.stock_bad, p.n_items)
    if p.has_credits:
        load_rows(&b.credits[0][0], state, p.at.credits, units)
    if p.n_products > 1:
        load_rows(&b.setting[0][0], state, p.at.setting, p.n_stages)
        load_rows(&b.product[0][0], state, p.at.product, p.n_stages)
    if p.outages:
        load_rows(&b.out[0][0], state, p.at.out, p.n_suppliers)


cdef inline inlined save_block(const Params* p, const Block* b, int32_t* state, uint32_t tick, bint rich) noexcept nogil:
    """Copy the working block back into the state."""
    cdef int lane, n = p.n_products if rich else 1
    for lane in range(LANES):
        state[p.at.tick * LANES + lane] = <int32_t>tick
    save_rows(state, p.at.slot, <const int32_t*>b.slot, 1)
    save_rows(state, p.at.backlog, &b.backlog[0][0], n)
    save_rows(state, p.at.demand_step, &b.demand_step[0][0], n)
    save_rows(state, p.at.demand_smooth, &b.demand_smooth[0][0], n)
    save_rows(state, p.at.queue, &b.queue[0][0], p.n_stages * n)
    save_rows(state, p.at.job, &b.job[0][0], p.n_stages * n)
    save_rows(state, p.at.store, &b.store[0][0], p.n_stages * n)
    save_rows(state, p.at.left, &b.left[0][0], p.n_stages)
    save_rows(state, p.at.mode, &b.mode[0][0], p.n_stages)
    save_rows(state, p.at.off_left, &b.off_left[0][0], p.n_stages)
    save_rows(state, p.at.off_slots, &b.off_slots[0][0], p.n_stages)
    save_rows(state, p.at.wear, &b.wear[0][0], p.n_stages)
    save_rows(state, p.at.age, &b.age[0][0], p.n_stages)
    save_rows(state, p.at.reading, &b.reading[0][0], p.n_stages)
    save_rows(state, p.at.stock, &b.stock[0][0], p.n_items)
    save_rows(state, p.at.on_order, &b.on_order[0][0], p.n_suppliers)
    save_rows(state, p.at.overdue, &b.overdue[0][0], p.n_suppliers)
    if rich:
        save_more(p, b, state)


cdef inline inlined save_more(const Params* p, const Block* b, int32_t* state) noexcept nogil:
    """Copy back what few lines have."""
    cdef int units = p.n_stages * p.n_products
    save_rows(state, p.at.calendar, b.calendar, 1)
    save_rows(state, p.at.regime, b.regime, 1)
    save_rows(state, p.at.crew, b.crew, 1)
    if p.has_notice:
        save_rows(state, p.at.known, &b.known[0][0], p.n_products)
    if p.quality:
        save_rows(state, p.at.queue_bad, &b.queue_bad[0][0], units)
        save_rows(state, p.at.job_bad, &b.job_bad[0][0], units)
        save_rows(state, p.at.store_bad, &b.store_bad[0][0], units)
        save_rows(state, p.at.shifted, &b.shifted[0][0], p.n_stages)
        save_rows(state, p.at.stock_bad, &b.stock_bad[0][0], p.n_items)
    if p.has_credits:
        save_rows(state, p.at.credits, &b.credits[0][0], units)
    if p.n_products > 1:
        save_rows(state, p.at.setting, &b.setting[0][0], p.n_stages)
        save_rows(state, p.at.product, &b.product[0][0], p.n_stages)
    if p.outages:
        save_rows(state, p.at.out, &b.out[0][0], p.n_suppliers)


# -- ledger --

cdef inline inlined open_rows(int32_t* rows, int n) noexcept nogil:
    memset(rows, 0, n * LANES * sizeof(int32_t))


cdef inline inlined open_ledger(const Params* p, Block* b, bint rich) noexcept nogil:
    """Set the ledger of a chunk to zero."""
    cdef int n = p.n_products if rich else 1
    cdef int units = p.n_stages * n
    open_rows(&b.demand[0][0], n)
    open_rows(&b.shipped[0][0], n)
    open_rows(&b.on_time[0][0], n)
    open_rows(&b.lost[0][0], n)
    open_rows(&b.backlog_slots[0][0], n)
    open_rows(&b.released[0][0], units)
    open_rows(&b.finished[0][0], units)
    open_rows(&b.process_slots[0][0], units)
    open_rows(&b.store_slots[0][0], units)
    open_rows(&b.starved[0][0], p.n_stages)
    open_rows(&b.blocked[0][0], p.n_stages)
    open_rows(&b.down[0][0], p.n_stages)
    open_rows(&b.pm[0][0], p.n_stages)
    open_rows(&b.breakdowns[0][0], p.n_stages)
    open_rows(&b.pms[0][0], p.n_stages)
    open_rows(&b.item_slots[0][0], p.n_items)
    open_rows(&b.ordered[0][0], p.n_suppliers)
    open_rows(&b.orders[0][0], p.n_suppliers)
    open_rows(&b.promised[0][0], p.n_suppliers)
    open_rows(&b.delivered[0][0], p.n_suppliers)
    open_rows(&b.delivered_on_time[0][0], p.n_suppliers)
    if rich:
        open_more(p, b)


cdef inline inlined open_more(const Params* p, Block* b) noexcept nogil:
    """Set to zero what is counted for few lines."""
    cdef int n = p.n_products, units = p.n_stages * p.n_products
    if p.quality:
        open_rows(&b.returned[0][0], n)
        open_rows(&b.scrapped[0][0], units)
        open_rows(&b.reworked[0][0], units)
        open_rows(&b.stopped[0][0], p.n_stages)
        open_rows(&b.stops[0][0], p.n_stages)
        open_rows(&b.rejected[0][0], p.n_suppliers)
    if p.spoilage:
        open_rows(&b.spoiled[0][0], units)
    if p.counts_crew:
        open_rows(&b.waiting[0][0], p.n_stages)
    if p.n_products > 1:
        open_rows(&b.setup[0][0], p.n_stages)
        open_rows(&b.setups[0][0], p.n_stages)
    if p.expediting:
        open_rows(&b.expedited[0][0], p.n_suppliers)


cdef inline inlined write_rows(
    int64_t* ledger, Py_ssize_t stride, int start, const int32_t* counts, int n, bint first
) noexcept nogil:
    """Write rows of the first chunk of slots, or add those of the others to them, in 64 bits."""
    cdef int i, lane
    cdef int64_t* row
    for i in range(n):
        row = ledger + (start + i) * stride
        if first:
            for lane in range(LANES):
                row[lane] = counts[i * LANES + lane]
        else:
            for lane in range(LANES):
                row[lane] += counts[i * LANES + lane]


cdef inline inlined close_ledger(
    const Params* p, Block* b, int slots, int64_t* ledger, Py_ssize_t stride, bint first, bint rich
) noexcept nogil:
    """Write the ledger of a chunk of slots."""
    cdef int i, lane, n = p.n_products if rich else 1
    cdef int units = p.n_stages * n
    for lane in range(LANES):
        b.asked[lane] = slots
    write_rows(ledger, stride, p.at.slots, b.asked, 1, first)
    for i in range(p.n_stages):
        for lane in range(LANES):  # a machine that is nothing else is busy
            b.asked[lane] = slots - b.starved[i][lane] - b.blocked[i][lane] - b.down[i][lane] - b.pm[i][lane]
        if rich and p.n_products > 1:
            for lane in range(LANES):
                b.asked[lane] -= b.setup[i][lane]
        if rich and p.counts_crew:
            for lane in range(LANES):
                b.asked[lane] -= b.waiting[i][lane]
        if rich and p.quality:
            for lane in range(LANES):
                b.asked[lane] -= b.stopped[i][lane]
        write_rows(ledger, stride, p.at.busy + i, b.asked, 1, first)
    write_rows(ledger, stride, p.at.demand, &b.demand[0][0], n, first)
    write_rows(ledger, stride, p.at.shipped, &b.shipped[0][0], n, first)
    write_rows(ledger, stride, p.at.on_time, &b.on_time[0][0], n, first)
    write_rows(ledger, stride, p.at.lost, &b.lost[0][0], n, first)
    write_rows(ledger, stride, p.at.backlog_slots, &b.backlog_slots[0][0], n, first)
    write_rows(ledger, stride, p.at.released, &b.released[0][0], units, first)
    write_rows(ledger, stride, p.at.finished, &b.finished[0][0], units, first)
    write_rows(ledger, stride, p.at.process_slots, &b.process_slots[0][0], units, first)
    write_rows(ledger, stride, p.at.store_slots, &b.store_slots[0][0], units, first)
    write_rows(ledger, stride, p.at.starved, &b.starved[0][0], p.n_stages, first)
    write_rows(ledger, stride, p.at.blocked, &b.blocked[0][0], p.n_stages, first)
    write_rows(ledger, stride, p.at.down, &b.down[0][0], p.n_stages, first)
    write_rows(ledger, stride, p.at.pm, &b.pm[0][0], p.n_stages, first)
    write_rows(ledger, stride, p.at.breakdowns, &b.breakdowns[0][0], p.n_stages, first)
    write_rows(ledger, stride, p.at.pms, &b.pms[0][0], p.n_stages, first)
    write_rows(ledger, stride, p.at.item_slots, &b.item_slots[0][0], p.n_items, first)
    write_rows(ledger, stride, p.at.ordered, &b.ordered[0][0], p.n_suppliers, first)
    write_rows(ledger, stride, p.at.orders, &b.orders[0][0], p.n_suppliers, first)
    write_rows(ledger, stride, p.at.promised, &b.promised[0][0], p.n_suppliers, first)
    write_rows(ledger, stride, p.at.delivered, &b.delivered[0][0], p.n_suppliers, first)
    write_rows(ledger, stride, p.at.delivered_on_time, &b.delivered_on_time[0][0], p.n_suppliers, first)
    if rich:
        close_more(p, b, ledger, stride, first)


cdef inline inlined close_more(
    const Params* p, const Block* b, int64_t* ledger, Py_ssize_t stride, bint first
) noexcept nogil:
    """Write what is counted for few lines."""
    cdef int n = p.n_products, units = p.n_stages * p.n_products
    if p.quality:
        write_rows(ledger, stride, p.at.returned, &b.returned[0][0], n, first)
        write_rows(ledger, stride, p.at.scrapped, &b.scrapped[0][0], units, first)
        write_rows(ledger, stride, p.at.reworked, &b.reworked[0][0], units, first)
        write_rows(ledger, stride, p.at.stopped, &b.stopped[0][0], p.n_stages, first)
        write_rows(ledger, stride, p.at.stops, &b.stops[0][0], p.n_stages, first)
        write_rows(ledger, stride, p.at.rejected, &b.rejected[0][0], p.n_suppliers, first)
    if p.spoilage:
        write_rows(ledger, stride, p.at.spoiled, &b.spoiled[0][0], units, first)
    if p.counts_crew:
        write_rows(ledger, stride, p.at.waiting, &b.waiting[0][0], p.n_stages, first)
    if p.n_products > 1:
        write_rows(ledger, stride, p.at.setup, &b.setup[0][0], p.n_stages, first)
        write_rows(ledger, stride, p.at.setups, &b.setups[0][0], p.n_stages, first)
    if p.expediting:
        write_rows(ledger, stride, p.at.expedited, &b.expedited[0][0], p.n_suppliers, first)
