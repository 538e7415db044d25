# Phases 0 and 1: orders and deliveries.

from libc.stdint cimport int32_t, uint32_t

from jitgym._core.line cimport LANES, Block, Params
from jitgym._core.luck cimport SOURCE_ITEM, SOURCE_SUPPLIER, any_of, draw_rare, portion
from jitgym._core.threefry cimport inlined

cdef enum:
    BIG = 0x40000000


cdef inline inlined orders(
    const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride, int since, bint rich
) noexcept nogil:
    """Order from every supplier what its knobs ask for."""
    cdef int j, k, other, item, lane
    cdef int32_t position, asked
    for j in range(p.n_suppliers):
        item = p.supplier_item[j]
        for lane in range(LANES):
            b.quantity[j][lane] = 0
            b.position[lane] = b.stock[item][lane] + b.on_order[j][lane] + b.overdue[j][lane]
        if rich:
            for k in range(p.supplier_start[item], p.supplier_start[item + 1]):
                other = p.supplier_order[k]
                if other != j:
                    for lane in range(LANES):
                        b.position[lane] += b.on_order[other][lane] + b.overdue[other][lane]
        if p.order[j] >= 0 and since < p.review[j]:
            for lane in range(LANES):
                b.quantity[j][lane] = knobs[p.order[j] * stride + lane]
        if p.target[j] >= 0:
            for lane in range(LANES):
                asked = knobs[p.target[j] * stride + lane] - b.position[lane]
                b.quantity[j][lane] = asked if asked > b.quantity[j][lane] else b.quantity[j][lane]
        if p.echelon[j] >= 0:
            downstream(p, b, item, rich)
            for lane in range(LANES):
                asked = knobs[p.echelon[j] * stride + lane] - b.position[lane] - b.asked[lane]
                b.quantity[j][lane] = asked if asked > b.quantity[j][lane] else b.quantity[j][lane]
        if rich:
            as_the_supplier_takes_it(p, b, j)
        for lane in range(LANES):
            b.on_order[j][lane] += b.quantity[j][lane]
            b.ordered[j][lane] += b.quantity[j][lane]
            b.orders[j][lane] += b.quantity[j][lane] > 0


cdef inline inlined as_the_supplier_takes_it(const Params* p, Block* b, int j) noexcept nogil:
    """Keep the supplier's review slots, round up to its multiple, cut at its capacity."""
    cdef int lane
    cdef uint32_t review = <uint32_t>p.review[j]
    cdef int32_t quantity, multiple = p.multiple[j], capacity = p.capacity[j]
    if review > 1:
        for lane in range(LANES):
            b.quantity[j][lane] = b.quantity[j][lane] if b.slot[lane] % review == 0 else 0
    if multiple > 1:
        for lane in range(LANES):
            b.quantity[j][lane] = (b.quantity[j][lane] + multiple - 1) // multiple * multiple
    if capacity < BIG:
        for lane in range(LANES):
            quantity = b.quantity[j][lane]
            b.quantity[j][lane] = quantity if quantity < capacity else capacity


cdef inline inlined downstream(const Params* p, Block* b, int item, bint rich) noexcept nogil:
    """Note the units made from an item on their path to the customer, less the orders for them."""
    cdef int i, x, r, lane, n = p.n_products if rich else 1
    for lane in range(LANES):
        b.asked[lane] = 0
    for r in range(n):
        if not rich or p.item_serves[item * n + r]:
            i = p.item_stage[item]
            while i < p.n_stages:
                x = i * n + r
                for lane in range(LANES):
                    b.asked[lane] += b.queue[x][lane] + b.job[x][lane] + b.store[x][lane]
                i = p.follower[i] if rich else i + 1
            for lane in range(LANES):
                b.asked[lane] -= b.backlog[r][lane]
            if rich and p.has_notice:
                for lane in range(LANES):
                    b.asked[lane] -= b.known[r][lane]


cdef inline inlined deliveries(
    const Params* p, const int32_t* par, Block* b, int32_t* state, const int32_t* knobs, Py_ssize_t stride, uint32_t tick,
    bint rich,
) noexcept nogil:
    """Deliver what is due, or let it become overdue; late orders do not overtake each other."""
    cdef int j, item, lane
    cdef int32_t due, late, u, limit, arrives, delivered
    cdef int32_t* ring
    cdef const int32_t* on_time
    cdef const int32_t* catch_up
    for j in range(p.n_suppliers):
        item = p.supplier_item[j]
        on_time = par + (p.row.on_time + j) * LANES
        catch_up = par + (p.row.catch_up + j) * LANES
        if rich and p.has_outages[j]:
            switch(p, par, b, j)
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
            limit = catch_up[lane] if late > 0 else on_time[lane]
            arrives = 1 if u <= limit else 0
            if rich:
                arrives = arrives if b.out[j][lane] == 0 else 0
            delivered = (due + late) * arrives
            b.on_order[j][lane] -= due
            b.overdue[j][lane] = due + late - delivered
            b.promised[j][lane] += due
            b.delivered[j][lane] += delivered
            b.delivered_on_time[j][lane] += due * arrives
            if rich:
                b.moved[lane] = delivered
            else:
                b.stock[item][lane] += delivered
        if rich:
            if p.expedite[j] >= 0:
                expedite(p, b, knobs, stride, j)
            receive(p, par, b, j)


cdef inline inlined switch(const Params* p, const int32_t* par, Block* b, int j) noexcept nogil:
    """Begin or end an outage."""
    cdef int lane
    cdef int32_t limit
    cdef const int32_t* fail = par + (p.row.fail + j) * LANES
    cdef const int32_t* recover = par + (p.row.recover + j) * LANES
    draw_rare(b, <uint32_t>(SOURCE_SUPPLIER + j))
    for lane in range(LANES):
        limit = recover[lane] if b.out[j][lane] else fail[lane]
        b.out[j][lane] = b.out[j][lane] ^ (1 if b.rare[0][lane] <= limit else 0)


cdef inline inlined expedite(
    const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride, int j
) noexcept nogil:
    """Let what is overdue come at once, at a premium."""
    cdef int lane
    cdef int32_t expedited
    for lane in range(LANES):
        expedited = b.overdue[j][lane] if knobs[p.expedite[j] * stride + lane] else 0
        b.overdue[j][lane] -= expedited
        b.moved[lane] += expedited
        b.delivered[j][lane] += expedited
        b.expedited[j][lane] += expedited


cdef inline inlined receive(const Params* p, const int32_t* par, Block* b, int j) noexcept nogil:
    """Put a delivery into the item's store, but for the defective units that inspection finds."""
    cdef int lane, item = p.supplier_item[j]
    if p.sends_defects[j] and any_of(b.moved):
        draw_rare(b, <uint32_t>(SOURCE_SUPPLIER + j))
        portion(b.moved, par + (p.row.defective + j) * LANES, b.rare[1], b.bad)
        portion(b.bad, par + (p.row.inspect + j) * LANES, b.rare[2], b.found)
        for lane in range(LANES):
            b.moved[lane] -= b.found[lane]
            b.stock_bad[item][lane] += b.bad[lane] - b.found[lane]
            b.rejected[j][lane] += b.found[lane]
    for lane in range(LANES):
        b.stock[item][lane] += b.moved[lane]
