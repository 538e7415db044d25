"""How an agent sees a line: its own scales, standardised, with the last few observations in a row.

The environment scales observations by the demand of the scenario, so that a line with more demand shows the same
stock as a smaller number. An agent keeps the scales that it was trained with and converts what it is shown.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator

Frames = npt.NDArray[np.float32]

MAX_FRAMES: Final = 32
LEAST_SPREAD: Final = 0.01
"""Standardising divides by no less: an entry that hardly moved while it was measured stays small."""
FARTHEST: Final = 10.0
"""Standard deviations at which a standardised entry is cut off, so that an unusual state does not drown the rest."""


@dataclass(frozen=True)
class Layout:
    """What must agree for an agent to fit a line: the knobs with their ranges, and the names of what it sees.

    Attributes:
        knobs: lowest value, highest value and whether it can be off, by the knob's name.
        observations: names of the entries, in order.
    """

    knobs: dict[str, tuple[int, int, bool]]
    observations: tuple[str, ...]

    @classmethod
    def of(cls, scenario: Scenario) -> Layout:
        """Return the layout of a scenario."""
        simulator = Simulator(scenario)
        knobs = {knob.name: (int(knob.low), int(knob.high), bool(knob.off)) for knob in simulator.knobs}
        return cls(knobs, Observer(simulator).names)

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change when the layout does."""
        text = json.dumps([list(self.knobs.items()), self.observations])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def difference(self, other: Layout) -> str | None:
        """Return the first thing in which another layout differs, in words; None if it is the same."""
        for what, mine, theirs in (
            ("knobs", list(self.knobs), list(other.knobs)),
            ("observations", list(self.observations), list(other.observations)),
        ):
            odd = [name for name in (*mine, *theirs) if (name in mine) != (name in theirs)]
            if odd:
                return f"{what}: {odd[0]} is in {'the first' if odd[0] in mine else 'the second'} only"
            if mine != theirs:
                return f"{what}: in another order"
        for name, limits in self.knobs.items():
            if limits != other.knobs[name]:
                return (
                    f"knobs: {name} is {_spelled(limits)} in the first and {_spelled(other.knobs[name])} in the second"
                )
        return None


def _spelled(limits: tuple[int, int, bool]) -> str:
    return f"{limits[0]}..{limits[1]}{' or off' if limits[2] else ''}"


def require_same_layout(scenario: Scenario, other: Scenario) -> None:
    """Refuse to train on a line that needs another agent.

    Raises:
        InputError: knobs or observations differ.
    """
    difference = Layout.of(scenario).difference(Layout.of(other))
    if difference is not None:
        raise InputError(
            f"scenarios of one training must have the same knobs and observations, but "
            f"{scenario.name!r} and {other.name!r} differ in {difference}"
        )


@dataclass(frozen=True)
class View:
    """What an agent makes of an observation.

    Attributes:
        scales: what one unit of the state is in every entry, ``(n_entries,)``.
        shift: is subtracted from every entry, then
        spread: divides it; 0 and 1 leave it as it is.
        frames: observations that the agent sees in a row, the last one at the end.
    """

    scales: Frames
    shift: Frames
    spread: Frames
    frames: int = 1

    @classmethod
    def of(cls, observer: Observer, frames: int = 1) -> View:
        """Return the view of a line that changes nothing."""
        if isinstance(frames, bool) or not isinstance(frames, int) or not 1 <= frames <= MAX_FRAMES:
            raise InputError(f"frame_stack must be an integer in 1..{MAX_FRAMES}, got {frames!r}")
        scales = _scales_of(observer)
        return cls(scales, np.zeros_like(scales), np.ones_like(scales), frames)

    def standardised(self, observations: Frames) -> View:
        """Return a view in which the given observations ``(n, n_entries)`` have mean 0 and standard deviation 1."""
        spread = np.maximum(observations.std(axis=0, dtype=np.float64), LEAST_SPREAD)
        mean = observations.mean(axis=0, dtype=np.float64)
        return replace(self, shift=mean.astype(np.float32), spread=spread.astype(np.float32))

    @property
    def inputs(self) -> int:
        """Numbers that a network is shown."""
        return self.frames * len(self.scales)

    def lens(self, observer: Observer) -> Frames:
        """Return the factors ``(n_entries,)`` from a line's observations to those in this view's scales."""
        return (self.scales / _scales_of(observer)).astype(np.float32)

    def stacked(self, frame: Frames, stack: Frames | None, fresh: npt.NDArray[np.bool_] | None) -> Frames:
        """Return the last observations of every line, ``(n, frames, n_entries)``, with a new one at the end.

        Args:
            frame: the new observations in this view's scales, ``(n, n_entries)``.
            stack: what was returned the last time; None: every line begins.
            fresh: lines whose episode begins: they are taken to have looked the same before; None: none.
        """
        begun = np.repeat(frame[:, None, :], self.frames, axis=1)
        if stack is None or self.frames == 1:
            return begun
        moved = np.concatenate([stack[:, 1:], frame[:, None, :]], axis=1)
        return moved if fresh is None else np.where(np.asarray(fresh)[:, None, None], begun, moved)

    def inputs_of(self, stack: Frames) -> Frames:
        """Return what the network is shown, ``(n, inputs)``."""
        seen = np.clip((stack - self.shift) / self.spread, -FARTHEST, FARTHEST) if self.is_standardised else stack
        return seen.reshape(len(stack), -1)

    @property
    def is_standardised(self) -> bool:
        """Whether shift and spread do anything."""
        return bool(self.shift.any() or (self.spread != 1).any())

    def state(self) -> dict[str, Any]:
        """Return the numbers as plain lists."""
        return {name: getattr(self, name).tolist() for name in ("scales", "shift", "spread")} | {"frames": self.frames}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> View:
        """Return the view of what :meth:`state` gave."""
        arrays = {name: np.asarray(state[name], dtype=np.float32) for name in ("scales", "shift", "spread")}
        return cls(**arrays, frames=int(state["frames"]))


def _scales_of(observer: Observer) -> Frames:
    """Return the scale of every entry; entries that are 0 or 1 have none."""
    scales = [1.0 if entry.equals >= 0 else entry.scale for entry in observer.entries]
    return np.array(scales, dtype=np.float32)
