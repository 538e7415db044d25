"""Sample paths of the best rule and its challenger, simulated again from what results say of line and policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.pages.document import Part, Words
from jitgym.pages.path_charts import Paths, machines, stock
from jitgym.pages.stored import StoredComparison
from jitgym.results import unspelled
from jitgym.rules import rule_family
from jitgym.sample import SamplePath, sample_path, typical_place, window
from jitgym.scenario import Scenario, load_scenario

Loader = Callable[[Path, Scenario], Policy]
"""Reads the agent of a folder for a line; raises :class:`InputError` where it cannot."""
MOST_SLOTS: Final = 100_000
"""Slots of an episode that is simulated again at most."""


def sample_paths(stored: StoredComparison, folder: Path, load: Loader | None) -> Iterator[Part]:
    """Yield charts of the middle of one episode under the best rule and its challenger, and what is missing.

    Args:
        stored: the results.
        folder: where they lie, with the agent if it was stored.
        load: reads the agent; None: agents are not read.
    """
    try:
        scenario = line_of(stored)
    except InputError as error:
        yield Words(f"The line cannot be simulated again, so there are no sample paths: {error}")
        return
    if scenario.horizon * scenario.slots_per_step > MOST_SLOTS:
        yield Words(f"An episode has more than {MOST_SLOTS:,} slots, which takes long to simulate: no sample paths.")
        return
    place = typical_place(stored.cost_per_seed[stored.reference])
    seed, steps = np.uint64(stored.evaluation_seeds[place]), _steps(scenario)
    paths: dict[str, SamplePath] = {}
    for name in (stored.reference, stored.challenger):
        try:
            if name is not None:
                paths[name] = sample_path(scenario, policy_of(stored, name, scenario, folder, load), seed, steps)
        except InputError as error:
            yield Words(f"No sample path of {name}: {error}.")
    if paths:
        start, stop = window(scenario.horizon * scenario.slots_per_step)
        yield Words(
            f"Slots {start:,} to {stop:,} of an episode. Its seed is that of median cost under "
            f"{stored.reference}, {place + 1} of {len(stored.evaluation_seeds):,}: neither luck nor choice. All "
            "policies meet the same demand and breakdowns."
        )
        shown = Paths(scenario, paths, stored.reference, start, stop)
        yield stock(shown)
        yield machines(shown)


def line_of(stored: StoredComparison) -> Scenario:
    """Return the line that results are of.

    Raises:
        InputError: the description is of no line, or of another one than was compared.
    """
    if _names_a_file(stored.scenario.description):
        raise InputError("its description names a file, which results do not")
    scenario = load_scenario(stored.scenario.description)
    if scenario.hash != stored.scenario.hash:
        raise InputError(f"its description gives the hash {scenario.hash}, the results are of {stored.scenario.hash}")
    return scenario


def _names_a_file(value: Any) -> bool:
    """Tell whether a trace is to be read from a file: no stranger's results say what is read here."""
    if isinstance(value, dict):
        return isinstance(value.get("trace"), str) or any(map(_names_a_file, value.values()))
    return isinstance(value, list) and any(map(_names_a_file, value))


def _steps(scenario: Scenario) -> int:
    """Return the steps up to the end of what is shown."""
    return -(-window(scenario.horizon * scenario.slots_per_step)[1] // scenario.slots_per_step)


def policy_of(stored: StoredComparison, name: str, scenario: Scenario, folder: Path, load: Loader | None) -> Policy:
    """Return a policy that took part in a comparison.

    Raises:
        InputError: an agent that is not among the results or cannot be read, or numbers that the rule does not have.
    """
    if stored.policies[name].kind == "rule":
        family = rule_family(scenario, name)
        return family.rule(np.array(unspelled(family, stored.rules[name].numbers), dtype=np.int64))
    if load is None:
        raise InputError("agents are not read here")
    return load(folder / "agent", scenario)
