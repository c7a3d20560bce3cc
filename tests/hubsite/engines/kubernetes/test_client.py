"""Calls to an API server that does whatever servers and proxies do."""

from __future__ import annotations

import gzip
import json
import os
import socket
import threading

import pytest

from hubsite.engines.kubernetes import client
from hubsite.engines.kubernetes.client import Api, Refused, Unavailable
from hubsite.engines.outcomes import EngineUnavailable
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port

from .apiserver import ApiServer, Reply, Request, line

PODS = "/api/v1/namespaces/n/pods"


@pytest.fixture
def server():
    with ApiServer() as server:
        yield server


def items(api: Api) -> list[int]:
    return [item for page in api.pages(PODS, labelSelector="a=b") for item in page["items"]]


def test_a_list_is_asked_for_in_pages(server):
    everything = list(range(1201))

    def answer(request: Request, reply: Reply) -> None:
        first, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        rest = first + limit
        token = str(rest) if rest < len(everything) else ""
        reply.json(
            {
                "metadata": {"resourceVersion": "7", "continue": token},
                "items": everything[first:rest],
            }
        )

    server.answer = answer
    assert items(server.api()) == everything
    assert [r.query.get("continue") for r in server.requests] == [None, "500", "1000"]
    assert {r.query["labelSelector"] for r in server.requests} == {"a=b"}


def test_a_list_that_took_too_long_is_told_by_410(server):
    def answer(request: Request, reply: Reply) -> None:
        if "continue" in request.query:
            reply.status(410, "Expired", "too old")
        else:
            reply.json({"metadata": {"continue": "x"}, "items": [1]})

    server.answer = answer
    with pytest.raises(Refused, match="too old") as refused:
        items(server.api())
    assert (refused.value.status, refused.value.reason) == (410, "Expired")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_cannot_now_is_unavailable(server, status):
    server.answer = lambda request, reply: reply.status(status, "X", "come again")
    with pytest.raises(Unavailable, match=f"{status}: come again"):
        server.api().get(PODS)
    assert len(server.requests) == 1, "repeating is the caller's to decide"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 422])
def test_a_server_that_says_no_has_refused_this_one_call(server, status):
    server.answer = lambda request, reply: reply.status(status, "Why", "because")
    with pytest.raises(Refused, match="because") as refused:
        server.api().create(PODS, {"a": 1})
    assert (refused.value.status, refused.value.reason) == (status, "Why")
    assert json.loads(server.requests[0].body) == {"a": 1}


def test_a_redirect_is_not_followed_for_it_would_take_our_token_along(server):
    with ApiServer(lambda request, reply: reply.json({})) as other:
        server.answer = lambda request, reply: reply.raw(b"", 302, Location=other.url + PODS)
        with pytest.raises(Refused) as refused:
            server.api().get(PODS)
        assert refused.value.status == 302
        assert other.requests == []


@pytest.mark.parametrize(
    "body", [b"<h1>Bad gateway</h1>", b"", b"[" * 100_000, b'"text"', b"\xff\xfe", b"[1]"]
)
def test_what_a_proxy_says_instead_is_no_surprise(server, body):
    server.answer = lambda request, reply: reply.raw(body, 502)
    with pytest.raises(Unavailable, match="502"):
        server.api().get(PODS)
    server.answer = lambda request, reply: reply.raw(body, 403)
    with pytest.raises(Refused):
        server.api().get(PODS)
    server.answer = lambda request, reply: reply.raw(body)
    with pytest.raises(Unavailable, match="not JSON|not an object"):
        server.api().get(PODS)


def test_refused_credentials_are_read_anew(server):
    def answer(request: Request, reply: Reply) -> None:
        if request.headers["authorization"] == "Bearer token-2":
            reply.json({"ok": True})
        else:
            reply.status(401, "Unauthorized")

    server.answer = answer
    api = server.api()
    with pytest.raises(EngineUnavailable, match="credentials"):
        api.get(PODS)
    assert api.get(PODS) == {"ok": True}
    assert api.get(PODS) == {"ok": True}
    assert server.configured == 2


def test_a_token_that_expires_in_use_is_replaced_within_the_same_call(server):
    valid = "Bearer token-1"

    def answer(request: Request, reply: Reply) -> None:
        if request.headers["authorization"] == valid:
            reply.json({"ok": True})
        else:
            reply.status(401, "Unauthorized")

    server.answer = answer
    api = server.api()
    assert api.get(PODS) == {"ok": True}
    valid = "Bearer token-2"
    assert api.get(PODS) == {"ok": True}
    valid = "Bearer none"
    before = len(server.requests)
    for _ in range(3):
        with pytest.raises(EngineUnavailable, match="credentials"):
            api.get(PODS)
    assert len(server.requests) - before == 4, "again only where the token was good before"


def test_a_process_forked_off_makes_a_client_of_its_own(server):
    server.answer = lambda request, reply: reply.json({"by": request.headers["authorization"]})
    api = server.api()
    assert api.get(PODS) == {"by": "Bearer token-1"}
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.write(write, api.get(PODS)["by"].encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as stream:
        assert stream.read() == "Bearer token-2"
    os.waitpid(pid, 0)
    assert api.get(PODS) == {"by": "Bearer token-1"}


def test_threads_share_a_client(server):
    server.answer = lambda request, reply: reply.json({})
    api = server.api()
    threads = [threading.Thread(target=api.get, args=[PODS]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (server.configured, len(server.requests)) == (1, 8)


def test_a_server_that_is_not_there_is_unavailable():
    server = ApiServer()
    server.close()
    with pytest.raises(Unavailable, match="cannot be reached"):
        server.api().get(PODS)


def test_a_server_that_takes_a_call_and_says_nothing_is_unavailable(server, monkeypatch):
    monkeypatch.setitem(Api._open.__kwdefaults__, "timeout", (1.0, 0.2))
    done = threading.Event()
    server.answer = lambda request, reply: done.wait(PATIENCE_S)
    try:
        with pytest.raises(Unavailable, match="timed out"):
            server.api().get(PODS)
    finally:
        done.set()


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nCont"])
def test_what_is_no_api_server_is_unavailable(greeting):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        server = ApiServer()
        api = Api(lambda: _host(server._configure(), port))
        with server, pytest.raises(Unavailable):
            api.get(PODS)
        thread.join()


def _host(configuration, port: int):
    configuration.host = f"http://127.0.0.1:{port}"
    return configuration


def test_a_body_that_is_cut_is_unavailable(server):
    def answer(request: Request, reply: Reply) -> None:
        reply.send_response(200)
        reply.send_header("Content-Length", "100")
        reply.end_headers()
        reply.wfile.write(b'{"items": [')
        reply.cut()

    server.answer = answer
    with pytest.raises(Unavailable):
        server.api().get(PODS)


def test_packed_answers_are_unpacked(server):
    packed = gzip.compress(json.dumps({"metadata": {}, "items": [1]}).encode())
    server.answer = lambda request, reply: reply.raw(packed, Content_Encoding="gzip")
    assert items(server.api()) == [1]


def test_a_log_is_text_whatever_is_in_it(server):
    server.answer = lambda request, reply: reply.raw(b"a\xffb\n\0")
    assert server.api().text(PODS + "/p/log", wait_s=3, tailLines=3) == "a\ufffdb\n\0"
    assert server.requests[0].query == {"limitBytes": "1048576", "tailLines": "3"}


def test_the_servers_clock_can_be_asked_for(server):
    server.answer = lambda request, reply: reply.json({})
    assert (server.api().date() or "").endswith("GMT")


# Watches.


def test_an_event_is_had_as_soon_as_it_comes(server):
    seen = threading.Event()

    def answer(request: Request, reply: Reply) -> None:
        reply.stream()
        reply.event("ADDED", {"n": 1})
        assert seen.wait(PATIENCE_S)
        reply.event("ADDED", {"n": 2})
        reply.end()

    server.answer = answer
    numbers = []
    for event in server.api().events(PODS, resourceVersion="7"):
        numbers.append(event["object"]["n"])
        seen.set()
    assert numbers == [1, 2]
    assert server.requests[0].query == {
        "resourceVersion": "7",
        "watch": "true",
        "timeoutSeconds": str(client.WATCH_S),
    }


def test_lines_come_in_whatever_pieces(server):
    text = line("ADDED", {"n": "ä€😀"}) + b"\n" + line("ADDED", {"n": 2})

    def answer(request: Request, reply: Reply) -> None:
        reply.stream()
        for byte in text:
            reply.chunk(bytes([byte]))
        reply.end()

    server.answer = answer
    assert [e["object"]["n"] for e in server.api().events(PODS)] == ["ä€😀", 2]


def test_a_huge_line_is_one_event(server):
    def answer(request: Request, reply: Reply) -> None:
        reply.stream()
        data = line("ADDED", {"n": "x" * (8 << 20)})
        for start in range(0, len(data), 1 << 16):
            reply.chunk(data[start : start + (1 << 16)])
        reply.end()

    server.answer = answer
    assert [len(e["object"]["n"]) for e in server.api().events(PODS)] == [8 << 20]


def test_a_silent_connection_is_given_up(server, monkeypatch):
    monkeypatch.setattr(client, "WATCH_READ_S", 0.2)
    done = threading.Event()

    def answer(request: Request, reply: Reply) -> None:
        reply.stream()
        reply.event("ADDED", {"n": 1})
        done.wait(PATIENCE_S)

    server.answer = answer
    seen = []
    try:
        with pytest.raises(Unavailable, match="timed out"):
            seen.extend(server.api().events(PODS))
            seen.append("the end")
    finally:
        done.set()


def test_half_a_line_is_no_event(server):
    whole, half = line("ADDED", {"n": 1}), line("ADDED", {"n": 2})[:-5]

    def cut(request: Request, reply: Reply) -> None:
        reply.stream()
        reply.chunk(whole + half)
        reply.cut()

    def end(request: Request, reply: Reply) -> None:
        reply.stream()
        reply.chunk(whole + half)
        reply.end()

    def close(request: Request, reply: Reply) -> None:
        reply.send_response(200)
        reply.send_header("Connection", "close")
        reply.end_headers()
        reply.wfile.write(whole + half)

    for answer, is_told in ((cut, True), (end, False), (close, False)):
        server.answer = answer
        seen = []
        try:
            for event in server.api().events(PODS):
                seen.append(event["object"]["n"])
            was_told = False
        except Unavailable:
            was_told = True
        assert (seen, was_told) == ([1], is_told)


@pytest.mark.parametrize("text", [b"no JSON\n", b"[1]\n", b"[" * 100_000 + b"\n"])
def test_a_line_that_is_no_event_ends_the_watch(server, text):
    def answer(request: Request, reply: Reply) -> None:
        reply.stream()
        reply.chunk(text)
        reply.end()

    server.answer = answer
    with pytest.raises(Unavailable, match="not JSON|not an object"):
        list(server.api().events(PODS))


def test_packed_events_are_unpacked(server):
    packed = gzip.compress(b"".join(line("ADDED", {"n": n}) for n in range(1000)))

    def answer(request: Request, reply: Reply) -> None:
        reply.stream(Content_Encoding="gzip")
        for start in range(0, len(packed), 10):
            reply.chunk(packed[start : start + 10])
        reply.end()

    server.answer = answer
    assert [e["object"]["n"] for e in server.api().events(PODS)] == list(range(1000))
