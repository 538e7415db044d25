"""``jitgym teach`` and ``replay`` from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from commands import run

from jitgym.cli.teach import compared_policies, with_manager
from jitgym.enterprise.description import load_enterprise
from jitgym.errors import InputError
from jitgym.scenario import load_scenario
from jitgym.web.desk import Desk
from jitgym.web.rivals import Offer


def started(*arguments):
    """Start the page in a process of its own; return it and its address."""
    line = [sys.executable, "-m", "jitgym.cli", "teach", "--no-browser", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    return process, process.stdout.readline().strip()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_serves_until_it_is_interrupted(line, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(json.dumps(line))
    process, url = started(own)
    try:
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{url}api/catalogue", timeout=10) as answer:
            offered = {entry["name"] for entry in json.load(answer)["scenarios"]}
        assert {"busy", "four_stage"} <= offered
    finally:
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=20)
    assert (process.returncode, told[1]) == (0, "ended\n")


def test_what_cannot_be_served():
    assert "port must be an integer >= 0" in run("teach", "--port", "-1", code=2).output
    assert "host and port must be free" in run("teach", "--host", "203.0.113.7", "--no-browser", code=2).output
    assert "scenario must be" in run("teach", "nothing.yaml", code=2).output


def test_tuned_rules_of_a_comparison_can_be_played_against(short, tmp_path, barely):
    run("compare", short, "--rules", "kanban,conwip", "--quick", "--out", tmp_path / "out")
    scenario, policies = compared_policies(tmp_path / "out")
    assert scenario == load_scenario(short)
    assert set(policies) == {"kanban, tuned", "conwip, tuned"}
    desk = Desk({"short": scenario}, policies={"short": policies})
    session = desk.begin({"scenario": "short", "teams": [{"name": "a", "control": "conwip, tuned"}, {"name": "b"}]})
    session.command({"do": "step", "slots": 8})
    assert (session.teams[0].play.knobs == policies["conwip, tuned"]().knobs).all()
    assert session.teams[1].control == "hand"


def test_results_of_another_line_of_that_name(short, tmp_path, barely):
    changed = load_scenario("four_stage").model_dump(mode="json", exclude_defaults=True) | {"horizon": 20}
    path = tmp_path / "four_stage.yaml"
    path.write_text(json.dumps(changed))
    run("compare", path, "--rules", "kanban", "--quick", "--out", tmp_path / "out")
    failed = run("teach", "--results", tmp_path / "out", "--no-browser", code=2)
    assert "results must be of the lines that are offered, got another 'four_stage'" in failed.output


def test_a_folder_without_results(tmp_path):
    with pytest.raises(InputError, match=r"results\.json"):
        compared_policies(tmp_path)


def test_a_replay_is_the_same_for_the_same_seed(tmp_path):
    pages = []
    for seed in (1, 1, 2):
        run("replay", "four_stage", "--rule", "kanban", "--slots", 50, "--seed", seed, "--out", tmp_path / "r.html")
        pages.append((tmp_path / "r.html").read_text("utf-8"))
    assert pages[0] == pages[1] != pages[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rule", "kanbn"), "control must be a policy of 'four_stage', got 'kanbn' (did you mean 'kanban'?)"),
        (("--rule", "mrp"), "control must be a policy of 'four_stage', got 'mrp'"),
        (("--slots", 0), "slots must be in 1..20000, got 0"),
        (("--rule", "kanban", "--rule", "conwip", "--rule", "basestock"), "rule must be given once or twice, got 3"),
    ],
)
def test_what_cannot_be_replayed(arguments, message, tmp_path):
    failed = run("replay", "four_stage", *arguments, "--out", tmp_path / "r.html", code=2)
    assert message in failed.output.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


def test_a_learned_manager_runs_beside_students_once():
    stored = Path(__file__).parent.parent / "benchmarks" / "results" / "enterprise" / "manager"
    offer = with_manager(Offer.of(load_enterprise("components")), stored)
    assert offer.names == ("never", "technique", "phased", "PPO")
    assert with_manager(offer, stored).names == (*offer.names, "PPO (manager)")
    assert offer.does("PPO") == "a learned agent"
