"""Lessons: text, lines set up to be watched, questions, and what is to be seen; read from YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from jitgym.descriptions import faults_of
from jitgym.errors import InputError
from jitgym.fields import KNOBS, OFF
from jitgym.files import nearest, read_yaml, scenario_folder
from jitgym.knobs import Knob, knobs_of
from jitgym.scenario import Scenario, load_scenario
from jitgym.scorecard import KPIS

COMPANY = "company"
"""The lesson on a company, which is none of lines: see :mod:`jitgym.web.case`."""
MOST_TEAMS = 2
"""Lines that are watched side by side."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TeamSetUp(_Part):
    """One of the lines of a part.

    Attributes:
        name: of the team.
        line: a line of the lesson, or a scenario that comes with the package.
        change: what is other in its description, by path: ``{"stages.press.process": 2}``.
        knobs: what its knobs are set to, all of a kind (``kanban: 3``) or one (``"kanban[press]": 3``).
        fixed: whether students may not set them.
    """

    name: str = Field(min_length=1, max_length=40)
    line: str
    change: dict[str, Any] = Field(default_factory=dict)
    knobs: dict[str, int | Literal["off"]] = Field(default_factory=dict)
    fixed: bool = False


class Question(_Part):
    """A question for the class, and what may be answered."""

    ask: str
    answer: str


class Shown(_Part):
    """What a part shows, on average over many runs: a KPI of a team in a range, or its ratio to another team's.

    A test holds it; the page does not show it.
    """

    kpi: str
    team: int = Field(ge=0, lt=MOST_TEAMS)
    against: int | None = Field(default=None, ge=0, lt=MOST_TEAMS)
    low: float
    high: float

    @model_validator(mode="after")
    def _known(self) -> Shown:
        if self.kpi not in KPIS:
            raise ValueError(f"kpi must be of {', '.join(KPIS)}, got {self.kpi!r}{nearest(self.kpi, KPIS)}")
        if self.low > self.high:
            raise ValueError(f"low must be <= high = {self.high:g}, got {self.low:g}")
        return self


class LessonPart(_Part):
    """One set-up of a lesson: what to do, one or two lines, what to watch and what to ask.

    Attributes:
        slots: how long the run is.
        speed: slots a second at the start.
    """

    title: str
    text: str
    teams: tuple[TeamSetUp, ...] = Field(min_length=1, max_length=MOST_TEAMS)
    slots: int = Field(ge=10, le=20_000)
    speed: int = Field(default=8, ge=1, le=1000)
    watch: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    shown: tuple[Shown, ...] = ()


class Lesson(_Part):
    """Ten minutes of a class.

    Attributes:
        luck: what the seed of a class is counted from, so that a class with the usual seed 0 sees a run like most.
        lines: descriptions of lines, by the name that teams call them by.
        parts: set-ups, in their order.
    """

    title: str
    minutes: int = Field(default=10, ge=1, le=120)
    teaches: str
    luck: int = Field(default=0, ge=0, le=1_000_000)
    lines: dict[str, dict[str, Any]] = Field(default_factory=dict)
    parts: tuple[LessonPart, ...] = Field(min_length=1)

    def scenario(self, team: TeamSetUp) -> Scenario:
        """Return the line of a team, with its changes.

        Raises:
            InputError: an unknown line, a change that leads nowhere, or what comes of it is no line.
        """
        description = self.lines.get(team.line)
        if description is None:
            description = load_scenario(team.line).model_dump(mode="json", exclude_defaults=True)
        return load_scenario(changed(description, team.change))


def changed(description: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with the values at some paths replaced, such as ``stages.press.quality.detect``.

    A step of a path is a key, or in a list the name of an entry or its number.

    Raises:
        InputError: a path that leads nowhere.
    """
    whole: Any = _copied(description)
    for path, value in change.items():
        *steps, last = path.split(".")
        node: Any = whole
        for step in steps:
            node = _step(node, step, path)
        if isinstance(node, list):
            node[_index(node, last, path)] = value
        elif isinstance(node, dict):
            node[last] = value
        else:
            raise InputError(f"change must be of a part of the line, got {path!r}")
    return dict(whole)


def _copied(data: Any) -> Any:
    """Return a copy whose lists and mappings may be written to."""
    if isinstance(data, Mapping):
        return {key: _copied(value) for key, value in data.items()}
    return [_copied(entry) for entry in data] if isinstance(data, (list, tuple)) else data


def _step(node: Any, step: str, path: str) -> Any:
    if isinstance(node, list):
        return node[_index(node, step, path)]
    if isinstance(node, dict) and step in node:
        return node[step]
    raise InputError(f"change must be of a part of the line, got {path!r}: there is no {step!r}")


def _index(entries: list[Any], step: str, path: str) -> int:
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in entries]
    if step in names:
        return names.index(step)
    if step.isdecimal() and int(step) < len(entries):
        return int(step)
    raise InputError(f"change must be of a part of the line, got {path!r}: there is no {step!r}")


def knob_vector(scenario: Scenario, given: Mapping[str, int | str]) -> npt.NDArray[np.int32]:
    """Return the defaults of a line with some knobs set, by kind or by name; one of its own goes before its kind.

    Raises:
        InputError: a knob that the line does not have, or a value out of its range.
    """
    knobs = knobs_of(scenario)
    names, kinds = [knob.name for knob in knobs], {kind.name for kind in KNOBS}
    values = [knob.default for knob in knobs]
    for name in sorted(given, key=names.__contains__):
        places = [i for i, knob in enumerate(knobs) if name in (knob.name, knob.kind)]
        if not places:
            known = [*names, *sorted(kinds & {knob.kind for knob in knobs})]
            raise InputError(f"knobs must be of the line, got {name!r}{nearest(name, known)}")
        for i in places:
            values[i] = checked_value(knobs[i], given[name])
    return np.array(values, dtype=np.int32)


def checked_value(knob: Knob, value: int | str | None) -> int:
    """Return what a knob is set to; "off", or None, is off.

    Raises:
        InputError: out of its range.
    """
    if value in ("off", None) and knob.off:
        return OFF
    if isinstance(value, int) and not isinstance(value, bool) and knob.low <= value <= knob.high:
        return value
    off = " or off" if knob.off else ""
    raise InputError(f"{knob.name} must be in {knob.low}..{knob.high}{off}, got {value!r}")


def lesson_files() -> dict[str, Path]:
    """Return the lessons on lines that come with the package, in the order of a course: name to path."""
    files = sorted((scenario_folder() / "lessons").glob("*.yaml"))
    return {path.stem: path for path in files if path.stem != COMPANY}


def load_lesson(name: str) -> Lesson:
    """Return a lesson by name.

    Raises:
        InputError: an unknown name, or the file is not a lesson; every fault is told.
    """
    files = lesson_files()
    if name not in files:
        raise InputError(f"lesson must be of {', '.join(files)}, got {name!r}{nearest(name, files)}")
    return _read_lesson(name, files[name], files[name].stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read_lesson(name: str, path: Path, changed_at: int) -> Lesson:
    """Read and check a lesson, once for every state of its file."""
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"lesson {name}: {error}") from None
    try:
        lesson = Lesson.model_validate(data)
    except ValidationError as error:
        raise InputError("\n".join(f"lesson {name}: {fault}" for fault in faults_of(error, data))) from None
    for part in lesson.parts:
        for team in part.teams:
            knob_vector(lesson.scenario(team), team.knobs)
    return lesson
