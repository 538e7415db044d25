"""The enterprise: a frozen, validated description of a company of lines, read from and written to YAML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import Field, ValidationInfo, field_validator, model_validator

from jitgym.descriptions import check_description, read_description
from jitgym.enterprise.constants import Dynamics, Planning
from jitgym.enterprise.parts import Capabilities, Effect, Levers, LineOf, Money, Shocks, SupplierOf
from jitgym.errors import InputError
from jitgym.fields import PARAMETERS
from jitgym.files import nearest, scenario_folder
from jitgym.parts import DemandLaw, Name, Part
from jitgym.scenario import Scenario, load_scenario

MOST_LINES = 16
"""Most lines of an enterprise: each has demand laws of its own."""


class EnterpriseError(InputError):
    """A description that is not an enterprise; the message has one row for every fault."""


class Enterprise(Part):
    """A company of several lines of one structure.

    Raises:
        EnterpriseError: from :func:`load_enterprise`, with every fault of the description.
    """

    name: Name
    """What the company is called."""
    description: str = ""
    """The company in a sentence."""
    line: Scenario
    """The structure of every line: a scenario, by name, file or as a mapping. Its steps are days."""
    days: int = Field(default=20, ge=1, le=1000)
    """Days of a planning period: four weeks."""
    periods_per_year: int = Field(default=13, ge=1, le=1000)
    """Planning periods of a year."""
    horizon: int = Field(default=130, ge=1, le=10_000)
    """Planning periods of an episode: ten years."""
    lines: tuple[LineOf, ...] = Field(min_length=1, max_length=MOST_LINES)
    """The lines."""
    suppliers: tuple[SupplierOf, ...] = Field(default=(), max_length=32)
    """Who deliver to them."""
    levers: Levers
    """What may be decided each period."""
    capabilities: Capabilities
    """What capabilities set."""
    dynamics: Dynamics = Dynamics()
    """How they grow and fade."""
    planning: Planning = Planning()
    """How cards, releases and orders follow."""
    start_cards: int = Field(default=0, ge=0, le=1000)
    """Safety cards at the start, in steps of their lever: traditional push with high buffers."""
    money: Money
    """Budget and costs of the company."""
    shocks: Shocks = Shocks()
    """What happens whatever it does."""

    @field_validator("line", mode="before")
    @classmethod
    def _a_scenario(cls, line: Any, info: ValidationInfo) -> Any:
        folder = (info.context or {}).get("folder", Path())
        if isinstance(line, str) and (folder / line).is_file():
            return load_scenario(folder / line)
        return load_scenario(line)

    @field_validator("lines", mode="before")
    @classmethod
    def _of_one_structure(cls, lines: Any) -> Any:
        for i, line in enumerate(lines if isinstance(lines, (list, tuple)) else ()):
            for key in ("stages", "products", "items", "line", "scenario"):
                if isinstance(line, Mapping) and key in line:
                    raise ValueError(
                        f"[{i}].{key} must not be given, got it for {line.get('name')!r}: all lines have the structure "
                        "of the enterprise's line, and differ in demand, times, start and suppliers"
                    )
        return lines

    @model_validator(mode="after")
    def _fits_together(self) -> Enterprise:
        faults = list(self._faults())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        """Yield what is wrong between the parts, each as ``place rule, value``."""
        for group, names in (("lines", self.line_names), ("suppliers", self.supplier_names)):
            for i, name in enumerate(names):
                if name in names[:i]:
                    yield f"{group}[{i}].name must be unique, got {name!r} again"
        yield from self._supply_faults()
        yield from self._line_faults()
        yield from self._effect_faults()
        days, slots = self.days * self.periods_per_year, self.line.slots_per_year
        if days * self.line.slots_per_step != slots:
            got = f"{self.days} x {self.periods_per_year} of {self.line.slots_per_step}"
            yield f"days x periods_per_year must make the {slots} slots of the line's year, got {got} slots"
        if self.line.finance is None:
            yield "line.finance must be given: the company has books, got none"
        if any(self.line.listed(self.line.prices.unit, "suppliers")):
            yield f"line.prices.unit must be 0: line.finance.material is what units cost, got {self.line.prices.unit}"
        if not self.levers.cards.low <= self.start_cards <= self.levers.cards.high:
            cards = self.levers.cards
            yield f"start_cards must be in {cards.low}..{cards.high}, got {self.start_cards}"

    def _supply_faults(self) -> Iterator[str]:
        places = self.line.supplier_names
        for i, supplier in enumerate(self.suppliers):
            if supplier.delivers not in places:
                hint = nearest(supplier.delivers, places)
                yield f"suppliers[{i}].delivers must name a supplier of the line, got {supplier.delivers!r}{hint}"
            others = [s.alternative is None for s in self.suppliers if s.delivers == supplier.delivers]
            if len(set(others)) > 1:
                yield f"suppliers[{i}].alternative must be given for all or none who deliver {supplier.delivers!r}"
        for place in places:
            if not any(supplier.delivers == place for supplier in self.suppliers):
                yield f"suppliers must have one that delivers {place!r}, got none"
        for item in self.line.items:
            regular = [
                supplier.name
                for supplier in self.line.suppliers
                if supplier.item == item.name and not self._is_alternative(supplier.name)
            ]
            if len(regular) != 1:
                got = ", ".join(regular) or "none"
                yield f"suppliers must be one regular place for each item, got {got} for {item.name!r}"

    def _is_alternative(self, place: str) -> bool:
        return any(s.alternative is not None for s in self.suppliers if s.delivers == place)

    def _line_faults(self) -> Iterator[str]:
        known = tuple(dict.fromkeys(effect.parameter for _, effect in self.effects))
        most = self.shocks.demand_shift.high
        for i, line in enumerate(self.lines):
            if isinstance(line.demand, tuple) and len(line.demand) != self.line.n_products:
                n, got = self.line.n_products, len(line.demand)
                yield f"lines[{i}].demand must be one law or a list of {n}, one for each product, got {got}"
            for law in self.laws_of(i):
                if law is None or not law.has_rate:
                    yield f"lines[{i}].demand must be bernoulli, poisson or negative_binomial: it shifts"
                elif law.bernoulli is not None and law.mean * most > 1:
                    rule = f"lines[{i}].demand.bernoulli must be at most 1 / shocks.demand_shift.high = {1 / most:.4g}"
                    yield f"{rule}, got {law.mean:g}"
            for parameter in line.times:
                if not any(effect.parameter == parameter for _, effect in self.effects):
                    hint = nearest(parameter, known)
                    yield f"lines[{i}].times must name parameters that capabilities set, got {parameter!r}{hint}"
            for place, name in line.suppliers.items():
                able = [supplier.name for supplier in self.suppliers if supplier.delivers == place]
                if place not in self.line.supplier_names:
                    hint = nearest(place, self.line.supplier_names)
                    yield f"lines[{i}].suppliers must name suppliers of the line, got {place!r}{hint}"
                elif name not in able:
                    hint = nearest(name, able)
                    yield f"lines[{i}].suppliers must name one that delivers {place!r}, got {name!r}{hint}"

    def _effect_faults(self) -> Iterator[str]:
        seen: set[tuple[str, str]] = set()
        escape = self.shocks.escape.per_year
        if escape and not any(effect.parameter == "defect" for _, effect in self.effects):
            yield f"shocks.escape.per_year must be 0 where no capability sets 'defect', got {escape:g}"
        for capability, effect in self.effects:
            where = f"capabilities.{capability}"
            places = self.line.places_to_vary(effect.parameter)
            if not places:
                yield f"{where} must set what the line has, got {effect.parameter!r} in a line without one"
            for place in effect.at or places:
                if place not in places:
                    yield f"{where} must be at {', '.join(places)}, got {place!r}{nearest(place, places)}"
                if (effect.parameter, place) in seen:
                    yield f"{where} must not set {effect.parameter}[{place}] again"
                seen.add((effect.parameter, place))
            of_suppliers = next(k for k in PARAMETERS if k.name == effect.parameter).axis == "supplier"
            if of_suppliers != (capability == "supplier"):
                whose = "suppliers" if capability == "supplier" else "stages"
                yield f"{where} must set parameters of {whose}, got {effect.parameter!r}"

    @property
    def effects(self) -> tuple[tuple[str, Effect], ...]:
        """Every effect with the capability that it is of."""
        return tuple(
            (name, effect) for name in Capabilities.model_fields for effect in getattr(self.capabilities, name)
        )

    def laws_of(self, line: int) -> tuple[DemandLaw | None, ...]:
        """Return the law of demand of each product of a line."""
        own = self.lines[line].demand
        if own is None:
            return self.line.laws
        return own if isinstance(own, tuple) else (own,) * self.line.n_products

    def supplier_of(self, line: int, place: str) -> int:
        """Return the number of the supplier who delivers to a line at a place of its scenario."""
        name = self.lines[line].suppliers.get(place)
        able = (i for i, s in enumerate(self.suppliers) if s.delivers == place and name in (None, s.name))
        return next(able)

    @cached_property
    def supply(self) -> npt.NDArray[np.intp]:
        """The number of the supplier who delivers at each place of each line, ``(n_lines, n_places)``."""
        places = self.line.supplier_names
        rows = [[self.supplier_of(i, place) for place in places] for i in range(len(self.lines))]
        return np.array(rows, dtype=np.intp).reshape(len(rows), len(places))

    @cached_property
    def line_names(self) -> tuple[str, ...]:
        """Names of the lines."""
        return tuple(line.name for line in self.lines)

    @cached_property
    def supplier_names(self) -> tuple[str, ...]:
        """Names of the suppliers."""
        return tuple(supplier.name for supplier in self.suppliers)

    @cached_property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change when anything but the description text changes."""
        given = self.model_dump(mode="json", exclude={"description", "line"}, exclude_defaults=True)
        given |= {
            "line": self.line.hash,
            "dynamics": _plain(self.dynamics),
            "planning": _plain(self.planning),
        }
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:12]

    def to_yaml(self) -> str:
        """Return the description as YAML that :func:`load_enterprise` reads back to an equal enterprise."""
        return yaml.safe_dump(self.model_dump(mode="json", exclude_defaults=True), sort_keys=False, width=110)


def _plain(part: Part) -> dict[str, float]:
    """Return constants so that a default is written as the same number in a description: 9.0 as 9."""
    return {name: int(value) if value == int(value) else value for name, value in part.model_dump().items()}


def enterprise_files() -> dict[str, Path]:
    """Return the enterprises that come with the package: name to path."""
    return {path.stem: path for path in sorted((scenario_folder() / "enterprises").glob("*.yaml"))}


def load_enterprise(source: str | Path | Mapping[str, Any] | Enterprise) -> Enterprise:
    """Read and check an enterprise.

    Args:
        source: the name of an enterprise that comes with the package, the path of a YAML file, a mapping of the same
            structure, or an enterprise (returned as it is).

    Raises:
        EnterpriseError: the file is missing or unreadable, or the description breaks a rule; the message has one line
            for every fault, with file, line and column where there is a file.
    """
    if isinstance(source, Enterprise):
        return source
    if isinstance(source, Mapping):
        return check_description(Enterprise, source, EnterpriseError, "enterprise")
    if not isinstance(source, (str, Path)):
        raise EnterpriseError(f"enterprise must be a name, a file or a mapping, got {source!r}")
    path = Path(source)
    if not path.is_file():
        known = enterprise_files()
        if str(source) not in known:
            hint = nearest(str(source), known)
            raise EnterpriseError(f"enterprise must be a known name or a YAML file, got {str(source)!r}{hint}")
        path = known[str(source)]
    return read_description(Enterprise, path, EnterpriseError)
