"""The scenario: a frozen, validated description of a line, read from and written to YAML.

This and ``parts.py`` are the only validators of the package. Whatever is wrong with a description is told here,
all at once, each with the place, the rule and the value::

    line.yaml:8:12: stages[1].process.geometric must be >= 1 slot, got 0.5
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import Field, ValidationError, model_validator

from jitgym.errors import InputError
from jitgym.fields import KNOBS
from jitgym.files import find_scenario, nearest, position_in_yaml, read_yaml, scenario_files, spell_path, split_place
from jitgym.parts import Control, Demand, Item, Name, Part, Prices, Stage, Supplier

MAX_PLACES: Final = 32
"""Most stages, items or suppliers of one line."""


class ScenarioError(InputError):
    """A description that is not a line; the message has one row for every fault."""


class Scenario(Part):
    """One line: its stages, supply, demand, controls and prices.

    Raises:
        ScenarioError: from :func:`load_scenario`, with every fault of the description.
    """

    name: Name
    description: str = ""
    slots_per_step: int = Field(default=8, ge=1, le=10_000)
    horizon: int = Field(default=250, ge=1, le=10_000_000)
    slots_per_year: int = Field(default=2000, ge=1)
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=MAX_PLACES)
    items: tuple[Item, ...] = Field(default=(), max_length=MAX_PLACES)
    suppliers: tuple[Supplier, ...] = Field(default=(), max_length=MAX_PLACES)
    demand: Demand
    control: tuple[Control, ...] = Field(min_length=1)
    prices: Prices = Prices()
    reward_scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Scenario:
        faults = list(self._faults())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        """Yield what is wrong between the parts, each as ``place rule, value``."""
        stages, items, suppliers = self.stage_names, self.item_names, self.supplier_names
        for group, names in (("stages", stages), ("items", items), ("suppliers", suppliers)):
            for i, name in enumerate(names):
                if name in names[:i]:
                    yield f"{group}[{i}].name must be unique, got {name!r} again"
        for i, stage in enumerate(self.stages):
            follower = stages[i + 1] if i + 1 < len(stages) else "customer"
            if stage.feeds not in (None, follower):
                yield f"stages[{i}].feeds must be {follower!r}, the next in line, got {stage.feeds!r}"
        for i, item in enumerate(self.items):
            if item.stage not in stages:
                yield f"items[{i}].stage must name a stage, got {item.stage!r}{nearest(item.stage, stages)}"
            count = sum(supplier.item == item.name for supplier in self.suppliers)
            if count != 1:
                yield f"items[{i}] must have one supplier, got {count} for {item.name!r}"
        for i, supplier in enumerate(self.suppliers):
            if supplier.item not in items:
                yield f"suppliers[{i}].item must name an item, got {supplier.item!r}{nearest(supplier.item, items)}"
        if self.stages[0].batch == "unlimited" and all(item.stage != stages[0] for item in self.items):
            yield "stages[0].batch must be a number, got 'unlimited': the stage draws on unlimited material"
        yield from self._control_faults()
        for name, count in (("wip", len(stages)), ("items", len(items))):
            prices = getattr(self.prices, name)
            if isinstance(prices, tuple) and len(prices) != count:
                yield f"prices.{name} must be a number or a list of {count}, got {len(prices)} entries"

    def _control_faults(self) -> Iterator[str]:
        """Yield what is wrong with the knobs: unknown places, a knob given twice, a loop without an end."""
        seen: set[tuple[str, str]] = set()
        for i, control in enumerate(self.control):
            places = self.places_of(control.knob)
            if not places:
                yield f"control[{i}].knob must have a place to act, got {control.knob!r} in a line without one"
            for place in control.at or places:
                if place not in places:
                    yield f"control[{i}].at must be of {', '.join(places)}, got {place!r}{nearest(place, places)}"
                elif (control.knob, place) in seen:
                    yield f"control[{i}] must not set {control.knob}[{place}] again"
                elif control.end is not None and control.end not in places[places.index(place) :]:
                    yield f"control[{i}].end must be {place!r} or a later stage, got {control.end!r}"
                seen.add((control.knob, place))

    def places_of(self, knob: str) -> tuple[str, ...]:
        """Return the names of the places where a kind of knob can act (PM: where maintenance is described)."""
        if knob == "pm_level":
            return tuple(stage.name for stage in self.stages if stage.maintenance is not None)
        if next(kind for kind in KNOBS if kind.name == knob).axis == "supplier":
            return self.supplier_names
        return self.stage_names

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
        text = json.dumps(self.model_dump(mode="json", exclude={"description"}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_yaml(self) -> str:
        """Return the description as YAML that :func:`load_scenario` reads back to an equal scenario."""
        return yaml.safe_dump(self.model_dump(mode="json", exclude_defaults=True), sort_keys=False, width=110)


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
        return _validate(dict(source), Path(), "scenario", None)
    path = find_scenario(source)
    if path is None:
        hint = nearest(str(source), scenario_files())
        raise ScenarioError(f"scenario must be a known name or a YAML file, got {str(source)!r}{hint}")
    try:
        text = path.read_text(encoding="utf-8")
        data = read_yaml(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path}: must be a readable YAML file: {error}") from error
    if not isinstance(data, dict):
        raise ScenarioError(f"{path}: must hold a mapping of keys, got {type(data).__name__}")
    return _validate(data, path.parent, str(path), text)


def _validate(data: dict[str, Any], folder: Path, where: str, text: str | None) -> Scenario:
    """Turn a mapping into a scenario, or all of pydantic's errors into one of ours."""
    try:
        return Scenario.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        rows: dict[str, None] = {}  # in order, none twice
        for location, rule in _rules(error.errors(), data):
            position = position_in_yaml(text, location) if text else ""
            rows[f"{where}{position}: {f'{spell_path(location, data)} {rule}'.lstrip()}"] = None
        raise ScenarioError("\n".join(rows)) from None


Location = tuple[int | str, ...]


def _rules(faults: Sequence[Any], data: Any) -> Iterator[tuple[Location, str]]:
    """Yield the place of every fault, and the rule with the value.

    What pydantic says of a value besides is put right: the forms that a value may have become one rule, and
    nothing is said of the other forms, or of the whole, where it is a part of the value that is at fault.
    """
    places = [spell_path(fault["loc"], data) for fault in faults]
    for fault, place in zip(faults, places, strict=True):
        if _is_ours(fault):
            for row in fault["msg"].removeprefix("Value error, ").split("\n"):
                inner, rule = split_place(row)
                yield (*fault["loc"], *inner), rule
            continue
        others = [other for other, at in zip(faults, places, strict=True) if at == place]
        if any(at.startswith((f"{place}.", f"{place}[")) for at in places) or any(map(_is_ours, others)):
            continue
        value = "" if fault["type"] == "missing" else f", got {fault['input']!r:.80}"
        forms = dict.fromkeys(_requirement(other["msg"]) for other in others)
        yield others[0]["loc"], f"must {' or '.join(forms)}{value}"


def _is_ours(fault: Any) -> bool:
    return bool(fault["type"] == "value_error")


_WORDS = (
    ("Field required", "be given"),
    (r"^\w+ should ", ""),
    (r" after validation, not \d+| after validation|, (unable|got) .*", ""),
    (r"a valid dictionary or instance of \w+", "a mapping of keys"),
    ("a valid tuple", "a list"),
    ("greater than or equal to", ">="),
    ("less than or equal to", "<="),
    ("greater than", ">"),
)


def _requirement(message: str) -> str:
    """Return pydantic's message as what must be the case, in the words of this page."""
    for pattern, word in _WORDS:
        message = re.sub(pattern, word, message)
    return message
