"""Where companies stand, what a period came to, and what is on record of their history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.capability import Abilities
from jitgym.enterprise.money import Account, Balance
from jitgym.enterprise.planning import Plan
from jitgym.enterprise.rows import Rows
from jitgym.enterprise.shocks import Trouble
from jitgym.ledger import Ledger

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NEVER = -1
"""Periods until an alternative supplier may deliver, where nobody has begun to qualify it."""


@dataclass
class State(Rows):
    """Where companies stand, besides their lines; the first axis is companies.

    Attributes:
        root: seed of all episodes, ``(n,)`` uint64.
        episode: which of them it is.
        seed: of this episode.
        period: periods since it began.
        abilities: what they are good at.
        trouble: what happens to them.
        balance: what they own and owe.
        pool: money left for improvement, in coins.
        stage: stages under pull, ``(n, n_lines)``.
        waiting: periods until a supplier may deliver, ``(n, n_suppliers)``; ``NEVER``: not in qualification.
        forecast: units a slot, ``(n, n_lines, n_products)``.
        ordered: units of each item ordered so far, ``(n, n_lines, n_items)``.
        measures: the scorecard of the last period, ``(n, n_lines, n_measures)``.
        trend: its mean over the periods before, the newer the more, the same shape.
        on_time: of suppliers, ``(n, n_suppliers)``.
        on_time_trend: the same.
        audit: errors of the last audits, ``(n, n_audited)``.
        cards: the safety cards decided last, in steps of the lever, ``(n, n_lines)``.
        profit: economic profit of the last period, in coins.
    """

    root: npt.NDArray[np.uint64]
    episode: npt.NDArray[np.uint32]
    seed: npt.NDArray[np.uint64]
    period: Ints
    abilities: Abilities
    trouble: Trouble
    balance: Balance
    pool: Ints
    stage: Ints
    waiting: Ints
    forecast: Floats
    ordered: Ints
    measures: Floats
    trend: Floats
    on_time: Floats
    on_time_trend: Floats
    audit: Floats
    cards: Ints
    profit: Ints


@dataclass(frozen=True)
class Period:
    """What a period came to.

    Attributes:
        ledger: of all lines, company by company.
        account: the books.
        measures: the scorecard of the lines, ``(n_companies, n_lines, n_measures)``.
        on_time: of the suppliers, ``(n_companies, n_suppliers)``.
        stage: stages under pull, ``(n_companies, n_lines)``.
        spent: money by lever, in coins, ``(n_companies, n_levers)``; a roll-out's and a qualification's too.
        plan: cards, lots and levels that held.
        parameters: of the lines, ``(n_companies * n_lines, n_varied)``.
        working_capital: at the end, in coins, ``(n_companies,)``.
    """

    ledger: Ledger
    account: Account
    measures: Floats
    on_time: Floats
    stage: Ints
    spent: Ints
    plan: Plan
    parameters: Floats
    working_capital: Ints


@dataclass(frozen=True)
class Records:
    """What a company has on record of its history, day by day.

    Attributes:
        demand: of each product, ``(n_days, n_lines, n_products)``.
        promised: units that each supplier promised for the day, ``(n_days, n_suppliers)``.
        on_time: those of them that came on that day.
    """

    demand: Ints
    promised: Ints
    on_time: Ints
