"""Users of a hub that runs: each with an API client and a browser that is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.hub import Hub, Session
from tests.patience import wait_for

from .plain_browser import Browser

_SIGN_IN = """
import django; django.setup()
from django.test import Client
from accounts.models import User
client = Client()
client.force_login(User.objects.get(email={email!r}), backend={backend!r})
print("SESSION", client.session.session_key)
"""
_SWITCH = """
import django; django.setup()
from accounts.models import User
assert User.objects.filter(email={email!r}).update(is_active={on}) == 1
"""


@dataclass
class Person:
    """A user with an API client and a browser that is signed in at the hub."""

    hub: Hub
    email: str
    api: Session
    browser: Browser

    def switch(self, *, on: bool) -> None:
        self.hub.python("-c", _SWITCH.format(email=self.email, on=on))

    def generate(self, request: dict[str, Any]) -> str:
        """The id of a job of this request, when it has written its cube."""
        self.hub.until_estimates(self.api, request)
        job_id = self.api.submit(request)["job_id"]

        def has_ended() -> bool:
            states = self.call("GET", f"/cubegens/{job_id}")
            assert not states["job_status"].get("failed"), states
            return bool(states["job_status"].get("succeeded"))

        wait_for(has_ended, "finished cube", pause_s=0.2)
        return job_id

    @property
    def session(self) -> str:
        """The value of the hub's cookie in the person's browser."""
        return self.browser.cookies[urlsplit(self.hub.url).hostname or ""]["sessionid"]

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        found, answer = self.api.insist(method, path, body)
        assert found == status, answer
        return answer


def person(hub: Hub, email: str) -> Person:
    api = hub.new_user(email)
    code = _SIGN_IN.format(email=email, backend="accounts.sign_on.backend.OidcBackend")
    session = hub.python("-c", code).partition("SESSION ")[2].strip()
    host = urlsplit(hub.url).hostname or ""
    return Person(hub, email, api, Browser({host: {"sessionid": session}}))
