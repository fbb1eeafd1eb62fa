"""Pages opened in a real browser: headless Chromium, as Debian and others package it, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESKTOP, WIDE = 390, 1200, 1920  # pixels


@dataclass
class Opened:
    """A page that is open, and what went wrong or out so far.

    Attributes:
        page: playwright's.
        complaints: what the console and uncaught exceptions said.
        requests: the addresses that were asked for, the page's own aside.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def drawn(self) -> None:
        """Waits until all charts are drawn, in the colours of the moment."""
        dark = self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        self.page.wait_for_selector(f"html[data-drawn={'dark' if dark else 'light'}]", state="attached")

    def overflow(self) -> int:
        """Pixels that the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; the test is skipped where there is none."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has no user namespaces to build one from
        started = playwright.chromium.launch(executable_path=executable, args=as_root)
        yield started
        started.close()


@contextmanager
def opened(browser: Browser, file: Path, *, width: int = DESKTOP, dark: bool = False) -> Iterator[Opened]:
    """A file as its reader sees it, from a file URL."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
    page.set_default_timeout(60_000)
    found = Opened(page)
    page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.complaints.append(f"uncaught: {error}"))
    address = file.resolve().as_uri()
    page.on("request", lambda request: request.url == address or found.requests.append(request.url))
    page.goto(address)
    try:
        if page.locator(".plot").count():
            found.drawn()
        yield found
    finally:
        page.close()
