"""The generated parts of docs/enterprise.md: levers, capabilities, scorecard, observation, money and every number."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from enterprise_numbers import ENTERPRISE, LINE

from jitgym.enterprise import capability, money
from jitgym.enterprise.company import Companies
from jitgym.enterprise.constants import Dynamics, Planning, constants_of
from jitgym.enterprise.description import Enterprise, load_enterprise
from jitgym.enterprise.levers import OF_SUPPLIERS, ORDERS
from jitgym.enterprise.parts import Capabilities, Levers
from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import RESULTS
from jitgym.enterprise.sights import BOUND, Overview
from jitgym.enterprise.vector_env import OBJECTIVES
from jitgym.fields import PARAMETERS
from jitgym.files import find_scenario, markdown_table, read_yaml
from jitgym.finance import Books

NAME = "components"
ENTRIES = {
    "stage": ("line", "stages under pull / stages"),
    "cards": ("line", "safety cards decided last / the most"),
    "audit_changeover": ("line", "capability, with the error of an audit"),
    "audit_quality": ("line", "the same"),
    "audit_maintenance": ("line", "the same"),
    "audit_people": ("line", "the same"),
    "audit_discipline": ("line", "discipline of pull, with the error of an audit"),
    "on_time": ("supplier", "share of units that came when they were promised"),
    "on_time_trend": ("supplier", "less its smoothed mean before"),
    "ready": ("supplier", "1 if it may deliver"),
    "qualification": ("supplier", "periods until it may / periods that it takes"),
    "audit": ("supplier", "capability, with the error of an audit"),
    "cash": ("company", "money / fifty reward scales"),
    "working_capital": ("company", "money / fifty reward scales"),
    "economic_profit": ("company", "of the last period / reward scale"),
    "budget_left": ("company", "money for improvement / a year's budget"),
    "budget_cut": ("company", "1 while the budget is cut"),
    "time": ("company", "periods since the start / horizon"),
}
"""Entries of the observation that are no measures: what they are counted for, meaning and scale."""


def parts() -> dict[str, str]:
    """Return every generated part of the page by its name in the marks."""
    enterprise = load_enterprise(NAME)
    return {
        "levers": levers_table(enterprise),
        "equations of capabilities": block_of(capability, 0),
        "parameters of capabilities": capabilities_table(enterprise),
        "identities of money": block_of(money, 0),
        "scorecard": scorecard_table(),
        "observation": observation_table(),
        "objectives": markdown_table(("objective", "reward"), ((f"`{n}`", m) for n, m in OBJECTIVES.items())),
        "results": markdown_table(("result", "unit", "formula"), ((f"`{n}`", u, f) for n, (u, f) in RESULTS.items())),
        "proportions": proportions_table(enterprise),
        "constants of management": constants_table(enterprise.dynamics),
        "constants of planning": constants_table(enterprise.planning),
        "numbers": numbers_table(leaves_of(enterprise), ENTERPRISE),
        "numbers of the line": numbers_table(list(leaves(raw_line(enterprise))), LINE),
    }


def block_of(module: Any, which: int) -> str:
    """Return a block of equations of a module's docstring as code."""
    blocks: list[list[str]] = []
    inside = False
    for line in inspect.cleandoc(str(module.__doc__)).splitlines():
        if inside and line.startswith("    "):
            blocks[-1].append(line[4:])
        elif line.strip():
            inside = line.endswith("::")
            blocks += [[]] if inside else []
    return "\n".join(["```text", *blocks[which], "```"])


def levers_table(enterprise: Enterprise) -> str:
    """Return the kinds of levers with their bounds."""
    rows = []
    for name in (*OF_SUPPLIERS, "changeover", "quality", "maintenance", "training", "rollout", "cards"):
        if name == "rollout":
            orders = "; ".join(f"{order} {what}" for order, what in ORDERS.items())
            bounds, worth, what = f"{min(ORDERS)} to {max(ORDERS)}", "–", orders
        else:
            lever = getattr(enterprise.levers, name)
            bounds, worth = f"{lever.low} to {lever.high}", number(lever.unit)
            what = str(Levers.model_fields[name].description)
        of = "supplier" if name in OF_SUPPLIERS else "line"
        rows.append((f"`{name}`", of, bounds, worth, what))
    return markdown_table(("lever", "of each", "choices", "a step is worth", "what it does"), rows)


def capabilities_table(enterprise: Enterprise) -> str:
    """Return what capabilities set."""
    meaning = {kind.name: kind for kind in PARAMETERS}
    rows = []
    for name, effect in enterprise.effects:
        kind = meaning[effect.parameter]
        of = "all suppliers" if kind.axis == "supplier" else "all stages"
        at = ", ".join(effect.at) if effect.at else of
        worst, best = number(effect.worst), number(effect.best)
        rows.append((name, f"`{effect.parameter}`", at, worst, best, kind.unit, kind.meaning))
    fields = Capabilities.model_fields.items()
    words = "\n".join(f"* `{name}`: {info.description}" for name, info in fields).replace("``", "`")
    heads = ("capability", "parameter", "at", "at 0", "at 1", "unit", "which is")
    return f"{words}\n\n{markdown_table(heads, rows)}"


def scorecard_table() -> str:
    """Return the measures of a line."""
    rows = ((f"`{name}`", unit, formula, number(scale)) for name, (unit, scale, formula) in MEASURES.items())
    return markdown_table(("measure", "unit", "formula", "divided by, in the observation"), rows)


def observation_table() -> str:
    """Return the entries of the observation, and how many there are."""
    overview = Overview(Companies(NAME))
    columns = list(dict.fromkeys(name.partition("[")[0] for name in overview.names))
    rest = [c for c in columns if c.removesuffix("_trend") not in MEASURES]
    rows = [
        ("every measure, such as `turns`", "line", "the scorecard of the last period, see above"),
        (
            "every measure, such as `turns_trend`",
            "line",
            "less its smoothed mean of the periods before, divided as it is",
        ),
        *((f"`{column}`", *ENTRIES[column]) for column in rest),
    ]
    told = f"{len(overview.names)} entries, float32, cut to -{BOUND:g}..{BOUND:g}."
    return f"{told}\n\n{markdown_table(('entry', 'of each', 'meaning, divided by'), rows)}"


def proportions_table(enterprise: Enterprise) -> str:
    """Return what the numbers come to, beside what the literature calls usual."""
    line, finance = enterprise.line, enterprise.line.finance
    assert finance is not None
    books = Books(line)
    laws = [law for i in range(len(enterprise.lines)) for law in enterprise.laws_of(i)]
    units = line.slots_per_year * sum(law.mean for law in laws if law is not None)
    price = line.listed(finance.price, "products")[0]  # all products have the same
    added, material = sum(line.listed(finance.added, "stages")), float(books.material.sum())
    revenue = units * price
    held = line.listed(line.prices.finished_goods, "products")[0] * line.slots_per_year / (material + added)
    asked = sum(
        lever.high * lever.unit
        for lever in Companies(enterprise).levers.levers
        if lever.kind not in ("alternative", "rollout", "cards")
    )
    cost = next(s.alternative.cost for s in enterprise.suppliers if s.alternative is not None)
    a_period = enterprise.money.budget / enterprise.periods_per_year
    outages = enterprise.shocks.outage.per_year * len(enterprise.suppliers)
    overhead = enterprise.money.overhead * enterprise.periods_per_year * len(enterprise.lines)
    rows = (
        ("revenue a year, if all that is wanted is shipped", f"{revenue / 1e6:.1f} million", "–"),
        ("improvement budget / revenue", percent(enterprise.money.budget / revenue), "0.3 to 2 %, assumed"),
        ("purchased material / price", percent(material / price), "48 % (Liker & Choi 2004)"),
        ("price less material and what stages add / price", percent(1 - (material + added) / price), "–"),
        ("overhead / revenue", percent(overhead / revenue), "–"),
        (
            "holding a finished unit for a year, capital included / its worth",
            percent(held + finance.capital_cost),
            "20 to 35 % (EagleRock and others, seen second-hand)",
        ),
        ("all levers at their top / budget of a period", f"{asked / a_period:.1f}", "more than 1: there is a choice"),
        (
            "qualification of a second source / a year's spend on its item",
            percent(cost / (units * float(books.material[0]))),
            "2 to 15 %, assumed",
        ),
        (
            "years between outages of a supplier, for the company",
            f"{1 / outages:.1f}" if outages else "never",
            "3.7 (McKinsey 2020, seen second-hand)",
        ),
    )
    return markdown_table(("what", "here", "usual"), rows)


def constants_table(part: Dynamics | Planning) -> str:
    """Return every constant of a part as the enterprise has it."""
    rows = []
    for one in constants_of(type(part)):
        value, span = number(getattr(part, one.name)), f"{number(one.low)}..{number(one.high)}"
        rows.append((f"`{one.name}`", value, span, one.meaning, one.source))
    return markdown_table(("constant", "value", "tried in", "meaning", "source"), rows)


# -- every number of the files --


def raw_line(enterprise: Enterprise) -> Any:
    """Return what the file of the line says."""
    path = find_scenario(enterprise.line.name)
    assert path is not None
    return read_yaml(path.read_text(encoding="utf-8"))


def leaves_of(enterprise: Enterprise) -> list[tuple[tuple[str, ...], float]]:
    """Return every number of an enterprise but those of its line and the constants."""
    constants = {
        "planning": {c.name for c in constants_of(Planning)},
        "dynamics": {c.name for c in constants_of(Dynamics)},
    }
    return list(leaves(enterprise.model_dump(mode="json", exclude={"line": True, **constants})))


def leaves(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield place and value of every number of a description."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*at, str(key)))
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from leaves(inner, (*at, label(inner, i)))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield at, float(value)


def label(entry: Any, i: int) -> str:
    """Return what an entry of a list is called: by its name, its parameter and place, its knob, or its number."""
    if not isinstance(entry, dict):
        return str(i)
    if "parameter" in entry:
        return " ".join([entry["parameter"], *(entry.get("at") or ())])
    return str(entry.get("name") or entry.get("knob") or i)


def numbers_table(found: list[tuple[tuple[str, ...], float]], sources: Iterable[tuple[str, str, str]]) -> str:
    """Return numbers with range and source.

    Raises:
        ValueError: a number has no row, or a row no number.
    """
    left, rows = list(found), []
    for pattern, span, source in sources:
        words = pattern.split("/")
        own = [(at, value) for at, value in left if _fits(at, words)]
        if not own:
            raise ValueError(f"{pattern} must be in the files, got none")
        left = [pair for pair in left if pair not in own]
        wild = [i for i, word in enumerate(words) if word == "*"]
        rows.append((pattern.replace("/", " / ").replace("*", "any"), values_of(own, wild), span, source))
    if left:
        raise ValueError(f"numbers must have a source, got none for {', '.join('/'.join(at) for at, _ in left)}")
    return markdown_table(("number", "value", "plausible", "source"), rows)


def values_of(own: list[tuple[tuple[str, ...], float]], wild: list[int]) -> str:
    """Return values, each with the places that have it."""
    if len({value for _, value in own}) == 1:
        return number(own[0][1])
    where: dict[float, list[str]] = {}
    for at, value in own:
        where.setdefault(value, []).append(" ".join(at[i] for i in wild))
    return "; ".join(f"{number(value)} ({', '.join(names)})" for value, names in where.items())


def _fits(at: tuple[str, ...], words: list[str]) -> bool:
    return len(at) == len(words) and all(fnmatchcase(name, word) for name, word in zip(at, words, strict=True))


def number(value: float) -> str:
    """Return a number without zeros that say nothing."""
    return f"{value:.10g}"


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.1f} %"
