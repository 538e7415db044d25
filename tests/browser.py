"""A browser as tests of pages use it: headless Chromium that asks nothing of anybody, and what a page did."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass
class Log:
    """What a page asked for, and what it complained of."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def watch(page: Any) -> Log:
    """Note all addresses that a page asks for from now on, and all errors: of scripts, on the console, of requests."""
    log = Log()
    page.on("request", lambda request: log.requests.append(request.url))
    page.on("requestfailed", lambda request: log.errors.append(f"{request.url}: {request.failure}"))
    page.on("pageerror", lambda error: log.errors.append(str(error)))
    page.on("console", lambda told: log.errors.append(told.text) if told.type in ("error", "warning") else None)
    return log


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser; skip the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install 'jitgym[dev]')")
    path = os.environ.get("JITGYM_CHROMIUM") or shutil.which("chromium")
    if path is None:
        stop = pytest.fail if os.environ.get("JITGYM_NEEDS_BROWSER") else pytest.skip
        stop("needs Chromium: none is installed, and JITGYM_CHROMIUM does not name one")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours such as ``#1d242b``, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
