"""What became of every row: kept as it is, changed, or dropped, with file, line, column, reason and value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

LISTED: Final = 1000
"""Most rows of one file, column and reason that are listed one by one; all are counted."""
SHOWN: Final = 80
"""Most characters of a value that are shown."""

Action = Literal["dropped", "changed"]


@dataclass(frozen=True)
class Entry:
    """A row that was dropped or changed, or the first of several that were for one cause."""

    file: str
    line: int
    column: str
    action: Action
    reason: str
    value: str
    rows: int = 1


@dataclass
class FileReport:
    """The account of one file: rows read are rows kept and rows dropped.

    Attributes:
        path: of the file.
        read: rows below the heading that hold anything.
        kept: rows that count.
        counts: rows dropped or changed, by action, column and reason. A row is dropped once, for what is found first.
        entries: the first of them.
        notes: how the file was read: encoding, delimiter, order of day and month, decimal mark, and what was assumed.
    """

    path: Path
    read: int = 0
    kept: int = 0
    counts: Counter[tuple[Action, str, str]] = field(default_factory=Counter)
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        """Rows that were dropped."""
        return sum(count for (action, _, _), count in self.counts.items() if action == "dropped")

    def drop(self, line: int, column: str, reason: str, value: object = "", rows: int = 1) -> None:
        """Note rows that are dropped, of which the first stands in a line."""
        self._note("dropped", line, column, reason, value, rows)

    def change(self, line: int, column: str, reason: str, value: object = "", rows: int = 1) -> None:
        """Note rows that are read as something else than they say."""
        self._note("changed", line, column, reason, value, rows)

    def _note(self, action: Action, line: int, column: str, reason: str, value: object, rows: int) -> None:
        key = (action, column, reason)
        if self.counts[key] < LISTED:
            self.entries.append(Entry(self.path.name, line, column, action, reason, _shown(value), rows))
        self.counts[key] += rows

    def told(self) -> Iterator[tuple[Action, str, str, int, list[int]]]:
        """Yield action, column, reason, count and the first lines of what was dropped or changed, the most first."""
        for (action, column, reason), count in sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0])):
            same = (e.line for e in self.entries if (e.action, e.column, e.reason) == (action, column, reason))
            yield action, column, reason, count, sorted(same)[:5]


def _shown(value: object) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in str(value))
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
