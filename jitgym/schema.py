"""The JSON Schema of a scenario file, for editors: completion, explanations and faults while a line is written.

It accepts whatever :func:`jitgym.scenario.load_scenario` does, short forms included, and refuses unknown keys and
values of the wrong kind. What the parts of a line have to do with each other, only loading it can tell.
"""

from __future__ import annotations

from typing import Any, Final

from jitgym.scenario import Scenario

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
NUMBER: Final = {"type": "number"}


def scenario_schema() -> dict[str, Any]:
    """Return the schema of a scenario file, draft 2020-12."""
    schema = Scenario.model_json_schema()
    parts = schema.pop("$defs")
    _each_property(schema, parts)
    parts["Duration"] = _with_forms(
        parts["Duration"],
        {"type": "integer", "minimum": 1, "description": "Slots, always the same."},
        _form("geometric", {**NUMBER, "minimum": 1, "description": "Mean slots."}),
        _form("table", parts["Duration"]["properties"]["table"]),
    )
    trace = parts["DemandLaw"]["properties"]["trace"]
    trace["anyOf"].append({"type": "string"})
    parts["DemandLaw"] = _with_forms(parts["DemandLaw"], {"const": "saturated"})
    products = schema["properties"]["products"]
    products["items"] = {"anyOf": [products["items"], {"type": "string", "description": "The name alone."}]}
    return {"$schema": DIALECT, "title": "jitgym scenario", **schema, "$defs": parts}


def _form(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}


def _with_forms(part: dict[str, Any], *forms: dict[str, Any]) -> dict[str, Any]:
    return {"description": part["description"], "anyOf": [part, *forms]}


def _each_property(schema: dict[str, Any], parts: dict[str, Any]) -> None:
    """Tidy up every key: a plain description, and where names are listed one of them alone will do."""
    for part in (schema, *parts.values()):
        part["description"] = _plain(part.get("description", ""))
        part.pop("title", None)
        for value in part.get("properties", {}).values():
            value.pop("title", None)
            if "description" in value:
                value["description"] = _plain(value["description"])
            if _lists_names(value):
                value["anyOf"].append({"type": "string"})


def _lists_names(value: dict[str, Any]) -> bool:
    names = {"type": "string"}
    return any(choice.get("items") == names for choice in value.get("anyOf", ()))


def _plain(text: str) -> str:
    """Return the first paragraph of a docstring, without the signs of its markup."""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")
