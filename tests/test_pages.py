"""Reports: they say what the results say, in HTML as in Markdown, and nothing that a file holds becomes mark-up."""

from __future__ import annotations

import csv
import itertools
import json
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from browser import contrast
from commands import run
from markdown_it import MarkdownIt

from jitgym.fields import OFF
from jitgym.pages import charts, report_page, write_report
from jitgym.pages.document import Figure, Table
from jitgym.pages.html import colours
from jitgym.pages.markdown import line, plain
from jitgym.pages.stored import read_comparison
from jitgym.pages.stored_contest import read_contest
from jitgym.pages.svg import Scale
from jitgym.results import REPORT, spelled, unspelled
from jitgym.rules import rule_family, rule_names
from jitgym.sample import sample_path, typical_place, window
from jitgym.scenario import load_scenario
from jitgym.standings import BEST

pytest.importorskip("optuna", reason="needs the extra `tune`")
pytest.importorskip("matplotlib", reason="needs the extra `plot`")

CONTEST = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / "contest"
VOID = {"meta", "link", "br", "img", "hr", "input"}
ROW = json.loads((CONTEST / "standings.json").read_text(encoding="utf-8"))["rows"][0]
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7*7 }} [a](javascript:alert(3)) | `x` ]]> & _y_"


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return the results of a comparison of two rules, which hold the report that the command wrote."""
    folder = tmp_path_factory.mktemp("compared")
    scenario = load_scenario(load_scenario("four_stage").model_dump() | {"horizon": 40, "name": "short"})
    (folder / "short.yaml").write_text(scenario.to_yaml(), encoding="utf-8")
    asked = ("--quick", "--rules", "kanban,conwip", "--seeds", 8, "--seed", 2, "--warm-up", 3)
    told = run("compare", folder / "short.yaml", *asked, "--out", folder / "out").output
    assert str(folder / "out" / REPORT[0]) in told.replace("\n", "")
    return folder / "out"


@pytest.fixture
def results(compared, tmp_path):
    """Return a copy of the results, to be changed."""
    return Path(shutil.copytree(compared, tmp_path / "results"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return a copy of the stored contest with its report."""
    folder = tmp_path_factory.mktemp("stored")
    for name in ("standings.json", "rules.csv"):
        shutil.copy(CONTEST / name, folder)
    write_report(folder)
    return folder


def changed(folder, name="results.json", **keys):
    """Change keys of a file of results; dots lead into mappings."""
    record = json.loads((folder / name).read_text(encoding="utf-8"))
    for path, value in keys.items():
        *way, last = path.split("__")
        place = record
        for step in way:
            place = place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    (folder / name).write_text(json.dumps(record), encoding="utf-8")
    return record


class Tags(HTMLParser):
    """What a page consists of; complains where tags do not close as they opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.tables, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.words.append(data)
        if "td" in self.open or ("th" in self.open):
            self.tables[-1][-1][-1] += data

    def of(self, *tags):
        return [(tag, attributes) for tag, attributes in self.seen if tag in tags]


def html(folder):
    return Tags((folder / REPORT[0]).read_text(encoding="utf-8"))


def markdown(folder):
    text = (folder / REPORT[1]).read_text(encoding="utf-8")
    return Tags(MarkdownIt("commonmark").enable("table").render(text))


def squeezed(tables):
    """Return tables with one blank between words and none around units, which Markdown puts in brackets."""
    return [[["".join(cell.split()).replace("(", "").replace(")", "") for cell in row] for row in t] for t in tables]


# -- the two are one --


def test_every_table_of_the_page_is_in_markdown_and_the_other_way_round(compared, stored):
    for folder, least in ((compared, 7), (stored, 18)):
        ours, theirs = squeezed(html(folder).tables), squeezed(markdown(folder).tables)
        assert ours == theirs
        assert len(ours) >= least
        assert all(len({len(row) for row in table}) == 1 and len(table) > 1 for table in ours)


def test_all_headings_words_and_figures_are_in_both(compared, stored):
    for folder in (compared, stored):
        page = report_page(folder)
        here, there = ("".join("".join(told(folder).words).split()) for told in (html, markdown))
        for section in page.sections:
            for text in (section.title, *(part.text for part in section.parts if part.kind in ("words", "heading"))):
                assert "".join(text.split()) in here
                assert "".join(text.split()) in there
        drawings = [part for section in page.sections for part in section.parts if isinstance(part, Figure)]
        assert len(html(folder).of("svg")) == len(drawings) > 4


def test_the_picture_is_shown_where_it_lies_beside_the_text(results, tmp_path):
    assert [attributes["src"] for _, attributes in markdown(results).of("img")] == ["compare.png"]
    write_report(results, tmp_path / "elsewhere.html")
    assert "compare.png" not in (tmp_path / "elsewhere.md").read_text(encoding="utf-8")


# -- what it says --


def test_the_page_says_what_the_results_say(compared):
    record = json.loads((compared / "results.json").read_text(encoding="utf-8"))
    page = html(compared)
    text = "".join(page.words)
    assert record["verdict"] in text
    assert "A quick run" in text
    assert "The first 3 steps of every episode are not counted." in text
    for name, rule in record["rules"].items():
        assert any(row[0] == name and f"{rule['episodes']:,}" in row for table in page.tables for row in table)
        assert rule["source"] in text
    for point in record["pareto_front"][:1]:
        assert any(row[:2] == [point["rule"], f"{point['cost']:.4g}"] for table in page.tables for row in table)


def test_costs_are_those_of_the_seeds(compared):
    with (compared / "costs_per_seed.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    costs = {name: np.array([float(row[name]) for row in rows]) for name in ("kanban", "conwip")}
    best, other = sorted(costs, key=lambda name: costs[name].mean())
    table = {row[0]: row for row in html(compared).tables[0]}
    for name in costs:
        mean = table[name][1].split()[0]
        assert float(mean) == pytest.approx(costs[name].mean(), abs=0.51 * 10.0 ** -len(mean.partition(".")[2]))
    assert table[best][2:] == ["best rule", "", "", ""]
    difference = costs[other] - costs[best]
    assert table[other][3] == f"{100 * difference.mean() / costs[best].mean():+.1f}".replace("-", "−")
    assert table[other][4] == f"{100 * (difference < 0).mean():.0f}"


def test_bars_end_at_the_cost_and_dots_lie_at_the_difference(compared):
    record = read_comparison(compared)
    drawn = charts.cost_bars(record).svg
    ends = {}
    for bar in drawn.iter("rect"):
        if bar.get("class") == "segment":
            row = float(bar.get("y"))
            ends[row] = max(ends.get(row, 0), float(bar.get("x")) + float(bar.get("width")))
    costs = [record.policies[name].kpis["cost"].mean for name in record.ranking]
    zero = min(float(bar.get("x")) for bar in drawn.iter("rect"))
    first, last = (end - zero for _, end in sorted(ends.items()))
    assert len(ends) == 2
    assert last / first == pytest.approx(costs[1] / costs[0], abs=0.002)
    drawn = charts.differences(record).svg
    (dot,) = drawn.iter("circle")
    (zero,) = (line for line in drawn.iter("line") if line.get("class") == "zero")
    assert float(dot.get("cx")) > float(zero.get("x1"))  # the other one is dearer than the best rule
    assert record.ranking[1] in dot.find("title").text


def test_sample_paths_are_those_of_the_evaluation(compared):
    """The path up to what is shown is that of the whole episode, under the numbers and on the line of the results."""
    record = read_comparison(compared)
    scenario = load_scenario(record.scenario.description)
    family = rule_family(scenario, record.reference)
    numbers = list(record.rules[record.reference].numbers.values())
    seed = np.uint64(record.evaluation_seeds[typical_place(record.cost_per_seed[record.reference])])
    path = sample_path(scenario, family.rule(numbers), seed)
    start, stop = window(len(path.finished))
    net = (path.finished - path.backlog)[start:stop]
    (drawn,) = (f for f in figures(compared) if f.caption.startswith("Finished goods"))
    assert f"{record.reference}: from {net.min()} to {net.max()}" in drawn.told
    (bands,) = (f for f in figures(compared) if f.caption.startswith("What every machine"))
    busy = 100 * (path.machine[start:stop] == 0).mean()
    assert f"{record.reference}: working {busy:.0f} %" in bands.told


def figures(folder, load=None):
    return [part for s in report_page(folder, load).sections for part in s.parts if isinstance(part, Figure)]


def test_numbers_come_back_from_their_words():
    scenario = load_scenario("bearing_line")
    for name in rule_names(scenario):
        family = rule_family(scenario, name)
        for values in (family.start, [number.high for number in family.numbers]):
            assert unspelled(family, spelled(family, values)) == list(values)
    family = rule_family(scenario, "kanban+age")
    words = spelled(family, [number.high for number in family.numbers])
    assert "never" in words.values()
    assert OFF not in unspelled(family, words)
    with pytest.raises(ValueError, match=r"numbers of kanban\+age must be"):
        unspelled(family, {})
    with pytest.raises(ValueError, match=r"must be in 1\.\.\d+, got 'never'"):
        unspelled(family, dict.fromkeys(words, "never"))


def test_the_command_comes_to_the_same_numbers(compared, tmp_path):
    record = json.loads((compared / "results.json").read_text(encoding="utf-8"))
    words = [str(tmp_path / "again") if word == "DIR" else word for word in shlex.split(record["command"])]
    assert words[:2] == ["jitgym", "compare"]
    run(*words[1:])
    again = json.loads((tmp_path / "again" / "results.json").read_text(encoding="utf-8"))
    for key in ("cost_per_seed", "evaluation_seeds", "verdict", "pareto_front", "warm_up_steps", "command"):
        assert again[key] == record[key]


def test_the_contest_says_what_is_stored(stored):
    record = read_contest(stored)
    page = report_page(stored)
    best = [row for row in record.rows if row.kind == BEST and not row.shift]
    better = sum(row.percent_high < 0 for row in best)
    assert f"less than the best tuned rule on {better} of {len(best)} lines" in page.verdict
    assert page.finding == "better"
    first = next(part for section in page.sections for part in section.parts if isinstance(part, Table))
    assert [row.cells[0] for row in first.rows] == [row.task for row in best]
    assert first.rows[0].cells[4] == (
        f"{best[0].percent:+.2f} [{best[0].percent_low:+.2f}, {best[0].percent_high:+.2f}]".replace("-", "−")
    )
    assert "The budget of tuning is missing" in "".join(html(stored).words)
    (rules,) = (table for table in page_tables(page) if table.caption.startswith("All tuned rules"))
    assert [row.cells[1] for row in rules.rows] == [rule.rule for rule in record.rules]
    assert {row.cells[0] for row in rules.rows if row.mark == "best"} == set(record.hashes)


def page_tables(page):
    return [part for section in page.sections for part in section.parts if isinstance(part, Table)]


# -- what is missing --


def test_older_results_still_give_a_report_that_says_what_is_missing(results):
    changed(results, pareto_front=..., command=...)
    run("report", results)
    text = "".join(html(results).words)
    assert "The Pareto front is missing" in text
    assert "The command is missing" in text


def with_agent(folder):
    """Add an agent that does as the best rule does."""
    record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    looks = {"columns": ["steps", "cost"], "rows": [[0, 21.0], [5000, 19.5], [10000, 20.0]]}
    facts = {"algorithm": "PPO", "steps": 10000, "looks": looks, "kept_after": 5000, "settings": {"net_arch": [64, 64]}}
    best = record["reference"]
    changed(
        folder,
        agent=facts,
        policies=record["policies"] | {"agent": record["policies"][best] | {"kind": "agent"}},
        cost_per_seed=record["cost_per_seed"] | {"agent": record["cost_per_seed"][best]},
    )
    return record


def test_an_agent_is_drawn_where_it_can_be_read(results):
    with_agent(results)
    run("report", results)
    text = "".join(html(results).words)
    assert "No sample path of agent: it is not among the results." in text
    assert "net_arch 64 64" in text
    assert any("the large dot is what was kept" in figure.caption for figure in figures(results))

    record = read_comparison(results)

    def load(folder, scenario):
        assert folder == results / "agent"
        return rule_family(scenario, record.reference).rule(list(record.rules[record.reference].numbers.values()))

    drawn = [figure.told for figure in figures(results, load) if figure.caption.startswith("Finished goods")]
    assert len(drawn) == 1
    best, agent = (path.partition(": ")[2] for path in drawn[0].partition(". ")[2].split("; "))
    assert best == agent
    (row,) = (row for row in html(results).tables[0] if row[0] == "agent")
    assert row[4] == "0"  # it costs the same on every seed, which is not cheaper


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scenario__hash": "0" * 12}, "are of 000000000000"),
        ({"scenario__description__horizon": 0}, "horizon must be >= 1"),
        ({"scenario__description__demand": {"law": {"trace": "/etc/passwd"}}}, "names a file, which results do not"),
        ({"rules__kanban__numbers": {}, "rules__conwip__numbers": {}}, "numbers of conwip must be"),
    ],
)
def test_what_cannot_be_simulated_again_is_told_and_the_rest_is_there(results, change, told):
    changed(results, **change)
    run("report", results)
    page = html(results)
    assert told in "".join(page.words)
    assert not any("What every machine" in figure.caption for figure in figures(results))
    assert len(page.tables) >= 7


def test_a_rule_alone_has_nothing_to_be_compared_with(results):
    record = json.loads((results / "results.json").read_text(encoding="utf-8"))
    name = record["reference"]
    changed(results, policies={name: record["policies"][name]}, rules={name: record["rules"][name]})
    page = report_page(results)
    assert page.finding == "none"
    assert [column.head for column in page_tables(page)[0].columns] == ["policy", "cost"]


@pytest.mark.parametrize(("low", "high", "finding"), [(-2, -1, "better"), (1, 2, "worse"), (-1, 1, "same")])
def test_the_finding_is_by_the_interval(results, low, high, finding):
    record = json.loads((results / "results.json").read_text(encoding="utf-8"))
    other = next(name for name in record["policies"] if name != record["reference"])
    changed(results, **{f"policies__{other}__difference": {"mean": low, "error": 1, "low": low, "high": high}})
    assert report_page(results).finding == finding


# -- what is wrong --


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"format": 2,', "must be readable JSON"),
        ("[1]", "must hold a mapping of keys, got list"),
        ('{"format": 1}', "format must be 2, got 1"),
        ("{}", "format must be 2, got None"),
        ('{"format": 2}', "created: Field required"),
        ('{"format": 2, "created": "\\ud800"}', "must be readable JSON"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested deeper than 40"),
    ],
)
def test_files_that_are_no_results_are_one_error(tmp_path, text, told):
    (tmp_path / "results.json").write_text(text, encoding="utf-8")
    error = run("report", tmp_path, code=2).stderr
    assert error.startswith(f"error: {tmp_path / 'results.json'}: ")
    assert told in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"verdict": 3}, "verdict: Input should be a valid string, got 3"),
        ({"reference": "nobody"}, "reference must be a rule that was evaluated, got 'nobody'"),
        ({"policies__kanban__kpis__cost__mean": 1e200}, "policies.kanban.kpis.cost.mean: must be a number from -1e15"),
        ({"policies__kanban__kind": "oracle"}, "policies.kanban.kind: "),
        ({"policies__kanban__kpis": {}}, "policies must have a cost, got none of 'kanban'"),
        ({"cost_per_seed__kanban": [1.0]}, "cost_per_seed must hold a cost of 'kanban' for every evaluation seed"),
        ({"evaluation_seeds": [1, -1]}, "evaluation_seeds[1]: "),
        ({"rules__kanban__episodes": 10**30}, "rules.kanban.episodes: "),
        ({"rules__kanban__budget": {"tries": 3}}, "rules.kanban.budget: must have trials, first, "),
        ({"pareto_front": [{}]}, "pareto_front[0].rule: Field required"),
    ],
)
def test_a_value_that_cannot_be_is_one_error(results, change, told):
    changed(results, **change)
    error = run("report", results, code=2).stderr
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rows": [{}]}, "rows[0].task: Field required"),
        ({"plan__seeds": 1}, "plan.seeds: "),
        ({"rows": [ROW | {"training_seeds": "1.0 x"}]}, "rows[0]: training_seeds must be numbers, got '1.0 x'"),
        ({"rows": [ROW | {"training_seeds": "inf"}]}, "rows[0]: training_seeds must be numbers, got 'inf'"),
        ({"together__ppo__profile__low": [1.0]}, "profile must have as many shares and bounds as taus"),
        ({"together__ppo__profile__taus": "x"}, "together.ppo.profile.taus: "),
    ],
)
def test_a_contest_that_cannot_be_is_one_error(stored, tmp_path, change, told):
    shutil.copy(stored / "standings.json", tmp_path)
    changed(tmp_path, "standings.json", **change)
    error = run("report", tmp_path, code=2).stderr
    assert told in error
    assert error.count("\n") == 1


def test_rules_of_a_contest_may_be_missing_but_not_broken(stored, tmp_path):
    shutil.copy(stored / "standings.json", tmp_path)
    run("report", tmp_path)
    assert "The tuned rules are missing" in "".join(html(tmp_path).words)
    (tmp_path / "rules.csv").write_text("task,rule\na,b\n", encoding="utf-8")
    assert "rules.csv: looks_at: Field required" in run("report", tmp_path, code=2).stderr


@pytest.mark.parametrize("rows", [[], [ROW], [ROW | {"shift": "unheard"}], [ROW | {"percent": None}]])
def test_a_contest_of_few_rows_has_a_report(stored, tmp_path, rows):
    shutil.copy(stored / "standings.json", tmp_path)
    changed(tmp_path, "standings.json", rows=rows, together={}, hashes={}, faults={"four_stage": "it broke"})
    run("report", tmp_path)
    text = "".join(html(tmp_path).words)
    assert "it broke" in text
    assert ("nothing to compare" in text) == (rows == [] or rows[0]["shift"] != "")


@pytest.mark.parametrize("costs", [(-1, 5), (0, 0), (3, 1), (1, 1e9)])
def test_a_front_of_any_costs_can_be_drawn(results, costs):
    front = json.loads((results / "results.json").read_text(encoding="utf-8"))["pareto_front"][:1]
    changed(results, pareto_front=[front[0] | {"cost": cost} for cost in costs])
    run("report", results)
    assert any("no other one beats" in figure.caption for figure in figures(results))


def test_long_episodes_are_not_simulated_again(results, monkeypatch):
    monkeypatch.setattr("jitgym.pages.paths.MOST_SLOTS", 319)
    run("report", results)
    text = "".join(html(results).words)
    assert "An episode has more than 319 slots" in text
    assert "horizon: 40" in text  # the line itself is told


def test_folders_and_files_that_cannot_be_used(compared, tmp_path):
    assert "must be a folder of results, got" in run("report", tmp_path / "none", code=2).stderr
    assert "with results.json (jitgym compare) or standings.json" in run("report", tmp_path, code=2).stderr
    for out in (tmp_path / "page.txt", tmp_path / "none" / "page.html"):
        assert "out must be a file FILE.html" in run("report", compared, "--out", out, code=2).stderr
    told = run("report", compared, "--out", tmp_path / "page.html").stdout.split()
    assert [Path(path).name for path in told] == ["page.html", "page.md"]


def test_a_comparison_takes_the_place_of_results_with_a_report(results):
    assert {path.name for path in results.iterdir()} > set(REPORT)
    again = ("compare", results.parent.parent / "none.yaml", "--out", results)
    assert "scenario must be" in run(*again, code=2).stderr
    run("compare", "conwip_loop", "--quick", "--seeds", 2, "--out", results)
    assert "conwip_loop" in (results / REPORT[0]).read_text(encoding="utf-8")


# -- nothing becomes mark-up --


def hostile(folder):
    """Put hostile words wherever results hold words."""
    record = with_agent(folder)
    name = record["reference"]
    changed(
        folder,
        verdict=HOSTILE,
        created=HOSTILE,
        command=HOSTILE,
        versions={HOSTILE: HOSTILE, "jitgym": HOSTILE},
        scenario__name=HOSTILE,
        scenario__hash=HOSTILE,
        scenario__description__description=HOSTILE,
        agent={"algorithm": HOSTILE, "settings": {HOSTILE: [HOSTILE]}},
        **{
            f"rules__{name}__source": HOSTILE,
            f"rules__{name}__information": HOSTILE,
            f"rules__{name}__space": {HOSTILE: [1, 2]},
            f"rules__{name}__numbers": {HOSTILE: HOSTILE},
            f"policies__{name}__information": HOSTILE,
            f"policies__{name}__budget": HOSTILE,
        },
    )
    text = (folder / "results.json").read_text(encoding="utf-8").replace('"kanban"', json.dumps(f"kanban{HOSTILE}"))
    (folder / "results.json").write_text(text, encoding="utf-8")
    run("report", folder)


def test_nothing_in_the_files_becomes_mark_up(compared, results):
    before = {tag for tag, _ in html(compared).seen}
    hostile(results)
    page = html(results)
    assert {tag for tag, _ in page.seen} <= before | {"polyline", "circle", "title"}
    assert not [a for _, attributes in page.seen for a in attributes if a.startswith("on")]
    assert {attributes["href"][0] for _, attributes in page.of("a")} == {"#"}
    assert "".join(page.words).count("<script>alert(1)</script>") > 15
    assert "".join(page.words).count("{{ 7*7 }}") > 15
    twin = markdown(results)
    assert not twin.of("script")
    assert [attributes["src"] for _, attributes in twin.of("img")] == ["compare.png"]
    assert not twin.of("a")
    assert squeezed(page.tables) == squeezed(twin.tables)


@pytest.mark.parametrize(
    "words",
    [
        "<b>x</b> & y",
        "*a* _b_ __c__ ~d~",
        "a | b",
        "`code`",
        "[a](b) ![c](d) [e][f]",
        "a\\",
        "four_stage [1, 2]",
        "&lt;",
    ],
)
def test_plain_words_stay_as_they_are_in_markdown(words):
    for text in (plain(words), f"| a |\n| --- |\n| {plain(words).replace('|', chr(92) + '|')} |"):
        tags = Tags(MarkdownIt("commonmark").enable("table").render(text))
        assert {tag for tag, _ in tags.seen} <= {"p", "table", "thead", "tbody", "tr", "th", "td"}
        assert words in "".join(tags.words)


@pytest.mark.parametrize("words", ["# x", "- x", "+ x", "1. x", "12) x", "===", "---", "> x", "3.5 units"])
def test_words_that_begin_a_line_are_no_list_or_heading(words):
    tags = Tags(MarkdownIt("commonmark").render(line(words)))
    assert [tag for tag, _ in tags.seen] == ["p"]
    assert "".join(tags.words).strip() == words


# -- how it is built --


def pages(request):
    return [html(request.getfixturevalue(name)) for name in ("compared", "stored")]


def test_the_page_is_built_for_readers_of_any_kind(request):
    for page in pages(request):
        assert page.seen[0] == ("html", {"lang": "en"})
        ids = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
        assert len(ids) == len(set(ids))
        links = {attributes["href"] for _, attributes in page.of("a")}
        assert links <= {f"#{one}" for one in ids}
        assert {"#content", "#how-to-do-it-again"} <= links
        assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.seen}
        levels = [int(tag[1]) for tag, _ in page.of("h1", "h2", "h3", "h4")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert len(page.of("table")) == len(page.of("caption")) > 4
        assert {attributes["scope"] for _, attributes in page.of("th")} == {"col", "row"}
        for _, attributes in page.of("svg"):
            assert attributes["role"] == "img"
            assert len(attributes["aria-label"]) > 30
        for _, attributes in page.of("nav", "section", "div"):
            if attributes.get("role") in ("region", "group"):
                assert attributes["aria-label"]
                assert attributes["tabindex"] == "0"  # what scrolls can be scrolled by keys


def test_the_page_asks_nothing_of_anybody(request):
    for page in pages(request):
        policy = next(a["content"] for _, a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'; ")
        assert not page.of("script", "iframe", "object", "embed", "img")
        assert all(a["href"].startswith("data:") for _, a in page.of("link"))
        text = "".join(page.words)
        assert "url(" not in text
        assert "@import" not in text


def style(folder):
    """Return the colours of a page by name: the light ones, and the dark ones where they differ."""
    text = (folder / REPORT[0]).read_text(encoding="utf-8")
    light, _, dark = text.partition("@media screen and (prefers-color-scheme: dark)")
    dark = dark.partition("}\n}")[0]
    read = [
        dict(line.strip().removeprefix("--").rstrip(";").split(": ") for line in part.splitlines() if "--" in line[:6])
        for part in (light, dark)
    ]
    return read[0], read[0] | read[1]


def test_words_can_be_read_on_all_that_lies_below_them(compared):
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # a known near miss
    for scheme in style(compared):
        for text in ("ink", "soft", "link"):
            for below in ("page", "card", "shade"):
                assert contrast(scheme[text], scheme[below]) >= 4.5, (text, below)
        for sign in ("better", "worse", "same", "rule", "challenger"):
            assert contrast(scheme[sign], scheme["card"]) >= 3, sign


def test_colours_stay_apart_in_the_dark():
    light, dark = colours(), colours(dark=True)
    assert set(light) == set(dark)
    for group in ("term-", "state-", "kind-"):
        names = [name for name in dark if name.startswith(group)]
        assert len({dark[name] for name in names}) == len(names)
        for name in names:
            if name != "state-starved":  # a machine that waits is as empty as the page
                assert contrast(dark[name], "#1a2127") >= 2.4, name


def test_marks_of_scales_are_round_and_few():
    for low, high in ((0, 1), (-3.2, 11.7), (880, 1120), (1e-7, 3e-7), (5, 5), (0, 1e9), (1e15, 1e15 + 1)):
        marks = Scale(low, high, 0, 100).marks()
        values = [value for value, _ in marks]
        assert 1 <= len(values) <= 7
        assert all(low - 1e-9 <= value <= high + 1e-9 for value in values)
        assert len({text for _, text in marks}) == len(marks)
        assert all(float(text.replace("−", "-")) == pytest.approx(value) for value, text in marks)
    assert [text for _, text in Scale(-1, 1, 0, 1).marks(5)] == ["−1.0", "−0.5", "0.0", "0.5", "1.0"]


# -- in a browser --


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 800, 390])
@pytest.mark.parametrize("name", ["compared", "stored"])
def test_the_page_in_a_browser(browser_page, request, name, width, scheme):
    from browser import watch

    page, folder = browser_page, request.getfixturevalue(name)
    log = watch(page)
    page.set_viewport_size({"width": width, "height": 720})
    page.emulate_media(color_scheme=scheme)
    page.goto((folder / REPORT[0]).as_uri())
    assert log.requests == [(folder / REPORT[0]).as_uri()]
    assert log.errors == []
    seen = SimpleNamespace(**page.evaluate("({width: document.documentElement.scrollWidth, all: innerWidth})"))
    assert seen.width <= seen.all == width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(18, 23, 27)") == (scheme == "dark")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator("a.skip").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_text_of_drawings_lies_inside_them_and_not_over_each_other(browser_page, request):
    for name in ("compared", "stored"):
        browser_page.goto((request.getfixturevalue(name) / REPORT[0]).as_uri())
        faults = browser_page.evaluate(OVERLAPS)
        assert faults == []


OVERLAPS = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
  const all = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  const out = boxes.filter(([, b]) => b.left < all.left - 1 || b.right > all.right + 1 || b.bottom > all.bottom + 1);
  const over = boxes.flatMap(([s, a], i) => boxes.slice(i + 1).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3).map(([t]) => s + ' / ' + t));
  return [...out.map(([s]) => 'outside: ' + s), ...over];
})"""


def test_what_is_hostile_does_nothing_in_a_browser(browser_page, results):
    from browser import watch

    hostile(results)
    log = watch(browser_page)
    browser_page.on("dialog", lambda dialog: log.errors.append(dialog.message))
    browser_page.goto((results / REPORT[0]).as_uri())
    assert log.errors == []
    assert len(log.requests) == 1
    assert browser_page.locator("script, img").count() == 0


def test_paper_is_light_and_holds_the_whole_width(browser_page, compared):
    page = browser_page
    page.set_viewport_size({"width": 696, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print", color_scheme="dark")
    page.goto((compared / REPORT[0]).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 696
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 33, 39)"
    assert not page.locator("nav").is_visible()
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
