"""The demo's cube in the viewer: opened by the API, then tried as a browser does."""

from __future__ import annotations

import http.client
import time
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from demo_hub import DemoFailed, Hub

ANSWERS_WITHIN_S = 60
STOPS_WITHIN_S = 15
LINK_VALID = timedelta(days=1)
PNG = b"\x89PNG\r\n\x1a\n"
PARTS = ("edge", "runner", "worker", "observer")
STARTS = frozenset({502, 503, 504})
"""What the edge answers while a viewer starts. One that runs already answers 404 for a new cube
until it serves its new configuration."""


def open_viewer(hub: Hub, token: str, data_id: str) -> str:
    """Open the newest cube of this name in the viewer, and return a link that shows it.

    The link needs no sign-in. It is tried before it is returned: the page of the viewer and a tile
    of the map come through the edge. Raises DemoFailed.
    """
    job_id = _job_of(hub, token, data_id)
    opened = _called(hub, token, f"/cubegens/{job_id}/viewer", None, "The cube was not opened")
    parts = urlsplit(opened["open_url"])
    base = opened["server_url"]
    shared = _called(
        hub,
        token,
        f"/xcube/{opened['id']}/shares",
        {"link": True, "public": True, "expires_at": (datetime.now(UTC) + LINK_VALID).isoformat()},
        "No link to the viewer was made",
    )
    onward = f"{parts.path.removeprefix(urlsplit(base).path)}?{parts.query}"
    link = f"{shared['direct_url'].partition('&next=')[0]}&next={quote(onward, safe='')}"
    visitor = Visitor(parts.netloc)
    visitor.until_answered(link, "The edge let nobody in by the link")
    visitor.until_answered(opened["open_url"], "The viewer did not answer through the edge")
    shown = parse_qs(parts.query)
    tile = f"{base}/tiles/{quote(shown['dataset'][0])}/{quote(shown['variable'][0])}/0/0/0"
    image = visitor.until_answered(
        tile, "The viewer gave no tile of its map", meanwhile=STARTS | {404}
    )
    if not image.startswith(PNG):
        raise DemoFailed("What the viewer gave as a tile of its map is no image.", *PARTS)
    return link


def stop_viewers(hub: Hub) -> None:
    """Stop the demo's viewers, which would outlive the hub, and wait until they have ended.

    Raises DemoFailed. Does nothing if the hub does not run or has no accounts yet.
    """
    if not hub.is_running or (accounts := hub.known_accounts()) is None:
        return
    try:
        status, answer = hub.token(accounts)
        token = answer["access_token"] if status == 200 else ""
        status, viewers = hub.call("GET", f"{hub.api}/xcube", token=token)
        if status != 200:
            raise DemoFailed(f"The hub did not list the viewers: {_reason(status, viewers)}", "web")
        for viewer in viewers:
            hub.call("DELETE", f"{hub.api}/xcube/{viewer['id']}", token=token)
    except (OSError, http.client.HTTPException) as error:
        raise DemoFailed(f"The hub did not stop the viewers: {error}", "web") from error
    deadline = time.monotonic() + STOPS_WITHIN_S
    while left := [it["id"] for it in viewers if (hub.folder / "services" / it["id"]).exists()]:
        if time.monotonic() > deadline:
            raise DemoFailed(f"These viewers did not stop: {', '.join(left)}", "worker", "runner")
        time.sleep(0.1)


def _job_of(hub: Hub, token: str, data_id: str) -> str:
    status, jobs = hub.call("GET", f"{hub.api}/cubegens", token=token)
    if status != 200:
        raise DemoFailed(f"The hub did not list the jobs: {_reason(status, jobs)}", "web")
    found = [job["job_id"] for job in jobs if job["data_id"] == data_id]
    if not found:
        raise DemoFailed(f"The hub lists no job that wrote {data_id}.", "web")
    return found[0]


def _called(hub: Hub, token: str, path: str, body: Any, failure: str) -> Any:
    status, answer = hub.call("POST", f"{hub.api}{path}", body, token)
    if status != 201:
        raise DemoFailed(f"{failure}: {_reason(status, answer)}", "web")
    return answer


def _reason(status: int, answer: Any) -> str:
    return str(answer.get("message", status) if isinstance(answer, dict) else status)


class Visitor:
    """Keeps the cookie of the edge, as a browser does.

    It connects to this machine itself, because only browsers find each name below `localhost`.
    """

    def __init__(self, netloc: str) -> None:
        self._netloc = netloc
        self._port = urlsplit(f"//{netloc}").port or 80
        self._cookies: dict[str, str] = {}

    def until_answered(
        self, url: str, failure: str, *, meanwhile: frozenset[int] = STARTS
    ) -> bytes:
        """The body of the first success or redirect. Asks again while the status is in `meanwhile`.

        Raises DemoFailed if no success comes in time.
        """
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            try:
                status, body = self._get(url)
            except (OSError, http.client.HTTPException) as error:
                status, body, told = 503, b"", str(error) or type(error).__name__
            else:
                told = f"status {status}"
            if status < 400:
                return body
            if status not in meanwhile or time.monotonic() > deadline:
                raise DemoFailed(f"{failure} (port {self._port}): {told}.", *PARTS)
            time.sleep(0.2)

    def _get(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        headers = {"Host": self._netloc, "Sec-Fetch-Site": "same-origin"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self._cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            for line in response.headers.get_all("Set-Cookie", []):
                self._keep(line)
            return response.status, response.read()
        finally:
            connection.close()

    def _keep(self, line: str) -> None:
        try:
            self._cookies.update({name: it.value for name, it in SimpleCookie(line).items()})
        except CookieError as error:
            raise DemoFailed(
                f"The edge gave a cookie that cannot be read: {error}", "edge"
            ) from None
