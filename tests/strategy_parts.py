"""Hypothesis strategies for the parts of a line: durations, stages, supply and demand.

Parts are drawn as the plain mappings that a YAML file would hold, with small numbers and probabilities that are often
0, 1 or a half, so that rare things happen within a few dozen slots. ``has`` names the features that a line may have;
what is drawn without any is a line of the plainest kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

Drawn = dict[str, Any]
Has = frozenset[str]
Draws = st.SearchStrategy[Any]

FEATURES = (
    "products",
    "trees",
    "setups",
    "quality",
    "spoilage",
    "technicians",
    "tables",
    "outages",
    "ordering",
    "several suppliers",
    "items of products",
    "defective items",
    "regimes",
    "season",
    "notice",
    "phase",
    "release",
    "lot",
    "expedite",
    "variation",
)
features = st.one_of(
    st.just(frozenset()),
    st.frozensets(st.sampled_from(FEATURES), min_size=1, max_size=4),
    st.frozensets(st.sampled_from(FEATURES), min_size=8),
)

chances = st.sampled_from((0.0, 0.1, 0.5, 0.9, 1.0)) | st.floats(0, 1, allow_subnormal=False)
small_chances = st.sampled_from((0.0, 0.02, 0.1, 0.3)) | st.floats(0, 0.5, allow_subnormal=False)
ends = st.sampled_from((0.1, 0.5, 1.0)) | st.floats(0.01, 1)
shares = st.sampled_from((0, 128, 255, 256)) | st.integers(0, 256)
levels = st.sampled_from((0.0, 0.25, 0.5, 1.0, 2.0))


def _shares(weights: Iterable[int]) -> list[float]:
    """Return weights as probabilities that add up to 1."""
    weights = list(weights)
    return [weight / sum(weights) for weight in weights]


def chances_of_counts(most: int) -> Draws:
    """Return tables of probabilities."""
    weights = st.builds(lambda some, last: [*some, last], st.lists(st.integers(0, 9), max_size=most), st.integers(1, 9))
    return weights.map(lambda weights: {"table": _shares(weights)})


@cache  # a strategy made anew would be checked anew at every draw
def durations(tables: bool) -> Draws:
    """Return the laws of what lasts."""
    plain = st.one_of(
        st.integers(1, 4),
        st.builds(lambda mean: {"geometric": mean}, st.floats(1, 6)),
        st.fixed_dictionaries({"slots": st.integers(1, 4), "finish": st.sampled_from((0.2, 0.5, 1.0))}),
    )
    return plain | chances_of_counts(4) if tables else plain


def some(draw: st.DrawFn, has: Has, feature: str) -> bool:
    """Draw whether one place has a feature that the line may have: two out of three do."""
    return feature in has and draw(st.sampled_from((True, True, False)))


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
monitorings = st.sampled_from(("exact", "none")) | st.builds(lambda sd: {"noise": sd}, st.floats(0.1, 3))


@cache
def _failures(tables: bool) -> Draws:
    wear = {"wear": chances, "exposure": st.sampled_from(("operation", "time")), "repair_keep": shares}
    return st.fixed_dictionaries({"law": hazards, "repair": durations(tables)}, optional=wear)


@cache
def _machines(fed: bool, tables: bool) -> Draws:
    """Return stages without extras; an unlimited batch is only for one whose material is limited."""
    lasts = durations(tables)
    return st.fixed_dictionaries(
        {
            "process": lasts,
            "batch": st.integers(1, 4) | st.just("unlimited") if fed else st.integers(1, 4),
            "initial": st.integers(0, 5),
        },
        optional={
            "failure": _failures(tables),
            "maintenance": st.fixed_dictionaries({"duration": lasts}, optional={"pm_keep": shares}),
            "monitoring": monitorings,
        },
    )


@cache
def _qualities(wears: bool, tables: bool) -> Draws:
    """Return qualities; only a machine that wears has defects by its wear."""
    return st.fixed_dictionaries(
        {"defect": chances | st.lists(chances, min_size=1, max_size=4) if wears else chances, "detect": chances},
        optional={
            "shift": small_chances,
            "defect_shifted": chances,
            "rework": st.booleans(),
            "jidoka": durations(tables),
        },
    )


@st.composite
def stages(draw: st.DrawFn, name: str, fed: bool, has: Has) -> Drawn:
    """Draw one stage."""
    tables = "tables" in has
    stage = {"name": name, **draw(_machines(fed, tables))}
    if "failure" not in stage and some(draw, has, "technicians"):
        stage["failure"] = draw(_failures(tables))
    if draw(st.booleans()):
        least = stage["batch"] if stage["batch"] != "unlimited" else 1
        stage["room"] = least + draw(st.integers(0, 5))
    if "setups" in has:
        stage["dispatch"] = draw(st.sampled_from(("exhaustive", "longest")))
    for key, feature, values in (
        ("setup", "setups", durations(tables)),
        ("spoil", "spoilage", chances),
        ("quality", "quality", _qualities("failure" in stage, tables)),
    ):
        if some(draw, has, feature):
            stage[key] = draw(values)
    return stage


# -- supply --


deliveries = st.fixed_dictionaries({"lead_time": st.integers(0, 4)}, optional={"on_time": chances, "catch_up": chances})
outages = st.fixed_dictionaries({"fail": chances, "recover": ends})


@st.composite
def _suppliers(draw: st.DrawFn, name: str, item: str, has: Has) -> Drawn:
    supplier = {"name": name, "item": item, **draw(deliveries)}
    if some(draw, has, "ordering"):
        supplier["review"] = draw(st.integers(1, 5))
        supplier["multiple"] = draw(st.integers(1, 4))
        supplier["capacity"] = draw(st.none() | st.integers(1, 4).map(lambda times: times * supplier["multiple"]))
    if some(draw, has, "defective items"):
        supplier["defective"], supplier["inspect"] = draw(chances), draw(chances)
    if some(draw, has, "outages"):
        supplier["outage"] = draw(outages)
    return supplier


@st.composite
def supplies(
    draw: st.DrawFn, stage_names: Sequence[str], product_names: Sequence[str], has: Has
) -> tuple[list[Drawn], list[Drawn]]:
    """Draw items at any stages, and their suppliers in an order of their own."""
    count = draw(st.sampled_from((0, 1, 1, 2, 2, 3, 7)))
    items = []
    for k in range(count):
        item = {"name": f"item{k}", "stage": draw(st.sampled_from(stage_names)), "initial": draw(st.integers(0, 6))}
        if product_names and some(draw, has, "items of products"):
            item["products"] = draw(st.lists(st.sampled_from(product_names), min_size=1, unique=True))
        items.append(item)
    supplied = [item["name"] for item in items]
    if items and "several suppliers" in has:
        supplied += draw(st.lists(st.sampled_from(supplied), min_size=1, max_size=3))
    suppliers = [draw(_suppliers(f"supplier{j}", item, has)) for j, item in enumerate(supplied)]
    return items, draw(st.permutations(suppliers))


# -- demand --


@cache
def rated_laws(most: float) -> Draws:
    """Return the laws with a mean, low enough to be multiplied by the most there is."""
    return st.one_of(
        st.builds(lambda p: {"bernoulli": p / most}, chances),
        st.builds(lambda mean: {"poisson": mean / most}, st.floats(0.05, 4)),
        st.builds(
            lambda mean, dispersion: {"negative_binomial": {"mean": mean / most, "dispersion": dispersion}},
            st.floats(0.1, 4),
            st.floats(0.3, 5),
        ),
    )


@cache
def _traces(least: int, most: int) -> Draws:
    return st.builds(lambda trace: {"trace": trace}, st.lists(st.integers(0, 5), min_size=least, max_size=most))


@cache
def _any_laws(most: float) -> Draws:
    return st.one_of(rated_laws(most), chances_of_counts(5), _traces(1, 9), st.just("saturated"))


shortages = st.sampled_from(("backlog", "lost")) | st.builds(lambda n: {"limit": n}, st.integers(0, 8))


@st.composite
def _regimes(draw: st.DrawFn) -> Drawn:
    n = draw(st.integers(1, 3))
    weights = st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any)
    return {
        "switch": [_shares(draw(weights)) for _ in range(n)],
        "rates": draw(st.lists(levels, min_size=n, max_size=n)),
    }


seasons = st.fixed_dictionaries(
    {"rates": st.lists(levels, min_size=1, max_size=4)}, optional={"slots": st.integers(1, 5)}
)


def highest_rate(demand: Drawn, products: Sequence[Drawn]) -> float:
    """Return the most that regimes and season multiply a product's mean demand by."""
    given = {key: demand[key]["rates"] if key in demand else [1.0] for key in ("regimes", "season")}
    tops = [[max(product.get(key, rates)) for key, rates in given.items()] for product in products or [{}]]
    return max(of_regimes * of_season for of_regimes, of_season in tops)


@st.composite
def demands(draw: st.DrawFn, product_names: Sequence[str], growth: float, has: Has) -> tuple[Drawn, list[Drawn]]:
    """Draw what customers order, and what products have of their own; means may be multiplied by ``growth``."""
    demand: Drawn = draw(st.fixed_dictionaries({}, optional={"shortage": shortages}))
    products: list[Drawn] = [{"name": name} for name in product_names]
    for key, values in (("regimes", _regimes()), ("season", seasons)):
        if key in has:
            demand[key] = draw(values)
            n = len(demand[key]["rates"])
            for product in products:
                if draw(st.booleans()):
                    product[key] = draw(st.lists(levels, min_size=n, max_size=n))
    if has & {"regimes", "season"}:
        laws = rated_laws(max(1.0, growth * highest_rate(demand, products)))
    elif "phase" in has:
        n = draw(st.integers(1, 9))
        laws = _traces(n, n)
    else:
        laws = _any_laws(growth)
    for product in products:
        if draw(st.booleans()):
            product["law"] = draw(laws)
    if not products or draw(st.booleans()) or any("law" not in product for product in products):
        demand["law"] = draw(laws)
    _draw_notice(draw, demand, products, has)
    _draw_phase(draw, demand, products, has)
    return demand, products


def _draw_notice(draw: st.DrawFn, demand: Drawn, products: Sequence[Drawn], has: Has) -> None:
    """Draw how long orders are known ahead; saturated demand orders what there is."""
    if "notice" not in has:
        return
    if products or demand["law"] != "saturated":
        demand["notice"] = draw(st.integers(0, 4))
    for product in products:
        if product.get("law", demand.get("law")) == "saturated":
            product["notice"] = 0
        elif draw(st.booleans()):
            product["notice"] = draw(st.integers(0, 4))


def _draw_phase(draw: st.DrawFn, demand: Drawn, products: Sequence[Drawn], has: Has) -> None:
    """Draw where the calendar or the traces begin, if there is a calendar, or traces of one length."""
    laws = [product.get("law", demand.get("law")) for product in products] or [demand["law"]]
    lengths = {len(law["trace"]) for law in laws if law != "saturated" and "trace" in law}
    if "phase" in has and ("season" in demand or len(lengths) == 1):
        season = demand.get("season")
        period = len(season["rates"]) * season.get("slots", 1) if season else 20
        demand["phase"] = draw(st.just("random") | st.integers(0, period - 1))
