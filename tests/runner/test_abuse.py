"""Whatever comes over the sockets, the runner goes on serving."""

from __future__ import annotations

import os
import random
import socket

import pytest

from jobs.runner.system import linux

from .runnerprocess import Runner, any_zombie, call, open_socket, standin, wait_for

pytestmark = pytest.mark.xcube


def exchange(path, data: bytes, *, then_close: bool = True) -> bytes:
    """Send, then (unless the answer needs somebody who listens) end sending, and read all."""
    with open_socket(path) as sock:
        try:
            sock.sendall(data)
            if then_close:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = b""
        try:
            while piece := sock.recv(1 << 16):
                answer += piece
        except ConnectionError:
            pass
        return answer


def status_of(answer: bytes) -> int:
    return int(answer.split()[1]) if answer else 0


@pytest.fixture(params=["control", "estimates"])
def path(request, runner: Runner):
    yield getattr(runner, request.param)
    assert call(runner.control, "GET", "/")[0] == 200
    wait_for(lambda: call(runner.estimates, "GET", "/versions")[0] == 200, "versions")
    assert runner.process.poll() is None


def test_garbage(path):
    source = random.Random(7)
    for size in (1, 10, 100, 10_000, 100_000):
        for _ in range(5):
            exchange(path, source.randbytes(size))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 0),
        (b"GET", 0),
        (b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n", 431),
        (b"POST /estimates HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"PUT /runs/a HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"PUT /runs/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"PUT /runs/a HTTP/1.1\r\nContent-Length: 50\r\n\r\nx", 0),
        (b"GET /" + b"../" * 100 + b" HTTP/1.1\r\n\r\n", 404),
    ],
)
def test_malformed_requests(path, data, status):
    assert status_of(exchange(path, data)) == status


def test_a_body_that_is_too_large_still_gets_its_answer(path):
    body = b"x" * (20 << 20)
    head = b"PUT /runs/a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert status_of(exchange(path, head + body)) == 413


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"request": 1}'])
def test_bodies_that_are_no_request(runner: Runner, body):
    head = b"POST /estimates HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = exchange(runner.estimates, head + body)
    assert status_of(answer) == 400 or b'"kind":"request"' in answer
    head = b"PUT /runs/abc HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert status_of(exchange(runner.control, head + body, then_close=False)) == 400


def test_expect_continue(runner: Runner):
    with open_socket(runner.estimates) as sock:
        sock.sendall(
            b"POST /estimates HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(b"{}")
        assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_many_idle_connections_pass(runner: Runner):
    idle = [open_socket(runner.control) for _ in range(100)]
    try:
        assert call(runner.control, "GET", "/")[0] == 200
    finally:
        for sock in idle:
            sock.close()


def test_an_estimator_is_recycled_and_a_killed_one_replaced(runner: Runner):
    def estimators() -> set[int]:
        found = set()
        for pid in linux.children(runner.process.pid):
            stat = linux.read_stat(pid)
            listening = f"/proc/{pid}/fd"
            if stat and stat.session != pid and os.path.isdir(listening):
                found.add(pid)
        return found

    # The intake and both estimators: the process that lists the versions has ended.
    wait_for(lambda: len(estimators()) == 3)
    before = estimators()
    for _ in range(230):
        call(runner.estimates, "POST", "/estimates", {})
    wait_for(lambda: len(estimators()) == len(before) and len(before - estimators()) >= 2)
    for pid in linux.children(runner.process.pid):
        stat = linux.read_stat(pid)
        if stat and stat.session != pid:
            os.kill(pid, 9)
    assert runner.end_of(runner.launch(standin()))["phase"] == "SUCCEEDED"
    wait_for(lambda: call(runner.estimates, "GET", "/versions")[0] == 200, "versions")
    wait_for(lambda: len(estimators()) == len(before))
    wait_for(lambda: not any_zombie(runner.process.pid), "end of what has ended")
