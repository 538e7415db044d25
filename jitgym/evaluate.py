"""Paired evaluation: every policy runs the same line under the same luck, seed by seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.ledger import Ledger
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator
from jitgym.stats import Interval, bca, holm, mser5, paired_p_value

LATENCY_CALLS: Final = 200


class Policy(Protocol):
    """What is evaluated: anything with the ``predict`` of Stable-Baselines3 over MultiDiscrete actions."""

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return actions for observations, and the policy's own state."""


@runtime_checkable
class Watcher(Protocol):
    """A policy that looks at more than the observation: at the state of the lines that it is to control."""

    def watch(self, simulator: Simulator) -> None:
        """Be told, before an episode begins, which lines the observations of ``predict`` are of."""


@dataclass(frozen=True)
class Outcome:
    """What one policy did on the seeds of an evaluation; arrays are ``(n_seeds,)``.

    Attributes:
        ledger: counts of the whole episode of each seed.
        terms: mean cost a slot of each seed, by cost term.
        kpis: every KPI of each seed.
        latency: median seconds that one decision for one line takes.
    """

    ledger: Ledger
    terms: dict[str, Floats]
    kpis: dict[str, Floats]
    latency: float

    @property
    def cost(self) -> Floats:
        """Mean cost a slot of each seed."""
        return self.kpis["cost"]


@dataclass(frozen=True)
class Evaluation:
    """Outcomes of several policies on one bank of seeds, and the rule that the others are compared with.

    Attributes:
        seeds: ``(n_seeds,)`` episode seeds.
        outcomes: by policy.
        reference: the cheapest rule on these seeds. It is chosen by them, which is in its favour.
        skipped: steps at the start of every episode that are not counted.
    """

    seeds: npt.NDArray[np.uint64]
    outcomes: dict[str, Outcome]
    reference: str
    skipped: int = 0

    @cached_property
    def differences(self) -> dict[str, Interval]:
        """Paired differences in cost a slot of all policies against the reference, with BCa intervals of 95 %."""
        base = self.outcomes[self.reference].cost
        return {name: bca(outcome.cost - base) for name, outcome in self.outcomes.items()}

    @cached_property
    def p_values(self) -> dict[str, float]:
        """Holm's adjusted p-values, for all policies but the reference: that they cost the same as it."""
        base = self.outcomes[self.reference].cost
        others = [name for name in self.outcomes if name != self.reference]
        found = holm([paired_p_value(self.outcomes[name].cost - base) for name in others])
        return dict(zip(others, found.tolist(), strict=True))

    def difference(self, name: str) -> Interval:
        """Return the paired difference in cost a slot of a policy against the reference."""
        return self.differences[name]


def run_policy(
    scenario: Scenario,
    policy: Policy,
    seeds: npt.NDArray[np.uint64],
    n_threads: int = 1,
    progress: Callable[[float], None] | None = None,
    skip: int = 0,
    each: Callable[[Ledger], None] | None = None,
) -> Ledger:
    """Run a policy for one whole episode on every seed, all lines at once; return what the episodes counted to.

    Args:
        scenario: the line.
        policy: what sets the knobs; its actions are checked against the action space.
        seeds: ``(n_seeds,)`` uint64 episode seeds.
        n_threads: threads that share the lines.
        progress: called after every step with the share that is done.
        skip: steps at the start that are not counted, fewer than the horizon.
        each: called with the ledger of every step.

    Raises:
        InputError: nothing would be left to count, or an action outside the action space.
    """
    if not 0 <= skip < scenario.horizon:
        raise InputError(f"warm-up must be below the horizon of {scenario.horizon} steps, got {skip}")
    simulator = Simulator(scenario, len(seeds), seeds, n_threads=n_threads)
    codec, observer = ActionCodec(simulator.knobs), Observer(simulator)
    if isinstance(policy, Watcher):
        policy.watch(simulator)
    state = None
    start = np.ones(len(seeds), dtype=bool)
    total = None
    for step in range(scenario.horizon):
        actions, state = policy.predict(observer.observe(), state, start, True)
        ledger = simulator.step(codec.decode(actions))
        if each is not None:
            each(ledger)
        if step == skip:
            total = ledger
        elif total is not None:
            total.array[...] += ledger.array
        start = np.zeros(len(seeds), dtype=bool)
        if progress is not None:
            progress((step + 1) / scenario.horizon)
    assert total is not None  # the horizon is at least 1
    return total


def outcome(scenario: Scenario, policy: Policy, ledger: Ledger) -> Outcome:
    """Turn the ledger of a policy's episodes into costs and KPIs, and time its decisions."""
    scorecard = Scorecard(scenario)
    slots = ledger["slots"]
    terms = {term: cost / slots for term, cost in scorecard.cost_terms(ledger).items()}
    return Outcome(ledger, terms, scorecard.kpis(ledger), decision_latency(scenario, policy))


def decision_latency(scenario: Scenario, policy: Policy) -> float:
    """Return the median seconds of one decision for one line."""
    simulator = Simulator(scenario)
    if isinstance(policy, Watcher):
        policy.watch(simulator)
    observation = Observer(simulator).observe()[0]
    times = []
    for _ in range(LATENCY_CALLS):
        begin = time.perf_counter()
        policy.predict(observation)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def evaluate(
    scenario: Scenario,
    policies: Mapping[str, Policy],
    rules: set[str],
    n_seeds: int = 1000,
    seed: int = 0,
    n_threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
    skip: int = 0,
) -> Evaluation:
    """Run policies on the same seeds, disjoint from those of training and tuning.

    Args:
        scenario: the line.
        policies: what to compare, by name.
        rules: the names among them that are rules; the cheapest is the reference.
        n_seeds: replications, at least 2.
        seed: names the instance of the evaluation bank.
        n_threads: threads that share the lines.
        progress: called with a policy's name and the share of its episodes that is done.
        skip: steps at the start of every episode that are not counted.
    """
    if n_seeds < 2:
        raise InputError(f"seeds must be >= 2 for a confidence interval, got {n_seeds}")
    seeds = seed_bank(seed, n_seeds, "evaluation")
    outcomes = {}
    for name, policy in policies.items():
        report = None if progress is None else lambda share, name=name: progress(name, share)
        outcomes[name] = outcome(scenario, policy, run_policy(scenario, policy, seeds, n_threads, report, skip))
    candidates = [name for name in outcomes if name in rules] or list(outcomes)
    reference = min(candidates, key=lambda name: float(outcomes[name].cost.mean()))
    return Evaluation(seeds, outcomes, reference, skip)


def warm_up(
    scenario: Scenario, policies: Mapping[str, Policy], n_seeds: int = 64, seed: int = 0, n_threads: int = 1
) -> int:
    """Return the steps that every policy needs to warm up, by MSER-5 on its mean cost over pilot episodes.

    The pilot's seeds are those of tuning. A policy that shows no steady state counts with half of the horizon.
    """
    scorecard = Scorecard(scenario)
    steps = 0
    for policy in policies.values():
        costs: list[float] = []
        seeds = seed_bank(seed + 1, n_seeds, "tuning")
        run_policy(scenario, policy, seeds, n_threads, each=partial(_note, costs, scorecard))
        found = mser5(np.array(costs))
        steps = max(steps, scenario.horizon // 2 if found is None else found)
    return steps


def _note(costs: list[float], scorecard: Scorecard, ledger: Ledger) -> None:
    costs.append(float(scorecard.cost(ledger).mean()))
