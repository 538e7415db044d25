"""Sample paths: the best rule and its challenger simulated again on one seed, from what results say of line and rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.pages.charts import FOOT, LETTER, WIDTH, Drawing, Scale, fitted, names_width
from jitgym.pages.document import Figure, Part, Words
from jitgym.pages.stored import StoredComparison
from jitgym.palette import STATES
from jitgym.report import number
from jitgym.results import unspelled
from jitgym.rules import rule_family
from jitgym.sample import MACHINE, SamplePath, sample_path, typical_place, window
from jitgym.scenario import Scenario, load_scenario
from jitgym.simulator import Simulator

Loader = Callable[[Path, Scenario], Policy]
"""Reads the agent of a folder for a line; raises :class:`InputError` where it cannot."""
MOST_STEPS = 20_000
"""Steps that are simulated again at most."""


def sample_paths(stored: StoredComparison, folder: Path, load: Loader | None) -> tuple[Part, ...]:
    """Return figures of the middle of one episode under the best rule and its challenger, and what is missing."""
    try:
        scenario = line_of(stored)
    except InputError as error:
        return (Words(f"The line cannot be simulated again, so there are no sample paths: {error}"),)
    missing: list[Part] = []
    paths: dict[str, SamplePath] = {}
    place = typical_place(stored.cost_per_seed[stored.reference])
    steps = _steps(scenario)
    for name in (stored.reference, stored.challenger):
        try:
            if name is not None:
                policy = _policy(stored, name, scenario, folder, load)
                paths[name] = sample_path(scenario, policy, np.uint64(stored.evaluation_seeds[place]), steps)
        except InputError as error:
            missing.append(Words(f"No sample path of {name}: {error}"))
    if not paths:
        return tuple(missing)
    last = max(len(path.finished) for path in paths.values())
    whole = scenario.horizon * scenario.slots_per_step // next(iter(paths.values())).slots
    start, stop = window(whole)
    chosen = (
        f"Slots {start * next(iter(paths.values())).slots:,} to {min(stop, last) * next(iter(paths.values())).slots:,} "
        f"of the episode of seed {place + 1} of {len(stored.evaluation_seeds)}: the one whose cost under "
        f"{stored.reference} is the median, neither luck nor choice. All policies meet the same demand and breakdowns."
    )
    return (Words(chosen), stock(stored, scenario, paths, start, stop), *missing, machines(scenario, paths, start, stop))


def line_of(stored: StoredComparison) -> Scenario:
    """Return the line that results are of.

    Raises:
        InputError: the description is of no line, of another one than was compared, or of very long episodes.
    """
    scenario = load_scenario(stored.scenario.description)
    if scenario.hash != stored.scenario.hash:
        raise InputError(f"its description gives the hash {scenario.hash}, the results are of {stored.scenario.hash}")
    if scenario.horizon > 2 * MOST_STEPS:
        raise InputError(f"an episode has {scenario.horizon:,} steps, which takes too long")
    return scenario


def _steps(scenario: Scenario) -> int:
    """Return the steps up to the end of what is shown."""
    orders = any(knob.kind in ("order", "release") for knob in Simulator(scenario).knobs)
    records = 1 if orders else scenario.slots_per_step
    return -(-window(scenario.horizon * records)[1] // records)


def _policy(
    stored: StoredComparison, name: str, scenario: Scenario, folder: Path, load: Loader | None
) -> Policy:
    if stored.policies[name].kind == "rule":
        family = rule_family(scenario, name)
        return family.rule(np.array(unspelled(family, stored.rules[name].numbers), dtype=np.int64))
    if load is None or not (folder / "agent").is_dir():
        raise InputError("the agent is not among the results")
    return load(folder / "agent", scenario)


def stock(
    stored: StoredComparison, scenario: Scenario, paths: Mapping[str, SamplePath], start: int, stop: int
) -> Figure:
    """Draw finished goods above the line, and below it what customers wait for, or did not get."""
    lost = scenario.demand.shortage == "lost"
    below = "lost in a slot" if lost else "backlog"
    nets = {name: (p.finished - (p.lost if lost else p.backlog))[start:stop] for name, p in paths.items()}
    slots = next(iter(paths.values())).slots
    told = f"Finished goods less {below}. " + "; ".join(
        f"{name}: from {net.min()} to {net.max()}, mean {number(float(net.mean()))}" for name, net in nets.items()
    )
    drawing = Drawing(320 + FOOT, told)
    low, high = min(int(net.min()) for net in nets.values()), max(int(net.max()) for net in nets.values())
    across = Scale(start * slots, stop * slots, 76, WIDTH - 16)
    up = Scale(min(low, 0) - 0.5, max(high, 1) + 0.5, 320, 40)
    drawing.across(across, 40, 320, "slot")
    drawing.along(up, 76, WIDTH - 16, f"units: finished goods above the line, {below} below it", whole=True)
    colours = _colours(stored, paths)
    for name, net in nets.items():
        corners = _corners([(across((start + i) * slots), up(v)) for i, v in enumerate(net)], across(stop * slots))
        shut = [(x, max(y, up(0))) for x, y in corners]
        drawing.area([(shut[0][0], up(0)), *shut, (shut[-1][0], up(0))], colours[name])
        drawing.way(corners, "curve" if name != stored.reference else "curve under", colours[name])
    drawing.line(76, up(0), WIDTH - 16, up(0), "zero")
    legend = tuple((colours[name], name) for name in paths)
    return Figure(f"Finished goods and {below} under {' and '.join(paths)}.", drawing.svg, told, legend)


def _corners(points: list[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """Return the corners of a line that stays at each value until the next."""
    found: list[tuple[float, float]] = []
    for (x, y), (after, _) in zip(points, [*points[1:], (end, 0.0)], strict=True):
        found += [(x, y), (after, y)]
    return found


def _colours(stored: StoredComparison, paths: Mapping[str, SamplePath]) -> dict[str, str]:
    return {name: "rule" if name == stored.reference else "challenger" for name in paths}


def machines(scenario: Scenario, paths: Mapping[str, SamplePath], start: int, stop: int) -> Figure:
    """Draw a colour band for every machine under each policy: what it did, slot by slot."""
    slots, names = next(iter(paths.values())).slots, scenario.stage_names
    shares = {name: _shares(path.machine[start:stop]) for name, path in paths.items()}
    told = "What machines did. " + "; ".join(f"{name}: {share}" for name, share in shares.items())
    row, head = 24.0, 30.0
    block = head + row * len(names) + 8
    drawing = Drawing(block * len(paths) + FOOT, told)
    left = max(names_width(names), 76.0)
    across = Scale(start * slots, stop * slots, left, WIDTH - 16)
    seen: set[int] = set()
    for k, (name, path) in enumerate(paths.items()):
        drawing.text(0, k * block + 20, f"under {fitted(name, WIDTH - 20 * LETTER)}", "start", "heading")
        for i, stage in enumerate(names):
            top = k * block + head + row * i
            drawing.text(left - 12, top + 16, fitted(stage, left - 16), "end", "mark")
            for first, after, code in _runs(path.machine[start:stop, i]):
                seen.add(code)
                x, end = across((start + first) * slots), across((start + after) * slots)
                tip = f"{stage}, slots {(start + first) * slots} to {(start + after) * slots}: {STATES[MACHINE[code]][1]}"
                drawing.box(x, top + 2, end - x, row - 4, f"state-{MACHINE[code]}", tip)
            drawing.box(left, top + 2, across.stop - left, row - 4, "", of="outline")
    drawing.across(across, block * len(paths), block * len(paths), "slot")
    legend = tuple((f"state-{name}", STATES[name][1]) for code, name in enumerate(MACHINE) if code in seen)
    return Figure(f"What every machine did under {' and '.join(paths)}.", drawing.svg, told, legend)


def _runs(states: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> list[tuple[int, int, int]]:
    """Return first place, place after the last, and value of every run of equal values."""
    starts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist()]
    return [(a, b, int(states[a])) for a, b in zip(starts, [*starts[1:], len(states)], strict=True)]


def _shares(states: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    shares = {STATES[name][1]: float((states == code).mean()) for code, name in enumerate(MACHINE)}
    return ", ".join(f"{label} {100 * share:.0f} %" for label, share in shares.items() if share)
