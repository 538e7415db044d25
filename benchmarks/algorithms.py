"""What an algorithm and its settings are worth: ``python benchmarks/algorithms.py lost_sales --start 16,0``.

Trains an agent for each training seed and prints its cost on seeds of the evaluation, as a share of the cost of the
rule with constant knobs that it started from (or is held against, with ``--plain``).
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jitgym.actions import ActionCodec
from jitgym.agents.algorithms import ALGORITHMS
from jitgym.agents.policy import TrainedPolicy
from jitgym.agents.schedule import Schedule
from jitgym.agents.settings import read_settings
from jitgym.agents.train import Training, train
from jitgym.evaluate import Policy, evaluate
from jitgym.fields import OFF
from jitgym.rules import ConstantRule
from jitgym.scenario import Scenario, load_scenario
from jitgym.simulator import Simulator


def varied(scenario: Scenario, changes: list[str]) -> Scenario:
    """Return a scenario with changes such as ``suppliers.0.lead_time=3``."""
    description: Any = scenario.model_dump(mode="json", exclude_defaults=True)
    for change in changes:
        path, value = change.split("=", 1)
        *steps, last = path.split(".")
        place = description
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]
        place[last] = yaml.safe_load(value)
    return load_scenario(description)


def measured(args: Namespace, scenario: Scenario, seed: int) -> Iterator[str]:
    """Train one agent and evaluate it; yield a line of results for each line that it is evaluated on."""
    words = args.start.split(",") if args.start else [int(knob) for knob in Simulator(scenario).default_knobs]
    start = np.array([OFF if word == "off" else int(word) for word in words], dtype=np.int32)
    changes = {key: yaml.safe_load(value) for key, value in (change.split("=", 1) for change in args.set)}
    settings = {**read_settings(args.algorithm, scenario.name), **changes}
    steps, origin = int(args.steps or settings["n_timesteps"]), None if args.plain else start
    began = time.process_time()
    schedule = Schedule.of(scenario, *(varied(scenario, [change]) for change in args.mix))
    described = Training(scenario, steps, origin, seed, settings=settings, algorithm=args.algorithm, schedule=schedule)
    with tempfile.TemporaryDirectory() as folder:
        agent = train(described, Path(folder))
    about = f"{steps} steps, {time.process_time() - began:.0f} s of processor time"
    for change in ("", *args.elsewhere):
        line = varied(scenario, [change]) if change else scenario
        policies: dict[str, Policy] = {"agent": TrainedPolicy(agent.card, line, agent.network)}
        policies["rule"] = ConstantRule(start, ActionCodec(agent.structure.knobs))
        outcomes = evaluate(line, policies, {"rule"}, args.evaluation).outcomes
        cost, rule = (float(outcomes[name].cost.mean()) for name in ("agent", "rule"))
        where = f"{scenario.name}{f' with {change}' if change else ''}"
        share = f"{100 * cost / rule:.2f} % ({cost:.4f} against {rule:.4f} a slot)"
        yield f"{args.algorithm} {where} seed {seed}: {share}, {about}"


def main() -> None:
    """Read the command line, measure, print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("--algorithm", default="ppo", choices=list(ALGORITHMS))
    parser.add_argument("--start", help="knob values such as 3,1,20,off (the scenario's defaults)")
    parser.add_argument("--plain", action="store_true", help="train from nothing")
    parser.add_argument("--steps", type=float, help="steps of a line (n_timesteps)")
    parser.add_argument("--seeds", type=int, default=2, help="training seeds (2)")
    parser.add_argument("--evaluation", type=int, default=1000, help="replications of the evaluation (1000)")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="hyper-parameters")
    parser.add_argument("--change", nargs="*", default=[], metavar="PATH=VALUE", help="of the scenario")
    parser.add_argument("--mix", nargs="*", default=[], metavar="PATH=VALUE", help="train on lines changed so as well")
    parser.add_argument("--elsewhere", nargs="*", default=[], metavar="PATH=VALUE", help="evaluate on these as well")
    args = parser.parse_args()
    scenario = varied(load_scenario(args.scenario), args.change)
    for seed in range(args.seeds):
        for row in measured(args, scenario, seed):
            print(row, flush=True)


if __name__ == "__main__":
    main()
