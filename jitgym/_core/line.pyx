"""The compiled core: ``oracle.py`` again, same names, same order, on blocks of 16 lines at once.

Read ``oracle.py`` first: it is the definition. Here every statement acts on a lane loop, so conditions
become factors (``x -= condition``) or selections, and a feature that the line does not use is skipped
by a branch outside the lane loop. The phases lie in files of their own: ``supply.pxd`` (0 and 1), ``work.pxd`` (2),
``demand.pxd`` (3), ``pull.pxd`` (4); ``luck.pxd`` holds the generator's words and ``block.pxd`` the way in and out.
"""

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from jitgym._core.block cimport (
    close_ledger, load_block, load_knobs, load_parameters, open_ledger, own_parameters, save_block
)
from jitgym._core.demand cimport COUNTS, SATURATED, SMOOTHING_SHIFT, TRACE, demand
from jitgym._core.line cimport CHUNK, LANES, PARAMETER_ROWS, PLACES, PRODUCTS, UNITS, Block, Params, Scratch
from jitgym._core.luck cimport CERTAIN, draw, draw_products, draw_suppliers
from jitgym._core.pull cimport BIG, NO_SETUP, OFF, pull
from jitgym._core.supply cimport deliveries, orders
from jitgym._core.threefry cimport inlined, threefry
from jitgym._core.work cimport DOWN, IN_SETUP, PM, RUN, SET_UP, STOP, TIMES_SHIFT, WAITING, work

import numpy as _numpy

from jitgym import fields as _fields
from jitgym import tables as _tables

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 \
        && !defined(JITGYM_DEBUG) && !defined(JITGYM_NATIVE)
    #define JITGYM_LEVELS 1
    #define JITGYM_AVX2 __attribute__((target("arch=x86-64-v3")))
    #define JITGYM_AVX512 __attribute__((target("arch=x86-64-v4")))
    static int jitgym_has_avx2(void) { __builtin_cpu_init(); return __builtin_cpu_supports("x86-64-v3"); }
    static int jitgym_has_avx512(void) { __builtin_cpu_init(); return __builtin_cpu_supports("x86-64-v4"); }
    #else
    #define JITGYM_LEVELS 0
    #define JITGYM_AVX2
    #define JITGYM_AVX512
    static int jitgym_has_avx2(void) { return 0; }
    static int jitgym_has_avx512(void) { return 0; }
    #endif
    #ifdef _OPENMP
    #include <omp.h>
    #define JITGYM_OPENMP 1
    #else
    #define JITGYM_OPENMP 0
    #endif
    """
    # functions of these types are compiled for a level of x86-64, with all that is inlined into them
    ctypedef void avx2 "JITGYM_AVX2 void"
    ctypedef void avx512 "JITGYM_AVX512 void"
    const int JITGYM_LEVELS
    const int JITGYM_OPENMP
    int has_avx2 "jitgym_has_avx2"()
    int has_avx512 "jitgym_has_avx512"()

assert (RUN, DOWN, PM, STOP, WAITING, OFF) == (
    _fields.RUN, _fields.DOWN, _fields.PM, _fields.STOP, _fields.WAITING, _fields.OFF
)
assert (NO_SETUP, IN_SETUP, SET_UP) == (_fields.NO_SETUP, _fields.IN_SETUP, _fields.SET_UP)
assert (BIG, COUNTS, TRACE, SATURATED) == (_tables.BIG, _tables.COUNTS, _tables.TRACE, _tables.SATURATED)
assert (SMOOTHING_SHIFT, 1 << TIMES_SHIFT) == (_tables.SMOOTHING_SHIFT, _tables.TIMES)

SELDOM = 500
"""Units of demand that are passed in fewer than one of this many slots are looked for only where a lane comes near."""
HAS_OPENMP = bool(JITGYM_OPENMP)
"""Whether the core was built with threads."""
KERNELS = tuple(name for name, runs in (("avx512", has_avx512()), ("avx2", has_avx2()), ("baseline", True)) if runs)
"""What the core was compiled for and this processor can run, the fastest first."""


# -- 5. ledger --

cdef inline inlined tally(const Params* p, Block* b, bint rich) noexcept nogil:
    """Count the stocks and states that the slot ends with, and the slots that machines have been off."""
    cdef int i, k, x, r, lane, n = p.n_products if rich else 1
    cdef int32_t period = p.n_seasons * p.season_slots
    for lane in range(LANES):
        b.slot[lane] += 1
    if rich and period > 1:
        for lane in range(LANES):
            b.calendar[lane] = b.calendar[lane] + 1 if b.calendar[lane] + 1 < period else 0
    for r in range(n):
        for lane in range(LANES):
            b.backlog_slots[r][lane] += b.backlog[r][lane]
    for x in range(p.n_stages * n):
        for lane in range(LANES):
            b.process_slots[x][lane] += b.queue[x][lane] + b.job[x][lane]
            b.store_slots[x][lane] += b.store[x][lane]
    for i in range(p.n_stages):
        tally_modes(p, b, i, rich)
    for k in range(p.n_items):
        for lane in range(LANES):
            b.item_slots[k][lane] += b.stock[k][lane]


cdef inline inlined tally_modes(const Params* p, Block* b, int i, bint rich) noexcept nogil:
    """Count what a machine is other than starved or blocked; what is left of its slots it is busy."""
    cdef int lane
    cdef int32_t off
    if p.fails[i] or p.pm_level[i] >= 0 or (rich and p.jidoka[i]):
        for lane in range(LANES):
            off = 1 if b.mode[i][lane] > RUN else 0
            b.off_slots[i][lane] = (b.off_slots[i][lane] + off) & -off
            b.down[i][lane] += off
    if p.pm_level[i] >= 0:
        for lane in range(LANES):
            off = 1 if b.mode[i][lane] == PM else 0
            b.pm[i][lane] += off
            b.down[i][lane] -= off
    if rich and p.jidoka[i]:
        for lane in range(LANES):
            off = 1 if b.mode[i][lane] == STOP else 0
            b.stopped[i][lane] += off
            b.down[i][lane] -= off
    if rich and p.counts_crew:
        for lane in range(LANES):
            off = 1 if b.mode[i][lane] == WAITING else 0
            b.waiting[i][lane] += off
            b.down[i][lane] -= off
    if rich and p.n_products > 1:
        for lane in range(LANES):
            off = 1 if b.mode[i][lane] == RUN else 0
            b.setup[i][lane] += off if b.setting[i][lane] == IN_SETUP else 0


# -- the slots of a block, and the batch --

cdef inline inlined make_slots(
    const Params* p, int32_t* state, const int32_t* knobs, Py_ssize_t stride, int slots, int64_t* ledger, bint rich
) noexcept nogil:
    """Make some slots of the 16 lines of a block; ``stride`` is the number of lines of the batch.

    ``rich`` is known when this is compiled: without it, all that few lines have is left out.
    """
    cdef Block b
    cdef Scratch w
    cdef int32_t[PARAMETER_ROWS * LANES] own
    cdef int i, t, since, done = 0, todo
    cdef uint32_t tick = <uint32_t>state[p.at.tick * LANES]
    if p.n_varied > 0:
        own_parameters(p, state, own)
        load_parameters(p, &b, own, rich)
    else:
        load_parameters(p, &b, p.parameters, rich)
    load_knobs(p, &b, knobs, stride, rich)
    load_block(p, &b, state, rich)
    if slots == 0:
        open_ledger(p, &b, rich)
        close_ledger(p, &b, &w, 0, ledger, stride, True, rich)
    while done < slots:
        todo = slots - done if slots - done < CHUNK else CHUNK
        open_ledger(p, &b, rich)
        for t in range(todo):
            since = done + t
            draw(p, &b)
            if p.n_suppliers > 1:
                draw_suppliers(p, &b)
            if rich and p.n_products > 1:
                draw_products(p, &b)
            orders(p, &b, &w, since, rich)
            deliveries(p, &b, &w, state, tick, rich)
            for i in range(p.n_stages):
                work(p, &b, &w, i, rich)
            demand(p, &b, &w, state, tick, rich)
            pull(p, &b, &w, since, rich)
            tally(p, &b, rich)
            tick += 1
        close_ledger(p, &b, &w, todo, ledger, stride, done == 0, rich)
        done += todo
    save_block(p, &b, state, tick, rich)


# One kernel for lines that have none of the rarer features and one for all lines, each for every level of x86-64.

ctypedef void (*Kernel)(const Params*, int32_t*, const int32_t*, Py_ssize_t, int, int64_t*) noexcept nogil


cdef void plain_baseline(
    const Params* p, int32_t* state, const int32_t* knobs, Py_ssize_t stride, int slots, int64_t* ledger
) noexcept nogil:
    make_slots(p, state, knobs, stride, slots, ledger, False)


cdef void rich_baseline(
    const Params* p, int32_t* state, const int32_t* knobs, Py_ssize_t stride, int slots, int64_t* ledger
) noexcept nogil:
    make_slots(p, state, knobs, stride, slots, ledger, True)


cdef avx2 plain_avx2(
    const Params* p, int32_t* state, const int32_t* knobs, Py_ssize_t stride, int slots, int64_t* ledger
) noexcept nogil:
    if JITGYM_LEVELS:
        make_slots(p, state, knobs, stride, slots, ledger, False)


cdef avx2 rich_avx2(
    const Params* p, int32_t* state, const int32_t* knobs, Py_ssize_t stride, int slots, int64_t* ledger
) noexcept nogil:
    if JITGYM_LEVELS:
        make_slots(p, state, knobs, stride, slots, ledger, True)


cdef avx512 plain_avx512(
    const Params* p, int32_t* state, const int32_t* knobs, Py_ssize_t stride, int slots, int64_t* ledger
) noexcept nogil:
    if JITGYM_LEVELS:
        make_slots(p, state, knobs, stride, slots, ledger, False)


cdef avx512 rich_avx512(
    const Params* p, int32_t* state, const int32_t* knobs, Py_ssize_t stride, int slots, int64_t* ledger
) noexcept nogil:
    if JITGYM_LEVELS:
        make_slots(p, state, knobs, stride, slots, ledger, True)


cdef Kernel kernel_of(name, bint rich) except NULL:
    """Return a kernel by the name of its level, as in KERNELS."""
    if name not in KERNELS:
        raise ValueError(f"kernel must be of {', '.join(KERNELS)}, got {name!r}")
    if name == "avx512":
        return rich_avx512 if rich else plain_avx512
    if name == "avx2":
        return rich_avx2 if rich else plain_avx2
    return rich_baseline if rich else plain_baseline


cdef class Stepper:
    """Steps the lines of one scenario.

    Args:
        tables: a ``jitgym.tables.Tables``.
        kernel: one of ``KERNELS``.
    """

    cdef Params p
    cdef Kernel step_block
    cdef object _kept  # the arrays that p points into

    def __init__(self, tables, kernel=KERNELS[0]):
        self._kept = []
        most = {
            "stages": (max(tables.n_stages, tables.n_items, tables.n_suppliers), PLACES),
            "products": (tables.n_products, PRODUCTS),
            "stages times products": (tables.n_stages * tables.n_products, UNITS),
            "parameters": (tables.parameter.size, PARAMETER_ROWS),
        }
        for what, (count, limit) in most.items():
            if count > limit:
                raise ValueError(f"a line has at most {limit} {what}, got {count}")
        self.count_places(tables)
        self.copy_tables(tables)
        self.p.at = {**_starts(tables.state), **_starts(tables.ledger)}
        self.p.row = _starts(tables.parameter)
        self.find_features(tables)
        self.find_calls(tables)
        self.step_block = kernel_of(kernel, self.p.rich)

    cdef count_places(self, tables):
        """Note how much of everything there is."""
        self.p.n_stages = tables.n_stages
        self.p.n_products = tables.n_products
        self.p.n_items = tables.n_items
        self.p.n_suppliers = tables.n_suppliers
        self.p.n_state = tables.state.size
        self.p.n_parameters = tables.parameter.size
        self.p.n_varied = len(tables.varied_row)
        self.p.technicians = tables.technicians
        self.p.n_regimes = tables.n_regimes
        self.p.n_seasons = tables.n_seasons
        self.p.season_slots = tables.season_slots
        self.p.backlog_limit = tables.backlog_limit

    cdef copy_tables(self, tables):
        """Copy the small tables, and keep the large ones."""
        self.p.demand_law = self.keep(tables.demand_law)
        self.p.regime_switch = self.keep(tables.regime_switch)
        self.p.hazard = self.keep(tables.hazard)
        self.p.noise = self.keep(tables.noise)
        self.p.defect = self.keep(tables.defect)
        self.p.law = self.keep(tables.law)
        self.p.law_start = self.keep(tables.law_start)
        self.p.law_size = self.keep(tables.law_size)
        self.p.varied_row = self.keep(tables.varied_row)
        self.p.parameters = self.keep(_numpy.repeat(tables.parameters, LANES))
        copy(self.p.follower, tables.follower)
        copy(self.p.input_start, tables.input_start)
        copy(self.p.input_order, tables.input_order)
        copy(self.p.batch, tables.batch)
        copy(self.p.room, tables.room)
        copy(self.p.exhaustive, tables.exhaustive)
        copy(self.p.has_setup, tables.has_setup)
        copy(self.p.spoils, tables.spoils)
        copy(self.p.fails, tables.fails)
        copy(self.p.timed, tables.timed)
        copy(self.p.levels, tables.levels)
        copy(self.p.hazard_start, tables.hazard_start)
        copy(self.p.repair_keep, tables.repair_keep)
        copy(self.p.pm_keep, tables.pm_keep)
        copy(self.p.monitoring, tables.monitoring)
        copy(self.p.noise_start, tables.noise_start)
        copy(self.p.noise_size, tables.noise_size)
        copy(self.p.noise_radius, tables.noise_radius)
        copy(self.p.inspects, tables.inspects)
        copy(self.p.shifts, tables.shifts)
        copy(self.p.rework, tables.rework)
        copy(self.p.jidoka, tables.jidoka)
        copy(self.p.defect_start, tables.defect_start)
        copy(self.p.item_start, tables.item_start)
        copy(self.p.item_order, tables.item_order)
        copy(self.p.item_stage, tables.item_stage)
        copy(self.p.item_serves, tables.item_serves)
        copy(self.p.source, tables.source)
        copy(self.p.supplier_item, tables.supplier_item)
        copy(self.p.supplier_start, tables.supplier_start)
        copy(self.p.supplier_order, tables.supplier_order)
        copy(self.p.lead, tables.lead)
        copy(self.p.ring_start, tables.ring_start)
        copy(self.p.review, tables.review)
        copy(self.p.multiple, tables.multiple)
        copy(self.p.capacity, tables.capacity)
        copy(self.p.has_outages, tables.has_outages)
        copy(self.p.demand_kind, tables.demand_kind)
        copy(self.p.demand_start, tables.demand_start)
        copy(self.p.demand_size, tables.demand_size)
        copy(self.p.notice, tables.notice)
        copy(self.p.advance_start, tables.advance_start)
        copy(self.p.kanban, tables.kanban)
        copy(self.p.loop_start, tables.loop_start)
        copy(self.p.loop, tables.loop)
        copy(self.p.loop_end, tables.loop_end)
        copy(self.p.basestock, tables.basestock)
        copy(self.p.release, tables.release)
        copy(self.p.credit_top, tables.credit_top)
        copy(self.p.lot, tables.lot)
        copy(self.p.pm_level, tables.pm_level)
        copy(self.p.target, tables.target)
        copy(self.p.echelon, tables.echelon)
        copy(self.p.order, tables.order)
        copy(self.p.expedite, tables.expedite)

    cdef const int32_t* keep(self, array) except? NULL:
        """Return a pointer into an array that lives as long as this object."""
        cdef const int32_t[::1] values
        if len(array) == 0:
            return NULL
        self._kept.append(array)
        values = array
        return &values[0]

    cdef find_features(self, tables):
        """Note what the line has, and which stages need the long way."""
        cdef int i
        has = tables.features
        n, laws = tables.n_products, tables.law_size
        self.p.counts_below = len(tables.loop) > 0 or tables.basestock.max() >= 0
        self.p.quality = "quality" in has
        self.p.spoilage = "spoilage" in has
        self.p.counts_crew = "technicians" in has
        self.p.outages = "outages" in has
        self.p.has_credits = "credits" in has
        self.p.expediting = "expediting" in has
        self.p.has_notice = "notice" in has
        varied = set(tables.varied_row.tolist())
        of = tables.parameter.start

        def same(name, i):
            rows = range(of(name) + i * n, of(name) + i * n + n)
            return len({tables.parameters[row] for row in rows}) == 1 and varied.isdisjoint(rows)

        chain = tables.follower.tolist() == list(range(1, tables.n_stages + 1))
        rich = not chain or bool(has - {"variation"}) or n > 1
        for i in range(tables.n_stages):
            rows = [of("job_slots") + i * n + r for r in range(n)]
            rows += [of(name) + i for name in ("setup_slots", "repair_slots", "pm_slots", "stop_slots")]
            self.p.is_rich[i] = n > 1 or self.p.quality or self.p.counts_crew or any(laws[row] > 0 for row in rows)
            self.p.varies_hazard[i] = of("hazard") + i in varied
            self.p.same_finish[i] = same("job_finish", i)
            self.p.same_slots[i] = same("job_slots", i) and not any(laws[of("job_slots") + i * n + r] for r in range(n))
            self.p.varies_defect[i] = of("defect") + i in varied
            growth = of("wear") + i
            self.p.wears_at_random[i] = tables.parameters[growth] < CERTAIN or growth in varied
            items = tables.item_order[tables.item_start[i] : tables.item_start[i + 1]].tolist()
            self.p.shares_items[i] = any(sum(tables.item_serves[k * n : k * n + n].tolist()) > 1 for k in items)
            rich = rich or self.p.is_rich[i]
        for j in range(tables.n_suppliers):
            defective = of("defective") + j
            self.p.sends_defects[j] = tables.parameters[defective] >= 0 or defective in varied
        several = len(set(tables.supplier_item.tolist())) < tables.n_suppliers
        takes = max(tables.review.max(initial=1), tables.multiple.max(initial=1)) > 1 or tables.capacity.min(initial=BIG) < BIG
        demand = tables.n_regimes > 1 or tables.random_phase > 0 or tables.initial[tables.state.start("phase")] > 0
        levels = any(of("demand") + r in varied for r in range(n))
        for r in range(n):
            self.p.looks_up_demand[r] = tables.n_seasons > 1 or of("demand") + r in varied
            law = _numpy.split(tables.demand_law, tables.demand_start[1:])[r]
            usual = law.reshape(-1, max(1, tables.demand_size[r])) < CERTAIN - CERTAIN // SELDOM
            self.p.usual_demand[r] = usual.sum(axis=1).max(initial=0)
        served = tables.item_serves.min(initial=1) > 0
        self.p.rich = rich or several or takes or demand or levels or not served or tables.lot.max() >= 0

    cdef find_calls(self, tables):
        """List the generator's calls with a word that the line uses: its random durations and breakdowns."""
        row, of, n = tables.parameters, tables.parameter.start, tables.n_products
        varied = set(tables.varied_row.tolist())

        def is_random(name, place):
            return row[of(name) + place] < CERTAIN or of(name) + place in varied

        used = [tables.demand_kind[0] == COUNTS or (tables.n_suppliers > 0 and (is_random("on_time", 0) or is_random("catch_up", 0)))]
        for i in range(tables.n_stages):
            durations = [("job_finish", i * n + r) for r in range(n)]
            durations += [(name, i) for name in ("setup_finish", "repair_finish", "pm_finish", "stop_finish")]
            used.append(bool(tables.fails[i]) or any(is_random(name, place) for name, place in durations))
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
        cdef Kernel step_block = self.step_block
        if state.shape[1] != p.n_state or state.shape[2] != LANES or stride < LANES * blocks or ledger.shape[1] != stride:
            raise ValueError("state, knobs and ledger must be of one batch of this line")
        if n_threads <= 1:
            with nogil:
                for block in range(blocks):
                    step_block(p, &state[block, 0, 0], &knobs[0, LANES * block], stride, slots, &ledger[0, LANES * block])
        else:
            for block in prange(blocks, nogil=True, num_threads=n_threads, schedule="static"):
                step_block(p, &state[block, 0, 0], &knobs[0, LANES * block], stride, slots, &ledger[0, LANES * block])


cdef copy(int* target, array):
    """Copy a table that fits its target."""
    cdef int i
    for i in range(len(array)):
        target[i] = array[i]


def _starts(layout):
    """Return the first column of each field, 0 for those that the line has no use for."""
    return {name: layout.start(name) for name in layout.known}


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


def episode_words(const uint64_t[::1] keys, int count):
    """Return what is drawn for an episode of each line at reset, ``(lines, count)`` words, the episode's seed as key."""
    cdef Py_ssize_t n, w
    cdef uint32_t[4] x
    words = _numpy.empty((keys.shape[0], count), dtype=_numpy.uint32)
    cdef uint32_t[:, ::1] out = words
    for n in range(keys.shape[0]):
        for w in range(count):
            if w % 4 == 0:
                x[0] = <uint32_t>(w // 4)
                x[1] = 0xFFFFFFFE
                x[2] = 0
                x[3] = 0
                threefry(x, <uint32_t>keys[n], <uint32_t>(keys[n] >> 32), 0, 0)
            out[n, w] = x[w % 4]
    return words


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
