"""Scenario to flat integer arrays: all that a simulator backend may know of a line.

Every derived number is computed here, once. Probabilities become integer thresholds, so that no
floating point enters the dynamics (see ``docs/dynamics.md``).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from jitgym.fields import KNOBS, LEDGER, OFF, STATE, Axis, Layout
from jitgym.parts import Control, Demand, DemandLaw, Duration, HazardLaw, Noise, Stage
from jitgym.scenario import Scenario

Ints = npt.NDArray[np.int32]

BIG: Final = OFF
"""Stands for "no bound" in rooms, batches and the backlog limit."""
MOST_UNITS: Final = 1 << 25
"""No count of units may pass this, so that 32-bit sums over stages and slots cannot overflow."""
MONITORING: Final = {"none": 0, "exact": 1, "noisy": 2}
SMOOTHING_SHIFT: Final = 5
"""Smoothed demand moves by 1 / 2**5 of the gap each slot."""


@dataclass(frozen=True)
class Knob:
    """One control of one place: ``low..high``, and ``OFF`` where ``off`` is true."""

    name: str
    kind: str
    place: int
    end: int
    low: int
    high: int
    default: int
    off: bool

    @property
    def choices(self) -> int:
        """Number of settings, "off" included."""
        return self.high - self.low + 1 + self.off


@dataclass(frozen=True)
class Tables:
    """The integers that define a line. Arrays are indexed by stage, item or supplier; ``-1`` is "no knob".

    Thresholds are for a uniform ``u`` in ``[0, 2**31)``: an event of probability p happens if ``u <= threshold``.
    """

    n_stages: int
    n_items: int
    n_suppliers: int
    # stages
    job_slots: Ints
    job_finish: Ints
    batch: Ints
    room: Ints
    fails: Ints
    timed: Ints
    levels: Ints
    hazard_start: Ints
    hazard: Ints
    wear_growth: Ints
    repair_slots: Ints
    repair_finish: Ints
    repair_keep: Ints
    pm_slots: Ints
    pm_finish: Ints
    pm_keep: Ints
    monitoring: Ints
    noise_start: Ints
    noise_size: Ints
    noise_radius: Ints
    noise: Ints
    # items: those of stage i are item_order[item_start[i]:item_start[i + 1]]
    item_start: Ints
    item_order: Ints
    item_stage: Ints
    # suppliers
    supplier_item: Ints
    lead: Ints
    on_time: Ints
    catch_up: Ints
    ring_start: Ints
    # demand
    demand_kind: int
    demand_counts: Ints
    demand_trace: Ints
    backlog_limit: int
    # knobs: column of the knob vector, by place
    kanban: Ints
    loop: Ints
    loop_end: Ints
    basestock: Ints
    pm_level: Ints
    target: Ints
    echelon: Ints
    order: Ints
    # layout and limits
    knobs: tuple[Knob, ...]
    state: Layout
    ledger: Layout
    initial: Ints
    slot_limit: int
    mean_demand: float

    @cached_property
    def plain(self) -> Any:
        """The same tables with lists of Python integers in place of arrays."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return SimpleNamespace(**{k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()})


COUNTS: Final = 0
TRACE: Final = 1
SATURATED: Final = 2


def threshold(probability: float) -> int:
    """Return the integer t for which ``u <= t`` has this probability: p = 0 never, p = 1 always, exactly."""
    return round(probability * 2**31) - 1


def count_thresholds(cdf: npt.ArrayLike) -> Ints:
    """Return thresholds t so that ``#{k: u > t[k]}`` has a cumulative distribution; certain entries are cut."""
    values = [threshold(float(p)) for p in np.minimum(np.asarray(cdf, dtype=float), 1.0)]
    return _ints(value for value in values if value < 2**31 - 1)


def build_tables(scenario: Scenario) -> Tables:
    """Compute the tables of a scenario."""
    stages, items, suppliers = scenario.stages, scenario.items, scenario.suppliers
    failures = [stage.failure for stage in stages]
    hazards = [_hazard(f.law) if f else _ints([-1]) for f in failures]
    noises = [_noise(stage) for stage in stages]
    of_stage = [[k for k, item in enumerate(items) if item.stage == stage.name] for stage in stages]
    at_once = Duration(slots=1)
    repairs = [f.repair if f else at_once for f in failures]
    pms = [stage.maintenance.duration if stage.maintenance else at_once for stage in stages]
    knobs = _knobs(scenario)
    leads = [supplier.lead_time for supplier in suppliers]
    places: dict[Axis, tuple[str, ...]] = {
        "stage": scenario.stage_names,
        "item": scenario.item_names,
        "supplier": scenario.supplier_names,
        "pipeline": tuple(f"{s.name}+{slot}" for s in suppliers for slot in range(s.lead_time)),
    }
    state = Layout(STATE, places)
    kind, counts, trace, mean_demand = _demand(scenario.demand.law)
    return Tables(
        n_stages=len(stages),
        n_items=len(items),
        n_suppliers=len(suppliers),
        job_slots=_ints(stage.process.slots for stage in stages),
        job_finish=_ints(threshold(stage.process.finish) for stage in stages),
        batch=_ints(BIG if stage.batch == "unlimited" else stage.batch for stage in stages),
        room=_ints(BIG if stage.room is None else stage.room for stage in stages),
        fails=_ints(f is not None for f in failures),
        timed=_ints(f is not None and f.exposure == "time" for f in failures),
        levels=_ints(len(h) for h in hazards),
        hazard_start=_starts(hazards)[:-1],
        hazard=_ints(value for h in hazards for value in h),
        wear_growth=_ints(threshold(f.wear) if f else -1 for f in failures),
        repair_slots=_ints(duration.slots for duration in repairs),
        repair_finish=_ints(threshold(duration.finish) for duration in repairs),
        repair_keep=_ints(f.repair_keep if f else 0 for f in failures),
        pm_slots=_ints(duration.slots for duration in pms),
        pm_finish=_ints(threshold(duration.finish) for duration in pms),
        pm_keep=_ints(stage.maintenance.pm_keep if stage.maintenance else 0 for stage in stages),
        monitoring=_ints(
            MONITORING["noisy" if isinstance(stage.monitoring, Noise) else stage.monitoring] for stage in stages
        ),
        noise_start=_starts(noises)[:-1],
        noise_size=_ints(len(noise) for noise in noises),
        noise_radius=_ints((len(noise) + 1) // 2 for noise in noises),
        noise=_ints(value for noise in noises for value in noise),
        item_start=_starts(of_stage),
        item_order=_ints(k for group in of_stage for k in group),
        item_stage=_ints(scenario.stage_names.index(item.stage) for item in items),
        supplier_item=_ints(scenario.item_names.index(supplier.item) for supplier in suppliers),
        lead=_ints(leads),
        on_time=_ints(threshold(supplier.on_time) for supplier in suppliers),
        catch_up=_ints(threshold(supplier.catch_up) for supplier in suppliers),
        ring_start=_ints(state.start("pipeline") + sum(leads[:s]) for s in range(len(leads))),
        demand_kind=kind,
        demand_counts=counts,
        demand_trace=trace,
        backlog_limit=_backlog_limit(scenario.demand),
        loop_end=_ints(
            _knob_at(knobs, "loop", i).end if _column(knobs, "loop", i) >= 0 else -1 for i in range(len(stages))
        ),
        **{name: _ints(_column(knobs, name, i) for i in range(len(stages))) for name in _AT_STAGES},
        **{name: _ints(_column(knobs, name, s) for s in range(len(suppliers))) for name in _AT_SUPPLIERS},
        knobs=knobs,
        state=state,
        ledger=Layout(LEDGER, places),
        initial=_initial(scenario, state, mean_demand),
        slot_limit=_slot_limit(scenario, knobs, counts, trace),
        mean_demand=mean_demand,
    )


_AT_STAGES: Final = tuple(kind.name for kind in KNOBS if kind.axis == "stage")
_AT_SUPPLIERS: Final = tuple(kind.name for kind in KNOBS if kind.axis == "supplier")


def _ints(values: object) -> Ints:
    return np.array(list(values), dtype=np.int32)  # type: ignore[call-overload]


def _starts(groups: list[Ints] | list[list[int]]) -> Ints:
    return _ints([0, *np.cumsum([len(group) for group in groups])])


def _hazard(law: HazardLaw) -> Ints:
    """Return the thresholds of breaking down, by wear level."""
    if law.geometric is not None:
        return _ints([threshold(law.geometric)])
    if law.table is not None:
        return _ints(threshold(p) for p in law.table)
    weibull = law.weibull
    assert weibull is not None  # one of the three is given: the scenario is validated
    scale, shape = weibull.scale, weibull.shape
    levels = weibull.levels or min(4096, math.ceil(scale * (31 * math.log(2)) ** (1 / shape)))
    steps = (np.arange(levels + 1) / scale) ** shape
    return _ints(threshold(p) for p in -np.expm1(-np.diff(steps)))


def _noise(stage: Stage) -> Ints:
    """Return the count thresholds of a rounded normal error, shifted to be >= 0 by its radius."""
    if not isinstance(stage.monitoring, Noise):
        return _ints([])
    sd = stage.monitoring.noise
    radius = max(1, math.ceil(4 * sd))
    return _ints(threshold(p) for p in stats.norm.cdf((np.arange(2 * radius) - radius + 0.5) / sd))


def _demand(law: DemandLaw) -> tuple[int, Ints, Ints, float]:
    """Return kind, count thresholds, trace, and mean a slot (0 if saturated)."""
    none = _ints([])
    if law.saturated:
        return SATURATED, none, none, 0.0
    if law.trace is not None:
        return TRACE, none, _ints(law.trace), float(np.mean(law.trace))
    if law.bernoulli is not None:
        return COUNTS, count_thresholds([1 - law.bernoulli]), none, law.bernoulli
    if law.table is not None:
        mean = float(np.dot(np.arange(len(law.table)), law.table))
        return COUNTS, count_thresholds(np.cumsum(law.table)[:-1]), none, mean
    if law.poisson is not None:
        distribution, mean = stats.poisson(law.poisson), law.poisson
    else:
        count = law.negative_binomial
        assert count is not None  # one of the forms is given: the scenario is validated
        distribution = stats.nbinom(count.dispersion, count.dispersion / (count.dispersion + count.mean))
        mean = count.mean
    return COUNTS, count_thresholds(distribution.cdf(np.arange(int(distribution.isf(2.0**-33)) + 2))), none, mean


def _backlog_limit(demand: Demand) -> int:
    shortage = demand.shortage
    return {"backlog": BIG, "lost": 0}[shortage] if isinstance(shortage, str) else shortage.limit


def _knobs(scenario: Scenario) -> tuple[Knob, ...]:
    """Return the knobs of the agent, in the order of the scenario's control section."""
    return tuple(
        _knob(scenario, control, place)
        for control in scenario.control
        for place in control.at or scenario.places_of(control.knob)
    )


def _knob(scenario: Scenario, control: Control, place: str) -> Knob:
    kind = next(kind for kind in KNOBS if kind.name == control.knob)
    stages = scenario.stage_names
    names = stages if kind.axis == "stage" else scenario.supplier_names
    end = stages.index(control.end) if control.end else len(stages) - 1
    # the top of pm_level means never, which is the same as a limit that is off
    never = control.knob == "pm_level"
    high = control.high - never
    default = OFF if control.default == "off" or (never and control.default == control.high) else control.default
    return Knob(
        name=f"{control.knob}[{place}]",
        kind=control.knob,
        place=names.index(place),
        end=end,
        low=control.low,
        high=high,
        default=default,
        off=control.off or never,
    )


def _column(knobs: tuple[Knob, ...], kind: str, place: int) -> int:
    return next((i for i, knob in enumerate(knobs) if (knob.kind, knob.place) == (kind, place)), -1)


def _knob_at(knobs: tuple[Knob, ...], kind: str, place: int) -> Knob:
    return knobs[_column(knobs, kind, place)]


def _initial(scenario: Scenario, state: Layout, mean_demand: float) -> Ints:
    """Return one line's state at reset, without its seeds."""
    row = np.zeros(state.size, dtype=np.int32)
    row[state["store"]] = [stage.initial for stage in scenario.stages]
    row[state["stock"]] = [item.initial for item in scenario.items]
    row[state["demand_smooth"]] = round(256 * mean_demand)
    return row


def _slot_limit(scenario: Scenario, knobs: tuple[Knob, ...], counts: Ints, trace: Ints) -> int:
    """Return how many slots a line may run before a count of units could pass MOST_UNITS."""
    start = sum(s.initial for s in scenario.stages) + sum(i.initial for i in scenario.items)
    start += sum(abs(knob.high) for knob in knobs)
    a_slot = 2 * int(max(len(counts), trace.max(initial=0)))
    a_slot += sum(knob.high for knob in knobs if knob.kind == "order")
    first = scenario.stages[0]
    if first.batch != "unlimited":
        a_slot += first.batch
    # saturated demand may ask for all there is in one slot, and is smoothed in 1/256 of a unit
    most = MOST_UNITS >> 3 if scenario.demand.law.saturated else MOST_UNITS
    return max(0, most - start) // max(1, a_slot)
