"""Hypothesis strategies: valid scenarios over every feature of the line, knob vectors, and stories of a batch.

A third of the lines have no feature beyond machines that fail, items and demand; the others have few or many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from strategy_parts import (
    Drawn,
    Has,
    chances,
    chances_of_counts,
    demands,
    durations,
    ends,
    features,
    rated_laws,
    some,
    stages,
    supplies,
)

from jitgym.fields import KNOBS, OFF, PARAMETERS
from jitgym.knobs import Knob
from jitgym.scenario import Scenario, load_scenario
from jitgym.variation import Varied

seeds = st.integers(0, 2**32)

# -- controls --

RANGES = {
    "kanban": (st.integers(0, 3), st.integers(3, 12)),
    "loop": (st.integers(0, 4), st.integers(4, 20)),
    "basestock": (st.integers(0, 3), st.integers(3, 20)),
    "release": (st.integers(0, 2), st.integers(2, 6)),
    "lot": (st.integers(0, 2), st.integers(2, 5)),
    "pm_level": (st.integers(0, 3), st.integers(3, 9)),
    "target": (st.integers(0, 4), st.integers(4, 20)),
    "echelon": (st.integers(-6, 4), st.integers(4, 30)),
    "order": (st.integers(0, 2), st.integers(2, 6)),
    "expedite": (st.integers(0, 1), st.just(1)),
}
OF_PRODUCTS = tuple(kind.name for kind in KNOBS if kind.axis == "stage_product")
NEW = ("release", "lot", "expedite")
"""Knobs that are features of their own: a line of the plainest kind has none of them."""


@st.composite
def control_rows(draw: st.DrawFn, knob: str, **where: Any) -> Drawn:
    """Draw the range of a knob at some places."""
    lows, highs = RANGES[knob]
    low, high = draw(lows), draw(highs)
    can_be_off = knob in ("kanban", "loop", "basestock") and draw(st.booleans())
    defaults = st.integers(low, high) | st.just("off") if can_be_off else st.integers(low, high)
    return {"knob": knob, **where, "low": low, "high": high, "default": draw(defaults), "off": can_be_off}


@st.composite
def product_groups(draw: st.DrawFn, names: Sequence[str]) -> list[Drawn]:
    """Draw for which products rows are given: for all, for some, or for some and the others apart."""
    some = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    if not some:
        return [{}]
    others = [name for name in names if name not in some]
    return [{"product": group} for group in (some, others) if group and (group is some or draw(st.booleans()))]


@st.composite
def controls(
    draw: st.DrawFn, places: Mapping[str, Sequence[str]], paths: Mapping[str, Sequence[str]], products: Sequence[str]
) -> list[Drawn]:
    """Draw at least one knob, each at all, some or one of its places; loops may end anywhere on their path."""
    chosen = draw(st.lists(st.sampled_from([*places]), min_size=1, max_size=7, unique=True))
    chosen += [knob for knob in NEW if knob in places and knob not in chosen]
    orders = ("target", "echelon", "order")
    if "order" in places and not set(orders) & set(chosen) and draw(st.booleans()):
        chosen.append(draw(st.sampled_from(orders)))
    rows: list[Drawn] = []
    for knob in chosen:
        at = draw(st.lists(st.sampled_from(places[knob]), unique=True))
        for of in draw(product_groups(products)) if knob in OF_PRODUCTS else [{}]:
            if knob == "loop" and at:
                ends = {
                    place: draw(st.lists(st.sampled_from(paths[place]), min_size=1, max_size=3, unique=True))
                    for place in at
                }
                ends_at = [{"at": place, "end": end} for place in at for end in ends[place]]
                rows += [draw(control_rows(knob, **where, **of)) for where in ends_at]
            else:
                rows.append(draw(control_rows(knob, **({"at": at} if at else {}), **of)))
    return rows


def places_of_knobs(line: Sequence[Drawn], suppliers: Sequence[Drawn], has: Has) -> dict[str, Sequence[str]]:
    """Return the names of the places where each knob can act."""
    at_stages, at_suppliers = ([place["name"] for place in places] for places in (line, suppliers))
    places = {kind.name: at_suppliers if kind.axis == "supplier" else at_stages for kind in KNOBS}
    places["pm_level"] = [stage["name"] for stage in line if "maintenance" in stage]
    return {knob: names for knob, names in places.items() if names and (knob in has or knob not in NEW)}


# -- what differs from line to line --

GROWTH = 2.0
"""A factor that varies is at most this."""
VALUES = {"slots": st.integers(1, 4), "probability": chances, "times": st.sampled_from((0.0, 0.5, 1.0, GROWTH))}


@st.composite
def laws_of_demand(draw: st.DrawFn, scenario: Scenario) -> Drawn:
    """Draw laws among which lines differ; one in two times as they are, tables among them where there are no rates."""
    demand = scenario.demand
    tops = [max(group) for p in range(scenario.n_products) for group in scenario.rates(p)]
    laws = rated_laws(max(GROWTH, GROWTH * max(tops) ** 2))
    if draw(st.booleans()):
        return {"laws": draw(st.lists(laws, min_size=1, max_size=3))}
    laws = laws if demand.regimes or demand.season else laws | chances_of_counts(5)
    return {"laws": draw(st.lists(laws, min_size=1, max_size=16)), "low": 1, "high": 1}


@st.composite
def variations(draw: st.DrawFn, scenario: Scenario) -> list[Drawn]:
    """Draw the ranges of some parameters that a line has."""
    kinds = {kind.name: kind for kind in PARAMETERS if scenario.places_to_vary(kind.name)}
    rated = [product for p, product in enumerate(scenario.product_names or ("",)) if scenario.laws[p].has_rate]
    if not rated:
        del kinds["demand"]
    rows = []
    for name in draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=6, unique=True)) if kinds else ():
        kind = kinds[name]
        values = ends if name.endswith(("finish", "recover")) else VALUES[kind.unit]
        low, high = sorted((draw(values), draw(values)))
        row = {"parameter": name, "low": low, "high": high}
        products = rated if name == "demand" else scenario.product_names
        at = [] if name == "demand" else draw(st.lists(st.sampled_from(scenario.places_to_vary(name)), unique=True))
        if kind.axis in ("stage_product", "product") and scenario.products:
            of = draw(st.lists(st.sampled_from(products), unique=True, min_size=name == "demand"))
            row |= {"product": of} if of else {}
        if name == "demand" and draw(st.booleans()):
            row |= draw(laws_of_demand(scenario))
        rows.append({**row, "at": at} if at else row)
    return rows


# -- whole lines --


@st.composite
def scenarios(draw: st.DrawFn) -> Drawn:
    """Draw a valid description of a line: 1 to 5 stages, 1 to 3 products, 0 to 7 items, all laws and all knobs."""
    has = draw(features)
    names = [f"stage{i}" for i in range(draw(st.integers(3 if "trees" in has else 1, 5)))]
    count = 0
    if has & {"setups", "items of products"}:
        count = draw(st.sampled_from((2, 2, 3)))
    elif "products" in has:
        count = draw(st.integers(1, 3))
    product_names = [f"product{p}" for p in range(count)]
    follows = _draw_tree(draw, names, has)
    items, suppliers = draw(supplies(names, product_names, has))
    line = [draw(stages(name, _is_fed(name, follows, items, product_names), has)) for name in names]
    if "trees" in has:
        line = [{**stage, "feeds": follows[stage["name"]]} for stage in line]
    demand, products = draw(demands(product_names, GROWTH if "variation" in has else 1.0, has))
    for product in products:
        _draw_own(draw, product, names, has)
    paths = {name: _path(name, follows) for name in names}
    description = {
        "name": "drawn",
        "slots_per_step": draw(st.integers(1, 9)),
        **({"products": products} if products else {}),
        "stages": line,
        **({"technicians": draw(st.sampled_from((1, 1, 2)))} if "technicians" in has else {}),
        "items": items,
        "suppliers": suppliers,
        "demand": demand,
        "control": draw(controls(places_of_knobs(line, suppliers, has), paths, product_names)),
    }
    if "variation" in has:
        description["vary"] = draw(variations(load_scenario(description)))
    return description


def _draw_tree(draw: st.DrawFn, names: Sequence[str], has: Has) -> dict[str, str]:
    """Draw which stage each stage feeds: the next, or any later one; the last feeds the customer."""
    next_ones = dict(zip(names, [*names[1:], "customer"], strict=True))
    if "trees" not in has:
        return next_ones
    later = {name: names[i + 1 :] or ["customer"] for i, name in enumerate(names)}
    return {name: draw(st.just(next_ones[name]) | st.sampled_from(later[name])) for name in names}


def _path(name: str, follows: Mapping[str, str]) -> list[str]:
    return [] if name == "customer" else [name, *_path(follows[name], follows)]


def _is_fed(name: str, follows: Mapping[str, str], items: Sequence[Drawn], products: Sequence[str]) -> bool:
    """Whether a stage needs, for every product, something that another stage or a supplier gives."""
    served = [item.get("products", products or [""]) for item in items if item["stage"] == name]
    return name in follows.values() or all(any(p in group for group in served) for p in products or [""])


def _draw_own(draw: st.DrawFn, product: Drawn, names: Sequence[str], has: Has) -> None:
    """Draw what a product has of its own at some stages."""
    for key, values in (("process", durations("tables" in has)), ("initial", st.integers(0, 5))):
        if some(draw, has, "products"):
            product[key] = draw(st.dictionaries(st.sampled_from(names), values, max_size=3))


# -- what is done to a batch --


@dataclass(frozen=True)
class Act:
    """One thing done to a batch: slots (one by one), step (several at once), reset, vary, save or restore."""

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
    st.builds(Act, st.just("slots"), slots=st.integers(3, 10)),
    st.builds(Act, st.just("step"), slots=st.integers(0, 9) | st.just(20)),
    st.builds(Act, st.just("reset"), masked=st.booleans(), seed=st.none() | seeds),
    st.builds(Act, st.just("vary"), slots=st.integers(1, 6), masked=st.booleans()),
    st.builds(Act, st.sampled_from(("save", "restore"))),
)
stories = st.builds(
    Story,
    n_lines=st.sampled_from((1, 2, 3, 17)) | st.integers(1, 4) | st.integers(1, 50),
    n_threads=st.sampled_from((1, 1, 2)),
    luck=seeds,
    acts=st.lists(acts, max_size=4).map(lambda more: (Act("slots", slots=10), *more)),
)


def random_knobs(knobs: Sequence[Knob], n_lines: int, rng: np.random.Generator) -> np.ndarray:
    """Return a knob vector for each line, ``(n_lines, n_knobs)``; one in four of those that can be off is."""
    values = np.array([rng.integers(knob.low, max(knob.low, knob.high) + 1, n_lines) for knob in knobs]).T
    off = np.array([knob.off for knob in knobs]) & (rng.random(values.shape) < 0.25)
    off |= np.array([knob.high < knob.low for knob in knobs])
    return np.where(off, OFF, values)


def random_parameters(varied: Sequence[Varied], n_lines: int, rng: np.random.Generator) -> np.ndarray:
    """Return values of what varies for each line, ``(n_lines, n_varied)``; one in five at either end of its range."""
    low, high = (np.array([getattr(one, end) for one in varied]) for end in ("low", "high"))
    values = low + rng.random((n_lines, len(varied))) * (high - low)
    whole = np.array([one.unit in ("slots", "level") for one in varied], dtype=bool)
    values = np.where(whole, np.rint(values), values)
    end = rng.random(values.shape)
    return np.where(end < 0.2, low, np.where(end > 0.8, high, values))
