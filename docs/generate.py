"""Writes docs/fields.md, docs/rules.md and the pages and tables of stored results; ``--check`` only compares."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import enterprise_tables

from jitgym.fields import KNOBS, LEDGER, OBSERVATION, STATE
from jitgym.files import markdown_table
from jitgym.fit.schema import schema_tables
from jitgym.kpis import CADENCE
from jitgym.observation import SCALES, axis_label
from jitgym.publish import counted, page_of
from jitgym.scorecard import COST_TERMS, KPIS
from jitgym.settings import System
from jitgym.standings import BEST
from jitgym.supply import SUPPLY
from jitgym.systems import ALIASES, SYSTEMS
from jitgym.upkeep import MAINTENANCE

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parent / "benchmarks" / "results"
CONTEST = RESULTS / "contest"
LEARNED = "PPO"
"""What the learned manager is called in the results of a study."""


def fields_page() -> str:
    """Return the page of fields."""
    code = "`{}`".format
    parts = [
        "# Fields",
        "",
        "Generated from `jitgym/fields.py` by `python docs/generate.py`; do not edit.",
        "",
        "## Observation",
        "",
        "float32, each entry the state field times its scale. Entries of machines that never stop are left out.",
        "",
        markdown_table(
            ("name", "counted for", "meaning", "scale"),
            ((code(f.name), axis_label(f.axis), f.meaning, SCALES[f.scale]) for f in OBSERVATION),
        ),
        "",
        "## Action: the knobs",
        "",
        "`MultiDiscrete`: choice `c` means `low + c`; the choice above `high` means off, where the knob can be off. "
        '`Box` (`action="box"`): [-1, 1] cut into as many equal parts as there are choices.',
        "",
        markdown_table(
            ("knob", "counted for", "unit", "meaning", "alone it gives", "can be off"),
            (
                (
                    code(k.name),
                    axis_label(k.axis),
                    k.unit,
                    k.meaning,
                    k.alone,
                    "at its top" if k.name == "pm_level" else "yes" if k.limit else "no",
                )
                for k in KNOBS
            ),
        ),
        "",
        "## Ledger",
        "",
        'Counts of a step, by field name in `info["ledger"]` and from `Simulator.step`.',
        "",
        markdown_table(
            ("field", "counted for", "unit", "meaning"),
            ((code(f.name), axis_label(f.axis), f.unit, f.meaning) for f in LEDGER),
        ),
        "",
        "## Cost terms",
        "",
        'Prices times ledger, by name in `info["cost"]`; the reward is minus their sum over `reward_scale`.',
        "",
        markdown_table(("term", "priced"), ((code(name), meaning) for name, meaning in COST_TERMS.items())),
        "",
        "## KPIs",
        "",
        markdown_table(
            ("KPI", "unit", "formula"), ((code(name), unit, formula) for name, (unit, formula) in KPIS.items())
        ),
        "",
        "## State",
        "",
        markdown_table(
            ("field", "counted for", "unit", "meaning"),
            ((code(f.name), axis_label(f.axis), f.unit, f.meaning) for f in STATE),
        ),
        "",
    ]
    return "\n".join(parts)


def rules_page() -> str:
    """Return the page of rules."""
    return "\n".join(
        [
            "# Rules",
            "",
            "Generated from `jitgym/systems.py`, `supply.py`, `upkeep.py` by `python docs/generate.py`; do not edit.",
            "",
            "A rule's name is `line/supply+upkeep`: how releases are limited, how items are ordered (order-up-to if "
            "not named), and when machines are maintained (they run to failure if not named). `kanban`, `conwip+age`, "
            "`kanban/surge`, `ss` on a line that only buys. `jitgym tune SCENARIO --rule all` tunes every rule that a "
            "scenario has the knobs for, and shows what each looks at.",
            "",
            "A rule looks at `local` cards, machines and stocks; at the `line`; or at the line and a `forecast`. A "
            "test scrambles everything else in the observation: the rule does the same.",
            "",
            "`local(i)`: units of a product in stage i, in queue, machine and store; M: the last stage; orders: "
            "backlog and orders known ahead; position: stock, on order and overdue, and where an `echelon` level or a "
            "line without limits asks for it, all that is made of the item, less the orders.",
            "",
            "## Releases",
            "",
            _systems(SYSTEMS),
            "",
            *(f"`{alias}` is another name of `{name}`.  " for alias, name in ALIASES.items()),
            "A free card moves a unit into a stage at once, which is minimal blocking (Mitra & Mitrani 1990).",
            "",
            "## Orders",
            "",
            _systems(SUPPLY),
            "",
            "## Maintenance",
            "",
            _systems(MAINTENANCE),
            "",
            "Every formula, source and textbook start in full: the docstrings of the functions; textbook values: "
            "`jitgym/textbook.py`.",
            "",
        ]
    )


def _systems(systems: Mapping[str, System]) -> str:
    """Return a table of control systems."""
    what = ("name", "formula", "source", "what it is")
    told = {name: str(system.build.__doc__).split("\n")[0].replace("``", "`") for name, system in systems.items()}
    rows = ((f"`{name}`", f"`{system.formula}`", system.source, told[name]) for name, system in systems.items())
    return markdown_table(what, rows)


def readme() -> str:
    """Return README with the table of the contest as its stored results have it."""
    return _with_table("../README.md", "contest", contest_table())


def anchors_page() -> str:
    """Return the page of anchors with the table of agents as its stored results have it."""
    _, results = _text(RESULTS / "anchor_agents" / "anchor_agents.md").split("\n\n", 1)
    return _with_table("anchors.md", "agents on the anchors", f"\n{results}")


def kpis_page() -> str:
    """Return the page of key figures with their definitions."""
    rows = ((f"`{name}`", one.unit, one.better or "–", one.formula, one.source) for name, one in CADENCE.items())
    table = markdown_table(("key figure", "unit", "better", "formula, in fields of the ledger", "source"), rows)
    return _with_table("kpis.md", "key figures", f"\n{table}\n")


def push_pull_page() -> str:
    """Return the page of push against pull with the tables as its stored results have them."""
    _, results = _text(RESULTS / "push_pull" / "push_pull.md").split("\n\n", 1)
    return _with_table("push_pull.md", "comparison", f"\n{results}")


def enterprise_page() -> str:
    """Return the page of the enterprise with everything in it that the package and its files say."""
    page = _text(FOLDER / "enterprise.md")
    for what, table in enterprise_tables.parts().items():
        page = _replaced(page, what, f"\n{table}\n")
    return page


def enterprise_results_page() -> str:
    """Return the page of what ten years came to, with the tables as the stored results have them."""
    folder = RESULTS / "enterprise"
    page = _text(FOLDER / "enterprise_results.md")
    for what, file in (("study", "study/study.md"), ("sensitivity", "sensitivity.md")):
        page = _replaced(page, what, f"\n{_text(folder / file).partition(chr(10) * 2)[2]}")
    plans = _text(folder / "study" / "timelines.txt").split("\n\n\n")
    own = next((plan for plan in plans if plan.startswith(LEARNED)), "")
    return _replaced(page, "timeline", f"\n```text\n{own.strip()}\n```\n")


def _with_table(name: str, what: str, table: str) -> str:
    """Return a page with what stands between two marks replaced."""
    return _replaced(_text(FOLDER / name), what, table)


def _replaced(page: str, what: str, table: str) -> str:
    begin, end = f"<!-- {what}: written by docs/generate.py -->", f"<!-- end of the {what} -->"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"


def contest_table() -> str:
    """Return the best agent of every line against the best tuned rule, and how many are better, in a sentence."""
    record = json.loads(_text(CONTEST / "standings.json"))
    rows = [row for row in record["rows"] if row["kind"] == BEST and not row["shift"]]
    cells = (
        (
            f"`{row['task']}`",
            row["rule"],
            f"{row['rule_cost']:.4g}",
            row["policy"].rpartition("-")[0].upper(),
            f"{row['percent']:+.2f} [{row['percent_low']:+.2f}, {row['percent_high']:+.2f}]",
        )
        for row in rows
    )
    heads = ("line", "best tuned rule", "cost a slot", "best agent", "difference %, paired 95 % CI")
    return f"\n{markdown_table(heads, cells)}\n\n{counted(rows)} {record['created'][:10]}, `{record['command']}`.\n"


def standings_page() -> str:
    """Return the standings of the contest as its stored results have them."""
    with (CONTEST / "rules.csv").open(newline="", encoding="utf-8") as file:
        return page_of(json.loads(_text(CONTEST / "standings.json")), csv.DictReader(file))


PAGES = {
    "fields.md": fields_page,
    "rules.md": rules_page,
    "anchors.md": anchors_page,
    "kpis.md": kpis_page,
    "push_pull.md": push_pull_page,
    "enterprise.md": enterprise_page,
    "enterprise_results.md": enterprise_results_page,
    "fit.md": lambda: _with_table("fit.md", "columns", schema_tables()),
    "../README.md": readme,
    "../benchmarks/results/contest/standings.md": standings_page,
}


def main() -> int:
    """Write the pages, or with ``--check`` say whether they are up to date."""
    if "--check" not in sys.argv[1:]:
        for name, page in PAGES.items():
            (FOLDER / name).write_text(page(), encoding="utf-8")
        return 0
    old = [name for name, page in PAGES.items() if _text(FOLDER / name) != page()]
    for name in old:
        print(f"{name} is out of date: run python docs/generate.py")
    return 1 if old else 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
