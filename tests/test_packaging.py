"""The package as installed: light to import, complete, and the same everywhere."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir

import pytest

import jitgym
from jitgym.scenario import load_scenario

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "stable_baselines3", "matplotlib", "simpy", "pandas", "statsmodels", "tensorboard")
CONFIGS = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))


def run_python(code: str, *arguments: str) -> str:
    """Return what a fresh interpreter prints, away from the repository, which would shadow a package."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=gettempdir(), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def project() -> dict[str, dict]:
    tomllib = pytest.importorskip("tomllib", reason="the standard library reads TOML since Python 3.11")
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", ["jitgym", "jitgym.cli"])
def test_import_brings_no_extra(module):
    loaded = run_python(f"import sys, {module}; print(*sorted(m for m in {HEAVY} if m in sys.modules))")
    assert loaded.split() == []


def test_command_line_answers():
    (entry,) = [e for e in importlib.metadata.entry_points(group="console_scripts") if e.name == "jitgym"]
    code = f"from {entry.module} import {entry.attr} as main; main()"
    assert "compare" in run_python(code, "--help")


def test_version_has_one_source():
    assert jitgym.__version__ == importlib.metadata.version("jitgym") == project()["project"]["version"]


def test_agents_live_inside_the_package():
    pytest.importorskip("torch")
    agents = importlib.import_module("jitgym.agents")
    assert Path(agents.__file__).resolve().parent.name == "agents"


def test_link_for_mypy_leads_to_the_agents():
    assert (ROOT / "jitgym" / "agents").resolve() == ROOT / "agents"


@pytest.mark.parametrize("name", CONFIGS)
def test_configs_are_found_by_name(name):
    assert load_scenario(name) == load_scenario(ROOT / "configs" / f"{name}.yaml")


def test_every_package_of_the_tree_is_listed():
    tree = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "jitgym").rglob("__init__.py")}
    assert set(project()["tool"]["setuptools"]["packages"]) == tree | {"jitgym.agents", "jitgym.configs"}


def test_every_dependency_is_pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    table = project()["project"]
    wanted = sum(table["optional-dependencies"].values(), table["dependencies"])
    names = {re.match(r"[\w-]+", text).group().lower().replace("_", "-") for text in wanted} - {"jitgym"}
    assert names <= pinned
