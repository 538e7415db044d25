"""What an agent may choose: the whole range of every knob, a neighbourhood of a known rule, or a list of settings.

An agent that picks from the whole range of every knob has to find again what the textbooks know. One that moves
the knobs of a tuned rule is that rule before its first step of training, and learns only when to leave it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Final, Literal

import gymnasium
import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.knobs import Knob

Ints = npt.NDArray[np.int64]
Kind = Literal["moves", "picks", "joint"]
"""What an action is: a move of each knob, a pick from each menu, or the index of a joint setting of all knobs."""

RADIUS: Final = 2
"""Values that every knob may be moved away from the rule, to either side, at the least."""
REACH: Final = 0.34
"""Share of the rule's value that a knob may be moved, where that is more."""
JOINT_LIMIT: Final = 512
"""Most joint settings that an agent is offered."""
STRIDES: Final = (-1.0, -0.5, 0.5, 1.0)
"""Moves of one knob, in radii, where not every combination can be offered."""


class Structure:
    """A menu of values for every knob, and how an agent's action picks from those that offer a choice.

    With radii an action is a move of each open knob: 0 keeps the home value, -1 and 1 are the ends of its radius, and
    what is between is rounded. With joint settings it is the index of one of them. Else it is a pick from each menu.

    Args:
        knobs: the controls of a scenario.
        menus: knob values that may be chosen, for each knob; one value: the knob is not the agent's.
        home: the rule's values; None: there is none.
        radii: places of its menu from home to the end of a move, for each knob.
        joint: picks of the open knobs, ``(n_settings, n_open)``.

    Attributes:
        kind: what an action is.
        open: columns of the knobs that the agent sets, ``(n_open,)``.
        sizes: choices of each of these, ``(n_open,)``.
        space: the agent's action space: Box, MultiDiscrete or Discrete.
        outputs: numbers that a network must give: moves, the logits of all picks, or a value for each joint setting.

    Raises:
        InputError: a value is outside its knob's range, or nothing is left to choose.
    """

    def __init__(
        self,
        knobs: tuple[Knob, ...],
        menus: Sequence[Sequence[int]],
        home: Sequence[int] | None = None,
        radii: Sequence[int] | None = None,
        joint: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.knobs = knobs
        self.menus = tuple(tuple(int(value) for value in menu) for menu in menus)
        self.home = None if home is None else tuple(int(value) for value in home)
        self.radii = None if radii is None else tuple(int(value) for value in radii)
        self.joint = None if joint is None else tuple(tuple(int(pick) for pick in picks) for picks in joint)
        self._require_whole()
        self.kind: Kind = "joint" if self.joint is not None else "picks" if self.radii is None else "moves"
        self.open = np.array([column for column, menu in enumerate(self.menus) if len(menu) > 1], dtype=np.int64)
        if not len(self.open):
            raise InputError("an agent needs a knob to set, got a rule with every knob off or without an alternative")
        self.sizes = np.array([len(self.menus[column]) for column in self.open])
        self._lay_out_menus()
        self._home_picks = np.zeros(len(self.open), dtype=np.int64)
        if self.home is not None:
            self._home_picks[:] = [self.menus[c].index(self.home[c]) for c in self.open]
        self.space: gymnasium.spaces.Box | gymnasium.spaces.MultiDiscrete | gymnasium.spaces.Discrete
        if self.joint is not None:
            self._settings = self._checked_settings(self.joint)
            self.space, self.outputs = gymnasium.spaces.Discrete(len(self._settings)), len(self._settings)
        elif self.radii is not None:
            self._open_radii = np.array([self.radii[c] for c in self.open])
            self.space = gymnasium.spaces.Box(-1, 1, (len(self.open),), dtype=np.float32)
            self.outputs = len(self.open)
        else:
            self.space, self.outputs = gymnasium.spaces.MultiDiscrete(self.sizes), int(self.sizes.sum())

    def _require_whole(self) -> None:
        n = len(self.knobs)
        if len(self.menus) != n or not all(self.menus) or any(len(set(menu)) < len(menu) for menu in self.menus):
            raise InputError(f"menus must hold different values for each of {n} knobs, got {self.menus!r:.80}")
        for knob, menu in zip(self.knobs, self.menus, strict=True):
            odd = [one for one in menu if not knob.low <= one <= knob.high and not (knob.off and one == OFF)]
            if odd:
                raise InputError(f"menus: {knob.name} must be in {knob.low}..{knob.high}, got {odd[0]}")
        if self.home is not None and (
            len(self.home) != n or any(value not in menu for value, menu in zip(self.home, self.menus, strict=True))
        ):
            raise InputError(f"home must be a value of each of {n} menus, got {self.home!r:.80}")
        if self.radii is not None and (self.home is None or len(self.radii) != n or min(self.radii) < 0):
            raise InputError(f"radii must be {n} numbers >= 0 around a home, got {self.radii!r:.80}")

    def _lay_out_menus(self) -> None:
        """Make the tables between menus and the choices of the full action space."""
        codec = ActionCodec(self.knobs)
        widest = max(len(menu) for menu in self.menus)
        values = np.array([menu + menu[-1:] * (widest - len(menu)) for menu in self.menus])
        choices = codec.encode(values.T).astype(np.int64).T
        self._fixed = choices[:, 0]
        self._table = choices[self.open]
        self._rows = np.arange(len(self.open))
        self._pick_of = np.full((len(self.open), int(codec.choices.max())), -1)
        for row, size in enumerate(self.sizes):
            self._pick_of[row, self._table[row, :size]] = np.arange(size)

    def _checked_settings(self, joint: Sequence[Sequence[int]]) -> Ints:
        if not 2 <= len(joint) <= JOINT_LIMIT or any(len(picks) != len(self.open) for picks in joint):
            raise InputError(f"joint must be 2..{JOINT_LIMIT} settings of {len(self.open)} knobs, got {len(joint)}")
        settings = np.array(joint, dtype=np.int64)
        if (settings < 0).any() or (settings >= self.sizes).any():
            raise InputError(f"joint settings must pick from menus of {self.sizes.tolist()} values")
        return settings

    @classmethod
    def whole(cls, knobs: tuple[Knob, ...]) -> Structure:
        """Return menus of every value that each knob can take."""
        return cls(knobs, _whole_menus(knobs))

    @classmethod
    def spanning(cls, knobs: tuple[Knob, ...]) -> Structure:
        """Return moves over every value that each knob can take, from the middle of its menu."""
        menus = _whole_menus(knobs)
        return cls(knobs, menus, [menu[len(menu) // 2] for menu in menus], [len(menu) // 2 for menu in menus])

    @classmethod
    def around(
        cls,
        knobs: tuple[Knob, ...],
        home: npt.ArrayLike,
        radius: int = RADIUS,
        reach: float = REACH,
        wide: bool = False,
    ) -> Structure:
        """Return the neighbourhood of a rule, cut off at the knobs' ranges; what the rule leaves off stays off.

        Args:
            knobs: the controls of a scenario.
            home: the rule's knob values, ``(n_knobs,)``.
            radius: values to either side at the least, at least 1.
            reach: share of the rule's value, where that is more.
            wide: whether moves depart from another rule, whose values may lie anywhere; ``home`` is then what is usual.
        """
        values = np.asarray(home)
        if values.shape != (len(knobs),) or values.dtype.kind not in "iu":
            raise InputError(f"start must be {len(knobs)} knob values, got {values.dtype} of shape {values.shape}")
        if radius < 1:
            raise InputError(f"radius must be >= 1, got {radius}")
        ActionCodec(knobs).encode(values)  # raises if a value is outside its range
        radii = [0 if value == OFF else max(radius, round(abs(int(value)) * reach)) for value in values]
        reaches = [knob.high - knob.low if wide else r for knob, r in zip(knobs, radii, strict=True)]
        menus = [_menu(knob, int(value), r) for knob, value, r in zip(knobs, values, reaches, strict=True)]
        return cls(knobs, menus, values.tolist(), radii)

    @classmethod
    def deciding(
        cls,
        knobs: tuple[Knob, ...],
        home: npt.ArrayLike,
        radius: int = RADIUS,
        reach: float = REACH,
        limit: int = JOINT_LIMIT,
    ) -> Structure:
        """Return joint settings for one who decides anew in every step.

        A machine is maintained now, as the rule says, or not now; a supplier is asked for any quantity; all else is
        near the rule. Offered are all combinations, if these are within the limit, or else the rule's setting and every
        other value of one knob at a time.

        Raises:
            InputError: even these are too many.
        """
        around = cls.around(knobs, home, radius, reach)
        assert around.home is not None
        menus = []
        for knob, menu, value in zip(knobs, around.menus, around.home, strict=True):
            if knob.kind == "pm_level" and value != OFF:
                menus.append(tuple(dict.fromkeys((knob.low, value, OFF if knob.off else knob.high))))
            else:
                whole = knob.kind in ("order", "expedite") and value != OFF
                menus.append(tuple(range(knob.low, knob.high + 1)) if whole else menu)
        wide = cls(knobs, menus, around.home)
        if math.prod(wide.sizes.tolist()) <= limit:
            return wide.jointly(limit)
        picks = wide._one_by_one()
        if len(picks) > limit:
            raise InputError(
                f"an action that is one index needs at most {limit} settings, got {len(picks)} of one knob"
            )
        return cls(knobs, menus, around.home, None, picks)

    def _one_by_one(self) -> list[tuple[int, ...]]:
        """Return home's picks, and every other value of one knob at a time."""
        home = self._home_picks.tolist()
        picks = [tuple(home)]
        for row, size in enumerate(self.sizes):
            picks += [(*home[:row], pick, *home[row + 1 :]) for pick in range(size) if pick != home[row]]
        return picks

    def jointly(self, limit: int = JOINT_LIMIT) -> Structure:
        """Return the same menus as one list of joint settings: every combination, if these are within the limit.

        Else, around a rule, the rule itself and the moves of one knob by half a radius and a whole one.

        Raises:
            InputError: there are too many combinations and no rule to stay near.
        """
        count = math.prod(int(size) for size in self.sizes)
        if count <= limit:
            return Structure(self.knobs, self.menus, self.home, None, list(product(*map(range, self.sizes))))
        if self.radii is None:
            raise InputError(
                f"an action that is one index needs at most {limit} joint settings of the knobs, got {count}: "
                "start from a rule, or take an algorithm that sets each knob"
            )
        moves = [np.zeros(len(self.open))]
        moves += [stride * row for row in np.eye(len(self.open)) for stride in STRIDES]
        picks = dict.fromkeys(tuple(row) for row in self._moved(np.array(moves)).tolist())
        if len(picks) > limit:
            raise InputError(f"an action that is one index needs at most {limit} settings, got {len(picks)} moves")
        return Structure(self.knobs, self.menus, self.home, None, list(picks))

    @property
    def home_action(self) -> int:
        """The joint setting that is the rule's; -1 if there is none."""
        if self.kind != "joint" or self.home is None:
            return -1
        rows = np.flatnonzero((self._settings == self._home_picks).all(axis=1))
        return int(rows[0]) if len(rows) else -1

    def choices(self, actions: npt.ArrayLike, base: npt.ArrayLike | None = None) -> Ints:
        """Return the choice of every knob, ``(..., n_knobs)``, as the full action space counts them.

        Args:
            actions: moves in [-1, 1] or picks of the open knobs, ``(..., n_open)``; or indices of settings ``(...)``.
            base: choices of the rule that moves depart from now, ``(..., n_knobs)``; None: they depart from home.
        """
        values = np.asarray(actions)
        if base is not None:
            return self._departed(values, np.asarray(base))
        if self.kind == "joint":
            values = self._settings[values]
        elif self.kind == "moves":
            values = self._moved(values)
        out = np.empty((*values.shape[:-1], len(self.knobs)), dtype=np.int64)
        out[...] = self._fixed
        out[..., self.open] = self._table[self._rows, values]
        return out

    def _departed(self, moves: npt.NDArray[np.floating], base: Ints) -> Ints:
        """Return a rule's choices with moves added; what the rule leaves off stays off."""
        out: Ints = base.astype(np.int64)
        picks = self._pick_of[self._rows, base[..., self.open]]
        moved = np.rint(picks + moves * self._open_radii)
        moved = np.clip(moved, 0, self.sizes - 1).astype(np.int64)
        out[..., self.open] = np.where(picks < 0, base[..., self.open], self._table[self._rows, moved])
        return out

    def picks(self, choices: npt.ArrayLike) -> Ints:
        """Return the picks ``(..., n_open)`` that make choices ``(..., n_knobs)`` of the full action space.

        Raises:
            InputError: a choice is not on its menu.
        """
        values = np.asarray(choices)
        picks: Ints = self._pick_of[self._rows, values[..., self.open]]
        if (picks < 0).any():
            name = self.knobs[self.open[np.argwhere(picks < 0)[0][-1]]].name
            raise InputError(f"{name}: the rule must set it to what the agent may choose")
        return picks

    def _moved(self, moves: npt.NDArray[np.floating]) -> Ints:
        """Return the picks of moves."""
        moved = np.rint(self._home_picks + moves * self._open_radii)
        picks: Ints = np.clip(moved, 0, self.sizes - 1).astype(np.int64)
        return picks


def _whole_menus(knobs: tuple[Knob, ...]) -> list[list[int]]:
    return [[*range(knob.low, knob.high + 1), *([OFF] if knob.off else [])] for knob in knobs]


def _menu(knob: Knob, home: int, radius: int) -> list[int]:
    if home == OFF:
        return [OFF]
    return list(range(max(knob.low, home - radius), min(knob.high, home + radius) + 1))
