"""What a study of policies of management came to, as text and as rows for CSV files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from jitgym.enterprise.company import Companies
from jitgym.enterprise.greedy import Greedy
from jitgym.enterprise.managers import MANAGERS
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import RESULTS, cost_of_ownership, months_to_payback
from jitgym.enterprise.study import CLAIMS, Study, erosion
from jitgym.files import markdown_table
from jitgym.stats import interval

BASE: Final = "never"
TOLD: Final = (
    "economic_profit", "released", "turns", "cash_conversion_days", "fill_rate", "return_on_assets", "investment",
)  # fmt: skip
"""Results that the text of a study tells; all are in its rows."""


def results_rows(study: Study) -> Iterator[dict[str, Any]]:
    """Yield a row for every policy and result: mean, standard error, interval of 95 %, companies that it tells of."""
    for name, results in study.results.items():
        for result, values in results.items():
            told = values[np.isfinite(values)]
            row: dict[str, Any] = {"policy": name, "result": result, "unit": RESULTS[result][0], "companies": len(told)}
            if len(told) > 1:
                found = interval(told)
                row |= {"mean": found.mean, "error": found.error, "low": found.low, "high": found.high}
            else:
                row |= dict.fromkeys(("mean", "error", "low", "high"), "")
            yield row


def claims_rows(study: Study) -> Iterator[dict[str, Any]]:
    """Yield a row for every claim whose policies were run."""
    for claim in CLAIMS:
        if set(claim.policies) <= set(study.runs):
            finding, found = study.check(claim)
            yield {
                "claim": claim.name,
                "sentence": claim.sentence,
                "result": claim.result,
                "finding": finding,
                "difference": found.mean,
                "low": found.low,
                "high": found.high,
            }


def best_rule(study: Study) -> str:
    """Return which of the policies that are not learned earns most; which of all where all are learned."""
    names = [name for name in study.results if name in (*MANAGERS, Greedy.name)] or list(study.results)
    return max(names, key=lambda name: float(study.results[name]["economic_profit"].mean()))


def differences_rows(study: Study, reference: str) -> Iterator[dict[str, Any]]:
    """Yield a row for every policy: its paired difference in economic profit a year against a reference."""
    profit = {name: results["economic_profit"] for name, results in study.results.items()}
    for name in study.runs:
        if name != reference:
            found = study.difference(name, reference)
            yield {
                "policy": name,
                "against": reference,
                "difference": found.mean,
                "error": found.error,
                "low": found.low,
                "high": found.high,
                "better in": float((profit[name] > profit[reference]).mean()),
            }


def years_rows(study: Study) -> Iterator[dict[str, Any]]:
    """Yield a row for every policy and year, means over companies."""
    year = study.enterprise.periods_per_year
    for name, run in study.runs.items():
        for k in range(run.profit.shape[1] // year):
            part = slice(k * year, (k + 1) * year)
            row: dict[str, Any] = {
                "policy": name,
                "year": k + 1,
                "economic_profit": float(run.economic_profit[:, part].mean() * year),
                "working_capital": float(run.working_capital[:, part].mean()),
                "investment": float(run.investment[:, part].mean() * year),
                "capability": float(run.capability[:, part].mean()),
                "people": float(run.people[:, part].mean()),
                "discipline": float(run.discipline[:, part].mean()),
                "stages": float(run.stage[:, part].mean()),
            }
            row |= {measure: float(run.measures[:, part, :, i].mean()) for i, measure in enumerate(MEASURES)}
            yield row


def lines_rows(study: Study) -> Iterator[dict[str, Any]]:
    """Yield a row for every policy and line: its last year, and how many companies have it under pull."""
    year = study.enterprise.periods_per_year
    for name, run in study.runs.items():
        for line, which in enumerate(study.enterprise.line_names):
            last = run.measures[:, -year:, line].mean(axis=(0, 1))
            yield {
                "policy": name,
                "line": which,
                "under pull": float((run.stage[:, -1, line] > 0).mean()),
                "stages": float(run.stage[:, -1, line].mean()),
                "cards": float(run.cards[:, -year:, line].mean()),
                "capability": float(run.capability[:, -1, line].mean()),
                "people": float(run.people[:, -1, line].mean()),
                **{measure: float(last[i]) for i, measure in enumerate(MEASURES)},
            }


def erosion_rows(study: Study) -> Iterator[dict[str, Any]]:
    """Yield a row for every policy: how the working capital that it released lasts."""
    for name, run in study.runs.items():
        yield {"policy": name, **vars(erosion(run, study.enterprise.periods_per_year))}


def suppliers_rows(study: Study, companies: Companies) -> Iterator[dict[str, Any]]:
    """Yield a row for every policy and supplier: total cost of ownership of a unit, and being on time in the end."""
    year = study.enterprise.periods_per_year
    for name, run in study.runs.items():
        for place, (supplier, cost) in enumerate(cost_of_ownership(run, companies).items()):
            told = cost[np.isfinite(cost)]
            yield {
                "policy": name,
                "supplier": supplier,
                "cost_of_ownership": float(told.mean()) if len(told) else "",
                "on_time": float(run.on_time[:, -year:, place].mean()),
                "units a year": float(run.supplier_units[:, place].mean() / (run.profit.shape[1] / year)),
            }


def payback_rows(study: Study, base: str = BASE) -> Iterator[dict[str, Any]]:
    """Yield a row for every policy: months until it has caught up with another for good."""
    for name, run in study.runs.items():
        if name != base and base in study.runs:
            months = months_to_payback(run, study.runs[base], study.enterprise.periods_per_year)
            paid = months[np.isfinite(months)]
            median = float(np.median(np.where(np.isfinite(months), months, np.inf)))
            yield {
                "policy": name,
                "against": base,
                "paid back": len(paid) / len(months),
                "median months": median if np.isfinite(median) else "",
            }


def study_text(study: Study, command: str) -> str:
    """Return a study in Markdown: what ten years come to, what becomes of the claims, where pull is, how gains last."""
    n, best = len(next(iter(study.results.values()))["economic_profit"]), best_rule(study)
    parts = [
        f"# {study.enterprise.name}: {n} companies, the same luck for every policy",
        f"`{command}`",
        _results_table(study),
        "## What is claimed",
        _claims_table(study),
        f"## Against the best rule, `{best}`",
        _differences_table(study, best),
        "## Companies that have a line under pull at the end",
        _pull_table(study),
        "## How the working capital that was released lasts",
        _erosion_table(study),
    ]
    return "\n\n".join(parts)


def _by_profit(study: Study) -> list[str]:
    return sorted(study.results, key=lambda name: -float(study.results[name]["economic_profit"].mean()))


def _results_table(study: Study) -> str:
    heads = ["policy", *map(headed, TOLD)]
    rows = [[name, *(_told(study.results[name][result]) for result in TOLD)] for name in _by_profit(study)]
    return markdown_table(heads, rows)


def _claims_table(study: Study) -> str:
    rows = [
        [row["claim"], row["sentence"], row["finding"], ranged(row), headed(row["result"])]
        for row in claims_rows(study)
    ]
    return markdown_table(["claim", "what it says", "finding", "difference, 95 % interval", "in"], rows)


def _differences_table(study: Study, best: str) -> str:
    """Return every policy against the best rule, and how soon it has caught up with push for good."""
    against = {row["policy"]: row for row in differences_rows(study, best)}
    paid = {row["policy"]: row for row in payback_rows(study)}
    rows = []
    for name in _by_profit(study):
        one, back = against.get(name), paid.get(name)
        soon = "" if back is None or back["median months"] == "" else f"{back['median months']:.0f}"
        rows.append(
            [
                name,
                "" if one is None else ranged(one),
                "" if one is None else f"{100 * one['better in']:.0f} %",
                "" if back is None else f"{100 * back['paid back']:.0f} %",
                soon,
            ]
        )
    heads = [
        "policy",
        "economic profit a year, paired",
        "better in",
        f"paid back against {BASE}",
        "after months, median",
    ]
    return markdown_table(heads, rows)


def _pull_table(study: Study) -> str:
    share = {(row["policy"], row["line"]): row["under pull"] for row in lines_rows(study)}
    lines = study.enterprise.line_names
    rows = [[name, *(f"{100 * share[name, line]:.0f} %" for line in lines)] for name in _by_profit(study)]
    return markdown_table(["policy", *lines], rows)


def _erosion_table(study: Study) -> str:
    rows = [
        [
            row["policy"],
            amount(row["peak"]),
            f"{row['peak_month']:.0f}",
            "never" if np.isnan(row["half_months"]) else f"{row['half_months']:.0f}",
            "" if np.isnan(row["left"]) else f"{100 * row['left']:.0f} %",
        ]
        for row in erosion_rows(study)
    ]
    return markdown_table(["policy", "most", "in month", "half gone after months", "left at the end"], rows)


def _told(values: Any) -> str:
    told = values[np.isfinite(values)]
    if len(told) < 2:
        return ""
    found = interval(told)
    return f"{amount(found.mean)} ± {amount(found.high - found.mean)}"


def headed(result: str) -> str:
    """Return the head of a column of a result: its name and unit."""
    if result not in RESULTS:
        return result
    return f"{result.replace('_', ' ')} ({RESULTS[result][0]})"


def ranged(row: Mapping[str, Any]) -> str:
    """Return a difference with its interval."""
    return f"{amount(row['difference'])} [{amount(row['low'])}, {amount(row['high'])}]"


def amount(value: float) -> str:
    """Return a number with three to four digits: thousands with a separator."""
    if not np.isfinite(value):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
