"""The case: a lesson in which a student runs a company, part by part, read from ``configs/lessons/company.yaml``.

What its answers claim is measured over many runs of plays, rules of management with decisions of their own: see
:mod:`jitgym.web.plays`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from jitgym.descriptions import faults_of
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.levers import Kind
from jitgym.enterprise.managers import MANAGERS
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import RESULTS
from jitgym.errors import InputError
from jitgym.files import nearest, read_yaml, scenario_folder
from jitgym.web.lessons import COMPANY, Question

OTHERS: Final = {
    "capability": "share", "people": "share", "discipline": "share", "kaizen": "share a period", "inventory": "money",
}  # fmt: skip
"""What may be claimed of besides measures and results, and its unit; kaizen is what people close of the gap."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Change(_Part):
    """A lever that a play sets otherwise than its rule.

    Attributes:
        kind: of lever.
        value: what it is set to, cut to its bounds.
        from_: the first period, from 0.
        lines: whose; none: of all.
    """

    kind: Kind
    value: int = Field(ge=0)
    from_: int = Field(default=0, ge=0, alias="from")
    lines: tuple[str, ...] = ()


class Play(_Part):
    """A rule of management with decisions of its own."""

    manager: str
    changes: tuple[Change, ...] = ()


class TakenOver(_Part):
    """Who runs the company before the student does, and for how many periods.

    Attributes:
        who: a play of the case or a rule.
        periods: how many.
        yours: kinds of levers that the student then decides on, while the other goes on deciding the rest; none: all.
    """

    who: str
    periods: int = Field(ge=1, le=1000)
    yours: tuple[Kind, ...] = ()


class Claim(_Part):
    """What answers say, on average over many runs: a figure of a play in a range, or its ratio to another play's.

    A test holds it; the page does not show it.

    Attributes:
        what: a measure of the lines, else a result, or one of ``OTHERS``.
        of: a play of the case or a rule.
        against: another one.
        line: whose; none: the mean of all. Results are of the company.
        from_: the first period of the mean.
        to: the period after the last; none: the end of the part. Results are of all periods.
    """

    what: str
    of: str
    against: str | None = None
    line: str | None = None
    from_: int = Field(default=0, ge=0, alias="from")
    to: int | None = Field(default=None, ge=1)
    low: float
    high: float

    @model_validator(mode="after")
    def _known(self) -> Claim:
        known = (*MEASURES, *RESULTS, *OTHERS)
        if self.what not in known:
            raise ValueError(f"what must be of {', '.join(known)}, got {self.what!r}{nearest(self.what, known)}")
        if self.low > self.high:
            raise ValueError(f"low must be <= high = {self.high:g}, got {self.low:g}")
        return self


class CasePart(_Part):
    """A task.

    Attributes:
        periods: after which it ends.
        taken_over: who ran the company before; none: nobody.
        rivals: rules that run beside; none: those that run beside every company.
    """

    title: str
    text: str
    periods: int = Field(ge=1, le=10_000)
    taken_over: TakenOver | None = None
    rivals: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    claims: tuple[Claim, ...] = ()

    @model_validator(mode="after")
    def _in_time(self) -> CasePart:
        if self.taken_over is not None and self.taken_over.periods >= self.periods:
            raise ValueError(f"taken_over.periods must be < periods = {self.periods}, got {self.taken_over.periods}")
        return self


class Case(_Part):
    """A lesson on a company.

    Attributes:
        company: an enterprise that comes with the package.
        luck: what the seed of a class is counted from.
        plays: rules with decisions of their own, by name.
        parts: tasks, in their order.
    """

    company: str
    title: str
    minutes: int = Field(default=20, ge=1, le=240)
    teaches: str
    luck: int = Field(default=0, ge=0, le=1_000_000)
    plays: Mapping[str, Play] = Field(default_factory=dict)
    parts: tuple[CasePart, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> Case:
        known = (*self.plays, *MANAGERS)
        lines = load_enterprise(self.company).line_names
        asked = [play.manager for play in self.plays.values()]
        named: list[str | None] = [name for play in self.plays.values() for c in play.changes for name in c.lines]
        for part in self.parts:
            asked += [claim.of for claim in part.claims] + [claim.against for claim in part.claims if claim.against]
            asked += [*part.rivals, *([part.taken_over.who] if part.taken_over else [])]
            named += [claim.line for claim in part.claims]
        for name in asked:
            if name not in known:
                raise ValueError(f"rules must be of {', '.join(known)}, got {name!r}{nearest(name, known)}")
        for line in named:
            if line is not None and line not in lines:
                raise ValueError(f"lines must be of {', '.join(lines)}, got {line!r}{nearest(line, lines)}")
        return self


def case_file() -> Path:
    """Return the file of the case."""
    return scenario_folder() / "lessons" / f"{COMPANY}.yaml"


def load_case() -> Case:
    """Return the case.

    Raises:
        InputError: the file is not a case; every fault is told.
    """
    path = case_file()
    return _read_case(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read_case(path: Path, changed_at: int) -> Case:
    """Read and check the case, once for every state of its file."""
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"lesson {COMPANY}: {error}") from None
    try:
        return Case.model_validate(data)
    except ValidationError as error:
        raise InputError("\n".join(f"lesson {COMPANY}: {fault}" for fault in faults_of(error, data))) from None
