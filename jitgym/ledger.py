"""The ledger: the named integer counts that a step produced."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jitgym.fields import Layout


class Ledger:
    """Counts of a step for every line; cost, reward and every KPI are computed from these and nothing else.

    ``ledger["store_slots"]`` is ``(n_lines, n_stages)``, ``ledger["demand"]`` is ``(n_lines,)``; on a line with named
    products they are ``(n_lines, n_stages, n_products)`` and ``(n_lines, n_products)``. What a line has no use for,
    such as ``ledger["scrapped"]`` where nothing is ever defective, is zero. Ledgers of the same lines add up.

    Args:
        layout: names and columns, ``tables.ledger``.
        array: ``(n_lines, n_entries)`` int64.
    """

    def __init__(self, layout: Layout, array: npt.NDArray[np.int64]) -> None:
        self.layout = layout
        self.array = array

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every column, e.g. ``store_slots[packing]``."""
        return self.layout.names

    def __getitem__(self, field: str) -> npt.NDArray[np.int64]:
        """Return a field of every line; ``KeyError`` for an unknown one."""
        shape = (len(self.array), *self.layout.shape(field))
        if field not in self.layout:
            return np.zeros(shape, dtype=np.int64)
        return self.array[:, self.layout[field]].reshape(shape)

    def total(self, field: str) -> npt.NDArray[np.int64]:
        """Return a field added up over all its places, ``(n_lines,)``."""
        total: npt.NDArray[np.int64] = self.array[:, self.layout[field]].sum(axis=1)
        return total

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the fields."""
        return iter(self.layout)

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.array)

    def __add__(self, other: Ledger) -> Ledger:
        """Return the ledger of two spans of time together."""
        return Ledger(self.layout, self.array + other.array)

    def as_dict(self) -> dict[str, npt.NDArray[np.int64]]:
        """Return every field by name."""
        return {name: self[name] for name in self}
