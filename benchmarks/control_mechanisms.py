"""How much stock each control mechanism needs for the same service, on the four-machine line of the literature.

Bonvik, Couch and Gershwin (1997) report that hybrid CONWIP-kanban holds 10 to 20 % less stock than the best kanban;
Paternina-Arboleda and Das (2001) that a learned policy holds less than the best rule. Here every rule's numbers are
searched for the least stock at each of several prices of a late part; what was tried and is not beaten in stock and
service at once meets fresh seeds, and makes the rule's frontier. Agents are trained from the rule that costs least, at
the scenario's own prices, and held against the frontiers at their own service.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import command_line, done, machine, parsed, show_table, tell_end, wide_console
from lessons import lesson

from jitgym.agents.settings import read_settings
from jitgym.agents.trainer import load_anywhere
from jitgym.compare import FULL, QUICK, best_rule, families_of
from jitgym.evaluate import Policy, run_policy
from jitgym.files import markdown_table, to_json, write_csv, write_text
from jitgym.jobs import Executor, Job, Report, Store, executor
from jitgym.ledger import Ledger
from jitgym.rules import rule_family
from jitgym.scenario import Scenario, load_scenario
from jitgym.scorecard import Scorecard
from jitgym.search import Budget, search
from jitgym.seeds import seed_bank
from jitgym.trials import Trials
from jitgym.tuning import tune_all

Floats = npt.NDArray[np.float64]
Numbers = tuple[int, ...]
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
    numbers: Numbers
    late: float
    stock: float
    late_error: float
    stock_error: float


def late_and_stock(scenario: Scenario, ledger: Ledger) -> tuple[Floats, Floats]:
    """Return the share of late parts and the mean stock, in process and finished, of each line."""
    kpis = Scorecard(scenario).kpis(ledger)
    return 1 - kpis["fill_rate"], kpis["wip"] + kpis["finished_goods"]


def priced(ledger: Ledger, scenario: Scenario, price: float) -> Floats:
    """Return what a search at a price of late parts keeps low."""
    late, stock = late_and_stock(scenario, ledger)
    return stock + price * late


def point(scenario: Scenario, name: str, numbers: Numbers, policy: Policy, n_seeds: int) -> Point:
    """Run a policy on seeds that neither search nor training has met."""
    ledger = run_policy(scenario, policy, seed_bank(0, n_seeds, "evaluation"))
    late, stock = late_and_stock(scenario, ledger)
    errors = (float(values.std(ddof=1) / np.sqrt(n_seeds)) for values in (late, stock))
    return Point(name, numbers, float(late.mean()), float(stock.mean()), *errors)


# -- the work of processes --


@dataclass(frozen=True)
class Search:
    """A rule, and the price of a late part."""

    scenario: Scenario
    rule: str
    price: float
    budget: Budget


def searched(task: Search, report: Report) -> list[Numbers]:
    """Search a rule's numbers at one price; return what was tried at length and is not beaten."""
    family = rule_family(task.scenario, task.rule)
    trials = Trials(task.scenario, family, goal=partial(priced, scenario=task.scenario, price=task.price))
    search(trials, task.budget, [family.start], lambda word: report(f"{task.rule} at {task.price}", None, word))
    tried = {vector: one for vector, one in trials.tried.items() if one.episodes >= task.budget.last // 4}
    return unbeaten({vector: (1 - one.fill_rate, one.stock) for vector, one in tried.items()})


@dataclass(frozen=True)
class Measurement:
    """A rule with the numbers to run, or a stored agent."""

    scenario: Scenario
    name: str
    vectors: tuple[Numbers, ...]
    n_seeds: int
    folder: Path | None = None


def measured(task: Measurement, report: Report) -> list[dict[str, Any]]:
    """Run a rule with each of its vectors, or an agent; return the points."""
    policies: dict[Numbers, Policy] = {}
    if task.folder is not None:
        policies[()] = load_anywhere(task.folder, task.scenario)
    for vector in task.vectors:
        policies[vector] = rule_family(task.scenario, task.name).rule(np.array(vector, dtype=np.int64))
    return [asdict(point(task.scenario, task.name, vector, one, task.n_seeds)) for vector, one in policies.items()]


# -- frontiers --


def unbeaten(points: Mapping[Numbers, tuple[float, float]]) -> list[Numbers]:
    """Return what no other beats in both, by the first of the two; less is better."""
    kept, least = [], np.inf
    for name in sorted(points, key=points.__getitem__):
        if points[name][1] < least:
            kept.append(name)
            least = points[name][1]
    return kept


def frontier(points: Sequence[Point]) -> list[Point]:
    """Return the points of a rule that none beats in lateness and stock at once, by lateness."""
    by_numbers = {one.numbers: one for one in points}
    return [by_numbers[numbers] for numbers in unbeaten({n: (p.late, p.stock) for n, p in by_numbers.items()})]


def stock_at(line: Sequence[Point], late: float) -> float:
    """Return the stock at a share of late parts, between the points of a frontier; NaN outside of it.

    Stock is nearly linear in the logarithm of lateness; between two settings a plant may take turns.
    """
    shares, stocks = (np.array([getattr(one, name) for one in line]) for name in ("late", "stock"))
    known = shares > 0
    if not known.any() or not shares[known].min() <= late <= shares[known].max():
        return float("nan")
    return float(np.interp(np.log(late), np.log(shares[known]), stocks[known]))


def best_at(lines: Mapping[str, Sequence[Point]], late: float) -> tuple[str, float]:
    """Return the rule that needs the least stock at a share of late parts, and that stock."""
    stocks = {name: stock_at(line, late) for name, line in lines.items()}
    known = {name: stock for name, stock in stocks.items() if np.isfinite(stock)}
    name = min(known, key=known.__getitem__, default="none")
    return name, known.get(name, float("nan"))


# -- what is told --


def rule_table(lines: Mapping[str, Sequence[Point]]) -> list[tuple[str, ...]]:
    """Return rows: each rule's stock at every target, and that in percent of kanban's."""
    return [
        (name, *(_against(stock_at(line, 1 - t), stock_at(lines["kanban"], 1 - t)) for t in TARGETS))
        for name, line in lines.items()
    ]


def agent_table(lines: Mapping[str, Sequence[Point]], agents: Sequence[Point]) -> list[tuple[str, ...]]:
    """Return rows: each agent's service, which rule needs least for that, and the agent's stock against it."""
    rows = []
    for one in agents:
        rule, least = best_at(lines, one.late)
        cells = (_against(one.stock, least), _against(one.stock, stock_at(lines["kanban"], one.late)))
        rows.append((one.policy, f"{100 * (1 - one.late):.2f} %", rule, *cells))
    return rows


def _against(stock: float, other: float) -> str:
    """Spell a stock, and how much more it is than another."""
    if not np.isfinite(stock):
        return "none found"
    return f"{stock:.2f} ({100 * (stock / other - 1):+.1f} %)" if np.isfinite(other) else f"{stock:.2f}"


RULE_HEADS = ("rule", *(f"stock at {100 * target:g} % (to kanban)" for target in TARGETS))
AGENT_HEADS = ("agent", "filled at once", "best rule there", "stock (to that rule)", "stock (to kanban)")


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


def write(lines: Mapping[str, Sequence[Point]], agents: Sequence[Point], folder: Path, head: str) -> None:
    """Write points, tables and figure into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = [*(one for line in lines.values() for one in line), *agents]
    flat = ({**asdict(one), "numbers": " ".join(map(str, one.numbers))} for one in everything)
    write_csv(folder / "control_mechanisms.csv", flat)
    record = {"about": head, "rules": [asdict(p) for line in lines.values() for p in line]}
    write_text(folder / "control_mechanisms.json", to_json({**record, "agents": [asdict(p) for p in agents]}) + "\n")
    page = ["# Stock for the same service", head, markdown_table(RULE_HEADS, rule_table(lines))]
    page += [markdown_table(AGENT_HEADS, agent_table(lines, agents))] if agents else []
    write_text(folder / "control_mechanisms.md", "\n\n".join(page) + "\n")
    draw(lines, agents, folder / "control_mechanisms.png")


# -- from the beginning to the end --


def rule_points(scenario: Scenario, args: Namespace, store: Store, by: Executor) -> list[list[Point]]:
    """Search every rule at every price, and measure what came of it."""
    small = {"trials": 16, "first": 8, "last": 32} if args.quick else {}
    budget = Budget(episodes=args.episodes, **small)
    searches = {
        (rule, price): Job(
            (scenario.hash, f"{rule} at {price}", repr(budget)),
            searched,
            Search(scenario, rule, price, budget),
            f"{rule} at {price}",
        )
        for rule in RULES
        for price in PRICES
    }
    found = done(searches, store, by)
    measurements = {}
    for rule in RULES:
        vectors = sorted({tuple(v) for price in PRICES for v in found[rule, price]})
        task = Measurement(scenario, rule, tuple(vectors), args.evaluation)
        key = (scenario.hash, f"measure {rule}", f"{args.evaluation} seeds", repr(vectors))
        measurements[rule] = Job(key, measured, task, f"measure {rule}")
    results = done(measurements, store, by)
    return [points_of(results[rule]) for rule in RULES]


def agent_points(scenario: Scenario, args: Namespace, store: Store, by: Executor) -> list[Point]:
    """Tune all rules at the scenario's prices, train agents from the best, and measure them."""
    if not args.agents:
        return []
    families, budget = families_of(scenario, "all"), QUICK if args.quick else FULL
    best = best_rule(tune_all(scenario, families, 0, budget, store, by, tell_end))
    settings = {**read_settings("ppo", scenario.name), "n_timesteps": float(args.steps)}
    lessons, measurements = {}, {}
    for seed in range(args.agents):
        lessons[seed], folder = lesson(scenario, "ppo", settings, best.family.name, best.numbers, seed, args.out)
        what = Measurement(scenario, f"agent {seed}", (), args.evaluation, folder)
        key = (*lessons[seed].key, f"{args.evaluation} seeds")
        measurements[seed] = Job(key, measured, what, f"measure agent {seed}")
    done(lessons, store, by)
    results = done(measurements, store, by)
    return [one for found in results.values() for one in points_of(found)]


def points_of(records: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Return the points that records are of."""
    return [Point(**{**one, "numbers": tuple(one["numbers"])}) for one in records]


def main() -> None:
    """Search, measure, train, print and write."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="feeder_line", help="a line with the knobs of all rules (feeder_line)")
    parser.add_argument("--episodes", type=int, help="episodes of each search (80000)")
    parser.add_argument("--evaluation", type=int, help="fresh episodes of every point (2048)")
    parser.add_argument("--agents", type=int, help="training seeds (10)")
    parser.add_argument("--steps", type=int, help="steps of a line to train for (1000000)")
    parser.add_argument("--processes", type=int, default=2, help="searches and trainings at once")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="for all results; goes on where it was")
    parser.add_argument("--quick", action="store_true", help="a minute or two: checks the script, measures nothing")
    sizes = {"episodes": (1500, 80_000), "evaluation": (32, 2048), "agents": (1, 10), "steps": (8192, 1_000_000)}
    args = parsed(parser, **sizes)
    command, args.out = command_line(args.out), args.out.resolve()
    scenario = load_scenario(args.scenario)
    store, by = Store(args.out / "jobs"), executor(args.processes)
    points = rule_points(scenario, args, store, by)
    lines = {rule: frontier(line) for rule, line in zip(RULES, points, strict=True)}
    agents = agent_points(scenario, args, store, by)
    what = f"`{scenario.name}`, {datetime.now(timezone.utc):%Y-%m-%d}, `{command}`"
    about = f"{what}; {machine('torch', 'stable-baselines3')}."
    show_table("Stock that each rule needs for a fill rate", RULE_HEADS, rule_table(lines))
    show_table("Agents, against the rules at their own fill rate", AGENT_HEADS, agent_table(lines, agents))
    wide_console().print(about, soft_wrap=True)
    write(lines, agents, args.out, about)


if __name__ == "__main__":
    main()
