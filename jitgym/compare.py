"""A comparison from end to end: tune the rules, take an agent in, run all on the same seeds, say what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from jitgym.errors import InputError
from jitgym.evaluate import Evaluation, Policy, evaluate, warm_up
from jitgym.jobs import Report, Store, executor
from jitgym.rules import RuleFamily, rule_family, rule_names
from jitgym.scenario import Scenario
from jitgym.search import Budget
from jitgym.stats import Interval
from jitgym.tune import Tuned
from jitgym.tuning import tune_all

FULL: Final = Budget()
QUICK: Final = Budget(trials=32, first=8, last=64, rounds=8, episodes=6000, finalists=4, most=256, final=256)
"""A budget to try things out with; its numbers are not the best ones."""
QUICK_SEEDS: Final = 100
SEEDS: Final = 1000


@dataclass(frozen=True)
class Plan:
    """What is to be compared, and how hard to try.

    Attributes:
        scenario: the line.
        families: the rules to tune.
        seed: names the instances of the tuning, training and evaluation banks.
        n_seeds: replications of the evaluation.
        budget: of the tuning.
        n_threads: threads that share the lines, and processes that share the rules to be tuned.
        quick: whether the budget is the one for trying things out.
        warm_up: steps of every episode that are not counted; None: as many as MSER-5 finds that they need.
    """

    scenario: Scenario
    families: tuple[RuleFamily, ...]
    seed: int = 0
    n_seeds: int = SEEDS
    budget: Budget = FULL
    n_threads: int = 1
    quick: bool = False
    warm_up: int | None = 0


@dataclass(frozen=True)
class Agent:
    """A learned policy that takes part in a comparison.

    Attributes:
        policy: with the ``predict`` of Stable-Baselines3.
        facts: where it is from: what a reader of the results needs to know.
        name: what tables call it.
    """

    policy: Policy
    facts: dict[str, Any]
    name: str = "agent"


@dataclass(frozen=True)
class Comparison:
    """What came of a plan: the tuned rules by name, the agent, and how all did on the seeds of the evaluation."""

    plan: Plan
    tuned: dict[str, Tuned]
    agent: Agent | None
    evaluation: Evaluation

    @property
    def policies(self) -> dict[str, Policy]:
        """Every policy by name."""
        return _policies(self.tuned, self.agent)

    @property
    def ranking(self) -> list[str]:
        """Names of all policies, cheapest first."""
        outcomes = self.evaluation.outcomes
        return sorted(outcomes, key=lambda name: float(outcomes[name].cost.mean()))

    @property
    def challenger(self) -> str | None:
        """Who is held against the best rule: the agent, or else the next best rule; None if there is neither."""
        if self.agent is not None:
            return self.agent.name
        return next((name for name in self.ranking if name != self.evaluation.reference), None)


def families_of(scenario: Scenario, names: str) -> tuple[RuleFamily, ...]:
    """Return the families of rules named in a list such as ``kanban,conwip+age``, or all that fit the scenario.

    Raises:
        InputError: an unknown name, a rule that the scenario lacks the knobs for, or no rule at all.
    """
    wanted = rule_names(scenario) if names.strip() == "all" else [name.strip() for name in names.split(",")]
    if not any(wanted):
        raise InputError(f"rules must name at least one that scenario {scenario.name!r} can set, got {names!r}")
    return tuple(rule_family(scenario, name) for name in dict.fromkeys(wanted) if name)


def tune_rules(plan: Plan, report: Report, store: Store) -> dict[str, Tuned]:
    """Tune every rule of a plan; what the store holds already is taken from it."""
    by = executor(plan.n_threads)
    return tune_all(plan.scenario, plan.families, plan.seed, plan.budget, store, by, report)


def best_rule(tuned: dict[str, Tuned]) -> Tuned:
    """Return the rule with the lowest cost on fresh tuning seeds: where an agent starts from."""
    return min(tuned.values(), key=lambda one: one.cost.mean)


def evaluate_all(plan: Plan, tuned: dict[str, Tuned], agent: Agent | None, report: Report) -> Comparison:
    """Run rules and agent on the seeds of the evaluation."""
    policies = _policies(tuned, agent)
    skip = plan.warm_up
    if skip is None:
        report("warm-up", None, "")
        skip = warm_up(plan.scenario, policies, seed=plan.seed, n_threads=plan.n_threads)
        report("warm-up", 1.0, f"{skip} steps")
    evaluation = evaluate(
        plan.scenario,
        policies,
        set(tuned),
        plan.n_seeds,
        plan.seed,
        plan.n_threads,
        lambda name, share: report(f"evaluate {name}", share, ""),
        skip,
    )
    return Comparison(plan, tuned, agent, evaluation)


def _policies(tuned: dict[str, Tuned], agent: Agent | None) -> dict[str, Policy]:
    policies: dict[str, Policy] = {name: one.rule for name, one in tuned.items()}
    if agent is not None:
        policies[agent.name] = agent.policy
    return policies


def verdict(comparison: Comparison) -> str:
    """Return one sentence on the agent, or else the next best rule, against the best rule."""
    evaluation = comparison.evaluation
    reference, challenger = evaluation.reference, comparison.challenger
    if challenger is None:
        return f"{reference} is the only policy: there is nothing to compare it with."
    difference = evaluation.difference(challenger)
    who = "the agent" if comparison.agent else challenger
    against = f"{reference}, the best tuned rule"
    on = f"{len(evaluation.seeds)} paired seeds"
    places = decimals(difference)
    if difference.low == difference.high == 0:
        return f"No difference between {who} and {against}: they cost the same on each of {on}."
    if difference.low <= 0 <= difference.high:
        mean, low, high = (f"{value:+.{places}f}" for value in (difference.mean, difference.low, difference.high))
        return f"No difference shown between {who} and {against}: {mean} a slot (95 % CI {low} to {high}; {on})."
    better, less = ("better", "less") if difference.mean < 0 else ("worse", "more")
    cost = float(evaluation.outcomes[reference].cost.mean())
    share = f"{100 * abs(difference.mean) / cost:.1f} %; " if cost else ""
    low, high = (f"{value:.{places}f}" for value in sorted((abs(difference.low), abs(difference.high))))
    much = f"{abs(difference.mean):.{places}f} a slot {less} ({share}95 % CI {low} to {high}; {on})"
    who = "The agent" if comparison.agent else who
    return f"{who} is {better} than {against}: it costs {much}."


def decimals(values: Interval) -> int:
    """Return the decimals that an interval is worth: two digits of its half width."""
    reach = values.high - values.mean
    return max(0, 1 - math.floor(math.log10(reach))) if reach > 0 else 2
