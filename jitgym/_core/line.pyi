from typing import Any

import numpy as np
import numpy.typing as npt

HAS_OPENMP: bool
KERNELS: tuple[str, ...]

class Stepper:
    def __init__(self, tables: Any, kernel: str = ...) -> None: ...
    def advance(
        self,
        state: npt.NDArray[np.int32],
        knobs: npt.NDArray[np.int32],
        slots: int,
        ledger: npt.NDArray[np.int64],
        n_threads: int = 1,
    ) -> None: ...

def threefry4x32(key: tuple[int, ...], counter: tuple[int, ...]) -> tuple[int, int, int, int]: ...
def episode_keys(
    roots: npt.NDArray[np.uint64], episodes: npt.NDArray[np.uint32], keys: npt.NDArray[np.uint64]
) -> None: ...
def episode_words(keys: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint32]: ...
def observe(
    state: npt.NDArray[np.int32],
    rows: npt.NDArray[np.int32],
    equals: npt.NDArray[np.int32],
    scales: npt.NDArray[np.float32],
    out: npt.NDArray[np.float32],
) -> None: ...
