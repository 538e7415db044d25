"""Hold-out shifts: the same line in a world that changed after the rules were tuned and the agents trained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from jitgym.errors import InputError
from jitgym.scenario import Scenario, ScenarioError, load_scenario

Description = dict[str, Any]


SHORT: Final = 1000
"""Slots of a recorded demand whose end matters."""


@dataclass(frozen=True)
class Shift:
    """A change of the world.

    Attributes:
        meaning: in a few words.
        change: writes it into a description; returns whether there was anything to change.
    """

    meaning: str
    change: Callable[[Description], bool]


def _more_demand(description: Description) -> bool:
    """Multiply mean demand by 1.2, in place, or by what is possible."""
    laws = [description["demand"].get("law"), *(p.get("law") for p in description.get("products", ()))]
    most = 1 / _highest_rate(description)
    changed = [_scale_law(law, 1.2, most) for law in laws if law is not None and law.get("saturated") is None]
    for one in description.get("vary", ()):
        changed += [_scale_law(law, 1.2, most / max(one["high"], 1)) for law in one.get("laws") or ()]
    return any(changed)


def _highest_rate(description: Description) -> float:
    """Return what regime and season multiply demand by at most, of any product."""
    demand, products, top = description["demand"], description.get("products", ()), 1.0
    for key in ("regimes", "season"):
        rates = [demand[key]["rates"]] if demand.get(key) is not None else []
        top *= max((max(row) for row in [*rates, *(p[key] for p in products if p.get(key) is not None)]), default=1.0)
    return top


def _scale_law(law: Description, factor: float, most: float) -> bool:
    """Multiply the mean of a law, in place, a probability to ``most`` at most; return whether it is another now."""
    before = copy.deepcopy(law)
    if law.get("trace") is not None:
        law["trace"] = _scaled_trace(law["trace"], factor)
    elif law.get("table") is not None:
        law["table"] = _scaled_table(law["table"], factor)
    elif law.get("negative_binomial") is not None:
        law["negative_binomial"]["mean"] *= factor
    elif law.get("poisson") is not None:
        law["poisson"] *= factor
    else:
        law["bernoulli"] = max(law["bernoulli"], min(most, law["bernoulli"] * factor))
    return law != before


def _scaled_trace(trace: Any, factor: float) -> list[int]:
    """Return a recorded demand with its sum multiplied, the rounding carried from slot to slot.

    A short one is told five times over, so that nothing is lost by rounding where it begins again.
    """
    total, out = 0, []
    for units in [*trace] * (5 if len(trace) < SHORT else 1):
        out.append(int((total + units) * factor + 1e-9) - int(total * factor + 1e-9))
        total += units
    return out


def _scaled_table(table: Any, factor: float) -> list[float]:
    """Return probabilities of 0, 1, ... units whose mean is multiplied: units are added, the last of them by chance."""
    added = (factor - 1) * sum(units * p for units, p in enumerate(table))
    whole, more = int(added), added % 1
    lower, upper = [*table, 0.0], [0.0, *table]
    return [0.0] * whole + [(1 - more) * p + more * q for p, q in zip(lower, upper, strict=True)]


def _more_lateness(description: Description) -> bool:
    """Double the share of late deliveries, and the time that it takes to catch up."""
    late = [s for s in description.get("suppliers", ()) if s.get("on_time", 1.0) < 1]
    for supplier in late:
        supplier["on_time"] = _twice_as_late(supplier["on_time"])
        supplier["catch_up"] = supplier.get("catch_up", 1.0) / 2
    varied = [one for one in description.get("vary", ()) if one["parameter"] in ("on_time", "catch_up")]
    for one in varied:
        for end in ("low", "high"):
            one[end] = _twice_as_late(one[end]) if one["parameter"] == "on_time" else one[end] / 2
    return bool(late or varied)


def _twice_as_late(on_time: float) -> float:
    return max(0.0, 1 - 2 * (1 - on_time))


def _more_breakdowns(description: Description) -> bool:
    """Double every hazard of breaking down."""
    failures = [stage["failure"] for stage in description["stages"] if stage.get("failure") is not None]
    for failure in failures:
        law = failure["law"]
        if law.get("geometric") is not None:
            law["geometric"] = min(1.0, 2 * law["geometric"])
        elif law.get("table") is not None:
            law["table"] = [min(1.0, 2 * p) for p in law["table"]]
        else:  # hazards are 1 - exp(-x) with x of scale ** -shape
            law["weibull"]["scale"] /= 2 ** (1 / law["weibull"]["shape"])
    return bool(failures)


def _new_regime(description: Description) -> bool:
    """Let demand fall to half in spells that were never seen."""
    demand = description["demand"]
    laws = [demand.get("law"), *(p.get("law") for p in description.get("products", ()))]
    if demand.get("regimes") is not None or not all(law is None or _has_mean(law) for law in laws):
        return False
    demand["regimes"] = {"switch": [[0.99, 0.01], [0.03, 0.97]], "rates": [1.0, 0.5]}
    return True


def _has_mean(law: Description) -> bool:
    return any(law.get(kind) is not None for kind in ("bernoulli", "poisson", "negative_binomial"))


SHIFTS: Final[dict[str, Shift]] = {
    "demand": Shift("demand + 20 %, or as much of it as one unit in a slot allows", _more_demand),
    "lateness": Shift("twice as many late deliveries, twice as late", _more_lateness),
    "breakdowns": Shift("twice as many breakdowns", _more_breakdowns),
    "regime": Shift("spells of half the demand, never seen", _new_regime),
}


def shifted(scenario: Scenario, name: str) -> Scenario | None:
    """Return a line after a shift, its name with the shift's; None where there is nothing to shift.

    Raises:
        InputError: an unknown shift, or one that makes the line impossible.
    """
    if name not in SHIFTS:
        raise InputError(f"shift must be of {', '.join(SHIFTS)}, got {name!r}")
    description = scenario.model_dump(mode="json", exclude_none=True)
    if not SHIFTS[name].change(description):
        return None
    description["name"] = f"{scenario.name}-{name}"[:40]
    try:
        return load_scenario(description)
    except ScenarioError as error:
        raise InputError(f"{scenario.name} cannot be shifted by {name!r}: {error}") from error
