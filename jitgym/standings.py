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
VERDICTS: Final = ("better", "no difference shown", "worse")


@dataclass(frozen=True)
class Row:
    """A policy against the best tuned rule of a line, under a shift or none.

    Attributes:
        task: the line.
        shift: name of the shift; empty: the line as it was tuned and trained for.
        policy: e.g. ``ppo-3``, the agent selected among all training seeds, or ``rollout``.
        kind: ``agent`` with the name of its algorithm, or ``rollout``.
        rule: the best tuned rule.
        rule_cost: its mean cost a slot.
        difference: paired, in cost a slot, with a BCa interval of 95 %.
        p_value: Holm's, over all lines, of the policies of this kind without a shift.
        spread: cost over that of the rule of every training seed; empty for what is not trained.
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

    @property
    def percent(self) -> Interval:
        """The difference in percent of the rule's cost."""
        d, unit = self.difference, 100 / self.rule_cost if self.rule_cost else float("nan")
        return Interval(d.mean * unit, d.error * unit, d.low * unit, d.high * unit)

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``no difference shown``: by the interval."""
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
    found: list[Row] = []
    for kind in (*algorithms, "rollout"):
        found += _adjusted([row for task, result in results.items() for row in _rows_of(task, result, kind, "")])
    for shift in dict.fromkeys(shift for result in results.values() for shift in result.shifted):
        for kind in algorithms:
            here = ((task, result) for task, result in results.items() if shift in result.shifted)
            found += _adjusted([row for task, result in here for row in _rows_of(task, result, kind, shift)])
    return found


def _rows_of(task: str, result: TaskResult, kind: str, shift: str) -> Iterator[Row]:
    """Yield the row of a kind of policy on a line, if it has one."""
    agents = result.seeds_of(kind)
    if kind == "rollout":
        policy = "rollout" if "rollout" in result.evaluations and not shift else None
    else:
        policy = result.selected(kind) if agents else None
    known = result.shifted[shift] if shift else result.evaluations
    rule = result.best_rule
    if policy is None or policy not in known or rule not in known:
        return
    base, costs = result.costs(rule, shift or None), result.costs(policy, shift or None)
    base = base[: len(costs)]  # look-ahead is slow, and may have met the first seeds only
    mean = float(base.mean())
    spread = () if shift else tuple(float(result.costs(agent).mean()) / mean for agent in agents)
    p = paired_p_value(costs - base)
    yield Row(task, shift, policy, kind, rule, mean, bca(costs - base), p, spread)


def _adjusted(found: list[Row]) -> list[Row]:
    """Return rows with Holm's p-values in place of their own."""
    adjusted = holm([row.p_value for row in found]).tolist()
    return [replace(row, p_value=p) for row, p in zip(found, adjusted, strict=True)]


def summary(results: Mapping[str, TaskResult], algorithm: str) -> Summary:
    """Return all training seeds of an algorithm on all lines together."""
    found = scores(results, algorithm)
    rule = np.ones((2, found.shape[1]))
    return Summary(
        scores=found,
        iqm=stratified_bootstrap(found, iqm),
        improvement=probability_of_improvement(found, rule),
        profile=performance_profile(found, TAUS),
    )


def count(found: list[Row], kind: str) -> dict[str, int]:
    """Return on how many lines a kind of policy is better, worse or not told apart, without shifts."""
    here = [row for row in found if row.kind == kind and not row.shift]
    return {
        verdict: sum(row.verdict == verdict for row in here) for verdict in ("better", "no difference shown", "worse")
    }


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
