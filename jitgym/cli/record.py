"""``jitgym record``: episodes of a rule or an agent as a Minari dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from jitgym.cli.common import DATA, INTERRUPTED, ScenarioArgument, SeedOption, app, at_least, progress_board, require
from jitgym.cli.complete import rule_name
from jitgym.dataset import new_place, record
from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.results import spelled
from jitgym.rules import RuleFamily, rule_family
from jitgym.scenario import Scenario, load_scenario


@app.command("record", rich_help_panel=DATA)
def record_command(
    scenario: ScenarioArgument,
    dataset: Annotated[
        str, typer.Option(metavar="ID", help="Minari's id of the dataset to write: name-v0 or folder/name-v0.")
    ],
    rule: Annotated[
        str | None, typer.Option(help="The rule to run, with its textbook numbers.", autocompletion=rule_name)
    ] = None,
    tuned: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the rule's numbers from what tune --out wrote.")
    ] = None,
    agent: Annotated[Path | None, typer.Option(metavar="DIR", help="Run a stored agent instead.")] = None,
    episodes: Annotated[int, typer.Option(help="Whole episodes to record.")] = 100,
    seed: SeedOption = 0,
    infos: Annotated[bool, typer.Option(help="Store costs and ledger of every step too.")] = True,
    threads: Annotated[int, typer.Option(help="Threads that share the lines.")] = 1,
) -> None:
    """Record episodes of a rule or an agent for learning offline, as a Minari dataset.

    It goes where [bold]MINARI_DATASETS_PATH[/] says, complete or not at all; [bold]minari.load_dataset[/] reads it.
    """
    described = load_scenario(scenario)
    if (rule is None) == (agent is None):
        raise InputError("rule or agent must be given, one of them")
    if tuned is not None and rule is None:
        raise InputError("tuned must be given with rule: it holds the rule's numbers")
    require("minari", "offline")
    require("h5py", "offline")
    n_episodes = at_least(1, "episodes", episodes)
    first, n_threads = at_least(0, "seed", seed), at_least(1, "threads", threads)
    place = new_place(dataset)
    policy, facts = _agent(described, agent) if agent is not None else _rule(described, str(rule), tuned)
    try:
        with progress_board() as report:
            recorded = record(
                described,
                policy,
                dataset,
                n_episodes,
                first,
                infos=infos,
                facts=facts,
                n_threads=n_threads,
                progress=lambda share: report("record", share, ""),
            )
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing is recorded", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(f"{recorded.total_episodes} episodes, {recorded.total_steps} steps: {dataset} in {place}")


def _rule(scenario: Scenario, name: str, tuned: Path | None) -> tuple[Policy, dict[str, Any]]:
    """Return a rule, and what a dataset tells of it."""
    family = rule_family(scenario, name)
    numbers = family.start if tuned is None else tuned_numbers(family, tuned)
    return family.rule(numbers), {
        "kind": "rule",
        "numbers": spelled(family, numbers),
        "numbers_from": "textbook" if tuned is None else "tuning",
        "source": family.source,
    }


def tuned_numbers(family: RuleFamily, tuned: Path) -> list[int]:
    """Return a rule's numbers from the file that ``jitgym tune --out`` wrote.

    Raises:
        InputError: no such file, or one of another line or without the rule.
    """
    try:
        found = json.loads(tuned.read_text(encoding="utf-8"))
        line, rules = found["hash"], found["rules"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"tuned must be a file that jitgym tune --out wrote, got {str(tuned)!r}: {error}") from error
    if line != family.scenario.hash:
        raise InputError(f"{tuned}: must be of scenario {family.scenario.name!r} ({family.scenario.hash}), got {line}")
    if family.name not in rules:
        raise InputError(f"{tuned}: must hold the rule {family.name!r}, got {', '.join(rules)}")
    numbers = rules[family.name]["numbers"]
    values = [numbers.get(number.name) for number in family.numbers]
    return [
        int(number.never if isinstance(value, str) and number.never is not None else value)
        for number, value in zip(family.numbers, values, strict=True)
    ]


def _agent(scenario: Scenario, stored: Path) -> tuple[Policy, dict[str, Any]]:
    """Return a stored agent, from its own folder or from a folder of results, and what a dataset tells of it."""
    require("torch", "agents")
    from jitgym.agents.policy import load_agent

    loaded = load_agent(stored / "agent" if (stored / "agent").is_dir() else stored, scenario)
    told = {name: loaded.card.facts.get(name) for name in ("algorithm", "steps", "seed", "started_from", "settings")}
    return loaded, {"kind": "agent", "weights_sha256": loaded.card.weights_sha256, **told}
