"""One company's years as they are written down: its periods, what was decided, what was in the news."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.analysis import Analysis
from jitgym.enterprise.company import Companies
from jitgym.enterprise.money import COIN
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import row_of
from jitgym.enterprise.sights import Overview
from jitgym.web.news import News, Situation, news_of
from jitgym.web.shortage import Shortage

Ints = npt.NDArray[np.int64]

DIGITS = 4
"""Digits behind the point that a page is sent."""


class Chronicle:
    """What has happened in a company so far.

    Args:
        companies: one company at its start, which is stepped.

    Attributes:
        companies: the company.
        opening: working capital at the start.
        stock: worth of the stock at the start.
        people: capability of people at the start, of each line.
        capability: of changeover, quality and maintenance at the start, mean of all lines.
        rows: what is kept of every period, see :func:`jitgym.enterprise.runs.row_of`.
        decisions: of every period, ``(n_levers,)``.
        news: of every period.
        shown: of every period what management sees, as JSON has it.
        sight: what an overview shows of the start and after every period, ``(1, n_entries)``.
    """

    def __init__(self, companies: Companies) -> None:
        self.companies = companies
        self.opening = companies.state.balance.working_capital / COIN
        self.stock = float(companies.state.balance.inventory[0]) / COIN
        self.people = companies.state.abilities.lines[0, :, 3].copy()
        self.capability = float(companies.state.abilities.lines[0, :, :3].mean())
        self._overview = Overview(companies)
        self.sight = self._overview.observe()
        self.rows: list[dict[str, Any]] = []
        self.decisions: list[Ints] = []
        self.news: list[list[News]] = []
        self._lacked = Shortage()
        self.start = self._seen()
        self.shown: list[dict[str, Any]] = []

    def __len__(self) -> int:
        """Return the number of periods that have passed, and of which all is written down."""
        return len(self.shown)

    def step(self, decisions: Ints) -> None:
        """Let a period pass.

        Raises:
            InputError: a decision out of its range; nothing is changed then.
        """
        before = Situation.of(self.companies)
        period = self.companies.step(decisions)
        spent = period.spent[0] / COIN
        self.rows.append(row_of(self.companies, period))
        self.decisions.append(np.array(decisions, dtype=np.int64).reshape(-1))
        lacks = self._lacked.after(self.companies, before.waiting, self.decisions[-1], spent)
        self.news.append(news_of(self.companies, before, self.decisions[-1], self._lacked, lacks))
        self._lacked = lacks
        self.sight = self._overview.observe()
        self.shown.append(
            {
                **self._seen(),
                "profit": round(float(period.account.economic_profit[0]) / COIN),
                "spent": round(float(spent.sum())),
                "decisions": self.decisions[-1].tolist(),
                "news": [one.as_data() for one in self.news[-1]],
            }
        )

    def _seen(self) -> dict[str, Any]:
        """Return what management sees now: never a true capability, and no luck to come."""
        state = self.companies.state
        lines, suppliers = self._overview.audits()
        return {
            "cash": round(float(state.balance.cash[0]) / COIN),
            "capital": round(float(state.balance.working_capital[0]) / COIN),
            "stock": round(float(state.balance.inventory[0]) / COIN),
            "left": round(float(state.pool[0]) / COIN),
            "cut": bool(state.trouble.cut[0] > 0),
            "stage": state.stage[0].tolist(),
            "cards": state.cards[0].tolist(),
            "measures": state.measures[0].round(DIGITS).tolist(),
            "change": (state.measures - state.trend)[0].round(DIGITS).tolist(),
            "on_time": state.on_time[0].round(DIGITS).tolist(),
            "on_time_change": (state.on_time - state.on_time_trend)[0].round(DIGITS).tolist(),
            "audits": lines[0].round(3).tolist(),
            "supplier_audits": suppliers[0].round(3).tolist(),
            "waiting": state.waiting[0].tolist(),
        }

    def outline(self, periods: int) -> list[dict[str, Any]]:
        """Return of the first periods what is drawn of others: money, service, audits, stages and cards."""
        fill = list(MEASURES).index("fill_rate")
        return [
            {
                "profit": row["profit"],
                "capital": row["capital"],
                "fill": round(float(np.mean([line[fill] for line in row["measures"]])), DIGITS),
                "audit": round(float(np.mean([line[:3] for line in row["audits"]])), 3),
                "stage": row["stage"],
                "cards": row["cards"],
            }
            for row in self.shown[:periods]
        ]

    def truth(self) -> dict[str, Any]:
        """Return what nobody saw: the true capabilities after every period."""
        return {
            "capability": [round(float(row["capability"].mean()), 3) for row in self.rows],
            "people": [round(float(row["people"].mean()), 3) for row in self.rows],
            "discipline": [round(float(row["discipline"].mean()), 3) for row in self.rows],
        }


def consultants_report(companies: Companies) -> dict[str, Any]:
    """Return the verdicts of the demand analysis and of the qualification of suppliers, as a page shows them."""
    found = Analysis.of(companies)
    enterprise, records = companies.enterprise, companies.records
    promised, on_time = records.promised.sum(axis=0), records.on_time.sum(axis=0)
    products = enterprise.line.product_names or ("",)
    lines = [
        {
            "name": name,
            "suits": bool(found.suits[i]),
            "place": int(np.flatnonzero(found.order == i)[0]) + 1,
            "products": [
                {"name": product, "suits": verdict.suits, "sentence": verdict.sentence}
                for product, verdict in zip(products, found.verdicts[i], strict=True)
            ],
        }
        for i, name in enumerate(enterprise.line_names)
    ]
    suppliers = [
        {
            "name": name,
            "judgement": found.judgements[i],
            "on_time": round(float(on_time[i] / promised[i]), DIGITS) if promised[i] else None,
            "units": int(promised[i]),
        }
        for i, name in enumerate(enterprise.supplier_names)
    ]
    return {"lines": lines, "suppliers": suppliers}
