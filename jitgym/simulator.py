"""The simulator: many lines of one scenario, stepped together. The only file that names the backends."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jitgym import oracle
from jitgym._core.line import KERNELS, Stepper, episode_keys, episode_words, observe
from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.knobs import Knob
from jitgym.ledger import Ledger
from jitgym.scenario import Scenario, load_scenario
from jitgym.seeds import seed_bank
from jitgym.tables import build_tables
from jitgym.variation import Values, Varied

Places = npt.NDArray[np.intp]

LANES = 16
_WORDS = ("root_lo", "root_hi", "episode", "key_lo", "key_hi")


def kernel() -> str:
    """Return which of the core's kernels is used: the fastest, or what the environment's ``JITGYM_KERNEL`` names."""
    name = os.environ.get("JITGYM_KERNEL", "") or KERNELS[0]
    if name not in KERNELS:
        raise InputError(f"JITGYM_KERNEL must be of {', '.join(KERNELS)}, got {name!r}")
    return name


class Simulator:
    """A batch of lines of one scenario: knobs go in, a ledger comes out.

    Args:
        scenario: what :func:`jitgym.scenario.load_scenario` takes.
        n_lines: lines in the batch.
        seed: a non-negative integer, or the 64-bit episode seeds of the lines, ``(n_lines,)`` uint64.
        backend: ``"core"`` (compiled) or ``"oracle"`` (plain Python: the definition, slow).
        n_threads: threads that share the lines, for the core.

    Attributes:
        scenario: the description.
        tables: its integers.
        knobs: the controls, in the order of a knob vector.

    Example:
        >>> sim = Simulator("four_stage", n_lines=1000, seed=1)
        >>> ledger = sim.step(sim.default_knobs, slots=500)
        >>> ledger["shipped"].shape
        (1000,)
    """

    def __init__(
        self,
        scenario: str | dict[str, Any] | Scenario,
        n_lines: int = 1,
        seed: int | npt.ArrayLike = 0,
        backend: Literal["core", "oracle"] = "core",
        n_threads: int = 1,
    ) -> None:
        if backend not in ("core", "oracle"):
            raise InputError(f"backend must be 'core' or 'oracle', got {backend!r}")
        for name, value in (("n_lines", n_lines), ("n_threads", n_threads)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise InputError(f"{name} must be an integer >= 1, got {value!r}")
        self.scenario = load_scenario(scenario)
        self.tables = build_tables(self.scenario)
        self.n_lines = int(n_lines)
        self.n_threads = int(n_threads)
        self.backend = backend
        self.knobs: tuple[Knob, ...] = self.tables.knobs
        self._low = np.array([knob.low for knob in self.knobs])
        self._high = np.array([knob.high for knob in self.knobs])
        self._off = np.array([knob.off for knob in self.knobs])
        self._values = Values(self.tables.varied)
        self._allocate()
        self._knobs[:, : self.n_lines] = self.default_knobs[:, None]
        self.reset(seed)

    def _allocate(self) -> None:
        """Make room for the lines."""
        blocks = -(-self.n_lines // LANES)
        self._state = np.zeros((blocks, self.tables.state.size, LANES), dtype=np.int32)
        # an odd number of blocks of columns, so that the rows of a large batch do not share cache sets
        self._knobs = np.zeros((len(self.knobs), (blocks | 1) * LANES), dtype=np.int32)
        self._slots_uncounted = 0
        self._stepper: Stepper | None = None

    @property
    def default_knobs(self) -> npt.NDArray[np.int32]:
        """The defaults of the scenario, ``(n_knobs,)``."""
        return np.array([knob.default for knob in self.knobs], dtype=np.int32)

    def reset(self, seed: int | npt.ArrayLike | None = None, mask: npt.NDArray[np.bool_] | None = None) -> None:
        """Put lines back to their start.

        Args:
            seed: an integer or ``(n_lines,)`` episode seeds; None: each line goes on to its next episode,
                whose luck follows from the line's seed.
            mask: ``(n_lines,)`` bool, the lines to reset; None: all.
        """
        chosen = np.ones(self.n_lines, dtype=bool) if mask is None else np.asarray(mask)
        if chosen.shape != (self.n_lines,) or chosen.dtype != bool:
            raise InputError(f"mask must be {self.n_lines} booleans, got {chosen.dtype} of shape {chosen.shape}")
        lines = np.flatnonzero(chosen)
        block, lane = np.divmod(lines, LANES)
        layout = self.tables.state
        words = {name: self._state[block, layout.start(name), lane].view(np.uint32) for name in _WORDS}
        if seed is None:
            roots = _join(words["root_lo"], words["root_hi"])
            episodes = words["episode"] + np.uint32(1)
        else:
            roots = self._roots(seed)[lines]
            episodes = np.zeros(len(lines), dtype=np.uint32)
        keys = np.empty(len(lines), dtype=np.uint64)
        episode_keys(roots, episodes, keys)
        tick = self._state[:, layout.start("tick"), :]
        kept = tick[block, lane]
        self._state[block, :, lane] = self.tables.initial
        tick[block, lane] = kept
        self._draw(block, lane, keys)
        self._write_seeds(block, lane, roots, episodes, keys)
        if mask is None:
            self._slots_uncounted = 0

    def _write_seeds(
        self,
        block: Places,
        lane: Places,
        roots: npt.NDArray[np.uint64],
        episodes: npt.NDArray[np.uint32],
        keys: npt.NDArray[np.uint64],
    ) -> None:
        """Write what fixes the luck of lines: the seed of all their episodes, which it is, and its own seed."""
        for name, values in zip(_WORDS, (*_split(roots), episodes, *_split(keys)), strict=True):
            self._state[block, self.tables.state.start(name), lane] = values.view(np.int32)

    def _draw(self, block: Places, lane: Places, keys: npt.NDArray[np.uint64]) -> None:
        """Draw for new episodes what differs from line to line: parameters, and where the calendar stands."""
        t = self.tables
        if not t.random_phase and not len(t.varied_row):
            return
        # word 0 is for the phase, word 1 + v for varied parameter v; all are uniform between two values
        low, high = (
            np.array([0, *t.varied_low], np.int64),
            np.array([max(0, t.random_phase - 1), *t.varied_high], np.int64),
        )
        u = (episode_words(keys, len(low)) >> np.uint32(1)).astype(np.int64)
        values = low + (u * (high - low + 1) >> 31)
        if t.random_phase:
            self._state[block, t.state.start("phase"), lane] = values[:, 0]
            if t.n_seasons * t.season_slots > 1:
                self._state[block, t.state.start("calendar"), lane] = values[:, 0]
        self._write_varied(block, lane, values[:, 1:])

    def _write_varied(self, block: Places, lane: Places, held: npt.NDArray[np.integer[Any]]) -> None:
        """Write the parameters of lines, ``(n, n_varied)``, as the tables hold them."""
        layout = self.tables.state
        self._state[block[:, None], np.arange(layout.size)[layout["varied"]], lane[:, None]] = held

    def _roots(self, seed: int | npt.ArrayLike) -> npt.NDArray[np.uint64]:
        """Return one seed for each line."""
        if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
            if seed < 0:
                raise InputError(f"seed must be >= 0, got {seed}")
            return seed_bank(int(seed), self.n_lines)
        seeds = np.asarray(seed)
        if seeds.shape != (self.n_lines,) or seeds.dtype.kind not in "iu" or (seeds < 0).any():
            raise InputError(
                f"seed must be an integer >= 0 or {self.n_lines} of them, got {seeds.dtype} of shape {seeds.shape}"
            )
        return seeds.astype(np.uint64)

    def step(self, knobs: npt.ArrayLike, slots: int | None = None) -> Ledger:
        """Step all lines under their knobs.

        Args:
            knobs: integers, ``(n_knobs,)`` for all lines or ``(n_lines, n_knobs)``: in ``low..high``, or ``OFF``.
            slots: slots to make; None: the scenario's ``slots_per_step``.

        Returns:
            What the slots were counted to.

        Raises:
            InputError: wrong shape, dtype or range of the knobs; nothing is changed then.
        """
        columns = self._checked(knobs)
        slots = self._checked_slots(self.scenario.slots_per_step if slots is None else slots)
        self._knobs[:, : self.n_lines] = columns
        return self._run(slots)

    def advance(self, slots: int) -> Ledger:
        """Step all lines under the knobs of the last :meth:`step`; before it, under the scenario's defaults."""
        return self._run(self._checked_slots(slots))

    def _run(self, slots: int) -> Ledger:
        """Let the backend make some slots."""
        self._slots_uncounted += slots
        ledger = np.empty((self.tables.ledger.size, self._knobs.shape[1]), dtype=np.int64)
        if self.backend == "core":
            if self._stepper is None:
                self._stepper = Stepper(self.tables, kernel())
            self._stepper.advance(self._state, self._knobs, slots, ledger, self.n_threads)
        else:
            oracle.advance(self.tables, self._state, self._knobs, slots, ledger, self.n_lines)
        return Ledger(self.tables.ledger, ledger.T[: self.n_lines])

    def _checked(self, knobs: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Return knobs as columns of lines, or raise."""
        values = np.asarray(knobs)
        if values.dtype.kind not in "iu":
            raise InputError(f"knobs must be integers, got {values.dtype}")
        if values.shape not in ((len(self.knobs),), (self.n_lines, len(self.knobs))):
            raise InputError(
                f"knobs must have shape ({len(self.knobs)},) or ({self.n_lines}, {len(self.knobs)}), got {values.shape}"
            )
        within = ((values >= self._low) & (values <= self._high)) | ((values == OFF) & self._off)
        if not within.all():
            where = tuple(int(i) for i in np.argwhere(~within)[0])
            knob = self.knobs[where[-1]]
            line = f" of line {where[0]}" if len(where) == 2 else ""
            off = " or OFF" if knob.off else ""
            raise InputError(f"{knob.name}{line} must be in {knob.low}..{knob.high}{off}, got {values[where]}")
        return values.T.astype(np.int32) if values.ndim == 2 else values.astype(np.int32)[:, None]

    def _checked_slots(self, slots: int) -> int:
        """Return a number of slots, or raise; lines may not grow so long that a 32-bit count could overflow.

        From its start a line may run for the limit of its tables; then its units are counted, and it goes on.
        """
        if isinstance(slots, bool) or not isinstance(slots, (int, np.integer)) or slots < 0:
            raise InputError(f"slots must be an integer >= 0, got {slots!r}")
        if self._slots_uncounted + slots > self.tables.slot_limit:
            left = self._slots_left()
            if slots > left:
                raise InputError(f"a line must be reset before it could outgrow 32 bits, in {left} slots, got {slots}")
            self._slots_uncounted = self.tables.slot_limit - left
        return int(slots)

    def _slots_left(self) -> int:
        """Return the slots that no line could outgrow 32 bits in, from the units that they hold now."""
        fields = ("backlog", "known", "queue", "job", "store", "stock", "on_order", "overdue")
        held = sum(self.state(field).reshape(self.n_lines, -1).sum(axis=1, dtype=np.int64) for field in fields)
        left = (self.tables.most_units - int(np.max(held))) // self.tables.units_a_slot
        return min(max(0, left), self.tables.slot_limit)

    def state(self, field: str) -> npt.NDArray[np.int32]:
        """Return a copy of one field of the state, ``(n_lines,)`` or ``(n_lines, places)`` int32.

        Fields of stages and products are ``(n_lines, n_stages, n_products)`` on a line with named products, else
        ``(n_lines, n_stages)``. What a line has no use for is zero.
        """
        shape = self.tables.state.shape(field)
        if field not in self.tables.state:
            return np.zeros((self.n_lines, *shape), dtype=np.int32)
        rows = self._state[:, self.tables.state[field], :].transpose(0, 2, 1)
        return rows.reshape(rows.shape[0] * rows.shape[1], *shape)[: self.n_lines].copy()

    @property
    def varied(self) -> tuple[Varied, ...]:
        """The parameters that differ from line to line, in the order of :meth:`vary` and :meth:`parameters`."""
        return self.tables.varied

    def parameters(self) -> npt.NDArray[np.float64]:
        """Return the present values of what varies, a new array ``(n_lines, n_varied)``.

        In the units of :attr:`varied`: probabilities, in whole 1 / 2**31, slots, factors of the scenario's value, in
        whole 1 / 4096, and for demand the number of the level. What is returned can be given to :meth:`vary`.
        """
        return self._values.natural(self.state("varied"))

    def vary(self, values: npt.ArrayLike, lines: npt.ArrayLike | None = None) -> None:
        """Set what varies in some lines, from the next slot on and until it is set again or the line is reset.

        A job, a repair or whatever else is under way keeps the fixed part of its duration that it began with; it ends
        with the new probability.

        Args:
            values: ``(n_varied,)`` for all of the lines or ``(n, n_varied)``, in the order and units of :attr:`varied`;
                demand is set by the number of its level, of :meth:`Scenario.demand_levels`.
            lines: numbers of ``n`` lines, all different; None: all of the batch.

        Raises:
            InputError: wrong shape, lines that are not there or given twice, a value outside its range, slots or
                levels that are not whole; nothing is changed then.
        """
        chosen = np.arange(self.n_lines) if lines is None else self._different("lines", lines)
        held = self._values.held(values, chosen)
        self._write_varied(*np.divmod(chosen, LANES), held)

    def scaled(
        self, rows: npt.NDArray[np.int32], equals: npt.NDArray[np.int32], scales: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Return chosen entries of the state times their scales, a new array ``(n_lines, n_entries)``.

        Args:
            rows: columns of ``tables.state``, ``(n_entries,)``.
            equals: where >= 0, the entry is 1 if the state equals it and else 0.
            scales: factors of the other entries.
        """
        out = np.empty((self.n_lines, len(rows)), dtype=np.float32)
        observe(self._state, rows, equals, scales, out)
        return out

    @cached_property
    def _stamp(self) -> bytes:
        """What a snapshot begins with: whose it is."""
        return f"{self.scenario.hash} {self.n_lines:>10} ".encode()

    def snapshot(self) -> bytes:
        """Return the state of all lines, luck included, as bytes."""
        return self._stamp + self._state.tobytes()

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot of a simulator of the same scenario and size, whatever its backend.

        Raises:
            InputError: the snapshot is of other lines, or not whole; nothing is changed then.
        """
        size = len(self._stamp)
        if snapshot[:size] != self._stamp or len(snapshot) != size + self._state.nbytes:
            raise InputError(
                f"snapshot must be of {self.n_lines} lines of scenario {self.scenario.name!r} ({self.scenario.hash}), "
                f"{size + self._state.nbytes} bytes, got {len(snapshot)} that begin with {snapshot[:size]!r}"
            )
        self._state[...] = np.frombuffer(snapshot, dtype=np.int32, offset=size).reshape(self._state.shape)
        self._slots_uncounted = self.tables.slot_limit

    def fork(self, lines: npt.ArrayLike, seeds: npt.ArrayLike, into: Simulator | None = None) -> Simulator:
        """Return a batch whose line ``k`` stands where line ``lines[k]`` of this one stands, and meets other luck.

        All of the line's state is the same but its luck from now on, which is that of the first episode of the seed
        ``seeds[k]``: with a line's own seed it goes on as the line itself does, and lines with the same seed meet the
        same luck. Parameters that vary from line to line stay those of the line.

        Args:
            lines: numbers of lines of this batch, ``(n,)``, in any order, also several times.
            seeds: episode seeds, ``(n,)`` integers >= 0.
            into: a simulator of ``n`` lines of the scenario to be overwritten, whatever its backend, such as that of an
                earlier fork: quicker than a new one.

        Raises:
            InputError: lines that are not there, bad seeds, or ``into`` is of other lines; nothing is changed then.
        """
        chosen = self._numbers("lines", lines)
        luck = _luck(seeds, len(chosen))
        if into is None:
            into = self._empty(len(chosen))
        elif into is self or into.n_lines != len(chosen) or not self._is_alike(into):
            raise InputError(
                f"into must be another simulator with {len(chosen)} lines of scenario {self.scenario.name!r} "
                f"({self.scenario.hash}), got {into.n_lines} of {into.scenario.name!r} ({into.scenario.hash})"
            )
        tick = self.tables.state.start("tick")
        into._state[:, tick] = self._state[0, tick, 0]  # it turns the rings as they are turned here
        # what is left of the last block is filled with copies, so that it holds no impossible line
        lanes = np.arange(into._state.shape[0] * LANES)
        filled = np.minimum(lanes, len(chosen) - 1)
        into._take(lanes, self, chosen[filled], luck[filled])
        into._slots_uncounted = self._slots_uncounted
        return into

    def put(self, lines: npt.ArrayLike, source: Simulator, source_lines: npt.ArrayLike, seeds: npt.ArrayLike) -> None:
        """Let chosen lines of this batch stand where lines of another batch stand, each to meet luck of its own.

        Line ``lines[k]`` becomes what line ``k`` of ``source.fork(source_lines, seeds)`` is: state, parameters and the
        knobs that it is under; what was to come to it in d slots still does. The other lines go on untouched.

        Args:
            lines: numbers of lines of this batch, ``(n,)``, all different.
            source: a simulator of the same scenario, whatever its size, its backend and the slots that it has made;
                also this one.
            source_lines: numbers of lines of ``source``, ``(n,)``, in any order, also several times.
            seeds: episode seeds, ``(n,)`` integers >= 0.

        Raises:
            InputError: lines that are not there or given twice, as many source lines or seeds as there are not, or
                ``source`` is of another scenario; nothing is changed then.
        """
        if not isinstance(source, Simulator) or not self._is_alike(source):
            other = f"{source.scenario.name!r} ({source.scenario.hash})" if isinstance(source, Simulator) else source
            raise InputError(
                f"source must be a simulator of scenario {self.scenario.name!r} ({self.scenario.hash}), got {other}"
            )
        chosen = self._different("lines", lines)
        taken = source._numbers("source_lines", source_lines)
        if len(taken) != len(chosen):
            raise InputError(f"source_lines must be {len(chosen)}, one for each of lines, got {len(taken)}")
        self._take(chosen, source, taken, _luck(seeds, len(chosen)))
        self._slots_uncounted = max(self._slots_uncounted, source._slots_uncounted)

    def _numbers(self, what: str, lines: npt.ArrayLike) -> Places:
        """Return numbers of lines of this batch, or raise."""
        chosen = np.asarray(lines)
        if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
            raise InputError(f"{what} must be one or more integers, got {chosen.dtype} of shape {chosen.shape}")
        if chosen.min() < 0 or chosen.max() >= self.n_lines:
            raise InputError(f"{what} must be in 0..{self.n_lines - 1}, got {chosen.min()}..{chosen.max()}")
        return chosen.astype(np.intp)

    def _different(self, what: str, lines: npt.ArrayLike) -> Places:
        """Return numbers of lines of this batch, none of them twice, or raise."""
        chosen = self._numbers(what, lines)
        numbers, counts = np.unique(chosen, return_counts=True)
        if len(numbers) < len(chosen):
            raise InputError(f"{what} must all be different, got {numbers[counts.argmax()]} {counts.max()} times")
        return chosen

    def _is_alike(self, other: Simulator) -> bool:
        """Return whether another simulator is of the same scenario; forks share their tables, others are compared."""
        return other.tables is self.tables or other.scenario.hash == self.scenario.hash

    def _empty(self, n_lines: int) -> Simulator:
        """Return a batch of the same scenario with nothing in its lines yet."""
        other = Simulator.__new__(Simulator)
        own = ("_state", "_knobs", "_stamp")
        other.__dict__.update({name: value for name, value in self.__dict__.items() if name not in own})
        other.n_lines = n_lines
        other._allocate()
        return other

    def _take(self, lines: Places, source: Simulator, taken: Places, seeds: npt.NDArray[np.uint64]) -> None:
        """Let lines of this batch become lines of another one, each under the luck of its seed."""
        block, lane = np.divmod(taken, LANES)
        rows = source._state[block, :, lane]
        if self._tick != source._tick:
            for start, length in self._rings():
                due = np.arange(length)  # so many slots from now
                here, there = (start + (batch._tick + due) % length for batch in (self, source))
                rows[:, here] = rows[:, there]
            rows[:, self.tables.state.start("tick")] = self._state[0, self.tables.state.start("tick"), 0]
        block, lane = np.divmod(lines, LANES)
        self._state[block, :, lane] = rows
        self._knobs[:, lines] = source._knobs[:, taken]
        self._write_seeds(block, lane, seeds, np.zeros(len(lines), dtype=np.uint32), seeds)

    @property
    def _tick(self) -> int:
        """The slots that the batch has made: the same in all of its lines."""
        return int(self._state[0, self.tables.state.start("tick"), 0]) & 0xFFFFFFFF

    def _rings(self) -> Iterator[tuple[int, int]]:
        """Yield where in the state each ring that ``tick`` turns begins, and its length."""
        t = self.tables
        for starts, lengths in ((t.ring_start, t.lead), (t.advance_start, t.notice)):
            yield from ((start, n) for start, n in zip(starts.tolist(), lengths.tolist(), strict=True) if n > 0)

    def copy(self) -> Simulator:
        """Return a simulator that goes on from here on its own: same lines, same luck, nothing shared that changes."""
        return copy.deepcopy(self)

    __copy__ = copy  # a shallow copy would share the state, and each would move the other's lines

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the compiled part, which is made again when needed."""
        return {**self.__dict__, "_stepper": None}


def _luck(seeds: npt.ArrayLike, n: int) -> npt.NDArray[np.uint64]:
    """Return episode seeds of n lines, or raise."""
    luck = np.asarray(seeds)
    if luck.shape != (n,) or luck.dtype.kind not in "iu" or (luck < 0).any():
        raise InputError(f"seeds must be {n} integers >= 0, got {luck.dtype} of shape {luck.shape}")
    return luck.astype(np.uint64)


def _join(low: npt.NDArray[np.uint32], high: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    return low.astype(np.uint64) | (high.astype(np.uint64) << np.uint64(32))


def _split(words: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    return words.astype(np.uint32), (words >> np.uint64(32)).astype(np.uint32)


def child_seeds(seeds: npt.NDArray[np.uint64], numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """Return the seed that each number of each seed stands for, ``(n,)``: those of its episodes, 0, 1, ..."""
    found = np.empty(len(seeds), dtype=np.uint64)
    episode_keys(seeds, numbers, found)
    return found


def words_of(seeds: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint32]:
    """Return random words of seeds ``(n,)`` that lines do not use in their slots, ``(n, count)``."""
    return episode_words(seeds, count)
