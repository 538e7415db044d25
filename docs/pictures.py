"""Draws docs/teach.png and docs/company.png: the teaching page in a browser. Needs playwright and Chromium.

Usage: ``python docs/pictures.py``; ``JITGYM_CHROMIUM`` names a browser other than the ``chromium`` of the path.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from jitgym.web.desk import Desk
from jitgym.web.server import TeachingServer

FOLDER = Path(__file__).parent
LESSON = "03_push"
SLOTS = 600
TASK = 2
"""The part of the lesson on a company that is drawn, a year after the buffer was put back."""


def main() -> None:
    """Play a lesson half way and take a picture of the page; run a company for a year, and take another."""
    server = TeachingServer(Desk({}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = os.environ.get("JITGYM_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{server.url}#/lesson/{LESSON}/0")
        page.wait_for_selector("svg.line")
        for step in range(1, SLOTS // 8 + 1):
            page.keyboard.press("d")
            expect(page.locator(".status")).to_contain_text(f"slot {8 * step} of")
        page.screenshot(path=FOLDER / "teach.png")
        page.set_viewport_size({"width": 1360, "height": 850})
        page.goto(f"{server.url}#/case/{TASK}")
        for line in ("shafts", "housings", "covers"):
            page.get_by_label(f"{line}: safety cards of each product").fill("15")
        page.get_by_label("stop at bad luck").uncheck()
        page.get_by_role("button", name="Let a year pass").click()
        expect(page.locator(".co-when")).to_contain_text("65 of 104")
        page.locator(".co-lines").evaluate("cards => window.scrollTo(0, cards.offsetTop - 96)")
        page.screenshot(path=FOLDER / "company.png")
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
