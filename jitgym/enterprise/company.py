"""Companies, many at once: decisions of a period go in, what it came to comes out.

``N`` companies of ``L`` lines are one batch of ``N * L`` lines of the simulator, company by company. A period: troubles
come and go; money is spent, stages are put under pull; capabilities set the lines' parameters; the lines run day by day
under their plan; the books are closed on the ledger; capabilities grow and fade.

Every company begins with the same history: two years of push with high buffers, without trouble. What comes after is
fixed by its seed, whatever is decided: demand, breakdowns and lateness in every slot, troubles, and errors of audits.
"""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.batch import batch_scenario
from jitgym.enterprise.description import Enterprise, load_enterprise
from jitgym.enterprise.levers import LeverTable
from jitgym.enterprise.period import Operation
from jitgym.enterprise.shocks import line_seeds
from jitgym.enterprise.state import Period
from jitgym.errors import InputError
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator, child_seeds

Bools = npt.NDArray[np.bool_]


class Companies:
    """A batch of companies of one enterprise.

    Args:
        enterprise: what :func:`jitgym.enterprise.description.load_enterprise` takes.
        n_companies: companies in the batch.
        seed: a non-negative integer, or the 64-bit seeds of the companies, ``(n_companies,)`` uint64.
        backend: ``"core"`` or ``"oracle"``, of the simulator.
        n_threads: threads that share the lines.

    Attributes:
        enterprise: the description.
        levers: what a decision vector holds.
        simulator: the lines.
        state: all else.
        records: of the history that all companies share.

    Example:
        >>> firms = Companies("components", n_companies=2, seed=1)
        >>> period = firms.step(firms.levers.at_rest)
        >>> period.account.economic_profit.shape
        (2,)
    """

    def __init__(
        self,
        enterprise: str | dict[str, Any] | Enterprise,
        n_companies: int = 1,
        seed: int | npt.ArrayLike = 0,
        backend: Literal["core", "oracle"] = "core",
        n_threads: int = 1,
    ) -> None:
        if isinstance(n_companies, bool) or not isinstance(n_companies, (int, np.integer)) or n_companies < 1:
            raise InputError(f"n_companies must be an integer >= 1, got {n_companies!r}")
        self.enterprise = load_enterprise(enterprise)
        self.n_companies = int(n_companies)
        self.levers = LeverTable(self.enterprise)
        self._n_lines = len(self.enterprise.lines)
        scenario = batch_scenario(self.enterprise)
        self.simulator = Simulator(scenario, self.n_companies * self._n_lines, 0, backend, n_threads)
        self._company = Operation(self.enterprise, self.levers, self.simulator)
        self._history, self._opening, self.records = self._company.history(backend)
        self.state = self._opening.repeated(self.n_companies)
        self.reset(seed)

    def reset(self, seed: int | npt.ArrayLike | None = None, mask: Bools | None = None) -> None:
        """Put companies back to their start.

        Args:
            seed: an integer or ``(n_companies,)`` seeds; None: each company goes on to its next episode, whose luck
                follows from its seed.
            mask: ``(n_companies,)`` bool, the companies to reset; None: all.
        """
        chosen = np.ones(self.n_companies, dtype=bool) if mask is None else np.asarray(mask)
        if chosen.shape != (self.n_companies,) or chosen.dtype != bool:
            raise InputError(f"mask must be {self.n_companies} booleans, got {chosen.dtype} of shape {chosen.shape}")
        fresh = self._opening.repeated(self.n_companies)
        if seed is None:
            fresh.root[...], fresh.episode[...] = self.state.root, self.state.episode + np.uint32(1)
        else:
            fresh.root[...] = self._roots(seed)
        fresh.seed[...] = child_seeds(fresh.root, fresh.episode)
        fresh.audit[...] = self._company.fate.first_audits(fresh.seed)
        seeds, lines = line_seeds(fresh.seed, self._n_lines), np.tile(np.arange(self._n_lines), self.n_companies)
        if chosen.all():
            self._history.fork(lines, seeds, into=self.simulator)
        elif chosen.any():
            where = np.flatnonzero(np.repeat(chosen, self._n_lines))
            self.simulator.put(where, self._history, lines[where], seeds[where])
        self.state.put(chosen, fresh)

    def _roots(self, seed: int | npt.ArrayLike) -> npt.NDArray[np.uint64]:
        if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
            if seed < 0:
                raise InputError(f"seed must be >= 0, got {seed}")
            return seed_bank(int(seed), self.n_companies)
        exact = isinstance(seed, (list, tuple)) and all(isinstance(one, int) and 0 <= one < 1 << 64 for one in seed)
        seeds = np.asarray(seed, dtype=np.uint64 if exact else None)  # by itself it makes some lists of them floats
        if seeds.shape != (self.n_companies,) or seeds.dtype.kind not in "iu" or (seeds < 0).any():
            raise InputError(
                f"seed must be an integer >= 0 or {self.n_companies} of them, got {seeds.dtype} of shape {seeds.shape}"
            )
        return seeds.astype(np.uint64)

    def step(self, decisions: npt.ArrayLike) -> Period:
        """Let a period pass.

        What the money left for improvement cannot pay is not done: qualifications and roll-outs are paid in their
        order while it lasts, then every investment gets the same share of what it asks for, and what is not kept up
        fades.

        Args:
            decisions: integers, ``(n_levers,)`` for all companies or ``(n_companies, n_levers)``.

        Raises:
            InputError: wrong shape, dtype or range of a lever; nothing is changed then.
        """
        return self._company.period(self.simulator, self.state, self.levers.checked(decisions, self.n_companies))

    @property
    def _stamp(self) -> bytes:
        return f"{self.enterprise.hash} {self.n_companies:>10} ".encode()

    def snapshot(self) -> bytes:
        """Return where all companies stand, luck included, as bytes."""
        return self._stamp + self.state.to_bytes() + self.simulator.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot of companies of the same enterprise and number.

        Raises:
            InputError: the snapshot is of others, or not whole; nothing is changed then.
        """
        head, size = len(self._stamp), self.state.nbytes
        if not isinstance(snapshot, (bytes, bytearray, memoryview)):
            raise InputError(f"snapshot must be bytes, got {type(snapshot).__name__}")
        if snapshot[:head] != self._stamp or len(snapshot) < head + size:
            raise InputError(
                f"snapshot must be of {self.n_companies} companies of {self.enterprise.name!r} "
                f"({self.enterprise.hash}), got {len(snapshot)} bytes that begin with {snapshot[:head]!r}"
            )
        self.simulator.restore(snapshot[head + size :])
        self.state.from_bytes(snapshot[head : head + size])

    def fork(self, companies: npt.ArrayLike, seeds: npt.ArrayLike, into: Companies | None = None) -> Companies:
        """Return a batch whose company ``k`` stands where company ``companies[k]`` stands, and meets other luck.

        Args:
            companies: numbers of companies of this batch, ``(n,)``, in any order, also several times.
            seeds: of the luck from now on, ``(n,)`` integers >= 0; the same seeds, the same luck.
            into: companies of an earlier fork of the same size, to be overwritten.

        Raises:
            InputError: companies that are not there, bad seeds, or ``into`` is of others.
        """
        chosen, luck = np.asarray(companies), np.asarray(seeds)
        if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
            raise InputError(f"companies must be one or more integers, got {chosen.dtype} of shape {chosen.shape}")
        if chosen.min() < 0 or chosen.max() >= self.n_companies:
            raise InputError(f"companies must be in 0..{self.n_companies - 1}, got {chosen.min()}..{chosen.max()}")
        if luck.shape != chosen.shape or luck.dtype.kind not in "iu" or (luck < 0).any():
            raise InputError(f"seeds must be {len(chosen)} integers >= 0, got {luck.dtype} of shape {luck.shape}")
        target = None if into is None else into.simulator
        if into is None:
            into = Companies.__new__(Companies)  # what does not change is shared
            vars(into).update(vars(self), n_companies=len(chosen))
        elif into is self or into.n_companies != len(chosen) or into.enterprise.hash != self.enterprise.hash:
            raise InputError(f"into must be {len(chosen)} companies of {self.enterprise.name!r}, got others")
        lines = (chosen[:, None] * self._n_lines + np.arange(self._n_lines)).ravel()
        roots = luck.astype(np.uint64)
        into.simulator = self.simulator.fork(lines, line_seeds(roots, self._n_lines), into=target)
        into.state = self.state.taken(chosen)
        into.state.root[...] = into.state.seed[...] = roots
        into.state.episode[...] = 0
        return into

    @property
    def capital_rate(self) -> float:
        """What a period of capital costs, as a share of it."""
        return self._company.capital_rate

    def copy(self) -> Companies:
        """Return companies that go on from here on their own: same luck, nothing shared that changes."""
        return copy.deepcopy(self)

    __copy__ = copy  # a shallow copy would share the lines and the state
