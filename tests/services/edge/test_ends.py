"""Rights that end, a hub that is away, and an edge that stops."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import WSMsgType

from services.edge.credentials import Credential
from services.edge.limits import LIMITS
from tests.patience import PATIENCE_S

from .standins import INSTANCE, OTHER, SESSION
from .world import QUICK, World, comes_to, run, until, world


async def _open_all(w: World):
    """A WebSocket, a long download that is read, and a request that waits."""
    socket = await w.websocket()
    await socket.send_str("x")
    assert await socket.receive_str() == "x"
    download = await w.ask("/endless")
    assert await download.content.readexactly(100_000)
    waiting = asyncio.create_task(w.get("/wait"))
    await until(lambda: w.edge.usage.counts()["requests"] == 2)
    return socket, download, waiting


async def _all_have_ended(w: World, socket, download, waiting) -> None:
    message = await socket.receive()
    while message.type is WSMsgType.TEXT:
        message = await socket.receive()
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1008)
    with pytest.raises(aiohttp.ClientPayloadError):
        while await download.content.readany():
            pass
    assert (await waiting)[0] == 403
    await until(lambda: not w.edge.usage.counts()["requests"])
    await until(lambda: "grant-of-owner" not in w.edge.usage.open_grants())
    await w.instance.left.wait()


@pytest.mark.parametrize("how", ["revoked", "stopped"])
def test_open_requests_and_websockets_end_with_their_right(how):
    async def test():
        async with world() as w:
            opened = await _open_all(w)
            friend = await w.websocket(cookie="session-of-a-friend")
            if how == "revoked":
                w.hub.ended.add("grant-of-owner")
            else:
                w.hub.stopped.add(INSTANCE)
                w.hub.denial = "stopped"
            await _all_have_ended(w, *opened)
            assert (await w.get("/x"))[0] == (401 if how == "revoked" else 410)
            if how == "revoked":
                await friend.send_str("still here")
                assert await friend.receive_str() == "still here"
            await friend.close()

    run(test())


def test_the_time_from_an_end_to_its_effect_is_one_report():
    """The limit is ten seconds: reports come each two seconds, and each names all rights."""
    assert LIMITS.report_s <= 3

    async def test():
        async with world(limits=dataclasses.replace(QUICK, report_s=1)) as w:
            socket = await w.websocket()
            w.hub.ended.add("grant-of-owner")
            count = len(w.hub.reports)
            message = await socket.receive()
            assert message.type is WSMsgType.CLOSE
            assert len(w.hub.reports) <= count + 2

    run(test())


def test_a_client_that_takes_nothing_is_cut_off_too_when_its_right_ends():
    async def test():
        async with world() as w:
            download = await w.ask("/endless")
            await until(lambda: w.instance.sent > 1_000_000)
            sent = 0
            while w.instance.sent != sent:  # until, by back-pressure, it waits for the client
                sent = w.instance.sent
                await asyncio.sleep(0.3)
            w.hub.ended.add("grant-of-owner")
            await w.instance.left.wait()
            await until(lambda: not w.edge.usage.counts()["requests"])
            download.close()

    run(test())


def test_a_stream_goes_on_while_web_is_killed_and_started_again():
    async def test():
        async with world() as w:
            socket = await w.websocket()
            async with w.ask("/stream") as stream:
                assert await stream.content.readexactly(6) == b"first "
                await w.hub.stop()
                await asyncio.sleep(0.5)
                assert (await w.get("/x"))[0] == 200  # decided before
                await socket.send_str("on")
                assert await socket.receive_str() == "on"
                await w.hub.start()
                count = len(w.hub.reports)
                await until(lambda: len(w.hub.reports) > count + 1)
                w.instance.go_on.set()
                assert await stream.content.read() == b"second"
            assert (await w.get("/x"))[0] == 200
            await socket.close()

    run(test())


def test_a_new_browser_waits_while_web_restarts():
    async def test():
        async with world(limits=dataclasses.replace(QUICK, decide_s=PATIENCE_S)) as w:
            await w.hub.stop()
            asking = asyncio.create_task(w.get("/x"))
            await asyncio.sleep(0.7)
            assert not asking.done()
            await w.hub.start()
            assert (await asking)[0] == 200

    run(test())


def test_a_hub_that_stays_away_ends_all_rights_when_they_are_a_minute_old():
    async def test():
        limits = dataclasses.replace(QUICK, allow_s=4, decide_s=0.4)
        async with world(limits=limits) as w:
            opened = await _open_all(w)
            await until(lambda: w.hub.reports)
            await w.hub.stop()
            await _all_have_ended(w, *opened)
            status, text, headers = await w.get("/x")
            assert status == 503 and headers["Retry-After"] and "hub" in text
            page = {"Accept": "text/html"}
            status, text, headers = await w.get("/x", headers=page)
            assert status == 503 and "The hub does not answer" in text
            await w.hub.start()
            await comes_to(w, 200)

    run(test())


def test_rights_that_the_hub_confirms_outlast_their_minute(monkeypatch):
    ahead_s = 0.0
    clock = time.monotonic
    for module in ("decisions", "reports"):
        there = SimpleNamespace(monotonic=lambda: clock() + ahead_s)
        monkeypatch.setattr(f"services.edge.{module}.time", there)

    async def test():
        nonlocal ahead_s
        async with world() as w, w.websocket() as socket:
            for _ in range(4):
                count = len(w.hub.reports)
                await until(lambda count=count: len(w.hub.reports) > count + 2)
                ahead_s += LIMITS.allow_s / 2
            await socket.send_str("on")
            assert await socket.receive_str() == "on"

    run(test())


def test_reports_say_what_is_used_and_what_is_open():
    async def test():
        async with world() as w:
            uses = []

            def last(instance=INSTANCE):
                found = [use for report in w.hub.reports for use in report["uses"]]
                return [use for use in found if use["instance"] == instance][-1:]

            await w.get("/datasets/x/vars/y/tiles2/0/0/0")
            (use,) = await until(last)
            assert (use["by"], use["open"]) == ("a tile request", 0)
            waiting = asyncio.create_task(w.get("/wait"))
            await until(lambda: last()[0]["open"] == 1)
            first = last()[0]
            await until(lambda: last()[0]["at"] > first["at"] + 0.2)  # still used: it computes
            assert last()[0]["by"] == "a request"
            w.instance.go_on.set()
            await waiting
            await until(lambda: last()[0]["open"] == 0)
            assert any("grant-of-owner" in report["grants"] for report in w.hub.reports)
            uses.append(last())
            socket = await w.websocket()
            await until(lambda: last()[0]["by"] == "a WebSocket")
            count, at = len(w.hub.reports), last()[0]["at"]
            await until(lambda: len(w.hub.reports) > count + 5)
            assert last()[0]["at"] == at and last()[0]["open"] == 0  # an idle tab is no use
            await socket.send_str("x")
            await until(lambda: last()[0]["at"] > at)
            await socket.close()
            assert (await w.get("/x", headers={"Host": w.headers()["Host"]}))[0] == 200
            denied = {"Host": w.headers()["Host"].replace(INSTANCE, OTHER)}
            assert (await w.get("/x", headers=denied))[0] == 403
            await asyncio.sleep(0.3)
            assert not last(OTHER)  # who is refused uses nothing

    run(test())


def test_a_lost_report_is_repeated():
    async def test():
        async with world() as w:
            await w.get("/x")
            await until(lambda: any(report["uses"] for report in w.hub.reports))
            await w.hub.stop()
            w.hub.reports.clear()
            await w.get("/datasets/x/tiles2/0/0/0")
            await asyncio.sleep(0.5)
            await w.hub.start()
            report = await until(
                lambda: next((report for report in w.hub.reports if report["uses"]), None)
            )
            assert report["uses"][0]["by"] == "a tile request"

    run(test())


@pytest.mark.parametrize("length", [4, 400])
def test_many_rights_and_uses_are_reported_in_parts_that_the_hub_takes(length):
    async def test():
        async with world() as w:
            names = [f"session-number-{number}" for number in range(900)]
            for name in names:
                w.hub.rights["session", name] = f"grant-{name}-" + "x" * length
            for start in range(0, 900, 100):
                some = names[start : start + 100]
                asking = (Credential("session", name) for name in some)
                await asyncio.gather(*(w.edge.decisions.decide(INSTANCE, one) for one in asking))
            w.hub.reports.clear()
            await until(lambda: len({g for r in w.hub.reports for g in r["grants"]}) == 900)
            assert all(len(json.dumps(report)) < 60_000 for report in w.hub.reports)

    run(test())


def test_an_edge_that_stops_lets_requests_end_and_tells_websockets():
    async def test():
        async with world(limits=dataclasses.replace(QUICK, drain_s=PATIENCE_S)) as w:
            socket = await w.websocket()
            async with w.ask("/stream") as stream:
                assert await stream.content.readexactly(6) == b"first "
                stopping = asyncio.create_task(w.edge.stop())
                message = await socket.receive()
                assert (message.type, message.data) == (WSMsgType.CLOSE, 1012)
                with pytest.raises(aiohttp.ClientConnectorError):
                    async with aiohttp.ClientSession() as other:
                        await other.get(w.url("/x"), headers=w.headers(cookie=SESSION))
                w.instance.go_on.set()
                assert await stream.content.read() == b"second"
            await stopping

    run(test())
