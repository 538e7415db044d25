"""What a report says, before it is HTML or Markdown: sections of words, tables, figures and code.

All text is plain: whoever writes it out escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal
from xml.etree.ElementTree import Element

Mark = Literal["", "best", "agent"]
"""What a row of a table stands out as."""
Finding = Literal["better", "worse", "same", "none"]
"""What a verdict comes to: cheaper, dearer, no difference shown, nothing to compare."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, with the unit below, and whether it holds text or numbers."""

    head: str
    unit: str = ""
    text: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a table: as many cells as there are columns; the first one is its heading."""

    cells: tuple[str, ...]
    mark: Mark = ""


@dataclass(frozen=True)
class Table:
    """A table; one that is ``folded`` is opened by the reader."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    folded: bool = False


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    kind: ClassVar[str] = "words"
    text: str


@dataclass(frozen=True)
class Heading:
    """The beginning of what belongs together within a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Terms:
    """Names and what they mean, or facts by name."""

    kind: ClassVar[str] = "terms"
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """Something to copy: a command, a file; what is ``folded`` is opened by the reader."""

    kind: ClassVar[str] = "code"
    caption: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A drawing, which the HTML page shows: its caption, its legend, and what it shows in words.

    Attributes:
        legend: name of a colour of the style sheet, and what it stands for.
    """

    kind: ClassVar[str] = "figure"
    caption: str
    svg: Element
    told: str
    legend: tuple[tuple[str, str], ...] = ()


Part = Table | Words | Heading | Terms | Code | Figure


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading."""

    title: str
    parts: tuple[Part, ...]

    @property
    def anchor(self) -> str:
        """The name that links lead to."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        kind: what it is a report of, e.g. ``Comparison``.
        title: the line or the suite.
        lead: a sentence on that.
        finding: what the verdict comes to.
        verdict: in one sentence.
        facts: the most important ones, by name.
        warnings: what a reader must know before all else.
        sections: all the rest.
        made: when and by what.
        picture: file name of a figure that lies beside the results; empty: there is none.
    """

    kind: str
    title: str
    lead: str
    finding: Finding
    verdict: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    made: str
    picture: str = ""
    warnings: tuple[str, ...] = field(default=())
