"""One episode of a policy, slot by slot: what a plot of a sample path shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.evaluate import Policy
from jitgym.ledger import Ledger
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator

MACHINE: Final = ("busy", "setup", "starved", "blocked", "down", "waiting", "pm", "stopped")
"""What a machine can do in a slot, as the ledger counts it; a path holds places in this tuple."""
WINDOW: Final = 240
"""Most records of a path that a reader can tell apart."""


@dataclass(frozen=True)
class SamplePath:
    """What one line did, record by record.

    Attributes:
        slots: slots in a record: 1, or a whole step where orders are placed once a step.
        finished: units in the last store at the end of each record, ``(n,)``.
        backlog: customer orders not yet shipped at the end of each record, ``(n,)``.
        lost: demand turned away in each record, ``(n,)``.
        machine: what each machine mostly did, ``(n, n_stages)``, places in ``MACHINE``.
    """

    slots: int
    finished: npt.NDArray[np.int64]
    backlog: npt.NDArray[np.int64]
    lost: npt.NDArray[np.int64]
    machine: npt.NDArray[np.int64]


def typical_place(costs: npt.ArrayLike) -> int:
    """Return which of the costs ``(n_seeds,)`` is the median one: its seed is neither luck nor choice."""
    order = np.argsort(np.asarray(costs), kind="stable")
    return int(order[len(order) // 2])


def window(records: int) -> tuple[int, int]:
    """Return first and last record of the middle of an episode, as many as can be told apart."""
    length = min(records, WINDOW)
    return (records - length) // 2, (records + length) // 2


def sample_path(scenario: Scenario, policy: Policy, seed: np.uint64, steps: int | None = None) -> SamplePath:
    """Run a policy on one seed and record what happens.

    Args:
        scenario: the line.
        policy: what sets the knobs, once a step.
        seed: the episode's seed.
        steps: steps to run; None: a whole episode.
    """
    line = Simulator(scenario, 1, np.array([seed], dtype=np.uint64))
    codec, observer = ActionCodec(line.knobs), Observer(line)
    # a second line under the same luck and knobs is stopped after every slot; the first one is what the policy sees,
    # since each call of `step` begins a step, with its order and its count of demand
    recorded = line if _orders(line) else Simulator(scenario, 1, np.array([seed], dtype=np.uint64))
    slots = scenario.slots_per_step if recorded is line else 1
    records: list[tuple[Ledger, int, int]] = []
    state = None
    for step in range(scenario.horizon if steps is None else steps):
        actions, state = policy.predict(observer.observe(), state, np.array([step == 0]), True)
        knobs = codec.decode(actions)
        records.extend(_record(recorded, knobs, slots) for _ in range(scenario.slots_per_step // slots))
        if recorded is not line:
            line.step(knobs)
    ledgers = [ledger for ledger, _, _ in records]
    return SamplePath(
        slots=slots,
        finished=np.array([finished for _, finished, _ in records], dtype=np.int64),
        backlog=np.array([backlog for _, _, backlog in records], dtype=np.int64),
        lost=np.array([ledger.total("lost")[0] for ledger in ledgers], dtype=np.int64),
        machine=np.array([_mostly(ledger) for ledger in ledgers], dtype=np.int64),
    )


def _orders(line: Simulator) -> bool:
    return any(knob.kind in ("order", "release") for knob in line.knobs)


def _record(line: Simulator, knobs: npt.NDArray[np.int32], slots: int) -> tuple[Ledger, int, int]:
    """Step a line; return the ledger, the finished goods and the backlog."""
    ledger = line.step(knobs, slots)
    return ledger, int(line.state("store")[0, -1].sum()), int(line.state("backlog")[0].sum())


def _mostly(ledger: Ledger) -> npt.NDArray[np.int64]:
    """Return what every machine of the one line did in most slots, ``(n_stages,)``."""
    counts = np.stack([ledger[name][0] for name in MACHINE])
    most: npt.NDArray[np.int64] = counts.argmax(axis=0)
    return most
