"""What an agent may choose: the whole range of every knob, or a neighbourhood of a known rule.

An agent that picks from the whole range of every knob has to find again what the textbooks know. One that moves
the knobs of a tuned rule is that rule before its first step of training, and learns only when to leave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import gymnasium
import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.tables import Knob

Ints = npt.NDArray[np.int64]

RADIUS: Final = 2
"""Values that every knob may be moved away from the rule, to either side, at the least."""
REACH: Final = 0.34
"""Share of the rule's value that a knob may be moved, where that is more."""


class Structure:
    """A menu of values for every knob, and how an agent's action picks from those that offer a choice.

    Without a home the action is a pick from each open menu. With one it is a move of each open knob: 0 keeps the
    rule's value, -1 and 1 are the ends of its radius, and what is between is rounded.

    Args:
        knobs: the controls of a scenario.
        menus: knob values that may be chosen, for each knob; one value: the knob is not the agent's.
        home: the rule's values; None: there is none.
        radii: values from home to the end of a move, for each knob; with a home only.

    Attributes:
        open: columns of the knobs that the agent sets, ``(n_open,)``.
        space: the agent's action space: a Box with a home, MultiDiscrete without.
        outputs: numbers that a policy network must give: the mean moves, or the logits of all picks.

    Raises:
        InputError: a value is outside its knob's range, or nothing is left to choose.
    """

    def __init__(
        self,
        knobs: tuple[Knob, ...],
        menus: Sequence[Sequence[int]],
        home: Sequence[int] | None = None,
        radii: Sequence[int] | None = None,
    ) -> None:
        self.knobs = knobs
        self.menus = tuple(tuple(int(value) for value in menu) for menu in menus)
        self.home = None if home is None else tuple(int(value) for value in home)
        self.radii = None if radii is None else tuple(int(value) for value in radii)
        if len(self.menus) != len(knobs) or not all(self.menus):
            raise InputError(f"menus must hold a value for each of {len(knobs)} knobs, got {self.menus}")
        widest = max(len(menu) for menu in self.menus)
        values = np.array([menu + menu[-1:] * (widest - len(menu)) for menu in self.menus])
        choices = ActionCodec(knobs).encode(values.T).astype(np.int64).T
        self.open = np.array([column for column, menu in enumerate(self.menus) if len(menu) > 1], dtype=np.int64)
        if not len(self.open):
            raise InputError("an agent needs a knob to set, got a rule with every knob off or without an alternative")
        self._fixed = choices[:, 0]
        self._table = choices[self.open]
        self._rows = np.arange(len(self.open))
        self._tops = np.array([len(self.menus[column]) - 1 for column in self.open])
        self.space: gymnasium.spaces.Box | gymnasium.spaces.MultiDiscrete
        if self.home is None or self.radii is None:
            self.space = gymnasium.spaces.MultiDiscrete(self._tops + 1)
            self.outputs = int(self._tops.sum()) + len(self.open)
        else:
            self.space = gymnasium.spaces.Box(-1, 1, (len(self.open),), dtype=np.float32)
            self.outputs = len(self.open)
            self._home_picks = np.array([self.menus[c].index(self.home[c]) for c in self.open])
            self._open_radii = np.array([self.radii[c] for c in self.open])

    @classmethod
    def whole(cls, knobs: tuple[Knob, ...]) -> Structure:
        """Return menus of every value that each knob can take."""
        return cls(knobs, [[*range(knob.low, knob.high + 1), *([OFF] if knob.off else [])] for knob in knobs])

    @classmethod
    def around(
        cls, knobs: tuple[Knob, ...], home: npt.ArrayLike, radius: int = RADIUS, reach: float = REACH
    ) -> Structure:
        """Return the neighbourhood of a rule, cut off at the knobs' ranges; what the rule leaves off stays off.

        Args:
            knobs: the controls of a scenario.
            home: the rule's knob values, ``(n_knobs,)``.
            radius: values to either side at the least, at least 1.
            reach: share of the rule's value, where that is more.
        """
        values = np.asarray(home)
        if values.shape != (len(knobs),) or values.dtype.kind not in "iu":
            raise InputError(f"start must be {len(knobs)} knob values, got {values.dtype} of shape {values.shape}")
        if radius < 1:
            raise InputError(f"radius must be >= 1, got {radius}")
        ActionCodec(knobs).encode(values)  # raises if a value is outside its range
        radii = [0 if value == OFF else max(radius, round(abs(int(value)) * reach)) for value in values]
        menus = [_menu(knob, int(value), r) for knob, value, r in zip(knobs, values, radii, strict=True)]
        return cls(knobs, menus, values.tolist(), radii)

    def choices(self, actions: npt.ArrayLike) -> Ints:
        """Return the choice of every knob, ``(..., n_knobs)``, as the full action space counts them.

        Args:
            actions: moves in [-1, 1] or picks of the open knobs, ``(..., n_open)``.
        """
        values = np.asarray(actions)
        if self.home is not None:
            moved = np.rint(self._home_picks + values * self._open_radii)
            values = np.clip(moved, 0, self._tops).astype(np.int64)
        out = np.empty((*values.shape[:-1], len(self.knobs)), dtype=np.int64)
        out[...] = self._fixed
        out[..., self.open] = self._table[self._rows, values]
        return out


def _menu(knob: Knob, home: int, radius: int) -> list[int]:
    if home == OFF:
        return [OFF]
    return list(range(max(knob.low, home - radius), min(knob.high, home + radius) + 1))
