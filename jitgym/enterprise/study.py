"""Policies of management compared on the same luck, the claims that are made of them, and what the claims hang on.

A *claim* is a paired difference between two policies in what ten years come to, company by company under the same seed,
with an interval. It holds, is turned round, or is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.constants import Dynamics, Planning, constants_of
from jitgym.enterprise.description import Enterprise, load_enterprise
from jitgym.enterprise.managers import manager
from jitgym.enterprise.runs import Run, results, run
from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.seeds import seed_bank
from jitgym.stats import Interval, bca

Floats = npt.NDArray[np.float64]
Finding = Literal["holds", "turned round", "not shown"]

AT_ONCE: Final = 1000
"""Companies run together at most."""


@dataclass(frozen=True)
class Claim:
    """One policy does better than another: in what, and the sentence that says so."""

    name: str
    better: str
    worse: str
    result: str
    sentence: str


CLAIMS: Final = (
    Claim("technique", "never", "technique", "economic_profit", "pull as a technique alone earns less than push did"),
    Claim("phased", "phased", "never", "economic_profit", "a phased roll-out with upkeep earns more than push"),
    Claim(
        "big bang", "phased", "big bang", "economic_profit", "phased earns more than big bang under the same budget"
    ),
    Claim(
        "readiness", "phased", "big bang in scope", "economic_profit",
        "phased earns more than big bang on the same lines",
    ),
    Claim("scope", "big bang in scope", "big bang", "economic_profit", "lumpy demand is better left under push"),
    Claim(
        "reliability", "maintenance first", "roll-out first", "economic_profit",
        "maintenance before roll-out earns more than after it",
    ),
    Claim("reflex", "phased", "buffer reflex", "economic_profit", "cards put back after every bad month cost profit"),
    Claim(
        "trap", "lean kaizen", "buffered kaizen", "capability",
        "where buffers cover problems, capability ends lower, all else equal",
    ),
    Claim("stock", "phased", "buffer reflex", "released", "cards put back after every bad month cost working capital"),
)  # fmt: skip
"""What is claimed of the rules."""


@dataclass(frozen=True)
class Study:
    """Runs of several policies on the same seeds.

    Attributes:
        enterprise: the company.
        runs: by policy.
        results: by policy, then by entry of ``runs.RESULTS``, ``(n_seeds,)``.
    """

    enterprise: Enterprise
    runs: dict[str, Run]
    results: dict[str, dict[str, Floats]]

    def difference(self, one: str, other: str, result: str = "economic_profit") -> Interval:
        """Return the paired difference between two policies in a result, with a BCa interval of 95 %."""
        return bca(self.results[one][result] - self.results[other][result])

    def check(self, claim: Claim) -> tuple[Finding, Interval]:
        """Return what becomes of a claim, and the difference."""
        found = self.difference(claim.better, claim.worse, claim.result)
        return ("holds" if found.low > 0 else "turned round" if found.high < 0 else "not shown"), found


def study(
    enterprise: Enterprise,
    policies: Mapping[str, Callable[[Companies], Policy]],
    n_seeds: int = 1000,
    seed: int = 0,
    n_threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> Study:
    """Run policies on the same seeds, disjoint from those of tuning and training.

    Args:
        enterprise: the company.
        policies: by name, what makes them for a batch of companies.
        n_seeds: companies, at least 2.
        seed: names the instance of the evaluation bank.
        n_threads: threads that share the lines.
        progress: called with a policy's name and the share that is done of its runs.
    """
    if n_seeds < 2:
        raise InputError(f"seeds must be >= 2 for a confidence interval, got {n_seeds}")
    seeds = seed_bank(seed, n_seeds, "evaluation")
    parts = [seeds[i : i + AT_ONCE] for i in range(0, n_seeds, AT_ONCE)]
    runs: dict[str, list[Run]] = {name: [] for name in policies}
    companies: Companies | None = None
    for k, part in enumerate(parts):
        if companies is None or companies.n_companies != len(part):
            companies = Companies(enterprise, len(part), n_threads=n_threads)
        for name, made in policies.items():

            def tell(share: float, name: str = name, k: int = k) -> None:
                if progress is not None:
                    progress(name, (k + share) / len(parts))

            runs[name].append(run(companies, made(companies), part, progress=tell))
    whole = {name: _joined(own) for name, own in runs.items()}
    return Study(enterprise, whole, {name: results(own, enterprise) for name, own in whole.items()})


def _joined(runs: list[Run]) -> Run:
    """Return the runs of several batches as one."""
    return Run(**{name: np.concatenate([getattr(one, name) for one in runs]) for name in vars(runs[0])})


def rules(numbers: Mapping[str, Mapping[str, int]]) -> dict[str, Callable[[Companies], Policy]]:
    """Return what makes each rule with its numbers, as :func:`study` takes it.

    Args:
        numbers: by rule, then by name of the number.
    """

    def made(name: str) -> Callable[[Companies], Policy]:
        return lambda companies: manager(companies, name, numbers[name])

    return {name: made(name) for name in numbers}


# -- how gains last --


@dataclass(frozen=True)
class Erosion:
    """How a policy's gain in working capital lasts, on the mean over all companies.

    Attributes:
        peak: the most that was released, in money.
        peak_month: when.
        half_months: months from then until half of it was gone; NaN: never.
        left: share of the peak that is left at the end; NaN: nothing was released.
    """

    peak: float
    peak_month: float
    half_months: float
    left: float


def erosion(run: Run, periods_per_year: int) -> Erosion:
    """Return how the released working capital of a policy lasts."""
    gain = (run.opening[:, None] - run.working_capital).mean(axis=0)
    months = 12 / periods_per_year
    peak = int(gain.argmax())
    month = (peak + 1) * months
    if gain[peak] <= 0:
        return Erosion(float(gain[peak]), month, np.nan, np.nan)
    after = np.flatnonzero(gain[peak:] <= gain[peak] / 2)
    half = float(after[0] * months) if len(after) else np.nan
    return Erosion(float(gain[peak]), month, half, float(gain[-1] / gain[peak]))


# -- sensitivity --

SHOCK_RATES: Final = ("outage", "demand_shift", "escape", "budget_cut")
HALF_AND_TWICE: Final = (0.5, 2.0)
MONEY: Final = ("budget", "rollout", "overhead")
PRICES: Final = ("backlog", "lost", "repair", "returned", "wip", "finished_goods")


@dataclass(frozen=True)
class Change:
    """One assumption moved to one end of its range: its path in the description, the value, and that of the study."""

    path: str
    value: float
    usual: float


def changes(enterprise: Enterprise) -> Iterator[Change]:
    """Yield assumptions, one at a time.

    Every constant of ``Dynamics`` and ``Planning`` is moved to both ends of its range. What has no range of its own is
    halved and doubled: how often each shock comes, money, prices and the cost of capital, where they are one number
    and not 0. The best that a capability can do is moved by a quarter and a half of the way to its worst.
    """
    for part, kind in (("dynamics", Dynamics), ("planning", Planning)):
        own = getattr(enterprise, part)
        for constant in constants_of(kind):
            for value in (constant.low, constant.high):
                yield Change(f"{part}.{constant.name}", value, getattr(own, constant.name))
    for group, names in (("shocks", SHOCK_RATES), ("money", MONEY), ("line.prices", PRICES)):
        for name in names:
            path = f"{group}.{name}.per_year" if group == "shocks" else f"{group}.{name}"
            usual = _at(enterprise, path)
            if usual:
                for times in HALF_AND_TWICE:
                    yield Change(path, round(usual * times, 6), usual)
    finance = enterprise.line.finance
    if finance is not None:
        for times in HALF_AND_TWICE:
            yield Change("line.finance.capital_cost", finance.capital_cost * times, finance.capital_cost)
    for capability, effects in enterprise.capabilities:
        for i, effect in enumerate(effects):
            best = effect.best
            for value in (best + 0.25 * (effect.worst - best), best + 0.5 * (effect.worst - best)):
                whole = effect.parameter.endswith("_slots")
                yield Change(f"capabilities.{capability}.{i}.best", round(value) if whole else round(value, 6), best)


def _at(enterprise: Enterprise, path: str) -> float:
    value: Any = enterprise
    for step in path.split("."):
        value = getattr(value, step)
    return float(value) if not isinstance(value, tuple) else 0.0


def changed(enterprise: Enterprise, change: Change) -> Enterprise:
    """Return an enterprise with one assumption moved."""
    description = enterprise.model_dump(mode="json")
    *steps, last = change.path.split(".")
    place: Any = description
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[last] = change.value
    return load_enterprise(_without_none(description))


def _without_none(value: Any) -> Any:
    """Return a description without its empty keys, which mean the same as absent ones."""
    if isinstance(value, dict):
        return {key: _without_none(one) for key, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value
