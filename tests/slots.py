"""One slot of a batch as the laws see it: the state before and after, the ledger and the knobs, by name.

Every array has one row a line: ``(lines, stages, products)`` for what is counted by stage and product, also where the
line makes one product without a name, else ``(lines, places)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np

from jitgym.fields import IN_SETUP, KNOBS, LEDGER, OFF, RUN, STATE, Field
from jitgym.simulator import Simulator

ONE = 1 << 31
NEVER, CERTAIN = -1, ONE - 1
"""The thresholds of what cannot happen and of what must; a threshold plus one is its probability, in 1 / 2**31."""

Arrays = dict[str, np.ndarray]


def arrays(fields: Iterable[Field], source: Callable[[str], np.ndarray], n_products: int) -> Arrays:
    """Return fields by name, in the shapes that all lines share."""
    shapes = {"stage_product": (-1, n_products)}
    rows = {field.name: source(field.name).astype(np.int64) for field in fields}
    return {f.name: rows[f.name].reshape(len(rows[f.name]), *shapes.get(f.axis, (-1,))) for f in fields}


class Slot:
    """What happened to a batch in one slot: ``before``, ``after``, ``count`` hold state and ledger by field.

    Args:
        simulator: the batch.
        before: its state at the start of the slot.
        knobs: ``(lines, knobs)``; the slot is made under them.
    """

    def __init__(self, simulator: Simulator, before: Arrays, knobs: np.ndarray) -> None:
        self.scenario, self.tables, self.knobs = simulator.scenario, simulator.tables, knobs
        ledger = simulator.step(knobs, slots=1)
        self.before, self.after = before, state_of(simulator)
        self.count = arrays(LEDGER, ledger.__getitem__, self.scenario.n_products)

    def change(self, *fields: str) -> np.ndarray:
        """Return by how much the sum of some fields changed."""
        return sum(self.after[field] - self.before[field] for field in fields)

    @cached_property
    def local(self) -> np.ndarray:
        """Units in queue, machine and store at the end."""
        return self.after["queue"] + self.after["job"] + self.after["store"]

    @cached_property
    def due(self) -> np.ndarray:
        """Customer orders due in this slot."""
        return self.count["demand"] - self.change("known")

    @cached_property
    def gone(self) -> np.ndarray:
        """Units of the jobs that ended, into the store or not."""
        return self.count["finished"] + self.count["scrapped"]

    @cached_property
    def works(self) -> np.ndarray:
        """Which machines have a job at the end, running or not."""
        return self.after["job"].any(axis=2)

    @cached_property
    def sets_up(self) -> np.ndarray:
        """Which machines are in a setup at the end, running or not."""
        return self.after["setting"] == IN_SETUP

    @cached_property
    def idle(self) -> np.ndarray:
        """Which machines run at the end with nothing to do."""
        return (self.after["mode"] == RUN) & ~self.works & ~self.sets_up

    @cached_property
    def loaded(self) -> np.ndarray:
        """Which machines began a job."""
        return self.works & (~self.before["job"].any(axis=2) | self.gone.any(axis=2))

    @cached_property
    def set_on(self) -> np.ndarray:
        """Which machines began a setup."""
        return self.sets_up & (self.count["setups"] > 0)

    @cached_property
    def uses(self) -> list[tuple[int, list[int]]]:
        """The stage of each item, and the products that need it there."""
        scenario, names = self.scenario, self.scenario.product_names or ("",)
        return [
            (scenario.stage_names.index(item.stage), [p for p, n in enumerate(names) if n in (item.products or names)])
            for item in scenario.items
        ]

    @cached_property
    def material(self) -> np.ndarray:
        """What each stage could still draw on for each product at the end; OFF where material is unlimited."""
        left = np.full(self.local.shape, OFF)
        for i, follower in enumerate(self.scenario.followers[:-1]):
            left[:, follower] = np.minimum(left[:, follower], self.after["store"][:, i])
        for k, (i, products) in enumerate(self.uses):
            left[:, i, products] = np.minimum(left[:, i, products], self.after["stock"][:, k, None])
        return left

    @cached_property
    def free(self) -> np.ndarray:
        """By how much each stage stays below the tightest of its limits at the end; OFF where none is in force."""
        followers, owed = self.scenario.followers, self.after["backlog"] + self.after["known"]
        onward = np.pad(self.local, ((0, 0), (0, 1), (0, 0)))
        for i in reversed(range(len(followers))):
            onward[:, i] += onward[:, followers[i]]
        free = np.where(self.knob("release") < OFF, self.after["credits"], OFF)
        for column, knob in enumerate(self.tables.knobs):
            if knob.kind in ("kanban", "loop", "basestock"):
                place, cards = (slice(None), knob.place, knob.product), self.knobs[:, column]
                held = self.local[place] if knob.kind == "kanban" else onward[place]
                if knob.kind == "loop":
                    held = held - onward[:, followers[knob.end], knob.product]
                elif knob.kind == "basestock":
                    held = held - owed[:, knob.product]
                free[place] = np.minimum(free[place], np.where(cards == OFF, OFF, cards - held))
        return free

    def parameter(self, name: str) -> np.ndarray:
        """Return a parameter of the lines, as their tables hold it."""
        values = self._parameters[:, self.tables.parameter[name]]
        return values.reshape(self.local.shape) if name.startswith("job_") else values

    @cached_property
    def _parameters(self) -> np.ndarray:
        rows = np.tile(self.tables.parameters.astype(np.int64), (len(self.knobs), 1))
        rows[:, self.tables.varied_row] = self.before["varied"]
        return rows

    def knob(self, kind: str, absent: int = OFF) -> np.ndarray:
        """Return the knobs of one kind by place, and by product where they are set by product."""
        axis = next(row.axis for row in KNOBS if row.name == kind)
        n_places = len(self.scenario.suppliers if axis == "supplier" else self.scenario.stages)
        n_products = self.scenario.n_products if axis == "stage_product" else 1
        values = np.full((len(self.knobs), n_places, n_products), absent)
        for column, knob in enumerate(self.tables.knobs):
            if knob.kind == kind:
                values[:, knob.place, knob.product] = self.knobs[:, column]
        return values if axis == "stage_product" else values[:, :, 0]


def state_of(simulator: Simulator) -> Arrays:
    """Return all fields of the state."""
    return arrays(STATE, simulator.state, simulator.scenario.n_products)


def watch(simulator: Simulator, knobs: Iterable[np.ndarray]) -> Iterator[Slot]:
    """Run a batch slot by slot, each slot under knobs of its own."""
    before = state_of(simulator)
    for values in knobs:
        slot = Slot(simulator, before, values)
        yield slot
        before = slot.after


def round_down(units: np.ndarray, whole: np.ndarray | int = ONE) -> np.ndarray:
    """Return a share of a whole, rounded down; 0 of nothing."""
    return units // np.maximum(whole, 1)


def round_up(units: np.ndarray, whole: np.ndarray | int = ONE) -> np.ndarray:
    """Return a share of a whole, rounded up; 0 of nothing."""
    return -(-units // np.maximum(whole, 1))


def is_share(units: np.ndarray, of: np.ndarray, whole: np.ndarray | int = ONE) -> np.ndarray:
    """Return whether units are a share of a whole, rounded up or down."""
    return (round_down(of, whole) <= units) & (units <= round_up(of, whole))


def everywhere(condition: np.ndarray, where: np.ndarray | None = None) -> bool:
    """Return whether a condition holds in every place, or in all those given."""
    return bool((condition if where is None else condition | ~where).all())
