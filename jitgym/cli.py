"""The command line: compare rules and agents on a line, tune a rule, look at scenarios."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from jitgym import __version__
from jitgym.benchmark import BUDGET, QUICK_BUDGET, BenchmarkPlan, benchmark_report, run_benchmark
from jitgym.compare import (
    FULL,
    QUICK,
    QUICK_SEEDS,
    SEEDS,
    Agent,
    Comparison,
    Plan,
    best_rule,
    evaluate_all,
    families_of,
    tune_rules,
)
from jitgym.contest import Contest, Learning
from jitgym.describe import scenario_report, scenarios_report
from jitgym.errors import InputError
from jitgym.files import to_json, write_text
from jitgym.jobs import Report, Store, executor
from jitgym.publish import keep_selected, publish
from jitgym.report import comparison_report, standings_report, tuning_report
from jitgym.results import results_folder, tunings_record, write_results
from jitgym.scenario import Scenario, load_scenario
from jitgym.stats import LEAST_SERIES
from jitgym.suite import read_suite
from jitgym.tune import Tuned

FAILURE = 1
INPUT_ERROR = 2
INTERRUPTED = 130
CURVES = "tensorboard"
"""Where training writes its curves, in the folder of its checkpoints and then in that of the agent."""


class _Group(TyperGroup):
    """Turns the errors of a user's input into one line each and an exit code, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            for line in str(error).splitlines():
                typer.echo(f"error: {line}", err=True)
            raise typer.Exit(INPUT_ERROR) from None
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(FAILURE) from None
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="Name of a scenario (see [bold]jitgym scenarios[/]) or a YAML file.")
]
SeedOption = Annotated[int, typer.Option(help="Fixes all luck: the same seed gives the same numbers.")]
ThreadsOption = Annotated[
    int, typer.Option(help="Processes that share the rules to tune, and threads that share the lines of the rest.")
]
QuickOption = Annotated[bool, typer.Option("--quick", help="Try it out: rules barely tuned, few seeds.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"jitgym {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Pull control of production lines: tuned classic rules against learned agents, on the same luck."""


@app.command()
def compare(
    scenario: ScenarioArgument,
    out: Annotated[Path, typer.Option(help="Folder for the results; earlier results in it are replaced at the end.")],
    train: Annotated[int, typer.Option(metavar="STEPS", help="Train an agent for this many steps of a line.")] = 0,
    agent: Annotated[Path | None, typer.Option(metavar="DIR", help="Load a stored agent instead.")] = None,
    rules: Annotated[str, typer.Option(help="Rules to tune, as [bold]kanban,conwip+age[/], or [bold]all[/].")] = "all",
    seeds: Annotated[int | None, typer.Option(help="Replications; 1000 unless told, with --quick 100.")] = None,
    seed: SeedOption = 0,
    plain: Annotated[bool, typer.Option("--plain", help="Train from nothing, not from the best tuned rule.")] = False,
    algorithm: Annotated[str, typer.Option(help="ppo, maskable_ppo, sac, dqn, es, dcl or counted.")] = "ppo",
    device: Annotated[str, typer.Option(help="Where the agent runs: [bold]cpu[/] or [bold]cuda[/].")] = "cpu",
    threads: ThreadsOption = 1,
    quick: QuickOption = False,
    warm_up: Annotated[
        str, typer.Option("--warm-up", help="Steps of every episode that are not counted; [bold]mser[/]: as needed.")
    ] = "0",
) -> None:
    """Tune the classic rules of a line, train or load an agent, and run all on the same seeds.

    Prints tables and a verdict; writes JSON, CSV, a figure and the agent into a folder, all of it or nothing.
    """
    described = load_scenario(scenario)
    replications = (QUICK_SEEDS if quick else SEEDS) if seeds is None else seeds
    plan = Plan(
        scenario=described,
        families=families_of(described, rules),
        seed=at_least(0, "seed", seed),
        n_seeds=at_least(2, "seeds", replications),
        budget=QUICK if quick else FULL,
        n_threads=at_least(1, "threads", threads),
        quick=quick,
        warm_up=warm_up_steps(warm_up, described),
    )
    at_least(0, "train", train)
    if train and agent is not None:
        raise InputError("train and agent must not both be given: an agent is trained or loaded")
    if plain and not train:
        raise InputError("plain must be given with train: it says how to train")
    if device not in ("cpu", "cuda"):
        raise InputError(f"device must be cpu or cuda, got {device!r}")
    require("optuna", "tune")
    require("matplotlib", "plot")
    if train or agent is not None:
        require("stable_baselines3" if train else "torch", "agents")
        from jitgym.agents.policy import require_device

        require_device(device)
    if train:
        from jitgym.agents.algorithms import algorithm_of

        algorithm_of(algorithm)
    out = out.resolve()
    try:
        comparison = compared(plan, out, Learner(train, agent, plain, device, algorithm))
    except KeyboardInterrupt:
        raise interrupted(out) from None
    console = Console(markup=False, highlight=False)
    console.print(comparison_report(comparison))
    console.print(f"\nResults in {out}", soft_wrap=True)


def warm_up_steps(told: str, scenario: Scenario) -> int | None:
    """Return the steps that are not counted; None: as many as MSER-5 finds."""
    if told == "mser":
        if scenario.horizon < LEAST_SERIES:
            raise InputError(f"warm-up by mser needs a horizon >= {LEAST_SERIES} steps, got {scenario.horizon}")
        return None
    if not told.isdecimal() or int(told) >= scenario.horizon:
        raise InputError(f"warm-up must be mser or an integer in 0..{scenario.horizon - 1}, got {told!r}")
    return int(told)


@dataclass(frozen=True)
class Learner:
    """The agent asked for: steps and algorithm to train it with, whether from nothing, or where it is stored."""

    steps: int
    stored: Path | None
    plain: bool
    device: str
    algorithm: str = "ppo"


def compared(plan: Plan, out: Path, learner: Learner) -> Comparison:
    """Tune, train or load, evaluate, and write the results."""
    from jitgym.plots import write_figure

    with results_folder(out) as folder:
        agent = load_agent(plan.scenario, learner.stored, learner.device) if learner.stored is not None else None
        with progress_board() as report:
            tuned = tune_rules(plan, report, Store(work_of(out) / "tuning"))
            if learner.steps:
                start = None if learner.plain else best_rule(tuned)
                agent = train_agent(plan, start, learner, work_of(out) / "training", folder / "agent", report)
            comparison = evaluate_all(plan, tuned, agent, report)
        write_results(comparison, folder)
        write_figure(comparison, folder / "compare.png")
    shutil.rmtree(work_of(out), ignore_errors=True)
    return comparison


def interrupted(out: Path | None) -> typer.Exit:
    """Tell what is left of work that was interrupted; return the way out."""
    kept = ""
    if out is not None:
        kept = f": {out} is as it was"
        if work_of(out).exists():
            kept += f"; what is done is kept in {work_of(out)}: the same command goes on with it"
    typer.echo(f"interrupted{kept}", err=True)
    return typer.Exit(INTERRUPTED)


def work_of(out: Path) -> Path:
    """Return where unfinished work is kept: beside the results, which stay as they are until the end."""
    return out.with_name(f"{out.name}.work")


def load_agent(scenario: Scenario, stored: Path, device: str) -> Agent:
    """Load a stored agent, from its own folder or from a folder of results."""
    from jitgym.agents import policy

    folder = stored / "agent" if (stored / "agent").is_dir() else stored
    loaded = policy.load_agent(folder, scenario, device)
    return Agent(loaded, {"loaded_from": str(folder.resolve()), **_facts(loaded.card)})


def train_agent(
    plan: Plan, start: Tuned | None, learner: Learner, checkpoints: Path, folder: Path, report: Report
) -> Agent:
    """Train an agent from a tuned rule or from nothing, and store it; what is evaluated is what was stored."""
    from jitgym.agents import policy
    from jitgym.agents.train import Training, train

    training = Training(
        plan.scenario,
        learner.steps,
        None if start is None else start.rule,
        plan.seed,
        learner.device,
        plan.n_threads,
        algorithm=learner.algorithm,
        origin=None if start is None else start.family.name,
    )
    report("train", None, "")
    policy.save_agent(train(training, checkpoints, lambda share, word: report("train", share, word)), folder)
    if (checkpoints / CURVES).is_dir():
        shutil.copytree(checkpoints / CURVES, folder / CURVES)
    loaded = policy.load_agent(folder, plan.scenario, learner.device)
    return Agent(loaded, {"start": None if start is None else start.family.name, **_facts(loaded.card)})


def _facts(card: Any) -> dict[str, Any]:
    """Return what results tell of an agent: how it was trained, and the values that it picks from."""
    return {**card.facts, "home": card.home, "menus": card.menus}


@app.command()
def suite(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="Name of a suite, or a YAML file.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; what is done in it already is not done again.")],
    seed: SeedOption = 0,
    threads: Annotated[int, typer.Option(help="Processes that share the work.")] = 1,
    agents: Annotated[bool, typer.Option(help="Train agents, or leave it at the rules.")] = True,
    line: Annotated[
        list[str] | None, typer.Option(help="Only this line of the suite; may be given several times.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where agents run: [bold]cpu[/] or [bold]cuda[/].")] = "cpu",
    quick: QuickOption = False,
) -> None:
    """Run a contest: tune every rule of many lines, train agents, compare all, and write the standings.

    Interrupted or crashed, the same command goes on. A line that is broken is reported, the others finish.
    """
    described = read_suite(suite)
    described = described.of(line) if line else described
    if quick:
        small = {"steps": 20_000, "seeds": 2, "replications": 100, "rollout": min(20, described.plan.rollout)}
        described = replace(described, plan=described.plan.model_copy(update=small))
    require("optuna", "tune")
    require("matplotlib", "plot")
    learning = learning_on(device) if agents else None
    try:
        with progress_board() as report:
            by = executor(at_least(1, "threads", threads))
            budget = QUICK if quick else FULL
            contest = Contest(described, out, by, report, learning, budget, at_least(0, "seed", seed))
            results = contest.run()
    except KeyboardInterrupt:
        typer.echo(f"interrupted: what is done is kept in {out}: the same command goes on with it", err=True)
        raise typer.Exit(INTERRUPTED) from None
    from jitgym.plots import write_standings_figure

    out.mkdir(parents=True, exist_ok=True)
    options = [*(f"--line {name}" for name in line or ()), *(["--quick"] * quick), *(["--no-agents"] * (not agents))]
    options += [*([f"--seed {seed}"] * (seed != 0)), *([f"--device {device}"] * (agents and device != "cpu"))]
    command = " ".join(["jitgym suite", suite, *options])
    found, together = publish(described, results, contest.faults, out, f"{command} --out DIR")
    keep_selected(results, described.plan.algorithms, out)
    if found:
        write_standings_figure(found, together, out / "standings.png")
    console = Console(markup=False, highlight=False)
    console.print(standings_report(results, found, contest.faults))
    console.print(f"\nResults in {out.resolve()}", soft_wrap=True)
    if contest.faults:
        raise typer.Exit(FAILURE)


def learning_on(device: str) -> Learning:
    """Return how agents of a contest are trained and read."""
    if device not in ("cpu", "cuda"):
        raise InputError(f"device must be cpu or cuda, got {device!r}")
    require("stable_baselines3", "agents")
    from jitgym.agents.policy import require_device
    from jitgym.agents.settings import read_settings
    from jitgym.agents.trainer import load_anywhere, train_one

    require_device(device)
    return Learning(train_one, load_anywhere, device, read_settings)


@app.command("tune")
def tune_command(
    scenario: ScenarioArgument,
    rule: Annotated[str, typer.Option(help="Rules, as [bold]kanban[/], [bold]kanban,conwip+age[/] or [bold]all[/].")],
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    quick: QuickOption = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result as JSON too.")] = None,
) -> None:
    """Find the best numbers of rules, and what they trade: cost, fill rate and stock.

    With [bold]--out[/] an interrupted search is gone on with by the same command.
    """
    described = load_scenario(scenario)
    plan = Plan(
        scenario=described,
        families=families_of(described, rule),
        seed=at_least(0, "seed", seed),
        budget=QUICK if quick else FULL,
        n_threads=at_least(1, "threads", threads),
        quick=quick,
    )
    if out is not None and (out.is_dir() or not out.resolve().parent.is_dir()):
        raise InputError(f"out must be a file in a folder that is there, got {str(out)!r}")
    require("optuna", "tune")
    try:
        with tempfile.TemporaryDirectory() as nowhere, progress_board() as report:
            store = Store(Path(nowhere) if out is None else work_of(out))
            tuned = tune_rules(plan, report, store)
    except KeyboardInterrupt:
        raise interrupted(out) from None
    Console(markup=False, highlight=False).print(tuning_report(tuned))
    if out is not None:
        write_text(out, to_json(tunings_record(plan, tuned)) + "\n")
        shutil.rmtree(work_of(out), ignore_errors=True)


@app.command()
def scenarios() -> None:
    """List the scenarios that come with the package."""
    Console(markup=False, highlight=False).print(scenarios_report())


@app.command()
def show(scenario: ScenarioArgument) -> None:
    """Show a line: its stages, suppliers, prices, knobs, and what an agent observes."""
    Console(markup=False, highlight=False).print(scenario_report(load_scenario(scenario)))


@app.command()
def bench(
    scenario: ScenarioArgument = "four_stage",
    threads: Annotated[int, typer.Option(help="Threads to measure beside one.")] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="Try it out: too short to be a measurement.")] = False,
) -> None:
    """Measure how fast lines are stepped here: by batch size, threads and kernel.

    [bold]JITGYM_KERNEL[/] in the environment names the kernel, here as everywhere; without it the fastest is used.
    """
    plan = BenchmarkPlan(load_scenario(scenario), at_least(1, "threads", threads), QUICK_BUDGET if quick else BUDGET)
    with progress_board() as report:
        rates = run_benchmark(plan, lambda share, word: report("bench", share, word))
    console = Console(markup=False, highlight=False)
    console.print(benchmark_report(plan, rates))
    if quick:
        console.print("\nA quick run measures nothing: it shows that the command works.")


def at_least(least: int, name: str, value: int) -> int:
    """Return a number if it is large enough."""
    if value < least:
        raise InputError(f"{name} must be an integer >= {least}, got {value}")
    return value


def require(package: str, extra: str) -> None:
    """Refuse to begin what would end for want of an optional package."""
    if importlib.util.find_spec(package) is None:
        raise InputError(f"this needs {package}: install jitgym[{extra}]")


@contextmanager
def progress_board() -> Iterator[Report]:
    """Show a bar for everything that is reported, on stderr, so that stdout holds the result alone."""
    columns = (TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn(), TextColumn("{task.fields[word]}"))
    console = Console(stderr=True, markup=False, highlight=False)
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def report(label: str, share: float | None, word: str) -> None:
            if label not in tasks:
                tasks[label] = progress.add_task(label, total=None, word="")
            progress.update(tasks[label], word=word)
            if share is not None:
                progress.update(tasks[label], total=1.0, completed=share)

        yield report


def main() -> None:
    """Entry point of the command ``jitgym``."""
    app(prog_name="jitgym")


if __name__ == "__main__":
    main()
