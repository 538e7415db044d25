# The luck of the slot, and what is made of it: words of the generator, shares, durations.

from libc.stdint cimport int32_t, int64_t, uint32_t

from jitgym._core.line cimport LANES, Block, Params, Scratch
from jitgym._core.threefry cimport inlined, threefry

cdef enum:
    CERTAIN = 0x7FFFFFFF
    SOURCE_SUPPLIERS = 0x100
    SOURCE_STAGE = 0x200
    SOURCE_JOB = 0x300
    SOURCE_SUPPLIER = 0x400
    SOURCE_PRODUCTS = 0x500
    SOURCE_LINE = 0x600
    SOURCE_STORE = 0x10000
    SOURCE_ITEM = 0x20000


cdef inline inlined draw_source(Block* b, uint32_t source, int32_t* a, int32_t* c, int32_t* d, int32_t* e) noexcept nogil:
    """Draw the four words of a source; the rounds stand inside the lane loop, which then vectorises."""
    cdef int lane
    cdef uint32_t[4] x
    for lane in range(LANES):
        x[0] = b.slot[lane]
        x[1] = source
        x[2] = 0
        x[3] = 0
        threefry(x, b.key_lo[lane], b.key_hi[lane], 0, 0)
        a[lane] = <int32_t>(x[0] >> 1)
        c[lane] = <int32_t>(x[1] >> 1)
        d[lane] = <int32_t>(x[2] >> 1)
        e[lane] = <int32_t>(x[3] >> 1)


cdef inline inlined draw(const Params* p, Block* b) noexcept nogil:
    """Draw the words that stages and demand use."""
    cdef int i, c
    cdef int lane
    cdef uint32_t[4] x
    for i in range(p.n_calls):
        c = p.calls[i]
        for lane in range(LANES):  # as in draw_source, but the compiler must see where the words go
            x[0] = b.slot[lane]
            x[1] = <uint32_t>c
            x[2] = 0
            x[3] = 0
            threefry(x, b.key_lo[lane], b.key_hi[lane], 0, 0)
            b.first_word[2 * c][lane] = <int32_t>(x[0] >> 1)
            b.second_word[2 * c][lane] = <int32_t>(x[1] >> 1)
            b.first_word[2 * c + 1][lane] = <int32_t>(x[2] >> 1)
            b.second_word[2 * c + 1][lane] = <int32_t>(x[3] >> 1)


cdef inline inlined draw_suppliers(const Params* p, Block* b) noexcept nogil:
    """Draw the delivery words of the suppliers after the first, four a call; the last rows may be spare."""
    cdef int j
    for j in range(1, p.n_suppliers, 4):
        draw_source(
            b,
            <uint32_t>(SOURCE_SUPPLIERS + (j - 1) // 4),
            b.delivery_words[j],
            b.delivery_words[j + 1],
            b.delivery_words[j + 2],
            b.delivery_words[j + 3],
        )


cdef inline inlined draw_products(const Params* p, Block* b) noexcept nogil:
    """Draw the demand words of the products after the first, four a call; the last rows may be spare."""
    cdef int i
    for i in range(1, p.n_products, 4):
        draw_source(
            b,
            <uint32_t>(SOURCE_PRODUCTS + (i - 1) // 4),
            b.demand_words[i],
            b.demand_words[i + 1],
            b.demand_words[i + 2],
            b.demand_words[i + 3],
        )


cdef inline inlined draw_rare(Block* b, uint32_t source) noexcept nogil:
    """Draw the words of a source that few slots need."""
    draw_source(b, source, b.rare[0], b.rare[1], b.rare[2], b.rare[3])


cdef inline inlined draw_job(Block* b, int i) noexcept nogil:
    """Draw the words of a stage for detection, durations and defects loaded."""
    draw_source(b, <uint32_t>(SOURCE_JOB + i), b.job_words[0], b.job_words[1], b.job_words[2], b.job_words[3])


cdef inline int any_of(const int32_t* values) noexcept nogil:
    """Return whether any lane is not zero."""
    cdef int lane
    cdef int32_t found = 0
    for lane in range(LANES):
        found |= values[lane]
    return found != 0


cdef inline int any_both(const int32_t* one, const int32_t* other) noexcept nogil:
    """Return whether any lane has both."""
    cdef int lane
    cdef int32_t found = 0
    for lane in range(LANES):
        found |= one[lane] if other[lane] else 0
    return found != 0


cdef inline inlined share(
    const int32_t* part, const int32_t* taken, const int32_t* whole, const int32_t* word, int32_t* out
) noexcept nogil:
    """Write how many of ``part`` special units are among ``taken`` of ``whole``, rounded up or down by chance.

    The quotient of integers below 2**52 is exact in double precision once it is cut to an integer, and divides lane
    by lane where the processor divides integers one by one.
    """
    cdef int lane
    cdef int32_t all_units
    cdef double units
    for lane in range(LANES):
        all_units = whole[lane] if whole[lane] > 0 else 1
        units = <double>part[lane] * <double>taken[lane] + <double><int32_t>((<int64_t>word[lane] * all_units) >> 31)
        out[lane] = <int32_t>(units / <double>all_units)


cdef inline inlined portion(
    const int32_t* units, const int32_t* threshold, const int32_t* word, int32_t* out
) noexcept nogil:
    """Write a share of some units, given as a probability's threshold, rounded up or down by chance."""
    cdef int lane
    for lane in range(LANES):
        out[lane] = <int32_t>((units[lane] * (<int64_t>threshold[lane] + 1) + word[lane]) >> 31)


cdef inline inlined begin(
    const Params* p, Block* b, Scratch* w, int row, const int32_t* fixed, const int32_t* word
) noexcept nogil:
    """Note the counter of a duration that begins: its fixed part, or a draw from its table."""
    cdef int k, lane
    cdef int32_t limit
    if p.law_size[row] == 0:
        for lane in range(LANES):
            w.begun[lane] = fixed[lane]
    else:
        for lane in range(LANES):
            w.begun[lane] = 1
        for k in range(p.law_size[row]):
            limit = p.law[p.law_start[row] + k]
            for lane in range(LANES):
                w.begun[lane] += word[lane] > limit
