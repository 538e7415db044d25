"""The notebook widget: it holds the run, and its module draws it in a browser."""

from __future__ import annotations

import json
import sys

import pytest
from browser import watch as watched

from jitgym.errors import InputError
from jitgym.notebook import scoped_style, watch
from jitgym.web.replay import STATIC


def test_a_widget_holds_the_run():
    pytest.importorskip("anywidget")
    widget = watch("four_stage", ["kanban", "conwip"], slots=40, seed=2)
    teams = widget.recording["teams"]
    assert [team["name"] for team in teams] == ["kanban", "conwip"]
    assert [len(team["frames"]) for team in teams] == [40, 40]
    json.dumps(widget.recording, allow_nan=False)


def test_its_module_draws_it(browser_page, tmp_path):
    """As a notebook does it: the module is imported, and told to render into an element of the page."""
    pytest.importorskip("anywidget")
    widget = watch("bearing_line", "kanban+age", slots=60)
    (tmp_path / "widget.js").write_text(widget._esm, encoding="utf-8")
    page = f"""<style>{widget._css}</style><button id="own">own</button><div id="cell"></div>
      <script type="application/json" id="data">{json.dumps(widget.recording)}</script>
      <script type="module">
        const source = new Blob([{json.dumps(widget._esm)}], {{type: "text/javascript"}});
        const module = await import(URL.createObjectURL(source));
        const recording = JSON.parse(document.getElementById("data").textContent);
        module.default.render({{model: {{get: () => recording}}, el: document.getElementById("cell")}});
      </script>"""
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    log = watched(browser_page)
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.wait_for_selector("#cell svg.line")
    browser_page.locator("#cell input[type=range]").fill("30")
    assert browser_page.text_content("#cell .told").startswith("Slot 30 of 60.")
    assert log.errors == []
    # the style of the widget is the widget's alone
    radius = "e => getComputedStyle(e).borderTopLeftRadius"
    assert browser_page.locator("#cell button").first.evaluate(radius) == "6px"
    assert browser_page.locator("#own").evaluate(radius) != "6px"


def test_the_style_is_all_there():
    style = (STATIC / "page.css").read_text("utf-8")
    assert scoped_style().count("{") == scoped_style().count("}") == style.count("{") + 1
    assert ":root" not in scoped_style()


def test_what_cannot_be_watched(monkeypatch):
    with pytest.raises(InputError, match=r"slots must be in 1\.\.20000, got 0"):
        watch("four_stage", slots=0)
    with pytest.raises(InputError, match="rule must be given once or twice, got 3"):
        watch("four_stage", ["kanban"] * 3)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(InputError, match=r"watch needs anywidget: install jitgym\[notebook\]"):
        watch("four_stage", slots=5)
