"""Environment steps a second: the native batch, one line, and what else the field has, in one run."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.utils.performance import benchmark_vector_step
from harness import Row, arguments, machine, parsed, tell
from lines import five_stage
from simpy_env import SimpyLineEnv

import jitgym  # noqa: F401 - registers the environment
from jitgym.benchmark import Rates, interleaved, median_ratio, medians, rate

ENV_ID = "jitgym/PullLine-v0"
BATCH, FIGURE, SINGLE = "native batch", "native batch, gymnasium's benchmark", "one line"
SYNC, SIMPY = "SyncVectorEnv of 16 lines", "SimPy line as an environment"
TARGET = 1e6
N_ACTIONS = 16
"""Random actions are drawn before the clock starts: drawing them takes longer than some peers' whole step."""


def vector_step(env: gymnasium.vector.VectorEnv[Any, Any, Any]) -> Callable[[], float]:
    """Return a step of a batch, which says how many environment steps it made."""
    env.action_space.seed(1)
    env.reset(seed=1)
    actions = [env.action_space.sample() for _ in range(N_ACTIONS)]
    made = 0

    def step() -> float:
        nonlocal made
        env.step(actions[made % N_ACTIONS])
        made += 1
        return env.num_envs

    return step


def single_step(env: gymnasium.Env[Any, Any]) -> Callable[[], float]:
    """Return a step of one environment, which starts the next episode where one ends."""
    env.action_space.seed(1)
    env.reset(seed=1)
    actions = [env.action_space.sample() for _ in range(N_ACTIONS)]
    made = 0

    def step() -> float:
        nonlocal made
        _, _, terminated, truncated, _ = env.step(actions[made % N_ACTIONS])
        made += 1
        if terminated or truncated:
            env.reset()
        return 1

    return step


def field_peer(python: str, peer: str, seconds: float, clock: str) -> float:
    """Return what ``field_peers.py`` measures for a peer under another interpreter."""
    command = [python, "-W", "ignore", str(Path(__file__).with_name("field_peers.py")), peer, str(seconds), clock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{peer} does not run under {python}:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def measurements(args: Namespace) -> dict[str, Callable[[], float]]:
    """Return what is measured, by name."""
    scenario = five_stage()
    batch = gymnasium.make_vec(ENV_ID, num_envs=args.envs, scenario=scenario)
    sync = gymnasium.make_vec(ENV_ID, num_envs=16, vectorization_mode="sync", scenario=scenario)
    steps = {
        BATCH: vector_step(batch),
        SINGLE: single_step(gymnasium.make(ENV_ID, scenario=scenario)),
        SYNC: vector_step(sync),
        SIMPY: single_step(SimpyLineEnv()),
    }
    timed: dict[str, Callable[[], float]] = {
        name: partial(rate, step, args.seconds, args.clock) for name, step in steps.items()
    }
    timed[FIGURE] = partial(benchmark_vector_step, batch, args.seconds, 1)
    if args.field_python:
        for peer in ("or-gym", "stockpyl"):
            timed[peer] = partial(field_peer, args.field_python, peer, args.seconds, args.clock)
    return timed


def results(rates: Rates) -> list[Row]:
    """Return the table's rows: rates, then ratios."""
    units = {"stockpyl": "periods/s"}
    targets = {BATCH: TARGET}
    rows = [
        Row(name, value, units.get(name, "env steps/s"), targets.get(name)) for name, value in medians(rates).items()
    ]
    others = [name for name in rates if name not in (BATCH, FIGURE)]
    rows.extend(Row(f"{BATCH} / {name}", median_ratio(rates, BATCH, name), "x") for name in others)
    rows.append(Row(f"{SINGLE} / {SIMPY}", median_ratio(rates, SINGLE, SIMPY), "x"))
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, help="length of one measurement (1)")
    parser.add_argument("--envs", type=int, help="lines in the batch (1024)")
    parser.add_argument("--field-python", metavar="PYTHON", help="one that has or-gym and stockpyl: see README")
    args = parsed(parser, envs=(64, 1024), seconds=(0.05, 1.0), repetitions=(1, 5))
    line = machine("gymnasium", "simpy")
    rates = interleaved(measurements(args), args.repetitions)
    title = f"{args.envs:,} lines of five stages, 8 slots a step, random actions, one thread"
    tell(title, args, line, results(rates), rates)


if __name__ == "__main__":
    main()
