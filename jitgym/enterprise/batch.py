"""The lines of an enterprise as one scenario, of which a simulator steps the lines of many companies at once.

The scenario is that of the enterprise's line with two changes: every control that the plan needs, and, under ``vary``,
every parameter that a capability or a shock sets. A row of :class:`Parameters` says what a capability makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.parts import LINE_CAPABILITIES, Effect
from jitgym.fields import PARAMETERS
from jitgym.laws import DEMAND_LEVELS
from jitgym.parts import LEAST_CHANCE, MOST_TIMES
from jitgym.scenario import Scenario, load_scenario

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

MOST_CARDS: Final = 400
"""Most cards of a product at a stage."""
MOST_UNITS: Final = 2000
"""Most units released, or ordered, in a day."""
NO_OUTAGE: Final = {"fail": 0.0, "recover": 1.0}


def batch_scenario(enterprise: Enterprise) -> Scenario:
    """Return the scenario of a batch of lines of an enterprise."""
    line = enterprise.line
    description = line.model_dump(mode="json", exclude_defaults=True)
    description |= {
        "name": f"{enterprise.name}-lines"[:40],
        "control": _controls(line),
        "vary": [*_demands(enterprise), *_varied(enterprise), *_outages(enterprise)],
        "horizon": enterprise.days * enterprise.horizon,
    }
    for supplier, given in zip(line.suppliers, description["suppliers"] if line.suppliers else [], strict=True):
        given["outage"] = {**NO_OUTAGE, **(given.get("outage") or {})}
        given |= {"review": 1} if supplier.review > line.slots_per_step else {}
    return load_scenario(description)


def _controls(line: Scenario) -> list[dict[str, Any]]:
    firsts = [stage for i, stage in enumerate(line.stage_names) if i not in line.followers]
    controls = [
        {"knob": "kanban", "low": 1, "high": MOST_CARDS, "default": "off", "off": True},
        {"knob": "lot", "low": 1, "high": MOST_CARDS, "default": 1},
        {"knob": "release", "at": firsts, "low": 0, "high": MOST_UNITS, "default": 0},
    ]
    return [*controls, {"knob": "order", "low": 0, "high": MOST_UNITS, "default": 0}] if line.suppliers else controls


def _demands(enterprise: Enterprise) -> list[dict[str, Any]]:
    """Vary the law of each product from line to line, and its mean as demand shifts."""
    shift = enterprise.shocks.demand_shift
    names = enterprise.line.product_names
    varied = []
    for product in range(enterprise.line.n_products):
        laws = [enterprise.laws_of(line)[product] for line in range(len(enterprise.lines))]
        row: dict[str, Any] = {"parameter": "demand", "low": shift.low, "high": shift.high}
        row["laws"] = [law.model_dump(mode="json", exclude_defaults=True) for law in laws if law is not None]
        varied.append({**row, "product": names[product]} if names else row)
    return varied


def _varied(enterprise: Enterprise) -> list[dict[str, Any]]:
    """Vary what capabilities set, as far as any line may come."""
    rows = []
    for _, effect in enterprise.effects:
        times = [line.times.get(effect.parameter, 1.0) for line in enterprise.lines]
        values = [own_value(effect.parameter, value, t) for value in (effect.worst, effect.best) for t in times]
        high = max(values)
        if effect.parameter == "defect":
            high = min(high * enterprise.shocks.escape.times, MOST_TIMES)
        row: dict[str, Any] = {"parameter": effect.parameter, "low": min(values), "high": high}
        rows.append({**row, "at": list(effect.at)} if effect.at is not None else row)
    return rows


def _outages(enterprise: Enterprise) -> list[dict[str, Any]]:
    """Vary what a supplier that is down needs."""
    if not enterprise.line.suppliers:
        return []
    return [
        {"parameter": "fail", "low": 0.0, "high": 1.0},
        {"parameter": "recover", "low": LEAST_CHANCE, "high": 1.0},
    ]


def own_value(parameter: str, value: float, times: float) -> float:
    """Return what a line has in place of a capability's value: so many times of it, inside what is possible."""
    unit = next(kind.unit for kind in PARAMETERS if kind.name == parameter)
    if unit == "slots":
        return float(max(1, round(value * times)))
    return min(value * times, 1.0 if unit == "probability" else float(MOST_TIMES))


@dataclass(frozen=True)
class Parameters:
    """What each varying parameter of each line is at no capability and at full capability, and which one it follows.

    Capabilities of a company stand in one row: those of line 0, 1, ..., four each, then those of the suppliers, then
    how undisturbed each line is, then a 1 for what nothing sets.

    Attributes:
        worst: ``(n_lines, n_varied)``.
        best: the same.
        source: column of the row of capabilities, ``(n_lines, n_varied)``.
        whole: whether a parameter counts slots, ``(n_varied,)``.
        demand: columns of the products' demand, ``(n_products,)``.
        fail: columns of the suppliers' outages, by supplier of the scenario.
        recover: the same.
        defect: columns of defects.
    """

    worst: Floats
    best: Floats
    source: Places
    whole: npt.NDArray[np.bool_]
    demand: Places
    fail: Places
    recover: Places
    defect: Places

    @classmethod
    def of(cls, enterprise: Enterprise, varied: tuple[tuple[str, int], ...]) -> Parameters:
        """Return the parameters of an enterprise.

        Args:
            enterprise: whose.
            varied: kind and place of every varying parameter of :func:`batch_scenario`.
        """
        n_lines, n_suppliers = len(enterprise.lines), len(enterprise.suppliers)
        n_kinds = len(LINE_CAPABILITIES)
        undisturbed = n_lines * n_kinds + n_suppliers
        worst = np.zeros((n_lines, len(varied)))
        best = np.zeros((n_lines, len(varied)))
        source = np.full((n_lines, len(varied)), undisturbed + n_lines, dtype=np.intp)
        effects = {place: pair for pair in enterprise.effects for place in _places(enterprise.line, pair[1])}
        for column, (kind, place) in enumerate(varied):
            found = effects.get((kind, place))
            for line in range(n_lines):
                if found is None:
                    worst[line, column] = best[line, column] = _usual(enterprise.line, kind, place)
                    continue
                capability, effect = found
                times = enterprise.lines[line].times.get(kind, 1.0)
                worst[line, column] = own_value(kind, effect.worst, times)
                best[line, column] = own_value(kind, effect.best, times)
                if capability == "supplier":
                    name = enterprise.line.supplier_names[place]
                    source[line, column] = n_lines * n_kinds + enterprise.supplier_of(line, name)
                elif capability == "disruption":
                    source[line, column] = undisturbed + line
                else:
                    source[line, column] = line * n_kinds + LINE_CAPABILITIES.index(capability)
        units = {kind.name: kind.unit for kind in PARAMETERS}
        kinds = [kind for kind, _ in varied]

        def columns(wanted: str) -> Places:
            return np.array([c for c, kind in enumerate(kinds) if kind == wanted], dtype=np.intp)

        whole = np.array([units[kind] == "slots" for kind in kinds])
        return cls(worst, best, source, whole, *(columns(kind) for kind in ("demand", "fail", "recover", "defect")))

    def values(self, capabilities: Floats) -> Floats:
        """Return the parameters of every line, ``(n_companies, n_lines, n_varied)``, demand and shocks not yet in.

        Args:
            capabilities: a row for each company.
        """
        values = self.worst + (self.best - self.worst) * capabilities[:, self.source]
        values[..., self.whole] = np.rint(values[..., self.whole])
        return values


def _usual(line: Scenario, kind: str, place: int) -> float:
    """Return what a parameter is that only shocks set."""
    if kind not in NO_OUTAGE:
        return 0.0
    outage = line.suppliers[place].outage
    return NO_OUTAGE[kind] if outage is None else float(getattr(outage, kind))


def _places(line: Scenario, effect: Effect) -> list[tuple[str, int]]:
    """Return kind and place of every parameter that an effect sets; products of a stage have one value."""
    kind = next(kind for kind in PARAMETERS if kind.name == effect.parameter)
    names = line.supplier_names if kind.axis == "supplier" else line.stage_names
    at = [names.index(name) for name in effect.at or line.places_to_vary(effect.parameter)]
    if kind.axis == "stage_product":
        return [(kind.name, i * line.n_products + p) for i in at for p in range(line.n_products)]
    return [(kind.name, i) for i in at]


def demand_levels(lines: Places, shift: Floats, low: float, high: float) -> Floats:
    """Return the numbers of the levels of demand, see ``Scenario.demand_levels``, of lines whose demand has shifted.

    Args:
        lines: ``(n_lines,)``, whose law.
        shift: ``(n_companies, n_lines)``, times the mean; the nearest level is taken.
        low: the least shift.
        high: the most.
    """
    if high == low:
        return np.broadcast_to(lines.astype(np.float64), shift.shape)
    found: Floats = np.rint((shift - low) / (high - low) * (DEMAND_LEVELS - 1))
    found += lines * DEMAND_LEVELS
    return found
