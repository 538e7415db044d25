"""``jitgym teach``, ``lessons`` and ``replay``: lines to watch, in a browser."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from jitgym.cli.common import TEACHING, ScenarioArgument, SeedOption, app, at_least
from jitgym.cli.complete import lesson_name, rule_name
from jitgym.cli.report import stored_agent
from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.files import scenario_files, write_text
from jitgym.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    from jitgym.web.rivals import Offer

USUAL_COMPANY: Final = "components"
"""The company that learned managers run where no other is named."""


@app.command(rich_help_panel=TEACHING)
def teach(
    lines: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="YAML files of lines to offer besides.")
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Results of [bold]compare[/]: tuned rules and the agent, to play against."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but 127.0.0.1 lets a class in and prints a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0: any that is free.")] = 8127,
    seed: SeedOption = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    company: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="Open the page at a company to run: [bold]components[/], or a YAML file of one."
        ),
    ] = None,
    agent: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Learned managers of [bold]company train[/] to run the company beside you."),
    ] = None,
) -> None:
    """Serve the teaching page: ten lessons, two lines side by side under the same luck, and a company to run.

    All runs on this machine and nothing is fetched from elsewhere. With [bold]--host 0.0.0.0[/] a class can play too,
    by the link with the token that is printed; all teams meet the same orders.
    """
    from jitgym.enterprise.description import enterprise_files, load_enterprise
    from jitgym.web.desk import Desk
    from jitgym.web.rivals import Offer
    from jitgym.web.server import TeachingServer

    page = ""
    offered = {name: load_scenario(path) for name, path in scenario_files().items()}
    for line in lines or ():
        scenario = load_scenario(line)
        offered[scenario.name] = scenario
    policies: dict[str, dict[str, Callable[[], Policy]]] = {}
    for folder in results or ():
        scenario, found = compared_policies(folder)
        if offered.setdefault(scenario.name, scenario).hash != scenario.hash:
            raise InputError(f"results must be of the lines that are offered, got another {scenario.name!r}: {folder}")
        policies[scenario.name] = {**policies.get(scenario.name, {}), **found}
    companies = {name: Offer.of(load_enterprise(name)) for name in enterprise_files()}
    if company is not None:
        enterprise = load_enterprise(company)
        companies[enterprise.name] = Offer.of(enterprise)
        page = f"#/company/{enterprise.name}"
    for folder in agent or ():
        shown = companies[enterprise.name if company is not None else USUAL_COMPANY]
        companies[shown.enterprise.name] = with_manager(shown, folder)
    desk = Desk(offered, at_least(0, "seed", seed), policies, list(companies.values()))
    server = TeachingServer(desk, host, at_least(0, "port", port))
    typer.echo(f"{server.url}{page}\nCtrl-C ends it.")
    if browser and not server.token:
        webbrowser.open(f"{server.url}{page}")
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        typer.echo("ended", err=True)
    finally:
        server.server_close()


def with_manager(offer: Offer, folder: Path) -> Offer:
    """Return a company with one more learned manager to run it beside students.

    Raises:
        InputError: the folder holds none, or one for another enterprise.
    """
    from jitgym.agents.company import load_agent
    from jitgym.enterprise.company import Companies

    name = load_agent(folder, Companies(offer.enterprise)).name  # what cannot be read is told now
    shown = name if name not in offer.agents else f"{name} ({folder.name})"
    made: dict[str, Callable[..., Policy]] = {**offer.agents, shown: partial(load_agent, folder)}
    return replace(offer, agents=made)


def compared_policies(folder: Path) -> tuple[Scenario, dict[str, Callable[[], Policy]]]:
    """Return the line of a comparison, and what makes its policies, by the names that the page gives them.

    Raises:
        InputError: no results in the folder, or a policy that cannot be read.
    """
    from jitgym.pages.paths import line_of, policy_of
    from jitgym.pages.stored import read_comparison

    stored = read_comparison(folder)
    scenario = line_of(stored)
    named = {name: f"{name}, tuned" if policy.kind == "rule" else name for name, policy in stored.policies.items()}
    found = {shown: partial(policy_of, stored, name, scenario, folder, stored_agent) for name, shown in named.items()}
    for make in found.values():
        make()  # what cannot be read is told now, not in the middle of a class
    return scenario, dict(found)


@app.command(rich_help_panel=TEACHING)
def lessons(
    lesson: Annotated[
        str | None,
        typer.Argument(metavar="[LESSON]", help="One of them: text and figures.", autocompletion=lesson_name),
    ] = None,
    runs: Annotated[int, typer.Option(help="Runs that the figures are means of.")] = 1000,
    seed: SeedOption = 0,
) -> None:
    """List the lessons of the teaching page, or show one: its text, questions, and what is seen on average."""
    from jitgym.web.lessons import COMPANY
    from jitgym.web.outline import case_outline, lesson_outline, lessons_table

    console = Console(markup=False, highlight=False)
    if lesson is None:
        console.print(lessons_table())
    elif lesson == COMPANY:
        console.print(case_outline(at_least(2, "runs", runs), at_least(0, "seed", seed)))
    else:
        console.print(lesson_outline(lesson, at_least(2, "runs", runs), at_least(0, "seed", seed)))


@app.command(rich_help_panel=TEACHING)
def replay(
    scenario: ScenarioArgument,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The HTML file to write.")],
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="One or two rules, with their textbook numbers; or [bold]default[/].", autocompletion=rule_name
        ),
    ] = None,
    slots: Annotated[int, typer.Option(help="Slots to play.")] = 400,
    seed: SeedOption = 0,
) -> None:
    """Play a line and write what happens as one HTML file that needs nothing else to be watched."""
    from jitgym.web.replay import DEFAULT, played, replay_data, replay_page

    described, names = load_scenario(scenario), rule or [DEFAULT]
    teams = played(described, names, slots, at_least(0, "seed", seed))
    write_text(out, replay_page(replay_data(teams, f"{described.name}: {' against '.join(names)}")))
    typer.echo(f"{out}")
