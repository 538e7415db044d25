"""The greedy manager: tries a few decisions on copies of every line for one period, and takes what pays at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.company import Companies
from jitgym.enterprise.levers import BACK, HOLD
from jitgym.enterprise.manager import Given, Manager, Memory
from jitgym.enterprise.outlook import Draft, Outlook
from jitgym.settings import Number, free_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LUCKS: Final = 4
"""Copies of each company that an option is tried on, the same luck for all options."""
OPTIONS: Final = (("hold", HOLD, 0), ("next", None, 0), ("back", BACK, 0), ("fewer cards", HOLD, -1), ("more", HOLD, 1))
"""What is tried on every line: its name, the roll-out order (None: one more stage) and the change of safety cards."""


class Greedy(Manager):
    """A one-period optimiser.

    Every option is tried for one period on copies of the companies, on all lines at once, since what a line earns does
    not hang on the others. It knows the laws of the lines and copies all of their state, but not the luck to come. What
    a line earns in the period decides: its profit less the charge for its stock and the cost of a roll-out. What is as
    it is stays so unless something else earns more by a standard error, else it would follow the luck of a few copies.
    Investments pay later, so it makes none.
    """

    name = "greedy"
    does = "what pays most in the next period, by simulation; investments pay later, so it makes none"
    SEED: ClassVar[int] = 7

    def __init__(self, companies: Companies, numbers: Given = None) -> None:
        super().__init__(companies, numbers)
        self._companies: Companies | None = None
        self._copies: Companies | None = None

    def watch(self, companies: Companies) -> None:
        """Be told which companies are managed."""
        self._companies, self._copies = companies, None
        self._rng = np.random.default_rng(self.SEED)

    def _numbers(self) -> tuple[Number, ...]:
        return (free_number("lucks", 1, 64, LUCKS),)

    def _begin(self, n: int) -> Memory:
        return {"cards": np.full((n, len(self._enterprise.lines)), self._enterprise.start_cards, dtype=np.int64)}

    def _decide(self, see: Outlook, draft: Draft, number: Mapping[str, Ints], memory: Memory) -> None:
        cards, more = memory["cards"], self._next(see, np.ones(memory["cards"].shape, dtype=bool))
        tried = [(more if order is None else np.full_like(more, order), cards + change) for _, order, change in OPTIONS]
        if self._companies is None:
            draft.set("cards", cards)
            return
        earned = self._try(tried, int(number["lucks"].max()))
        best = _best(earned)
        chosen = [np.take_along_axis(np.stack(part), best[None], axis=0)[0] for part in zip(*tried, strict=True)]
        bounds = self._enterprise.levers.cards
        memory["cards"] = np.clip(chosen[1], bounds.low, bounds.high)
        draft.set("rollout", chosen[0])
        draft.set("cards", memory["cards"])

    def _try(self, tried: list[tuple[Any, Any]], lucks: int) -> Floats:
        """Return what each line earns under each option, ``(n_options, lucks, n_companies, n_lines)``."""
        firms = self._companies
        assert firms is not None  # who decides has been told whom to watch
        n, repeated = firms.n_companies, np.tile(np.arange(firms.n_companies), len(tried) * lucks)
        seeds = self._rng.integers(0, 1 << 62, (lucks, n), dtype=np.uint64)
        self._copies = firms.fork(repeated, np.tile(seeds, (len(tried), 1)).ravel(), self._copies)
        draft = Draft(self._levers, len(repeated))
        draft.set("rollout", np.concatenate([np.tile(orders, (lucks, 1)) for orders, _ in tried]))
        draft.set("cards", np.concatenate([np.tile(cards, (lucks, 1)) for _, cards in tried]))
        period = self._copies.step(draft.decisions)
        account, spent = period.account, period.spent[:, self._levers.columns["rollout"]]
        earned = account.line_profit - spent - self._copies.capital_rate * account.line_inventory
        found: Floats = earned.reshape(len(tried), lucks, n, -1)
        return found


def _best(earned: Floats) -> npt.NDArray[np.intp]:
    """Return which option of each line is best, the first unless another is better by a standard error."""
    lucks = earned.shape[1]
    best = earned.mean(axis=1).argmax(axis=0)
    gain = np.take_along_axis(earned, best[None, None], axis=0)[0] - earned[0]
    error = gain.std(axis=0, ddof=1) / np.sqrt(lucks) if lucks > 1 else np.zeros(best.shape)
    found: npt.NDArray[np.intp] = np.where(gain.mean(axis=0) > error, best, 0)
    return found
