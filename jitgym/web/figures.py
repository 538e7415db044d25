"""What a lesson shows, measured: the KPIs of its lines over many runs, on the luck of the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jitgym.ledger import Ledger
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator
from jitgym.stats import Interval, interval
from jitgym.web.lessons import Lesson, LessonPart, Shown, knob_vector


@dataclass(frozen=True)
class Measured:
    """What a part shows, by team: each KPI of every run, ``(n_runs,)``."""

    part: LessonPart
    kpis: tuple[dict[str, Floats], ...]

    def mean(self, team: int, kpi: str) -> Interval | None:
        """Return a KPI's mean with its interval; None where it has no value."""
        values = self.kpis[team][kpi]
        values = values[np.isfinite(values)]
        return interval(values) if len(values) > 1 else None

    def value(self, shown: Shown) -> float:
        """Return what is said to be shown: a mean, or the ratio of two means."""
        value = float(np.nanmean(self.kpis[shown.team][shown.kpi]))
        return value if shown.against is None else value / float(np.nanmean(self.kpis[shown.against][shown.kpi]))

    def holds(self, shown: Shown) -> bool:
        """Whether what is said to be shown is in its range."""
        return shown.low <= self.value(shown) <= shown.high


def measure(lesson: Lesson, part: LessonPart, n_runs: int = 1000, seed: int = 0) -> Measured:
    """Run the lines of a part many times, with the knobs that they begin with, all on the same seeds."""
    seeds = seed_bank(seed, n_runs)
    kpis = []
    for team in part.teams:
        scenario = lesson.scenario(team)
        line = Simulator(scenario, n_runs, seeds)
        knobs = knob_vector(scenario, team.knobs)
        total: Ledger | None = None
        for begun in range(0, part.slots, scenario.slots_per_step):
            ledger = line.step(knobs, min(scenario.slots_per_step, part.slots - begun))
            total = ledger if total is None else total + ledger
        assert total is not None  # a part has at least ten slots
        kpis.append(Scorecard(scenario).kpis(total))
    return Measured(part, tuple(kpis))
