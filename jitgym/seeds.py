"""Seeds for episodes, in banks that cannot meet: play, tuning and evaluation never share a seed.

The two top bits of a 64-bit episode seed say which bank it is from; an episode that follows in the same
environment keeps them. So a policy is never evaluated on luck that it was trained or tuned on.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Bank = Literal["play", "tuning", "evaluation"]
BANKS: Final[dict[Bank, int]] = {"play": 0, "tuning": 1, "evaluation": 2}
_LOW_BITS: Final = np.uint64((1 << 62) - 1)


def seed_bank(seed: int, n: int, bank: Bank = "play") -> npt.NDArray[np.uint64]:
    """Return ``n`` episode seeds, spread by ``numpy.random.SeedSequence``; the first of a longer bank are the same.

    Args:
        seed: non-negative integer that names the bank's instance.
        n: number of seeds.
        bank: what the seeds are for.
    """
    words = np.random.SeedSequence(seed).generate_state(n, np.uint64)
    return (words & _LOW_BITS) | np.uint64(BANKS[bank] << 62)
