"""What came of a contest: each policy against the best tuned rule of its line, and all lines together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from jitgym.aggregate import (
    Estimate,
    Profile,
    iqm,
    performance_profile,
    probability_of_improvement,
    stratified_bootstrap,
)
from jitgym.contest import Floats, TaskResult, scores
from jitgym.stats import Interval, bca, holm, paired_p_value

TAUS: Final = np.linspace(0.7, 1.3, 121)
"""Scores at which performance profiles are taken."""
BEST: Final = "best agent"
"""Kind of the rows that hold, of all algorithms, the agent that did best on validation seeds."""
VERDICTS: Final = ("better", "no difference shown", "worse")


@dataclass(frozen=True)
class Row:
    """A policy against the best tuned rule of a line, under a shift or none.

    Attributes:
        task: the line.
        shift: name of the shift; empty: the line as it was tuned and trained for.
        policy: e.g. ``ppo-3``, the agent selected among all training seeds, or ``rollout``.
        kind: its algorithm, ``rollout``, or ``best agent``: of all algorithms, the one to choose on this line.
        rule: the best tuned rule.
        rule_cost: its mean cost a slot.
        difference: paired, in cost a slot, with a BCa interval of 95 %.
        p_value: Holm's, over all lines, of the policies of this kind under the same shift, or without one.
        spread: cost over that of the rule of every training seed of an algorithm; else empty.
        steps: that the agent was trained for; 0: it was not.
        seconds: that took.
    """

    task: str
    shift: str
    policy: str
    kind: str
    rule: str
    rule_cost: float
    difference: Interval
    p_value: float
    spread: tuple[float, ...] = ()
    steps: int = 0
    seconds: float = 0.0

    @property
    def percent(self) -> Interval:
        """The difference in percent of the rule's cost."""
        d, unit = self.difference, 100 / self.rule_cost if self.rule_cost else float("nan")
        return Interval(d.mean * unit, d.error * unit, d.low * unit, d.high * unit)

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``no difference shown``: by the interval, of this line alone."""
        if self.difference.high < 0:
            return "better"
        return "worse" if self.difference.low > 0 else "no difference shown"


@dataclass(frozen=True)
class Summary:
    """All training seeds of an algorithm on all lines; scores are cost over that of the best tuned rule.

    Attributes:
        scores: ``(n_training_seeds, n_lines)``.
        iqm: interquartile mean.
        improvement: probability that an agent costs less than the rule.
        profile: share of agents with a score of at most tau.
    """

    scores: Floats
    iqm: Estimate
    improvement: Estimate
    profile: Profile


def rows(results: Mapping[str, TaskResult], algorithms: tuple[str, ...]) -> list[Row]:
    """Return every row of the standings: by kind, lines in order, then the shifts."""
    kinds = {**({BEST: algorithms} if len(algorithms) > 1 else {}), **{name: (name,) for name in algorithms}}
    found: list[Row] = []
    for kind, among in (*kinds.items(), ("rollout", ())):
        found += _adjusted([row for task, result in results.items() for row in _rows_of(task, result, kind, among, "")])
    for shift in dict.fromkeys(shift for result in results.values() for shift in result.shifted):
        for kind, among in kinds.items():
            here = ((task, result) for task, result in results.items() if shift in result.shifted)
            found += _adjusted([row for task, result in here for row in _rows_of(task, result, kind, among, shift)])
    return found


def _rows_of(task: str, result: TaskResult, kind: str, algorithms: tuple[str, ...], shift: str) -> Iterator[Row]:
    """Yield the row of a kind of policy on a line, if it has one."""
    policy = result.selected(*algorithms) if algorithms else "rollout"
    known = result.shifted[shift] if shift else result.evaluations
    rule = result.best_rule
    if policy is None or policy not in known or rule not in known:
        return
    base, costs = result.costs(rule, shift or None), result.costs(policy, shift or None)
    base = base[: len(costs)]  # look-ahead is slow, and may have met the first seeds only
    mean, facts = float(base.mean()), result.agents.get(policy, {})
    agents = [] if shift or kind == BEST else result.seeds_of(kind)
    yield Row(
        task=task,
        shift=shift,
        policy=policy,
        kind=kind,
        rule=rule,
        rule_cost=mean,
        difference=bca(costs - base),
        p_value=paired_p_value(costs - base),
        spread=tuple(float(result.costs(agent).mean()) / mean for agent in agents),
        steps=int(facts.get("steps", 0)),
        seconds=float(facts.get("seconds", 0.0)),
    )


def _adjusted(found: list[Row]) -> list[Row]:
    """Return rows with Holm's p-values in place of their own."""
    adjusted = holm([row.p_value for row in found]).tolist()
    return [replace(row, p_value=p) for row, p in zip(found, adjusted, strict=True)]


def summary(results: Mapping[str, TaskResult], algorithm: str) -> Summary:
    """Return all training seeds of an algorithm on all lines together."""
    found = scores(results, algorithm)
    return Summary(
        scores=found,
        iqm=stratified_bootstrap(found, iqm),
        improvement=probability_of_improvement(found, np.ones_like(found)),
        profile=performance_profile(found, TAUS),
    )


def raw_rows(results: Mapping[str, TaskResult]) -> Iterator[dict[str, Any]]:
    """Yield the cost of every policy on every seed of every line, shifts included."""
    for task, result in results.items():
        for shift, evaluations in (("", result.evaluations), *result.shifted.items()):
            for policy, evaluation in evaluations.items():
                for i, cost in enumerate(evaluation["costs"]):
                    yield {"task": task, "shift": shift, "policy": policy, "replication": i, "cost": cost}


def rule_rows(results: Mapping[str, TaskResult]) -> Iterator[dict[str, Any]]:
    """Yield every tuned rule of every line, cheapest first, with what it is, sees and took."""
    for task, result in results.items():
        for rule in sorted(result.tuned, key=lambda name: float(result.costs(name).mean())):
            tuned = result.tuned[rule]
            values = " ".join(f"{n.name}={v}" for n, v in zip(tuned.family.numbers, tuned.numbers, strict=True))
            difference = bca(result.costs(rule) - result.costs(result.best_rule))
            yield {
                "task": task,
                "rule": rule,
                "looks_at": tuned.family.information,
                "cost": float(result.costs(rule).mean()),
                "difference": difference.mean,
                "difference_low": difference.low,
                "difference_high": difference.high,
                "textbook_cost": tuned.start_cost.mean,
                "episodes": tuned.episodes,
                "decision_microseconds": 1e6 * result.evaluations[rule]["decision_seconds"],
                "numbers": values,
            }
