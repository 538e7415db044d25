"""Two encodings of a knob vector as an action: a choice for each knob, or a number in [-1, 1] for each."""

from __future__ import annotations

from typing import Literal

import gymnasium
import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.knobs import Knob

ActionKind = Literal["multidiscrete", "box"]


class ActionCodec:
    """Turns actions into knob values and back.

    A choice ``c`` of a knob means ``low + c``; the choice above ``high`` means off, where the knob can be
    off. In a box, [-1, 1] is cut into as many equal parts as there are choices.

    Args:
        knobs: the controls.
        kind: ``"multidiscrete"`` or ``"box"``.

    Attributes:
        space: the action space of one line.
    """

    def __init__(self, knobs: tuple[Knob, ...], kind: ActionKind = "multidiscrete") -> None:
        if kind not in ("multidiscrete", "box"):
            raise InputError(f"action must be 'multidiscrete' or 'box', got {kind!r}")
        self.knobs = knobs
        self.kind = kind
        self.choices = np.array([knob.choices for knob in knobs], dtype=np.int64)
        self._low = np.array([knob.low for knob in knobs], dtype=np.int64)
        self._off = np.array([knob.high - knob.low + 1 if knob.off else -1 for knob in knobs], dtype=np.int64)
        self.space: gymnasium.spaces.Space[npt.NDArray[np.int64]] | gymnasium.spaces.Box
        if kind == "box":
            self.space = gymnasium.spaces.Box(-1, 1, (len(knobs),), dtype=np.float32)
        else:
            self.space = gymnasium.spaces.MultiDiscrete(self.choices)

    def decode(self, actions: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Return the knob values of actions ``(..., n_knobs)``.

        Raises:
            InputError: wrong dtype, wrong shape or outside the space; the message names the knob.
        """
        values = np.asarray(actions)
        if values.ndim < 1 or values.shape[-1] != len(self.knobs):
            raise InputError(f"action must have {len(self.knobs)} entries a line, got shape {values.shape}")
        choices = self._choices_of_box(values) if self.kind == "box" else values
        if choices.dtype.kind not in "iu":
            raise InputError(f"action must be integers, got {values.dtype}")
        self._require((choices >= 0) & (choices < self.choices), values, "0..{}", self.choices - 1)
        knobs = np.where(choices == self._off, OFF, self._low + choices)
        return knobs.astype(np.int32)

    def _choices_of_box(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        if values.dtype.kind != "f":
            raise InputError(f"action must be floats, got {values.dtype}")
        self._require((values >= -1) & (values <= 1), values, "[-1, 1]", self.choices)
        parts = np.floor((values.astype(np.float64) + 1) / 2 * self.choices).astype(np.int64)
        return np.minimum(parts, self.choices - 1)

    def _require(
        self, within: npt.NDArray[np.bool_], values: npt.ArrayLike, rule: str, tops: npt.NDArray[np.int64]
    ) -> None:
        if not within.all():
            where = tuple(int(i) for i in np.argwhere(~within)[0])
            name = self.knobs[where[-1]].name
            line = f" of line {where[0]}" if len(where) > 1 else ""
            raise InputError(
                f"action for {name}{line} must be in {rule.format(tops[where[-1]])}, got {np.asarray(values)[where]}"
            )

    def encode(self, knobs: npt.ArrayLike) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
        """Return the actions that set knob values ``(..., n_knobs)``; for a box, the middle of each part."""
        values = np.asarray(knobs)
        choices = np.where(values == OFF, self._off, values - self._low).astype(np.int64)
        self._require((choices >= 0) & (choices < self.choices), choices, "0..{}", self.choices - 1)
        if self.kind == "box":
            return ((2 * choices + 1) / self.choices - 1).astype(np.float32)
        return choices
