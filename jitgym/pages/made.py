"""What reports of comparisons and of contests both say: what policies look at, by what and when results were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jitgym.pages.document import Column, Row, Table

LOOKS_AT: Final = {
    "local": "looks at cards, machine and stocks of the stage at hand, or at the item at hand and its supplier",
    "line": "looks at stocks, machines and customer orders of the whole line",
    "forecast": "looks at the line, and at what demand has been and where the calendar stands",
    "observation": "looks at all that an agent sees",
    "model": "looks at the laws and the whole state of the line",
}
"""What the words for what a policy looks at mean."""


def made_by(created: str, versions: Mapping[str, str]) -> str:
    """Return when and by what results were made."""
    return f"Results of {created[:10]}, jitgym {versions.get('jitgym', '?')}"


def versions_table(versions: Mapping[str, str]) -> Table:
    """Return the versions of what computed the results."""
    columns = (Column("package", text=True), Column("version", text=True))
    return Table("Versions", columns, tuple(Row(pair) for pair in versions.items()), folded=True)
