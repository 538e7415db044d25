"""Tuned rules of an enterprise in a file beside it: ``components.rules.json`` for ``components.yaml``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jitgym.enterprise.company import Companies
from jitgym.enterprise.description import Enterprise, enterprise_files
from jitgym.enterprise.managers import MANAGERS, manager
from jitgym.enterprise.tuning import TunedManager
from jitgym.errors import InputError

Numbers = dict[str, dict[str, int]]
"""By rule, then by name of the number."""


def usual_numbers(enterprise: Enterprise) -> Numbers:
    """Return the starts of every rule of management."""
    companies = Companies(enterprise)
    return {name: manager(companies, name).by_name for name in MANAGERS}


def rules_file(enterprise: Enterprise) -> Path | None:
    """Return the file of tuned rules that comes with the package for an enterprise; None if there is none."""
    path = enterprise_files().get(enterprise.name)
    found = None if path is None else path.with_suffix(".rules.json")
    return found if found is not None and found.is_file() else None


def tuned_numbers(enterprise: Enterprise, path: Path | None = None) -> Numbers:
    """Return tuned numbers of rules, as far as they are there.

    Args:
        enterprise: the company.
        path: a file that ``jitgym company tune`` has written; None: what comes with the package, if it is for this
            very enterprise.

    Raises:
        InputError: the file is no such file, or one of another enterprise, or of rules that are not known.
    """
    place = rules_file(enterprise) if path is None else path
    if place is None:
        return {}
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
        wanted = found["hash"]
        numbers = {name: dict(rule["numbers"]) for name, rule in found["rules"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"rules must be a file of tuned rules, got {str(place)!r}: {error}") from None
    if wanted != enterprise.hash:
        if path is None:
            return {}  # tuned for what the enterprise was before it was changed
        raise InputError(f"rules must be of enterprise {enterprise.name!r} ({enterprise.hash}), got {wanted!r}")
    companies = Companies(enterprise)
    return {name: manager(companies, name, own).by_name for name, own in numbers.items()}


def numbers_of_all(enterprise: Enterprise, path: Path | None = None) -> Numbers:
    """Return numbers of every rule: tuned ones, its own or another's, where they are there, else its starts.

    Args:
        enterprise: the company.
        path: see :func:`tuned_numbers`.
    """
    tuned, usual = tuned_numbers(enterprise, path), usual_numbers(enterprise)
    return {name: tuned.get(str(MANAGERS[name].numbers_of), usual[name]) for name in MANAGERS}


def rules_record(enterprise: Enterprise, tuned: Mapping[str, TunedManager], command: str) -> dict[str, Any]:
    """Return what a file of tuned rules holds."""
    return {
        "enterprise": enterprise.name,
        "hash": enterprise.hash,
        "command": command,
        "rules": {
            name: {
                "numbers": one.numbers,
                "profit": vars(one.profit),
                "start_profit": vars(one.start_profit),
                "episodes": one.episodes,
            }
            for name, one in tuned.items()
        },
    }
