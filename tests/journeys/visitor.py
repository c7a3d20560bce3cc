"""A person at a browser: what they click is counted, and what the browser complains of kept."""

from __future__ import annotations

from re import Pattern

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Response

from tests.benchmarks.hub import Hub
from tests.patience import PATIENCE_S

PASSWORD = "correct horse"


class Visitor:
    def __init__(self, browser: Browser, hub: Hub, name: str) -> None:
        self.hub, self.name, self.email = hub, name, f"{name}@example.org"
        self.context = browser.new_context(
            base_url=hub.url, viewport={"width": 1280, "height": 900}, service_workers="block"
        )
        self.context.set_default_timeout(PATIENCE_S * 1000)
        self.faults: list[str] = []
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.context.on("console", self._heard)
        self.context.on("response", self._answered)
        self.clicks = 0
        self.page: Page = self.context.new_page()

    def sign_in(self) -> None:
        """By the hub's page, the provider's page, and back."""
        self.page.goto("/login/")
        self.page.get_by_role("link", name="Continue with EDC").click()
        self.page.locator("#username").fill(self.name)
        self.page.locator("#password").fill(PASSWORD)
        self.page.locator("#kc-login").click()
        self.page.wait_for_url(f"{self.hub.url}/**")

    def click(self, *, role: str, name: str | Pattern[str]) -> None:
        """Click the first thing of this role and name, and count it."""
        self.click_on(self.page.get_by_role(role, name=name).first)  # type: ignore[arg-type]

    def click_on(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def follow(self, *, role: str = "link", name: str | Pattern[str]) -> None:
        """Click what leads to another page, and wait for that page.

        A click alone returns before the hub has answered: what a form asks for is done only when
        its next page is there.
        """
        with self.page.expect_navigation():
            self.click(role=role, name=name)

    def start_counting(self, path: str) -> None:
        """Open a page from which clicks are counted."""
        self.page.goto(path)
        self.clicks = 0

    def _heard(self, message: ConsoleMessage) -> None:
        # Of what was not loaded it names no address: see _answered.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def _answered(self, answer: Response) -> None:
        # 503 with Retry-After is the page of a viewer that starts.
        if answer.status >= 400 and not (answer.status == 503 and "retry-after" in answer.headers):
            self.faults.append(f"{answer.status} {answer.request.method} {answer.url}")
