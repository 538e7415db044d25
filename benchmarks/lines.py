"""The line that every benchmark steps, for jitgym as a scenario and for the peers as eight numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jitgym.scenario import Scenario, load_scenario

FIVE_STAGE = Path(__file__).with_name("five_stage.yaml")
RICH_LINE = Path(__file__).with_name("rich_line.yaml")


@dataclass(frozen=True)
class Parameters:
    """A serial kanban line of equal machines, all laws geometric.

    Args:
        stages: machines in the line.
        finish: probability that a job ends in a worked slot.
        hazard: probability that a worked slot ends in a breakdown.
        repair: probability that a repair ends in a slot.
        cards: kanban at every stage.
        demand: probability of an order in a slot.
        lead_time: slots from an order of the item to its delivery.
        target: stock plus units on order that the item is ordered up to; it is in store at the start.
    """

    stages: int
    finish: float
    hazard: float
    repair: float
    cards: int
    demand: float
    lead_time: int
    target: int


Averages = dict[str, float]


@dataclass
class Counts:
    """What a peer counts over some slots: units, and unit-slots at the end of each slot."""

    shipped: float
    on_time: float
    ordered: float
    backlog: float
    items: float
    process: list[float]
    store: list[float]
    down: list[float]

    def averages(self, slots: int) -> Averages:
        """Return averages per slot, by the names that ``agreement.py`` compares."""
        averages = {
            "throughput": self.shipped / slots,
            "fill rate": self.on_time / max(self.ordered, 1),
            "backlog": self.backlog / slots,
            "item stock": self.items / slots,
        }
        for i, (process, store, down) in enumerate(zip(self.process, self.store, self.down, strict=True), start=1):
            averages[f"process {i}"] = process / slots
            averages[f"store {i}"] = store / slots
            averages[f"availability {i}"] = 1 - down / slots
        return averages


def five_stage() -> Scenario:
    """Return the scenario of the benchmarks."""
    return load_scenario(FIVE_STAGE)


def serial_line(stages: int) -> Scenario:
    """Return the same line with another number of stages."""
    scenario = five_stage()
    machines = [scenario.stages[0].model_copy(update={"name": f"s{i + 1}"}).model_dump() for i in range(stages)]
    return load_scenario({**scenario.model_dump(), "name": f"line_of_{stages}", "stages": machines})


def sure_line(stages: int, finish: float) -> Scenario:
    """Return a line of machines that never break down and end a slot's job with some probability.

    With a probability of 1 their ends are certain and not drawn; just below 1 they are drawn, and all else is the same.
    """
    machines = [{"name": f"s{i + 1}", "process": {"slots": 1, "finish": finish}} for i in range(stages)]
    return load_scenario({**five_stage().model_dump(), "name": f"sure_line_of_{stages}", "stages": machines})


def rich_line() -> Scenario:
    """Return the scenario with all that costs time in the core."""
    return load_scenario(RICH_LINE)


def parameters(scenario: Scenario) -> Parameters:
    """Return the numbers that the peers need of the scenario, under its default knobs.

    Raises:
        ValueError: the scenario is not of the kind that the peers model.
    """
    first = scenario.stages[0]
    default = {control.knob: control.default for control in scenario.control}
    alike = all(stage.model_copy(update={"name": first.name}) == first for stage in scenario.stages)
    failure, demand = first.failure, scenario.demand.law.bernoulli
    if not alike or failure is None or failure.law.geometric is None or demand is None:
        raise ValueError(f"{scenario.name} must have equal machines that break down and Bernoulli demand")
    return Parameters(
        stages=len(scenario.stages),
        finish=first.process.finish,
        hazard=failure.law.geometric,
        repair=failure.repair.finish,
        cards=int(default["kanban"]),
        demand=demand,
        lead_time=scenario.suppliers[0].lead_time,
        target=int(default["target"]),
    )
