"""A hub without a proxy: slow clients, and those that send too much, hold up nobody."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable

import pytest
import requests

from tests.patience import PATIENCE_S, wait_for

from .raw import Server, head, read_all

pytestmark = pytest.mark.processes

SLOW_ONES = 60
TOKEN = "/api/v2/oauth/token"
LARGE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


@pytest.fixture
def server(few_threads: Server) -> Server:
    return few_threads


def is_answered(server: Server) -> bool:
    """Whether requests that need a thread are answered before a slow one is given up (10 s)."""
    try:
        return all(server.get(path, timeout_s=8)[0] == 200 for path in ("/api/v2/", "/", "/login/"))
    except TimeoutError:
        return False


def hold_up_nobody(server: Server, connect: Callable[[], list[socket.socket]]) -> None:
    """Once at least others are answered first; a slow machine may need some tries."""

    def are_others_answered() -> bool:
        with contextlib.ExitStack() as stack:
            for client in connect():
                stack.enter_context(client)
            return is_answered(server)

    wait_for(are_others_answered, "answer to others")


SLOW = {
    "no byte": b"",
    "half a request line": b"GET /api",
    "half a head": b"GET /api/v2/ HTTP/1.1\r\nHost: localhost\r\nX-",
    "half a body": head("POST", TOKEN, Content_Type="application/json", Content_Length=1000) + b"{",
    "half a form": head(
        "PUT",
        "/api/v2/cubegens/code",
        Content_Type="multipart/form-data; boundary=x",
        Content_Length=10_000_000,
    )
    + b"--x\r\n",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=list(SLOW))
def test_unfinished_requests_hold_up_nobody(server, sent):
    hold_up_nobody(server, lambda: [server.connect(sent) for _ in range(SLOW_ONES)])


def test_a_head_that_comes_byte_by_byte_is_given_up_all_the_same(server):
    with server.connect(b"GET /api/v2/ HTTP/1.1\r\n") as client:
        client.settimeout(0.5)
        answer = b""
        for _ in range(int(PATIENCE_S)):
            with contextlib.suppress(TimeoutError):
                answer += client.recv(65536)
                break
            client.sendall(b"X")  # each byte comes well within any time-out of its own
        assert answer.startswith(b"HTTP/1.1 408 ")
    wait_for(lambda: is_answered(server))


def test_a_body_below_the_least_rate_is_given_up_with_the_reason(server):
    began = time.monotonic()
    with server.connect(SLOW["half a body"]) as client:
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 408
    assert time.monotonic() - began > 5  # a network that falters is not cut off at once


def test_slow_readers_of_answers_hold_up_nobody(server):
    status, _ = server.get(LARGE)
    assert status == 200
    asks = head("GET", LARGE)
    hold_up_nobody(server, lambda: [server.connect(asks, reads=4096) for _ in range(SLOW_ONES)])


def test_a_slow_reader_gets_the_whole_answer(server):
    whole = requests.get(f"http://127.0.0.1:{server.address[1]}{LARGE}", timeout=PATIENCE_S).content
    with server.connect(head("GET", LARGE, Connection="close"), reads=4096) as client:
        assert server.get("/api/v2/")[0] == 200  # meanwhile
        answer = read_all(client)
    assert answer.partition(b"\r\n\r\n")[2] == whole


def test_more_idle_connections_than_a_process_holds_hold_up_nobody(server):
    def connect() -> list[socket.socket]:
        clients = [server.connect() for _ in range(1100)]
        for client in clients[:200]:
            with contextlib.suppress(OSError):
                client.sendall(head("GET", "/health/live"))
        return clients

    hold_up_nobody(server, connect)


def test_requests_sent_behind_each_other_are_each_answered(server):
    with server.connect(head("GET", "/health/live") * 3 + b"GET /health/live HT") as client:
        client.sendall(b"TP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert read_all(client).count(b"HTTP/1.1 200 OK") == 4


def test_a_client_that_sends_no_more_is_answered(server):
    with server.connect(head("GET", "/health/live")) as client:
        client.shutdown(1)
        assert read_all(client).startswith(b"HTTP/1.1 200 OK")


# What is too large


def put(server: Server, path: str, *, size: int, **headers: str) -> requests.Response:
    return requests.put(
        f"http://127.0.0.1:{server.address[1]}{path}",
        data=b" " * size,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize("megabytes", [2, 20, 50])
def test_json_that_is_too_large_is_answered_413(server, megabytes):
    answer = put(server, "/api/v2/cubegens", size=megabytes << 20, Content_Type="application/json")
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The body is larger than 1048576 bytes."


def test_a_zip_that_is_too_large_is_answered_413(server):
    answer = requests.put(
        f"http://127.0.0.1:{server.address[1]}/api/v2/cubegens/code",
        files={"body": ("r.json", b"{}"), "user_code": ("code.zip", b"P" * (15 << 20))},
        timeout=PATIENCE_S,
    )
    assert answer.status_code == 413
    assert "larger" in answer.json()["detail"]


def test_a_large_body_in_chunks_is_answered_411(server):
    connection = http.client.HTTPConnection(*server.address, timeout=PATIENCE_S)
    pieces = (b" " * 65536 for _ in range(320))
    connection.request("PUT", "/api/v2/cubegens", body=pieces, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 411
    assert "Content-Length" in json.loads(answer.read())["detail"]


def test_who_asks_first_sends_no_body_in_vain(server):
    """`Expect: 100-continue`: the refusal comes instead of the 100, else the 100 comes."""
    for size, expected in ((20 << 20, b"HTTP/1.1 413 "), (100, b"HTTP/1.1 100 Continue\r\n\r\n")):
        asks = head(
            "POST",
            TOKEN,
            Content_Type="application/json",
            Content_Length=size,
            Expect="100-continue",
        )
        with server.connect(asks) as client:
            assert client.recv(65536).startswith(expected)
            if size == 100:
                client.sendall(b" " * 100)
                assert client.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_what_is_dropped_is_bounded(server):
    sent = 0
    headers = {"Content_Type": "application/json", "Content_Length": 1 << 40}
    with (
        server.connect(head("PUT", "/api/v2/cubegens", **headers)) as client,
        pytest.raises(OSError, match="reset|Broken pipe"),
    ):
        while sent < 1 << 30:
            sent += client.send(b" " * 65536)
    assert sent < 200 << 20


def test_a_head_that_is_too_large_is_answered_431(server):
    with server.connect(b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 40_000) as client:
        assert client.recv(65536).startswith(b"HTTP/1.1 431 ")


WRONG = {
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n": 414,
    b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n": 431,
    b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(101)) + b"\r\n": 431,
    head("POST", TOKEN, Expect="a banana", Content_Length=2) + b"{}": 417,
    head("POST", TOKEN, Transfer_Encoding="xchunked", Content_Length=2) + b"{}": 501,
    head("POST", TOKEN, Transfer_Encoding="chunked", Content_Length=4) + b"0\r\n\r\n": 400,
    head("POST", TOKEN, Content_Length="+2") + b"{}": 400,
    head("GET", "/", X="a\0b"): 400,
    head("GET", "/", X="a\r\n folded"): 400,
    b"GET /\r\n\r\n": 400,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 400,
}


def test_what_is_no_http_is_answered_in_the_one_shape_of_errors(server):
    answers = {}
    for data in WRONG:
        with server.connect(data) as client:
            answers[data] = read_all(client)
    for data, answer in answers.items():
        line, _, body = answer.partition(b"\r\n\r\n")
        assert line.startswith(b"HTTP/1.1 %d " % WRONG[data]), (data[:40], answer)
        assert json.loads(body)["status"] == WRONG[data]
