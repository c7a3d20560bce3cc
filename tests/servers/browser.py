"""A real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, expect, sync_playwright

from tests.patience import PATIENCE_S

from .missing import missing

_FLAGS = (
    "--no-sandbox",  # it may run as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_ASYNC = "DJANGO_ALLOW_ASYNC_UNSAFE"
_PATIENCE_MS = PATIENCE_S * 1000
expect.set_options(timeout=_PATIENCE_MS)  # 5 s by default


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """While it is open, Django must overlook that Playwright runs an event loop in this thread."""
    program = shutil.which("chromium")
    if program is None:
        missing("chromium is not installed: apt-get install chromium")
    os.environ[_ASYNC] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program, args=_FLAGS, timeout=_PATIENCE_MS
            )
            yield browser
            browser.close()
    finally:
        del os.environ[_ASYNC]
