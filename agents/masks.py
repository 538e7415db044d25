"""Choices that are not worth trying now, read off the observation, so that no agent tries them.

Only maintenance is masked. A step of ``n`` slots lets a wear reading grow by ``n`` at the most, so every threshold
beyond that means "not in this step", and every threshold at or below the reading means "now": one choice of each
is enough. While the machine is down or in maintenance there is nothing to decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jitgym.agents.structure import Structure
from jitgym.observation import Observer
from jitgym.simulator import Simulator

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Threshold:
    """Where a maintenance knob stands among the picks, and which entries of the observation tell of its machine.

    Attributes:
        column: its place among the open knobs.
        picks: its part of the mask.
        levels: the thresholds on its menu, ``(n,)``; off counts as beyond every reading.
        reading: entry of the wear reading, and what one level is there.
        off: entries that are 1 while there is nothing to decide.
        is_exact: whether the reading grows by no more than a level a slot.
    """

    column: int
    picks: slice
    levels: npt.NDArray[np.int64]
    reading: int
    scale: float
    off: tuple[int, ...]
    is_exact: bool


class Masks:
    """Tells which picks are worth trying.

    Args:
        simulator: of the line that is observed.
        structure: whose picks; it must be of kind ``picks``.
    """

    def __init__(self, simulator: Simulator, structure: Structure) -> None:
        self._slots = simulator.scenario.slots_per_step
        self._width = int(structure.sizes.sum())
        self._thresholds = tuple(_thresholds(simulator, structure))

    @property
    def is_any(self) -> bool:
        """Whether the line has anything to mask."""
        return bool(self._thresholds)

    def __call__(self, observations: npt.NDArray[np.float32]) -> Bools:
        """Return True for every pick that may be tried, ``(n, n_picks)``.

        Args:
            observations: as the line shows them, ``(n, n_entries)``.
        """
        allowed = np.ones((len(observations), self._width), dtype=bool)
        for one in self._thresholds:
            allowed[:, one.picks] = self._allowed(one, observations)
        return allowed

    def standing_for(self, picks: Ints, observations: npt.NDArray[np.float32]) -> Ints:
        """Return, for picks of all open knobs ``(n, n_open)``, those that may be tried and do the same now."""
        out = picks.copy()
        for one in self._thresholds:
            allowed, chosen = self._allowed(one, observations), picks[:, one.column]
            reading = np.rint(observations[:, one.reading] / one.scale)
            now = allowed & (one.levels <= reading[:, None])
            last = allowed.shape[1] - 1
            same = np.where(now.any(axis=1) & (one.levels[chosen] <= reading), last - now[:, ::-1].argmax(axis=1), last)
            out[:, one.column] = np.where(allowed[np.arange(len(picks)), chosen], chosen, same)
        return out

    def _allowed(self, one: _Threshold, observations: npt.NDArray[np.float32]) -> Bools:
        reading = np.rint(observations[:, [one.reading]] / one.scale)
        allowed: Bools = np.ones((len(observations), len(one.levels)), dtype=bool)
        if one.is_exact:
            now, beyond = one.levels <= reading, one.levels > reading + self._slots
            # menus rise, so the last of those that mean "now" is followed by one that does not
            last_now = now & ~np.pad(now[:, 1:], ((0, 0), (0, 1)))
            allowed = (~now & ~beyond) | last_now
        allowed[:, -1] = True  # the highest threshold, or never
        nothing = (observations[:, list(one.off)] > 0).any(axis=1)
        allowed[nothing, :-1] = False
        return allowed


def _thresholds(simulator: Simulator, structure: Structure) -> list[_Threshold]:
    """Return the maintenance knobs whose machine is observed."""
    observer = Observer(simulator)
    entries = {entry.name: (i, entry.scale) for i, entry in enumerate(observer.entries)}
    found, start = [], 0
    for column, (place, size) in enumerate(zip(structure.open, structure.sizes, strict=True)):
        knob = structure.knobs[place]
        picks, start = slice(start, start + int(size)), start + int(size)
        stage = simulator.scenario.stages[knob.place] if knob.kind == "pm_level" else None
        if stage is None or f"reading[{stage.name}]" not in entries:
            continue
        reading, scale = entries[f"reading[{stage.name}]"]
        off = [f"{mode}[{stage.name}]" for mode in ("is_down", "in_pm", "is_waiting")]
        found.append(
            _Threshold(
                column=column,
                picks=picks,
                levels=np.array(structure.menus[place], dtype=np.int64),
                reading=reading,
                scale=scale,
                off=tuple(entries[name][0] for name in off if name in entries),
                is_exact=stage.monitoring in ("exact", "none"),
            )
        )
    return found
