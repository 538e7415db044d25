"""What a fit leaves: the report for the terminal and as Markdown, the account of the rows, the scenario as YAML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from jitgym.files import markdown_table
from jitgym.fit.plant import Plant
from jitgym.fit.summary import Grid, sections
from jitgym.report import plain_table


def markdown(plant: Plant, figures: Sequence[str]) -> str:
    """Return the report as Markdown, with the figures that lie beside it."""
    parts = [f"# {plant.scenario.name}: what the files tell", ""]
    for title, blocks in sections(plant):
        parts += [f"## {title}", ""]
        for block in blocks:
            if isinstance(block, Grid):
                parts += [
                    markdown_table([head.replace("-\n", "").replace("\n", " ") for head in block.heads], block.rows),
                    "",
                ]
            else:
                parts += [block, ""]
    for figure in figures:
        parts += [f"![{figure.removesuffix('.png')}]({figure})", ""]
    return "\n".join(parts)


def terminal(plant: Plant) -> RenderableType:
    """Return the report for a terminal."""
    parts: list[RenderableType] = []
    for title, blocks in sections(plant):
        parts += [Text(title, style="bold"), ""]
        for block in blocks:
            if isinstance(block, Grid):
                table = plain_table(*block.heads, text=block.text)
                for row in block.rows:
                    table.add_row(*row)
                parts += [table, ""]
            else:
                parts += [*_paragraphs(block), ""]
    return Group(*parts)


def _paragraphs(block: str) -> Iterator[RenderableType]:
    """Yield the lines of Markdown, points set in."""
    for line in block.replace("**", "").splitlines():
        yield Padding(line.removeprefix("* "), (0, 0, 0, 2), expand=False) if line.startswith("* ") else line


def entries(plant: Plant) -> Iterator[dict[str, object]]:
    """Yield a row of ``cleaning.csv`` for every row that was dropped or changed, and one for those not listed."""
    for account in plant.accounts.values():
        listed: dict[tuple[str, str, str], int] = {}
        for entry in account.entries:
            key = (entry.action, entry.column, entry.reason)
            listed[key] = listed.get(key, 0) + entry.rows
            yield {
                "file": entry.file, "line": entry.line, "column": entry.column, "action": entry.action,
                "reason": entry.reason, "value": entry.value, "rows": entry.rows,
            }  # fmt: skip
        for (action, column, reason), count in account.counts.items():
            more = count - listed[action, column, reason]
            if more:
                yield {
                    "file": account.path.name, "line": "", "column": column, "action": action, "reason": reason,
                    "value": "further rows, not listed", "rows": more,
                }  # fmt: skip


def scenario_text(plant: Plant) -> str:
    """Return the scenario as YAML, with a head that says where it is from, what was fitted and what was assumed."""
    head = ["Fitted by jitgym fit to these files:"]
    for kind, account in plant.accounts.items():
        head.append(f"  {kind}: {account.path.name}, {account.kept:,} of {account.read:,} rows")
    head += [f"Time: {plant.calendar.told}.", "From the data, or told:"]
    head += [f"  {one}" for one in plant.told.fitted]
    head += ["Assumed:", *(f"  {one}" for one in plant.told.assumed)]
    clean = ("".join(letter if letter.isprintable() else "?" for letter in line) for line in head)
    return "".join(f"# {line}\n" for line in clean) + yaml.dump(
        _described(plant), Dumper=_Dumper, sort_keys=False, width=110
    )


class _Dumper(yaml.SafeDumper):
    """YAML with lists of plain values in lines: a season may have hundreds."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        """Return the node of a list."""
        plain = not any(isinstance(entry, (dict, list)) for entry in sequence)
        return super().represent_sequence(tag, sequence, plain or flow_style)


def _described(plant: Plant) -> dict[str, Any]:
    """Return the scenario as a mapping that names the files of its traces."""
    found = plant.scenario.model_dump(mode="json", exclude_defaults=True)
    owners = found["products"] if "products" in found else [found["demand"]]
    for owner, name in zip(owners, plant.traces, strict=False):
        owner["law"] = {"trace": name}
    return found
