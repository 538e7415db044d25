"""Completion in the shell, by the protocol that the shell speaks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jitgym.agents import algorithms
from jitgym.cli import complete
from jitgym.files import scenario_files
from jitgym.rules import rule_names
from jitgym.scenario import load_scenario


def offered(line: str) -> list[str]:
    """Return what bash would offer for the last word of a line."""
    words = line.split(" ")
    environment = os.environ | {
        "_JITGYM_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    code = "from jitgym.cli import app; app(prog_name='jitgym')"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


def test_commands():
    assert {"compare", "tune", "teach", "scorecard"} <= set(offered("jitgym "))


def test_scenarios():
    assert offered("jitgym show teach_") == [name for name in scenario_files() if name.startswith("teach_")]


def test_rules_of_the_line_that_stands_before():
    names = rule_names(load_scenario("four_stage"))
    assert offered("jitgym tune four_stage --rule ") == ["all", *names]
    assert offered("jitgym tune four_stage --rule kanban,con") == ["kanban,conwip"]


@pytest.mark.parametrize("line", ["jitgym tune nothing_there --rule k", "jitgym tune setup.py --rule k"])
def test_a_line_that_is_none_completes_to_nothing(line):
    assert offered(line) == []


def test_suites_lessons_and_algorithms():
    assert offered("jitgym suite con") == ["contest"]
    assert offered("jitgym lessons 01") == ["01_batch"]
    assert offered("jitgym compare four_stage --algorithm ma") == ["maskable_ppo"]


@pytest.mark.agents
def test_every_algorithm_is_offered():
    assert set(complete.ALGORITHMS) == set(algorithms.ALGORITHMS)
