# Phase 4: pull, from the last stage to the first.

from libc.stdint cimport int32_t, uint32_t

from jitgym._core.demand cimport withdraw_bad
from jitgym._core.line cimport LANES, Block, Params
from jitgym._core.luck cimport SOURCE_ITEM, any_of, begin, draw_job, draw_rare, share
from jitgym._core.threefry cimport inlined
from jitgym._core.work cimport DOWN, IN_SETUP, PM, RUN, SET_UP, WAITING

cdef enum:
    OFF = 0x40000000
    BIG = 0x40000000
    NO_SETUP = 0


cdef inline inlined pull(
    const Params* p, const int32_t* par, Block* b, const int32_t* knobs, Py_ssize_t stride, int since, bint rich
) noexcept nogil:
    """Release, attend and load, downstream first: a withdrawal frees a card upstream at once."""
    cdef int i, r, x, f, lane, n = p.n_products if rich else 1
    for r in range(n):
        for lane in range(LANES):
            b.below[p.n_stages * n + r][lane] = 0
    if rich and p.counts_crew:
        count_crew(p, b)
    for i in range(p.n_stages - 1, -1, -1):
        f = p.follower[i] if rich else i + 1
        release(p, b, knobs, stride, i, f, since, rich)
        for r in range(n):
            x = i * n + r
            for lane in range(LANES):
                b.below[x][lane] = b.below[f * n + r][lane] + b.queue[x][lane] + b.job[x][lane] + b.store[x][lane]
        if rich and p.counts_crew:
            attend(p, b, i)
        if rich and p.is_rich[i]:
            load_in_full(p, par, b, knobs, stride, i)
        else:
            load(p, par, b, knobs, stride, i, f)


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

cdef inline inlined release(
    const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride, int i, int f, int since, bint rich
) noexcept nogil:
    """Move units into the queue as far as cards and material allow; note in ``b.material`` what stays behind."""
    cdef int k, r, lane, item, n = p.n_products if rich else 1
    cdef int32_t units
    for r in range(n):
        open_cards(p, b, knobs, stride, i, r, f, since, rich)
    if not rich:
        material(p, b, i, 0, False)
        for lane in range(LANES):
            units = b.cards[0][lane] if b.cards[0][lane] < b.material[lane] else b.material[lane]
            b.cards[0][lane] = units
            b.queue[i][lane] += units
            b.material[lane] -= units
            b.released[i][lane] += units
        if i > 0:
            for lane in range(LANES):
                b.store[i - 1][lane] -= b.cards[0][lane]
        for k in range(p.item_start[i], p.item_start[i + 1]):
            item = p.item_order[k]
            for lane in range(LANES):
                b.stock[item][lane] -= b.cards[0][lane]
        return
    if n > 1 and p.shares_items[i]:
        release_in_turn(p, b, i)
    else:
        for r in range(n):
            release_product(p, b, i, r)
    if n == 1:
        return  # b.material is what stays behind
    for lane in range(LANES):
        b.idle[lane] = 0
    for r in range(n):
        material(p, b, i, r, True)
        for lane in range(LANES):
            b.idle[lane] = b.material[lane] if b.material[lane] > b.idle[lane] else b.idle[lane]
    for lane in range(LANES):
        b.material[lane] = b.idle[lane]


cdef inline inlined open_cards(
    const Params* p, Block* b, const int32_t* knobs, Py_ssize_t stride, int i, int r, int f, int since, bint rich
) noexcept nogil:
    """Note how many units of a product its knobs let into a stage; OFF if none limits them."""
    cdef int lane, n = p.n_products if rich else 1
    cdef int x = i * n + r, beyond = f * n + r, end
    cdef int32_t here, asked, credit, cards, top
    for lane in range(LANES):
        b.cards[r][lane] = OFF
    if p.kanban[x] >= 0:
        for lane in range(LANES):
            here = b.queue[x][lane] + b.job[x][lane] + b.store[x][lane]
            asked = knobs[p.kanban[x] * stride + lane] - here
            b.cards[r][lane] = asked if asked < b.cards[r][lane] else b.cards[r][lane]
    if p.loop[x] >= 0:
        end = (p.follower[p.loop_end[x]] if rich else p.loop_end[x] + 1) * n + r
        for lane in range(LANES):
            here = b.queue[x][lane] + b.job[x][lane] + b.store[x][lane] + b.below[beyond][lane]
            asked = knobs[p.loop[x] * stride + lane] - (here - b.below[end][lane])
            b.cards[r][lane] = asked if asked < b.cards[r][lane] else b.cards[r][lane]
    if p.basestock[x] >= 0:
        for lane in range(LANES):
            here = b.queue[x][lane] + b.job[x][lane] + b.store[x][lane] + b.below[beyond][lane]
            asked = knobs[p.basestock[x] * stride + lane] - (here - b.backlog[r][lane])
            if rich:
                asked += b.known[r][lane]
            b.cards[r][lane] = asked if asked < b.cards[r][lane] else b.cards[r][lane]
    if rich and p.release[x] >= 0:
        if since == 0:
            top = p.credit_top[x]
            for lane in range(LANES):
                credit = b.credits[x][lane] + knobs[p.release[x] * stride + lane]
                b.credits[x][lane] = credit if credit < top else top
        for lane in range(LANES):
            credit = b.credits[x][lane]
            b.cards[r][lane] = credit if credit < b.cards[r][lane] else b.cards[r][lane]
    if rich and p.lot[x] >= 0:
        for lane in range(LANES):
            asked = knobs[p.lot[x] * stride + lane]
            b.cards[r][lane] = b.cards[r][lane] if b.cards[r][lane] >= asked else 0
    if p.source[x]:
        for lane in range(LANES):
            cards = p.batch[i] - b.queue[x][lane]  # a saturated source keeps its queue at one job
            b.cards[r][lane] = cards if b.cards[r][lane] > OFF // 2 else b.cards[r][lane]
    for lane in range(LANES):
        b.cards[r][lane] = b.cards[r][lane] if b.cards[r][lane] > 0 else 0


cdef inline inlined material(const Params* p, Block* b, int i, int r, bint rich) noexcept nogil:
    """Note the units of a product that the material allows; BIG where it is unlimited."""
    cdef int k, x, item, lane
    cdef int32_t units
    if not rich:
        for lane in range(LANES):
            b.material[lane] = b.store[i - 1][lane] if i > 0 else BIG
    else:
        for lane in range(LANES):
            b.material[lane] = BIG
        for k in range(p.input_start[i], p.input_start[i + 1]):
            x = p.input_order[k] * p.n_products + r
            for lane in range(LANES):
                units = b.store[x][lane]
                b.material[lane] = units if units < b.material[lane] else b.material[lane]
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        if not rich or p.item_serves[item * p.n_products + r]:
            for lane in range(LANES):
                units = b.stock[item][lane]
                b.material[lane] = units if units < b.material[lane] else b.material[lane]


cdef inline inlined release_in_turn(const Params* p, Block* b, int i) noexcept nogil:
    """Release the products that share items one after another, the one with most open cards first."""
    cdef int turn, r, lane, n = p.n_products
    cdef int32_t better
    for r in range(n):
        for lane in range(LANES):
            b.quantity[r][lane] = b.cards[r][lane]  # -1: has had its turn
    for turn in range(n):
        for lane in range(LANES):
            b.chosen[lane] = 0
            b.position[lane] = b.quantity[0][lane]
        for r in range(1, n):
            for lane in range(LANES):
                better = 1 if b.quantity[r][lane] > b.position[lane] else 0
                b.chosen[lane] = r if better else b.chosen[lane]
                b.position[lane] = b.quantity[r][lane] if better else b.position[lane]
        for r in range(n):
            for lane in range(LANES):
                b.cards[r][lane] = b.quantity[r][lane] if b.chosen[lane] == r else 0
                b.quantity[r][lane] = -1 if b.chosen[lane] == r else b.quantity[r][lane]
            if any_of(b.cards[r]):
                release_product(p, b, i, r)


cdef inline inlined release_product(const Params* p, Block* b, int i, int r) noexcept nogil:
    """Release one product as far as ``b.cards`` and material allow; a unit with a defective part is defective."""
    cdef int k, item, y, lane, n = p.n_products
    cdef int x = i * n + r
    cdef int32_t units
    material(p, b, i, r, True)
    for lane in range(LANES):
        units = b.cards[r][lane] if b.cards[r][lane] < b.material[lane] else b.material[lane]
        b.moved[lane] = units
        b.material[lane] -= units
        b.queue[x][lane] += units
        b.released[x][lane] += units
        b.asked[lane] = 0
    for k in range(p.input_start[i], p.input_start[i + 1]):
        y = p.input_order[k] * n + r
        if p.quality:
            withdraw_bad(b, y)
            for lane in range(LANES):
                b.asked[lane] += b.bad[lane]
        for lane in range(LANES):
            b.store[y][lane] -= b.moved[lane]
    for k in range(p.item_start[i], p.item_start[i + 1]):
        item = p.item_order[k]
        if p.item_serves[item * n + r]:
            if p.quality and any_of(b.stock_bad[item]):
                draw_rare(b, <uint32_t>(SOURCE_ITEM + item * n + r))
                share(b.stock_bad[item], b.moved, b.stock[item], b.rare[0], b.bad)
                for lane in range(LANES):
                    b.stock_bad[item][lane] -= b.bad[lane]
                    b.asked[lane] += b.bad[lane]
            for lane in range(LANES):
                b.stock[item][lane] -= b.moved[lane]
    if p.quality:
        for lane in range(LANES):
            b.queue_bad[x][lane] += b.asked[lane] if b.asked[lane] < b.moved[lane] else b.moved[lane]
    if p.release[x] >= 0:
        for lane in range(LANES):
            b.credits[x][lane] -= b.moved[lane]


# -- crew --

cdef inline inlined attend(const Params* p, Block* b, int i) noexcept nogil:
    """Let a technician who is free begin a repair."""
    cdef int lane
    cdef int32_t begins
    for lane in range(LANES):
        begins = 1 if b.mode[i][lane] == WAITING else 0
        begins = begins if b.crew[lane] < p.technicians else 0
        b.mode[i][lane] = DOWN if begins else b.mode[i][lane]
        b.crew[lane] += begins


# -- load: stages without the rarer features take the short way --

cdef inline inlined load(
    const Params* p, const int32_t* par, Block* b, const int32_t* knobs, Py_ssize_t stride, int i, int f
) noexcept nogil:
    """Start maintenance if asked, else a job if there is one and room for it; count the slot by what comes."""
    cdef int lane
    cdef int32_t idle, waiting, units, starts, material, held
    cdef int32_t batch = p.batch[i], room = p.room[i]
    cdef const int32_t* job_slots = par + (p.row.job_slots + i) * LANES
    cdef const int32_t* pm_slots = par + (p.row.pm_slots + i) * LANES
    if p.room[i] < BIG and f < p.n_stages:
        for lane in range(LANES):
            b.asked[lane] = b.store[i][lane] + b.queue[f][lane] + b.job[f][lane]
    else:
        for lane in range(LANES):
            b.asked[lane] = b.store[i][lane] if p.room[i] < BIG else 0
    if p.pm_level[i] >= 0:
        for lane in range(LANES):
            idle = 1 if b.mode[i][lane] == RUN else 0
            idle = idle if b.job[i][lane] == 0 else 0
            starts = idle if b.reading[i][lane] >= knobs[p.pm_level[i] * stride + lane] else 0
            b.mode[i][lane] = PM if starts else b.mode[i][lane]
            b.off_left[i][lane] = pm_slots[lane] if starts else b.off_left[i][lane]
            b.pms[i][lane] += starts
    for lane in range(LANES):
        idle = 1 if b.job[i][lane] == 0 else 0
        b.idle[lane] = idle if b.mode[i][lane] == RUN else 0
        waiting = b.queue[i][lane]
        units = waiting if waiting < batch else batch
        b.fits[lane] = units if b.asked[lane] <= room - units else 0
    for lane in range(LANES):
        waiting = b.queue[i][lane]
        material = b.material[lane]
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
        b.left[i][lane] = job_slots[lane] if starts else b.left[i][lane]


cdef inline inlined load_in_full(
    const Params* p, const int32_t* par, Block* b, const int32_t* knobs, Py_ssize_t stride, int i
) noexcept nogil:
    """Start maintenance if asked, else a setup or a job if there is one; count the slot by what comes."""
    cdef int lane, x, n = p.n_products
    cdef int32_t idle, units, starts, held, batch = p.batch[i], room = p.room[i]
    for lane in range(LANES):
        idle = 1 if b.mode[i][lane] == RUN else 0
        b.idle[lane] = idle if b.setting[i][lane] != IN_SETUP else 0
    for x in range(i * n, (i + 1) * n):
        for lane in range(LANES):
            b.idle[lane] = b.idle[lane] if b.job[x][lane] == 0 else 0
    if not any_of(b.idle):
        return
    if p.pm_level[i] >= 0:
        maintain(p, par, b, knobs, stride, i)
    choose(p, b, i)
    if p.has_setup[i]:
        set_up(p, par, b, i)
    ahead(p, b, i)
    for lane in range(LANES):
        units = b.position[lane] if b.position[lane] < batch else batch
        starts = b.idle[lane] if units > 0 else 0
        starts = starts if b.asked[lane] <= room - units else 0
        idle = b.idle[lane] - starts
        held = idle if (b.position[lane] if b.position[lane] > b.material[lane] else b.material[lane]) > 0 else 0
        b.blocked[i][lane] += held
        b.starved[i][lane] += idle - held
        b.idle[lane] = starts
        b.fits[lane] = units if starts else 0
    if any_of(b.idle):
        begin_jobs(p, par, b, i)


cdef inline inlined maintain(
    const Params* p, const int32_t* par, Block* b, const int32_t* knobs, Py_ssize_t stride, int i
) noexcept nogil:
    """Start maintenance where it is asked for and a technician is free; those machines are no longer idle."""
    cdef int lane
    for lane in range(LANES):
        b.found[lane] = b.idle[lane] if b.reading[i][lane] >= knobs[p.pm_level[i] * stride + lane] else 0
    if p.counts_crew:
        for lane in range(LANES):
            b.found[lane] = b.found[lane] if b.crew[lane] < p.technicians else 0
            b.crew[lane] += b.found[lane]
    if any_of(b.found):
        if p.law_size[p.row.pm_slots + i] > 0:
            draw_job(b, i)
        begin(p, par, b, p.row.pm_slots + i, b.job_words[2])
        for lane in range(LANES):
            b.mode[i][lane] = PM if b.found[lane] else b.mode[i][lane]
            b.off_left[i][lane] = b.begun[lane] if b.found[lane] else b.off_left[i][lane]
            b.pms[i][lane] += b.found[lane]
            b.idle[lane] -= b.found[lane]


cdef inline inlined choose(const Params* p, Block* b, int i) noexcept nogil:
    """Note in ``b.chosen`` the product that a machine is to make, and in ``b.position`` its units in the queue."""
    cdef int lane, r, n = p.n_products
    cdef int32_t better, stays, exhaustive = p.exhaustive[i]
    for lane in range(LANES):
        b.chosen[lane] = 0
        b.position[lane] = b.queue[i * n][lane]
    if n == 1:
        return
    for lane in range(LANES):
        b.found[lane] = b.position[lane] if b.product[i][lane] == 0 else 0  # the queue of the present product
    for r in range(1, n):
        for lane in range(LANES):
            better = 1 if b.queue[i * n + r][lane] > b.position[lane] else 0
            b.chosen[lane] = r if better else b.chosen[lane]
            b.position[lane] = b.queue[i * n + r][lane] if better else b.position[lane]
            b.found[lane] = b.queue[i * n + r][lane] if b.product[i][lane] == r else b.found[lane]
    for lane in range(LANES):
        stays = exhaustive if b.found[lane] > 0 else 0
        stays = 1 if b.setting[i][lane] == SET_UP else stays
        b.chosen[lane] = b.product[i][lane] if stays else b.chosen[lane]
        b.position[lane] = b.found[lane] if stays else b.position[lane]


cdef inline inlined set_up(const Params* p, const int32_t* par, Block* b, int i) noexcept nogil:
    """Start a setup where the chosen product is another; those machines are no longer idle."""
    cdef int lane
    for lane in range(LANES):
        b.found[lane] = b.idle[lane] if b.chosen[lane] != b.product[i][lane] else 0
        b.found[lane] = b.found[lane] if b.position[lane] > 0 else 0
    if any_of(b.found):
        if p.law_size[p.row.setup_slots + i] > 0:
            draw_job(b, i)
        begin(p, par, b, p.row.setup_slots + i, b.job_words[1])
        for lane in range(LANES):
            b.left[i][lane] = b.begun[lane] if b.found[lane] else b.left[i][lane]
            b.setting[i][lane] = IN_SETUP if b.found[lane] else b.setting[i][lane]
            b.product[i][lane] = b.chosen[lane] if b.found[lane] else b.product[i][lane]
            b.setups[i][lane] += b.found[lane]
            b.idle[lane] -= b.found[lane]


cdef inline inlined ahead(const Params* p, Block* b, int i) noexcept nogil:
    """Note the units that are finished at a stage and not yet by the next machine; none counts without a room."""
    cdef int lane, r, x, n = p.n_products
    for lane in range(LANES):
        b.asked[lane] = 0
    if p.room[i] < BIG:
        for r in range(n):
            for lane in range(LANES):
                b.asked[lane] += b.store[i * n + r][lane]
            x = p.follower[i] * n + r
            if p.follower[i] < p.n_stages:
                for lane in range(LANES):
                    b.asked[lane] += b.queue[x][lane] + b.job[x][lane]


cdef inline inlined begin_jobs(const Params* p, const int32_t* par, Block* b, int i) noexcept nogil:
    """Load ``b.fits`` units of the chosen products."""
    cdef int lane, r, x, n = p.n_products, drawn = 0
    cdef int32_t change
    for r in range(n):
        x = i * n + r
        for lane in range(LANES):
            b.moved[lane] = b.fits[lane] if b.chosen[lane] == r else 0
        if not drawn and (p.law_size[p.row.job_slots + x] > 0 or (p.quality and any_of(b.queue_bad[x]))):
            draw_job(b, i)
            drawn = 1
        if p.quality and any_of(b.queue_bad[x]):
            share(b.queue_bad[x], b.moved, b.queue[x], b.job_words[3], b.bad)
            for lane in range(LANES):
                b.queue_bad[x][lane] -= b.bad[lane]
                b.job_bad[x][lane] += b.bad[lane]
        begin(p, par, b, p.row.job_slots + x, b.job_words[1])
        for lane in range(LANES):
            b.queue[x][lane] -= b.moved[lane]
            b.job[x][lane] += b.moved[lane]
            b.left[i][lane] = b.begun[lane] if b.moved[lane] > 0 else b.left[i][lane]
    if n > 1:
        for lane in range(LANES):
            change = b.idle[lane] if b.chosen[lane] != b.product[i][lane] else 0
            b.setups[i][lane] += change
            b.product[i][lane] = b.chosen[lane] if b.idle[lane] else b.product[i][lane]
            b.setting[i][lane] = NO_SETUP if b.idle[lane] else b.setting[i][lane]
