"""The scenario: a frozen, validated description of a line, read from and written to YAML.

This and ``parts.py`` are the only validators of the package. Whatever is wrong with a description is told here,
all at once, each with the place, the rule and the value::

    line.yaml:8:12: stages[1].process.geometric must be a mean of 1 to 2**31 slots, got 0.5
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from pydantic import Field, field_validator, model_validator

from jitgym.descriptions import check_description, read_description
from jitgym.errors import InputError
from jitgym.fields import KNOBS, PARAMETERS
from jitgym.files import find_scenario, nearest, scenario_files
from jitgym.laws import DEMAND_LEVELS, MOST_DEMAND, MOST_LAWS, most_demand
from jitgym.parts import (
    PRICED_BY,
    VALUED_BY,
    Calendar,
    Control,
    Demand,
    DemandLaw,
    Finance,
    Item,
    Name,
    Part,
    PriceList,
    Prices,
    Product,
    Stage,
    Supplier,
    Vary,
)

MAX_PLACES: Final = 32
"""Most stages, items or suppliers of one line."""
MAX_PRODUCTS: Final = 8
"""Most products of one line."""
MAX_MEAN: Final = 1000
"""Highest mean demand of a product in a slot."""
MAX_UNITS: Final = 128
"""Most stages times products of one line."""


class ScenarioError(InputError):
    """A description that is not a line; the message has one row for every fault."""


class Scenario(Part):
    """One line: its products, stages, supply, demand, controls and prices.

    Raises:
        ScenarioError: from :func:`load_scenario`, with every fault of the description.
    """

    name: Name
    """What the line is called."""
    description: str = ""
    """The line in a sentence."""
    slots_per_step: int = Field(default=8, ge=1, le=10_000)
    """Slots of a step, which one decision covers."""
    horizon: int = Field(default=250, ge=1, le=10_000_000)
    """Steps of an episode."""
    slots_per_year: int = Field(default=2000, ge=1)
    """Slots of a year, for what is told a year."""
    products: tuple[Product, ...] = Field(default=(), max_length=MAX_PRODUCTS)
    """Absent: the line makes one product, which needs no name."""
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=MAX_PLACES)
    """Machines with their queues and stores, upstream to downstream."""
    technicians: int | None = Field(default=None, ge=1, le=1000)
    """Who repair and maintain the machines; absent: always enough."""
    items: tuple[Item, ...] = Field(default=(), max_length=MAX_PLACES)
    """Purchased parts."""
    suppliers: tuple[Supplier, ...] = Field(default=(), max_length=MAX_PLACES)
    """Who deliver the items."""
    demand: Demand
    """What customers order."""
    control: tuple[Control, ...] = Field(min_length=1)
    """The knobs that rules and agents hold."""
    vary: tuple[Vary, ...] = ()
    """Parameters that differ from line to line of a batch."""
    prices: Prices = Prices()
    """Money for what is counted."""
    reward_scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """What the cost of a step is divided by to be a reward."""
    calendar: Calendar | None = None
    """Slots of the periods that a plant is reviewed by; absent: periods are told in slots."""
    finance: Finance | None = None
    """What units are worth and when they are paid; absent: nothing is said of working capital."""

    @field_validator("products", mode="before")
    @classmethod
    def _names_alone(cls, products: Any) -> Any:
        if isinstance(products, (list, tuple)):
            return [{"name": entry} if isinstance(entry, str) else entry for entry in products]
        return products

    @model_validator(mode="after")
    def _fits_together(self) -> Scenario:
        faults = list(self._faults())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        """Yield what is wrong between the parts, each as ``place rule, value``."""
        stages, items = self.stage_names, self.item_names
        groups = {"products": self.product_names, "stages": stages, "items": items, "suppliers": self.supplier_names}
        for group, names in groups.items():
            for i, name in enumerate(names):
                if name in names[:i]:
                    yield f"{group}[{i}].name must be unique, got {name!r} again"
        if len(stages) * self.n_products > MAX_UNITS:
            most = MAX_UNITS // len(stages)
            yield f"products must be at most {most} with {len(stages)} stages, got {self.n_products}"
        yield from self._tree_faults()
        for i, item in enumerate(self.items):
            if item.stage not in stages:
                yield f"items[{i}].stage must name a stage, got {item.stage!r}{nearest(item.stage, stages)}"
            if not any(supplier.item == item.name for supplier in self.suppliers):
                yield f"items[{i}] must have a supplier, got none for {item.name!r}"
            yield from self._unknown_products(f"items[{i}].products", item.products)
        for i, supplier in enumerate(self.suppliers):
            if supplier.item not in items:
                yield f"suppliers[{i}].item must name an item, got {supplier.item!r}{nearest(supplier.item, items)}"
        yield from self._demand_faults()
        yield from self._product_faults()
        yield from self._control_faults()
        yield from self._vary_faults()
        for part, table in (("prices", PRICED_BY), ("finance", VALUED_BY)):
            for name, by in table.items():
                values, count = getattr(getattr(self, part), name, 0), self.count_of(by)
                if isinstance(values, tuple) and len(values) != count:
                    yield f"{part}.{name} must be a number or a list of {count}, got {len(values)} entries"

    def _tree_faults(self) -> Iterator[str]:
        """Yield what is wrong with the way that the stages feed one another."""
        stages = self.stage_names
        for i, stage in enumerate(self.stages):
            later = (*stages[i + 1 :], "customer") if i + 1 == len(stages) else stages[i + 1 :]
            if stage.feeds is not None and stage.feeds not in later:
                rule = "'customer', as the last stage" if later == ("customer",) else "a later stage"
                hint = nearest(stage.feeds, later) if len(later) > 1 else ""
                yield f"stages[{i}].feeds must be {rule}, got {stage.feeds!r}{hint}"
        for i, stage in enumerate(self.stages):
            if stage.batch == "unlimited" and not all(self.is_fed(i, p) for p in range(self.n_products)):
                yield f"stages[{i}].batch must be a number, got 'unlimited': the stage draws on unlimited material"

    def _demand_faults(self) -> Iterator[str]:
        """Yield what is wrong with the laws of demand, and with what multiplies them."""
        demand = self.demand
        laws, thresholds = self.laws, 0
        for p, law in enumerate(laws):
            where = f"products[{p}].law" if self.products and self.products[p].law is not None else "demand.law"
            if law is None:
                whose = f", or a law of {self.products[p].name!r}" if self.products else ""
                yield f"demand.law must be given{whose}, got none"
                continue
            is_drawn = law in self.demand_laws(p)
            yield from self._law_faults(where, law, self._highest_rate(p), max(self.levels(p)) if is_drawn else 1.0)
            thresholds += self._demand_thresholds(p)
            if law.saturated and self.notices[p]:
                yield "demand.notice must be 0 for saturated demand, which orders what there is"
        if thresholds > MOST_LAWS:
            what = "units of all products, times regimes, parts of the season, and levels where demand varies"
            yield f"demand must need at most {MOST_LAWS:,} thresholds ({what}), got {thresholds:,}"
        traces = {len(law.trace) for law in laws if law is not None and law.trace is not None}
        if demand.season is not None and isinstance(demand.phase, int) and demand.phase >= demand.season.period:
            yield f"demand.phase must be below the period of {demand.season.period} slots, got {demand.phase}"
        if demand.phase != 0 and demand.season is None and len(traces) != 1:
            yield "demand.phase must be 0 without a season, or traces of one length to start within"

    def _law_faults(self, where: str, law: DemandLaw, top: float, level: float = 1.0) -> Iterator[str]:
        """Yield what is wrong with a law of demand at its highest rate, and at the highest level of it."""
        if (self.demand.regimes or self.demand.season) and not law.has_rate:
            yield f"{where} must be bernoulli, poisson or negative_binomial to be multiplied by rates"
        elif law.bernoulli is not None and law.bernoulli * top > 1:
            yield f"{where}.bernoulli must be <= 1 at its highest rate {top:g}, got {law.bernoulli * top:g}"
        elif law.has_rate and law.mean * top > MAX_MEAN:
            yield f"{where} must have a mean <= {MAX_MEAN} at its highest rate {top:g}, got {law.mean * top:g}"
        elif law.has_rate and law.mean * top * level <= MAX_MEAN:
            most = most_demand(law, top * level)
            if most > MOST_DEMAND:
                units = f"{MOST_DEMAND:,} units"
                yield f"{where} must keep the demand of a slot within {units}, got {most:,} in one of 2**33"

    def _highest_rate(self, product: int) -> float:
        """Return what regimes and season multiply a product's mean demand by at most."""
        of_regimes, of_season = self.rates(product)
        return max(regime * season for regime in of_regimes for season in of_season)

    def _demand_thresholds(self, product: int) -> int:
        """Return how many thresholds a product's demand needs: as many at each level as at the highest."""
        of_regimes, of_season = self.rates(product)
        top, laws = self._highest_rate(product) * max(self.levels(product)), self.demand_laws(product)
        sizes = [most_demand(law, top) for law in laws if law.has_rate and law.mean * top <= MAX_MEAN]
        if len(laws) > 1:
            sizes += [len(law.table) for law in laws if law.table is not None]
        a_level = min(max(sizes, default=0), MOST_DEMAND)
        return a_level * len(self.demand_levels(product)) * len(of_regimes) * len(of_season)

    def _product_faults(self) -> Iterator[str]:
        """Yield what is wrong with what products have of their own."""
        for p, product in enumerate(self.products):
            for key in ("process", "initial"):
                for stage in getattr(product, key):
                    if stage not in self.stage_names:
                        hint = nearest(stage, self.stage_names)
                        yield f"products[{p}].{key} must name stages, got {stage!r}{hint}"
            for key, rates in (("regimes", product.regimes), ("season", product.season)):
                whole = getattr(self.demand, key)
                if rates is not None and (whole is None or len(rates) != len(whole.rates)):
                    count = 0 if whole is None else len(whole.rates)
                    yield f"products[{p}].{key} must be {count} rates, as in demand.{key}, got {len(rates)}"

    def _unknown_products(self, where: str, names: tuple[str, ...] | None) -> Iterator[str]:
        for name in names or ():
            if name not in self.product_names:
                yield f"{where} must name products, got {name!r}{nearest(name, self.product_names)}"

    def _place_faults(self, where: str, what: str, entry: Control | Vary, places: tuple[str, ...]) -> Iterator[str]:
        """Yield what is wrong with where a knob acts or a parameter varies: no place for it, or unknown ones."""
        if not places:
            key = "knob" if isinstance(entry, Control) else "parameter"
            yield f"{where}.{key} must have a place, got {what!r} in a line without one"
        yield from self._unknown_products(f"{where}.product", entry.product)
        for place in entry.at or ():
            if place not in places:
                yield f"{where}.at must be of {', '.join(places)}, got {place!r}{nearest(place, places)}"

    def _told_again(self, what: str, entry: Control | Vary, places: tuple[str, ...], seen: set[str]) -> Iterator[str]:
        """Yield the places at which a knob or a parameter was given before, and note those where it is given now."""
        for place in entry.at or places:
            for product in entry.product or self.product_names or ("",):
                name = f"{what}[{place},{product}]" if product else f"{what}[{place}]"
                if name in seen and place in places:
                    yield name
                seen.add(name)

    def _control_faults(self) -> Iterator[str]:
        """Yield what is wrong with the knobs: unknown places, a knob given twice, a loop that ends off its path."""
        seen: set[str] = set()
        for i, control in enumerate(self.control):
            places = self.places_of(control.knob)
            yield from self._place_faults(f"control[{i}]", control.knob, control, places)
            # several loops may begin at a stage, if they end at different ones
            what = f"loop to {control.end or self.stage_names[-1]}" if control.knob == "loop" else control.knob
            for name in self._told_again(what, control, places, seen):
                yield f"control[{i}] must not set {name} again"
            for place in control.at or places:
                if control.end is not None and place in places:
                    path = [self.stage_names[j] for j in self.path(self.stage_names.index(place))]
                    if control.end not in path:
                        yield f"control[{i}].end must be {place!r} or a later stage, got {control.end!r}"
        loops = [control for control in self.control if control.knob == "loop"]
        count = sum(len(c.at or self.stage_names) * len(c.product or self.product_names or ("",)) for c in loops)
        if count > MAX_UNITS:
            yield f"control must set at most {MAX_UNITS} loops, of all stages and products, got {count}"

    def _vary_faults(self) -> Iterator[str]:
        """Yield what is wrong with the parameters that vary: unknown places, a parameter given twice."""
        seen: set[str] = set()
        for i, vary in enumerate(self.vary):
            places = self.places_to_vary(vary.parameter)
            yield from self._place_faults(f"vary[{i}]", vary.parameter, vary, places)
            for name in self._told_again(vary.parameter, vary, places, seen):
                yield f"vary[{i}] must not vary {name} again"
            if vary.parameter == "demand":
                yield from self._demand_range_faults(i, vary)

    def _demand_range_faults(self, i: int, vary: Vary) -> Iterator[str]:
        if vary.at is not None:
            yield f"vary[{i}].at must not be given for demand, which varies by product"
        for p, law in enumerate(self.laws):
            if not self._is_of(vary, p):
                continue
            if vary.laws is not None:
                if law is not None and not (law.has_rate or law.table is not None):
                    kind = "a trace" if law.saturated is None else "saturated demand"
                    yield f"vary[{i}].laws must stand in place of a law that is told by its probabilities, got {kind}"
                for k, one in enumerate(vary.laws):
                    yield from self._law_faults(f"vary[{i}].laws[{k}]", one, self._highest_rate(p) * vary.high)
                continue
            rates = self.rates(p)
            mean = (law.mean if law is not None and law.has_rate else 0.0) * max(rates[0]) * max(rates[1]) * vary.high
            if law is not None and not law.has_rate:
                yield f"vary[{i}] must be of a demand law with a mean: bernoulli, poisson or negative_binomial"
            elif law is not None and mean > (1 if law.bernoulli is not None else MAX_MEAN):
                yield f"vary[{i}].high must keep mean demand <= {1 if law.bernoulli else MAX_MEAN}, got {mean:g}"

    def places_of(self, knob: str) -> tuple[str, ...]:
        """Return the names of the places where a kind of knob can act (PM: where maintenance is described)."""
        if knob == "pm_level":
            return tuple(stage.name for stage in self.stages if stage.maintenance is not None)
        if next(kind for kind in KNOBS if kind.name == knob).axis == "supplier":
            return self.supplier_names
        return self.stage_names

    def loops_from(self, stage: str) -> int:
        """Return how many loops with different ends begin at a stage."""
        loops = (control for control in self.control if control.knob == "loop" and stage in (control.at or (stage,)))
        return len({control.end or self.stage_names[-1] for control in loops})

    def places_to_vary(self, parameter: str) -> tuple[str, ...]:
        """Return the names of the places that have a parameter; for demand, which has none, the line's own name."""
        if parameter == "demand":
            return (self.name,)
        if next(kind for kind in PARAMETERS if kind.name == parameter).axis == "supplier":
            return tuple(s.name for s in self.suppliers if _supplier_has(s, parameter))
        return tuple(s.name for s in self.stages if self._stage_has(s, parameter))

    def _stage_has(self, stage: Stage, parameter: str) -> bool:
        """Whether a stage has a parameter; a duration from a table has no other."""
        kind = parameter.removesuffix("_slots").removesuffix("_finish")
        if kind == "job":
            own = [product.process.get(stage.name, stage.process) for product in self.products] or [stage.process]
            return all(duration.table is None for duration in own)
        quality, failure, maintenance = stage.quality, stage.failure, stage.maintenance
        durations = {
            "setup": stage.setup,
            "repair": failure.repair if failure else None,
            "pm": maintenance.duration if maintenance else None,
            "stop": quality.jidoka if quality else None,
        }
        if kind in durations:
            duration = durations[kind]
            return duration is not None and duration.table is None
        if kind in ("hazard", "wear"):
            return failure is not None
        return stage.spoil > 0 if kind == "spoil" else quality is not None

    def count_of(self, group: str) -> int:
        """Return how many products, stages, items or suppliers there are: what a list of prices has entries for."""
        return self.n_products if group == "products" else len(getattr(self, group))

    def listed(self, values: PriceList, group: str) -> tuple[float, ...]:
        """Return a price for each product, stage, item or supplier, also where one is given for all."""
        return values if isinstance(values, tuple) else (values,) * self.count_of(group)

    @property
    def n_products(self) -> int:
        """Number of products, 1 where none is named."""
        return max(1, len(self.products))

    @property
    def product_names(self) -> tuple[str, ...]:
        """Names of the products; none where the line makes one without a name."""
        return tuple(product.name for product in self.products)

    @property
    def laws(self) -> tuple[DemandLaw | None, ...]:
        """The law of demand of each product."""
        if not self.products:
            return (self.demand.law,)
        return tuple(self.demand.law if product.law is None else product.law for product in self.products)

    @property
    def notices(self) -> tuple[int, ...]:
        """Slots of notice of each product."""
        own = [product.notice for product in self.products] or [None]
        return tuple(self.demand.notice if notice is None else notice for notice in own)

    def rates(self, product: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return what regimes and parts of the season multiply a product's mean demand by."""
        own = self.products[product] if self.products else None
        regimes, season = self.demand.regimes, self.demand.season
        of_regimes = own.regimes if own and own.regimes is not None else regimes.rates if regimes else (1.0,)
        of_season = own.season if own and own.season is not None else season.rates if season else (1.0,)
        return of_regimes, of_season

    def levels(self, product: int) -> tuple[float, ...]:
        """Return what the mean of a product's law of demand may be multiplied by, from line to line."""
        vary = self._varied_demand(product)
        if vary is None:
            return (1.0,)
        if vary.laws is not None and vary.low == vary.high:
            return (vary.low,)
        return tuple(float(level) for level in np.linspace(vary.low, vary.high, DEMAND_LEVELS))

    def demand_laws(self, product: int) -> tuple[DemandLaw, ...]:
        """Return the laws of a product's demand that lines may have: its own, or those that stand in its place."""
        vary, own = self._varied_demand(product), self.laws[product]
        if vary is not None and vary.laws is not None:
            return vary.laws
        return () if own is None else (own,)

    def demand_levels(self, product: int) -> tuple[tuple[int, float], ...]:
        """Return the levels of a product's demand, in order: the number of the law, and what multiplies its mean.

        Where demand varies, its value is the number of one of these levels: law by law, the least factor first.
        """
        return tuple((law, factor) for law in range(len(self.demand_laws(product))) for factor in self.levels(product))

    def _varied_demand(self, product: int) -> Vary | None:
        """Return how a product's demand varies, if it does."""
        for vary in self.vary:
            if vary.parameter == "demand" and self._is_of(vary, product):
                return vary
        return None

    def _is_of(self, vary: Vary, product: int) -> bool:
        """Whether a product is among those that an entry is for."""
        return vary.product is None or (self.product_names or ("",))[product] in vary.product

    @property
    def followers(self) -> tuple[int, ...]:
        """The stage that each stage feeds; the number of stages stands for the customer."""
        names = (*self.stage_names, "customer")
        return tuple(
            names.index(stage.feeds, i + 1) if stage.feeds in names[i + 1 :] else i + 1
            for i, stage in enumerate(self.stages)
        )

    def path(self, stage: int) -> tuple[int, ...]:
        """Return the stages from one to the last, along which its units travel."""
        followers, path = self.followers, [stage]
        while followers[path[-1]] < len(self.stages):
            path.append(followers[path[-1]])
        return tuple(path)

    def is_fed(self, stage: int, product: int) -> bool:
        """Whether a stage needs anything for a product that another stage or a supplier gives."""
        name = self.stage_names[stage]
        return stage in self.followers or any(
            item.stage == name and (item.products is None or self.product_names[product] in item.products)
            for item in self.items
        )

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Names of the stages, upstream to downstream."""
        return tuple(stage.name for stage in self.stages)

    @property
    def item_names(self) -> tuple[str, ...]:
        """Names of the items."""
        return tuple(item.name for item in self.items)

    @property
    def supplier_names(self) -> tuple[str, ...]:
        """Names of the suppliers."""
        return tuple(supplier.name for supplier in self.suppliers)

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change when anything but the description text changes."""
        given = self.model_dump(mode="json", exclude={"description"}, exclude_defaults=True)
        text = json.dumps(given, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_yaml(self) -> str:
        """Return the description as YAML that :func:`load_scenario` reads back to an equal scenario."""
        return yaml.safe_dump(self.model_dump(mode="json", exclude_defaults=True), sort_keys=False, width=110)


def _supplier_has(supplier: Supplier, parameter: str) -> bool:
    if parameter in ("fail", "recover"):
        return supplier.outage is not None
    return supplier.defective > 0 if parameter in ("defective", "inspect") else True


def load_scenario(source: str | Path | Mapping[str, Any] | Scenario) -> Scenario:
    """Read and check a scenario.

    Args:
        source: the name of a scenario that comes with the package, the path of a YAML file, a mapping
            of the same structure, or a scenario (returned as it is).

    Raises:
        ScenarioError: the file is missing or unreadable, or the description breaks a rule; the
            message has one line for every fault, with file, line and column where there is a file.
    """
    if isinstance(source, Scenario):
        return source
    if isinstance(source, Mapping):
        return check_description(Scenario, source, ScenarioError, "scenario")
    path = find_scenario(source)
    if path is None:
        hint = nearest(str(source), scenario_files())
        raise ScenarioError(f"scenario must be a known name or a YAML file, got {str(source)!r}{hint}")
    return read_description(Scenario, path, ScenarioError)
