"""Lost sales with a lead time, solved exactly: value iteration on one array, where a list of states would be too long.

One good, bought at a lead time of L slots; what is not on the shelf is lost (Zipkin 2008, "Old and new methods for
lost-sales inventory systems", Operations Research 56(5)). The state is what can be sold in the coming slot, ``x0``, and
what arrives in the L - 1 slots after it; the choice is the order ``z``, which arrives L slots ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix

from jitgym.errors import InputError
from jitgym.laws import CERTAIN
from jitgym.mdp import MOST_SWEEPS, TOLERANCE, Bounds, Mdp
from jitgym.scenario import Scenario, load_scenario
from jitgym.tables import build_tables

Floats = npt.NDArray[np.float64]
Orders = npt.NDArray[np.int64]

MOST_STATES: Final = 10_000_000
"""Most states times choices of the array."""


@dataclass(frozen=True)
class Solved(Bounds):
    """The optimum: bounds of the lowest average cost of a slot, and the best order in every state."""

    orders: Orders


class LostSales:
    """A line that is a lost-sales problem: one pass-through stage, one reliable supplier, a level and an order to set.

    Args:
        scenario: the line.

    Attributes:
        lead: the lead time L, in slots: that of the supplier and the slot of the stage.
        demand: ``(most + 1,)`` probabilities of demand in a slot.
        most: the most units that can be sold in a slot, and the most that can be ordered. No optimal policy holds
            more than the level that would be best if sales were backlogged (Morton 1969, "Bounds on the solution of
            the lagged optimal inventory equation", SIAM Review 11(4)).

    Raises:
        InputError: the line is another problem, or too large.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        tables = build_tables(scenario)
        if not _is_one(scenario):
            raise InputError(f"scenario must be a lost-sales problem as in lost_sales.yaml, got {scenario.name!r}")
        self.lead = scenario.suppliers[0].lead_time + 1
        below = (np.array([*tables.demand_law.tolist(), CERTAIN]) + 1) / 2**31
        self.demand: Floats = np.diff(below, prepend=0.0)
        self.holding, self.price = (_price(scenario, name) for name in ("finished_goods", "lost"))
        self._start = int(tables.initial[tables.state.start("store")])
        self._layout, self._knobs = tables.state, len(tables.knobs)
        self._echelon, self._order = int(tables.echelon[0]), int(tables.order[0])
        whole = self.demand
        for _ in range(self.lead):
            whole = np.convolve(whole, self.demand)
        level = int(np.searchsorted(np.cumsum(whole), self.price / (self.price + self.holding)))
        self.most = max(self._start, level), tables.knobs[self._order].high
        size = (self.most[0] + 1) * (self.most[1] + 1) ** self.lead
        if size > MOST_STATES:
            raise InputError(f"states times orders must be at most {MOST_STATES:,}, got {size:,}")

    @cached_property
    def _after(self) -> Floats:
        """``(orders + 1, shelf + 1, shelf + 1)``: chances of ``x0`` in the next slot, by what arrives and ``x0``."""
        shelf, order = self.most
        left = np.zeros((shelf + 1, shelf + 1))
        for x in range(shelf + 1):
            np.add.at(left[x], np.maximum(x - np.arange(len(self.demand)), 0), self.demand)
        after = np.zeros((order + 1, shelf + 1, shelf + 1))
        for arrives in range(order + 1):
            np.add.at(after[arrives].T, np.minimum(np.arange(shelf + 1) + arrives, shelf), left.T)
        return after

    def costs(self, on_shelf: npt.NDArray[np.int64]) -> Floats:
        """Return the expected cost of a slot, by what can be sold in it."""
        over = on_shelf[..., None] - np.arange(len(self.demand))
        costs: Floats = (self.holding * np.maximum(over, 0) + self.price * np.maximum(-over, 0)) @ self.demand
        return costs

    def choices(self, value: Floats) -> Floats:
        """Return what each order costs in each state, if the next state is worth ``value``.

        Args:
            value: ``(shelf + 1, orders + 1, ...)`` with L axes: ``x0`` and what arrives in the L - 1 slots after.

        Returns:
            An array with one more axis, the order.
        """
        flat = value.reshape(len(value), -1)
        next_value = np.moveaxis(self._after @ flat, 0, 1)  # by x0, what arrives next, and the rest
        costs: Floats = next_value.reshape((*value.shape, self.most[1] + 1))
        costs += self.costs(np.arange(len(value))).reshape(-1, *(1,) * self.lead)
        return costs

    @cached_property
    def optimum(self) -> Solved:
        """The optimum, by value iteration with bounds (Puterman 1994, theorem 8.5.5)."""
        value = self._zero()
        for _ in range(MOST_SWEEPS):
            choices = self.choices(value)
            improved = choices.min(axis=-1)
            gap = improved - value
            if np.ptp(gap) <= TOLERANCE * max(1.0, float(gap.max())):
                return Solved(float(gap.min()), float(gap.max()), choices.argmin(axis=-1))
            value = improved - improved.flat[0]
        raise InputError(f"value iteration must end within {MOST_SWEEPS} sweeps, got bounds {gap.min()}, {gap.max()}")

    def _zero(self) -> Floats:
        return np.zeros((self.most[0] + 1, *(self.most[1] + 1,) * (self.lead - 1)))

    def episode(self, orders: Orders | None = None) -> float:
        """Return the expected mean cost of a slot of an episode, with these orders by state; None: the best ones."""
        value, grown, horizon = self._zero(), 0.0, self.scenario.horizon
        for done in range(horizon):
            choices = self.choices(value)
            following = choices.min(axis=-1) if orders is None else _taken(choices, orders)
            gap = following - value
            if np.ptp(gap) <= 1e-12 * max(1.0, float(np.abs(following).max())):
                grown = float(gap.flat[0]) * (horizon - done)
                break
            value = following
        return float(value[(self._start, *(0,) * (self.lead - 1))] + grown) / horizon

    def base_stock(self, level: int) -> Mdp:
        """Return the chain of ordering up to a level; its states are those that a position up to it allows."""
        if level < self._start:
            raise InputError(f"level must be >= {self._start}, what there is at the start, got {level}")
        grid = np.stack(np.meshgrid(*[np.arange(level + 1)] * self.lead, indexing="ij"), axis=-1).reshape(-1, self.lead)
        states = grid[grid.sum(axis=1) <= level]
        at_start = (states == [self._start, *(0,) * (self.lead - 1)]).all(axis=1)
        states = states[np.argsort(~at_start, kind="stable")]
        number = np.empty((level + 1,) * self.lead, dtype=np.int64)
        number[tuple(states.T)] = np.arange(len(states))
        follows = np.column_stack([states[:, 1:], level - states.sum(axis=1)])  # what arrives next, and so on
        columns = []
        for demand in range(len(self.demand)):
            next_state = np.column_stack([np.maximum(states[:, 0] - demand, 0) + follows[:, 0], follows[:, 1:]])
            columns.append(number[tuple(next_state.T)])
        rows = np.tile(np.arange(len(states)), len(self.demand))
        entries = (np.repeat(self.demand, len(states)), (rows, np.concatenate(columns)))
        transition = coo_matrix(entries, shape=(len(states),) * 2).tocsr()
        return Mdp(np.arange(len(states) + 1), transition, self.costs(states[:, 0]), np.zeros(len(states)))

    def settings(self, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Return the knobs of the best orders in states of the line, ``(n, n_knobs)``."""
        layout = self._layout
        on_shelf = rows[:, layout.start("store")] + rows[:, layout.start("job")]
        turned = (rows[:, [layout.start("tick")]] + np.arange(self.lead - 1)) % max(1, self.lead - 1)
        coming = np.take_along_axis(rows[:, layout["pipeline"]], turned, axis=1)
        places = (np.minimum(on_shelf, self.most[0]), *np.minimum(coming, self.most[1]).T)
        knobs = np.zeros((len(rows), self._knobs), dtype=np.int32)
        knobs[:, self._order] = self.optimum.orders[places]
        return knobs


def _taken(choices: Floats, orders: Orders) -> Floats:
    taken: Floats = np.take_along_axis(choices, orders[..., None], axis=-1)[..., 0]
    return taken


def _price(scenario: Scenario, name: str) -> float:
    price: Any = getattr(scenario.prices, name)
    return float(price[0] if isinstance(price, tuple) else price)


def _is_one(scenario: Scenario) -> bool:
    """Whether a line differs from the shipped problem in lead time, law of demand, start, ranges and prices only."""
    model = load_scenario("lost_sales")
    supplier = model.suppliers[0]
    if len(scenario.suppliers) != 1 or {control.knob for control in scenario.control} != {"echelon", "order"}:
        return False
    if any(control.low > 0 or not control.high >= 0 for control in scenario.control) or scenario.slots_per_step != 1:
        return False
    of_prices = {"finished_goods": scenario.prices.finished_goods, "lost": scenario.prices.lost}
    law = scenario.demand.law
    alike = scenario.model_copy(
        update={
            **{name: getattr(model, name) for name in _FREE},
            "suppliers": (scenario.suppliers[0].model_copy(update={"lead_time": supplier.lead_time}),),
            "demand": scenario.demand.model_copy(update={"law": model.demand.law}),
            "prices": scenario.prices.model_copy(update={name: getattr(model.prices, name) for name in of_prices}),
            "stages": (
                scenario.stages[0].model_copy(update={"initial": model.stages[0].initial}),
                *scenario.stages[1:],
            ),
        }
    )
    return alike == model and law is not None and (law.has_rate or law.table is not None)


_FREE: Final = ("name", "description", "horizon", "slots_per_year", "control", "reward_scale")
