"""How capabilities grow, fade and are disrupted: the equations of management, one period at a time.

With ``c`` a capability, ``c0`` what customary practice holds without any programme, and ``I`` the money of a period::

    upkeep needed    N = upkeep x (c - c0)
    upkeep given     m = min(1, I / N)
    money to grow    X = max(0, I - N)
    c' = c + (1 - c) x (growth x X / (X + half) + kaizen x people x visibility)
           - fading x (1 - m) x (c - c0)

Money has diminishing returns twice: by ``X / (X + half)``, and because less is left to gain. Kaizen is what people do
without a programme; it needs trained people and problems that can be seen. ``visibility = v / (v + visible)``, with
``v`` the share of machine time that was lost in plain sight: stopped at a defect, or starved at a stage under pull
longer than the first stages before it, for these wait for suppliers alone, from whom the line's people learn nothing.
Nothing here says what buffers do to visibility: the simulated lines do.

Suppliers grow by development that follows the money with a lag, and have no kaizen of ours. The discipline of pull is
held and regained by trained people, and fades without them. A stage put under pull ahead of training disrupts.
Rates are of a period: a half-life of ``h`` months is ``1 - 2 ** (-months of a period / h)``.

Sources of the structure (numbers: :mod:`jitgym.enterprise.constants`):
    Repenning & Sterman (2001), Nobody ever gets credit for fixing problems that never happened, California Management
    Review 43(4): capability as a stock that investment fills and neglect drains.
    Sterman, Repenning & Kofman (1997), Unanticipated side effects of successful quality programs, Management Science
    43(4); Schneiderman (1988), Setting quality goals, Quality Progress 21(4): improvement by half-lives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jitgym.enterprise.description import Enterprise
from jitgym.enterprise.parts import LINE_CAPABILITIES
from jitgym.enterprise.rows import Rows

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PEOPLE = LINE_CAPABILITIES.index("people")


@dataclass
class Abilities(Rows):
    """What companies are good at; every entry in [0, 1].

    Attributes:
        lines: ``(n_companies, n_lines, 4)``, in the order of ``LINE_CAPABILITIES``.
        suppliers: ``(n_companies, n_suppliers)``.
        effort: development under way, ``(n_companies, n_suppliers)``.
        discipline: of pull, ``(n_companies, n_lines)``.
        disruption: by roll-out, ``(n_companies, n_lines)``.
    """

    lines: Floats
    suppliers: Floats
    effort: Floats
    discipline: Floats
    disruption: Floats

    @classmethod
    def at_start(cls, enterprise: Enterprise, n_companies: int) -> Abilities:
        """Return the abilities that companies begin with."""
        lines, suppliers = starts(enterprise)
        n_lines, n_suppliers = len(lines), len(suppliers)
        return cls(
            np.tile(lines, (n_companies, 1, 1)),
            np.tile(suppliers, (n_companies, 1)),
            np.zeros((n_companies, n_suppliers)),
            np.zeros((n_companies, n_lines)),
            np.zeros((n_companies, n_lines)),
        )

    @property
    def row(self) -> Floats:
        """All that sets parameters, one row for each company, as :class:`jitgym.enterprise.batch.Parameters` has it."""
        n = len(self.lines)
        return np.concatenate([self.lines.reshape(n, -1), self.suppliers, 1 - self.disruption, np.ones((n, 1))], axis=1)


def starts(enterprise: Enterprise) -> tuple[Floats, Floats]:
    """Return what customary practice holds: of lines ``(n_lines, 4)``, of suppliers ``(n_suppliers,)``."""
    lines = [[getattr(line.start, name, 0.0) for name in LINE_CAPABILITIES] for line in enterprise.lines]
    return np.array(lines), np.array([supplier.start for supplier in enterprise.suppliers], dtype=np.float64)


def share_of_gap(months: float, half_life: float) -> float:
    """Return the share of a gap that so many months close; a half-life of 0 closes all."""
    return float(1 - 2 ** (-months / half_life)) if half_life > 0 else 1.0


def kaizen_pace(enterprise: Enterprise, people: Floats, visible: Floats) -> Floats:
    """Return the share of the gap to full capability that people close by themselves in a period.

    Args:
        enterprise: its dynamics.
        people: capability of people before the period.
        visible: share of machine time lost in plain sight in it, the same shape.
    """
    dynamics = enterprise.dynamics
    pace: Floats = (
        share_of_gap(12 / enterprise.periods_per_year, dynamics.kaizen)
        * people
        * (visible / (visible + dynamics.visible))
    )
    return pace


class Growth:
    """The change of abilities in a period.

    Args:
        enterprise: its dynamics, starts and length of a period.
    """

    def __init__(self, enterprise: Enterprise) -> None:
        self._enterprise = enterprise
        self._d = d = enterprise.dynamics
        self._start_lines, self._start_suppliers = starts(enterprise)
        self._months = 12 / enterprise.periods_per_year
        people = np.arange(len(LINE_CAPABILITIES)) == PEOPLE
        self._growth: Floats = np.where(people, self._rate(d.training), self._rate(d.growth))
        self._half: Floats = np.where(people, d.half_training, d.half_spend)
        self._learns: Floats = np.where(people, 0.0, 1.0)

    def _rate(self, half_life: float) -> float:
        return share_of_gap(self._months, half_life)

    def roll_out(self, abilities: Abilities, advanced: Ints, pulled: Ints) -> None:
        """Put stages under pull: new ones are watched by all, so they begin disciplined, and they disrupt.

        Args:
            abilities: are changed.
            advanced: stages newly under pull, ``(n_companies, n_lines)``.
            pulled: stages under pull before.
        """
        untrained = 1 - abilities.lines[:, :, PEOPLE]
        gained = 1 - (1 - self._d.disruption * untrained) ** advanced
        abilities.disruption += (1 - abilities.disruption) * gained
        share = advanced / np.maximum(1, advanced + pulled)
        abilities.discipline += (1 - abilities.discipline) * share

    def grow(self, abilities: Abilities, lines: Floats, suppliers: Floats, visible: Floats, pulled: Ints) -> None:
        """Let a period pass.

        Args:
            abilities: are changed.
            lines: money spent, ``(n_companies, n_lines, 4)``.
            suppliers: money spent, ``(n_companies, n_suppliers)``.
            visible: share of machine time lost in plain sight, ``(n_companies, n_lines)``.
            pulled: stages under pull, the same shape; without any, there is no discipline to lose.
        """
        d, c = self._d, abilities.lines
        people = c[:, :, PEOPLE].copy()
        rest, fading = self._upkeep(lines, c - self._start_lines)
        learning = self._learns * kaizen_pace(self._enterprise, people, visible)[:, :, None]
        c += (1 - c) * (self._growth * (rest / (rest + self._half)) + learning) - fading
        s = abilities.suppliers
        rest, fading = self._upkeep(suppliers, s - self._start_suppliers)
        abilities.effort += self._rate(d.supplier_delay) * (rest / (rest + d.half_develop) - abilities.effort)
        s += (1 - s) * self._rate(d.supplier_growth) * abilities.effort - fading
        held = abilities.discipline
        gained = self._rate(d.discipline_growth) * people * (1 - held)
        lost = self._rate(d.discipline_fading) * (1 - people) * held
        abilities.discipline[...] = np.where(pulled > 0, held + gained - lost, 0.0)
        abilities.disruption *= 1 - self._rate(d.settling)
        for level in (c, s, abilities.discipline, abilities.disruption, abilities.effort):
            np.clip(level, 0.0, 1.0, out=level)  # rounding, and growth and kaizen together where both are extreme

    def _upkeep(self, money: Floats, gain: Floats) -> tuple[Floats, Floats]:
        """Return what is left of the money to grow, and what fades for want of upkeep."""
        needed = self._d.upkeep * gain
        rest = np.maximum(money - needed, 0.0)
        held = np.divide(np.minimum(money, needed), needed, out=np.ones_like(gain), where=needed > 0)
        return rest, self._rate(self._d.fading) * (1 - held) * gain
