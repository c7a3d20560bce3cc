"""A person at a real browser, signed in at the hub."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Response

from tests.patience import PATIENCE_S

from .people import Person

SHOWS_TILES = """() => [...document.querySelectorAll('.ol-viewport canvas')].some((canvas) => {
    if (!canvas.width || !canvas.height) return false;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const colors = new Set();
    for (let at = 0; at < pixels.length; at += 64) {
        if (pixels[at + 3]) colors.add(pixels[at] << 16 | pixels[at + 1] << 8 | pixels[at + 2]);
    }
    return colors.size > 10;
})"""
"""Whether the map is painted in many colors, as a variable is."""


class Desk:
    """The browser of a person: a context of its own, and what it asked for and complained of."""

    def __init__(self, browser: Browser, owner: Person) -> None:
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1280, "height": 800}, service_workers="block"
        )
        self.context.set_default_timeout(PATIENCE_S * 1000)
        self.context.add_cookies(
            [{"name": "sessionid", "value": owner.session, "url": owner.hub.url}]
        )
        self.owner = owner
        self.faults: list[str] = []
        self.hosts: set[str] = set()
        self.answers: list[Response] = []
        self.context.on("request", lambda request: self._asked(request.url))
        self.context.on("response", lambda answer: self.answers.append(answer))
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.context.on(
            "console",
            lambda message: self.faults.append(message.text) if message.type == "error" else None,
        )

    def _asked(self, url: str) -> None:
        if url.startswith(("http:", "https:", "ws:", "wss:")):
            self.hosts.add(urlsplit(url).netloc)

    def open_viewer(self) -> Page:
        """From the list of cubes, by one click, until the map shows the cube."""
        page = self.context.new_page()
        page.goto(f"{self.owner.hub.url}/cubes/")
        page.get_by_role("button", name="Open in viewer").click()
        page.wait_for_url("**/viewer/?dataset=*")
        page.get_by_role("button", name="Accept and continue").click()
        page.wait_for_function(SHOWS_TILES, polling=250)
        return page

    def statuses(self, part: str) -> list[int]:
        """Of the answers below `/<part>/` of the viewer's server."""
        return [it.status for it in self.answers if urlsplit(it.url).path.startswith(f"/{part}/")]
