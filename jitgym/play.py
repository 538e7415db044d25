"""One line, slot by slot, as people watch it: who controls it, what happened, and Little's law as it holds.

A policy decides once a step, here as everywhere; between two decisions the line is shown slot by slot.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.evaluate import Policy, Watcher
from jitgym.ledger import Ledger
from jitgym.observation import Observer
from jitgym.scenario import Scenario
from jitgym.simulator import Simulator
from jitgym.vector_env import line_seeds


class Play:
    """A line that is stepped slot by slot, by a policy or by hand.

    A step cannot be left half done and gone on with: its order is placed and its releases are granted when it begins.
    So every slot of a step is made by running the step from its beginning again, one slot further than before.

    Args:
        scenario: the line.
        seed: fixes the luck, as in ``env.reset(seed=...)``; or a 64-bit episode seed itself.
        policy: what sets the knobs, once a step; None: by hand, from the scenario's defaults.

    Attributes:
        line: the simulator; at its end of the slot that was made last.
        since: slots made of the present step.
        held: the knobs that are set by hand, ``(n_knobs,)``; they are looked at when a step begins.
        policy: who sets the knobs, see :meth:`give_to`; None: by hand.
        slot: slots made since the line began.
    """

    def __init__(self, scenario: Scenario, seed: int | np.uint64, policy: Policy | None = None) -> None:
        self.scenario = scenario
        seeds = np.array([seed]) if isinstance(seed, np.uint64) else line_seeds([seed])
        self.line = Simulator(scenario, 1, seeds)
        self.policy: Policy | None = None
        self.held: npt.NDArray[np.int32] = self.line.default_knobs
        self.slot = 0
        self.since = 0
        self._codec, self._observer = ActionCodec(self.line.knobs), Observer(self.line)
        self._knobs = self.held.copy()
        self._memory: Any = None
        self._begins = True
        self._start = b""
        self._counted = np.zeros((1, self.line.tables.ledger.size), dtype=np.int64)
        self.give_to(policy)

    @property
    def knobs(self) -> npt.NDArray[np.int32]:
        """The knobs of the present step, ``(n_knobs,)``."""
        return self._knobs

    def give_to(self, policy: Policy | None) -> None:
        """Let another policy set the knobs from the next step on; None: by hand, from what the last one set."""
        if policy is None and self.policy is not None and not self._begins:
            self.held = self._knobs.copy()
        self.policy = policy
        self._memory, self._begins = None, True
        if isinstance(policy, Watcher):
            policy.watch(self.line)

    def next_slot(self) -> Ledger:
        """Make one slot; return what it was counted to."""
        if self.since in (0, self.scenario.slots_per_step):
            self._decide()
        else:
            self.line.restore(self._start)
        self.since += 1
        self.slot += 1
        whole = self.line.step(self._knobs, self.since)
        ledger = Ledger(whole.layout, whole.array - self._counted)
        self._counted = whole.array
        return ledger

    def _decide(self) -> None:
        """Begin a step: set its knobs."""
        if self.policy is None:
            self._knobs = self.held.copy()
        else:
            begins = np.array([self._begins])
            actions, self._memory = self.policy.predict(self._observer.observe(), self._memory, begins, True)
            self._knobs, self._begins = self._codec.decode(actions)[0], False
        self._start, self.since = self.line.snapshot(), 0
        self._counted = np.zeros_like(self._counted)


class Flow:
    """The way of the units through a line: cumulative counts, and how long each unit took.

    It is measured from the first stage along its path to the customer; in a tree, that is one branch and the trunk.
    A unit enters with its release into the first stage and leaves when it is shipped, scrapped or spoiled; first in,
    first out, for every product on its own. Little's law, mean WIP = throughput x mean time, holds up to the units
    that were there at the start and those that are still there (Little, Operations Research 9(3), 1961).

    Args:
        play: the line, before its first slot.

    Attributes:
        path: the stages that are measured, in their order.
        slots: slots that have been counted.
        inside: units on the path, by product.
        entered: units that have entered, with those that were there at the start.
        left: units that have left.
        area: units on the path at the end of every slot, added up.
        timed: units that have both entered and left since the start.
        time: slots that these took, added up.
    """

    def __init__(self, play: Play) -> None:
        self.path = list(play.scenario.path(0))
        self.slots = self.left = self.area = self.timed = self.time = 0
        self._n = play.scenario.n_products
        self.inside = self._units(play).sum(axis=0).tolist()
        self.entered: int = sum(self.inside)
        self._queues: list[deque[tuple[int, int]]] = [deque([(-1, units)]) for units in self.inside]
        self._beyond = self._units_beyond(play)

    @property
    def passed(self) -> list[int]:
        """Units that are beyond each machine of the path or have left; the curves of a cumulative flow diagram."""
        return [self.left + units for units in self._beyond]

    @property
    def mean_wip(self) -> float:
        """Mean units on the path at the end of a slot."""
        return self.area / self.slots if self.slots else float("nan")

    @property
    def mean_time(self) -> float:
        """Mean slots that a unit took, of those that have entered and left."""
        return self.time / self.timed if self.timed else float("nan")

    @property
    def throughput(self) -> float:
        """Units that left in a slot, on average."""
        return self.left / self.slots if self.slots else float("nan")

    def count(self, ledger: Ledger, play: Play) -> None:
        """Take in the slot that has just been made."""
        released = ledger["released"].reshape(-1, self._n)[self.path[0]]
        inside = self._units(play).sum(axis=0).tolist()
        for p, queue in enumerate(self._queues):
            came = int(released[p])
            went = self.inside[p] + came - inside[p]
            queue.append((self.slots, came))
            self._leave(queue, went)
            self.entered += came
            self.left += went
        self.inside = inside
        self.area += sum(inside)
        self.slots += 1
        self._beyond = self._units_beyond(play)

    def _leave(self, queue: deque[tuple[int, int]], units: int) -> None:
        """Let the oldest units go, and note how long they took."""
        while units > 0:
            since, there = queue.popleft()
            gone = min(units, there)
            if since >= 0:
                self.timed += gone
                self.time += gone * (self.slots - since)
            if gone < there:
                queue.appendleft((since, there - gone))
            units -= gone

    def _units(self, play: Play) -> npt.NDArray[np.int64]:
        """Return the units of the stages of the path, ``(stages, products)``."""
        fields = [play.line.state(name).reshape(-1, self._n)[self.path] for name in ("queue", "job", "store")]
        units: npt.NDArray[np.int64] = np.sum(fields, axis=0, dtype=np.int64)
        return units

    def _units_beyond(self, play: Play) -> list[int]:
        """Return the units on the path beyond each machine."""
        units = self._units(play).sum(axis=1)
        stores = play.line.state("store").reshape(-1, self._n)[self.path].sum(axis=1)
        return [int(stores[k] + units[k + 1 :].sum()) for k in range(len(self.path))]
