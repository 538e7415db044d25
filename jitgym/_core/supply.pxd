# Phases 0 and 1: orders and deliveries.

from libc.stdint cimport int32_t, uint32_t

from jitgym._core.line cimport LANES, Block, Params, Scratch
from jitgym._core.luck cimport SOURCE_ITEM, SOURCE_SUPPLIER, any_of, draw_rare, portion
from jitgym._core.threefry cimport inlined

cdef enum:
    BIG = 0x40000000


cdef inline inlined orders(
    const Params* p, Block* b, Scratch* w, int since, bint rich
) noexcept nogil:
    """Order from every supplier what its knobs ask for."""
    cdef int j, k, other, item, lane
    cdef int32_t position, asked
    for j in range(p.n_suppliers):
        item = p.supplier_item[j]
        for lane in range(LANES):
            b.quantity[j][lane] = 0
            w.position[lane] = b.stock[item][lane] + b.on_order[j][lane] + b.overdue[j][lane]
        if rich:
            for k in range(p.supplier_start[item], p.supplier_start[item + 1]):
                other = p.supplier_order[k]
                if other != j:
                    for lane in range(LANES):
                        w.position[lane] += b.on_order[other][lane] + b.overdue[other][lane]
        if p.order[j] >= 0 and since < p.review[j]:
            for lane in range(LANES):
                b.quantity[j][lane] = b.order_knob[j][lane]
        if p.target[j] >= 0:
            for lane in range(LANES):
                asked = b.target_knob[j][lane] - w.position[lane]
                b.quantity[j][lane] = asked if asked > b.quantity[j][lane] else b.quantity[j][lane]
        if p.echelon[j] >= 0:
            downstream(p, b, w, item, rich)
            for lane in range(LANES):
                asked = b.echelon_knob[j][lane] - w.position[lane] - w.asked[lane]
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
    cdef int32_t quantity, slot, review = p.review[j], multiple = p.multiple[j], capacity = p.capacity[j]
    # quotients in double precision, cut to integers, are exact here, and not taken lane by lane
    if review > 1:
        for lane in range(LANES):
            slot = <int32_t>b.slot[lane]
            slot -= <int32_t>(<double>slot / <double>review) * review
            b.quantity[j][lane] = b.quantity[j][lane] if slot == 0 else 0
    if multiple > 1:
        for lane in range(LANES):
            quantity = b.quantity[j][lane] + multiple - 1
            b.quantity[j][lane] = <int32_t>(<double>quantity / <double>multiple) * multiple
    if capacity < BIG:
        for lane in range(LANES):
            quantity = b.quantity[j][lane]
            b.quantity[j][lane] = quantity if quantity < capacity else capacity


cdef inline inlined downstream(const Params* p, Block* b, Scratch* w, int item, bint rich) noexcept nogil:
    """Note the units made from an item on their path to the customer, less the orders for them."""
    cdef int i, x, r, lane, n = p.n_products if rich else 1
    for lane in range(LANES):
        w.asked[lane] = 0
    for r in range(n):
        if not rich or p.item_serves[item * n + r]:
            i = p.item_stage[item]
            while i < p.n_stages:
                x = i * n + r
                for lane in range(LANES):
                    w.asked[lane] += b.queue[x][lane] + b.job[x][lane] + b.store[x][lane]
                i = p.follower[i] if rich else i + 1
            for lane in range(LANES):
                w.asked[lane] -= b.backlog[r][lane]
            if rich and p.has_notice:
                for lane in range(LANES):
                    w.asked[lane] -= b.known[r][lane]


cdef inline inlined deliveries(
    const Params* p, Block* b, Scratch* w, int32_t* state, uint32_t tick,
    bint rich,
) noexcept nogil:
    """Deliver what is due, or let it become overdue; late orders do not overtake each other."""
    cdef int j, item, lane
    cdef int32_t due, late, u, limit, arrives, delivered
    cdef int32_t* ring
    for j in range(p.n_suppliers):
        item = p.supplier_item[j]
        if rich and p.has_outages[j]:
            switch(p, b, j)
        if p.lead[j] > 0:
            ring = state + (p.ring_start[j] + <int>(tick % <uint32_t>p.lead[j])) * LANES
            for lane in range(LANES):
                due = ring[lane]
                ring[lane] = b.quantity[j][lane]
                b.quantity[j][lane] = due
        for lane in range(LANES):
            due = b.quantity[j][lane]
            late = b.overdue[j][lane]
            u = b.delivery_words[j][lane] if j > 0 else b.second_word[0][lane]
            limit = b.catch_up[j][lane] if late > 0 else b.on_time_chance[j][lane]
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
                w.moved[lane] = delivered
            else:
                b.stock[item][lane] += delivered
        if rich:
            if p.expedite[j] >= 0:
                expedite(p, b, w, j)
            receive(p, b, w, j)


cdef inline inlined switch(const Params* p, Block* b, int j) noexcept nogil:
    """Begin or end an outage."""
    cdef int lane
    cdef int32_t limit
    draw_rare(b, <uint32_t>(SOURCE_SUPPLIER + j))
    for lane in range(LANES):
        limit = b.outage_ends[j][lane] if b.out[j][lane] else b.outage_begins[j][lane]
        b.out[j][lane] = b.out[j][lane] ^ (1 if b.rare[0][lane] <= limit else 0)


cdef inline inlined expedite(
    const Params* p, Block* b, Scratch* w, int j
) noexcept nogil:
    """Let what is overdue come at once, at a premium."""
    cdef int lane
    cdef int32_t expedited
    for lane in range(LANES):
        expedited = b.overdue[j][lane] if b.expedite_knob[j][lane] else 0
        b.overdue[j][lane] -= expedited
        w.moved[lane] += expedited
        b.delivered[j][lane] += expedited
        b.expedited[j][lane] += expedited


cdef inline inlined receive(const Params* p, Block* b, Scratch* w, int j) noexcept nogil:
    """Put a delivery into the item's store, but for the defective units that inspection finds."""
    cdef int lane, item = p.supplier_item[j]
    if p.sends_defects[j] and any_of(w.moved):
        if not p.has_outages[j]:  # or it has been drawn for them
            draw_rare(b, <uint32_t>(SOURCE_SUPPLIER + j))
        portion(w.moved, b.defective_chance[j], b.rare[1], w.bad)
        portion(w.bad, b.inspect_chance[j], b.rare[2], w.found)
        for lane in range(LANES):
            w.moved[lane] -= w.found[lane]
            b.stock_bad[item][lane] += w.bad[lane] - w.found[lane]
            b.rejected[j][lane] += w.found[lane]
    for lane in range(LANES):
        b.stock[item][lane] += w.moved[lane]
