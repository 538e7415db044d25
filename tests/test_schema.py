"""The JSON Schema of scenario files: it accepts every line, explains every key, and refuses what is misspelt."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from commands import run
from hypothesis import given
from strategies import scenarios

from jitgym.files import read_yaml, scenario_files, scenario_folder
from jitgym.parts import PRICED_BY
from jitgym.scenario import Scenario
from jitgym.schema import scenario_schema

jsonschema = pytest.importorskip("jsonschema", reason="needs the extra `dev`")

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = scenario_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def faults(data) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(data)]


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", sorted(scenario_files()))
def test_it_accepts_every_scenario_as_it_is_written(name):
    assert faults(read_yaml(scenario_files()[name].read_text("utf-8"))) == []


def test_it_accepts_what_the_guide_shows():
    guide = (ROOT / "configs" / "README.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) > 0
    for block in blocks:
        assert faults(read_yaml(block)) == []


@given(scenarios())
def test_it_accepts_every_line_that_is_one(scenario):
    """As it is given, as it is written back, and as the plainest JSON."""
    if not isinstance(scenario, Scenario):
        assert faults(json.loads(json.dumps(scenario))) == []
    described = scenario if isinstance(scenario, Scenario) else Scenario.model_validate(scenario)
    assert faults(yaml.safe_load(described.to_yaml())) == []
    assert faults(json.loads(described.model_dump_json())) == []


BUSY = {"name": "a", "stages": [{"name": "cut"}], "demand": {"law": {"poisson": 0.5}}}
BUSY |= {"control": [{"knob": "kanban", "high": 9, "default": 4}]}


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"nmae": "a"}, "$"),
        ({"slots_per_step": 0}, "$.slots_per_step"),
        ({"stages": []}, "$.stages"),
        ({"stages": [{"name": "cut", "procss": 1}]}, "$.stages[0]"),
        ({"stages": [{"name": "cut", "process": {"geometrc": 2}}]}, "$.stages[0].process"),
        ({"demand": {"law": "saturatd"}}, "$.demand.law"),
        ({"demand": {"law": {"poisson": -1}}}, "$.demand.law"),
        ({"control": [{"knob": "kanbn", "high": 9, "default": 4}]}, "$.control[0].knob"),
        ({"control": [{"knob": "kanban", "at": [], "high": 9, "default": 4}]}, "$.control[0].at"),
        ({"prices": {"backlog": "much"}}, "$.prices.backlog"),
    ],
)
def test_it_refuses_what_is_misspelt(changed, place):
    assert faults(BUSY) == []
    assert faults(BUSY | changed) == [place]


def test_every_key_is_explained():
    keys = [(name, key, value) for name, part in parts() for key, value in part["properties"].items()]
    assert len(keys) > 100
    assert [(name, key) for name, key, value in keys if not value.get("description")] == []
    assert {key for name, key, _ in keys if name == "Prices"} == set(PRICED_BY)


def parts():
    """Yield every part of the schema that is an object, with its name."""
    yield "Scenario", SCHEMA
    for name, part in SCHEMA["$defs"].items():
        yield name, part if "properties" in part else part["anyOf"][0]


def test_the_stored_schema_is_up_to_date(tmp_path):
    """`jitgym schema --out configs/scenario.schema.json` writes it."""
    out = tmp_path / "schema.json"
    run("schema", "--out", out)
    stored = (scenario_folder() / "scenario.schema.json").read_text("utf-8")
    assert out.read_text("utf-8") == stored == run("schema").output
    assert json.loads(stored) == json.loads(json.dumps(SCHEMA))
