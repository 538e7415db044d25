"""What a comparison leaves on disk: ``results.json``, two CSV files, a figure and the agent, complete or not at all."""

from __future__ import annotations

import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np

from jitgym import __version__
from jitgym.compare import Comparison, Plan, verdict
from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.files import to_json, write_csv, write_text
from jitgym.rules import RuleFamily
from jitgym.scorecard import COST_TERMS, KPIS, Floats
from jitgym.stats import Interval, interval
from jitgym.tune import Tuned
from jitgym.tuning import pareto_front

FORMAT: Final = 2
"""Raised when a reader of ``results.json`` would have to change."""
REPORT: Final = ("report.html", "report.md")
"""What `jitgym report` writes into a folder of results unless told otherwise."""
FILES: Final = (
    *("results.json", "results.csv", "costs_per_seed.csv", "kpis_per_seed.csv", "compare.png", "agent"),
    *REPORT,
)
"""All that a results folder may hold; a folder with anything else in it is never replaced."""
PACKAGES: Final = ("numpy", "scipy", "gymnasium", "optuna", "torch", "stable-baselines3", "sb3-contrib", "safetensors")


@contextmanager
def results_folder(out: Path, files: Sequence[str] = FILES) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the place of ``out`` when the block ends without an error.

    Args:
        out: the folder.
        files: names, or patterns of them, of all that earlier results in it may hold.

    Raises:
        InputError: ``out`` cannot be written, or holds files that are not such results.
    """
    out = out.resolve()
    _require_replaceable(out, files)
    made = [folder for folder in (out.parent, *out.parent.parents) if not folder.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    except OSError as error:
        raise InputError(f"out must be a folder that can be written, got {str(out)!r}: {error.strerror}") from error
    try:
        yield staging
        staging.chmod(0o777 & ~_umask())  # a temporary folder is private, results are not
        _publish(staging, out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for folder in made:
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()
        raise


def _require_replaceable(out: Path, files: Sequence[str]) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"out must be a folder, got the file {str(out)!r}")
    there = sorted(path.name for path in out.iterdir()) if out.exists() else []
    others = [name for name in there if not any(fnmatchcase(name, pattern) for pattern in files)]
    if others:
        raise InputError(f"out must be a new folder or hold earlier results only, but {str(out)!r} holds {others[0]!r}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _publish(staging: Path, out: Path) -> None:
    """Put a folder in the place of another; the old one stays where it is if that fails."""
    old = staging.with_suffix(".old")
    if out.exists():
        out.rename(old)
    try:
        staging.rename(out)
    except BaseException:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def spelled(family: RuleFamily, numbers: Any) -> dict[str, int | str]:
    """Return the numbers of a rule by name, with words where one stands for a knob that is off."""
    return {
        number.name: spelled_value("pm_level", OFF) if int(value) == number.never else int(value)
        for number, value in zip(family.numbers, numbers, strict=True)
    }


def spelled_value(kind: str, value: int) -> int | str:
    """Return a knob's value, or the word for none: off, or for maintenance never."""
    if value != OFF:
        return value
    return "never" if kind == "pm_level" else "off"


def unspelled(family: RuleFamily, words: Mapping[str, int | str]) -> list[int]:
    """Return the numbers of a rule that :func:`spelled` has put into words.

    Raises:
        InputError: other names than those of the rule's numbers, or a word that stands for none of them.
    """
    names = [number.name for number in family.numbers]
    if sorted(names) != sorted(words):
        raise InputError(f"numbers of {family.name} must be {', '.join(names)}, got {', '.join(words)}")
    found = []
    for number in family.numbers:
        value = words[number.name]
        value = number.never if value == "never" and number.never is not None else value
        if not isinstance(value, int) or not number.low <= value <= number.high:
            raise InputError(f"{number.name} must be in {number.low}..{number.high}, got {value!r:.40}")
        found.append(value)
    return found


def tuning_record(tuned: Tuned) -> dict[str, Any]:
    """Return what tuning a rule found, from where, and at what expense."""
    return {
        "source": tuned.family.source,
        "information": tuned.family.information,
        "numbers": spelled(tuned.family, tuned.numbers),
        "cost": asdict(tuned.cost),
        "textbook_numbers": spelled(tuned.family, tuned.family.start),
        "textbook_cost": asdict(tuned.start_cost),
        "episodes": tuned.episodes,
        "seed": tuned.seed,
        "budget": asdict(tuned.budget),
        "selection": asdict(tuned.choice),
        "space": {number.name: [number.low, number.high] for number in tuned.family.numbers},
    }


def tunings_record(plan: Plan, tuned: Mapping[str, Tuned]) -> dict[str, Any]:
    """Return what tuning some rules of a line found, and the settings that trade cost, fill rate and stock."""
    return {
        "format": FORMAT,
        "scenario": plan.scenario.name,
        "hash": plan.scenario.hash,
        "seed": plan.seed,
        "quick": plan.quick,
        "rules": {name: tuning_record(one) for name, one in tuned.items()},
        "pareto_front": front_record(tuned),
        "versions": versions(),
    }


def front_record(tuned: Mapping[str, Tuned]) -> list[dict[str, Any]]:
    """Return the settings that trade cost, fill rate and stock, with what they came to in the search."""
    return [
        {"rule": p.rule, "numbers": spelled(tuned[p.rule].family, p.numbers), **asdict(p.tried)}
        for p in pareto_front(tuned)
    ]


def versions() -> dict[str, str]:
    """Return the versions of what computed the results."""
    found = {"jitgym": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def known(values: Floats) -> Interval:
    """Return mean and interval of a KPI over the seeds where it has a value; NaN where it has none."""
    values = values[np.isfinite(values)]
    return interval(values) if len(values) > 1 else Interval(math.nan, math.nan, math.nan, math.nan)


def results_record(comparison: Comparison, command: str = "") -> dict[str, Any]:
    """Return everything that ``results.json`` holds; the command is what does it again."""
    plan, evaluation = comparison.plan, comparison.evaluation
    scenario = plan.scenario
    return {
        "format": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": command,
        "versions": versions(),
        "scenario": {
            "name": scenario.name,
            "hash": scenario.hash,
            "description": scenario.model_dump(mode="json", exclude_defaults=True),
        },
        "seed": plan.seed,
        "quick": plan.quick,
        "budget": {"evaluation_seeds": plan.n_seeds, "tuning": asdict(plan.budget)},
        "rules": {name: tuning_record(tuned) for name, tuned in comparison.tuned.items()},
        "pareto_front": front_record(comparison.tuned),
        "agent": comparison.agent.facts if comparison.agent else None,
        "reference": evaluation.reference,
        "verdict": verdict(comparison),
        "warm_up_steps": evaluation.skipped,
        "units": {name: unit for name, (unit, _) in KPIS.items()},
        "policies": {name: policy_record(comparison, name) for name in comparison.ranking},
        # 64-bit seeds do not survive readers that hold every number as a float
        "evaluation_seeds": [str(seed) for seed in evaluation.seeds],
        "cost_per_seed": {name: outcome.cost for name, outcome in evaluation.outcomes.items()},
    }


def policy_record(comparison: Comparison, name: str) -> dict[str, Any]:
    """Return the costs and key figures of one policy, each as mean, standard error and 95 % interval."""
    evaluation = comparison.evaluation
    outcome = evaluation.outcomes[name]
    return {
        "kind": "rule" if name in comparison.tuned else "agent",
        "information": information_of(comparison, name),
        "budget": budget_of(comparison, name),
        "difference": asdict(evaluation.difference(name)),
        "p_value": evaluation.p_values.get(name),
        "kpis": {kpi: asdict(known(values)) for kpi, values in outcome.kpis.items()},
        "cost_by_term": {term: asdict(known(values)) for term, values in outcome.terms.items()},
        "decision_seconds": outcome.latency,
    }


def information_of(comparison: Comparison, name: str) -> str:
    """Return what a policy looks at: an agent at the whole observation."""
    found: str = getattr(comparison.policies[name], "information", "observation")
    return found


def budget_of(comparison: Comparison, name: str) -> str:
    """Return what a policy has been made with."""
    if name in comparison.tuned:
        return f"{comparison.tuned[name].episodes} episodes"
    agent = comparison.agent
    return f"{agent.facts.get('steps', '?')} steps" if agent is not None else "?"


def write_results(comparison: Comparison, folder: Path, command: str = "") -> None:
    """Write ``results.json``, ``results.csv``, ``costs_per_seed.csv`` and ``kpis_per_seed.csv`` into a folder."""
    write_text(folder / "results.json", to_json(results_record(comparison, command)) + "\n")
    write_csv(folder / "results.csv", _policy_rows(comparison))
    write_csv(folder / "costs_per_seed.csv", _seed_rows(comparison))
    write_csv(folder / "kpis_per_seed.csv", _kpi_rows(comparison))


def _policy_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield one row for each policy, cheapest first."""
    for name in comparison.ranking:
        record = policy_record(comparison, name)
        row = {key: record[key] for key in ("kind", "information", "budget", "p_value")}
        row = {"policy": name, **row}
        groups = {"difference": record["difference"], **{kpi: record["kpis"][kpi] for kpi in KPIS}}
        groups |= {f"cost_{term}": record["cost_by_term"][term] for term in COST_TERMS}
        for group, values in groups.items():
            row |= {group: values["mean"], f"{group}_low": values["low"], f"{group}_high": values["high"]}
        yield row | {"decision_microseconds": 1e6 * record["decision_seconds"]}


def _seed_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield one row for each seed of the evaluation: the cost a slot of every policy."""
    evaluation = comparison.evaluation
    for i, seed in enumerate(evaluation.seeds):
        costs = {name: float(evaluation.outcomes[name].cost[i]) for name in comparison.ranking}
        yield {"seed": int(seed), **costs}


def _kpi_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """Yield one row for each policy and seed: every KPI."""
    evaluation = comparison.evaluation
    for name in comparison.ranking:
        kpis = evaluation.outcomes[name].kpis
        for i, seed in enumerate(evaluation.seeds):
            yield {"policy": name, "seed": int(seed), **{kpi: float(values[i]) for kpi, values in kpis.items()}}
