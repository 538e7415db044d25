"""Hypothesis strategies: valid scenarios over every feature of the line, knob vectors, and stories of a batch.

A scenario is drawn as the plain mapping that a YAML file would hold, with short lines, small numbers and
probabilities that are often 0, 1 or a half, so that rare things happen within a few dozen slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from jitgym.fields import OFF
from jitgym.tables import Knob

Drawn = Mapping[str, Any]

chances = st.sampled_from((0.0, 0.1, 0.5, 0.9, 1.0)) | st.floats(0, 1, allow_subnormal=False)
small_chances = st.sampled_from((0.0, 0.02, 0.1, 0.3)) | st.floats(0, 0.5, allow_subnormal=False)
shares = st.sampled_from((0, 128, 255, 256)) | st.integers(0, 256)
durations = st.one_of(
    st.integers(1, 4),
    st.builds(lambda mean: {"geometric": mean}, st.floats(1, 6)),
    st.fixed_dictionaries({"slots": st.integers(1, 4), "finish": st.sampled_from((0.2, 0.5, 1.0))}),
)
seeds = st.integers(0, 2**32)


# -- stages --

weibulls = st.one_of(
    st.fixed_dictionaries({"scale": st.floats(1, 12), "shape": st.floats(1, 4)}),
    st.fixed_dictionaries({"scale": st.floats(1, 12), "shape": st.floats(0.3, 4), "levels": st.integers(1, 12)}),
)
hazards = st.one_of(
    st.builds(lambda p: {"geometric": p}, small_chances),
    st.builds(lambda weibull: {"weibull": weibull}, weibulls),
    st.builds(lambda table: {"table": table}, st.lists(small_chances, min_size=1, max_size=8)),
)
failures = st.fixed_dictionaries(
    {"law": hazards, "repair": durations},
    optional={
        "wear": chances,
        "exposure": st.sampled_from(("operation", "time")),
        "repair_keep": shares,
    },
)
maintenances = st.fixed_dictionaries({"duration": durations}, optional={"pm_keep": shares})
monitorings = st.sampled_from(("exact", "none")) | st.builds(lambda sd: {"noise": sd}, st.floats(0.1, 3))


@st.composite
def stages(draw: st.DrawFn, name: str, may_be_unlimited: bool) -> dict[str, Any]:
    """Draw one stage; an unlimited batch is only for a stage whose material is limited."""
    batches = st.integers(1, 4) | st.just("unlimited") if may_be_unlimited else st.integers(1, 4)
    stage = draw(
        st.fixed_dictionaries(
            {"process": durations, "batch": batches, "initial": st.integers(0, 5)},
            optional={"failure": failures, "maintenance": maintenances, "monitoring": monitorings},
        )
    )
    if draw(st.booleans()):
        least = stage["batch"] if stage["batch"] != "unlimited" else 1
        stage["room"] = least + draw(st.integers(0, 5))
    return {"name": name, **stage}


# -- supply and demand --


@st.composite
def supplies(draw: st.DrawFn, stage_names: Sequence[str]) -> tuple[list[Drawn], list[Drawn]]:
    """Draw items at any stages, and their suppliers in an order of their own."""
    count = draw(st.sampled_from((0, 1, 1, 2, 3, 7)))
    items = [
        {"name": f"item{k}", "stage": draw(st.sampled_from(stage_names)), "initial": draw(st.integers(0, 6))}
        for k in range(count)
    ]
    more = {"on_time": chances, "catch_up": chances}
    suppliers = [
        {
            "name": f"supplier{k}",
            "item": f"item{k}",
            "lead_time": draw(st.integers(0, 4)),
            **draw(st.fixed_dictionaries({}, optional=more)),
        }
        for k in range(count)
    ]
    return items, draw(st.permutations(suppliers))


def _distribution(weights: list[int], last: int) -> dict[str, list[float]]:
    total = sum(weights) + last
    return {"table": [weight / total for weight in (*weights, last)]}


demand_laws = st.one_of(
    st.builds(lambda p: {"bernoulli": p}, chances),
    st.builds(lambda mean: {"poisson": mean}, st.floats(0.05, 4)),
    st.builds(
        lambda mean, dispersion: {"negative_binomial": {"mean": mean, "dispersion": dispersion}},
        st.floats(0.1, 4),
        st.floats(0.3, 5),
    ),
    st.builds(_distribution, st.lists(st.integers(0, 9), max_size=5), st.integers(1, 9)),
    st.builds(lambda trace: {"trace": trace}, st.lists(st.integers(0, 5), min_size=1, max_size=9)),
    st.just("saturated"),
)
demands = st.fixed_dictionaries(
    {"law": demand_laws},
    optional={"shortage": st.sampled_from(("backlog", "lost")) | st.builds(lambda n: {"limit": n}, st.integers(0, 8))},
)


# -- controls --

RANGES = {
    "kanban": (st.integers(0, 3), st.integers(3, 12)),
    "loop": (st.integers(0, 4), st.integers(4, 20)),
    "basestock": (st.integers(0, 3), st.integers(3, 20)),
    "pm_level": (st.integers(0, 3), st.integers(3, 9)),
    "target": (st.integers(0, 4), st.integers(4, 20)),
    "echelon": (st.integers(-6, 4), st.integers(4, 30)),
    "order": (st.integers(0, 2), st.integers(2, 6)),
}


@st.composite
def control_rows(draw: st.DrawFn, knob: str, places: Sequence[str]) -> dict[str, Any]:
    """Draw the range of a knob at some places; a loop may end before the last stage."""
    lows, highs = RANGES[knob]
    low, high = draw(lows), draw(highs)
    can_be_off = knob in ("kanban", "loop", "basestock") and draw(st.booleans())
    defaults = st.integers(low, high) | st.just("off") if can_be_off else st.integers(low, high)
    return {"knob": knob, "at": places, "low": low, "high": high, "default": draw(defaults), "off": can_be_off}


@st.composite
def controls(draw: st.DrawFn, places: Mapping[str, Sequence[str]]) -> list[Drawn]:
    """Draw at least one knob, each at all, some or one of its places."""
    able = [knob for knob, names in places.items() if names]
    rows: list[Drawn] = []
    for knob in draw(st.lists(st.sampled_from(able), min_size=1, max_size=7, unique=True)):
        at = draw(st.lists(st.sampled_from(places[knob]), unique=True))
        if knob == "loop" and at:
            for place in at:
                later = places[knob][places[knob].index(place) :]
                rows.append({**draw(control_rows(knob, place)), "end": draw(st.sampled_from(later))})
        else:
            row = draw(control_rows(knob, at))
            rows.append(row if at else {key: value for key, value in row.items() if key != "at"})
    return rows


# -- whole lines --


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a valid description of a line: 1 to 5 stages, 0 to 7 items, all laws and all knobs."""
    names = [f"stage{i}" for i in range(draw(st.integers(1, 5)))]
    items, suppliers = draw(supplies(names))
    fed = {item["stage"] for item in items}
    line = [draw(stages(name, may_be_unlimited=i > 0 or name in fed)) for i, name in enumerate(names)]
    at_suppliers = [supplier["name"] for supplier in suppliers]
    places = {
        "kanban": names,
        "loop": names,
        "basestock": names,
        "pm_level": [stage["name"] for stage in line if "maintenance" in stage],
        "target": at_suppliers,
        "echelon": at_suppliers,
        "order": at_suppliers,
    }
    return {
        "name": "drawn",
        "slots_per_step": draw(st.integers(1, 9)),
        "stages": line,
        "items": items,
        "suppliers": suppliers,
        "demand": draw(demands),
        "control": draw(controls(places)),
    }


# -- what is done to a batch --


@dataclass(frozen=True)
class Act:
    """One thing done to a batch: slots (one by one), step (several at once), reset, save or restore."""

    what: str
    slots: int = 0
    masked: bool = False
    seed: int | None = None


@dataclass(frozen=True)
class Story:
    """A batch and what is done to it; seeds, knob vectors and masks come from ``luck``."""

    n_lines: int
    n_threads: int
    luck: int
    acts: tuple[Act, ...]


acts = st.one_of(
    st.builds(Act, st.just("slots"), slots=st.integers(4, 20)),
    st.builds(Act, st.just("step"), slots=st.integers(0, 9) | st.just(35)),
    st.builds(Act, st.just("reset"), masked=st.booleans(), seed=st.none() | seeds),
    st.builds(Act, st.sampled_from(("save", "restore"))),
)
stories = st.builds(
    Story,
    n_lines=st.sampled_from((1, 2, 3, 5, 16, 17, 37)) | st.integers(1, 8),
    n_threads=st.integers(1, 2),
    luck=seeds,
    acts=st.lists(acts, max_size=6).map(lambda more: (Act("slots", slots=12), *more)),
)


def random_knobs(knobs: Sequence[Knob], n_lines: int, rng: np.random.Generator) -> np.ndarray:
    """Return a knob vector for each line, ``(n_lines, n_knobs)``; one in four of those that can be off is."""
    values = np.array([rng.integers(knob.low, max(knob.low, knob.high) + 1, n_lines) for knob in knobs]).T
    off = np.array([knob.off for knob in knobs]) & (rng.random(values.shape) < 0.25)
    off |= np.array([knob.high < knob.low for knob in knobs])
    return np.where(off, OFF, values)
