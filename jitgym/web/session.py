"""A session: one browser's run of one or two lines, its clock, and the commands that it takes."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from jitgym.errors import InputError
from jitgym.web.sent import Sent, read_command
from jitgym.web.team import Team

MOST_SLOTS: Final = 20_000
"""Slots after which every run ends."""
MOST_SPEED: Final = 2000
TICK: Final = 1 / 20
"""Seconds between two pictures."""
QUIET: Final = 10.0
"""Seconds without news after which a stream says that it is still there."""


class Run(Sent):
    """Play or pause."""

    do: Literal["play", "pause"]


class Step(Sent):
    """Make some slots, or all up to the next decision, or to the end."""

    do: Literal["step"]
    slots: Annotated[int, Field(ge=1, le=MOST_SLOTS)] | Literal["decision", "end"] = 1


class Speed(Sent):
    """Set the slots a second."""

    do: Literal["speed"]
    value: int = Field(ge=1, le=MOST_SPEED)


class SetKnob(Sent):
    """Set a knob of a team; null is off."""

    do: Literal["knob"]
    team: int = Field(ge=0)
    knob: int = Field(ge=0)
    value: int | None


class Give(Sent):
    """Let a policy, or the hand, control the line of a team."""

    do: Literal["control"]
    team: int = Field(ge=0)
    control: str


class Again(Sent):
    """Begin anew, under the same luck or that of another seed."""

    do: Literal["again"]
    seed: int | None = Field(default=None, ge=0, lt=2**53)


class Name(Sent):
    """Tell who plays."""

    do: Literal["name"]
    name: str = Field(max_length=40)


Command = Run | Step | Speed | SetKnob | Give | Again | Name
_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="do")])


@dataclass
class _Stream:
    """What one reader has been shown, and the slots that the clock owes it."""

    version: int = -1
    begun: int = 0
    slot: int = 0
    owed: float = 0.0
    last: float = field(default_factory=time.monotonic)


class Session:
    """Lines that run together, slot by slot, under the same luck.

    The clock is in the stream of the page: while nobody looks, nothing runs.

    Args:
        title: what is played.
        teams: the lines.
        seed: of their luck.
        end: slots after which the run ends.
        speed: slots a second.

    Attributes:
        key: names the session; it cannot be guessed.
        player: who plays, for the board.
        fault: why the run has ended before its time; empty: it has not.
        touched: when something was last asked of it, on the monotonic clock.
    """

    def __init__(self, title: str, teams: Sequence[Team], seed: int, end: int, speed: int) -> None:
        self.title = title
        self.player = ""
        self.key = secrets.token_urlsafe(12)
        self.teams = list(teams)
        self.seed = seed
        self.end = self._whole = min(end, MOST_SLOTS)
        self.speed = min(speed, MOST_SPEED)
        self.playing = False
        self.fault = ""
        self.touched = time.monotonic()
        self._news = threading.Condition()
        self._stream = _Stream()
        self._version = 0
        self._begun = 0

    @property
    def slot(self) -> int:
        """Slots that have been made."""
        return self.teams[0].play.slot

    def described(self) -> dict[str, Any]:
        """Return what does not change while the lines run."""
        return {
            "key": self.key,
            "title": self.title,
            "end": self.end,
            "teams": [team.described() for team in self.teams],
        }

    def command(self, sent: Any) -> None:
        """Do what a page asks for.

        Raises:
            InputError: it is not a command, or not one for this session; nothing is changed then.
        """
        command = read_command(_COMMANDS, sent)
        with self._news:
            self.touched = time.monotonic()
            self._do(command)
            self._version += 1
            self._news.notify_all()

    def _do(self, command: Command) -> None:
        if isinstance(command, Run):
            self.playing = command.do == "play" and self.slot < self.end
        elif isinstance(command, Step):
            self.playing = False
            self._advance(self._slots_of(command))
        elif isinstance(command, Speed):
            self.speed = command.value
        elif isinstance(command, SetKnob):
            self._team(command.team).set_knob(command.knob, command.value)
        elif isinstance(command, Give):
            self._team(command.team).give_to(command.control)
        elif isinstance(command, Name):
            self.player = command.name
        else:
            self._again(self.seed if command.seed is None else command.seed)

    def _team(self, place: int) -> Team:
        if place >= len(self.teams):
            raise InputError(f"team must be in 0..{len(self.teams) - 1}, got {place}")
        return self.teams[place]

    def _slots_of(self, command: Step) -> int:
        if command.slots == "end":
            return self.end
        if command.slots == "decision":
            step = self.teams[0].scenario.slots_per_step
            return step - self.slot % step
        return command.slots

    def _again(self, seed: int) -> None:
        self.seed = seed
        self.playing, self.fault, self.end = False, "", self._whole
        self._begun += 1
        for team in self.teams:
            team.begin(seed)

    def _advance(self, slots: int) -> None:
        """Make some slots with every line, up to the end; a policy that fails ends the run where it is."""
        try:
            for _ in range(min(slots, self.end - self.slot)):
                for team in self.teams:
                    team.next_slot()
        except Exception as error:  # whatever a stranger's agent may raise: the page is to say so
            self.playing, self.end = False, self.slot
            self.fault = f"the run has ended: {error}"
        if self.slot >= self.end:
            self.playing = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the lines where they are for a while."""
        with self._news:
            yield

    def events(self) -> Iterator[dict[str, Any] | None]:
        """Yield what is to be shown, as it happens, at first all of it; None now and then where nothing does.

        The stream moves the clock while it is read. It ends when another stream of the session begins.
        """
        with self._news:
            self._stream = own = _Stream()
            self._news.notify_all()
            event = self._tick(own)
        yield event
        while True:
            with self._news:
                if self.playing:
                    self._news.wait(TICK)
                elif own.version == self._version and self._stream is own:
                    self._news.wait(QUIET)
                if self._stream is not own:
                    return
                event = self._tick(own)
            if event is not None or not self.playing:
                yield event

    def _tick(self, stream: _Stream) -> dict[str, Any] | None:
        """Make the slots that are due; return what has not been shown yet."""
        now = self.touched = time.monotonic()
        if self.playing:
            # at most the slots of a second: a page that was slow to read is not made to jump
            stream.owed = min(stream.owed + self.speed * (now - stream.last), self.speed)
            self._advance(int(stream.owed))
            stream.owed -= int(stream.owed)
        else:
            stream.owed = 0.0
        stream.last = now
        if (stream.version, stream.slot) == (self._version, self.slot):
            return None
        since = stream.slot if stream.begun == self._begun else 0
        stream.version, stream.slot, stream.begun = self._version, self.slot, self._begun
        return self.shown(since)

    def shown(self, since: int = 0) -> dict[str, Any]:
        """Return what is to be shown now, with the history from a slot on."""
        return {
            "slot": self.slot,
            "since": since,
            "end": self.end,
            "seed": str(self.seed),
            "playing": self.playing,
            "fault": self.fault,
            "speed": self.speed,
            "teams": [{"name": team.name, **team.shown(since)} for team in self.teams],
        }
