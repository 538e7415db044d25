"""Files of plants that tests make: rows as CSV, and the generator of the example plant."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from jitgym.fit.cleaning import FileReport

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "configs" / "plant"


def csv_file(folder: Path, rows: Iterable[Sequence[Any]], name: str = "demand.csv", delimiter: str = ",") -> Path:
    """Write rows; return the path."""
    path = folder / name
    path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    return path


def told(account: FileReport, action: str = "dropped") -> dict[tuple[str, str], int]:
    """Return how many rows were dropped (or changed), by column and reason."""
    return {(column, reason): count for (act, column, reason), count in account.counts.items() if act == action}


def make_plant() -> ModuleType:
    """Return the script that makes the example plant."""
    if "make_plant" not in sys.modules:
        spec = importlib.util.spec_from_file_location("make_plant", EXAMPLE / "make_plant.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules["make_plant"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["make_plant"])
    return sys.modules["make_plant"]
