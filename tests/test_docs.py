"""Documentation: generated tables are up to date, and what README shows runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
import yaml

from jitgym.cli import app
from jitgym.scenario import load_scenario
from jitgym.simulator import Simulator
from jitgym.suite import read_suite

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "configs" / "README.md"]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_the_tables_of_fields_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("text", blocks(ROOT / "configs" / "README.md", "yaml"))
def test_scenarios_of_the_guide_run(text: str) -> None:
    simulator = Simulator(yaml.safe_load(text), 16)
    ledger = simulator.step(simulator.default_knobs, 500)
    assert (ledger.total("shipped") > 0).all()


@pytest.mark.parametrize("code", blocks(ROOT / "README.md", "python"))
def test_python_of_the_readme_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


EXTRAS = {"jitgym.parallel": "pettingzoo", "jitgym.dataset": "h5py", "RecordVideo": "moviepy", "notebook": "anywidget"}
"""What shows that a block needs an extra, and the package that comes with it."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", ["interfaces", "teaching", "enterprise"])
def test_python_of_the_guides_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", "")  # put back to what it was, whatever a block sets it to
    found = blocks(ROOT / "docs" / f"{page}.md", "python")
    assert found
    for code in found:
        if all(find_spec(package) for sign, package in EXTRAS.items() if sign in code):
            exec(compile(code, page, "exec"), {})


def test_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = [line for page in PAGES for block in blocks(page, "bash") for line in block.splitlines()]
    targets = {match[1] for line in commands if (match := re.match(r"make (\w+)", line))}
    assert targets >= {"demo", "test"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def jitgym_lines() -> list[str]:
    """Calls of the command line in the guides."""
    pages = [*PAGES, *sorted((ROOT / "docs").glob("*.md"))]
    lines = [line for page in pages for block in blocks(page, "bash") for line in block.splitlines()]
    return sorted({line.partition("#")[0].strip() for line in lines if line.startswith("jitgym ")})


@pytest.mark.parametrize("line", jitgym_lines())
def test_calls_of_the_command_line_are_understood(line: str) -> None:
    name, *words = shlex.split(line)[1:]
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    command = group.commands[name]
    given = command.make_context(name, words).params
    if "scenario" in given and not given["scenario"].startswith("plant/"):  # what the call before it writes
        load_scenario(given["scenario"])
    if "suite" in given:
        read_suite(given["suite"]).of(given["line"] or [])


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_the_page_of_anchors_says_what_the_files_say() -> None:
    """Which are held to what the solver finds, in their own test; the gap is that of the optimum to the best rule."""
    rows = dict(
        re.findall(r"^\| `(\w+)`[^|]*\|(.+)\|$", (ROOT / "docs" / "anchors.md").read_text("utf-8"), re.MULTILINE)
    )
    files = sorted((ROOT / "configs").glob("exact_*.yaml"))
    assert set(rows) == {path.stem for path in files}
    for path in files:
        head = re.search(r"^# Exact: (.+)$", path.read_text("utf-8"), re.MULTILINE)
        assert head is not None
        optimum, *rules = map(float, re.findall(r"\d+\.\d{4}", head[1]))
        assert set(map(float, re.findall(r"\d+\.\d{4}", rows[path.stem]))) == {optimum, *rules}
        assert f"{100 * (min(rules) / optimum - 1):.1f} %" in rows[path.stem]


@pytest.mark.slow
def test_the_fitted_scenario_is_what_the_data_give() -> None:
    pytest.importorskip("surpyval")
    pytest.importorskip("statsmodels")
    script = ROOT / "configs" / "fit_bearing_line.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "are what the data give" in done.stdout
