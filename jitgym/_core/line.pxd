# The shapes that the core works on: the tables of a line, and a block of 16 lines while it is stepped.
# Fields of one struct cannot alias, so every lane loop over them vectorises without run-time checks.

from libc.stdint cimport int32_t, int64_t, uint32_t

cdef enum:
    LANES = 16
    PLACES = 32            # most stages, items or suppliers of one line
    WORDS = 68             # two words for each of PLACES + 1 pairs, in calls of four
    CHUNK = 32             # slots counted in 32 bits before the ledger takes them over in 64

ctypedef int32_t[LANES] Lanes


cdef struct Rows:
    # first row of each field in the state and in the ledger of a block
    int tick, key_lo, key_hi, slot, backlog, demand_step, demand_smooth
    int queue, job, left, store, mode, off_left, off_slots, wear, age, reading
    int stock, on_order, overdue
    int slots, demand, shipped, on_time, lost, backlog_slots
    int released, finished, process_slots, store_slots, busy, starved, blocked, down, pm, breakdowns, pms
    int item_slots, ordered, orders, promised, delivered, delivered_on_time


cdef struct Params:
    # the line's tables; the names are those of jitgym.tables.Tables
    int n_stages, n_items, n_suppliers, n_state, n_calls
    int[PLACES] job_slots, job_finish, batch, room, fails, timed, levels, hazard_start, wear_growth
    int[PLACES] repair_slots, repair_finish, repair_keep, pm_slots, pm_finish, pm_keep
    int[PLACES] monitoring, noise_start, noise_size, noise_radius
    int[PLACES + 1] item_start
    int[PLACES] item_order, item_stage
    int[PLACES] supplier_item, lead, on_time, catch_up, ring_start
    int[PLACES] kanban, loop, loop_end, basestock, pm_level
    int[PLACES] target, echelon, order
    int[WORDS] calls       # the sources, of those that hold pairs, with a word that the line uses
    int demand_kind, demand_size, backlog_limit
    const int32_t* demand  # count thresholds or trace
    const int32_t* hazard
    const int32_t* noise
    Rows at


cdef struct Block:
    # state
    uint32_t[LANES] key_lo, key_hi, slot
    int32_t[LANES] backlog, demand_step, demand_smooth
    int32_t[PLACES][LANES] queue, job, left, store, mode, off_left, off_slots, wear, age, reading
    int32_t[PLACES][LANES] stock, on_order, overdue
    # the slot at hand
    int32_t[WORDS][LANES] words
    int32_t[PLACES][LANES] delivery_words
    int32_t[LANES] growth_word, noise_word, asked, idle, fits
    int32_t[PLACES][LANES] quantity, material
    int32_t[PLACES + 1][LANES] below
    # ledger of the chunk at hand
    int32_t[LANES] demand, shipped, on_time, lost, backlog_slots
    int32_t[PLACES][LANES] released, finished, process_slots, store_slots, starved, blocked, down, pm, breakdowns, pms
    int32_t[PLACES][LANES] item_slots, ordered, orders, promised, delivered, delivered_on_time
