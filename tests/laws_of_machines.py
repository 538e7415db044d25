"""The laws of machines that every line obeys: jobs, setups, wear, quality, technicians, checked slot by slot."""

from __future__ import annotations

import numpy as np
from slots import CERTAIN, NEVER, Slot, everywhere

from jitgym.fields import DOWN, IN_SETUP, NO_SETUP, OFF, PM, RUN, STOP, WAITING
from jitgym.parts import Noise

MODES = {"down": DOWN, "pm": PM, "stopped": STOP, "waiting": WAITING}


def check_machines(slot: Slot) -> None:
    """Machines do what they can, one thing at a time."""
    check_modes(slot)
    check_progress(slot)
    check_beginnings(slot)
    check_jobs(slot)
    check_choice(slot)
    check_maintenance(slot)
    check_crew(slot)
    check_wear(slot)
    check_quality(slot)


def check_modes(slot: Slot) -> None:
    """Every slot of a machine is counted once, as what it ends with."""
    a, count = slot.after, slot.count
    idle, held = slot.idle, (a["queue"] > 0).any(axis=2) | (slot.material > 0).any(axis=2)
    counted = ("busy", "setup", "starved", "blocked", *MODES)
    assert everywhere(sum(count[name] for name in counted) == 1)
    assert everywhere(count["busy"] == ((a["mode"] == RUN) & slot.works))
    assert everywhere(count["setup"] == ((a["mode"] == RUN) & slot.sets_up))
    assert everywhere(count["blocked"] == (idle & held))
    for name, mode in MODES.items():
        assert everywhere(count[name] == (a["mode"] == mode)), name
    assert everywhere(count["slots"] == 1)
    assert everywhere(count["pms"] <= count["pm"])
    assert everywhere(count["breakdowns"] <= count["down"] + count["waiting"])
    assert everywhere(count["stops"] <= count["stopped"] + count["breakdowns"])
    assert everywhere((a["off_left"] > 0) == (a["mode"] != RUN))
    assert everywhere(a["off_slots"] == np.where(a["mode"] == RUN, 0, slot.before["off_slots"] + 1))
    for i, stage in enumerate(slot.scenario.stages):
        modes, jidoka = a["mode"][:, i], stage.quality is not None and stage.quality.jidoka is not None
        assert stage.failure is not None or not np.isin(modes, (DOWN, WAITING)).any()
        assert stage.maintenance is not None or (modes != PM).all()
        assert jidoka or (modes != STOP).all()


def check_progress(slot: Slot) -> None:
    """A slot takes one off what goes on; at one, it ends or goes on by chance."""
    b, a, count = slot.before, slot.after, slot.count
    runs, worked = b["mode"] == RUN, b["job"].any(axis=2)
    goes_on = slot.works & ~slot.loaded & ~count["reworked"].any(axis=2)
    assert everywhere(a["left"] == np.where(runs, np.maximum(b["left"] - 1, 1), b["left"]), goes_on)
    off = ~runs & (a["mode"] != RUN) & (count["pms"] == 0)
    left = np.where(b["mode"] == WAITING, b["off_left"], np.maximum(b["off_left"] - 1, 1))
    assert everywhere(a["off_left"] == left, off)
    ended = (slot.gone + count["reworked"]).any(axis=2)
    assert everywhere(runs & worked & (b["left"] == 1), ended)
    finish = np.where(b["job"] > 0, slot.parameter("job_finish"), NEVER).max(axis=2)
    assert everywhere(ended, runs & worked & (b["left"] == 1) & (finish == CERTAIN))
    names = {DOWN: "repair", PM: "pm", STOP: "stop"}
    for mode, name in names.items():
        at_last = (b["mode"] == mode) & (b["off_left"] == 1) & (slot.parameter(f"{name}_finish") == CERTAIN)
        assert everywhere((a["mode"] != mode) | (count["pms"] > 0), at_last)
    in_setup = runs & (b["setting"] == IN_SETUP)
    set_up = in_setup & (b["left"] == 1) & (slot.parameter("setup_finish") == CERTAIN)
    assert everywhere(a["setting"] != IN_SETUP, set_up)
    assert everywhere((a["setting"] == IN_SETUP) & (a["left"] == b["left"] - 1), in_setup & (b["left"] > 1))


def check_beginnings(slot: Slot) -> None:
    """What begins is given its fixed part, or as many slots as its table may draw."""
    a, count, t = slot.after, slot.count, slot.tables
    for name, timer, begun in (
        ("job", "left", slot.loaded[:, :, None] & (a["job"] > 0)),
        ("setup", "left", slot.set_on),
        ("repair", "off_left", count["breakdowns"] > 0),
        ("pm", "off_left", count["pms"] > 0),
        ("stop", "off_left", (count["stops"] > 0) & (count["breakdowns"] == 0)),
    ):
        fixed = slot.parameter(f"{name}_slots")
        drawn = t.law_size[t.parameter[f"{name}_slots"]].reshape(fixed.shape[1:])
        left = a[timer].reshape(*a[timer].shape, *(1,) * (fixed.ndim - 2))
        assert everywhere(np.where(drawn > 0, (left >= 1) & (left <= drawn + 1), left == fixed), begun), name


def check_jobs(slot: Slot) -> None:
    """A job is of one product, at most a batch, for a machine set up for it, and finds room behind the machine."""
    b, a = slot.before, slot.after
    units, product = a["job"].sum(axis=2), a["product"]
    assert everywhere((a["job"] > 0).sum(axis=2) <= 1)
    assert everywhere(of(a["job"], product) == units)
    assert everywhere((a["left"] > 0) == (slot.works | slot.sets_up))
    assert everywhere((a["setting"] == NO_SETUP) | (of(a["queue"], product) > 0))
    assert everywhere((a["setting"] == NO_SETUP) | ~slot.works)
    assert everywhere(slot.count["setups"] == (a["product"] != b["product"]))
    for i, stage in enumerate(slot.scenario.stages):
        batch, room = (OFF if x in (None, "unlimited") else x for x in (stage.batch, stage.room))
        assert everywhere(units[:, i] <= batch)
        loaded, ahead = slot.loaded[:, i], units_ahead(slot, i)
        assert everywhere(ahead + units[:, i] <= room, loaded)
        waiting = of(a["queue"], chosen(slot))[:, i]
        assert everywhere((waiting == 0) | (ahead + np.minimum(waiting, batch) > room), slot.idle[:, i])
        if stage.setup is None:
            assert everywhere(a["setting"][:, i] == NO_SETUP)
        else:
            assert everywhere(a["product"][:, i] == b["product"][:, i], loaded)


def of(units: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Return the units of one product at each stage."""
    return np.take_along_axis(units, product[:, :, None], axis=2)[:, :, 0]


def units_ahead(slot: Slot, i: int) -> np.ndarray:
    """Return the units finished at a stage and not yet by the next machine, at the end."""
    a, follower = slot.after, slot.scenario.followers[i]
    ahead = a["store"][:, i].sum(axis=1)
    if follower < len(slot.scenario.stages):
        ahead = ahead + (a["queue"] + a["job"])[:, follower].sum(axis=1)
    return ahead


def chosen(slot: Slot) -> np.ndarray:
    """Return the product that each machine is to make next, from the queues that it chooses from."""
    b, a = slot.before, slot.after
    queue = a["queue"] + np.where(slot.loaded[:, :, None], a["job"], 0)
    exhaustive = np.array([stage.dispatch == "exhaustive" for stage in slot.scenario.stages])
    stays = (b["setting"] != NO_SETUP) | (exhaustive & (of(queue, b["product"]) > 0))
    return np.where(stays, b["product"], queue.argmax(axis=2))


def check_choice(slot: Slot) -> None:
    """A machine turns to another product when it has none left of its own, or to the longest queue."""
    assert everywhere(slot.after["product"] == chosen(slot), slot.loaded | slot.set_on)
    # a change that takes a setup is never put off for want of room
    needs = np.array([stage.setup is not None for stage in slot.scenario.stages])
    waits = slot.idle & (slot.after["queue"] > 0).any(axis=2)
    assert everywhere(chosen(slot) == slot.before["product"], waits & needs)


def check_maintenance(slot: Slot) -> None:
    """Maintenance begins where it is asked for, before a job or a setup, unless all technicians are at work."""
    a, asked = slot.after, slot.after["reading"] >= slot.knob("pm_level")
    passed_over = asked & (slot.idle | slot.loaded | slot.set_on) & (a["mode"] == RUN)
    assert everywhere(asked, slot.count["pms"] > 0)
    technicians = slot.scenario.technicians
    if technicians is None:
        assert not passed_over.any()
    else:
        assert everywhere(a["crew"] == technicians, passed_over)


def check_crew(slot: Slot) -> None:
    """Technicians are never more than there are, and none is idle while a machine waits; repairs are not given up."""
    b, a = slot.before, slot.after
    technicians, mode = slot.scenario.technicians, a["mode"]
    assert everywhere(np.isin(mode, (DOWN, RUN, PM)), b["mode"] == DOWN)
    if technicians is None:
        assert not (mode == WAITING).any()
        assert not a["crew"].any()
        return
    assert everywhere(a["crew"][:, 0] == np.isin(mode, (DOWN, PM)).sum(axis=1))
    assert everywhere(a["crew"] <= technicians)
    assert everywhere(a["crew"] == technicians, mode == WAITING)
    taken_up = (mode == DOWN) & (b["mode"] != DOWN)
    for i in range(mode.shape[1]):  # downstream first
        assert not (taken_up[:, :i].any(axis=1) & (mode[:, i] == WAITING)).any()


def check_wear(slot: Slot) -> None:
    """A machine wears by a level a slot at most, and what is read is wear, wear with an error, or age."""
    b, a = slot.before, slot.after
    assert everywhere(slot.change("wear") <= 1)
    assert everywhere(slot.change("age") <= 1)
    repaired = (b["mode"] == DOWN) & (a["mode"] != DOWN)
    serviced = (b["mode"] == PM) & ((a["mode"] != PM) | (slot.count["pms"] > 0))
    for name in ("wear", "age"):
        assert everywhere(slot.change(name) >= 0, ~repaired & ~serviced)
        assert everywhere(a[name] == b[name] * slot.tables.repair_keep // 256, repaired)
        assert everywhere(a[name] == b[name] * slot.tables.pm_keep // 256, serviced)
    assert everywhere(a["wear"] < slot.tables.levels)
    for i, stage in enumerate(slot.scenario.stages):
        if isinstance(stage.monitoring, Noise):
            assert everywhere(a["reading"][:, i] < slot.tables.levels[i])
        else:
            shown = {"exact": "wear", "none": "age"}[stage.monitoring]
            assert everywhere(a["reading"][:, i] == a[shown][:, i])
        if stage.failure is None:
            assert not a["wear"][:, i].any()
            assert stage.quality is not None or not a["age"][:, i].any()


def check_quality(slot: Slot) -> None:
    """Defects come from machines and items that make them; those found are scrapped or made again, or stop the line."""
    b, a, count = slot.before, slot.after, slot.count
    found = (count["scrapped"] + count["reworked"]).any(axis=2)
    detect = slot.parameter("detect")
    tainted = sources_of_defects(slot)
    for i, stage in enumerate(slot.scenario.stages):
        bad = sum(a[f"{name}_bad"][:, i] for name in ("queue", "job", "store"))
        assert tainted[i] or not bad.any()
        if stage.quality is None:
            assert not (found | (count["stops"] > 0))[:, i].any()
            assert not a["shifted"][:, i].any()
            continue
        other = count["scrapped" if stage.quality.rework else "reworked"]
        assert not other[:, i].any()
        stops = found[:, i] if stage.quality.jidoka is not None else np.zeros(len(found), dtype=bool)
        assert everywhere(count["stops"][:, i] == stops)
        assert everywhere(~found[:, i], detect[:, i] == NEVER)
        assert everywhere(a["store_bad"][:, i] <= b["store_bad"][:, i], (detect[:, i] == CERTAIN)[:, None])
        in_control = np.isin(b["mode"][:, i], (DOWN, PM, STOP)) & (a["mode"][:, i] == RUN)
        assert everywhere(a["shifted"][:, i] == 0, in_control)
    assert everywhere(count["reworked"] <= a["job"])
    assert tainted[-1] or not count["returned"].any()


def sources_of_defects(slot: Slot) -> list[bool]:
    """Return into which stages defective units may come, or where they may be made."""
    scenario = slot.scenario
    supplied = {supplier.item for supplier in scenario.suppliers if supplier.defective > 0}
    tainted = [stage.quality is not None for stage in scenario.stages]
    for item in scenario.items:
        tainted[scenario.stage_names.index(item.stage)] |= item.name in supplied
    for i, follower in enumerate(scenario.followers[:-1]):
        tainted[follower] |= tainted[i]
    return tainted
