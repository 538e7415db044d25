# cython: overflowcheck=False
# The generator's words wrap around, which the checked build would otherwise take for an overflow.

# Threefry4x32-20 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
# Only adds, rotations and exclusive-ors of 32-bit words: the lane loop around it vectorises.

from libc.stdint cimport uint32_t

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define JITGYM_INLINE __attribute__((always_inline))
    #else
    #define JITGYM_INLINE
    #endif
    """
    # a function of this type is inlined into each compiled variant of its caller
    ctypedef void inlined "JITGYM_INLINE void"


cdef inline inlined mix(uint32_t* a, uint32_t* b, int turn) noexcept nogil:
    """One mix: add, rotate, exclusive-or."""
    a[0] += b[0]
    b[0] = ((b[0] << turn) | (b[0] >> (32 - turn))) ^ a[0]


cdef inline inlined four_rounds(uint32_t* x, int a, int b, int c, int d, int e, int f, int g, int h) noexcept nogil:
    """Four rounds with their eight rotations."""
    mix(&x[0], &x[1], a)
    mix(&x[2], &x[3], b)
    mix(&x[0], &x[3], c)
    mix(&x[2], &x[1], d)
    mix(&x[0], &x[1], e)
    mix(&x[2], &x[3], f)
    mix(&x[0], &x[3], g)
    mix(&x[2], &x[1], h)


cdef inline inlined add_key(uint32_t* x, uint32_t a, uint32_t b, uint32_t c, uint32_t d) noexcept nogil:
    """Add four words of key."""
    x[0] += a
    x[1] += b
    x[2] += c
    x[3] += d


cdef inline inlined threefry(uint32_t* x, uint32_t k0, uint32_t k1, uint32_t k2, uint32_t k3) noexcept nogil:
    """Replace the counter ``x`` by the four random words of a key."""
    cdef uint32_t k4 = <uint32_t>0x1BD11BDA ^ k0 ^ k1 ^ k2 ^ k3
    add_key(x, k0, k1, k2, k3)
    four_rounds(x, 10, 26, 11, 21, 13, 27, 23, 5)
    add_key(x, k1, k2, k3, k4 + 1)
    four_rounds(x, 6, 20, 17, 11, 25, 10, 18, 20)
    add_key(x, k2, k3, k4, k0 + 2)
    four_rounds(x, 10, 26, 11, 21, 13, 27, 23, 5)
    add_key(x, k3, k4, k0, k1 + 3)
    four_rounds(x, 6, 20, 17, 11, 25, 10, 18, 20)
    add_key(x, k4, k0, k1, k2 + 4)
    four_rounds(x, 10, 26, 11, 21, 13, 27, 23, 5)
    add_key(x, k0, k1, k2, k3 + 5)
