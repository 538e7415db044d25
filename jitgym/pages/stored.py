"""Stored results of a comparison, read and checked: what its report is made from.

Results may be from anybody. What is not as it should be is one error that says where, and no key is taken on trust.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from jitgym.errors import InputError
from jitgym.files import spell_path
from jitgym.results import FORMAT
from jitgym.search import Budget
from jitgym.stats import Interval
from jitgym.tune import Choice

RESULTS: Final = "results.json"
DEEPEST: Final = 40
"""Levels of a file that may lie in each other."""


def _bounded(value: float) -> float:
    if abs(value) > 1e15:  # which NaN is not
        raise ValueError(f"must be a number from -1e15 to 1e15, got {value}")
    return value


Real = Annotated[float, Field(ge=-1e15, le=1e15)]
"""A number that is there."""
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value), AfterValidator(_bounded)]
"""A number, or NaN where the file has null, as JSON knows no NaN."""
Count = Annotated[int, Field(ge=0, lt=2**64)]


def _whole(value: Any) -> Any:
    wanted = [field.name for field in fields(Budget)]
    if not isinstance(value, dict) or sorted(value) != sorted(wanted):
        raise ValueError(f"must have {', '.join(wanted)}, no more and no less")
    return value


Spent = Annotated[Budget, BeforeValidator(_whole)]
"""A budget of tuning, of which nothing goes without saying."""
Words = dict[str, int | str]
"""Numbers of a rule by name, with words for some."""


class StoredPart(BaseModel):
    """What a part of stored results has in common with the others: it stays as it was read."""

    model_config = ConfigDict(frozen=True)


class Mean(StoredPart):
    """A mean with its standard error and 95 % interval."""

    mean: Number
    error: Number
    low: Number
    high: Number

    @property
    def interval(self) -> Interval:
        """The same as statistics have it."""
        return Interval(self.mean, self.error, self.low, self.high)


class TunedRule(StoredPart):
    """A tuned rule: what it is, what was found, from where and at what expense."""

    source: str
    information: str
    numbers: Words
    cost: Mean
    textbook_numbers: Words
    textbook_cost: Mean
    episodes: Count
    seed: Count
    budget: Spent
    selection: Choice
    space: dict[str, tuple[int, int]]


class StoredPolicy(StoredPart):
    """Costs and key figures of one policy."""

    kind: Literal["rule", "agent"]
    information: str
    budget: str
    difference: Mean
    p_value: Real | None
    kpis: dict[str, Mean]
    cost_by_term: dict[str, Mean]
    decision_seconds: Number


class FrontPoint(StoredPart):
    """A setting that no other one beats in cost, fill rate and stock at once."""

    rule: str
    numbers: Words
    episodes: Count
    cost: Real
    fill_rate: Number
    stock: Real


class StoredScenario(StoredPart):
    """The line, as the results describe it."""

    name: str
    hash: str
    description: dict[str, Any]


class StoredBudget(StoredPart):
    """Seeds of the evaluation, and the budget of tuning each rule."""

    evaluation_seeds: Count
    tuning: Spent


class StoredComparison(StoredPart):
    """What ``results.json`` holds; keys that came later than others may be missing."""

    format: Count
    created: str
    command: str = ""
    versions: dict[str, str]
    scenario: StoredScenario
    seed: Count
    quick: bool
    budget: StoredBudget
    rules: dict[str, TunedRule] = Field(min_length=1)
    pareto_front: tuple[FrontPoint, ...] | None = None
    agent: dict[str, Any] | None
    reference: str
    verdict: str
    warm_up_steps: Count
    policies: dict[str, StoredPolicy]
    evaluation_seeds: tuple[Count, ...] = Field(min_length=2)
    cost_per_seed: dict[str, tuple[Number, ...]]

    @model_validator(mode="after")
    def _agree(self) -> StoredComparison:
        if self.reference not in self.rules or self.reference not in self.policies:
            raise ValueError(f"reference must be a rule that was evaluated, got {self.reference!r:.80}")
        for name, policy in self.policies.items():
            if policy.kind == "rule" and name not in self.rules:
                raise ValueError(f"policies must be rules of the results or agents, got {name!r:.80}")
            if len(self.cost_per_seed.get(name, ())) != len(self.evaluation_seeds):
                raise ValueError(f"cost_per_seed must hold a cost of {name!r:.80} for every evaluation seed")
            if "cost" not in policy.kpis:
                raise ValueError(f"policies must have a cost, got none of {name!r:.80}")
        return self

    @property
    def ranking(self) -> list[str]:
        """Names of all policies, cheapest first."""
        return sorted(self.policies, key=lambda name: self.policies[name].kpis["cost"].mean)

    @property
    def agents(self) -> list[str]:
        """Names of the learned policies."""
        return [name for name, policy in self.policies.items() if policy.kind == "agent"]

    @property
    def challenger(self) -> str | None:
        """Who is held against the best rule: the agent, or else the next best rule; None if there is neither."""
        return next(iter(self.agents), next((name for name in self.ranking if name != self.reference), None))


Model = TypeVar("Model", bound=BaseModel)


def read_comparison(folder: Path) -> StoredComparison:
    """Return the results of a comparison.

    Raises:
        InputError: they cannot be read, or are of another format.
    """
    path = folder / RESULTS
    data = read_json(path)
    if data.get("format") != FORMAT:
        raise InputError(f"{path}: format must be {FORMAT}, got {data.get('format')!r:.40}: made by another version")
    return checked(StoredComparison, data, path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping that a JSON file holds.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(data, ensure_ascii=False).encode()  # half a letter, which JSON may spell, cannot be written
    except (OSError, ValueError, RecursionError) as error:  # wrong letters and broken JSON are errors of value
        raise InputError(f"{path}: must be readable JSON: {error}") from error
    if _is_deeper(data, DEEPEST):
        raise InputError(f"{path}: must not be nested deeper than {DEEPEST} levels")
    if not isinstance(data, dict):
        raise InputError(f"{path}: must hold a mapping of keys, got {type(data).__name__}")
    return data


def _is_deeper(data: Any, levels: int) -> bool:
    values = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return levels == 0 or any(_is_deeper(value, levels - 1) for value in values)


def checked(model: type[Model], data: Any, path: Path) -> Model:
    """Return data as a model of them.

    Args:
        model: what they should be.
        data: as they were read.
        path: of the file, for the error.

    Raises:
        InputError: the first thing that is wrong.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        place = spell_path(fault["loc"], data)
        told = fault["msg"].removeprefix("Value error, ")
        if fault["type"] not in ("missing", "value_error"):
            told += f", got {fault['input']!r:.80}"
        raise InputError(f"{path}: {place}: {told}" if place else f"{path}: {told}") from None
