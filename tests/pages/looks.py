"""How a page looks in a browser: nothing cut, no policy broken, readable for everybody.

A page is loaded once, then shown in each width and colour scheme. `faults` has one sentence for
each thing that is wrong. With `SCREENSHOTS=FOLDER` each look is written there as a picture
(`make screenshots`). `LOOKS_LANGUAGE=de` looks at all of them in German.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page

from tests.patience import PATIENCE_S

WIDTHS = (360, 768, 1440, 2000)
SCHEMES = ("light", "dark")
HEIGHT = 900
SEVERE = frozenset({"serious", "critical"})
_FOLDER = os.environ.get("SCREENSHOTS", "")
LANGUAGE = os.environ.get("LOOKS_LANGUAGE", "en")
LOCALES = {"en": "en-GB", "de": "de-DE"}

_WATCH_POLICY = """
window.brokenPolicies = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.brokenPolicies.push(`${event.violatedDirective} ${event.blockedURI}`));
"""

_CUT = """
() => {
  const found = [];
  const say = (element, what) => found.push(`${what}: <${element.tagName.toLowerCase()}` +
    ` class="${element.className}"> ${element.textContent.trim().slice(0, 40)}`);
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    found.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest("select, option, textarea, noscript, script, style")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width < 2 || box.right <= 0 || box.bottom <= 0) continue;
    let scrolls = false;
    for (let above = element; above && above !== document.body; above = above.parentElement) {
      const style = getComputedStyle(above);
      if (style.clip !== "auto" || style.clipPath !== "none") { scrolls = true; break; }
      const limits = above.getBoundingClientRect();
      const isOut = box.right > limits.right + 1.5 || box.left < limits.left - 1.5;
      if (style.overflowX === "visible" || style.display === "inline") continue;
      if (style.overflowX === "auto" || style.overflowX === "scroll") {
        // Code may be scrolled, by keyboard too; the numbers of a list may not be hidden.
        if (isOut && element.closest("td, th")) say(element, "a cell is out of sight");
        if (isOut && !above.closest("[tabindex]")) say(element, "only a pointer scrolls to it");
        scrolls = true;
        break;
      }
      if (isOut) {
        if (style.textOverflow !== "ellipsis" || !above.title) say(element, "cut");
        scrolls = true;
        break;
      }
    }
    if (!scrolls && box.right > width + 1.5) say(element, "beyond the right edge");
  }
  return [...new Set(found)].slice(0, 8);
}
"""


_IS_COMPLETE = """
() => !document.getElementById("swagger-ui") || document.querySelector("#swagger-ui .opblock")
"""
_END_TRANSITIONS = """
async () => {
  await new Promise(requestAnimationFrame);
  document.getAnimations().forEach((one) => one.finish());
}
"""
_HAS_AXE = "() => typeof axe !== 'undefined'"
_UNREADABLE = """
async ([options, severe]) => (await axe.run(document, options)).violations
  .filter((it) => severe.includes(it.impact))
  .map(({ id, nodes }) => [id, nodes.length, nodes.slice(0, 3)
    .map((it) => `${it.target} ${JSON.stringify((it.failureSummary ?? "").slice(-160))}`)])
"""
_NEVER_SEVERE = ("region", "heading-order")
"""They take long, and what they find is moderate."""
NOT_OURS = frozenset({"nested-interactive"})
"""Swagger UI puts a button to copy the path into the button that opens an operation."""


class Looks:
    """Opens pages as one user and collects what is wrong with them."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self._browser, self._base_url = browser, base_url
        self.faults: list[str] = []
        self.language = LANGUAGE

    def sign_in(self, session: str | None, *, has_scripts: bool = True) -> BrowserContext:
        """A browser with this session of the hub, or without any."""
        context = self._browser.new_context(
            base_url=self._base_url,
            timezone_id="Europe/Berlin",
            locale=LOCALES[self.language],
            java_script_enabled=has_scripts,
        )
        context.set_default_timeout(PATIENCE_S * 1000)
        context.add_init_script(_WATCH_POLICY)
        if session is not None:
            context.add_cookies(
                [{"name": "sessionid", "value": session, "url": self._base_url, "httpOnly": True}]
            )
        return context

    def see(
        self, session: str | None, pages: Iterable[tuple[str, str]], *, status: int = 200
    ) -> None:
        """Look at each of these (name, path), answered with `status`."""
        context = self.sign_in(session)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        for name, path in pages:
            said.clear()
            answer = page.goto(path, wait_until="load")
            if answer is None or answer.status != status:
                self.faults.append(f"{name}: answered {answer and answer.status}")
                continue
            page.wait_for_function(_IS_COMPLETE)
            self.look(page, name)
            self.faults += [f"{name}: {text}" for text in said if _is_fault(text, status)]
        context.close()

    def see_words(self, session: str | None, pages: Iterable[tuple[str, str]]) -> None:
        """Look only whether the words of these pages fit: on a phone, and on a wide screen."""
        context = self.sign_in(session)
        page = context.new_page()
        for name, path in pages:
            page.goto(path, wait_until="load")
            if (shown := page.evaluate("document.documentElement.lang")) != self.language:
                self.faults.append(f"{name}: is in {shown!r}")
            for width in (WIDTHS[0], WIDTHS[-1]):
                page.set_viewport_size({"width": width, "height": HEIGHT})
                self.faults += [f"{name} at {width} px: {it}" for it in page.evaluate(_CUT)]
        context.close()

    def assert_fine(self) -> None:
        assert not self.faults, "\n".join([f"{len(self.faults)} faults", *self.faults])

    def look(self, page: Page, name: str) -> None:
        """Look at the page that is open, in all widths and colours."""
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            is_first = scheme == SCHEMES[0]
            for width in WIDTHS if is_first or _FOLDER else ():
                page.set_viewport_size({"width": width, "height": HEIGHT})
                if is_first:  # colours move nothing
                    self.faults += [f"{name} at {width} px: {it}" for it in page.evaluate(_CUT)]
                if _FOLDER:
                    suffix = "" if self.language == "en" else f"-{self.language}"
                    path = Path(_FOLDER) / f"{name}-{width}-{scheme}{suffix}.png"
                    page.screenshot(path=path, full_page=True)
        self.faults += [f"{name}: forbidden: {it}" for it in page.evaluate("brokenPolicies")]
        for scheme in reversed(SCHEMES):
            page.emulate_media(color_scheme=scheme)
            page.evaluate(_END_TRANSITIONS)
            for fault in _unreadable(page, is_whole=scheme == SCHEMES[0]):
                self.faults.append(f"{name}, {scheme}: {fault}")


def _is_fault(text: str, status: int) -> bool:
    """A browser writes an error for each page that is answered with one: that is no fault."""
    if text.startswith("error: Failed to load resource") and f"status of {status}" in text:
        return False
    return text.startswith(("error", "warning"))


def _unreadable(page: Page, *, is_whole: bool) -> Iterator[str]:
    """What axe finds; in the second colour scheme only what depends on colours.

    To say where takes it most of its time: that is asked once something is found.
    """
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if is_whole:
        options["rules"] = {name: {"enabled": False} for name in _NEVER_SEVERE}
    else:
        options["runOnly"] = {"type": "rule", "values": ["color-contrast"]}
    if not page.evaluate(_HAS_AXE):
        page.evaluate(AXE_SCRIPT)
    if not page.evaluate(_UNREADABLE, [{**options, "selectors": False}, [*SEVERE]]):
        return
    for name, count, nodes in page.evaluate(_UNREADABLE, [options, [*SEVERE]]):
        if name in NOT_OURS and page.locator("#swagger-ui").count():
            continue
        yield f"{name} ({count}): {'; '.join(nodes)}"
