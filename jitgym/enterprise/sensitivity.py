"""What every claim hangs on: its findings with one assumption after another moved, as rows and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jitgym.enterprise.assumptions import AS_IT_IS, Change, changed
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.report import amount, claims_rows, headed, ranged
from jitgym.enterprise.study import CLAIMS, rules, study
from jitgym.files import markdown_table

FINDINGS: Final = ("holds", "not shown", "turned round")
FOUND: Final = ("claim", "finding", "difference", "low", "high")
"""What is kept of a claim's row."""
Rows = Sequence[Mapping[str, Any]]


def findings(
    enterprise: Enterprise, numbers: Mapping[str, Mapping[str, int]], change: Change, n_seeds: int, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield a row for every claim: what becomes of it with an assumption moved, and rules as they were tuned.

    Args:
        enterprise: the company as it is.
        numbers: of every rule.
        change: of the assumption; ``AS_IT_IS`` for none.
        n_seeds: companies, at least 2.
        seed: names the instance of the evaluation bank.
    """
    wanted = dict.fromkeys(policy for claim in CLAIMS for policy in claim.policies)
    done = study(changed(enterprise, change), rules({name: numbers[name] for name in wanted}), n_seeds, seed)
    for row in claims_rows(done):
        yield {"path": change.path, "told": change.told, **{key: row[key] for key in FOUND}}


def sensitivity_text(rows: Rows, enterprise: Enterprise, n_seeds: int, command: str) -> str:
    """Return in Markdown what becomes of every claim, and where one does not hold.

    Args:
        rows: of every change, see :func:`findings`; those of ``AS_IT_IS`` among them.
        enterprise: the company.
        n_seeds: companies of each change.
        command: that made them.
    """
    base = {str(row["claim"]): row for row in rows if row["path"] == AS_IT_IS.path}
    moved = [row for row in rows if row["path"] != AS_IT_IS.path]
    n_changes = len({(row["path"], row["told"]) for row in moved})
    held = sum(row["finding"] == "holds" for row in moved)
    parts = [
        f"# {enterprise.name}: every assumption moved",
        f"`{command}`",
        f"{n_changes} changes, {n_seeds} companies each: {held} of {len(moved)} findings hold.",
        _claims_table(base, moved),
    ]
    for finding, head in (
        ("turned round", "## Where a claim is turned round"),
        ("not shown", f"## Where {n_seeds} companies do not show it"),
    ):
        found = [row for row in moved if row["finding"] == finding]
        if found:
            cells = [[row["claim"], row["path"], row["told"], ranged(row)] for row in found]
            heads = ["claim", "assumption", "value (usual)", "difference, 95 % interval"]
            parts += [head, markdown_table(heads, cells)]
    idle = _idle(base, moved)
    if idle:
        parts.append(f"Nothing hangs on: {', '.join(idle)}.")
    return "\n\n".join(parts)


def _claims_table(base: Mapping[str, Mapping[str, Any]], moved: Rows) -> str:
    rows = []
    for claim in CLAIMS:
        if claim.name in base:
            own = [row for row in moved if row["claim"] == claim.name]
            counts = [
                sum(row["finding"] == finding for row in own) for finding in ("holds", "not shown", "turned round")
            ]
            least, most = (amount(end(row["difference"] for row in own)) if own else "" for end in (min, max))
            rows.append([claim.name, headed(claim.result), ranged(base[claim.name]), least, most, *map(str, counts)])
    heads = ["claim", "in", "as it is", "least", "most", "holds", "not shown", "turned round"]
    return markdown_table(heads, rows)


def _idle(base: Mapping[str, Mapping[str, Any]], moved: Rows) -> list[str]:
    """Return the assumptions that move no claim at all."""
    same: dict[str, bool] = {}
    for row in moved:
        alike = row["difference"] == base[str(row["claim"])]["difference"]
        same[str(row["path"])] = same.get(str(row["path"]), True) and alike
    return [path for path, idle in same.items() if idle]
