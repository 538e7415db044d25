"""Policies of management compared on the same luck, the claims that are made of them, and what the claims hang on.

A *claim* is a paired difference between two policies in what ten years come to, company by company under the same seed,
with an interval. It holds, is turned round, or is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.managers import manager
from jitgym.enterprise.runs import Run, results, run
from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.seeds import seed_bank
from jitgym.stats import Interval, bca

Floats = npt.NDArray[np.float64]
Finding = Literal["holds", "turned round", "not shown"]

RESAMPLES: Final = 1000
"""Of the companies, for the interval of a figure that is of their mean."""
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

    @property
    def policies(self) -> tuple[str, ...]:
        """Whose runs it is checked on."""
        return (self.better, self.worse)


@dataclass(frozen=True)
class Lasting:
    """Half of what a policy released is gone so many months after the most was: how few, and how many."""

    name: str
    policy: str
    low: float
    high: float
    sentence: str
    result: str = "months"

    @property
    def policies(self) -> tuple[str, ...]:
        """Whose runs it is checked on."""
        return (self.policy,)


PROFIT: Final = "economic_profit"
CLAIMS: Final[tuple[Claim | Lasting, ...]] = (
    Claim("technique", "never", "technique", PROFIT, "pull as a technique alone earns less than push did"),
    Lasting("erosion", "by the book", 12, 24, "half of what pull by the book released is gone in 12 to 24 months"),
    Claim("phased", "phased", "never", PROFIT, "a phased roll-out with upkeep earns more than push"),
    Claim("big bang", "phased", "big bang", PROFIT, "phased earns more than big bang under the same budget"),
    Claim(
        "readiness", "phased", "big bang in scope", PROFIT,
        "on the same lines, phases and gates earn more than all at once",
    ),
    Claim("scope", "big bang in scope", "big bang", PROFIT, "lumpy demand is better left under push"),
    Claim("suppliers", "phased", "own lines only", PROFIT, "supplier development and a second source pay"),
    Claim(
        "reliability", "maintenance first", "roll-out first", PROFIT,
        "maintenance before roll-out earns more than after it",
    ),
    Claim("reflex", "phased", "buffer reflex", PROFIT, "cards put back after every bad month cost profit"),
    Claim("stock", "phased", "buffer reflex", "released", "cards put back after every bad month cost working capital"),
    Claim(
        "relief", "buffered kaizen", "lean kaizen", "fill_rate",
        "where buffers cover problems, service is better, all else equal",
    ),
    Claim(
        "trap", "lean kaizen", "buffered kaizen", "capability",
        "where buffers cover problems, capability ends lower, all else equal",
    ),
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

    def check(self, claim: Claim | Lasting) -> tuple[Finding, Interval]:
        """Return what becomes of a claim, and the difference, or the months."""
        if isinstance(claim, Lasting):
            months = half_gone(self.runs[claim.policy], self.enterprise.periods_per_year)
            inside = claim.low <= months.low and months.high <= claim.high
            outside = months.high < claim.low or months.low > claim.high
            return ("holds" if inside else "turned round" if outside else "not shown"), months
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
    gain = _gains(run).mean(axis=0)
    months = 12 / periods_per_year
    peak = int(gain.argmax())
    left = float(gain[-1] / gain[peak]) if gain[peak] > 0 else np.nan
    half = _half_gone(gain) * months
    return Erosion(float(gain[peak]), (peak + 1) * months, half if np.isfinite(half) else np.nan, left)


def half_gone(run: Run, periods_per_year: int) -> Interval:
    """Return the months from the most that was released until half of it was gone, on the mean over companies.

    The interval is the bootstrap's, over companies; infinite where half stays, or nothing was released.
    """
    gains, months = _gains(run), 12 / periods_per_year
    rng = np.random.default_rng(0)
    n = len(gains)
    picks = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
    drawn = np.sort([_half_gone(gain) * months for gain in picks @ gains])
    low, high = (float(drawn[round(share * (RESAMPLES - 1))]) for share in (0.025, 0.975))
    told = float(_half_gone(gains.mean(axis=0)) * months)
    error = float(np.std(drawn)) if np.isfinite(drawn).all() else np.inf
    return Interval(told, error, low, high)


def _gains(run: Run) -> Floats:
    """Return the working capital released since the start, ``(n, n_periods)``."""
    return run.opening[:, None] - run.working_capital


def _half_gone(gain: Floats) -> float:
    """Return the periods from the most of a gain until half of it was gone; infinite where it never is."""
    peak = int(gain.argmax())
    after = np.flatnonzero(gain[peak:] <= gain[peak] / 2)
    return float(after[0]) if gain[peak] > 0 and len(after) else np.inf
