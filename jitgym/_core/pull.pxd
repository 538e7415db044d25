# Phase 4: pull, from the last stage to the first.

from libc.stdint cimport int32_t, uint32_t

from jitgym._core.demand cimport withdraw_bad
from jitgym._core.line cimport LANES, PRODUCTS, Block, Params, Scratch
from jitgym._core.luck cimport SOURCE_ITEM, SOURCE_STORE, any_both, any_of, begin, draw_job, draw_rare, share
from jitgym._core.threefry cimport inlined
from jitgym._core.work cimport DOWN, IN_SETUP, PM, RUN, SET_UP, WAITING

cdef enum:
    OFF = 0x40000000
    BIG = 0x40000000
    NO_SETUP = 0
    PRODUCTS_SHIFT = 3


cdef inline inlined pull(const Params* p, Block* b, Scratch* w, int since, bint rich) noexcept nogil:
    """Release, attend and load, downstream first: a withdrawal frees a card upstream at once."""
    cdef int i, r, x, f, lane, n = p.n_products if rich else 1
    cdef int32_t[LANES] left_over
    if p.counts_below:
        for r in range(n):
            for lane in range(LANES):
                b.below[p.n_stages * n + r][lane] = 0
    if rich and p.counts_crew:
        count_crew(p, b)
    for i in range(p.n_stages - 1, -1, -1):
        f = p.follower[i] if rich else i + 1
        if rich:
            release_products(p, b, w, i, f, since)
        else:
            release(p, b, i, left_over)
        if p.counts_below:
            for r in range(n):
                x = i * n + r
                for lane in range(LANES):
                    b.below[x][lane] = b.below[f * n + r][lane] + b.queue[x][lane] + b.job[x][lane] + b.store[x][lane]
        if rich and p.counts_crew:
            attend(p, b, i)
        if rich and p.is_rich[i]:
            load_in_full(p, b, w, i)
        else:
            if rich:
                material(p, b, i, 0, left_over, True)
            load(p, b, i, f, left_over)


cdef inline inlined count_crew(const Params* p, Block* b) noexcept nogil:
    """Count the technicians at work."""
    cdef int i, lane
    for lane in range(LANES):
        b.crew[lane] = 0
    for i in range(p.n_stages):
        for lane in range(LANES):
            b.crew[lane] += 1 if b.mode[i][lane] == DOWN else 0
            b.crew[lane] += 1 if b.mode[i][lane] == PM else 0


# -- release --

cdef inline inlined release(const Params* p, Block* b, int i, int32_t* left_over) noexcept nogil:
    """Move units into the queue of a serial line's stage as far as cards and material allow; note what stays behind."""
    cdef int k, lane, item
    cdef int32_t[LANES] cards
    cdef int32_t units
    open_cards(p, b, i, 0, i + 1, 0, cards, False)
    material(p, b, i, 0, left_over, False)
    for lane in range(LANES):
        units = cards[lane] if cards[lane] < left_over[lane] else left_over[lane]
        cards[lane] = units
        b.queue[i][lane] += units
        left_over[lane] -= units
        b.released[i][lane] += units
    if i > 0:
        for lane in range(LANES):
            b.store[i - 1][lane] -= cards[lane]
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        for lane in range(LANES):
            b.stock[item][lane] -= cards[lane]


cdef inline inlined release_products(
    const Params* p, Block* b, Scratch* w, int i, int f, int since
) noexcept nogil:
    """The same for any stage and any products."""
    cdef int r, lane, n = p.n_products
    for r in range(n):
        open_cards(p, b, i, r, f, since, w.cards[r], True)
    for lane in range(LANES):
        w.left_over[lane] = 0
    if n > 1 and p.shares_items[i] and turns_matter(p, b, w, i):
        release_in_turn(p, b, w, i)
    else:
        for r in range(n):
            release_product(p, b, w, i, r)


cdef inline inlined open_cards(
    const Params* p, Block* b, int i, int r, int f, int since, int32_t* cards, bint rich
) noexcept nogil:
    """Note how many units of a product its knobs let into a stage; OFF if none limits them."""
    cdef int lane, n = p.n_products if rich else 1
    cdef int x = i * n + r, beyond = f * n + r, end, loop
    cdef int32_t here, asked, credit, one_job, top
    if p.kanban[x] >= 0:
        for lane in range(LANES):
            here = b.queue[x][lane] + b.job[x][lane] + b.store[x][lane]
            cards[lane] = b.kanban_knob[x][lane] - here
    else:
        for lane in range(LANES):
            cards[lane] = OFF
    for loop in range(p.loop_start[x], p.loop_start[x + 1]):
        end = (p.follower[p.loop_end[loop]] if rich else p.loop_end[loop] + 1) * n + r
        for lane in range(LANES):
            here = b.queue[x][lane] + b.job[x][lane] + b.store[x][lane] + b.below[beyond][lane]
            asked = b.loop_knob[loop][lane] - (here - b.below[end][lane])
            cards[lane] = asked if asked < cards[lane] else cards[lane]
    if p.basestock[x] >= 0:
        for lane in range(LANES):
            here = b.queue[x][lane] + b.job[x][lane] + b.store[x][lane] + b.below[beyond][lane]
            asked = b.basestock_knob[x][lane] - (here - b.backlog[r][lane])
            if rich:
                asked += b.known[r][lane]
            cards[lane] = asked if asked < cards[lane] else cards[lane]
    if rich and p.release[x] >= 0:
        if since == 0:
            top = p.credit_top[x]
            for lane in range(LANES):
                credit = b.credits[x][lane] + b.release_knob[x][lane]
                b.credits[x][lane] = credit if credit < top else top
        for lane in range(LANES):
            credit = b.credits[x][lane]
            cards[lane] = credit if credit < cards[lane] else cards[lane]
    if rich and p.lot[x] >= 0:
        for lane in range(LANES):
            asked = b.lot_knob[x][lane]
            cards[lane] = cards[lane] if cards[lane] >= asked else 0
    if p.source[x]:
        for lane in range(LANES):
            one_job = p.batch[i] - b.queue[x][lane]  # a saturated source keeps its queue at one job
            cards[lane] = one_job if cards[lane] > OFF // 2 else cards[lane]
    elif rich and p.shares_items[i]:
        for lane in range(LANES):
            cards[lane] = OFF if cards[lane] > OFF // 2 else cards[lane]  # a limit that is off is none: equal turns
    for lane in range(LANES):
        cards[lane] = cards[lane] if cards[lane] > 0 else 0


cdef inline inlined material(const Params* p, Block* b, int i, int r, int32_t* left_over, bint rich) noexcept nogil:
    """Note the units of a product that the material allows; BIG where it is unlimited."""
    cdef int k, x, item, lane
    cdef int32_t units
    if not rich:
        for lane in range(LANES):
            left_over[lane] = b.store[i - 1][lane] if i > 0 else BIG
    else:
        if p.input_start[i] < p.input_start[i + 1]:
            x = p.input_order[p.input_start[i]] * p.n_products + r
            for lane in range(LANES):
                left_over[lane] = b.store[x][lane]
        else:
            for lane in range(LANES):
                left_over[lane] = BIG
        for k in range(p.input_start[i] + 1, p.input_start[i + 1]):
            x = p.input_order[k] * p.n_products + r
            for lane in range(LANES):
                units = b.store[x][lane]
                left_over[lane] = units if units < left_over[lane] else left_over[lane]
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        if not rich or p.item_serves[item * p.n_products + r]:
            for lane in range(LANES):
                units = b.stock[item][lane]
                left_over[lane] = units if units < left_over[lane] else left_over[lane]


cdef inline int turns_matter(const Params* p, const Block* b, Scratch* w, int i) noexcept nogil:
    """Return whether several products have cards in a lane where an item is too short for all, or has defective units."""
    cdef int k, r, item, lane, n = p.n_products
    cdef int32_t cards, matter
    for lane in range(LANES):
        w.asked[lane] = 0      # cards, of products that have one
        w.position[lane] = 0   # such products
        w.found[lane] = 0
    for r in range(n):
        for lane in range(LANES):
            cards = w.cards[r][lane] if w.cards[r][lane] < OFF // PRODUCTS else OFF // PRODUCTS  # still more than any stock
            w.asked[lane] += cards
            w.position[lane] += 1 if cards > 0 else 0
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        for lane in range(LANES):
            w.found[lane] += 1 if w.asked[lane] > b.stock[item][lane] else 0
        if p.quality:
            for lane in range(LANES):
                w.found[lane] += b.stock_bad[item][lane]
    for lane in range(LANES):
        matter = w.found[lane] if w.position[lane] > 1 else 0
        w.found[lane] = matter
    return any_of(w.found)


cdef inline inlined release_in_turn(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Release the products that share items one after another, the one with most open cards first."""
    cdef int turn, r, lane, n = p.n_products
    cdef int32_t better
    for r in range(n):
        for lane in range(LANES):
            b.quantity[r][lane] = w.cards[r][lane]  # -1: has had its turn
    for turn in range(n):
        for lane in range(LANES):
            w.chosen[lane] = 0
            w.position[lane] = b.quantity[0][lane]
        for r in range(1, n):
            for lane in range(LANES):
                better = 1 if b.quantity[r][lane] > w.position[lane] else 0
                w.chosen[lane] = r if better else w.chosen[lane]
                w.position[lane] = b.quantity[r][lane] if better else w.position[lane]
        for r in range(n):
            for lane in range(LANES):
                w.cards[r][lane] = b.quantity[r][lane] if w.chosen[lane] == r else 0
                b.quantity[r][lane] = -1 if w.chosen[lane] == r else b.quantity[r][lane]
            if any_of(w.cards[r]):
                release_product(p, b, w, i, r)


cdef inline inlined release_product(const Params* p, Block* b, Scratch* w, int i, int r) noexcept nogil:
    """Release one product as far as ``w.cards`` and material allow; a unit with a defective part is defective."""
    cdef int k, item, y, lane, n = p.n_products
    cdef int x = i * n + r
    cdef int32_t left
    cdef int32_t[LANES] units
    material(p, b, i, r, units, True)
    for lane in range(LANES):
        left = units[lane]
        units[lane] = w.cards[r][lane] if w.cards[r][lane] < left else left
        left -= units[lane]
        w.left_over[lane] = left if left > w.left_over[lane] else w.left_over[lane]
        b.queue[x][lane] += units[lane]
        b.released[x][lane] += units[lane]
    if p.quality and any_bad(p, b, i, r, units):
        for lane in range(LANES):
            w.moved[lane] = units[lane]
        release_defects(p, b, w, i, r)
    for k in range(p.input_start[i], p.input_start[i + 1]):
        y = p.input_order[k] * n + r
        for lane in range(LANES):
            b.store[y][lane] -= units[lane]
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        if p.item_serves[item * n + r]:
            for lane in range(LANES):
                b.stock[item][lane] -= units[lane]
    if p.release[x] >= 0:
        for lane in range(LANES):
            b.credits[x][lane] -= units[lane]


cdef inline int any_bad(const Params* p, const Block* b, int i, int r, const int32_t* units) noexcept nogil:
    """Return whether there are defective parts where any of these units are drawn from."""
    cdef int k, found = 0
    for k in range(p.input_start[i], p.input_start[i + 1]):
        found |= any_both(b.store_bad[p.input_order[k] * p.n_products + r], units)
    for k in range(p.item_start[i], p.item_start[i + 1]):
        if p.item_serves[p.item_order[k] * p.n_products + r]:
            found |= any_both(b.stock_bad[p.item_order[k]], units)
    return found


cdef inline inlined release_defects(const Params* p, Block* b, Scratch* w, int i, int r) noexcept nogil:
    """Let the defective among ``w.moved`` units that are about to be released go along, from stores and items."""
    cdef int k, item, y, lane, n = p.n_products
    cdef int x = i * n + r
    for lane in range(LANES):
        w.asked[lane] = 0
    for k in range(p.input_start[i], p.input_start[i + 1]):
        y = p.input_order[k] * n + r
        withdraw_bad(b, w, y)
        unite(b, w, <uint32_t>(SOURCE_STORE + y), 3, k == p.input_start[i])
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        if p.item_serves[item * n + r] and any_both(b.stock_bad[item], w.moved):
            draw_rare(b, <uint32_t>(SOURCE_ITEM + item * n + r))
            share(b.stock_bad[item], w.moved, b.stock[item], b.rare[0], w.bad)
            for lane in range(LANES):
                b.stock_bad[item][lane] -= w.bad[lane]
            unite(b, w, <uint32_t>(SOURCE_ITEM + item * n + r), 1, False)
    for lane in range(LANES):
        b.queue_bad[x][lane] += w.asked[lane]


cdef inline inlined unite(Block* b, Scratch* w, uint32_t source, int place, bint first) noexcept nogil:
    """Add the units with a defective part of one more kind, ``w.bad`` of ``w.moved``, to those in ``w.asked``.

    Of the defective parts, a share meets a unit that is defective already.
    """
    cdef int lane
    if not first and any_of(w.asked) and any_of(w.bad):
        draw_rare(b, source)
        for lane in range(LANES):
            w.begun[lane] = w.moved[lane] - w.asked[lane]
        share(w.bad, w.begun, w.moved, b.rare[place], w.bad)
    for lane in range(LANES):
        w.asked[lane] += w.bad[lane]


# -- crew --

cdef inline inlined attend(const Params* p, Block* b, int i) noexcept nogil:
    """Let a technician who is free begin a repair."""
    cdef int lane
    cdef int32_t begins, technicians = p.technicians
    for lane in range(LANES):
        begins = 1 if b.mode[i][lane] == WAITING else 0
        begins = begins if b.crew[lane] < technicians else 0
        b.mode[i][lane] = DOWN if begins else b.mode[i][lane]
        b.crew[lane] += begins


# -- load: stages without the rarer features take the short way --

cdef inline inlined load(
    const Params* p, Block* b, int i, int f, const int32_t* left_over
) noexcept nogil:
    """Start maintenance if asked, else a job if there is one and room for it; count the slot by what comes."""
    cdef int lane
    cdef int32_t[LANES] behind, fits, begins
    cdef int32_t idle, waiting, units, starts, material, held
    cdef int32_t batch = p.batch[i], room = p.room[i]
    if p.room[i] < BIG and f < p.n_stages:
        for lane in range(LANES):
            behind[lane] = b.store[i][lane] + b.queue[f][lane] + b.job[f][lane]
    else:
        for lane in range(LANES):
            behind[lane] = b.store[i][lane] if p.room[i] < BIG else 0
    if p.pm_level[i] >= 0:
        for lane in range(LANES):
            idle = 1 if b.mode[i][lane] == RUN else 0
            idle = idle if b.job[i][lane] == 0 else 0
            starts = idle if b.reading[i][lane] >= b.pm_level_knob[i][lane] else 0
            b.mode[i][lane] = PM if starts else b.mode[i][lane]
            b.off_left[i][lane] = b.pm_slots[i][lane] if starts else b.off_left[i][lane]
            b.pms[i][lane] += starts
    for lane in range(LANES):
        idle = 1 if b.job[i][lane] == 0 else 0
        begins[lane] = idle if b.mode[i][lane] == RUN else 0
        waiting = b.queue[i][lane]
        units = waiting if waiting < batch else batch
        fits[lane] = units if behind[lane] <= room - units else 0
    for lane in range(LANES):
        waiting = b.queue[i][lane]
        material = left_over[lane]
        starts = begins[lane] if fits[lane] > 0 else 0
        idle = begins[lane] - starts
        held = idle if (waiting if waiting > material else material) > 0 else 0
        b.blocked[i][lane] += held
        b.starved[i][lane] += idle - held
        begins[lane] = starts
    for lane in range(LANES):
        starts = begins[lane]
        units = fits[lane] if starts else 0
        b.queue[i][lane] -= units
        b.job[i][lane] += units
        b.left[i][lane] = b.job_slots[i][lane] if starts else b.left[i][lane]


cdef inline inlined load_in_full(
    const Params* p, Block* b, Scratch* w, int i
) noexcept nogil:
    """Start maintenance if asked, else a setup or a job if there is one; count the slot by what comes."""
    cdef int lane
    cdef int32_t idle, units, starts, held, batch = p.batch[i], room = p.room[i]
    for lane in range(LANES):
        idle = 1 if b.mode[i][lane] == RUN else 0
        w.idle[lane] = idle if b.left[i][lane] == 0 else 0  # neither a job nor a setup
    if not any_of(w.idle):
        return
    if p.pm_level[i] >= 0:
        maintain(p, b, w, i)
    choose(p, b, w, i)
    if p.has_setup[i]:
        set_up(p, b, w, i)
    ahead(p, b, w, i)
    for lane in range(LANES):
        units = w.position[lane] if w.position[lane] < batch else batch
        starts = w.idle[lane] if units > 0 else 0
        starts = starts if w.asked[lane] <= room - units else 0
        idle = w.idle[lane] - starts
        held = idle if w.position[lane] > 0 else 0
        b.blocked[i][lane] += held
        w.found[lane] = idle - held
        w.idle[lane] = starts
        w.fits[lane] = units if starts else 0
    if any_of(w.idle):
        begin_jobs(p, b, w, i)
    if any_of(w.found):
        tell_starved(p, b, w, i)


cdef inline inlined tell_starved(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Count the machines in ``w.found``, which have an empty queue, as starved, or blocked if there is material."""
    cdef int lane, r
    if p.shares_items[i]:  # what one product left behind, another may have taken
        for lane in range(LANES):
            w.left_over[lane] = 0
        for r in range(p.n_products):
            material(p, b, i, r, w.material, True)
            for lane in range(LANES):
                w.left_over[lane] = w.material[lane] if w.material[lane] > w.left_over[lane] else w.left_over[lane]
    for lane in range(LANES):
        b.blocked[i][lane] += w.found[lane] if w.left_over[lane] > 0 else 0
        b.starved[i][lane] += w.found[lane] if w.left_over[lane] == 0 else 0


cdef inline inlined maintain(
    const Params* p, Block* b, Scratch* w, int i
) noexcept nogil:
    """Start maintenance where it is asked for and a technician is free; those machines are no longer idle."""
    cdef int lane
    for lane in range(LANES):
        w.found[lane] = w.idle[lane] if b.reading[i][lane] >= b.pm_level_knob[i][lane] else 0
    if p.counts_crew:
        for lane in range(LANES):
            w.found[lane] = w.found[lane] if b.crew[lane] < p.technicians else 0
            b.crew[lane] += w.found[lane]
    if any_of(w.found):
        if p.law_size[p.row.pm_slots + i] > 0:
            draw_job(b, i)
        begin(p, b, w, p.row.pm_slots + i, b.pm_slots[i], b.job_words[2])
        for lane in range(LANES):
            b.mode[i][lane] = PM if w.found[lane] else b.mode[i][lane]
            b.off_left[i][lane] = w.begun[lane] if w.found[lane] else b.off_left[i][lane]
            b.pms[i][lane] += w.found[lane]
            w.idle[lane] -= w.found[lane]


cdef inline inlined choose(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Note in ``w.chosen`` the product that a machine is to make, and in ``w.position`` its units in the queue."""
    cdef int lane, r, n = p.n_products
    cdef int32_t key, stays, exhaustive = p.exhaustive[i]
    if n == 1:
        for lane in range(LANES):
            w.chosen[lane] = 0
            w.position[lane] = b.queue[i][lane]
        return
    for lane in range(LANES):
        w.found[lane] = b.queue[i * n][lane]  # of the present product
        w.position[lane] = b.queue[i * n][lane] * PRODUCTS + PRODUCTS - 1  # the longest, of equals the first listed
    for r in range(1, n):
        for lane in range(LANES):
            key = b.queue[i * n + r][lane] * PRODUCTS + PRODUCTS - 1 - r
            w.position[lane] = key if key > w.position[lane] else w.position[lane]
            w.found[lane] = b.queue[i * n + r][lane] if b.product[i][lane] == r else w.found[lane]
    for lane in range(LANES):
        key = w.position[lane]
        w.chosen[lane] = PRODUCTS - 1 - (key & (PRODUCTS - 1))
        w.position[lane] = key >> PRODUCTS_SHIFT
    for lane in range(LANES):
        stays = exhaustive if w.found[lane] > 0 else 0
        stays = 1 if b.setting[i][lane] == SET_UP else stays
        w.chosen[lane] = b.product[i][lane] if stays else w.chosen[lane]
        w.position[lane] = w.found[lane] if stays else w.position[lane]


cdef inline inlined set_up(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Start a setup where the chosen product is another; those machines are no longer idle."""
    cdef int lane
    for lane in range(LANES):
        w.found[lane] = w.idle[lane] if w.chosen[lane] != b.product[i][lane] else 0
        w.found[lane] = w.found[lane] if w.position[lane] > 0 else 0
    if any_of(w.found):
        if p.law_size[p.row.setup_slots + i] > 0:
            draw_job(b, i)
        begin(p, b, w, p.row.setup_slots + i, b.setup_slots[i], b.job_words[1])
        for lane in range(LANES):
            b.left[i][lane] = w.begun[lane] if w.found[lane] else b.left[i][lane]
            b.setting[i][lane] = IN_SETUP if w.found[lane] else b.setting[i][lane]
            b.product[i][lane] = w.chosen[lane] if w.found[lane] else b.product[i][lane]
            b.setups[i][lane] += w.found[lane]
            w.idle[lane] -= w.found[lane]


cdef inline inlined ahead(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Note the units that are finished at a stage and not yet by the next machine; none counts without a room."""
    cdef int lane, r, x, n = p.n_products
    for lane in range(LANES):
        w.asked[lane] = 0
    if p.room[i] < BIG:
        for r in range(n):
            for lane in range(LANES):
                w.asked[lane] += b.store[i * n + r][lane]
            x = p.follower[i] * n + r
            if p.follower[i] < p.n_stages:
                for lane in range(LANES):
                    w.asked[lane] += b.queue[x][lane] + b.job[x][lane]


cdef inline inlined begin_jobs(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Load ``w.fits`` units of the chosen products."""
    cdef int lane, r, x, n = p.n_products
    cdef bint some_bad, drawn = False
    cdef int32_t change
    for r in range(n):
        x = i * n + r
        for lane in range(LANES):
            w.moved[lane] = w.fits[lane] if w.chosen[lane] == r else 0
        some_bad = p.quality and any_both(b.queue_bad[x], w.moved)
        if not drawn and (some_bad or p.law_size[p.row.job_slots + x] > 0):
            draw_job(b, i)
            drawn = True
        if some_bad:
            share(b.queue_bad[x], w.moved, b.queue[x], b.job_words[3], w.bad)
            for lane in range(LANES):
                b.queue_bad[x][lane] -= w.bad[lane]
                b.job_bad[x][lane] += w.bad[lane]
        for lane in range(LANES):
            b.queue[x][lane] -= w.moved[lane]
            b.job[x][lane] += w.moved[lane]
        if not p.same_slots[i]:
            begin(p, b, w, p.row.job_slots + x, b.job_slots[x], b.job_words[1])
            for lane in range(LANES):
                b.left[i][lane] = w.begun[lane] if w.moved[lane] > 0 else b.left[i][lane]
    if p.same_slots[i]:
        for lane in range(LANES):
            b.left[i][lane] = b.job_slots[i * n][lane] if w.idle[lane] else b.left[i][lane]
    if n > 1:
        for lane in range(LANES):
            change = w.idle[lane] if w.chosen[lane] != b.product[i][lane] else 0
            b.setups[i][lane] += change
            b.product[i][lane] = w.chosen[lane] if w.idle[lane] else b.product[i][lane]
            b.setting[i][lane] = NO_SETUP if w.idle[lane] else b.setting[i][lane]
