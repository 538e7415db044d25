"""Stored results, read and checked: what a report is made from.

Results may be from anybody. What is not as it should be is one error that says where, and no key is taken on trust.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from jitgym.errors import InputError
from jitgym.files import spell_path
from jitgym.results import FORMAT
from jitgym.search import Budget
from jitgym.stats import Interval
from jitgym.suite import SuiteFile
from jitgym.tune import Choice

RESULTS: Final = "results.json"
CONTEST: Final = "standings.json"



def _finite(value: float) -> float:
    if math.isinf(value):
        raise ValueError("must be finite")
    return value


Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value), AfterValidator(_finite)]
"""A number; null stands for none, as JSON has no NaN."""
Words = dict[str, int | str]
"""Numbers of a rule by name, with words for some."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Mean(_Part):
    """A mean with its standard error and 95 % interval."""

    mean: Number
    error: Number
    low: Number
    high: Number

    @property
    def interval(self) -> Interval:
        """The same as statistics have it."""
        return Interval(self.mean, self.error, self.low, self.high)


class TunedRule(_Part):
    """A tuned rule: what it is, what was found, from where and at what expense."""

    source: str
    information: str
    numbers: Words
    cost: Mean
    textbook_numbers: Words
    textbook_cost: Mean
    episodes: int
    seed: int
    budget: Budget
    selection: Choice
    space: dict[str, tuple[int, int]]


class StoredPolicy(_Part):
    """Costs and key figures of one policy."""

    kind: Literal["rule", "agent"]
    information: str
    budget: str
    difference: Mean
    p_value: FiniteFloat | None
    kpis: dict[str, Mean]
    cost_by_term: dict[str, Mean]
    decision_seconds: Number


class FrontPoint(_Part):
    """A setting that no other one beats in cost, fill rate and stock at once."""

    rule: str
    numbers: Words
    episodes: int
    cost: FiniteFloat
    fill_rate: Number
    stock: FiniteFloat


class StoredScenario(_Part):
    """The line, as the results describe it."""

    name: str
    hash: str
    description: dict[str, Any]


class StoredBudget(_Part):
    """Seeds of the evaluation, and the budget of tuning each rule."""

    evaluation_seeds: int
    tuning: Budget


class StoredComparison(_Part):
    """What ``results.json`` holds; keys that came later than others may be missing."""

    format: int
    created: str
    command: str = ""
    versions: dict[str, str]
    scenario: StoredScenario
    seed: int
    quick: bool
    budget: StoredBudget
    rules: dict[str, TunedRule] = Field(min_length=1)
    pareto_front: tuple[FrontPoint, ...] | None = None
    agent: dict[str, Any] | None
    reference: str
    verdict: str
    warm_up_steps: int
    policies: dict[str, StoredPolicy]
    evaluation_seeds: tuple[Annotated[int, Field(ge=0, lt=2**64)], ...] = Field(min_length=2)
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


class StoredRow(_Part):
    """A row of standings."""

    task: str
    shift: str
    kind: str
    policy: str
    rule: str
    rule_cost: Number
    percent: Number
    percent_low: Number
    percent_high: Number
    p_value: Number
    verdict: str
    training_seeds: str
    training_steps: int
    training_seconds: FiniteFloat

    @property
    def spread(self) -> list[float]:
        """Difference of every training seed, in percent."""
        return [100 * (float(score) - 1) for score in self.training_seeds.split()]

    @model_validator(mode="after")
    def _has_numbers(self) -> StoredRow:
        try:
            _ = self.spread
        except ValueError:
            raise ValueError(f"training_seeds must be numbers, got {self.training_seeds!r:.80}") from None
        return self


class Estimate(_Part):
    """A figure with the ends of its interval."""

    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


class StoredProfile(_Part):
    """A performance profile."""

    taus: tuple[FiniteFloat, ...]
    shares: tuple[FiniteFloat, ...]
    low: tuple[FiniteFloat, ...]
    high: tuple[FiniteFloat, ...]

    @model_validator(mode="after")
    def _is_a_curve(self) -> StoredProfile:
        if not len(self.taus) == len(self.shares) == len(self.low) == len(self.high) > 1:
            raise ValueError("profile must have as many shares and bounds as taus, two at least")
        return self


class StoredSummary(_Part):
    """All training seeds of an algorithm on all lines."""

    scores: tuple[tuple[FiniteFloat, ...], ...]
    iqm: Estimate
    probability_of_improvement: Estimate
    profile: StoredProfile


class StoredRule(_Part):
    """A row of ``rules.csv``."""

    task: str
    rule: str
    looks_at: str
    cost: FiniteFloat
    textbook_cost: FiniteFloat
    episodes: int
    decision_microseconds: FiniteFloat
    numbers: str


class StoredTuning(_Part):
    """How hard the rules of a contest were tuned."""

    seed: int
    budget: Budget


class StoredContest(_Part):
    """What ``standings.json`` and ``rules.csv`` hold; keys that came later than others may be missing."""

    suite: str
    created: str
    command: str
    versions: dict[str, str]
    plan: SuiteFile
    hashes: dict[str, str]
    tuning: StoredTuning | None = None
    rows: tuple[StoredRow, ...]
    together: dict[str, StoredSummary]
    faults: dict[str, str]
    rules: tuple[StoredRule, ...] = ()


Model = TypeVar("Model", bound=BaseModel)


def read_comparison(folder: Path) -> StoredComparison:
    """Return the results of a comparison.

    Raises:
        InputError: they cannot be read, or are of another format.
    """
    path = folder / RESULTS
    data = _read_json(path)
    if data.get("format") != FORMAT:
        raise InputError(f"{path}: format must be {FORMAT}, got {data.get('format')!r:.40}: made by another version")
    return _checked(StoredComparison, data, path)


def read_contest(folder: Path) -> StoredContest:
    """Return the results of a contest.

    Raises:
        InputError: they cannot be read.
    """
    data = _read_json(folder / CONTEST)
    path = folder / "rules.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rules = [_checked(StoredRule, row, path) for row in csv.DictReader(file)]
    except FileNotFoundError:
        rules = []
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: must be a readable CSV file: {error}") from error
    contest = _checked(StoredContest, {key: value for key, value in data.items() if key != "rules"}, folder / CONTEST)
    return contest.model_copy(update={"rules": tuple(rules)})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(data, ensure_ascii=False).encode()  # half a letter, which JSON may spell, cannot be written
    except (OSError, ValueError, RecursionError) as error:  # wrong letters and broken JSON are errors of value
        raise InputError(f"{path}: must be readable JSON: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"{path}: must hold a mapping of keys, got {type(data).__name__}")
    return data


def _checked(model: type[Model], data: Any, path: Path) -> Model:
    """Return data as a model of them, or the first thing that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        place = spell_path(fault["loc"], data)
        told = fault["msg"].removeprefix("Value error, ")
        if fault["type"] not in ("missing", "value_error"):
            told += f", got {fault['input']!r:.80}"
        raise InputError(f"{path}: {place}: {told}" if place else f"{path}: {told}") from None
