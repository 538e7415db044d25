"""Policies of management: rules with names, sources and numbers that a tuner may set.

They speak the ``predict`` of Stable-Baselines3, as every policy does, and see what the observation shows and nothing
else; the demand and the deliveries on record before the first decision are known to all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.enterprise.analysis import Analysis
from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import HOLD, NEXT, PILOT
from jitgym.enterprise.outlook import Draft, Outlook
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError
from jitgym.files import nearest
from jitgym.settings import Number, free_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Memory = dict[str, Any]
"""What a rule keeps from period to period: arrays whose first axis is companies."""
Given = npt.ArrayLike | Mapping[str, int] | None
"""Numbers of a rule as it takes them."""


class Manager(ABC):
    """A rule of management.

    Args:
        companies: what it manages, or others of the same enterprise.
        numbers: ``(n_numbers,)``, or for each of some companies its own, ``(n_companies, n_numbers)``, or all by name;
            None: the start.

    Attributes:
        name: what tables call it.
        does: what it does, in a sentence.
        numbers_of: the rule whose tuned numbers it takes: its own, another's, or None where it is there to show
            something and is not tuned.
        numbers: what a tuner may set.
        values: what they are set to.

    Raises:
        InputError: numbers of another shape, or out of their ranges.
    """

    name: ClassVar[str]
    does: ClassVar[str]
    numbers_of: ClassVar[str | None]

    def __init_subclass__(cls) -> None:
        """A rule is tuned for itself, unless it says otherwise."""
        if "name" in cls.__dict__ and "numbers_of" not in cls.__dict__:
            cls.numbers_of = cls.name

    def __init__(self, companies: Companies, numbers: Given = None) -> None:
        self._levers = companies.levers
        self._codec = ActionCodec(tuple(lever.knob for lever in companies.levers.levers))
        self._see = Outlook(Overview(companies))
        self._enterprise = companies.enterprise
        self._n_stages = len(companies.enterprise.line.stages)
        self.analysis = Analysis.of(companies)
        self.numbers = self._numbers()
        start = np.array([number.start for number in self.numbers], dtype=np.int64)
        self.values = start if numbers is None else self._checked(numbers)

    def _checked(self, given: npt.ArrayLike | Mapping[str, int]) -> Ints:
        if isinstance(given, Mapping):
            wanted = [number.name for number in self.numbers]
            if set(given) != set(wanted):
                raise InputError(f"{self.name} needs the numbers {', '.join(wanted)}, got {', '.join(map(str, given))}")
            given = [given[name] for name in wanted]
            if not all(isinstance(value, (int, np.integer)) for value in given):
                raise InputError(f"{self.name} needs {len(wanted)} integers ({', '.join(wanted)}), got {given!r:.80}")
        values = np.asarray(given)
        if values.shape[-1:] != (len(self.numbers),) or (values.size and values.dtype.kind not in "iu"):
            names = ", ".join(number.name for number in self.numbers)
            raise InputError(f"{self.name} needs {len(self.numbers)} integers ({names}), got {values.tolist()!r:.80}")
        for i, number in enumerate(self.numbers):
            outside = (values[..., i] < number.low) | (values[..., i] > number.high)
            if outside.any():
                got = values[..., i][outside].flat[0]
                raise InputError(f"{self.name}: {number.name} must be in {number.low}..{number.high}, got {got}")
        return values.astype(np.int64)

    @property
    def by_name(self) -> dict[str, int]:
        """The values of the numbers by their names, where all companies have the same."""
        return dict(zip((number.name for number in self.numbers), self.values.tolist(), strict=True))

    @abstractmethod
    def _numbers(self) -> tuple[Number, ...]:
        """Return the numbers that a tuner may set, with their ranges and starts."""

    @abstractmethod
    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        """Write down the decisions of a period.

        Args:
            see: what is seen.
            draft: is written.
            number: each ``(n_companies, 1)`` or ``(1, 1)``.
            memory: is read and written.
        """

    def _begin(self, n: int) -> Memory:
        """Return the memory of ``n`` companies that begin."""
        return {}

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Memory | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Memory]:
        """Return the actions for observations ``(n_companies, n_entries)`` or one ``(n_entries,)``, and the memory."""
        seen = np.atleast_2d(observation)
        n = len(seen)
        memory = self._begin(n)
        if state is not None:
            begins = np.zeros(n, dtype=bool) if episode_start is None else np.atleast_1d(episode_start).astype(bool)
            for key, kept in state.items():
                memory[key] = np.where(begins.reshape(-1, *[1] * (kept.ndim - 1)), memory[key], kept)
        self._see.look(seen)
        draft = Draft(self._levers, n)
        values = np.atleast_2d(self.values)
        number = {one.name: values[:, i : i + 1] for i, one in enumerate(self.numbers)}
        self._decide(self._see, draft, number, memory)
        actions = self._codec.encode(draft.decisions)
        return (actions if np.ndim(observation) > 1 else actions[0]), memory

    def stages(self, observation: npt.NDArray[np.float32]) -> Ints:
        """Return the stages under pull that observations tell, ``(n_companies, n_lines)``."""
        self._see.look(observation)
        return self._see.line("stage").astype(np.int64)

    # -- parts that rules share --

    def _level(self, kind: str, start: int, name: str = "") -> Number:
        """Return a number that sets a lever of all lines or suppliers."""
        bounds = getattr(self._enterprise.levers, kind)
        return free_number(name or kind, bounds.low, bounds.high, start)

    def _next(self, see: Outlook, go: npt.NDArray[np.bool_]) -> Ints:
        """Return roll-out orders that put one more stage under pull where ``go``, ``(n_companies, n_lines)``."""
        stage = see.line("stage")
        more: Ints = np.where(go & (stage < self._n_stages), np.where(stage == 0, PILOT, NEXT), HOLD)
        return more


class Never(Manager):
    """Push forever."""

    name = "never"
    does = "push forever; the tuner may choose the safety stock"

    def _numbers(self) -> tuple[Number, ...]:
        return (self._level("cards", self._enterprise.start_cards),)

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        draft.set("cards", number["cards"])


class Technique(Manager):
    """Pull everywhere at once, and nothing for people."""

    name = "technique"
    does = "pull everywhere at once, without training, investment or upkeep"

    def _numbers(self) -> tuple[Number, ...]:
        return (self._level("cards", self._enterprise.start_cards // 2),)

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        lines = self._scope(see.line("stage").shape)
        draft.set("cards", np.where(lines, number["cards"], self._enterprise.start_cards))
        draft.set("rollout", self._next(see, lines))

    def _scope(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """Return the lines that are put under pull, ``(n_companies, n_lines)``."""
        return np.ones(shape, dtype=bool)


class BigBang(Technique):
    """Pull everywhere at once, and money for everything at once, whoever is ready."""

    name = "big bang"
    does = "pull everywhere at once, with investment in all lines and suppliers from the first day"

    def _numbers(self) -> tuple[Number, ...]:
        levels = [self._level(kind, 2) for kind in ("training", "changeover", "quality", "maintenance", "develop")]
        return (*super()._numbers(), *levels, self._level("alternative", 0))

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        super()._decide(see, draft, number, memory)
        for kind in ("training", "changeover", "quality", "maintenance", "develop", "alternative"):
            draft.set(kind, number[kind])


class BigBangInScope(BigBang):
    """The same on the lines whose demand suits pull: what is left of its harm is that nobody was ready."""

    name = "big bang in scope"
    does = "as big bang, but lines whose demand does not suit pull stay under push"

    def _scope(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        return np.broadcast_to(self.analysis.suits, shape)


class Phased(Manager):
    """Phased roll-out with gates.

    Demand analysis decides the scope: lines whose demand does not suit pull are left under push. The others are taken
    in the order of suitability, so many at a time. A line is prepared first, by training and investment; it goes on to
    the next stage when audits, downtime and service say so (go), else it waits (no go). Suppliers below the standard
    are developed, and an alternative is qualified if the tuner says so. What has been gained is kept up.
    """

    name = "phased"
    does = "demand analysis, supplier qualification, pilot on the most suitable line, go / no-go gates, upkeep"

    LAGS: ClassVar[float] = 0.3
    """Weight of a new audit against those before: audits have errors."""

    def _numbers(self) -> tuple[Number, ...]:
        cards = self._enterprise.start_cards
        return (
            free_number("at once", 1, len(self._enterprise.lines), 2),
            self._level("training", 3),
            self._level("changeover", 2),
            self._level("quality", 2),
            self._level("maintenance", 2),
            self._level("training", 1, "upkeep of people"),
            self._level("maintenance", 1, "upkeep"),
            self._level("develop", 1),
            self._level("alternative", 0),
            free_number("people, tenths", 0, 9, 4),
            free_number("down, percent", 1, 30, 12),
            free_number("service, percent", 0, 99, 90),
            free_number("wait", 1, 13, 2),
            self._level("cards", cards // 2, "cards under pull"),
            self._level("cards", cards, "cards under push"),
        )

    def _begin(self, n: int) -> Memory:
        n_lines = len(self._enterprise.lines)
        return {
            "people": np.zeros((n, n_lines)),
            "since": np.full((n, n_lines), 99, dtype=np.int64),
            "stage": np.zeros((n, n_lines)),
        }

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        stage = see.line("stage")
        memory["people"] = memory["people"] + self.LAGS * (see.line("audit_people") - memory["people"])
        memory["since"] = np.where(stage != memory["stage"], 0, memory["since"] + 1)
        memory["stage"] = stage
        done = stage == self._n_stages
        active = self._active(done, number["at once"])
        ready = memory["people"] >= number["people, tenths"] / 10
        ready &= 100 * (see.line("down") - see.line("down_trend")) <= number["down, percent"]
        serves = (100 * see.line("fill_rate") >= number["service, percent"]) | (stage == 0)
        go = active & ready & serves & (memory["since"] >= number["wait"])
        draft.set("rollout", self._next(see, go))
        building = active | done & (memory["since"] < self._enterprise.periods_per_year)
        for kind in ("changeover", "quality", "maintenance"):
            draft.set(kind, np.where(building, number[kind], np.minimum(number["upkeep"], number[kind])))
        draft.set("training", np.where(building, number["training"], np.where(done, number["upkeep of people"], 0)))
        draft.set("cards", self._cards(see, stage, number, memory))
        late = self.analysis.late_suppliers
        draft.set("develop", np.where(late, number["develop"], 0))
        draft.set("alternative", number["alternative"])

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


class InOrder(Manager):
    """Two years of one thing, then two of the other: for the question of what comes first.

    The turn of maintenance costs the same in both orders. What it gained is kept up afterwards, at one step of the
    lever: two years longer where it came first.
    """

    TURN: ClassVar[int] = 2
    """Years of each."""
    maintenance_first: ClassVar[bool]

    def _numbers(self) -> tuple[Number, ...]:
        return (
            self._level("maintenance", 4),
            self._level("training", 1),
            self._level("cards", self._enterprise.start_cards // 2),
        )

    def _begin(self, n: int) -> Memory:
        return {"period": np.zeros((n, 1), dtype=np.int64)}

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        turn = memory["period"] // (self.TURN * self._enterprise.periods_per_year)
        memory["period"] = memory["period"] + 1
        own, other = (0, 1) if self.maintenance_first else (1, 0)
        stage = see.line("stage")
        draft.set("training", number["training"])
        upkeep = np.where(turn > own, np.minimum(1, number["maintenance"]), 0)
        draft.set("maintenance", np.where(turn == own, number["maintenance"], upkeep))
        draft.set("rollout", self._next(see, (turn >= other) & self.analysis.suits))
        draft.set("cards", np.where(stage > 0, number["cards"], self._enterprise.start_cards))


class MaintenanceFirst(InOrder):
    """Reliable machines, then pull."""

    name = "maintenance first"
    does = "two years of maintenance, then pull on the lines that suit it"
    numbers_of = None
    maintenance_first = True


class RolloutFirst(InOrder):
    """Pull, then reliable machines."""

    name = "roll-out first"
    does = "pull on the lines that suit it, then from the third year maintenance"
    numbers_of = None
    maintenance_first = False


class Kaizen(Manager):
    """Pull on the lines that suit it, trained people, and no other money: what improves, improves by kaizen."""

    cards: ClassVar[float]
    """Safety cards, as a share of those at the start."""

    def _numbers(self) -> tuple[Number, ...]:
        return (
            self._level("training", 2),
            self._level("cards", round(self.cards * self._enterprise.start_cards)),
        )

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        lines = np.broadcast_to(self.analysis.suits, see.line("stage").shape)
        draft.set("training", np.where(lines, number["training"], 0))
        draft.set("rollout", self._next(see, lines))
        draft.set("cards", np.where(lines, number["cards"], self._enterprise.start_cards))


class LeanKaizen(Kaizen):
    """Few cards: what goes wrong is seen."""

    name = "lean kaizen"
    does = "pull and training with a quarter of the safety cards: problems are seen"
    numbers_of = None
    cards = 0.25


class BufferedKaizen(Kaizen):
    """Many cards: what goes wrong is covered."""

    name = "buffered kaizen"
    does = "pull and training with all of the safety cards: problems are covered"
    numbers_of = None
    cards = 1.0


_KINDS: Final = (
    Never,
    Technique,
    BigBang,
    BigBangInScope,
    Phased,
    Reflex,
    MaintenanceFirst,
    RolloutFirst,
    LeanKaizen,
    BufferedKaizen,
)
MANAGERS: Final[dict[str, type[Manager]]] = {kind.name: kind for kind in _KINDS}
"""Rules of management by name."""
TUNED: Final = tuple(name for name, kind in MANAGERS.items() if kind.numbers_of == name)
"""Those that have tuned numbers of their own."""


def manager(companies: Companies, name: str, numbers: Given = None) -> Manager:
    """Return a rule of management.

    Args:
        companies: what it manages, or others of the same enterprise.
        name: one of ``MANAGERS``.
        numbers: see :class:`Manager`.

    Raises:
        InputError: an unknown name, or bad numbers.
    """
    if name not in MANAGERS:
        raise InputError(f"manager must be of {', '.join(MANAGERS)}, got {name!r}{nearest(name, MANAGERS)}")
    return MANAGERS[name](companies, numbers)
