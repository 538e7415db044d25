"""Policies of management: rules with names, sources and numbers that a tuner may set.

They speak the ``predict`` of Stable-Baselines3, as every policy does, and see what the observation shows and nothing
else; the demand and the deliveries on record before the first decision are known to all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.enterprise.analysis import Analysis
from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import HOLD, NEXT, PILOT
from jitgym.enterprise.outlook import Draft, Outlook
from jitgym.enterprise.sights import Overview
from jitgym.errors import InputError
from jitgym.settings import Number, free_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Memory = dict[str, Any]
"""What a rule keeps from period to period: arrays whose first axis is companies."""
Given = npt.ArrayLike | Mapping[str, int] | None
"""Numbers of a rule as it takes them."""


class Manager(ABC):
    """A rule of management.

    Args:
        companies: what it manages, or others of the same enterprise.
        numbers: ``(n_numbers,)``, or for each of some companies its own, ``(n_companies, n_numbers)``, or all by name;
            None: the start.

    Attributes:
        name: what tables call it.
        does: what it does, in a sentence.
        numbers_of: the rule whose tuned numbers it takes: its own, another's, or None where it is there to show
            something and is not tuned.
        numbers: what a tuner may set.
        values: what they are set to.

    Raises:
        InputError: numbers of another shape, or out of their ranges.
    """

    name: ClassVar[str]
    does: ClassVar[str]
    numbers_of: ClassVar[str | None]

    def __init_subclass__(cls) -> None:
        """A rule is tuned for itself, unless it says otherwise."""
        if "name" in cls.__dict__ and "numbers_of" not in cls.__dict__:
            cls.numbers_of = cls.name

    def __init__(self, companies: Companies, numbers: Given = None) -> None:
        self._levers = companies.levers
        self._codec = ActionCodec(tuple(lever.knob for lever in companies.levers.levers))
        self._see = Outlook(Overview(companies))
        self._enterprise = companies.enterprise
        self._n_stages = len(companies.enterprise.line.stages)
        self.analysis = Analysis.of(companies)
        self.numbers = self._numbers()
        start = np.array([number.start for number in self.numbers], dtype=np.int64)
        self.values = start if numbers is None else self._checked(numbers)

    def _checked(self, given: npt.ArrayLike | Mapping[str, int]) -> Ints:
        if isinstance(given, Mapping):
            wanted = [number.name for number in self.numbers]
            if set(given) != set(wanted):
                raise InputError(f"{self.name} needs the numbers {', '.join(wanted)}, got {', '.join(map(str, given))}")
            given = [given[name] for name in wanted]
            if not all(isinstance(value, (int, np.integer)) for value in given):
                raise InputError(f"{self.name} needs {len(wanted)} integers ({', '.join(wanted)}), got {given!r:.80}")
        values = np.asarray(given)
        if values.shape[-1:] != (len(self.numbers),) or (values.size and values.dtype.kind not in "iu"):
            names = ", ".join(number.name for number in self.numbers)
            raise InputError(f"{self.name} needs {len(self.numbers)} integers ({names}), got {values.tolist()!r:.80}")
        for i, number in enumerate(self.numbers):
            outside = (values[..., i] < number.low) | (values[..., i] > number.high)
            if outside.any():
                got = values[..., i][outside].flat[0]
                raise InputError(f"{self.name}: {number.name} must be in {number.low}..{number.high}, got {got}")
        return values.astype(np.int64)

    @property
    def by_name(self) -> dict[str, int]:
        """The values of the numbers by their names, where all companies have the same."""
        return dict(zip((number.name for number in self.numbers), self.values.tolist(), strict=True))

    @abstractmethod
    def _numbers(self) -> tuple[Number, ...]:
        """Return the numbers that a tuner may set, with their ranges and starts."""

    @abstractmethod
    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        """Write down the decisions of a period.

        Args:
            see: what is seen.
            draft: is written.
            number: each ``(n_companies, 1)`` or ``(1, 1)``.
            memory: is read and written.
        """

    def _begin(self, n: int) -> Memory:
        """Return the memory of ``n`` companies that begin."""
        return {}

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Memory | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Memory]:
        """Return the actions for observations ``(n_companies, n_entries)`` or one ``(n_entries,)``, and the memory."""
        seen = np.atleast_2d(observation)
        n = len(seen)
        memory = self._begin(n)
        if state is not None:
            begins = np.zeros(n, dtype=bool) if episode_start is None else np.atleast_1d(episode_start).astype(bool)
            for key, kept in state.items():
                memory[key] = np.where(begins.reshape(-1, *[1] * (kept.ndim - 1)), memory[key], kept)
        self._see.look(seen)
        draft = Draft(self._levers, n)
        values = np.atleast_2d(self.values)
        number = {one.name: values[:, i : i + 1] for i, one in enumerate(self.numbers)}
        self._decide(self._see, draft, number, memory)
        actions = self._codec.encode(draft.decisions)
        return (actions if np.ndim(observation) > 1 else actions[0]), memory

    def stages(self, observation: npt.NDArray[np.float32]) -> Ints:
        """Return the stages under pull that observations tell, ``(n_companies, n_lines)``."""
        self._see.look(observation)
        return self._see.line("stage").astype(np.int64)

    # -- parts that rules share --

    def _level(self, kind: str, start: int, name: str = "") -> Number:
        """Return a number that sets a lever of all lines or suppliers."""
        bounds = getattr(self._enterprise.levers, kind)
        return free_number(name or kind, bounds.low, bounds.high, start)

    def _next(self, see: Outlook, go: npt.NDArray[np.bool_]) -> Ints:
        """Return roll-out orders that put one more stage under pull where ``go``, ``(n_companies, n_lines)``."""
        stage = see.line("stage")
        more: Ints = np.where(go & (stage < self._n_stages), np.where(stage == 0, PILOT, NEXT), HOLD)
        return more
