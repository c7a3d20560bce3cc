"""WebSockets pass the edge, but only those that a page of the instance itself opens."""

from __future__ import annotations

import asyncio
import dataclasses

import aiohttp
import pytest
from aiohttp import WSMsgType

from .standins import INSTANCE, OTHER, SESSION
from .world import HOST, PUBLIC, QUICK, run, until, world

OWN = f"http://{INSTANCE}.{HOST}"


@pytest.mark.parametrize("public_url", [PUBLIC, f"http://{HOST}"])
def test_messages_pass_both_ways_with_protocol_and_close_code(public_url):
    async def test():
        async with (
            world(public_url=public_url) as w,
            w.websocket(protocols=("chat", "other"), headers={"Origin": w.origin}) as socket,
        ):
            assert socket.protocol == "chat"
            for text in ("", "ä" * 1000, "x" * 1_000_000):
                await socket.send_str(text)
                assert await socket.receive_str() == text
            await socket.send_bytes(bytes(range(256)))
            assert await socket.receive_bytes() == bytes(range(256))
            await socket.send_str("close")
            message = await socket.receive()
            assert message.type is WSMsgType.CLOSE
            assert (message.data, message.extra) == (4321, "as asked")
            await until(lambda: not w.edge.usage.counts()["websockets"])

    run(test())


def test_a_close_by_the_client_reaches_the_instance():
    async def test():
        async with world() as w:
            for end in (lambda socket: socket.close(code=4000), lambda socket: _vanish(socket)):
                w.instance.left.clear()
                socket = await w.websocket()
                await end(socket)
                await w.instance.left.wait()
                await until(lambda: not w.edge.usage.counts()["websockets"])

    async def _vanish(socket):
        socket._conn.transport.abort()

    run(test())


def test_an_instance_that_dies_closes_its_websockets():
    async def test():
        async with world() as w:
            socket = await w.websocket()
            await socket.send_str("x")
            await socket.receive_str()
            w.instance.requests[-1].transport.abort()
            message = await socket.receive()
            assert message.type is WSMsgType.CLOSE and message.data >= 1001

    run(test())


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.org",
        "http://hub.example.org",
        f"http://{OTHER}.{HOST}",
        f"https://{INSTANCE}.{HOST}",
        f"http://{INSTANCE}.{HOST}:8081",
        f"http://{INSTANCE}.{HOST}.evil.org",
        "null",
        "",
    ],
)
def test_no_page_of_another_origin_opens_one(origin):
    async def test():
        async with world() as w:
            for more in ({}, {"Authorization": "Bearer token-of-the-owner"}):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await w.websocket(headers={"Origin": origin, **more})
                assert refused.value.status == 403
            assert not w.instance.requests and not w.hub.asked

    run(test())


@pytest.mark.parametrize(
    ("cookie", "headers", "status"),
    [
        ("", {}, 401),
        ("session-of-a-stranger", {}, 401),
        (SESSION, {"Authorization": "Bearer wrong-token"}, 401),
        (SESSION, {"Sec-Fetch-Site": "same-site"}, 401),
        (SESSION, {"Sec-Fetch-Site": "same-origin", "Origin": OWN}, None),
        ("", {"Authorization": "Bearer token-of-the-owner"}, None),
    ],
)
def test_a_websocket_needs_a_right_like_any_request(cookie, headers, status):
    async def test():
        async with world() as w:
            if status is None:
                await (await w.websocket(cookie=cookie, headers=headers)).close()
                return
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await w.websocket(cookie=cookie, headers=headers)
            assert refused.value.status == status
            assert not w.instance.requests

    run(test())


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Sec-WebSocket-Version": "12"}, b"400"),
        ({"Sec-WebSocket-Key": "short"}, b"400"),
        ({"Connection": "keep-alive"}, b"400"),
        ({"Sec-WebSocket-Protocol": ", ".join(["x"] * 50)}, b"400"),
        ({"Content-Length": "5"}, b"400"),
    ],
)
def test_half_a_handshake_is_refused(change, status):
    async def test():
        async with world() as w:
            headers = {
                **w.headers(),
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
                **change,
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            answer = await w.raw(f"GET /socket HTTP/1.1\r\n{head}\r\nhello".encode())
            assert answer[9:12] == status
            assert not w.instance.requests

    run(test())


def test_what_is_no_websocket_at_the_instance_is_none_here():
    async def test():
        async with world() as w:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await w.websocket("/x")
            assert refused.value.status in (404, 502)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await w.websocket("/maintenance/socket")
            assert refused.value.status == 404
            await until(lambda: not w.edge.usage.counts()["websockets"])

    run(test())


def test_a_client_that_answers_no_ping_is_gone():
    async def test():
        async with world(limits=dataclasses.replace(QUICK, heartbeat_s=2)) as w:
            socket = await w.websocket(autoping=False)
            await until(lambda: w.edge.usage.counts()["websockets"])
            await until(lambda: not w.edge.usage.counts()["websockets"])
            await socket.close()
            living = await w.websocket()
            reading = asyncio.create_task(living.receive())
            await asyncio.sleep(5)
            await living.send_str("still here")
            assert (await reading).data == "still here"
            await living.close()

    run(test())
