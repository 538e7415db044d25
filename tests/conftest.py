"""How many scenarios the property tests draw, and a line that the plain tests share.

``HYPOTHESIS_PROFILE=long pytest tests/test_conformance.py`` draws 20,000 new ones for each property; without it the
same few hundred are drawn each time, so that a test run is the same everywhere. The comparison of core and oracle draws
seven times as many.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from browser import chromium
from hypothesis import HealthCheck, settings

from jitgym.scenario import load_scenario
from jitgym.search import Budget

collect_ignore = [] if find_spec("stable_baselines3") else ["test_agents.py"]
"""Without the extra `agents` the rest is tested all the same."""

settings.register_profile("default", max_examples=300, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("short", settings.get_profile("default"), max_examples=100)
settings.register_profile(
    "long",
    max_examples=20_000,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def line() -> dict[str, Any]:
    """Return a line of three stages with a bit of everything: wear, maintenance, late suppliers, a backlog limit."""
    wear_out = {"weibull": {"scale": 8, "shape": 2}}
    return {
        "name": "busy",
        "slots_per_step": 4,
        "stages": [
            {"name": "cut", "process": {"geometric": 1.5}, "initial": 1},
            {
                "name": "drill",
                "batch": 2,
                "room": 6,
                "initial": 2,
                "failure": {"law": wear_out, "wear": 0.7, "repair": {"geometric": 3}},
                "maintenance": {"duration": 2},
                "monitoring": {"noise": 0.8},
            },
            {"name": "pack", "initial": 3},
        ],
        "items": [
            {"name": "bar", "stage": "cut", "initial": 4},
            {"name": "box", "stage": "pack", "initial": 5},
        ],
        "suppliers": [
            {"name": "mill", "item": "bar", "lead_time": 3, "on_time": 0.8, "catch_up": 0.5},
            {"name": "shop", "item": "box", "lead_time": 0, "on_time": 0.6},
        ],
        "demand": {"law": {"poisson": 0.6}, "shortage": {"limit": 9}},
        "control": [
            {"knob": "kanban", "low": 1, "high": 9, "default": 4, "off": True},
            {"knob": "loop", "at": "cut", "end": "drill", "high": 20, "default": "off", "off": True},
            {"knob": "pm_level", "high": 8, "default": 8},
            {"knob": "target", "high": 20, "default": 8},
        ],
    }


@pytest.fixture
def short(tmp_path):
    """Return the path of four_stage with short episodes."""
    path = tmp_path / "short.yaml"
    scenario = load_scenario(load_scenario("four_stage").model_dump() | {"horizon": 20, "name": "short"})
    path.write_text(scenario.to_yaml(), encoding="utf-8")
    return path


@pytest.fixture
def barely(monkeypatch):
    """Tune with next to no budget, and draw small."""
    budget = Budget(trials=4, first=2, ask=2, last=4, rounds=1, episodes=50, finalists=2, most=8, final=8)
    for command in ("compare", "scorecard", "suite", "tune"):
        monkeypatch.setattr(f"jitgym.cli.{command}.QUICK", budget)
    monkeypatch.setattr("jitgym.plots.DPI", 30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a running browser, one for all tests of a file."""
    with chromium() as started:
        yield started


@pytest.fixture
def browser_page(browser) -> Iterator[Any]:
    """Return an empty page of 1280 x 720, as playwright has them; ``browser.watch(page)`` notes what it does."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    yield context.new_page()
    context.close()
