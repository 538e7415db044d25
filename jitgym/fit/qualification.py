"""Suppliers held to a standard, what their lateness costs, and what an alternative would be worth.

Costs come from paired simulation: the line as fitted against the same line with a better supplier, on the same seeds,
so that demand and breakdowns are the same. The order-up-to level of the item is chosen anew for either, on other seeds
than those that the difference is taken on: late suppliers cost stock as well as shortage. Two questions, two answers:

* *lateness*: the supplier always on time, all else as it is;
* *alternative*: a supplier that just meets the standard. A year of the difference is the most that qualifying one may
  cost to pay back within the year.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.fit.deliveries import Lateness, Range
from jitgym.fit.options import Standard
from jitgym.scenario import Scenario, load_scenario
from jitgym.scorecard import Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator
from jitgym.stats import Interval, bca

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Judgement = Literal["meets", "fails", "not shown"]

LEVELS: Final = 25
"""Order-up-to levels that are tried."""
SEARCH: Final = 64
"""Seeds that they are tried on."""


@dataclass(frozen=True)
class Qualification:
    """A supplier against the standard.

    Attributes:
        supplier: its name in the scenario.
        on_time: whether it meets the standard by its 95 % interval: ``not shown`` where the standard lies within.
        quality: the same.
        lateness: what its lateness costs a slot, with a 95 % interval.
        alternative: what a supplier that just meets the standard saves a slot; None where it would be no better.
        levels: the order-up-to levels chosen: as it is, always on time, and for the alternative.
    """

    supplier: str
    on_time: Judgement
    quality: Judgement
    lateness: Interval
    alternative: Interval | None
    levels: tuple[int, ...]


def judge(interval: Range, least: float) -> Judgement:
    """Return whether a share is at least the least, by its interval."""
    return "meets" if interval[0] >= least else "fails" if interval[1] < least else "not shown"


def qualify(
    scenario: Scenario,
    suppliers: list[Lateness],
    standard: Standard,
    n_seeds: int,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> list[Qualification]:
    """Hold every supplier of a line to a standard.

    Args:
        scenario: the line; its suppliers are those given, in their order.
        suppliers: as fitted.
        standard: that they are held to.
        n_seeds: replications of a comparison.
        seed: names the banks of seeds.
        progress: called with the share that is done.
    """
    seeds = seed_bank(seed, n_seeds, "evaluation")
    found = []
    for j, supplier in enumerate(suppliers):
        name = scenario.supplier_names[j]
        better = _alternative(scenario, j, standard)
        lines = [scenario, changed(scenario, j, {"on_time": 1.0}), *([] if better is None else [better])]
        levels = [best_level(line, name, seed) for line in lines]
        spent = [costs(line, seeds, {f"target[{name}]": level}) for line, level in zip(lines, levels, strict=True)]
        rejected = supplier.rejected_interval
        found.append(
            Qualification(
                supplier=name,
                on_time=judge(supplier.on_time_interval, standard.on_time),
                quality=judge((1 - rejected[1], 1 - rejected[0]), standard.quality),
                lateness=bca(spent[0] - spent[1]),
                alternative=bca(spent[0] - spent[2]) if better is not None else None,
                levels=tuple(levels),
            )
        )
        if progress is not None:
            progress((j + 1) / len(suppliers))
    return found


def _alternative(scenario: Scenario, j: int, standard: Standard) -> Scenario | None:
    """Return the line with a supplier that meets the standard, None where the present one is as good."""
    supplier = scenario.suppliers[j]
    on_time = max(supplier.on_time, standard.on_time)
    defective = min(supplier.defective, 1 - standard.quality)
    if (on_time, defective) == (supplier.on_time, supplier.defective):
        return None
    return changed(scenario, j, {"on_time": on_time, "defective": round(defective, 9)})


def changed(scenario: Scenario, j: int, values: dict[str, Any]) -> Scenario:
    """Return a line with other values of a supplier."""
    description = scenario.model_dump(mode="json", exclude_defaults=True)
    description["suppliers"][j] |= values
    return load_scenario(description)


def best_level(scenario: Scenario, supplier: str, seed: int) -> int:
    """Return the order-up-to level of a supplier that costs least on tuning seeds, of some up to its highest."""
    name = f"target[{supplier}]"
    simulator = Simulator(scenario)
    knob = next(knob for knob in simulator.knobs if knob.name == name)
    tried = np.unique(np.linspace(max(knob.low, knob.default // 3), knob.high, LEVELS).round().astype(np.int64))
    seeds = seed_bank(seed, SEARCH, "tuning")
    found = costs(scenario, np.tile(seeds, len(tried)), {name: np.repeat(tried, len(seeds))})
    return int(tried[np.argmin(found.reshape(len(tried), -1).mean(axis=1))])


def costs(scenario: Scenario, seeds: npt.NDArray[np.uint64], knobs: dict[str, Any]) -> Floats:
    """Return the mean cost a slot of whole episodes ``(n_seeds,)``, knobs at their defaults but for those given."""
    simulator = Simulator(scenario, len(seeds), seeds)
    vectors = np.broadcast_to(simulator.default_knobs, (len(seeds), len(simulator.knobs))).copy()
    for column, knob in enumerate(simulator.knobs):
        if knob.name in knobs:
            vectors[:, column] = knobs[knob.name]
    ledger = simulator.step(vectors, scenario.horizon * scenario.slots_per_step)
    return Scorecard(scenario).cost_a_slot(ledger)
