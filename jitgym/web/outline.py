"""A lesson on paper: what a teacher reads before the class, with the figures of many runs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jitgym.report import number, plain_table
from jitgym.web.case import CasePart, load_case
from jitgym.web.figures import Measured, measure
from jitgym.web.lessons import COMPANY, LessonPart, lesson_files, load_lesson
from jitgym.web.looks import LABELS
from jitgym.web.plays import Trials


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
        parts += ["", Text(f"{place + 1}. {part.title}", style="bold"), part.text.strip(), ""]
        parts += [_figures(measure(lesson, part, n_runs, seed), n_runs), *_asked(part)]
    return Group(*parts)


def case_outline(n_runs: int, seed: int) -> RenderableType:
    """Return the tasks of the lesson on a company, with questions, answers and the figures that these rest on."""
    case = load_case()
    parts: list[RenderableType] = [Text(case.title, style="bold"), case.teaches]
    for place, part in enumerate(case.parts):
        parts += ["", Text(f"{place + 1}. {part.title}", style="bold"), part.text.strip(), ""]
        parts += [_claims(part, Trials(case, part, n_runs, seed), n_runs), *_asked(part)]
    return Group(*parts)


def _claims(part: CasePart, trials: Trials, n_runs: int) -> Table:
    """Return what the answers rest on: the mean of a figure, or its ratio to another policy's."""
    table = plain_table(f"means of {n_runs} runs of {part.periods} periods", "line", "of", "against", "value")
    for claim in part.claims:
        row = claim.what, claim.line or "all", claim.of, claim.against or "", number(trials.value(claim))
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


def _asked(part: LessonPart | CasePart) -> Iterator[str]:
    for text in part.watch:
        yield f"Look: {text}"
    for question in part.questions:
        yield f"Ask: {question.ask}"
        yield f"     {question.answer}"
