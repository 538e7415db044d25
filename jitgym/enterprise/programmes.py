"""Programmes of improvement: everywhere at once, or phased with gates; and one whose nerves fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.manager import Given, Manager, Memory
from jitgym.enterprise.outlook import Draft, Outlook
from jitgym.settings import Number, free_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Programme(Manager):
    """What a programme of improvement is made of, whoever goes first: investment, upkeep, suppliers, cards.

    A line is built up until a year after its last stage came under pull, and kept up afterwards. Suppliers that fail
    the qualification are developed. Where the tuner says so, an alternative to such a supplier is qualified, given a
    share of the orders, and all of them while the other one delivers nothing.
    """

    DOWN: ClassVar[float] = 0.1
    """Share on time below which a supplier counts as down."""
    PASSED_OVER: ClassVar[int] = 2
    """Periods that such a supplier is given no orders for."""

    def __init__(self, companies: Companies, numbers: Given = None) -> None:
        super().__init__(companies, numbers)
        self._stands_in = _stands_in(companies.enterprise)

    def _levels(self) -> tuple[Number, ...]:
        """Return the numbers that every programme has."""
        return (
            self._level("training", 3),
            self._level("changeover", 2),
            self._level("quality", 2),
            self._level("maintenance", 2),
            self._level("training", 1, "upkeep of people"),
            self._level("maintenance", 1, "upkeep"),
            self._level("develop", 1),
            free_number("second source", 0, 1, 1),
            self._level("alternative", 0),
        )

    def _begin(self, n: int) -> Memory:
        n_lines, n_suppliers = len(self._enterprise.lines), len(self._enterprise.suppliers)
        return {
            "since": np.full((n, n_lines), 99, dtype=np.int64),
            "stage": np.zeros((n, n_lines)),
            "passed": np.zeros((n, n_suppliers), dtype=np.int64),
        }

    def _invest(
        self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory, active: npt.NDArray[np.bool_]
    ) -> None:
        """Write down the money for lines and suppliers.

        Args:
            see: what is seen.
            draft: is written.
            number: of the rule.
            memory: is read and written.
            active: lines that are being taken up, ``(n_companies, n_lines)``.
        """
        stage = see.line("stage")
        memory["since"] = np.where(stage != memory["stage"], 0, memory["since"] + 1)
        memory["stage"] = stage
        done = stage == self._n_stages
        building = active | done & (memory["since"] < self._enterprise.periods_per_year)
        for kind in ("changeover", "quality", "maintenance"):
            draft.set(kind, np.where(building, number[kind], np.minimum(number["upkeep"], number[kind])))
        draft.set("training", np.where(building, number["training"], np.where(done, number["upkeep of people"], 0)))
        if self._enterprise.suppliers:
            self._supply(see, draft, number, memory)

    def _supply(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        """Write down what is done for suppliers."""
        failing = self._failing()
        draft.set("develop", np.where(failing, number["develop"], 0))
        down = (see.supplier("on_time") < self.DOWN) & (memory["passed"] == 0)
        memory["passed"] = np.where(down, self.PASSED_OVER, np.maximum(0, memory["passed"] - 1))
        draft.set("alternative", self._alternative(see, number, failing, memory["passed"] > 0))

    def _alternative(
        self, see: Outlook, number: Mapping[str, Ints], failing: npt.NDArray[np.bool_], down: npt.NDArray[np.bool_]
    ) -> Ints:
        """Return the share of each alternative supplier, ``(n_companies, n_suppliers)``."""
        wanted = (failing @ self._stands_in) & (number["second source"] > 0)
        ready = see.supplier("ready") > 0
        usual = np.where(ready, number["alternative"], 1)  # the first share above zero begins the qualification
        share = np.where(down @ self._stands_in & ready, self._enterprise.levers.alternative.high, usual)
        found: Ints = np.where(wanted, share, 0)
        return found

    def _failing(self) -> npt.NDArray[np.bool_]:
        """Return the suppliers that are worked on, ``(n_suppliers,)``."""
        return self.analysis.late_suppliers


def _stands_in(enterprise: Enterprise) -> npt.NDArray[np.bool_]:
    """Return which alternative delivers the same item as which supplier, ``(n_suppliers, n_suppliers)``."""
    item = {supplier.name: supplier.item for supplier in enterprise.line.suppliers}
    items = [item[supplier.delivers] for supplier in enterprise.suppliers]
    regular = [supplier.alternative is None for supplier in enterprise.suppliers]
    pairs = [
        [regular[i] and not regular[j] and items[i] == items[j] for j in range(len(items))] for i in range(len(items))
    ]
    return np.array(pairs, dtype=bool).reshape(len(items), len(items))


class BigBang(Programme):
    """Pull everywhere at once, and money for everything at once, whoever is ready."""

    name = "big bang"
    does = "pull everywhere at once, with investment in all lines from the first day, then upkeep"

    def _numbers(self) -> tuple[Number, ...]:
        return (*self._levels(), self._level("cards", self._enterprise.start_cards // 2))

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        lines, stage = self._scope(see.line("stage").shape), see.line("stage")
        self._invest(see, draft, number, memory, lines & (stage < self._n_stages))
        draft.set("rollout", self._next(see, lines))
        draft.set("cards", np.where(lines, number["cards"], self._enterprise.start_cards))

    def _scope(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """Return the lines that are put under pull, ``(n_companies, n_lines)``."""
        return np.ones(shape, dtype=bool)


class BigBangInScope(BigBang):
    """The same on the lines whose demand suits pull: all that it lacks of the phased roll-out is phases and gates."""

    name = "big bang in scope"
    does = "as big bang, but lines whose demand does not suit pull stay under push"

    def _numbers(self) -> tuple[Number, ...]:
        return (*super()._numbers(), self._level("cards", self._enterprise.start_cards, "cards under push"))

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        super()._decide(see, draft, number, memory)
        lines = self._scope(see.line("stage").shape)
        draft.set("cards", np.where(lines, number["cards"], number["cards under push"]))

    def _scope(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        return np.broadcast_to(self.analysis.suits, shape)


class Phased(Programme):
    """Phased roll-out with gates.

    Demand analysis decides the scope: lines whose demand does not suit pull are left under push. The others are taken
    in the order of suitability, so many at a time. A line is prepared first, by training and investment; it goes on to
    the next stage when audits, downtime and service say so (go), else it waits (no go).
    """

    name = "phased"
    does = "demand analysis, supplier qualification, pilot on the most suitable line, go / no-go gates, upkeep"

    LAGS: ClassVar[float] = 0.3
    """Weight of a new audit against those before: audits have errors."""

    def _numbers(self) -> tuple[Number, ...]:
        cards = self._enterprise.start_cards
        return (
            free_number("at once", 1, len(self._enterprise.lines), 2),
            *self._levels(),
            free_number("people, tenths", 0, 9, 4),
            free_number("down, percent", 1, 30, 12),
            free_number("service, percent", 0, 99, 90),
            free_number("wait", 1, 13, 2),
            self._level("cards", cards // 2, "cards under pull"),
            self._level("cards", cards, "cards under push"),
        )

    def _begin(self, n: int) -> Memory:
        return {**super()._begin(n), "people": np.zeros((n, len(self._enterprise.lines)))}

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        stage = see.line("stage")
        memory["people"] = memory["people"] + self.LAGS * (see.line("audit_people") - memory["people"])
        active = self._active(stage == self._n_stages, number["at once"])
        self._invest(see, draft, number, memory, active)
        ready = memory["people"] >= number["people, tenths"] / 10
        ready &= 100 * (see.line("down") - see.line("down_trend")) <= number["down, percent"]
        serves = (100 * see.line("fill_rate") >= number["service, percent"]) | (stage == 0)
        go = active & ready & serves & (memory["since"] >= number["wait"])
        draft.set("rollout", self._next(see, go))
        draft.set("cards", self._cards(see, stage, number, memory))

    def _active(self, done: npt.NDArray[np.bool_], at_once: Ints) -> npt.NDArray[np.bool_]:
        """Return the lines that are being taken up: the first so many of those in scope that are not done."""
        order = self.analysis.order
        waiting = (self.analysis.suits & ~done)[:, order]
        active = np.zeros_like(done)
        active[:, order] = waiting & (np.cumsum(waiting, axis=1) <= at_once)
        return active

    def _cards(self, see: Outlook, stage: Floats, number: Mapping[str, Ints], memory: Memory) -> Any:
        return np.where(stage == self._n_stages, number["cards under pull"], number["cards under push"])


class Reflex(Phased):
    """Phased roll-out whose nerves fail: after every bad month the buffer is put back."""

    name = "buffer reflex"
    does = "as phased, but puts cards back whenever service falls, and takes them out but slowly"
    numbers_of = "phased"

    PAIN: ClassVar[float] = 0.9
    """Fill rate below which it hurts."""

    def _begin(self, n: int) -> Memory:
        n_lines = len(self._enterprise.lines)
        return {**super()._begin(n), "extra": np.zeros((n, n_lines)), "calm": np.zeros((n, n_lines))}

    def _cards(self, see: Outlook, stage: Floats, number: Mapping[str, Ints], memory: Memory) -> Any:
        hurts = (see.line("fill_rate") < self.PAIN) & (stage > 0)
        memory["calm"] = np.where(hurts, 0, memory["calm"] + 1)
        relax = (memory["calm"] > 0) & (memory["calm"] % self._enterprise.periods_per_year == 0)
        top = self._enterprise.levers.cards.high
        memory["extra"] = np.clip(memory["extra"] + np.where(hurts, 2, np.where(relax, -1, 0)), 0, top)
        return super()._cards(see, stage, number, memory) + memory["extra"]
