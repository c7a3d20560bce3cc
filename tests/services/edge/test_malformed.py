"""Requests that smuggle, and instances that answer rubbish."""

from __future__ import annotations

import asyncio

import pytest

from .standins import INSTANCE, SESSION, raw_instance
from .world import HOST, run, world

HEAD = f"Host: {INSTANCE}.{HOST}\r\nCookie: xcube-hub={SESSION}\r\n"
LENGTH = "Content-Length: 5\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
HIDDEN = "GET /maintenance/update HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        "POST /x HTTP/1.1\r\n{HEAD}{LENGTH}{CHUNKED}\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}{CHUNKED}{LENGTH}\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /x HTTP/1.1\r\n{HEAD}Content-Length: 5, 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\n{HEAD}Content-Length: +5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\n{HEAD}Content-Length: 0x5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\n{HEAD}Content-Length: -1\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}Content-Length : 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}X: a\r\n b\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}X: a\x00b\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}X\x00: a\r\n\r\n",
        "POST /x HTTP/1.1\r\n{HEAD}: a\r\n\r\n",
        "POST /x HTTP/1.1\n{HEAD}\n\n",
        "POST /x HTTP/1.1\r\n{HEAD}Host: y\r\n\r\n",
        "POST /x HTTP/1.1\r\n\r\n",
        "POST /x HTTP/2.0\r\n{HEAD}\r\n",
        "POST /x HTTP/9\r\n{HEAD}\r\n",
        "GET http://evil.example.org/x HTTP/1.1\r\n{HEAD}\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "x" * 100,
    ],
)
def test_a_request_that_two_could_read_differently_is_refused(head):
    async def test():
        async with world() as w:
            text = head.replace("{HEAD}", HEAD).replace("{LENGTH}", LENGTH)
            text = text.replace("{CHUNKED}", CHUNKED) + HIDDEN
            answer = await w.raw(text.encode("latin-1"))
            assert answer[9:12] in (b"400", b"405"), answer[:200]
            assert answer.count(b"HTTP/1.") == 1  # and the connection was closed
            assert all(b"maintenance" not in path.encode() for path in _paths(w))

    run(test())


def _paths(w):
    return [request.raw_path for request in w.instance.requests]


def test_what_follows_a_chunked_body_is_a_request_of_its_own():
    async def test():
        async with world() as w:
            text = f"POST /upload HTTP/1.1\r\n{HEAD}{CHUNKED}\r\n5\r\nhello\r\n0\r\n\r\n"
            text += f"GET /maintenance/update HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n"
            answer = await w.raw(text.encode())
            assert answer.count(b"HTTP/1.1 ") == 2
            assert b"HTTP/1.1 404 " in answer
            assert w.instance.bodies == [b"hello"] and _paths(w) == ["/upload"]

    run(test())


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "TRACK", "DEBUG", "PROPFIND", "get", "X"])
def test_other_methods_are_refused(method):
    async def test():
        async with world() as w:
            target = f"{INSTANCE}.{HOST}:80" if method == "CONNECT" else "/x"
            answer = await w.raw(
                f"{method} {target} HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode()
            )
            assert answer[9:12] in (b"400", b"405")
            assert not w.instance.requests

    run(test())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nrubbish",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n"
        + (b"X: " + b"y" * 8000 + b"\r\n") * 12
        + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 10_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"\x00" * 1000,
    ],
)
def test_a_malformed_answer_is_502_and_the_edge_goes_on(tmp_path, answer):
    async def test():
        async def rubbish(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        async with world() as w, raw_instance(tmp_path / "s", rubbish) as address:
            good, w.hub.address = w.hub.address, address
            status, text, _ = await w.get("/x")
            assert status == 502 and "malformed" in text
            w.hub.address = good
            w.hub.ended.add("grant-of-owner")
            assert (await w.get("/x", cookie="session-of-a-friend"))[0] == 200

    run(test())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n|zz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n|5\r\nhellox",
    ],
)
def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(tmp_path, answer):
    """A tile that is cut short must not look whole."""

    async def test():
        async def half(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            for part in answer.split(b"|"):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.1)
            writer.close()

        async with world() as w, raw_instance(tmp_path / "s", half) as address:
            w.hub.address = address
            got = await w.raw(f"GET /x HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode())
            assert got.startswith(b"HTTP/1.1 200 ")
            assert not got.endswith(b"0\r\n\r\n")

    run(test())


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        (b"X-A: \xff\xfe", False),
        (b"X-A: a\x01b", False),
        (b"X-A: \xc3\xa4", True),
        (b"X_A: under", False),
        (b"X-A: a\r\n folded", True),
    ],
)
def test_headers_of_an_instance_that_no_one_may_send_are_left_out(tmp_path, header, passes):
    async def test():
        async def odd(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n" + header + b"\r\nContent-Length: 2\r\n\r\nok")
            writer.close()

        async with world() as w, raw_instance(tmp_path / "s", odd) as address:
            w.hub.address = address
            status, text, headers = await w.get("/x")
            if status == 502:
                assert not passes
                return
            assert (status, text) == (200, "ok")
            assert any(name.lower() in ("x-a", "x_a") for name in headers) is passes

    run(test())


def test_an_instance_that_sends_without_end_before_it_answers_is_cut_off(tmp_path):
    async def test():
        async def flood(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            try:
                while True:
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
                    await writer.drain()
            except ConnectionError:
                writer.close()

        async with world() as w, raw_instance(tmp_path / "s", flood) as address:
            w.hub.address = address
            asking = asyncio.create_task(w.get("/x"))
            await asyncio.sleep(0.5)
            assert (await w.session.get(
                f"http://127.0.0.1:{w.edge.port}/.xcube-hub/health"
            )).status == 200  # fmt: skip
            w.hub.ended.add("grant-of-owner")
            assert (await asking)[0] in (403, 502)

    run(test())
