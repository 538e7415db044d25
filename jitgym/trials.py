"""Trials of a rule's numbers: many vectors in one batch, on common random numbers, with a journal to go on from."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from jitgym.errors import InputError
from jitgym.evaluate import run_policy
from jitgym.files import write_text
from jitgym.ledger import Ledger
from jitgym.rules import RuleFamily
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.settings import Number
from jitgym.simulator import Simulator

Numbers = npt.NDArray[np.int64]
Goal = Callable[[Ledger], Floats]

AT_ONCE: Final = 8192
"""Lines stepped together at most, to bound memory."""


@dataclass(frozen=True)
class Tried:
    """Means of a vector over its episodes: `cost` is what trials keep low, `stock` is WIP and finished goods."""

    episodes: int
    cost: float
    fill_rate: float
    stock: float


class Numbered(Protocol):
    """What has numbers that a tuner may set: a family of rules."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers, with their ranges and starts."""


class TrialBook(ABC):
    """Evaluates vectors of numbers on one bank of tuning seeds, and keeps what came of it.

    Args:
        whose: what the numbers are of.
        seed: names the instance of the tuning bank.
        head: what a journal has to be of.
        journal: a file that every result is added to as a line; results that it holds already, of the same calls in
            the same order, are taken from it, so that an interrupted search goes on where it was.

    Attributes:
        episodes: how many have been run, those in the journal included.
        tried: what has been seen of every vector, on its longest run.

    Raises:
        InputError: the journal is of another search, or cannot be read.
    """

    def __init__(self, whose: Numbered, seed: int, head: dict[str, Any], journal: Path | None = None) -> None:
        self.numbers = whose.numbers
        self.seed = seed
        self.episodes = 0
        self.tried: dict[tuple[int, ...], Tried] = {}
        self._journal = journal
        self._past = self._read_journal(head) if journal is not None else iter(())

    def costs(self, vectors: Numbers, count: int, instance: int = 0, first: int = 0) -> Floats:
        """Return the mean cost a slot of every vector on some seeds of a bank, ``(n_vectors, count)``.

        Args:
            vectors: ``(n_vectors, n_numbers)``.
            count: episodes of each.
            instance: which bank: 0 is that of the search, others are fresh.
            first: seeds of the bank to leave out.
        """
        call = {"vectors": vectors.tolist(), "count": count, "instance": instance, "first": first}
        past = next(self._past, None)
        if past is not None and {key: past[key] for key in call} == call:
            costs, fill, stock = (np.array(past[key]) for key in ("costs", "fill_rate", "stock"))
        else:
            self._past = iter(())
            seeds = seed_bank(self.seed + 1_000_003 * instance, first + count, "tuning")[first:]
            costs, fill, stock = self._run(vectors, seeds)
            if self._journal is not None:
                line = {**call, "costs": costs.tolist(), "fill_rate": fill.tolist(), "stock": stock.tolist()}
                with self._journal.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
        self.episodes += costs.size
        for i, vector in enumerate(vectors.tolist() if instance == 0 else ()):
            known = self.tried.get(tuple(vector))
            if known is None or known.episodes <= count:
                self.tried[tuple(vector)] = Tried(count, float(costs[i].mean()), float(fill[i]), float(stock[i]))
        return costs

    @abstractmethod
    def _run(self, vectors: Numbers, seeds: npt.NDArray[np.uint64]) -> tuple[Floats, Floats, Floats]:
        """Run all vectors on all seeds; return costs ``(n_vectors, n_seeds)``, and fill rate and stock by vector."""

    def _read_journal(self, head: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the results that the journal holds; begin it if there is none. A last line cut short is dropped."""
        assert self._journal is not None
        text = self._journal.read_text(encoding="utf-8") if self._journal.exists() else ""
        lines = text.splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        if not whole:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._journal, json.dumps(head) + "\n")
            return iter(())
        try:
            found, *past = [json.loads(line) for line in whole]
        except ValueError as error:
            raise InputError(
                f"{self._journal}: must be a journal of trials, got {error}; delete it to begin"
            ) from error
        if found != head:
            raise InputError(f"{self._journal}: must be of {head}, got {found}; delete it to begin again")
        if len(whole) < len(lines):
            write_text(self._journal, "".join(whole))
        return iter(past)


class Trials(TrialBook):
    """Evaluates vectors of a family's numbers on one bank of tuning seeds.

    Args:
        scenario: the line.
        family: whose numbers.
        seed: names the instance of the tuning bank.
        n_threads: threads that share the lines.
        goal: what a trial is to keep low, of every episode: takes a ledger of ``n`` lines and returns ``(n,)``; None:
            the mean cost a slot. Each goal needs a journal of its own.
        journal: see :class:`TrialBook`.

    Raises:
        InputError: the journal is of another scenario, family or seed, or cannot be read.
    """

    def __init__(
        self,
        scenario: Scenario,
        family: RuleFamily,
        seed: int = 0,
        n_threads: int = 1,
        journal: Path | None = None,
        goal: Goal | None = None,
    ) -> None:
        self.scenario = scenario
        self.family = family
        self.n_threads = n_threads
        self._goal = goal or Scorecard(scenario).cost_a_slot
        super().__init__(family, seed, {"scenario": scenario.hash, "rule": family.name, "seed": seed}, journal)

    def _run(self, vectors: Numbers, seeds: npt.NDArray[np.uint64]) -> tuple[Floats, Floats, Floats]:
        """Run all vectors on all seeds; return costs ``(n_vectors, n_seeds)``, and fill rate and stock by vector."""
        per = max(1, AT_ONCE // len(seeds))
        parts = [self._ledger(vectors[i : i + per], seeds) for i in range(0, len(vectors), per)]
        costs = np.concatenate([self._goal(part) for part in parts])
        slots = np.concatenate([part["slots"] for part in parts])
        units = np.concatenate([part.total("process_slots") + part.total("store_slots") for part in parts]) / slots
        demand, on_time = (np.concatenate([p.total(name) for p in parts]) for name in ("demand", "on_time"))
        shape = (len(vectors), len(seeds))
        wanted = demand.reshape(shape).sum(axis=1)
        fill = on_time.reshape(shape).sum(axis=1) / np.maximum(wanted, 1)
        return costs.reshape(shape), fill, units.reshape(shape).mean(axis=1)

    def _ledger(self, vectors: Numbers, seeds: npt.NDArray[np.uint64]) -> Ledger:
        """Run a whole episode of every vector on every seed, all at once."""
        lines, luck = np.repeat(vectors, len(seeds), axis=0), np.tile(seeds, len(vectors))
        if not self.family.is_constant:
            return run_policy(self.scenario, self.family.rule(lines), luck, self.n_threads)
        simulator = Simulator(self.scenario, len(lines), luck, n_threads=self.n_threads)
        steps, slots = self.scenario.horizon, self.scenario.slots_per_step
        by_step = any(knob.kind in ("order", "release") for knob in simulator.knobs)
        if not by_step:
            steps, slots = 1, steps * slots  # constant knobs that act in every slot alike
        ledger = simulator.step(self.family.knobs(lines), slots)
        for _ in range(steps - 1):
            ledger.array[...] += simulator.advance(slots).array
        return ledger
