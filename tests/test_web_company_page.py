"""The company's page in a real browser: it is run to its end with and without a mouse, and asks nothing of others."""

from __future__ import annotations

import itertools
import re
import threading
from urllib.parse import urlsplit

import pytest
from browser import contrast, watch
from enterprises import small
from test_web_company import lonely

from jitgym.enterprise.description import load_enterprise
from jitgym.web.case import load_case
from jitgym.web.desk import Desk
from jitgym.web.replay import STATIC
from jitgym.web.rivals import Offer
from jitgym.web.server import TeachingServer

SIZES = ((1280, 720), (1024, 768), (390, 844))
PERIODS = 30
OTHERS = {"small": small(), "lonely": lonely()}


@pytest.fixture(scope="module")
def server():
    short = load_enterprise("components").model_copy(update={"horizon": PERIODS})
    others = [Offer(load_enterprise({**company, "name": name})) for name, company in OTHERS.items()]
    server = TeachingServer(Desk({}, companies=[Offer(short), *others]))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser_page):
    browser_page.set_default_timeout(10_000)
    browser_page.log = watch(browser_page)
    return browser_page


def reads(page, where, pattern):
    api = pytest.importorskip("playwright.sync_api")
    api.expect(page.locator(where).first).to_have_text(re.compile(pattern), timeout=10_000)


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
    page.wait_for_selector(".co-end:not([hidden])")


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
    reads(page, ".co-cost", r"asks 11,000 of the 34,615 that are there")
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
    reads(page, ".co-cost.short", "every investment gets 64 % of what it asks")
    page.get_by_label("second foundry: share of the orders").fill("1")
    reads(page, ".co-cost.short", "80,000 for pull or qualification cannot be paid")
    page.get_by_role("button", name="Let one period pass").click()
    gone(page, 1)
    news = page.text_content(".co-news")
    assert "No money was left to qualify the second foundry: it takes 180,000 at once." in news
    assert "The budget reached for 64\N{NO-BREAK SPACE}% of what was to be invested." in news
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
    page.wait_for_selector(".co-end:not([hidden])")
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
    page.wait_for_selector(".co-end:not([hidden])")
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
