"""What the three files of a plant hold: one table, which the documentation shows and the reader follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from jitgym.files import markdown_table

Kind = Literal["date", "number", "text", "flag"]


@dataclass(frozen=True)
class Column:
    """A column of a file.

    Attributes:
        name: what it is called here, and may be called in the file.
        kind: how its values are read.
        need: whether the file must have the column and every row a value (``value``), the file alone (``column``),
            or neither (``no``).
        meaning: with its unit.
        rule: what a value must be, and what happens if it is not.
        synonyms: other headings that are understood, in lower case, words joined by ``_``.
    """

    name: str
    kind: Kind
    need: Literal["value", "column", "no"]
    meaning: str
    rule: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """What a file is, what a row of it stands for, and its columns."""

    name: str
    about: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def places(self, heading: Sequence[str]) -> dict[str, int]:
        """Return where the columns stand in a heading: name to place, for those that are there.

        A column's own name goes before its synonyms, and of these the one that comes first in the heading.
        """
        words = [plain(word) for word in heading]
        found = {name: words.index(name) for name in self.names if name in words}
        synonyms = {word: column.name for column in self.columns for word in column.synonyms}
        for place, word in enumerate(words):
            if word in synonyms and place not in found.values():
                found.setdefault(synonyms[word], place)
        return found

    def missing(self, places: dict[str, int]) -> list[str]:
        """Return the names of columns that the file must have and lacks."""
        return [column.name for column in self.columns if column.need != "no" and column.name not in places]


def plain(heading: str) -> str:
    """Return a heading in lower case, its words joined by ``_``, without marks and what stands in brackets."""
    word = re.sub(r"[(\[].*?[)\]]", "", heading).strip().casefold()
    return re.sub(r"[\W_]+", "_", word).strip("_")


_ORDER = Column(
    "order",
    "text",
    "no",
    "number of the order",
    "with it, rows that are equal in every field are one row told twice",
    ("order_id", "order_number", "order_no", "document", "po", "po_number", "auftrag", "bestellung", "bestellnummer"),
)

DEMAND: Final = Schema(
    "demand",
    "A row for every order line, or for every product and day.",
    (
        Column(
            "date",
            "date",
            "value",
            "day on which the customer wanted it, or of the order; a month or a week if all rows are of one kind",
            "a date of 1950 to 2100, else the row is dropped; one more than a year from all others is dropped",
            ("day", "order_date", "due_date", "month", "week", "period", "datum", "tag", "liefertermin", "fecha"),
        ),
        Column(
            "product",
            "text",
            "value",
            "what was wanted",
            "not empty",
            ("item", "sku", "article", "material", "part", "part_number", "produkt", "artikel", "producto"),
        ),
        Column(
            "quantity",
            "number",
            "value",
            "how much, in pieces or any unit that is the same in all rows of a product",
            ">= 0; below zero it is a return or a cancellation, no demand: dropped",
            ("qty", "amount", "units", "pieces", "demand", "menge", "anzahl", "cantidad"),
        ),
        _ORDER,
    ),
)

DELIVERIES: Final = Schema(
    "deliveries",
    "A row for every delivery; rows of one supplier, item, order, `ordered` and `promised` are parts of one order.",
    (
        Column(
            "supplier",
            "text",
            "value",
            "who delivers",
            "not empty",
            ("vendor", "supplier_name", "vendor_name", "lieferant", "proveedor"),
        ),
        Column(
            "ordered",
            "date",
            "value",
            "day of the order",
            "a date",
            ("order_date", "ordered_on", "po_date", "bestelldatum", "bestellt"),
        ),
        Column(
            "promised",
            "date",
            "value",
            "day for which delivery was promised",
            "not before `ordered`, else the row is dropped",
            (
                "promise_date",
                "promised_on",
                "due",
                "due_date",
                "confirmed",
                "confirmed_date",
                "zugesagt",
                "liefertermin",
            ),
        ),
        Column(
            "received",
            "date",
            "column",
            "day of arrival; empty: not there yet, and late by at least the time since `promised`",
            "not before `ordered`, else the row is dropped",
            ("receipt_date", "received_on", "delivered", "delivery_date", "goods_receipt", "erhalten", "eingang"),
        ),
        Column(
            "quantity",
            "number",
            "value",
            "how much",
            "> 0, else the row is dropped",
            ("qty", "amount", "units", "pieces", "menge", "anzahl"),
        ),
        Column(
            "rejected",
            "number",
            "no",
            "how much of it was found bad; empty: none",
            "0 to `quantity`, else the row is dropped",
            ("rejects", "rejected_qty", "returned", "defective", "ausschuss", "reklamiert"),
        ),
        Column(
            "item",
            "text",
            "no",
            "what is delivered; without the column, one item for every supplier",
            "rows without it count for the supplier's item",
            ("part", "material", "article", "sku", "product", "artikel", "teil"),
        ),
        _ORDER,
    ),
)

MAINTENANCE: Final = Schema(
    "maintenance",
    "A row for every time that a machine stood still.",
    (
        Column(
            "asset",
            "text",
            "value",
            "the machine",
            "not empty",
            ("machine", "equipment", "resource", "asset_id", "work_center", "maschine", "anlage"),
        ),
        Column("event", "text", "no", "what happened, in words", "free", ("description", "cause", "code", "ereignis")),
        Column(
            "start",
            "date",
            "value",
            "when the machine stopped, best with time of day",
            "a date",
            ("begin", "from", "start_time", "started", "down", "beginn", "von"),
        ),
        Column(
            "end",
            "date",
            "column",
            "when it ran again; empty: not known",
            "not before `start`, else the row is dropped; what overlaps is merged",
            ("finish", "to", "until", "end_time", "ended", "up", "ende", "bis"),
        ),
        Column(
            "planned",
            "flag",
            "no",
            "yes for planned maintenance, no for a breakdown",
            "yes, no, true, false, 1, 0, planned, unplanned, preventive, corrective, ...; where it says none of these, "
            "a word in `event` decides (preventive, planned, PM, ...), else it is a breakdown",
            ("type", "kind", "category", "geplant", "art"),
        ),
    ),
)

SCHEMAS: Final = (DEMAND, DELIVERIES, MAINTENANCE)

NEEDS: Final = {"value": "in every row", "column": "may be empty", "no": "may be missing"}
"""How the documentation says what a column needs."""


def schema_tables() -> str:
    """Return the tables of the files' columns as Markdown."""
    parts = []
    for schema in SCHEMAS:
        rows = (
            (f"`{c.name}`", NEEDS[c.need], c.meaning, c.rule, ", ".join(word.replace("_", " ") for word in c.synonyms))
            for c in schema.columns
        )
        heads = ("column", "", "meaning", "rule", "also called")
        parts += [f"### {schema.name}", "", schema.about, "", markdown_table(heads, rows), ""]
    return "\n" + "\n".join(parts)


PLANNED: Final = frozenset(
    (
        *("yes", "y", "true", "1", "x", "planned", "preventive", "scheduled", "pm", "service", "inspection"),
        *("ja", "si", "geplant", "wartung"),
    )
)
UNPLANNED: Final = frozenset(
    (
        *("no", "n", "false", "0", "unplanned", "corrective", "breakdown", "failure", "repair", "emergency"),
        *("nein", "ungeplant", "störung", "stoerung"),
    )
)
