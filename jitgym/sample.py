"""One episode of a policy, slot by slot: what a plot of a sample path shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jitgym.evaluate import Policy
from jitgym.fields import MACHINE
from jitgym.play import Play
from jitgym.scenario import Scenario

WINDOW: Final = 240
"""Most slots of a path that a reader can tell apart."""


@dataclass(frozen=True)
class SamplePath:
    """What one line did, slot by slot.

    Attributes:
        finished: units in the last store at the end of each slot, ``(n,)``.
        backlog: customer orders not yet shipped at the end of each slot, ``(n,)``.
        lost: demand turned away in each slot, ``(n,)``.
        machine: what each machine did, ``(n, n_stages)``, places in ``fields.MACHINE``.
    """

    finished: npt.NDArray[np.int64]
    backlog: npt.NDArray[np.int64]
    lost: npt.NDArray[np.int64]
    machine: npt.NDArray[np.int64]


def typical_place(costs: npt.ArrayLike) -> int:
    """Return which of the costs ``(n_seeds,)`` is the median one: its seed is neither luck nor choice."""
    order = np.argsort(np.asarray(costs), kind="stable")
    return int(order[len(order) // 2])


def window(slots: int) -> tuple[int, int]:
    """Return first slot of the middle of an episode and the slot after its last, as many as can be told apart."""
    length = min(slots, WINDOW)
    return (slots - length) // 2, (slots + length) // 2


def sample_path(scenario: Scenario, policy: Policy, seed: np.uint64, steps: int | None = None) -> SamplePath:
    """Run a policy on one seed and record what happens.

    Args:
        scenario: the line.
        policy: what sets the knobs, once a step.
        seed: the episode's seed.
        steps: steps to run; None: a whole episode.
    """
    play = Play(scenario, np.uint64(seed), policy)
    slots = (scenario.horizon if steps is None else steps) * scenario.slots_per_step
    finished, backlog, lost = (np.empty(slots, dtype=np.int64) for _ in range(3))
    machine = np.empty((slots, len(scenario.stages)), dtype=np.int64)
    for slot in range(slots):
        ledger = play.next_slot()
        finished[slot] = play.line.state("store")[0, -1].sum()
        backlog[slot] = play.line.state("backlog")[0].sum()
        lost[slot] = ledger.total("lost")[0]
        machine[slot] = np.stack([ledger[name][0] for name in MACHINE]).argmax(axis=0)
    return SamplePath(finished, backlog, lost, machine)
