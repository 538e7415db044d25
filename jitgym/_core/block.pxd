# How a block of 16 lines comes in from the batch's state and goes out again, and how its ledger is kept.
# Nothing here knows what a slot does. What few lines have is moved only for those that have it.

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy, memset

from jitgym._core.line cimport LANES, Block, Params, Scratch
from jitgym._core.threefry cimport inlined


cdef inline inlined load_rows(int32_t* rows, const int32_t* state, int row, int n) noexcept nogil:
    memcpy(rows, state + row * LANES, n * LANES * sizeof(int32_t))


cdef inline inlined save_rows(int32_t* state, int row, const int32_t* rows, int n) noexcept nogil:
    memcpy(state + row * LANES, rows, n * LANES * sizeof(int32_t))


# -- what the slots go by --

cdef inline inlined load_knob(int32_t* row, const int32_t* knobs, Py_ssize_t stride, int column) noexcept nogil:
    if column >= 0:
        memcpy(row, knobs + column * stride, LANES * sizeof(int32_t))


cdef inline inlined load_knobs(
    const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride, bint rich
) noexcept nogil:
    """Copy the knobs of 16 lines into the working block."""
    cdef int i, j, x
    for x in range(p.n_stages * (p.n_products if rich else 1)):
        load_knob(b.kanban_knob[x], knobs, stride, p.kanban[x])
        load_knob(b.basestock_knob[x], knobs, stride, p.basestock[x])
    for x in range(p.loop_start[p.n_stages * (p.n_products if rich else 1)]):
        load_knob(b.loop_knob[x], knobs, stride, p.loop[x])
    for i in range(p.n_stages):
        load_knob(b.pm_level_knob[i], knobs, stride, p.pm_level[i])
    for j in range(p.n_suppliers):
        load_knob(b.target_knob[j], knobs, stride, p.target[j])
        load_knob(b.echelon_knob[j], knobs, stride, p.echelon[j])
        load_knob(b.order_knob[j], knobs, stride, p.order[j])
    if rich:
        for x in range(p.n_stages * p.n_products):
            load_knob(b.release_knob[x], knobs, stride, p.release[x])
            load_knob(b.lot_knob[x], knobs, stride, p.lot[x])
        for j in range(p.n_suppliers):
            load_knob(b.expedite_knob[j], knobs, stride, p.expedite[j])


cdef inline inlined load_parameters(const Params* p, Block* b, const int32_t* rows, bint rich) noexcept nogil:
    """Copy parameters, ``rows`` of 16 lines, into the working block."""
    cdef int n = p.n_products if rich else 1
    load_rows(&b.job_slots[0][0], rows, p.row.job_slots, p.n_stages * n)
    load_rows(&b.job_finish[0][0], rows, p.row.job_finish, p.n_stages * n)
    load_rows(&b.repair_slots[0][0], rows, p.row.repair_slots, p.n_stages)
    load_rows(&b.repair_finish[0][0], rows, p.row.repair_finish, p.n_stages)
    load_rows(&b.pm_slots[0][0], rows, p.row.pm_slots, p.n_stages)
    load_rows(&b.pm_finish[0][0], rows, p.row.pm_finish, p.n_stages)
    load_rows(&b.hazard_factor[0][0], rows, p.row.hazard, p.n_stages)
    load_rows(&b.wear_growth[0][0], rows, p.row.wear, p.n_stages)
    load_rows(&b.on_time_chance[0][0], rows, p.row.on_time, p.n_suppliers)
    load_rows(&b.catch_up[0][0], rows, p.row.catch_up, p.n_suppliers)
    if rich:
        load_rows(&b.setup_slots[0][0], rows, p.row.setup_slots, p.n_stages)
        load_rows(&b.setup_finish[0][0], rows, p.row.setup_finish, p.n_stages)
        load_rows(&b.stop_slots[0][0], rows, p.row.stop_slots, p.n_stages)
        load_rows(&b.stop_finish[0][0], rows, p.row.stop_finish, p.n_stages)
        load_rows(&b.shift_chance[0][0], rows, p.row.shift, p.n_stages)
        load_rows(&b.defect_factor[0][0], rows, p.row.defect, p.n_stages)
        load_rows(&b.detect[0][0], rows, p.row.detect, p.n_stages)
        load_rows(&b.spoil_chance[0][0], rows, p.row.spoil, p.n_stages)
        load_rows(&b.outage_begins[0][0], rows, p.row.fail, p.n_suppliers)
        load_rows(&b.outage_ends[0][0], rows, p.row.recover, p.n_suppliers)
        load_rows(&b.defective_chance[0][0], rows, p.row.defective, p.n_suppliers)
        load_rows(&b.inspect_chance[0][0], rows, p.row.inspect, p.n_suppliers)
        load_rows(&b.demand_level[0][0], rows, p.row.demand, n)


cdef inline inlined own_parameters(const Params* p, const int32_t* state, int32_t* own) noexcept nogil:
    """Write the parameters of 16 lines that differ: those of the scenario, and the lines' own in place of some."""
    cdef int v
    memcpy(own, p.parameters, p.n_parameters * LANES * sizeof(int32_t))
    for v in range(p.n_varied):
        memcpy(own + p.varied_row[v] * LANES, state + (p.at.varied + v) * LANES, LANES * sizeof(int32_t))


# -- state --

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


cdef inline inlined write_row(int64_t* row, const int32_t* counts, bint first) noexcept nogil:
    """Write a row of the first chunk of slots, or add those of the others to it, in 64 bits."""
    cdef int lane
    if first:
        for lane in range(LANES):
            row[lane] = counts[lane]
    else:
        for lane in range(LANES):
            row[lane] += counts[lane]


cdef inline inlined close_ledger(
    const Params* p, Block* b, Scratch* w, int slots, int64_t* ledger, Py_ssize_t stride, bint first, bint rich
) noexcept nogil:
    """Write the ledger of a chunk of slots."""
    cdef int i, lane, n = p.n_products if rich else 1
    cdef int units = p.n_stages * n
    for lane in range(LANES):
        w.asked[lane] = slots
    write_row(ledger + p.at.slots * stride, w.asked, first)
    for i in range(p.n_stages):
        for lane in range(LANES):  # a machine that is nothing else is busy
            w.asked[lane] = slots - b.starved[i][lane] - b.blocked[i][lane] - b.down[i][lane] - b.pm[i][lane]
        if rich and p.n_products > 1:
            for lane in range(LANES):
                w.asked[lane] -= b.setup[i][lane]
        if rich and p.counts_crew:
            for lane in range(LANES):
                w.asked[lane] -= b.waiting[i][lane]
        if rich and p.quality:
            for lane in range(LANES):
                w.asked[lane] -= b.stopped[i][lane]
        write_row(ledger + (p.at.busy + i) * stride, w.asked, first)
    for i in range(n):
        write_row(ledger + (p.at.demand + i) * stride, b.demand[i], first)
        write_row(ledger + (p.at.shipped + i) * stride, b.shipped[i], first)
        write_row(ledger + (p.at.on_time + i) * stride, b.on_time[i], first)
        write_row(ledger + (p.at.lost + i) * stride, b.lost[i], first)
        write_row(ledger + (p.at.backlog_slots + i) * stride, b.backlog_slots[i], first)
    for i in range(units):
        write_row(ledger + (p.at.released + i) * stride, b.released[i], first)
        write_row(ledger + (p.at.finished + i) * stride, b.finished[i], first)
        write_row(ledger + (p.at.process_slots + i) * stride, b.process_slots[i], first)
        write_row(ledger + (p.at.store_slots + i) * stride, b.store_slots[i], first)
    for i in range(p.n_stages):
        write_row(ledger + (p.at.starved + i) * stride, b.starved[i], first)
        write_row(ledger + (p.at.blocked + i) * stride, b.blocked[i], first)
        write_row(ledger + (p.at.down + i) * stride, b.down[i], first)
        write_row(ledger + (p.at.pm + i) * stride, b.pm[i], first)
        write_row(ledger + (p.at.breakdowns + i) * stride, b.breakdowns[i], first)
        write_row(ledger + (p.at.pms + i) * stride, b.pms[i], first)
    for i in range(p.n_items):
        write_row(ledger + (p.at.item_slots + i) * stride, b.item_slots[i], first)
    for i in range(p.n_suppliers):
        write_row(ledger + (p.at.ordered + i) * stride, b.ordered[i], first)
        write_row(ledger + (p.at.orders + i) * stride, b.orders[i], first)
        write_row(ledger + (p.at.promised + i) * stride, b.promised[i], first)
        write_row(ledger + (p.at.delivered + i) * stride, b.delivered[i], first)
        write_row(ledger + (p.at.delivered_on_time + i) * stride, b.delivered_on_time[i], first)
    if rich:
        close_more(p, b, ledger, stride, first)


cdef inline inlined close_more(
    const Params* p, const Block* b, int64_t* ledger, Py_ssize_t stride, bint first
) noexcept nogil:
    """Write what is counted for few lines."""
    cdef int i, n = p.n_products, units = p.n_stages * p.n_products
    if p.quality:
        for i in range(n):
            write_row(ledger + (p.at.returned + i) * stride, b.returned[i], first)
        for i in range(units):
            write_row(ledger + (p.at.scrapped + i) * stride, b.scrapped[i], first)
            write_row(ledger + (p.at.reworked + i) * stride, b.reworked[i], first)
        for i in range(p.n_stages):
            write_row(ledger + (p.at.stopped + i) * stride, b.stopped[i], first)
            write_row(ledger + (p.at.stops + i) * stride, b.stops[i], first)
        for i in range(p.n_suppliers):
            write_row(ledger + (p.at.rejected + i) * stride, b.rejected[i], first)
    if p.spoilage:
        for i in range(units):
            write_row(ledger + (p.at.spoiled + i) * stride, b.spoiled[i], first)
    if p.counts_crew:
        for i in range(p.n_stages):
            write_row(ledger + (p.at.waiting + i) * stride, b.waiting[i], first)
    if p.n_products > 1:
        for i in range(p.n_stages):
            write_row(ledger + (p.at.setup + i) * stride, b.setup[i], first)
            write_row(ledger + (p.at.setups + i) * stride, b.setups[i], first)
    if p.expediting:
        for i in range(p.n_suppliers):
            write_row(ledger + (p.at.expedited + i) * stride, b.expedited[i], first)
