"""What a company can tell from its records before it decides anything: which lines suit pull, which suppliers do not.

Demand is judged by :func:`jitgym.fit.classes.pull_verdict`, and suppliers by the share of units that came on the day
they were promised for, against a standard (:func:`jitgym.fit.qualification.judge`): the same verdicts that are given on
a plant's own files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from jitgym.enterprise.company import Companies
from jitgym.fit.classes import Verdict, pattern_of, pull_verdict
from jitgym.fit.qualification import Judgement, judge

Bools = npt.NDArray[np.bool_]

ON_TIME: Final = 0.95
"""Standard that suppliers are held to."""
DAYS_A_WEEK: Final = 5


@dataclass(frozen=True)
class Analysis:
    """Verdicts on the records of a company.

    Attributes:
        verdicts: of each product of each line.
        suits: lines of which most of what is sold suits pull, with care or without, ``(n_lines,)``.
        order: numbers of the lines, the most suitable first: those that suit, the steadiest demand first.
        judgements: of each supplier against the standard of being on time; ``not shown`` where it delivered nothing.
        late_suppliers: those who fail it, ``(n_suppliers,)``.
    """

    verdicts: tuple[tuple[Verdict, ...], ...]
    suits: Bools
    order: npt.NDArray[np.intp]
    judgements: tuple[Judgement, ...]
    late_suppliers: Bools

    @classmethod
    def of(cls, companies: Companies) -> Analysis:
        """Judge the records that all companies of an enterprise share."""
        records = companies.records
        demand = records.demand
        whole = len(demand) // DAYS_A_WEEK * DAYS_A_WEEK
        weekly = demand[:whole].reshape(-1, DAYS_A_WEEK, *demand.shape[1:]).sum(axis=1)
        verdicts, suits, spread = [], [], []
        for line in range(demand.shape[1]):
            own = [_verdict(demand[:, line, p], weekly[:, line, p]) for p in range(demand.shape[2])]
            sold = demand[:, line].sum(axis=0)
            good = sum(sold[p] for p, verdict in enumerate(own) if verdict.suits != "not yet")
            verdicts.append(tuple(own))
            suits.append(2 * good > sold.sum())
            total = demand[:, line].sum(axis=1)
            spread.append(pattern_of(total).cv if total.any() else np.inf)
        order = np.lexsort((np.array(spread), ~np.array(suits, dtype=bool)))
        promised, on_time = records.promised.sum(axis=0), records.on_time.sum(axis=0)
        judgements = tuple(
            judge(_interval(int(good), int(n)), ON_TIME) if n else "not shown"
            for good, n in zip(on_time, promised, strict=True)
        )
        late = np.array([judgement == "fails" for judgement in judgements], dtype=bool)
        return cls(tuple(verdicts), np.array(suits, dtype=bool), order, judgements, late)


def _verdict(daily: npt.NDArray[np.int64], weekly: npt.NDArray[np.int64]) -> Verdict:
    if not daily.any():
        return Verdict("not yet", "not yet: no demand on record")
    return pull_verdict(daily, weekly)


def _interval(good: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    found = stats.binomtest(good, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
