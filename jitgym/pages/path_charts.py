"""Charts of sample paths: what lies in the last store or is owed, and what every machine does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.fields import MACHINE
from jitgym.pages.charts import FOOT, names_width
from jitgym.pages.document import Figure
from jitgym.pages.svg import LETTER, WIDTH, Drawing, Scale, fitted
from jitgym.palette import STATES
from jitgym.report import number
from jitgym.sample import SamplePath
from jitgym.scenario import Scenario

BAND: Final = 24.0
"""Height of the band of a machine."""


@dataclass(frozen=True)
class Paths:
    """Sample paths of one episode, and what of them is shown.

    Attributes:
        scenario: the line.
        by_policy: a path under each policy.
        reference: which of them is the best rule.
        start: first slot that is shown.
        stop: the slot after the last.
    """

    scenario: Scenario
    by_policy: Mapping[str, SamplePath]
    reference: str
    start: int
    stop: int

    def across(self, left: float) -> Scale:
        """Return the scale of slots from some place to the right edge."""
        return Scale(self.start, self.stop, left, WIDTH - 16)

    def colour(self, name: str) -> str:
        """Return the colour of a policy."""
        return "rule" if name == self.reference else "challenger"

    @property
    def names(self) -> str:
        """The policies, in words."""
        return " and ".join(self.by_policy)


def stock(paths: Paths) -> Figure:
    """Draw finished goods above the line, and below it what customers wait for, or did not get."""
    lost = paths.scenario.demand.shortage == "lost"
    below = "lost sales" if lost else "backlog"
    shown = slice(paths.start, paths.stop)
    nets = {name: (p.finished - (p.lost if lost else p.backlog))[shown] for name, p in paths.by_policy.items()}
    told = f"Finished goods less {below}. " + "; ".join(
        f"{name}: from {net.min()} to {net.max()}, mean {number(float(net.mean()))}" for name, net in nets.items()
    )
    drawing = Drawing(320 + FOOT, told)
    lowest, highest = min(int(net.min()) for net in nets.values()), max(int(net.max()) for net in nets.values())
    across, up = paths.across(76), Scale(min(lowest, 0) - 0.5, max(highest, 1) + 0.5, 320, 40)
    drawing.across(across, 40, 320, "slot")
    drawing.along(up, 76, WIDTH - 16, f"units: finished goods above the line, {below} below it", whole=True)
    for name, net in nets.items():
        corners = _corners(paths, across, up, net)
        owed = [(x, max(y, up(0))) for x, y in corners]
        drawing.area([(owed[0][0], up(0)), *owed, (owed[-1][0], up(0))], paths.colour(name))
        drawing.way(corners, "curve under" if name == paths.reference else "curve", paths.colour(name))
    drawing.line(76, up(0), WIDTH - 16, up(0), "zero")
    legend = tuple((paths.colour(name), name) for name in nets)
    return Figure(f"Finished goods and {below} under {paths.names}.", drawing.svg, told, legend)


def _corners(paths: Paths, across: Scale, up: Scale, net: npt.NDArray[Any]) -> list[tuple[float, float]]:
    """Return the corners of a line that stays at each value until the next."""
    edges = [across(paths.start + i) for i in range(len(net) + 1)]
    return [(edges[i + end], up(value)) for i, value in enumerate(net.tolist()) for end in (0, 1)]


def machines(paths: Paths) -> Figure:
    """Draw a colour band for every machine under each policy: what it did, slot by slot."""
    stages, shown = paths.scenario.stage_names, slice(paths.start, paths.stop)
    states = {name: path.machine[shown] for name, path in paths.by_policy.items()}
    told = "What machines did. " + "; ".join(f"{name}: {_shares(one)}" for name, one in states.items())
    block = 38 + BAND * len(stages)
    drawing = Drawing(block * len(states) + FOOT, told)
    left = names_width(stages)
    across = paths.across(left)
    for k, (name, one) in enumerate(states.items()):
        drawing.text(0, k * block + 20, f"under {fitted(name, WIDTH - 20 * LETTER)}", "start", "heading")
        for i, stage in enumerate(stages):
            top = k * block + 30 + BAND * i
            drawing.text(left - 12, top + 16, fitted(stage, left - 16), "end", "mark")
            for first, after, code in _runs(one[:, i]):
                begin, end = (paths.start + place for place in (first, after))
                tip = f"{stage}, slots {begin} to {end}: {STATES[MACHINE[code]][1]}"
                drawing.box(across(begin), top + 2, across(end) - across(begin), BAND - 4, _state(code), tip)
            drawing.box(left, top + 2, across.stop - left, BAND - 4, "", of="outline")
    drawing.across(across, block * len(states), block * len(states), "slot")
    seen = sorted({int(code) for one in states.values() for code in np.unique(one)})
    legend = tuple((_state(code), STATES[MACHINE[code]][1]) for code in seen)
    return Figure(f"What every machine did under {paths.names}.", drawing.svg, told, legend)


def _state(code: int) -> str:
    return f"state-{MACHINE[code]}"


def _runs(states: npt.NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return first place, place after the last, and value of every run of equal values."""
    starts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist()]
    return [(a, b, int(states[a])) for a, b in zip(starts, [*starts[1:], len(states)], strict=True)]


def _shares(states: npt.NDArray[np.int64]) -> str:
    shares = {STATES[name][1]: float((states == code).mean()) for code, name in enumerate(MACHINE)}
    return ", ".join(f"{label} {100 * share:.0f} %" for label, share in shares.items() if share)
