"""Descriptions in YAML: read, checked by a model, and every fault told at once with its place, rule and value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from jitgym.errors import InputError
from jitgym.files import position_in_yaml, read_yaml, spell_path, split_place

Model = TypeVar("Model", bound=BaseModel)


def read_description(model: type[Model], path: Path, error: type[InputError]) -> Model:
    """Read a description from a YAML file.

    Args:
        model: what it is to be.
        path: the file; other files that it names lie beside it.
        error: what is raised where it is not.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = read_yaml(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise error(f"{path}: must be a readable YAML file: {fault}") from fault
    if not isinstance(data, dict):
        raise error(f"{path}: must hold a mapping of keys, got {type(data).__name__}")
    return check_description(model, data, error, str(path), path.parent, text)


def check_description(
    model: type[Model],
    data: Mapping[str, Any],
    error: type[InputError],
    where: str,
    folder: Path | None = None,
    text: str | None = None,
) -> Model:
    """Turn a mapping into what a model describes, or all of pydantic's errors into one of ours.

    Args:
        model: what it is to be.
        data: the mapping.
        error: what is raised where it is not; it has a row for every fault.
        where: what a row begins with.
        folder: where the files lie that the description names.
        text: the YAML that it was read from, for line and column.
    """
    given = dict(data)
    try:
        return model.model_validate(given, context={"folder": folder or Path()})
    except ValidationError as faults:
        rows: dict[str, None] = {}  # in order, none twice
        for location, rule in _rules(faults.errors(), given):
            position = position_in_yaml(text, location) if text else ""
            rows[f"{where}{position}: {f'{spell_path(location, given)} {rule}'.lstrip()}"] = None
        raise error("\n".join(rows)) from None


def faults_of(error: ValidationError, data: Any, tag: str = "") -> list[str]:
    """Return what is wrong with data, each fault with its place, the rule and the value, none twice.

    Args:
        error: what pydantic says.
        data: what was checked.
        tag: of a tagged union the alternative that was chosen: pydantic begins places with it.
    """
    rows = []
    for location, rule in _rules(error.errors(), data):
        within = location[1:] if location[:1] == (tag,) else location
        rows.append(f"{spell_path(within, data) or 'it'} {rule}")
    return list(dict.fromkeys(rows))


Location = tuple[int | str, ...]


def _rules(faults: Sequence[Any], data: Any) -> Iterator[tuple[Location, str]]:
    """Yield the place of every fault, and the rule with the value.

    What pydantic says of a value besides is put right: the forms that a value may have become one rule, and
    nothing is said of the other forms, or of the whole, where it is a part of the value that is at fault.
    """
    places = [spell_path(fault["loc"], data) for fault in faults]
    for fault, place in zip(faults, places, strict=True):
        if _is_ours(fault):
            for row in fault["msg"].removeprefix("Value error, ").split("\n"):
                inner, rule = split_place(row)
                yield (*fault["loc"], *inner), rule
            continue
        if fault["type"] == "union_tag_invalid":
            key = fault["ctx"]["discriminator"].strip("'")
            yield (*fault["loc"], key), f"must be of {fault['ctx']['expected_tags']}, got {fault['input'][key]!r:.80}"
            continue
        others = [other for other, at in zip(faults, places, strict=True) if at == place]
        if any(at.startswith((f"{place}.", f"{place}[")) for at in places) or any(map(_is_ours, others)):
            continue
        value = "" if fault["type"] == "missing" else f", got {fault['input']!r:.80}"
        first, *more = dict.fromkeys(_requirement(other["msg"]) for other in others)
        yield others[0]["loc"], f"must {' or '.join((first, *(form.removeprefix('be ') for form in more)))}{value}"


def _is_ours(fault: Any) -> bool:
    return bool(fault["type"] == "value_error")


_WORDS = (
    ("Field required", "be given"),
    (r"^\w+ should ", ""),
    (r" after validation, not \d+| after validation|, (unable|got) .*", ""),
    (r"a valid dictionary or (instance of \w+|object to extract fields from)", "a mapping of keys"),
    ("Extra inputs are not permitted", "not be given"),
    ("a valid tuple", "a list"),
    ("greater than or equal to", ">="),
    ("less than or equal to", "<="),
    ("greater than", ">"),
)


def _requirement(message: str) -> str:
    """Return pydantic's message as what must be the case, in the words of this page."""
    for pattern, word in _WORDS:
        message = re.sub(pattern, word, message)
    return message
