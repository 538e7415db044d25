"""A tenure: one student's years at the head of a company, and the commands that they take."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter

from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import HOLD
from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.web.chronicle import Chronicle
from jitgym.web.rivals import Deputy, Rival
from jitgym.web.sent import Sent, read_command
from jitgym.web.table import table_of
from jitgym.web.verdict import YOU, Contender, verdict

Ints = npt.NDArray[np.int64]

BEFORE: Final = "your last try"
LEAST_KEPT: Final = 6
"""Periods that a try must have had to be kept for comparison."""


class Pass(Sent):
    """Let periods pass under the same decisions; roll-out orders count for the first one.

    With ``stop`` it ends after a period with bad news.
    """

    do: Literal["run"]
    periods: int = Field(ge=1, le=10_000)
    decisions: list[int]
    stop: bool = False


class Decide(Sent):
    """Keep decisions for later, such as a reload."""

    do: Literal["decide"]
    decisions: list[int]


class Again(Sent):
    """Begin anew, under the same luck or that of another seed."""

    do: Literal["again"]
    seed: int | None = Field(default=None, ge=0, lt=2**53)


class Back(Sent):
    """Go back to the beginning of a period, to decide otherwise."""

    do: Literal["back"]
    period: int = Field(ge=0)


class Name(Sent):
    """Tell who plays."""

    do: Literal["name"]
    name: str = Field(max_length=40)


Command = Pass | Decide | Again | Back | Name
_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="do")])


class Tenure:
    """A company that a student runs.

    Args:
        title: what is played.
        start: returns one company at its start, for a seed.
        rivals: returns who runs beside it, for a seed.
        seed: of the luck.
        end: periods after which it ends.
        predecessor: who runs it before the student does, for a company; None: nobody.
        taken_over: periods that the predecessor runs it.
        yours: kinds of levers that the student then decides on, while the predecessor goes on deciding the rest; none:
            the student decides on all.
        described: what is told to the page besides.

    Attributes:
        key: names the tenure; it cannot be guessed.
        player: who plays, for the board.
        seed: of the luck.
        tries: how often it was begun, or gone back.
        touched: when something was last asked of it, on the monotonic clock.
        chronicle: the student's years.
        earlier: the try before, if there was one.
    """

    def __init__(
        self,
        title: str,
        start: Callable[[int], Companies],
        rivals: Callable[[int], Sequence[Rival]],
        seed: int,
        end: int,
        predecessor: Callable[[Companies], Policy] | None = None,
        taken_over: int = 0,
        yours: tuple[str, ...] = (),
        described: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.title, self.player, self.end = title, "", end
        self.key = secrets.token_urlsafe(12)
        self.tries = 1
        self.touched = time.monotonic()
        self._start, self._rivals_of, self._described = start, rivals, described
        self._predecessor, self.taken_over = predecessor, taken_over if predecessor is not None else 0
        self._yours = yours
        self._lock = threading.RLock()
        self.earlier: Chronicle | None = None
        self._settled: tuple[int, dict[str, Any]] | None = None
        self._begin(seed)

    def _begin(self, seed: int) -> None:
        self.seed = seed
        self._open()
        self.rivals = list(self._rivals_of(seed))
        self.desired: Ints = self.chronicle.companies.levers.at_rest.copy()
        if self._deputy is not None:
            for _ in range(self.taken_over):
                self.chronicle.step(self._deputy.decide())
            self.desired = self._held(self.chronicle.decisions[-1])

    def _open(self) -> None:
        """Take the company from its start."""
        self.chronicle = Chronicle(self._start(self.seed))
        predecessor = self._predecessor
        self._deputy = None if predecessor is None else Deputy(predecessor(self.chronicle.companies), self.chronicle)

    def _shared(self, decisions: Ints) -> Ints:
        """Return the student's decisions, with those of the predecessor where it goes on deciding."""
        if self._deputy is None or not self._yours:
            return decisions
        columns = self.chronicle.companies.levers.columns
        shared: Ints = self._deputy.decide()
        for kind in self._yours:
            shared[columns[kind]] = decisions[columns[kind]]
        return shared

    def _held(self, decisions: Ints) -> Ints:
        """Return decisions as they stand for the next period: roll-out orders go back to hold."""
        held: Ints = decisions.copy()
        held[self.chronicle.companies.levers.columns["rollout"]] = HOLD
        return held

    @property
    def period(self) -> int:
        """Periods that have passed."""
        return len(self.chronicle)

    # -- commands --

    def command(self, sent: Any) -> None:
        """Do what a page asks for.

        Raises:
            InputError: it is not a command, or not one for this company; nothing is changed then.
        """
        command = read_command(_COMMANDS, sent)
        with self._lock:
            self.touched = time.monotonic()
            self._do(command)

    def _do(self, command: Command) -> None:
        if isinstance(command, Pass):
            self._pass(self._checked(command.decisions), command.periods, command.stop)
        elif isinstance(command, Decide):
            self.desired = self._checked(command.decisions)
        elif isinstance(command, Again):
            self._keep()
            if command.seed not in (None, self.seed):
                self.earlier = None  # under another luck nothing can be compared
            self.tries += 1
            self._begin(self.seed if command.seed is None else command.seed)
        elif isinstance(command, Back):
            self._go_back(command.period)
        else:
            self.player = command.name.strip()

    def _checked(self, decisions: list[int]) -> Ints:
        levers = self.chronicle.companies.levers
        if any(abs(value) > 1 << 31 for value in decisions):
            raise InputError(f"decisions must be of their ranges, got {max(decisions, key=abs)}")
        checked: Ints = levers.checked(np.array(decisions, dtype=np.int64), 1)[0]
        return checked

    def _pass(self, decisions: Ints, periods: int, stop: bool) -> None:
        for _ in range(min(periods, self.end - self.period)):
            decisions = self._shared(decisions)
            self.chronicle.step(decisions)
            decisions = self._held(decisions)
            if stop and any(news.tone == "bad" for news in self.chronicle.news[-1]):
                break
        self.desired = decisions

    def _keep(self) -> None:
        """Keep the present try for comparison, if it is worth it."""
        if self.period >= self.taken_over + LEAST_KEPT:
            self.earlier = self.chronicle

    def _go_back(self, period: int) -> None:
        if self.period == self.taken_over:
            raise InputError(f"period must be one that you have played, got {period}: you have not played any yet")
        if not self.taken_over <= period < self.period:
            raise InputError(f"period must be in {self.taken_over}..{self.period - 1}, got {period}")
        self._keep()
        past = self.chronicle.decisions
        self._open()
        for decisions in past[:period]:
            if self._deputy is not None:
                self._deputy.decide()  # it remembers what it sees
            self.chronicle.step(decisions)
        self.desired = past[period].copy()
        self.tries += 1

    # -- what is shown --

    def described(self) -> dict[str, Any]:
        """Return what does not change while it is played."""
        return {
            "key": self.key,
            "title": self.title,
            "end": self.end,
            "taken_over": self.taken_over,
            "yours": list(self._yours) or None,
            **self._described(),
        }

    def shown(self, since: int = 0, tries: int | None = None) -> dict[str, Any]:
        """Return where the company stands, with its periods from one on, and of rivals no more than as many.

        Args:
            since: periods that the page has already.
            tries: in which try it got them; in another one it gets all.
        """
        with self._lock:
            self.touched = time.monotonic()
            at = self.period
            since = min(since, at) if tries == self.tries else 0
            rivals = [
                {"name": rival.name, "fault": rival.fault, "rows": rival.chronicle.outline(at)} for rival in self.rivals
            ]
            late = any(len(rival.chronicle) < at and not rival.fault for rival in self.rivals)
            return {
                "tries": self.tries,
                "since": since,
                "period": at,
                "end": self.end,
                "seed": str(self.seed),
                "player": self.player,
                "start": self.chronicle.start,
                "rows": self.chronicle.shown[since:],
                "desired": self.desired.tolist(),
                "rivals": rivals,
                "earlier": None if self.earlier is None else self.earlier.outline(self.end),
                "late": late,
                "verdict": self._verdict() if at >= self.end and not late else None,
            }

    def _verdict(self) -> dict[str, Any]:
        """Return what it came to, worked out once."""
        if self._settled is None or self._settled[0] != self.tries:
            others = [(rival.name, rival.chronicle) for rival in self.rivals if len(rival.chronicle) >= self.end]
            if self.earlier is not None and len(self.earlier) >= self.end:
                others.append((BEFORE, self.earlier))
            everybody = ((YOU, self.chronicle), *others)
            contenders = [Contender.of(name, years, self.end, self.taken_over) for name, years in everybody]
            self._settled = self.tries, verdict(contenders, self.chronicle.companies, self.taken_over)
        return self._settled[1]

    def standing(self) -> dict[str, Any]:
        """Return how it stands, for the board: means of the student's periods, beside the best of others in them."""
        with self._lock:
            mine = slice(self.taken_over, self.period)
            at, year = self.period, self.chronicle.companies.enterprise.periods_per_year

            def a_year(rows: Sequence[dict[str, Any]]) -> float:
                return float(sum(row["profit"] for row in rows)) / len(rows) * year

            own, stock = self.chronicle.outline(at)[mine], self._stock_at_first
            others = [
                (a_year(r.chronicle.outline(at)[mine]), r.name) for r in self.rivals if len(r.chronicle) >= at and own
            ]
            return {
                "title": self.title,
                "player": self.player,
                "seed": str(self.seed),
                "period": at,
                "end": self.end,
                "tries": self.tries,
                "profit": a_year(own) if own else None,
                "best": None if not others else dict(zip(("profit", "name"), max(others), strict=True)),
                "fill": sum(row["fill"] for row in own) / len(own) if own else None,
                "stock": self.chronicle.shown[-1]["stock"] / stock if own and stock else None,
            }

    @property
    def _stock_at_first(self) -> float:
        """Worth of the stock when the student began."""
        shown = self.chronicle.shown
        return float(shown[self.taken_over - 1]["stock"]) if self.taken_over else self.chronicle.stock

    def table(self) -> list[dict[str, Any]]:
        """Return every period in columns: what was decided and what it came to."""
        with self._lock:
            return table_of(self.chronicle)
