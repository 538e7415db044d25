"""A report as Markdown, in the dialect of GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jitgym.files import markdown_table
from jitgym.pages.document import Code, Column, Heading, Page, Part, Table, Terms, Words

MEANT = re.compile(r"[\\`*<>&~]|(?<![^\W_])_|_(?![^\W_])|\](?=[(:\[])")
"""What would be taken for mark-up in plain words."""
AT_START = re.compile(r"^(\d*)(?=[#+=.)-])")
"""What would be taken for mark-up where a line begins, after a number or without one."""


def markdown_of(page: Page, picture: str) -> str:
    """Return a report as Markdown.

    Args:
        page: the report.
        picture: a figure that lies beside the text; empty: none.
    """
    parts = [f"# {page.kind}: {plain(page.title)}", line(page.lead), f"**{plain(page.verdict)}**"]
    parts += [f"> {line(warning)}" for warning in page.warnings]
    parts.append(_listed(page.facts))
    parts += [f"![{plain(page.verdict).replace('[', '(').replace(']', ')')}]({picture})"] if picture else []
    for section in page.sections:
        parts.append(f"## {plain(section.title)}")
        parts += [text for part in section.parts for text in _written(part)]
    parts.append(f"{plain(page.made)}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(words: str) -> str:
    """Return words in one line so that Markdown shows them as they are."""
    entities = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
    return MEANT.sub(lambda found: entities.get(found[0], f"\\{found[0]}"), " ".join(words.split()))


def line(words: str) -> str:
    """Return words that begin a line so that Markdown shows them as they are."""
    return AT_START.sub(r"\1\\", plain(words))


def _written(part: Part) -> Iterator[str]:
    if isinstance(part, Words):
        yield line(part.text)
    elif isinstance(part, Heading):
        yield f"### {plain(part.text)}"
    elif isinstance(part, Terms):
        yield _listed(part.pairs)
    elif isinstance(part, Code):
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", part.text)), default=0))
        yield f"{line(part.caption)}:"
        yield f"{fence}\n{part.text.rstrip()}\n{fence}"
    elif isinstance(part, Table):
        yield f"{line(part.caption)}:"
        yield table_of(part)


def table_of(table: Table) -> str:
    """Return a table; rows that stand out are bold."""
    rows = []
    for row in table.rows:
        cells = [plain(cell) for cell in row.cells]
        rows.append([f"**{cell}**" if row.mark and cell else cell for cell in cells])
    return markdown_table([_headed(column) for column in table.columns], rows)


def _headed(column: Column) -> str:
    return plain(f"{column.head} ({column.unit})" if column.unit else column.head)


def _listed(pairs: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"- {line(name)}: {plain(value)}" for name, value in pairs)
