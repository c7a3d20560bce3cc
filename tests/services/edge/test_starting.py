"""Services that start or sleep: a page that waits for people, patience for programs."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re

import pytest
from aiohttp import WSMsgType

from tests.patience import PATIENCE_S

from .standins import Later, raw_instance
from .world import HOST, PUBLIC, QUICK, World, comes_to, run, until, world

PAGE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}
SLOW = dataclasses.replace(QUICK, page_wait_s=0.4, hold_s=1.0, state_s=0.5)


def _is_waiting_page(w: World, answer) -> bool:
    status, text, headers = answer
    assert status == 503 and headers["Retry-After"]
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert f'data-state="{w.base}/.xcube-hub/state"' in text
    assert "http-equiv" in text and "is starting" in text
    assert not re.search(r"(?:src|href)=", text)  # it loads nothing
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    return True


@pytest.mark.parametrize("public_url", [PUBLIC, f"http://{HOST}"])
@pytest.mark.parametrize("state", ["ASLEEP", "STARTING", "READY"])
def test_a_page_that_waits_turns_into_the_viewer(tmp_path, public_url, state):
    """READY: the hub has not noticed yet that the process is gone."""

    async def test():
        later = Later(tmp_path)
        async with world(public_url=public_url, limits=SLOW) as w:
            w.hub.state, w.hub.address = state, later.instance.address
            assert _is_waiting_page(w, await w.get("/viewer/", headers=PAGE))
            status, text, _ = await w.get("/.xcube-hub/state")
            assert (status, json.loads(text)["is_ready"]) == (200, False)
            asking = asyncio.create_task(w.get("/.xcube-hub/state"))
            await asyncio.sleep(0.1)
            await later.start()
            status, text, _ = await asking
            while not json.loads(text)["is_ready"]:  # on a busy machine its time was over
                assert status == 200
                status, text, _ = await w.get("/.xcube-hub/state")
            assert status == 200
            await comes_to(w, 200, "/viewer/", headers=PAGE)
            await later.stop()

    run(test())


@pytest.mark.parametrize(
    ("method", "lost", "statuses"),
    [("GET", 3, (200, 4)), ("HEAD", 3, (200, 4)), ("GET", 9, (502, 4)), ("POST", 1, (502, 1))],
)
def test_a_request_that_meets_a_service_falling_asleep_is_sent_once_more(
    tmp_path, method, lost, statuses
):
    """It took the connection, and closes it. Only what is safe is sent again.

    aiohttp's client sends it a second time by itself, so there are two for each of ours.
    """
    asked = 0

    async def closes_at_first(reader, writer):
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        if asked > lost:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def test():
        async with world() as w, raw_instance(tmp_path / "s", closes_at_first) as address:
            w.hub.address = address
            data = b"x" if method == "POST" else None
            assert ((await w.get("/x", method=method, data=data))[0], asked) == statuses

    run(test())


def test_who_waits_is_told_why(tmp_path):
    async def test():
        async with world(limits=SLOW) as w:
            w.hub.address, w.hub.state = "", "REQUESTED"
            w.hub.message = "Waiting for a free place."
            status, text, _ = await w.get("/.xcube-hub/state")
            assert (status, json.loads(text)["message"]) == (200, "Waiting for a free place.")

    run(test())


def test_an_instance_without_an_address_yet_is_waited_for(tmp_path):
    async def test():
        async with world(limits=dataclasses.replace(SLOW, hold_s=PATIENCE_S)) as w:
            address, w.hub.address, w.hub.state = w.hub.address, "", "STARTING"
            assert _is_waiting_page(w, await w.get("/viewer/", headers=PAGE))
            asking = asyncio.create_task(w.get("/datasets"))
            await asyncio.sleep(0.3)
            assert not asking.done()
            w.hub.address, w.hub.state = address, "READY"
            assert (await asking)[0] == 200

    run(test())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_requests_are_held_then_told_to_come_again(tmp_path, method):
    async def test():
        later = Later(tmp_path)
        async with world(limits=SLOW) as w:
            w.hub.state, w.hub.address = "STARTING", later.instance.address
            body = b"kept" if method == "POST" else None
            status, text, headers = await w.get("/upload", method=method, data=body)
            assert status == 503 and headers["Retry-After"] and json.loads(text)["status"] == 503
            asking = asyncio.create_task(w.get("/upload", method=method, data=body))
            await asyncio.sleep(0.2)
            await later.start()
            status = (await asking)[0]
            while status == 503:  # on a busy machine it was held for its time: it comes again
                status = (await w.get("/upload", method=method, data=body))[0]
            assert status == 200
            assert later.instance.bodies == [body or b""]
            await later.stop()

    run(test())


def test_a_websocket_is_held_too(tmp_path):
    async def test():
        later = Later(tmp_path)
        async with world(limits=dataclasses.replace(SLOW, hold_s=PATIENCE_S)) as w:
            w.hub.state, w.hub.address = "STARTING", later.instance.address
            opening = asyncio.create_task(_open(w))
            await asyncio.sleep(0.3)
            await later.start()
            socket = await opening
            await socket.send_str("x")
            assert (await socket.receive()).type is WSMsgType.TEXT
            await socket.close()
            await later.stop()

    async def _open(w):
        return await w.websocket()

    run(test())


def test_a_socket_that_takes_connections_but_does_not_answer_yet_shows_the_page(tmp_path):
    """As the local engine does: it listens for a sleeping service, and starts it meanwhile."""

    async def test():
        async with world(limits=SLOW) as w:
            w.hub.state = "ASLEEP"
            assert _is_waiting_page(w, await w.get("/wait", headers=PAGE))
            w.hub.state = "READY"
            asking = asyncio.create_task(w.get("/wait", headers=PAGE))
            await asyncio.sleep(1)
            assert not asking.done()  # one that is ready may think for long
            w.instance.go_on.set()
            assert (await asking)[0] == 200

    run(test())


def test_only_requests_that_want_the_service_wake_it():
    async def test():
        async with world(limits=dataclasses.replace(SLOW, hold_s=PATIENCE_S)) as w:
            w.hub.state = "ASLEEP"
            status, text, _ = await w.get("/.xcube-hub/state")
            assert (status, json.loads(text)) == (
                200,
                {"state": "ASLEEP", "is_ready": False, "message": ""},
            )
            assert [asked["wake"] for asked in w.hub.asked] == [False]
            assert not w.instance.requests
            assert (await w.get("/x"))[0] == 200
            assert [asked["wake"] for asked in w.hub.asked] == [False, True]

    run(test())


def test_the_state_of_what_fell_asleep_meanwhile_is_asked_and_wakes_nothing():
    """A connection would wake it past the hub, which would neither know nor charge it."""

    async def test():
        async with world(limits=SLOW) as w:
            status, text, _ = await w.get("/.xcube-hub/state")
            assert json.loads(text) == {"state": "READY", "is_ready": True, "message": ""}
            w.hub.state = "ASLEEP"
            w.instance.requests.clear()
            status, text, _ = await w.get("/.xcube-hub/state")
            assert json.loads(text) == {"state": "ASLEEP", "is_ready": False, "message": ""}
            assert not w.instance.requests

    run(test())


def test_what_is_put_to_sleep_is_woken_by_the_hub_though_it_was_just_used():
    """Else the process would wake by the connection, and no row would know of it."""

    async def test():
        async with world() as w:
            assert (await w.get("/"))[0] == 200
            w.hub.state = "ASLEEP"
            reports = len(w.hub.reports)
            await until(lambda: len(w.hub.reports) > reports, "report")
            async with asyncio.timeout(PATIENCE_S):
                while w.hub.state == "ASLEEP":  # until the edge has read the answer
                    assert (await w.get("/"))[0] == 200
            assert w.hub.asked[-1]["wake"] is True

    run(test())


def test_the_state_is_told_to_those_with_a_right_only():
    async def test():
        async with world(limits=SLOW) as w:
            assert (await w.get("/.xcube-hub/state", cookie=""))[0] == 401
            w.hub.denial = "stopped"
            assert (await w.get("/.xcube-hub/state"))[0] == 410

    run(test())


@pytest.mark.parametrize(
    "path", ["/.xcube-hub/other", "/.xcube-hub", "/%2excube-hub/state", "/.XCUBE-HUB/state",
             "//.xcube-hub/status"]
)  # fmt: skip
def test_nothing_else_is_below_the_paths_of_the_edge(path):
    async def test():
        async with world() as w:
            assert (await w.get(path))[0] == 404
            assert not w.instance.requests

    run(test())


def test_the_instance_that_is_gone_is_asked_about_again_at_once(tmp_path):
    """The hub gave it another address meanwhile (a new pod)."""

    async def test():
        later = Later(tmp_path)
        async with world() as w:
            w.hub.address = later.instance.address
            await later.start()
            assert (await w.get("/x"))[0] == 200
            await later.stop()
            w.hub.address = w.instance.address
            assert (await w.get("/x"))[0] == 200
            await until(lambda: len(w.hub.asked) == 2)

    run(test())
