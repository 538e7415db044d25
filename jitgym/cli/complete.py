"""What the shell offers to complete a word with: scenarios, rules of the line, suites, lessons, algorithms.

A broken or missing file completes to nothing: an error message in the middle of a line helps nobody.
"""

from __future__ import annotations

from typing import Any

import typer

from jitgym.errors import InputError
from jitgym.files import scenario_files, scenario_folder
from jitgym.rules import rule_names
from jitgym.scenario import load_scenario
from jitgym.web.lessons import COMPANY, lesson_files

ALGORITHMS = ("ppo", "maskable_ppo", "sac", "dqn", "es", "dcl", "counted")


def scenario_name(incomplete: str) -> list[str]:
    """Complete a scenario that comes with the package; files are completed by the shell."""
    return _those(scenario_files(), incomplete)


def suite_name(incomplete: str) -> list[str]:
    """Complete a suite that comes with the package."""
    return _those((path.stem for path in sorted((scenario_folder() / "suites").glob("*.yaml"))), incomplete)


def lesson_name(incomplete: str) -> list[str]:
    """Complete a lesson."""
    return _those((*lesson_files(), COMPANY), incomplete)


def algorithm_name(incomplete: str) -> list[str]:
    """Complete an algorithm that agents are trained by."""
    return _those(ALGORITHMS, incomplete)


def rule_name(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a rule of the scenario that stands before it, the last one of a list such as ``kanban,con``."""
    # an option that still lacks its value ends the parsing, and what stood before it is left over
    scenario = ctx.params.get("scenario") or next(iter(ctx.args), None)
    if scenario is None:
        return []
    try:
        names = rule_names(load_scenario(scenario))
    except (InputError, OSError):
        return []
    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in _those(["all", *names], last)]


def _those(names: Any, incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
