"""Writes docs/fields.md from the tables of fields in the code; ``--check`` only compares."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from jitgym.fields import KNOBS, LEDGER, OBSERVATION, STATE
from jitgym.observation import SCALES, axis_label
from jitgym.scorecard import COST_TERMS, KPIS

PAGE = Path(__file__).with_name("fields.md")


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table."""
    cells = [heads, tuple("---" for _ in heads), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]


def page() -> str:
    """Return the whole page."""
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
        *table(
            ("name", "counted for", "meaning", "scale"),
            ((code(f.name), axis_label(f.axis), f.meaning, SCALES[f.scale]) for f in OBSERVATION),
        ),
        "",
        "## Action: the knobs",
        "",
        "`MultiDiscrete`: choice `c` means `low + c`; the choice above `high` means off, where the knob can be off. "
        '`Box` (`action="box"`): [-1, 1] cut into as many equal parts as there are choices.',
        "",
        *table(
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
        *table(
            ("field", "counted for", "unit", "meaning"),
            ((code(f.name), axis_label(f.axis), f.unit, f.meaning) for f in LEDGER),
        ),
        "",
        "## Cost terms",
        "",
        'Prices times ledger, by name in `info["cost"]`; the reward is minus their sum over `reward_scale`.',
        "",
        *table(("term", "priced"), ((code(name), meaning) for name, meaning in COST_TERMS.items())),
        "",
        "## KPIs",
        "",
        *table(("KPI", "unit", "formula"), ((code(name), unit, formula) for name, (unit, formula) in KPIS.items())),
        "",
        "## State",
        "",
        *table(
            ("field", "counted for", "unit", "meaning"),
            ((code(f.name), axis_label(f.axis), f.unit, f.meaning) for f in STATE),
        ),
        "",
    ]
    return "\n".join(parts)


def main() -> int:
    """Write the page, or with ``--check`` say whether it is up to date."""
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") == page():
            return 0
        print(f"{PAGE.name} is out of date: run python docs/generate.py")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
