"""Slow and huge clients, and too many of them: a clear answer, and nothing is left behind."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import os
import socket

import pytest

from .standins import INSTANCE, SESSION
from .world import HOST, QUICK, World, run, until, world

HEAD = f"Host: {INSTANCE}.{HOST}\r\nCookie: xcube-hub={SESSION}\r\n"
IMPATIENT = dataclasses.replace(
    QUICK, head_s=0.5, stall_s=0.5, upload_s=2, linger_s=0.3, body_bytes=1_000_000
)


async def _everything_is_closed(w: World) -> None:
    await until(lambda: w.edge.usage.counts()["requests"] == 0, "end of all requests")
    await until(lambda: w.edge.usage.counts()["websockets"] == 0, "end of all WebSockets")
    await until(lambda: len(w.edge.listener) == 0, "end of all connections")


def _is_over(reader: asyncio.StreamReader) -> bool:
    """Whether the edge closed the connection, also by a reset: bytes were still under way."""
    return reader.at_eof() or reader.exception() is not None


def _status(answer: bytes) -> int:
    return int(answer[9:12] or 0)


def test_a_head_that_does_not_come_to_its_end_is_cut_off():
    async def test():
        async with world(limits=IMPATIENT) as w:
            for begin in (b"", b"GET /x HT", b"GET /x HTTP/1.1\r\nHost: x\r\nX: "):
                assert await w.raw(begin) == b""
            # One byte now and then does not prolong it.
            reader, writer = await asyncio.open_connection("127.0.0.1", w.edge.port)
            writer.write(b"GET /x HTTP/1.1\r\n")
            for _ in range(200):
                if _is_over(reader):
                    break
                writer.write(b"X")
                await asyncio.sleep(0.05)
            assert _is_over(reader)
            writer.close()
            await _everything_is_closed(w)

    run(test())


def test_an_idle_connection_is_closed():
    async def test():
        async with world(limits=IMPATIENT) as w:
            answer = await w.raw(f"GET /x HTTP/1.1\r\n{HEAD}\r\n".encode())
            assert _status(answer) == 200
            await _everything_is_closed(w)

    run(test())


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /" + "x" * 9000 + " HTTP/1.1\r\n" + HEAD, 400),
        ("GET /x HTTP/1.1\r\n" + HEAD + "X: " + "x" * 9000 + "\r\n", 400),
        ("GET /x HTTP/1.1\r\n" + HEAD + "X: y\r\n" * 200, 400),
        ("GET /x HTTP/1.1\r\n" + HEAD + ("X: " + "x" * 8000 + "\r\n") * 20, 431),
        ("GET /x HTTP/1.1\r\n" + HEAD + "X" * 9000 + ": y\r\n", 400),
    ],
)
@pytest.mark.parametrize("piece", [1000, 100_000_000])
def test_a_huge_head_is_refused(head, status, piece):
    async def test():
        async with world(limits=IMPATIENT) as w:
            reader, writer = await asyncio.open_connection("127.0.0.1", w.edge.port)
            data = (head + "\r\n").encode()
            for start in range(0, len(data), piece):
                if reader.at_eof():
                    break
                writer.write(data[start : start + piece])
                await asyncio.sleep(0)
            answer = await reader.read(65536)
            assert _status(answer) in (status, 431), answer[:200]
            assert b"xxxx" not in answer
            assert not w.instance.requests
            writer.close()
            await _everything_is_closed(w)

    run(test())


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes():
    async def test():
        async with world(limits=IMPATIENT) as w:
            head = f"POST /upload HTTP/1.1\r\n{HEAD}Content-Length: 1000001\r\n"
            for expect in ("", "Expect: 100-continue\r\n"):
                answer = await w.raw(f"{head}{expect}\r\n".encode())
                assert _status(answer) == 413 and b"100 Continue" not in answer
                assert b"1000000 bytes" in answer
            assert not w.instance.requests
            await _everything_is_closed(w)

    run(test())


def test_a_body_without_a_length_is_cut_off_where_it_gets_too_large():
    async def test():
        async with world(limits=IMPATIENT) as w:

            async def pieces():
                for _ in range(200):
                    yield b"y" * 10_000

            status, text, _ = await w.get("/upload", method="POST", data=pieces())
            assert status == 413 and json.loads(text)["status"] == 413
            assert not w.instance.bodies
            status, text, _ = await w.get("/upload", method="POST", data=b"z" * 1_000_000)
            assert (status, json.loads(text)["size"]) == (200, 1_000_000)

    run(test())


def test_a_body_comes_when_we_say_continue_and_not_before():
    async def test():
        async with world() as w:
            reader, writer = await asyncio.open_connection("127.0.0.1", w.edge.port)
            head = f"POST /upload HTTP/1.1\r\n{HEAD}Content-Length: 4\r\n"
            writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"body")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            assert json.loads(await reader.readexactly(11)) == {"size": 4}
            writer.close()
            answer = await w.raw(f"{head}Expect: a-miracle\r\n\r\n".encode())
            assert _status(answer) == 417

    run(test())


@pytest.mark.parametrize("length", ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"])
def test_a_body_that_stalls_is_given_up(length):
    async def test():
        async with world(limits=IMPATIENT) as w:
            begin = b"5\r\nhello\r\n" if "chunked" in length else b"hello"
            answer = await w.raw(f"POST /upload HTTP/1.1\r\n{HEAD}{length}\r\n".encode() + begin)
            assert _status(answer) == 408
            assert not w.instance.bodies
            await _everything_is_closed(w)

    run(test())


def test_a_body_that_trickles_is_given_up_after_its_time():
    async def test():
        async with world(limits=IMPATIENT) as w:
            reader, writer = await asyncio.open_connection("127.0.0.1", w.edge.port)
            writer.write(f"POST /upload HTTP/1.1\r\n{HEAD}Content-Length: 100000\r\n\r\n".encode())
            reading = asyncio.create_task(reader.read(10_000))
            while not reading.done():
                writer.write(b"x")
                await asyncio.sleep(0.1)
            assert _status(await reading) == 408
            writer.close()
            await _everything_is_closed(w)

    run(test())


def _slow_reader(port: int, path: str) -> socket.socket:
    """A client with small buffers that asks, and takes nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\n{HEAD}\r\n".encode())
    return client


@pytest.mark.parametrize("path", ["/endless", "/large"])
def test_a_client_that_takes_nothing_is_cut_off_and_the_instance_freed(path):
    async def test():
        async with world(limits=IMPATIENT) as w:
            clients = [_slow_reader(w.edge.port, path) for _ in range(20)]
            await until(lambda: len(w.instance.requests) == 20)
            await _everything_is_closed(w)
            assert w.instance.sent < 20 * 10_000_000
            for client in clients:
                client.close()

    run(test())


def test_a_websocket_whose_client_takes_nothing_is_closed():
    async def test():
        async with world(limits=dataclasses.replace(IMPATIENT, heartbeat_s=0.5)) as w:
            socket_ = await w.websocket(autoping=False)
            for _ in range(40):
                try:
                    await asyncio.wait_for(socket_.send_bytes(b"x" * 1_000_000), 0.2)
                except (TimeoutError, ConnectionError):
                    break
            await _everything_is_closed(w)
            await socket_.close()

    run(test())


def test_a_message_that_is_too_large_ends_its_websocket_only():
    async def test():
        async with world(limits=dataclasses.replace(QUICK, message_bytes=1000)) as w:
            other = await w.websocket()
            socket_ = await w.websocket()
            await socket_.send_str("x" * 1001)
            message = await socket_.receive()
            assert message.data == 1009
            await other.send_str("fine")
            assert await other.receive_str() == "fine"
            await other.close()

    run(test())


def test_one_browser_may_not_take_all_places_of_an_instance():
    async def test():
        limits = dataclasses.replace(QUICK, per_grant=5, per_instance=8)
        async with world(limits=limits) as w:
            waiting = [asyncio.create_task(w.get("/wait")) for _ in range(5)]
            await until(lambda: w.edge.usage.counts()["requests"] == 5)
            status, _, headers = await w.get("/x")
            assert status == 429 and headers["Retry-After"]
            friend = "session-of-a-friend"
            assert (await w.get("/x", cookie=friend))[0] == 200
            waiting += [asyncio.create_task(w.get("/wait", cookie=friend)) for _ in range(3)]
            await until(lambda: w.edge.usage.counts()["requests"] == 8)
            status, _, headers = await w.get("/x", cookie=friend)
            assert status == 503 and headers["Retry-After"]
            w.instance.go_on.set()
            assert {status for status, _, _ in await asyncio.gather(*waiting)} == {200}
            assert (await w.get("/x"))[0] == 200

    run(test())


def test_too_many_connections_drop_the_idle_ones_first():
    async def test():
        async with world(limits=dataclasses.replace(QUICK, connections=10)) as w:
            async with w.ask("/stream") as stream:
                assert await stream.content.readexactly(6) == b"first "
                idle = [await asyncio.open_connection("127.0.0.1", w.edge.port) for _ in range(50)]
                await until(lambda: len(w.edge.listener) <= 10)
                answer = await w.raw(f"GET /x HTTP/1.0\r\n{HEAD}\r\n".encode())
                assert _status(answer) == 200
                for reader, _ in idle[:30]:
                    assert await reader.read() == b""
                w.instance.go_on.set()
                assert await stream.content.read() == b"second"
            for _, writer in idle:
                writer.close()

    run(test())


def test_when_all_connections_are_busy_a_further_one_is_told_so():
    async def test():
        async with world(limits=dataclasses.replace(QUICK, connections=5)) as w:
            waiting = [asyncio.create_task(w.get("/wait")) for _ in range(5)]
            await until(lambda: w.edge.usage.counts()["requests"] == 5)
            answer = await w.raw(f"GET /x HTTP/1.1\r\n{HEAD}\r\n".encode())
            assert _status(answer) == 503 and b"Retry-After" in answer
            w.instance.go_on.set()
            await asyncio.gather(*waiting)

    run(test())


def test_a_client_that_leaves_takes_its_request_with_it():
    async def test():
        async with world() as w:
            client = _slow_reader(w.edge.port, "/stream")
            await until(lambda: w.instance.requests)
            client.close()
            await w.instance.left.wait()
            await _everything_is_closed(w)
            body = b"POST /upload HTTP/1.1\r\n" + HEAD.encode() + b"Content-Length: 100\r\n\r\nx"
            client = socket.create_connection(("127.0.0.1", w.edge.port))
            client.sendall(body)
            await until(lambda: len(w.instance.requests) == 2)
            client.close()
            await _everything_is_closed(w)
            assert not w.instance.bodies  # half a body is no body

    run(test())


def _counted() -> tuple[int, int, int]:
    gc.collect()
    return (
        len(os.listdir("/proc/self/fd")),
        len(asyncio.all_tasks()),
        len(gc.get_objects()),
    )


async def _every_kind_of_fate(w: World) -> None:
    """Requests that end in each of the ways that there are, many at once."""

    async def vanish(path: str) -> None:
        client = _slow_reader(w.edge.port, path)
        await asyncio.sleep(0.05)
        client.close()

    async def talk() -> None:
        async with w.websocket() as socket_:
            await socket_.send_str("x")
            await socket_.receive_str()

    async def break_off() -> None:
        async with w.ask("/broken-off") as answer:
            with pytest.raises(Exception, match="not completed"):
                await answer.read()

    await asyncio.gather(
        *(w.get("/x") for _ in range(20)),
        *(w.get("/x", cookie="session-of-a-stranger") for _ in range(20)),
        *(w.get("/upload", method="POST", data=b"x" * 100_000) for _ in range(10)),
        *(w.get("/upload", method="POST", data=b"x" * 1_100_000) for _ in range(5)),
        *(vanish(path) for path in ["/endless", "/stream", "/large"] * 5),
        *(talk() for _ in range(10)),
        *(break_off() for _ in range(10)),
        *(w.raw(b"rubbish\r\n\r\n") for _ in range(10)),
        *(w.raw(b"GET /x HTTP/1.1\r\nHost: y\r\n") for _ in range(10)),
        return_exceptions=True,
    )
    await _everything_is_closed(w)


def test_nothing_is_left_of_slow_huge_and_broken_clients():
    async def test():
        async with world(limits=IMPATIENT) as w:
            counts = []
            for _ in range(6):
                await _every_kind_of_fate(w)
                await w.session.get(w.url("/x"), headers=w.headers())  # one is kept alive
                await w.edge.upstreams.close()
                await until(lambda: len(w.edge.listener) == 0)
                w.instance.requests.clear()
                w.instance.bodies.clear()
                w.hub.asked.clear()
                w.hub.reports.clear()
                counts.append(_counted())
            files, tasks, objects = zip(*counts[1:], strict=True)
            assert max(files) - min(files) <= 4, counts
            assert max(tasks) - min(tasks) <= 4, counts
            assert objects[-1] < 1.02 * objects[0], counts

    run(test())
