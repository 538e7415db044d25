"""Scenario to flat integer arrays: all that a simulator backend may know of a line.

Every derived number is computed here, once. Probabilities become integer thresholds, so that no
floating point enters the dynamics (see ``docs/dynamics.md``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.fields import KNOBS, LEDGER, OFF, PARAMETERS, STATE, Axis, Feature, Layout, Places
from jitgym.knobs import Knob, knobs_of
from jitgym.laws import (
    CERTAIN,
    TIMES,
    defect_thresholds,
    demand_thresholds,
    duration_thresholds,
    hazard_thresholds,
    noise_thresholds,
    stationary,
    threshold,
)
from jitgym.parts import Demand, Duration, Noise
from jitgym.scenario import Scenario
from jitgym.variation import Values, Varied, varied_of

Ints = npt.NDArray[np.int32]

BIG: Final = OFF
"""Stands for "no bound" in rooms, batches, capacities, crews and the backlog limit."""
MOST_UNITS: Final = 1 << 25
"""No count of units may pass this, so that 32-bit sums over stages and slots cannot overflow."""
MONITORING: Final = {"none": 0, "exact": 1, "noisy": 2}
SMOOTHING_SHIFT: Final = 5
"""Smoothed demand moves by 1 / 2**5 of the gap each slot."""
COUNTS: Final = 0
TRACE: Final = 1
SATURATED: Final = 2


@dataclass(frozen=True)
class Tables:
    """The integers that define a line.

    Arrays are indexed by stage, by product at a stage (``stage * n_products + product``), item, supplier or product;
    ``-1`` is "no knob". Thresholds are for a uniform ``u`` in ``[0, 2**31)``: an event of probability p happens if
    ``u <= threshold``. What may differ from line to line is in ``parameters``, one value for each column of
    ``parameter``; the lines of a batch replace those at ``varied_row`` by values of their own.
    """

    n_stages: int
    n_products: int
    n_items: int
    n_suppliers: int
    # stages: who feeds whom; those that feed stage i are input_order[input_start[i]:input_start[i + 1]]
    follower: Ints
    input_start: Ints
    input_order: Ints
    batch: Ints
    room: Ints
    exhaustive: Ints
    has_setup: Ints
    spoils: Ints
    # wear, breakdown, maintenance
    fails: Ints
    timed: Ints
    levels: Ints
    hazard_start: Ints
    hazard: Ints
    repair_keep: Ints
    pm_keep: Ints
    monitoring: Ints
    noise_start: Ints
    noise_size: Ints
    noise_radius: Ints
    noise: Ints
    technicians: int
    # quality: the last entry of a stage's defect table is for a machine out of control
    inspects: Ints
    shifts: Ints
    rework: Ints
    jidoka: Ints
    defect_start: Ints
    defect: Ints
    # durations from a table, by the parameter that holds their fixed part; size 0: none
    law_start: Ints
    law_size: Ints
    law: Ints
    # items: those of stage i are item_order[item_start[i]:item_start[i + 1]]; item_serves is by item and product
    item_start: Ints
    item_order: Ints
    item_stage: Ints
    item_serves: Ints
    source: Ints
    # suppliers: those of item k are supplier_order[supplier_start[k]:supplier_start[k + 1]]
    supplier_item: Ints
    supplier_start: Ints
    supplier_order: Ints
    lead: Ints
    ring_start: Ints
    review: Ints
    multiple: Ints
    capacity: Ints
    has_outages: Ints
    # demand: product p has tables of demand_size[p] entries from demand_start[p] on, for every level, regime and part
    # of the season, in this order; a trace is one table of that many slots
    demand_kind: Ints
    demand_start: Ints
    demand_size: Ints
    demand_law: Ints
    n_regimes: int
    regime_switch: Ints
    n_seasons: int
    season_slots: int
    notice: Ints
    advance_start: Ints
    backlog_limit: int
    # knobs: column of the knob vector, by place
    kanban: Ints
    # the loops that begin at place x are loop[loop_start[x]:loop_start[x + 1]], each with the stage that it ends at
    loop_start: Ints
    loop: Ints
    loop_end: Ints
    basestock: Ints
    release: Ints
    credit_top: Ints
    lot: Ints
    pm_level: Ints
    target: Ints
    echelon: Ints
    order: Ints
    expedite: Ints
    # parameters, and those that vary between two values
    parameters: Ints
    varied_row: Ints
    varied_low: Ints
    varied_high: Ints
    # layout and limits
    features: frozenset[Feature]
    knobs: tuple[Knob, ...]
    varied: tuple[Varied, ...]
    parameter: Layout
    state: Layout
    ledger: Layout
    initial: Ints
    random_phase: int
    most_units: int
    units_a_slot: int
    slot_limit: int
    mean_demands: tuple[float, ...]

    @property
    def mean_demand(self) -> float:
        """Mean demand a slot, all products; 0 if saturated."""
        return sum(self.mean_demands)

    @cached_property
    def plain(self) -> Any:
        """The same tables with lists of Python integers in place of arrays."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return SimpleNamespace(**{k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()})


def build_tables(scenario: Scenario) -> Tables:
    """Compute the tables of a scenario."""
    stages, suppliers, n_products = scenario.stages, scenario.suppliers, scenario.n_products
    features = _features(scenario)
    places = _places(scenario, features)
    parameter, state = Layout(PARAMETERS, places), Layout(STATE, places)
    knobs, varied = knobs_of(scenario), varied_of(scenario)
    durations = _durations(scenario)
    laws = [_ints([]) for _ in range(parameter.size)]
    for name, group in durations.items():
        for place, duration in enumerate(group):
            laws[parameter.start(f"{name}_slots") + place] = duration_thresholds(duration)
    demand = _demand(scenario)
    leads = [supplier.lead_time for supplier in suppliers]
    phase = scenario.demand.phase
    most_units, units_a_slot, slot_limit = _growth(scenario, knobs, demand)
    return Tables(
        n_stages=len(stages),
        n_products=n_products,
        n_items=len(scenario.items),
        n_suppliers=len(suppliers),
        **_structure(scenario),
        **_machines(scenario),
        law_start=_starts(laws)[:-1],
        law_size=_ints(len(law) for law in laws),
        law=_joined(laws),
        supplier_item=_ints(scenario.item_names.index(supplier.item) for supplier in suppliers),
        lead=_ints(leads),
        ring_start=_ints(state.start("pipeline") + sum(leads[:s]) for s in range(len(leads))),
        review=_ints(supplier.review for supplier in suppliers),
        multiple=_ints(supplier.multiple for supplier in suppliers),
        capacity=_ints(BIG if supplier.capacity is None else supplier.capacity for supplier in suppliers),
        has_outages=_ints(supplier.outage is not None for supplier in suppliers),
        **demand,
        notice=_ints(scenario.notices),
        advance_start=_ints(state.start("advance") + sum(scenario.notices[:p]) for p in range(n_products)),
        backlog_limit=_backlog_limit(scenario.demand),
        **_knob_columns(scenario, knobs),
        parameters=_parameters(scenario, parameter, durations),
        **_varied(varied, parameter),
        features=features,
        knobs=knobs,
        varied=varied,
        parameter=parameter,
        state=state,
        ledger=Layout(LEDGER, places),
        initial=_initial(scenario, state),
        random_phase=_period(scenario) if phase == "random" else 0,
        most_units=most_units,
        units_a_slot=units_a_slot,
        slot_limit=slot_limit,
        mean_demands=_mean_demands(scenario),
    )


def _ints(values: object) -> Ints:
    return np.array(list(values), dtype=np.int32)  # type: ignore[call-overload]


def _starts(groups: Sequence[Ints] | Sequence[list[int]]) -> Ints:
    return _ints([0, *np.cumsum([len(group) for group in groups])])


def _joined(groups: Iterable[Ints]) -> Ints:
    return _ints(value for group in groups for value in group)


# -- what the line has, and what is counted for what --


def _features(scenario: Scenario) -> frozenset[Feature]:
    """Return what the line has; fields that need something else are left out."""
    kinds = {control.knob for control in scenario.control}
    has: dict[Feature, bool] = {
        "products": scenario.n_products > 1,
        "quality": any(s.quality for s in scenario.stages) or any(s.defective for s in scenario.suppliers),
        "spoilage": any(s.spoil for s in scenario.stages),
        "technicians": scenario.technicians is not None,
        "outages": any(s.outage for s in scenario.suppliers),
        "credits": "release" in kinds,
        "expediting": "expedite" in kinds,
        "notice": any(scenario.notices),
        "season": scenario.demand.season is not None,
        "variation": bool(scenario.vary),
    }
    return frozenset(feature for feature, given in has.items() if given)


def _places(scenario: Scenario, features: frozenset[Feature]) -> Places:
    """Return names and shapes of the places that fields are counted for."""
    products, stages = scenario.product_names, scenario.stage_names
    at_stages = tuple(f"{s},{p}" for s in stages for p in products) if products else stages
    names: dict[Axis, tuple[str, ...]] = {
        "line": ("",),
        "product": products or ("",),
        "stage": stages,
        "stage_product": at_stages,
        "item": scenario.item_names,
        "supplier": scenario.supplier_names,
        "pipeline": tuple(f"{s.name}+{slot}" for s in scenario.suppliers for slot in range(s.lead_time)),
        "advance": tuple(
            f"{p}+{slot}"
            for p, notice in zip(products or ("",), scenario.notices, strict=True)
            for slot in range(notice)
        ),
        "varied": tuple(",".join(filter(None, (one.parameter, one.at))) for one in varied_of(scenario)),
    }
    shapes: dict[Axis, tuple[int, ...]] = {axis: (len(group),) for axis, group in names.items()}
    shapes["line"] = ()
    shapes["product"] = (len(products),) if products else ()
    shapes["stage_product"] = (len(stages), len(products)) if products else (len(stages),)
    return Places(names, shapes, features)


# -- stages --


def _structure(scenario: Scenario) -> dict[str, Any]:
    """Return who feeds whom, with what."""
    stages, items, n_products = scenario.stages, scenario.items, scenario.n_products
    inputs = [[i for i, j in enumerate(scenario.followers) if j == stage] for stage in range(len(stages))]
    of_stage = [[k for k, item in enumerate(items) if item.stage == stage.name] for stage in stages]
    of_item = [[j for j, s in enumerate(scenario.suppliers) if s.item == item.name] for item in items]
    names = scenario.product_names or ("",)
    return {
        "follower": _ints(scenario.followers),
        "input_start": _starts(inputs),
        "input_order": _ints(i for group in inputs for i in group),
        "batch": _ints(BIG if stage.batch == "unlimited" else stage.batch for stage in stages),
        "room": _ints(BIG if stage.room is None else stage.room for stage in stages),
        "exhaustive": _ints(stage.dispatch == "exhaustive" for stage in stages),
        "has_setup": _ints(stage.setup is not None for stage in stages),
        "spoils": _ints(stage.spoil > 0 for stage in stages),
        "item_start": _starts(of_stage),
        "item_order": _ints(k for group in of_stage for k in group),
        "item_stage": _ints(scenario.stage_names.index(item.stage) for item in items),
        "item_serves": _ints(item.products is None or name in item.products for item in items for name in names),
        "source": _ints(not scenario.is_fed(i, p) for i in range(len(stages)) for p in range(n_products)),
        "supplier_start": _starts(of_item),
        "supplier_order": _ints(j for group in of_item for j in group),
    }


def _machines(scenario: Scenario) -> dict[str, Any]:
    """Return how machines wear, break down, are maintained, make defects and find them."""
    stages = scenario.stages
    failures = [stage.failure for stage in stages]
    qualities = [stage.quality for stage in stages]
    hazards = [hazard_thresholds(f.law) if f else _ints([-1]) for f in failures]
    noises = [noise_thresholds(stage.monitoring) for stage in stages]
    defects = [defect_thresholds(q, len(h)) if q else _ints([]) for q, h in zip(qualities, hazards, strict=True)]
    shifts = [_varies(scenario, "shift", s.name) or (s.quality is not None and s.quality.shift > 0) for s in stages]
    return {
        "fails": _ints(f is not None or shift for f, shift in zip(failures, shifts, strict=True)),
        "timed": _ints(f is not None and f.exposure == "time" for f in failures),
        "levels": _ints(len(h) for h in hazards),
        "hazard_start": _starts(hazards)[:-1],
        "hazard": _joined(hazards),
        "repair_keep": _ints(f.repair_keep if f else 0 for f in failures),
        "pm_keep": _ints(stage.maintenance.pm_keep if stage.maintenance else 0 for stage in stages),
        "monitoring": _ints(MONITORING["noisy" if isinstance(s.monitoring, Noise) else s.monitoring] for s in stages),
        "noise_start": _starts(noises)[:-1],
        "noise_size": _ints(len(noise) for noise in noises),
        "noise_radius": _ints((len(noise) + 1) // 2 for noise in noises),
        "noise": _joined(noises),
        "technicians": BIG if scenario.technicians is None else scenario.technicians,
        "inspects": _ints(q is not None for q in qualities),
        "shifts": _ints(shifts),
        "rework": _ints(q is not None and q.rework for q in qualities),
        "jidoka": _ints(q is not None and q.jidoka is not None for q in qualities),
        "defect_start": _starts(defects)[:-1],
        "defect": _joined(defects),
    }


def _varies(scenario: Scenario, parameter: str, stage: str) -> bool:
    places = scenario.places_to_vary(parameter)
    return any(vary.parameter == parameter and stage in (vary.at or places) for vary in scenario.vary)


def _durations(scenario: Scenario) -> dict[str, list[Duration]]:
    """Return every duration of the line, by what lasts; what a stage has not is given as one slot."""
    once = Duration(slots=1)
    own = [product.process for product in scenario.products] or [{}]
    stages = scenario.stages
    return {
        "job": [process.get(stage.name, stage.process) for stage in stages for process in own],
        "setup": [stage.setup or once for stage in stages],
        "repair": [stage.failure.repair if stage.failure else once for stage in stages],
        "pm": [stage.maintenance.duration if stage.maintenance else once for stage in stages],
        "stop": [(stage.quality and stage.quality.jidoka) or once for stage in stages],
    }


# -- demand --


def _demand(scenario: Scenario) -> dict[str, Any]:
    """Return the tables of demand: for every product, level, regime and part of the season."""
    kinds, sizes, tables = [], [], []
    for p, law in enumerate(scenario.laws):
        assert law is not None  # every product has one: the scenario is validated
        of_regimes, of_season = scenario.rates(p)
        if law.saturated:
            group = [_ints([])]
        elif law.trace is not None:
            group = [_ints(law.trace)]
        else:
            among = [(scenario.demand_laws(p)[number], level) for number, level in scenario.demand_levels(p)]
            group = [demand_thresholds(one, a * b * c) for one, a in among for b in of_regimes for c in of_season]
        size = max(len(table) for table in group)
        kinds.append(SATURATED if law.saturated else TRACE if law.trace is not None else COUNTS)
        sizes.append(size)
        tables.append(_joined(np.pad(table, (0, size - len(table)), constant_values=CERTAIN) for table in group))
    regimes, season = scenario.demand.regimes, scenario.demand.season
    switch = regimes.switch if regimes else ((1.0,),)
    return {
        "demand_kind": _ints(kinds),
        "demand_start": _starts(tables)[:-1],
        "demand_size": _ints(sizes),
        "demand_law": _joined(tables),
        "n_regimes": len(switch),
        "regime_switch": _ints(threshold(min(float(c), 1.0)) for row in switch for c in np.cumsum(row)[:-1]),
        "n_seasons": len(season.rates) if season else 1,
        "season_slots": season.slots if season else 1,
    }


def _mean_demands(scenario: Scenario) -> tuple[float, ...]:
    """Return the mean demand a slot of each product, over regimes, season, laws and levels; 0 if saturated."""
    regimes = scenario.demand.regimes
    weights = stationary(regimes.switch) if regimes else np.ones(1)
    means = []
    for p in range(scenario.n_products):
        of_regimes, of_season = scenario.rates(p)
        rate = float(np.dot(weights, of_regimes) * np.mean(of_season) * np.mean(scenario.levels(p)))
        laws = scenario.demand_laws(p)
        means.append(sum(law.mean * rate for law in laws) / len(laws))
    return tuple(means)


def _backlog_limit(demand: Demand) -> int:
    shortage = demand.shortage
    return {"backlog": BIG, "lost": 0}[shortage] if isinstance(shortage, str) else shortage.limit


def _period(scenario: Scenario) -> int:
    """Return the slots within which a random start lies: those of the season, or of the trace."""
    if scenario.demand.season is not None:
        return scenario.demand.season.period
    return next(len(law.trace) for law in scenario.laws if law is not None and law.trace is not None)


# -- knobs --


def _knob_columns(scenario: Scenario, knobs: tuple[Knob, ...]) -> dict[str, Any]:
    """Return the columns of every kind of knob, where loops end, and how many credits may gather."""
    columns: dict[str, Any] = {kind.name: _columns(scenario, knobs, kind.name) for kind in KNOBS}
    columns["credit_top"] = _ints(0 if column < 0 else knobs[column].high for column in columns["release"].tolist())
    loops: list[list[int]] = [[] for _ in columns["kanban"]]
    for column, knob in enumerate(knobs):
        if knob.kind == "loop":
            loops[knob.place * scenario.n_products + knob.product].append(column)
    columns["loop_start"] = _starts(loops)
    columns["loop"] = _ints(column for group in loops for column in group)
    columns["loop_end"] = _ints(knobs[column].end for group in loops for column in group)
    return columns


def _columns(scenario: Scenario, knobs: tuple[Knob, ...], name: str) -> Ints:
    """Return where in the knob vector a kind of knob is, by place; -1 where there is none."""
    kind = next(kind for kind in KNOBS if kind.name == name)
    n_products = scenario.n_products if kind.axis == "stage_product" else 1
    n_places = len(scenario.suppliers) if kind.axis == "supplier" else len(scenario.stages)
    columns = np.full(n_places * n_products, -1, dtype=np.int32)
    for column, knob in enumerate(knobs):
        if knob.kind == name:
            columns[knob.place * n_products + knob.product] = column
    return columns


# -- parameters --


def _parameters(scenario: Scenario, layout: Layout, durations: dict[str, list[Duration]]) -> Ints:
    """Return the value of every parameter where it does not vary."""
    stages, suppliers = scenario.stages, scenario.suppliers
    row = np.zeros(layout.size, dtype=np.int32)
    for name, group in durations.items():
        row[layout[f"{name}_slots"]] = [duration.slots for duration in group]
        row[layout[f"{name}_finish"]] = [threshold(duration.finish) for duration in group]
    row[layout["hazard"]] = row[layout["defect"]] = TIMES
    row[layout["wear"]] = [threshold(s.failure.wear) if s.failure else -1 for s in stages]
    row[layout["shift"]] = [threshold(s.quality.shift) if s.quality else -1 for s in stages]
    row[layout["detect"]] = [threshold(s.quality.detect) if s.quality else -1 for s in stages]
    row[layout["spoil"]] = [threshold(s.spoil) for s in stages]
    row[layout["on_time"]] = [threshold(s.on_time) for s in suppliers]
    row[layout["catch_up"]] = [threshold(s.catch_up) for s in suppliers]
    row[layout["fail"]] = [threshold(s.outage.fail) if s.outage else -1 for s in suppliers]
    row[layout["recover"]] = [threshold(s.outage.recover) if s.outage else -1 for s in suppliers]
    row[layout["defective"]] = [threshold(s.defective) for s in suppliers]
    row[layout["inspect"]] = [threshold(s.inspect) for s in suppliers]
    return row


def _varied(varied: Sequence[Varied], layout: Layout) -> dict[str, Any]:
    """Return which parameters vary, and between which values."""
    values = Values(varied)
    rows = _ints(layout.start(one.parameter) + one.place for one in varied)
    return {"varied_row": rows, "varied_low": values.low, "varied_high": values.high}


# -- start and limits --


def _initial(scenario: Scenario, state: Layout) -> Ints:
    """Return one line's state at reset, without its seeds and what is drawn for it."""
    row = np.zeros(state.size, dtype=np.int32)
    own = [product.initial for product in scenario.products] or [{}]
    row[state["store"]] = [initial.get(stage.name, stage.initial) for stage in scenario.stages for initial in own]
    row[state["stock"]] = [item.initial for item in scenario.items]
    row[state["demand_smooth"]] = [round(256 * mean) for mean in _mean_demands(scenario)]
    if scenario.demand.phase != "random":
        row[state["phase"]] = scenario.demand.phase
        row[state["calendar"]] = scenario.demand.phase if scenario.demand.season else 0
    return row


def _growth(scenario: Scenario, knobs: tuple[Knob, ...], demand: dict[str, Any]) -> tuple[int, int, int]:
    """Return how many units a line may hold, how many more there may be each slot, and for how long from its start."""
    n_products = scenario.n_products
    start = sum(item.initial for item in scenario.items)
    for stage in scenario.stages:
        start += max([stage.initial, *(p.initial.get(stage.name, 0) for p in scenario.products)]) * n_products
    at_once = sum(abs(knob.high) for knob in knobs)
    at_once += sum(supplier.multiple for supplier in scenario.suppliers)
    a_slot = 0
    for kind, size, law in zip(demand["demand_kind"], demand["demand_size"], scenario.laws, strict=True):
        a_slot += 2 * int(max(law.trace) if kind == TRACE and law is not None and law.trace else size)
    a_slot += sum(knob.high for knob in knobs if knob.kind in ("order", "release"))
    # a stage without a limit may draw on a store as fast as `target` fills it
    capacity = [BIG if supplier.capacity is None else supplier.capacity for supplier in scenario.suppliers]
    a_slot += sum(min(knob.high, capacity[knob.place]) for knob in knobs if knob.kind == "target")
    a_slot += sum(s.multiple for s in scenario.suppliers if s.multiple > 1)
    a_slot += sum(
        stage.batch
        for i, stage in enumerate(scenario.stages)
        for p in range(n_products)
        if stage.batch != "unlimited" and not scenario.is_fed(i, p)
    )
    # saturated demand may ask for all there is in one slot, and is smoothed in 1/256 of a unit
    saturated = any(law is not None and law.saturated for law in scenario.laws)
    most = (MOST_UNITS >> 3 if saturated else MOST_UNITS) - at_once
    a_slot = max(1, a_slot)
    return most, a_slot, max(0, most - start) // a_slot
