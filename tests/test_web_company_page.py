"""The company's page in a real browser: it is run to its end with and without a mouse, and asks nothing of others."""

from __future__ import annotations

import itertools
import re
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from browser import contrast, watch
from enterprises import small
from tenures import lonely

from jitgym.enterprise.description import load_enterprise
from jitgym.web.case import load_case
from jitgym.web.desk import Desk
from jitgym.web.replay import STATIC
from jitgym.web.rivals import Offer
from jitgym.web.server import TeachingServer

SIZES = ((1280, 720), (1024, 768), (390, 844))
PERIODS = 30
OTHERS = {"small": small(), "lonely": lonely()}


@contextmanager
def serving(*offers):
    server = TeachingServer(Desk({}, companies=offers))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server():
    short = load_enterprise("components").model_copy(update={"horizon": PERIODS})
    others = [Offer(load_enterprise({**company, "name": name})) for name, company in OTHERS.items()]
    with serving(Offer(short), *others) as server:
        yield server


@pytest.fixture
def page(browser_page):
    browser_page.set_default_timeout(10_000)
    browser_page.log = watch(browser_page)
    return browser_page


def api():
    return pytest.importorskip("playwright.sync_api")


def reads(page, where, pattern):
    api().expect(page.locator(where).first).to_have_text(re.compile(pattern), timeout=10_000)


def gone(page, periods):
    reads(page, ".co-when", f"{periods} of {PERIODS} periods gone")


def opened(page, server, size=None):
    if size:
        page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{server.url}#/company")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_selector(".co-card")
    page.get_by_label("stop at bad luck").uncheck()
    gone(page, 0)
    return page


def to_the_end(page):
    page.get_by_role("button", name="Let all periods pass").click()
    page.wait_for_selector(".co-end:not([hidden])", timeout=60_000)  # the others go to the end too


def innocent(page, server):
    assert {urlsplit(url).netloc for url in page.log.requests} <= {urlsplit(server.url).netloc}
    # what is asked for ends with the page that asks
    assert [fault for fault in page.log.errors if not fault.endswith("net::ERR_ABORTED")] == []


def test_it_is_offered_beside_the_lessons(page, server):
    page.goto(server.url)
    page.get_by_role("link", name="Run the company").click()
    page.wait_for_selector("form")
    assert page.text_content("h1") == "Run a company for ten years"
    assert "phased" in page.text_content("main")
    page.goto(f"{server.url}#/company/components")  # where `teach --company` opens it
    page.wait_for_selector("form")
    innocent(page, server)


def test_decisions_are_done_and_stay(page, server):
    opened(page, server)
    assert "foundry fails" in page.text_content(".co-report")
    shafts = page.get_by_role("region", name="shafts", exact=True)
    shafts.get_by_label("shafts: money for people").fill("4")
    shafts.get_by_label("shafts: pilot").check()
    reads(page, ".co-cost", r"asks 8,000 of the 18,462 that are there")
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    assert "Shafts: assembly is under pull." in page.text_content(".co-news")
    assert shafts.locator(".co-stages .pull").all_text_contents() == ["assemblypull"]
    assert shafts.get_by_label("shafts: money for people").input_value() == "4"
    assert shafts.get_by_label("shafts: hold").is_checked()
    page.get_by_role("button", name="Let a quarter pass").click()
    gone(page, 4)
    page.get_by_role("button", name="Let a year pass").click()
    gone(page, 17)
    assert page.locator("svg.timeline .pulled").count() > 4
    innocent(page, server)


def test_what_cannot_be_paid_is_told_before_it_is_cut(page, server):
    opened(page, server)
    for line in ("shafts", "housings", "covers"):
        for what in ("changeover", "quality", "maintenance"):
            page.get_by_label(f"{line}: money for {what}").fill("4")
    reads(page, ".co-cost.short", "every investment gets 77 % of what it asks")
    page.get_by_label("second foundry: share of the orders").fill("1")
    reads(page, ".co-cost.short", "80,000 for pull or qualification cannot be paid")
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    news = page.text_content(".co-news")
    assert "No money was left to qualify the second foundry: it takes 180,000 at once." in news
    assert "The budget reached for 77\N{NO-BREAK SPACE}% of what was to be invested." in news
    innocent(page, server)


def test_the_keyboard_is_enough(page, server):
    page.goto(f"{server.url}#/company")
    page.wait_for_selector("form")
    page.get_by_label("Your name").focus()
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    page.wait_for_selector(".co-card")
    page.keyboard.press("ArrowRight")
    gone(page, 1)
    page.keyboard.press("q")
    page.wait_for_selector("text=/[234] of 30 periods gone/")
    slider = page.get_by_label("covers: safety cards of each product")
    slider.focus()
    page.keyboard.press("Home")
    assert slider.input_value() == "0"
    order = page.get_by_label("covers: hold")
    order.focus()
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("covers: pilot").is_checked()  # a key in a control is the control's
    page.locator("summary", has_text="All news").focus()
    page.keyboard.press("Shift+E")
    page.wait_for_selector(".co-end:not([hidden])", timeout=60_000)  # the others go to the end too
    page.goto(f"{server.url}#/board")
    reads(page, "h1", "How the teams stand")
    assert "Ann" in page.text_content("table")
    innocent(page, server)


def test_the_end_says_who_won_and_the_truth(page, server):
    opened(page, server)
    page.get_by_label("shafts: pilot").check()
    page.get_by_label("shafts: safety cards of each product").fill("1")
    page.get_by_role("button", name="Let a year pass").click()
    gone(page, 13)
    page.get_by_label("shafts: safety cards of each product").fill("9")
    assert page.locator(".co-end").is_hidden()
    to_the_end(page)
    text = page.text_content(".co-end")
    assert re.search(r"Who won.* of economic profit a year", text)
    assert "you put 32 cards of each product back at shafts" in text
    assert page.locator(".co-end table").first.locator("thead th").all_text_contents()[1:] == [
        "you", "never", "technique", "phased",
    ]  # fmt: skip
    assert page.locator(".co-bar button").first.is_hidden()
    page.get_by_label("Decide again from").select_option("13")
    page.get_by_role("button", name="Go back").click()
    gone(page, 13)
    assert page.locator(".co-end").is_hidden()
    assert page.get_by_label("shafts: safety cards of each product").input_value() == "9"
    assert "your last try" in page.text_content(".legend.who")
    innocent(page, server)


def test_a_company_outlives_the_board_back_and_a_reload(page, server):
    opened(page, server)
    page.get_by_role("button", name="Let a quarter pass").click()
    gone(page, 3)
    page.get_by_label("spares: money for quality").fill("2")
    page.get_by_role("link", name="Board").click()
    reads(page, "h1", "How the teams stand")
    page.go_back()
    gone(page, 3)
    page.reload()
    gone(page, 3)
    assert page.get_by_label("spares: money for quality").input_value() == "2"
    innocent(page, server)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_nothing_is_wider_than_the_screen(page, server, size, scheme):
    page.emulate_media(color_scheme=scheme)
    opened(page, server, size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    to_the_end(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    clipped = page.evaluate(
        "[...document.querySelectorAll('.co-card *, .co-tiles *')].filter(e => e.scrollWidth > e.clientWidth + 1"
        " && getComputedStyle(e).display !== 'inline' && !e.closest('.unseen') && !e.matches('.unseen, svg, svg *'))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert clipped == []
    innocent(page, server)


def test_the_page_can_be_heard(page, server):
    opened(page, server)
    to_the_end(page)
    levels = page.evaluate("[...document.querySelectorAll('main h1, main h2, main h3')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    nameless = page.evaluate(
        "[...document.querySelectorAll('main button, main input, main select, main a, main progress')]"
        ".filter(e => !(e.ariaLabel || e.labels?.length || (e.tagName !== 'SELECT' && e.textContent.trim())))"
        ".map(e => e.outerHTML)"
    )
    assert nameless == []
    names = page.evaluate("[...document.querySelectorAll('input[type=range]')].map(e => e.ariaLabel)")
    assert len(set(names)) == len(names) == 4 * 5 + 3
    pictures = page.locator("svg[role=img]")
    for k in range(pictures.count()):
        assert pictures.nth(k).get_attribute("aria-label")
    assert "Economic profit so far: you" in pictures.evaluate_all("all => all.map(e => e.ariaLabel).join()")


def test_the_tasks_of_the_case(page, server):
    case = load_case()
    for place, part in enumerate(case.parts):
        page.goto(f"{server.url}#/case/{place}")
        reads(page, ".steps .here", f"^{place + 1}. {part.title}$")
        before = part.taken_over.periods if part.taken_over else 0
        reads(page, ".co-when", f"{before} of {part.periods} periods gone")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        if part.taken_over and part.taken_over.yours:
            assert page.get_by_label("shafts: safety cards of each product").is_enabled()
            assert page.get_by_label("shafts: money for people").is_disabled()
            assert page.get_by_label("shafts: hold").is_disabled()
    page.get_by_label("stop at bad luck").uncheck()
    page.get_by_role("link", name="1. As we always did").click()
    reads(page, ".co-when", "^Year 1, period 1 · 0 of 26")
    page.get_by_role("button", name="Let all periods pass").click()
    page.wait_for_selector(".co-end:not([hidden])", timeout=60_000)  # the others go to the end too
    reads(page, ".co-when", "The end, after 2 years")
    innocent(page, server)


@pytest.mark.parametrize("company", OTHERS)
def test_other_companies_are_run_to_their_end(page, server, company):
    page.goto(f"{server.url}#/company")
    page.locator("form select").select_option(company)
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_selector(".co-card")
    assert page.locator(".co-card").count() == len(OTHERS[company]["lines"]) + len(OTHERS[company]["suppliers"])
    to_the_end(page)
    assert "Who won" in page.text_content(".co-end")
    innocent(page, server)


def test_names_are_text(page, server):
    page.goto(f"{server.url}#/company")
    page.get_by_label("Your name").fill("<b>Ben</b>")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    page.goto(f"{server.url}#/board")
    reads(page, "h1", "How the teams stand")
    assert "<b>Ben</b>" in page.text_content("table")


def test_buttons_of_time_keep_the_focus(page, server):
    opened(page, server)
    button = page.get_by_role("button", name="Let one period pass")
    button.focus()
    for period in (1, 2, 3):
        page.keyboard.press("Enter")
        gone(page, period)
        api().expect(button).to_be_focused()
    page.get_by_label("shafts: hold").focus()
    page.get_by_role("button", name="Let a quarter pass").evaluate("button => button.click()")
    gone(page, 6)
    api().expect(page.get_by_label("shafts: hold")).to_be_focused()


def test_what_is_set_while_the_server_works_is_kept(page, server):
    opened(page, server)
    held = []
    commands = re.compile(r"/api/company/[^/?]+\?")
    page.route(commands, lambda route: route.continue_() if held else held.append(route))  # hold the first
    page.get_by_role("button", name="Let one period pass").click()
    slider = page.get_by_label("covers: money for people")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.get_by_label("covers: pilot").check()
    with page.expect_response(lambda answer: "decide" in (answer.request.post_data or "")):
        held[0].continue_()
        gone(page, 1)
    assert slider.input_value() == "3"
    page.reload()
    gone(page, 1)
    assert page.get_by_label("covers: money for people").input_value() == "3"
    assert page.get_by_label("covers: pilot").is_checked()
    assert page.get_by_label("shafts: hold").is_checked()


def test_a_decision_is_kept_however_soon_the_page_is_left(page, server):
    opened(page, server)
    page.get_by_label("spares: money for quality").fill("2")
    page.reload()
    gone(page, 0)
    assert page.get_by_label("spares: money for quality").input_value() == "2"


def test_the_end_is_shown_where_it_opens(page, server):
    opened(page, server, (1280, 720))
    page.locator("summary", has_text="All news").focus()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.keyboard.press("Shift+E")
    heading = page.get_by_role("heading", name="How it ended")
    api().expect(heading).to_be_focused()
    api().expect(heading).to_be_in_viewport()
    bar = page.locator(".co-bar").bounding_box()
    assert heading.bounding_box()["y"] >= bar["y"] + bar["height"] - 1
    page.reload()
    page.wait_for_selector(".co-end:not([hidden])", timeout=60_000)  # the others go to the end too
    api().expect(heading).not_to_be_focused()


def test_whoever_has_played_is_asked_before_it_is_begun_again(page, server):
    opened(page, server)
    page.locator("summary", has_text="All news").focus()
    page.keyboard.press("Shift+L")
    reads(page, ".status", "try 2")  # nothing was lost, nothing is asked
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    dialog = page.get_by_role("dialog", name="You have played 1 period.")
    for no in ("Escape", "Enter"):
        page.keyboard.press("Shift+L")
        dialog.wait_for()
        page.keyboard.press("ArrowRight")  # nor does time pass meanwhile
        page.keyboard.press(no)
        dialog.wait_for(state="detached")
    page.get_by_role("button", name="Begin again, same luck").click()
    dialog.get_by_role("button", name="No, stay").click()
    gone(page, 1)
    page.get_by_role("button", name="Begin again, other luck").click()
    dialog.get_by_role("button", name="Begin again").click()
    gone(page, 0)
    reads(page, ".status", "try 3")
    innocent(page, server)


COLOURS = (
    "[...document.styleSheets].flatMap(sheet => [...sheet.cssRules]).filter(rule => rule.selectorText === ':root')"
    ".flatMap(rule => [...rule.style].filter(name => name.startsWith('--')))"
    ".map(name => [name, getComputedStyle(document.documentElement).getPropertyValue(name)])"
)


def test_paper_is_light(page, server):
    opened(page, server)
    found = {}
    for scheme, media in (("light", "screen"), ("dark", "screen"), ("light", "print"), ("dark", "print")):
        page.emulate_media(color_scheme=scheme, media=media)
        found[scheme, media] = dict(page.evaluate(COLOURS))
    assert len(found["dark", "print"]) > 18
    assert found["dark", "print"] == found["light", "print"]
    assert page.locator(".company > .bar").is_hidden()
    assert found["dark", "screen"]["--soft"] != found["light", "screen"]["--soft"] == found["dark", "print"]["--soft"]


def test_the_report_is_printed_open_and_all_is_dark_on_white(page, server):
    opened(page, server)
    page.get_by_label("shafts: pilot").check()
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    report = page.locator(".co-report").first
    page.emulate_media(media="print", color_scheme="dark")
    # printers leave backgrounds out: what is written must be dark
    style = "[...document.querySelectorAll('.company *')].filter(e => e.textContent.trim() && e.checkVisibility())"
    colours = page.evaluate(f"[...new Set({style}.map(e => getComputedStyle(e).color))]")
    hexes = ["#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3]) for colour in colours]
    assert len(hexes) > 3
    assert min(contrast(colour, "#ffffff") for colour in hexes) >= 4.5
    assert report.get_attribute("open") is None
    page.evaluate("addEventListener('beforeprint', () => (window.printed = document.querySelector('.co-report').open))")
    page.pdf()
    assert page.evaluate("window.printed") is True
    assert report.get_attribute("open") is None


@pytest.mark.parametrize("width", [390, 800, 1000, 1280, 1499, 1500, 1700])
def test_charts_can_be_read(page, server, width):
    sizes = (
        "[...document.querySelectorAll('svg.chart text, svg.timeline text')].map(text =>"
        " parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getBoundingClientRect().width"
        " / text.ownerSVGElement.viewBox.baseVal.width)"
    )
    columns = (
        "Math.max(...[...document.querySelectorAll('.co-charts')]"
        ".map(charts => getComputedStyle(charts).gridTemplateColumns.split(' ').length))"
    )
    page.set_viewport_size({"width": width, "height": 800})
    for where in ("company", "case/1"):
        page.goto(f"{server.url}#/{where}")
        if where == "company":
            page.get_by_role("button", name="Begin", exact=True).click()
        page.wait_for_selector(".co-card")
        to_the_end(page)
        assert min(page.evaluate(sizes)) >= 10
        assert width >= 1500 or page.evaluate(columns) <= 2


def test_the_form_is_as_high_as_what_it_asks(page):
    page.set_viewport_size({"width": 1280, "height": 720})
    with serving(Offer(load_enterprise("components"))) as alone:  # less to ask than to tell beside it
        page.goto(f"{alone.url}#/company")
        page.wait_for_selector("form")
        heights = page.evaluate("[...document.querySelectorAll('form input, form button')].map(e => e.offsetHeight)")
    assert max(heights) <= 36


def test_words_and_formulas_can_be_looked_up(page, server):
    opened(page, server)
    words = page.locator(".co-words")
    assert words.get_attribute("open") is None
    words.locator("summary").click()
    terms = [text.lower() for text in words.locator("dt").all_text_contents()]
    for term in (
        *(
            "push and pull",
            "pilot",
            "next",
            "hold",
            "back",
            "safety cards",
            "safety stock under push",
            "discipline",
            "visibility",
        ),
        *(
            "kaizen",
            "capability",
            "audit",
            "adi",
            "cv²",
            "takt",
            "oee",
            "fill rate",
            "working capital",
            "economic profit",
        ),
        *("cash conversion", "release held two years on"),
    ):
        assert term in terms
    assert all(words.locator("dd").all_text_contents())
    to_the_end(page)
    told = set(words.locator("dd").all_text_contents())
    formulas = page.locator(".co-figures th[title], .co-results th[title]").evaluate_all("all => all.map(e => e.title)")
    assert len(set(formulas)) > 15
    assert {formula for formula in formulas if not formula.startswith("until economic profit")} <= told
    assets = page.locator(".co-results tr", has_text="return on assets")
    assert re.match(r"return on assets a year−?[\d.]+ %", assets.text_content())


def test_a_part_that_there_is_not_is_told_on_the_start_page(page, server):
    opened(page, server)
    for where, told in (("case/99", "part must be in 0..3, got 99"), ("lesson/01_batch/99", "part must be in")):
        page.goto(f"{server.url}#/{where}")
        reads(page, "h1", "^Ten lessons on a line$")
        assert told in page.text_content("#fault:not([hidden])")


def test_an_answer_of_somebody_else_is_told_and_nothing_stays_locked(page, server):
    opened(page, server)
    page.route("**/api/company/*", lambda route: route.fulfill(status=502, body="<html>Bad gateway</html>"))
    page.get_by_role("button", name="Let one period pass").click()
    reads(page, "#fault", "not an answer of this server .502")
    page.unroute("**/api/company/*")
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    assert page.locator("#fault").is_hidden()


def test_a_table_is_saved_when_there_is_a_period(page, server):
    opened(page, server)
    save = page.get_by_role("link", name="Save as table")
    api().expect(save).to_be_disabled()
    assert save.get_attribute("href") is None
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    api().expect(save).to_be_enabled()
    with page.expect_download() as download:
        save.click()
    assert len(download.value.path().read_text("utf-8").splitlines()) == 2


def test_one_goes_back_to_any_period(page, server):
    opened(page, server)
    page.get_by_role("button", name="Let a year pass").click()
    gone(page, 13)
    options = page.get_by_label("Decide again from").locator("option")
    assert options.evaluate_all("all => all.map(e => Number(e.value))") == list(range(12, -1, -1))
    page.get_by_label("Decide again from").select_option("7")
    page.get_by_role("button", name="Go back").click()
    gone(page, 7)


def test_cards_are_put_back_only_where_they_had_been_taken_out(page, server):
    page.goto(server.url)
    cards = [8, 9, 9, 3, 3, 6, 10, 10, 2, 4]
    stage = [0, 1, 1, 1, 1, 1, 1, 0, 0, 1]
    rises = (
        "async ([cards, stage, from]) => (await import('/company_charts.js'))"
        ".rises(cards.map((n, k) => ({ cards: [n], stage: [stage[k]] })), 0, 8, from)"
    )
    found = page.evaluate(rises, [cards, stage, 0])
    assert found == [{"n": 5, "back": 3, "added": 0}, {"n": 6, "back": 3, "added": 1}]
    assert page.evaluate(rises, [[8, 10, 10], [1, 1, 1], 0]) == [{"n": 1, "back": 0, "added": 2}]
    assert [one["n"] for one in page.evaluate(rises, [cards, stage, 6])] == [6]  # before it somebody else decided
    opened(page, server)
    page.get_by_label("shafts: pilot").check()
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    for period, value in enumerate((10, 2, 6), 2):
        page.get_by_label("shafts: safety cards of each product").fill(str(value))
        page.get_by_role("button", name="Let one period pass").click()
        gone(page, period)
    titles = page.locator("svg.timeline :is(.put-back, .cards-added) title").all_text_contents()
    assert [title for title in titles if title.startswith(("year 1, period 2", "year 1, period 4"))][:2] == [
        "year 1, period 2: 8 added", "year 1, period 4: 16 cards of each product put back",
    ]  # fmt: skip


def test_cards_of_a_predecessor_are_not_marked_as_the_students(page, server):
    page.goto(server.url)
    marks = (
        "async (takenOver) => { const { Timeline } = await import('/company_charts.js');"
        "const rows = [2, 5, 2, 4].map((cards) => ({ cards: [cards], stage: [1] }));"
        "const firm = { lines: ['x'], stages: ['a'], per_year: 2, taken_over: takenOver,"
        " levers: [{ kind: 'cards', unit: 4 }] };"
        "const drawn = new Timeline(firm);"
        "drawn.show(['you', 'earlier', 'phased'].map((look) => ({ name: look, look, rows })), 4, [6]);"
        "return [...drawn.element.querySelectorAll('.put-back')].map((mark) => mark.textContent); }"
    )
    first, later = (
        "year 1, period 2: 12 cards of each product put back",
        "year 2, period 2: 8 cards of each product put back",
    )
    assert page.evaluate(marks, 0) == [first, later] * 3
    assert page.evaluate(marks, 2) == [later, later, first, later]  # the rule beside them did decide


def test_everybody_can_be_told_apart_in_the_light_and_in_the_dark():
    schemes = []
    for name in ("page.css", "company.css"):
        style = (STATIC / name).read_text("utf-8")
        blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
        schemes.append([dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in blocks[:2]])
    (light, dark), (own_light, own_dark) = schemes
    for scheme in (light | own_light, light | own_light | dark | own_dark):
        for text in ("never", "phased", "good", "other"):
            for paper in ("paper", "soft"):
                assert contrast(scheme[text], scheme[paper]) >= 4.5, (text, paper)
        steps = [contrast(scheme[f"s{n}"], scheme["paper"]) for n in range(1, 5)]
        assert steps == sorted(steps)
        assert all(after / before > 1.3 for before, after in itertools.pairwise(steps))
