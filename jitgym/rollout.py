"""Exact rollout: at each step, try a few knob settings on copies of the line, and set what turns out cheapest."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jitgym.actions import ActionCodec
from jitgym.errors import InputError
from jitgym.fields import OFF
from jitgym.knobs import Knob
from jitgym.ledger import Ledger
from jitgym.scenario import Scenario
from jitgym.scorecard import Floats, Scorecard
from jitgym.seeds import seed_bank
from jitgym.simulator import Simulator
from jitgym.tables import build_tables

Vectors = npt.NDArray[np.int32]
Lines = npt.NDArray[np.intp]
Seeds = npt.NDArray[np.uint64]

BUYING: Final = ("target", "echelon")
LEVELS: Final = ("basestock", *BUYING, "kanban", "loop")
"""Kinds of knobs that are moved up and down, those first that act at once."""
LITTLE, MORE = 0.1, 0.3
"""How far they are moved, as shares of their values; at least one unit."""
MOST: Final = 24
"""Most settings that are tried unless others are given."""
QUANTITIES: Final = 9
"""Most quantities of an order that are tried."""
PARTS: Final = 8
"""Parts of the second half of a horizon, each of less weight than the one before."""
SMALLEST: Final = 1e-9
"""A gain below this is one of rounding."""


class RolloutPolicy:
    """Look one step ahead by simulation, and go on with a tuned rule.

    At each step, and for each line: every candidate setting is tried for one step on copies of the line, which then
    go on under the base setting. All candidates of a line meet the same luck (common random numbers). Those that do
    badly are dropped half by half (sequential halving); the last one left is set only if it beats the base in a duel on
    luck that it was not chosen on, by ``threshold`` standard errors of the mean paired difference. So noise does not
    make the policy much worse than its base. It decides anew at the next step.

    It is an informed yardstick, not a fair rule (``information`` says "model"): it knows the laws of the line, and
    copies all of its state, also what the observation hides: wear behind a noisy reading, the regime of demand,
    outages, undetected defects. It does not know the line's own future luck: the copies meet luck of their own, fixed
    by ``seed``, the slot and the number of the line.

    Costs count in full in the first half of the horizon, and less and less in the second. A sharp end would reward
    whatever puts off the next maintenance or order until after it.

    Sources: Bertsekas, Tsitsiklis & Wu, "Rollout algorithms for combinatorial optimization", Journal of Heuristics 3,
    1997; Karnin, Koren & Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013; both with common
    random numbers in Temizöz, Imdahl, Dijkman, Lamghari-Idrissi & van Jaarsveld, "Deep controlled learning for
    inventory control", European Journal of Operational Research 2025.

    Args:
        scenario: the line.
        base: the knob vector of the rule to start from, ``(n_knobs,)``.
        candidates: settings to try, ``(n, n_knobs)``; None: :func:`candidate_settings`.
        horizon: steps that each copy goes on for under the base.
        rollouts: copies of a line that are run in one decision, all candidates together; with fewer than eight for each
            up to one more for each.
        threshold: standard errors by which a candidate must beat the base in the duel.
        sweeps: decisions made in turn within a step; each later one starts from the setting of the one before and
            changes the knobs in which a candidate differs from the base. So several knobs can move.
        seed: fixes the luck of the copies.
        at_once: most copies that are run together; it bounds memory and changes no decision.

    Raises:
        InputError: a setting out of its range, or a number that is too small.
    """

    name: Final = "rollout"
    information: Final = "model"

    def __init__(
        self,
        scenario: Scenario,
        base: npt.ArrayLike,
        candidates: npt.ArrayLike | None = None,
        *,
        horizon: int = 20,
        rollouts: int = 512,
        threshold: float = 2.0,
        sweeps: int = 1,
        seed: int = 0,
        at_once: int = 16384,
    ) -> None:
        knobs = build_tables(scenario).knobs
        self.scenario = scenario
        self.base = _checked("base", base, knobs, 1)
        given = candidate_settings(knobs, self.base) if candidates is None else candidates
        self.candidates = _with_base(self.base, _checked("candidates", given, knobs, 2))
        least = {"horizon": 1, "rollouts": 4 * len(self.candidates), "sweeps": 1, "seed": 0, "at_once": 1}
        numbers = {"horizon": horizon, "rollouts": rollouts, "sweeps": sweeps, "seed": seed, "at_once": at_once}
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least[name]:
                raise InputError(f"{name} must be an integer >= {least[name]}, got {value!r}")
        if not (threshold >= 0 and math.isfinite(threshold)):
            raise InputError(f"threshold must be >= 0 standard errors and finite, got {threshold!r}")
        self.threshold = threshold
        self.sweeps = sweeps
        self.seed = seed
        self._codec = ActionCodec(knobs)
        self._scorecard = Scorecard(scenario)
        self._changes = self.candidates != self.base
        self._rounds = halvings(len(self.candidates), rollouts)
        self._parts = taper(horizon)
        self._chunk = max(1, at_once // max((size * each for size, each in self._rounds), default=1))
        # all other knobs do the same whether they are set once or at every step
        self._by_step = any(v and k.kind in ("order", "release") for v, k in zip(self.base, knobs, strict=True))
        self._simulator: Simulator | None = None
        self._forks: dict[int, Simulator] = {}

    def watch(self, simulator: Simulator) -> None:
        """Be told which lines the observations of ``predict`` are of.

        Raises:
            InputError: they are of another scenario.
        """
        if simulator.scenario.hash != self.scenario.hash:
            raise InputError(f"policy is for scenario {self.scenario.name!r}, got lines of {simulator.scenario.name!r}")
        self._simulator, self._forks = simulator, {}

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], Any]:
        """Return actions for the present state of the watched lines, ``(n_lines, n_knobs)``.

        For one observation ``(n_entries,)``, of the only line, it is one action ``(n_knobs,)``. The lines are left as
        they are.

        Raises:
            InputError: no lines are watched, or the observations are of another number of lines.
        """
        simulator = self._simulator
        if simulator is None:
            raise InputError("rollout must watch a simulator before it can decide")
        if np.shape(observation)[:-1] not in ((simulator.n_lines,), () if simulator.n_lines == 1 else None):
            raise InputError(f"observation must be of {simulator.n_lines} lines, got shape {np.shape(observation)}")
        luck = self._luck(simulator)
        settings = np.empty((simulator.n_lines, len(self.base)), dtype=np.int32)
        for start in range(0, simulator.n_lines, self._chunk):
            lines = np.arange(start, min(start + self._chunk, simulator.n_lines))
            settings[lines] = self._decide(simulator, lines, luck[lines])
        actions = self._codec.encode(settings)
        return actions.reshape(*np.shape(observation)[:-1], -1), state

    def _luck(self, simulator: Simulator) -> Seeds:
        """Return the seeds of the copies of each line, ``(n_lines, sweeps, n)``, from its slot and number only."""
        shape = (simulator.n_lines, self.sweeps, sum(each for _, each in self._rounds))
        slots = simulator.state("slot")
        seeds = np.empty(shape, dtype=np.uint64)
        for slot in np.unique(slots):
            # the bank that policies are made on: no line that is evaluated meets its seeds
            bank = seed_bank((self.seed << 32) + int(slot), seeds.size, "tuning").reshape(shape)
            seeds[slots == slot] = bank[slots == slot]
        return seeds

    def _decide(self, simulator: Simulator, lines: Lines, luck: Seeds) -> Vectors:
        """Return a setting for each of some lines, ``(n, n_knobs)``."""
        settings: Vectors = np.broadcast_to(self.base, (len(lines), len(self.base)))
        if not self._rounds:
            return settings
        for sweep in range(self.sweeps):
            vectors = np.where(self._changes, self.candidates, settings[:, None])
            best = self._best(simulator, lines, vectors, luck[:, sweep])
            settings = vectors[np.arange(len(lines)), best]
        return settings

    def _best(self, simulator: Simulator, lines: Lines, vectors: Vectors, luck: Seeds) -> Lines:
        """Return which of its vectors ``(n, n_candidates, n_knobs)`` each line should set; the first is the base."""
        row = np.arange(len(lines))[:, None]
        alive: Lines = np.broadcast_to(np.arange(vectors.shape[1]), vectors.shape[:2])
        extra = np.zeros(alive.shape)
        used = 0
        for size, each in self._rounds:
            if size < alive.shape[1]:  # the base stays, it is what the others are compared with
                cheapest = np.argsort(extra[:, 1:], axis=1, kind="stable")[:, : size - 1] + 1
                keep = np.concatenate([np.zeros_like(row), cheapest], axis=1)
                alive, extra = alive[row, keep], extra[row, keep]
            costs = self._costs(simulator, lines, vectors[row, alive], luck[:, used : used + each])
            extra = extra + (costs - costs[:, :1]).sum(axis=2)
            used += each
        gain = costs[:, 0] - costs[:, 1]  # of the duel alone: what was chosen for its luck has none here
        error = gain.std(axis=1, ddof=1) / np.sqrt(gain.shape[1])
        wins = gain.mean(axis=1) > np.maximum(self.threshold * error, SMALLEST)
        return np.where(wins, alive[:, 1], 0)

    def _costs(self, simulator: Simulator, lines: Lines, vectors: Vectors, luck: Seeds) -> Floats:
        """Return the cost of each vector ``(n, size, n_knobs)`` on each seed ``(n, each)``: ``(n, size, each)``."""
        n, size, each = *vectors.shape[:2], luck.shape[1]
        seeds = np.repeat(luck, size, axis=0).ravel()
        copies = simulator.fork(np.repeat(lines, size * each), seeds, self._forks.get(len(seeds)))
        self._forks[len(seeds)] = copies
        ledger = copies.step(np.repeat(vectors.reshape(n * size, -1), each, axis=0))
        ledger.array *= self._parts[0][1]
        for steps, weight in self._parts:  # prices are per count: weigh the counts, and price them once
            ledger.array += weight * self._follow(copies, steps).array
        cost = self._scorecard.cost(ledger) / self._parts[0][1]
        return cost.reshape(n, size, each)

    def _follow(self, copies: Simulator, steps: int) -> Ledger:
        """Go on under the base."""
        slots = self.scenario.slots_per_step
        if not self._by_step:
            return copies.step(self.base, steps * slots)
        ledger = copies.step(self.base)
        for _ in range(steps - 1):
            ledger = ledger + copies.step(self.base)
        return ledger


def halvings(n_candidates: int, rollouts: int) -> list[tuple[int, int]]:
    """Return for each round how many candidates, base included, meet how many seeds each.

    Half of the rollouts choose a challenger, the same number in each round, while the challengers are halved; the other
    half are for its duel with the base.
    """
    sizes = []
    challengers = n_candidates - 1
    while challengers > 1:
        sizes.append(challengers + 1)
        challengers = -(-challengers // 2)
    if not challengers:
        return []
    duel = rollouts // 2 if sizes else rollouts
    rounds = [(size, max(1, (rollouts - duel) // (len(sizes) * size))) for size in sizes]
    return [*rounds, (2, duel // 2)]


def taper(horizon: int) -> list[tuple[int, int]]:
    """Return the parts of a horizon, steps and weight each: its first half in full, the rest less and less."""
    full = horizon - horizon // 2
    n = min(horizon - full, PARTS)
    ends = [full + (horizon - full) * k // max(n, 1) for k in range(n + 1)]
    return [(full, n + 1), *((ends[k + 1] - ends[k], n - k) for k in range(n))]


def candidate_settings(knobs: tuple[Knob, ...], base: npt.ArrayLike, most: int = MOST) -> Vectors:
    """Return a few settings around a base, which is the first, ``(n, n_knobs)`` with n <= ``most``.

    In this order, until there are ``most``: order quantities, from none to the most, with the supplier's levels at
    their lowest so that they do not order too; each machine maintained now, or not at all; each supplier's late units
    fetched or not; all knobs of a kind (base stock, order-up-to levels, kanban, loop) moved together by a share of
    their values; each of them alone; all of a kind moved further. Knobs that are off in the base are left off, and all
    stay in their ranges.

    Args:
        knobs: the controls.
        base: the knob vector to start from, ``(n_knobs,)``.
        most: settings at most, at least 1.
    """
    vector = np.asarray(base, dtype=np.int32)
    changes = [*_orders(knobs), *_switches(knobs), *_moves(knobs, vector)]
    settings = {tuple(vector.tolist()): None}
    for change in changes:
        setting = vector.copy()
        for column, value in change.items():
            setting[column] = value
        settings.setdefault(tuple(setting.tolist()))
    return np.array(list(settings)[:most], dtype=np.int32)


Change = dict[int, int]
"""New values by column of the knob vector."""


def _orders(knobs: tuple[Knob, ...]) -> list[Change]:
    """Return changes that order a chosen quantity from one supplier."""
    changes = []
    for column, knob in enumerate(knobs):
        if knob.kind == "order":
            silent = {c: k.low for c, k in enumerate(knobs) if k.kind in BUYING and k.place == knob.place}
            quantities = np.linspace(knob.low, knob.high, min(QUANTITIES, knob.choices)).round().astype(int)
            changes += [{**silent, column: int(quantity)} for quantity in quantities]
    return changes


def _switches(knobs: tuple[Knob, ...]) -> list[Change]:
    """Return changes between now and never, of one knob each."""
    changes = []
    for column, knob in enumerate(knobs):
        if knob.kind == "pm_level":
            changes += [{column: knob.low}, {column: OFF if knob.off else knob.high}]
        elif knob.kind == "expedite":
            changes += [{column: knob.low}, {column: knob.high}]
    return changes


def _moves(knobs: tuple[Knob, ...], base: Vectors) -> list[Change]:
    """Return changes that move levels up and down: all of a kind a little, each alone a little, all of a kind more."""
    kinds = [[c for c, knob in enumerate(knobs) if knob.kind == kind and base[c] != OFF] for kind in LEVELS]
    singles = [[c] for columns in kinds if len(columns) > 1 for c in columns]
    return [
        {c: _moved(knobs[c], int(base[c]), sign * share) for c in columns}
        for groups, share in ((kinds, LITTLE), (singles, LITTLE), (kinds, MORE))
        for columns in groups
        for sign in (-1, 1)
    ]


def _moved(knob: Knob, value: int, share: float) -> int:
    """Return a value moved by a share of it, at least by one, inside the knob's range."""
    step = max(1, round(abs(share) * value))
    return min(max(value + (step if share > 0 else -step), knob.low), knob.high)


def _with_base(base: Vectors, candidates: Vectors) -> Vectors:
    """Return the base and the candidates that differ from it."""
    return np.vstack([base[None], candidates[(candidates != base).any(axis=1)]])


def _checked(name: str, given: npt.ArrayLike, knobs: tuple[Knob, ...], dimensions: int) -> Vectors:
    """Return knob vectors, or raise."""
    values = np.asarray(given)
    if values.ndim != dimensions or values.shape[-1] != len(knobs) or values.dtype.kind not in "iu":
        shape = f"({len(knobs)},)" if dimensions == 1 else f"(n, {len(knobs)})"
        raise InputError(f"{name} must be integers of shape {shape}, got {values.dtype} of shape {values.shape}")
    for column, knob in enumerate(knobs):
        column_values = values[..., column]
        outside = (column_values < knob.low) | (column_values > knob.high)
        outside &= (column_values != OFF) | (not knob.off)
        if outside.any():
            off = " or OFF" if knob.off else ""
            raise InputError(
                f"{name}: {knob.name} must be in {knob.low}..{knob.high}{off}, got {column_values[outside].flat[0]}"
            )
    return values.astype(np.int32)
