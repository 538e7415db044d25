"""What a person sees of a line: where its parts stand, and what is where after a slot. Plain data, ready for JSON.

Everything that draws a line - the terminal, pictures, the teaching page, replays - draws these two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.fields import MACHINE, OFF
from jitgym.knobs import Knob
from jitgym.ledger import Ledger
from jitgym.parts import Stage
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator


def scene_of(scenario: Scenario) -> dict[str, Any]:
    """Return where the parts of a line stand: what does not change while it runs.

    Stages are in columns, upstream to the left, and in rows, one for every branch of a tree; the trunk is in the first.
    """
    columns, rows = _places(scenario)
    items, knobs = scenario.item_names, Simulator(scenario).knobs
    return {
        "name": scenario.name,
        "description": scenario.description,
        "slots_per_step": scenario.slots_per_step,
        "products": list(scenario.product_names),
        "columns": max(columns) + 1,
        "rows": max(rows) + 1,
        "stages": [
            {"name": stage.name, "column": columns[i], "row": rows[i], "feeds": scenario.followers[i], **_traits(stage)}
            for i, stage in enumerate(scenario.stages)
        ],
        "items": [{"name": item.name, "stage": scenario.stage_names.index(item.stage)} for item in scenario.items],
        "suppliers": [
            {"name": supplier.name, "item": items.index(supplier.item), "lead": supplier.lead_time}
            for supplier in scenario.suppliers
        ],
        "shortage": "lost" if scenario.demand.shortage == "lost" else "backlog",
        "notice": max(scenario.notices),
        "knobs": [knob_of(knob) for knob in knobs],
    }


def _places(scenario: Scenario) -> tuple[list[int], list[int]]:
    """Return column and row of every stage: a branch begins a row of its own, what it joins stays in its own."""
    n = len(scenario.stages)
    depth = [len(scenario.path(i)) for i in range(n)]
    rows = [-1] * n
    for row, leaf in enumerate(i for i in range(n) if i not in scenario.followers):
        for i in scenario.path(leaf):
            rows[i] = row if rows[i] < 0 else rows[i]
    return [max(depth) - d for d in depth], rows


def _traits(stage: Stage) -> dict[str, Any]:
    """Return what a stage has that is drawn."""
    return {
        "job": round(stage.process.mean, 3),
        "random": stage.process.finish != 1 or stage.process.table is not None,
        "batch": None if stage.batch == "unlimited" else stage.batch,
        "room": stage.room,
        "fails": stage.failure is not None,
        "wears": stage.failure is not None and stage.failure.law.geometric is None,
        "maintained": stage.maintenance is not None,
        "inspects": stage.quality is not None and stage.quality.detect > 0,
    }


def knob_of(knob: Knob) -> dict[str, Any]:
    """Return a knob as a control panel needs it; the value of one that is off is None."""
    return {
        "name": knob.name,
        "kind": knob.kind,
        "place": knob.place,
        "end": knob.end,
        "product": knob.product,
        "low": knob.low,
        "high": knob.high,
        "off": knob.off,
        "value": None if knob.default == OFF else knob.default,
    }


def frame_of(lines: Simulator, ledger: Ledger, knobs: npt.NDArray[np.int32], place: int = 0) -> dict[str, Any]:
    """Return what is where on a line after the slots that were counted to a ledger; of its machine, what it mostly did.

    Lists are by stage and product, by stage, by item, by supplier or by product, as the names of the fields say.
    ``hidden`` is what nobody on the shop floor knows: defects, machines out of control, suppliers in an outage.

    Args:
        lines: a batch.
        ledger: of its last slots.
        knobs: of the line, ``(n_knobs,)``.
        place: which of the lines.
    """
    scenario = lines.scenario
    shape = (len(scenario.stages), scenario.n_products)

    def units(field: str) -> list[list[int]]:
        rows: list[list[int]] = lines.state(field)[place].reshape(shape).tolist()
        return rows

    def plain(field: str) -> list[int]:
        values: list[int] = lines.state(field)[place].reshape(-1).tolist()
        return values

    def counted(field: str) -> list[int]:
        values: list[int] = ledger[field][place].reshape(-1).tolist()
        return values

    return {
        "slot": int(lines.state("slot")[place]),
        "queue": units("queue"),
        "job": units("job"),
        "store": units("store"),
        "machine": np.stack([ledger[name][place] for name in MACHINE]).argmax(axis=0).tolist(),
        "product": plain("product"),
        "reading": plain("reading"),
        "off": plain("off_slots"),
        "stock": plain("stock"),
        "trucks": _trucks(lines, place),
        "overdue": plain("overdue"),
        "delivered": counted("delivered"),
        "demand": counted("demand"),
        "shipped": counted("shipped"),
        "lost": counted("lost"),
        "returned": counted("returned"),
        "backlog": plain("backlog"),
        "known": plain("known"),
        "scrapped": ledger["scrapped"][place].reshape(shape).sum(axis=1).tolist(),
        "knobs": [None if value == OFF else int(value) for value in knobs],
        "hidden": {
            "queue": _sums(units("queue_bad")),
            "job": _sums(units("job_bad")),
            "store": _sums(units("store_bad")),
            "stock": plain("stock_bad"),
            "shifted": plain("shifted"),
            "out": plain("out"),
        },
    }


def _sums(rows: list[list[int]]) -> list[int]:
    return [sum(row) for row in rows]


def _trucks(lines: Simulator, place: int) -> list[list[list[int]]]:
    """Return for every supplier what is on its way: pairs of slots until it is due and units, the next one first."""
    tables = lines.tables
    ring, tick = lines.state("pipeline")[place], int(lines.state("tick")[place])
    begin = tables.state.start("pipeline")
    trucks = []
    for start, lead in zip(tables.ring_start, tables.lead, strict=True):
        due = [(k + 1, int(ring[start - begin + (tick + k) % lead])) for k in range(lead)]
        trucks.append([[slots, units] for slots, units in due if units])
    return trucks
