"""Plays of the case as policies, and what they come to over many runs: the figures that its answers rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.enterprise.capability import kaizen_pace
from jitgym.enterprise.company import Companies
from jitgym.enterprise.managers import manager
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import RESULTS, Run, results, run
from jitgym.seeds import seed_bank
from jitgym.web.case import OTHERS, Case, CasePart, Change, Claim, Play


class Scripted:
    """A play as a policy.

    Args:
        companies: what it manages, or others of the same enterprise.
        play: what it does.
    """

    def __init__(self, companies: Companies, play: Play) -> None:
        self._rule = manager(companies, play.manager)
        self._levers = companies.levers
        self._codec = ActionCodec(tuple(lever.knob for lever in companies.levers.levers))
        self._changes = [(change, self._columns(companies, change)) for change in play.changes]

    def _columns(self, companies: Companies, change: Change) -> list[int]:
        names = companies.enterprise.line_names
        levers = enumerate(self._levers.levers)
        of_kind = [(column, lever.place) for column, lever in levers if lever.kind == change.kind]
        return [column for column, place in of_kind if not change.lines or names[place] in change.lines]

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: tuple[int, Any] | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], tuple[int, Any]]:
        """Return the actions of the rule, with the changes of the play, and the memory."""
        period, memory = (0, None) if state is None else state
        actions, memory = self._rule.predict(observation, memory, episode_start, deterministic)
        decisions = self._codec.decode(actions)
        for change, columns in self._changes:
            if period >= change.from_:
                cut = np.clip(change.value, self._levers.low[columns], self._levers.high[columns])
                decisions[:, columns] = cut
        return self._codec.encode(decisions), (period + 1, memory)


class Trials:
    """The plays of a part over many runs, each run once, when it is asked for.

    Args:
        case: the lesson.
        part: of it.
        n_runs: how many, all plays on the same seeds.
        seed: of them; with one run it is the luck that a page plays.
    """

    def __init__(self, case: Case, part: CasePart, n_runs: int = 200, seed: int = 0) -> None:
        self._case, self._part = case, part
        self._seeds = seed_bank(seed, n_runs) if n_runs > 1 else np.array([seed], dtype=np.uint64)
        self._companies = Companies(case.company, n_runs)
        self._runs: dict[str, Run] = {}

    def of(self, name: str) -> Run:
        """Return the runs of a play or rule."""
        if name not in self._runs:
            play = self._case.plays.get(name, Play(manager=name))
            policy = Scripted(self._companies, play)
            self._runs[name] = run(self._companies, policy, self._seeds, self._part.periods)
        return self._runs[name]

    def value(self, claim: Claim) -> float:
        """Return what a claim is about: a mean, or the ratio of two means."""
        value = self._mean(claim, claim.of)
        return value if claim.against is None else value / self._mean(claim, claim.against)

    def holds(self, claim: Claim) -> bool:
        """Whether a claim is in its range."""
        return claim.low <= self.value(claim) <= claim.high

    def _mean(self, claim: Claim, name: str) -> float:
        done, enterprise = self.of(name), self._companies.enterprise
        if claim.what in RESULTS and claim.what not in MEASURES:
            return float(np.nanmean(results(done, enterprise)[claim.what]))
        if claim.what == "kaizen":
            values = kaizen_pace(enterprise, done.people.astype(np.float64), done.measure("visible"))
        elif claim.what == "inventory":
            return float(done.inventory[:, claim.from_ : claim.to].mean())
        elif claim.what in OTHERS:
            values = getattr(done, claim.what).astype(np.float64)
        else:
            values = done.measure(claim.what)
        within = values[:, claim.from_ : claim.to]
        return float((within if claim.line is None else within[:, :, enterprise.line_names.index(claim.line)]).mean())
