"""A run as one self-contained HTML file: scene, frames, and the page's own modules, with nothing to be fetched."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from jitgym.errors import InputError
from jitgym.scenario import Scenario
from jitgym.scene import frame_of
from jitgym.web.lessons import MOST_TEAMS, knob_vector
from jitgym.web.looks import looks
from jitgym.web.session import MOST_SLOTS
from jitgym.web.team import Team

DEFAULT: Final = "default"
"""The name of a line under the default of every knob."""
STATIC: Final = Path(__file__).parent / "static"
MODULES: Final = ("words.js", "charts.js", "line.js", "legend.js", "player.js")
"""The page's modules that a replay needs, each after those that it imports from."""

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def recording(team: Team) -> dict[str, Any]:
    """Return a run of a team: the scene, every frame as what is other than in the one before, and the figures."""
    return {
        **team.described(),
        "frames": list(_changes(frame_of(play.line, ledger, play.knobs) for play, ledger in team.replayed())),
        "history": team.history,
        "kpis": team.kpis(),
        "terms": team.terms(),
    }


def _changes(frames: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield of every frame what is other than in the one before."""
    before: dict[str, Any] = {}
    for frame in frames:
        yield {key: value for key, value in frame.items() if key not in before or before[key] != value}
        before = frame


def replay_data(teams: Sequence[Team], title: str) -> dict[str, Any]:
    """Return all that a replay shows."""
    return {"title": title, "seed": str(teams[0].seed), "looks": looks(), "teams": [recording(team) for team in teams]}


def replay_page(data: dict[str, Any]) -> str:
    """Return a replay as one HTML page; its policy lets nothing in but its own two scripts and its style."""
    script, style = bundle("replay.js"), (STATIC / "page.css").read_text(encoding="utf-8")
    # "<" could end the element that the data stand in
    payload = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = (STATIC / "replay.html").read_text(encoding="utf-8")
    parts: dict[str, Callable[[], str]] = {
        "policy": lambda: policy,
        "title": lambda: _escaped(data["title"]),
        "style": lambda: style,
        "data": lambda: payload,
        "script": lambda: script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]](), page)


def bundle(last: str) -> str:
    """Return the modules of a replay as one, with what they import from each other in one scope."""
    texts = [(STATIC / name).read_text(encoding="utf-8") for name in (*MODULES, last)]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


def played(scenario: Scenario, names: Sequence[str], slots: int, seed: int) -> list[Team]:
    """Play a line for some slots, once under each name: that of a rule, with its textbook numbers, or ``default``.

    Raises:
        InputError: too many names or slots, or a rule that the line does not have the knobs for.
    """
    if not 1 <= len(names) <= MOST_TEAMS:
        raise InputError(f"rule must be given once or twice, got {len(names)}")
    if not 1 <= slots <= MOST_SLOTS:
        raise InputError(f"slots must be in 1..{MOST_SLOTS}, got {slots}")
    teams = [Team(name, scenario, seed, knob_vector(scenario, {})) for name in names]
    for team, name in zip(teams, names, strict=True):
        if name != DEFAULT:
            team.give_to(name)
        for _ in range(slots):
            team.next_slot()
    return teams


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
