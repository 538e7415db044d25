"""The page of the enterprise: no number without a source, no source without an entry, no name that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from jitgym.enterprise.constants import Dynamics, Planning, constants_of
from jitgym.enterprise.description import load_enterprise
from jitgym.enterprise.parts import Shocks
from jitgym.enterprise.review import MEASURES
from jitgym.files import read_yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "enterprise.md").read_text("utf-8")
BODY, BIBLIOGRAPHY = PAGE.split("\n## Bibliography\n")
ENTRIES = re.findall(r"^- (.+(?:\n  .+)*)", BIBLIOGRAPHY, re.MULTILINE)
FILES = {"numbers": "enterprises/components.yaml", "numbers of the line": "components_line.yaml"}
CITED = re.compile(r"([A-Z][\w-]+)(?:(?:, [A-Z][\w-]+)* & [A-Z][\w-]+| et al\.|)(?: \(|,? )((?:19|20)\d\d)\b")
"""The first author, and the year, of what is cited as `Author & Author 1999`, or with the year in brackets."""


def table(what: str) -> list[list[str]]:
    """Return the rows of a generated table."""
    part = re.search(rf"<!-- {what}: written.*?-->(.*?)<!-- end of the {what} -->", PAGE, re.DOTALL)
    assert part is not None, what
    rows = re.findall(r"^\| (.+) \|$", part[1], re.MULTILINE)[2:]
    assert rows, what
    return [row.split(" | ") for row in rows]


def numbers(value: Any, *at: str) -> Iterator[tuple[tuple[str, ...], float]]:
    """Walk a description; what stands in a list is told by its name, what it sets, or its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, *at, key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            keys = inner if isinstance(inner, dict) else {}
            sets = [
                *filter(None, [keys.get("parameter")]),
                *([where] if isinstance(where := keys.get("at", []), str) else where),
            ]
            yield from numbers(inner, *at, str(keys.get("name") or " ".join(sets) or keys.get("knob") or i))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield at, value


@pytest.mark.parametrize("what", FILES)
def test_every_number_of_the_files_has_a_source_and_its_value(what: str) -> None:
    rows = [(row[0].replace("any", "*").split(" / "), row) for row in table(what)]
    found = list(numbers(read_yaml((ROOT / "configs" / FILES[what]).read_text("utf-8"))))
    assert len(found) > 50
    for at, value in found:
        fitting = [row for words, row in rows if len(words) == len(at) and _fits(at, words)]
        assert len(fitting) == 1, f"{'/'.join(at)} must have one row, got {len(fitting)}"
        assert f"{value:.10g}" in re.findall(r"(?<![\w.])[\d.]+(?![\w.])", fitting[0][1]), (at, value, fitting[0])
        assert len(fitting[0][3]) > 3, at


def _fits(at: tuple[str, ...], words: list[str]) -> bool:
    return all(fnmatchcase(name, word) for name, word in zip(at, words, strict=True))


def test_every_constant_has_a_row() -> None:
    enterprise = load_enterprise("components")
    for what, part, own in (("management", Dynamics, enterprise.dynamics), ("planning", Planning, enterprise.planning)):
        rows = {row[0].strip("`"): row for row in table(f"constants of {what}")}
        for one in constants_of(part):
            row = rows.pop(one.name)
            assert float(row[1]) == getattr(own, one.name)
            assert row[2] == f"{one.low:g}..{one.high:g}"
            assert row[-1] == one.source
        assert not rows


def test_what_is_cited_is_in_the_bibliography_and_the_other_way_round() -> None:
    cited = set(CITED.findall(" ".join(BODY.split())))
    assert {("Schneiderman", "1988"), ("Bloom", "2020"), ("Repenning", "2001"), ("Orlicky", "1975")} <= cited
    sources = ("jitgym/enterprise/money.py", "jitgym/enterprise/planning.py", "jitgym/enterprise/cards.py")
    cited |= {pair for name in sources for pair in CITED.findall((ROOT / name).read_text("utf-8"))}
    dated = [match for entry in ENTRIES if (match := re.match(r"([^(]+)\([^)]*?(\d{4})\)", entry))]
    listed = [{(name, match[2]) for name in re.findall(r"[\w-]+", match[1])} for match in dated]
    assert len(listed) > 20
    assert cited - set().union(*listed) == set()
    assert [names for names in listed if not names & cited] == []


def test_shocks_and_measures_are_told() -> None:
    assert [row[0].strip("`") for row in table("scorecard")] == list(MEASURES)
    for shock in Shocks.model_fields:
        assert any(row[0].startswith(f"shocks / {shock} /") for row in table("numbers")), shock


def test_links_within_the_page_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    for link in re.findall(r"\]\(#([\w-]+)\)", PAGE):
        assert link in headings, link
