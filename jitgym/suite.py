"""A suite: the lines of a contest, and what is to be done on each, read from a YAML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jitgym.compare import families_of
from jitgym.errors import InputError
from jitgym.files import nearest, read_yaml, scenario_folder
from jitgym.scenario import Scenario, load_scenario
from jitgym.shifts import SHIFTS


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskEntry(_Part):
    """A line of a suite: a scenario, and what is changed in its description, key by key.

    Unless it is given, the name is that of the scenario, or of its file without what stands around it.
    """

    scenario: str
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+$")
    change: dict[str, Any] = Field(default_factory=dict)


class SuiteFile(_Part):
    """What a suite's YAML file holds.

    Attributes:
        name: of the suite.
        tasks: the lines.
        algorithms: that agents are trained with.
        steps: of a line, for each agent; None: what the settings of algorithm and line say.
        seeds: training seeds of each algorithm on each line.
        replications: evaluation seeds.
        rules: to tune, as for `compare`.
        shifts: hold-out shifts that the best are evaluated under.
        rollout: of those, on how many look-ahead from the best constant rule takes part, which is slow; 0: on none.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    description: str = ""
    tasks: tuple[TaskEntry, ...] = Field(min_length=1)
    algorithms: tuple[str, ...] = ("ppo",)
    steps: int | None = Field(default=None, ge=1)
    seeds: int = Field(default=10, ge=2)
    replications: int = Field(default=1000, ge=2)
    rules: str = "all"
    shifts: tuple[str, ...] = ()
    rollout: int = Field(default=0, ge=0, strict=True)


@dataclass(frozen=True)
class Suite:
    """A suite that has been read: its lines by name, and those that are broken with what is wrong."""

    plan: SuiteFile
    tasks: Mapping[str, Scenario]
    broken: Mapping[str, str]

    def of(self, lines: Sequence[str]) -> Suite:
        """Return the suite of some of its lines, in its own order.

        Raises:
            InputError: a line that it does not have, or that is broken.
        """
        for name in lines:
            if name in self.broken:
                raise InputError(f"line {name}: {self.broken[name]}")
            if name not in self.tasks:
                raise InputError(f"line must be of the suite, got {name!r}{nearest(name, self.tasks)}")
        return Suite(self.plan, {name: line for name, line in self.tasks.items() if name in lines}, {})


def read_suite(source: str | Path) -> Suite:
    """Read a suite, by the name of one that comes with the package or from a YAML file.

    Raises:
        InputError: no such file, or it does not describe a suite; a broken scenario in it is no error.
    """
    path = Path(source)
    if not path.suffix:
        path = scenario_folder() / "suites" / f"{source}.yaml"
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
        plan = SuiteFile.model_validate(data)
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in (scenario_folder() / "suites").glob("*.yaml")))
        raise InputError(f"suite must be of {known}, or a YAML file, got {str(source)!r}: {error.strerror}") from error
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {_spelled(fault)}" for fault in error.errors())) from None
    except Exception as error:
        raise InputError(f"{path}: must be a readable YAML file: {error}") from error
    if plan.rollout == 1 or plan.rollout > plan.replications:
        raise InputError(f"{path}: rollout must be 0 or in 2..{plan.replications} replications, got {plan.rollout}")
    for shift in plan.shifts:
        if shift not in SHIFTS:
            raise InputError(f"{path}: shifts must be of {', '.join(SHIFTS)}, got {shift!r}")
    tasks: dict[str, Scenario] = {}
    broken: dict[str, str] = {}
    for entry in plan.tasks:
        name = entry.name or Path(entry.scenario).stem
        if name in tasks or name in broken:
            raise InputError(f"{path}: tasks must have names of their own, got {name!r} twice")
        try:
            tasks[name] = changed(_scenario_of(entry.scenario, path.parent), entry.change, name)
            families_of(tasks[name], plan.rules)
        except InputError as error:
            tasks.pop(name, None)
            broken[name] = str(error)
    return Suite(plan, tasks, broken)


def _spelled(fault: Any) -> str:
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}, got {fault['input']!r:.80}"


def _scenario_of(source: str, folder: Path) -> Scenario:
    beside = folder / source
    return load_scenario(beside if beside.suffix and beside.exists() else source)


def changed(scenario: Scenario, change: Mapping[str, Any], name: str) -> Scenario:
    """Return a scenario with some keys changed: mappings key by key, laws and everything else as a whole."""
    if not change:
        return scenario
    description = scenario.model_dump(mode="json", exclude_none=True)
    return load_scenario({**_merged(description, change), "name": name})


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(old)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping) and key != "law"
        out[key] = _merged(out[key], value) if both else value
    return out
