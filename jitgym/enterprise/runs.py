"""Ten years of many companies under a policy: what is kept of every period, and what it came to in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.levers import LeverTable
from jitgym.enterprise.money import COIN
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.sights import Overview
from jitgym.enterprise.state import Period
from jitgym.evaluate import Policy
from jitgym.finance import DAYS_PER_YEAR
from jitgym.scorecard import ratio_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HELD_AFTER_YEARS: Final = 2
"""When it is looked at what is left of the gains: so long after the last thing that was introduced."""


@runtime_checkable
class Watcher(Protocol):
    """A policy that looks at more than the observation: at the companies that it is to manage."""

    def watch(self, companies: Companies) -> None:
        """Be told, before an episode begins, which companies the observations of ``predict`` are of."""


@dataclass(frozen=True)
class Run:
    """What a policy did in all companies, period by period; money in the currency.

    Attributes:
        opening: working capital at the start, ``(n,)``.
        economic_profit: ``(n, n_periods)``.
        profit: the same.
        revenue: the same.
        cost_of_sales: the same.
        made: purchases + added - change of inventory: what the goods sold and lost cost.
        investment: the same.
        working_capital: at the end of each period.
        inventory: at the end of each period.
        receivables: the same.
        payables: the same.
        stage: stages under pull, ``(n, n_periods, n_lines)`` int8.
        cards: safety cards, in steps of the lever, the same shape, int16.
        measures: scorecards, ``(n, n_periods, n_lines, n_measures)`` float32.
        on_time: of suppliers, ``(n, n_periods, n_suppliers)`` float32.
        spent: on each lever, ``(n, n_periods, n_levers)`` float32.
        capability: mean of the lines' changeover, quality and maintenance, ``(n, n_periods, n_lines)`` float32.
        people: the same shape.
        discipline: the same shape.
        supplier_paid: what each supplier charged, ``(n, n_suppliers)``.
        supplier_units: what each delivered.
        supplier_stock: what holding the stock of its items cost, capital included.
    """

    opening: Floats
    economic_profit: Floats
    profit: Floats
    revenue: Floats
    cost_of_sales: Floats
    made: Floats
    investment: Floats
    working_capital: Floats
    inventory: Floats
    receivables: Floats
    payables: Floats
    stage: npt.NDArray[np.int8]
    cards: npt.NDArray[np.int16]
    measures: npt.NDArray[np.float32]
    on_time: npt.NDArray[np.float32]
    spent: npt.NDArray[np.float32]
    capability: npt.NDArray[np.float32]
    people: npt.NDArray[np.float32]
    discipline: npt.NDArray[np.float32]
    supplier_paid: Floats
    supplier_units: Floats
    supplier_stock: Floats

    def measure(self, name: str) -> Floats:
        """Return a measure of the lines, ``(n, n_periods, n_lines)``."""
        return self.measures[..., list(MEASURES).index(name)].astype(np.float64)


def run(
    companies: Companies,
    policy: Policy,
    seeds: npt.ArrayLike,
    periods: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Run:
    """Run a policy for an episode on every seed, all companies at once.

    Args:
        companies: as many as seeds; they are reset to them.
        policy: what decides; its actions are checked against the action space.
        seeds: ``(n_companies,)`` uint64.
        periods: how long; None: the enterprise's horizon.
        progress: called after every period with the share that is done.
    """
    companies.reset(seeds)
    codec = ActionCodec(tuple(lever.knob for lever in companies.levers.levers))
    overview = Overview(companies)
    if isinstance(policy, Watcher):
        policy.watch(companies)
    horizon = companies.enterprise.horizon if periods is None else periods
    opening = companies.state.balance.working_capital / COIN
    memory: Any = None
    start = np.ones(companies.n_companies, dtype=bool)
    rows = []
    for period in range(horizon):
        actions, memory = policy.predict(overview.observe(), memory, start, True)
        rows.append(row_of(companies, companies.step(codec.decode(actions))))
        start = np.zeros(companies.n_companies, dtype=bool)
        if progress is not None:
            progress((period + 1) / horizon)
    return run_of(opening, rows)


def run_of(opening: Floats, rows: Sequence[Mapping[str, Any]]) -> Run:
    """Return the run that periods make, each as :func:`row_of` has it, after an opening ``(n,)``."""
    kept = {name: np.stack([row[name] for row in rows], axis=1) for name in rows[0]}
    for name in ("supplier_paid", "supplier_units", "supplier_stock"):
        kept[name] = kept[name].sum(axis=1)
    return Run(opening=opening, **kept)


def row_of(companies: Companies, period: Period) -> dict[str, Any]:
    """Return what is kept of a period that companies have just had: entries of :class:`Run`, without its periods."""
    account, state = period.account, companies.state
    abilities = state.abilities
    return {
        "economic_profit": account.economic_profit / COIN,
        "profit": account.profit / COIN,
        "revenue": account.revenue / COIN,
        "cost_of_sales": account.cost_of_sales / COIN,
        "made": (account.purchases + account.added - account.inventory_change) / COIN,
        "investment": account.investment / COIN,
        "working_capital": period.working_capital / COIN,
        "inventory": state.balance.inventory / COIN,
        "receivables": state.balance.receivables / COIN,
        "payables": state.balance.payables / COIN,
        "stage": period.stage.astype(np.int8),
        "cards": state.cards.astype(np.int16),
        "measures": period.measures.astype(np.float32),
        "on_time": period.on_time.astype(np.float32),
        "spent": (period.spent / COIN).astype(np.float32),
        "capability": abilities.lines[:, :, :3].mean(axis=2).astype(np.float32),
        "people": abilities.lines[:, :, 3].astype(np.float32),
        "discipline": abilities.discipline.astype(np.float32),
        "supplier_paid": account.supplier_purchases / COIN,
        "supplier_units": account.supplier_units.astype(np.float64),
        "supplier_stock": account.supplier_stock / COIN,
    }


RESULTS: Final = {
    "economic_profit": ("money a year", "mean economic profit"),
    "value": ("money", "economic profit, discounted to the start at the cost of capital"),
    "released": ("money", "working capital at the start - its mean in the last year"),
    "cash_conversion_days": ("days", "of inventory + receivables - payables, in the last year"),
    "turns": ("per year", "cost of sales / inventory, in the last year"),
    "gross_margin": ("share", "(revenue - purchases - added + change of inventory) / revenue, in the last year"),
    "return_on_assets": ("per year", "profit / (fixed assets + inventory + receivables), in the last year"),
    "fill_rate": ("share", "mean of the lines, all years"),
    "lost": ("share", "mean of the lines, all years"),
    "investment": ("money a year", "mean spending on improvement, roll-out and qualification"),
    "stages": ("share", "stages under pull at the end"),
    "capability": ("share", "mean of the lines' changeover, quality and maintenance at the end"),
    "held": (
        "share",
        "of the working capital released by the last roll-out step or qualification, what is left two years on",
    ),
}
"""What ten years come to: unit and formula."""


def results(run: Run, enterprise: Enterprise) -> dict[str, Floats]:
    """Return every entry of ``RESULTS`` for each company, ``(n,)``; NaN where there is nothing to tell."""
    year = enterprise.periods_per_year
    finance = enterprise.line.finance
    assert finance is not None  # an enterprise has books: it is validated
    discount = (1 + finance.capital_cost) ** (-(np.arange(run.profit.shape[1]) + 1) / year)
    last = slice(-year, None)

    def a_day(flow: Floats) -> Floats:
        days: Floats = flow[:, last].sum(axis=1) / min(1.0, flow.shape[1] / year) / DAYS_PER_YEAR
        return days

    inventory, receivables = run.inventory[:, last].mean(axis=1), run.receivables[:, last].mean(axis=1)
    payables = run.payables[:, last].mean(axis=1)
    cost, revenue = a_day(run.cost_of_sales), a_day(run.revenue)
    assets = enterprise.money.fixed_assets * len(enterprise.lines) + inventory + receivables
    n_stages = len(enterprise.line.stages)
    return {
        "economic_profit": run.economic_profit.mean(axis=1) * year,
        "value": (run.economic_profit * discount).sum(axis=1),
        "released": run.opening - run.working_capital[:, last].mean(axis=1),
        "cash_conversion_days": ratio_of(inventory - payables, cost) + ratio_of(receivables, revenue),
        "turns": ratio_of(cost * DAYS_PER_YEAR, inventory),
        "gross_margin": 1 - ratio_of(run.made[:, last].sum(axis=1), run.revenue[:, last].sum(axis=1)),
        "return_on_assets": ratio_of(a_day(run.profit) * DAYS_PER_YEAR, assets),
        "fill_rate": run.measure("fill_rate").mean(axis=(1, 2)),
        "lost": run.measure("lost").mean(axis=(1, 2)),
        "investment": run.investment.mean(axis=1) * year,
        "stages": run.stage[:, -1].mean(axis=1) / n_stages,
        "capability": run.capability[:, -1].mean(axis=1).astype(np.float64),
        "held": held(run, enterprise),
    }


def held(run: Run, enterprise: Enterprise) -> Floats:
    """Return the share of the working capital released when the last thing was introduced that is left two years on.

    What is introduced is a stage of pull or an alternative supplier; upkeep and training are not. Both are means of
    half a year. NaN: nothing was introduced or released, or two years have not passed.
    """
    n, horizon = run.investment.shape
    year = enterprise.periods_per_year
    half = max(1, year // 2)
    levers = LeverTable(enterprise)
    stages = np.diff(run.stage, axis=1, prepend=np.int8(0)) > 0
    introduced = np.any(stages, axis=2) | np.any(run.spent[:, :, levers.columns["alternative"]] > 0, axis=2)
    last = horizon - 1 - np.argmax(introduced[:, ::-1], axis=1)
    later = last + HELD_AFTER_YEARS * year
    fits = introduced.any(axis=1) & (later + half <= horizon)
    means = np.cumsum(np.pad(run.working_capital, ((0, 0), (1, 0))), axis=1)

    def mean_from(at: Ints) -> Floats:
        rows = np.arange(n)
        at = np.clip(at, 0, horizon - half)
        found: Floats = (means[rows, at + half] - means[rows, at]) / half
        return found

    gained, left = run.opening - mean_from(last), run.opening - mean_from(later)
    return np.where(fits & (gained > 0), ratio_of(left, gained), np.nan)


def cost_of_ownership(run: Run, companies: Companies) -> dict[str, Floats]:
    """Return what a unit of each supplier cost in all, ``(n,)`` by supplier.

    That is its price, what was spent on its development and qualification, and what the stock of its items cost to
    hold, capital included. What its lateness cost in service is not: no ledger tells it from other causes.
    """
    names = companies.levers.names
    found = {}
    for place, supplier in enumerate(companies.enterprise.supplier_names):
        columns = [
            names.index(f"{kind}[{supplier}]") for kind in ("develop", "alternative") if f"{kind}[{supplier}]" in names
        ]
        spent = run.spent[:, :, columns].sum(axis=(1, 2), dtype=np.float64)
        found[supplier] = ratio_of(
            run.supplier_paid[:, place] + spent + run.supplier_stock[:, place], run.supplier_units[:, place]
        )
    return found


def months_to_payback(run: Run, base: Run, periods_per_year: int) -> Floats:
    """Return the months after which a policy was behind another for the last time, ``(n,)``; NaN: it still is.

    Behind is who has earned less economic profit since the start, at the end of a period; 0: it never was.

    Args:
        run: the policy.
        base: that it is held against, on the same seeds.
        periods_per_year: of the enterprise.
    """
    ahead = np.cumsum(run.economic_profit - base.economic_profit, axis=1)
    behind = ahead < 0
    last = np.where(behind.any(axis=1), behind.shape[1] - 1 - np.argmax(behind[:, ::-1], axis=1), -1)
    months = (last + 1) * 12 / periods_per_year
    return np.where(last < behind.shape[1] - 1, months, np.nan)
