# Phase 2: work. Stages without the rarer features take the two short ways; the long way is for all the others.

from libc.stdint cimport int32_t, int64_t, uint32_t

from jitgym._core.line cimport LANES, Block, Params, Scratch
from jitgym._core.luck cimport CERTAIN, SOURCE_STAGE, any_of, begin, draw_job, draw_rare
from jitgym._core.threefry cimport inlined

cdef enum:
    RUN = 0
    DOWN = 1
    PM = 2
    STOP = 3
    WAITING = 4
    IN_SETUP = 1
    SET_UP = 2
    TIMES_SHIFT = 12


cdef inline inlined work(const Params* p, Block* b, Scratch* w, int i, bint rich) noexcept nogil:
    """One slot of progress of one machine: what goes on in it; then wear and breakdown."""
    if rich and p.is_rich[i]:
        work_in_full(p, b, w, i)
    elif p.fails[i] or p.pm_level[i] >= 0:
        work_with_breakdowns(p, b, i)
    else:
        work_on_jobs(p, b, i)


cdef inline inlined work_on_jobs(const Params* p, Block* b, int i) noexcept nogil:
    """One slot of a machine that never stops and makes one product."""
    cdef int lane
    cdef int32_t u, working, last, ends, units
    for lane in range(LANES):
        u = b.first_word[i + 1][lane]
        working = 1 if b.job[i][lane] > 0 else 0
        last = 1 if b.left[i][lane] == 1 else 0
        ends = working * last if u <= b.job_finish[i][lane] else 0
        units = b.job[i][lane] * ends
        b.left[i][lane] -= working * (1 - last) + ends
        b.job[i][lane] -= units
        b.store[i][lane] += units
        b.finished[i][lane] += units


cdef inline inlined work_with_breakdowns(const Params* p, Block* b, int i) noexcept nogil:
    """The same for a machine that breaks down or is maintained."""
    cdef int lane
    cdef int32_t[LANES] exposed, back, keep, risk
    cdef int32_t u, mode, running, working, timer, finish, last, active, ends, done, units
    cdef int32_t breaks, hazard = p.hazard[p.hazard_start[i]]
    cdef int32_t repair_keep = p.repair_keep[i], pm_keep = p.pm_keep[i], timed = p.timed[i]
    for lane in range(LANES):
        u = b.first_word[i + 1][lane]
        mode = b.mode[i][lane]
        running = 1 if mode == RUN else 0
        working = running if b.job[i][lane] > 0 else 0
        timer = b.left[i][lane] if running else b.off_left[i][lane]
        finish = b.job_finish[i][lane] if running else (b.repair_finish[i][lane] if mode == DOWN else b.pm_finish[i][lane])
        last = 1 if timer == 1 else 0
        active = 1 - running + working
        ends = active * last if u <= finish else 0
        done = ends * running
        back[lane] = ends - done
        units = b.job[i][lane] * done
        b.store[i][lane] += units
        b.finished[i][lane] += units
        b.job[i][lane] -= units
        b.left[i][lane] -= working * (1 - last) + done
        b.off_left[i][lane] -= (1 - running) * (1 - last) + back[lane]
        b.mode[i][lane] = RUN if back[lane] else mode
        exposed[lane] = working + (running - working) * timed
        keep[lane] = repair_keep if mode == DOWN else pm_keep
    keep_wear(p, b, i, back, keep)
    if p.fails[i]:
        if p.levels[i] > 1:
            wear_out(p, b, i, exposed, risk)
        else:
            for lane in range(LANES):
                risk[lane] = hazard
        if p.varies_hazard[i]:
            multiply(risk, b.hazard_factor[i])
        for lane in range(LANES):
            u = b.second_word[i + 1][lane]
            breaks = exposed[lane] if u <= risk[lane] else 0
            b.age[i][lane] += exposed[lane]
            b.mode[i][lane] = DOWN if breaks else b.mode[i][lane]
            b.off_left[i][lane] = b.repair_slots[i][lane] if breaks else b.off_left[i][lane]
            b.breakdowns[i][lane] += breaks
        if p.levels[i] > 1 or p.monitoring[i] == 0:
            read(p, b, i)


cdef inline inlined keep_wear(
    const Params* p, Block* b, int i, const int32_t* ended, const int32_t* keep
) noexcept nogil:
    """Keep ``keep`` / 256 of wear and age where a repair or a maintenance has ended."""
    cdef int lane
    cdef int32_t part
    if not (p.repair_keep[i] or p.pm_keep[i]):
        for lane in range(LANES):
            b.wear[i][lane] = 0 if ended[lane] else b.wear[i][lane]
            b.age[i][lane] = 0 if ended[lane] else b.age[i][lane]
    else:
        for lane in range(LANES):
            part = keep[lane] if ended[lane] else 256
            b.wear[i][lane] = (b.wear[i][lane] * part) >> 8
            b.age[i][lane] = (b.age[i][lane] >> 8) * part + (((b.age[i][lane] & 255) * part) >> 8)


cdef inline inlined multiply(int32_t* threshold, const int32_t* factor) noexcept nogil:
    """Multiply probabilities, given as thresholds, by factors in 1/4096; they become 1 at most."""
    cdef int lane
    cdef int64_t product
    for lane in range(LANES):
        product = (((<int64_t>threshold[lane] + 1) * factor[lane]) >> TIMES_SHIFT) - 1
        threshold[lane] = <int32_t>(product if product < CERTAIN else CERTAIN)


cdef inline inlined wear_out(
    const Params* p, Block* b, int i, const int32_t* exposed, int32_t* risk
) noexcept nogil:
    """Look up the hazard at the wear from before this slot, and let exposed machines wear."""
    cdef int lane
    cdef int32_t wear, grows, top = p.levels[i] - 1
    cdef const int32_t* hazard = p.hazard + p.hazard_start[i]
    for lane in range(LANES):
        risk[lane] = hazard[b.wear[i][lane]]
    if p.noise_size[i] > 0 or p.wears_at_random[i]:
        draw_rare(b, <uint32_t>(SOURCE_STAGE + i))
        for lane in range(LANES):
            wear = b.wear[i][lane]
            grows = exposed[lane] if wear < top else 0
            grows = grows if b.rare[0][lane] <= b.wear_growth[i][lane] else 0
            b.wear[i][lane] = wear + grows
    else:
        for lane in range(LANES):
            wear = b.wear[i][lane]
            b.wear[i][lane] = wear + (exposed[lane] if wear < top else 0)


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
                b.reading[i][lane] += b.rare[1][lane] > limit
        for lane in range(LANES):
            reading = b.reading[i][lane] - p.noise_radius[i]
            reading = reading if reading > 0 else 0
            b.reading[i][lane] = reading if reading < top else top


# -- the long way --

cdef inline inlined work_in_full(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """One slot of any machine."""
    cdef int lane
    cdef int32_t[LANES] finish, active, ends
    cdef int32_t u, mode, running, working, timer, limit, last, moves, done, timed = p.timed[i]
    threshold_of_jobs(p, b, i, finish)
    for lane in range(LANES):
        running = 1 if b.mode[i][lane] == RUN else 0
        working = running if b.left[i][lane] > 0 else 0  # a job or a setup
        active[lane] = working
        w.done[lane] = working
    if p.has_setup[i]:
        for lane in range(LANES):
            w.done[lane] = active[lane] if b.setting[i][lane] != IN_SETUP else 0
            finish[lane] = finish[lane] if b.setting[i][lane] != IN_SETUP else b.setup_finish[i][lane]
    for lane in range(LANES):
        mode = b.mode[i][lane]
        running = 1 if mode == RUN else 0
        w.exposed[lane] = w.done[lane] + (running - w.done[lane]) * timed
        limit = b.repair_finish[i][lane] if mode == DOWN else finish[lane]
        limit = b.pm_finish[i][lane] if mode == PM else limit
        finish[lane] = b.stop_finish[i][lane] if mode == STOP else limit
        moves = active[lane] if mode == RUN else 1
        active[lane] = moves if mode != WAITING else 0
    for lane in range(LANES):
        u = b.first_word[i + 1][lane]
        mode = b.mode[i][lane]
        timer = b.left[i][lane] if mode == RUN else b.off_left[i][lane]
        last = active[lane] if timer == 1 else 0
        done = last if u <= finish[lane] else 0
        moves = active[lane] - last + done
        b.left[i][lane] -= moves if mode == RUN else 0
        b.off_left[i][lane] -= moves if mode != RUN else 0
        ends[lane] = done
        w.found[lane] = done if mode != RUN else 0
    if any_of(w.found):
        come_back(p, b, w, i)
    if p.has_setup[i]:
        for lane in range(LANES):
            done = ends[lane] - w.found[lane] if b.setting[i][lane] == IN_SETUP else 0
            b.setting[i][lane] = SET_UP if done else b.setting[i][lane]
    for lane in range(LANES):
        w.done[lane] = ends[lane] if w.done[lane] else 0
    if draws_for_wear(p, i):
        draw_rare(b, <uint32_t>(SOURCE_STAGE + i))
    if any_of(w.done):
        finish_jobs(p, b, w, i)
    if p.fails[i]:
        expose(p, b, w, i)
        if p.levels[i] > 1 or p.monitoring[i] == 0:
            read(p, b, i)


cdef inline bint draws_for_wear(const Params* p, int i) noexcept nogil:
    """Whether the words of a stage are needed in every slot."""
    return p.noise_size[i] > 0 or p.wears_at_random[i] or p.shifts[i]


cdef inline inlined threshold_of_jobs(const Params* p, const Block* b, int i, int32_t* finish) noexcept nogil:
    """Note the threshold of the end of the jobs in a machine."""
    cdef int r, lane, n = p.n_products
    for lane in range(LANES):
        finish[lane] = b.job_finish[i * n][lane]
    if not p.same_finish[i]:
        for r in range(1, n):
            for lane in range(LANES):
                finish[lane] = b.job_finish[i * n + r][lane] if b.product[i][lane] == r else finish[lane]


cdef inline inlined come_back(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Let the machines in ``w.found`` run again: after a repair or a maintenance less worn, and in control."""
    cdef int lane
    cdef int32_t[LANES] renewed, keep
    cdef int32_t mode, repair_keep = p.repair_keep[i], pm_keep = p.pm_keep[i]
    for lane in range(LANES):
        mode = b.mode[i][lane]
        keep[lane] = repair_keep if mode == DOWN else pm_keep
        renewed[lane] = w.found[lane] if mode != STOP else 0
        b.mode[i][lane] = RUN if w.found[lane] else mode
        b.shifted[i][lane] = 0 if w.found[lane] else b.shifted[i][lane]
    keep_wear(p, b, i, renewed, keep)


cdef inline inlined finish_jobs(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Put the jobs that ``w.done`` marks into the store, but for the defects that self-inspection finds.

    Uses ``w.asked``, ``w.hazard`` and ``w.idle`` as scratch; leaves ``w.exposed`` alone.
    """
    cdef int lane, x, n = p.n_products
    cdef int32_t units, scrapped, again
    w.some_found = False
    if p.inspects[i]:
        if not draws_for_wear(p, i):
            draw_rare(b, <uint32_t>(SOURCE_STAGE + i))
        inspect(p, b, w, i)
        if p.rework[i] and w.some_found:
            for x in range(i * n, (i + 1) * n):
                begin(p, b, w, p.row.job_slots + x, b.job_slots[x], b.job_words[1])
                for lane in range(LANES):
                    units = b.job[x][lane] * w.idle[lane]
                    again = 1 if units > 0 else 0
                    b.left[i][lane] = w.begun[lane] if again else b.left[i][lane]
                    b.job_bad[x][lane] = 0 if again else b.job_bad[x][lane]
                    b.reworked[x][lane] += units
            for lane in range(LANES):
                w.done[lane] -= w.idle[lane]
    for x in range(i * n, (i + 1) * n):
        if p.quality and any_of(b.job_bad[x]):
            if w.some_found:
                for lane in range(LANES):
                    scrapped = b.job_bad[x][lane] if w.idle[lane] else 0
                    b.job[x][lane] -= scrapped
                    b.job_bad[x][lane] -= scrapped
                    b.scrapped[x][lane] += scrapped
            for lane in range(LANES):
                units = b.job_bad[x][lane] if w.done[lane] else 0
                b.store_bad[x][lane] += units
                b.job_bad[x][lane] -= units
        for lane in range(LANES):
            units = b.job[x][lane] if w.done[lane] else 0
            b.store[x][lane] += units
            b.finished[x][lane] += units
            b.job[x][lane] -= units


cdef inline inlined inspect(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Let finished jobs be defective; note in ``w.idle`` where defects are found, if any are; stop the machine there."""
    cdef int lane, x, n = p.n_products
    cdef int32_t makes, top = p.levels[i]
    cdef const int32_t* defect = p.defect + p.defect_start[i]
    cdef int32_t usual = defect[0], worst = defect[top]
    for lane in range(LANES):
        w.hazard[lane] = usual
    if top > 1:
        for lane in range(LANES):
            w.hazard[lane] = defect[b.wear[i][lane]]
    for lane in range(LANES):
        w.hazard[lane] = worst if b.shifted[i][lane] else w.hazard[lane]
    if p.varies_defect[i]:
        multiply(w.hazard, b.defect_factor[i])
    for lane in range(LANES):
        w.asked[lane] = w.done[lane] if b.rare[3][lane] <= w.hazard[lane] else 0
    for x in range(i * n, (i + 1) * n):
        if any_of(b.job_bad[x]):
            for lane in range(LANES):
                w.asked[lane] = w.done[lane] if b.job_bad[x][lane] > 0 else w.asked[lane]
    if any_of(w.asked):  # all of a job is defective, or the share that it was loaded with
        for x in range(i * n, (i + 1) * n):
            for lane in range(LANES):
                makes = w.done[lane] if b.rare[3][lane] <= w.hazard[lane] else 0
                b.job_bad[x][lane] = b.job[x][lane] if makes else b.job_bad[x][lane]
        draw_job(b, i)
        for lane in range(LANES):
            w.idle[lane] = w.asked[lane] if b.job_words[0][lane] <= b.detect[i][lane] else 0
        w.some_found = any_of(w.idle)
        if p.jidoka[i] and w.some_found:
            begin(p, b, w, p.row.stop_slots + i, b.stop_slots[i], b.job_words[2])
            for lane in range(LANES):
                b.mode[i][lane] = STOP if w.idle[lane] else b.mode[i][lane]
                b.off_left[i][lane] = w.begun[lane] if w.idle[lane] else b.off_left[i][lane]
                b.stops[i][lane] += w.idle[lane]


cdef inline inlined expose(const Params* p, Block* b, Scratch* w, int i) noexcept nogil:
    """Wear exposed machines; they may go out of control, and break down at the wear from before this slot."""
    cdef int lane
    cdef int32_t u, wear, grows, breaks, top = p.levels[i] - 1, mode = WAITING if p.counts_crew else DOWN
    cdef const int32_t* hazard = p.hazard + p.hazard_start[i]
    cdef int32_t usual = hazard[0]
    for lane in range(LANES):
        w.hazard[lane] = usual
        b.age[i][lane] += w.exposed[lane]
    if top > 0:
        for lane in range(LANES):
            u = b.rare[0][lane] if p.wears_at_random[i] else 0
            wear = b.wear[i][lane]
            w.hazard[lane] = hazard[wear]
            grows = w.exposed[lane] if wear < top else 0
            grows = grows if u <= b.wear_growth[i][lane] else 0
            b.wear[i][lane] = wear + grows
    if p.varies_hazard[i]:
        multiply(w.hazard, b.hazard_factor[i])
    if p.shifts[i]:
        for lane in range(LANES):
            u = w.exposed[lane] if b.rare[2][lane] <= b.shift_chance[i][lane] else 0
            b.shifted[i][lane] = 1 if u else b.shifted[i][lane]
    for lane in range(LANES):
        w.chosen[lane] = w.exposed[lane] if b.second_word[i + 1][lane] <= w.hazard[lane] else 0
    if any_of(w.chosen):
        if p.law_size[p.row.repair_slots + i] > 0:
            draw_job(b, i)
        begin(p, b, w, p.row.repair_slots + i, b.repair_slots[i], b.job_words[2])
        for lane in range(LANES):
            breaks = w.chosen[lane]
            b.mode[i][lane] = mode if breaks else b.mode[i][lane]
            b.off_left[i][lane] = w.begun[lane] if breaks else b.off_left[i][lane]
            b.breakdowns[i][lane] += breaks
