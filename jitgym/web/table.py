"""A company's years as a table, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from jitgym.enterprise.review import MEASURES
from jitgym.web.chronicle import Chronicle


def table_of(chronicle: Chronicle) -> list[dict[str, Any]]:
    """Return every period in columns: what was decided, what it came to, and the news."""
    companies = chronicle.companies
    lines, suppliers = companies.enterprise.line_names, companies.enterprise.supplier_names
    found = []
    for number, row in enumerate(chronicle.shown):
        entry: dict[str, Any] = {"period": number + 1}
        entry |= {name: row[name] for name in ("profit", "cash", "capital", "stock", "spent", "left")}
        entry |= dict(zip(companies.levers.names, row["decisions"], strict=True))
        for i, line in enumerate(lines):
            entry[f"stage[{line}]"] = row["stage"][i]
            entry |= {f"{name}[{line}]": row["measures"][i][k] for k, name in enumerate(MEASURES)}
        entry |= {f"on_time[{name}]": row["on_time"][j] for j, name in enumerate(suppliers)}
        entry["news"] = " ".join(news["text"] for news in row["news"])
        found.append(entry)
    return found


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table as CSV; the keys of its first row are the heads."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()
