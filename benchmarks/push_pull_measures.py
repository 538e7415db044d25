"""What `push_pull.py` measures of a tuned rule on a line, and what it does to the line for it.

Where something happens to a line, it happens at the same slot to all: the middle machine stands still, the first one
makes nothing but defective units, demand is lumpier than it was, the numbers are a quarter off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.cadence import Periods, period_slots, reviewed
from jitgym.evaluate import run_policy
from jitgym.jobs import Report
from jitgym.ledger import Ledger
from jitgym.observation import Observer
from jitgym.rules import Rule, rule_family
from jitgym.scenario import Scenario
from jitgym.scorecard import Scorecard
from jitgym.search import Budget, bounds, search
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator
from jitgym.suite import changed
from jitgym.trials import Trials

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Numbers = tuple[int, ...]

WHEN = 1000
"""The slot in which something happens to a line: half way through an episode, long past its start."""
STOP = 24
"""Slots that the middle machine stands still: three shifts."""
SETTLED, LAST = 400, 1600
"""Slots between which units are released whose time in the line is measured."""
OFF_BY = 0.25
"""By how much every number of a rule is too low, and then too high."""
LATE = 5.0
"""Per cent of demand that is not filled at once, where stock is compared at the same service."""
PRICES = (40.0, 70.0, 120.0, 200.0)
"""Of all demand being late, in units of stock: at each of these a rule's least stock is searched for."""
KEPT = 8
"""Of a search, how many of the best are looked at again."""


@dataclass(frozen=True)
class Measure:
    """A row of the comparison; less of it is better.

    Attributes:
        name: what tables call it.
        what: what is measured, with its unit.
        better: who has less of it, as textbooks say; empty where they say nothing.
        source: which.
    """

    name: str
    what: str
    better: Literal["pull", "push", ""] = ""
    source: str = ""


MEASURES = {
    "cost": Measure("cost", "cost a slot, at the scenario's prices"),
    "late": Measure("late %", "demand that is not filled at once"),
    "inventory": Measure(
        "inventory", "items, units in process and finished units, mean", "pull", "Hopp & Spearman 2011, ch. 10"
    ),
    "finished": Measure("finished units", "units in the last store, mean"),
    "same_inventory": Measure(
        f"inventory at {LATE:g} % late",
        f"inventory with the numbers that need least of it for {LATE:g} % late (taking turns between two settings)",
        "pull",
        "Spearman & Zazanis 1992",
    ),
    "same_late": Measure("late % there", "demand that is not filled at once with these numbers"),
    "inventory_value": Measure("worth of inventory", "material and value added of all units, mean"),
    "working_capital": Measure(
        "working capital", "worth of inventory + receivables - payables", "pull", "Ohno 1988; Hopp & Spearman 2011"
    ),
    "stop": Measure(
        "waiting after a stop",
        f"backlog, in unit-slots, that the middle machine's standing still for {STOP} slots adds",
        "push",
        "Ohno 1988",
    ),
    "recovery": Measure(
        "recovery", f"slots from that stop of {STOP} slots until nobody waits longer for it", "push", "Ohno 1988"
    ),
    "defects": Measure(
        "defects until found",
        "units that the first machine, out of order, makes until the last one finds a defect",
        "pull",
        "Hopp & Spearman 2011, ch. 10 and 12",
    ),
    "variability": Measure(
        "lumpy demand",
        "cost a slot under lumpy demand (variance twice the mean), less that under steady demand (one unit or none), "
        "same numbers, same mean",
        "push",
        "Monden 2011",
    ),
    "too_low": Measure(
        f"numbers {100 * OFF_BY:.0f} % too low",
        f"cost a slot, more than tuned, with all numbers {100 * OFF_BY:.0f} % too low",
        "pull",
        "Spearman & Zazanis 1992",
    ),
    "too_high": Measure(
        f"numbers {100 * OFF_BY:.0f} % too high",
        f"cost a slot, more than tuned, with all numbers {100 * OFF_BY:.0f} % too high",
        "pull",
        "Spearman & Zazanis 1992",
    ),
    "flow_time": Measure(
        "time in the line", "slots from a unit's release to its finish", "pull", "Hopp & Spearman 2011"
    ),
    "flow_variance": Measure(
        "variance of that", "variance of the slots in the line, over the units", "pull", "Spearman & Zazanis 1992"
    ),
    "bullwhip": Measure(
        "bullwhip", "variance of weekly orders over that of weekly demand", "pull", "Lee, Padmanabhan & Whang 1997"
    ),
}


TAKEN = {
    "cost": "cost",
    "finished": "finished_goods",
    "inventory_value": "inventory_value",
    "working_capital": "working_capital",
    "bullwhip": "bullwhip",
}
"""Measures that are key figures of the run."""


# -- lines to which something happens --


def with_stage(scenario: Scenario, place: int, name: str, **parts: Any) -> Scenario:
    """Return a line one of whose stages has other parts."""
    description = scenario.model_dump(mode="json", exclude_none=True)
    description["stages"][place] |= parts
    return changed(scenario, {"stages": description["stages"]}, name)


def stopping(scenario: Scenario, stops: bool) -> Scenario:
    """Return the line with a middle machine that breaks down in the slot ``WHEN`` and in no other, or never."""
    failure = {"law": {"table": [0.0] * WHEN + [float(stops)]}, "exposure": "time", "repair": STOP}
    return with_stage(scenario, len(scenario.stages) // 2, "stopping", failure=failure)


def defective(scenario: Scenario) -> Scenario:
    """Return the line with a first machine that makes nothing but defects from ``WHEN`` on, found by the last one."""
    failure = {"law": {"table": [0.0] * (WHEN + 1)}, "exposure": "time", "repair": 1}
    first = with_stage(scenario, 0, "defective", failure=failure, quality={"defect": [0.0] * WHEN + [1.0]})
    return with_stage(first, len(scenario.stages) - 1, "defective", quality={"detect": 1.0})


def demanding(scenario: Scenario, lumpy: bool) -> Scenario:
    """Return the line with the same mean demand: one unit or none in a slot, or a variance of twice the mean."""
    mean = scenario.demand.law.mean
    law = {"negative_binomial": {"mean": mean, "dispersion": mean}} if lumpy else {"bernoulli": mean}
    return changed(scenario, {"demand": {"law": law}}, "lumpy" if lumpy else "steady")


# -- the work of processes --


@dataclass(frozen=True)
class Search:
    """A rule on a line, the price of late demand, and the numbers to start from."""

    scenario: Scenario
    rule: str
    price: float
    start: Numbers
    budget: Budget


def searched(task: Search, report: Report) -> list[Numbers]:
    """Search the least stock and lateness at a price; return what came out best."""
    family = rule_family(task.scenario, task.rule)
    trials = Trials(task.scenario, family, goal=partial(priced, scenario=task.scenario, price=task.price))
    label = f"{task.rule} at {task.price:g} on {task.scenario.name}"
    search(trials, task.budget, [np.array(task.start), family.start], lambda word: report(label, None, word))
    tried = {v: one for v, one in trials.tried.items() if one.episodes >= task.budget.last // 4}
    return sorted(tried, key=lambda v: tried[v].cost)[:KEPT]


def priced(ledger: Ledger, scenario: Scenario, price: float) -> Floats:
    """Return what a search at a price of late demand keeps low."""
    return inventory(ledger) + price * (1 - Scorecard(scenario).kpis(ledger)["fill_rate"])


def inventory(ledger: Ledger) -> Floats:
    """Return the mean units of items, in process and finished."""
    fields = ("item_slots", "process_slots", "store_slots")
    held: Floats = sum(ledger.total(field) for field in fields) / ledger["slots"]
    return held


@dataclass(frozen=True)
class Task:
    """A tuned rule on a line, other numbers of which one needs least stock for ``LATE``, and how many seeds to run."""

    scenario: Scenario
    rule: str
    numbers: Numbers
    candidates: tuple[Numbers, ...]
    n_seeds: int
    bank: int = 0

    def policy(self, scenario: Scenario, numbers: Any) -> Rule:
        """Return the rule with some numbers on the line, or on what has become of it."""
        return Rule(rule_family(self.scenario, self.rule).seen_on(scenario), np.array(numbers, dtype=np.int64))

    def seeds(self, bank: int | None = None) -> npt.NDArray[np.uint64]:
        """Return seeds that no search has met."""
        return seed_bank(self.bank if bank is None else bank, self.n_seeds, "evaluation")

    def run(self, scenario: Scenario, numbers: Any = None, bank: int | None = None, **how: Any) -> Ledger:
        """Run the rule on its seeds, with its own numbers or with others."""
        policy = self.policy(scenario, self.numbers if numbers is None else numbers)
        return run_policy(scenario, policy, self.seeds(bank), **how)


def measured(task: Task, report: Report) -> dict[str, Any]:
    """Measure a rule on a line; return a list of seeds for each measure, and the numbers for ``LATE``."""
    report(f"measure {task.rule} on {task.scenario.name}", None, "")
    scenario, cost = task.scenario, Scorecard(task.scenario).cost_a_slot
    figures = plain(task)
    same = at_same_service(task)
    figures["same_late"], figures["same_inventory"] = (
        sum(share * late_and_stock(task, numbers, task.bank)[k] for numbers, share in same) for k in range(2)
    )
    figures |= after_a_stop(task)
    figures["defects"] = before_found(task)
    steady, lumpy = (cost(task.run(demanding(scenario, lumpy))) for lumpy in (False, True))
    figures["variability"] = lumpy - steady
    for name, factor in (("too_low", 1 - OFF_BY), ("too_high", 1 + OFF_BY)):
        figures[name] = cost(task.run(scenario, off(task, factor))) - figures["cost"]
    return {"same_service": same, **{name: figures[name].tolist() for name in MEASURES}}


def late_and_stock(task: Task, numbers: Numbers, bank: int) -> tuple[Floats, Floats]:
    """Return the per cent of late demand and the inventory of every seed of a bank."""
    ledger = task.run(task.scenario, numbers, bank)
    return 100 * (1 - Scorecard(task.scenario).kpis(ledger)["fill_rate"]), inventory(ledger)


def at_same_service(task: Task) -> list[tuple[Numbers, float]]:
    """Return the numbers that need least stock for ``LATE`` per cent, judged on seeds of their own, with their shares.

    Two settings that are late more and less often, so that a plant which takes turns between them is late as often as
    that; one of share 1 if all are on the same side.
    """
    every = dict.fromkeys((*task.candidates, task.numbers))
    means = {numbers: [one.mean() for one in late_and_stock(task, numbers, task.bank + 1)] for numbers in every}
    low = [numbers for numbers, (late, _) in means.items() if late <= LATE]
    high = [numbers for numbers in means if numbers not in low]
    if not low or not high:
        return [(min(means, key=lambda numbers: abs(means[numbers][0] - LATE)), 1.0)]

    def mixed(pair: tuple[Numbers, Numbers]) -> tuple[float, float]:
        """Return the stock of a pair, and the share of its first."""
        (late, stock), (more, less) = means[pair[0]], means[pair[1]]
        share = (more - LATE) / (more - late)
        return share * stock + (1 - share) * less, share

    best = min(product(low, high), key=mixed)
    share = float(mixed(best)[1])
    return [(best[0], share), (best[1], 1 - share)]


def off(task: Task, factor: float) -> Counts:
    """Return a rule's numbers times a factor, each off by at least one, within their ranges."""
    numbers = np.array(task.numbers)
    low, high = bounds(rule_family(task.scenario, task.rule).numbers)
    by = np.sign(factor - 1) * np.maximum(1, np.round(np.abs(factor - 1) * numbers))
    return np.clip(numbers + by.astype(np.int64), low, high)


def plain(task: Task) -> dict[str, Floats]:
    """Measure the line as it is: cost, service, stock, money, orders, and the times of units in it."""
    scenario = task.scenario
    weeks = Periods(period_slots(scenario, "week"))
    released, finished = [], []
    for ledger in slot_by_slot(task, scenario):
        weeks.note(ledger)
        released.append(ledger["released"][:, 0])
        finished.append(ledger["finished"][:, -1])
    review = reviewed(weeks, scenario)
    total = review.total
    started = sum(stage.initial for stage in scenario.stages[:-1])
    times = flow_times(np.stack(released), np.stack(finished), started)
    return {
        "late": 100 * (1 - review.whole["fill_rate"]),
        "inventory": inventory(total),
        **{new: review.whole[name] for new, name in TAKEN.items()},
        "flow_time": np.array([one.mean() for one in times]),
        "flow_variance": np.array([one.var() for one in times]),
    }


def slot_by_slot(task: Task, scenario: Scenario) -> Iterator[Ledger]:
    """Yield the ledger of every slot of an episode; the rule decides once a step, and grants releases once."""
    simulator = Simulator(scenario, task.n_seeds, task.seeds())
    codec, observer, policy = ActionCodec(simulator.knobs), Observer(simulator), task.policy(scenario, task.numbers)
    granted = [column for column, knob in enumerate(simulator.knobs) if knob.kind == "release"]
    for _ in range(scenario.horizon):
        knobs = codec.decode(policy.predict(observer.observe())[0])
        yield simulator.step(knobs, 1)
        knobs[:, granted] = 0
        for _ in range(scenario.slots_per_step - 1):
            yield simulator.step(knobs, 1)


def flow_times(released: Counts, finished: Counts, started: int) -> list[Counts]:
    """Return for every line the slots that units released between ``SETTLED`` and ``LAST`` took to the last store.

    Units do not overtake each other, so the n-th to come in is the n-th to go out.

    Args:
        released: into the first stage, ``(n_slots, n_lines)``.
        finished: by the last stage, ``(n_slots, n_lines)``.
        started: units that were on their way at the start.
    """
    slots = np.arange(len(released))
    found = []
    for into, out in zip(released.T, finished.T, strict=True):
        begin, end = np.repeat(slots, into), np.repeat(slots, out)[started:]
        n = min(len(begin), len(end))
        chosen = (begin[:n] >= SETTLED) & (begin[:n] < LAST)
        found.append((end[:n] - begin[:n])[chosen])
    return found


def after_a_stop(task: Task) -> dict[str, Floats]:
    """Measure what a stop of the middle machine makes customers wait, and until when, against the same luck without."""
    stopped, not_stopped = (backlogs(task, stopping(task.scenario, stops)) for stops in (True, False))
    more, step = stopped - not_stopped, task.scenario.slots_per_step
    last = len(more) - np.argmax(more[::-1] > 0, axis=0)  # the first step after those with more of a backlog
    recovery = np.where((more > 0).any(axis=0), last * step - WHEN, 0)
    return {"stop": more.sum(axis=0).astype(np.float64), "recovery": recovery.astype(np.float64)}


def backlogs(task: Task, scenario: Scenario) -> Counts:
    """Return the backlog of every step, in unit-slots, ``(n_steps, n_seeds)``."""
    steps: list[Counts] = []
    task.run(scenario, each=lambda ledger: steps.append(ledger.total("backlog_slots")))
    return np.stack(steps)


def before_found(task: Task) -> Floats:
    """Count what the first machine finishes from ``WHEN`` on until the last machine finds the first defect."""
    made, hidden = np.zeros(task.n_seeds), np.ones(task.n_seeds, dtype=bool)
    for slot, ledger in enumerate(slot_by_slot(task, defective(task.scenario))):
        if slot >= WHEN:
            made += hidden * ledger["finished"][:, 0]
            hidden &= ledger["scrapped"][:, -1] == 0
            if not hidden.any():
                break
    return made
