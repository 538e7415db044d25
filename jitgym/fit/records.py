"""Rows as values: dates as days, numbers, names; with every row that is not one told to the account."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from jitgym.fit.cleaning import FileReport
from jitgym.fit.conventions import Dates, Numbers, read_flag
from jitgym.fit.reading import Progress, Row, Table, note_reading, open_table
from jitgym.fit.schema import Schema

BATCH: Final = 20_000
"""Rows that are held at once."""
LONGEST_NAME: Final = 200

Reader = Callable[[str], tuple[Any, str]]


class Record(NamedTuple):
    """A row that can be read: its line and its values in the order of the schema."""

    line: int
    values: list[Any]


class Twins:
    """Tells rows that were there before, by a hash of 64 bits: eight bytes a row."""

    def __init__(self) -> None:
        self._seen: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def of(self, rows: list[Row]) -> list[bool]:
        """Return which rows equal an earlier one, and remember all."""
        hashes = np.fromiter((hash(row.fields) for row in rows), dtype=np.int64, count=len(rows))
        _, first = np.unique(hashes, return_index=True)
        twins = np.ones(len(rows), dtype=bool)
        twins[first] = False
        if len(self._seen):
            places = np.minimum(np.searchsorted(self._seen, hashes), len(self._seen) - 1)
            twins |= self._seen[places] == hashes
        self._seen = np.sort(np.concatenate([self._seen, np.sort(hashes[~twins])]), kind="stable")  # merges two runs
        found: list[bool] = twins.tolist()
        return found


def read_records(
    path: Path,
    schema: Schema,
    account: FileReport,
    day_first: bool | None = None,
    drop_twins: bool | None = None,
    progress: Progress | None = None,
) -> Iterator[Record]:
    """Yield the rows of a file that can be read; the account is told of all others.

    The file is gone through twice: to see how it writes dates and numbers, and to read it.

    Args:
        path: of the file.
        schema: what it holds.
        account: of the file.
        day_first: whether 03/04 is the third of April; None: by the column.
        drop_twins: whether rows equal in every field to an earlier one are dropped; None: if the file has an order
            number, without which they may be two orders.
        progress: called with the share of the file that was read, from 0 to 2 for both times.

    Raises:
        InputError: the file cannot be read at all.
    """
    table = open_table(path, schema)
    dates = {column.name: Dates(day_first) for column in schema.columns if column.kind == "date"}
    numbers = {column.name: Numbers(table.delimiter == ";") for column in schema.columns if column.kind == "number"}
    _survey(table, dates, numbers, progress)
    _agree(dates)
    note_reading(table, account)
    conventions: dict[str, Dates | Numbers] = {**dates, **numbers}
    account.notes += [words for name, convention in conventions.items() if (words := convention.told(name))]
    readers: list[Reader] = [
        dates[column.name].read
        if column.kind == "date"
        else numbers[column.name].read
        if column.kind == "number"
        else read_flag
        if column.kind == "flag"
        else _name
        for column in schema.columns
    ]
    drop = "order" in table.places if drop_twins is None else drop_twins
    twins, rows = Twins(), table.rows(None if progress is None else lambda share: progress(1 + share))
    while batch := list(islice(rows, BATCH)):
        for row, twin in zip(batch, twins.of(batch), strict=True):
            account.read += 1
            record = _record(row, twin, drop, table, readers, account)
            if record is not None:
                yield record
    if any(convention.timed for convention in dates.values()):
        account.notes.append("dates have a time of day")


def _survey(table: Table, dates: dict[str, Dates], numbers: dict[str, Numbers], progress: Progress | None) -> None:
    """Look at every row once for how dates and numbers are written."""
    conventions: dict[str, Dates | Numbers] = {**dates, **numbers}
    lookers = [
        (place, conventions[name].look)
        for place, name in enumerate(table.schema.names)
        if name in conventions and name in table.places
    ]
    seen: set[tuple[int, str]] = set()
    for row in table.rows(progress):
        for place, look in lookers:
            text = row.values[place]
            if (place, text) in seen:  # a spelling tells what it tells once
                continue
            if len(seen) < 2 * BATCH:
                seen.add((place, text))
            look(text)


def _agree(dates: dict[str, Dates]) -> None:
    """Let the columns of one file write dates alike, where some of them cannot tell."""
    telling = [column for column in dates.values() if column.days != column.months]
    if telling and all(column.day_first is None for column in dates.values()):
        days, months = sum(c.days for c in telling), sum(c.months for c in telling)
        for column in dates.values():
            if column.either and not column.days and not column.months:
                column.days, column.months = days, months


def _record(
    row: Row, twin: bool, drop: bool, table: Table, readers: list[Reader], account: FileReport
) -> Record | None:
    """Return the values of a row, or drop it."""
    if row.fault:
        account.drop(row.line, "", row.fault, table.delimiter.join(row.fields))
        return None
    values: list[Any] = []
    for column, reader, text in zip(table.schema.columns, readers, row.values, strict=True):
        value, fault = reader(text)
        if fault and column.kind == "flag":
            account.change(row.line, column.name, f"{fault}: read as not said", text)
            fault = ""
        if not fault and column.need == "value" and (value == "" or value is None or value != value):
            fault = "missing"
        if fault:
            account.drop(row.line, column.name, fault, text)
            return None
        values.append(value)
    if twin and drop:
        account.drop(row.line, "", "the same as an earlier row in every field", table.delimiter.join(row.fields))
        return None
    if twin:
        account.change(
            row.line, "", "kept, though the same as an earlier row: without an order number it may be another"
        )
    return Record(row.line, values)


def _name(text: str) -> tuple[str, str]:
    return " ".join(text.split())[:LONGEST_NAME], ""


def is_missing(value: float) -> bool:
    """Whether a date or a number is not there."""
    return math.isnan(value)
