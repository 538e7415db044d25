"""The rules of management by name."""

from __future__ import annotations

from typing import Final

from jitgym.enterprise.basics import Never, Technique
from jitgym.enterprise.company import Companies
from jitgym.enterprise.experiments import EXPERIMENTS
from jitgym.enterprise.manager import Given, Manager
from jitgym.enterprise.programmes import BigBang, BigBangInScope, Phased, Reflex
from jitgym.errors import InputError
from jitgym.files import nearest

_KINDS: Final = (Never, Technique, BigBang, BigBangInScope, Phased, Reflex, *EXPERIMENTS)
MANAGERS: Final[dict[str, type[Manager]]] = {kind.name: kind for kind in _KINDS}
"""Rules of management by name."""
TUNED: Final = tuple(name for name, kind in MANAGERS.items() if kind.numbers_of == name)
"""Those that have tuned numbers of their own."""


def manager(companies: Companies, name: str, numbers: Given = None) -> Manager:
    """Return a rule of management.

    Args:
        companies: what it manages, or others of the same enterprise.
        name: one of ``MANAGERS``.
        numbers: see :class:`Manager`.

    Raises:
        InputError: an unknown name, or bad numbers.
    """
    if name not in MANAGERS:
        raise InputError(f"manager must be of {', '.join(MANAGERS)}, got {name!r}{nearest(name, MANAGERS)}")
    return MANAGERS[name](companies, numbers)
