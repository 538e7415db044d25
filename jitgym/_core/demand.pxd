# Phase 3: demand, shipping, returns, spoilage.

from libc.stdint cimport int32_t, uint32_t

from jitgym._core.line cimport LANES, Block, Params, Scratch
from jitgym._core.luck cimport SOURCE_LINE, SOURCE_STORE, any_both, any_of, draw_rare, portion, share
from jitgym._core.threefry cimport inlined

cdef enum:
    COUNTS = 0
    TRACE = 1
    SATURATED = 2
    SMOOTHING_SHIFT = 5


cdef inline inlined demand(
    const Params* p, Block* b, Scratch* w, int32_t* state, uint32_t tick, bint rich
) noexcept nogil:
    """Let customers order, ship what is due, take back what is defective; let stores spoil."""
    cdef int r, i, x, lane, n = p.n_products if rich else 1
    if rich and p.n_regimes > 1:
        switch_regime(p, b, w)
    for r in range(n):
        ordered(p, b, w, r, rich)
        for lane in range(LANES):
            b.demand_step[r][lane] += w.asked[lane]
            b.demand_smooth[r][lane] += (256 * w.asked[lane] - b.demand_smooth[r][lane]) >> SMOOTHING_SHIFT
            b.demand[r][lane] += w.asked[lane]
        if rich and p.notice[r] > 0:
            due(p, b, w, state, tick, r)
        ship(p, b, w, r, rich)
    if rich and p.spoilage:
        for i in range(p.n_stages):
            if p.spoils[i]:
                for x in range(i * n, (i + 1) * n):
                    spoil(p, b, w, i, x)


cdef inline inlined switch_regime(const Params* p, Block* b, Scratch* w) noexcept nogil:
    """Take the next step of the chain of regimes."""
    cdef int g, k, lane, others = p.n_regimes - 1
    cdef int32_t limit
    draw_rare(b, <uint32_t>SOURCE_LINE)
    for lane in range(LANES):
        w.chosen[lane] = 0
    for k in range(others):
        for lane in range(LANES):
            w.found[lane] = 0
        for g in range(p.n_regimes):  # a choice among a few is faster than looking up
            limit = p.regime_switch[g * others + k]
            for lane in range(LANES):
                w.found[lane] = limit if b.regime[lane] == g else w.found[lane]
        for lane in range(LANES):
            w.chosen[lane] += b.rare[0][lane] > w.found[lane]
    for lane in range(LANES):
        b.regime[lane] = w.chosen[lane]


cdef inline inlined ordered(const Params* p, Block* b, Scratch* w, int r, bint rich) noexcept nogil:
    """Note the demand of a product in this slot."""
    cdef int k, g, lane, size = p.demand_size[r]
    cdef int last = (p.n_stages - 1) * (p.n_products if rich else 1) + r
    cdef int32_t limit
    cdef const int32_t* law = p.demand_law + p.demand_start[r]
    if p.demand_kind[r] == SATURATED:
        for lane in range(LANES):
            w.asked[lane] = b.store[last][lane]
    elif p.demand_kind[r] == TRACE:
        for lane in range(LANES):
            w.asked[lane] = law[(b.slot[lane] + <uint32_t>(b.phase[lane] if rich else 0)) % <uint32_t>size]
    elif not rich:
        for lane in range(LANES):
            w.asked[lane] = 0
        for k in range(size):
            limit = law[k]
            for lane in range(LANES):
                w.asked[lane] += b.first_word[0][lane] > limit
    else:
        for lane in range(LANES):
            w.asked[lane] = 0
            w.chosen[lane] = ((b.demand_level[r][lane] * p.n_regimes + b.regime[lane]) * p.n_seasons) * size
            w.moved[lane] = b.demand_words[r][lane] if r > 0 else b.first_word[0][lane]
        if p.n_seasons > 1:
            for lane in range(LANES):
                w.chosen[lane] += <int32_t>(<double>b.calendar[lane] / <double>p.season_slots) * size
        for k in range(size):
            if p.looks_up_demand[r]:
                for lane in range(LANES):
                    w.found[lane] = law[w.chosen[lane] + k]
            else:  # regimes alone: a choice among a few is faster than looking up
                limit = law[k]
                for lane in range(LANES):
                    w.found[lane] = limit
                for g in range(1, p.n_regimes):
                    limit = law[g * size + k]
                    for lane in range(LANES):
                        w.found[lane] = limit if b.regime[lane] == g else w.found[lane]
            for lane in range(LANES):
                w.found[lane] = 1 if w.moved[lane] > w.found[lane] else 0
                w.asked[lane] += w.found[lane]
            if k >= p.usual_demand[r] and not any_of(w.found):
                break  # the thresholds rise: where one is not passed, none beyond it is


cdef inline inlined due(const Params* p, Block* b, Scratch* w, int32_t* state, uint32_t tick, int r) noexcept nogil:
    """Note orders for the slot that they are due in, and leave those that are due now."""
    cdef int lane
    cdef int32_t now
    cdef int32_t* ring = state + (p.advance_start[r] + <int>(tick % <uint32_t>p.notice[r])) * LANES
    for lane in range(LANES):
        now = ring[lane]
        ring[lane] = w.asked[lane]
        b.known[r][lane] += w.asked[lane] - now
        w.asked[lane] = now


cdef inline inlined ship(const Params* p, Block* b, Scratch* w, int r, bint rich) noexcept nogil:
    """Ship what is owed and what is due; a shortage is backlogged up to the limit, the rest lost."""
    cdef int lane, x = (p.n_stages - 1) * (p.n_products if rich else 1) + r
    cdef int32_t asked, on_hand, backlog, owed, shipped, short, kept, spare
    if rich and p.quality:
        take_back(p, b, w, r, x)
    for lane in range(LANES):
        asked = w.asked[lane]
        on_hand = b.store[x][lane]
        backlog = b.backlog[r][lane]
        owed = backlog + asked
        shipped = on_hand if on_hand < owed else owed
        short = owed - shipped
        if rich:
            if p.quality:
                short += w.bad[lane]
            short = 0 if p.demand_kind[r] == SATURATED else short
        kept = short if short < p.backlog_limit else p.backlog_limit
        spare = on_hand - backlog
        spare = spare if spare > 0 else 0
        b.store[x][lane] = on_hand - shipped
        b.backlog[r][lane] = kept
        b.shipped[r][lane] += shipped
        b.on_time[r][lane] += spare if spare < asked else asked
        b.lost[r][lane] += short - kept


cdef inline inlined take_back(const Params* p, Block* b, Scratch* w, int r, int x) noexcept nogil:
    """Note the defective units among those that are about to be shipped, and count them as returned."""
    cdef int lane
    cdef int32_t owed, on_hand
    for lane in range(LANES):
        on_hand = b.store[x][lane]
        owed = b.backlog[r][lane] + w.asked[lane]
        w.moved[lane] = on_hand if on_hand < owed else owed
    withdraw_bad(b, w, x)
    for lane in range(LANES):
        b.returned[r][lane] += w.bad[lane]


cdef inline inlined withdraw_bad(Block* b, Scratch* w, int x) noexcept nogil:
    """Take out of a store the defective units among ``w.moved`` of its units; note them in ``w.bad``."""
    cdef int lane
    if any_both(b.store_bad[x], w.moved):
        draw_rare(b, <uint32_t>(SOURCE_STORE + x))
        share(b.store_bad[x], w.moved, b.store[x], b.rare[0], w.bad)
        for lane in range(LANES):
            b.store_bad[x][lane] -= w.bad[lane]
    else:
        for lane in range(LANES):
            w.bad[lane] = 0


cdef inline inlined spoil(const Params* p, Block* b, Scratch* w, int i, int x) noexcept nogil:
    """Let a share of a store spoil."""
    cdef int lane
    if any_of(b.store[x]):
        draw_rare(b, <uint32_t>(SOURCE_STORE + x))
        portion(b.store[x], b.spoil_chance[i], b.rare[1], w.moved)
        if p.quality and any_of(b.store_bad[x]):
            share(b.store_bad[x], w.moved, b.store[x], b.rare[2], w.bad)
            for lane in range(LANES):
                b.store_bad[x][lane] -= w.bad[lane]
        for lane in range(LANES):
            b.store[x][lane] -= w.moved[lane]
            b.spoiled[x][lane] += w.moved[lane]
