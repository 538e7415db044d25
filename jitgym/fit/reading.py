"""CSV files as plants export them: any of the common encodings and delimiters, broken rows and all, in bounded memory.

Lines are read one after the other, so memory does not grow with the file. A line is UTF-8 if it can be, else
Windows-1252: files that were put together from exports of both kinds are read. UTF-16 is told by its mark or its zeros.
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from jitgym.errors import InputError
from jitgym.files import nearest
from jitgym.fit.cleaning import FileReport
from jitgym.fit.schema import Schema, plain

BLOCK: Final = 1 << 20
LONGEST: Final = 1 << 16
"""Most bytes of a line; what is longer is no row."""
DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
PREAMBLE: Final = 30
"""Lines in which the heading is looked for: exports begin with titles."""
JOINED: Final = 20
"""Most lines that a quoted field may go over."""

Progress = Callable[[float], None]


class Row(NamedTuple):
    """A row of a file: its line, its values in the order of the schema, all its fields, and what is wrong with it."""

    line: int
    values: tuple[str, ...]
    fields: tuple[str, ...]
    fault: str


@dataclass
class Encodings:
    """How many lines were read by which encoding, of those for which it matters."""

    utf_16: bool = False
    utf_8: int = 0
    windows: int = 0

    @property
    def told(self) -> str:
        """In words."""
        if self.utf_16:
            return "UTF-16"
        if self.windows and self.utf_8:
            return f"mixed: {self.utf_8:,} lines UTF-8, {self.windows:,} Windows-1252"
        return "Windows-1252" if self.windows else "UTF-8" if self.utf_8 else "plain ASCII"


@dataclass(frozen=True)
class Table:
    """A CSV file whose heading was found.

    Attributes:
        path: of the file.
        schema: what it should hold.
        delimiter: between fields.
        heading: fields of the heading.
        line: at which the heading stands.
        places: where the columns of the schema stand.
        encodings: filled in while rows are read.
    """

    path: Path
    schema: Schema
    delimiter: str
    heading: tuple[str, ...]
    line: int
    places: dict[str, int]
    encodings: Encodings = field(default_factory=Encodings)

    def rows(self, progress: Progress | None = None) -> Iterator[Row]:
        """Yield the rows below the heading, from the first; blank lines are none."""
        self.encodings.utf_8 = self.encodings.windows = 0
        width, heading = len(self.heading), list(self.heading)
        places = [self.places.get(name, -1) for name in self.schema.names]  # the last: an empty field, put there below
        blank = self.delimiter + ' \t"'
        numbered = enumerate(text_lines(self.path, self.encodings, progress), 1)
        for line, fields in split_rows(numbered, self.delimiter, width):
            if line <= self.line:
                continue
            padded = [*fields, *[""] * (1 + max(0, width - len(fields)))]
            values = tuple([padded[place].strip() for place in places])
            if not any(values) and not any(text.strip(blank) for text in fields):
                continue
            fault = ""
            if len(fields) > width and any(fields[width:]):
                fault = f"more fields than the heading has ({width})"
            elif fields == heading:
                fault = "the heading again"
            yield Row(line, values, tuple(fields), fault)


def open_table(path: Path, schema: Schema) -> Table:
    """Find encoding, delimiter and heading of a file.

    Raises:
        InputError: no such file, an empty one, or one without a heading that names the columns that must be there.
    """
    if not path.is_file():
        raise InputError(f"{schema.name} must be a CSV file, got {str(path)!r}: there is no such file")
    encodings = Encodings()
    best: tuple[int, int, str, tuple[str, ...]] | None = None
    for line, text in enumerate(text_lines(path, encodings), 1):
        if line > PREAMBLE:
            break
        if text.startswith("#"):
            continue
        for delimiter in DELIMITERS:
            fields = tuple(word.strip() for word in split_line(text, delimiter))
            places = schema.places(fields)
            if not schema.missing(places):
                return Table(path, schema, delimiter, fields, line, places, encodings)
            if best is None or (len(places), len(fields)) > (best[0], len(best[3])):
                best = (len(places), line, delimiter, fields)
    if best is None:
        raise InputError(f"{schema.name} must be a CSV file with a heading, got an empty file: {path}")
    _, line, _, fields = best
    missing = schema.missing(schema.places(fields))
    hint = nearest(missing[0], [plain(word) for word in fields if plain(word)][:12])
    raise InputError(f"{path}:{line}: the heading must name {', '.join(missing)}, got none{hint}")


def note_reading(table: Table, account: FileReport) -> None:
    """Write into the account of a file how it was read."""
    left = [word for place, word in enumerate(table.heading) if word and place not in table.places.values()]
    account.notes.append(f"encoding {table.encodings.told}; delimiter {DELIMITERS[table.delimiter]}")
    named = {name: table.heading[place] for name, place in table.places.items() if table.heading[place] != name}
    if named:
        account.notes.append("read " + ", ".join(f"{there!r} as {name}" for name, there in named.items()))
    if left:
        account.notes.append("not used: " + ", ".join(repr(word[:40]) for word in left[:12]))


def split_line(text: str, delimiter: str) -> list[str]:
    """Return the fields of a line by itself; a quote that is not closed is a letter like any other."""
    if '"' not in text:
        return text.split(delimiter)
    if text.count('"') % 2 == 0:
        try:
            return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            pass
    return [word.strip(' "') for word in text.split(delimiter)]


def split_rows(numbered: Iterator[tuple[int, str]], delimiter: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield line and fields of every row.

    A quote that is not closed in its line is closed in a later one only if the row then has the fields of the heading.
    """
    ahead: deque[tuple[int, str]] = deque()

    def following() -> tuple[int, str] | None:
        return ahead.popleft() if ahead else next(numbered, None)

    while (found := following()) is not None:
        line, text = found
        if '"' not in text or text.count('"') % 2 == 0:
            yield line, split_line(text, delimiter)
            continue
        held: list[tuple[int, str]] = []
        joined = text
        while joined.count('"') % 2 and len(held) < JOINED and len(joined) < LONGEST:
            more = following()
            if more is None:
                break
            held.append(more)
            joined += "\n" + more[1]
        fields = split_line(joined, delimiter) if joined.count('"') % 2 == 0 else []
        if len(fields) != width:
            ahead.extendleft(reversed(held))
            fields = split_line(text, delimiter)
        yield line, fields


def text_lines(path: Path, encodings: Encodings, progress: Progress | None = None) -> Iterator[str]:
    """Yield the lines of a file as text, without their ends."""
    with path.open("rb") as file:
        for line in _byte_lines(_blocks(file, encodings, progress)):
            line = line.replace(b"\0", b"")
            if line.isascii():
                yield line.decode("ascii")
                continue
            try:
                text = line.decode("utf-8")
                encodings.utf_8 += 1
            except UnicodeDecodeError:
                text = line.decode("cp1252", errors="replace")
                encodings.windows += 1
            yield text


def _blocks(file: BinaryIO, encodings: Encodings, progress: Progress | None) -> Iterator[bytes]:
    """Yield the bytes of a file without their mark; UTF-16 as UTF-8."""
    size = max(1, file.seek(0, 2))
    file.seek(0)
    head = file.read(512)
    name = _wide(head)
    encodings.utf_16 = name is not None
    file.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)
    decoder = codecs.getincrementaldecoder(name)(errors="replace") if name is not None else None
    while block := file.read(BLOCK):
        if progress is not None:
            progress(file.tell() / size)
        yield block if decoder is None else decoder.decode(block).encode("utf-8", errors="replace")


def _wide(head: bytes) -> str | None:
    """Return the name of a two-byte encoding, by its mark or by the zeros of plain letters."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) >= 4 and head[1::2].count(0) > 0.4 * len(head) / 2:
        return "utf-16-le"
    if len(head) >= 4 and head[::2].count(0) > 0.4 * len(head) / 2:
        return "utf-16-be"
    return None


def _byte_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines that end with any of the three line ends, cut where they are longer than any row."""
    rest = b""
    for block in blocks:
        lines = (rest + block).splitlines(keepends=True)
        rest = lines.pop() if lines else b""
        if rest.endswith(b"\n"):
            lines.append(rest)
            rest = b""
        for line in lines:
            yield line.rstrip(b"\r\n")[:LONGEST]
        if len(rest) > LONGEST:
            yield rest[:LONGEST]
            rest = b""
    if rest:
        yield rest.rstrip(b"\r\n")[:LONGEST]
