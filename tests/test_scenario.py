"""Descriptions: every fault is told once, with place, rule and value; what is right survives YAML and its hash."""

from __future__ import annotations

import copy
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import scenarios

from jitgym.errors import InputError
from jitgym.files import read_yaml, scenario_files
from jitgym.scenario import Scenario, ScenarioError, load_scenario

CONFIGS = sorted((Path(__file__).resolve().parent.parent / "configs").glob("*.yaml"))


def changed(line, path, value):
    """Return a copy of a description with one entry set; ``None`` takes it out."""
    line = copy.deepcopy(line)
    *steps, last = path
    place = line
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return line


def told(source):
    """Return the rows of the one error that a description raises."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(source)
    return str(caught.value).split("\n")


LAW = ("demand", "law")
FAILURE = {"law": {"geometric": 0.1}, "repair": 2}
LOOP = {"knob": "loop", "at": "drill", "high": 9, "default": 3}

# place, value, what is told
FAULTS = {
    "unknown key": (("stagess",), 1, "has no key 'stagess' (did you mean 'stages'?)"),
    "misspelt key": (("stages", 1, "proces"), 2, "stages[1] has no key 'proces' (did you mean 'process'?)"),
    "misspelt law": (LAW, {"bernuolli": 0.5}, "demand.law has no key 'bernuolli' (did you mean 'bernoulli'?)"),
    "missing key": (("stages", 1, "failure", "repair"), None, "stages[1].failure.repair must be given"),
    "missing part": (("demand",), None, "demand must be given"),
    "chance above 1": (("suppliers", 0, "on_time"), 1.5, "suppliers[0].on_time must be <= 1, got 1.5"),
    "chance below 0": (LAW, {"bernoulli": -0.1}, "demand.law.bernoulli must be >= 0, got -0.1"),
    "chance of nothing": (("suppliers", 0, "on_time"), math.nan, "suppliers[0].on_time must be <= 1, got nan"),
    "chance in a table": (
        ("stages", 1, "failure", "law"),
        {"table": [0.1, 1.2]},
        "stages[1].failure.law.table[1] must be <= 1, got 1.2",
    ),
    "empty hazard": (
        ("stages", 1, "failure", "law"),
        {"table": []},
        "stages[1].failure.law.table must have at least 1 item, got []",
    ),
    "two hazards": (
        ("stages", 1, "failure", "law"),
        {"geometric": 0.1, "table": [0.1]},
        "stages[1].failure.law must give one law of geometric, weibull, table, got geometric, table",
    ),
    "share above all": (
        ("stages", 0, "failure"),
        {**FAILURE, "repair_keep": 257},
        "stages[0].failure.repair_keep must be <= 256, got 257",
    ),
    "unknown exposure": (
        ("stages", 0, "failure"),
        {**FAILURE, "exposure": "tim"},
        "stages[0].failure.exposure must be 'operation' or 'time', got 'tim'",
    ),
    "duration 0": (("stages", 0, "process"), 0, "stages[0].process.slots must be >= 1, got 0"),
    "duration 1.5": (("stages", 0, "process"), 1.5, "stages[0].process.slots must be a valid integer, got 1.5"),
    "mean below a slot": (
        ("stages", 0, "process"),
        {"geometric": 0.5},
        "stages[0].process.geometric must be a mean of 1 to 2**31 slots, got 0.5",
    ),
    "never ends": (
        ("stages", 0, "process"),
        {"slots": 2, "finish": 0},
        "stages[0].process.finish must be >= 2**-31, got 0: it would never end",
    ),
    "batch 0": (("stages", 0, "batch"), 0, "stages[0].batch must be >= 1 or 'unlimited', got 0"),
    "no room for a job": (
        ("stages", 1, "room"),
        1,
        "stages[1].room must be at least batch = 2, got 1: no job would ever fit",
    ),
    "feeds another": (
        ("stages", 0, "feeds"),
        "pak",
        "stages[0].feeds must be a later stage, got 'pak' (did you mean 'pack'?)",
    ),
    "feeds on from the last": (
        ("stages", 2, "feeds"),
        "cut",
        "stages[2].feeds must be 'customer', as the last stage, got 'cut'",
    ),
    "name with a space": (
        ("name",),
        "a line",
        "name must match pattern '^[A-Za-z][A-Za-z0-9_-]*$', got 'a line'",
    ),
    "no stage": (("stages",), [], "stages must have at least 1 item, got []"),
    "stages as one": (("stages",), {"name": "a"}, "stages must be a list, got {'name': 'a'}"),
    "stage as a word": (("stages", 1), "drill", "stages[1] must be a mapping of keys, got 'drill'"),
    "item at no stage": (
        ("items", 0, "stage"),
        "cutt",
        "items[0].stage must name a stage, got 'cutt' (did you mean 'cut'?)",
    ),
    "item without supplier": (("suppliers", 1), None, "items[1] must have a supplier, got none for 'box'"),
    "negative lead time": (("suppliers", 0, "lead_time"), -1, "suppliers[0].lead_time must be >= 0, got -1"),
    "unknown monitoring": (
        ("stages", 1, "monitoring"),
        "exat",
        "stages[1].monitoring must be 'exact' or 'none' or a mapping of keys, got 'exat'",
    ),
    "no noise": (("stages", 1, "monitoring"), {"noise": 0}, "stages[1].monitoring.noise must be > 0, got 0"),
    "empty table": (
        LAW,
        {"table": []},
        "demand.law.table must hold at least one probability, got an empty table",
    ),
    "table of less than 1": (LAW, {"table": [0.5, 0.4]}, "demand.law.table must add up to 1, got 0.9"),
    "two laws": (
        LAW,
        {"bernoulli": 0.5, "poisson": 1},
        "demand.law must give one law of bernoulli, poisson, negative_binomial, table, trace, saturated, "
        "got bernoulli, poisson",
    ),
    "law as a word": (LAW, "satured", "demand.law must be a mapping of keys, got 'satured'"),
    "trace with a hole": (
        LAW,
        {"trace": [1, math.nan]},
        "demand.law.trace[1] must be a whole number >= 0, got nan",
    ),
    "trace of parts": (LAW, {"trace": [0.5]}, "demand.law.trace[0] must be a whole number >= 0, got 0.5"),
    "trace below 0": (LAW, {"trace": [2, 3, -1]}, "demand.law.trace[2] must be a whole number >= 0, got -1"),
    "trace with a word": (LAW, {"trace": ["x"]}, "demand.law.trace[0] must be a whole number >= 0, got 'x'"),
    "trace with too much": (LAW, {"trace": [10001]}, "demand.law.trace[0] must be <= 10000, got 10001"),
    "trace past all floats": (LAW, {"trace": [10**400]}, "demand.law.trace[0] must be a whole number >= 0, got 1000"),
    "empty trace": (
        LAW,
        {"trace": []},
        "demand.law.trace must hold at least one slot's demand, got an empty trace",
    ),
    "trace in no file": (
        LAW,
        {"trace": "none.csv"},
        "demand.law.trace must be a list or a readable CSV file: [Errno 2] No such file or directory: 'none.csv'",
    ),
    "unknown shortage": (
        ("demand", "shortage"),
        "loost",
        "demand.shortage must be 'backlog' or 'lost' or a mapping of keys, got 'loost'",
    ),
    "limit below 0": (("demand", "shortage"), {"limit": -1}, "demand.shortage.limit must be >= 0, got -1"),
    "no knob": (("control",), [], "control must have at least 1 item, got []"),
    "unknown knob": (
        ("control", 0, "knob"),
        "kanbann",
        "control[0].knob must be 'kanban', 'loop', 'basestock', 'release', 'lot', 'pm_level', 'target', 'echelon', "
        "'order' or 'expedite', got 'kanbann'",
    ),
    "knob at no place": (
        ("control", 0, "at"),
        ["cut", "drll"],
        "control[0].at must be of cut, drill, pack, got 'drll' (did you mean 'drill'?)",
    ),
    "knob at an empty list": (("control", 0, "at"), [], "control[0].at must have at least 1 item, got []"),
    "knob without a place": (
        ("stages", 1, "maintenance"),
        None,
        "control[2].knob must have a place, got 'pm_level' in a line without one",
    ),
    "knob given twice": (
        ("control", 1),
        {"knob": "kanban", "at": "drill", "high": 5, "default": 2},
        "control[1] must not set kanban[drill] again",
    ),
    "loop given twice": (
        ("control", 1),
        {**LOOP, "at": ["drill", "drill"]},
        "control[1] must not set loop to pack[drill] again",
    ),
    "low above high": (("control", 0, "low"), 10, "control[0].low must be <= high = 9, got 10"),
    "low below 0": (("control", 3, "low"), -1, "control[3].low must be >= 0 for target, got -1"),
    "default out of range": (("control", 0, "default"), 10, "control[0].default must be in 1..9, got 10"),
    "default off": (("control", 3, "default"), "off", "control[3].default is off, but off: true is not set"),
    "default of a word": (
        ("control", 0, "default"),
        "of",
        "control[0].default must be a valid integer or 'off', got 'of'",
    ),
    "off for a target": (
        ("control", 3, "off"),
        True,
        "control[3].off is for kanban, loop and basestock, not for target",
    ),
    "off for maintenance": (
        ("control", 2, "off"),
        True,
        "control[2].off is for kanban, loop and basestock, not for pm_level; its top means never",
    ),
    "end of no loop": (("control", 0, "end"), "pack", "control[0].end is for loop only, not for kanban"),
    "loop that ends first": (
        ("control", 1),
        {**LOOP, "end": "cut"},
        "control[1].end must be 'drill' or a later stage, got 'cut'",
    ),
    "loop that ends nowhere": (
        ("control", 1),
        {**LOOP, "end": "pak"},
        "control[1].end must be 'drill' or a later stage, got 'pak'",
    ),
    "prices of other stages": (
        ("prices",),
        {"wip": [1, 2]},
        "prices.wip must be a number or a list of 3, got 2 entries",
    ),
    "price below 0": (("prices",), {"items": [1, -1]}, "prices.items[1] must be >= 0, got -1"),
    "price without end": (
        ("prices",),
        {"backlog": math.inf},
        "prices.backlog must be a finite number or a list, got inf",
    ),
    "no reward scale": (("reward_scale",), 0, "reward_scale must be > 0, got 0"),
}


@pytest.mark.parametrize(("path", "value", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_once_with_place_rule_and_value(line, path, value, message):
    (row,) = told(changed(line, path, value))
    assert row.startswith(f"scenario: {message}")


def test_an_unlimited_source_needs_a_limited_batch():
    line = {"name": "x", "stages": [{"name": "a", "batch": "unlimited"}], "demand": {"law": "saturated"}}
    assert told({**line, "control": [{"knob": "kanban", "high": 5, "default": 2}]}) == [
        "scenario: stages[0].batch must be a number, got 'unlimited': the stage draws on unlimited material"
    ]


def test_names_are_unique(line):
    rows = told(changed(line, ("items", 1, "name"), "bar"))
    assert "scenario: items[1].name must be unique, got 'bar' again" in rows


# -- files --

TEXT = """\
# a comment
name: small
stages:
  - name: cut
  - name: pack
    room: 4
demand:
  law: {bernoulli: 0.5}
control:
  - {knob: kanban, at: [cut], high: 5, default: 2, off: true}
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(text, name="small.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_fault_is_told_with_its_line_and_column(write):
    text = TEXT.replace("room: 4", "room: 0").replace("0.5", "1.5").replace("high: 5", "hihg: 5")
    path = write(text)
    assert told(path) == [
        f"{path}:6:11: stages[1].room must be >= 1, got 0",
        f"{path}:8:20: demand.law.bernoulli must be <= 1, got 1.5",
        f"{path}:10:5: control[0] has no key 'hihg' (did you mean 'high'?)",
    ]


def test_faults_between_the_parts_are_told_with_line_and_column_too(write):
    path = write(TEXT.replace("room: 4", "feeds: cut").replace("[cut]", "[cut, pak]"))
    assert told(path) == [
        f"{path}:6:12: stages[1].feeds must be 'customer', as the last stage, got 'cut'",
        f"{path}:10:24: control[0].at must be of cut, pack, got 'pak' (did you mean 'pack'?)",
    ]


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        (TEXT.replace("0.5}", "0.5"), "expected ',' or '}'", "line 9, column 8"),
        (TEXT.replace("    room", "\troom"), "cannot start any token", "line 6, column 1"),
        (TEXT + "name: other\n", "the key 'name' stands twice", "line 11, column 1"),
        (TEXT.replace("high: 5", "high: 5, high: 6"), "the key 'high' stands twice", "line 10, column 40"),
        (TEXT + "? [1, 2]\n: 3\n", "unhashable key", "line 11, column 3"),
        (TEXT + "description: !!python/name:os.system\n", "could not determine a constructor", "line 11, column 14"),
    ],
)
def test_bad_yaml_is_told_with_its_line(write, text, message, where):
    path = write(text)
    rows = "\n".join(told(path))
    assert rows.startswith(f"{path}: must be a readable YAML file: ")
    assert message in rows
    assert where in rows


@pytest.mark.parametrize(("text", "kind"), [("", "NoneType"), ("- 1\n", "list"), ("small\n", "str")])
def test_a_file_holds_a_mapping(write, text, kind):
    path = write(text)
    assert told(path) == [f"{path}: must hold a mapping of keys, got {kind}"]


def test_a_file_that_is_not_there(tmp_path):
    rule = "scenario must be a known name or a YAML file, got"
    assert told("four_stages") == [f"{rule} 'four_stages' (did you mean 'four_stage'?)"]
    for source in (tmp_path / "none.yaml", tmp_path):
        (row,) = told(source)
        assert row.startswith(f"{rule} {str(source)!r} (")


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_bytes(TEXT.replace("comment", "é").encode("latin-1"))
    (row,) = told(path)
    assert row.startswith(f"{path}: must be a readable YAML file: 'utf-8' codec")


def test_off_is_a_word_and_true_is_not(write):
    (control,) = load_scenario(write(TEXT.replace("default: 2", "default: off"))).control
    assert (control.default, control.off) == ("off", True)


@pytest.mark.parametrize(
    "text",
    ["3\n0\n2\n", "demand\n3\n0\n2\n", "# made up\n3\n\n0\n2.0\n", "day,demand\n3,x\n0,y\n2\n", "\ufeff3\n0\n2\n"],
)
def test_a_trace_lies_beside_its_scenario(write, text):
    write(text, "trace.csv")
    scenario = load_scenario(write(TEXT.replace("{bernoulli: 0.5}", "{trace: trace.csv}")))
    assert scenario.demand.law.trace == (3, 0, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("demand\n3\nx\n", "demand.law.trace[1] must be a whole number >= 0, got 'x'"),
        ("3\nnan\n", "demand.law.trace[1] must be a whole number >= 0, got 'nan'"),
        ("3;4\n5;6\n", "demand.law.trace[0] must be a whole number >= 0, got '5;6'"),
        ("demand\n", "demand.law.trace must hold at least one slot's demand, got an empty trace"),
    ],
)
def test_a_bad_trace_file(write, text, message):
    write(text, "trace.csv")
    path = write(TEXT.replace("{bernoulli: 0.5}", "{trace: trace.csv}"))
    assert told(path) == [f"{path}:8:16: {message}"]


# -- what is right --


def test_sources_are_equal(write):
    path = write(TEXT)
    scenario = load_scenario(path)
    as_mapping = {
        "name": "small",
        "stages": [{"name": "cut"}, {"name": "pack", "room": 4}],
        "demand": {"law": {"bernoulli": 0.5}},
        "control": [{"knob": "kanban", "at": "cut", "high": 5, "default": 2, "off": True}],
    }
    assert scenario == load_scenario(str(path)) == load_scenario(as_mapping)
    assert load_scenario(scenario) is scenario
    assert issubclass(ScenarioError, InputError)


def test_a_mapping_is_left_as_it_was(line):
    before = copy.deepcopy(line)
    load_scenario(line)
    assert line == before


def test_a_scenario_cannot_be_changed(line):
    with pytest.raises(ValueError, match="frozen"):
        load_scenario(line).name = "other"


words = st.text(st.characters(codec="utf-8"), max_size=30)
prices = st.fixed_dictionaries({}, optional={name: st.floats(0, 1e9) for name in ("backlog", "lost", "unit", "pm")})


@settings(max_examples=settings().max_examples // 3)
@given(scenarios(), words, prices, st.data())
def test_yaml_round_trip(line, description, prices, data):
    name = data.draw(
        st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True) | st.sampled_from(["off", "Yes", "null"])
    )
    wip = data.draw(
        st.floats(0, 1e9) | st.lists(st.floats(0, 9), min_size=len(line["stages"]), max_size=len(line["stages"]))
    )
    scenario = load_scenario({**line, "name": name, "description": description, "prices": {**prices, "wip": wip}})
    again = load_text(scenario.to_yaml())
    assert again == scenario
    assert again.hash == scenario.hash


def load_text(text) -> Scenario:
    """Read YAML without a file."""
    return load_scenario(read_yaml(text))


def test_hash_changes_with_all_but_the_description(line):
    scenario = load_scenario(line)
    hashes = {scenario.hash}
    assert len(scenario.hash) == 12
    assert load_scenario({**line, "description": "other"}).hash == scenario.hash
    assert load_scenario({**line, "horizon": 250}).hash == scenario.hash  # the default, said aloud
    changes = [
        (("name",), "other"),
        (("horizon",), 251),
        (("stages", 0, "process"), {"geometric": 1.6}),
        (("stages", 1, "failure", "repair_keep"), 1),
        (("stages", 2, "initial"), 4),
        (("suppliers", 0, "on_time"), 0.81),
        (("demand", "shortage"), {"limit": 10}),
        (("control", 0, "high"), 10),
        (("prices",), {"pm": 1}),
        (("reward_scale",), 2),
    ]
    for path, value in changes:
        hashes.add(load_scenario(changed(line, path, value)).hash)
    assert len(hashes) == 1 + len(changes)


def test_hash_is_that_of_any_other_process():
    """Results are filed under it, so it may not depend on Python's own hashes, which differ from run to run."""
    code = "import sys; from jitgym.scenario import load_scenario; print(load_scenario(sys.argv[1]).hash)"
    seed = "1" if sys.flags.hash_randomization else "random"
    done = subprocess.run(
        [sys.executable, "-c", code, str(CONFIGS[0])],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
        cwd=CONFIGS[0].parent.parent,
    )
    assert done.stdout.strip() == load_scenario(CONFIGS[0]).hash


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_scenario_of_the_package_loads_by_name(path):
    text = path.read_text(encoding="utf-8")
    scenario = load_scenario(path.stem)
    assert scenario == load_scenario(path)
    assert scenario.name == path.stem
    assert scenario.description
    head = text.split("\nname:")[0]
    assert all(word in head for word in ("# Source", "Licence", "# Teaches:"))


def test_there_are_scenarios():
    assert sorted(scenario_files()) == [path.stem for path in CONFIGS] != []
