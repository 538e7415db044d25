"""Draws docs/teach.png: a lesson of the teaching page in a browser. Needs playwright and Chromium.

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


def main() -> None:
    """Play a lesson half way and take a picture of the page."""
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
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
