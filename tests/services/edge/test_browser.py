"""The edge in a real browser: the page that waits, and what pages of other origins cannot do."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

from playwright.sync_api import Browser, Page

from tests.patience import PATIENCE_S
from tests.servers.browser import chromium
from tests.servers.ports import free_port

from .standins import INSTANCE, OTHER, Later
from .test_program import publish, published
from .world import QUICK, run, world

PATIENCE_MS = PATIENCE_S * 1000
SLOW = dataclasses.replace(QUICK, page_wait_s=0.5)


async def _in_a_browser(look: Callable[[Browser], None]) -> None:
    """Playwright runs in a thread, because the servers are in this one."""

    def work() -> None:
        with chromium() as browser:
            look(browser)

    await asyncio.to_thread(work)


def _in(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Do this where the servers run, and wait for it."""
    asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_S)


def _watched(browser: Browser, faults: list[str], **options) -> Page:
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on(
        "console",
        lambda message: faults.append(message.text) if "Content Security" in message.text else None,
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    return page


def test_the_waiting_page_turns_into_the_viewer_by_itself(tmp_path):
    async def test():
        later, port, loop = Later(tmp_path), free_port(), asyncio.get_running_loop()
        base = f"http://{INSTANCE}.localhost:{port}"
        async with world(public_url=f"http://*.localhost:{port}", port=port, limits=SLOW) as w:
            w.hub.state, w.hub.address = "ASLEEP", later.instance.address

            def look(browser: Browser) -> None:
                faults: list[str] = []
                for scheme in ("light", "dark"):
                    page = _watched(browser, faults, color_scheme=scheme)
                    page.goto(f"{base}/.xcube-hub/enter?ticket=ticket-of-the-owner&next=/viewer/")
                    page.get_by_role("heading", name="The service is starting").wait_for()
                    card = page.locator("main").bounding_box()
                    middle = card["x"] + card["width"] / 2
                    assert abs(middle - page.viewport_size["width"] / 2) < 2
                    _in(loop, later.start())
                    page.get_by_text("GET /viewer/").wait_for()
                    assert page.evaluate("document.cookie") == ""  # no script reads ours
                    _in(loop, later.stop())
                assert not faults

            await _in_a_browser(look)

    run(test())


def test_a_program_that_came_at_once_gives_way_to_the_waiting_page_only_if_it_takes_long(tmp_path):
    async def test():
        later, port, loop = Later(tmp_path), free_port(), asyncio.get_running_loop()
        publish(tmp_path / "viewer.json", published())
        enter = f"http://{INSTANCE}.localhost:{port}/.xcube-hub/enter?ticket=ticket-of-the-owner"
        async with world(
            public_url=f"http://*.localhost:{port}",
            port=port,
            limits=dataclasses.replace(SLOW, state_s=12),  # so long the program is shown
            viewer_files=tmp_path / "viewer.json",
        ) as w:
            w.hub.has_published_viewer = True
            w.hub.state, w.hub.address = "STARTING", later.instance.address

            async def come() -> None:
                await later.start()
                w.hub.state = "READY"

            def look(browser: Browser) -> None:
                faults: list[str] = []
                page = _watched(browser, faults)
                page.goto(f"{enter}&next=/viewer/", wait_until="commit")
                page.get_by_text("program").wait_for()
                page.get_by_role("heading", name="The service is starting").wait_for()
                _in(loop, come())
                page.get_by_text("GET /viewer/").wait_for()
                w.hub.state = "STARTING"
                w.edge.decisions.forget(instances={INSTANCE})
                with page.expect_response("**/.xcube-hub/state") as told:
                    page.goto(f"{enter}&next=/viewer/", wait_until="commit")
                    page.get_by_text("program").wait_for()
                assert told.value.json()["is_ready"]
                assert page.evaluate("document.body.textContent") == "program"
                assert not faults

            await _in_a_browser(look)
            await later.stop()

    run(test())


ATTEMPTS = {
    "read": """async (base) => {
        try { return (await fetch(base + '/x', {credentials: 'include'})).status }
        catch (error) { return 'blocked' } }""",
    "write": """async (base) => {
        await fetch(base + '/upload', {
            method: 'POST', mode: 'no-cors', credentials: 'include', body: 'x'});
        return 'sent' }""",
    "socket": """(base) => new Promise((done) => {
        const socket = new WebSocket(base.replace('http', 'ws') + '/socket');
        socket.onopen = () => done('open');
        socket.onerror = () => done('refused') })""",
    "image": """(base) => new Promise((done) => {
        const image = new Image();
        image.onload = image.onerror = () => done('asked');
        image.src = base + '/y' })""",
    "frame": """(base) => new Promise((done) => {
        const frame = document.createElement('iframe');
        frame.onload = () => done('asked');
        frame.src = base + '/viewer/';
        document.body.append(frame) })""",
}
"""What a page can try to do at another address with the cookies of its browser."""


def test_a_page_of_another_instance_cannot_use_the_cookie():
    """Both are the same site for a browser, so SameSite does not help."""

    async def test():
        port = free_port()
        own, other = (f"http://{name}.localhost:{port}" for name in (INSTANCE, OTHER))
        async with world(public_url=f"http://*.localhost:{port}", port=port) as w:
            w.hub.foreign.clear()

            def try_all_from(page: Page, place: str) -> tuple[dict[str, object], set[str]]:
                page.goto(f"{place}/page")
                w.instance.requests.clear()
                seen = {name: page.evaluate(code, own) for name, code in ATTEMPTS.items()}
                # The browser asks for the icon of a page late, also of the one before.
                came = [it for it in w.instance.requests if it.path != "/favicon.ico"]
                assert {request.host for request in came} <= {own.partition("://")[2]}
                return seen, {request.path for request in came}

            def look(browser: Browser) -> None:
                page = _watched(browser, [])
                for place in (own, other):
                    page.goto(f"{place}/.xcube-hub/enter?ticket=ticket-of-the-owner&next=/page")
                    page.get_by_text("GET /page").wait_for()
                seen, reached = try_all_from(page, own)
                assert (seen["read"], seen["socket"]) == (200, "open")
                assert reached == {"/x", "/y", "/upload", "/socket", "/viewer/"}
                seen, reached = try_all_from(page, other)
                assert (seen["read"], seen["write"], seen["socket"]) == (
                    "blocked",
                    "sent",
                    "refused",
                )
                assert reached == set()

            await _in_a_browser(look)

    run(test())
