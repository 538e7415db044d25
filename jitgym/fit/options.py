"""What the user says, and what a scenario says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jitgym.fit.weibull import RESAMPLES

Report = Callable[[str, "float | None", str], None]
"""Called with what is being done, the share that is done, and a word."""

SEEDS: Final = 400
QUICK_SEEDS: Final = 50
QUICK_RESAMPLES: Final = 99


@dataclass(frozen=True)
class Files:
    """The files of a plant."""

    demand: Path
    deliveries: Path | None = None
    maintenance: Path | None = None


@dataclass(frozen=True)
class Standard:
    """What suppliers are held to: the least share of orders on time, and of units that are good."""

    on_time: float = 0.95
    quality: float = 0.98


@dataclass(frozen=True)
class Wishes:
    """What the user says of the line that no file tells.

    Attributes:
        name: of the scenario.
        stages: assets, from the first to the last; empty: as the log names them.
        process: slots of a job, by asset.
        utilisation: of every stage whose process time is not given.
        prices: by name.
        item_stage: the stage that uses an item, by item.
    """

    name: str = "plant"
    stages: tuple[str, ...] = ()
    process: Mapping[str, float] = field(default_factory=dict)
    utilisation: float = 0.8
    prices: Mapping[str, float] = field(default_factory=dict)
    item_stage: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """What the user says besides the files; see the options of ``jitgym fit``."""

    slot_hours: float | None = None
    hours: float | None = None
    weekdays: tuple[bool, ...] | None = None
    unit: float | None = None
    products: tuple[str, ...] = ()
    standard: Standard = field(default_factory=Standard)
    wishes: Wishes = field(default_factory=Wishes)
    day_first: bool | None = None
    drop_twins: bool | None = None
    trace: bool = False
    seed: int = 0
    n_seeds: int = SEEDS
    resamples: int = RESAMPLES


@dataclass
class Told:
    """What a scenario says of itself: what comes from data and what does not."""

    fitted: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
