"""Arrays with a row for each company, kept together: chosen rows are replaced, and all are written as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Self = TypeVar("Self", bound="Rows")


class Rows:
    """What a dataclass of arrays, or of more such rows, inherits; the first axis of every array is companies."""

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """Yield every array, in a fixed order."""
        for field in fields(self):  # type: ignore[arg-type]  # every heir is a dataclass
            value = getattr(self, field.name)
            if isinstance(value, Rows):
                yield from value.arrays()
            else:
                yield value

    def put(self, companies: npt.NDArray[np.bool_], other: Rows) -> None:
        """Take over the rows of some companies, ``(n_companies,)`` bool, from rows of the same kind and size."""
        for own, theirs in zip(self.arrays(), other.arrays(), strict=True):
            own[companies] = theirs[companies]

    def repeated(self: Self, n: int) -> Self:
        """Return rows of one company for each of ``n``."""
        return self.taken(np.zeros(n, dtype=np.intp))

    def copied(self: Self) -> Self:
        """Return rows that share nothing with these."""
        return self.taken(np.arange(len(next(self.arrays()))))

    def taken(self: Self, companies: npt.NDArray[np.intp]) -> Self:
        """Return new rows of chosen companies, by number, in any order."""
        values = []
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            values.append(value.taken(companies) if isinstance(value, Rows) else value[companies])
        return type(self)(*values)

    def to_bytes(self) -> bytes:
        """Return all that the arrays hold."""
        return b"".join(array.tobytes() for array in self.arrays())

    def from_bytes(self, data: bytes) -> None:
        """Take over what :meth:`to_bytes` of rows of the same kind and size returned."""
        at = 0
        for array in self.arrays():
            array[...] = np.frombuffer(data, array.dtype, array.size, at).reshape(array.shape)
            at += array.nbytes

    @property
    def nbytes(self) -> int:
        """The length of :meth:`to_bytes`."""
        return sum(array.nbytes for array in self.arrays())
