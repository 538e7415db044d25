"""The documentation as readers meet it: notebooks run, the site builds without a warning, its pages fetch nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from browser import watch

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.agents
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a notebook has its own
    notebook = nbformat.read(path, 4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_there_are_three_with_their_output():
    nbformat = pytest.importorskip("nbformat")
    assert [path.stem for path in NOTEBOOKS] == ["design_your_kanban", "first_agent", "lesson_for_class"]
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, 4)
        assert any(cell.get("outputs") for cell in notebook.cells)
        assert not any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", []))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site."""
    pytest.importorskip("myst_nb")
    pytest.importorskip("furo")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", ROOT / "docs", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_the_site_builds_and_fetches_nothing(site, browser_page):
    pages = sorted(site.rglob("*.html"))
    assert {"index.html", "teaching.html", "dynamics.html", "api.html"} <= {page.name for page in pages}
    log = watch(browser_page)
    for page in pages:
        browser_page.goto(page.as_uri())
    assert [url for url in log.requests if not url.startswith(("file:", "data:"))] == []
    assert log.errors == []


@pytest.mark.slow
def test_the_api_is_told_from_docstrings(site):
    text = (site / "api" / "jitgym.simulator.html").read_text(encoding="utf-8")
    assert "A batch of lines of one scenario" in text
    assert "n_threads" in text
