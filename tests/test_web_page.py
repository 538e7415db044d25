"""The teaching page and its replays in a real browser: they play, step, compare, and ask nothing of others."""

from __future__ import annotations

import itertools
import json
import re
import threading
from urllib.parse import urlsplit

import pytest
from browser import contrast, watch
from commands import run

from jitgym.scenario import load_scenario
from jitgym.web.desk import Desk
from jitgym.web.lessons import lesson_files, load_lesson
from jitgym.web.replay import STATIC
from jitgym.web.server import TeachingServer

SIZES = ((1280, 720), (800, 1100), (390, 844))


@pytest.fixture(scope="module")
def server():
    """Serve the page, with a small and a branched line for free play."""
    lines = {name: load_scenario(name) for name in ("four_stage", "aerospace", "teach_changeover")}
    server = TeachingServer(Desk(lines))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser_page):
    """Return a page whose waits end soon, and that notes what it did."""
    browser_page.set_default_timeout(10_000)
    browser_page.log = watch(browser_page)
    return browser_page


def opened(page, server, where):
    page.goto(f"{server.url}{where}")
    page.wait_for_selector("h1, .run")
    return page


def status(page):
    """Return the slot that the page shows."""
    return int(re.search(r"slot (\d+) of", page.text_content(".status"))[1])


def reads(page, where, pattern):
    """Wait until an element's text begins as it should; a policy against eval rules out the usual waits."""
    api = pytest.importorskip("playwright.sync_api")
    api.expect(page.locator(where).first).to_have_text(re.compile(f"^{pattern}"), timeout=10_000)


def until(page, slot):
    reads(page, ".status", f"slot {slot} ")


def innocent(page, server):
    """Hold that nothing went wrong, and nothing was asked of others."""
    hosts = {urlsplit(url).netloc for url in page.log.requests}
    assert hosts <= {urlsplit(server.url).netloc}
    # a stream ends with the page that reads it
    assert [fault for fault in page.log.errors if not fault.endswith("/events: net::ERR_ABORTED")] == []


def test_the_lessons_are_offered(page, server):
    opened(page, server, "#/")
    assert page.locator(".cards a").count() == 10
    page.locator(".cards a").first.click()
    page.wait_for_selector("svg.line")
    assert page.text_content("h1") == load_lesson("01_batch").title
    innocent(page, server)


@pytest.mark.parametrize("name", sorted(lesson_files()))
def test_every_part_of_every_lesson_runs_to_its_end(page, server, name):
    lesson = load_lesson(name)
    for place, part in enumerate(lesson.parts):
        opened(page, server, f"#/lesson/{name}/{place}")
        page.wait_for_selector(f"text={part.questions[0].ask[:20]}")
        until(page, 0)
        page.get_by_role("button", name="To the end").click()
        until(page, part.slots)
        assert page.locator("section.strip").count() == 2
        assert page.locator(".kpis tbody tr").count() == 12
        assert page.get_by_role("button", name="Play").is_disabled()
    innocent(page, server)


def test_it_plays_pauses_steps_and_begins_again(page, server):
    opened(page, server, "#/lesson/03_push/0")
    until(page, 0)
    play = page.locator("button.main")
    play.click()
    reads(page, "button.main", "Pause")
    reads(page, ".status", r"slot \d{2,} ")
    play.click()
    reads(page, "button.main", "Play")
    stopped = status(page)
    page.wait_for_timeout(300)
    assert status(page) == stopped
    page.get_by_role("button", name="One slot").click()
    until(page, stopped + 1)
    page.get_by_role("button", name="To the next decision").click()
    until(page, (stopped + 1) // 8 * 8 + 8)
    page.get_by_role("button", name="Again, under the same luck").click()
    until(page, 0)
    innocent(page, server)


def test_the_keyboard_is_enough(page, server):
    """From the list of lessons to the end of a run, without a mouse."""
    opened(page, server, "#/")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.cards a[href*=\"04_\"]')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("svg.line")
    until(page, 0)
    page.keyboard.press("ArrowRight")
    until(page, 1)
    page.keyboard.press("d")
    until(page, 8)
    page.keyboard.press(" ")
    reads(page, "button.main", "Pause")
    page.keyboard.press("Shift+E")
    until(page, 1200)
    page.keyboard.press("Shift+R")
    until(page, 0)
    knob = page.locator(".panel.k0 input[type=range]").first
    knob.focus()
    page.keyboard.press("End")
    reads(page, ".panel.k0 output", "20$")
    assert status(page) == 0  # a key in a slider is the slider's
    innocent(page, server)


def test_knobs_set_while_it_runs_change_the_line(page, server):
    opened(page, server, "#/lesson/04_cards/1")
    until(page, 0)
    for place in range(4):
        page.locator(".panel.k0 input[type=range]").nth(place).fill("1")
    assert page.locator(".panel.k1 select").count() == 0
    assert page.locator(".panel.k1 input").first.is_disabled()
    page.get_by_role("button", name="To the end").click()
    until(page, 1200)
    row = page.locator(".kpis tbody tr", has_text="work in process").locator("td")
    mine, tuned = (float(row.nth(k).text_content()) for k in range(2))
    assert mine < 4 < tuned
    innocent(page, server)


def test_free_play_against_a_rule_under_the_same_luck(page, server):
    opened(page, server, "#/free")
    page.select_option("#line", "four_stage")
    page.locator("form input").first.fill("Anna & <b>Ben</b>")
    page.click("text=Begin")
    page.wait_for_selector("svg.line")
    assert page.locator(".strip h2").first.text_content() == "Anna & <b>Ben</b>"
    for k, rule in enumerate(("conwip", "conwip")):
        page.locator(".panel select").nth(k).select_option(rule)
    page.get_by_role("button", name="To the end").click()
    until(page, 2000)
    cells = page.locator(".kpis tbody tr").first.locator("td")
    assert cells.nth(0).text_content() == cells.nth(1).text_content()
    assert cells.nth(2).text_content() == "0"
    page.locator(".panel select").nth(1).select_option("kanban")
    page.get_by_role("button", name="Again, under the same luck").click()
    until(page, 0)
    page.get_by_role("button", name="To the end").click()
    until(page, 2000)
    assert cells.nth(2).text_content() != "0"
    opened(page, server, "#/board")
    page.wait_for_selector("table")
    assert "Anna & <b>Ben</b>" in page.text_content("table")
    innocent(page, server)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("where", ["#/", "#/free", "#/lesson/08_suppliers/1", "#/lesson/09_levelling/0"])
def test_nothing_is_wider_than_the_screen(page, server, where, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, server, where)
    if "lesson" in where:
        until(page, 0)
        page.get_by_role("button", name="To the next decision").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    innocent(page, server)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("line", ["four_stage", "aerospace"])
def test_a_run_with_long_names_is_not_wider_than_the_screen(page, server, size, line):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, server, "#/free")
    page.select_option("#line", line)
    for place in range(2):
        page.locator("form input").nth(place).fill("M" * 40)
    page.click("text=Begin")
    until(page, 0)
    page.get_by_role("button", name="One slot").click()
    until(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    opened(page, server, "#/board")
    page.wait_for_selector("table")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_a_run_outlives_the_board_back_and_a_reload(page, server):
    opened(page, server, "#/free")
    page.click("text=Begin")
    until(page, 0)
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator(".panel.k0 input[type=range]").first.fill("9")
    for _ in range(3):
        page.get_by_role("button", name="To the next decision").click()
    until(page, 24)
    page.click("text=Board")
    page.wait_for_selector("table")
    page.go_back()
    until(page, 24)
    page.reload()
    until(page, 24)
    reads(page, ".panel.k0 output", "9$")
    assert len(page.locator("svg.chart").first.inner_html()) > 100


def test_a_late_answer_is_not_shown(page, server):
    """The lesson that was asked for last is the one on the page, whichever answer comes last."""

    def late(route):
        page.wait_for_timeout(600)
        route.continue_()

    page.route("**/api/lesson/01_batch", late)
    opened(page, server, "#/")
    page.evaluate("location.hash = '#/lesson/01_batch/0'")
    page.evaluate("location.hash = '#/lesson/06_defects/0'")
    page.wait_for_timeout(1200)
    assert page.text_content("h1") == load_lesson("06_defects").title


def test_a_slider_that_is_set_by_keys_stays_where_it_was_set(page, server):
    opened(page, server, "#/lesson/04_cards/1")
    until(page, 0)
    page.locator("button.main").click()
    knob = page.locator(".panel.k0 input[type=range]").first
    knob.focus()
    before = int(knob.input_value())
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(60)
    page.wait_for_timeout(400)
    assert int(knob.input_value()) == before + 5


def test_the_arrows_of_little_are_wip_and_the_time_of_the_unit_that_left_last(page, server):
    """Read off the drawing, and held against the history: also where a unit takes longer than the chart shows."""
    opened(page, server, "#/lesson/02_variability/1")
    until(page, 0)
    page.get_by_role("button", name="To the end").click()
    until(page, 600)
    session = server.desk.session(page.url.rpartition("/")[2])
    for k, team in enumerate(session.teams):
        rows = team.history[-80:]
        curves = len(team.flow.path) + 2
        left = rows[-1][curves - 1]
        entered = next(n for n, row in enumerate(rows) if row[0] >= left)
        gone = next(n for n, row in enumerate(rows) if row[curves - 1] >= left)
        width = page.locator("figure svg.chart:has(.law)").nth(k).locator(".law").nth(1).get_attribute("d")
        begin, end = (float(x) for x in re.match(r"M ([\d.]+) [\d.]+ H ([\d.]+)", width).groups())
        slots = (end - begin) / (294 / 79)  # the chart is 294 wide and shows 80 slots
        assert slots == pytest.approx(gone - entered, abs=0.1)


def test_the_picture_can_be_heard(page, server):
    """Headings are in order, controls have names, pictures say what they show, and so does a table."""
    opened(page, server, "#/lesson/06_defects/0")
    until(page, 0)
    page.get_by_role("button", name="To the next decision").click()
    until(page, 10)
    levels = page.evaluate("[...document.querySelectorAll('main h1, main h2, main h3')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    nameless = page.evaluate(
        "[...document.querySelectorAll('main button, main input, main select, main a')]"
        ".filter(e => !(e.ariaLabel || e.labels?.length || (e.tagName !== 'SELECT' && e.textContent.trim()))).length"
    )
    assert nameless == 0
    sliders = page.evaluate("[...document.querySelectorAll('input[type=range]')].map(e => e.ariaLabel)")
    assert len(set(sliders)) == len(sliders) > 0
    pictures = page.locator("svg[role=img]")
    for k in range(pictures.count()):
        assert pictures.nth(k).get_attribute("aria-label")
    assert "press: " in page.locator("svg.line").first.get_attribute("aria-label")
    page.click("text=The lines as tables")
    reads(page, "details table", "Now and then after slot 10")
    assert "customers" in page.locator("details table").first.text_content()
    assert "press" in page.text_content("[aria-live=polite]")


def test_what_nobody_sees_is_shown_when_asked(page, server):
    opened(page, server, "#/lesson/06_defects/0")
    until(page, 0)
    page.locator("label", has_text="show what nobody sees").locator("input").check()
    seen = 0
    for decision in range(1, 31):
        page.get_by_role("button", name="To the next decision").click()
        until(page, 10 * decision)
        seen += page.locator("svg .shifted, svg .bad").count()
    assert seen > 0
    innocent(page, server)


def test_littles_law_is_shown_as_it_holds(page, server):
    opened(page, server, "#/lesson/02_variability/1")
    until(page, 0)
    page.get_by_role("button", name="To the end").click()
    until(page, 600)
    for text in page.locator(".law-line").all_text_contents():
        rate, time, product, wip = map(float, re.findall(r"\d+(?:\.\d+)?", text))
        assert product == pytest.approx(rate * time, rel=0.02)
        assert wip == pytest.approx(product, rel=0.15)


def test_the_score_sheet_is_what_is_printed(page, server):
    opened(page, server, "#/lesson/05_breakdown/1")
    until(page, 0)
    page.get_by_role("button", name="To the end").click()
    until(page, 800)
    page.evaluate("() => { window.print = () => window.dispatchEvent(new Event('beforeprint')); }")
    page.emulate_media(media="print")
    assert page.is_visible("main")  # without a sheet it is the page that is printed
    page.emulate_media(media="screen")
    page.click("text=Print score sheet")
    page.emulate_media(media="print")
    assert page.is_visible("#sheet")
    assert not page.is_visible("main")
    sheet = page.text_content("#sheet")
    assert "Score sheet: One breakdown without buffers" in sheet
    assert load_lesson("05_breakdown").parts[1].questions[0].ask in sheet
    innocent(page, server)


def test_a_saved_replay_is_the_run(page, server, tmp_path):
    opened(page, server, "#/lesson/07_changeover/0")
    until(page, 0)
    for slots in (10, 20, 30):
        page.get_by_role("button", name="To the next decision").click()
        until(page, slots)
    cost = page.locator(".kpis tbody tr").first.locator("td").first.text_content()
    with page.expect_download() as download:
        page.click("text=Save replay")
    saved = tmp_path / "replay.html"
    download.value.save_as(saved)
    data = json.loads(re.search(r'id="recording">(.*?)</script>', saved.read_text("utf-8"), re.DOTALL)[1])
    assert [len(team["frames"]) for team in data["teams"]] == [30, 30]
    assert f"{data['teams'][0]['kpis']['cost']:.3g}" == f"{float(cost):.3g}"


def test_a_replay_needs_nothing_but_itself(page, tmp_path):
    path = tmp_path / "replay.html"
    run("replay", "bearing_line", "--rule", "kanban+age", "--rule", "conwip", "--slots", 120, "--out", path)
    page.goto(path.as_uri())
    page.wait_for_selector("svg.line")
    assert page.log.requests == [path.as_uri()]
    page.locator("input[type=range]").fill("100")
    assert page.text_content(".told").startswith("Slot 100 of 120.")
    page.click("text=1 ▸")
    assert page.text_content(".told").startswith("Slot 101 of 120.")
    page.click("text=Play")
    reads(page, ".told", "Slot 120 of 120")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.log.errors == []


def test_a_replay_does_not_run_what_stands_in_a_scenario(page, line, tmp_path):
    line["description"] = "</script><script>document.title = 'taken'</script><img src=x onerror=alert(1)>"
    path, out = tmp_path / "line.yaml", tmp_path / "replay.html"
    path.write_text(json.dumps(line))
    run("replay", path, "--slots", 20, "--out", out)
    page.goto(out.as_uri())
    page.wait_for_selector("svg.line")
    assert page.title() == "busy: default"
    assert page.log.errors == []


def test_when_the_server_does_not_answer_the_page_says_so(page, server):
    opened(page, server, "#/")
    page.context.set_offline(True)
    page.evaluate("location.hash = '#/board'")
    page.wait_for_selector("#fault:not([hidden])")
    assert "jitgym teach" in page.text_content("#fault")


def test_text_can_be_read_in_the_light_and_in_the_dark():
    style = (STATIC / "page.css").read_text("utf-8")
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    light, dark, _ = schemes
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for scheme in (light, light | dark):
        for text in ("ink", "faint", "accent", "one", "two", "alarm"):
            for paper in ("paper", "soft"):
                assert contrast(scheme[text], scheme[paper]) >= 4.5, (text, paper)
        assert contrast(scheme["on-accent"], scheme["accent"]) >= 4.5
