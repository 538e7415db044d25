"""Rivals: policies that run the same company under the same luck, ahead of the student and out of sight."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.managers import MANAGERS, manager
from jitgym.enterprise.runs import Watcher
from jitgym.enterprise.stored import tuned_numbers
from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.files import nearest
from jitgym.web.chronicle import Chronicle

USUAL: Final = ("never", "technique", "phased")
"""Rules that are run against students unless told otherwise."""


@dataclass(frozen=True)
class Offer:
    """A company that students may run, and who runs it beside them.

    Attributes:
        enterprise: the company.
        numbers: what numbers of rules are set to, such as tuned ones, by rule: whole numbers by name, or all in their
            order; others keep their starts.
        agents: makes others that decide, such as learned agents, by name.
        rivals: rules that run beside every student.
    """

    enterprise: Enterprise
    numbers: Mapping[str, Mapping[str, int] | Sequence[int]] = field(default_factory=dict)
    agents: Mapping[str, Callable[[Companies], Policy]] = field(default_factory=dict)
    rivals: tuple[str, ...] = USUAL

    def policy(self, name: str, companies: Companies) -> Policy:
        """Return a policy by name.

        Raises:
            InputError: there is none of that name, or its numbers are out of their range.
        """
        if name in self.agents:
            return self.agents[name](companies)
        known = (*self.agents, *MANAGERS)
        if name not in MANAGERS:
            raise InputError(f"rivals must be of {', '.join(known)}, got {name!r}{nearest(name, known)}")
        numbers = self.numbers.get(name)
        by_name = numbers is None or isinstance(numbers, Mapping)
        return manager(companies, name, numbers if by_name else np.array(numbers, dtype=np.int64))

    def does(self, name: str) -> str:
        """Return what a policy does, in a sentence."""
        if name in self.agents or name not in MANAGERS:
            return "a learned agent"
        return f"{MANAGERS[name].does}{' (its numbers tuned)' if name in self.numbers else ''}"

    @classmethod
    def of(cls, enterprise: Enterprise) -> Offer:
        """Return a company with the tuned numbers of its rules that come with the package, if there are any."""
        tuned = tuned_numbers(enterprise)
        takes = {name: str(kind.numbers_of) for name, kind in MANAGERS.items()}
        return cls(enterprise, {name: tuned[own] for name, own in takes.items() if own in tuned})

    @property
    def names(self) -> tuple[str, ...]:
        """All who run beside every student: the rules, then the agents."""
        return (*self.rivals, *self.agents)


class Deputy:
    """A policy that decides for a company from its start, period by period, and remembers.

    Args:
        policy: what decides.
        chronicle: of the company.
    """

    def __init__(self, policy: Policy, chronicle: Chronicle) -> None:
        self._policy, self._chronicle = policy, chronicle
        companies = chronicle.companies
        self._codec = ActionCodec(tuple(lever.knob for lever in companies.levers.levers))
        if isinstance(policy, Watcher):
            policy.watch(companies)
        self._memory: Any = None

    def decide(self) -> npt.NDArray[np.int64]:
        """Return what the policy decides now, ``(n_levers,)``; to be asked once in every period."""
        begins = np.array([len(self._chronicle) == 0])
        actions, self._memory = self._policy.predict(self._chronicle.sight, self._memory, begins, True)
        found: npt.NDArray[np.int64] = self._codec.decode(actions)[0]
        return found


class Rival:
    """One policy's years with a company, which :meth:`run` goes through.

    Args:
        name: of the policy.
        make: returns it, for a company.
        companies: one company at its start.

    Attributes:
        name: of the policy.
        chronicle: its years so far.
        fault: why it has ended before its time; empty: it has not.
    """

    def __init__(self, name: str, make: Callable[[Companies], Policy], companies: Companies) -> None:
        self.name = name
        self.fault = ""
        self.chronicle = Chronicle(companies)
        self._make = make
        self._horizon = companies.enterprise.horizon

    def run(self) -> None:
        """Go through all periods; what goes wrong is a fault, and ends it."""
        try:
            deputy = Deputy(self._make(self.chronicle.companies), self.chronicle)
            for _ in range(self._horizon):
                self.chronicle.step(deputy.decide())
        except Exception as error:  # whatever an agent does, the student's company goes on
            self.fault = f"{self.name} gave up: {error}"

    @property
    def done(self) -> bool:
        """Whether all its periods have passed, or it gave up."""
        return bool(self.fault) or len(self.chronicle) >= self._horizon


class Race:
    """All rivals under one luck; they run in a thread of their own, and students with that luck share them.

    Args:
        offer: the company.
        start: one company at its start, under the luck.
    """

    def __init__(self, offer: Offer, start: Companies) -> None:
        self._offer, self._start = offer, start
        self._rivals: dict[str, Rival] = {}
        self._waiting: list[Rival] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def enter(self, names: Sequence[str]) -> list[Rival]:
        """Return rivals by name; those that have not begun, begin."""
        with self._lock:
            for name in names:
                if name not in self._rivals:
                    rival = Rival(name, self._maker(name), self._start.copy())
                    self._rivals[name] = rival
                    self._waiting.append(rival)
            if self._waiting and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            return [self._rivals[name] for name in names]

    def _maker(self, name: str) -> Callable[[Companies], Policy]:
        return lambda companies: self._offer.policy(name, companies)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                rival = self._waiting.pop(0)
            rival.run()
