"""How much stock each control mechanism needs for the same service, on the four-machine line of the literature.

Bonvik, Couch and Gershwin (1997) report that hybrid CONWIP-kanban holds 10 to 20 % less stock than the best kanban;
Paternina-Arboleda and Das (2001) that a learned policy holds less than the best rule. Here every rule's numbers are
searched for the least stock at each of several prices of a late part; what was tried and is not beaten in stock and
service at once meets fresh seeds, and makes the rule's frontier. Agents are trained from the rule that costs least, at
the scenario's own prices, and held against the frontiers at their own service.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from harness import machine, parsed, wide_console
from rich.table import Table

from jitgym.agents.train import Training, train
from jitgym.compare import FULL, QUICK, Plan, best_rule, families_of, tune_rules
from jitgym.evaluate import run_policy
from jitgym.files import to_json, write_csv, write_text
from jitgym.jobs import Store
from jitgym.ledger import Ledger
from jitgym.rules import rule_family
from jitgym.scenario import Scenario, load_scenario
from jitgym.search import Budget, search
from jitgym.seeds import seed_bank
from jitgym.trials import Numbers, Trials
from jitgym.tune import Tuned

Floats = npt.NDArray[np.float64]
RULES = ("kanban", "conwip", "basestock", "hybrid", "extended")
PRICES = (30, 100, 300, 1000, 3000)
"""Of a part that is late, in parts of stock: at such a price a share of 1 % of late parts less is worth 0.3 to 30."""
TARGETS = (0.99, 0.995, 0.999)
"""Fill rates at which stock is read off."""


@dataclass(frozen=True)
class Point:
    """A rule with numbers, or an agent, on fresh seeds.

    Attributes:
        policy: its name.
        numbers: of a rule.
        late: share of the parts that customers had to wait for.
        stock: parts in the line and finished, mean over time.
        late_error: standard error of ``late``.
        stock_error: standard error of ``stock``.
    """

    policy: str
    numbers: tuple[int, ...]
    late: float
    stock: float
    late_error: float
    stock_error: float


@dataclass(frozen=True)
class Search:
    """What one process has to do: a rule, and the price of a late part."""

    scenario: Scenario
    rule: str
    price: float
    budget: Budget


def stock_of(ledger: Ledger) -> Floats:
    """Return the mean stock of each line: parts in process, between stages and finished."""
    held: Floats = (ledger.total("process_slots") + ledger.total("store_slots")) / ledger["slots"]
    return held


def late_of(ledger: Ledger) -> Floats:
    """Return the share of the demand of each line that was not filled at once."""
    late: Floats = 1 - ledger.total("on_time") / ledger.total("demand")
    return late


def stock_and_lateness(ledger: Ledger, price: float) -> Floats:
    """Return what a search at a price of late parts keeps low."""
    return stock_of(ledger) + price * late_of(ledger)


def searched(task: Search) -> list[tuple[int, ...]]:
    """Search a rule's numbers at one price; return what was tried at length and is not beaten."""
    family, goal = rule_family(task.scenario, task.rule), partial(stock_and_lateness, price=task.price)
    trials = Trials(task.scenario, family, goal=goal)
    search(trials, task.budget, [family.start], lambda word: None)
    tried = {vector: one for vector, one in trials.tried.items() if one.episodes >= task.budget.last // 4}
    return unbeaten({vector: (1 - one.fill_rate, one.stock) for vector, one in tried.items()})


def unbeaten(points: Mapping[tuple[int, ...], tuple[float, float]]) -> list[tuple[int, ...]]:
    """Return what no other has less of both than, by the first."""
    kept, least = [], np.inf
    for name in sorted(points, key=points.__getitem__):
        if points[name][1] < least:
            kept.append(name)
            least = points[name][1]
    return kept


def measured(scenario: Scenario, name: str, vectors: Sequence[tuple[int, ...]], n_seeds: int) -> list[Point]:
    """Run a rule's vectors on seeds that no search has met."""
    family = rule_family(scenario, name)
    lates, stocks = (Trials(scenario, family, goal=goal) for goal in (late_of, stock_of))
    array: Numbers = np.array(vectors, dtype=np.int64)
    late, stock = lates.costs(array, n_seeds, 2), stocks.costs(array, n_seeds, 2)
    return [point(name, vector, late[i], stock[i]) for i, vector in enumerate(vectors)]


def point(name: str, numbers: tuple[int, ...], late: Floats, stock: Floats) -> Point:
    """Return the means of what was seen on every seed."""
    root = np.sqrt(len(late))
    return Point(name, numbers, float(late.mean()), float(stock.mean()), late.std() / root, stock.std() / root)


def frontier(points: Sequence[Point]) -> list[Point]:
    """Return the points that none beats in lateness and stock at once, by lateness."""
    found = unbeaten({one.numbers: (one.late, one.stock) for one in points})
    return [next(one for one in points if one.numbers == numbers) for numbers in found]


def stock_at(line: Sequence[Point], late: float) -> float:
    """Return the stock at a share of late parts, between the points of a frontier; NaN outside of it.

    Stock is nearly linear in the logarithm of lateness; between two settings a plant may take turns.
    """
    shares, stocks = (np.array([getattr(one, name) for one in line]) for name in ("late", "stock"))
    known = shares > 0
    if not known.any() or not shares[known].min() <= late <= shares[known].max():
        return float("nan")
    return float(np.interp(np.log(late), np.log(shares[known]), stocks[known]))


@dataclass(frozen=True)
class Lesson:
    """What one process has to do: train an agent from a rule."""

    scenario: Scenario
    tuned: Tuned
    seed: int
    steps: int
    n_seeds: int


def learned(task: Lesson) -> Point:
    """Train an agent and run it on fresh seeds."""
    with tempfile.TemporaryDirectory() as folder:
        agent = train(Training(task.scenario, task.steps, task.tuned.rule, task.seed), Path(folder))
    ledger = run_policy(task.scenario, agent, seed_bank(0, task.n_seeds, "evaluation"))
    return point(f"agent {task.seed}", (), late_of(ledger), stock_of(ledger))


def best_at(lines: Mapping[str, Sequence[Point]], late: float) -> tuple[str, float]:
    """Return the rule that needs the least stock at a share of late parts, and that stock."""
    stocks = {name: stock_at(line, late) for name, line in lines.items()}
    known = {name: stock for name, stock in stocks.items() if np.isfinite(stock)}
    name = min(known, key=known.__getitem__, default="none")
    return name, known.get(name, float("nan"))


def rule_table(lines: Mapping[str, Sequence[Point]]) -> list[tuple[str, ...]]:
    """Return rows: each rule's stock at every target, and that in percent of kanban's."""
    rows = []
    for name, line in lines.items():
        cells = [name]
        for target in TARGETS:
            stock, kanban = stock_at(line, 1 - target), stock_at(lines["kanban"], 1 - target)
            cells.append(f"{stock:.2f} ({100 * (stock / kanban - 1):+.1f} %)" if np.isfinite(stock) else "none found")
        rows.append(tuple(cells))
    return rows


def agent_table(lines: Mapping[str, Sequence[Point]], agents: Sequence[Point]) -> list[tuple[str, ...]]:
    """Return rows: each agent's service and stock, and the stock that the best rule and kanban need for that."""
    rows = []
    for one in agents:
        rule, least = best_at(lines, one.late)
        kanban = stock_at(lines["kanban"], one.late)
        shares = (f"{stock:.2f} ({100 * (one.stock / stock - 1):+.1f} %)" for stock in (least, kanban))
        rows.append((one.policy, f"{100 * (1 - one.late):.2f} %", f"{one.stock:.2f}", rule, *shares))
    return rows


RULE_HEADS = ("rule", *(f"stock at {100 * target:g} % (to kanban)" for target in TARGETS))
AGENT_HEADS = ("agent", "filled at once", "stock", "best rule there", "its stock (agent to it)", "kanban's stock")


def draw(lines: Mapping[str, Sequence[Point]], agents: Sequence[Point], path: Path) -> None:
    """Draw stock against the share of late parts, of every rule and agent."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours = ("#D55E00", "#E69F00", "#009E73", "#0072B2", "#CC79A7")
    for (name, line), colour, marker in zip(lines.items(), colours, "os^Dv", strict=True):
        shown = [one for one in line if one.late > 0]
        axes.plot(
            [100 * p.late for p in shown], [p.stock for p in shown], color=colour, marker=marker, ms=4, label=name
        )
    axes.plot([100 * p.late for p in agents], [p.stock for p in agents], "*k", ms=11, label="agents")
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_xlabel("parts that customers wait for, % (better service to the right)")
    axes.set_ylabel("parts in the line and finished, mean (less is better)")
    axes.set_title("Stock that each control mechanism needs for its service")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path)


def write(lines: Mapping[str, Sequence[Point]], agents: Sequence[Point], args: Namespace, head: str) -> None:
    """Write points, tables and figure into the folder asked for."""
    args.out.mkdir(parents=True, exist_ok=True)
    everything = [*(one for line in lines.values() for one in line), *agents]
    flat = ({**asdict(one), "numbers": " ".join(map(str, one.numbers))} for one in everything)
    write_csv(args.out / "control_mechanisms.csv", flat)
    record = {"about": head, "rules": [asdict(p) for line in lines.values() for p in line]}
    write_text(args.out / "control_mechanisms.json", to_json({**record, "agents": [asdict(p) for p in agents]}) + "\n")
    page = ["# Stock for the same service", head, markdown(RULE_HEADS, rule_table(lines))]
    page += [markdown(AGENT_HEADS, agent_table(lines, agents))] if agents else []
    write_text(args.out / "control_mechanisms.md", "\n\n".join(page) + "\n")
    draw(lines, agents, args.out / "control_mechanisms.png")


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows))


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in heads:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    wide_console().print(table)


def main() -> None:
    """Search, measure, train, print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="feeder_line", help="a line with the knobs of all rules (feeder_line)")
    parser.add_argument("--episodes", type=int, help="episodes of each search (80000)")
    parser.add_argument("--evaluation", type=int, help="fresh episodes of every point (2048)")
    parser.add_argument("--agents", type=int, help="training seeds (10)")
    parser.add_argument("--steps", type=int, help="steps of a line to train for (1000000)")
    parser.add_argument("--processes", type=int, default=2, help="searches and trainings at once")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write points, tables and a figure there")
    parser.add_argument("--quick", action="store_true", help="less than a minute: checks the script, measures nothing")
    sizes = {"episodes": (1500, 80_000), "evaluation": (32, 2048), "agents": (1, 10), "steps": (8192, 1_000_000)}
    args = parsed(parser, **sizes)
    began, scenario = time.perf_counter(), load_scenario(args.scenario)
    small = {"trials": 16, "first": 8, "last": 32} if args.quick else {}
    budget = Budget(episodes=args.episodes, **small)
    with ProcessPoolExecutor(args.processes) as pool:
        tasks = [Search(scenario, rule, price, budget) for rule in RULES for price in PRICES]
        found: dict[str, set[tuple[int, ...]]] = {rule: set() for rule in RULES}
        for task, vectors in zip(tasks, pool.map(searched, tasks), strict=True):
            found[task.rule].update(vectors)
            print(f"{task.rule} at {task.price} for a late part: {len(vectors)} settings", flush=True)
        points = pool.map(measured, [scenario] * len(RULES), found, map(sorted, found.values()), [args.evaluation] * 5)
        lines = {rule: frontier(line) for rule, line in zip(RULES, points, strict=True)}
        agents = list(pool.map(learned, lessons(scenario, args)))
    command = f"python benchmarks/control_mechanisms.py --out DIR{' --quick' if args.quick else ''}"
    spent, now = time.perf_counter() - began, datetime.now(timezone.utc)
    head = f"{now:%Y-%m-%d}, `{command}`, {spent / 60:.0f} min; {machine('torch', 'stable-baselines3')}."
    show("Stock that each rule needs for a fill rate", RULE_HEADS, rule_table(lines))
    show("Agents, against the rules at their own fill rate", AGENT_HEADS, agent_table(lines, agents))
    wide_console().print(head, soft_wrap=True)
    if args.out is not None:
        write(lines, agents, args, head)


def lessons(scenario: Scenario, args: Namespace) -> list[Lesson]:
    """Tune all rules at the scenario's prices, and return the agents that are to be trained from the best."""
    if not args.agents:
        return []
    plan = Plan(scenario, families_of(scenario, "all"), budget=QUICK if args.quick else FULL, n_threads=args.processes)
    with tempfile.TemporaryDirectory() as folder:
        tuned = best_rule(tune_rules(plan, lambda label, share, word: None, Store(Path(folder))))
    print(f"best rule at the scenario's prices: {tuned.family.name} {tuned.numbers}", flush=True)
    return [Lesson(scenario, tuned, seed, args.steps, args.evaluation) for seed in range(args.agents)]


if __name__ == "__main__":
    main()
