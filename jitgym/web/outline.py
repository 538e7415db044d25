"""A lesson on paper: what a teacher reads before the class, with the figures of many runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jitgym.enterprise.review import MEASURES
from jitgym.enterprise.runs import RESULTS
from jitgym.report import number, plain_table
from jitgym.web.case import OTHERS, CasePart, load_case
from jitgym.web.figures import Measured, measure
from jitgym.web.lessons import COMPANY, LessonPart, lesson_files, load_lesson
from jitgym.web.looks import LABELS
from jitgym.web.plays import Trials

UNITS: Final = {
    **{name: unit for name, (unit, _) in RESULTS.items()},
    **{name: unit for name, (unit, *_) in MEASURES.items()},
    **OTHERS,
}  # fmt: skip
"""Of what may be claimed."""


def lessons_table() -> RenderableType:
    """Return the table of the lessons."""
    table = plain_table("lesson", "minutes", "what it teaches", text=("what it teaches",))
    for name in lesson_files():
        lesson = load_lesson(name)
        table.add_row(name, str(lesson.minutes), f"{lesson.title}. {lesson.teaches}")
    case = load_case()
    table.add_row(COMPANY, str(case.minutes), f"{case.title}. {case.teaches}")
    return table


def lesson_outline(name: str, n_runs: int, seed: int) -> RenderableType:
    """Return a lesson's parts with their texts, questions, answers and figures."""
    lesson = load_lesson(name)
    parts: list[RenderableType] = [Text(lesson.title, style="bold"), lesson.teaches]
    for place, part in enumerate(lesson.parts):
        parts += ["", Text(f"{place + 1}. {part.title}", style="bold"), _prose(part.text), ""]
        parts += [_figures(measure(lesson, part, n_runs, seed), n_runs), *_asked(part)]
    return Group(*parts)


def case_outline(n_runs: int, seed: int) -> RenderableType:
    """Return the tasks of the lesson on a company, with questions, answers and the figures that these rest on."""
    case = load_case()
    parts: list[RenderableType] = [Text(case.title, style="bold"), case.teaches]
    for place, part in enumerate(case.parts):
        parts += ["", Text(f"{place + 1}. {part.title}", style="bold"), _prose(part.text), ""]
        parts += [_claims(part, Trials(case, part, n_runs, seed), n_runs), *_asked(part)]
    return Group(*parts)


def _claims(part: CasePart, trials: Trials, n_runs: int) -> Table:
    """Return what the answers rest on: the mean of a figure, or its ratio to another policy's."""
    table = plain_table(f"means of {n_runs} runs", "line", "of", "against", "periods", "value", "unit")
    for claim in part.claims:
        value, unit = trials.value(claim), UNITS[claim.what]
        if claim.against is not None:
            unit = "times"
        elif unit.startswith("share"):
            value, unit = 100 * value, unit.replace("share", "%")
        first, last = (0, None) if claim.what in RESULTS and claim.what not in MEASURES else (claim.from_, claim.to)
        when = f"{first + 1} to {last or part.periods}"
        row = claim.what, claim.line or "all", claim.of, claim.against or "", when, number(value), unit
        table.add_row(*(cell.replace("_", " ") for cell in row))
    return table


def _figures(measured: Measured, n_runs: int) -> Table:
    part = measured.part
    table = plain_table(f"means of {n_runs} runs of {part.slots} slots", *(team.name for team in part.teams))
    for kpi, (label, times, unit) in LABELS.items():
        means = [measured.mean(team, kpi) for team in range(len(part.teams))]
        if any(mean is not None for mean in means):
            cells = ("–" if mean is None else number(times * mean.mean) for mean in means)
            table.add_row(f"{label} ({unit})", *cells)
    return table


def _asked(part: LessonPart | CasePart) -> Iterator[RenderableType]:
    for text in part.watch:
        yield _prose(f"Look: {text}")
    for question in part.questions:
        yield _prose(f"Ask: {question.ask}")
        yield Padding(_prose(question.answer), (0, 0, 0, 5))


def _prose(text: str) -> RenderableType:
    """Return a text in lines of any width, its *marked* words in italics."""
    return Markdown(" ".join(text.split()))
