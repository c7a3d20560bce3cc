"""A finished cube in the viewer, by real processes: hub, worker, runner with xcube, and edge."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.benchmarks.hub import Hub
from tests.jobs.factories import cubegen_request
from tests.patience import wait_for

from .people import Person, person
from .plain_browser import Answer, Browser

pytestmark = pytest.mark.processes

OWNER, GUEST = "host@example.org", "visitor@example.org"
TILE = re.compile(rb"\x89PNG\r\n")


@pytest.fixture(scope="module")
def hub(whole_hub: Hub) -> Hub:
    return whole_hub


@pytest.fixture(scope="module")
def owner(hub: Hub) -> Iterator[Person]:
    owner = person(hub, OWNER)
    yield owner
    for service in owner.call("GET", "/xcube"):  # they would outlive the hub
        owner.call("DELETE", f"/xcube/{service['id']}")
        folder = hub.folder / "services" / service["id"]
        wait_for(lambda folder=folder: not folder.exists(), "end of the viewer")


@pytest.fixture(scope="module")
def guest(hub: Hub) -> Person:
    return person(hub, GUEST)


@pytest.fixture(scope="module")
def job_id(hub: Hub, owner: Person) -> str:
    return owner.generate(cubegen_request("shown.zarr"))


class Viewer:
    """A viewer of the cube, as its owner opened it."""

    def __init__(self, owner: Person, job_id: str) -> None:
        made = owner.call("POST", f"/cubegens/{job_id}/viewer", status=201)
        self.owner = owner
        self.page = made["open_url"]
        self.base = made["server_url"]
        self.id = urlsplit(self.base).hostname.partition(".")[0]

    @property
    def state(self) -> str:
        return self.owner.call("GET", f"/xcube/{self.id}")["state"]

    def opened(self, browser: Browser) -> Answer:
        """Its page, when it has taken the place of the waiting page (503), and it is ready.

        The page may come before: the edge sends it while the viewer starts.
        """
        answer = unless_busy(lambda: browser.open(self.page))
        wait_for(lambda: self.state == "READY" or answer.status != 200, "ready service")
        return answer

    def datasets(self, browser: Browser, **headers: str) -> Answer:
        return unless_busy(lambda: browser.fetch(f"{self.base}/datasets", **headers))

    def tile(self, browser: Browser) -> Answer:
        dataset = self.datasets(browser).json()["datasets"][0]["id"]
        tile = f"{self.base}/tiles/{dataset}/sst/0/0/0?time=2020-01-02"
        return unless_busy(lambda: browser.fetch(tile))


def unless_busy(ask: Callable[[], Answer]) -> Answer:
    """The first answer but 503: a busy web decides later than the edge waits, a viewer starts."""
    found = wait_for(lambda: (it := ask()).status != 503 and it, "answer", pause_s=0.2)
    assert isinstance(found, Answer)
    return found


@pytest.fixture
def viewer(owner: Person, job_id: str) -> Viewer:
    """The viewer, opened in the owner's browser."""
    viewer = Viewer(owner, job_id)
    assert viewer.opened(owner.browser).status == 200
    return viewer


def until_refused(viewer: Viewer, browser: Browser) -> Answer:
    """The first answer that refuses.

    A request that is under way when the service or the right ends gets 502 or 403.
    """

    def refused() -> Answer | None:
        answer = viewer.datasets(browser)
        return answer if 400 <= answer.status < 500 else None

    found = wait_for(refused, "refusal", pause_s=0.2)
    assert found is not None
    return found


def test_its_owner_sees_it_by_one_click(owner, job_id):
    viewer = Viewer(owner, job_id)
    answer = owner.browser.open(viewer.page)
    assert answer.status in (200, 503)
    assert answer.url == viewer.page
    assert "ticket=" not in answer.url
    hub_page, entered, last = answer.redirects
    assert f"/services/{viewer.id}/open?next=" in hub_page
    assert "/.xcube-hub/enter?ticket=" in entered
    assert last == viewer.page
    assert viewer.opened(owner.browser).status == 200
    tile = wait_for(lambda: (it := viewer.tile(owner.browser)).status == 200 and it, "tile")
    assert TILE.match(tile.body)
    configuration = owner.browser.fetch(f"{viewer.base}/viewer/config/config.json").json()
    assert configuration["server"]["url"] == viewer.base
    used = wait_for(
        lambda: owner.call("GET", f"/xcube/{viewer.id}")["last_used"], "use in a report"
    )
    assert used["by"] in ("a page", "a request", "a tile request")


def test_a_ticket_that_was_used_opens_nothing(owner, viewer):
    browser = Browser({k: dict(v) for k, v in owner.browser.cookies.items() if "." not in k})
    entered = next(url for url in browser.open(viewer.page).redirects if "ticket=" in url)
    assert Browser().open(entered).status == 403


def test_another_user_cannot(owner, guest, viewer):
    page = unless_busy(lambda: guest.browser.open(viewer.page))
    assert page.status == 404
    assert "There is no such service for you" in page.text
    assert viewer.datasets(guest.browser).status == 401
    by_token = {"Authorization": f"Bearer {guest.api.token}"}
    assert viewer.datasets(Browser(), **by_token).status == 404
    page = unless_busy(lambda: Browser().open(viewer.page))
    assert page.url.startswith(f"{guest.hub.url}/login/")
    by_token = {"Authorization": f"Bearer {owner.api.token}"}
    assert viewer.datasets(Browser(), **by_token).status == 200


def test_a_share_lets_a_person_in_until_it_is_withdrawn(owner, guest, viewer):
    share = owner.call("POST", f"/xcube/{viewer.id}/shares", {"user": GUEST}, status=201)
    assert unless_busy(lambda: guest.browser.open(viewer.page)).status == 200
    assert viewer.datasets(guest.browser).status == 200
    owner.call("DELETE", f"/xcube/{viewer.id}/shares/{share['id']}")
    assert until_refused(viewer, guest.browser).status in (401, 403)
    assert viewer.datasets(owner.browser).status == 200


def test_a_link_lets_anyone_in_until_it_is_withdrawn(owner, viewer):
    share = owner.call(
        "POST", f"/xcube/{viewer.id}/shares", {"link": True, "public": True}, status=201
    )
    browser = Browser()
    assert unless_busy(lambda: browser.open(share["direct_url"])).status == 200
    assert viewer.datasets(browser).status == 200
    with contextlib.closing(browser.begin_upload(f"{viewer.base}/datasets")) as upload:
        owner.call("DELETE", f"/xcube/{viewer.id}/shares/{share['id']}")
        _ends(upload)
    assert until_refused(viewer, browser).status in (401, 403)


def test_it_sleeps_and_a_request_wakes_it(owner, viewer):
    wait_for(lambda: viewer.state == "READY", "ready service")
    owner.call("POST", f"/xcube/{viewer.id}/sleep")
    wait_for(lambda: viewer.state == "ASLEEP", "sleep")
    assert wait_for(lambda: viewer.datasets(owner.browser).status == 200, "answer")
    wait_for(
        lambda: viewer.datasets(owner.browser).status == 200 and viewer.state == "READY",
        "ready service",
        pause_s=0.3,
    )
    told = owner.call("GET", f"/xcube/{viewer.id}/events")
    assert json.dumps(told).count("Woken by a request") == 1


def test_a_restart_of_web_leaves_open_sessions_alone(hub, owner, viewer):
    assert viewer.datasets(owner.browser).status == 200
    for pid in hub.web_workers():
        os.kill(pid, signal.SIGKILL)
    assert viewer.datasets(owner.browser).status == 200
    wait_for(lambda: hub.web_workers(), "web")
    wait_for(lambda: owner.api.another().call("GET", "/xcube")[0] == 200, "answer of web")
    assert viewer.datasets(owner.browser).status == 200


def test_a_stopped_one_says_so(owner, viewer):
    owner.call("DELETE", f"/xcube/{viewer.id}")
    assert until_refused(viewer, owner.browser).status in (401, 403, 404, 410)
    page = unless_busy(lambda: owner.browser.open(viewer.page))
    assert page.status in (404, 410)
    assert "service" in page.text.lower()


def test_the_end_of_the_owners_account_ends_what_is_open(owner, viewer):
    """A request that is open ends, and no further one is let through."""
    with contextlib.closing(owner.browser.begin_upload(f"{viewer.base}/datasets")) as upload:
        owner.switch(on=False)
        try:
            _ends(upload)
            assert until_refused(viewer, owner.browser).status in (401, 403, 404, 410)
        finally:
            owner.switch(on=True)


def _ends(connection: Any) -> None:
    """Wait until the edge ends this open request."""
    answer = b""
    while data := connection.recv(65536):
        answer += data
    assert not answer.startswith(b"HTTP/1.1 200"), answer[:200]
