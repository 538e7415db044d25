"""``jitgym company``: ten years of a company of several lines, its rules of management and learned managers."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from jitgym.cli.common import (
    COMPARING,
    SeedOption,
    app,
    at_least,
    command_of,
    interrupted,
    progress_board,
    require,
    require_place,
    work_of,
)
from jitgym.enterprise import report as told
from jitgym.enterprise.analysis import Analysis
from jitgym.enterprise.assumptions import AS_IT_IS, Change, changes
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise, load_enterprise
from jitgym.enterprise.greedy import Greedy
from jitgym.enterprise.managers import MANAGERS, TUNED, manager
from jitgym.enterprise.runs import RESULTS, results, run
from jitgym.enterprise.sensitivity import findings, sensitivity_text
from jitgym.enterprise.stored import numbers_of_all, rules_record
from jitgym.enterprise.study import Study, rules, study
from jitgym.enterprise.timeline import milestones, timeline
from jitgym.enterprise.tuning import BUDGET, TunedManager, tune_manager
from jitgym.errors import InputError
from jitgym.files import nearest, to_json, write_csv, write_text
from jitgym.jobs import Job, Report, Store, digest, do, executor
from jitgym.results import results_folder
from jitgym.search import Budget
from jitgym.seeds import seed_bank
from jitgym.stats import Interval

QUICK: Final = Budget(trials=12, first=4, ask=4, last=16, rounds=4, episodes=400, finalists=2, most=64, final=64)
AGENT: Final = "PPO"
TABLES: Final = ("results", "claims", "differences", "years", "lines", "erosion", "suppliers", "payback")
FILES: Final = (*(f"{name}.csv" for name in TABLES), "timelines.txt", "study.md", "study.png")
"""What ``jitgym company compare`` writes."""

company = typer.Typer(no_args_is_help=True, help="Run a company of several lines for ten years.")
app.add_typer(company, name="company", rich_help_panel=COMPARING)

EnterpriseArgument = Annotated[str, typer.Argument(metavar="ENTERPRISE", help="Name of an enterprise or a YAML file.")]
RulesOption = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="Tuned rules; those that come with the enterprise.")
]
AgentOption = Annotated[Path | None, typer.Option("--agent", metavar="DIR", help="A stored learned manager.")]
ThreadsOption = Annotated[int, typer.Option(help="Threads that share the lines, or processes that share the work.")]


@company.command("show")
def show(enterprise: EnterpriseArgument = "components") -> None:
    """Show lines, suppliers and levers, and what demand analysis and supplier qualification say of them."""
    firm = load_enterprise(enterprise)
    companies = Companies(firm)
    analysis = Analysis.of(companies)
    console = Console(markup=False, highlight=False)
    years = firm.horizon / firm.periods_per_year
    console.print(
        f"{firm.name}: {firm.description}\n{len(firm.lines)} lines, {firm.horizon} periods ({years:g} years)\n"
    )
    lines = Table("line", "suits pull", "why")
    for place, name in enumerate(firm.line_names):
        why = "; ".join(dict.fromkeys(verdict.sentence for verdict in analysis.verdicts[place]))
        lines.add_row(name, "yes" if analysis.suits[place] else "no", why)
    console.print(lines)
    suppliers = Table("supplier", "standard of being on time", "to develop")
    for place, name in enumerate(firm.supplier_names):
        suppliers.add_row(name, analysis.judgements[place], "yes" if analysis.late_suppliers[place] else "no")
    console.print(suppliers)
    levers = Table("lever", "low", "high", "a step is worth")
    for lever in companies.levers.levers:
        levers.add_row(
            lever.name, str(lever.low), str(lever.high), "" if lever.kind == "rollout" else f"{lever.unit:g}"
        )
    console.print(levers)


@company.command("run")
def run_command(
    enterprise: EnterpriseArgument = "components",
    rule: Annotated[str, typer.Option(help=f"Rule of management: {', '.join((*MANAGERS, Greedy.name))}.")] = "phased",
    rules_from: RulesOption = None,
    agent: AgentOption = None,
    seed: SeedOption = 0,
) -> None:
    """Run one company for ten years, and print what was done when, and what it came to."""
    firm = load_enterprise(enterprise)
    companies = Companies(firm)
    policy = _agent(agent, companies) if agent is not None else _rule(companies, rule, numbers_of_all(firm, rules_from))
    done = run(companies, policy, seed_bank(at_least(0, "seed", seed), 1, "evaluation"))
    typer.echo(timeline(done, firm) + "\n")
    for milestone in milestones(done, firm):
        typer.echo(milestone)
    typer.echo("")
    for name, values in results(done, firm).items():
        unit, formula = RESULTS[name]
        if np.isfinite(values[0]):
            typer.echo(f"{name:22} {values[0]:14,.3f} {unit:13} {formula}")


@company.command("tune")
def tune_command(
    context: typer.Context,
    enterprise: EnterpriseArgument = "components",
    rule: Annotated[str, typer.Option(help="Rules, separated by commas, or [bold]all[/].")] = "all",
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    quick: Annotated[bool, typer.Option("--quick", help="Try it out: barely tuned.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the numbers as JSON.")] = None,
) -> None:
    """Find the numbers of rules of management that earn most, by simulation.

    With [bold]--out[/] an interrupted search is gone on with by the same command.
    """
    firm = load_enterprise(enterprise)
    names = list(TUNED) if rule == "all" else [name.strip() for name in rule.split(",")]
    for name in names:
        if name not in TUNED:
            raise InputError(f"rule must be of {', '.join(TUNED)}, got {name!r}{nearest(name, TUNED)}")
    at_least(0, "seed", seed)
    require_place(out)
    require("optuna", "tune")
    budget = QUICK if quick else BUDGET
    try:
        with tempfile.TemporaryDirectory() as nowhere, progress_board() as report:
            work = Path(nowhere) if out is None else work_of(out)
            work.mkdir(parents=True, exist_ok=True)
            jobs = [
                Job((firm.hash, name, str(seed), str(budget)), _tune, (firm, name, seed, budget, work), f"tune {name}")
                for name in names
            ]
            found, failures = do(jobs, Store(work), executor(at_least(1, "threads", threads)), report)
    except KeyboardInterrupt:
        raise interrupted(out) from None
    if failures:
        raise InputError("\n".join(f"{key[1]}: {failure.error}" for key, failure in failures.items()))
    record = rules_record(firm, {job.key[1]: _tuned(found[job.key]) for job in jobs}, command_of(context))
    table = Table("rule", "numbers", "economic profit a year", "at the start")
    for name, one in record["rules"].items():
        year = firm.periods_per_year
        numbers = ", ".join(f"{key} {value}" for key, value in one["numbers"].items())
        table.add_row(
            name, numbers, f"{one['profit']['mean'] * year:,.0f}", f"{one['start_profit']['mean'] * year:,.0f}"
        )
    Console(markup=False, highlight=False).print(table)
    if out is not None:
        write_text(out, to_json(record) + "\n")
        shutil.rmtree(work_of(out), ignore_errors=True)


@company.command("train")
def train_command(
    enterprise: EnterpriseArgument = "components",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the manager is stored.")] = Path("manager"),
    rule: Annotated[str, typer.Option(help="The rule whose decisions it learns to move.")] = "phased",
    rules_from: RulesOption = None,
    periods: Annotated[int, typer.Option(help="Planning periods to train for.")] = 2_000_000,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
) -> None:
    """Train a manager with PPO, from a tuned rule, and store the best network of the training."""
    require("stable_baselines3", "agents")
    from jitgym.agents.company_training import train_company

    firm = load_enterprise(enterprise)
    numbers = numbers_of_all(firm, rules_from)
    if rule not in numbers:
        raise InputError(f"rule must be of {', '.join(numbers)}, got {rule!r}{nearest(rule, numbers)}")
    _require_folder(out)
    values = list(numbers[rule].values())
    at_least(1, "periods", periods)
    agent = train_company(
        firm, rule, values, periods, at_least(0, "seed", seed), None, at_least(1, "threads", threads), typer.echo
    )
    agent.save(out)


@company.command("compare")
def compare_command(
    context: typer.Context,
    enterprise: EnterpriseArgument = "components",
    rules_from: RulesOption = None,
    agent: AgentOption = None,
    seeds: Annotated[int, typer.Option(help="Companies, each with luck of its own.")] = 1000,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="The one-period optimiser too, which takes minutes.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write tables as CSV and the text.")] = None,
) -> None:
    """Run every rule of management, and a learned manager, for ten years under the same luck."""
    firm = load_enterprise(enterprise)
    made: dict[str, Any] = dict(rules(numbers_of_all(firm, rules_from)))
    if greedy:
        made[Greedy.name] = Greedy
    if agent is not None:
        _agent(agent, Companies(firm))  # one that cannot be used is told before anything is run
        made[AGENT] = lambda companies: _agent(agent, companies)
    at_least(2, "seeds", seeds), at_least(0, "seed", seed), at_least(1, "threads", threads)
    try:
        with nullcontext() if out is None else results_folder(out, FILES) as folder:
            with progress_board() as report:
                done = study(firm, made, seeds, seed, threads, lambda name, share: report(name, share, ""))
            text = told.study_text(done, command_of(context))
            if folder is not None:
                _write_study(folder, done, text)
    except KeyboardInterrupt:
        raise interrupted(None) from None
    typer.echo(text)


def _write_study(folder: Path, done: Study, text: str) -> None:
    tables = (
        told.results_rows(done),
        told.claims_rows(done),
        told.differences_rows(done, told.best_rule(done)),
        told.years_rows(done),
        told.lines_rows(done),
        told.erosion_rows(done),
        told.suppliers_rows(done, Companies(done.enterprise)),
        told.payback_rows(done),
    )
    for name, rows in zip(TABLES, tables, strict=True):
        write_csv(folder / f"{name}.csv", rows)
    plans = [
        f"{name}, company 0\n\n{timeline(own, done.enterprise)}\n\n" + "\n".join(milestones(own, done.enterprise))
        for name, own in done.runs.items()
    ]
    write_text(folder / "timelines.txt", "\n\n\n".join(plans) + "\n")
    write_text(folder / "study.md", text + "\n")
    if find_spec("matplotlib") is not None:
        from jitgym.enterprise.plots import write_study_figure

        write_study_figure(done, folder / "study.png")


@company.command("sensitivity")
def sensitivity_command(
    context: typer.Context,
    enterprise: EnterpriseArgument = "components",
    rules_from: RulesOption = None,
    seeds: Annotated[int, typer.Option(help="Companies for each change.")] = 128,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write findings as CSV, text and figure beside it.")
    ] = None,
) -> None:
    """Move every assumption to both ends of its range, and tell which claims then no longer hold.

    With [bold]--out[/] interrupted work is gone on with by the same command.
    """
    firm = load_enterprise(enterprise)
    numbers = numbers_of_all(firm, rules_from)
    at_least(2, "seeds", seeds), at_least(0, "seed", seed)
    require_place(out)
    every = [AS_IT_IS, *changes(firm)]
    try:
        with tempfile.TemporaryDirectory() as nowhere, progress_board() as report:
            store = Store(Path(nowhere) if out is None else work_of(out))
            jobs = [
                Job(
                    (firm.hash, to_json(numbers), change.path, change.told, str(seeds), str(seed)),
                    _findings, (firm, numbers, change, seeds, seed), f"{change.path} {change.told}".strip(),
                )
                for change in every
            ]  # fmt: skip
            found, failures = do(jobs, store, executor(at_least(1, "threads", threads)), report)
    except KeyboardInterrupt:
        raise interrupted(out) from None
    if failures:
        raise InputError("\n".join(f"{key[2]}: {failure.error}" for key, failure in failures.items()))
    rows = [row for job in jobs for row in found[job.key]]
    text = sensitivity_text(rows, firm, seeds, command_of(context))
    typer.echo(text)
    if out is not None:
        write_csv(out, rows)
        write_text(out.with_suffix(".md"), text + "\n")
        if find_spec("matplotlib") is not None:
            from jitgym.enterprise.plots import write_sensitivity_figure

            write_sensitivity_figure(rows, out.with_suffix(".png"))
        shutil.rmtree(work_of(out), ignore_errors=True)


def _rule(companies: Companies, name: str, numbers: dict[str, dict[str, int]]) -> Any:
    if name == Greedy.name:
        return Greedy(companies)
    if name not in MANAGERS:
        raise InputError(
            f"rule must be of {', '.join(MANAGERS)}, greedy, got {name!r}{nearest(name, (*MANAGERS, Greedy.name))}"
        )
    return manager(companies, name, numbers[name])


def _require_folder(out: Path) -> None:
    """Refuse to begin what could not be written into a folder at its end."""
    if out.exists() and not out.is_dir():
        raise InputError(f"out must be a folder, got the file {str(out)!r}")


def _agent(folder: Path, companies: Companies) -> Any:
    from jitgym.agents.company import load_agent

    return load_agent(folder, companies)


def _tune(task: tuple[Enterprise, str, int, Budget, Path], report: Report) -> dict[str, Any]:
    """Tune one rule: a job."""
    firm, name, seed, budget, work = task
    journal = work / f"{name.replace(' ', '_')}-{digest((firm.hash, str(seed), str(budget)))}.trials"
    found = tune_manager(firm, name, seed, budget, 1, lambda word: report(f"tune {name}", None, word), journal)
    return {
        "name": name,
        "numbers": found.numbers,
        "profit": vars(found.profit),
        "start_profit": vars(found.start_profit),
        "episodes": found.episodes,
        "choice": vars(found.choice),
    }


def _tuned(record: dict[str, Any]) -> TunedManager:
    from jitgym.tune import Choice

    return TunedManager(
        record["name"], record["numbers"], Interval(**record["profit"]), Interval(**record["start_profit"]),
        record["episodes"], Choice(**record["choice"]),
    )  # fmt: skip


def _findings(
    task: tuple[Enterprise, dict[str, dict[str, int]], Change, int, int], report: Report
) -> list[dict[str, Any]]:
    """Check every claim with one assumption moved: a job."""
    return list(findings(*task))
