"""The laws of material that every line obeys: units, items, orders and customers, checked slot by slot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from slots import CERTAIN, NEVER, ONE, Slot, everywhere, is_share, round_down, round_up

from jitgym.fields import LEDGER, OFF, STATE
from jitgym.parts import Supplier

SIGNED = ("tick", "root_lo", "root_hi", "episode", "key_lo", "key_hi", "varied")
"""State that is no count of anything: seeds are words, and a threshold may be -1."""


def check_material(slot: Slot) -> None:
    """Nothing is made or lost, nothing is negative, and what the line has no use for is zero."""
    check_units(slot)
    check_customers(slot)
    check_demand(slot)
    check_items(slot)
    check_defects(slot)
    check_shares(slot)
    check_orders(slot)
    check_deliveries(slot)
    check_credits(slot)
    check_pull(slot)
    check_shared_items(slot)
    for fields, values in ((STATE, slot.before), (STATE, slot.after), (LEDGER, slot.count)):
        for field in fields:
            assert field.name in SIGNED or everywhere(values[field.name] >= 0), field.name
            assert field.needs is None or field.needs in slot.tables.features or not values[field.name].any()


def check_units(slot: Slot) -> None:
    """A unit is released from its inputs, finished or scrapped, and leaves the store withdrawn, shipped or spoiled."""
    b, a, count = slot.before, slot.after, slot.count
    withdrawn = np.concatenate([count["released"], count["shipped"][:, None]], axis=1)[:, list(slot.scenario.followers)]
    assert everywhere(slot.change("queue", "job") == count["released"] - slot.gone)
    assert everywhere(slot.change("store") == count["finished"] - withdrawn - count["spoiled"])
    # stores lose a share after the customer has been served and before the next stage withdraws
    stored = b["store"] + count["finished"]
    stored[:, -1] -= count["shipped"]
    spoil = slot.parameter("spoil")[:, :, None] + 1
    assert everywhere(is_share(count["spoiled"], stored * spoil, ONE))
    for i, stage in enumerate(slot.scenario.stages):
        assert stage.spoil > 0 or not count["spoiled"][:, i].any()
    assert everywhere(count["process_slots"] == a["queue"] + a["job"])
    assert everywhere(count["store_slots"] == a["store"])


def check_customers(slot: Slot) -> None:
    """All that can be shipped is, the oldest orders first; what comes back is owed again, up to the limit."""
    b, a, count = slot.before, slot.after, slot.count
    saturated = np.array([bool(law.saturated) for law in slot.scenario.laws])
    on_hand = b["store"][:, -1] + count["finished"][:, -1]
    assert everywhere(count["shipped"] == np.minimum(on_hand, b["backlog"] + slot.due))
    assert everywhere(count["on_time"] == np.minimum(np.maximum(on_hand - b["backlog"], 0), slot.due))
    kept = count["shipped"] - np.where(saturated, 0, count["returned"])
    assert everywhere(slot.change("backlog", "known") == count["demand"] - kept - count["lost"])
    assert everywhere((count["demand"] == on_hand) & (a["backlog"] == 0), saturated)
    shortage = slot.scenario.demand.shortage
    limit = {"backlog": OFF, "lost": 0}[shortage] if isinstance(shortage, str) else shortage.limit
    assert everywhere(a["backlog"] <= limit)
    assert everywhere((count["lost"] == 0) | (a["backlog"] == limit))
    assert everywhere(count["backlog_slots"] == a["backlog"])


def check_demand(slot: Slot) -> None:
    """Regimes switch as they may, the calendar turns, and demand is what trace, regime and season allow."""
    b, a, demand = slot.before, slot.after, slot.scenario.demand
    count = slot.count["demand"]
    switch = np.array(demand.regimes.switch if demand.regimes else [[1.0]])
    season = demand.season
    assert everywhere(a["regime"] < len(switch))
    assert everywhere(switch[b["regime"], a["regime"]] > 0)
    assert everywhere(a["calendar"] == (b["calendar"] + 1) % (season.period if season else 1))
    part = b["calendar"][:, 0] // (season.slots if season else 1)
    for p, law in enumerate(slot.scenario.laws):
        of_regimes, of_season = (np.array(rates) for rates in slot.scenario.rates(p))
        rate = of_regimes[a["regime"][:, 0]] * of_season[part]
        assert everywhere(count[:, p] == 0, rate == 0)
        if law.trace is not None:
            assert everywhere(count[:, p] == np.array(law.trace)[(b["slot"] + b["phase"])[:, 0] % len(law.trace)])
    assert everywhere(a["demand_step"] == count)
    assert everywhere(a["demand_smooth"] == b["demand_smooth"] + ((256 * count - b["demand_smooth"]) >> 5))
    assert everywhere(ring_sums(a["advance"], slot.scenario.notices) == a["known"])


def ring_sums(rings: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return the sum of each of some rings that lie side by side."""
    sums = [ring.sum(axis=1) for ring in np.split(rings, np.cumsum(sizes), axis=1)]
    return np.stack(sums[:-1], axis=1) if sizes else rings


def check_items(slot: Slot) -> None:
    """Items come from suppliers and go into released units; what is ordered is under way, overdue or delivered."""
    a, count = slot.after, slot.count
    for k, (i, products) in enumerate(slot.uses):
        of_item = suppliers_of(slot, k)
        received = (count["delivered"] - count["rejected"])[:, of_item].sum(axis=1)
        used = count["released"][:, i, products].sum(axis=1)
        assert everywhere(slot.change("stock")[:, k] == received - used)
    assert everywhere(slot.change("on_order") == count["ordered"] - count["promised"])
    assert everywhere(slot.change("overdue") == count["promised"] - count["delivered"])
    assert everywhere(count["item_slots"] == a["stock"])
    assert everywhere(ring_sums(a["pipeline"], [s.lead_time for s in slot.scenario.suppliers]) == a["on_order"])


def check_defects(slot: Slot) -> None:
    """No more units are defective than there are; inspection sends back a share of those that suppliers deliver."""
    a, count = slot.after, slot.count
    for name in ("queue", "job", "store", "stock"):
        assert everywhere(a[f"{name}_bad"] <= a[name]), name
    defective, inspect = slot.parameter("defective") + 1, slot.parameter("inspect") + 1
    fewest, most = round_down(count["delivered"] * defective), round_up(count["delivered"] * defective)
    assert everywhere(count["rejected"] >= round_down(fewest * inspect))
    assert everywhere(count["rejected"] <= round_up(most * inspect))
    for k in range(len(slot.scenario.items)):
        came = (most - count["rejected"])[:, suppliers_of(slot, k)].sum(axis=1)
        assert everywhere(slot.change("stock_bad")[:, k] <= came)


def check_shares(slot: Slot) -> None:
    """Of the bad units in a store or a queue, those that move on are a share, rounded up or down by chance."""
    b, a, count = slot.before, slot.after, slot.count
    on_hand = b["store"][:, -1] + count["finished"][:, -1]
    shipped = b["store_bad"][:, -1] * count["shipped"]
    assert everywhere(is_share(count["returned"], shipped, on_hand), count["finished"][:, -1] == 0)
    # what a store lost can be told where nothing came in or spoiled
    still = (count["finished"] == 0) & (count["spoiled"] == 0)
    gone, lost = -slot.change("store"), -slot.change("store_bad")
    assert everywhere(is_share(lost, b["store_bad"] * gone, b["store"]), still)
    for i, follower in enumerate(slot.scenario.followers[:-1]):
        carried = np.minimum(lost[:, i], count["released"][:, follower])
        kept = still[:, i] & ~slot.loaded[:, follower, None]
        assert everywhere(slot.change("queue_bad")[:, follower] >= carried, kept)
    loaded = slot.loaded[:, :, None] & (a["job"] > 0)
    bad = (a["queue_bad"] + a["job_bad"]) * a["job"]
    assert everywhere(is_share(a["job_bad"], bad, a["queue"] + a["job"]), loaded)


def suppliers_of(slot: Slot, item: int) -> list[int]:
    """Return the suppliers of an item."""
    name = slot.scenario.items[item].name
    return [j for j, supplier in enumerate(slot.scenario.suppliers) if supplier.item == name]


def check_orders(slot: Slot) -> None:
    """Orders come at review slots, in whole multiples, up to capacity: enough, and less than a multiple more."""
    for j, supplier in enumerate(slot.scenario.suppliers):
        quantity, wanted = slot.count["ordered"][:, j], np.maximum(wanted_of(slot, j, supplier), 0)
        capacity = OFF if supplier.capacity is None else supplier.capacity
        reviewed = slot.before["slot"][:, 0] % supplier.review == 0
        assert everywhere(quantity == 0, ~reviewed)
        assert everywhere((quantity % supplier.multiple == 0) & (quantity <= capacity))
        assert everywhere((quantity >= wanted) | (quantity == capacity), reviewed)
        assert everywhere(quantity < wanted + supplier.multiple)
    assert everywhere(slot.count["orders"] == (slot.count["ordered"] > 0))


def wanted_of(slot: Slot, j: int, supplier: Supplier) -> np.ndarray:
    """Return how much the knobs of a supplier ask for, after those before it have been asked."""
    b, item = slot.before, slot.scenario.item_names.index(supplier.item)
    of_item = suppliers_of(slot, item)
    position = b["stock"][:, item] + (b["on_order"] + b["overdue"])[:, of_item].sum(axis=1)
    position += slot.count["ordered"][:, [other for other in of_item if other < j]].sum(axis=1)
    i, products = slot.uses[item]
    path = list(slot.scenario.path(i))
    local = (b["queue"] + b["job"] + b["store"])[:, path].sum(axis=1)
    downstream = (local - b["backlog"] - b["known"])[:, products].sum(axis=1)
    target, echelon, order = (slot.knob(kind, absent=-OFF)[:, j] for kind in ("target", "echelon", "order"))
    return np.maximum(order, np.maximum(target - position, echelon - position - downstream))


def check_deliveries(slot: Slot) -> None:
    """All that is due comes or nothing does; in an outage nothing but what is expedited."""
    b, a, count = slot.before, slot.after, slot.count
    due, arrived = b["overdue"] + count["promised"], count["delivered"] - count["expedited"]
    assert everywhere((arrived == 0) | (arrived == due))
    assert everywhere(arrived == 0, a["out"] == 1)
    assert everywhere(count["delivered_on_time"] == np.where(arrived > 0, count["promised"], 0))
    expedited = slot.knob("expedite", absent=0) == 1
    assert everywhere(count["expedited"] == np.where(expedited, due - arrived, 0))
    chance = np.where(b["overdue"] > 0, slot.parameter("catch_up"), slot.parameter("on_time"))
    assert everywhere(arrived == due, (chance == CERTAIN) & (a["out"] == 0))
    assert everywhere(arrived == 0, chance == NEVER)
    outage = np.array([supplier.outage is not None for supplier in slot.scenario.suppliers], dtype=bool)
    switch = np.where(b["out"] == 1, slot.parameter("recover"), slot.parameter("fail"))
    assert everywhere(a["out"] <= outage)
    assert everywhere(a["out"] != b["out"], outage & (switch == CERTAIN))
    assert everywhere(a["out"] == b["out"], switch == NEVER)


def check_promises(slots: Sequence[Slot]) -> None:
    """What is promised for a slot was ordered a lead time before; what is due, a notice before."""
    slot = slots[-1]
    for earlier, later, delays in (
        (lambda s: s.count["ordered"], slot.count["promised"], [s.lead_time for s in slot.scenario.suppliers]),
        (lambda s: s.count["demand"], slot.due, slot.scenario.notices),
    ):
        for place, delay in enumerate(delays):
            was = earlier(slots[-1 - delay])[:, place] if delay < len(slots) else 0
            assert everywhere(later[:, place] == was)


def check_credits(slot: Slot) -> None:
    """A step grants releases, up to the knob's top; each release uses one."""
    for column, knob in enumerate(slot.tables.knobs):
        if knob.kind == "release":
            place = (slice(None), knob.place, knob.product)
            granted = np.minimum(slot.before["credits"][place] + slot.knobs[:, column], knob.high)
            assert everywhere(slot.after["credits"][place] == granted - slot.count["released"][place])


def check_pull(slot: Slot) -> None:
    """No release passes a limit, and none is missed: cards, a lot of them, or material run out."""
    free, released = slot.free, slot.count["released"]
    limited, unlimited = free < OFF, slot.material == OFF
    a_lot = np.where(limited, free + released, OFF) >= slot.knob("lot", absent=0)
    assert everywhere((free >= 0) & a_lot, released > 0)
    assert everywhere((free <= 0) | ~a_lot | (slot.material == 0), limited | ~unlimited)
    # unlimited material and no limit: the queue is kept at one job
    batch = np.array([[OFF if stage.batch == "unlimited" else stage.batch] for stage in slot.scenario.stages])
    one_job = np.maximum(batch - slot.before["queue"], 0)
    assert everywhere(released == one_job, ~limited & unlimited)


def check_shared_items(slot: Slot) -> None:
    """Of the products that share an item, the one with the most open cards is served before all others."""
    free, released = slot.free, slot.count["released"]
    cards = np.where(free < OFF, free + released, OFF)
    cards[cards < slot.knob("lot", absent=0)] = 0
    short = (free > 0) & (slot.material == 0) & (cards > 0)
    for k, (i, products) in enumerate(slot.uses):
        for p in products:
            others = [other for other in products if other != p]
            # the item is what product p ran out of if it has some of everything else
            lacks = short[:, i, p] & (slot.after["stock"][:, k] == 0) & (rest_of(slot, i, p, k) > 0)
            for other in others:
                first = (cards[:, i, p] > cards[:, i, other]) | ((cards[:, i, p] == cards[:, i, other]) & (p < other))
                assert everywhere(released[:, i, other] == 0, lacks & first)


def rest_of(slot: Slot, i: int, p: int, item: int) -> np.ndarray:
    """Return what a stage could still draw on for a product, but for one item."""
    left = np.full(len(slot.local), OFF)
    for j, follower in enumerate(slot.scenario.followers[:-1]):
        if follower == i:
            left = np.minimum(left, slot.after["store"][:, j, p])
    for k, (stage, products) in enumerate(slot.uses):
        if stage == i and p in products and k != item:
            left = np.minimum(left, slot.after["stock"][:, k])
    return left
