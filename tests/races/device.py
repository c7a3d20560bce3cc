"""The device flow's decisions and polls at once, on a real PostgreSQL."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from accounts.models import AccessToken, DeviceRequest
from accounts.tokens import device_flow
from accounts.tokens.device_flow import NotYet
from tests.accounts.factories import make_user

from .exact import TRIALS, _on_postgresql  # noqa: F401 - the fixture holds here too
from .parallel import Threads

pytestmark = pytest.mark.django_db(transaction=True)


def ask() -> tuple[device_flow.Asked, DeviceRequest]:
    DeviceRequest.objects.all().delete()
    AccessToken.objects.all().delete()
    asked = device_flow.ask(client_id="program", name="", scope="", address="127.0.0.1")
    return asked, DeviceRequest.objects.get()


def poll(code: str) -> str:
    try:
        device_flow.poll(code, client_id="program")
    except NotYet as error:
        return error.error
    return "token"


def approve(row: DeviceRequest, user) -> str:
    return (
        f"approved {device_flow.approve(row, user, name='x', scopes=['manage:cubegens'], days=1)}"
    )


def test_of_10_polls_one_gets_the_token(monkeypatch):
    monkeypatch.setattr(device_flow, "_is_polite", lambda row: True)
    monkeypatch.setattr(device_flow, "REQUESTS_PER_ADDRESS", 10**6)
    with Threads(10) as threads:
        for trial in range(TRIALS):
            asked, row = ask()
            approve(row, make_user(permissions=["manage:cubegens"]))
            told = Counter(threads.at_once([partial(poll, asked.device_code)] * 10))
            assert told == {"token": 1, "invalid_grant": 9}, (trial, told)
            assert AccessToken.objects.count() == 1
            assert not DeviceRequest.objects.exists()


def test_approvals_denials_and_polls_at_once_decide_once(monkeypatch):
    monkeypatch.setattr(device_flow, "_is_polite", lambda row: True)
    monkeypatch.setattr(device_flow, "REQUESTS_PER_ADDRESS", 10**6)
    ann, bob = (make_user(permissions=["manage:cubegens"]) for _ in range(2))
    with Threads(6) as threads:
        for trial in range(TRIALS):
            asked, row = ask()
            calls = [partial(approve, row, ann), partial(approve, row, bob)]
            calls += [lambda row=row: f"denied {device_flow.deny(row)}"]
            calls += [partial(poll, asked.device_code)] * 3
            told = Counter(threads.at_once(calls))
            assert told["approved True"] + told["denied True"] == 1, (trial, told)
            last = poll(asked.device_code)
            if told["denied True"]:
                assert (last, told["token"]) == ("access_denied", 0)
            else:
                assert told["token"] + (last == "token") == 1, (trial, told, last)
            assert AccessToken.objects.count() == told["approved True"]
