"""The teacher's desk: what can be played, the sessions that are under way, and how all teams stand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from pydantic import Field

from jitgym.errors import InputError
from jitgym.evaluate import Policy
from jitgym.files import nearest
from jitgym.knobs import knobs_of
from jitgym.scenario import Scenario
from jitgym.web.head_office import HeadOffice
from jitgym.web.lessons import MOST_TEAMS, knob_vector, lesson_files, load_lesson
from jitgym.web.looks import looks
from jitgym.web.replay import replay_data, replay_page
from jitgym.web.rivals import Offer
from jitgym.web.sent import Sent, read_sent
from jitgym.web.session import Session
from jitgym.web.team import BY_HAND, Team

MOST_SESSIONS: Final = 100
"""Sessions that are kept; then the one that has been left alone longest makes room."""
FREE_SPEED: Final = 8
FREE_SLOTS: Final = 2000
"""Most slots of a run that no lesson gives a length."""


class PartWanted(Sent):
    """A part of a lesson."""

    lesson: str
    part: int = Field(ge=0)
    seed: int | None = Field(default=None, ge=0, lt=2**53)


class TeamWanted(Sent):
    """A team of a free run, and who controls it at first."""

    name: str = Field(min_length=1, max_length=40)
    control: str = BY_HAND


class LineWanted(Sent):
    """A free run of one or two teams on a line."""

    scenario: str
    teams: list[TeamWanted] = Field(min_length=1, max_length=MOST_TEAMS)
    seed: int | None = Field(default=None, ge=0, lt=2**53)


class Desk:
    """What can be played and what is being played.

    Args:
        scenarios: lines for free runs, by name.
        seed: the luck of every session that asks for none of its own: the same orders for every team of a class;
            in a lesson it is counted from the lesson's own.
        policies: what makes tuned rules and agents, by scenario and name.
        companies: companies that can be run; None: those that come with the package.

    Attributes:
        office: where they are run.
    """

    def __init__(
        self,
        scenarios: Mapping[str, Scenario],
        seed: int = 0,
        policies: Mapping[str, Mapping[str, Callable[[], Policy]]] | None = None,
        companies: Sequence[Offer] | None = None,
    ) -> None:
        self.office = HeadOffice(companies, seed)
        self._scenarios = dict(scenarios)
        self._seed = seed
        self._policies = dict(policies or {})
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def catalogue(self, is_class: bool = False) -> dict[str, Any]:
        """Return what a page offers."""
        lessons = {name: load_lesson(name) for name in lesson_files()}
        return {
            "scenarios": [
                {"name": name, "description": scenario.description} for name, scenario in self._scenarios.items()
            ],
            "lessons": [
                {"id": name, "title": lesson.title, "minutes": lesson.minutes, "teaches": lesson.teaches}
                for name, lesson in lessons.items()
            ],
            "companies": self.office.catalogue(),
            "looks": looks(),
            "class": is_class,
            "seed": str(self._seed),
        }

    def lesson(self, name: str) -> dict[str, Any]:
        """Return the text of a lesson."""
        lesson = load_lesson(name)
        parts = [part.model_dump(mode="json", exclude={"shown", "teams"}) for part in lesson.parts]
        return {"id": name, "title": lesson.title, "minutes": lesson.minutes, "teaches": lesson.teaches, "parts": parts}

    def begin(self, sent: Any) -> Session:
        """Begin a session that a page asks for.

        Raises:
            InputError: it asks for what there is not.
        """
        if isinstance(sent, dict) and "lesson" in sent:
            session = self._session_of_part(read_sent(PartWanted, sent))
        else:
            session = self._free_session(read_sent(LineWanted, sent))
        with self._lock:
            while len(self._sessions) >= MOST_SESSIONS:
                oldest = min(self._sessions, key=lambda key: self._sessions[key].touched)
                del self._sessions[oldest]
            self._sessions[session.key] = session
        return session

    def _free_session(self, wanted: LineWanted) -> Session:
        if wanted.scenario not in self._scenarios:
            hint = nearest(wanted.scenario, self._scenarios)
            raise InputError(f"scenario must be one that is offered, got {wanted.scenario!r}{hint}")
        scenario = self._scenarios[wanted.scenario]
        seed = self._seed if wanted.seed is None else wanted.seed
        defaults = np.array([knob.default for knob in knobs_of(scenario)], dtype=np.int32)
        policies = self._policies.get(wanted.scenario, {})
        teams = [Team(team.name, scenario, seed, defaults, policies=policies) for team in wanted.teams]
        for team, asked in zip(teams, wanted.teams, strict=True):
            team.give_to(asked.control)
        end = min(FREE_SLOTS, scenario.horizon * scenario.slots_per_step)
        return Session(scenario.name, teams, seed, end, FREE_SPEED)

    def _session_of_part(self, wanted: PartWanted) -> Session:
        lesson = load_lesson(wanted.lesson)
        if wanted.part >= len(lesson.parts):
            raise InputError(f"part must be in 0..{len(lesson.parts) - 1}, got {wanted.part}")
        part = lesson.parts[wanted.part]
        seed = lesson.luck + self._seed if wanted.seed is None else wanted.seed
        teams = []
        for team in part.teams:
            scenario = lesson.scenario(team)
            teams.append(Team(team.name, scenario, seed, knob_vector(scenario, team.knobs), team.fixed))
        title = f"{lesson.title}: {part.title}"
        return Session(title, teams, seed, part.slots, part.speed)

    def session(self, key: str) -> Session | None:
        """Return a session that is under way."""
        with self._lock:
            return self._sessions.get(key)

    def replay(self, session: Session) -> str:
        """Return the run so far as one HTML page."""
        with session.held():
            return replay_page(replay_data(session.teams, session.title))

    def board(self) -> list[dict[str, Any]]:
        """Return how all teams stand, the latest first."""
        with self._lock:
            sessions = sorted(self._sessions.values(), key=lambda session: -session.touched)
        return [
            {
                "title": session.title,
                "player": session.player,
                "slot": session.slot,
                "end": session.end,
                "seed": str(session.seed),
                "teams": [{"name": team.name, "control": team.control, "kpis": team.kpis()} for team in session.teams],
            }
            for session in sessions
            if session.slot
        ]
