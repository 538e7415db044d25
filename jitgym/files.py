"""Files: those that describe a scenario, places in them, and how text and JSON are written."""

from __future__ import annotations

import csv
import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jitgym.errors import InputError


class _Loader(yaml.SafeLoader):
    """YAML in which only true and false are truth values, so that ``off`` stays a word, and no key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    message = f"the key {key.value!r} stands twice"
                    raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str) -> Any:
    """Return what a YAML text says; raises ``yaml.YAMLError`` with line and column."""
    return yaml.load(text, Loader=_Loader)


def scenario_folder() -> Path:
    """Return the folder of the scenarios that come with the package (installed, or in a source tree)."""
    installed = Path(__file__).parent / "configs"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "configs"


def scenario_files() -> dict[str, Path]:
    """Return the scenarios that come with the package: name to path."""
    return {path.stem: path for path in sorted(scenario_folder().glob("*.yaml"))}


def find_scenario(source: str | Path) -> Path | None:
    """Return the file of a scenario given by name or by path; None if there is none."""
    path = Path(source)
    if path.is_file():
        return path
    return scenario_files().get(str(source))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, or lists the known ones."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (there are: {', '.join(known)})" if known else ""


def read_trace(trace: Any, folder: Path) -> list[int]:
    """Return a demand trace given as a list, or as the name of a CSV file with one number a line.

    Lines that begin with ``#`` are comments, and a first line that is not a number is a heading.

    Raises:
        ValueError: missing file, empty trace, or an entry that is not a whole number >= 0.
    """
    entries: list[Any]
    if isinstance(trace, str):
        path = folder / trace
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                entries = [row[0].strip() for row in csv.reader(file) if row and not row[0].startswith("#")]
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"must be a list or a readable CSV file: {error}") from error
        if entries and not _is_number(entries[0]):
            entries = entries[1:]
    elif isinstance(trace, (list, tuple)):
        entries = list(trace)
    else:
        raise ValueError(f"must be a list or a CSV file, got {trace!r}")
    if not entries:
        raise ValueError("must hold at least one slot's demand, got an empty trace")
    for i, entry in enumerate(entries):
        if not _is_number(entry) or not math.isfinite(float(entry)) or float(entry) % 1 or float(entry) < 0:
            raise ValueError(f"[{i}] must be a whole number >= 0, got {entry!r:.80}")
    return [int(float(entry)) for entry in entries]


def _is_number(entry: Any) -> bool:
    try:
        float(entry)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(entry, bool)


def spell_path(location: tuple[int | str, ...], data: Any) -> str:
    """Return ``stages[1].process`` for ``("stages", 1, "process")``.

    Steps that name an alternative of a union and not a key of the data are left out.
    """
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
            data = data[step] if isinstance(data, (list, tuple)) and step < len(data) else None
        elif not isinstance(data, dict) or step not in data:
            if step == location[-1] and _is_key(step):
                text += f".{step}" if text else step
        else:
            text += f".{step}" if text else step
            data = data[step]
    return text


def split_place(message: str) -> tuple[tuple[int | str, ...], str]:
    """Split ``stages[0].feeds must be ...`` into ``("stages", 0, "feeds")`` and the rule; the place may be missing."""
    match = re.match(r"((?:[a-z_]+|\[\d+\])(?:\.[a-z_]+|\[\d+\])*) (?=must|is)", message)
    if match is None:
        return (), message
    steps = re.findall(r"[a-z_]+|\d+", match[1])
    return tuple(int(step) if step.isdigit() else step for step in steps), message[match.end() :]


def _is_key(step: str) -> bool:
    """Tell a missing key from the name of an alternative, which pydantic writes with capitals or brackets."""
    return step.isidentifier() and step.islower() and step not in ("int", "float", "str", "bool", "tuple")


def position_in_yaml(text: str, location: tuple[int | str, ...]) -> str:
    """Return ``:line:column`` of the deepest node of a YAML text that lies on a path."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for step in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), node)
    return f":{node.start_mark.line + 1}:{node.start_mark.column + 1}" if node else ""


def write_text(path: Path, text: str) -> None:
    """Write a file in the place of an older one, complete or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"out must be a file that can be written, got {str(path)!r}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a bar in a cell is escaped."""
    cells = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows with equal keys under a line of these, complete or not at all; an empty file where there are none."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = None
            for row in rows:
                if writer is None:
                    writer = csv.DictWriter(file, list(row))
                    writer.writeheader()
                writer.writerow(row)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def to_json(data: Any, indent: int = 0) -> str:
    """Return strict JSON, a line for every key and for every list of numbers; NaN, which JSON lacks, is null."""
    inner = " " * (indent + 1)
    if isinstance(data, Mapping) and data:
        rows = [f"{inner}{json.dumps(str(key))}: {to_json(value, indent + 1)}" for key, value in data.items()]
        return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"
    if isinstance(data, (list, tuple, np.ndarray)) and any(isinstance(value, Mapping) for value in data):
        rows = [inner + to_json(value, indent + 1) for value in data]
        return "[\n" + ",\n".join(rows) + "\n" + " " * indent + "]"
    if isinstance(data, (list, tuple, np.ndarray)):
        return "[" + ", ".join(to_json(value) for value in data) + "]"
    if isinstance(data, np.generic):
        data = data.item()
    return json.dumps(None if isinstance(data, float) and not math.isfinite(data) else data, allow_nan=False)
