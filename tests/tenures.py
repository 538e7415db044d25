"""What tests of the company that students run share: tenures, and what is done with them."""

from __future__ import annotations

import copy
import time

from enterprises import LINE, SMALL, small

from jitgym.enterprise.description import load_enterprise

COMPONENTS = load_enterprise("components")
SHORT = COMPONENTS.model_copy(update={"horizon": 20})


def begun(office, **wanted):
    return office.begin({"company": "components", **wanted})


def column(tenure, name):
    return tenure.chronicle.companies.levers.column(name)


def decided(tenure, **values):
    """Return the decisions as they stand with some levers set, ``rollout_shafts=1``."""
    decisions = tenure.desired.tolist()
    for name, value in values.items():
        kind, _, who = name.partition("_")
        decisions[column(tenure, f"{kind}[{who}]")] = value
    return decisions


def let(tenure, periods, decisions=None, **more):
    wanted = tenure.desired.tolist() if decisions is None else decisions
    tenure.command({"do": "run", "periods": periods, "decisions": wanted, **more})


def settled(tenure):
    """Return what is shown once the rivals are as far."""
    for _ in range(400):
        shown = tenure.shown()
        if not shown["late"]:
            return shown
        time.sleep(0.02)
    raise AssertionError("the rivals are late")


def lonely():
    """A company of one line and one product, without suppliers."""
    line = copy.deepcopy(LINE)
    for key in ("items", "suppliers", "products"):
        del line[key]
    del line["stages"][0]["setup"]
    line["finance"] = {**line["finance"], "price": 100, "material": 0}
    capabilities = {**SMALL["capabilities"], "supplier": [], "changeover": []}
    return {**small(), "line": line, "suppliers": [], "lines": [{"name": "x"}], "capabilities": capabilities}
