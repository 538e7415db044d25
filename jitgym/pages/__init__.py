"""A report of stored results: one HTML page that asks nothing of anybody, and the same in Markdown.

Everything is read from a folder of results of ``jitgym compare`` or ``jitgym suite``; sample paths are simulated again.
"""

from __future__ import annotations

from pathlib import Path

from jitgym.errors import InputError
from jitgym.files import write_text
from jitgym.pages.comparison import comparison_page
from jitgym.pages.contest import contest_page
from jitgym.pages.document import Page
from jitgym.pages.html import html_of
from jitgym.pages.markdown import markdown_of
from jitgym.pages.paths import Loader
from jitgym.pages.stored import RESULTS, read_comparison
from jitgym.pages.stored_contest import CONTEST, read_contest
from jitgym.results import REPORT


def write_report(folder: Path, out: Path | None = None, load: Loader | None = None) -> tuple[Path, Path]:
    """Write the report of a folder of results; return the paths of the page and of its twin in Markdown.

    Args:
        folder: of results.
        out: the HTML page; None: ``report.html`` in the folder. The twin lies beside it.
        load: reads the agent of a comparison; None: agents are not read.

    Raises:
        InputError: no results in the folder, results that cannot be read, or a page that cannot be written.
    """
    page = report_page(folder, load)
    html = folder / REPORT[0] if out is None else out
    markdown = html.with_suffix(".md")
    picture = page.picture if page.picture and (html.parent / page.picture).is_file() else ""
    write_text(html, html_of(page))
    write_text(markdown, markdown_of(page, picture))
    return html, markdown


def report_page(folder: Path, load: Loader | None = None) -> Page:
    """Return what the report of a folder of results says.

    Raises:
        InputError: no results in the folder, or results that cannot be read.
    """
    if (folder / RESULTS).is_file():
        return comparison_page(read_comparison(folder), folder, load)
    if (folder / CONTEST).is_file():
        return contest_page(read_contest(folder))
    if not folder.is_dir():
        raise InputError(f"DIR must be a folder of results, got {str(folder)!r}")
    raise InputError(
        f"DIR must be a folder of results, with {RESULTS} (jitgym compare) or {CONTEST} (jitgym suite), "
        f"got {str(folder)!r}"
    )
