# The shapes that the core works on: the tables of a line, and a block of 16 lines while it is stepped.
# Fields of one struct cannot alias, so every lane loop over them vectorises without run-time checks.

from libc.stdint cimport int32_t, int64_t, uint32_t

cdef enum:
    LANES = 16
    PLACES = 32            # most stages, items or suppliers of one line
    PRODUCTS = 8           # most products of one line
    UNITS = 128            # most stages times products of one line
    # fields have a row more than that, or their first rows would all share a few sets of the cache
    STAGE_ROWS = 33
    PRODUCT_ROWS = 9
    UNIT_ROWS = 129
    PAIRS = 34             # pairs of words: of demand and delivery, and of each stage, two pairs a call
    PARAMETER_ROWS = 960   # most parameters of one line: 2 for each of UNITS, 14 a stage, 6 a supplier, 1 a product
    CHUNK = 32             # slots counted in 32 bits before the ledger takes them over in 64

ctypedef int32_t[LANES] Lanes


cdef struct Rows:
    # first row of each field in the state and in the ledger of a block
    int tick, key_lo, key_hi, slot, phase, calendar, regime, crew, backlog, known, demand_step, demand_smooth
    int queue, job, store, queue_bad, job_bad, store_bad, credits
    int left, setting, product, mode, off_left, off_slots, wear, age, reading, shifted
    int stock, stock_bad, on_order, overdue, out, pipeline, advance, varied
    int slots, demand, shipped, on_time, lost, backlog_slots, returned
    int released, finished, scrapped, reworked, spoiled, process_slots, store_slots
    int busy, setup, starved, blocked, down, waiting, pm, stopped, breakdowns, pms, stops, setups
    int item_slots, ordered, orders, promised, delivered, delivered_on_time, rejected, expedited


cdef struct ParameterRows:
    # first row of each parameter
    int job_slots, job_finish, setup_slots, setup_finish, repair_slots, repair_finish, pm_slots, pm_finish
    int stop_slots, stop_finish, hazard, wear, shift, defect, detect, spoil
    int on_time, catch_up, fail, recover, defective, inspect, demand


cdef struct Params:
    # the line's tables; the names are those of jitgym.tables.Tables
    int n_stages, n_products, n_items, n_suppliers, n_state, n_calls, n_parameters, n_varied
    # what the line has
    bint rich, counts_below, quality, spoilage, counts_crew, outages, has_credits, expediting, has_notice
    int[STAGE_ROWS] follower, input_start, input_order, batch, room, exhaustive, has_setup, spoils
    int[STAGE_ROWS] fails, timed, levels, hazard_start, repair_keep, pm_keep, wears_at_random, varies_hazard, varies_defect, same_finish, same_slots
    int[STAGE_ROWS] monitoring, noise_start, noise_size, noise_radius, off_at_times
    int[STAGE_ROWS] inspects, shifts, rework, jidoka, defect_start
    int[STAGE_ROWS] is_rich, shares_items
    int[STAGE_ROWS] item_start, item_order, item_stage
    int[PLACES * PRODUCTS] item_serves
    int[STAGE_ROWS] supplier_item, supplier_start, supplier_order
    int[STAGE_ROWS] lead, ring_start, review, multiple, capacity, has_outages, sends_defects
    int[UNITS] source, kanban, loop, loop_end, basestock, release, credit_top, lot
    int[UNIT_ROWS] loop_start
    int[STAGE_ROWS] pm_level, target, echelon, order, expedite
    int[PRODUCT_ROWS] looks_up_demand, usual_demand, demand_kind, demand_start, demand_size, notice, advance_start
    int technicians, n_regimes, n_seasons, season_slots, backlog_limit
    int[PAIRS] calls       # the sources, of those that hold pairs, with a word that the line uses
    const int32_t* demand_law
    const int32_t* regime_switch
    const int32_t* hazard
    const int32_t* noise
    const int32_t* defect
    const int32_t* law
    const int32_t* law_start
    const int32_t* law_size
    const int32_t* parameters   # (n_parameters, LANES), of lines that do not vary
    const int32_t* varied_row
    Rows at
    ParameterRows row


cdef struct Block:
    # state
    uint32_t[LANES] key_lo, key_hi, slot
    int32_t[LANES] phase, calendar, regime, crew
    int32_t[PRODUCT_ROWS][LANES] backlog, known, demand_step, demand_smooth
    int32_t[UNIT_ROWS][LANES] queue, job, store, queue_bad, job_bad, store_bad, credits
    int32_t[STAGE_ROWS][LANES] left, setting, product, mode, off_left, off_slots, wear, age, reading, shifted
    int32_t[STAGE_ROWS][LANES] stock, stock_bad, on_order, overdue, out
    # what the slots go by
    int32_t[UNIT_ROWS][LANES] job_slots, job_finish
    int32_t[STAGE_ROWS][LANES] setup_slots, setup_finish, repair_slots, repair_finish, pm_slots, pm_finish, stop_slots, stop_finish
    int32_t[STAGE_ROWS][LANES] hazard_factor, wear_growth, shift_chance, defect_factor, detect, spoil_chance
    int32_t[STAGE_ROWS][LANES] on_time_chance, catch_up, outage_begins, outage_ends, defective_chance, inspect_chance
    int32_t[PRODUCT_ROWS][LANES] demand_level
    int32_t[UNIT_ROWS][LANES] kanban_knob, loop_knob, basestock_knob, release_knob, lot_knob
    int32_t[STAGE_ROWS][LANES] pm_level_knob, target_knob, echelon_knob, order_knob, expedite_knob
    # the slot at hand
    int32_t[PAIRS][LANES] first_word, second_word
    int32_t[STAGE_ROWS][LANES] delivery_words
    int32_t[PRODUCT_ROWS][LANES] demand_words
    int32_t[4][LANES] rare, job_words
    int32_t[STAGE_ROWS][LANES] quantity
    int32_t[UNIT_ROWS + PRODUCTS][LANES] below
    # ledger of the chunk at hand
    int32_t[PRODUCT_ROWS][LANES] demand, shipped, on_time, lost, backlog_slots, returned
    int32_t[UNIT_ROWS][LANES] released, finished, scrapped, reworked, spoiled, process_slots, store_slots
    int32_t[STAGE_ROWS][LANES] setup, starved, blocked, down, waiting, pm, stopped, breakdowns, pms, stops, setups
    int32_t[STAGE_ROWS][LANES] item_slots, ordered, orders, promised, delivered, delivered_on_time, rejected, expedited


cdef struct Scratch:
    # what functions note for one another within a slot; apart from the block, or the compiler would have to suspect
    # that rows of the block with an index known at run time lie here
    int32_t[LANES] asked, idle, fits, exposed, hazard, done, found, begun, chosen, bad, moved, material, left_over
    int32_t[LANES] position
    int32_t[PRODUCT_ROWS][LANES] cards
    int some_found             # whether inspection found defects in any lane
