"""Stored results of a contest, read and checked: what its report is made from."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Final

from pydantic import model_validator

from jitgym.errors import InputError
from jitgym.pages.stored import Count, Number, Real, Spent, StoredPart, checked, read_json
from jitgym.suite import SuiteFile

CONTEST: Final = "standings.json"
RULES: Final = "rules.csv"


class StoredRow(StoredPart):
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
    training_steps: Count
    training_seconds: Real

    @property
    def spread(self) -> list[float]:
        """Difference of every training seed, in percent."""
        return [100 * (float(score) - 1) for score in self.training_seeds.split()]

    @model_validator(mode="after")
    def _has_numbers(self) -> StoredRow:
        try:
            known = all(map(math.isfinite, self.spread))
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"training_seeds must be numbers, got {self.training_seeds!r:.80}")
        return self


class Estimate(StoredPart):
    """A figure with the ends of its interval."""

    value: Real
    low: Real
    high: Real


class StoredProfile(StoredPart):
    """A performance profile."""

    taus: tuple[Real, ...]
    shares: tuple[Real, ...]
    low: tuple[Real, ...]
    high: tuple[Real, ...]

    @model_validator(mode="after")
    def _is_a_curve(self) -> StoredProfile:
        if not len(self.taus) == len(self.shares) == len(self.low) == len(self.high) > 1:
            raise ValueError("profile must have as many shares and bounds as taus, two at least")
        return self


class StoredSummary(StoredPart):
    """All training seeds of an algorithm on all lines."""

    scores: tuple[tuple[Real, ...], ...]
    iqm: Estimate
    probability_of_improvement: Estimate
    profile: StoredProfile


class StoredRule(StoredPart):
    """A row of ``rules.csv``."""

    task: str
    rule: str
    looks_at: str
    cost: Real
    textbook_cost: Real
    episodes: Count
    decision_microseconds: Real
    numbers: str


class StoredTuning(StoredPart):
    """How hard the rules of a contest were tuned."""

    seed: Count
    budget: Spent


class StoredContest(StoredPart):
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


def read_contest(folder: Path) -> StoredContest:
    """Return the results of a contest.

    Raises:
        InputError: they cannot be read.
    """
    data = read_json(folder / CONTEST)
    path = folder / RULES
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rules = [checked(StoredRule, row, path) for row in csv.DictReader(file)]
    except FileNotFoundError:
        rules = []
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: must be a readable CSV file: {error}") from error
    contest = checked(StoredContest, {key: value for key, value in data.items() if key != "rules"}, folder / CONTEST)
    return contest.model_copy(update={"rules": tuple(rules)})
