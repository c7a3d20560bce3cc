"""HTTP as bytes: whatever comes, a request or a clear refusal."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.runner.system.wire import RequestReader, WireError, response

PUT = b"PUT /runs/a?x=1&y=%20 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"


def test_reads_a_request_byte_by_byte():
    reader = RequestReader(body_limit=10)
    found = [reader.feed(PUT[i : i + 1]) for i in range(len(PUT))]
    assert found[:-1] == [None] * (len(PUT) - 1)
    request = found[-1]
    assert (request.method, request.path, request.query) == ("PUT", "/runs/a", {"x": "1", "y": " "})
    assert request.body == b"hello"
    request.wipe()
    assert request.body == b"\0" * 5


@pytest.mark.parametrize("cut", range(1, len(PUT)))
def test_reads_a_request_in_two_pieces_out_of_a_larger_buffer(cut):
    reader = RequestReader(body_limit=10)
    assert reader.feed(PUT[:cut] + b"\r\n\r\nold", cut) is None
    request = reader.feed(PUT[cut:] + b"old", len(PUT) - cut)
    assert request.body == b"hello"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\0\0\0\0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 505),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /%ff HTTP/1.1\r\n\r\n", 400),
        (b"GET //[x HTTP/1.1\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\n\r\n", 411),
        (b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 11\r\n\r\n", 413),
        (b"PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"GET /" + b"a" * 20_000, 431),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    ],
)
def test_refuses(data, status):
    with pytest.raises(WireError) as caught:
        RequestReader(body_limit=10).feed(data)
    assert caught.value.status == status


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_garbage_is_refused_or_waited_for(pieces):
    reader = RequestReader(body_limit=100)
    try:
        for piece in pieces:
            if reader.feed(piece):
                return
    except WireError:
        pass


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (["a\ud800b", "\ud83d\ude00", "\U0001f600"], ["a\ufffdb", "\ufffd" * 2, "\U0001f600"]),
        ({"a\0b\udfff": "\0"}, {"ab\ufffd": ""}),
        ([math.nan, math.inf, {"x": -math.inf}, 1.5], [None, None, {"x": None}, 1.5]),
        ({math.nan: 1, 2: 3}, {"nan": 1, "2": 3}),
        ("\\u0000", "\\u0000"),
    ],
)
def test_an_answer_is_strict_json(content, expected):
    def refuse(name):
        raise ValueError(name)

    body = response(200, content).partition(b"\r\n\r\n")[2]
    assert json.loads(body, parse_constant=refuse) == expected
    assert b"\\ud800" not in body


def test_an_answer_is_not_nested_without_end():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    body = response(200, deep).partition(b"\r\n\r\n")[2]
    assert body.count(b"[") == 100


def test_an_answer_closes_the_connection():
    data = response(404, {"error": "x"})
    assert data.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"Connection: close" in data
    assert data.endswith(b'\r\n\r\n{"error":"x"}')
