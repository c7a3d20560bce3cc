"""Starting a service: the answer with its address waits for no engine."""

from __future__ import annotations

import time
from statistics import median

import pytest

from .hub import Hub, Session
from .report import Pairs, alternate
from .sizes import size

pytestmark = pytest.mark.benchmark

AT_ONCE = size(20, 3)
ROUNDS = 11
CONFIGURATION = {
    "Datasets": [
        {"Identifier": f"d{number}", "StoreInstanceId": "@cubes", "Path": f"{number}.zarr"}
        for number in range(5)
    ]
}


@pytest.fixture
def user(web: Hub) -> Session:
    return web.new_user("services@example.org")


def start_one(user: Session) -> float:
    """Seconds until the answer to one start; the service is deleted afterwards."""
    began = time.perf_counter()
    status, body = user.insist("POST", "/xcube", {"configuration": CONFIGURATION})
    took = time.perf_counter() - began
    assert status == 201, body
    assert body["server_url"]
    assert user.insist("DELETE", f"/xcube/{body['id']}") == (200, "Success")
    return took


def write_one_row(user: Session) -> float:
    """Seconds until the answer to a call of the same stack that writes one row."""
    began = time.perf_counter()
    status, _ = user.insist("PATCH", "/users/me", {"last_name": "Example"})
    assert status == 200
    return time.perf_counter() - began


def many(call, user: Session) -> float:
    return median(call(user) for _ in range(AT_ONCE))


def test_a_start_takes_a_few_times_as_long_as_writing_one_row(report, user) -> None:
    for warm_up in (start_one, write_one_row):
        many(warm_up, user)
    pairs: Pairs = alternate(
        lambda: many(start_one, user), lambda: many(write_one_row, user), rounds=ROUNDS
    )
    report.ratio("POST /xcube / a call that writes one row", pairs, unit="s", at_most=12)
